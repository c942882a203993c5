"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from config.isolation import Workers
from intake.workers import start_workers
from tests.offices import SmallOffice, open_small_office, prepare_folder


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say a count that shall stand at the end of the run (steps killed, mails fed, items lost: 0)."""
    return lambda counts: record_property("told", counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests told: a count that nobody sees convinces nobody, and the tests may run in several processes."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    told = [str(value) for one in reports for name, value in one.user_properties if name == "told"]
    if told:
        terminalreporter.section("counts")
        for line in sorted(told):
            terminalreporter.line(line)


@pytest.fixture
def corpus() -> Path:
    """The folder of files that nobody of us wrote."""
    folder = os.environ.get("CORPUS_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CORPUS_DIR is not set: the public corpora are not part of the project")
    return Path(folder)


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A command that a test calls sends the log to that test's stderr, which is closed after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def examiner() -> Iterator[Workers]:
    """One worker for all journeys: starting a process takes longer than examining a form."""
    with start_workers(1, 2048) as workers:
        yield workers


@pytest.fixture
def small_office(tmp_path: Path, examiner: Workers) -> Iterator[SmallOffice]:
    """A whole office in a folder of its own, in September 2019."""
    office = open_small_office(prepare_folder(tmp_path), examiner=examiner)
    yield office
    office.close()
