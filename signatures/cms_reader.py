"""The parts of a CMS message (RFC 5652), exactly as they were sent; nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signatures import asn1

SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"

# What else a ContentInfo may hold; told by name so that a clerk hears "encrypted", not "unreadable".
ENCRYPTED = {
    "1.2.840.113549.1.7.3": "enveloped data",
    "1.2.840.113549.1.7.4": "signed and enveloped data",
    "1.2.840.113549.1.7.6": "encrypted data",
    "1.2.840.113549.1.9.16.1.2": "authenticated data",
    "1.2.840.113549.1.9.16.1.23": "authenticated enveloped data",
}
OTHERS = {
    DATA: "plain data",
    "1.2.840.113549.1.7.5": "digested data",
    "1.2.840.113549.1.9.16.1.9": "compressed data",
    "1.2.840.113549.1.9.16.1.31": "time-stamped data",
}

# A document has a handful of signers; each costs a verification and perhaps time stamps.
MAX_SIGNERS = 100
# The certificates and lists that one message may bring along.
MAX_PAPERS = 500
MAX_ATTRIBUTES = 200


class NotSignedData(ValueError):
    """The bytes are no CMS SignedData: `code` is the reason (CMS_UNREADABLE, CMS_NOT_SIGNED_DATA, CMS_ENCRYPTED)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its type and its values, as they stand."""

    kind: str
    values: tuple[asn1.Element, ...]


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """
    One signer's part. Either `issuer` (DER name) and `serial` or `key_identifier` name the certificate.

    `signed_attributes` is the [0] element as sent, None if there is none; see `attributes` for what is in it.
    """

    version: int
    issuer: bytes | None
    serial: int | None
    key_identifier: bytes | None
    digest_algorithm: asn1.Element
    signed_attributes: asn1.Element | None
    signature_algorithm: asn1.Element
    signature: bytes
    unsigned_attributes: asn1.Element | None
    element: asn1.Element


@dataclass(frozen=True, slots=True)
class SignedData:
    """
    The parts of a SignedData. `content` is None if it lies outside (detached).

    `ber` tells that some length was left open, `trailing` how many octets other than zero padding follow the message.
    """

    version: int
    digest_algorithms: tuple[asn1.Element, ...]
    content_type: str
    content: bytes | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]
    too_many_signers: bool
    ber: bool
    trailing: int


def content_type_of(data: bytes) -> str | None:
    """Return the content type if `data` begins like a ContentInfo, else None; cheap, for recognising files."""
    try:
        outer = asn1.read(data)
        if outer.tag != asn1.SEQUENCE:
            return None
        return outer.first().oid()
    except asn1.Asn1Error:
        return None


def read_signed_data(data: bytes) -> SignedData:
    """Read a ContentInfo with SignedData (DER or BER); NotSignedData if it is anything else."""
    try:
        outer = asn1.read(data)
        parts = outer.expect(asn1.SEQUENCE).parts(1)
        kind = parts[0].oid()
    except asn1.Asn1Error as cause:
        raise NotSignedData("CMS_UNREADABLE", f"not a CMS message: {cause}") from cause
    if kind in ENCRYPTED:
        raise NotSignedData("CMS_ENCRYPTED", ENCRYPTED[kind])
    if kind != SIGNED_DATA:
        raise NotSignedData("CMS_NOT_SIGNED_DATA", OTHERS.get(kind, kind))
    try:
        (body,) = outer.parts(2, 2)[1].expect(0xA0).parts(1, 1)
        return _signed_data(body, outer, data)
    except asn1.Asn1Error as cause:
        raise NotSignedData("CMS_UNREADABLE", f"not a SignedData: {cause}") from cause


def _signed_data(body: asn1.Element, outer: asn1.Element, data: bytes) -> SignedData:
    version, digests, encapsulated, *rest = body.expect(asn1.SEQUENCE).parts(3)
    parts = encapsulated.expect(asn1.SEQUENCE).parts(1, 2)
    content = None
    if len(parts) > 1:
        inner = parts[1].expect(0xA0).first()
        # PKCS #7 allowed any element here and digested its content octets (RFC 5652, 5.2.1).
        content = inner.octets() if inner.tag in (0x04, 0x24) else inner.content
    certificates: list[bytes] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    signers: asn1.Element | None = None
    if [part.tag for part in rest] != [tag for tag in (0xA0, 0xA1, asn1.SET) if any(part.tag == tag for part in rest)]:
        # RFC 5652, 5.1: each once and in this order. Of two rows of signers one program takes the first, one the last.
        raise asn1.Asn1Error("parts that are unknown, repeated or out of order")
    for part in rest:
        if part.tag == 0xA0:
            for one in _some(part, MAX_PAPERS):
                # Attribute certificates and "other" formats bear context tags; they name nobody's signing key.
                if one.tag == asn1.SEQUENCE:
                    certificates.append(one.raw)
        elif part.tag == 0xA1:
            for one in _some(part, MAX_PAPERS):
                if one.tag == asn1.SEQUENCE:
                    crls.append(one.raw)
                elif one.tag == 0xA1:
                    kind, value = one.parts(2, 2)
                    # RFC 5940: OCSP answers among the revocation information.
                    if kind.oid() in ("1.3.6.1.5.5.7.16.2", "1.3.6.1.5.5.7.48.1.1"):
                        ocsps.append(value.raw)
        elif part.tag == asn1.SET:
            signers = part
    infos = [] if signers is None else [signer_info(one) for one in _some(signers, MAX_SIGNERS)]
    count = 0 if signers is None else sum(1 for _ in _some(signers, MAX_SIGNERS + 1))
    return SignedData(
        version=version.integer(),
        digest_algorithms=tuple(_some(digests.expect(asn1.SET), MAX_SIGNERS)),
        content_type=parts[0].oid(),
        content=content,
        certificates=tuple(certificates),
        crls=tuple(crls),
        ocsps=tuple(ocsps),
        signers=tuple(infos),
        too_many_signers=count > MAX_SIGNERS,
        ber=outer.indefinite or body.indefinite,
        trailing=len(data[outer.stop :].rstrip(b"\0")),
    )


def _some(element: asn1.Element, most: int) -> Iterator[asn1.Element]:
    for count, one in enumerate(element.children()):
        if count >= most:
            return
        yield one


def signer_info(element: asn1.Element) -> SignerInfo:
    """Read a SignerInfo, also one that stands by itself as a counter-signature; Asn1Error if it is none."""
    version, identifier, digest, *rest = element.expect(asn1.SEQUENCE).parts(5, 7)
    issuer, serial, key_identifier = None, None, None
    if identifier.tag == asn1.SEQUENCE:
        name, number = identifier.parts(2, 2)
        issuer, serial = name.raw, number.integer()
    elif identifier.tag & ~0x20 == 0x80:
        key_identifier = identifier.octets(0x80)
    else:
        raise asn1.Asn1Error("a signer named in an unknown way")
    signed = rest.pop(0) if rest and rest[0].tag == 0xA0 else None
    if len(rest) < 2:
        raise asn1.Asn1Error("a signer's part without a signature")
    algorithm, signature, *unsigned = rest
    if unsigned and (unsigned[0].tag != 0xA1 or len(unsigned) > 1):
        raise asn1.Asn1Error("a signer's part of the wrong shape")
    return SignerInfo(
        version=version.integer(),
        issuer=issuer,
        serial=serial,
        key_identifier=key_identifier,
        digest_algorithm=digest.expect(asn1.SEQUENCE),
        signed_attributes=signed,
        signature_algorithm=algorithm.expect(asn1.SEQUENCE),
        signature=signature.octets(),
        unsigned_attributes=unsigned[0] if unsigned else None,
        element=element,
    )


def attributes(element: asn1.Element | None) -> tuple[Attribute, ...]:
    """Read a row of attributes; Asn1Error for one of the wrong shape or for absurdly many."""
    if element is None:
        return ()
    found: list[Attribute] = []
    for one in element.children():
        if len(found) >= MAX_ATTRIBUTES:
            raise asn1.Asn1Error("absurdly many attributes")
        kind, values = one.expect(asn1.SEQUENCE).parts(2, 2)
        found.append(Attribute(kind.oid(), tuple(_some(values.expect(asn1.SET), MAX_ATTRIBUTES))))
    return tuple(found)


def token_in_response(data: bytes) -> bytes | None:
    """Return the time-stamp token inside a TimeStampResp (RFC 3161, 2.4.2), None if `data` is no granted response."""
    try:
        parts = asn1.read(data).expect(asn1.SEQUENCE).parts()
        if len(parts) != 2 or parts[0].tag != asn1.SEQUENCE or parts[1].tag != asn1.SEQUENCE:
            return None
        status = parts[0].first()
        token = parts[1].raw
        granted = status.tag == asn1.INTEGER and status.integer() in (0, 1)
    except asn1.Asn1Error:
        return None
    return token if granted and content_type_of(token) == SIGNED_DATA else None


def looks_like_evidence_record(data: bytes) -> bool:
    """Whether `data` begins like an EvidenceRecord (RFC 4998, 3.1): version 1, digest algorithms, then a sequence."""
    try:
        parts = asn1.read(data).expect(asn1.SEQUENCE).parts()
        if len(parts) < 3 or parts[0].tag != asn1.INTEGER or parts[0].integer() != 1:
            return False
        first = parts[1].expect(asn1.SEQUENCE).first()
        first.expect(asn1.SEQUENCE).first().oid()
    except asn1.Asn1Error:
        return False
    return parts[-1].tag == asn1.SEQUENCE
