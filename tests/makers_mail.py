"""Makers of mails, archives and wrappings as senders really make them; a test sets only what its claim is about."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail: its head lines (bytes, without line ends) and its body as it stands on the wire."""

    head: tuple[bytes, ...]
    body: bytes


def a_text(text: str = "Kính gửi Sở Thông tin và Truyền thông", kind: str = "plain") -> Part:
    """A running text in UTF-8."""
    return Part(
        (f'Content-Type: text/{kind}; charset="utf-8"'.encode(), b"Content-Transfer-Encoding: 8bit"), text.encode()
    )


def an_attachment(
    data: bytes = PDF,
    name: str | None = "phieu.pdf",
    *,
    kind: str = "application/pdf",
    encoding: str = "base64",
    disposition: bytes | None = None,
) -> Part:
    """An attachment with its name in Content-Disposition; `disposition` replaces that whole field's value."""
    head = [f"Content-Type: {kind}".encode(), f"Content-Transfer-Encoding: {encoding}".encode()]
    if disposition is not None:
        head.append(b"Content-Disposition: " + disposition)
    elif name is not None:
        head.append(b'Content-Disposition: attachment; filename="' + name.encode() + b'"')
    body = data
    if encoding == "base64":
        body = base64.encodebytes(data).rstrip(b"\n")
    elif encoding == "quoted-printable":
        body = binascii.b2a_qp(data, istext=False)
    return Part(tuple(head), body)


def a_multipart(
    parts: Sequence[Part], subtype: str = "mixed", boundary: str | None = None, *, closed: bool = True
) -> Part:
    """A multipart of `parts`; its boundary differs with what stands in it, as it must when multiparts are nested."""
    boundary = boundary or f"=_{zlib.crc32(b''.join(part.body for part in parts)):08x}{subtype[:3]}"
    lines = []
    for part in parts:
        lines += [f"--{boundary}".encode(), *part.head, b"", part.body]
    if closed:
        lines.append(f"--{boundary}--".encode())
    return Part((f'Content-Type: multipart/{subtype}; boundary="{boundary}"'.encode(),), b"\n".join(lines))


def a_mail(
    *parts: Part,
    subject: str = "Nop phieu danh gia",
    head: Sequence[bytes] = (),
    subtype: str = "mixed",
    boundary: str | None = None,
) -> bytes:
    """A mail with LF line ends: one part stands alone, several become a multipart."""
    body = parts[0] if len(parts) == 1 else a_multipart(parts or (a_text(),), subtype, boundary)
    lines = [
        b"From: =?utf-8?q?S=E1=BB=9F_N=E1=BB=99i_v=E1=BB=A5?= <snv@binhthuan.gov.vn>",
        b"To: stttt@binhthuan.gov.vn",
        b"Subject: " + subject.encode(),
        b"Date: Thu, 12 Sep 2019 15:04:05 +0700",
        b"Message-ID: <1@snv.binhthuan.gov.vn>",
        b"MIME-Version: 1.0",
        *head,
        *body.head,
        b"",
        body.body,
        b"",
    ]
    return b"\n".join(lines)


def a_nested_mail(
    mail: bytes, name: str | None = None, *, encoding: str = "7bit", kind: str = "message/rfc822"
) -> Part:
    """A mail as a part of another."""
    return an_attachment(mail, name, kind=kind, encoding=encoding)


def a_zip(files: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP with UTF-8 names."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2019, 9, 12, 15, 4, 4)), data, compression)
    return held.getvalue()


def a_zip_with_raw_name(raw: bytes, data: bytes = PDF) -> bytes:
    """A ZIP of one entry whose name is written in whatever bytes, without the UTF-8 flag, as old programs do."""
    plain = a_zip({"x" * len(raw): data}, compression=zipfile.ZIP_STORED)
    return plain.replace(b"x" * len(raw), raw)


def encrypted(archive: bytes) -> bytes:
    """The same ZIP with its entries marked as encrypted."""
    changed = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(mark)
        while at >= 0:
            changed[at + offset] |= 1
            at = changed.find(mark, at + 4)
    return bytes(changed)


def a_tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar as the standard library writes it (PAX for long or Vietnamese names); `mode` w:gz and so on."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]  # the mode is a literal there
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return held.getvalue()


def a_rar(files: Mapping[str, bytes], *, main_flags: int = 0) -> bytes:
    """A RAR 4 archive with stored files, after the published technical note."""

    def block(kind: int, flags: int, rest: bytes, data: bytes = b"") -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    made = b"Rar!\x1a\x07\x00" + block(0x73, main_flags, bytes(6))
    for name, data in files.items():
        raw = name.encode("ascii")
        rest = struct.pack(
            "<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0x4F2C7800, 20, 0x30, len(raw), 0x20
        )
        made += block(0x74, 0x8000, rest + raw, data)
    return made + block(0x7B, 0x4000, b"")


def a_tnef(
    files: Mapping[str, bytes], *, body: str | None = None, html: bytes | None = None, embedded: bytes | None = None
) -> bytes:
    """A winmail.dat ([MS-OXTNEF]) with attachments, a plain or HTML body, and an embedded message."""

    def attribute(level: int, tag: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, tag, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    def padded(data: bytes) -> bytes:
        return struct.pack("<I", len(data)) + data + bytes(-len(data) % 4)

    made = b"\x78\x9f\x3e\x22\x01\x00" + attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    made += attribute(1, 0x00069007, struct.pack("<II", 1258, 0))
    if body is not None:
        made += attribute(1, 0x0002800C, body.encode("cp1258") + b"\x00")
    if html is not None:
        made += attribute(1, 0x00069003, struct.pack("<IHHI", 1, 0x0102, 0x1013, 1) + padded(html))
    for name, data in files.items():
        made += attribute(2, 0x00069002, bytes(14))
        made += attribute(2, 0x00018010, b"SHORT~1.PDF\x00")
        made += attribute(2, 0x0006800F, data)
        wide = (name + "\x00").encode("utf-16-le")
        made += attribute(2, 0x00069005, struct.pack("<IHHI", 1, 0x001F, 0x3707, 1) + padded(wide))
    if embedded is not None:
        made += attribute(2, 0x00069002, bytes(14))
        held = bytes.fromhex("0703020000000000c000000000000046") + embedded
        made += attribute(2, 0x00069005, struct.pack("<IHHI", 1, 0x000D, 0x3701, 1) + padded(held))
    return made


def a_package(
    files: Sequence[tuple[str, bytes]] = (("phieu.signed.pdf", PDF),),
    *,
    operation: str | None = "0",
    wrapped: bool = True,
    prefix: str = "edXML:",
    namespace: str = "http://www.mic.gov.vn/TBT/QCVN_102_2016",
    content_type: str = "application/zip",
    reference_ids: Sequence[str] | None = None,
) -> bytes:
    """An edXML package as the national SDK writes it: each file in a ZIP of one entry, in base64."""
    x = prefix
    references, encoded = [], []
    for number, (name, data) in enumerate(files):
        content = a_zip({f"3ed3cc90-{number}.bin": data}) if wrapped else data
        identity = reference_ids[number] if reference_ids is not None else f"cid:{number}"
        references.append(
            f"<{x}Reference><{x}ContentId>{identity}</{x}ContentId><{x}ContentType>{content_type}</{x}ContentType>"
            f"<{x}AttachmentName>{name}</{x}AttachmentName></{x}Reference>"
        )
        encoded.append(
            f"<{x}Attachment><{x}ContentId>cid:{number}</{x}ContentId><{x}AttachmentName>{name}</{x}AttachmentName>"
            f"<{x}ContentType>{content_type}</{x}ContentType><{x}ContentTransferEncoded>"
            f"{base64.encodebytes(content).decode()}</{x}ContentTransferEncoded></{x}Attachment>"
        )
    business = (
        ""
        if operation is None
        else f"<{x}Bussiness><{x}BussinessDocType>{operation}</{x}BussinessDocType></{x}Bussiness>"
    )
    declared = f'xmlns:{prefix[:-1]}="{namespace}"' if prefix else f'xmlns="{namespace}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{x}edXML {declared}>'
        f"<{x}edXMLEnvelope><{x}edXMLHeader><{x}MessageHeader>"
        f"<{x}From><{x}OrganId>000.00.12.H11</{x}OrganId><{x}OrganName>Sở Nội vụ</{x}OrganName></{x}From>"
        f"<{x}To><{x}OrganId>000.00.05.H11</{x}OrganId></{x}To>"
        f"<{x}Code><{x}CodeNumber>123</{x}CodeNumber><{x}CodeNotation>SNV-VP</{x}CodeNotation></{x}Code>"
        f"<{x}PromulgationInfo><{x}PromulgationDate>2019/09/10</{x}PromulgationDate></{x}PromulgationInfo>"
        f"<{x}Subject>Phiếu đánh giá ứng dụng CNTT năm 2019</{x}Subject><{x}DocumentId>uuid-1</{x}DocumentId>"
        f"</{x}MessageHeader><{x}TraceHeaderList><{x}TraceHeader><{x}OrganId>000.00.12.H11</{x}OrganId>"
        f"<{x}Timestamp>2019/09/12 15:04:05</{x}Timestamp></{x}TraceHeader>{business}"
        f"</{x}TraceHeaderList></{x}edXMLHeader>"
        f'<{x}edXMLBody><{x}edXMLManifest version="1.0">{"".join(references)}</{x}edXMLManifest></{x}edXMLBody>'
        f"</{x}edXMLEnvelope><{x}AttachmentEncoded>{''.join(encoded)}</{x}AttachmentEncoded></{x}edXML>"
    ).encode()
