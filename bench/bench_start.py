"""How long `intake --help` takes beside a bare Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure

# Pairs are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 21
MOST_RATIO = 6.0


def measure() -> list[Figure]:
    """Time both commands in turn and compare the medians."""
    intake = Path(sys.executable).with_name("intake")
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(PAIRS):
        ours.append(_seconds([str(intake), "--help"]))
        bare.append(_seconds([sys.executable, "-c", "pass"]))
    mine, peer = statistics.median(ours), statistics.median(bare)
    ratio = mine / peer
    return [
        Figure(
            "intake --help",
            f"{mine * 1000:.0f} ms",
            f"python -c pass {peer * 1000:.0f} ms",
            f"{ratio:.1f}x",
            f"at most {MOST_RATIO:g}x",
            ratio <= MOST_RATIO,
        )
    ]


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
