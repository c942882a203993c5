"""Who is written to and who is not: strangers, machines, old mail, loops; and what stops letters that would not end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec

from intake.once import run_once
from storage.records import LetterState, State
from tests.makers import IN_TIME
from tests.offices import SmallOffice, a_mail, a_signed_form

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
        mail = a_mail(a_signed_form(version=number), message_id=f"<{number}@x>", at=BEFORE_CAMPAIGN)
        small_office.mailbox.put(mail, BEFORE_CAMPAIGN + number * HOUR)

    summary = run_once(small_office.office)

    assert {one.state for one in small_office.deliveries().values()} == {State.SET_ASIDE}
    assert (summary.as_json()["received"], small_office.courier.carried, fates(small_office)) == (3, [], {})


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


def test_beyond_the_cap_for_a_day_nothing_leaves_until_a_person_releases_it(small_office: SmallOffice) -> None:
    """The breaker is for all together; what it held is sent once a clerk says so, and only then."""
    from intake.clerk import OfficeClerk
    from storage.accounts import Accounts
    from storage.records import Role

    small_office = braked(small_office, per_day=1)
    for number, agency in enumerate((("Sở Nội vụ", "snv"), ("Sở Tài chính", "stc"))):
        mail = a_mail(a_signed_form(agency[0]), sender=f"{agency[1]}@binhthuan.example", message_id=f"<{number}@x>")
        small_office.mailbox.put(mail)
    run_once(small_office.office)
    run_once(small_office.office)
    (held,) = small_office.office.ledger.letters.in_state(LetterState.WITHHELD)
    assert (held.error, len(small_office.courier.carried)) == ("LETTER_CAP_PER_DAY", 1)

    accounts = Accounts(small_office.office.database)
    accounts.create("lan", "Lan", Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME)
    OfficeClerk(small_office.office).settle_letter(held.id, resend=True, reason="CLERK_CHECKED_IN_PERSON", by="lan")
    run_once(braked(small_office, per_day=10).office)

    assert fates(small_office) == {"sent": 2}
