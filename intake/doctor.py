"""Asks every outside thing the service needs whether it is well, and says the remedy for what is not."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from config.errors import OfficeError
from config.isolation import MiB
from config.reasons import explain
from config.settings import Settings
from intake.console.desk import HealthLine
from intake.office import Rules
from intake.ports import Memory
from intake.revocation_data import FETCH_EVERY_HOURS
from intake.scanner import Scanner
from intake.sources.system_clock import is_synchronised
from intake.steps.archive_library import library_is_there
from intake.wiring import SOURCES
from signatures.trust import check as check_trust
from signatures.trust import list_papers
from storage.disk import least_free
from storage.lease import Lease
from storage.ledger import Ledger
from storage.queries import LogFilter, Queries
from storage.records import LetterState, State
from storage.vault import Vault

# A silence this long after the schedule says that the daemon is not running or the source hangs.
SILENCE = timedelta(minutes=15)


class _Looking:
    """The ledger's memory of a source, read only: the doctor's look must not count as the poller's."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, key: str) -> str | None:
        return self._memory.get(key)

    def put(self, key: str, value: str) -> None:
        return None

    def knows(self, source_key: str) -> bool:
        return self._memory.knows(source_key)


def examine_house(settings: Settings, ledger: Ledger, now: datetime) -> tuple[HealthLine, ...]:
    """Return one line for each outside thing; never raises: what cannot be asked is a line, too."""
    lines: list[HealthLine] = []

    def ask(name: str, question: Callable[[], HealthLine]) -> None:
        try:
            lines.append(question())
        except OfficeError as error:
            lines.append(_trouble(name, error))
        except Exception as error:  # A check that breaks is itself a finding, and the others must still be made.
            lines.append(HealthLine(name, False, f"{type(error).__name__}: {error}", "Chạy lại với --debug."))

    ask("campaign", lambda: _campaign(settings))
    ask("database", lambda: _database(ledger))
    ask("vault", lambda: _vault(settings, ledger))
    for one in settings.sources:
        ask(f"source {one.name}", lambda one=one: _source(settings, ledger, one.name, now))  # type: ignore[misc]
    if not settings.sources:
        lines.append(HealthLine("sources", False, "không có nguồn nào được cấu hình", "Thêm [[source]] vào cấu hình."))
    ask("smtp", lambda: _smtp(settings))
    if settings.malware.clamd_host:
        ask("malware", lambda: HealthLine("malware", True, Scanner(settings.malware).version()))
    ask("archives", _archives)
    ask("clock", lambda: _clock(now))
    for line in _trust(settings, now):
        lines.append(line)
    ask("revocation data", lambda: _revocation_data(settings, now))
    ask("letters", lambda: _letters(ledger))
    ask("shelf", lambda: _shelf(ledger))
    ask("daemon", lambda: _daemon(ledger))
    return tuple(lines)


def _trouble(name: str, error: OfficeError) -> HealthLine:
    told = error.told
    return HealthLine(name, False, told.vi, told.do_vi, told.en, told.do_en)


def _campaign(settings: Settings) -> HealthLine:
    book = Rules(settings.campaign_file).book()
    sample = " (danh sách cơ quan MẪU)" if book.roster.sample else ""
    return HealthLine("campaign", True, f"{book.file.campaign.title}; {len(book.roster.agencies)} cơ quan{sample}")


def _database(ledger: Ledger) -> HealthLine:
    number, head = ledger.log_head()
    return HealthLine("database", True, f"sổ tiếp nhận có {number} dòng, đầu sổ {head[:12]}…")


def _vault(settings: Settings, ledger: Ledger) -> HealthLine:
    # Vault and database may stand on two disks; the one with less room stops the intake.
    free = least_free(Vault.at(settings.vault.url).free_bytes(), ledger.database.free_bytes())
    floor = settings.disk.floor_mib * MiB
    said = "không giới hạn" if free is None else f"còn trống {free // MiB} MiB"
    if free is not None and free < floor:
        return HealthLine("vault", False, f"{said}, dưới ngưỡng {settings.disk.floor_mib} MiB", "Giải phóng đĩa.")
    return HealthLine("vault", True, said)


def _source(settings: Settings, ledger: Ledger, name: str, now: datetime) -> HealthLine:
    chosen = next(one for one in settings.sources if one.name == name)
    source = SOURCES[type(chosen)](chosen)
    try:
        looking = source.waiting(_Looking(ledger.memory(name)), now)
        waiting = next(iter(looking), None)
        with contextlib.suppress(AttributeError):
            looking.close()  # type: ignore[attr-defined]  # a generator has it, another iterator need not
        remarks = source.remarks
    finally:
        source.close()
    health = next((one for one in ledger.health() if one.source == name), None)
    seen = health.last_ok_at if health else None
    words = ["kết nối được", "có văn bản đang chờ" if waiting is not None else "không có văn bản mới"]
    words += [f"{explain(one.code).vi} {one.detail}".strip() for one in remarks]
    if seen is not None:
        words.append(f"lần xem gần nhất {seen.astimezone(settings.office.zone):%d/%m/%Y %H:%M:%S}")
        if now - seen > SILENCE:
            return HealthLine(
                f"source {name}", False, "; ".join(words), "Dịch vụ nền không chạy hoặc bị treo: khởi động lại dịch vụ."
            )
    return HealthLine(f"source {name}", True, "; ".join(words))


def _smtp(settings: Settings) -> HealthLine:
    smtp = settings.smtp
    if smtp.mode == "rehearse":
        return HealthLine("smtp", True, "chế độ diễn tập: không thư nào được gửi đi")
    context = ssl.create_default_context(cafile=smtp.ca_file or None)
    remedy = "Kiểm tra [smtp] host, port, tls và mật khẩu; thư vẫn nằm trong hàng đợi."
    try:
        if smtp.tls == "required":
            relay: smtplib.SMTP = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=10, context=context)
        else:
            relay = smtplib.SMTP(smtp.host, smtp.port, timeout=10)
        with relay:
            relay.ehlo()
            if smtp.tls == "starttls":
                relay.starttls(context=context)
                relay.ehlo()
            if smtp.user:
                relay.login(smtp.user, smtp.password.reveal())
            relay.noop()
    except (OSError, smtplib.SMTPException) as cause:
        # The exception's own text could repeat what was sent; its class and code say enough.
        code = getattr(cause, "smtp_code", None)
        said = f"{smtp.host}:{smtp.port}: {type(cause).__name__}" + (f" {code}" if code else "")
        return HealthLine("smtp", False, said, remedy)
    return HealthLine("smtp", True, f"{smtp.host}:{smtp.port} trả lời")


def _archives() -> HealthLine:
    if library_is_there():
        return HealthLine("archives", True, "mở được tệp nén RAR và 7z")
    return HealthLine("archives", None, "không mở được tệp nén RAR và 7z", "Cài gói libarchive13 của Debian.")


def _clock(now: datetime) -> HealthLine:
    if is_synchronised():
        return HealthLine("clock", True, f"đồng bộ; bây giờ là {now.isoformat(timespec='seconds')}")
    return HealthLine(
        "clock",
        None,
        f"không biết có đồng bộ hay không; bây giờ là {now.isoformat(timespec='seconds')}",
        "Bật systemd-timesyncd hoặc chrony. Giờ máy này không quyết định đúng hạn: giờ của máy chủ thư mới quyết định.",
    )


def _trust(settings: Settings, now: datetime) -> list[HealthLine]:
    try:
        problems = check_trust(settings.trust_folders, now)
    except OfficeError as error:
        return [_trouble("trust", error)]
    if not problems:
        return [HealthLine("trust", True, "chứng thư gốc và danh sách thu hồi còn hiệu lực")]
    return [
        HealthLine("trust", False, f"{explain(one.code).vi} {one.detail}", explain(one.code).do_vi) for one in problems
    ]


def _revocation_data(settings: Settings, now: datetime) -> HealthLine:
    """Tell the age of each authority's newest list, and whether fetching still brings any."""
    newest: dict[str, datetime] = {}
    for paper in list_papers(settings.trust_folders):
        if paper.kind == "crl":
            newest[paper.name] = max(paper.not_before, newest.get(paper.name, paper.not_before))
    ages = "; ".join(f"{name}: {(now - made) // timedelta(hours=1)} giờ" for name, made in sorted(newest.items()))
    said = f"tuổi danh sách thu hồi: {ages}" if ages else "chưa có danh sách thu hồi nào"
    if not settings.trust.fetch_hosts:
        return HealthLine(
            "revocation data", bool(ages), f"{said}; không tự tải", "Chép danh sách mới vào thư mục trust."
        )
    fetched = [path.stat().st_mtime for path in settings.trust_folders[0].glob("fetched-*")]
    latest = datetime.fromtimestamp(max(fetched, default=0.0), UTC)
    if not fetched or datetime.now(UTC) - latest > 3 * timedelta(hours=FETCH_EVERY_HOURS):
        remedy = f"Xem nhật ký (not_fetched); các máy chủ được phép: {', '.join(settings.trust.fetch_hosts)}."
        return HealthLine("revocation data", False, f"{said}; lâu rồi không tải được gì", remedy)
    return HealthLine("revocation data", True, f"{said}; tải lần cuối {latest.isoformat(timespec='seconds')}")


def _letters(ledger: Ledger) -> HealthLine:
    stuck = {
        state: len(ledger.letters.in_state(state))
        for state in (LetterState.IN_DOUBT, LetterState.FAILED, LetterState.UNDELIVERED)
    }
    if any(stuck.values()):
        words = ", ".join(f"{state.value} {count}" for state, count in stuck.items() if count)
        return HealthLine("letters", False, words, "Mở trang Thư phúc đáp và quyết định từng thư.")
    return HealthLine("letters", True, "không có thư nào chờ người quyết định")


def _shelf(ledger: Ledger) -> HealthLine:
    count = Queries(ledger.database, UTC).count(LogFilter(state=State.SHELVED))
    if count:
        return HealthLine("shelf", False, f"{count} văn bản chưa kiểm tra được", "Mở Sổ tiếp nhận, lọc “shelved”.")
    return HealthLine("shelf", True, "không có văn bản nào bị gác lại")


def _daemon(ledger: Ledger) -> HealthLine:
    holder = Lease(ledger.database, "poller").holder()
    if holder is None:
        return HealthLine("daemon", None, "không có dịch vụ nền nào đang chạy", "Chạy `intake run`.")
    return HealthLine("daemon", True, f"{holder.host}, tiến trình {holder.pid}")
