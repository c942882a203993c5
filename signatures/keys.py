"""Public keys as certificates carry them (SubjectPublicKeyInfo): of which kind and length they are, and their use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signatures import asn1
from signatures.algorithms import MAX_RSA_BITS, Unsupported, algorithm

# OpenSSL's limit for the public exponent of large keys: longer ones only serve to burn time.
MAX_RSA_EXPONENT_BITS = 64

RSA_PSS = "1.2.840.113549.1.1.10"

# Under which identifiers the keys go that each kind of signature scheme is made with.
_KEYS = {
    "rsa": ("1.2.840.113549.1.1.1", "2.5.8.1.1"),
    "rsa-pss": ("1.2.840.113549.1.1.1", RSA_PSS),
    "dsa": ("1.2.840.10040.4.1", "1.3.14.3.2.12"),
    "ecdsa": ("1.2.840.10045.2.1",),
    "ecdsa-plain": ("1.2.840.10045.2.1",),
    "ed25519": ("1.3.101.112",),
    "ed448": ("1.3.101.113",),
    "ml-dsa-44": ("2.16.840.1.101.3.4.3.17",),
    "ml-dsa-65": ("2.16.840.1.101.3.4.3.18",),
    "ml-dsa-87": ("2.16.840.1.101.3.4.3.19",),
}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a public key is: its kind ("rsa", "ec", "dsa", "ed25519" …) and its length in bits."""

    kind: str
    bits: int


@dataclass(frozen=True, slots=True)
class _RsaNumbers:
    modulus: int
    exponent: int


@lru_cache(maxsize=512)
def key_facts(spki: bytes) -> KeyFacts:
    """Return kind and length of the SubjectPublicKeyInfo `spki`; Unsupported for keys we cannot read."""
    try:
        oid, parameters, key = _key_parts(spki)
        if oid in _KEYS["rsa-pss"] or oid in _KEYS["rsa"]:
            return KeyFacts("rsa", _rsa_numbers(key).modulus.bit_length())
        if oid in _KEYS["dsa"]:
            bits = 0
            if parameters is not None and parameters.tag == asn1.SEQUENCE:
                bits = parameters.first().integer().bit_length()
            return KeyFacts("dsa", bits)
        if oid in _KEYS["ecdsa"]:
            return KeyFacts("ec", ec_key(spki).curve.key_size)
    except asn1.Asn1Error as cause:
        raise Unsupported("a public key that cannot be read") from cause
    for kind, oids in _KEYS.items():
        if oid in oids:
            return KeyFacts(kind, {"ed25519": 256, "ed448": 448}.get(kind, 8 * len(key)))
    raise Unsupported(f"unknown kind of public key {oid}")


def read_key(spki: bytes) -> tuple[str, asn1.Element | None, bytes]:
    """Return identifier, parameters (None if absent) and bits of the key in `spki`; Unsupported if it is none."""
    try:
        return _key_parts(spki)
    except asn1.Asn1Error as cause:
        raise Unsupported("a public key that cannot be read") from cause


def serves(oid: str, kind: str) -> bool:
    """Whether signatures of `kind` (see `algorithms.Scheme`) are made with the keys that `oid` identifies."""
    return oid in _KEYS[kind]


def rsa_key(key: bytes) -> rsa.RSAPublicKey | None:
    """
    Return the RSA key of the RSAPublicKey `key` (RFC 8017, A.1.1), None if it is one under which anybody can sign.

    Unsupported for one that cannot be read, for absurd lengths, and for what this machine refuses.
    """
    try:
        numbers = _rsa_numbers(key)
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


@lru_cache(maxsize=512)
def ec_key(spki: bytes) -> ec.EllipticCurvePublicKey:
    """Return the elliptic-curve key in `spki`; Unsupported for an unknown curve and for a point off its curve."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise Unsupported("an elliptic-curve key on an unknown curve or off its curve") from cause
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Unsupported("not an elliptic-curve key")
    return key


@lru_cache(maxsize=64)
def dsa_key(spki: bytes) -> dsa.DSAPublicKey:
    """Return the DSA key in `spki`; Unsupported for one that lacks its parameters or has unusable ones."""
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


@lru_cache(maxsize=512)
def _key_parts(spki: bytes) -> tuple[str, asn1.Element | None, bytes]:
    parts = asn1.read(spki).expect(asn1.SEQUENCE).parts(2, 2)
    oid, parameters = algorithm(parts[0])
    return oid, parameters, parts[1].bits()


@lru_cache(maxsize=512)
def _rsa_numbers(key: bytes) -> _RsaNumbers:
    """Read an RSAPublicKey; a modulus that reads as negative lacks its leading zero (Estonian cards) and is mended."""
    parts = asn1.read(key).expect(asn1.SEQUENCE).parts(2, 2)
    if any(part.tag != asn1.INTEGER or not part.size for part in parts):
        raise asn1.Asn1Error("an RSA key of the wrong shape")
    return _RsaNumbers(*(int.from_bytes(part.content, "big") for part in parts))


@lru_cache(maxsize=512)
def _loaded_rsa(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()
