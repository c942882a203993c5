"""Errands: calls that the kernel may hold for ever, made in a thread of their own: nobody has to wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

# How often whoever waits looks up: a service that is asked to end should end at once, and looking costs nothing.
LOOK_UP_SECONDS = 0.1

# A thread without an errand waits so long for the next one: starting one for each would cost more than the errands.
IDLE_SECONDS = 5.0

Result = TypeVar("Result")


class StillOut(Exception):
    """An earlier errand has not come back yet, so no other is sent after it."""


class _Errand:
    """One call; `done` is set once it came back."""

    def __init__(self, work: Callable[[], object]) -> None:
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
    Sends one errand at a time, for one caller.

    A system call on a dead network share cannot be interrupted: NFS waits in the kernel until its server is back. All
    that can be done is not to wait with it. Nothing an errand does may need undoing when it comes back late. Its thread
    is a daemon thread, so that it does not hold up the end of the process either.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._given: SimpleQueue[_Errand] | None = None
        self._out: _Errand | None = None

    def send(self, work: Callable[[], Result], check: Callable[[], None]) -> Result:
        """
        Return what `work` returns, or raise what it raises.

        `check` is called every LOOK_UP_SECONDS meanwhile; what it raises ends the waiting, and the errand is left to
        itself. Raises StillOut, without calling `work`, as long as such an errand has not come back.
        """
        if self._out is not None and not self._out.done.is_set():
            raise StillOut(self._name)
        errand = _Errand(work)
        self._give(errand)
        self._out = errand
        while not errand.done.wait(LOOK_UP_SECONDS):
            check()
        self._out = None
        if errand.fault is not None:
            raise errand.fault
        return errand.result  # type: ignore[return-value]  # It is what `work` returned.

    def _give(self, errand: _Errand) -> None:
        """Give the errand to the thread that waits for one, or to a new one."""
        with self._lock:
            if self._given is None:
                given: SimpleQueue[_Errand] = SimpleQueue()
                threading.Thread(target=self._run, args=(given,), name=self._name, daemon=True).start()
                self._given = given
            self._given.put(errand)

    def _run(self, given: SimpleQueue[_Errand]) -> None:
        while True:
            try:
                errand = given.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if given.empty():
                        self._given = None
                        return
                continue
            errand.run()
            del errand  # Else its result is kept until the next one.
