"""Makes the PDF assets: one file for every way in which a signed PDF is attacked, broken or lawfully continued."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from asn1crypto import cms as asn1_cms
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper

from tests.makers_pdf import (
    NOW,
    PAGE_TEXT,
    Made,
    a_key_pair,
    a_pdf,
    a_time_stamp_authority,
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

FOLDER = Path(__file__).parent / "pdf"

_WHITE_BOX = "1 1 1 rg 0 0 200 60 re f 0 g BT /F1 14 Tf 4 20 Td (Tong diem: 99) Tj ET"
_OVER_TEXT = "50 640 250 700"
_SIGNED_LOOK = "BT /F1 10 Tf 2 10 Td (Da ky) Tj ET"
_MDP = "/Reference [<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P {} /V /1.2 >> >>]"


def certified(level: int, **more: str) -> Made:
    """A PDF certified at `level`."""
    catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Perms << /DocMDP 10 0 R >> >>"
    return sign(a_pdf(**more), extra=_MDP.format(level), also={1: catalog})


def filled(made: Made, text: str = "Nguyen") -> Made:
    """The text field filled in, in a revision of its own."""
    body = made.bodies[7].replace("/T (HoTen)", f"/T (HoTen) /V ({text})")
    return revision(made, {7: body, 8: look(f"/Tx BMC BT /F1 12 Tf 2 10 Td ({text}) Tj ET EMC")})


def annotated(made: Made, rect: str, shows: str, kind: str = "FreeText") -> Made:
    """A visible annotation added."""
    number = made.next_number
    sides = [int(side) for side in rect.split()]
    return revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", f"{number} 0 R"),
            number: f"<< /Type /Annot /Subtype /{kind} /Rect [{rect}] /F 4 /Contents (x) /AP << /N {number + 1} 0 R >> >>",
            number + 1: look(shows, sides[2] - sides[0], sides[3] - sides[1]),
        },
    )


def stamped(made: Made) -> Made:
    """Number and date drawn onto the page, as the issuing step of the seal tool does."""
    number = made.next_number
    page = made.bodies[3].replace("/Contents 4 0 R", "/Contents [4 0 R]")
    page = page.replace("/Contents [4 0 R", f"/Contents [4 0 R {number} 0 R")
    return revision(made, {3: page, number: stream("BT /F1 12 Tf 78 760 Td (So 128, ngay 12/9/2019) Tj ET")})


def spoiled(old: bytes, new: bytes, made: Made | None = None) -> bytes:
    """A signed PDF with one run of bytes replaced by another of the same length."""
    data = (made or sign(a_pdf())).data
    assert data.count(old) >= 1, old
    assert len(old) == len(new)
    at = data.rfind(old)
    return data[:at] + new + data[at + len(old) :]


def with_range(text: str) -> bytes:
    """Signed over the usual bytes, but the byte range says `text`."""
    return sign(a_pdf(), body=signature_body(byte_range=text, contents="<" + cms_over(b"x").hex() + ">")).data


def with_contents(value: bytes) -> bytes:
    """Properly laid out, with `value` as the signature."""
    made = sign_layout()
    return fill_in(made, value=value).data


def sign_layout(**more: str) -> Made:
    """The revision that a signature makes, its value not yet filled in."""
    made = a_pdf()
    value, widget = made.next_number, made.next_number + 1
    changed = {
        3: listed(made.bodies[3], "Annots", f"{widget} 0 R"),
        6: listed(made.bodies[6], "Fields", f"{widget} 0 R"),
        value: signature_body(**more),
        widget: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /F 132 /P 3 0 R /V {value} 0 R >>",
    }
    return revision(made, changed)


def unfilled_gap(layout: Callable[[bytes, int, int], bytes]) -> bytes:
    """Sign with the gap that `layout` chooses: (data, start, stop of /Contents) gives the finished bytes."""
    data = sign_layout().data
    start = data.index(b"/Contents <") + len(b"/Contents ")
    stop = data.index(b">", start) + 1
    return layout(data, start, stop)


def _gap_too_large(data: bytes, start: int, stop: int) -> bytes:
    wide = stop + 3
    data = _set_range(data, start, wide)
    value = cms_over(data[:start] + data[wide:]).hex().encode().ljust(stop - start - 2, b"0")
    return data[: start + 1] + value + data[stop - 1 :]


def _set_range(data: bytes, start: int, stop: int) -> bytes:
    at = data.index(b"/ByteRange [") + len(b"/ByteRange ")
    close = data.index(b"]", at) + 1
    return data[:at] + f"[0 {start:010} {stop:010} {len(data) - stop:010}]".encode().ljust(close - at) + data[close:]


def key_in_gap() -> bytes:
    """A further key hidden inside the gap."""

    def layout(data: bytes, start: int, stop: int) -> bytes:
        data = _set_range(data, start, stop)
        value = cms_over(data[:start] + data[stop:]).hex().encode()
        hidden = b"<" + value + b"> /Reason (khac) /X <"
        return data[:start] + hidden.ljust(stop - start - 1, b"0") + b">" + data[stop:]

    return unfilled_gap(layout)


def literal_contents() -> bytes:
    """/Contents as a literal string."""

    def layout(data: bytes, start: int, stop: int) -> bytes:
        data = _set_range(data, start, stop)
        value = cms_over(data[:start] + data[stop:])
        text = b"(" + b"".join(b"\\%03o" % octet for octet in value)[: stop - start - 2]
        return data[:start] + text.ljust(stop - start - 1) + b")" + data[stop:]

    return unfilled_gap(layout)


def contents_elsewhere() -> bytes:
    """The gap holds another string than the one /Contents names."""
    layout_ = sign_layout(contents="", extra="/Foo <00>")
    data = layout_.data.replace(b"/Contents <", b"/Kontents <")
    start = data.index(b"/Kontents <") + len(b"/Kontents ")
    stop = data.index(b">", start) + 1
    value_room = b"/Foo <00>"
    data = data.replace(value_room, b"/Foo <00>", 1)
    data = _set_range(data, start, stop)
    value = cms_over(data[:start] + data[stop:]).hex().encode().ljust(stop - start - 2, b"0")
    data = data[: start + 1] + value + data[stop - 1 :]
    # The real /Contents comes with a later revision of the dictionary.
    body = f"<< /Type /Sig /SubFilter /adbe.pkcs7.detached /ByteRange [0 {start} {stop} {len(data) - stop}] /Contents <{value.decode()}> >>"
    return revision(with_bytes(layout_, data), {10: body}).data


def wrapped() -> bytes:
    """Signature wrapping: the second signed part moved to the end, other content put where it was."""
    made = sign(a_pdf())
    data = made.data
    at = data.index(b"/ByteRange [")
    _, start, stop, rest = (int(word) for word in data[at + 12 : data.index(b"]", at)].split())
    forged = stream(PAGE_TEXT.replace("87", "99"))
    middle = b">> endobj\n4 0 obj\n" + forged.encode() + b"\nendobj\n"
    table = stop + len(middle)
    middle += b"xref\n4 1\n%010d 00000 n \ntrailer\n<< /Size 20 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        stop + 10,
        made.last_table,
        table,
    )
    moved = data[:stop] + middle + data[stop : stop + rest]
    numbers = f"[0 {start:010} {stop + len(middle):010} {rest:010}]".encode()
    return moved[: at + 11] + numbers + moved[at + 11 + len(numbers) :]


def twin_signature() -> bytes:
    """A second object with the signature's number, the signed one pushed aside."""
    made = sign(a_pdf())
    body = made.data[made.data.index(b"10 0 obj") + 9 : made.data.index(b"endobj", made.data.index(b"10 0 obj"))]
    twin = body.decode("latin-1").replace("/M (D:20190912100000+07'00')", "/M (D:20190914100000+07'00')")
    return revision(made, {10: twin.strip()}).data


def object_stream_override() -> bytes:
    """An update by a cross-reference stream that serves a signed object from a new object stream."""
    made = sign(a_pdf())
    forged = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 20 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
    inside = f"3 0 {forged}"
    packed = f"<< /Type /ObjStm /N 1 /First 4 /Length {len(inside)} >>\nstream\n{inside}\nendstream"
    output = bytearray(made.data)
    at_stream, places = len(output), {}
    output += f"21 0 obj\n{packed}\nendobj\n".encode()
    places[20] = len(output)
    output += f"20 0 obj\n{stream(PAGE_TEXT.replace('87', '99'))}\nendobj\n".encode()
    table = len(output)
    rows = bytes([2, 0, 0, 21, 0]) + b"".join(
        bytes([1]) + place.to_bytes(3, "big") + b"\0" for place in (places[20], at_stream, table)
    )
    head = (
        f"<< /Type /XRef /W [1 3 1] /Index [3 1 20 3] /Size 23 /Root 1 0 R /Prev {made.last_table} /Length {len(rows)} >>"
    )
    output += f"22 0 obj\n{head}\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
    output += f"startxref\n{table}\n%%EOF\n".encode()
    return bytes(output)


def hybrid_override() -> bytes:
    """A hybrid update: the table says nothing, its hidden stream replaces the page."""
    made = sign(a_pdf())
    output = bytearray(made.data)
    page = len(output)
    forged = made.bodies[3].replace("/Contents 4 0 R", "/Contents 20 0 R")
    output += f"3 0 obj\n{forged}\nendobj\n".encode()
    content = len(output)
    output += f"20 0 obj\n{stream(PAGE_TEXT.replace('87', '99'))}\nendobj\n".encode()
    hidden = len(output)
    rows = b"".join(bytes([1]) + place.to_bytes(3, "big") + b"\0" for place in (page, content))
    output += (
        f"21 0 obj\n<< /Type /XRef /W [1 3 1] /Index [3 1 20 1] /Size 22 /Length {len(rows)} >>\nstream\n".encode()
        + rows
        + b"\nendstream\nendobj\n"
    )
    table = len(output)
    output += (
        f"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 22 /Root 1 0 R /Prev {made.last_table} /XRefStm {hidden} >>\n"
        f"startxref\n{table}\n%%EOF\n"
    ).encode()
    return bytes(output)


def without_certificate() -> bytes:
    """CMS whose certificates were taken out."""

    def value(data: bytes) -> bytes:
        info = asn1_cms.ContentInfo.load(cms_over(data))
        info["content"]["certificates"] = []
        return info.dump(force=True)

    return _over_layout(value)


def without_signer() -> bytes:
    """CMS with certificates only."""
    certificate, _ = a_key_pair("Người ký thử")
    return with_contents(pkcs7.serialize_certificates([certificate], serialization.Encoding.DER))


def _over_layout(value: Callable[[bytes], bytes], made: Made | None = None) -> bytes:
    layout = made or sign_layout()
    data = layout.data
    at = data.rindex(b"/ByteRange [0 0000000000")
    start = data.index(b"/Contents <", at) + len(b"/Contents ")
    stop = data.index(b">", start) + 1
    numbers = f"/ByteRange [0 {start:010} {stop:010} {len(data) - stop:010}]".encode()
    data = data[:at] + numbers + data[at + len(numbers) :]
    return fill_in_at(data, start, stop, value(data[:start] + data[stop:]))


def fill_in_at(data: bytes, start: int, stop: int, value: bytes) -> bytes:
    """Put `value` into the place of /Contents."""
    return data[: start + 1] + value.hex().encode().ljust(stop - start - 2, b"0") + data[stop - 1 :]


def stamp_token(data: bytes) -> bytes:
    """A time-stamp token over `data`."""
    authority = a_time_stamp_authority()
    key = asn1_keys.PrivateKeyInfo.load(
        authority[1].private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate = asn1_x509.Certificate.load(authority[0].public_bytes(serialization.Encoding.DER))
    stamper = DummyTimeStamper(certificate, key, fixed_dt=NOW)
    return asyncio.run(stamper.async_timestamp(hashlib.sha256(data).digest(), "sha256")).dump()


def time_stamped(made: Made, value: Callable[[bytes], bytes] = stamp_token, type_: str = "/Type /DocTimeStamp") -> Made:
    """A document time stamp added."""
    number = made.next_number
    reserved = "<" + "0" * 8000 + ">"
    changed = {
        3: listed(made.bodies[3], "Annots", f"{number + 1} 0 R"),
        6: listed(made.bodies[6], "Fields", f"{number + 1} 0 R"),
        number: signature_body(sub_filter="ETSI.RFC3161", contents=reserved, type_=type_),
        number + 1: f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Dau{number}) /Rect [0 0 0 0] /F 132 /P 3 0 R /V {number} 0 R >>",
    }
    layout = revision(made, changed)
    return with_bytes(layout, _over_layout(value, layout))


def with_store(made: Made) -> Made:
    """A document security store added."""
    certificate, _ = a_key_pair("Người ký thử")
    der = certificate.public_bytes(serialization.Encoding.DER).decode("latin-1")
    number = made.next_number
    catalog = made.bodies[1].replace("/AcroForm 6 0 R", f"/AcroForm 6 0 R /DSS {number} 0 R")
    return revision(
        made, {1: catalog, number: f"<< /Type /DSS /Certs [{number + 1} 0 R] >>", number + 1: stream(der)}
    )


def reused_token() -> bytes:
    """The same token twice: the second stands over other bytes than it says."""
    first = time_stamped(sign(a_pdf()))
    at = first.data.rindex(b"/Contents <") + len(b"/Contents <")
    token = bytes.fromhex(first.data[at : first.data.index(b">", at)].decode())
    return time_stamped(first, lambda _: token).data


def bomb() -> bytes:
    """An object stream that decodes to more than any document holds."""
    packed = zlib.compress(b"0" * 101_000_000, 9)
    made = sign(a_pdf())
    number = made.next_number
    output = bytearray(made.data)
    place = len(output)
    head = f"{number} 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    output += head.encode() + packed + b"\nendstream\nendobj\n"
    table = len(output)
    rows = bytes([2]) + number.to_bytes(3, "big") + b"\0" + bytes([1]) + place.to_bytes(3, "big") + b"\0"
    output += (
        f"{number + 1} 0 obj\n<< /Type /XRef /W [1 3 1] /Index [6 1 {number} 1] /Size {number + 2} /Root 1 0 R"
        f" /Prev {made.last_table} /Length {len(rows)} >>\nstream\n"
    ).encode()
    output += rows + b"\nendstream\nendobj\n" + f"startxref\n{table}\n%%EOF\n".encode()
    return bytes(output)


def many_signatures(count: int = 300) -> bytes:
    """More signature fields than any document has."""
    made = a_pdf()
    bodies = {}
    kids = []
    for index in range(count):
        number = 20 + 2 * index
        bodies[number] = f"<< /FT /Sig /T (K{index}) /V {number + 1} 0 R >>"
        bodies[number + 1] = "<< /Type /Sig /SubFilter /adbe.pkcs7.detached /ByteRange [0 1 2 3] /Contents <00> >>"
        kids.append(f"{number} 0 R")
    bodies[6] = f"<< /Fields [{' '.join(kids)}] >>"
    return revision(made, bodies).data


def deep_tree() -> bytes:
    """Dictionaries nested ten thousand deep in the form."""
    return sign(a_pdf(), field_extra="/MK " + "<< /A " * 10_000 + "1" + " >>" * 10_000).data


def page_added(made: Made) -> bytes:
    """A second page."""
    number = made.next_number
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
    return revision(
        made, {2: f"<< /Type /Pages /Kids [3 0 R {number} 0 R] /Count 2 >>", number: page}
    ).data


def not_in_form() -> bytes:
    """The signature field hangs on the page only."""
    made = sign(a_pdf())
    data = made.data.replace(b"/Fields [11 0 R 7 0 R]", b"/Fields [       7 0 R]")
    return data


def only_in_perms() -> bytes:
    """A signature that only the permissions dictionary names."""
    made = a_pdf(o1="<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Perms << /DocMDP 10 0 R >> >>")
    layout = revision(made, {10: signature_body()})
    return fill_in(layout).data


def drawn_signature() -> bytes:
    """An empty signature field that shows a drawn signature."""
    field = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [300 100 500 160] /F 4 /P 3 0 R /AP << /N 11 0 R >> >>"
    made = a_pdf()
    return revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", "10 0 R"),
            6: listed(made.bodies[6], "Fields", "10 0 R"),
            10: field,
            11: look("BT /F1 10 Tf 2 10 Td (Da ky) Tj ET", 200, 60),
        },
    ).data


def signature_removed() -> bytes:
    """The signature taken out of the form again."""
    made = sign(a_pdf())
    return revision(made, {3: a_pdf().bodies[3], 6: a_pdf().bodies[6]}, freed=(10, 11)).data


def locked_field() -> Made:
    """A signature that locks the text field."""
    lock = "/Lock << /Type /SigFieldLock /Action /Include /Fields [(HoTen)] >>"
    return sign(a_pdf(), field_extra=lock)


def field_mdp() -> Made:
    """The same by a FieldMDP reference."""
    reference = (
        "/Reference [<< /Type /SigRef /TransformMethod /FieldMDP /TransformParams"
        " << /Type /TransformParams /Action /All /V /1.2 >> >>]"
    )
    return sign(a_pdf(), extra=reference)


def prepared_form() -> Made:
    """A PDF with an empty signature field prepared."""
    made = a_pdf()
    return revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", "10 0 R"),
            6: listed(made.bodies[6], "Fields", "10 0 R"),
            10: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [300 100 500 160] /F 4 /P 3 0 R >>",
        },
    )


def person_then_seal() -> Made:
    """How documents are made lawfully: a person signs, number and date are stamped, the agency seals."""
    return sign(stamped(sign(a_pdf())), name="Ky2", by="Cơ quan thử", rect="330 90 530 150", shows="1 0 0 RG 2 2 190 50 re S")


def _signed() -> Made:
    return sign(a_pdf())


# name: (maker, verdict that is required). "not passed" where failed and indeterminate are both right.
ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    # byte range
    "byte-range-missing": (lambda: sign(a_pdf(), body=signature_body().replace("/ByteRange", "/ByteRanje")).data, "failed"),
    "byte-range-null": (lambda: with_range("null"), "failed"),
    "byte-range-negative": (lambda: with_range("[0 -5 2000 100]"), "failed"),
    "byte-range-of-three-numbers": (lambda: with_range("[0 1000 2000]"), "failed"),
    "byte-range-of-six-numbers": (lambda: with_range("[0 10 20 30 40 50]"), "failed"),
    "byte-range-first-not-zero": (lambda: with_range("[10 1000 2000 100]"), "failed"),
    "byte-range-of-names": (lambda: with_range("[0 /A /B 10]"), "failed"),
    "byte-range-parts-overlap": (lambda: with_range("[0 2000 1000 100]"), "failed"),
    "byte-range-outside-the-file": (lambda: with_range("[0 1000 900000 100]"), "failed"),
    "byte-range-past-the-end": (lambda: with_range("[0 1000 2000 900000]"), "failed"),
    # gap and contents
    "gap-larger-than-contents": (lambda: unfilled_gap(_gap_too_large), "failed"),
    "gap-holds-another-key": (key_in_gap, "failed"),
    "contents-as-literal-string": (literal_contents, "failed"),
    "contents-elsewhere": (contents_elsewhere, "failed"),
    "contents-missing": (lambda: sign(a_pdf(), body=signature_body(byte_range="[0 1000 1010 900]", contents="<00>").replace("/Contents", "/Kontents")).data, "failed"),
    "contents-null": (lambda: sign(a_pdf(), body=signature_body(byte_range="[0 1000 1010 900]", contents="null")).data, "failed"),
    "contents-empty": (lambda: sign(a_pdf(), body=signature_body(byte_range="[0 1000 1002 900]", contents="<>")).data, "failed"),
    "contents-zero": (lambda: with_contents(b""), "failed"),
    "contents-not-cms": (lambda: with_contents(b"khong phai chu ky"), "not passed"),
    "contents-null-bytes-and-text": (lambda: with_contents(b"\x00\x00abc"), "not passed"),
    "cms-without-signer": (without_signer, "not passed"),
    "cms-without-certificate": (without_certificate, "not passed"),
    "cms-over-other-bytes": (lambda: with_contents(cms_over(b"khac")), "failed"),
    "signed-byte-changed": (lambda: spoiled(b"(Tong diem: 87)", b"(Tong diem: 97)"), "failed"),
    "value-points-nowhere": (
        lambda: revision(_signed(), {11: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /V 99 0 R >>"}).data,
        "failed",
    ),
    "value-is-a-number": (
        lambda: revision(_signed(), {11: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /V 7 >>"}).data,
        "failed",
    ),
    # incremental saving
    "bytes-after-the-end": (lambda: _signed().data + b"4 0 obj\nnull\nendobj\n", "failed"),
    "update-without-table": (
        lambda: _signed().data + f"4 0 obj\n{stream(PAGE_TEXT.replace('87', '99'))}\nendobj\n%%EOF\n".encode(),
        "failed",
    ),
    "update-without-end-mark": (
        lambda: revision(_signed(), {4: stream(PAGE_TEXT.replace("87", "99"))}).data.removesuffix(b"%%EOF\n"),
        "failed",
    ),
    "update-with-wrong-startxref": (
        lambda: revision(_signed(), {4: stream(PAGE_TEXT.replace("87", "99"))}).data.removesuffix(b"%%EOF\n").rsplit(b"\n", 2)[0]
        + b"\n7\n%%EOF\n",
        "failed",
    ),
    "second-header": (lambda: revision(_signed(), {}, extra=a_pdf().data).data, "failed"),
    "whole-second-file": (lambda: _signed().data + a_pdf(o4=stream(PAGE_TEXT.replace("87", "99"))).data, "not passed"),
    "prefix-before-header": (lambda: b"X" * 20 + _signed().data, "failed"),
    "signed-with-a-prefix": (lambda: sign(with_bytes(a_pdf(), b"GIF89a\n" + a_pdf().data)).data, "not passed"),
    "content-replaced-in-update": (lambda: revision(_signed(), {4: stream(PAGE_TEXT.replace("87", "99"))}).data, "failed"),
    # wrapping
    "signed-part-moved": (wrapped, "failed"),
    "twin-of-the-signature": (twin_signature, "failed"),
    # dictionary
    "reason-changed-later": (lambda: _dictionary_changed("/Reason (Dong y)", "/Reason (Tu choi)"), "failed"),
    "name-added-later": (lambda: _dictionary_changed("", "/Name (Nguoi khac)"), "failed"),
    "subfilter-changed-later": (lambda: _dictionary_changed("", "", "adbe.pkcs7.sha1"), "failed"),
    "key-twice": (lambda: sign(a_pdf(), extra="/Reason (a) /Reason (b)").data, "not passed"),
    "object-stream-overrides-page": (object_stream_override, "failed"),
    "hybrid-table-overrides-page": (hybrid_override, "failed"),
    # pages
    "page-added": (lambda: page_added(_signed()), "failed"),
    "page-removed": (lambda: revision(_signed(), {2: "<< /Type /Pages /Kids [] /Count 0 >>"}).data, "failed"),
    "page-turned": (lambda: revision(_signed(), {3: _signed().bodies[3].replace("/MediaBox", "/Rotate 180 /MediaBox")}).data, "failed"),
    "page-cropped": (
        lambda: revision(_signed(), {3: _signed().bodies[3].replace("/MediaBox", "/CropBox [0 0 300 300] /MediaBox")}).data,
        "failed",
    ),
    "content-taken-away": (lambda: revision(_signed(), {3: _signed().bodies[3].replace("/Contents 4 0 R", "")}).data, "failed"),
    "content-pointed-elsewhere": (
        lambda: revision(
            _signed(),
            {3: _signed().bodies[3].replace("/Contents 4 0 R", "/Contents 20 0 R"), 20: stream(PAGE_TEXT.replace("87", "99"))},
        ).data,
        "failed",
    ),
    "font-replaced": (
        lambda: revision(_signed(), {5: "<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"}).data,
        "failed",
    ),
    "font-of-the-page-replaced": (
        lambda: revision(_signed(), {3: _signed().bodies[3].replace("/F1 5 0 R", "/F1 << /Type /Font /Subtype /Type1 /BaseFont /Symbol >>")}).data,
        "failed",
    ),
    "catalog-replaced": (
        lambda: revision(
            _signed(), {20: "<< /Type /Catalog /Pages 21 0 R /AcroForm 6 0 R >>", 21: "<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>"}, root=20
        ).data,
        "failed",
    ),
    "missing-picture-supplied": (
        lambda: revision(
            sign(a_pdf(o4=stream(PAGE_TEXT + " /Fm1 Do"), o3=a_pdf().bodies[3].replace("/Font <<", "/XObject << /Fm1 30 0 R >> /Font <<"))),
            {30: look(_WHITE_BOX)},
        ).data,
        "not passed",
    ),
    # overlays
    "overlay-by-field": (lambda: _field_added(_signed(), f"/FT /Tx /T (Moi) /Rect [{_OVER_TEXT}]", _WHITE_BOX), "indeterminate"),
    "overlay-by-annotation": (lambda: annotated(_signed(), _OVER_TEXT, _WHITE_BOX).data, "indeterminate"),
    "overlay-by-stamp": (lambda: annotated(_signed(), _OVER_TEXT, _WHITE_BOX, "Stamp").data, "indeterminate"),
    "overlay-by-content": (lambda: _overlay_content(_signed()), "indeterminate"),
    "overlay-by-filled-field": (
        lambda: revision(
            sign(a_pdf(o7=a_pdf().bodies[7].replace("[60 500 260 540]", f"[{_OVER_TEXT}]"))),
            {8: look(_WHITE_BOX, 200, 60)},
        ).data,
        "indeterminate",
    ),
    "field-moved-over-text": (
        lambda: revision(
            filled(a_pdf()) and sign(filled(a_pdf())),
            {7: filled(a_pdf()).bodies[7].replace("[60 500 260 540]", f"[{_OVER_TEXT}]")},
        ).data,
        "indeterminate",
    ),
    "field-hidden": (lambda: revision(sign(filled(a_pdf())), {7: filled(a_pdf()).bodies[7].replace("/F 4", "/F 2")}).data, "indeterminate"),
    "sneaky-signature": (lambda: sign(_signed(), name="Ky2", by="Kẻ gian", rect=_OVER_TEXT, shows=_WHITE_BOX).data, "indeterminate"),
    "huge-signature": (
        lambda: sign(_signed(), name="Ky2", by="Kẻ gian", rect="0 0 595 480", shows="BT /F1 14 Tf 60 400 Td (Phu luc) Tj ET").data,
        "indeterminate",
    ),
    "signature-look-changed": (
        lambda: revision(
            sign(a_pdf(), rect="300 100 500 160", shows="BT /F1 9 Tf 2 2 Td (A) Tj ET"), {12: look("BT /F1 9 Tf 2 2 Td (B) Tj ET")}
        ).data,
        "indeterminate",
    ),
    # permissions
    "filled-under-level-1": (lambda: filled(certified(1)).data, "failed"),
    "signed-under-level-1": (lambda: sign(certified(1), name="Ky2").data, "failed"),
    "annotated-under-level-1": (lambda: annotated(certified(1), "300 100 400 140", "0 0 10 10 re f").data, "failed"),
    "annotated-under-level-2": (lambda: annotated(certified(2), "300 100 400 140", "0 0 10 10 re f").data, "failed"),
    "evil-annotation-under-level-3": (lambda: annotated(certified(3), _OVER_TEXT, _WHITE_BOX).data, "indeterminate"),
    "sneaky-signature-under-level-2": (
        lambda: sign(certified(2), name="Ky2", by="Kẻ gian", rect=_OVER_TEXT, shows=_WHITE_BOX).data,
        "indeterminate",
    ),
    "stamped-under-level-3": (lambda: stamped(certified(3)).data, "failed"),
    "filled-against-lock": (lambda: filled(locked_field()).data, "failed"),
    "filled-against-field-mdp": (lambda: filled(field_mdp()).data, "failed"),
    "filled-against-lock-of-earlier-signature": (lambda: filled(sign(locked_field(), name="Ky2")).data, "failed"),
    "filled-against-level-of-earlier-signature": (lambda: annotated(sign(certified(2), name="Ky2"), "300 100 400 140", "0 0 9 9 re f").data, "failed"),
    "lock-taken-away": (
        lambda: revision(locked_field(), {11: locked_field().bodies[11].replace("/Include", "/Exclude")}).data,
        "failed",
    ),
    "certified-after-approval": (
        lambda: sign(_signed(), name="Ky2", extra=_MDP.format(2)).data,
        "failed",
    ),
    "certified-twice": (lambda: sign(certified(2), name="Ky2", extra=_MDP.format(1)).data, "failed"),
    "permissions-changed": (
        lambda: revision(certified(1), {1: "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>"}).data,
        "failed",
    ),
    "layers-changed": (
        lambda: revision(_signed(), {1: "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /OCProperties << /D << >> >> >>"}).data,
        "failed",
    ),
    "script-added": (
        lambda: revision(
            _signed(),
            {1: "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /OpenAction << /S /JavaScript /JS (x) >> >>"},
        ).data,
        "indeterminate",
    ),
    # what only looks like something lawful
    "field-look-replaced-without-value": (
        lambda: revision(sign(filled(a_pdf(), "87")), {8: look("/Tx BMC BT /F1 12 Tf 2 10 Td (99) Tj ET EMC")}).data,
        "indeterminate",
    ),
    "visible-time-stamp-under-level-1": (lambda: _visible_time_stamp(), "failed"),
    "picture-of-a-signature-added": (lambda: _field_added(_signed(), "/FT /Sig /T (Gia) /Rect [300 100 500 160]", _SIGNED_LOOK), "indeterminate"),
    "font-of-the-fields-replaced": (lambda: _field_font(), "indeterminate"),
    "resources-posing-as-annotation": (lambda: _posing("/Type /Annot /Subtype /Text"), "failed"),
    "resources-posing-as-structure": (lambda: _posing("/Type /StructElem"), "failed"),
    "resources-posing-as-field": (lambda: _posing("/FT /Tx /T (x)"), "failed"),
    "reference-with-a-comment-inside": (
        lambda: revision(
            sign(a_pdf(o3=a_pdf().bodies[3].replace("/Contents 4 0 R", "/Contents 4 %x\n0 R"))),
            {4: stream(PAGE_TEXT.replace("87", "99"))},
        ).data,
        "not passed",
    ),
    "key-twice-in-update": (
        lambda: revision(_signed(), {7: a_pdf().bodies[7].replace("/T (HoTen)", "/T (HoTen) /V (a) /V (b)")}).data,
        "indeterminate",
    ),
    # where the signature is
    "field-not-in-form": (lambda: _resigned_not_in_form(), "indeterminate"),
    "signature-only-in-permissions": (only_in_perms, "indeterminate"),
    "signature-removed": (signature_removed, "not passed"),
    "subfilter-unknown": (lambda: sign(a_pdf(), sub_filter="vgca.sm2").data, "unsupported"),
    # time stamps
    "only-a-time-stamp": (lambda: time_stamped(a_pdf()).data, "indeterminate"),
    # too much
    "bomb": (bomb, "not passed"),
    "many-signatures": (many_signatures, "indeterminate"),
    "deep-dictionaries": (deep_tree, "not passed"),
}  # fmt: skip


def _dictionary_changed(before: str, after: str, sub_filter: str = "") -> bytes:
    made = sign(a_pdf(), extra=before)
    at = made.data.index(b"10 0 obj") + 9
    body = made.data[at : made.data.index(b"endobj", at)].decode("latin-1").strip()
    body = body.replace(before, after) if before else body.replace("/Type /Sig", f"/Type /Sig {after}", 1)
    if sub_filter:
        body = body.replace("adbe.pkcs7.detached", sub_filter)
    return revision(made, {10: body}).data


def _field_added(made: Made, field: str, shows: str) -> bytes:
    """A field added (`field`: its kind, name and rectangle) that shows something from the start."""
    number = made.next_number
    return revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", f"{number} 0 R"),
            6: listed(made.bodies[6], "Fields", f"{number} 0 R"),
            number: f"<< /Type /Annot /Subtype /Widget {field} /F 4 /P 3 0 R /AP << /N {number + 1} 0 R >> >>",
            number + 1: look(shows, 200, 60),
        },
    ).data


def _visible_time_stamp() -> bytes:
    made = certified(1)
    number = made.next_number
    reserved = "<" + "0" * 8000 + ">"
    widget = f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Dau) /Rect [300 100 500 160] /F 132 /P 3 0 R /V {number} 0 R"
    changed = {
        3: listed(made.bodies[3], "Annots", f"{number + 1} 0 R"),
        6: listed(made.bodies[6], "Fields", f"{number + 1} 0 R"),
        number: signature_body(sub_filter="ETSI.RFC3161", contents=reserved, type_="/Type /DocTimeStamp"),
        number + 1: f"{widget} /AP << /N {number + 2} 0 R >> >>",
        number + 2: look("BT /F1 10 Tf 2 10 Td (Bo sung) Tj ET", 200, 60),
    }
    return _over_layout(stamp_token, revision(made, changed))


def _field_font() -> bytes:
    form = a_pdf().bodies[6].replace("/DR << /Font << /F1 5 0 R >> >>", "/DR << /Font << /F1 30 0 R >> >>")
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    made = sign(revision(a_pdf(), {6: form, 30: font}))
    return revision(made, {30: font.replace("Helvetica", "Symbol")}).data


def _posing(kind: str) -> bytes:
    """The page's resources pretend to be something that may change; then their font changes."""
    page = a_pdf().bodies[3].replace("/Resources << /Font << /F1 5 0 R >> >>", "/Resources 30 0 R")
    made = sign(revision(a_pdf(), {3: page, 30: f"<< {kind} /Font << /F1 5 0 R >> >>"}))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"
    return revision(made, {30: f"<< {kind} /Font << /F1 50 0 R >> >>", 50: font}).data


def _overlay_content(made: Made) -> bytes:
    number = made.next_number
    page = made.bodies[3].replace("/Contents 4 0 R", f"/Contents [4 0 R {number} 0 R]")
    return revision(made, {3: page, number: stream("q 1 0 0 1 50 640 cm " + _WHITE_BOX + " Q")}).data


def _resigned_not_in_form() -> bytes:
    made = a_pdf()
    layout = revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", "11 0 R"),
            10: signature_body(),
            11: "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /F 132 /P 3 0 R /V 10 0 R >>",
        },
    )
    return fill_in(layout).data


def _resigned(change: Callable[[bytes], bytes]) -> bytes:
    """Two signatures; each revision is written by a writer with habits of its own."""
    layout = a_pdf()
    first = sign_layout()
    changed = change(first.data)
    table = changed.rindex(b"\nxref\n") + 1
    base_table = changed.index(b"\nxref\n") + 1
    # The change moved offsets of the second revision's objects only by what it added before them.
    shift = base_table - layout.last_table
    assert shift == 0
    moved = len(change(layout.data)) - len(layout.data)
    head, tail = changed[:table], changed[table:]
    if moved:
        tail = re.sub(rb"(\d{10}) (\d{5} n)", lambda m: b"%010d %s" % (int(m[1]) + moved, m[2]), tail)
        tail = re.sub(rb"startxref\n(\d+)", lambda m: b"startxref\n%d" % table, tail)
    made = Made(head + tail, first.bodies, table)
    return sign(fill_in(made), name="Ky2").data


def _whole_table() -> bytes:
    made = _signed()
    places = {int(m[1]): m.start() for m in re.finditer(rb"(?m)^(\d+) 0 obj", made.data)}
    table = len(made.data)
    rows = f"0 {max(places) + 1}\n0000000000 65535 f \n" + "".join(
        f"{places[number]:010} 00000 n \n" if number in places else "0000000000 00001 f \n" for number in range(1, max(places) + 1)
    )
    end = f"trailer\n<< /Size {max(places) + 1} /Root 1 0 R /Info 9 0 R /Prev {made.last_table} >>\nstartxref\n{table}\n%%EOF\n"
    return made.data + f"xref\n{rows}{end}".encode()


def _counted_from_one() -> bytes:
    made = a_pdf()
    places = {int(m[1]): m.start() for m in re.finditer(rb"(?m)^(\d+) 0 obj", made.data)}
    rows = f"1 {len(places) + 1}\n0000000000 65535 f \n" + "".join(f"{places[number]:010} 00000 n \n" for number in sorted(places))
    data = made.data[: made.last_table] + f"xref\n{rows}trailer\n<< /Size 10 /Root 1 0 R /Info 9 0 R >>\nstartxref\n{made.last_table}\n%%EOF\n".encode()
    return sign(sign(with_bytes(made, data)), name="Ky2").data


def _direct_value() -> bytes:
    made = a_pdf()
    field = f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ky1) /Rect [0 0 0 0] /F 132 /P 3 0 R /V {signature_body()} >>"
    layout = revision(
        made, {3: listed(made.bodies[3], "Annots", "10 0 R"), 6: listed(made.bodies[6], "Fields", "10 0 R"), 10: field}
    )
    return sign(fill_in(layout), name="Ky2").data


def _indirect_range() -> bytes:
    made = sign_layout()
    number = made.next_number
    body = made.bodies[10].replace("/ByteRange [0 0000000000 0000000000 0000000000]", f"/ByteRange {number} 0 R")
    bare = a_pdf()
    layout = revision(
        bare, {**{key: made.bodies[key] for key in (3, 6, 11)}, 10: body, number: "[0 0000000000 0000000000 0000000000]"}
    )
    data = layout.data
    start = data.index(b"/Contents <") + len(b"/Contents ")
    stop = data.index(b">", start) + 1
    at = data.index(b"[0 0000000000")
    numbers = f"[0 {start:010} {stop:010} {len(data) - stop:010}]".encode()
    data = data[:at] + numbers + data[at + len(numbers) :]
    filled_in = fill_in_at(data, start, stop, cms_over(data[:start] + data[stop:]))
    return sign(with_bytes(layout, filled_in), name="Ky2").data


def _widget_apart() -> bytes:
    made = _signed()
    number = made.next_number
    layout = revision(
        made,
        {
            3: listed(made.bodies[3], "Annots", f"{number + 2} 0 R"),
            6: listed(made.bodies[6], "Fields", f"{number + 1} 0 R"),
            number: signature_body(),
            number + 1: f"<< /FT /Sig /T (Ky2) /V {number} 0 R /Kids [{number + 2} 0 R] >>",
            number + 2: f"<< /Type /Annot /Subtype /Widget /Rect [300 100 500 160] /F 4 /P 3 0 R /Parent {number + 1} 0 R"
            f" /AP << /N {number + 3} 0 R >> >>",
            number + 3: look("0 0 1 RG 2 2 190 50 re S", 200, 60),
        },
    )
    return fill_in(layout).data


def _in_group() -> bytes:
    group = {
        6: "<< /Fields [7 0 R 20 0 R] /SigFlags 3 >>",
        20: "<< /T (Nhom) /FT /Sig /Kids [21 0 R 22 0 R] >>",
        21: "<< /Type /Annot /Subtype /Widget /T (A) /Parent 20 0 R /Rect [0 0 0 0] /F 132 /P 3 0 R >>",
        22: "<< /Type /Annot /Subtype /Widget /T (B) /Parent 20 0 R /Rect [0 0 0 0] /F 132 /P 3 0 R >>",
        3: a_pdf().bodies[3].replace("/Annots [7 0 R]", "/Annots [7 0 R 21 0 R 22 0 R]"),
    }
    made = revision(a_pdf(), group)
    for widget in (21, 22):
        value = made.next_number
        made = fill_in(
            revision(made, {widget: made.bodies[widget].replace("/F 132", f"/F 132 /V {value} 0 R"), value: signature_body()})
        )
    return made.data


LAWFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    "signed": (lambda: _signed().data, "passed"),
    "signed-twice": (lambda: sign(_signed(), name="Ky2", by="Cơ quan thử").data, "passed"),
    "signed-twice-visibly-on-blank-paper": (
        lambda: sign(
            sign(a_pdf(), rect="60 100 260 160", shows="0 0 1 RG 2 2 190 50 re S"),
            name="Ky2",
            by="Cơ quan thử",
            rect="330 90 530 150",
            shows="1 0 0 RG 2 2 190 50 re S",
        ).data,
        "passed",
    ),
    "signed-in-prepared-field": (
        lambda: sign(sign(prepared_form(), name="Ky0"), number=10, rect="300 100 500 160", shows="0 0 1 RG 2 2 190 50 re S").data,
        "passed",
    ),
    "person-stamp-seal": (lambda: person_then_seal().data, "indeterminate"),
    "filled-after-approval": (lambda: filled(_signed()).data, "passed"),
    "filled-under-level-2": (lambda: filled(certified(2)).data, "passed"),
    "certified-then-signed": (lambda: sign(certified(2), name="Ky2", by="Cơ quan thử").data, "passed"),
    "certified-level-1-alone": (lambda: certified(1).data, "passed"),
    "store-added": (lambda: with_store(_signed()).data, "passed"),
    "store-added-under-level-1": (lambda: with_store(certified(1)).data, "passed"),
    "time-stamp-added": (lambda: time_stamped(with_store(_signed())).data, "passed"),
    "time-stamp-under-level-1": (lambda: time_stamped(certified(1)).data, "passed"),
    "time-stamp-that-calls-itself-sig": (lambda: time_stamped(_signed(), type_="/Type /Sig").data, "passed"),
    "time-stamp-without-type": (lambda: time_stamped(_signed(), type_="").data, "passed"),
    "time-stamp-over-other-bytes": (lambda: time_stamped(_signed(), lambda _: stamp_token(b"khac")).data, "passed"),
    "time-stamp-reused": (reused_token, "passed"),
    "white-space-after-end": (lambda: _signed().data + b"\r\n \n\x00\n", "passed"),
    "information-and-metadata-updated": (
        lambda: revision(
            _signed(),
            {
                1: "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Metadata 20 0 R /Extensions << >> /Version /2.0 >>",
                9: "<< /Producer (khac) /ModDate (D:20190913) >>",
                20: stream("<x/>", "/Type /Metadata /Subtype /XML"),
            },
        ).data,
        "passed",
    ),
    "shadow-content-prepared-before-signing": (
        lambda: sign(revision(a_pdf(), {20: stream(PAGE_TEXT.replace("87", "99"))})).data,
        "passed",
    ),
    "script-and-files-under-the-signature": (
        lambda: sign(
            a_pdf(
                o1="<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /OpenAction << /S /JavaScript /JS (x) >>"
                " /Names << /EmbeddedFiles << /Names [] >> >> /OCProperties << /OCGs [] /D << >> >> >>"
            )
        ).data,
        "passed",
    ),
    "hidden-note-added": (lambda: revision(_signed(), {3: listed(_signed().bodies[3], "Annots", "20 0 R"), 20: "<< /Type /Annot /Subtype /Popup /Rect [0 0 0 0] /F 2 >>"}).data, "passed"),
    "page-rewritten-the-same": (lambda: revision(_signed(), {3: _signed().bodies[3], 4: _signed().bodies[4]}).data, "passed"),
    # spellings of various writers
    "comment-before-startxref": (lambda: _resigned(lambda data: data.replace(b"\nstartxref", b"\n%iText-7.1.8\nstartxref")), "passed"),
    "no-line-end-after-end-mark": (
        lambda: sign(fill_in(with_bytes(sign_layout(), sign_layout().data.rstrip(b"\n"))), name="Ky2").data,
        "passed",
    ),
    "rows-with-carriage-return": (lambda: _resigned(lambda data: data.replace(b" n \n", b" n\r\n").replace(b" f \n", b" f\r\n")), "passed"),
    "whole-table-repeated": (lambda: _whole_table(), "passed"),
    "table-counted-from-one": (lambda: _counted_from_one(), "passed"),
    "page-attributes-written-out": (
        lambda: revision(
            sign(a_pdf(o2="<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>", o3=a_pdf().bodies[3].replace("/MediaBox [0 0 595 842]", ""))),
            {3: _signed().bodies[3].replace("/MediaBox [0 0 595 842]", "/MediaBox [0.0 0.0 595.0 842.0] /Rotate 0 /CropBox [0 0 595 842]")},
        ).data,
        "passed",
    ),
    "resources-moved-to-their-own-object": (
        lambda: revision(
            _signed(),
            {3: _signed().bodies[3].replace("/Resources << /Font << /F1 5 0 R >> >>", "/Resources 40 0 R"), 40: "<< /Font << /F1 5 0 R >> >>"},
        ).data,
        "passed",
    ),
    "annotation-list-moved-to-its-own-object": (
        lambda: revision(_signed(), {3: _signed().bodies[3].replace("/Annots [11 0 R 7 0 R]", "/Annots 40 0 R"), 40: "[7 0 R 11 0 R]"}).data,
        "passed",
    ),
    "signature-written-into-its-field": (lambda: _direct_value(), "passed"),
    "byte-range-in-its-own-object": (lambda: _indirect_range(), "passed"),
    "widget-apart-from-its-field": (lambda: _widget_apart(), "passed"),
    "signed-in-a-group-of-fields": (lambda: _in_group(), "passed"),
    "freed-objects": (lambda: revision(revision(_signed(), {20: "<< /X 1 >>"}), {}, freed=(20,)).data, "passed"),
    "unsigned": (lambda: a_pdf().data, "unsigned"),
    "unsigned-with-empty-field": (lambda: prepared_form().data, "unsigned"),
    "unsigned-with-drawn-signature": (drawn_signature, "unsigned"),
    "cut-off-unsigned": (lambda: a_pdf().data[:400], "unsigned"),
    "cut-off-before-anything": (lambda: a_pdf().data[:40], "unreadable"),
}  # fmt: skip


def main() -> None:
    """Write every asset into tests/assets/pdf."""
    FOLDER.mkdir(exist_ok=True)
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        (FOLDER / folder).mkdir(exist_ok=True)
        for name, (maker, _) in table.items():
            (FOLDER / folder / f"{name}.pdf").write_bytes(maker())


if __name__ == "__main__":
    sys.exit(main())
