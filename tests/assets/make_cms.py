"""
Make the CMS and S/MIME attacks again: one file for each line of the attack list, named after its defect.

`CASES` is also the table of their answers, which tests/unit/test_cms_attacks.py and test_smime_attacks.py hold the
program to. Everything is computed from fixed seeds, so the files come out the same on every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, padding

from signatures import algorithms
from signatures.asn1 import encode_oid, read, tlv
from tests.makers_cms import (
    BODY,
    DIGESTS,
    HASHES,
    NOW,
    PSS,
    SIGNING,
    Holder,
    algorithm,
    algorithm_protection,
    alternative_mail,
    attribute,
    base64_lines,
    certify,
    clear_signed,
    content_type,
    detached,
    ec_key,
    ed448_key,
    ed25519_key,
    extension,
    header,
    integer,
    message_digest,
    mixed,
    octets,
    office,
    opaque_signed,
    pss_parameters,
    revocation_list,
    rsa_key,
    rsa_spki,
    seq,
    set_of,
    signature_value,
    signed_data,
    signer,
    signing_certificate,
    signing_time,
    timestamp_attribute,
    token,
    usual_attributes,
)

HERE = Path(__file__).parent
CONTENT = "Phiếu đánh giá: tử số 45, mẫu số 50.\n".encode()
OTHER = "Phiếu đánh giá: tử số 50, mẫu số 50.\n".encode()


@dataclass(frozen=True)
class Case:
    """
    One attack or oddity: its file name, the bytes, and the answer with `--integrity-only`.

    `beside` is the content given with a detached signature; `code` a reason that must be told; `sub` the
    sub-indication of the file's first signature.
    """

    name: str
    make: Callable[[], bytes]
    verdict: str
    code: str = ""
    sub: str | None = None
    beside: bytes | None = None


# --- CMS ------------------------------------------------------------------------------------------------------------


def _encapsulated(**options: object) -> bytes:
    one = office().lan
    part = signer(one, CONTENT, **options)  # type: ignore[arg-type]
    return signed_data(part, content=CONTENT, certificates=(one.certificate,))


def _with_attributes(*wanted: bytes) -> bytes:
    return detached(office().lan, CONTENT, attributes=wanted)


def _two_signers(*, second_holds: bool) -> bytes:
    lan, minh = office().lan, office().minh
    second = signer(minh, CONTENT if second_holds else OTHER)
    return signed_data(signer(lan, CONTENT), second, certificates=(lan.certificate, minh.certificate))


def _rsa_holder(seed: int = 11, size: int = 2048, exponent: int = 65537):  # type: ignore[no-untyped-def]
    key = rsa_key(seed, size, exponent)
    return certify(f"RSA {size} e={exponent}", key, office().authority, serial=4000 + seed + size)


def _pss(*, digest: str = "sha256", mask: str = "sha256", named: str = "sha256") -> bytes:
    one = _rsa_holder()
    own = usual_attributes(one, CONTENT)
    message = set_of(*own)
    value = one.key.sign(message, padding.PSS(padding.MGF1(HASHES[mask]), 0), HASHES[digest])
    scheme = algorithm(PSS, pss_parameters(named, mask))
    return signed_data(
        signer(one, CONTENT, attributes=own, scheme=scheme, value=value), certificates=(one.certificate,)
    )


def _rsa_block(*, block: Callable[[bytes, int], bytes], seed: int = 11, exponent: int = 65537) -> bytes:
    """A signature whose RSA block is laid out by hand: `block` takes the digest and the length of the modulus."""
    one = _rsa_holder(seed, exponent=exponent)
    own = usual_attributes(one, CONTENT)
    hashed = algorithms.digest("sha256", set_of(*own))
    numbers = one.key.private_numbers()
    octets_long = one.key.key_size // 8
    padded = block(hashed, octets_long)
    value = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(octets_long, "big")
    return signed_data(signer(one, CONTENT, attributes=own, value=value), certificates=(one.certificate,))


def _info(hashed: bytes, *, null: bool) -> bytes:
    return seq(seq(encode_oid(DIGESTS["sha256"]), b"\x05\x00" if null else b""), octets(hashed))


def _pad(info: bytes, length: int) -> bytes:
    return b"\x00\x01" + b"\xff" * (length - 3 - len(info)) + b"\x00" + info


def _garbage_block(hashed: bytes, length: int) -> bytes:
    info = _info(hashed, null=True)
    return b"\x00\x01" + b"\xff" * 8 + b"\x00" + info + b"\x5a" * (length - 11 - len(info))


def _garbage_in_parameters(hashed: bytes, length: int) -> bytes:
    filling = tlv(0x04, b"\x5a" * (length - 11 - 64))
    info = seq(seq(encode_oid(DIGESTS["sha256"]), filling), octets(hashed))
    return b"\x00\x01" + b"\xff" * (length - 3 - len(info)) + b"\x00" + info


def _exponent_one() -> bytes:
    """With the public exponent 1 the padded digest is its own signature: anybody can make it."""
    key = rsa_key(11)
    modulus = key.public_key().public_numbers().n
    one = certify("RSA e=1", key, office().authority, spki=rsa_spki(modulus, 1), serial=4901)
    own = usual_attributes(one, CONTENT)
    value = _pad(_info(algorithms.digest("sha256", set_of(*own)), null=True), 256)
    return signed_data(signer(one, CONTENT, attributes=own, value=value), certificates=(one.certificate,))


def _negative_modulus() -> bytes:
    key = rsa_key(12)
    modulus = key.public_key().public_numbers().n
    spki = rsa_spki(modulus, 65537, negative=True)
    one = certify("RSA negative", key, office().authority, spki=spki, serial=4902)
    return detached(one, CONTENT)


def _edwards(digest: str) -> bytes:
    one = certify("Edwards", ed25519_key(9), office().authority, serial=4903)
    return detached(one, CONTENT, digest=digest)


def _same_serial() -> bytes:
    """Two certificates of one name and serial number: only the ESS digest tells which one signed."""
    authority = office().authority
    first = certify("First", ec_key(21), authority, serial=77)
    second = certify("Second", ec_key(22), authority, serial=77)
    return signed_data(signer(second, CONTENT), certificates=(first.certificate, second.certificate))


def _bound_to_another() -> bytes:
    lan, minh = office().lan, office().minh
    own = [content_type(), message_digest(CONTENT), signing_certificate(minh.certificate)]
    return signed_data(signer(lan, CONTENT, attributes=own), certificates=(lan.certificate, minh.certificate))


def _countersigned(*, over_value: bool) -> bytes:
    lan, minh = office().lan, office().minh
    plain = signer(lan, CONTENT)
    signed = signature_value(plain) if over_value else CONTENT
    counter = signer(minh, signed, attributes=[message_digest(signed), signing_certificate(minh.certificate)])
    unsigned = [attribute("1.2.840.113549.1.9.6", counter)]
    return signed_data(signer(lan, CONTENT, unsigned=unsigned), certificates=(lan.certificate, minh.certificate))


def _stamped(*, right: bool) -> bytes:
    lan, stamper = office().lan, office().stamper
    value = signature_value(signer(lan, CONTENT)) if right else b"something else"
    stamp = token(stamper, value)
    return signed_data(signer(lan, CONTENT, unsigned=[timestamp_attribute(stamp)]), certificates=(lan.certificate,))


def _protected(*, right: bool) -> bytes:
    one = office().lan
    used = algorithm(DIGESTS["sha256"], b"")
    named = algorithm("1.2.840.10045.4.3.2" if right else "1.2.840.10045.4.3.3", b"")
    return _with_attributes(*usual_attributes(one, CONTENT), algorithm_protection(used, named))


def _own_attributes_as_content() -> bytes:
    """As `_attributes_as_content`, with the attributes as the content that the value really is over."""
    one = office().lan
    own = usual_attributes(one, CONTENT)
    value = signature_value(signer(one, CONTENT, attributes=own))
    part = signer(one, CONTENT, with_attributes=False, value=value)
    return signed_data(part, content=set_of(*own), certificates=(one.certificate,))


def _named_as(holder: Holder, *, bound: bool) -> bytes:
    """A signature of Lan's whose unsigned identifier names `holder`; `bound`: she bound her certificate to it."""
    lan = office().lan
    own = [content_type(), message_digest(CONTENT)]
    if bound:
        own.append(signing_certificate(lan.certificate))
    value = signature_value(signer(lan, CONTENT, attributes=own))
    part = signer(holder, CONTENT, attributes=own, value=value)
    return signed_data(part, certificates=(lan.certificate, holder.certificate))


def _by_key_identifier(*, own: bool, other: bool) -> bytes:
    """The signer is named by key identifier only; `other` brings a stranger's certificate that claims the same one."""
    name = b"khoa cua Lan"
    claims = (SIGNING, extension("2.5.29.14", octets(name)))
    lan = certify("Lan", ec_key(41), office().authority, serial=4101, extensions=claims)
    stranger = certify("Ke khac", ec_key(42), office().authority, serial=4102, extensions=claims)
    part = signer(lan, CONTENT, attributes=[content_type(), message_digest(CONTENT)], identifier=tlv(0x80, name))
    papers = ((lan.certificate,) if own else ()) + ((stranger.certificate,) if other else ())
    return signed_data(part, certificates=papers)


def _on_curve(curve: type[ec.EllipticCurve], digest: str) -> bytes:
    one = certify(curve.name, ec_key(51, curve), office().authority, serial=5100 + curve.key_size)
    return detached(one, CONTENT, digest=digest)


def _ed448() -> bytes:
    one = certify("Ed448", ed448_key(9), office().authority, serial=4904)
    return detached(one, CONTENT, digest="shake256")


def _without_attributes() -> bytes:
    one = office().lan
    part = signer(one, CONTENT, with_attributes=False)
    return signed_data(part, content=CONTENT, certificates=(one.certificate,))


def _with_papers_of_others() -> bytes:
    own = office()
    papers = (own.root.certificate, own.minh.certificate, own.lan.certificate, own.stamper.certificate)
    return signed_data(signer(own.lan, CONTENT), certificates=papers, crls=(revocation_list(own.authority),))


def _armoured(*messages: bytes) -> bytes:
    lines = (b"-----BEGIN PKCS7-----\r\n" + base64_lines(one) + b"-----END PKCS7-----\r\n" for one in messages)
    return b"".join(lines)


def _many_signers() -> bytes:
    one = signer(office().lan, CONTENT)
    return signed_data(*([one] * 300), certificates=(office().lan.certificate,))


def _deep() -> bytes:
    return b"\x30\x80" * 5000


CMS_CASES: tuple[Case, ...] = (
    Case("good-detached.p7s", lambda: detached(office().lan, CONTENT), "passed", beside=CONTENT),
    Case("good-encapsulated.p7m", _encapsulated, "passed"),
    # No SignerInfo; certificates only: not a signature.
    Case(
        "no-signer.p7s", lambda: signed_data(certificates=(office().lan.certificate,)), "unsigned", "CERTIFICATES_ONLY"
    ),
    Case(
        "certificates-only.p7b",
        lambda: signed_data(certificates=(office().root.certificate,)),
        "unsigned",
        "CERTIFICATES_ONLY",
    ),
    # Several SignerInfos: each judged, the whole no better than the worst.
    Case("two-signers-good.p7s", lambda: _two_signers(second_holds=True), "passed", beside=CONTENT),
    Case(
        "two-signers-second-broken.p7s",
        lambda: _two_signers(second_holds=False),
        "failed",
        "CONTENT_CHANGED",
        beside=CONTENT,
    ),
    Case("three-hundred-signers.p7s", _many_signers, "indeterminate", "TOO_COSTLY", beside=CONTENT),
    # Content inside and outside.
    Case(
        "content-changed.p7s",
        lambda: detached(office().lan, CONTENT),
        "failed",
        "CONTENT_CHANGED",
        "HASH_FAILURE",
        OTHER,
    ),
    Case("content-inside-differs.p7s", _encapsulated, "failed", "CONTENT_INSIDE_DIFFERS", "HASH_FAILURE", OTHER),
    Case(
        "content-missing.p7s",
        lambda: detached(office().lan, CONTENT),
        "indeterminate",
        "SIGNED_DATA_NOT_FOUND",
        "SIGNED_DATA_NOT_FOUND",
    ),
    # Attributes missing, twice or wrong.
    Case(
        "digest-attribute-missing.p7s",
        lambda: _with_attributes(content_type(), signing_time()),
        "failed",
        "ATTRIBUTE_MISSING",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "digest-attribute-twice.p7s",
        lambda: _with_attributes(content_type(), message_digest(OTHER), message_digest(CONTENT)),
        "failed",
        "ATTRIBUTE_TWICE",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "digest-attribute-two-values.p7s",
        lambda: _with_attributes(
            content_type(),
            attribute(
                "1.2.840.113549.1.9.4",
                octets(algorithms.digest("sha256", CONTENT)),
                octets(algorithms.digest("sha256", OTHER)),
            ),
        ),
        "failed",
        "ATTRIBUTE_TWICE",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "type-attribute-missing.p7s",
        lambda: _with_attributes(message_digest(CONTENT)),
        "failed",
        "ATTRIBUTE_MISSING",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "type-attribute-twice.p7s",
        lambda: _with_attributes(content_type(), content_type("1.2.3.4"), message_digest(CONTENT)),
        "failed",
        "ATTRIBUTE_TWICE",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "type-attribute-wrong.p7s",
        lambda: _with_attributes(content_type("1.2.840.113549.1.9.16.1.4"), message_digest(CONTENT)),
        "failed",
        "CONTENT_TYPE_DIFFERS",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "signing-time-twice.p7s",
        lambda: _with_attributes(
            content_type(), message_digest(CONTENT), signing_time(), signing_time(NOW - timedelta(days=1))
        ),
        "failed",
        "ATTRIBUTE_TWICE",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "signing-time-unreadable.p7s",
        lambda: _with_attributes(
            content_type(), message_digest(CONTENT), attribute("1.2.840.113549.1.9.5", tlv(0x17, b"yesterday"))
        ),
        "failed",
        "ATTRIBUTE_INVALID",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "signing-time-unsigned.p7s",
        lambda: detached(office().lan, CONTENT, unsigned=[signing_time()]),
        "failed",
        "ATTRIBUTE_INVALID",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    # The attributes of one message passed off as the content of another, without attributes (eContent confusion).
    Case(
        "attributes-as-content.p7s",
        lambda: _attributes_as_content(),
        "failed",
        "SIGNATURE_BROKEN",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case(
        "own-attributes-as-content.p7m",
        _own_attributes_as_content,
        "failed",
        "CONTENT_IS_ATTRIBUTES",
        "FORMAT_FAILURE",
    ),
    Case("without-attributes.p7m", _without_attributes, "passed"),
    # What stands unsigned in the message and contradicts what is signed.
    Case(
        "digest-not-announced.p7s",
        lambda: signed_data(
            signer(office().lan, CONTENT), certificates=(office().lan.certificate,), digests=("sha384",)
        ),
        "indeterminate",
        "DIGEST_NOT_ANNOUNCED",
        "SIG_CONSTRAINTS_FAILURE",
        CONTENT,
    ),
    Case(
        "named-as-another.p7s",
        lambda: _named_as(office().minh, bound=True),
        "indeterminate",
        "SIGNER_NAMED_OTHERWISE",
        "NO_SIGNING_CERTIFICATE_FOUND",
        CONTENT,
    ),
    Case(
        "named-as-another-unbound.p7s",
        lambda: _named_as(office().minh, bound=False),
        "failed",
        "SIGNATURE_BROKEN",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case(
        "two-holders-of-one-key.p7s",
        lambda: _named_as(certify("Ke khac", office().lan.key, office().authority, serial=4100), bound=False),
        "indeterminate",
        "SIGNER_NAMED_OTHERWISE",
        "NO_SIGNING_CERTIFICATE_FOUND",
        CONTENT,
    ),
    Case("key-identifier.p7s", lambda: _by_key_identifier(own=True, other=False), "passed", beside=CONTENT),
    Case(
        "key-identifier-claimed-twice.p7s", lambda: _by_key_identifier(own=True, other=True), "passed", beside=CONTENT
    ),
    Case(
        "key-identifier-of-another.p7s",
        lambda: _by_key_identifier(own=False, other=True),
        "failed",
        "SIGNATURE_BROKEN",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case("papers-of-others.p7s", _with_papers_of_others, "passed", beside=CONTENT),
    Case("armoured.p7s", lambda: _armoured(detached(office().lan, CONTENT)), "passed", beside=CONTENT),
    Case(
        "two-messages-in-one-file.p7s",
        lambda: _armoured(detached(office().lan, CONTENT), detached(office().minh, OTHER)),
        "unsupported",
        "CMS_SEVERAL_MESSAGES",
        None,
        CONTENT,
    ),
    # Curves and digests in use.
    Case("p384.p7s", lambda: _on_curve(ec.SECP384R1, "sha384"), "passed", beside=CONTENT),
    Case("p521.p7s", lambda: _on_curve(ec.SECP521R1, "sha512"), "passed", beside=CONTENT),
    Case("brainpool256.p7s", lambda: _on_curve(ec.BrainpoolP256R1, "sha256"), "passed", beside=CONTENT),
    Case("brainpool512.p7s", lambda: _on_curve(ec.BrainpoolP512R1, "sha512"), "passed", beside=CONTENT),
    Case("sha3-elliptic.p7s", lambda: _on_curve(ec.SECP256R1, "sha3_256"), "passed", beside=CONTENT),
    Case("ed448-good.p7s", _ed448, "passed", beside=CONTENT),
    # Algorithms that disagree.
    Case(
        "digest-and-signature-disagree.p7s",
        lambda: detached(office().lan, CONTENT, signing_digest="sha384"),
        "failed",
        "ALGORITHMS_DISAGREE",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case("pss-good.p7s", _pss, "passed", beside=CONTENT),
    Case(
        "pss-digest-disagrees.p7s",
        lambda: _pss(named="sha384"),
        "failed",
        "ALGORITHMS_DISAGREE",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case(
        "pss-mask-disagrees.p7s",
        lambda: _pss(mask="sha1"),
        "failed",
        "ALGORITHMS_DISAGREE",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case("ed25519-good.p7s", lambda: _edwards("sha512"), "passed", beside=CONTENT),
    Case(
        "ed25519-wrong-digest.p7s",
        lambda: _edwards("sha256"),
        "failed",
        "ALGORITHMS_DISAGREE",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case("protection-good.p7s", lambda: _protected(right=True), "passed", beside=CONTENT),
    Case(
        "protection-differs.p7s",
        lambda: _protected(right=False),
        "failed",
        "ALGORITHM_PROTECTION_DIFFERS",
        "FORMAT_FAILURE",
        CONTENT,
    ),
    Case(
        "key-of-another-kind.p7s",
        lambda: detached(office().lan, CONTENT, scheme=algorithm("1.2.840.113549.1.1.11")),
        "failed",
        "ALGORITHMS_DISAGREE",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case(
        "unknown-digest.p7s",
        lambda: detached(office().lan, CONTENT, digest_identifier=algorithm("1.2.643.7.1.1.2.2")),
        "unsupported",
        "ALGORITHM_UNSUPPORTED",
        None,
        CONTENT,
    ),
    Case(
        "unknown-scheme.p7s",
        lambda: detached(office().lan, CONTENT, scheme=algorithm("1.2.643.7.1.1.3.2")),
        "unsupported",
        "ALGORITHM_UNSUPPORTED",
        None,
        CONTENT,
    ),
    Case("sha3-rsa.p7s", lambda: detached(_rsa_holder(), CONTENT, digest="sha3_256"), "passed", beside=CONTENT),
    # ESS binding.
    Case(
        "bound-to-another-certificate.p7s",
        _bound_to_another,
        "indeterminate",
        "CERTIFICATE_BINDING_DIFFERS",
        "NO_SIGNING_CERTIFICATE_FOUND",
        CONTENT,
    ),
    Case("same-serial-twice.p7s", _same_serial, "passed", beside=CONTENT),
    Case(
        "certificate-missing.p7s",
        lambda: signed_data(signer(office().lan, CONTENT)),
        "indeterminate",
        "SIGNING_CERTIFICATE_MISSING",
        "NO_SIGNING_CERTIFICATE_FOUND",
        CONTENT,
    ),
    # BER, open lengths, attributes out of order.
    Case(
        "open-lengths.p7s",
        lambda: signed_data(signer(office().lan, CONTENT), certificates=(office().lan.certificate,), ber=True),
        "passed",
        "CMS_NOT_DER",
        None,
        CONTENT,
    ),
    Case(
        "content-in-pieces.p7m",
        lambda: signed_data(
            signer(office().lan, CONTENT), content=CONTENT, certificates=(office().lan.certificate,), ber=True, pieces=9
        ),
        "passed",
        "CMS_NOT_DER",
    ),
    Case(
        "attributes-unsorted.p7s",
        lambda: detached(
            office().lan,
            CONTENT,
            attributes=sorted(usual_attributes(office().lan, CONTENT), reverse=True),
            ordered=False,
        ),
        "passed",
        "ATTRIBUTES_NOT_DER",
        None,
        CONTENT,
    ),
    Case(
        "attributes-open-length.p7s",
        lambda: detached(office().lan, CONTENT, open_attributes=True),
        "passed",
        "ATTRIBUTES_NOT_DER",
        None,
        CONTENT,
    ),
    Case("nested-without-end.p7s", _deep, "unreadable", beside=CONTENT),
    # Counter-signatures never decide.
    Case(
        "countersigned.p7s", lambda: _countersigned(over_value=True), "passed", "COUNTERSIGNATURE_HOLDS", None, CONTENT
    ),
    Case(
        "countersignature-of-something-else.p7s",
        lambda: _countersigned(over_value=False),
        "passed",
        "COUNTERSIGNATURE_NOT_PASSED",
        None,
        CONTENT,
    ),
    # Time stamps cost only their proof.
    Case("stamped.p7s", lambda: _stamped(right=True), "passed", beside=CONTENT),
    Case("stamp-of-something-else.p7s", lambda: _stamped(right=False), "passed", "TIMESTAMP_NOT_PROOF", None, CONTENT),
    Case("stamp-alone.tst", lambda: token(office().stamper, CONTENT), "indeterminate", "TIMESTAMP_ONLY", None, CONTENT),
    # RSA blocks.
    Case(
        "rsa-digest-info-without-null.p7s",
        lambda: _rsa_block(block=lambda hashed, size: _pad(_info(hashed, null=False), size)),
        "passed",
        beside=CONTENT,
    ),
    Case(
        "rsa-garbage-after-digest.p7s",
        lambda: _rsa_block(block=_garbage_block, seed=13, exponent=3),
        "failed",
        "SIGNATURE_BROKEN",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case(
        "rsa-garbage-in-parameters.p7s",
        lambda: _rsa_block(block=_garbage_in_parameters, seed=13, exponent=3),
        "failed",
        "SIGNATURE_BROKEN",
        "SIG_CRYPTO_FAILURE",
        CONTENT,
    ),
    Case("rsa-exponent-one.p7s", _exponent_one, "failed", "SIGNATURE_BROKEN", "SIG_CRYPTO_FAILURE", CONTENT),
    Case("rsa-negative-modulus.p7s", _negative_modulus, "passed", beside=CONTENT),
    Case("md5.p7s", lambda: detached(_rsa_holder(), CONTENT, digest="md5"), "passed", "WEAK_DIGEST", None, CONTENT),
    # Not signed data at all.
    Case(
        "encrypted.p7m",
        lambda: seq(encode_oid("1.2.840.113549.1.7.3"), tlv(0xA0, seq(integer(0)))),
        "unsupported",
        "CMS_ENCRYPTED",
    ),
    *(
        Case(f"{name}.p7s", make, "unreadable", "CMS_UNREADABLE", None, CONTENT)
        for name, make in (
            ("signers-in-two-rows-other-first", lambda: _signers_twice(other_first=True)),
            ("signers-in-two-rows-other-last", lambda: _signers_twice(other_first=False)),
            (
                "part-that-nobody-knows",
                lambda: _put_together([*_taken_apart(detached(office().lan, CONTENT)), b"\xa5\0"]),
            ),
            (
                "more-than-one-message-inside",
                lambda: _put_together(_taken_apart(detached(office().lan, CONTENT)), behind=b"\5\0"),
            ),
        )
    ),
    Case("not-a-signature.p7s", lambda: b"this is not a signature", "unreadable", "NOT_WHAT_IT_CLAIMS", None, CONTENT),
    Case("cut-off.p7s", lambda: detached(office().lan, CONTENT)[:400], "unreadable", beside=CONTENT),
    Case("base64.p7s", lambda: base64_lines(detached(office().lan, CONTENT)), "passed", beside=CONTENT),
)


def _taken_apart(message: bytes) -> list[bytes]:
    """The parts of the SignedData in a message."""
    return [part.raw for part in read(message).parts()[1].first().parts()]


def _put_together(parts: Sequence[bytes], *, behind: bytes = b"") -> bytes:
    """A message of such parts; `behind` follows the SignedData inside its wrapping."""
    return seq(encode_oid("1.2.840.113549.1.7.2"), tlv(0xA0, seq(*parts) + behind))


def _signers_twice(*, other_first: bool) -> bytes:
    """A second row of signers, of whom the office knows nothing: programs show the one or the other."""
    parts = _taken_apart(detached(office().lan, CONTENT))
    other = _taken_apart(detached(office().minh, OTHER))[-1]
    return _put_together([*parts[:-1], other, parts[-1]] if other_first else [*parts, other])


def _attributes_as_content() -> bytes:
    """The signed attributes of a true signature, sent as content under the same signature value without attributes."""
    one = office().lan
    own = usual_attributes(one, CONTENT)
    value = signature_value(signer(one, CONTENT, attributes=own))
    part = signer(one, CONTENT, with_attributes=False, value=value)
    return signed_data(part, certificates=(one.certificate,))


# --- S/MIME ---------------------------------------------------------------------------------------------------------


def _mail(part: bytes = BODY, *, signed: bytes | None = None, head: bytes | None = None, **options: object) -> bytes:
    signature = detached(office().lan, part if signed is None else signed)
    return (header() if head is None else head) + clear_signed(part, signature, **options)  # type: ignore[arg-type]


def _opaque(part: bytes = BODY, *, head: bytes | None = None) -> bytes:
    one = office().lan
    message = signed_data(signer(one, part), content=part, certificates=(one.certificate,))
    return (header() if head is None else head) + opaque_signed(message)


def _both_forms() -> bytes:
    """A clear-signed part whose signature carries another content inside."""
    one = office().lan
    message = signed_data(signer(one, OTHER), content=OTHER, certificates=(one.certificate,))
    return header() + clear_signed(BODY, message)


def _two_addresses() -> bytes:
    one = certify(
        "Phòng Văn thư",
        ec_key(31),
        office().authority,
        extensions=(SIGNING, alternative_mail("a@example.vn", "b@example.vn")),
    )
    return header(sender="From: b@EXAMPLE.VN") + clear_signed(BODY, detached(one, BODY))


def _nested() -> bytes:
    inner = clear_signed(BODY, detached(office().minh, BODY), boundary="=_inner")
    return header() + clear_signed(inner, detached(office().lan, inner))


def _wrapped(*others: bytes, before: bool = False, kind: str = "mixed") -> bytes:
    signed = clear_signed(BODY, detached(office().lan, BODY))
    parts = (*others, signed) if before else (signed, *others)
    return header() + mixed(*parts, kind=kind)


_FOOTER = b"Content-Type: text/plain\r\n\r\n_____\r\nDanh sach thu\r\n"
_HIDING = b"Content-Type: text/html\r\n\r\n<div>Da dong y</div><div style='display:none'>\r\n"
_SEAL = b"Content-Type: text/html\r\n\r\n<img src='seal.png'> <b>Da ky so</b>\r\n"
_CRYPT = seq(encode_oid("1.2.840.113549.1.7.3"), tlv(0xA0, seq(integer(0))))

_QUOTED = (
    b"Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"K=C3=ADnh g=E1=BB=ADi, \r\nd=C3=B2ng =\r\nhai.\r\n"
)
_PROTECTED = (
    b'Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\nFrom: lan@example.vn\r\n'
    b"Subject: Phieu danh gia\r\n\r\nx\r\n"
)
_WRAPPED = b"Content-Type: message/rfc822; forwarded=no\r\n\r\n" + _PROTECTED
_NOTICE = b"This is a cryptographically signed message in MIME format.\r\n\r\n"


def _beside(before: bytes = b"", after: bytes = b"") -> bytes:
    """A clear-signed mail with text outside its parts."""
    return _mail().replace(b"\r\n\r\n--=_signed", b"\r\n\r\n" + before + b"--=_signed", 1) + after


def _doubtful(old: bytes, new: bytes) -> Case:
    """A good mail in whose header one thing is made ambiguous."""
    return Case("", lambda: _mail().replace(old, new, 1), "indeterminate", "SMIME_STRUCTURE_DOUBTFUL")


MAIL_CASES: tuple[Case, ...] = (
    Case("good-clear.eml", _mail, "passed"),
    Case("good-opaque.eml", _opaque, "passed"),
    Case("good-line-feeds.eml", lambda: _mail().replace(b"\r\n", b"\n"), "passed"),
    Case("unsigned.eml", lambda: header() + BODY, "unsigned"),
    # The sender is not the signer.
    Case(
        "from-another.eml",
        lambda: _mail(head=header(sender="From: giamdoc@example.vn")),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-another-opaque.eml",
        lambda: _opaque(head=header(sender="From: giamdoc@example.vn")),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-twice.eml",
        lambda: _mail(head=header(sender="From: giamdoc@example.vn\r\nFrom: lan@example.vn")),
        "indeterminate",
        "SENDER_UNCLEAR",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-empty.eml",
        lambda: _mail(head=header(sender="From: ")),
        "indeterminate",
        "SENDER_UNCLEAR",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-missing.eml",
        lambda: _mail(head=header(sender="")),
        "indeterminate",
        "SENDER_UNCLEAR",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-group.eml",
        lambda: _mail(head=header(sender="From: van thu:;")),
        "indeterminate",
        "SENDER_UNCLEAR",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "from-two-addresses.eml",
        lambda: _mail(head=header(sender="From: giamdoc@example.vn, lan@example.vn")),
        "indeterminate",
        "SENDER_UNCLEAR",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "display-name-deceives.eml",
        lambda: _mail(head=header(sender='From: "giamdoc@example.vn" <lan@example.vn>')),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "display-name-encoded.eml",
        lambda: _mail(head=header(sender="From: =?utf-8?B?Z2lhbWRvY0BleGFtcGxlLnZu?= <lan@example.vn>")),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "display-name-wide-at.eml",
        lambda: _mail(head=header(sender='From: "giamdoc\uff20example.vn" <lan@example.vn>')),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "sender-field-another.eml",
        lambda: _mail(head=header(extra="Sender: giamdoc@example.vn")),
        "indeterminate",
        "SIGNER_IS_NOT_SENDER",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case("signer-with-two-addresses.eml", _two_addresses, "passed"),
    # The signed part is not the whole message.
    Case(
        "text-before.eml",
        lambda: _wrapped(_FOOTER, before=True),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case("list-footer.eml", lambda: _wrapped(_FOOTER), "indeterminate", "PARTIALLY_SIGNED", "SIG_CONSTRAINTS_FAILURE"),
    Case(
        "html-hides-signed-part.eml",
        lambda: _wrapped(_HIDING, before=True),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "related-wrapping.eml",
        lambda: _wrapped(_HIDING, before=True, kind="related"),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "alternative-wrapping.eml",
        lambda: _wrapped(_HIDING, kind="alternative"),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case("wrapped-alone.eml", lambda: _wrapped(), "passed"),
    Case(
        "third-part.eml", lambda: _mail(after=_FOOTER), "indeterminate", "PARTIALLY_SIGNED", "SIG_CONSTRAINTS_FAILURE"
    ),
    Case(
        "text-before-the-first-part.eml",
        lambda: _beside(before=b"Da dong y.\r\n"),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "text-after-the-last-part.eml",
        lambda: _beside(after=b"Da dong y.\r\n"),
        "indeterminate",
        "PARTIALLY_SIGNED",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case("notice-before-the-first-part.eml", lambda: _beside(before=_NOTICE), "passed"),
    # Two readings of one header.
    replace(
        _doubtful(b"Content-Type: multipart", b"Content-Type: text/html\r\nContent-Type: multipart"),
        name="content-type-twice-signed-last.eml",
    ),
    replace(
        _doubtful(b'boundary="=_signed"\r\n', b'boundary="=_signed"\r\nContent-Type: text/html\r\n'),
        name="content-type-twice-signed-first.eml",
    ),
    replace(
        _doubtful(b'boundary="=_signed"', b'boundary="=_signed"; boundary="=_khac"'),
        name="boundary-twice.eml",
    ),
    replace(
        _doubtful(b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64"),
        name="multipart-encoded.eml",
    ),
    replace(
        _doubtful(b'boundary="=_signed"', b"boundary=\"=_signed\"; boundary*=utf-8''_khac"),
        name="boundary-again-with-charset.eml",
    ),
    replace(
        _doubtful(b'boundary="=_signed"', b'boundary*0="_khac"; boundary="=_signed"'),
        name="boundary-again-in-pieces.eml",
    ),
    # Text outside the parts that speaks of MIME, and yet is more than a notice.
    *(
        Case(
            f"{name}.eml",
            partial(_beside, **where),
            "indeterminate",
            "PARTIALLY_SIGNED",
            "SIG_CONSTRAINTS_FAILURE",
        )
        for name, where in (
            (
                "part-under-a-longer-delimiter",
                {"before": b"--=_signedX\r\nContent-Type: text/plain\r\n\r\n99 MIME\r\n\r\n"},
            ),
            ("part-after-the-last-delimiter", {"after": b"--=_khac\r\n\r\n99 MIME\r\n--=_khac--\r\n"}),
            ("file-in-plain-text", {"after": b"MIME\r\nbegin 644 phieu.txt\r\n#0V%T\r\n`\r\nend\r\n"}),
            (
                "header-goes-on-after-a-broken-line",
                {"before": b"MIME\r\nFrom: giamdoc@example.vn\r\nSubject: 99\r\n\r\n"},
            ),
        )
    ),
    Case(
        "from-again-with-zero-octet.eml",
        lambda: b"From\0: giamdoc@example.vn\r\n" + _mail(),
        "indeterminate",
        "SENDER_UNCLEAR",
    ),
    # Fields of which we read only the beginning.
    replace(
        _doubtful(b'boundary="=_signed"', b'boundary="=_signed"; x="' + b"a" * 5000 + b'"; boundary=_khac'),
        name="boundary-again-far-behind.eml",
    ),
    Case(
        "from-again-far-behind.eml",
        lambda: _mail().replace(b"lan@example.vn", b"lan@example.vn" + b" " * 17000 + b", giamdoc@example.vn", 1),
        "indeterminate",
        "SENDER_UNCLEAR",
    ),
    # Header fields that were signed, against those that a program shows.
    Case("protected-header.eml", lambda: _mail(_PROTECTED), "passed"),
    Case(
        "protected-subject-behind-list-name.eml",
        lambda: _mail(_PROTECTED).replace(b"Subject: ", b"Subject: [dsthu] ", 1),
        "passed",
    ),
    Case(
        "protected-subject-differs.eml",
        lambda: _mail(_PROTECTED.replace(b"Phieu", b"Huy phieu")),
        "indeterminate",
        "PROTECTED_HEADER_DIFFERS",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "protected-from-differs.eml",
        lambda: _mail(_PROTECTED.replace(b"lan@", b"giamdoc@")),
        "indeterminate",
        "PROTECTED_HEADER_DIFFERS",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "wrapped-mail-from-differs.eml",
        lambda: _opaque(_WRAPPED.replace(b"lan@", b"giamdoc@")),
        "indeterminate",
        "PROTECTED_HEADER_DIFFERS",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case("wrapped-mail.eml", lambda: _mail(_WRAPPED), "passed"),
    # Forms of writing that are lawful.
    Case("quoted-printable-flowed.eml", lambda: _mail(_QUOTED), "passed"),
    Case("quoted-printable-line-feeds.eml", lambda: _mail(_QUOTED).replace(b"\r\n", b"\n"), "passed"),
    Case("empty-lines-before.eml", lambda: b"\r\n\n" + _mail(), "passed"),
    Case("encoding-with-zero-octet.eml", lambda: _mail(BODY.replace(b"utf-8", b"utf-8; name*=a%00'x'b")), "passed"),
    Case("encoding-that-cannot-replace.eml", lambda: _mail(BODY.replace(b"utf-8", b"utf-8; name*=idna''a")), "passed"),
    # Protocol, micalg, nesting, both forms.
    Case(
        "protocol-wrong.eml",
        lambda: _mail(protocol="application/x-something"),
        "indeterminate",
        "SMIME_PROTOCOL_DIFFERS",
        "SIG_CONSTRAINTS_FAILURE",
    ),
    Case(
        "protocol-pgp.eml",
        lambda: _mail(protocol="application/pgp-signature", kind="application/pgp-signature"),
        "unsupported",
        "UNSUPPORTED_FORMAT",
    ),
    Case("micalg-wrong.eml", lambda: _mail(micalg="sha-512"), "passed", "SMIME_MICALG_DIFFERS"),
    Case("nested.eml", _nested, "passed"),
    Case("nested-inner-changed.eml", lambda: _nested_inner_changed(), "failed", "CONTENT_CHANGED"),
    Case("content-inside-differs.eml", _both_forms, "failed", "CONTENT_INSIDE_DIFFERS", "HASH_FAILURE"),
    Case(
        "one-part-only.eml",
        lambda: (
            header()
            + b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=x\r\n\r\n--x\r\n'
            + BODY
            + b"\r\n--x--\r\n"
        ),
        "indeterminate",
        "SIGNED_DATA_NOT_FOUND",
        "SIGNED_DATA_NOT_FOUND",
    ),
    # What a transport may do, and what it may not.
    Case("text-changed.eml", lambda: _mail(signed=BODY + b"."), "failed", "CONTENT_CHANGED", "HASH_FAILURE"),
    Case(
        "charset-changed.eml",
        lambda: _mail(BODY.replace(b"utf-8", b"UTF-8"), signed=BODY),
        "failed",
        "CONTENT_CHANGED",
        "HASH_FAILURE",
    ),
    Case(
        "trailing-space-lost.eml",
        lambda: _mail(BODY, signed=BODY.replace(b",\r\n", b", \r\n")),
        "failed",
        "CONTENT_CHANGED",
        "HASH_FAILURE",
    ),
    Case(
        "signature-torn-off.eml",
        lambda: (
            header()
            + mixed(
                BODY,
                b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\n" + base64_lines(detached(office().lan, BODY)),
            )
        ),
        "indeterminate",
        "SIGNED_DATA_NOT_FOUND",
        "SIGNED_DATA_NOT_FOUND",
    ),
    Case(
        "signature-garbage.eml",
        lambda: header() + clear_signed(BODY, b"garbage"),
        "failed",
        "CMS_UNREADABLE",
        "FORMAT_FAILURE",
    ),
    Case(
        "signature-without-signer.eml",
        lambda: header() + clear_signed(BODY, signed_data(certificates=(office().lan.certificate,))),
        "failed",
        "CERTIFICATES_ONLY",
        "FORMAT_FAILURE",
    ),
    # A drawn seal is no signature; encrypted mail cannot be judged.
    Case("drawn-seal.eml", lambda: header() + _SEAL, "unsigned"),
    Case("encrypted.eml", lambda: header() + opaque_signed(_CRYPT, "enveloped-data"), "unsupported", "FILE_ENCRYPTED"),
    Case(
        "encrypted-then-signed.eml",
        lambda: _opaque(opaque_signed(_CRYPT, "enveloped-data")),
        "unsupported",
        "FILE_ENCRYPTED",
    ),
    Case(
        "certificates-only.eml",
        lambda: header() + opaque_signed(signed_data(certificates=(office().lan.certificate,)), "certs-only"),
        "unsigned",
    ),
)


def _nested_inner_changed() -> bytes:
    inner = clear_signed(BODY, detached(office().minh, BODY + b"!"), boundary="=_inner")
    return header() + clear_signed(inner, detached(office().lan, inner))


def main() -> None:
    """Write every file anew."""
    for folder, cases in (("cms", CMS_CASES), ("smime", MAIL_CASES)):
        target = HERE / folder
        target.mkdir(exist_ok=True)
        for case in cases:
            (target / case.name).write_bytes(case.make())


if __name__ == "__main__":
    main()
