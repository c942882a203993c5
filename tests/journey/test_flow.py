"""A signed form's whole way: from mailbox or folder to a filed row, a letter, and a second pass that does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec

from config.catalogue import load_catalogue
from intake.demo.filled_form import plausible_values
from intake.demo.form_pdf import form_pdf
from intake.demo.signing import sign_pdf
from intake.once import Summary, run_once
from storage.audit import audit
from storage.records import LetterState, State, Timeliness
from tests.makers import CLOSES, DUE, IN_TIME, SECOND
from tests.offices import ListedMail, SmallOffice, a_form, a_mail, a_signed_form, the_seal


def passed(summary: Summary) -> dict[str, int]:
    """The counts of a pass that are not zero."""
    document = summary.as_json()
    return {key: value for key, value in document.items() if isinstance(value, int) and value}


def test_a_signed_form_is_filed_and_answered(small_office: SmallOffice) -> None:
    """The thin line through everything."""
    small_office.mailbox.put(a_mail(a_signed_form()))

    summary = run_once(small_office.office)

    assert passed(summary) == {"received": 1, "filed": 1, "letters_sent": 1}
    delivery = next(iter(small_office.deliveries().values()))
    assert (delivery.state, delivery.agency, delivery.timeliness) == (State.FILED, "snv", Timeliness.ON_TIME)
    assert (delivery.receipt_no, delivery.signature, delivery.operative) == ("PDG-2019-000001", "passed", True)
    letter = small_office.courier.carried[0]
    assert letter.to == "snv@binhthuan.example"
    assert letter.in_reply_to == "<1@snv.binhthuan.example>"
    for said in ("PDG-2019-000001", "ĐÚNG HẠN", "Phieu danh gia.signed.pdf", "máy chủ thư", "HỢP LỆ"):
        assert said in letter.body


def test_a_second_pass_over_unchanged_sources_changes_and_sends_nothing(small_office: SmallOffice) -> None:
    """What is in the ledger is done."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    small_office.mailbox.put(a_mail(None, subject="Giấy mời họp", message_id="<2@x>"))
    run_once(small_office.office)
    before = small_office.office.ledger.log_head()

    summary = run_once(small_office.office)

    assert passed(summary) == {}
    assert small_office.office.ledger.log_head() == before
    assert len(small_office.courier.carried) == 1


def test_the_cut_offs_hold_to_the_second(small_office: SmallOffice) -> None:
    """A mail in the last second is on time; the next second is in grace; after grace it is held and answered."""
    moments = {"snv": DUE - SECOND, "stc": DUE, "phuquy": CLOSES}
    names = {"snv": "Sở Nội vụ", "stc": "Sở Tài chính", "phuquy": "Ủy ban nhân dân huyện Phú Quý"}
    for agency, at in moments.items():
        mail = a_mail(a_signed_form(names[agency]), sender=f"{agency}@binhthuan.example", message_id=f"<{agency}@x>")
        small_office.mailbox.put(mail, at)

    run_once(small_office.office)

    found = {one.agency: (one.state, one.timeliness) for one in small_office.deliveries().values()}
    assert found == {
        "snv": (State.FILED, Timeliness.ON_TIME),
        "stc": (State.FILED, Timeliness.IN_GRACE),
        "phuquy": (State.HELD, Timeliness.AFTER_GRACE),
    }
    assert len(small_office.courier.carried) == 3


def test_the_poll_that_comes_late_makes_nobody_late(small_office: SmallOffice) -> None:
    """The moment is the server's, whenever we looked."""
    late = small_office.office.clock
    small_office.mailbox.put(a_mail(a_signed_form()), DUE - SECOND)
    object.__setattr__(small_office.office, "clock", lambda: late() + timedelta(days=30))

    run_once(small_office.office)

    assert [one.timeliness for one in small_office.deliveries().values()] == [Timeliness.ON_TIME]


def test_an_altered_form_is_held_and_told(small_office: SmallOffice) -> None:
    """One byte changed after signing: never accepted, answered at once with what to do."""
    form = bytearray(a_signed_form())
    place = form.index(b"stream") + 12
    form[place] ^= 1
    small_office.mailbox.put(a_mail(bytes(form)))

    run_once(small_office.office)

    delivery = next(iter(small_office.deliveries().values()))
    assert delivery.state is State.HELD
    assert delivery.signature == "failed"
    assert "Lấy lại bản gốc" in small_office.courier.carried[0].body


def test_an_unsigned_form_gets_a_defect_letter_with_the_time_left(small_office: SmallOffice) -> None:
    """The agency can still repair it, so it is told how long."""
    small_office.mailbox.put(a_mail(a_form()))

    run_once(small_office.office)

    letter = small_office.courier.carried[0]
    assert letter.kind.value == "defect"
    assert "Thời gian còn lại" in letter.body


def test_a_form_that_lacks_answers_is_filed_and_its_letter_names_each(small_office: SmallOffice) -> None:
    """The agency learns with its receipt which criteria to complete while there is time."""
    catalogue = load_catalogue(Path("config/catalogue.toml"))
    values = plausible_values(catalogue, "so_nganh", "Sở Nội vụ", seed=0)
    left_out = ("pdg:A1:denominator", "pdg:F4:answer", "pdg:F5:score")
    form = form_pdf(
        catalogue,
        "so_nganh",
        "Sở Nội vụ",
        {tag: value for tag, value in values.items() if tag not in left_out},
        title="Đánh giá ứng dụng CNTT năm 2019",
    )
    small_office.mailbox.put(a_mail(sign_pdf(form, the_seal("Sở Nội vụ"), at=IN_TIME)))

    run_once(small_office.office)

    (delivery,) = small_office.deliveries().values()
    named = {one["detail"].split(":")[0] for one in small_office.office.queries.show(delivery.id)["form"]["flaws"]}
    (letter,) = small_office.courier.carried
    assert (delivery.state, named >= {"A1", "F4", "F5"}) == (State.FILED, True)
    assert all(one in letter.body for one in named)


def test_a_new_version_takes_the_content_and_keeps_the_first_time(small_office: SmallOffice) -> None:
    """The last valid version's content, the earliest intact version's moment."""
    small_office.mailbox.put(a_mail(a_signed_form()), IN_TIME)
    small_office.mailbox.put(a_mail(a_signed_form(version=1), message_id="<2@x>"), DUE + SECOND)

    run_once(small_office.office)

    first, second = sorted(small_office.deliveries().values(), key=lambda one: one.received_at)
    assert (first.operative, second.operative) == (False, True)
    assert second.supersedes == first.id
    assert second.timeliness is Timeliness.IN_GRACE
    assert second.counted_timeliness is Timeliness.ON_TIME
    assert second.counted_at == IN_TIME


def test_the_same_form_by_another_mail_is_a_copy(small_office: SmallOffice) -> None:
    """Linked, not counted twice, not answered twice."""
    small_office.mailbox.put(a_mail(a_signed_form()), IN_TIME)
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<2@x>"), IN_TIME + SECOND)

    summary = run_once(small_office.office)

    assert passed(summary) == {"received": 2, "filed": 1, "linked": 1, "letters_sent": 1}


def test_a_copy_that_came_earlier_by_another_way_moves_the_moment_earlier(small_office: SmallOffice) -> None:
    """One submission seen through two channels: the earliest receipt counts."""
    small_office.mailbox.put(a_mail(a_signed_form()), DUE + SECOND)
    run_once(small_office.office)
    small_office.mailbox.put(a_mail(a_signed_form(), message_id="<2@x>"), DUE - SECOND)

    run_once(small_office.office)

    original = next(one for one in small_office.deliveries().values() if one.state is State.FILED)
    assert original.counted_timeliness is Timeliness.ON_TIME
    assert original.received_at == DUE + SECOND


def test_a_renumbered_mailbox_brings_nothing_twice(small_office: SmallOffice) -> None:
    """UIDVALIDITY changed: the same bytes are the same delivery, and nobody is answered again."""
    mail = a_mail(a_signed_form())
    small_office.mailbox.put(mail)
    run_once(small_office.office)
    small_office.mailbox.mails = [ListedMail("INBOX/2/1", mail)]

    summary = run_once(small_office.office)

    assert len(small_office.deliveries()) == 1
    assert summary.as_json()["letters_sent"] == 0


def test_a_mailbox_that_cannot_be_reached_stops_nothing_else_and_is_an_outage(small_office: SmallOffice) -> None:
    """The folder's form is filed, the trouble is said, and the next pass heals it."""
    small_office.mailbox.broken = True
    (small_office.folder / "export" / "Phieu danh gia SXD.pdf").write_bytes(a_signed_form("Sở Xây dựng"))

    summary = run_once(small_office.office)

    assert summary.trouble
    assert [one.state for one in small_office.deliveries().values()] == [State.FILED]
    assert [one.until for one in small_office.office.ledger.outages("mailbox")] == [None]
    small_office.mailbox.broken = False
    assert not run_once(small_office.office).trouble
    assert small_office.office.ledger.outages("mailbox")[0].until is not None


def test_automatic_mail_is_never_answered(small_office: SmallOffice) -> None:
    """Two machines must not talk to each other."""
    small_office.mailbox.put(a_mail(None, Auto_Submitted="auto-replied", message_id="<3@x>"))

    summary = run_once(small_office.office)

    assert passed(summary) == {"received": 1, "set_aside": 1}


def test_the_audit_holds_after_all_this(small_office: SmallOffice) -> None:
    """The log's chain, the vault and the rows agree."""
    for number in range(3):
        small_office.mailbox.put(a_mail(a_signed_form(version=number), message_id=f"<{number}@x>"))
    run_once(small_office.office)

    report = audit(small_office.office.database, small_office.office.vault)

    assert report.findings == ()
    assert report.deliveries == 3


def test_our_own_servers_word_about_the_sender_is_shown_and_decides_nothing(small_office: SmallOffice) -> None:
    """A topmost Authentication-Results of the configured server is a remark; a failing one holds nothing up."""
    settings = small_office.office.settings
    mail = b"Authentication-Results: mx.binhthuan.example; spf=fail; dkim=none; dmarc=fail\n" + a_mail(a_signed_form())
    small_office.mailbox.put(mail)

    mine = msgspec.structs.replace(settings.mail, authserv_id="mx.binhthuan.example")
    run_once(replace(small_office.office, settings=msgspec.structs.replace(settings, mail=mine)))

    delivery = next(iter(small_office.deliveries().values()))
    assert delivery.state is State.FILED
    assert [one.code for one in delivery.reasons] == ["SENDER_ADVICE", "SENDER_DOUBTED"]


def test_a_letter_that_may_have_left_is_never_sent_twice(small_office: SmallOffice) -> None:
    """In doubt is a state for a person."""
    from intake.ports import CarryResult

    small_office.courier.answers = [CarryResult.IN_DOUBT]
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)

    run_once(small_office.office)

    assert len(small_office.courier.carried) == 1
    assert len(small_office.office.ledger.letters.in_state(LetterState.IN_DOUBT)) == 1
