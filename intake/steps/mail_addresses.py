"""Read the mailboxes that From, To and Cc name, however badly they are written."""

from __future__ import annotations

import re

from intake.steps.mail_headers import decode_words, unfold, without_comments
from intake.steps.unpacked import Address

# Addresses in one field; a circular to every office of a province has some hundred.
MAX_ADDRESSES = 1_000


def addresses(values: tuple[bytes, ...]) -> tuple[Address, ...]:
    """
    Read the mailboxes of From, To, Cc and the like (RFC 5322 3.4); groups are opened, comments serve as names.

    Tolerant and linear: what is no address becomes a name with an empty address, so nothing that stood there vanishes.
    """
    found: list[Address] = []
    for value in values:
        for piece in _split_list(unfold(value)):
            if len(found) >= MAX_ADDRESSES:
                return tuple(found)
            one = _one_address(piece)
            if one is not None:
                found.append(one)
    return tuple(found)


def _split_list(text: str) -> list[str]:
    """Split at commas and semicolons outside quotes, comments and angle brackets; a group's name is left out."""
    pieces: list[str] = []
    current: list[str] = []
    depth = 0
    quoted = escaped = in_angle = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif quoted:
            quoted = letter != '"'
        elif letter == '"' and depth == 0:
            quoted = True
        elif letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif depth == 0:
            if letter == "<":
                in_angle = True
            elif letter == ">":
                in_angle = False
            elif letter in ",;" and not in_angle:
                pieces.append("".join(current))
                current = []
                continue
            elif letter == ":" and not in_angle and "@" not in current:
                current = []
                continue
        current.append(letter)
    pieces.append("".join(current))
    if in_angle and len(pieces) == 1 and pieces[0].count("@") > 1:
        return re.split(r"[,;]", pieces[0])
    return pieces


def _one_address(piece: str) -> Address | None:
    piece = piece.strip()
    if not piece:
        return None
    comment = _comment(piece) if "(" in piece else ""
    bare = without_comments(piece).strip()
    opening = _last_outside_quotes(bare, "<")
    if opening >= 0:
        closing = bare.find(">", opening)
        address = bare[opening + 1 : closing if closing >= 0 else len(bare)].strip()
        name = bare[:opening].strip() or (bare[closing + 1 :].strip() if closing >= 0 else "")
        # An obsolete route stands before the address (RFC 5322 4.4).
        if address.startswith("@") and ":" in address:
            address = address.rpartition(":")[2]
    elif "@" in bare and " " not in bare.strip():
        address, name = bare, ""
    elif "@" in bare:
        pieces = bare.split()
        with_at = [one for one in pieces if "@" in one]
        address = with_at[-1]
        name = " ".join(one for one in pieces if one is not address)
    else:
        address, name = "", bare
    name = decode_words(_unquote(name)) or decode_words(comment)
    address = decode_words(_unquote(address) if address.startswith('"') and address.endswith('"') else address)
    address = re.sub(r"\s+", "", address)
    local, at, domain = address.rpartition("@")
    address = f"{local}{at}{domain.lower()}" if at else address
    if not address and not name.strip():
        return None
    return Address(name.strip(), address)


def _last_outside_quotes(text: str, wanted: str) -> int:
    found = -1
    quoted = escaped = False
    for at, letter in enumerate(text):
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == wanted and not quoted:
            found = at
    return found


def _comment(text: str) -> str:
    """Return the first outermost comment's words."""
    opening = text.find("(")
    depth = 0
    for at in range(opening, len(text)):
        if text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : at].strip()
    return text[opening + 1 :].strip()


def _unquote(text: str) -> str:
    """Take away quotes and their escapes; text without quotes stays."""
    if '"' not in text:
        return " ".join(text.split())
    return " ".join(re.sub(r'\\(.)|"', lambda found: found.group(1) or "", text).split())
