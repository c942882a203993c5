"""The bytes of a PDF with what was read of them once, and the tables of contents that lead through them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from signatures.formats.pdf_filters import Budget, TooCostly
from signatures.formats.pdf_objects import PdfSyntaxError, Value
from signatures.formats.pdf_tables import Section, read_section

if TYPE_CHECKING:
    # The decryption library is heavy and slow to load; only encrypted files need it.
    from signatures.formats.pdf_crypt import Decryptor

# The longest lawful history seen has about fifty revisions; each costs a comparison for every signature before it.
MAX_REVISIONS = 500
# A judgement reads a few thousand objects of the largest file seen; more is somebody making us walk.
MAX_OBJECTS_READ = 200_000
# Each page compared costs some tens of milliseconds; a file with two dozen visible signatures stays far below.
MAX_PAGES_COMPARED = 100
# Each search for objects reads the whole file; lawful files need none, damaged ones one.
MAX_SEARCHES = 6
# Readers look for the end marker in the last kilobyte; some writers leave a little more behind it.
_TAIL = 4096

_STARTXREF = re.compile(rb"startxref[\x00\t\n\x0c\r ]*(\d{1,12})")
_ANY_OBJECT = re.compile(rb"(?<![0-9])(\d{1,7})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj(?![a-z])")
_HEADER = re.compile(rb"%PDF-\d")

# (number, offset) of each object in an object stream, its decoded bytes, and where in them the first object begins.
ObjectStream: TypeAlias = tuple[list[tuple[int, int]], bytes, int]


@dataclass(frozen=True, slots=True)
class Placed:
    """
    An object and where it lies: `start` and `stop` in the file, or -1 for one inside an object stream.

    `odd` says that it is written as no writer should, so that programs may read it differently.
    """

    number: int
    generation: int
    value: Value
    start: int
    stop: int
    odd: bool = False


@dataclass(slots=True)
class PdfFile:
    """
    The bytes of a PDF with what was already read of them; the views of it share that.

    `objects` are those in the file, by their start and the length a stream had, and those in object streams; `streams`
    the object streams that say themselves how they are read, taken apart, by their start, and
    `doubled` the numbers that one of them lists twice. `decryptor` is set where the file had to be unlocked first.
    """

    data: bytes
    budget: Budget = field(default_factory=Budget)
    decryptor: Decryptor | None = None
    objects: dict[tuple[int, int], Placed] = field(default_factory=dict)
    streams: dict[int, ObjectStream] = field(default_factory=dict)
    doubled: dict[int, frozenset[int]] = field(default_factory=dict)
    # Places that no text and no stream's data lie across (see `pdf_beyond`), and where the lengths of streams stand.
    closed: list[int] = field(default_factory=lambda: [0])
    lengths: list[tuple[int, int, int]] | None = None
    _sections: dict[int, Section] = field(default_factory=dict)
    _found: dict[int, dict[int, int]] = field(default_factory=dict)
    _read: int = 0
    _looks: int = 0

    @property
    def header_at(self) -> int:
        """Where `%PDF-` stands; -1 if not within the first kilobyte (ISO 32000-1, annex H.3, note 13)."""
        match = _HEADER.search(self.data, 0, 1024 + 8)
        return match.start() if match else -1

    def section(self, start: int, limit: int) -> Section:
        """Return the table at `start`, read once; PdfSyntaxError if there is none that ends before `limit`."""
        if not 0 <= start < limit:
            raise PdfSyntaxError(f"a table of contents beyond the end, at {start}")
        known = self._sections.get(start)
        if known is None:
            known = _section_near(self.data, start, limit, self.budget)
            self._sections[start] = known
        if known.stop > limit:
            raise PdfSyntaxError("the table runs past the end")
        return known

    def tables(self, end: int) -> tuple[Section, ...]:
        """
        Return the tables of contents that a reader of the bytes before `end` goes by, from the newest to the oldest.

        PdfSyntaxError where the chain is broken or goes round in a circle, TooCostly where it is endless.
        """
        tail = self.data.rfind(b"startxref", max(0, end - _TAIL), end)
        match = _STARTXREF.match(self.data, tail, end) if tail >= 0 else None
        if match is None:
            raise PdfSyntaxError("no startxref near the end")
        place: int | None = int(match[1])
        chain: list[Section] = []
        seen: set[int] = set()
        while place is not None:
            if place in seen:
                raise PdfSyntaxError("the tables of contents go round in a circle")
            seen.add(place)
            if len(chain) >= MAX_REVISIONS:
                raise TooCostly(f"more than {MAX_REVISIONS} revisions")
            section = self.section(place, end)
            chain.append(section)
            hidden = section.trailer.get("XRefStm")
            if isinstance(hidden, int) and section.hidden is None and section.owner is None and hidden not in seen:
                # A writer that copies the whole trailer repeats the pointer to an older stream: that one belongs to
                # the older table, which is found later; only a stream of this table's own counts here.
                previous = section.trailer.get("Prev")
                if not isinstance(previous, int) or not self._belongs_to_older(hidden, previous, end):
                    try:
                        section.hidden = self.section(hidden, end)
                    except PdfSyntaxError:
                        section.moved = True
            previous = section.trailer.get("Prev")
            if isinstance(previous, float):
                previous = int(previous)
            place = previous if isinstance(previous, int) and not isinstance(previous, bool) else None
        return tuple(chain)

    def _belongs_to_older(self, hidden: int, place: int, end: int) -> bool:
        seen: set[int] = set()
        at: int | None = place
        while at is not None and at not in seen and len(seen) < MAX_REVISIONS:
            seen.add(at)
            try:
                older = self.section(at, end)
            except PdfSyntaxError:
                return False
            if older.trailer.get("XRefStm") == hidden:
                return True
            previous = older.trailer.get("Prev")
            at = previous if isinstance(previous, int) else None
        return False

    def forget_objects(self) -> None:
        """Drop what was read before the file was unlocked."""
        self.objects.clear()
        self.streams.clear()

    def count_read(self) -> None:
        """Count one object read; TooCostly beyond the limit."""
        self._read += 1
        if self._read > MAX_OBJECTS_READ:
            raise TooCostly(f"more than {MAX_OBJECTS_READ} objects to read")

    def count_look(self) -> None:
        """Count one page drawn and compared; TooCostly beyond the limit."""
        self._looks += 1
        if self._looks > MAX_PAGES_COMPARED:
            raise TooCostly(f"more than {MAX_PAGES_COMPARED} pages to compare")

    def objects_by_look(self, limit: int) -> dict[int, int]:
        """Return where objects stand by looking for their headers before `limit`; the last of each number holds."""
        known = self._found.get(limit)
        if known is None:
            if len(self._found) >= MAX_SEARCHES:
                raise TooCostly(f"more than {MAX_SEARCHES} damaged revisions")
            known = {int(match[1]): match.start() for match in _ANY_OBJECT.finditer(self.data, 0, limit)}
            self._found[limit] = known
        return known


def _section_near(data: bytes, start: int, limit: int, budget: Budget) -> Section:
    """
    Read the table at `start`, or, as the readers do, one that begins a few bytes beside it.

    A table that was not exactly where it was said to be is marked `moved`.
    """
    try:
        return read_section(data, start, limit, budget)
    except PdfSyntaxError:
        around = data.find(b"xref", max(0, start - 16), min(limit, start + 20))
        while around > 0 and data[around - 1 : around].isalpha():
            around = data.find(b"xref", around + 1, min(limit, start + 20))
        if around < 0:
            match = _ANY_OBJECT.search(data, max(0, start - 8), min(limit, start + 40))
            if match is None or match.start() > start + 16:
                raise
            around = match.start()
        section = read_section(data, around, limit, budget)
        section.moved = True
        return section
