"""The moments of the demonstration: a campaign that was due four days ago and closed last midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.campaign import Campaign, Milestone

# As in the letter: the call goes out five and a half weeks before the forms are due (7 August, 15 September).
OPEN_DAYS = 39
GRACE_DAYS = 4


@dataclass(frozen=True, slots=True)
class Moments:
    """
    When what happens, aware and in the office's zone.

    `due` and `closes` are midnights, each the first instant outside; `closes` is the last midnight before `now`.
    """

    opens: datetime
    due: datetime
    closes: datetime
    now: datetime

    @property
    def year(self) -> int:
        """The year that is evaluated."""
        return self.due.year

    @property
    def data_from(self) -> date:
        """The first day for which figures are asked: twelve months up to `data_to`."""
        return self.due.date().replace(year=self.due.year - 1, day=1)

    @property
    def data_to(self) -> date:
        """The last day of the month before the forms are due, as 31 August is to 15 September."""
        return self.due.date().replace(day=1) - timedelta(days=1)

    def before_due(self, days: float, hour: int = 9, minute: int = 0) -> datetime:
        """Return a moment of the day `days` days before the due day."""
        return self._at(self.due.date() - timedelta(days=days), hour, minute)

    def in_grace(self, day: int, hour: int = 10, minute: int = 0) -> datetime:
        """Return a moment of the grace; `day` counts from 0 up to GRACE_DAYS - 1."""
        return self._at(self.due.date() + timedelta(days=day), hour, minute)

    def too_late(self) -> datetime:
        """Return a moment after the close that is not in the future, however early in the day it is."""
        return self.closes + min(timedelta(minutes=37), (self.now - self.closes) / 2)

    def _at(self, day: date, hour: int, minute: int) -> datetime:
        return datetime.combine(day, time(hour, minute), self.due.tzinfo)


def moments_for(now: datetime, zone: ZoneInfo) -> Moments:
    """Return the demonstration's moments for a run at `now` (aware)."""
    here = now.astimezone(zone)
    closes = datetime.combine(here.date(), time(0), zone)
    due = datetime.combine(here.date() - timedelta(days=GRACE_DAYS), time(0), zone)
    opens = datetime.combine(due.date() - timedelta(days=OPEN_DAYS), time(0), zone)
    return Moments(opens, due, closes, here)


def moments_of(campaign: Campaign, now: datetime, zone: ZoneInfo) -> Moments:
    """Return the moments of a demonstration that was prepared on an earlier day."""
    return Moments(
        campaign.opens.astimezone(zone),
        campaign.due.astimezone(zone),
        campaign.closes.astimezone(zone),
        now.astimezone(zone),
    )


def milestones(moments: Moments) -> tuple[Milestone, ...]:
    """Return the letter's later steps (section 4), as far after the due day as they are there."""
    day = moments.due.date()
    return (
        Milestone(name="Hội đồng thẩm định tổng hợp sơ bộ", before=day + timedelta(days=15)),
        Milestone(
            name="Đi thẩm định, đánh giá thực tế tại các cơ quan, đơn vị và địa phương", before=day + timedelta(days=56)
        ),
        Milestone(name="Báo cáo, tham mưu UBND tỉnh quyết định phê duyệt kết quả", before=day + timedelta(days=71)),
    )


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC, without fractions of a second."""
    return moment.astimezone(UTC).replace(microsecond=0)
