"""Open winmail.dat, the wrapping that Outlook puts around a mail and its attachments ([MS-OXTNEF])."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from intake.steps.charsets import decode, known_codec

SIGNATURE = b"\x78\x9f\x3e\x22"
# Attributes and properties of one TNEF stream; a mail with a hundred attachments has some four thousand.
MAX_ATTRIBUTES = 20_000
# Compressed RTF is undone by a loop of ours, about a million bytes in half a second; a body text has some kilobytes.
MAX_RTF_BYTES = 4 * 1024 * 1024

_ATTACHMENT_START = 0x9002
_ATTACHMENT_TITLE = 0x8010
_ATTACHMENT_DATA = 0x800F
_ATTACHMENT_TRANSPORT_NAME = 0x9001
_ATTACHMENT_PROPERTIES = 0x9005
_MESSAGE_PROPERTIES = 0x9003
_MESSAGE_BODY = 0x800C
_MESSAGE_SUBJECT = 0x8004
_CODE_PAGE = 0x9007

# Bytes that one value of a fixed kind takes in the stream, padding included.
_FIXED_SIZES = {0x01: 0, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8}
_FIXED_SIZES[0x48] = 16
_STRING8, _UNICODE, _BINARY, _OBJECT = 0x1E, 0x1F, 0x102, 0x0D
_EMBEDDED_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")

# [MS-OXRTFCP] 2.1.2.1: what both sides know before the first byte.
_RTF_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


@dataclass(frozen=True, slots=True)
class TnefFile:
    """One attachment: its name as written, its declared type if any, its bytes; `is_tnef` for an embedded message."""

    name: str | None
    declared_type: str
    data: bytes = field(repr=False)
    is_tnef: bool = False


@dataclass(frozen=True, slots=True)
class Tnef:
    """What a TNEF stream holds; the three bodies are one text in up to three dresses. `whole` False: it broke off."""

    subject: str | None
    text: str | None
    html: bytes | None
    rtf: bytes | None
    files: tuple[TnefFile, ...]
    whole: bool


@dataclass(slots=True)
class _Attachment:
    title: bytes | None = None
    transport_name: bytes | None = None
    data: bytes | None = None
    properties: dict[int, bytes | str] = field(default_factory=dict)


def open_tnef(data: bytes) -> Tnef | None:
    """
    Read a TNEF stream; None if it is none. Nothing raises: what is broken off or nonsense ends the reading.

    Source: [MS-OXTNEF] 2.1 (stream), 2.1.3.3 (attributes), 2.1.3.4 (properties).
    """
    if data[:4] != SIGNATURE:
        return None
    code_page = "windows-1252"
    message: dict[int, bytes | str] = {}
    subject: bytes | None = None
    body: bytes | None = None
    attachments: list[_Attachment] = []
    whole = True
    at = 6
    for _ in range(MAX_ATTRIBUTES):
        if at + 9 > len(data):
            whole = whole and at >= len(data)
            break
        level, tag, length = struct.unpack_from("<BII", data, at)
        if level not in (1, 2):
            whole = False
            break
        start, end = at + 9, at + 9 + length
        if end > len(data):
            # The last attachment may be cut: what there is of it is better than nothing.
            whole = False
            end = len(data)
        identity = tag & 0xFFFF
        if identity == _CODE_PAGE and length >= 4:
            number = struct.unpack_from("<I", data, start)[0] if start + 4 <= len(data) else 0
            code_page = known_codec(f"cp{number}") or known_codec(f"windows-{number}") or code_page
            code_page = "utf-8" if number == 65001 else code_page
        elif identity == _MESSAGE_SUBJECT:
            subject = data[start:end]
        elif identity == _MESSAGE_BODY:
            body = data[start:end]
        elif identity == _MESSAGE_PROPERTIES:
            message.update(_properties(data, start, end, code_page))
        elif identity == _ATTACHMENT_START:
            attachments.append(_Attachment())
        elif level == 2:
            if not attachments:
                attachments.append(_Attachment())
            _attachment_attribute(attachments[-1], identity, data, start, end, code_page)
        at = end + 2
    rtf = message.get(0x1009)
    html = message.get(0x1013)
    plain = message.get(0x1000)
    text = _text(plain, code_page) if plain is not None else _text(body, code_page)
    return Tnef(
        subject=_text(message.get(0x37), code_page) or _text(subject, code_page),
        text=text,
        html=html.encode("utf-8") if isinstance(html, str) else html,
        rtf=decompress_rtf(rtf) if isinstance(rtf, bytes) else None,
        files=tuple(one for entry in attachments for one in _files(entry, code_page)),
        whole=whole,
    )


def _attachment_attribute(
    attachment: _Attachment, identity: int, data: bytes, start: int, end: int, code_page: str
) -> None:
    if identity == _ATTACHMENT_TITLE:
        attachment.title = data[start:end]
    elif identity == _ATTACHMENT_TRANSPORT_NAME:
        attachment.transport_name = data[start:end]
    elif identity == _ATTACHMENT_DATA:
        attachment.data = data[start:end]
    elif identity == _ATTACHMENT_PROPERTIES:
        attachment.properties.update(_properties(data, start, end, code_page))


def _files(attachment: _Attachment, code_page: str) -> list[TnefFile]:
    """
    Make the files of what was gathered; the long name wins over the title, which may be cut to 8.3 characters.

    One attachment may hold plain data and an object beside it; both are kept. An object begins with the identity of its
    interface; for an embedded message the rest is a TNEF stream.
    """
    held = attachment.properties.get(0x3701)
    if attachment.data is None and not attachment.properties and attachment.title is None:
        return []
    name = None
    for value in (
        attachment.properties.get(0x3707),
        attachment.title,
        attachment.properties.get(0x3704),
        attachment.transport_name,
        attachment.properties.get(0x3001),
    ):
        name = _text(value, code_page)
        if name:
            break
    declared = attachment.properties.get(0x370E)
    declared_text = (_text(declared, code_page) or "").strip().lower()[:200] if declared is not None else ""
    found: list[TnefFile] = []
    if attachment.data is not None or not isinstance(held, bytes):
        found.append(TnefFile(name, declared_text, attachment.data or b""))
    if isinstance(held, bytes):
        if held[:16] == _EMBEDDED_MESSAGE:
            found.append(TnefFile(name, declared_text, held[16:], is_tnef=held[16:20] == SIGNATURE))
        elif held != attachment.data:
            found.append(TnefFile(name, declared_text, held))
    return found


def _text(value: bytes | str | None, code_page: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        value = decode(value.split(b"\x00", 1)[0], code_page).text
    return value.split("\x00", 1)[0].strip() or None


def _properties(data: bytes, start: int, end: int, code_page: str) -> dict[int, bytes | str]:
    """Return the string, binary and object values of a property list by their number; the first value of several."""
    found: dict[int, bytes | str] = {}
    if start + 4 > end:
        return found
    count = min(struct.unpack_from("<I", data, start)[0], MAX_ATTRIBUTES)
    at = start + 4
    for _ in range(count):
        if at + 4 > end:
            break
        kind, number = struct.unpack_from("<HH", data, at)
        at += 4
        if number >= 0x8000:
            # A named property: its set's GUID, then a number or a name in UTF-16 padded to four bytes.
            if at + 24 > end:
                break
            by_name, length = struct.unpack_from("<II", data, at + 16)
            at += 24
            if by_name == 1:
                at += -(-length // 4) * 4
        several = bool(kind & 0x1000)
        kind &= 0x0FFF
        variable = kind in (_STRING8, _UNICODE, _BINARY, _OBJECT)
        values = 1
        if several or variable:
            if at + 4 > end:
                break
            values = struct.unpack_from("<I", data, at)[0]
            at += 4
        if not variable:
            size = _FIXED_SIZES.get(kind)
            if size is None:
                break
            # In lists the two-byte kinds stand padded as well; only the sum matters here.
            at += size * min(values, end)
            continue
        first: bytes | None = None
        for _ in range(min(values, MAX_ATTRIBUTES)):
            if at + 4 > end:
                return found
            length = struct.unpack_from("<I", data, at)[0]
            at += 4
            if first is None:
                first = data[at : min(at + length, end)]
            at += -(-length // 4) * 4
            if at > end + 3:
                break
        if first is not None and number < 0x8000:
            if kind == _UNICODE:
                found[number] = first.decode("utf-16-le", "replace")
            elif kind == _STRING8:
                found[number] = first if number in (0x1013, 0x1000) else decode(first.rstrip(b"\x00"), code_page).text
            else:
                found[number] = first
    return found


def decompress_rtf(data: bytes) -> bytes | None:
    """
    Undo compressed RTF ([MS-OXRTFCP] 2.2); None if it is none, or larger than MAX_RTF_BYTES.

    What is broken off gives the text up to there.
    """
    if len(data) < 16:
        return None
    _packed, raw_size, kind = struct.unpack_from("<III", data, 0)
    if kind == 0x414C454D:
        return data[16 : 16 + raw_size]
    if kind != 0x75465A4C or raw_size > MAX_RTF_BYTES:
        return None
    made = bytearray(_RTF_DICTIONARY)
    prefix = len(_RTF_DICTIONARY)
    at, end = 16, len(data)
    limit = prefix + raw_size
    while at < end and len(made) < limit:
        control = data[at]
        at += 1
        if control == 0:
            made += data[at : at + 8]
            at += 8
            continue
        for _ in range(8):
            if at >= end:
                break
            if control & 1:
                if at + 1 >= end:
                    at = end
                    break
                word = data[at] << 8 | data[at + 1]
                at += 2
                length = (word & 15) + 2
                distance = (len(made) - (word >> 4)) & 0xFFF
                if distance == 0:
                    at = end
                    break
                source = len(made) - distance
                if source < 0:
                    made += b" " * length
                elif distance >= length:
                    made += made[source : source + length]
                else:
                    piece = bytes(made[source:])
                    made += (piece * (length // distance + 1))[:length]
            else:
                made.append(data[at])
                at += 1
            control >>= 1
    return bytes(made[prefix:limit])
