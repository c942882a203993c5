"""Reads text and table rows from a PDF by where its letters stand, because a PDF has no fields of ours."""

from __future__ import annotations

import ctypes
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from config.catalogue import Catalogue
from intake.steps.form_rows import fields_of_rows

# The sample form prints on eight pages; what is longer than this has the form at its beginning or is none.
MAX_PAGES = 40
MAX_CHARACTERS = 60_000
MAX_TEXT = 8_000
# A page of a form has some fifteen hundred strokes and fifty rows; each row is compared with each upright stroke.
MAX_LINES = 8_000
MAX_ROWS_OF_PAGE = 500
MAX_DRAWN = 50_000
# Two strokes of one line may differ by a hair; rows are never this near to each other (points).
SNAP = 2.0
# A letter stands on the same line as the one before if their feet differ by less than this share of the height.
SAME_LINE = 0.5


# What pdfium gives for a hyphen at the end of a line. Vietnamese words are never divided, so it was typed.
_BREAKING_HYPHENS = (0x02, 0xFFFE)


@dataclass(frozen=True, slots=True)
class PageFields:
    """What stands in a PDF: tags to text from its tables, the first page's text, and all text that was read."""

    values: dict[str, str]
    first_page: str
    text: str


class _Letter(NamedTuple):
    """A letter and its box in points; a tuple, since a form has thousands and each is made once."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def text_of_first_page(data: bytes) -> str:
    """Return the first page's text, bounded; "" for a scan. Raises pdfium's error for a PDF it cannot open."""
    with closing(pdfium.PdfDocument(data)) as document:
        if not len(document):
            return ""
        with closing(document[0].get_textpage()) as textpage:
            return _text(textpage)


def read_pdf(data: bytes, catalogue: Catalogue) -> PageFields:
    """
    Return the fields found in the ruled tables of the PDF `data`.

    The grid is taken from the drawn lines, and each letter belongs to the cell in which its middle stands. So letters
    that a program wrote out of order (some do with Vietnamese marks) still come together. Raises pdfium's error for a
    PDF that it cannot open (encrypted, broken).
    """
    rows: list[list[str]] = []
    texts: list[str] = []
    with closing(pdfium.PdfDocument(data)) as document:
        for number in range(min(len(document), MAX_PAGES)):
            page = document[number]
            with closing(page.get_textpage()) as textpage:
                texts.append(_text(textpage))
                _append(rows, list(_rows_of_page(page, textpage)))
    return PageFields(fields_of_rows(rows, catalogue), texts[0] if texts else "", "\n".join(texts))


def _append(rows: list[list[str]], more: list[list[str]]) -> None:
    """Add a page's rows; one broken by the page's end goes on under the repeated head, with no id of its own."""
    first = 1 if more and rows and any(more[0] == earlier for earlier in rows) else 0
    if rows and len(more) > first and not more[first][0] and len(more[first]) == len(rows[-1]):
        rest = more.pop(first)
        rows[-1] = [" ".join(filter(None, pair)) for pair in zip(rows[-1], rest, strict=True)]
    rows += more


def _text(textpage: pdfium.PdfTextPage) -> str:
    count = min(textpage.count_chars(), MAX_TEXT)
    text: str = textpage.get_text_range(0, count) if count > 0 else ""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _rows_of_page(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> Iterator[list[str]]:
    """
    Yield the page's table rows from top to bottom.

    1. The drawn lines, level and upright. 2. Between two level lines lies a row; its cells lie between the upright
    lines that cross its middle. 3. Each letter goes to its cell, each cell's letters to lines and words.
    """
    # 1.
    levels, uprights = _lines(page)
    heights = _snapped([one[0] for one in levels])
    if not 2 <= len(heights) <= MAX_ROWS_OF_PAGE or len(uprights) < 2:
        return
    # 2.
    bands: list[tuple[float, float, list[float]]] = []
    for low, high in pairwise(heights):
        middle = (low + high) / 2
        crossing = _snapped([x for x, bottom, top in uprights if bottom - SNAP <= middle <= top + SNAP])
        if high - low > 2 * SNAP and len(crossing) >= 2:
            bands.append((low, high, crossing))
    if not bands:
        return
    # 3.
    lows = [low for low, _, _ in bands]
    cells: dict[tuple[int, int], list[_Letter]] = defaultdict(list)
    for letter in _letters(textpage):
        x, y = (letter.left + letter.right) / 2, (letter.bottom + letter.top) / 2
        band = bisect_right(lows, y) - 1
        if band < 0 or y > bands[band][1]:
            continue
        column = bisect_right(bands[band][2], x) - 1
        if 0 <= column < len(bands[band][2]) - 1:
            cells[band, column].append(letter)
    for band in range(len(bands) - 1, -1, -1):
        yield [_words(cells[band, column]) for column in range(len(bands[band][2]) - 1)]


def _lines(page: pdfium.PdfPage) -> tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]:
    """Return the page's level lines as (y, left, right) and upright ones as (x, bottom, top), in points."""
    levels: list[tuple[float, float, float]] = []
    uprights: list[tuple[float, float, float]] = []
    for number, drawn in enumerate(page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_PATH], max_depth=2)):
        for (x1, y1), (x2, y2) in _segments(drawn):
            if abs(y1 - y2) <= SNAP < abs(x1 - x2):
                levels.append(((y1 + y2) / 2, min(x1, x2), max(x1, x2)))
            elif abs(x1 - x2) <= SNAP < abs(y1 - y2):
                uprights.append(((x1 + x2) / 2, min(y1, y2), max(y1, y2)))
        if number > MAX_DRAWN or len(levels) + len(uprights) > MAX_LINES:
            break
    return levels, uprights


def _segments(drawn: pdfium.PdfObject) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    matrix = drawn.get_matrix()
    start = last = (0.0, 0.0)
    for number in range(min(pdfium_c.FPDFPath_CountSegments(drawn), MAX_LINES)):
        segment = pdfium_c.FPDFPath_GetPathSegment(drawn, number)
        x, y = ctypes.c_float(), ctypes.c_float()
        if not segment or not pdfium_c.FPDFPathSegment_GetPoint(segment, x, y):
            continue
        point = matrix.on_point(x.value, y.value)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            yield last, point
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            yield point, start
        last = point


def _letters(textpage: pdfium.PdfTextPage) -> Iterator[_Letter]:
    """Yield the page's letters with their loose boxes; pdfium is asked directly, since a form has thousands."""
    raw, box = textpage.raw, pdfium_c.FS_RECTF()
    unicode_of, box_of = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetLooseCharBox
    for number in range(min(textpage.count_chars(), MAX_CHARACTERS)):
        code = unicode_of(raw, number)
        if code in _BREAKING_HYPHENS:
            code = 0x2D
        if code <= 32 or code in (0xA0, 0xAD, 0xFFFE, 0xFFFF) or not code < 0x110000 or 0xD800 <= code < 0xE000:
            continue
        if box_of(raw, number, box):
            yield _Letter(chr(code), box.left, box.bottom, box.right, box.top)


def _words(letters: Sequence[_Letter]) -> str:
    """Join a cell's letters: lines from top to bottom, a blank wherever a gap is wider than a tenth of the height."""
    lines: list[list[_Letter]] = []
    for letter in sorted(letters, key=lambda one: -(one.bottom + one.top)):
        height = max(letter.top - letter.bottom, 1.0)
        if lines and abs(_middle(lines[-1][0]) - _middle(letter)) < SAME_LINE * height:
            lines[-1].append(letter)
        else:
            lines.append([letter])
    texts = []
    for line in lines:
        line.sort(key=lambda one: one.left)
        text, end = "", None
        for letter in line:
            gap = 0.0 if end is None else letter.left - end
            text += " " + letter.text if gap > 0.1 * (letter.top - letter.bottom) else letter.text
            end = letter.right if end is None else max(end, letter.right)
        texts.append(unicodedata.normalize("NFC", text))
    # A line broken after a slash or hyphen had no blank there ("101/" and "BC-VP"); any other break stands for one.
    return "".join(one if one.endswith(("/", "-")) else one + " " for one in texts).strip()


def _middle(letter: _Letter) -> float:
    return (letter.bottom + letter.top) / 2


def _snapped(values: Sequence[float]) -> list[float]:
    """Return the values in order, those within SNAP of one another as one."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > SNAP:
            found.append(value)
    return found
