"""Makes PDF pages out of single letters and strokes, each where a test wants it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

# Letters are ten points high and, by the font below, half as wide.
SIZE = 10.0
WIDTH = 5.0


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter (or what one sign of the font stands for) and its foot's left end in points."""

    text: str
    x: float
    y: float


def letters_of(text: str, x: float, y: float) -> list[Letter]:
    """The letters of a line, one beside the other; blanks are left as gaps."""
    return [Letter(one, x + number * WIDTH, y) for number, one in enumerate(text) if one != " "]


def a_stroke(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line half a point wide."""
    return f"0.5 w {x1} {y1} m {x2} {y2} l S"


def a_thin_box(x1: float, y1: float, x2: float, y2: float) -> str:
    """The same as a filled box, as Word draws its tables."""
    return f"{x1} {y1} {max(x2 - x1, 0.5)} {max(y2 - y1, 0.5)} re f"


def a_grid(columns: Sequence[float], rows: Sequence[float]) -> list[str]:
    """Strokes between all of these places, each across the whole table."""
    level = [a_stroke(columns[0], y, columns[-1], y) for y in rows]
    return level + [a_stroke(x, rows[0], x, rows[-1]) for x in columns]


def a_grid_of_boxes(columns: Sequence[float], rows: Sequence[float]) -> list[str]:
    """The same table with four filled boxes around each cell."""
    drawn = []
    for left, right in pairwise(columns):
        for foot, head in pairwise(rows):
            for x in (left, right):
                drawn.append(a_thin_box(x, foot, x, head))
            for y in (foot, head):
                drawn.append(a_thin_box(left, y, right, y))
    return drawn


def a_page(drawn: Iterable[str], letters: Iterable[Letter], *, within: str | None = None) -> bytes:
    """
    A PDF of one page of A4 with these strokes and letters, in the order of the file.

    Each letter is drawn by itself and looks like a box. `within` is a matrix ("1 0 0 1 0 0"): then everything stands
    in a form that is drawn through it. The font's signs, at most 255, are numbered as they come and say by a table
    which letters they are; a sign for a combining mark has no width.
    """
    signs: dict[str, int] = {}
    shown = []
    for one in letters:
        sign = signs.setdefault(one.text, len(signs) + 1)
        shown.append(f"1 0 0 1 {one.x:.3f} {one.y:.3f} Tm <{sign:02x}> Tj")
    content = "\n".join(["0 g", *drawn, "BT", f"/F0 {SIZE:g} Tf", *shown, "ET"]).encode()
    resources = b"<< /Font << /F0 5 0 R >> >>"
    box = b"/MediaBox [0 0 595 842]"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R " + box + b" /Resources "
        + (resources if within is None else b"<< /XObject << /X0 9 0 R >> >>") + b" /Contents 4 0 R >>",
        _stream(b"", content if within is None else f"q {within} cm /X0 Do Q".encode()),
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 -200 500 800] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 1"
        b" /LastChar %d /Widths [" % len(signs) + b" ".join(b"%d" % _width(text) for text in signs)
        + b"] /CharProcs << "
        + b" ".join(b"/g%d %d 0 R" % (sign, 6 if _width(text) else 7) for text, sign in signs.items())
        + b" >> /Encoding << /Differences [1 " + b" ".join(b"/g%d" % sign for sign in signs.values())
        + b"] >> /ToUnicode 8 0 R >>",
        _stream(b"", b"500 0 0 -200 500 800 d1 50 0 400 600 re f"),
        _stream(b"", b"0 0 -300 -200 0 800 d1 -300 650 250 50 re f"),
        _stream(b"", _table(signs)),
    ]  # fmt: skip
    if within is not None:
        objects.append(_stream(b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources " + resources, content))
    return _file(objects)


def _width(text: str) -> int:
    return 0 if "\u0300" <= text[0] <= "\u036f" else 500


def _table(signs: dict[str, int]) -> bytes:
    """Return the font's table from signs to letters (ToUnicode)."""
    lines = [f"<{sign:02x}> <{text.encode('utf-16-be', 'surrogatepass').hex()}>" for text, sign in signs.items()]
    parts = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    body = "\n".join(f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in parts)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{body}\nendcmap end end"
    ).encode()


def _stream(entries: bytes, octets: bytes) -> bytes:
    return b"<< " + entries + b" /Length %d >>\nstream\n" % len(octets) + octets + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + one + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer << /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
