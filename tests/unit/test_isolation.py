"""A worker's death, hunger or slowness costs one task and no more."""

import os
import time

import pytest

from config.errors import OfficeError
from config.isolation import MiB, TaskFailed, Worker


def misbehave(how: str) -> str:
    if how == "die":
        os._exit(9)
    if how == "hang":
        time.sleep(60)
    if how == "hunger":
        return str(len(bytearray(4 * 1024 * MiB)))
    if how == "crash":
        raise RuntimeError("a bug")
    if how == "trouble":
        raise OfficeError("the disk is full", remedy="Free space.")
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

    assert trouble.value.remedy == "Free space."
    assert worker.call("fine", timeout_seconds=10) == "fine"
