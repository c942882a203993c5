"""How a delivery stands to what its agency sent before: a copy of it, or a form that was taken back."""

from __future__ import annotations

from intake.steps.agency import Recognition
from intake.steps.decision import REMARKS_ONLY, History
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
