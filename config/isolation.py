"""A worker process in which hostile bytes are touched: its death, its hunger or its slowness costs only one task."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import resource
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.errors import OfficeError

# A worker is replaced after so many tasks, or once it has grown to this share of what it may have, so that what a
# library leaks or fragments never adds up over a season; starting one costs as much as some dozens of tasks.
TASKS_PER_WORKER = 2_000
GROWN_SHARE = 0.5
# Loading libraries in a new process, on a slow machine under load; not part of a task's own time.
START_SECONDS = 60.0
# So many workers in a row that die before they have begun a task: the machine has none to spare.
STARTS_PER_TASK = 3
# A worker whose caller is gone ends itself so long after the caller would have ended it.
GRACE_SECONDS = 5.0
MiB = 1024 * 1024


class TaskFailed(Exception):
    """
    A task came to no result: `code` is WORKER_DIED, TOO_SLOW, TOO_MUCH_MEMORY, TASK_CRASHED or NOT_SCANNED.

    It is a finding about the bytes that were examined, so callers turn it into one; it never means that
    the program is broken.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Worker:
    """
    One process that does one task at a time, within limits of memory (bytes of address space) and wall time.

    `perform` is a module-level function of one picklable argument; its result must be picklable. It runs in a fresh
    interpreter (spawn), so nothing of the caller's secrets, sockets or locks is in reach of hostile bytes. Safe to
    call from several threads; calls wait for each other. Use as a context manager, or call `close`.
    """

    # How many tasks it does at once, beside its caller.
    count = 1

    def __init__(self, perform: Callable[[Any], Any], *, memory_bytes: int, name: str = "examiner") -> None:
        self._perform = perform
        self._memory_bytes = memory_bytes
        self._name = name
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._done = 0

    def call(self, task: Any, *, timeout_seconds: float) -> Any:
        """
        Return what `perform(task)` returns; raises TaskFailed when it does not within the limits.

        A worker that failed is ended and the next call starts a new one. An OfficeError in the worker (a full disk, a
        trust folder that cannot be read) is raised here as one: it says nothing about the bytes.
        """
        with self._lock:
            pipe = self._begin(task, timeout_seconds)
            try:
                if not pipe.poll(timeout_seconds + 1.0):
                    self._end()
                    raise TaskFailed("TOO_SLOW", f"more than {timeout_seconds:g} s")
                kind, value, resident = pipe.recv()
            except (EOFError, OSError) as cause:
                code = self._exit_code()
                self._end()
                too_slow = code in (-signal.SIGXCPU, -signal.SIGALRM)
                raise TaskFailed("TOO_SLOW" if too_slow else "WORKER_DIED", f"exit status {code}") from cause
            self._done += 1
            grown = resident > self._memory_bytes * GROWN_SHARE
            if kind not in ("result", "trouble") or grown or self._done >= TASKS_PER_WORKER:
                self._end()
            if kind == "trouble":
                raise OfficeError(value[0], **value[1])
            if kind == "memory":
                raise TaskFailed("TOO_MUCH_MEMORY", f"more than {self._memory_bytes // MiB} MiB")
            if kind == "crash":
                raise TaskFailed("TASK_CRASHED", str(value))
            return value

    def warm(self) -> None:
        """Start the process ahead of the first task."""
        with self._lock:
            self._ready()

    def close(self) -> None:
        """End the process; a later call starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, task: Any, seconds: float) -> Connection[Any, Any]:
        """Hand the task to a worker that says it has begun; one that died before says nothing about the bytes."""
        for _ in range(STARTS_PER_TASK):
            pipe = self._ready()
            with contextlib.suppress(EOFError, OSError):
                pipe.send((task, seconds))
                if pipe.poll(START_SECONDS):
                    pipe.recv()
                    return pipe
            self._end()
        raise OfficeError("WORKER_NOT_STARTED")

    def _ready(self) -> Connection[Any, Any]:
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self._end()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._perform, self._memory_bytes), name=self._name, daemon=True
        )
        try:
            process.start()
            theirs.close()
            self._process, self._pipe, self._done = process, ours, 0
            if not ours.poll(START_SECONDS):
                raise EOFError
            ours.recv()
        except (EOFError, OSError) as cause:
            self._end()
            # No task was asked yet: a machine without memory or processes to spare says nothing about any bytes.
            raise OfficeError("WORKER_NOT_STARTED") from cause
        return ours

    def _exit_code(self) -> int | None:
        if self._process is None:
            return None
        self._process.join(2.0)
        return self._process.exitcode

    def _end(self) -> None:
        pipe, process = self._pipe, self._process
        self._pipe = self._process = None
        if pipe is not None:
            pipe.close()
        if process is not None:
            # The worker leads a group of its own: what a task has begun there ends with it.
            with contextlib.suppress(OSError):
                os.killpg(process.pid or 0, signal.SIGKILL)
            if process.is_alive():
                process.kill()
            process.join(5.0)
            with contextlib.suppress(ValueError):
                process.close()


class Workers:
    """
    Several workers for one kind of task: as many tasks at once as there are workers, each within its own limits.

    Used like a single Worker; the one that was busy last is asked first, so that a quiet office keeps one warm.
    """

    def __init__(self, perform: Callable[[Any], Any], *, count: int, memory_bytes: int, name: str = "examiner") -> None:
        if count < 1:
            raise ValueError(f"{count} workers do no task")
        self.count = count
        self._all = tuple(
            Worker(perform, memory_bytes=memory_bytes, name=f"{name}-{number}") for number in range(1, count + 1)
        )
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in reversed(self._all):
            self._free.put(worker)

    def call(self, task: Any, *, timeout_seconds: float) -> Any:
        """Do as `Worker.call` does, by a worker that is free; waits for one while all are busy."""
        worker = self._free.get()
        try:
            return worker.call(task, timeout_seconds=timeout_seconds)
        finally:
            self._free.put(worker)

    def warm(self) -> None:
        """Start the processes ahead of the first task."""
        for worker in self._all:
            worker.warm()

    def close(self) -> None:
        """End the processes; a later call starts new ones."""
        for worker in self._all:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _resident_bytes() -> int:
    """Return how much memory this process holds now; 0 where the system does not tell (proc(5), statm)."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _serve(pipe: Connection[Any, Any], perform: Callable[[Any], Any], memory_bytes: int) -> None:
    """The worker's whole life: limits first, then one task after the other until the pipe closes."""
    _confine(memory_bytes)
    pipe.send(("ready", None))
    while True:
        try:
            task, seconds = pipe.recv()
            # A service manager that ends the service signals all its processes (systemd.kill(5)): the task in hand is
            # answered first, so that a stop is nobody's failed attempt.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            pipe.send(("begun", None))
        except (EOFError, OSError):
            return
        # The CPU limit grows by each task's share. Wall time is watched by the parent, and by the kernel in case that
        # the parent is gone: without a handler the alarm ends the process wherever it hangs.
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
        answer = _answer(perform, task)
        try:
            pipe.send((*answer, _resident_bytes()))
        except (OSError, MemoryError, ValueError, TypeError, AttributeError) as error:
            with contextlib.suppress(OSError):
                pipe.send(("crash", f"the result could not be handed back: {type(error).__name__}", 0))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _confine(memory_bytes: int) -> None:
    """Take from this process what a task with hostile bytes has no use for."""
    # The terminal's Ctrl-C is for the parent, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # No piece that a task may keep is larger than its memory; a file without end is cut off there (EFBIG, since Python
    # ignores SIGXFSZ).
    resource.setrlimit(resource.RLIMIT_FSIZE, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(5)
    # Standard output is the caller's one JSON document and standard error its log: what libraries say of hostile bytes
    # belongs in neither.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _answer(perform: Callable[[Any], Any], task: Any) -> tuple[str, Any]:
    """Do one task; whatever it raises is an answer too."""
    try:
        return "result", perform(task)
    except MemoryError:
        return "memory", None
    except OfficeError as error:
        return "trouble", (error.code, error.facts)
    except RecursionError as error:
        return "crash", f"RecursionError: {error}"
    except Exception as error:  # One item must not stop the next; the parent files this as a finding.
        return "crash", f"{type(error).__name__}: {error}"[:500]
