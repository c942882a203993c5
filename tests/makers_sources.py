"""What tests of sources need in place of a ledger: a memory that keeps what it is told, and a vault of a dictionary."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from intake.ports import Source, SourceError, Stored
from storage.records import Arrival, Delivery, State

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)


@dataclass
class PlainMemory:
    """The port `Memory` on two dictionaries."""

    texts: dict[str, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    writes: int = 0

    def get(self, key: str) -> str | None:
        return self.texts.get(key)

    def put(self, key: str, value: str) -> None:
        self.texts[key] = value
        self.writes += 1

    def knows(self, source_key: str) -> bool:
        return source_key in self.keys


class Sink:
    """A sink that hashes and keeps."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)

    def stored(self) -> Stored:
        """Return what a vault would say."""
        return Stored(hashlib.sha256(self.data).hexdigest(), len(self.data))


@dataclass
class Taken:
    """What one look brought: arrivals and their bytes in order, and the keys that failed with their words."""

    arrivals: list[Arrival] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    error: SourceError | None = None


def take(
    source: Source,
    memory: PlainMemory,
    now: datetime = NOW,
    *,
    settle: bool = True,
    after_each: Callable[[], None] | None = None,
) -> Taken:
    """Do what the flow does at a source: fetch, record, settle, one by one; a failing item does not stop the others."""
    taken = Taken()
    try:
        for waiting in source.waiting(memory, now):
            sink = Sink()
            try:
                waiting.fetch(sink)
            except SourceError as trouble:
                taken.failed[waiting.key] = str(trouble)
                continue
            arrival = waiting.arrival(sink.stored(), now)
            memory.keys.add(arrival.source_key)
            taken.arrivals.append(arrival)
            taken.bodies.append(bytes(sink.data))
            if settle:
                with contextlib.suppress(SourceError):  # The ledger has it; a later look tells the source.
                    source.settle(delivery_of(arrival))
            if after_each is not None:
                after_each()
    except SourceError as trouble:
        taken.error = trouble
    return taken


def delivery_of(arrival: Arrival) -> Delivery:
    """Return the delivery that a ledger would make of `arrival`."""
    return Delivery(
        id="d1",
        source=arrival.source,
        source_key=arrival.source_key,
        channel=arrival.channel,
        received_at=arrival.received_at,
        received_by=arrival.received_by,
        seen_at=arrival.seen_at,
        sha256=arrival.sha256,
        size=arrival.size,
        name=arrival.name,
        sender=arrival.sender,
        subject=arrival.subject,
        state=State.RECEIVED,
        reasons=arrival.reasons,
    )
