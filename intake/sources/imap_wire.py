"""The lines of one conversation with a mail server: sent, read, and ended at any doubt."""

from __future__ import annotations

import contextlib
import re
import time

from imapclient import IMAPClient

from config.settings import ImapSource
from intake.sources.imap_connect import LIBRARY_FAILURES, ConnectionLost, Lifeline, connect, quoted, release
from intake.sources.imap_listing import FETCH, Listing

# How much of a body is held at once: large enough that the loop costs nothing, small beside 16 MiB.
CHUNK_OCTETS = 64 * 1024

# No literal outside a body has a reason to be longer (a folder name, a header of a header-only fetch excepted).
MAX_OTHER_LITERAL = 64 * 1024

# A whole body may take this long, plus its size at the slowest line we still call a line.
BODY_SECONDS = 300
SLOWEST_OCTETS_PER_SECOND = 16 * 1024

LITERAL_END = re.compile(rb"~?\{(\d{1,19})\+?\}\r\n$")
_COUNT = re.compile(rb"\* (\d{1,10}) (EXISTS|EXPUNGE)\b", re.IGNORECASE)


class ImapWire:
    """
    A logged-in connection, line by line; logged in by `connect`, so that it can be cut while that goes on.

    Every method raises ConnectionLost when the conversation cannot go on, and then `broken` is true. `asked` are the
    commands on their way whose mails are awaited, by their tags.
    """

    def __init__(self, settings: ImapSource) -> None:
        self._name = settings.name
        self._settings = settings
        self._lifeline = Lifeline()
        self._client: IMAPClient | None = None
        self._opened = time.monotonic()
        self._exists = 0
        self._expunged = 0
        self._tag = 0
        self._asked: dict[bytes, int] = {}
        self.broken = False
        self.folder = ""

    def connect(self) -> None:
        """Connect and log in; raises ConnectionLost, also when `hang_up` ended it."""
        was_broken, self.broken = self.broken, True
        self._client = connect(self._settings, self._lifeline)
        self.broken = was_broken

    @property
    def client(self) -> IMAPClient:
        """The library's own conversation, once it is connected."""
        assert self._client is not None
        return self._client

    def hang_up(self) -> None:
        """End the conversation now, from any thread."""
        self.broken = True
        self._lifeline.cut()

    def close(self) -> None:
        """Say goodbye if nothing is in flight, and let go of the connection; never raises."""
        if not self.broken and not self._asked and self._client is not None:
            self.broken = True
            with contextlib.suppress(*LIBRARY_FAILURES):
                self._client.socket().settimeout(2)  # Politeness is not worth a wait.
                self._client.logout()
        self.broken = True
        self._lifeline.cut()
        if self._client is not None:
            release(self._client)
        self._lifeline.let_go()

    def _next_tag(self) -> bytes:
        self._tag += 1
        return b"x%d" % self._tag  # imaplib's own tags are capital letters: an answer to the other is noticed.

    def _send(self, data: bytes) -> None:
        try:
            self.client._imap.send(data)
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the connection broke: {quoted(cause)}") from cause

    def _line(self) -> bytes:
        try:
            line = self.client._imap.readline()
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the connection broke: {quoted(cause) or type(cause).__name__}") from cause
        if not isinstance(line, bytes) or not line.endswith(b"\r\n"):
            raise self._lost("the server closed the connection")
        return line

    def _read(self, size: int) -> bytes:
        try:
            chunk = self.client._imap.read(size)
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
            while (end := LITERAL_END.search(line)) is not None:
                self._drain(int(end[1]), MAX_OTHER_LITERAL, until)
                line = self._line()
                whole += line
                if len(whole) > MAX_OTHER_LITERAL:
                    raise self._lost("an answer without end")
            if FETCH.match(whole):
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
        return ConnectionLost("MAIL_TALK_BROKEN", source=self._name, why=why)

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
