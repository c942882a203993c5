"""The board: one row for each agency that must submit, the missing included, with sums that add up to the roster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from config.roster import Agency
from intake.console.alerts import BRAKES
from intake.console.visit import Visit
from intake.console.words import STATES, TIMELINESS, Word, word
from storage.letters import letters_by_delivery
from storage.queries import BOARD_STATES
from storage.records import Delivery, Letter, LetterKind, LetterState

# The board's states (contract section 5), in the order in which the bar shows them.
IN_ORDER = ("filed", "held", "received", "returned", "withdrawn", "missing")


@dataclass(frozen=True, slots=True)
class Row:
    """One agency: its state and, where something arrived, the delivery that stands for it and its letter's fate."""

    agency: Agency
    state: str
    delivery: Delivery | None = None
    letter: Letter | None = None

    @property
    def letter_needs_person(self) -> bool:
        """Whether the agency may lack its answer until somebody does something."""
        return self.letter is not None and _needs_person(self.letter)

    @property
    def counted_at(self) -> datetime | None:
        """The moment that counts: the operative version's, which may be an earlier version's."""
        return None if self.delivery is None else self.delivery.counted_at or self.delivery.received_at

    @property
    def timeliness(self) -> str | None:
        """How the counted moment stands to the cut-offs."""
        if self.delivery is None:
            return None
        return self.delivery.counted_timeliness or self.delivery.timeliness


@dataclass(frozen=True, slots=True)
class Sum:
    """One piece of the bar and of the sums above the table; `start` and `width` are in percent of the roster."""

    state: str
    word: Word
    count: int
    start: float
    width: float


def show(visit: Visit) -> Response:
    """Answer with the board; `?state=` and `?timeliness=` narrow the rows, never the sums."""
    desk = visit.desk
    campaign, roster = desk.campaign(), desk.roster()
    rows = rows_of(visit, roster.valid_on(campaign.due.astimezone(desk.zone).date()))
    chosen, timed = visit.asked("state"), visit.asked("timeliness")
    shown = [
        row
        for row in rows
        if (chosen not in IN_ORDER or row.state == chosen) and (timed not in TIMELINESS or row.timeliness == timed)
    ]
    return visit.page(
        "board.html",
        title="Bảng theo dõi",
        campaign=campaign,
        sample=roster.sample,
        rows=shown,
        total=len(rows),
        sums=sums_of(rows),
        times=_times_of(rows),
        chosen=chosen if chosen in IN_ORDER else "",
        timed=timed if timed in TIMELINESS else "",
    )


def rows_of(visit: Visit, agencies: Sequence[Agency]) -> list[Row]:
    """
    Return one row for each agency, in the roster's order.

    The state is that of the agency's operative delivery, else of its newest (contract section 5). Copies and other
    correspondence stand for nobody: an agency that sent only those is still missing.
    """
    desk = visit.desk
    standing = desk.queries.standing_deliveries(desk.campaign().id)
    here = {agency.id: standing[agency.id] for agency in agencies if agency.id in standing}
    letters = letters_by_delivery(desk.ledger.database, [one.id for one in here.values()])
    rows = []
    for agency in agencies:
        delivery = here.get(agency.id)
        if delivery is None:
            rows.append(Row(agency, "missing"))
            continue
        rows.append(Row(agency, BOARD_STATES[delivery.state], delivery, _acknowledgement(letters.get(delivery.id, ()))))
    return rows


def sums_of(rows: Sequence[Row]) -> list[Sum]:
    """Return the count of each state in the board's order; they add up to the number of rows."""
    counted = Counter(row.state for row in rows)
    sums, start = [], 0.0
    for state in IN_ORDER:
        width = 100 * counted[state] / len(rows) if rows else 0.0
        sums.append(Sum(state, word(STATES, state), counted[state], start, width))
        start += width
    return sums


def _times_of(rows: Sequence[Row]) -> Mapping[str, int]:
    """Count the filed forms by timeliness: what the council asks first."""
    counted = Counter(row.timeliness for row in rows if row.state == "filed")
    return {key: counted[key] for key in TIMELINESS}


def _acknowledgement(letters: Sequence[Letter]) -> Letter | None:
    """
    Return the letter whose fate the board shows: one that needs a person, else the latest.

    A later letter that went out does not heal an earlier one that may not have: the agency may lack either.
    """
    troubled = [one for one in letters if _needs_person(one)]
    own = [one for one in letters if one.kind is not LetterKind.REMINDER]
    return troubled[0] if troubled else own[-1] if own else None


def _needs_person(letter: Letter) -> bool:
    if letter.state is LetterState.WITHHELD:
        return letter.error in BRAKES
    return letter.state in (LetterState.IN_DOUBT, LetterState.UNDELIVERED, LetterState.FAILED)
