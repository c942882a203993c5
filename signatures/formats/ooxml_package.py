"""An Office file as a package: parts, content types and relationships, read as strictly as no office program does."""

from __future__ import annotations

import posixpath
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

from signatures.algorithms import digest
from signatures.safe_xml import XmlRefused, children, local_name, parse_xml

# A form with pictures has a few dozen parts, a large workbook some thousands.
MAX_PARTS = 10_000
# What all parts together may unpack to. A 25 MB mail cannot honestly hold more; bombs end here.
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
# Deflate cannot exceed about 1030:1; XML of real documents stays under 50:1, empty tables under 200:1.
MAX_RATIO = 300
# Below this size a part may have any ratio: it harms nobody.
SMALL_PART_BYTES = 1024 * 1024
# Parts up to this size are kept unpacked for a second look, and all kept ones together stay under the second bound.
CACHED_PART_BYTES = 8 * 1024 * 1024
CACHED_BYTES = 64 * 1024 * 1024
# Content types and relationships are lists of short lines.
MAX_LIST_BYTES = 4 * 1024 * 1024
# Every signature reads the lists again; all readings of one file together stay under this.
MAX_LISTS_READ_BYTES = 128 * 1024 * 1024
MAX_RELATIONSHIPS = 50_000

CONTENT_TYPES = "[Content_Types].xml"

_CONTENT_TYPES_SPACE = "{http://schemas.openxmlformats.org/package/2006/content-types}"

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


@dataclass(frozen=True, slots=True)
class Relationship:
    """One line of a `.rels` part; `target` is the part name for internal ones (None if it names no part)."""

    id: str
    type: str
    raw_target: str
    external: bool
    target: str | None


class Package:
    """
    The parts of an Office file.

    Part names begin with "/" and are compared without regard to the case of ASCII letters (ISO/IEC 29500-2, 6.2.2.3);
    `names` has them as written. `remarks` are (code, detail) of bytes that belong to no part.
    """

    def __init__(self, data: bytes) -> None:
        """Read the directory of `data`. Raises PackageRefused for anything two readers could understand differently."""
        self._data = data
        self.remarks: list[tuple[str, str]] = []
        self._entries: dict[str, Entry] = {}
        self._cache: dict[str, bytes] = {}
        self._cached = 0
        self._digests: dict[tuple[str, str], bytes] = {}
        self._relationships: dict[str, tuple[Relationship, ...]] = {}
        self._lists_read = 0
        entries = _read_directory(data, self.remarks)
        total = 0
        for entry in entries:
            if entry.name.endswith("/"):
                if entry.size:
                    raise PackageRefused("OOXML_ZIP_DAMAGED", "a folder entry that has content")
                continue
            total += entry.size
            if total > MAX_UNPACKED_BYTES:
                raise PackageRefused("OOXML_TOO_LARGE", f"unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            key = _key("/" + entry.name)
            if key in self._entries:
                raise PackageRefused("OOXML_PART_REPEATED", f"{entry.name[:100]!r} stands twice")
            self._entries[key] = entry
        if _key("/" + CONTENT_TYPES) not in self._entries:
            raise PackageRefused("OOXML_NO_CONTENT_TYPES", "not an Office package")
        self._defaults, self._overrides = self._read_content_types()

    @property
    def names(self) -> list[str]:
        """All part names, as written, without the list of content types."""
        return ["/" + entry.name for key, entry in self._entries.items() if key != _key("/" + CONTENT_TYPES)]

    def has(self, name: str) -> bool:
        """Whether there is a part of that name."""
        return _key(name) in self._entries

    def key(self, name: str) -> str:
        """Return the form of `name` under which names are equal."""
        return _key(name)

    def read(self, name: str) -> bytes:
        """Return the unpacked bytes of a part. Raises PackageRefused if there is none or it does not unpack exactly."""
        key = _key(name)
        kept = self._cache.get(key)
        if kept is not None:
            return kept
        entry = self._entries.get(key)
        if entry is None:
            raise PackageRefused("OOXML_PART_MISSING", f"there is no part {name[:100]!r}")
        octets = _unpack(self._data, entry)
        if len(octets) <= CACHED_PART_BYTES and self._cached + len(octets) <= CACHED_BYTES:
            self._cached += len(octets)
            self._cache[key] = octets
        return octets

    def content_type(self, name: str) -> str:
        """Return the content type of a part: its Override, else the Default of its extension, else ""."""
        key = _key(name)
        if key in self._overrides:
            return self._overrides[key]
        extension = posixpath.basename(key).rpartition(".")[2] if "." in posixpath.basename(key) else ""
        return self._defaults.get(extension, "")

    def relationships(self, source: str) -> tuple[Relationship, ...]:
        """
        Return the relationships of the part `source` ("/" for the package itself), in order; none if it has no `.rels`.

        Raises PackageRefused for a `.rels` part that is malformed or names an Id twice.
        """
        name = rels_name(source)
        if not self.has(name):
            return ()
        if source not in self._relationships:
            self._relationships[source] = tuple(read_relationships(self.read_list(name), source))
        return self._relationships[source]

    def read_list(self, name: str) -> bytes:
        """Return the bytes of a `.rels` part or of the content types, which are to be parsed. Raises PackageRefused."""
        octets = self.read(name)
        self._lists_read += len(octets)
        if self._lists_read > MAX_LISTS_READ_BYTES:
            raise PackageRefused("OOXML_TOO_LARGE", "its lists would have to be read too often")
        return octets

    def digest(self, name: str, algorithm: str) -> bytes:
        """Return the digest of a part, computed once. Raises PackageRefused, and Unsupported for the algorithm."""
        key = (_key(name), algorithm)
        if key not in self._digests:
            self._digests[key] = digest(algorithm, self.read(name))
        return self._digests[key]

    def _read_content_types(self) -> tuple[dict[str, str], dict[str, str]]:
        defaults: dict[str, str] = {}
        overrides: dict[str, str] = {}
        root = _parse_list(self.read_list("/" + CONTENT_TYPES), "Types")
        for child in children(root):
            content_type = child.get("ContentType", "")
            if child.tag not in (_CONTENT_TYPES_SPACE + "Default", _CONTENT_TYPES_SPACE + "Override"):
                # What one reader passes over, another may take for a content type (ISO/IEC 29500-2, 10.1.2.2).
                raise PackageRefused("OOXML_TYPES_DOUBTFUL", f"foreign element {local_name(child)[:60]!r}")
            if local_name(child) == "Default":
                place, table = child.get("Extension", "").lower(), defaults
            else:
                place, table = _key(child.get("PartName", "")), overrides
            if place in table:
                raise PackageRefused("OOXML_TYPES_DOUBTFUL", f"two content types for {place[:100]!r}")
            table[place] = content_type
        return defaults, overrides


def rels_name(source: str) -> str:
    """Return the name of the `.rels` part that belongs to `source` ("/" for the package itself)."""
    if source == "/":
        return "/_rels/.rels"
    folder, _, name = source.rpartition("/")
    return f"{folder}/_rels/{name}.rels"


def source_of(rels: str) -> str | None:
    """Return the part to which the `.rels` part belongs ("/" for the package); None if it is no `.rels` part."""
    folder, _, name = rels.rpartition("/")
    if not name.lower().endswith(".rels") or not folder.lower().endswith("/_rels"):
        return None
    above = folder[: -len("/_rels")]
    return f"{above}/{name[: -len('.rels')]}" if name.lower() != ".rels" else "/"


def read_relationships(data: bytes, source: str) -> Iterator[Relationship]:
    """Yield the relationships written in `data`, the `.rels` part of `source`. Raises PackageRefused."""
    seen: set[str] = set()
    for number, child in enumerate(children(_parse_list(data, "Relationships"))):
        if number >= MAX_RELATIONSHIPS:
            raise PackageRefused("OOXML_TOO_LARGE", f"more than {MAX_RELATIONSHIPS} relationships")
        if local_name(child) != "Relationship":
            raise PackageRefused("OOXML_RELATIONSHIPS_DOUBTFUL", "foreign elements among the relationships")
        identity, kind, target = child.get("Id", ""), child.get("Type", ""), child.get("Target", "")
        mode = child.get("TargetMode", "Internal")
        if not identity or identity in seen or not kind or mode not in ("Internal", "External"):
            raise PackageRefused("OOXML_RELATIONSHIPS_DOUBTFUL", f"relationship {identity[:60]!r} of {source[:100]!r}")
        seen.add(identity)
        external = mode == "External"
        yield Relationship(identity, kind, target, external, None if external else _resolve(source, target))


def _parse_list(data: bytes, name: str) -> etree._Element:
    try:
        root = parse_xml(data, max_bytes=MAX_LIST_BYTES)
    except XmlRefused as cause:
        raise PackageRefused(cause.code, f"{name}: {cause.detail}") from cause
    if local_name(root) != name:
        raise PackageRefused("OOXML_RELATIONSHIPS_DOUBTFUL", f"{name} expected")
    return root


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    return unquote(name).lower()


def _resolve(source: str, target: str) -> str | None:
    """Return the part that the relative reference `target` of `source` names; None if it names none (RFC 3986, 5.2)."""
    path = target.partition("#")[0].partition("?")[0]
    if not path or ":" in path.partition("/")[0] or path.startswith("//"):
        return None
    folder = source if source == "/" else source.rpartition("/")[0] + "/"
    return posixpath.normpath(posixpath.join(folder, path)).replace("//", "/")


def _read_directory(data: bytes, remarks: list[tuple[str, str]]) -> list[Entry]:
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
    name = _decode_name(raw_name, bool(flags & _UTF8), remarks)
    _compare_second_name(extra, raw_name, remarks)
    if flags & (_ENCRYPTED | _NOT_PLAIN):
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} is encrypted or patched")
    if needed & 0xFF > _NEWEST:
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} asks for a reader that does not exist")
    if method not in (0, 8) or (method == 0 and packed != size):
        raise PackageRefused("OOXML_ZIP_DAMAGED", f"{name[:100]!r} is packed by method {method}")
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
    magic, _, l_flags, l_method, _, _, l_crc, l_packed, l_size, name_size, extra_size = _LOCAL.unpack_from(data, offset)
    begin = offset + _LOCAL.size
    extra = data[begin + name_size : begin + name_size + extra_size]
    later = bool(l_flags & _DESCRIPTOR)
    if later and 0xFFFFFFFF in (l_packed, l_size):
        # .NET writes the long form before it knows the sizes; they follow in the descriptor.
        l_packed = l_size = 0
    else:
        l_packed, l_size, _ = _long_numbers(extra, l_packed, l_size, 0)
    told = (l_crc, l_packed, l_size)
    agreed = told == (crc, packed, size) or (later and told == (0, 0, 0))
    same = (l_flags ^ flags) & (_ENCRYPTED | _NOT_PLAIN | _DESCRIPTOR | _UTF8) == 0 and l_method == method
    if magic != b"PK\x03\x04" or data[begin : begin + name_size] != raw_name or not same or not agreed:
        raise PackageRefused("OOXML_ZIP_TWO_READINGS", f"{raw_name[:100]!r} is described in two ways")
    _compare_second_name(extra, raw_name, remarks)
    start: int = begin + name_size + extra_size
    return start


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
    if "\\" in name or any(part in ("", ".", "..") for part in parts) or any(ord(one) < 32 for one in name):
        remarks.append(("OOXML_NAMES_DOUBTFUL", repr(name[:100])))
    return name


def _unpack(data: bytes, entry: Entry) -> bytes:
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
