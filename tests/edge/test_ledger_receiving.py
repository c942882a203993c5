"""What arrives is recorded once, whole, and never later than it came."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from config.errors import WrongUse
from intake.ports import SourceError
from storage.ledger import Ledger
from storage.queries import Queries
from storage.records import Channel, ClockReading, State, Why
from tests.makers import OFFICE
from tests.makers_storage import NOON, SECOND, an_arrival, decided, digest_of, received


def test_what_arrives_is_kept_as_it_was_said(ledger: Ledger) -> None:
    """Every fact that the source gave comes back, times in UTC."""
    arrival = an_arrival(
        source="qlvb",
        channel=Channel.QLVB,
        received_at=(NOON + SECOND).astimezone(OFFICE),
        received_at_earliest=NOON,
        clocks=(ClockReading("manifest", NOON, "as written"), ClockReading("file_time", None)),
        reasons=(Why("TIME_UNCERTAIN", "between two listings"),),
    )

    delivery = ledger.receive(arrival, same_bytes_is_same=False)

    assert delivery == ledger.delivery(delivery.id)
    assert (delivery.state, delivery.attempts, delivery.operative) == (State.RECEIVED, 0, False)
    for name in ("source", "source_key", "channel", "received_at", "received_by", "seen_at", "sha256", "size"):
        assert getattr(delivery, name) == getattr(arrival, name)
    for name in ("name", "sender", "subject", "received_at_earliest", "clocks", "reasons"):
        assert getattr(delivery, name) == getattr(arrival, name)
    assert delivery.received_at.utcoffset() == timedelta(0)


def test_a_known_key_changes_nothing(ledger: Ledger) -> None:
    """The second look at the same mailbox writes neither row nor entry."""
    first = received(ledger)
    head = ledger.log_head()

    again = ledger.receive(an_arrival(received_at=NOON - SECOND, sha256=digest_of("other")), same_bytes_is_same=True)

    assert again == first
    assert ledger.log_head() == head


def test_the_same_mail_under_another_uidvalidity_is_the_same_delivery(ledger: Ledger) -> None:
    """A server that renumbers its mailbox must not make a hundred agencies submit twice."""
    first = received(ledger)

    again = ledger.receive(an_arrival(source_key="INBOX/8/1"), same_bytes_is_same=True)

    assert again.id == first.id
    assert ledger.knows("mailbox", "INBOX/8/1")
    assert Queries(ledger.database, OFFICE).sums()["total"] == 1


def test_an_alias_moves_the_moment_earlier_and_never_later(ledger: Ledger) -> None:
    """A copied message may carry a new INTERNALDATE; nobody becomes late by that."""
    first = received(ledger)

    later = ledger.receive(
        an_arrival(source_key="Junk/1/1", received_at=first.received_at + timedelta(days=30)), same_bytes_is_same=True
    )
    earlier = ledger.receive(
        an_arrival(source_key="Archive/1/1", received_at=first.received_at - timedelta(days=1), received_by="other"),
        same_bytes_is_same=True,
    )

    assert later.received_at == first.received_at
    assert (earlier.received_at, earlier.received_by) == (first.received_at - timedelta(days=1), "other")


def test_the_database_itself_refuses_a_later_moment_of_receipt(ledger: Ledger) -> None:
    """Not even a hand in the database console makes somebody late."""
    received(ledger)

    with pytest.raises(Exception, match="never"), ledger.database.writing() as connection:
        connection.execute(text("UPDATE deliveries SET received_at = '2030-01-01T00:00:00.000000+00:00'"))


def test_the_same_bytes_in_a_folder_are_two_deliveries(ledger: Ledger) -> None:
    """What a clerk exports twice was exported twice; whether one is a copy is judged, not assumed."""
    one = ledger.receive(an_arrival(), same_bytes_is_same=False)
    other = ledger.receive(an_arrival(source_key="another"), same_bytes_is_same=False)

    assert one.id != other.id


def test_the_same_bytes_from_another_source_are_another_delivery(ledger: Ledger) -> None:
    """One form through two channels has two receipts, and the earlier one counts."""
    one = received(ledger)
    other = ledger.receive(an_arrival(source="qlvb"), same_bytes_is_same=True)

    assert one.id != other.id


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("qlvb/\udcffphieu.pdf", id="a byte that is no UTF-8"),
        pytest.param("a\0b", id="a NUL"),
        pytest.param('json:"x"', id="what looks like our own escape"),
        pytest.param("đường/" + "dài/" * 2000, id="eight thousand characters"),
        pytest.param("ti\u0302\u0301ng", id="decomposed letters"),
    ],
)
def test_a_source_key_comes_back_character_for_character(ledger: Ledger, key: str) -> None:
    """A key is an identity: whatever a file system made of a name must be found again."""
    delivery = received(ledger, source_key=key)

    assert ledger.knows("mailbox", key)
    assert ledger.delivery(delivery.id).source_key == key
    assert received(ledger, source_key=key).id == delivery.id


def test_hostile_labels_stop_nothing(ledger: Ledger) -> None:
    """NUL, lone surrogates and megabytes in a subject are shown by substitutes, and the delivery stands."""
    delivery = received(ledger, subject="a\0b\ud800" + "x" * 1_000_000, sender="\udfff", name="\0")

    assert delivery.subject.startswith("a␀b\ufffdxxx")
    assert len(delivery.subject) == 1000
    assert (delivery.sender, delivery.name) == ("\ufffd", "␀")


def test_several_are_received_together_or_not_at_all(ledger: Ledger) -> None:
    """A batch that fails in the middle leaves nothing behind."""
    with pytest.raises(ValueError, match="time zone"):
        ledger.receive_many(
            [an_arrival(1), an_arrival(2, received_at=NOON.replace(tzinfo=None))], same_bytes_is_same=True
        )
    assert ledger.log_head()[0] == 0

    both = ledger.receive_many([an_arrival(1), an_arrival(2), an_arrival(1)], same_bytes_is_same=True)

    assert [one.id for one in both] == ["d000001", "d000002", "d000001"]


def test_a_reference_that_names_nothing_is_wrong_use(ledger: Ledger) -> None:
    """The operator learns what a reference looks like."""
    with pytest.raises(WrongUse, match="PDG-2019-000009"):
        ledger.delivery("PDG-2019-000009")


def test_bytes_are_found_wherever_a_delivery_bears_them(ledger: Ledger) -> None:
    """A copy is recognised by the form inside, not only by the whole mail."""
    first = decided(ledger, 1)
    received(ledger, 2)

    assert [one.id for one in ledger.bearing(digest_of("form"))] == [first.id]
    assert [one.id for one in ledger.bearing(digest_of("mail 2"))] == ["d000002"]
    assert ledger.bearing(digest_of("nothing")) == ()


def test_a_memory_survives_and_is_each_sources_own(ledger: Ledger) -> None:
    """A cursor that was put is there after a restart, under its own source only."""
    memory = ledger.memory("mailbox")
    memory.put("cursor", "41")
    memory.put("cursor", "42\0\ud800")

    assert ledger.memory("mailbox").get("cursor") == "42\0\ud800"
    assert ledger.memory("qlvb").get("cursor") is None


def test_the_words_of_an_outage_are_kept_for_both_languages(ledger: Ledger) -> None:
    """The log, for the administrator, has them in English; the pages say them in Vietnamese first."""
    error = SourceError("FOLDER_NOT_LISTED", source="qlvb", root="/srv/x", why="Stale file handle")
    ledger.source_failed("qlvb", NOON, error.kept, error.remedy)

    (health,), (outage,) = ledger.health(), ledger.outages("qlvb")
    assert (health.error, health.error_vi) == (str(error), error.told.vi)
    assert (health.remedy, health.remedy_vi) == (error.remedy, error.told.do_vi)
    assert (outage.error, outage.error_vi) == (str(error), error.told.vi)
    (began,) = [one for one in Queries(ledger.database, OFFICE).entries() if one.event == "outage_began"]
    assert began.detail["error"] == str(error)


def test_an_outage_reaches_from_the_last_good_look_to_the_next(ledger: Ledger) -> None:
    """Lateness can be judged fairly only if it is known when we could not see."""
    ledger.source_ok("mailbox", NOON, {"received": 2})
    ledger.source_failed("mailbox", NOON + 60 * SECOND, "connection refused", "start it")
    ledger.source_failed("mailbox", NOON + 120 * SECOND, "connection refused", "start it")
    during = ledger.health()[0]
    ledger.source_ok("mailbox", NOON + 180 * SECOND)

    assert (during.failing_since, during.error, during.remedy) == (NOON, "connection refused", "start it")
    (outage,) = ledger.outages("mailbox")
    assert (outage.since, outage.until) == (NOON, NOON + 180 * SECOND)
    assert ledger.health()[0].failing_since is None
