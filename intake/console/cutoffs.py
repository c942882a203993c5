"""The campaign's cut-offs, how they came about, and the one way to change them: a later end of grace, recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from config.errors import OfficeError
from intake.console.desk import Extension, Shift
from intake.console.register import names_of
from intake.console.showing import exact_moment
from intake.console.visit import Visit

MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the form, to be shown again; and every flaw in it."""

    closes_day: str
    closes_time: str
    basis: str
    approved_by: str
    approved_on: str
    flaws: tuple[str, ...] = ()


def show(visit: Visit) -> Response:
    """Answer with the cut-offs, their basis, the further milestones and the versions there have been."""
    desk = visit.desk
    versions = desk.campaign_versions() if desk.campaign_versions else ()
    return visit.page(
        "campaign.html",
        title="Đợt đánh giá",
        campaign=desk.campaign(),
        today=visit.now.astimezone(desk.zone).date(),
        roster=desk.roster(),
        catalogue=desk.catalogue() if desk.catalogue else None,
        versions=sorted(versions, key=lambda one: one.at, reverse=True),
    )


def ask(visit: Visit) -> Response:
    """Answer with the form for extending grace."""
    today = visit.now.astimezone(visit.desk.zone).date()
    return _form(visit, Typed("", "00:00", "", "", f"{today:%d/%m/%Y}"))


def extend(visit: Visit) -> Response:
    """
    Take the form: the first sending shows which deliveries would change, the second (`step=confirm`) records the act.

    The clerk's office judges again: an instant that is not later is refused there, whatever was shown here.
    """
    desk = visit.desk
    typed, extension = _read(visit.form, desk.zone, visit.account.name, visit.now)
    if extension is None:
        return _form(visit, typed, status=422)
    now_closes = desk.campaign().closes
    if extension.closes <= now_closes:
        present = exact_moment(now_closes, desk.zone)
        return _form(visit, _with_flaw(typed, f"Thời điểm mới phải sau thời điểm hiện nay ({present})."), status=422)
    try:
        if visit.form.get("step") != "confirm":
            shifts = desk.clerk.foresee_extension(extension.closes)
            return visit.page(
                "extend_confirm.html",
                title="Gia hạn: xác nhận",
                campaign=desk.campaign(),
                typed=typed,
                extension=extension,
                shifts=shifts,
                summary=_summary(shifts),
                names=names_of(visit),
            )
        desk.clerk.extend(extension)
    except OfficeError as refusal:
        return _form(visit, _with_flaw(typed, refusal.in_vietnamese), status=409)
    return visit.go("/campaign", "extended")


def _form(visit: Visit, typed: Typed, status: int = 200) -> Response:
    told = {"campaign": visit.desk.campaign(), "typed": typed}
    return visit.page("extend.html", status, title="Gia hạn thời gian nhận phiếu", **told)


def _read(
    form: Mapping[str, str], zone: ZoneInfo, by: str, now: datetime
) -> tuple[Typed, Extension | None]:  # fmt: skip
    """Read what was typed; with any flaw there is no extension, and every flaw is told at once."""

    def field(name: str) -> str:
        return form.get(name, "").strip()[:MAX_TEXT]

    typed = Typed(field("closes_day"), field("closes_time"), field("basis"), field("approved_by"), field("approved_on"))
    flaws = []
    day, approved_on = _day(typed.closes_day), _day(typed.approved_on)
    moment = _time(typed.closes_time)
    if day is None or moment is None:
        flaws.append("Thời điểm kết thúc gia hạn: ghi ngày như 28/09/2019 và giờ như 00:00.")
    if not typed.basis:
        flaws.append("Ghi căn cứ (số, ngày của văn bản gia hạn).")
    if not typed.approved_by:
        flaws.append("Ghi người phê duyệt.")
    if approved_on is None:
        flaws.append("Ngày phê duyệt: ghi như 21/09/2019.")
    elif approved_on > now.astimezone(zone).date():
        flaws.append("Ngày phê duyệt không thể sau hôm nay.")
    if flaws or day is None or moment is None or approved_on is None:
        return _with_flaw(typed, *flaws), None
    closes = datetime(day.year, day.month, day.day, *moment, tzinfo=zone)
    return typed, Extension(closes, typed.basis, typed.approved_by, approved_on, by)


def _with_flaw(typed: Typed, *flaws: str) -> Typed:
    return Typed(typed.closes_day, typed.closes_time, typed.basis, typed.approved_by, typed.approved_on, flaws)


def _day(text: str) -> date | None:
    """Read dd/mm/yyyy, as an office writes it."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def _time(text: str) -> tuple[int, int] | None:
    """Read HH:MM; 24:00 is not written, since a cut-off is the first instant outside: write 00:00 of the next day."""
    try:
        read = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - an hour has no zone
    except ValueError:
        return None
    return read.hour, read.minute


def _summary(shifts: tuple[Shift, ...]) -> list[tuple[str, str, int]]:
    """Count the changes by what they are, before and after."""
    counted = Counter((one.before.value, one.after.value) for one in shifts)
    return [(before, after, count) for (before, after), count in sorted(counted.items())]
