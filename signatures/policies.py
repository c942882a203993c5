"""Certificate policies along a path: which of them every authority on the way agrees to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from signatures import asn1
from signatures.certificates import Certificate

ANY_POLICY = "2.5.29.32.0"
# A path of twelve certificates with this many policies each is still computed at once; real ones have three.
MAX_POLICIES = 128


@dataclass(slots=True)
class _Node:
    """One policy at one depth: what it is expected to be called further down, and the policies above it."""

    expected: set[str]
    parents: set[str] = field(default_factory=set)


class PolicyGraph:
    """
    The valid policies of a path as it is walked down.

    RFC 9618 instead of the tree of RFC 5280, 6.1: the same answers, and no exponential growth under hostile mappings.
    """

    def __init__(self) -> None:
        self._levels: list[dict[str, _Node]] = [{ANY_POLICY: _Node({ANY_POLICY})}]

    @property
    def empty(self) -> bool:
        """Whether no policy is left (the valid_policy_graph is NULL)."""
        return not self._levels

    def clear(self) -> None:
        """Forget every policy: a certificate on the path states none."""
        self._levels = []

    def descend(self, policies: Iterable[str], *, any_allowed: bool) -> None:
        """Go one certificate down, which states `policies` (RFC 9618, 5.3, step d)."""
        if self.empty:
            return
        above = self._levels[-1]
        level: dict[str, _Node] = {}
        stated = list(dict.fromkeys(policies))
        for policy in stated:
            if policy == ANY_POLICY:
                continue
            parents = {name for name, node in above.items() if policy in node.expected}
            if not parents and ANY_POLICY in above:
                parents = {ANY_POLICY}
            if parents:
                level[policy] = _Node({policy}, parents)
        if ANY_POLICY in stated and any_allowed:
            wanted = {policy for node in above.values() for policy in node.expected}
            for policy in wanted - level.keys():
                level[policy] = _Node({policy}, {name for name, node in above.items() if policy in node.expected})
        self._levels.append(level)
        self._prune()

    def map(self, mappings: dict[str, set[str]], *, allowed: bool) -> None:
        """Rename policies for what lies below, or drop the renamed where mapping is inhibited (step b of 6.1.4)."""
        if self.empty:
            return
        level = self._levels[-1]
        for policy, renamed in mappings.items():
            if not allowed:
                level.pop(policy, None)
            elif policy in level:
                level[policy].expected = set(renamed)
            elif ANY_POLICY in level:
                level[policy] = _Node(set(renamed), {ANY_POLICY})
        self._prune()

    def acceptable(self, initial: frozenset[str]) -> bool:
        """Whether a policy of the relying party's `initial` set holds along the whole path (step g of 6.1.5)."""
        if self.empty:
            return False
        if ANY_POLICY in initial or ANY_POLICY in self._levels[-1]:
            return True
        domain = {
            name
            for level in self._levels[1:]
            for name, node in level.items()
            if name != ANY_POLICY and ANY_POLICY in node.parents
        }
        return bool(domain & initial)

    def _prune(self) -> None:
        """Delete what has nothing below it, from the bottom up."""
        for index in range(len(self._levels) - 1, 0, -1):
            used = set().union(*(node.parents for node in self._levels[index].values()))
            above = self._levels[index - 1]
            for name in above.keys() - used:
                del above[name]
        if not self._levels[0] or not self._levels[-1]:
            self.clear()


def stated_policies(certificate: Certificate) -> tuple[str, ...] | None:
    """Return the policies a certificate states, None if it has no such extension; Asn1Error if it cannot be read."""
    extension = certificate.extensions.get("2.5.29.32")
    if extension is None:
        return None
    found = [part.first().oid() for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children()]
    if len(found) > MAX_POLICIES or len(set(found)) != len(found):
        raise asn1.Asn1Error("policies stated twice or absurdly many")
    return tuple(found)


def policy_mappings(certificate: Certificate) -> dict[str, set[str]]:
    """Return the mappings from the issuer's to the subject's policies; Asn1Error where anyPolicy is mapped."""
    extension = certificate.extensions.get("2.5.29.33")
    found: dict[str, set[str]] = {}
    if extension is None:
        return found
    for count, pair in enumerate(asn1.only(extension.value).expect(asn1.SEQUENCE).children()):
        issuer, subject = (part.oid() for part in pair.parts(2, 2))
        if ANY_POLICY in (issuer, subject) or count >= MAX_POLICIES:
            raise asn1.Asn1Error("anyPolicy mapped, or absurdly many mappings")
        found.setdefault(issuer, set()).add(subject)
    return found


def policy_constraints(certificate: Certificate) -> tuple[int | None, int | None]:
    """Return requireExplicitPolicy and inhibitPolicyMapping of a certificate, None where silent."""
    extension = certificate.extensions.get("2.5.29.36")
    require, inhibit = None, None
    if extension is not None:
        for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
            number = int.from_bytes(part.content, "big", signed=True)
            if part.tag == 0x80:
                require = number
            elif part.tag == 0x81:
                inhibit = number
    return require, inhibit


def inhibit_any_policy(certificate: Certificate) -> int | None:
    """Return after how many certificates anyPolicy no longer counts, None where the certificate is silent."""
    extension = certificate.extensions.get("2.5.29.54")
    return None if extension is None else asn1.only(extension.value).integer()
