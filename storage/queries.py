"""What the faces read: the intake log, one delivery, the board, the sums; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from storage.records import Account, Channel, Delivery, LogEntry, State, Timeliness


@dataclass(frozen=True, slots=True)
class LogFilter:
    """
    Which deliveries to list; empty fields ask nothing. `words` is searched without regard to marks and case.

    `unmatched` asks for submissions whose agency is not known (no agency; not set aside, linked or dismissed).
    """

    state: State | None = None
    agency: str | None = None
    campaign: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    needs_decision: bool = False
    limit: int | None = 100
    offset: int = 0
    channel: Channel | None = None
    timeliness: Timeliness | None = None
    signature: str | None = None
    unmatched: bool = False


@dataclass(frozen=True, slots=True)
class RosterRow:
    """What the board must know of one agency on the roster."""

    id: str
    name: str
    channel: str


class Queries:
    """Read-only views of the ledger, in the shapes of contract section 5; times in `zone`."""

    def __init__(self, database: Any, zone: tzinfo) -> None:
        raise NotImplementedError

    def log(self, wanted: LogFilter = LogFilter()) -> dict[str, Any]:
        """`intake-log/1`, newest first; adds `total`, the number without limit."""
        raise NotImplementedError

    def deliveries(self, wanted: LogFilter = LogFilter()) -> tuple[Delivery, ...]:
        """The same deliveries as records."""
        raise NotImplementedError

    def count(self, wanted: LogFilter = LogFilter()) -> int:
        """How many deliveries the filter finds, limit and offset ignored."""
        raise NotImplementedError

    def show(self, ref: str) -> dict[str, Any]:
        """One delivery with timeline, files, signatures, form and clocks; raises WrongUse when there is none."""
        raise NotImplementedError

    def board(
        self, campaign: str, roster: Sequence[RosterRow], *, as_of: datetime, due: datetime, closes: datetime
    ) -> dict[str, Any]:
        """`intake-board/1`: one row for each agency of the roster, the missing included."""
        raise NotImplementedError

    def sums(self) -> dict[str, int]:
        """How many deliveries are in each state (every state present), and `total`; they add up."""
        raise NotImplementedError

    def sums_by_source(self) -> dict[str, dict[str, int]]:
        """For each source: deliveries by state, `keys` (things the source showed) and `total`."""
        raise NotImplementedError

    def timeline(self, delivery_id: str) -> tuple[LogEntry, ...]:
        """The log entries about one delivery, oldest first."""
        raise NotImplementedError

    def entries(self, *, after: int = 0, limit: int = 1000) -> tuple[LogEntry, ...]:
        """The log itself, from the entry after `after`."""
        raise NotImplementedError

    def accounts(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        raise NotImplementedError
