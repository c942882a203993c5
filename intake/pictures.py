"""Draws what a signer saw beside what the file shows now, for a clerk who must compare a visible change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from config.isolation import MiB, TaskFailed, Worker
from signatures.formats.pdf_pictures import CannotDraw, render_page
from signatures.report import FileReport

# A page at this scale is read comfortably side by side on one screen.
SCALE = 1.5
SECONDS_PER_PAGE = 30.0
MEMORY_BYTES = 1024 * MiB
# A file with hundreds of changed pages is a clerk's afternoon either way; the first ones show what was done.
MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Drawing:
    """One page to draw: the file's bytes, the end of the revision (None: as it stands), the page from 1."""

    data: bytes
    revision_end: int | None
    page: int


def draw_one(drawing: Drawing) -> bytes | None:
    """Return the page as PNG, None where it cannot be drawn; for a worker, since pdfium has no limits of its own."""
    try:
        return render_page(drawing.data, drawing.revision_end, drawing.page, SCALE)
    except CannotDraw:
        return None


def draw_changes(path: Path, report: FileReport, folder: Path) -> list[Path]:
    """
    Write, for each page that was visibly changed after a signature, how it was signed and how it shows now.

    The pictures are `<file>-<signature>-page-<n>-signed.png` and `…-now.png` in `folder`; returns what was written. A
    page that cannot be drawn within the limits is left out.
    """
    written: list[Path] = []
    data = path.read_bytes()
    with Worker(draw_one, memory_bytes=MEMORY_BYTES, name="draughtsman") as worker:
        for one in report.signatures:
            pages = list(dict.fromkeys(page for page, _ in one.pages))[:MOST_PAGES]
            for page in pages if one.revision_end is not None else ():
                for when, end in (("signed", one.revision_end), ("now", None)):
                    try:
                        picture = worker.call(Drawing(data, end, page), timeout_seconds=SECONDS_PER_PAGE)
                    except TaskFailed:
                        picture = None
                    if picture is not None:
                        target = folder / f"{_plain(path.stem)}-{_plain(one.name)}-page-{page}-{when}.png"
                        target.write_bytes(picture)
                        written.append(target)
    return written


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:60] or "file"
