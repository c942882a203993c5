"""Draws one page of a PDF; runs in a worker process with limits, since the file may be hostile."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import pypdfium2
from PIL import Image

# Enough to read on a screen; a page may claim any size in points, so the picture's size is what is bounded.
MAX_WIDTH = 1100
MAX_HEIGHT = 1600
# Forms are black on white with a red seal: a small palette keeps them readable at a third of the size.
COLOURS = 48


@dataclass(frozen=True, slots=True)
class DrawTask:
    """Which page to draw, from 1, of which bytes."""

    data: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The page as PNG and how many pages there are; `png` is empty where `trouble` says why there is none."""

    png: bytes
    pages: int
    trouble: Literal["", "locked", "broken", "no_page"] = ""


def draw(task: DrawTask) -> Drawing:
    """Draw one page; what is wrong with the file is an answer, never an exception."""
    try:
        document = pypdfium2.PdfDocument(task.data)
    except pypdfium2.PdfiumError as cause:
        return Drawing(b"", 0, "locked" if "password" in str(cause).lower() else "broken")
    pages = len(document)
    if not 1 <= task.number <= pages:
        return Drawing(b"", pages, "no_page")
    try:
        return Drawing(_png(document, task.number - 1), pages)
    except (pypdfium2.PdfiumError, ValueError):
        return Drawing(b"", pages, "broken")
    finally:
        document.close()


def _png(document: pypdfium2.PdfDocument, index: int) -> bytes:
    page = document[index]
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise ValueError(f"a page of {width} by {height} points")
    scale = min(MAX_WIDTH / width, MAX_HEIGHT / height, 4.0)
    # A ribbon of a page must not become a picture without height.
    picture: Image.Image = page.render(scale=max(scale, 1 / min(width, height))).to_pil()
    out = io.BytesIO()
    picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(out, "PNG")
    return out.getvalue()
