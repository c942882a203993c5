"""From a decision to what is filed: the outcome, the standing among an agency's versions, the letter's matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from config.settings import Settings
from intake.office import Office, Rulebook
from intake.steps.agency import Recognition, recognise
from intake.steps.decision import Decision, History
from intake.steps.examined import Examination, ExaminedFile
from intake.steps.letters import FileLine, Matter, write_letter
from intake.steps.timeliness import Timing, judge
from intake.steps.which_form import choose_form, form_signatures
from signatures.report import SignatureFinding, Verdict, as_json
from storage.ledger import Ledger
from storage.records import (
    Delivery,
    FiledFile,
    LetterDraft,
    LetterKind,
    Outcome,
    Receipt,
    State,
    Why,
)

WriteLetters = Callable[[Receipt], Sequence[LetterDraft]]


def sender_and_signers(book: Rulebook, examination: Examination, office_agency: str) -> Recognition:
    """Ask whose the form's signatures are, and who claims to send."""
    form = choose_form(examination)
    unpacked = examination.unpacked
    mail, edxml, bundle = unpacked.mail, unpacked.edxml, unpacked.bundle
    organ_ids = (edxml.from_organ_id if edxml else "", bundle.sender_organ_id if bundle else "")
    names = (edxml.from_name if edxml else "", bundle.sender_name if bundle else "")
    return recognise(
        roster=book.roster,
        signatures=form_signatures(examination, form)[1] if form is not None else (),
        from_addresses=tuple(one.address for one in mail.from_addresses if one.address) if mail else (),
        organ_ids=tuple(one for one in organ_ids if one),
        sender_names=tuple(one for one in names if one),
        office_agency=office_agency,
    )


def history_of(
    ledger: Ledger, campaign: str, delivery: Delivery, examination: Examination, recognition: Recognition
) -> History:
    """Ask the ledger what it already has that bears on this delivery; the delivery itself is left out."""
    form = choose_form(examination)
    unpacked = examination.unpacked
    mail, edxml, bundle = unpacked.mail, unpacked.edxml, unpacked.bundle
    ours: list[str] = []
    if mail is not None:
        mentioned = (mail.message_id, mail.in_reply_to, *mail.references[-20:], *mail.bounced_message_ids[:20])
        ours = [one for one in dict.fromkeys(mentioned) if one and ledger.letters.is_ours(one)]
    versions = ledger.versions(campaign, recognition.agency_id) if recognition.agency_id else ()
    versions = tuple(one for one in versions if one.id != delivery.id)
    wanted: set[str] = set()
    if edxml is not None:
        wanted = {edxml.document_id, edxml.code, *edxml.replaced_document_ids}
        wanted |= {sign for one in edxml.response_for for sign in (one.code, one.document_id)}
    elif bundle is not None:
        wanted = {bundle.source_id, bundle.code, *bundle.replaces}
    wanted.discard("")
    same = ledger.bearing(form.sha256) if form is not None else ()
    return History(
        versions=versions,
        same_form=tuple(
            one for one in same if one.id != delivery.id and form is not None and one.form_sha256 == form.sha256
        ),
        named=tuple(one for one in versions if one.message_id in wanted and one.state is not State.LINKED),
        ours=tuple(ours),
    )


def history_of_agency(ledger: Ledger, campaign: str, agency: str | None) -> History:
    """Return an agency's versions alone, for an act that examines nothing."""
    return History(versions=ledger.versions(campaign, agency) if agency else ())


def outcome_of(
    delivery: Delivery,
    examination: Examination,
    recognition: Recognition,
    timing: Timing,
    decision: Decision,
    book: Rulebook,
) -> Outcome:
    """Return the whole outcome, ready to be filed in one transaction."""
    unpacked = examination.unpacked
    mail, edxml, bundle = unpacked.mail, unpacked.edxml, unpacked.bundle
    named_by = mail.message_id if mail else None
    if edxml is not None:
        named_by = edxml.document_id or edxml.code or None
    elif bundle is not None:
        named_by = bundle.source_id or bundle.code or None
    facts = mail or edxml or bundle
    answers_from = decision.answers_from
    # A form's flaws are told of the file that was read for answers, which may be the companion.
    flaws = answers_from.form.flaws if answers_from and answers_from.form else ()
    judged = decision.state in (State.FILED, State.HELD, State.LINKED)
    return Outcome(
        state=decision.state,
        reasons=decision.reasons,
        takes_number=decision.is_submission,
        agency=recognition.agency_id if decision.state is not State.SET_ASIDE else None,
        timeliness=timing.timeliness if judged else None,
        counted_at=timing.counted_at if judged else None,
        counted_timeliness=timing.timeliness if judged else None,
        signature=decision.signature.value if decision.signature else None,
        operative=decision.state is State.FILED,
        form_sha256=decision.form.sha256 if decision.form else None,
        linked_to=decision.linked_to,
        sender=_sender(examination) or delivery.sender or None,
        subject=(facts.subject if facts is not None else None) or delivery.subject or None,
        message_id=named_by,
        files=tuple(_filed(one, decision, examination) for one in examination.files) + _envelope(examination, delivery),
        answers=answers_from.form.answers if answers_from and answers_from.form else (),
        flaws=flaws,
        clocks=(*timing.clocks, *decision.clocks),
        campaign=book.file.campaign.id,
        campaign_version=book.digest,
        policy_version=examination.policy_version,
        bounced_message_ids=mail.bounced_message_ids if mail is not None and mail.automatic == "bounce" else (),
    )


def letter_about(
    office: Office,
    book: Rulebook,
    delivery: Delivery,
    examination: Examination,
    recognition: Recognition,
    timing: Timing,
    decision: Decision,
    now: datetime,
) -> WriteLetters:
    """Return the function that writes this decision's letter once its number and the log head are known."""
    mail = examination.unpacked.mail
    again = delivery.examination > 0
    kind = LetterKind.OUTCOME if again else LetterKind.RECEIPT
    if decision.state is State.HELD and decision.repairable and not again:
        kind = LetterKind.DEFECT
    facts = mail or examination.unpacked.edxml or examination.unpacked.bundle
    matter = replace(
        matter_of(office.settings, book, delivery, now, office.has_outbox),
        kind=kind,
        agency=book.roster.get(recognition.agency_id),
        state=decision.state,
        counted_at=timing.counted_at,
        timeliness=timing.timeliness,
        subject=(facts.subject if facts is not None else None) or delivery.subject or delivery.name,
        reasons=decision.reasons,
        files=tuple(FileLine(one.name or "(không tên)", one.size, one.sha256) for one in examination.files),
        signature=decision.signature,
        signatures=_signatures(examination, decision),
        sender_address=recognition.sender_address,
        answers_to=_answered(examination),
        references=mail.message_id if mail else None,
        flaws=decision.flaws,
    )
    silent = not decision.is_submission or (mail is not None and mail.automatic != "no")

    def write(receipt: Receipt) -> Sequence[LetterDraft]:
        return () if silent else (write_letter(matter, receipt),)

    return write


def shelved_outcome(book: Rulebook, delivery: Delivery, why: Why, office_agency: str) -> tuple[Outcome, Recognition]:
    """Return the outcome for what could not be examined, and what its source alone says of the sender."""
    campaign = book.file.campaign
    sender = recognise(
        roster=book.roster,
        signatures=(),
        from_addresses=(delivery.sender.strip().lower(),) if "@" in delivery.sender else (),
        organ_ids=(delivery.sender,),
        sender_names=(delivery.sender,),
        office_agency=office_agency,
    )
    # Of a folder item whose moment is known as an interval the start counts, as for what could be examined.
    moment = min(delivery.received_at, delivery.received_at_earliest or delivery.received_at)
    timeliness = judge(moment, campaign)
    outcome = Outcome(
        state=State.SHELVED,
        reasons=(why,),
        takes_number=delivery.received_at >= campaign.opens and sender.agency_id is not None,
        agency=sender.agency_id,
        timeliness=timeliness,
        counted_at=moment,
        counted_timeliness=timeliness,
        campaign=campaign.id,
        campaign_version=book.digest,
        clocks=delivery.clocks,
    )
    return outcome, sender


def letter_about_shelved(
    office: Office, book: Rulebook, delivery: Delivery, sender: Recognition, why: Why, now: datetime
) -> WriteLetters:
    """Return the function that writes the receipt for a shelved delivery, to a sender on the roster only."""
    matter = replace(
        matter_of(office.settings, book, delivery, now, office.has_outbox),
        agency=book.roster.get(sender.agency_id),
        state=State.SHELVED,
        reasons=(why,),
        sender_address=sender.sender_address,
    )

    def write(receipt: Receipt) -> Sequence[LetterDraft]:
        # Unread, it may be automatic mail: only a sender on the roster is told that it lies on the shelf.
        in_campaign = delivery.received_at >= book.file.campaign.opens
        return (write_letter(matter, receipt),) if in_campaign and sender.agency_id else ()

    return write


def matter_of(settings: Settings, book: Rulebook, delivery: Delivery, now: datetime, outbox: bool) -> Matter:
    """Return what every letter about a delivery has in common."""
    campaign = book.file.campaign
    return Matter(
        kind=LetterKind.RECEIPT,
        campaign=campaign,
        zone=settings.office.zone,
        office_name=settings.office.name,
        contact=settings.office.contact or campaign.contact,
        agency=book.roster.get(delivery.agency),
        channel=delivery.channel,
        state=delivery.state,
        received_at=delivery.received_at,
        witness=delivery.received_by,
        counted_at=delivery.counted_at or delivery.received_at,
        timeliness=delivery.timeliness or judge(delivery.received_at, campaign),
        subject=delivery.subject or delivery.name,
        reasons=delivery.reasons,
        files=(FileLine(delivery.name or "(không tên)", delivery.size, delivery.sha256),),
        signature=Verdict(delivery.signature) if delivery.signature else None,
        # A mail's Message-ID, or the document's own id on the document axis, which a status package names.
        answers_to=delivery.message_id,
        references=delivery.message_id if delivery.channel.value == "mail" else None,
        outbox=outbox,
        now=now,
    )


def _answered(examination: Examination) -> str | None:
    """Return what a letter answers: the mail's Message-ID, or the document's own id on the document axis."""
    unpacked = examination.unpacked
    if unpacked.mail is not None:
        return unpacked.mail.message_id
    edxml, bundle = unpacked.edxml, unpacked.bundle
    if bundle is not None:
        return bundle.source_id or bundle.code or None
    if edxml is None or not (edxml.document_id or edxml.code):
        return None
    day = f"{edxml.promulgation_date:%Y/%m/%d}" if edxml.promulgation_date else ""
    return edxml.document_id or ",".join((edxml.from_organ_id, day, edxml.code))


def _signatures(examination: Examination, decision: Decision) -> tuple[SignatureFinding, ...]:
    return form_signatures(examination, decision.form)[1] if decision.form is not None else ()


def _sender(examination: Examination) -> str:
    """Return who claims to have sent it, as the log shows it: an address, an organ id, or a name."""
    unpacked = examination.unpacked
    if unpacked.mail is not None:
        first = next(iter(unpacked.mail.from_addresses), None)
        return (first.address or first.name) if first else ""
    if unpacked.edxml is not None:
        return unpacked.edxml.from_organ_id or unpacked.edxml.from_name
    if unpacked.bundle is not None:
        return unpacked.bundle.sender_organ_id or unpacked.bundle.sender_name
    return ""


def _filed(one: ExaminedFile, decision: Decision, examination: Examination) -> FiledFile:
    role = "attachment"
    if decision.form is not None and one is decision.form:
        role = "form"
    elif one.detached_of is not None:
        role = "detached_signature"
    return FiledFile(
        trail=one.trail,
        name=one.name,
        declared_type=one.declared_type,
        media_type=one.media_type,
        size=one.size,
        sha256=one.sha256,
        role=role,
        report=as_json(one.report, UTC) if one.report is not None else None,
        evidence=tuple((kind, digest) for of, kind, digest in examination.evidence if of == one.sha256),
    )


def _envelope(examination: Examination, delivery: Delivery) -> tuple[FiledFile, ...]:
    """Return the mail or package itself as a file, where its own signature was judged."""
    report = examination.envelope
    if report is None:
        return ()
    return (
        FiledFile(
            trail=(delivery.name,),
            name=delivery.name or None,
            declared_type="",
            media_type=report.media_type,
            size=delivery.size,
            sha256=delivery.sha256,
            role="envelope",
            report=as_json(report, UTC),
            evidence=tuple((kind, digest) for of, kind, digest in examination.evidence if of == report.sha256),
        ),
    )
