"""Counter-signatures in CMS: others sign somebody's signature value. They are reported, and never decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signatures import algorithms, asn1
from signatures.certificates import Certificate, signer_of
from signatures.chain import judge_chain
from signatures.cms_reader import Attribute, SignedData, SignerInfo, attributes, signer_info
from signatures.evidence import Material
from signatures.question import Question
from signatures.report import Reason, Revocation, Verdict
from signatures.signer import Content, examine
from signatures.signer_judgement import SignerJudgement
from signatures.tally import Tally

COUNTERSIGNATURE = "1.2.840.113549.1.9.6"

# A document is countersigned by a superior or two; each costs a chain.
MAX_COUNTERSIGNATURES = 16
# A counter-signature may itself be counter-signed (RFC 5652, 11.4); nobody reads further down than this.
MAX_COUNTER_DEPTH = 2


def judge(
    signed: SignedData,
    parent: SignerInfo,
    unsigned: tuple[Attribute, ...],
    candidates: Sequence[Certificate],
    question: Question,
    papers: Material,
    depth: int = MAX_COUNTER_DEPTH,
) -> tuple[SignerJudgement, ...]:
    """
    Judge the counter-signatures over the signature value of `parent`, found in its `unsigned` attributes.

    Each is judged for the moment of the question: what proves when the parent was signed proves nothing of a
    signature that was added to it. Source: RFC 5652, 11.4.
    """
    values = [value for one in unsigned if one.kind == COUNTERSIGNATURE for value in one.values]
    found = []
    for index, value in enumerate(values[:MAX_COUNTERSIGNATURES]):
        try:
            found.append(_judge_one(index, signed, parent, signer_info(value), candidates, question, papers, depth))
        except (asn1.Asn1Error, algorithms.Unsupported) as cause:
            reason = Reason("CMS_MALFORMED", str(cause))
            found.append(SignerJudgement(index, Verdict.FAILED, "FORMAT_FAILURE", False, reasons=(reason,)))
    return tuple(found)


def remarks_on(judged: Sequence[SignerJudgement]) -> Iterator[tuple[str, str]]:
    """Yield code and detail of what a report says of counter-signatures; those of counter-signatures first."""
    for one in judged:
        yield from remarks_on(one.countersignatures)
    for one in judged:
        name = "" if one.signer is None else one.signer.common_name
        code = "COUNTERSIGNATURE_HOLDS" if one.verdict is Verdict.PASSED else "COUNTERSIGNATURE_NOT_PASSED"
        yield code, f"{one.verdict.value} {name}".strip()


def _judge_one(
    index: int,
    signed: SignedData,
    parent: SignerInfo,
    signer: SignerInfo,
    candidates: Sequence[Certificate],
    question: Question,
    papers: Material,
    depth: int,
) -> SignerJudgement:
    tally = Tally()
    check = examine(
        signed,
        signer,
        Content(inside=parent.signature),
        candidates,
        tally,
        content_type=None,
        weak_is_remark=question.integrity_only,
    )
    below: tuple[SignerJudgement, ...] = ()
    inner = attributes(signer.unsigned_attributes)
    if depth > 0 and inner:
        below = judge(signed, signer, inner, candidates, question, papers, depth - 1)
    trusted, revocation = None, Revocation.NOT_CHECKED
    evidence: tuple[tuple[str, bytes], ...] = ()
    if check.certificate is not None:
        chain = judge_chain(check.certificate.der, papers.certificates, question, crls=papers.crls, ocsps=papers.ocsps)
        tally.take(chain.verdict, chain.sub_indication, chain.reasons)
        trusted, revocation, evidence = chain.trusted, chain.revocation, chain.evidence
    return SignerJudgement(
        index=index,
        verdict=tally.verdict,
        sub_indication=tally.sub_indication,
        intact=check.intact,
        trusted=trusted,
        revocation=revocation,
        signer=None if check.certificate is None else signer_of(check.certificate.der),
        claimed_at=check.claimed_at,
        digest_algorithm=check.digest_algorithm,
        signature_algorithm=check.signature_algorithm,
        reasons=tally.reasons,
        evidence=evidence,
        countersignatures=below,
    )
