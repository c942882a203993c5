"""Lists are whole, typed, readable in Excel, and run nothing there."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import openpyxl
import pyarrow.parquet
import pytest

from storage.exports import ExportError, Listing, as_csv, as_xlsx, export, harmless
from storage.ledger import Ledger
from storage.queries import Queries, RosterRow
from storage.records import Answer
from tests.makers import CLOSES, DUE, OFFICE
from tests.makers_storage import NOON, an_outcome, decided, held, received

ROSTER = [RosterRow("snv", "Sở Nội vụ", "mail"), RosterRow("sxd", "Sở Xây dựng", "qlvb")]
What = Literal["forms", "answers", "log", "board"]
Kind = Literal["csv", "xlsx", "json", "parquet"]


def write(ledger: Ledger, what: What, kind: Kind, out: Path) -> int:
    """Export one list of the campaign."""
    queries = Queries(ledger.database, OFFICE)
    return export(queries, what, kind, out, campaign="2019", roster=ROSTER, as_of=NOON, due=DUE, closes=CLOSES)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """One filed form with two answers, one held, one hostile mail."""
    answers = (
        Answer("1.1", "ratio", numerator=Decimal(40), denominator=Decimal(50), self_score=Decimal("2.5")),
        Answer("1.2", "text", value_text='=HYPERLINK("http://x","y")', confidence=0.5, source="pdf"),
    )
    decided(ledger, 1, an_outcome(answers=answers))
    decided(ledger, 2, held(agency="sxd"))
    received(ledger, 3, subject="@SUM(1)\nhai dòng", sender="+cmd|' /C calc'!A0")
    return ledger


def test_csv_opens_in_excel_with_vietnamese_letters(filled: Ledger, tmp_path: Path) -> None:
    """UTF-8 with a byte order mark, CRLF, one head row, and as many rows as were told."""
    out = tmp_path / "board.csv"

    assert write(filled, "board", "csv", out) == 2

    data = out.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [(one["name"], one["state"]) for one in rows] == [("Sở Nội vụ", "filed"), ("Sở Xây dựng", "held")]
    assert data.count(b"\r\n") == 3


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠", " =", "\ufeff=", "|", "\0="]
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_begins_a_formula(kind: str, first: str) -> None:
    """Each trigger is led by an apostrophe; a spreadsheet shows the text and runs nothing."""
    listing = Listing("x", ("name", "number"), [{"name": f"{first}1+1", "number": -1}])

    if kind == "csv":
        rows = list(csv.reader(io.StringIO(as_csv(listing).decode("utf-8-sig"), newline="")))
        cell, number = rows[1]
        assert number == "-1"
    else:
        book = openpyxl.load_workbook(io.BytesIO(as_xlsx(listing)))
        made = book["x"].cell(2, 1)
        cell = str(made.value)
        assert made.data_type == "s"
        assert book["x"].cell(2, 2).value == -1
    assert cell.startswith("'")


@pytest.mark.parametrize("text", ["", "Phiếu", "a=b", "1-2", "d000001", "'", "12/9", "Đ"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """An ordinary name gets no apostrophe."""
    assert harmless(text) == text


def test_the_originals_are_kept_in_typed_formats(filled: Ledger, tmp_path: Path) -> None:
    """JSON and Parquet, which run nothing, hold every text as it was."""
    write(filled, "answers", "json", tmp_path / "a.json")
    write(filled, "answers", "parquet", tmp_path / "a.parquet")

    rows = json.loads((tmp_path / "a.json").read_bytes())["rows"]
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    for found in (rows, table):
        assert [one["criterion_id"] for one in found] == ["1.1", "1.2"]
        assert (found[0]["ratio"], found[0]["self_score"], found[0]["numerator"]) == (0.8, 2.5, 40)
        assert found[1]["value_text"] == '=HYPERLINK("http://x","y")'
        assert found[1]["ratio"] is None
        assert found[0]["agency_name"] == "Sở Nội vụ"


@pytest.mark.parametrize("what", ["forms", "answers", "log", "board"])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "json", "parquet"])
def test_every_list_can_be_had_in_every_format(filled: Ledger, tmp_path: Path, what: What, kind: Kind) -> None:
    """The number told is the number of rows, whatever the format."""
    out = tmp_path / "list"

    told = write(filled, what, kind, out)

    assert told == {"forms": 1, "answers": 2, "log": 3, "board": 2}[what]
    if kind == "csv":
        found = len(list(csv.reader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline="")))) - 1
    elif kind == "xlsx":
        found = openpyxl.load_workbook(io.BytesIO(out.read_bytes()))[what].max_row - 1
    elif kind == "json":
        found = len(json.loads(out.read_bytes())["rows"])
    else:
        found = pyarrow.parquet.read_table(out).num_rows
    assert found == told


def test_times_are_times(filled: Ledger, tmp_path: Path) -> None:
    """Text formats say the office's zone; Parquet has real moments."""
    write(filled, "forms", "json", tmp_path / "f.json")
    write(filled, "forms", "parquet", tmp_path / "f.parquet")

    (row,) = json.loads((tmp_path / "f.json").read_bytes())["rows"]
    (typed,) = pyarrow.parquet.read_table(tmp_path / "f.parquet").to_pylist()
    assert row["received_at"] == "2019-09-12T12:00:01+07:00"
    assert typed["received_at"] == datetime.fromisoformat(row["received_at"])


def test_an_empty_list_still_has_its_columns(ledger: Ledger, tmp_path: Path) -> None:
    """A script that reads the columns works on the first day, too."""
    assert write(ledger, "answers", "csv", tmp_path / "a.csv") == 0
    write(ledger, "answers", "parquet", tmp_path / "a.parquet")

    head = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").strip().split(",")
    assert head == pyarrow.parquet.read_table(tmp_path / "a.parquet").column_names
    assert {"numerator", "denominator", "ratio"} <= set(head)


def test_a_list_is_there_whole_or_not_at_all(filled: Ledger, tmp_path: Path) -> None:
    """A place that cannot be written is told; the list that was there before stays, and no half one lies about."""
    out = tmp_path / "board.csv"
    write(filled, "board", "csv", out)
    before = out.read_bytes()

    with pytest.raises(ExportError, match="cannot be written"):
        write(filled, "board", "csv", tmp_path / "nowhere" / "board.csv")

    assert out.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".board")] == []


def test_a_form_with_control_characters_still_makes_a_workbook(tmp_path: Path) -> None:
    """XML cannot hold them; a substitute stands in their place."""
    listing = Listing("x", ("name",), [{"name": "a\x01b"}, {"name": "x" * 40_000}])

    book = openpyxl.load_workbook(io.BytesIO(as_xlsx(listing)))

    assert book["x"].cell(2, 1).value == "a\ufffdb"
    assert len(str(book["x"].cell(3, 1).value)) == 32_767
