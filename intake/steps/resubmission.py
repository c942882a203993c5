"""How a delivery stands to what its agency sent before: a copy of it, a form that was taken back, an older draft."""

from __future__ import annotations

from datetime import datetime

from intake.steps.agency import Recognition
from intake.steps.decision import REMARKS_ONLY, History, signing_moment
from intake.steps.standing import is_own_form
from storage.records import Delivery, State, Why


def reasons_of_a_copy(found: tuple[Why, ...]) -> tuple[Why, ...]:
    """Return what is worth telling of a linked copy: remarks, clocks, sender; its form is judged with the original."""
    told = REMARKS_ONLY | {
        "SENDER_NOT_REGISTERED",
        "AUTOMATIC_WITH_FORM",
        "TIME_UNCERTAIN",
        "CLOCKS_DISAGREE_ON_CUT_OFF",
    }
    return tuple(one for one in found if one.code in told and one.code != "NEW_VERSION")


def original_of(
    recognition: Recognition, history: History, found: tuple[Why, ...], *, is_good: bool
) -> Delivery | None:
    """
    Return the delivery that this one is a copy of, None where it must stand by itself.

    What was filed has copies. What is held has them only if the copy is no better: a form that came first unsigned, or
    from a strange mailbox, must not hide the same form that comes with its signature, or from the agency itself.
    """
    doubts = {one.code for one in found} - REMARKS_ONLY
    same = [
        one
        for one in history.same_form
        if (one.state is State.FILED and one.agency == recognition.agency_id)
        or (
            one.state is State.HELD
            and one.agency in (recognition.agency_id, None)
            and not is_good
            and {why.code for why in one.reasons} - REMARKS_ONLY <= doubts
        )
    ]
    if not same:
        return None
    # What is filed is the original, whatever else is held: it cannot be dismissed with its copies.
    return min(same, key=lambda one: (one.state is not State.FILED, one.counted_at or one.received_at, one.id))


def taken_back(recognition: Recognition, history: History) -> Why | None:
    """Return that a person, or the agency itself, took this very form back: whoever sends it again, a person looks."""
    gone = (State.RETURNED, State.WITHDRAWN, State.DISMISSED)
    same = [one for one in history.same_form if one.state in gone and one.agency in (recognition.agency_id, None)]
    return Why("SAME_FORM_TAKEN_BACK", same[-1].receipt_no or same[-1].id) if same else None


def about_age(delivery: Delivery, signed_at: datetime | None, history: History, *, doubted: bool) -> list[Why]:
    """
    Return what the age of a form says against its taking the place of an earlier received one.

    A genuine draft that was signed before the form on file proves who signed it, not that the agency sent it now:
    anybody who ever had it can mail it under the agency's name. So what was signed earlier waits for a person. Of what
    does not say when it was signed the same is asked only where the sender is `doubted`, too; else it is a remark.
    Edges: what was received after this one is not superseded by it; a version of which the moment of signing is not
    known (filed by an earlier program) is compared with nothing.
    """
    before = [
        one
        for one in history.versions
        if (one.received_at, one.id) < (delivery.received_at, delivery.id)
        and (one.state is State.FILED or (one.state in _COMPARED and is_own_form(one)))
    ]
    dated = [(moment, one) for one in before if (moment := signing_moment(one)) is not None]
    if signed_at is None:
        replaces = any(one.state is State.FILED for one in before)
        return [Why("UNDATED_FROM_DOUBTED_SENDER" if doubted else "FORM_UNDATED")] if replaces else []
    newer = [(moment, one) for moment, one in dated if moment > signed_at]
    if not newer:
        # The same signature in other bytes (a time stamp was added since): what was taken back comes back by a person.
        again = [one for moment, one in dated if moment == signed_at and one.state in _TAKEN_BACK]
        return [Why("SIGNED_AS_ONE_TAKEN_BACK", again[-1].receipt_no or again[-1].id)] if again else []
    moment, one = max(newer, key=lambda pair: (pair[0], pair[1].id))
    ref = one.receipt_no or one.id
    return [Why("OLDER_THAN_EARLIER_VERSION", f"{signed_at.isoformat()} < {moment.isoformat()} ({ref})")]


# Beside what is filed: a good form that waits for a person, and what the agency was told to replace.
_TAKEN_BACK = frozenset({State.RETURNED, State.WITHDRAWN})
_COMPARED = frozenset({State.HELD}) | _TAKEN_BACK
