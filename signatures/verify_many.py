"""Several files judged by several processes: one that dies or runs away costs only its own file."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext, ForkProcess
from pathlib import Path

from config.errors import WrongUse
from signatures.kinds import plain_report
from signatures.question import Document
from signatures.report import FileReport, Reason, Verdict

# The slowest lawful files of the public corpora take five seconds on this class of machine.
SECONDS_PER_FILE = 120.0
# The largest lawful file (a 25 MB scan with 25 signatures) needs 300 MB; bombs are stopped here.
BYTES_PER_WORKER = 2 << 30
# Beyond a mail server's usual limit; a larger file is not read at all.
MAX_FILE_BYTES = 512 << 20
# Files handed to a worker at a time while there are many: it begins with the next one while we still take down what it
# said of the last. Towards the end each gets one at a time, so that none waits behind a slow one.
AHEAD = 2
MANY_PER_WORKER = 8


@dataclass(slots=True)
class _Worker:
    """A process and the files it was given, in its order; it is at the first of them, since the moment `since`."""

    process: ForkProcess
    pipe: Connection
    given: deque[int] = field(default_factory=deque)
    since: float = 0.0


def judge_in_processes(
    paths: Sequence[Path],
    judge: Callable[[Document], FileReport],
    *,
    content: Path | None,
    processes: int | None,
    keep_evidence: bool,
    seconds_per_file: float = SECONDS_PER_FILE,
) -> tuple[FileReport, ...]:
    """Do what `verify.inspect_paths` promises, with `judge` for each file; the time limit can be set for tests."""
    for path in paths:
        if not path.is_file():
            raise WrongUse("PATH_NOT_A_FILE", path=path)
        if not os.access(path, os.R_OK):
            raise WrongUse("PATH_NOT_READABLE", path=path)
    if content is not None and not content.is_file():
        raise WrongUse("CONTENT_NOT_A_FILE", content=content)
    count = min(len(paths), processes or os.cpu_count() or 1)
    context = multiprocessing.get_context("fork")
    waiting = list(range(len(paths)))[::-1]
    reports: dict[int, FileReport] = {}
    workers: list[_Worker] = []
    try:
        while len(reports) < len(paths):
            while waiting and len(workers) < count:
                workers.append(_start(context, paths, judge, content, keep_evidence))
            ahead = AHEAD if len(waiting) > MANY_PER_WORKER * count else 1
            for depth in range(ahead):
                for worker in workers:
                    if len(worker.given) == depth and waiting:
                        _send(worker, waiting.pop())
            _collect(workers, paths, reports, waiting, seconds_per_file)
            workers = [worker for worker in workers if worker.given or worker.process.is_alive()]
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.join(timeout=0.2)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
    return tuple(reports[index] for index in range(len(paths)))


def _address_space() -> int:
    """Return the size of this process' address space in bytes; 0 where the kernel does not tell (proc(5), statm)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize()


def _start(
    context: ForkContext,
    paths: Sequence[Path],
    judge: Callable[[Document], FileReport],
    content: Path | None,
    keep_evidence: bool,
) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, ours, paths, judge, content, keep_evidence), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _send(worker: _Worker, index: int) -> None:
    if not worker.given:
        worker.since = time.monotonic()
    worker.given.append(index)
    try:
        worker.pipe.send(index)
    except (BrokenPipeError, OSError):
        # The worker died; what follows finds it dead and says so of the file it was at.
        return


def _collect(
    workers: list[_Worker],
    paths: Sequence[Path],
    reports: dict[int, FileReport],
    waiting: list[int],
    seconds: float,
) -> None:
    """Wait until a worker answers, dies or overruns, and take down what that means for the file it was at."""
    busy = [worker for worker in workers if worker.given]
    deadline = min(worker.since for worker in busy) + seconds
    ready = wait([worker.pipe for worker in busy], timeout=max(0.0, deadline - time.monotonic()))
    now = time.monotonic()
    for worker in busy:
        if worker.pipe in ready:
            try:
                reports[worker.given[0]] = worker.pipe.recv()
                worker.given.popleft()
                worker.since = now
                continue
            except (EOFError, OSError):
                worker.process.join(timeout=5)
                reason = Reason("EXAMINATION_DIED", f"exit status {worker.process.exitcode}")
        elif now - worker.since >= seconds:
            reason = Reason("TOO_COSTLY", f"more than {seconds:g} seconds")
        else:
            continue
        index = worker.given.popleft()
        reports[index] = _unanswered(paths[index], reason)
        # What it had not begun goes to another.
        waiting.extend(reversed(worker.given))
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        workers.remove(worker)


def _unanswered(path: Path, reason: Reason) -> FileReport:
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
    except OSError:
        data = b""
    return plain_report(Document(str(path), data), Verdict.INDETERMINATE, reason)


def _work(
    pipe: Connection,
    parents_end: Connection,
    paths: Sequence[Path],
    judge: Callable[[Document], FileReport],
    content: Path | None,
    keep_evidence: bool,
) -> None:
    parents_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A fork begins with its parent's address space, which may be large by itself: the limit is what it may add.
    limit = _address_space() + BYTES_PER_WORKER
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            index = pipe.recv()
        except (EOFError, OSError):
            return
        report = _judge(paths[index], judge, content)
        pipe.send(report if keep_evidence else _without_evidence(report))


def _judge(path: Path, judge: Callable[[Document], FileReport], content: Path | None) -> FileReport:
    name = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            reason = Reason("TOO_COSTLY", f"larger than {MAX_FILE_BYTES >> 20} MiB")
            return plain_report(Document(name, b""), Verdict.INDETERMINATE, reason)
        data = path.read_bytes()
        detached, detached_name = _detached(path, content)
    except OSError as cause:
        reason = Reason("FILE_NOT_READ", cause.strerror or "")
        return plain_report(Document(name, b""), Verdict.UNREADABLE, reason)
    try:
        return judge(Document(name, data, detached, detached_name))
    except MemoryError:
        reason = Reason("TOO_COSTLY", f"more than {BYTES_PER_WORKER >> 20} MiB of memory")
        return plain_report(Document(name, data), Verdict.INDETERMINATE, reason)


def _detached(path: Path, content: Path | None) -> tuple[bytes | None, str]:
    """Return the content for a detached signature: the one named, else the sibling without `.p7s`."""
    if path.suffix.lower() != ".p7s":
        return (None, "") if content is None else (content.read_bytes(), content.name)
    if content is not None:
        return content.read_bytes(), content.name
    sibling = path.with_suffix("")
    if sibling.is_file() and sibling.stat().st_size <= MAX_FILE_BYTES:
        return sibling.read_bytes(), sibling.name
    return None, ""


def _without_evidence(report: FileReport) -> FileReport:
    """Return the report without what is only kept for later judgement: it need not cross between processes."""
    return replace(
        report,
        shown=None,
        contents=tuple(_without_evidence(one) for one in report.contents),
        signatures=tuple(replace(one, evidence=()) for one in report.signatures),
    )
