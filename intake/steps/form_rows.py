"""Reads answers out of table rows (Word tables without tags, PDF tables, sheets): by criterion id, column and label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from config.catalogue import Catalogue, Criterion, CriterionKind
from intake.steps.agency import plain
from intake.steps.form_fields import (
    AGENCY,
    BLOCK,
    CATALOGUE,
    NO,
    YEAR,
    YES,
    answer_fields,
    evidence_field,
    score_field,
)

# What the head of each column says, as `plain` gives it; the first words that fit decide.
_HEADS = {
    "id": ("stt", "tt", "ma", "ma tieu chi", "criterion id", "id"),
    "name": ("tieu chi", "tieu chi danh gia", "noi dung tieu chi", "noi dung"),
    "max": ("diem toi da", "diem chuan", "max points"),
    "answer": ("tra loi", "ket qua", "so lieu", "ket qua thuc hien", "answer"),
    "numerator": ("tu so", "numerator"),
    "denominator": ("mau so", "denominator"),
    "score": ("diem tu cham", "tu cham", "diem tu danh gia", "tu danh gia", "self score"),
    "evidence": ("tai lieu kiem chung", "tai lieu", "minh chung", "ghi chu", "evidence"),
}


# The longest head has three words; a cell longer than this is not compared with them.
MAX_HEAD = 100
# Two figures and a stroke; looking for them in pages of blanks would take the square of their number.
MAX_FRACTION = 60


@dataclass(frozen=True, slots=True)
class _Columns:
    places: dict[str, int]

    def of(self, row: Sequence[str], name: str) -> str:
        place = self.places.get(name)
        return row[place].strip() if place is not None and place < len(row) else ""


def fields_of_rows(rows: Iterable[Sequence[str]], catalogue: Catalogue) -> dict[str, str]:
    """
    Return tags and texts as if the rows had tags: each row that begins with a criterion's id gives that criterion's.

    The columns are known by the last row above that names at least the id and an answer column. A row that stands twice
    counts the first time. Nothing is guessed: a row under no known head gives nothing.
    """
    values: dict[str, str] = {}
    ids = {one.id.casefold(): one for one in catalogue.criteria()}
    columns: _Columns | None = None
    for row in rows:
        criterion = ids.get(columns.of(row, "id").rstrip(".").casefold()) if columns else None
        if criterion is None or columns is None:
            columns = _columns_of(row) or columns
            continue
        for tag, text in _fields_of_row(row, columns, criterion).items():
            if text and not values.get(tag):
                values[tag] = text
    return values


def form_code(text: str) -> dict[str, str]:
    """Return catalogue, block and year from the line `Mã phiếu: … / … / …` that the form prints; {} without one."""
    found = re.search(r"Mã phiếu:\s*([A-Za-z0-9_.-]{1,32})\s*/\s*([A-Za-z0-9_.-]{1,32})\s*/\s*(\d{4})\b", text)
    return {CATALOGUE: found[1], BLOCK: found[2], YEAR: found[3]} if found else {}


def agency_of(text: str) -> dict[str, str]:
    """Return the agency's name from the printed head, {} where the head is not ours."""
    found = re.search(r"CƠ QUAN, ĐƠN VỊ:\s*(.{3,200}?)\s*(?:\n\s*\n|Số:|CỘNG HÒA|$)", text, re.DOTALL)
    return {AGENCY: " ".join(found[1].split())} if found else {}


def names_columns(row: Sequence[str]) -> bool:
    """Whether a row is the head of a table of ours."""
    return _columns_of(row) is not None


def _columns_of(row: Sequence[str]) -> _Columns | None:
    places: dict[str, int] = {}
    for number, cell in enumerate(row):
        name = _head(cell) if len(cell) <= MAX_HEAD else None
        if name is not None:
            places.setdefault(name, number)
    if "id" in places and ({"answer", "numerator", "denominator"} & set(places)):
        return _Columns(places)
    return None


@lru_cache(maxsize=256)  # A form repeats its heads with every table and page.
def _head(cell: str) -> str | None:
    """Return what a column with this head holds, None if it is none of ours."""
    words = plain(cell)
    return next((name for name, heads in _HEADS.items() if words in heads), None)


def _fields_of_row(row: Sequence[str], columns: _Columns, criterion: Criterion) -> dict[str, str]:
    fields = answer_fields(criterion)
    cell = columns.of(row, "answer")
    found = {score_field(criterion).tag: columns.of(row, "score")}
    found[evidence_field(criterion).tag] = columns.of(row, "evidence")
    if criterion.kind is CriterionKind.RATIO and "numerator" in columns.places:
        for field in fields:
            found[field.tag] = columns.of(row, field.slot)
        return found
    labels = [field.label for field in fields]
    pieces = _split_by_labels(cell, labels)
    for field in fields:
        text = pieces.get(field.label)
        if text is None and len(fields) == 1:
            text = cell
        if text is None and criterion.kind is CriterionKind.RATIO:
            text = _half_of_fraction(cell, first=field.slot == "numerator")
        found[field.tag] = (text or "").strip()
    if criterion.kind is CriterionKind.BOOLEAN and not found[fields[0].tag]:
        found[fields[0].tag] = _ticked(cell)
    return found


def _split_by_labels(cell: str, labels: Sequence[str]) -> dict[str, str]:
    """Split `Tử số: 38 Mẫu số: 42` at its labels; only labels with a colon count."""
    pattern = "|".join(re.escape(label).replace(r"\ ", r"\s+") for label in labels)
    parts = re.split(rf"({pattern})\s*:", cell)
    pieces: dict[str, str] = {}
    for label, text in zip(parts[1::2], parts[2::2], strict=False):
        name = " ".join(label.split())
        pieces.setdefault(name, text.strip())
    return pieces


def _half_of_fraction(cell: str, *, first: bool) -> str:
    if len(cell) > MAX_FRACTION:
        return ""
    found = re.fullmatch(r"\s*([\d.,\s]+?)\s*/\s*([\d.,\s]+?)\s*", cell)
    return "" if found is None else found[1 if first else 2]


def _ticked(cell: str) -> str:
    """Return the choice with a cross beside it, where a form has boxes instead of a list."""
    ticked = re.findall(r"[☑☒✓✗xX]\s*(Có|Không)", cell)
    return {"Có": YES, "Không": NO}.get(ticked[0], "") if len(ticked) == 1 else ""
