"""Draws one page of a PDF from standard input to standard output; runs alone, in a process with limits."""

from __future__ import annotations

import io
import resource
import sys

import pypdfium2
from PIL import Image

# Enough to read on a screen; a page may claim any size in points, so the picture's size is what is bounded.
MAX_WIDTH = 1100
MAX_HEIGHT = 1600
# PDFium needs some 100 MiB for an ordinary scan; a bomb meets this wall instead of the machine's.
MAX_MEMORY_BYTES = 1024**3
MAX_CPU_SECONDS = 12

EXIT_BROKEN, EXIT_LOCKED, EXIT_NO_PAGE = 2, 3, 4


def main() -> int:
    """Read the PDF, print its number of pages, a line feed, and the page as PNG; the exit status says what failed."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = int(sys.argv[1])
    data = sys.stdin.buffer.read()
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as cause:
        return EXIT_LOCKED if "password" in str(cause).lower() else EXIT_BROKEN
    pages = len(document)
    if not 1 <= number <= pages:
        return EXIT_NO_PAGE
    try:
        picture = _picture(document, number - 1)
    except (pypdfium2.PdfiumError, ValueError, MemoryError):
        return EXIT_BROKEN
    out = io.BytesIO()
    # Forms are black on white with a red seal: a palette keeps them readable at a third of the size.
    picture.convert("RGB").quantize(64).save(out, "PNG", optimize=False)
    sys.stdout.buffer.write(b"%d\n" % pages + out.getvalue())
    return 0


def _picture(document: pypdfium2.PdfDocument, index: int) -> Image.Image:
    page = document[index]
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise ValueError(f"a page of {width} by {height} points")
    scale = min(MAX_WIDTH / width, MAX_HEIGHT / height, 4.0)
    picture: Image.Image = page.render(scale=scale, may_draw_forms=True).to_pil()
    return picture


if __name__ == "__main__":
    sys.exit(main())
