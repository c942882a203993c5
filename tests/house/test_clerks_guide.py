"""The guide for clerks names pages and buttons as the console does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intake.console.words import ACTIONS, LETTER_STATES
from storage.records import LetterState

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "clerks.vi.md").read_text(encoding="utf-8")
CONSOLE = ROOT / "intake" / "console"


def spoken() -> str:
    """Return everything the console may say: its templates and its words."""
    files = [*CONSOLE.glob("templates/*.html"), *CONSOLE.glob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_act_stands_in_the_guide_under_its_own_name() -> None:
    """A clerk who reads the guide finds the button."""
    assert [word.vi for word in ACTIONS.values() if f"| **{word.vi}** |" not in GUIDE] == []


def test_every_page_in_the_guide_is_a_page() -> None:
    """The table of pages names what the navigation names."""
    table = GUIDE.partition("## 3.")[2].partition("## 4.")[0]
    pages = re.findall(r"^\| \*\*([^*]+)\*\* \|", table, re.MULTILINE)
    said = spoken()
    assert len(pages) == 7
    assert [page for page in pages if f'"{page}"' not in said] == []


@pytest.mark.parametrize("state", [LetterState.IN_DOUBT, LetterState.UNDELIVERED, LetterState.WITHHELD])
def test_letters_that_need_a_person_are_explained(state: LetterState) -> None:
    """Each state that a person must settle has its line."""
    assert f"*{LETTER_STATES[state].vi}*" in GUIDE


@pytest.mark.parametrize(
    "button",
    [
        *("Đăng xuất", "Xem trước rồi xác nhận", "Gửi lại", "Duyệt gửi", "Gia hạn thời gian nhận phiếu"),
        *("Kiểm tra ngay", "Đã đến nơi", "Mở phanh, gửi tiếp"),
    ],
)
def test_every_button_in_the_guide_is_on_a_page(button: str) -> None:
    """No instruction leads to a button that is called otherwise."""
    assert button in GUIDE
    assert button in spoken()
