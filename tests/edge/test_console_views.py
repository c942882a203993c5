"""The log's conditions as chips, searches saved under a name, and the way to the next undecided delivery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from storage.records import Role, State
from tests.makers_console import Bureau, Visitor, a_bureau, served


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An office with two clerks and a viewer."""
    with a_bureau(tmp_path) as made:
        made.person("vanthu")
        made.person("thuhai")
        made.person("xem", Role.VIEWER)
        yield made


@pytest.fixture
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield where


def signed_in(place: str, name: str) -> Visitor:
    """Return a browser in which `name` signed in."""
    visitor = Visitor(place)
    visitor.sign_in(name)
    return visitor


def chips(page: str) -> dict[str, str]:
    """Return the chips of a page: their words and where they lead."""
    row = page.partition('aria-label="Đang lọc theo">')[2].partition("</ul>")[0]
    return {
        words: unescape(address)
        for address, words in re.findall(r'<a href="([^"]*)" aria-label="Bỏ điều kiện ([^"]*)"', row)
    }


def own_views(page: str) -> dict[str, str]:
    """Return the person's saved searches on a page: name and address."""
    row = page.partition('aria-label="Các mục lọc của tôi">')[2].partition("</ul>")[0]
    return {
        name.strip(): unescape(address)
        for address, name in re.findall(r'<a href="([^"]*)"[^>]*><svg.*?</svg>([^<]*)</a>', row)
    }


def test_each_condition_is_a_chip_that_takes_only_itself_away(place: str) -> None:
    """Words in the language of the office; the page number goes, the other conditions stay."""
    page = signed_in(place, "vanthu").get("/log?view=undecided&q=s%E1%BB%9F&agency=snv&since=01/09/2019&page=2").text
    assert chips(page) == {
        "Mục: Chờ quyết định": "/log?q=s%E1%BB%9F&agency=snv&since=01%2F09%2F2019",
        "Có chữ: “sở”": "/log?view=undecided&agency=snv&since=01%2F09%2F2019",
        "Cơ quan: Sở Nội vụ": "/log?view=undecided&q=s%E1%BB%9F&since=01%2F09%2F2019",
        "Đến từ ngày: 01/09/2019": "/log?view=undecided&q=s%E1%BB%9F&agency=snv",
    }


def test_a_log_without_conditions_has_no_chips_and_nothing_to_save(place: str) -> None:
    """The whole log needs no name."""
    page = signed_in(place, "vanthu").get("/log").text
    assert chips(page) == {}
    assert "Lưu điều kiện lọc này" not in page


def test_a_search_is_saved_opened_and_removed(place: str) -> None:
    """Saving leads back to the same listing; the name stands above the log and opens it again."""
    clerk = signed_in(place, "vanthu")
    done = clerk.fill("/log?state=held&page=3", "/log/views?state=held&page=3&junk=1", name=" Chờ <b>lâu</b> ")
    assert (done.status, done.headers["location"]) == (303, "/log?state=held&notice=view-saved")
    page = clerk.get("/log").text
    assert own_views(page) == {"Chờ &lt;b&gt;lâu&lt;/b&gt;": "/log?state=held"}
    opened = clerk.get("/log?state=held").text
    assert '<a href="/log?state=held" aria-current="page">' in opened
    assert "Lưu điều kiện lọc này" not in opened
    clerk.fill("/log", "/log/views/remove", name="Chờ <b>lâu</b>")
    assert own_views(clerk.get("/log").text) == {}


def test_nobody_sees_or_removes_anothers_search(place: str) -> None:
    """Two clerks, and a viewer who may save as well."""
    one, other, viewer = (signed_in(place, name) for name in ("vanthu", "thuhai", "xem"))
    one.fill("/log?state=held", "/log/views?state=held", name="của tôi")
    assert viewer.fill("/log?state=filed", "/log/views?state=filed", name="đã nhận").status == 303
    assert own_views(other.get("/log").text) == {}
    other.fill("/log?state=held", "/log/views/remove", name="của tôi")
    assert own_views(one.get("/log").text) == {"của tôi": "/log?state=held"}


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_search_without_a_usable_name_comes_back_with_words(place: str, name: str) -> None:
    """The listing stays as it was, and the form is open again."""
    answer = signed_in(place, "vanthu").fill("/log?state=held", "/log/views?state=held", name=name)
    assert answer.status == 422
    assert "Tên mục lọc phải có từ 1 đến 60 ký tự" in answer.text
    assert list(chips(answer.text)) == ["Tình trạng: Chờ quyết định"]


@pytest.mark.parametrize("path", ["/log/views?state=held", "/log/views/remove", "/keys"])
def test_a_strange_page_can_change_none_of_it(place: str, path: str) -> None:
    """Without the token nothing is saved, removed or switched (CSRF)."""
    clerk = signed_in(place, "vanthu")
    assert clerk.post(path, {"name": "x", "shortcuts": "off"}).status == 403
    assert own_views(clerk.get("/log").text) == {}


def test_a_switch_knows_two_positions(place: str) -> None:
    """Anything else is not there."""
    assert signed_in(place, "vanthu").fill("/keys", "/keys", shortcuts="maybe").status == 404


def test_the_next_undecided_follows_the_queue_and_begins_again(bureau: Bureau, place: str) -> None:
    """The oldest first, then what came after the one that is open; after the last the first again."""
    clerk = signed_in(place, "vanthu")
    assert clerk.get("/queue/next").headers["location"] == "/queue"
    first, second = (bureau.held("FORM_UNSIGNED", agency=one) for one in ("snv", "stc"))
    bureau.filed("sct")
    assert second.state is State.HELD
    for after, wanted in (("", first), ("?after=nobody", first), (f"?after={first.id}", second)):
        assert clerk.get(f"/queue/next{after}").headers["location"] == f"/deliveries/{wanted.id}"
    assert clerk.get(f"/queue/next?after={second.id}").headers["location"] == f"/deliveries/{first.id}"
    assert f'href="/queue/next?after={first.id}" data-key="n"' in clerk.get(f"/deliveries/{first.id}").text


def test_keys_lead_only_to_links(bureau: Bureau, place: str) -> None:
    """A mark for a key stands on links and on the search field, never on a button: no key sends a form."""
    held = bureau.held("FORM_UNSIGNED", agency="snv")
    clerk = signed_in(place, "vanthu")
    for path in ("/", "/queue", "/log", f"/deliveries/{held.id}", f"/deliveries/{held.id}/decide/accept"):
        marked = re.findall(r'<(\w+)[^>]*\sdata-key="(.)"', clerk.get(path).text)
        assert {tag for tag, _ in marked} <= {"a", "input"}, path
    keys = {key for _, key in re.findall(r'<(\w+)[^>]*\sdata-key="(.)"', clerk.get(f"/deliveries/{held.id}").text)}
    assert keys == {"a", "r", "n", "/"}
