"""The archive that an Office file is: its directory, read so that no two programs can see two files in it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

# A form with pictures has a few dozen parts, a large workbook some thousands.
MAX_PARTS = 10_000
# Deflate cannot exceed about 1030:1; XML of real documents stays under 50:1, empty tables under 200:1.
MAX_RATIO = 300
# Below this size a part may have any ratio: it harms nobody.
SMALL_PART_BYTES = 1024 * 1024

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x0001
# Patched data, strong encryption, masked headers (APPNOTE 4.4.4, bits 5, 6 and 13): some readers refuse what others
# read as if nothing were said.
_NOT_PLAIN = 0x0020 | 0x0040 | 0x2000
_DESCRIPTOR = 0x0008
# The newest version of the format that an entry can need (APPNOTE 4.4.3.2: 6.3); readers refuse what needs more.
_NEWEST = 63
_UTF8 = 0x0800
# The extra field in which Info-ZIP repeats a name in UTF-8 (APPNOTE 4.6.9).
_UNICODE_PATH = 0x7075


_NEEDLESS = re.compile(r"%(?:2[DEFdef]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[CFcf]|7[Ee]|[01][0-9A-Fa-f])")


class PackageRefused(ValueError):
    """The bytes are not a package that may be read; `code` is the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive: its name as written, where its packed bytes lie, and what they must unpack to."""

    name: str
    method: int
    crc: int
    packed_size: int
    size: int
    start: int
    data_start: int
    end: int


def read_directory(data: bytes, remarks: list[tuple[str, str]]) -> list[Entry]:
    """
    Return the entries of the central directory, each found to agree with its local header.

    1. The end record, with nothing after it. 2. The central directory, exactly as long as said. 3. Each entry against
    its local header: name, method, sizes and check sum, because programs differ in which of the two they believe.
    4. No two entries share bytes. 5. Bytes that belong to nobody are remarked: another reader may see another file
    there.

    Source: PKWARE APPNOTE 6.3, 4.3; ISO/IEC 29500-2, annex B (what of it a package may use).
    """
    # 1.
    place = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if place < 0 or place + _END.size > len(data):
        raise PackageRefused("OOXML_ZIP_DAMAGED", "no end of the archive")
    _, disk, first_disk, here, count, size, offset, comment = _END.unpack_from(data, place)
    if disk or first_disk or here != count or 0xFFFF in (here, count) or 0xFFFFFFFF in (size, offset):
        raise PackageRefused("OOXML_ZIP_DAMAGED", "an archive in several parts or of excessive size")
    after = len(data) - place - _END.size
    if comment > after:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "the end of the archive is cut off")
    if after:
        remarks.append(("OOXML_EXTRA_BYTES", f"{after} bytes after the archive"))
    if count > MAX_PARTS:
        raise PackageRefused("OOXML_TOO_LARGE", f"{count} entries, at most {MAX_PARTS}")
    if offset + size != place:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "the directory does not end where the archive ends")
    if data[max(place - 20, 0) : place].startswith(b"PK\x06\x07"):
        # A directory as long as said leaves no room for it but in a comment: who looks for it finds another directory.
        raise PackageRefused("OOXML_ZIP_TWO_READINGS", "a second end of the archive, in the long form")
    # 2. and 3.
    entries: list[Entry] = []
    at = offset
    for _ in range(count):
        entry, at = _read_entry(data, at, place, remarks)
        entries.append(entry)
    if at != place:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "the directory is longer than its entries")
    # 4. and 5.
    end = 0
    for entry in sorted(entries, key=lambda one: one.start):
        if entry.start < end:
            raise PackageRefused("OOXML_ZIP_DAMAGED", f"{entry.name[:100]!r} shares bytes with another entry")
        if entry.start > end:
            remarks.append(("OOXML_EXTRA_BYTES", f"{entry.start - end} bytes before {entry.name[:100]!r}"))
        end = entry.end
    if end > offset:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "an entry runs into the directory")
    if end < offset:
        remarks.append(("OOXML_EXTRA_BYTES", f"{offset - end} bytes before the directory"))
    return entries


def _read_entry(data: bytes, at: int, limit: int, remarks: list[tuple[str, str]]) -> tuple[Entry, int]:
    if at + _CENTRAL.size > limit:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "the directory is cut off")
    fields = _CENTRAL.unpack_from(data, at)
    magic, _, needed, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size = fields[:13]
    disk, offset = fields[13], fields[16]
    after = at + _CENTRAL.size + name_size + extra_size + comment_size
    if magic != b"PK\x01\x02" or after > limit or disk:
        raise PackageRefused("OOXML_ZIP_DAMAGED", "a broken line in the directory")
    raw_name = data[at + _CENTRAL.size : at + _CENTRAL.size + name_size]
    extra = data[at + _CENTRAL.size + name_size : at + _CENTRAL.size + name_size + extra_size]
    packed, size, offset = _long_numbers(extra, packed, size, offset)
    _compare_long_numbers(extra, (size, packed, offset), raw_name)
    if comment_size:
        remarks.append(("OOXML_EXTRA_BYTES", f"{comment_size} bytes of comment on {raw_name[:100]!r}"))
    name = _decode_name(raw_name, bool(flags & _UTF8), remarks)
    _compare_second_name(extra, raw_name, remarks)
    if flags & (_ENCRYPTED | _NOT_PLAIN):
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} is encrypted or patched")
    _check_version(needed, raw_name)
    if method not in (0, 8) or (method == 0 and packed != size):
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} is packed by method {method}")
    if method == 0 and size and flags & _DESCRIPTOR:
        # Who reads from front to end must search the bytes themselves for their end, and may find one that was put in.
        raise PackageRefused("OOXML_ZIP_TWO_READINGS", f"{name[:100]!r} does not say where it ends")
    if size > SMALL_PART_BYTES and size > packed * MAX_RATIO:
        raise PackageRefused("OOXML_TOO_LARGE", f"{name[:100]!r} unpacks to {size} bytes")
    start = _check_local(data, offset, raw_name, flags, method, crc, packed, size, remarks)
    end = start + packed
    if end > limit:
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} is cut off")
    if flags & _DESCRIPTOR:
        end = _check_descriptor(data, end, crc, packed, size, name)
    return Entry(name, method, crc, packed, size, offset, start, end), after


def _check_local(
    data: bytes,
    offset: int,
    raw_name: bytes,
    flags: int,
    method: int,
    crc: int,
    packed: int,
    size: int,
    remarks: list[tuple[str, str]],
) -> int:
    """Return where the packed bytes begin. Raises PackageRefused where the local header says something else."""
    if offset + _LOCAL.size > len(data):
        raise PackageRefused("OOXML_ZIP_DAMAGED", "an entry lies outside the file")
    magic, needed, l_flags, l_method, _, _, l_crc, l_packed, l_size, name_size, extra_size = _LOCAL.unpack_from(
        data, offset
    )
    _check_version(needed, raw_name)
    begin = offset + _LOCAL.size
    extra = data[begin + name_size : begin + name_size + extra_size]
    later = bool(l_flags & _DESCRIPTOR)
    if later and 0xFFFFFFFF in (l_packed, l_size):
        # .NET writes the long form before it knows the sizes; they follow in the descriptor.
        l_packed = l_size = 0
    else:
        l_packed, l_size, _ = _long_numbers(extra, l_packed, l_size, 0)
    _compare_long_numbers(extra, (size, packed), raw_name, later=later)
    told = (l_crc, l_packed, l_size)
    agreed = told == (crc, packed, size) or (later and told == (0, 0, 0))
    same = (l_flags ^ flags) & (_ENCRYPTED | _NOT_PLAIN | _DESCRIPTOR | _UTF8) == 0 and l_method == method
    if magic != b"PK\x03\x04" or data[begin : begin + name_size] != raw_name or not same or not agreed:
        raise PackageRefused("OOXML_ZIP_TWO_READINGS", f"{raw_name[:100]!r} is described in two ways")
    _compare_second_name(extra, raw_name, remarks)
    start: int = begin + name_size + extra_size
    return start


def _check_version(needed: int, raw_name: bytes) -> None:
    if needed & 0xFF > _NEWEST:
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{raw_name[:100]!r} asks for a reader that does not exist")


def _compare_long_numbers(extra: bytes, numbers: tuple[int, ...], raw_name: bytes, *, later: bool = False) -> None:
    """
    Refuse ZIP64 fields that say anything but `numbers` (size, packed size, offset), in this order.

    By the rules such a field counts only for numbers that are all ones (APPNOTE 4.5.3), but LibreOffice reads it
    wherever it stands. `later` allows zeros, where the sizes follow the bytes.
    """
    fields = [octets for identity, octets in _extra_fields(extra) if identity == 1]
    for octets in fields:
        told = [number for (number,) in struct.iter_unpack("<Q", octets[: len(octets) & ~7])]
        agreed = all(
            one == number or (later and one in (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF))
            for one, number in zip(told, numbers, strict=False)
        )
        if not agreed or len(fields) > 1:
            raise PackageRefused("OOXML_ZIP_TWO_READINGS", f"{raw_name[:100]!r} has two sizes or places")


def _compare_second_name(extra: bytes, raw_name: bytes, remarks: list[tuple[str, str]]) -> None:
    """Remark on an entry that bears another name in its Unicode path field: some readers believe that one."""
    for identity, field in _extra_fields(extra):
        if identity == _UNICODE_PATH and field[5:] != raw_name:
            remarks.append(("OOXML_NAMES_DOUBTFUL", f"{raw_name[:100]!r} is called {field[5:105]!r}, too"))


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        identity, length = struct.unpack_from("<2H", extra, at)
        yield identity, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _check_descriptor(data: bytes, at: int, crc: int, packed: int, size: int, name: str) -> int:
    """Return the end of the data descriptor at `at` (APPNOTE 4.3.9: with or without its mark, sizes short or long)."""
    for mark in (b"PK\x07\x08", b""):
        for shape in ("<3L", "<L2Q"):
            wanted = mark + struct.pack(shape, crc, packed, size)
            if data[at : at + len(wanted)] == wanted:
                return at + len(wanted)
    raise PackageRefused("OOXML_ZIP_TWO_READINGS", f"{name[:100]!r} is described in two ways")


def _long_numbers(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Replace 32-bit numbers that are all ones by those of the ZIP64 extra field (APPNOTE 4.5.3)."""
    numbers = [size, packed, offset]
    if 0xFFFFFFFF not in numbers:
        return packed, size, offset
    field = next((octets for identity, octets in _extra_fields(extra) if identity == 1), b"")
    position = 0
    for index, number in enumerate(numbers):
        if number == 0xFFFFFFFF and position + 8 <= len(field):
            (numbers[index],) = struct.unpack_from("<Q", field, position)
            position += 8
    return numbers[1], numbers[0], numbers[2]


def _decode_name(raw: bytes, utf8: bool, remarks: list[tuple[str, str]]) -> str:
    try:
        name = raw.decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        name = raw.decode("cp437")
        remarks.append(("OOXML_NAMES_DOUBTFUL", repr(name[:100])))
    parts = name.rstrip("/").split("/")
    # What needs no escape must have none (ISO/IEC 29500-2, 6.2.2.2): some programs undo it, some do not.
    if (
        _NEEDLESS.search(name)
        or "\\" in name
        or any(part in ("", ".", "..") for part in parts)
        or any(ord(one) < 32 for one in name)
    ):
        remarks.append(("OOXML_NAMES_DOUBTFUL", repr(name[:100])))
    return name


def unpack(data: bytes, entry: Entry) -> bytes:
    """Return the bytes of `entry`. Raises PackageRefused if they do not have the size and check sum it names."""
    packed = data[entry.data_start : entry.data_start + entry.packed_size]
    if entry.method == 0:
        octets = packed
    else:
        inflater = zlib.decompressobj(-15)
        try:
            octets = inflater.decompress(packed, entry.size + 1)
        except zlib.error as cause:
            raise PackageRefused("OOXML_ZIP_DAMAGED", f"{entry.name[:100]!r} does not unpack") from cause
        if not inflater.eof or inflater.unused_data:
            raise PackageRefused("OOXML_ZIP_DAMAGED", f"{entry.name[:100]!r} unpacks to another size")
    if len(octets) != entry.size or zlib.crc32(octets) != entry.crc:
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{entry.name[:100]!r} does not have its check sum")
    return octets
