"""Makes PDFs that were prepared before signing so that a harmless-looking update shows something else afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
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
    with_bytes,
)

FOLDER = Path(__file__).parent / "pdf" / "prepared"

_FORGED = PAGE_TEXT.replace("87", "99")
_SYMBOL = "<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"
_FORGED_FORM = stream("1 g 0 0 200 60 re f 0 g", "/Type /XObject /Subtype /Form /BBox [0 0 200 60]")
_OVER_TEXT = "50 640 250 700"
_WHITE = "1 1 1 rg 0 0 200 60 re f"
# An annotation that covers the text, and its look.
_STAMP = f"<< /Type /Annot /Subtype /Stamp /Rect [{_OVER_TEXT}] /F 4 /AP << /N 61 0 R >> >>"
_STAMPED = {60: _STAMP, 61: look(_WHITE, 200, 60)}


def _font_list(body: str, name: str, **more: str) -> Made:
    """Signed with the fonts of the page in object 30, of which the text uses the one called `name`."""
    page = a_pdf().bodies[3].replace("/Font << /F1 5 0 R >>", "/Font 30 0 R")
    return sign(a_pdf(o3=page, o4=stream(PAGE_TEXT.replace("/F1", f"/{name}")), o30=body, **more))


def structure_as_fonts() -> bytes:
    """The list of fonts calls itself an element of the structure tree; then its one font is another."""
    made = _font_list("<< /Type /StructElem /P 5 0 R >>", "P")
    return revision(made, {30: "<< /Type /StructElem /P 50 0 R >>", 50: _SYMBOL}).data


def font_below_structure() -> bytes:
    """The same, but the font itself is replaced, of which only the false element speaks."""
    made = _font_list("<< /Type /StructElem /P 31 0 R >>", "P", o31=a_pdf().bodies[5])
    return revision(made, {31: _SYMBOL}).data


def field_as_fonts() -> bytes:
    """The list of fonts is a form field too, and its value is filled in."""
    made = _font_list(
        "<< /FT /Tx /T (Gia) /V 5 0 R >>", "V", o6=a_pdf().bodies[6].replace("/Fields [7 0 R]", "/Fields [7 0 R 30 0 R]")
    )
    return revision(made, {30: "<< /FT /Tx /T (Gia) /V 50 0 R >>", 50: _SYMBOL}).data


def catalog_as_fonts() -> bytes:
    """The list of fonts is the catalogue, whose metadata may change."""
    page = a_pdf().bodies[3].replace("/Font << /F1 5 0 R >>", "/Font 1 0 R")
    catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Metadata 5 0 R >>"
    made = sign(a_pdf(o1=catalog, o3=page, o4=stream(PAGE_TEXT.replace("/F1", "/Metadata"))))
    return revision(made, {1: catalog.replace("5 0 R", "50 0 R"), 50: _SYMBOL}).data


def font_below_catalog() -> bytes:
    """The same, but the font itself is replaced."""
    page = a_pdf().bodies[3].replace("/Font << /F1 5 0 R >>", "/Font 1 0 R")
    catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Metadata 31 0 R >>"
    made = sign(a_pdf(o1=catalog, o3=page, o4=stream(PAGE_TEXT.replace("/F1", "/Metadata")), o31=a_pdf().bodies[5]))
    return revision(made, {31: _SYMBOL}).data


def page_as_pictures() -> bytes:
    """The page's list of pictures is the page itself, whose thumbnail may change."""
    page = a_pdf().bodies[3].replace("/Font <<", "/XObject 3 0 R /Font <<").replace("/Contents", "/Thumb 31 0 R /Contents")
    made = sign(a_pdf(o3=page, o4=stream(PAGE_TEXT + " q 1 0 0 1 50 640 cm /Thumb Do Q"), o31=look("")))
    return revision(made, {3: made.bodies[3].replace("/Thumb 31", "/Thumb 50"), 50: _FORGED_FORM}).data


def content_as_plumbing(kind: str) -> bytes:
    """The page's content calls itself a table of contents, or a stream of objects."""
    made = sign(a_pdf(o4=stream(PAGE_TEXT, f"/Type /{kind}")))
    return revision(made, {4: stream(_FORGED, f"/Type /{kind}")}).data


def table_beyond_the_end() -> bytes:
    """The signed table names a hidden stream of rows that does not exist yet; the update puts it there."""
    place = 20_000
    base = a_pdf(o3=a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 40 0 R"))
    data = base.data.replace(b"/Info 9 0 R >>", b"/Info 9 0 R /XRefStm %d >>" % place)
    made = sign(with_bytes(base, data))
    start = len(made.data)
    head = b"60 0 obj\n<< /Type /Metadata /Length %06d >>\nstream\n"
    inner = b"40 0 obj\n" + stream(_FORGED).encode() + b"\nendobj\n"
    rows = bytes([1]) + (start + len(head % 0)).to_bytes(3, "big") + b"\0"
    length = place - start - len(head % 0) - len(b"endstream\nendobj\n")
    data = made.data + head % length + inner.ljust(length) + b"endstream\nendobj\n"
    assert len(data) == place
    data += f"61 0 obj\n<< /Type /XRef /W [1 3 1] /Index [40 1] /Size 42 /Length {len(rows)} >>\nstream\n".encode()
    data += rows + b"\nendstream\nendobj\n"
    return _table_over(made, data, {60: start, 61: place})


def _table_over(made: Made, data: bytes, places: dict[int, int]) -> bytes:
    """Close an update whose objects already stand in `data` with a table that names them."""
    table = len(data)
    rows = "".join(f"{number} 1\n{place:010} 00000 n \n" for number, place in places.items())
    end = f"trailer\n<< /Size 99 /Root 1 0 R /Info 9 0 R /Prev {made.last_table} >>\nstartxref\n{table}\n%%EOF\n"
    return data + f"xref\n{rows}{end}".encode()


def row_beyond_the_end() -> bytes:
    """A row of the signed table points beyond the signed bytes; the update has an object there, inside another's data."""
    place = 20_000
    page = a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 40 0 R")
    base = a_pdf(o3=page, o40=stream(PAGE_TEXT))
    at = base.data.index(b"40 0 obj")
    data = base.data.replace(b"%010d 00000 n" % at, b"%010d 00000 n" % place)
    made = sign(with_bytes(base, data.replace(b"40 0 obj", b"39 0 obj")))
    inner = b"40 0 obj\n" + stream(_FORGED).encode() + b"\nendobj\n"
    head_room = 60
    start = place - head_room
    padded = made.data + b" " * (start - len(made.data))
    body = b"60 0 obj\n<< /Type /Metadata /Length %d >>\nstream\n"
    length = 400
    head = body % length
    data = padded + head
    data += b" " * (place - len(data)) + inner
    data = data[: len(padded) + len(head)] + data[len(padded) + len(head) :].ljust(length)
    data += b"\nendstream\nendobj\n"
    return _table_over(made, data, {60: start})


def length_beyond_the_end(*, indirect: bool = False) -> bytes:
    """The content's length reaches beyond the signed bytes; the update ends it there, with more content inside."""
    length = 20_000
    said = "31 0 R" if indirect else str(length)
    content = f"<< /Length {said} >>\nstream\n{PAGE_TEXT}\nendstream"
    more = {"o31": str(length)} if indirect else {}
    made = sign(a_pdf(o4=content, **more))
    begin = made.data.index(b"stream\nBT") + 7
    start = len(made.data)
    head = b"60 0 obj\n<< /Type /Metadata /Length %06d >>\nstream\n"
    fill = begin + length - start - len(head % 0)
    inside = (b" " + _FORGED.encode() + b" ").rjust(fill)
    data = made.data + head % (fill) + inside + b"endstream\nendobj\n"
    return _table_over(made, data, {60: start})


def _signed_off_the_page(base: Made, value: int = 70) -> Made:
    """Signed by a field that no page lists (its value is object `value`), so that the annotations stay as they are."""
    layout = revision(
        base,
        {
            6: listed(base.bodies[6], "Fields", f"{value + 1} 0 R"),
            value: signature_body(),
            value + 1: f"<< /FT /Sig /T (Ky1) /V {value} 0 R >>",
        },
    )
    return fill_in(layout)


def string_beyond_the_end() -> bytes:
    """A list of annotations holds a text that never ends within the signed bytes; the update ends it, and adds one."""
    page = a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots 41 0 R")
    made = _signed_off_the_page(a_pdf(o3=page, o40="null", o41="[7 0 R ("), 42)
    start = len(made.data) + len(b"%) 60 0 R]\n")
    data = made.data + b"%) 60 0 R]\n" + f"60 0 obj\n{_STAMP}\nendobj\n".encode()
    second = len(data)
    data += f"61 0 obj\n{look(_WHITE, 200, 60)}\nendobj\n".encode()
    return _table_over(made, data, {60: start, 61: second})


def stream_beyond_the_end() -> bytes:
    """The content never ends within the signed bytes; the update ends it."""
    base = a_pdf(o4="null", o3=a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 41 0 R"), o41="<< >>\nstream\n" + PAGE_TEXT)
    made = sign(base)
    start = len(made.data)
    data = made.data + b"60 0 obj\n<< /Type /Metadata >>\nstream\n" + _FORGED.encode() + b"\nendstream\nendobj\n"
    return _table_over(made, data, {60: start})


def _annotations_in_a_stream(packed: str = "", **more: str) -> Made:
    """Signed with the annotations in object 40, of which the table says that it lies in object stream 50, `packed`."""
    base = a_pdf(o3=a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots 40 0 R"), **more)
    output = bytearray(base.data)
    stands = b""
    if packed:
        stands = bytes([1]) + len(output).to_bytes(3, "big") + b"\0"
        output += f"50 0 obj\n{packed}\nendobj\n".encode()
    table = len(output)
    rows = bytes([2]) + (50).to_bytes(3, "big") + b"\0" + bytes([1]) + table.to_bytes(3, "big") + b"\0" + stands
    index = "[40 2 50 1]" if packed else "[40 2]"
    head = f"/Type /XRef /W [1 3 1] /Index {index} /Size 42 /Root 1 0 R /Info 9 0 R /Prev {base.last_table}"
    output += f"41 0 obj\n<< {head} /Length {len(rows)} >>\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
    output += f"startxref\n{table}\n%%EOF\n".encode()
    bodies = {**base.bodies, 40: "", 41: "", **({50: packed} if packed else {})}
    return _signed_off_the_page(replace(base, data=bytes(output), bodies=bodies, last_table=table), 70 if packed else 42)


_ONE_MORE = "40 0 [7 0 R 60 0 R]"
_STAMP_READY = {"o60": _STAMP, "o61": look(_WHITE, 200, 60)}


def objects_of_a_stream_supplied() -> bytes:
    """The signed rows say that the annotations lie in an object stream that does not exist yet; the update brings it."""
    packed = f"<< /Type /ObjStm /N 1 /First 5 /Length {len(_ONE_MORE)} >>\nstream\n{_ONE_MORE}\nendstream"
    return revision(_annotations_in_a_stream(), {50: packed, **_STAMPED}).data


def stream_read_later(head: str, said: str, inside: str = _ONE_MORE) -> bytes:
    """The object stream with the annotations says in its head what object 31 says, which the update brings."""
    packed = f"<< /Type /ObjStm {head.format(length=len(inside))} >>\nstream\n{inside}\nendstream"
    return revision(_annotations_in_a_stream(packed, **_STAMP_READY), {31: said}).data


def stream_of_no_kind() -> bytes:
    """The object stream lacks the annotations; the update replaces it by one that has them, but not the name of one."""
    packed = "<< /Type /ObjStm /N 1 /First 5 /Length 9 >>\nstream\n39 0 null\nendstream"
    later = f"<< /N 1 /First 5 /Length {len(_ONE_MORE)} >>\nstream\n{_ONE_MORE}\nendstream"
    return revision(_annotations_in_a_stream(packed, **_STAMP_READY), {50: later}).data


def stream_of_objects_beyond_the_end() -> bytes:
    """The object stream with the annotations is longer than the signed bytes; the update ends the text it opens."""
    length = 20_000
    packed = f"<< /Type /ObjStm /N 1 /First 5 /Length {length} >>\nstream\n40 0 [7 0 R (\nendstream"
    made = _annotations_in_a_stream(packed, **_STAMP_READY)
    end = made.data.index(b"stream\n40 0") + 7 + length
    head = b"62 0 obj\n<< /Type /Metadata /Length %06d >>\nstream\n"
    room = end - len(made.data) - len(head % 0)
    data = made.data + head % room + b") 60 0 R]".rjust(room) + b"endstream\nendobj\n"
    return _table_over(made, data, {62: len(made.data)})


def missing_object_behind_a_comment() -> bytes:
    """The page refers, with a comment inside the reference, to annotations that the update brings."""
    page = a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots 40 %x\n0 R")
    made = _signed_off_the_page(a_pdf(o3=page))
    return revision(made, {40: "[7 0 R 60 0 R]", **_STAMPED}).data


def missing_object_behind_words(words: str) -> bytes:
    """The same without the comment, but a text before the reference looks like the end or the header of an object."""
    page = a_pdf().bodies[3].replace("/Annots [7 0 R]", f"/Note ({words}) /Annots 40 0 R")
    made = _signed_off_the_page(a_pdf(o3=page))
    return revision(made, {40: "[7 0 R 60 0 R]", **_STAMPED}).data


def _two_pages(*, turned: bool = False, **more: str) -> Made:
    """Two pages: the second (20, text 21) shows nothing where the first has its text; `turned`, the other way round."""
    first = a_pdf().bodies[3]
    small = stream("BT /F1 9 Tf 60 60 Td (2) Tj ET")
    more |= {"o21": stream(PAGE_TEXT), "o4": small} if turned else {"o21": small}
    second = first.replace("/Contents 4 0 R", "/Contents 21 0 R").replace("/Annots [7 0 R]", "/Annots []")
    return a_pdf(
        o2="<< /Type /Pages /Kids [3 0 R 20 0 R] /Count 2 >>", o20=second, **more
    )


def signature_on_two_pages(*, turned: bool) -> bytes:
    """A further signature stands on blank paper of its own page, and over the text of another."""
    made = sign(_two_pages(turned=turned))
    value, widget, picture = made.next_number, made.next_number + 1, made.next_number + 2
    layout = revision(
        made,
        {
            value: signature_body(),
            widget: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky2) /Rect [{_OVER_TEXT}] /F 132 /P {3 if turned else 20} 0 R /V {value} 0 R"
            f" /AP << /N {picture} 0 R >> >>",
            picture: look(_WHITE, 200, 60),
            3: listed(made.bodies[3], "Annots", f"{widget} 0 R"),
            20: made.bodies[20].replace("/Annots []", f"/Annots [{widget} 0 R]"),
            6: listed(made.bodies[6], "Fields", f"{widget} 0 R"),
        },
    )
    return fill_in(layout, by="Kẻ gian").data


def field_on_another_page() -> bytes:
    """A field of the second page is filled in, and listed on the first page too, over its text."""
    widget = (
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (Hai) /Rect [{_OVER_TEXT}] /F 4 /P 20 0 R /DA (/F1 12 Tf 0 g)"
        " /AP << /N 11 0 R >> >>"
    )
    base = _two_pages(o10=widget, o11=look("/Tx BMC EMC", 200, 60), o6=a_pdf().bodies[6].replace("[7 0 R]", "[7 0 R 10 0 R]"))
    made = sign(revision(base, {20: base.bodies[20].replace("/Annots []", "/Annots [10 0 R]")}))
    # The page has a higher number than the field, so that it is compared after it.
    moved = revision(made, {})
    body = widget.replace("/T (Hai)", "/T (Hai) /V (99)")
    return revision(
        moved, {10: body, 11: look(_WHITE, 200, 60), 3: listed(moved.bodies[3], "Annots", "10 0 R")}
    ).data


def field_on_a_later_page() -> bytes:
    """The same, onto a page whose object has a higher number than the field's."""
    widget = (
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (HoTen) /Rect [40 40 260 80] /F 4 /P 3 0 R /DA (/F1 12 Tf 0 g)"
        " /AP << /N 8 0 R >> >>"
    )
    made = sign(_two_pages(o7=widget))
    body = widget.replace("/T (HoTen)", "/T (HoTen) /V (99)")
    return revision(made, {7: body, 8: look(_WHITE, 220, 40), 20: made.bodies[20].replace("/Annots []", "/Annots [7 0 R]")}).data


def field_names_another_page() -> bytes:
    """A field stands over the text of one page and says that it stands on another; then it is filled in."""
    widget = (
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (HoTen) /Rect [{_OVER_TEXT}] /F 4 /P 20 0 R /DA (/F1 12 Tf 0 g)"
        " /AP << /N 8 0 R >> >>"
    )
    base = _two_pages(o7=widget)
    made = sign(revision(base, {20: base.bodies[20].replace("/Annots []", "/Annots [7 0 R]")}))
    return revision(made, {7: widget.replace("/T (HoTen)", "/T (HoTen) /V (99)"), 8: look(_WHITE, 200, 60)}).data


def field_flagged(flags: int) -> bytes:
    """A filled field that the signer saw is kept from the screen or from the paper afterwards."""
    made = sign(a_pdf(o7=a_pdf().bodies[7].replace("/T (HoTen)", "/T (HoTen) /V (87)")))
    return revision(made, {7: made.bodies[7].replace("/F 4", f"/F {flags}")}).data


def signature_flagged(flags: int) -> bytes:
    """The look of a signature that was given is kept from the screen afterwards."""
    made = sign(a_pdf(), rect="300 100 500 160", shows="0 0 1 RG 2 2 190 50 re S")
    return revision(made, {11: made.bodies[11].replace("/F 132", f"/F {flags}")}).data


def signature_seen_otherwise(*, flags: int = 132, extra: str = "") -> bytes:
    """A further signature over the text, drawn as nothing on a screen, and as something elsewhere."""
    made = sign(a_pdf())
    value, widget, blank, white = (made.next_number + step for step in range(4))
    layout = revision(
        made,
        {
            value: signature_body(),
            widget: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky2) /Rect [{_OVER_TEXT}] /F {flags} /P 3 0 R /V {value} 0 R"
            f" {extra.format(blank=blank, white=white)} >>",
            blank: look("", 200, 60),
            white: look(_WHITE, 200, 60),
            3: listed(made.bodies[3], "Annots", f"{widget} 0 R"),
            6: listed(made.bodies[6], "Fields", f"{widget} 0 R"),
        },
    )
    return fill_in(layout, by="Kẻ gian").data


def signature_shown_on_another_page() -> bytes:
    """The look of a signature that was given is shown on a second page too."""
    made = sign(_two_pages(), rect="300 100 500 160", shows="0 0 1 RG 2 2 190 50 re S")
    widget = made.bodies[6].split("/Fields [")[1].split(" ")[0]
    return revision(made, {20: made.bodies[20].replace("/Annots []", f"/Annots [{widget} 0 R]")}).data


def small_mark_hidden() -> bytes:
    """A further signature hides nothing but a decimal point."""
    made = sign(a_pdf(o4=stream("BT /F1 12 Tf 60 700 Td (Tong diem: 8.7) Tj ET")))
    return sign(made, name="Ky2", by="Kẻ gian", rect="127.4 698.5 131.2 703.5", shows="1 g 0 0 4 5 re f").data


def grey_text_hidden() -> bytes:
    """A further signature hides text printed in grey."""
    made = sign(a_pdf(o4=stream("0.68 g BT /F1 14 Tf 60 660 Td (Khong co gia tri) Tj ET")))
    return sign(made, name="Ky2", by="Kẻ gian", rect=_OVER_TEXT, shows=_WHITE).data


def looks_remade(change: str, **more: str) -> bytes:
    """A filled field has a look that says something else than its value; programs are told to draw looks anew."""
    field = a_pdf().bodies[7].replace("/T (HoTen)", "/T (HoTen) /V (99 diem)")
    made = sign(a_pdf(o7=field, o8=look("/Tx BMC BT /F1 12 Tf 2 10 Td (87 diem) Tj ET EMC"), **more))
    return revision(made, {6: made.bodies[6].replace("<<", f"<< {change}", 1)}).data


def default_look_added() -> bytes:
    """Fields without a default look of their own get a white one, and are to be drawn anew."""
    bare = a_pdf().bodies[6].replace("/DA (/F1 12 Tf 0 g)", "")
    field = a_pdf().bodies[7].replace("/DA (/F1 12 Tf 0 g)", "").replace("/T (HoTen)", "/T (HoTen) /V (87 diem)")
    made = sign(a_pdf(o6=bare, o7=field, o8=look("/Tx BMC BT /F1 12 Tf 2 10 Td (87 diem) Tj ET EMC")))
    return revision(made, {6: made.bodies[6].replace("<<", "<< /DA (/F1 12 Tf 1 1 1 rg) /NeedAppearances true", 1)}).data


def missing_font_of_the_fields() -> bytes:
    """A look draws with a font that the form's resources lack; the update brings it."""
    blank = stream("/Tx BMC BT /F9 12 Tf 2 10 Td (87) Tj ET EMC", "/Type /XObject /Subtype /Form /BBox [0 0 200 40]")
    made = sign(a_pdf(o8=blank, o7=a_pdf().bodies[7].replace("/T (HoTen)", "/T (HoTen) /V (87)")))
    form = made.bodies[6].replace("/F1 5 0 R", "/F1 5 0 R /F9 50 0 R")
    return revision(made, {6: form, 50: _SYMBOL}).data


def key_twice() -> bytes:
    """The page names its content twice, the second time with a part that is missing until the update brings it."""
    page = a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 4 0 R /Contents [4 0 R 31 0 R]")
    return revision(sign(a_pdf(o3=page)), {31: stream(_FORGED)}).data


def key_twice_below(before: str) -> bytes:
    """The page names its resources twice; the update brings the font that either the first or the second ones lack."""
    page = a_pdf().bodies[3].replace(before, f"/Resources << /Font << /F1 31 0 R >> >> {before}")
    return revision(sign(a_pdf(o3=page)), {31: _SYMBOL}).data


def key_twice_then_once() -> bytes:
    """The page names its content twice when it is signed, the forged one first; the update takes the second away."""
    page = a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 4 0 R /Contents 40 0 R")
    made = sign(a_pdf(o3=page, o4=stream(_FORGED), o40=stream(PAGE_TEXT)))
    return revision(made, {3: made.bodies[3].replace("/Contents 40 0 R", "")}).data


def key_twice_otherwise() -> bytes:
    """The page names its content twice before and after, the second time another one."""
    page = a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 4 0 R /Contents 40 0 R")
    made = sign(a_pdf(o3=page, o40=stream(PAGE_TEXT), o41=stream(_FORGED)))
    return revision(made, {3: made.bodies[3].replace("/Contents 40 0 R", "/Contents 41 0 R")}).data


def root_twice() -> bytes:
    """The update's trailer names the signed catalogue first, and then one of its own."""
    page = a_pdf().bodies[3].replace("2 0 R", "52 0 R").replace("4 0 R", "54 0 R")
    forged = {
        50: "<< /Type /Catalog /Pages 52 0 R /AcroForm 6 0 R >>",
        52: "<< /Type /Pages /Kids [53 0 R] /Count 1 >>",
        53: page,
        54: stream(_FORGED),
    }
    return revision(sign(a_pdf()), forged, trailer="/Root 50 0 R ").data


def rows_twice(*, as_stream: bool = False) -> bytes:
    """The update's table has two rows for the page's text: the signed one, and a draft that lies in the file as well."""
    made = sign(revision(a_pdf(o4=stream(_FORGED)), {4: stream(PAGE_TEXT)}))
    draft = made.data.index(b"4 0 obj")
    signed = made.data.index(b"4 0 obj", draft + 1)
    table = len(made.data)
    end = f"startxref\n{table}\n%%EOF\n".encode()
    more = f"/Root 1 0 R /Info 9 0 R /Prev {made.last_table}"
    if not as_stream:
        rows = f"xref\n4 1\n{signed:010} 00000 n \n4 1\n{draft:010} 00000 n \n"
        return made.data + f"{rows}trailer\n<< /Size 99 {more} >>\n".encode() + end
    body = b"".join(bytes([1]) + place.to_bytes(3, "big") + b"\0" for place in (signed, draft, table))
    head = f"/Type /XRef /W [1 3 1] /Index [4 1 4 1 80 1] /Size 81 {more} /Length {len(body)}"
    return made.data + f"80 0 obj\n<< {head} >>\nstream\n".encode() + body + b"\nendstream\nendobj\n" + end


def page_in_a_stream(listed_as: tuple[int, int], index: int) -> bytes:
    """The update packs a forged page and the signed one; the row for page 3 says which of the two is meant."""
    made = sign(a_pdf())
    forged = made.bodies[3].replace("/Contents 4 0 R", "/Contents 54 0 R")
    head = f"{listed_as[0]} 0 {listed_as[1]} {len(forged) + 1} "
    inside = f"{head}{forged} {made.bodies[3]}"
    output = bytearray(made.data)
    places = []
    packed = f"<< /Type /ObjStm /N 2 /First {len(head)} /Length {len(inside)} >>\nstream\n{inside}\nendstream"
    for number, body in ((50, packed), (54, stream(_FORGED))):
        places.append(len(output))
        output += f"{number} 0 obj\n{body}\nendobj\n".encode()
    places.append(len(output))
    rows = bytes([2, 0, 0, 50, index]) + b"".join(bytes([1]) + place.to_bytes(3, "big") + b"\0" for place in places)
    more = f"/Index [3 1 50 1 54 1 80 1] /Size 81 /Root 1 0 R /Info 9 0 R /Prev {made.last_table} /Length {len(rows)}"
    output += f"80 0 obj\n<< /Type /XRef /W [1 3 1] {more} >>\nstream\n".encode() + rows
    return bytes(output) + f"\nendstream\nendobj\nstartxref\n{places[-1]}\n%%EOF\n".encode()


PREPARED: dict[str, Callable[[], bytes]] = {
    "structure-as-fonts": structure_as_fonts,
    "font-below-structure": font_below_structure,
    "field-as-fonts": field_as_fonts,
    "catalog-as-fonts": catalog_as_fonts,
    "font-below-catalog": font_below_catalog,
    "page-as-pictures": page_as_pictures,
    "content-as-table": lambda: content_as_plumbing("XRef"),
    "content-as-object-stream": lambda: content_as_plumbing("ObjStm"),
    "table-beyond-the-end": table_beyond_the_end,
    "row-beyond-the-end": row_beyond_the_end,
    "length-beyond-the-end": length_beyond_the_end,
    "length-beyond-the-end-in-its-own-object": lambda: length_beyond_the_end(indirect=True),
    "string-beyond-the-end": string_beyond_the_end,
    "stream-beyond-the-end": stream_beyond_the_end,
    "objects-of-a-stream-supplied": objects_of_a_stream_supplied,
    "object-stream-without-its-filter": lambda: stream_read_later(
        "/N 1 /First 5 /Filter 31 0 R /Length {length}", "/ASCIIHexDecode", _ONE_MORE.encode().hex() + ">"
    ),
    "object-stream-without-its-count": lambda: stream_read_later("/N 31 0 R /First 5 /Length {length}", "1"),
    "object-stream-without-its-first": lambda: stream_read_later("/N 1 /First 31 0 R /Length {length}", "5"),
    "object-stream-without-its-length": lambda: stream_read_later(
        "/N 1 /First 5 /Length 31 0 R", "31", "40 0 [7 0 R % endstream\n60 0 R]"
    ),
    "object-stream-of-no-kind": stream_of_no_kind,
    "object-stream-beyond-the-end": stream_of_objects_beyond_the_end,
    "object-stream-lists-one-twice": lambda: page_in_a_stream((3, 3), 1),
    "object-stream-lists-it-elsewhere": lambda: page_in_a_stream((99, 3), 0),
    "key-twice": key_twice,
    "key-twice-below-the-first": lambda: key_twice_below("/Contents"),
    "key-twice-below-the-second": lambda: key_twice_below("/Annots"),
    "key-twice-then-once": key_twice_then_once,
    "key-twice-otherwise": key_twice_otherwise,
    "root-twice": root_twice,
    "rows-twice": rows_twice,
    "rows-twice-in-a-stream": lambda: rows_twice(as_stream=True),
    "missing-object-behind-a-comment": missing_object_behind_a_comment,
    "missing-object-behind-an-end-in-a-text": lambda: missing_object_behind_words("endobj"),
    "missing-object-behind-a-header-in-a-text": lambda: missing_object_behind_words("1 0 obj"),
    "missing-object-behind-much-white-space": lambda: missing_object_behind_words("x) /Annots 40" + " " * 3000 + "0 R /Y (y"),
    "signature-on-two-pages": lambda: signature_on_two_pages(turned=False),
    "signature-on-two-pages-text-on-the-later": lambda: signature_on_two_pages(turned=True),
    "field-on-another-page": field_on_another_page,
    "field-on-a-later-page": field_on_a_later_page,
    "field-names-another-page": field_names_another_page,
    "field-kept-from-the-screen": lambda: field_flagged(36),
    "field-kept-from-paper": lambda: field_flagged(0),
    "signature-kept-from-the-screen": lambda: signature_flagged(164),
    "signature-in-a-layer": lambda: signature_seen_otherwise(extra="/AP << /N {blank} 0 R >> /OC << /Type /OCG /Name (x) >>"),
    "signature-on-paper-only": lambda: signature_seen_otherwise(flags=164, extra="/AP << /N {white} 0 R >>"),
    "signature-when-pointed-at": lambda: signature_seen_otherwise(extra="/AP << /N {blank} 0 R /R {white} 0 R >>"),
    "signature-that-does-not-scale": lambda: signature_seen_otherwise(flags=140, extra="/AP << /N {blank} 0 R >>"),
    "signature-with-a-ground": lambda: signature_seen_otherwise(extra="/MK << /BG [1 1 1] >>"),
    "signature-shown-on-another-page": signature_shown_on_another_page,
    "small-mark-hidden": small_mark_hidden,
    "grey-text-hidden": grey_text_hidden,
    "looks-to-be-remade": lambda: looks_remade("/NeedAppearances true"),
    "default-look-added": default_look_added,
    "missing-font-of-the-fields": missing_font_of_the_fields,
}


def main() -> None:
    """Write every asset into tests/assets/pdf/prepared."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, maker in PREPARED.items():
        (FOLDER / f"{name}.pdf").write_bytes(maker())


if __name__ == "__main__":
    sys.exit(main())
