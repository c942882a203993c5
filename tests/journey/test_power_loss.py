"""
After a power loss the office has whatever it told anyone it has.

A pass runs under strace, and each system call that changes a file or makes a change last is read from its log. The
model (tests/faults/disk.py) is what POSIX promises: bytes last once their file is synced, a name lasts once its folder
is synced, and syncfs makes all of it last. What was not synced is gone, or, in a second reading of each cut, there in
part: any of the writes in any order, torn at a sector, and the first few changes of a folder. The export folder counts
as a share on another machine, which keeps everything; the mailbox never again shows what it was told of.

What this does not show: a disk that says it has synced and has not, and PostgreSQL, whose own promise is believed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.tracing import need_strace

SEED = 697

Tell = Callable[[str], None]


def cut(folder: Path, cuts: int, repairs: int, tell: Tell) -> dict[str, Any]:
    """Run the program that cuts the power, tell its counts and return them."""
    need_strace()
    command = [sys.executable, "-m", "tests.faults.power", str(folder), "--seed", str(SEED)]
    command += ["--cuts", str(cuts), "--repairs", str(repairs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3500)
    assert done.stdout, done.stderr[-3000:]
    outcome: dict[str, Any] = json.loads(done.stdout)
    tell(
        f"power loss: {outcome['calls']} system calls, cut {outcome['cuts']} times,"
        f" repaired {outcome['repairs']} times, in order: {outcome['deliveries_in_order']} deliveries,"
        f" told and lost: {outcome['told_and_lost']}"
    )
    return outcome


def claim_nothing_told_was_lost(outcome: dict[str, Any]) -> None:
    """All of it: order, whole ledgers, blobs, letters, and the same end after the next pass."""
    assert outcome["wrong"] == []
    assert outcome["told_and_lost"] == 0
    assert outcome["deliveries_in_order"] == 7
    assert outcome["letters_told"] >= 4


def test_the_blob_is_on_disk_before_the_commit_and_the_commit_before_the_source_is_told(
    tmp_path: Path, tell: Tell
) -> None:
    """Traced and cut at a sample of calls, always right after the world was told something."""
    outcome = cut(tmp_path, 40, 8, tell)

    claim_nothing_told_was_lost(outcome)
    assert outcome["cuts"] >= 80


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_no_cut_at_any_call_loses_anything(tmp_path: Path, tell: Tell) -> None:
    """The same after every system call of the pass, each with the passes that repair it."""
    claim_nothing_told_was_lost(cut(tmp_path, 0, 0, tell))
