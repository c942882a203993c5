"""Certification paths: found among many certificates, and held against the rules of RFC 5280, section 6.1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from signatures import algorithms, asn1, keys
from signatures.certificates import (
    Certificate,
    comparable_name,
    describe_name,
    signature_digest,
    signed_by,
)
from signatures.name_constraints import NameConstraints
from signatures.policies import (
    ANY_POLICY,
    PolicyGraph,
    inhibit_any_policy,
    policy_constraints,
    policy_mappings,
    stated_policies,
)
from signatures.question import Policy

# Government paths have three certificates, bridged ones seven; longer is a maze built by an attacker.
MAX_PATH = 16
# How many candidate issuers one search may try: each costs a signature verification of some 50 microseconds.
MAX_TRIED = 400
# How many whole paths one search may yield before it gives up.
MAX_PATHS = 32

DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_CERT_SIGN, CRL_SIGN = 0, 1, 5, 6

# The extensions a path validator understands; any other critical one must be refused (RFC 5280, 4.2).
_UNDERSTOOD = frozenset(
    {
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.17",
        "2.5.29.18",
        "2.5.29.19",
        "2.5.29.30",
        "2.5.29.31",
        "2.5.29.32",
        "2.5.29.33",
        "2.5.29.35",
        "2.5.29.36",
        "2.5.29.37",
        "2.5.29.46",
        "2.5.29.54",
        "2.5.29.56",  # noRevAvail (RFC 9608)
        "1.3.6.1.5.5.7.1.1",
        "1.3.6.1.5.5.7.1.3",  # qcStatements
        "1.3.6.1.5.5.7.48.1.5",  # id-pkix-ocsp-nocheck
        "2.16.840.1.113730.1.1",  # Netscape certificate type, in certificates of the first generation
    }
)


class Flaw(StrEnum):
    """What can be wrong with a path; the values are reason codes."""

    SIGNATURE = "CHAIN_SIGNATURE_BROKEN"
    ALGORITHM = "CHAIN_ALGORITHM_UNSUPPORTED"
    EXPIRED = "CERTIFICATE_EXPIRED"
    NOT_YET = "CERTIFICATE_NOT_YET_VALID"
    WEAK = "CHAIN_CRYPTOGRAPHY_WEAK"
    RULES = "CHAIN_RULE_BROKEN"
    PURPOSE = "CERTIFICATE_WRONG_PURPOSE"


@dataclass(frozen=True, slots=True)
class Fault:
    """One flaw of a path: what, at which certificate (0 is the end entity), and the particulars."""

    flaw: Flaw
    index: int
    detail: str


class Pool:
    """Certificates by subject, so that issuers are found without trying every one."""

    def __init__(self, anchors: Sequence[Certificate], others: Sequence[Certificate]) -> None:
        self._by_subject: dict[str | bytes, list[tuple[Certificate, bool]]] = {}
        for certificates, trusted in ((anchors, True), (others, False)):
            for one in certificates:
                self._by_subject.setdefault(comparable_name(one.subject), []).append((one, trusted))
        self._anchors = frozenset(anchors)

    def with_more(self, others: Sequence[Certificate]) -> Pool:
        """Return a pool that also knows `others`; this one stays as it is."""
        more = Pool((), ())
        more._anchors = self._anchors
        more._by_subject = dict(self._by_subject)
        for one in others:
            name = comparable_name(one.subject)
            known = more._by_subject.get(name, [])
            if all(one != other for other, _ in known):
                more._by_subject[name] = [*known, (one, False)]
        return more

    def is_anchor(self, certificate: Certificate) -> bool:
        """Whether the office itself believes this very certificate."""
        return certificate in self._anchors

    def named(self, name: bytes) -> list[tuple[Certificate, bool]]:
        """Return the certificates with this subject, each with whether it is an anchor."""
        return self._by_subject.get(comparable_name(name), [])

    def issuers_of(self, certificate: Certificate, at: datetime) -> list[tuple[Certificate, bool]]:
        """Return the possible issuers, the likeliest first: anchors, then matching key identifiers, then valid ones."""

        def unlikely(candidate: tuple[Certificate, bool]) -> tuple[bool, bool, bool]:
            issuer, trusted = candidate
            key = certificate.authority_key
            wrong_key = key is not None and issuer.key_identifier is not None and issuer.key_identifier != key
            return wrong_key, not trusted, not issuer.not_before <= at <= issuer.not_after

        return sorted(self.named(certificate.issuer), key=unlikely)


def find_paths(
    leaf: Certificate, pool: Pool, at: datetime, *, check_signatures: bool = True
) -> Iterator[tuple[Certificate, ...]]:
    """
    Yield paths from `leaf` to an anchor, the anchor last; each link's signature holds unless `check_signatures` is off.

    A link whose algorithm cannot be computed is followed: `faults_of` reports it. The search is bounded by MAX_PATH,
    MAX_TRIED and MAX_PATHS, and never visits the same name with the same key twice on one path.
    """
    budget = [MAX_TRIED, MAX_PATHS]

    def climb(path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        last = path[-1]
        for issuer, trusted in pool.issuers_of(last, at):
            if budget[0] <= 0 or budget[1] <= 0:
                return
            budget[0] -= 1
            if any(
                one.spki == issuer.spki and comparable_name(one.subject) == comparable_name(issuer.subject)
                for one in path
            ):
                continue
            if check_signatures and signed_by(last, issuer.spki) is False:
                continue
            if trusted:
                budget[1] -= 1
                yield (*path, issuer)
            elif len(path) + 1 < MAX_PATH:
                yield from climb((*path, issuer))

    if pool.is_anchor(leaf):
        yield (leaf,)
        return
    yield from climb((leaf,))


def with_keys(path: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """Return the path with every key complete: DSA parameters that a key inherits from above are written into it."""
    completed: list[Certificate] = []
    for certificate in reversed(path):
        if completed:
            spki = keys.with_dsa_parameters(certificate.spki, completed[-1].spki)
            certificate = certificate if spki == certificate.spki else replace(certificate, spki=spki)
        completed.append(certificate)
    return tuple(reversed(completed))


def faults_of(
    path: Sequence[Certificate],
    at: datetime,
    policy: Policy,
    *,
    initial_policies: frozenset[str] = frozenset({ANY_POLICY}),
    require_explicit: bool = False,
    inhibit_mapping: bool = False,
    inhibit_any: bool = False,
) -> list[Fault]:
    """
    Return everything wrong with `path` (end entity first, anchor last) at the moment `at`; empty for a valid path.

    The anchor is believed for its name and key alone (RFC 5280, 6.1.1 d): its dates and signature are not judged.
    The steps below bear the letters of RFC 5280, 6.1.3 to 6.1.5.
    """
    faults: list[Fault] = []
    anchor = path[-1]
    below = list(reversed(path[:-1]))
    total = len(below)
    graph = PolicyGraph()
    explicit = 0 if require_explicit else total + 1
    mapping = 0 if inhibit_mapping else total + 1
    any_left = 0 if inhibit_any else total + 1
    constraints = NameConstraints()
    longest = total
    issuer_name, issuer_key = anchor.subject, anchor.spki

    for depth, certificate in enumerate(below, start=1):
        index = total - depth
        final = depth == total

        def fault(flaw: Flaw, detail: str, *, index: int = index, certificate: Certificate = certificate) -> None:
            faults.append(Fault(flaw, index, f"{detail}: {describe_name(certificate.subject)}"))

        # (a) signature, dates, issuer.
        holds = signed_by(certificate, issuer_key)
        if holds is None:
            fault(Flaw.ALGORITHM, "the signature algorithm cannot be computed")
        elif not holds:
            fault(Flaw.SIGNATURE, "the issuer did not sign this certificate")
        if at < certificate.not_before:
            fault(Flaw.NOT_YET, f"valid only from {certificate.not_before.isoformat()}")
        if at > certificate.not_after:
            fault(Flaw.EXPIRED, f"valid only until {certificate.not_after.isoformat()}")
        if comparable_name(certificate.issuer) != comparable_name(issuer_name):
            fault(Flaw.RULES, "issuer and subject names do not chain")
        for detail in weaknesses(certificate, policy):
            fault(Flaw.WEAK, detail)
        try:
            # (b), (c) names.
            if (final or not certificate.self_issued) and constraints.violated_by(certificate):
                fault(Flaw.RULES, "a name that an authority above was not allowed to certify")
            # (d), (e), (f) policies.
            stated = stated_policies(certificate)
            if stated is None:
                graph.clear()
            else:
                graph.descend(stated, any_allowed=any_left > 0 or (not final and certificate.self_issued))
            if explicit <= 0 and graph.empty:
                fault(Flaw.RULES, "no certificate policy holds along the path")
            unknown = [oid for oid, one in certificate.extensions.items() if one.critical and oid not in _UNDERSTOOD]
            if unknown:
                fault(Flaw.RULES, f"critical extension {', '.join(unknown)} is not understood")
            required, inhibited = policy_constraints(certificate)
            if final:
                # Wrap-up (a), (b), (g).
                explicit = 0 if required == 0 else max(explicit - 1, 0)
                if explicit <= 0 and not graph.acceptable(initial_policies):
                    fault(Flaw.RULES, "no acceptable certificate policy holds along the path")
                break
            # Preparation (a), (b): mappings.
            mappings = policy_mappings(certificate)
            if mappings:
                graph.map(mappings, allowed=mapping > 0)
            # (c) to (f): the key that signs below.
            issuer_name = certificate.subject
            issuer_key = keys.with_dsa_parameters(certificate.spki, issuer_key)
            # (g) name constraints.
            constraints.narrow(certificate)
            # (h), (i), (j): counters.
            if not certificate.self_issued:
                explicit, mapping, any_left = max(explicit - 1, 0), max(mapping - 1, 0), max(any_left - 1, 0)
            if required is not None:
                explicit = min(explicit, required)
            if inhibited is not None:
                mapping = min(mapping, inhibited)
            skip = inhibit_any_policy(certificate)
            if skip is not None:
                any_left = min(any_left, skip)
        except asn1.Asn1Error as cause:
            fault(Flaw.RULES, f"an extension cannot be read ({cause})")
            if final:
                break
            issuer_name, issuer_key = certificate.subject, certificate.spki
        # (k) to (n): an authority must be one.
        if not certificate.ca or certificate.version < 3:
            fault(Flaw.RULES, "a certificate on the path is not an authority's")
        if not certificate.self_issued:
            if longest <= 0:
                fault(Flaw.RULES, "the path is longer than an authority above allowed")
            longest -= 1
        if certificate.path_length is not None:
            longest = min(longest, certificate.path_length)
        if certificate.key_usage is not None and KEY_CERT_SIGN not in certificate.key_usage:
            fault(Flaw.RULES, "an authority's key that may not sign certificates")
    return faults


def weaknesses(certificate: Certificate, policy: Policy) -> list[str]:
    """Return what the policy finds too weak about a certificate's signature and key."""
    found = []
    used = signature_digest(certificate.signature_algorithm)
    if used in ("md2", "md4", "md5"):
        found.append(f"signed with {used}")
    if used == "sha1" and certificate.not_before.date() >= policy.sha1_certificates_before:
        found.append(f"signed with SHA-1 on or after {policy.sha1_certificates_before.isoformat()}")
    weak = weak_key(certificate, policy)
    if weak:
        found.append(weak)
    return found


def weak_key(certificate: Certificate, policy: Policy) -> str:
    """Return why the certificate's own key is too weak by the policy, "" if it is not."""
    try:
        facts = keys.key_facts(certificate.spki)
    except algorithms.Unsupported:
        return ""
    least = 0
    if facts.kind in ("rsa", "dsa"):
        old = certificate.not_before < datetime(2014, 1, 1, tzinfo=UTC)
        least = policy.min_rsa_bits_before_2014 if old else policy.min_rsa_bits
    elif facts.kind == "ec":
        # ETSI TS 119 312, 8.4: no curve below 224 bits is recommended.
        least = 224
    if 0 < facts.bits < least:
        return f"a {facts.kind.upper()} key of {facts.bits} bits, where the policy asks for {least}"
    return ""
