"""The two cut-offs, and the clocks that speak about a moment of receipt."""

from datetime import UTC, datetime, timedelta

import pytest

from intake.steps.timeliness import judge, judge_delivery
from intake.steps.unpacked import ReceivedHop
from storage.records import Timeliness
from tests.makers import CLOSES, DUE, IN_TIME, SECOND, a_campaign, a_delivery, an_unpacked, some_mail_facts


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


def test_the_counted_moment_is_never_later_than_the_recorded_one() -> None:
    """A Received header from the future moves nothing."""
    mail = some_mail_facts(received=(ReceivedHop("by mx", (CLOSES + timedelta(days=9)).astimezone(UTC)),))

    timing = judge_delivery(a_delivery(), an_unpacked(mail=mail), a_campaign(), tolerance_seconds=300)

    assert timing.counted_at == IN_TIME
