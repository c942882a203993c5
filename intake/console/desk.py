"""What lies on the console's desk: the shelves it reads from, and the clerk who acts on what it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from config.campaign import Campaign
from config.catalogue import Catalogue
from config.errors import OfficeError
from config.roster import Roster
from intake.ports import Clock
from storage.accounts import Accounts
from storage.ledger import Ledger
from storage.queries import Queries
from storage.records import Action, LetterDraft, State, Timeliness, Why
from storage.vault import Vault


class Refused(OfficeError):
    """The clerk's office will not do what was asked; the words and the remedy are shown on the page."""


@dataclass(frozen=True, slots=True)
class Request:
    """
    What a named person wants done with one delivery.

    `reason` is a code of `intake/console/choices.py`. `target` is, for LINK, the id or receipt number of the
    delivery this is a copy of; for ACCEPT, the roster id of the agency where the machine found none (or the clerk
    names another one), else empty.
    """

    delivery_id: str
    action: Action
    by: str
    reason: str
    note: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """
    Whether a person may ask for an action now.

    `forbidden` lists why not (empty: allowed). `needs_second` says that two different persons must ask.
    `waiting_for_second` names the person who asked first, None if nobody did; the same person cannot complete it.
    """

    action: Action
    forbidden: tuple[Why, ...] = ()
    needs_second: bool = False
    waiting_for_second: str | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a request would do: the state after it, the letter it would queue (None: none), and whether it waits."""

    state: State
    letter: LetterDraft | None
    waits_for_second: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What a request did; `waits_for_second`: it is recorded, and changes nothing until another person repeats it."""

    state: State
    waits_for_second: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """One delivery whose timeliness another `closes` would change."""

    delivery_id: str
    receipt_no: str | None
    agency: str | None
    received_at: datetime
    before: Timeliness
    after: Timeliness


@dataclass(frozen=True, slots=True)
class Extension:
    """
    A later end of grace, as a named person orders it; `closes` is aware, the first instant outside.

    `approved_by` is the person with authority who signed the order, `by` the account that records it.
    """

    closes: datetime
    basis: str
    approved_by: str
    approved_on: date
    by: str


class Clerk(Protocol):
    """
    Everything a person may do; the command line uses the same object.

    Every method raises Refused where the rules forbid it (with the reason), and OfficeError for a broken world.
    Nothing here trusts the page: permissions are judged again inside the transaction.
    """

    def permissions(self, delivery_id: str, by: str) -> tuple[Permission, ...]:
        """Return one Permission for each Action, in the order of the enumeration; LookupError: no such delivery."""

    def foresee(self, request: Request) -> Foreseen:
        """Say what `request` would do, changing nothing."""

    def act(self, request: Request) -> Done:
        """Do it (or record the first of two askings), log it under `request.by`, and queue its letter."""

    def approve_letter(self, letter_id: str, by: str) -> None:
        """Let a queued letter go (mode = approve); one already approved or sent is Refused."""

    def settle_letter(self, letter_id: str, *, resend: bool, reason: str, by: str) -> None:
        """Decide about a letter in doubt, undelivered, failed or braked: send it again, or note that it is settled."""

    def letter_arrived(self, letter_id: str, *, reason: str, by: str) -> None:
        """Note that a letter in doubt, or one that a bounce named, did arrive."""

    def open_breaker(self, *, reason: str, by: str) -> int:
        """Open the breaker of the day, so that its count starts afresh; returns how many letters are due again."""

    def foresee_extension(self, closes: datetime) -> tuple[Shift, ...]:
        """List the deliveries whose timeliness would change if grace ended at `closes`; Refused if it is not later."""

    def extend(self, extension: Extension) -> None:
        """Write the campaign's new version, log the act, and judge again what it touches."""


@dataclass(frozen=True, slots=True)
class HealthLine:
    """
    One outside thing as `intake doctor` found it; `ok` None means that it could not be told.

    `said` and `remedy` are Vietnamese; an error says the same in English in `said_en` and `remedy_en`.
    """

    name: str
    ok: bool | None
    said: str
    remedy: str = ""
    said_en: str = ""
    remedy_en: str = ""


class CaughtLetter(Protocol):
    """A letter that the demonstration's mail sink caught (intake/demo/caught.py); shown as text, whatever it holds."""

    @property
    def name(self) -> str:
        """The name by which its page is called."""

    @property
    def caught_at(self) -> datetime: ...

    @property
    def envelope_from(self) -> str: ...

    @property
    def to(self) -> tuple[str, ...]: ...

    @property
    def subject(self) -> str: ...

    @property
    def message_id(self) -> str: ...

    @property
    def in_reply_to(self) -> str: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CampaignVersion:
    """One earlier or present version of the campaign file, as the log recorded it."""

    version: str
    at: datetime
    by: str
    closes: datetime
    due: datetime
    basis: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class Desk:
    """
    All that the console may touch.

    `campaign` and `roster` are asked for each page, so a change in the files shows without a restart.
    `doctor` may take seconds; it is called only on the health page. `letter_mode` is send | rehearse | approve.
    `served_by_https` turns on the Secure mark of cookies (set it when a proxy ends TLS in front of us).
    `caught_letters` is None outside the demonstration. `disk` is a folder on the file system to watch;
    below `disk_floor_bytes` of free room the intake pauses. After `letters_per_day` letters in 24 hours the breaker
    stops all others until a person opens it.
    """

    office_name: str
    zone: ZoneInfo
    campaign: Callable[[], Campaign]
    roster: Callable[[], Roster]
    ledger: Ledger
    queries: Queries
    vault: Vault
    clerk: Clerk
    clock: Clock
    doctor: Callable[[], Sequence[HealthLine]]
    letter_mode: str = "send"
    catalogue: Callable[[], Catalogue | None] | None = None
    campaign_versions: Callable[[], Sequence[CampaignVersion]] | None = None
    caught_letters: Callable[[], Sequence[CaughtLetter]] | None = None
    served_by_https: bool = False
    demonstration: bool = False
    disk: Path | None = None
    disk_floor_bytes: int = 0
    letters_per_day: int = 500

    @property
    def accounts(self) -> Accounts:
        """The accounts, in the same database as the ledger."""
        return Accounts(self.ledger.database)
