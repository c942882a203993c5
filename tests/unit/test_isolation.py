"""A worker's death, hunger or slowness costs one task and no more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.errors import OfficeError
from config.isolation import MiB, TaskFailed, Worker, Workers

hoard: list[bytearray] = []


def misbehave(how: str | tuple[str, Path]) -> str:
    if how[0] == "fork":
        if child := os.fork():
            Path(how[1]).write_text(str(child), encoding="ascii")
        time.sleep(60)
    if how[0] == "write":
        with Path(how[1]).open("wb", buffering=0) as file:
            for _ in range(4096):
                file.write(bytes(MiB))
    assert isinstance(how, str)
    if how == "flood":
        os.write(1, b"x" * 1_000_000)
        os.write(2, b"y" * 1_000_000)
    if how == "who slowly":
        time.sleep(2)
        return str(os.getpid())
    if how == "die":
        os._exit(9)
    if how == "hang":
        time.sleep(60)
    if how == "hunger":
        return str(len(bytearray(4 * 1024 * MiB)))
    if how == "crash":
        raise RuntimeError("a bug")
    if how == "who":
        time.sleep(0.2)
        return str(os.getpid())
    if how == "grow":
        hoard.append(bytearray(b"\1") * (600 * MiB))
        return str(os.getpid())
    if how == "trouble":
        raise OfficeError("VAULT_FULL", what="the vault cannot take a file", why="the disk is full")
    return how


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(misbehave, memory_bytes=1024 * MiB) as one:
        yield one


@pytest.mark.parametrize(
    ("how", "code"),
    [("die", "WORKER_DIED"), ("hang", "TOO_SLOW"), ("hunger", "TOO_MUCH_MEMORY"), ("crash", "TASK_CRASHED")],
)
def test_a_failed_task_is_a_finding_and_the_next_task_succeeds(worker: Worker, how: str, code: str) -> None:
    """Whatever one task does to its process, the next gets an answer."""
    with pytest.raises(TaskFailed) as failed:
        worker.call(how, timeout_seconds=1)

    assert failed.value.code == code
    assert worker.call("fine", timeout_seconds=10) == "fine"


def test_trouble_of_the_house_is_no_finding_about_the_bytes(worker: Worker) -> None:
    """A full disk in the worker reaches the caller as what it is, with its remedy, and the process stays warm."""
    with pytest.raises(OfficeError, match="the disk is full") as trouble:
        worker.call("trouble", timeout_seconds=10)

    assert (trouble.value.code, trouble.value.facts["why"]) == ("VAULT_FULL", "the disk is full")
    assert worker.call("fine", timeout_seconds=10) == "fine"


def test_several_workers_do_several_tasks_at_once() -> None:
    """Two tasks that are asked together are done by two processes, a third by one of them."""
    with Workers(misbehave, count=2, memory_bytes=1024 * MiB) as workers, ThreadPoolExecutor(2) as callers:
        done = list(callers.map(lambda how: workers.call(how, timeout_seconds=10), ["who"] * 4))

    assert len(set(done)) == 2


def test_the_death_of_one_worker_is_no_other_ones() -> None:
    """Each stands behind limits of its own: what dies in one is a finding, and all go on answering."""
    with Workers(misbehave, count=2, memory_bytes=1024 * MiB) as workers, ThreadPoolExecutor(2) as callers:
        dying = callers.submit(workers.call, "die", timeout_seconds=10)
        living = callers.submit(workers.call, "who", timeout_seconds=10)

        assert living.result() != ""
        with pytest.raises(TaskFailed):
            dying.result()
        assert workers.call("fine", timeout_seconds=10) == "fine"


def test_a_worker_that_has_grown_is_replaced() -> None:
    """What a task leaves behind does not add up until an innocent one finds no memory."""
    with Worker(misbehave, memory_bytes=1024 * MiB) as one:
        first = one.call("grow", timeout_seconds=20)
        second = one.call("grow", timeout_seconds=20)

    assert first != second


def test_a_worker_that_cannot_be_started_is_trouble_of_the_house() -> None:
    """A machine without processes to spare says nothing about the bytes, so nobody comes nearer to the shelf for it."""
    with Worker(die_at_the_door, memory_bytes=1024 * MiB) as one, pytest.raises(OfficeError) as trouble:
        one.warm()

    assert "processes to spare" in trouble.value.remedy


class Refusing:
    """A task that cannot even be brought into a new process."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (9,)

    def __call__(self, task: object) -> object:
        return task


die_at_the_door = Refusing()


def test_a_service_that_is_told_to_end_gets_the_answer_in_hand() -> None:
    """A service manager signals the whole group: the worker answers first and goes then, and no attempt is lost."""
    with Worker(misbehave, memory_bytes=1024 * MiB) as one, ThreadPoolExecutor(1) as callers:
        pid = int(one.call("who", timeout_seconds=10))
        answer = callers.submit(one.call, "who slowly", timeout_seconds=20)
        time.sleep(0.5)
        os.kill(pid, signal.SIGTERM)

        assert answer.result() == str(pid)
        until_gone(pid)
        assert one.call("fine", timeout_seconds=10) == "fine"


def test_what_a_task_writes_to_the_terminal_reaches_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is the caller's one JSON document, and the log is no place for hostile bytes."""
    with Worker(misbehave, memory_bytes=1024 * MiB) as one:
        assert one.call("flood", timeout_seconds=20) == "flood"

    assert capfd.readouterr() == ("", "")


def test_a_child_of_a_task_dies_with_its_worker(tmp_path: Path) -> None:
    """A task that forks and hangs is too slow like any other, and leaves nobody behind."""
    with Worker(misbehave, memory_bytes=1024 * MiB) as one:
        with pytest.raises(TaskFailed) as failed:
            one.call(("fork", tmp_path / "pid"), timeout_seconds=2)
        until_gone(int((tmp_path / "pid").read_text()))

    assert failed.value.code == "TOO_SLOW"


def test_a_task_fills_no_disk(tmp_path: Path) -> None:
    """A file that grows without end is cut off at what the worker may hold in memory, and the task is a finding."""
    with Worker(misbehave, memory_bytes=256 * MiB) as one, pytest.raises(TaskFailed) as failed:
        one.call(("write", tmp_path / "endless"), timeout_seconds=60)

    assert failed.value.code == "TASK_CRASHED"
    assert (tmp_path / "endless").stat().st_size <= 256 * MiB


def test_a_worker_whose_service_was_killed_ends_by_itself(tmp_path: Path) -> None:
    """It hangs where no signal of its own reaches it; its time limit ends it though nobody is there to see to it."""
    script = (
        "import os, sys, threading, time\n"
        "from config.isolation import Worker, MiB\n"
        "from tests.unit.test_isolation import misbehave\n"
        "if __name__ == '__main__':\n"
        "    one = Worker(misbehave, memory_bytes=1024 * MiB)\n"
        "    print(one.call('who', timeout_seconds=10), flush=True)\n"
        "    threading.Thread(target=one.call, args=('hang',), kwargs={'timeout_seconds': 2}, daemon=True).start()\n"
        "    time.sleep(0.5)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    with (tmp_path / "said").open("wb") as said:
        subprocess.run([sys.executable, "-c", script], stdout=said, stderr=said, check=False)

    until_gone(int((tmp_path / "said").read_text()))


def test_a_worker_that_died_while_it_was_idle_costs_no_task_anything(worker: Worker) -> None:
    """The kernel took it between two tasks: the next is done by another, and is not blamed."""
    for _ in range(5):
        pid = int(worker.call("who", timeout_seconds=10))
        os.kill(pid, signal.SIGKILL)
        assert worker.call("fine", timeout_seconds=10) == "fine"


def until_gone(pid: int) -> None:
    """Wait until no process bears this number; zombies are gone."""
    end = time.monotonic() + 30
    while (stat := Path(f"/proc/{pid}/stat")).exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end, f"process {pid} lives on"
        time.sleep(0.05)
