"""The three promises under attack: whole journeys with real signatures, each by somebody who means ill or is clumsy."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from intake.demo.signing import detached_p7s, sign_pdf
from intake.flow import receive
from intake.once import run_once
from storage.audit import audit
from storage.records import Action, Delivery, Role, State, Timeliness
from tests.makers import CLOSES, DUE, IN_TIME, SECOND
from tests.offices import ListedMail, SmallOffice, a_form, a_mail, a_signed_form, the_seal

HOUR = timedelta(hours=1)


def codes(delivery: Delivery) -> set[str]:
    """The codes of a delivery's reasons."""
    return {one.code for one in delivery.reasons}


def in_order(small_office: SmallOffice) -> list[Delivery]:
    """Every delivery, oldest id first."""
    return sorted(small_office.deliveries().values(), key=lambda one: one.id)


def with_signature_beside(form: bytes, signature: bytes) -> bytes:
    """A mail with a form and a detached signature of its name beside it."""
    from email import message_from_bytes, policy

    mail = message_from_bytes(a_mail(form, name="phieu.pdf", message_id="<p7s@x>"), policy=policy.default)
    mail.add_attachment(signature, maintype="application", subtype="pkcs7-signature", filename="phieu.pdf.p7s")
    return mail.as_bytes()


# 2. No forged or altered form is ever accepted ------------------------------------------------


def test_a_published_document_of_an_agency_under_a_false_name_is_not_filed(small_office: SmallOffice) -> None:
    """Signed by the right seal, named like the form, sent in the agency's name: and it is an invitation."""
    from intake.demo import paper

    letter = paper.letter("Sở Nội vụ", "GIẤY MỜI", "Kính mời dự họp về ứng dụng CNTT.")
    signed = sign_pdf(letter, the_seal("Sở Nội vụ"), at=IN_TIME - HOUR)
    small_office.mailbox.put(a_mail(a_signed_form()))
    small_office.mailbox.put(a_mail(signed, message_id="<2@x>"), IN_TIME + HOUR)

    run_once(small_office.office)

    form, forged = in_order(small_office)
    assert (form.state, form.operative) == (State.FILED, True)
    assert (forged.state, codes(forged)) == (State.HELD, {"FORM_NOT_CERTAIN", "NEW_VERSION"})


def test_another_agencys_form_sealed_once_more_is_not_filed(small_office: SmallOffice) -> None:
    """The Department of Finance sends the form of Home Affairs under its own seal."""
    twice = sign_pdf(a_signed_form("Sở Nội vụ"), the_seal("Sở Tài chính"), field_name="Signature2", at=IN_TIME)
    small_office.mailbox.put(a_mail(twice, sender="stc@binhthuan.example"))

    run_once(small_office.office)

    (delivery,) = in_order(small_office)
    assert delivery.state is State.HELD
    assert "FORM_OF_ANOTHER_AGENCY" in codes(delivery)


def test_a_recalled_package_attached_to_a_mail_withdraws_nothing(small_office: SmallOffice) -> None:
    """A From header and an attachment are anybody's; only the document system vouches for a recall."""
    from intake.demo.exports import REVOKE, Party, edxml_document

    sxd, office = Party("H11.09", "Sở Xây dựng", "sxd@x"), Party("H11.11", "Sở TTTT", "stttt@x")
    package = edxml_document(
        sxd,
        office,
        number="1",
        notation="SXD",
        subject="Phiếu",
        signed_by="A",
        at=IN_TIME,
        attachments=(),
        operation=REVOKE,
    )
    small_office.mailbox.put(a_mail(a_signed_form("Sở Xây dựng"), sender="a@b.example", message_id="<1/SXD>"))
    small_office.mailbox.put(a_mail(package, name="thu hoi.edxml", message_id="<2@x>"), IN_TIME + HOUR)
    small_office.mailbox.put(package, IN_TIME + HOUR)

    run_once(small_office.office)

    assert State.WITHDRAWN not in {one.state for one in in_order(small_office)}


def test_a_self_made_certificate_in_the_agencys_name_files_nothing(small_office: SmallOffice) -> None:
    """The From header and the common name are right, the authority is the attacker's own."""
    from intake.demo.pki import DemoPki

    forger = DemoPki.create(IN_TIME - timedelta(days=30)).issue_organisation("Sở Nội vụ")
    small_office.mailbox.put(a_mail(sign_pdf(a_form(), forger, at=IN_TIME - HOUR)))

    run_once(small_office.office)

    (delivery,) = in_order(small_office)
    assert (delivery.state, delivery.signature) == (State.HELD, "indeterminate")


def test_a_returned_form_that_anybody_sends_again_supersedes_nothing(small_office: SmallOffice) -> None:
    """Whoever has the first file cannot put it in the place of the second."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    first = in_order(small_office)[0]
    _let_two_return(small_office, first)
    repaired = sign_pdf(a_form(version=1), the_seal("Sở Nội vụ"), at=IN_TIME)
    small_office.mailbox.put(a_mail(repaired, message_id="<2@x>"), IN_TIME + HOUR)
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<3@x>"), IN_TIME + 2 * HOUR)

    run_once(small_office.office)

    _, second, replayed = in_order(small_office)
    assert (second.state, second.operative) == (State.FILED, True)
    assert (replayed.state, "SAME_FORM_TAKEN_BACK" in codes(replayed)) == (State.HELD, True)


def test_a_signature_of_the_right_name_over_another_file_files_nothing(small_office: SmallOffice) -> None:
    """A detached signature is judged over the very file beside it."""
    over_another = detached_p7s(a_form(version=1), the_seal("Sở Nội vụ"), at=IN_TIME - HOUR)
    small_office.mailbox.put(with_signature_beside(a_form(), over_another))

    run_once(small_office.office)

    (delivery,) = in_order(small_office)
    assert (delivery.state, delivery.signature) == (State.HELD, "failed")


def test_an_older_genuine_draft_under_a_forged_from_supersedes_nothing(small_office: SmallOffice) -> None:
    """Whoever ever had a signed draft can mail it in the agency's name; a person decides, and may take it."""
    draft = sign_pdf(a_form(version=7), the_seal("Sở Nội vụ"), at=IN_TIME - timedelta(days=9))
    small_office.mailbox.put(a_mail(a_signed_form()))
    small_office.mailbox.put(a_mail(draft, message_id="<2@x>"), IN_TIME + HOUR)

    run_once(small_office.office)

    form, replayed = in_order(small_office)
    assert (form.state, form.operative) == (State.FILED, True)
    assert (replayed.state, "OLDER_THAN_EARLIER_VERSION" in codes(replayed)) == (State.HELD, True)
    _act(small_office, replayed, Action.ACCEPT, _account(small_office, "lan"))
    assert [one.operative for one in in_order(small_office)] == [False, True]


def test_a_draft_that_was_sent_first_gives_way_to_the_agencys_own_form(small_office: SmallOffice) -> None:
    """Filed as the first submission, it is replaced like any other by what was signed later."""
    draft = sign_pdf(a_form(version=7), the_seal("Sở Nội vụ"), at=IN_TIME - timedelta(days=9))
    small_office.mailbox.put(a_mail(draft))
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<2@x>"), IN_TIME + HOUR)

    run_once(small_office.office)

    assert [(one.state, one.operative) for one in in_order(small_office)] == [
        (State.FILED, False),
        (State.FILED, True),
    ]


# 1. Nothing is lost or counted twice ------------------------------------------------


def test_a_message_id_is_no_identity(small_office: SmallOffice) -> None:
    """An id that a program gives twice, or not at all, swallows nobody's form (intake lessons, 13)."""
    same = "<same@x>"
    small_office.mailbox.put(a_mail(a_signed_form(), message_id=same))
    small_office.mailbox.put(a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id=same))
    without = a_mail(a_signed_form(version=1), message_id=same).replace(b"Message-ID: " + same.encode() + b"\n", b"")
    assert b"Message-ID" not in without
    small_office.mailbox.put(without, IN_TIME + HOUR)

    run_once(small_office.office)

    found = in_order(small_office)
    assert [(one.state, one.agency) for one in found] == [
        (State.FILED, "snv"),
        (State.FILED, "stc"),
        (State.FILED, "snv"),
    ]
    assert len({one.receipt_no for one in found}) == len(small_office.courier.carried) == 3


def test_the_repaired_form_is_not_hidden_behind_its_unsigned_first_sending(small_office: SmallOffice) -> None:
    """The same PDF again, now with its signature beside it: filed, and not linked to what was held."""
    form = a_form()
    small_office.mailbox.put(a_mail(form, name="phieu.pdf"))
    signature = detached_p7s(form, the_seal("Sở Nội vụ"), at=IN_TIME - HOUR)
    small_office.mailbox.put(with_signature_beside(form, signature), IN_TIME + HOUR)

    run_once(small_office.office)

    unsigned, signed = in_order(small_office)
    assert (unsigned.state, signed.state, signed.operative) == (State.HELD, State.FILED, True)


def test_a_strangers_mail_with_the_form_does_not_swallow_the_agencys_own(small_office: SmallOffice) -> None:
    """Held first from a private mailbox, then sent as it should be: the second is filed by itself."""
    small_office.mailbox.put(a_mail(a_signed_form(), sender="someone@elsewhere.example"))
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<2@x>"), IN_TIME + HOUR)

    run_once(small_office.office)

    stranger, own = in_order(small_office)
    assert (stranger.state, "SENDER_NOT_REGISTERED" in codes(stranger)) == (State.HELD, True)
    assert (own.state, own.counted_at) == (State.FILED, IN_TIME)


def test_a_form_in_a_mail_that_calls_itself_automatic_is_held_unanswered_and_can_be_accepted(
    small_office: SmallOffice,
) -> None:
    """A clumsy rule of a mailbox marks a real submission."""
    small_office.mailbox.put(a_mail(a_signed_form(), Auto_Submitted="auto-generated"))
    run_once(small_office.office)
    (held,) = in_order(small_office)
    assert (held.state, held.signature, held.agency) == (State.HELD, "passed", "snv")
    assert small_office.courier.carried == []

    _act(small_office, held, Action.ACCEPT, _account(small_office, "lan"))

    (accepted,) = in_order(small_office)
    assert (accepted.state, accepted.operative) == (State.FILED, True)


# 3. Nobody is judged late by our fault, or early by his own making ------------------------------------------------


def test_a_forged_received_line_moves_no_time_without_a_person(small_office: SmallOffice) -> None:
    """Neither on a copy of the form nor on a new version that is held for it."""
    forged = b"Received: from x by mx.binhthuan.example; Wed, 11 Sep 2019 08:00:00 +0700\n"
    small_office.mailbox.put(a_mail(a_signed_form()), DUE + HOUR)
    small_office.mailbox.put(forged + a_mail(a_signed_form(), message_id="<2@x>"), DUE + 2 * HOUR)
    small_office.mailbox.put(forged + a_mail(a_signed_form(version=1), message_id="<3@x>"), DUE + 3 * HOUR)
    small_office.mailbox.put(a_mail(a_signed_form(version=2), message_id="<4@x>"), DUE + 4 * HOUR)

    run_once(small_office.office)

    first, copy, version, last = in_order(small_office)
    assert [one.state for one in (copy, version)] == [State.HELD, State.HELD]
    assert (first.counted_at, first.counted_timeliness) == (DUE + HOUR, Timeliness.IN_GRACE)
    assert (last.operative, last.counted_at, last.counted_timeliness) == (True, DUE + HOUR, Timeliness.IN_GRACE)


def test_another_agencys_signed_paper_buys_no_time(small_office: SmallOffice) -> None:
    """Sent in time with a stranger's signature, held; the real form in grace counts by its own moment."""
    small_office.mailbox.put(a_mail(a_signed_form("Sở Tài chính")))
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<2@x>"), DUE + HOUR)

    run_once(small_office.office)

    _, own = in_order(small_office)
    assert (own.state, own.counted_timeliness) == (State.FILED, Timeliness.IN_GRACE)


@pytest.mark.parametrize("late", [DUE + HOUR, CLOSES + HOUR])
def test_a_mail_whose_copy_was_seen_first_is_judged_by_its_own_earlier_moment(
    small_office: SmallOffice, late: datetime
) -> None:
    """Somebody copied the mail between folders, the copy got a new INTERNALDATE, and we met the copy first."""
    mail = a_mail(a_signed_form())
    small_office.mailbox.put(mail, late)
    run_once(small_office.office)
    small_office.mailbox.mails = [ListedMail("Archive/1/1", mail, DUE - SECOND)]

    run_once(small_office.office)

    (delivery,) = in_order(small_office)
    assert (delivery.state, delivery.timeliness, delivery.counted_timeliness) == (
        State.FILED,
        Timeliness.ON_TIME,
        Timeliness.ON_TIME,
    )
    assert receive(small_office.office, small_office.mailbox).received == 0


def test_a_cut_off_that_was_moved_in_the_file_brings_back_what_was_held_for_it(small_office: SmallOffice) -> None:
    """The file is the truth, whoever edits it; moving it back takes nothing away."""
    small_office.mailbox.put(a_mail(a_signed_form()), CLOSES + HOUR)
    run_once(small_office.office)
    assert [one.state for one in in_order(small_office)] == [State.HELD]
    file = small_office.folder / "campaign.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("closes = 2019-09-21", "closes = 2019-09-28"), encoding="utf-8")

    run_once(small_office.office)
    (delivery,) = in_order(small_office)
    assert (delivery.state, delivery.timeliness) == (State.FILED, Timeliness.IN_GRACE)
    file.write_text(before, encoding="utf-8")
    run_once(small_office.office)

    (delivery,) = in_order(small_office)
    assert (delivery.state, delivery.timeliness) == (State.FILED, Timeliness.IN_GRACE)


def test_a_late_version_that_two_accepted_stands_once_grace_is_extended_over_it(small_office: SmallOffice) -> None:
    """It was filed behind the one in time; extended, it is the last in time, and no moment of receipt has moved."""
    small_office.mailbox.put(a_mail(a_signed_form()), DUE + HOUR)
    small_office.mailbox.put(a_mail(a_signed_form(version=1), message_id="<2@x>"), CLOSES + HOUR)
    run_once(small_office.office)
    for name in ("lan", "minh"):
        _act(small_office, in_order(small_office)[1], Action.ACCEPT, _account(small_office, name))
    first, late = in_order(small_office)
    assert [(one.state, one.operative) for one in (first, late)] == [(State.FILED, True), (State.FILED, False)]
    received = [one.received_at for one in (first, late)]

    _extend(small_office, CLOSES + timedelta(days=7), "lan")

    first, late = in_order(small_office)
    assert [one.operative for one in (first, late)] == [False, True]
    assert (late.timeliness, late.counted_timeliness, late.counted_at) == (
        Timeliness.IN_GRACE,
        Timeliness.IN_GRACE,
        first.received_at,
    )
    assert (late.supersedes, [one.received_at for one in (first, late)]) == (first.id, received)
    events = [one.event for one in small_office.office.queries.timeline(late.id)]
    assert events[-2:] == ["rejudged", "took_standing"]
    assert audit(small_office.office.database, small_office.office.vault).holds
    run_once(small_office.office)
    assert in_order(small_office) == [first, late]


# 4. Two persons ------------------------------------------------


def test_an_account_that_was_closed_is_no_first_person(small_office: SmallOffice) -> None:
    """What somebody asked whose account was shut since must be asked anew."""
    from storage.accounts import Accounts

    small_office.mailbox.put(a_mail(a_form()))
    run_once(small_office.office)
    (held,) = in_order(small_office)
    lan, minh, ha = (_account(small_office, name) for name in ("lan", "minh", "ha"))
    _act(small_office, held, Action.ACCEPT, lan)
    Accounts(small_office.office.database).disable(lan, by="quan", at=IN_TIME)

    _act(small_office, held, Action.ACCEPT, minh)
    assert in_order(small_office)[0].state is State.HELD
    _act(small_office, held, Action.ACCEPT, ha)

    assert in_order(small_office)[0].state is State.FILED


def test_one_person_cannot_bring_back_what_two_returned(small_office: SmallOffice) -> None:
    """The clerk's page says so beforehand, and the form stays returned until a second person asks."""
    from intake.clerk import OfficeClerk

    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    _let_two_return(small_office, in_order(small_office)[0])
    (returned,) = in_order(small_office)
    permissions = OfficeClerk(small_office.office).permissions(returned.id, "lan")
    assert next(one for one in permissions if one.action is Action.RETRY).needs_second

    _act(small_office, returned, Action.RETRY, "lan")
    run_once(small_office.office)
    assert in_order(small_office)[0].state is State.RETURNED
    _act(small_office, returned, Action.RETRY, "minh")
    run_once(small_office.office)

    assert in_order(small_office)[0].state is State.FILED


def _account(small_office: SmallOffice, name: str) -> str:
    from storage.accounts import Accounts

    Accounts(small_office.office.database).create(name, name, Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME)
    return name


def _act(small_office: SmallOffice, delivery: Delivery, action: Action, by: str) -> None:
    from intake.clerk import OfficeClerk
    from intake.console.desk import Request

    request = Request(delivery.id, action, by, "CLERK_CHECKED_IN_PERSON")
    OfficeClerk(small_office.office).act(request)


def _extend(small_office: SmallOffice, closes: datetime, by: str) -> None:
    from intake.clerk import OfficeClerk
    from intake.console.desk import Extension

    extension = Extension(closes, basis="Công văn 800", approved_by="Giám đốc", approved_on=closes.date(), by=by)
    OfficeClerk(small_office.office).extend(extension)


def _let_two_return(small_office: SmallOffice, delivery: Delivery) -> None:
    for name in ("lan", "minh"):
        _act(small_office, delivery, Action.RETURN, _account(small_office, name))
