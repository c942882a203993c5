"""Forms read from PDF pages: by where letters and lines stand, in whatever order and dress the file gives them."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import FrameType

import pytest

from config.catalogue import Catalogue, sample_catalogue
from intake.steps.agency import plain
from intake.steps.form_numbers import parse_number
from intake.steps.form_pdf import read_pdf
from intake.steps.form_pdf_grid import MAX_COLUMNS, MAX_ROWS_OF_PAGE
from intake.steps.form_pdf_letters import MAX_LINE
from tests.makers_pages import (
    Letter,
    a_grid,
    a_grid_of_boxes,
    a_page,
    a_stroke,
    letters_of,
)

COLUMNS = (50.0, 90.0, 250.0, 400.0, 450.0, 550.0)
ROWS = (600.0, 640.0, 680.0, 720.0)
HEADS = ("STT", "Tiêu chí đánh giá", "Trả lời", "Tự chấm", "Tài liệu")
FIRST = ("A1", "Tỷ lệ cán bộ được trang bị", "Tử số: 38 Mẫu số: 42", "3,5", "Báo cáo 101/")
SECOND = ("A3", "Đã kết nối mạng truyền số", "Trả lời: Có", "2", "Công văn 7")
# What goes on in a second line of the cell.
BELOW = {(1, 1): "máy tính", (1, 4): "BC-VP", (2, 1): "liệu chuyên dùng"}
VALUES = {
    "pdg:A1:numerator": "38",
    "pdg:A1:denominator": "42",
    "pdg:A1:score": "3,5",
    "pdg:A1:evidence": "Báo cáo 101/BC-VP",
    "pdg:A3:answer": "Có",
    "pdg:A3:score": "2",
    "pdg:A3:evidence": "Công văn 7",
}


@cache
def catalogue() -> Catalogue:
    """The shipped sample."""
    return sample_catalogue()


def the_letters() -> list[Letter]:
    """The letters of a table of two criteria, in the order of reading."""
    found = []
    for row, cells in enumerate((HEADS, FIRST, SECOND)):
        for column, text in enumerate(cells):
            x, y = COLUMNS[column] + 3, ROWS[2 - row] + 25
            found += letters_of(text, x, y) + letters_of(BELOW.get((row, column), ""), x, y - 14)
    return found


def read(page: bytes) -> dict[str, str]:
    """The fields of a page."""
    return read_pdf(page, catalogue()).values


def test_a_table_of_single_letters_is_read() -> None:
    """No blank and no line end stands in the file: they are seen from the gaps."""
    assert read(a_page(a_grid(COLUMNS, ROWS), the_letters())) == VALUES


@pytest.mark.parametrize("seed", range(12))
def test_letters_in_any_order_of_the_file_read_the_same(seed: int) -> None:
    """Where a letter stands says where it belongs, not when it was drawn."""
    letters = the_letters()
    random.Random(seed).shuffle(letters)
    assert read(a_page(a_grid(COLUMNS, ROWS), letters)) == VALUES


@pytest.mark.parametrize("first", ["marks", "letters"])
def test_marks_drawn_apart_from_their_letters_come_together(first: str) -> None:
    """Some programs write all letters of a line and then all marks, or the other way round."""
    word = letters_of("Tong ket", COLUMNS[4] + 3, ROWS[0] + 25)
    marks = [Letter("\u0302", word[1].x + 4, word[1].y), Letter("\u0309", word[1].x + 4, word[1].y)]
    marks += [Letter("\u0301", word[5].x + 4, word[5].y)]
    others = [one for one in the_letters() if not (one.x > COLUMNS[4] and one.y < ROWS[1])]
    drawn = [*marks, *others, *word] if first == "marks" else [*word, *others, *marks]
    assert read(a_page(a_grid(COLUMNS, ROWS), drawn))["pdg:A3:evidence"] == "Tổng két"


def test_the_lines_may_be_drawn_as_boxes_around_each_cell() -> None:
    """Word fills a thin box for each side of each cell, other programs draw one line across the table."""
    assert read(a_page(a_grid_of_boxes(COLUMNS, ROWS), the_letters())) == VALUES


def test_a_table_may_be_one_path_of_rectangles() -> None:
    """Whole rectangles in one path are wider than any line, so their sides are looked at one by one."""
    cells = [
        f"{left} {foot} {right - left} {head - foot} re"
        for left, right in pairwise(COLUMNS)
        for foot, head in pairwise(ROWS)
    ]
    assert read(a_page([" ".join(cells) + " S"], the_letters())) == VALUES


@pytest.mark.parametrize("matrix", ["1 0 0 1 0 0", "0.7 0 0 0.7 40 150"])
def test_a_page_that_was_put_into_a_form_is_read_as_it_is_shown(matrix: str) -> None:
    """A program that adds a number or a stamp may wrap the page and draw it smaller; lines move with the letters."""
    assert read(a_page(a_grid(COLUMNS, ROWS), the_letters(), within=matrix)) == VALUES


@pytest.mark.parametrize("text", ["\x01", "\x00", "\u200b", "\ud800", "\u00ad", "\ufffe", "\U0001f600"])
def test_signs_that_are_no_letters_move_no_letter_from_its_place(text: str) -> None:
    """pdfium leaves some of them out of the text and not out of its count."""
    odd = [Letter(text, COLUMNS[1] + 100, ROWS[2] + 5 + number) for number in range(3)]
    assert read(a_page(a_grid(COLUMNS, ROWS), [*odd, *the_letters()])) == VALUES


def test_a_sign_for_several_letters_is_read_whole() -> None:
    """A ligature is one sign; its letters all have its place."""
    word = [Letter("ffi", COLUMNS[4] + 3, ROWS[0] + 25), *letters_of("ce 7", COLUMNS[4] + 8, ROWS[0] + 25)]
    others = [one for one in the_letters() if not (one.x > COLUMNS[4] and one.y < ROWS[1])]
    assert read(a_page(a_grid(COLUMNS, ROWS), others + word))["pdg:A3:evidence"] == "ffice 7"


def test_a_page_of_senselessly_many_columns_has_no_table() -> None:
    """A hostile page could have every pair of lines be a column; memory is for forms."""
    many = [30 + number * 3.0 for number in range(MAX_COLUMNS * 3)]
    assert read(a_page(a_grid(many, ROWS), the_letters())) == {}


def test_a_page_of_senselessly_many_rows_has_no_table() -> None:
    """The same for rows."""
    many = [number * 4.5 for number in range(MAX_ROWS_OF_PAGE + 5)]
    drawn = a_grid(COLUMNS, ROWS) + [a_stroke(50, y, 550, y) for y in many]
    assert read(a_page(drawn, the_letters())) == {}


def steps_of(work: Callable[[], object]) -> int:
    """How many lines of Python ran, each turn of a loop counted; the same on every machine."""
    steps = 0

    def count(frame: FrameType, event: str, _: object) -> object:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def many_cells(size: int) -> bytes:
    """A page of so many rows of forty cells, a letter in each."""
    columns = [20 + number * 13.0 for number in range(41)]
    rows = [20 + number * (800 / size) for number in range(size + 1)]
    letters = [Letter("x", x + 4, y + 1) for x in columns[:-1] for y in rows[:-1]]
    random.Random(1).shuffle(letters)
    return a_page(a_grid(columns, rows), letters)


def one_heap(size: int) -> bytes:
    """So many letters in one cell that somebody asks for, none in order, all reaching into each other."""
    chance = random.Random(2)
    heap = [Letter("x", COLUMNS[4] + 3 + chance.random() * 90, ROWS[1] + 5 + chance.random() * 25) for _ in range(size)]
    return a_page(a_grid(COLUMNS, ROWS), the_letters() + heap)


def much_ruled(size: int) -> bytes:
    """So many rows, each parted by ten short uprights of its own."""
    rows = [20 + number * (800 / size) for number in range(size + 1)]
    short = [a_stroke(50 + n * 50, foot, 50 + n * 50, head) for foot, head in pairwise(rows) for n in range(10)]
    return a_page([*(a_stroke(50, y, 550, y) for y in rows), *short], [])


def long_rows(size: int) -> bytes:
    """Letters in lines across all columns, many of them outside of the table."""
    letters = [Letter("x", 10 + number % 500, 610 + number // 500) for number in range(size)]
    return a_page(a_grid(COLUMNS, ROWS), letters)


@pytest.mark.parametrize(
    ("made", "size"),
    [(many_cells, 40), (one_heap, 1500), (much_ruled, 70), (long_rows, 2000)],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_reading_takes_work_in_proportion_to_the_page(made: Callable[[int], bytes], size: int) -> None:
    """Twice as much on a page is about twice the work: a page made to be expensive must not be four times as dear."""
    small, large = made(size), made(2 * size)
    read(small)
    assert steps_of(lambda: read(large)) < 2.6 * steps_of(lambda: read(small))


def test_a_line_of_nothing_but_marks_stays_as_it_is() -> None:
    """Putting marks in their order takes the square of their number; no line of a form is that long."""
    many = "\u0301\u0323" * 25
    marks = [Letter(many, COLUMNS[4] + 12 + number * 4, ROWS[0] + 25) for number in range(MAX_LINE // len(many) + 1)]
    others = [one for one in the_letters() if not (one.x > COLUMNS[4] and one.y < ROWS[1])]
    base = Letter("a", COLUMNS[4] + 3, ROWS[0] + 25)
    found = read(a_page(a_grid(COLUMNS, ROWS), [*others, base, *marks]))["pdg:A3:evidence"]
    assert found.replace(" ", "") == "a" + many * len(marks)


def test_comparing_drops_marks_wherever_a_long_text_is_cut() -> None:
    """Long texts are taken in pieces; a letter and its marks may stand on both sides of a cut."""
    for before in range(250, 260):
        assert plain("x" * before + "e\u0323\u0302 ạ") == "x" * before + "e a"


def test_a_page_of_marks_is_no_figure() -> None:
    """Only what may have been typed as a figure is normalised."""
    assert parse_number("1" + "\u0301\u0323" * 5_000) is None
    assert parse_number("1" + " " * 100) == 1
