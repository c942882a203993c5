"""The intake log: each entry carries the hash of the one before, so nothing can be changed, cut out or slipped in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from storage.database import Database
from storage.records import LogEntry
from storage.tables import log, log_head
from storage.types import canonical, clean, utc_text

FIRST_HASH = "0" * 64
"""What the first entry names as the hash before it."""

# The statements of every transaction, made once: building them costs more than running them.
_READ_HEAD = select(log_head.c.seq, log_head.c.hash, log_head.c.deliveries, log_head.c.letters)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_WRITE_HEAD = update(log_head)
_APPEND = insert(log)


def hash_of(seq: int, at: datetime, event: str, delivery_id: str | None, actor: str, detail: str, previous: str) -> str:
    """
    Return the SHA-256 (hex) of an entry: over canonical JSON of all its fields and the hash before it.

    `detail` is the canonical JSON text as stored. The rule is part of the record: anyone can recompute the
    chain from an export with this function's ten lines.
    """
    return hash_of_spelled(seq, utc_text(at), event, delivery_id, actor, detail, previous)


def hash_of_spelled(
    seq: int, at: str, event: str, delivery_id: str | None, actor: str, detail: str, previous: str
) -> str:
    """Return the same for a moment that is spelled already (see `utc_text`): what the audit reads may be no moment."""
    whole = canonical(
        {
            "seq": seq,
            "at": at,
            "event": event,
            "delivery_id": delivery_id,
            "actor": actor,
            "detail": detail,
            "previous": previous,
        }
    )
    return hashlib.sha256(whole.encode("ascii")).hexdigest()


class Pages:
    """One open write transaction with the log's head in hand: entries and numbers come from here."""

    __slots__ = ("_before", "connection", "deliveries", "hash", "letters", "seq")

    def __init__(self, connection: Connection, seq: int, head: str, deliveries: int, letters: int) -> None:
        self.connection = connection
        self.seq = seq
        self.hash = head
        self.deliveries = deliveries
        self.letters = letters
        self._before = (seq, deliveries, letters)

    def append(
        self, event: str, detail: Mapping[str, Any], *, actor: str, at: datetime, delivery_id: str | None = None
    ) -> LogEntry:
        """Write one entry; it stands if the transaction is committed."""
        spelled = canonical(detail)
        actor = clean(actor)
        self.seq += 1
        previous = self.hash
        self.hash = hash_of(self.seq, at, event, delivery_id, actor, spelled, previous)
        self.connection.execute(
            _APPEND,
            {
                "seq": self.seq,
                "at": at,
                "event": event,
                "delivery_id": delivery_id,
                "actor": actor,
                "detail": spelled,
                "previous": previous,
                "hash": self.hash,
            },
        )
        return LogEntry(self.seq, at, event, delivery_id, actor, detail, previous, self.hash)

    def next_delivery_id(self) -> str:
        """Give the next delivery its id: d000001, d000002, …; ids sort as they were given up to a million."""
        self.deliveries += 1
        return f"d{self.deliveries:06d}"

    def next_letter_id(self) -> str:
        """Give the next letter its id: l000001, l000002, …"""
        self.letters += 1
        return f"l{self.letters:06d}"

    def close(self) -> None:
        """Write the head back, if anything was given or appended."""
        if (self.seq, self.deliveries, self.letters) != self._before:
            self.connection.execute(
                _WRITE_HEAD,
                {"seq": self.seq, "hash": self.hash, "deliveries": self.deliveries, "letters": self.letters},
            )


@contextmanager
def writing(database: Database) -> Iterator[Pages]:
    """
    Begin a write transaction with its log entries; committed at the end, undone whole by any exception.

    The head of the log is locked before anything else, so writers queue in one order and never deadlock, and the
    chain has no gap and no fork.
    """
    with database.writing() as connection:
        head = connection.execute(_READ_HEAD if database.is_sqlite else _LOCK_HEAD).one()
        pages = Pages(connection, head.seq, head.hash, head.deliveries, head.letters)
        yield pages
        pages.close()


def head_of(database: Database) -> tuple[int, str]:
    """Return the number and hash of the last entry; (0, 64 zeros) before the first."""
    with database.reading() as connection:
        head = connection.execute(_READ_HEAD).one()
    return head.seq, head.hash
