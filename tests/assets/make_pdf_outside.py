"""Makes PDFs with a good signature and a broken one that the form does not list, or that lost what it is known by."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.makers_pdf import Made, a_pdf, fill_in, listed, revision, sign, signature_body

FOLDER = Path(__file__).parent / "pdf" / "outside"

# The broken value: a signature over nothing, laid out as programs do. Each variant takes something from it.
_VALUE = (
    "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /M (D:20190911100000+07'00')"
    " /ByteRange [0 100 200 300] /Contents <3003020100> >>"
)
_WIDGET = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Ngoai) /Rect [0 0 0 0] /F 132 /P 3 0 R /V 30 0 R >>"
# A catalogue that says of an object that it is the signature by which usage rights are granted.
_USAGE_RIGHTS = "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R /Perms << /UR3 {} 0 R >> >>"


def outside(value: str = _VALUE, widget: str = _WIDGET, **more: str) -> bytes:
    """A page shows a broken signature that the form does not list; then a good one is put over all of it."""
    return sign(_base(value, widget, **more)).data


def _base(value: str = _VALUE, widget: str = _WIDGET, **more: str) -> Made:
    made = a_pdf()
    bodies = {3: listed(made.bodies[3], "Annots", "31 0 R"), 31: widget, **{int(key[1:]): body for key, body in more.items()}}
    if value:
        bodies[30] = value
    return revision(made, bodies)


def _without(*words: str) -> str:
    value = _VALUE
    for word in words:
        assert word in value
        value = value.replace(word, "")
    return value


def _escaped() -> bytes:
    value = _VALUE.replace("/ByteRange", "/Byte#52ange").replace("/SubFilter", "/Su#62Filter")
    value = value.replace("/Type /Sig", "/Type /S#69g").replace("/Adobe.PPKLite", "/Ado#62e.PPKLite")
    return outside(value, _WIDGET.replace("/FT /Sig", "/F#54 /#53ig"))


def _packed(value: str, widget: str, *, flate: bool = True) -> bytes:
    """Value and widget live in an object stream, where no whole signature can stand."""
    made = a_pdf()
    base = revision(made, {3: listed(made.bodies[3], "Annots", "31 0 R")})
    parts, offsets, inside = [(30, value), (31, widget)], [], ""
    for number, body in parts:
        offsets.append(f"{number} {len(inside)}")
        inside += body + " "
    first = " ".join(offsets) + " "
    raw = (first + inside).encode("latin-1")
    packed = zlib.compress(raw) if flate else raw
    output = bytearray(base.data)
    place = len(output)
    filtered = "/Filter /FlateDecode " if flate else ""
    output += f"32 0 obj\n<< /Type /ObjStm /N 2 /First {len(first)} {filtered}/Length {len(packed)} >>\nstream\n".encode()
    output += packed + b"\nendstream\nendobj\n"
    table = len(output)
    rows = b"".join(
        (
            bytes([2]) + (32).to_bytes(3, "big") + b"\0",
            bytes([2]) + (32).to_bytes(3, "big") + b"\1",
            bytes([1]) + place.to_bytes(3, "big") + b"\0",
            bytes([1]) + table.to_bytes(3, "big") + b"\0",
        )
    )
    head = f"/Type /XRef /W [1 3 1] /Index [30 4] /Size 34 /Root 1 0 R /Info 9 0 R /Prev {base.last_table}"
    output += f"33 0 obj\n<< {head} /Length {len(rows)} >>\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
    output += f"startxref\n{table}\n%%EOF\n".encode()
    bodies = {**base.bodies, 30: value, 31: widget, 32: "", 33: ""}
    return sign(replace(base, data=bytes(output), bodies=bodies, last_table=table)).data


def _listed_without(*words: str, value: str = "") -> bytes:
    """The broken signature stands in the form, beside a good one."""
    made = a_pdf()
    bodies = {
        3: listed(made.bodies[3], "Annots", "31 0 R"),
        6: listed(made.bodies[6], "Fields", "31 0 R"),
        30: value or _without(*words),
        31: _WIDGET,
    }
    return sign(revision(made, bodies)).data


def _taken_out_then_signed() -> bytes:
    """The first signer's field is emptied again, then another person signs what is left."""
    made = sign(a_pdf(), name="Ky1")
    emptied = made.bodies[11].replace("/V 10 0 R", "")
    return sign(revision(made, {11: emptied}), name="Ky2", by="Người khác").data


def _taken_out_as_usage_rights() -> bytes:
    """The same, and the catalogue says of the value that it grants usage rights."""
    made = sign(a_pdf(), name="Ky1")
    emptied = made.bodies[11].replace("/V 10 0 R", "")
    return sign(revision(made, {11: emptied, 1: _USAGE_RIGHTS.format(10)}), name="Ky2", by="Người khác").data


def _freed_then_signed() -> bytes:
    """The first signature is taken out of form and page, its objects freed; then another person signs."""
    made = sign(a_pdf(), name="Ky1")
    bare = revision(made, {3: a_pdf().bodies[3], 6: a_pdf().bodies[6]}, freed=(10, 11))
    return sign(bare, name="Ky2", by="Người khác").data


def _good_outside() -> bytes:
    """A whole signature that the form never listed, beside one that it does."""
    first = fill_in(_base(signature_body()))
    return sign(first, name="Ky1", by="Người khác").data


# A broken signature beside a good one: none of these passes, and the broken one is named.
BROKEN: dict[str, Callable[[], bytes]] = {
    "whole-but-over-nothing": outside,
    "range-renamed": lambda: outside(_VALUE.replace("/ByteRange", "/ByteRanje")),
    "range-taken-away": lambda: outside(_without("/ByteRange [0 100 200 300]")),
    "only-its-kind": lambda: outside("<< /Type /Sig /Contents <3003020100> >>"),
    "only-the-kind-of-a-time-stamp": lambda: outside("<< /Type /DocTimeStamp /Contents <3003020100> >>"),
    "only-its-kind-and-no-value": lambda: outside("<< /Type /Sig >>"),
    "only-its-subfilter": lambda: outside("<< /SubFilter /ETSI.CAdES.detached /Contents <3003020100> >>"),
    "only-its-handler": lambda: outside("<< /Filter /Adobe.PPKLite /Contents <3003020100> >>"),
    "only-its-field": lambda: outside("<< /Contents <3003020100> >>"),
    "value-missing": lambda: outside(""),
    "value-is-a-number": lambda: outside("7"),
    "value-written-into-the-field": lambda: outside("", _WIDGET.replace("/V 30 0 R", f"/V {_without('/ByteRange [0 100 200 300]')}")),
    "names-escaped": _escaped,
    "in-an-object-stream": lambda: _packed(_VALUE, _WIDGET),
    "in-an-object-stream-without-range": lambda: _packed(_without("/ByteRange [0 100 200 300]", "/Type /Sig"), _WIDGET),
    "in-an-object-stream-written-into-the-field": lambda: _packed("null", _WIDGET.replace("/V 30 0 R", f"/V {_VALUE}")),
    "value-of-the-field-above": lambda: outside(
        _without("/ByteRange [0 100 200 300]", "/Type /Sig"),
        "<< /Type /Annot /Subtype /Widget /Parent 32 0 R /Rect [0 0 0 0] /F 132 /P 3 0 R >>",
        o32="<< /FT /Sig /T (Ngoai) /V 30 0 R /Kids [31 0 R] >>",
    ),
    "in-the-form-range-renamed": lambda: _listed_without(value=_VALUE.replace("/ByteRange", "/ByteRanje")),
    "in-the-form-only-its-kind": lambda: _listed_without(value="<< /Type /Sig >>"),
    "in-the-form-empty-dictionary": lambda: _listed_without(value="<< >>"),
    "in-the-form-text-as-value": lambda: _listed_without(value="(da ky)"),
    "named-as-usage-rights": lambda: outside(o1=_USAGE_RIGHTS.format(30)),
}  # fmt: skip

# Nothing of these is a broken signature: the file passes, with the remark named here (none where empty).
WHOLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "good-signature-the-form-does-not-list": (_good_outside, "SIGNATURE_NOT_IN_FORM"),
    "signature-taken-out-before": (_taken_out_then_signed, "SIGNATURE_REMOVED"),
    "signature-freed-before": (_freed_then_signed, "SIGNATURE_REMOVED"),
    "signature-taken-out-as-usage-rights": (_taken_out_as_usage_rights, "SIGNATURE_REMOVED"),
    "seed-values-and-lock": (
        lambda: outside(
            "",
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Trong) /Rect [0 0 0 0] /F 132 /P 3 0 R /SV 33 0 R /Lock 34 0 R >>",
            o33="<< /Type /SV /Ff 2 /Filter /Adobe.PPKLite /SubFilter [/adbe.pkcs7.detached /ETSI.CAdES.detached]"
            " /DigestMethod [(SHA256)] /Cert << /Type /SVCert /Ff 1 >> >>",
            o34="<< /Type /SigFieldLock /Action /Include /Fields [(Khac)] >>",
        ),
        "",
    ),
    "seed-values-without-type": (
        lambda: outside(
            "",
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Trong) /Rect [0 0 0 0] /F 132 /P 3 0 R /SV 33 0 R /V null >>",
            o33="<< /Ff 2 /Filter /Adobe.PPKLite /SubFilter [/adbe.pkcs7.detached] /Contents (x) >>",
        ),
        "",
    ),
    "reference-in-its-own-object": (
        lambda: sign(
            a_pdf(o30="<< /Type /SigRef /TransformMethod /FieldMDP /TransformParams << /Type /TransformParams"
            " /Action /Include /Fields [(Khac)] /V /1.2 >> >>"),
            extra="/Reference [30 0 R]",
        ).data,
        "",
    ),
    "usage-rights-beside": (
        lambda: sign(
            revision(a_pdf(), {1: _USAGE_RIGHTS.format(30), 30: _VALUE})
        ).data,
        "USAGE_RIGHTS",
    ),
    "words-in-a-text": (
        lambda: sign(a_pdf(o30="<< /Type /Annot /Subtype /Text /Rect [0 0 0 0] /F 2 /Contents (/Type /Sig /ByteRange [0 1 2 3]) >>")).data,
        "",
    ),
}  # fmt: skip


def main() -> None:
    """Write every asset into tests/assets/pdf/outside."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, broken in BROKEN.items():
        (FOLDER / f"broken-{name}.pdf").write_bytes(broken())
    for name, (whole, _) in WHOLE.items():
        (FOLDER / f"whole-{name}.pdf").write_bytes(whole())


if __name__ == "__main__":
    sys.exit(main())
