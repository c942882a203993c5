"""Working days in Vietnam: the public calendar with the office's own table of moved days, which wins."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays

from config.campaign import CalendarRule
from config.settings import SettingsError

# A count that has not ended after so many calendar days is an override table that calls every day a holiday.
LONGEST_SEARCH = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Override:
    """One day that the Government moved: `working` or not, why, and by which document."""

    working: bool
    reason: str
    document: str


@dataclass(frozen=True, slots=True)
class Day:
    """What the calendar says of a day, and on whose word."""

    day: date
    working: bool
    because: str


@dataclass(frozen=True, slots=True)
class Workdays:
    """
    The calendar of a public office: five days a week (Saturday and Sunday off), public holidays, moved days.

    The `holidays` package is the base; it misses days that are moved late in the year (2 January 2026), so
    the office's own table wins over it, day by day.
    """

    overrides: Mapping[date, Override] = field(default_factory=dict)

    def day(self, day: date) -> Day:
        """Say whether `day` is a working day, and why."""
        override = self.overrides.get(day)
        if override is not None:
            return Day(day, override.working, f"{override.reason} ({override.document})")
        calendar = _vietnam(day.year)
        if calendar.is_working_day(day):
            return Day(day, True, "" if day.weekday() < 5 else "ngày làm bù theo lịch hoán đổi")
        return Day(day, False, calendar.get(day) or ("Thứ Bảy" if day.weekday() == 5 else "Chủ nhật"))

    def is_working(self, day: date) -> bool:
        """Whether public offices work on `day`."""
        return self.day(day).working

    def after(self, anchor: date, count: int, *, count_anchor_day: bool = False) -> date:
        """
        Return the `count`-th working day after `anchor`, the anchor itself not counted unless told.

        Source: Civil Code 2015, art. 147(2): the first day of a period in days is not counted.
        Raises ValueError for a negative count or a calendar in which the count never ends.
        """
        if count < 0:
            raise ValueError(f"cannot count {count} working days")
        day = anchor - timedelta(days=1) if count_anchor_day else anchor
        left = count
        while left:
            day += timedelta(days=1)
            if day - anchor > LONGEST_SEARCH:
                raise ValueError(f"no {count} working days within {LONGEST_SEARCH.days} days after {anchor}")
            if self.is_working(day):
                left -= 1
        return day

    def on_or_after(self, day: date) -> date:
        """Return `day` if it is worked, else the next working day (Civil Code 2015, art. 148(5))."""
        return day if self.is_working(day) else self.after(day, 1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Cut-offs as a rule proposes them, with every day that was looked at; a person approves or does not."""

    due: datetime
    closes: datetime
    days: tuple[Day, ...]
    explanation: tuple[str, ...]


def propose(rule: CalendarRule, anchor: date, workdays: Workdays, zone: ZoneInfo) -> Proposal:
    """
    Propose the two cut-offs for a letter that says "before `anchor`" and "after n working days from it".

    Default reading (letter 697, section 3): due is the first instant of the anchor day; grace ends at 24:00 of
    the n-th working day after it, the anchor not counted (Civil Code 2015, art. 147(2), 148(6)).
    """
    midnight = time(0, 0)
    said: list[str] = []
    if rule.due_reading == "before_day":
        due = datetime.combine(anchor, midnight, zone)
        said.append(f"“trước ngày {anchor:%d/%m/%Y}”: hết 24:00 ngày {anchor - timedelta(days=1):%d/%m/%Y}")
    elif rule.due_reading == "office_hours":
        last = anchor - timedelta(days=1)
        while not workdays.is_working(last):
            last -= timedelta(days=1)
        due = datetime.combine(last, time(17, 0), zone)
        said.append(f"giờ hành chính: 17:00 ngày làm việc cuối cùng trước đó, {last:%d/%m/%Y}")
    else:
        last = anchor if rule.due_reading == "day_included" else workdays.on_or_after(anchor)
        due = datetime.combine(last + timedelta(days=1), midnight, zone)
        said.append(f"tính cả ngày {last:%d/%m/%Y}: hết 24:00 ngày đó")
    start = workdays.on_or_after(anchor) if rule.roll_anchor else anchor
    last = workdays.after(start, rule.working_days, count_anchor_day=rule.count_anchor_day)
    if rule.day_end == "24:00":
        closes = datetime.combine(last + timedelta(days=1), midnight, zone)
    else:
        hour, _, minute = rule.day_end.partition(":")
        closes = datetime.combine(last, time(int(hour), int(minute)), zone)
    said.append(
        f"{rule.working_days} ngày làm việc kể từ {start:%d/%m/%Y}"
        f" ({'tính' if rule.count_anchor_day else 'không tính'} ngày đầu; Điều 147, 148 Bộ luật Dân sự 2015):"
        f" hết {rule.day_end} ngày {last:%d/%m/%Y}"
    )
    span = (last - anchor).days
    days = tuple(workdays.day(anchor + timedelta(days=offset)) for offset in range(-2, span + 2))
    return Proposal(due, max(due, closes), days, tuple(said))


def load_overrides(path: Path | None) -> dict[date, Override]:
    """
    Read the table of moved days; None gives an empty one.

    The file has one table a day: `[2026-01-02]` with `working`, `reason`, `document`. Raises SettingsError.
    """
    if path is None:
        return {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            date.fromisoformat(day): Override(bool(entry["working"]), str(entry["reason"]), str(entry["document"]))
            for day, entry in raw.items()
        }
    except OSError as cause:
        raise SettingsError("OVERRIDES_UNREADABLE", path=path, why=cause.strerror) from cause
    except (tomllib.TOMLDecodeError, ValueError, KeyError, TypeError) as cause:
        raise SettingsError("OVERRIDES_WRONG", path=path, why=cause) from cause


@cache
def _vietnam(year: int) -> holidays.HolidayBase:
    """The library's calendar, a year at a time: building one costs milliseconds, asking nothing."""
    return holidays.country_holidays("VN", years=year, language="vi")
