"""Asks a clamd whether what arrived is known malware; nobody is asked where none is configured."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import time
from dataclasses import dataclass
from typing import BinaryIO

from config.errors import OfficeError
from config.isolation import TaskFailed
from config.settings import MalwareTable
from storage.vault import VaultError

# clamd takes a stream in pieces of any size up to its StreamMaxLength; this one keeps our memory small.
PIECE_BYTES = 256 * 1024
# Its answers are one short line.
LONGEST_ANSWER = 4096
# One scan may take so many of the configured time limits in all: a scanner that takes a piece at a time is cut off.
WAITS_PER_SCAN = 10
# What no scanner finds anything in: its answer to this says whether it scans at all.
HARMLESS = b"phieu-intake\n"


class ScannerError(OfficeError):
    """The scanner is configured and does not work: deliveries wait, received and safe, until it does."""


class _NoVerdict(Exception):
    """A conversation about one stream came to no verdict; the words say how it ended."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scanner said: the name of what it found (None: nothing), and the version of scanner and signatures."""

    found: str | None
    version: str


class Scanner:
    """
    A clamd over TCP (clamd(8): INSTREAM, VERSION). Each question is a connection of its own, with a time limit.

    An unscanned file is never taken for a clean one, and no file may stop the scanning of the others. So what comes to
    no verdict is told apart: ScannerError when the scanner is away or can scan nothing, which is nobody's fault, and
    TaskFailed (NOT_SCANNED) when it is these bytes that it cannot scan (larger than its StreamMaxLength, or it dies of
    them). Safe for several threads.
    """

    def __init__(self, settings: MalwareTable) -> None:
        self._settings = settings
        # What came to no verdict when the scanner was not well afterwards either: it may have been its killer.
        self._suspects: set[str] = set()

    def scan(self, content: BinaryIO, about: str = "") -> Scan:
        """
        Scan `content` from where it stands to its end; `about` names it for as long as this process lives.

        1. A scanner that is away is nobody's fault. 2. One that was unwell after these very bytes is tried with
        harmless ones first: it is well, and what happens now is theirs. 3. Without a verdict the harmless ones are
        scanned afterwards: if these are, the fault lies with the bytes; else nobody knows, and they are suspects.
        Raises VaultError when `content` cannot be read.
        """
        # 1.
        version = self.version()
        # 2.
        is_suspect = about in self._suspects
        if is_suspect:
            self._insist_on_its_health()
        # 3.
        try:
            found = self._verdict(content)
        except _NoVerdict as why:
            if not is_suspect:
                self._suspects.add(about)
                self._insist_on_its_health()
            raise TaskFailed("NOT_SCANNED", str(why)) from why
        self._suspects.discard(about)
        return Scan(found, version)

    def version(self) -> str:
        """Return clamd's version with that of its signatures; it changes with every update."""
        try:
            with self._connected() as connection:
                connection.sendall(b"zVERSION\0")
                answer = self._answer(connection)
        except (OSError, _NoVerdict) as cause:
            raise self._trouble(_words_of(cause)) from cause
        if not answer.startswith("ClamAV"):
            raise self._trouble(f"it is none: it answers {answer[:200]!r}")
        return answer

    def _insist_on_its_health(self) -> None:
        try:
            self._verdict(io.BytesIO(HARMLESS))
        except _NoVerdict as cause:
            raise self._trouble(str(cause)) from cause

    def _verdict(self, content: BinaryIO) -> str | None:
        """Return what clamd finds in `content`, None for nothing; raises _NoVerdict for anything but its whole word."""
        was_sent = False
        try:
            with self._connected() as connection:
                # clamd that refuses a stream says why and hangs up while we still send; its words are worth reading.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._send(connection, content)
                    was_sent = True
                answer = self._answer(connection)
        except OSError as cause:
            raise _NoVerdict(_words_of(cause)) from cause
        word = answer.removeprefix("stream: ")
        if word != answer and word.endswith(" FOUND"):
            return word.removesuffix(" FOUND")
        # A word of OK about a part of the stream says nothing about the rest.
        if word != answer and word == "OK" and was_sent:
            return None
        raise _NoVerdict(f"it answers {answer[:200]!r}{'' if was_sent else ' before it has heard all'}")

    def _send(self, connection: socket.socket, content: BinaryIO) -> None:
        until = time.monotonic() + WAITS_PER_SCAN * self._settings.timeout_seconds
        connection.sendall(b"zINSTREAM\0")
        while piece := _read(content):
            if time.monotonic() > until:
                raise TimeoutError
            connection.sendall(struct.pack("!L", len(piece)) + piece)
        connection.sendall(struct.pack("!L", 0))

    def _connected(self) -> socket.socket:
        place = (self._settings.clamd_host, self._settings.clamd_port)
        return socket.create_connection(place, timeout=self._settings.timeout_seconds)

    def _answer(self, connection: socket.socket) -> str:
        """Return the answer up to its end mark; raises _NoVerdict for one without it, TimeoutError for a slow one."""
        until = time.monotonic() + self._settings.timeout_seconds
        said = b""
        while b"\0" not in said:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            piece = connection.recv(1024)
            if not piece or len(said) > LONGEST_ANSWER:
                raise _NoVerdict(f"its answer breaks off: {said[:200]!r}")
            said += piece
        return said.split(b"\0")[0].decode("utf-8", "replace").strip()

    def _trouble(self, what: str) -> ScannerError:
        place = f"{self._settings.clamd_host}:{self._settings.clamd_port}"
        return ScannerError("SCANNER_TROUBLE", place=place, what=what)


def _read(content: BinaryIO) -> bytes:
    """Return the next piece; what the vault's disk does is not the scanner's fault."""
    try:
        return content.read(PIECE_BYTES)
    except OSError as cause:
        raise VaultError("VAULT_FILE_NOT_READ", why=cause.strerror) from cause


def _words_of(cause: Exception) -> str:
    if isinstance(cause, _NoVerdict):
        return str(cause)
    if isinstance(cause, TimeoutError):
        return "it takes too long"
    if isinstance(cause, ConnectionRefusedError):
        return "it cannot be reached: nobody listens there"
    return f"it cannot be reached: {getattr(cause, 'strerror', None) or type(cause).__name__}"


def open_scanner(settings: MalwareTable) -> Scanner | None:
    """Return the configured scanner, None where nobody scans."""
    return Scanner(settings) if settings.clamd_host else None
