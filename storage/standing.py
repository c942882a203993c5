"""How an agency's versions stand to each other: which one counts, and by which moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.records import Delivery, Timeliness


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How an agency's versions stand to each other, as a pure rule says.

    `operative` is the id of the version whose content counts (None: none does); `counted_at` and
    `counted_timeliness` are the moment that counts for it, which may be an earlier version's (None: its own).
    """

    operative: str | None
    counted_at: datetime | None = None
    counted_timeliness: Timeliness | None = None


StandingRule = Callable[[Sequence[Delivery]], Standing]
"""Given all filed versions of one agency in one campaign, oldest first, says how they stand; pure and quick."""


def newest_stands(versions: Sequence[Delivery]) -> Standing:
    """Let the version received last stand by its own moment: the rule where no other is given."""
    return Standing(versions[-1].id)
