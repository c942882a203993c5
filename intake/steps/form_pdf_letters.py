"""Reads the letters of a PDF page with their places, and joins them to the text of cells by where they stand."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from operator import add, itemgetter, sub
from typing import NamedTuple, overload

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from intake.steps.form_pdf_calls import box_of_letter
from intake.steps.form_pdf_grid import Band

MAX_CHARACTERS = 60_000
# A letter stands on the line of a higher one if its head is above that one's middle, or its own middle is nearly so
# (points): a hyphen has hardly any height.
NEARLY = 0.5
# Between two letters a gap wider than this share of the height is a blank.
BLANK = 0.1
# A line across a page has some two hundred letters. A longer one keeps its marks as they are, since putting them on
# their letters takes the square of their number.
MAX_LINE = 1_000

# How many boxes are asked for at a time; a page of a form has some fifteen hundred letters.
_AT_A_TIME = 512
# What pdfium gives for a hyphen at the end of a line. Vietnamese words are never divided, so it was typed.
_BREAKING_HYPHENS = ("\x02", "\ufffe")
# Blanks of all kinds, soft hyphens and what is no letter stand nowhere; where blanks belong is seen from the gaps.
_NO_LETTERS = re.compile("[\x00-\x09\x0b-\x1f\xa0\xad\uffff\ud800-\udfff]")

_Boxes = tuple[list[float], list[float], list[float], list[float]]


class _Run(NamedTuple):
    """Letters from one number up to another, each of which begins and ends no further left than the one before."""

    first: int
    end: int


class Row(Sequence[str]):
    """
    The cells of one row; a cell's letters are joined when it is asked for.

    A form's questions are half of its letters, and nobody asks for them.
    """

    __slots__ = ("_cells", "_length", "_letters")

    def __init__(self, letters: Letters, length: int) -> None:
        self._letters, self._length = letters, length
        self._cells: dict[int, list[_Run]] = {}

    def put(self, column: int, run: _Run) -> None:
        """Add letters to a cell."""
        self._cells.setdefault(column, []).append(run)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._length))]
        runs = self._cells.get(range(self._length)[number])
        return self._letters.joined(runs) if runs else ""


class Letters:
    """
    The letters of one page, blanks left out, each with its box in points from the page's left foot.

    pdfium gives the letters in the order of the file, which for some programs is not that of reading. Most of them
    stand in order all the same, so they are handled as runs, and singly only where they do not: with the same outcome.
    """

    __slots__ = ("_bottoms", "_lefts", "_lines", "_rights", "_text", "_tops")

    def __init__(self, lines: list[str], boxes: _Boxes) -> None:
        self._lines = [len(one) for one in lines]
        self._text = "".join(lines)
        self._lefts, self._tops, self._rights, self._bottoms = boxes

    def rows(self, bands: Sequence[Band]) -> list[Row]:
        """
        Return the rows of the bands (which come from the foot upwards), from the top of the page to its foot.

        A letter belongs to the cell in which its middle stands.
        """
        rows = [Row(self, len(band.columns) - 1) for band in bands]
        lows = [band.low for band in bands]
        for run in self._runs():
            first, end = run
            bottoms, tops = self._bottoms[first:end], self._tops[first:end]
            lowest, highest = (min(bottoms) + min(tops)) / 2, (max(bottoms) + max(tops)) / 2
            number = bisect_right(lows, lowest) - 1
            if number == bisect_right(lows, highest) - 1:
                if number < 0 or lowest > bands[number].high:
                    continue
                if highest <= bands[number].high:
                    self._put(run, rows[number], bands[number].columns)
                    continue
            for one in range(first, end):
                middle = (self._bottoms[one] + self._tops[one]) / 2
                number = bisect_right(lows, middle) - 1
                if number >= 0 and middle <= bands[number].high:
                    self._put(_Run(one, one + 1), rows[number], bands[number].columns)
        return rows[::-1]

    def _runs(self) -> Iterator[_Run]:
        """Yield all letters as runs; what pdfium takes for a line is one unless letters are out of order."""
        end = 0
        for count in self._lines:
            first, end = end, end + count
            lefts, rights = self._lefts[first:end], self._rights[first:end]
            if not count:
                continue
            if lefts == sorted(lefts) and rights == sorted(rights):
                yield _Run(first, end)
                continue
            start = first
            for one, other in pairwise(range(first, end)):
                if not (self._lefts[one] <= self._lefts[other] and self._rights[one] <= self._rights[other]):
                    yield _Run(start, other)
                    start = other
            yield _Run(start, end)

    def _put(self, run: _Run, row: Row, columns: Sequence[float]) -> None:
        """Put the run into the row's cells, in pieces where it crosses their borders; what is outside is left out."""
        first, end = run
        last = len(columns) - 1
        column = bisect_right(columns, self._middle_across(first)) - 1
        if column == bisect_right(columns, self._middle_across(end - 1)) - 1:
            if 0 <= column < last:
                row.put(column, run)
            return
        sides = zip(self._lefts[first:end], self._rights[first:end], strict=True)
        middles = [(left + right) / 2 for left, right in sides]
        start = 0
        while start < len(middles):
            column = bisect_right(columns, middles[start]) - 1
            if column >= last:
                return
            # At least one letter goes at a time, whatever places a hostile file gives.
            cut = bisect_left(middles, columns[column + 1], start + 1)
            if column >= 0:
                row.put(column, _Run(first + start, first + cut))
            start = cut

    def _middle_across(self, number: int) -> float:
        return (self._lefts[number] + self._rights[number]) / 2

    def joined(self, runs: Sequence[_Run]) -> str:
        """Return a cell's text: lines from top to bottom, a blank wherever a gap is wide."""
        lines = self._lines_of(runs) or self._lines_of_letters(_singly(runs))
        texts = [self._line(line) for line in lines]
        texts = [unicodedata.normalize("NFC", one) if len(one) <= MAX_LINE else one for one in texts]
        # A line broken after a slash or hyphen had no blank there ("101/" and "BC-VP"); any other break stands for one.
        return "".join([one if one.endswith(("/", "-")) else one + " " for one in texts]).strip()

    def _lines_of(self, runs: Sequence[_Run]) -> list[list[_Run]] | None:
        """Return the cell's lines from the top; None unless it is certain that each run is on one line."""
        measured = []
        for run in runs:
            tops = self._tops[run.first : run.end]
            doubled = list(map(add, tops, self._bottoms[run.first : run.end]))
            measured.append((max(doubled) / 2, min(doubled) / 2, tops, run))
        if len(measured) > 1:
            measured.sort(key=itemgetter(0), reverse=True)
        lines: list[list[_Run]] = []
        line_highest = line_lowest = 0.0
        for highest, lowest, tops, run in measured:
            foremost = min(tops)
            if lines and line_highest < foremost:
                lines[-1].append(run)
                line_lowest = min(line_lowest, lowest)
            elif highest < foremost and (not lines or line_lowest > max(*tops, highest + NEARLY)):
                lines.append([run])
                line_highest, line_lowest = highest, lowest
            else:
                return None
        return lines

    def _lines_of_letters(self, letters: Sequence[_Run]) -> list[list[_Run]]:
        lines: list[list[_Run]] = []
        line_middle = 0.0
        placed = [((self._bottoms[one.first] + self._tops[one.first]) / 2, one) for one in letters]
        placed.sort(key=itemgetter(0), reverse=True)
        for middle, letter in placed:
            if lines and line_middle < max(self._tops[letter.first], middle + NEARLY):
                lines[-1].append(letter)
            else:
                lines.append([letter])
                line_middle = middle
        return lines

    def _line(self, runs: list[_Run]) -> str:
        if len(runs) == 1:
            return self._spaced(runs[0])
        lefts = self._lefts
        in_order = sorted(runs, key=lambda one: lefts[one.first])
        if not all(lefts[one.end - 1] < lefts[other.first] for one, other in pairwise(in_order)):
            # Runs that reach into one another are taken apart: a mark may stand in the middle of a word.
            in_order = sorted(_singly(runs), key=lambda one: lefts[one.first])
        text, right = "", None
        for run in in_order:
            first, last = run.first, run.end - 1
            if right is not None and lefts[first] - right > BLANK * (self._tops[first] - self._bottoms[first]):
                text += " "
            text += self._spaced(run)
            right = self._rights[last] if right is None else max(right, self._rights[last])
        return text

    def _spaced(self, run: _Run) -> str:
        first, end = run
        text = self._text[first:end]
        if end - first == 1:
            return text
        gaps = map(sub, self._lefts[first + 1 : end], self._rights[first : end - 1])
        heights = map(sub, self._tops[first + 1 : end], self._bottoms[first + 1 : end])
        spaced = [
            " " + one if gap > BLANK * height else one for one, gap, height in zip(text[1:], gaps, heights, strict=True)
        ]
        return text[0] + "".join(spaced)


class LetterReader:
    """Reads the letters of pages; what it needs for asking is made once for a document."""

    def __init__(self) -> None:
        self._boxes = (ctypes.c_float * (4 * _AT_A_TIME))()
        self._view = memoryview(self._boxes).cast("B").cast("f")
        self._places = [ctypes.byref(self._boxes, 16 * number) for number in range(_AT_A_TIME)]

    def read(self, textpage: pdfium.PdfTextPage, text: str) -> Letters:
        """Return the letters of a page whose text is `text`, as `text_of_page` gives it. Raises pdfium's error."""
        count = min(textpage.count_chars(), MAX_CHARACTERS)
        if len(text) != count:
            # Then the text leaves out what is no letter, and only pdfium knows the number of each that is one.
            codes = [pdfium_c.FPDFText_GetUnicode(textpage.raw, number) for number in range(count)]
            text = "".join([chr(code) if code < 0x110000 else "\x00" for code in codes])
        for hyphen in _BREAKING_HYPHENS:
            text = text.replace(hyphen, "-")
        text = _NO_LETTERS.sub(" ", text)
        numbers = [number for number, one in enumerate(text) if one > " "]
        return Letters(text.replace(" ", "").split("\n"), self._boxes_of(textpage, numbers))

    def _boxes_of(self, textpage: pdfium.PdfTextPage, numbers: list[int]) -> _Boxes:
        boxes: list[float] = []
        for start in range(0, len(numbers), _AT_A_TIME):
            some = numbers[start : start + _AT_A_TIME]
            if not all(map(box_of_letter, repeat(textpage.raw), some, self._places)):
                raise pdfium.PdfiumError("pdfium does not say where a letter stands")
            boxes += self._view[: 4 * len(some)].tolist()
        return boxes[0::4], boxes[1::4], boxes[2::4], boxes[3::4]


def text_of_page(textpage: pdfium.PdfTextPage) -> str:
    """Return the page's text from the start, bounded, as pdfium writes it."""
    count = min(textpage.count_chars(), MAX_CHARACTERS)
    text: str = textpage.get_text_range(0, count) if count > 0 else ""
    return text


def _singly(runs: Sequence[_Run]) -> list[_Run]:
    return [_Run(one, one + 1) for run in runs for one in range(run.first, run.end)]
