"""Finds signatures that a PDF holds though its form does not list them, and those that were taken out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from signatures.formats.pdf_fields import MAX_SIGNATURES, Field, SignatureField, fields_of, looks_signed
from signatures.formats.pdf_file import PdfFile, Placed
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Reader, Ref, Value, name_of, text_of
from signatures.formats.pdf_roles import object_around, object_streams, uses_of
from signatures.formats.pdf_view import View

# A file of twenty-five signatures, each field and value rewritten in every revision, has some thousand such words.
MAX_WORDS = 20_000
# A name may be written with any of its letters escaped; these are the names that only signatures and their fields use.
_WORDS = frozenset({"ByteRange", "SubFilter", "Sig", "DocTimeStamp"})
_WORD = re.compile(
    rb"/(?:ByteRange|SubFilter|DocTimeStamp|Sig(?![A-Za-z])|Adobe\.PPK"
    rb"|[A-Za-z.]*#[0-9A-Fa-f]{2}[^\x00\t\n\x0c\r ()<>\[\]{}/%]*)"
)
# ISO 32000-1, 12.8.1, and what older programs wrote: handlers that sign (others encrypt, and have no /Contents).
_HANDLERS = ("Adobe.PPK", "Entrust.PPKEF", "CICI.SignIt", "VeriSign.PPKVS")
_HEADER_BACK = re.compile(rb"(?<![0-9])(\d{1,7})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj")


@dataclass(frozen=True, slots=True)
class Stray:
    """
    A signature that belongs to no field of the form.

    `number` is the object in which its dictionary lies (or should lie). `signature` joins it to the field outside the
    form that shows it on a page, None where nothing does.
    """

    number: int
    signature: SignatureField | None


def stray_signatures(view: View, known: tuple[SignatureField, ...]) -> tuple[Stray, ...]:
    """
    Return the signatures of the live objects that belong to no field of the form, broken or not.

    A whole signature lies uncompressed in the file and says /ByteRange; one that lost this word, or was moved into an
    object stream, is found by its kind (/Sig, /DocTimeStamp), its /SubFilter, its handler, or by a signature field
    that holds it. TooCostly for a file with more such words than any lawful one.
    """
    mine = {(one.holder.number, one.holder.start) for one in known if one.holder is not None}
    listed = {one.number for one in fields_of(view) if one.number}
    values: dict[int, Dictionary | None] = {}
    fields: dict[int, tuple[int, Dictionary]] = {}
    for placed in _spoken_of(view):
        value = placed.value
        if not isinstance(value, Dictionary) or (placed.number, placed.start) in mine:
            continue
        if is_signature(value):
            values.setdefault(placed.number, value)
            continue
        for at, number, inner, widget in _field_values(view, placed, value):
            holder = view.placed(number)
            if at in listed or (number, holder.start if holder is not None else -1) in mine or number in fields:
                continue
            values[number] = inner
            fields[number] = (at, widget)
        if len(values) > MAX_SIGNATURES:
            raise TooCostly(f"more than {MAX_SIGNATURES} signatures")
    uses = uses_of(view, [number for number in values if number not in fields])
    found = []
    for number, inner in values.items():
        shown = fields.get(number)
        if shown is None:
            shown = next(
                (
                    (use.holder, widget)
                    for use in uses.get(number, ())
                    for widget in (view.get(use.holder) if use.holder else None,)
                    if use.path == ("V",) and isinstance(widget, Dictionary)
                ),
                None,
            )
        if shown is None:
            found.append(Stray(number, None))
            continue
        at, widget = shown
        name = text_of(view.entry(widget, "T")) or f"object {number}"
        field = Field(name, at, "Sig", Ref(number, 0), (widget,))
        found.append(Stray(number, SignatureField(name, field, inner, view.placed(number), listed=False)))
    return tuple(found)


def is_signature(value: Dictionary) -> bool:
    """
    Say whether a dictionary is a signature, even one that lost its byte range, its kind or its value.

    Not one: a signature reference, a seed value (its /SubFilter is a list), a lock, an encryption dictionary.
    """
    if value.get("Type") in ("Sig", "DocTimeStamp") and "FT" not in value:
        return True
    if "Type" in value and value.get("Type") in ("SV", "SVCert", "SigRef", "SigFieldLock", "TransformParams", "Annot"):
        return False
    if isinstance(value.get("SubFilter"), list):
        return False
    if looks_signed(value):
        return True
    return "Contents" in value and str(value.get("Filter") or "").startswith(_HANDLERS)


def _field_values(
    view: View, placed: Placed, value: Dictionary
) -> Iterator[tuple[int, int, Dictionary | None, Dictionary]]:
    """Yield (field, object, signature dictionary, widget) of each signature that the field or a kid of it holds."""
    kids = view.entry(value, "Kids")
    holders: list[tuple[int, Value]] = [(placed.number, value)]
    holders += [
        (kid.number, view.resolve(kid)) for kid in (kids if isinstance(kids, list) else ()) if isinstance(kid, Ref)
    ]
    for number, holder in holders:
        if not isinstance(holder, Dictionary):
            continue
        held = holder.get("V")
        inner = view.resolve(held)
        if inner is None and not isinstance(held, Ref):
            continue
        if view.resolve(value.get("FT")) != "Sig" and not (isinstance(inner, Dictionary) and is_signature(inner)):
            continue
        place = held.number if isinstance(held, Ref) else number
        yield number, place, inner if isinstance(inner, Dictionary) else None, holder


def _spoken_of(view: View) -> Iterator[Placed]:
    """Yield every live object in which one of the words stands, in the file itself or in an object stream."""
    count = 0
    seen: set[int] = set()
    for at in _words_of(view):
        count += 1
        around = object_around(view, at)
        if around is not None and around[0] not in seen:
            seen.add(around[0])
            placed = view.placed(around[0])
            if placed is not None:
                yield placed
    for stream in sorted(object_streams(view)):
        try:
            pairs, data, first = view.object_stream(stream)
        except PdfSyntaxError:
            continue
        places: list[tuple[int, int]] | None = None
        last = -1
        for at in _words(data, first):
            count += 1
            if count > MAX_WORDS:
                raise TooCostly(f"more than {MAX_WORDS} words of signatures")
            if places is None:
                places = sorted((first + offset, number) for number, offset in pairs)
            index = bisect_right(places, (at, 1 << 60)) - 1
            if index < 0 or index == last:
                continue
            last = index
            number = places[index][1]
            entry = view.locate(number)
            if entry is not None and entry.kind == "c" and entry.place == stream:
                placed = view.placed(number)
                if placed is not None:
                    yield placed


def _words_of(view: View) -> list[int]:
    """Return the places of the words in the file itself, searched once; TooCostly beyond all measure."""
    known = view.kept.get("signature words")
    if not isinstance(known, list):
        known = list(islice(_words(view.file.data, 0), MAX_WORDS + 1))
        view.kept["signature words"] = known
    if len(known) > MAX_WORDS:
        raise TooCostly(f"more than {MAX_WORDS} words of signatures")
    return known


def _words(data: bytes, start: int) -> Iterator[int]:
    """Yield where a name stands that only signatures and their fields use, however its letters are written."""
    for match in _WORD.finditer(data, start):
        word = match[0][1:]
        if b"#" in word:
            name = str(name_of(word))
            if name not in _WORDS and not name.startswith("Adobe.PPK"):
                continue
        yield match.start()


def taken_out(view: View, known: tuple[SignatureField, ...], others: tuple[Stray, ...], usage_rights: int) -> list[int]:
    """
    Return the objects that were a signature's value in an earlier revision and are so no longer.

    Only what a table of contents once led to counts, and of objects that are still there only those that a field once
    named: bytes that were never part of a revision say nothing.
    """
    alive = {one.holder.number for one in known if one.holder is not None} | {usage_rights}
    alive |= {one.number for one in others if one.signature is not None}
    found: dict[int, None] = {}
    for number in (one.number for one in others if one.signature is None and one.number not in alive):
        if was_a_value(view, number):
            found[number] = None
        alive.add(number)
    for number, start, contents in _dictionaries(view.file, _words_of(view)):
        if number in found or (number in alive and _still_there(view, number, contents)):
            continue
        entries = (section.find(number) for section in view.sections)
        if any(one is not None and one.kind == "n" and one.place <= start <= one.place + 32 for one in entries):
            found[number] = None
    return list(found)


def was_a_value(view: View, number: int) -> bool:
    """Say whether any revision of the file has a field whose value is object `number`."""
    white = rb"[\x00\t\n\x0c\r ]"
    named = rb"/V%b*%d%b+\d{1,5}%b+R(?![A-Za-z0-9])" % (white, number, white, white)
    return re.search(named, view.file.data) is not None


def _still_there(view: View, number: int, contents: Value) -> bool:
    """Say whether the live object `number` holds the signature value `contents`; a writer may repeat an object."""
    value = view.get(number)
    if isinstance(value, Dictionary) and "FT" in value:
        value = view.resolve(value.get("V"))
    empty = not isinstance(contents, bytes) or not contents.strip(b"\x00")
    return empty or (isinstance(value, Dictionary) and view.resolve(value.get("Contents")) == contents)


def removed_signatures(file: PdfFile) -> tuple[int, ...]:
    """
    Return the object numbers of signature dictionaries that stand in the bytes, in whatever revision or none.

    For a file whose form shows no signature: one that was there and was taken out is not "unsigned".
    """
    return tuple(dict.fromkeys(number for number, _, _ in _dictionaries(file, _words(file.data, 0))))


def _dictionaries(file: PdfFile, words: Iterable[int]) -> Iterator[tuple[int, int, Value]]:
    """Yield number, place and /Contents of each signature dictionary that stands in the bytes, cut off or whole."""
    skip_to = 0
    count = 0
    for at in words:
        count += 1
        if count > MAX_WORDS:
            break
        if at < skip_to:
            continue
        header = _header_before(file.data, at)
        if header is None:
            continue
        try:
            value, stop = Reader(file.data).value(header.end())
        except PdfSyntaxError:
            # A signature whose own dictionary is cut off or broken is one all the same.
            if file.data.startswith(b"/ByteRange", at):
                yield int(header[1]), header.start(), None
            continue
        if at >= stop:
            continue
        skip_to = stop
        if isinstance(value, Dictionary) and "FT" in value and looks_signed(value.get("V")):
            value = value["V"]
        if isinstance(value, Dictionary) and is_signature(value):
            yield int(header[1]), header.start(), value.get("Contents")


def _header_before(data: bytes, position: int) -> re.Match[bytes] | None:
    """Return the object header nearest before `position`."""
    at = position
    for _ in range(64):
        at = data.rfind(b"obj", 0, at)
        if at < 0:
            return None
        for start in range(max(0, at - 20), at):
            header = _HEADER_BACK.match(data, start)
            if header is not None and header.end() == at + 3:
                return header
    return None
