"""Errands: calls that the kernel may hold for ever, each in a thread of its own, so that nobody has to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

# How often whoever waits looks up: a service that is asked to end should end at once, and looking costs nothing.
LOOK_UP_SECONDS = 0.1

Result = TypeVar("Result")


class StillOut(Exception):
    """An earlier errand has not come back yet, so no other is sent after it."""


class _Errand(threading.Thread):
    """One call; `done` is set once it came back. A daemon thread, since it must not hold up the end of the process."""

    def __init__(self, work: Callable[[], object], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.done = threading.Event()
        self.result: object = None
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as fault:  # It is raised again where the result is waited for.
            self.fault = fault
        finally:
            self.done.set()


class Errands:
    """
    Sends one errand at a time.

    A system call on a dead network share cannot be interrupted: NFS waits in the kernel until its server is back. All
    that can be done is not to wait with it. Nothing an errand does may need undoing when it comes back late.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._out: _Errand | None = None

    def send(self, work: Callable[[], Result], check: Callable[[], None]) -> Result:
        """
        Return what `work` returns, or raise what it raises.

        `check` is called every LOOK_UP_SECONDS meanwhile; what it raises ends the waiting, and the errand is left to
        itself. Raises StillOut, without calling `work`, as long as such an errand has not come back.
        """
        if self._out is not None and not self._out.done.is_set():
            raise StillOut(self._name)
        self._out = errand = _Errand(work, self._name)
        errand.start()
        while not errand.done.wait(LOOK_UP_SECONDS):
            check()
        self._out = None
        if errand.fault is not None:
            raise errand.fault
        return errand.result  # type: ignore[return-value]  # It is what `work` returned.
