"""Read the parameters of a part, and make of a sender's file name a label that is safe to show."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from intake.steps.charsets import decode, guess, known_codec, old_font
from intake.steps.mail_headers import MAX_PARAMETERS, decode_words
from storage.records import Why

# File systems stop at 255; a label beyond that is cut in its middle, so that the ending stays to be seen.
MAX_NAME_CHARACTERS = 255
# RFC 2231 pieces of one parameter; the number in `filename*7*` has at most three digits.
MAX_PIECES = 200

_FOLD = re.compile(rb"\r?\n|\r")
_PIECE = re.compile(r"([a-z0-9_.-]{1,60})(?:\*(\d{1,3}))?(\*)?")
# A parameter that follows without its semicolon: `name=form.pdf charset=utf-8`.
# One blank only: a pattern that could begin anywhere in a run of blanks would cost the square of its length.
_NEXT_WITHOUT_SEMICOLON = re.compile(
    rb"[ \t](?:charset|name|filename|boundary|size|type|format|protocol|micalg)\*?[0-9]*\*?="
)
# Vietnamese has at most two marks on a letter, and they are composed; a pile of them covers the lines around it.
_PILED_MARKS = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Valued:
    """A structured field (RFC 2045 5.1, RFC 2183): its value in lower case and its parameters, decoded, by name."""

    value: str
    parameters: dict[str, str]
    guessed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Label:
    """A name made safe to show; None: there is none. `readable` is the Unicode reading of an old font's text."""

    name: str | None
    readable: str | None = None
    problems: tuple[Why, ...] = ()


def read_valued(raw: bytes | None) -> Valued:
    """
    Read Content-Type or Content-Disposition: the value and its parameters.

    An extended parameter (`filename*`, RFC 2231 and 5987) wins over pieces (`filename*0`), those over the plain one;
    a plain one is decoded by RFC 2047 although the standard forbids it there, since most programs write it so; what is
    left are raw bytes: UTF-8, else guessed. Nothing raises; the first of equal parameters counts.
    """
    if raw is None:
        return Valued("", {})
    text = _FOLD.sub(b"", raw)
    value, found = _tokens(text)
    plain: dict[str, bytes] = {}
    extended: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for name, content in found:
        match = _PIECE.fullmatch(name)
        if match is None:
            continue
        base, number, star = match.groups()
        if number is not None:
            pieces.setdefault(base, {}).setdefault(int(number), (content, star is not None))
        elif star is not None:
            extended.setdefault(base, content)
        else:
            plain.setdefault(base, content)
    parameters: dict[str, str] = {}
    guessed: set[str] = set()
    for base, content in plain.items():
        parameters[base], certain = _plain_text(content)
        if not certain:
            guessed.add(base)
    for base, numbered in pieces.items():
        joined, certain = _joined(numbered)
        if joined:
            parameters[base] = joined
            guessed = guessed - {base} if certain else guessed | {base}
    for base, content in extended.items():
        whole, certain = _extended_text(content)
        if whole:
            parameters[base] = whole
            guessed = guessed - {base} if certain else guessed | {base}
    return Valued(value, parameters, frozenset(guessed))


def _tokens(text: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Split into the value and (name, raw value) pairs, once over, comments left out."""
    end = len(text)
    at = _skip_blank(text, 0, end)
    start = at
    while at < end and text[at] not in b"; \t(":
        at += 1
    value = text[start:at].decode("ascii", "replace").strip().strip('"').lower()
    found: list[tuple[str, bytes]] = []
    while at < end and len(found) < MAX_PARAMETERS:
        at = _skip_blank(text, at, end)
        if at < end and text[at] in b";,":
            at += 1
            continue
        start = at
        while at < end and text[at] not in b"=; \t":
            at += 1
        name = text[start:at].decode("ascii", "replace").lower()
        at = _skip_blank(text, at, end)
        if at >= end or text[at] != 0x3D:
            if at == start:
                at += 1
            continue
        at = _skip_blank(text, at + 1, end)
        content, at = _value_at(text, at, end)
        if name:
            found.append((name, content))
    return value, found


def _skip_blank(text: bytes, at: int, end: int) -> int:
    """Pass white space and comments, which may nest."""
    depth = 0
    while at < end:
        code = text[at]
        if code == 0x28:
            depth += 1
        elif depth:
            if code == 0x29:
                depth -= 1
            elif code == 0x5C:
                at += 1
        elif code not in b" \t":
            break
        at += 1
    return min(at, end)


def _value_at(text: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Read one parameter's value: quoted, or up to the semicolon (names with blanks come unquoted often enough)."""
    if at < end and text[at] == 0x22:
        made = bytearray()
        place = at + 1
        while place < end:
            code = text[place]
            if code == 0x5C and place + 1 < end and text[place + 1] in b'"\\':
                # Only these two are escapes in practice: `C:\temp\form.pdf` must keep its other backslashes.
                made.append(text[place + 1])
                place += 2
                continue
            if code == 0x22:
                return bytes(made), place + 1
            made.append(code)
            place += 1
        # No closing quote: what follows belongs to the value only up to the next parameter.
        at += 1
    stop = text.find(b";", at)
    stop = end if stop < 0 else stop
    following = _NEXT_WITHOUT_SEMICOLON.search(text, at, stop)
    if following is not None:
        stop = following.start()
    return text[at:stop].strip(b' \t"'), stop


def _plain_text(content: bytes) -> tuple[str, bool]:
    if content.isascii():
        return decode_words(content.decode("ascii")), True
    guessed = guess(content)
    return decode_words(guessed.text), guessed.certain


def _extended_text(content: bytes) -> tuple[str, bool]:
    """Decode `charset'language'percent-encoded`; without the apostrophes it is percent-encoded UTF-8."""
    charset, _, rest = content.partition(b"'")
    _, second, encoded = rest.partition(b"'")
    if not second:
        charset, encoded = b"utf-8", content
    raw = unquote_to_bytes(encoded)
    decoded = decode(raw, charset.decode("ascii", "replace").strip() or "utf-8")
    return decode_words(decoded.text), decoded.certain


def _joined(numbered: dict[int, tuple[bytes, bool]]) -> tuple[str, bool]:
    """
    Join the pieces of RFC 2231 section 3 in their order; each says by its star whether it is percent-encoded.

    By the standard only the first names the charset. Programs that name one in a later piece mean it from there on.
    """
    order = sorted(numbered)[:MAX_PIECES]
    runs: list[tuple[str | None, bytearray]] = [(None, bytearray())]
    for number in order:
        content, encoded = numbered[number]
        label, quote, rest = content.partition(b"'")
        _, second, after = rest.partition(b"'")
        charset = label.decode("ascii", "replace").strip() if encoded and quote and second else ""
        if charset and (number == order[0] or known_codec(charset) is not None):
            content = after
            if charset != runs[-1][0]:
                runs.append((charset, bytearray()))
        runs[-1][1].extend(unquote_to_bytes(content) if encoded else content)
    texts: list[str] = []
    certain = True
    for charset_of_run, raw in runs:
        if charset_of_run is None:
            text, sure = _plain_text(bytes(raw))
        else:
            decoded = decode(bytes(raw), charset_of_run)
            text, sure = decode_words(decoded.text), decoded.certain
        texts.append(text)
        certain = certain and sure
    return "".join(texts), certain


def label_of(text: str | None, *, guessed: bool = False) -> Label:
    """
    Make a label of a sender's file name: NFC, no path, one line, nothing invisible.

    Control, bidirectional and other format characters, which can make `fdp.exe` look like `exe.pdf`, are written out
    as `[U+202E]` and reported. What stands before the last slash or backslash is taken away and reported, since no
    sender may name a place. A name that is nothing else (`..`, blanks) is none. Text of an old Vietnamese font stays
    as it came, with its readable form beside it.
    """
    if text is None:
        return Label(None)
    problems: list[Why] = []
    flat = re.sub(r"[\t\r\n ]+", " ", unicodedata.normalize("NFC", text)).strip()
    last = re.split(r"[/\\]", flat)[-1].strip()
    if not last and flat:
        # A name that ends in a slash: take the last piece that has letters.
        last = next((piece.strip() for piece in reversed(re.split(r"[/\\]", flat)) if piece.strip()), "")
    if _DRIVE.match(last) and last == flat:
        last = last[2:].strip()
    visible = _PILED_MARKS.sub(r"\1[…]", "".join(_visible(letter) for letter in last))
    if last != flat:
        shown = "".join(_visible(letter) for letter in flat)
        problems.append(Why("NAME_PATH_REMOVED", shown[:MAX_NAME_CHARACTERS]))
    if visible != last:
        problems.append(Why("NAME_HIDDEN_CHARACTERS", visible[:MAX_NAME_CHARACTERS]))
    if visible.strip(". ") == "":
        return Label(None, None, tuple(problems))
    if len(visible) > MAX_NAME_CHARACTERS:
        problems.append(Why("NAME_TOO_LONG", f"{len(visible)} characters"))
        half = MAX_NAME_CHARACTERS // 2 - 1
        visible = f"{visible[:half]}…{visible[-half:]}"
    readable: str | None = None
    if not visible.isascii():
        recognised = old_font(visible)
        if recognised is not None:
            font, converted = recognised
            readable = unicodedata.normalize("NFC", converted)
            problems.append(Why("NAME_OLD_FONT", f"{font}: {readable}"))
        elif guessed:
            problems.append(Why("NAME_CHARSET_GUESSED", visible))
    return Label(visible, readable, tuple(problems))


def _visible(letter: str) -> str:
    """Return the letter, or its number written out where it cannot be seen or changes the order of the others."""
    if " " <= letter <= "~":
        return letter
    if unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp"):
        return f"[U+{ord(letter):04X}]"
    if unicodedata.category(letter) == "Zs":
        return " "
    return letter
