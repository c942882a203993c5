"""
Says whether the place of a signature's value is anything else in the file as well.

The value itself cannot be signed: whoever has the file may change letters of it (the zeros that fill its place, papers
that nobody signed) and the signature still holds. So nothing that a reader shows may rest on these bytes.
"""

from __future__ import annotations

from signatures.formats.pdf_beyond import open_ends
from signatures.formats.pdf_file import Placed
from signatures.formats.pdf_objects import Dictionary
from signatures.formats.pdf_roles import object_around
from signatures.formats.pdf_view import View

# What stands before an object, the end of another or of a revision; else the object before it may still be open.
_CLOSED = (b"endobj", b"endstream", b"%%EOF")
_WHITE = b"\x00\t\n\x0c\r "
# Comments between two objects are seldom longer, and a missing line end before the header is looked at anyway.
_ROOM = 2048


def lies_in_another(view: View, dictionary: Dictionary, holder: Placed, gap: tuple[int, int]) -> str:
    """Say what else the bytes of `gap`, the value of the signature `dictionary`, belong to; "" if nothing."""
    start, stop = gap
    if any(key in dictionary for key in ("Rect", "Subtype")):
        # The value would be shown as the text of an annotation (ISO 32000-1, 12.5.2).
        return "an annotation"
    for section in view.sections:
        for one in (section, section.hidden):
            if one is not None and one.start < stop and start < one.stop:
                return "a table of contents"
    if not _begins_afresh(view.file.data, holder.start):
        return "the object before it"
    for position in open_ends(view, start):
        around = object_around(view, position)
        if around is not None and around[0] != holder.number and not 0 <= around[1] <= start:
            return f"object {around[0]}"
    return ""


def _begins_afresh(data: bytes, start: int) -> bool:
    """Say whether what stands before the object at `start` has come to its end."""
    before = data[max(0, start - _ROOM) : start].rstrip(_WHITE)
    while before:
        line = before[max(before.rfind(b"\r"), before.rfind(b"\n")) + 1 :]
        if b"%" not in line or line.lstrip(_WHITE).startswith(b"%%EOF"):
            return before.endswith(_CLOSED)
        if not line.lstrip(_WHITE).startswith(b"%"):
            return False
        before = before[: len(before) - len(line)].rstrip(_WHITE)
    return True
