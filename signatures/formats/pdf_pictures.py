"""Draws pages of a PDF, as it stands and as it was signed, so that a person (or a comparison) can look at both."""

from __future__ import annotations

from io import BytesIO

import pypdfium2 as pdfium
from PIL import Image

# A page of A0 at 150 dots an inch has 35 million dots; more is drawn smaller, so that no page size can fill the memory.
MAX_DOTS = 12_000_000
# PDF units are 1/72 inch; beyond this a page is drawn smaller (ISO 32000-1, annex C: 14,400 units a side).
_MAX_SIDE = 14_400


class CannotDraw(ValueError):
    """The page cannot be drawn: it does not exist, or the drawing library gives the file up."""


def render_page(data: bytes, revision_end: int | None, page: int, scale: float) -> bytes:
    """
    Return page `page` (from 1) as PNG, at `scale` times 72 dots an inch, annotations and form fields drawn.

    `revision_end` is where the wanted revision ends in bytes (the end of a signature's byte range); None draws the
    file as it stands. Huge pages are drawn smaller than asked. Raises CannotDraw.
    """
    picture, _ = draw(data if revision_end is None else data[:revision_end], page - 1, scale)
    output = BytesIO()
    picture.save(output, "PNG")
    return output.getvalue()


Frame = tuple[float, float, float]


def draw(data: bytes, index: int, scale: float, *, annotations: bool = True) -> tuple[Image.Image, Frame | None]:
    """
    Return page `index` (from 0) as an RGB picture with its frame; raises CannotDraw.

    The frame is left and top of what is drawn, in points, and the dots per point; None for a turned page.
    """
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as cause:
        raise CannotDraw("the file cannot be opened for drawing") from cause
    try:
        if annotations:
            # The library wants this before anything else is asked of the document.
            document.init_forms()
        if not 0 <= index < len(document):
            raise CannotDraw(f"there is no page {index + 1}")
        page = document[index]
        width, height = page.get_size()
        if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
            raise CannotDraw(f"page {index + 1} has an absurd size")
        fitting = min(scale, (MAX_DOTS / (width * height)) ** 0.5)
        bitmap = page.render(scale=fitting, draw_annots=annotations, may_draw_forms=annotations)
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        left, _, _, top = page.get_cropbox()
        return picture, (left, top, fitting) if page.get_rotation() == 0 else None
    except pdfium.PdfiumError as cause:
        raise CannotDraw(f"page {index + 1} cannot be drawn") from cause
    finally:
        document.close()
