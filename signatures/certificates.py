"""What a certificate says, and whom it names in words an office can show: ID numbers masked, letters composed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from asn1crypto import x509 as asn1_x509

from signatures import algorithms, asn1, signature_value
from signatures.report import Signer

# Real certificates have a dozen extensions and a few kilobytes; these bounds only stop the absurd.
MAX_EXTENSIONS = 64
MAX_CERTIFICATE_BYTES = 1 << 20

_COMMON_NAME = "2.5.4.3"
_SERIAL_NUMBER = "2.5.4.5"
_COUNTRY = "2.5.4.6"
_LOCALITY = "2.5.4.7"
_ORGANIZATION = "2.5.4.10"
_UNIT = "2.5.4.11"
_EMAIL = "1.2.840.113549.1.9.1"
_SHORT = {
    _COMMON_NAME: "CN",
    "2.5.4.4": "SN",
    _SERIAL_NUMBER: "serialNumber",
    _COUNTRY: "C",
    _LOCALITY: "L",
    "2.5.4.8": "ST",
    _ORGANIZATION: "O",
    _UNIT: "OU",
    "2.5.4.12": "T",
    "2.5.4.42": "GN",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    _EMAIL: "E",
}

# CMND: the old identity card, CCCD: the new one, HC: a passport; MST is a tax code, which is public.
_PERSONAL_ID = re.compile(r"\b((?:CMND|CMTND|CCCD|HC|HOCHIEU|CM|PID)\s*[:\-]?\s*)([0-9A-Z]{4,})", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{9}(?:[0-9]{3})?(?![0-9])")


class CertificateError(ValueError):
    """The bytes are no X.509 certificate that can be read."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: whether whoever does not know it must refuse, and its value (DER)."""

    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """
    The fields of an X.509 certificate that a judgement needs; names are kept as DER.

    `to_be_signed` is exactly what the issuer signed. `key_usage` holds bit numbers of RFC 5280, 4.2.1.3 (None: no
    restriction), `extended_key_usage` dotted identifiers (None: no restriction). `ca` and `path_length` are the
    basic constraints.
    """

    der: bytes = field(repr=False)
    to_be_signed: bytes = field(repr=False)
    version: int
    serial: int
    serial_octets: bytes
    issuer: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    spki: bytes = field(repr=False)
    signature_algorithm: bytes = field(repr=False)
    inner_algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    extensions: dict[str, Extension] = field(repr=False)
    key_usage: frozenset[int] | None
    extended_key_usage: frozenset[str] | None
    ca: bool
    path_length: int | None
    key_identifier: bytes | None
    authority_key: bytes | None
    authority_serial: int | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def self_issued(self) -> bool:
        """Whether issuer and subject are the same name (RFC 5280, 3.2)."""
        return same_name(self.issuer, self.subject)

    @property
    def sha256(self) -> str:
        """The certificate's fingerprint, lower-case hexadecimal."""
        return fingerprint(self.der)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of `der` in lower-case hexadecimal."""
    return hashlib.sha256(der).hexdigest()


@lru_cache(maxsize=1024)
def parse(der: bytes) -> Certificate:
    """Read an X.509 certificate (DER; BER is tolerated); CertificateError if it is none."""
    try:
        return _parse(der)
    except asn1.Asn1Error as cause:
        raise CertificateError(f"not a certificate: {cause}") from cause


def parse_all(ders: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    """Read those of `ders` that are certificates, each once; others are left out."""
    found = []
    for der in dict.fromkeys(ders):
        try:
            found.append(parse(der))
        except CertificateError:
            continue
    return tuple(found)


def _parse(der: bytes) -> Certificate:
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise asn1.Asn1Error("larger than any certificate")
    outer = asn1.only(der).expect(asn1.SEQUENCE).parts(3, 3)
    body, outer_algorithm, signature = outer
    parts = body.expect(asn1.SEQUENCE).parts(6)
    version = 1
    if parts[0].tag == 0xA0:
        version = parts[0].first().integer() + 1
        parts = parts[1:]
    if len(parts) < 6:
        raise asn1.Asn1Error("fields are missing")
    serial, inner_algorithm, issuer, validity, subject, spki, *rest = parts
    moments = validity.expect(asn1.SEQUENCE).parts(2, 2)
    extensions: dict[str, Extension] = {}
    for element in rest:
        if element.tag == 0xA3:
            extensions = _extensions(element)
    ca, path_length = _basic_constraints(extensions.get("2.5.29.19"))
    authority_key, authority_serial = _authority(extensions.get("2.5.29.35"))
    return Certificate(
        der=der,
        to_be_signed=body.raw,
        version=version,
        serial=serial.integer(),
        serial_octets=serial.content,
        issuer=issuer.expect(asn1.SEQUENCE).raw,
        subject=subject.expect(asn1.SEQUENCE).raw,
        not_before=moments[0].time(),
        not_after=moments[1].time(),
        spki=spki.expect(asn1.SEQUENCE).raw,
        signature_algorithm=outer_algorithm.expect(asn1.SEQUENCE).raw,
        inner_algorithm=inner_algorithm.expect(asn1.SEQUENCE).raw,
        # A signature with unused bits is no whole number of octets: it can be read, and it cannot hold.
        signature=b"" if signature.content[:1] != b"\x00" else signature.bits(),
        extensions=extensions,
        key_usage=_bits(extensions.get("2.5.29.15")),
        extended_key_usage=_purposes(extensions.get("2.5.29.37")),
        ca=ca,
        path_length=path_length,
        key_identifier=_key_identifier(extensions.get("2.5.29.14")),
        authority_key=authority_key,
        authority_serial=authority_serial,
    )


def _extensions(element: asn1.Element) -> dict[str, Extension]:
    return read_extensions(element.first())


def read_extensions(sequence: asn1.Element) -> dict[str, Extension]:
    """Read an Extensions SEQUENCE; Asn1Error for one that stands twice (RFC 5280, 4.2) or for absurdly many."""
    found: dict[str, Extension] = {}
    for index, one in enumerate(sequence.expect(asn1.SEQUENCE).children()):
        parts = one.expect(asn1.SEQUENCE).parts(2, 3)
        if index >= MAX_EXTENSIONS:
            raise asn1.Asn1Error("absurdly many extensions")
        oid = parts[0].oid()
        if oid in found:
            raise asn1.Asn1Error(f"extension {oid} stands twice")
        critical = parts[1].boolean() if len(parts) == 3 else False
        found[oid] = Extension(critical, parts[-1].octets())
    return found


def _basic_constraints(extension: Extension | None) -> tuple[bool, int | None]:
    if extension is None:
        return False, None
    ca, length = False, None
    for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
        if part.tag == asn1.BOOLEAN:
            ca = part.boolean()
        else:
            length = part.integer()
    return ca, length


def _bits(extension: Extension | None) -> frozenset[int] | None:
    return None if extension is None else asn1.only(extension.value).named_bits()


def _purposes(extension: Extension | None) -> frozenset[str] | None:
    if extension is None:
        return None
    return frozenset(part.oid() for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children())


def _key_identifier(extension: Extension | None) -> bytes | None:
    return None if extension is None else asn1.only(extension.value).octets()


def _authority(extension: Extension | None) -> tuple[bytes | None, int | None]:
    if extension is None:
        return None, None
    key, serial = None, None
    for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
        if part.tag == 0x80:
            key = part.content
        elif part.tag == 0x82:
            serial = int.from_bytes(part.content, "big", signed=True)
    return key, serial


@lru_cache(maxsize=2048)
def _comparable(name: bytes) -> str | bytes:
    """Return the prepared form in which names are compared (RFC 5280, 7.1); the bytes where a name cannot be read."""
    try:
        prepared = asn1_x509.Name.load(name, strict=True).hashable
        return prepared if isinstance(prepared, str) else name
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        # asn1crypto raises any of these on hostile names; such a name equals only itself.
        return name


def same_name(first: bytes, second: bytes) -> bool:
    """Whether two DER names are the same by RFC 5280, 7.1 (case and inner white space do not count)."""
    return first == second or _comparable(first) == _comparable(second)


def comparable_name(name: bytes) -> str | bytes:
    """Return a form of the DER `name` that is equal exactly for names that are the same (see `same_name`)."""
    return _comparable(name)


def name_parts(name: bytes) -> Iterator[tuple[str, str]]:
    """Yield (dotted type, text) of every part of the DER `name`, in order; unreadable parts are left out."""
    try:
        for relative in asn1.only(name).expect(asn1.SEQUENCE).children():
            for pair in relative.children():
                kind, value = pair.parts(2, 2)
                yield kind.oid(), _text(value)
    except asn1.Asn1Error:
        return


def _text(value: asn1.Element) -> str:
    """Return a directory string as text, NFC, without control characters."""
    content = value.content
    if value.tag == 0x1E:
        text = content.decode("utf-16-be", "replace")
    elif value.tag == 0x1C:
        text = content.decode("utf-32-be", "replace")
    else:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    text = unicodedata.normalize("NFC", text)
    return "".join(letter if letter.isprintable() else "�" for letter in text).strip()


def describe_name(name: bytes) -> str:
    """Return the DER `name` as one line (CN=…, O=…), ID numbers masked."""
    return ", ".join(f"{_SHORT.get(kind, kind)}={_masked(kind, text)}" for kind, text in name_parts(name))


def _masked(kind: str, text: str) -> str:
    def last_three(match: re.Match[str]) -> str:
        number = match[match.lastindex or 0]
        lead = match[1] if match.lastindex == 2 else ""
        return lead + "*" * (len(number) - 3) + number[-3:]

    if kind == _EMAIL:
        return text
    text = _PERSONAL_ID.sub(last_three, text)
    if kind in (_SERIAL_NUMBER, "0.9.2342.19200300.100.1.1") and not text.upper().startswith("MST"):
        text = _LONG_NUMBER.sub(last_three, text)
    return text


def email_addresses(certificate: Certificate) -> tuple[str, ...]:
    """Return the mail addresses of the certificate: those of its alternative names, then those of its subject."""
    found = []
    alternative = certificate.extensions.get("2.5.29.17")
    if alternative is not None:
        try:
            for name in asn1.only(alternative.value).expect(asn1.SEQUENCE).children():
                if name.tag == 0x81:
                    found.append(name.content.decode("ascii"))
                elif name.tag == 0xA0:
                    found.extend(_smtp_utf8(name))
        except (asn1.Asn1Error, UnicodeDecodeError):
            pass
    found.extend(text for kind, text in name_parts(certificate.subject) if kind == _EMAIL)
    return tuple(dict.fromkeys(address.strip() for address in found if "@" in address))


def _smtp_utf8(name: asn1.Element) -> Iterator[str]:
    """Yield the address of an otherName SmtpUTF8Mailbox (RFC 9598)."""
    parts = name.parts()
    if len(parts) == 2 and parts[0].oid() == "1.3.6.1.5.5.7.8.9":
        yield parts[1].first().content.decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def signer_of(certificate: bytes) -> Signer:
    """
    Return whom the DER `certificate` names; a certificate that cannot be read gives a Signer with only its digest.

    Values are NFC; personal ID numbers (UID=CMND:…, CCCD:…, and the serialNumber attribute of persons) are masked to
    their last three digits, because the console, the logs and the letters must not spread them (domain: public CAs).
    Where a name part occurs several times the most specific one is told, except OU, of which all are.
    """
    try:
        parsed = parse(certificate)
    except CertificateError:
        return Signer(certificate_sha256=fingerprint(certificate), certificate=certificate)
    parts = [(kind, _masked(kind, text)) for kind, text in name_parts(parsed.subject)]
    last = dict(parts)
    return Signer(
        common_name=last.get(_COMMON_NAME, ""),
        organization=last.get(_ORGANIZATION, ""),
        organizational_units=tuple(text for kind, text in parts if kind == _UNIT),
        locality=last.get(_LOCALITY, ""),
        country=last.get(_COUNTRY, ""),
        email=next(iter(email_addresses(parsed)), ""),
        certificate_sha256=parsed.sha256,
        issuer=describe_name(parsed.issuer),
        not_before=parsed.not_before.astimezone(UTC),
        not_after=parsed.not_after.astimezone(UTC),
        certificate=certificate,
    )


@lru_cache(maxsize=4096)
def signed_by(certificate: Certificate, issuer_spki: bytes) -> bool | None:
    """
    Whether the key `issuer_spki` made the signature on `certificate`; None if the algorithm cannot be computed.

    The algorithm named inside and outside must be the same (RFC 5280, 4.1.1.2), else the answer is no.
    """
    if certificate.signature_algorithm != certificate.inner_algorithm:
        return False
    return holds(issuer_spki, certificate.signature_algorithm, certificate.signature, certificate.to_be_signed)


def holds(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> bool | None:
    """Whether `signature` by `algorithm` (DER AlgorithmIdentifier) fits; None if it cannot be computed."""
    try:
        scheme = algorithms.scheme_of(asn1.only(algorithm))
        return signature_value.holds(spki, scheme, signature, message)
    except algorithms.Disagreement:
        return False
    except algorithms.Unsupported:
        return None
    except asn1.Asn1Error:
        return False


def signature_digest(algorithm: bytes) -> str:
    """Return the digest of a certificate's signature algorithm, "" if it signs whole messages or is unknown."""
    try:
        return algorithms.scheme_of(asn1.only(algorithm)).digest
    except (asn1.Asn1Error, algorithms.Unsupported, algorithms.Disagreement):
        return ""
