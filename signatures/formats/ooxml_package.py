"""An Office file as a package: parts, content types and relationships, read as strictly as no office program does."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

from signatures.algorithms import digest
from signatures.formats.ooxml_zip import Entry, PackageRefused, read_directory, unpack
from signatures.safe_xml import XmlRefused, children, local_name, parse_xml

# What all parts together may unpack to. A 25 MB mail cannot honestly hold more; bombs end here.
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
# Parts up to this size are kept unpacked for a second look, and all kept ones together stay under the second bound.
CACHED_PART_BYTES = 8 * 1024 * 1024
CACHED_BYTES = 64 * 1024 * 1024
# Content types and relationships are lists of short lines.
MAX_LIST_BYTES = 4 * 1024 * 1024
# Every signature reads the lists again; all readings of one file together stay under this.
MAX_LISTS_READ_BYTES = 128 * 1024 * 1024
MAX_RELATIONSHIPS = 50_000

CONTENT_TYPES = "[Content_Types].xml"

_ENCODINGS = frozenset({"UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "US-ASCII", "ASCII"})
_CONTENT_TYPES_SPACE = "{http://schemas.openxmlformats.org/package/2006/content-types}"


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
        entries = read_directory(data, self.remarks)
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
        if not self.is_called("/" + CONTENT_TYPES):
            self.remarks.append(("OOXML_NAMES_DOUBTFUL", "the list of content types is named in other letters"))
        self._defaults, self._overrides = self._read_content_types()

    @property
    def names(self) -> list[str]:
        """All part names, as written, without the list of content types."""
        return ["/" + entry.name for key, entry in self._entries.items() if key != _key("/" + CONTENT_TYPES)]

    def has(self, name: str) -> bool:
        """Whether there is a part of that name."""
        return _key(name) in self._entries

    def is_called(self, name: str) -> bool:
        """
        Whether the archive calls this part exactly so, letter case included, apart from needful percent escapes.

        ISO/IEC 29500-2 compares names without case and Word does; LibreOffice and most libraries do not, and show a
        document without a part whose entry was renamed.
        """
        entry = self._entries.get(_key(name))
        return entry is not None and _plain("/" + entry.name) == _plain(name)

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
        octets = unpack(self._data, entry)
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
                name = child.get("PartName", "")
                place, table = _key(name), overrides
                if self.has(name) and not self.is_called(name):
                    self.remarks.append(("OOXML_NAMES_DOUBTFUL", f"a type for {name[:100]!r}, in other letters"))
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
    told = root.getroottree().docinfo
    if told.xml_version != "1.0" or (told.encoding or "UTF-8").upper() not in _ENCODINGS:
        # ISO/IEC 29500-2, 6.2.5. Programs that know no other take the list for empty.
        raise PackageRefused("OOXML_RELATIONSHIPS_DOUBTFUL", f"XML {told.xml_version} in {told.encoding}"[:100])
    if local_name(root) != name:
        raise PackageRefused("OOXML_RELATIONSHIPS_DOUBTFUL", f"{name} expected")
    return root


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    # Only ASCII letters have two cases here: Unicode would make the Kelvin sign a "k", which no office program does.
    return "".join(one.lower() if one.isascii() else one for one in _plain(name))


def _plain(name: str) -> str:
    return unquote(name, errors="surrogateescape")


def _resolve(source: str, target: str) -> str | None:
    """Return the part that the relative reference `target` of `source` names; None if it names none (RFC 3986, 5.2)."""
    path = target.partition("#")[0].partition("?")[0]
    if not path or ":" in path.partition("/")[0] or path.startswith("//"):
        return None
    folder = source if source == "/" else source.rpartition("/")[0] + "/"
    return posixpath.normpath(posixpath.join(folder, path)).replace("//", "/")
