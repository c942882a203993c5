"""What a named person does with a delivery: at once, or only when a second person asks for the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, insert, select

from config.errors import OfficeError
from storage.changing import change, find
from storage.deciding import FAILED, WriteLetters, close_approvals, next_number
from storage.letters import drafts_of
from storage.logbook import Pages
from storage.records import Action, Delivery, PendingApproval, Receipt, Role, State, Timeliness, Why
from storage.rows import whys_json, whys_of
from storage.search import search_text
from storage.standing import StandingRule
from storage.tables import accounts, approvals, deliveries, files
from storage.versions import succession

PASSED = "passed"
"""The one signature verdict (signatures.report.Verdict.PASSED) that one person alone may accept on."""

REVOKED = "SIGNER_REVOKED"
"""The reason (config/reasons/intake.toml) with which a form is accepted by nobody, as with a failed signature."""

OPEN_FROM: Mapping[Action, frozenset[State]] = MappingProxyType(
    {
        Action.ACCEPT: frozenset({State.HELD}),
        Action.RETURN: frozenset({State.HELD, State.SHELVED, State.SET_ASIDE, State.FILED}),
        Action.LINK: frozenset({State.HELD, State.SHELVED, State.SET_ASIDE}),
        Action.DISMISS: frozenset({State.HELD, State.SHELVED, State.SET_ASIDE}),
        Action.RETRY: frozenset(State) - {State.RECEIVED, State.FILED},
        Action.RELEASE: frozenset({State.SHELVED, State.SET_ASIDE}),
    }
)
"""From which states each action is open; a filed form is examined again only after it was returned."""

STATE_AFTER: Mapping[Action, State] = MappingProxyType(
    {
        Action.ACCEPT: State.FILED,
        Action.RETURN: State.RETURNED,
        Action.LINK: State.LINKED,
        Action.DISMISS: State.DISMISSED,
        Action.RETRY: State.RECEIVED,
        Action.RELEASE: State.RECEIVED,
    }
)

EVENTS: Mapping[Action, str] = MappingProxyType(
    {
        Action.ACCEPT: "accepted",
        Action.RETURN: "returned",
        Action.LINK: "linked",
        Action.DISMISS: "dismissed",
        Action.RETRY: "sent_back_for_examination",
        Action.RELEASE: "released",
    }
)


class NotOpen(OfficeError):
    """The action is not open for this delivery, or not for this person."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for: the action, by whom, why, and its particulars."""

    action: Action
    by: str
    reason: str
    note: str
    at: datetime
    link_to: str | None = None
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a person's action: `pending` is set when a second person must repeat it, and nothing changed."""

    delivery: Delivery
    pending: PendingApproval | None


def act(
    pages: Pages,
    delivery_id: str,
    asked: Asked,
    *,
    needs_two: bool,
    receipt_prefix: str,
    write_letters: WriteLetters,
    standing: StandingRule,
    message_id_domain: str,
) -> Acted:
    """
    Do what is asked, or note it until a second person repeats it; see `Ledger.act`.

    1. The person may act. 2. The action is open. 3. Two persons where one is not enough. 4. The new row, with the
    agency's standing around it. 5. Letters.
    """
    delivery = find(pages, delivery_id)
    # Examining again decides nothing by itself, so the machine may ask for it (newer malware signatures); no more.
    if (asked.by, asked.action) != ("machine", Action.RETRY):
        _check_person(pages, asked.by)
    target = _target(pages, delivery, asked)
    _check_open(delivery, asked)
    first: Row[Any] | None = None
    if needs_two or two_are_needed(delivery, asked.action):
        first = _first_asking(pages, delivery, asked, target)
        if first is None:
            return Acted(delivery, _ask(pages, delivery, asked, target))
    return Acted(
        _do(pages, delivery, asked, target, first, receipt_prefix, write_letters, standing, message_id_domain), None
    )


def two_are_needed(delivery: Delivery, action: Action) -> bool:
    """
    Whether the ledger itself insists on two persons.

    Accepting what is not proven (any verdict but passed) or came after grace is the council's risk; taking back
    what was filed is the agency's loss. What two persons decided, or the agency itself by its recall, is not undone by
    one: examined again, it could be filed by the machine.
    """
    if action is Action.ACCEPT:
        return delivery.signature != PASSED or delivery.timeliness is Timeliness.AFTER_GRACE
    if action is Action.RETRY:
        return delivery.state is State.WITHDRAWN or decided_by_two(delivery)
    return action is Action.RETURN and delivery.state is State.FILED


def decided_by_two(delivery: Delivery) -> bool:
    """Whether two persons carried the last decision; no account's name has a comma (storage/accounts.py)."""
    return ", " in (delivery.decided_by or "")


def pending_of(row: Row[Any]) -> PendingApproval:
    """Return the record of a row of `approvals`."""
    return PendingApproval(row.delivery_id, Action(row.action), row.asked_by, row.reason, row.note, row.at)


def _check_person(pages: Pages, name: str) -> None:
    if not _may_decide(pages, name):
        raise NotOpen("ACCOUNT_MAY_NOT_DECIDE", name=repr(name))


def _may_decide(pages: Pages, name: str) -> bool:
    account = pages.connection.execute(select(accounts).where(accounts.c.name == name)).first()
    return account is not None and not account.disabled and account.role != Role.VIEWER.value


def _check_open(delivery: Delivery, asked: Asked) -> None:
    ref = delivery.receipt_no or delivery.id
    if delivery.state not in OPEN_FROM[asked.action]:
        open_from = ", ".join(sorted(OPEN_FROM[asked.action]))
        raise NotOpen(
            "ACT_NOT_OPEN_FROM_STATE",
            ref=ref,
            state=delivery.state.value,
            action=asked.action.value,
            open_from=open_from,
        )
    if asked.action is not Action.ACCEPT:
        return
    revoked = any(one.code == REVOKED for one in delivery.reasons)
    if delivery.signature is None or delivery.signature == FAILED or revoked:
        raise NotOpen("ACCEPT_SIGNATURE_FAILED" if delivery.signature else "ACCEPT_NEVER_EXAMINED", ref=ref)
    if not (asked.agency or delivery.agency) or not delivery.campaign:
        raise NotOpen("ACCEPT_WITHOUT_AGENCY", ref=ref)


def _target(pages: Pages, delivery: Delivery, asked: Asked) -> str | None:
    """Return the id of the delivery that this one is to be linked to."""
    if asked.action is not Action.LINK:
        return None
    if not asked.link_to:
        raise NotOpen("LINK_TO_NOTHING")
    target = find(pages, asked.link_to)
    if target.id == delivery.id or target.linked_to == delivery.id:
        raise NotOpen("LINK_TO_ITSELF", id=delivery.id)
    return target.linked_to or target.id


def _first_asking(pages: Pages, delivery: Delivery, asked: Asked, target: str | None) -> Row[Any] | None:
    """Return what the first person asked, None if nobody did; raises NotOpen unless this is the matching second."""
    wanted = select(approvals).where(
        approvals.c.delivery_id == delivery.id,
        approvals.c.action == asked.action.value,
        approvals.c.fate.is_(None),
    )
    first = pages.connection.execute(wanted).first()
    if first is None:
        return None
    if not _may_decide(pages, first.asked_by):
        # An account that was closed in between (lost, or its owner left) carries nothing any more: begin again.
        close_approvals(pages, delivery.id, "void", at=asked.at, by=asked.by)
        return None
    if first.asked_by.casefold() == asked.by.casefold():
        raise NotOpen("SECOND_PERSON_MISSING", by=asked.by)
    if (first.agency, first.link_to) != (asked.agency, target):
        raise NotOpen("SECOND_PERSON_DIFFERS", asked_by=first.asked_by)
    return first


def _ask(pages: Pages, delivery: Delivery, asked: Asked, target: str | None) -> PendingApproval:
    """Note the first of two askings, in the table and in the log."""
    pages.connection.execute(
        insert(approvals).values(
            delivery_id=delivery.id,
            action=asked.action.value,
            asked_by=asked.by,
            reason=asked.reason,
            note=asked.note,
            at=asked.at,
            agency=asked.agency,
            link_to=target,
        )
    )
    detail = {"action": asked.action.value, "agency": asked.agency, "link_to": target, **_words(asked)}
    pages.append("asked_for_second", detail, actor=asked.by, at=asked.at, delivery_id=delivery.id)
    return PendingApproval(delivery.id, asked.action, asked.by, asked.reason, asked.note, asked.at)


def _do(
    pages: Pages,
    delivery: Delivery,
    asked: Asked,
    target: str | None,
    first: Row[Any] | None,
    receipt_prefix: str,
    write_letters: WriteLetters,
    standing: StandingRule,
    message_id_domain: str,
) -> Delivery:
    by = asked.by if first is None else f"{first.asked_by}, {asked.by}"
    state = STATE_AFTER[asked.action]
    values: dict[str, Any] = {"state": state, "decided_at": asked.at, "decided_by": by}
    if asked.agency and asked.agency != delivery.agency:
        values["agency"] = asked.agency
    if asked.action is Action.LINK:
        values["linked_to"] = target
    if asked.action is Action.ACCEPT and delivery.receipt_no is None:
        values["receipt_no"] = next_number(pages, receipt_prefix)
    if asked.action is Action.RELEASE:
        values["released"] = True
    if state is State.RECEIVED:
        # It is examined as if it had just come: what was said of it then is said again, or not.
        wanted = select(deliveries.c.arrival_reasons).where(deliveries.c.id == delivery.id)
        values |= {"attempts": 0, "linked_to": None, "reasons": pages.connection.execute(wanted).scalar_one()}
    else:
        values["reasons"] = whys_json((*delivery.reasons, Why(asked.reason, asked.note)))
    will_be = replace(
        delivery,
        state=state,
        agency=values.get("agency", delivery.agency),
        receipt_no=values.get("receipt_no", delivery.receipt_no),
        reasons=whys_of(values["reasons"]),
        decided_by=by,
    )
    heirs = succession(pages, will_be, standing)
    values |= heirs.own
    values["search_text"] = _search_text(pages, will_be)
    heirs.step_back(pages, actor=asked.by, at=asked.at)
    detail = _words(asked)
    if first is not None:
        detail |= {"first_by": first.asked_by, "first_reason": first.reason, "first_at": first.at}
        close_approvals(pages, delivery.id, "completed", at=asked.at, by=asked.by)
    changed = change(pages, delivery.id, values, EVENTS[asked.action], actor=asked.by, at=asked.at, detail=detail)
    heirs.step_up(pages, actor=asked.by, at=asked.at)
    close_approvals(pages, delivery.id, "void", at=asked.at, by=asked.by)
    drafts_of(
        pages,
        write_letters(Receipt(changed.delivery.receipt_no, changed.entry.hash, asked.at)),
        delivery.id,
        at=asked.at,
        actor=asked.by,
        message_id_domain=message_id_domain,
        told=state.value,
        again=True,
    )
    return changed.delivery


def _words(asked: Asked) -> dict[str, Any]:
    return {"reason": asked.reason, "note": asked.note}


def _search_text(pages: Pages, delivery: Delivery) -> str:
    """Return what the delivery is found by after a person has named its agency or number."""
    wanted = select(files.c.name).where(files.c.delivery_id == delivery.id, files.c.examination == delivery.examination)
    return search_text(
        delivery.subject,
        delivery.sender,
        delivery.agency,
        delivery.receipt_no,
        delivery.id,
        delivery.name,
        *pages.connection.execute(wanted).scalars(),
    )
