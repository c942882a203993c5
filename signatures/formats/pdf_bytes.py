"""
The byte guard: says, before any cryptography, whether a PDF signature covers the bytes it must.

A reader that is lenient about where a file ends, or about what a byte range may look like, passes forgeries whose
digest is right. So every clause here is exact, and a signature that breaks one has failed whatever its digest says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signatures.algorithms import new_hash
from signatures.formats.pdf_fields import SignatureField, fields_of, signature_fields
from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_gap import lies_in_another
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Ref, hex_string, skip_white
from signatures.formats.pdf_same import same_through
from signatures.formats.pdf_tables import Section
from signatures.formats.pdf_view import NotPdf, View
from signatures.report import Covers, Reason

_WHITE = b"\x00\t\n\x0c\r "
_ONLY_WHITE = re.compile(rb"[\x00\t\n\x0c\r ]*")
_PLAIN_RANGE = re.compile(rb"\[[0-9\x00\t\n\x0c\r ]*\]")
_HEX_GAP = re.compile(rb"<[0-9A-Fa-f\x00\t\n\x0c\r ]*>")
_END_MARK = re.compile(
    rb"[\x00\t\n\x0c\r ]*startxref[\x00\t\n\x0c\r ]*(\d{1,12})[\x00\t\n\x0c\r ]*%%EOF[\t ]*(?:\r\n|\r|\n)?"
)
_ENDS = re.compile(rb"%%EOF[\x00\t\n\x0c\r ]*\Z")
_FILLING = re.compile(rb"(?:[\x00\t\n\x0c\r ]++|endobj|%(?!PDF-)[^\r\n]*+)*+")
# Space that a writer may leave between a table and its end marker.
_MARK_WITHIN = 512
# Readers look that far back for the end marker.
_TAIL = 1024


@dataclass(frozen=True, slots=True)
class Guarded:
    """
    What the byte guard says of one signature.

    `problems` are empty if every clause holds; any problem fails the signature. `contents` are the bytes of /Contents.
    `end` is where the signed bytes end (0 if unknown), `gap` the place left out. `signed` is the file as signed;
    `later` are the tables of contents added since, oldest first; `stray` says that bytes were added that belong to no
    object: what they are for cannot be told.
    """

    problems: tuple[Reason, ...]
    covers: Covers
    contents: bytes = b""
    gap: tuple[int, int] = (0, 0)
    end: int = 0
    signed: View | None = None
    later: tuple[Section, ...] = ()
    stray: bool = False

    def digest(self, data: bytes) -> Callable[[str], bytes]:
        """Return a function that gives the digest of the signed bytes, each algorithm computed once."""
        known: dict[str, bytes] = {}
        view = memoryview(data)

        def digest_of(name: str) -> bytes:
            if name not in known:
                hasher = new_hash(name)
                hasher.update(view[: self.gap[0]])
                hasher.update(view[self.gap[1] : self.end])
                known[name] = hasher.digest()
            return known[name]

        return digest_of


def byte_range(field: SignatureField, view: View) -> tuple[int, int, int, int] | Reason:
    """Return the four numbers of /ByteRange, or the reason why they are none."""
    if field.dictionary is None:
        return Reason("SIGNATURE_VALUE_BROKEN", "the field's value is no dictionary")
    value = view.resolve(field.dictionary.get("ByteRange"))
    if not isinstance(value, list):
        return Reason("BYTE_RANGE_INVALID", "there is no /ByteRange")
    numbers = [view.resolve(one) for one in value]
    whole = [one for one in numbers if isinstance(one, int) and not isinstance(one, bool)]
    if len(numbers) != 4 or len(whole) != 4:
        return Reason("BYTE_RANGE_INVALID", "not four whole numbers")
    first, second, third, fourth = whole
    if not _is_plain_range(field.dictionary, view):
        # Programs read "--5", "5-1" and the like each in their own way, and then verify other bytes.
        return Reason("BYTE_RANGE_INVALID", "its numbers are not plainly written")
    if first != 0 or second <= 0 or third <= second or fourth < 0:
        return Reason("BYTE_RANGE_INVALID", f"[{first} {second} {third} {fourth}]")
    if third + fourth > len(view.file.data):
        return Reason("BYTE_RANGE_INVALID", f"ends at {third + fourth}, the file at {len(view.file.data)}")
    return first, second, third, fourth


def _is_plain_range(dictionary: Dictionary, view: View) -> bool:
    """Say whether the numbers of /ByteRange are written with digits only, where that can be seen."""
    value = dictionary.get("ByteRange")
    if isinstance(value, Ref):
        placed = view.placed(value.number)
        return placed is not None and not placed.odd
    start, stop = dictionary.spans.get("ByteRange", (0, 0))
    if isinstance(value, list) and any(isinstance(one, Ref) for one in value):
        return True
    return not view.file.data.startswith(b"[", start) or _PLAIN_RANGE.fullmatch(view.file.data, start, stop) is not None


def guard(field: SignatureField, view: View, others: Sequence[tuple[int, int]], signed: View | None) -> Guarded:
    """
    Judge the byte range of `field` in the whole file `view`.

    `others` are the gaps of the file's other signatures. `signed` is the file read up to the end of this byte range if
    the caller has it already (see `signed_view`), None if those bytes are no PDF.

    Source: ISO 32000-2, 12.8.1; ETSI EN 319 142-1, 5.4; the attack classes of pdf-insecurity.org.
    """
    found = byte_range(field, view)
    if isinstance(found, Reason):
        return Guarded((found,), Covers.UNKNOWN)
    _, start, stop, rest = found
    end = stop + rest
    data = view.file.data
    dictionary, holder = field.dictionary, field.holder
    assert dictionary is not None  # byte_range has told
    problems: list[Reason] = []

    # 1. The gap is one hexadecimal string, and it is this dictionary's /Contents.
    if _HEX_GAP.fullmatch(data, start, stop) is None:
        problems.append(Reason("CONTENTS_GAP_MISMATCH", "the gap is not one hexadecimal string"))
    contents = view.resolve(dictionary.get("Contents"))
    if not isinstance(contents, bytes):
        return Guarded((*problems, Reason("CONTENTS_EMPTY", "there is no /Contents")), Covers.UNKNOWN, end=end)
    if holder is None or holder.start < 0:
        problems.append(Reason("CONTENTS_GAP_MISMATCH", "the signature dictionary is not in the file itself"))
    elif dictionary.spans.get("Contents") != (start, stop):
        problems.append(Reason("CONTENTS_GAP_MISMATCH", "/Contents is not where the gap is"))
    else:
        try:
            if hex_string(data[start + 1 : stop - 1]) != contents:
                problems.append(Reason("CONTENTS_GAP_MISMATCH", "the gap holds other bytes than /Contents"))
        except PdfSyntaxError:
            problems.append(Reason("CONTENTS_GAP_MISMATCH", "the gap is not one hexadecimal string"))
    if holder is not None and holder.start >= 0:
        shared = lies_in_another(signed or view, dictionary, holder, (start, stop))
        if shared:
            problems.append(Reason("CONTENTS_GAP_MISMATCH", f"the gap is part of {shared}"))
    if any(begin < stop and start < finish for begin, finish in others):
        problems.append(Reason("SIGNATURES_OVERLAP", f"the gap [{start}, {stop}) holds another signature too"))
    if dictionary.again:
        problems.append(Reason("DICTIONARY_KEY_TWICE", ", ".join(dictionary.twice)))
    if not contents.strip(b"\x00"):
        problems.append(Reason("CONTENTS_EMPTY", "/Contents is empty or zero"))

    # 2. The file begins with its header, so that no other format is read into it.
    if view.file.header_at != 0:
        problems.append(Reason("BYTES_BEFORE_HEADER", f"the header stands at {view.file.header_at}"))

    # 3. Nothing follows the signed bytes but white space or whole revisions.
    white_to = _ONLY_WHITE.match(data, end)
    whole_file = white_to is not None and white_to.end() == len(data)
    later: tuple[Section, ...] = ()
    stray = False
    if whole_file:
        covers = Covers.WHOLE
        signed = view
    else:
        covers = Covers.REVISION
        if signed is None or _ENDS.search(data, max(0, end - _TAIL), end) is None:
            covers = Covers.PARTIAL
            problems.append(Reason("SIGNED_REVISION_UNREADABLE", f"the first {end} bytes are no PDF of their own"))
            signed = None
        else:
            history, broken, stray = _history(view, signed)
            later = history
            if broken is not None:
                covers = Covers.PARTIAL
                problems.append(broken)

    # 4. The same dictionary, key by key, stands in the signed bytes read alone.
    if signed is not None and signed is not view:
        problem = _same_in_signed(field, view, signed)
        if problem is not None:
            problems.append(problem)
    return Guarded(tuple(problems), covers, contents, (start, stop), end, signed, later, stray)


def signed_view(file: PdfFile, end: int) -> View | None:
    """Return the first `end` bytes read as a file of its own; None if they are none."""
    try:
        return View(file, end, rebuild=False)
    except NotPdf:
        return None


def _same_in_signed(field: SignatureField, view: View, signed: View) -> Reason | None:
    """
    Look for the field in the signed bytes and compare its signature dictionary key by key.

    Source: the dictionary-spoofing and wrapping attacks; the file must show what was signed.
    """
    if not field.listed and field.holder is not None:
        # The form lists it neither here nor there: the object itself is all there is to compare.
        there = signed.get(field.holder.number)
        if isinstance(there, Dictionary) and field.holder.value is not field.dictionary:
            there = signed.resolve(there.get("V"))
        if isinstance(there, Dictionary) and same_through(view, field.dictionary, signed, there, frozenset({"Data"})):
            return None
        return Reason("SIGNATURE_REPLACED", "the signature dictionary differs from the signed one")
    named = [one for one in signature_fields(signed, fields_of(signed)) if one.name == field.name]
    for candidate in named:
        if candidate.holder is None or field.holder is None or candidate.dictionary is None:
            continue
        if candidate.holder.number != field.holder.number:
            # Two fields may bear one name; the one that is meant holds the same object.
            continue
        # /Data leads to the catalogue; the changes made to that are judged by themselves.
        if not same_through(view, field.dictionary, signed, candidate.dictionary, frozenset({"Data"})):
            return Reason("SIGNATURE_REPLACED", "the signature dictionary differs from the signed one")
        return None
    if named:
        return Reason("SIGNATURE_REPLACED", "another object is the field's value since")
    return Reason("SIGNATURE_NOT_IN_SIGNED_PART", "the signed bytes hold no such signature field")


def _history(view: View, signed: View) -> tuple[tuple[Section, ...], Reason | None, bool]:
    """
    Return the tables added after `signed` (oldest first), what is wrong with them, and whether stray bytes are there.

    The signed history must be the beginning of the whole file's: else the file shows something else altogether. Each
    later table must be where its own end marker says, one after the other, and nothing but white space may follow.
    """
    data = view.file.data
    if view.rebuilt:
        return (), Reason("HISTORY_BROKEN", "the last table of contents cannot be read"), False
    old = [section.start for section in signed.sections]
    all_starts = [section.start for section in view.sections]
    count = len(all_starts) - len(old)
    if count == 0 and all_starts == old:
        return (), Reason("BYTES_AFTER_END", f"{len(data) - signed.end} bytes follow the signed revision"), False
    if count <= 0 or all_starts[count:] != old:
        return (), Reason("HISTORY_BROKEN", "the file does not continue the signed revision"), False
    for section in signed.sections:
        if section.hidden is not None and section.hidden.stop > signed.end:
            return (), Reason("HISTORY_BROKEN", "a signed table of contents continues beyond the signed bytes"), False
    later = tuple(reversed(view.sections[:count]))
    position = signed.end
    stray = False
    for section in later:
        if section.moved or section.start < position:
            return (
                later,
                Reason("HISTORY_BROKEN", f"a table of contents is not where it should be ({section.start})"),
                stray,
            )
        mark = _end_mark(data, section)
        if mark is None or int(mark[1]) != _declared(data, section):
            return later, Reason("UPDATE_WITHOUT_END", f"the revision at {section.start} has no end of its own"), stray
        clean = _accounted(view, section, position, mark.start())
        if clean is None:
            return later, Reason("SECOND_HEADER", f"another file begins between {position} and {mark.end()}"), stray
        stray = stray or not clean
        position = mark.end()
    tail = _ONLY_WHITE.match(data, position)
    if tail is None or tail.end() != len(data):
        return later, Reason("BYTES_AFTER_END", f"{len(data) - position} bytes follow the last revision"), stray
    return later, None, stray


def _end_mark(data: bytes, section: Section) -> re.Match[bytes] | None:
    position = section.stop
    limit = min(len(data), section.stop + _MARK_WITHIN)
    for word in (b"endstream", b"endobj"):
        at = skip_white(data, position)
        if data.startswith(word, at):
            position = at + len(word)
    mark = _END_MARK.match(data, position, limit)
    if mark is None:
        # Some writers leave a comment line between the trailer and its end marker.
        at = data.find(b"startxref", position, limit)
        if at >= 0 and skip_white(data, position) == at:
            mark = _END_MARK.match(data, at, limit)
    return mark


def _declared(data: bytes, section: Section) -> int:
    """The offset that the end marker must give: the table's own, or white space directly before it."""
    mark = _end_mark(data, section)
    said = int(mark[1]) if mark is not None else -1
    between = data[said : section.start] if 0 <= said <= section.start else b"x"
    return said if not between.strip(_WHITE) else section.start


def _accounted(view: View, section: Section, begin: int, end: int) -> bool | None:
    """
    Say whether every byte from `begin` to `end` belongs to an object that this table names, to the table, or is white.

    None if another PDF header stands among them.
    """
    data = view.file.data
    spans = [(section.start, section.stop)]
    if section.hidden is not None:
        spans.append((section.hidden.start, section.hidden.stop))
    for number in section.numbers():
        entry = section.find(number)
        if entry is None or entry.kind != "n" or not begin <= entry.place < end:
            continue
        placed = view.placed_at(number, entry.place)
        if placed is not None:
            spans.append((placed.start, placed.stop))
    position = begin
    clean = True
    for start, stop in sorted(spans):
        if start > position and not _is_filling(data, position, start):
            clean = False
            if data.find(b"%PDF-", position, start) >= 0:
                return None
        position = max(position, stop)
    if position < end and not _is_filling(data, position, end):
        clean = False
        if data.find(b"%PDF-", position, end) >= 0:
            return None
    return clean


def _is_filling(data: bytes, start: int, stop: int) -> bool:
    match = _FILLING.fullmatch(data, start, stop)
    return match is not None
