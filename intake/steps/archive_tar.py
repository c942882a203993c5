"""Read a tar file in memory, compressed or not, with nothing but its own numbers checked at every step."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

from intake.steps.allowance import Allowance
from intake.steps.media_types import BZIP2, GZIP
from storage.records import Why

_BLOCK = 512
_CHUNK = 256 * 1024
# A long name or a PAX head beyond this is no name.
MAX_LONG_NAME = 64 * 1024
# LZMA streams may ask for gigabytes of dictionary; 128 MB is the largest preset's need, doubled.
MAX_XZ_MEMORY = 256 * 1024 * 1024


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def unpack_compressed_tar(data: bytes, media_type: str, name: str, allowance: Allowance) -> bytes | None:
    """
    Return the tar inside a gzip, bzip2 or xz file; None when something else is inside or it is damaged at the start.

    Raises LimitReached. What is broken off later gives the bytes up to there; the tar's own end then is missing.
    """
    made: list[bytes] = []
    out = 0
    for chunk in _Stream(data, media_type):
        if not made and not is_tar(chunk[: 2 * _BLOCK]):
            return None
        out += len(chunk)
        allowance.produce(len(chunk), name, out=out, packed=len(data))
        made.append(chunk)
    return b"".join(made) or None


class _Stream:
    """The decompressed bytes in chunks of bounded size; damage ends them silently."""

    def __init__(self, data: bytes, media_type: str) -> None:
        self._data = data
        self._gzip = zlib.decompressobj(wbits=31) if media_type == GZIP else None
        self._other: _Decompressor | None = None
        if media_type == BZIP2:
            self._other = bz2.BZ2Decompressor()
        elif media_type != GZIP:
            self._other = lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY)
        self._left = data

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> bytes:
        try:
            if self._gzip is not None:
                if self._gzip.eof:
                    raise StopIteration
                chunk = self._gzip.decompress(self._left, _CHUNK)
                self._left = self._gzip.unconsumed_tail
            else:
                assert self._other is not None
                if self._other.eof:
                    raise StopIteration
                chunk = self._other.decompress(self._left, _CHUNK)
                self._left = b""
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError, MemoryError):
            raise StopIteration from None
        if not chunk:
            raise StopIteration
        return chunk


def is_tar(front: bytes) -> bool:
    """Tell a tar header by its checksum (POSIX ustar, field chksum), which every tar since Unix V7 has."""
    if len(front) < _BLOCK:
        return False
    written = _octal(front[148:156])
    if written is None:
        return False
    head = front[:148] + b" " * 8 + front[156:_BLOCK]
    return written == sum(head) and front[0] != 0


def read_tar(
    data: bytes, name: str, allowance: Allowance, *, packed: int
) -> tuple[list[tuple[bytes, bytes]], tuple[Why, ...]]:
    """
    Return a tar's files as (path as written, bytes) and its flaws; raises LimitReached.

    Knows POSIX ustar, PAX paths and GNU long names. Links, devices and sparse files have no bytes of their own here and
    are reported. A header that does not add up ends the reading with ARCHIVE_DAMAGED.
    """
    found: list[tuple[bytes, bytes]] = []
    flaws: list[Why] = []
    at = out = 0
    long_name: bytes | None = None
    while at + _BLOCK <= len(data):
        head = data[at : at + _BLOCK]
        if head[0] == 0 and not head.strip(b"\x00"):
            return found, tuple(flaws)
        size = _number(head[124:136])
        if not is_tar(head) or size is None or size < 0:
            flaws.append(Why("ARCHIVE_DAMAGED", f"{name}: at byte {at}"))
            return found, tuple(flaws)
        kind = head[156:157]
        content = data[at + _BLOCK : at + _BLOCK + size] if kind not in (b"5", b"1", b"2") else b""
        path = long_name if long_name is not None else _ustar_path(head)
        at += _BLOCK + (0 if kind in (b"1", b"2", b"5") else -(-size // _BLOCK) * _BLOCK)
        if kind == b"L":
            long_name = content[:MAX_LONG_NAME].rstrip(b"\x00")
            continue
        if kind == b"x":
            long_name = _pax_path(content[:MAX_LONG_NAME]) or long_name
            continue
        long_name = None
        if kind in (b"g", b"5", b"K"):
            continue
        if kind not in (b"\x00", b"0", b"7") or path.endswith(b"/"):
            if not path.endswith(b"/"):
                code = "ARCHIVE_LINK_IGNORED" if kind in (b"1", b"2") else "ARCHIVE_DAMAGED"
                flaws.append(Why(code, f"{name}: {path[:200].decode('utf-8', 'replace')}"))
            continue
        allowance.member(name)
        out += len(content)
        allowance.produce(len(content), name, out=out, packed=packed)
        found.append((path, content))
        if len(content) < size:
            flaws.append(Why("ARCHIVE_DAMAGED", f"{name}: broken off"))
            return found, tuple(flaws)
    if not found:
        flaws.append(Why("ARCHIVE_DAMAGED", f"{name}: no file in it"))
    return found, tuple(flaws)


def _ustar_path(head: bytes) -> bytes:
    path = head[:100].split(b"\x00", 1)[0]
    prefix = head[345:500].split(b"\x00", 1)[0] if head[257:263] == b"ustar\x00" else b""
    return prefix + b"/" + path if prefix else path


def _pax_path(content: bytes) -> bytes | None:
    """Return the `path` record of a PAX head: lines of `length key=value` (POSIX pax, extended header)."""
    at = 0
    while at < len(content):
        blank = content.find(b" ", at, at + 12)
        if blank < 0 or not content[at:blank].isdigit():
            return None
        length = int(content[at:blank])
        if length <= blank - at or length > len(content) - at:
            return None
        key, _, value = content[blank + 1 : at + length].partition(b"=")
        if key == b"path":
            return value.rstrip(b"\n")
        at += length
    return None


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \x00")
    if not text:
        return 0
    if not all(code in b"01234567" for code in text):
        return None
    return int(text, 8)


def _number(field: bytes) -> int | None:
    """Read a size: octal, or base 256 with its high bit set (GNU); anything beyond 2^62 is nonsense."""
    if field[:1] == b"\x80":
        value = int.from_bytes(field[1:], "big")
        return value if value < 1 << 62 else None
    return _octal(field)
