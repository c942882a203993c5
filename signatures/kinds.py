"""What kind of file the bytes are, by the bytes: which inspector it concerns, or why there is none for it."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from signatures import cms_reader, pem
from signatures.question import Document
from signatures.report import FileReport, Reason, Verdict

# Readers look for a PDF header in the first kilobyte (PDF 32000-1, annex H, note 13).
PDF_HEADER_WITHIN = 1024
# How far into a file the header of a mail is looked for; a list of Received lines is some ten kilobytes.
MAIL_HEADER_WITHIN = 64 << 10
# An archive with more entries than this is not opened to look for signature files.
MAX_ENTRIES = 20_000


class Kind(StrEnum):
    """The families of files, each with its inspectors."""

    PDF = "pdf"
    ZIP = "zip"
    CMS = "cms"
    XML = "xml"
    MAIL = "mail"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Found:
    """The kind of a file, or, where no inspector can judge it, the verdict at once."""

    kind: Kind
    media_type: str = "application/octet-stream"
    verdict: Verdict | None = None
    reasons: tuple[Reason, ...] = ()


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CMS_LABELS = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS", "PKCS7 SIGNED DATA"})
_CMS_NAMES = frozenset({".p7s", ".p7m", ".p7b", ".p7c", ".p7", ".spc", ".tsr", ".tst"})
_ARMOUR = re.compile(rb"^-----BEGIN PGP (SIGNED MESSAGE|SIGNATURE|MESSAGE)-----", re.MULTILINE)
_MAIL_FIELD = re.compile(
    rb"(from|to|received|return-path|message-id|mime-version|content-type|delivered-to|subject|date|reply-to)[ \t]*:",
    re.IGNORECASE,
)
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|[ \t]|>?From ")

# What a name claims, and how such a file begins. Only types by which a sender is likely to be misled.
_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".docx": (b"PK", _OLE),
    ".xlsx": (b"PK", _OLE),
    ".pptx": (b"PK", _OLE),
    ".docm": (b"PK", _OLE),
    ".xlsm": (b"PK", _OLE),
    ".zip": (b"PK",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF8",),
    ".rar": (b"Rar!",),
    ".7z": (b"7z\xbc\xaf\x27\x1c",),
}
_OFFICE = (".docx", ".xlsx", ".pptx", ".docm", ".xlsm", ".pptm")
_MEDIA = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"Rar!": "application/vnd.rar",
    b"7z\xbc\xaf": "application/x-7z-compressed",
    b"\x1f\x8b": "application/gzip",
    b"{\\rtf": "application/rtf",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}


def kind_of(document: Document) -> Found:
    """Tell the kind of `document`; its name counts only where the bytes are not what it claims."""
    data = document.data
    suffix = PurePosixPath(document.name.lower()).suffix
    if not data:
        return Found(Kind.OTHER, verdict=Verdict.UNREADABLE, reasons=(Reason("FILE_EMPTY"),))
    # A PDF header inside a mail or an archive is not at the file's start; those begin with their own.
    header = b"%PDF-" in data[:PDF_HEADER_WITHIN] and not data.startswith((b"PK", _OLE)) and not looks_like_mail(data)
    if suffix == ".pdf" or header:
        return Found(Kind.PDF, "application/pdf")
    if data.startswith(_OLE):
        return Found(Kind.OTHER, "application/x-ole-storage", Verdict.UNSUPPORTED, (_ole_reason(data),))
    if data.startswith(b"PK"):
        return _archive(data, suffix)
    if suffix in _OFFICE and b"PK\x03\x04" in data[:PDF_HEADER_WITHIN] and b"[Content_Types].xml" in data:
        # Bytes were put before the package; readers open it all the same, so its signatures must be judged.
        return Found(Kind.ZIP)
    if suffix in _MAGIC and not data.startswith(_MAGIC[suffix]):
        return _unreadable(suffix)
    if is_cms(data):
        return Found(Kind.CMS)
    if suffix != ".eml" and _looks_like_xml(data, page=suffix in (".html", ".htm")):
        return Found(Kind.XML, "application/xml")
    if suffix in (".edxml", ".xml"):
        # Some packages begin with stray bytes; without any mark-up near the start it is no XML at all.
        return Found(Kind.XML, "application/xml") if b"<" in data[:4096] else _unreadable(suffix)
    if suffix == ".eml" or looks_like_mail(data):
        return Found(Kind.MAIL, "message/rfc822")
    if suffix in _CMS_NAMES:
        return _unreadable(suffix)
    if suffix == ".ers" or _is_evidence_record(data):
        return Found(
            Kind.OTHER, verdict=Verdict.UNSUPPORTED, reasons=(Reason("UNSUPPORTED_FORMAT", "evidence record"),)
        )
    if _ARMOUR.search(data[:MAIL_HEADER_WITHIN]) or suffix in (".asc", ".sig", ".gpg", ".pgp"):
        return Found(Kind.OTHER, verdict=Verdict.UNSUPPORTED, reasons=(Reason("UNSUPPORTED_FORMAT", "OpenPGP"),))
    media_type = next((kind for start, kind in _MEDIA.items() if data.startswith(start)), None)
    return Found(Kind.OTHER, media_type or ("text/plain" if _is_text(data) else "application/octet-stream"))


def is_cms(data: bytes) -> bool:
    """Whether the bytes are a CMS message, a time-stamp token or a time-stamp response, in DER, BER, PEM or base64."""
    if data[:1] == b"\x30":
        return cms_reader.content_type_of(data) is not None or cms_reader.token_in_response(data) is not None
    if b"-----BEGIN " in data[:MAIL_HEADER_WITHIN] and not looks_like_mail(data):
        return any(label in CMS_LABELS for label, _ in pem.blocks(data))
    if data[:1] == b"M":
        der = pem.bare_base64(data)
        return der is not None and der[:1] == b"\x30" and is_cms(der)
    return False


def looks_like_mail(data: bytes) -> bool:
    """Whether the file begins like a mail: header fields, among them one that mails have, before any other line."""
    known = False
    for count, line in enumerate(data[:MAIL_HEADER_WITHIN].splitlines()):
        if not line.strip():
            return known
        if not _FIELD.match(line) or count > 1000:
            return known and count > 1
        known = known or _MAIL_FIELD.match(line) is not None
    return known


def _unreadable(suffix: str) -> Found:
    return Found(Kind.OTHER, verdict=Verdict.UNREADABLE, reasons=(Reason("NOT_WHAT_IT_CLAIMS", suffix),))


def _ole_reason(data: bytes) -> Reason:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Reason("FILE_ENCRYPTED", "encrypted Office package")
    return Reason("UNSUPPORTED_FORMAT", "Office 97-2003 or Outlook file")


def _archive(data: bytes, suffix: str) -> Found:
    """Tell Office packages from archives, and archives that bear signatures of their own from those that do not."""
    office = suffix in _OFFICE
    if b"[Content_Types].xml" in data:
        return Found(Kind.ZIP)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()[:MAX_ENTRIES]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return _unreadable(suffix or ".zip")
    if office:
        return _unreadable(suffix)
    for name in names:
        upper = name.upper()
        if upper.startswith("META-INF/") and (
            upper.endswith((".SF", ".P7S", ".P7M", ".RSA", ".DSA", ".EC", ".TST")) or "SIGNATURE" in upper
        ):
            reason = Reason("UNSUPPORTED_FORMAT", "a container with signatures of its own (ASiC, ODF, JAR)")
            return Found(Kind.OTHER, "application/zip", Verdict.UNSUPPORTED, (reason,))
    return Found(Kind.OTHER, "application/zip", Verdict.UNSIGNED)


def _is_evidence_record(data: bytes) -> bool:
    """Whether the bytes begin like an EvidenceRecord (RFC 4998): version 1, then digest algorithms."""
    return cms_reader.looks_like_evidence_record(data)


def _looks_like_xml(data: bytes, *, page: bool) -> bool:
    """Whether the bytes begin as XML does; a page of the web counts only if it bears an XML signature."""
    if data.startswith((b"\xff\xfe<", b"\xfe\xff\x00<")):
        return True
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    page = page or head[:20].lower().startswith((b"<!doctype html", b"<html"))
    return head.startswith(b"<") and (not page or b"http://www.w3.org/2000/09/xmldsig#" in data)


def _is_text(data: bytes) -> bool:
    try:
        data[:8192].decode("utf-8")
    except UnicodeDecodeError as cause:
        return cause.start > 8000
    return b"\x00" not in data[:8192]


def plain_report(
    document: Document, verdict: Verdict, *reasons: Reason, media_type: str = "application/octet-stream"
) -> FileReport:
    """Return a report on a file without any signature that could be looked at."""
    return FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type=media_type,
        format="other",
        verdict=verdict,
        reasons=reasons,
    )
