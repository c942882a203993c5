"""The office's mailbox: every mail in the watched folders is brought once, and the mailbox stays as it is."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice

from config.settings import ImapSource
from intake.ports import ByteSink, Memory, SourceError, Stored, Waiting
from intake.sources.imap_connect import ConnectionLost, FolderMissing
from intake.sources.imap_cursor import MAX_HOLES, Cursor, Hole
from intake.sources.imap_session import Body, ImapSession, MailRow, SizeDisagrees, SizeTooLarge
from storage.records import Arrival, Channel, ClockReading, Delivery, Why

# Three times the largest mail that common servers let in (50 MB). Beyond it only the headers are stored: a person
# fetches the rest, since nothing we verify is so large, and a full disk would stop everybody's mail.
LARGEST_MAIL_OCTETS = 150 * 1000 * 1000

# A caller may record so many mails in one transaction before the ledger is asked which of them it has.
UNTOLD_AT_MOST = 256

# Bodies asked for ahead, so that reading one never waits for a round trip; a line to the server is 40 octets each.
WISHES_AHEAD = 16

# The cursor is written once in so many mails: a crash costs at most as many look-ups, never a mail.
ROWS_BETWEEN_CURSORS = 200

# A mail that breaks the conversation gets a new one for the next; a server that breaks all of them is left alone.
CONVERSATIONS_PER_LOOK = 5

# So many complete bodies of one length in a row are believed over RFC822.SIZE: some servers only estimate it.
ALIKE_TO_BELIEVE = 3

# After so many tries a mail that cannot be had is brought to a person's attention.
TRIES_TO_REMARK = 3


# What servers and mail programs call the folder of their filter, in the two languages of our users.
JUNK_NAMES = frozenset({"junk", "junk e-mail", "junk email", "junk mail", "spam", "bulk mail", "thư rác", "thu rac"})


class Mailbox:
    """
    An IMAP mailbox as a source of deliveries.

    The key of a mail is folder, UIDVALIDITY and UID (`INBOX/1566900000/42`). Folders are opened read-only and
    bodies are PEEKed, so nothing changes there unless `settle` is `keyword` or `move`. The Seen flag, Message-ID
    and Date decide nothing. The moment that counts is INTERNALDATE (RFC 9051, 2.3.3: when the server took the mail
    in). Each folder has its own conversation that stays open, so that an unchanged mailbox costs two short commands.

    A look may block for `connect_timeout_seconds` while connecting and for `read_timeout_seconds` in each wait;
    after `look_timeout_seconds` in all, or when another thread calls `close`, it ends with SourceError at once.
    """

    def __init__(self, settings: ImapSource) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._looking = threading.Lock()
        self._sessions: dict[str, ImapSession] = {}
        self._closings = 0
        self._remarks: list[Why] = []
        self._settled: set[str] = set()
        self._looked_at: dict[str, datetime] = {}
        self._prefixes: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The source's name, as the settings have it."""
        return self._settings.name

    @property
    def remarks(self) -> tuple[Why, ...]:
        """What the last look noticed that a person should know, though it went on (config/reasons/sources.toml)."""
        return tuple(self._remarks)

    def waiting(self, memory: Memory, now: datetime) -> Iterator[Waiting]:
        """
        Yield the mails that the ledger does not know, folder by folder, by rising UID; failed ones come last.

        A folder that cannot be read does not keep the others from being read; its SourceError is raised at the
        end. A mail larger than LARGEST_MAIL_OCTETS yields its headers, with reason OVERSIZE.
        """
        with self._look() as closings:
            troubles: list[SourceError] = []
            missing = 0
            for folder in self._settings.folders:
                try:
                    yield from self._folder(folder, memory, now, closings)
                except FolderMissing as trouble:
                    missing += 1
                    self._remark("MAIL_FOLDER_MISSING", folder)
                    if missing == len(self._settings.folders):
                        troubles.append(trouble)
                except SourceError as trouble:
                    self._drop(folder)
                    troubles.append(trouble)
                    if closings != self._closings:
                        break
            if troubles:
                raise troubles[0]

    def settle(self, delivery: Delivery) -> None:
        """
        Mark or move the mail of `delivery` as the settings say; with `leave` nothing is done.

        What the server does not offer (MOVE, keywords) is a remark, never emulated. A mail taken by its headers
        only stays where it is. Raises SourceError when it could not be done now; the next look does it then.
        """
        if any(why.code == "OVERSIZE" for why in delivery.reasons):
            self._settled.add(delivery.source_key)
            return
        self._settle_key(delivery.source_key)

    def close(self) -> None:
        """End every conversation; from another thread this also ends a look that is going on."""
        with self._guard:
            self._closings += 1
            sessions = list(self._sessions.values())
            if self._looking.acquire(blocking=False):
                self._sessions.clear()
            else:
                for session in sessions:
                    session.hang_up()  # The look that uses them closes them.
                return
        try:
            for session in sessions:
                session.close()
        finally:
            self._looking.release()

    # One look.

    @contextmanager
    def _look(self) -> Iterator[int]:
        if not self._looking.acquire(blocking=False):
            raise SourceError(
                f"{self.name}: a look is already going on",
                remedy="Nothing needs to be done: it ends by itself or by look_timeout_seconds.",
            )
        try:
            self._remarks = []
            self._settled = set()
            closings = self._closings
            timer = threading.Timer(self._settings.look_timeout_seconds, self._hang_up_all)
            timer.daemon = True
            timer.start()
            try:
                yield closings
            finally:
                timer.cancel()
                for folder in [name for name, session in self._sessions.items() if session.stale]:
                    self._drop(folder)
        finally:
            self._looking.release()

    def _folder(self, folder: str, memory: Memory, now: datetime, closings: int) -> Iterator[Waiting]:
        # 1. Open the folder, and make sure that it is the one the cursor is about.
        session = self._session(folder, closings)
        before = Cursor.load(memory.get(_cursor_key(folder)))
        cursor = before or Cursor(session.state.uid_validity)
        if cursor.is_overtaken(session.state):
            cursor = self._renumbered(folder, cursor, session)
        listing = session.listing(cursor.anchor.uid if cursor.anchor else cursor.next_uid)
        if any(cursor.is_another(row) for row in islice(listing.rows(), 1)):
            cursor = self._renumbered(folder, cursor, session)
            listing = session.listing(1)
        self._prefixes[folder] = cursor.prefix(folder)

        # 2. Say what is to be brought: what is new, then what failed before and is due again.
        start = cursor.next_uid
        fresh = (row for row in listing.rows() if row.uid >= start)
        again: list[MailRow] = []
        if due := cursor.due(now):
            there = session.listing_of(due)
            again = list(there.rows())
            gone = set(due) - {row.uid for row in again} if there.complete else set()
            for uid in sorted(gone):
                cursor = cursor.with_hole(uid, None)
                if not memory.knows(cursor.prefix(folder) + str(uid)):
                    self._remark("MAIL_GONE", f"{folder}, UID {uid}")

        # 3. Bring it, and move the cursor behind what the ledger has.
        reader = _Reader(self, folder, cursor, session, memory, closings)
        try:
            for count, mail in enumerate(reader.mails(chain(fresh, again)), 1):
                yield mail
                reader.note(mail, now)
                if count % ROWS_BETWEEN_CURSORS == 0 and listing.complete:
                    memory.put(_cursor_key(folder), reader.cursor.dump())
        except SourceError:
            reader.look_up_untold()
            self._keep(folder, memory, before, reader.cursor, listing.complete)
            raise
        reader.look_up_untold()
        self._keep(folder, memory, before, reader.cursor, listing.complete)
        self._looked_at[folder] = now

    def _keep(self, folder: str, memory: Memory, before: Cursor | None, cursor: Cursor, complete: bool) -> None:
        """Write the cursor if it has changed; a listing with gaps moves nothing, since a mail may hide in one."""
        if complete and cursor != before and len(cursor.holes) <= MAX_HOLES:
            memory.put(_cursor_key(folder), cursor.dump())

    def _renumbered(self, folder: str, cursor: Cursor, session: ImapSession) -> Cursor:
        self._remark("MAILBOX_RENUMBERED", f"{folder}: {cursor.uid_validity} -> {session.state.uid_validity}")
        return cursor.restarted(session.state)

    def _session(self, folder: str, closings: int) -> ImapSession:
        """Return the open conversation about `folder`, a new one if the old one is in any doubt."""
        session = self._sessions.get(folder)
        if session is None or session.stale:
            session = self._open(folder, closings)
        if session.folder != folder:
            # Also at each look while the folder is missing: that costs one command, a new login would cost many.
            session.open_folder(folder, writable=False)
        return session

    def _open(self, slot: str, closings: int) -> ImapSession:
        """Begin a new conversation and make it known to `close`; one begun across a `close` is not taken up."""
        self._drop(slot)
        self._refuse_if_closed(closings)
        session = ImapSession(self._settings)
        try:
            with self._guard:
                self._refuse_if_closed(closings)
                self._sessions[slot] = session
        except SourceError:
            session.close()
            raise
        return session

    def _refuse_if_closed(self, closings: int) -> None:
        if closings != self._closings:
            raise ConnectionLost(f"{self.name}: closed meanwhile", remedy="Nothing needs to be done.")

    def _drop(self, slot: str) -> None:
        with self._guard:
            session = self._sessions.pop(slot, None)
        if session is not None:
            session.close()

    def _hang_up_all(self) -> None:
        with self._guard:
            for session in self._sessions.values():
                session.hang_up()

    def _remark(self, code: str, detail: str) -> None:
        remark = Why(code, detail)
        if remark not in self._remarks:
            self._remarks.append(remark)

    # Settling.

    def _settle_key(self, key: str) -> None:
        how = self._settings.settle
        if how == "leave":
            self._settled.add(key)
            return
        folder, validity, uid = _split(key)
        prefix = self._prefixes.get(folder)
        if prefix is None:
            return  # No look of this process has said which numbering is in force; the next one settles it.
        session = self._settler(folder)
        if key != f"{prefix}{uid}" or session.state.uid_validity != int(validity.partition(".")[0]):
            self._settled.add(key)  # The mail has another number now, and is met again under it.
            return
        if how == "keyword":
            self._flag(session, uid)
        elif self._settings.move_to in self._settings.folders:
            self._remark("SETTLE_NOT_POSSIBLE", f"{self._settings.move_to} is itself watched")
        elif not session.offers_move:
            self._remark("SETTLE_NOT_POSSIBLE", "the server does not offer MOVE")
        else:
            session.move(uid, self._settings.move_to)
        self._settled.add(key)

    def _flag(self, session: ImapSession, uid: int) -> None:
        keyword = self._settings.keyword
        if not re.fullmatch(r"\$?[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", keyword):
            raise SourceError(
                f"{self.name}: {keyword!r} cannot be a keyword",
                remedy="Use letters, digits, - and _ in `keyword` (RFC 9051, 9: atom).",
            )
        allowed = {flag.lower() for flag in session.state.flags_allowed}
        if allowed and "\\*" not in allowed and keyword.lower() not in allowed:
            self._remark("SETTLE_NOT_POSSIBLE", f"the server does not allow the keyword {keyword}")
            return
        session.set_keyword(uid, keyword)

    def _settler(self, folder: str) -> ImapSession:
        """Return the one conversation that may change things, open on `folder`; readers never share it."""
        session = self._sessions.get(_SETTLER)
        if session is None or session.stale:
            session = self._open(_SETTLER, self._closings)
        if session.folder != folder:
            session.open_folder(folder, writable=True)
        return session

    def settle_later(self, key: str) -> bool:
        """Whether the mail of `key` still has to be settled after an attempt now; never raises."""
        if self._settings.settle == "leave" or key in self._settled:
            return False
        try:
            self._settle_key(key)
        except SourceError:
            return True
        return False

    @property
    def settles(self) -> bool:
        """Whether anything is to be done at the source once the ledger has a mail."""
        return self._settings.settle != "leave"


_SETTLER = "\0settler"  # No folder can have this name (RFC 9051, 5.1).
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class _Reader:
    """
    Brings the mails of one folder one by one; survives a conversation that breaks.

    It asks ahead once the caller has fetched a mail. When a conversation breaks while several mails are on
    their way, nobody can say which one broke it: from then on it asks for one at a time.
    """

    def __init__(
        self, mailbox: Mailbox, folder: str, cursor: Cursor, session: ImapSession, memory: Memory, closings: int
    ) -> None:
        self.folder = folder
        self._mailbox = mailbox
        self._cursor = cursor
        self._session = session
        self._memory = memory
        self._closings = closings
        self._ahead: deque[tuple[MailRow, bool]] = deque()
        self._wished: dict[int, MailRow] = {}
        self._untold: deque[_Mail] = deque()
        self._is_fetching = False
        self._is_careful = False
        self._conversations = 1

    @property
    def source_name(self) -> str:
        """The name of the mailbox."""
        return self._mailbox.name

    @property
    def not_there_at(self) -> datetime | None:
        """When the folder was last listed to its end by this process, if it was."""
        return self._mailbox._looked_at.get(self.folder)

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

    def mails(self, rows: Iterator[MailRow]) -> Iterator[_Mail]:
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
                    yield _Mail(self, self._ahead.popleft()[0], None)
                continue
            try:
                self._wish_ahead()
                body = self._session.next_body()
            except ConnectionLost:
                self._is_careful = True
                continue
            yield _Mail(self, self._wished.pop(body.uid), body)

    def note(self, mail: _Mail, now: datetime) -> None:
        """
        Take note of what became of a mail that was offered: move the cursor past it, and leave a hole if it failed.

        A caller that records several mails in one transaction settles them later: such a mail stays open until it is
        settled, or until the ledger is asked for it. Until then the cursor counts it as a hole.
        """
        uid = mail.row.uid
        if mail.failed:
            hole = (self._cursor.holes.get(uid) or Hole(0, now)).failed(now, mail.octets)
            if hole.tries >= TRIES_TO_REMARK:
                self._mailbox._remark("MAIL_NOT_OBTAINED", f"{self.folder}, UID {uid}: {hole.tries}")
            self._cursor = self._cursor.past(mail.row).with_hole(uid, hole)
            return
        self._untold.append(mail)
        while self._untold and (len(self._untold) > UNTOLD_AT_MOST or self._is_settled(self._untold[0])):
            self._look_up(self._untold.popleft())

    def look_up_untold(self) -> None:
        """At the end of a look: ask the ledger for the mails whose fate nobody has told."""
        while self._untold:
            self._look_up(self._untold.popleft())

    def _look_up(self, mail: _Mail) -> None:
        hole: Hole | None = None
        if not self._is_settled(mail):
            known = self._memory.knows(mail.key)
            if not known or self._mailbox.settles:
                hole = self._cursor.holes.get(mail.row.uid) or Hole(0, _LONG_AGO)
        self._cursor = self._cursor.past(mail.row).with_hole(mail.row.uid, hole)

    def _is_settled(self, mail: _Mail) -> bool:
        return mail.key in self._mailbox._settled

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
                f"{self.source_name}: {self.folder}: the conversation broke {self._conversations} times in one look",
                remedy="The next look begins anew; if it goes on, look into the mail server's own log.",
            )
        self._conversations += 1
        self._session = self._mailbox._session(self.folder, self._closings)
        if self._cursor.is_overtaken(self._session.state):
            raise ConnectionLost(
                f"{self.source_name}: {self.folder} was renumbered during the look",
                remedy="Nothing needs to be done: the next look lists it anew.",
            )


class _Mail:
    """One mail that waits."""

    def __init__(self, reader: _Reader, row: MailRow, body: Body | None) -> None:
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
            raise SizeDisagrees(
                f"{self._reader.source_name}: mail {self.row.uid} in {self._reader.folder}: "
                f"{self.octets} octets came, the server had said {self.row.octets}",
                octets=self.octets,
            )
        self.failed = False

    def arrival(self, stored: Stored, seen_at: datetime) -> Arrival:
        """
        Say what is known without reading the mail: when the server took it in, and how large it is.

        Without an INTERNALDATE only an interval is known: from the last listing without the mail to this one.
        """
        if stored.size != self.octets:
            raise SourceError(
                f"{self._reader.source_name}: {self.octets} octets came and {stored.size} were stored",
                remedy="The next look brings the mail again; check the vault's disk.",
            )
        reasons: list[Why] = []
        row = self.row
        if is_junk(self._reader.folder):
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
        clocks.append(ClockReading("first_seen", seen_at))
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


def is_junk(folder: str) -> bool:
    """Whether a folder's name says that the server's filter put its mail there; wanted mail lands in it too."""
    return re.split(r"[/.]", folder)[-1].casefold() in JUNK_NAMES


def _cursor_key(folder: str) -> str:
    return f"cursor/{folder}"


def _split(key: str) -> tuple[str, str, int]:
    """Return folder, UIDVALIDITY (with its era) and UID of a source key; a folder's name may hold slashes."""
    folder, validity, uid = key.rsplit("/", 2)
    return folder, validity, int(uid)
