"""Who is written to and who is not: strangers, machines, old mail, loops; and what stops letters that would not end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from intake.clerk import OfficeClerk
from intake.console.desk import Refused
from intake.demo.signing import sign_pdf
from intake.once import run_once
from storage.accounts import Accounts
from storage.records import LetterDraft, LetterKind, LetterState, Role, State
from tests.makers import IN_TIME
from tests.makers_mail import a_zip, encrypted
from tests.offices import SmallOffice, a_form, a_mail, a_signed_form, the_seal

HOUR = timedelta(hours=1)
BEFORE_CAMPAIGN = IN_TIME - timedelta(days=400)


def fates(small_office: SmallOffice) -> dict[str, int]:
    """How many letters stand in each state."""
    letters = small_office.office.ledger.letters
    return {one.value: len(letters.in_state(one)) for one in LetterState if letters.in_state(one)}


def braked(small_office: SmallOffice, **limits: int) -> SmallOffice:
    """The same office with lower caps."""
    settings = small_office.office.settings
    letters = msgspec.structs.replace(settings.letters, **limits)
    office = replace(small_office.office, settings=msgspec.structs.replace(settings, letters=letters))
    return replace(small_office, office=office)


def a_bounce_of(message_id: str) -> bytes:
    """A bounce in plain text, as a server sends one that names the letter it could not deliver."""
    return (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@binhthuan.example\r\nTo: stttt@binhthuan.example\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; snv@binhthuan.example\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\nSubject: x\r\n\r\n--b--\r\n"
    ).encode()


def test_a_bounce_that_names_our_letter_marks_it_and_is_not_answered(small_office: SmallOffice) -> None:
    """The board must not say that an agency was told when it was not (intake lessons, 27)."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    (letter,) = small_office.courier.carried
    small_office.mailbox.put(a_bounce_of("<guessed@stttt.example>"), IN_TIME + HOUR)
    run_once(small_office.office)
    assert fates(small_office) == {"sent": 1}

    small_office.mailbox.put(a_bounce_of(letter.message_id), IN_TIME + 2 * HOUR)
    run_once(small_office.office)

    assert fates(small_office) == {"undelivered": 1}
    assert len(small_office.courier.carried) == 1


def test_a_stranger_with_a_form_is_held_and_nobody_is_written_to(small_office: SmallOffice) -> None:
    """Letters go to registered addresses only: a form is no way to make us write to a third person."""
    small_office.mailbox.put(a_mail(a_signed_form("Ủy ban nhân dân xã Lạ"), sender="victim@elsewhere.example"))

    run_once(small_office.office)

    (delivery,) = small_office.deliveries().values()
    assert delivery.state is State.HELD
    assert (small_office.courier.carried, fates(small_office)) == ([], {"withheld": 1})


def test_the_first_connection_to_an_old_mailbox_writes_to_nobody(small_office: SmallOffice) -> None:
    """Years of mail come in at once; what came before the campaign is listed and never answered (lessons, 28)."""
    for number in range(3):
        form = sign_pdf(a_form(version=number), the_seal("Sở Nội vụ"), at=BEFORE_CAMPAIGN)
        mail = a_mail(form, message_id=f"<{number}@x>", at=BEFORE_CAMPAIGN)
        small_office.mailbox.put(mail, BEFORE_CAMPAIGN + number * HOUR)

    summary = run_once(small_office.office)

    assert {one.state for one in small_office.deliveries().values()} == {State.SET_ASIDE}
    assert (summary.as_json()["received"], small_office.courier.carried, fates(small_office)) == (3, [], {})


def test_a_late_servers_warning_leaves_a_letter_as_sent(small_office: SmallOffice) -> None:
    """A delay is no failure: the letter is still on its way (RFC 3464, 2.3.3)."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    (letter,) = small_office.courier.carried
    warning = a_bounce_of(letter.message_id).replace(b"Action: failed", b"Action: delayed")
    small_office.mailbox.put(warning, IN_TIME + HOUR)
    run_once(small_office.office)

    assert fates(small_office) == {"sent": 1}


@pytest.mark.parametrize("answered", ["by its id", "by its subject"])
def test_a_machine_that_answers_our_letters_without_any_mark_gets_no_answer(
    small_office: SmallOffice, answered: str
) -> None:
    """It says only that somebody is away; the mail waits for a person, and no letter goes out again and again."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    (letter,) = small_office.courier.carried
    for number in range(3):
        head = {"In_Reply_To": letter.message_id} if answered == "by its id" else {}
        subject = f"Re: {letter.subject}" if answered == "by its subject" else "Re: Phiếu đánh giá"
        reply = a_mail(subject=subject, message_id=f"<away{number}@x>", **head)
        small_office.mailbox.put(reply, IN_TIME + (1 + number) * HOUR)
        run_once(small_office.office)

    assert fates(small_office) == {"sent": 1}
    replies = [one for one in small_office.deliveries().values() if one.state is State.HELD]
    assert [one.reasons[0].code for one in replies] == ["REPLY_WITHOUT_FORM"] * 3


def test_an_automatic_mail_with_what_nobody_could_read_waits_for_a_person_and_is_not_answered(
    small_office: SmallOffice,
) -> None:
    """A form may lie in a locked archive, and a program that sends documents may write what auto-responders write."""
    locked = encrypted(a_zip({"phieu.pdf": a_signed_form()}))
    small_office.mailbox.put(a_mail(locked, name="phieu.zip", Auto_Submitted="auto-generated"))
    small_office.mailbox.put(a_mail(locked, name="phieu.zip", sender="ai@elsewhere.example", Precedence="bulk"))
    run_once(small_office.office)

    first, second = sorted(small_office.deliveries().values(), key=lambda one: one.id)
    assert (first.state, second.state) == (State.HELD, State.SET_ASIDE)
    assert {"AUTOMATIC_WITH_FORM", "ARCHIVE_ENCRYPTED"} <= {one.code for one in first.reasons}
    assert (first.receipt_no, fates(small_office)) == (None, {})


def test_beyond_the_cap_for_an_address_letters_stay_in_the_house_and_a_person_is_asked(
    small_office: SmallOffice,
) -> None:
    """Two systems that answer each other come to an end (RFC 3834, 2; intake lessons, 26)."""
    small_office = braked(small_office, per_address_per_day=2)
    for number in range(4):
        mail = a_mail(a_signed_form(version=number), message_id=f"<{number}@x>")
        small_office.mailbox.put(mail, IN_TIME + number * HOUR)
    small_office.mailbox.put(a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id="<9@x>"))

    run_once(small_office.office)

    assert fates(small_office) == {"sent": 3, "withheld": 2}
    assert {one.error for one in small_office.office.ledger.letters.in_state(LetterState.WITHHELD)} == {
        "LETTER_CAP_PER_ADDRESS"
    }
    assert all(one.state is State.FILED for one in small_office.deliveries().values())


def a_clerk(small_office: SmallOffice) -> OfficeClerk:
    """A clerk of the office with an account, called lan."""
    Accounts(small_office.office.database).create(
        "lan", "Lan", Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME
    )
    return OfficeClerk(small_office.office)


def two_agencies_write(small_office: SmallOffice) -> None:
    """Each sends its form, so that two letters are due."""
    for number, agency in enumerate((("Sở Nội vụ", "snv"), ("Sở Tài chính", "stc"))):
        mail = a_mail(a_signed_form(agency[0]), sender=f"{agency[1]}@binhthuan.example", message_id=f"<{number}@x>")
        small_office.mailbox.put(mail)


def test_a_letter_that_a_clerk_releases_passes_the_cap_of_its_address(small_office: SmallOffice) -> None:
    """The cap limits what a machine sends by itself; a person who looked and says so is no loop."""
    small_office = braked(small_office, per_address_per_day=1)
    for number in range(3):
        mail = a_mail(a_signed_form(version=number), message_id=f"<{number}@x>")
        small_office.mailbox.put(mail, IN_TIME + number * HOUR)
    run_once(small_office.office)
    held = small_office.office.ledger.letters.in_state(LetterState.WITHHELD)
    assert [one.error for one in held] == ["LETTER_CAP_PER_ADDRESS"] * 2

    a_clerk(small_office).settle_letter(held[0].id, resend=True, reason="đã gọi điện", by="lan")
    run_once(small_office.office)

    assert fates(small_office) == {"sent": 2, "withheld": 1}


def test_a_released_letter_waits_at_the_breaker_of_the_day_instead_of_being_held_again(
    small_office: SmallOffice,
) -> None:
    """The breaker is for all together: one letter's release does not open it, and is not forgotten either."""
    small_office = braked(small_office, per_day=1)
    two_agencies_write(small_office)
    run_once(small_office.office)
    (held,) = small_office.office.ledger.letters.in_state(LetterState.WITHHELD)
    assert (held.error, len(small_office.courier.carried)) == ("LETTER_CAP_PER_DAY", 1)

    a_clerk(small_office).settle_letter(held.id, resend=True, reason="CLERK_CHECKED_IN_PERSON", by="lan")
    run_once(small_office.office)
    run_once(small_office.office)
    assert fates(small_office) == {"sent": 1, "approved": 1}

    run_once(braked(small_office, per_day=10).office)
    assert fates(small_office) == {"sent": 2}


def test_the_breaker_of_the_day_is_opened_by_a_person_and_counts_afresh(small_office: SmallOffice) -> None:
    """What it held is due again, by itself and under the caps per address; the next stop comes after as many again."""
    small_office = braked(small_office, per_day=1)
    two_agencies_write(small_office)
    run_once(small_office.office)
    clerk = a_clerk(small_office)
    with pytest.raises(Refused):
        clerk.open_breaker(reason="", by="lan")

    assert clerk.open_breaker(reason="một đợt gửi lớn, không phải lặp thư", by="lan") == 1
    later = replace(small_office.office, clock=lambda: IN_TIME + HOUR)
    run_once(later)
    assert fates(small_office) == {"sent": 2}

    small_office.mailbox.put(a_mail(a_signed_form(version=7), message_id="<7@x>"), IN_TIME + HOUR)
    run_once(later)
    assert fates(small_office) == {"sent": 2, "withheld": 1}


def test_letters_that_wait_at_the_breaker_hide_none_that_it_must_stop(small_office: SmallOffice) -> None:
    """However many were released: an automatic letter does not slip out once the day is over."""
    small_office = braked(small_office, per_day=0)
    letters = small_office.office.ledger.letters
    for number in range(120):
        draft = LetterDraft(LetterKind.REMINDER, "snv@binhthuan.example", "x", "y")
        letter = letters.queue_letter(draft, key=f"k{number}", by="lan", at=IN_TIME + timedelta(seconds=number))
        if number < 110:
            letters.approve_letter(letter.id, by="lan", at=IN_TIME)
    run_once(replace(small_office.office, clock=lambda: IN_TIME + HOUR))

    assert fates(small_office) == {"approved": 110, "withheld": 10}
