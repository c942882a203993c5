"""The program as an operator runs it: a process with a configuration, ended by signals, judged by its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from config.settings import load_settings
from storage.ledger import Ledger
from storage.queries import LogFilter, Queries
from storage.records import Delivery
from tests.faults.world import PASSWORD_VARIABLE
from tests.offices import prepare_folder
from tests.servers.imap_double import PASSWORD

# Long enough for a process to start on a machine under load; nothing is measured by it.
PATIENCE_SECONDS = 60

MAILBOX = """
[[source]]
kind = "imap"
name = "mailbox"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "stttt"
password_env = "{variable}"
folders = ["INBOX"]
every_seconds = 1
connect_timeout_seconds = 30
read_timeout_seconds = {read_timeout}
look_timeout_seconds = {look_timeout}
"""


def prepare_service(
    folder: Path,
    *,
    smtp_port: int = 9,
    imap_port: int = 0,
    database: str = "sqlite:///intake.db",
    read_timeout: int = 30,
    look_timeout: int = 30,
) -> Path:
    """Write an office that looks every second, with a mailbox where `imap_port` is given; returns its configuration."""
    config = prepare_folder(folder, database=database)
    text = config.read_text(encoding="utf-8")
    text = text.replace("port = 9\n", f"port = {smtp_port}\ntimeout_seconds = 5\n")
    text = text.replace('path = "export"\n', 'path = "export"\nevery_seconds = 1\n')
    if imap_port:
        mailbox = MAILBOX.format(
            port=imap_port, variable=PASSWORD_VARIABLE, read_timeout=read_timeout, look_timeout=look_timeout
        )
        text = text.replace("[[source]]", mailbox + "[[source]]", 1)
    config.write_text(text, encoding="utf-8")
    return config


class Service:
    """
    One `intake` process; what it says on stderr is in `said`. Killed at the end if it still lives.

    With `instead`, that is where its stdout and stderr go, and `said` stays empty.
    """

    def __init__(
        self, config: Path, *words: str, now: str = "2019-09-12T10:00:00+07:00", instead: int | None = None
    ) -> None:
        self._log = config.parent / f"said-{time.monotonic_ns()}"
        self.config = config
        environment = os.environ | {"INTAKE_NOW": now, PASSWORD_VARIABLE: PASSWORD, "PYTHONUNBUFFERED": "1"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "intake", *words, "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log if instead is None else instead,
                stderr=log if instead is None else instead,
                env=environment,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until `true`; AssertionError with what the process said when it ends before, or patience does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert self.process.poll() is None, f"{what}: it ended with {self.process.returncode}:\n{self.said[-3000:]}"
            assert time.monotonic() < until, f"{what}: not yet\n{self.said[-3000:]}"
            time.sleep(0.05)

    def until_said(self, words: str) -> None:
        """Wait until it has said `words`."""
        self.until(lambda: words in self.said, words)

    def ends(self) -> int:
        """Wait for its end and return the exit status."""
        return self.process.wait(PATIENCE_SECONDS)

    def stops(self) -> int:
        """Ask it to stop as a service manager does, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.ends()

    def deliveries(self) -> list[Delivery]:
        """What its ledger has now, in the order of their ids; nothing before the tables are there."""
        settings = load_settings(self.config)
        ledger = Ledger.open(settings.database.connect_url())
        try:
            if not ledger.database.is_upgraded():
                return []
            found = Queries(ledger.database, settings.office.zone).deliveries(LogFilter(limit=None))
            return sorted(found, key=lambda one: one.id)
        finally:
            ledger.close()

    def states(self) -> list[str]:
        """The states of its deliveries, in the order of their ids."""
        return [one.state.value for one in self.deliveries()]
