"""What is wrong with the whole at this moment, and what to do: a line on every page, all of it under health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from intake.console.desk import Desk
from intake.console.showing import ago, size
from intake.quarantine import found_later
from storage.disk import least_free
from storage.records import LetterState, SourceHealth

# A source not seen for this long is worth a word even if nobody recorded a failure: the daemon may be down.
STALE_AFTER = timedelta(minutes=15)
# Below this the strip warns; intake itself pauses at the floor that the settings name.
LOW_DISK_BYTES = 1024**3
# The brakes of the flow (`[letters]` in the settings): a letter they hold back waits for a person.
BRAKES = ("LETTER_CAP_PER_DAY", "LETTER_CAP_PER_ADDRESS")

_STAYS = (
    "Văn bản gửi đến trong lúc này vẫn nằm ở nguồn, sẽ được nhận sau với đúng thời điểm đến; không ai bị coi là chậm."
)
_STAYS_EN = "What arrives meanwhile stays at its source and is taken in later with its own moment of arrival."


@dataclass(frozen=True, slots=True)
class Alert:
    """
    One thing that is not as it should be: `words` for the strip, what to do in both languages, and where.

    `detail` and `remedy` are what an error says in English, if it was one; `detail_vi` and `remedy_vi` say the same,
    "" for what an earlier version recorded.
    """

    tone: str
    icon: str
    words: str
    do: str
    do_en: str
    path: str
    detail: str = ""
    remedy: str = ""
    detail_vi: str = ""
    remedy_vi: str = ""


def alerts_of(desk: Desk, now: datetime) -> tuple[Alert, ...]:
    """Return everything that needs somebody, what stops the intake first."""
    return (*_disk(desk), *_malware(desk), *_sources(desk.ledger.health(), now), *_brakes(desk, now), *_letters(desk))


def troubled_letters(desk: Desk) -> int:
    """How many letters wait for a person: fate unknown, not delivered, refused, or held back by a brake."""
    counts = desk.ledger.letters.counts()
    stuck = sum(counts[state] for state in (LetterState.IN_DOUBT, LetterState.UNDELIVERED, LetterState.FAILED))
    return stuck + sum(desk.ledger.letters.withheld_for(BRAKES).values())


def is_silent(one: SourceHealth, now: datetime) -> bool:
    """Whether nobody has seen this source for longer than any schedule explains."""
    return one.last_ok_at is None or now - one.last_ok_at > STALE_AFTER


def _disk(desk: Desk) -> list[Alert]:
    free = least_free(desk.vault.free_bytes(), desk.ledger.database.free_bytes())
    if free is None or free >= max(LOW_DISK_BYTES, desk.disk_floor_bytes):
        return []
    if free < desk.disk_floor_bytes:
        return [
            Alert(
                "bad",
                "alert",
                f"Tạm dừng tiếp nhận: đĩa chỉ còn {size(free)}, dưới ngưỡng {size(desk.disk_floor_bytes)}",
                f"Báo ngay quản trị hệ thống giải phóng đĩa; tiếp nhận tự chạy lại khi đủ chỗ. {_STAYS}",
                f"Free space on the disk of vault and database; intake goes on by itself. {_STAYS_EN}",
                "/health",
            )
        ]
    return [
        Alert(
            "bad",
            "alert",
            f"Đĩa chỉ còn {size(free)}",
            "Báo quản trị hệ thống giải phóng đĩa trước khi tiếp nhận phải tạm dừng.",
            "Free space before intake has to pause.",
            "/health",
        )
    ]


def _malware(desk: Desk) -> list[Alert]:
    return [
        Alert(
            "bad",
            "alert",
            f"Mã độc {found} trong văn bản {delivery_id}, đã nhận trước khi chương trình quét biết mã độc này",
            "Không mở các tệp của văn bản này; ai đã mở thì báo quản trị hệ thống kiểm tra máy. Đề nghị cơ quan gửi lại"
            " tệp sạch; quyết định đã có vẫn giữ nguyên cho đến khi cán bộ quyết định khác.",
            "Do not open its files; who did so tells the administrator. Ask the agency for clean ones. No decision"
            " changes by this alone.",
            f"/deliveries/{delivery_id}",
        )
        for delivery_id, found in sorted(found_later(desk.ledger).items())
    ]


def _sources(health: Sequence[SourceHealth], now: datetime) -> list[Alert]:
    found = []
    for one in health:
        seen = f"xem lần cuối {ago(one.last_ok_at, now)}"
        if one.failing_since is not None:
            found.append(
                Alert(
                    "bad",
                    "alert",
                    f"Nguồn {one.source}: không xem được, {seen}",
                    f"Báo quản trị hệ thống kèm dòng lỗi bên dưới. {_STAYS}",
                    f"Tell the administrator, with the error below. {_STAYS_EN}",
                    "/health",
                    one.error or "",
                    one.remedy or "",
                    one.error_vi,
                    one.remedy_vi,
                )
            )
        elif is_silent(one, now):
            found.append(
                Alert(
                    "wait",
                    "question",
                    f"Nguồn {one.source}: {seen}",
                    f"Dịch vụ nền có thể không chạy: báo quản trị hệ thống khởi động lại dịch vụ. {_STAYS}",
                    f"The service may not be running: ask the administrator to start it. {_STAYS_EN}",
                    "/health",
                )
            )
    return found


def day_is_full(desk: Desk, now: datetime) -> bool:
    """Whether the breaker of the day is shut, so that a released letter waits (intake/flow.py)."""
    return desk.ledger.letters.counted_by_breaker(now - timedelta(days=1)) >= desk.letters_per_day


def _brakes(desk: Desk, now: datetime) -> list[Alert]:
    held = desk.ledger.letters.withheld_for(BRAKES)
    daily, by_address = (held.get(code, 0) for code in BRAKES)
    waiting = desk.ledger.letters.counts()[LetterState.APPROVED] if day_is_full(desk, now) else 0
    found = []
    if waiting:
        found.append(
            Alert(
                "wait",
                "hand",
                f"Phanh thư tự động: {waiting} thư đã duyệt chờ phanh của ngày mở",
                "Thư tự đi khi 24 giờ đã qua; cần gửi ngay thì mở phanh của ngày ở trang Thư phúc đáp.",
                "They leave by themselves once 24 hours are over, or when somebody opens the breaker.",
                "/letters?state=approved",
            )
        )
    if daily:
        found.append(
            Alert(
                "bad",
                "hand",
                f"Phanh thư tự động: {daily} thư bị giữ lại vì vượt mức trong ngày",
                "Xem vì sao nhiều thư như vậy: một đợt gửi lớn, hay thư tự động trả lời qua lại. Thư không cần thì bấm"
                " Không gửi nữa; nếu các thư còn lại đều đúng thì mở phanh của ngày ở trang Thư phúc đáp, thư sẽ được"
                " gửi tiếp.",
                "Find out why there are so many. Settle what is wrong, then open the breaker on the page of letters.",
                "/letters?state=withheld&braked=1",
            )
        )
    if by_address:
        found.append(
            Alert(
                "wait",
                "hand",
                f"Phanh thư tự động: {by_address} thư bị giữ lại vì một địa chỉ đã nhận quá nhiều thư trong ngày",
                "Thường là hai máy trả lời qua lại: xem địa chỉ đó. Thư cần gửi thì bấm Gửi lại, thư sẽ đi trong lượt"
                " gửi tới; không cần thì bấm Không gửi nữa.",
                "Usually two machines answer each other. Send the letter again (it then passes the cap), or settle it.",
                "/letters?state=withheld&braked=1",
            )
        )
    return found


def _letters(desk: Desk) -> list[Alert]:
    counts = desk.ledger.letters.counts()
    told = (
        (
            LetterState.UNDELIVERED,
            "thư không đến được nơi nhận",
            "Kiểm tra hộp thư đã đăng ký của cơ quan, sửa nếu sai, rồi bấm Gửi lại; hoặc báo cơ quan bằng cách khác."
            " Cơ quan nói đã nhận được thì bấm Đã đến nơi.",
            "Check the agency's registered mailbox, then send again or tell the agency in another way."
            " If it did arrive, say so on the letter's page.",
        ),
        (
            LetterState.IN_DOUBT,
            "thư không rõ đã gửi hay chưa",
            "Hỏi cơ quan đã nhận được chưa: chưa thì bấm Gửi lại, rồi thì bấm Đã đến nơi. Máy không tự gửi lần hai.",
            "Ask the agency; the program never sends such a letter twice by itself.",
        ),
        (
            LetterState.FAILED,
            "thư bị máy chủ từ chối",
            "Mở thư, đọc câu trả lời của máy chủ; sửa nguyên nhân rồi bấm Gửi lại.",
            "Open the letter, read the server's answer, mend the cause, then send again.",
        ),
    )
    return [
        Alert("wait", "mail", f"{counts[state]} {words}", do, do_en, f"/letters?state={state}")
        for state, words, do, do_en in told
        if counts[state]
    ]
