"""What of an Office file a signature leaves uncovered: every part and relationship is walked as a reader would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from signatures.formats.ooxml_fields import fields_over_other_files, is_searchable, takes_text_from_elsewhere
from signatures.formats.ooxml_package import Package, Relationship, rels_name, source_of
from signatures.report import Reason

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships/"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships/"
_ORIGIN = _PACKAGE + "digital-signature/origin"
_SIGNATURE = _PACKAGE + "digital-signature/signature"
_CERTIFICATE = _PACKAGE + "digital-signature/certificate"
_ORIGIN_TYPE = "application/vnd.openxmlformats-package.digital-signature-origin"
_CERTIFICATE_TYPE = "application/vnd.openxmlformats-package.digital-signature-certificate"
SIGNATURE_TYPE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_SLIDES = "application/vnd.openxmlformats-officedocument.presentationml."

# The content types a main part may have, with the file name endings that go with them (ISO/IEC 29500-1, 11.3.10,
# 12.3.23, 13.3.6; [MS-OFFMACRO] for those with macros).
MAIN_TYPES: Mapping[str, tuple[str, frozenset[str]]] = {
    _WORD + "document.main+xml": ("word", frozenset({"docx"})),
    _WORD + "template.main+xml": ("word", frozenset({"dotx"})),
    "application/vnd.ms-word.document.macroEnabled.main+xml": ("word", frozenset({"docm"})),
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml": ("word", frozenset({"dotm"})),
    _SHEET + "sheet.main+xml": ("sheet", frozenset({"xlsx"})),
    _SHEET + "template.main+xml": ("sheet", frozenset({"xltx"})),
    "application/vnd.ms-excel.sheet.macroEnabled.main+xml": ("sheet", frozenset({"xlsm"})),
    "application/vnd.ms-excel.template.macroEnabled.main+xml": ("sheet", frozenset({"xltm"})),
    "application/vnd.ms-excel.sheet.binary.macroEnabled.main": ("sheet", frozenset({"xlsb"})),
    _SLIDES + "presentation.main+xml": ("slides", frozenset({"pptx"})),
    _SLIDES + "template.main+xml": ("slides", frozenset({"potx"})),
    _SLIDES + "slideshow.main+xml": ("slides", frozenset({"ppsx"})),
    "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml": ("slides", frozenset({"pptm"})),
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml": ("slides", frozenset({"ppsm"})),
}

# The properties of a document stand beside it in every reader, never in it, and Office leaves them unsigned
# because it rewrites them when a file is merely copied. Each maps to the content type its part must have.
_PROPERTIES = {
    _PACKAGE + "metadata/core-properties": "application/vnd.openxmlformats-package.core-properties+xml",
    "http://schemas.openxmlformats.org/officedocument/2006/relationships/metadata/core-properties": (
        "application/vnd.openxmlformats-package.core-properties+xml"
    ),
    _OFFICE + "extended-properties": "application/vnd.openxmlformats-officedocument.extended-properties+xml",
    _STRICT + "extendedProperties": "application/vnd.openxmlformats-officedocument.extended-properties+xml",
    _OFFICE + "custom-properties": "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    _STRICT + "customProperties": "application/vnd.openxmlformats-officedocument.custom-properties+xml",
    # Labels of the sender's document classification ([MS-OFFCLASSLABEL]): identifiers only, no text.
    "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels": (
        "application/vnd.ms-office.classificationlabels+xml"
    ),
}
_THUMBNAIL = _PACKAGE + "metadata/thumbnail"

_CUSTOM_XML = (_OFFICE + "customXml", _STRICT + "customXml")
_CUSTOM_XML_PROPS = (_OFFICE + "customXmlProps", _STRICT + "customXmlProps")
_CUSTOM_XML_PROPS_TYPE = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml"
_ITEM = re.compile(r"/customxml/item\d{1,4}\.xml")
_ITEM_PROPS = re.compile(r"/customxml/itemprops\d{1,4}\.xml")
_VIEW_PROPS = (_OFFICE + "viewProps", _STRICT + "viewProps")
_PRES_PROPS = (_OFFICE + "presProps", _STRICT + "presProps")

# What PowerPoint keeps for several editors at once: numbers of revisions and changes, nothing of which is drawn. The
# list of relationships that Office signs ([MS-OFFCRYPTO] 2.5.2.5) is older than they are.
_EDITING_LOGS = {
    "http://schemas.microsoft.com/office/2015/10/relationships/revisionInfo": (
        "application/vnd.ms-powerpoint.revisioninfo+xml"
    ),
    "http://schemas.microsoft.com/office/2016/11/relationships/changesInfo": (
        "application/vnd.ms-powerpoint.changesinfo+xml"
    ),
}

_MAIN = (_OFFICE + "officeDocument", _STRICT + "officeDocument")
_LINKS = (_OFFICE + "hyperlink", _STRICT + "hyperlink")

# Slide show settings that leave slides out of a show.
_HIDING = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?(?:sldRg|custShow|custShowLst)\b")


@dataclass(frozen=True, slots=True)
class Signed:
    """
    What one signature is over: keys of whole parts, and for each source key the Ids of signed relationships.

    Keys are those of `Package.key`; the package itself is "/".
    """

    parts: frozenset[str]
    relationships: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Cover:
    """`gaps` are parts and relationships that a reader could show and the signature is not over (empty: none)."""

    gaps: tuple[str, ...]
    remarks: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Where the package keeps its signatures: the origin parts, and the signature parts in order."""

    origins: tuple[str, ...]
    parts: tuple[str, ...]


def find_signatures(package: Package) -> Signatures:
    """Return the signature parts that the package's relationships lead to. Raises PackageRefused."""
    origins = [one.target for one in package.relationships("/") if one.type == _ORIGIN and one.target is not None]
    parts: list[str] = []
    for origin in origins:
        for one in package.relationships(origin):
            if one.type == _SIGNATURE and one.target is not None:
                parts.append(one.target)
    return Signatures(tuple(dict.fromkeys(origins)), tuple(dict.fromkeys(parts)))


def main_parts(package: Package) -> list[str]:
    """Return the targets of the main-document relationships; a sound package has one. Raises PackageRefused."""
    return [one.target or "" for one in package.relationships("/") if one.type in _MAIN]


def remarks_on(package: Package) -> tuple[Reason, ...]:
    """Return what a clerk should know of the package whoever signed it: macros, embedded objects, odd bytes."""
    found = [Reason(code, detail) for code, detail in package.remarks]
    for name in package.names:
        content_type = package.content_type(name)
        if content_type == "application/vnd.ms-office.vbaProject":
            found.append(Reason("OOXML_MACROS", name))
        elif content_type.startswith("application/vnd.ms-office.vbaProjectSignature"):
            found.append(Reason("OOXML_MACRO_SIGNATURE", name))
        elif content_type in _EMBEDDED or "/embeddings/" in name.lower() or "/activex/" in name.lower():
            found.append(Reason("OOXML_EMBEDDED_OBJECT", name))
    return tuple(dict.fromkeys(found))


def cover(package: Package, signatures: Signatures, signed: Signed) -> Cover:
    """
    Walk from the package's root along every relationship, and report what `signed` leaves out.

    1. From each signed part, each relationship must itself be signed (by Id or Type, in its own `.rels`), and its
    target part too. 2. Only document properties, the thumbnail and the signature's own parts may be unsigned, and what
    `_tolerated` gives its reasons for. 3. No part may lie about that nobody points to: readers find some by name.
    Raises PackageRefused for relationships that cannot be read.

    Source: Rohlmann and others, "Every Signature is Broken", USENIX Security 2023: what is not covered is abused.
    """
    walk = _Walk(package, signed)
    walk.note_signatures(signatures)
    walk.follow("/")
    walk.note_orphans()
    walk.note_bound_data()
    walk.note_data_sources()
    return Cover(tuple(dict.fromkeys(walk.gaps)), tuple(dict.fromkeys(walk.remarks)))


class _Walk:
    def __init__(self, package: Package, signed: Signed) -> None:
        self._package = package
        self._signed = signed
        self._seen: set[str] = {"/"}
        self._own: set[str] = set()
        self._tolerated_parts: set[str] = set()
        self._unsigned_properties = False
        self.gaps: list[str] = []
        self.remarks: list[Reason] = []
        mains = main_parts(package)
        self._main = mains[0] if len(mains) == 1 else ""
        self._folder = package.key(self._main).rpartition("/")[0].rstrip("/")
        self._folder += "/" if self._folder else ""
        self._kind = MAIN_TYPES.get(package.content_type(self._main), ("", frozenset()))[0]

    def note_signatures(self, signatures: Signatures) -> None:
        """Mark the parts that signatures themselves are made of; each must be what it says."""
        key = self._package.key
        for origin in signatures.origins:
            # An origin is an empty part (ISO/IEC 29500-2, 13.2.2); with content it could be anything.
            if self._package.content_type(origin) != _ORIGIN_TYPE or self._package.read(origin):
                self.gaps.append(f"{origin} is no signature origin")
                continue
            self._own |= {key(origin), key(rels_name(origin))}
            for one in self._package.relationships(origin):
                if one.type != _SIGNATURE:
                    self.gaps.append(f"{origin} has a foreign relationship")
        for part in signatures.parts:
            if self._package.content_type(part) != SIGNATURE_TYPE:
                self.gaps.append(f"{part} is no signature part")
                continue
            self._own |= {key(part), key(rels_name(part))}
            for one in self._package.relationships(part):
                target = one.target or ""
                fits = one.type == _CERTIFICATE and self._package.content_type(target) == _CERTIFICATE_TYPE
                if fits and not self._is_among_the_parts(key(target)):
                    self._own.add(key(target))
                else:
                    self.gaps.append(f"{part} has a foreign relationship")

    def _is_among_the_parts(self, key: str) -> bool:
        """Whether a part lies beside the document's own and could be taken for one: programs find some by name."""
        return bool(self._folder) and key.startswith(self._folder)

    def follow(self, start: str) -> None:
        """Walk from `start` along the signed relationships."""
        waiting = [start]
        while waiting:
            source = waiting.pop()
            ids = self._signed.relationships.get(self._package.key(source), frozenset())
            for one in self._package.relationships(source):
                if self._tolerated(source, one):
                    continue
                if one.id not in ids:
                    self.gaps.append(f"relationship {one.id} of {source} ({_short(one.type)})")
                elif one.external:
                    if one.type not in _LINKS:
                        self.remarks.append(Reason("OOXML_EXTERNAL_CONTENT", f"{_short(one.type)} in {source}"))
                elif one.target is not None and self._package.has(one.target):
                    target = self._package.key(one.target)
                    if target not in self._signed.parts:
                        self.gaps.append(one.target)
                    elif not self._package.is_called(one.target):
                        self.gaps.append(f"{one.target} is named in other letters")
                    if target not in self._seen:
                        self._seen.add(target)
                        if target in self._signed.parts:
                            waiting.append(one.target)

    def note_orphans(self) -> None:
        """Report parts that no signed relationship leads to and that are not signed either."""
        for name in self._package.names:
            key = self._package.key(name)
            if key in self._own or key in self._tolerated_parts:
                # A part that does not unpack makes readers repair the file, and what they make of it nobody has signed.
                octets = self._package.read(name)
                if self._package.content_type(name).endswith("xml") and _has_doctype(octets):
                    self.gaps.append(f"{name} has a DOCTYPE")
                continue
            if key in self._signed.parts or key in self._seen:
                continue
            source = source_of(name)
            if source is not None:
                owner = self._package.key(source)
                if owner in self._seen or owner in self._tolerated_parts:
                    continue
            self.gaps.append(f"{name} (nothing signed points to it)")

    def note_bound_data(self) -> None:
        """Report signed text that takes its words from tolerated, unsigned data, or from other files, when opened."""
        if self._kind != "word":
            return
        # Controls are bound to either; the sources of citations live in customXml only.
        sources = any("customxml" in key for key in self._tolerated_parts)
        for name in self._package.names:
            if self._package.key(name) not in self._signed.parts:
                continue
            if not self._package.content_type(name).endswith("+xml"):
                continue
            octets = self._package.read(name)
            bound = takes_text_from_elsewhere(octets, sources=sources, properties=self._unsigned_properties)
            if self._tolerated_parts and bound:
                self.gaps.append(f"{name} shows data that is not signed")
            for field in fields_over_other_files(octets):
                self.remarks.append(Reason("OOXML_EXTERNAL_CONTENT", f"field {field} in {name}"))

    def note_data_sources(self) -> None:
        """Tell of a workbook's cells that are filled from databases, from the web or by other programs (DDE)."""
        for name in self._package.names:
            content_type = self._package.content_type(name)
            linked = content_type == _SHEET + "externalLink+xml" and b"ddeLink" in self._package.read(name)
            if linked or content_type == _SHEET + "connections+xml":
                self.remarks.append(Reason("OOXML_EXTERNAL_CONTENT", name))

    def _tolerated(self, source: str, one: Relationship) -> bool:
        """
        Whether this relationship and its target may stay unsigned, and mark the target so.

        Besides properties and thumbnail, kinds of parts which Office and POI leave unsigned in genuine files:

        customXml: data for add-ins and for bound content controls. It shows only where a signed Word part binds a
        control to it or cites a source from it (`note_bound_data` looks for both), or in a workbook with a data
        connection. viewProps: zoom and window positions of the editor. presProps: settings of the slide show,
        unless they leave out slides. And the logs of PowerPoint's editors.
        """
        if one.external or one.target is None or not self._package.has(one.target):
            return False
        key = self._package.key(one.target)
        if key in self._signed.parts:
            return source == "/" and (one.type == _THUMBNAIL or one.type in _PROPERTIES)
        content_type = self._package.content_type(one.target)
        alone = not self._package.has(rels_name(one.target))
        if source == "/":
            if one.type == _ORIGIN:
                return key in self._own
            if one.type == _THUMBNAIL:
                fine = content_type.startswith("image/") and alone
            else:
                fine = one.type in _PROPERTIES and _PROPERTIES[one.type] == content_type and alone
                self._unsigned_properties |= fine
            fine = fine and not self._is_among_the_parts(key)
        elif one.type in _CUSTOM_XML:
            fine = self._custom_xml_is_inert(source, one.target, content_type)
        elif one.type in _CUSTOM_XML_PROPS and _ITEM.fullmatch(self._package.key(source)):
            # Signers that sign the item itself leave its identifier out; `note_bound_data` looks for its use.
            fine = self._is_item_props(one)
        elif source == self._main and self._kind == "slides" and one.type in _VIEW_PROPS:
            fine = content_type == _SLIDES + "viewProps+xml" and self._points_only_to_signed(one.target)
        elif source == self._main and self._kind == "slides" and one.type in _EDITING_LOGS:
            fine = content_type == _EDITING_LOGS[one.type] and alone
        elif source == self._main and self._kind == "slides" and one.type in _PRES_PROPS:
            octets = self._package.read(one.target)
            fine = content_type == _SLIDES + "presProps+xml" and alone and is_searchable(octets)
            fine = fine and _HIDING.search(octets) is None
        else:
            fine = False
        if fine:
            self._tolerated_parts.add(key)
            self._tolerated_parts.add(self._package.key(rels_name(one.target)))
            if source != "/":
                self.remarks.append(Reason("OOXML_UNSIGNED_SETTINGS", one.target))
        return fine

    def _custom_xml_is_inert(self, source: str, target: str, content_type: str) -> bool:
        if source != self._main or content_type not in ("application/xml", "text/xml"):
            return False
        if not _ITEM.fullmatch(self._package.key(target)):
            return False
        if self._kind == "sheet" and any(
            self._package.content_type(name) == _SHEET + "connections+xml" for name in self._package.names
        ):
            return False
        found = []
        for one in self._package.relationships(target):
            if not self._is_item_props(one):
                return False
            found.append(self._package.key(one.target or ""))
        self._tolerated_parts.update(found)
        return True

    def _is_item_props(self, one: Relationship) -> bool:
        """Whether the relationship leads to the identifier of a custom XML item, under the name Office gives it."""
        part = one.target or ""
        fits = one.type in _CUSTOM_XML_PROPS and not one.external and self._package.has(part)
        fits = fits and self._package.content_type(part) == _CUSTOM_XML_PROPS_TYPE
        fits = fits and _ITEM_PROPS.fullmatch(self._package.key(part)) is not None
        return fits and not self._package.has(rels_name(part))

    def _points_only_to_signed(self, source: str) -> bool:
        return all(
            not one.external and one.target is not None and self._package.key(one.target) in self._signed.parts
            for one in self._package.relationships(source)
        )


def _has_doctype(octets: bytes) -> bool:
    """Whether a DOCTYPE, which may fetch and replace text, stands in this XML; also in UTF-16."""
    return any(
        mark in octets for mark in (b"<!DOCTYPE", *("<!DOCTYPE".encode(f"utf-16-{end}") for end in ("le", "be")))
    )


def _short(kind: str) -> str:
    return kind.rpartition("/")[2][:60]


_EMBEDDED = frozenset(
    {
        "application/vnd.openxmlformats-officedocument.oleObject",
        "application/vnd.ms-office.activeX+xml",
        "application/vnd.ms-office.activeX",
    }
)
