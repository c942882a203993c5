"""How times, sizes and strangers' texts look on a page; nothing here decides anything."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup

# Control, bidirectional, zero-width, filler and tag characters, and lone surrogates: what a stranger may hide in a
# file name so that it reads otherwise than it is (Unicode TR 36, 2.9; TR 39). Line feed and tab stay.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff]"
)
# Vietnamese needs two marks on a letter; whoever stacks more than four wants to paint over the line above.
_PILE = re.compile("([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})"
                   "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip

# A subject or name longer than this is no name; the whole is in the vault.
MAX_SHOWN = 4000


def visible(text: str) -> str:
    """
    Return `text` with every hidden character written out as ⟨U+202E⟩, piles of marks cut, and a bounded length.

    The result is plain text that still has to be escaped for HTML; it can always be encoded as UTF-8.
    """
    if len(text) > MAX_SHOWN:
        text = text[:MAX_SHOWN] + " […]"
    text = text.replace("\r\n", "\n")
    text = _HIDDEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)
    return _PILE.sub(r"\1⟨…⟩", text)


def finalize(value: object) -> object:
    """
    Make every text that a template prints visible, whichever template and whoever forgot; None prints nothing.

    Markup is ours and passes. Jinja escapes the result afterwards.
    """
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


def offset_words(value: datetime) -> str:
    """Return the zone of an aware moment as GMT+7 or GMT+5:30."""
    offset = value.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{sign}{hours}" + (f":{rest:02d}" if rest else "")


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Return dd/mm/yyyy HH:MM (GMT+7) in the office's zone; a dash where there is none."""
    if value is None:
        return "–"
    local = value.astimezone(zone)
    return f"{local:%d/%m/%Y %H:%M} ({offset_words(local)})"


def short_moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Return dd/mm/yyyy HH:MM, for tables whose heading names the zone."""
    return "–" if value is None else f"{value.astimezone(zone):%d/%m/%Y %H:%M}"


def exact_moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Return the moment to the second with its offset, as evidence needs it."""
    if value is None:
        return "–"
    local = value.astimezone(zone)
    return f"{local:%d/%m/%Y %H:%M:%S} ({offset_words(local)})"


def machine_moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Return the moment for a `datetime` attribute (RFC 3339)."""
    return "" if value is None else value.astimezone(zone).isoformat(timespec="seconds")


def written_moment(text: str | None, zone: ZoneInfo) -> str:
    """Return a moment that a report holds as RFC 3339 text, as `exact_moment`; what is no moment is shown as it is."""
    if not text:
        return "–"
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return text
    return exact_moment(value, zone) if value.tzinfo is not None else text


def day(value: date | None) -> str:
    """Return dd/mm/yyyy."""
    return "–" if value is None else f"{value:%d/%m/%Y}"


def span(length: timedelta) -> str:
    """Return a length of time in words, its two largest units; under a minute is said so, never rounded to nothing."""
    seconds = int(abs(length.total_seconds()))
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3_600)
    minutes = seconds // 60
    if days:
        return f"{days} ngày" + (f" {hours} giờ" if hours else "")
    if hours:
        return f"{hours} giờ" + (f" {minutes} phút" if minutes else "")
    return f"{minutes} phút" if minutes else "chưa đến 1 phút"


def until(cut_off: datetime, now: datetime) -> str:
    """Say how far `now` is from a cut-off, which is itself the first instant outside."""
    return f"còn {span(cut_off - now)}" if now < cut_off else f"đã qua {span(now - cut_off)}"


def ago(value: datetime | None, now: datetime) -> str:
    """Say how long ago something was; a moment ahead of the clock is said to be ahead."""
    if value is None:
        return "chưa lần nào"
    return f"{span(now - value)} trước" if value <= now else f"sau {span(value - now)}"


def size(count: int) -> str:
    """Return a number of bytes in B, KB or MB (1024), with the Vietnamese decimal comma."""
    if count < 1024:
        return f"{count} B"
    for unit, step in (("KB", 1024), ("MB", 1024**2), ("GB", 1024**3)):
        if count < step * 1024 or unit == "GB":
            return f"{count / step:.1f}".replace(".", ",") + f" {unit}"
    raise AssertionError("every count has a unit")


def number(count: int | Decimal) -> str:
    """Return a number with dots between thousands and a decimal comma, as Vietnamese offices write it."""
    return f"{count:,}".translate(str.maketrans(",.", ".,"))


def digest(value: str) -> Markup:
    """Return a hex digest with break opportunities after every 8 characters, so that it wraps on narrow screens."""
    pieces = [Markup.escape(visible(value[at : at + 8])) for at in range(0, len(value), 8)]
    return Markup("<wbr>").join(pieces)
