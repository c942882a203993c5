"""Online revocation answers (OCSP, RFC 6960) as they stand in signed files: whom they speak of, and who speaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from signatures import algorithms, asn1
from signatures.certificates import Certificate, comparable_name, holds, read_extensions
from signatures.crls import INVALIDITY, REASONS

# An answer speaks of one certificate, seldom of a handful; the bound stops answers made to be slow.
MAX_SINGLE_ANSWERS = 200
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
NO_CHECK = "1.3.6.1.5.5.7.48.1.5"


class OcspError(ValueError):
    """The bytes are no successful OCSP answer that can be read."""


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """What an answer says of one certificate, which is named by hashes of its issuer and by its serial number."""

    digest: str
    issuer_name_digest: bytes
    issuer_key_digest: bytes
    serial: int
    status: Literal["good", "revoked", "unknown"]
    revoked_at: datetime | None
    reason: str
    this_update: datetime
    next_update: datetime | None

    def speaks_of(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether this is about `certificate` of `issuer`."""
        if self.serial != certificate.serial:
            return False
        try:
            name = algorithms.digest(self.digest, certificate.issuer)
            key = algorithms.digest(self.digest, key_bits(issuer.spki))
        except algorithms.Unsupported:
            return False
        return name == self.issuer_name_digest and key == self.issuer_key_digest


@dataclass(frozen=True, slots=True, eq=False)
class OcspAnswer:
    """A BasicOCSPResponse: who signed it, when, and what it says; `certificates` came with it."""

    der: bytes = field(repr=False)
    to_be_signed: bytes = field(repr=False)
    algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    responder_name: bytes | None
    responder_key: bytes | None
    produced_at: datetime
    answers: tuple[SingleAnswer, ...]
    certificates: tuple[bytes, ...] = field(repr=False)
    usable: bool

    def could_be_from(self, certificate: Certificate) -> bool:
        """Whether the responder this answer names is `certificate`."""
        if self.responder_name is not None:
            return comparable_name(self.responder_name) == comparable_name(certificate.subject)
        return self.responder_key == hashlib.sha1(key_bits(certificate.spki), usedforsecurity=False).digest()

    def signed_by(self, certificate: Certificate) -> bool:
        """Whether the key of `certificate` made the signature."""
        return _signed_by(self, certificate.spki)


@lru_cache(maxsize=512)
def _signed_by(answer: OcspAnswer, spki: bytes) -> bool:
    return holds(spki, answer.algorithm, answer.signature, answer.to_be_signed) is True


@lru_cache(maxsize=1024)
def key_bits(spki: bytes) -> bytes:
    """Return the octets of a public key without their algorithm: what OCSP and key identifiers hash."""
    return asn1.read(spki).parts(2, 2)[1].content[1:]


@lru_cache(maxsize=512)
def parse_ocsp(der: bytes) -> OcspAnswer:
    """Read an OCSPResponse or the BasicOCSPResponse inside one; OcspError if it is none or was not successful."""
    try:
        return _parse(der)
    except asn1.Asn1Error as cause:
        raise OcspError(f"not an OCSP answer: {cause}") from cause


def _parse(der: bytes) -> OcspAnswer:
    outer = asn1.read(der).expect(asn1.SEQUENCE).parts(1, 4)
    if outer[0].tag == asn1.ENUMERATED:
        if outer[0].integer() != 0 or len(outer) < 2:
            raise asn1.Asn1Error("the responder gave no answer")
        kind, body = outer[1].first().parts(2, 2)
        if kind.oid() != "1.3.6.1.5.5.7.48.1.1":
            raise asn1.Asn1Error("an answer of unknown kind")
        outer = asn1.read(body.octets()).expect(asn1.SEQUENCE).parts()
    if len(outer) < 3:
        raise asn1.Asn1Error("an answer without a signature")
    data, algorithm, signature, *rest = outer
    certificates: tuple[bytes, ...] = ()
    if rest and rest[0].tag == 0xA0:
        certificates = tuple(one.raw for one in rest[0].first().children())[:MAX_SINGLE_ANSWERS]
    parts = data.expect(asn1.SEQUENCE).parts(3)
    if parts[0].tag == 0xA0:
        parts = parts[1:]
    if len(parts) < 3:
        raise asn1.Asn1Error("an answer that lacks fields")
    responder, produced, answers, *extensions = parts
    name = responder.first().raw if responder.tag == 0xA1 else None
    key = responder.first().octets() if responder.tag == 0xA2 else None
    singles = tuple(_single(one) for one in _bounded(answers))
    critical = any(
        len(one.parts()) == 3 and one.parts()[1].boolean() for holder in extensions for one in holder.first().children()
    )
    return OcspAnswer(
        der=der,
        to_be_signed=data.raw,
        algorithm=algorithm.raw,
        signature=signature.bits(),
        responder_name=name,
        responder_key=key,
        produced_at=produced.time(),
        answers=singles,
        certificates=certificates,
        usable=not critical,
    )


def _bounded(answers: asn1.Element) -> Iterator[asn1.Element]:
    for count, one in enumerate(answers.children()):
        if count >= MAX_SINGLE_ANSWERS:
            raise asn1.Asn1Error("an answer about absurdly many certificates")
        yield one


def _single(element: asn1.Element) -> SingleAnswer:
    name, status, this_update, *rest = element.expect(asn1.SEQUENCE).parts(3)
    used, issuer_name, issuer_key, serial = name.parts(4, 4)
    try:
        digest = algorithms.digest_name(algorithms.algorithm(used)[0])
    except algorithms.Unsupported:
        digest = ""
    said: Literal["good", "revoked", "unknown"] = "unknown"
    revoked_at, reason = None, ""
    if status.tag == 0x80:
        said = "good"
    elif status.tag == 0xA1:
        said = "revoked"
        parts = status.parts(1, 2)
        revoked_at = parts[0].time()
        if len(parts) == 2:
            reason = REASONS.get(parts[1].first().integer(), "unspecified")
    next_update = None
    for part in rest:
        if part.tag == 0xA0:
            next_update = part.first().time()
        elif part.tag == 0xA1 and revoked_at is not None:
            since = read_extensions(part.first()).get(INVALIDITY)
            # As in a list (RFC 6960, 4.4.5): since then the key was in other hands.
            revoked_at = revoked_at if since is None else min(revoked_at, asn1.only(since.value).time())
    return SingleAnswer(
        digest,
        issuer_name.octets(),
        issuer_key.octets(),
        serial.integer(),
        said,
        revoked_at,
        reason,
        this_update.time(),
        next_update,
    )


def parse_ocsps(ders: tuple[bytes, ...]) -> Iterator[OcspAnswer]:
    """Yield those of `ders` that are OCSP answers, each once."""
    for der in dict.fromkeys(ders):
        try:
            yield parse_ocsp(der)
        except OcspError:
            continue
