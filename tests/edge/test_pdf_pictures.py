"""Pages drawn for a clerk: as signed and as they are."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from signatures.formats.pdf_pictures import MAX_DOTS, CannotDraw, render_page
from tests.assets.make_pdf import stamped
from tests.makers_pdf import a_pdf, ranges, sign


def _picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


def test_both_renderings_differ_where_something_was_stamped() -> None:
    """The signed revision is drawn without what came later."""
    made = stamped(sign(a_pdf()))
    _, _, stop, rest = ranges(made.data)[0]
    signed, now = render_page(made.data, stop + rest, 1, 1.0), render_page(made.data, None, 1, 1.0)
    assert _picture(signed).size == _picture(now).size == (595, 842)
    assert signed != now


def test_a_huge_page_is_drawn_smaller() -> None:
    """No page size fills the memory."""
    page = a_pdf().bodies[3].replace("[0 0 595 842]", "[0 0 14000 14000]")
    width, height = _picture(render_page(a_pdf(o3=page).data, None, 1, 4.0)).size
    assert width * height <= MAX_DOTS * 1.01


@pytest.mark.parametrize(("data", "page"), [(b"%PDF-1.4 nothing", 1), (a_pdf().data, 2), (a_pdf().data, 0)])
def test_what_cannot_be_drawn_says_so(data: bytes, page: int) -> None:
    """A broken file or a missing page is one named error."""
    with pytest.raises(CannotDraw):
        render_page(data, None, page, 1.0)
