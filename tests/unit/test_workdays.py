"""Working days and the cut-offs that the calendar proposes."""

from datetime import date, datetime
from pathlib import Path

import pytest

from config.campaign import CalendarRule
from config.workdays import Workdays, load_overrides, propose
from tests.makers import CLOSES, DUE, OFFICE

SHIPPED = Workdays(load_overrides(Path("config/workday-overrides.toml")))


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("2019-09-15", "2019-09-20"),
        ("2019-09-16", "2019-09-23"),
        pytest.param("2019-04-24", "2019-05-04", id="a Saturday that was worked"),
        ("2018-12-28", "2019-01-07"),
        ("2025-04-24", "2025-05-05"),
        ("2026-08-19", "2026-08-25"),
        pytest.param("2025-12-31", "2026-01-09", id="a day moved by the Government, from the office's table"),
        ("2026-11-20", "2026-11-30"),
    ],
)
def test_five_working_days_after_a_day(anchor: str, expected: str) -> None:
    """The anchor itself is not counted (Civil Code 2015, art. 147(2))."""
    assert SHIPPED.after(date.fromisoformat(anchor), 5) == date.fromisoformat(expected)


def test_the_offices_table_wins_over_the_library() -> None:
    """2 January 2026 was a day off by a late decision; the library alone calls it a working day."""
    day = date(2026, 1, 2)

    assert (Workdays().is_working(day), SHIPPED.is_working(day)) == (True, False)


@pytest.mark.parametrize(
    ("changes", "due", "closes"),
    [
        pytest.param({}, DUE, CLOSES, id="A and G1, the default"),
        pytest.param(
            {"due_reading": "office_hours", "day_end": "17:00"},
            datetime(2019, 9, 13, 17, tzinfo=OFFICE),
            datetime(2019, 9, 20, 17, tzinfo=OFFICE),
            id="B and G5",
        ),
        pytest.param({"due_reading": "day_included"}, datetime(2019, 9, 16, tzinfo=OFFICE), CLOSES, id="C"),
        pytest.param({"due_reading": "rolled"}, datetime(2019, 9, 17, tzinfo=OFFICE), CLOSES, id="D"),
        pytest.param({"count_anchor_day": True}, DUE, CLOSES, id="G2, the same in 2019: a Sunday"),
        pytest.param({"roll_anchor": True}, DUE, datetime(2019, 9, 24, tzinfo=OFFICE), id="G3"),
    ],
)
def test_every_reading_of_the_letter_gives_its_cut_offs(
    changes: dict[str, object], due: datetime, closes: datetime
) -> None:
    """The readings that the letter allows are settings, and each gives the instants that were worked out by hand."""
    proposal = propose(CalendarRule(**changes), date(2019, 9, 15), SHIPPED, OFFICE)

    assert (proposal.due, proposal.closes) == (due, closes)


def test_the_shipped_calendar_names_why_a_day_is_off() -> None:
    """The report shows the calendar used, so every day off says why."""
    assert SHIPPED.day(date(2019, 9, 15)).because == "Chủ nhật"
