"""The vault: every byte that arrived or that a verdict rests on, kept under its own SHA-256 and never changed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Protocol, Self
from urllib.parse import unquote, urlsplit

from config.errors import OfficeError
from storage.disk import is_alive, open_for_sync, sync_all, sync_file, sync_folder

# One read of a blob: large enough that hashing dominates, small enough for the poller's 16 MiB budget.
CHUNK_BYTES = 1024 * 1024

# A writer's temporary file that nobody has touched for so long belongs to a dead process.
LEFTOVER_SECONDS = 24 * 3600

# From so many files on, one sync of the whole file system is quicker than one of each file.
WORTH_A_SYNC_OF_ALL = 4

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


# A blob is read by the service and its group, and written by nobody: a slip of the hand does not change evidence.
FILE_MODE = 0o440
FOLDER_MODE = 0o750

INCOMING = ".incoming"


class VaultError(OfficeError):
    """The vault cannot be read or written, or does not hold what it should."""


class VaultFull(VaultError):
    """The disk (or its quota) is full: intake must pause, nothing was stored."""


class ByteSink(Protocol):
    """Anything that takes bytes: a vault writer, an open file."""

    def write(self, data: bytes, /) -> int:
        """Take the next bytes and return their number."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that are safe in the vault: their SHA-256 (hex) and their number."""

    sha256: str
    size: int


class VaultWriter(ABC):
    """
    Takes bytes and hashes them on the way; nothing is in the vault before `commit`.

    A context manager: leaving it without `commit` throws the bytes away.
    """

    @abstractmethod
    def write(self, data: bytes, /) -> int:
        """Take the next bytes; returns their number. Raises VaultFull or VaultError when the disk does not."""

    @abstractmethod
    def commit(self) -> Stored:
        """Make the bytes durable under their digest; when it returns they survive a power loss. Call it once."""

    @abstractmethod
    def discard(self) -> None:
        """Throw the bytes away; after `commit`, and a second time, it does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class VaultBatch(ABC):
    """
    Several blobs that become durable together, for draining a mailbox: waiting for the disk once is enough.

    A context manager: leaving it throws away what was written and not committed since.
    """

    @abstractmethod
    def writing(self) -> VaultWriter:
        """Give a writer whose `commit` hashes and closes the blob, and makes nothing durable yet."""

    @abstractmethod
    def commit(self) -> None:
        """Make all blobs written so far durable; when it returns they survive a power loss. May be repeated."""

    @abstractmethod
    def discard(self) -> None:
        """Throw away what is not committed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Vault(ABC):
    """
    Bytes by their digest; the same bytes are kept once, and nothing is ever deleted or changed.

    Every digest given must be 64 lower-case hex digits (ValueError otherwise: it becomes a path).
    Safe for use from several threads and processes.
    """

    @staticmethod
    def at(url: str) -> Vault:
        """Open the vault at `file:PATH` or `s3://bucket/prefix`; its place is made if it is not there."""
        kind, colon, rest = url.partition(":")
        if kind == "file" and colon and rest:
            path = unquote(urlsplit(url).path) if rest.startswith("//") else rest
            return FileVault(Path(path))
        if kind == "s3" and rest.strip("/"):
            # Its library is an extra, looked for only where it is asked for; that file builds on this one.
            from storage.object_vault import open_object_vault

            return open_object_vault(url)
        raise VaultError("VAULT_URL_WRONG", url=repr(url))

    @abstractmethod
    def writing(self) -> VaultWriter:
        """Give a writer for one blob of any size: `with vault.writing() as writer: …; stored = writer.commit()`."""

    @abstractmethod
    def batch(self) -> VaultBatch:
        """Give a batch: write several blobs, then `commit` it before anything else speaks of them."""

    def put(self, data: bytes) -> Stored:
        """Keep `data`; durable when it returns."""
        with self.writing() as writer:
            writer.write(data)
            return writer.commit()

    @abstractmethod
    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading; the caller closes it. Raises VaultError when it is not there."""

    def read(self, sha256: str) -> bytes:
        """Return a blob whole, proven by its digest; raises VaultError when it is missing or no longer matches."""
        try:
            with self.open(sha256) as blob:
                data = blob.read()
        except OSError as cause:
            raise _in_words(cause, f"the stored file {sha256} cannot be read") from cause
        if hashlib.sha256(data).hexdigest() != sha256:
            raise VaultError("VAULT_FILE_DAMAGED", sha256=sha256)
        return data

    @abstractmethod
    def size(self, sha256: str) -> int | None:
        """The stored size in bytes, None when the blob is not there."""

    def holds_intact(self, sha256: str) -> bool:
        """Whether the blob is there and its bytes still have this digest; reads it whole."""
        if self.size(sha256) is None:
            return False
        hasher = hashlib.sha256()
        try:
            with self.open(sha256) as blob:
                while chunk := blob.read(CHUNK_BYTES):
                    hasher.update(chunk)
        except (OSError, VaultError):
            return False
        return hasher.hexdigest() == sha256

    @abstractmethod
    def digests(self) -> Iterator[str]:
        """Every digest that is kept, in no particular order."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """How many bytes still fit; None where that has no meaning."""


class FileVault(Vault):
    """
    A vault in a folder: `ab/cd/abcd…` for each digest, `.incoming/` for what is being written.

    Writing goes to a temporary file in the same file system; `commit` syncs the file, renames it into place and
    syncs every folder whose entries changed, in this order, so that after a power loss a digest that was reported
    as stored is there whole, and one that was not is not there at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._incoming = self.folder / INCOMING
        # Folders that this process has made durable: one that another made a moment ago may not be on disk yet.
        self._durable: set[Path] = set()
        try:
            self._incoming.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            sync_folder(self.folder)
            sync_folder(self.folder.parent)
        except OSError as cause:
            raise _in_words(cause, f"the vault {self.folder} cannot be made") from cause
        self._clear_leftovers()

    def writing(self) -> VaultWriter:
        return _FileWriter(self._incoming, self._keep, syncs=True)

    def batch(self) -> VaultBatch:
        return _FileBatch(self, self._incoming)

    def keep_all(self, written: Sequence[_Written], handle: int) -> None:
        """
        Make closed temporary files durable and put them in their places, waiting for the disk twice in all.

        `handle` is one for sync_all that was opened before they were written.
        """
        together = len(written) >= WORTH_A_SYNC_OF_ALL
        if not (together and sync_all(handle)):
            for one in written:
                sync_file(one.path)
        changed: dict[Path, None] = {}
        for one in written:
            changed |= self._put_in_place(one)
        if not (together and sync_all(handle)):
            for folder in changed:
                sync_folder(folder)
        self._durable |= changed.keys()

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError as cause:
            raise VaultError("VAULT_LACKS_FILE", sha256=sha256) from cause
        except OSError as cause:
            raise _in_words(cause, f"the stored file {sha256} cannot be opened") from cause

    def size(self, sha256: str) -> int | None:
        try:
            return self._place(sha256).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise _in_words(cause, f"the stored file {sha256} cannot be looked at") from cause

    def digests(self) -> Iterator[str]:
        try:
            for first in sorted(entry.name for entry in os.scandir(self.folder)):
                if len(first) != 2 or not (self.folder / first).is_dir():
                    continue
                for second in sorted(entry.name for entry in os.scandir(self.folder / first)):
                    for entry in sorted(entry.name for entry in os.scandir(self.folder / first / second)):
                        if _DIGEST.match(entry):
                            yield entry
        except OSError as cause:
            raise _in_words(cause, f"the vault {self.folder} cannot be listed") from cause

    def free_bytes(self) -> int | None:
        try:
            room = os.statvfs(self.folder)
        except OSError as cause:
            raise _in_words(cause, f"the vault {self.folder} cannot be reached") from cause
        return room.f_bavail * room.f_frsize

    def path_of(self, sha256: str) -> Path:
        """Where the blob is or would be, for a copy by hard link; nobody may write there."""
        return self._place(sha256)

    def _place(self, sha256: str) -> Path:
        digest = checked_digest(sha256)
        return self.folder / digest[:2] / digest[2:4] / digest

    def _keep(self, written: _Written) -> None:
        """Put one synced temporary file in its place, and make the place durable."""
        # All entries first, then the syncs: the first makes the file system write everything, the others find it done.
        changed = self._put_in_place(written)
        for folder in changed:
            sync_folder(folder)
        self._durable |= changed.keys()

    def _put_in_place(self, written: _Written) -> dict[Path, None]:
        """Give a synced temporary file its name; returns the folders whose entries are to be synced."""
        place = self._place(written.stored.sha256)
        changed: dict[Path, None] = {place.parent: None}
        for folder in (place.parent.parent, place.parent):
            if folder not in self._durable:
                folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
                changed |= dict.fromkeys((folder, folder.parent))
        self._move(written, place)
        return changed

    def _move(self, written: _Written, place: Path) -> None:
        """Put a synced temporary file in its place, or keep the one that is there if it is intact."""
        if self.size(written.stored.sha256) == written.stored.size and self.holds_intact(written.stored.sha256):
            written.path.unlink()
            # Its writer may have died between rename and sync, so the promise is made again.
            sync_file(place)
        else:
            written.path.rename(place)

    def _clear_leftovers(self) -> None:
        """Remove temporary files whose writer is dead: a process of this machine that is gone, or a day of silence."""
        here = socket.gethostname()
        try:
            leftovers = list(self._incoming.iterdir())
        except OSError as cause:
            raise _in_words(cause, f"the vault {self.folder} cannot be listed") from cause
        for leftover in leftovers:
            host, _, rest = leftover.name.rpartition("@")
            pid = rest.partition("-")[0]
            try:
                silent = time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS
                if silent or (host == here and pid.isdigit() and not is_alive(int(pid))):
                    leftover.unlink()
            except OSError:
                continue  # Another process was first, or it is not ours to remove: it harms nobody.


@dataclass(frozen=True, slots=True)
class _Written:
    """A temporary file that is written, closed and hashed, but not yet durable."""

    path: Path
    stored: Stored


class _FileWriter(VaultWriter):
    """A temporary file, hashed as it grows; `keep` takes it over when it is whole, synced or not."""

    def __init__(self, incoming: Path, keep: Callable[[_Written], None], *, syncs: bool) -> None:
        self._keep = keep
        self._syncs = syncs
        self._is_kept = False
        self._hasher = hashlib.sha256()
        self._size = 0
        self._path = incoming / f"{socket.gethostname()}@{os.getpid()}-{secrets.token_hex(8)}"
        try:
            # Unbuffered: the chunks are large, and a failed write must fail here, not at close.
            self._file = self._path.open("xb", buffering=0)
        except OSError as cause:
            raise _in_words(cause, "the vault cannot take a file") from cause

    def write(self, data: bytes, /) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as cause:
            raise _in_words(cause, "the vault cannot take a file") from cause
        self._hasher.update(data)
        self._size += len(data)
        return len(data)

    def commit(self) -> Stored:
        stored = Stored(self._hasher.hexdigest(), self._size)
        try:
            os.fchmod(self._file.fileno(), FILE_MODE)
            if self._syncs:
                os.fsync(self._file.fileno())
            self._file.close()
            self._keep(_Written(self._path, stored))
        except OSError as cause:
            raise _in_words(cause, "the vault cannot take a file") from cause
        self._is_kept = True
        return stored

    def discard(self) -> None:
        if not self._is_kept:
            _throw_away(self._file, self._path)


class _FileBatch(VaultBatch):
    """Temporary files that wait to become durable together."""

    def __init__(self, vault: FileVault, incoming: Path) -> None:
        self._vault = vault
        self._incoming = incoming
        self._written: list[_Written] = []
        self._handle = -1

    def writing(self) -> VaultWriter:
        if self._handle < 0:
            try:
                self._handle = open_for_sync(self._vault.folder)
            except OSError as cause:
                raise _in_words(cause, f"the vault {self._vault.folder} cannot be reached") from cause
        return _FileWriter(self._incoming, self._written.append, syncs=False)

    def commit(self) -> None:
        if not self._written:
            return
        try:
            self._vault.keep_all(self._written, self._handle)
        except OSError as cause:
            raise _in_words(cause, "the vault cannot take these files") from cause
        self._written.clear()

    def discard(self) -> None:
        for one in self._written:
            _throw_away(None, one.path)
        self._written.clear()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _throw_away(file: IO[bytes] | None, path: Path) -> None:
    try:
        if file is not None:
            file.close()
        path.unlink(missing_ok=True)
    except OSError:
        return  # What stays is cleared at the next start; the error that led here matters more.


def checked_digest(sha256: str) -> str:
    """Return the digest if it is one, 64 lower-case hex digits; raises ValueError otherwise: it becomes a path."""
    if not _DIGEST.match(sha256):
        raise ValueError(f"not a SHA-256 in lower-case hex: {sha256!r}")
    return sha256


def _in_words(cause: OSError, what: str) -> VaultError:
    """Say what the disk did, and what to do about it."""
    why = cause.strerror or cause
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return VaultFull("VAULT_FULL", what=what, why=why)
    return VaultError("VAULT_AWAY", what=what, why=why)
