"""The line of deliveries being taken in: the next ones are examined in the workers while an earlier one is filed."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from config.errors import OfficeError
from config.isolation import TaskFailed
from intake.office import Office, Rulebook
from intake.quarantine import malware_in
from intake.steps.examined import Examination
from intake.workers import ExaminationTask, stamp
from signatures.question import Policy
from storage.claiming import Claim
from storage.records import Delivery
from storage.vault import VaultError


class Malware(Exception):
    """The scanner found something: the delivery is not examined, and the words say what was found."""


@dataclass(frozen=True, slots=True)
class Begun:
    """
    A claimed delivery on its way: `examined` hands out its examination, waiting for it if need be.

    `examined` raises Malware, TaskFailed, or OfficeError for trouble of the house. `attempt` is how many times it has
    been tried, this one included; `forgive` takes this one back. A context manager: its end lets go of the claim.
    """

    claim: Claim
    attempt: int
    examined: Callable[[], Examination]
    forgive: Callable[[], None]
    hold: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.close()


class Line:
    """
    Deliveries that are claimed and being examined, in the order in which they were claimed and will be filed.

    Filing stays in one hand and in order, so that a recall finds what it recalls and a copy its original. The attempt
    is counted, and committed, before it is made. A delivery that was tried before is examined alone: should it bring
    the whole service down, it takes nobody else towards the cap. Use as a context manager; what is still in the line
    at its end gets its attempt back and waits, received, for the next pass.
    """

    def __init__(self, office: Office, at_once: int | None = None) -> None:
        """Make an empty line; `at_once` is how many may be in it, None for as many as keep all workers busy."""
        self._office = office
        self._begun: deque[Begun] = deque()
        self._pending: tuple[Claim, ExitStack] | None = None
        # An examiner in the caller's own process (count 0) examines each delivery when it is asked for.
        self._room = at_once or office.examiner.count + 1
        self._threads = ThreadPoolExecutor(office.examiner.count) if self._room > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is not None:
            # Nobody else may claim what a worker still has in hand; its own limits end that.
            self._threads.shutdown(wait=True, cancel_futures=True)
        if self._pending is not None:
            self._pending[1].close()
        for begun in self._begun:
            with begun:
                begun.forgive()
        self._begun.clear()

    def __len__(self) -> int:
        return len(self._begun)

    def claims_next(self) -> bool:
        """Whether a delivery waits that may be begun now; it is claimed then, for `begin`."""
        if len(self._begun) >= self._room:
            return False
        if self._pending is None:
            hold = ExitStack()
            cap = self._office.settings.examination.attempts
            claim = hold.enter_context(self._office.ledger.claim(attempt_cap=cap))
            if claim is None:
                hold.close()
                return False
            self._pending = (claim, hold)
        return not self._begun or not (_was_tried(self._pending[0]) or _was_tried(self._begun[0].claim))

    def begin(self, book: Rulebook) -> None:
        """Count the attempt at what was claimed, and have it examined by the rules of `book`."""
        assert self._pending is not None
        (claim, hold), self._pending = self._pending, None
        with ExitStack() as on_failure:
            on_failure.push(hold)
            attempt, examined, forgive = claim.delivery.attempts, _never_asked, _nothing
            if not claim.exhausted:
                attempt = self._office.ledger.count_attempt(claim.delivery.id)
                forgive = partial(self._forgive, claim.delivery.id)
                examined = partial(self._examine, book, claim.delivery)
                if self._threads is not None:
                    examined = self._threads.submit(examined).result
            self._begun.append(Begun(claim, attempt, examined, forgive, hold))
            on_failure.pop_all()

    def first(self) -> Begun:
        """Take the first out of the line, to be filed."""
        return self._begun.popleft()

    def _forgive(self, delivery_id: str) -> None:
        """Take the attempt back; if the store is what failed it stays counted, and one too many shelves nobody."""
        with contextlib.suppress(OfficeError):
            self._office.ledger.forgive_attempt(delivery_id)

    def _examine(self, book: Rulebook, delivery: Delivery) -> Examination:
        """Scan and examine one delivery."""
        try:
            found = malware_in(self._office, delivery)
        except VaultError as cause:
            if next(self._office.vault.digests(), None) is None:
                raise  # A vault that holds nothing at all is a disk that is not mounted: nobody's delivery is at fault.
            raise TaskFailed("TASK_CRASHED", str(cause)) from cause
        if found is not None:
            raise Malware(found)
        examination: Examination = self._office.examiner.call(
            _task(self._office, book, delivery), timeout_seconds=self._office.settings.examination.seconds
        )
        return examination


def _was_tried(claim: Claim) -> bool:
    return claim.delivery.attempts > 0


def _never_asked() -> Examination:
    raise AssertionError("a delivery at its cap is not examined")


def _nothing() -> None:
    """Forgive nothing: no attempt was counted."""


def _task(office: Office, book: Rulebook, delivery: Delivery) -> ExaminationTask:
    trust = office.settings.trust_folders
    catalogue = book.file.catalogue_file if book.catalogue is not None else None
    return ExaminationTask(
        vault_url=office.settings.vault.url,
        sha256=delivery.sha256,
        name=delivery.name,
        received_at=delivery.received_at,
        trust_folders=tuple(str(one) for one in trust),
        trust_stamp=stamp(trust),
        revocation=office.settings.trust.revocation,
        catalogue_file=str(catalogue) if catalogue else "",
        catalogue_stamp=stamp((catalogue,)) if catalogue else "",
        words=book.file.campaign.recognise,
        authserv_id=office.settings.mail.authserv_id,
        check_dkim=office.settings.mail.check_dkim,
        policy=Policy.of(office.settings.trust.policy),
    )
