"""How much faster two workers judge a pile of signed PDFs than one."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.bench_pdf import _document
from bench.figures import Figure
from intake.demo.pki import DemoPki
from intake.demo.signing import sign_pdf
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect, inspect_paths

FILES = 600
# The machine does other things too, so that single runs differ by more than what is measured.
PAIRS = 7
LEAST = 1.6
SIGNED_AT = datetime(2019, 9, 12, tzinfo=UTC)
JUDGED_AT = datetime(2019, 9, 14, tzinfo=UTC)


def measure() -> list[Figure]:
    """Judge the same files, of 1 MB each, with one process and with two in turn."""
    pki = DemoPki.create(datetime(2019, 9, 1, tzinfo=UTC))
    agency = pki.issue_organisation("SỞ NỘI VỤ", key="rsa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pki.write_trust(folder / "trust", this_update=SIGNED_AT, next_update=datetime(2019, 9, 20, tzinfo=UTC))
        question = Question(JUDGED_AT, at_is_proof=True, trust=TrustStore.load([folder / "trust"]))
        file = folder / "phieu.pdf"
        file.write_bytes(sign_pdf(_document(10, 1_000_000), agency, at=SIGNED_AT))
        # Workers begin as copies of this process: what is loaded here is warm there, as in a service that runs on.
        inspect(Document("phieu.pdf", file.read_bytes()), question)
        paths = [file] * FILES
        runs, counts = [], []
        for _ in range(PAIRS):
            runs.append((_seconds(paths, question, 1), _seconds(paths, question, 2)))
            counts.append(2 * _counting(1) / _counting(2))
    free = statistics.median(counts)
    ratio = statistics.median(one / two for one, two in runs)
    one, two = (statistics.median(times) for times in zip(*runs, strict=True))
    return [
        Figure(
            f"two workers over {FILES} PDFs of 1 MB, {os.cpu_count()} cores",
            f"{FILES / two:.0f} files/s",
            f"one worker {FILES / one:.0f} files/s",
            f"{ratio:.2f}x",
            f"at least {LEAST:g}x",
            ratio >= LEAST,
        ),
        # Cores that are lent by turns to others cannot give two: then only the second figure tells what is ours.
        Figure(
            "  of what two processes that only count gained",
            f"{ratio:.2f}x",
            f"counting {free:.2f}x",
            f"{ratio / free:.0%}",
            f"at least {LEAST / 2:.0%}",
            ratio / free >= LEAST / 2,
        ),
    ]


def _counting(processes: int) -> float:
    """Seconds that so many processes need for a piece of work each, side by side; others may hold the cores."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=sum, args=(range(30_000_000),)) for _ in range(processes)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def _seconds(paths: list[Path], question: Question, processes: int) -> float:
    began = time.perf_counter()
    reports = inspect_paths(paths, question, processes=processes)
    taken = time.perf_counter() - began
    if any(report.verdict is not Verdict.PASSED for report in reports):
        raise AssertionError("every document must pass")
    return taken
