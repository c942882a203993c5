"""One daemon at a time: the lease that the one in charge holds, and the words that name it to a second."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Row, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from config.errors import OfficeError
from storage.database import Database
from storage.tables import leases

DEFAULT_TTL = timedelta(seconds=60)

# A server notices within this time that the process of a killed daemon is gone, and lets go of its lock.
SERVER_NOTICES_MILLISECONDS = 3000

LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code (appendix A of its manual) for a lock that was not to be had in time."""


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
        self._lock: _FileLock | _ServerLock
        if database.path is not None:
            self._lock = _FileLock(database.path.with_name(f"{database.path.name}.{name}.lock"))
        else:
            self._lock = _ServerLock(database, name)
        self._held: Holder | None = None
        self._ttl = DEFAULT_TTL

    def acquire(self, now: datetime, ttl: timedelta = DEFAULT_TTL) -> Holder:
        """
        Take the lease; raises LeaseError naming who holds it.

        A holder that died is followed at once, since its lock died with it; its row's time limit is not waited for.
        """
        if not self._lock.take():
            raise self._taken()
        try:
            with self._database.writing() as connection:
                here = leases.c.name == self._name
                row = connection.execute(select(leases).where(here)).first()
                holder = Holder(socket.gethostname(), os.getpid(), now, 1 if row is None else row.token + 1)
                values = {
                    "host": holder.host,
                    "pid": holder.pid,
                    "started_at": now,
                    "expires_at": now + ttl,
                    "token": holder.token,
                    "held": True,
                }
                if row is None:
                    connection.execute(insert(leases).values(name=self._name, **values))
                else:
                    connection.execute(update(leases).where(here).values(values))
        except BaseException:
            self._lock.give_back()
            raise
        self._held, self._ttl = holder, ttl
        return holder

    def heartbeat(self, now: datetime) -> None:
        """Say that the holder lives; raises LeaseError when another has taken over: stop at once."""
        held = self._held
        if held is None:
            raise LeaseError("LEASE_NOT_HELD")
        if not self._lock.still_held():
            self._held = None
            raise LeaseError("LEASE_LOST")
        with self._database.writing() as connection:
            mine = (leases.c.name == self._name, leases.c.token == held.token, leases.c.held)
            kept = connection.execute(update(leases).where(*mine).values(expires_at=now + self._ttl))
        if kept.rowcount == 0:
            self._held = None
            self._lock.give_back()
            raise self._taken()

    def release(self) -> None:
        """Give the lease back; not held is not an error."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            with self._database.writing() as connection:
                mine = (leases.c.name == self._name, leases.c.token == held.token)
                connection.execute(update(leases).where(*mine).values(held=False))
        finally:
            self._lock.give_back()

    def holder(self) -> Holder | None:
        """Who holds it by the row, None if nobody does; for `doctor` and the console."""
        row = self._row()
        return None if row is None or not row.held else Holder(row.host, row.pid, row.started_at, row.token)

    def is_alive(self, now: datetime) -> bool:
        """Whether the holder has given a sign of life within its time limit."""
        row = self._row()
        return row is not None and bool(row.held) and now < row.expires_at

    def _row(self) -> Row[tuple[object, ...]] | None:
        with self._database.reading() as connection:
            return connection.execute(select(leases).where(leases.c.name == self._name)).first()

    def _taken(self) -> LeaseError:
        holder = self.holder()
        if holder is None:
            return LeaseError("LEASE_TAKEN_BY_SOMEBODY")
        since = holder.started_at.isoformat(timespec="seconds")
        return LeaseError("LEASE_TAKEN", pid=holder.pid, host=holder.host, since=since)


class _FileLock:
    """A lock on a file beside the database (flock(2)): the kernel gives it back when its process ends, however."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def still_held(self) -> bool:
        return self._handle is not None

    def give_back(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


class _ServerLock:
    """An advisory lock on a connection of its own: the server gives it back when the connection ends, however."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        # Advisory locks are known by a number; this one is made from the name, 63 bits of its digest.
        self._key = int.from_bytes(hashlib.sha256(f"intake-lease:{name}".encode()).digest()[:8]) >> 1
        self._connection: Connection | None = None

    def take(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            connection.execute(text(f"SET lock_timeout = {SERVER_NOTICES_MILLISECONDS}"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": self._key})
        except OperationalError as cause:
            connection.invalidate()
            connection.close()
            if getattr(cause.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                return False
            raise
        self._connection = connection
        return True

    def still_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self._connection.invalidate()
            self._connection = None
            return False
        return True

    def give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._key})
            connection.execute(text("RESET lock_timeout"))
        except DBAPIError:
            connection.invalidate()
        connection.close()
