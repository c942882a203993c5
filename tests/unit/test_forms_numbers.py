"""Figures as offices write them: read the Vietnamese way, and never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.steps.form_numbers import format_number, parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("38", "38"),
        ("1.234", "1234"),
        ("1.234,5", "1234.5"),
        ("1.234.567", "1234567"),
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("1,234,567", "1234567"),
        ("1,234.5", "1234.5"),
        ("1,234", "1.234"),
        (" 1 234 ", "1234"),
        ("1 234,5", "1234.5"),
        ("5 phần mềm", "5"),
        ("38 người.", "38"),
        ("-3", "-3"),
        ("007", "7"),
        ("１２", "12"),
    ],
)
def test_a_figure_is_read_as_it_was_meant(text: str, value: str) -> None:
    """Dots part thousands, a comma parts decimals; what can only be English is read as English."""
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "khoảng 30",
        "30-40",
        "95%",
        "1.23.456",
        "1,2,3",
        "1.2345.678",
        "38/42",
        "ba mươi",
        "1" * 30,
        "1e9",
        "NaN",
    ],
)
def test_what_may_be_read_in_two_ways_is_not_read(text: str) -> None:
    """A person asks the agency instead."""
    assert parse_number(text) is None


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_what_we_write_reads_back(value: Decimal) -> None:
    """The template's own figures are read without loss."""
    assert parse_number(format_number(value)) == value


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    """Whatever stands in a field gives a figure or none."""
    assert parse_number(text) is None or isinstance(parse_number(text), Decimal)
