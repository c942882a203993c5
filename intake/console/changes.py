"""The page that lays what was signed beside what shows now, for each change that was made after a signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from intake.console.light_table import Laid
from intake.console.submission import blob_of, words_as_picture
from intake.console.visit import Visit
from intake.pictures import Changed, Place

# Three pairs fit on a screen or two and on as many sheets of paper; the rest is turned to.
PAIRS_PER_PAGE = 3

# Why there is no picture, in both languages; never a broken image.
TROUBLES: Mapping[str, tuple[str, str]] = {
    "locked": ("Tệp cần mật khẩu nên không vẽ được.", "The file needs a password and cannot be drawn."),
    "broken": (
        "Không vẽ được trang này; tệp có thể bị hỏng.",
        "This page cannot be drawn; the file may be damaged.",
    ),
    "no_page": ("Bản này không có trang này.", "This revision has no such page."),
    "TOO_LARGE": ("Tệp quá lớn để vẽ ra so sánh.", "The file is too large to be drawn for comparison."),
    "TOO_SLOW": ("Tệp mất quá nhiều thời gian để vẽ nên đã dừng lại.", "Drawing took too long and was stopped."),
    "TOO_MUCH_MEMORY": (
        "Tệp cần quá nhiều bộ nhớ để vẽ nên đã dừng lại.",
        "Drawing needed too much memory and was stopped.",
    ),
    "not_tried": (
        "Không vẽ tiếp, vì trang trước đó của tệp này đã vượt mức cho phép.",
        "Not drawn, because an earlier page of this file went beyond the limits.",
    ),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two pictures: its address, or the words (Vietnamese, English) why it is not there."""

    address: str
    trouble: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One changed page after one signature, with both sides and where the frames stand."""

    change: Changed
    page: int
    signed: Side
    now: Side
    marked: str
    places: tuple[Place, ...]
    same: bool | None


def show(visit: Visit) -> Response:
    """Answer with the pairs of one file, a few at a time (`?from=`)."""
    delivery = visit.desk.ledger.delivery(visit.place("ref"))
    blob = blob_of(visit)
    if blob.media_type != "application/pdf":
        raise HTTPException(404)
    found = visit.light_table.changes(blob.sha256, visit.now)
    wanted = [(change, page) for change in found.changes for page, _ in change.pages]
    asked = visit.asked("from", "1")
    first = int(asked) if re.fullmatch(r"[1-9][0-9]{0,3}", asked) else 1
    first = first if first <= len(wanted) else 1
    here = f"/deliveries/{delivery.id}/files/{blob.sha256}/changes"
    return visit.page(
        "changes.html",
        title="So sánh bản đã ký với bản hiện nay",
        delivery=delivery,
        file_name=blob.name,
        here_path=here,
        download=f"/deliveries/{delivery.id}/files/{blob.sha256}",
        shown=_shown(visit, blob.sha256, here, wanted[first - 1 : first - 1 + PAIRS_PER_PAGE]),
        first=first,
        step=PAIRS_PER_PAGE,
        total=len(wanted),
        trouble=_words(found.trouble) if found.trouble else None,
        why=found.why,
    )


def picture(visit: Visit) -> Response:
    """Answer with one side of one pair as PNG; only pages that the comparison names are drawn."""
    blob = blob_of(visit)
    number, page, side = int(visit.place("number")), int(visit.place("page")), visit.place("side")
    if blob.media_type != "application/pdf" or side not in ("signed", "now"):
        raise HTTPException(404)
    found = visit.light_table.changes(blob.sha256, visit.now)
    change = next((one for one in found.changes if one.index == number and page in dict(one.pages)), None)
    if change is None:
        raise HTTPException(404)
    laid = visit.light_table.pair(blob.sha256, change, page)
    png = b"" if laid.pair is None else laid.pair.signed if side == "signed" else laid.pair.now
    if not png:
        return Response(words_as_picture(_trouble_of(laid, side)[0]), media_type="image/svg+xml")
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


def _shown(visit: Visit, sha256: str, here: str, wanted: Sequence[tuple[Changed, int]]) -> list[Shown]:
    shown: list[Shown] = []
    given_up = False
    for change, page in wanted:
        # One page beyond the limits costs its time; the next ones of the same file would only cost it again.
        laid = Laid(None, "not_tried") if given_up else visit.light_table.pair(sha256, change, page)
        given_up = given_up or laid.pair is None
        sides = {
            side: Side(f"{here}/{change.index}/{page}/{side}.png", _missing(laid, side)) for side in ("signed", "now")
        }
        pair = laid.pair
        shown.append(
            Shown(
                change,
                page,
                sides["signed"],
                sides["now"],
                pair.marked if pair else "nothing",
                pair.places if pair else (),
                pair.same if pair else None,
            )
        )
    return shown


def _missing(laid: Laid, side: str) -> tuple[str, str] | None:
    """Return why there is no picture on this side, None where there is one."""
    drawn = laid.pair is not None and (laid.pair.signed if side == "signed" else laid.pair.now)
    return None if drawn else _trouble_of(laid, side)


def _trouble_of(laid: Laid, side: str) -> tuple[str, str]:
    if laid.pair is None:
        return _words(laid.trouble)
    return _words(laid.pair.signed_trouble if side == "signed" else laid.pair.now_trouble)


def _words(code: str) -> tuple[str, str]:
    return TROUBLES.get(code, TROUBLES["broken"])
