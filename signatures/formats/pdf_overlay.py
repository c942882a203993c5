"""Compares what a page showed when it was signed with what it shows now, dot by dot: is anything covered or changed?"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops

from signatures.formats.pdf_pictures import CannotDraw, draw

# At 108 dots an inch a ten-point letter is about fifteen dots high: enough to see that it is covered.
_SCALE = 1.5
# A dot is ink if any colour of it is so far from the paper's (the most frequent one of the page): scans have yellowish
# or grey paper with some noise, small print may be grey, a heading white on a dark ground; a watermark is fainter.
_INK_BEYOND = 75
# A dot counts as changed beyond this difference; less is a thin veil through which everything can still be read.
_CHANGED_BEYOND = 56
# Up to so many changed dots of ink may be the edge of a letter touched by a frame; a decimal point of eight points has
# more.
_LOST_DOTS = 2


@dataclass(frozen=True, slots=True)
class Looks:
    """
    What the comparison of one page found.

    `changed` says that anything looks different at all, `covered` that something which stood there then is hidden or
    altered now. Both are None where the page cannot be drawn: nobody may rely on it then.
    """

    changed: bool | None
    covered: bool | None
    difference: Image.Image | None = None
    frame: tuple[float, float, float] | None = None

    def changed_in(self, box: tuple[float, float, float, float] | None) -> bool:
        """
        Say whether anything looks different within `box` (points); the whole page counts where no place can be told.

        `frame` is left and top of the drawn page in points and the dots per point; None for a turned page.
        """
        if self.changed is False:
            return False
        if self.difference is None or self.frame is None or box is None:
            return True
        left, top, scale = self.frame
        width, height = self.difference.size
        area = (
            max(0, int((box[0] - left) * scale)),
            max(0, int((top - box[3]) * scale)),
            min(width, int((box[2] - left) * scale) + 1),
            min(height, int((top - box[1]) * scale) + 1),
        )
        if area[0] >= area[2] or area[1] >= area[3]:
            return False
        return self.difference.crop(area).getbbox() is not None


def compare_looks(before: bytes, after: bytes, index: int, *, fields_count: bool) -> Looks:
    """
    Compare page `index` (from 0) of two revisions.

    With `fields_count` the look of annotations and fields in the earlier revision counts as content that may be
    covered; without it only the page's own content does, because filling in a field replaces the field's own look.
    """
    try:
        old, frame = draw(before, index, _SCALE)
        new, _ = draw(after, index, _SCALE)
        content = old if fields_count else draw(before, index, _SCALE, annotations=False)[0]
    except CannotDraw:
        return Looks(None, None)
    if old.size != new.size or content.size != old.size:
        return Looks(True, True)
    difference = _strongest(ImageChops.difference(old, new)).point(lambda value: 255 if value > _CHANGED_BEYOND else 0)
    if difference.getbbox() is None:
        return Looks(False, False)
    distance = ImageChops.difference(content, Image.new(content.mode, content.size, _paper(content)))
    ink = _strongest(distance).point(lambda value: 255 if value > _INK_BEYOND else 0)
    lost = ImageChops.multiply(difference, ink)
    dots = sum(lost.histogram()[128:])
    return Looks(True, dots > _LOST_DOTS, difference, frame)


def _paper(picture: Image.Image) -> tuple[int, ...]:
    """Return the most frequent value of each colour."""
    counts = picture.histogram()
    bands = [counts[start : start + 256] for start in range(0, len(counts), 256)]
    return tuple(band.index(max(band)) for band in bands)


def _strongest(picture: Image.Image) -> Image.Image:
    red, green, blue = picture.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)
