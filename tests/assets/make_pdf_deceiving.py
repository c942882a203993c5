"""Makes signed PDFs that programs begin to read elsewhere, unpack or decrypt otherwise, or that deceive lawfully."""

from __future__ import annotations

import hashlib
import sys
from base64 import a85encode
from collections.abc import Callable
from pathlib import Path

from tests.makers_pdf import (
    PAGE_TEXT,
    Made,
    a_pdf,
    cms_over,
    fill_in,
    listed,
    look,
    revision,
    sign,
    signature_body,
    stream,
)

FOLDER = Path(__file__).parent / "pdf" / "deceiving"

_FORGED_TEXT = PAGE_TEXT.replace("87", "99")
_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_WHITE = b"\n" * 5000


# Programs that begin to read elsewhere.


def linearised(said: Callable[[int], int], *, white: bytes = b"", updated: bool = False) -> bytes:
    """
    A signed file that begins with a linearisation dictionary and a table of its own, which leads to a forged page.

    `said` gives the length that the dictionary names, from the whole file's; `white` or an update comes after signing.
    """
    real = a_pdf().bodies
    numbers = range(1, 10)
    head = _HEADER + b"60 0 obj\n<< /Linearized 1 /L 0000000000 /H [0 0] /O 3 /E 0 /N 1 /T 0 >>\nendobj\n"
    table = (
        "xref\n0 10\n0000000000 65535 f \n{rows}trailer\n<< /Size 61 /Root 1 0 R /Info 9 0 R >>\nstartxref\n0\n%%EOF\n"
    )
    at = len(head) + len(table.format(rows="")) + 20 * len(numbers)
    rows, objects = "", b""
    for number in numbers:
        rows += f"{at + len(objects):010} 00000 n \n"
        objects += f"{number} 0 obj\n{stream(_FORGED_TEXT) if number == 4 else real[number]}\nendobj\n".encode(
            "latin-1"
        )
    base = revision(Made(head + table.format(rows=rows).encode() + objects, {60: ""}), dict(real))

    def made(length: int) -> bytes:
        data = base.data.replace(b"/L 0000000000", f"/L {length:010}".encode())
        signed = sign(Made(data, base.bodies, base.last_table))
        return (revision(signed, {90: "<< /X 1 >>"}).data if updated else signed.data) + white

    return made(said(len(made(0))))


def white_space_behind(*, drafted: bool) -> bytes:
    """So much white space behind the end that programs find no end mark; `drafted`: the newest page is not the live."""
    return (_over_a_draft() if drafted else sign(a_pdf())).data + _WHITE


def _over_a_draft() -> Made:
    """Signed after a draft of the page's text was taken back: who looks for objects finds the draft last."""
    base = a_pdf()
    place = base.data.index(b"4 0 obj")
    draft = revision(base, {4: stream(_FORGED_TEXT)})
    table = len(draft.data)
    end = f"trailer\n<< /Size 10 /Root 1 0 R /Info 9 0 R /Prev {draft.last_table} >>\nstartxref\n{table}\n%%EOF\n"
    back = draft.data + f"xref\n4 1\n{place:010} 00000 n \n{end}".encode()
    return sign(Made(back, base.bodies, table))


def end_written(word: bytes) -> bytes:
    """The end mark of an update is written as `word`, which some programs do not understand."""
    data = revision(_over_a_draft(), {90: "<< >>"}).data
    at = data.rindex(b"startxref\n")
    return data[:at] + word + data[at + 10 :]


# Object streams that not every program unpacks alike.


def _lzw(data: bytes) -> bytes:
    """Codes of nine bits, each letter by itself (ISO 32000-1, 7.4.4)."""
    bits = "".join(f"{256:09b}{letter:09b}" for letter in data) + f"{257:09b}"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def packed(how: str, pack: Callable[[bytes], bytes]) -> bytes:
    """The page's resources lie in an object stream packed in such a way, and name a picture that the update brings."""
    page = a_pdf().bodies[3].replace("/Resources << /Font << /F1 5 0 R >> >>", "/Resources 30 0 R")
    base = a_pdf(o3=page, o4=stream(PAGE_TEXT + " q /I Do Q"))
    data = pack(b"30 0 << /Font << /F1 5 0 R >> /XObject << /I 40 0 R >> >>")
    place = len(base.data)
    head = f"50 0 obj\n<< /Type /ObjStm /N 1 /First 5 {how} /Length {len(data)} >>\nstream\n".encode()
    output = base.data + head + data + b"\nendstream\nendobj\n"
    table = len(output)
    rows = bytes([2, 0, 0, 50, 0]) + b"".join(bytes([1]) + at.to_bytes(3, "big") + b"\0" for at in (place, table))
    more = f"/Index [30 1 50 1 80 1] /Size 81 /Root 1 0 R /Info 9 0 R /Prev {base.last_table} /Length {len(rows)}"
    output += f"80 0 obj\n<< /Type /XRef /W [1 3 1] {more} >>\nstream\n".encode() + rows
    output += f"\nendstream\nendobj\nstartxref\n{table}\n%%EOF\n".encode()
    signed = sign(Made(output, {**base.bodies, 80: ""}, table))
    return revision(signed, {40: look("1 g 50 640 300 60 re f BT /F1 14 Tf 60 660 Td (99) Tj ET", 600, 800)}).data


# Encryption (ISO 32000-1, 7.6) under the empty password, with keys of forty bits.

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_IDENTIFIER = b"\x01" * 16


def _rc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    other = 0
    for at in range(256):
        other = (other + box[at] + key[at % len(key)]) % 256
        box[at], box[other] = box[other], box[at]
    at = other = 0
    output = bytearray()
    for letter in data:
        at = (at + 1) % 256
        other = (other + box[at]) % 256
        box[at], box[other] = box[other], box[at]
        output.append(letter ^ box[(box[at] + box[other]) % 256])
    return bytes(output)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


_OWNER = _rc4(_md5(_PADDING)[:5], _PADDING)
_KEY = _md5(_PADDING + _OWNER + (-4).to_bytes(4, "little", signed=True) + _IDENTIFIER)[:5]
_ENCRYPTION = f"<< /Filter /Standard /V 1 /R 2 /O <{_OWNER.hex()}> /U <{_rc4(_KEY, _PADDING).hex()}> /P -4 >>"
ENCRYPTED = f"/Encrypt 50 0 R /ID [<{_IDENTIFIER.hex()}><{_IDENTIFIER.hex()}>] "


def _locked(number: int, text: str) -> bytes:
    return _rc4(_md5(_KEY + number.to_bytes(3, "little") + b"\0\0")[:10], text.encode())


def _locked_text(number: int, text: str) -> str:
    return f"<{_locked(number, text).hex()}>"


def encrypted(trailer: str) -> bytes:
    """
    An encrypted file with an update whose trailer says `trailer` of the encryption.

    The page has two parts: one is its text once decrypted, the other is a forged text as long as it is not.
    """
    plain = a_pdf().bodies
    page = plain[3].replace("/Contents 4 0 R", "/Contents [40 0 R 4 0 R]").replace(" /Annots [7 0 R]", "")
    bodies = {
        1: plain[1],
        2: plain[2],
        3: page,
        4: stream(_locked(4, PAGE_TEXT).decode("latin-1")),
        5: plain[5],
        6: "<< /Fields [] >>",
        9: "<< >>",
        40: stream(f"\n{_FORGED_TEXT}\n%"),
        50: _ENCRYPTION,
    }
    base = revision(Made(_HEADER), bodies, trailer=ENCRYPTED)
    date = "(D:20190912100000+07'00')"
    signature = {
        51: signature_body().replace(date, _locked_text(51, date[1:-1])),
        52: f"<< /FT /Sig /T {_locked_text(52, 'Ky1')} /V 51 0 R >>",
        6: "<< /Fields [52 0 R] /SigFlags 3 >>",
    }
    signed = fill_in(revision(base, signature, trailer=ENCRYPTED))
    return revision(signed, {90: "<< >>"}, trailer=trailer).data


# Signatures in nobody's name, and places of signatures.


def _value_of(made: Made) -> int:
    return next(number for number, body in made.bodies.items() if "/ByteRange" in body)


_DIRECTOR = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (GiamDoc) /Rect [60 300 260 340] /F 132 /P 3 0 R {more}>>"
_HAS_SIGNED = look("BT /F1 12 Tf 2 10 Td (Da ky: Giam doc) Tj ET")


def signature_borrowed(*, prepared: bool) -> bytes:
    """A second field shows the picture of a second signature; its value is the first one's."""
    base = a_pdf()
    if prepared:
        page, form = (listed(base.bodies[number], key, "60 0 R") for number, key in ((3, "Annots"), (6, "Fields")))
        made = sign(a_pdf(o60=_DIRECTOR.format(more=""), o3=page, o6=form))
    else:
        made = sign(base)
    field = _DIRECTOR.format(more=f"/V {_value_of(made)} 0 R /AP << /N 161 0 R >> ")
    if prepared:
        return revision(made, {60: field, 161: _HAS_SIGNED}).data
    page = listed(made.bodies[3], "Annots", "160 0 R")
    form = made.bodies[6].replace(" 7 0 R]", " 7 0 R 160 0 R]")
    return revision(made, {160: field, 161: _HAS_SIGNED, 3: page, 6: form}).data


def signature_that_does_not_turn() -> bytes:
    """A further signature on a turned page stays upright, in some programs: then it covers something else."""
    made = sign(a_pdf(o3=a_pdf().bodies[3].replace("/MediaBox", "/Rotate 90 /MediaBox")))
    value = made.next_number
    field = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky2) /Rect [20 600 50 840] /F 148 /P 3 0 R"
    further = {
        value: signature_body(),
        value + 1: f"{field} /V {value} 0 R /AP << /N {value + 2} 0 R >> >>",
        value + 2: look("1 g 0 0 30 240 re f", 30, 240),
        3: listed(made.bodies[3], "Annots", f"{value + 1} 0 R"),
        6: listed(made.bodies[6], "Fields", f"{value + 1} 0 R"),
    }
    return fill_in(revision(made, further)).data


def range_written(write: Callable[[int, int, int], str]) -> bytes:
    """The byte range is written as `write` says, with the numbers that most programs understand."""
    base = a_pdf()
    objects = {
        10: signature_body(byte_range=f"[{' ' * 34}]"),
        11: "<< /FT /Sig /T (Ky1) /V 10 0 R >>",
        6: listed(base.bodies[6], "Fields", "11 0 R"),
    }
    data = revision(base, objects).data
    at = data.rindex(b"/ByteRange [") + 12
    start = data.index(b"/Contents <", at) + 10
    stop = data.index(b">", start) + 1
    data = data[:at] + write(start, stop, len(data) - stop).encode().ljust(34) + data[at + 34 :]
    value = cms_over(data[:start] + data[stop:]).hex().encode().ljust(stop - start - 2, b"0")
    return data[: start + 1] + value + data[stop - 1 :]


# Fields filled in deceptively.

_FIELD = a_pdf().bodies[7]


def _holding(value: str) -> str:
    return _FIELD.replace("/T (HoTen)", f"/T (HoTen) /V ({value})")


def _saying(value: str) -> str:
    return look(f"/Tx BMC BT /F1 12 Tf 2 10 Td ({value}) Tj ET EMC")


def filled(field: str, shown: str, further: dict[int, str] | None = None) -> bytes:
    """An empty field was filled in after signing."""
    return revision(sign(a_pdf()), {7: field, 8: shown, **(further or {})}).data


def filled_richly(*, before: bool) -> bytes:
    """The rich text of a field says something else than its value; `before`: the value was there when signed."""
    rich = _holding("87 diem").replace("/V", "/RV (<body><p>99 diem</p></body>) /V")
    if not before:
        return filled(rich, _saying("87 diem"))
    return revision(sign(a_pdf(o7=_holding("87 diem"), o8=_saying("87 diem"))), {7: rich}).data


def button(state: str, value: str) -> bytes:
    """A box that was not ticked has this state and that value now."""
    states = "/AS /Off /V /Off /AP << /N << /Off 8 0 R /Yes 30 0 R /No 30 0 R >> >>"
    box = _FIELD.replace("/FT /Tx", "/FT /Btn").replace("/AP << /N 8 0 R >>", states)
    made = sign(a_pdf(o7=box, o30=look("0 0 20 20 re f")))
    return revision(made, {7: box.replace("/AS /Off", f"/AS /{state}").replace("/V /Off", f"/V /{value}")}).data


def letters_supplied() -> bytes:
    """The font of a filled field's look lacks its table of letters; the update brings it, and 87 is copied as 99."""
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def 1"
        " begincodespacerange <00> <FF> endcodespacerange 2"
        " beginbfchar <38> <0039> <37> <0039> endbfchar endcmap end end"
    )
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 40 0 R >>"
    shown = _saying("87 diem").replace("5 0 R", "45 0 R")
    return revision(sign(a_pdf(o7=_holding("87 diem"), o8=shown, o45=font)), {40: stream(table)}).data


_LAYER = {62: "<< /Type /OCG /Name (x) >>"}


def picture_in_a_layer() -> bytes:
    """The look draws a form that lies in a layer."""
    drawn = look("/I Do").replace("/Font << /F1 5 0 R >>", "/XObject << /I 40 0 R >>")
    inner = _saying("99 diem").replace("/Type /XObject", "/Type /XObject /OC 62 0 R")
    return filled(_holding("87 diem"), drawn, {40: inner, **_LAYER})


def text_in_a_layer() -> bytes:
    """The look's text lies in a layer."""
    text = look("/OC /P BDC BT /F1 12 Tf 2 10 Td (87 diem) Tj ET EMC")
    return filled(_holding("87 diem"), text.replace("/Font", "/Properties << /P 62 0 R >> /Font"), _LAYER)


def chosen(shown: str) -> bytes:
    """The choice "a" is shown as this word."""
    field = _FIELD.replace("/FT /Tx", "/FT /Ch /Ff 131072 /Opt [[(a) (Dat)] [(b) (Truot)]]")
    made = sign(a_pdf(o7=field))
    return revision(made, {7: field.replace("/T (HoTen)", "/T (HoTen) /V (a)"), 8: _saying(shown)}).data


def window_supplied() -> bytes:
    """The window of a note is missing when signed; the update brings it, open, over the text."""
    note = "<< /Type /Annot /Subtype /Text /Rect [10 10 30 30] /F 4 /Contents (x) /Popup 141 0 R >>"
    made = sign(a_pdf(o40=note, o3=listed(a_pdf().bodies[3], "Annots", "40 0 R")))
    return revision(made, {141: "<< /Type /Annot /Subtype /Popup /Rect [50 640 300 710] /Open true >>"}).data


# What is read aloud.


def _structured(**more: str) -> Made:
    parts = {
        "o1": "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /MarkInfo << /Marked true >> /StructTreeRoot 41 0 R >>",
        "o3": a_pdf().bodies[3].replace("/Contents", "/StructParents 0 /Contents"),
        "o4": stream("/Span << /MCID 0 >> BDC " + PAGE_TEXT + " EMC"),
        "o40": "<< /Type /StructElem /S /Span /P 41 0 R /Pg 3 0 R /K 0 >>",
        "o41": _TREE.format(element=40),
    }
    return sign(a_pdf(**{**parts, **more}))


_TREE = "<< /Type /StructTreeRoot /K {element} 0 R /ParentTree << /Nums [0 [{element} 0 R]] >> >>"
_SPEAKING = "<< /Type /StructElem /S /Span /P 41 0 R /Pg 3 0 R /K 0 /ActualText (Tong diem: 99) >>"


def spoken_by(case: str) -> bytes:
    """Another element of the structure speaks for the page's text now."""
    if case == "prepared":
        return revision(_structured(o42=_SPEAKING), {41: _TREE.format(element=42)}).data
    if case == "kindless":
        silent = "<< /S /Span /P 41 0 R /Pg 3 0 R /K 0 >>"
        return revision(_structured(o40=silent), {40: _SPEAKING.replace("/Type /StructElem ", "")}).data
    made = _structured()
    if case == "root":
        catalog = made.bodies[1].replace("41 0 R", "91 0 R")
        return revision(made, {1: catalog, 91: _TREE.format(element=90), 90: _SPEAKING}).data
    return revision(made, {41: _TREE.format(element=90), 90: _SPEAKING}).data


# The file's name, its maker, and the finding that stops it.
DECEIVING: dict[str, tuple[Callable[[], bytes], str]] = {
    "linearised-after-white-space": (lambda: linearised(lambda size: size, white=b"\n"), "READ_FROM_ELSEWHERE"),
    "linearised-after-an-update": (lambda: linearised(lambda size: size, updated=True), "READ_FROM_ELSEWHERE"),
    "linearised-until-white-space": (lambda: linearised(lambda size: size - 1, white=b"\n"), "READ_FROM_ELSEWHERE"),
    "linearised-to-another-table": (lambda: linearised(lambda size: size), "READ_FROM_ELSEWHERE"),
    "end-mark-far-from-the-end": (lambda: white_space_behind(drafted=True), "READ_FROM_ELSEWHERE"),
    "end-mark-with-a-nought": (lambda: end_written(b"startxref\0"), "READ_FROM_ELSEWHERE"),
    "end-mark-in-one-word": (lambda: end_written(b"startxref"), "READ_FROM_ELSEWHERE"),
    "objects-packed-by-lzw": (lambda: packed("/Filter /LZWDecode", _lzw), "UPDATE_READ_DIFFERENTLY"),
    "objects-packed-by-lengths": (
        lambda: packed("/Filter /RunLengthDecode", lambda data: bytes([len(data) - 1]) + data + b"\x80"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "objects-with-odd-letters": (
        lambda: packed(
            "/Filter /ASCII85Decode", lambda data: b"\x7f".join((a85encode(data)[:10], a85encode(data)[10:]))
        ),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "objects-with-odd-digits": (
        lambda: packed("/Filter /ASCIIHexDecode", lambda data: data.hex().encode().replace(b"2f", b"2xf", 1) + b">"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "encryption-forgotten": (lambda: encrypted(""), "UPDATE_READ_DIFFERENTLY"),
    "encryption-without-identifier": (lambda: encrypted("/Encrypt 50 0 R "), "UPDATE_READ_DIFFERENTLY"),
    "signature-borrowed": (lambda: signature_borrowed(prepared=False), "FIELD_ADDED"),
    "signature-borrowed-for-a-prepared-field": (
        lambda: signature_borrowed(prepared=True),
        "SIGNATURE_LOOK_CHANGED",
    ),
    "signature-that-does-not-turn": (signature_that_does_not_turn, "FIELD_ADDED"),
    "range-with-two-signs": (
        lambda: range_written(lambda start, stop, rest: f"0 --{start} {stop} {rest}"),
        "BYTE_RANGE_INVALID",
    ),
    "range-with-a-sign-inside": (
        lambda: range_written(lambda start, stop, rest: f"0 {start}-1 {stop} {rest}"),
        "BYTE_RANGE_INVALID",
    ),
    "range-with-a-comment": (
        lambda: range_written(lambda start, stop, rest: f"0 {start}%1\r{stop} {rest}"),
        "BYTE_RANGE_INVALID",
    ),
    "filled-with-another-look": (
        lambda: filled(_holding("87 diem"), _saying("99 diem")),
        "FIELD_SHOWS_ANOTHER_VALUE",
    ),
    "filled-with-a-look-when-pointed-at": (
        lambda: filled(
            _holding("87 diem").replace("/N 8 0 R", "/N 8 0 R /R 61 0 R"),
            _saying("87 diem"),
            {61: _saying("87 diem 1")},
        ),
        "FIELD_LOOK_CHANGED",
    ),
    "filled-in-a-layer": (
        lambda: filled(
            _holding("87 diem"),
            _saying("87 diem").replace("/Type /XObject", "/Type /XObject /OC 62 0 R"),
            {62: "<< /Type /OCG /Name (x) >>"},
        ),
        "FIELD_LOOK_CHANGED",
    ),
    "filled-with-a-picture-in-a-layer": (picture_in_a_layer, "FIELD_LOOK_CHANGED"),
    "filled-with-text-in-a-layer": (text_in_a_layer, "FIELD_LOOK_CHANGED"),
    "letters-of-a-field-supplied": (letters_supplied, "FIELD_LOOK_CHANGED"),
    "chosen-otherwise": (lambda: chosen("Truot"), "FIELD_SHOWS_ANOTHER_VALUE"),
    "filled-with-another-rich-text": (lambda: filled_richly(before=False), "FIELD_SHOWS_ANOTHER_VALUE"),
    "rich-text-without-a-value": (lambda: filled_richly(before=True), "FIELD_CHANGED"),
    "ticked-in-value-only": (lambda: button("Off", "Yes"), "FIELD_SHOWS_ANOTHER_VALUE"),
    "ticked-otherwise-than-its-value": (lambda: button("Yes", "No"), "FIELD_SHOWS_ANOTHER_VALUE"),
    "window-supplied": (window_supplied, "ANNOTATION_CHANGED"),
    "spoken-by-another-tree": (lambda: spoken_by("root"), "OBJECT_CHANGED"),
    "spoken-by-a-new-element": (lambda: spoken_by("new"), "OBJECT_CHANGED"),
    "spoken-by-a-prepared-element": (lambda: spoken_by("prepared"), "OBJECT_CHANGED"),
    "spoken-by-an-element-of-no-kind": (lambda: spoken_by("kindless"), "OBJECT_CHANGED"),
}

# The same acts done honestly.
HONEST: dict[str, Callable[[], bytes]] = {
    "honest-white-space": lambda: white_space_behind(drafted=False),
    "honest-encryption": lambda: encrypted(ENCRYPTED),
    "honest-field": lambda: filled(_holding("87 diem"), _saying("87 diem")),
    "honest-choice": lambda: chosen("Dat"),
    "honest-tick": lambda: button("Yes", "Yes"),
    "honest-range": lambda: range_written(lambda start, stop, rest: f"0\n{start} {stop}\n{rest}"),
}


def main() -> None:
    """Write every asset into tests/assets/pdf/deceiving."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (maker, _) in DECEIVING.items():
        (FOLDER / f"{name}.pdf").write_bytes(maker())
    for name, honest in HONEST.items():
        (FOLDER / f"{name}.pdf").write_bytes(honest())


if __name__ == "__main__":
    sys.exit(main())
