"""What stands around every page: where one can go, what waits, and one line on the health of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.campaign import Campaign
from config.errors import OfficeError
from intake.console.access import may
from intake.console.alerts import LOW_DISK_BYTES, Alert, alerts_of, is_silent, troubled_letters
from intake.console.desk import Desk
from intake.console.keys import are_on
from intake.console.showing import ago, size
from storage.disk import least_free
from storage.preferences import Preferences
from storage.queries import LogFilter
from storage.records import Account, Role

NOTICES = {
    "accepted": ("good", "Đã tiếp nhận văn bản."),
    "returned": ("good", "Đã trả lại văn bản. Xem thư trả lại ở mục Thư phúc đáp."),
    "linked": ("good", "Đã gắn là bản sao."),
    "dismissed": ("good", "Đã ghi nhận không xử lý văn bản."),
    "retried": ("good", "Văn bản đã được đưa vào kiểm tra lại."),
    "released": ("good", "Văn bản đã được đưa vào xử lý."),
    "asked": ("wait", "Đã ghi nhận đề nghị của ông/bà. Cần một người thứ hai xác nhận thì mới có hiệu lực."),
    "letter-approved": ("good", "Đã duyệt thư; hệ thống sẽ gửi trong lượt gửi tới."),
    "letter-withheld": ("good", "Đã ghi nhận không gửi thư."),
    "letter-waits": ("wait", "Đã duyệt thư; thư chờ đến khi phanh thư của ngày được mở."),
    "letter-arrived": ("good", "Đã ghi nhận thư đã đến nơi."),
    "breaker-opened": ("good", "Đã mở phanh thư của ngày; các thư bị giữ sẽ được gửi trong lượt gửi tới."),
    "extended": ("good", "Đã ghi nhận gia hạn; thời hạn của các văn bản liên quan đã được tính lại."),
    "account-created": ("good", "Đã tạo tài khoản."),
    "account-changed": ("good", "Đã lưu thay đổi của tài khoản."),
    "view-saved": ("good", "Đã lưu mục lọc; bấm tên mục ở hàng trên để mở lại."),
    "view-removed": ("good", "Đã bỏ mục lọc. Văn bản không bị ảnh hưởng."),
    "keys-on": ("good", "Đã bật phím tắt."),
    "keys-off": ("good", "Đã tắt tất cả phím tắt."),
    "signed-out": ("info", "Ông/bà đã đăng xuất."),
    "signed-in": ("info", "Đã đăng nhập."),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One entry of the navigation; `count` is what waits there (None: nothing is counted)."""

    path: str
    words: str
    icon: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class StripLine:
    """One remark on the health of the whole."""

    tone: str
    icon: str
    words: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """
    Everything around a page; `campaign` is None when its file cannot be read, and `trouble` says why.

    `keys` says whether single keys do something for this person.
    """

    ways: tuple[Way, ...]
    strip: tuple[StripLine, ...]
    campaign: Campaign | None
    sample: bool
    trouble: OfficeError | None = None
    keys: bool = False


def frame_for(desk: Desk, account: Account, now: datetime) -> Frame:
    """Gather the frame; a broken campaign file or database is told there instead of breaking every page."""
    try:
        campaign, roster = desk.campaign(), desk.roster()
        waiting = desk.queries.count(LogFilter(needs_decision=True))
        troubled = troubled_letters(desk)
        strip = tuple(_strip(desk, alerts_of(desk, now), now))
        keys = are_on(Preferences(desk.ledger.database, account.name))
        return Frame(_ways(desk, account, waiting, troubled), strip, campaign, roster.sample, keys=keys)
    except OfficeError as trouble:
        return Frame(_ways(desk, account, None, None), (), None, sample=False, trouble=trouble)


def _ways(desk: Desk, account: Account, waiting: int | None, troubled: int | None) -> tuple[Way, ...]:
    ways = [
        Way("/", "Bảng theo dõi", "board"),
        Way("/queue", "Chờ quyết định", "hand", waiting),
        Way("/log", "Sổ tiếp nhận", "book"),
        Way("/letters", "Thư phúc đáp", "mail", troubled or None),
        Way("/campaign", "Đợt đánh giá", "calendar"),
        Way("/health", "Tình trạng hệ thống", "pulse"),
    ]
    if may(account, Role.ADMIN):
        ways.append(Way("/accounts", "Tài khoản", "people"))
    if desk.caught_letters is not None:
        ways.append(Way("/sink", "Thư đã bắt (trình diễn)", "tray"))
    return tuple(ways)


def _strip(desk: Desk, alerts: Sequence[Alert], now: datetime) -> list[StripLine]:
    """Return what is wrong first, then what is well, in few words."""
    lines = [StripLine(one.tone, one.icon, one.words, one.path) for one in alerts]
    health = desk.ledger.health()
    if not health:
        lines.append(StripLine("wait", "question", "Chưa xem nguồn nào", "/health"))
    for one in health:
        if one.failing_since is None and not is_silent(one, now):
            lines.append(StripLine("good", "check", f"Nguồn {one.source}: xem lần cuối {ago(one.last_ok_at, now)}"))
    if desk.letter_mode == "rehearse":
        lines.append(StripLine("wait", "minus", "Chế độ diễn tập: không gửi thư nào", "/letters"))
    elif desk.letter_mode == "approve":
        lines.append(StripLine("good", "hand", "Mỗi thư chờ duyệt trước khi gửi", "/letters"))
    free = least_free(desk.vault.free_bytes(), desk.ledger.database.free_bytes())
    if free is not None and free >= max(LOW_DISK_BYTES, desk.disk_floor_bytes):
        lines.append(StripLine("good", "check", f"Đĩa còn {size(free)}"))
    return lines
