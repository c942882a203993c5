"""Mail cut into its parts without changing a byte, because a signature is over exactly the bytes that were sent."""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import PurePosixPath

# Deeper nesting than this is not shown by any mail program.
MAX_DEPTH = 24
# A mail with more parts is an attack on the reader; office mail has tens.
MAX_PARTS = 2000
# Headers of real mails have some ten kilobytes; only so much of each is read.
MAX_HEADER_BYTES = 256 << 10
MAX_FIELD_BYTES = 16 << 10
# The standard library reads parameters in quadratic time; four kilobytes of quotes take it some ten milliseconds.
MAX_PARAMETER_BYTES = 4 << 10
# RFC 2046, 5.1.1: a boundary has at most 70 characters; some writers exceed it a little.
MAX_BOUNDARY = 200

_LINE = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_HEADER_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
_LONE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in lower case, and its unfolded value; `cut` if only its beginning was read."""

    name: str
    value: str
    cut: bool = False


@dataclass(slots=True)
class Entity:
    """
    One MIME entity: `data[start:end]`, its header fields, and where its body begins.

    `parts` are the entities inside a multipart, `closed` tells whether its last delimiter was there, `depth` how deep
    it lies. `two_readings` says why mail programs may cut the entity differently ("" if they do not). `beside` is the
    text of a multipart that stands in none of its parts, before the first or after the last delimiter.
    """

    data: bytes
    start: int
    body: int
    end: int
    fields: tuple[Field, ...]
    content_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    parts: tuple[Entity, ...] = ()
    closed: bool = True
    depth: int = 0
    two_readings: str = ""
    beside: bytes = b""

    @property
    def raw(self) -> bytes:
        """The whole entity as sent, headers included: what a clear signature is over."""
        return self.data[self.start : self.end]

    def all(self, name: str) -> list[str]:
        """Return the values of every field of this name."""
        return [one.value for one in self.fields if one.name == name]

    def first(self, name: str) -> str:
        """Return the value of the first field of this name, "" if there is none."""
        return next(iter(self.all(name)), "")

    @property
    def file_name(self) -> str:
        """The name the sender gave to this part, without any path; "" if none."""
        disposition = _parameters(self.first("content-disposition"))[1]
        name = disposition.get("filename") or self.parameters.get("name") or ""
        return PurePosixPath(name.replace("\\", "/")).name

    @property
    def is_attachment(self) -> bool:
        """Whether this part is handed over as a file: it has a name, or is no text, or says so."""
        says_so = self.first("content-disposition").lower().startswith("attachment")
        return bool(self.file_name) or says_so or not self.content_type.startswith("text/")

    def content(self) -> bytes:
        """Return the body with its transfer encoding undone; what cannot be decoded is returned as far as it can be."""
        body = self.data[self.body : self.end]
        encoding = self.first("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _base64(body)
        if encoding == "quoted-printable":
            return quopri.decodestring(body)
        return body

    def walk(self) -> Iterator[Entity]:
        """Yield this entity and every one inside it, in the order they stand."""
        yield self
        for part in self.parts:
            yield from part.walk()


def _base64(body: bytes) -> bytes:
    compact = re.sub(rb"[^A-Za-z0-9+/]", b"", body.split(b"=\r\n\r\n", 1)[0])
    compact = compact[: len(compact) - (1 if len(compact) % 4 == 1 else 0)]
    try:
        return binascii.a2b_base64(compact + b"=" * (-len(compact) % 4))
    except binascii.Error:
        return b""


def _parameters(value: str) -> tuple[str, dict[str, str]]:
    """Return the value and the parameters of a structured field (RFC 2045, 5.1; RFC 2231), names in lower case."""
    holder = Message()
    holder["content-type"] = value[:MAX_PARAMETER_BYTES].replace("\r", " ").replace("\n", " ")
    found: dict[str, str] = {}
    pairs = holder.get_params() or []
    for name, text in pairs[1:]:
        found.setdefault(str(name).lower(), _parameter_text(text))
    return (str(pairs[0][0]).strip().lower() if pairs else ""), found


def _parameter_text(value: object) -> str:
    """Return a parameter's text; RFC 2231 values come as (charset, language, octets)."""
    if not isinstance(value, tuple):
        return str(value)
    charset, _, octets = value
    try:
        return str(octets).encode("latin-1", "replace").decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        # ValueError: a name with a zero octet, and encodings that cannot replace what they do not know (idna).
        return str(octets)


def read_entity(data: bytes) -> Entity:
    """Read a mail or MIME entity with everything in it; whatever the bytes are, something is returned."""
    counter = [0]
    start = 0
    if data.startswith((b"From ", b">From ")):
        # The separator line of an mbox file is not part of the mail.
        match = _LINE.search(data)
        start = match.end() if match else 0
    elif data.startswith((b"\r", b"\n")):
        # Empty lines before the header come from careless copying; mail programs pass over them.
        blank = len(data) - len(data.lstrip(b"\r\n"))
        start = blank if _HEADER_LINE.match(data, blank) else 0
    return _entity(data, start, len(data), 0, counter)


def _entity(data: bytes, start: int, end: int, depth: int, counter: list[int]) -> Entity:
    fields, body = _header(data, start, end)
    entity = Entity(data, start, body, end, fields, depth=depth)
    kinds = entity.all("content-type")
    if kinds:
        content_type, entity.parameters = _parameters(kinds[0])
        entity.content_type = content_type if "/" in content_type else "text/plain"
        entity.two_readings = _two_readings(entity, kinds)
    counter[0] += 1
    boundary = entity.parameters.get("boundary", "")
    if entity.content_type.startswith("multipart/") and boundary and len(boundary) <= MAX_BOUNDARY:
        ranges, entity.closed, entity.beside = _split(data, body, end, boundary.encode("latin-1", "replace"))
        if depth < MAX_DEPTH:
            entity.parts = tuple(
                _entity(data, first, last, depth + 1, counter) for first, last in ranges if counter[0] < MAX_PARTS
            )
        if len(entity.parts) < len(ranges):
            entity.two_readings = entity.two_readings or "more parts than are read"
    return entity


def _two_readings(entity: Entity, kinds: list[str]) -> str:
    """Say which content fields programs understand differently: the first or the last of two, a decoded multipart."""
    if len(kinds) > 1:
        return "two Content-Type fields"
    if len(kinds[0]) > MAX_PARAMETER_BYTES or any(one.cut for one in entity.fields if one.name == "content-type"):
        return "a Content-Type longer than is read"
    # A parameter may also come in pieces or with its charset (RFC 2231, 3 and 4); who knows that, takes the other one.
    names = re.findall(
        r";\s*(boundary|protocol|smime-type)(?:\*[0-9]*)*\s*=", _QUOTED.sub('""', kinds[0][:MAX_PARAMETER_BYTES]), re.I
    )
    if len({name.lower() for name in names}) != len(names):
        return "a parameter of Content-Type stands twice"
    encodings = [one.strip().lower() for one in entity.all("content-transfer-encoding")]
    if len(encodings) > 1:
        return "two transfer encodings"
    if entity.content_type.startswith("multipart/") and encodings and encodings[0] in ("base64", "quoted-printable"):
        # RFC 2045, 6.4: a multipart is never encoded; some programs decode it all the same.
        return "an encoded multipart"
    return ""


def _header(data: bytes, start: int, end: int) -> tuple[tuple[Field, ...], int]:
    """Read header fields up to the empty line; return them and where the body begins."""
    fields: list[Field] = []
    position = start
    name, value = "", b""
    while position < end and position - start < MAX_HEADER_BYTES:
        match = _LINE.search(data, position, end)
        stop, after = (match.start(), match.end()) if match else (end, end)
        line = data[position:stop]
        if not line:
            position = after
            break
        if line[:1] in (b" ", b"\t"):
            value += line
        else:
            if name:
                fields.append(_field(name, value))
            head, colon, rest = line.partition(b":")
            if not colon:
                # No header line: the body begins here, as some broken mails have it.
                name = ""
                break
            name, value = head.decode("latin-1").strip().lower(), rest
        position = after
    if name:
        fields.append(_field(name, value))
    return tuple(fields), position


def _field(name: str, value: bytes) -> Field:
    return Field(name, value[:MAX_FIELD_BYTES].decode("utf-8", "replace").strip(), len(value) > MAX_FIELD_BYTES)


def _split(data: bytes, body: int, end: int, boundary: bytes) -> tuple[list[tuple[int, int]], bool, bytes]:
    """
    Return the ranges of the parts between the delimiters, whether the closing one was found, and the text beside them.

    The line break before a delimiter belongs to the delimiter, not to the part (RFC 2046, 5.1.1): that is what makes
    a clear signature verify.
    """
    pattern = re.compile(rb"(?:^|(?<=\n)|(?<=\r))--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r\n|\n|\r|$)")
    ranges: list[tuple[int, int]] = []
    opened: int | None = None
    position = body
    beside = b""
    while True:
        match = pattern.search(data, position, end)
        if match is None:
            break
        if opened is None:
            beside = data[body : match.start()]
        else:
            ranges.append((opened, max(opened, _before_break(data, opened, match.start()))))
        if match[1]:
            return ranges, True, beside + b"\n" + data[match.end() : end]
        opened = position = match.end()
        if len(ranges) >= MAX_PARTS:
            break
    if opened is not None:
        ranges.append((opened, end))
    return ranges, False, beside


def _before_break(data: bytes, start: int, stop: int) -> int:
    if data[max(start, stop - 2) : stop] == b"\r\n":
        return stop - 2
    return stop - 1 if stop > start and data[stop - 1 : stop] in (b"\n", b"\r") else stop


def with_crlf(data: bytes) -> bytes:
    """Return `data` with every lone line feed turned into CR LF: the one canonical form of text (RFC 8551, 3.1.1)."""
    return _LONE_LF.sub(b"\r\n", data)


def addresses(values: list[str]) -> list[tuple[str, str]]:
    """
    Return (display name, address) of every mailbox in the fields; empty for empty fields and groups without members.

    Encoded words are decoded, because an address can hide in them. The standard library's reader is not used: before
    3.11.10 it takes `alice@a <mallory@b>` for two mailboxes or for the wrong one (CVE-2023-27043).
    """
    return [found for value in values for one in _mailboxes(value[:MAX_FIELD_BYTES]) if (found := _mailbox(one))]


def _mailboxes(value: str) -> Iterator[str]:
    """Cut a field at the commas, colons and semicolons that separate mailboxes and groups (RFC 5322, 3.4)."""
    depth, quoted, angle, current, escaped = 0, False, False, "", False
    for letter in value:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"' and not depth:
            quoted = not quoted
        elif not quoted and letter == "(":
            depth += 1
        elif not quoted and letter == ")" and depth:
            depth -= 1
        elif not quoted and not depth and letter in "<>":
            angle = letter == "<"
        elif not quoted and not depth and not angle and letter in ",:;":
            yield current
            current = ""
            continue
        current += letter
    yield current


def _mailbox(text: str) -> tuple[str, str] | None:
    match = re.search(r"<([^<>]*)>\s*(?:\([^()]*\)\s*)?$", text)
    if match:
        display, address = text[: match.start()], match[1]
    else:
        address = re.sub(r"\([^()]*\)", " ", text)
        display = " ".join(re.findall(r"\(([^()]*)\)", text))
    address = "".join(address.split())
    return (decoded_words(display).strip(' "'), address) if "@" in address else None


def decoded_words(text: str) -> str:
    """Return the text of a field with its encoded words decoded (RFC 2047); what cannot be decoded stays as it is."""
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, HeaderParseError):
        return text
