"""Who works on what now: claims on waiting deliveries, the count of attempts at them, and the one who judges."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Integer, bindparam, select, text, update

from storage.database import Database
from storage.records import Delivery, State
from storage.rows import delivery_of
from storage.tables import claims, deliveries

# Which of a database's advisory locks means "one judges"; any number that nobody else there uses.
JUDGING_KEY = 697_2019

# Made once: building a statement costs more than running it, and each delivery that is taken in asks all of these.
_ATTEMPTS = select(deliveries.c.attempts).where(deliveries.c.id == bindparam("the_id"))
_COUNT_ATTEMPT = (
    update(deliveries).where(deliveries.c.id == bindparam("the_id")).values(attempts=deliveries.c.attempts + 1)
)
_QUEUE = (
    select(deliveries)
    .where(deliveries.c.state == State.RECEIVED.value)
    .order_by(deliveries.c.attempts, deliveries.c.received_at, deliveries.c.id)
    .limit(bindparam("so_many", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that waits and that nobody else works on now; `exhausted`: it was tried up to the cap, shelve it."""

    delivery: Delivery
    exhausted: bool


class Claims:
    """What a ledger knows of work in progress; safe for use from several threads, and on PostgreSQL machines."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        self._judging = threading.Lock()

    @contextmanager
    def claim(self, *, attempt_cap: int) -> Iterator[Claim | None]:
        """
        Hold the next waiting delivery while it is worked on; None when nothing waits that is free.

        Fewest attempts first, then oldest. On PostgreSQL the claim is a row lock on its own connection and
        vanishes with the process; on SQLite it holds among the threads of the one daemon.
        """
        held = self._claim_among_threads() if self._database.is_sqlite else self._claim_by_row_lock()
        with held as delivery:
            yield None if delivery is None else Claim(delivery, delivery.attempts >= attempt_cap)

    @contextmanager
    def _claim_among_threads(self) -> Iterator[Delivery | None]:
        with self._claiming:
            with self._database.reading() as connection:
                # The first that is not claimed is among so many and one more.
                rows = connection.execute(_QUEUE, {"so_many": len(self._claimed) + 1}).all()
                row = next((one for one in rows if one.id not in self._claimed), None)
            delivery = None if row is None else delivery_of(row)
            if delivery is not None:
                self._claimed.add(delivery.id)
        try:
            yield delivery
        finally:
            if delivery is not None:
                with self._claiming:
                    self._claimed.discard(delivery.id)

    @contextmanager
    def _claim_by_row_lock(self) -> Iterator[Delivery | None]:
        # The lock is on the row of `claims`, which nobody changes, so that the delivery's own row stays free for
        # counting the attempt and for the decision, which use connections of their own.
        queue = _QUEUE.join(claims, claims.c.delivery_id == deliveries.c.id).with_for_update(
            of=claims, skip_locked=True
        )
        with self._database.reading() as connection, connection.begin():
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            while True:
                row = connection.execute(queue, {"so_many": 1}).first()
                if row is None:
                    yield None
                    return
                # The worker that had it a moment ago may have decided after our statement began: ask again.
                again = connection.execute(select(deliveries).where(deliveries.c.id == row.id)).one()
                if again.state == State.RECEIVED.value:
                    yield delivery_of(again)
                    return

    @contextmanager
    def judging(self) -> Iterator[None]:
        """
        Let one judge at a time: what is read of an agency's history stays true until the decision is written.

        Among threads a lock, on PostgreSQL also an advisory one among all machines (its documentation, 13.3.5), which
        vanishes with the process. Only filing takes it; receiving, letters and a person's acts never wait for it.

        Raises DatabaseError when another judge does not end in time (lock_timeout). A judge that is stopped midway
        loses the lock as any idle transaction is cut: it must not keep all others from judging for ever.
        """
        with self._judging:
            if self._database.is_sqlite:
                yield
                return
            with self._database.reading() as connection, connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": JUDGING_KEY})
                yield

    def count_attempt(self, delivery_id: str) -> int:
        """Count one attempt at examining, committed before the attempt is made; returns how many it is now."""
        with self._database.writing() as connection:
            connection.execute(_COUNT_ATTEMPT, {"the_id": delivery_id})
            return int(connection.execute(_ATTEMPTS, {"the_id": delivery_id}).scalar_one())

    def forgive_attempt(self, delivery_id: str) -> None:
        """Take back one counted attempt: what failed was not the delivery's fault (a full disk)."""
        here = (deliveries.c.id == delivery_id, deliveries.c.attempts > 0)
        with self._database.writing() as connection:
            connection.execute(update(deliveries).where(*here).values(attempts=deliveries.c.attempts - 1))
