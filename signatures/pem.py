"""The wrappings in which DER comes as text: PEM blocks and bare base64."""

from __future__ import annotations

import binascii
import re

# A trust bundle of all public authorities has some hundred blocks; more is no file an operator made.
MAX_BLOCKS = 2000

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----\s(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")


def blocks(data: bytes) -> list[tuple[str, bytes]]:
    """Return (label, DER) of every PEM block in `data` (RFC 7468); what is not base64 is left out, as is other text."""
    found: list[tuple[str, bytes]] = []
    for match in _BLOCK.finditer(data):
        if len(found) >= MAX_BLOCKS:
            break
        der = _decoded(match[2])
        if der is not None:
            found.append((match[1].decode("ascii"), der))
    return found


def bare_base64(data: bytes) -> bytes | None:
    """Return the bytes that `data` is the base64 of, None if it is none; for `.p7s` files saved from mail."""
    text = data.strip()
    if not text or not _BASE64.fullmatch(text):
        return None
    return _decoded(text)


def _decoded(text: bytes) -> bytes | None:
    compact = b"".join(text.split())
    if not re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", compact):
        return None
    try:
        return binascii.a2b_base64(compact + b"=" * (-len(compact) % 4))
    except binascii.Error:
        return None
