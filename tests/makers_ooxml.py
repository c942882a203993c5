"""Makers of Office files, signed and spoiled; a test sets only what its claim is about."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper

from intake.demo.ooxml_signing import read_package, sign_ooxml, write_package
from signatures.formats import ooxml, xml
from signatures.question import Document, Question
from signatures.report import FileReport
from tests.makers_pdf import a_time_stamp_authority

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)
LATER = datetime(2019, 9, 14, 10, 0, tzinfo=UTC)

OFFICE_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml."
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."
SLIDES_TYPE = "application/vnd.openxmlformats-officedocument.presentationml."

Parts = dict[str, bytes]


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def a_signer(name: str = "Sở Nội vụ", kind: str = "rsa") -> tuple[bytes, Key]:
    """Return a throw-away certificate (DER) with its key; the same one for the same name and kind within a run."""
    return _made_signer(name, kind)


def another_holder(name: str = "Kẻ khác", of: str = "Sở Nội vụ") -> bytes:
    """Return a certificate (DER) that calls the key of signer `of` somebody else's."""
    key = a_signer(of)[1]
    return _certificate(name, key)


@cache
def _made_signer(name: str, kind: str) -> tuple[bytes, Key]:
    key: Key
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, key), key


def _certificate(name: str, key: Key) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def relationships(*lines: tuple[str, str, str] | tuple[str, str, str, str]) -> bytes:
    """Return a `.rels` part of (id, type's last word or whole type, target, mode)."""
    written = []
    for identity, kind, target, *mode in lines:
        whole = kind if ":" in kind else f"{OFFICE_RELS}/{kind}"
        external = f' TargetMode="{mode[0]}"' if mode else ""
        written.append(f'<Relationship Id="{identity}" Type="{whole}" Target="{target}"{external}/>')
    return f'<Relationships xmlns="{PACKAGE_RELS}">{"".join(written)}</Relationships>'.encode()


def content_types(**overrides: str) -> bytes:
    """Return `[Content_Types].xml`; a key `word__document_xml` stands for /word/document.xml."""
    lines = "".join(
        f'<Override PartName="/{name.replace("__", "/").replace("_xml", ".xml")}" ContentType="{kind}"/>'
        for name, kind in overrides.items()
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Default Extension="png" ContentType="image/png"/>{lines}</Types>'
    ).encode()


def with_type(parts: Mapping[str, bytes], part: str, kind: str) -> Parts:
    """Return the parts with one more Override."""
    types = parts["[Content_Types].xml"].replace(
        b"</Types>", f'<Override PartName="{part}" ContentType="{kind}"/></Types>'.encode()
    )
    return {**parts, "[Content_Types].xml": types}


def with_relationship(parts: Mapping[str, bytes], rels: str, kind: str, target: str, mode: str = "") -> Parts:
    """Return the parts with one more relationship in the part `rels`."""
    external = f' TargetMode="{mode}"' if mode else ""
    whole = kind if ":" in kind else f"{OFFICE_RELS}/{kind}"
    line = f'<Relationship Id="rIdNew" Type="{whole}" Target="{target}"{external}/></Relationships>'
    return {**parts, rels: parts[rels].replace(b"</Relationships>", line.encode())}


def word_parts(text: str = "Tỷ lệ 95,2 %", body: str = "") -> Parts:
    """Return the parts of a small Word document with styles and core properties."""
    document = (
        f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p>{body}</w:body></w:document>'
    )
    return {
        "[Content_Types].xml": content_types(
            word__document_xml=WORD_TYPE + "document.main+xml",
            word__styles_xml=WORD_TYPE + "styles+xml",
            docProps__core_xml="application/vnd.openxmlformats-package.core-properties+xml",
        ),
        "_rels/.rels": relationships(
            ("rId1", "officeDocument", "word/document.xml"),
            ("rId2", f"{PACKAGE_RELS}/metadata/core-properties", "docProps/core.xml"),
        ),
        "word/document.xml": document.encode(),
        "word/_rels/document.xml.rels": relationships(("rId1", "styles", "styles.xml")),
        "word/styles.xml": f'<w:styles xmlns:w="{WORD}"/>'.encode(),
        "docProps/core.xml": b"<cp:coreProperties "
        b'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>',
    }


def sheet_parts() -> Parts:
    """Return the parts of a small workbook."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return {
        "[Content_Types].xml": content_types(
            xl__workbook_xml=SHEET_TYPE + "sheet.main+xml", xl__worksheets__sheet1_xml=SHEET_TYPE + "worksheet+xml"
        ),
        "_rels/.rels": relationships(("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{space}"/>'.encode(),
        "xl/_rels/workbook.xml.rels": relationships(("rId1", "worksheet", "worksheets/sheet1.xml")),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{space}"/>'.encode(),
    }


def slide_parts(settings: str = "") -> Parts:
    """Return the parts of a small presentation with its settings."""
    space = "http://schemas.openxmlformats.org/presentationml/2006/main"
    return {
        "[Content_Types].xml": content_types(
            ppt__presentation_xml=SLIDES_TYPE + "presentation.main+xml",
            ppt__slides__slide1_xml=SLIDES_TYPE + "slide+xml",
            ppt__presProps_xml=SLIDES_TYPE + "presProps+xml",
            ppt__viewProps_xml=SLIDES_TYPE + "viewProps+xml",
        ),
        "_rels/.rels": relationships(("rId1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{space}"/>'.encode(),
        "ppt/_rels/presentation.xml.rels": relationships(
            ("rId1", "slide", "slides/slide1.xml"),
            ("rId2", "presProps", "presProps.xml"),
            ("rId3", "viewProps", "viewProps.xml"),
        ),
        "ppt/slides/slide1.xml": f'<p:sld xmlns:p="{space}"/>'.encode(),
        "ppt/presProps.xml": f'<p:presentationPr xmlns:p="{space}">{settings}</p:presentationPr>'.encode(),
        "ppt/viewProps.xml": f'<p:viewPr xmlns:p="{space}"/>'.encode(),
    }


def with_custom_xml(
    parts: Mapping[str, bytes], name: str = "customXml/item1.xml", rels: str = "word/_rels/document.xml.rels"
) -> Parts:
    """Return the parts with a custom XML item, as Office writes for every document with citations set up."""
    found = with_relationship(parts, rels, "customXml", f"../{name}")
    found[name] = b'<s:Sources xmlns:s="http://schemas.openxmlformats.org/officeDocument/2006/bibliography"/>'
    return found


def signed(parts: Mapping[str, bytes], by: str = "Sở Nội vụ", kind: str = "rsa", **how: object) -> Parts:
    """Return the parts with a signature of `by` over them; `how` goes to `sign_ooxml`."""
    certificate, key = a_signer(by, kind)
    how.setdefault("at", NOW)
    return read_package(sign_ooxml(write_package(parts), key, certificate, **how))  # type: ignore[arg-type]


def packed(parts: Mapping[str, bytes]) -> bytes:
    """Return the archive of `parts`."""
    return write_package(parts)


def replaced(parts: Mapping[str, bytes], name: str, old: bytes, new: bytes) -> Parts:
    """Return the parts with one run of bytes replaced in one of them; it must be there."""
    assert old in parts[name], old
    return {**parts, name: parts[name].replace(old, new, 1)}


def with_second_entry(parts: Mapping[str, bytes], name: str, octets: bytes) -> bytes:
    """Return an archive in which the last entry bears the name of an earlier one, byte for byte or but for case."""
    marker = "X" * len(name)
    return packed({**parts, marker: octets}).replace(marker.encode(), name.encode())


def with_local_name(data: bytes, name: bytes, other: bytes) -> bytes:
    """Return the archive with another name in one local header than in the directory (same length)."""
    assert len(name) == len(other)
    place = data.index(name)
    return data[:place] + other + data[place + len(name) :]


def with_bytes_before(data: bytes, prefix: bytes) -> bytes:
    """Return the archive behind `prefix`, all its offsets put right, as a polyglot has them."""
    end = data.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HLL", data, end + 10)
    out = bytearray(prefix + data)
    struct.pack_into("<L", out, len(prefix) + end + 16, offset + len(prefix))
    at = offset
    for _ in range(count):
        names = struct.unpack_from("<3H", data, at + 28)
        (start,) = struct.unpack_from("<L", data, at + 42)
        struct.pack_into("<L", out, len(prefix) + at + 42, start + len(prefix))
        at += 46 + sum(names)
    assert at == offset + size
    return bytes(out)


def time_stamp(octets: bytes, *, of: bytes | None = None, at: datetime = NOW) -> bytes:
    """Return a time-stamp token (DER) over `octets`, or over other ones (`of`)."""
    certificate, key = a_time_stamp_authority()
    private = asn1_keys.PrivateKeyInfo.load(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    imprint = hashlib.sha256(octets if of is None else of).digest()
    stamper = DummyTimeStamper(public, private, fixed_dt=at)
    return bytes(asyncio.run(stamper.async_timestamp(imprint, "sha256")).dump())


def integrity(data: bytes, name: str = "phieu.docx") -> FileReport:
    """Judge an Office file with every chain taken as trusted, as `intake verify --integrity-only` does."""
    return ooxml.inspect(Document(name, data), Question(at=LATER, integrity_only=True))


def xml_integrity(data: bytes | str, name: str = "goi.xml") -> FileReport:
    """Judge an XML file with every chain taken as trusted."""
    octets = data.encode("utf-8") if isinstance(data, str) else data
    return xml.inspect(Document(name, octets), Question(at=LATER, integrity_only=True))


def codes(report: FileReport, index: int = 0) -> set[str]:
    """Return the reason codes of one signature and of the file."""
    own = report.signatures[index].reasons if report.signatures else ()
    return {reason.code for reason in (*own, *report.reasons)}
