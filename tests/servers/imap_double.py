"""An IMAP server that does on command what real ones do only on bad days: wrong sizes, cut literals, lies, silence."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from config.settings import ImapSource

PASSWORD = "bí-mật-của-hộp-thư"


@dataclass
class DoubleMail:
    """A mail as the double has it; `claimed` is its RFC822.SIZE where that shall be a lie, `date` its INTERNALDATE."""

    body: bytes
    date: str = "10-Sep-2019 15:00:00 +0700"
    claimed: int | None = None


@dataclass
class DoubleFolder:
    """A folder: UIDs to mails."""

    uid_validity: int = 1000
    mails: dict[int, DoubleMail] = field(default_factory=dict)
    uid_next: int | None = None

    def next_uid(self) -> int:
        """What SELECT tells."""
        return self.uid_next if self.uid_next is not None else max(self.mails, default=0) + 1


Answer = Callable[["Conversation", int, DoubleMail], None]


class ImapDouble:
    """
    The server. `answers` maps a UID to the way in which its body is answered; without one it is answered well.

    `greeting`, `login` and `listing` may be replaced too. `commands` is everything clients have said. `drips` names the
    command (or `greeting`) that is answered by a byte now and then without end, `refuses` the answers to commands
    (their tag is put before NO and BAD). With `tls` it speaks only under TLS.
    """

    def __init__(self) -> None:
        self.folders: dict[str, DoubleFolder] = {"INBOX": DoubleFolder()}
        self.answers: dict[int, Answer] = {}
        self.greeting = b"* OK double\r\n"
        self.login: bytes | None = None
        self.capabilities = b"IMAP4rev1 AUTH=PLAIN"
        self.listing: Callable[[Conversation, bytes, list[int]], bool] | None = None
        self.permanent_flags = b"\\*"
        self.special_use: dict[str, bytes] = {}
        self.tls: ssl.SSLContext | None = None
        self.drips = b""
        self.refuses: dict[bytes, bytes] = {}
        self.commands: list[bytes] = []
        self.flags: dict[int, set[bytes]] = {}
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.double = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.cut_all()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def put(self, *bodies: bytes, folder: str = "INBOX") -> None:
        """Add mails with the next UIDs."""
        held = self.folders.setdefault(folder, DoubleFolder())
        for body in bodies:
            held.mails[max(held.mails, default=0) + 1] = DoubleMail(body)

    def cut_all(self) -> None:
        """Cut every open connection, as a server that is restarted does."""
        assert self._server is not None
        self._server.cut_all()

    def settings(self, **changes: object) -> ImapSource:
        """Return the settings of a source without TLS; the password comes from the variable DOUBLE_PASSWORD."""
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "tls": "none",
            "user": "stttt",
            "password_env": "DOUBLE_PASSWORD",
            "folders": ("INBOX",),
            "connect_timeout_seconds": 5,
            "read_timeout_seconds": 2,
        }
        return ImapSource(**(values | changes))  # type: ignore[arg-type]  # The names are those of the struct.


class Conversation:
    """One client's connection, as the answers see it."""

    def __init__(self, double: ImapDouble, connection: socket.socket) -> None:
        self.double = double
        self._connection = connection
        self._file = connection.makefile("rb")
        self.folder: DoubleFolder | None = None
        self.tag = b""
        self.held: list[bytes] = []

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def hang_up(self) -> None:
        """Cut the connection."""
        self._connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def ok(self) -> None:
        """End the command well."""
        self.say(self.tag + b" OK done\r\n")

    def sequence(self, uid: int) -> int:
        """Return the mail's number in its folder."""
        assert self.folder is not None
        return sorted(self.folder.mails).index(uid) + 1

    def serve(self) -> None:
        """Talk until the client or an answer ends it."""
        if self.double.drips == b"greeting":
            self.drip(b"greeting")
        self.say(self.double.greeting)
        while line := self._file.readline():
            self.double.commands.append(line.rstrip())
            self.tag, _, rest = line.rstrip().partition(b" ")
            name, _, arguments = rest.partition(b" ")
            if name.upper() == b"UID":
                name, _, arguments = arguments.partition(b" ")
                name = b"UID " + name
            handler = _COMMANDS.get(name.upper())
            if name.upper() == self.double.drips:
                self.drip(name.upper())
            refusal = self.double.refuses.get(name.upper())
            if refusal is not None:
                self.refuse(refusal)
            elif handler is None:
                self.say(self.tag + b" BAD unknown\r\n")
            else:
                handler(self, arguments)
            if name.upper() == b"LOGOUT":
                return

    def drip(self, name: bytes) -> None:
        """Say a byte now and then until the client hangs up or the drip is mended."""
        self.say(b"* ")
        while self.double.drips == name:
            self.say(b"x")
            time.sleep(0.05)
        self.hang_up()

    def refuse(self, answer: bytes) -> None:
        """Answer the command as `refuses` says; after a farewell the connection ends."""
        tagged = answer.startswith((b"NO", b"BAD"))
        self.say((self.tag + b" " if tagged else b"") + answer + b"\r\n")
        if not tagged:
            self.hang_up()

    def capability(self, arguments: bytes) -> None:
        self.say(b"* CAPABILITY " + self.double.capabilities + b"\r\n")
        self.ok()

    def log_in(self, arguments: bytes) -> None:
        if self.double.login is not None:
            self.say(self.double.login.replace(b"TAG", self.tag))
        else:
            self.ok()

    def authenticate(self, arguments: bytes) -> None:
        self.say(b"+ \r\n")
        self.double.commands.append(self._file.readline().rstrip())
        self.log_in(arguments)

    def select(self, arguments: bytes) -> None:
        folder = self.double.folders.get(arguments.strip(b'"').decode())
        if folder is None:
            self.say(self.tag + b" NO [NONEXISTENT] no such folder\r\n")
            return
        self.folder = folder
        self.say(b"* %d EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n" % len(folder.mails))
        self.say(b"* OK [PERMANENTFLAGS (%s)] ok\r\n" % self.double.permanent_flags)
        if folder.uid_validity:
            self.say(b"* OK [UIDVALIDITY %d] ok\r\n" % folder.uid_validity)
        self.say(b"* OK [UIDNEXT %d] ok\r\n" % folder.next_uid())
        self.ok()

    def noop(self, arguments: bytes) -> None:
        if self.folder is not None:
            self.say(b"* %d EXISTS\r\n" % len(self.folder.mails))
        self.ok()

    def list_folders(self, arguments: bytes) -> None:
        if arguments.startswith(b"(") and b"LIST-EXTENDED" not in self.double.capabilities:
            self.say(self.tag + b" BAD no such option\r\n")
            return
        for name, use in self.double.special_use.items():
            self.say(b'* LIST (%s) "/" "%s"\r\n' % (use, name.encode("ascii")))
        self.ok()

    def fetch(self, arguments: bytes) -> None:
        assert self.folder is not None
        wanted, _, items = arguments.partition(b" ")
        uids = _uids(wanted, sorted(self.folder.mails))
        if b"BODY.PEEK" not in items:
            if self.double.listing is not None and self.double.listing(self, wanted, uids):
                return
            for uid in uids:
                self.row(uid)
            self.ok()
            return
        for uid in uids:
            mail = self.folder.mails[uid]
            answer = self.double.answers.get(uid, well)
            answer(self, uid, mail if b"[HEADER]" not in items else _head(mail))
            # A refusal has ended the command, even if the test has taken it back meanwhile.
            if answer in (refuse, bad) or (uid in self.double.answers and self.double.answers[uid] not in _GO_ON):
                return
        self.ok()
        while self.held:
            self.say(self.held.pop())

    def row(self, uid: int) -> None:
        """Send one line of a listing."""
        assert self.folder is not None
        mail = self.folder.mails[uid]
        size = mail.claimed if mail.claimed is not None else len(mail.body)
        date = f' INTERNALDATE "{mail.date}"'.encode() if mail.date else b""
        self.say(b"* %d FETCH (UID %d RFC822.SIZE %d%s)\r\n" % (self.sequence(uid), uid, size, date))

    def store(self, arguments: bytes) -> None:
        uid, _, rest = arguments.partition(b" ")
        self.double.flags.setdefault(int(uid), set()).add(rest.split(b"(")[1].rstrip(b")"))
        self.ok()

    def move(self, arguments: bytes) -> None:
        assert self.folder is not None
        uid, _, target = arguments.partition(b" ")
        folder = self.double.folders.get(target.strip(b'"').decode())
        if folder is None:
            self.say(self.tag + b" NO [TRYCREATE] no such folder\r\n")
            return
        mail = self.folder.mails.pop(int(uid), None)
        if mail is not None:
            folder.mails[folder.next_uid()] = mail
        self.ok()

    def create(self, arguments: bytes) -> None:
        self.double.folders[arguments.strip(b'"').decode()] = DoubleFolder(2000)
        self.ok()

    def log_out(self, arguments: bytes) -> None:
        self.say(b"* BYE\r\n")
        self.ok()


# Ways to answer a body. ------------------------------------------------------------------------------------------


def well(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """As it should be."""
    talk.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid, len(mail.body)))
    talk.say(mail.body + b")\r\n")


def after_the_next(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """As it should be, but only after the next command's answer, which is lawful (RFC 9051, 5.5)."""
    text = b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid, len(mail.body))
    talk.held.append(text + mail.body + b")\r\n" + talk.tag + b" OK late\r\n")


def uid_last(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """The UID behind the body, which is lawful."""
    talk.say(b"* %d FETCH (BODY[] {%d}\r\n" % (talk.sequence(uid), len(mail.body)))
    talk.say(mail.body + b" UID %d)\r\n" % uid)


def quoted_string(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """A short body as a quoted string, which is lawful."""
    text = mail.body.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    talk.say(b'* %d FETCH (UID %d BODY[] "%s")\r\n' % (talk.sequence(uid), uid, text))


def nil(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """No body."""
    talk.say(b"* %d FETCH (UID %d BODY[] NIL)\r\n" % (talk.sequence(uid), uid))


def empty(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """A body of no octets."""
    talk.say(b"* %d FETCH (UID %d BODY[] {0}\r\n)\r\n" % (talk.sequence(uid), uid))


def nothing(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """OK, and no answer about the mail."""


def half(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """A literal that is announced shorter than the mail is."""
    part = mail.body[: len(mail.body) // 2]
    talk.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid, len(part)))
    talk.say(part + b")\r\n")


def twice(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """The same body two times."""
    well(talk, uid, mail)
    well(talk, uid, mail)


def cut_in_literal(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """The connection ends in the middle of the body."""
    talk.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid, len(mail.body)))
    talk.say(mail.body[: len(mail.body) // 2])
    talk.hang_up()


def silence(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """Half the body, and then nothing more for longer than the client waits."""
    talk.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid, len(mail.body)))
    talk.say(mail.body[: len(mail.body) // 2])
    time.sleep(30)


def bye(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """A farewell in place of the body."""
    talk.say(b"* BYE shutting down\r\n")
    talk.hang_up()


def refuse(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """NO."""
    talk.say(talk.tag + b" NO [SERVERBUG] cannot read this mail\r\n")


def bad(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """BAD."""
    talk.say(talk.tag + b" BAD what?\r\n")


def of_another(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """Another mail's UID on the answer."""
    talk.say(b"* %d FETCH (UID %d BODY[] {%d}\r\n" % (talk.sequence(uid), uid + 5000, len(mail.body)))
    talk.say(mail.body + b")\r\n")


def endless(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """A literal larger than anything that is stored."""
    talk.say(b"* %d FETCH (UID %d BODY[] {999999999999}\r\n" % (talk.sequence(uid), uid))
    talk.say(b"x" * 1000)
    talk.hang_up()


def rubbish(talk: Conversation, uid: int, mail: DoubleMail) -> None:
    """Something that is no IMAP."""
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n")


_GO_ON = (uid_last, quoted_string, nil, empty, nothing, half, twice, of_another)

_COMMANDS: dict[bytes, Callable[[Conversation, bytes], None]] = {
    b"CAPABILITY": Conversation.capability,
    b"LOGIN": Conversation.log_in,
    b"AUTHENTICATE": Conversation.authenticate,
    b"SELECT": Conversation.select,
    b"EXAMINE": Conversation.select,
    b"NOOP": Conversation.noop,
    b"LIST": Conversation.list_folders,
    b"UID FETCH": Conversation.fetch,
    b"UID STORE": Conversation.store,
    b"UID MOVE": Conversation.move,
    b"CREATE": Conversation.create,
    b"LOGOUT": Conversation.log_out,
}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    double: ImapDouble

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def remember(self, connection: socket.socket) -> None:
        self._open.add(connection)

    def cut_all(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.remember(self.request)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Its answers are many small writes.
        tls = self.server.double.tls
        try:
            request = self.request if tls is None else tls.wrap_socket(self.request, server_side=True)
            Conversation(self.server.double, request).serve()
        except OSError:
            return


def _uids(wanted: bytes, there: list[int]) -> list[int]:
    found: set[int] = set()
    for part in wanted.split(b","):
        if part.endswith(b":*"):
            first = int(part[:-2])
            found.update(uid for uid in there if uid >= first or uid == there[-1])
        else:
            found.update(uid for uid in there if uid == int(re.sub(rb"\D", b"", part)))
    return sorted(found)


def _head(mail: DoubleMail) -> DoubleMail:
    return DoubleMail(mail.body.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", mail.date)


def internal_date(mail: DoubleMail) -> datetime:
    """Return the mail's INTERNALDATE as UTC."""
    return datetime.strptime(mail.date, "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
