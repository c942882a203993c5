"""A decision is filed whole or not at all, gets its number once, and leaves one version standing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.database import DatabaseError
from storage.ledger import Ledger, Rejudged
from storage.queries import Queries
from storage.records import Answer, ClockReading, Delivery, LetterDraft, LetterKind, LetterState, State, Timeliness, Why
from storage.standing import Standing
from tests.makers import OFFICE
from tests.makers_storage import (
    NOON,
    SECOND,
    a_draft,
    a_queued_letter,
    an_outcome,
    decide,
    decided,
    held,
    no_letters,
    one_letter,
    received,
)


def test_a_decision_files_everything_it_found(ledger: Ledger) -> None:
    """State, files, answers, flaws and clocks come back as they were judged."""
    outcome = an_outcome(
        answers=(Answer("1.1", "ratio", numerator=Decimal("40"), denominator=Decimal("50"), max_points=Decimal(10)),),
        flaws=(Why("ANSWER_MISSING", "1.2"),),
        clocks=(ClockReading("date_header", NOON),),
        sender="Sở Nội vụ",
        message_id="<1@snv>",
    )

    delivery = decided(ledger, 1, outcome)
    shown = Queries(ledger.database, OFFICE).show(delivery.id)

    assert (delivery.state, delivery.agency, delivery.signature) == (State.FILED, "snv", "passed")
    assert (delivery.operative, delivery.campaign, delivery.examination) == (True, "2019", 1)
    assert [one.name for one in delivery.clocks] == ["internaldate", "date_header"]
    assert [one.id for one in ledger.by_message_id("<1@snv>")] == [delivery.id]
    assert shown["files"][0]["report"]["verdict"] == "passed"
    assert shown["signatures"][0]["name"] == "Signature1"
    assert shown["form"]["answers"][0]["numerator"] == 40
    assert shown["form"]["flaws"] == [{"code": "ANSWER_MISSING", "detail": "1.2"}]


def test_receipt_numbers_have_no_gap_and_count_by_prefix(ledger: Ledger) -> None:
    """Only submissions take a number; what is set aside takes none, and a failed decision none either."""
    first = decided(ledger, 1)
    aside = decided(ledger, 2, an_outcome(state=State.SET_ASIDE, takes_number=False, operative=False, agency=None))
    third = received(ledger, 3)
    with pytest.raises(RuntimeError):
        decide(ledger, third.id, an_outcome(), write_letters=_fail)
    third = decide(ledger, third.id, an_outcome())
    other = decided(ledger, 4, an_outcome(campaign="2020"), receipt_prefix="PDG-2020")

    assert [one.receipt_no for one in (first, aside, third, other)] == [
        "PDG-2019-000001",
        None,
        "PDG-2019-000002",
        "PDG-2020-000001",
    ]


def _fail(receipt: object) -> Sequence[object]:
    raise RuntimeError("the letter cannot be written")


def test_a_decision_whose_letter_fails_did_not_happen(ledger: Ledger) -> None:
    """Outcome and answer are written together, so the answer cannot be forgotten."""
    delivery = received(ledger)
    head = ledger.log_head()

    with pytest.raises(RuntimeError):
        decide(ledger, delivery.id, an_outcome(), write_letters=_fail)

    assert ledger.delivery(delivery.id) == delivery
    assert ledger.log_head() == head


def test_the_letter_quotes_the_entry_of_its_own_decision(ledger: Ledger) -> None:
    """Each agency holds a copy of the log's head: a later rewrite would show."""
    delivery = decided(ledger, 1, write_letters=one_letter)

    entry = next(one for one in Queries(ledger.database, OFFICE).timeline(delivery.id) if one.event == "decided")
    (letter,) = ledger.letters.letters_of(delivery.id)
    assert letter.body == f"PDG-2019-000001 {entry.hash}"
    assert (letter.state, letter.to) == (LetterState.QUEUED, "snv@binhthuan.example")


def test_the_second_worker_finds_it_done(ledger: Ledger) -> None:
    """A delivery that was decided meanwhile stays as it is, without a second number or letter."""
    delivery = decided(ledger, 1, write_letters=one_letter)
    head = ledger.log_head()

    again = decide(ledger, delivery.id, held(agency="other"), write_letters=one_letter)

    assert again == delivery
    assert ledger.log_head() == head


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"signature": "failed"}, id="a signature that does not hold"),
        pytest.param({"signature": None}, id="a signature nobody looked at"),
        pytest.param({"agency": None}, id="no agency"),
        pytest.param({"campaign": ""}, id="no campaign"),
    ],
)
def test_the_ledger_files_nothing_that_may_not_be_filed(ledger: Ledger, change: dict[str, object]) -> None:
    """Whatever the flow says, these outcomes are refused."""
    delivery = received(ledger)

    with pytest.raises(ValueError, match="filed"):
        decide(ledger, delivery.id, an_outcome(**change))

    assert ledger.delivery(delivery.id).state is State.RECEIVED


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE deliveries SET state = 'filed'", id="file a failed one"),
        pytest.param("UPDATE deliveries SET operative = true", id="let one that is not filed stand"),
        pytest.param("UPDATE deliveries SET state = 'lost'", id="a state that there is not"),
        pytest.param("DELETE FROM deliveries", id="delete it"),
        pytest.param("UPDATE log SET actor = 'nobody'", id="change the log"),
        pytest.param("DELETE FROM log", id="cut the log"),
    ],
)
def test_the_database_itself_guards_the_promises(ledger: Ledger, statement: str) -> None:
    """A form whose signature failed cannot be filed even by a hand in the database console."""
    decided(ledger, 1, held(signature="failed"))

    with pytest.raises(DBAPIError), ledger.database.writing() as connection:
        connection.execute(text(statement))


def test_an_unaccounted_number_is_kept_as_a_flaw(ledger: Ledger) -> None:
    """A form that says 1E+999999 is filed; the number is left empty and named."""
    delivery = decided(
        ledger,
        1,
        an_outcome(
            answers=(
                Answer("1.1", "number", value_text="1E+999999", value_number=Decimal("1E+999999")),
                Answer("1.2", "number", value_number=Decimal("NaN")),
                Answer("1.3", "number", value_number=Decimal("0.1")),
            )
        ),
    )

    form = Queries(ledger.database, OFFICE).show(delivery.id)["form"]
    assert [one["value_number"] for one in form["answers"]] == [None, None, 0.1]
    assert [one["code"] for one in form["flaws"]] == ["NUMBER_OUT_OF_RANGE", "NUMBER_OUT_OF_RANGE"]


def test_one_version_of_an_agency_stands(ledger: Ledger) -> None:
    """A resubmission supersedes; the one before keeps its number and its time."""
    first = decided(ledger, 1)
    second = decided(ledger, 2)

    assert (second.operative, second.supersedes) == (True, first.id)
    assert [one.operative for one in ledger.versions("2019", "snv")] == [False, True]
    assert ledger.delivery(first.id).receipt_no == "PDG-2019-000001"


def test_the_rule_decides_who_stands_whatever_the_order_of_work(ledger: Ledger) -> None:
    """An earlier version that is examined later does not push out the newer one, but lends it its moment."""

    def newest_by_first_moment(versions: Sequence[Delivery]) -> Standing:
        return Standing(versions[-1].id, versions[0].received_at, Timeliness.ON_TIME)

    earlier, later = received(ledger, 1), received(ledger, 2)
    late = an_outcome(counted_at=later.received_at, counted_timeliness=Timeliness.IN_GRACE)
    decide(ledger, later.id, late, standing=newest_by_first_moment)
    decide(ledger, earlier.id, an_outcome(counted_at=earlier.received_at), standing=newest_by_first_moment)

    stands = ledger.delivery(later.id)
    assert (stands.operative, ledger.delivery(earlier.id).operative) == (True, False)
    assert (stands.counted_at, stands.counted_timeliness) == (earlier.received_at, Timeliness.ON_TIME)


def test_a_counted_moment_never_moves_later_by_machine(ledger: Ledger) -> None:
    """Examined again under other rules, a form keeps the earlier of its two moments."""
    delivery = decided(ledger, 1, held(counted_at=NOON))
    _back_to_received(ledger, delivery)

    again = decide(ledger, delivery.id, held(counted_at=NOON + timedelta(days=9)))

    assert again.counted_at == NOON


def _back_to_received(ledger: Ledger, delivery: Delivery) -> None:
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'received', operative = false"))


def test_examined_again_it_keeps_number_and_letter(ledger: Ledger) -> None:
    """However often a delivery is examined, one acknowledgement leaves, and one number stands."""
    delivery = decided(ledger, 1, held(), write_letters=one_letter)
    _back_to_received(ledger, delivery)

    again = decide(ledger, delivery.id, an_outcome(), write_letters=one_letter)

    assert (again.receipt_no, again.examination) == ("PDG-2019-000001", 2)
    assert len(ledger.letters.letters_of(delivery.id)) == 1
    assert len(Queries(ledger.database, OFFICE).show(delivery.id)["files"]) == 1


def test_a_changed_outcome_is_told_and_the_same_one_is_not_told_twice(ledger: Ledger) -> None:
    """Examined again at a person's wish, an agency hears what is new, and only that."""

    def outcome_letter(receipt: object) -> tuple[LetterDraft]:
        return (a_draft(kind=LetterKind.OUTCOME),)

    delivery = received(ledger)
    for outcome in (held(), held(), an_outcome()):
        decide(ledger, delivery.id, outcome, write_letters=outcome_letter)
        _back_to_received(ledger, delivery)

    assert len(ledger.letters.letters_of(delivery.id)) == 2


def test_who_could_not_be_written_to_is_written_to_once_registered(ledger: Ledger) -> None:
    """A receipt that reached nobody does not stand in the way of the one that can."""
    delivery = received(ledger)
    for to in ("", "", "snv@binhthuan.example", "snv@binhthuan.example"):
        draft = a_draft(to=to)
        decide(ledger, delivery.id, held(), write_letters=lambda receipt, draft=draft: (draft,))
        _back_to_received(ledger, delivery)

    letters = ledger.letters.letters_of(delivery.id)
    assert [one.state for one in letters] == [LetterState.WITHHELD, LetterState.QUEUED]


def test_of_two_answers_to_a_criterion_the_first_is_kept(ledger: Ledger) -> None:
    """A form that answers twice is filed; the second answer is named as a flaw."""
    twice = (Answer("1.1", "text", value_text="một"), Answer("1.1", "text", value_text="hai"))

    delivery = decided(ledger, 1, an_outcome(answers=twice))

    form = Queries(ledger.database, OFFICE).show(delivery.id)["form"]
    assert [one["value_text"] for one in form["answers"]] == ["một"]
    assert form["flaws"] == [{"code": "CRITERION_ANSWERED_TWICE", "detail": "1.1"}]


def test_a_letter_to_nobody_is_kept_and_says_why(ledger: Ledger) -> None:
    """Who has no registered address is not written to, and the board can show it."""
    draft = a_draft(to="")
    delivery = decided(ledger, 1, write_letters=lambda receipt: (draft,))

    (letter,) = ledger.letters.letters_of(delivery.id)
    assert (letter.state, letter.error) == (LetterState.WITHHELD, "NO_REGISTERED_ADDRESS")
    assert ledger.letters.next_letters(NOON + timedelta(days=1)) == ()


def test_a_bounce_that_names_our_letter_marks_it(ledger: Ledger) -> None:
    """A bounce is filed and its letter marked undelivered in one transaction; a forged name marks nothing."""
    letter = a_queued_letter(ledger)
    ledger.letters.mark_sending(letter.id, NOON)
    ledger.letters.mark_sent(letter.id, NOON)

    bounce = an_outcome(
        state=State.SET_ASIDE,
        takes_number=False,
        agency=None,
        bounced_message_ids=("<receipt.1.forged@stttt.example>", letter.message_id.strip("<>")),
    )
    decided(ledger, 2, bounce)

    assert ledger.letters.letter(letter.id).state is LetterState.UNDELIVERED


def test_the_oldest_and_least_tried_is_claimed_first(ledger: Ledger) -> None:
    """What killed its examiner waits behind what was never tried, so poison does not stop the rest."""
    received(ledger, 2)
    received(ledger, 1)
    received(ledger, 3)
    ledger.count_attempt("d000002")

    order = []
    for _ in range(3):
        with ledger.claim(attempt_cap=1) as claim:
            assert claim is not None
            order.append((claim.delivery.id, claim.exhausted))
            decide(ledger, claim.delivery.id, held())

    assert order == [("d000001", False), ("d000003", False), ("d000002", True)]
    with ledger.claim(attempt_cap=1) as claim:
        assert claim is None


def test_two_workers_never_hold_the_same_delivery(ledger: Ledger) -> None:
    """While one is at work another takes the next, and what is let go can be taken again."""
    received(ledger, 1)
    received(ledger, 2)

    with ledger.claim(attempt_cap=3) as one, ledger.claim(attempt_cap=3) as other:
        assert one is not None
        assert other is not None
        assert one.delivery.id != other.delivery.id
        with ledger.claim(attempt_cap=3) as third:
            assert third is None
    with ledger.claim(attempt_cap=3) as again:
        assert again is not None


def test_an_attempt_counts_while_the_delivery_is_held(ledger: Ledger) -> None:
    """The count is committed before the attempt: it stands though the worker dies."""
    received(ledger)

    with ledger.claim(attempt_cap=3) as claim:
        assert claim is not None
        counted = ledger.count_attempt(claim.delivery.id)
        seen_by_others = ledger.delivery(claim.delivery.id).attempts

    assert (counted, seen_by_others) == (1, 1)


def test_many_workers_decide_each_delivery_once(ledger: Ledger) -> None:
    """Four threads drain twenty deliveries: twenty numbers, no gap, no double, one agency each."""
    for number in range(1, 21):
        received(ledger, number)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                with ledger.claim(attempt_cap=3) as claim:
                    if claim is None:
                        return
                    ledger.count_attempt(claim.delivery.id)
                    decide(ledger, claim.delivery.id, an_outcome(), write_letters=one_letter)
        except BaseException as error:  # a thread's failure must fail the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    versions = ledger.versions("2019", "snv")
    assert sorted(one.receipt_no or "" for one in versions) == [f"PDG-2019-{one:06d}" for one in range(1, 21)]
    assert [one.attempts for one in versions] == [1] * 20
    assert sum(one.operative for one in versions) == 1


def test_a_changed_campaign_is_recorded_once_for_each_version(ledger: Ledger) -> None:
    """Recording what is in force already is no new version."""
    record = ledger.record_campaign
    recorded = [record("2019", version, "…", by="gd", note="", at=NOON) for version in ("v1", "v1", "v2", "v1")]

    assert recorded == [True, False, True, True]
    assert ledger.current_campaign_version("2019") == "v1"
    assert ledger.current_campaign_version("2020") is None


def test_a_new_reading_of_time_is_a_recorded_act(ledger: Ledger) -> None:
    """An extension changes timeliness, names its author, and leaves the moment of receipt alone."""
    delivery = decided(ledger, 1, held(timeliness=Timeliness.AFTER_GRACE))

    ledger.rejudge(
        [Rejudged(delivery.id, Timeliness.IN_GRACE, delivery.counted_at, Timeliness.IN_GRACE)],
        by="giám đốc",
        note="gia hạn",
        at=NOON + SECOND,
    )

    after = ledger.delivery(delivery.id)
    entry = Queries(ledger.database, OFFICE).timeline(delivery.id)[-1]
    assert replace(after, timeliness=delivery.timeliness, counted_timeliness=delivery.counted_timeliness) == delivery
    assert (after.timeliness, entry.actor) == (Timeliness.IN_GRACE, "giám đốc")
    assert entry.detail["was"]["timeliness"] == "after_grace"


def test_a_recalled_form_loses_its_standing_to_the_one_before(ledger: Ledger) -> None:
    """A revoking package withdraws what it names; repeated, it changes nothing."""
    first = decided(ledger, 1)
    second = decided(ledger, 2)

    words = {"by": "machine", "reason": "RECALLED_BY_SENDER", "note": "", "at": NOON}
    withdrawn = ledger.withdraw(second.id, **words)
    head = ledger.log_head()
    again = ledger.withdraw(second.id, **words)

    assert (withdrawn.state, withdrawn.operative) == (State.WITHDRAWN, False)
    assert ledger.delivery(first.id).operative
    assert (again, ledger.log_head()) == (withdrawn, head)


def test_a_ledger_that_was_closed_knows_everything_again(database_url: str) -> None:
    """A restart finds what was committed."""
    one = Ledger.open(database_url)
    delivery = decided(one, 1, write_letters=no_letters)
    one.close()

    other = Ledger.open(database_url)
    assert other.delivery("PDG-2019-000001") == delivery
    other.close()


def test_a_database_without_tables_says_what_to_do(tmp_path: Path) -> None:
    """An operator who forgot the upgrade reads the command, not a traceback."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseError) as error:
        ledger.waiting()
    assert "intake db upgrade" in error.value.remedy
    ledger.close()


def test_one_judges_at_a_time_on_all_machines(ledger: Ledger, database_url: str) -> None:
    """A second office on the same store waits until the first has written what it judged."""
    if ledger.database.is_sqlite:
        pytest.skip("one daemon owns an SQLite file; its threads are tested with the line of deliveries")
    other = Ledger.open(database_url)
    entered = threading.Event()

    def judge() -> None:
        with other.judging():
            entered.set()

    try:
        with ledger.judging():
            second = threading.Thread(target=judge)
            second.start()
            assert not entered.wait(0.3)
        second.join(10)
        assert entered.is_set()
    finally:
        other.close()
