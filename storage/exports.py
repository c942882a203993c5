"""Lists for scoring and reports: forms, answers, the log and the board as CSV, XLSX, JSON or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from config.errors import OfficeError
from storage.queries import Queries, RosterRow

What = Literal["forms", "answers", "log", "board"]
Format = Literal["csv", "xlsx", "json", "parquet"]


class ExportError(OfficeError):
    """The list cannot be written as asked."""


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
    """Write the list to `out` (whole or not at all) and return its number of rows."""
    raise NotImplementedError
