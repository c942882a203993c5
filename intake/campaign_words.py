"""Explains the campaign to people: what the cut-offs are, on what basis, and how a calendar would propose them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from config.campaign import CalendarRule, load_campaign
from config.roster import load_roster
from config.workdays import Proposal, Workdays, load_overrides, propose

READINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("A + G1 (mặc định)", {}),
    ("B + G5: giờ hành chính", {"due_reading": "office_hours", "day_end": "17:00"}),
    ("C: tính cả ngày trong văn bản", {"due_reading": "day_included"}),
    ("D: Điều 148.5, ngày cuối rơi vào ngày nghỉ thì lùi", {"due_reading": "rolled"}),
    ("G2: tính ngày đầu nếu là ngày làm việc", {"count_anchor_day": True}),
    ("G3: mốc lùi sang ngày làm việc", {"roll_anchor": True}),
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people and the same as data; `agrees` says whether the calendar proposes the campaign's cut-offs."""

    lines: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)
    agrees: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON document."""
        return self.data


def explain_campaign(path: Path, zone: ZoneInfo, now: datetime) -> Explanation:
    """Explain the campaign in the file at `path`; raises SettingsError when it cannot be used."""
    file = load_campaign(path)
    campaign = file.campaign
    roster = load_roster(file.roster_file)
    sample = " (MẪU, không phải danh sách chính thức)" if roster.sample else ""
    lines = [
        f"{campaign.title} (phiên bản {campaign.version}, {file.digest[:12]}…)",
        f"  mở đợt        : {_moment(campaign.opens, zone)}",
        f"  hạn gửi       : trước {_moment(campaign.due, zone)}",
        f"  hết gia hạn   : trước {_moment(campaign.closes, zone)}",
        f"  căn cứ        : {campaign.basis}",
        f"  phê duyệt     : {campaign.approved_by}, ngày {campaign.approved_on:%d/%m/%Y}",
        f"  kỳ số liệu    : {campaign.data_from:%d/%m/%Y} – {campaign.data_to:%d/%m/%Y}",
        f"  cơ quan       : {len(roster.valid_on(campaign.due.date()))}{sample}",
        f"  chữ ký        : {campaign.signature_required}; gửi lại: {campaign.resubmission_time}",
    ]
    lines += [f"  mốc           : trước {one.before:%d/%m/%Y}: {one.name}" for one in campaign.milestones]
    lines.append(
        f"  bây giờ       : {_moment(now, zone)}: {_phase(campaign.opens, campaign.due, campaign.closes, now)}"
    )
    proposal = _proposal(file.campaign.calendar, file.overrides_file, zone)
    agrees: bool | None = None
    if proposal is not None:
        agrees = proposal.due == campaign.due and proposal.closes == campaign.closes
        words = "đúng như" if agrees else "KHÁC với"
        lines.append(f"  lịch          : các mốc trên {words} đề xuất của lịch (xem `intake campaign calendar`)")
    data = {
        "schema": "intake-campaign/1",
        "id": campaign.id,
        "version": campaign.version,
        "digest": file.digest,
        "opens": campaign.opens.astimezone(zone).isoformat(),
        "due": campaign.due.astimezone(zone).isoformat(),
        "closes": campaign.closes.astimezone(zone).isoformat(),
        "basis": campaign.basis,
        "approved_by": campaign.approved_by,
        "approved_on": campaign.approved_on.isoformat(),
        "agencies": len(roster.agencies),
        "sample_roster": roster.sample,
        "milestones": [{"name": one.name, "before": one.before.isoformat()} for one in campaign.milestones],
        "agrees_with_calendar": agrees,
    }
    return Explanation(tuple(lines), data, agrees)


def explain_calendar(path: Path, zone: ZoneInfo) -> Explanation:
    """Show how the campaign's calendar rule proposes cut-offs, day by day, and what other readings would give."""
    file = load_campaign(path)
    rule = file.campaign.calendar
    workdays = Workdays(load_overrides(file.overrides_file))
    anchor = rule.anchor or file.campaign.due.astimezone(zone).date()
    proposal = propose(rule, anchor, workdays, zone)
    lines = [f"Ngày trong văn bản: {anchor:%d/%m/%Y}; {rule.working_days} ngày làm việc"]
    lines += [f"  {sentence}" for sentence in proposal.explanation]
    lines.append("Từng ngày:")
    for day in proposal.days:
        mark = "làm việc" if day.working else "nghỉ"
        because = f" ({day.because})" if day.because else ""
        lines.append(f"  {_weekday(day.day.weekday())} {day.day:%d/%m/%Y}: {mark}{because}")
    lines.append(
        f"Đề xuất: hạn gửi trước {_moment(proposal.due, zone)}; hết gia hạn trước {_moment(proposal.closes, zone)}"
    )
    lines.append("Các cách hiểu khác:")
    others = []
    for name, changes in READINGS:
        other = propose(msgspec.structs.replace(rule, **changes), anchor, workdays, zone)
        lines.append(f"  {name}: hạn {_moment(other.due, zone)}; hết gia hạn {_moment(other.closes, zone)}")
        others.append({"reading": name, "due": other.due.isoformat(), "closes": other.closes.isoformat()})
    lines.append("Lịch chỉ đề xuất; mốc có hiệu lực là mốc ghi trong tệp đợt đánh giá, do người có tên phê duyệt.")
    data = {
        "schema": "intake-calendar/1",
        "anchor": anchor.isoformat(),
        "proposed": {"due": proposal.due.isoformat(), "closes": proposal.closes.isoformat()},
        "explanation": list(proposal.explanation),
        "days": [
            {"day": one.day.isoformat(), "working": one.working, "because": one.because or None}
            for one in proposal.days
        ],
        "readings": others,
    }
    return Explanation(tuple(lines), data)


def _proposal(rule: CalendarRule, overrides: Path | None, zone: ZoneInfo) -> Proposal | None:
    if rule.anchor is None:
        return None
    return propose(rule, rule.anchor, Workdays(load_overrides(overrides)), zone)


def _moment(value: datetime, zone: ZoneInfo) -> str:
    local = value.astimezone(zone)
    return f"{local:%H:%M:%S} {_weekday(local.weekday())} {local:%d/%m/%Y}"


def _weekday(number: int) -> str:
    return "Chủ nhật" if number == 6 else f"Thứ {('Hai', 'Ba', 'Tư', 'Năm', 'Sáu', 'Bảy')[number]}"


def _phase(opens: datetime, due: datetime, closes: datetime, now: datetime) -> str:
    if now < opens:
        return "chưa mở đợt"
    if now < due:
        return f"còn {_span(due - now)} đến hạn"
    if now < closes:
        return f"trong thời gian gia hạn, còn {_span(closes - now)}"
    return "đã hết thời gian gia hạn"


def _span(left: timedelta) -> str:
    hours = int(left.total_seconds() // 3600)
    return f"{hours // 24} ngày {hours % 24} giờ"
