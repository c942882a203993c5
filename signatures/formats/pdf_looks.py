"""Asks about the looks of form fields: do they say what the fields say, and what do they draw with?"""

from __future__ import annotations

import re
from html import unescape

from signatures.formats.pdf_fields import Field, fields_of, form_of
from signatures.formats.pdf_nodes import inherited, looks_of, or_empty
from signatures.formats.pdf_objects import (
    Dictionary,
    Name,
    PdfSyntaxError,
    Reader,
    Ref,
    Stream,
    Value,
    name_of,
    text_of,
)
from signatures.formats.pdf_view import View

_WHITE = rb"\x00\t\n\x0c\r "
# Operators that take something from the resources by its name (ISO 32000-1, 8.4.4, 8.6.8, 8.8, 9.3.1).
_NAMED = re.compile(
    rb"/[^" + _WHITE + rb"()<>\[\]{}/%]+[" + _WHITE + rb"]+(?:[-+.\d]+[" + _WHITE + rb"]+Tf|Do|gs|cs|CS|scn|SCN|sh)\b"
)
_STRING = re.compile(rb"\((?:[^()\\]|\\.|\([^()]*\))*\)|<[0-9A-Fa-f\x00\t\n\x0c\r ]*>", re.DOTALL)
_FONT = re.compile(rb"/([^" + _WHITE + rb"()<>\[\]{}/%]+)[" + _WHITE + rb"]+[-+.\d]+[" + _WHITE + rb"]+Tf")
_ANY_NAME = re.compile(rb"/([^" + _WHITE + rb"()<>\[\]{}/%]*)")
# ISO 32000-1, 12.7.3.3: the kinds of fields whose look is made of their value.
TEXT_KINDS = frozenset({"Tx", "Ch"})
# ISO 32000-1, table 228: a password is shown as asterisks.
_PASSWORD = 1 << 13
_TAG = re.compile(r"<[^>]*>")
_SPACE, _TILDE = 32, 126


def looks_stand_alone(view: View) -> bool:
    """Say whether every look of every field brings the resources that it draws with, or draws with none."""
    return all(
        look.head.get("Resources") or not _NAMED.search(_content(view, look))
        for field in fields_of(view)
        for widget in _widgets(view, field)
        for look in looks_of(view, widget)
    )


def looks_say_values(view: View) -> bool:
    """
    Say whether every field with a value and a look shows that value.

    If not, a program that is told to draw the looks anew shows something else than it did. Letters in the codes of a
    font of the look's own cannot be read here: then the answer is no, too.
    """
    for field in fields_of(view):
        if field.kind not in TEXT_KINDS:
            continue
        value = _letters(text_of(view.resolve(field.value)))
        looks = [look for widget in _widgets(view, field) for look in looks_of(view, widget)]
        for look in looks:
            shown = _letters(_texts(_content(view, look)))
            if shown != value and value not in shown:
                return False
            if shown and not value:
                return False
    return True


def shows_another_value(view: View, field: Field) -> bool:
    """
    Say whether a look of `field`, as far as it can be read, or its rich text says something else than its value.

    Not told of fields that scripts write in a form of their own, of buttons that hold other words than their states, of
    passwords, and of letters in the codes of a font.
    """
    choices = view.resolve(field.inherited("Opt"))
    if field.kind == "Btn":
        return choices is None and _pressed_otherwise(view, field)
    flags = view.resolve(field.inherited("Ff"))
    if field.kind not in TEXT_KINDS or (isinstance(flags, int) and flags & _PASSWORD) or "AA" in field.lineage[0]:
        return False
    value = _letters(text_of(view.resolve(field.value)))
    rich = view.resolve(field.inherited("RV"))
    if isinstance(rich, bytes) and value not in _letters(unescape(_TAG.sub("", text_of(rich)))):
        return True
    accepted = {value}
    for choice in choices if isinstance(choices, list) else ():
        # A choice may show another word than it holds (ISO 32000-1, table 231).
        pair = view.resolve(choice)
        words = [_letters(text_of(view.resolve(one))) for one in pair] if isinstance(pair, list) else []
        if len(words) > 1 and words[0] == value:
            accepted.add(words[1])
    for look in (one for widget in _widgets(view, field) for one in looks_of(view, widget)):
        shown = _letters(_texts(_content(view, look)))
        readable = (shown + "".join(accepted)).isascii() and shown.isprintable() and _fonts_are_plain(view, look)
        if readable and shown and not any(one in shown for one in accepted):
            return True
    return False


def _pressed_otherwise(view: View, field: Field) -> bool:
    """Say whether the buttons of a field show another state than its value names (ISO 32000-1, 12.7.4.2.3)."""
    held = view.resolve(field.value)
    value = str(held) if isinstance(held, Name) else text_of(held)
    known: set[str] = set()
    shown: set[str] = set()
    for widget in _widgets(view, field):
        states = view.entry(view.entry(widget, "AP"), "N")
        if isinstance(states, Dictionary):
            known |= set(states)
            state = view.entry(widget, "AS")
            shown |= {str(state)} & set(states) if isinstance(state, Name) else set()
    shown.discard("Off")
    return bool(shown - {value}) or (value in known - {"Off"} and value not in shown)


def _fonts_are_plain(view: View, look: Stream) -> bool:
    """Say whether every font of a look shows the Latin letters and digits as what they are."""
    fonts = view.entry(view.entry(look, "Resources"), "Font")
    for font in or_empty(fonts).values():
        if view.entry(font, "Subtype") not in ("Type1", "TrueType") or "+" in str(view.entry(font, "BaseFont")):
            return False
        changed = view.entry(view.entry(font, "Encoding"), "Differences")
        if isinstance(changed, list) and any(isinstance(one, int) and _SPACE <= one <= _TILDE for one in changed):
            return False
    return True


def names_asked_for(view: View, page: int) -> set[str] | None:
    """
    Return the names by which a page may ask for resources; None where that cannot be told.

    All names in its content count, and those that are asked for without being named (ISO 32000-1, 8.6.5.6). Forms that
    bring no resources of their own draw with the page's.
    """
    content = view.entry(Ref(page, 0), "Contents")
    parts = [view.resolve(one) for one in content] if isinstance(content, list) else [content]
    pictures = or_empty(view.entry(inherited(view, page, "Resources"), "XObject"))
    forms = [view.resolve(one) for one in pictures.values()]
    if any(
        isinstance(one, Stream) and one.head.get("Subtype") == "Form" and not one.head.get("Resources") for one in forms
    ):
        return None
    if not looks_stand_alone(view):
        return None
    found = {"DefaultGray", "DefaultRGB", "DefaultCMYK"}
    for part in parts:
        if part is None:
            continue
        try:
            words = _ANY_NAME.findall(view.decoded(part) if isinstance(part, Stream) else b"/")
        except PdfSyntaxError:
            return None
        found.update(str(name_of(word)) for word in words)
    return found


def fields_have_defaults(view: View) -> bool:
    """Say whether every field whose look is made of its value has a default look of its own."""
    return all(
        field.kind not in TEXT_KINDS or view.resolve(field.inherited("DA")) is not None for field in fields_of(view)
    )


def default_fonts(view: View) -> set[str]:
    """Return the names of the fonts that the default looks of form and fields ask for."""
    looks: list[Value] = [or_empty(form_of(view)).get("DA")]
    looks += [field.inherited("DA") for field in fields_of(view)]
    found: set[str] = set()
    for look in looks:
        raw = view.resolve(look)
        if isinstance(raw, bytes):
            found.update(name.decode("latin-1") for name in _FONT.findall(raw))
    return found


def _widgets(view: View, field: Field) -> list[Value]:
    kids = view.resolve(field.lineage[0].get("Kids"))
    below: list[Value] = list(kids) if isinstance(kids, list) else []
    above: Dictionary = field.lineage[0]
    return [above, *below]


def _content(view: View, look: Stream) -> bytes:
    try:
        return view.decoded(look)
    except PdfSyntaxError:
        # Nobody knows what it draws with: as if it named everything.
        return b"/? Do"


def _texts(content: bytes) -> str:
    pieces = []
    for match in _STRING.finditer(content):
        try:
            value, _ = Reader(match[0]).value(0)
        except PdfSyntaxError:
            continue
        pieces.append(text_of(value))
    return "".join(pieces)


def _letters(text: str) -> str:
    return "".join(text.split())
