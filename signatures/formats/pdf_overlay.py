"""Compares what a page showed when it was signed with what it shows now, dot by dot: is anything covered or changed?"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops

from signatures.formats.pdf_pictures import CannotDraw, draw

# At 108 dots an inch a ten-point letter is about fifteen dots high: enough to see that it is covered.
_SCALE = 1.5
# A dot is ink if it is clearly darker than paper in any colour; scans have yellowish or grey paper.
_INK_BELOW = 150
# A dot counts as changed beyond this difference; less is the renderer's smoothing of edges.
_CHANGED_BEYOND = 70
# So many changed dots of ink may be the edge of a line touched by a frame; a covered letter has more.
_LOST_DOTS = 24


@dataclass(frozen=True, slots=True)
class Looks:
    """
    What the comparison of one page found.

    `changed` says that anything looks different at all, `covered` that something which stood there then is hidden or
    altered now. Both are None where the page cannot be drawn: nobody may rely on it then.
    """

    changed: bool | None
    covered: bool | None


def compare_looks(before: bytes, after: bytes, index: int, *, fields_count: bool) -> Looks:
    """
    Compare page `index` (from 0) of two revisions.

    With `fields_count` the look of annotations and fields in the earlier revision counts as content that may be
    covered; without it only the page's own content does, because filling in a field replaces the field's own look.
    """
    try:
        old = draw(before, index, _SCALE)
        new = draw(after, index, _SCALE)
        content = old if fields_count else draw(before, index, _SCALE, annotations=False)
    except CannotDraw:
        return Looks(None, None)
    if old.size != new.size or content.size != old.size:
        return Looks(True, True)
    difference = _strongest(ImageChops.difference(old, new)).point(lambda value: 255 if value > _CHANGED_BEYOND else 0)
    if difference.getbbox() is None:
        return Looks(False, False)
    ink = _strongest(ImageChops.invert(content)).point(lambda value: 255 if value > 255 - _INK_BELOW else 0)
    lost = ImageChops.multiply(difference, ink)
    dots = sum(lost.histogram()[128:])
    return Looks(True, dots > _LOST_DOTS)


def _strongest(picture: Image.Image) -> Image.Image:
    red, green, blue = picture.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)
