"""Name constraints: for which names an authority was allowed to issue certificates (RFC 5280, 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from signatures import asn1
from signatures.certificates import Certificate, comparable_name, name_parts

_OTHER, _MAIL, _HOST, _X400, _DIRECTORY, _EDI, _URI, _ADDRESS, _REGISTERED = range(9)
# Names times constraints is the work; real certificates have a handful of each.
MAX_NAMES = 256


@dataclass(frozen=True, slots=True)
class _Name:
    kind: int
    value: bytes


def _general_name(element: asn1.Element) -> _Name:
    """Read a GeneralName; a directory name is kept as the DER of its Name."""
    kind = element.tag & 0x1F
    if kind == _DIRECTORY:
        return _Name(kind, element.first().raw)
    return _Name(kind, element.content)


class NameConstraints:
    """What the certificates walked so far permit and exclude; every one of them must be satisfied."""

    def __init__(self) -> None:
        self._permitted: list[list[_Name]] = []
        self._excluded: list[_Name] = []

    def narrow(self, certificate: Certificate) -> None:
        """Add the constraints of an authority's certificate; Asn1Error if they cannot be read or honoured."""
        extension = certificate.extensions.get("2.5.29.30")
        if extension is None:
            return
        for part in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
            trees = []
            for tree in part.children():
                base, *bounds = tree.parts(1, 3)
                if any(bound.content != b"\x00" or bound.tag != 0x80 for bound in bounds):
                    raise asn1.Asn1Error("name constraints with distances, which RFC 5280 forbids")
                trees.append(_general_name(base))
            if len(trees) > MAX_NAMES:
                raise asn1.Asn1Error("absurdly many name constraints")
            if part.tag == 0xA0:
                self._permitted.append(trees)
            elif part.tag == 0xA1:
                self._excluded.extend(trees)
            else:
                raise asn1.Asn1Error("name constraints of the wrong shape")

    def violated_by(self, certificate: Certificate) -> bool:
        """Whether the certificate bears a name it may not bear; Asn1Error if its names cannot be read."""
        if not self._permitted and not self._excluded:
            return False
        names = list(_names(certificate))
        if len(names) > MAX_NAMES or len(self._excluded) > 8 * MAX_NAMES:
            raise asn1.Asn1Error("absurdly many names")
        for name in names:
            if any(tree.kind == name.kind and _within(name, tree) for tree in self._excluded):
                return True
            for trees in self._permitted:
                of_kind = [tree for tree in trees if tree.kind == name.kind]
                if of_kind and not any(_within(name, tree) for tree in of_kind):
                    return True
        return False


def _names(certificate: Certificate) -> Iterator[_Name]:
    if len(certificate.subject) > 2:
        yield _Name(_DIRECTORY, certificate.subject)
    alternative = certificate.extensions.get("2.5.29.17")
    if alternative is not None:
        for element in asn1.only(alternative.value).expect(asn1.SEQUENCE).children():
            yield _general_name(element)
    else:
        # The mail address of old subjects is constrained only where there are no alternative names.
        for kind, text in name_parts(certificate.subject):
            if kind == "1.2.840.113549.1.9.1":
                yield _Name(_MAIL, text.encode())


def _within(name: _Name, tree: _Name) -> bool:
    if tree.kind == _DIRECTORY:
        return _directory_within(name.value, tree.value)
    if tree.kind == _ADDRESS:
        return _address_within(name.value, tree.value)
    try:
        value, base = name.value.decode("ascii").lower(), tree.value.decode("ascii").lower()
    except UnicodeDecodeError:
        return name.value == tree.value
    if tree.kind == _MAIL:
        return _mail_within(value, base)
    if tree.kind == _HOST:
        return not base or value == base or value.endswith("." + base.removeprefix("."))
    if tree.kind == _URI:
        return _uri_within(value, base)
    # A kind of name whose constraints nobody defined: RFC 5280 lets us process it or refuse; equal names only.
    return name.value == tree.value


def _directory_within(name: bytes, base: bytes) -> bool:
    """Whether the first parts of `name` are those of `base`."""
    rows = [list(asn1.only(one).expect(asn1.SEQUENCE).children()) for one in (name, base)]
    if len(rows[0]) < len(rows[1]):
        return False
    head = asn1.tlv(asn1.SEQUENCE, b"".join(part.raw for part in rows[0][: len(rows[1])]))
    return comparable_name(head) == comparable_name(base)


def _mail_within(value: str, base: str) -> bool:
    if "@" in base:
        return value == base
    host = value.rpartition("@")[2]
    return host.endswith(base) if base.startswith(".") else host == base


def _uri_within(value: str, base: str) -> bool:
    try:
        host = urlsplit(value).hostname or ""
    except ValueError:
        return False
    return host.endswith(base) if base.startswith(".") else host == base


def _address_within(value: bytes, base: bytes) -> bool:
    if len(base) != 2 * len(value) or len(value) not in (4, 16):
        return False
    mask = int.from_bytes(base[len(value) :], "big")
    address = ipaddress.ip_address(value)
    return int(address) & mask == int(ipaddress.ip_address(base[: len(value)])) & mask
