"""The ledger: what arrived, what was decided of it and by whom; every change is one transaction with its log entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.database import Database
from storage.letters import Letters
from storage.records import (
    Action,
    Arrival,
    Delivery,
    LetterDraft,
    LogEntry,
    Outage,
    Outcome,
    PendingApproval,
    Receipt,
    SourceHealth,
    Timeliness,
)


class SourceMemory(Protocol):
    """What the ledger remembers for one source (the port intake.ports.Memory)."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...

    def knows(self, source_key: str) -> bool: ...


WriteLetters = Callable[[Receipt], Sequence[LetterDraft]]


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How an agency's versions stand to each other, as a pure rule of the flow says.

    `operative` is the id of the version whose content counts (None: none does); `counted_at` and
    `counted_timeliness` are the moment that counts for it, which may be an earlier version's.
    """

    operative: str | None
    counted_at: datetime | None = None
    counted_timeliness: Timeliness | None = None


StandingRule = Callable[[Sequence[Delivery]], Standing]


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that waits and that nobody else works on now; `exhausted`: it was tried up to the cap, shelve it."""

    delivery: Delivery
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a person's action: `pending` is set when a second person must repeat it, and nothing changed."""

    delivery: Delivery
    pending: PendingApproval | None


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A new reading of one delivery's time after the campaign changed; the moment of receipt itself never changes."""

    delivery_id: str
    timeliness: Timeliness
    counted_at: datetime | None
    counted_timeliness: Timeliness | None


class Ledger:
    """
    The one place where facts about deliveries are changed.

    Safe for use from several threads. Times given must be aware; times returned are UTC.
    `ledger.letters` is the book of letters (storage/letters.py); `ledger.database` is shared with
    `Queries`, `Accounts`, `Lease` and the audit.
    """

    database: Database
    letters: Letters

    @classmethod
    def open(cls, url: str, *, message_id_domain: str = "phieu-intake.invalid") -> Ledger:
        """Open the ledger at an SQLAlchemy `url` (sqlite:///path or postgresql+psycopg://…); nothing is created yet."""
        raise NotImplementedError

    def upgrade(self) -> None:
        """Bring the schema to this program's version; doing it twice changes nothing."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of all connections."""
        raise NotImplementedError

    # 1. Receiving

    def receive(self, arrival: Arrival, *, same_bytes_is_same: bool) -> Delivery:
        """
        Record a thing whose bytes are in the vault; returns the delivery, the known one if the key is known.

        With `same_bytes_is_same` (mail), bytes already received from this source under another key are the
        same delivery: the key becomes an alias. An earlier `received_at` of such an alias moves the time
        earlier; nothing ever moves it later.
        """
        raise NotImplementedError

    def receive_many(self, arrivals: Sequence[Arrival], *, same_bytes_is_same: bool) -> tuple[Delivery, ...]:
        """Do `receive` for several in one transaction: all of them are recorded, or none."""
        raise NotImplementedError

    def knows(self, source: str, source_key: str) -> bool:
        """Whether there is a delivery under this key of this source."""
        raise NotImplementedError

    def memory(self, source: str) -> SourceMemory:
        """Return what is remembered for `source`; a SourceError-free port of small strings."""
        raise NotImplementedError

    def source_ok(self, source: str, at: datetime, counts: dict[str, int] | None = None) -> None:
        """Record a look that succeeded; closes an open outage of the source."""
        raise NotImplementedError

    def source_failed(self, source: str, at: datetime, error: str, remedy: str) -> None:
        """Record a look that failed; opens an outage, from the last good look, unless one is open."""
        raise NotImplementedError

    def health(self) -> tuple[SourceHealth, ...]:
        """How each source was when last looked at, by name."""
        raise NotImplementedError

    def outages(self, source: str | None = None) -> tuple[Outage, ...]:
        """The intervals in which a source could not be seen, oldest first."""
        raise NotImplementedError

    # 2. Looking

    def delivery(self, ref: str) -> Delivery:
        """Return the delivery with this id or receipt number; raises WrongUse when there is none."""
        raise NotImplementedError

    def versions(self, campaign: str, agency: str) -> tuple[Delivery, ...]:
        """All deliveries of an agency in a campaign, oldest `received_at` first."""
        raise NotImplementedError

    def bearing(self, sha256: str) -> tuple[Delivery, ...]:
        """Deliveries whose own bytes, form or any file have this digest, oldest first: to recognise copies."""
        raise NotImplementedError

    def by_message_id(self, message_id: str) -> tuple[Delivery, ...]:
        """Deliveries whose mail carried this Message-ID, oldest first; never an identity."""
        raise NotImplementedError

    def waiting(self) -> int:
        """How many deliveries wait to be examined."""
        raise NotImplementedError

    # 3. Taking in

    @contextmanager
    def claim(self, *, attempt_cap: int) -> Iterator[Claim | None]:
        """
        Hold the next waiting delivery while it is worked on; None when nothing waits that is free.

        Fewest attempts first, then oldest. On PostgreSQL the claim is a row lock on its own connection and
        vanishes with the process; on SQLite it holds among the threads of the one daemon.
        """
        yield None
        raise NotImplementedError

    def count_attempt(self, delivery_id: str) -> int:
        """Count one attempt at examining, committed before the attempt is made; returns how many it is now."""
        raise NotImplementedError

    def decide(
        self,
        delivery_id: str,
        outcome: Outcome,
        write_letters: WriteLetters,
        *,
        at: datetime,
        receipt_prefix: str,
        by: str = "machine",
        standing: StandingRule | None = None,
    ) -> Delivery:
        """
        File the outcome of an examination in one transaction: state, files, answers, number, letters, log.

        Does nothing and returns what is there if the delivery is no longer `received` (another worker was
        first). Receipt numbers are `{receipt_prefix}-{000001…}`, without gaps, and kept for ever by their
        delivery. `write_letters` is called inside the transaction with the number and the log head to quote;
        it must be quick and pure. A kind of letter that the delivery already has is not queued again.

        `standing` is asked, inside the transaction, with all FILED versions of the agency in this campaign
        (this one included, oldest first) and says which is operative. Without it `outcome.operative` and
        `counted_at` are taken at their word, and the version that stood before is superseded.
        Raises ValueError for an outcome that may not be (filed without agency, or with a failed signature).
        """
        raise NotImplementedError

    def act(
        self,
        delivery_id: str,
        action: Action,
        *,
        by: str,
        reason: str,
        note: str,
        at: datetime,
        needs_two: bool,
        receipt_prefix: str,
        write_letters: WriteLetters,
        link_to: str | None = None,
        agency: str | None = None,
        standing: StandingRule | None = None,
    ) -> Acted:
        """
        Do what a named person asks, or note it until a second, different one repeats it.

        accept: held -> filed; return: held, shelved, set_aside, filed -> returned; link (`link_to`): held, shelved,
        set_aside -> linked; dismiss: held, shelved, set_aside -> dismissed; retry: any but received and filed
        -> received; release: shelved, set_aside -> received, marked released. `agency` names the agency where the
        machine found none. The ledger insists on two persons, whatever `needs_two` says, for accepting what is
        not `passed` or came after grace, and for returning what was filed.
        Raises OfficeError (what, remedy) when the action is not open, the same person repeats, or the form's
        signature failed: nobody can accept that.
        """
        raise NotImplementedError

    def pending(self, delivery_id: str | None = None) -> tuple[PendingApproval, ...]:
        """Actions that wait for their second person, oldest first."""
        raise NotImplementedError

    # 4. Recorded acts

    def record_campaign(self, campaign: str, version: str, content: str, *, by: str, note: str, at: datetime) -> bool:
        """Record that `version` (digest) of a campaign file is in force; False if it already was the current one."""
        raise NotImplementedError

    def current_campaign_version(self, campaign: str) -> str | None:
        """The digest of the version in force, None if none was recorded."""
        raise NotImplementedError

    def rejudge(self, changes: Sequence[Rejudged], *, by: str, note: str, at: datetime) -> None:
        """Record new readings of time for several deliveries in one transaction, each with its log entry."""
        raise NotImplementedError

    def withdraw(
        self, delivery_id: str, *, by: str, reason: str, note: str, at: datetime, standing: StandingRule | None = None
    ) -> Delivery:
        """Mark a delivery as recalled by its sender (a revoking package names it); filed ones lose their standing."""
        raise NotImplementedError

    def note(
        self, event: str, detail: dict[str, object], *, actor: str, at: datetime, delivery_id: str | None = None
    ) -> LogEntry:
        """Write one line of the log that changes nothing else (trust added, clock fixed, clerk's remark)."""
        raise NotImplementedError

    def log_head(self) -> tuple[int, str]:
        """The number and hash of the last log entry; (0, 64 zeros) before the first."""
        raise NotImplementedError
