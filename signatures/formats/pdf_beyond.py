"""
Finds signed objects that a program reads on beyond the signed bytes, once something stands there.

Whoever prepares a file before it is signed can leave an object open: a row that points behind the end, a stream whose
length or a text whose closing bracket lies there. What is added later then becomes part of a signed object, though no
table of contents of the update names it. The objects found here are compared like those that an update touches.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import GAP, Ref
from signatures.formats.pdf_roles import object_around, object_streams
from signatures.formats.pdf_view import View

# Data shorter than this can pass the end only from within as many bytes before it.
_SHORT = 10_000
# It only looks at what follows, so that the next one is found though it stands in what seems to be a comment here.
_LENGTH = re.compile(
    rb"/Length(?="
    + GAP
    + rb"(?:(?P<far>\d{1,10})"
    + GAP
    + rb"\d{1,5}"
    + GAP
    + rb"R(?![A-Za-z0-9])|(?P<long>\d{5,10})))"
)
_ANY_LENGTH = re.compile(rb"/Length" + GAP + rb"(\d{1,10})")
_NUMBER_OBJECT = re.compile(rb"obj" + GAP + rb"(\d{1,10})" + GAP + rb"endobj")
# The word `stream` begins a stream's data only between these.
_BEFORE_DATA = frozenset(b"\x00\t\n\x0c\r >")
_AFTER_WORD = frozenset(b"\r\n")
_STREAM_END = re.compile(rb"endstream")
_BRACKETS = re.compile(rb"\\.|[()]", re.DOTALL)
_TEXT = re.compile(rb"\((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+\))*+\)", re.DOTALL)
# A stream's data begins at most so many bytes behind the word /Length: the rest of its dictionary.
_HEAD_ROOM = 4096
# A lawful file has no text that stays open; a comment may hold a bracket. More is there to keep us busy.
MAX_OPEN_TEXTS = 64
# Every so many bytes a place is remembered that nothing lies across; the last bytes before an end may be cut words.
_STEP = 50_000
_NEAR = 64


def read_beyond(signed: View) -> set[int]:
    """
    Return the live objects of the revision `signed` that may read on behind its end; too many rather than too few.
    """
    found: set[int] = set()
    for section in signed.sections:
        for rows in (section.rows, *((section.hidden.rows,) if section.hidden is not None else ())):
            found.update(rows.beyond(signed.end))
    for position in open_ends(signed, signed.end):
        around = object_around(signed, position)
        if around is not None:
            found.add(around[0])
    return found


def open_ends(view: View, end: int) -> Iterator[int]:
    """Yield a place inside each object of `view` whose data or text begins before `end` and may not end there."""
    yield from _long_data(view, end)
    yield from _open_texts(view.file, end)


def _long_data(signed: View, end: int) -> Iterator[int]:
    """
    Yield a place inside each stream that says it is longer than the bytes before `end` have room for.

    Only what could be is looked at closely: a file may have a hundred thousand streams.
    """
    data = signed.file.data
    for match in _ANY_LENGTH.finditer(data, max(0, end - _SHORT - _HEAD_ROOM), end):
        if _passes_end(data, match.start(), int(match[1]), end):
            yield match.start()
    largest = -1
    for position, far, long in _lengths(signed.file):
        if position >= end:
            return
        length = long
        if far >= 0:
            if largest < 0:
                numbers = [] if object_streams(signed) else _NUMBER_OBJECT.findall(data, 0, end)
                largest = max(map(int, numbers), default=end)
            length = largest
        if position + length + 2 * _HEAD_ROOM <= end:
            continue
        said = length if far < 0 else signed.resolve(Ref(far, 0))
        if not isinstance(said, int) or _passes_end(data, position, said, end):
            yield position


def _lengths(file: PdfFile) -> list[tuple[int, int, int]]:
    """Return place, object number (or -1) and number of each long or indirect /Length in the file, searched once."""
    if file.lengths is None:
        file.lengths = [
            (match.start(), int(match["far"] or -1), int(match["long"] or -1)) for match in _LENGTH.finditer(file.data)
        ]
    return file.lengths


def _passes_end(data: bytes, position: int, length: int, end: int) -> bool:
    """Say whether the data of the stream whose /Length stands at `position` would reach behind `end`."""
    begin = data.find(b"stream", position, position + _HEAD_ROOM)
    return (begin if begin >= 0 else position + _HEAD_ROOM) + 8 + length > end


def _open_texts(file: PdfFile, end: int) -> Iterator[int]:
    """Yield where a text or a stream opens that does not close before `end`."""
    data = file.data
    # Until something stays open, every reading from the beginning passes the same places, whatever its end.
    position = file.closed[bisect_right(file.closed, max(0, end - _NEAR)) - 1]
    reached = position
    count = 0
    stop = data.find(b"stream", position, end)
    while position < end:
        if not count and position > reached + _STEP and position < end - _NEAR:
            reached = position
            if reached > file.closed[-1]:
                file.closed.append(reached)
        # From here to the next stream's data, searched for once, stand dictionaries, lists and texts: maybe many texts.
        if 0 <= stop < position:
            stop = data.find(b"stream", position, end)
        opens = data.find(b"(", position, end if stop < 0 else stop)
        if opens >= 0:
            text = _TEXT.match(data, opens, end)
            if text is not None:
                position = text.end()
                continue
            # It closes behind another text's brackets, or never; and a comment may hold a bracket, too.
            count += 1
            if count > MAX_OPEN_TEXTS:
                raise TooCostly(f"more than {MAX_OPEN_TEXTS} texts that stay open")
            if _text_end(data, opens, end) < 0:
                yield opens
            position = opens + 1
        elif stop < 0:
            return
        elif stop + 6 < end and data[stop + 6] in _AFTER_WORD and data[stop - 1] in _BEFORE_DATA:
            closed = _STREAM_END.search(data, stop, end)
            if closed is None:
                yield stop
                return
            position = closed.end()
        else:
            position = stop + 6


def _text_end(data: bytes, start: int, end: int) -> int:
    """Return where the text that opens at `start` closes, -1 if not before `end`."""
    depth = 0
    for bracket in _BRACKETS.finditer(data, start, end):
        if bracket[0] == b"(":
            depth += 1
        elif bracket[0] == b")":
            depth -= 1
            if not depth:
                return bracket.end()
    return -1
