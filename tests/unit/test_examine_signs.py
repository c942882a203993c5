"""By which signs a document is known as the form."""

import pytest

from intake.examine import _is_title, year_named

WORDS = ("phiếu đánh giá", "ứng dụng CNTT")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PHIẾU ĐÁNH GIÁ", True),
        ("  PHIẾU ĐÁNH GIÁ KẾT QUẢ NĂM 2019", True),
        ("Phiếu đánh giá kết quả hoạt động", False),
        ("V/v gửi PHIẾU ĐÁNH GIÁ", False),
        ("phiếu đánh giá", False),
        ("", False),
    ],
)
def test_only_a_line_in_capitals_that_begins_with_the_word_is_a_title(line: str, expected: bool) -> None:
    """A covering letter's abstract may wrap so that a line begins with the word, but not in capitals."""
    assert _is_title(line, WORDS) is expected


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("PHIẾU ĐÁNH GIÁ\nKết quả hoạt động năm 2019", 2019),
        ("PHIẾU ĐÁNH GIÁ năm 2018 so với năm 2019", None),
        ("Báo cáo năm 2018. PHIẾU ĐÁNH GIÁ năm 2019", 2019),
        ("PHIẾU ĐÁNH GIÁ", None),
    ],
)
def test_the_year_is_the_titles_own_and_no_other(text: str, year: int | None) -> None:
    """Two years in the title are no year."""
    assert year_named(text) == year
