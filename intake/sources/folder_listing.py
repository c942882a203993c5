"""What lies in the export folder: plain files, told from links and half-written things, grouped as they belong."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from intake.sources.manifest import MANIFEST_NAME, OTHER_MANIFEST_NAMES

PROCESSED = "processed"
QUARANTINE = "quarantine"

# A store directory is some levels deep (year, month, document); a tree without end is a loop or an attack.
MAX_DEPTH = 16

# One look may meet an archive of years; beyond this the oldest names come first and the rest at later looks.
MAX_ENTRIES = 200_000

READ_OCTETS = 256 * 1024

_UNFINISHED_ENDINGS = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp")
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
# Where the system itself puts packages and document folders: at the top, or below year and month as the national axis'
# own client stores them (`xml/2019/09/<id>.edxml`). Deeper lie a document's files, which its sender made.
_STORE = re.compile(r"(?:xml/)?(?:\d{4}/(?:0?[1-9]|1[0-2])(?:/\d{1,2})?)?", re.IGNORECASE)
_MARKER = ".done"

Shape = Literal["edxml", "lone", "bare", "manifest"]


class NotPlain(OSError):
    """Something that is not a plain file, or no longer one: never read."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """
    A plain file as listed: its real path relative to the folder, the same in NFC, and what `lstat` said.

    `changed_ns` is the inode's change time, which no `touch` can set.
    """

    path: str
    label: str
    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @property
    def modified_at(self) -> datetime:
        """The file's own time, UTC."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC)

    @property
    def changed_at(self) -> datetime:
        """When the inode last changed (content, name on many systems, rights), UTC."""
        return datetime.fromtimestamp(self.changed_ns / 1e9, UTC)

    @property
    def print(self) -> tuple[str, int, int]:
        """What must be equal over two looks for the file to be at rest."""
        return (self.label, self.size, self.modified_ns)


@dataclass(frozen=True, slots=True)
class Group:
    """
    Files that make one delivery; `label` names it: a file's path, or the folder's for a manifest folder.

    `place` is the real path that is moved as a whole for a manifest folder, else None (the files are moved one
    by one, with `markers`). `base` is what the files' names are relative to. `is_marked`: a `.done` marker says it is
    finished. `is_systems_own`: by its place and shape it is a package or a manifest that the document system wrote
    itself; anything else may be an attachment, and every word in it the sender's.
    """

    shape: Shape
    label: str
    base: str
    files: tuple[FoundFile, ...]
    place: str | None = None
    manifest: FoundFile | None = None
    markers: tuple[str, ...] = ()
    is_marked: bool = False
    awaits_content: bool = False
    is_systems_own: bool = False

    @property
    def print(self) -> str:
        """What must be equal over two looks, as text."""
        return ";".join(f"{label}:{size}:{modified}" for label, size, modified in (one.print for one in self.files))

    @property
    def mark(self) -> str:
        """What tells it from the other groups of a listing; a real path, which may be no UTF-8."""
        return self.place if self.place is not None else self.files[-1].path

    @property
    def octets(self) -> int:
        """All its files together."""
        return sum(one.size for one in self.files)

    @property
    def modified_at(self) -> datetime:
        """The newest time of its files: when the last piece was there."""
        return max(one.modified_at for one in self.files)

    @property
    def changed_at(self) -> datetime:
        """The newest change time of its files' inodes."""
        return max(one.changed_at for one in self.files)


@dataclass(slots=True)
class Listing:
    """Everything one walk found; `root` names the folder's inode, so that a lost mount is not taken for emptiness."""

    root: str
    groups: list[Group] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing was left out, so that what is not listed was not there."""
        return not self.unreadable


def list_folder(root: Path, *, leave_out: frozenset[str], check: Callable[[], None]) -> Listing:
    """
    Walk `root` without following any link; OSError when the folder itself cannot be listed.

    Left out: `processed/`, `quarantine/` and `leave_out` (relative paths), dot files, and what is still being written
    by its name (`*.part`, `*.tmp`, `~$*`, …). `check` is called for each entry and may raise to end the walk.
    """
    status = root.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{root} is not a folder")
    listing = Listing(f"{status.st_dev}:{status.st_ino}")
    walk = _Walk(root, leave_out | {PROCESSED, QUARANTINE}, check, listing)
    walk.folder("", 0)
    listing.groups.sort(key=lambda group: (group.modified_at, group.label))
    return listing


def read_plain(root: Path, path: str) -> Iterator[bytes]:
    """
    Yield the bytes of the plain file at `path` below `root`; no link is followed on any step of the way.

    Raises NotPlain when something else stands there now, OSError when it cannot be read.
    """
    handle = _open_beneath(root, path)
    with os.fdopen(handle, "rb", buffering=0) as file:
        while chunk := file.read(READ_OCTETS):
            yield chunk


def is_ignored(name: str) -> bool:
    """Whether a name says that the thing is hidden, unfinished or litter."""
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower.endswith(_UNFINISHED_ENDINGS) or lower in _LITTER


def is_systems_place(folder: str) -> bool:
    """Whether `folder` (relative, "" for the top) is where the document system itself puts packages and documents."""
    return _STORE.fullmatch(f"{folder}/" if folder == "xml" else folder) is not None


def nfc(text: str) -> str:
    """Return a path as a label: NFC, with bytes that are no UTF-8 shown as replacement characters."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


class _Walk:
    """One walk over the folder."""

    def __init__(self, root: Path, leave_out: frozenset[str], check: Callable[[], None], listing: Listing) -> None:
        self._root = root
        self._leave_out = leave_out
        self._check = check
        self._listing = listing
        self._count = 0

    def folder(self, path: str, depth: int) -> None:
        """List one folder and those below it; a folder with a manifest becomes one group."""
        entries = self._entries(path, depth)
        names = {nfc(name).lower() for name, is_folder in entries if not is_folder}
        if path and names & ({MANIFEST_NAME} | OTHER_MANIFEST_NAMES):
            self._manifest_folder(path, depth, entries)
            return
        files = {}
        markers = {}
        for name, is_folder in entries:
            below = f"{path}/{name}" if path else name
            if is_folder:
                if below not in self._leave_out and not is_ignored(name):
                    self.folder(below, depth + 1)
            elif nfc(name).lower().endswith(_MARKER) and nfc(name).lower() != _MARKER:
                markers[nfc(name)[: -len(_MARKER)]] = below
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
                content = by_label.get(found.label.lower()[: -len(".p7s")])
                if content:
                    taken.update((found.path, content[0].path))
                    self._group("bare", path, (content[0], found), markers)
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
        try:
            content = self._look_at(f"{PROCESSED}/{stem}", nfc(stem))
        except OSError:
            content = None
        if content is not None:
            self._group("bare", path, (content, found), markers)
        else:
            self._group("lone", path, (found,), markers, awaits_content=True)

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
        open_folders = [(path, depth, entries)]
        while open_folders:
            here, level, inside = open_folders.pop()
            for name, is_folder in inside:
                below = f"{here}/{name}"
                if name == _MARKER and here == path:
                    is_marked = True
                elif is_ignored(name):
                    continue
                elif is_folder:
                    open_folders.append((below, level + 1, self._entries(below, level + 1)))
                elif (found := self._file(below)) is not None:
                    files.append(found)
        files.sort(key=lambda one: one.label)
        own = {one.label.rsplit("/", 1)[-1].lower(): one for one in files if one.path.count("/") == path.count("/") + 1}
        manifest = own.get(MANIFEST_NAME)
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
                        self._listing.unreadable.append(nfc(path))
                        break
                    if entry.is_dir(follow_symlinks=False):
                        found.append((entry.name, True))
                    elif entry.is_file(follow_symlinks=False):
                        found.append((entry.name, False))
                    elif not is_ignored(entry.name):
                        self._listing.rejected.append(nfc(f"{path}/{entry.name}" if path else entry.name))
        except OSError:
            if not path:
                raise
            self._listing.unreadable.append(nfc(path))
        return sorted(found)

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


def _open_beneath(root: Path, path: str) -> int:
    """Open a plain file for reading, step by step without following links, and without waiting on a pipe."""
    steps = path.split("/")
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps[:-1]:
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = below
        file = os.open(steps[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    finally:
        os.close(handle)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotPlain(f"{path} is not a plain file")
    return file
