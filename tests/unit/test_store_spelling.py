"""What goes into the store has one spelling, and what people type finds it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from storage.logbook import FIRST_HASH, hash_of
from storage.search import MAX_SEARCH_CHARACTERS, fold, like_patterns, search_text
from storage.types import Exactly, Json, Number, UtcTime, canonical, clean, fits, label, plain, utc_text
from tests.makers import OFFICE

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
DIALECTS = (sqlite.dialect(), postgresql.dialect())


@given(JSON)
def test_canonical_json_is_one_spelling_of_the_same_value(value: Any) -> None:
    """Read and spelled again it is the same text, ASCII only, so that every machine hashes the same bytes."""
    spelled = canonical(value)

    assert json.loads(spelled) == value
    assert canonical(json.loads(spelled)) == spelled
    assert spelled.isascii()


@given(ANY_TEXT)
def test_what_is_cleaned_can_be_kept_and_printed(text: str) -> None:
    """No NUL and no lone surrogate is left, nothing else is changed, and cleaning twice is cleaning once."""
    cleaned = clean(text)

    assert "\0" not in cleaned
    assert cleaned.encode() is not None
    assert clean(cleaned) == cleaned
    assert len(label(text)) <= 1000


@given(ANY_TEXT)
def test_an_identity_comes_back_exactly(text: str) -> None:
    """Two keys that differ stay different, and each can be held by PostgreSQL."""
    column = Exactly()
    kept = column.process_bind_param(text, DIALECTS[1])

    assert kept is not None
    assert "\0" not in kept
    kept.encode()
    assert column.process_result_value(kept, DIALECTS[1]) == text


@given(JSON)
def test_json_in_a_column_is_printable(value: Any) -> None:
    """Names that a report quotes may hold anything; what comes out again can be shown."""
    kept = Json().process_bind_param(value, DIALECTS[0])

    if kept is not None:
        json.dumps(json.loads(kept), ensure_ascii=False).encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25, places=12))
def test_a_number_has_one_plain_spelling(number: Decimal) -> None:
    """No exponent, no trailing noughts, and the same value."""
    spelled = plain(number)

    assert Decimal(spelled) == number
    assert plain(Decimal(spelled)) == spelled
    assert not {"E", "e"} & set(spelled)
    assert fits(number)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "1E+31"])
def test_a_number_that_means_nothing_does_not_fit(number: str) -> None:
    """PostgreSQL would refuse it and a spreadsheet would show rubbish."""
    assert not fits(Decimal(number))
    with pytest.raises(ValueError, match="outside"):
        Number().process_bind_param(Decimal(number), DIALECTS[0])


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_moments_sort_as_their_spelling(naive: datetime) -> None:
    """On SQLite a moment is text, and the text's order is that of time."""
    moment = naive.replace(tzinfo=OFFICE)
    column = UtcTime()
    kept, later = (column.process_bind_param(one, DIALECTS[0]) for one in (moment, moment + timedelta(microseconds=1)))

    assert kept < later
    assert len(kept) == len(later) == 32
    assert column.process_result_value(kept, DIALECTS[0]) == moment


def test_a_moment_without_a_zone_has_no_place() -> None:
    """A deadline that moves with the server's clock is no deadline."""
    for naive in (datetime(2019, 9, 15), datetime(2019, 9, 15, tzinfo=UTC).replace(tzinfo=None)):
        with pytest.raises(ValueError, match="no time zone"):
            UtcTime().process_bind_param(naive, DIALECTS[0])
        with pytest.raises(ValueError, match="no time zone"):
            utc_text(naive)


def test_the_hash_of_an_entry_is_what_the_documents_say() -> None:
    """The rule is fixed for ever: an old log must verify with a new program."""
    at = datetime(2019, 9, 12, 5, 0, 0, 7, tzinfo=UTC)

    assert hash_of(1, at, "received", "d000001", "machine", '{"now":{}}', FIRST_HASH) == (
        "612b2291c488b9391d8c20abc7d024469ac7bc97cb31d4ac74a55438f9d6cdf6"
    )


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("Phiếu Đánh giá", "phieu danh gia"),
        ("phie\u0302\u0301u  \tđánh giá", "phieu danh gia"),
        ("ĐẮK LẮK", "dak lak"),
        ("Straße ﬁle ①", "strasse file 1"),
        ("", ""),
    ],
)
def test_marks_and_case_do_not_matter(typed: str, means: str) -> None:
    """People type as their keyboard allows."""
    assert fold(typed) == means


@given(ANY_TEXT)
def test_folding_is_done_once(text: str) -> None:
    """What was folded folds to itself, so that stored and typed words meet."""
    assert fold(fold(text)) == fold(text)


def test_what_is_searched_has_a_bound() -> None:
    """A thousand files with long names do not make a row of megabytes."""
    assert len(search_text(*("tên " * 1000 for _ in range(50)), None, "")) <= MAX_SEARCH_CHARACTERS
    assert search_text("Phiếu", "PHIẾU", None, "x") == "phieu | x"


def test_each_word_is_searched_for_itself() -> None:
    """The order of words does not matter, and what LIKE reads as a command is a letter."""
    assert like_patterns("Đánh  50%_\\") == ["%danh%", "%50\\%\\_\\\\%"]
    assert like_patterns("  ") == []
