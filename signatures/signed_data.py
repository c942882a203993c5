"""CMS signatures, whatever carries them (PDF, mail, .p7s): every signer of one SignedData judged by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from signatures.evidence import Material
from signatures.question import Question
from signatures.report import Covers, Level, Reason, Revocation, SignatureFinding, SignatureKind, Signer, Verdict
from signatures.timestamps import TimestampJudgement


class Profile(StrEnum):
    """Under whose rules a SignedData stands; the rules differ only in what must be there."""

    CMS = "cms"
    """Plain CMS or CAdES, S/MIME: RFC 5652; ESS certificate binding is judged where present."""
    PDF_DETACHED = "adbe.pkcs7.detached"
    """PDF 32000-1, 12.8.3.3: no encapsulated content allowed; ESS binding judged where present."""
    PDF_CADES = "ETSI.CAdES.detached"
    """ETSI EN 319 142-1, 6.3: as before, and ESS signing-certificate(-v2) and content-type required."""
    PDF_SHA1 = "adbe.pkcs7.sha1"
    """PDF 32000-1, 12.8.3.3.2: the encapsulated content is the SHA-1 digest of the byte range."""


@dataclass(frozen=True, slots=True)
class SignerJudgement:
    """
    What was found about one SignerInfo; the fields mean what they mean in `report.SignatureFinding`.

    `index` counts SignerInfos from 0 as they stand. `proven_at` is the best signature time: the earliest of a passed signature
    time stamp, the proven time the caller gave, and the receipt. `timestamps` are the signature and archive time stamps
    found inside; `countersignatures` are reported and never decide.
    """

    index: int
    verdict: Verdict
    sub_indication: str | None = None
    intact: bool | None = None
    level: Level | None = None
    trusted: bool | None = None
    revocation: Revocation = Revocation.NOT_CHECKED
    signer: Signer | None = None
    claimed_at: datetime | None = None
    proven_at: datetime | None = None
    proven_by: Literal["timestamp", "receipt"] | None = None
    digest_algorithm: str | None = None
    signature_algorithm: str | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    timestamps: tuple[TimestampJudgement, ...] = ()
    countersignatures: tuple[SignerJudgement, ...] = ()

    def as_finding(self, name: str, kind: SignatureKind, covers: Covers = Covers.UNKNOWN) -> SignatureFinding:
        """Return this judgement as the report's finding; the caller adds what it knows of the file's bytes."""
        return SignatureFinding(
            name=name,
            kind=kind,
            verdict=self.verdict,
            level=self.level,
            sub_indication=self.sub_indication,
            intact=self.intact,
            covers=covers,
            trusted=self.trusted,
            revocation=self.revocation,
            signer=self.signer,
            claimed_at=self.claimed_at,
            proven_at=self.proven_at,
            proven_by=self.proven_by,
            digest_algorithm=self.digest_algorithm,
            signature_algorithm=self.signature_algorithm,
            reasons=self.reasons,
            evidence=self.evidence,
        )


class NotSignedData(ValueError):
    """The bytes are no CMS SignedData: `code` is the reason (CMS_UNREADABLE, CMS_NOT_SIGNED_DATA, CMS_ENCRYPTED)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def judge_signed_data(
    der: bytes,
    digest_of: Callable[[str], bytes] | None,
    question: Question,
    *,
    profile: Profile = Profile.CMS,
    material: Material | None = None,
    proven_at: datetime | None = None,
) -> tuple[SignerJudgement, ...]:
    """
    Judge every SignerInfo of the CMS ContentInfo `der` (DER or BER, nothing after it).

    `digest_of` takes a digest name as in `hashlib` ("sha256") and gives the raw digest of the content that lies
    outside; None if the content is encapsulated. Where both exist they must agree, else that signer fails.
    `material` are certificates, CRLs and OCSP answers found elsewhere in the same file (a PDF's DSS). `proven_at` is a
    time that a verified document time stamp proves for this signature (`proven_by` is then "timestamp").

    An empty tuple means that the SignedData has no SignerInfo (certificates only, .p7b): not a signature; whoever promised a
    signature there (a PDF field) must treat that as a failed one. Raises NotSignedData if the bytes are not
    CMS SignedData at all; no other exception on hostile bytes.

    Source: RFC 5652, 5; RFC 5035 (ESS); RFC 6211 (algorithm protection); ETSI EN 319 122-1; ETSI EN 319 102-1, 5.2.
    """
    raise NotImplementedError
