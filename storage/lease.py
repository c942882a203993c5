"""One daemon at a time: the lease that the one in charge holds, and the words that name it to a second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from config.errors import OfficeError
from storage.database import Database


class LeaseError(OfficeError):
    """Another daemon is in charge, or this one no longer is."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease: machine, process and since when; `token` grows with every change of holder."""

    host: str
    pid: int
    started_at: datetime
    token: int = 0


class Lease:
    """
    A named lease ("poller"), fenced by a token that grows, kept by heartbeats.

    The truth is a lock that dies with its process (flock beside the SQLite file, an advisory lock on
    PostgreSQL); the row says who it is, and its token stops a holder that lost the lock without noticing.
    """

    def __init__(self, database: Database, name: str = "poller") -> None:
        self._database = database
        self._name = name

    def acquire(self, now: datetime, ttl: timedelta = timedelta(seconds=60)) -> Holder:
        """Take the lease; raises LeaseError naming who holds it."""
        raise NotImplementedError

    def heartbeat(self, now: datetime) -> None:
        """Say that the holder lives; raises LeaseError when another has taken over: stop at once."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the lease back; not held is not an error."""
        raise NotImplementedError

    def holder(self) -> Holder | None:
        """Who holds it by the row, None if nobody does; for `doctor` and the console."""
        raise NotImplementedError
