"""Tell Office documents from the containers they look like: ZIP files and old compound files."""

from __future__ import annotations

import re
import struct

# A ZIP directory of more entries than this is not searched for Office's parts; real documents have below 2,000.
MAX_ZIP_ENTRIES = 20_000
# Names collected from the sectors of an old Office file's directory.
MAX_COMPOUND_ENTRIES = 2_000

OOXML_PREFIX = "application/vnd.openxmlformats-officedocument."
DOCX = OOXML_PREFIX + "wordprocessingml.document"
XLSX = OOXML_PREFIX + "spreadsheetml.sheet"
PPTX = OOXML_PREFIX + "presentationml.presentation"
OLE_ENCRYPTED = "application/x-ole-encrypted-package"
COMPOUND_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_OPEN_DOCUMENT = re.compile(rb"application/(?:vnd\.oasis\.opendocument\.[a-z-]{3,40}|epub\+zip)")


def office_zip_kind(data: bytes, front: bytes) -> str | None:
    """Tell Office documents, OpenDocument and e-books by the entries they must have; None: another ZIP file."""
    if front[:4] == b"PK\x03\x04":
        name_length, extra_length = struct.unpack_from("<HH", front, 26) if len(front) >= 30 else (0, 0)
        if front[30 : 30 + name_length] == b"mimetype":
            content = front[30 + name_length + extra_length :][:100]
            match = _OPEN_DOCUMENT.match(content)
            if match is not None:
                return match.group().decode("ascii")
    names = zip_names(data)
    if any(name == b"[Content_Types].xml" for name in names):
        for prefix, kind in ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)):
            if any(name.startswith(prefix) for name in names):
                return kind
        return "application/vnd.ms-package"
    return None


def zip_names(data: bytes) -> list[bytes]:
    """Return the raw entry names of a ZIP's central directory (APPNOTE 4.3.12); the local headers' if there is none."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    names: list[bytes] = []
    at = -1
    if end >= 0 and end + 22 <= len(data):
        size, offset = struct.unpack_from("<II", data, end + 12)
        at = offset if data[offset : offset + 4] == b"PK\x01\x02" else end - size
    while at >= 0 and data[at : at + 4] == b"PK\x01\x02" and at + 46 <= len(data) and len(names) < MAX_ZIP_ENTRIES:
        name_length, extra_length, comment_length = struct.unpack_from("<HHH", data, at + 28)
        names.append(data[at + 46 : at + 46 + name_length])
        at += 46 + name_length + extra_length + comment_length
    if names:
        return names
    at = data.find(b"PK\x03\x04")
    while at >= 0 and at + 30 <= len(data) and len(names) < MAX_ZIP_ENTRIES:
        (name_length,) = struct.unpack_from("<H", data, at + 26)
        names.append(data[at + 30 : at + 30 + name_length])
        at = data.find(b"PK\x03\x04", at + 30)
    return names


def compound_kind(data: bytes) -> str:
    """Tell the old Office files apart by the stream names in their directory ([MS-CFB] 2.6.1)."""
    names = compound_names(data)
    if "EncryptedPackage" in names:
        return OLE_ENCRYPTED
    if "WordDocument" in names:
        return "application/msword"
    if "Workbook" in names or "Book" in names:
        return "application/vnd.ms-excel"
    if "PowerPoint Document" in names:
        return "application/vnd.ms-powerpoint"
    if "__properties_version1.0" in names:
        return "application/vnd.ms-outlook"
    return "application/x-cfb"


def compound_names(data: bytes) -> frozenset[str]:
    """Return the entry names of an OLE compound file, following the directory's sectors within limits ([MS-CFB])."""
    if len(data) < 512 or data[:8] != COMPOUND_MARK:
        return frozenset()
    shift = struct.unpack_from("<H", data, 30)[0]
    if shift not in (9, 12):
        return frozenset()
    sector_size = 1 << shift
    sector = struct.unpack_from("<I", data, 48)[0]
    table = struct.unpack_from("<109I", data, 76)
    names: set[str] = set()
    seen: set[int] = set()
    while sector < 0xFFFFFFFA and sector not in seen and len(names) < MAX_COMPOUND_ENTRIES and len(seen) < 500:
        seen.add(sector)
        base = (sector + 1) * sector_size
        block = data[base : base + sector_size]
        for at in range(0, len(block) - 127, 128):
            (length,) = struct.unpack_from("<H", block, at + 64)
            if 2 <= length <= 64:
                names.add(block[at : at + length - 2].decode("utf-16-le", "replace"))
        per_sector = sector_size // 4
        which, place = divmod(sector, per_sector)
        if which >= len(table) or table[which] >= 0xFFFFFFFA:
            break
        entry = (table[which] + 1) * sector_size + place * 4
        if entry + 4 > len(data):
            break
        (sector,) = struct.unpack_from("<I", data, entry)
    return frozenset(names)
