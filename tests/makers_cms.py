"""A small PKI and CMS messages with any defect one can name: built by hand, the same bytes on every run."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signatures import algorithms
from signatures.asn1 import encode_oid, only, tlv
from signatures.cms_reader import signer_info as read_signer

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
SHA256 = "2.16.840.1.101.3.4.2.1"
DIGESTS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": SHA256,
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
    "shake256": "2.16.840.1.101.3.4.2.12",
}
RSA_WITH = {
    "md5": "1.2.840.113549.1.1.4",
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
    "sha3_256": "2.16.840.1.101.3.4.3.14",
}
ECDSA_WITH = {
    "sha1": "1.2.840.10045.4.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
    "sha3_256": "2.16.840.1.101.3.4.3.10",
}
PSS = "1.2.840.113549.1.1.10"
HASHES = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
}

NOW = datetime(2019, 9, 10, 3, 0, tzinfo=UTC)
SINCE = datetime(2018, 1, 1, tzinfo=UTC)
UNTIL = datetime(2028, 1, 1, tzinfo=UTC)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


# --- DER ------------------------------------------------------------------------------------------------------------


def seq(*parts: bytes) -> bytes:
    """A SEQUENCE of the encoded `parts`."""
    return tlv(0x30, b"".join(parts))


def set_of(*parts: bytes, ordered: bool = True) -> bytes:
    """A SET OF the encoded `parts`, in DER order unless told otherwise."""
    return tlv(0x31, b"".join(sorted(parts) if ordered else parts))


def integer(value: int) -> bytes:
    """An INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, value)


def bits(value: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return tlv(0x03, b"\x00" + value)


def utc_time(moment: datetime) -> bytes:
    """A UTCTime."""
    return tlv(0x17, moment.astimezone(UTC).strftime("%y%m%d%H%M%SZ").encode())


def generalized(moment: datetime) -> bytes:
    """A GeneralizedTime."""
    return tlv(0x18, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def algorithm(oid: str, parameters: bytes = b"\x05\x00") -> bytes:
    """An AlgorithmIdentifier, with NULL parameters unless told otherwise."""
    return seq(encode_oid(oid), parameters)


def name(common: str, *, organization: str = "", email: str = "") -> bytes:
    """A distinguished name of Vietnam."""
    parts = [("2.5.4.6", tlv(0x13, b"VN"))]
    if organization:
        parts.append(("2.5.4.10", tlv(0x0C, organization.encode())))
    parts.append(("2.5.4.3", tlv(0x0C, common.encode())))
    if email:
        parts.append(("1.2.840.113549.1.9.1", tlv(0x16, email.encode())))
    return seq(*(set_of(seq(encode_oid(oid), value)) for oid, value in parts))


def indefinite(der: bytes, *, tag: int | None = None) -> bytes:
    """The constructed element `der` with its length left open (BER)."""
    first = der[1]
    header = 2 if first < 0x80 else 2 + (first & 0x7F)
    return bytes((der[0] if tag is None else tag, 0x80)) + der[header:] + b"\x00\x00"


# --- keys -----------------------------------------------------------------------------------------------------------


@cache
def ec_key(seed: int, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """A key made from `seed`, on P-256 unless told otherwise."""
    return ec.derive_private_key(1_000_003 * seed + 7, curve())


@cache
def ed25519_key(seed: int) -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key made from `seed`."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))


@cache
def ed448_key(seed: int) -> ed448.Ed448PrivateKey:
    """An Ed448 key made from `seed`."""
    return ed448.Ed448PrivateKey.from_private_bytes(seed.to_bytes(57, "big"))


@cache
def rsa_key(seed: int, size: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """An RSA key made from `seed`: weak as a secret, good as a test."""
    chance = random.Random(f"{seed}-{size}-{exponent}")
    primes: list[int] = []
    while len(primes) < 2:
        candidate = chance.getrandbits(size // 2) | 3 << (size // 2 - 2) | 1
        if candidate % exponent != 1 and candidate not in primes and _is_prime(candidate, chance):
            primes.append(candidate)
    p, q = primes
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
    )
    return numbers.private_key()


def _is_prime(number: int, chance: random.Random) -> bool:
    if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):
        power = pow(chance.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def spki_of(key: Key) -> bytes:
    """The SubjectPublicKeyInfo of `key`."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def rsa_spki(modulus: int, exponent: int, *, negative: bool = False) -> bytes:
    """An RSA SubjectPublicKeyInfo; `negative` leaves out the zero octet before the modulus, as some cards do."""
    number = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big") if negative else integer(modulus)
    encoded = tlv(0x02, number) if negative else number
    return seq(algorithm("1.2.840.113549.1.1.1"), bits(seq(encoded, integer(exponent))))


def raw_sign(key: Key, message: bytes, digest: str = "sha256") -> tuple[bytes, bytes]:
    """Sign `message`; return AlgorithmIdentifier and signature value."""
    if isinstance(key, rsa.RSAPrivateKey):
        return algorithm(RSA_WITH[digest]), key.sign(message, padding.PKCS1v15(), HASHES[digest])
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return algorithm("1.3.101.112", b""), key.sign(message)
    if isinstance(key, ed448.Ed448PrivateKey):
        return algorithm("1.3.101.113", b""), key.sign(message)
    scheme = ec.ECDSA(HASHES[digest], deterministic_signing=True)
    return algorithm(ECDSA_WITH[digest], b""), key.sign(message, scheme)


# --- certificates ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    """A key with its certificate and those of the authorities above, nearest first."""

    key: Key
    certificate: bytes
    subject: bytes
    issuer_name: bytes
    serial: int
    above: tuple[bytes, ...] = ()


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """One Extension."""
    return seq(encode_oid(oid), *((tlv(0x01, b"\xff"),) if critical else ()), octets(value))


def key_usage(*positions: int) -> bytes:
    """The keyUsage extension with these bits."""
    value = 0
    for position in positions:
        value |= 0x80 >> position
    return extension("2.5.29.15", tlv(0x03, bytes((0, value))), critical=True)


CA = extension("2.5.29.19", seq(tlv(0x01, b"\xff")), critical=True)
SIGNING = key_usage(0, 1)
AUTHORITY = (CA, key_usage(5, 6))
TIME_STAMPING = extension("2.5.29.37", seq(encode_oid("1.3.6.1.5.5.7.3.8")), critical=True)


def alternative_mail(*addresses: str) -> bytes:
    """A subjectAltName extension with mail addresses."""
    return extension("2.5.29.17", seq(*(tlv(0x81, one.encode()) for one in addresses)))


def certify(
    common: str,
    key: Key,
    issuer: Holder | None,
    *,
    extensions: Iterable[bytes] = (SIGNING,),
    serial: int | None = None,
    since: datetime = SINCE,
    until: datetime = UNTIL,
    spki: bytes | None = None,
    organization: str = "Demo",
    digest: str = "sha256",
) -> Holder:
    """Issue a certificate (self-signed without an issuer)."""
    subject = name(common, organization=organization)
    issuer_name = subject if issuer is None else issuer.subject
    signer = key if issuer is None else issuer.key
    number = sum(common.encode()) + len(common) * 1000 if serial is None else serial
    identifier, _ = raw_sign(signer, b"", digest)
    body = seq(
        tlv(0xA0, integer(2)),
        integer(number),
        identifier,
        issuer_name,
        seq(generalized(since) if since.year >= 2050 else utc_time(since), utc_time(until)),
        subject,
        spki_of(key) if spki is None else spki,
        tlv(0xA3, seq(*extensions)) if extensions else b"",
    )
    _, value = raw_sign(signer, body, digest)
    certificate = seq(body, identifier, bits(value))
    above = () if issuer is None else (issuer.certificate, *issuer.above)
    return Holder(key, certificate, subject, issuer_name, number, above)


def revocation_list(
    issuer: Holder,
    revoked: Iterable[tuple[int, datetime] | tuple[int, datetime, int] | tuple[int, datetime, int, datetime]] = (),
    *,
    this_update: datetime = NOW,
    next_update: datetime | None = UNTIL,
    number: int = 1,
    key: Key | None = None,
    extensions: Iterable[bytes] = (),
) -> bytes:
    """A CertificateList of `issuer`; each entry is serial, date, perhaps reason code and invalidity date."""
    rows = []
    for entry in revoked:
        reason = b""
        if len(entry) == 3:
            reason = seq(extension("2.5.29.21", tlv(0x0A, bytes((entry[2],)))))
        elif len(entry) == 4:
            since = extension("2.5.29.24", generalized(entry[3]))
            reason = seq(extension("2.5.29.21", tlv(0x0A, bytes((entry[2],)))), since)
        rows.append(seq(integer(entry[0]), utc_time(entry[1]), reason))
    signer = issuer.key if key is None else key
    identifier, _ = raw_sign(signer, b"")
    body = seq(
        integer(1),
        identifier,
        issuer.subject,
        utc_time(this_update),
        b"" if next_update is None else utc_time(next_update),
        seq(*rows) if rows else b"",
        tlv(0xA0, seq(extension("2.5.29.20", integer(number)), *extensions)),
    )
    _, value = raw_sign(signer, body)
    return seq(body, identifier, bits(value))


def ocsp_answer(
    responder: Holder,
    certificate: Holder,
    issuer: Holder,
    *,
    status: bytes = tlv(0x80, b""),
    this_update: datetime = NOW,
    next_update: datetime | None = None,
    produced_at: datetime | None = None,
    with_certificate: bool = True,
    extensions: Iterable[bytes] = (),
) -> bytes:
    """A successful OCSPResponse about `certificate`, signed by `responder`; `extensions` are those of its answer."""
    key_octets = issuer_key_octets(issuer)
    identifier = seq(
        algorithm(DIGESTS["sha1"]),
        octets(algorithms.digest("sha1", issuer.subject)),
        octets(algorithms.digest("sha1", key_octets)),
        integer(certificate.serial),
    )
    single = seq(
        identifier,
        status,
        generalized(this_update),
        b"" if next_update is None else tlv(0xA0, generalized(next_update)),
        tlv(0xA1, seq(*extensions)) if extensions else b"",
    )
    data = seq(tlv(0xA1, responder.subject), generalized(produced_at or this_update), seq(single))
    chosen, value = raw_sign(responder.key, data)
    papers = tlv(0xA0, seq(responder.certificate)) if with_certificate else b""
    basic = seq(data, chosen, bits(value), papers)
    wrapped = seq(encode_oid("1.3.6.1.5.5.7.48.1.1"), octets(basic))
    return seq(tlv(0x0A, b"\x00"), tlv(0xA0, wrapped))


def revoked_since(moment: datetime, reason: int | None = None) -> bytes:
    """The OCSP status "revoked"."""
    return tlv(0xA1, generalized(moment) + (b"" if reason is None else tlv(0xA0, tlv(0x0A, bytes((reason,))))))


def issuer_key_octets(holder: Holder) -> bytes:
    """The bare key bits of a holder, which OCSP hashes."""
    if isinstance(holder.key, rsa.RSAPrivateKey):
        return holder.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(holder.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return holder.key.public_key().public_bytes_raw()
    return holder.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Office:
    """The PKI of the tests: root, authority, two persons with mail addresses, a time-stamp authority."""

    root: Holder
    authority: Holder
    lan: Holder
    minh: Holder
    stamper: Holder


@cache
def office() -> Office:
    """The same PKI on every call."""
    root = certify("Test Root", ec_key(1), None, extensions=AUTHORITY)
    authority = certify("Test Authority", ec_key(2), root, extensions=AUTHORITY)
    lan = certify("Nguyễn Thị Lan", ec_key(3), authority, extensions=(SIGNING, alternative_mail("lan@example.vn")))
    minh = certify("Trần Văn Minh", ec_key(4), authority, extensions=(SIGNING, alternative_mail("minh@example.vn")))
    stamper = certify("Test Time Stamps", ec_key(5), authority, extensions=(key_usage(0), TIME_STAMPING))
    return Office(root, authority, lan, minh, stamper)


# --- CMS ------------------------------------------------------------------------------------------------------------


def attribute(oid: str, *values: bytes) -> bytes:
    """One Attribute."""
    return seq(encode_oid(oid), set_of(*values))


def content_type(oid: str = DATA) -> bytes:
    """The content-type attribute."""
    return attribute("1.2.840.113549.1.9.3", encode_oid(oid))


def message_digest(content: bytes, digest: str = "sha256") -> bytes:
    """The message-digest attribute over `content`."""
    return attribute("1.2.840.113549.1.9.4", octets(algorithms.digest(digest, content)))


def signing_time(moment: datetime = NOW) -> bytes:
    """The signing-time attribute."""
    return attribute("1.2.840.113549.1.9.5", utc_time(moment))


def signing_certificate(certificate: bytes) -> bytes:
    """The ESS signing-certificate-v2 attribute (SHA-256, which is its default)."""
    return attribute("1.2.840.113549.1.9.16.2.47", seq(seq(seq(octets(algorithms.digest("sha256", certificate))))))


def algorithm_protection(digest: bytes, signature: bytes) -> bytes:
    """The CMS algorithm-protection attribute."""
    return attribute("1.2.840.113549.1.9.52", seq(digest, tlv(0xA1, signature[2:])))


def usual_attributes(holder: Holder, content: bytes, *, digest: str = "sha256", kind: str = DATA) -> list[bytes]:
    """The attributes of a CAdES baseline signature."""
    return [
        content_type(kind),
        message_digest(content, digest),
        signing_time(),
        signing_certificate(holder.certificate),
    ]


def pss_parameters(digest: str = "sha256", mask: str = "sha256", salt: int = 0) -> bytes:
    """RSASSA-PSS parameters; no salt, so that the same bytes come out every time."""
    mgf = algorithm("1.2.840.113549.1.1.8", algorithm(DIGESTS[mask]))
    return seq(tlv(0xA0, algorithm(DIGESTS[digest])), tlv(0xA1, mgf), tlv(0xA2, integer(salt)))


def signer(
    holder: Holder,
    content: bytes,
    *,
    attributes: Sequence[bytes] | None = None,
    with_attributes: bool = True,
    digest: str = "sha256",
    digest_identifier: bytes | None = None,
    scheme: bytes | None = None,
    value: bytes | None = None,
    unsigned: Sequence[bytes] = (),
    ordered: bool = True,
    open_attributes: bool = False,
    identifier: bytes | None = None,
    signing_digest: str | None = None,
    version: int = 1,
) -> bytes:
    """One SignerInfo; every part can be replaced by a wrong one."""
    own = usual_attributes(holder, content, digest=digest) if attributes is None else list(attributes)
    message = set_of(*own, ordered=ordered) if with_attributes else content
    chosen, computed = raw_sign(holder.key, message, signing_digest or digest)
    signed = b""
    if with_attributes:
        signed = b"\xa0" + message[1:]
        if open_attributes:
            signed = indefinite(message, tag=0xA0)
    return seq(
        integer(version),
        seq(holder.issuer_name, integer(holder.serial)) if identifier is None else identifier,
        algorithm(DIGESTS[digest], b"") if digest_identifier is None else digest_identifier,
        signed,
        chosen if scheme is None else scheme,
        octets(computed if value is None else value),
        tlv(0xA1, b"".join(unsigned)) if unsigned else b"",
    )


def signature_value(signer_info: bytes) -> bytes:
    """The signature octets of a SignerInfo made by `signer` (its last OCTET STRING at the top level)."""
    return read_signer(only(signer_info)).signature


def _digests_of(signers: Sequence[bytes]) -> list[str]:
    names = {oid: name for name, oid in DIGESTS.items()}
    used = [read_signer(only(one)).digest_algorithm.first().oid() for one in signers]
    return sorted({names.get(oid, "sha256") for oid in used}) or ["sha256"]


def signed_data(
    *signers: bytes,
    content: bytes | None = None,
    certificates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    kind: str = DATA,
    digests: Sequence[str] | None = None,
    ber: bool = False,
    pieces: int = 0,
) -> bytes:
    """
    A ContentInfo with SignedData; `content` None is detached; `ber` leaves the outer lengths open.

    `digests` are those announced, by default the signers' own. `pieces` cuts the content as streaming writers do.
    """
    inside = b""
    if content is not None:
        cut = [octets(content[at : at + pieces]) for at in range(0, len(content), pieces)] if pieces else []
        inside = tlv(0xA0, indefinite(tlv(0x24, b"".join(cut))) if cut else octets(content))
    encapsulated = seq(encode_oid(kind), inside)
    body = seq(
        integer(1),
        set_of(*(algorithm(DIGESTS[one], b"") for one in (_digests_of(signers) if digests is None else digests))),
        encapsulated,
        tlv(0xA0, b"".join(certificates)) if certificates else b"",
        tlv(0xA1, b"".join(crls)) if crls else b"",
        set_of(*signers),
    )
    if ber:
        inner = indefinite(body)
        return b"\x30\x80" + encode_oid(SIGNED_DATA) + b"\xa0\x80" + inner + b"\x00\x00\x00\x00"
    return seq(encode_oid(SIGNED_DATA), tlv(0xA0, body))


def detached(holder: Holder, content: bytes, **options: object) -> bytes:
    """A good detached signature, or one with the defect that the options of `signer` make."""
    return signed_data(signer(holder, content, **options), certificates=(holder.certificate,))  # type: ignore[arg-type]


def token(
    stamper: Holder,
    stamped: bytes,
    *,
    moment: datetime = NOW,
    digest: str = "sha256",
    imprint: bytes | None = None,
    certificates: Sequence[bytes] | None = None,
    bound: bool = True,
    unsigned: Sequence[bytes] = (),
) -> bytes:
    """An RFC 3161 time-stamp token over `stamped`."""
    info = seq(
        integer(1),
        encode_oid("2.16.704.1.1.1.9"),
        seq(algorithm(DIGESTS[digest]), octets(algorithms.digest(digest, stamped) if imprint is None else imprint)),
        integer(7),
        generalized(moment),
    )
    attributes = [content_type(TST_INFO), message_digest(info)]
    if bound:
        attributes.append(signing_certificate(stamper.certificate))
    papers = (stamper.certificate, *stamper.above) if certificates is None else certificates
    part = signer(stamper, info, attributes=attributes, unsigned=unsigned)
    return signed_data(part, content=info, certificates=papers, kind=TST_INFO)


def archive_attribute(
    stamper: Holder,
    signer_info: bytes,
    content: bytes,
    *,
    certificates: Sequence[bytes],
    crls: Sequence[bytes] = (),
    unsigned: Sequence[tuple[str, bytes]] = (),
    moment: datetime = NOW,
) -> bytes:
    """
    The unsigned attribute with an archive time stamp, version 3, over a detached signature (ETSI EN 319 122-1, 5.5.3).

    `unsigned` are type and value of the unsigned attributes that are there already.
    """

    def digests(values: Iterable[bytes]) -> bytes:
        return seq(*(octets(algorithms.digest("sha256", value)) for value in values))

    index = seq(
        algorithm(SHA256, b""),
        digests(certificates),
        digests(crls),
        digests(encode_oid(oid) + value for oid, value in unsigned),
    )
    fields = [one.raw for one in only(signer_info).children()]
    kept = [field for field in fields if field[0] != 0xA1]
    stamped = encode_oid(DATA) + algorithms.digest("sha256", content) + b"".join(kept) + index
    stamp = token(stamper, stamped, moment=moment, unsigned=[attribute("0.4.0.19122.1.5", index)])
    return attribute("0.4.0.1733.2.4", stamp)


def timestamp_attribute(stamp: bytes) -> bytes:
    """The unsigned attribute that carries a signature time stamp."""
    return attribute("1.2.840.113549.1.9.16.2.14", stamp)


# --- mail -----------------------------------------------------------------------------------------------------------

BODY = (
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"K\xc3\xadnh g\xe1\xbb\xadi S\xe1\xbb\x9f,\r\nxin n\xe1\xbb\x99p phi\xe1\xba\xbfu.\r\n"
)


def header(*, sender: str = "From: lan@example.vn", extra: str = "") -> bytes:
    """The header of a mail, without its content fields."""
    lines = [sender, "To: stttt@example.vn", "Subject: Phieu danh gia", "Date: Tue, 10 Sep 2019 10:00:00 +0700"]
    lines += [line for line in (extra, "MIME-Version: 1.0") if line]
    return "\r\n".join(line for line in lines if line).encode() + b"\r\n"


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 64, ending in CR LF."""
    text = base64.b64encode(data)
    return b"".join(text[at : at + 64] + b"\r\n" for at in range(0, len(text), 64))


def clear_signed(
    part: bytes,
    signature: bytes,
    *,
    protocol: str = "application/pkcs7-signature",
    micalg: str = "sha-256",
    kind: str = "application/pkcs7-signature",
    after: bytes = b"",
    boundary: str = "=_signed",
) -> bytes:
    """A multipart/signed entity of two parts; `after` is a third one."""
    mark = b"--" + boundary.encode()
    kind_of_whole = f'multipart/signed; protocol="{protocol}"; micalg={micalg}; boundary="{boundary}"'
    return (
        f"Content-Type: {kind_of_whole}\r\n\r\n".encode()
        + mark
        + b"\r\n"
        + part
        + b"\r\n"
        + mark
        + f"\r\nContent-Type: {kind}; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        + base64_lines(signature)
        + (b"" if not after else mark + b"\r\n" + after + b"\r\n")
        + mark
        + b"--\r\n"
    )


def opaque_signed(message: bytes, smime_type: str = "signed-data") -> bytes:
    """An application/pkcs7-mime entity."""
    return (
        f"Content-Type: application/pkcs7-mime; smime-type={smime_type}; name=smime.p7m\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64_lines(message)


def mixed(*parts: bytes, kind: str = "mixed", boundary: str = "=_mixed") -> bytes:
    """A multipart entity of any number of parts."""
    mark = b"--" + boundary.encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
