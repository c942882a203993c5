"""A worker's death, hunger or slowness costs one task and no more."""

import os
import time

import pytest

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
