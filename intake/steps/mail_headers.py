"""Read the head of a message or part: its fields within limits, their words, ids and dates."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from intake.steps.base64_text import loose_base64
from intake.steps.charsets import decode, guess

# A head longer than this is cut: real ones stay under 64 KB, and every field is copied at least once.
MAX_HEAD_BYTES = 512 * 1024
# Lines of one head that are looked at at all; beyond the limits above and below only what says where the mail comes
# from, what it is about and how it is built is still kept, so that a padded head hides none of it.
MAX_HEAD_LINES = 100_000
MAX_KEPT_BEYOND = 50
_KEPT_BEYOND = frozenset(
    (
        *("from", "sender", "subject", "date", "message-id", "in-reply-to", "return-path"),
        *("auto-submitted", "precedence", "list-id", "content-type", "content-transfer-encoding"),
    )
)
# Fields in one head; a mail that passed thirty servers with signatures has about two hundred.
MAX_FIELDS = 2_000
# One field; a long To list of a circular to every agency is far below. Hostile ones came with 210 kB.
MAX_FIELD_BYTES = 64 * 1024
# Message-IDs in one References field.
MAX_IDS = 1_000
# Parameters of one Content-Type or Content-Disposition; RFC 2231 pieces count one each.
MAX_PARAMETERS = 200
# Encoded words in one field: each costs a call of a codec.
MAX_ENCODED_WORDS = 1_000

_FIELD_NAME = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_UNFOLD = re.compile(r"\r?\n[ \t]?|\r")
_ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*?)\?=")
_ID = re.compile(r"<([^<>\s]{1,900})>")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ZONES = {
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "z": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
}
_ZONES["pdt"] = -7
# RFC 5322 3.3 and its obsolete forms in 4.3: optional weekday, day, month, year, time, zone.
_DATE = re.compile(
    r"(?:[A-Za-z]{2,10}\.?,?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]{0,6}[\s,.-]+(\d{2,4})[\s,]+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})?\s*(?:([+-]\d{4})|([A-Za-z]{1,4}))?"
)


@dataclass(frozen=True, slots=True)
class Head:
    """
    The fields of one message or part in their order: lower-case name and raw value (folding kept, no line end).

    `body` is the offset in the same bytes where the body begins. `cut` says that a limit left fields out.
    """

    fields: tuple[tuple[str, bytes], ...]
    body: int
    cut: bool = False

    def first(self, name: str) -> bytes | None:
        """Return the raw value of the first field called `name` (lower case), None if there is none."""
        for known, value in self.fields:
            if known == name:
                return value
        return None

    def all(self, name: str) -> tuple[bytes, ...]:
        """Return the raw values of all fields called `name`, top first."""
        return tuple(value for known, value in self.fields if known == name)

    def text(self, name: str) -> str | None:
        """Return the first field called `name` unfolded and with its encoded words decoded; None if absent or empty."""
        value = self.first(name)
        if value is None:
            return None
        return words(value) or None


def read_head(data: bytes, start: int, end: int) -> Head:
    """
    Read the fields that begin at `start`; the body begins after the first empty line.

    Lines may end in LF or CRLF (lone CR must have been turned into LF). An mbox line (`From `, `>From `) at the top is
    passed over, so is a line without a colon between two fields; before any field such a line means that there is no
    head, and the body begins with it.
    """
    fields: list[tuple[str, bytes]] = []
    at = start
    limit = min(end, start + MAX_HEAD_BYTES)
    cut = False
    junk = lines = beyond = 0
    while at < end:
        lines += 1
        if lines > MAX_HEAD_LINES:
            cut = True
            break
        stop = data.find(b"\n", at, end)
        after = end if stop < 0 else stop + 1
        line_end = end if stop < 0 else stop
        # More than one CR before the LF: some programs write the line end of a line that has one.
        while line_end > at and data[line_end - 1] == 0x0D:
            line_end -= 1
        if line_end == at:
            at = after
            return Head(tuple(fields), at, cut)
        # A field goes on while the next line begins with white space and holds anything else (RFC 5322 2.2.3).
        while after < end and data[after] in b" \t" and lines <= MAX_HEAD_LINES:
            lines += 1
            stop = data.find(b"\n", after, end)
            following = end if stop < 0 else stop
            while following > after and data[following - 1] == 0x0D:
                following -= 1
            line_end = following
            after = end if stop < 0 else stop + 1
        match = _FIELD_NAME.match(data, at, min(line_end, at + 256))
        if match is None:
            if at == start and data[at : at + 6].lstrip(b">")[:5] == b"From ":
                at = after
                continue
            if not fields and at == start:
                return Head((), at, cut)
            junk += 1
            if junk > 20:
                # Twenty such lines are a body whose empty line was lost.
                return Head(tuple(fields), at, cut=True)
            at = after
            continue
        name = match.group().rstrip(b" \t:").lower().decode("ascii")
        is_beyond = at >= limit or len(fields) >= MAX_FIELDS
        if is_beyond:
            cut = True
            beyond += name in _KEPT_BEYOND
        if not is_beyond or (name in _KEPT_BEYOND and beyond <= MAX_KEPT_BEYOND):
            value_end = min(line_end, match.end() + MAX_FIELD_BYTES)
            cut = cut or value_end < line_end
            fields.append((name, data[match.end() : value_end].strip(b" \t\r\n")))
        at = after
    if lines > MAX_HEAD_LINES:
        # The limit fell inside the head: the body still begins at the empty line, wherever that is.
        at = _after_empty_line(data, at, end)
    return Head(tuple(fields), at, cut)


def _after_empty_line(data: bytes, at: int, end: int) -> int:
    places = [found + len(mark) for mark in (b"\n\n", b"\n\r\n") if (found := data.find(mark, at - 1, end)) >= 0]
    return min(places) if places else end


def unfold(value: bytes) -> str:
    """Return a raw value as text on one line; bytes beyond ASCII are UTF-8 or guessed (RFC 6532 allows UTF-8)."""
    text = value.decode("ascii") if value.isascii() else guess(value).text
    return _UNFOLD.sub(lambda found: " " if found.group()[-1:] in " \t" else "", text).strip()


def words(value: bytes) -> str:
    """Return a raw value unfolded with its encoded words decoded (RFC 2047), as for a Subject."""
    return decode_words(unfold(value))


def decode_words(text: str) -> str:
    """
    Decode the encoded words of RFC 2047 in `text`, wherever they stand.

    White space between two of them vanishes (section 6.2). Neighbours in the same charset are joined as bytes first,
    because many programs cut a letter in two. What cannot be decoded stays as it came.
    """
    if "=?" not in text:
        return text
    made: list[str] = []
    pending: bytes = b""
    pending_charset = ""
    at = 0
    count = 0
    for match in _ENCODED_WORD.finditer(text):
        between = text[at : match.start()]
        content = _word_bytes(match.group(2), match.group(3))
        count += 1
        if content is None or count > MAX_ENCODED_WORDS:
            continue
        charset = match.group(1).lower()
        if pending_charset and not between.strip() and charset == pending_charset:
            pending += content
        else:
            if pending_charset:
                made.append(decode(pending, pending_charset).text)
                between = between if between.strip() else ""
            made.append(between)
            pending, pending_charset = content, charset
        at = match.end()
    if pending_charset:
        made.append(decode(pending, pending_charset).text)
    made.append(text[at:])
    return "".join(made)


def _word_bytes(kind: str, content: str) -> bytes | None:
    """Return the bytes of one encoded word, None if it is not one."""
    raw = content.encode("utf-8", "surrogatepass")
    if kind in "bB":
        return loose_base64(raw)
    if b"=" not in raw:
        return raw.replace(b"_", b" ")
    return binascii.a2b_qp(raw, header=True)


def message_ids(value: bytes | None) -> tuple[str, ...]:
    """Return the ids in angle brackets of a Message-ID, In-Reply-To or References value (RFC 5322 3.6.4)."""
    if value is None:
        return ()
    return tuple(f"<{found}>" for found in _ID.findall(unfold(value).replace("\t", " "))[:MAX_IDS])


def one_message_id(value: bytes | None) -> str | None:
    """Return the Message-ID with brackets; a bare word is taken as it stands; None if there is nothing."""
    found = message_ids(value)
    if found:
        return found[0]
    bare = unfold(value) if value is not None else ""
    return bare[:998] or None


def parse_date(text: str | None) -> datetime | None:
    """
    Read a date-time of RFC 5322 (section 3.3, obsolete forms of 4.3) as aware UTC.

    None if there is none, if it names no zone (a moment without a zone is no moment), or if it cannot be. A named zone
    other than the ten of RFC 5322 is unknown, thus none. Second 60 counts as 59.
    """
    if not text:
        return None
    match = _DATE.search(without_comments(text[:1000]))
    if match is None:
        return None
    day, month_name, year, hour, minute, second, offset, zone_name = match.groups()
    month = _MONTHS.get(month_name.lower())
    if month is None:
        return None
    years = int(year)
    if len(year) == 2:
        years += 2000 if years < 50 else 1900
    elif len(year) == 3:
        years += 1900
    if offset is not None:
        minutes = int(offset[1:3]) * 60 + int(offset[3:5])
        minutes = -minutes if offset[0] == "-" else minutes
    elif zone_name is not None and zone_name.lower() in _ZONES:
        minutes = _ZONES[zone_name.lower()] * 60
    else:
        return None
    try:
        zone = timezone(timedelta(minutes=minutes))
        moment = datetime(years, month, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def without_comments(text: str) -> str:
    """Leave out comments, nested ones too, by counting brackets (no recursion: 800 levels came in a real attack)."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth = 0
    quoted = escaped = False
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
            continue
        elif letter == ")" and depth:
            depth -= 1
            continue
        if depth == 0:
            kept.append(letter)
    return "".join(kept)
