"""The edges of the house as the flow sees them: sources, the courier, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from config.errors import OfficeError
from storage.records import Arrival, Delivery, Letter, Why
from storage.vault import ByteSink, Stored

__all__ = ["ByteSink", "CarryResult", "Clock", "Courier", "Memory", "Source", "SourceError", "Stored", "Waiting"]

Clock = Callable[[], datetime]


class SourceError(OfficeError):
    """A mailbox or folder cannot be reached or read; it heals by itself at a later look, or by the remedy."""


class Memory(Protocol):
    """
    What the ledger remembers for one source between looks.

    `get`/`put` keep small strings (cursor, last listing) that survive restarts; losing them costs only time.
    `knows` is the truth: whether the ledger already has a delivery under this source key.
    """

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...

    def knows(self, source_key: str) -> bool: ...


class Waiting(Protocol):
    """One thing that waits at a source."""

    @property
    def key(self) -> str:
        """The source key, unique within its source for ever."""

    def fetch(self, into: ByteSink) -> None:
        """Stream the bytes; raises SourceError when they are short, empty or cannot be had now."""

    def arrival(self, stored: Stored, seen_at: datetime) -> Arrival:
        """Say what is known of it, once its bytes are stored."""


class Source(Protocol):
    """A place where deliveries wait until the office has them."""

    @property
    def name(self) -> str: ...

    def waiting(self, memory: Memory, now: datetime) -> Iterator[Waiting]:
        """
        Yield what waits and the ledger does not know, oldest first; looking changes nothing at the source.

        The caller receives each item before it asks for the next. An item that fails (SourceError from `fetch`)
        is asked for again at a later look: a cursor never moves past what the ledger does not have.
        Raises SourceError when the source as a whole cannot be seen.
        """

    def settle(self, delivery: Delivery) -> None:
        """Tell the source that the ledger has it (move, flag, or nothing); may be repeated."""

    def close(self) -> None:
        """Let go of connections; the next `waiting` opens new ones."""

    @property
    def postponed(self) -> int:
        """How many things it has shown that could not be had yet; they are in no other sum."""

    @property
    def remarks(self) -> tuple[Why, ...]:
        """What the last look saw and could not take: a missing folder, an item that is not ready or is rejected."""


class CarryResult(StrEnum):
    """What became of an attempt to carry a letter."""

    SENT = "sent"
    TRY_LATER = "try_later"  # refused for now (4xx, no connection): nothing left the house
    REFUSED = "refused"  # refused for good (5xx)
    IN_DOUBT = "in_doubt"  # the connection broke after the content was handed over: never repeat unasked


class Courier(Protocol):
    """Carries one letter; never raises for what the other side does."""

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """Return what became of it and the other side's words (no secrets)."""
