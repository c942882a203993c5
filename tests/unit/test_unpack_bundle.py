"""Folders of files: the manifest's word, the files as they lay there, and what does not fit together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

from intake.sources.bundles import BundleFile, write_bundle
from intake.steps.unpack import unpack, unpack_bundle, unpack_folder
from intake.steps.unpacked import BundleFacts, Unpacked
from tests.makers_mail import PDF

MTIME = datetime(2019, 9, 12, 8, 4, 5, 250_000, tzinfo=UTC)
SIGNATURE = bytes.fromhex("308006092a864886f70d010702a0803080020101")


def a_manifest(**changes: object) -> bytes:
    manifest = {
        "schema": "intake-manifest/1",
        "source_system": "QLVB tỉnh",
        "source_id": "vb-2019-1",
        "sender": {"organ_id": "000.00.12.H11", "name": "Sở Nội vụ"},
        "code": "123/SNV-VP",
        "promulgation_date": "2019-09-10",
        "subject": "Phiếu đánh giá ứng dụng CNTT",
        "sent_at": "2019-09-12T15:04:05+07:00",
        "received_at": "2019-09-12T15:04:40+07:00",
        "operation": "replace",
        "replaces": ["122/SNV-VP"],
        "files": [{"name": "phieu.signed.pdf", "role": "form", "sha256": hashlib.sha256(PDF).hexdigest()}],
    }
    return json.dumps(manifest | changes).encode()


def a_bundle(files: dict[str, bytes], shape: str = "manifest") -> bytes:
    held = io.BytesIO()

    def one(name: str, data: bytes) -> BundleFile:
        return BundleFile(name, len(data), hashlib.sha256(data).hexdigest(), MTIME, lambda: iter([data]))

    listed = [one(name, data) for name, data in files.items()]
    write_bundle(held, "manifest" if shape == "manifest" else "bare", "ho-so/1", listed, with_content=True)
    return held.getvalue()


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


def facts(unpacked: Unpacked) -> BundleFacts:
    assert unpacked.bundle is not None
    return unpacked.bundle


def test_a_stored_bundle_reads_back_file_by_file() -> None:
    """What the folder source wrote into the vault is what is examined."""
    unpacked = unpack(a_bundle({"phieu.pdf": PDF, "phieu.pdf.p7s": SIGNATURE}, "bare"), "ho-so")

    assert (unpacked.kind, facts(unpacked).shape, unpacked.problems) == ("bundle", "bare", ())
    assert [(leaf.trail, leaf.data) for leaf in unpacked.parts] == [
        (("phieu.pdf",), PDF),
        (("phieu.pdf.p7s",), SIGNATURE),
    ]
    assert {one.modified_at for one in facts(unpacked).files} == {MTIME}


def test_the_manifest_is_read_into_facts_and_is_no_part() -> None:
    """Every field of `intake-manifest/1`."""
    unpacked = unpack(a_bundle({"manifest.json": a_manifest(), "phieu.signed.pdf": PDF}), "ho-so")
    found = facts(unpacked)

    assert [leaf.name for leaf in unpacked.parts] == ["phieu.signed.pdf"]
    assert (found.source_id, found.sender_organ_id, found.sender_name) == ("vb-2019-1", "000.00.12.H11", "Sở Nội vụ")
    assert (found.code, found.promulgation_date, found.operation) == ("123/SNV-VP", date(2019, 9, 10), "replace")
    assert (found.replaces, found.received_at) == (("122/SNV-VP",), datetime(2019, 9, 12, 8, 4, 40, tzinfo=UTC))
    assert (found.files[0].role, unpacked.problems) == ("form", ())


def test_a_file_that_differs_from_the_manifest_is_reported() -> None:
    """And one that is named and not there."""
    manifest = a_manifest(files=[{"name": "phieu.pdf", "sha256": "0" * 64}, {"name": "mat.pdf"}])
    unpacked = unpack(a_bundle({"manifest.json": manifest, "phieu.pdf": PDF}), "ho-so")

    assert [one.detail for one in unpacked.problems if one.code == "MANIFEST_MISMATCH"] == [
        "phieu.pdf: another digest than promised",
        "mat.pdf: named and not there",
    ]


def test_a_manifest_that_cannot_be_read_stays_a_leaf() -> None:
    """Nothing of it is believed, nothing of it is lost."""
    unpacked = unpack(a_bundle({"manifest.json": b"{", "phieu.pdf": PDF}), "ho-so")

    assert codes(unpacked) == {"MANIFEST_INVALID"}
    assert [leaf.name for leaf in unpacked.parts] == ["manifest.json", "phieu.pdf"]


def test_a_bundle_that_was_changed_in_the_vault_is_reported() -> None:
    """The index holds each file's digest."""
    held = io.BytesIO(a_bundle({"phieu.pdf": PDF}, "bare").replace(b"%%EOF", b"%%EOX"))
    fixed = io.BytesIO()
    with zipfile.ZipFile(held) as old, zipfile.ZipFile(fixed, "w") as new:
        for entry in old.infolist():
            entry.CRC = 0
            with held.getbuffer() as raw:
                start = entry.header_offset + 30 + len(entry.filename)
                new.writestr(entry.filename, bytes(raw[start : start + entry.file_size]))
    unpacked = unpack(fixed.getvalue(), "ho-so")

    assert codes(unpacked) == {"BUNDLE_DAMAGED"}
    assert len(unpacked.parts) == 1


def test_a_foreign_zip_with_our_index_name_harms_nothing() -> None:
    """Anyone can name a file so."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("intake-bundle.json", "[" * 100_000)
        archive.writestr("a.pdf", PDF)
    unpacked = unpack(held.getvalue(), "x.zip")

    assert "BUNDLE_DAMAGED" in codes(unpacked)
    assert PDF in [leaf.data for leaf in unpacked.parts]


def test_files_given_by_name_are_a_bundle() -> None:
    """Without a vault."""
    unpacked = unpack_bundle({"manifest.json": a_manifest(), "phieu.signed.pdf": PDF}, "ho-so")

    assert (unpacked.kind, facts(unpacked).shape, len(unpacked.parts)) == ("bundle", "manifest", 1)


def test_a_folder_is_read_without_links_and_hidden_files(tmp_path: Path) -> None:
    """`intake unpack FOLDER`; a link could lead to any file of the machine."""
    (tmp_path / "phieu.pdf").write_bytes(PDF)
    (tmp_path / ".an").write_bytes(b"x")
    (tmp_path / "lien-ket.pdf").symlink_to("/etc/passwd")

    assert [leaf.name for leaf in unpack_folder(tmp_path).parts] == ["phieu.pdf"]
