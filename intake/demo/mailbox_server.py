"""The demonstration's mailbox: a real IMAP server on loopback whose mails outlive a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from argparse import Namespace
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, DictBackend
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage

from config.errors import OfficeError

FOLDERS = ("INBOX", "Junk")


class MailboxServer:
    """
    One account with INBOX and Junk, served by pymap from memory; every mail is also a file.

    The files make the identity of a mail (UIDVALIDITY and UID, RFC 9051 2.3.1.1) hold across restarts: started again
    in the same folder, the server shows the same mails under the same numbers. What a client appends, moves or
    expunges lives only as long as the server does; mails enter by `deliver`.
    """

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self._folder = folder
        self._user = user
        self._password = password
        self._stack = AsyncExitStack()
        self._boxes: dict[str, MailboxData] = {}

    async def start(self, host: str, port: int) -> int:
        """Serve on `host`:`port` (0: a free one) and return the port. Raises OSError if the port is taken."""
        # pymap logs each connection that a client simply drops; nobody needs to see that in a demonstration.
        logging.getLogger("pymap").setLevel(logging.ERROR)
        arguments = Namespace(
            host=host, port=port, debug=False, cert=None, key=None, tls=False, proxy_protocol=None, passlib_cfg=None,
            inherited_sockets=None, demo_data=False, demo_user=self._user, demo_password=self._password,
        )  # fmt: skip
        backend, config = await DictBackend.init(arguments, reject_dnsbl=False, secure_auth=False)
        config.apply_context()
        await self._restore(config)
        login = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
        server = await asyncio.start_server(login, host=host, port=port, limit=2**20)
        await self._stack.enter_async_context(server)
        return int(server.sockets[0].getsockname()[1])

    async def deliver(self, mail: bytes, at: datetime, folder: str = "INBOX") -> int:
        """Put a mail into a folder with INTERNALDATE `at` (aware; whole seconds) and return its UID."""
        if folder not in self._boxes:
            raise OfficeError("DEMO_FOLDER_UNKNOWN", folder=folder, boxes=", ".join(self._boxes))
        moment = at.astimezone(UTC).replace(microsecond=0)
        uid = await self._append(folder, mail, moment)
        _keep(self._folder / folder, _name(uid, moment), mail)
        return uid

    def count(self) -> int:
        """Return how many mails are in all folders together."""
        return sum(len(list((self._folder / name).glob("*.eml"))) for name in FOLDERS)

    async def stop(self) -> None:
        """Stop serving; the mails stay in their files."""
        await self._stack.aclose()

    async def _restore(self, config: Config) -> None:
        boxes = MailboxSet()
        for name in FOLDERS:
            if name != "INBOX":
                await boxes.add_mailbox(name)
            box = await boxes.get_mailbox(name)
            self._boxes[name] = box
            # The library draws a new UIDVALIDITY for each start, since its mails vanish; ours do not.
            box._uid_validity = self._uid_validity(name, box.uid_validity)
            for file in sorted((self._folder / name).glob("*.eml")):
                uid, _, seconds = file.stem.partition("-")
                box._max_uid = int(uid) - 1
                await self._append(name, file.read_bytes(), datetime.fromtimestamp(int(seconds), UTC))
        config.set_cache[self._user] = (boxes, FilterSet())

    async def _append(self, folder: str, mail: bytes, moment: datetime) -> int:
        message = await self._boxes[folder].append(AppendMessage(mail, moment, frozenset()), recent=True)
        return int(message.uid)

    def _uid_validity(self, folder: str, fresh: int) -> int:
        kept = self._folder / folder / "uidvalidity"
        try:
            return int(kept.read_text(encoding="ascii"))
        except FileNotFoundError:
            _keep(kept.parent, kept.name, str(fresh).encode("ascii"))
            return fresh


def put_mail(folder: Path, box: str, uid: int, mail: bytes, at: datetime) -> None:
    """Put a mail into a mailbox that no server serves now; UIDs count from 1 in each of its folders (`box`)."""
    _keep(folder / box, _name(uid, at.astimezone(UTC)), mail)


def _name(uid: int, moment: datetime) -> str:
    return f"{uid:06}-{int(moment.timestamp())}.eml"


def _keep(folder: Path, name: str, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{name}.part"
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(folder / name)
