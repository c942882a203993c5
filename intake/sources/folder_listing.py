"""What lies in the export folder: plain files, told from links and half-written things, grouped as they belong."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from intake.sources.folder_found import (
    MARKER,
    PROCESSED,
    QUARANTINE,
    FoundFile,
    Group,
    Listing,
    Shape,
    is_ignored,
    is_systems_place,
    nfc,
    numbered,
)
from intake.sources.manifest import OTHER_MANIFEST_NAMES
from intake.steps.bundle import MANIFEST_NAME, own_manifest

# A store directory is some levels deep (year, month, document); a tree without end is a loop or an attack.
MAX_DEPTH = 16

# One look may meet an archive of years. What lies beyond this is not seen, which is trouble and never silence.
MAX_ENTRIES = 200_000


def list_folder(root: Path, *, leave_out: frozenset[str], check: Callable[[], None], manifests: bool = True) -> Listing:
    """
    Walk `root` without following any link; OSError when the folder itself cannot be listed, or is another at the end.

    Left out: `processed/`, `quarantine/` and `leave_out` (relative paths), dot files, and what is still being written
    by its name (`*.part`, `*.tmp`, `~$*`, …). `check` is called for each entry and may raise to end the walk. Without
    `manifests` a file called manifest.json is a document like any other.
    """
    listing = Listing(_identity(root))
    walk = _Walk(root, leave_out | {PROCESSED, QUARANTINE}, check, listing, manifests=manifests)
    walk.folder("", 0)
    if _identity(root) != listing.root:
        # A share that went away during the walk: its files are missing from this listing and were never gone.
        raise OSError(errno.ESTALE, "the folder was mounted or unmounted meanwhile")
    listing.groups.sort(key=lambda group: (group.modified_at, group.label))
    return listing


def _identity(root: Path) -> str:
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder")
    return f"{status.st_dev}:{status.st_ino}"


class _Walk:
    """One walk over the folder."""

    def __init__(
        self, root: Path, leave_out: frozenset[str], check: Callable[[], None], listing: Listing, *, manifests: bool
    ) -> None:
        self._root = root
        self._manifests = manifests
        self._leave_out = leave_out
        self._check = check
        self._listing = listing
        self._count = 0

    def folder(self, path: str, depth: int) -> None:
        """List one folder and those below it; a folder with a manifest becomes one group."""
        entries = self._entries(path, depth)
        names = {nfc(name).lower() for name, is_folder in entries if not is_folder}
        if path and self._manifests and names & ({MANIFEST_NAME} | OTHER_MANIFEST_NAMES):
            self._manifest_folder(path, depth, entries)
            return
        files = {}
        markers = {}
        for name, is_folder in entries:
            below = f"{path}/{name}" if path else name
            if is_folder:
                if below not in self._leave_out and not is_ignored(name):
                    self.folder(below, depth + 1)
            elif nfc(name).lower().endswith(MARKER) and nfc(name).lower() != MARKER:
                markers[nfc(name)[: -len(MARKER)]] = below
            elif not is_ignored(name):
                found = self._file(below)
                if found is not None:
                    files[below] = found
        self._bare(path, files, markers)

    def _bare(self, path: str, files: dict[str, FoundFile], markers: dict[str, str]) -> None:
        """Group the files of one folder: each alone, or with the `.p7s` beside it."""
        by_label: dict[str, list[FoundFile]] = {}
        for found in files.values():
            by_label.setdefault(found.label.lower(), []).append(found)
        taken: set[str] = set()
        for found in files.values():
            if found.label.lower().endswith(".p7s"):
                content = _signed_by(found, by_label.get(found.label.lower()[: -len(".p7s")], []))
                if content is not None:
                    taken.update((found.path, content.path))
                    self._group("bare", path, (content, found), markers)
        for found in files.values():
            if found.path in taken:
                continue
            lower = found.label.lower()
            if lower.endswith(".p7s"):
                self._lonely_signature(path, found, markers)
            else:
                self._group("edxml" if lower.endswith(".edxml") else "lone", path, (found,), markers)

    def _lonely_signature(self, path: str, found: FoundFile, markers: dict[str, str]) -> None:
        """Pair a signature that came late with its document, which has been taken and moved meanwhile."""
        stem = found.path[: -len(".p7s")]
        content = self._taken_last(stem)
        if content is not None:
            self._group("bare", path, (content, found), markers)
        else:
            self._group("lone", path, (found,), markers, awaits_content=True)

    def _taken_last(self, stem: str) -> FoundFile | None:
        """Return what was taken last under this name: of several below `processed/` the one with the highest number."""
        folder, _, name = stem.rpartition("/")
        last: FoundFile | None = None
        for number in range(1, MAX_ENTRIES):
            moved = name if number == 1 else numbered(name, number)
            try:
                there = self._look_at("/".join(filter(None, (PROCESSED, folder, moved))), nfc(stem))
            except OSError:
                break
            last = there or last
        return last

    def _group(
        self,
        shape: Shape,
        path: str,
        files: tuple[FoundFile, ...],
        markers: dict[str, str],
        *,
        awaits_content: bool = False,
    ) -> None:
        names = [one.label.rsplit("/", 1)[-1] for one in files]
        marks = tuple(markers[name] for name in names if name in markers)
        self._listing.groups.append(
            Group(
                shape,
                files[0].label,
                nfc(path),
                files,
                markers=marks,
                is_marked=bool(marks),
                awaits_content=awaits_content,
                is_systems_own=shape == "edxml" and is_systems_place(nfc(path)),
            )
        )

    def _manifest_folder(self, path: str, depth: int, entries: list[tuple[str, bool]]) -> None:
        """Take everything below a folder that has a manifest as one group."""
        files: list[FoundFile] = []
        is_marked = False
        unreadable = len(self._listing.unreadable)
        open_folders = [(path, depth, entries)]
        while open_folders:
            here, level, inside = open_folders.pop()
            names = {name for name, is_folder in inside if not is_folder}
            for name, is_folder in inside:
                below = f"{here}/{name}"
                if name == MARKER and here == path:
                    is_marked = True
                elif is_ignored(name) or (name.lower().endswith(MARKER) and name[: -len(MARKER)] in names):
                    continue
                elif is_folder:
                    open_folders.append((below, level + 1, self._entries(below, level + 1)))
                elif (found := self._file(below)) is not None:
                    files.append(found)
        files.sort(key=lambda one: one.label)
        beside = {one.label.rsplit("/", 1)[-1]: one for one in files if one.path.count("/") == path.count("/") + 1}
        manifest = beside.get(own_manifest(beside) or "")
        if files:
            self._listing.groups.append(
                Group(
                    "manifest",
                    nfc(path),
                    nfc(path),
                    tuple(files),
                    place=path,
                    manifest=manifest,
                    is_marked=is_marked,
                    is_systems_own=manifest is not None and is_systems_place(nfc(path).rpartition("/")[0]),
                    is_partial=len(self._listing.unreadable) > unreadable,
                )
            )

    def _entries(self, path: str, depth: int) -> list[tuple[str, bool]]:
        """Return names below `path`, sorted, with whether each is a folder; links and special files are rejected."""
        found: list[tuple[str, bool]] = []
        if depth > MAX_DEPTH:
            self._listing.rejected.append(nfc(path))
            return found
        try:
            with os.scandir(self._root / path) as entries:
                for entry in entries:
                    self._check()
                    self._count += 1
                    if self._count > MAX_ENTRIES:
                        self._listing.is_cut_short = True
                        self._listing.unreadable.append(nfc(path))
                        break
                    self._entry(entry, path, found)
        except OSError:
            if not path:
                raise
            self._listing.unreadable.append(nfc(path))
        if not path:
            self._listing.is_bare = self._count == 0
        return sorted(found)

    def _entry(self, entry: os.DirEntry[str], path: str, found: list[tuple[str, bool]]) -> None:
        """Note one entry; one that cannot be looked at (a stale handle) does not stop those beside it."""
        below = f"{path}/{entry.name}" if path else entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                found.append((entry.name, True))
            elif entry.is_file(follow_symlinks=False):
                found.append((entry.name, False))
            elif not is_ignored(entry.name):
                self._listing.rejected.append(nfc(below))
        except OSError:
            self._listing.unreadable.append(nfc(below))

    def _file(self, path: str) -> FoundFile | None:
        try:
            return self._look_at(path, nfc(path))
        except FileNotFoundError:
            return None  # It was taken away between listing and looking; the next listing is the truth.
        except OSError:
            self._listing.unreadable.append(nfc(path))
            return None

    def _look_at(self, path: str, label: str) -> FoundFile | None:
        status = (self._root / path).lstat()
        if not stat.S_ISREG(status.st_mode):
            return None
        return FoundFile(path, label, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _signed_by(signature: FoundFile, candidates: list[FoundFile]) -> FoundFile | None:
    """Return the file that a `.p7s` lies beside: its very name first, then in NFC, then whatever the case."""
    path, label = signature.path[: -len(".p7s")], signature.label[: -len(".p7s")]
    ranked = sorted(candidates, key=lambda one: (one.path != path, one.label != label, one.path))
    return ranked[0] if ranked else None
