"""Reads a filled form from a workbook: any sheet with a row of heads and a criterion's id in each line."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import openpyxl

from config.catalogue import Catalogue
from intake.steps.form_numbers import format_number
from intake.steps.form_rows import fields_of_rows

# A form has some hundred rows on one or two sheets; a sheet of a million empty rows is read no further than this.
MAX_SHEETS = 10
MAX_ROWS = 5_000
MAX_COLUMNS = 50
MAX_TEXT = 8_000
# What a workbook may unpack to before it is opened at all: the library holds every shared string.
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
# A document type, which no part of a workbook may have (ECMA-376, part 2, 8.1.4): the library's parser would expand
# its entities. Written in one octet a letter, or in two as UTF-16 does.
_DOCUMENT_TYPE = re.compile(rb"<!DOCTYPE|<\0!\0D\0O\0C\0T\0Y\0P\0E|\0<\0!\0D\0O\0C\0T\0Y\0P\0E")


@dataclass(frozen=True, slots=True)
class SheetFields:
    """What stands in a workbook: tags to text, and the text of the first rows."""

    values: dict[str, str]
    text: str


def read_xlsx(data: bytes, catalogue: Catalogue) -> SheetFields:
    """
    Return the fields found in the workbook `data`; formulas give the values that were saved with them.

    Raises ValueError for a workbook that is too large, and whatever the library raises for a broken one.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(one.file_size for one in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise ValueError(f"the workbook unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        for one in archive.infolist():
            if _DOCUMENT_TYPE.search(archive.read(one)) is not None and not one.filename.startswith("xl/media/"):
                raise ValueError(f"{one.filename[:60]} has a document type")
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        rows = list(_rows(book))
    finally:
        book.close()
    text = "\n".join(" ".join(cell for cell in row if cell) for row in rows)[:MAX_TEXT]
    return SheetFields(fields_of_rows(rows, catalogue), text)


def _rows(book: openpyxl.Workbook) -> Iterator[list[str]]:
    for sheet in book.worksheets[:MAX_SHEETS]:
        for row in sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True):
            if any(cell is not None for cell in row):
                yield [_as_text(cell) for cell in row]


def _as_text(cell: object) -> str:
    """Return a cell as a person would type it into the Word form: figures the Vietnamese way."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "Có" if cell else "Không"
    if isinstance(cell, int | float):
        return format_number(Decimal(repr(cell))) if abs(cell) < 10**18 else str(cell)
    if isinstance(cell, datetime | date):
        return f"{cell.day:02d}/{cell.month:02d}/{cell.year}"
    return str(cell)
