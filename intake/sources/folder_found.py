"""What is found in the export folder: files, groups that belong together, a whole listing, and what names tell."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Literal

PROCESSED = "processed"
QUARANTINE = "quarantine"
MARKER = ".done"

_UNFINISHED_ENDINGS = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp")
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
# Where the system itself puts packages and document folders: at the top, or below year and month as the national axis'
# own client stores them (`xml/2019/09/<id>.edxml`). Deeper lie a document's files, which its sender made.
_STORE = re.compile(r"(?:xml/)?(?:\d{4}/(?:0?[1-9]|1[0-2])(?:/\d{1,2})?)?", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Shape = Literal["edxml", "lone", "bare", "manifest"]


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
        return moment_of_ns(self.modified_ns)

    @property
    def changed_at(self) -> datetime:
        """When the inode last changed (content, name on many systems, rights), UTC."""
        return moment_of_ns(self.changed_ns)

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
    itself; anything else may be an attachment, and every word in it the sender's. `is_partial`: something below it
    could not be listed, so that nobody knows yet what belongs to it.
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
    is_partial: bool = False

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
    """
    Everything one walk found; `root` names the folder's inode, so that a lost mount is not taken for emptiness.

    `is_bare`: there is no entry of any kind in the folder, as in a mount point without its share. `is_cut_short`: there
    are more entries than one look reads.
    """

    root: str
    groups: list[Group] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    is_bare: bool = False
    is_cut_short: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing was left out, so that what is not listed was not there."""
        return not self.unreadable


def moment_of_ns(nanoseconds: int) -> datetime:
    """
    Return a file's time, UTC, rounded down to a microsecond, since rounded up it may be the first instant of lateness.

    A share's clock may be broken: beyond the years 1 to 9999 the nearest moment that can be written counts.
    """
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if nanoseconds > 0 else datetime.min.replace(tzinfo=UTC)


def is_ignored(name: str) -> bool:
    """Whether a name says that the thing is hidden, unfinished or litter."""
    lower = name.lower()
    return lower.startswith((".", "~$")) or lower.endswith(_UNFINISHED_ENDINGS) or lower in _LITTER


def is_litter(name: str) -> bool:
    """Whether a name is what file managers leave behind, and never somebody's document."""
    return name.startswith(".") or name.lower() in _LITTER


def numbered(name: str, number: int) -> str:
    """Return `phieu (2).pdf` for `phieu.pdf`, as a taken name gets it below `processed/`."""
    path = PurePosixPath(name)
    return f"{path.stem} ({number}){path.suffix}"


def is_systems_place(folder: str) -> bool:
    """Whether `folder` (relative, "" for the top) is where the document system itself puts packages and documents."""
    return _STORE.fullmatch(f"{folder}/" if folder == "xml" else folder) is not None


def nfc(text: str) -> str:
    """Return a path as a label: NFC, with bytes that are no UTF-8 shown as replacement characters."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
