"""The facts the office keeps, as frozen records: deliveries, files, answers, letters, log entries, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal


class Channel(StrEnum):
    """The way by which a delivery came."""

    MAIL = "mail"
    QLVB = "qlvb"
    HAND = "hand"


class State(StrEnum):
    """Where a delivery stands; contract section 5 gives the meanings."""

    RECEIVED = "received"
    FILED = "filed"
    HELD = "held"
    RETURNED = "returned"
    SET_ASIDE = "set_aside"
    LINKED = "linked"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    SHELVED = "shelved"


class Timeliness(StrEnum):
    """How a moment of receipt stands to the two cut-offs (letter 697, section 3)."""

    ON_TIME = "on_time"
    IN_GRACE = "in_grace"
    AFTER_GRACE = "after_grace"


class LetterKind(StrEnum):
    """What a letter tells the agency."""

    RECEIPT = "receipt"
    DEFECT = "defect"
    OUTCOME = "outcome"
    RETURN = "return"
    REMINDER = "reminder"


class LetterState(StrEnum):
    """Where a letter stands; `in_doubt` is for a person: it may or may not have left."""

    QUEUED = "queued"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    UNDELIVERED = "undelivered"
    WITHHELD = "withheld"
    FAILED = "failed"


class Action(StrEnum):
    """What a named person may do with a delivery."""

    ACCEPT = "accept"
    RETURN = "return"
    LINK = "link"
    DISMISS = "dismiss"
    RETRY = "retry"
    RELEASE = "release"


class Role(StrEnum):
    """What an account may do: look, decide, or also administer."""

    VIEWER = "viewer"
    CLERK = "clerk"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Why:
    """A reason code (see config/reasons/) with the particulars of this case."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One reading of one clock: `name` is e.g. internaldate, received_header, date_header, first_seen."""

    name: str
    at: datetime | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    What a source says of a thing whose bytes are already safe in the vault.

    `source_key` is unique within `source` for ever (mailbox + UIDVALIDITY + UID, or path + digest).
    `received_at` is the moment that counts and `received_by` its witness, e.g. "imap-internaldate".
    `received_at_earliest` opens the interval when only an interval is known (a folder item), else None.
    """

    source: str
    source_key: str
    channel: Channel
    received_at: datetime
    received_by: str
    seen_at: datetime
    sha256: str
    size: int
    name: str = ""
    sender: str = ""
    subject: str = ""
    received_at_earliest: datetime | None = None
    clocks: tuple[ClockReading, ...] = ()
    reasons: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One thing that arrived, as the ledger has it; times are aware (UTC inside the program).

    `signature` is the form's verdict (report.Verdict value) or None before examination. `operative` is true for
    the one delivery that stands for its agency. `timeliness` is by this delivery's own moment; the operative
    version's counted moment may be an earlier version's and is kept in `counted_at` and `counted_timeliness`.
    `campaign` is the id of the campaign it was judged under (None before). `released` says that a named person
    let it out of quarantine, so that a scanner's word no longer shelves it. `examination` counts the decisions by
    examination, from 1 (0: never examined); files and answers of earlier ones are kept.
    """

    id: str
    source: str
    source_key: str
    channel: Channel
    received_at: datetime
    received_by: str
    seen_at: datetime
    sha256: str
    size: int
    name: str
    sender: str
    subject: str
    state: State
    attempts: int = 0
    receipt_no: str | None = None
    agency: str | None = None
    timeliness: Timeliness | None = None
    counted_at: datetime | None = None
    counted_timeliness: Timeliness | None = None
    signature: str | None = None
    operative: bool = False
    form_sha256: str | None = None
    supersedes: str | None = None
    linked_to: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    received_at_earliest: datetime | None = None
    message_id: str | None = None
    reasons: tuple[Why, ...] = ()
    clocks: tuple[ClockReading, ...] = ()
    campaign: str | None = None
    released: bool = False
    examination: int = 0


@dataclass(frozen=True, slots=True)
class FiledFile:
    """
    One file of a delivery; its bytes are in the vault under `sha256`.

    `role` is form | detached_signature | attachment | envelope. `report` is the verification report in the
    shape of `intake-verify/1` files[] (None: not a document that is verified). `evidence` maps kind to vault digests.
    """

    trail: tuple[str, ...]
    name: str | None
    declared_type: str
    media_type: str
    size: int
    sha256: str
    role: str
    report: Mapping[str, Any] | None = None
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One criterion's answer as read from a form; the columns are those of the view `scoring_answers`."""

    criterion_id: str
    kind: str
    value_text: str | None = None
    value_number: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    self_score: Decimal | None = None
    max_points: Decimal | None = None
    evidence: str | None = None
    source: Literal["docx", "pdf", "xlsx", "keyed"] = "docx"
    confidence: float = 1.0
    checked_by: str | None = None


@dataclass(frozen=True, slots=True)
class LetterDraft:
    """
    A letter to be queued with the decision; `to` empty means that nobody registered may be written to (withheld).

    For a status package `to` is the agency's organ id, `in_reply_to` the document's id, and `references` the status
    code to report (01, 02 or 03).
    """

    kind: LetterKind
    to: str
    subject: str
    body: str
    in_reply_to: str | None = None
    references: str | None = None
    carrier: Literal["mail", "status_package"] = "mail"
    withheld_because: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A queued letter and its fate; unique per delivery, kind and number, with a Message-ID fixed for ever."""

    id: str
    delivery_id: str | None
    kind: LetterKind
    to: str
    subject: str
    body: str
    state: LetterState
    message_id: str
    carrier: str
    created_at: datetime
    in_reply_to: str | None = None
    references: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a letter quotes of the deciding transaction: the number, and the head of the log it is written into."""

    receipt_no: str | None
    log_head: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The whole result of examining a delivery, ready to be filed in one transaction.

    `takes_number` says that this delivery is a submission and gets a receipt number. `message_id` is the
    mail's own Message-ID (never an identity). `flaws` are what the form lacks. `campaign` is the campaign's id,
    `campaign_version` the digest of the version that was applied (both empty only where no campaign is judged).
    """

    state: State
    reasons: tuple[Why, ...]
    takes_number: bool
    agency: str | None = None
    timeliness: Timeliness | None = None
    counted_at: datetime | None = None
    counted_timeliness: Timeliness | None = None
    signature: str | None = None
    operative: bool = False
    form_sha256: str | None = None
    supersedes: str | None = None
    linked_to: str | None = None
    sender: str | None = None
    subject: str | None = None
    message_id: str | None = None
    files: tuple[FiledFile, ...] = ()
    answers: tuple[Answer, ...] = ()
    flaws: tuple[Why, ...] = ()
    clocks: tuple[ClockReading, ...] = ()
    campaign: str = ""
    campaign_version: str = ""
    policy_version: str = ""
    bounced_message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """One recorded version of a campaign file: `number` from 1, `version` its digest, `content` its whole text."""

    number: int
    version: str
    content: str
    by: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """An action that one named person has asked for and a second, different one must repeat."""

    delivery_id: str
    action: Action
    by: str
    reason: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """
    One line of the intake log; `hash` covers every other field and the hash before it.

    `seq` counts from 1 without gaps. `actor` is "machine" or an account name. `detail` is JSON-ready.
    """

    seq: int
    at: datetime
    event: str
    delivery_id: str | None
    actor: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may use the console; the password hash never leaves storage."""

    name: str
    full_name: str
    role: Role
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """
    How a source was when it was last looked at; `failing_since` opens an outage interval.

    `error` and `remedy` are English; `error_vi` and `remedy_vi` say the same, "" for rows of an earlier version.
    """

    source: str
    last_tried_at: datetime | None
    last_ok_at: datetime | None
    failing_since: datetime | None = None
    error: str | None = None
    remedy: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    error_vi: str = ""
    remedy_vi: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """
    An interval in which a source could not be seen; `until` None: still so.

    `error` is English; `error_vi` says the same, "" for rows of an earlier version.
    """

    source: str
    since: datetime
    until: datetime | None
    error: str
    error_vi: str = ""
