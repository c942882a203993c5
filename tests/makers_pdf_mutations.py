"""Applies every class of attack to any signed PDF, whoever made it: reads the file, changes it, writes an update."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from signatures.formats.pdf_fields import SignatureField, fields_of, form_of, signature_fields
from signatures.formats.pdf_file import PdfFile
from signatures.formats.pdf_nodes import pages_of
from signatures.formats.pdf_objects import Dictionary, Name, Ref, Stream, Value
from signatures.formats.pdf_view import View
from tests.makers_pdf import Made, fill_in, look, signature_body, stream

_FORGED = "q BT /F1 40 Tf 72 500 Td (GIA MAO) Tj ET 1 0 0 rg 72 300 300 200 re f Q"
_OVER = "40 40 560 800"
_LOOK = look("1 0 0 rg 0 0 520 760 re f", 520, 760).replace(
    "/Resources << /Font << /F1 5 0 R >> >>", "/Resources << >>"
)
_SCRIPT = "<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


class DoesNotApply(Exception):
    """The file has nothing to which this attack could be done."""


def written(value: Value) -> str:
    """Return a PDF value as it is written in a file (Latin-1)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Ref):
        return f"{value.number} {value.generation} R"
    if isinstance(value, Name):
        return "/" + "".join(c if c.isalnum() or c in "-_.+" else f"#{ord(c):02x}" for c in value)
    if isinstance(value, bytes):
        return f"<{value.hex()}>"
    if isinstance(value, list):
        return "[" + " ".join(written(item) for item in value) + "]"
    if isinstance(value, Dictionary):
        return "<< " + " ".join(f"{written(Name(key))} {written(item)}" for key, item in value.items()) + " >>"
    if isinstance(value, Stream):
        return f"{written(value.head)}\nstream\n{value.raw.decode('latin-1')}\nendstream"
    return str(value)


@dataclass(frozen=True)
class Target:
    """A signed PDF with what an attacker knows of it."""

    data: bytes
    view: View

    @classmethod
    def of(cls, data: bytes) -> Target:
        """Read `data`; an encrypted file is none (its strings would have to be encrypted anew)."""
        view = View(PdfFile(data), len(data))
        if view.trailer.get("Encrypt") is not None:
            raise DoesNotApply
        return cls(data, view)

    @property
    def free(self) -> int:
        """A number that no object has."""
        size = self.view.trailer.get("Size")
        return (size if isinstance(size, int) else 1000) + 50

    @property
    def root(self) -> int:
        root = self.view.trailer.get("Root")
        assert isinstance(root, Ref)
        return root.number

    @property
    def page(self) -> int:
        """The first page."""
        pages = pages_of(self.view)
        if not pages:
            raise DoesNotApply
        return pages[0]

    @property
    def signature(self) -> SignatureField:
        """The signature that stands last in the file, time stamps left out: those decide nothing."""
        signatures = [
            one
            for one in signature_fields(self.view, fields_of(self.view))
            if one.holder is not None and self.view.entry(one.dictionary, "SubFilter") != "ETSI.RFC3161"
        ]
        return max(signatures, key=lambda one: one.holder.start if one.holder is not None else 0)

    def at(self, number: int) -> Dictionary:
        """A copy of a dictionary that may be changed."""
        value = self.view.get(number)
        if not isinstance(value, Dictionary):
            raise DoesNotApply
        copy = Dictionary()
        copy.update(value)
        return copy

    def with_keys(self, number: int, **keys: str) -> str:
        """Return the body of a dictionary object with `keys` set (a key set to "" is left out)."""
        value = self.at(number)
        kept = [f"{written(Name(key))} {written(item)}" for key, item in value.items() if key not in keys]
        return "<< " + " ".join([*kept, *(f"/{key} {text}" for key, text in keys.items() if text)]) + " >>"

    def listed(self, holder: Value, item: str) -> str:
        """Return the list `holder` (or none) with `item` added, as it is written."""
        resolved = self.view.resolve(holder)
        others = [written(one) for one in resolved] if isinstance(resolved, list) else []
        return "[" + " ".join([*others, item]) + "]"

    def in_form(self, item: str) -> dict[int, str]:
        """Return the objects that list one more field in the form."""
        catalog = self.at(self.root)
        form = form_of(self.view)
        if form is None:
            raise DoesNotApply
        fields = self.listed(form.get("Fields"), item)
        where = catalog.get("AcroForm")
        if isinstance(where, Ref):
            return {where.number: self.with_keys(where.number, Fields=fields)}
        inner = " ".join(f"{written(Name(key))} {written(value)}" for key, value in form.items() if key != "Fields")
        return {self.root: self.with_keys(self.root, AcroForm=f"<< {inner} /Fields {fields} >>")}

    def on_page(self, item: str) -> dict[int, str]:
        """Return the page with one more annotation."""
        return {self.page: self.with_keys(self.page, Annots=self.listed(self.at(self.page).get("Annots"), item))}


def update(
    target: Target, bodies: dict[int, str], *, root: int = 0, end: bytes = b"%%EOF\n", rows: str = "", table: int = 0
) -> bytes:
    """Return the file with an update of `bodies` (number to body, Latin-1); the rest spoils the update's table."""
    data = target.data if target.data.endswith((b"\n", b"\r")) else target.data + b"\n"
    output = bytearray(data)
    lines = rows
    for number, body in sorted(bodies.items()):
        lines += f"{number} 1\n{len(output):010} 00000 n \n"
        output += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    place = len(output)
    previous = int(re.findall(rb"startxref\s+(\d+)", target.data)[-1])
    size = max([target.free, *bodies]) + 60
    output += f"xref\n{lines}trailer\n<< /Size {size} /Root {root or target.root} 0 R /Prev {previous} >>\n".encode()
    output += f"startxref\n{table or place}\n".encode() + end
    return bytes(output)


def signed_again(data: bytes, *, over: str = "0 0 0 0", shows: str = "") -> bytes:
    """Return the file signed by one more person, in an update of its own."""
    target = Target.of(data)
    value, widget, picture = target.free, target.free + 1, target.free + 2
    field = (
        f"<< /Type /Annot /Subtype /Widget /FT /Sig /T (Nguoi sau) /Rect [{over}] /F 132 /P {target.page} 0 R"
        f" /V {value} 0 R" + (f" /AP << /N {picture} 0 R >>" if shows else "") + " >>"
    )
    bodies = {value: signature_body(), widget: field}
    if shows:
        bodies[picture] = shows
    bodies |= target.on_page(f"{widget} 0 R") | target.in_form(f"{widget} 0 R")
    return fill_in(Made(update(target, bodies)), by="Người khác").data


Attack = Callable[[Target, Random], bytes]
# Done to the bytes as they stand.
ON_BYTES: dict[str, Attack] = {}
# Done by an update; another person may sign the result.
BY_UPDATE: dict[str, Attack] = {}


def _range(target: Target) -> tuple[re.Match[bytes], list[int]]:
    holder = target.signature.holder
    assert holder is not None  # those without were left out
    found = re.compile(rb"/ByteRange\s*\[([\s\d]+)\]").search(target.data, holder.start, holder.stop)
    if found is None:
        raise DoesNotApply
    return found, [int(word) for word in found[1].split()]


def _with_range(change: Callable[[list[int]], list[int]]) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        match, numbers = _range(target)
        words = " ".join(str(number) for number in change(numbers)).encode()
        room = match.end(1) - match.start(1)
        if len(words) > room:
            raise DoesNotApply
        return target.data[: match.start(1)] + words.ljust(room) + target.data[match.end(1) :]

    return attack


def _with_gap(change: Callable[[bytes, Random], bytes]) -> Attack:
    def attack(target: Target, random: Random) -> bytes:
        _, (_, start, stop, _) = _range(target)
        gap = change(target.data[start:stop], random)
        assert len(gap) == stop - start
        return target.data[:start] + gap + target.data[stop:]

    return attack


def _replaced(text: bytes, at: int, new: bytes) -> bytes:
    at %= len(text) - len(new)
    return text[:at] + new + text[at + len(new) :]


ON_BYTES |= {
    "range-first-not-zero": _with_range(lambda n: [1, n[1] - 1, n[2], n[3]]),
    "range-three-numbers": _with_range(lambda n: n[:3]),
    "range-empty": _with_range(lambda n: []),
    "range-negative": _with_range(lambda n: [0, -1, n[2], n[3] % 100]),
    "range-gap-wider-before": _with_range(lambda n: [0, n[1] - 9, n[2], n[3]]),
    "range-gap-wider-behind": _with_range(lambda n: [0, n[1], n[2] + 5, n[3] - 5]),
    "range-gap-narrower": _with_range(lambda n: [0, n[1] + 2, n[2], n[3]]),
    "range-ends-early": _with_range(lambda n: [0, n[1], n[2], n[3] - 3]),
    "range-past-the-end": _with_range(lambda n: [0, n[1], n[2], n[3] + 7]),
    "range-parts-overlap": _with_range(lambda n: [0, n[2], n[1], n[3]]),
    "range-only-the-first-part": _with_range(lambda n: [0, n[1], n[2], 0]),
    "contents-zero": _with_gap(lambda gap, _: b"<" + b"0" * (len(gap) - 2) + b">"),
    "contents-thirty": _with_gap(lambda gap, _: b"<30" + b"0" * (len(gap) - 4) + b">"),
    "contents-literal": _with_gap(lambda gap, _: b"(" + gap[1:-1] + b")"),
    "contents-closed-early": _with_gap(lambda gap, _: gap[:-40] + b">/Reason(GIA)/X<00".ljust(39, b"0") + b">"),
    "contents-not-hex": _with_gap(
        lambda gap, random: gap[:1] + _replaced(gap[1:-1], random.randrange(len(gap)), b"zz") + gap[-1:]
    ),
    "contents-comment-inside": _with_gap(lambda gap, _: gap[:-40] + b"%abc\n" + gap[-35:]),
    "key-of-the-range-renamed": lambda target, _: (
        target.data[: _range(target)[0].start()] + b"/ByteRangX" + target.data[_range(target)[0].start() + 10 :]
    ),
    "text-after-the-end": lambda target, _: target.data + b"\nfoo",
    "comment-and-mark-after-the-end": lambda target, _: target.data + b"\n%x\n%%EOF",
    "file-twice": lambda target, _: target.data + target.data,
    "bytes-before-the-header": lambda target, _: b"GIF89a\n" + target.data,
    "header-before-the-header": lambda target, _: b"%PDF-1.4\n" + target.data,
    "objects-without-a-table": lambda target, _: (
        target.data + f"\n{target.page} 0 obj\n<< /Type /Page >>\nendobj\n%%EOF\n".encode()
    ),
    "last-bytes-cut-off": lambda target, random: target.data[: -random.randrange(9, 60)],
}  # fmt: skip


def _page(**keys: str) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        return update(target, {target.page: target.with_keys(target.page, **keys)})

    return attack


def _catalog(**keys: str) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        return update(target, {target.root: target.with_keys(target.root, **keys)})

    return attack


def _forged_content(target: Target, **more: str) -> dict[int, str]:
    number = target.free
    return {target.page: target.with_keys(target.page, Contents=f"{number} 0 R", **more), number: stream(_FORGED)}


def _content_number(target: Target) -> int:
    contents = target.at(target.page).get("Contents")
    parts = target.view.resolve(contents)
    first = parts[0] if isinstance(parts, list) and parts else contents
    if not isinstance(first, Ref):
        raise DoesNotApply
    return first.number


def _annotation(kind: str, *, rect: str = _OVER, extra: str = "", look_too: bool = True) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        number = target.free
        drawn = f"/AP << /N {number + 1} 0 R >>" if look_too else ""
        body = f"<< /Type /Annot /Subtype /{kind} /Rect [{rect}] /F 4 /Contents (GIA) {drawn} {extra} >>"
        bodies = target.on_page(f"{number} 0 R") | {number: body}
        return update(target, bodies | ({number + 1: _LOOK} if look_too else {}))

    return attack


def _field(kind: str, *, rect: str = _OVER, extra: str = "", value: str = "") -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        number = target.free
        body = f"<< /Type /Annot /Subtype /Widget /FT /{kind} /T (Gia) /Rect [{rect}] /F 4 /P {target.page} 0 R {value}"
        bodies = target.on_page(f"{number} 0 R") | target.in_form(f"{number} 0 R")
        return update(target, bodies | {number: f"{body} /AP << /N {number + 1} 0 R >> {extra} >>", number + 1: _LOOK})

    return attack


def _signature_value(**keys: str) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        value = target.signature.field.value
        if not isinstance(value, Ref):
            raise DoesNotApply
        return update(target, {value.number: target.with_keys(value.number, **keys)})

    return attack


def _signature_field(**keys: str) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        number = target.signature.field.number
        if not number:
            raise DoesNotApply
        return update(target, {number: target.with_keys(number, **keys)})

    return attack


def _form(**keys: str) -> Attack:
    def attack(target: Target, _: Random) -> bytes:
        where = target.at(target.root).get("AcroForm")
        if not isinstance(where, Ref):
            raise DoesNotApply
        return update(target, {where.number: target.with_keys(where.number, **keys)})

    return attack


def _font(target: Target, _: Random) -> bytes:
    resources = target.view.entry(target.view.get(target.page), "Resources")
    fonts = target.view.entry(resources, "Font")
    for one in fonts.values() if isinstance(fonts, Dictionary) else ():
        if isinstance(one, Ref):
            return update(target, {one.number: "<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>"})
    raise DoesNotApply


def _pages(target: Target, change: Callable[[list[Value], int], list[Value]], page: str = "null") -> bytes:
    pages = target.at(target.root).get("Pages")
    if not isinstance(pages, Ref):
        raise DoesNotApply
    kids = target.view.entry(pages, "Kids")
    changed = change(list(kids) if isinstance(kids, list) else [], target.free)
    body = target.with_keys(pages.number, Kids=written(changed), Count=str(len(changed)))
    return update(target, {pages.number: body, target.free: page})


def _object_stream(target: Target, _: Random) -> bytes:
    data = target.data + b"\n"
    page, number = target.page, target.free
    inside = f"{page} 0 " + target.with_keys(page, Contents=f"{number} 0 R")
    first = len(f"{page} 0 ")
    places = {}
    for one, body in ((number, stream(_FORGED)), (number + 1, stream(inside, f"/Type /ObjStm /N 1 /First {first}"))):
        places[one] = len(data)
        data += f"{one} 0 obj\n{body}\nendobj\n".encode("latin-1")
    places[number + 2] = len(data)
    rows = bytes([2]) + (number + 1).to_bytes(4, "big") + b"\0"
    rows += b"".join(bytes([1]) + place.to_bytes(4, "big") + b"\0" for place in places.values())
    previous = int(re.findall(rb"startxref\s+(\d+)", target.data)[-1])
    head = f"/Type /XRef /W [1 4 1] /Index [{page} 1 {number} 3] /Size {number + 3}"
    head += f" /Root {target.root} 0 R /Prev {previous}"
    data += f"{number + 2} 0 obj\n<< {head} /Length {len(rows)} >>\nstream\n".encode() + rows
    return data + f"\nendstream\nendobj\nstartxref\n{places[number + 2]}\n%%EOF\n".encode()


def _hidden_rows(target: Target, _: Random) -> bytes:
    data = target.data + b"\n"
    page, number = target.page, target.free
    places = []
    for one, body in ((page, target.with_keys(page, Contents=f"{number} 0 R")), (number, stream(_FORGED))):
        places.append(len(data))
        data += f"{one} 0 obj\n{body}\nendobj\n".encode("latin-1")
    rows = b"".join(bytes([1]) + place.to_bytes(4, "big") + b"\0" for place in places)
    hidden = len(data)
    head = f"<< /Type /XRef /W [1 4 1] /Index [{page} 1 {number} 1] /Size {number + 3} /Length {len(rows)} >>"
    data += f"{number + 1} 0 obj\n{head}\nstream\n".encode() + rows + b"\nendstream\nendobj\n"
    previous = int(re.findall(rb"startxref\s+(\d+)", target.data)[-1])
    trailer = f"<< /Size {number + 3} /Root {target.root} 0 R /Prev {previous} /XRefStm {hidden} >>"
    return data + f"xref\n0 0\ntrailer\n{trailer}\nstartxref\n{len(data)}\n%%EOF\n".encode()


def _new_root(target: Target, _: Random) -> bytes:
    number = target.free
    return update(
        target,
        {
            number: target.with_keys(target.root, Pages=f"{number + 1} 0 R"),
            number + 1: f"<< /Type /Pages /Kids [{number + 2} 0 R] /Count 1 >>",
            number
            + 2: f"<< /Type /Page /Parent {number + 1} 0 R /MediaBox [0 0 595 842] /Contents {number + 3} 0 R >>",
            number + 3: stream(_FORGED),
        },
        root=number,
    )


BY_UPDATE |= {
    "page-turned": _page(Rotate="180"),
    "page-smaller": _page(MediaBox="[0 400 595 842]"),
    "page-cropped": _page(CropBox="[0 400 300 842]"),
    "page-scaled": _page(UserUnit="3"),
    "page-acts": _page(AA=f"<< /O {_SCRIPT} >>"),
    "page-group": _page(Group="<< /S /Transparency >>"),
    "page-without-content": _page(Contents=""),
    "page-content-null": _page(Contents="null"),
    "page-without-resources": _page(Resources="<< >>"),
    "page-of-another-kind": _page(Type="/Template"),
    "page-shown-for-a-moment": _page(Dur="1", PresSteps="<< /Type /NavNode >>"),
    "content-replaced": lambda target, _: update(target, _forged_content(target)),
    "content-overridden": lambda target, _: update(target, {_content_number(target): stream(_FORGED)}),
    "content-freed": lambda target, _: update(
        target, {target.free: "null"}, rows=f"{_content_number(target)} 1\n0000000000 65535 f \n"
    ),
    "content-added": lambda target, _: update(
        target,
        {
            target.page: target.with_keys(target.page, Contents=f"[{_content_number(target)} 0 R {target.free} 0 R]"),
            target.free: stream(_FORGED),
        },
    ),
    "content-row-elsewhere": lambda target, _: update(
        target, {target.free: "null"}, rows=f"{_content_number(target)} 1\n{9:010} 00000 n \n"
    ),
    "content-of-another-generation": lambda target, _: update(
        target, {target.free: stream(_FORGED)}, rows=f"{_content_number(target)} 1\n{len(target.data):010} 00007 n \n"
    ),
    "keys-twice": lambda target, _: update(
        target,
        {
            target.page: target.with_keys(target.page)[:-2] + f"/Contents {target.free} 0 R >>",
            target.free: stream(_FORGED),
        },
    ),
    "font-overridden": _font,
    "page-in-an-object-stream": _object_stream,
    "page-in-hidden-rows": _hidden_rows,
    "pages-one-twice": lambda target, _: _pages(target, lambda kids, _: [*kids, *kids[:1]]),
    "pages-none": lambda target, _: _pages(target, lambda kids, _: []),
    "pages-one-more": lambda target, _: _pages(
        target, lambda kids, free: [Ref(free, 0), *kids], page="<< /Type /Page /MediaBox [0 0 595 842] >>"
    ),
    "catalogue-of-its-own": _new_root,
    "catalogue-script": _catalog(OpenAction=_SCRIPT),
    "catalogue-acts": _catalog(AA=f"<< /WC {_SCRIPT} >>"),
    "catalogue-names": _catalog(Names=f"<< /JavaScript << /Names [(a) {_SCRIPT}] >> >>"),
    "catalogue-layers": _catalog(OCProperties="<< /OCGs [] /D << /BaseState /OFF >> >>"),
    "catalogue-portfolio": _catalog(Collection="<< /View /D >>"),
    "catalogue-dynamic": _catalog(NeedsRendering="true"),
    "catalogue-addresses": _catalog(URI="<< /Base (http://gia) >>"),
    "catalogue-without-form": _catalog(AcroForm=""),
    "catalogue-permissions": _catalog(Perms="<< /UR3 << /Type /Sig >> >>"),
    "form-dynamic": _form(XFA="(<xdp/>)"),
    "form-without-fields": _form(Fields="[]"),
    **{f"annotation-{kind}": _annotation(kind) for kind in (
        "FreeText", "Stamp", "Square", "Highlight", "Ink", "Redact", "Watermark", "Link", "Screen", "Text", "Line",
        "Polygon", "FileAttachment", "Widget", "PrinterMark", "Foo",
    )},
    "annotation-without-look": _annotation("Square", look_too=False, extra="/IC [1 0 0]"),
    "annotation-on-paper-only": _annotation("Stamp", extra="/F 36"),
    "annotation-popup-open": _annotation("Popup", extra="/Open true"),
    "field-over-content": _field("Tx"),
    "button-over-content": _field("Btn"),
    "button-hidden-with-script": _field("Btn", rect="0 0 0 0", extra=f"/AA << /PO {_SCRIPT} >>"),
    "signature-empty-with-picture": _field("Sig"),
    "signature-false-over-content": _field("Sig", value="/V << /Type /Sig /Filter /Adobe.PPKLite >>"),
    "value-reason": _signature_value(Reason="(khong dong y)"),
    "value-name": _signature_value(Name="(Nguoi khac)"),
    "value-time": _signature_value(M="(D:20100101000000Z)"),
    "value-place": _signature_value(Location="(Noi khac)"),
    "value-subfilter": _signature_value(SubFilter="/adbe.pkcs7.sha1"),
    "value-range": _signature_value(ByteRange="[0 10 20 30]"),
    "value-contents": _signature_value(Contents="<>"),
    "value-without-contents": _signature_value(Contents=""),
    "value-permissions": _signature_value(Reference="[<< /TransformMethod /DocMDP /TransformParams << /P 3 >> >>]"),
    "field-name": _signature_field(T="(Khac)"),
    "field-value-number": _signature_field(V="7"),
    "field-of-another-kind": _signature_field(FT="/Tx"),
    "field-shown-over-content": _signature_field(Rect=f"[{_OVER}]", F="4", MK="<< /BG [1 0 0] >>"),
    "field-acts": _signature_field(AA=f"<< /E {_SCRIPT} >>"),
}  # fmt: skip

# Only as the last act: they spoil the update itself.
LAST = {
    "update-without-mark": lambda target, _: update(target, _forged_content(target), end=b""),
    "update-with-another-table": lambda target, _: update(target, _forged_content(target), table=7),
    "update-of-the-old-table": lambda target, _: update(
        target, _forged_content(target), table=int(re.findall(rb"startxref\s+(\d+)", target.data)[-1])
    ),
    "update-whose-table-is-commented": lambda target, _: b"%startxref".join(
        update(target, _forged_content(target)).rsplit(b"startxref", 1)
    ),
}  # fmt: skip
ON_BYTES |= LAST


def sneaky(target: Target, _: Random) -> bytes:
    """A further signature whose look covers what stands there."""
    return signed_again(target.data, over=_OVER, shows=_LOOK)


BY_UPDATE["signature-over-content"] = sneaky
