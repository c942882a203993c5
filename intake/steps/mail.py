"""Take a message apart into its parts by byte ranges, as its writer meant it, even where he wrote it badly."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from intake.steps.base64_text import decode_base64, loose_base64
from intake.steps.mail_headers import Head, read_head
from intake.steps.mail_names import Valued, read_valued

# A boundary has at most 70 characters (RFC 2046 5.1.1); real ones have reached 200.
MAX_BOUNDARY = 250

# Delimiter lines looked for in one multipart: more than the parts that one delivery may have.
MAX_DELIMITERS = 2_000
TOO_MANY_DELIMITERS = f"more than {MAX_DELIMITERS} delimiter lines"
# Files written into one text by uuencode.
MAX_EMBEDDED = 200

_TYPE = re.compile(r"[!#$%&'*+.^_`|~a-z0-9-]{1,80}/[!#$%&'*+.^_`|~a-z0-9-]{1,120}")
_GUESSED_DELIMITER = re.compile(rb"^--([!-~][ -~]{2,250}?)[ \t]*\r?$", re.MULTILINE)
_UU_BEGIN = re.compile(
    rb"^begin(-base64)?[ \t]{1,9}[0-7]{3,4}[ \t]{1,9}([^\r\n]{1,400}?)[ \t]{0,50}\r?\n", re.MULTILINE
)
_UU_LINE = re.compile(rb"[ -`]{1,100}")


@dataclass(frozen=True, slots=True)
class Entity:
    """
    One MIME entity (RFC 2045): its head, and where its body stands in the bytes it was read from.

    `declared_type` is what was written (lower case, empty if nothing), `content_type` what it counts as: the default
    of its surroundings where nothing usable was written (RFC 2045 5.2, RFC 2046 5.1.5). `encoding` is lower case.
    """

    head: Head
    declared_type: str
    content_type: str
    type_parameters: Valued
    disposition: Valued
    encoding: str
    body: int
    end: int

    @property
    def written_name(self) -> str | None:
        """Return the file name as the sender wrote it, decoded, unchecked; None if there is none."""
        return (
            self.disposition.parameters.get("filename")
            or self.type_parameters.parameters.get("name")
            or self.disposition.parameters.get("name")
            or self.type_parameters.parameters.get("filename")
            or None
        )

    @property
    def name_was_guessed(self) -> bool:
        """Tell whether the charset of the name had to be guessed."""
        return "filename" in self.disposition.guessed or "name" in self.type_parameters.guessed


@dataclass(frozen=True, slots=True)
class Split:
    """The byte ranges of a multipart's parts in order; `flaws` names what was wrong with the delimiters."""

    ranges: tuple[tuple[int, int], ...]
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that was written into running text by uuencode."""

    name: bytes
    data: bytes
    complete: bool


def with_line_ends(data: bytes) -> bytes:
    """
    Return bytes of the same length in which lines end in LF or CRLF, for finding structure only.

    A message whose lines end in a lone CR (old Macintosh programs) has no other line end; every range found in the
    returned bytes holds for `data` as well, so leaves are cut from the bytes as received.
    """
    if b"\r" in data and b"\n" not in data[:65_536]:
        return data.replace(b"\r", b"\n")
    return data


def read_entity(data: bytes, start: int, end: int, default_type: str = "text/plain") -> Entity:
    """Read the head of the entity in `data[start:end]`; `default_type` counts where no usable type is written."""
    head = read_head(data, start, end)
    type_parameters = read_valued(head.first("content-type"))
    declared = type_parameters.value[:200]
    content_type = _effective_type(declared, default_type, type_parameters)
    encoding_raw = head.first("content-transfer-encoding") or b""
    encoding = re.split(rb"[\s;(]", encoding_raw.strip(b" \t\"'"), maxsplit=1)[0].decode("ascii", "replace").lower()
    return Entity(
        head,
        declared,
        content_type,
        type_parameters,
        read_valued(head.first("content-disposition")),
        encoding.strip("\"'"),
        min(head.body, end),
        end,
    )


def _effective_type(declared: str, default_type: str, parameters: Valued) -> str:
    if not declared:
        return default_type
    if _TYPE.fullmatch(declared):
        return declared
    main = declared.partition("/")[0].strip()
    if main == "multipart" and "boundary" in parameters.parameters:
        return "multipart/mixed"
    if main == "text":
        return "text/html" if "html" in declared else "text/plain"
    if main == "message" and "rfc822" in declared:
        return "message/rfc822"
    # RFC 2045 5.2: a syntactically invalid Content-Type counts as text/plain; with other letters it is unknown data.
    return default_type if not main or "/" not in declared else "application/octet-stream"


def split_multipart(data: bytes, start: int, end: int, boundary: str | None) -> Split:
    """
    Find the parts of a multipart body by its boundary (RFC 2046 5.1.1), each byte looked at once.

    The line end before a delimiter belongs to the delimiter. Parts after the closing delimiter are taken too, and
    reported: a reader that stops there can be shown another message than one that does not. Without a usable boundary
    the first line that looks like a delimiter and comes twice is taken for it. No parts: an empty tuple.
    """
    flaws: list[str] = []
    key = _boundary_bytes(boundary)
    found = _delimiters(data, start, end, key) if key else []
    if not found:
        guessed = _guessed_boundary(data, start, end)
        if guessed is None:
            return Split((), ("no delimiter line",))
        flaws.append("the boundary had to be guessed")
        found = _delimiters(data, start, end, guessed)
    ranges: list[tuple[int, int]] = []
    closed = False
    for number, (before, after, closing) in enumerate(found):
        del before
        if closing:
            closed = True
            continue
        if closed and "parts after the closing delimiter" not in flaws:
            flaws.append("parts after the closing delimiter")
        until = found[number + 1][0] if number + 1 < len(found) else end
        ranges.append((min(after, until), until))
    if len(found) >= MAX_DELIMITERS:
        flaws.append(TOO_MANY_DELIMITERS)
    elif not closed:
        flaws.append("no closing delimiter")
    return Split(tuple(ranges), tuple(flaws))


def _boundary_bytes(boundary: str | None) -> bytes:
    if not boundary:
        return b""
    return boundary[:MAX_BOUNDARY].rstrip().encode("utf-8", "replace")


def _delimiters(data: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int, bool]]:
    """Return (end of what stood before, begin of what comes after, is it the closing one) of each delimiter line."""
    mark = b"--" + boundary
    length = len(mark)
    found: list[tuple[int, int, bool]] = []
    at = data.find(mark, start, end)
    while at >= 0 and len(found) < MAX_DELIMITERS:
        after = at + length
        if at == start or data[at - 1] == 0x0A:
            stop = data.find(b"\n", after, end)
            line_end = end if stop < 0 else stop
            rest = data[after : min(line_end, after + 400)].strip(b" \t\r")
            closing = rest.startswith(b"--")
            if not rest or closing:
                before = at
                if before > start:
                    before -= 1
                    if before > start and data[before - 1] == 0x0D:
                        before -= 1
                after = end if stop < 0 else stop + 1
                found.append((before, after, closing))
        at = data.find(mark, after, end)
    return found


def _guessed_boundary(data: bytes, start: int, end: int) -> bytes | None:
    """Return the first line after `--` that comes again, as a delimiter would; only the first 64 KB are looked at."""
    window = data[start : min(end, start + 65_536)]
    for tried, match in enumerate(_GUESSED_DELIMITER.finditer(window)):
        if tried >= 5:
            break
        candidate = match.group(1).rstrip()
        again = window.find(b"\n--" + candidate, match.end())
        if again >= 0:
            return candidate
    return None


def decode_body(raw: bytes | memoryview, encoding: str) -> tuple[bytes, str | None]:
    """
    Undo the transfer encoding (RFC 2045 6): the bytes, and a flaw in words or None. Nothing raises.

    `raw` is exactly the body's range. What is not encoded comes back unchanged. An unknown encoding is left as it is.
    """
    if encoding == "base64":
        return decode_base64(raw)
    if encoding in ("quoted-printable", "quotedprintable"):
        return binascii.a2b_qp(raw), None
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        whole = bytes(raw)
        for one in embedded_files(whole):
            return one.data, None if one.complete else "the uuencoded text has no end"
        return whole, "uuencode was announced, but none is there"
    if encoding in ("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none"):
        return bytes(raw), None
    return bytes(raw), f"unknown transfer encoding {encoding[:40]!r}"


def embedded_files(text: bytes) -> Iterator[Embedded]:
    """Yield the files that stand in `text` by uuencode (`begin 644 name` … `end`), in order."""
    at = 0
    for _ in range(MAX_EMBEDDED):
        match = _UU_BEGIN.search(text, at)
        if match is None:
            return
        if match.group(1):
            stop = text.find(b"\n====", match.end())
            body = text[match.end() : stop if stop >= 0 else len(text)]
            at = stop + 5 if stop >= 0 else len(text)
            yield Embedded(match.group(2), loose_base64(body), stop >= 0)
            continue
        data, at_end, complete = _uu_lines(text, match.end())
        if data or complete:
            yield Embedded(match.group(2), data, complete)
        at = max(at_end, match.end())


def without_embedded(text: bytes) -> bytes:
    """Return running text without the files that stand in it by uuencode."""
    kept: list[bytes] = []
    at = 0
    for _ in range(MAX_EMBEDDED):
        match = _UU_BEGIN.search(text, at)
        if match is None:
            break
        data, at_end, complete = _uu_lines(text, match.end())
        kept.append(text[at : match.start() if data or complete else match.end()])
        at = max(at_end, match.end())
    kept.append(text[at:])
    return b"".join(kept)


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
