"""How times, sizes and strangers' texts look on the console's pages."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from intake.console.entrance import safe_path
from intake.console.showing import (
    MAX_SHOWN,
    ago,
    exact_moment,
    finalize,
    moment,
    number,
    short_moment,
    size,
    span,
    until,
    visible,
    written_moment,
)
from intake.console.submission import disposition

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DUE = datetime(2019, 9, 14, 17, 0, tzinfo=UTC)


def test_every_control_and_format_character_is_written_out() -> None:
    """Whatever Unicode calls a control, a format character, a line separator or a surrogate shows its number."""
    kept = {"\n", "\t"}
    hidden = [
        letter
        for letter in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs") and letter not in kept
    ]
    shown = [letter for letter in hidden if letter in visible(f"a{letter}b")]
    assert shown == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("phieu\u202efdp.exe", "phieu⟨U+202E⟩fdp.exe", id="right-to-left override"),
        pytest.param("a\u200bb", "a⟨U+200B⟩b", id="zero width space"),
        pytest.param("a\x00b", "a⟨U+0000⟩b", id="null"),
        pytest.param("a\ud800b", "a⟨U+D800⟩b", id="lone surrogate"),
        pytest.param("a\u3164b", "a⟨U+3164⟩b", id="Hangul filler"),
        pytest.param("một\r\nhai", "một\nhai", id="line end of Windows"),
    ],
)
def test_a_hidden_character_shows_its_number(text: str, expected: str) -> None:
    """A clerk sees that something is hidden, and what."""
    assert visible(text) == expected


def test_vietnamese_in_either_form_is_left_alone() -> None:
    """Composed and decomposed letters with two marks are words, not decoration."""
    words = "Phiếu đánh giá của Ủy ban nhân dân thị xã La Gi"
    for form in ("NFC", "NFD"):
        assert visible(unicodedata.normalize(form, words)) == unicodedata.normalize(form, words)


def test_a_pile_of_marks_is_cut() -> None:
    """A hundred marks on one letter would paint over the rows above."""
    assert visible("a" + "\u0301" * 100) == "a" + "\u0301" * 4 + "⟨…⟩"


def test_a_very_long_text_is_bounded() -> None:
    """A subject of a megabyte must not become a page of a megabyte."""
    assert len(visible("x" * 1_000_000)) < MAX_SHOWN + 10


def test_what_templates_print_is_made_visible_but_markup_is_not_touched() -> None:
    """Our own markup passes, None prints nothing, and a stranger's text is shown."""
    assert finalize(None) == ""
    assert finalize("a\u202eb") == "a⟨U+202E⟩b"
    assert finalize(Markup("<b>x</b>")) == Markup("<b>x</b>")
    assert finalize(3) == 3


def test_times_are_the_offices_with_their_zone() -> None:
    """Midnight of the fifteenth in Bình Thuận is seventeen hours of the fourteenth in UTC."""
    assert moment(DUE, ZONE) == "15/09/2019 00:00 (GMT+7)"
    assert short_moment(DUE, ZONE) == "15/09/2019 00:00"
    assert exact_moment(DUE, ZONE) == "15/09/2019 00:00:00 (GMT+7)"
    assert moment(None, ZONE) == "–"
    assert moment(DUE, ZoneInfo("Asia/Kathmandu")) == "14/09/2019 22:45 (GMT+5:45)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2019-09-14T17:00:00+00:00", "15/09/2019 00:00:00 (GMT+7)", id="another zone"),
        pytest.param("2019-09-14T17:00:00", "2019-09-14T17:00:00", id="no zone: nothing is made up"),
        pytest.param("yesterday", "yesterday", id="no moment"),
        pytest.param(None, "–", id="none"),
    ],
)
def test_a_written_moment_is_shown_in_the_offices_zone(text: str | None, expected: str) -> None:
    """Reports hold times as text; pages show them like every other time."""
    assert written_moment(text, ZONE) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(DUE - timedelta(seconds=1), "còn chưa đến 1 phút", id="the last second"),
        pytest.param(DUE, "đã qua chưa đến 1 phút", id="the instant itself is outside"),
        pytest.param(DUE - timedelta(days=3, hours=4, minutes=5), "còn 3 ngày 4 giờ", id="days"),
        pytest.param(DUE + timedelta(hours=2, minutes=5), "đã qua 2 giờ 5 phút", id="hours after"),
    ],
)
def test_a_countdown_changes_side_at_the_cut_off_itself(at: datetime, expected: str) -> None:
    """A cut-off is the first instant outside, in words too."""
    assert until(DUE, at) == expected


def test_lengths_sizes_and_numbers_are_written_the_vietnamese_way() -> None:
    """Comma for decimals, dot for thousands, the two largest units of time."""
    assert span(timedelta(days=2)) == "2 ngày"
    assert ago(DUE - timedelta(minutes=3), DUE) == "3 phút trước"
    assert ago(DUE + timedelta(minutes=3), DUE) == "sau 3 phút"
    assert ago(None, DUE) == "chưa lần nào"
    assert size(1023) == "1023 B"
    assert size(1536) == "1,5 KB"
    assert size(25 * 1024 * 1024) == "25,0 MB"
    assert number(1234567) == "1.234.567"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
        "",
        "/\t/evil.example",
        "/logout",
    ],
)
def test_signing_in_never_leads_to_another_site(path: str) -> None:
    """Whatever stands in `next`, only a path of ours is followed."""
    assert safe_path(path) == "/"


def test_signing_in_leads_back_to_the_page_that_was_wanted() -> None:
    """A clerk who opened a link lands there."""
    assert safe_path("/deliveries/d000001?page=2") == "/deliveries/d000001?page=2"


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="b.html',
        "a\r\nSet-Cookie: x=1",
        "../../etc/passwd",
        "C:\\x\\y.pdf",
        "phiếu\u202efdp.exe",
        "..",
        "",
    ],
)
def test_a_strangers_file_name_cannot_leave_its_header(name: str) -> None:
    """Quotes, line ends, paths and hidden characters never reach the browser as such."""
    header = disposition(name)
    assert header.startswith('attachment; filename="')
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert not set("\\/:") & set(header.removeprefix("attachment; filename="))


def test_a_vietnamese_file_name_keeps_its_marks() -> None:
    """The full name stands percent-encoded beside the plain one."""
    header = disposition("phiếu đánh giá.pdf")
    assert header.endswith("filename*=UTF-8''phi%E1%BA%BFu%20%C4%91%C3%A1nh%20gi%C3%A1.pdf")
