"""What is judged again when cut-offs move, or when an earlier moment of something received comes to light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from config.campaign import Campaign
from intake.filing import matter_of
from intake.office import Office
from intake.steps.decision import History
from intake.steps.letters import write_letter
from intake.steps.standing import standing_rule
from intake.steps.timeliness import better_of, judge
from signatures.report import Verdict
from storage.acting import NotOpen
from storage.ledger import Rejudged
from storage.queries import LogFilter
from storage.records import Action, Delivery, LetterKind, Receipt, State, Timeliness, Why
from storage.standing import StandingRule

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Better:
    """A delivery that the present rules judge better than it was judged before."""

    delivery: Delivery
    before: Timeliness
    after: Timeliness


def judged_better(office: Office, campaign: Campaign) -> tuple[Better, ...]:
    """
    Return the deliveries whose own timeliness is better by `campaign`'s cut-offs than recorded, oldest first.

    Never worse: a cut-off that moves back, or a clock that a person decided by, takes nothing from anybody.
    """
    found = office.queries.deliveries(LogFilter(campaign=campaign.id, limit=None))
    better = []
    for one in found:
        if one.timeliness is None or one.timeliness is Timeliness.ON_TIME:
            continue
        after = judge(_own_moment(one), campaign)
        if better_of(after, one.timeliness) is not one.timeliness:
            better.append(Better(one, one.timeliness, after))
    return tuple(sorted(better, key=lambda one: (one.delivery.received_at, one.delivery.id)))


def judge_again(office: Office, campaign: Campaign, *, by: str, note: str) -> int:
    """
    Judge again what `campaign`'s cut-offs now judge better; returns how many deliveries that touched.

    What is held is examined anew by the same rules and answered again; what was decided gets its new reading, and the
    versions of its agency stand to each other by it: a form that two persons accepted after grace may be the last in
    time now. Repeated, it finds nothing more to do, so it stands before the record of the new version: dying
    between the two loses nobody his extension.
    """
    better = judged_better(office, campaign)
    _apply(office, campaign, better, by=by, note=note)
    return len(better)


def take_earlier_moments(office: Office, campaign: Campaign) -> int:
    """
    Judge again what is now known to have come earlier than it was judged by; returns how many that touched.

    The same bytes were met again under another key with an earlier moment of receipt (storage/receiving.py): a copy
    of a mail got a later INTERNALDATE and was seen first. Nobody is late by the order in which we look.
    """
    moved = office.ledger.counted_later_than_received()
    note = "the same bytes came earlier than was known"
    for one in moved:
        counted = judge(one.received_at, campaign)
        own = better_of(one.timeliness or counted, counted)
        office.ledger.rejudge(
            [Rejudged(one.id, own, one.received_at, counted)],
            by="machine",
            note=note,
            at=office.clock(),
            standing=_standing(office, campaign, [replace(one, counted_at=one.received_at)]),
        )
        if one.state is State.HELD and any(why.code == "AFTER_GRACE" for why in one.reasons):
            _examine_again(office, campaign, one, by="machine", reason="CAME_EARLIER", note=note)
    return len(moved)


def _apply(office: Office, campaign: Campaign, better: Sequence[Better], *, by: str, note: str) -> None:
    for one in better:
        _tell_of_better(office, campaign, one, by=by)
    quiet = []
    for one in better:
        delivery = one.delivery
        if delivery.state is State.HELD:
            _examine_again(office, campaign, delivery, by=by, reason="CLOSES_EXTENDED", note=note)
        elif delivery.state is not State.RECEIVED:
            counted = delivery.counted_at
            again = judge(counted, campaign) if counted is not None else one.after
            again = better_of(delivery.counted_timeliness or again, again)
            quiet.append(Rejudged(delivery.id, one.after, counted, again))
    if quiet:
        touched = [one.delivery for one in better if one.delivery.state is State.FILED]
        standing = _standing(office, campaign, touched)
        office.ledger.rejudge(quiet, by=by, note=note, at=office.clock(), standing=standing)


def _tell_of_better(office: Office, campaign: Campaign, one: Better, *, by: str) -> None:
    """
    Queue the letter by which an agency learns that its filed form is no longer late, or not too late any more.

    It stands before the new reading is recorded: dying between the two, all is found again, and the same key gives the
    same letter. What is held is answered when it has been examined again; to what came by itself nobody answers.
    """
    delivery = one.delivery
    automatic = any(why.code in ("AUTOMATIC_MAIL", "AUTOMATIC_WITH_FORM") for why in delivery.reasons)
    if delivery.state is not State.FILED or automatic:
        return
    seen_by_person = delivery.decided_by != "machine"
    base = matter_of(office.settings, office.rules.book(), delivery, office.clock(), office.has_outbox)
    matter = replace(
        base,
        campaign=campaign,
        kind=LetterKind.OUTCOME,
        timeliness=one.after,
        reasons=(Why("CLOSES_EXTENDED"),),
        signature=None if seen_by_person and base.signature is Verdict.INDETERMINATE else base.signature,
        sender_address=delivery.sender.strip().lower(),
    )
    head = office.ledger.log_head()[1]
    draft = write_letter(matter, Receipt(delivery.receipt_no, head, office.clock()))
    key = f"{delivery.id}.{one.after.value}"
    office.ledger.letters.queue_letter(draft, key=key, by=by, at=office.clock(), delivery_id=delivery.id)


def ask_recalls_again(office: Office, campaign: Campaign, history: History) -> None:
    """
    Let the agency's recalls that named nothing known be examined again: what they recall may have come after them.

    To be called before the new document is decided, while nobody else judges: dying between the two, they are asked
    once more. A recall is never asked because of another recall, so this ends.
    """
    for one in history.versions:
        if one.state is State.HELD and any(why.code == "RECALL_NAMES_NOTHING_KNOWN" for why in one.reasons):
            note = "another document of this agency has come"
            _examine_again(office, campaign, one, by="machine", reason="RECALL_MAY_BE_KNOWN", note=note)


def _standing(office: Office, campaign: Campaign, touched: Sequence[Delivery]) -> dict[tuple[str, str], StandingRule]:
    """Return the rule of each agency that has one of `touched`; these are taken as given, the rest as recorded."""
    known = {one.id: one for one in touched}
    rules = {}
    for agency in {one.agency for one in touched if one.agency is not None and one.campaign == campaign.id}:
        versions = tuple(known.get(one.id, one) for one in office.ledger.versions(campaign.id, agency))
        rules[campaign.id, agency] = standing_rule(campaign, History(versions=versions))
    return rules


def _examine_again(office: Office, campaign: Campaign, delivery: Delivery, *, by: str, reason: str, note: str) -> None:
    try:
        office.ledger.act(
            delivery.id,
            Action.RETRY,
            by=by,
            reason=reason,
            note=note,
            at=office.clock(),
            needs_two=False,
            receipt_prefix=campaign.receipt_prefix,
            write_letters=lambda _receipt: (),
        )
    except NotOpen as why:
        # Another worker was first, or a person has decided meanwhile.
        log.info("not_examined_again", delivery=delivery.id, why=str(why))


def _own_moment(one: Delivery) -> datetime:
    """Return the delivery's own moment in the sender's favour; `counted_at` may be an earlier version's."""
    return min(one.received_at, one.received_at_earliest or one.received_at)
