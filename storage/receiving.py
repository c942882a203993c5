"""How a thing that arrived becomes a delivery: one row, its key, its log entry; the same thing never twice."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from storage.logbook import Pages
from storage.records import Arrival, Delivery
from storage.rows import arrival_row, audited, clocks_json, clocks_of, delivery_of
from storage.search import search_text
from storage.tables import claims, deliveries, source_keys

_BY_KEY = (
    select(deliveries)
    .join(source_keys, source_keys.c.delivery_id == deliveries.c.id)
    .where(source_keys.c.source == bindparam("the_source"), source_keys.c.key_sha256 == bindparam("the_key"))
)
_BY_BYTES = (
    select(deliveries)
    .where(deliveries.c.sha256 == bindparam("the_sha256"), deliveries.c.source == bindparam("the_source"))
    .order_by(deliveries.c.id)
    .limit(1)
)
_BY_ID = select(deliveries).where(deliveries.c.id == bindparam("the_id"))
_INSERT_DELIVERY = insert(deliveries)
_INSERT_KEY = insert(source_keys)
_INSERT_CLAIM = insert(claims)
_UPDATE = update(deliveries).where(deliveries.c.id == bindparam("the_id"))


def key_sha256(source_key: str) -> str:
    """Return the digest by which a source key is found; lone surrogates of strange file names count as they are."""
    return hashlib.sha256(source_key.encode("utf-8", "surrogatepass")).hexdigest()


def receive(pages: Pages, arrival: Arrival, *, same_bytes_is_same: bool) -> Delivery:
    """
    Record an arrival, or find the delivery that it is already.

    1. The key is known: nothing changes.
    2. The same bytes came from this source under another key (mail whose UIDVALIDITY changed, a copy in another
       folder): the key becomes an alias. An earlier moment of the alias is taken over, a later one never is:
       copying a message may give it a new INTERNALDATE (RFC 9051, 6.4.7 says it SHOULD not), and nobody becomes
       late by that.
    3. Otherwise it is a new delivery.
    """
    connection = pages.connection
    key = key_sha256(arrival.source_key)
    known = connection.execute(_BY_KEY, {"the_source": arrival.source, "the_key": key}).first()
    if known is not None:
        return delivery_of(known)
    if same_bytes_is_same:
        same = connection.execute(_BY_BYTES, {"the_sha256": arrival.sha256, "the_source": arrival.source}).first()
        if same is not None:
            return _add_alias(pages, delivery_of(same), arrival, key)
    delivery_id = pages.next_delivery_id()
    row = arrival_row(arrival, delivery_id, search_text(arrival.subject, arrival.sender, arrival.name, delivery_id))
    connection.execute(_INSERT_DELIVERY, row)
    _add_key(pages, delivery_id, arrival, key)
    connection.execute(_INSERT_CLAIM, {"delivery_id": delivery_id})
    pages.append("received", {"now": audited(row)}, actor="machine", at=arrival.seen_at, delivery_id=delivery_id)
    return delivery_of(connection.execute(_BY_ID, {"the_id": delivery_id}).one())


def _add_key(pages: Pages, delivery_id: str, arrival: Arrival, key: str) -> None:
    pages.connection.execute(
        _INSERT_KEY,
        {
            "source": arrival.source,
            "key_sha256": key,
            "source_key": arrival.source_key,
            "delivery_id": delivery_id,
            "seen_at": arrival.seen_at,
        },
    )


def _add_alias(pages: Pages, known: Delivery, arrival: Arrival, key: str) -> Delivery:
    """Note another key of a known delivery; its clocks are kept too, since they are readings of the same thing."""
    _add_key(pages, known.id, arrival, key)
    clocks = tuple(dict.fromkeys((*known.clocks, *clocks_of(clocks_json(arrival.clocks)))))
    changed: dict[str, Any] = {}
    if arrival.received_at < known.received_at:
        changed = {"received_at": arrival.received_at, "received_by": arrival.received_by}
        earliest = _earlier(known.received_at_earliest, arrival.received_at_earliest)
        if earliest != known.received_at_earliest:
            changed["received_at_earliest"] = earliest
    pages.connection.execute(_UPDATE, {"the_id": known.id, "clocks": clocks_json(clocks), **changed})
    pages.append(
        "alias_received",
        {
            "source_key": arrival.source_key,
            "received_at": audited({"received_at": arrival.received_at}, ("received_at",))["received_at"],
            "received_by": arrival.received_by,
            "now": audited(changed),
        },
        actor="machine",
        at=arrival.seen_at,
        delivery_id=known.id,
    )
    return delivery_of(pages.connection.execute(_BY_ID, {"the_id": known.id}).one())


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two moments, either of which may be unknown."""
    if one is None or other is None:
        return one or other
    return min(one, other)
