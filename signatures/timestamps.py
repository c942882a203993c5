"""Time stamps of a trusted third party (RFC 3161): what they prove to have existed, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from signatures.evidence import Material
from signatures.question import Question
from signatures.report import Reason, Revocation, Signer, Verdict


@dataclass(frozen=True, slots=True)
class TimestampJudgement:
    """
    What one time-stamp token proves.

    `intact`: imprint and signature hold (None: could not be decided). `gen_time` is what the token claims (UTC); it is
    proof only where `verdict` is PASSED. `trusted` is None where certificates were left unjudged. `evidence` holds (kind, DER), the
    token itself first.
    """

    intact: bool | None
    verdict: Verdict
    sub_indication: str | None = None
    gen_time: datetime | None = None
    trusted: bool | None = None
    revocation: Revocation = Revocation.NOT_CHECKED
    signer: Signer | None = None
    digest_algorithm: str | None = None
    signature_algorithm: str | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def proves(self) -> bool:
        """Whether `gen_time` may be relied on as a time at which the stamped bytes existed."""
        return self.verdict is Verdict.PASSED and self.gen_time is not None


def judge_timestamp(
    token: bytes,
    digest_of: Callable[[str], bytes],
    question: Question,
    *,
    material: Material | None = None,
) -> TimestampJudgement:
    """
    Judge the RFC 3161 `token` (a CMS ContentInfo, DER or BER) over the bytes whose digests `digest_of` gives.

    `digest_of` takes an algorithm name as in `hashlib` ("sha256", "sha3_256") and gives the raw digest. The authority's
    chain is judged at `question.at`: for a token that a later token protects, ask with
    `question.at_proven(later.gen_time)`. `material` are papers from the same file (DSS, unsigned attributes). Never raises
    on hostile bytes. Trailing zero bytes after the token (PDF /Contents padding) are the caller's to cut.

    Source: RFC 3161, 2.4.2; RFC 5816; ETSI EN 319 422.
    """
    raise NotImplementedError
