"""Whether a signature value fits the key and the message: the one question of pure cryptography."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from signatures import asn1, keys
from signatures.algorithms import DIGEST_IDENTIFIERS, Disagreement, Scheme, Unsupported, digest, pss_parameters

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

# The keys of the schemes that sign the message itself.
_WHOLE_MESSAGE_KEYS: dict[
    str,
    type[
        ed25519.Ed25519PublicKey
        | ed448.Ed448PublicKey
        | mldsa.MLDSA44PublicKey
        | mldsa.MLDSA65PublicKey
        | mldsa.MLDSA87PublicKey
    ],
] = {
    "ed25519": ed25519.Ed25519PublicKey,
    "ed448": ed448.Ed448PublicKey,
    "ml-dsa-44": mldsa.MLDSA44PublicKey,
    "ml-dsa-65": mldsa.MLDSA65PublicKey,
    "ml-dsa-87": mldsa.MLDSA87PublicKey,
}


def holds(spki: bytes, scheme: Scheme, signature: bytes, message: bytes | None, message_digest: bytes = b"") -> bool:
    """
    Say whether `signature` fits the key `spki` and the message.

    The message comes whole, or as its `message_digest` (by `scheme.digest`) where `message` is None; schemes that
    sign the whole message are then Unsupported. Raises Unsupported also where key or scheme cannot be computed here,
    and Disagreement where they are of different kinds.
    """
    oid, parameters, key = keys.read_key(spki)
    if not keys.serves(oid, scheme.kind):
        raise Disagreement(f"a {scheme.kind} signature under a key of another kind ({oid})")
    if scheme.whole_message:
        if message is None:
            raise Unsupported(f"{scheme.kind} signs the whole message, and only its digest is at hand")
        kind, whole = _WHOLE_MESSAGE_KEYS[scheme.kind], message
        return _fits(lambda: kind.from_public_bytes(key).verify(signature, whole), scheme)
    if message is not None:
        message_digest = digest(scheme.digest, message)
    if scheme.kind == "rsa":
        return _pkcs1_holds(key, scheme.digest, signature, message_digest)
    if scheme.kind == "rsa-pss":
        if oid == keys.RSA_PSS and parameters is not None:
            _check_bound_parameters(parameters, scheme)
        return _pss_holds(key, scheme, signature, message_digest)
    prehashed = Prehashed(_hash_of(scheme))
    if scheme.kind == "dsa":
        dsa_key = keys.dsa_key(spki)
        return _fits(lambda: dsa_key.verify(signature, message_digest, prehashed), scheme)
    if scheme.kind == "ecdsa-plain":
        sequence = from_plain(signature)
        if sequence is None:
            return False
        signature = sequence
    ec_key = keys.ec_key(spki)
    return _fits(lambda: ec_key.verify(signature, message_digest, ec.ECDSA(prehashed)), scheme)


def from_plain(signature: bytes) -> bytes | None:
    """Return (r, s) written side by side as the SEQUENCE of RFC 3279, 2.2.3; None for an odd length and for none."""
    half = len(signature) // 2
    if not half or len(signature) % 2:
        return None
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _fits(verify: Callable[[], None], scheme: Scheme) -> bool:
    """Say what the library's `verify` says; Unsupported where it refuses the key."""
    try:
        verify()
    except InvalidSignature:
        return False
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise Unsupported(f"{scheme.name} cannot be computed for this key") from cause
    return True


def _hash_of(scheme: Scheme) -> hashes.HashAlgorithm:
    known = _HASHES.get(scheme.digest)
    if known is None:
        raise Unsupported(f"{scheme.name} cannot be computed here")
    return known()


def _pkcs1_holds(key: bytes, digest_used: str, signature: bytes, message_digest: bytes) -> bool:
    """
    RSASSA-PKCS1-v1_5 by comparison of the whole recovered block with the two encodings in use.

    RFC 8017, 8.2.2 and its note on DigestInfo without the NULL parameter, which old Office versions wrote. Nothing
    is parsed out of the block, so there is no room for a forger's bytes in it.
    """
    public = keys.rsa_key(key)
    if public is None:
        return False
    oid = DIGEST_IDENTIFIERS.get(digest_used)
    if oid is None:
        raise Unsupported(f"no DigestInfo for {digest_used}")
    try:
        block = public.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return False
    identifier = asn1.encode_oid(oid)
    hashed = asn1.tlv(asn1.OCTET_STRING, message_digest)
    with_null = asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, identifier + b"\x05\x00") + hashed)
    without = asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, identifier) + hashed)
    return block in (with_null, without)


def _check_bound_parameters(parameters: asn1.Element, scheme: Scheme) -> None:
    """RFC 4055, 3.3: a key bound to parameters may sign with those only, with a salt at least as long."""
    bound, least_salt = pss_parameters(parameters)
    if bound != scheme.digest or scheme.salt_octets < least_salt:
        raise Disagreement(f"the key is for {bound} with a salt of {least_salt} octets")


def _pss_holds(key: bytes, scheme: Scheme, signature: bytes, message_digest: bytes) -> bool:
    hashed = _hash_of(scheme)
    public = keys.rsa_key(key)
    if public is None:
        return False
    scheme_padding = padding.PSS(padding.MGF1(hashed), scheme.salt_octets)
    return _fits(lambda: public.verify(signature, message_digest, scheme_padding, Prehashed(hashed)), scheme)
