"""A letter leaves once, its fate is known or asked about, and nobody is flooded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.ledger import Ledger
from storage.letters import LetterError
from storage.queries import Queries
from storage.records import Letter, LetterKind, LetterState
from tests.makers import OFFICE
from tests.makers_storage import NOON, SECOND, a_draft, a_queued_letter

LATER = NOON + timedelta(hours=2)


def sent(ledger: Ledger, letter: Letter) -> Letter:
    """The letter, after it went the ordinary way."""
    assert ledger.letters.mark_sending(letter.id, LATER) is not None
    return ledger.letters.mark_sent(letter.id, LATER, "250 2.0.0 Ok")


def test_a_letter_goes_from_queued_over_sending_to_sent(ledger: Ledger) -> None:
    """Each step is a state of its own, in the log, with the relay's words."""
    letter = a_queued_letter(ledger)

    assert [one.id for one in ledger.letters.next_letters(LATER)] == [letter.id]
    sending = ledger.letters.mark_sending(letter.id, LATER)
    assert sending is not None
    assert (sending.state, sending.attempts) == (LetterState.SENDING, 1)
    assert ledger.letters.next_letters(LATER) == ()
    gone = ledger.letters.mark_sent(letter.id, LATER, "250 2.0.0 Ok")

    assert (gone.state, gone.sent_at, gone.message_id) == (LetterState.SENT, LATER, letter.message_id)
    events = [one.event for one in Queries(ledger.database, OFFICE).timeline(letter.delivery_id or "")]
    assert events[-3:] == ["letter_queued", "letter_sending", "letter_sent"]


def test_two_couriers_do_not_take_the_same_letter(ledger: Ledger) -> None:
    """The second finds that it is no longer due."""
    letter = a_queued_letter(ledger)

    assert ledger.letters.mark_sending(letter.id, LATER) is not None
    assert ledger.letters.mark_sending(letter.id, LATER) is None


def test_a_postponed_letter_is_due_again_when_it_was_said(ledger: Ledger) -> None:
    """Greylisting and a relay that is down cost time, not letters; what never left counts for no cap."""
    letter = a_queued_letter(ledger)
    ledger.letters.mark_sending(letter.id, LATER)
    ledger.letters.mark_try_later(letter.id, LATER, next_at=LATER + 60 * SECOND, words="450 greylisted")

    assert ledger.letters.next_letters(LATER + 59 * SECOND) == ()
    (due,) = ledger.letters.next_letters(LATER + 60 * SECOND)
    assert (due.state, due.attempts, due.error) == (LetterState.QUEUED, 1, "450 greylisted")
    assert ledger.letters.sent_since(NOON) == 0


def test_what_a_dead_courier_left_is_in_doubt_and_not_sent_again(ledger: Ledger) -> None:
    """Between handing over and recording it nobody knows; a person is asked, never the relay."""
    letter, other = a_queued_letter(ledger, 1), a_queued_letter(ledger, 2)
    ledger.letters.mark_sending(letter.id, LATER)

    doubted = ledger.letters.doubt_all_sending(LATER + SECOND)

    assert [one.id for one in doubted] == [letter.id]
    assert [one.id for one in ledger.letters.next_letters(LATER + timedelta(days=9))] == [other.id]
    assert ledger.letters.doubt_all_sending(LATER) == ()


def test_a_person_may_send_a_doubtful_letter_again_under_its_old_message_id(ledger: Ledger) -> None:
    """The recipient's system can then tell that it is the same letter."""
    letter = a_queued_letter(ledger)
    ledger.letters.mark_sending(letter.id, LATER)
    ledger.letters.mark_in_doubt(letter.id, LATER, "connection lost after DATA")

    approved = ledger.letters.approve_letter(letter.id, by="an", at=LATER)

    assert (approved.state, approved.message_id) == (LetterState.APPROVED, letter.message_id)
    assert [one.id for one in ledger.letters.next_letters(LATER)] == [letter.id]


@pytest.mark.parametrize("state", [LetterState.SENDING, LetterState.SENT])
def test_what_is_under_way_or_gone_is_neither_released_nor_withheld(ledger: Ledger, state: LetterState) -> None:
    """A second release would send it twice."""
    letter = a_queued_letter(ledger)
    ledger.letters.mark_sending(letter.id, LATER)
    if state is LetterState.SENT:
        ledger.letters.mark_sent(letter.id, LATER)

    with pytest.raises(LetterError):
        ledger.letters.approve_letter(letter.id, by="an", at=LATER)
    with pytest.raises(LetterError):
        ledger.letters.withhold(letter.id, by="an", reason="CLERK_OTHER", at=LATER)


def test_in_the_mode_approve_only_released_letters_are_due(ledger: Ledger) -> None:
    """An approval survives a postponed attempt: it was given for the letter, not for the try."""
    letter = a_queued_letter(ledger)
    a_queued_letter(ledger, 2)
    assert ledger.letters.next_letters(LATER, states=[LetterState.APPROVED]) == ()

    ledger.letters.approve_letter(letter.id, by="an", at=LATER)
    ledger.letters.mark_sending(letter.id, LATER)
    ledger.letters.mark_try_later(letter.id, LATER, next_at=LATER, words="421")

    assert [one.id for one in ledger.letters.next_letters(LATER, states=[LetterState.APPROVED])] == [letter.id]


def test_a_letter_without_recipient_is_never_released(ledger: Ledger) -> None:
    """Who has no registered address must get one first."""
    letter = a_queued_letter(ledger, to="")

    with pytest.raises(LetterError, match="no recipient"):
        ledger.letters.approve_letter(letter.id, by="an", at=LATER)


def test_a_fate_is_recorded_once(ledger: Ledger) -> None:
    """A courier that wakes up late does not overwrite what was recorded meanwhile."""
    letter = a_queued_letter(ledger)
    ledger.letters.mark_sending(letter.id, LATER)
    ledger.letters.doubt_all_sending(LATER)

    with pytest.raises(LetterError, match="in_doubt"):
        ledger.letters.mark_sent(letter.id, LATER)


def test_only_our_own_message_id_is_believed_in_a_bounce(ledger: Ledger) -> None:
    """A letter that never left cannot come back, and a made-up identifier is nobody's."""
    letter, waiting = a_queued_letter(ledger, 1), a_queued_letter(ledger, 2)
    sent(ledger, letter)

    assert ledger.letters.mark_undelivered("<made.up@stttt.example>", LATER, "550") is None
    assert ledger.letters.mark_undelivered(waiting.message_id, LATER, "550") is None
    bounced = ledger.letters.mark_undelivered(letter.message_id, LATER, "550 no such user")

    assert bounced is not None
    assert (bounced.id, bounced.state) == (letter.id, LetterState.UNDELIVERED)
    assert ledger.letters.is_ours(letter.message_id.strip("<>"))
    assert not ledger.letters.is_ours("<made.up@stttt.example>")


def test_message_ids_cannot_be_guessed_from_each_other(ledger: Ledger) -> None:
    """They differ by a keyed mark, and their domain is the office's."""
    first, second = a_queued_letter(ledger, 1), a_queued_letter(ledger, 2)

    assert first.message_id.startswith("<receipt.1.")
    assert first.message_id.endswith("@stttt.example>")
    assert first.message_id != second.message_id


def test_letters_are_counted_by_address_whatever_its_case(ledger: Ledger) -> None:
    """The brake counts what left, is leaving or may have left, to exactly this address."""
    for number, to in enumerate(("a@x.vn", "A@X.VN, b@x.vn", "aa@x.vn"), 1):
        sent(ledger, a_queued_letter(ledger, number, to=to))
    a_queued_letter(ledger, 4, to="a@x.vn")

    assert ledger.letters.sent_to_since("a@X.vn", NOON) == 2
    assert ledger.letters.sent_to_since("b@x.vn", NOON) == 1
    assert ledger.letters.sent_since(NOON) == 3
    assert ledger.letters.sent_since(LATER + SECOND) == 0


def test_a_reminder_is_queued_once_for_its_key(ledger: Ledger) -> None:
    """A reminder job that runs twice reminds once."""
    draft = a_draft(kind=LetterKind.REMINDER)

    one = ledger.letters.queue_letter(draft, key="2019:T-7:snv", by="machine", at=NOON)
    again = ledger.letters.queue_letter(draft, key="2019:T-7:snv", by="machine", at=LATER)
    other = ledger.letters.queue_letter(draft, key="2019:T-3:snv", by="machine", at=LATER)

    assert one == again
    assert other.id != one.id
    assert one.delivery_id is None


def test_the_states_of_letters_add_up(ledger: Ledger) -> None:
    """The console's line about letters has every state, also the empty ones."""
    sent(ledger, a_queued_letter(ledger, 1))
    a_queued_letter(ledger, 2)

    counts = ledger.letters.counts()
    assert (counts[LetterState.SENT], counts[LetterState.QUEUED], counts[LetterState.FAILED]) == (1, 1, 0)
    assert set(counts) == set(LetterState)


def test_a_letter_in_doubt_that_arrived_was_sent_when_it_was_tried(ledger: Ledger) -> None:
    """A person who asked the agency has the last word; what nobody doubts needs none."""
    letter = a_queued_letter(ledger)
    with pytest.raises(LetterError):
        ledger.letters.mark_arrived(letter.id, by="an", reason="đã nhận", at=LATER)
    ledger.letters.mark_sending(letter.id, NOON)
    ledger.letters.mark_in_doubt(letter.id, NOON, "cut off")

    arrived = ledger.letters.mark_arrived(letter.id, by="an", reason="đã nhận", at=LATER)

    assert (arrived.state, arrived.sent_at, arrived.error) == (LetterState.SENT, NOON, None)


def test_the_breaker_counts_from_when_it_was_last_opened(ledger: Ledger) -> None:
    """Twice opened, it counts from the second time; letters to be approved come back approved."""
    book, day = ledger.letters, timedelta(days=1)
    letter = a_queued_letter(ledger)
    book.mark_sending(letter.id, NOON)
    assert book.counted_by_breaker(LATER - day) == 1
    assert book.open_breaker(by="an", reason="đúng", at=NOON) == 0
    assert book.counted_by_breaker(LATER - day) == 0
    book.mark_sent(letter.id, LATER)
    other = book.queue_letter(a_draft(), key="other", by="an", at=NOON)
    book.approve_letter(other.id, by="an", at=NOON)
    book.withhold(other.id, by="machine", reason="LETTER_CAP_PER_DAY", at=LATER)

    assert book.open_breaker(by="an", reason="đúng", at=LATER) == 1
    assert book.letter(other.id).state is LetterState.APPROVED
    assert book.sent_since(LATER - day) == 1
