"""Draws what a signer saw beside what the file shows now, for a clerk who must compare a visible change."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pypdfium2
from PIL import Image, ImageChops, ImageDraw

from config.isolation import MiB, TaskFailed, Worker
from signatures.question import Document, Question
from signatures.report import ChangedAfter, FileReport, SignatureFinding
from signatures.verify import inspect

# Enough to read side by side on a screen and on paper; a page may claim any size in points, so the picture's size
# is what is bounded.
MAX_WIDTH = 1100
MAX_HEIGHT = 1600
# Forms are black on white with a red seal: a small palette keeps them readable at a third of the size.
COLOURS = 46
# One page drawn twice; a page that takes longer is not a form's page.
SECONDS_PER_PAIR = 24.0
MEMORY_BYTES = 1024 * MiB
# A file with hundreds of changed pages is a clerk's afternoon either way; the first ones show what was done.
MOST_PAGES = 20
# More frames on a page than this would hide what they mark.
MOST_FRAMES = 50

# The frame is dark on white, so that it stands out on any ground, on a screen and on a black and white print.
FRAME = (176, 0, 84)
_HALO = (255, 255, 255)
_FRAME_DOTS = 4
_ROOM_DOTS = 5
_HALO_DOTS = 1
# Differences that lie this close together are one place to look at.
_CELL_DOTS = 24
# Differences fainter than this are rounding of the drawing library, not ink.
_INK = 24
_MM_PER_POINT = 25.4 / 72

Box = tuple[float, float, float, float]
Trouble = Literal["", "locked", "broken", "no_page"]


@dataclass(frozen=True, slots=True)
class Changed:
    """
    What a later revision changed after one signature.

    `index` is its place in the report; `revision_end` where its revision ends in bytes. `pages` holds each changed page
    (from 1) with the rectangles the report names, in points (empty: the report names none). `sure` is False where the
    report only cannot rule a change out; then `pages` are the first of the file.
    """

    index: int
    name: str
    signer: str
    after: ChangedAfter
    sealed_later: bool
    revision_end: int
    pages: tuple[tuple[int, tuple[Box, ...]], ...]
    sure: bool = True


@dataclass(frozen=True, slots=True)
class FindTask:
    """A file in which to look for what changed after signing; `at` is aware."""

    name: str
    data: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """What was found; where nothing was, `why` are the reason codes of the report (empty: nothing changed)."""

    changes: tuple[Changed, ...]
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairTask:
    """One page (from 1) to draw twice: as the revision that ends at `revision_end` shows it, and as it shows now."""

    data: bytes
    revision_end: int
    page: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame stands on the page as it is seen, in millimetres from the left and upper edges."""

    left: int
    top: int
    width: int
    height: int


Marked = Literal["report", "difference", "both", "nothing"]


@dataclass(frozen=True, slots=True)
class Pair:
    """
    Both pictures as PNG, framed alike; an empty one was not drawn, for the trouble beside it.

    `marked` says what the frames are: the rectangles of the report, where the two pictures differ, both, or nothing.
    `same` says that no ink differs; None where only one picture could be drawn.
    """

    signed: bytes
    now: bytes
    signed_trouble: Trouble = ""
    now_trouble: Trouble = ""
    marked: Marked = "nothing"
    places: tuple[Place, ...] = ()
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page drawn: the picture, how many pages there are, where the asked boxes lie in it, and dots per point."""

    picture: Image.Image
    pages: int
    spots: tuple[tuple[int, int, int, int], ...]
    scale: float


class CannotDraw(ValueError):
    """There is no picture: `trouble` says why, `pages` how many pages the file has (0: it cannot be opened)."""

    def __init__(self, trouble: Trouble, pages: int = 0) -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.pages = pages


def draw_sheet(data: bytes, page: int, boxes: Sequence[Box] = ()) -> Sheet:
    """Draw page `page` (from 1) with annotations and form fields, within the bounds above; raises CannotDraw."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as cause:
        raise CannotDraw("locked" if "password" in str(cause).lower() else "broken") from cause
    pages = 0
    try:
        pages = len(document)
        # The library wants this before anything else is asked of the document.
        document.init_forms()
        if not 1 <= page <= pages:
            raise CannotDraw("no_page", pages)
        sheet = document[page - 1]
        width, height = sheet.get_size()
        if not (width > 0 and height > 0):
            raise CannotDraw("broken", pages)
        # A ribbon of a page must not become a picture without height.
        scale = max(min(MAX_WIDTH / width, MAX_HEIGHT / height, 4.0), 1 / min(width, height))
        bitmap = sheet.render(scale=scale, may_draw_forms=True)
        turned = bitmap.get_posconv(sheet)
        spots = tuple(_spot(turned, box) for box in boxes[:MOST_FRAMES])
        return Sheet(bitmap.to_pil().convert("RGB"), pages, spots, scale)
    except (pypdfium2.PdfiumError, ValueError) as cause:
        if isinstance(cause, CannotDraw):
            raise
        raise CannotDraw("broken", pages) from cause
    finally:
        document.close()


def png_of(picture: Image.Image, frames: Sequence[tuple[int, int, int, int]] = ()) -> bytes:
    """Return the picture as PNG in few colours, with `frames` drawn round what they mark."""
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    if frames:
        # The frame has colours of its own in the palette, so that no picture can wash it out.
        used = (few.getpalette() or [])[: COLOURS * 3]
        few.putpalette([*used, *[0] * (COLOURS * 3 - len(used)), *_HALO, *FRAME])
        pen = ImageDraw.Draw(few)
        for frame in frames:
            outer = _ROOM_DOTS + _FRAME_DOTS
            pen.rectangle(_grown(frame, outer + _HALO_DOTS), outline=COLOURS, width=_FRAME_DOTS + 2 * _HALO_DOTS)
            pen.rectangle(_grown(frame, outer), outline=COLOURS + 1, width=_FRAME_DOTS)
    out = io.BytesIO()
    few.save(out, "PNG")
    return out.getvalue()


def draw_pair(task: PairTask) -> Pair:
    """Draw one page as signed and as it is; what cannot be drawn is an answer, never an exception. For a worker."""
    now, now_trouble = _tried(task.data, task)
    signed, signed_trouble = _tried(task.data[: task.revision_end], task)
    # Where the signed page has another shape the rectangles, which are of the page as it is, mean nothing on it.
    alike = signed is not None and now is not None and signed.picture.size == now.picture.size
    frames: list[tuple[int, int, int, int]] = []
    marked: Marked = "nothing"
    same: bool | None = None
    shown = now or signed
    if shown is not None:
        size = shown.picture.size
        frames = [spot for spot in shown.spots if spot[0] < size[0] and spot[1] < size[1] and spot[2] > 0 < spot[3]]
        marked = "report" if frames else "nothing"
    if alike and signed is not None and now is not None:
        differing = _differing(signed.picture, now.picture)
        same = not differing
        # A report names the place it stumbled over first; whoever looks is shown every other place as well.
        others = [spot for spot in differing if not any(_lies_in(spot, frame) for frame in frames)]
        if others:
            marked = "both" if frames else "difference"
            frames = [*frames, *others]
    places = tuple(_place(frame, shown) for frame in frames) if shown is not None else ()
    return Pair(
        b"" if signed is None else png_of(signed.picture, frames if alike or now is None else ()),
        b"" if now is None else png_of(now.picture, frames),
        signed_trouble,
        now_trouble,
        marked,
        places,
        same,
    )


def find_changes(task: FindTask) -> Search:
    """
    Look for what changed in a PDF after each of its signatures; for a worker, and needs no trust: only bytes are asked.

    A signature whose own bytes do not hold has no signed revision to show, and is left out.
    """
    report = inspect(Document(task.name, task.data), Question(task.at, integrity_only=True))
    found = changes_of(report)
    if not found:
        codes = [one.code for one in report.reasons]
        codes += [why.code for one in report.signatures if one.revision_end is None for why in one.reasons]
        return Search((), tuple(dict.fromkeys(codes)))
    if all(one.pages for one in found):
        return Search(found)
    every = tuple((page + 1, ()) for page in range(min(_pages_in(task.data), MOST_PAGES)))
    return Search(tuple(one if one.pages else replace(one, pages=every, sure=False) for one in found))


def changes_of(report: FileReport) -> tuple[Changed, ...]:
    """Return the signatures of a report after which something shows otherwise, or may."""
    return tuple(
        Changed(
            index=index,
            name=one.name,
            signer=one.signer.common_name if one.signer else "",
            after=one.changed_after,
            sealed_later=any(why.code == "VISIBLE_CHANGE_SEALED_LATER" for why in one.reasons),
            revision_end=one.revision_end,
            pages=_pages(one),
        )
        for index, one in enumerate(report.signatures)
        if one.revision_end is not None
        and (one.pages or one.changed_after in (ChangedAfter.VISIBLE, ChangedAfter.UNKNOWN))
    )


def draw_changes(path: Path, report: FileReport, folder: Path) -> list[Path]:
    """
    Write, for each page that was visibly changed after a signature, how it was signed and how it shows now.

    The pictures are `<file>-<signature>-page-<n>-signed.png` and `…-now.png` in `folder`, the changed place framed in
    both; returns what was written. A page that cannot be drawn within the limits is left out.
    """
    written: list[Path] = []
    data = path.read_bytes()
    with Worker(draw_pair, memory_bytes=MEMORY_BYTES, name="draughtsman") as worker:
        for one in changes_of(report):
            for page, boxes in one.pages:
                try:
                    pair = worker.call(
                        PairTask(data, one.revision_end, page, boxes), timeout_seconds=SECONDS_PER_PAIR
                    )  # fmt: skip
                except TaskFailed:
                    continue
                for when, picture in (("signed", pair.signed), ("now", pair.now)):
                    if picture:
                        target = folder / f"{_plain(path.stem)}-{_plain(one.name)}-page-{page}-{when}.png"
                        target.write_bytes(picture)
                        written.append(target)
    return written


def _pages(one: SignatureFinding) -> tuple[tuple[int, tuple[Box, ...]], ...]:
    boxes: dict[int, list[Box]] = {}
    for page, box in one.pages:
        boxes.setdefault(page, []).extend([] if box is None else [box])
    return tuple((page, tuple(found)) for page, found in list(boxes.items())[:MOST_PAGES])


def _pages_in(data: bytes) -> int:
    try:
        with pypdfium2.PdfDocument(data) as document:
            return len(document)
    except pypdfium2.PdfiumError:
        return 1


def _tried(data: bytes, task: PairTask) -> tuple[Sheet | None, Trouble]:
    try:
        return draw_sheet(data, task.page, task.boxes), ""
    except CannotDraw as why:
        return None, why.trouble


def _spot(turned: Any, box: Box) -> tuple[int, int, int, int]:
    """Return where a rectangle of the page (PDF 32000-1, 8.3.2.3) lies in the picture, turned as the page is."""
    ends = [turned.to_bitmap(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    across, down = [x for x, _ in ends], [y for _, y in ends]
    return min(across), min(down), max(across), max(down)


def _differing(one: Image.Image, other: Image.Image) -> list[tuple[int, int, int, int]]:
    """
    Return rectangles round the places where two pictures of one size differ, upper ones first.

    Places nearer than a cell are one; where there are more than can be framed, one rectangle holds them all.
    """
    difference = ImageChops.difference(one, other).convert("L")
    ink = difference.point([0 if level < _INK else 255 for level in range(256)])
    whole = ink.getbbox()
    if whole is None:
        return []
    across, down = -(-ink.width // _CELL_DOTS), -(-ink.height // _CELL_DOTS)
    boxes = {
        (x, y): (x * _CELL_DOTS, y * _CELL_DOTS, (x + 1) * _CELL_DOTS, (y + 1) * _CELL_DOTS)
        for y in range(down)
        for x in range(across)
    }
    waiting = {cell for cell, box in boxes.items() if ink.crop(box).getbbox() is not None}
    found: list[tuple[int, int, int, int]] = []
    while waiting:
        # 1. Cells that touch, corners included, are one place. 2. Its frame is as tight as its ink.
        place, edge = set[tuple[int, int]](), [waiting.pop()]
        while edge:
            x, y = edge.pop()
            place.add((x, y))
            near = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & waiting
            waiting -= near
            edge.extend(near)
        cells = [boxes[cell] for cell in place]
        box = min(c[0] for c in cells), min(c[1] for c in cells), max(c[2] for c in cells), max(c[3] for c in cells)
        tight = ink.crop(box).getbbox()
        assert tight is not None
        found.append((box[0] + tight[0], box[1] + tight[1], box[0] + tight[2], box[1] + tight[3]))
    return sorted(found, key=lambda frame: (frame[1], frame[0])) if len(found) <= MOST_FRAMES else [whole]


def _grown(frame: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = frame
    return left - by, top - by, right + by, bottom + by


def _lies_in(spot: tuple[int, int, int, int], frame: tuple[int, int, int, int]) -> bool:
    return frame[0] <= spot[0] and frame[1] <= spot[1] and spot[2] <= frame[2] and spot[3] <= frame[3]


def _place(frame: tuple[int, int, int, int], sheet: Sheet) -> Place:
    def mm(dots: int) -> int:
        return round(max(dots, 0) / sheet.scale * _MM_PER_POINT)

    left, top, right, bottom = frame
    return Place(mm(left), mm(top), mm(right) - mm(left), mm(bottom) - mm(top))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:60] or "file"
