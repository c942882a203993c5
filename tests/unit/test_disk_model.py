"""The disk that forgets: what the power-loss tests believe of a disk, said one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.disk import Call, Disk


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A folder with one file and one folder on the disk, and a share of another machine."""
    folder = tmp_path / "before"
    (folder / "inner").mkdir(parents=True)
    (folder / "share").mkdir()
    (folder / "old").write_bytes(b"12345678")
    return folder


def after(before: Path, *calls: Call) -> dict[str, bytes]:
    """The files that are there after these calls and a power loss that keeps nothing unsynced."""
    disk = Disk(before, elsewhere=before / "share")
    for call in calls:
        disk.feed(call)
    target = before.with_name("after")
    target.mkdir()
    disk.write_out(target)
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def made(path: Path, data: bytes, *, synced: bool) -> list[Call]:
    """A new file with content."""
    calls = [Call("create", str(path)), Call("write", str(path), offset=0, data=data)]
    return calls + [Call("sync", str(path))] * synced


def test_a_write_that_was_not_synced_is_gone(before: Path) -> None:
    """What was there before stays as it was."""
    assert after(before, Call("write", str(before / "old"), offset=0, data=b"ABCD")) == {"old": b"12345678"}


def test_a_write_lasts_from_its_sync_on(before: Path) -> None:
    """And the one after the sync does not."""
    old = str(before / "old")
    calls = [Call("write", old, offset=0, data=b"AB"), Call("sync", old), Call("write", old, offset=2, data=b"CD")]

    assert after(before, *calls) == {"old": b"AB345678"}


def test_a_synced_file_without_its_folders_sync_has_no_name(before: Path) -> None:
    """fsync(2): syncing a file does not sync the entry that names it."""
    assert "inner/new" not in after(before, *made(before / "inner" / "new", b"x", synced=True))


def test_a_name_whose_content_was_not_synced_names_an_empty_file(before: Path) -> None:
    """So a rename may never come before the sync of what it names."""
    calls = [*made(before / "inner" / "new", b"x", synced=False), Call("sync", str(before / "inner"))]

    assert after(before, *calls)["inner/new"] == b""


def test_a_rename_lasts_with_the_sync_of_the_folder_it_goes_to(before: Path) -> None:
    """Without the sync of the other folder the old name may be there as well."""
    new, place = before / "new", before / "inner" / "place"
    calls = [*made(new, b"x", synced=True), Call("rename", str(new), str(place)), Call("sync", str(place.parent))]

    assert after(before, *calls) == {"old": b"12345678", "inner/place": b"x"}


def test_a_folder_without_a_lasting_name_takes_its_files_along(before: Path) -> None:
    """The sync of a new folder is not enough: its own entry is in the folder above."""
    inside = before / "young" / "file"
    calls = [Call("mkdir", str(before / "young")), *made(inside, b"x", synced=True), Call("sync", str(inside.parent))]

    assert "young/file" not in after(before, *calls)


def test_a_sync_of_the_file_system_makes_all_of_it_last(before: Path) -> None:
    """Contents, names and folders."""
    inside = before / "young" / "file"
    calls = [Call("mkdir", str(before / "young")), *made(inside, b"x", synced=False), Call("sync_all", str(before))]

    assert after(before, *calls)["young/file"] == b"x"


def test_what_is_done_on_a_share_is_done(before: Path) -> None:
    """The other machine has its own power."""
    assert after(before, *made(before / "share" / "x", b"x", synced=False))["share/x"] == b"x"
