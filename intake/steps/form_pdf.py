"""Reads text and table rows from a PDF by where its letters stand, because a PDF has no fields of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import pypdfium2 as pdfium

from config.catalogue import Catalogue
from intake.steps.form_pdf_grid import bands_of_page
from intake.steps.form_pdf_letters import LetterReader, text_of_page
from intake.steps.form_rows import fields_of_rows, names_columns

# The sample form prints on eight pages; what is longer than this has the form at its beginning or is none.
MAX_PAGES = 40
MAX_TEXT = 8_000


@dataclass(frozen=True, slots=True)
class PageFields:
    """What stands in a PDF: tags to text from its tables, the first page's text, and all text that was read."""

    values: dict[str, str]
    first_page: str
    text: str


def text_of_first_page(data: bytes) -> str:
    """Return the first page's text, bounded; "" for a scan. Raises pdfium's error for a PDF it cannot open."""
    with closing(pdfium.PdfDocument(data)) as document:
        if not len(document):
            return ""
        with closing(document[0].get_textpage()) as textpage:
            return _cleaned(text_of_page(textpage))


def read_pdf(data: bytes, catalogue: Catalogue) -> PageFields:
    """
    Return the fields found in the ruled tables of the PDF `data`.

    The grid is taken from the drawn lines, and each letter belongs to the cell in which its middle stands. So letters
    that a program wrote out of order (some do with Vietnamese marks) still come together. Raises pdfium's error for a
    PDF that it cannot open (encrypted, broken).
    """
    texts: list[str] = []
    with closing(pdfium.PdfDocument(data)) as document:
        values = fields_of_rows(_rows(document, texts), catalogue)
    return PageFields(values, texts[0] if texts else "", "\n".join(texts))


def _rows(document: pdfium.PdfDocument, texts: list[str]) -> Iterator[Sequence[str]]:
    """
    Yield the rows of all tables and add the text of each page to `texts`.

    A row that is broken by the page's end goes on at the top of the next, perhaps under a repeated head, with no id.
    """
    reader = LetterReader()
    before: Sequence[str] | None = None
    for textpage in _textpages(document):
        text = text_of_page(textpage)
        texts.append(_cleaned(text))
        bands = bands_of_page(textpage.page)
        if not bands:
            continue
        rows = reader.read(textpage, text).rows(bands)
        first = 1 if rows and names_columns(rows[0]) else 0
        if before is not None and len(rows) > first and len(rows[first]) == len(before) and not rows[first][0]:
            before = [" ".join(filter(None, pair)) for pair in zip(before, rows.pop(first), strict=True)]
        for row in rows:
            if before is not None:
                yield before
            before = row
    if before is not None:
        yield before


def _textpages(document: pdfium.PdfDocument) -> Iterator[pdfium.PdfTextPage]:
    """Yield the pages' texts; each is closed when the next is asked for."""
    before: pdfium.PdfPage | None = None
    for number in range(min(len(document), MAX_PAGES)):
        page = document[number]
        # pdfium reads a font again if no open page uses it, which takes longer than the rest of the page.
        if before is not None:
            before.close()
        before = page
        with closing(page.get_textpage()) as textpage:
            yield textpage


def _cleaned(text: str) -> str:
    return text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
