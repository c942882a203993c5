"""Archives are opened in memory within limits; what cannot be opened stays whole and is said to be."""

from __future__ import annotations

import io
import locale
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake.steps import allowance, archive_library
from intake.steps.archive import open_archive
from intake.steps.archive_library import library_is_there
from intake.steps.media_types import media_type_of
from intake.steps.unpack import unpack
from intake.steps.unpacked import Unpacked
from tests.makers_mail import PDF, a_mail, a_rar, a_tar, a_text, a_zip, a_zip_with_raw_name, an_attachment, encrypted

ASSETS = Path(__file__).parents[1] / "assets" / "mail"

needs_libarchive = pytest.mark.skipif(not library_is_there(), reason="libarchive is not installed on this machine")


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(a_zip({"thư mục/phiếu.pdf": PDF}), id="zip"),
        pytest.param(a_tar({"thư mục/phiếu.pdf": PDF}), id="tar"),
        pytest.param(a_tar({"thư mục/phiếu.pdf": PDF}, "w:gz"), id="tar.gz"),
        pytest.param(a_tar({"thư mục/phiếu.pdf": PDF}, "w:bz2"), id="tar.bz2"),
        pytest.param(a_tar({"thư mục/phiếu.pdf": PDF}, "w:xz"), id="tar.xz"),
        pytest.param(a_tar({"x" * 150 + "/phiếu.pdf": PDF}), id="tar with a long name"),
    ],
)
def test_an_archive_is_opened_to_its_files(archive: bytes) -> None:
    """The archive is no leaf any more, and a folder in it is no part of a name."""
    unpacked = unpack(a_mail(a_text(), an_attachment(archive, "phieu.zip", kind="application/zip")), "x.eml")

    assert [(leaf.trail, leaf.data) for leaf in unpacked.parts] == [(("phieu.zip", "phiếu.pdf"), PDF)]


@needs_libarchive
def test_a_rar_is_opened_to_its_files() -> None:
    """RAR is what many offices still use."""
    unpacked = unpack(a_rar({"phieu.pdf": PDF, "phu luc.pdf": PDF}), "phieu.rar")

    assert [leaf.trail for leaf in unpacked.parts] == [("phieu.pdf",), ("phu luc.pdf",)]


@pytest.fixture
def utf_8_locale() -> Iterator[None]:
    """libarchive turns names into the letters of the process's locale; Python itself chooses UTF-8 unless LC_ALL=C."""
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    yield
    locale.setlocale(locale.LC_CTYPE, before)


@needs_libarchive
@pytest.mark.usefixtures("utf_8_locale")
def test_a_7z_with_vietnamese_names_is_opened() -> None:
    """Its names are UTF-16."""
    unpacked = unpack((ASSETS / "vietnamese-names.7z").read_bytes(), "phieu.7z")

    assert [(leaf.name, leaf.data) for leaf in unpacked.parts] == [
        ("phiếu.pdf", PDF),
        ("phụ lục.txt", "ký số\n".encode()),
    ]


@needs_libarchive
def test_a_rar_with_a_locked_member_stays_closed() -> None:
    """The library would hand out the cipher text as if it were the file."""
    locked = (ASSETS / "locked-member.rar").read_bytes()
    unpacked = unpack(locked, "phieu.rar")

    assert [leaf.data for leaf in unpacked.parts] == [locked]
    assert codes(unpacked) == {"ARCHIVE_ENCRYPTED"}


def test_without_libarchive_a_rar_stays_whole_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing system library is a finding with a remedy, not a crash."""
    monkeypatch.setattr(archive_library, "_library", lambda: None)
    archive = a_rar({"phieu.pdf": PDF})
    unpacked = unpack(archive, "phieu.rar")

    assert [leaf.data for leaf in unpacked.parts] == [archive]
    assert codes(unpacked) == {"ARCHIVE_NOT_OPENED"}


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        pytest.param(encrypted(a_zip({"phieu.pdf": PDF})), "ARCHIVE_ENCRYPTED", id="zip with a password"),
        pytest.param(a_rar({"phieu.pdf": PDF}, main_flags=0x80), "ARCHIVE_ENCRYPTED", id="rar with hidden names"),
        pytest.param(a_rar({"phieu.pdf": PDF}, main_flags=0x01), "ARCHIVE_MULTI_VOLUME", id="a volume of a split rar"),
        pytest.param(
            b"PK\x07\x08" + a_zip({"phieu.pdf": PDF}), "ARCHIVE_MULTI_VOLUME", id="the first volume of a split zip"
        ),
    ],
)
def test_what_may_not_be_opened_stays_one_leaf(archive: bytes, code: str) -> None:
    """The agency gets an answer it can act on, and no byte is missing."""
    unpacked = unpack(a_mail(a_text(), an_attachment(archive, "phieu.zip", kind="application/zip")), "x.eml")

    assert [leaf.data for leaf in unpacked.parts] == [archive]
    assert code in codes(unpacked)


def test_a_damaged_archive_stays_a_leaf_beside_what_came_out() -> None:
    """Whoever decides must see that something is missing."""
    archive = bytearray(a_zip({"mot.pdf": PDF, "hai.pdf": PDF}, compression=zipfile.ZIP_STORED))
    archive[archive.rfind(b"%PDF") + 5] ^= 0xFF
    unpacked = unpack(bytes(archive), "phieu.zip")

    assert "mot.pdf" in [leaf.name for leaf in unpacked.parts]
    assert bytes(archive) in [leaf.data for leaf in unpacked.parts]
    assert "ARCHIVE_DAMAGED" in codes(unpacked)


@needs_libarchive
def test_a_zip_without_its_directory_is_salvaged() -> None:
    """A download that broke off has lost only the end."""
    archive = a_zip({"mot.pdf": PDF, "hai.pdf": PDF})
    cut = archive[: archive.find(b"PK\x01\x02")]
    unpacked = unpack(a_mail(a_text(), an_attachment(cut, "phieu.zip", kind="application/zip")), "x.eml")

    assert [leaf.name for leaf in unpacked.parts] == ["mot.pdf", "hai.pdf", "phieu.zip"]
    assert "ARCHIVE_DAMAGED" in codes(unpacked)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("Phiếu đánh giá.pdf".encode(), id="UTF-8 without the flag"),
        pytest.param(b"Phi\xea\xecu \xf0\xe1nh gi\xe1.pdf", id="windows-1258"),
    ],
)
def test_names_without_the_utf_8_flag_are_guessed(raw: bytes) -> None:
    """The standard says code page 437, programs write the code page of their Windows."""
    assert [leaf.name for leaf in unpack(a_zip_with_raw_name(raw), "x.zip").parts] == ["Phiếu đánh giá.pdf"]


def test_a_name_that_leads_elsewhere_is_cut_and_reported() -> None:
    """No member's name is ever a path."""
    unpacked = unpack(a_zip({"../../etc/cron.d/x": b"data"}), "x.zip")

    assert [leaf.name for leaf in unpacked.parts] == ["x"]
    assert "NAME_PATH_REMOVED" in codes(unpacked)


def test_a_plain_folder_in_an_archive_is_nothing_to_report() -> None:
    """Archives have folders."""
    assert unpack(a_zip({"thu muc/phieu.pdf": PDF}), "x.zip").problems == ()


def test_office_files_are_not_opened() -> None:
    """They are documents, though they are ZIP files too."""
    document = a_zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"})
    unpacked = unpack(a_mail(a_text(), an_attachment(document, "phieu.docx", kind="application/zip")), "x.eml")

    assert [leaf.data for leaf in unpacked.parts] == [document]
    assert unpacked.parts[0].media_type.endswith("wordprocessingml.document")


def test_a_single_compressed_file_stays_as_it_is() -> None:
    """Gzip of one file is no archive by the contract."""
    import gzip

    packed = gzip.compress(b"<feedback/>", mtime=0)
    unpacked = unpack(packed, "report.xml.gz")

    assert [leaf.data for leaf in unpacked.parts] == [packed]
    assert codes(unpacked) == {"COMPRESSED_FILE_NOT_OPENED"}


def test_archives_in_archives_are_opened() -> None:
    """With their whole trail."""
    inner = a_zip({"phieu.pdf": PDF})

    assert [leaf.trail for leaf in unpack(a_zip({"trong.zip": inner}), "ngoai.zip").parts] == [
        ("trong.zip", "phieu.pdf")
    ]


def test_a_bomb_is_refused_by_what_really_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four megabytes of zeros in four kilobytes: the ratio counts, and the archive stays closed."""
    monkeypatch.setattr(allowance, "FREE_BYTES", 1_000_000)
    bomb = a_zip({"zeros.bin": bytes(4_000_000)})
    unpacked = unpack(bomb, "bomb.zip")

    assert [leaf.data for leaf in unpacked.parts] == [bomb]
    assert codes(unpacked) == {"LIMIT_BYTES"}


def test_the_limit_on_bytes_holds_for_all_archives_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small bombs are one."""
    monkeypatch.setattr(allowance, "MAX_PRODUCED_BYTES", 250_000)
    parts = [an_attachment(a_zip({"a.bin": bytes(range(256)) * 400}), f"{one}.zip") for one in range(5)]
    unpacked = unpack(a_mail(a_text(), *parts), "x.eml")

    assert [leaf.name for leaf in unpacked.parts] == ["a.bin", "a.bin", "2.zip", "3.zip", "4.zip"]
    assert "LIMIT_BYTES" in codes(unpacked)


def test_a_size_that_lies_is_not_believed() -> None:
    """The directory says four bytes, a thousand come out: the library stops, the archive is damaged."""
    archive = bytearray(a_zip({"a.txt": b"x" * 1000}))
    at = archive.find(b"PK\x01\x02")
    struct.pack_into("<I", archive, at + 24, 4)
    unpacked = unpack(bytes(archive), "x.zip")

    assert "ARCHIVE_DAMAGED" in codes(unpacked)
    assert all(leaf.size <= 1000 for leaf in unpacked.parts)


def test_too_many_members_are_refused_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million empty entries cost nothing to write."""
    from intake.steps import archive

    monkeypatch.setattr(archive, "MAX_MEMBERS", 20)
    unpacked = unpack(a_zip({f"{one}.txt": b"" for one in range(30)}), "x.zip")

    assert codes(unpacked) == {"LIMIT_PARTS"}
    assert [leaf.name for leaf in unpacked.parts] == ["x.zip"]


def test_links_in_archives_are_passed_over_and_reported() -> None:
    """A link has no bytes of its own, and leads who knows where."""
    import tarfile

    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as made:
        link = tarfile.TarInfo("phieu.pdf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        made.addfile(link)
    unpacked = unpack(held.getvalue(), "x.tar")

    assert codes(unpacked) == {"ARCHIVE_LINK_IGNORED"}
    assert b"/etc/passwd" not in b"".join(leaf.data for leaf in unpacked.parts if leaf.name == "phieu.pdf")


@pytest.mark.parametrize("cut", range(0, 1400, 97))
def test_a_tar_cut_anywhere_gives_no_wrong_bytes(cut: int) -> None:
    """What comes out is a beginning of what went in."""
    tar = a_tar({"a.pdf": PDF, "b.txt": b"hai"})[:cut]
    opened = open_archive(tar, "application/x-tar", "x.tar", allowance.Allowance())

    assert all(PDF.startswith(one.data) or b"hai".startswith(one.data) for one in opened.members)


def test_a_stored_pdf_does_not_make_a_pdf_of_its_archive() -> None:
    """Readers look for %PDF in the first kilobyte; an archive keeps it there."""
    assert media_type_of(a_rar({"a.pdf": PDF})) == "application/vnd.rar"
    assert media_type_of(a_zip({"a.pdf": PDF}, compression=zipfile.ZIP_STORED)) == "application/zip"
    assert media_type_of(a_tar({"a.pdf": PDF})) == "application/x-tar"


def test_what_a_zips_directory_does_not_list_is_not_passed_over() -> None:
    """Two archives one after the other: some programs show the first, some the second; a person looks at both."""
    first, second = a_zip({"mot.pdf": PDF}), a_zip({"hai.pdf": PDF + b"%"})
    for archive in (first + second, first[: first.rfind(b"PK\x01\x02")] + second):
        unpacked = unpack(archive, "phieu.zip")

        assert [leaf.name for leaf in unpacked.parts] == ["hai.pdf", "phieu.zip"]
        assert "ARCHIVE_DAMAGED" in {one.code for one in unpacked.problems}


def test_an_archive_stored_in_another_is_no_unlisted_entry() -> None:
    """Its heads stand inside an entry that is listed."""
    inner = a_zip({"mot.pdf": PDF}, compression=zipfile.ZIP_STORED)
    unpacked = unpack(a_zip({"trong.zip": inner, "hai.pdf": PDF}, compression=zipfile.ZIP_STORED), "phieu.zip")

    assert ([leaf.name for leaf in unpacked.parts], unpacked.problems) == (["mot.pdf", "hai.pdf"], ())
