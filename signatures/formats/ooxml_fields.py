"""What a Word text takes from outside its own words when it is opened: bound controls, and fields over other data."""

from __future__ import annotations

import html
import re

# Field names of ISO/IEC 29500-1, 17.16.5, by where they take their words from. Word renews those in headers and
# footers whenever it shows them, and LibreOffice all of them.
_OF_PROPERTIES = frozenset(
    (
        *("AUTHOR", "COMMENTS", "CREATEDATE", "DOCPROPERTY", "EDITTIME", "INFO", "KEYWORDS", "LASTSAVEDBY"),
        *("NUMCHARS", "NUMWORDS", "PRINTDATE", "REVNUM", "SAVEDATE", "SUBJECT", "TEMPLATE", "TITLE"),
    )
)
_OF_SOURCES = frozenset({"BIBLIOGRAPHY", "CITATION"})
_OF_OTHER_FILES = frozenset(
    {"DATABASE", "DDE", "DDEAUTO", "IMPORT", "INCLUDE", "INCLUDEPICTURE", "INCLUDETEXT", "LINK", "RD"}
)

# Bound content controls, and the bibliography, which lives in customXml.
_BINDING = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?dataBinding\b")
_CITING = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?(?:citation|bibliography)\b")
# Where a field begins and ends, its instruction in one or several pieces, and the short form with all in one.
_FIELD = re.compile(
    rb"fldCharType\s*=\s*[\"'](?P<mark>begin|end)[\"']"
    rb"|<(?:[A-Za-z0-9_.-]+:)?instrText\b[^<>]*(?<!/)>(?P<piece>(?:[^<]|<[!?])*)"
    rb"|\binstr\s*=\s*(?P<whole>\"[^\"<]*\"|'[^'<]*')"
)
# What may stand between the letters of an instruction and is none of them.
_NO_WORDS = re.compile(rb"<!\[CDATA\[|\]\]>|<!--.*?-->|<\?.*?\?>", re.DOTALL)


def takes_text_from_elsewhere(octets: bytes, *, sources: bool, properties: bool) -> bool:
    """
    Whether this part of a Word document shows data that lies in other parts; True also where that cannot be seen.

    Bound controls always count, citations where `sources` is set, fields of the document's properties where
    `properties` is.
    """
    if not is_searchable(octets):
        return True
    if b"dataBinding" in octets and _BINDING.search(octets):
        return True
    if sources and (b"citation" in octets or b"bibliography" in octets) and _CITING.search(octets):
        return True
    wanted = (_OF_SOURCES if sources else frozenset()) | (_OF_PROPERTIES if properties else frozenset())
    return not wanted.isdisjoint(fields_of(octets))


def fields_over_other_files(octets: bytes) -> tuple[str, ...]:
    """Return the names of the fields that fetch text or pictures by a path which stands in the text itself."""
    return tuple(sorted(_OF_OTHER_FILES & fields_of(octets))) if is_searchable(octets) else ()


def fields_of(octets: bytes) -> frozenset[str]:
    """Return the names, in capitals, of all fields in this XML; fields within fields count for themselves."""
    # A plain word is found thirty times faster than a pattern, and most parts have no field.
    if b"instr" not in octets:
        return frozenset()
    found: list[str] = []
    # Word cuts an instruction into pieces wherever its text was edited; the last one here is of the innermost field.
    opened = [b""]
    for match in _FIELD.finditer(octets):
        if match["mark"] == b"begin":
            opened.append(b"")
        elif match["mark"] == b"end":
            found.append(_name_in(opened.pop()))
            opened = opened or [b""]
        elif match["piece"] is not None:
            opened[-1] += _NO_WORDS.sub(b"", match["piece"])
        else:
            found.append(_name_in(match["whole"][1:-1]))
    return frozenset(found + [_name_in(one) for one in opened]) - {""}


def is_searchable(octets: bytes) -> bool:
    """Whether ASCII names in this XML can be found as bytes: not in UTF-16, nor in an encoding we do not expect."""
    head = octets[:200]
    if head.startswith((b"\xfe\xff", b"\xff\xfe")) or b"\x00" in head[:4]:
        return False
    told = re.search(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", head)
    return told is None or told[1].lower() in (b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252")


def _name_in(instruction: bytes) -> str:
    """Return the first word of a field's instruction, in capitals."""
    words = html.unescape(instruction.decode("utf-8", "replace")).split(maxsplit=1)
    return words[0].upper() if words else ""
