"""Brings the mails of one folder one by one, and survives a conversation that breaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from intake.ports import ByteSink, Memory, SourceError, Stored
from intake.sources.imap_bodies import Body, SizeDisagrees, SizeTooLarge
from intake.sources.imap_connect import ConnectionLost
from intake.sources.imap_cursor import Cursor, Hole
from intake.sources.imap_listing import MailRow
from intake.sources.imap_session import ImapSession
from intake.sources.system_clock import clock_state
from storage.records import Arrival, Channel, ClockReading, Why

# Three times the largest mail that common servers let in (50 MB). Beyond it only the headers are stored: a person
# fetches the rest, since nothing we verify is so large, and a full disk would stop everybody's mail.
LARGEST_MAIL_OCTETS = 150 * 1000 * 1000

# A caller may record so many mails in one transaction before the ledger is asked which of them it has.
UNTOLD_AT_MOST = 256

# Bodies asked for ahead, so that reading one never waits for a round trip; a line to the server is 40 octets each.
WISHES_AHEAD = 16

# A mail that breaks the conversation gets a new one for the next; a server that breaks all of them is left alone.
CONVERSATIONS_PER_LOOK = 5

# So many complete bodies of one length in a row are believed over RFC822.SIZE: some servers only estimate it.
ALIKE_TO_BELIEVE = 3

# After so many tries a mail that cannot be had is brought to a person's attention.
TRIES_TO_REMARK = 3

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Owner(Protocol):
    """The mailbox whose folder is read, as its reader needs it."""

    @property
    def name(self) -> str:
        """The source's name."""
        ...

    @property
    def settles(self) -> bool:
        """Whether anything is to be done at the source once the ledger has a mail."""
        ...

    def remark(self, code: str, detail: str) -> None:
        """Tell a person of something, though the look goes on."""
        ...

    def session(self, folder: str, closings: int) -> ImapSession:
        """Return a conversation about the folder that can be used, a new one if the last is in any doubt."""
        ...

    def settle_later(self, key: str) -> bool:
        """Whether the mail of `key` still has to be settled after an attempt now; never raises."""
        ...

    def is_settled(self, key: str) -> bool:
        """Whether the mail of `key` was settled in this look."""
        ...

    def is_junk(self, folder: str) -> bool:
        """Whether the folder is the one of the server's filter."""
        ...

    def listed_at(self, folder: str) -> datetime | None:
        """When the folder was last listed to its end by this process, if it was."""
        ...


class FolderReader:
    """
    Brings the mails of one folder one by one; survives a conversation that breaks.

    It asks ahead once the caller has fetched a mail. When a conversation breaks while several mails are on
    their way, nobody can say which one broke it: from then on it asks for one at a time.
    """

    def __init__(
        self, mailbox: Owner, folder: str, cursor: Cursor, session: ImapSession, memory: Memory, closings: int
    ) -> None:
        self.folder = folder
        self._mailbox = mailbox
        self._cursor = cursor
        self._session = session
        self._memory = memory
        self._closings = closings
        self._ahead: deque[tuple[MailRow, bool]] = deque()
        self._wished: dict[int, MailRow] = {}
        self._untold: deque[WaitingMail] = deque()
        self._is_fetching = False
        self._is_careful = False
        self._conversations = 1

    @property
    def source_name(self) -> str:
        """The name of the mailbox."""
        return self._mailbox.name

    @property
    def is_junk(self) -> bool:
        """Whether the folder is the one of the server's filter."""
        return self._mailbox.is_junk(self.folder)

    @property
    def not_there_at(self) -> datetime | None:
        """When the folder was last listed to its end by this process, if it was."""
        return self._mailbox.listed_at(self.folder)

    @property
    def cursor(self) -> Cursor:
        """How far the ledger has the folder; mails that are still on their way below it are holes in it."""
        cursor = self._cursor
        under_way = [
            *(mail.row.uid for mail in self._untold),
            *self._wished,
            *(row.uid for row, is_known in self._ahead if not is_known),
        ]
        for uid in under_way:
            if uid < cursor.next_uid and uid not in cursor.holes:
                cursor = cursor.with_hole(uid, Hole(0, _LONG_AGO))
        return cursor

    def key(self, uid: int) -> str:
        """The source key of the mail `uid`."""
        return self._cursor.prefix(self.folder) + str(uid)

    def was_renumbered(self, uid: int) -> bool:
        """Whether the mail was in the folder when its numbering changed."""
        return uid < self._cursor.renumbered_below

    def mails(self, rows: Iterator[MailRow]) -> Iterator[WaitingMail]:
        """Yield one mail for each row that the ledger does not know, each over a conversation that works."""
        while True:
            while len(self._ahead) < WISHES_AHEAD and (row := next(rows, None)) is not None:
                is_known = self._memory.knows(self.key(row.uid))
                if is_known and not self._ahead:
                    self._pass_known(row)
                else:
                    self._ahead.append((row, is_known))
            if self._ahead and self._ahead[0][1]:
                self._pass_known(self._ahead.popleft()[0])
                continue
            if not self._ahead and not self._wished:
                return
            if self._session.broken:
                self._reopen()
                continue
            if not self._is_fetching or self._is_careful:
                if self._ahead:
                    yield WaitingMail(self, self._ahead.popleft()[0], None)
                continue
            try:
                self._wish_ahead()
                body = self._session.next_body()
            except ConnectionLost:
                self._is_careful = True
                continue
            yield WaitingMail(self, self._wished.pop(body.uid), body)

    def note(self, mail: WaitingMail, now: datetime) -> None:
        """
        Take note of what became of a mail that was offered: move the cursor past it, and leave a hole if it failed.

        A caller that records several mails in one transaction settles them later: such a mail stays open until it is
        settled, or until the ledger is asked for it. Until then the cursor counts it as a hole.
        """
        uid = mail.row.uid
        if mail.failed:
            hole = (self._cursor.holes.get(uid) or Hole(0, now)).failed(now, mail.octets)
            if hole.tries >= TRIES_TO_REMARK:
                self._mailbox.remark("MAIL_NOT_OBTAINED", f"{self.folder}, UID {uid}: {hole.tries}")
            self._cursor = self._cursor.past(mail.row).with_hole(uid, hole)
            return
        self._untold.append(mail)
        while self._untold and (len(self._untold) > UNTOLD_AT_MOST or self._is_settled(self._untold[0])):
            self._look_up(self._untold.popleft())

    def look_up_untold(self) -> None:
        """At the end of a look: ask the ledger for the mails whose fate nobody has told."""
        while self._untold:
            self._look_up(self._untold.popleft())

    def _look_up(self, mail: WaitingMail) -> None:
        hole: Hole | None = None
        if not self._is_settled(mail):
            known = self._memory.knows(mail.key)
            if not known or self._mailbox.settles:
                hole = self._cursor.holes.get(mail.row.uid) or Hole(0, _LONG_AGO)
        self._cursor = self._cursor.past(mail.row).with_hole(mail.row.uid, hole)

    def _is_settled(self, mail: WaitingMail) -> bool:
        return self._mailbox.is_settled(mail.key)

    def headers_only(self, row: MailRow) -> bool:
        """Whether the mail is too large to be stored, by its size or by what came when it was tried."""
        hole = self._cursor.holes.get(row.uid)
        return max(row.octets or 0, (hole.octets if hole else None) or 0) > LARGEST_MAIL_OCTETS

    def believes(self, row: MailRow, octets: int) -> bool:
        """Whether a body of `octets` is whole: as long as the server said, or the same short one time after time."""
        if row.octets is None or octets >= row.octets:
            return True
        hole = self._cursor.holes.get(row.uid)
        return hole is not None and hole.octets == octets and hole.alike >= ALIKE_TO_BELIEVE - 1

    def fetch(self, row: MailRow, body: Body | None, into: ByteSink) -> int:
        """Stream the body (or headers) of `row` into `into`; return its octets."""
        self._is_fetching = True
        if body is None:
            self._session.ask_for([row.uid], headers_only=self._large([row]))
            body = self._session.next_body()
        return self._session.stream(body, into, limit=LARGEST_MAIL_OCTETS)

    def _pass_known(self, row: MailRow) -> None:
        """Let the cursor pass a mail that the ledger has; what was not settled before is settled now."""
        owed = self._mailbox.settle_later(self.key(row.uid))
        hole = self._cursor.holes.get(row.uid) or Hole(0, _LONG_AGO)
        self._cursor = self._cursor.past(row).with_hole(row.uid, hole if owed else None)

    def _wish_ahead(self) -> None:
        if len(self._wished) > WISHES_AHEAD // 2:
            return
        new = [row for row, is_known in self._ahead if not is_known]
        for row, is_known in self._ahead:
            if is_known:
                self._pass_known(row)
        self._ahead.clear()
        if new:
            self._wished.update((row.uid, row) for row in new)
            self._session.ask_for([row.uid for row in new], headers_only=self._large(new))

    def _large(self, rows: list[MailRow]) -> frozenset[int]:
        return frozenset(row.uid for row in rows if self.headers_only(row))

    def _reopen(self) -> None:
        """Begin a new conversation; what was on its way in the old one is asked for again."""
        self._ahead.extendleft((row, False) for row in reversed(self._wished.values()))
        self._wished.clear()
        self._is_careful = True
        if self._conversations >= CONVERSATIONS_PER_LOOK:
            raise ConnectionLost(
                "MAIL_TALK_BROKEN_OFTEN", source=self.source_name, folder=self.folder, times=self._conversations
            )
        self._conversations += 1
        self._session = self._mailbox.session(self.folder, self._closings)
        if self._cursor.is_overtaken(self._session.state):
            raise ConnectionLost("MAIL_FOLDER_RENUMBERED", source=self.source_name, folder=self.folder)


class WaitingMail:
    """One mail that waits."""

    def __init__(self, reader: FolderReader, row: MailRow, body: Body | None) -> None:
        self._reader = reader
        self._body = body
        self._key = reader.key(row.uid)
        self._headers_only = reader.headers_only(row)
        self.row = row
        self.failed = False
        self.octets: int | None = None

    @property
    def key(self) -> str:
        """Folder, UIDVALIDITY and UID."""
        return self._key

    def fetch(self, into: ByteSink) -> None:
        """
        Stream the mail as the server has it.

        Raises SourceError when it is empty, shorter than RFC822.SIZE, or cannot be had now; what was written
        by then is to be thrown away. After ALIKE_TO_BELIEVE equal answers a short one counts as whole.
        """
        self.failed = True
        try:
            self.octets = self._reader.fetch(self.row, self._body, into)
        except SizeTooLarge as trouble:
            self.octets = trouble.octets
            raise
        if not self._headers_only and not self._reader.believes(self.row, self.octets):
            name, folder, uid = self._reader.source_name, self._reader.folder, self.row.uid
            raise SizeDisagrees(name, folder, uid, octets=self.octets, announced=self.row.octets)
        self.failed = False

    def arrival(self, stored: Stored, seen_at: datetime) -> Arrival:
        """
        Say what is known without reading the mail: when the server took it in, and how large it is.

        Without an INTERNALDATE only an interval is known: from the last listing without the mail to this one.
        """
        if stored.size != self.octets:
            raise SourceError(
                "MAIL_STORED_DIFFERS", source=self._reader.source_name, octets=self.octets, size=stored.size
            )
        reasons: list[Why] = []
        row = self.row
        if self._reader.is_junk:
            reasons.append(Why("FOUND_IN_JUNK", self._reader.folder))
        if self._headers_only:
            reasons.append(Why("OVERSIZE", f"{row.octets} > {LARGEST_MAIL_OCTETS}"))
        elif row.octets is not None and stored.size < row.octets:
            reasons.append(Why("SIZE_DISAGREES", f"{stored.size} / {row.octets}"))
        if self._reader.was_renumbered(row.uid):
            reasons.append(Why("MAILBOX_RENUMBERED", self._reader.folder))
        clocks = [ClockReading("internaldate", row.internal_date, self._reader.folder)]
        received_at, received_by, earliest = row.internal_date, "imap-internaldate", None
        if received_at is None:
            earliest = self._reader.not_there_at
            received_at, received_by = seen_at, "listing-interval" if earliest else "first-seen"
            clocks.append(ClockReading("not_there_at", earliest))
            reasons.append(Why("INTERNALDATE_MISSING"))
        clocks.append(ClockReading("first_seen", seen_at, clock_state()))
        return Arrival(
            source=self._reader.source_name,
            source_key=self._key,
            channel=Channel.MAIL,
            received_at=received_at,
            received_by=received_by,
            received_at_earliest=earliest,
            seen_at=seen_at,
            sha256=stored.sha256,
            size=stored.size,
            name=f"{row.uid}.eml",
            clocks=tuple(clocks),
            reasons=tuple(reasons),
        )
