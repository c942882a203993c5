"""The database behind the ledger: SQLite in one file, or PostgreSQL; opened, upgraded and written to in one way."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
    StatementError,
)

from config.errors import OfficeError

# How long a writer waits for another before it gives up: transactions here last milliseconds, a backup's
# checkpoint on a slow disk may last seconds.
BUSY_TIMEOUT_SECONDS = 30

# A server that does not answer the first packet in this time is down for our purposes.
CONNECT_TIMEOUT_SECONDS = 10


# A connection on which nothing came for so long is asked whether the other end is still there, three times ten seconds
# apart; what was sent and not acknowledged is given up after the second limit (tcp(7)). Without them a server that lost
# its power without a farewell is waited for for hours, and so is, on the server, what a vanished worker had locked.
KEEPALIVE_SECONDS = 30
UNANSWERED_MILLISECONDS = 60_000

# A transaction of ours takes milliseconds. One that stands still for so long is of a process that was stopped or
# frozen, and may hold the head of the log, for which everybody waits: the server ends it. Claims and snapshots are
# exempt.
IDLE_TRANSACTION_SECONDS = 600

# Each worker's claim holds a connection while its delivery is examined, and each page of the console wants one.
CONNECTIONS_KEPT = 10
CONNECTIONS_MORE = 30


class DatabaseError(OfficeError):
    """The database cannot be opened, reached or written."""


@dataclass(frozen=True, slots=True)
class Database:
    """
    An open database.

    `reading()` and `writing()` are the only ways in. A write transaction takes its lock first (BEGIN IMMEDIATE on
    SQLite; the head of the log on PostgreSQL, which every writer locks before anything else), so that two writers
    queue and never deadlock.
    """

    engine: Engine
    path: Path | None

    @classmethod
    def open(cls, url: str) -> Database:
        """Open `url` (sqlite:///path or postgresql+psycopg://…); the file may not exist yet, its folder is made."""
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            path = Path(parsed.database or "")
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            except OSError as cause:
                raise DatabaseError("DATABASE_FOLDER_NOT_MADE", parent=path.parent, why=cause.strerror) from cause
            engine = create_engine(
                parsed,
                connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
                hide_parameters=True,
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return cls(engine, path)
        engine = create_engine(
            parsed,
            connect_args=_postgresql_arguments(),
            pool_pre_ping=True,
            pool_size=CONNECTIONS_KEPT,
            max_overflow=CONNECTIONS_MORE,
            # Statements in an error message must not carry subjects and names into a log.
            hide_parameters=True,
        )
        return cls(engine, None)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database, which one daemon owns."""
        return self.path is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for reading; what it sees on SQLite is one moment, on PostgreSQL each statement's."""
        with _in_words(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection for reading that sees one moment to its end, whatever is written meanwhile."""
        # A transaction on SQLite is a snapshot already.
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with _in_words(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not self.is_sqlite:
                # Who looks may take his time between two looks; he holds up nobody.
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection inside one write transaction: committed at the end, undone by any exception."""
        with _in_words(), self.engine.connect().execution_options(writing=True) as connection, connection.begin():
            yield connection

    def free_bytes(self) -> int | None:
        """How many bytes still fit on the disk of an SQLite file; None for a server, whose disk is its own matter."""
        if self.path is None:
            return None
        try:
            room = os.statvfs(self.path.parent)
        except OSError as cause:
            raise DatabaseError("DATABASE_AWAY", words=cause.strerror) from cause
        return room.f_bavail * room.f_frsize

    def is_upgraded(self) -> bool:
        """Whether the tables are there."""
        with _in_words():
            return inspect(self.engine).has_table("log")

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _parse(url: str) -> URL:
    """Return the URL of a database we can use; the error never repeats the URL, which may hold a password."""
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError) as cause:
        raise DatabaseError("DATABASE_URL_WRONG") from cause
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        raise DatabaseError("DATABASE_KIND_UNKNOWN", kind=parsed.get_backend_name())
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise DatabaseError("DATABASE_IN_MEMORY")
    return parsed


def _postgresql_arguments() -> dict[str, int | str]:
    """Return what a connection to PostgreSQL is to be like (libpq, 34.1.2; its server settings, 19.3 and 19.11)."""
    session = {
        "timezone": "UTC",
        "lock_timeout": 30_000,
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_SECONDS * 1000,
        "tcp_keepalives_idle": KEEPALIVE_SECONDS,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
    }
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": KEEPALIVE_SECONDS,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": UNANSWERED_MILLISECONDS,
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
    }


def _prepare_sqlite(connection: Any, record: object) -> None:
    """
    Make SQLite keep its promises: a commit that returned is on the disk, and keys hold.

    WAL lets readers go on during a write; synchronous=FULL syncs the WAL at each commit (sqlite.org/pragma.html:
    with NORMAL a commit may be rolled back after power loss, and the acknowledgement would have been a lie).
    """
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # The driver must not begin by itself: see _begin_sqlite.
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        cursor.execute(f"PRAGMA {pragma}").fetchall()
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start: a reader that becomes a writer midway would fail without any wait."""
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in words what the world did to the database; a fault of ours (a bad statement) keeps its traceback."""
    try:
        yield
    except DBAPIError as cause:
        words = _first_line(cause)
        if "no such table" in words or "UndefinedTable" in type(cause.orig).__name__:
            raise DatabaseError("DATABASE_NOT_UPGRADED") from cause
        is_the_world = isinstance(cause, OperationalError | InternalError) or cause.connection_invalidated
        if is_the_world or type(cause) is sqlalchemy.exc.DatabaseError:
            raise DatabaseError("DATABASE_AWAY", words=words) from cause
        raise
    except (sqlalchemy.exc.TimeoutError, sqlalchemy.exc.PendingRollbackError) as cause:
        # No connection is free, or the one in use was lost under its transaction.
        raise DatabaseError("DATABASE_AWAY", words=str(cause).partition("(Background")[0].strip()) from cause
    except StatementError as cause:
        # A value that has no place in a column (a time without zone) is a ValueError like any other.
        if isinstance(cause.orig, ValueError):
            raise cause.orig from cause
        raise


def _first_line(cause: DBAPIError) -> str:
    """Return the driver's own first line, without the statement and its values."""
    return str(cause.orig).strip().splitlines()[0] if cause.orig is not None else "no answer"
