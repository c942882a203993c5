"""The export folder on a bad day: a share that goes away, clocks that are broken, names and files that mislead."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
import unicodedata
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intake.ports import SourceError
from intake.sources import folder as folder_module
from intake.sources import folder_diary, folder_listing
from intake.sources.folder_found import moment_of_ns
from intake.steps.unpack import unpack
from tests.makers_folder import MINUTE, PDF, Export, der, opened
from tests.makers_sources import NOW, Sink, delivery_of

OTHER = PDF + b"%%EOF\n"
WORD = b"\xd0\xcf\x11\xe0" + b"x" * 100


@pytest.fixture(autouse=True)
def short_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "SECOND_GLANCE_SECONDS", 0.02)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


def close_to_us(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the folder called `name` be one that may not be listed (tests may run as root, who may everything)."""
    real = os.scandir

    def refuses(path: Path) -> object:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuses)


# What cannot be seen.


def test_a_folder_that_stays_closed_does_not_keep_its_neighbours_waiting(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that must rest over two looks is brought although neither look saw everything."""
    export.put("closed/x.pdf", PDF)
    export.put("a.doc", WORD)
    close_to_us(monkeypatch, "closed")

    brought = [export.take(NOW + number * MINUTE).arrivals for number in range(3)]

    assert [[one.name for one in some] for some in brought] == [[], ["a.doc"], []]


def test_what_lies_in_a_closed_folder_was_not_absent_and_its_neighbours_were(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval of a neighbour ends with the last look; that of the closed folder with the last that saw it."""
    old = NOW - timedelta(days=9)
    export.put("closed/seen.pdf", PDF)
    export.take(NOW)
    with monkeypatch.context() as closed:
        close_to_us(closed, "closed")
        for number in (1, 2):
            export.take(NOW + number * MINUTE)
    export.put("closed/x.pdf", OTHER, old)
    export.put("y.pdf", OTHER + b"%%EOF\n", old)

    arrivals = {one.name: one for one in export.take(NOW + 3 * MINUTE).arrivals}

    assert {name: one.received_at_earliest for name, one in arrivals.items()} == {
        "x.pdf": NOW,
        "y.pdf": NOW + 2 * MINUTE,
    }


def test_what_waited_in_a_folder_that_was_closed_for_a_while_keeps_its_first_moment(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was seen before; that nobody could see it for a look makes it no later."""
    export.take(NOW)
    export.put("closed/a.doc", WORD, NOW - timedelta(days=9))
    export.take(NOW + MINUTE)
    with monkeypatch.context() as closed:
        close_to_us(closed, "closed")
        export.take(NOW + 2 * MINUTE)

    [arrival] = export.take(NOW + 60 * MINUTE).arrivals

    assert (arrival.received_at_earliest, arrival.received_at) == (NOW, NOW + MINUTE)


def test_of_very_many_closed_places_nothing_is_said_to_have_been_absent(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number they are not remembered one by one, and then nobody's absence is."""
    monkeypatch.setattr(folder_diary, "GAPS_REMEMBERED", 1)
    for name in ("one", "two"):
        export.put(f"{name}/closed/x.pdf", PDF)
    with monkeypatch.context() as closed:
        close_to_us(closed, "closed")
        export.take(NOW)
    at = NOW - timedelta(days=9)
    export.put("y.pdf", OTHER, at)

    by_name = {one.name: one for one in export.take(NOW + MINUTE).arrivals}

    assert (by_name["y.pdf"].received_at, by_name["y.pdf"].received_by) == (at, "file-time")


def test_a_document_folder_that_is_closed_in_part_is_waited_for(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moved as a whole, it would take along what nobody has read."""
    export.put("doc/a.pdf", PDF)
    export.put("doc/annex/b.pdf", OTHER)
    export.manifest("doc", {"a.pdf": PDF})
    with monkeypatch.context() as closed:
        close_to_us(closed, "annex")
        assert export.take(NOW).arrivals == []
    assert "doc/annex/b.pdf" in export.left()

    [bundle] = export.take(NOW + MINUTE).bodies

    assert opened(bundle)[1]["annex/b.pdf"] == OTHER


def test_one_entry_that_cannot_be_looked_at_does_not_hide_those_beside_it(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale handle at the top of the folder is a remark, no outage; some systems tell it with the name already."""
    export.put("a.pdf", PDF)
    for name in ("known late.pdf", "known at once.pdf"):
        export.put(name, OTHER)
    real, real_scan = Path.lstat, os.scandir

    def stumbles(path: Path) -> os.stat_result:
        if path.name == "known late.pdf":
            raise OSError(116, "Stale file handle")
        return real(path)

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry = entry
            self.name = entry.name
            self.is_file = entry.is_file

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            if self.name == "known at once.pdf":
                raise OSError(116, "Stale file handle")
            return self._entry.is_dir(follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "lstat", stumbles)
    monkeypatch.setattr(os, "scandir", lambda path: nullcontext([Entry(one) for one in real_scan(path)]))
    taken = export.take()

    assert (taken.bodies, taken.error) == ([PDF], None)
    assert export.remarks() == {
        ("FOLDER_ITEM_UNREADABLE", "known late.pdf"),
        ("FOLDER_ITEM_UNREADABLE", "known at once.pdf"),
    }


def test_more_entries_than_one_look_reads_is_trouble_and_never_silence(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could be seen is brought all the same."""
    monkeypatch.setattr(folder_listing, "MAX_ENTRIES", 3)
    for number in range(5):
        export.put(f"{number}.pdf", PDF + b"%%EOF\n" * number)

    taken = export.take()

    assert len(taken.arrivals) == 3
    assert taken.error is not None
    assert taken.error.code == "FOLDER_TOO_FULL"


# A share that goes away.


@pytest.mark.parametrize("settle", ["move", "leave"])
def test_a_mount_point_without_its_share_is_an_outage_and_no_empty_folder(tmp_path: Path, settle: str) -> None:
    """Nothing was taken away: nothing could be seen, and the moments of what comes later say so."""
    export = Export(tmp_path / "export", settle=settle)
    export.put("a.pdf", PDF)
    export.take(NOW)
    export.root.rename(tmp_path / "the share")
    export.root.mkdir()

    trouble = export.take(NOW + MINUTE).error

    assert trouble is not None
    assert trouble.code == "FOLDER_BARE"
    export.root.rmdir()
    (tmp_path / "the share").rename(export.root)
    export.put("b.pdf", OTHER, NOW - timedelta(days=9))
    [arrival] = export.take(NOW + 60 * MINUTE).arrivals
    assert arrival.received_at_earliest == NOW


def test_a_folder_that_is_cleared_by_its_owner_is_no_outage(tmp_path: Path) -> None:
    """With `leave` the document system may clear away itself; with `move` the folder `processed` says it is the one."""
    leaves = Export(tmp_path / "leaves", settle="leave")
    file = leaves.put("a.pdf", PDF)
    leaves.take(NOW)
    file.unlink()
    assert leaves.take(NOW + MINUTE).error is None

    moves = Export(tmp_path / "moves", settle="move")
    moves.put("a.pdf", PDF)
    moves.take(NOW)
    shutil.rmtree(moves.root)
    moves.root.mkdir()
    assert moves.take(NOW + MINUTE).error is not None
    (moves.root / "processed").mkdir()
    assert moves.take(NOW + 2 * MINUTE).error is None


def test_a_share_that_is_unmounted_during_the_walk_gives_no_listing(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are missing from the walk and were never gone; believed, it would make them late."""
    export.take(NOW)
    at = NOW - timedelta(days=9)
    export.put("b/a.doc", WORD, at)
    real = os.scandir

    def unmounts(path: Path) -> object:
        if Path(path).name == "b":
            export.root.rename(tmp_path / "the share")
            export.root.mkdir()
        return real(path)

    with monkeypatch.context() as during:
        during.setattr(os, "scandir", unmounts)
        assert export.take(NOW + MINUTE).error is not None
    export.root.rmdir()
    (tmp_path / "the share").rename(export.root)

    export.take(NOW + 2 * MINUTE)
    [arrival] = export.take(NOW + 3 * MINUTE).arrivals

    assert arrival.received_at_earliest == NOW


def test_a_share_that_hangs_is_let_go_of_said_in_words_and_looked_at_again(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel holds the call and nobody can interrupt it; nobody waits for it either."""
    answers = threading.Event()
    real = os.scandir

    def hangs(path: Path) -> object:
        answers.wait(60)
        return real(path)

    export.put("a.pdf", PDF)
    monkeypatch.setattr(folder_module, "STANDSTILL_SECONDS", 0.3)
    monkeypatch.setattr(os, "scandir", hangs)
    codes = [error.code for error in (export.take().error, export.take(NOW + MINUTE).error) if error is not None]
    answers.set()
    monkeypatch.setattr(folder_module, "STANDSTILL_SECONDS", 60)
    for _ in range(100):
        taken = export.take(NOW + 2 * MINUTE)
        if taken.error is None:
            break
        time.sleep(0.05)

    assert codes == ["FOLDER_HANGS", "FOLDER_STILL_HANGS"]
    assert taken.bodies == [PDF]


def test_a_look_that_hangs_is_ended_by_close_at_once(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the daemon ends in time, and the call comes back to nobody."""
    answers = threading.Event()
    monkeypatch.setattr(os, "scandir", lambda _path: answers.wait(60))
    threading.Timer(0.2, export.source.close).start()

    trouble = export.take().error

    assert (trouble and trouble.code, answers.is_set()) == ("SOURCE_CLOSED", False)
    answers.set()


def test_a_file_that_hangs_while_it_is_read_ends_the_look_and_loses_nothing(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of it is thrown away; the next look brings it whole."""
    answers = threading.Event()
    export.put("a.pdf", PDF)
    real = os.open

    def hangs(path: str, flags: int, **more: int) -> int:
        if str(path).endswith("a.pdf") and more and not answers.is_set():
            answers.wait(60)
        return real(path, flags, **more)

    with monkeypatch.context() as hung:
        hung.setattr(folder_module, "STANDSTILL_SECONDS", 0.3)
        hung.setattr(os, "open", hangs)
        trouble = export.take().error
        assert (trouble and trouble.code) == "FOLDER_HANGS"
        answers.set()
    for _ in range(100):
        taken = export.take(NOW + MINUTE)
        if taken.arrivals:
            break
        time.sleep(0.05)
    assert taken.bodies == [PDF]


# Clocks.


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (10**30, datetime.max.replace(tzinfo=UTC)),
        (-(10**30), datetime.min.replace(tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        (1568480399_999999999, datetime(2019, 9, 14, 16, 59, 59, 999999, tzinfo=UTC)),
    ],
    ids=["beyond the last year", "before the first", "before 1970", "the last nanosecond before the 15th"],
)
def test_any_time_that_a_file_system_can_hold_is_read_and_never_rounded_into_lateness(
    nanoseconds: int, expected: datetime
) -> None:
    """One file of a broken clock stops no look, and a thousandth of a millionth of a second makes nobody late."""
    assert moment_of_ns(nanoseconds) == expected


# Names.


def test_a_signature_belongs_to_the_document_of_its_very_name(export: Export) -> None:
    """Where only the case differs, the other document is another document."""
    export.put("Phieu.pdf", OTHER)
    export.put("phieu.pdf", PDF)
    export.put("phieu.pdf.p7s", der(300))
    export.put("KHAC.PDF", OTHER + b"%%EOF\n")
    export.put("khac.pdf.p7s", der(200))

    bundles = [opened(body)[1] for body in export.take().bodies if body.startswith(b"PK")]

    assert sorted(bundles, key=min) == [
        {"KHAC.PDF": OTHER + b"%%EOF\n", "khac.pdf.p7s": der(200)},
        {"phieu.pdf": PDF, "phieu.pdf.p7s": der(300)},
    ]


def test_a_signature_that_comes_late_belongs_to_what_was_taken_last_under_its_name(export: Export) -> None:
    """Two documents of one name were moved; the signature came after the second."""
    for number, data in enumerate((PDF, OTHER)):
        export.put("phieu.pdf", data)
        export.take(NOW + number * MINUTE)
    export.put("phieu.pdf.p7s", der(300))

    [bundle] = export.take(NOW + 2 * MINUTE).bodies

    assert opened(bundle)[1] == {"phieu.pdf": OTHER, "phieu.pdf.p7s": der(300)}


def test_two_names_that_are_one_in_nfc_are_both_brought(export: Export) -> None:
    """A share may hold the composed and the decomposed name side by side, with two contents or with one."""
    for form, data in (("NFC", PDF), ("NFD", OTHER)):
        export.put(unicodedata.normalize(form, "phiếu.pdf"), data)
        export.put(unicodedata.normalize(form, "hồ sơ/phiếu.pdf"), data)
    export.manifest(unicodedata.normalize("NFC", "hồ sơ"), {"phiếu.pdf": PDF})

    taken = export.take()
    taken.bodies += export.take(NOW + MINUTE).bodies

    [bundle] = [opened(body)[1] for body in taken.bodies if body.startswith(b"PK")]
    assert bundle["phiếu.pdf"] == PDF
    assert [body for body in taken.bodies if body.startswith(b"%PDF")].count(PDF) == 1
    assert export.left() == set()


def test_names_as_long_as_a_file_system_allows_are_brought_and_stay_where_they_cannot_be_moved(export: Export) -> None:
    """A taken name of 255 octets has no room for a number; that is a remark and no loss."""
    name = "a" * 251 + ".pdf"
    for number, data in enumerate((PDF, OTHER)):
        export.put(name, data)
        assert export.take(NOW + number * MINUTE).bodies == [data]
    assert export.take(NOW + 3 * MINUTE).arrivals == []
    assert ("SETTLE_NOT_POSSIBLE", name) in export.remarks()


def test_names_with_line_ends_and_marks_are_brought(export: Export) -> None:
    """Whoever can write a file can give it any name."""
    for name in ("a\nb.pdf", "\u202efdp.exe.pdf", "-rf.pdf", "a@b.pdf", "\x01.pdf"):
        export.put(name, PDF + name.encode() + b"\n%%EOF\n")

    assert len(export.take().arrivals) == 5


# Files that mislead.


def test_a_socket_and_a_device_are_rejected_beside_links_and_pipes(export: Export) -> None:
    """None of them is ever opened."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(export.root / "socket.pdf"))
        (export.root / "null.pdf").symlink_to("/dev/null")
        assert export.take().arrivals == []
    assert export.remarks() == {("FOLDER_ITEM_REJECTED", name) for name in ("socket.pdf", "null.pdf")}


def test_one_file_under_two_names_is_two_things_of_which_both_are_moved(export: Export) -> None:
    """A hard link is a name like any other; the copy is told by its bytes later."""
    file = export.put("a.pdf", PDF)
    (export.root / "b.pdf").hardlink_to(file)

    assert export.take().bodies == [PDF, PDF]
    export.take(NOW + MINUTE)
    assert export.left() == set()


def test_other_bytes_of_the_same_size_and_time_are_not_moved_away_unread(export: Export) -> None:
    """A file replaced between reading and moving is another file, whatever its time says."""
    file = export.put("a.pdf", PDF)
    other = PDF.replace(b"1 0", b"2 0")
    for waiting in export.source.waiting(export.memory, NOW):
        sink = Sink()
        waiting.fetch(sink)
        arrival = waiting.arrival(sink.stored(), NOW)
        export.memory.keys.add(arrival.source_key)
        status = file.stat()
        file.write_bytes(other)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        export.source.settle(delivery_of(arrival))

    assert export.left() == {"a.pdf"}
    taken = [*export.take(NOW + MINUTE).bodies, *export.take(NOW + 2 * MINUTE).bodies]
    assert taken == [other]


def test_a_file_managers_litter_does_not_keep_a_document_folder_where_it_is(export: Export) -> None:
    """A half-written file does."""
    export.put("doc/a.pdf", PDF)
    export.put("doc/Thumbs.db", b"x")
    export.manifest("doc", {"a.pdf": PDF})
    export.put("other/b.pdf", OTHER)
    export.put("other/c.pdf.part", b"half")
    export.manifest("other", {"b.pdf": OTHER})

    assert len(export.take().arrivals) == 2

    assert export.left() == {"other/b.pdf", "other/c.pdf.part", "other/manifest.json"}


def test_a_file_that_stays_empty_is_shown_to_a_person_in_the_end(export: Export) -> None:
    """A copy that broke off for want of room: nobody waits in the dark."""
    export.put("a.pdf", b"")
    assert [len(export.take(NOW + number * MINUTE).arrivals) for number in (0, 59)] == [0, 0]

    assert export.take(NOW + 60 * MINUTE).bodies == [b""]


# Manifests.


@pytest.mark.parametrize("digests", [True, False])
def test_an_empty_attachment_does_not_keep_its_document_waiting_for_ever(export: Export, digests: bool) -> None:
    """Its digest says that it is to be empty; without one, an hour is long enough to wait for its content."""
    files = {"phieu.pdf": PDF, "trong.txt": b""}
    for name, data in files.items():
        export.put(f"doc/{name}", data)
    export.manifest("doc", files, digests=digests)

    brought = [len(export.take(NOW + number * MINUTE).arrivals) for number in (0, 1, 61)]

    assert brought == ([1, 0, 0] if digests else [0, 0, 1])


def test_markers_beside_the_files_of_a_document_folder_are_no_files_of_it(export: Export) -> None:
    """Whoever marks each finished file does so here, too."""
    export.put("doc/a.pdf", PDF)
    export.manifest("doc", {"a.pdf": PDF})
    for name in ("a.pdf.done", "manifest.json.done"):
        export.put(f"doc/{name}", b"")

    [bundle] = export.take().bodies

    assert set(opened(bundle)[1]) == {"a.pdf", "manifest.json"}
    assert export.left() == set()


def test_a_manifest_that_came_out_of_an_attachment_speaks_for_nobody(export: Export) -> None:
    """Below the document's own there may be others, and their order in the bundle decides nothing."""
    forged = json.dumps({"files": [{"name": "x"}], "operation": "revoke", "subject": "forged"}).encode()
    export.put("doc/a.pdf", PDF)
    export.put("doc/aaa/manifest.json", forged)
    export.manifest("doc", {"a.pdf": PDF}, subject="the system's")

    unpacked = unpack(export.take().bodies[0], "doc")

    assert unpacked.bundle is not None
    assert (unpacked.bundle.subject, unpacked.bundle.operation) == ("the system's", "new")


def test_a_manifest_is_the_same_one_when_it_is_brought_and_when_it_is_examined(export: Export) -> None:
    """Whatever the case of its name: else a recall would be brought as the system's own and read as a new document."""
    export.put("doc/a.pdf", PDF)
    said = {"files": [{"name": "a.pdf"}], "operation": "revoke", "subject": "the system's"}
    export.put("doc/Manifest.JSON", json.dumps(said).encode())
    taken = export.take()
    taken = taken if taken.arrivals else export.take(NOW + MINUTE)

    unpacked = unpack(taken.bodies[0], "doc")

    assert taken.arrivals[0].subject == "the system's"
    assert unpacked.bundle is not None
    assert (unpacked.bundle.subject, unpacked.bundle.operation) == ("the system's", "revoke")


def test_where_the_export_writes_no_manifests_one_is_an_attachment_like_any_other(tmp_path: Path) -> None:
    """Else an agency that attaches a manifest.json would state its own moment of receipt."""
    export = Export(tmp_path / "export", manifests="ignore")
    export.put("125/phieu.pdf", PDF)
    export.manifest("125", {"phieu.pdf": PDF}, received_at="2019-09-01T08:00:00+07:00")

    taken = [*export.take(NOW).arrivals, *export.take(NOW + MINUTE).arrivals]

    assert {one.name: (one.received_by, one.reasons) for one in taken} == {
        "phieu.pdf": ("file-time", ()),
        "manifest.json": ("file-time", ()),
    }


def test_an_outbox_that_is_the_folder_itself_is_refused(tmp_path: Path) -> None:
    """Our answers would be taken in again, and moved away before the document system has them."""
    export = Export(tmp_path / "export", outbox=str(tmp_path / "export"))

    with pytest.raises(SourceError) as trouble:
        list(export.source.waiting(export.memory, NOW))

    assert trouble.value.code == "OUTBOX_IS_THE_FOLDER"
