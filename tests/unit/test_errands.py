"""Errands: what comes back comes back, and what does not is not waited for."""

from __future__ import annotations

import threading

import pytest

from intake import errands as errands_module
from intake.errands import Errands, StillOut


class TooLong(Exception):
    """What the one who waits says when he has waited enough."""


def never() -> None:
    """Nobody minds how long it takes."""


def give_up() -> None:
    """Wait no longer."""
    raise TooLong


def test_an_errand_brings_back_its_result_or_its_fault() -> None:
    """As if it had been called."""
    errands = Errands("x")
    assert [errands.send(lambda number=number: number * 2, never) for number in range(50)] == list(range(0, 100, 2))
    with pytest.raises(ZeroDivisionError):
        errands.send(lambda: 1 // 0, never)
    assert errands.send(lambda: "next", never) == "next"


def test_an_errand_that_does_not_come_back_is_left_and_none_is_sent_after_it() -> None:
    """Until it has come back; then the next goes."""
    answers, came_back = threading.Event(), threading.Event()
    sent: list[str] = []

    def hangs() -> None:
        answers.wait(60)
        came_back.set()

    errands = Errands("x")
    with pytest.raises(TooLong):
        errands.send(hangs, give_up)
    with pytest.raises(StillOut):
        errands.send(lambda: sent.append("after it"), never)
    answers.set()
    assert came_back.wait(60)
    for _ in range(1000):
        try:
            errands.send(lambda: sent.append("later"), never)
            break
        except StillOut:
            threading.Event().wait(0.01)

    assert sent == ["later"]


def test_a_thread_without_errands_ends_and_the_next_errand_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is looked at once a minute keeps no thread meanwhile; and none holds up the end of the process."""
    monkeypatch.setattr(errands_module, "IDLE_SECONDS", 0.01)
    errands = Errands("x")
    first = errands.send(threading.current_thread, never)
    first.join(60)

    second = errands.send(threading.current_thread, never)

    assert (first.is_alive(), first is second, second.daemon) == (False, False, True)
