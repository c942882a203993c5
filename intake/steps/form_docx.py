"""Reads a filled Word form from its raw parts: by tags where they are left, by the rows of its tables where not."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from config.catalogue import Catalogue
from intake.steps.form_fields import PREFIX, is_placeholder
from intake.steps.form_rows import agency_of, fields_of_rows, form_code
from signatures.safe_xml import XmlRefused, parse_xml

# A form of a thousand criteria is a megabyte of XML; pictures lie in parts of their own, which are not read.
MAX_PART_BYTES = 32 * 1024 * 1024
# What a clerk's letter or a recognition step needs of the first page.
MAX_TEXT = 8_000
# A form of a thousand criteria prints on two hundred pages.
MAX_WHOLE_TEXT = 1_000_000
MAX_FIELDS = 20_000
MAX_FIELD_TEXT = 20_000

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_W_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_OFFICE_DOCUMENT = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
)


_Hidden = frozenset[etree._Element]


class NotAWordDocument(ValueError):
    """The bytes are no Word document that can be read; the message says why."""


@dataclass(frozen=True, slots=True)
class WordFields:
    """
    What stands in a Word document's fields.

    `values` maps tags to text, `repeated` lists tags whose copies say different things (the first one counts).
    `by_rows` says that no tags were left and the tables were read instead. `text` is the running text from the
    start, bounded.
    """

    values: dict[str, str]
    repeated: tuple[str, ...]
    by_rows: bool
    text: str


def read_docx(data: bytes, catalogue: Catalogue) -> WordFields:
    """
    Return the fields of the Word document `data`. Raises NotAWordDocument, and nothing else on hostile bytes.

    Text that Word does not show (hidden runs, deleted revisions) is left out: what counts is what the signer saw.
    """
    body = _body(data)
    hidden = _hidden_runs(body)
    values: dict[str, str] = {}
    repeated: dict[str, None] = {}
    for number, control in enumerate(body.iter(_W + "sdt", _W_STRICT + "sdt")):
        if number >= MAX_FIELDS:
            break
        tag = _tag_of(control)
        if not tag.startswith(PREFIX):
            continue
        text = _shown_text(control, hidden)[:MAX_FIELD_TEXT]
        if is_placeholder(text):
            text = ""
        if tag in values and values[tag] != text:
            if not values[tag]:
                values[tag] = text
            elif text:
                repeated[tag] = None
        else:
            values[tag] = text
    text = _text_from_the_beginning(body, MAX_TEXT, hidden)
    by_rows = not any(values.values())
    if by_rows:
        rows = [[_shown_text(cell, hidden) for cell in _cells(row)] for row in _rows(body)]
        found = fields_of_rows(rows, catalogue)
        # The form's code is its last line.
        found.update(form_code(_text_from_the_beginning(body, MAX_WHOLE_TEXT, hidden)))
        values.update(agency_of(text) | found if found else {})
    return WordFields(values, tuple(repeated), by_rows, text)


def text_of_docx(data: bytes) -> str:
    """Return the document's running text from the start, bounded. Raises NotAWordDocument."""
    body = _body(data)
    return _text_from_the_beginning(body, MAX_TEXT, _hidden_runs(body))


def _body(data: bytes) -> etree._Element:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = _main_name(_read(archive, "_rels/.rels"))
            root = parse_xml(_read(archive, name), max_bytes=MAX_PART_BYTES)
    except (zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError, OSError, EOFError) as cause:
        raise NotAWordDocument(f"not a sound archive: {cause}") from cause
    except (XmlRefused, ValueError) as cause:
        raise NotAWordDocument(str(cause)) from cause
    if root.tag not in (_W + "document", _W_STRICT + "document"):
        raise NotAWordDocument("the main part is no Word document")
    body = next((one for one in root if one.tag in (_W + "body", _W_STRICT + "body")), None)
    if body is None:
        raise NotAWordDocument("there is no body")
    return body


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        octets = part.read(MAX_PART_BYTES + 1)
    if len(octets) > MAX_PART_BYTES:
        raise NotAWordDocument(f"{name} is larger than {MAX_PART_BYTES} bytes")
    return octets


def _main_name(rels: bytes) -> str:
    for one in parse_xml(rels, max_bytes=MAX_PART_BYTES):
        if one.get("Type") in _OFFICE_DOCUMENT:
            return one.get("Target", "").lstrip("/")
    raise NotAWordDocument("there is no main document")


def _tag_of(control: etree._Element) -> str:
    for namespace in (_W, _W_STRICT):
        properties = control.find(namespace + "sdtPr")
        tag = None if properties is None else properties.find(namespace + "tag")
        if tag is not None:
            return tag.get(namespace + "val", "").strip()
    return ""


def _shown_text(element: etree._Element, hidden: _Hidden) -> str:
    """Return the text below `element` as Word shows it: paragraphs and breaks as lines, tabs as blanks."""
    pieces: list[str] = []
    _collect(element, pieces, hidden)
    text = "".join(pieces)
    return "\n".join([line.strip() for line in text.split("\n")]).strip() if "\n" in text else text.strip()


def _collect(element: etree._Element, pieces: list[str], hidden: _Hidden) -> None:
    for child in element.iterchildren(tag=etree.Element):
        name = child.tag.rpartition("}")[2]
        if name in _UNSHOWN or child in hidden:
            continue
        if name == "t":
            pieces.append(child.text or "")
        elif name in ("br", "cr"):
            pieces.append("\n")
        elif name in ("tab", "ptab"):
            pieces.append(" ")
        elif name == "noBreakHyphen":
            pieces.append("-")
        elif name == "p":
            if pieces and pieces[-1] != "\n":
                pieces.append("\n")
            _collect(child, pieces, hidden)
        elif name == "AlternateContent":
            # Two versions of one picture or shape; the first is what current programs show.
            choices = list(child.iterchildren(tag=etree.Element))
            if choices:
                _collect(choices[0], pieces, hidden)
        else:
            _collect(child, pieces, hidden)


# Properties, deleted and moved-away revisions, field codes, and the phonetic guide beside a word.
_UNSHOWN = frozenset({"sdtPr", "rPr", "pPr", "tblPr", "trPr", "tcPr", "del", "moveFrom", "instrText", "delText", "rt"})


def _hidden_runs(body: etree._Element) -> _Hidden:
    """Return the runs whose properties say that they are not shown; there are few, so they are looked for once."""
    runs: set[etree._Element] = set()
    for namespace in (_W, _W_STRICT):
        for mark in body.iter(namespace + "vanish", namespace + "webHidden"):
            properties = mark.getparent()
            run = None if properties is None or properties.tag != namespace + "rPr" else properties.getparent()
            if run is not None and mark.get(namespace + "val", "true") not in ("0", "false", "off"):
                runs.add(run)
    # A paragraph's own mark may be hidden too; its text is not.
    return frozenset(run for run in runs if run.tag in (_W + "r", _W_STRICT + "r"))


def _rows(body: etree._Element) -> Iterator[etree._Element]:
    yield from body.iter(_W + "tr", _W_STRICT + "tr")


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    # A cell may stand inside a content control of its own.
    for child in row.iterchildren(tag=etree.Element):
        name = etree.QName(child).localname
        if name == "tc":
            yield child
        elif name == "sdt":
            yield from child.iter(_W + "tc", _W_STRICT + "tc")


def _text_from_the_beginning(body: etree._Element, limit: int, hidden: _Hidden) -> str:
    pieces: list[str] = []
    size = 0
    for paragraph in body.iter(_W + "p", _W_STRICT + "p"):
        text = _shown_text(paragraph, hidden)
        pieces.append(text)
        size += len(text) + 1
        if size > limit:
            break
    return "\n".join(pieces)[:limit]
