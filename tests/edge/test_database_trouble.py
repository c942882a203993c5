"""A database that is full, busy, gone or restarted costs time and words, never a delivery."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import QueuePool, create_engine, text
from sqlalchemy.exc import DBAPIError

from storage import database as database_module
from storage.audit import audit
from storage.database import KEEPALIVE_SECONDS, UNANSWERED_MILLISECONDS, Database, DatabaseError
from storage.ledger import Ledger
from storage.records import State
from storage.vault import Vault
from tests.makers_storage import NOON, an_arrival, an_outcome, decide, decided, one_letter, received
from tests.servers.postgres import Postgres

# One interpreter that imports everything once and forks for each death: a program that begins as single as an own one.
KINDS_OF_DEATH = """
import os, signal, sys
from sqlalchemy import event
from storage.ledger import Ledger
from tests.makers_storage import an_outcome, decide, one_letter, received

def live(last):
    ledger = Ledger.open(sys.argv[1])
    statements = 0

    @event.listens_for(ledger.database.engine, "before_cursor_execute")
    def count(*unused):
        nonlocal statements
        statements += 1
        if statements == last:
            os.kill(os.getpid(), signal.SIGKILL)

    delivery = received(ledger)
    ledger.count_attempt(delivery.id)
    decide(ledger, delivery.id, an_outcome(), write_letters=one_letter)

for last in range(1, 60):
    child = os.fork()
    if child == 0:
        ended = 70
        try:
            live(last)
            ended = 0
        finally:
            os._exit(ended)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(ended)
    if ended != -signal.SIGKILL:
        break
"""


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Ledger:
    """A ledger in a file."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'intake.db'}")
    ledger.upgrade()
    return ledger


def test_a_full_disk_is_told_and_nothing_is_half_written(sqlite_ledger: Ledger) -> None:
    """The write that did not fit never happened; with room again, the same write succeeds."""
    received(sqlite_ledger, 1)
    with sqlite_ledger.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = an_arrival(2, clocks=an_arrival(2).clocks * 20_000)

    with pytest.raises(DatabaseError, match="full") as error:
        sqlite_ledger.receive(big, same_bytes_is_same=True)

    assert "room" in error.value.remedy
    assert sqlite_ledger.log_head()[0] == 1
    sqlite_ledger.close()
    again = Ledger.open(str(sqlite_ledger.database.engine.url))
    assert again.receive(big, same_bytes_is_same=True).id == "d000002"
    again.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """A wrong or damaged file is trouble outside the program, with a remedy and without a traceback."""
    (tmp_path / "intake.db").write_bytes(b"this is no database, but it is long enough to be looked at" * 100)
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'intake.db'}")

    with pytest.raises(DatabaseError, match="not a database"):
        ledger.waiting()
    ledger.close()


def test_a_writer_waits_for_another_process(sqlite_ledger: Ledger) -> None:
    """A short lock by a backup or a report costs a moment, no delivery."""
    assert sqlite_ledger.database.path is not None
    holder = sqlite3.connect(sqlite_ledger.database.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: holder.execute("COMMIT"))
    release.start()

    delivery = received(sqlite_ledger)

    release.join()
    holder.close()
    assert delivery.state is State.RECEIVED
    sqlite_ledger.close()


def test_a_reader_sees_no_half_decision(sqlite_ledger: Ledger) -> None:
    """While a decision is being written, others see the delivery as it was."""
    delivery = received(sqlite_ledger)
    seen: list[State] = []

    def write_letters(receipt: object) -> tuple[()]:
        assert sqlite_ledger.database.path is not None
        with closing(sqlite3.connect(sqlite_ledger.database.path)) as other:
            seen.append(State(other.execute("SELECT state FROM deliveries").fetchone()[0]))
        return ()

    decide(sqlite_ledger, delivery.id, an_outcome(), write_letters=write_letters)

    assert seen == [State.RECEIVED]
    sqlite_ledger.close()


def test_killed_at_any_statement_it_comes_to_the_same_end(database_url: str, vault: Vault) -> None:
    """A process killed before each statement in turn: a second run ends with one delivery, number and letter."""
    ran = subprocess.run(
        [sys.executable, "-c", KINDS_OF_DEATH, database_url], capture_output=True, text=True, check=True
    )
    ends = [int(line) for line in ran.stdout.split()]
    killed = ends.count(-signal.SIGKILL)
    assert ends == [-signal.SIGKILL] * killed + [0], ran.stderr
    ledger = Ledger.open(database_url)
    (delivery,) = ledger.versions("2019", "snv")
    report = audit(ledger.database, vault, blobs=False)

    assert killed >= 10
    assert (delivery.id, delivery.receipt_no, delivery.state) == ("d000001", "PDG-2019-000001", State.FILED)
    assert len(ledger.letters.letters_of(delivery.id)) == 1
    assert {one.code for one in report.findings} == {"BLOB_MISSING"}
    ledger.close()


@pytest.mark.postgres
def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    """While it is down each call says so; when it is up again the same ledger works on, and nothing is lost."""
    try:
        server = Postgres()
    except Exception as missing:
        pytest.skip(str(missing))
    server.start()
    try:
        ledger = Ledger.open(server.url("postgres"))
        ledger.upgrade()
        decided(ledger, 1, write_letters=one_letter)
        server.stop()
        with pytest.raises(DatabaseError, match="cannot be used now"):
            received(ledger, 2)
        server.start()

        assert received(ledger, 2).id == "d000002"
        assert ledger.delivery("d000001").state is State.FILED
        ledger.close()
    finally:
        server.close()


@pytest.mark.postgres
def test_a_dead_workers_claim_is_free_at_once(postgres: Postgres, postgres_template: str) -> None:
    """The claim is the row lock of a connection: when the worker is killed, the next one gets its delivery."""
    url = postgres.url(postgres.make_database(postgres_template))
    ledger = Ledger.open(url)
    received(ledger)
    program = (
        "import sys, time; from storage.ledger import Ledger\n"
        "with Ledger.open(sys.argv[1]).claim(attempt_cap=3) as claim:\n"
        "    print(claim.delivery.id, flush=True); time.sleep(60)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline().strip() == "d000001"
    with ledger.claim(attempt_cap=3) as meanwhile:
        assert meanwhile is None

    worker.kill()
    worker.wait()

    for _ in range(100):
        with ledger.claim(attempt_cap=3) as claim:
            if claim is not None:
                break
        threading.Event().wait(0.05)
    assert claim is not None
    assert claim.delivery.id == "d000001"
    ledger.close()


def test_an_outcome_is_decided_once_by_two_processes(database_url: str) -> None:
    """Two processes that decide the same delivery at the same moment give it one number and one letter."""
    ledger = Ledger.open(database_url)
    deliveries = [received(ledger, number).id for number in range(1, 11)]
    program = (
        "import sys; from storage.ledger import Ledger\n"
        "from tests.makers_storage import an_outcome, decide, one_letter\n"
        "ledger = Ledger.open(sys.argv[1]); sys.stdin.readline()\n"
        "for ref in sys.argv[2:]: decide(ledger, ref, an_outcome(), write_letters=one_letter)\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", program, database_url, *deliveries], stdin=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.communicate("go\n", timeout=60)

    assert [worker.returncode for worker in workers] == [0, 0]
    assert [ledger.delivery(ref).receipt_no for ref in deliveries] == [f"PDG-2019-{one:06d}" for one in range(1, 11)]
    assert [len(ledger.letters.letters_of(ref)) for ref in deliveries] == [1] * 10
    assert ledger.letters.next_letters(NOON) == ()
    ledger.close()


@pytest.mark.postgres
def test_a_server_that_vanished_is_noticed(postgres: Postgres) -> None:
    """A machine that lost its power sends no farewell: the connection itself asks whether anybody is there."""
    database = Database.open(postgres.url("postgres"))
    with database.reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            kept_alive = line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            unanswered = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            idle = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        asked = "SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_keep%%'"
        there = {row[0]: row[1] for row in connection.exec_driver_sql(asked)}
    database.close()

    assert (kept_alive, unanswered, idle) == (1, UNANSWERED_MILLISECONDS, KEEPALIVE_SECONDS)
    # The server asks the same of us: what a vanished worker had locked is not locked for hours.
    assert there["tcp_keepalives_idle"] == str(KEEPALIVE_SECONDS)


@pytest.mark.postgres
def test_a_process_that_is_stopped_in_a_transaction_stops_the_others_for_a_while_only(
    postgres: Postgres, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped with the log's head in its hand (SIGSTOP), it is let go of; when it goes on, it is told."""
    monkeypatch.setattr(database_module, "IDLE_TRANSACTION_SECONDS", 1)
    ledger = Ledger.open(postgres.url(postgres.make_database(postgres_template)))
    stopped, may_go_on = threading.Event(), threading.Event()

    def stop_inside() -> None:
        with ledger.database.writing() as connection:
            connection.execute(text("SELECT * FROM log_head FOR UPDATE"))
            stopped.set()
            may_go_on.wait(60)
            connection.execute(text("SELECT 1"))

    with ThreadPoolExecutor(1) as threads:
        waking = threads.submit(stop_inside)
        assert stopped.wait(30)
        delivery = received(ledger)
        may_go_on.set()
        with pytest.raises(DatabaseError):
            waking.result()

    assert ledger.delivery(delivery.id).state is State.RECEIVED
    ledger.close()


def test_a_pool_that_is_used_up_is_trouble_and_no_fault(tmp_path: Path) -> None:
    """Every connection is in use: said in words, so that no delivery is blamed for it."""
    one = tmp_path / "one.db"
    engine = create_engine(f"sqlite:///{one}", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0)
    database = Database(engine, one)
    with database.reading(), pytest.raises(DatabaseError), database.reading():
        pass
    database.close()


@pytest.mark.postgres
def test_a_connection_that_was_cut_under_a_transaction_is_trouble_and_no_fault(postgres: Postgres) -> None:
    """The administrator ends our session: every statement after that is said as trouble with the database."""
    database, other = Database.open(postgres.url("postgres")), Database.open(postgres.url("postgres"))

    def go_on_after_the_cut() -> None:
        with database.writing() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.writing() as killing:
                killing.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            with contextlib.suppress(DBAPIError):
                connection.execute(text("SELECT 1"))
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseError):
        go_on_after_the_cut()
    for one in (database, other):
        one.close()


@pytest.mark.postgres
@pytest.mark.parametrize("setting", ["default_transaction_read_only = on", "statement_timeout = 1"])
def test_a_server_that_takes_nothing_now_is_trouble_and_no_fault(
    postgres: Postgres, postgres_template: str, setting: str
) -> None:
    """Switched to read-only, or too slow for its own limit: words, nothing half written, and then it goes on."""
    name = postgres.make_database(postgres_template)
    ledger = Ledger.open(postgres.url(name))
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as by_hand:
        by_hand.execute(f'ALTER DATABASE "{name}" SET {setting}')
        ledger.database.engine.dispose()
        with pytest.raises(DatabaseError):
            ledger.receive_many([an_arrival(number) for number in range(1, 2000)], same_bytes_is_same=True)
        by_hand.execute(f'ALTER DATABASE "{name}" RESET ALL')
    ledger.database.engine.dispose()
    received(ledger, 5000)
    assert audit_holds(ledger)
    ledger.close()


def audit_holds(ledger: Ledger) -> bool:
    """Whether the log's chain and the rows hold (their bytes are no matter here)."""
    with TemporaryDirectory() as folder:
        report = audit(ledger.database, Vault.at(f"file:{folder}/vault"), blobs=False)
    return {one.code for one in report.findings} <= {"BLOB_MISSING"}
