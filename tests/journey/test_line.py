"""What is examined ahead is filed in order, one judge at a time, and nobody pays for another's trouble."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from config.errors import OfficeError
from config.isolation import MiB, Workers
from intake.flow import receive, take_in_all
from intake.line import Line
from storage.audit import audit
from storage.records import Delivery, State
from tests.faults.poison import FULL, perform_or_suffer
from tests.makers import IN_TIME
from tests.offices import SmallOffice, a_mail, a_signed_form, open_small_office, prepare_folder


@pytest.fixture(scope="module")
def pair() -> Iterator[Workers]:
    """Two real worker processes."""
    with Workers(perform_or_suffer, count=2, memory_bytes=1536 * MiB) as workers:
        yield workers


@pytest.fixture
def busy(tmp_path: Path, pair: Workers) -> Iterator[SmallOffice]:
    """An office with both."""
    small = open_small_office(prepare_folder(tmp_path, extra="seconds = 20\n"), examiner=pair)
    yield small
    small.office.ledger.close()


def test_what_is_examined_quickly_waits_for_what_came_before_it(busy: SmallOffice) -> None:
    """A copy that is read sooner than its original is still the copy, and numbers follow the order of arrival."""
    busy.mailbox.put(a_mail(a_signed_form(), X_Poison="slow"))
    for number in range(3):
        mail = a_mail(a_signed_form(), message_id=f"<copy{number}@x>")
        busy.mailbox.put(mail, IN_TIME + timedelta(minutes=1 + number))
    receive(busy.office, busy.mailbox)
    taken: list[Delivery] = []

    take_in_all(busy.office, taken.append)

    assert [one.source_key for one in taken] == [f"INBOX/1/{number}" for number in range(1, 5)]
    assert [one.state for one in taken] == [State.FILED, State.LINKED, State.LINKED, State.LINKED]
    assert {one.linked_to for one in taken[1:]} == {taken[0].id}
    assert audit(busy.office.database, busy.office.vault).findings == ()


def test_trouble_of_the_house_costs_nobody_in_the_line_an_attempt(busy: SmallOffice) -> None:
    """The disk is full for one of three that were begun: all three wait as if nothing had been tried."""
    for number in range(3):
        busy.mailbox.put(a_mail(a_signed_form(version=number), message_id=f"<{number}@x>"))
    receive(busy.office, busy.mailbox)
    (busy.folder / FULL).touch()

    with pytest.raises(OfficeError, match="No space left"):
        take_in_all(busy.office)

    assert [(one.state, one.attempts) for one in busy.deliveries().values()] == [(State.RECEIVED, 0)] * 3
    (busy.folder / FULL).unlink()
    take_in_all(busy.office)
    assert {one.state for one in busy.deliveries().values()} == {State.FILED}


def test_a_stop_finishes_what_was_begun_and_begins_no_other(busy: SmallOffice) -> None:
    """A service that is told to end files what its workers have in hand; the rest waits, untried."""
    for number in range(6):
        busy.mailbox.put(a_mail(a_signed_form(version=number % 3), message_id=f"<{number}@x>"))
    receive(busy.office, busy.mailbox)
    taken: list[Delivery] = []

    take_in_all(busy.office, taken.append, stopping=lambda: bool(taken))

    waiting = [one for one in busy.deliveries().values() if one.state is State.RECEIVED]
    assert len(taken) == 3
    assert [one.attempts for one in waiting] == [0, 0, 0]


def test_what_was_tried_before_is_examined_alone(busy: SmallOffice) -> None:
    """Should it bring the whole service down this time, nobody else's attempt is counted with it."""
    for number in range(2):
        busy.mailbox.put(a_mail(a_signed_form(version=number), message_id=f"<{number}@x>"))
    receive(busy.office, busy.mailbox)
    first, second = sorted(busy.deliveries())
    busy.office.ledger.count_attempt(second)

    with Line(busy.office) as line:
        assert line.claims_next()
        line.begin(busy.office.rules.book())
        # The second is claimed and held back: it has been tried, and another is in hand.
        assert not line.claims_next()
        assert len(line) == 1

        with line.first() as begun:
            assert begun.claim.delivery.id == first
            begun.examined()
        assert line.claims_next()
        line.begin(busy.office.rules.book())
        assert not line.claims_next()

    attempts = {one.id: one.attempts for one in busy.deliveries().values()}
    # The first was begun and not filed by this test; the second's new attempt was taken back at the line's end.
    assert attempts == {first: 1, second: 1}


def test_a_poisoned_delivery_among_others_is_the_only_one_shelved(busy: SmallOffice) -> None:
    """It kills its worker each time; those examined beside it are filed at their first attempt."""
    for number in range(5):
        form = a_signed_form(version=number % 2)
        poisoned = number == 2
        mail = a_mail(form, X_Poison="kill") if poisoned else a_mail(form, message_id=f"<{number}@x>")
        busy.mailbox.put(mail)
    receive(busy.office, busy.mailbox)

    take_in_all(busy.office)

    found = sorted(busy.deliveries().values(), key=lambda one: one.source_key)
    assert [one.state for one in found].count(State.SHELVED) == 1
    assert found[2].state is State.SHELVED
    assert [one.attempts for one in found] == [1, 1, 3, 1, 1]
    assert State.RECEIVED not in {one.state for one in found}


def test_while_one_judges_another_waits(busy: SmallOffice) -> None:
    """What was read of an agency's history must still be true when the decision on it is written."""
    entered = threading.Event()

    def judge() -> None:
        with busy.office.ledger.judging():
            entered.set()

    with busy.office.ledger.judging():
        second = threading.Thread(target=judge)
        second.start()
        assert not entered.wait(0.2)
    second.join(10)

    assert entered.is_set()
