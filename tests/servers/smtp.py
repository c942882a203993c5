"""A mail relay that refuses, delays, falls silent or hangs up exactly where a test says."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from config.settings import SmtpTable
from tests.servers.certificates import LoopbackCertificate

HANG_UP = b"\0hang up"
SILENCE = b"\0silence"


@dataclass
class SmtpDouble:
    """
    The relay. `replies` maps a step to what is said in place of the good answer; HANG_UP and SILENCE are such.

    Steps: `connect`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `RCPT address`, `DATA`, `content` (while it comes),
    `end` (after the end mark). `mails` holds what was taken, `commands` what was said, never the content.
    """

    certificate: LoopbackCertificate | None = None
    tls: str = "none"
    replies: dict[str, bytes] = field(default_factory=dict)
    extensions: tuple[bytes, ...] = ()
    mails: list[bytes] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.double = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.over.set()
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **changes: object) -> SmtpTable:
        """Return the settings that reach it."""
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": int(self._server.server_address[1]),
            "tls": self.tls,
            "ca_file": str(self.certificate.ca_file) if self.certificate else "",
            "sender": "stttt@binhthuan.gov.vn",
            "timeout_seconds": 1,
        }
        return SmtpTable(**(values | changes))  # type: ignore[arg-type]  # The names are those of the struct.


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    double: SmtpDouble

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self.over = threading.Event()


class _Handler(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        try:
            self._talk()
        except (OSError, ConnectionAbortedError):
            return

    def _talk(self) -> None:
        double = self.server.double
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if double.tls == "required":
            self._protect()
        self._lines = self.request.makefile("rb")
        self._say("connect", b"220 double")
        while line := self._lines.readline():
            line = line.rstrip()
            double.commands.append(line)
            name = line.split(b" ")[0].upper().decode()
            if name == "EHLO":
                offered = [*double.extensions, *([b"STARTTLS"] if double.tls == "starttls" else [])]
                parts = [b"double", *offered]
                text = b"\r\n".join(
                    b"250" + (b" " if index == len(parts) - 1 else b"-") + part for index, part in enumerate(parts)
                )
                self._say("EHLO", text)
            elif name == "STARTTLS":
                if self._say("STARTTLS", b"220 go"):
                    self._protect()
                    self._lines = self.request.makefile("rb")
                    double.commands.append(b"(protected)")
            elif name == "AUTH":
                self._say("AUTH", b"235 ok")
            elif name == "RCPT":
                address = line.split(b"<")[1].split(b">")[0].decode()
                step = f"RCPT {address}" if f"RCPT {address}" in double.replies else "RCPT"
                self._say(step, b"250 ok")
            elif name == "DATA":
                if self._say("DATA", b"354 go"):
                    self._content()
            elif name == "QUIT":
                self._say("QUIT", b"221 bye")
                return
            else:
                self._say(name, b"250 ok")

    def _content(self) -> None:
        if "content" in self.server.double.replies:
            self._lines.readline()
            self._say("content", b"")
        content = bytearray()
        while (line := self._lines.readline()) != b".\r\n":
            if not line:
                return
            content += line[1:] if line.startswith(b".") else line
        if self.server.double.replies.get("end", b"2")[:1] in (b"2", b"\0"):
            self.server.double.mails.append(bytes(content))
        self._say("end", b"250 queued as 1")

    def _say(self, step: str, good: bytes) -> bool:
        reply = self.server.double.replies.get(step)
        if reply == HANG_UP:
            self.request.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        if reply == SILENCE:
            self.server.over.wait(30)
            raise ConnectionAbortedError
        self.request.sendall((reply if reply is not None else good) + b"\r\n")
        return reply is None

    def _protect(self) -> None:
        assert self.server.double.certificate is not None
        context: ssl.SSLContext = self.server.double.certificate.server_context()
        self.request = context.wrap_socket(self.request, server_side=True)
