"""What is wrong with the whole stands on every page with what to do, and the sums account for every item shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from intake.console.alerts import alerts_of
from intake.console.health import accounts_kept
from intake.ports import SourceError
from storage.records import LetterState, Role, State
from storage.tables import source_keys
from tests.makers_console import Answered, Bureau, Visitor, a_bureau, served


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An office whose mailbox was just seen."""
    with a_bureau(tmp_path) as made:
        made.person("vanthu")
        made.person("xem", Role.VIEWER)
        made.office.ledger.source_ok("mailbox", made.clock(), {"received": 0, "postponed": 0, "remarks": 0})
        yield made


@pytest.fixture
def clerk(bureau: Bureau) -> Iterator[Visitor]:
    """A clerk who signed in."""
    with served(bureau.desk) as where:
        visitor = Visitor(where)
        visitor.sign_in("vanthu")
        yield visitor


def words_of(page: Answered) -> str:
    """Return the words of a page, without marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_an_office_in_which_all_is_well_says_so(bureau: Bureau, clerk: Visitor) -> None:
    """No alarm without a cause."""
    assert alerts_of(bureau.desk, bureau.clock()) == ()
    assert "Không có việc nào: các nguồn xem được" in words_of(clerk.get("/health"))


def test_an_intake_that_pauses_for_the_disk_says_so_on_every_page(bureau: Bureau) -> None:
    """With the floor, what to do, and that nobody is judged late for it."""
    floor = (bureau.desk.vault.free_bytes() or 0) + 1024**4
    with served(replace(bureau.desk, disk_floor_bytes=floor)) as place:
        clerk = Visitor(place)
        clerk.sign_in("vanthu")
        for path in ("/", "/queue", "/log"):
            assert "Tạm dừng tiếp nhận: đĩa chỉ còn" in words_of(clerk.get(path)), path
        page = words_of(clerk.get("/health"))
    assert "Báo ngay quản trị hệ thống giải phóng đĩa; tiếp nhận tự chạy lại khi đủ chỗ." in page
    assert "không ai bị coi là chậm" in page


def test_an_outage_says_what_to_do_and_that_nothing_is_lost(bureau: Bureau, clerk: Visitor) -> None:
    """In Vietnamese first, also the error itself; the same in English stands below."""
    error = SourceError("FOLDER_NOT_LISTED", source="qlvb", root="/srv/x", why="Stale file handle")
    bureau.office.ledger.source_failed("qlvb", bureau.clock(), error.kept, error.remedy)
    page = words_of(clerk.get("/health"))
    assert "Nguồn qlvb: không xem được" in page
    assert "Cần làm: Báo quản trị hệ thống kèm dòng lỗi bên dưới. Văn bản gửi đến trong lúc này vẫn nằm ở nguồn" in page
    vi = "Nguồn qlvb: không xem được thư mục /srv/x: Stale file handle. Kiểm tra ổ đĩa mạng đã được gắn"
    en = "qlvb: the folder /srv/x cannot be listed: Stale file handle. Check that the share is mounted"
    assert page.index(f"Lỗi: {vi}") < page.index(en)


def test_an_outage_of_an_earlier_version_still_shows(bureau: Bureau, clerk: Visitor) -> None:
    """It was recorded in English words alone, and these are shown."""
    bureau.office.ledger.source_failed("qlvb", bureau.clock(), "cannot list /srv/x", "Check the share.")
    page = words_of(clerk.get("/health"))
    assert "Lỗi: cannot list /srv/x. Check the share." in page


def test_a_silent_service_is_an_alert(bureau: Bureau, clerk: Visitor) -> None:
    """A daemon that is down records nothing; silence is what it leaves."""
    bureau.clock.now += timedelta(minutes=50)
    assert "Dịch vụ nền có thể không chạy" in words_of(clerk.get("/health"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("LETTER_CAP_PER_DAY", "Phanh thư tự động: 1 thư bị giữ lại vì vượt mức trong ngày"),
        ("LETTER_CAP_PER_ADDRESS", "Phanh thư tự động: 1 thư bị giữ lại vì một địa chỉ đã nhận quá nhiều thư"),
    ],
)
def test_a_tripped_brake_is_told_until_a_person_settles_it(
    bureau: Bureau, clerk: Visitor, code: str, words: str
) -> None:
    """On every page, in the navigation, on the board and among the letters; settled, it is quiet again."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    book.withhold(letter.id, by="machine", reason=code, at=bureau.clock())
    front = clerk.get("/")
    assert words in words_of(front)
    assert re.search(r"Thư phúc đáp <span class=\"count\">1<", front.text)
    assert re.search(rf'<a href="/letters/{letter.id}"><span class="plain warn"', front.text)
    bureau.filed("sct")
    assert words in words_of(clerk.get("/letters"))
    listed = clerk.get("/letters?state=withheld&braked=1").text
    assert re.findall(r'<a href="/letters/(l\d+)">', listed) == [letter.id]
    offered = clerk.get(f"/letters/{letter.id}").text
    assert "Không gửi nữa" in offered
    assert "Gửi lại" in offered
    clerk.fill(f"/letters/{letter.id}", f"/letters/{letter.id}", do="withhold", reason="đã gọi điện")
    assert book.letter(letter.id).state is LetterState.WITHHELD
    assert words not in words_of(clerk.get("/"))


def test_the_page_of_letters_opens_the_breaker_of_the_day(bureau: Bureau, clerk: Visitor) -> None:
    """It says how many letters wait and what will happen; without a reason nothing happens."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    assert "Mở phanh" not in words_of(clerk.get("/letters"))
    book.withhold(letter.id, by="machine", reason="LETTER_CAP_PER_DAY", at=bureau.clock())
    assert "Có 1 thư đang bị giữ" in words_of(clerk.get("/letters"))
    assert clerk.fill("/letters", "/letters", reason=" ").status == 422
    assert book.letter(letter.id).state is LetterState.WITHHELD
    clerk.fill("/letters", "/letters", reason="một đợt gửi lớn")
    assert book.letter(letter.id).state is LetterState.QUEUED
    assert "Mở phanh" not in words_of(clerk.get("/letters"))


def test_a_letter_says_before_its_release_that_it_will_wait_at_the_breaker(bureau: Bureau) -> None:
    """Nobody presses the button and wonders: the page, the answer and the alerts say it."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    book.withhold(letter.id, by="machine", reason="LETTER_CAP_PER_ADDRESS", at=bureau.clock())
    with served(bureau.desk) as place:
        clerk = Visitor(place)
        clerk.sign_in("vanthu")
        page = words_of(clerk.get(f"/letters/{letter.id}"))
        assert "Bấm Gửi lại thì thư đi trong lượt gửi tới" in page
        assert "Phanh thư của ngày đang đóng" not in page
    with served(replace(bureau.desk, letters_per_day=0)) as place:
        clerk = Visitor(place)
        clerk.sign_in("vanthu")
        assert "Phanh thư của ngày đang đóng" in words_of(clerk.get(f"/letters/{letter.id}"))
        clerk.fill(f"/letters/{letter.id}", f"/letters/{letter.id}", do="resend", reason="đã gọi điện")
        assert "1 thư đã duyệt chờ phanh của ngày mở" in words_of(clerk.get("/letters"))
    assert book.letter(letter.id).state is LetterState.APPROVED


def test_a_letter_that_a_bounce_named_can_be_said_to_have_arrived(bureau: Bureau, clerk: Visitor) -> None:
    """Whoever was written to could make up a bounce: it is shown with its source, and a person has the last word."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    book.mark_sending(letter.id, bureau.clock())
    sent = book.mark_sent(letter.id, bureau.clock())
    bounce = bureau.filed("sct")
    book.mark_undelivered(letter.message_id, bureau.clock(), f"reported by {bounce.id}")
    page = clerk.get(f"/letters/{letter.id}").text
    assert f'<a href="/deliveries/{bounce.id}">xem thư báo</a>' in page
    assert clerk.fill(f"/letters/{letter.id}", f"/letters/{letter.id}", do="arrived", reason="").status == 422
    clerk.fill(f"/letters/{letter.id}", f"/letters/{letter.id}", do="arrived", reason="cơ quan đã nhận")
    settled = book.letter(letter.id)
    assert (settled.state, settled.error, settled.sent_at) == (LetterState.SENT, None, sent.sent_at)
    assert alerts_of(bureau.desk, bureau.clock()) == ()


def test_a_letter_that_has_no_address_trips_no_alarm(bureau: Bureau, clerk: Visitor) -> None:
    """Kept in the house for an ordinary reason, it is on the board and needs nobody at once."""
    letter = bureau.office.ledger.letters.letters_of(bureau.filed("stc").id)[0]
    assert letter.state is LetterState.WITHHELD
    assert alerts_of(bureau.desk, bureau.clock()) == ()
    assert 'class="count"' not in clerk.get("/").text


def test_an_undelivered_letter_is_marked_on_the_board_and_says_what_to_do(bureau: Bureau, clerk: Visitor) -> None:
    """A bounce that names one of our letters reaches the person who reads the board."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    book.mark_sending(letter.id, bureau.clock())
    book.mark_sent(letter.id, bureau.clock(), "250 ok")
    book.mark_undelivered(letter.message_id, bureau.clock(), "550 no such user")
    front = clerk.get("/")
    assert re.search(
        rf'<a href="/letters/{letter.id}"><span class="plain bad"[^>]*>.*?Không đến được nơi nhận', front.text
    )
    assert "1 thư không đến được nơi nhận" in words_of(front)
    assert "Kiểm tra hộp thư đã đăng ký của cơ quan, sửa nếu sai, rồi bấm Gửi lại" in words_of(clerk.get("/letters"))


def test_what_a_source_showed_equals_what_is_in_the_book_state_by_state(bureau: Bureau, clerk: Visitor) -> None:
    """One line is one sum in words: filed, held, set aside, received, and seen again."""
    bureau.filed("stc")
    bureau.held("FORM_UNSIGNED", agency="sct", signature="unsigned", signatures=[])
    bureau.decide(bureau.deliver(), State.SET_ASIDE, agency=None, signature=None, is_submission=False)
    bureau.deliver()
    page = words_of(clerk.get("/health"))
    sum_in_words = "mailbox 4 = Đã đến, đang kiểm tra 1 + Chờ quyết định 1 + Đã tiếp nhận 1 + Văn bản khác 1 Khớp 0"
    assert sum_in_words in page


def test_a_delivery_that_no_source_showed_does_not_add_up(bureau: Bureau, clerk: Visitor) -> None:
    """A row that somebody put into the book by hand is found by the sum, not hidden by it."""
    one = bureau.filed("stc")
    with bureau.office.database.writing() as connection:
        connection.execute(delete(source_keys).where(source_keys.c.delivery_id == one.id))
    assert "Không khớp: chạy intake audit" in words_of(clerk.get("/health"))


def test_what_could_not_be_had_yet_is_told_beside_the_sum(bureau: Bureau, clerk: Visitor) -> None:
    """It is still at its source, and no part of the book."""
    bureau.filed("stc")
    bureau.office.ledger.source_ok("mailbox", bureau.clock(), {"received": 1, "postponed": 3, "remarks": 0})
    assert "mailbox 1 = Đã tiếp nhận 1 Khớp 3" in words_of(clerk.get("/health"))


def test_a_thing_seen_again_is_counted_once() -> None:
    """Two keys of one delivery: two shown, one in the book, one seen again."""
    sums = {"mailbox": {"filed": 1, "total": 1, "keys": 2, "named": 1}}
    (one,) = accounts_kept(sums, ())
    assert (one.shown, [piece.count for piece in one.pieces], one.again, one.balanced) == (2, [1], 1, True)
