"""The background service: a scheduler that looks at each source, takes in, sends letters and keeps house."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from config.errors import OfficeError
from intake.flow import acknowledge, check_disk, receive, take_in_all
from intake.office import Office
from intake.ports import Source
from intake.quarantine import scan_again
from intake.revocation_data import FETCH_EVERY_HOURS, fetch_revocation_data
from storage.accounts import Accounts
from storage.lease import Lease, LeaseError

log = structlog.get_logger()

# Looking for work in our own tables costs a millisecond, so new arrivals and letters never wait long.
TAKE_IN_EVERY_SECONDS = 2
LETTERS_EVERY_SECONDS = 5
UPKEEP_EVERY_SECONDS = 10
# The clock of the wall, by which jobs are planned, is held against one that nobody can set; what differs more than
# this since the last look was no slow correction but a jump.
CLOCK_WATCH_SECONDS = 5.0
JUMP_SECONDS = 2.0
# A holder that has not said so for this long has lost its lease; three missed heartbeats and a slow disk fit in.
LEASE_TTL = timedelta(seconds=60)


@dataclass
class Look:
    """When the running look at a source began, None between looks; the watchdog ends one that hangs."""

    source: Source
    limit_seconds: float
    began: float | None = None


@dataclass
class Daemon:
    """
    Runs the flow on a schedule until told to stop.

    One job per source plus taking in, letters and upkeep; each runs once at a time, a late run beats no run
    (coalesced, no misfire limit), and a hung source is closed from outside without stopping the others. The schedule
    is in memory: the truth is in the ledger. `serve` (the console) may be started beside it.
    """

    office: Office
    stopping: threading.Event = field(default_factory=threading.Event)
    failed: OfficeError | None = None

    def run(self, *, polls: bool = True, started: Callable[[], None] | None = None) -> None:
        """
        Work until SIGTERM, SIGINT or `stop`; the step in hand is finished first.

        Raises LeaseError when another daemon works on the same store, naming who holds it. `polls` False takes in
        only (further machines on one PostgreSQL) and needs no lease.
        """
        lease = Lease(self.office.database, "poller")
        if polls:
            holder = lease.acquire(self.office.clock(), LEASE_TTL)
            log.info("lease", host=holder.host, pid=holder.pid)
            doubtful = self.office.ledger.letters.doubt_all_sending(self.office.clock())
            if doubtful:
                log.error("letters_in_doubt", count=len(doubtful))
        looks = [Look(one, _look_limit(self.office, one.name)) for one in self.office.sources] if polls else []
        scheduler = self._schedule(looks, lease if polls else None)
        self._listen_to_signals()
        scheduler.start()
        try:
            if started is not None:
                started()
            log.info("started", host=socket.gethostname(), pid=os.getpid(), sources=[one.source.name for one in looks])
            self._wait(scheduler)
        finally:
            log.info("stopping")
            for look in looks:
                look.source.close()
            scheduler.shutdown(wait=True)
            if polls:
                lease.release()
            log.info("stopped")
        if self.failed is not None:
            raise self.failed

    def stop(self) -> None:
        """Ask the daemon to finish the step in hand and end."""
        self.stopping.set()

    def _wait(self, scheduler: BackgroundScheduler) -> None:
        """
        Wait for the end; meanwhile watch the clock.

        Jobs are planned by the wall's clock: set back by a day it would leave them all standing for a day, as a
        machine does whose hardware clock ran on local time until the network was there.
        """
        wall, steady = time.time(), time.monotonic()
        while not self.stopping.wait(CLOCK_WATCH_SECONDS):
            was_wall, was_steady = wall, steady
            wall, steady = time.time(), time.monotonic()
            jump = (wall - was_wall) - (steady - was_steady)
            if abs(jump) > JUMP_SECONDS:
                log.warning("clock_jumped", seconds=round(jump))
                for job in scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))

    def _schedule(self, looks: list[Look], lease: Lease | None) -> BackgroundScheduler:
        # One thread for each job: a hung source then blocks nobody else's.
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(looks) + 5)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        now = datetime.now(UTC)
        for look in looks:
            every = _every(self.office, look.source.name)
            scheduler.add_job(
                self._look, "interval", args=[look], seconds=every, next_run_time=now, id=look.source.name
            )
        scheduler.add_job(self._take_in, "interval", seconds=TAKE_IN_EVERY_SECONDS, next_run_time=now, id="take-in")
        if lease is not None:
            scheduler.add_job(self._letters, "interval", seconds=LETTERS_EVERY_SECONDS, next_run_time=now, id="letters")
            scheduler.add_job(self._upkeep, "interval", args=[lease, looks], seconds=UPKEEP_EVERY_SECONDS, id="upkeep")
            if self.office.scanner is not None:
                scheduler.add_job(self._rescan, "interval", seconds=UPKEEP_EVERY_SECONDS, id="rescan")
            if self.office.settings.trust.fetch_hosts:
                scheduler.add_job(self._fetch, "interval", hours=FETCH_EVERY_HOURS, next_run_time=now, id="fetch")
        return scheduler

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return

        def on_signal(number: int, _frame: FrameType | None) -> None:
            log.info("signal", number=number)
            self.stopping.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)

    def _look(self, look: Look) -> None:
        if self.stopping.is_set():
            return
        look.began = time.monotonic()
        try:
            receive(self.office, look.source)
        except OfficeError as error:
            log.error("look_failed", source=look.source.name, why=str(error), remedy=error.remedy)
        except Exception:  # A bug in one look must not end the schedule; the traceback goes to the log.
            log.exception("look_crashed", source=look.source.name)
        finally:
            look.began = None

    def _take_in(self) -> None:
        try:
            take_in_all(self.office, stopping=self.stopping.is_set)
        except OfficeError as error:
            log.error("take_in_failed", why=str(error), remedy=error.remedy)
        except Exception:  # As above: the delivery stays received, its attempt is counted, the cap shelves it.
            log.exception("take_in_crashed")

    def _letters(self) -> None:
        if self.stopping.is_set():
            return
        try:
            acknowledge(self.office, stopping=self.stopping.is_set)
        except OfficeError as error:
            log.error("letters_failed", why=str(error), remedy=error.remedy)
        except Exception:  # As above: a letter found in sending at the next start is in doubt, never sent twice.
            log.exception("letters_crashed")

    def _fetch(self) -> None:
        """Bring new revocation data; a slow authority holds up nothing but this job."""
        try:
            fetch_revocation_data(self.office, self.stopping.is_set)
        except OfficeError as error:
            log.error("fetch_failed", why=str(error), remedy=error.remedy)
        except Exception:  # As above: the lists that are there stay, and doctor tells their age.
            log.exception("fetch_crashed")

    def _rescan(self) -> None:
        """Ask the scanner again when it has learnt; one that is away or slow holds up neither lease nor alarms."""
        try:
            scan_again(self.office, self.stopping.is_set)
        except OfficeError as error:
            log.error("rescan_failed", why=str(error), remedy=error.remedy)
        except Exception:  # As above: what lies in quarantine stays there.
            log.exception("rescan_crashed")

    def _upkeep(self, lease: Lease, looks: list[Look]) -> None:
        """Keep the lease, end looks that hang, and watch the disk."""
        try:
            lease.heartbeat(self.office.clock())
        except LeaseError as error:
            log.error("lease_lost", why=str(error))
            self.failed = error
            self.stopping.set()
            return
        except OfficeError as error:
            log.error("upkeep_failed", why=str(error), remedy=error.remedy)
        now = time.monotonic()
        for look in looks:
            if look.began is not None and now - look.began > look.limit_seconds:
                log.error("look_hangs", source=look.source.name, seconds=round(now - look.began))
                look.source.close()
        for step in (self._check_disk, self._tidy):
            try:
                step()
            except OfficeError as error:
                log.error("upkeep", why=str(error), remedy=error.remedy)

    def _check_disk(self) -> None:
        check_disk(self.office)

    def _tidy(self) -> None:
        Accounts(self.office.database).forget_old_failures(self.office.clock())


def _every(office: Office, name: str) -> int:
    return next(one.every_seconds for one in office.settings.sources if one.name == name)


def _look_limit(office: Office, name: str) -> float:
    return next(float(one.look_timeout_seconds) for one in office.settings.sources if one.name == name)
