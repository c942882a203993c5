"""The demonstration's two doors for mail: a sink that catches every letter that leaves, an inlet that takes mail in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from intake.demo.caught import name_for

# A demonstration needs no larger mail, and a runaway sender on this machine shall not fill the disk with one.
MAX_MAIL_BYTES = 40 * 1024 * 1024

Deliver = Callable[[bytes, datetime], Awaitable[None]]


class Sink:
    """Writes each letter into a folder, with the envelope in two header lines on top; refuses nobody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the letter; the name is aiosmtpd's."""
        self._count += 1
        now = datetime.now(UTC)
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / name_for(now, self._count)
        top = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        # Written aside and renamed, so that the console never reads half a letter.
        draft = file.with_suffix(".part")
        draft.write_bytes(top.encode("utf-8") + _content(envelope))
        draft.replace(file)
        return f"250 OK caught as {file.name}"


class Inlet:
    """Takes mail for the office's own address and hands it to the mailbox, as the real mail server would."""

    def __init__(self, address: str, deliver: Deliver) -> None:
        self._address = address
        self._deliver = deliver

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Accept only the office's address: anything else is a typing error of whoever tries the demonstration."""
        if address.casefold() != self._address.casefold():
            return f"550 5.1.1 this demonstration takes mail for {self._address} only"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Deliver with the trace lines that a receiving server adds (RFC 5321, 4.4)."""
        now = datetime.now(UTC)
        await self._deliver(trace_lines(str(envelope.mail_from or ""), self._address, now) + _content(envelope), now)
        return "250 OK delivered"


def trace_lines(sender: str, address: str, at: datetime) -> bytes:
    """Return the Return-Path and Received lines of a mail that reached `address` at `at` (RFC 5321, 4.4)."""
    return (
        f"Return-Path: <{sender}>\r\n"
        f"Received: from mail.demo.invalid (localhost [127.0.0.1])\r\n"
        f"\tby mx.demo.invalid with ESMTP for <{address}>; {format_datetime(at.astimezone(UTC))}\r\n"
    ).encode("ascii", errors="replace")


async def serve(handler: Sink | Inlet, host: str, port: int) -> asyncio.Server:
    """Start an SMTP server on loopback; port 0 takes a free one. OSError if the port is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(
            handler,
            data_size_limit=MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="demo.invalid",
            ident="phieu-intake demonstration",
            loop=loop,
        ),
        host=host,
        port=port,
    )


def _content(envelope: Envelope) -> bytes:
    content = envelope.original_content if envelope.original_content is not None else envelope.content
    return content if isinstance(content, bytes) else str(content or "").encode("utf-8")
