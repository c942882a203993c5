"""What is kept about the sources themselves: small memories between looks, their health, and their outages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Row, insert, select, update

from config.reasons import recall
from storage.database import Database
from storage.logbook import writing
from storage.receiving import key_sha256
from storage.records import Outage, SourceHealth
from storage.tables import outages, source_health, source_keys, source_memory
from storage.types import clean, utc_text


class SourceMemory:
    """What the ledger remembers for one source (the port intake.ports.Memory)."""

    def __init__(self, database: Database, source: str) -> None:
        self._database = database
        self._source = source

    def get(self, key: str) -> str | None:
        """Return what was put under `key`, None if nothing was."""
        wanted = select(source_memory.c.value).where(source_memory.c.source == self._source, source_memory.c.key == key)
        with self._database.reading() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def put(self, key: str, value: str) -> None:
        """Remember `value` under `key`; what is already so is not written again: each write waits for the disk."""
        if self.get(key) == value:
            return
        here = (source_memory.c.source == self._source, source_memory.c.key == key)
        with self._database.writing() as connection:
            changed = connection.execute(update(source_memory).where(*here).values(value=value))
            if changed.rowcount == 0:
                connection.execute(insert(source_memory).values(source=self._source, key=key, value=value))

    def knows(self, source_key: str) -> bool:
        """Whether the ledger has a delivery under this key."""
        return knows(self._database, self._source, source_key)


def knows(database: Database, source: str, source_key: str) -> bool:
    """Whether there is a delivery under this key of this source."""
    wanted = select(source_keys.c.delivery_id).where(
        source_keys.c.source == source, source_keys.c.key_sha256 == key_sha256(source_key)
    )
    with database.reading() as connection:
        return connection.execute(wanted).first() is not None


def source_ok(database: Database, source: str, at: datetime, counts: Mapping[str, int]) -> None:
    """Record a look that succeeded; an open outage ends here, with its entry in the log."""
    with database.reading() as connection:
        was = connection.execute(select(source_health).where(source_health.c.source == source)).first()
    values = {
        "last_tried_at": at,
        "last_ok_at": at,
        "failing_since": None,
        "error": None,
        "remedy": None,
        "counts": dict(counts),
    }
    if was is not None and was.failing_since is None:
        with database.writing() as connection:
            connection.execute(update(source_health).where(source_health.c.source == source).values(values))
        return
    with writing(database) as pages:
        if was is None:
            pages.connection.execute(insert(source_health).values(source=source, **values))
            return
        pages.connection.execute(update(source_health).where(source_health.c.source == source).values(values))
        pages.connection.execute(
            update(outages).where(outages.c.source == source, outages.c.until.is_(None)).values(until=at)
        )
        detail = {"source": source, "since": utc_text(was.failing_since), "until": utc_text(at)}
        pages.append("outage_ended", detail, actor="machine", at=at)


def source_failed(database: Database, source: str, at: datetime, error: str, remedy: str) -> None:
    """
    Record a look that failed; the first one opens an outage, which reaches back to the last good look.

    `error` is what `OfficeError.kept` gives (other words are kept as they are), so that it can be said in both
    languages whenever it is shown; the log has it in English.
    """
    with database.reading() as connection:
        was = connection.execute(select(source_health).where(source_health.c.source == source)).first()
    if was is not None and was.failing_since is not None:
        values = {"last_tried_at": at, "error": error, "remedy": remedy}
        with database.writing() as connection:
            connection.execute(update(source_health).where(source_health.c.source == source).values(values))
        return
    since = at if was is None or was.last_ok_at is None else was.last_ok_at
    with writing(database) as pages:
        values = {"last_tried_at": at, "failing_since": since, "error": error, "remedy": remedy}
        if was is None:
            pages.connection.execute(insert(source_health).values(source=source, counts={}, **values))
        else:
            pages.connection.execute(update(source_health).where(source_health.c.source == source).values(values))
        pages.connection.execute(insert(outages).values(source=source, since=since, error=error))
        detail = {"source": source, "since": utc_text(since), "error": clean(recall(error).en)}
        pages.append("outage_began", detail, actor="machine", at=at)


def health(database: Database) -> tuple[SourceHealth, ...]:
    """How each source was when last looked at, by name."""
    with database.reading() as connection:
        rows = connection.execute(select(source_health).order_by(source_health.c.source)).all()
    return tuple(_health_of(row) for row in rows)


def outages_of(database: Database, source: str | None) -> tuple[Outage, ...]:
    """The intervals in which a source could not be seen, oldest first."""
    wanted = select(outages).order_by(outages.c.since, outages.c.number)
    if source is not None:
        wanted = wanted.where(outages.c.source == source)
    with database.reading() as connection:
        rows = connection.execute(wanted).all()
    return tuple(_outage_of(row) for row in rows)


def _outage_of(row: Row[tuple[object, ...]]) -> Outage:
    told = recall(row.error)
    return Outage(row.source, row.since, row.until, told.en, told.vi)


def _health_of(row: Row[tuple[object, ...]]) -> SourceHealth:
    told = recall(row.error)
    return SourceHealth(
        source=row.source,
        last_tried_at=row.last_tried_at,
        last_ok_at=row.last_ok_at,
        failing_since=row.failing_since,
        error=None if row.error is None else told.en,
        remedy=told.do_en or row.remedy,
        counts=row.counts,
        error_vi=told.vi,
        remedy_vi=told.do_vi,
    )
