"""A PDF as it stood at one of its ends: the whole file, or the bytes a signature covers read as a file of their own."""

from __future__ import annotations

import re
from collections import Counter

from signatures.formats.pdf_file import ObjectStream, PdfFile, Placed
from signatures.formats.pdf_filters import decode
from signatures.formats.pdf_objects import GAP, Dictionary, PdfSyntaxError, Reader, Ref, Stream, Value, references_in
from signatures.formats.pdf_tables import Entry, MadeRows, Section

# References to references: one occurs, chains do not.
MAX_HOPS = 16

_OBJECT = re.compile(rb"[\x00\t\n\x0c\r ]{0,32}(\d{1,10})" + GAP + rb"(\d{1,5})" + GAP + rb"obj")
_ANY_TRAILER = re.compile(rb"(?<![a-z])trailer[\x00\t\n\x0c\r ]*(?=<<)")


class NotPdf(ValueError):
    """The bytes are no PDF, or nothing of one can be found in them."""


class View:
    """
    What a reader sees of the bytes before `end`: the newest table and all that it continues.

    `sections` run from the newest to the oldest. `repaired` holds the numbers of objects that were not where their
    table said, or stood there twice; `rebuilt` says that the table itself had to be made. Raises NotPdf where nothing
    can be read.
    """

    __slots__ = ("_leaning", "_stack", "end", "file", "kept", "rebuilt", "repaired", "sections", "trailer")

    def __init__(self, file: PdfFile, end: int, *, rebuild: bool = True) -> None:
        self.file = file
        self.end = end
        self.repaired: set[int] = set()
        self.rebuilt = False
        self._stack: set[int] = set()
        # Object streams that are read by what other objects say, who may say something else at another end.
        self._leaning: dict[int, ObjectStream] = {}
        # What others found out about this view and need again (see `pdf_fields.fields_of`).
        self.kept: dict[str, object] = {}
        try:
            self.sections = self.file.tables(self.end)
            self.trailer = self._trailer()
            if self.catalog is None:
                raise PdfSyntaxError("the trailer leads to no catalogue")
        except PdfSyntaxError as cause:
            if not rebuild:
                raise NotPdf(str(cause)) from cause
            self._rebuild(cause)

    def _trailer(self) -> Dictionary:
        """The newest trailer, with keys that it forgot taken from older ones."""
        result = Dictionary()
        for section in self.sections:
            for key, value in section.trailer.items():
                result.setdefault(key, value)
            result.again += section.trailer.again
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
                raw = self.file.decryptor.stream_bytes(stream)
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
        known = file.objects.get((header.start(1), -1))
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
                known = file.objects.get((header.start(1), cacheable))
                if known is not None:
                    return known if known.stop <= self.end else None
            short = isinstance(length, int) and stop + length > self.end
            stream = reader.stream(value, stop, length if isinstance(length, int) else None)
            if stream is not None:
                reader.odd = reader.odd or not isinstance(length, int) or length < 0
                value, stop = stream
                value.owner = Ref(number, int(header[2]))
            else:
                cacheable = -1
        if file.decryptor is not None and number != self._encrypt_number:
            value = file.decryptor.clear(value, Ref(number, int(header[2])))
        placed = Placed(number, int(header[2]), value, header.start(1), stop, reader.odd)
        if not short:
            file.objects[(header.start(1), cacheable)] = placed
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

    def object_stream(self, number: int) -> ObjectStream:
        """Return (number, offset) of each object in the stream, its decoded bytes and where the first object begins."""
        entry = self.locate(number)
        if entry is None or entry.kind != "n" or number in self._stack:
            raise PdfSyntaxError(f"object stream {number} is not there")
        placed = self._at(number, entry.place)
        if placed is None or not isinstance(placed.value, Stream):
            raise PdfSyntaxError(f"object {number} is no object stream")
        if self.file.doubled:
            self.repaired |= self.file.doubled.get(placed.start, frozenset())
        known = self.file.streams.get(placed.start) or self._leaning.get(placed.start)
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
        inside = Counter(one for one, _ in pairs)
        if len(inside) < len(pairs):
            # Some programs go by the place in the list, others by the number, and take the first or the last.
            self.file.doubled[placed.start] = frozenset(one for one, count in inside.items() if count > 1)
            self.repaired |= self.file.doubled[placed.start]
        kept = self._leaning if asked_by(placed.value) else self.file.streams
        kept[placed.start] = (pairs, data, first)
        return pairs, data, first

    def _from_stream(self, number: int, entry: Entry) -> Placed | None:
        pairs, data, first = self.object_stream(entry.place)
        index = entry.detail
        if not (0 <= index < len(pairs)) or pairs[index][0] != number:
            matching = [place for place, (inside, _) in enumerate(pairs) if inside == number]
            if not matching:
                return None
            self.repaired.add(number)
            index = matching[-1]
        key = (-1 - id(data), index)
        known = self.file.objects.get(key)
        if known is None:
            self.file.count_read()
            reader = Reader(data)
            value, _ = reader.value(first + pairs[index][1])
            known = Placed(number, 0, value, -1, -1, reader.odd)
            self.file.objects[key] = known
        return known


def asked_by(stream: Stream) -> set[int]:
    """
    Return the objects that an object stream asks how it is to be read (ISO 32000-2, 7.5.7), lawful ones hardly any.

    The stream that it extends has no part in that: whoever reads goes by the tables of contents.
    """
    entries = [value for key, value in stream.head.items() if key != "Extends"]
    return {reference.number for reference in references_in(entries)}
