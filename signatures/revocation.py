"""Was a certificate revoked at a certain moment? Answered from lists and answers at hand, never from the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from signatures import asn1
from signatures.certificates import Certificate, comparable_name, parse_all
from signatures.crls import (
    ALL_REASONS,
    Entry,
    Place,
    RevocationList,
    crl_signed_by,
    places_of,
)
from signatures.ocsp import NO_CHECK, OCSP_SIGNING, OcspAnswer, SingleAnswer
from signatures.paths import CRL_SIGN, Pool, faults_of, find_paths, with_keys
from signatures.question import Policy
from signatures.report import Revocation
from signatures.signing_time import CLOCK_TOLERANCE

# An OCSP answer that names no end speaks for the moment it was made. Signers fetch it minutes before the time
# stamp that proves the signature, so it is taken as fresh for an hour (ETSI EN 319 102-1, 5.2.5: the
# freshness is the validator's choice).
OCSP_FRESH_WITHOUT_END = timedelta(hours=1)
# A responder or list signer may itself need a revocation state; deeper than this nobody builds it.
MAX_DEPTH = 3

# RFC 9608 and ETSI EN 319 412-1, 5.2.2: certificates so short-lived that their authority never revokes them.
_NEVER_REVOKED = ("2.5.29.56", "0.4.0.194121.2.1")


@dataclass(frozen=True, slots=True)
class Status:
    """
    The revocation state of one certificate at the moment asked for, and the papers it rests on, as (kind, DER).

    `revoked_at` and `reason` are set wherever a revocation is known, also one after the moment (`state` is then GOOD).
    `detail` says in English why a state is unknown.
    """

    state: Revocation
    revoked_at: datetime | None = None
    reason: str = ""
    detail: str = ""
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Papers:
    """Everything at hand to judge revocation with: lists, answers, and certificates that may have signed them."""

    crls: tuple[RevocationList, ...]
    ocsps: tuple[OcspAnswer, ...]
    pool: Pool
    policy: Policy


def status_of(
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    at: datetime,
    papers: Papers,
    *,
    depth: int = MAX_DEPTH,
) -> Status:
    """
    Return whether `certificate`, issued by `issuer` under `anchor`, was revoked at the moment `at`.

    A revocation dated after `at` is none for that moment; lists and answers made after `at` are the best evidence.
    One made before `at` speaks for `at` only while it is fresh (its nextUpdate is not before `at`); otherwise there
    is a gap and the state is UNKNOWN. Source: RFC 5280, 6.3; RFC 6960, 3.2 and 4.2.2.2.
    """
    if any(oid in certificate.extensions for oid in _NEVER_REVOKED):
        return Status(Revocation.GOOD)
    if depth <= 0:
        return Status(Revocation.UNKNOWN, detail="the papers vouch for each other too deeply")
    by_answer = _from_answers(certificate, issuer, anchor, at, papers, depth)
    by_list = _from_lists(certificate, issuer, anchor, at, papers, depth)
    known = [one for one in (by_answer, by_list) if one.state is not Revocation.UNKNOWN]
    if not known:
        return by_list if by_list.detail != _NO_LIST else by_answer
    for one in known:
        if one.state is Revocation.REVOKED:
            return one
    return next((one for one in known if one.revoked_at is not None), known[0])


# --- OCSP -----------------------------------------------------------------------------------------------------------

_NO_ANSWER = "no revocation list or answer about it is at hand"


def _from_answers(
    certificate: Certificate, issuer: Certificate, anchor: Certificate, at: datetime, papers: Papers, depth: int
) -> Status:
    detail = _NO_ANSWER
    good: Status | None = None
    for answer in papers.ocsps:
        about = [one for one in answer.answers if one.speaks_of(certificate, issuer)]
        # Of two answers about one certificate in one message, that of a revocation counts.
        single = min(about, key=lambda one: one.status != "revoked", default=None)
        if single is None or single.status == "unknown" or not answer.usable:
            continue
        if not _responder_may(answer, certificate, issuer, anchor, papers, depth):
            detail = "an OCSP answer whose responder the issuer did not authorise"
            continue
        evidence = (("ocsp", answer.der),)
        if single.status == "revoked" and single.revoked_at is not None:
            if single.revoked_at <= at:
                return Status(Revocation.REVOKED, single.revoked_at, single.reason, evidence=evidence)
            good = Status(Revocation.GOOD, single.revoked_at, single.reason, evidence=evidence)
        elif _answer_fresh(single, answer, certificate, at):
            good = good or Status(Revocation.GOOD, evidence=evidence)
        else:
            detail = f"the OCSP answer of {single.this_update.isoformat()} does not speak for {at.isoformat()}"
    return good or Status(Revocation.UNKNOWN, detail=detail)


def _answer_fresh(single: SingleAnswer, answer: OcspAnswer, certificate: Certificate, at: datetime) -> bool:
    if answer.produced_at < certificate.not_before or single.this_update > answer.produced_at + CLOCK_TOLERANCE:
        return False
    if single.this_update >= at:
        return single.this_update <= certificate.not_after
    end = single.next_update or single.this_update + OCSP_FRESH_WITHOUT_END
    return end >= at


def _responder_may(
    answer: OcspAnswer,
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    papers: Papers,
    depth: int,
) -> bool:
    """
    Whether the answer comes from the issuer itself or from a responder the issuer's own key authorised.

    Source: RFC 6960, 4.2.2.2: the delegate's certificate is issued directly by the authority that issued the
    certificate in question, and bears the OCSP signing purpose.
    """
    if answer.could_be_from(issuer) and answer.signed_by(issuer):
        return True
    for delegate in parse_all(answer.certificates):
        if delegate.spki == certificate.spki:
            # Nobody vouches for his own key, whatever his certificate allows.
            continue
        if (
            not answer.could_be_from(delegate)
            or OCSP_SIGNING not in (delegate.extended_key_usage or ())
            or not delegate.not_before <= answer.produced_at <= delegate.not_after
            or comparable_name(delegate.issuer) != comparable_name(issuer.subject)
        ):
            continue
        if faults_of((delegate, issuer), answer.produced_at, papers.policy) or not answer.signed_by(delegate):
            continue
        if NO_CHECK in delegate.extensions:
            return True
        # Without the no-check mark, the delegate must be known good by a list: an answer of its own proves nothing.
        lists_only = Papers(papers.crls, (), papers.pool, papers.policy)
        state = status_of(delegate, issuer, anchor, answer.produced_at, lists_only, depth=depth - 1).state
        if state is Revocation.GOOD:
            return True
    return False


# --- CRL ------------------------------------------------------------------------------------------------------------

_NO_LIST = "no revocation list of its issuer is at hand"


def _from_lists(
    certificate: Certificate, issuer: Certificate, anchor: Certificate, at: datetime, papers: Papers, depth: int
) -> Status:
    """Ask every full list in scope, each with its newest delta, until all reasons are covered (RFC 5280, 6.3.3)."""
    detail = _NO_LIST
    covered: frozenset[int] = frozenset()
    evidence: list[tuple[str, bytes]] = []
    later: Entry | None = None
    held: tuple[datetime, Status] | None = None
    newest: datetime | None = None
    for crl in papers.crls:
        if crl.base is not None:
            continue
        reasons = _reasons_in_scope(crl, certificate)
        if not reasons:
            continue
        signers = tuple(_signers(crl, issuer, anchor, papers, at, depth))
        if not signers:
            detail = "a revocation list that nobody entitled to has signed"
            continue
        if not crl.readable:
            detail = "a revocation list that cannot be used"
            continue
        delta = _delta_for(crl, at, papers, signers)
        entry = crl.find(certificate.serial_octets, certificate.issuer)
        used: tuple[tuple[str, bytes], ...] = (("crl", crl.der),)
        if delta is not None:
            changed = delta.find(certificate.serial_octets, certificate.issuer)
            used = (*used, ("crl", delta.der))
            if changed is not None:
                entry = None if changed.reason == "removeFromCRL" else changed
        if entry is not None and entry.reason != "removeFromCRL":
            revoked = Status(Revocation.REVOKED, entry.revoked_at, entry.reason, evidence=used)
            if entry.revoked_at > at:
                later = entry
            elif entry.reason == "certificateHold":
                if held is None or crl.this_update > held[0]:
                    held = (crl.this_update, revoked)
                continue
            else:
                return revoked
        elif not _speaks_for(crl, delta, certificate, at):
            detail = f"the revocation list of {crl.this_update.isoformat()} does not speak for {at.isoformat()}"
            continue
        covered |= reasons
        evidence.extend(used)
        newest = crl.this_update if newest is None else max(newest, crl.this_update)
    if held is not None and (newest is None or newest <= held[0]):
        return held[1]
    if covered >= ALL_REASONS:
        return Status(
            Revocation.GOOD,
            None if later is None else later.revoked_at,
            "" if later is None else later.reason,
            evidence=tuple(dict.fromkeys(evidence)),
        )
    if covered:
        detail = "the lists at hand do not cover every reason for revocation"
    return Status(Revocation.UNKNOWN, detail=detail)


def _reasons_in_scope(crl: RevocationList, certificate: Certificate) -> frozenset[int]:
    """Return the reasons for which `crl` speaks of `certificate`; empty if it does not (RFC 5280, 6.3.3 b and d)."""
    scope = crl.scope
    if (
        scope.attributes_only
        or (scope.users_only and certificate.ca)
        or (scope.authorities_only and not certificate.ca)
    ):
        return frozenset()
    list_issuer = (4, comparable_name(crl.issuer))
    same_issuer = comparable_name(crl.issuer) == comparable_name(certificate.issuer)
    found: frozenset[int] = frozenset()
    for place in places_of(certificate):
        if place.issuers is not None:
            if list_issuer not in place.issuers or not scope.indirect:
                continue
        elif not same_issuer:
            continue
        if scope.names is not None and not _place_matches(place, scope.names):
            continue
        found |= scope.reasons & place.reasons
    return found


def _place_matches(place: Place, names: frozenset[tuple[int, str | bytes]]) -> bool:
    offered = place.names if place.names is not None else place.issuers
    return offered is not None and bool(offered & names)


def _signers(
    crl: RevocationList, issuer: Certificate, anchor: Certificate, papers: Papers, at: datetime, depth: int
) -> Iterator[Certificate]:
    """Yield certificates entitled to sign `crl` whose key did: the issuer's own, else one under the same anchor."""
    own = comparable_name(crl.issuer) == comparable_name(issuer.subject) and _may_sign_lists(issuer)
    if own and crl_signed_by(crl, issuer.spki):
        yield issuer
        return
    for candidate, _ in papers.pool.named(crl.issuer):
        if candidate == issuer or not _may_sign_lists(candidate) or not crl_signed_by(crl, candidate.spki):
            continue
        if candidate == anchor:
            yield candidate
            continue
        moment = max(at, crl.this_update) if candidate.not_after >= max(at, crl.this_update) else crl.this_update
        for path in find_paths(candidate, papers.pool, moment):
            if path[-1] != anchor or faults_of(path, moment, papers.policy):
                continue
            # The list's signer must itself not be revoked; its own list does not count as its witness, except where
            # the authority that certified it says so in the certificate.
            above = path[1:] if _vouches_for_itself(crl, candidate) else path
            lists = tuple(one for one in papers.crls if one is not crl)
            others = Papers(lists, papers.ocsps, papers.pool, papers.policy)
            states = {
                status_of(one, issuer_of_one, anchor, at, others, depth=depth - 1).state
                for one, issuer_of_one in pairwise(with_keys(above))
            }
            if states <= {Revocation.GOOD}:
                yield candidate
                return


def _vouches_for_itself(crl: RevocationList, signer: Certificate) -> bool:
    """
    Whether the certificate of the list's signer names this list's issuer for its own revocation, and is not listed.

    It was the authority above that wrote so (RFC 5280, 4.2.1.13: cRLIssuer), so no certificate vouches for itself here.
    """
    named = any((4, comparable_name(crl.issuer)) in (place.issuers or ()) for place in places_of(signer))
    return named and bool(_reasons_in_scope(crl, signer)) and crl.find(signer.serial_octets, signer.issuer) is None


def _may_sign_lists(certificate: Certificate) -> bool:
    return certificate.key_usage is None or CRL_SIGN in certificate.key_usage


def _delta_for(
    crl: RevocationList, at: datetime, papers: Papers, signers: Sequence[Certificate]
) -> RevocationList | None:
    """Return the newest delta list that may be combined with `crl` (RFC 5280, 5.2.4 and 6.3.3 c), else None."""
    best: RevocationList | None = None
    for delta in papers.crls:
        if (
            delta.base is None
            or crl.number is None
            or delta.number is None
            or not delta.base <= crl.number < delta.number
            or delta.scope_der != crl.scope_der
            or comparable_name(delta.issuer) != comparable_name(crl.issuer)
            or delta.authority_key != crl.authority_key
            or not any(crl_signed_by(delta, one.spki) for one in signers)
            or not delta.readable
        ):
            continue
        if best is None or delta.this_update > best.this_update:
            best = delta
    return best


def _speaks_for(crl: RevocationList, delta: RevocationList | None, certificate: Certificate, at: datetime) -> bool:
    """Whether silence of the list (with its delta) about the certificate means that it was not revoked at `at`."""
    for one in (crl, delta):
        if one is None:
            continue
        if one.this_update >= at:
            kept = one.expired_kept_since
            # Authorities drop expired certificates from their lists (RFC 5280, 3.3): silence after the end is none.
            if one.this_update <= certificate.not_after or (kept is not None and kept <= certificate.not_after):
                return True
        elif one.next_update is not None and one.next_update >= at:
            return True
    return False


def crl_places(certificate: Certificate) -> tuple[str, ...]:
    """Return the addresses at which a certificate says its lists are published (for a person, not for a fetcher)."""
    extension = certificate.extensions.get("2.5.29.31")
    found: list[str] = []
    if extension is not None:
        try:
            for place in places_of(certificate):
                for kind, value in place.names or ():
                    if kind == 6 and isinstance(value, bytes):
                        found.append(value.decode("ascii", "replace"))
        except asn1.Asn1Error:
            pass
    return tuple(dict.fromkeys(found))
