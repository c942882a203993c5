"""Open a ZIP, tar, RAR or 7z file in memory and hand out its members; nothing is ever written under a member's name."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from intake.steps.allowance import MAX_MEMBERS, Allowance, LimitReached
from intake.steps.archive_library import read_by_library
from intake.steps.archive_tar import read_tar, unpack_compressed_tar
from intake.steps.charsets import Decoded, guess
from intake.steps.media_types import BZIP2, GZIP, RAR, SEVEN_ZIP, TAR, XZ, ZIP
from intake.steps.office_files import zip_names
from storage.records import Why

ARCHIVES = frozenset({ZIP, RAR, SEVEN_ZIP, TAR, GZIP, BZIP2, XZ})

# What the standard library raises for a member that is not what its directory says.
_MEMBER_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OSError,
    RuntimeError,
    struct.error,
)
_CHUNK = 256 * 1024
_ENCRYPTED_FLAGS = 0x01 | 0x40 | 0x2000
_UNIX_LINK = 0o120000
_LOCAL_HEAD = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path as written there (a label only), and its bytes."""

    path: str
    data: bytes = field(repr=False)
    path_guessed: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """
    What an archive gave: its members in order, and its flaws.

    `whole` is False when it could not be opened, or not all of it: then the archive itself remains a leaf too, so that
    no byte of it is missing. `compressed_file` says that it is one compressed file and no archive.
    """

    members: tuple[Member, ...]
    whole: bool
    problems: tuple[Why, ...] = ()


def open_archive(data: bytes, media_type: str, name: str, allowance: Allowance) -> Opened:
    """
    Open an archive of a kind in ARCHIVES; nothing raises, a reached limit gives no member at all.

    `name` serves for findings only. Encrypted archives, volumes of a split one and single compressed files are not
    opened. Where libarchive is not installed, RAR and 7z stay closed with a finding.
    """
    try:
        return _open(data, media_type, name, allowance)
    except LimitReached as reached:
        return Opened((), False, (reached.why,))


def _open(data: bytes, media_type: str, name: str, allowance: Allowance) -> Opened:
    if media_type == ZIP:
        return _open_zip(data, name, allowance)
    if media_type == TAR:
        return _from_tar(data, name, allowance, packed=len(data))
    if media_type in (GZIP, BZIP2, XZ):
        inner = unpack_compressed_tar(data, media_type, name, allowance)
        if inner is None:
            return Opened((), False, (Why("COMPRESSED_FILE_NOT_OPENED", name),))
        return _from_tar(inner, name, allowance, packed=len(data))
    volume = _rar_volume(data) if media_type == RAR else None
    if volume is not None:
        return Opened((), False, (Why(volume, name),))
    return _from_library(data, "7zip" if media_type == SEVEN_ZIP else "rar", name, allowance)


def _from_tar(data: bytes, name: str, allowance: Allowance, *, packed: int) -> Opened:
    found, flaws = read_tar(data, name, allowance, packed=packed)
    members = tuple(_member(path, content) for path, content in found)
    return Opened(members, not any(flaw.code == "ARCHIVE_DAMAGED" for flaw in flaws), flaws)


def _from_library(data: bytes, kind: str, name: str, allowance: Allowance) -> Opened:
    found, flaws = read_by_library(data, kind, name, allowance)
    members = tuple(
        Member(path, content) if isinstance(path, str) else _member(path, content) for path, content in found
    )
    closed = {"ARCHIVE_DAMAGED", "ARCHIVE_ENCRYPTED", "ARCHIVE_NOT_OPENED", "ARCHIVE_MULTI_VOLUME"}
    return Opened(members, not any(flaw.code in closed for flaw in flaws), flaws)


def _member(path: bytes, content: bytes) -> Member:
    decoded = guess(path)
    return Member(decoded.text, content, path_guessed=not decoded.certain)


def _open_zip(data: bytes, name: str, allowance: Allowance) -> Opened:
    """
    Read a ZIP member by member.

    1. Refuse what may not be opened: too many entries, a volume of a split archive, encryption.
    2. Read each member by stream, counting what comes out.
    3. What the standard library cannot read is tried once with libarchive, and reported as damaged.
    """
    # 1. Count raw entries first: the library makes an object of each before anybody can say stop.
    if len(zip_names(data)) > MAX_MEMBERS:
        raise LimitReached(Why("LIMIT_PARTS", f"{name}: more than {MAX_MEMBERS} members"))
    if _is_zip_volume(data):
        return Opened((), False, (Why("ARCHIVE_MULTI_VOLUME", name),))
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError, OverflowError):
        return _salvaged(data, name, allowance)
    entries = archive.infolist()
    if any(entry.flag_bits & _ENCRYPTED_FLAGS for entry in entries):
        return Opened((), False, (Why("ARCHIVE_ENCRYPTED", name),))
    # 2.
    members: list[Member] = []
    problems: list[Why] = []
    out = 0
    whole = True
    for entry in entries:
        if entry.is_dir():
            continue
        label = _zip_path(entry)
        if (entry.external_attr >> 16) & 0o170000 == _UNIX_LINK and entry.create_system == 3:
            problems.append(Why("ARCHIVE_LINK_IGNORED", f"{name}: {label.text}"))
            continue
        allowance.member(name)
        chunks: list[bytes] = []
        try:
            with archive.open(entry) as stream:
                while chunk := stream.read(_CHUNK):
                    out += len(chunk)
                    allowance.produce(len(chunk), name, out=out, packed=len(data))
                    chunks.append(chunk)
        except NotImplementedError:
            # 3. A compression that only libarchive knows (Deflate64, Zstandard).
            return _salvaged(data, name, allowance, damaged=False)
        except _MEMBER_FAULTS as cause:
            whole = False
            problems.append(Why("ARCHIVE_DAMAGED", f"{name}: {label.text}: {type(cause).__name__}"))
            if not chunks:
                continue
        members.append(Member(label.text, b"".join(chunks), path_guessed=not label.certain))
    if _has_unlisted_entry(data, entries):
        # Another reader, which goes by the entries' own heads, shows it: the archive stays, and a person looks.
        whole = False
        problems.append(Why("ARCHIVE_DAMAGED", f"{name}: an entry that its directory does not list"))
    return Opened(tuple(members), whole, tuple(problems))


def _has_unlisted_entry(data: bytes, entries: Sequence[zipfile.ZipInfo]) -> bool:
    """
    Tell whether an entry's head stands outside all entries that the directory lists (APPNOTE 4.3.6, 4.3.7).

    Two archives one after the other, or an entry cut out of the directory. Bytes that belong to a listed entry are
    passed over, since stored archives hold such heads inside.
    """
    at = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if data.find(_LOCAL_HEAD, at, entry.header_offset) >= 0:
            return True
        lengths = data[entry.header_offset + 26 : entry.header_offset + 30]
        head = 30 + sum(struct.unpack("<HH", lengths)) if len(lengths) == 4 else 30
        at = max(at, entry.header_offset + head + entry.compress_size)
    return False


def _salvaged(data: bytes, name: str, allowance: Allowance, *, damaged: bool = True) -> Opened:
    """Read a ZIP that the standard library cannot: libarchive follows the local headers and needs no directory."""
    opened = _from_library(data, "zip", name, allowance)
    if not damaged and opened.whole:
        return opened
    flaws = opened.problems or (Why("ARCHIVE_DAMAGED", name),)
    return Opened(opened.members, False, flaws)


def _zip_path(entry: zipfile.ZipInfo) -> Decoded:
    """
    Return a member's path: the Unicode extra field, the UTF-8 flag, else the raw bytes guessed (APPNOTE 4.4.4, 4.6.9).

    Without the flag the standard says code page 437, but programs write UTF-8 or the code page of their Windows.
    """
    at, extra = 0, entry.extra
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 0x7075 and size > 5:
            try:
                return Decoded(extra[at + 9 : at + 4 + size].decode("utf-8"), "utf-8")
            except UnicodeDecodeError:
                break
        at += 4 + size
    original = entry.orig_filename
    if entry.flag_bits & 0x800 or original.isascii():
        return Decoded(original, "utf-8")
    try:
        return _guess_path(original.encode("cp437"), original)
    except UnicodeEncodeError:
        return Decoded(original, "cp437", certain=False)


def _guess_path(raw: bytes, as_437: str) -> Decoded:
    guessed = guess(raw)
    # No reading as Vietnamese: then the standard's own code page is as good as any other.
    return Decoded(as_437, "cp437", certain=False) if guessed.charset == "windows-1252" else guessed


def _is_zip_volume(data: bytes) -> bool:
    """Tell whether this is one volume of a split ZIP (APPNOTE 4.3.16, 8.5)."""
    if data[:4] == b"PK\x07\x08":
        return True
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    if end < 0 or end + 20 > len(data):
        return False
    disk, directory_disk, here, total = struct.unpack_from("<HHHH", data, end + 4)
    return bool(disk not in (0, 0xFFFF) or directory_disk not in (0, 0xFFFF) or here < total)


def _rar_volume(data: bytes) -> str | None:
    """Return ARCHIVE_MULTI_VOLUME or ARCHIVE_ENCRYPTED as the RAR main header says (RAR 4 and 5 technical notes)."""
    if data[:8] == b"Rar!\x1a\x07\x01\x00":
        numbers, at = [], 12
        for _ in range(5):
            value = shift = 0
            while at < min(len(data), 80):
                code = data[at]
                at += 1
                value |= (code & 0x7F) << shift
                shift += 7
                if not code & 0x80:
                    break
            numbers.append(value)
        kind, flags = numbers[1], numbers[2]
        if kind == 4:
            return "ARCHIVE_ENCRYPTED"
        archive_flags = numbers[4] if flags & 1 else numbers[3]
        return "ARCHIVE_MULTI_VOLUME" if kind == 1 and archive_flags & 1 else None
    if len(data) > 13 and data[9] == 0x73:
        flags = struct.unpack_from("<H", data, 10)[0]
        if flags & 0x80:
            return "ARCHIVE_ENCRYPTED"
        if flags & 0x01:
            return "ARCHIVE_MULTI_VOLUME"
    return None
