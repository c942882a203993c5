"""What a package asks for beside being taken in: that an earlier document be recalled."""

from __future__ import annotations

from intake.steps.agency import Recognition
from intake.steps.decision import Decision, History, once
from storage.records import Channel, Delivery, State, Why


def revoke(reasons: list[Why], delivery: Delivery, recognition: Recognition, history: History) -> Decision:
    """
    Obey a recall that names exactly one of the same agency's deliveries; anything else is for a person.

    Only the document system vouches for who recalls: what came by mail withdraws nothing, whatever it says it is.
    """
    targets = [one for one in history.named if one.agency == recognition.agency_id and recognition.agency_id]
    if len(targets) == 1 and delivery.channel is Channel.QLVB:
        detail = targets[0].receipt_no or targets[0].id
        return Decision(
            State.LINKED,
            once((Why("RECALLED_BY_SENDER", detail), *reasons)),
            is_submission=False,
            linked_to=targets[0].id,
            withdraws=targets[0].id,
        )
    return Decision(
        State.HELD, once((Why("RECALL_NAMES_NOTHING_KNOWN"), *reasons)), is_submission=False, repairable=False
    )
