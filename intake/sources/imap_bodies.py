"""The bodies of mails, asked for ahead and streamed one by one, whichever the server sends first."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import ImapSource
from intake.ports import ByteSink, SourceError
from intake.sources.imap_connect import ConnectionLost, quoted
from intake.sources.imap_listing import FETCH, UID
from intake.sources.imap_wire import BODY_SECONDS, CHUNK_OCTETS, LITERAL_END, MAX_OTHER_LITERAL, ImapWire

# A body may take this longer for its size: the slowest line we still call a line.
SLOWEST_OCTETS_PER_SECOND = 16 * 1024

# Headers of a mail that is too large to be stored: no honest mail has a megabyte of them.
MAX_HEADER_OCTETS = 1024 * 1024

_BODY_LITERAL = re.compile(rb"BODY(?:\.PEEK)?\[(?:HEADER)?\](?:<\d+>)? ~?\{\d+\+?\}\r\n$", re.IGNORECASE)
_BODY_INLINE = re.compile(rb'BODY\[(?:HEADER)?\](?:<\d+>)? (?:NIL|"((?:[^"\\\r\n]|\\["\\])*)")', re.IGNORECASE)


class SizeDisagrees(SourceError):
    """The body was complete as sent, but not as long as the server had said; `octets` is what came."""

    def __init__(self, name: str, folder: str, uid: int, *, octets: int, announced: int | None) -> None:
        super().__init__("MAIL_SIZE_DISAGREES", source=name, folder=folder, uid=uid, octets=octets, announced=announced)
        self.octets = octets


class SizeTooLarge(ConnectionLost):
    """The server began a body that is longer than is stored; `octets` is what it announced."""

    def __init__(self, name: str, folder: str, uid: int, octets: int) -> None:
        super().__init__("MAIL_TOO_LARGE", source=name, folder=folder, uid=uid, octets=octets)
        self.octets = octets


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


class BodyReader(ImapWire):
    """A conversation that streams bodies."""

    def __init__(self, settings: ImapSource) -> None:
        super().__init__(settings)
        self._came: set[int] = set()
        self._before_body: Body | None = None

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
            elif FETCH.match(line) is not None:
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
                "MAIL_BODY_EMPTY", source=self._name, uid=body.uid, folder=self.folder, words=body.words or "empty"
            )
        if body.inline is not None:
            into.write(body.inline)
            return len(body.inline)
        if body is not self._before_body:
            raise SourceError("MAIL_PASSED", source=self._name, uid=body.uid, folder=self.folder)
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
        while (end := LITERAL_END.search(line)) is not None:
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
        told = UID.search(words)
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
        while (end := LITERAL_END.search(line)) is not None:
            if _BODY_LITERAL.search(line) is not None:
                raise self._lost(f"mail {body.uid} in {self.folder} came twice in one answer")
            self._drain(int(end[1]), MAX_OTHER_LITERAL, until)
            line = self._line()
            words += line
            if len(words) > MAX_OTHER_LITERAL:
                raise self._lost("an answer without end")
        told = UID.search(words)
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
                elif FETCH.match(line) is None:
                    self._untagged(line)
                elif LITERAL_END.search(line) is not None:
                    raise self._lost("a second body")
                self._in_time(until)
        except ConnectionLost:
            return
        self.broken = was_broken
