"""What becomes of a delivery: filed, held for a person, set aside, or linked; with every reason there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.campaign import Campaign
from config.roster import Roster
from intake.steps.agency import Recognition, agency_by_name, plain
from intake.steps.examined import Examination, ExaminedFile
from intake.steps.timeliness import Timing
from signatures.report import ChangedAfter, Revocation, SignatureFinding, Verdict
from storage.records import Channel, Delivery, State, Timeliness, Why

# What an agency can put right by itself; everything else waits for a clerk of the office.
REPAIRABLE = frozenset(
    (
        *("FORM_UNSIGNED", "FORM_SIGNATURE_FAILED", "FORM_UNREADABLE", "FORM_ENCRYPTED", "SIGNER_REVOKED"),
        *("PERSON_SIGNATURE_ONLY", "PERSON_SIGNATURE_MISSING", "AGENCY_MISMATCH", "FORM_OF_ANOTHER_AGENCY"),
        *("NO_FORM", "WRONG_YEAR", "LINK_INSTEAD_OF_FILE", "ARCHIVE_ENCRYPTED", "OFFICE_ENCRYPTED"),
        *("COMPRESSED_FILE_NOT_OPENED", "EXTERNAL_BODY_NOT_FETCHED"),
    )
)

# What is worth telling and holds nothing up.
REMARKS_ONLY = frozenset(
    (
        *("WRONG_CHANNEL", "FOUND_IN_JUNK", "SENT_BEFORE_DUE", "CLOCKS_DISAGREE", "SENDER_ADVICE", "SENDER_DKIM"),
        *("SIZE_DISAGREES", "INTERNALDATE_MISSING", "MAILBOX_RENUMBERED"),
        *("RECEIVER_STAMP_IGNORED", "SIGNED_BY_BOTH", "SEALED_AFTER_CHANGE", "SIGNED_BY_MAIL"),
        *("FORM_HAS_FLAWS", "FORM_BY_NAME_ONLY", "NEW_VERSION"),
    )
)

# What may stand beside VISIBLE_CHANGE_SEALED_LATER when it is the only doubt about a signature: what the change was,
# and remarks that doubt nothing. A code that is not here (a weak digest, a replaced page) is a doubt of its own.
SEALABLE = frozenset(
    (
        *("VISIBLE_CHANGE_SEALED_LATER", "CONTENT_ADDED", "RESOURCES_ADDED", "ANNOTATION_ADDED", "CONTENT_COVERED"),
        *("FIELD_ADDED", "FIELD_FILLED", "FORM_CHANGED", "SIGNATURE_ADDED", "LARGE_SIGNATURE_ADDED"),
        *("LOCAL_TIME_FAULT", "HAS_EMBEDDED_FILES"),
    )
)

# What a source already said of a thing when it took it in; the rest of a delivery's reasons are earlier decisions'.
SAID_BY_SOURCE = frozenset(
    (
        *("OVERSIZE", "FOUND_IN_JUNK", "SIZE_DISAGREES", "INTERNALDATE_MISSING", "MAILBOX_RENUMBERED"),
        *("MANIFEST_INVALID", "MANIFEST_MISMATCH"),
    )
)


@dataclass(frozen=True, slots=True)
class History:
    """
    What the ledger already has that bears on a delivery.

    `versions` are the agency's earlier deliveries in this campaign, `same_form` those whose form has the very same
    bytes, `named` those that this one's revoke or reply names. `ours` lists the Message-IDs of letters of ours that
    the mail names. The delivery itself is in none of them.
    """

    versions: tuple[Delivery, ...] = ()
    same_form: tuple[Delivery, ...] = ()
    named: tuple[Delivery, ...] = ()
    ours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What the machine decides, or asks a person to decide.

    `is_submission` says that it takes a receipt number and is answered. `form` is the file that counts as the form.
    `repairable` says that the agency can put it right, so the letter is a defect letter. `withdraws` is the id of
    the delivery that this one recalls. `signature` is the form's verdict.
    """

    state: State
    reasons: tuple[Why, ...]
    is_submission: bool
    form: ExaminedFile | None = None
    signature: Verdict | None = None
    linked_to: str | None = None
    withdraws: str | None = None
    repairable: bool = False
    answers_from: ExaminedFile | None = None


def has_campaign_word(text: str, campaign: Campaign) -> bool:
    """Whether one of the campaign's words stands in `text`, marks and case ignored, at word borders."""
    padded = f" {plain(text)} "
    return any(f" {plain(word)} " in padded for word in campaign.recognise if plain(word))


def choose_form(examination: Examination) -> ExaminedFile | None:
    """
    Return the file that is the form, None when nothing bears a sign of one.

    1. What is the form by itself (tags, its title, or the name of a scan that has no text) goes before what only speaks
    of it, such as a covering letter: a signed letter never stands for an unsigned form. 2. Where only the subject
    speaks of the form, any document may be it. 3. Among equals a signed one goes before an unsigned companion, since
    the signed file is the only authority, and the first sent before the later.
    """

    def rank(one: ExaminedFile) -> tuple[int, int, int]:
        verdict = one.report.verdict if one.report else Verdict.UNSIGNED
        detached = any(other.detached_of == one.sha256 for other in examination.files)
        signed = 0 if verdict in (Verdict.PASSED, Verdict.INDETERMINATE) else 1 if verdict is Verdict.FAILED else 2
        strongest = one.signals[0] if one.signals else ""
        order = {"tag": 0, "title": 1, "text": 2, "name": 3}.get(strongest, 4)
        return (0 if is_form_itself(one) else 1), (0 if detached else signed), order

    own = [one for one in examination.files if one.form is not None and one.signals]
    if not own and examination.subject_signal:
        own = [one for one in examination.files if one.form is not None]
    return min(own, key=rank) if own else None


def is_form_itself(one: ExaminedFile) -> bool:
    """Whether a file is the form by its tags or title, or is a scan that bears the form's name."""
    scan = "name" in one.signals and one.form is not None and not one.form.text.strip()
    return bool({"tag", "title"} & set(one.signals)) or scan


def form_signatures(examination: Examination, form: ExaminedFile) -> tuple[Verdict, tuple[SignatureFinding, ...], bool]:
    """
    Return the verdict on the form's signature, the signatures, and whether they are the mail's own (S/MIME).

    The form's own signatures come first; a detached signature over it counts as its own; an S/MIME signature that
    covers it counts only where the form itself bears none. Edges: a mail whose signature broke gives FAILED for a form
    that bears none; nobody can say any more whether it covered the form, and "unsigned" could still be accepted.
    """
    envelope = examination.envelope
    detached = [one for one in examination.files if one.detached_of == form.sha256 and one.report is not None]
    own = form.report.verdict if form.report is not None else Verdict.UNSIGNED
    if own is not Verdict.UNSIGNED and form.report is not None:
        verdicts = [own, *(one.report.verdict for one in detached if one.report is not None)]
        found = form.report.signatures + tuple(s for one in detached if one.report for s in one.report.signatures)
        return _worst(verdicts), found, False
    if detached:
        reports = [one.report for one in detached if one.report is not None]
        return _worst([one.verdict for one in reports]), tuple(s for one in reports for s in one.signatures), False
    broken = envelope is not None and envelope.verdict is Verdict.FAILED and own is Verdict.UNSIGNED
    if envelope is not None and (form.in_signed_mail or broken):
        return envelope.verdict, envelope.signatures, True
    return own, (), False


def decide(
    *,
    delivery: Delivery,
    examination: Examination,
    recognition: Recognition,
    timing: Timing,
    campaign: Campaign,
    roster: Roster,
    history: History,
    office_addresses: frozenset[str],
) -> Decision:
    """
    Decide about one delivery, by the rules of substance in docs/architecture.md.

    1. What was never a submission is set aside. 2. A recall is obeyed. 3. What bears no sign of a form is set aside,
    or held where a roster agency plainly meant to send one. 4. Everything that stands against filing is collected.
    5. A copy is linked, unless it is better than what it copies. 6. If nothing stands against it, it is filed, else
    held. The machine returns nothing and deletes nothing.
    """
    said = [one for one in delivery.reasons if one.code in SAID_BY_SOURCE]
    reasons: list[Why] = [*said, *timing.reasons, *recognition.reasons, *examination.remarks]
    unpacked = examination.unpacked
    mail, edxml = unpacked.mail, unpacked.edxml
    form = choose_form(examination)
    agency = roster.get(recognition.agency_id)

    # 1. Never a submission.
    aside = _set_aside_reason(delivery, examination, form, campaign, history, office_addresses)
    if aside is not None:
        return Decision(State.SET_ASIDE, (aside, *unpacked.problems), is_submission=False)
    # It is judged like any other, since a person may accept it; only no machine answers a machine (RFC 3834, 2).
    automatic = mail is not None and mail.automatic != "no"
    if mail is not None and automatic:
        reasons.insert(0, Why("AUTOMATIC_WITH_FORM", mail.automatic))

    # 2. A recall by the sender (QCVN 102: BussinessDocType 1).
    operation = edxml.operation if edxml else unpacked.bundle.operation if unpacked.bundle else "new"
    if operation == "revoke":
        return _revoke(reasons, delivery, recognition, history)

    # 3. No sign of a form.
    if form is None:
        return _without_form(reasons, examination, recognition, history, campaign, agency is not None)

    # 4. Everything that stands against filing.
    verdict, signatures, by_mail = form_signatures(examination, form)
    reasons += unpacked.problems
    reasons += _about_signature(verdict, signatures, recognition, campaign, form)
    if by_mail:
        reasons.append(Why("SIGNED_BY_MAIL"))
    reasons += _about_others(examination, form)
    has_form = any(one.state is State.FILED and one.operative for one in history.versions)
    reasons += _about_agency(delivery, recognition, roster, timing.counted_at, has_form=has_form)
    first = not any(one.state is State.FILED for one in history.versions)
    reasons += _about_form(form, campaign, recognition, roster, named=first and _is_named_as_form(form, examination))
    companion = _companion(examination, form)
    if companion is not None:
        reasons.append(Why("ANSWERS_FROM_COMPANION", companion.name or ""))
    if timing.timeliness is Timeliness.AFTER_GRACE:
        reasons.append(Why("AFTER_GRACE"))
    if has_form:
        reasons.append(Why("NEW_VERSION"))
    taken_back = _taken_back(recognition, history)
    if taken_back is not None:
        reasons.append(taken_back)
    found = _once(tuple(reasons))
    against = [one for one in found if one.code not in REMARKS_ONLY and not _is_harmless(one, examination)]

    # 5. The same form again, under the same agency, is a copy; it takes no number and keeps its moment.
    original = _original(recognition, history, found, is_good=not against)
    if original is not None:
        copy_of = Why("COPY_OF_EARLIER", original.receipt_no or original.id)
        # A doubtful moment moves nobody's time without a person, neither later nor earlier.
        doubtful = timing.uncertain and timing.counted_at < (original.counted_at or original.received_at)
        return Decision(
            State.HELD if doubtful else State.LINKED,
            _once((copy_of, *(found if doubtful else reasons_of_a_copy(found)))),
            is_submission=False,
            form=form,
            signature=verdict,
            linked_to=None if doubtful else original.id,
        )

    # 6. The outcome.
    return Decision(
        State.HELD if against else State.FILED,
        found,
        is_submission=not automatic,
        form=form,
        signature=verdict,
        repairable=any(one.code in REPAIRABLE for one in against),
        answers_from=companion or (form if form.form is not None and form.form.answers else None),
    )


def reasons_of_a_copy(found: tuple[Why, ...]) -> tuple[Why, ...]:
    """Return what is worth telling of a linked copy: remarks, clocks, sender; its form is judged with the original."""
    told = REMARKS_ONLY | {
        "SENDER_NOT_REGISTERED",
        "AUTOMATIC_WITH_FORM",
        "TIME_UNCERTAIN",
        "CLOCKS_DISAGREE_ON_CUT_OFF",
    }
    return tuple(one for one in found if one.code in told and one.code != "NEW_VERSION")


def _original(recognition: Recognition, history: History, found: tuple[Why, ...], *, is_good: bool) -> Delivery | None:
    """
    Return the delivery that this one is a copy of, None where it must stand by itself.

    What was filed has copies. What is held has them only if the copy is no better: a form that came first unsigned, or
    from a strange mailbox, must not hide the same form that comes with its signature, or from the agency itself.
    """
    doubts = {one.code for one in found} - REMARKS_ONLY
    same = [
        one
        for one in history.same_form
        if (one.state is State.FILED and one.agency == recognition.agency_id)
        or (
            one.state is State.HELD
            and one.agency in (recognition.agency_id, None)
            and not is_good
            and {why.code for why in one.reasons} - REMARKS_ONLY <= doubts
        )
    ]
    if not same:
        return None
    # What is filed is the original, whatever else is held: it cannot be dismissed with its copies.
    return min(same, key=lambda one: (one.state is not State.FILED, one.counted_at or one.received_at, one.id))


def _taken_back(recognition: Recognition, history: History) -> Why | None:
    """Return that a person, or the agency itself, took this very form back: whoever sends it again, a person looks."""
    gone = (State.RETURNED, State.WITHDRAWN, State.DISMISSED)
    same = [one for one in history.same_form if one.state in gone and one.agency in (recognition.agency_id, None)]
    return Why("SAME_FORM_TAKEN_BACK", same[-1].receipt_no or same[-1].id) if same else None


def _set_aside_reason(
    delivery: Delivery,
    examination: Examination,
    form: ExaminedFile | None,
    campaign: Campaign,
    history: History,
    office_addresses: frozenset[str],
) -> Why | None:
    """Return why a delivery is no submission whatever it holds, or None."""
    unpacked = examination.unpacked
    if delivery.received_at < campaign.opens:
        return Why("BEFORE_CAMPAIGN", campaign.opens.isoformat())
    if unpacked.kind == "edxml-status":
        return Why("STATUS_PACKAGE", unpacked.edxml.status_code or "" if unpacked.edxml else "")
    mail = unpacked.mail
    if mail is None:
        return None
    # Automatic mail may still carry a form that somebody meant to send: through a list, by a rule of the mailbox, or
    # in a bounce that a person forwards to show that he sent it in time. No letter of ours has a form in it.
    carries = form is not None and form_signatures(examination, form)[0] is not Verdict.UNSIGNED
    if carries or (form is not None and mail.automatic == "no"):
        return None
    from_office = any(one.address.lower() in office_addresses for one in mail.from_addresses)
    # The office is on the roster too: its own address is a loop only with a letter of ours or an automatic mark.
    if from_office and (history.ours or mail.automatic != "no"):
        return Why("OWN_LETTER", ", ".join(history.ours[:3]))
    if mail.automatic == "no":
        return None
    return Why("AUTOMATIC_MAIL", f"{mail.automatic}: {', '.join(mail.automatic_signals[:4])}")


def _revoke(reasons: list[Why], delivery: Delivery, recognition: Recognition, history: History) -> Decision:
    """
    Obey a recall that names exactly one of the same agency's deliveries; anything else is for a person.

    Only the document system vouches for who recalls: what came by mail withdraws nothing, whatever it says it is.
    """
    targets = [one for one in history.named if one.agency == recognition.agency_id and recognition.agency_id]
    if len(targets) == 1 and delivery.channel is Channel.QLVB:
        detail = targets[0].receipt_no or targets[0].id
        return Decision(
            State.LINKED,
            _once((Why("RECALLED_BY_SENDER", detail), *reasons)),
            is_submission=False,
            linked_to=targets[0].id,
            withdraws=targets[0].id,
        )
    return Decision(
        State.HELD, _once((Why("RECALL_NAMES_NOTHING_KNOWN"), *reasons)), is_submission=False, repairable=False
    )


def _without_form(
    reasons: list[Why],
    examination: Examination,
    recognition: Recognition,
    history: History,
    campaign: Campaign,
    on_roster: bool,
) -> Decision:
    """Decide about a delivery in which no file bears a sign of the form."""
    unpacked = examination.unpacked
    problems = tuple(unpacked.problems)
    codes = {one.code for one in problems}
    speaks_of_it = examination.subject_signal or has_campaign_word(unpacked.text[:4000], campaign)
    documents = [one for one in examination.files if one.form is not None]
    locked = codes & {"ARCHIVE_ENCRYPTED", "MAIL_ENCRYPTED", "OFFICE_ENCRYPTED"}
    if on_roster and speaks_of_it and not documents:
        why = [Why("NO_FORM")] if not codes & {"LINK_INSTEAD_OF_FILE", "ARCHIVE_ENCRYPTED"} else []
        return Decision(State.HELD, _once((*why, *reasons, *problems)), is_submission=True, repairable=True)
    if on_roster and locked:
        return Decision(State.HELD, _once((*reasons, *problems)), is_submission=True, repairable=True)
    if "UNPACK_FAILED" in codes:
        # A fault of ours hid what is inside: nobody may be set aside by it.
        return Decision(State.HELD, _once((*reasons, *problems)), is_submission=on_roster)
    if on_roster and HOLDING_PROBLEMS & (codes | {one.code for one in examination.remarks}):
        # A form may lie in what was not opened. It may be anything else as well, so nobody is answered.
        return Decision(State.HELD, _once((*reasons, *problems)), is_submission=False)
    filed = any(one.state is State.FILED for one in history.versions)
    scan = next(
        (
            one
            for one in documents
            if one.report is not None
            and one.report.verdict not in (Verdict.UNSIGNED, Verdict.UNREADABLE)
            and one.form is not None
            and not one.form.text.strip()
        ),
        None,
    )
    if on_roster and not filed and scan is not None:
        verdict = scan.report.verdict if scan.report else None
        return Decision(
            State.HELD,
            _once((Why("TEXT_UNREADABLE", scan.name or ""), *reasons, *problems)),
            is_submission=True,
            form=scan,
            signature=verdict,
        )
    return Decision(State.SET_ASIDE, _once((Why("OTHER_CORRESPONDENCE"), *problems)), is_submission=False)


def _about_signature(
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


def _about_others(examination: Examination, form: ExaminedFile) -> list[Why]:
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


def _about_agency(
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


def _is_named_as_form(form: ExaminedFile, examination: Examination) -> bool:
    """Whether the sender calls this file the form: by its name, or by the subject where its text says nothing of it."""
    return "name" in form.signals or (examination.subject_signal and "text" not in form.signals)


def _about_form(
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


def _companion(examination: Examination, form: ExaminedFile) -> ExaminedFile | None:
    """Return a file beside the form that carries its answers in tags, where the form itself cannot be read."""
    if form.form is not None and form.form.is_form and form.form.answers:
        return None
    tagged = [
        one for one in examination.files if one is not form and one.form and one.form.is_form and one.form.answers
    ]
    return tagged[0] if len(tagged) == 1 else None


def _is_harmless(reason: Why, examination: Examination) -> bool:
    """Whether a finding of unpacking is only worth telling: it describes a part that could still be read."""
    return (
        any(one == reason for one in examination.unpacked.problems) and reason.code not in REPAIRABLE | HOLDING_PROBLEMS
    )


# Findings of unpacking that leave something unread, so that a person must look before anything is filed.
HOLDING_PROBLEMS = frozenset(
    (
        *("UNPACK_FAILED", "MESSAGE_PARTIAL", "LIMIT_PARTS", "LIMIT_DEPTH", "LIMIT_BYTES"),
        *("ARCHIVE_DAMAGED", "ARCHIVE_MULTI_VOLUME", "ARCHIVE_NOT_OPENED", "TNEF_DAMAGED", "SMIME_DAMAGED"),
        *("XML_DTD_REFUSED", "XML_NOT_WELL_FORMED", "EDXML_INCOMPLETE", "EDXML_OLD_GENERATION"),
        *("EDXML_ATTACHMENT_DAMAGED", "EDXML_OPERATION_UNKNOWN", "BUNDLE_DAMAGED"),
    )
)


def _names(signatures: tuple[SignatureFinding, ...]) -> str:
    return "; ".join(one.signer.common_name for one in signatures if one.signer is not None)


def _worst(verdicts: list[Verdict]) -> Verdict:
    for worst in (Verdict.FAILED, Verdict.UNREADABLE, Verdict.UNSUPPORTED, Verdict.INDETERMINATE):
        if worst in verdicts:
            return worst
    return Verdict.PASSED if Verdict.PASSED in verdicts else Verdict.UNSIGNED


def _once(reasons: tuple[Why, ...]) -> tuple[Why, ...]:
    return tuple(dict.fromkeys(reasons))
