"""The demonstration's mail servers: what goes in comes out byte for byte, and stays over a restart."""

from __future__ import annotations

import asyncio
import smtplib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from imapclient import IMAPClient

from intake.demo.caught import caught_letter, caught_letters
from intake.demo.mail_sink import Inlet, Sink, serve
from intake.demo.mailbox_server import MailboxServer

ADDRESS, PASSWORD = "stttt@binhthuan.example", "only for this test"
ARRIVED = datetime(2019, 9, 14, 16, 59, 59, tzinfo=UTC)

# Raw bytes in a header, a zero byte and a lonely dot: what a mail server must not mend.
ODD = b"Subject: Phi\xe1\xba\xbfu\r\nFrom: \xff\r\n\r\n\x00\xff\r\n.\r\nend"


def read_all(port: int, folder: str) -> tuple[int, dict[int, tuple[datetime, bytes]]]:
    """Return UIDVALIDITY and, by UID, the moment and the bytes of every mail."""
    with IMAPClient("127.0.0.1", port, ssl=False, timeout=10) as client:
        client.normalise_times = False
        client.login(ADDRESS, PASSWORD)
        validity = client.select_folder(folder, readonly=True)[b"UIDVALIDITY"]
        mails = client.fetch(client.search(), ["INTERNALDATE", "BODY.PEEK[]"])
        return validity, {uid: (mail[b"INTERNALDATE"], mail[b"BODY[]"]) for uid, mail in mails.items()}


def test_a_mail_keeps_its_bytes_moment_and_number_over_a_restart(tmp_path: Path) -> None:
    """Else a second start of the demonstration would take everything in again."""

    async def run(deliver: bool) -> tuple[int, dict[int, tuple[datetime, bytes]]]:
        server = MailboxServer(tmp_path, ADDRESS, PASSWORD)
        port = await server.start("127.0.0.1", 0)
        if deliver:
            await server.deliver(ODD, ARRIVED)
            await server.deliver(b"Subject: b\r\n\r\n", ARRIVED - timedelta(days=1))
        found = await asyncio.to_thread(read_all, port, "INBOX")
        await server.stop()
        return found

    first = asyncio.run(run(deliver=True))
    assert [mail for _, mail in first[1].values()] == [ODD, b"Subject: b\r\n\r\n"]
    assert [moment for moment, _ in first[1].values()] == [ARRIVED, ARRIVED - timedelta(days=1)]
    assert asyncio.run(run(deliver=False)) == first


def test_a_mail_sent_by_smtp_lands_in_the_mailbox_with_its_trace(tmp_path: Path) -> None:
    """The newcomer's own mail arrives as through a real server, with a Received line on top."""

    async def run() -> bytes:
        server = MailboxServer(tmp_path, ADDRESS, PASSWORD)
        port = await server.start("127.0.0.1", 0)

        async def deliver(mail: bytes, at: datetime) -> None:
            await server.deliver(mail, at)

        inlet = await serve(Inlet(ADDRESS, deliver), "127.0.0.1", 0)
        await asyncio.to_thread(send, inlet.sockets[0].getsockname()[1], ADDRESS, b"Subject: x\r\n\r\n..dot\r\n")
        _, mails = await asyncio.to_thread(read_all, port, "INBOX")
        inlet.close()
        await server.stop()
        (only,) = mails.values()
        return only[1]

    mail = asyncio.run(run())
    assert mail.startswith(b"Return-Path: <sxd@binhthuan.example>\r\nReceived: from ")
    assert mail.endswith(b"\r\nSubject: x\r\n\r\n..dot\r\n")


def test_the_inlet_takes_nothing_for_others(tmp_path: Path) -> None:
    """It is a mailbox of one address, not a relay."""

    async def run() -> None:
        async def deliver(mail: bytes, at: datetime) -> None:
            raise AssertionError("nothing may be delivered")

        inlet = await serve(Inlet(ADDRESS, deliver), "127.0.0.1", 0)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(send, inlet.sockets[0].getsockname()[1], "other@binhthuan.example", b"\r\n")
        inlet.close()

    asyncio.run(run())


def test_a_caught_letter_can_be_read_with_its_envelope(tmp_path: Path) -> None:
    """Subject and text are decoded; the newest letter comes first."""

    async def run() -> None:
        sink = await serve(Sink(tmp_path), "127.0.0.1", 0)
        port = sink.sockets[0].getsockname()[1]
        await asyncio.to_thread(send, port, "a@binhthuan.example", b"Subject: first\r\n\r\n1\r\n")
        letter = "Subject: =?utf-8?q?Bi=C3=AAn_nh=E1=BA=ADn?=\r\nMessage-ID: <2@x>\r\n\r\nKính gửi\r\n".encode()
        await asyncio.to_thread(send, port, "b@binhthuan.example", letter)
        sink.close()

    asyncio.run(run())
    newest, oldest = caught_letters(tmp_path)
    assert (newest.subject, newest.to, newest.message_id) == ("Biên nhận", ("b@binhthuan.example",), "<2@x>")
    assert newest.text == "Kính gửi\r\n"
    assert oldest.subject == "first"
    assert caught_letter(tmp_path, newest.name) == newest


@pytest.mark.parametrize("name", ["../secret.eml", "/etc/passwd", "x.eml", "20190914T165959000000Z-1.eml/../x"])
def test_only_the_sinks_own_names_are_opened(tmp_path: Path, name: str) -> None:
    """The name comes from a browser."""
    (tmp_path / "x.eml").write_bytes(b"Subject: x\r\n\r\n")
    assert caught_letter(tmp_path, name) is None


def send(port: int, to: str, mail: bytes) -> None:
    """Hand one mail to the server on loopback."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail("sxd@binhthuan.example", [to], mail)
