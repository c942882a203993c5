"""Lists for scoring and reports: forms, answers, the log and the board as CSV, XLSX, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from config.errors import OfficeError
from storage.queries import LogFilter, Queries, RosterRow

What = Literal["forms", "answers", "log", "board"]
Format = Literal["csv", "xlsx", "json", "parquet"]

# A cell that begins so is a formula to Excel, LibreOffice or Google Sheets (OWASP, CSV Injection); tab and
# carriage return hide one of them, and the full-width forms are folded to them on import.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|")

# XLSX ends a cell here (ECMA-376 applications); what is longer stands whole in CSV, JSON and Parquet.
MAX_CELL_CHARACTERS = 32_767

COLUMNS: Mapping[What, tuple[str, ...]] = MappingProxyType(
    {
        "forms": (
            *("campaign", "agency", "agency_name", "receipt_no", "delivery_id", "channel", "received_at"),
            *("received_by", "timeliness", "operative_received_at", "operative_timeliness", "signature"),
            *("form_sha256", "accepted_at", "accepted_by"),
        ),
        "answers": (
            *("campaign", "agency", "agency_name", "receipt_no", "delivery_id", "position", "criterion_id", "kind"),
            *("value_text", "value_number", "numerator", "denominator", "ratio", "self_score", "max_points"),
            *("evidence", "source", "confidence", "checked_by"),
        ),
        "log": (
            *("id", "receipt_no", "source", "source_key", "received_at", "received_by", "seen_at", "sender"),
            *("agency", "channel", "subject", "state", "timeliness", "signature", "operative", "reasons"),
            *("supersedes", "linked_to", "letters", "sha256", "size"),
        ),
        "board": (
            *("id", "name", "channel", "state", "timeliness", "received_at", "receipt_no", "signature", "delivery"),
        ),
    }
)
"""Each list's columns, in order; every cell may be empty."""

TIMES = frozenset({"received_at", "operative_received_at", "accepted_at", "seen_at"})
NUMBERS = frozenset({"value_number", "numerator", "denominator", "ratio", "self_score", "max_points", "confidence"})
INTEGERS = frozenset({"position", "size"})
TRUTHS = frozenset({"operative"})
"""Which columns are no text; a name means the same in every list."""


class ExportError(OfficeError):
    """The list cannot be written as asked."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list ready to be written: column names, and rows of plain values (None: empty)."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]


def export(
    queries: Queries,
    what: What,
    kind: Format,
    out: Path,
    *,
    campaign: str,
    roster: Sequence[RosterRow],
    as_of: datetime,
    due: datetime,
    closes: datetime,
) -> int:
    """
    Write the list to `out` (whole or not at all) and return its number of rows.

    Times are RFC 3339 in the office's zone. CSV is UTF-8 with a byte order mark, so that Excel shows Vietnamese
    letters, lines end in CRLF (RFC 4180). In CSV and XLSX a text that a spreadsheet would run as a formula gets an
    apostrophe in front; JSON and Parquet keep it as it is. Raises ExportError when `out` cannot be written or the
    format's library is not installed.
    """
    listing = gather(queries, what, campaign=campaign, roster=roster, as_of=as_of, due=due, closes=closes)
    data = WRITERS[kind](listing)
    try:
        _write_whole(out, data)
    except OSError as cause:
        raise ExportError("EXPORT_NOT_WRITTEN", out=out, why=cause.strerror) from cause
    return len(listing.rows)


def gather(
    queries: Queries,
    what: What,
    *,
    campaign: str,
    roster: Sequence[RosterRow],
    as_of: datetime,
    due: datetime,
    closes: datetime,
) -> Listing:
    """Read the rows of a list; the forms and answers are those of the scoring views, of one campaign."""
    names = {one.id: one.name for one in roster}
    rows: Sequence[Mapping[str, Any]]
    if what == "forms":
        rows = [{**one, "agency_name": names.get(one["agency"])} for one in queries.scoring_forms(campaign)]
    elif what == "answers":
        rows = [{**one, "agency_name": names.get(one["agency"])} for one in queries.scoring_answers(campaign)]
    elif what == "log":
        rows = [_log_row(one) for one in queries.log(LogFilter(limit=None))["deliveries"]]
    else:
        rows = queries.board(campaign, roster, as_of=as_of, due=due, closes=closes)["agencies"]
    return Listing(what, COLUMNS[what], rows)


def harmless(value: str) -> str:
    """Return a text that no spreadsheet runs: what looks like a formula is led by an apostrophe, which means text."""
    return f"'{value}" if value.lstrip(" \u00a0\ufeff").startswith(FORMULA_STARTS) or _hides_formula(value) else value


def _hides_formula(value: str) -> bool:
    """Whether the first character is a control or invisible one: some importers drop it and read what follows."""
    return bool(value) and not value[0].isprintable()


def as_csv(listing: Listing) -> bytes:
    """Return the list as CSV for Excel."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(listing.columns)
    for row in listing.rows:
        writer.writerow([_csv_cell(row[name]) for name in listing.columns])
    return out.getvalue().encode("utf-8-sig")


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else str(value)


def as_xlsx(listing: Listing) -> bytes:
    """Return the list as a workbook of one sheet; texts are texts, numbers are numbers, the head row stays in sight."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(listing.name)
    sheet.freeze_panes = "A2"

    def cell(value: Any, *, bold: bool = False) -> Any:
        made = WriteOnlyCell(sheet)
        if isinstance(value, str):
            # The kind is set by hand: openpyxl takes a text that begins with = for a formula.
            made.value = _without_controls(harmless(value))[:MAX_CELL_CHARACTERS]
            made.data_type = "s"
        else:
            made.value = value
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(name, bold=True) for name in listing.columns])
    for row in listing.rows:
        sheet.append([cell(row[name]) for name in listing.columns])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _without_controls(value: str) -> str:
    """Return the text with control characters, which XML 1.0 cannot hold, as U+FFFD."""
    return "".join(one if one in "\t\n\r" or ord(one) >= 32 else "\ufffd" for one in value)


def as_json(listing: Listing) -> bytes:
    """Return the list as one JSON document: schema, columns and rows as objects."""
    rows = [{name: row[name] for name in listing.columns} for row in listing.rows]
    whole = {"schema": f"intake-export-{listing.name}/1", "columns": list(listing.columns), "rows": rows}
    return (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode()


def as_parquet(listing: Listing) -> bytes:
    """Return the list as Parquet, each column typed; raises ExportError where pyarrow is not installed."""
    try:
        # An extra of the package: large, and needed by nobody who does not ask for it.
        import pyarrow
        import pyarrow.parquet
    except ImportError as cause:
        raise ExportError("PARQUET_NOT_INSTALLED") from cause
    columns: dict[str, Any] = {}
    for name in listing.columns:
        values = [row[name] for row in listing.rows]
        kind = pyarrow.string()
        if name in TIMES:
            kind = pyarrow.timestamp("us", tz="UTC")
            values = [None if one is None else datetime.fromisoformat(one) for one in values]
        elif name in NUMBERS:
            kind = pyarrow.float64()
            values = [None if one is None else float(one) for one in values]
        elif name in INTEGERS | TRUTHS:
            kind = pyarrow.int64() if name in INTEGERS else pyarrow.bool_()
        columns[name] = pyarrow.array(values, type=kind)
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


WRITERS: Mapping[Format, Callable[[Listing], bytes]] = MappingProxyType(
    {"csv": as_csv, "xlsx": as_xlsx, "json": as_json, "parquet": as_parquet}
)


def _log_row(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a delivery of `intake-log/1` with its lists in words, for one cell each."""
    reasons = "; ".join(why["code"] + (f" ({why['detail']})" if why["detail"] else "") for why in one["reasons"])
    letters = "; ".join(f"{letter['kind']} {letter['state']}" for letter in one["letters"])
    return {**one, "reasons": reasons or None, "letters": letters or None}


def _write_whole(out: Path, data: bytes) -> None:
    """Write beside the place and rename: who opens `out` finds the old list or the new one, never half of it."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o640)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
