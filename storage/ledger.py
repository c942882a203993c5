"""The ledger: what arrived, what was decided of it and by whom; every change is one transaction with its log entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, or_, select

from storage.acting import Acted, Asked, act, pending_of
from storage.changing import change, find, no_such_delivery
from storage.claiming import Claim, Claims
from storage.database import Database
from storage.deciding import WriteLetters, close_approvals, decide
from storage.letters import Letters
from storage.logbook import head_of, writing
from storage.receiving import receive
from storage.records import (
    Action,
    Arrival,
    CampaignRecord,
    Delivery,
    LogEntry,
    Outage,
    Outcome,
    PendingApproval,
    SourceHealth,
    State,
    Timeliness,
    Why,
)
from storage.rows import delivery_of, whys_json
from storage.schema import upgrade
from storage.sourcebook import SourceMemory, health, knows, outages_of, source_failed, source_ok
from storage.standing import StandingRule, newest_stands
from storage.tables import approvals, campaigns, deliveries, files
from storage.types import clean, utc_text
from storage.versions import stand_anew, succession


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

    def __init__(self, database: Database, *, message_id_domain: str = "phieu-intake.invalid") -> None:
        self.database = database
        self.letters = Letters(database, message_id_domain)
        self._domain = message_id_domain
        self._claims = Claims(database)

    @classmethod
    def open(cls, url: str, *, message_id_domain: str = "phieu-intake.invalid") -> Ledger:
        """Open the ledger at an SQLAlchemy `url` (sqlite:///path or postgresql+psycopg://…); `upgrade` makes tables."""
        return cls(Database.open(url), message_id_domain=message_id_domain)

    def upgrade(self) -> None:
        """Bring the schema to this program's version; doing it twice changes nothing."""
        upgrade(self.database)

    def close(self) -> None:
        """Let go of all connections."""
        self.database.close()

    # 1. Receiving

    def receive(self, arrival: Arrival, *, same_bytes_is_same: bool) -> Delivery:
        """
        Record a thing whose bytes are in the vault; returns the delivery, the known one if the key is known.

        With `same_bytes_is_same` (mail), bytes already received from this source under another key are the
        same delivery: the key becomes an alias. An earlier `received_at` of such an alias moves the time
        earlier; nothing ever moves it later.
        """
        with writing(self.database) as pages:
            return receive(pages, arrival, same_bytes_is_same=same_bytes_is_same)

    def receive_many(self, arrivals: Sequence[Arrival], *, same_bytes_is_same: bool) -> tuple[Delivery, ...]:
        """Do `receive` for several in one transaction: all of them are recorded, or none."""
        with writing(self.database) as pages:
            return tuple(receive(pages, one, same_bytes_is_same=same_bytes_is_same) for one in arrivals)

    def knows(self, source: str, source_key: str) -> bool:
        """Whether there is a delivery under this key of this source."""
        return knows(self.database, source, source_key)

    def memory(self, source: str) -> SourceMemory:
        """Return what is remembered for `source`: the port intake.ports.Memory."""
        return SourceMemory(self.database, source)

    def source_ok(self, source: str, at: datetime, counts: Mapping[str, int] | None = None) -> None:
        """Record a look that succeeded; closes an open outage of the source."""
        source_ok(self.database, source, at, counts or {})

    def source_failed(self, source: str, at: datetime, error: str, remedy: str) -> None:
        """Record a look that failed (`error` is an OfficeError's `kept`); opens an outage, from the last good look."""
        source_failed(self.database, source, at, error, remedy)

    def health(self) -> tuple[SourceHealth, ...]:
        """How each source was when last looked at, by name."""
        return health(self.database)

    def outages(self, source: str | None = None) -> tuple[Outage, ...]:
        """The intervals in which a source could not be seen, oldest first."""
        return outages_of(self.database, source)

    # 2. Looking

    def delivery(self, ref: str) -> Delivery:
        """Return the delivery with this id or receipt number; raises WrongUse when there is none."""
        found = self._select(_NAMED, ref=ref)
        if not found:
            raise no_such_delivery(ref)
        return found[0]

    def versions(self, campaign: str, agency: str) -> tuple[Delivery, ...]:
        """All deliveries of an agency in a campaign, oldest `received_at` first."""
        return self._select(_VERSIONS, campaign=campaign, agency=agency)

    def bearing(self, sha256: str) -> tuple[Delivery, ...]:
        """Deliveries whose own bytes, form or any file have this digest, oldest first: to recognise copies."""
        return self._select(_BEARING, sha256=sha256)

    def counted_later_than_received(self) -> tuple[Delivery, ...]:
        """
        Deliveries that are judged by a later moment than the one they are now known to have come at, oldest first.

        Only an alias with an earlier moment makes one; a judgement never counts later than the moment of receipt.
        """
        return self._select(_COUNTED_LATER)

    def by_message_id(self, message_id: str) -> tuple[Delivery, ...]:
        """Deliveries whose mail carried this Message-ID, oldest first; never an identity."""
        return self._select(_BY_MESSAGE_ID, message_id=message_id)

    def waiting(self) -> int:
        """How many deliveries wait to be examined."""
        wanted = select(func.count()).where(deliveries.c.state == State.RECEIVED.value)
        with self.database.reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    # 3. Taking in

    def claim(self, *, attempt_cap: int) -> AbstractContextManager[Claim | None]:
        """Hold the next waiting delivery while it is worked on; None when nothing waits that is free."""
        return self._claims.claim(attempt_cap=attempt_cap)

    def judging(self) -> AbstractContextManager[None]:
        """Let one judge at a time, on all machines; see `Claims.judging`."""
        return self._claims.judging()

    def count_attempt(self, delivery_id: str) -> int:
        """Count one attempt at examining, committed before the attempt is made; returns how many it is now."""
        return self._claims.count_attempt(delivery_id)

    def forgive_attempt(self, delivery_id: str) -> None:
        """Take back one counted attempt: what failed was not the delivery's fault (a full disk)."""
        self._claims.forgive_attempt(delivery_id)

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
        with writing(self.database) as pages:
            return decide(
                pages,
                delivery_id,
                outcome,
                write_letters,
                at=at,
                receipt_prefix=receipt_prefix,
                by=by,
                standing=standing,
                message_id_domain=self._domain,
            )

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
        not `passed` or came after grace, for returning what was filed, and for retrying what two persons decided or
        its sender recalled. `standing` None: the newest version stands.
        Raises OfficeError (what, remedy) when the action is not open, the same person repeats, or the form's
        signature failed: nobody can accept that.
        """
        with writing(self.database) as pages:
            return act(
                pages,
                delivery_id,
                Asked(action, by, reason, note, at, link_to, agency),
                needs_two=needs_two,
                receipt_prefix=receipt_prefix,
                write_letters=write_letters,
                standing=standing or newest_stands,
                message_id_domain=self._domain,
            )

    def pending(self, delivery_id: str | None = None) -> tuple[PendingApproval, ...]:
        """Actions that wait for their second person, oldest first."""
        wanted = select(approvals).where(approvals.c.fate.is_(None)).order_by(approvals.c.at, approvals.c.number)
        if delivery_id is not None:
            wanted = wanted.where(approvals.c.delivery_id == delivery_id)
        with self.database.reading() as connection:
            return tuple(pending_of(row) for row in connection.execute(wanted))

    def withdraw(
        self, delivery_id: str, *, by: str, reason: str, note: str, at: datetime, standing: StandingRule | None = None
    ) -> Delivery:
        """
        Mark a delivery as recalled by its sender (a revoking package names it); filed ones lose their standing.

        One that is withdrawn already is returned as it is. `standing` None: the newest remaining version stands.
        """
        with writing(self.database) as pages:
            delivery = find(pages, delivery_id)
            if delivery.state is State.WITHDRAWN:
                return delivery
            reasons = (*delivery.reasons, Why(reason, note))
            will_be = replace(delivery, state=State.WITHDRAWN, reasons=reasons)
            heirs = succession(pages, will_be, standing or newest_stands)
            values: dict[str, Any] = {"state": State.WITHDRAWN, "decided_at": at, "decided_by": by}
            values |= {"reasons": whys_json(reasons), **heirs.own}
            heirs.step_back(pages, actor=by, at=at)
            detail = {"reason": reason, "note": note}
            changed = change(pages, delivery.id, values, "withdrawn", actor=by, at=at, detail=detail)
            heirs.step_up(pages, actor=by, at=at)
            close_approvals(pages, delivery.id, "void", at=at, by=by)
            return changed.delivery

    # 4. Recorded acts

    def record_campaign(self, campaign: str, version: str, content: str, *, by: str, note: str, at: datetime) -> bool:
        """Record that `version` (digest) of a campaign file is in force; False if it already was the current one."""
        with writing(self.database) as pages:
            wanted = select(campaigns).where(campaigns.c.campaign == campaign).order_by(campaigns.c.number.desc())
            last = pages.connection.execute(wanted.limit(1)).first()
            if last is not None and last.version == version:
                return False
            number = 1 if last is None else last.number + 1
            row = {"campaign": campaign, "number": number, "version": version, "content": content}
            pages.connection.execute(insert(campaigns), {**row, "recorded_by": by, "note": note, "at": at})
            detail = {"campaign": campaign, "number": number, "version": version, "note": note}
            pages.append("campaign_recorded", detail, actor=by, at=at)
            return True

    def campaign_history(self, campaign: str) -> tuple[CampaignRecord, ...]:
        """Every version of a campaign file that was recorded, oldest first."""
        wanted = select(campaigns).where(campaigns.c.campaign == campaign).order_by(campaigns.c.number)
        with self.database.reading() as connection:
            return tuple(
                CampaignRecord(row.number, row.version, row.content, row.recorded_by, row.note, row.at)
                for row in connection.execute(wanted)
            )

    def current_campaign_version(self, campaign: str) -> str | None:
        """The digest of the version in force, None if none was recorded."""
        with self.database.reading() as connection:
            return connection.execute(_CAMPAIGN_VERSION, {"campaign": campaign}).scalar_one_or_none()

    def rejudge(
        self,
        changes: Sequence[Rejudged],
        *,
        by: str,
        note: str,
        at: datetime,
        standing: Mapping[tuple[str, str], StandingRule] | None = None,
    ) -> None:
        """
        Record new readings of time for several deliveries in one transaction, each with its log entry.

        `standing` gives the rule of each (campaign, agency) whose versions may stand otherwise by the new readings:
        one that was too late may be the last in time now. It is asked with the new readings.
        """
        with writing(self.database) as pages:
            for one in changes:
                delivery = find(pages, one.delivery_id)
                values = {
                    "timeliness": one.timeliness,
                    "counted_at": one.counted_at,
                    "counted_timeliness": one.counted_timeliness,
                }
                was = {
                    "timeliness": delivery.timeliness,
                    "counted_at": None if delivery.counted_at is None else utc_text(delivery.counted_at),
                    "counted_timeliness": delivery.counted_timeliness,
                }
                change(pages, delivery.id, values, "rejudged", actor=by, at=at, detail={"note": note, "was": was})
            for (campaign, agency), rule in (standing or {}).items():
                stand_anew(pages, campaign, agency, rule, actor=by, at=at, note=note)

    def note(
        self, event: str, detail: Mapping[str, object], *, actor: str, at: datetime, delivery_id: str | None = None
    ) -> LogEntry:
        """
        Write one line of the log that changes nothing else (trust added, clock fixed, clerk's remark).

        `detail` must be JSON-ready and has no key `now`: that word is kept for changes of rows.
        """
        if "now" in detail:
            raise ValueError("`now` says what a row has become, and this entry changes no row")
        with writing(self.database) as pages:
            return pages.append(clean(event), detail, actor=actor, at=at, delivery_id=delivery_id)

    def log_head(self) -> tuple[int, str]:
        """The number and hash of the last log entry; (0, 64 zeros) before the first."""
        return head_of(self.database)

    def _select(self, wanted: Select[Any], **particulars: str) -> tuple[Delivery, ...]:
        with self.database.reading() as connection:
            return tuple(delivery_of(row) for row in connection.execute(wanted, particulars))


def _oldest_first(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(deliveries).where(*conditions).order_by(deliveries.c.received_at, deliveries.c.id)


# Made once: building a statement costs more than running it, and each delivery that is filed asks all of these.
_NAMED = _oldest_first(or_(deliveries.c.id == bindparam("ref"), deliveries.c.receipt_no == bindparam("ref")))
_VERSIONS = _oldest_first(deliveries.c.campaign == bindparam("campaign"), deliveries.c.agency == bindparam("agency"))
_BEARING = _oldest_first(
    deliveries.c.id.in_(
        select(files.c.delivery_id)
        .where(files.c.sha256 == bindparam("sha256"))
        .union(
            select(deliveries.c.id).where(
                or_(deliveries.c.sha256 == bindparam("sha256"), deliveries.c.form_sha256 == bindparam("sha256"))
            )
        )
    )
)
_COUNTED_LATER = _oldest_first(deliveries.c.counted_at > deliveries.c.received_at)
_BY_MESSAGE_ID = _oldest_first(deliveries.c.message_id == bindparam("message_id"))
_CAMPAIGN_VERSION = (
    select(campaigns.c.version)
    .where(campaigns.c.campaign == bindparam("campaign"))
    .order_by(campaigns.c.number.desc())
    .limit(1)
)
