"""A second reader of PDF tables, which nobody of us wrote, finds the same answers in the same rows."""

from __future__ import annotations

import io

import pdfplumber
import pytest

from config.catalogue import sample_catalogue
from intake.demo.filled_form import plausible_values
from intake.demo.form_pdf import form_pdf
from intake.steps.form_pdf import read_pdf


def squeezed(text: str | None) -> str:
    """Text without white space: where a line breaks inside a cell is nobody's answer."""
    return "".join((text or "").split())


def rows_by_criterion(printed: bytes, ids: set[str]) -> dict[str, str]:
    """What pdfplumber finds in each criterion's row; a row that a page breaks goes on in the next one without an id."""
    found: dict[str, str] = {}
    last = ""
    with pdfplumber.open(io.BytesIO(printed)) as document:
        for page in document.pages:
            for row in (row for table in page.extract_tables() for row in table):
                first = squeezed(row[0])
                last = first if first in ids else last if not first else ""
                if last:
                    found[last] = found.get(last, "") + "|".join(squeezed(cell) for cell in row[1:])
    return found


@pytest.mark.parametrize(("block", "agency"), [("so_nganh", "Sở Nội vụ"), ("huyen", "Ủy ban nhân dân huyện Phú Quý")])
def test_every_answer_stands_in_the_row_where_pdfplumber_finds_it(block: str, agency: str) -> None:
    """Tag by tag, letter by letter, over all pages."""
    catalogue = sample_catalogue()
    values = plausible_values(catalogue, block, agency, seed=3)
    printed = form_pdf(catalogue, block, agency, values, title="Đánh giá năm 2019")
    read = {
        tuple(tag.split(":")[1:]): squeezed(text)
        for tag, text in read_pdf(printed, catalogue).values.items()
        if tag.count(":") == 2 and text.strip()
    }
    rows = rows_by_criterion(printed, {criterion for criterion, _ in read})

    strange = {tag: text for tag, text in read.items() if text not in rows.get(tag[0], "").replace("|", "")}

    assert strange == {}
    assert len(read) > 100
