"""From a read XML signature to the finding a report shows: value, certificate, time stamps and chain together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from signatures.algorithms import Disagreement, Unsupported, digest
from signatures.certificates import parse_all, same_name, signer_of
from signatures.chain import judge_chain
from signatures.evidence import Material
from signatures.question import Question
from signatures.report import (
    ChangedAfter,
    Covers,
    Level,
    Reason,
    Revocation,
    SignatureFinding,
    SignatureKind,
    Verdict,
)
from signatures.safe_xml import XmlRefused, canonical
from signatures.signer import BROKEN_DIGESTS
from signatures.signing_time import proven_time, remark_on_claim
from signatures.timestamps import TimestampJudgement, judge_timestamp
from signatures.xades import (
    Qualities,
    is_over_signed_properties,
    problems_of_reference,
    read_qualities,
)
from signatures.xml_algorithms import value_holds
from signatures.xml_references import Budget, Ids, dereference
from signatures.xmldsig import (
    Problem,
    SignatureRefused,
    XmlReference,
    XmlSignature,
    failed,
    read_signature,
    undecided,
    unjudgeable,
    worst,
)


@dataclass(frozen=True, slots=True)
class Placed:
    """
    What the format found out about the references: each with what it points to, all problems, how much is covered.

    `further_digests` are the digest names used outside SignedInfo, in a manifest. `claimed_at` is a signing time that
    the format knows besides XAdES.
    """

    references: tuple[tuple[XmlReference, etree._Element | None], ...]
    problems: tuple[Problem, ...]
    remarks: tuple[Reason, ...] = ()
    covers: Covers = Covers.WHOLE
    claimed_at: datetime | None = None
    further_digests: frozenset[str] = frozenset()


def judge_xml_signature(
    signature: XmlSignature, placed: Placed, question: Question, *, name: str, kind: SignatureKind
) -> SignatureFinding:
    """
    Judge `signature`, whose references the format has already followed (`placed`).

    1. The signed properties are those that were read. 2. The certificate is the one the signer bound, else the one
    whose key verifies. 3. Time stamps. 4. The chain, at the time that is proven. 5. Weak digests.
    6. Counter-signatures, which never decide. Never raises on hostile input that could be read.

    Source: ETSI EN 319 102-1, 5.2 (basic validation) and 5.5 (with time).
    """
    # 1. and 2.
    qualities = read_qualities(signature)
    problems = [*placed.problems, *qualities.problems, *problems_of_reference(qualities, placed.references)]
    properties_hold = not problems and any(is_over_signed_properties(one) for one, _ in placed.references)
    certificate, more = _certificate_of(signature, qualities)
    problems += more
    bytes_verdict, _ = worst(problems)
    intact = {Verdict.PASSED: True, Verdict.FAILED: False}.get(bytes_verdict)
    reasons = list(placed.remarks)

    # 3. A stamp that does not hold costs only its proof.
    stamps = _judge_tokens(signature, qualities, question) if bytes_verdict is not Verdict.FAILED else []
    times = [stamp.gen_time for stamp in stamps if stamp.proves and stamp.gen_time is not None]
    for stamp in stamps:
        if not stamp.proves:
            detail = ", ".join(one.code for one in stamp.reasons)
            reasons.append(Reason("XADES_TIMESTAMP_USELESS", detail))
    proven_at, proven_by = proven_time(times, question)
    claimed_at = qualities.claimed_at or placed.claimed_at
    ahead = None if proven_at is None else remark_on_claim(claimed_at, proven_at, question)
    if ahead is not None:
        reasons.append(ahead)
    evidence = [paper for stamp in stamps for paper in stamp.evidence]

    # 4.
    trusted: bool | None = None
    revocation = Revocation.NOT_CHECKED
    if certificate is not None:
        chain = judge_chain(
            certificate,
            [one for one in signature.certificates + qualities.material.certificates if one != certificate],
            question if proven_at is None else question.at_proven(proven_at),
            crls=qualities.material.crls,
            ocsps=qualities.material.ocsps,
            claimed_at=claimed_at,
        )
        trusted, revocation = chain.trusted, chain.revocation
        evidence += chain.evidence
        if chain.verdict is not Verdict.PASSED:
            first = next(iter(chain.reasons), Reason(chain.sub_indication or "NO_CERTIFICATE_CHAIN_FOUND"))
            problems.append(Problem(chain.verdict, chain.sub_indication, first))
        reasons += chain.reasons

    # 5. Whether a digest is too weak is a question of trust, like the strength of a key: not of the bytes alone.
    digests = (
        placed.further_digests | {one.digest_algorithm for one, _ in placed.references} | {signature.scheme.digest}
    )
    for one in sorted(digests & BROKEN_DIGESTS):
        if question.integrity_only:
            reasons.append(Reason("WEAK_DIGEST", one))
        else:
            problems.append(undecided("WEAK_DIGEST", one, "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"))

    # 6.
    reasons += _countersignatures(signature, qualities)
    verdict, sub_indication = worst(problems)
    return SignatureFinding(
        name=name,
        kind=kind,
        verdict=verdict,
        level=_level(qualities, properties_hold, bool(times)),
        sub_indication=sub_indication,
        intact=intact,
        covers=placed.covers,
        changed_after=_changed_after(problems, placed.covers),
        trusted=trusted,
        revocation=revocation,
        signer=None if certificate is None else signer_of(certificate),
        claimed_at=claimed_at,
        proven_at=proven_at,
        proven_by=proven_by,
        digest_algorithm=next((one.digest_algorithm for one, _ in placed.references), None),
        signature_algorithm=signature.scheme.name.replace("ecdsa-plain", "ecdsa"),
        reasons=tuple(dict.fromkeys([*(one.reason for one in problems), *reasons])),
        evidence=tuple(dict.fromkeys(evidence)),
    )


def refused_finding(problem: Problem, *, name: str, kind: SignatureKind) -> SignatureFinding:
    """Return the finding for a signature that could not even be read."""
    return SignatureFinding(
        name=name,
        kind=kind,
        verdict=problem.verdict,
        sub_indication=problem.sub_indication,
        intact=False if problem.verdict is Verdict.FAILED else None,
        reasons=(problem.reason,),
    )


def _certificate_of(signature: XmlSignature, qualities: Qualities) -> tuple[bytes | None, list[Problem]]:
    """
    Return the signer's certificate, and what is wrong with value or certificate.

    Certificates in KeyInfo are not signed, so a forger may put any there. What counts is the one the signer bound by
    its digest inside the signed properties; where nothing is bound (Office 2007), the one whose key verifies.
    """
    candidates = list(dict.fromkeys(signature.certificates + qualities.material.certificates))
    if not candidates:
        missing = "no certificate lies with the signature"
        return None, [undecided("XML_NO_CERTIFICATE", missing, "NO_SIGNING_CERTIFICATE_FOUND")]
    try:
        message = signature.signed_octets()
    except XmlRefused as cause:
        return None, [failed(cause.code, cause.detail)]
    bound = qualities.bound_certificates
    named = candidates if bound is None else [one for one in candidates if any(it.matches(one) for it in bound)]
    refusals: list[str] = []
    for certificate in named:
        try:
            if value_holds(certificate, signature.scheme, signature.value, message):
                return certificate, [] if bound is not None else _other_holders(certificate, candidates)
        except (Unsupported, Disagreement) as cause:
            refusals.append(str(cause))
            continue
        refusals.append("")
    if not named:
        detail = "none of the certificates is the one the signer named"
        return None, [undecided("XML_CERTIFICATE_NOT_BOUND", detail, "NO_SIGNING_CERTIFICATE_FOUND")]
    if all(refusals):
        return None, [unjudgeable("XML_KEY_UNUSABLE", refusals[0])]
    if bound is None and len(named) > 1:
        return None, [failed("XML_VALUE_WRONG", "under no certificate that lies with it", "SIG_CRYPTO_FAILURE")]
    return named[refusals.index("")], [
        failed("XML_VALUE_WRONG", "under the signer's certificate", "SIG_CRYPTO_FAILURE")
    ]


def _other_holders(certificate: bytes, candidates: Sequence[bytes]) -> list[Problem]:
    """Doubt who signed if a certificate of somebody else for the same key lies there, and the signer bound none."""
    own = parse_all((certificate,))
    for one in parse_all(tuple(candidates)):
        if own and one.spki == own[0].spki and not same_name(one.subject, own[0].subject):
            detail = "two holders of one key"
            return [undecided("XML_CERTIFICATE_NOT_BOUND", detail, "NO_SIGNING_CERTIFICATE_FOUND")]
    return []


def _judge_tokens(signature: XmlSignature, qualities: Qualities, question: Question) -> list[TimestampJudgement]:
    """Judge each signature time stamp; it is over the canonical SignatureValue element (EN 319 132-1, 5.3)."""
    found = []
    for token in qualities.tokens:
        try:
            octets = canonical(signature.value_element, token.canonicalisation)
        except XmlRefused as cause:
            reason = Reason(cause.code, cause.detail)
            found.append(TimestampJudgement(None, Verdict.INDETERMINATE, reasons=(reason,)))
            continue

        def digest_of(name: str, octets: bytes = octets) -> bytes:
            return digest(name, octets)

        material = qualities.material.plus(Material(certificates=signature.certificates))
        found.append(judge_timestamp(token.der, digest_of, question, material=material))
    return found


def _countersignatures(signature: XmlSignature, qualities: Qualities) -> list[Reason]:
    """
    Say of each counter-signature whether it really signs this signature's value; it never decides about the parent.

    Source: EN 319 132-1, 5.2.7.2: the reference is over the parent's SignatureValue.
    """
    found = []
    ids = Ids(signature.element.getroottree().getroot()) if qualities.countersignatures else None
    for element in qualities.countersignatures:
        detail = ""
        try:
            inner = read_signature(element)
            over_parent = False
            for reference in inner.references:
                assert ids is not None  # There is a counter-signature, so the Ids were collected.
                place = dereference(reference, element, ids, Budget())
                problem = reference.problem_of(place.octets)
                if problem is not None:
                    raise SignatureRefused(problem)
                over_parent |= place.element is signature.value_element
            if not over_parent:
                detail = "it does not sign this signature's value"
            else:
                certificate, problems = _certificate_of(inner, read_qualities(inner))
                detail = problems[0].reason.code if problems or certificate is None else ""
        except SignatureRefused as cause:
            detail = cause.problem.reason.code
        found.append(Reason("XADES_COUNTERSIGNATURE_WRONG" if detail else "XADES_COUNTERSIGNATURE", detail))
    return found


def _changed_after(problems: Sequence[Problem], covers: Covers) -> ChangedAfter:
    if any(one.sub_indication == "HASH_FAILURE" for one in problems):
        return ChangedAfter.FORBIDDEN
    if any(one.verdict is Verdict.FAILED for one in problems) or covers is not Covers.WHOLE:
        return ChangedAfter.UNKNOWN
    return ChangedAfter.NOTHING


def _level(qualities: Qualities, properties_hold: bool, stamped: bool) -> Level | None:
    """Return the baseline level (EN 319 132-1, 6): B needs the bound certificate, T a good stamp, LT the papers."""
    if not properties_hold or qualities.bound_certificates is None:
        return None
    if not stamped:
        return "B-B"
    if not qualities.has_revocation_values:
        return "B-T"
    return "B-LT"
