"""How far a folder has been read: everything below the cursor is in the ledger, but for the holes it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from intake.sources.imap_listing import MailRow
from intake.sources.imap_session import FolderState

# A mail that could not be taken is asked for again at every look; after so many tries it is a poison mail, and waits
# one, two, four… minutes, at most an hour: an acknowledgement still leaves on the same day, and it costs little.
EAGER_TRIES = 5
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)

# No mail is put off for longer than that; one that seems to be was put off by a clock that ran ahead.
FARTHEST_TRY = timedelta(hours=2)

# A cursor is one row of the ledger; beyond so many holes it stands still instead of naming more.
MAX_HOLES = 2000


@dataclass(frozen=True, slots=True)
class Hole:
    """A mail below the cursor that the ledger does not have yet; `octets` is the length of the last body that came."""

    tries: int
    again_at: datetime
    octets: int | None = None
    alike: int = 0

    def failed(self, now: datetime, octets: int | None) -> Hole:
        """Return the hole after one more failure; `alike` counts answers of the same length in a row."""
        tries = self.tries + 1
        wait = (
            timedelta(0) if tries < EAGER_TRIES else min(FIRST_WAIT * 2 ** min(tries - EAGER_TRIES, 10), LONGEST_WAIT)
        )
        alike = self.alike + 1 if octets is not None and octets == self.octets else (1 if octets is not None else 0)
        return Hole(tries, now + wait, octets, alike)


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    Where reading goes on in one folder.

    `next_uid` is the first UID not yet looked at. `era` counts how often UIDs began anew under the same
    UIDVALIDITY: a mailbox restored from a copy does that, against RFC 9051, 2.3.1.1, and would hide new mail
    behind old keys.
    `anchor` is the last mail seen: it must still be the same when its UID is met again. Mails below
    `renumbered_below` were there when the numbering changed: their content may be in the ledger under older keys.
    """

    uid_validity: int
    era: int = 0
    next_uid: int = 1
    anchor: MailRow | None = None
    holes: Mapping[int, Hole] = field(default_factory=dict)
    renumbered_below: int = 0

    def prefix(self, folder: str) -> str:
        """Return what stands before the UID in a source key: `INBOX/1566900000/`, or `INBOX/1566900000.1/`."""
        era = f".{self.era}" if self.era else ""
        return f"{folder}/{self.uid_validity}{era}/"

    def restarted(self, state: FolderState) -> Cursor:
        """Return a cursor at the beginning, in a new era unless the UIDVALIDITY has risen as it must."""
        era = 0 if state.uid_validity > self.uid_validity else self.era + 1
        return Cursor(state.uid_validity, era=era, renumbered_below=state.uid_next or 2**32)

    def is_overtaken(self, state: FolderState) -> bool:
        """Whether the folder as opened cannot be the one that this cursor was about."""
        if state.uid_validity != self.uid_validity:
            return True
        return state.uid_next is not None and state.uid_next < self.next_uid

    def is_another(self, row: MailRow) -> bool:
        """Whether `row` bears the anchor's UID but is another mail: both its size and its date differ."""
        anchor = self.anchor
        if anchor is None or row.uid != anchor.uid or None in (row.octets, anchor.octets):
            return False
        return row.octets != anchor.octets and row.internal_date != anchor.internal_date

    def past(self, row: MailRow) -> Cursor:
        """Return the cursor moved beyond `row`."""
        if row.uid < self.next_uid:
            return self
        return replace(self, next_uid=row.uid + 1, anchor=row)

    def with_hole(self, uid: int, hole: Hole | None) -> Cursor:
        """Return the cursor with the hole at `uid` set, or closed if `hole` is None."""
        if hole is None and uid not in self.holes:
            return self
        holes = {key: value for key, value in self.holes.items() if key != uid}
        if hole is not None:
            holes[uid] = hole
        return replace(self, holes=holes)

    def due(self, now: datetime) -> tuple[int, ...]:
        """Return the holes that may be tried at `now`, lowest first; see FARTHEST_TRY."""
        farthest = now + FARTHEST_TRY
        return tuple(sorted(uid for uid, hole in self.holes.items() if not now < hole.again_at <= farthest))

    def dump(self) -> str:
        """Return it as text for the ledger's memory."""
        anchor = self.anchor
        return json.dumps(
            {
                "uid_validity": self.uid_validity,
                "era": self.era,
                "next_uid": self.next_uid,
                "renumbered_below": self.renumbered_below,
                "anchor": None
                if anchor is None
                else [anchor.uid, anchor.octets, anchor.internal_date.isoformat() if anchor.internal_date else None],
                "holes": {
                    str(uid): [hole.tries, hole.again_at.isoformat(), hole.octets, hole.alike]
                    for uid, hole in self.holes.items()
                },
            },
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, text: str | None) -> Cursor | None:
        """Return what `dump` wrote; None for nothing or for anything else, since losing a cursor costs only time."""
        if text is None:
            return None
        try:
            raw = json.loads(text)
            anchor = raw["anchor"]
            return cls(
                uid_validity=int(raw["uid_validity"]),
                era=int(raw["era"]),
                next_uid=int(raw["next_uid"]),
                renumbered_below=int(raw["renumbered_below"]),
                anchor=None
                if anchor is None
                else MailRow(int(anchor[0]), anchor[1], _utc(anchor[2]) if anchor[2] else None),
                holes={
                    int(uid): Hole(int(one[0]), _utc(one[1]), one[2], int(one[3])) for uid, one in raw["holes"].items()
                },
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return None


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone on {text!r}")
    return moment.astimezone(UTC)
