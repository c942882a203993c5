"""What a look at an unchanged mailbox costs, and that it does not depend on how many mails lie there."""

from __future__ import annotations

import os
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from imapclient import IMAPClient

from bench.figures import Figure, show
from config.settings import ImapSource
from intake.sources.mailbox import Mailbox
from tests.makers_sources import PlainMemory
from tests.servers.dovecot import Dovecot

# The wish is stated for so many mails; a smaller run ends sooner.
MAILS = int(os.environ.get("BENCH_POLL_MAILS", "100000"))
FEW_MAILS = 1000
LOOKS = 200

MOST_CPU_MILLISECONDS = 5.0
MOST_GROWTH = 1.3


def measure() -> list[Figure]:
    """Look at a small and a large mailbox of one Dovecot, in turns, and return the figures."""
    server = Dovecot()
    server.start()
    try:
        now = datetime(2019, 9, 10, tzinfo=UTC)
        server.fill((b"Subject: %d\r\n\r\n\r\n" % number for number in range(FEW_MAILS)), folder="Few", at=now)
        server.fill((b"Subject: %d\r\n\r\n\r\n" % number for number in range(MAILS)), folder="Many", at=now)
        few, many = (
            _poller(server.settings(folders=(folder,), read_timeout_seconds=600)) for folder in ("Few", "Many")
        )
        costs: dict[str, list[tuple[float, float]]] = {"few": [], "many": []}
        for _ in range(LOOKS):
            costs["few"].append(_cost(few))
            costs["many"].append(_cost(many))
        peer = _status(server.settings())
    finally:
        server.remove()
    cpu = {name: statistics.median(one[0] for one in looks) * 1000 for name, looks in costs.items()}
    wall = {name: statistics.median(one[1] for one in looks) * 1000 for name, looks in costs.items()}
    growth = wall["many"] / wall["few"]
    return [
        Figure(
            f"CPU of a look at {MAILS} unchanged mails",
            f"{cpu['many']:.2f} ms",
            f"IMAPClient STATUS {peer[0]:.2f} ms",
            f"{cpu['many'] / peer[0]:.2f}x",
            f"under {MOST_CPU_MILLISECONDS} ms",
            cpu["many"] < MOST_CPU_MILLISECONDS,
        ),
        Figure(
            f"time of a look: {MAILS} mails to {FEW_MAILS}",
            f"{wall['many']:.2f} ms",
            f"STATUS {peer[1]:.2f} ms",
            f"{growth:.2f}x",
            f"at most {MOST_GROWTH}x",
            growth <= MOST_GROWTH,
        ),
    ]


def _poller(settings: ImapSource) -> Callable[[], None]:
    """Return a look at a mailbox whose every mail the ledger knows."""
    mailbox = Mailbox(settings)
    memory = PlainMemory()
    memory.knows = lambda source_key: True  # type: ignore[method-assign]  # Listing them first is not measured here.

    def look() -> None:
        for waiting in mailbox.waiting(memory, datetime.now(UTC)):
            raise AssertionError(f"{waiting.key} is not known")

    look()
    return look


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _status(settings: ImapSource) -> tuple[float, float]:
    """Return CPU and wall time, in ms, of what a plain client does to see whether there is something new."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    with IMAPClient(settings.host, settings.port, ssl_context=context, timeout=60) as client:
        client.plain_login(settings.user, settings.password.reveal())
        costs = [_cost(lambda: client.folder_status("Many", ["UIDNEXT", "MESSAGES"])) for _ in range(20)]
    return (
        statistics.median(one[0] for one in costs) * 1000,
        statistics.median(one[1] for one in costs) * 1000,
    )


if __name__ == "__main__":
    figures = measure()
    show(figures)
    sys.exit(not all(figure.met for figure in figures))
