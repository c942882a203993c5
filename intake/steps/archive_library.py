"""Read RAR and 7z files, and ZIP files in unusual shape, through libarchive where the system has it."""

from __future__ import annotations

import ctypes
import importlib
import logging
from functools import cache
from types import ModuleType

from intake.steps.allowance import Allowance, LimitReached
from storage.records import Why

_CHUNK = 256 * 1024
# Words in libarchive's messages that mean a password is needed; it has no error number of its own for that.
_ENCRYPTION_WORDS = ("encrypt", "passphrase", "password", "crypto")


@cache
def _library() -> ModuleType | None:
    """Return the binding, or None where the system's shared library is missing: importing it loads the library."""
    # The binding logs libarchive's warnings about an archive's content; the findings say what is worth saying.
    logging.getLogger("libarchive").setLevel(logging.CRITICAL)
    try:
        return importlib.import_module("libarchive")
    except (ImportError, OSError, AttributeError, TypeError):
        return None


def library_is_there() -> bool:
    """Tell whether RAR and 7z files can be opened on this machine (for `intake doctor`)."""
    return _library() is not None


def read_by_library(
    data: bytes, kind: str, name: str, allowance: Allowance
) -> tuple[list[tuple[str | bytes, bytes]], tuple[Why, ...]]:
    """
    Return an archive's files as (path as written, bytes) and its flaws; `kind` is 7zip, rar or zip.

    Raises LimitReached, nothing else. Encrypted: no file at all and ARCHIVE_ENCRYPTED, so that nobody takes half
    an archive for the whole.
    """
    library = _library()
    if library is None:
        return [], (Why("ARCHIVE_NOT_OPENED", f"{name}: libarchive is not installed"),)
    found: list[tuple[str | bytes, bytes]] = []
    flaws: list[Why] = []
    out = 0
    formats = ("rar5", "rar") if kind == "rar" else (kind,)
    chosen = formats[0] if kind != "rar" or data[:8] == b"Rar!\x1a\x07\x01\x00" else "rar"
    try:
        with library.memory_reader(data, format_name=chosen, filter_name="none") as reader:
            for entry in reader:
                path = entry.pathname or ""
                if entry.issym or entry.islnk:
                    flaws.append(Why("ARCHIVE_LINK_IGNORED", f"{name}: {path!s}"))
                    continue
                if not entry.isfile:
                    continue
                if _is_locked(library, entry):
                    return [], (Why("ARCHIVE_ENCRYPTED", name),)
                allowance.member(name)
                chunks: list[bytes] = []
                for chunk in _Blocks(library, reader):
                    out += len(chunk)
                    allowance.produce(len(chunk), name, out=out, packed=len(data))
                    chunks.append(chunk)
                found.append((path, b"".join(chunks)))
    except LimitReached:
        raise
    except Exception as cause:  # the binding raises ArchiveError, and others for odd names
        text = str(cause).lower()
        if any(word in text for word in _ENCRYPTION_WORDS):
            return [], (Why("ARCHIVE_ENCRYPTED", name),)
        flaws.append(Why("ARCHIVE_DAMAGED", f"{name}: {str(cause)[:200]}"))
    if not found and not flaws:
        flaws.append(Why("ARCHIVE_DAMAGED", f"{name}: no file in it"))
    return found, tuple(flaws)


def _is_locked(library: ModuleType, entry: object) -> bool:
    """Tell whether the entry's content is encrypted: of a RAR 4, libarchive would hand out the cipher text."""
    ask = library.ffi.libarchive.archive_entry_is_encrypted
    ask.argtypes, ask.restype = [ctypes.c_void_p], ctypes.c_int
    return bool(ask(getattr(entry, "_entry_p")))  # noqa: B009 - the binding has no public way to it


class _Blocks:
    """
    The present entry's bytes in blocks.

    The binding's own `get_blocks` takes libarchive's warning number (-20) for a length; here any negative number ends
    the entry as damaged.
    """

    def __init__(self, library: ModuleType, reader: object) -> None:
        self._read = library.ffi.read_data
        self._pointer = getattr(reader, "_pointer")  # noqa: B009 - the binding has no public way to it
        self._buffer = ctypes.create_string_buffer(_CHUNK)

    def __iter__(self) -> _Blocks:
        return self

    def __next__(self) -> bytes:
        count = int(self._read(self._pointer, self._buffer, _CHUNK))
        if count < 0:
            raise ValueError("damaged entry")
        if count == 0:
            raise StopIteration
        return ctypes.string_at(self._buffer, count)
