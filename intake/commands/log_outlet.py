"""Where the log goes: a stream that neither fails nor holds anybody up: an alarm must not need what it is about."""

from __future__ import annotations

import os
import select
import threading
from typing import TextIO

# A pipe that is ready takes so many octets at once without waiting (pipe(7), PIPE_BUF), and so does a socket.
OCTETS_AT_ONCE = 4096
# A reader that is only slow catches up in this time; one that has stopped is not waited for again.
PATIENCE_SECONDS = 1.0


class LogOutlet:
    """
    Passes the log on to `stream` and never raises: a full disk, a closed pipe, a reader that has stopped reading.

    What cannot be passed on is counted, and the number is told as soon as somebody listens again. Safe for several
    threads.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._lost = 0
        self._ready = select.poll()
        try:
            self._handle = -1 if stream is None else stream.fileno()
        except (OSError, ValueError):
            self._handle = -1  # A stream that is no file: a test's, which never waits.
        if self._handle >= 0:
            self._ready.register(self._handle, select.POLLOUT)

    def write(self, text: str) -> int:
        """Pass `text` on, or count it as lost; returns its length either way."""
        with self._lock:
            if self._lost and self._passes(f"\nlog_lines_lost count={self._lost}\n"):
                self._lost = 0
            if not self._passes(text):
                self._lost += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was passed on is gone."""

    def isatty(self) -> bool:
        """Whether a person sits in front of it."""
        return self._stream is not None and self._stream.isatty()

    def _passes(self, text: str) -> bool:
        try:
            if self._handle < 0:
                if self._stream is not None:
                    self._stream.write(text)
                return True
            data = memoryview(text.encode(self.encoding, self.errors))
            while data:
                patience = 0.0 if self._lost else PATIENCE_SECONDS
                if not self._ready.poll(patience * 1000):
                    return False
                data = data[os.write(self._handle, data[:OCTETS_AT_ONCE]) :]
        except (OSError, ValueError):
            return False
        return True
