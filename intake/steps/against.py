"""What stands against filing a form: its signatures, the files beside it, its agency, and its own words."""

from __future__ import annotations

from datetime import datetime

from config.campaign import Campaign
from config.roster import Roster
from intake.steps.agency import Recognition, agency_by_name
from intake.steps.decision import SEALABLE
from intake.steps.examined import Examination, ExaminedFile
from intake.steps.which_form import is_form_itself
from signatures.report import ChangedAfter, Revocation, SignatureFinding, Verdict
from storage.records import Channel, Delivery, Why


def about_signature(
    verdict: Verdict,
    signatures: tuple[SignatureFinding, ...],
    recognition: Recognition,
    campaign: Campaign,
    form: ExaminedFile,
) -> list[Why]:
    """Return what the form's signatures say for or against it (NĐ 30/2020, Điều 5.1, 13.7, 17.2, 25.1.c)."""
    report_codes = ", ".join(
        dict.fromkeys(one.code for source in (form.report, *signatures) if source for one in source.reasons)
    )
    if verdict is Verdict.FAILED:
        return [Why("FORM_SIGNATURE_FAILED", report_codes)]
    if verdict is Verdict.UNSIGNED:
        return [Why("FORM_UNSIGNED")]
    if verdict is Verdict.UNREADABLE:
        return [Why("FORM_UNREADABLE", report_codes)]
    if verdict is Verdict.UNSUPPORTED:
        encrypted = "ENCRYPTED" in report_codes
        return [Why("FORM_ENCRYPTED" if encrypted else "SIGNATURE_UNSUPPORTED", report_codes)]
    found: list[Why] = []
    revoked = [one for one in signatures if one.revocation is Revocation.REVOKED and one.kind != "pdf-timestamp"]
    if revoked:
        return [Why("SIGNER_REVOKED", _names(tuple(revoked)))]
    if verdict is Verdict.INDETERMINATE:
        if sealed_after_visible_change(signatures, recognition):
            found.append(Why("SEALED_AFTER_CHANGE"))
        else:
            found.append(Why("SIGNATURE_INDETERMINATE", report_codes))
    organisation, person = recognition.organisation_signed, recognition.person_signed
    if organisation and person:
        found.append(Why("SIGNED_BY_BOTH"))
    mismatch = any(one.code == "AGENCY_MISMATCH" for one in recognition.reasons)
    if mismatch or not recognition.agency_id:
        return found
    if campaign.signature_required == "agency_and_person" and organisation and not person:
        found.append(Why("PERSON_SIGNATURE_MISSING"))
    elif not organisation and person and campaign.signature_required != "agency_or_person":
        found.append(Why("PERSON_SIGNATURE_ONLY"))
    elif not organisation and not person and verdict is Verdict.PASSED:
        found.append(Why("SIGNER_NOT_ON_ROSTER", _names(signatures)))
    return found


def sealed_after_visible_change(signatures: tuple[SignatureFinding, ...], recognition: Recognition) -> bool:
    """
    Whether a form is indeterminate only because number and date were stamped between two lawful signatures.

    That is how documents are made (the person signs, number and date are stamped, the seal closes), so it is filed
    if the sealing signature passed, is the same agency's organisation signature, and every other signature stands
    in all else: intact, trusted, not revoked, and belonging to the agency.
    """
    deciding = [
        (one, match)
        for one, match in zip(signatures, recognition.signed_by, strict=True)
        if one.kind != "pdf-timestamp"
    ]
    if not deciding:
        return False
    last, last_match = deciding[-1]
    if last.verdict is not Verdict.PASSED or last_match is None or last_match.holder != "organisation":
        return False
    if last_match.agency_id != recognition.agency_id:
        return False
    for one, match in deciding[:-1]:
        if one.verdict is Verdict.PASSED:
            continue
        codes = {reason.code for reason in one.reasons}
        lawful = (
            one.verdict is Verdict.INDETERMINATE
            and one.changed_after is ChangedAfter.VISIBLE
            and "VISIBLE_CHANGE_SEALED_LATER" in codes
            and codes <= SEALABLE
            and one.intact is not False
            and one.trusted is True
            and one.revocation.value in ("good", "not_checked")
            and one.sub_indication in (None, "SIG_CONSTRAINTS_FAILURE")
            and match is not None
            and match.agency_id == recognition.agency_id
        )
        if not lawful:
            return False
    return True


def about_others(examination: Examination, form: ExaminedFile) -> list[Why]:
    """Return what other files of the delivery say against it: a broken signature beside a good one is no accident."""
    found = []
    for one in examination.files:
        if one is form or one.report is None or one.detached_of == form.sha256:
            continue
        if one.report.verdict is Verdict.FAILED:
            found.append(Why("OTHER_FILE_SIGNATURE_FAILED", one.name or ""))
    if examination.envelope is not None and examination.envelope.verdict is Verdict.FAILED:
        found.append(Why("ENVELOPE_SIGNATURE_FAILED"))
    rivals = [
        one
        for one in examination.files
        if one is not form
        and one.sha256 != form.sha256
        and one.report is not None
        and one.report.verdict not in (Verdict.UNSIGNED, Verdict.UNREADABLE)
        and is_form_itself(one)
    ]
    if rivals:
        found.append(Why("SEVERAL_FORMS", ", ".join(one.name or "?" for one in rivals)))
    return found


def about_agency(
    delivery: Delivery, recognition: Recognition, roster: Roster, at: datetime, *, has_form: bool
) -> list[Why]:
    """
    Return what the roster says of the sender.

    An agency without a registered mailbox is known by its signature alone. That is enough for a first form, and not
    for one that takes the place of another: whoever has an older signed file could send it.
    """
    agency = roster.get(recognition.agency_id)
    if agency is None:
        return [Why("AGENCY_UNKNOWN", delivery.sender)]
    found = []
    if not agency.is_valid_on(at.date()):
        found.append(Why("AGENCY_NOT_VALID", f"{agency.id}; successor {agency.successor or 'none'}"))
    if has_form and delivery.channel is Channel.MAIL and not agency.mailboxes:
        found.append(Why("SENDER_NOT_REGISTERED", agency.id))
    if agency.channel == "qlvb" and delivery.channel is Channel.MAIL:
        found.append(Why("WRONG_CHANNEL", "qlvb"))
    return found


def about_form(
    form: ExaminedFile, campaign: Campaign, recognition: Recognition, roster: Roster, *, named: bool
) -> list[Why]:
    """
    Return what the form's own words and answers say.

    A good signature says who signed, not what: any signed document of an agency that was once published could be
    renamed and sent under its name. So what shows itself as the form (tags, title) is filed; what the sender only
    `named` so is filed as an agency's first submission, with a remark, and never takes the place of one that was filed.
    A covering letter, which speaks of the form and is not called so, waits for a person.
    """
    facts = form.form
    if facts is None:
        return []
    found = []
    if not {"tag", "title"} & set(form.signals):
        doubt = "FORM_NOT_CERTAIN" if facts.text.strip() or facts.is_form else "TEXT_UNREADABLE"
        found.append(Why("FORM_BY_NAME_ONLY" if named else doubt, form.name or ""))
    author = agency_by_name(facts.agency_name or "", roster)
    if author is not None and recognition.agency_id is not None and author.id != recognition.agency_id:
        found.append(Why("FORM_OF_ANOTHER_AGENCY", author.id))
    if facts.year is not None and facts.year != campaign.data_to.year:
        found.append(Why("WRONG_YEAR", f"{facts.year}, asked for {campaign.data_to.year}"))
    if facts.flaws:
        found.append(Why("FORM_HAS_FLAWS", ", ".join(dict.fromkeys(one.code for one in facts.flaws))))
    return found


def _names(signatures: tuple[SignatureFinding, ...]) -> str:
    return "; ".join(one.signer.common_name for one in signatures if one.signer is not None)
