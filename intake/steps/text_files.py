"""Find the files that stand written into a text, as programs older than MIME send them: uuencode and yEnc."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from intake.steps.base64_text import loose_base64

# Files written into one text.
MAX_EMBEDDED = 200
# One letter in sixty of yEnc is escaped; where it is more than one in so many, the text is none, and costly to decode.
MOST_ESCAPED = 10

_BEGIN = re.compile(
    rb"^(?:begin(?P<base64>-base64)?[ \t]{1,9}[0-7]{3,4}[ \t]{1,9}(?P<name>[^\r\n]{1,400}?)[ \t]{0,50}"
    rb"|=ybegin[ \t](?P<yenc>[^\r\n]{0,200}?)name=(?P<named>[^\r\n]{1,400}))\r?\n",
    re.MULTILINE,
)
_UU_LINE = re.compile(rb"[ -`]{1,100}")
_YENC_LETTERS = bytes((code - 42) & 255 for code in range(256))


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that was written into running text; `complete` False: its end is missing, or it is a part of a file."""

    name: bytes
    data: bytes
    complete: bool


def embedded_files(text: bytes) -> Iterator[Embedded]:
    """Yield the files that stand in `text` by uuencode (`begin 644 name` … `end`) or yEnc, in order."""
    for _, _, one in _found(text):
        yield one


def without_embedded(text: bytes) -> bytes:
    """Return running text without the files that stand in it."""
    kept: list[bytes] = []
    at = 0
    for start, end, _ in _found(text):
        kept.append(text[at:start])
        at = end
    kept.append(text[at:])
    return b"".join(kept)


def _found(text: bytes) -> Iterator[tuple[int, int, Embedded]]:
    """Yield each file with the range in which it stands; what only looks like a beginning is passed over."""
    at = 0
    for _ in range(MAX_EMBEDDED):
        match = _BEGIN.search(text, at)
        if match is None:
            return
        if match["named"] is not None:
            one, end = _yenc(text, match.end(), match["named"], match["yenc"])
        elif match["base64"] is not None:
            stop = text.find(b"\n====", match.end())
            one = Embedded(match["name"], loose_base64(text[match.end() : stop if stop >= 0 else len(text)]), stop >= 0)
            end = stop + 5 if stop >= 0 else len(text)
        else:
            data, end, complete = _uu_lines(text, match.end())
            one = Embedded(match["name"], data, complete)
        at = max(end, match.end())
        if one.data or one.complete:
            yield match.start(), at, one


def _yenc(text: bytes, start: int, name: bytes, said: bytes) -> tuple[Embedded, int]:
    """Decode yEnc from `start` (draft 1.3 by J. Helbing): each byte is moved by 42, a few are escaped by `=`."""
    stop = text.find(b"\n=yend", start)
    end = len(text) if stop < 0 else stop + 1
    after = text.find(b"\n", end)
    if text.startswith(b"=ypart ", start):
        start = min(text.find(b"\n", start) + 1 or end, end)
    plain, *escaped = text[start:end].replace(b"\r", b"").replace(b"\n", b"").split(b"=")
    if len(escaped) > (end - start) // MOST_ESCAPED + 100:
        return Embedded(name.strip(), b"", complete=False), end
    made = [plain.translate(_YENC_LETTERS)]
    for piece in escaped:
        if piece:
            made += [bytes(((piece[0] - 64 - 42) & 255,)), piece[1:].translate(_YENC_LETTERS)]
    data = b"".join(made)
    size = re.search(rb"\bsize=(\d{1,12})", said)
    whole = stop >= 0 and b"part=" not in said and (size is None or int(size[1]) == len(data))
    return Embedded(name.strip(), data, whole), len(text) if stop < 0 or after < 0 else after + 1


def _uu_lines(text: bytes, at: int) -> tuple[bytes, int, bool]:
    """Decode uuencoded lines from `at`: the bytes, where they end, and whether an `end` line closed them."""
    made: list[bytes] = []
    while at < len(text):
        stop = text.find(b"\n", at, at + 400)
        following = len(text) if stop < 0 else stop + 1
        line = text[at : following if stop < 0 else stop].rstrip(b"\r\n")
        if line.strip() == b"end":
            return b"".join(made), following, True
        if not line.strip() or line in (b"`", b" "):
            at = following
            continue
        if not _UU_LINE.fullmatch(line):
            break
        length = (line[0] - 32) & 63
        try:
            made.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some programs pad lines too far: RFC-less practice is to believe the length byte (as uudecode does).
            needed = 1 + (length * 4 + 2) // 3
            try:
                made.append(binascii.a2b_uu(line[:needed]))
            except binascii.Error:
                break
        at = following
    return b"".join(made), at, False
