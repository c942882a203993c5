"""
Says whether programs begin to read a file elsewhere than at the end that was signed or added.

A linearised file says how long it is, and some programs begin at its first table as long as that is true; what is
added, were it one white space, makes it true or untrue. And a program that finds no end mark within the last thousand
bytes makes a table of its own. So a file can show two things though no object of it is written anew.
"""

from __future__ import annotations

import re

from signatures.formats.pdf_bytes import Guarded, signed_view
from signatures.formats.pdf_objects import GAP, Dictionary, PdfSyntaxError, Reader, skip_white
from signatures.formats.pdf_plain import found_otherwise
from signatures.formats.pdf_view import View
from signatures.report import Covers

_FIRST = re.compile(rb"\d{1,10}" + GAP + rb"\d{1,5}" + GAP + rb"obj")
_PLAIN_MARK = re.compile(rb"startxref[\t ]{0,8}[\r\n]{1,8}[\t ]{0,8}\d{1,12}[\t ]{0,8}[\r\n]")
# Programs look for the end mark within so many last bytes, some within more (ISO 32000-1, annex H.3, note 18).
_MARK_WITHIN = 1024


def begins_elsewhere(guarded: Guarded, view: View) -> str:
    """Say why a program may begin to read elsewhere, "" if none does. Source: ISO 32000-1, 7.5.5 and annex F."""
    data = view.file.data
    size = len(data)
    mark = data.rfind(b"startxref", max(0, size - _MARK_WITHIN))
    if (mark < 0 and size > guarded.end) or (mark >= 0 and _PLAIN_MARK.match(data, mark) is None):
        whole = guarded.covers is Covers.WHOLE and size > guarded.end
        alone = signed_view(view.file, guarded.end) if whole else view
        if alone is None or found_otherwise(alone):
            return "the end mark is far from the end" if mark < 0 else "the end mark is oddly written"
    said, table = _linearised(data)
    if said < 0 or guarded.signed is None:
        return ""
    if said == size != guarded.end:
        return "it is as long as its linearisation says only since something was added"
    if said == guarded.end and guarded.signed.sections[0].start != table:
        return "its linearisation leads to another table"
    return ""


def _linearised(data: bytes) -> tuple[int, int]:
    """Return the length that a linearised file says it has and where its first table is due; (-1, -1) for others."""
    header = _FIRST.match(data, skip_white(data, 0))
    if header is None:
        return -1, -1
    stop = data.find(b"endobj", header.end())
    stop = len(data) if stop < 0 else stop
    if data.find(b"/Linearized", header.end(), stop) < 0 and data.find(b"#", header.end(), stop) < 0:
        return -1, -1
    try:
        value, end = Reader(data).value(header.end())
    except PdfSyntaxError:
        return -1, -1
    if not isinstance(value, Dictionary) or value.get("Linearized") is None:
        return -1, -1
    length = value.get("L")
    at = skip_white(data, end)
    if data.startswith(b"endobj", at):
        at = skip_white(data, at + 6)
    return int(length) if isinstance(length, int | float) else -1, at
