"""Reads a PDF's tables of contents (cross-reference tables and streams), each only as far as it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from signatures.formats.pdf_filters import Budget, TooCostly, decode
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Reader, Stream, skip_white

# The largest lawful files have some hundred thousand objects; object numbers above ISO 32000-1 annex C's limit
# (8,388,607) are refused by the readers too.
MAX_OBJECT_NUMBER = 8_388_607
# Up to so many subsections are looked through one by one; more are entered into a dictionary first.
_FEW = 32
# A hundred thousand subsections of one entry each is what a broken writer makes of a large file; more is an attack.
MAX_SUBSECTIONS = 200_000


class Entry(NamedTuple):
    """
    Where an object is: kind "n" in the file at offset `place` with generation `detail`; kind "c" as number `detail`
    inside object stream `place`; kind "f" freed.
    """

    kind: str
    place: int
    detail: int


@dataclass(slots=True)
class Section:
    """
    One table with its trailer.

    `start` is where it stands, `stop` where its trailer (or stream) ends, `moved` whether it was not exactly where
    it was said to be. `hidden` is the stream of a hybrid file. `rebuilt` marks a table that we had to make ourselves,
    `doubled` one with two rows for one object, of which programs take the first or the last, `odd` one whose trailer or
    stream is written as no writer should.
    """

    start: int
    stop: int
    trailer: Dictionary
    rows: Rows
    owner: int | None = None
    moved: bool = False
    hidden: Section | None = None
    rebuilt: bool = False
    doubled: bool = False
    odd: bool = False

    def find(self, number: int) -> Entry | None:
        """Return what this table says of object `number`; None if it says nothing."""
        entry = self.rows.find(number)
        if self.hidden is not None and (entry is None or entry.kind == "f"):
            # ISO 32000-1, 7.5.8.4: objects that old readers must not see are free in the table, present in the stream.
            return self.hidden.rows.find(number) or entry
        return entry

    def numbers(self) -> Iterator[int]:
        """Yield the object numbers that this table speaks of."""
        yield from self.rows.numbers()
        if self.hidden is not None:
            yield from self.hidden.rows.numbers()


class Rows:
    """The entries of one table."""

    def find(self, number: int) -> Entry | None:
        """Return the entry of `number`, None if there is none."""
        raise NotImplementedError

    def numbers(self) -> Iterator[int]:
        """Yield all numbers that have an entry, 0 excepted."""
        raise NotImplementedError

    def streams(self) -> set[int]:
        """Return the numbers of the object streams in which objects of this table lie."""
        return set()

    def beyond(self, end: int) -> set[int]:
        """Return the numbers of the objects that should stand at or behind `end`."""
        raise NotImplementedError

    def places(self) -> dict[int, int]:
        """Return where each object of this table stands in the file, -1 for one that does not."""
        raise NotImplementedError


@dataclass(slots=True)
class TableRows(Rows):
    """A classic table: subsections of twenty-byte rows that are read when asked for; odd ones are read at once."""

    data: bytes
    regular: list[tuple[int, int, int]] = field(default_factory=list)
    odd: dict[int, Entry] = field(default_factory=dict)

    def find(self, number: int) -> Entry | None:
        """Return the entry of `number`; of two for one number the first holds, as in the readers."""
        if number in self.odd:
            return self.odd[number]
        for first, count, place in self.regular:
            if first <= number < first + count:
                at = place + 20 * (number - first)
                return _row(self.data[at : at + 20])
        return None

    def numbers(self) -> Iterator[int]:
        """Yield all numbers that have an entry, 0 excepted."""
        yield from (number for number in self.odd if number)
        for first, count, _ in self.regular:
            yield from range(max(first, 1), first + count)

    def beyond(self, end: int) -> set[int]:
        """Return the numbers of the objects that should stand at or behind `end`."""
        found = {number for number, entry in self.odd.items() if entry.kind == "n" and entry.place >= end}
        for first, count, place in self.regular:
            behind = _rows_behind(self.data[place : place + 20 * count], f"{end:010d}".encode())
            at = behind.find(1)
            while at >= 0:
                found.add(first + at)
                at = behind.find(1, at + 1)
        return found

    def places(self) -> dict[int, int]:
        """Return where each object of this table stands in the file, -1 for one that does not."""
        found: dict[int, int] = {}
        data = self.data
        for first, count, place in reversed(self.regular):
            for number, at in zip(range(first, first + count), range(place, place + 20 * count, 20), strict=True):
                word = data[at : at + 10]
                found[number] = int(word) if data[at + 17] == 0x6E and word.isdigit() else -1
        found.update((number, entry.place if entry.kind == "n" else -1) for number, entry in self.odd.items())
        return found


@dataclass(slots=True)
class StreamRows(Rows):
    """A cross-reference stream's rows."""

    data: bytes
    widths: tuple[int, int, int]
    ranges: list[tuple[int, int, int]]

    def find(self, number: int) -> Entry | None:
        """Return the entry of `number`; an unknown kind counts as absent (ISO 32000-1, 7.5.8.3)."""
        for first, count, index in self.ranges:
            if first <= number < first + count:
                return self.at(index + number - first)
        return None

    def at(self, index: int) -> Entry | None:
        """Return the row at `index`, counted over all ranges."""
        one, two, three = self.widths
        at = index * (one + two + three)
        row = self.data[at : at + one + two + three]
        if len(row) < one + two + three:
            return None
        kind = int.from_bytes(row[:one], "big") if one else 1
        place = int.from_bytes(row[one : one + two], "big")
        detail = int.from_bytes(row[one + two :], "big")
        letter = {0: "f", 1: "n", 2: "c"}.get(kind)
        return None if letter is None else Entry(letter, place, detail)

    def numbers(self) -> Iterator[int]:
        """Yield all numbers that have an entry, 0 excepted."""
        for first, count, _ in self.ranges:
            yield from range(max(first, 1), first + count)

    def streams(self) -> set[int]:
        """Return the numbers of the object streams in which objects of this table lie."""
        one, two, three = self.widths
        if not one:
            return set()
        step = one + two + three
        kind = (2).to_bytes(one, "big")
        data = self.data
        return {
            int.from_bytes(data[at + one : at + one + two], "big")
            for at in range(0, len(data) - step + 1, step)
            if data[at : at + one] == kind
        }

    def beyond(self, end: int) -> set[int]:
        """Return the numbers of the objects that should stand at or behind `end`."""
        one, two, three = self.widths
        if end >= 1 << (8 * two):
            return set()
        step = one + two + three
        least = end.to_bytes(two, "big")
        kind = (1).to_bytes(one, "big") if one else b""
        data = self.data
        return {
            first + place
            for first, count, index in self.ranges
            for place in range(count)
            for at in (step * (index + place),)
            if data[at + one : at + one + two] >= least and data[at : at + one] == kind
        }

    def places(self) -> dict[int, int]:
        """Return where each object of this table stands in the file, -1 for one that does not."""
        found: dict[int, int] = {}
        for first, count, index in reversed(self.ranges):
            for step in range(count):
                entry = self.at(index + step)
                if entry is not None:
                    found[first + step] = entry.place if entry.kind == "n" else -1
        return found


@dataclass(slots=True)
class MadeRows(Rows):
    """Entries found by looking at the file itself, where its own table is of no use."""

    entries: dict[int, Entry]

    def find(self, number: int) -> Entry | None:
        """Return the entry of `number`, None if there is none."""
        return self.entries.get(number)

    def numbers(self) -> Iterator[int]:
        """Yield all numbers that have an entry."""
        yield from self.entries

    def streams(self) -> set[int]:
        """Return the numbers of the object streams in which objects of this table lie."""
        return {entry.place for entry in self.entries.values() if entry.kind == "c"}

    def beyond(self, end: int) -> set[int]:
        """Return the numbers of the objects that should stand at or behind `end`."""
        return {number for number, entry in self.entries.items() if entry.kind == "n" and entry.place >= end}

    def places(self) -> dict[int, int]:
        """Return where each object of this table stands in the file, -1 for one that does not."""
        return {number: entry.place if entry.kind == "n" else -1 for number, entry in self.entries.items()}


_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])")
_LOOSE_ROW = re.compile(rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\t ]+(\d{1,5})[\t ]+([nf])")
_SUBSECTION = re.compile(rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,10})[\x00\t\n\x0c\r ]*")
_HEADER = re.compile(rb"(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj")

# What turns a column of bytes into ones where a byte is this one, or a greater one, and into zeros elsewhere.
_SAME = {byte: bytes(other == byte for other in range(256)) for byte in b"0123456789n"}
_GREATER = {byte: bytes(other > byte for other in range(256)) for byte in b"0123456789"}


def _rows_behind(rows: bytes, least: bytes) -> bytes:
    """
    Return one byte for each twenty-byte row: 1 where an object in use stands at `least` (ten digits) or behind it.

    Column by column and for all rows at once, since a table may have a million: a place is no less if its first digit
    is greater, or the same and the rest no less. The bytes of each comparison are one large number.
    """
    count = len(rows) // 20
    same = int.from_bytes(b"\1" * count, "big")
    greater = 0
    for column, digit in enumerate(least):
        digits = rows[column::20]
        greater |= same & int.from_bytes(digits.translate(_GREATER[digit]), "big")
        same &= int.from_bytes(digits.translate(_SAME[digit]), "big")
    in_use = int.from_bytes(rows[17::20].translate(_SAME[ord("n")]), "big")
    return ((greater | same) & in_use).to_bytes(count, "big")


def _row(raw: bytes) -> Entry | None:
    match = _ROW.match(raw)
    if match is None:
        return None
    return Entry(match[3].decode(), int(match[1]), int(match[2]))


def read_section(data: bytes, start: int, limit: int, budget: Budget) -> Section:
    """Return the table that stands at `start` (white space before it is allowed); PdfSyntaxError if none does."""
    place = skip_white(data, start)
    if data.startswith(b"xref", place) and place < limit:
        return _read_table(data, place, limit)
    match = _HEADER.match(data, place, limit)
    if match is None:
        raise PdfSyntaxError(f"no table of contents at {start}")
    return _read_stream(data, match, limit, budget)


def _read_table(data: bytes, start: int, limit: int) -> Section:
    rows = TableRows(data)
    spans: list[tuple[int, int]] = []
    position = start + 4
    for _ in range(MAX_SUBSECTIONS):
        match = _SUBSECTION.match(data, position, limit)
        if match is None:
            break
        first, count = int(match[1]), int(match[2])
        if first + count > MAX_OBJECT_NUMBER:
            raise PdfSyntaxError("a table of absurd size")
        if first == 1 and data.startswith(b"0000000000 65535 f", match.end()):
            # Some writers count from one but list the free entry of object 0 all the same.
            first = 0
        spans.append((first, count))
        position = _subsection(data, match.end(), first, count, limit, rows)
    else:
        raise TooCostly(f"more than {MAX_SUBSECTIONS} subsections in one table")
    if len(rows.regular) > _FEW:
        rows = TableRows(data, odd=dict(_entries(rows)))
    position = skip_white(data, position)
    if not data.startswith(b"trailer", position):
        raise PdfSyntaxError(f"the table at {start} has no trailer")
    reader = Reader(data, limit)
    trailer, stop = reader.value(position + 7)
    if not isinstance(trailer, Dictionary):
        raise PdfSyntaxError(f"the trailer at {position} is no dictionary")
    return Section(start, stop, trailer, rows, doubled=_overlap(spans), odd=reader.odd)


def _overlap(spans: list[tuple[int, int]]) -> bool:
    """Say whether an object, other than the free one at the head, is in two of the subsections (first, count)."""
    end = 1
    for first, count in sorted((max(first, 1), count - (first < 1)) for first, count in spans):
        if count > 0 and first < end:
            return True
        end = max(end, first + count)
    return False


def _subsection(data: bytes, place: int, first: int, count: int, limit: int, rows: TableRows) -> int:
    stop = place + 20 * count
    # The rows are regular if the first and the last are, and what follows is not a further row.
    if (
        count
        and stop <= limit
        and _ROW.match(data, place)
        and _ROW.match(data, stop - 20)
        and data[place + 18 : place + 20] in (b" \n", b"\r\n", b" \r")
        and data[stop - 2 : stop] in (b" \n", b"\r\n", b" \r")
    ):
        rows.regular.append((first, count, place))
        return stop
    position = place
    for number in range(first, first + count):
        match = _LOOSE_ROW.match(data, position, limit)
        if match is None:
            break
        rows.odd.setdefault(number, Entry(match[3].decode(), int(match[1]), int(match[2])))
        position = match.end()
    return position


def _read_stream(data: bytes, header: re.Match[bytes], limit: int, budget: Budget) -> Section:
    reader = Reader(data, limit)
    head, position = reader.value(header.end())
    if not isinstance(head, Dictionary):
        raise PdfSyntaxError("a cross-reference stream without a dictionary")
    length = head.get("Length")
    found = reader.stream(head, position, length if isinstance(length, int) else None)
    if found is None or head.get("Type") != "XRef":
        raise PdfSyntaxError(f"the object at {header.start()} is no cross-reference stream")
    stream, stop = found
    read = stream_rows(stream, budget)
    rows = MadeRows(dict(_entries(read))) if len(read.ranges) > _FEW else read
    doubled = _overlap([(first, count) for first, count, _ in read.ranges])
    odd = reader.odd or not _describes_itself(stream, read)
    return Section(header.start(), stop, head, rows, owner=int(header[1]), doubled=doubled, odd=odd)


def _describes_itself(stream: Stream, rows: StreamRows) -> bool:
    """Say whether a cross-reference stream has three widths, whole ranges, and as many rows as these ask for."""
    widths, index = stream.head.get("W"), stream.head.get("Index")
    listed = index if isinstance(index, list) else [0, stream.head.get("Size")] if index is None else [None]
    whole = [one for one in listed if isinstance(one, int) and not isinstance(one, bool)]
    if not isinstance(widths, list) or len(widths) != 3 or len(whole) != len(listed) or len(whole) % 2:
        return False
    if not any(widths):
        # An update without objects: no rows, or one of no width for the free object at the head.
        return not stream.raw and whole in ([], [0, 0], [0, 1])
    return sum(whole[1::2]) * sum(rows.widths) == len(rows.data)


def _entries(rows: TableRows | StreamRows) -> Iterator[tuple[int, Entry]]:
    """Yield every entry, later subsections first, so that in a dictionary the first one of a number is what stays."""
    if isinstance(rows, StreamRows):
        for first, count, index in reversed(rows.ranges):
            for step in range(count):
                entry = rows.at(index + step)
                if entry is not None:
                    yield first + step, entry
        return
    for first, count, place in reversed(rows.regular):
        for step in range(count):
            found = _row(rows.data[place + 20 * step : place + 20 * step + 20])
            if found is not None:
                yield first + step, found
    yield from rows.odd.items()


def stream_rows(stream: Stream, budget: Budget) -> StreamRows:
    """Return the rows of a cross-reference stream; PdfSyntaxError where its description makes no sense."""
    head = stream.head
    decoded = decode(stream.raw, head.get("Filter"), head.get("DecodeParms"), budget)
    widths = head.get("W")
    if not isinstance(widths, list) or len(widths) < 3:
        raise PdfSyntaxError("a cross-reference stream without widths")
    sizes = [one for one in widths[:3] if isinstance(one, int) and 0 <= one <= 8]
    if len(sizes) != 3:
        raise PdfSyntaxError("a cross-reference stream with absurd widths")
    if not sum(sizes):
        # PDFBox writes rows without any width where an update has no objects.
        return StreamRows(b"", (1, 0, 0), [])
    index = head.get("Index")
    pairs: list[int] = []
    if isinstance(index, list):
        pairs = [one for one in index if isinstance(one, int)]
    else:
        size = head.get("Size")
        pairs = [0, size if isinstance(size, int) else len(decoded) // sum(sizes)]
    ranges: list[tuple[int, int, int]] = []
    done = 0
    available = len(decoded) // sum(sizes)
    if len(pairs) // 2 > MAX_SUBSECTIONS:
        raise TooCostly(f"more than {MAX_SUBSECTIONS} subsections in one table")
    for first, count in zip(pairs[::2], pairs[1::2], strict=False):
        if first < 0 or count < 0 or first + count > MAX_OBJECT_NUMBER:
            raise PdfSyntaxError("a cross-reference stream of absurd size")
        ranges.append((first, min(count, max(0, available - done)), done))
        done += count
    return StreamRows(decoded, (sizes[0], sizes[1], sizes[2]), ranges)
