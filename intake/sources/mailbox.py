"""The office's mailbox: every mail in the watched folders is brought once, and the mailbox stays as it is."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice

from config.settings import ImapSource
from intake.ports import Memory, SourceError, Waiting
from intake.sources.imap_connect import ConnectionLost, FolderMissing, LoginRefused
from intake.sources.imap_cursor import MAX_HOLES, Cursor
from intake.sources.imap_listing import MailRow
from intake.sources.imap_session import ImapSession, MoveRefused
from intake.sources.mailbox_reader import FolderReader
from storage.records import Delivery, Why

# The cursor is written once in so many mails: a crash costs at most as many look-ups, never a mail.
ROWS_BETWEEN_CURSORS = 200


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
        self._lasts_too_long = False
        self._refuses_to_settle: SourceError | None = None
        self._remarks: list[Why] = []
        self._settled: set[str] = set()
        self._looked_at: dict[str, datetime] = {}
        self._postponed: dict[str, int] = {}
        self._prefixes: dict[str, str] = {}
        self._junk: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The source's name, as the settings have it."""
        return self._settings.name

    @property
    def remarks(self) -> tuple[Why, ...]:
        """What the last look noticed that a person should know, though it went on (config/reasons/sources.toml)."""
        return tuple(self._remarks)

    @property
    def postponed(self) -> int:
        """How many mails were seen and could not be had yet, also those that the last look did not ask for."""
        return sum(self._postponed.values())

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
                    self.remark("MAIL_FOLDER_MISSING", folder)
                    if missing == len(self._settings.folders):
                        troubles.append(trouble)
                except SourceError as trouble:
                    self._drop(folder)
                    troubles.append(trouble)
                    if closings != self._closings or isinstance(trouble, LoginRefused):
                        break
            for folder in sorted(self._junk - set(self._settings.folders)):
                self.remark("JUNK_NOT_WATCHED", folder)
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
            raise SourceError("MAILBOX_BUSY", source=self.name)
        try:
            self._remarks = []
            self._settled = set()
            self._refuses_to_settle = None
            self._lasts_too_long = False
            closings = self._closings
            timer = threading.Timer(self._settings.look_timeout_seconds, self._end_look)
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
        session = self.session(folder, closings)
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
                    self.remark("MAIL_GONE", f"{folder}, UID {uid}")

        # 3. Bring it, and move the cursor behind what the ledger has.
        reader = FolderReader(self, folder, cursor, session, memory, closings)
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
        owed = [uid for uid, hole in cursor.holes.items() if hole.tries]
        self._postponed[folder] = sum(not memory.knows(cursor.prefix(folder) + str(uid)) for uid in owed)
        if complete and cursor != before and len(cursor.holes) <= MAX_HOLES:
            memory.put(_cursor_key(folder), cursor.dump())

    def _renumbered(self, folder: str, cursor: Cursor, session: ImapSession) -> Cursor:
        self.remark("MAILBOX_RENUMBERED", f"{folder}: {cursor.uid_validity} -> {session.state.uid_validity}")
        return cursor.restarted(session.state)

    def session(self, folder: str, closings: int) -> ImapSession:
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
        with self._guard:
            self._refuse_if_closed(closings)
            self._sessions[slot] = session
        try:
            session.connect()
        except SourceError:
            self._drop(slot)
            raise
        if slot == self._settings.folders[0]:
            self._junk = session.junk_folders()  # Once in each conversation about the first folder: it hardly changes.
        return session

    def _refuse_if_closed(self, closings: int) -> None:
        if closings == self._closings:
            return
        if self._lasts_too_long:
            seconds = self._settings.look_timeout_seconds
            raise ConnectionLost("MAIL_LOOK_TOO_LONG", source=self.name, seconds=seconds)
        raise ConnectionLost("SOURCE_CLOSED", source=self.name)

    def _drop(self, slot: str) -> None:
        with self._guard:
            session = self._sessions.pop(slot, None)
        if session is not None:
            session.close()

    def _end_look(self) -> None:
        """End a look that has lasted too long: every conversation, and those that it would begin instead."""
        with self._guard:
            self._closings += 1
            self._lasts_too_long = True
            for session in self._sessions.values():
                session.hang_up()

    def remark(self, code: str, detail: str) -> None:
        """Tell a person of something, once in a look, though the look goes on."""
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
            self.remark("SETTLE_NOT_POSSIBLE", f"{self._settings.move_to} is itself watched")
        elif not session.offers_move:
            self.remark("SETTLE_NOT_POSSIBLE", "the server does not offer MOVE")
        else:
            self._move(session, uid)
        self._settled.add(key)

    def _move(self, session: ImapSession, uid: int) -> None:
        """Move a mail; once the server has refused one in this look, the others wait for the next."""
        if self._refuses_to_settle is not None:
            raise self._refuses_to_settle
        try:
            session.move(uid, self._settings.move_to)
        except MoveRefused as trouble:
            self.remark("SETTLE_NOT_POSSIBLE", self._settings.move_to)
            self._refuses_to_settle = trouble
            raise

    def _flag(self, session: ImapSession, uid: int) -> None:
        keyword = self._settings.keyword
        if not re.fullmatch(r"\$?[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", keyword):
            raise SourceError("MAIL_KEYWORD_WRONG", source=self.name, keyword=repr(keyword))
        allowed = {flag.lower() for flag in session.state.flags_allowed}
        if allowed and "\\*" not in allowed and keyword.lower() not in allowed:
            self.remark("SETTLE_NOT_POSSIBLE", f"the server does not allow the keyword {keyword}")
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

    def is_settled(self, key: str) -> bool:
        """Whether the mail of `key` was settled in this look."""
        return key in self._settled

    def listed_at(self, folder: str) -> datetime | None:
        """When the folder was last listed to its end by this process, if it was."""
        return self._looked_at.get(folder)

    def is_junk(self, folder: str) -> bool:
        """Whether the folder is the filter's, by the server's word or by its name; wanted mail lands in it too."""
        return folder in self._junk or is_junk_by_name(folder)

    @property
    def settles(self) -> bool:
        """Whether anything is to be done at the source once the ledger has a mail."""
        return self._settings.settle != "leave"


_SETTLER = "\0settler"  # No folder can have this name (RFC 9051, 5.1).


def is_junk_by_name(folder: str) -> bool:
    """Whether a folder's name says that the server's filter put its mail there; wanted mail lands in it too."""
    return re.split(r"[/.]", folder)[-1].casefold() in JUNK_NAMES


def _cursor_key(folder: str) -> str:
    return f"cursor/{folder}"


def _split(key: str) -> tuple[str, str, int]:
    """Return folder, UIDVALIDITY (with its era) and UID of a source key; a folder's name may hold slashes."""
    folder, validity, uid = key.rsplit("/", 2)
    return folder, validity, int(uid)
