"""Finds the ruled tables of a PDF page: between which drawn lines its rows and columns lie."""

from __future__ import annotations

import ctypes
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from intake.steps.form_pdf_calls import quick

# A page of a form has some fifteen hundred strokes and fifty rows of six cells; each stroke crosses a row or all.
MAX_LINES = 8_000
MAX_ROWS_OF_PAGE = 500
MAX_COLUMNS = 50
MAX_CROSSINGS = 50_000
# Objects and points of paths that one page may have looked at; a form has about a thousand.
MAX_DRAWN = 50_000
# A page printed as one picture of lines stands in one form of pdfium's, seldom in one within it.
MAX_DEPTH = 2
# Two strokes of one line may differ by a hair; rows are never this near to each other (points).
SNAP = 2.0


class Band(NamedTuple):
    """One row of a ruled table: its foot, its head and the lines that part its cells, in points from the corner."""

    low: float
    high: float
    columns: list[float]


class _Upright(NamedTuple):
    x: float
    bottom: float
    top: float


_Point = tuple[float, float]
_Placing = Callable[[float, float], _Point]


@dataclass(slots=True)
class _Strokes:
    """The level lines' heights and the upright lines of a page; `left` is what may still be looked at."""

    levels: list[float] = field(default_factory=list)
    uprights: list[_Upright] = field(default_factory=list)
    left: int = MAX_DRAWN

    def full(self) -> bool:
        return self.left <= 0 or len(self.levels) + len(self.uprights) > MAX_LINES

    def add(self, one: _Point, other: _Point) -> None:
        (x1, y1), (x2, y2) = one, other
        if abs(y1 - y2) <= SNAP < abs(x1 - x2):
            self.levels.append((y1 + y2) / 2)
        elif abs(x1 - x2) <= SNAP < abs(y1 - y2):
            self.uprights.append(_Upright((x1 + x2) / 2, min(y1, y2), max(y1, y2)))


def bands_of_page(page: pdfium.PdfPage) -> list[Band]:
    """
    Return the rows of the page's ruled tables from the foot upwards; none where there are none, or senselessly many.

    Between two neighbouring level lines lies a row; its cells lie between the upright lines that cross its middle.
    """
    strokes = _Strokes()
    count = min(pdfium_c.FPDFPage_CountObjects(page.raw), MAX_DRAWN)
    _look_at(list(map(_object_of_page, repeat(page.raw), range(count))), strokes, None, MAX_DEPTH)
    heights = snapped(strokes.levels)
    if not 2 <= len(heights) <= MAX_ROWS_OF_PAGE or len(strokes.uprights) < 2:
        return []
    rows = [(low, high) for low, high in pairwise(heights) if high - low > 2 * SNAP]
    middles = [(low + high) / 2 for low, high in rows]
    crossings: list[list[float]] = [[] for _ in rows]
    room = MAX_CROSSINGS
    for stroke in strokes.uprights:
        first, last = bisect_left(middles, stroke.bottom - SNAP), bisect_right(middles, stroke.top + SNAP)
        room -= last - first
        if room < 0:
            return []
        for row in range(first, last):
            crossings[row].append(stroke.x)
    bands = [Band(low, high, snapped(crossing)) for (low, high), crossing in zip(rows, crossings, strict=True)]
    return [band for band in bands if 2 <= len(band.columns) <= MAX_COLUMNS + 1]


def snapped(values: Sequence[float]) -> list[float]:
    """Return the values in order, those within SNAP of one another as one."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > SNAP:
            found.append(value)
    return found


def _look_at(objects: list[object], strokes: _Strokes, placing: _Placing | None, depth: int) -> None:
    """
    Add the lines among `objects`; `placing` says where the points of those within a form lie on the page.

    Most lines are paths of their own and thinner than SNAP: their box tells all, and is one question instead of ten.
    """
    box = (ctypes.c_float * 4)()
    left_place, bottom_place, right_place, top_place = (ctypes.byref(box, offset) for offset in (0, 4, 8, 12))
    unpack = struct.Struct("4f").unpack_from
    for drawn, kind in zip(objects, map(_kind_of, objects), strict=True):
        if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
            if placing is None and _bounds(drawn, left_place, bottom_place, right_place, top_place):
                left, bottom, right, top = unpack(box)
                if top - bottom <= SNAP:
                    if right - left > SNAP:
                        strokes.levels.append((bottom + top) / 2)
                    continue
                if right - left <= SNAP:
                    strokes.uprights.append(_Upright((left + right) / 2, bottom, top))
                    continue
            for one, other in _segments(drawn, strokes, placing):
                strokes.add(one, other)
        elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth > 1:
            count = min(pdfium_c.FPDFFormObj_CountObjects(drawn), strokes.left)
            inner = [pdfium_c.FPDFFormObj_GetObject(drawn, number) for number in range(count)]
            strokes.left -= len(inner)
            _look_at([one for one in inner if one], strokes, _placing_of(drawn, placing), depth - 1)
        if strokes.full():
            return


def _placing_of(drawn: object, outer: _Placing | None) -> _Placing:
    """Return how a point in the object's own measure comes to its place on the page."""
    matrix = pdfium_c.FS_MATRIX(1, 0, 0, 1, 0, 0)
    pdfium_c.FPDFPageObj_GetMatrix(drawn, matrix)
    a, b, c, d, e, f = (getattr(matrix, name) for name in "abcdef")

    def place(x: float, y: float) -> _Point:
        point = (a * x + c * y + e, b * x + d * y + f)
        return outer(*point) if outer else point

    return place


def _segments(drawn: object, strokes: _Strokes, outer: _Placing | None) -> Iterator[tuple[_Point, _Point]]:
    placing = _placing_of(drawn, outer)
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = (0.0, 0.0)
    count = min(pdfium_c.FPDFPath_CountSegments(drawn), strokes.left)
    strokes.left -= max(count, 0)
    for number in range(count):
        segment = pdfium_c.FPDFPath_GetPathSegment(drawn, number)
        if not segment or not pdfium_c.FPDFPathSegment_GetPoint(segment, x, y):
            continue
        point = placing(x.value, y.value)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            yield last, point
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            yield point, start
        last = point


_object_of_page = quick(pdfium_c.FPDFPage_GetObject, pdfium_c.FPDF_PAGEOBJECT)
_kind_of = quick(pdfium_c.FPDFPageObj_GetType, ctypes.c_int)
_bounds = quick(pdfium_c.FPDFPageObj_GetBounds, ctypes.c_int)
