"""Counts every durable step of a pass and does harm at one of them: dies, or makes it fail, once or for good."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy.exc
from sqlalchemy.engine.default import DefaultDialect

from storage import vault

Harm = Literal["none", "kill", "fail-once", "fail-for-good"]

# What a real disk says at such a moment, and what a real network does.
DISK_ERRORS = (errno.ENOSPC, errno.EIO)
NETWORK_ERRORS = (errno.ECONNRESET, errno.ETIMEDOUT)


@dataclass
class Steps:
    """
    The numbered steps of one pass; `at` is the step that is harmed (0: none).

    On the disk: a write to the vault, an fsync, a syncfs, a rename, a removal, a new folder, a commit (before and
    after). To the world: a body that is fetched, a word to the relay (before and after), a word to the source. With
    `of_sockets` the steps are the calls on sockets instead: every connect, send and receive of the IMAP and SMTP
    conversations.
    """

    harm: Harm = "none"
    at: int = 0
    number: int = errno.ENOSPC
    of_sockets: bool = False
    names: list[str] = field(default_factory=list)
    harmed: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def touch(self, name: str) -> bool:
        """Count a step; True says that it must fail now."""
        with self.counting:
            self.names.append(name)
            here = len(self.names)
        if self.harm == "kill" and here == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        fails = (self.harm == "fail-once" and here == self.at) or (
            self.harm == "fail-for-good" and self.at and here >= self.at
        )
        if fails:
            self.harmed += 1
        return bool(fails)

    def install(self) -> None:
        """Put the counter before every step of this process; there is no way back, so fork first."""
        if self.of_sockets:
            for call in ("connect", "send", "sendall", "recv", "recv_into"):
                self._wrap(socket.socket, call, f"socket: {call}")
            return
        self._wrap(os, "fsync", "fsync")
        self._wrap(vault, "sync_all", "syncfs")
        self._wrap(os, "rename", "rename")
        self._wrap(os, "replace", "rename")
        self._wrap(os, "unlink", "unlink")
        self._wrap(os, "mkdir", "mkdir")
        # The file below the vault's writer is written by C; what it would raise is put into words by the writer.
        real = vault._FileWriter.write

        def counted_write(writer: vault._FileWriter, data: bytes, /) -> int:
            if self.touch("write"):
                raise vault._in_words(OSError(self.number, os.strerror(self.number)), "the vault cannot take a file")
            return real(writer, data)

        vault._FileWriter.write = counted_write  # type: ignore[method-assign]
        commit = DefaultDialect.do_commit

        def counted_commit(dialect: DefaultDialect, connection: Any) -> None:
            if self.touch("commit: before"):
                raise self._no_commit()
            commit(dialect, connection)
            # The connection broke after the server had committed: what was committed stays, and nobody was told.
            if self.touch("commit: after"):
                raise self._no_commit()

        DefaultDialect.do_commit = counted_commit  # type: ignore[method-assign]

    def _no_commit(self) -> sqlalchemy.exc.OperationalError:
        return sqlalchemy.exc.OperationalError("COMMIT", {}, OSError(self.number, os.strerror(self.number)))

    def _wrap(self, owner: Any, attribute: str, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, attribute)

        def counted(*arguments: Any, **named: Any) -> Any:
            if self.touch(name):
                raise OSError(self.number, os.strerror(self.number))
            return real(*arguments, **named)

        setattr(owner, attribute, counted)
