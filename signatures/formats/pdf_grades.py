"""The grades and kinds of what was done to a signed PDF after signing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from signatures.report import ChangedAfter, Reason

Box = tuple[float, float, float, float]


class Grade(IntEnum):
    """How much a change matters, in ascending order."""

    PERMITTED = 1
    UNKNOWN = 2
    VISIBLE = 3
    FORBIDDEN = 4


class Act(StrEnum):
    """What kind of act a change is, as far as the permission levels tell them apart."""

    UPKEEP = "upkeep"  # validation data, document time stamps, metadata: always allowed
    SIGN = "sign"
    FILL = "fill"
    COMMENT = "comment"
    FORM = "form"  # new or altered fields
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One thing that is different, with the page object and rectangle where it shows (0 and None if it does not).

    `shows` asks for a look at the page; `refills` says that it only gives a field that was there a new look of its own,
    `alone` that the look changed and the value did not, `overwrites` that a field held something else when signed.
    """

    grade: Grade
    act: Act
    code: str
    detail: str = ""
    field: str = ""
    page: int = 0
    box: Box | None = None
    shows: bool = False
    refills: bool = False
    alone: bool = False
    overwrites: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """The sum: how the contract names it, the reasons, and the pages (from 1) with rectangles of what shows."""

    after: ChangedAfter
    reasons: tuple[Reason, ...] = ()
    pages: tuple[tuple[int, Box | None], ...] = ()
