"""The one way in which a delivery's row is changed: with a log entry that says every value it now has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from config.errors import WrongUse
from storage.logbook import Pages
from storage.records import Delivery, LogEntry
from storage.rows import audited, delivery_of
from storage.tables import deliveries

_BY_ID = select(deliveries).where(deliveries.c.id == bindparam("the_id"))
_BY_NUMBER = select(deliveries).where(deliveries.c.receipt_no == bindparam("the_number"))
_UPDATE = update(deliveries).where(deliveries.c.id == bindparam("the_id"))


@dataclass(frozen=True, slots=True)
class Changed:
    """A delivery after a change, and the entry that records it."""

    delivery: Delivery
    entry: LogEntry


def find(pages: Pages, ref: str) -> Delivery:
    """Return the delivery with this id or receipt number; raises WrongUse when there is none."""
    for statement, name in ((_BY_ID, "the_id"), (_BY_NUMBER, "the_number")):
        row = pages.connection.execute(statement, {name: ref}).first()
        if row is not None:
            return delivery_of(row)
    raise no_such_delivery(ref)


def no_such_delivery(ref: str) -> WrongUse:
    """Return the error for a reference that names nothing."""
    return WrongUse("DELIVERY_UNKNOWN", ref=repr(ref))


def change(
    pages: Pages,
    delivery_id: str,
    values: Mapping[str, Any],
    event: str,
    *,
    actor: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> Changed:
    """Update one delivery's row and append the entry; `values` are columns, the entry repeats the audited ones."""
    pages.connection.execute(_UPDATE, {"the_id": delivery_id, **values})
    entry = pages.append(event, {**(detail or {}), "now": audited(values)}, actor=actor, at=at, delivery_id=delivery_id)
    return Changed(delivery_of(pages.connection.execute(_BY_ID, {"the_id": delivery_id}).one()), entry)
