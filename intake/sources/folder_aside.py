"""Moves what the ledger has out of the way, below `processed/`; nothing is deleted, nothing written over."""

from __future__ import annotations

from pathlib import Path

from intake.sources.folder_found import MARKER, PROCESSED, Group, is_litter, numbered

# How often one name may stand in `processed/`: more would be a loop of ours.
MOST_OF_ONE_NAME = 10_000


def put_aside(root: Path, group: Group) -> None:
    """
    Move the group's files (or its folder as a whole) to the same place below `processed/`; doing it again is harmless.

    Nothing is moved when the group is no longer what was read: it is then another thing, for the next look.
    OSError when the file system does not let it.
    """
    if not _is_unchanged(root, group):
        return
    moves = [group.place] if group.place is not None else [*(one.path for one in group.files), *group.markers]
    for path in moves:
        if not path.startswith(PROCESSED + "/") and (root / path).exists():
            _move(root, path)


def _is_unchanged(root: Path, group: Group) -> bool:
    """Whether each file is the one that was read, as far as it is still there, and a folder holds nothing new."""
    if group.place is not None:
        below = {path.relative_to(root).as_posix() for path in (root / group.place).rglob("*") if not path.is_dir()}
        markers = {path for path in below if path.lower().endswith(MARKER) and path[: -len(MARKER)] in below}
        if sum(1 for path in below - markers if not is_litter(path.rpartition("/")[2])) > len(group.files):
            return False
    for one in group.files:
        try:
            status = (root / one.path).lstat()
        except FileNotFoundError:
            continue
        # Size and time can be set as they were; the inode and its change time cannot.
        now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        if now != (one.size, one.modified_ns, one.changed_ns, one.inode):
            return False
    return True


def _move(root: Path, path: str) -> None:
    """Rename within the same file system; when the name is taken, both are kept and this one gets a number."""
    source, target = root / path, root / PROCESSED / path
    target.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, MOST_OF_ONE_NAME):
        free = target if number == 1 else target.with_name(numbered(target.name, number))
        is_folder = source.is_dir()
        try:
            # The name is reserved first, since a rename writes over what is there.
            if is_folder:
                free.mkdir()
            else:
                free.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            source.rename(free)
        except OSError:
            if is_folder:
                free.rmdir()
            else:
                free.unlink()
            raise
        return
    raise FileExistsError(f"too many files named {target.name}")
