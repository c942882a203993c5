"""Makes signed PDFs that programs read differently after an update, or with other bytes in the signature's place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.makers_pdf import (
    PAGE_TEXT,
    Made,
    a_pdf,
    fill_in,
    listed,
    look,
    revision,
    sign,
    signature_body,
    stream,
)

FOLDER = Path(__file__).parent / "pdf" / "otherwise"

_FORGED = stream(PAGE_TEXT.replace("87", "99"))
_COLOURS = ("1 0 0", "0 0 1")
_TRAILER = "<< /Size 99 /Root 1 0 R /Info 9 0 R /Prev {prev} >>"


def an_object(number: int, body: str, generation: int = 0) -> bytes:
    return f"{number} {generation} obj\n{body}\nendobj\n".encode("latin-1")


def holding(inner: str) -> str:
    """The body of a stream, which nothing shows, with an object in its data."""
    return stream(inner, "/Type /Metadata")


HIDDEN = an_object(60, holding(an_object(4, _FORGED).decode()))
HARMLESS = an_object(60, "null")


def updated(made: Made, objects: dict[int, bytes], *, rows: str = "", trailer: str = _TRAILER) -> bytes:
    """Return `made` with `objects` and a table over them; `rows` and `trailer` are written as they are."""
    output = bytearray(made.data)
    places: dict[int, int] = {}
    for number, body in objects.items():
        places[number] = len(output)
        output += body
    table = len(output)
    first = f"{next(iter(places.values()), 0):010}"
    said = rows.format(first=first) or "".join(f"{one} 1\n{place:010} 00000 n \n" for one, place in places.items())
    end = trailer.format(prev=made.last_table)
    output += f"xref\n{said}trailer\n{end}\nstartxref\n{table}\n%%EOF\n".encode("latin-1")
    return bytes(output)


def hiding(*, trailer: str = _TRAILER, rows: str = "") -> bytes:
    """The update hides a page's text in another stream's data; its table makes some programs look for objects."""
    return updated(sign(a_pdf()), {60: HIDDEN}, trailer=trailer, rows=rows)


def signed_without_root() -> bytes:
    """What was signed makes programs look for objects, and hides one; the update's table makes them stop looking."""
    made = sign(revision(a_pdf(), {40: holding(an_object(4, _FORGED).decode())}))
    at = made.data.rindex(b"/Root 1 0 R")
    spoilt = made.data[:at] + b"           " + made.data[at + 11 :]
    start, stop = spoilt.rindex(b"/Contents <") + 11, 0
    stop = spoilt.index(b">", start)
    at = spoilt.rindex(b"/ByteRange [")
    numbers = b"/ByteRange [0 0000000000 0000000000 0000000000]"
    empty = spoilt[:at] + numbers + spoilt[at + len(numbers) : start] + b"0" * (stop - start) + spoilt[stop:]
    signed = fill_in(Made(empty, made.bodies, made.last_table))
    return updated(signed, {60: HARMLESS})


def pointing_beside(*, when_signed: bool) -> bytes:
    """An object is hidden in the signed bytes, and their end mark (or the update's table) points beside their table."""
    made = sign(revision(a_pdf(), {40: holding(an_object(4, _FORGED).decode())}))
    if not when_signed:
        beside = made.last_table + 4
        return updated(made, {60: HARMLESS}, trailer=f"<< /Size 99 /Root 1 0 R /Info 9 0 R /Prev {beside} >>")
    data = made.data.replace(f"startxref\n{made.last_table}".encode(), f"startxref\n{made.last_table + 1}".encode())
    start, stop = data.rindex(b"/Contents <") + 11, data.rindex(b"> >>")
    at = data.rindex(b"/ByteRange [")
    numbers = b"/ByteRange [0 0000000000 0000000000 0000000000]"
    empty = data[:at] + numbers + data[at + len(numbers) : start] + b"0" * (stop - start) + data[stop:]
    return updated(fill_in(Made(empty, made.bodies, made.last_table)), {60: HARMLESS})


def rewritten(number: int, body: str, generation: int = 0) -> bytes:
    """The update writes an object again that says the same, as some programs read it."""
    return updated(sign(a_pdf()), {number: an_object(number, body, generation)})


def page_with(before: str, after: str) -> bytes:
    page = sign(a_pdf()).bodies[3]
    return rewritten(3, page.replace(before, after))


def rows_in_a_stream(
    *, index: str = "[80 1 4 1]", cut: int = 0, widths: str = "[1 3 1]", root: str = "/Root 1 0 R ", hidden: bytes = b""
) -> bytes:
    """The update's rows lie in a stream: the one of the page's text leads to a draft that is in the file as well."""
    made = sign(revision(a_pdf(o4=_FORGED), {4: stream(PAGE_TEXT)}))
    output = bytearray(made.data)
    draft = output.index(b"4 0 obj")
    place = len(output)
    output += hidden
    table = len(output)
    if hidden:
        index, draft = "[80 1 60 1]", place
    rows = b"".join(bytes([1]) + at.to_bytes(3, "big") + b"\0" for at in (table, draft))
    rows = rows[: len(rows) - cut]
    head = f"/Type /XRef /W {widths} /Index {index} /Size 81 {root}/Info 9 0 R /Prev {made.last_table}"
    output += f"80 0 obj\n<< {head} /Length {len(rows)} >>\nstream\n".encode() + rows
    return bytes(output) + f"\nendstream\nendobj\nstartxref\n{table}\n%%EOF\n".encode()


def hybrid(*, as_written: str = "{at}", freed: bool = False) -> bytes:
    """The update's table names a stream of rows that tells of the page's text, in a way that some programs overlook."""
    made = sign(revision(a_pdf(o4=_FORGED), {4: stream(PAGE_TEXT)}))
    draft = made.data.index(b"4 0 obj")
    real = made.data.index(b"4 0 obj", draft + 1)
    at = len(made.data)
    rows = bytes([1]) + (real if freed else draft).to_bytes(3, "big") + b"\0"
    head = f"/Type /XRef /W [1 3 1] /Index [4 1] /Size 99 /Length {len(rows)}"
    data = made.data + f"81 0 obj\n<< {head} >>\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
    table = len(data)
    free = "4 1\n0000000000 00001 f \n" if freed else ""
    written = f"xref\n{free}81 1\n{at:010} 00000 n \n"
    more = f"/Prev {made.last_table} /XRefStm {as_written.format(at=at)}"
    written += f"trailer\n<< /Size 99 /Root 1 0 R /Info 9 0 R {more} >>\nstartxref\n{table}\n%%EOF\n"
    return data + written.encode()


def _other_padding(data: bytes, letter: bytes) -> bytes:
    """Return `data` with the zeros that fill the signature's place written otherwise; nobody signed them."""
    start = data.index(b"/Contents <30") + 11
    stop = data.index(b">", start)
    used = len(data[start:stop].rstrip(b"0"))
    used += used % 2
    return data[: start + used] + letter * (stop - start - used) + data[stop:]


def _with_its_field(base: Made, output: bytearray, places: dict[int, int]) -> Made:
    """Close the update `output` of `base`, in which the value stands as object 70 already, with a field; and sign."""
    for number, body in {
        71: "<< /FT /Sig /T (Ky1) /V 70 0 R >>",
        6: listed(base.bodies[6], "Fields", "71 0 R"),
    }.items():
        places[number] = len(output)
        output += an_object(number, body)
    table = len(output)
    rows = "".join(f"{number} 1\n{place:010} 00000 n \n" for number, place in places.items())
    end = f"trailer\n<< /Size 72 /Root 1 0 R /Info 9 0 R /Prev {base.last_table} >>\nstartxref\n{table}\n%%EOF\n"
    return fill_in(Made(bytes(output) + f"xref\n{rows}{end}".encode(), base.bodies, table))


def value_inside(opening: str, closing: str, more: dict[int, str]) -> bytes:
    """
    The signature's value lies in object 40 as well, which a page shows; then the zeros behind it are others.

    `opening` and `closing` are what of object 40 stands before and after the signature; `more` are further objects.
    """
    base = a_pdf(**{f"o{number}": body for number, body in more.items()})
    value = f"70 0 obj\n{signature_body()}\nendobj\n"
    length = len(value) + len(opening.partition("stream\n")[2])
    output = bytearray(base.data)
    places = {40: len(output)}
    output += f"40 0 obj\n{opening.format(length=f'{length:06}')}".encode()
    places[70] = len(output)
    output += f"{value}{closing}\nendobj\n".encode("latin-1")
    return _other_padding(_with_its_field(base, output, places).data, b"f")


def value_as_picture(first: str = "") -> bytes:
    """The letters of the signature's value are the dots of a picture."""
    kind = "/Type /XObject /Subtype /Image /Width 100 /Height 20 /ColorSpace /DeviceGray /BitsPerComponent 8"
    page = a_pdf().bodies[3].replace("/Font <<", "/XObject << /I 40 0 R >> /Font <<")
    text = stream(PAGE_TEXT + " q 200 0 0 100 60 400 cm /I Do Q")
    head = f"<< {kind} /Length {{length}} >>\nstream\n{first}"
    return value_inside(head, "\nendstream", {3: page, 4: text})


def value_as_picture_behind_an_end() -> bytes:
    """The same, but the picture's data begin with what looks like the object's end."""
    return value_as_picture("endobj\n")


def value_as_text() -> bytes:
    """The letters of the signature's value stand in the text of an annotation."""
    kind = "/Type /Annot /Subtype /FreeText /Rect [50 100 500 300] /F 4 /DA (/F1 8 Tf 0 g)"
    page = listed(a_pdf().bodies[3], "Annots", "40 0 R")
    return value_inside(f"<< {kind} /Contents (", ") >>", {3: page})


def value_as_annotation() -> bytes:
    """The signature is an annotation, too, whose text is its value."""
    base = a_pdf()
    kind = "/Type /Sig /Subtype /FreeText /Rect [50 100 500 300] /F 4 /DA (/F1 8 Tf 0 g)"
    layout = revision(
        base,
        {
            70: signature_body(type_=kind),
            71: "<< /FT /Sig /T (Ky1) /V 70 0 R >>",
            6: listed(base.bodies[6], "Fields", "71 0 R"),
            3: listed(base.bodies[3], "Annots", "70 0 R"),
        },
    )
    return _other_padding(fill_in(layout).data, b"4")


def value_in_an_open_object() -> bytes:
    """The object before the signature is never closed: some programs read the signature's keys as its own."""
    base = a_pdf(o3=listed(a_pdf().bodies[3], "Annots", "40 0 R"))
    opened = b"40 0 obj\n<< /Type /Annot /Subtype /FreeText /Rect [50 100 500 300] /F 4 /DA (/F1 8 Tf 0 g) %endobj\n"
    output = bytearray(base.data) + opened
    places = {40: len(base.data), 70: len(output)}
    output += an_object(70, signature_body())
    return _other_padding(_with_its_field(base, output, places).data, b"4")


_FILLED = a_pdf().bodies[7].replace("/T (HoTen)", "/T (HoTen) /V (87 diem)")
_SAYS_87 = look("/Tx BMC BT /F1 12 Tf 2 10 Td (87 diem) Tj ET EMC")


def overwritten() -> bytes:
    """A field that was filled in when it was signed says something else now, in value and look."""
    made = sign(a_pdf(o7=_FILLED, o8=_SAYS_87))
    return revision(made, {7: _FILLED.replace("87", "99"), 8: _SAYS_87.replace("87", "99")}).data


def aligned_otherwise() -> bytes:
    """The form's alignment is another; programs draw the fields without a look by it."""
    made = sign(a_pdf(o7=_FILLED.replace("/AP << /N 8 0 R >>", "")))
    return revision(made, {6: made.bodies[6].replace("<<", "<< /Q 2", 1)}).data


def pressed_without_a_value() -> bytes:
    """A box that was not ticked shows its tick, and its value is still that it is not."""
    states = "/AS /Off /V /Off /AP << /N << /Off 8 0 R /Yes 30 0 R >> >>"
    box = a_pdf().bodies[7].replace("/FT /Tx", "/FT /Btn").replace("/AP << /N 8 0 R >>", states)
    made = sign(a_pdf(o7=box, o30=look("0 0 20 20 re f")))
    return revision(made, {7: box.replace("/AS /Off", "/AS /Yes")}).data


def read_from_right() -> bytes:
    """The catalogue says now that the letters run from right to left."""
    made = sign(a_pdf())
    return revision(made, {1: made.bodies[1].replace("<<", "<< /ViewerPreferences << /Direction /R2L >>", 1)}).data


def annotated(entries: str) -> bytes:
    """An annotation is put over the text that some programs hide and others show."""
    made = sign(a_pdf())
    body = f"<< /Type /Annot {entries} /AP << /N 61 0 R >> >>"
    return revision(
        made, {3: listed(made.bodies[3], "Annots", "60 0 R"), 60: body, 61: look("1 g 0 0 200 60 re f", 200, 60)}
    ).data


_BARE_FORM = "<< /Fields [7 0 R] /DA (/F1 12 Tf 0 g) >>"
_BARE_FIELD = a_pdf().bodies[7].replace("/AP << /N 8 0 R >>", "")
_NINES = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def"
    " 1 begincodespacerange <00> <FF> endcodespacerange 2 beginbfchar <38> <0039> <37> <0039> endbfchar endcmap end end"
)


def _signed_bare(**more: str) -> Made:
    """Signed with a form that draws with none of the page's resources."""
    return sign(a_pdf(**{"o6": _BARE_FORM, "o7": _BARE_FIELD, **more}))


def letters_mean_others() -> bytes:
    """The page's font lacks its table of letters; the update brings it, and programs copy another number."""
    made = _signed_bare(o5="<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 40 0 R >>")
    return revision(made, {40: stream(_NINES)}).data


def text_behind_a_name() -> bytes:
    """The page's text names properties that are missing; the update brings them, with another text in them."""
    text = "BT /F1 14 Tf 60 700 Td (Phieu) Tj 0 -40 Td /Span /P1 BDC (Tong diem: 87) Tj EMC ET"
    made = _signed_bare(o4=stream(text))
    page = made.bodies[3].replace("/Font <<", "/Properties << /P1 40 0 R >> /Font <<")
    return revision(made, {3: page, 40: "<< /ActualText (Tong diem: 99) >>"}).data


def picture_for_some_programs() -> bytes:
    """The page's picture is missing; the update brings one in a layer that some programs show and others do not."""
    page = a_pdf().bodies[3].replace("/Font <<", "/XObject << /I 40 0 R >> /Font <<")
    made = _signed_bare(o3=page, o4=stream(PAGE_TEXT + " q 200 0 0 60 50 640 cm /I Do Q"))
    white = stream("1 g 0 0 1 1 re f", "/Type /XObject /Subtype /Form /BBox [0 0 1 1] /OC 42 0 R")
    layer = "<< /Type /OCG /Name (x) /Usage << /Print << /PrintState /ON >> /View << /ViewState /OFF >> >> >>"
    return revision(made, {40: white, 42: layer}).data


def packed(head: str, inside: str) -> bytes:
    """The update packs the page, as it was signed, into an object stream that begins with `head`."""
    made = sign(a_pdf())
    page = made.bodies[3]
    data = head.format(room=len(page) + 1) + inside.format(page=page)
    first = len(head.format(room=len(page) + 1))
    count = len(head.split()) // 2
    output = bytearray(made.data)
    place = len(output)
    body = f"<< /Type /ObjStm /N {count} /First {first} /Length {len(data)} >>\nstream\n{data}\nendstream"
    output += an_object(50, body)
    table = len(output)
    rows = bytes([2, 0, 0, 50, 0]) + b"".join(bytes([1]) + at.to_bytes(3, "big") + b"\0" for at in (place, table))
    more = f"/Index [3 1 50 1 80 1] /Size 81 /Root 1 0 R /Info 9 0 R /Prev {made.last_table} /Length {len(rows)}"
    output += f"80 0 obj\n<< /Type /XRef /W [1 3 1] {more} >>\nstream\n".encode() + rows
    return bytes(output) + f"\nendstream\nendobj\nstartxref\n{table}\n%%EOF\n".encode()


def _two_stamps() -> Made:
    """Signed with a red and a blue stamp on one place; the blue one lies above."""
    stamp = "<< /Type /Annot /Subtype /Stamp /Rect [50 640 250 700] /F 4 /AP << /N {look} 0 R >> >>"
    looks = {f"o{62 + index}": look(f"{colour} rg 0 0 200 60 re f", 200, 60) for index, colour in enumerate(_COLOURS)}
    page = a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots [60 0 R 61 0 R 7 0 R]")
    return sign(a_pdf(o3=page, o60=stamp.format(look=62), o61=stamp.format(look=63), **looks))


def piled_otherwise(order: str) -> bytes:
    """The annotations are listed in another order now, so that another one lies above."""
    made = _two_stamps()
    return revision(made, {3: made.bodies[3].replace("60 0 R 61 0 R", order)}).data


def window_opened() -> bytes:
    """The closed window of a note is open now, over the text."""
    window = "<< /Type /Annot /Subtype /Popup /Rect [50 640 250 700] /Open false >>"
    made = sign(a_pdf(o3=listed(a_pdf().bodies[3], "Annots", "60 0 R"), o60=window))
    return revision(made, {60: window.replace("false", "true")}).data


def spoken_otherwise(*, apart: bool = False) -> bytes:
    """The structure says another text now for what the page shows; screen readers speak it."""
    element = "<< /Type /StructElem /S /Span /P 41 0 R /Pg 3 0 R /K 0 {text}>>"
    roots = {
        "o1": "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /MarkInfo << /Marked true >> /StructTreeRoot 41 0 R >>",
        "o41": "<< /Type /StructTreeRoot /K 40 0 R /ParentTree << /Nums [0 [40 0 R]] >> >>",
        "o3": a_pdf().bodies[3].replace("/Contents", "/StructParents 0 /Contents"),
        "o4": stream("/Span << /MCID 0 >> BDC " + PAGE_TEXT + " EMC"),
    }
    if apart:
        made = sign(a_pdf(o40=element.format(text="/ActualText 42 0 R "), o42="(Tong diem: 87)", **roots))
        return revision(made, {42: "(Tong diem: 99)"}).data
    made = sign(a_pdf(o40=element.format(text=""), **roots))
    return revision(made, {40: element.format(text="/ActualText (Tong diem: 99) ")}).data


# The update's name, its maker, and the finding that stops it.
OTHERWISE: dict[str, tuple[Callable[[], bytes], str]] = {
    "hidden-object": (hiding, "UPDATE_READ_DIFFERENTLY"),
    "trailer-without-root": (
        lambda: hiding(trailer="<< /Size 99 /Info 9 0 R /Prev {prev} >>"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "root-of-another-generation": (
        lambda: hiding(trailer="<< /Size 99 /Root 1 5 R /Prev {prev} >>"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "previous-table-with-a-point": (
        lambda: hiding(trailer="<< /Size 99 /Root 1 0 R /Prev {prev}.0 >>"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "rows-fewer-than-said": (
        lambda: hiding(rows="60 2\n{first} 00000 n \n"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "rows-counted-from-one": (
        lambda: hiding(rows="1 1\n0000000000 65535 f \n60 1\n{first} 00000 n \n"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "signed-without-root": (signed_without_root, "UPDATE_READ_DIFFERENTLY"),
    "signed-with-an-end-beside": (lambda: pointing_beside(when_signed=True), "UPDATE_READ_DIFFERENTLY"),
    "previous-table-beside": (lambda: pointing_beside(when_signed=False), "UPDATE_READ_DIFFERENTLY"),
    "header-of-another-generation": (lambda: rewritten(4, stream(PAGE_TEXT), 1), "UPDATE_READ_DIFFERENTLY"),
    "length-below-nought": (
        lambda: rewritten(4, f"<< /Length -5 >>\nstream\n{PAGE_TEXT}\nendstream"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "number-with-two-signs": (lambda: page_with("595 842", "--595 842"), "UPDATE_READ_DIFFERENTLY"),
    "number-with-a-sign-inside": (lambda: page_with("595 842", "595-100 842"), "UPDATE_READ_DIFFERENTLY"),
    "number-with-both-signs": (lambda: page_with("[0 0", "[+-0 0"), "UPDATE_READ_DIFFERENTLY"),
    "key-without-a-value": (
        lambda: rewritten(3, sign(a_pdf()).bodies[3].rstrip()[:-2] + "/X >>"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "range-with-a-point": (
        lambda: rows_in_a_stream(index="[80 1 4.0 1]"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "last-row-cut-off": (lambda: rows_in_a_stream(cut=1), "UPDATE_READ_DIFFERENTLY"),
    "rows-without-width": (lambda: rows_in_a_stream(widths="[0 0 0]"), "UPDATE_READ_DIFFERENTLY"),
    "stream-of-rows-without-root": (
        lambda: rows_in_a_stream(root="", hidden=HIDDEN),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "hidden-rows-with-a-point": (lambda: hybrid(as_written="{at}.0"), "UPDATE_READ_DIFFERENTLY"),
    "free-in-the-table-only": (lambda: hybrid(freed=True), "UPDATE_READ_DIFFERENTLY"),
    "value-as-picture": (value_as_picture, "CONTENTS_GAP_MISMATCH"),
    "value-as-picture-behind-an-end": (value_as_picture_behind_an_end, "CONTENTS_GAP_MISMATCH"),
    "field-overwritten": (overwritten, "FIELD_CHANGED"),
    "fields-aligned-otherwise": (aligned_otherwise, "FORM_CHANGED"),
    "tick-without-a-value": (pressed_without_a_value, "FIELD_LOOK_CHANGED"),
    "letters-from-right-to-left": (read_from_right, "CATALOG_CHANGED"),
    "window-with-a-look": (lambda: annotated("/Subtype /Popup /Rect [50 640 250 700]"), "ANNOTATION_ADDED"),
    "annotation-without-a-place": (lambda: annotated("/Subtype /Square"), "ANNOTATION_ADDED"),
    "annotation-of-five-sides": (lambda: annotated("/Subtype /Stamp /Rect [50 640 250 700 9]"), "ANNOTATION_ADDED"),
    "annotation-with-large-flags": (
        lambda: annotated("/Subtype /Stamp /Rect [50 640 250 700] /F 4294967298"),
        "ANNOTATION_ADDED",
    ),
    "letters-mean-others": (letters_mean_others, "RESOURCES_ADDED"),
    "text-behind-a-name": (text_behind_a_name, "RESOURCES_ADDED"),
    "picture-for-some-programs": (picture_for_some_programs, "RESOURCES_ADDED"),
    "place-below-nought-in-a-stream": (
        lambda: packed("3 0 99 -{room} ", "{page} null"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "stream-inside-of-a-stream": (
        lambda: packed("3 0 ", "{page} stream\nx\nendstream"),
        "UPDATE_READ_DIFFERENTLY",
    ),
    "stamps-in-another-order": (lambda: piled_otherwise("61 0 R 60 0 R"), "ANNOTATION_CHANGED"),
    "stamp-listed-again": (lambda: piled_otherwise("60 0 R 61 0 R 60 0 R"), "ANNOTATION_CHANGED"),
    "window-opened": (window_opened, "ANNOTATION_CHANGED"),
    "spoken-otherwise": (spoken_otherwise, "OBJECT_CHANGED"),
    "spoken-otherwise-in-its-own-object": (lambda: spoken_otherwise(apart=True), "OBJECT_CHANGED"),
    "value-as-text": (value_as_text, "CONTENTS_GAP_MISMATCH"),
    "value-as-annotation": (value_as_annotation, "CONTENTS_GAP_MISMATCH"),
    "value-in-an-open-object": (value_in_an_open_object, "CONTENTS_GAP_MISMATCH"),
}


def main() -> None:
    """Write every asset into tests/assets/pdf/otherwise."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (maker, _) in OTHERWISE.items():
        (FOLDER / f"{name}.pdf").write_bytes(maker())


if __name__ == "__main__":
    sys.exit(main())
