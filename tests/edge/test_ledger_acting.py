"""Only named persons accept and return; what is not proven takes two; what is forged, nobody accepts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.errors import OfficeError
from storage.acting import Acted, NotOpen
from storage.ledger import Ledger
from storage.queries import Queries
from storage.records import Action, Outcome, Role, State, Timeliness, Why
from tests.makers import OFFICE
from tests.makers_storage import (
    NOON,
    PASSWORD,
    PREFIX,
    a_draft,
    decide,
    decided,
    held,
    no_letters,
    one_letter,
    received,
    with_clerks,
)

PROVEN = {"signature": "passed"}


def act(ledger: Ledger, ref: str, action: Action, by: str, **more: Any) -> Acted:
    """Ask for an action with ordinary particulars."""
    particulars: dict[str, Any] = {
        "reason": "CLERK_CHECKED_IN_PERSON",
        "note": "",
        "at": NOON + timedelta(hours=2),
        "needs_two": False,
        "receipt_prefix": PREFIX,
        "write_letters": no_letters,
    }
    return ledger.act(ref, action, by=by, **{**particulars, **more})


def test_one_person_accepts_what_is_proven(ledger: Ledger) -> None:
    """Held for a reason that a clerk could clear up, it is filed under the clerk's name."""
    with_clerks(ledger, "an")
    delivery = decided(ledger, 1, held(**PROVEN))

    acted = act(ledger, delivery.id, Action.ACCEPT, "an", note="đã gọi điện")

    assert acted.pending is None
    after = acted.delivery
    assert (after.state, after.operative, after.decided_by) == (State.FILED, True, "an")
    assert after.reasons[-1] == Why("CLERK_CHECKED_IN_PERSON", "đã gọi điện")
    assert after.counted_at == delivery.counted_at


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(held(), id="indeterminate"),
        pytest.param(held(signature="unsigned"), id="unsigned"),
        pytest.param(held(signature="unsupported"), id="unsupported"),
        pytest.param(held(**PROVEN, timeliness=Timeliness.AFTER_GRACE), id="after grace"),
    ],
)
def test_what_is_not_proven_takes_two_persons_whatever_the_caller_says(ledger: Ledger, outcome: Outcome) -> None:
    """The ledger insists by itself: the first asking changes nothing, the second person's files it under both names."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1, outcome)

    first = act(ledger, delivery.id, Action.ACCEPT, "an")
    waiting = ledger.pending(delivery.id)
    second = act(ledger, delivery.id, Action.ACCEPT, "binh", write_letters=one_letter)

    assert (first.delivery.state, first.pending) == (State.HELD, waiting[0])
    assert (second.delivery.state, second.delivery.decided_by, second.pending) == (State.FILED, "an, binh", None)
    assert ledger.pending() == ()
    assert len(ledger.letters.letters_of(delivery.id)) == 1


def test_the_same_person_twice_is_not_two_persons(ledger: Ledger) -> None:
    """Asking again changes nothing and says what is missing."""
    with_clerks(ledger, "an")
    delivery = decided(ledger, 1, held())
    act(ledger, delivery.id, Action.ACCEPT, "an")

    with pytest.raises(NotOpen, match="second person"):
        act(ledger, delivery.id, Action.ACCEPT, "an")

    assert ledger.delivery(delivery.id).state is State.HELD


def test_the_second_person_must_ask_for_the_same(ledger: Ledger) -> None:
    """Two persons who name different agencies have agreed on nothing."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1, held(agency=None))
    act(ledger, delivery.id, Action.ACCEPT, "an", agency="snv")

    with pytest.raises(NotOpen, match="another agency"):
        act(ledger, delivery.id, Action.ACCEPT, "binh", agency="sxd")

    assert act(ledger, delivery.id, Action.ACCEPT, "binh", agency="snv").delivery.agency == "snv"


def test_a_failed_signature_is_accepted_by_nobody(ledger: Ledger) -> None:
    """Two persons cannot accept it, nor an administrator."""
    accounts = with_clerks(ledger, "an", "binh")
    accounts.create("chi", "Chi", Role.ADMIN, PASSWORD, by="machine", at=NOON)
    delivery = decided(ledger, 1, held(signature="failed"))

    for name in ("an", "binh", "chi"):
        with pytest.raises(NotOpen, match="by anybody"):
            act(ledger, delivery.id, Action.ACCEPT, name, needs_two=True)

    assert ledger.pending() == ()


@pytest.mark.parametrize("by", ["nobody", "viewer", "gone", "machine"])
def test_only_an_open_account_that_may_decide_decides(ledger: Ledger, by: str) -> None:
    """An unknown name, a viewer, a disabled account and the machine are refused."""
    accounts = with_clerks(ledger, "gone")
    accounts.create("viewer", "V", Role.VIEWER, PASSWORD, by="machine", at=NOON)
    accounts.disable("gone", by="machine", at=NOON)
    delivery = decided(ledger, 1, held(**PROVEN))

    with pytest.raises(NotOpen, match="no account"):
        act(ledger, delivery.id, Action.DISMISS, by)


OPEN = {
    Action.ACCEPT: {State.HELD},
    Action.RETURN: {State.HELD, State.SHELVED, State.SET_ASIDE, State.FILED},
    Action.LINK: {State.HELD, State.SHELVED, State.SET_ASIDE},
    Action.DISMISS: {State.HELD, State.SHELVED, State.SET_ASIDE},
    Action.RETRY: {State.HELD, State.SHELVED, State.SET_ASIDE, State.RETURNED},
    Action.RELEASE: {State.SHELVED, State.SET_ASIDE},
}
AFTER = {
    Action.ACCEPT: State.FILED,
    Action.RETURN: State.RETURNED,
    Action.LINK: State.LINKED,
    Action.DISMISS: State.DISMISSED,
    Action.RETRY: State.RECEIVED,
    Action.RELEASE: State.RECEIVED,
}


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize(
    "state", [State.RECEIVED, State.HELD, State.SHELVED, State.SET_ASIDE, State.FILED, State.RETURNED]
)
def test_an_action_is_open_from_its_states_only(ledger: Ledger, action: Action, state: State) -> None:
    """The whole table of what a clerk may do, from each state that a delivery can be brought into."""
    with_clerks(ledger, "an", "binh")
    received(ledger, 9)
    delivery = received(ledger, 1)
    if state is not State.RECEIVED:
        first = State.HELD if state is State.RETURNED else state
        decide(ledger, delivery.id, held(**PROVEN, state=first))
    if state is State.RETURNED:
        act(ledger, delivery.id, Action.RETURN, "an")

    def ask(by: str) -> Acted:
        return act(ledger, delivery.id, action, by, link_to="d000001")

    if state in OPEN[action]:
        acted = ask("an")
        acted = ask("binh") if acted.pending else acted
        assert acted.delivery.state is AFTER[action]
    else:
        with pytest.raises(NotOpen, match="is not open"):
            ask("an")
        assert ledger.delivery(delivery.id).state is state


def test_returning_a_filed_form_takes_two_and_lets_the_one_before_stand(ledger: Ledger) -> None:
    """What was accepted is not taken back by one person."""
    with_clerks(ledger, "an", "binh")
    first, second = decided(ledger, 1), decided(ledger, 2)

    asked = act(ledger, second.id, Action.RETURN, "an")
    done = act(ledger, second.id, Action.RETURN, "binh")

    assert asked.pending is not None
    assert (done.delivery.state, done.delivery.operative) == (State.RETURNED, False)
    assert ledger.delivery(first.id).operative


def test_what_two_persons_returned_is_examined_again_only_by_two(ledger: Ledger) -> None:
    """The machine would file it again, and one person would have undone what two decided."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1)
    for name in ("an", "binh"):
        act(ledger, delivery.id, Action.RETURN, name)

    first = act(ledger, delivery.id, Action.RETRY, "an")
    with pytest.raises(NotOpen, match="second person"):
        act(ledger, delivery.id, Action.RETRY, "an")
    assert (first.delivery.state, first.pending is not None) == (State.RETURNED, True)

    assert act(ledger, delivery.id, Action.RETRY, "binh").delivery.state is State.RECEIVED


def test_what_its_sender_recalled_is_examined_again_only_by_two(ledger: Ledger) -> None:
    """Examined again it would stand once more, against the agency's own word."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1)
    ledger.withdraw(delivery.id, by="machine", reason="RECALLED_BY_SENDER", note="", at=NOON)

    assert act(ledger, delivery.id, Action.RETRY, "an").pending is not None
    assert act(ledger, delivery.id, Action.RETRY, "binh").delivery.state is State.RECEIVED


def test_what_one_person_returned_one_may_examine_again(ledger: Ledger) -> None:
    """A slip of one hand is mended by one hand."""
    with_clerks(ledger, "an")
    delivery = decided(ledger, 1, held())
    act(ledger, delivery.id, Action.RETURN, "an")

    assert act(ledger, delivery.id, Action.RETRY, "an").delivery.state is State.RECEIVED


def test_a_retried_delivery_is_examined_as_if_it_had_just_come(ledger: Ledger) -> None:
    """Attempts begin anew and the machine's reasons are gone; number and moment stay."""
    with_clerks(ledger, "an")
    delivery = decided(ledger, 1, held(reasons=(Why("NO_CERTIFICATE_CHAIN_FOUND"),)))
    ledger.count_attempt(delivery.id)

    after = act(ledger, delivery.id, Action.RETRY, "an").delivery

    assert (after.state, after.attempts, after.reasons) == (State.RECEIVED, 0, ())
    assert (after.receipt_no, after.received_at) == (delivery.receipt_no, delivery.received_at)
    assert decide(ledger, delivery.id, held(**PROVEN)).state is State.HELD


def test_what_is_released_is_marked_so(ledger: Ledger) -> None:
    """A scanner's word no longer shelves what a person let out of quarantine."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1, held(state=State.SHELVED))

    waiting = act(ledger, delivery.id, Action.RELEASE, "an", needs_two=True)
    done = act(ledger, delivery.id, Action.RELEASE, "binh", needs_two=True)

    assert not waiting.delivery.released
    assert (done.delivery.state, done.delivery.released) == (State.RECEIVED, True)


def test_a_copy_of_a_copy_is_linked_to_the_original(ledger: Ledger) -> None:
    """Links do not form chains, and nothing is a copy of itself."""
    with_clerks(ledger, "an")
    original = decided(ledger, 1)
    copies = [decided(ledger, number, held()) for number in (2, 3)]

    act(ledger, copies[0].id, Action.LINK, "an", link_to=original.receipt_no)
    linked = act(ledger, copies[1].id, Action.LINK, "an", link_to=copies[0].id)
    other = decided(ledger, 4, held())

    assert linked.delivery.linked_to == original.id
    with pytest.raises(NotOpen, match="itself"):
        act(ledger, other.id, Action.LINK, "an", link_to=other.id)
    with pytest.raises(OfficeError, match="no delivery"):
        act(ledger, other.id, Action.LINK, "an", link_to="d999999")


def test_a_persons_letter_is_queued_beside_the_machines(ledger: Ledger) -> None:
    """A clerk who decides again writes again: only the machine is held to one letter of each kind."""
    with_clerks(ledger, "an")
    delivery = decided(ledger, 1, held(), write_letters=one_letter)

    act(ledger, delivery.id, Action.RETURN, "an", write_letters=lambda receipt: (a_draft(body="trả lại"),))

    letters = ledger.letters.letters_of(delivery.id)
    assert [one.body for one in letters][1:] == ["trả lại"]
    assert len({one.message_id for one in letters}) == 2


def test_a_decision_elsewhere_voids_what_waits_for_a_second_person(ledger: Ledger) -> None:
    """An old first asking cannot be completed after the delivery has moved on."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1, held())
    act(ledger, delivery.id, Action.ACCEPT, "an")

    act(ledger, delivery.id, Action.RETRY, "binh")
    decide(ledger, delivery.id, held())

    assert ledger.pending() == ()
    assert act(ledger, delivery.id, Action.ACCEPT, "binh").pending is not None


def test_every_act_stands_in_the_log_under_its_name(ledger: Ledger) -> None:
    """The timeline tells who asked, who repeated, and why."""
    with_clerks(ledger, "an", "binh")
    delivery = decided(ledger, 1, held())
    act(ledger, delivery.id, Action.ACCEPT, "an", note="một")
    act(ledger, delivery.id, Action.ACCEPT, "binh", note="hai")

    timeline = Queries(ledger.database, OFFICE).timeline(delivery.id)

    assert [(one.event, one.actor) for one in timeline] == [
        ("received", "machine"),
        ("decided", "machine"),
        ("asked_for_second", "an"),
        ("accepted", "binh"),
    ]
    assert timeline[-1].detail["first_by"] == "an"
    assert [one.detail["note"] for one in timeline[2:]] == ["một", "hai"]
