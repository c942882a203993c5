"""Whether everything the office depends on answers, and when it did not: so that lateness can be judged fairly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from intake.console.alerts import alerts_of
from intake.console.visit import Visit
from intake.console.words import STATES
from storage.disk import least_free
from storage.records import SourceHealth


@dataclass(frozen=True, slots=True)
class Piece:
    """How many deliveries of a source are in one state."""

    words: str
    count: int


@dataclass(frozen=True, slots=True)
class Account:
    """
    What one source showed, and where each piece of it is.

    `again` are things it showed that were deliveries already, counted by themselves and not as what is missing from the
    sum; `postponed` is what it showed at the last look and could not be had yet, `gone` what somebody took away before.
    """

    source: str
    shown: int
    pieces: tuple[Piece, ...]
    again: int
    postponed: int
    gone: int = 0

    @property
    def balanced(self) -> bool:
        """Whether everything shown is accounted for."""
        return self.shown == sum(one.count for one in self.pieces) + self.again


def show(visit: Visit) -> Response:
    """Answer with the sources, the outages, the sums, and, if asked for (`?check=1`), with what the doctor finds."""
    desk = visit.desk
    examined = visit.asked("check") == "1"
    seq, head = desk.ledger.log_head()
    return visit.page(
        "health.html",
        title="Tình trạng hệ thống",
        alerts=alerts_of(desk, visit.now),
        health=desk.ledger.health(),
        outages=sorted(desk.ledger.outages(), key=lambda one: one.since, reverse=True),
        sums=desk.queries.sums(),
        accounts_kept=accounts_kept(desk.queries.sums_by_source(), desk.ledger.health()),
        states={key: word for key, word in STATES.items() if key != "missing"},
        waiting=desk.ledger.waiting(),
        log_seq=seq,
        log_head=head,
        examined=examined,
        found=list(desk.doctor()) if examined else [],
        free=least_free(desk.vault.free_bytes(), desk.ledger.database.free_bytes()),
    )


def accounts_kept(sums: Mapping[str, Mapping[str, int]], health: Sequence[SourceHealth]) -> tuple[Account, ...]:
    """Return the account of each source that ever showed something or was looked at, by name."""
    postponed = {one.source: one.counts.get("postponed", 0) for one in health}
    kept = []
    for source in sorted({*sums, *postponed}):
        here = sums.get(source, {})
        pieces = tuple(
            Piece(word.vi, here[key]) for key, word in STATES.items() if key != "missing" and here.get(key, 0)
        )
        shown = here.get("keys", 0)
        again = shown - here.get("named", 0)
        pieces = pieces or (Piece("chưa có văn bản", 0),)
        kept.append(Account(source, shown, pieces, again, postponed.get(source, 0), here.get("gone", 0)))
    return tuple(kept)
