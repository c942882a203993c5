"""The digests and signature schemes that XML signatures name by URI, in the terms of `signatures.algorithms`."""

from __future__ import annotations

from signatures import asn1
from signatures.algorithms import Scheme, Unsupported
from signatures.signature_value import from_plain, holds

_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_DSIG11 = "http://www.w3.org/2009/xmldsig11#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE07 = "http://www.w3.org/2007/05/xmldsig-more#"
_MORE21 = "http://www.w3.org/2021/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"

# XML Signature 1.1, 6.2; RFC 9231, 2.1. MD5 is left out: collisions are made in seconds.
DIGESTS = {
    _DSIG + "sha1": "sha1",
    _MORE + "sha224": "sha224",
    _ENC + "sha256": "sha256",
    _MORE + "sha384": "sha384",
    _ENC + "sha512": "sha512",
    _ENC + "ripemd160": "ripemd160",
    _MORE07 + "sha3-224": "sha3_224",
    _MORE07 + "sha3-256": "sha3_256",
    _MORE07 + "sha3-384": "sha3_384",
    _MORE07 + "sha3-512": "sha3_512",
}

RSA_PSS_WITH_PARAMETERS = _MORE07 + "rsa-pss"
MGF1 = _MORE07 + "MGF1"


def _schemes() -> dict[str, Scheme]:
    found = {
        _DSIG + "rsa-sha1": Scheme("rsa", "sha1"),
        _DSIG + "dsa-sha1": Scheme("dsa", "sha1"),
        _DSIG11 + "dsa-sha256": Scheme("dsa", "sha256"),
        _MORE + "rsa-ripemd160": Scheme("rsa", "ripemd160"),
        _MORE + "ecdsa-sha1": Scheme("ecdsa-plain", "sha1"),
        _MORE07 + "sha1-rsa-MGF1": Scheme("rsa-pss", "sha1", 20),
        _MORE21 + "eddsa-ed25519": Scheme("ed25519", ""),
        _MORE21 + "eddsa-ed448": Scheme("ed448", ""),
    }
    for name, octets in (("sha224", 28), ("sha256", 32), ("sha384", 48), ("sha512", 64)):
        found[_MORE + "rsa-" + name] = Scheme("rsa", name)
        found[_MORE + "ecdsa-" + name] = Scheme("ecdsa-plain", name)
        found[_MORE07 + name + "-rsa-MGF1"] = Scheme("rsa-pss", name, octets)
    for name, octets in (("sha3-224", 28), ("sha3-256", 32), ("sha3-384", 48), ("sha3-512", 64)):
        plain = name.replace("-", "_")
        found[_MORE07 + name + "-rsa-MGF1"] = Scheme("rsa-pss", plain, octets)
        found[_MORE21 + "ecdsa-" + name] = Scheme("ecdsa-plain", plain)
    return found


# XML Signature 1.1, 6.4; RFC 9231, 2.3. No HMAC: a shared secret proves nothing about who signed, and a verifier that
# takes one can be handed a public key as the "secret".
SIGNATURE_SCHEMES = _schemes()


def value_holds(certificate: bytes, scheme: Scheme, value: bytes, message: bytes) -> bool:
    """
    Say whether `value` is the signature of `message` under the key in the DER `certificate`.

    Raises Unsupported where the key or scheme cannot be computed, Disagreement where they are of different kinds.
    XML writes (r, s) of DSA and ECDSA side by side (XML Signature 1.1, 6.4.1 and 6.4.3).
    """
    key = public_key_info(certificate)
    if scheme.kind == "dsa":
        sequence = from_plain(value)
        if sequence is None:
            return False
        value = sequence
    return holds(key, scheme, value, message)


def public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of the DER `certificate`; Unsupported for bytes that are no certificate."""
    try:
        fields = asn1.only(certificate).expect(asn1.SEQUENCE).parts()[0].expect(asn1.SEQUENCE).parts()
        # TBSCertificate (RFC 5280, 4.1): an explicit version [0] comes first, except in version 1.
        return fields[6 if fields[0].tag == 0xA0 else 5].expect(asn1.SEQUENCE).raw
    except (asn1.Asn1Error, IndexError) as cause:
        raise Unsupported("a certificate that cannot be read") from cause
