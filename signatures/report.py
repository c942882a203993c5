"""What was found out about a file's signatures: the records that every later step and every face reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Literal


class Verdict(StrEnum):
    """
    The answer about a file or a signature.

    The first three are the indications of ETSI EN 319 102-1, 5.1.3 (TOTAL-PASSED, TOTAL-FAILED,
    INDETERMINATE) in the contract's spelling; the others say why there is no such answer.
    """

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"
    UNSIGNED = "unsigned"
    UNSUPPORTED = "unsupported"
    UNREADABLE = "unreadable"


class Covers(StrEnum):
    """How much of the file the signed bytes are."""

    WHOLE = "whole"
    REVISION = "revision"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


class ChangedAfter(StrEnum):
    """What later revisions did to the signed content."""

    NOTHING = "nothing"
    PERMITTED = "permitted"
    VISIBLE = "visible"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


class Revocation(StrEnum):
    """What the revocation data said about the signer's chain at the proven time."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    NOT_CHECKED = "not_checked"


SignatureKind = Literal["pdf", "pdf-timestamp", "ooxml", "cms", "smime", "xml"]
FileFormat = Literal["pdf", "ooxml", "cms", "smime", "xml", "edxml", "other"]
Level = Literal["B-B", "B-T", "B-LT", "B-LTA"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code from `config/reasons/` and the particulars of this case (English, no secrets, no ID numbers)."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """
    Whom a certificate names; strings are empty where the certificate is silent.

    Personal ID numbers (UID=CMND:… or CCCD:…) are masked before they come here.
    `certificate` is the DER of the end-entity certificate (evidence; not part of the JSON).
    """

    common_name: str = ""
    organization: str = ""
    organizational_units: tuple[str, ...] = ()
    locality: str = ""
    country: str = ""
    email: str = ""
    certificate_sha256: str = ""
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SignatureFinding:
    """
    Everything found about one signature; the fields are those of contract `intake-verify/1`.

    `intact` is cryptography and bytes alone (None: could not be decided); `trusted` is None where
    certificates were not judged. Times are aware. `evidence` holds the DER of what was used to judge
    (chain certificates, CRLs, OCSP answers), as (kind, der) with kind in certificate | crl | ocsp | timestamp.
    `pages` lists (page number from 1, rectangle in points or None) of visible changes after signing, `revision_end` is
    where the signed revision of a PDF ends in bytes, so that both renderings can be drawn.
    """

    name: str
    kind: SignatureKind
    verdict: Verdict
    level: Level | None = None
    sub_indication: str | None = None
    intact: bool | None = None
    covers: Covers = Covers.UNKNOWN
    changed_after: ChangedAfter = ChangedAfter.UNKNOWN
    trusted: bool | None = None
    revocation: Revocation = Revocation.NOT_CHECKED
    signer: Signer | None = None
    claimed_at: datetime | None = None
    proven_at: datetime | None = None
    proven_by: Literal["timestamp", "receipt"] | None = None
    digest_algorithm: str | None = None
    signature_algorithm: str | None = None
    reasons: tuple[Reason, ...] = ()
    pages: tuple[tuple[int, tuple[float, float, float, float] | None], ...] = ()
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    revision_end: int | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """
    The verdict on one file with all its signatures.

    `contents` are reports of documents inside a mail or package (same shape). `shown` is the part of the
    file that is covered by a passed signature where that is not the whole file (S/MIME body, XML subtree).
    """

    path: str
    sha256: str
    size: int
    media_type: str
    format: FileFormat
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    contents: tuple[FileReport, ...] = ()
    signatures: tuple[SignatureFinding, ...] = ()
    shown: bytes | None = field(default=None, repr=False)


def verdict_of_signatures(signatures: tuple[SignatureFinding, ...]) -> Verdict:
    """
    Combine the signatures' verdicts into the file's, by contract section 3.

    Time stamps never decide; a file with nothing else is indeterminate, a file with no signature at all
    is unsigned. Failed beats unsupported beats indeterminate beats passed: a file is as good as its worst signature.
    """
    if not signatures:
        return Verdict.UNSIGNED
    deciding = [one.verdict for one in signatures if one.kind != "pdf-timestamp"]
    if not deciding:
        return Verdict.INDETERMINATE
    for worst in (Verdict.FAILED, Verdict.UNSUPPORTED, Verdict.INDETERMINATE):
        if worst in deciding:
            return worst
    return Verdict.PASSED


def as_json(report: FileReport, zone: tzinfo) -> dict[str, Any]:
    """Return `report` in the shape of `intake-verify/1`, times in `zone` (RFC 3339)."""

    def moment(value: datetime | None) -> str | None:
        return None if value is None else value.astimezone(zone).isoformat()

    def reasons(values: tuple[Reason, ...]) -> list[dict[str, str]]:
        return [{"code": one.code, "detail": one.detail} for one in values]

    def signer(value: Signer | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return {
            "common_name": value.common_name,
            "organization": value.organization,
            "organizational_units": list(value.organizational_units),
            "locality": value.locality,
            "country": value.country,
            "email": value.email,
            "certificate_sha256": value.certificate_sha256,
            "issuer": value.issuer,
            "not_before": moment(value.not_before),
            "not_after": moment(value.not_after),
        }

    return {
        "path": report.path,
        "sha256": report.sha256,
        "size": report.size,
        "media_type": report.media_type,
        "format": report.format,
        "verdict": report.verdict.value,
        "reasons": reasons(report.reasons),
        "contents": [as_json(one, zone) for one in report.contents],
        "signatures": [
            {
                "name": one.name,
                "kind": one.kind,
                "level": one.level,
                "verdict": one.verdict.value,
                "sub_indication": one.sub_indication,
                "intact": one.intact,
                "covers": one.covers.value,
                "changed_after": one.changed_after.value,
                "trusted": one.trusted,
                "revocation": one.revocation.value,
                "signer": signer(one.signer),
                "claimed_at": moment(one.claimed_at),
                "proven_at": moment(one.proven_at),
                "proven_by": one.proven_by,
                "digest_algorithm": one.digest_algorithm,
                "signature_algorithm": one.signature_algorithm,
                "reasons": reasons(one.reasons),
                "pages": [{"page": page, "rectangle": None if box is None else list(box)} for page, box in one.pages],
            }
            for one in report.signatures
        ],
    }
