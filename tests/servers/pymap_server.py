"""The demonstration's pymap server in a thread of its own: a second real IMAP server for the tests."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from config.settings import ImapSource
from intake.demo.mailbox_server import MailboxServer

USER, PASSWORD = "stttt@binhthuan.example", "only for this test"
T = TypeVar("T")


class PymapServer:
    """One account with INBOX and Junk on loopback, without TLS; `stop` and `start` keep the mails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: MailboxServer | None = None
        self.port = 0

    def start(self) -> None:
        """Serve, on the same port as before if there was one."""
        self._server = MailboxServer(self._folder, USER, PASSWORD)
        self.port = self._run(self._server.start("127.0.0.1", self.port))

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._run(self._server.stop())
            self._server = None

    def remove(self) -> None:
        """Stop it and its thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def deliver(self, mail: bytes, at: datetime) -> None:
        """Put a mail into INBOX."""
        assert self._server is not None
        self._run(self._server.deliver(mail, at))

    def settings(self, **changes: object) -> ImapSource:
        """Return the settings of a source; the password stands in the environment of the test run."""
        os.environ["PYMAP_TEST_PASSWORD"] = PASSWORD
        values: dict[str, object] = {
            "port": self.port,
            "tls": "none",
            "user": USER,
            "password_env": "PYMAP_TEST_PASSWORD",
            "folders": ("INBOX", "Junk"),
            "connect_timeout_seconds": 10,
            "read_timeout_seconds": 20,
        }
        return ImapSource(**(values | changes))  # type: ignore[arg-type]  # The names are those of the struct.

    def _run(self, task: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(20)
