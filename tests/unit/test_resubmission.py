"""An older signed draft proves who signed it, not that its agency sent it: when it stands, and when a person looks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from intake.steps.agency import SignerMatch
from intake.steps.decision import Decision, History
from intake.steps.sender_evidence import ServerAdvice
from intake.steps.standing import standing_rule
from intake.steps.which_form import LOCAL_TIME_FAULT, signed_at
from signatures.report import Reason
from storage.records import ClockReading, Delivery, State, Timeliness, Why
from tests.makers import (
    CAMPAIGN,
    IN_TIME,
    a_delivery,
    a_file,
    a_recognition,
    a_report,
    a_signature,
    an_examination,
    ask,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BEFORE = (IN_TIME - DAY).astimezone(UTC)


def codes(decision: Decision) -> set[str]:
    return {one.code for one in decision.reasons}


def a_version(signed: datetime | None, **changes: Any) -> Delivery:
    """A version of the agency's, received a day earlier, that was signed at `signed`."""
    base = a_delivery(
        id="d0",
        state=State.FILED,
        agency="snv",
        campaign="2019",
        signature="passed",
        operative=True,
        received_at=BEFORE,
        counted_at=BEFORE,
        timeliness=Timeliness.ON_TIME,
        counted_timeliness=Timeliness.ON_TIME,
        decided_by="machine",
        clocks=(ClockReading("form_signed_at", signed),) if signed else (),
    )
    return replace(base, **changes)


def ask_of_a_form_signed(claimed: datetime | None, *versions: Delivery, **more: Any) -> Decision:
    """What becomes of another form, signed at `claimed`, after `versions`."""
    form = a_file(a_report(a_signature(claimed_at=claimed)))
    return ask(examination=an_examination(form, **more), history=History(versions=versions))


def test_a_form_signed_after_the_filed_one_takes_its_place() -> None:
    """The lawful resubmission; its signing moment is kept as a clock reading, and never counts as receipt."""
    decision = ask_of_a_form_signed(IN_TIME, a_version(IN_TIME - HOUR))

    assert (decision.state, codes(decision)) == (State.FILED, {"NEW_VERSION"})
    assert decision.clocks == (ClockReading("form_signed_at", IN_TIME.astimezone(UTC)),)


def test_two_versions_of_one_moment_are_a_resubmission() -> None:
    """Signing tools write whole seconds or whole minutes; equal is not older."""
    assert ask_of_a_form_signed(IN_TIME, a_version(IN_TIME)).state is State.FILED


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(a_version(IN_TIME), id="filed"),
        pytest.param(a_version(IN_TIME, state=State.HELD, operative=False), id="held"),
        pytest.param(a_version(IN_TIME, state=State.RETURNED, operative=False), id="returned"),
        pytest.param(a_version(IN_TIME, state=State.WITHDRAWN, operative=False), id="recalled"),
    ],
)
def test_a_form_signed_before_an_earlier_version_waits_for_a_person(earlier: Delivery) -> None:
    """An attacker mails an old draft with a genuine signature; nobody's form on file is replaced by it."""
    decision = ask_of_a_form_signed(IN_TIME - HOUR, earlier)

    assert (decision.state, "OLDER_THAN_EARLIER_VERSION" in codes(decision)) == (State.HELD, True)
    assert decision.is_submission


@pytest.mark.parametrize("state", [State.RETURNED, State.WITHDRAWN])
def test_what_was_taken_back_does_not_return_by_adding_to_its_bytes(state: State) -> None:
    """A time stamp or revocation data may be added by anybody: another digest, the same signature."""
    decision = ask_of_a_form_signed(IN_TIME, a_version(IN_TIME, state=state, operative=False))

    assert (decision.state, "SIGNED_AS_ONE_TAKEN_BACK" in codes(decision)) == (State.HELD, True)


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(a_version(IN_TIME, state=State.HELD, reasons=(Why("FORM_NOT_CERTAIN"),)), id="another document"),
        pytest.param(a_version(IN_TIME, state=State.HELD, reasons=(Why("AGENCY_MISMATCH"),)), id="another's"),
        pytest.param(a_version(IN_TIME, state=State.HELD, signature="failed"), id="a forgery"),
        pytest.param(a_version(IN_TIME, state=State.DISMISSED), id="dismissed"),
        pytest.param(a_version(IN_TIME, received_at=(IN_TIME + DAY).astimezone(UTC)), id="received after it"),
        pytest.param(a_version(None), id="filed by an earlier program"),
    ],
)
def test_nothing_but_the_agencys_own_earlier_form_holds_its_form_up(earlier: Delivery) -> None:
    """Else anybody could send a paper signed today and hold up the form that was signed yesterday."""
    assert "OLDER_THAN_EARLIER_VERSION" not in codes(ask_of_a_form_signed(IN_TIME - HOUR, earlier))


def test_a_form_that_does_not_say_when_it_was_signed_replaces_with_a_remark_and_from_a_doubted_sender_never() -> None:
    """Unknown is neither older nor newer; two doubts together are a person's."""
    remarked = ask_of_a_form_signed(None, a_version(IN_TIME))
    doubted = ask_of_a_form_signed(None, a_version(IN_TIME), remarks=(Why("SENDER_DOUBTED", "dmarc=fail"),))

    assert (remarked.state, codes(remarked)) == (State.FILED, {"NEW_VERSION", "FORM_UNDATED"})
    assert (doubted.state, "UNDATED_FROM_DOUBTED_SENDER" in codes(doubted)) == (State.HELD, True)


def test_a_first_form_from_a_doubted_sender_is_filed_with_a_visible_remark() -> None:
    """The signature is the identity; a failing DMARC is shown and told, and is never the sole reason to refuse."""
    decision = ask_of_a_form_signed(IN_TIME, remarks=(Why("SENDER_DOUBTED", "dmarc=fail"),))

    assert (decision.state, codes(decision)) == (State.FILED, {"SENDER_DOUBTED"})


def test_nobody_makes_an_old_form_younger_by_signing_or_stamping_it_again() -> None:
    """Only the agency's own signatures say when it signed, and a time stamp can be added by anybody."""
    own = a_signature(claimed_at=IN_TIME - DAY, proven_at=IN_TIME, proven_by="timestamp")
    another = a_signature(name="Signature2", claimed_at=IN_TIME)
    stamp = a_signature(name="Stamp", kind="pdf-timestamp", claimed_at=IN_TIME)
    signed_by = (SignerMatch("snv", "organisation", "name"), SignerMatch("stc", "person", "unit"), None)

    found = signed_at((own, another, stamp), a_recognition(signed_by=signed_by), IN_TIME)

    assert found == IN_TIME - DAY


def test_the_known_local_time_fault_and_a_clock_that_ran_ahead_make_nothing_younger() -> None:
    """Seven hours are taken off where the fault is known, and no form is signed after it came."""
    fault = a_signature(claimed_at=IN_TIME + HOUR, reasons=(Reason("LOCAL_TIME_FAULT", ""),))
    ahead = a_signature(claimed_at=IN_TIME + DAY)

    assert signed_at((fault,), a_recognition(), IN_TIME) == IN_TIME + HOUR - LOCAL_TIME_FAULT
    assert signed_at((ahead,), a_recognition(), IN_TIME) == IN_TIME


def test_two_workers_that_file_out_of_order_do_not_let_the_older_form_stand() -> None:
    """The older was filed before the newer one was known; by a person's decision it stands."""
    newer = a_version(IN_TIME - HOUR)
    older = a_version(IN_TIME - DAY, id="d1", received_at=BEFORE + HOUR, operative=False)
    rule = standing_rule(CAMPAIGN, History())

    assert rule((newer, older)).operative == "d0"
    assert rule((newer, replace(older, decided_by="lan"))).operative == "d1"
    assert rule((newer, replace(older, clocks=()))).operative == "d1"


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (ServerAdvice("mx", dkim="pass", spf="fail", dmarc="pass"), False),
        (ServerAdvice("mx", dkim="pass", spf="fail"), False),
        (ServerAdvice("mx", dkim="none", spf="fail"), True),
        (ServerAdvice("mx", dkim="fail", spf="pass"), True),
        (ServerAdvice("mx", dkim="pass", spf="pass", dmarc="fail"), True),
        (ServerAdvice("mx", dkim="fail", spf="fail", dmarc="pass"), False),
        (ServerAdvice("mx", spf="neutral"), False),
        (ServerAdvice(""), False),
    ],
)
def test_a_sender_is_doubted_by_dmarc_or_by_what_no_forwarder_breaks(advice: ServerAdvice, expected: bool) -> None:
    """SPF fails for every forwarded mail (RFC 7208, D.1); alone beside a good DKIM it says nothing."""
    assert advice.is_bad is expected
