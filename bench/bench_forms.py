"""What reading a filled form costs, from PDF beside pdfplumber and pdfium alone, and from Word and Excel."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from contextlib import closing

import openpyxl
import pdfplumber
import pypdfium2 as pdfium

from bench.figures import Figure
from config.catalogue import Catalogue, sample_catalogue
from intake.demo.filled_form import fill_template, plausible_values
from intake.demo.form_pdf import form_pdf
from intake.steps.form_fields import answer_fields, evidence_field, score_field
from intake.steps.forms import read_form, write_template

BLOCK = "so_nganh"
TITLE = "Đánh giá ứng dụng CNTT năm 2019"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Ours and the peer's are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 15
# The design asked for a grid of our own because it is twelve times as fast; signing, mail and ledger need the rest.
LEAST_RATIO = 12.0
# Everything above opening the pages and their text, which pdfium does, is ours.
MOST_OVER_PDFIUM = 2.5


def measure() -> list[Figure]:
    """Read the same filled form from three kinds of file, in a warm process."""
    catalogue = sample_catalogue()
    values = plausible_values(catalogue, BLOCK, "Sở Nội vụ")
    printed = form_pdf(catalogue, BLOCK, "Sở Nội vụ", values, title=TITLE)
    word = fill_template(write_template(catalogue, BLOCK, TITLE), values)
    sheet = _sheet(catalogue, values)
    pages = _pdfium_alone(printed)
    count = len(read_form(printed, "application/pdf", catalogue).answers)
    return [
        _beside_pdfplumber(printed, f"a form of {count} answers on {pages} pages, from PDF", catalogue),
        _beside_pdfium(printed, catalogue),
        Figure("  the same from Word", f"{_alone(lambda: read_form(word, WORD, catalogue)):.1f} ms", "", "", "", True),
        Figure(
            "  the same from Excel", f"{_alone(lambda: read_form(sheet, SHEET, catalogue)):.1f} ms", "", "", "", True
        ),
    ]


def _beside_pdfplumber(printed: bytes, name: str, catalogue: Catalogue) -> Figure:
    """Compare with pdfplumber taking the same tables and text."""

    def tables() -> list[list[str | None]]:
        with pdfplumber.open(io.BytesIO(printed)) as document:
            found = []
            for page in document.pages:
                page.extract_text()
                found += [row for table in page.extract_tables() for row in table]
            return found

    ids = {one.criterion_id for one in read_form(printed, "application/pdf", catalogue).answers}
    assert ids <= {row[0] for row in tables()}, "pdfplumber finds other rows"
    ours, theirs = _side_by_side(lambda: read_form(printed, "application/pdf", catalogue), tables, pairs=3)
    ratio = theirs / ours
    peer = f"pdfplumber {theirs:.0f} ms"
    return Figure(name, f"{ours:.1f} ms", peer, f"{ratio:.0f}x", f"at least {LEAST_RATIO:g}x", ratio >= LEAST_RATIO)


def _beside_pdfium(printed: bytes, catalogue: Catalogue) -> Figure:
    ours, theirs = _side_by_side(
        lambda: read_form(printed, "application/pdf", catalogue), lambda: _pdfium_alone(printed), pairs=PAIRS
    )
    ratio = ours / theirs
    return Figure(
        "  beside pdfium opening the pages and their text",
        f"{ours:.1f} ms",
        f"pdfium {theirs:.1f} ms",
        f"{ratio:.2f}x",
        f"at most {MOST_OVER_PDFIUM:g}x",
        ratio <= MOST_OVER_PDFIUM,
    )


def _pdfium_alone(printed: bytes) -> int:
    """Do what nobody who reads with pdfium can leave out; returns the number of pages."""
    with closing(pdfium.PdfDocument(printed)) as document:
        # The pages stay open until the end, since pdfium reads a font again if no open page uses it.
        return len([page.get_textpage() for page in document])


def _sheet(catalogue: Catalogue, values: dict[str, str]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["STT", "Tiêu chí", "Trả lời", "Điểm tự chấm", "Tài liệu kiểm chứng"])
    for one in catalogue.criteria(BLOCK):
        answer = "\n".join(f"{field.label}: {values[field.tag]}" for field in answer_fields(one))
        sheet.append([one.id, one.name, answer, values[score_field(one).tag], values[evidence_field(one).tag]])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _side_by_side(ours: Callable[[], object], peer: Callable[[], object], *, pairs: int) -> tuple[float, float]:
    """Return the medians in milliseconds of CPU, after one run of each to warm up."""
    ours(), peer()
    both = [(_cpu(ours), _cpu(peer)) for _ in range(pairs)]
    return statistics.median(one for one, _ in both), statistics.median(other for _, other in both)


def _alone(work: Callable[[], object]) -> float:
    work()
    return statistics.median(_cpu(work) for _ in range(PAIRS))


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000
