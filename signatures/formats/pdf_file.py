"""A PDF as it stood at one of its ends: the whole file, or the bytes a signature covers read as a file of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from signatures.formats.pdf_filters import Budget, TooCostly, decode
from signatures.formats.pdf_objects import GAP, Dictionary, PdfSyntaxError, Reader, Ref, Stream, Value
from signatures.formats.pdf_tables import Entry, MadeRows, Section, read_section

# The longest lawful history seen has about fifty revisions; each costs a comparison for every signature before it.
MAX_REVISIONS = 500
# A judgement reads a few thousand objects of the largest file seen; more is somebody making us walk.
MAX_OBJECTS_READ = 200_000
# Each page compared costs some tens of milliseconds; a file with two dozen visible signatures stays far below.
MAX_LOOKS = 100
# Each search for objects reads the whole file; lawful files need none, damaged ones one.
MAX_SEARCHES = 6
# References to references: one occurs, chains do not.
MAX_HOPS = 16
# Readers look for the end marker in the last kilobyte; some writers leave a little more behind it.
_TAIL = 4096

_STARTXREF = re.compile(rb"startxref[\x00\t\n\x0c\r ]*(\d{1,12})")
_OBJECT = re.compile(rb"[\x00\t\n\x0c\r ]{0,32}(\d{1,10})" + GAP + rb"(\d{1,5})" + GAP + rb"obj")
_ANY_OBJECT = re.compile(rb"(?<![0-9])(\d{1,7})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj(?![a-z])")
_ANY_TRAILER = re.compile(rb"(?<![a-z])trailer[\x00\t\n\x0c\r ]*(?=<<)")
_HEADER = re.compile(rb"%PDF-\d")


class NotPdf(ValueError):
    """The bytes are no PDF, or nothing of one can be found in them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An object and where it lies: `start` and `stop` in the file, or -1 for one inside an object stream."""

    number: int
    generation: int
    value: Value
    start: int
    stop: int


@dataclass(slots=True)
class PdfFile:
    """The bytes of a PDF with what was already read of them; views of it share that."""

    data: bytes
    budget: Budget = field(default_factory=Budget)
    decryptor: object | None = None
    _sections: dict[int, Section] = field(default_factory=dict)
    _objects: dict[tuple[int, int], Placed] = field(default_factory=dict)
    _streams: dict[int, tuple[list[tuple[int, int]], bytes, int]] = field(default_factory=dict)
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

    def forget_objects(self) -> None:
        """Drop what was read before the file was unlocked."""
        self._objects.clear()
        self._streams.clear()

    def count_read(self) -> None:
        """Count one object read; TooCostly beyond the limit."""
        self._read += 1
        if self._read > MAX_OBJECTS_READ:
            raise TooCostly(f"more than {MAX_OBJECTS_READ} objects to read")

    def count_look(self) -> None:
        """Count one page drawn and compared; TooCostly beyond the limit."""
        self._looks += 1
        if self._looks > MAX_LOOKS:
            raise TooCostly(f"more than {MAX_LOOKS} pages to compare")

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


class View:
    """
    What a reader sees of the bytes before `end`: the newest table and all that it continues.

    `sections` run from the newest to the oldest. `repaired` holds the numbers of objects that were not where their
    table said; `rebuilt` says that the table itself had to be made. Raises NotPdf where nothing can be read.
    """

    __slots__ = ("_stack", "end", "file", "kept", "rebuilt", "repaired", "sections", "trailer")

    def __init__(self, file: PdfFile, end: int, *, rebuild: bool = True) -> None:
        self.file = file
        self.end = end
        self.repaired: set[int] = set()
        self.rebuilt = False
        self._stack: set[int] = set()
        # What others found out about this view and need again (see `pdf_fields.fields_of`).
        self.kept: dict[str, object] = {}
        try:
            self.sections = self._chain()
            self.trailer = self._trailer()
            if self.catalog is None:
                raise PdfSyntaxError("the trailer leads to no catalogue")
        except PdfSyntaxError as cause:
            if not rebuild:
                raise NotPdf(str(cause)) from cause
            self._rebuild(cause)

    def _chain(self) -> tuple[Section, ...]:
        data = self.file.data
        tail = data.rfind(b"startxref", max(0, self.end - _TAIL), self.end)
        match = _STARTXREF.match(data, tail, self.end) if tail >= 0 else None
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
            section = self.file.section(place, self.end)
            chain.append(section)
            hidden = section.trailer.get("XRefStm")
            if isinstance(hidden, int) and section.hidden is None and section.owner is None and hidden not in seen:
                # A writer that copies the whole trailer repeats the pointer to an older stream: that one belongs to
                # the older table, which is found later; only a stream of this table's own counts here.
                previous = section.trailer.get("Prev")
                if not isinstance(previous, int) or not self._belongs_to_older(hidden, previous):
                    try:
                        section.hidden = self.file.section(hidden, self.end)
                    except PdfSyntaxError:
                        section.moved = True
            previous = section.trailer.get("Prev")
            if isinstance(previous, float):
                previous = int(previous)
            place = previous if isinstance(previous, int) and not isinstance(previous, bool) else None
        return tuple(chain)

    def _belongs_to_older(self, hidden: int, place: int) -> bool:
        seen: set[int] = set()
        at: int | None = place
        while at is not None and at not in seen and len(seen) < MAX_REVISIONS:
            seen.add(at)
            try:
                older = self.file.section(at, self.end)
            except PdfSyntaxError:
                return False
            if older.trailer.get("XRefStm") == hidden:
                return True
            previous = older.trailer.get("Prev")
            at = previous if isinstance(previous, int) else None
        return False

    def _trailer(self) -> Dictionary:
        """The newest trailer, with keys that it forgot taken from older ones."""
        result = Dictionary()
        for section in self.sections:
            for key, value in section.trailer.items():
                result.setdefault(key, value)
        return result

    def _rebuild(self, cause: Exception) -> None:
        """Make a table by looking for objects, as the readers do with a damaged file."""
        places = self.file.objects_by_look(self.end)
        if not places:
            raise NotPdf(str(cause)) from cause
        trailer = Dictionary()
        reader = Reader(self.file.data, self.end)
        for match in _ANY_TRAILER.finditer(self.file.data, 0, self.end):
            try:
                value, _ = reader.value(match.end())
            except PdfSyntaxError:
                continue
            if isinstance(value, Dictionary):
                trailer.update(value)
        entries = {number: Entry("n", place, 0) for number, place in places.items()}
        self.sections = (Section(self.end, self.end, trailer, MadeRows(entries), rebuilt=True),)
        self.trailer = trailer
        self.rebuilt = True
        self._unpack_streams(entries)
        if self.catalog is None:
            for number in sorted(entries, reverse=True):
                value = self.get(number)
                if isinstance(value, Dictionary) and value.get("Type") == "Catalog":
                    trailer["Root"] = Ref(number, 0)
                    break
                if isinstance(value, Stream) and value.head.get("Type") == "XRef" and "Root" in value.head:
                    for key in ("Root", "Info", "ID", "Encrypt"):
                        if key in value.head:
                            trailer.setdefault(key, value.head[key])
                    break
        if self.catalog is None:
            raise NotPdf(str(cause)) from cause

    def _unpack_streams(self, entries: dict[int, Entry]) -> None:
        for number in list(entries):
            value = self.get(number)
            if isinstance(value, Stream) and value.head.get("Type") == "ObjStm":
                try:
                    pairs, _, _ = self.object_stream(number)
                except PdfSyntaxError:
                    continue
                for index, (inside, _) in enumerate(pairs):
                    entries.setdefault(inside, Entry("c", number, index))

    @property
    def catalog(self) -> Dictionary | None:
        """The document catalogue, None where /Root leads nowhere."""
        root = self.resolve(self.trailer.get("Root"))
        return root if isinstance(root, Dictionary) else None

    def locate(self, number: int) -> Entry | None:
        """Return where the newest table that knows `number` says it is."""
        for section in self.sections:
            entry = section.find(number)
            if entry is not None:
                return entry
        return None

    def get(self, number: int) -> Value:
        """Return the object's value; None for one that is free, absent or unreadable (ISO 32000-1, 7.3.10)."""
        placed = self.placed(number)
        return None if placed is None else placed.value

    def placed(self, number: int) -> Placed | None:
        """Return the object with its place; None as in `get`."""
        entry = self.locate(number)
        if entry is None or entry.kind == "f":
            return None
        try:
            if entry.kind == "c":
                return self._from_stream(number, entry)
            return self._at(number, entry.place)
        except PdfSyntaxError:
            return None

    def placed_at(self, number: int, place: int) -> Placed | None:
        """Return the object `number` that stands exactly at `place`, None if it does not."""
        found = _OBJECT.match(self.file.data, place, self.end) if place < self.end else None
        if found is None or int(found[1]) != number:
            return None
        try:
            return self._read(number, found)
        except PdfSyntaxError:
            return None

    def resolve(self, value: Value) -> Value:
        """Return what `value` refers to, through references to references; None for a circle."""
        for _ in range(MAX_HOPS):
            if not isinstance(value, Ref):
                return value
            value = self.get(value.number)
        return None

    def entry(self, holder: Value, key: str) -> Value:
        """Return the resolved value of `key` in `holder` (a dictionary, a stream or a reference to one), else None."""
        holder = self.resolve(holder)
        if isinstance(holder, Stream):
            holder = holder.head
        return self.resolve(holder.get(key)) if isinstance(holder, Dictionary) else None

    def decoded(self, stream: Stream) -> bytes:
        """Return the stream's bytes, decrypted and with filters undone; PdfSyntaxError where that fails."""
        raw = stream.raw
        if self.file.decryptor is not None:
            try:
                raw = self.file.decryptor.stream_bytes(stream)  # type: ignore[attr-defined]  # see `unlock`
            except ValueError as cause:
                raise PdfSyntaxError(str(cause)) from cause
        filters = self.resolve(stream.head.get("Filter"))
        parameters = self.resolve(stream.head.get("DecodeParms"))
        if isinstance(filters, list):
            filters = [self.resolve(one) for one in filters]
        if isinstance(parameters, list):
            parameters = [self.resolve(one) for one in parameters]
        return decode(raw, filters, parameters, self.file.budget)

    def _at(self, number: int, place: int) -> Placed | None:
        found = _OBJECT.match(self.file.data, place, self.end) if place < self.end else None
        if found is None or int(found[1]) != number:
            known = self.file.objects_by_look(self.end).get(number)
            if known is None:
                return None
            self.repaired.add(number)
            found = _OBJECT.match(self.file.data, known, self.end)
            if found is None:
                return None
        return self._read(number, found)

    def _read(self, number: int, header: re.Match[bytes]) -> Placed | None:
        file = self.file
        known = file._objects.get((header.start(1), -1))
        if known is not None:
            return known if known.stop <= self.end else None
        file.count_read()
        reader = Reader(file.data, self.end)
        value, stop = reader.value(header.end())
        cacheable = -1
        # A stream that says it is longer than the bytes in view is another one where there are more bytes.
        short = False
        if isinstance(value, Dictionary):
            length = value.get("Length")
            if isinstance(length, Ref):
                # The length may lie elsewhere and be changed by a later revision: then it is another stream.
                length = self._length(length, number)
                cacheable = length if isinstance(length, int) else -2
                known = file._objects.get((header.start(1), cacheable))
                if known is not None:
                    return known if known.stop <= self.end else None
            short = isinstance(length, int) and stop + length > self.end
            stream = reader.stream(value, stop, length if isinstance(length, int) else None)
            if stream is not None:
                value, stop = stream
                value.owner = Ref(number, int(header[2]))
            else:
                cacheable = -1
        if file.decryptor is not None and number != self._encrypt_number:
            value = file.decryptor.clear(value, Ref(number, int(header[2])))  # type: ignore[attr-defined]  # see `unlock`
        placed = Placed(number, int(header[2]), value, header.start(1), stop)
        if not short:
            file._objects[(header.start(1), cacheable)] = placed
        return placed

    @property
    def _encrypt_number(self) -> int:
        reference = self.trailer.get("Encrypt")
        return reference.number if isinstance(reference, Ref) else -1

    def _length(self, reference: Ref, number: int) -> Value:
        if number in self._stack or reference.number == number or len(self._stack) > MAX_HOPS:
            return None
        self._stack.add(number)
        try:
            return self.resolve(reference)
        finally:
            self._stack.discard(number)

    def object_stream(self, number: int) -> tuple[list[tuple[int, int]], bytes, int]:
        """Return (number, offset) of each object in the stream, its decoded bytes and where the first object begins."""
        entry = self.locate(number)
        if entry is None or entry.kind != "n" or number in self._stack:
            raise PdfSyntaxError(f"object stream {number} is not there")
        placed = self._at(number, entry.place)
        if placed is None or not isinstance(placed.value, Stream):
            raise PdfSyntaxError(f"object {number} is no object stream")
        known = self.file._streams.get(placed.start)
        if known is not None:
            return known
        self._stack.add(number)
        try:
            count = self.resolve(placed.value.head.get("N"))
            first = self.resolve(placed.value.head.get("First"))
            data = self.decoded(placed.value)
        finally:
            self._stack.discard(number)
        if not isinstance(count, int) or not isinstance(first, int) or not 0 <= first <= len(data):
            raise PdfSyntaxError(f"object stream {number} does not say what it holds")
        numbers = [int(word) for word in data[:first].split() if word.isdigit()]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=False))[: max(0, count)]
        self.file._streams[placed.start] = (pairs, data, first)
        return pairs, data, first

    def _from_stream(self, number: int, entry: Entry) -> Placed | None:
        pairs, data, first = self.object_stream(entry.place)
        index = entry.detail
        if not (0 <= index < len(pairs)) or pairs[index][0] != number:
            matching = [place for place, (inside, _) in enumerate(pairs) if inside == number]
            if not matching:
                return None
            index = matching[-1]
        key = (-1 - id(data), index)
        known = self.file._objects.get(key)
        if known is None:
            self.file.count_read()
            value, _ = Reader(data).value(first + pairs[index][1])
            known = Placed(number, 0, value, -1, -1)
            self.file._objects[key] = known
        return known


def unlock(file: PdfFile, view: View) -> str:
    """Open an encrypted file with the empty password; return "" if that opened it, else why it stays shut."""
    # The decryption library is heavy and slow to load; only encrypted files need it.
    from signatures.formats.pdf_crypt import Decryptor, Locked

    settings = view.resolve(view.trailer.get("Encrypt"))
    if not isinstance(settings, Dictionary):
        return "the encryption dictionary is missing"
    identifiers = view.resolve(view.trailer.get("ID"))
    first = view.resolve(identifiers[0]) if isinstance(identifiers, list) and identifiers else b""
    try:
        decryptor = Decryptor(file.data[settings.start : settings.stop], first if isinstance(first, bytes) else b"")
    except Locked as cause:
        return str(cause)
    file.decryptor = decryptor
    file.forget_objects()
    return ""
