"""How fast the mailbox is drained into durable rows, beside mbsync on the same Dovecot; and what a large mail costs."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import structlog

from bench.figures import Figure, show
from config.settings import ImapSource, Settings
from intake.flow import receive
from intake.office import Office, Rules
from intake.sources.mailbox import Mailbox
from storage.ledger import Ledger
from storage.queries import Queries
from storage.vault import Vault
from tests.servers.dovecot import PASSWORD, USER, Dovecot

# The wish is stated for so many mails of this size; a smaller run says less and ends sooner.
MAILS = int(os.environ.get("BENCH_MAILS", "5000"))
MAIL_OCTETS = 200_000
LARGE_MAIL_OCTETS = 25 * 1000 * 1000

# Turn by turn, and the best of each: the disk is rarely ours alone.
ROUNDS = 2

LEAST_RATIO = 0.5
MOST_MEMORY = 16 * 1024 * 1024


def measure() -> list[Figure]:
    """Fill a Dovecot, let mbsync and us drain it in turn, and return the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    work = Path(tempfile.mkdtemp(prefix="bench-drain-"))
    dovecot = Dovecot()
    dovecot.start()
    try:
        source = random.Random(697)
        dovecot.fill((_mail(source, MAIL_OCTETS) for _ in range(MAILS)), at=datetime(2019, 9, 10, tzinfo=UTC))
        settings = dovecot.settings()
        # Once in full before anybody is timed: Dovecot's index and the page cache are then the same for both.
        _drain(settings, work / "warm")
        shutil.rmtree(work / "warm")
        peers: list[float] = []
        times: list[float] = []
        for _ in range(ROUNDS):
            for run, seconds in ((_mbsync, peers), (_drain, times)):
                os.sync()  # What the one before left unwritten would be paid by the next.
                seconds.append(run(settings, work / "run"))
                shutil.rmtree(work / "run")
        peer, ours = min(peers), min(times)
        ratio = peer / ours
        return [
            Figure(
                f"{MAILS} mails of 200 KB to durable rows",
                f"{MAILS / ours:.0f} mails/s",
                f"mbsync {MAILS / peer:.0f} mails/s",
                f"{ratio:.2f}x",
                f"at least {LEAST_RATIO}x",
                ratio >= LEAST_RATIO,
            ),
            _large(dovecot, source),
        ]
    finally:
        dovecot.remove()
        shutil.rmtree(work, ignore_errors=True)


def _mail(source: random.Random, octets: int) -> bytes:
    head = f"From: a@x.vn\r\nSubject: {source.random()}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    lines = [source.randbytes(38).hex().encode() + b"\r\n" for _ in range((octets - len(head)) // 78)]
    return head + b"".join(lines)


def _office(settings: ImapSource, work: Path) -> Office:
    """An office with a ledger and a vault, and nothing that receiving does not need."""
    work.mkdir(parents=True)
    for name in ("campaign.toml", "catalogue.toml", "workday-overrides.toml", "roster-sample.toml"):
        shutil.copy(Path("config") / name, work / name)
    ledger = Ledger.open(f"sqlite:///{work}/intake.db")
    ledger.upgrade()
    nobody = cast("Any", None)
    return Office(
        settings=Settings(source=(settings,)),
        database=ledger.database,
        ledger=ledger,
        queries=Queries(ledger.database, Settings().office.zone),
        vault=Vault.at(f"file:{work}/vault"),
        rules=Rules(work / "campaign.toml"),
        sources=(),
        courier=nobody,
        status_courier=None,
        examiner=nobody,
        clock=lambda: datetime.now(UTC),
    )


def _drain(settings: ImapSource, work: Path) -> float:
    """Return the seconds in which everything was received by the flow itself."""
    office = _office(settings, work)
    mailbox = Mailbox(settings)
    begun = time.perf_counter()
    looked = receive(office, mailbox)
    took = time.perf_counter() - begun
    mailbox.close()
    waiting = office.ledger.waiting()
    office.ledger.close()
    assert (looked.received, waiting, looked.error) == (MAILS, MAILS, None), (looked, waiting)
    return took


def _mbsync(settings: ImapSource, work: Path) -> float:
    """Return the seconds in which mbsync pulled the same mailbox into a new Maildir, syncing each mail as it does."""
    (work / "mail").mkdir(parents=True)
    file = work / "mbsyncrc"
    file.write_text(
        f"""FSync yes

IMAPAccount bench
Host localhost
Port {settings.port}
User "{USER}"
Pass "{PASSWORD}"
SSLType IMAPS
CertificateFile {settings.ca_file}

IMAPStore far
Account bench

MaildirStore near
Path {work}/mail/
Inbox {work}/mail/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Sync Pull
Create Near
SyncState *
""",
        encoding="utf-8",
    )
    begun = time.perf_counter()
    subprocess.run(["mbsync", "-q", "-c", str(file), "bench"], check=True, env=os.environ | {"HOME": str(work)})
    took = time.perf_counter() - begun
    pulled = sum(1 for sub in ("new", "cur") for _ in (work / "mail" / "INBOX" / sub).iterdir())
    assert pulled == MAILS, pulled
    return took


def _large(dovecot: Dovecot, source: random.Random) -> Figure:
    """Return what one large mail adds to the memory of a poller that has already looked once."""
    dovecot.stop()
    dovecot.renumber()
    shutil.rmtree(dovecot.home)
    dovecot.home.mkdir()
    dovecot.make_folder("INBOX")
    dovecot.fill([_mail(source, 1000)])
    dovecot.start()
    work = Path(tempfile.mkdtemp(prefix="bench-large-"))
    try:
        office = _office(dovecot.settings(), work / "office")
        mailbox = Mailbox(dovecot.settings())
        receive(office, mailbox)
        idle = _resident()
        dovecot.fill([_mail(source, LARGE_MAIL_OCTETS)])
        shutil.rmtree(work / "none", ignore_errors=True)
        idle = _resident()
        peak = _peak_while(lambda: receive(office, mailbox))
        mailbox.close()
        assert office.ledger.waiting() == 2
        office.ledger.close()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Figure(
        "memory of one 25 MB mail, above idle",
        f"{(peak - idle) / 2**20:.1f} MiB",
        "",
        "",
        "under 16 MiB",
        peak - idle < MOST_MEMORY,
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _peak_while(work: Callable[[], object]) -> int:
    """Return the highest resident size, looked at every millisecond, while `work` goes on."""
    highest, over = _resident(), threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.001):
            highest = max(highest, _resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return highest


if __name__ == "__main__":
    figures = measure()
    show(figures)
    sys.exit(not all(figure.met for figure in figures))
