"""The export folder: its three shapes, what is finished and what is not, what is moved, what is never read."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import FolderSource
from intake.ports import SourceError
from intake.sources import folder as folder_module
from intake.sources import folder_item as item_module
from intake.sources.folder import ExportFolder
from intake.sources.folder_reading import read_plain
from tests.makers_folder import EDXML, MINUTE, PDF, Export, der, office_file, opened
from tests.makers_sources import NOW, PlainMemory, Sink, Taken, delivery_of, take


@pytest.fixture(autouse=True)
def short_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "SECOND_GLANCE_SECONDS", 0.02)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


# Shapes.


def own(taken: Taken) -> dict[str, str]:
    """What of a look is marked as the system's own, by name, with its shape."""
    return {
        one.source_key.split("@")[0]: why.detail
        for one in taken.arrivals
        for why in one.reasons
        if why.code == "SYSTEM_PACKAGE"
    }


def test_only_what_the_system_itself_wrote_by_place_and_shape_is_marked_as_its_own(export: Export) -> None:
    """An attachment that is exported as a file may be a package, or a ZIP that looks like a bundle of ours."""
    export.manifest("123", {"a.pdf": PDF, "attached.edxml": EDXML}, received_at="2019-09-10T08:00:00+07:00")
    export.put("123/a.pdf", PDF)
    export.put("123/attached.edxml", EDXML)
    export.manifest("124/files", {"b.pdf": PDF})
    export.put("124/files/b.pdf", PDF)
    for path in ("top.edxml", "2019/09/stored.edxml", "xml/2019/9/12/stored.edxml"):
        export.put(path, EDXML)
    for path in ("125/attached.edxml", "125/2019/09/attached.edxml", "named.pdf", "20190912/attached.edxml"):
        export.put(path, EDXML)
    export.put("bundle.zip", office_file())

    taken = export.take()
    taken = export.take(NOW + MINUTE) if not taken.arrivals else taken

    assert own(taken) == {
        "123": "manifest",
        "top.edxml": "edxml",
        "2019/09/stored.edxml": "edxml",
        "xml/2019/9/12/stored.edxml": "edxml",
    }


def test_a_manifest_among_a_documents_files_states_no_moment(export: Export) -> None:
    """A folder inside a document's folder is unpacked from an attachment: its `received_at` is the sender's wish."""
    export.manifest("124/files", {"b.pdf": PDF}, received_at="2019-09-01T08:00:00+07:00")
    export.put("124/files/b.pdf", PDF)

    (arrival,) = export.take().arrivals

    assert (arrival.received_at, arrival.received_by) == (NOW - MINUTE, "file-time")


def test_an_edxml_package_anywhere_below_is_brought_as_it_is(export: Export) -> None:
    """As the axis SDK drops them: by year, month and document (domain notes, section 4)."""
    export.put("xml/2019/09/8a2b.edxml", EDXML)
    taken = export.take()
    assert taken.bodies == [EDXML]
    assert taken.arrivals[0].name == "8a2b.edxml"
    assert taken.arrivals[0].source_key.startswith("xml/2019/09/8a2b.edxml@")


def test_a_manifest_folder_is_one_bundle_with_its_sender_and_moment(export: Export) -> None:
    """The sidecar names the files; its `received_at` is the document system's stamp."""
    files = {"phiếu.pdf": PDF, "phụ lục.docx": office_file()}
    for name, data in files.items():
        export.put(f"doc-17/{name}", data)
    export.manifest(
        "doc-17",
        files,
        received_at="2019-09-12T09:00:40+07:00",
        sender={"organ_id": "000.00.12.H11", "name": "Sở Nội vụ"},
        subject="Phiếu đánh giá năm 2019",
    )
    [arrival], [bundle] = (taken := export.take()).arrivals, taken.bodies
    index, inside = opened(bundle)
    assert (index["schema"], index["kind"], index["path"]) == ("intake-bundle/1", "manifest", "doc-17")
    assert {name: inside[name] for name in files} == files
    assert (arrival.sender, arrival.subject) == ("000.00.12.H11", "Phiếu đánh giá năm 2019")
    assert (arrival.received_at, arrival.received_by) == (datetime(2019, 9, 12, 2, 0, 40, tzinfo=UTC), "manifest")


def test_a_bare_file_and_the_signature_beside_it_are_one_bundle(export: Export) -> None:
    """`phieu.pdf` with `phieu.pdf.p7s`; another file beside them stays alone."""
    signature = der(300)
    export.put("phieu.pdf", PDF)
    export.put("phieu.pdf.p7s", signature)
    export.put("khac.pdf", PDF + b"%%EOF\n")
    taken = export.take()
    bundles = [body for body in taken.bodies if body.startswith(b"PK")]
    index, inside = opened(bundles[0])
    assert (len(taken.bodies), index["kind"]) == (2, "bare")
    assert inside == {"phieu.pdf": PDF, "phieu.pdf.p7s": signature}


def test_a_signature_that_comes_after_its_document_was_moved_is_brought_with_it(export: Export) -> None:
    """A document that looked unsigned gets its signature: the pair is one new delivery."""
    export.put("phieu.pdf", PDF)
    export.take()
    assert export.left() == set()
    export.put("phieu.pdf.p7s", der(300))
    _, inside = opened(export.take().bodies[0])
    assert inside == {"phieu.pdf": PDF, "phieu.pdf.p7s": der(300)}
    assert export.left() == set()


def test_a_signature_without_its_document_waits_a_while(export: Export) -> None:
    """The document is usually written right after it; after ten minutes a person shall see it."""
    export.put("phieu.pdf.p7s", der(300))
    assert export.take(NOW).arrivals == []
    assert ("FOLDER_ITEM_WAITS", "phieu.pdf.p7s") in export.remarks()
    assert export.take(NOW + MINUTE).arrivals == []
    assert len(export.take(NOW + 11 * MINUTE).arrivals) == 1


def test_the_same_group_always_makes_the_same_bundle(export: Export, tmp_path: Path) -> None:
    """A crash after the vault and before the row leaves no second blob."""
    bundles = []
    for name in ("one", "two"):
        other = Export(tmp_path / name)
        other.put("a/phieu.pdf", PDF)
        other.put("a/phieu.pdf.p7s", der(200))
        bundles += other.take().bodies
    assert bundles[0] == bundles[1]


# What is finished.


@pytest.mark.parametrize("name", [".an.pdf", "a.pdf.part", "a.pdf.tmp", "~$phieu.docx", "a.crdownload", "Thumbs.db"])
def test_hidden_and_unfinished_names_are_not_looked_at(export: Export, name: str) -> None:
    """They get their real name when they are finished."""
    export.put(name, PDF)
    for minute in range(3):
        assert export.take(NOW + minute * MINUTE).arrivals == []
    assert export.remarks() == set()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", PDF),
        ("a.docx", office_file()),
        ("a.edxml", EDXML),
        ("a.pdf", PDF[:-6]),
        ("a.txt", b"?"),
        ("a.doc", b"?"),
    ],
)
def test_a_file_that_grows_is_waited_for(export: Export, name: str, data: bytes) -> None:
    """Whatever is there is not brought while it still changes between two looks."""
    for minute in range(3):
        export.put(name, b"%PDF-half" + b"x" * minute, NOW + minute * MINUTE)
        assert export.take(NOW + minute * MINUTE).arrivals == []
    export.put(name, data, NOW + 3 * MINUTE)
    taken = [*export.take(NOW + 3 * MINUTE).bodies, *export.take(NOW + 4 * MINUTE).bodies]
    assert taken == [data]


def test_a_file_that_is_whole_by_its_structure_is_brought_at_the_first_look(export: Export) -> None:
    """Two glances of one look are enough where the file itself says that it is whole."""
    for name, data in {"a.pdf": PDF, "b.docx": office_file(), "c.edxml": EDXML}.items():
        export.put(name, data)
    assert len(export.take().arrivals) == 3


def test_a_file_whose_structure_says_nothing_rests_over_two_looks(export: Export) -> None:
    """An old Word file has no mark at its end."""
    export.put("a.doc", b"\xd0\xcf\x11\xe0" + b"x" * 2000)
    assert export.take(NOW).arrivals == []
    assert len(export.take(NOW + MINUTE).arrivals) == 1


def test_a_file_that_changes_between_the_two_glances_is_waited_for(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PDF written in steps is whole at the end of each revision, and is not finished."""
    file = export.put("a.pdf", PDF)
    monkeypatch.setattr(folder_module, "SECOND_GLANCE_SECONDS", 0.4)
    threading.Timer(0.1, lambda: file.write_bytes(PDF + b"2 0 obj\n%%EOF\n")).start()
    assert export.take().arrivals == []


def test_a_marker_says_that_a_file_is_finished_and_is_moved_with_it(export: Export) -> None:
    """`a.doc.done` beside `a.doc`: no waiting."""
    export.put("a.doc", b"\xd0\xcf\x11\xe0")
    export.put("a.doc.done", b"")
    assert len(export.take().arrivals) == 1
    assert export.left() == set()


def test_a_manifest_whose_files_are_not_all_there_is_waited_for(export: Export) -> None:
    """However long it takes, with a remark; it is brought when the last file has the right digest."""
    files = {"a.pdf": PDF, "b.pdf": PDF + b"%%EOF\n"}
    export.put("doc/a.pdf", PDF)
    export.manifest("doc", files)
    for minute in (0, 1, 600):
        assert export.take(NOW + minute * MINUTE).arrivals == []
        assert export.remarks() == {("FOLDER_ITEM_WAITS", "doc")}
    export.put("doc/b.pdf", b"%PDF half")
    assert export.take(NOW + 601 * MINUTE).arrivals == []
    export.put("doc/b.pdf", files["b.pdf"])
    assert len(export.take(NOW + 602 * MINUTE).arrivals) == 1


def test_a_manifest_with_a_wrong_digest_is_shown_to_a_person_in_the_end(export: Export) -> None:
    """After an hour at rest it is brought with MANIFEST_MISMATCH: nobody waits in the dark."""
    export.put("doc/a.pdf", PDF)
    export.manifest("doc", {"a.pdf": b"another"})
    assert export.take(NOW).arrivals == []
    [arrival] = export.take(NOW + timedelta(hours=2)).arrivals
    assert [(why.code, why.detail) for why in arrival.reasons] == [
        ("MANIFEST_MISMATCH", "a.pdf"),
        ("SYSTEM_PACKAGE", "manifest"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'{"files": []}',
        b'{"files": [{"name": "../../etc/passwd"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"{}" * 600_000,
    ],
    ids=["cut off", "a list", "no files", "a name that leads out", "deep", "no UTF-8", "long"],
)
def test_a_manifest_that_cannot_be_read_costs_only_itself(export: Export, text: bytes) -> None:
    """The files are brought as they are, once they rest, and the reason says why."""
    export.put("doc/a.pdf", PDF)
    export.put("doc/manifest.json", text)
    assert export.take(NOW).arrivals == []
    [arrival], [bundle] = (taken := export.take(NOW + MINUTE)).arrivals, taken.bodies
    assert [why.code for why in arrival.reasons] == ["MANIFEST_INVALID"]
    assert opened(bundle)[1]["a.pdf"] == PDF


def test_an_empty_file_is_waited_for(export: Export) -> None:
    """It was made and is still to be written."""
    export.put("a.pdf", b"")
    for minute in range(3):
        assert export.take(NOW + minute * MINUTE).arrivals == []
    assert export.remarks() == {("FOLDER_ITEM_WAITS", "a.pdf")}


# What is never read.


def test_links_and_special_files_are_rejected_and_left(export: Export, tmp_path: Path) -> None:
    """Neither a link to a file nor to a folder is followed, and a pipe does not hold the look."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.pdf").write_bytes(PDF)
    (export.root / "link.pdf").symlink_to(secret / "a.pdf")
    (export.root / "folder").symlink_to(secret)
    (export.root / "gone.pdf").symlink_to(tmp_path / "nowhere")
    os.mkfifo(export.root / "pipe.pdf")
    for minute in range(3):
        assert export.take(NOW + minute * MINUTE).arrivals == []
    assert export.remarks() == {
        ("FOLDER_ITEM_REJECTED", name) for name in ("link.pdf", "folder", "gone.pdf", "pipe.pdf")
    }
    assert export.left() >= {"link.pdf", "gone.pdf", "pipe.pdf"}


def test_a_file_that_became_a_link_after_the_listing_is_not_read(export: Export, tmp_path: Path) -> None:
    """The step from looking to reading is not a gap."""
    (tmp_path / "secret.pdf").write_bytes(PDF)
    file = export.put("a.pdf", PDF)
    for waiting in export.source.waiting(export.memory, NOW):
        file.unlink()
        file.symlink_to(tmp_path / "secret.pdf")
        with pytest.raises(SourceError):
            waiting.fetch(Sink())


def test_a_file_that_changed_after_the_listing_is_not_taken(export: Export) -> None:
    """Its key would name other content; the next look sees it anew."""
    file = export.put("a.pdf", PDF)
    for waiting in export.source.waiting(export.memory, NOW):
        file.write_bytes(PDF.replace(b"1 0", b"2 0"))
        with pytest.raises(SourceError):
            waiting.fetch(Sink())
    assert export.take().bodies == [PDF.replace(b"1 0", b"2 0")]


def test_processed_and_the_outbox_are_not_looked_into(tmp_path: Path) -> None:
    """What we put there ourselves does not come back."""
    export = Export(tmp_path / "export", outbox=str(tmp_path / "export" / "out"))
    export.put("processed/a.edxml", EDXML)
    export.put("quarantine/a.edxml", EDXML)
    export.put("out/status.edxml", EDXML)
    assert export.take().arrivals == []


def test_a_file_that_may_not_be_read_is_a_remark_and_the_rest_is_brought(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One closed file does not stop the others (tests may run as root, so the closing is done here)."""
    export.put("closed.doc", b"x" * 10)
    export.put("open.pdf", PDF)
    real = read_plain

    def refuses(root: Path, path: str) -> object:
        if path == "closed.doc":
            raise PermissionError(13, "Permission denied")
        return real(root, path)

    export.take()
    monkeypatch.setattr(folder_module, "read_plain", refuses)
    export.put("second.pdf", PDF + b"%%EOF\n")
    taken = export.take(NOW + MINUTE)
    assert len(taken.arrivals) == 1
    assert ("FOLDER_ITEM_UNREADABLE", "closed.doc") in export.remarks()


# Names.


def test_names_are_compared_in_nfc_and_found_as_they_are(export: Export) -> None:
    """Files from macOS come in NFD; the key and the label are NFC, the file is still found and moved."""
    name = unicodedata.normalize("NFD", "Phiếu đánh giá.pdf")
    export.put(name, PDF)
    [arrival] = export.take().arrivals
    assert arrival.name == unicodedata.normalize("NFC", name)
    assert export.all() == {f"processed/{name}"}


def test_a_manifest_in_nfc_finds_its_files_in_nfd(export: Export) -> None:
    """And the signature beside a document, too."""
    export.put(f"doc/{unicodedata.normalize('NFD', 'phiếu.pdf')}", PDF)
    export.manifest("doc", {unicodedata.normalize("NFC", "phiếu.pdf"): PDF})
    assert len(export.take().arrivals) == 1


def test_a_name_that_is_no_utf8_is_brought(export: Export) -> None:
    """An old share gives names in windows-1258."""
    path = os.fsencode(export.root) + b"/phi\xea\xec\xf9u.pdf"
    with open(path, "wb") as file:  # noqa: PTH123  # A path of bytes has no other way.
        file.write(PDF)
    taken = export.take()
    assert taken.bodies == [PDF]
    assert export.left() == set()


# Identity and moving.


def test_a_changed_file_at_the_same_path_is_a_new_delivery(tmp_path: Path) -> None:
    """The same content at the same path is the same, also when its time was touched."""
    export = Export(tmp_path / "export", settle="leave")
    export.put("a.pdf", PDF)
    [first] = export.take().arrivals
    export.put("a.pdf", PDF, NOW)
    assert export.take(NOW + MINUTE).arrivals == []
    export.put("a.pdf", PDF + b"%%EOF\n", NOW + MINUTE)
    [second] = export.take(NOW + 2 * MINUTE).arrivals
    assert first.source_key != second.source_key
    assert first.source_key.rpartition("@")[0] == second.source_key.rpartition("@")[0] == "a.pdf"


def test_what_is_taken_is_moved_and_nothing_written_over(export: Export) -> None:
    """Two documents of one name stand side by side in processed/."""
    contents = [PDF, PDF + b"%%EOF\n", PDF + b"%%EOF\n%%EOF\n"]
    for number, data in enumerate(contents):
        export.put("2019/a.pdf", data, NOW + number * MINUTE)
        assert len(export.take(NOW + number * MINUTE).arrivals) == 1
    assert export.all() == {"processed/2019/a.pdf", "processed/2019/a (2).pdf", "processed/2019/a (3).pdf"}
    assert sorted(path.read_bytes() for path in (export.root / "processed/2019").iterdir()) == sorted(contents)


def test_a_manifest_folder_is_moved_as_a_whole(export: Export) -> None:
    """With its sidecar; a second one of its name gets a number."""
    for number in range(2):
        data = PDF + b"%%EOF\n" * number
        export.put("doc/a.pdf", data)
        export.manifest("doc", {"a.pdf": data})
        assert len(export.take().arrivals) == 1
    names = {"a.pdf", "manifest.json"}
    assert export.all() == {f"processed/{folder}/{name}" for folder in ("doc", "doc (2)") for name in names}


def test_what_was_not_moved_before_a_crash_is_moved_by_the_next_look(export: Export) -> None:
    """The ledger has it; it is not brought again."""
    export.put("a.pdf", PDF)
    assert len(export.take(settle=False).arrivals) == 1
    again = Export(export.root)
    again.memory = export.memory
    assert again.take().arrivals == []
    assert again.all() == {"processed/a.pdf"}


def test_settling_twice_and_late_is_harmless(export: Export) -> None:
    """Also when something else stands at that path by then."""
    export.put("a.pdf", PDF)
    [arrival] = export.take().arrivals
    export.source.settle(delivery_of(arrival))
    export.put("a.pdf", PDF + b"%%EOF\n")
    export.source.settle(delivery_of(arrival))
    assert export.left() == {"a.pdf"}


def test_a_group_that_is_too_large_is_recorded_by_its_list(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, sizes and digests are kept, the content stays where it is, and a person is asked."""
    monkeypatch.setattr(item_module, "LARGEST_GROUP_OCTETS", 20)
    export.put("a.pdf", PDF)
    [arrival], [bundle] = (taken := export.take()).arrivals, taken.bodies
    index, inside = opened(bundle)
    assert inside == {}
    assert index["files"][0]["sha256"] == hashlib.sha256(PDF).hexdigest()  # type: ignore[index]
    assert [why.code for why in arrival.reasons] == ["OVERSIZE"]
    assert export.left() == {"a.pdf"}


# Moments.


def test_the_files_time_counts_when_it_lies_between_the_listings(export: Export) -> None:
    """Design of the house, section 4: between the last listing without it and the first with it."""
    export.take(NOW)
    export.put("a.pdf", PDF, NOW + timedelta(seconds=30))
    [arrival] = export.take(NOW + MINUTE).arrivals
    assert (arrival.received_at, arrival.received_by) == (NOW + timedelta(seconds=30), "file-time")
    assert arrival.received_at_earliest is None


@pytest.mark.parametrize("at", [NOW - timedelta(days=3), NOW + timedelta(days=3)], ids=["old time kept", "future time"])
def test_otherwise_only_the_interval_is_known(export: Export, at: datetime) -> None:
    """A copy that keeps an old time, or a clock that runs ahead: both ends of the interval are kept."""
    export.take(NOW)
    export.put("a.pdf", PDF, at)
    [arrival] = export.take(NOW + MINUTE).arrivals
    assert (arrival.received_at_earliest, arrival.received_at) == (NOW, NOW + MINUTE)
    assert arrival.received_by == "listing-interval"
    clocks = {clock.name: clock.at for clock in arrival.clocks}
    assert (clocks["not_there_at"], clocks["first_listed"]) == (NOW, NOW + MINUTE)


def test_the_first_listing_ever_believes_the_files_time(export: Export) -> None:
    """There was no earlier listing that could contradict it."""
    at = NOW - timedelta(days=2)
    export.put("a.pdf", PDF, at)
    [arrival] = export.take(NOW).arrivals
    assert (arrival.received_at, arrival.received_by) == (at, "file-time")


def test_waiting_to_be_finished_makes_nobody_later(export: Export) -> None:
    """The moment is that of the listing that showed it first, not of the look that took it."""
    export.take(NOW)
    export.put("a.doc", b"\xd0\xcf\x11\xe0", NOW - timedelta(days=3))
    export.take(NOW + MINUTE)
    [arrival] = export.take(NOW + 60 * MINUTE).arrivals
    assert (arrival.received_at_earliest, arrival.received_at) == (NOW, NOW + MINUTE)


def test_content_that_is_exchanged_later_does_not_keep_the_earlier_moment(export: Export) -> None:
    """An empty shell put there in time does not make a late form early."""
    export.take(NOW)
    export.put("a.doc", b"\xd0\xcf\x11\xe0 shell", NOW + timedelta(seconds=30))
    export.take(NOW + MINUTE)
    late = NOW + timedelta(days=5)
    export.take(late)
    export.memory.keys.clear()
    export.put("a.doc", b"\xd0\xcf\x11\xe0 real", late + timedelta(seconds=30))
    export.take(late + MINUTE)
    arrival = export.take(late + 2 * MINUTE).arrivals[0]
    assert (arrival.received_at, arrival.received_by) == (late + timedelta(seconds=30), "file-time")


def test_a_share_that_was_not_mounted_does_not_count_as_an_empty_one(tmp_path: Path) -> None:
    """The empty mount point was listed; the file lay on the share all the time (nobody is late by our fault)."""
    share, point = tmp_path / "share", tmp_path / "point"
    export = Export(point)
    share.mkdir()
    export.take(NOW)  # The bare mount point.
    at = NOW - timedelta(days=1)
    (share / "a.pdf").write_bytes(PDF)
    os.utime(share / "a.pdf", (at.timestamp(), at.timestamp()))
    point.rename(tmp_path / "aside")
    share.rename(point)  # Mounted: another folder stands under the same path.
    [arrival] = export.take(NOW + MINUTE).arrivals
    assert (arrival.received_at, arrival.received_by) == (at, "file-time")


def test_a_listing_that_missed_a_part_proves_nothing_about_it(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subfolder could not be opened for a while; what lay in it was not absent."""
    at = NOW - timedelta(days=1)
    export.put("2019/a.pdf", PDF, at)
    real = os.scandir

    def stumbles(path: Path) -> object:
        if Path(path).name == "2019":
            raise OSError(116, "Stale file handle")
        return real(path)

    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", stumbles)
        assert export.take(NOW).arrivals == []
        assert export.remarks() == {("FOLDER_ITEM_UNREADABLE", "2019")}
    [arrival] = export.take(NOW + MINUTE).arrivals
    assert (arrival.received_at, arrival.received_by) == (at, "file-time")


def test_a_stamp_that_lies_in_the_future_is_not_believed(export: Export) -> None:
    """The manifest's clock is wrong; the file's time counts."""
    export.put("doc/a.pdf", PDF)
    export.manifest("doc", {"a.pdf": PDF}, received_at=(NOW + timedelta(days=1)).isoformat())
    assert export.take().arrivals[0].received_by == "file-time"


def test_a_stamp_without_a_zone_is_not_believed(export: Export) -> None:
    """Nobody can say which moment it is."""
    export.put("doc/a.pdf", PDF)
    export.manifest("doc", {"a.pdf": PDF}, received_at="2019-09-12T09:00:00")
    assert export.take().arrivals[0].received_by == "file-time"


# Trouble.


def test_a_folder_that_is_not_there_is_trouble_with_a_remedy(tmp_path: Path) -> None:
    """A share that is not mounted; nothing is lost meanwhile."""
    source = ExportFolder(FolderSource(path=str(tmp_path / "nowhere")))
    with pytest.raises(SourceError) as trouble:
        list(source.waiting(PlainMemory(), NOW))
    assert "mounted" in trouble.value.remedy


def test_a_file_in_place_of_the_folder_is_trouble(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError):
        list(ExportFolder(FolderSource(path=str(tmp_path / "file"))).waiting(PlainMemory(), NOW))


def test_close_from_another_thread_ends_a_look(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it waits between the two glances."""
    monkeypatch.setattr(folder_module, "SECOND_GLANCE_SECONDS", 60)
    export.put("a.pdf", PDF)
    threading.Timer(0.1, export.source.close).start()
    begun = time.monotonic()
    assert export.take().error is not None
    assert time.monotonic() - begun < 30


def test_a_memory_that_is_broken_or_lost_costs_only_time(export: Export) -> None:
    """The ledger's keys are the truth."""
    export.put("a.pdf", PDF)
    export.take(settle=False)
    for text in ("", "{", "[]", '{"seen": {"a": [1]}}', '{"listed_at": 7}'):
        export.memory.texts = {"listing": text, "digests": text}
        assert export.take(settle=False).arrivals == []


def test_years_of_left_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `leave`, a new process takes the digests from memory instead of reading every file again."""
    export = Export(tmp_path / "export", settle="leave")
    for number in range(5):
        export.put(f"{number}.pdf", PDF + b"%%EOF\n" * number)
    assert len(export.take().arrivals) == 5
    read: list[str] = []
    real = read_plain

    def counts(root: Path, path: str) -> object:
        read.append(path)
        return real(root, path)

    monkeypatch.setattr(folder_module, "read_plain", counts)
    later = ExportFolder(export.settings)
    assert take(later, export.memory, NOW + MINUTE).arrivals == []
    assert read == []


def test_a_tree_without_end_is_rejected(export: Export) -> None:
    """Deeper than any store directory: a loop or an attack."""
    deep = export.root.joinpath(*["d"] * 20)
    deep.mkdir(parents=True)
    (deep / "a.pdf").write_bytes(PDF)
    assert export.take().arrivals == []
    assert {code for code, _ in export.remarks()} == {"FOLDER_ITEM_REJECTED"}
