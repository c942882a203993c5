"""Certificate revocation lists: read once, verified once, and asked for one serial number at constant cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

from signatures import algorithms, asn1, signature_value
from signatures.certificates import Certificate, Extension, comparable_name, read_extensions

# The national lists hold some hundred thousand entries (8 MB); more than this is not kept in a worker's memory.
MAX_CRL_BYTES = 64 << 20

_REASON_CODE = "2.5.29.21"
INVALIDITY = "2.5.29.24"
_CERTIFICATE_ISSUER = "2.5.29.29"
_DELTA = "2.5.29.27"
_NUMBER = "2.5.29.20"
_SCOPE = "2.5.29.28"
_EXPIRED_KEPT = "2.5.29.60"
_KNOWN_CRITICAL = frozenset({_DELTA, _NUMBER, _SCOPE, "2.5.29.35"})
_KNOWN_ENTRY_CRITICAL = frozenset({_REASON_CODE, _CERTIFICATE_ISSUER, INVALIDITY})
# The extensions of nearly every entry: a reason code alone. Its last octet is the reason.
_PLAIN_REASON = bytes.fromhex("300c300a0603551d1504030a01")

REASONS = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}
# Bits 1 to 8 of ReasonFlags: a list for all of them is a list for every reason.
ALL_REASONS = frozenset(range(1, 9))

GeneralNames = frozenset[tuple[int, str | bytes]]


class CrlError(ValueError):
    """The bytes are no certificate revocation list that can be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate: since when (an earlier invalidity date counts), and why ("" if the list is silent)."""

    revoked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list is about (issuing distribution point, RFC 5280, 5.2.5); `names` None is any place."""

    names: GeneralNames | None = None
    users_only: bool = False
    authorities_only: bool = False
    attributes_only: bool = False
    indirect: bool = False
    reasons: frozenset[int] = ALL_REASONS


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """
    One CertificateList; the entries stay in `der` and are found through an index that is built at the first question.

    `usable` is False if the list bears a critical extension that nobody here understands: then it says nothing
    (RFC 5280, 5.2 and 5.3). `number` and `base` are those of full and delta lists.
    """

    der: bytes = field(repr=False)
    body: tuple[int, int]
    issuer: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime | None
    algorithm: bytes = field(repr=False)
    same_algorithm: bool
    signature: bytes = field(repr=False)
    authority_key: bytes | None
    number: int | None
    base: int | None
    scope: Scope
    scope_der: bytes = field(repr=False)
    expired_kept_since: datetime | None
    usable: bool
    entries: tuple[int, int]

    MAX_ENTRIES: ClassVar[int] = 4_000_000

    def find(self, serial_octets: bytes, issuer: bytes) -> Entry | None:
        """Return the entry of the certificate with this serial number (its DER octets) and issuer name (DER)."""
        index = _index(self)
        if index is None:
            return None
        return index.find(serial_octets, issuer)

    @property
    def readable(self) -> bool:
        """Whether every entry can be read and none bears a critical extension unknown to us."""
        return self.usable and _index(self) is not None


@lru_cache(maxsize=64)
def parse_crl(der: bytes) -> RevocationList:
    """Read a CertificateList without its entries; CrlError if it is none."""
    try:
        return _parse(der)
    except asn1.Asn1Error as cause:
        raise CrlError(f"not a revocation list: {cause}") from cause


def _parse(der: bytes) -> RevocationList:
    if len(der) > MAX_CRL_BYTES:
        raise asn1.Asn1Error("larger than any list we keep")
    outer = asn1.only(der).expect(asn1.SEQUENCE).parts(3, 3)
    body, outer_algorithm, signature = outer
    parts = body.expect(asn1.SEQUENCE).parts()
    if parts and parts[0].tag == asn1.INTEGER:
        parts = parts[1:]
    if len(parts) < 3:
        raise asn1.Asn1Error("fields are missing")
    inner_algorithm, issuer, this_update, *rest = parts
    next_update = None
    if rest and rest[0].tag in (asn1.UTC_TIME, asn1.GENERALIZED_TIME):
        next_update = rest.pop(0).time()
    entries = (0, 0)
    if rest and rest[0].tag == asn1.SEQUENCE:
        listed = rest.pop(0)
        entries = (listed.body, listed.end)
    extensions: dict[str, Extension] = {}
    if rest and rest[0].tag == 0xA0:
        extensions = read_extensions(rest[0].first())
    scope, scope_der = Scope(), b""
    if _SCOPE in extensions:
        scope_der = extensions[_SCOPE].value
        scope = _scope(asn1.only(scope_der), issuer.raw)
    kept = extensions.get(_EXPIRED_KEPT)
    return RevocationList(
        der=der,
        body=(body.start, body.stop),
        issuer=issuer.expect(asn1.SEQUENCE).raw,
        this_update=this_update.time(),
        next_update=next_update,
        algorithm=outer_algorithm.raw,
        same_algorithm=outer_algorithm.raw == inner_algorithm.raw,
        signature=signature.bits(),
        authority_key=_authority_key(extensions.get("2.5.29.35")),
        number=_number(extensions.get(_NUMBER)),
        base=_number(extensions.get(_DELTA)),
        scope=scope,
        scope_der=scope_der,
        expired_kept_since=None if kept is None else asn1.only(kept.value).time(),
        usable=not any(one.critical and oid not in _KNOWN_CRITICAL for oid, one in extensions.items()),
        entries=entries,
    )


def _number(extension: Extension | None) -> int | None:
    return None if extension is None else asn1.only(extension.value).integer()


def _authority_key(extension: Extension | None) -> bytes | None:
    if extension is None:
        return None
    for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
        if part.tag == 0x80:
            return part.content
    return None


def general_names(element: asn1.Element) -> GeneralNames:
    """Return the GeneralNames inside `element` in comparable form."""
    found: set[tuple[int, str | bytes]] = set()
    for name in element.children():
        kind = name.tag & 0x1F
        if kind == 4:
            found.add((kind, comparable_name(name.first().raw)))
        else:
            found.add((kind, name.content))
    return frozenset(found)


def _place(element: asn1.Element, issuer: bytes) -> GeneralNames:
    """Read a DistributionPointName; a name relative to the list's issuer is completed."""
    name = element.first()
    if name.tag == 0xA0:
        return general_names(name)
    if name.tag == 0xA1:
        whole = asn1.only(issuer).content + asn1.tlv(asn1.SET, name.content)
        return frozenset({(4, comparable_name(asn1.tlv(asn1.SEQUENCE, whole)))})
    raise asn1.Asn1Error("a distribution point of the wrong shape")


def _reason_flags(element: asn1.Element) -> frozenset[int]:
    if not element.size:
        raise asn1.Asn1Error("empty reason flags")
    octets = element.content[1:3]
    return frozenset(8 * row + bit for row, octet in enumerate(octets) for bit in range(8) if octet & (0x80 >> bit))


def _scope(element: asn1.Element, issuer: bytes) -> Scope:
    names: GeneralNames | None = None
    reasons = ALL_REASONS
    flags = {0x81: False, 0x82: False, 0x84: False, 0x85: False}
    for part in element.expect(asn1.SEQUENCE).children():
        if part.tag == 0xA0:
            names = _place(part, issuer)
        elif part.tag == 0x83:
            reasons = _reason_flags(part)
        elif part.tag in flags:
            flags[part.tag] = part.content != b"\x00"
        else:
            raise asn1.Asn1Error("a list scope of the wrong shape")
    return Scope(names, flags[0x81], flags[0x82], flags[0x85], flags[0x84], reasons)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a certificate says its revocation is told (one CRL distribution point)."""

    names: GeneralNames | None = None
    reasons: frozenset[int] = ALL_REASONS
    issuers: GeneralNames | None = None


def places_of(certificate: Certificate) -> tuple[Place, ...]:
    """Return the distribution points a certificate names, then the one every certificate has: its own issuer."""
    extension = certificate.extensions.get("2.5.29.31")
    found = []
    if extension is not None:
        try:
            for point in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
                found.append(_point(point, certificate.issuer))
        except asn1.Asn1Error:
            found = []
    own_issuer = frozenset({(4, comparable_name(certificate.issuer))})
    return (*found, Place(names=own_issuer))


def _point(point: asn1.Element, issuer: bytes) -> Place:
    reasons, issuers, place = ALL_REASONS, None, None
    for part in point.expect(asn1.SEQUENCE).children():
        if part.tag == 0xA0:
            place = part
        elif part.tag == 0x81:
            reasons = _reason_flags(part)
        elif part.tag == 0xA2:
            issuers = general_names(part)
            directory = [name for name in part.children() if name.tag == 0xA4]
            if len(directory) == 1:
                issuer = directory[0].first().raw
    names = None if place is None else _place(place, issuer)
    return Place(names, reasons, issuers)


class _Index:
    """Where each serial number stands in the list; for indirect lists, also whose certificates follow."""

    __slots__ = ("_crl", "_issuers", "_offsets")

    def __init__(self, crl: RevocationList) -> None:
        self._crl = crl
        self._offsets: dict[bytes, int | tuple[int, ...]] = {}
        # Offset from which entries belong to the issuer named, in rising order (indirect lists only).
        self._issuers: list[tuple[int, str | bytes]] = []
        self._build()

    def _build(self) -> None:
        """
        Walk the entries once, by hand: 200,000 Element objects would cost a second and a hundred megabytes.

        An entry is SEQUENCE { serial INTEGER, time, extensions OPTIONAL }, as a rule shorter than 128 octets.
        """
        data, (position, end) = self._crl.der, self._crl.entries
        offsets = self._offsets
        count = 0
        while position < end:
            count += 1
            if data[position] != asn1.SEQUENCE or position + 4 > end or count > self._crl.MAX_ENTRIES:
                raise asn1.Asn1Error("an entry of the wrong shape")
            if data[position + 1] < 0x80 and data[position + 2] == asn1.INTEGER and data[position + 3] < 0x80:
                stop = position + 2 + data[position + 1]
                after = position + 4 + data[position + 3]
                serial = data[position + 4 : after]
                rest = after + 2 + data[after + 1] if after + 1 < stop else stop
            else:
                entry = asn1.read(data, position, end)
                number = entry.first()
                stop, serial = entry.stop, number.content
                rest = asn1.read(data, number.stop, entry.end).stop
            if stop > end or rest > stop:
                raise asn1.Asn1Error("an entry runs past its end")
            if rest < stop and not (stop - rest == 14 and data[rest : rest + 13] == _PLAIN_REASON):
                self._heed(position, rest, stop)
            earlier = offsets.get(serial)
            if earlier is None:
                offsets[serial] = position
            else:
                offsets[serial] = (*(earlier if isinstance(earlier, tuple) else (earlier,)), position)
            position = stop

    def _heed(self, position: int, start: int, stop: int) -> None:
        """Look at an entry's unusual extensions: a new issuer, or one that forbids using the list."""
        for oid, extension in read_extensions(asn1.read(self._crl.der, start, stop)).items():
            if oid == _CERTIFICATE_ISSUER:
                names = asn1.only(extension.value)
                directory = [name.first().raw for name in names.children() if name.tag == 0xA4]
                if len(directory) != 1:
                    raise asn1.Asn1Error("an entry whose issuer has no single name")
                self._issuers.append((position, comparable_name(directory[0])))
            elif extension.critical and oid not in _KNOWN_ENTRY_CRITICAL:
                raise asn1.Asn1Error(f"critical entry extension {oid} is not understood")

    def find(self, serial_octets: bytes, issuer: bytes) -> Entry | None:
        found = self._offsets.get(serial_octets)
        if found is None:
            return None
        wanted = comparable_name(issuer)
        entries = [
            _entry(asn1.read(self._crl.der, position, self._crl.entries[1]))
            for position in (found if isinstance(found, tuple) else (found,))
            if self._issuer_at(position) == wanted
        ]
        # Listed twice, the gravest counts: for good before on hold, and the earliest day.
        return min(
            entries,
            key=lambda one: (one.reason == "removeFromCRL", one.reason == "certificateHold", one.revoked_at),
            default=None,
        )

    def _issuer_at(self, position: int) -> str | bytes:
        current = comparable_name(self._crl.issuer)
        for since, name in self._issuers:
            if since > position:
                break
            current = name
        return current


def _entry(element: asn1.Element) -> Entry:
    parts = element.parts(2, 3)
    since, reason = parts[1].time(), ""
    if len(parts) == 3:
        extensions = read_extensions(parts[2])
        if _REASON_CODE in extensions:
            reason = REASONS.get(asn1.only(extensions[_REASON_CODE].value).integer(), "unspecified")
        if INVALIDITY in extensions:
            # Since then somebody else may have had the key, however late the authority heard of it (RFC 5280, 5.3.2).
            since = min(since, asn1.only(extensions[INVALIDITY].value).time())
    return Entry(since, reason)


@lru_cache(maxsize=32)
def _index(crl: RevocationList) -> _Index | None:
    """Return the index of a list, None if an entry cannot be read or forbids using the list."""
    try:
        return _Index(crl)
    except (asn1.Asn1Error, IndexError):
        return None


@lru_cache(maxsize=256)
def crl_signed_by(crl: RevocationList, spki: bytes) -> bool:
    """Whether the key `spki` signed the list; computed once per list and key, however large the list is."""
    if not crl.same_algorithm:
        return False
    try:
        scheme = algorithms.scheme_of(asn1.only(crl.algorithm))
        message = memoryview(crl.der)[crl.body[0] : crl.body[1]]
        if scheme.whole_message:
            return signature_value.holds(spki, scheme, crl.signature, bytes(message))
        return signature_value.holds(spki, scheme, crl.signature, None, algorithms.digest(scheme.digest, message))
    except (asn1.Asn1Error, algorithms.Unsupported, algorithms.Disagreement):
        return False


def parse_crls(ders: tuple[bytes, ...]) -> Iterator[RevocationList]:
    """Yield those of `ders` that are revocation lists, each once."""
    for der in dict.fromkeys(ders):
        try:
            yield parse_crl(der)
        except CrlError:
            continue
