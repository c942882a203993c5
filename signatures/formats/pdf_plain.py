"""
Says whether what an update wrote is written so plainly that every program reads in it what we read.

Programs forgive many slips of the pen, each its own, and where they give up they make a table of contents themselves by
looking for objects anywhere, in the data of others too. A lawful writer slips seldom after a signature; whoever forges
lives on it. So an update that is oddly written is in doubt, whatever it seems to say.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from signatures.formats.pdf_filters import Budget
from signatures.formats.pdf_objects import GAP, Dictionary, Name, PdfSyntaxError, Reader, Ref, Stream, Value, skip_white
from signatures.formats.pdf_roles import object_streams
from signatures.formats.pdf_tables import Section
from signatures.formats.pdf_view import View

_LINE_END = rb"(?:\r\n|\n|\r)"
_WORD_XREF = re.compile(rb"xref[\t ]*" + _LINE_END)
_HEAD = re.compile(rb"(\d{1,10}) (\d{1,10})[\t ]*" + _LINE_END)
_ROWS = re.compile(rb"(?:\d{10} \d{5} [nf](?: \n|\r\n| \r))*+")
_TRAILER = re.compile(rb"[\x00\t\n\x0c\r ]*trailer")
_HEADER_WORD = re.compile(rb"obj(?<![A-Za-z]obj)(?![A-Za-z])")
_HEADER_BEFORE = re.compile(rb"(?<![0-9])(\d{1,10})" + GAP + rb"\d{1,5}(?:" + GAP + rb")?\Z")
_TRAILER_WORD = re.compile(rb"trailer[\x00\t\n\x0c\r ]*<<")
_END_MARK = re.compile(rb"startxref[\x00\t\n\x0c\r ]*(\d{1,12})")
_HEADER_ROOM = 200
# So much is unpacked at a time to see whether it ends.
_PIECE = 1 << 20
# A table may be said to be where the white space before it begins.
_WHITE = b"\x00\t\n\x0c\r "
_PARAMETERS = frozenset({"Predictor", "Columns", "Colors", "BitsPerComponent"})


def odd_table(view: View, section: Section) -> str:
    """Say what is odd about a table and its trailer, "" for a plain one (ISO 32000-1, 7.5.4, 7.5.5 and 7.5.8)."""
    trailer = section.trailer
    if section.odd:
        return "its rows or its description"
    if section.owner is None and not _is_plain_table(view.file.data, section):
        return "its rows"
    root = trailer.get("Root")
    if not isinstance(root, Ref):
        return "it names no catalogue"
    entry = view.locate(root.number)
    if entry is not None and root.generation != (entry.detail if entry.kind == "n" else 0):
        return "another generation of the catalogue"
    for key in ("Size", "Prev", "XRefStm"):
        value = trailer.get(key)
        if (value is not None or key == "Size") and (not _is_whole(value)):
            return f"/{key}"
    return odd_table(view, section.hidden) if section.hidden is not None and section.hidden.odd else ""


def _is_whole(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_plain_table(data: bytes, section: Section) -> bool:
    word = _WORD_XREF.match(data, section.start)
    if word is None:
        return False
    position = word.end()
    while (head := _HEAD.match(data, position)) is not None:
        rows = _ROWS.match(data, head.end())
        if rows is None or rows.end() - rows.start() != 20 * int(head[2]):
            return False
        if int(head[1]) == 1 and data.startswith(b"0000000000 65535 f", head.end()):
            # The rows count from nought though they say from one: some programs know that slip, others do not.
            return False
        position = rows.end()
    return _TRAILER.match(data, position) is not None


def points_beside(view: View) -> bool:
    """Say whether the end mark, or a table, points beside the table that it means: some programs then look."""
    data = view.file.data
    tail = data.rfind(b"startxref", 0, view.end)
    mark = _END_MARK.match(data, tail, view.end) if tail >= 0 else None
    said: list[Value] = [int(mark[1]) if mark is not None else None]
    said += [section.trailer.get("Prev") for section in view.sections[:-1]]
    return any(
        not isinstance(place, int) or place > section.start or bool(data[place : section.start].strip(_WHITE))
        for place, section in zip(said, view.sections, strict=True)
    )


def is_plain_plumbing(view: View, stream: Stream) -> bool:
    """Say whether a stream of objects is packed as every program unpacks it: not at all, or deflated, whole."""
    if not _is_plainly_packed(stream.head):
        return False
    if stream.head.get("Filter") is None:
        return True
    decryptor = view.file.decryptor
    try:
        return _is_whole_deflate(stream.raw if decryptor is None else decryptor.stream_bytes(stream), view.file.budget)
    except (zlib.error, ValueError):
        return False


def _is_plainly_packed(head: Dictionary) -> bool:
    """Say whether a stream says that it is packed in no way, or deflated, and how, itself."""
    filters, parameters = head.get("Filter"), head.get("DecodeParms")
    if isinstance(filters, list) and len(filters) == 1:
        filters = filters[0]
        parameters = parameters[0] if isinstance(parameters, list) and len(parameters) == 1 else parameters
    if any(head.get(key) is not None for key in ("F", "FFilter", "FDecodeParms", "DP")):
        return False
    if filters is None:
        return parameters is None
    if not isinstance(filters, Name) or filters != "FlateDecode":
        return False
    if isinstance(parameters, Dictionary):
        return all(key in _PARAMETERS and _is_whole(value) for key, value in parameters.items())
    return parameters is None


def oddly_packed(view: View) -> set[int]:
    """
    Return the object streams of `view` that some programs cannot unpack, or unpack to other objects.

    What others read in them, and what that refers to, nobody here can tell.
    """
    found: set[int] = set()
    for number in object_streams(view):
        value = view.get(number)
        if not isinstance(value, Stream):
            continue
        try:
            pairs, data, first = view.object_stream(number)
        except PdfSyntaxError:
            found.add(number)
            continue
        words = data[:first].split()
        listed = b"".join(words).isdigit() and len(words) == 2 * len(pairs)
        if value.head.get("Type") != "ObjStm" or not _is_plainly_packed(value.head) or (words and not listed):
            found.add(number)
    return found


def _is_whole_deflate(raw: bytes, budget: Budget) -> bool:
    """Say whether deflated bytes come to their end, within `budget`; zlib.error where they are broken."""
    engine = zlib.decompressobj()
    rest = raw
    while not engine.eof:
        made = engine.decompress(rest, _PIECE)
        rest = engine.unconsumed_tail
        budget.spend(len(made))
        if not made and not rest and not engine.eof:
            return False
    return True


def lists_plainly(view: View, number: int, stream: Stream) -> bool:
    """Say whether an object stream lists as many pairs of numbers as it says, and each object ends at the next."""
    try:
        pairs, data, first = view.object_stream(number)
    except PdfSyntaxError:
        return False
    words = data[:first].split()
    count = view.resolve(stream.head.get("N"))
    places = [place for _, place in pairs]
    return (
        all(word.isdigit() for word in words)
        and len(words) == 2 * len(pairs)
        and count == len(pairs)
        and places == sorted(set(places))
        and _fill_their_places(view, data, [first + place for place in places])
    )


def _fill_their_places(view: View, data: bytes, places: list[int]) -> bool:
    """Say whether one value stands at each of the ascending `places`, and nothing but white space or comments."""
    for place, following in zip(places, [*places[1:], len(data)], strict=True):
        view.file.count_read()
        try:
            _, stop = Reader(data, following).value(place)
        except PdfSyntaxError:
            return False
        if skip_white(data, stop) < following:
            return False
    return True


def hidden_objects(view: View, sections: tuple[Section, ...], begin: int, end: int) -> bool:
    """
    Say whether, from `begin` to `end`, something looks like an object or a trailer that none of `sections` names there.

    It lies in the data of another object, in a text or a comment: who makes a table of contents by looking takes it.
    """
    data = view.file.data
    spans = [(one.start, one.stop) for section in sections for one in (section, section.hidden) if one is not None]
    starts = {start for start, _ in spans}
    for match in _TRAILER_WORD.finditer(data, begin, end):
        if not any(start <= match.start() < stop for start, stop in spans):
            return True
    for number, start in _headers(data, begin, end):
        if start in starts:
            continue
        entries = (section.find(number) for section in sections)
        if not any(
            entry is not None
            and entry.kind == "n"
            and entry.place <= start
            and not data[entry.place : start].strip(_WHITE)
            for entry in entries
        ):
            return True
    return False


def found_otherwise(view: View) -> bool:
    """
    Say whether a program that makes its own table of contents by looking finds another object than the tables name.

    It takes the last of each number: one that lies behind the live one, or is free, or is packed away since.
    """
    data = view.file.data
    spans = [(one.start, one.stop) for section in view.sections for one in (section, section.hidden) if one is not None]
    starts = {start for start, _ in spans}
    for match in _TRAILER_WORD.finditer(data, 0, view.end):
        if not any(start <= match.start() < stop for start, stop in spans):
            return True
    for number, start in _headers(data, 0, view.end):
        entry = view.locate(number)
        if start in starts or (entry is not None and entry.kind == "n" and start <= entry.place + _HEADER_ROOM // 8):
            continue
        return True
    return False


def _headers(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield number and place of everything that looks like the header of an object."""
    for match in _HEADER_WORD.finditer(data, begin, end):
        header = _HEADER_BEFORE.search(data, max(begin, match.start() - _HEADER_ROOM), match.start())
        if header is not None:
            yield int(header[1]), header.start(1)
