"""When a thing in the export folder arrived: the rule alone, without a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.sources.folder_moment import CLOCK_TOLERANCE, Moment, Sighting, moment_of

BEFORE = datetime(2019, 9, 14, 16, 58, tzinfo=UTC)
FIRST = BEFORE + timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DOS = datetime(1979, 12, 31, 17, tzinfo=UTC)  # 1980 in Vietnam: what unpackers write who were told no time.


@pytest.mark.parametrize(
    ("not_there_at", "file_time", "stamp", "expected"),
    [
        pytest.param(BEFORE, BEFORE, None, Moment(BEFORE, "file-time"), id="at the listing without it"),
        pytest.param(BEFORE, FIRST, None, Moment(FIRST, "file-time"), id="at the listing with it"),
        pytest.param(BEFORE, BEFORE - SECOND, None, Moment(FIRST, "listing-interval", BEFORE), id="too old"),
        pytest.param(BEFORE, FIRST + SECOND, None, Moment(FIRST, "listing-interval", BEFORE), id="in the future"),
        pytest.param(None, BEFORE - timedelta(days=9), None, Moment(BEFORE - timedelta(days=9), "file-time"), id="old"),
        pytest.param(None, FIRST + SECOND, None, Moment(FIRST, "first-listing"), id="in the future at the first look"),
        pytest.param(None, DOS, None, Moment(FIRST, "first-listing"), id="no time at the first look"),
        pytest.param(BEFORE, DOS, None, Moment(FIRST, "listing-interval", BEFORE), id="no time later"),
        pytest.param(BEFORE, BEFORE, DOS, Moment(BEFORE, "file-time"), id="a stamp that is no time"),
        pytest.param(BEFORE, BEFORE, BEFORE - SECOND, Moment(BEFORE - SECOND, "manifest"), id="stamped"),
        pytest.param(
            BEFORE, BEFORE, FIRST + CLOCK_TOLERANCE, Moment(FIRST + CLOCK_TOLERANCE, "manifest"), id="inexact stamp"
        ),
        pytest.param(
            BEFORE, BEFORE, FIRST + CLOCK_TOLERANCE + SECOND, Moment(BEFORE, "file-time"), id="impossible stamp"
        ),
    ],
)
def test_the_moment_of_a_folder_item(
    not_there_at: datetime | None, file_time: datetime, stamp: datetime | None, expected: Moment
) -> None:
    """The manifest's stamp, else the file's time within the listings, else the interval between them."""
    assert moment_of(Sighting(FIRST, not_there_at), file_time, stamp) == expected


@pytest.mark.parametrize(
    ("changed_at", "earliest"),
    [(BEFORE, BEFORE), (FIRST, None), (FIRST + SECOND, None), (DOS, None), (None, None)],
    ids=["before the look", "at the look", "in the future", "no time", "unknown"],
)
@pytest.mark.parametrize("file_time", [DOS, FIRST + SECOND], ids=["no time", "in the future"])
def test_at_the_first_look_ever_a_file_without_a_time_was_there_when_the_system_last_touched_it(
    file_time: datetime, changed_at: datetime | None, earliest: datetime | None
) -> None:
    """Its change time is set by the system alone; else nobody knows since when the file has been there."""
    assert moment_of(Sighting(FIRST, None), file_time, None, changed_at) == Moment(FIRST, "first-listing", earliest)


@given(
    file_time=st.datetimes(timezones=st.just(UTC)),
    stamp=st.none() | st.datetimes(timezones=st.just(UTC)),
    gap=st.none() | st.timedeltas(timedelta(0), timedelta(days=30)),
)
def test_without_a_stamp_nobody_is_later_than_the_look_that_showed_him(
    file_time: datetime, stamp: datetime | None, gap: timedelta | None
) -> None:
    """Nor earlier than the look before, except by a stamp or where there was none."""
    sighting = Sighting(FIRST, None if gap is None else FIRST - gap)
    moment = moment_of(sighting, file_time, stamp)
    if moment.witness != "manifest":
        assert (moment.earliest or moment.at) <= moment.at <= FIRST
        assert sighting.not_there_at is None or (moment.earliest or moment.at) >= sighting.not_there_at
