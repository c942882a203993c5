"""
Nothing is lost, doubled or answered twice, wherever a pass is killed and whatever call fails.

`python -m tests.faults.harm` numbers every durable step of a pass, harms one of them in each run, lets two clean passes
repair it and compares the end with the undisturbed run: deliveries, times, numbers, blobs, letters, what is left at the
sources. Here a seeded sample of the steps is harmed; `make exhaustive` harms every one, on both databases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.injected import CALLS
from tests.faults.tracing import need_strace
from tests.servers.postgres import PostgresMissing, binaries

SEED = 697

# How many steps are harmed in `make test`: about a minute and a half on one core, with some of every kind of step.
SAMPLES = [
    pytest.param("kill", "listed", "sqlite", 40, id="kill-sqlite"),
    pytest.param("fail-once", "listed", "sqlite", 33, id="fail-once-sqlite"),
    pytest.param("fail-for-good", "listed", "sqlite", 16, id="fail-for-good-sqlite"),
    pytest.param("kill", "listed", "postgresql", 11, id="kill-postgresql", marks=pytest.mark.postgres),
    pytest.param("fail-once", "listed", "postgresql", 11, id="fail-once-postgresql", marks=pytest.mark.postgres),
    pytest.param("kill", "sockets", "sqlite", 8, id="kill-in-a-conversation"),
    pytest.param("fail-once", "sockets", "sqlite", 12, id="fail-once-in-a-conversation"),
    pytest.param("fail-for-good", "sockets", "sqlite", 8, id="fail-for-good-in-a-conversation"),
]

Tell = Callable[[str], None]


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """
    A folder in memory where there is one.

    A killed process and a failed call leave the kernel's view of a file whole, so the disk below makes no difference
    here but in time; what a disk forgets in a power loss is another test's matter (test_power_loss.py).
    """
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="intake-faults-", dir=place) as folder:
        yield Path(folder)


def harmed(
    folder: Path, harm: str, scene: str, database: str, sample: int, tell: Tell, *, ahead: int = 0
) -> dict[str, Any]:
    """Run the harness as the program it is, tell its counts and return them."""
    if database == "postgresql":
        try:
            binaries()
        except PostgresMissing as missing:
            pytest.skip(str(missing))
    command = [sys.executable, "-m", "tests.faults.harm", str(folder), "--harm", harm, "--scene", scene]
    command += ["--database", database, "--sample", str(sample), "--seed", str(SEED), "--ahead", str(ahead)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3500)
    assert done.stdout, done.stderr[-3000:]
    tally: dict[str, Any] = json.loads(done.stdout)
    how = f"{harm}, {scene}, {database}{', examining ahead' if ahead else ''}"
    tell(
        f"faults, {how}: {tally['steps']} steps, {tally['runs']} harmed,"
        f" killed {tally['killed']}, faults injected {tally['injected']},"
        f" items lost: {tally['lost']}, duplicated: {tally['duplicated']}, letters sent twice: {tally['letters_twice']}"
    )
    return tally


def claim_nothing_came_of_it(tally: dict[str, Any]) -> None:
    """What every harm must come to: a different way to the same end."""
    assert tally["differences"] == []
    assert (tally["lost"], tally["duplicated"], tally["letters_twice"]) == (0, 0, 0)
    assert tally["steps"] > 100
    if tally["harm"] == "kill":
        assert tally["killed"] == tally["runs"]
    else:
        assert tally["injected"] >= tally["runs"]


@pytest.mark.parametrize(("harm", "scene", "database", "sample"), SAMPLES)
def test_a_pass_that_is_harmed_at_some_step_comes_to_the_same_end(
    quick_folder: Path, harm: str, scene: str, database: str, sample: int, tell: Tell
) -> None:
    """Killed there, or the call failed there once or from there on: the next passes end as if nothing had been."""
    tally = harmed(quick_folder, harm, scene, database, sample, tell)

    claim_nothing_came_of_it(tally)
    if scene == "listed":
        wanted = {"write", "fsync", "rename", "commit: before", "commit: after", "relay: before", "settle", "fetch"}
        assert wanted <= set(tally["by_kind"])


@pytest.mark.parametrize("harm", ["kill", "fail-once"])
def test_a_pass_that_examines_ahead_comes_to_the_same_end(quick_folder: Path, harm: str, tell: Tell) -> None:
    """While some are examined and another is filed, the steps come in an order of their own; the end is the same."""
    claim_nothing_came_of_it(harmed(quick_folder, harm, "listed", "sqlite", 12, tell, ahead=2))


def injected(folder: Path, tell: Tell, *options: str) -> dict[str, Any]:
    """Let system calls fail, tell the counts and return them."""
    need_strace()
    command = [sys.executable, "-m", "tests.faults.injected", str(folder), "--seed", str(SEED), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-3000:]
    tally: dict[str, Any] = json.loads(done.stdout)
    tell(
        f"system calls that fail, {tally['by_kind']}: {tally['steps']} calls, {tally['runs']} runs,"
        f" faults injected {tally['injected']}, items lost: {tally['lost']}, duplicated: {tally['duplicated']},"
        f" letters sent twice: {tally['letters_twice']}"
    )
    return tally


def test_a_system_call_that_fails_below_the_database_comes_to_the_same_end(quick_folder: Path, tell: Tell) -> None:
    """The kernel says ENOSPC or EIO to SQLite's own writes and syncs, and to the vault's, once or from there on."""
    claim_nothing_came_of_it(injected(quick_folder, tell, "--sample", "6"))


@pytest.mark.exhaustive
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("call", CALLS)
def test_any_system_call_that_fails_comes_to_the_same_end(quick_folder: Path, tell: Tell, call: str) -> None:
    """The same for the n-th call of each kind, for every n."""
    tally = injected(quick_folder, tell, "--call", call)

    assert tally["differences"] == []
    assert tally["runs"] == tally["steps"]


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("harm", ["kill", "fail-once", "fail-for-good"])
@pytest.mark.parametrize(
    ("scene", "database"),
    [
        ("listed", "sqlite"),
        pytest.param("listed", "postgresql", marks=pytest.mark.postgres),
        ("sockets", "sqlite"),
        pytest.param("sockets", "postgresql", marks=pytest.mark.postgres),
    ],
)
def test_a_pass_that_is_harmed_at_any_step_comes_to_the_same_end(
    quick_folder: Path, harm: str, scene: str, database: str, tell: Tell
) -> None:
    """The same for every step without exception, and for each error that a disk or a network gives."""
    claim_nothing_came_of_it(harmed(quick_folder, harm, scene, database, 0, tell))
