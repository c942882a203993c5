"""One pass over all sources and queues, until nothing is left to do."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from config.errors import OfficeError
from intake.flow import Looked, acknowledge, receive, take_in_all
from intake.office import Office
from intake.ports import Source
from storage.records import Delivery, LetterState, State

# A folder item without a marker is ready when two looks see it unchanged; one pass takes both looks.
LOOKS_AT_MOST = 3
BETWEEN_LOOKS_SECONDS = 0.2
LETTERS_AT_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What one pass came to, in the shape of `intake-once/1`; `trouble` says that a source or the relay failed."""

    counts: dict[str, int]
    sources: tuple[Looked, ...]
    letters: dict[str, int]
    mail_trouble: str | None

    @property
    def trouble(self) -> bool:
        """Whether something outside the program failed (exit status 3)."""
        return self.mail_trouble is not None or any(one.error is not None for one in self.sources)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON document of the contract."""
        return {
            "schema": "intake-once/1",
            **{key: self.counts.get(key, 0) for key in ("received", "filed", "held", "set_aside", "shelved", "linked")},
            "letters_sent": self.letters["sent"],
            "letters_withheld": self.letters["withheld"],
            "letters_failed": self.letters["failed"],
            "sources": [
                {"name": one.source, "ok": one.error is None, "error": str(one.error) if one.error else None}
                for one in self.sources
            ],
        }


def run_once(office: Office) -> Summary:
    """
    Look at every source, take in all that waits, carry all that is due; what fails waits for the next pass.

    Raises OfficeError when nothing could be taken in (disk, scanner, trust folder), after the letters were carried.
    """
    letters = office.ledger.letters
    letters.doubt_all_sending(office.clock())
    withheld_before = len(letters.in_state(LetterState.WITHHELD, limit=LETTERS_AT_MOST))
    counts: Counter[str] = Counter()
    looked = tuple(_look_until_quiet(office, source) for source in office.sources)
    counts["received"] = sum(one.received for one in looked)
    decided: dict[str, State] = {}

    def note(delivery: Delivery) -> None:
        decided[delivery.id] = delivery.state

    waits: OfficeError | None = None
    try:
        take_in_all(office, note)
    except OfficeError as error:
        waits = error  # Who was judged before is told all the same, as by the daemon.
    counts.update(state.value for state in decided.values() if state is not State.RECEIVED)
    carried = acknowledge(office)
    sent, failed = carried.sent, carried.failed + carried.in_doubt
    trouble = carried.trouble
    while carried.sent and trouble is None:
        carried = acknowledge(office)
        sent, failed, trouble = sent + carried.sent, failed + carried.failed + carried.in_doubt, carried.trouble
    if waits is not None:
        raise waits
    withheld = len(letters.in_state(LetterState.WITHHELD, limit=LETTERS_AT_MOST)) - withheld_before
    numbers = {"sent": sent, "withheld": max(withheld, 0), "failed": failed + carried.postponed}
    return Summary(dict(counts), looked, numbers, trouble)


def _look_until_quiet(office: Office, source: Source) -> Looked:
    """Look until a look brings nothing new, a few times at most; report the sum and the last trouble."""
    received = 0
    for number in range(LOOKS_AT_MOST):
        if number:
            time.sleep(BETWEEN_LOOKS_SECONDS)
        look = receive(office, source)
        received += look.received
        if look.error is not None or (number and not look.received):
            return Looked(source.name, received, look.error)
    return Looked(source.name, received)
