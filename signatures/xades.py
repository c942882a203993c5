"""What an XML signature says of itself under XAdES: its certificate, its claimed time, its time stamps, its papers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

from signatures.algorithms import Unsupported, digest
from signatures.evidence import Material
from signatures.safe_xml import C14N_10, children, local_name, text_of
from signatures.xml_algorithms import DIGESTS
from signatures.xmldsig import (
    MAX_CERTIFICATES,
    Problem,
    XmlReference,
    XmlSignature,
    failed,
    loose_base64,
    undecided,
)

_XADES = "http://uri.etsi.org/01903/"
_SIGNED_PROPERTIES_TYPES = frozenset(
    {
        "http://uri.etsi.org/01903#SignedProperties",
        "http://uri.etsi.org/01903/v1.1.1#SignedProperties",
        "http://uri.etsi.org/01903/v1.2.2#SignedProperties",
        "http://uri.etsi.org/01903/v1.3.2#SignedProperties",
    }
)

# Signers renew a signature's time stamp now and then; each costs a chain.
MAX_TIMESTAMPS = 16


@dataclass(frozen=True, slots=True)
class CertificateDigest:
    """A certificate as the signer bound it: the digest of its DER; `algorithm` as in `hashlib`."""

    algorithm: str
    value: bytes

    def matches(self, certificate: bytes) -> bool:
        """Whether `certificate` (DER) is the bound one; False also for a digest that cannot be computed here."""
        try:
            return hmac.compare_digest(digest(self.algorithm, certificate), self.value)
        except Unsupported:
            return False


@dataclass(frozen=True, slots=True)
class TimeToken:
    """An encapsulated RFC 3161 token (DER) and the canonicalisation of what it is over."""

    der: bytes
    canonicalisation: str


@dataclass(frozen=True, slots=True)
class Qualities:
    """
    What the qualifying properties of one signature say.

    `signed` is the SignedProperties element; what is read from it counts only if a reference of SignedInfo is over it,
    which `problems_of_reference` judges. `tokens` are signature time stamps. `material` are unsigned papers.
    """

    signed: etree._Element | None = None
    bound_certificates: tuple[CertificateDigest, ...] | None = None
    claimed_at: datetime | None = None
    tokens: tuple[TimeToken, ...] = ()
    material: Material = field(default_factory=Material)
    has_revocation_values: bool = False
    countersignatures: tuple[etree._Element, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_qualities(signature: XmlSignature) -> Qualities:
    """
    Read the XAdES properties inside `signature`'s own Objects; one without any gives an empty record.

    Never raises: what is malformed becomes a problem. Source: ETSI EN 319 132-1, 5; older namespaces alike.
    """
    found = [
        child
        for one in signature.objects
        for child in children(one)
        if local_name(child) == "QualifyingProperties" and _is_xades(child)
    ]
    if not found:
        return Qualities()
    problems: list[Problem] = []
    if len(found) > 1:
        problems.append(undecided("XADES_PROPERTIES_DOUBTFUL", "more than one QualifyingProperties"))
    root = found[0]
    target = root.get("Target")
    if target is not None and target != "#" + signature.id:
        problems.append(undecided("XADES_PROPERTIES_DOUBTFUL", f"the properties belong to {target[:60]!r}"))
    signed_ones = [child for child in children(root) if local_name(child) == "SignedProperties"]
    if len(signed_ones) > 1:
        problems.append(undecided("XADES_PROPERTIES_DOUBTFUL", "more than one SignedProperties"))
    signed = signed_ones[0] if signed_ones else None
    tokens: list[TimeToken] = []
    certificates: list[bytes] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    countersignatures: list[etree._Element] = []
    for block in children(root):
        if local_name(block) != "UnsignedProperties":
            continue
        for group in children(block):
            for one in children(group):
                kind = local_name(one)
                if kind == "SignatureTimeStamp":
                    tokens += _tokens(one)
                elif kind == "CounterSignature":
                    countersignatures += children(one)
                elif kind in _PAPERS:
                    certificates += _values(one, "EncapsulatedX509Certificate")
                    crls += _values(one, "EncapsulatedCRLValue")
                    ocsps += _values(one, "EncapsulatedOCSPValue")
    if len(tokens) > MAX_TIMESTAMPS:
        problems.append(undecided("XML_TOO_COSTLY", f"{len(tokens)} time stamps, at most {MAX_TIMESTAMPS}"))
    return Qualities(
        signed=signed,
        bound_certificates=None if signed is None else _bound_certificates(signed, problems),
        claimed_at=None if signed is None else _claimed_at(signed),
        tokens=tuple(tokens[:MAX_TIMESTAMPS]),
        material=Material(tuple(certificates[:MAX_CERTIFICATES]), tuple(crls), tuple(ocsps)),
        has_revocation_values=bool(crls or ocsps),
        countersignatures=tuple(countersignatures),
        problems=tuple(problems),
    )


def is_over_signed_properties(reference: XmlReference) -> bool:
    """Whether `reference` says by its Type that it is over the signed properties."""
    return reference.type in _SIGNED_PROPERTIES_TYPES


def problems_of_reference(
    qualities: Qualities, references: tuple[tuple[XmlReference, etree._Element | None], ...]
) -> tuple[Problem, ...]:
    """
    Judge whether the signed properties are really signed; `references` pairs each reference with what it points to.

    Exactly one reference must have the Type and be over the very element that was read (ETSI EN 319 132-1, 4.4.2);
    otherwise someone may have put other properties where we read them.
    """
    typed = [place for reference, place in references if is_over_signed_properties(reference)]
    if qualities.signed is None:
        return (
            (failed("XADES_PROPERTIES_MISSING", "a reference to signed properties that are not there"),)
            if typed
            else ()
        )
    if any(place is not qualities.signed for place in typed):
        return (failed("XADES_PROPERTIES_MOVED", "the signed properties are not those that belong to the signature"),)
    if not typed:
        untyped = any(place is qualities.signed for _, place in references)
        detail = "the reference to them lacks its Type" if untyped else "no reference is over them"
        return (undecided("XADES_PROPERTIES_UNSIGNED", detail),)
    if len(typed) > 1:
        return (undecided("XADES_PROPERTIES_DOUBTFUL", "they are referenced more than once"),)
    return ()


def moment_of(text: str) -> datetime | None:
    """
    Return the xsd:dateTime in `text` in UTC; None if it is no such thing.

    A time without a zone, which the schema allows, is taken as UTC; it is a claim and proves nothing anyhow.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


_PAPERS = frozenset(
    {
        "CertificateValues",
        "RevocationValues",
        "AttrAuthoritiesCertValues",
        "AttributeRevocationValues",
        "TimeStampValidationData",
        "AnyValidationData",
    }
)


def _is_xades(element: etree._Element) -> bool:
    return (etree.QName(element).namespace or "").startswith(_XADES)


def _bound_certificates(signed: etree._Element, problems: list[Problem]) -> tuple[CertificateDigest, ...] | None:
    blocks = [
        one
        for group in children(signed)
        if local_name(group) == "SignedSignatureProperties"
        for one in children(group)
        if local_name(one) in ("SigningCertificate", "SigningCertificateV2")
    ]
    if not blocks:
        return None
    found: list[CertificateDigest] = []
    for block in blocks:
        for certificate in children(block)[:MAX_CERTIFICATES]:
            for part in children(certificate):
                if local_name(part) != "CertDigest":
                    continue
                texts = {local_name(one): one for one in children(part)}
                method, value = texts.get("DigestMethod"), texts.get("DigestValue")
                octets = None if value is None else loose_base64(text_of(value))
                algorithm = "" if method is None else DIGESTS.get(method.get("Algorithm", ""), "")
                if octets is not None and algorithm:
                    found.append(CertificateDigest(algorithm, octets))
    if not found:
        problems.append(undecided("XADES_PROPERTIES_DOUBTFUL", "SigningCertificate names no digest we can compute"))
    return tuple(found)


def _claimed_at(signed: etree._Element) -> datetime | None:
    for group in children(signed):
        for one in children(group):
            if local_name(one) == "SigningTime":
                return moment_of(text_of(one))
    return None


def _tokens(stamp: etree._Element) -> list[TimeToken]:
    algorithm = C14N_10
    found = []
    for one in children(stamp):
        if local_name(one) == "CanonicalizationMethod":
            algorithm = one.get("Algorithm", "")
        elif local_name(one) == "EncapsulatedTimeStamp":
            octets = loose_base64(text_of(one))
            found.append(TimeToken(octets or b"", algorithm))
    return found


def _values(block: etree._Element, name: str) -> list[bytes]:
    found = [loose_base64(text_of(one)) for one in block.iter(etree.Element) if local_name(one) == name]
    return [octets for octets in found if octets is not None][:MAX_CERTIFICATES]
