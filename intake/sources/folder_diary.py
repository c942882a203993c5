"""What is remembered of earlier listings of the export folder: when it was listed, and what waited there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from intake.ports import Memory
from intake.sources.folder_moment import Sighting

# How many mounts of the folder are remembered, so that an unmounted share is not taken for an empty one.
ROOTS_REMEMBERED = 4

LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry of the diary: what a waiting thing looked like, and how it first showed itself."""

    print: str
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Diary:
    """What is remembered of earlier listings: when each mount was last listed, and what waited there."""

    listed_at: dict[str, datetime]
    seen: dict[str, Seen]

    def after(self, root: str, now: datetime, seen: dict[str, Seen]) -> Diary:
        """Return the diary with this listing in it."""
        others = {key: at for key, at in self.listed_at.items() if key != root}
        kept = dict(sorted(others.items(), key=lambda one: one[1])[-(ROOTS_REMEMBERED - 1) :])
        return Diary({**kept, root: now}, seen)

    def save(self, memory: Memory) -> None:
        """Write it, if it says anything new."""
        text = json.dumps(
            {
                "listed_at": {root: at.isoformat() for root, at in self.listed_at.items()},
                "seen": {
                    path: [
                        one.print,
                        one.sighting.first.isoformat(),
                        one.sighting.not_there_at.isoformat() if one.sighting.not_there_at else None,
                    ]
                    for path, one in self.seen.items()
                },
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
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return cls({}, {})


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone on {text!r}")
    return moment.astimezone(UTC)
