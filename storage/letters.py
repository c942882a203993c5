"""The book of letters: what is to be sent, what was sent, and what nobody knows the fate of."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, update

from config.errors import OfficeError, WrongUse
from config.reasons import in_english
from storage.database import Database
from storage.logbook import Pages, writing
from storage.records import Letter, LetterDraft, LetterKind, LetterState
from storage.rows import body_sha256, letter_of
from storage.tables import installation, letters
from storage.types import clean, utc_text

_BY_ID = select(letters).where(letters.c.id == bindparam("the_id"))
_BY_MESSAGE_ID = select(letters).where(letters.c.message_id == bindparam("the_message_id"))
_INSERT = insert(letters)
_UPDATE = update(letters).where(letters.c.id == bindparam("the_id"))

# So many ids go into one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535.
IDS_AT_ONCE = 5000

# No letter is put off for longer than a day (intake/flow.py), and clocks are set right by less than an hour.
FARTHEST_RETRY = timedelta(hours=25)

# A draft that nobody registered could receive says why; this code stands for "the roster has no address".
NO_ADDRESS = "NO_REGISTERED_ADDRESS"
# The code under which the breaker for all letters of a day keeps one in the house.
CAP_PER_DAY = "LETTER_CAP_PER_DAY"
# The row of `installation` that says when a person last opened that breaker: from then on its count starts afresh.
_BREAKER_OPENED = "letters_counted_from"

# A person may have these sent: queued ones in the mode "approve", the others again or after all.
APPROVABLE = frozenset(
    {
        LetterState.QUEUED,
        LetterState.WITHHELD,
        LetterState.IN_DOUBT,
        LetterState.UNDELIVERED,
        LetterState.FAILED,
    }
)


class LetterError(OfficeError):
    """The letter's state does not allow what was asked."""


def queue(
    pages: Pages,
    draft: LetterDraft,
    *,
    about: str,
    delivery_id: str | None,
    at: datetime,
    actor: str,
    message_id_domain: str,
    told: str | None = None,
    again: bool = False,
) -> Letter | None:
    """
    Put a draft in the book with its Message-ID; one that may go to nobody is put there as withheld.

    Unless `again` (a person asks), a kind that `about` already has is not queued a second time: None. So at most one
    acknowledgement of each kind leaves by itself, however often a delivery is examined. Two things are said anew all
    the same: what could reach nobody the first time, and an outcome that has changed (`told` is the delivery's state).
    """
    wanted = (
        select(letters.c.ordinal, letters.c.told, letters.c.recipient)
        .where(letters.c.about == about, letters.c.kind == draft.kind.value)
        .order_by(letters.c.ordinal.desc())
        .limit(1)
    )
    before = pages.connection.execute(wanted).first()
    last: int = 0 if before is None else before.ordinal
    if before is not None and not again:
        unheard = not before.recipient and draft.to.strip()
        changed = draft.kind is LetterKind.OUTCOME and before.told != told
        if not unheard and not changed:
            return None
    letter_id = pages.next_letter_id()
    withheld = draft.withheld_because or (None if draft.to.strip() else NO_ADDRESS)
    row = {
        "id": letter_id,
        "about": about,
        "delivery_id": delivery_id,
        "kind": draft.kind.value,
        "ordinal": last + 1,
        "told": told,
        "recipient": draft.to.strip(),
        "recipient_folded": _addresses(draft.to),
        "subject": draft.subject,
        "body": draft.body,
        "state": (LetterState.WITHHELD if withheld else LetterState.QUEUED).value,
        "message_id": _message_id(pages, about, draft.kind, last + 1, message_id_domain),
        "carrier": draft.carrier,
        "created_at": at,
        "in_reply_to": draft.in_reply_to,
        "references": draft.references,
        "attempts": 0,
        "next_attempt_at": at,
        "error": withheld,
    }
    pages.connection.execute(_INSERT, row)
    proven = {name: row[name] for name in ("delivery_id", "kind", "ordinal", "message_id", "state")}
    proven |= {"recipient": clean(draft.to.strip()), "body_sha256": body_sha256(draft.subject, draft.body)}
    detail = {"letter": letter_id, "now": proven} | ({"why": withheld} if withheld else {})
    pages.append("letter_queued", detail, actor=actor, at=at, delivery_id=delivery_id)
    return letter_of(pages.connection.execute(_BY_ID, {"the_id": letter_id}).one())


def note_bounce(pages: Pages, message_id: str, at: datetime, words: str) -> Letter | None:
    """
    Mark the letter with this Message-ID undelivered, if it is ours and left the house; else None.

    The identifier holds a keyed hash that only we can make, so nobody who was not written to can name one.
    """
    row = pages.connection.execute(_BY_MESSAGE_ID, {"the_message_id": bracketed(message_id)}).first()
    if row is None or row.state not in (LetterState.SENT.value, LetterState.IN_DOUBT.value):
        return None
    return _change(pages, letter_of(row), LetterState.UNDELIVERED, "letter_undelivered", at=at, words=words)


def letters_by_delivery(database: Database, delivery_ids: Sequence[str]) -> dict[str, tuple[Letter, ...]]:
    """Return the letters of several deliveries, oldest first; one without letters is not named."""
    found: dict[str, tuple[Letter, ...]] = {}
    with database.reading() as connection:
        for start in range(0, len(delivery_ids), IDS_AT_ONCE):
            some = delivery_ids[start : start + IDS_AT_ONCE]
            wanted = select(letters).where(letters.c.delivery_id.in_(some)).order_by(letters.c.created_at, letters.c.id)
            for row in connection.execute(wanted):
                found[row.delivery_id] = (*found.get(row.delivery_id, ()), letter_of(row))
    return found


def bracketed(message_id: str) -> str:
    """Return a Message-ID in its angle brackets, whether or not it came with them."""
    return "<" + message_id.strip().removeprefix("<").removesuffix(">").strip() + ">"


class Letters:
    """
    Letters and their states; every change is one transaction with its log entry.

    A letter leaves `sending` only by what the courier said; found there at the start, it is in doubt.
    Message-IDs are kept and returned in angle brackets, ready for a header.
    """

    def __init__(self, database: Database, message_id_domain: str) -> None:
        self._database = database
        self._domain = message_id_domain

    # 1. Sending

    def next_letters(
        self,
        now: datetime,
        *,
        states: Sequence[LetterState] = (LetterState.QUEUED, LetterState.APPROVED),
        limit: int = 100,
    ) -> tuple[Letter, ...]:
        """
        Letters of these states that are due at `now`, oldest first; approved ones are those that a clerk released.

        One that is put off beyond FARTHEST_RETRY was put off by a clock that ran ahead, and is due too.
        """
        return self._select(
            letters.c.state.in_([one.value for one in states]),
            or_(
                letters.c.next_attempt_at.is_(None),
                letters.c.next_attempt_at <= now,
                letters.c.next_attempt_at > now + FARTHEST_RETRY,
            ),
            limit=limit,
        )

    def mark_sending(self, letter_id: str, at: datetime) -> Letter | None:
        """Take the letter for sending; None if it is no longer due (another courier has it, or it was withheld)."""
        with writing(self._database) as pages:
            letter = _find(pages, letter_id)
            if letter.state not in (LetterState.QUEUED, LetterState.APPROVED) or not letter.to:
                return None
            values = {"attempts": letter.attempts + 1, "tried_at": at, "next_attempt_at": None}
            return _change(pages, letter, LetterState.SENDING, "letter_sending", at=at, values=values)

    def mark_sent(self, letter_id: str, at: datetime, words: str = "") -> Letter:
        """The relay took it."""
        return self._after_sending(letter_id, LetterState.SENT, "letter_sent", at, words, {"sent_at": at})

    def mark_try_later(self, letter_id: str, at: datetime, *, next_at: datetime, words: str) -> Letter:
        """It did not leave; it is due again at `next_at`, in the state it had before (an approval stays given)."""
        with writing(self._database) as pages:
            letter = _sending(_find(pages, letter_id))
            approved = select(func.count()).where(letters.c.id == letter_id, letters.c.approved_by.is_not(None))
            back = LetterState.APPROVED if pages.connection.execute(approved).scalar_one() else LetterState.QUEUED
            values = {"next_attempt_at": next_at, "tried_at": None}
            return _change(pages, letter, back, "letter_postponed", at=at, words=words, values=values)

    def mark_refused(self, letter_id: str, at: datetime, words: str) -> Letter:
        """It was refused for good: state failed."""
        return self._after_sending(letter_id, LetterState.FAILED, "letter_refused", at, words, {})

    def mark_in_doubt(self, letter_id: str, at: datetime, words: str) -> Letter:
        """It may or may not have left; only a person sends it again."""
        return self._after_sending(letter_id, LetterState.IN_DOUBT, "letter_in_doubt", at, words, {})

    def mark_undelivered(self, message_id: str, at: datetime, words: str) -> Letter | None:
        """A bounce names this Message-ID; None if it is none of ours that left."""
        with writing(self._database) as pages:
            return note_bounce(pages, message_id, at, words)

    def doubt_all_sending(self, at: datetime) -> tuple[Letter, ...]:
        """At start: letters found in `sending` are of a dead courier, so their fate is unknown."""
        with writing(self._database) as pages:
            wanted = select(letters).where(letters.c.state == LetterState.SENDING.value).order_by(letters.c.id)
            found = [letter_of(row) for row in pages.connection.execute(wanted)]
            words = "LETTER_INTERRUPTED"
            return tuple(
                _change(pages, one, LetterState.IN_DOUBT, "letter_in_doubt", at=at, words=words) for one in found
            )

    # 2. What a person does

    def approve_letter(self, letter_id: str, *, by: str, at: datetime, note: str = "") -> Letter:
        """
        A person releases a queued letter, or has one in doubt, failed, withheld or undelivered sent (again).

        Raises LetterError for a letter that is under way or gone, or that has nobody to go to.
        """
        with writing(self._database) as pages:
            letter = _find(pages, letter_id)
            if letter.state not in APPROVABLE:
                raise LetterError("LETTER_NOT_TO_RELEASE", letter_id=letter_id, state=letter.state.value)
            if not letter.to:
                raise LetterError("LETTER_WITHOUT_RECIPIENT", letter_id=letter_id)
            values = {"next_attempt_at": at, "approved_by": by, "error": None}
            return _change(
                pages, letter, LetterState.APPROVED, "letter_approved", at=at, actor=by, words=note, values=values
            )

    def withhold(self, letter_id: str, *, by: str, reason: str, at: datetime) -> Letter:
        """
        A person, or a brake (by = machine), keeps a letter in the house; the reason is a code.

        Raises LetterError for a letter that is under way or gone.
        """
        with writing(self._database) as pages:
            letter = _find(pages, letter_id)
            if letter.state in (LetterState.SENDING, LetterState.SENT):
                raise LetterError("LETTER_NOT_TO_WITHHOLD", letter_id=letter_id, state=letter.state.value)
            return _change(pages, letter, LetterState.WITHHELD, "letter_withheld", at=at, actor=by, words=reason)

    def mark_arrived(self, letter_id: str, *, by: str, reason: str, at: datetime) -> Letter:
        """
        A person learned that a letter in doubt, or one that a bounce named, did arrive: it counts as sent again.

        Whoever was written to knows the letter's Message-ID and could make up a bounce, so no bounce is the last word.
        Raises LetterError for a letter of another state.
        """
        with writing(self._database) as pages:
            letter = _find(pages, letter_id)
            if letter.state not in (LetterState.IN_DOUBT, LetterState.UNDELIVERED):
                raise LetterError("LETTER_NOT_DOUBTED", letter_id=letter_id, state=letter.state.value)
            sent_at = func.coalesce(letters.c.sent_at, letters.c.tried_at)
            values = {"sent_at": sent_at, "error": None}
            return _change(
                pages, letter, LetterState.SENT, "letter_arrived", at=at, actor=by, note=reason, values=values
            )

    def open_breaker(self, *, by: str, reason: str, at: datetime) -> int:
        """
        A person opens the breaker of the day: its count starts afresh, and what it held is due again; returns how many.

        The letters come back in the state they were stopped in, so that each is still under the cap of its address.
        """
        with writing(self._database) as pages:
            here = installation.c.name == _BREAKER_OPENED
            if not pages.connection.execute(update(installation).where(here).values(value=utc_text(at))).rowcount:
                pages.connection.execute(insert(installation).values(name=_BREAKER_OPENED, value=utc_text(at)))
            held = (letters.c.state == LetterState.WITHHELD.value, letters.c.error == CAP_PER_DAY)
            rows = pages.connection.execute(select(letters).where(*held).order_by(letters.c.id)).all()
            pages.append("breaker_opened", {"reason": clean(reason), "letters": len(rows)}, actor=by, at=at)
            for row in rows:
                back = LetterState.APPROVED if row.approved_by is not None else LetterState.QUEUED
                values = {"next_attempt_at": at, "error": None}
                _change(pages, letter_of(row), back, "letter_due_again", at=at, actor=by, values=values)
            return len(rows)

    def queue_letter(
        self, draft: LetterDraft, *, key: str, by: str, at: datetime, delivery_id: str | None = None
    ) -> Letter:
        """
        Queue a letter that no decision writes: a reminder, or news about what was decided long ago (`delivery_id`).

        The same `key` and kind gives the same letter.
        """
        with writing(self._database) as pages:
            queued = queue(
                pages,
                draft,
                about=key,
                delivery_id=delivery_id,
                at=at,
                actor=by,
                message_id_domain=self._domain,
            )
            if queued is not None:
                return queued
            wanted = select(letters).where(letters.c.about == key, letters.c.kind == draft.kind.value)
            return letter_of(pages.connection.execute(wanted.order_by(letters.c.ordinal).limit(1)).one())

    # 3. Looking

    def letter(self, letter_id: str) -> Letter:
        """Return one letter; raises WrongUse when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(_BY_ID, {"the_id": letter_id}).first()
        if row is None:
            raise _no_such_letter(letter_id)
        return letter_of(row)

    def letters_of(self, delivery_id: str) -> tuple[Letter, ...]:
        """The letters of one delivery, oldest first."""
        return self._select(letters.c.delivery_id == delivery_id, limit=None)

    def in_state(self, state: LetterState, *, limit: int = 1000) -> tuple[Letter, ...]:
        """Letters in one state, oldest first."""
        return self._select(letters.c.state == state.value, limit=limit)

    def latest(self, state: LetterState, *, limit: int = 200) -> tuple[Letter, ...]:
        """Letters in one state, newest first: for a list that a person reads."""
        wanted = select(letters).where(letters.c.state == state.value)
        newest = wanted.order_by(letters.c.created_at.desc(), letters.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return tuple(letter_of(row) for row in connection.execute(newest))

    def counts(self) -> dict[LetterState, int]:
        """How many letters are in each state, every state present."""
        wanted = select(letters.c.state, func.count()).group_by(letters.c.state)
        with self._database.reading() as connection:
            found: dict[str, int] = dict(connection.execute(wanted).all())
        return {state: found.get(state.value, 0) for state in LetterState}

    def withheld_for(self, reasons: Sequence[str]) -> dict[str, int]:
        """How many letters are kept in the house for each of these reasons; a reason that keeps none is left out."""
        wanted = (
            select(letters.c.error, func.count())
            .where(letters.c.state == LetterState.WITHHELD.value, letters.c.error.in_(reasons))
            .group_by(letters.c.error)
        )
        with self._database.reading() as connection:
            found: dict[str, int] = dict(connection.execute(wanted).all())
        return found

    def is_ours(self, message_id: str) -> bool:
        """Whether a Message-ID (with or without angle brackets) is of one of our letters."""
        with self._database.reading() as connection:
            return connection.execute(_BY_MESSAGE_ID, {"the_message_id": bracketed(message_id)}).first() is not None

    def sent_to_since(self, address: str, since: datetime) -> int:
        """How many letters went to an address (case ignored) since; in doubt and sending ones count."""
        position = func.instr if self._database.is_sqlite else func.strpos
        return self._gone(since, position(letters.c.recipient_folded, f",{address.strip().casefold()},") > 0)

    def sent_since(self, since: datetime) -> int:
        """How many letters went out since; in doubt and sending ones count."""
        return self._gone(since)

    def counted_by_breaker(self, since: datetime) -> int:
        """How many letters went out since, but none from before a person last opened the breaker of the day."""
        with self._database.reading() as connection:
            wanted = select(installation.c.value).where(installation.c.name == _BREAKER_OPENED)
            opened = connection.execute(wanted).scalar_one_or_none()
        return self._gone(since, *(() if opened is None else (letters.c.tried_at > datetime.fromisoformat(opened),)))

    def _gone(self, since: datetime, *conditions: ColumnElement[bool]) -> int:
        wanted = select(func.count()).where(letters.c.tried_at >= since, *conditions)
        with self._database.reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def _select(self, *conditions: ColumnElement[bool], limit: int | None) -> tuple[Letter, ...]:
        wanted = select(letters).where(*conditions).order_by(letters.c.created_at, letters.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(letter_of(row) for row in connection.execute(wanted))

    def _after_sending(
        self,
        letter_id: str,
        state: LetterState,
        event: str,
        at: datetime,
        words: str,
        values: Mapping[str, Any],
    ) -> Letter:
        with writing(self._database) as pages:
            return _change(pages, _sending(_find(pages, letter_id)), state, event, at=at, words=words, values=values)


def _message_id(pages: Pages, about: str, kind: LetterKind, ordinal: int, domain: str) -> str:
    """Make a Message-ID (RFC 5322, 3.6.4) that is fixed by what the letter is and cannot be guessed from outside."""
    wanted = select(installation.c.value).where(installation.c.name == "message_id_secret")
    secret = bytes.fromhex(pages.connection.execute(wanted).scalar_one())
    mark = hmac.new(secret, f"{about}|{kind.value}|{ordinal}".encode(), hashlib.sha256).hexdigest()[:24]
    return f"<{kind.value}.{ordinal}.{mark}@{domain}>"


def _addresses(to: str) -> str:
    """Return the recipients as ",a@x,b@y,", folded, so that one address is found exactly."""
    found = [one.strip().casefold() for one in to.split(",")]
    return "," + ",".join(one for one in found if one) + ","


def _find(pages: Pages, letter_id: str) -> Letter:
    row = pages.connection.execute(_BY_ID, {"the_id": letter_id}).first()
    if row is None:
        raise _no_such_letter(letter_id)
    return letter_of(row)


def _no_such_letter(letter_id: str) -> WrongUse:
    return WrongUse("LETTER_UNKNOWN", letter_id=repr(letter_id))


def _sending(letter: Letter) -> Letter:
    """Return the letter if it is being sent; raises LetterError otherwise: its fate was already recorded."""
    if letter.state is not LetterState.SENDING:
        raise LetterError("LETTER_NOT_SENDING", id=letter.id, state=letter.state.value)
    return letter


def _change(
    pages: Pages,
    letter: Letter,
    state: LetterState,
    event: str,
    *,
    at: datetime,
    actor: str = "machine",
    words: str = "",
    note: str = "",
    values: Mapping[str, Any] | None = None,
) -> Letter:
    """Write a letter's new state with its log entry; `words` also stand as its error, a `note` only in the log."""
    changed = {"state": state.value, **({"error": words} if words else {}), **(values or {})}
    pages.connection.execute(_UPDATE.values(changed), {"the_id": letter.id})
    said = clean(in_english(words) or note)
    detail = {"letter": letter.id, "now": {"state": state.value}} | ({"words": said} if said else {})
    pages.append(event, detail, actor=actor, at=at, delivery_id=letter.delivery_id)
    return letter_of(pages.connection.execute(_BY_ID, {"the_id": letter.id}).one())


def drafts_of(pages: Pages, drafts: Sequence[LetterDraft], delivery_id: str, **particulars: Any) -> tuple[Letter, ...]:
    """Queue the drafts that belong to one delivery; returns those that were queued."""
    queued = (queue(pages, one, about=delivery_id, delivery_id=delivery_id, **particulars) for one in drafts)
    return tuple(one for one in queued if one is not None)
