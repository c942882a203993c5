"""Digests and signature schemes: what we can compute, what agrees, and whether a signature value holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signatures import asn1

# An RSA verification costs the square of the modulus; no key in use is longer than 16384 bits (OpenSSL's own limit).
MAX_RSA_BITS = 16384
# OpenSSL's limit for the public exponent of large keys: longer ones only serve to burn time.
MAX_RSA_EXPONENT_BITS = 64

_DIGESTS = {
    "1.2.840.113549.2.2": "md2",
    "1.2.840.113549.2.4": "md4",
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "1.3.36.3.2.1": "ripemd160",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.5": "sha512_224",
    "2.16.840.1.101.3.4.2.6": "sha512_256",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
    "2.16.840.1.101.3.4.2.11": "shake128",
    "2.16.840.1.101.3.4.2.12": "shake256",
    "2.16.840.1.101.3.4.2.18": "shake256",
    "1.2.156.10197.1.401": "sm3",
}
_DIGEST_OIDS = {name: oid for oid, name in reversed(_DIGESTS.items())}

# What CMS means by a SHAKE digest (RFC 8702, 3.1): 256 bits of SHAKE128, 512 bits of SHAKE256.
_SHAKE_OCTETS = {"shake128": 32, "shake256": 64}

# Identifiers of signature schemes: kind and digest; None where the digest is named beside them.
_SCHEMES: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "2.5.8.1.1": ("rsa", None),
    "1.2.840.113549.1.1.2": ("rsa", "md2"),
    "1.2.840.113549.1.1.3": ("rsa", "md4"),
    "1.2.840.113549.1.1.4": ("rsa", "md5"),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.3.14.3.2.29": ("rsa", "sha1"),
    "1.3.36.3.3.1.2": ("rsa", "ripemd160"),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "1.2.840.113549.1.1.15": ("rsa", "sha512_224"),
    "1.2.840.113549.1.1.16": ("rsa", "sha512_256"),
    "2.16.840.1.101.3.4.3.13": ("rsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.14": ("rsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.15": ("rsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.16": ("rsa", "sha3_512"),
    "1.2.840.113549.1.1.10": ("rsa-pss", None),
    "1.2.840.10040.4.1": ("dsa", None),
    "1.2.840.10040.4.3": ("dsa", "sha1"),
    "1.3.14.3.2.27": ("dsa", "sha1"),
    "2.16.840.1.101.3.4.3.1": ("dsa", "sha224"),
    "2.16.840.1.101.3.4.3.2": ("dsa", "sha256"),
    "2.16.840.1.101.3.4.3.3": ("dsa", "sha384"),
    "2.16.840.1.101.3.4.3.4": ("dsa", "sha512"),
    "2.16.840.1.101.3.4.3.5": ("dsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.6": ("dsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.7": ("dsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.8": ("dsa", "sha3_512"),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.2": ("ecdsa", None),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "2.16.840.1.101.3.4.3.9": ("ecdsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.10": ("ecdsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.11": ("ecdsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.12": ("ecdsa", "sha3_512"),
    # BSI TR-03111, 5.2.1: r and s as two numbers of equal length instead of a SEQUENCE.
    "0.4.0.127.0.7.1.1.4.1.1": ("ecdsa-plain", "sha1"),
    "0.4.0.127.0.7.1.1.4.1.2": ("ecdsa-plain", "sha224"),
    "0.4.0.127.0.7.1.1.4.1.3": ("ecdsa-plain", "sha256"),
    "0.4.0.127.0.7.1.1.4.1.4": ("ecdsa-plain", "sha384"),
    "0.4.0.127.0.7.1.1.4.1.5": ("ecdsa-plain", "sha512"),
    "0.4.0.127.0.7.1.1.4.1.8": ("ecdsa-plain", "sha3_224"),
    "0.4.0.127.0.7.1.1.4.1.9": ("ecdsa-plain", "sha3_256"),
    "0.4.0.127.0.7.1.1.4.1.10": ("ecdsa-plain", "sha3_384"),
    "0.4.0.127.0.7.1.1.4.1.11": ("ecdsa-plain", "sha3_512"),
    "1.3.101.112": ("ed25519", None),
    "1.3.101.113": ("ed448", None),
    "2.16.840.1.101.3.4.3.17": ("ml-dsa-44", None),
    "2.16.840.1.101.3.4.3.18": ("ml-dsa-65", None),
    "2.16.840.1.101.3.4.3.19": ("ml-dsa-87", None),
}

# RFC 8419, 3.1: the one message digest that each Edwards curve may go with in CMS.
EDWARDS_DIGESTS = {"ed25519": "sha512", "ed448": "shake256"}
# Schemes that sign the message itself, not a digest of it.
_WHOLE_MESSAGE = frozenset({"ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"})

_KEYS = {
    "rsa": ("1.2.840.113549.1.1.1", "2.5.8.1.1"),
    "rsa-pss": ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"),
    "dsa": ("1.2.840.10040.4.1", "1.3.14.3.2.12"),
    "ecdsa": ("1.2.840.10045.2.1",),
    "ecdsa-plain": ("1.2.840.10045.2.1",),
    "ed25519": ("1.3.101.112",),
    "ed448": ("1.3.101.113",),
    "ml-dsa-44": ("2.16.840.1.101.3.4.3.17",),
    "ml-dsa-65": ("2.16.840.1.101.3.4.3.18",),
    "ml-dsa-87": ("2.16.840.1.101.3.4.3.19",),
}

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha512_224": hashes.SHA512_224,
    "sha512_256": hashes.SHA512_256,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
}


class Unsupported(ValueError):
    """An algorithm we cannot compute: the signature is neither good nor bad, it is not judged."""


class Disagreement(ValueError):
    """Two identifiers that belong together say different things: the signature is not what it claims to be."""


class Outcome(StrEnum):
    """Whether a signature value fits key and message."""

    HOLDS = "holds"
    BROKEN = "broken"


class Hasher(Protocol):
    """A digest being computed, as in `hashlib`, with the length CMS gives to SHAKE."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """Return the digest of the bytes so far."""


class _Shake:
    """SHAKE with the output length that CMS fixes."""

    def __init__(self, name: str) -> None:
        self._inner = hashlib.shake_128() if name == "shake128" else hashlib.shake_256()
        self._octets = _SHAKE_OCTETS[name]

    def update(self, data: bytes | memoryview, /) -> None:
        self._inner.update(data)

    def digest(self) -> bytes:
        return self._inner.digest(self._octets)


def new_hash(name: str) -> Hasher:
    """Return a fresh digest computation for `name` ("sha256", "shake256" …); Unsupported if this machine has none."""
    if name in _SHAKE_OCTETS:
        return _Shake(name)
    try:
        return hashlib.new(name, usedforsecurity=False)
    except ValueError as cause:
        raise Unsupported(f"digest {name} cannot be computed here") from cause


def digest(name: str, data: bytes | memoryview) -> bytes:
    """Return the digest of `data`; Unsupported as for `new_hash`."""
    hasher = new_hash(name)
    hasher.update(data)
    return hasher.digest()


def digest_name(oid: str) -> str:
    """
    Return the name (as in `hashlib`) of the digest `oid`; Unsupported if we do not know it.

    Identifiers of signature schemes are accepted for their digest: LibreOffice on Windows writes them.
    """
    name = _DIGESTS.get(oid)
    if name is None:
        name = _SCHEMES.get(oid, ("", None))[1]
    if name is None:
        raise Unsupported(f"unknown digest algorithm {oid}")
    return name


def is_scheme(oid: str) -> bool:
    """Whether `oid` identifies a signature scheme we know."""
    return oid in _SCHEMES


@dataclass(frozen=True, slots=True)
class Scheme:
    """
    A signature scheme with all its choices made.

    `digest` is "" for schemes that sign the whole message. `salt_octets` is for RSA-PSS only.
    """

    kind: str
    digest: str
    salt_octets: int = 0

    @property
    def name(self) -> str:
        """How reports call it, e.g. rsa-sha256, rsa-pss-sha256, ecdsa-sha384, ed25519."""
        return f"{self.kind}-{self.digest}" if self.digest else self.kind

    @property
    def whole_message(self) -> bool:
        """Whether the message itself is signed, so that a digest of it does not suffice."""
        return self.kind in _WHOLE_MESSAGE


def algorithm(element: asn1.Element) -> tuple[str, asn1.Element | None]:
    """Return identifier and parameters (None if absent) of an AlgorithmIdentifier."""
    parts = element.expect(asn1.SEQUENCE).parts(1, 2)
    return parts[0].oid(), parts[1] if len(parts) == 2 else None


def scheme_of(element: asn1.Element, digest_beside: str | None = None) -> Scheme:
    """
    Return the scheme that an AlgorithmIdentifier names, its digest taken from `digest_beside` where it names none.

    Disagreement where both name a digest and differ, where an RSA-PSS mask uses another digest than the message,
    and where an Edwards curve goes with a digest that RFC 8419 does not give it. Unsupported for what we do not know.
    """
    oid, parameters = algorithm(element)
    if oid not in _SCHEMES:
        raise Unsupported(f"unknown signature algorithm {oid}")
    kind, named = _SCHEMES[oid]
    salt_octets = 0
    if kind == "rsa-pss":
        named, salt_octets = _pss(parameters)
    if kind in _WHOLE_MESSAGE:
        needed = EDWARDS_DIGESTS.get(kind)
        if digest_beside is not None and needed is not None and digest_beside != needed:
            raise Disagreement(f"{kind} goes with {needed}, not with {digest_beside}")
        return Scheme(kind, "")
    if named is not None and digest_beside is not None and named != digest_beside:
        raise Disagreement(f"the signature algorithm says {named}, the digest algorithm {digest_beside}")
    chosen = named or digest_beside
    if chosen is None:
        raise Unsupported(f"signature algorithm {oid} names no digest")
    return Scheme(kind, chosen, salt_octets)


def _pss(parameters: asn1.Element | None) -> tuple[str, int]:
    """
    Return digest and salt length of RSASSA-PSS parameters.

    The defaults are SHA-1, MGF1 with SHA-1, 20 octets and trailer 1 (RFC 4055, 3.1).
    """
    if parameters is None:
        raise Disagreement("RSA-PSS without its parameters")
    message, mask, salt, trailer = "sha1", "sha1", 20, 1
    for part in parameters.expect(asn1.SEQUENCE).children():
        inner = part.parts(1, 1)
        if part.tag == 0xA0:
            message = digest_name(algorithm(inner[0])[0])
        elif part.tag == 0xA1:
            generator, used = algorithm(inner[0])
            if generator != "1.2.840.113549.1.1.8" or used is None:
                raise Unsupported(f"unknown mask generation {generator}")
            mask = digest_name(algorithm(used)[0])
        elif part.tag == 0xA2:
            salt = inner[0].integer()
        elif part.tag == 0xA3:
            trailer = inner[0].integer()
        else:
            raise asn1.Asn1Error("RSA-PSS parameters of the wrong shape")
    if mask != message:
        raise Disagreement(f"the RSA-PSS mask uses {mask}, the message {message}")
    if trailer != 1 or not 0 <= salt <= MAX_RSA_BITS // 8:
        raise Disagreement("impossible RSA-PSS parameters")
    return message, salt


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a public key is: its kind ("rsa", "ec", "dsa", "ed25519" …) and its length in bits."""

    kind: str
    bits: int


@dataclass(frozen=True, slots=True)
class _RsaKey:
    modulus: int
    exponent: int


@lru_cache(maxsize=512)
def _key_parts(spki: bytes) -> tuple[str, asn1.Element | None, bytes]:
    parts = asn1.read(spki).expect(asn1.SEQUENCE).parts(2, 2)
    oid, parameters = algorithm(parts[0])
    return oid, parameters, parts[1].bits()


@lru_cache(maxsize=512)
def _rsa_key(key: bytes) -> _RsaKey:
    """Read an RSAPublicKey; a modulus that reads as negative lacks its leading zero (Estonian cards) and is mended."""
    parts = asn1.read(key).expect(asn1.SEQUENCE).parts(2, 2)
    if any(part.tag != asn1.INTEGER or not part.size for part in parts):
        raise asn1.Asn1Error("an RSA key of the wrong shape")
    return _RsaKey(*(int.from_bytes(part.content, "big") for part in parts))


@lru_cache(maxsize=512)
def key_facts(spki: bytes) -> KeyFacts:
    """Return kind and length of the SubjectPublicKeyInfo `spki`; Unsupported for keys we cannot read."""
    try:
        oid, parameters, key = _key_parts(spki)
        if oid in _KEYS["rsa-pss"] or oid in _KEYS["rsa"]:
            return KeyFacts("rsa", _rsa_key(key).modulus.bit_length())
        if oid in _KEYS["dsa"]:
            bits = 0
            if parameters is not None and parameters.tag == asn1.SEQUENCE:
                bits = parameters.first().integer().bit_length()
            return KeyFacts("dsa", bits)
        if oid in _KEYS["ecdsa"]:
            curve = _ec_key(spki).curve
            return KeyFacts("ec", curve.key_size)
    except asn1.Asn1Error as cause:
        raise Unsupported("a public key that cannot be read") from cause
    for kind, oids in _KEYS.items():
        if oid in oids:
            return KeyFacts(kind, {"ed25519": 256, "ed448": 448}.get(kind, 8 * len(key)))
    raise Unsupported(f"unknown kind of public key {oid}")


@lru_cache(maxsize=512)
def _loaded_rsa(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


@lru_cache(maxsize=512)
def _ec_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise Unsupported("an elliptic-curve key on an unknown curve or off its curve") from cause
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Unsupported("not an elliptic-curve key")
    return key


def verify(
    spki: bytes, scheme: Scheme, signature: bytes, message: bytes | None, message_digest: bytes = b""
) -> Outcome:
    """
    Say whether `signature` fits the key `spki` and the message.

    The message comes whole, or as its `message_digest` (by `scheme.digest`) where `message` is None; schemes that
    sign the whole message are then Unsupported. Raises Disagreement where key and scheme are of different kinds.
    """
    oid, parameters, key = _read_key(spki)
    if oid not in _KEYS[scheme.kind]:
        raise Disagreement(f"a {scheme.kind} signature under a key of another kind ({oid})")
    if scheme.whole_message:
        if message is None:
            raise Unsupported(f"{scheme.kind} signs the whole message, and only its digest is at hand")
        return _verify_whole(scheme.kind, key, signature, message)
    if message is not None:
        message_digest = digest(scheme.digest, message)
    if scheme.kind == "rsa":
        return _verify_pkcs1(key, scheme.digest, signature, message_digest)
    if scheme.kind == "rsa-pss":
        return _verify_pss(key, oid, parameters, scheme, signature, message_digest)
    known = _HASHES.get(scheme.digest)
    if known is None:
        raise Unsupported(f"{scheme.name} cannot be computed here")
    prehashed = Prehashed(known())
    try:
        if scheme.kind == "dsa":
            _dsa_key(spki).verify(signature, message_digest, prehashed)
        else:
            if scheme.kind == "ecdsa-plain":
                signature = _from_plain(signature)
            _ec_key(spki).verify(signature, message_digest, ec.ECDSA(prehashed))
    except InvalidSignature:
        return Outcome.BROKEN
    except (ValueError, UnsupportedAlgorithm) as cause:
        if isinstance(cause, Unsupported):
            raise
        raise Unsupported(f"{scheme.name} cannot be computed for this key") from cause
    return Outcome.HOLDS


def _read_key(spki: bytes) -> tuple[str, asn1.Element | None, bytes]:
    try:
        return _key_parts(spki)
    except asn1.Asn1Error as cause:
        raise Unsupported("a public key that cannot be read") from cause


def _usable_rsa(key: bytes) -> rsa.RSAPublicKey | None:
    """Return the key, None if it is one under which anybody can sign; Unsupported for absurd lengths."""
    try:
        numbers = _rsa_key(key)
    except asn1.Asn1Error as cause:
        raise Unsupported("an RSA key that cannot be read") from cause
    if numbers.exponent < 3 or numbers.exponent % 2 == 0 or numbers.modulus % 2 == 0:
        return None
    if numbers.modulus.bit_length() > MAX_RSA_BITS or numbers.exponent.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise Unsupported("an RSA key of absurd length")
    try:
        return _loaded_rsa(numbers.modulus, numbers.exponent)
    except ValueError as cause:
        raise Unsupported("an RSA key this machine refuses") from cause


def _verify_pkcs1(key: bytes, digest_used: str, signature: bytes, message_digest: bytes) -> Outcome:
    """
    RSASSA-PKCS1-v1_5 by comparison of the whole recovered block with the two encodings in use.

    RFC 8017, 8.2.2 and its note on DigestInfo without the NULL parameter, which old Office versions wrote. Nothing
    is parsed out of the block, so there is no room for a forger's bytes in it.
    """
    public = _usable_rsa(key)
    if public is None:
        return Outcome.BROKEN
    oid = _DIGEST_OIDS.get(digest_used)
    if oid is None:
        raise Unsupported(f"no DigestInfo for {digest_used}")
    try:
        block = public.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return Outcome.BROKEN
    identifier = asn1.encode_oid(oid)
    hashed = asn1.tlv(asn1.OCTET_STRING, message_digest)
    with_null = asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, identifier + b"\x05\x00") + hashed)
    without = asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, identifier) + hashed)
    return Outcome.HOLDS if block in (with_null, without) else Outcome.BROKEN


def _verify_pss(
    key: bytes, oid: str, parameters: asn1.Element | None, scheme: Scheme, signature: bytes, message_digest: bytes
) -> Outcome:
    if oid == "1.2.840.113549.1.1.10" and parameters is not None:
        # RFC 4055, 3.3: a key bound to parameters may sign with those only, with a salt at least as long.
        bound, least_salt = _pss(parameters)
        if bound != scheme.digest or scheme.salt_octets < least_salt:
            raise Disagreement(f"the key is for {bound} with a salt of {least_salt} octets")
    known = _HASHES.get(scheme.digest)
    if known is None:
        raise Unsupported(f"{scheme.name} cannot be computed here")
    public = _usable_rsa(key)
    if public is None:
        return Outcome.BROKEN
    scheme_padding = padding.PSS(padding.MGF1(known()), scheme.salt_octets)
    try:
        public.verify(signature, message_digest, scheme_padding, Prehashed(known()))
    except InvalidSignature:
        return Outcome.BROKEN
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise Unsupported(f"{scheme.name} cannot be computed for this key") from cause
    return Outcome.HOLDS


@lru_cache(maxsize=64)
def _dsa_key(spki: bytes) -> dsa.DSAPublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise Unsupported("a DSA key that cannot be used") from cause
    if not isinstance(key, dsa.DSAPublicKey):
        raise Unsupported("not a DSA key")
    return key


def with_dsa_parameters(spki: bytes, issuer_spki: bytes) -> bytes:
    """
    Return `spki` with the DSA parameters of its issuer's key where its own are left out; else `spki` unchanged.

    Source: RFC 3279, 2.3.2: a DSA key without parameters inherits them from the issuer.
    """
    try:
        oid, parameters, key = _key_parts(spki)
        if oid not in _KEYS["dsa"] or (parameters is not None and parameters.tag == asn1.SEQUENCE):
            return spki
        issuer_oid, inherited, _ = _key_parts(issuer_spki)
    except asn1.Asn1Error:
        return spki
    if issuer_oid not in _KEYS["dsa"] or inherited is None:
        return spki
    head = asn1.tlv(asn1.SEQUENCE, asn1.encode_oid(oid) + inherited.raw)
    return asn1.tlv(asn1.SEQUENCE, head + asn1.tlv(asn1.BIT_STRING, b"\x00" + key))


def _from_plain(signature: bytes) -> bytes:
    half = len(signature) // 2
    if not half or len(signature) % 2:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _verify_whole(kind: str, key: bytes, signature: bytes, message: bytes) -> Outcome:
    try:
        if kind == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        elif kind == "ed448":
            ed448.Ed448PublicKey.from_public_bytes(key).verify(signature, message)
        elif kind == "ml-dsa-44":
            mldsa.MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
        elif kind == "ml-dsa-65":
            mldsa.MLDSA65PublicKey.from_public_bytes(key).verify(signature, message)
        else:
            mldsa.MLDSA87PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return Outcome.BROKEN
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise Unsupported(f"{kind} cannot be computed for this key") from cause
    return Outcome.HOLDS
