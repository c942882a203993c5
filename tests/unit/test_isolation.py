"""A worker's death, hunger or slowness costs one task and no more."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.errors import OfficeError
from config.isolation import MiB, TaskFailed, Worker, Workers

hoard: list[bytearray] = []


def misbehave(how: str) -> str:
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
def worker():
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
