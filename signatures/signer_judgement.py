"""What was found about one signer: the record that every reader of CMS, of mail and of PDF signatures gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from signatures.report import Covers, Level, Reason, Revocation, SignatureFinding, SignatureKind, Signer, Verdict
from signatures.timestamps import TimestampJudgement


@dataclass(frozen=True, slots=True)
class SignerJudgement:
    """
    What was found about one SignerInfo; the fields mean what they mean in `report.SignatureFinding`.

    `index` counts SignerInfos from 0 as they stand. `proven_at` is the best signature time: the earliest of a passed
    signature time stamp, the proven time the caller gave, and the receipt. `timestamps` are the signature and archive
    time stamps found inside; `countersignatures` are reported and never decide.
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
