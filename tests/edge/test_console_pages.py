"""What the console's pages show: every agency, every delivery, every check, and strangers' texts only as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import event

from config.reasons import keep
from intake.console.desk import HealthLine
from intake.ports import SourceError
from storage.records import Channel, LetterKind, State, Why
from tests.makers_console import (
    ZONE,
    Answered,
    Bureau,
    Visitor,
    a_bureau,
    a_pdf,
    a_signature,
    an_answer,
    served,
)

HOSTILE = "\"><script>alert(1)</script>\u202efdp.exe\x07 <b onmouseover=x>'"


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An office with one clerk."""
    with a_bureau(tmp_path) as made:
        made.person("vanthu")
        yield made


@pytest.fixture
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield where


@pytest.fixture
def clerk(place: str) -> Visitor:
    """A clerk who has signed in."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    return visitor


def words_of(answer: Answered) -> str:
    """Return a page's running text, tags dropped and spaces joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def rows_of(answer: Answered) -> list[str]:
    """Return the text of each row of the page's first table."""
    body = answer.text.partition("<tbody")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("<tr")[1:]]


# The board


def test_the_board_has_a_row_for_every_agency_the_missing_included(bureau: Bureau, clerk: Visitor) -> None:
    """Whoever sent nothing is a row and not an absence."""
    bureau.filed("stc")
    rows = rows_of(clerk.get("/"))
    agencies = bureau.desk.roster().agencies
    assert len(rows) == len(agencies)
    assert sum("Chưa gửi" in row for row in rows) == len(agencies) - 1
    assert sum("Đã tiếp nhận" in row for row in rows) == 1


def test_the_boards_sums_add_up_to_the_roster(bureau: Bureau, clerk: Visitor) -> None:
    """Whatever arrived, copies and other mail included, the sums are the roster's number."""
    bureau.filed("stc")
    bureau.filed("stc")
    bureau.held("FORM_UNSIGNED", agency="snv", signature="unsigned", signatures=[])
    bureau.decide(bureau.deliver(), State.SET_ASIDE, agency="sct", signature=None, is_submission=False)
    bureau.decide(bureau.deliver(), State.SHELVED, agency="sgtvt", signature=None)
    page = clerk.get("/")
    sums = [int(found) for found in re.findall(r"<b>(\d+)</b><span", page.text)]
    assert sum(sums) == len(bureau.desk.roster().agencies)
    assert f"= {len(bureau.desk.roster().agencies)} cơ quan" in words_of(page)


def test_an_agency_that_sent_only_other_mail_is_still_missing(bureau: Bureau, clerk: Visitor) -> None:
    """Correspondence stands for nobody."""
    bureau.decide(bureau.deliver(), State.SET_ASIDE, agency="sct", signature=None, is_submission=False)
    assert not [row for row in rows_of(clerk.get("/")) if "Chưa gửi" not in row]


def test_the_board_names_the_witness_and_the_letters_fate(bureau: Bureau, clerk: Visitor) -> None:
    """A moment without its witness is no evidence; a letter that cannot be sent is shown here."""
    bureau.filed("stc")
    row = next(row for row in rows_of(clerk.get("/")) if "Đã tiếp nhận" in row)
    assert "giờ máy chủ thư nhận" in row
    assert "12/09/2019 08:07" in row
    assert "Không gửi" in row


def test_a_letter_in_doubt_outshines_a_later_one_that_went(bureau: Bureau, clerk: Visitor) -> None:
    """The agency may lack the first; the board says so until a person settles it."""
    one = bureau.filed("stttt")
    book = bureau.office.ledger.letters
    letter = book.letters_of(one.id)[0]
    book.mark_sending(letter.id, bureau.clock())
    book.mark_in_doubt(letter.id, bureau.clock(), "connection lost")
    row = next(row for row in rows_of(clerk.get("/")) if "Đã tiếp nhận" in row)
    assert "Không rõ đã gửi hay chưa" in row
    assert "1 thư không rõ đã gửi hay chưa" in words_of(clerk.get("/"))


def test_the_cut_offs_are_exact_instants_and_words(bureau: Bureau, clerk: Visitor) -> None:
    """A countdown alone is no deadline."""
    words = words_of(clerk.get("/"))
    assert "Đã qua 4 ngày 9 giờ" in words
    assert "đến trước 15/09/2019 00:00:00 (GMT+7)" in words
    assert "Còn 1 ngày 14 giờ" in words
    assert "đến trước 21/09/2019 00:00:00 (GMT+7)" in words


def test_a_sample_roster_is_marked(clerk: Visitor) -> None:
    """Nobody mistakes the shipped list for an official one."""
    assert "MẪU MINH HỌA" in words_of(clerk.get("/"))


def test_filters_narrow_the_rows_and_never_the_sums(bureau: Bureau, clerk: Visitor) -> None:
    """The totals stay the roster's."""
    bureau.filed("stc")
    page = clerk.get("/?state=filed&timeliness=on_time")
    assert len(rows_of(page)) == 1
    assert sum(int(found) for found in re.findall(r"<b>(\d+)</b><span", page.text)) == len(
        bureau.desk.roster().agencies
    )
    assert clerk.get("/?state=nonsense&timeliness=%00").status == 200


def test_the_board_asks_the_database_as_often_for_many_as_for_few(bureau: Bureau, clerk: Visitor) -> None:
    """A hundred agencies cost no more questions than one."""
    asked: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    bureau.filed("stc")
    event.listen(bureau.office.database.engine, "before_cursor_execute", count)
    clerk.get("/")
    for_one = len(asked)
    for agency in bureau.desk.roster().agencies[5:20]:
        bureau.filed(agency.id)
    asked.clear()
    clerk.get("/")
    assert len(asked) == for_one


# The intake log


@pytest.mark.parametrize("words", ["phieu danh gia", "PHIẾU ĐÁNH GIÁ", "Phiê\u0301u", "Tài chính", "tai chinh"])
def test_the_log_is_found_with_and_without_marks(bureau: Bureau, clerk: Visitor, words: str) -> None:
    """Composed, decomposed, bare or loud: a clerk types as it comes."""
    bureau.filed("stc")
    bureau.decide(
        bureau.deliver(subject="Giấy mời họp"), State.SET_ASIDE, agency=None, signature=None, is_submission=False
    )
    rows = rows_of(clerk.get(f"/log?q={quote(words)}"))
    assert len(rows) == 1
    assert "PDG-2019-000001" in rows[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", 4, id="everything"),
        pytest.param("view=undecided", 2, id="undecided"),
        pytest.param("view=unmatched", 1, id="unmatched"),
        pytest.param("view=aside", 1, id="set aside"),
        pytest.param("state=filed", 1, id="state"),
        pytest.param("agency=stc", 1, id="agency"),
        pytest.param("channel=qlvb", 1, id="channel"),
        pytest.param("timeliness=in_grace", 1, id="timeliness"),
        pytest.param("signature=unsigned", 1, id="signature"),
        pytest.param("since=16/09/2019", 1, id="since a day"),
        pytest.param("until=12/09/2019", 3, id="until a day, the day included"),
        pytest.param("state=nonsense&agency=x&since=31/31/2019&page=-4&view=%FF", 4, id="nonsense asks nothing"),
        pytest.param("page=99", 0, id="beyond the end"),
    ],
)
def test_each_filter_asks_what_it_says(bureau: Bureau, clerk: Visitor, query: str, found: int) -> None:
    """Filters and saved views narrow the log, and only as they say."""
    late = datetime(2019, 9, 16, 8, 0, tzinfo=ZONE)
    bureau.decide(bureau.deliver(channel=Channel.QLVB, received_at=late), State.FILED, agency="stc")
    bureau.held("FORM_UNSIGNED", agency="snv", signature="unsigned", signatures=[])
    bureau.held("AGENCY_UNKNOWN", agency=None)
    bureau.decide(bureau.deliver(), State.SET_ASIDE, agency=None, signature=None, is_submission=False)
    rows = [row for row in rows_of(clerk.get(f"/log?{query}")) if "Không có văn bản nào" not in row]
    assert len(rows) == found


def test_a_long_log_is_turned_page_by_page(bureau: Bureau, clerk: Visitor) -> None:
    """Each delivery is on exactly one page, and the filter stays while turning."""
    for _ in range(53):
        bureau.decide(bureau.deliver(), State.SET_ASIDE, agency=None, signature=None, is_submission=False)
    first, second = clerk.get("/log?view=aside"), clerk.get("/log?view=aside&page=2")
    found = [re.findall(r'rowheader"[^>]*><a href="/deliveries/([^"]+)"', page.text) for page in (first, second)]
    assert [len(one) for one in found] == [50, 3]
    assert len({*found[0], *found[1]}) == 53
    assert "1–50 trong 53 văn bản" in words_of(first)
    assert "/log?view=aside&amp;page=2" in first.text


def test_the_queue_shows_the_oldest_first_and_why(bureau: Bureau, clerk: Visitor) -> None:
    """Who has waited longest is most in need of an answer."""
    bureau.held("AGENCY_UNKNOWN", agency=None)
    bureau.held("FORM_UNSIGNED", agency="snv", signature="unsigned", signatures=[])
    rows = rows_of(clerk.get("/queue"))
    assert "Chưa rõ cơ quan" in rows[0]
    assert "Sở Nội vụ" in rows[1]
    assert "chưa có chữ ký số" in rows[1]


# One delivery


def test_a_strangers_text_is_only_text_wherever_it_shows(bureau: Bureau, clerk: Visitor) -> None:
    """Sender, subject, file name, signer, detail of a reason and note: escaped, and hidden characters made visible."""
    signer = {**a_signature()["signer"], "common_name": HOSTILE, "issuer": HOSTILE}
    delivery = bureau.decide(
        bureau.deliver(subject=HOSTILE, sender=HOSTILE, name=HOSTILE, data=HOSTILE.encode()),
        State.HELD,
        reasons=[Why("AGENCY_MISMATCH", HOSTILE), Why("A_CODE_NOBODY_EXPLAINED", HOSTILE)],
        signatures=[a_signature(signer=signer, claimed_at=HOSTILE, reasons=[{"code": "X_Y", "detail": HOSTILE}])],
        file_name=HOSTILE,
        answers=(an_answer(),),
        flaws=(Why("FORM_HAS_FLAWS", HOSTILE),),
    )
    letter = bureau.office.ledger.letters.letters_of(delivery.id)[0]
    for path in (
        *("/", "/queue", "/log", "/letters", f"/letters/{letter.id}", f"/deliveries/{delivery.id}"),
        *(f"/deliveries/{delivery.id}/decide/return", f"/log?q={quote(HOSTILE)}"),
    ):
        page = clerk.get(path)
        assert page.status == 200, path
        assert "<script" not in page.text.replace('<script src="/static/keys.js?', ""), path
        assert "onmouseover=x>" not in page.text.replace("onmouseover=x&gt;", ""), path
        assert "\u202e" not in page.text, path
        assert "\x07" not in page.text, path
    assert "⟨U+202E⟩" in clerk.get(f"/deliveries/{delivery.id}").text


def test_each_check_has_its_line_with_words(bureau: Bureau, clerk: Visitor) -> None:
    """Integrity, signature, certificate, agency, form, year, timing: each says its result without colour."""
    good = bureau.filed("stc")
    words = words_of(clerk.get(f"/deliveries/{good.id}"))
    for line in (
        "Toàn vẹn nội dung Nguyên vẹn, đúng như bản đã ký",
        "Chữ ký số Hợp lệ",
        "Chứng thư số Được tin cậy, còn hiệu lực, chưa bị thu hồi",
        "Đúng cơ quan Sở Tài chính",
        "Đúng mẫu phiếu Có Phiếu đánh giá",
        "Đúng năm Không có dấu hiệu khác năm",
        "Thời hạn Đúng hạn",
    ):
        assert line in words, line


def test_a_reason_is_a_sentence_then_what_to_do_then_its_code(bureau: Bureau, clerk: Visitor) -> None:
    """A clerk reads words; the code is for whoever looks it up."""
    held = bureau.held("FORM_UNSIGNED", signature="unsigned", signatures=[])
    page = words_of(clerk.get(f"/deliveries/{held.id}"))
    assert "Phiếu đánh giá chưa có chữ ký số." in page
    assert page.index("chưa có chữ ký số.") < page.index("FORM_UNSIGNED")


def test_every_clock_reading_stands_behind_details(bureau: Bureau, clerk: Visitor) -> None:
    """The counted one is named so, and the sender's own is marked as not counting."""
    filed = bureau.filed("stc")
    page = words_of(clerk.get(f"/deliveries/{filed.id}"))
    assert "Được tính: giờ máy chủ thư nhận" in page
    assert "dòng Date do người gửi ghi (không tính hạn)" in page
    assert "12/09/2019 08:06:59 (GMT+7)" in page


def test_the_timeline_is_the_logs(bureau: Bureau, clerk: Visitor) -> None:
    """Every entry about the delivery, in order, with who did it."""
    filed = bureau.filed("stc")
    page = clerk.get(f"/deliveries/{filed.id}")
    entries = bureau.desk.queries.timeline(filed.id)
    shown = re.findall(r'<small class="soft">#(\d+)</small>', page.text)
    assert len(entries) >= 3
    assert shown == [str(entry.seq) for entry in entries]
    assert "Văn bản đến, đã lưu bản gốc · hệ thống" in words_of(page)


def test_other_versions_of_the_agency_are_linked(bureau: Bureau, clerk: Visitor) -> None:
    """From the new one to the old one and back."""
    first, second = bureau.filed("stc"), bureau.filed("stc")
    assert f'href="/deliveries/{second.id}"' in clerk.get(f"/deliveries/{first.id}").text
    assert f'href="/deliveries/{first.id}"' in clerk.get(f"/deliveries/{second.id}").text


def test_a_delivery_is_found_by_its_receipt_number_too(bureau: Bureau, clerk: Visitor) -> None:
    """A clerk has the number in hand, not our id."""
    filed = bureau.filed("stc")
    assert clerk.get(f"/deliveries/{filed.receipt_no}").status == 200


@pytest.mark.parametrize("ref", ["d999999", "PDG-2019-999999", "%00", "..%2f..%2fetc", "x" * 2000])
def test_what_is_not_there_is_a_page_that_says_so(clerk: Visitor, ref: str) -> None:
    """No crash and no inside."""
    page = clerk.get(f"/deliveries/{ref}")
    assert page.status == 404
    assert "Traceback" not in page.text


# Files


def test_a_file_comes_as_a_download_and_byte_for_byte(bureau: Bureau, clerk: Visitor) -> None:
    """Never inline, never by the sender's type, and sandboxed if a browser shows it anyway."""
    html = b"<html><script>alert(1)</script>"
    filed = bureau.decide(bureau.deliver(), pdf=html, file_name="phi\u1ebfu.html")
    answer = clerk.get(f"/deliveries/{filed.id}/files/{filed.form_sha256}")
    assert answer.body == html
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_original_can_be_downloaded_too(bureau: Bureau, clerk: Visitor) -> None:
    """The mail as it arrived is the evidence."""
    filed = bureau.filed("stc")
    assert clerk.get(f"/deliveries/{filed.id}/files/{filed.sha256}").body == b"mail 1"


def test_a_digest_opens_only_its_own_deliverys_files(bureau: Bureau, clerk: Visitor) -> None:
    """Whoever knows a digest still has to come through the delivery that holds it."""
    one, other = bureau.filed("stc"), bureau.filed("snv")
    assert clerk.get(f"/deliveries/{one.id}/files/{other.form_sha256}").status == 404
    for digest in ("0" * 64, "x", "..%2f..", one.form_sha256[:-1] if one.form_sha256 else ""):
        assert clerk.get(f"/deliveries/{one.id}/files/{digest}").status == 404


def test_the_forms_pages_are_drawn(bureau: Bureau, clerk: Visitor) -> None:
    """Page after page as PNG, and the page says how many there are once one was drawn."""
    filed = bureau.decide(bureau.deliver(), pdf=a_pdf(pages=3))
    for number in (1, 3):
        answer = clerk.get(f"/deliveries/{filed.id}/files/{filed.form_sha256}/pages/{number}.png")
        assert answer.headers["content-type"] == "image/png"
        assert answer.body.startswith(b"\x89PNG")
    assert "Trang 2 / 3" in words_of(clerk.get(f"/deliveries/{filed.id}?page=2"))


@pytest.mark.parametrize(
    "pdf",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"%PDF-1.7\nnot really", id="no PDF at all"),
        pytest.param(a_pdf()[:900], id="cut off"),
        pytest.param(a_pdf().replace(b"/MediaBox", b"/MediaBax"), id="no page size"),
        pytest.param(re.sub(rb"/Width \d+", b"/Width 99999999", a_pdf()), id="a picture of a hundred million columns"),
    ],
)
def test_a_page_that_cannot_be_drawn_says_so_in_the_pictures_place(bureau: Bureau, clerk: Visitor, pdf: bytes) -> None:
    """A hostile PDF costs one picture, never the console."""
    held = bureau.decide(bureau.deliver(), State.HELD, pdf=pdf)
    answer = clerk.get(f"/deliveries/{held.id}/files/{held.form_sha256}/pages/1.png")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/")
    assert clerk.get(f"/deliveries/{held.id}").status == 200


def test_only_a_pdf_is_drawn(bureau: Bureau, clerk: Visitor) -> None:
    """The mail itself has no pages."""
    filed = bureau.filed("stc")
    assert clerk.get(f"/deliveries/{filed.id}/files/{filed.sha256}/pages/1.png").status == 404


# Health


def test_an_outage_is_on_every_page_and_in_its_ledger(bureau: Bureau, clerk: Visitor) -> None:
    """Lateness is judged with the outages in view."""
    ledger = bureau.office.ledger
    ledger.source_ok("mailbox", bureau.clock() - timedelta(hours=3))
    error = SourceError("MAILBOX_REFUSED", where="mailbox: 127.0.0.1:993")
    ledger.source_failed("mailbox", bureau.clock() - timedelta(hours=1), error.kept, error.remedy)
    assert "Nguồn mailbox: không xem được, xem lần cuối 3 giờ trước" in words_of(clerk.get("/"))
    page = words_of(clerk.get("/health"))
    assert "đang gián đoạn" in page
    assert page.count("mailbox: 127.0.0.1:993: kết nối tới máy chủ thư bị từ chối hoặc bị ngắt.") == 3
    assert page.count("mailbox: 127.0.0.1:993: the connection was refused or cut") == 3
    assert "Kiểm tra host và port, và máy chủ thư đang chạy; lượt sau thử lại." in page


def test_a_letter_that_waits_says_why_in_vietnamese(bureau: Bureau, clerk: Visitor) -> None:
    """The relay's own words are a detail of the sentence."""
    book = bureau.office.ledger.letters
    letter = book.letters_of(bureau.filed("stttt").id)[0]
    book.mark_sending(letter.id, bureau.clock())
    words = keep("RELAY_AWAY", {"place": "127.0.0.1:25", "words": "ConnectionRefusedError: refused"})
    book.mark_try_later(letter.id, bureau.clock(), next_at=bureau.clock() + timedelta(hours=1), words=words)
    page = words_of(clerk.get("/letters"))
    assert "Chưa gửi được qua máy chủ gửi thư 127.0.0.1:25. Chi tiết: ConnectionRefusedError: refused." in page
    assert "RELAY_AWAY" not in page + clerk.get(f"/letters/{letter.id}").text
    assert "127.0.0.1:25: ConnectionRefusedError: refused" in words_of(clerk.get(f"/letters/{letter.id}"))
    assert "127.0.0.1:25: ConnectionRefusedError: refused" in [
        one["error"] for one in bureau.desk.queries.show(letter.delivery_id)["letters"]
    ]


def test_a_source_that_nobody_looked_at_lately_is_told(bureau: Bureau, clerk: Visitor) -> None:
    """A daemon that is down records no failure; silence is one."""
    bureau.office.ledger.source_ok("mailbox", bureau.clock() - timedelta(hours=2))
    page = clerk.get("/").text
    assert re.search(r'<li class="wait">.*Nguồn mailbox: xem lần cuối 2 giờ trước', page)


def test_the_doctor_is_asked_only_when_a_person_asks(bureau: Bureau, clerk: Visitor) -> None:
    """His visit may take seconds."""
    bureau.doctored.append(HealthLine("smtp", False, "connection refused", "Start the relay."))
    assert "Start the relay." not in clerk.get("/health").text
    assert "Start the relay." in clerk.get("/health?check=1").text


def test_the_logs_sums_add_up_on_the_health_page(bureau: Bureau, clerk: Visitor) -> None:
    """Nothing is unaccounted for."""
    bureau.filed("stc")
    bureau.held("FORM_UNSIGNED", signature="unsigned", signatures=[], letter=LetterKind.DEFECT)
    bureau.deliver()
    page = words_of(clerk.get("/health"))
    assert "Tổng cộng 3" in page


# Trouble


def test_a_campaign_file_that_cannot_be_read_is_said_in_words(bureau: Bureau, clerk: Visitor) -> None:
    """The page names file and remedy instead of breaking."""
    (bureau.folder / "campaign.toml").write_text("due = maybe", encoding="utf-8")
    page = clerk.get("/health")
    assert "campaign.toml" in page.text
    assert page.status in (200, 503)
    assert "Traceback" not in page.text
    assert clerk.get("/").status == 503


def test_a_bug_tells_nothing_of_the_inside(bureau: Bureau) -> None:
    """The page is calm and in Vietnamese, and bears the rules for browsers like any other."""
    broken = _Broken()
    with served(replace(bureau.desk, clock=broken)) as place:
        broken.falls = True
        answer = Visitor(place).get("/login")
    assert answer.status == 500
    assert "ZeroDivisionError" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


class _Broken:
    """A clock that can be made to fail, as a fault of ours would."""

    falls = False

    def __call__(self) -> datetime:
        return datetime.now(ZONE) if not self.falls else datetime.fromtimestamp(1 / 0, ZONE)


def test_a_document_sealed_after_it_was_numbered_is_shown_as_good(bureau: Bureau, clerk: Visitor) -> None:
    """That is how documents are lawfully made; a clerk must not read a doubt where the flow had none."""
    person = a_signature("indeterminate", changed_after="visible", intact=None, trusted=True, revocation="good")
    filed = bureau.decide(
        bureau.deliver(),
        State.FILED,
        signature="indeterminate",
        signatures=[person, a_signature()],
        reasons=[Why("SEALED_AFTER_CHANGE")],
    )
    page = words_of(clerk.get(f"/deliveries/{filed.id}"))
    assert "Toàn vẹn nội dung Nguyên vẹn; số, ngày văn bản được ghi trước khi đóng dấu" in page
    assert "Chữ ký số Hợp lệ (đã ghi số)" in page
    assert "Hợp lệ (đã ghi số)" in next(row for row in rows_of(clerk.get("/")) if "Đã tiếp nhận" in row)


@pytest.mark.parametrize(
    ("signature", "line"),
    [
        pytest.param({"intact": False}, "Toàn vẹn nội dung Nội dung đã bị thay đổi", id="altered"),
        pytest.param({"changed_after": "forbidden"}, "Nội dung đã bị thay đổi", id="forbidden change"),
        pytest.param({"intact": None}, "Toàn vẹn nội dung Chưa kết luận được", id="unknown is not no"),
        pytest.param({"changed_after": "visible"}, "Có nội dung được thêm sau một chữ ký", id="visible change"),
        pytest.param({"covers": "partial"}, "Có chữ ký không bao trùm toàn bộ tệp", id="covers a part"),
        pytest.param({"covers": "unknown"}, "Chưa rõ chữ ký bao trùm những gì", id="cover unknown"),
        pytest.param({"revocation": "revoked"}, "Chứng thư số Đã bị thu hồi", id="revoked"),
        pytest.param({"trusted": False}, "Chứng thư số Không thuộc hệ thống chứng thực", id="not trusted"),
        pytest.param({"trusted": None}, "Chứng thư số Chưa xác minh được", id="trust unknown"),
        pytest.param({"revocation": "unknown"}, "chưa tra được tình trạng thu hồi", id="revocation unknown"),
    ],
)
def test_one_bad_signature_among_good_ones_decides_its_line(
    bureau: Bureau, clerk: Visitor, signature: dict[str, object], line: str
) -> None:
    """A line is as good as the worst signature, and three-valued answers keep three values."""
    signatures = [a_signature(), a_signature(**signature)]
    held = bureau.held("SIGNATURE_INDETERMINATE", signature="indeterminate", signatures=signatures)
    assert line in words_of(clerk.get(f"/deliveries/{held.id}"))
