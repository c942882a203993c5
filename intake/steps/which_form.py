"""Which file of a delivery is the form, which signatures are the form's own, and which file its answers come from."""

from __future__ import annotations

from datetime import datetime, timedelta

from intake.steps.agency import Recognition
from intake.steps.examined import Examination, ExaminedFile
from signatures.report import SignatureFinding, Verdict

# Some signing tools write local time as if it were UTC (signatures/question.py: local_time_fault_hours).
LOCAL_TIME_FAULT = timedelta(hours=7)


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


def signed_at(
    signatures: tuple[SignatureFinding, ...], recognition: Recognition, received_at: datetime
) -> datetime | None:
    """
    Return when the agency last signed the form, by its own word inside the signature; None if it does not say.

    Only the booked agency's own signatures count, and never a time stamp: anybody who has an old form can have it
    stamped today, or sign it once more himself. A claim after `received_at` is a clock that ran ahead.
    """
    moments = []
    for one, match in zip(signatures, recognition.signed_by, strict=True):
        if one.kind == "pdf-timestamp" or match is None or match.agency_id != recognition.agency_id:
            continue
        if one.claimed_at is not None:
            is_local = any(reason.code == "LOCAL_TIME_FAULT" for reason in one.reasons)
            moments.append(min(one.claimed_at - (LOCAL_TIME_FAULT if is_local else timedelta()), received_at))
    return max(moments, default=None)


def is_named_as_form(form: ExaminedFile, examination: Examination) -> bool:
    """Whether the sender calls this file the form: by its name, or by the subject where its text says nothing of it."""
    return "name" in form.signals or (examination.subject_signal and "text" not in form.signals)


def companion_of(examination: Examination, form: ExaminedFile) -> ExaminedFile | None:
    """Return a file beside the form that carries its answers in tags, where the form itself cannot be read."""
    if form.form is not None and form.form.is_form and form.form.answers:
        return None
    tagged = [
        one for one in examination.files if one is not form and one.form and one.form.is_form and one.form.answers
    ]
    return tagged[0] if len(tagged) == 1 else None


def _worst(verdicts: list[Verdict]) -> Verdict:
    for worst in (Verdict.FAILED, Verdict.UNREADABLE, Verdict.UNSUPPORTED, Verdict.INDETERMINATE):
        if worst in verdicts:
            return worst
    return Verdict.PASSED if Verdict.PASSED in verdicts else Verdict.UNSIGNED
