"""The one reader of ASN.1 bytes: says where each element lies, so that what was signed is judged as it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

# CMS nests about a dozen levels and certificates eight; names and time stamps inside add some. Deeper is an attack
# on the reader's stack.
MAX_DEPTH = 48

SEQUENCE = 0x30
SET = 0x31
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
BOOLEAN = 0x01
ENUMERATED = 0x0A
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18

_CONSTRUCTED = 0x20
_STRINGS = frozenset({0x04, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1B, 0x1C, 0x1E})


class Asn1Error(ValueError):
    """The bytes are not the ASN.1 that was expected at this place."""


@dataclass(frozen=True, slots=True)
class Element:
    """
    One element inside `source`: `start` of its header, `body` and `end` of its content, `stop` after it.

    `tag` is the first identifier octet (class, constructed bit and number); for numbers above 30 the number stands
    in the higher bits. `stop` differs from `end` only with indefinite length, which BER allows and DER does not.
    """

    source: bytes
    start: int
    body: int
    end: int
    stop: int
    tag: int

    @property
    def raw(self) -> bytes:
        """The element as it was sent, header included."""
        return self.source[self.start : self.stop]

    @property
    def content(self) -> bytes:
        """The bytes between header and end, as they were sent."""
        return self.source[self.body : self.end]

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        return self.end - self.body

    @property
    def constructed(self) -> bool:
        """Whether the content is a row of elements."""
        return bool(self.tag & _CONSTRUCTED)

    @property
    def indefinite(self) -> bool:
        """Whether the length was left open (BER only)."""
        return self.stop != self.end

    def children(self) -> Iterator[Element]:
        """Yield the elements inside; Asn1Error where they do not fill the content exactly."""
        if not self.constructed:
            raise Asn1Error(f"element with tag {self.tag:#04x} has no parts")
        position = self.body
        while position < self.end:
            child = read(self.source, position, self.end)
            yield child
            position = child.stop

    def first(self) -> Element:
        """Return the first element inside; Asn1Error if there is none."""
        for child in self.children():
            return child
        raise Asn1Error("an empty element where one with content belongs")

    def parts(self, least: int = 0, most: int | None = None) -> list[Element]:
        """Return the elements inside; Asn1Error unless there are `least` to `most` of them (None: any number)."""
        found = list(self.children())
        if len(found) < least or (most is not None and len(found) > most):
            raise Asn1Error(f"{len(found)} parts where {least} to {most or 'more'} belong")
        return found

    def expect(self, tag: int) -> Element:
        """Return this element if it has `tag`, else raise Asn1Error."""
        if self.tag != tag:
            raise Asn1Error(f"tag {self.tag:#04x} stands where {tag:#04x} belongs")
        return self

    def oid(self) -> str:
        """Return the object identifier in dotted form."""
        return dotted(self.expect(OID).content)

    def integer(self) -> int:
        """Return the (signed) number."""
        if self.tag not in (INTEGER, ENUMERATED) or not self.size:
            raise Asn1Error("no number where one belongs")
        return int.from_bytes(self.content, "big", signed=True)

    def boolean(self) -> bool:
        """Return the truth value; any non-zero octet is true (BER)."""
        if self.tag != BOOLEAN or self.size != 1:
            raise Asn1Error("no truth value where one belongs")
        return self.content != b"\x00"

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Return the octets of a string sent in one piece or, as BER allows, in many."""
        if self.tag == tag:
            return self.content
        if self.tag != tag | _CONSTRUCTED:
            raise Asn1Error(f"tag {self.tag:#04x} stands where a string belongs")
        return b"".join(_pieces(self, MAX_DEPTH))

    def bits(self) -> bytes:
        """Return the octets of a BIT STRING with no unused bits."""
        if self.tag != BIT_STRING or not self.size:
            raise Asn1Error("no bit string where one belongs")
        if self.source[self.body]:
            raise Asn1Error("a bit string with unused bits where whole octets belong")
        return self.source[self.body + 1 : self.end]

    def named_bits(self) -> frozenset[int]:
        """Return the numbers of the set bits of a named bit list."""
        if self.tag & ~0xA0 not in (BIT_STRING, 0x01) or not self.size:
            raise Asn1Error("no bit list where one belongs")
        octets = self.source[self.body + 1 : self.end]
        if len(octets) > 8:
            raise Asn1Error("a bit list longer than any that is defined")
        return frozenset(
            8 * index + bit for index, octet in enumerate(octets) for bit in range(8) if octet & (0x80 >> bit)
        )

    def time(self) -> datetime:
        """Return a UTCTime or GeneralizedTime in UTC."""
        if self.tag not in (UTC_TIME, GENERALIZED_TIME):
            raise Asn1Error("no time where one belongs")
        return _moment(self.content, short=self.tag == UTC_TIME)


def _pieces(element: Element, depth: int) -> Iterator[bytes]:
    if depth == 0:
        raise Asn1Error("string pieces nested too deep")
    for child in element.children():
        if child.constructed:
            yield from _pieces(child, depth - 1)
        else:
            yield child.content


def read(source: bytes, start: int = 0, limit: int | None = None) -> Element:
    """
    Return the element that begins at `start` of `source` and ends at or before `limit`.

    Asn1Error for bytes that are no element, for one that runs past the limit and for nesting beyond MAX_DEPTH.
    """
    return _read(source, start, len(source) if limit is None else limit, MAX_DEPTH)


def only(source: bytes) -> Element:
    """Return the one element that `source` is; Asn1Error if anything follows it."""
    element = read(source)
    if element.stop != len(source):
        raise Asn1Error(f"{len(source) - element.stop} bytes follow the element")
    return element


def _read(source: bytes, start: int, limit: int, depth: int) -> Element:
    position = start + 2
    if position > limit or start < 0:
        raise Asn1Error("the element's header is cut off")
    tag = source[start]
    length = source[start + 1]
    if tag & 0x1F == 0x1F:
        position = start + 1
        number = 0
        while True:
            if position >= limit or position > start + 5:
                raise Asn1Error("a tag number is cut off or absurd")
            octet = source[position]
            position += 1
            number = number << 7 | octet & 0x7F
            if not octet & 0x80:
                break
        if position >= limit:
            raise Asn1Error("the element's header is cut off")
        if number < 0x1F or source[start + 1] == 0x80:
            # Two spellings of one tag would let two readers see two things (X.690, 8.1.2.2 and 8.1.2.4.2).
            raise Asn1Error("a tag number is not written the one way it may be")
        length = source[position]
        position += 1
        tag |= number << 8
    if length < 0x80:
        end = position + length
    elif length == 0x80:
        return _open_ended(source, start, position, limit, tag, depth)
    else:
        octets = length & 0x7F
        if octets > 8 or position + octets > limit:
            raise Asn1Error("a length is cut off or absurd")
        end = position + octets + int.from_bytes(source[position : position + octets], "big")
        position += octets
    if end > limit:
        raise Asn1Error("an element runs past its end")
    return Element(source, start, position, end, end, tag)


def _open_ended(source: bytes, start: int, body: int, limit: int, tag: int, depth: int) -> Element:
    if not tag & _CONSTRUCTED:
        raise Asn1Error("a primitive element of open length")
    if depth == 0:
        raise Asn1Error("elements of open length nested too deep")
    position = body
    while source[position : position + 2] != b"\x00\x00" or position + 2 > limit:
        if position >= limit:
            raise Asn1Error("an element of open length never ends")
        position = _read(source, position, limit, depth - 1).stop
    return Element(source, start, body, position, position + 2, tag)


@lru_cache(maxsize=1024)
def dotted(content: bytes) -> str:
    """Return the dotted form of an object identifier's content octets."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise Asn1Error("not an object identifier")
    arcs: list[int] = []
    number = 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(number)
            number = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


@lru_cache(maxsize=256)
def encode_oid(text: str) -> bytes:
    """Return the DER of the object identifier `text` (dotted), header included."""
    arcs = [int(arc) for arc in text.split(".")]
    content = bytearray()
    for number in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return tlv(OID, bytes(content))


def tlv(tag: int, content: bytes) -> bytes:
    """Return `content` under a one-octet `tag` with the shortest definite length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def to_der(element: Element, *, sort: bool = True, depth: int = MAX_DEPTH) -> bytes:
    """
    Return the element in DER: definite shortest lengths, strings in one piece, SETs in order if `sort`.

    Values themselves are not touched. Source: X.690, 10.1, 10.2 and 11.6.
    """
    if depth == 0:
        raise Asn1Error("elements nested too deep")
    header = element.source[element.start : element.start + 1]
    if element.tag > 0xFF:
        # A tag number above 30 keeps its own octets; only its length is written anew.
        stop = element.start + 1
        while element.source[stop] & 0x80:
            stop += 1
        header = element.source[element.start : stop + 1]
    if not element.constructed:
        content = element.content
    elif element.tag & ~_CONSTRUCTED in _STRINGS:
        content = b"".join(_pieces(element, depth))
        header = bytes((element.tag & ~_CONSTRUCTED,))
    else:
        encoded = [to_der(child, sort=sort, depth=depth - 1) for child in element.children()]
        if sort and element.tag == SET:
            encoded.sort()
        content = b"".join(encoded)
    return header + tlv(0, content)[1:]


@lru_cache(maxsize=4096)
def _moment(content: bytes, *, short: bool) -> datetime:
    """
    Read a UTCTime (`short`) or GeneralizedTime.

    A missing zone is refused, because a time that depends on the reader is none.

    Source: X.680, 46 and 47; the year rule of RFC 5280, 4.1.2.5.1.
    """
    text = content
    if short:
        if not re.match(rb"\d{10}", content):
            raise Asn1Error("not a time")
        text = (b"19" if content[:2] >= b"50" else b"20") + content
    match = re.fullmatch(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,](\d{1,9}))?(Z|[+-]\d{4})", text, re.ASCII)
    if match is None:
        raise Asn1Error("not a time with a zone")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        offset = timedelta(0)
        if zone != b"Z":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5])) * (-1 if zone[:1] == b"-" else 1)
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or 0),
            int((fraction or b"0").ljust(6, b"0")[:6]),
            tzinfo=timezone(offset),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise Asn1Error("not a possible time") from cause
