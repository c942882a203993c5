"""The two cut-offs, and the clocks that speak about a moment of receipt."""

from datetime import UTC, datetime, timedelta

import pytest

from intake.steps.timeliness import judge, judge_delivery
from intake.steps.unpacked import ReceivedHop, TraceStamp
from storage.records import Channel, Timeliness
from tests.makers import (
    CLOSES,
    DUE,
    IN_TIME,
    SECOND,
    a_campaign,
    a_delivery,
    an_unpacked,
    some_edxml_facts,
    some_mail_facts,
)


@pytest.mark.parametrize(
    ("received_at", "expected"),
    [
        pytest.param(DUE - SECOND, Timeliness.ON_TIME, id="the last second before the 15th"),
        pytest.param(DUE, Timeliness.IN_GRACE, id="midnight"),
        pytest.param(CLOSES - SECOND, Timeliness.IN_GRACE, id="the last second of grace"),
        pytest.param(CLOSES, Timeliness.AFTER_GRACE, id="grace is over"),
    ],
)
def test_a_cut_off_is_the_first_instant_outside(received_at: datetime, expected: Timeliness) -> None:
    """Twenty-four hundred of a day is midnight of the next, and belongs to the next."""
    assert judge(received_at, a_campaign()) is expected


def test_a_moment_without_zone_is_refused() -> None:
    """A deadline that moves with the server's clock is no deadline."""
    with pytest.raises(ValueError, match="no time zone"):
        judge(datetime(2019, 9, 14), a_campaign())


def test_the_same_instant_in_another_zone_is_judged_alike() -> None:
    """17:00 UTC of the 14th is midnight in the office."""
    assert judge(datetime(2019, 9, 14, 17, tzinfo=UTC), a_campaign()) is Timeliness.IN_GRACE


def test_an_interval_that_straddles_a_cut_off_counts_from_its_start_and_waits_for_a_person() -> None:
    """Doubt about a folder item's moment goes in the sender's favour until a person decides."""
    delivery = a_delivery(received_at=DUE + SECOND, received_at_earliest=DUE - SECOND)

    timing = judge_delivery(delivery, an_unpacked(mail=None), a_campaign(), tolerance_seconds=300)

    assert (timing.timeliness, timing.uncertain) == (Timeliness.ON_TIME, True)
    assert "TIME_UNCERTAIN" in [one.code for one in timing.reasons]


def test_an_earlier_stamp_of_our_own_server_counts_when_it_decides() -> None:
    """A restored mailbox gives a later INTERNALDATE; nobody is judged late by our fault."""
    mail = some_mail_facts(received=(ReceivedHop("by mx", (DUE - timedelta(hours=1)).astimezone(UTC)),))
    delivery = a_delivery(received_at=DUE + timedelta(hours=1))

    timing = judge_delivery(delivery, an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert (timing.timeliness, timing.uncertain) == (Timeliness.ON_TIME, True)
    assert [one.code for one in timing.reasons] == ["CLOCKS_DISAGREE_ON_CUT_OFF"]


def test_the_senders_date_changes_nothing_but_is_shown() -> None:
    """The Date header is the sender's word: sent before due, received after, is a remark."""
    mail = some_mail_facts(date=(DUE - timedelta(days=1)).astimezone(UTC))
    delivery = a_delivery(received_at=DUE + timedelta(hours=1))

    timing = judge_delivery(delivery, an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert timing.timeliness is Timeliness.IN_GRACE
    assert [one.code for one in timing.reasons] == ["SENT_BEFORE_DUE"]


@pytest.mark.parametrize("cut_off", [DUE, CLOSES], ids=["due", "closes"])
def test_a_later_stamp_of_our_own_server_across_a_cut_off_waits_for_a_person_too(cut_off: datetime) -> None:
    """A client that puts a mail into the mailbox writes its INTERNALDATE; the earlier moment counts meanwhile."""
    mail = some_mail_facts(received=(ReceivedHop("by mx", (cut_off + timedelta(hours=1)).astimezone(UTC)),))
    delivery = a_delivery(received_at=cut_off - timedelta(hours=1))

    timing = judge_delivery(delivery, an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert (timing.counted_at, timing.uncertain) == (delivery.received_at, True)
    assert [one.code for one in timing.reasons if one.code.startswith("CLOCKS")] == ["CLOCKS_DISAGREE_ON_CUT_OFF"]


@pytest.mark.parametrize("seconds", [300, 301], ids=["within the tolerance", "beyond it"])
def test_a_disagreement_within_the_tolerance_is_none(seconds: int) -> None:
    """Two clocks of one house differ; on the two sides of a cut-off only what is beyond the tolerance is doubt."""
    mail = some_mail_facts(received=(ReceivedHop("by mx", (DUE - SECOND).astimezone(UTC)),))
    delivery = a_delivery(received_at=DUE - SECOND + timedelta(seconds=seconds))

    timing = judge_delivery(delivery, an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert timing.uncertain is (seconds > 300)


@pytest.mark.parametrize(
    ("received_at", "expected"),
    [
        (DUE - SECOND, (Timeliness.ON_TIME, False)),
        (DUE, (Timeliness.ON_TIME, True)),
        (CLOSES, (Timeliness.ON_TIME, True)),
    ],
    ids=["in time anyway", "late", "too late"],
)
def test_a_late_first_sight_without_any_other_time_counts_as_in_time_until_a_person_decides(
    received_at: datetime, expected: tuple[Timeliness, bool]
) -> None:
    """The service looked for the first time after the day: how long the file had been there, nobody knows."""
    delivery = a_delivery(received_at=received_at, received_by="first-listing")

    timing = judge_delivery(delivery, an_unpacked(mail=None), a_campaign(), tolerance_seconds=300)

    assert (timing.timeliness, timing.uncertain) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(DUE - SECOND, DUE - SECOND / 2, (Timeliness.ON_TIME, False), id="ends before due"),
        pytest.param(DUE - SECOND, DUE, (Timeliness.ON_TIME, True), id="ends at due"),
        pytest.param(DUE, DUE + SECOND, (Timeliness.IN_GRACE, False), id="begins at due"),
        pytest.param(CLOSES - SECOND, CLOSES, (Timeliness.IN_GRACE, True), id="ends at the end of grace"),
        pytest.param(DUE - SECOND, CLOSES, (Timeliness.ON_TIME, True), id="stopped over both"),
        pytest.param(CLOSES, CLOSES + SECOND, (Timeliness.AFTER_GRACE, False), id="begins when grace is over"),
    ],
)
def test_an_interval_is_judged_at_both_its_ends(
    start: datetime, end: datetime, expected: tuple[Timeliness, bool]
) -> None:
    """The service stood still between the two: its start counts, and a cut-off inside it is for a person."""
    delivery = a_delivery(received_at=end, received_at_earliest=start)

    timing = judge_delivery(delivery, an_unpacked(mail=None), a_campaign(), tolerance_seconds=300)

    assert (timing.timeliness, timing.uncertain) == expected
    assert timing.counted_at == start


def test_a_package_that_its_trace_says_was_sent_in_time_is_shown_as_such() -> None:
    """Its stamps are the sender's side, like a Date header: evidence, never the moment."""
    package = some_edxml_facts(trace=(TraceStamp("H11.09", (DUE - timedelta(hours=1)).astimezone(UTC), ""),))
    delivery = a_delivery(received_at=DUE + SECOND, channel=Channel.QLVB)

    timing = judge_delivery(
        delivery, an_unpacked(kind="edxml", mail=None, edxml=package), a_campaign(), tolerance_seconds=300
    )

    assert timing.timeliness is Timeliness.IN_GRACE
    assert [one.code for one in timing.reasons] == ["SENT_BEFORE_DUE"]


def test_the_counted_moment_is_never_later_than_the_recorded_one() -> None:
    """A Received header from the future moves nothing."""
    mail = some_mail_facts(received=(ReceivedHop("by mx", (CLOSES + timedelta(days=9)).astimezone(UTC)),))

    timing = judge_delivery(a_delivery(), an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert timing.counted_at == IN_TIME
