"""Take a message apart into its parts by byte ranges, as its writer meant it, even where he wrote it badly."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, replace

from intake.steps.base64_text import decode_base64
from intake.steps.mail_headers import Head, read_head
from intake.steps.mail_names import Valued, read_valued
from intake.steps.text_files import embedded_files

# A boundary has at most 70 characters (RFC 2046 5.1.1); real ones have reached 200.
MAX_BOUNDARY = 250

# Delimiter lines looked for in one multipart: more than the parts that one delivery may have.
MAX_DELIMITERS = 2_000
# Bytes that no mail program shows: more than the usual words for old readers, or a footer that a server added, is told.
MAX_UNSEEN = 2_000
# Messages of one mailbox file.
MAX_MESSAGES = 200
# Fields of one name in the head of one part that are looked at.
MAX_REPEATED = 10
NOT_ENCODED = ("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none")
# A shorter text may be a word that happens to be base64.
MIN_UNANNOUNCED = 60
TOO_MANY_DELIMITERS = f"more than {MAX_DELIMITERS} delimiter lines"

_TYPE = re.compile(r"[!#$%&'*+.^_`|~a-z0-9-]{1,80}/[!#$%&'*+.^_`|~a-z0-9-]{1,120}")
_LOST_FIELD = re.compile(rb"(?:mime-version|content-type)[ \t]{0,9}:", re.IGNORECASE)
_LOST_DELIMITER = re.compile(
    rb"(?:This is a multi-?part message in MIME format\.?[ \t]{0,9}(?:\r?\n){1,4})?"
    rb"--(?P<boundary>[!-~][ -~]{0,250}?)[ \t]{0,9}\r?\ncontent-[a-z-]{2,30}[ \t]{0,9}:",
    re.IGNORECASE,
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_MBOX_LINE = re.compile(rb"^From [^\r\n]{1,300}\d\d:\d\d[^\r\n]{0,40}\r?\n(?=[!-9;-~]{1,80}:)", re.MULTILINE)
_SOFT_BREAK = re.compile(rb"=[ \t]{1,80}(?=\r?\n)")
_GUESSED_DELIMITER = re.compile(rb"^--([!-~][ -~]{2,250}?)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entity:
    """
    One MIME entity (RFC 2045): its head, and where its body stands in the bytes it was read from.

    `declared_type` is what was written (lower case, empty if nothing), `content_type` what it counts as: the default
    of its surroundings where nothing usable was written (RFC 2045 5.2, RFC 2046 5.1.5). `encoding` is lower case.
    `repeated` names the fields of these that stand there more than once, saying different things.
    """

    head: Head
    declared_type: str
    content_type: str
    type_parameters: Valued
    disposition: Valued
    encoding: str
    body: int
    end: int
    repeated: tuple[str, ...] = ()

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
    types = [read_valued(value) for value in head.all("content-type")[:MAX_REPEATED]]
    dispositions = [read_valued(value) for value in head.all("content-disposition")[:MAX_REPEATED]]
    encodings = [_encoding(value) for value in head.all("content-transfer-encoding")[:MAX_REPEATED]]
    # Readers differ in which of several they take; the one that leaves least unread is taken here, and reported.
    nothing = read_valued(None)
    type_parameters = next((one for one in types if "boundary" in one.parameters), types[0] if types else nothing)
    disposition = next((one for one in dispositions if "filename" in one.parameters), (*dispositions, nothing)[0])
    encoding = next((one for one in encodings if one not in NOT_ENCODED), encodings[0] if encodings else "")
    declared = type_parameters.value[:200]
    content_type = _effective_type(declared, default_type, type_parameters)
    several = (
        ("Content-Type", any(one.value != declared for one in types) or len({_boundary_of(one) for one in types}) > 1),
        ("Content-Disposition", len({one.parameters.get("filename") for one in dispositions}) > 1),
        ("Content-Transfer-Encoding", len(set(encodings)) > 1),
    )
    return Entity(
        head,
        declared,
        content_type,
        type_parameters,
        disposition,
        encoding,
        min(head.body, end),
        end,
        tuple(name for name, differ in several if differ),
    )


def _encoding(value: bytes) -> str:
    word = re.split(rb"[\s;(]", value.strip(b" \t\"'"), maxsplit=1)[0]
    return word.decode("ascii", "replace").lower().strip("\"'")


def _boundary_of(one: Valued) -> str | None:
    return one.parameters.get("boundary")


def lost_multipart(shape: bytes, entity: Entity) -> Entity | None:
    """
    Return the multipart that a text really is whose Content-Type was lost; None if it is a text.

    Gateways strip or break the head: an empty line stands inside it, so that the body begins with the rest of the
    fields; or the body begins with a delimiter line and the fields of a part. Text in which such lines come later
    quotes a mail.
    """
    at = entity.body
    while at < entity.end and shape[at] in b"\r\n":
        at += 1
    if _LOST_FIELD.match(shape, at, entity.end) is not None:
        rest = read_entity(shape, at, entity.end)
        return rest if rest.content_type.startswith("multipart/") else None
    delimiter = _LOST_DELIMITER.match(shape, at, entity.end)
    if delimiter is None:
        return None
    boundary = delimiter["boundary"].decode("utf-8", "replace").rstrip()
    return replace(
        entity,
        content_type="multipart/mixed",
        type_parameters=Valued("multipart/mixed", {"boundary": boundary}),
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
    if found[0][0] - start > MAX_UNSEEN:
        flaws.append("much text before the first delimiter")
    if closed and end - found[-1][1] > MAX_UNSEEN and not data[found[-1][1] : end].isspace():
        flaws.append("much text after the closing delimiter")
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
    if encoding in ("base64", "x-base64", "base-64", "base_64", "b64"):
        return decode_base64(raw)
    if encoding in ("quoted-printable", "quotedprintable"):
        # Blanks after a soft break were added on the way (RFC 2045 6.7, rule 3); the decoder would keep the break.
        return binascii.a2b_qp(_SOFT_BREAK.sub(b"=", raw)), None
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        whole = bytes(raw)
        for one in embedded_files(whole):
            return one.data, None if one.complete else "the uuencoded text has no end"
        return whole, "uuencode was announced, but none is there"
    if encoding in NOT_ENCODED:
        return bytes(raw), None
    return bytes(raw), f"unknown transfer encoding {encoding[:40]!r}"


def messages_of(shape: bytes) -> tuple[tuple[int, int], ...]:
    """Return the ranges of the messages in a mailbox file (RFC 4155, `From ` lines); anything else is one message."""
    if not shape.startswith(b"From "):
        return ((0, len(shape)),)
    starts = [match.start() for _, match in zip(range(MAX_MESSAGES), _MBOX_LINE.finditer(shape), strict=False)]
    if not starts or starts[0] != 0:
        return ((0, len(shape)),)
    return tuple(zip(starts, (*starts[1:], len(shape)), strict=True))


def unannounced_base64(content: bytes) -> bytes | None:
    """Return what a body holds that is base64 throughout though its head does not say so; None if it is none."""
    if _BASE64.fullmatch(content[:MIN_UNANNOUNCED].translate(None, b"\r\n\t ")) is None:
        return None
    letters = content.translate(None, b"\r\n\t ")
    if len(letters) < MIN_UNANNOUNCED or len(letters) % 4 or _BASE64.fullmatch(letters) is None:
        return None
    return decode_base64(letters)[0]
