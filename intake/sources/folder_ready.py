"""Whether a file that was just listed is whole by its own structure, so that it need not be watched for long."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from intake.sources.folder_found import FoundFile
from intake.sources.folder_reading import read_plain

# Where a PDF, a ZIP and an XML document have their end: a ZIP's may be followed by a comment of 65,535 octets.
TAIL_OCTETS = 70_000

# A file larger than this is not opened for a guess; it has to rest over two looks.
LARGEST_GUESSED_OCTETS = 200 * 1000 * 1000

_XML_END = re.compile(rb"</(?:[\w.-]+:)?edxml\s*>\s*\Z", re.IGNORECASE)


def looks_whole(root: Path, file: FoundFile, check: Callable[[], None]) -> bool:
    """
    Say whether the file ends as its kind must end: PDF, ZIP (Office files), edXML, or a DER signature.

    False for any other kind, which says nothing against it. OSError when it cannot be read. `check` is called for
    each piece and may raise to end the reading.
    """
    if file.size == 0 or file.size > LARGEST_GUESSED_OCTETS:
        return False
    head, tail, size = b"", b"", 0
    for chunk in read_plain(root, file.path):
        check()
        head = head or chunk[:16]
        tail = (tail + chunk)[-TAIL_OCTETS:]
        size += len(chunk)
    if size != file.size:
        return False
    return is_whole(head, tail, size)


def is_whole(head: bytes, tail: bytes, size: int) -> bool:
    """
    Say whether a file of `size` octets that begins with `head` and ends with `tail` ends as its kind must.

    `tail` is the last TAIL_OCTETS, or all of it. PDF: `%%EOF` among the last 1,024 octets (ISO 32000-1, annex H
    note 18). ZIP: an end record whose comment reaches exactly the end (APPNOTE 4.3.16). DER: the outer length.
    """
    if head.startswith(b"%PDF"):
        return b"%%EOF" in tail[-1024:]
    if head.startswith(b"PK\x03\x04"):
        at = tail.rfind(b"PK\x05\x06")
        return (
            at >= 0
            and len(tail) - at >= 22
            and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)
        )
    if head.startswith(b"0") and len(head) > 6 and head[1] & 0x80:
        count = head[1] & 0x7F
        return 0 < count <= 4 and 2 + count + int.from_bytes(head[2 : 2 + count], "big") == size
    return _XML_END.search(tail[-1024:]) is not None
