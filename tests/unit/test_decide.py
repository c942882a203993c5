"""What becomes of a delivery: every rule of substance has its claim."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from intake.steps.agency import SignerMatch
from intake.steps.decision import Decision, History
from intake.steps.examined import FormFacts
from signatures.report import ChangedAfter, Reason, Revocation, Verdict
from storage.records import Answer, State, Timeliness, Why
from tests.makers import (
    CAMPAIGN,
    IN_TIME,
    SECOND,
    a_campaign,
    a_delivery,
    a_file,
    a_recognition,
    a_report,
    a_signature,
    a_timing,
    an_examination,
    an_unpacked,
    ask,
    some_edxml_facts,
    some_mail_facts,
)


def codes(decision: Decision) -> set[str]:
    return {one.code for one in decision.reasons}


def test_a_form_signed_by_its_agency_in_time_is_filed() -> None:
    """The plain good case."""
    decision = ask()

    assert (decision.state, decision.is_submission, decision.signature) == (State.FILED, True, Verdict.PASSED)
    assert decision.reasons == ()


@pytest.mark.parametrize(
    ("verdict", "code", "repairable"),
    [
        (Verdict.FAILED, "FORM_SIGNATURE_FAILED", True),
        (Verdict.UNSIGNED, "FORM_UNSIGNED", True),
        (Verdict.UNREADABLE, "FORM_UNREADABLE", True),
        (Verdict.UNSUPPORTED, "SIGNATURE_UNSUPPORTED", False),
        (Verdict.INDETERMINATE, "SIGNATURE_INDETERMINATE", False),
    ],
)
def test_only_a_passed_signature_is_filed(verdict: Verdict, code: str, repairable: bool) -> None:
    """Everything else is held, with a defect letter where the agency can repair it."""
    signatures = () if verdict is Verdict.UNSIGNED else (a_signature(verdict=verdict),)
    file = a_file(a_report(*signatures, verdict=verdict))

    decision = ask(examination=an_examination(file), recognition=a_recognition(signed_by=(None,) * len(signatures)))

    assert (decision.state, decision.repairable, code in codes(decision)) == (State.HELD, repairable, True)


def test_a_person_alone_goes_to_a_clerk_unless_the_campaign_allows_it() -> None:
    """The letter asks for the agency's signature; a campaign may say otherwise."""
    by_person = a_recognition(signed_by=(SignerMatch("snv", "person", "unit"),))

    assert codes(ask(recognition=by_person)) == {"PERSON_SIGNATURE_ONLY"}
    allowed = ask(recognition=by_person, campaign=a_campaign(signature_required="agency_or_person"))
    assert allowed.state is State.FILED


def test_both_signatures_may_be_required() -> None:
    """A campaign may ask for the person and the agency."""
    decision = ask(campaign=a_campaign(signature_required="agency_and_person"))

    assert (decision.state, codes(decision)) == (State.HELD, {"PERSON_SIGNATURE_MISSING"})


def stamped(**changes: Any) -> Any:
    """A form where number and date were stamped after the person signed, and the seal closed it."""
    given = {
        "verdict": Verdict.INDETERMINATE,
        "changed_after": ChangedAfter.VISIBLE,
        "intact": None,
        "sub_indication": "SIG_CONSTRAINTS_FAILURE",
        "reasons": (Reason("VISIBLE_CHANGE_SEALED_LATER"), Reason("CONTENT_ADDED")),
    }
    person = a_signature(**{**given, **changes})
    report = a_report(person, a_signature(name="Signature2"), verdict=Verdict.INDETERMINATE)
    both = (SignerMatch("snv", "person", "unit"), SignerMatch("snv", "organisation", "name"))
    return ask(examination=an_examination(a_file(report)), recognition=a_recognition(signed_by=both))


def test_number_and_date_stamped_before_the_seal_are_lawful() -> None:
    """That is how documents are made (NĐ 30/2020): the person signs, the number is stamped, the seal closes."""
    decision = stamped()

    assert (decision.state, decision.signature) == (State.FILED, Verdict.INDETERMINATE)
    assert "SEALED_AFTER_CHANGE" in codes(decision)


@pytest.mark.parametrize(
    "changes",
    [
        {"trusted": False},
        {"intact": False},
        {"revocation": Revocation.UNKNOWN},
        {"sub_indication": "TRY_LATER"},
        {"reasons": (Reason("VISIBLE_CHANGE_SEALED_LATER"), Reason("WEAK_DIGEST"))},
    ],
)
def test_a_sealed_change_excuses_nothing_else(changes: dict[str, Any]) -> None:
    """INDETERMINATE for any other reason besides stays INDETERMINATE."""
    assert stamped(**changes).state is State.HELD


def test_a_certificate_revoked_before_receipt_is_told_to_the_agency() -> None:
    """Nobody can tell such a signature from a forgery, so the agency signs again."""
    revoked = a_signature(verdict=Verdict.INDETERMINATE, revocation=Revocation.REVOKED, trusted=False)
    file = a_file(a_report(revoked, verdict=Verdict.INDETERMINATE))

    decision = ask(examination=an_examination(file), recognition=a_recognition(signed_by=(None,)))

    assert (decision.state, decision.repairable, codes(decision)) == (State.HELD, True, {"SIGNER_REVOKED"})


def test_a_seal_of_another_agency_excuses_nothing() -> None:
    """Only the same agency may close what its person signed."""
    person = a_signature(
        verdict=Verdict.INDETERMINATE,
        changed_after=ChangedAfter.VISIBLE,
        reasons=(Reason("VISIBLE_CHANGE_SEALED_LATER"),),
    )
    report = a_report(person, a_signature(name="Signature2"), verdict=Verdict.INDETERMINATE)
    both = (SignerMatch("snv", "person", "unit"), SignerMatch("sxd", "organisation", "name"))

    decision = ask(examination=an_examination(a_file(report)), recognition=a_recognition(signed_by=both))

    assert decision.state is State.HELD


def test_after_grace_is_held_and_still_a_submission() -> None:
    """It is kept, answered, and left to two persons."""
    decision = ask(timing=a_timing(Timeliness.AFTER_GRACE))

    assert (decision.state, decision.is_submission, codes(decision)) == (State.HELD, True, {"AFTER_GRACE"})


def test_in_grace_is_filed_like_on_time() -> None:
    """The letter still evaluates what comes within the days of grace."""
    assert ask(timing=a_timing(Timeliness.IN_GRACE)).state is State.FILED


def test_mail_of_an_agency_on_the_document_system_is_taken_and_flagged() -> None:
    """The channel is a property of the agency; the wrong one costs a remark."""
    decision = ask(
        recognition=a_recognition(
            agency_id="sxd", claimed="sxd", signed_by=(SignerMatch("sxd", "organisation", "name"),)
        )
    )

    assert (decision.state, codes(decision)) == (State.FILED, {"WRONG_CHANNEL"})


def test_a_copy_is_linked_to_the_earliest_and_takes_no_number() -> None:
    """The very same form again is no second submission."""
    first = a_delivery(id="d0", state=State.FILED, agency="snv", receipt_no="PDG-2019-000001")

    decision = ask(history=History(versions=(first,), same_form=(first,)))

    assert (decision.state, decision.linked_to, decision.is_submission) == (State.LINKED, "d0", False)


@pytest.mark.parametrize("state", [State.RETURNED, State.WITHDRAWN, State.DISMISSED])
def test_a_form_that_was_taken_back_is_filed_again_by_no_machine(state: State) -> None:
    """Anybody who has seen the file can send it again; a person took it back, so a person looks."""
    first = a_delivery(id="d0", state=state, agency="snv")

    decision = ask(history=History(versions=(first,), same_form=(first,)))

    assert (decision.state, codes(decision)) == (State.HELD, {"SAME_FORM_TAKEN_BACK"})


def test_a_held_copy_does_not_hide_the_good_one_that_comes_after_it() -> None:
    """The same file came unsigned, or from a strange mailbox, before: now it comes as it should, and is filed."""
    first = a_delivery(id="d0", state=State.HELD, agency="snv", reasons=(Why("SENDER_NOT_REGISTERED"),))

    assert ask(history=History(versions=(first,), same_form=(first,))).state is State.FILED


def test_a_held_copy_hides_only_what_has_the_same_doubts_or_more() -> None:
    """A dismissed stranger's mail must not take the agency's own mail with it."""
    person = a_recognition(signed_by=(SignerMatch("snv", "person", "unit"),))
    alike = a_delivery(id="d0", state=State.HELD, agency="snv", reasons=(Why("PERSON_SIGNATURE_ONLY"),))
    worse = replace(alike, reasons=(Why("PERSON_SIGNATURE_ONLY"), Why("SENDER_NOT_REGISTERED")))

    assert ask(recognition=person, history=History(same_form=(alike,))).state is State.LINKED
    assert ask(recognition=person, history=History(same_form=(worse,))).state is State.HELD


def test_a_copy_with_a_doubtful_earlier_moment_waits_for_a_person() -> None:
    """A Received line that the sender may have written moves nobody's time by itself."""
    first = a_delivery(id="d0", state=State.FILED, agency="snv", received_at=IN_TIME + SECOND)
    timing = a_timing(uncertain=True, reasons=(Why("CLOCKS_DISAGREE_ON_CUT_OFF"),))

    decision = ask(timing=timing, history=History(versions=(first,), same_form=(first,)))

    assert (decision.state, decision.linked_to, decision.is_submission) == (State.HELD, None, False)
    assert {"COPY_OF_EARLIER", "CLOCKS_DISAGREE_ON_CUT_OFF"} <= codes(decision)


@pytest.mark.parametrize(
    ("signals", "text", "code"),
    [
        (("text",), "Kế hoạch ứng dụng CNTT năm 2020", "FORM_NOT_CERTAIN"),
        (("name",), "Giấy mời họp", "FORM_NOT_CERTAIN"),
        ((), "Giấy mời họp", "FORM_NOT_CERTAIN"),
        (("name",), "", "TEXT_UNREADABLE"),
    ],
)
def test_what_is_not_seen_to_be_the_form_never_takes_a_filed_forms_place(
    signals: tuple[str, ...], text: str, code: str
) -> None:
    """Any signed document of an agency can be renamed and sent under its name: the signature says who, not what."""
    file = a_file(form=FormFacts(False, text), signals=signals)
    filed = a_delivery(id="d0", state=State.FILED, agency="snv", operative=True)

    decision = ask(examination=an_examination(file), history=History(versions=(filed,)))

    assert (decision.state, codes(decision), decision.signature) == (State.HELD, {code, "NEW_VERSION"}, Verdict.PASSED)


@pytest.mark.parametrize(
    ("signals", "text", "state", "code"),
    [
        (("name",), "Bảng điểm", State.FILED, "FORM_BY_NAME_ONLY"),
        (("name",), "", State.FILED, "FORM_BY_NAME_ONLY"),
        ((), "Bảng điểm", State.FILED, "FORM_BY_NAME_ONLY"),
        (("text",), "V/v gửi Phiếu đánh giá", State.HELD, "FORM_NOT_CERTAIN"),
    ],
)
def test_a_first_submission_that_its_sender_calls_the_form_is_taken_and_remarked(
    signals: tuple[str, ...], text: str, state: State, code: str
) -> None:
    """A campaign word in subject or file name makes a submission; a covering letter that only speaks of it waits."""
    file = a_file(form=FormFacts(False, text), signals=signals)

    decision = ask(examination=an_examination(file))

    assert (decision.state, codes(decision)) == (state, {code})


def test_a_form_that_names_another_agency_is_held() -> None:
    """Another agency's form, sealed once more by the sender, or by the office's own stamp alone."""
    file = a_file(form=FormFacts(True, "PHIẾU ĐÁNH GIÁ", year=2019, agency_name="Sở Xây dựng"), signals=("tag",))

    decision = ask(examination=an_examination(file))

    assert (decision.state, codes(decision)) == (State.HELD, {"FORM_OF_ANOTHER_AGENCY"})


def test_a_form_in_a_mail_whose_signature_broke_is_failed_not_unsigned() -> None:
    """Two persons may accept an unsigned form; what was changed after signing nobody may."""
    form = a_file(a_report(verdict=Verdict.UNSIGNED))
    broken = a_report(a_signature(kind="smime", verdict=Verdict.FAILED), verdict=Verdict.FAILED, format="smime")

    decision = ask(examination=an_examination(form, envelope=broken), recognition=a_recognition(signed_by=(None,)))

    assert (decision.state, decision.signature) == (State.HELD, Verdict.FAILED)


def test_answers_from_an_unsigned_companion_wait_for_a_person() -> None:
    """Figures that nobody signed reach no scorer by themselves."""
    answers = (Answer("1.1", "text", "có"),)
    companion = a_file(
        a_report(verdict=Verdict.UNSIGNED),
        sha256="c" * 64,
        name="phieu.docx",
        form=FormFacts(True, "", answers=answers),
        signals=("tag",),
    )

    decision = ask(examination=an_examination(a_file(), companion))

    assert (decision.state, codes(decision)) == (State.HELD, {"ANSWERS_FROM_COMPANION"})


def test_what_could_not_be_opened_of_an_agencys_mail_is_looked_at() -> None:
    """A form may lie in a damaged archive, and nobody is answered about other matters."""
    nothing = a_file(a_report(verdict=Verdict.UNSIGNED), form=FormFacts(False, "Giấy mời họp"), signals=())
    unpacked = an_unpacked(problems=(Why("ARCHIVE_DAMAGED"),))

    decision = ask(examination=an_examination(nothing, unpacked=unpacked, subject_signal=False))

    assert (decision.state, decision.is_submission) == (State.HELD, False)


def test_a_changed_form_is_a_new_version() -> None:
    """The last valid version's content counts."""
    first = a_delivery(id="d0", state=State.FILED, agency="snv", operative=True)

    decision = ask(history=History(versions=(first,)))

    assert (decision.state, codes(decision)) == (State.FILED, {"NEW_VERSION"})


@pytest.mark.parametrize("kind", ["auto-reply", "bounce", "report", "list", "calendar"])
def test_automatic_mail_with_a_signed_form_is_judged_like_any_other_and_never_answered(kind: str) -> None:
    """A forwarded bounce, a clumsy rule of a mailbox: a person can still accept the form in it."""
    mail = some_mail_facts(automatic=kind, automatic_signals=("Auto-Submitted",))

    decision = ask(examination=an_examination(unpacked=an_unpacked(mail=mail)))

    assert (decision.state, decision.is_submission, decision.signature) == (State.HELD, False, Verdict.PASSED)
    assert codes(decision) == {"AUTOMATIC_WITH_FORM"}


@pytest.mark.parametrize("kind", ["auto-reply", "bounce", "report", "list", "calendar"])
def test_automatic_mail_is_set_aside_and_never_answered(kind: str) -> None:
    """No answer to an automatic mail (RFC 3834, section 2)."""
    mail = some_mail_facts(automatic=kind, automatic_signals=("Auto-Submitted",))
    unsigned = a_file(a_report(verdict=Verdict.UNSIGNED))

    decision = ask(examination=an_examination(unsigned, unpacked=an_unpacked(mail=mail)))

    assert (decision.state, decision.is_submission) == (State.SET_ASIDE, False)


def test_a_signed_form_in_a_list_mail_goes_to_a_person_without_a_letter() -> None:
    """Nothing that may be a submission is dropped by a header."""
    mail = some_mail_facts(automatic="list", automatic_signals=("List-Id",))

    decision = ask(examination=an_examination(unpacked=an_unpacked(mail=mail)))

    assert (decision.state, decision.is_submission) == (State.HELD, False)


def test_what_came_before_the_campaign_is_set_aside() -> None:
    """A first connection to an old mailbox must not write to anybody."""
    last_year = CAMPAIGN.opens.replace(year=2018)
    form = a_file(a_report(a_signature(claimed_at=last_year)))
    decision = ask(delivery=a_delivery(received_at=last_year), examination=an_examination(form))

    assert (decision.state, codes(decision)) == (State.SET_ASIDE, {"BEFORE_CAMPAIGN"})


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param({"claimed_at": CAMPAIGN.opens}, id="it says so"),
        pytest.param(
            {"claimed_at": None, "proven_at": CAMPAIGN.opens, "proven_by": "timestamp"}, id="a time stamp proves it"
        ),
    ],
)
def test_what_was_signed_in_the_campaign_did_not_come_before_it(signed: dict[str, Any]) -> None:
    """A file of 1980, a mail of a server whose clock was reset: a person looks when it came; nobody is written to."""
    dos = datetime(1980, 1, 1, tzinfo=UTC)
    form = a_file(a_report(a_signature(**signed)))
    decision = ask(delivery=a_delivery(received_at=dos), examination=an_examination(form))

    assert (decision.state, decision.is_submission) == (State.HELD, False)
    assert "RECEIVED_BEFORE_SIGNED" in codes(decision)
    assert decision.form is not None


def test_our_own_letter_coming_back_is_a_loop_and_our_own_form_is_not() -> None:
    """The office is on the roster too: only a Message-ID of ours or an automatic mark makes a loop."""
    from intake.steps.unpacked import Address

    mail = some_mail_facts(from_addresses=(Address("", "stttt@binhthuan.example"),))
    examination = an_examination(unpacked=an_unpacked(mail=mail))

    loop = replace(examination, files=())
    assert codes(ask(examination=loop, history=History(ours=("<x@ours>",)))) == {"OWN_LETTER"}
    own = a_recognition(agency_id="stttt", claimed="stttt", signed_by=(SignerMatch("stttt", "organisation", "name"),))
    assert ask(examination=examination, recognition=own).state is State.FILED
    # The office's own form, sent as the answer to our letter about it.
    assert ask(examination=examination, recognition=own, history=History(ours=("<x@ours>",))).state is State.FILED


def test_other_correspondence_is_set_aside() -> None:
    """The mailbox is the department's general address."""
    nothing = a_file(a_report(verdict=Verdict.UNSIGNED), form=FormFacts(False, "Giấy mời họp"), signals=())

    decision = ask(examination=an_examination(nothing, subject_signal=False))

    assert (decision.state, decision.is_submission) == (State.SET_ASIDE, False)


def test_an_agency_that_forgot_the_attachment_is_told_at_once() -> None:
    """Writing about the form without one is held with a defect letter."""
    examination = replace(an_examination(), files=())

    decision = ask(examination=examination)

    assert (decision.state, decision.repairable, codes(decision)) == (State.HELD, True, {"NO_FORM"})


def test_a_link_instead_of_a_file_is_answered_and_never_fetched() -> None:
    """The finding of unpacking takes the place of NO_FORM."""
    unpacked = an_unpacked(problems=(Why("LINK_INSTEAD_OF_FILE", "drive"),))

    decision = ask(examination=replace(an_examination(unpacked=unpacked), files=()))

    assert (decision.state, decision.repairable) == (State.HELD, True)
    assert codes(decision) == {"LINK_INSTEAD_OF_FILE"}


def test_a_signed_scan_of_an_agency_that_filed_nothing_is_held() -> None:
    """Its text cannot be read, so a person looks."""
    scan = a_file(form=FormFacts(False, ""), signals=())

    decision = ask(examination=an_examination(scan, subject_signal=False))

    assert (decision.state, codes(decision)) == (State.HELD, {"TEXT_UNREADABLE"})


def test_a_locked_form_is_kept_in_time_and_an_open_copy_is_asked_for() -> None:
    """Stored and counted as received; the agency can repair it by itself (intake lessons, 24)."""
    locked = a_report(verdict=Verdict.UNSUPPORTED, signatures=(), reasons=(Reason("PDF_ENCRYPTED", ""),))
    decision = ask(examination=an_examination(a_file(locked)), recognition=a_recognition(signed_by=()))

    assert (decision.state, decision.repairable, codes(decision)) == (State.HELD, True, {"FORM_ENCRYPTED"})


def test_last_years_form_is_held_and_can_be_repaired() -> None:
    """The year in the form's own title decides."""
    file = a_file(form=FormFacts(False, "PHIẾU ĐÁNH GIÁ năm 2018", year=2018))

    decision = ask(examination=an_examination(file))

    assert (decision.state, decision.repairable, codes(decision)) == (State.HELD, True, {"WRONG_YEAR"})


def test_a_broken_file_beside_a_good_form_is_shown_to_a_person() -> None:
    """A broken signature in the same delivery is no accident."""
    broken = a_file(a_report(verdict=Verdict.FAILED), sha256="b" * 64, name="phu luc.pdf", signals=(), form=None)

    decision = ask(examination=an_examination(a_file(), broken))

    assert "OTHER_FILE_SIGNATURE_FAILED" in codes(decision)
    assert decision.state is State.HELD


def test_the_signed_form_goes_before_its_unsigned_companion() -> None:
    """The signed file is the only authority, whatever the companion's tags say."""
    companion = a_file(
        a_report(verdict=Verdict.UNSIGNED),
        sha256="c" * 64,
        name="phieu.docx",
        form=FormFacts(True, ""),
        signals=("tag",),
    )

    decision = ask(examination=an_examination(companion, a_file()))

    assert decision.form is not None
    assert decision.form.name == "phieu.pdf"


def test_a_signed_covering_letter_never_stands_for_an_unsigned_form() -> None:
    """The letter speaks of the form; the form itself must be signed (TT 41/2017; NĐ 30/2020, separate attachments)."""
    letter = a_file(name="cong van.pdf", form=FormFacts(False, "V/v gửi Phiếu đánh giá"), signals=("text",))
    form = a_file(a_report(verdict=Verdict.UNSIGNED), sha256="e" * 64, name="phieu.pdf")

    decision = ask(examination=an_examination(letter, form), recognition=a_recognition(signed_by=()))

    assert decision.form is not None
    assert decision.form.name == "phieu.pdf"
    assert (decision.state, "FORM_UNSIGNED" in codes(decision)) == (State.HELD, True)


def test_a_detached_signature_is_the_forms_own() -> None:
    """A `.p7s` beside a file signs it."""
    form = a_file(a_report(verdict=Verdict.UNSIGNED))
    beside = a_file(a_report(a_signature(kind="cms")), sha256="d" * 64, name="phieu.pdf.p7s", signals=(), form=None)

    decision = ask(examination=an_examination(form, replace(beside, detached_of=form.sha256)))

    assert (decision.state, decision.signature) == (State.FILED, Verdict.PASSED)


def test_a_status_package_is_set_aside() -> None:
    """It tells about a document and is none."""
    unpacked = an_unpacked(kind="edxml-status", mail=None, edxml=some_edxml_facts(status_code="03"))

    assert codes(ask(examination=an_examination(unpacked=unpacked))) == {"STATUS_PACKAGE"}


def test_an_unknown_sender_with_a_form_is_held_never_dropped() -> None:
    """Unmatched is a queue, not a bin."""
    decision = ask(recognition=a_recognition(agency_id=None, claimed=None, signed_by=(None,), sender_address=None))

    assert (decision.state, decision.is_submission) == (State.HELD, True)
    assert "AGENCY_UNKNOWN" in codes(decision)


def test_a_doubtful_moment_is_held() -> None:
    """A person decides about a moment on two sides of a cut-off."""
    decision = ask(timing=a_timing(uncertain=True, reasons=(Why("TIME_UNCERTAIN"),)))

    assert decision.state is State.HELD


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (None, {"NO_FORM"}),
        ("LIMIT_PARTS", {"LIMIT_PARTS"}),
        ("COMPRESSED_FILE_NOT_OPENED", {"COMPRESSED_FILE_NOT_OPENED"}),
        ("MAIL_ENCRYPTED", {"MAIL_ENCRYPTED"}),
        ("TYPE_MISMATCH", {"NO_FORM", "TYPE_MISMATCH"}),
    ],
)
def test_nobody_is_told_that_the_form_is_missing_where_something_was_not_read(
    problem: str | None, told: set[str]
) -> None:
    """The form may be in it; the letter says what to do about that."""
    unpacked = an_unpacked(problems=(Why(problem),) if problem else ())
    decision = ask(examination=an_examination(files=(), unpacked=unpacked))

    assert (decision.state, decision.repairable, codes(decision)) == (State.HELD, True, told)


@pytest.mark.parametrize(
    ("problem", "answered", "first"),
    [
        (None, False, "REPLY_WITHOUT_FORM"),
        ("MIME_BROKEN", False, "REPLY_WITHOUT_FORM"),
        ("MAIL_ENCRYPTED", True, "MAIL_ENCRYPTED"),
        ("LINK_INSTEAD_OF_FILE", True, "LINK_INSTEAD_OF_FILE"),
    ],
)
def test_a_reply_to_a_letter_of_ours_is_answered_only_where_the_agency_can_repair_it(
    problem: str | None, answered: bool, first: str
) -> None:
    """A person who tried is told at once what to do; what says nothing but thanks may be a machine's."""
    unpacked = an_unpacked(problems=(Why(problem),) if problem else ())
    history = History(ours=("<receipt.1.ab@stttt.example>",))
    decision = ask(examination=an_examination(files=(), unpacked=unpacked), history=history)

    assert (decision.state, decision.is_submission, decision.reasons[0].code) == (State.HELD, answered, first)
