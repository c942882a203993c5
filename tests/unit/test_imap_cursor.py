"""How far a folder has been read: holes, eras, and a text that outlives the process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.sources.imap_cursor import EAGER_TRIES, LONGEST_WAIT, Cursor, Hole
from intake.sources.imap_listing import MailRow
from intake.sources.imap_session import FolderState

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
rows = st.builds(MailRow, st.integers(1, 2**32 - 1), st.none() | st.integers(0, 2**40), st.none() | moments)
holes = st.builds(Hole, st.integers(0, 99), moments, st.none() | st.integers(0, 2**40), st.integers(0, 9))
cursors = st.builds(
    Cursor,
    uid_validity=st.integers(1, 2**32 - 1),
    era=st.integers(0, 5),
    next_uid=st.integers(1, 2**32),
    anchor=st.none() | rows,
    holes=st.dictionaries(st.integers(1, 2**32 - 1), holes, max_size=5),
    renumbered_below=st.integers(0, 2**32),
)


@given(cursors)
def test_a_cursor_reads_back_as_it_was_written(cursor: Cursor) -> None:
    """Over a restart nothing of it is lost."""
    assert Cursor.load(cursor.dump()) == cursor


@given(st.text(max_size=100) | st.sampled_from(["{}", "[]", "null", '{"uid_validity": 1}']))
def test_any_other_text_is_no_cursor(text: str) -> None:
    """Losing it costs only time, so it is never an error."""
    assert Cursor.load(text) is None


@given(cursors, rows)
def test_a_cursor_never_moves_back(cursor: Cursor, row: MailRow) -> None:
    """What was behind it stays behind it, but for the holes."""
    assert cursor.past(row).next_uid == max(cursor.next_uid, row.uid + 1)


def test_a_hole_is_tried_at_each_look_and_later_less_often() -> None:
    """At every look at first; a poison mail then at most once an hour, and never never."""
    hole = Hole(0, NOW)
    waits = []
    for _ in range(20):
        hole = hole.failed(NOW, None)
        waits.append(hole.again_at - NOW)
    assert waits[: EAGER_TRIES - 1] == [timedelta(0)] * (EAGER_TRIES - 1)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT


def test_equal_lengths_in_a_row_are_counted() -> None:
    """Another length begins the count anew, and no body at all ends it."""
    hole = Hole(0, NOW)
    counts = []
    for octets in (7, 7, 8, 8, 8, None, 8):
        hole = hole.failed(NOW, octets)
        counts.append(hole.alike)
    assert counts == [1, 2, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("state", "overtaken"),
    [
        (FolderState(1000, 10), False),
        (FolderState(1000, 11), False),
        (FolderState(1000, None), False),
        (FolderState(1000, 9), True),
        (FolderState(1001, 10), True),
        (FolderState(999, 10), True),
    ],
)
def test_a_folder_that_is_another_is_noticed(state: FolderState, overtaken: bool) -> None:
    """Another UIDVALIDITY, or a UIDNEXT that went back."""
    assert Cursor(1000, next_uid=10).is_overtaken(state) is overtaken


@pytest.mark.parametrize(
    ("validity", "prefix"), [(1001, "INBOX/1001/"), (1000, "INBOX/1000.1/"), (999, "INBOX/999.1/")]
)
def test_a_restart_gives_keys_that_were_never_used(validity: int, prefix: str) -> None:
    """A UIDVALIDITY that did not rise is no promise that its numbers are new."""
    assert Cursor(1000, next_uid=10).restarted(FolderState(validity, 5)).prefix("INBOX") == prefix


@pytest.mark.parametrize(
    ("row", "another"),
    [
        (MailRow(5, 100, NOW), False),
        (MailRow(5, 200, NOW), False),
        (MailRow(5, 100, NOW + timedelta(1)), False),
        (MailRow(5, 200, NOW + timedelta(1)), True),
        (MailRow(6, 200, NOW + timedelta(1)), False),
        (MailRow(5, None, NOW + timedelta(1)), False),
    ],
)
def test_an_anchor_is_another_mail_only_if_size_and_date_differ(row: MailRow, another: bool) -> None:
    """A size that was mended or a date that was touched alone is the same mail."""
    assert Cursor(1000, anchor=MailRow(5, 100, NOW)).is_another(row) is another
