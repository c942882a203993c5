"""What the faces read: the intake log, one delivery, the board, the sums; nothing here changes anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, distinct, func, or_, select, text

from config.reasons import in_english
from storage.changing import no_such_delivery
from storage.database import Database
from storage.letters import letters_by_delivery
from storage.records import Account, Channel, Delivery, Letter, LogEntry, State, Timeliness
from storage.rows import account_of, answer_of, delivery_of, entry_of, file_of, whys_json
from storage.search import fold, like_patterns
from storage.tables import accounts, answers, deliveries, files, flaws, log, source_keys

# A delivery in one of these says nothing of whether its agency has submitted (contract section 5).
NOT_ON_THE_BOARD = (State.SET_ASIDE, State.LINKED, State.DISMISSED)

BOARD_STATES: Mapping[State, str] = MappingProxyType(
    {
        State.RECEIVED: "received",
        State.SHELVED: "received",
        State.HELD: "held",
        State.RETURNED: "returned",
        State.FILED: "filed",
        State.WITHDRAWN: "withdrawn",
    }
)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """
    Which deliveries to list; empty fields ask nothing. `words` is searched without regard to marks and case.

    `unmatched` asks for submissions whose agency is not known (no agency; not set aside, linked or dismissed).
    `needs_decision` asks for those that a person must decide (held, or shelved).
    `since` is included, `until` is not; both are about `received_at`.
    """

    state: State | None = None
    agency: str | None = None
    campaign: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    needs_decision: bool = False
    limit: int | None = 100
    offset: int = 0
    channel: Channel | None = None
    timeliness: Timeliness | None = None
    signature: str | None = None
    unmatched: bool = False


@dataclass(frozen=True, slots=True)
class RosterRow:
    """What the board must know of one agency on the roster."""

    id: str
    name: str
    channel: str


NO_NAMES: Mapping[str, str] = MappingProxyType({})
ALL = LogFilter()


class Queries:
    """
    Read-only views of the ledger, in the shapes of contract section 5; times in `zone`, RFC 3339.

    With `agency_names` (roster id -> name) the search for words finds deliveries by their agency's name, too.
    """

    def __init__(self, database: Database, zone: tzinfo, agency_names: Mapping[str, str] = NO_NAMES) -> None:
        self._database = database
        self._zone = zone
        self._agency_names = agency_names

    # 1. The intake log

    def log(self, wanted: LogFilter = ALL) -> dict[str, Any]:
        """`intake-log/1`, newest first; adds `total`, the number without limit."""
        found = self.deliveries(wanted)
        of_each = letters_by_delivery(self._database, [one.id for one in found])
        return {
            "schema": "intake-log/1",
            "total": self.count(wanted),
            "deliveries": [self._delivery_json(one, of_each.get(one.id, ())) for one in found],
        }

    def deliveries(self, wanted: LogFilter = ALL) -> tuple[Delivery, ...]:
        """The same deliveries as records."""
        statement = (
            select(deliveries)
            .where(*self._conditions(wanted))
            .order_by(deliveries.c.received_at.desc(), deliveries.c.id.desc())
            .limit(wanted.limit)
            .offset(wanted.offset or None)
        )
        with self._database.reading() as connection:
            return tuple(delivery_of(row) for row in connection.execute(statement))

    def count(self, wanted: LogFilter = ALL) -> int:
        """How many deliveries the filter finds, limit and offset ignored."""
        statement = select(func.count()).select_from(deliveries).where(*self._conditions(wanted))
        with self._database.reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def _conditions(self, wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
        columns = deliveries.c
        for column, value in (
            (columns.state, wanted.state),
            (columns.agency, wanted.agency),
            (columns.campaign, wanted.campaign),
            (columns.source, wanted.source),
            (columns.channel, wanted.channel),
            (columns.timeliness, wanted.timeliness),
            (columns.signature, wanted.signature),
        ):
            if value is not None:
                yield column == str(value)
        if wanted.since is not None:
            yield columns.received_at >= wanted.since
        if wanted.until is not None:
            yield columns.received_at < wanted.until
        if wanted.needs_decision:
            yield columns.state.in_([State.HELD.value, State.SHELVED.value])
        if wanted.unmatched:
            yield and_(columns.agency.is_(None), columns.state.not_in([one.value for one in NOT_ON_THE_BOARD]))
        for pattern in like_patterns(wanted.words):
            word = pattern.strip("%").replace("\\", "")
            named = [one for one, name in self._agency_names.items() if word in fold(name)]
            yield or_(columns.search_text.like(pattern, escape="\\"), columns.agency.in_(named))

    # 2. One delivery

    def show(self, ref: str) -> dict[str, Any]:
        """One delivery with timeline, files, signatures, form and clocks; raises WrongUse when there is none."""
        with self._database.reading() as connection:
            statement = select(deliveries).where(or_(deliveries.c.id == ref, deliveries.c.receipt_no == ref))
            row = connection.execute(statement).first()
            if row is None:
                raise no_such_delivery(ref)
            delivery = delivery_of(row)

            def of_this(table: Any) -> Select[Any]:
                here = (table.c.delivery_id == delivery.id, table.c.examination == delivery.examination)
                return select(table).where(*here).order_by(table.c.number)

            its_files = [file_of(one) for one in connection.execute(of_this(files))]
            its_answers = [answer_of(one) for one in connection.execute(of_this(answers))]
            its_flaws = [{"code": one.code, "detail": one.detail} for one in connection.execute(of_this(flaws))]
            keys = connection.execute(
                select(source_keys).where(source_keys.c.delivery_id == delivery.id).order_by(source_keys.c.seen_at)
            ).all()
        letters = letters_by_delivery(self._database, [delivery.id]).get(delivery.id, ())
        return {
            "schema": "intake-show/1",
            **self._delivery_json(delivery, letters),
            "name": delivery.name,
            "campaign": delivery.campaign,
            "campaign_version": row.campaign_version,
            "policy_version": row.policy_version,
            "message_id": delivery.message_id,
            "form_sha256": delivery.form_sha256,
            "received_at_earliest": self._moment(delivery.received_at_earliest),
            "counted_at": self._moment(delivery.counted_at),
            "counted_timeliness": delivery.counted_timeliness,
            "decided_at": self._moment(delivery.decided_at),
            "decided_by": delivery.decided_by,
            "attempts": delivery.attempts,
            "released": delivery.released,
            "examination": delivery.examination,
            "source_keys": [{"key": one.source_key, "seen_at": self._moment(one.seen_at)} for one in keys],
            "timeline": [self._entry_json(one) for one in self.timeline(delivery.id)],
            "files": [
                {
                    "name": one.name,
                    "trail": list(one.trail),
                    "role": one.role,
                    "declared_type": one.declared_type,
                    "media_type": one.media_type,
                    "size": one.size,
                    "sha256": one.sha256,
                    "report": one.report,
                    "evidence": [{"kind": kind, "sha256": digest} for kind, digest in one.evidence],
                }
                for one in its_files
            ],
            "signatures": [
                {"file": one.name, "file_sha256": one.sha256, **signature}
                for one in its_files
                if one.report is not None
                for signature in one.report.get("signatures", ())
            ],
            "form": {
                "answers": [
                    {
                        "criterion_id": one.criterion_id,
                        "kind": one.kind,
                        "value_text": one.value_text,
                        "value_number": number_json(one.value_number),
                        "numerator": number_json(one.numerator),
                        "denominator": number_json(one.denominator),
                        "self_score": number_json(one.self_score),
                        "max_points": number_json(one.max_points),
                        "evidence": one.evidence,
                        "source": one.source,
                        "confidence": one.confidence,
                        "checked_by": one.checked_by,
                    }
                    for one in its_answers
                ],
                "flaws": its_flaws,
            },
            "clocks": [{"name": one.name, "at": self._moment(one.at), "detail": one.detail} for one in delivery.clocks],
        }

    def timeline(self, delivery_id: str) -> tuple[LogEntry, ...]:
        """The log entries about one delivery, oldest first."""
        return self._entries(select(log).where(log.c.delivery_id == delivery_id).order_by(log.c.seq))

    def entries(self, *, after: int = 0, limit: int = 1000) -> tuple[LogEntry, ...]:
        """The log itself, from the entry after `after`."""
        return self._entries(select(log).where(log.c.seq > after).order_by(log.c.seq).limit(limit))

    def _entries(self, statement: Select[Any]) -> tuple[LogEntry, ...]:
        with self._database.reading() as connection:
            return tuple(entry_of(row, json.loads(row.detail)) for row in connection.execute(statement))

    # 3. The board

    def board(
        self, campaign: str, roster: Sequence[RosterRow], *, as_of: datetime, due: datetime, closes: datetime
    ) -> dict[str, Any]:
        """`intake-board/1`: one row for each agency of the roster, the missing included."""
        standing = self.standing_deliveries(campaign)
        rows = []
        totals: dict[str, int] = {"missing": 0} | dict.fromkeys(BOARD_STATES.values(), 0)
        for agency in roster:
            delivery = standing.get(agency.id)
            state = "missing" if delivery is None else BOARD_STATES[delivery.state]
            totals[state] += 1
            rows.append({"id": agency.id, "name": agency.name, "channel": agency.channel, "state": state})
            rows[-1] |= self._board_json(delivery)
        return {
            "schema": "intake-board/1",
            "campaign": campaign,
            "as_of": self._moment(as_of),
            "due": self._moment(due),
            "closes": self._moment(closes),
            "totals": totals,
            "agencies": rows,
        }

    def standing_deliveries(self, campaign: str) -> dict[str, Delivery]:
        """For each agency the delivery that gives its state: the operative one, else its newest; by agency id."""
        wanted = (
            select(deliveries)
            .where(
                deliveries.c.campaign == campaign,
                deliveries.c.agency.is_not(None),
                deliveries.c.state.not_in([one.value for one in NOT_ON_THE_BOARD]),
            )
            .order_by(deliveries.c.operative, deliveries.c.received_at, deliveries.c.id)
        )
        with self._database.reading() as connection:
            # The last one written to a key stays: operative after the others, and newer after older.
            return {row.agency: delivery_of(row) for row in connection.execute(wanted)}

    def _board_json(self, delivery: Delivery | None) -> dict[str, Any]:
        """
        Return what the board says of an agency's delivery.

        The time is the one that counts for the operative version, which may be an earlier version's.
        """
        if delivery is None:
            return dict.fromkeys(("timeliness", "received_at", "receipt_no", "signature", "delivery"))
        counts = delivery.operative and delivery.counted_at is not None
        return {
            "timeliness": delivery.counted_timeliness if counts else delivery.timeliness,
            "received_at": self._moment(delivery.counted_at if counts else delivery.received_at),
            "receipt_no": delivery.receipt_no,
            "signature": delivery.signature,
            "delivery": delivery.id,
        }

    # 4. Sums and people

    def sums(self) -> dict[str, int]:
        """How many deliveries are in each state (every state present), and `total`; they add up."""
        statement = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        with self._database.reading() as connection:
            found: dict[str, int] = dict(connection.execute(statement).all())
        return {state.value: found.get(state.value, 0) for state in State} | {"total": sum(found.values())}

    def sums_by_source(self) -> dict[str, dict[str, int]]:
        """
        For each source: deliveries by state, their `total`, the `keys` it showed, and how many deliveries these name.

        A delivery in the book that no source ever showed makes the last (`named`) less than `total`. `gone` are things
        that a source showed and that somebody took away before they could be had: the log alone knows them.
        """
        columns = deliveries.c
        by_state = select(columns.source, columns.state, func.count()).group_by(columns.source, columns.state)
        keys_of, named_by = distinct(source_keys.c.key_sha256), distinct(source_keys.c.delivery_id)
        by_key = select(source_keys.c.source, func.count(keys_of), func.count(named_by)).group_by(source_keys.c.source)
        with self._database.reading() as connection:
            states = connection.execute(by_state).all()
            keys = {source: {"keys": shown, "named": named} for source, shown, named in connection.execute(by_key)}
            told = connection.execute(select(log.c.detail).where(log.c.event == "item_gone")).scalars()
            gone = Counter(str(json.loads(detail)["source"]) for detail in told)
        found: dict[str, dict[str, int]] = {}
        for source, state, number in states:
            sums = found.setdefault(source, dict.fromkeys((*(one.value for one in State), "total"), 0))
            sums[state] += number
            sums["total"] += number
        for source in gone:
            found.setdefault(source, dict.fromkeys((*(one.value for one in State), "total"), 0))
        unseen = {"keys": 0, "named": 0}
        return {
            source: {**sums, **keys.get(source, unseen), "gone": gone[source]} for source, sums in sorted(found.items())
        }

    def accounts(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        with self._database.reading() as connection:
            return tuple(account_of(row) for row in connection.execute(select(accounts).order_by(accounts.c.name)))

    # 5. The scoring store

    def scoring_forms(self, campaign: str) -> list[dict[str, Any]]:
        """The rows of the view `scoring_forms` of one campaign, by agency; times in the office's zone."""
        return self._scoring("SELECT * FROM scoring_forms WHERE campaign = :campaign ORDER BY agency", campaign)

    def scoring_answers(self, campaign: str) -> list[dict[str, Any]]:
        """The rows of the view `scoring_answers` of one campaign, by agency and place in the form."""
        asked = "SELECT * FROM scoring_answers WHERE campaign = :campaign ORDER BY agency, position"
        return self._scoring(asked, campaign)

    def _scoring(self, asked: str, campaign: str) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            rows = connection.execute(text(asked), {"campaign": campaign}).all()
        return [{str(name): self._scored(str(name), value) for name, value in row._mapping.items()} for row in rows]

    def _scored(self, name: str, value: Any) -> Any:
        """Return a view's value for JSON; on SQLite a time comes as text, a number as REAL."""
        if name.endswith("_at") and value is not None:
            return self._moment(value if isinstance(value, datetime) else datetime.fromisoformat(value))
        if isinstance(value, Decimal):
            return number_json(value)
        return int(value) if isinstance(value, float) and value.is_integer() else value

    # 6. Shapes

    def moment(self, value: datetime | None) -> str | None:
        """Return a time as RFC 3339 text in the office's zone."""
        return self._moment(value)

    def _moment(self, value: datetime | None) -> str | None:
        return None if value is None else value.astimezone(self._zone).isoformat()

    def _delivery_json(self, one: Delivery, letters: Sequence[Letter]) -> dict[str, Any]:
        return {
            "id": one.id,
            "receipt_no": one.receipt_no,
            "source": one.source,
            "source_key": one.source_key,
            "received_at": self._moment(one.received_at),
            "received_by": one.received_by,
            "seen_at": self._moment(one.seen_at),
            "sender": one.sender or None,
            "agency": one.agency,
            "channel": one.channel.value,
            "subject": one.subject or None,
            "state": one.state.value,
            "timeliness": one.timeliness,
            "signature": one.signature,
            "operative": one.operative,
            "reasons": whys_json(one.reasons),
            "supersedes": one.supersedes,
            "linked_to": one.linked_to,
            "letters": [
                {
                    "id": letter.id,
                    "kind": letter.kind.value,
                    "to": letter.to or None,
                    "state": letter.state.value,
                    "message_id": letter.message_id,
                    "sent_at": self._moment(letter.sent_at),
                    "subject": letter.subject,
                    "error": None if letter.error is None else in_english(letter.error),
                }
                for letter in letters
            ],
            "sha256": one.sha256,
            "size": one.size,
        }

    def _entry_json(self, one: LogEntry) -> dict[str, Any]:
        return {
            "seq": one.seq,
            "at": self._moment(one.at),
            "event": one.event,
            "actor": one.actor,
            "detail": one.detail,
            "hash": one.hash,
        }


def number_json(value: Decimal | None) -> int | float | None:
    """Return a number for JSON: whole numbers exactly, others as the nearest double, as readers take them."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
