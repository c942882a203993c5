"""One conversation about one folder: what is there, and each mail's bytes streamed; any doubt ends it."""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientReadOnlyError

from config.settings import ImapSource
from intake.ports import ByteSink, SourceError
from intake.sources.imap_connect import (
    LIBRARY_FAILURES,
    ConnectionLost,
    FolderMissing,
    connect,
    hang_up,
    quoted,
    release,
)

# How much of a body is held at once: large enough that the loop costs nothing, small beside 16 MiB.
CHUNK_OCTETS = 64 * 1024

# No literal outside a body has a reason to be longer (a folder name, a header of a header-only fetch excepted).
MAX_OTHER_LITERAL = 64 * 1024

# A whole body may take this long, plus its size at the slowest line we still call a line.
BODY_SECONDS = 300
SLOWEST_OCTETS_PER_SECOND = 16 * 1024

# A conversation older than this is replaced even if it seems well: a folder that was deleted and made anew
# under a selected one is noticed only by selecting again.
MAX_AGE_SECONDS = 3600

# Headers of a mail that is too large to be stored: no honest mail has a megabyte of them.
MAX_HEADER_OCTETS = 1024 * 1024

# A command line is kept under 8,000 octets, which every server takes (RFC 7162, section 4).
UIDS_PER_COMMAND = 500

_LITERAL_END = re.compile(rb"~?\{(\d{1,19})\+?\}\r\n$")
_FETCH = re.compile(rb"\* (\d{1,10}) FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"[( ]UID (\d{1,10})(?=[ )])", re.IGNORECASE)
_SIZE = re.compile(rb"[( ]RFC822\.SIZE (\d{1,19})(?=[ )])", re.IGNORECASE)
_DATE = re.compile(
    rb'[( ]INTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"', re.IGNORECASE
)
_COUNT = re.compile(rb"\* (\d{1,10}) (EXISTS|EXPUNGE)\b", re.IGNORECASE)
_BODY_LITERAL = re.compile(rb"BODY(?:\.PEEK)?\[(?:HEADER)?\](?:<\d+>)? ~?\{\d+\+?\}\r\n$", re.IGNORECASE)
_BODY_INLINE = re.compile(rb'BODY\[(?:HEADER)?\](?:<\d+>)? (?:NIL|"((?:[^"\\\r\n]|\\["\\])*)")', re.IGNORECASE)
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}

_UNKNOWN = -1
_NO_DATE = -(2**62)


class SizeDisagrees(SourceError):
    """The body was complete as sent, but not as long as the server had said; `octets` is what came."""

    def __init__(self, what: str, *, octets: int) -> None:
        super().__init__(what, remedy="It is asked for again; after three equal answers the body is taken as it is.")
        self.octets = octets


@dataclass(frozen=True, slots=True)
class FolderState:
    """What the server said when the folder was opened; `uid_next` is None if it did not say."""

    uid_validity: int
    uid_next: int | None
    flags_allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailRow:
    """One mail as listed; `octets` is RFC822.SIZE, `internal_date` is UTC; None where the server did not say."""

    uid: int
    octets: int | None
    internal_date: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """
    A body at whose first byte the conversation stands; `octets` is what the server announced.

    None says that the server has no body for the mail, and `words` why. A very short body may come inside
    its line (`inline`). `before` is the answer up to the bytes.
    """

    uid: int
    octets: int | None
    words: str = ""
    inline: bytes | None = None
    before: bytes = b""


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
        self.complete = False

    def __len__(self) -> int:
        return len(self._uids)

    def add(self, line: bytes) -> None:
        """Take one `* n FETCH (…)` line; a line without a UID is news about flags, and is passed over."""
        head, uid = _FETCH.match(line), _UID.search(line)
        if head is None or uid is None:
            return
        sequence = int(head[1])
        size, date = _SIZE.search(line), _DATE.search(line)
        self._lowest = min(self._lowest or sequence, sequence)
        self._highest = max(self._highest, sequence)
        self._uids.append(int(uid[1]))
        self._octets.append(int(size[1]) if size else _UNKNOWN)
        moment = _moment(date) if date else None
        self._dates.append(int(moment.timestamp()) if moment else _NO_DATE)

    def reaches(self, exists: int) -> bool:
        """Whether the rows are consecutive and end with the folder's last mail."""
        if not self._uids:
            return exists == 0
        return self._highest == exists and self._highest - self._lowest + 1 == len(self._uids)

    def rows(self) -> Iterator[MailRow]:
        """Yield the rows by rising UID, each UID once."""
        before = 0
        for index in sorted(range(len(self._uids)), key=self._uids.__getitem__):
            uid = self._uids[index]
            if uid == before:
                continue
            before = uid
            octets, date = self._octets[index], self._dates[index]
            yield MailRow(
                uid,
                None if octets == _UNKNOWN else octets,
                None if date == _NO_DATE else datetime.fromtimestamp(date, UTC),
            )


class ImapSession:
    """
    A logged-in connection with one folder open.

    Every method raises ConnectionLost when the conversation cannot go on, and then `broken` is true: the owner
    drops the session and opens another. `hang_up` may be called from any thread and ends a wait at once.
    """

    def __init__(self, settings: ImapSource) -> None:
        self._name = settings.name
        self._client: IMAPClient = connect(settings)
        self._opened = time.monotonic()
        self._exists = 0
        self._expunged = 0
        self._tag = 0
        self._asked: dict[bytes, int] = {}
        self._came: set[int] = set()
        self._before_body: Body | None = None
        self.broken = False
        self.folder = ""
        self.writable = False
        self.state = FolderState(0, None)

    # Opening and closing.

    @property
    def stale(self) -> bool:
        """Whether it should be replaced before it is used again."""
        return self.broken or bool(self._asked) or time.monotonic() - self._opened > MAX_AGE_SECONDS

    def open_folder(self, folder: str, *, writable: bool) -> FolderState:
        """
        Open `folder`, read-only (EXAMINE) unless `writable`; raises FolderMissing if the server has none.

        A server that gives no UIDVALIDITY cannot be worked with: its UIDs mean nothing tomorrow (RFC 9051, 2.3.1.1).
        """
        try:
            answer = self._client.select_folder(folder, readonly=not writable)
            self._exists = int(answer[b"EXISTS"])
            validity = int(answer.get(b"UIDVALIDITY", 0))
            uid_next = answer.get(b"UIDNEXT")
            flags = tuple(quoted(flag) for flag in answer.get(b"PERMANENTFLAGS", ()))
            state = FolderState(validity, int(uid_next) if uid_next else None, flags)
        except IMAPClientReadOnlyError as cause:
            self.broken = True
            raise SourceError(
                f"{self._name}: the folder {folder} may only be read",
                remedy='Give the account the right to change it, or write settle = "leave".',
            ) from cause
        except LIBRARY_FAILURES as cause:
            if self._is_missing(folder, cause):
                raise FolderMissing(
                    f"{self._name}: there is no folder {folder}",
                    remedy="Write the folder's name as the server has it, or take it out of folders.",
                ) from cause
            raise self._lost(f"the folder {folder} could not be opened: {quoted(cause)}") from cause
        if state.uid_validity <= 0:
            raise self._lost(f"the folder {folder} has no UIDVALIDITY, so its mails cannot be told apart for ever")
        self.folder, self.writable, self.state = folder, writable, state
        return state

    def _is_missing(self, folder: str, cause: BaseException) -> bool:
        """Whether the refusal meant that the folder is not there: by its response code (RFC 5530), else by LIST."""
        if isinstance(cause, OSError | IMAPClient.AbortError):
            return False
        if "NONEXISTENT" in str(cause):
            return True
        try:
            return not self._client.list_folders("", folder)
        except LIBRARY_FAILURES:
            return False

    def hang_up(self) -> None:
        """End the conversation now, from any thread."""
        self.broken = True
        hang_up(self._client)

    def close(self) -> None:
        """Say goodbye if nothing is in flight, and let go of the connection; never raises."""
        if not self.broken and not self._asked:
            self.broken = True
            try:
                self._client.socket().settimeout(2)  # Politeness is not worth a wait.
                self._client.logout()
            except LIBRARY_FAILURES:
                hang_up(self._client)
        self.broken = True
        hang_up(self._client)
        release(self._client)

    # Looking.

    def listing(self, first: int) -> Listing:
        """
        Return the mails with a UID of `first` or above, and always the last one (RFC 9051, 6.4.9: `n:*`).

        NOOP makes the server tell what is new; an unchanged folder costs these two commands, however many mails it
        holds. They do not go out together: Dovecot then answers the second before it has looked for the first.
        """
        noop, fetch = self._next_tag(), self._next_tag()
        self._send(noop + b" NOOP\r\n")
        self._until(noop, Listing())
        listing = Listing()
        self._send(fetch + b" UID FETCH %d:* (UID RFC822.SIZE INTERNALDATE)\r\n" % first)
        expunged = self._expunged
        ok, words = self._until(fetch, listing)
        if not ok and len(listing) == 0 and self._exists > 0:
            raise self._lost(f"the folder {self.folder} could not be listed: {words}")
        undisturbed = self._expunged == expunged  # An expunge between the rows shifts their sequence numbers.
        # UIDNEXT was true when the folder was opened; mail that came since has overtaken it.
        self.state = replace(self.state, uid_next=None)
        listing.complete = (ok or self._exists == 0) and undisturbed and listing.reaches(self._exists)
        return listing

    def listing_of(self, uids: Sequence[int]) -> Listing:
        """Return those of `uids` that are still there; `complete` says that the server answered OK."""
        listing = Listing()
        listing.complete = True
        for start in range(0, len(uids), UIDS_PER_COMMAND):
            tag = self._next_tag()
            few = b",".join(b"%d" % uid for uid in uids[start : start + UIDS_PER_COMMAND])
            self._send(tag + b" UID FETCH %s (UID RFC822.SIZE INTERNALDATE)\r\n" % few)
            ok, _ = self._until(tag, listing)
            listing.complete = listing.complete and ok
        return listing

    # Bodies.

    def ask_for(self, uids: Sequence[int], *, headers_only: frozenset[int] = frozenset()) -> None:
        """
        Send the wish for each body ahead, so that reading one never waits for a round trip (RFC 9051, 5.5).

        One command a mail, not one for all: a NO then belongs to one mail. PEEK leaves the Seen flag alone.
        """
        wishes = bytearray()
        for uid in uids:
            tag = self._next_tag()
            part = b"BODY.PEEK[HEADER]<0.%d>" % MAX_HEADER_OCTETS if uid in headers_only else b"BODY.PEEK[]"
            wishes += b"%s UID FETCH %d (UID %s)\r\n" % (tag, uid, part)
            self._asked[tag] = uid
        self._send(bytes(wishes))

    def next_body(self) -> Body:
        """
        Read on to the next body that was asked for, whichever the server sends first, and stop before its bytes.

        A server may answer commands out of their order (RFC 9051, 5.5; Dovecot does), so the UID in the answer says
        whose body it is. A mail for which the server has no body comes back with `octets` None and its words.
        """
        if self._before_body is not None:
            self._skip(self._before_body)
        until = time.monotonic() + BODY_SECONDS
        was_broken, self.broken = self.broken, True  # Whatever leaves this method early leaves it broken.
        while self._asked:
            line = self._line()
            body: Body | None = None
            if line[:1] == b"x":
                body = self._completed(line)
            elif _FETCH.match(line) is not None:
                body = self._begin_fetch(line, until)
            else:
                self._untagged(line)
            if body is not None:
                self.broken = was_broken
                return body
        raise self._lost("an answer was awaited where nothing had been asked")

    def stream(self, body: Body, into: ByteSink, *, limit: int) -> int:
        """
        Write the bytes of `body` into `into` and return their number, which is what the server announced.

        Raises SourceError when there are none: the conversation goes on. Raises ConnectionLost when they
        break off, and SizeTooLarge when more than `limit` were announced.
        """
        if not body.octets:
            raise SourceError(
                f"{self._name}: the server gave no body for mail {body.uid} in {self.folder}: {body.words or 'empty'}",
                remedy="It is asked for again; if it goes on, open the mail in the mailbox and forward it to itself.",
            )
        if body.inline is not None:
            into.write(body.inline)
            return len(body.inline)
        if body is not self._before_body:
            raise SourceError(
                f"{self._name}: mail {body.uid} in {self.folder} has already passed", remedy="The next look brings it."
            )
        if body.octets > limit:
            self.broken = True
            raise SizeTooLarge(self._name, self.folder, body.uid, body.octets)
        self._pass_body(body, into, time.monotonic() + BODY_SECONDS + body.octets / SLOWEST_OCTETS_PER_SECOND)
        if len(self._came) == len(self._asked):
            self._finish()
        return body.octets

    def _completed(self, line: bytes) -> Body | None:
        """Take a tagged line; return a body without bytes if the mail of that command never came."""
        tag, _, rest = line.partition(b" ")
        uid = self._asked.pop(tag, None)
        if uid is None:
            raise self._lost(f"the server answered out of turn: {quoted(line)}")
        ok, words = self._status(rest)
        if uid in self._came:
            self._came.remove(uid)
            return None
        return Body(uid, None, "nothing" if ok else words)

    def _begin_fetch(self, line: bytes, until: float) -> Body | None:
        """Read one FETCH response up to the bytes of a body in it; None if there is no body in it."""
        words = line
        while (end := _LITERAL_END.search(line)) is not None:
            size = int(end[1])
            if _BODY_LITERAL.search(line) is not None:
                body = Body(self._whose(words), size, before=words)
                self._before_body = body
                self._came.add(body.uid)
                return body
            self._drain(size, MAX_OTHER_LITERAL, until)
            line = self._line()
            words += line
            if len(words) > MAX_OTHER_LITERAL:
                raise self._lost("an answer without end")
        inline = _BODY_INLINE.search(words)
        if inline is None or not inline[1]:
            return None
        text = re.sub(rb"\\(.)", rb"\1", inline[1])
        uid = self._whose(words)
        self._came.add(uid)
        return Body(uid, len(text), inline=text)

    def _whose(self, words: bytes) -> int:
        """Return the UID whose body an answer brings; it must be one that is awaited."""
        awaited = set(self._asked.values()) - self._came
        told = _UID.search(words)
        if told is not None and int(told[1]) in awaited:
            return int(told[1])
        if told is None and len(awaited) == 1:
            return awaited.pop()
        whose = "an unnamed mail" if told is None else f"mail {int(told[1])}"
        raise self._lost(f"the server sent {whose} in {self.folder} which was not asked for")

    def _pass_body(self, body: Body, into: ByteSink | None, until: float) -> None:
        """Read the bytes of `body` and what stands behind them in its answer."""
        was_broken, self.broken = self.broken, True
        self._before_body = None
        left = body.octets or 0
        while left:
            chunk = self._read(min(left, CHUNK_OCTETS))
            if into is not None:
                into.write(chunk)
            left -= len(chunk)
            self._in_time(until)
        line = self._line()
        words = body.before + line
        while (end := _LITERAL_END.search(line)) is not None:
            if _BODY_LITERAL.search(line) is not None:
                raise self._lost(f"mail {body.uid} in {self.folder} came twice in one answer")
            self._drain(int(end[1]), MAX_OTHER_LITERAL, until)
            line = self._line()
            words += line
            if len(words) > MAX_OTHER_LITERAL:
                raise self._lost("an answer without end")
        told = _UID.search(words)
        if told is not None and int(told[1]) != body.uid:
            raise self._lost(f"asked for mail {body.uid} in {self.folder}, the server sent mail {int(told[1])}")
        self.broken = was_broken

    def _skip(self, body: Body) -> None:
        octets = body.octets or 0
        self._pass_body(body, None, time.monotonic() + BODY_SECONDS + octets / SLOWEST_OCTETS_PER_SECOND)

    def _finish(self) -> None:
        """Read the end of the last command, so that the conversation can go on; a break here harms no mail."""
        until = time.monotonic() + BODY_SECONDS
        was_broken, self.broken = self.broken, True
        try:
            while self._asked:
                line = self._line()
                if line[:1] == b"x":
                    self._completed(line)
                elif _FETCH.match(line) is None:
                    self._untagged(line)
                elif _LITERAL_END.search(line) is not None:
                    raise self._lost("a second body")
                self._in_time(until)
        except ConnectionLost:
            return
        self.broken = was_broken

    def _drain(self, size: int, limit: int, until: float) -> None:
        if size > limit:
            raise self._lost(f"the server announced {size} octets where at most {limit} can be meant")
        left = size
        while left:
            left -= len(self._read(min(left, CHUNK_OCTETS)))
            self._in_time(until)

    def _in_time(self, until: float) -> None:
        if time.monotonic() > until:
            raise self._lost("the server sends more slowly than any line would")

    # Changing; only for `settle`.

    @property
    def offers_move(self) -> bool:
        """Whether the server has MOVE (RFC 6851); it is never emulated by COPY and EXPUNGE."""
        try:
            return bool(self._client.has_capability("MOVE"))
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the capabilities could not be had: {quoted(cause)}") from cause

    def set_keyword(self, uid: int, keyword: str) -> None:
        """Add `keyword` to the mail; adding it again changes nothing."""
        tag = self._next_tag()
        self._send(tag + b" UID STORE %d +FLAGS.SILENT (%s)\r\n" % (uid, keyword.encode("ascii")))
        ok, words = self._until(tag, Listing())
        if not ok:
            raise SourceError(
                f"{self._name}: the server did not set {keyword} on mail {uid}: {words}",
                remedy='Give the account the right to set flags, or write settle = "leave".',
            )

    def move(self, uid: int, folder: str) -> None:
        """Move the mail; a mail that is no longer there is passed over by the server. The folder is made if missing."""
        try:
            try:
                self._client.move([uid], folder)
            except IMAPClient.AbortError:
                raise
            except IMAPClient.Error:
                if self._client.folder_exists(folder):
                    raise
                self._client.create_folder(folder)
                self._client.move([uid], folder)
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"mail {uid} could not be moved to {folder}: {quoted(cause)}") from cause

    # Lines.

    def _next_tag(self) -> bytes:
        self._tag += 1
        return b"x%d" % self._tag  # imaplib's own tags are capital letters: an answer to the other is noticed.

    def _send(self, data: bytes) -> None:
        try:
            self._client._imap.send(data)
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the connection broke: {quoted(cause)}") from cause

    def _line(self) -> bytes:
        try:
            line = self._client._imap.readline()
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the connection broke: {quoted(cause) or type(cause).__name__}") from cause
        if not isinstance(line, bytes) or not line.endswith(b"\r\n"):
            raise self._lost("the server closed the connection")
        return line

    def _read(self, size: int) -> bytes:
        try:
            chunk = self._client._imap.read(size)
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the connection broke inside a mail: {quoted(cause) or type(cause).__name__}") from cause
        if not isinstance(chunk, bytes) or len(chunk) != size:
            raise self._lost("the server closed the connection inside a mail")
        return chunk

    def _until(self, tag: bytes, listing: Listing) -> tuple[bool, str]:
        """Read up to the end of the command `tag`, collecting rows; return whether it was OK, and the words."""
        was_broken, self.broken = self.broken, True
        until = time.monotonic() + BODY_SECONDS
        while True:
            line = self._line()
            if line.startswith(tag + b" "):
                self.broken = was_broken
                return self._status(line[len(tag) + 1 :])
            whole = line
            while (end := _LITERAL_END.search(line)) is not None:
                self._drain(int(end[1]), MAX_OTHER_LITERAL, until)
                line = self._line()
                whole += line
                if len(whole) > MAX_OTHER_LITERAL:
                    raise self._lost("an answer without end")
            if _FETCH.match(whole):
                listing.add(whole)
            else:
                self._untagged(whole)

    def _untagged(self, line: bytes) -> None:
        """Take note of news; a farewell or anything out of turn ends the conversation."""
        if line[:6].upper() == b"* BYE ":
            raise self._lost(f"the server said goodbye: {quoted(line[6:])}")
        if not line.startswith((b"* ", b"+ ")):
            raise self._lost(f"the server answered out of turn: {quoted(line)}")
        news = _COUNT.match(line)
        if news is None:
            return
        if news[2].upper() == b"EXISTS":
            self._exists = int(news[1])
        else:
            self._exists = max(0, self._exists - 1)
            self._expunged += 1

    def _status(self, answer: bytes) -> tuple[bool, str]:
        word, _, rest = answer.partition(b" ")
        if word.upper() not in (b"OK", b"NO", b"BAD"):
            raise self._lost(f"the server answered out of turn: {quoted(answer)}")
        return word.upper() == b"OK", quoted(answer if word.upper() != b"OK" else rest)

    def _lost(self, why: str) -> ConnectionLost:
        self.broken = True
        return ConnectionLost(
            f"{self._name}: {why}",
            remedy="The next look begins a new conversation; if it goes on, look into the mail server's own log.",
        )


class SizeTooLarge(ConnectionLost):
    """The server began a body that is longer than is stored; `octets` is what it announced."""

    def __init__(self, name: str, folder: str, uid: int, octets: int) -> None:
        super().__init__(
            f"{name}: mail {uid} in {folder} has {octets} octets, more than is stored",
            remedy="Its headers are taken at the next look; ask the sender to split it.",
        )
        self.octets = octets


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
