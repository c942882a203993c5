"""The audit: proves that the log's chain, the vault's digests, the rows and the sums hold, or says what does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Text, func, select, text, type_coerce
from sqlalchemy.types import NullType

from storage.audit_notes import AuditFinding, Notes
from storage.audit_sums import check_sources, check_sums
from storage.database import Database
from storage.logbook import FIRST_HASH, hash_of_spelled
from storage.rows import AUDITED, LETTER_AUDITED, audited, body_sha256, contents_sha256
from storage.tables import (
    accounts,
    answers,
    campaigns,
    deliveries,
    files,
    flaws,
    letters,
    log,
    log_head,
    source_keys,
)
from storage.types import utc_text
from storage.vault import Vault, VaultError

# So many rows are in memory at once, so that the audit of a large ledger needs no more than that of a small one.
ROWS_AT_ONCE = 1000

GUARDS = frozenset({"log_never_changes", "deliveries_never_vanish", "receipt_never_moves_later"})
"""Triggers that must be there on either database (storage/migrations makes them)."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """
    What was looked at and what was found; `holds` when there is no finding.

    `findings` holds at most MAX_FINDINGS_KEPT of the `found` ones. `bytes` are those of the blobs that were read.
    `by_source` says for each source: `shown` things in all, of which `again` were known already under another key, and
    the rest by state, `total` of them; `postponed` are those that the last look saw and could not have yet, `gone`
    those that somebody took away before they could be had: neither is in another sum.
    """

    findings: tuple[AuditFinding, ...]
    found: int
    entries: int
    deliveries: int
    letters: int
    blobs: int
    bytes: int
    head_seq: int
    head_hash: str
    sums: dict[str, int]
    by_source: dict[str, dict[str, int]]

    @property
    def holds(self) -> bool:
        """Whether everything is as the log says."""
        return not self.found


def audit(database: Database, vault: Vault, *, progress: Progress | None = None, blobs: bool = True) -> AuditReport:
    """
    Check everything against the log, and the log against itself; `progress` is called with (what, done, total).

    1. The chain: no entry changed, missing, added or reordered; the head is its end; the guards are there. 2. Every
    delivery, its contents, letters, accounts and campaigns are what the log last said. 3. Sums and receipt
    numbers; what each source showed is all in a state. 4. Every blob that a row names is there and matches its digest,
    and so does every other one.

    Rows are read in one snapshot, so a service that goes on working meanwhile disturbs nothing. `blobs=False`
    leaves the vault's contents unread (their presence is still checked), for a quick look.

    What an audit alone cannot see: a log that was rewritten whole, head included. Each receipt letter carries the
    head of its moment, so the agencies' copies are the witnesses against that.
    """
    tell = progress or (lambda what, done, total: None)
    notes = Notes()
    with database.snapshot() as connection:
        head = connection.execute(select(log_head)).one()
        _check_guards(connection, notes, on_sqlite=database.is_sqlite)
        entries = _check_chain(connection, head, notes, tell)
        counted = _check_deliveries(connection, notes, tell)
        _check_letters(connection, notes)
        _check_people_and_campaigns(connection, notes)
        sums = check_sums(connection, head, notes)
        by_source = check_sources(connection, notes)
        named = _named_digests(connection)
    seen_blobs, seen_bytes = _check_blobs(vault, named, notes, tell, read=blobs)
    return AuditReport(
        findings=tuple(notes.findings),
        found=notes.found,
        entries=entries,
        deliveries=counted,
        letters=len(notes.letters),
        blobs=seen_blobs,
        bytes=seen_bytes,
        head_seq=head.seq,
        head_hash=head.hash,
        sums=sums,
        by_source=by_source,
    )


# 1. The chain


def _check_guards(connection: Connection, notes: Notes, *, on_sqlite: bool) -> None:
    asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if on_sqlite else "SELECT tgname FROM pg_trigger"
    there = set(connection.execute(text(asked)).scalars())
    for missing in sorted(GUARDS - there):
        notes.find("LOG_GUARD_MISSING", missing, "the trigger is not there")


def _check_chain(connection: Connection, head: Row[Any], notes: Notes, tell: Progress) -> int:
    """Follow the chain from its first entry; after a break go on from what stands, so that one break is one finding."""
    expected_seq, previous, seen = 1, FIRST_HASH, 0
    for row in _stream(connection, _ENTRIES.order_by(log.c.seq)):
        seen += 1
        if seen % ROWS_AT_ONCE == 0:
            tell("log", seen, head.seq)
        subject = f"log {row.seq}"
        if row.seq != expected_seq:
            notes.find("LOG_ENTRY_MISSING", subject, f"entry {expected_seq} was expected here")
        if row.previous != previous and row.seq == expected_seq:
            notes.find("LOG_ORDER_BROKEN", subject, "it does not follow the entry before it")
        at = row.at if isinstance(row.at, str) else utc_text(row.at)
        spelled = (row.seq, at, row.event, row.delivery_id, row.actor, row.detail, row.previous)
        if row.hash != hash_of_spelled(*spelled):
            notes.find("LOG_ENTRY_CHANGED", subject, f"{row.event} no longer matches its hash")
        expected_seq, previous = row.seq + 1, row.hash
        _replay(row, notes)
    if (head.seq, head.hash) != (expected_seq - 1, previous):
        notes.find("LOG_HEAD_MISMATCH", "log", f"the head says entry {head.seq}, the log ends with {expected_seq - 1}")
    tell("log", seen, head.seq)
    return seen


# An entry as it is stored: on SQLite its moment is a text, which a hand may have made unreadable.
_ENTRIES = select(
    log.c.seq,
    type_coerce(log.c.at, NullType()).label("at"),
    *(log.c[name] for name in ("event", "delivery_id", "actor", "detail", "previous", "hash")),
)


def _replay(row: Row[Any], notes: Notes) -> None:
    """Take over what an entry says of letters, accounts and campaigns; deliveries are replayed one by one later."""
    notes.events[row.event] += 1
    detail = _detail_of(row)
    account = str(detail.get("account"))
    if "letter" in detail:
        notes.letters.setdefault(str(detail["letter"]), {}).update(_now_of(detail))
    elif row.event == "account_created":
        notes.accounts[account] = {"role": detail.get("role"), "disabled": False}
    elif row.event == "account_role_changed":
        notes.accounts.setdefault(account, {})["role"] = detail.get("role")
    elif row.event in ("account_disabled", "account_enabled"):
        notes.accounts.setdefault(account, {})["disabled"] = row.event == "account_disabled"
    elif row.event == "item_gone":
        notes.gone[str(detail.get("source"))] += 1
    elif row.event == "campaign_recorded":
        recorded = (str(detail.get(name)) for name in ("campaign", "number", "version"))
        notes.campaigns.add(tuple(recorded))


def _detail_of(row: Row[Any]) -> dict[str, Any]:
    """Return an entry's detail; one that is no longer JSON was changed by hand, which its hash has told already."""
    try:
        detail = json.loads(row.detail)
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}


def _now_of(detail: Mapping[str, Any]) -> dict[str, Any]:
    now = detail.get("now")
    return now if isinstance(now, dict) else {}


# 2. What the rows say, against what the log last said


def _check_deliveries(connection: Connection, notes: Notes, tell: Progress) -> int:
    total = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
    last, seen = "", 0
    while True:
        some = select(deliveries.c.id).where(deliveries.c.id > last).order_by(deliveries.c.id).limit(ROWS_AT_ONCE)
        ids = [str(one) for one in connection.execute(some).scalars()]
        if not ids:
            break
        _readable(ids, notes, lambda some_ids: _check_some_deliveries(connection, some_ids, notes))
        last = ids[-1]
        seen += len(ids)
        tell("deliveries", seen, total)
    known = select(deliveries.c.id)
    vanished = select(log.c.delivery_id).where(log.c.delivery_id.is_not(None), log.c.delivery_id.not_in(known))
    for delivery_id in connection.execute(vanished.distinct()).scalars():
        notes.find("ROW_MISSING", str(delivery_id), "the log knows it, the table does not")
    return seen


def _readable(ids: Sequence[str], notes: Notes, check: Callable[[Sequence[str]], None]) -> None:
    """Check some rows together; if a value among them is not readable at all, one by one, to name whose it is."""
    found, kept = notes.found, len(notes.findings)
    try:
        check(ids)
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError):
        # A date that is no date, a number that is no number: SQLite keeps whatever a hand wrote.
        notes.found = found
        del notes.findings[kept:]
        if len(ids) == 1:
            notes.find("ROW_DIFFERS_FROM_LOG", ids[0], "a value that cannot be read")
            return
        for one in ids:
            _readable([one], notes, check)


def _check_some_deliveries(connection: Connection, ids: Sequence[str], notes: Notes) -> None:
    rows = connection.execute(select(deliveries).where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)).all()
    said: dict[str, dict[str, Any]] = {}
    contents: dict[str, str] = {}
    keys: dict[str, set[Any]] = {}
    for entry in connection.execute(_ENTRIES.where(log.c.delivery_id.in_(ids)).order_by(log.c.seq)):
        detail = _detail_of(entry)
        if "letter" in detail:
            continue
        said.setdefault(entry.delivery_id, {}).update(_now_of(detail))
        if "contents_sha256" in detail:
            contents[entry.delivery_id] = detail["contents_sha256"]
        if entry.event == "received":
            keys.setdefault(entry.delivery_id, set()).add(str(_now_of(detail).get("source_key")))
        elif entry.event == "alias_received":
            keys.setdefault(entry.delivery_id, set()).add(str(detail.get("source_key")))
    key_rows: dict[str, set[Any]] = {}
    for key in connection.execute(select(source_keys).where(source_keys.c.delivery_id.in_(ids))):
        key_rows.setdefault(key.delivery_id, set()).add(key.source_key)
    found = _contents_of(connection, rows, ids)
    for row in rows:
        _check_one_delivery(row, said.get(row.id), notes)
        if row.examination and found[row.id] != contents.get(row.id):
            notes.find("CONTENTS_DIFFER_FROM_LOG", row.id, "files, answers or flaws are not those that were decided on")
        if key_rows.get(row.id, set()) != keys.get(row.id, set()):
            notes.find("ROW_DIFFERS_FROM_LOG", row.id, "source keys")


def _check_one_delivery(row: Row[Any], said: Mapping[str, Any] | None, notes: Notes) -> None:
    if said is None:
        notes.find("ROW_NOT_IN_LOG", row.id, "the log has never heard of it")
        return
    is_now = audited(_values(row))
    differs = [name for name in AUDITED if is_now[name] != said.get(name, _AT_FIRST.get(name))]
    if differs:
        notes.find("ROW_DIFFERS_FROM_LOG", row.id, ", ".join(differs))


# What a column is before any entry has named it.
_AT_FIRST: Mapping[str, Any] = {"operative": False, "released": False, "examination": 0}


def _contents_of(connection: Connection, rows: Sequence[Row[Any]], ids: Sequence[str]) -> dict[str, str]:
    """Return, for each delivery, the digest over what its present examination found, from the rows."""
    present = {row.id: row.examination for row in rows}
    found: dict[str, tuple[list[Any], list[Any], list[Any]]] = {one: ([], [], []) for one in ids}
    for place, table in enumerate((files, answers, flaws)):
        wanted = select(table).where(table.c.delivery_id.in_(ids)).order_by(table.c.delivery_id, table.c.number)
        for row in connection.execute(wanted):
            if row.examination == present[row.delivery_id]:
                found[row.delivery_id][place].append(_values(row))
    return {one: contents_sha256(*lists) for one, lists in found.items()}


def _check_letters(connection: Connection, notes: Notes) -> None:
    there = [str(one) for one in connection.execute(select(letters.c.id).order_by(letters.c.id)).scalars()]
    for start in range(0, len(there), ROWS_AT_ONCE):
        some = there[start : start + ROWS_AT_ONCE]
        _readable(some, notes, lambda some_ids: _check_some_letters(connection, some_ids, notes))
    for letter_id in sorted(set(notes.letters) - set(there)):
        notes.find("ROW_MISSING", letter_id, "the log knows this letter, the table does not")


def _check_some_letters(connection: Connection, ids: Sequence[str], notes: Notes) -> None:
    for row in connection.execute(select(letters).where(letters.c.id.in_(ids)).order_by(letters.c.id)):
        said = notes.letters.get(row.id)
        if said is None:
            notes.find("ROW_NOT_IN_LOG", row.id, "the log has never heard of this letter")
            continue
        is_now = audited({**_values(row), "body_sha256": body_sha256(row.subject, row.body)}, LETTER_AUDITED)
        differs = [name for name in LETTER_AUDITED if is_now[name] != said.get(name)]
        if differs:
            notes.find("ROW_DIFFERS_FROM_LOG", row.id, ", ".join(differs))


def _check_people_and_campaigns(connection: Connection, notes: Notes) -> None:
    for row in connection.execute(select(accounts)):
        if notes.accounts.get(row.name) != {"role": row.role, "disabled": bool(row.disabled)}:
            notes.find("ROW_DIFFERS_FROM_LOG", f"account {row.name}", "role or disabled")
    columns = (campaigns.c.campaign, campaigns.c.number, campaigns.c.version)
    there = {tuple(str(value) for value in row) for row in connection.execute(select(*columns))}
    for one in sorted(there ^ notes.campaigns):
        notes.find("ROW_DIFFERS_FROM_LOG", f"campaign {one[0]}", f"version {one[1]}")


# 4. The vault


def _named_digests(connection: Connection) -> dict[str, str]:
    """Return every digest that a row names, with one row that names it."""
    named: dict[str, str] = {}
    columns = (deliveries.c.id, deliveries.c.sha256, deliveries.c.form_sha256)
    for delivery_id, own, form in connection.execute(select(*columns)):
        named.setdefault(own, delivery_id)
        if form is not None:
            named.setdefault(form, delivery_id)
    evidence = type_coerce(files.c.evidence, Text()).label("evidence")
    for row in _stream(connection, select(files.c.delivery_id, files.c.sha256, evidence)):
        named.setdefault(row.sha256, row.delivery_id)
        try:
            digests = [digest for _, digest in json.loads(row.evidence)]
        except (ValueError, TypeError):
            continue  # What the row should say is told by its contents' digest already.
        for digest in digests:
            named.setdefault(str(digest), row.delivery_id)
    return named


def _check_blobs(
    vault: Vault, named: Mapping[str, str], notes: Notes, tell: Progress, *, read: bool
) -> tuple[int, int]:
    kept = set(vault.digests())
    everything = sorted(kept | set(named))
    seen_bytes = 0
    for done, digest in enumerate(everything, 1):
        owner = named.get(digest, "no delivery")
        if digest not in kept:
            notes.find("BLOB_MISSING", digest, f"needed by {owner}")
        elif read:
            try:
                seen_bytes += vault.size(digest) or 0
                if not vault.holds_intact(digest):
                    notes.find("BLOB_CHANGED", digest, f"needed by {owner}")
            except VaultError as error:
                notes.find("BLOB_CHANGED", digest, f"needed by {owner}: {error}")
        if done % 100 == 0 or done == len(everything):
            tell("blobs", done, len(everything))
    return len(everything), seen_bytes


def _values(row: Row[Any]) -> dict[str, Any]:
    """Return a row as column names and values."""
    return {str(name): value for name, value in row._mapping.items()}


def _stream(connection: Connection, statement: Any) -> Iterator[Row[Any]]:
    """Read a large result in pieces: on PostgreSQL with a server-side cursor."""
    yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
