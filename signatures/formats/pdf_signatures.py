"""Judges the signatures of a PDF together: whether each holds, what was done to the file since, and what that means."""

from __future__ import annotations

from dataclasses import dataclass, replace

from signatures.asn1 import Asn1Error, read
from signatures.cms_reader import NotSignedData
from signatures.evidence import Material
from signatures.formats.pdf_bytes import Guarded, byte_range, guard, signed_view
from signatures.formats.pdf_changes import changes_after
from signatures.formats.pdf_dss import material_of
from signatures.formats.pdf_fields import SignatureField
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_grades import Changes
from signatures.formats.pdf_objects import Dictionary, date_of, text_of
from signatures.formats.pdf_permissions import Permissions, permissions_of
from signatures.formats.pdf_view import View
from signatures.formats.pdf_x509 import judge_rsa_sha1
from signatures.question import Question
from signatures.report import ChangedAfter, Level, Reason, SignatureFinding, Verdict
from signatures.signed_data import Profile, judge_signed_data
from signatures.signer_judgement import SignerJudgement
from signatures.timestamps import TimestampJudgement, judge_timestamp

# ETSI EN 319 102-1, table 5: the sub-indication of a signature that breaks the rules of its format.
_FORMAT_FAILURE = "FORMAT_FAILURE"
_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
_TIME_STAMP = "ETSI.RFC3161"
_RSA_SHA1 = "adbe.x509.rsa_sha1"
_PROFILES = {
    "adbe.pkcs7.detached": Profile.PDF_DETACHED,
    "ETSI.CAdES.detached": Profile.PDF_CADES,
    "adbe.pkcs7.sha1": Profile.PDF_SHA1,
}


def judge_signatures(
    view: View, signatures: tuple[SignatureField, ...], question: Question
) -> tuple[SignatureFinding, ...]:
    """
    Judge the signatures in the order of the form.

    1. The byte guard, for each. 2. What changed after each, under all permissions given until then. 3. Document time
    stamps, the last first, since each protects those before it. 4. The CMS of each, at the time that is proven for it.
    5. What only all together tell: sealed later, certification first.
    """
    cases = _guarded(view, signatures)
    for case in cases:
        case.changes = _changes(case, cases, view)
    material = material_of(view)
    _judge_stamps(cases, view, question, material)
    for case in cases:
        if not case.is_stamp:
            case.finding = _examined(case, cases, view, question, material)
    return tuple(_together(case, cases) for case in cases)


def broken_finding(name: str, code: str, detail: str = "") -> SignatureFinding:
    """Return the finding of a signature that breaks the rules of its format, so that nothing of it can be judged."""
    return SignatureFinding(
        name=name,
        kind="pdf",
        verdict=Verdict.FAILED,
        sub_indication=_FORMAT_FAILURE,
        intact=False,
        reasons=(Reason(code, detail),),
    )


@dataclass(slots=True)
class _Case:
    """One signature on its way to a finding."""

    field: SignatureField
    sub_filter: str
    guarded: Guarded
    permissions: Permissions
    changes: Changes | None = None
    finding: SignatureFinding | None = None
    stamp: TimestampJudgement | None = None

    @property
    def is_stamp(self) -> bool:
        return self.sub_filter == _TIME_STAMP


def _guarded(view: View, signatures: tuple[SignatureField, ...]) -> list[_Case]:
    ranges = [byte_range(one, view) for one in signatures]
    ends = sorted({found[2] + found[3] for found in ranges if not isinstance(found, Reason)})
    signed = {end: signed_view(view.file, end) if end < len(view.file.data) else view for end in ends}
    gaps = [None if isinstance(found, Reason) else (found[1], found[2]) for found in ranges]
    cases = []
    for index, (one, found) in enumerate(zip(signatures, ranges, strict=True)):
        others = [gap for place, gap in enumerate(gaps) if gap is not None and place != index]
        end = None if isinstance(found, Reason) else found[2] + found[3]
        guarded = guard(one, view, others, signed[end] if end is not None else None)
        sub_filter = view.entry(one.dictionary, "SubFilter") if one.dictionary is not None else None
        allowed = permissions_of(guarded.signed, one) if guarded.signed is not None else Permissions()
        cases.append(_Case(one, str(sub_filter or ""), guarded, allowed))
    return cases


def _changes(case: _Case, cases: list[_Case], view: View) -> Changes | None:
    if case.guarded.problems:
        return None
    permissions = case.permissions
    for other in cases:
        if other is not case and 0 < other.guarded.end < case.guarded.end and not other.guarded.problems:
            permissions = permissions.and_those(other.permissions)
    return changes_after(case.guarded, view, permissions)


def _judge_stamps(cases: list[_Case], view: View, question: Question, material: Material) -> None:
    stamps = sorted((case for case in cases if case.is_stamp), key=lambda case: -case.guarded.end)
    asked = question
    seen: set[bytes] = set()
    for case in stamps:
        if case.guarded.problems:
            # Whatever its token says, it is not about the bytes that the file shows.
            case.finding = _finding_of(case, SignatureFinding(case.field.name, "pdf-timestamp", Verdict.FAILED))
            continue
        token = der_of(case.guarded.contents)
        judged = judge_timestamp(token, case.guarded.digest(view.file.data), asked, material=material)
        if token in seen and judged.verdict is Verdict.PASSED:
            judged = replace(judged, verdict=Verdict.FAILED, reasons=(*judged.reasons, Reason("TIMESTAMP_REUSED")))
        seen.add(token)
        case.stamp = judged
        finding = replace(judged.as_finding(case.field.name, "pdf-timestamp"), claimed_at=judged.gen_time)
        case.finding = _finding_of(case, finding)
        if judged.proves and judged.gen_time is not None:
            asked = question.at_proven(judged.gen_time)


def _examined(case: _Case, cases: list[_Case], view: View, question: Question, material: Material) -> SignatureFinding:
    """Judge one signature; whatever it makes us stumble over costs only this one its answer."""
    try:
        return _judged(case, cases, view, question, material)
    except TooCostly:
        raise
    # One hostile signature must not hide what the others say.
    except Exception as cause:
        finding = SignatureFinding(
            name=case.field.name,
            kind="pdf",
            verdict=Verdict.INDETERMINATE,
            sub_indication=_CONSTRAINTS_FAILURE,
            reasons=(Reason("PDF_SIGNATURE_NOT_EXAMINED", type(cause).__name__),),
        )
        return _finding_of(case, finding)


def _judged(case: _Case, cases: list[_Case], view: View, question: Question, material: Material) -> SignatureFinding:
    """Judge the cryptography of a signature that is no time stamp, then put everything known of it together."""
    name = case.field.name
    if case.field.dictionary is None:
        return _finding_of(case, broken_finding(name, "SIGNATURE_VALUE_BROKEN"))
    if not case.guarded.contents.strip(b"\x00"):
        return _finding_of(case, broken_finding(name, "CONTENTS_EMPTY"))
    if not case.guarded.gap[1]:
        return _finding_of(case, broken_finding(name, "BYTE_RANGE_INVALID"))
    digest_of = case.guarded.digest(view.file.data)
    if case.sub_filter == _RSA_SHA1:
        certificates = _certificates(view, case.field.dictionary)
        judged = judge_rsa_sha1(case.guarded.contents, certificates, digest_of, question)
        return _finding_of(case, judged.as_finding(name, "pdf", case.guarded.covers))
    profile = _PROFILES.get(case.sub_filter)
    if profile is None:
        unknown = SignatureFinding(
            name=name,
            kind="pdf",
            verdict=Verdict.UNSUPPORTED,
            reasons=(Reason("SUBFILTER_UNKNOWN", case.sub_filter[:60]),),
        )
        return _finding_of(case, unknown)
    stamps = [
        other
        for other in cases
        if other.stamp is not None and other.stamp.proves and other.guarded.end > case.guarded.end
    ]
    times = [other.stamp.gen_time for other in stamps if other.stamp is not None and other.stamp.gen_time is not None]
    claimed = date_of(text_of(view.entry(case.field.dictionary, "M")))
    try:
        signers = judge_signed_data(
            der_of(case.guarded.contents),
            digest_of,
            question,
            profile=profile,
            material=material,
            proven_at=min(times) if times else None,
            claimed_at=claimed,
        )
    except NotSignedData as cause:
        return _finding_of(case, broken_finding(name, cause.code, cause.detail))
    if not signers:
        return _finding_of(case, broken_finding(name, "CMS_NO_SIGNER"))
    worst = _worst(signers)
    finding = worst.as_finding(name, "pdf", case.guarded.covers)
    if len(signers) > 1:
        finding = replace(finding, reasons=(*finding.reasons, Reason("CMS_SEVERAL_SIGNERS", str(len(signers)))))
    level = _level(finding.level, stamps, material, view)
    return _finding_of(case, replace(finding, level=level))


def _worst(signers: tuple[SignerJudgement, ...]) -> SignerJudgement:
    order = (Verdict.FAILED, Verdict.UNSUPPORTED, Verdict.INDETERMINATE, Verdict.PASSED)
    return min(signers, key=lambda one: order.index(one.verdict) if one.verdict in order else 0)


def _level(level: Level | None, stamps: list[_Case], material: Material, view: View) -> Level | None:
    """Raise the level by what the file holds beside the signature (ETSI EN 319 142-1, 6.1)."""
    if level is None:
        return None
    raised = level
    if raised == "B-B" and stamps:
        raised = "B-T"
    if raised == "B-T" and (material.crls or material.ocsps):
        raised = "B-LT"
    if raised == "B-LT" and any(
        other.guarded.signed is not None and view.entry(other.guarded.signed.catalog, "DSS") is not None
        for other in stamps
    ):
        raised = "B-LTA"
    return raised


def _finding_of(case: _Case, finding: SignatureFinding) -> SignatureFinding:
    """Join what the bytes say with what the cryptography says; the worse of both counts."""
    guarded, changes = case.guarded, case.changes
    kind = finding.kind if not case.is_stamp else "pdf-timestamp"
    if guarded.problems:
        return replace(
            finding,
            kind=kind,
            verdict=Verdict.FAILED,
            sub_indication=_FORMAT_FAILURE,
            intact=False,
            covers=guarded.covers,
            changed_after=ChangedAfter.UNKNOWN,
            reasons=tuple(dict.fromkeys((*guarded.problems, *finding.reasons))),
        )
    finding = replace(finding, kind=kind, covers=guarded.covers, revision_end=guarded.end)
    if changes is None:
        return finding
    reasons = tuple(dict.fromkeys((*finding.reasons, *changes.reasons)))
    finding = replace(finding, changed_after=changes.after, reasons=reasons, pages=changes.pages)
    if changes.after is ChangedAfter.FORBIDDEN:
        return replace(finding, verdict=Verdict.FAILED, sub_indication=_FORMAT_FAILURE, intact=False)
    if changes.after in (ChangedAfter.VISIBLE, ChangedAfter.UNKNOWN):
        verdict, sub = finding.verdict, finding.sub_indication
        if verdict is Verdict.PASSED:
            verdict, sub = Verdict.INDETERMINATE, _CONSTRAINTS_FAILURE
        # What was signed holds, but it is not (or perhaps not) exactly what the file shows now.
        return replace(finding, verdict=verdict, sub_indication=sub, intact=None if finding.intact else finding.intact)
    return finding


def _together(case: _Case, cases: list[_Case]) -> SignatureFinding:
    """Say what only all signatures together tell: whether a visible change was sealed later, who may certify."""
    finding = case.finding
    assert finding is not None  # every case was judged above
    earlier = [one for one in cases if one is not case and not one.is_stamp and 0 < one.guarded.end < case.guarded.end]
    if case.permissions.certifies and earlier and not case.is_stamp:
        finding = replace(
            finding,
            verdict=Verdict.FAILED,
            sub_indication=_FORMAT_FAILURE,
            intact=False,
            reasons=(*finding.reasons, Reason("CERTIFICATION_NOT_FIRST")),
        )
    if finding.changed_after in (ChangedAfter.VISIBLE, ChangedAfter.UNKNOWN) and not case.guarded.problems:
        sealed = any(_seals(other, case) for other in cases)
        code = "VISIBLE_CHANGE_SEALED_LATER" if sealed else "VISIBLE_CHANGE"
        where = ", ".join(str(page) for page in dict.fromkeys(page for page, _ in finding.pages))
        detail = f"page {where}" if where else ""
        finding = replace(finding, reasons=(Reason(code, detail), *finding.reasons))
    return finding


def _seals(other: _Case, case: _Case) -> bool:
    finding = other.finding
    return (
        finding is not None
        and not other.is_stamp
        and other.guarded.end > case.guarded.end
        and finding.verdict is Verdict.PASSED
        and finding.changed_after in (ChangedAfter.NOTHING, ChangedAfter.PERMITTED)
    )


def der_of(contents: bytes) -> bytes:
    """
    Return the one ASN.1 element at the beginning of /Contents, without the padding that fills its place.

    Bytes that are no element at all come back as they are, less trailing zeros: judging them is the CMS reader's.
    """
    try:
        return read(contents).raw
    except Asn1Error:
        return contents.rstrip(b"\x00")


def _certificates(view: View, dictionary: Dictionary) -> tuple[bytes, ...]:
    value = view.entry(dictionary, "Cert")
    items = value if isinstance(value, list) else [value]
    return tuple(one for one in (view.resolve(item) for item in items) if isinstance(one, bytes))
