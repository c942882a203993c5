"""One daemon is in charge of a store, a second one learns who, and the dead hold nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.lease import Lease, LeaseError
from storage.ledger import Ledger
from tests.makers_storage import NOON

HOLD = """
import os, sys, time
from datetime import UTC, datetime
from storage.database import Database
from storage.lease import Lease
lease = Lease(Database.open(sys.argv[1]))
print(lease.acquire(datetime(2019, 9, 12, 5, tzinfo=UTC)).token, os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_second_daemon_is_told_who_holds_it(ledger: Ledger, database_url: str) -> None:
    """The operator reads machine, process and since when; when it is released, the next takes it."""
    one, other = Lease(ledger.database), Lease(Database.open(database_url))
    held = one.acquire(NOON)

    with pytest.raises(LeaseError, match=rf"process {held.pid} on {held.host} is in charge .* since 2019-09-12"):
        other.acquire(NOON)
    assert other.holder() == held
    one.release()
    assert other.holder() is None

    assert other.acquire(NOON).token == held.token + 1
    other.release()


def test_a_killed_daemon_is_followed_at_once(ledger: Ledger, database_url: str) -> None:
    """The lock dies with its process, so a restart after a crash need not wait for any time limit."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, database_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    token, pid = (int(word) for word in process.stdout.readline().split())
    lease = Lease(ledger.database)
    with pytest.raises(LeaseError, match=f"process {pid} "):
        lease.acquire(NOON)

    process.send_signal(signal.SIGKILL)
    process.wait()

    held = lease.acquire(NOON + timedelta(seconds=1))
    assert held.token == token + 1
    lease.release()


def test_a_holder_that_was_overtaken_stops(ledger: Ledger) -> None:
    """Who lost the lease without noticing, as after a long sleep, learns it from the token."""
    lease = Lease(ledger.database)
    lease.acquire(NOON)
    lease.heartbeat(NOON + timedelta(seconds=20))
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE leases SET token = token + 1, pid = 4711"))

    with pytest.raises(LeaseError, match="process 4711"):
        lease.heartbeat(NOON + timedelta(seconds=40))
    with pytest.raises(LeaseError):
        lease.heartbeat(NOON + timedelta(seconds=60))


def test_signs_of_life_are_seen_by_others(ledger: Ledger, database_url: str) -> None:
    """Doctor and console can tell a living daemon from a silent one."""
    lease, watcher = Lease(ledger.database), Lease(Database.open(database_url))
    lease.acquire(NOON, timedelta(seconds=60))
    lease.heartbeat(NOON + timedelta(seconds=30))

    assert watcher.is_alive(NOON + timedelta(seconds=89))
    assert not watcher.is_alive(NOON + timedelta(seconds=90))
    lease.release()
    assert not watcher.is_alive(NOON + timedelta(seconds=31))


def test_different_leases_do_not_meet(ledger: Ledger) -> None:
    """The poller's lease is not the upkeep's."""
    one, other = Lease(ledger.database, "poller"), Lease(ledger.database, "upkeep")
    one.acquire(NOON)

    assert other.acquire(NOON).token == 1
    one.release()
    other.release()
    one.release()
