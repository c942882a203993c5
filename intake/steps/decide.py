"""What becomes of a delivery: filed, held for a person, set aside, or linked; with every reason there is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from config.campaign import Campaign
from config.roster import Roster
from intake.steps.against import about_agency, about_form, about_others, about_signature
from intake.steps.agency import Recognition, plain
from intake.steps.decision import (
    HOLDING_PROBLEMS,
    REMARKS_ONLY,
    REPAIRABLE,
    SAID_BY_SOURCE,
    Decision,
    History,
    once,
)
from intake.steps.examined import Examination, ExaminedFile
from intake.steps.recall import about_replacement, not_read, not_vouched, operation_of, revoke
from intake.steps.resubmission import about_age, original_of, reasons_of_a_copy, taken_back
from intake.steps.timeliness import Timing
from intake.steps.unpacked import MailFacts
from intake.steps.which_form import choose_form, companion_of, form_signatures, is_named_as_form, signed_at
from signatures.report import Verdict
from storage.records import Delivery, State, Timeliness, Why

# Findings of what is locked, so that nobody can say whether the form is inside.
LOCKED = frozenset({"ARCHIVE_ENCRYPTED", "MAIL_ENCRYPTED", "OFFICE_ENCRYPTED"})


def has_campaign_word(text: str, campaign: Campaign) -> bool:
    """Whether one of the campaign's words stands in `text`, marks and case ignored, at word borders."""
    padded = f" {plain(text)} "
    return any(f" {plain(word)} " in padded for word in campaign.recognise if plain(word))


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
    mail = unpacked.mail
    form = choose_form(examination)
    agency = roster.get(recognition.agency_id)

    # 1. Never a submission.
    unread = agency is not None and _may_hide_a_form(examination, history)
    aside = _set_aside_reason(delivery, examination, form, campaign, history, office_addresses, unread=unread)
    if aside is not None:
        return Decision(State.SET_ASIDE, (aside, *unpacked.problems), is_submission=False)
    if form is not None and delivery.received_at < campaign.opens:
        why = Why("RECEIVED_BEFORE_SIGNED", delivery.received_at.isoformat())
        verdict = form_signatures(examination, form)[0]
        return Decision(
            State.HELD, once((why, *reasons, *unpacked.problems)), is_submission=False, form=form, signature=verdict
        )
    # It is judged like any other, since a person may accept it; only no machine answers a machine (RFC 3834, 2).
    automatic = mail is not None and mail.automatic != "no"
    if mail is not None and automatic:
        reasons.insert(0, Why("AUTOMATIC_WITH_FORM", mail.automatic))

    # 2. What only the document system may ask; a recall by the sender (QCVN 102: BussinessDocType 1).
    if operation_of(unpacked) == "revoke":
        return revoke(reasons, delivery, unpacked, recognition, roster, history)
    forged = not_vouched(delivery, unpacked)
    if forged is not None:
        reasons.append(forged)
    reasons += about_replacement(unpacked, roster, history)

    # 3. No sign of a form.
    unread_package = not_read(delivery, unpacked)
    if form is None and unread_package is not None:
        return Decision(State.HELD, once((unread_package, *reasons, *unpacked.problems)), is_submission=False)
    if form is None:
        formless = _without_form(reasons, examination, history, campaign, agency is not None)
        if formless.state is State.SET_ASIDE and mail is not None and automatic:
            return Decision(State.SET_ASIDE, (_automatic(mail), *unpacked.problems), is_submission=False)
        return replace(formless, is_submission=formless.is_submission and not automatic)

    # 4. Everything that stands against filing.
    verdict, signatures, by_mail = form_signatures(examination, form)
    reasons += unpacked.problems
    reasons += about_signature(verdict, signatures, recognition, campaign, form)
    if by_mail:
        reasons.append(Why("SIGNED_BY_MAIL"))
    reasons += about_others(examination, form)
    has_form = any(one.state is State.FILED and one.operative for one in history.versions)
    reasons += about_agency(delivery, recognition, roster, timing.counted_at, has_form=has_form)
    first = not any(one.state is State.FILED for one in history.versions)
    reasons += about_form(form, campaign, recognition, roster, named=first and is_named_as_form(form, examination))
    companion = companion_of(examination, form)
    if companion is not None:
        reasons.append(Why("ANSWERS_FROM_COMPANION", companion.name or ""))
    if timing.timeliness is Timeliness.AFTER_GRACE:
        reasons.append(Why("AFTER_GRACE"))
    if has_form:
        reasons.append(Why("NEW_VERSION"))
    doubted = any(one.code == "SENDER_DOUBTED" for one in reasons)
    signed = signed_at(signatures, recognition, delivery.received_at)
    if verdict in (Verdict.PASSED, Verdict.INDETERMINATE):
        reasons += about_age(delivery, signed, history, doubted=doubted)
    gone = taken_back(recognition, history)
    if gone is not None:
        reasons.append(gone)
    found = once(tuple(reasons))
    against = [one for one in found if one.code not in REMARKS_ONLY and not _is_harmless(one, examination)]

    # 5. The same form again, under the same agency, is a copy; it takes no number and keeps its moment.
    original = original_of(recognition, history, found, is_good=not against)
    if original is not None:
        copy_of = Why("COPY_OF_EARLIER", original.receipt_no or original.id)
        # A doubtful moment moves nobody's time without a person, neither later nor earlier.
        doubtful = timing.uncertain and timing.counted_at < (original.counted_at or original.received_at)
        return Decision(
            State.HELD if doubtful else State.LINKED,
            once((copy_of, *(found if doubtful else reasons_of_a_copy(found)))),
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
        signed_at=signed,
    )


def _set_aside_reason(
    delivery: Delivery,
    examination: Examination,
    form: ExaminedFile | None,
    campaign: Campaign,
    history: History,
    office_addresses: frozenset[str],
    *,
    unread: bool,
) -> Why | None:
    """Return why a delivery is no submission whatever it holds, or None; `unread`: a form may lie in what is closed."""
    unpacked = examination.unpacked
    # What was signed in the campaign cannot have come before it: a clock of ours or of the share is broken (1980 is
    # what an unpacker writes that was told no time), and a form that came in time would be set aside in silence.
    if delivery.received_at < campaign.opens and not _signed_since(campaign.opens, form, examination):
        return Why("BEFORE_CAMPAIGN", campaign.opens.isoformat())
    if unpacked.kind == "edxml-status":
        return Why("STATUS_PACKAGE", unpacked.edxml.status_code or "" if unpacked.edxml else "")
    mail = unpacked.mail
    if mail is None:
        return None
    # Automatic mail may still carry a form that somebody meant to send: through a list, by a rule of the mailbox, or
    # in a bounce that a person forwards to show that he sent it in time. No letter of ours has a form in it.
    carries = form is not None and form_signatures(examination, form)[0] is not Verdict.UNSIGNED
    if carries or unread or (form is not None and mail.automatic == "no"):
        return None
    from_office = any(one.address.lower() in office_addresses for one in mail.from_addresses)
    # The office is on the roster too: its own address is a loop only with a letter of ours or an automatic mark.
    if from_office and (history.ours or mail.automatic != "no"):
        return Why("OWN_LETTER", ", ".join(history.ours[:3]))
    if mail.automatic == "no":
        return None
    return _automatic(mail)


def _signed_since(opens: datetime, form: ExaminedFile | None, examination: Examination) -> bool:
    """Whether any signature of the form says, or proves, that it was made at `opens` or later."""
    signatures = form_signatures(examination, form)[1] if form is not None else ()
    stamped = [one.proven_at for one in signatures if one.proven_by == "timestamp"]
    return any(at is not None and at >= opens for at in (*stamped, *(one.claimed_at for one in signatures)))


def _automatic(mail: MailFacts) -> Why:
    return Why("AUTOMATIC_MAIL", f"{mail.automatic}: {', '.join(mail.automatic_signals[:4])}")


def _may_hide_a_form(examination: Examination, history: History) -> bool:
    """
    Whether a mail that looks automatic may hold a form that nobody could read: locked, broken, or a signed scan.

    A programme that sends an agency's documents may write the same fields as one that answers by itself.
    """
    codes = {one.code for one in (*examination.unpacked.problems, *examination.remarks)}
    if codes & (LOCKED | HOLDING_PROBLEMS):
        return True
    return _signed_scan(examination) is not None and not any(one.state is State.FILED for one in history.versions)


def _signed_scan(examination: Examination) -> ExaminedFile | None:
    """Return the first signed document that has no text to read, None if there is none."""
    return next(
        (
            one
            for one in examination.files
            if one.report is not None
            and one.report.verdict not in (Verdict.UNSIGNED, Verdict.UNREADABLE)
            and one.form is not None
            and not one.form.text.strip()
        ),
        None,
    )


def _is_reply_to_ours(examination: Examination, history: History, campaign: Campaign) -> bool:
    """
    Whether a mail answers a letter of ours: it names its Message-ID, or repeats a receipt number in its subject.

    Programs that reply by themselves without any mark of it do so too, and would be answered for ever.
    """
    mail = examination.unpacked.mail
    if mail is None:
        return False
    return (
        bool(history.ours)
        or re.search(rf"{re.escape(campaign.receipt_prefix)}-\d{{6}}", mail.subject or "") is not None
    )


def _without_form(
    reasons: list[Why],
    examination: Examination,
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
    locked = codes & LOCKED
    answerable = codes & (REPAIRABLE | LOCKED)
    if on_roster and not documents and not answerable and _is_reply_to_ours(examination, history, campaign):
        # A person may want an answer, so a person reads it; a machine's reply must not be answered by ours.
        return Decision(State.HELD, once((Why("REPLY_WITHOUT_FORM"), *reasons, *problems)), is_submission=False)
    if on_roster and speaks_of_it and not documents:
        # What is locked, left out or was not read may be the form: then this is what the agency is told.
        why = [] if codes & (LOCKED | HOLDING_PROBLEMS | REPAIRABLE) else [Why("NO_FORM")]
        return Decision(State.HELD, once((*why, *reasons, *problems)), is_submission=True, repairable=True)
    if on_roster and locked:
        return Decision(State.HELD, once((*reasons, *problems)), is_submission=True, repairable=True)
    if "UNPACK_FAILED" in codes:
        # A fault of ours hid what is inside: nobody may be set aside by it.
        return Decision(State.HELD, once((*reasons, *problems)), is_submission=on_roster)
    if on_roster and HOLDING_PROBLEMS & (codes | {one.code for one in examination.remarks}):
        # A form may lie in what was not opened. It may be anything else as well, so nobody is answered.
        return Decision(State.HELD, once((*reasons, *problems)), is_submission=False)
    filed = any(one.state is State.FILED for one in history.versions)
    scan = _signed_scan(examination)
    if on_roster and not filed and scan is not None:
        verdict = scan.report.verdict if scan.report else None
        return Decision(
            State.HELD,
            once((Why("TEXT_UNREADABLE", scan.name or ""), *reasons, *problems)),
            is_submission=True,
            form=scan,
            signature=verdict,
        )
    return Decision(State.SET_ASIDE, once((Why("OTHER_CORRESPONDENCE"), *problems)), is_submission=False)


def _is_harmless(reason: Why, examination: Examination) -> bool:
    """Whether a finding of unpacking is only worth telling: it describes a part that could still be read."""
    return (
        any(one == reason for one in examination.unpacked.problems) and reason.code not in REPAIRABLE | HOLDING_PROBLEMS
    )
