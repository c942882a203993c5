"""From a signer's certificate up to an authority the office believes: the path, its rules, and its revocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from signatures.certificates import Certificate, CertificateError, describe_name, parse, parse_all
from signatures.crls import parse_crls
from signatures.ocsp import OCSP_SIGNING, parse_ocsps
from signatures.paths import (
    DIGITAL_SIGNATURE,
    NON_REPUDIATION,
    Fault,
    Flaw,
    Pool,
    faults_of,
    find_paths,
    weak_key,
    with_keys,
)
from signatures.question import Question, RevocationRule
from signatures.report import Reason, Revocation, Verdict
from signatures.revocation import Papers, Status, status_of
from signatures.trust import TrustStore

Purpose = Literal["signing", "timestamping"]

TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
# A certificate whose only purposes are these was not issued to sign documents or mail.
_OTHER_PURPOSES = frozenset({"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3", TIME_STAMPING, OCSP_SIGNING})

# Signatures bring three to five certificates; a signature with more is only read so far.
MAX_OTHERS = 200
# Revocation costs more than path rules, so only so many valid paths are asked about theirs.
MAX_REVOCATION_PATHS = 4


@dataclass(frozen=True, slots=True)
class ChainJudgement:
    """
    What the certificates say at the moment of the question.

    `trusted` is None where certificates were left unjudged (`integrity_only`), and then `verdict` is PASSED, because
    the question is what the answer would be if every chain were trusted. Otherwise `verdict` is PASSED,
    INDETERMINATE or FAILED with the sub-indication of ETSI EN 319 102-1, table 6. `path` runs from the end entity to
    the anchor (DER; empty if none was found); `evidence` lists (kind, DER) of all that was used, the path included.
    `revoked_at` and `revoked_because` tell a revocation of the end entity, also one after the moment of the question.
    """

    trusted: bool | None
    revocation: Revocation
    verdict: Verdict
    sub_indication: str | None = None
    reasons: tuple[Reason, ...] = ()
    path: tuple[bytes, ...] = field(default=(), repr=False)
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    revoked_at: datetime | None = None
    revoked_because: str = ""


def judge_chain(
    certificate: bytes,
    others: Sequence[bytes],
    question: Question,
    *,
    purpose: Purpose = "signing",
    crls: Sequence[bytes] = (),
    ocsps: Sequence[bytes] = (),
    claimed_at: datetime | None = None,
) -> ChainJudgement:
    """
    Judge the end-entity `certificate` (DER) at `question.at` under `question.trust`.

    `others` are further certificates from the signature (path material, never trusted for being there);
    `crls` and `ocsps` are revocation papers from the file, used beside those of the trust folder. `claimed_at` is
    the signer's own word on when he signed: where that lies after the revocation of his certificate, he failed by his
    own account (REVOKED); else a revocation before the moment leaves open which came first (REVOKED_NO_POE).
    Nothing here touches the network. Never raises on hostile bytes.

    Source: RFC 5280, 6.1 and 6.3; RFC 6960; RFC 3161, 2.3 for `timestamping`; ETSI EN 319 102-1, 5.2.6 and 5.5.
    """
    if question.integrity_only:
        return ChainJudgement(None, Revocation.NOT_CHECKED, Verdict.PASSED)
    try:
        leaf = parse(certificate)
    except CertificateError as cause:
        return _doubt("CERTIFICATE_CHAIN_GENERAL_FAILURE", Reason("CERTIFICATE_UNREADABLE", str(cause)))
    if question.trust is None:
        return _doubt("NO_CERTIFICATE_CHAIN_FOUND", Reason("NO_CERTIFICATE_CHAIN_FOUND", "no trust folder was given"))
    pool = _pool(question.trust).with_more(parse_all(tuple(others[:MAX_OTHERS])))
    flawed: list[tuple[tuple[Certificate, ...], list[Fault]]] = []
    open_paths: list[ChainJudgement] = []
    for path in find_paths(leaf, pool, question.at):
        faults = _purpose_faults(leaf, purpose) + faults_of(path, question.at, question.policy)
        if len(path) == 1:
            weak = weak_key(leaf, question.policy)
            faults += [Fault(Flaw.WEAK, 0, weak)] if weak else []
        if faults:
            flawed.append((path, faults))
            continue
        judgement = _judge_revocation(path, question, pool, tuple(crls), tuple(ocsps), claimed_at)
        if judgement.verdict is Verdict.PASSED:
            return judgement
        open_paths.append(judgement)
        if len(open_paths) >= MAX_REVOCATION_PATHS:
            break
    if open_paths:
        return open_paths[0]
    if flawed:
        return _flawed(min(flawed, key=lambda one: len(one[1])), question)
    return _doubt("NO_CERTIFICATE_CHAIN_FOUND", Reason("NO_CERTIFICATE_CHAIN_FOUND", _missing(leaf, pool, question.at)))


def _doubt(sub_indication: str, *reasons: Reason) -> ChainJudgement:
    return ChainJudgement(False, Revocation.NOT_CHECKED, Verdict.INDETERMINATE, sub_indication, reasons)


@lru_cache(maxsize=8)
def _pool(trust: TrustStore) -> Pool:
    return Pool(parse_all(trust.anchors), parse_all(trust.intermediates))


def _missing(leaf: Certificate, pool: Pool, at: datetime) -> str:
    """Name the authority at which the search ended, so that the operator knows which certificate to add."""
    current = leaf
    for _ in range(8):
        issuers = [one for one, _ in pool.issuers_of(current, at) if one != current]
        if not issuers:
            break
        current = issuers[0]
    if current.self_issued and current != leaf:
        return f"not in the trust folders as an anchor: {describe_name(current.subject)}"
    return f"no certificate at hand of the issuer {describe_name(current.issuer)}"


def _purpose_faults(leaf: Certificate, purpose: Purpose) -> list[Fault]:
    """
    Say whether the certificate was issued for this use.

    Signing asks for digitalSignature or nonRepudiation: government certificates of the first generation bear only the
    latter, so neither is required by itself. Time stamping asks for its own purpose alone and critical (RFC 3161, 2.3).
    """
    usage, purposes = leaf.key_usage, leaf.extended_key_usage
    if usage is not None and not usage & {DIGITAL_SIGNATURE, NON_REPUDIATION}:
        return [Fault(Flaw.PURPOSE, 0, "the key usage allows no signatures")]
    if purpose == "timestamping":
        extension = leaf.extensions.get("2.5.29.37")
        if purposes != frozenset({TIME_STAMPING}) or extension is None or not extension.critical:
            return [Fault(Flaw.PURPOSE, 0, "not a time-stamping certificate (its one critical purpose)")]
    elif purposes is not None and purposes <= _OTHER_PURPOSES:
        return [Fault(Flaw.PURPOSE, 0, "the certificate was issued for servers, programs or services, not for signing")]
    return []


_SUB_INDICATIONS = {
    Flaw.SIGNATURE: "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    Flaw.ALGORITHM: "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    Flaw.WEAK: "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    Flaw.EXPIRED: "OUT_OF_BOUNDS_NO_POE",
    Flaw.NOT_YET: "OUT_OF_BOUNDS_NO_POE",
    Flaw.RULES: "CHAIN_CONSTRAINTS_FAILURE",
    Flaw.PURPOSE: "CHAIN_CONSTRAINTS_FAILURE",
}
# Which flaw gives the sub-indication when there are several: what no later paper could mend comes first.
_GRAVITY = (Flaw.SIGNATURE, Flaw.RULES, Flaw.PURPOSE, Flaw.ALGORITHM, Flaw.NOT_YET, Flaw.EXPIRED, Flaw.WEAK)


def _flawed(found: tuple[tuple[Certificate, ...], list[Fault]], question: Question) -> ChainJudgement:
    path, faults = found
    gravest = min(faults, key=lambda fault: _GRAVITY.index(fault.flaw))
    verdict, sub_indication = Verdict.INDETERMINATE, _SUB_INDICATIONS[gravest.flaw]
    if gravest.flaw is Flaw.NOT_YET and gravest.index == 0 and question.at_is_proof:
        # It existed before its signer's certificate did: ETSI EN 319 102-1, 5.5.4, step 2.
        verdict, sub_indication = Verdict.FAILED, "NOT_YET_VALID"
    reasons = tuple(dict.fromkeys(Reason(fault.flaw.value, fault.detail) for fault in faults))
    return ChainJudgement(
        False,
        Revocation.NOT_CHECKED,
        verdict,
        sub_indication,
        reasons,
        tuple(one.der for one in path),
        tuple(("certificate", one.der) for one in path),
    )


def _judge_revocation(
    path: tuple[Certificate, ...],
    question: Question,
    pool: Pool,
    crls: tuple[bytes, ...],
    ocsps: tuple[bytes, ...],
    claimed_at: datetime | None,
) -> ChainJudgement:
    ders = tuple(one.der for one in path)
    evidence: list[tuple[str, bytes]] = [("certificate", der) for der in ders]
    remarks = []
    anchor = path[-1]
    if not anchor.not_before <= question.at <= anchor.not_after:
        remarks.append(
            Reason("TRUST_ANCHOR_EXPIRED", f"{describe_name(anchor.subject)}, {anchor.not_after.isoformat()}")
        )
    if question.revocation is RevocationRule.OFF:
        return ChainJudgement(True, Revocation.NOT_CHECKED, Verdict.PASSED, None, tuple(remarks), ders, tuple(evidence))
    trust = question.trust
    if trust is not None:
        crls, ocsps = crls + trust.crls, ocsps + trust.ocsps
    papers = Papers(tuple(parse_crls(crls)), tuple(parse_ocsps(ocsps)), pool, question.policy)
    complete = with_keys(path)
    statuses: list[tuple[Certificate, Status]] = []
    for certificate, issuer in pairwise(complete):
        status = status_of(certificate, issuer, complete[-1], question.at, papers)
        statuses.append((certificate, status))
        evidence.extend(status.evidence)
    own = statuses[0][1] if statuses else Status(Revocation.GOOD)
    verdict, sub_indication, overall, reasons = _weigh(statuses, question, claimed_at)
    return ChainJudgement(
        overall is not Revocation.REVOKED,
        overall,
        verdict,
        sub_indication,
        (*reasons, *remarks),
        ders,
        tuple(dict.fromkeys(evidence)),
        own.revoked_at,
        own.reason,
    )


def _weigh(
    statuses: list[tuple[Certificate, Status]], question: Question, claimed_at: datetime | None
) -> tuple[Verdict, str | None, Revocation, list[Reason]]:
    """Put the states of all certificates on the path together; the gravest decides."""
    reasons: list[Reason] = []
    verdict, sub_indication, overall = Verdict.PASSED, None, Revocation.GOOD
    unknown = False
    for index, (certificate, status) in enumerate(statuses):
        name = describe_name(certificate.subject)
        if status.state is Revocation.REVOKED and status.revoked_at is not None:
            because = f", {status.reason}" if status.reason else ""
            detail = f"{status.revoked_at.isoformat()}{because}: {name}"
            if index == 0:
                overall, verdict, sub_indication = Revocation.REVOKED, Verdict.INDETERMINATE, "REVOKED_NO_POE"
                reasons.append(Reason("CERTIFICATE_REVOKED", detail))
                fault = timedelta(hours=question.policy.local_time_fault_hours)
                if claimed_at is not None and claimed_at - fault >= status.revoked_at:
                    verdict, sub_indication = Verdict.FAILED, "REVOKED"
            else:
                reasons.append(Reason("AUTHORITY_REVOKED", detail))
                if overall is not Revocation.REVOKED:
                    overall, verdict, sub_indication = Revocation.REVOKED, Verdict.INDETERMINATE, "REVOKED_CA_NO_POE"
        elif status.state is Revocation.UNKNOWN:
            unknown = True
            reasons.append(Reason("REVOCATION_UNKNOWN", f"{status.detail}: {name}"))
        elif status.revoked_at is not None:
            reasons.append(Reason("REVOKED_LATER", f"{status.revoked_at.isoformat()}: {name}"))
    if unknown and overall is Revocation.GOOD:
        overall = Revocation.UNKNOWN
        if question.revocation is RevocationRule.HARD:
            verdict, sub_indication = Verdict.INDETERMINATE, "TRY_LATER"
            reasons.append(Reason("TRY_LATER"))
    return verdict, sub_indication, overall, reasons
