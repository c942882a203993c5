"""A PDF as a file: what it is, which signatures it has, in its form or elsewhere, and what else a clerk should know."""

from __future__ import annotations

import re
from dataclasses import replace

from signatures.formats.pdf_fields import fields_of, signature_fields
from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, Ref, Value
from signatures.formats.pdf_signatures import broken_finding, judge_signatures
from signatures.formats.pdf_strays import Stray, removed_signatures, stray_signatures, taken_out, was_a_value
from signatures.formats.pdf_view import NotPdf, View
from signatures.question import Document, Question
from signatures.report import FileReport, Reason, SignatureFinding, Verdict, verdict_of_signatures

MEDIA_TYPE = "application/pdf"
_START = re.compile(rb"(?:\xef\xbb\xbf)?[\x00\t\n\x0c\r ]*%PDF-")


def recognises(document: Document) -> bool:
    """Say whether `document` is a PDF, or claims by its name to be one."""
    return _START.match(document.data) is not None or document.name.lower().endswith(".pdf")


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge every signature of the PDF `document`; never raises, whatever the bytes.

    A file that is no PDF is `unreadable`, one that needs a password `unsupported`, one beyond our limits
    `indeterminate` with TOO_COSTLY. Source: contract section 3; ISO 32000-2, 12.8; ETSI EN 319 142-1.
    """
    report = FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type=MEDIA_TYPE,
        format="pdf",
        verdict=Verdict.UNREADABLE,
    )
    try:
        return _inspect(document, question, report)
    except TooCostly as cause:
        return replace(report, verdict=Verdict.INDETERMINATE, reasons=(Reason("TOO_COSTLY", str(cause)),))
    # One hostile file must not stop the others: whatever it made us stumble over is a finding about this file.
    except Exception as cause:
        return replace(
            report, verdict=Verdict.INDETERMINATE, reasons=(Reason("PDF_NOT_EXAMINED", type(cause).__name__),)
        )


def _inspect(document: Document, question: Question, report: FileReport) -> FileReport:
    file = PdfFile(document.data)
    if file.header_at < 0:
        return replace(report, reasons=(Reason("NOT_A_PDF"),))
    try:
        view = View(file, len(document.data))
    except NotPdf as cause:
        damaged = removed_signatures(file)
        if damaged:
            broken = tuple(broken_finding(f"object {number}", "PDF_DAMAGED", str(cause)) for number in damaged)
            return replace(report, verdict=Verdict.FAILED, signatures=broken)
        return replace(report, reasons=(Reason("PDF_DAMAGED", str(cause)),))
    if view.trailer.get("Encrypt") is not None:
        locked = _unlock(file, view)
        if locked:
            return _locked(view, report, locked)
        view = View(file, len(document.data))
    reasons = list(_remarks(view))
    signatures = signature_fields(view, fields_of(view))
    stray = stray_signatures(view, signatures)
    usage_rights = _usage_rights(view, stray)
    others = tuple(one for one in stray if one.number != usage_rights)
    if usage_rights >= 0:
        reasons.append(Reason("USAGE_RIGHTS_ONLY" if not signatures else "USAGE_RIGHTS"))
    outside = _broken_outside(view, others, question)
    if signatures:
        removed = taken_out(view, signatures, others, usage_rights)
        unlisted = [one.number for one in others if one.number not in removed]
        reasons.extend(Reason("SIGNATURE_NOT_IN_FORM", f"object {number}") for number in unlisted)
        reasons.extend(Reason("SIGNATURE_REMOVED", f"object {number}") for number in removed)
        findings = judge_signatures(view, signatures, question) + tuple(outside.values())
    elif others:
        findings = tuple(
            outside.get(one.number) or _proves_nothing(one.number, "SIGNATURE_NOT_IN_FORM") for one in others
        )
    else:
        findings = tuple(
            _proves_nothing(number, "SIGNATURE_REMOVED")
            for number in removed_signatures(file)
            if number != usage_rights
        )
    if view.rebuilt:
        reasons.append(Reason("TABLE_OF_CONTENTS_REBUILT"))
    return replace(
        report, verdict=verdict_of_signatures(findings), reasons=tuple(dict.fromkeys(reasons)), signatures=findings
    )


def _broken_outside(view: View, others: tuple[Stray, ...], question: Question) -> dict[int, SignatureFinding]:
    """
    Judge signatures that a field shows though the form does not list it; return those that are broken.

    Some programs count them as signatures of the file, so a broken one must not hide behind a good one. A good one
    proves nothing here: it is only named (SIGNATURE_NOT_IN_FORM).
    """
    found: dict[int, SignatureFinding] = {}
    for one in others:
        if one.signature is None:
            continue
        (judged,) = judge_signatures(view, (one.signature,), question)
        if judged.verdict is Verdict.FAILED:
            found[one.number] = judged
    return found


def _proves_nothing(number: int, code: str) -> SignatureFinding:
    """A signature that no reader shows as one of this file: not "unsigned", and no proof either."""
    return SignatureFinding(
        name=f"object {number}",
        kind="pdf",
        verdict=Verdict.INDETERMINATE,
        sub_indication="SIG_CONSTRAINTS_FAILURE",
        reasons=(Reason(code, f"object {number}"),),
    )


def _locked(view: View, report: FileReport, why: str) -> FileReport:
    """A file that only the holder of a password can read: its signatures are counted, and named as far as that goes."""
    findings = tuple(
        SignatureFinding(
            name=f"object {one.field.number}" if one.field.number else "signature",
            kind="pdf",
            verdict=Verdict.UNSUPPORTED,
            reasons=(Reason("PDF_ENCRYPTED", why),),
        )
        for one in signature_fields(view, fields_of(view))
    )
    return replace(report, verdict=Verdict.UNSUPPORTED, reasons=(Reason("PDF_ENCRYPTED", why),), signatures=findings)


def _usage_rights(view: View, stray: tuple[Stray, ...]) -> int:
    """
    Return the object number of a usage-rights signature (/Perms /UR3 or /UR), -1 if there is none.

    Nobody signs with it, so no field holds it (ISO 32000-1, 12.8.4). A value that a field shows, or once showed, is
    a signature like others, whatever the catalogue says of it.
    """
    permissions = view.entry(view.catalog, "Perms")
    shown = {one.number for one in stray if one.signature is not None}
    if isinstance(permissions, Dictionary):
        for key in ("UR3", "UR"):
            value: Value = permissions.get(key)
            if isinstance(value, Ref) and value.number not in shown and not was_a_value(view, value.number):
                return value.number
    return -1


def _remarks(view: View) -> tuple[Reason, ...]:
    """Name what a file can do or hide besides its pages; none of it changes the verdict."""
    catalog = view.catalog
    names = view.entry(catalog, "Names")
    found: list[Reason] = []
    if view.entry(names, "JavaScript") is not None or _is_script(view, view.entry(catalog, "OpenAction")):
        found.append(Reason("HAS_JAVASCRIPT"))
    if view.entry(names, "EmbeddedFiles") is not None or view.entry(catalog, "Collection") is not None:
        found.append(Reason("HAS_EMBEDDED_FILES"))
    if view.entry(catalog, "OCProperties") is not None:
        found.append(Reason("HAS_OPTIONAL_CONTENT"))
    form = view.entry(catalog, "AcroForm")
    if view.entry(form, "XFA") is not None:
        found.append(Reason("HAS_DYNAMIC_FORM"))
    return tuple(found)


def _is_script(view: View, action: Value) -> bool:
    return view.entry(action, "S") == "JavaScript" if isinstance(action, Dictionary) else False


def _unlock(file: PdfFile, view: View) -> str:
    """Open an encrypted file with the empty password; return "" if that opened it, else why it stays shut."""
    # The decryption library is heavy and slow to load; only encrypted files need it.
    from signatures.formats.pdf_crypt import Decryptor, Locked

    settings = view.resolve(view.trailer.get("Encrypt"))
    if not isinstance(settings, Dictionary):
        return "the encryption dictionary is missing"
    identifiers = view.resolve(view.trailer.get("ID"))
    first = view.resolve(identifiers[0]) if isinstance(identifiers, list) and identifiers else b""
    try:
        decryptor = Decryptor(file.data[settings.start : settings.stop], first if isinstance(first, bytes) else b"")
    except Locked as cause:
        return str(cause)
    file.decryptor = decryptor
    file.forget_objects()
    return ""
