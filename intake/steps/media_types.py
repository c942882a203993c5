"""Say what kind of file some bytes are by looking at them, never by their name or by what the sender called them."""

from __future__ import annotations

import re

from intake.steps.office_files import (
    COMPOUND_MARK,
    DOCX,
    OLE_ENCRYPTED,
    OOXML_PREFIX,
    PPTX,
    XLSX,
    compound_kind,
    office_zip_kind,
)

# What is looked at from the front; every mark below stands within it, but for the PDF header and ZIP directories.
LOOKED_AT = 4_096
# Places in a PDF where the word /Encrypt is looked at more closely, from the end, where the trailer stands.
MAX_ENCRYPT_MENTIONS = 50

GENERIC = frozenset(
    {
        "",
        "application/octet-stream",
        "application/x-octet-stream",
        "application/octetstream",
        "application/binary",
        "application/x-binary",
        "application/unknown",
        "application/x-unknown",
        "application/x-unknown-content-type",
        "application/x-download",
        "application/x-forcedownload",
        "application/force-download",
        "application/download",
        "application/save",
        "application/x-msdownload",
        "binary/octet-stream",
        "unknown/unknown",
        "multipart/form-data",
    }
)

PDF = "application/pdf"
ZIP = "application/zip"
RAR = "application/vnd.rar"
SEVEN_ZIP = "application/x-7z-compressed"
TAR = "application/x-tar"
GZIP = "application/gzip"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
TNEF = "application/vnd.ms-tnef"
MAIL = "message/rfc822"
CMS_SIGNATURE = "application/pkcs7-signature"
CMS = "application/pkcs7-mime"
EDXML = "application/vnd.edxml+xml"
UNKNOWN = "application/octet-stream"

_FRONT: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (b"{\\rtf", "application/rtf"),
    (b"Rar!\x1a\x07", RAR),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"\x1f\x8b\x08", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"MSCF\x00\x00\x00\x00", "application/vnd.ms-cab-compressed"),
    (b"\x78\x9f\x3e\x22", TNEF),
    (b"\x7fELF", "application/x-executable"),
    (b"%!PS", "application/postscript"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"MThd", "audio/midi"),
    (b".snd", "audio/basic"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"AT&TFORM", "image/vnd.djvu"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"-----BEGIN PGP MESSAGE-----", "application/pgp-encrypted"),
    (b"-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
    (b"-----BEGIN PKCS7-----", CMS),
    (b"-----BEGIN CMS-----", CMS),
    (b"-----BEGIN CERTIFICATE-----", "application/x-pem-file"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
)
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,40}:)?([A-Za-z_][\w.-]{0,60})[\s/>]")
_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|meta|title|table|div|p|br|script|style|font|span|a)[\s>/]", re.I
)
_HEAD_FIELD = re.compile(
    rb"^(received|return-path|from|to|subject|date|message-id|mime-version|content-type|delivered-to|reply-to|sender|"
    rb"x-[a-z-]{2,40}|dkim-signature|cc|content-transfer-encoding|references|in-reply-to):",
    re.IGNORECASE | re.MULTILINE,
)
_STRONG_FIELDS = frozenset(
    {b"received", b"return-path", b"from", b"message-id", b"mime-version", b"delivered-to", b"subject", b"date"}
)
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
_AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
_COMPRESSED_DATA = bytes.fromhex("060b2a864886f70d0109100109")

# What several names mean the same; the left one is what the bytes are called here.
_SAME = {
    ZIP: {"application/x-zip-compressed", "application/x-zip", "application/x-compressed", "multipart/x-zip"},
    RAR: {"application/x-rar-compressed", "application/x-rar", "application/rar"},
    SEVEN_ZIP: {"application/x-7z", "application/7z"},
    TAR: {"application/tar", "application/x-gtar", "application/x-ustar"},
    GZIP: {"application/x-gzip", "application/x-tar", "application/x-gtar", "application/x-compressed-tar"},
    BZIP2: {"application/bzip2", "application/x-tar"},
    XZ: {"application/xz", "application/x-tar"},
    TNEF: {"application/ms-tnef"},
    PDF: {"application/x-pdf", "application/acrobat", "text/pdf", "application/vnd.pdf", "application/pdf-signed"},
    DOCX: {"application/msword", "application/vnd.ms-word", "application/vnd.ms-word.document.macroenabled.12"},
    XLSX: {"application/vnd.ms-excel", "application/msexcel", "application/vnd.ms-excel.sheet.macroenabled.12"},
    PPTX: {"application/vnd.ms-powerpoint", "application/mspowerpoint"},
    "application/msword": {"application/vnd.ms-word", "application/doc", "application/x-msword"},
    "application/vnd.ms-excel": {"application/msexcel", "application/x-msexcel", "application/xls"},
    "application/vnd.ms-powerpoint": {"application/mspowerpoint", "application/powerpoint"},
    "application/rtf": {"text/rtf", "text/richtext", "application/msword", "application/x-rtf"},
    "image/jpeg": {"image/jpg", "image/pjpeg", "image/x-citrix-jpeg"},
    "image/png": {"image/x-png", "image/x-citrix-png"},
    "image/bmp": {"image/x-ms-bmp", "image/x-bmp", "image/x-windows-bmp"},
    "image/tiff": {"image/tif", "image/x-tiff"},
    "image/vnd.microsoft.icon": {"image/x-icon", "image/ico"},
    CMS_SIGNATURE: {
        "application/x-pkcs7-signature",
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
        "application/cms",
    },
    CMS: {
        "application/x-pkcs7-mime",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/cms",
    },
    "audio/mpeg": {"audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg", "video/mpeg"},
    "audio/vnd.wave": {"audio/wav", "audio/x-wav", "audio/wave"},
    "application/postscript": {"application/ps", "application/eps", "application/illustrator"},
    "text/calendar": {"application/ics", "text/x-vcalendar"},
    "text/vcard": {"text/x-vcard", "text/directory"},
    MAIL: {"message/global", "message/news", "message/rfc822-headers", "text/rfc822-headers"},
}

# Web programs hand out tables and letters as HTML or text under Office's endings.
_TEXT_IN_OFFICE_DRESS = {"text/html", "application/xml", "text/plain"}
# The endings that people trust. Only these are compared with what the bytes are.
_BY_ENDING = {
    "pdf": {PDF},
    "docx": {DOCX, OLE_ENCRYPTED},
    "docm": {DOCX, OLE_ENCRYPTED},
    "xlsx": {XLSX, OLE_ENCRYPTED},
    "xlsm": {XLSX, OLE_ENCRYPTED},
    "pptx": {PPTX, OLE_ENCRYPTED},
    "doc": {
        "application/msword",
        DOCX,
        "application/rtf",
        "application/x-cfb",
        "text/html",
        "application/xml",
        "text/plain",
    },
    "xls": {
        "application/vnd.ms-excel",
        XLSX,
        "application/x-cfb",
        "text/html",
        "application/xml",
        "text/plain",
        "text/csv",
    },
    "ppt": {"application/vnd.ms-powerpoint", PPTX, "application/x-cfb"},
    "zip": {ZIP},
    "rar": {RAR},
    "7z": {SEVEN_ZIP},
    "p7s": {CMS_SIGNATURE, CMS},
    "png": {"image/png"},
    "jpg": {"image/jpeg"},
    "jpeg": {"image/jpeg"},
    "gif": {"image/gif"},
    "tif": {"image/tiff"},
    "tiff": {"image/tiff"},
}
_PROGRAM = "application/vnd.microsoft.portable-executable"
_RUNS = frozenset({_PROGRAM, "application/x-executable", "application/x-ms-shortcut"})
# Kinds whose bytes always begin with a known mark: called so without it, a file is not what it says.
_ALWAYS_MARKED = frozenset(
    {PDF, ZIP, RAR, SEVEN_ZIP, GZIP, TNEF, DOCX, XLSX, PPTX, "image/png", "image/jpeg", "image/gif", "image/tiff"}
)


def media_type_of(data: bytes, declared: str = "") -> str:
    """
    Return the media type that the bytes themselves show.

    Where they show none, text stays what it was declared if that is a text type, else `text/plain`; other bytes keep a
    declared type that has no mark of its own, else `application/octet-stream`. An empty file keeps any declared type.
    """
    plain = declared if "/" in declared and not declared.startswith("multipart/") else ""
    if not data:
        return plain or UNKNOWN
    front = data[:LOOKED_AT]
    marked = _marked(data, front)
    if marked is not None:
        return marked
    if _is_text(front):
        return _text_type(front, plain)
    if plain in GENERIC or plain.startswith(("text/", "message/")) or _canonical(plain) in _ALWAYS_MARKED:
        return UNKNOWN
    return plain


def is_document(data: bytes) -> bool:
    """Tell bytes that are a document or container, whatever they are called, from text; a mark inside is not enough."""
    front = data[:LOOKED_AT].lstrip(b"\r\n")
    if front.startswith((b"%PDF-", b"PK\x03\x04", COMPOUND_MARK, *(mark for mark, _ in _FRONT if len(mark) > 4))):
        return _marked(data, front) not in (None, "text/vcard", "text/calendar", "application/rtf")
    return cms_content(front) is not None and not _is_text(front)


def mismatch(name: str | None, declared: str, found: str) -> str | None:
    """
    Say in words how the name's ending or the declared type contradicts what the bytes are; None: no contradiction.

    Only endings and types that a person would rely on are compared; a program under any other name is always named.
    """
    ending = name.rpartition(".")[2].lower() if name and "." in name else ""
    wanted = _BY_ENDING.get(ending)
    if wanted is not None and found not in wanted:
        return f"the name ends in .{ending}, the content is {found}"
    if found in _RUNS and ending not in ("exe", "dll", "com", "scr", "lnk", "so", "bin", "elf"):
        return f"the content is a program ({found})"
    called = _canonical(declared)
    if declared in GENERIC or called == found or declared in _SAME.get(found, ()):
        return None
    if called in _ALWAYS_MARKED or found in _RUNS:
        return f"declared as {declared}, the content is {found}"
    return None


def looks_like_mail(data: bytes) -> bool:
    """Tell whether the bytes begin as a message does: at least two known fields before the first empty line."""
    front = data[:65_536]
    if b"\n" not in front:
        front = front.replace(b"\r", b"\n")
    front = front.lstrip(b"\r\n")
    if front[:5] == b"From " or front[:6] == b">From ":
        front = front.partition(b"\n")[2]
    ends = [at for mark in (b"\n\n", b"\n\r\n") if (at := front.find(mark)) >= 0]
    head = front[: min(ends) if ends else len(front)]
    if b"\x00" in head or not re.match(rb"[!-9;-~]{1,80}[ \t]*:", head):
        return False
    known = {match.group(1).lower() for match in _HEAD_FIELD.finditer(head)}
    strong = known & {
        b"received",
        b"return-path",
        b"from",
        b"message-id",
        b"mime-version",
        b"delivered-to",
        b"subject",
        b"date",
    }
    return len(known) >= 2 and bool(strong)


def cms_content(data: bytes) -> str | None:
    """Return what a CMS file (DER or BER, RFC 5652) holds: signed | enveloped | compressed; None: it is no CMS file."""
    if data[:1] != b"\x30":
        return None
    front = data[:40]
    for mark, kind in (
        (_SIGNED_DATA, "signed"),
        (_ENVELOPED_DATA, "enveloped"),
        (_AUTH_ENVELOPED, "enveloped"),
        (_COMPRESSED_DATA, "compressed"),
    ):
        if 0 < front.find(mark) <= 20:
            return kind
    return None


def is_encrypted_pdf(data: bytes) -> bool:
    """
    Tell whether a PDF asks for a password or a key: its trailer names an /Encrypt dictionary (ISO 32000-1, 7.5.5, 7.6).

    A file whose trailer is a compressed cross-reference stream names it in that stream's dictionary, in plain.
    """
    at = data.rfind(b"/Encrypt")
    for _ in range(MAX_ENCRYPT_MENTIONS):
        if at < 0:
            break
        if re.match(rb"/Encrypt\s*(?:\d{1,10}\s+\d{1,5}\s+R|<<)", data[at : at + 60]) is not None:
            front = data[max(0, at - 4_096) : at + 4_096]
            if b"trailer" in front or b"/XRef" in front or b"/Root" in front:
                return True
        at = data.rfind(b"/Encrypt", 0, at)
    return False


def _canonical(declared: str) -> str:
    for known, others in _SAME.items():
        if declared == known:
            return known
        if declared in others and not known.startswith(OOXML_PREFIX):
            return known
    return declared


def _marked(data: bytes, front: bytes) -> str | None:
    """Return the type that a mark in the bytes shows, None if there is none."""
    if front[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return office_zip_kind(data, front) or ZIP
    if front.startswith(b"%PDF-"):
        return PDF
    if front[:8] == COMPOUND_MARK:
        return compound_kind(data)
    cms = cms_content(front)
    if cms is not None:
        return CMS_SIGNATURE if cms == "signed" and not _cms_has_content(front) else CMS
    for mark, kind in _FRONT:
        if front.startswith(mark) and (kind != "image/bmp" or _is_bitmap(front)):
            return kind
    if front[:2] == b"MZ" and not _is_text(front[:256]):
        return _PROGRAM
    if front[:4] == b"RIFF":
        return {b"WAVE": "audio/vnd.wave", b"WEBP": "image/webp", b"AVI ": "video/vnd.avi"}.get(front[8:12])
    if front[4:8] == b"ftyp":
        brand = front[8:12]
        if brand in (b"heic", b"heix", b"mif1", b"heif"):
            return "image/heic"
        return {b"avif": "image/avif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4"}.get(brand, "video/mp4")
    if front[257:262] == b"ustar":
        return TAR
    # Readers accept a PDF's header anywhere in the first 1,024 bytes (ISO 32000-1, Annex H). Last of all, since a
    # container may begin with a PDF that is stored in it.
    at = front.find(b"%PDF-", 0, 1_024 + 5)
    if at > 0 and not _HTML.search(front[:at]) and not _HEAD_FIELD.match(front):
        return PDF
    return None


def _is_bitmap(front: bytes) -> bool:
    return len(front) > 18 and front[6:10] == b"\x00\x00\x00\x00" and front[15:18] == b"\x00\x00\x00"


def _cms_has_content(front: bytes) -> bool:
    """Tell whether a SignedData holds its content: after the inner type stands a [0] that is not the certificates."""
    inner = front.find(bytes.fromhex("06092a864886f70d010701"), 10)
    if inner < 0:
        return True
    after = front[inner + 11 : inner + 24]
    # Detached: the SEQUENCE ends, and certificates [0] IMPLICIT SET follow, whose content begins with a SEQUENCE.
    if after[:2] == b"\x00\x00" or after[:1] != b"\xa0":
        return False
    length = 2 if after[1] < 0x80 or after[1] == 0x80 else 2 + (after[1] & 0x7F)
    return after[length : length + 1] in (b"\x04", b"\x24")


def _is_text(front: bytes) -> bool:
    """Tell whether the bytes are text: UTF-16 with its mark, or no control characters but the usual ones."""
    if front[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    controls = sum(front.count(bytes((code,))) for code in (*range(9), 11, *range(14, 27), *range(28, 32), 127))
    return controls == 0


def _text_type(front: bytes, declared: str) -> str:
    text = front.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") or (text.startswith(b"<") and b"xmlns" in front):
        root = _XML_ROOT.search(re.sub(rb"<\?.{0,500}?\?>|<!--.{0,2000}?-->", b"", text, flags=re.DOTALL))
        name = root.group(1).lower() if root is not None else b""
        if name == b"edxml":
            return EDXML
        if name == b"svg":
            return "image/svg+xml"
        if name == b"html":
            return "text/html"
        return declared if declared.endswith(("/xml", "+xml")) else "application/xml"
    if declared.startswith(("text/", "message/")):
        return declared
    if text.startswith(b"<") and _HTML.search(text[:1_024]):
        return "text/html"
    if (
        declared in GENERIC
        or _canonical(declared) in _ALWAYS_MARKED
        or declared.startswith(("image/", "audio/", "video/"))
    ):
        return MAIL if looks_like_mail(front) else "text/plain"
    return declared
