"""From a signer's certificate up to an authority the office believes: the path, its rules, and whether it was revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from signatures.question import Question
from signatures.report import Reason, Revocation, Verdict

Purpose = Literal["signing", "timestamping"]


@dataclass(frozen=True, slots=True)
class ChainJudgement:
    """
    What the certificates say at the moment of the question.

    `trusted` is None where certificates were left unjudged (`integrity_only`), and then `verdict` is PASSED, because the
    question is what the answer would be if every chain were trusted. Otherwise `verdict` is PASSED, INDETERMINATE or
    FAILED with the sub-indication of ETSI EN 319 102-1, table 6. `path` runs from the end entity to the anchor (DER; empty if
    none was found); `evidence` lists (kind, DER) of all that was used, the path included.
    """

    trusted: bool | None
    revocation: Revocation
    verdict: Verdict
    sub_indication: str | None = None
    reasons: tuple[Reason, ...] = ()
    path: tuple[bytes, ...] = field(default=(), repr=False)
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


def judge_chain(
    certificate: bytes,
    others: Sequence[bytes],
    question: Question,
    *,
    purpose: Purpose = "signing",
    crls: Sequence[bytes] = (),
    ocsps: Sequence[bytes] = (),
) -> ChainJudgement:
    """
    Judge the end-entity `certificate` (DER) at `question.at` under `question.trust`.

    `others` are further certificates from the signature (path material, never trusted for being there);
    `crls` and `ocsps` are revocation papers from the file, used beside those of the trust folder.
    Nothing here touches the network. Never raises on hostile bytes.

    Source: RFC 5280, 6.1 and 6.3; RFC 6960; RFC 3161, 2.3 for `timestamping`.
    """
    raise NotImplementedError
