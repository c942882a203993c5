"""Measuring CPU time of work done here and in the processes it starts, side by side with a peer's."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Callable

# No command that is measured takes a tenth of this; one that hangs must not hang the benchmark.
COMMAND_SECONDS = 120


def side_by_side(ours: Callable[[], None], peer: Callable[[], None], pairs: int) -> tuple[float, float]:
    """Return the medians of CPU seconds of both, run in turns, so that what else the machine does falls on both."""
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(pairs):
        mine.append(cpu(ours))
        theirs.append(cpu(peer))
    return statistics.median(mine), statistics.median(theirs)


def cpu(work: Callable[[], None]) -> float:
    """Seconds of CPU that `work` took, here and in the processes it started and waited for."""
    began = time.process_time() + _children()
    work()
    return time.process_time() + _children() - began


def run(command: list[str]) -> None:
    """Run `command` to its end; raises AssertionError if it does not end with 0, since then nothing was measured."""
    done = subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_SECONDS)
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:5])} ended with {done.returncode}: {done.stderr.decode()[:400]}")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
