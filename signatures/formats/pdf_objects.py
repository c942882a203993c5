"""The reader of PDF values: turns bytes into names, numbers, strings, lists, dictionaries, and knows where each lay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple, TypeAlias

# Real documents nest about a dozen levels; a reader's stack must not be the attacker's to fill.
MAX_DEPTH = 100
# A value longer than this is no dictionary that a signature depends on (the largest lawful ones are page trees and
# arrays of a hundred thousand annotations); it would only be there to keep us busy.
MAX_ITEMS = 1_000_000


class PdfSyntaxError(ValueError):
    """The bytes at this place are no PDF value."""


class Name(str):
    """A PDF name without its slash, escapes resolved; one character a byte (Latin-1), so that nothing is lost."""

    __slots__ = ()


class Ref(NamedTuple):
    """A reference to an indirect object: its number and generation."""

    number: int
    generation: int


class Dictionary(dict[str, "Value"]):
    """
    A PDF dictionary; where a key stands twice the first holds, and `again` has the further keys with their values.

    Which one holds is not laid down (ISO 32000-1, 7.3.7), and widespread programs take the last: so whatever hangs on
    it is in doubt. `start` and `stop` are its place in the file (or in the decoded object stream), `spans` the places
    of the values.
    """

    __slots__ = ("again", "spans", "start", "stop")

    def __init__(self) -> None:
        super().__init__()
        self.start = 0
        self.stop = 0
        self.spans: dict[str, tuple[int, int]] = {}
        self.again: list[tuple[str, Value]] = []

    @property
    def twice(self) -> tuple[str, ...]:
        """The keys that stand here more than once."""
        return tuple(key for key, _ in self.again)


@dataclass(slots=True, eq=False)
class Stream:
    """
    A stream: its dictionary and its bytes as they stand in the file (still encoded, still encrypted).

    `owner` is the object it is, which decryption needs to know.
    """

    head: Dictionary
    raw: bytes = field(repr=False)
    owner: Ref | None = None

    def __eq__(self, other: object) -> bool:
        # /Length may be direct in one revision and indirect in the next; the bytes themselves are compared.
        if not isinstance(other, Stream):
            return NotImplemented
        mine = {key: value for key, value in self.head.items() if key != "Length"}
        theirs = {key: value for key, value in other.head.items() if key != "Length"}
        return self.raw == other.raw and mine == theirs

    __hash__ = None  # type: ignore[assignment]  # streams are compared, never looked up


Value: TypeAlias = "bool | int | float | Name | bytes | Ref | list[Value] | Dictionary | Stream | None"

_WHITE = rb"\x00\t\n\x0c\r "
_SKIP = re.compile(rb"(?:[" + _WHITE + rb"]++|%[^\r\n]*+)*+")
# What may stand between the words of a reference or of an object's header.
GAP = rb"(?:[" + _WHITE + rb"]++(?:%[^\r\n]*+[" + _WHITE + rb"]++)*+|(?:%[^\r\n]*+[" + _WHITE + rb"]++)++)"
_TOKEN = re.compile(
    rb"(?:[" + _WHITE + rb"]++|%[^\r\n]*+)*+"
    rb"(?:"
    rb"/(?P<name>[^" + _WHITE + rb"()<>\[\]{}/%]*)"
    rb"|(?P<ref>(\d{1,10})" + GAP + rb"(\d{1,5})" + GAP + rb"R(?![^" + _WHITE + rb"()<>\[\]{}/%]))"
    rb"|(?P<number>[+-]*(?:\d+\.?\d*|\.\d+)(?:-\d*)?)"
    rb"|(?P<open><<)|(?P<close>>>)"
    rb"|(?P<list>\[)|(?P<end>\])"
    rb"|\((?P<text>[^()\\\r]*)\)"
    rb"|(?P<hard>\()"
    rb"|<(?P<hex>[0-9A-Fa-f" + _WHITE + rb"]*)>"
    rb"|(?P<word>[^" + _WHITE + rb"()<>\[\]{}/%]+)"
    rb")"
)
_REF = _TOKEN.groupindex["ref"]
_PLAIN_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_HARD = re.compile(rb"[()\\\r]")
_WORDS: dict[bytes, bool | None] = {b"true": True, b"false": False, b"null": None}
_DROP_WHITE = bytes.maketrans(b"", b"")
_STREAM = re.compile(rb"(?:[" + _WHITE + rb"]++|%[^\r\n]*+)*+stream(\r\n|\n|\r(?!\n))?")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(Z|[+-]\d\d'?(?:\d\d'?)?)?")


class _Mark:
    """What the tokenizer met where a value was expected but a bracket closed."""


_CLOSE = _Mark()
_END = _Mark()


def skip_white(data: bytes, position: int) -> int:
    """Return the first position at or after `position` that is neither white space nor comment."""
    match = _SKIP.match(data, position)
    return match.end() if match else position


def name_of(raw: bytes) -> Name:
    """Return the name written as `raw` (after the slash); a broken escape stands for itself, as in every reader."""
    if b"#" in raw:
        raw = _ESCAPED.sub(lambda match: bytes((int(match[1], 16),)), raw)
    return Name(raw.decode("latin-1"))


def hex_string(raw: bytes) -> bytes:
    """Return the bytes of a hexadecimal string's inside; an odd last digit counts as if a zero followed."""
    digits = raw.translate(_DROP_WHITE, b"\x00\t\n\x0c\r ")
    try:
        return bytes.fromhex((digits + b"0" if len(digits) % 2 else digits).decode("ascii"))
    except ValueError as cause:
        raise PdfSyntaxError("a hexadecimal string holds other letters") from cause


class Reader:
    """
    Reads values from `data`, never beyond `limit`.

    `odd` says that something read so far is written as no writer should, so that programs read it differently.
    """

    __slots__ = ("_items", "data", "limit", "odd")

    def __init__(self, data: bytes, limit: int | None = None) -> None:
        self.data = data
        self.limit = len(data) if limit is None else limit
        self._items = 0
        self.odd = False

    def value(self, position: int) -> tuple[Value, int]:
        """Return the value at `position` and where it ends; PdfSyntaxError if there is none."""
        if not 0 <= position <= self.limit:
            raise PdfSyntaxError(f"no value at {position}: it lies outside")
        self._items = 0
        value, stop = self._value(position, 0)
        if isinstance(value, _Mark):
            raise PdfSyntaxError(f"a bracket closes at {position} that was never opened")
        return value, stop

    def _value(self, position: int, depth: int) -> tuple[Value | _Mark, int]:
        match = _TOKEN.match(self.data, position, self.limit)
        if match is None:
            raise PdfSyntaxError(f"no value at {position}")
        self._items += 1
        if self._items > MAX_ITEMS:
            raise PdfSyntaxError("a value of too many parts")
        kind = match.lastgroup
        stop = match.end()
        if kind == "name":
            return name_of(match["name"]), stop
        if kind == "number":
            digits = match["number"]
            if not digits.isdigit() and _PLAIN_NUMBER.fullmatch(digits) is None:
                self.odd = True
            return _number(digits), stop
        if kind == "ref":
            return Ref(int(match[_REF + 1]), int(match[_REF + 2])), stop
        if kind == "open":
            return self._dictionary(match.start("open"), stop, depth + 1)
        if kind == "text":
            return match["text"], stop
        if kind == "hex":
            return hex_string(match["hex"]), stop
        if kind == "list":
            return self._list(stop, depth + 1)
        if kind == "end":
            return _END, stop
        if kind == "close":
            return _CLOSE, stop
        if kind == "hard":
            return self._text(stop)
        word = match["word"]
        if word in _WORDS:
            return _WORDS[word], stop
        raise PdfSyntaxError(f"the word at {match.start('word')} means nothing")

    def _list(self, position: int, depth: int) -> tuple[Value, int]:
        if depth > MAX_DEPTH:
            raise PdfSyntaxError("values nested too deep")
        items: list[Value] = []
        while True:
            item, position = self._value(position, depth)
            if item is _END:
                return items, position
            if isinstance(item, _Mark):
                raise PdfSyntaxError(f"a list is closed as a dictionary at {position}")
            items.append(item)

    def _dictionary(self, start: int, position: int, depth: int) -> tuple[Value, int]:
        if depth > MAX_DEPTH:
            raise PdfSyntaxError("values nested too deep")
        found = Dictionary()
        found.start = start
        while True:
            key, position = self._value(position, depth)
            if key is _CLOSE:
                found.stop = position
                return found, position
            if not isinstance(key, Name):
                raise PdfSyntaxError(f"a dictionary key at {position} is no name")
            begin = skip_white(self.data, position)
            value, position = self._value(begin, depth)
            if isinstance(value, _Mark):
                if value is _CLOSE:
                    # A key without a value at the end counts as null, as the readers take it.
                    found.stop = position
                    found.setdefault(str(key), None)
                    self.odd = True
                    return found, position
                raise PdfSyntaxError(f"a dictionary is closed as a list at {position}")
            text = str(key)
            if text in found:
                found.again.append((text, value))
                continue
            found[text] = value
            found.spans[text] = (begin, position)

    def _text(self, position: int) -> tuple[bytes, int]:
        """Read the rest of a literal string that holds brackets or escapes (ISO 32000-1, 7.3.4.2)."""
        data, limit = self.data, self.limit
        pieces: list[bytes] = []
        open_brackets = 1
        while True:
            match = _HARD.search(data, position, limit)
            if match is None:
                raise PdfSyntaxError("a string never ends")
            pieces.append(data[position : match.start()])
            position = match.end()
            mark = match[0]
            if mark == b"(":
                open_brackets += 1
                pieces.append(mark)
            elif mark == b")":
                open_brackets -= 1
                if not open_brackets:
                    return b"".join(pieces), position
                pieces.append(mark)
            elif mark == b"\r":
                # Any end of line inside a string reads as a line feed.
                if data[position : position + 1] == b"\n":
                    position += 1
                pieces.append(b"\n")
            else:
                piece, position = _escape(data, position)
                pieces.append(piece)

    def stream(self, head: Dictionary, position: int, length: int | None) -> tuple[Stream, int] | None:
        """
        Return the stream whose dictionary ended at `position`, or None if no stream follows.

        `length` is the resolved /Length; where `endstream` does not follow it the next `endstream` ends the data.
        """
        match = _STREAM.match(self.data, position, self.limit)
        if match is None:
            return None
        begin = match.end()
        if length is not None and 0 <= length <= self.limit - begin:
            stop = begin + length
            rest = self.data[stop : stop + 32].lstrip(b"\x00\t\n\x0c\r ")
            if rest.startswith((b"endstream", b"endobj")):
                after = self.data.find(b"end", stop, stop + 40)
                return Stream(head, self.data[begin:stop]), after + (9 if rest.startswith(b"ends") else 0)
        found = self.data.find(b"endstream", begin, self.limit)
        if found < 0:
            raise PdfSyntaxError(f"the stream at {begin} never ends")
        stop = found
        if self.data[stop - 2 : stop] == b"\r\n":
            stop -= 2
        elif stop > begin and self.data[stop - 1] in b"\r\n":
            stop -= 1
        return Stream(head, self.data[begin:stop]), found + 9


def _number(raw: bytes) -> int | float:
    try:
        return int(raw) if len(raw) < 20 else float(raw)
    except ValueError:
        pass
    # Readers take "--5", "1.2-3" and the like; we keep a number, since no judgement of ours rests on it.
    sign = -1 if raw.count(b"-", 0, len(raw) - len(raw.lstrip(b"+-"))) % 2 else 1
    digits = raw.lstrip(b"+-").split(b"-")[0]
    try:
        return sign * (float(digits) if b"." in digits else int(digits))
    except ValueError:
        return 0


_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"f": b"\f",
}


def _escape(data: bytes, position: int) -> tuple[bytes, int]:
    letter = data[position : position + 1]
    if letter in _LETTERS and letter:
        return _LETTERS[letter], position + 1
    if letter == b"\r":
        return b"", position + (2 if data[position + 1 : position + 2] == b"\n" else 1)
    if letter == b"\n":
        return b"", position + 1
    octal = re.match(rb"[0-7]{1,3}", data[position : position + 3])
    if octal:
        return bytes((int(octal[0], 8) & 0xFF,)), position + octal.end()
    return letter, position + 1


def references_in(value: Value) -> Iterator[Ref]:
    """Yield every reference in `value` (of a stream, in its dictionary), also those under a key that stands again."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Ref):
            yield item
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, Stream):
            waiting.append(item.head)
        elif isinstance(item, Dictionary):
            waiting.extend(item.values())
            waiting.extend(further for _, further in item.again)


def text_of(raw: Value) -> str:
    """Return a PDF text string as text (UTF-16 or UTF-8 with its mark, else Latin-1); "" for anything else."""
    if not isinstance(raw, bytes):
        return ""
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", "replace")
    if raw.startswith(b"\xff\xfe"):
        return raw[2:].decode("utf-16-le", "replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:].decode("utf-8", "replace")
    return raw.decode("latin-1")


def date_of(text: str) -> datetime | None:
    """
    Return the moment of a PDF date (ISO 32000-1, 7.9.4); None for one that is none, or has no time zone.

    Without a zone nobody knows which moment is meant, and a claim is not worth a guess.
    """
    match = _DATE.match(text.strip())
    if match is None or match[7] is None:
        return None
    year, month, day, hour, minute, second = (
        int(part) if part else default for part, default in zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    )
    offset = timedelta(0)
    digits = re.sub(r"\D", "", match[7])
    if digits:
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
        offset = -offset if match[7].startswith("-") else offset
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
