"""How an examined delivery is filed: state, number, files, answers, standing, letters, log; all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from storage.changing import change, find
from storage.letters import drafts_of, note_bounce
from storage.logbook import Pages
from storage.records import ClockReading, Delivery, LetterDraft, Outcome, Receipt, State, Why
from storage.rows import answer_row, clocks_json, clocks_of, contents_sha256, file_row, flaw_row, storable, whys_json
from storage.search import search_text
from storage.standing import Standing, StandingRule
from storage.tables import answers, approvals, files, flaws, receipt_counters
from storage.types import label
from storage.versions import succession

# Made once: building a statement costs more than running it.
_LAST_NUMBER = select(receipt_counters.c.last).where(receipt_counters.c.prefix == bindparam("the_prefix"))
_TAKE_NUMBER = update(receipt_counters).where(receipt_counters.c.prefix == bindparam("the_prefix"))

WriteLetters = Callable[[Receipt], Sequence[LetterDraft]]

FAILED = "failed"
"""The one signature verdict (signatures.report.Verdict.FAILED) with which nothing is ever filed."""


def decide(
    pages: Pages,
    delivery_id: str,
    outcome: Outcome,
    write_letters: WriteLetters,
    *,
    at: datetime,
    receipt_prefix: str,
    by: str,
    standing: StandingRule | None,
    message_id_domain: str,
) -> Delivery:
    """
    File the outcome of an examination; see `Ledger.decide`.

    1. Nothing is done if the delivery no longer waits. 2. The outcome must be one that may be. 3. Number and
    examination. 4. What was found. 5. The agency's standing. 6. The delivery's own row and its log entry. 7. Letters,
    which quote that entry. 8. Bounces that it reports.
    """
    delivery = find(pages, delivery_id)
    if delivery.state is not State.RECEIVED:
        return delivery
    check_may_be(outcome.state, outcome.signature, outcome.agency, outcome.campaign, delivery_id)
    number = delivery.receipt_no
    if number is None and (outcome.takes_number or outcome.state is State.FILED):
        number = next_number(pages, receipt_prefix)
    examination = delivery.examination + 1
    contents = _file_contents(pages, delivery_id, examination, outcome)
    clocks = tuple(dict.fromkeys((*delivery.clocks, *_in_utc(outcome.clocks))))
    sender = label(outcome.sender if outcome.sender is not None else delivery.sender)
    subject = label(outcome.subject if outcome.subject is not None else delivery.subject)
    values: dict[str, Any] = {
        "state": outcome.state,
        "receipt_no": number,
        "campaign": outcome.campaign or None,
        "agency": outcome.agency,
        "timeliness": outcome.timeliness,
        "signature": outcome.signature,
        "form_sha256": outcome.form_sha256,
        "linked_to": outcome.linked_to,
        "supersedes": None,
        "operative": False,
        "decided_at": at,
        "decided_by": by,
        "examination": examination,
        "campaign_version": outcome.campaign_version or None,
        "policy_version": outcome.policy_version or None,
        "sender": sender,
        "subject": subject,
        "message_id": None if outcome.message_id is None else label(outcome.message_id),
        "reasons": whys_json(outcome.reasons),
        "clocks": clocks_json(clocks),
        "search_text": search_text(
            subject,
            sender,
            outcome.agency,
            number,
            delivery_id,
            delivery.name,
            *(one.name for one in outcome.files),
        ),
    }
    values |= _counted(delivery, outcome)
    subject_as_filed = replace(
        delivery,
        state=outcome.state,
        campaign=outcome.campaign or None,
        agency=outcome.agency,
        timeliness=outcome.timeliness,
        counted_at=values["counted_at"],
        counted_timeliness=values["counted_timeliness"],
        signature=outcome.signature,
        receipt_no=number,
        form_sha256=outcome.form_sha256,
        clocks=clocks,
        decided_by=by,
    )
    heirs = succession(pages, subject_as_filed, standing or _at_its_word(outcome, delivery_id))
    values |= heirs.own
    heirs.step_back(pages, actor=by, at=at)
    changed = change(
        pages,
        delivery_id,
        values,
        "decided",
        actor=by,
        at=at,
        detail={"reasons": whys_json(outcome.reasons), "contents_sha256": contents},
    )
    heirs.step_up(pages, actor=by, at=at)
    drafts_of(
        pages,
        write_letters(Receipt(number, changed.entry.hash, at)),
        delivery_id,
        at=at,
        actor=by,
        message_id_domain=message_id_domain,
        told=outcome.state.value,
    )
    for message_id in outcome.bounced_message_ids:
        note_bounce(pages, message_id, at, f"reported by {delivery_id}")
    return changed.delivery


def check_may_be(state: State, signature: str | None, agency: str | None, campaign: str | None, ref: str) -> None:
    """Raise ValueError for a filing that no rule allows; the table's constraints say the same a second time."""
    if state is not State.FILED:
        return
    if signature is None or signature == FAILED:
        raise ValueError(f"{ref}: a form whose signature is {signature or 'not examined'} is never filed")
    if not agency or not campaign:
        raise ValueError(f"{ref}: a form is filed for an agency in a campaign")


def next_number(pages: Pages, prefix: str) -> str:
    """Give the next receipt number of a campaign: no gap, since it is given in the transaction that uses it."""
    last = pages.connection.execute(_LAST_NUMBER, {"the_prefix": prefix}).scalar_one_or_none()
    if last is None:
        pages.connection.execute(insert(receipt_counters).values(prefix=prefix, last=1))
        return f"{prefix}-{1:06d}"
    pages.connection.execute(_TAKE_NUMBER, {"the_prefix": prefix, "last": last + 1})
    return f"{prefix}-{last + 1:06d}"


def close_approvals(pages: Pages, delivery_id: str, fate: str, *, at: datetime, by: str) -> None:
    """Close what waited for a second person: completed, or void because the delivery has moved on."""
    open_ones = (approvals.c.delivery_id == delivery_id, approvals.c.fate.is_(None))
    pages.connection.execute(update(approvals).where(*open_ones).values(fate=fate, closed_at=at, closed_by=by))


def _file_contents(pages: Pages, delivery_id: str, examination: int, outcome: Outcome) -> str:
    """Write files, answers and flaws of this examination (earlier ones stay) and return their digest."""
    kept, not_kept = storable(outcome.answers)
    place = (delivery_id, examination)
    file_rows = [file_row(one, *place, number) for number, one in enumerate(outcome.files, 1)]
    answer_rows = [answer_row(one, *place, number) for number, one in enumerate(kept, 1)]
    all_flaws: tuple[Why, ...] = (*outcome.flaws, *not_kept)
    flaw_rows = [flaw_row(one, *place, number) for number, one in enumerate(all_flaws, 1)]
    for table, rows in ((files, file_rows), (answers, answer_rows), (flaws, flaw_rows)):
        if rows:
            pages.connection.execute(insert(table), rows)
    return contents_sha256(file_rows, answer_rows, flaw_rows)


def _counted(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """Return the counted moment; examined again, the machine keeps the earlier one: no recorded time moves later."""
    at, timeliness = outcome.counted_at, outcome.counted_timeliness
    if delivery.counted_at is not None and (at is None or delivery.counted_at < at):
        at, timeliness = delivery.counted_at, delivery.counted_timeliness
    return {"counted_at": at, "counted_timeliness": timeliness}


def _at_its_word(outcome: Outcome, delivery_id: str) -> StandingRule:
    """Return the rule that takes the outcome's own word: operative if it says so, else whoever stood before stands."""

    def rule(versions: Sequence[Delivery]) -> Standing:
        if outcome.operative:
            return Standing(delivery_id, outcome.counted_at, outcome.counted_timeliness)
        return Standing(next((one.id for one in versions if one.operative), None))

    return rule


def _in_utc(clocks: Sequence[ClockReading]) -> tuple[ClockReading, ...]:
    """Return readings as they come back from the store, so that the same reading is not kept twice."""
    return clocks_of(clocks_json(clocks))
