"""Asks a clamd whether what arrived is known malware; nobody is asked where none is configured."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import BinaryIO

from config.errors import OfficeError
from config.settings import MalwareTable

# clamd takes a stream in pieces of any size up to its StreamMaxLength; this one keeps our memory small.
PIECE_BYTES = 256 * 1024
# Its answers are one short line.
LONGEST_ANSWER = 4096


class ScannerError(OfficeError):
    """The scanner is configured and does not answer: deliveries wait, received and safe, until it does."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scanner said: the name of what it found (None: nothing), and the version of scanner and signatures."""

    found: str | None
    version: str


class Scanner:
    """
    A clamd over TCP (clamd(8): INSTREAM, VERSION). Each question is a connection of its own, with a time limit.

    Raises ScannerError when it cannot be reached or says ERROR; a file larger than clamd's StreamMaxLength is such an
    error, and its remedy says so: an unscanned file is never taken for a clean one.
    """

    def __init__(self, settings: MalwareTable) -> None:
        self._settings = settings

    def scan(self, content: BinaryIO) -> Scan:
        """Scan `content` from where it stands to its end."""
        version = self.version()
        with self._connected() as connection:
            try:
                # clamd that refuses a stream says why and hangs up while we still send; its words are worth reading.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(b"zINSTREAM\0")
                    while piece := content.read(PIECE_BYTES):
                        connection.sendall(struct.pack("!L", len(piece)) + piece)
                    connection.sendall(struct.pack("!L", 0))
                answer = self._answer(connection)
            except OSError as cause:
                raise self._trouble(f"the connection broke: {cause.strerror or type(cause).__name__}") from cause
        words = answer.removeprefix("stream: ")
        if words == "OK":
            return Scan(None, version)
        if words.endswith(" FOUND"):
            return Scan(words.removesuffix(" FOUND"), version)
        raise self._trouble(f"it answers {answer[:200]!r}")

    def version(self) -> str:
        """Return clamd's version with that of its signatures; it changes with every update."""
        with self._connected() as connection:
            try:
                connection.sendall(b"zVERSION\0")
                return self._answer(connection)
            except OSError as cause:
                raise self._trouble(f"the connection broke: {cause.strerror or type(cause).__name__}") from cause

    def _connected(self) -> socket.socket:
        place = (self._settings.clamd_host, self._settings.clamd_port)
        try:
            return socket.create_connection(place, timeout=self._settings.timeout_seconds)
        except OSError as cause:
            raise self._trouble(f"it cannot be reached: {cause.strerror or type(cause).__name__}") from cause

    def _answer(self, connection: socket.socket) -> str:
        said = b""
        while b"\0" not in said and len(said) < LONGEST_ANSWER:
            piece = connection.recv(1024)
            if not piece:
                break
            said += piece
        return said.split(b"\0")[0].decode("utf-8", "replace").strip()

    def _trouble(self, what: str) -> ScannerError:
        place = f"{self._settings.clamd_host}:{self._settings.clamd_port}"
        return ScannerError(
            f"the malware scanner {place}: {what}",
            remedy="Start clamd, raise its StreamMaxLength above the largest mail, or correct [malware].",
        )


def open_scanner(settings: MalwareTable) -> Scanner | None:
    """Return the configured scanner, None where nobody scans."""
    return Scanner(settings) if settings.clamd_host else None
