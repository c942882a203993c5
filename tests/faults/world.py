"""The world outside in a process of its own: an IMAP and an SMTP server that outlive the pass that is harmed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.settings import ImapSource, SmtpTable
from tests.offices import ADDRESS, ListedMail
from tests.servers.imap_double import PASSWORD, DoubleMail, ImapDouble
from tests.servers.smtp import SmtpDouble

PASSWORD_VARIABLE = "DOUBLE_PASSWORD"


@dataclass(frozen=True)
class Ports:
    """Where the two servers listen on loopback."""

    imap: int
    smtp: int

    @classmethod
    def read(cls, path: Path) -> Ports:
        """Read what a world wrote."""
        imap, smtp = path.read_text(encoding="ascii").split()
        return cls(int(imap), int(smtp))


def imap_settings(ports: Ports) -> ImapSource:
    """Return the settings of the mailbox; what is taken is moved away, so that what is lost stays lost."""
    return ImapSource(
        host="127.0.0.1",
        port=ports.imap,
        tls="none",
        user="stttt",
        password_env=PASSWORD_VARIABLE,
        folders=("INBOX",),
        settle="move",
        connect_timeout_seconds=2,
        read_timeout_seconds=2,
    )


def smtp_settings(ports: Ports) -> SmtpTable:
    """Return the settings of the relay."""
    return SmtpTable(host="127.0.0.1", port=ports.smtp, tls="none", sender=ADDRESS, timeout_seconds=2)


class NotingList(list[bytes]):
    """The relay's mails; the Message-ID of each is also noted in a file."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self._notes = notes

    def append(self, mail: bytes, /) -> None:
        """Take a mail."""
        for line in mail.splitlines():
            if line.lower().startswith(b"message-id:"):
                with self._notes.open("ab") as out:
                    out.write(line.partition(b":")[2].strip() + b"\n")
        super().append(mail)


class World:
    """The servers in a forked process; `end` kills it. `ports` and `relay` are written below `folder`."""

    def __init__(self, folder: Path, mails: Sequence[ListedMail]) -> None:
        os.environ[PASSWORD_VARIABLE] = PASSWORD
        ports = folder / "ports"
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _serve(folder, mails)
            finally:
                os._exit(70)
        until = time.monotonic() + 20
        while not ports.exists():
            if time.monotonic() > until:
                raise RuntimeError("the world did not begin")
            time.sleep(0.005)

    def end(self) -> None:
        """End the servers, and every conversation with them."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _serve(folder: Path, mails: Sequence[ListedMail]) -> None:
    with ImapDouble() as imap, SmtpDouble(mails=NotingList(folder / "relay")) as relay:
        imap.capabilities = b"IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS"
        inbox = imap.folders["INBOX"]
        for uid, mail in enumerate(mails, 1):
            inbox.mails[uid] = DoubleMail(mail.data, mail.received_at.strftime("%d-%b-%Y %H:%M:%S %z"))
        # A server never gives a number twice (RFC 9051, 2.3.1.1), whatever was moved away meanwhile.
        inbox.uid_next = len(mails) + 1
        unready = folder / "ports.unready"
        unready.write_text(f"{imap.port} {relay.settings().port}", encoding="ascii")
        unready.rename(folder / "ports")
        signal.pause()
