"""Digests and signature schemes: by which identifiers they go, which belong together, and how digests are computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from signatures import asn1

# An RSA verification costs the square of the modulus; no key in use is longer than 16384 bits (OpenSSL's own limit).
MAX_RSA_BITS = 16384

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
DIGEST_IDENTIFIERS = {name: oid for oid, name in reversed(_DIGESTS.items())}

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
_EDWARDS_DIGESTS = {"ed25519": "sha512", "ed448": "shake256"}
# Schemes that sign the message itself, not a digest of it.
_WHOLE_MESSAGE = frozenset({"ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"})


class Unsupported(ValueError):
    """An algorithm we cannot compute: the signature is neither good nor bad, it is not judged."""


class Disagreement(ValueError):
    """Two identifiers that belong together say different things: the signature is not what it claims to be."""


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
        named, salt_octets = pss_parameters(parameters)
    if kind in _WHOLE_MESSAGE:
        needed = _EDWARDS_DIGESTS.get(kind)
        if digest_beside is not None and needed is not None and digest_beside != needed:
            raise Disagreement(f"{kind} goes with {needed}, not with {digest_beside}")
        return Scheme(kind, "")
    if named is not None and digest_beside is not None and named != digest_beside:
        raise Disagreement(f"the signature algorithm says {named}, the digest algorithm {digest_beside}")
    chosen = named or digest_beside
    if chosen is None:
        raise Unsupported(f"signature algorithm {oid} names no digest")
    return Scheme(kind, chosen, salt_octets)


def pss_parameters(parameters: asn1.Element | None) -> tuple[str, int]:
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
