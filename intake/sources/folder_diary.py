"""What is remembered of earlier listings of the export folder: when it was listed, and what waited there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from intake.ports import Memory
from intake.sources.folder_found import Listing, nfc
from intake.sources.folder_moment import Sighting

# How many mounts of the folder are remembered, so that an unmounted share is not taken for an empty one.
ROOTS_REMEMBERED = 4

# So many places that could not be listed are remembered one by one; of more nothing is said to have been absent.
GAPS_REMEMBERED = 1_000

LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry of the diary: what a waiting thing looked like, and how it first showed itself."""

    print: str
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Diary:
    """
    What is remembered of earlier listings: when each mount was last listed, and what waited there.

    `gaps` are the places of a mount that its last listing could not see, each with the last time that it could (None:
    never): what turns up there was not absent meanwhile. `filled` is the mount on which anything was seen last.
    """

    listed_at: dict[str, datetime]
    seen: dict[str, Seen]
    gaps: dict[str, dict[str, datetime | None]]
    filled: str | None = None

    def not_there_at(self, root: str, label: str) -> datetime | None:
        """Return when the place `label` was last listed on this mount, None if it never was."""
        last = self.listed_at.get(root)
        for place, at in self.gaps.get(root, {}).items():
            if last is not None and is_inside(label, place):
                last = None if at is None else min(last, at)
        return last

    def after(self, listing: Listing, now: datetime, waiting: dict[str, Seen]) -> Diary:
        """Return the diary with this listing in it; what waited in a place that it could not see still waits there."""
        root = listing.root
        others = {key: at for key, at in self.listed_at.items() if key != root}
        kept = dict(sorted(others.items(), key=lambda one: one[1])[-(ROOTS_REMEMBERED - 1) :])
        unseen = listing.unreadable if len(listing.unreadable) <= GAPS_REMEMBERED else [""]
        gaps = {place: self.not_there_at(root, place) for place in unseen}
        hidden = {
            mark: one
            for mark, one in self.seen.items()
            if mark not in waiting and any(is_inside(nfc(mark), place) for place in gaps)
        }
        return Diary(
            {**kept, root: now},
            {**hidden, **waiting},
            {key: one for key, one in self.gaps.items() if key in kept} | ({root: gaps} if gaps else {}),
            self.filled if listing.is_bare else root,
        )

    def save(self, memory: Memory) -> None:
        """Write it, if it says anything new."""
        text = json.dumps(
            {
                "listed_at": {root: at.isoformat() for root, at in self.listed_at.items()},
                "seen": {
                    path: [one.print, one.sighting.first.isoformat(), _text(one.sighting.not_there_at)]
                    for path, one in self.seen.items()
                },
                "gaps": {root: {place: _text(at) for place, at in one.items()} for root, one in self.gaps.items()},
                "filled": self.filled,
            },
            separators=(",", ":"),
            sort_keys=True,
        )
        if text != memory.get(LISTING):
            memory.put(LISTING, text)

    @classmethod
    def load(cls, text: str | None) -> Diary:
        """Return what was saved; nothing for anything else: an item's moment then rests on its file's time."""
        try:
            raw = json.loads(text or "{}")
            return cls(
                {str(root): _utc(at) for root, at in raw.get("listed_at", {}).items()},
                {
                    str(path): Seen(str(one[0]), Sighting(_utc(one[1]), _utc(one[2]) if one[2] else None))
                    for path, one in raw.get("seen", {}).items()
                },
                {
                    str(root): {str(place): _utc(at) if at else None for place, at in one.items()}
                    for root, one in raw.get("gaps", {}).items()
                },
                str(raw["filled"]) if raw.get("filled") else None,
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return cls({}, {}, {})


def is_inside(label: str, place: str) -> bool:
    """Whether `label` is the place, or lies below it; everything lies below ""."""
    return place in ("", label) or label.startswith(f"{place}/")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone on {text!r}")
    return moment.astimezone(UTC)
