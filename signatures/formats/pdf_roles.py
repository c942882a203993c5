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

from signatures.formats.pdf_file import View
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Ref, Stream, Value

# A touched object is used in a handful of places; a reference repeated so often is there to keep us busy.
MAX_USES = 100_000
# From a font in an appearance up to its field there are five steps; further up the answer is "unknown".
MAX_STEPS = 8
# Up to so many numbers are searched for by name; beyond that every reference is looked at.
_FEW = 500
_HEADER_END = re.compile(rb"(?<![0-9])(\d{1,7})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+\Z")

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


def uses_of(view: View, numbers: Iterable[int]) -> dict[int, list[Use]]:
    """
    Return where the objects `numbers` are referred to by the live objects and the trailer of `view`.

    Objects that a later revision of the same bytes superseded do not count. TooCostly beyond all measure.
    """
    wanted = frozenset(numbers)
    found: dict[int, list[Use]] = {number: [] for number in wanted}
    if not wanted:
        return found
    for key, value in view.trailer.items():
        for number, path in paths_to(value, wanted):
            found[number].append(Use(number, 0, (key, *path)))
    for holder in _holders(view, wanted):
        for number, path in paths_to(view.get(holder), wanted):
            found[number].append(Use(number, holder, path))
    return found


def _holders(view: View, wanted: frozenset[int]) -> set[int]:
    # The alternatives are sorted so that the expression compiler can take out their common beginnings: that makes the
    # search several times faster on a large file.
    words = b"|".join(sorted(str(number).encode() for number in wanted)) if len(wanted) <= _FEW else rb"\d{1,10}"
    search = re.compile(rb"(" + words + rb")[\x00\t\n\x0c\r ]+\d{1,5}[\x00\t\n\x0c\r ]+R(?![A-Za-z0-9])")
    holders: set[int] = set()
    data = view.file.data
    count = 0
    skip_to = 0
    seen_at = -1
    for match in search.finditer(data, 0, view.end):
        count += 1
        if count > MAX_USES:
            raise TooCostly(f"more than {MAX_USES} references to the changed objects")
        if match.start() < skip_to or data[match.start() - 1 : match.start()].isdigit() or int(match[1]) not in wanted:
            continue
        if seen_at >= 0 and data.find(b"obj", seen_at, match.start()) < 0:
            # No object began or ended since the last hit, and that one lay in nothing that counts.
            seen_at = match.start()
            continue
        seen_at = match.start()
        holder = object_around(view, match.start())
        if holder is not None:
            number, stop = holder
            holders.add(number)
            # The object is read as a whole: further hits inside it add nothing.
            skip_to = stop
    for stream in sorted(object_streams(view)):
        holders |= _holders_in_stream(view, stream, search, wanted)
    return holders


def object_around(view: View, position: int) -> tuple[int, int] | None:
    """Return number and end of the live object in which `position` lies, None if it lies in none."""
    data = view.file.data
    at = position
    for _ in range(64):
        at = data.rfind(b"obj", 0, at)
        if at < 0 or data[at - 3 : at] == b"end":
            return None
        header = _HEADER_END.search(data, max(0, at - 24), at)
        if header is None:
            continue
        number = int(header[1])
        entry = view.locate(number)
        if entry is None or entry.kind != "n":
            return None
        placed = view.placed(number)
        if placed is None or placed.start != header.start(1) or not placed.start <= position < placed.stop:
            return None
        return number, placed.stop
    return None


def object_streams(view: View) -> set[int]:
    """Return the numbers of the object streams that any table of `view` names."""
    streams: set[int] = set()
    for section in view.sections:
        streams |= section.rows.streams()
        if section.hidden is not None:
            streams |= section.hidden.rows.streams()
    return streams


def _holders_in_stream(view: View, stream: int, search: re.Pattern[bytes], wanted: frozenset[int]) -> set[int]:
    try:
        pairs, data, first = view.object_stream(stream)
    except PdfSyntaxError:
        return set()
    places = sorted((first + offset, number) for number, offset in pairs)
    starts = [start for start, _ in places]
    holders: set[int] = set()
    for match in search.finditer(data, first):
        index = bisect_right(starts, match.start()) - 1
        if index < 0 or data[match.start() - 1 : match.start()].isdigit() or int(match[1]) not in wanted:
            continue
        number = places[index][1]
        entry = view.locate(number)
        if entry is not None and entry.kind == "c" and entry.place == stream:
            holders.add(number)
    return holders
