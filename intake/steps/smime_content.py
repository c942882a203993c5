"""Take the content out of S/MIME parts that hold it inside: signed without a clear copy, or compressed."""

from __future__ import annotations

import re
import zlib

from asn1crypto import cms, pem

from intake.steps.allowance import Allowance, LimitReached
from intake.steps.media_types import cms_content
from storage.records import Why


def is_entity(content: bytes) -> bool:
    """Tell whether CMS content is a MIME entity: it begins with a Content- field (RFC 8551 3.1)."""
    return re.match(rb"\s{0,10}(?:content-[a-z-]{2,40}|mime-version)\s*:", content[:200], re.IGNORECASE) is not None


def content_of(data: bytes, allowance: Allowance) -> bytes | Why | None:
    """Return the content of signed or compressed data, a finding for encrypted data, None if nothing is inside."""
    try:
        if data[:11] == b"-----BEGIN ":
            data = pem.unarmor(data)[2]
        kind = cms_content(data)
        if kind == "enveloped":
            return Why("MAIL_ENCRYPTED", "S/MIME")
        if kind is None:
            return None
        held = cms.ContentInfo.load(data)["content"]["encap_content_info"]["content"]
        content = held.native
        if kind == "compressed" and isinstance(content, bytes):
            return _inflated(content, allowance)
        return content if isinstance(content, bytes) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as cause:
        return Why("SMIME_DAMAGED", type(cause).__name__)
    except LimitReached as reached:
        return reached.why


def _inflated(packed: bytes, allowance: Allowance) -> bytes | Why:
    """Undo zlib within the account's limits."""
    machine = zlib.decompressobj()
    made: list[bytes] = []
    out = 0
    left = packed
    try:
        while left and not machine.eof:
            chunk = machine.decompress(left, 256 * 1024)
            left = machine.unconsumed_tail
            out += len(chunk)
            allowance.produce(len(chunk), "S/MIME", out=out, packed=len(packed))
            made.append(chunk)
            if not chunk:
                break
    except zlib.error:
        return Why("SMIME_DAMAGED", "compressed data")
    return b"".join(made)
