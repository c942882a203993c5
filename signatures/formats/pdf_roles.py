"""
Says what an object of a PDF is used for: every place in the signed revision from which something refers to it.

Walking a whole document to learn that costs more than everything else together, so only the few objects that a later
revision touches are looked up, by searching the signed bytes for references to them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import GAP, Dictionary, PdfSyntaxError, Ref, Stream, Value, references_in
from signatures.formats.pdf_view import View, asked_by

# A touched object is used in a handful of places; a reference repeated so often is there to keep us busy.
MAX_USES = 100_000
# From a font in an appearance up to its field there are five steps; further up the answer is "unknown".
MAX_STEPS = 8
# Up to so many numbers are searched for by name; beyond that every reference is looked at.
_FEW = 500
_DIGITS = b"0123456789"
# Two numbers with some white space between; with more, it is looked at again.
_ROOM = 24
_FAR = 4096
# Comments before a reference; a line of a picture may look like dozens.
_MANY_GAPS = 1000
_BLANKS = b"\x00\t\n\x0c\r "
_HEADER_END = re.compile(rb"(?<![0-9])(\d{1,7})" + GAP + rb"(\d{1,5})" + GAP + rb"\Z")
# Live objects before a place that are looked at: lawful ones do not lie inside one another.
_NEIGHBOURS = 32
# A header or reference is about ten letters long, unless somebody puts comments or much white space into it.
_HEADER_ROOM = 200
# The holder named for a use inside a live object that cannot be read, or under a key that stands there twice: nobody
# knows what it means there.
UNREADABLE = -2

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """Object `number` stands in object `holder` (0 for the trailer) at `path`."""

    number: int
    holder: int
    path: Path


def paths_to(value: Value, numbers: frozenset[int]) -> Iterator[tuple[int, Path]]:
    """Yield every reference to one of `numbers` inside `value`, with the keys and positions that lead to it."""
    waiting: list[tuple[Value, Path]] = [(value, ())]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, Ref):
            if item.number in numbers:
                yield item.number, path
        elif isinstance(item, list):
            waiting.extend((one, (*path, index)) for index, one in enumerate(item))
        elif isinstance(item, Dictionary):
            waiting.extend((one, (*path, key)) for key, one in item.items())
        elif isinstance(item, Stream):
            waiting.append((item.head, path))


def doubtful_references(value: Value) -> set[int]:
    """Return the numbers of the objects that stand in `value` under a key that a dictionary there names twice."""
    found: set[int] = set()
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Stream):
            item = item.head
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, Dictionary):
            waiting.extend(item.values())
            for key, further in item.again:
                found.update(reference.number for reference in references_in([item[key], further]))
    return found


def uses_of(view: View, numbers: Iterable[int]) -> dict[int, list[Use]]:
    """
    Return where the objects `numbers` are referred to by the live objects and the trailer of `view`.

    Objects that a later revision of the same bytes superseded do not count. TooCostly beyond all measure.
    """
    wanted = frozenset(numbers)
    found: dict[int, list[Use]] = {number: [] for number in wanted}
    if not wanted:
        return found
    _add_uses(found, 0, view.trailer)
    holders, unclear = _holders(view, wanted)
    for number in unclear:
        found[number].append(Use(number, UNREADABLE, ()))
    for holder in holders:
        _add_uses(found, holder, view.get(holder))
    return found


def _add_uses(found: dict[int, list[Use]], holder: int, value: Value) -> None:
    wanted = frozenset(found)
    for number, path in paths_to(value, wanted):
        found[number].append(Use(number, holder, path))
    for number in doubtful_references(value) & wanted:
        found[number].append(Use(number, UNREADABLE, ()))


def _holders(view: View, wanted: frozenset[int]) -> tuple[set[int], set[int]]:
    """Return the live objects that refer to any of `wanted`, and those of `wanted` that unreadable objects refer to."""
    holders: set[int] = set()
    unclear: set[int] = set()
    data = view.file.data
    count = 0
    seen_at = -1
    holder: tuple[int, int] | None = None
    search = _search_for(wanted)
    for at, found in _references(data, 0, view.end, search):
        if found not in wanted:
            continue
        count += 1
        if count > MAX_USES:
            raise TooCostly(f"more than {MAX_USES} references to the changed objects")
        if seen_at < 0 or data.find(b"obj", seen_at, at) >= 0:
            # Objects may lie inside others (in a stream's data, say): only where none begins or ends is it the same.
            holder = object_around(view, at)
        seen_at = at
        if holder is not None and holder[1] < 0:
            unclear.add(found)
        elif holder is not None:
            holders.add(holder[0])
    for stream in sorted(object_streams(view)):
        holders |= _holders_in_stream(view, stream, wanted, search)
    return holders, unclear


def _search_for(wanted: frozenset[int]) -> re.Pattern[bytes]:
    """
    Return what finds the ends of references to `wanted`, and of all that are not written in the usual way.

    Looking back from the one letter that ends a reference is several times faster than looking for digits; what is
    looked back at must be of one length.
    """
    by_length: dict[int, list[bytes]] = {}
    for number in sorted(wanted) if len(wanted) <= _FEW else ():
        word = str(number).encode()
        by_length.setdefault(len(word), []).append(word)
    usual = [rb"(?<=[^0-9](?:" + b"|".join(words) + rb") 0 R)" for words in by_length.values()]
    others = rb"(?<=[\x00\t\n\x0c\r ]R)" + (rb"(?<![0-9] 0 R)" if usual else b"")
    return re.compile(rb"R(?![A-Za-z0-9])(?:" + b"|".join([*usual, others]) + rb")")


def _references(data: bytes, start: int, end: int, search: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """Yield a place in, and the object number of, what `search` finds to be a reference, in the order of the bytes."""
    for match in search.finditer(data, start, end):
        stop = match.start()
        before = data[max(start, stop - _ROOM) : stop]
        words = before.split()
        if len(words) > 1 and words[-1].isdigit() and b"%" not in before:
            number = words[-2][len(words[-2].rstrip(_DIGITS)) :]
            # A number that fills its word might begin before the bytes looked at.
            if number and (len(words) > 2 or len(number) < len(words[-2])):
                yield stop - 1, int(number[-10:])
                continue
        yield from _far_reference(data, start, stop)


def _far_reference(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the reference that ends at `stop` if much white space or comments stand in it; rather one too many."""
    for second in _gap_begins(data, start, stop):
        first = _digits_begin(data, start, second)
        if first == second:
            continue
        for end in _gap_begins(data, start, first):
            begin = _digits_begin(data, start, end)
            if begin < end:
                yield stop - 1, int(data[max(begin, end - 10) : end])


def _gap_begins(data: bytes, start: int, stop: int) -> Iterator[int]:
    """Yield where the white space and comments that end at `stop` may begin; TooCostly beyond all measure."""
    waiting = [stop]
    for _ in range(_MANY_GAPS):
        if not waiting:
            return
        at = waiting.pop()
        least = max(start, at - _FAR)
        solid = least + len(data[least:at].rstrip(_BLANKS))
        if solid == least > start:
            break
        if solid < stop:
            yield solid
        if solid < at and (b"\n" in data[solid:at] or b"\r" in data[solid:at]):
            line = max(data.rfind(b"\n", least, solid), data.rfind(b"\r", least, solid), least - 1) + 1
            comment = data.find(b"%", line, solid)
            while comment >= 0:
                waiting.append(comment)
                comment = data.find(b"%", comment + 1, solid)
    else:
        if not waiting:
            return
    raise TooCostly("a reference with more white space or comments in it than any lawful one")


def _digits_begin(data: bytes, start: int, stop: int) -> int:
    least = max(start, stop - 12)
    return least + len(data[least:stop].rstrip(_DIGITS))


def object_around(view: View, position: int) -> tuple[int, int] | None:
    """
    Return number and end of the live object in which `position` lies, None if it lies in none.

    The end is -1 for an object that cannot be read. Usually the nearest header before is the object's; but a text in it
    may look like a header, or like an end, so before the answer is "none" the places of all live objects are asked.
    """
    data = view.file.data
    at = data.rfind(b"obj", 0, position)
    header = _HEADER_END.search(data, max(0, at - _HEADER_ROOM), at) if at >= 0 else None
    if header is not None and data[at - 3 : at] != b"end":
        number = int(header[1])
        entry = view.locate(number)
        if entry is not None and entry.kind == "n":
            placed = view.placed(number)
            if placed is None and entry.place <= header.start(1) <= entry.place + 32:
                return number, -1
            if placed is not None and placed.start == header.start(1) and position < placed.stop:
                return number, placed.stop
    places, numbers = _live_objects(view)
    index = bisect_right(places, position)
    for number in reversed(numbers[max(0, index - _NEIGHBOURS) : index]):
        placed = view.placed(number)
        if placed is not None and placed.start <= position < placed.stop:
            return number, placed.stop
    return None


def _live_objects(view: View) -> tuple[list[int], list[int]]:
    """Return places and numbers of the live objects that stand in the file itself, in the order of their places."""
    known = view.kept.get("live objects")
    if isinstance(known, tuple):
        return known
    everything: dict[int, int] = {}
    for section in reversed(view.sections):
        if section.hidden is not None:
            everything.update(section.hidden.rows.places())
        rows = section.rows.places()
        if section.hidden is None:
            everything.update(rows)
        else:
            # What the table frees, its hidden stream may have in use.
            everything.update((number, place) for number, place in rows.items() if place >= 0)
    order = sorted((place, number) for number, place in everything.items() if place >= 0)
    found = [place for place, _ in order], [number for _, number in order]
    view.kept["live objects"] = found
    return found


def object_streams(view: View) -> set[int]:
    """Return the numbers of the object streams that any table of `view` names."""
    streams: set[int] = set()
    for section in view.sections:
        streams |= section.rows.streams()
        if section.hidden is not None:
            streams |= section.hidden.rows.streams()
    return streams


def leaning_streams(view: View, numbers: Iterable[int]) -> set[int]:
    """
    Return the object streams of `view` that may be read by what one of `numbers` says, be it through other objects.

    Lawful ones say themselves how long they are, what they hold and how they are packed; one that asks other objects
    shows something else as soon as these do, though no table names what is in it. Rather one too many.
    """
    wanted = frozenset(numbers)
    asking: set[int] = set()
    asked: set[int] = set()
    for stream in object_streams(view):
        value = view.get(stream)
        if isinstance(value, Stream) and (further := asked_by(value)):
            asking.add(stream)
            asked |= further
    waiting = list(asked)
    while waiting:
        number = waiting.pop()
        if number in wanted:
            return asking
        further = {reference.number for reference in references_in(view.get(number))} - asked
        asked |= further
        waiting += further
    return set()


def _holders_in_stream(view: View, stream: int, wanted: frozenset[int], search: re.Pattern[bytes]) -> set[int]:
    try:
        pairs, data, first = view.object_stream(stream)
    except PdfSyntaxError:
        return set()
    places = sorted((first + offset, number) for number, offset in pairs)
    starts = [start for start, _ in places]
    holders: set[int] = set()
    for at, found in _references(data, first, len(data), search):
        index = bisect_right(starts, at) - 1
        if index < 0 or found not in wanted:
            continue
        number = places[index][1]
        entry = view.locate(number)
        if entry is not None and entry.kind == "c" and entry.place == stream:
            holders.add(number)
    return holders
