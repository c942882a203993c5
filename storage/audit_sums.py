"""The audit's sums: everything that was ever shown or received is in exactly one state, and no number is missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, select

from storage.audit_notes import Notes
from storage.records import State
from storage.tables import deliveries, log, receipt_counters, source_health, source_keys


def check_sums(connection: Connection, head: Row[Any], notes: Notes) -> dict[str, int]:
    """Everything that was ever received is in exactly one state, and no receipt number is missing or twice."""
    by_state = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    found: dict[str, int] = dict(connection.execute(by_state).all())
    total = sum(found.values())
    keys = connection.execute(select(func.count()).select_from(source_keys)).scalar_one()
    for what, one, other in (
        ("deliveries in a state, and received by the log", total, notes.events["received"]),
        ("deliveries in a state, and ids given", total, head.deliveries),
        ("keys of sources, and keys in the log", keys, notes.events["received"] + notes.events["alias_received"]),
        ("letters, and ids given", len(notes.letters), head.letters),
    ):
        if one != other:
            notes.find("SUMS_DO_NOT_ADD_UP", "sums", f"{what}: {one} and {other}")
    for counter in connection.execute(select(receipt_counters)):
        alike = deliveries.c.receipt_no.startswith(f"{counter.prefix}-", autoescape=True)
        # PDG-2019-000001 begins like a number of the prefix PDG and is none.
        numbers = connection.execute(select(deliveries.c.receipt_no).where(alike)).scalars()
        given = sum(str(number).rpartition("-")[0] == counter.prefix for number in numbers)
        if given != counter.last:
            notes.find("RECEIPT_NUMBERS_HAVE_A_GAP", counter.prefix, f"{counter.last} given, {given} found")
    return {state.value: found.get(state.value, 0) for state in State} | {"total": total}


def check_sources(connection: Connection, notes: Notes) -> dict[str, dict[str, int]]:
    """
    Every thing that a source ever showed is one delivery in one state, or one that was known already.

    The keys that a source has shown are counted against the log's own entries (received, and alias_received for what
    came again), and each delivery must still be found under a key of its source: else it would be brought again, or a
    thing that was shown is nowhere.
    """
    by_state = select(deliveries.c.source, deliveries.c.state, func.count()).group_by(
        deliveries.c.source, deliveries.c.state
    )
    told = (
        select(deliveries.c.source, log.c.event, func.count())
        .join(deliveries, deliveries.c.id == log.c.delivery_id)
        .where(log.c.event.in_(("received", "alias_received")))
        .group_by(deliveries.c.source, log.c.event)
    )
    by_key = select(source_keys.c.source, func.count()).group_by(source_keys.c.source)
    shown: dict[str, int] = dict(connection.execute(by_key).all())
    heard: dict[tuple[str, str], int] = {(source, event): count for source, event, count in connection.execute(told)}
    found: dict[str, dict[str, int]] = {}
    for source, state, count in connection.execute(by_state):
        sums = found.setdefault(source, _nothing_yet())
        sums[state] = sums.get(state, 0) + count
        sums["total"] += count
    for source in sorted({*found, *shown}):
        sums = found.setdefault(source, _nothing_yet())
        sums["shown"], sums["again"] = shown.get(source, 0), heard.get((source, "alias_received"), 0)
        received = heard.get((source, "received"), 0)
        if not sums["shown"] == sums["total"] + sums["again"] == received + sums["again"]:
            notes.find(
                "SOURCE_NOT_ACCOUNTED_FOR",
                source,
                f"shown {sums['shown']}, received {received}, again {sums['again']}, in a state {sums['total']}",
            )
    under_its_source = select(source_keys.c.key_sha256).where(
        source_keys.c.delivery_id == deliveries.c.id, source_keys.c.source == deliveries.c.source
    )
    for delivery_id in connection.execute(select(deliveries.c.id).where(~under_its_source.exists())).scalars():
        notes.find("SOURCE_NOT_ACCOUNTED_FOR", str(delivery_id), "no key of its source leads to it")
    for source, counts in connection.execute(select(source_health.c.source, source_health.c.counts)):
        if postponed := int((counts or {}).get("postponed", 0)):
            found.setdefault(source, _nothing_yet())["postponed"] = postponed
    for source, gone in notes.gone.items():
        found.setdefault(source, _nothing_yet())["gone"] = gone
    return dict(sorted(found.items()))


def _nothing_yet() -> dict[str, int]:
    """Return the sums of a source that has shown nothing."""
    counts = {"shown": 0, "again": 0, **{one.value: 0 for one in State}, "total": 0}
    return counts | {"postponed": 0, "gone": 0}
