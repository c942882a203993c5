"""Makes lawful PDFs with the habits of signing programs in the world: none of them is a reason for an alarm."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.assets.make_pdf import certified, filled, sign_layout, stamp_token, time_stamped, with_store
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
    with_bytes,
)

FOLDER = Path(__file__).parent / "pdf" / "habits"


def _laid_out(made: Made, spelling: Callable[[bytes, int], bytes], written: Callable[[int, int, int], bytes]) -> bytes:
    """Fill the last empty value: `spelling` writes it into so many letters, `written` the range into its brackets."""
    data = made.data
    at = data.rindex(b"/ByteRange [") + len(b"/ByteRange ")
    close = data.index(b"]", at) + 1
    start = data.index(b"/Contents <", at) + len(b"/Contents ")
    stop = data.index(b">", start) + 1
    text = written(start, stop, len(data) - stop)
    assert len(text) <= close - at
    data = data[:at] + text.ljust(close - at) + data[close:]
    inside = spelling(cms_over(data[:start] + data[stop:]), stop - start - 2)
    assert len(inside) == stop - start - 2
    return data[: start + 1] + inside + data[stop - 1 :]


def _usual_range(start: int, stop: int, rest: int) -> bytes:
    return b"[0 %d %d %d]" % (start, stop, rest)


def _usual_value(value: bytes, room: int) -> bytes:
    return value.hex().encode().ljust(room, b"0")


def _upper(value: bytes, room: int) -> bytes:
    return value.hex().upper().encode().ljust(room, b"0")


def _in_lines(value: bytes, room: int) -> bytes:
    text = value.hex().encode()
    lines = b"\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return lines.ljust(room, b"0")


def _white_behind(value: bytes, room: int) -> bytes:
    return value.hex().encode().ljust(room, b" ")


def _range_in_lines(start: int, stop: int, rest: int) -> bytes:
    return b"[\n0 %d\n%d %d ]" % (start, stop, rest)


def _range_with_zeros(start: int, stop: int, rest: int) -> bytes:
    return b"[0 %06d %06d %06d   ]" % (start, stop, rest)


def ended(tail: bytes) -> bytes:
    """Signed twice; the first writer ends its file with `tail`."""
    layout = sign_layout()
    return sign(fill_in(with_bytes(layout, layout.data.removesuffix(b"%%EOF\n") + tail)), name="Ky2").data


def tagged() -> bytes:
    """A tagged file: each signer's widget gets its element in the structure tree, as Acrobat writes it."""
    catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /MarkInfo << /Marked true >> /StructTreeRoot 30 0 R >>"
    made = a_pdf(
        o1=catalog,
        o3=a_pdf().bodies[3].replace("/Type /Page ", "/Type /Page /StructParents 0 /Tabs /S "),
        o30="<< /Type /StructTreeRoot /K [31 0 R] /ParentTree 32 0 R /ParentTreeNextKey 1 >>",
        o31="<< /Type /StructElem /S /Document /P 30 0 R /K [33 0 R] >>",
        o32="<< /Nums [0 [33 0 R]] >>",
        o33="<< /Type /StructElem /S /P /P 31 0 R /Pg 3 0 R /K 0 >>",
    )
    for index in (1, 2):
        element = made.next_number + 5
        widget = made.next_number + 1
        kids = re.sub(r"/K \[(.*?)\]", rf"/K [\1 {element} 0 R]", made.bodies[31])
        nums = made.bodies[32].replace("] >>", f" {index} {element} 0 R] >>").replace("]] ", "]] ")
        made = sign(
            made,
            name=f"Ky{index}",
            field_extra=f"/StructParent {index}",
            also={
                30: made.bodies[30].replace(f"NextKey {index}", f"NextKey {index + 1}"),
                31: kids,
                32: nums,
                element: f"<< /Type /StructElem /S /Form /P 31 0 R /Pg 3 0 R /K << /Type /OBJR /Obj {widget} 0 R /Pg 3 0 R >> >>",
            },
        )
    return made.data


def hybrid() -> bytes:
    """A word processor's hybrid file: the table for old readers, a stream of rows for new ones; then signed twice."""
    made = a_pdf()
    hidden_objects = "40 0 << /X 1 >>"
    packed = len(made.data)
    data = made.data + (
        f"41 0 obj\n<< /Type /ObjStm /N 1 /First 5 /Length {len(hidden_objects)} >>\nstream\n{hidden_objects}\nendstream\nendobj\n"
    ).encode()
    rows_at = len(data)
    rows = bytes([2]) + (41).to_bytes(3, "big") + b"\0" + bytes([1]) + packed.to_bytes(3, "big") + b"\0"
    data += f"42 0 obj\n<< /Type /XRef /W [1 3 1] /Index [40 2] /Size 43 /Length {len(rows)} >>\nstream\n".encode()
    data += rows + b"\nendstream\nendobj\n"
    table = len(data)
    data += (
        f"xref\n0 0\ntrailer\n<< /Size 43 /Root 1 0 R /Info 9 0 R /Prev {made.last_table} /XRefStm {rows_at} >>\n"
        f"startxref\n{table}\n%%EOF\n"
    ).encode()
    bodies = {**made.bodies, 40: "", 41: "", 42: ""}
    return sign(sign(replace(made, data=data, bodies=bodies, last_table=table)), name="Ky2", by="Cơ quan thử").data


def rows_in_streams() -> bytes:
    """Every revision after the first one ends with a compressed table with several /Index ranges."""
    made = a_pdf()
    for index in (1, 2):
        value, widget = made.next_number, made.next_number + 1
        bodies = {
            value: signature_body(),
            widget: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky{index}) /Rect [0 0 0 0] /F 132 /P 3 0 R /V {value} 0 R >>",
            3: listed(made.bodies[3], "Annots", f"{widget} 0 R"),
            6: listed(made.bodies[6], "Fields", f"{widget} 0 R"),
        }
        output, places = bytearray(made.data), {}
        for number, body in sorted(bodies.items()):
            places[number] = len(output)
            output += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
        own = widget + 1
        places[own] = len(output)
        rows = b"".join(bytes([1]) + place.to_bytes(4, "big") + b"\0" for _, place in sorted(places.items()))
        ranges = " ".join(f"{number} 1" for number in sorted(places))
        head = f"/Type /XRef /W [1 4 1] /Index [{ranges}] /Size {own + 1} /Root 1 0 R /Info 9 0 R /Prev {made.last_table}"
        output += f"{own} 0 obj\n<< {head} /Length {len(rows)} >>\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
        output += f"startxref\n{places[own]}\n%%EOF\n".encode()
        everything = {**made.bodies, **bodies, own: ""}
        made = fill_in(Made(bytes(output), everything, places[own]))
    return made.data


def emptied_table() -> bytes:
    """An update that changes nothing: rows without any width (PDFBox)."""
    made = sign(a_pdf())
    number, place = made.next_number, len(made.data)
    head = f"/Type /XRef /W [0 0 0] /Index [0 1] /Size {number + 1} /Root 1 0 R /Info 9 0 R /Prev {made.last_table}"
    return made.data + (
        f"{number} 0 obj\n<< {head} /Length 0 >>\nstream\n\nendstream\nendobj\nstartxref\n{place}\n%%EOF\n"
    ).encode()


def kept_for_long() -> bytes:
    """Papers and time stamps renewed again and again, as an archive does over the years."""
    made = sign(sign(a_pdf()), name="Ky2", by="Cơ quan thử")
    for _ in range(6):
        made = time_stamped(_with_papers(made), stamp_token)
    return made.data


def _with_papers(made: Made) -> Made:
    """The store of papers renewed, with its list by signature (VRI)."""
    number = made.next_number
    catalog = re.sub(r" /DSS \d+ 0 R", "", made.bodies[1]).replace("/AcroForm 6 0 R", f"/AcroForm 6 0 R /DSS {number} 0 R")
    paper = f"{number + 1} 0 R"
    return revision(
        made,
        {
            1: catalog,
            number: f"<< /Type /DSS /Certs [{paper}] /CRLs [] /VRI << /{'AB' * 20} << /Type /VRI /Cert [{paper}] /TU (D:20190912) >> >> >>",
            number + 1: stream("0"),
        },
    )


def place_for_the_next() -> bytes:
    """Before signing, the program adds the next signer's empty place, visible by its frame only; that one signs there."""
    made = sign(a_pdf())
    number = made.next_number
    empty = (
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ke tiep) /Rect [300 100 500 160] /F 4 /P 3 0 R"
        " /MK << /BC [0 0 1] >> /Lock << /Type /SigFieldLock /Action /Include /Fields [(HoTen)] >> >>"
    )
    placed = revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", f"{number} 0 R"),
            6: listed(made.bodies[6], "Fields", f"{number} 0 R"),
            number: empty,
        },
    )
    lock = "/MK << /BC [0 0 1] >> /Lock << /Type /SigFieldLock /Action /Include /Fields [(HoTen)] >>"
    return sign(
        placed, name="Ke tiep", by="Cơ quan thử", number=number, rect="300 100 500 160", shows="0 0 1 RG 2 2 190 50 re S", field_extra=lock
    ).data


def filled_and_remade() -> bytes:
    """A field filled in with its look, by a program that asks all the same for looks to be drawn anew (pypdf)."""
    made = filled(sign(a_pdf()), "Nguyen Van A")
    return revision(made, {6: made.bodies[6].replace("<<", "<< /NeedAppearances true", 1)}).data


def no_longer_remade() -> bytes:
    """A form that asked for looks to be drawn anew no longer does after signing (Acrobat)."""
    made = sign(a_pdf(o6=a_pdf().bodies[6].replace("<<", "<< /NeedAppearances true", 1)))
    return revision(made, {6: made.bodies[6].replace("/NeedAppearances true", "")}).data


def defaults_for_a_bare_form() -> bytes:
    """The second signer's program gives a form of signatures only its default look, fonts and pictures."""
    made = a_pdf(
        o3=a_pdf().bodies[3].replace("/Annots [7 0 R]", ""), o6="<< /Fields [] >>", o7="null", o8="null"
    )
    made = sign(made)
    number = made.next_number
    more = "<< /DA (/Helv 0 Tf 0 g) /DR << /Font << /Helv 5 0 R >> /XObject << /FRM 5 0 R >> /Encoding << >> >>"
    changed = revision(made, {6: made.bodies[6].replace("<<", more, 1), number: "<< /X 1 >>"})
    return sign(changed, name="Ky2", by="Cơ quan thử").data


def long_comments() -> bytes:
    """Comments of some kilobytes with brackets and references, where comments may stand."""
    made = a_pdf(o9="<< /Producer (a \\( test) %( 4 0 R " + "x" * 5000 + "\n >>")
    return sign(sign(made), name="Ky2").data


def stream_without_its_length() -> bytes:
    """A content stream whose length is somewhat wrong, as old programs write it; signed twice."""
    made = a_pdf(o4=stream(PAGE_TEXT).replace(f"/Length {len(PAGE_TEXT)}", f"/Length {len(PAGE_TEXT) + 40}"))
    return sign(sign(made), name="Ky2").data


def moved_names() -> bytes:
    """The second program writes names with escapes, numbers with points, and direct values of their own."""
    made = sign(a_pdf())
    page = made.bodies[3].replace("/MediaBox [0 0 595 842]", "/Media#42ox [0.0 0 595.00 +842]").replace("/F1", "/#461")
    return sign(revision(made, {3: page}), name="Ky2").data


def one_value_for_two_fields() -> bytes:
    """Two fields hold one and the same signature: it counts once."""
    made = a_pdf()
    layout = revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", "31 0 R 32 0 R"),
            6: listed(made.bodies[6], "Fields", "31 0 R 32 0 R"),
            30: signature_body(),
            31: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /F 132 /P 3 0 R /V 30 0 R >>",
            32: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky2) /Rect [0 0 0 0] /F 132 /P 3 0 R /V 30 0 R >>",
        },
    )
    return fill_in(layout).data


def pressed_button() -> bytes:
    """A tick set after signing, whose look stands ready for both states."""
    box = (
        "<< /Type /Annot /Subtype /Widget /FT /Btn /T (DongY) /Rect [60 440 80 460] /F 4 /P 3 0 R /V /Off /AS /Off"
        " /AP << /N << /Yes 41 0 R /Off 42 0 R >> >> >>"
    )
    base = a_pdf(
        o3=a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots [7 0 R 40 0 R]"),
        o6=a_pdf().bodies[6].replace("/Fields [7 0 R]", "/Fields [7 0 R 40 0 R]"),
        o40=box,
        o41=look("0 0 20 20 re f", 20, 20),
        o42=look("0 0 20 20 re S", 20, 20),
    )
    return revision(sign(base), {40: box.replace("/Off /AS /Off", "/Yes /AS /Yes")}).data


def annotations_on_a_branch() -> bytes:
    """The second program lists its field on a branch of the page tree, where nobody looks (node-signpdf)."""
    made = sign(a_pdf())
    value, widget = made.next_number, made.next_number + 1
    layout = revision(
        made,
        {
            2: f"<< /Type /Pages /Kids [3 0 R] /Count 1 /Annots [{widget} 0 R] >>",
            6: listed(made.bodies[6], "Fields", f"{widget} 0 R"),
            value: signature_body(),
            widget: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky2) /Rect [0 0 0 0] /F 4 /P 2 0 R /V {value} 0 R >>",
        },
    )
    return fill_in(layout, by="Cơ quan thử").data


# name: (maker, number of signatures).
HABITS: dict[str, tuple[Callable[[], bytes], int]] = {
    "value-in-capitals": (lambda: _laid_out(sign_layout(), _upper, _usual_range), 1),
    "value-in-lines": (lambda: _laid_out(sign_layout(), _in_lines, _usual_range), 1),
    "value-with-white-space-behind": (lambda: _laid_out(sign_layout(), _white_behind, _usual_range), 1),
    "range-in-lines": (lambda: _laid_out(sign_layout(), _usual_value, _range_in_lines), 1),
    "range-with-leading-zeros": (lambda: _laid_out(sign_layout(), _usual_value, _range_with_zeros), 1),
    "ended-with-carriage-return": (lambda: ended(b"%%EOF\r"), 2),
    "ended-with-both": (lambda: ended(b"%%EOF\r\n"), 2),
    "ended-with-white-space": (lambda: ended(b"%%EOF \r\n"), 2),
    "ended-with-two-lines": (lambda: ended(b"%%EOF\n\n"), 2),
    "tagged": (tagged, 2),
    "hybrid-table": (hybrid, 2),
    "rows-in-streams": (rows_in_streams, 2),
    "update-without-rows": (emptied_table, 1),
    "kept-for-long": (kept_for_long, 8),
    "place-for-the-next-signer": (place_for_the_next, 2),
    "filled-and-looks-to-be-remade": (filled_and_remade, 1),
    "looks-no-longer-to-be-remade": (no_longer_remade, 1),
    "defaults-for-a-bare-form": (defaults_for_a_bare_form, 2),
    "long-comments": (long_comments, 2),
    "stream-without-its-length": (stream_without_its_length, 2),
    "names-and-numbers-spelt-differently": (moved_names, 2),
    "one-value-for-two-fields": (one_value_for_two_fields, 1),
    "annotations-on-a-branch-of-the-pages": (annotations_on_a_branch, 2),
    "tick-set-afterwards": (pressed_button, 1),
    "certified-filled-signed-stamped": (
        lambda: time_stamped(with_store(sign(filled(certified(2)), name="Ky2", by="Cơ quan thử"))).data,
        3,
    ),
}


def main() -> None:
    """Write every asset into tests/assets/pdf/habits."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (maker, _) in HABITS.items():
        (FOLDER / f"{name}.pdf").write_bytes(maker())


if __name__ == "__main__":
    sys.exit(main())
