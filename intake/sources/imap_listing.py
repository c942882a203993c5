"""What a mail server lists of a folder: each mail's number, size and the moment when the server took it in."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby

FETCH = re.compile(rb"\* (\d{1,10}) FETCH \(", re.IGNORECASE)
UID = re.compile(rb"[( ]UID (\d{1,10})(?=[ )])", re.IGNORECASE)
_SIZE = re.compile(rb"[( ]RFC822\.SIZE (\d{1,19})(?=[ )])", re.IGNORECASE)
_DATE = re.compile(
    rb'[( ]INTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"', re.IGNORECASE
)
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}

_UNKNOWN = -1
_NO_DATE = -(2**62)


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail as listed; `octets` is RFC822.SIZE, `internal_date` is UTC; None where the server did not say."""

    uid: int
    octets: int | None
    internal_date: datetime | None


class Listing:
    """
    The mails that a listing showed, kept in 24 bytes each: a first look may meet a hundred thousand.

    `complete` says that the rows have no gap in their sequence numbers and reach the folder's end, so that
    nothing can hide between them; only then may a cursor move past them.
    """

    def __init__(self) -> None:
        self._uids = array("Q")
        self._octets = array("q")
        self._dates = array("q")
        self._lowest = 0
        self._highest = 0
        self._news: set[int] = set()
        self.complete = False

    def __len__(self) -> int:
        return len(self._uids)

    def add(self, line: bytes) -> None:
        """
        Take one `* n FETCH (…)` line.

        A line with neither size nor date is no row but news about flags, which a server may tell at any time, with the
        mail's UID or without (RFC 9051, 7.5.2): taken for a row it would hide when the mail arrived.
        """
        head, uid = FETCH.match(line), UID.search(line)
        if head is None or uid is None:
            return
        sequence = int(head[1])
        size, date = _SIZE.search(line), _DATE.search(line)
        if size is None and date is None:
            self._news.add(int(uid[1]))
            return
        self._lowest = min(self._lowest or sequence, sequence)
        self._highest = max(self._highest, sequence)
        self._uids.append(int(uid[1]))
        self._octets.append(int(size[1]) if size else _UNKNOWN)
        moment = _moment(date) if date else None
        self._dates.append(int(moment.timestamp()) if moment else _NO_DATE)

    def bare(self, first: int) -> list[int]:
        """Return the UIDs from `first` on of which only news came, and no row: the server is to be asked about them."""
        return sorted(uid for uid in self._news.difference(self._uids) if uid >= first)

    def take_at_its_word(self, uid: int) -> None:
        """Make a row of a mail of which the server says neither size nor date, even when it is asked for them."""
        self._uids.append(uid)
        self._octets.append(_UNKNOWN)
        self._dates.append(_NO_DATE)

    def reaches(self, exists: int) -> bool:
        """Whether the rows are consecutive and end with the folder's last mail."""
        if not self._uids:
            return exists == 0
        span = self._highest - self._lowest + 1
        return self._highest == exists and (span == len(self._uids) or span == len(set(self._uids)))

    def rows(self) -> Iterator[MailRow]:
        """Yield the rows by rising UID, each UID once, with what any of its lines has told."""
        by_uid = sorted(range(len(self._uids)), key=self._uids.__getitem__)
        for uid, lines in groupby(by_uid, key=self._uids.__getitem__):
            octets, date = _UNKNOWN, _NO_DATE
            for index in lines:
                octets = self._octets[index] if octets == _UNKNOWN else octets
                date = self._dates[index] if date == _NO_DATE else date
            if uid == 0:
                continue  # No mail has this number (RFC 9051, 9: nz-number).
            yield MailRow(
                uid,
                None if octets == _UNKNOWN else octets,
                None if date == _NO_DATE else datetime.fromtimestamp(date, UTC),
            )


def _moment(date: re.Match[bytes]) -> datetime | None:
    """Return an INTERNALDATE as UTC, or None if it is no date (RFC 9051, 9: date-time)."""
    month = _MONTHS.get(date[2].lower())
    minutes = int(date[8]) * 60 + int(date[9])
    if month is None or minutes >= 24 * 60:
        return None
    zone = timezone(timedelta(minutes=minutes if date[7] == b"+" else -minutes))
    try:
        # A leap second is written as 60, which datetime does not know.
        second = min(int(date[6]), 59)
        return datetime(int(date[3]), month, int(date[1]), int(date[4]), int(date[5]), second, tzinfo=zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None
