"""How a record becomes a row and a row a record; what of it the log must be able to prove."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from storage.records import (
    Account,
    Answer,
    Arrival,
    Channel,
    ClockReading,
    Delivery,
    FiledFile,
    Letter,
    LetterKind,
    LetterState,
    LogEntry,
    Role,
    State,
    Timeliness,
    Why,
)
from storage.types import canonical, clean, fits, label, plain, tidy, utc_text

AUDITED = (
    *("source", "source_key", "channel", "received_at", "received_at_earliest", "received_by", "sha256", "size"),
    *("state", "receipt_no", "campaign", "agency", "timeliness", "counted_at", "counted_timeliness", "signature"),
    *("operative", "form_sha256", "supersedes", "linked_to", "decided_at", "decided_by", "released", "examination"),
    *("campaign_version", "policy_version"),
)
"""The columns of a delivery whose every value stands in the log: an audit can tell a row that was changed by hand."""

LETTER_AUDITED = ("delivery_id", "kind", "ordinal", "recipient", "message_id", "state", "body_sha256")
"""The same of a letter; its text is proven by a digest, so that the log holds no correspondence."""


def whys_json(reasons: Iterable[Why]) -> list[dict[str, str]]:
    """Return reasons in the contract's shape."""
    return [{"code": one.code, "detail": one.detail} for one in reasons]


def whys_of(value: Iterable[Mapping[str, str]]) -> tuple[Why, ...]:
    """Return reasons from the contract's shape."""
    return tuple(Why(one["code"], one["detail"]) for one in value)


def clocks_json(clocks: Iterable[ClockReading]) -> list[dict[str, Any]]:
    """Return clock readings JSON-ready, times in UTC."""
    return [
        {"name": one.name, "at": None if one.at is None else utc_text(one.at), "detail": one.detail} for one in clocks
    ]


def clocks_of(value: Iterable[Mapping[str, Any]]) -> tuple[ClockReading, ...]:
    """Return clock readings from their JSON."""
    return tuple(
        ClockReading(one["name"], None if one["at"] is None else datetime.fromisoformat(one["at"]), one["detail"])
        for one in value
    )


def arrival_row(arrival: Arrival, delivery_id: str, search: str) -> dict[str, Any]:
    """Return the row of a delivery that has just arrived."""
    return {
        "id": delivery_id,
        "source": arrival.source,
        "source_key": arrival.source_key,
        "channel": arrival.channel.value,
        "received_at": arrival.received_at,
        "received_at_earliest": arrival.received_at_earliest,
        "received_by": arrival.received_by,
        "seen_at": arrival.seen_at,
        "sha256": arrival.sha256,
        "size": arrival.size,
        "name": label(arrival.name),
        "sender": label(arrival.sender),
        "subject": label(arrival.subject),
        "state": State.RECEIVED.value,
        "attempts": 0,
        "operative": False,
        "released": False,
        "examination": 0,
        "arrival_reasons": whys_json(arrival.reasons),
        "reasons": whys_json(arrival.reasons),
        "clocks": clocks_json(arrival.clocks),
        "search_text": search,
    }


def delivery_of(row: Row[Any]) -> Delivery:
    """Return the record of a row of `deliveries`."""
    return Delivery(
        id=row.id,
        source=row.source,
        source_key=row.source_key,
        channel=Channel(row.channel),
        received_at=row.received_at,
        received_by=row.received_by,
        seen_at=row.seen_at,
        sha256=row.sha256,
        size=row.size,
        name=row.name,
        sender=row.sender,
        subject=row.subject,
        state=State(row.state),
        attempts=row.attempts,
        receipt_no=row.receipt_no,
        agency=row.agency,
        timeliness=None if row.timeliness is None else Timeliness(row.timeliness),
        counted_at=row.counted_at,
        counted_timeliness=None if row.counted_timeliness is None else Timeliness(row.counted_timeliness),
        signature=row.signature,
        operative=bool(row.operative),
        form_sha256=row.form_sha256,
        supersedes=row.supersedes,
        linked_to=row.linked_to,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        received_at_earliest=row.received_at_earliest,
        message_id=row.message_id,
        reasons=whys_of(row.reasons),
        clocks=clocks_of(row.clocks),
        campaign=row.campaign,
        released=bool(row.released),
        examination=row.examination,
    )


def audited(values: Mapping[str, Any], names: Sequence[str] = AUDITED) -> dict[str, Any]:
    """Return those of `values` that the log must prove, JSON-ready: times as UTC text."""
    return {
        name: utc_text(values[name]) if isinstance(values[name], datetime) else values[name]
        for name in names
        if name in values
    }


def file_row(one: FiledFile, delivery_id: str, examination: int, number: int) -> dict[str, Any]:
    """Return the row of one file."""
    return {
        "delivery_id": delivery_id,
        "examination": examination,
        "number": number,
        "trail": [label(step) for step in one.trail],
        "name": None if one.name is None else label(one.name),
        "declared_type": label(one.declared_type),
        "media_type": label(one.media_type),
        "size": one.size,
        "sha256": one.sha256,
        "role": one.role,
        "report": None if one.report is None else tidy(one.report),
        "evidence": [list(pair) for pair in one.evidence],
    }


def file_of(row: Row[Any]) -> FiledFile:
    """Return the record of a row of `files`."""
    return FiledFile(
        trail=tuple(row.trail),
        name=row.name,
        declared_type=row.declared_type,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        role=row.role,
        report=row.report,
        evidence=tuple((kind, digest) for kind, digest in row.evidence),
    )


NUMBERS = ("value_number", "numerator", "denominator", "self_score", "max_points")


def storable(answers: Sequence[Answer]) -> tuple[tuple[Answer, ...], tuple[Why, ...]]:
    """
    Return the answers as the store can hold them, and a flaw for each thing that it cannot.

    A form may say 1E+999999: such a number is left empty and named, since it is no answer to any criterion
    and must stop nothing. The text as written stays in `value_text`. Of two answers to one criterion the first is
    kept and the second named: the scorers' view has one row for each.
    """
    kept: list[Answer] = []
    flaws: list[Why] = []
    answered: set[str] = set()
    for answer in answers:
        criterion = clean(answer.criterion_id)
        if criterion in answered:
            flaws.append(Why("CRITERION_ANSWERED_TWICE", criterion))
            continue
        answered.add(criterion)
        for name in NUMBERS:
            number: Decimal | None = getattr(answer, name)
            if number is not None and not fits(number):
                answer = _without(answer, name)
                flaws.append(Why("NUMBER_OUT_OF_RANGE", f"{answer.criterion_id}: {name}"))
        kept.append(answer)
    return tuple(kept), tuple(flaws)


def _without(answer: Answer, name: str) -> Answer:
    """Return the answer with one number left empty."""
    empty: dict[str, Any] = {name: None}
    return replace(answer, **empty)


def answer_row(one: Answer, delivery_id: str, examination: int, number: int) -> dict[str, Any]:
    """Return the row of one answer."""
    return {
        "delivery_id": delivery_id,
        "examination": examination,
        "number": number,
        "criterion_id": clean(one.criterion_id),
        "kind": clean(one.kind),
        "value_text": None if one.value_text is None else clean(one.value_text),
        "value_number": one.value_number,
        "numerator": one.numerator,
        "denominator": one.denominator,
        "self_score": one.self_score,
        "max_points": one.max_points,
        "evidence": None if one.evidence is None else clean(one.evidence),
        "source": one.source,
        "confidence": float(one.confidence),
        "checked_by": None if one.checked_by is None else clean(one.checked_by),
    }


def answer_of(row: Row[Any]) -> Answer:
    """Return the record of a row of `answers`."""
    return Answer(
        criterion_id=row.criterion_id,
        kind=row.kind,
        value_text=row.value_text,
        value_number=row.value_number,
        numerator=row.numerator,
        denominator=row.denominator,
        self_score=row.self_score,
        max_points=row.max_points,
        evidence=row.evidence,
        source=row.source,
        confidence=row.confidence,
        checked_by=row.checked_by,
    )


def flaw_row(one: Why, delivery_id: str, examination: int, number: int) -> dict[str, Any]:
    """Return the row of one flaw of the form."""
    return {
        "delivery_id": delivery_id,
        "examination": examination,
        "number": number,
        "code": one.code,
        "detail": clean(one.detail),
    }


def contents_sha256(
    files: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]], flaws: Sequence[Mapping[str, Any]]
) -> str:
    """Return one digest over all that an examination found, from its rows: the log proves files and answers by it."""

    def spelled(row: Mapping[str, Any]) -> dict[str, Any]:
        return {key: plain(value) if isinstance(value, Decimal) else value for key, value in row.items()}

    whole = canonical([[spelled(row) for row in rows] for rows in (files, answers, flaws)])
    return hashlib.sha256(whole.encode("ascii")).hexdigest()


def letter_of(row: Row[Any]) -> Letter:
    """Return the record of a row of `letters`."""
    return Letter(
        id=row.id,
        delivery_id=row.delivery_id,
        kind=LetterKind(row.kind),
        to=row.recipient,
        subject=row.subject,
        body=row.body,
        state=LetterState(row.state),
        message_id=row.message_id,
        carrier=row.carrier,
        created_at=row.created_at,
        in_reply_to=row.in_reply_to,
        references=row.references,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        sent_at=row.sent_at,
        error=row.error,
    )


def body_sha256(subject: str, body: str) -> str:
    """Return the digest by which the log proves a letter's text."""
    return hashlib.sha256(canonical([clean(subject), clean(body)]).encode("ascii")).hexdigest()


def account_of(row: Row[Any]) -> Account:
    """Return the record of a row of `accounts`, without its password hash."""
    return Account(row.name, row.full_name, Role(row.role), bool(row.disabled), row.created_at)


def entry_of(row: Row[Any], detail: Any) -> LogEntry:
    """Return the record of a row of `log`; `detail` is its JSON, read."""
    return LogEntry(row.seq, row.at, row.event, row.delivery_id, row.actor, detail, row.previous, row.hash)
