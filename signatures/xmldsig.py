"""XML signatures read strictly: their parts, their methods, and what makes one of them a problem."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from signatures.algorithms import Scheme, Unsupported, digest
from signatures.report import Reason, Verdict
from signatures.safe_xml import ALL_C14N, canonical, children, text_of
from signatures.xml_algorithms import DIGESTS, MGF1, RSA_PSS_WITH_PARAMETERS, SIGNATURE_SCHEMES

DSIG = "http://www.w3.org/2000/09/xmldsig#"
MANIFEST = DSIG + "Manifest"

# The test set of the European validator has 900 references at most; a form needs three.
MAX_REFERENCES = 1000
# A path has a handful of certificates; some tools add whole trust lists.
MAX_CERTIFICATES = 64

_PREFIX_LIST = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a signature from passing: how bad, under which name of ETSI EN 319 102-1, and why."""

    verdict: Verdict
    sub_indication: str | None
    reason: Reason


def failed(code: str, detail: str, sub_indication: str = "FORMAT_FAILURE") -> Problem:
    """Return a problem with which the signature does not hold."""
    return Problem(Verdict.FAILED, sub_indication, Reason(code, detail))


def undecided(code: str, detail: str, sub_indication: str | None = "SIG_CONSTRAINTS_FAILURE") -> Problem:
    """Return a problem with which nobody but a person may say that the signature holds."""
    return Problem(Verdict.INDETERMINATE, sub_indication, Reason(code, detail))


def unjudgeable(code: str, detail: str) -> Problem:
    """Return a problem that says: signed in a way we cannot judge."""
    return Problem(Verdict.UNSUPPORTED, None, Reason(code, detail))


class SignatureRefused(ValueError):
    """The signature cannot be taken further; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.reason.code}: {problem.reason.detail}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Method:
    """A canonicalisation or transform: its identifier, its element, and the prefixes of exclusive canonicalisation."""

    algorithm: str
    element: etree._Element
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class XmlReference:
    """One ds:Reference: `uri` None where the attribute is absent; `digest_algorithm` as in `hashlib`."""

    element: etree._Element
    uri: str | None
    type: str
    transforms: tuple[Method, ...]
    digest_algorithm: str
    digest_value: bytes

    def problem_of(self, octets: bytes) -> Problem | None:
        """Return the problem if `octets` are not those that were signed, else None."""
        try:
            found = digest(self.digest_algorithm, octets)
        except Unsupported as cause:
            return unjudgeable("XML_ALGORITHM_UNKNOWN", str(cause))
        if hmac.compare_digest(found, self.digest_value):
            return None
        return failed("XML_DIGEST_WRONG", f"what {self.uri!r:.200} points to was changed after signing", "HASH_FAILURE")


@dataclass(frozen=True, slots=True)
class XmlSignature:
    """One ds:Signature in the shape of XML Signature 1.1; `certificates` are the DER ones of its KeyInfo."""

    element: etree._Element
    signed_info: etree._Element
    canonicalisation: Method
    scheme: Scheme
    references: tuple[XmlReference, ...]
    value: bytes
    value_element: etree._Element
    certificates: tuple[bytes, ...]
    objects: tuple[etree._Element, ...]

    @property
    def id(self) -> str:
        """The signature's own Id; "" if it has none."""
        return self.element.get("Id", "")

    def signed_octets(self) -> bytes:
        """Return the canonical SignedInfo, which is what the signature value is over. Raises XmlRefused."""
        return canonical(self.signed_info, self.canonicalisation.algorithm, self.canonicalisation.prefixes)


def dsig(name: str) -> str:
    """Return lxml's name for the element `name` of XML Signature."""
    return f"{{{DSIG}}}{name}"


def read_signature(element: etree._Element) -> XmlSignature:
    """
    Read the ds:Signature at `element`.

    Raises SignatureRefused for anything that the schema of XML Signature 1.1 does not allow, for algorithms we do not
    know, and for HMAC. Nothing is verified yet.
    """
    if element.tag != dsig("Signature"):
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "not a ds:Signature"))
    parts = children(element)
    names = [part.tag for part in parts]
    if names[:2] != [dsig("SignedInfo"), dsig("SignatureValue")]:
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "SignedInfo and SignatureValue must come first"))
    rest = names[2:]
    if rest[:1] == [dsig("KeyInfo")]:
        rest = rest[1:]
    if any(name != dsig("Object") for name in rest):
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "unexpected or repeated parts"))
    signed_info = parts[0]
    info = children(signed_info)
    tags = [part.tag for part in info]
    if tags[:2] != [dsig("CanonicalizationMethod"), dsig("SignatureMethod")] or not tags[2:]:
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "SignedInfo lacks a method or a reference"))
    if any(tag != dsig("Reference") for tag in tags[2:]):
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "SignedInfo holds foreign elements"))
    if len(tags) - 2 > MAX_REFERENCES:
        raise SignatureRefused(undecided("XML_TOO_COSTLY", f"{len(tags) - 2} references, at most {MAX_REFERENCES}"))
    canonicalisation = _method(info[0])
    if canonicalisation.algorithm not in ALL_C14N:
        raise SignatureRefused(
            failed("XML_TRANSFORM_REFUSED", f"canonicalisation of SignedInfo: {canonicalisation.algorithm[:100]}")
        )
    return XmlSignature(
        element=element,
        signed_info=signed_info,
        canonicalisation=canonicalisation,
        scheme=_scheme(info[1]),
        references=tuple(read_reference(one) for one in info[2:]),
        value=base64_of(parts[1], "SignatureValue"),
        value_element=parts[1],
        certificates=_certificates(parts[2]) if names[2:3] == [dsig("KeyInfo")] else (),
        objects=tuple(part for part in parts if part.tag == dsig("Object")),
    )


def read_reference(element: etree._Element) -> XmlReference:
    """Read a ds:Reference, of SignedInfo or of a Manifest. Raises SignatureRefused."""
    parts = children(element)
    transforms: tuple[Method, ...] = ()
    if parts and parts[0].tag == dsig("Transforms"):
        listed = children(parts[0])
        if not listed or any(one.tag != dsig("Transform") for one in listed):
            raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "Transforms of the wrong shape"))
        transforms = tuple(_method(one) for one in listed)
        parts = parts[1:]
    if [part.tag for part in parts] != [dsig("DigestMethod"), dsig("DigestValue")]:
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "a Reference of the wrong shape"))
    algorithm = parts[0].get("Algorithm", "")
    if algorithm not in DIGESTS:
        raise SignatureRefused(unjudgeable("XML_ALGORITHM_UNKNOWN", f"digest {algorithm[:100]!r}"))
    return XmlReference(
        element=element,
        uri=element.get("URI"),
        type=element.get("Type", ""),
        transforms=transforms,
        digest_algorithm=DIGESTS[algorithm],
        digest_value=base64_of(parts[1], "DigestValue"),
    )


def worst(problems: Iterable[Problem]) -> tuple[Verdict, str | None]:
    """Return the verdict that follows from `problems`, with the sub-indication of the first that bad one."""
    listed = list(problems)
    for verdict in (Verdict.FAILED, Verdict.UNSUPPORTED, Verdict.INDETERMINATE):
        for problem in listed:
            if problem.verdict is verdict:
                return verdict, problem.sub_indication
    return Verdict.PASSED, None


def _method(element: etree._Element) -> Method:
    prefixes: tuple[str, ...] = ()
    for child in children(element):
        if child.tag == _PREFIX_LIST:
            prefixes = tuple(child.get("PrefixList", "").split())
    return Method(element.get("Algorithm", ""), element, prefixes)


def _scheme(element: etree._Element) -> Scheme:
    algorithm = element.get("Algorithm", "")
    if algorithm == RSA_PSS_WITH_PARAMETERS:
        return _pss(element)
    scheme = SIGNATURE_SCHEMES.get(algorithm)
    if scheme is None:
        code = "XML_HMAC_REFUSED" if "hmac" in algorithm.lower() else "XML_ALGORITHM_UNKNOWN"
        raise SignatureRefused(unjudgeable(code, f"signature method {algorithm[:100]!r}"))
    return scheme


def _pss(element: etree._Element) -> Scheme:
    """Read RSAPSSParams (RFC 9231, 2.3.9): SHA-256 with a salt of its length unless said otherwise, one mask."""
    name, salt = "sha256", None
    for parameters in children(element):
        for part in children(parameters):
            local = etree.QName(part).localname
            if local == "DigestMethod":
                name = DIGESTS.get(part.get("Algorithm", ""), "")
            elif local == "SaltLength":
                text = text_of(part).strip()
                if not text.isascii() or not text.isdigit() or len(text) > 4:
                    raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "an impossible salt length"))
                salt = int(text)
            elif local == "MaskGenerationFunction":
                inner = [one.get("Algorithm", "") for one in children(part)]
                if part.get("Algorithm", "") != MGF1 or any(DIGESTS.get(one, "") != name for one in inner):
                    raise SignatureRefused(unjudgeable("XML_ALGORITHM_UNKNOWN", "a mask of another digest"))
            elif local == "TrailerField" and text_of(part).strip() != "1":
                raise SignatureRefused(unjudgeable("XML_ALGORITHM_UNKNOWN", "an unknown trailer"))
    try:
        return Scheme("rsa-pss", name, len(digest(name, b"")) if salt is None else salt)
    except Unsupported as cause:
        raise SignatureRefused(unjudgeable("XML_ALGORITHM_UNKNOWN", "the digest of RSA-PSS")) from cause


def _certificates(key_info: etree._Element) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    for element in key_info.iter(dsig("X509Certificate")):
        octets = loose_base64(text_of(element))
        if octets is not None:
            found[octets] = None
        if len(found) > MAX_CERTIFICATES:
            raise SignatureRefused(undecided("XML_TOO_COSTLY", f"more than {MAX_CERTIFICATES} certificates"))
    return tuple(found)


def loose_base64(text: str) -> bytes | None:
    """Return the octets of Base64 `text` with white space anywhere; None if it is something else or empty."""
    try:
        return base64.b64decode("".join(text.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def base64_of(element: etree._Element, what: str) -> bytes:
    """Return the octets of the Base64 text in `element`, which the refusal calls `what`. Raises SignatureRefused."""
    octets = None if children(element) else loose_base64(text_of(element))
    if octets is None:
        raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", f"{what} is not Base64"))
    return octets
