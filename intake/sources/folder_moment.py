"""When a thing in the export folder arrived, as far as the folder itself can tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

# No document of a system that exchanges packages is older. What is, has no time: unpackers that were told none write
# 1970 or 1980, and a machine whose battery is empty wakes up in the year 2000.
NO_TIME_BEFORE = datetime(2001, 1, 1, tzinfo=UTC)

Witness = Literal["manifest", "file-time", "listing-interval", "first-listing"]

# A document system's clock may be this far ahead of ours before its stamp is impossible rather than inexact.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """
    How a thing, with exactly this content, first showed itself.

    `first` is the look that listed it first; `not_there_at` the last look before that listed the same folder without
    it, None if there was none.
    """

    first: datetime
    not_there_at: datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The moment that is recorded, its witness, and the start of the interval where only an interval is known.

    In an interval `at` is its end; which of the two counts is the flow's decision (the start, in the sender's favour).
    """

    at: datetime
    witness: Witness
    earliest: datetime | None = None


def moment_of(
    sighting: Sighting, file_time: datetime, stamped_at: datetime | None, changed_at: datetime | None = None
) -> Moment:
    """
    Say when a thing arrived: design of the house, section 4, "A folder item's moment".

    1. `stamped_at`, the manifest's `received_at`, unless it lies after the look that showed it. 2. `file_time`, the
    newest time of its files, if it lies between the last listing without it and the first with it, or there was no
    earlier listing. 3. The interval between these two listings. A listing dated after the one that followed it was
    dated by a clock that ran ahead, and is no witness. Without an earlier listing the interval begins when the file
    system last touched the files, `changed_at`: they were there by then; where that says nothing either, nobody knows
    how long they have been there. All times are aware; a stamp or file time before NO_TIME_BEFORE is none.
    """
    if stamped_at is not None and NO_TIME_BEFORE <= stamped_at <= sighting.first + CLOCK_TOLERANCE:
        return Moment(stamped_at, "manifest")
    not_there_at = sighting.not_there_at
    if not_there_at is not None and not_there_at > sighting.first:
        not_there_at = None
    after = file_time >= NO_TIME_BEFORE and (not_there_at is None or not_there_at <= file_time)
    if after and file_time <= sighting.first:
        return Moment(file_time, "file-time")
    if not_there_at is not None:
        return Moment(sighting.first, "listing-interval", not_there_at)
    touched = changed_at is not None and NO_TIME_BEFORE <= changed_at < sighting.first
    return Moment(sighting.first, "first-listing", changed_at if touched else None)
