"""Signature files: `.p7s` beside a document, `.p7m` around one, `.p7b` with certificates only, time-stamp tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from signatures import algorithms, cms_reader, kinds, pem, verify
from signatures.cms_reader import NotSignedData, SignedData
from signatures.question import Document, Question
from signatures.report import (
    ChangedAfter,
    Covers,
    FileReport,
    Reason,
    SignatureFinding,
    Verdict,
    verdict_of_signatures,
)
from signatures.signed_data import judge_signed_data
from signatures.timestamps import TimestampJudgement, judge_timestamp

_MEDIA_TYPES = {
    ".p7m": "application/pkcs7-mime",
    ".p7b": "application/x-pkcs7-certificates",
    ".p7c": "application/pkcs7-mime",
    ".tsr": "application/timestamp-reply",
    ".tst": "application/timestamp-token",
}


def recognises(document: Document) -> bool:
    """Say whether the bytes are a CMS message or a time-stamp response, in DER, BER, PEM or bare base64."""
    return kinds.is_cms(document.data)


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge every signer of the signature file `document`; never raises on hostile bytes.

    A detached signature is judged over `document.detached`, and is indeterminate (SIGNED_DATA_NOT_FOUND) without it. A
    message with content has that content's own report in `contents`, and the content itself in `shown` if a
    signature over it holds. Certificates without a signer are `unsigned`, encrypted messages `unsupported`.
    """
    report = FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type=_MEDIA_TYPES.get(PurePosixPath(document.name.lower()).suffix, "application/pkcs7-signature"),
        format="cms",
        verdict=Verdict.UNREADABLE,
    )
    der = unwrapped(document.data)
    response = cms_reader.token_in_response(der)
    if response is not None:
        der = response
    try:
        signed = cms_reader.read_signed_data(der)
    except NotSignedData as cause:
        verdict = Verdict.UNREADABLE if cause.code == "CMS_UNREADABLE" else Verdict.UNSUPPORTED
        return replace(report, verdict=verdict, reasons=(Reason(cause.code, cause.detail),))
    if _messages(document.data) > 1:
        return replace(report, verdict=Verdict.UNSUPPORTED, reasons=(Reason("CMS_SEVERAL_MESSAGES"),))
    if not signed.signers:
        return replace(report, verdict=Verdict.UNSIGNED, reasons=(Reason("CERTIFICATES_ONLY"),))
    if signed.content_type == cms_reader.TST_INFO:
        return _token(report, der, document, question)
    return _signatures(report, der, signed, document, question)


def unwrapped(data: bytes) -> bytes:
    """Return the DER or BER inside PEM or bare base64, or `data` itself."""
    if data[:1] == b"\x30":
        return data
    blocks = pem.blocks(data)
    if blocks:
        # A certificate that lies beside the message, as tools write it, is not the message.
        return next((der for label, der in blocks if label in kinds.CMS_LABELS), blocks[0][1])
    return pem.bare_base64(data) or data


def _messages(data: bytes) -> int:
    """Return how many different messages the PEM text `data` holds; 1 for everything else."""
    if data[:1] == b"\x30":
        return 1
    return len({der for label, der in pem.blocks(data) if label in kinds.CMS_LABELS}) or 1


def digests_of(content: bytes) -> Callable[[str], bytes]:
    """Return a function that gives the digest of `content` by name, each computed once."""
    known: dict[str, bytes] = {}

    def digest_of(name: str) -> bytes:
        if name not in known:
            known[name] = algorithms.digest(name, content)
        return known[name]

    return digest_of


def _signatures(
    report: FileReport, der: bytes, signed: SignedData, document: Document, question: Question
) -> FileReport:
    outside = document.detached
    digest_of = None if outside is None else digests_of(outside)
    judged = judge_signed_data(der, digest_of, question, whole=outside)
    findings = []
    for one in judged:
        whole = one.intact is True
        finding = one.as_finding(f"Signer{one.index + 1}", "cms", Covers.WHOLE if whole else Covers.UNKNOWN)
        findings.append(replace(finding, changed_after=ChangedAfter.NOTHING if whole else ChangedAfter.UNKNOWN))
    contents: tuple[FileReport, ...] = ()
    shown = None
    if signed.content is not None:
        inner = Document(_inner_name(document.name), signed.content)
        contents = _documents(verify.inspect(inner, question))
        if any(one.verdict is Verdict.PASSED for one in judged):
            shown = signed.content
    elif outside is not None and document.detached_name:
        findings = [_beside(one, document.detached_name) for one in findings]
    signatures = tuple(findings)
    return replace(
        report, verdict=verdict_of_signatures(signatures), signatures=signatures, contents=contents, shown=shown
    )


def _documents(inner: FileReport) -> tuple[FileReport, ...]:
    """Return the report on a message's content, if that is a document; of running text, only what it carries."""
    if inner.verdict is Verdict.UNSIGNED and inner.format in ("other", "smime"):
        return inner.contents
    return (inner,)


def _beside(finding: SignatureFinding, name: str) -> SignatureFinding:
    """Name the file that the detached signature was held against, so that nobody takes it for another's."""
    if finding.intact is None:
        # Nothing could be held against it, for want of a certificate or of an algorithm; that is told already.
        return finding
    return replace(finding, reasons=(*finding.reasons, Reason("SIGNS_ANOTHER_FILE", PurePosixPath(name).name)))


def _inner_name(name: str) -> str:
    """Return the name of what is inside a `.p7m`: its own name without that ending."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in (".p7m", ".p7s") and path.stem else "content"


def _token(report: FileReport, der: bytes, document: Document, question: Question) -> FileReport:
    """
    Judge a time-stamp token that comes as a file.

    It proves that something existed, not who signed it: time stamps never decide a file's verdict (contract section 3).
    """
    report = replace(report, media_type="application/timestamp-token", verdict=Verdict.INDETERMINATE)
    if document.detached is None:
        judged = judge_signed_data(der, None, question)[0]
        finding = replace(
            judged.as_finding("TimeStamp", "cms"), verdict=Verdict.INDETERMINATE, sub_indication="SIGNED_DATA_NOT_FOUND"
        )
        if judged.verdict is Verdict.FAILED:
            finding = replace(finding, verdict=Verdict.FAILED, sub_indication=judged.sub_indication)
        finding = replace(
            finding,
            intact=None if judged.intact else judged.intact,
            reasons=(*finding.reasons, Reason("SIGNED_DATA_NOT_FOUND")),
        )
    else:
        finding = _stamp_finding(judge_timestamp(der, digests_of(document.detached), question))
    return replace(report, signatures=(finding,), reasons=(Reason("TIMESTAMP_ONLY"),))


def _stamp_finding(stamp: TimestampJudgement) -> SignatureFinding:
    return replace(
        stamp.as_finding("TimeStamp", "cms"),
        covers=Covers.WHOLE if stamp.intact else Covers.UNKNOWN,
        changed_after=ChangedAfter.NOTHING if stamp.intact else ChangedAfter.UNKNOWN,
    )
