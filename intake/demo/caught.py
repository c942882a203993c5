"""The letters that the demonstration's mail sink caught, for reading in the console: nothing of them ever left."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

# The newest letters are what a newcomer looks for; a console page with more would only be slow.
MAX_SHOWN = 500

# The sink is on loopback, but whoever can reach it can write into it: what cannot be a letter of ours is not read.
MAX_LETTER_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CaughtLetter:
    """
    One letter as it would have left.

    `name` is the file's name in the folder, `caught_at` the sink's clock (UTC), `to` the envelope's recipients,
    `text` the plain text. Headers are decoded; a header that is missing is "".
    """

    name: str
    caught_at: datetime
    envelope_from: str
    to: tuple[str, ...]
    subject: str
    message_id: str
    in_reply_to: str
    text: str
    size: int


def caught_letters(folder: Path) -> list[CaughtLetter]:
    """Return the caught letters, newest first, at most MAX_SHOWN; a folder that does not exist holds none."""
    try:
        files = sorted((file for file in folder.glob("*.eml") if file.is_file()), reverse=True)
    except OSError:
        return []
    return [letter for file in files[:MAX_SHOWN] if (letter := _read(file)) is not None]


def caught_letter(folder: Path, name: str) -> CaughtLetter | None:
    """Return the letter called `name`, or None; a name that is not one of the sink's own is never opened."""
    if not re.fullmatch(r"[0-9]{8}T[0-9]{12}Z-[0-9]+\.eml", name):
        return None
    return _read(folder / name)


def name_for(at: datetime, number: int) -> str:
    """Return the file name of the `number`th letter of this run, caught at `at`; names sort by time."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{number}.eml"


def _read(file: Path) -> CaughtLetter | None:
    try:
        if file.stat().st_size > MAX_LETTER_BYTES:
            return None
        data = file.read_bytes()
        caught_at = datetime.strptime(file.name.split("Z-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except (OSError, ValueError):
        return None
    letter = email.message_from_bytes(data)
    return CaughtLetter(
        name=file.name,
        caught_at=caught_at,
        envelope_from=_header(letter, "X-Envelope-From"),
        to=tuple(one.strip() for one in _header(letter, "X-Envelope-To").split(",") if one.strip()),
        subject=_header(letter, "Subject"),
        message_id=_header(letter, "Message-ID"),
        in_reply_to=_header(letter, "In-Reply-To"),
        text=_text(letter),
        size=len(data),
    )


def _header(letter: Message, name: str) -> str:
    raw = letter.get(name)
    if raw is None:
        return ""
    try:
        return re.sub(r"\s+", " ", str(make_header(decode_header(str(raw))))).strip()
    except (ValueError, LookupError):
        return str(raw)


def _text(letter: Message) -> str:
    for part in letter.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                try:
                    return payload.decode(part.get_content_charset("utf-8"), errors="replace")
                except LookupError:
                    return payload.decode("utf-8", errors="replace")
    return ""
