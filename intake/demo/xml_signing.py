"""Makes XML signatures as signing tools make them, for Office files, packages and tests; it proves nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

DSIG = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = DSIG + "enveloped-signature"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
# Gives the DER of a time-stamp token over the octets it gets.
Stamp = Callable[[bytes], bytes]

_DIGESTS = {
    "sha1": DSIG + "sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def c14n(xml: str) -> bytes:
    """Return the canonical form (Canonical XML 1.0) of the document `xml`."""
    return etree.tostring(etree.fromstring(xml.encode("utf-8")), method="c14n")


def digest_text(octets: bytes, digest: str) -> str:
    """Return the Base64 of the digest of `octets`."""
    return base64.b64encode(hashlib.new(digest, octets).digest()).decode("ascii")


def reference(uri: str, octets: bytes, digest: str, *, kind: str = "", transforms: str = "") -> str:
    """Return a ds:Reference to `uri` over `octets`; `transforms` is the inside of its Transforms element."""
    typed = f' Type="{kind}"' if kind else ""
    steps = f"<Transforms>{transforms}</Transforms>" if transforms else ""
    return (
        f'<Reference URI="{escape(uri)}"{typed}>{steps}<DigestMethod Algorithm="{_DIGESTS[digest]}"/>'
        f"<DigestValue>{digest_text(octets, digest)}</DigestValue></Reference>"
    )


def signed_info(references: Sequence[str], key: PrivateKey, digest: str, *, method: str = "") -> str:
    """Return the SignedInfo element; `method` replaces the signature method's identifier."""
    chosen = method or signature_method(key, digest)
    return (
        f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{C14N}"/>'
        f'<SignatureMethod Algorithm="{chosen}"/>{"".join(references)}</SignedInfo>'
    )


def signature_method(key: PrivateKey, digest: str, *, pss: bool = False) -> str:
    """Return the identifier of the usual signature method for a key of this kind."""
    if pss:
        return f"http://www.w3.org/2007/05/xmldsig-more#{digest}-rsa-MGF1"
    kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    space = DSIG if (kind, digest) == ("rsa", "sha1") else "http://www.w3.org/2001/04/xmldsig-more#"
    return f"{space}{kind}-{digest}"


def sign_octets(octets: bytes, key: PrivateKey, digest: str, *, pss: bool = False) -> bytes:
    """Return the signature value over `octets`, r and s side by side for elliptic keys."""
    chosen = _HASHES[digest]()
    if isinstance(key, rsa.RSAPrivateKey):
        if pss:
            return key.sign(octets, padding.PSS(padding.MGF1(chosen), chosen.digest_size), chosen)
        return key.sign(octets, padding.PKCS1v15(), chosen)
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(chosen)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signature_xml(
    info: str,
    key: PrivateKey,
    certificates: Sequence[bytes],
    digest: str,
    *,
    objects: str = "",
    signature_id: str = "",
    unsigned: Callable[[bytes], str] | None = None,
    pss: bool = False,
) -> str:
    """
    Return the whole ds:Signature around the SignedInfo `info`.

    `objects` are ds:Object elements as text. `unsigned` gets the octets that a signature time stamp is over and gives
    the text that replaces the mark `%UNSIGNED%` in `objects`.
    """
    value = base64.b64encode(sign_octets(c14n(info), key, digest, pss=pss)).decode("ascii")
    inside = ""
    if unsigned is not None:
        inside = unsigned(c14n(f'<SignatureValue xmlns="{DSIG}">{value}</SignatureValue>'))
    listed = "".join(
        f"<X509Certificate>{base64.b64encode(one).decode('ascii')}</X509Certificate>" for one in certificates
    )
    key_info = f"<KeyInfo><X509Data>{listed}</X509Data></KeyInfo>" if certificates else ""
    identity = f' Id="{signature_id}"' if signature_id else ""
    bare = info.replace(f'<SignedInfo xmlns="{DSIG}">', "<SignedInfo>")
    return (
        f'<Signature xmlns="{DSIG}"{identity}>{bare}<SignatureValue>{value}</SignatureValue>{key_info}'
        f"{objects.replace('%UNSIGNED%', inside)}</Signature>"
    )


def signed_properties(
    certificate: bytes, at: datetime, digest: str, *, properties_id: str, digest_of: bytes | None = None
) -> str:
    """Return the XAdES SignedProperties that bind `certificate` (or the one in `digest_of`) and claim the time `at`."""
    parsed = load_der_x509_certificate(certificate)
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<xd:SignedProperties Id="{properties_id}"><xd:SignedSignatureProperties>'
        f"<xd:SigningTime>{moment}</xd:SigningTime><xd:SigningCertificate><xd:Cert><xd:CertDigest>"
        f'<DigestMethod Algorithm="{_DIGESTS[digest]}"/>'
        f"<DigestValue>{digest_text(digest_of or certificate, digest)}</DigestValue></xd:CertDigest>"
        f"<xd:IssuerSerial><X509IssuerName>{escape(parsed.issuer.rfc4514_string())}</X509IssuerName>"
        f"<X509SerialNumber>{parsed.serial_number}</X509SerialNumber></xd:IssuerSerial></xd:Cert>"
        "</xd:SigningCertificate></xd:SignedSignatureProperties></xd:SignedProperties>"
    )


def with_namespaces(element: str) -> bytes:
    """Return the canonical form of an element that stands inside a Signature with both prefixes bound above it."""
    name_end = min(place for place in (element.find(" "), element.find(">")) if place > 0)
    spaces = f' xmlns="{DSIG}" xmlns:xd="{XADES}"'
    return c14n(element[:name_end] + spaces + element[name_end:])


def qualifying_object(properties: str, *, target: str) -> str:
    """Return the Object that holds the XAdES properties, with the mark for unsigned ones."""
    return (
        f'<Object><xd:QualifyingProperties xmlns:xd="{XADES}" Target="#{target}">{properties}%UNSIGNED%'
        "</xd:QualifyingProperties></Object>"
    )


def timestamp_property(token: bytes) -> str:
    """Return the unsigned property that carries a signature time stamp."""
    return (
        "<xd:UnsignedProperties><xd:UnsignedSignatureProperties><xd:SignatureTimeStamp>"
        f'<CanonicalizationMethod Algorithm="{C14N}"/>'
        f"<xd:EncapsulatedTimeStamp>{base64.b64encode(token).decode('ascii')}</xd:EncapsulatedTimeStamp>"
        "</xd:SignatureTimeStamp></xd:UnsignedSignatureProperties></xd:UnsignedProperties>"
    )


def sign_enveloped(
    xml: str,
    key: PrivateKey,
    certificates: Sequence[bytes],
    *,
    at: datetime,
    into: str = "",
    digest: str = "sha256",
    xades: bool = True,
    stamp: Stamp | None = None,
) -> str:
    """
    Return the document `xml` with an enveloped signature over all of it.

    `into` is a piece of text before which the signature is put (default: before the root's end tag).
    """
    octets = etree.tostring(etree.fromstring(xml.encode("utf-8")), method="c14n", with_comments=False)
    references = [
        reference("", octets, digest, transforms=f'<Transform Algorithm="{ENVELOPED}"/><Transform Algorithm="{C14N}"/>')
    ]
    objects = ""
    if xades:
        properties = signed_properties(certificates[0], at, digest, properties_id="SignedProperties-1")
        references.append(_reference_to_properties(properties, digest))
        objects = qualifying_object(properties, target="Signature-1")
    signature = signature_xml(
        signed_info(references, key, digest),
        key,
        certificates,
        digest,
        objects=objects,
        signature_id="Signature-1",
        unsigned=None if stamp is None else lambda octets: timestamp_property(stamp(octets)),
    )
    place = xml.rindex("</") if not into else xml.index(into)
    return xml[:place] + signature + xml[place:]


def _reference_to_properties(properties: str, digest: str) -> str:
    # The exclusive form does not see what the surrounding document binds, so the digest can be made before placing it.
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    element = etree.fromstring(
        f'<Object xmlns="{DSIG}"><xd:QualifyingProperties xmlns:xd="{XADES}">{properties}'
        "</xd:QualifyingProperties></Object>"
    )
    octets = etree.tostring(element[0][0], method="c14n", exclusive=True)
    return reference(
        "#SignedProperties-1",
        octets,
        digest,
        kind=SIGNED_PROPERTIES,
        transforms=f'<Transform Algorithm="{exclusive}"/>',
    )
