"""The log is where alarms go when nothing else works: its reader, and its disk, may be gone, and the office goes on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intake.commands.log_outlet import LogOutlet
from tests.edge.test_daemon_service import a_form_lies_in
from tests.faults.service import Service, prepare_service
from tests.servers.smtp import SmtpDouble


@contextmanager
def full_disk() -> Iterator[int]:
    """A file on a disk without room: every write to it fails (full(4))."""
    handle = os.open("/dev/full", os.O_WRONLY)
    yield handle
    os.close(handle)


@contextmanager
def nobody_reads() -> Iterator[int]:
    """A pipe whose reader has gone: every write to it fails (EPIPE)."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def reader_stands_still() -> Iterator[int]:
    """A pipe that is full and whose reader lives: every write to it waits for ever."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("log", [full_disk, nobody_reads, reader_stands_still])
def test_a_daemon_whose_log_goes_nowhere_works_on(
    tmp_path: Path, log: Callable[[], contextlib.AbstractContextManager[int]]
) -> None:
    """It takes in and answers as ever, and ends well when it is told to."""
    with SmtpDouble() as relay:
        config = prepare_service(tmp_path, smtp_port=relay.settings().port)
        a_form_lies_in(tmp_path, "Sở Nội vụ")
        with log() as handle, Service(config, "run", "--no-console", instead=handle) as daemon:
            daemon.until(lambda: daemon.states() and daemon.states() != ["received"], "the form is taken in")
            daemon.until(lambda: len(relay.mails) == 1, "it is answered")
            assert daemon.stops() == 0


def test_a_pass_whose_log_goes_nowhere_does_all_its_work(tmp_path: Path) -> None:
    """Exit status 0 says that all was done, and it was."""
    config = prepare_service(tmp_path)
    a_form_lies_in(tmp_path)
    command = [sys.executable, "-m", "intake", "once", "--json", "--config", str(config)]
    environment = os.environ | {"INTAKE_NOW": "2019-09-12T10:00:00+07:00"}

    with nobody_reads() as handle:
        once = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=handle, check=False)

    assert (once.returncode, json.loads(once.stdout)["filed"]) == (0, 1)


def test_no_file_of_ours_takes_the_place_of_a_closed_stderr(tmp_path: Path) -> None:
    """Started without stdout and stderr, the ledger gets another number: a library's warning does not end in it."""
    config = prepare_service(tmp_path)
    a_form_lies_in(tmp_path)
    command = f'exec "{sys.executable}" -m intake once --config "{config}" >&- 2>&-'
    environment = os.environ | {"INTAKE_NOW": "2019-09-12T10:00:00+07:00"}

    subprocess.run(["/bin/sh", "-c", command], env=environment, check=True)

    with Service(config, "audit") as proof:
        assert proof.ends() == 0, proof.said


def test_what_was_not_heard_is_counted_and_told() -> None:
    """A reader that comes back learns how many lines it has missed, and no line is cut in two."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        outlet = LogOutlet(stream)
        for number in range(40):
            outlet.write(f"{number:03}" + "x" * 4000 + "\n")
        heard = os.read(reader, 1_000_000).decode()
        outlet.write("again\n")
        heard += os.read(reader, 1_000_000).decode()
    os.close(reader)

    lines = heard.splitlines()
    passed = [line for line in lines if line.endswith("x")]
    assert [line[:3] for line in passed] == [f"{number:03}" for number in range(len(passed))]
    assert lines[-1] == "again"
    assert f"log_lines_lost count={40 - len(passed)}" in lines


def test_a_reader_that_is_only_slow_misses_nothing() -> None:
    """It is waited for: four times what the pipe holds arrives whole."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb") as there:
        heard: list[bytes] = []
        listening = threading.Thread(target=lambda: heard.extend(there))
        outlet = LogOutlet(stream)
        threading.Timer(0.2, listening.start).start()
        for number in range(260):
            outlet.write(f"{number}" + "x" * 1000 + "\n")
        stream.close()
        listening.join(30)

    assert len(heard) == 260
