"""The daemon's schedule from inside: looks that hang, overlap, crash, and a clock that jumps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import time_machine
from structlog.testing import capture_logs

from config.errors import OfficeError
from config.isolation import Workers
from config.settings import ImapSource, MalwareTable
from intake import daemon as daemon_module
from intake import flow as flow_module
from intake.daemon import Daemon
from intake.flow import acknowledge, check_disk, receive, take_in
from intake.office import Office
from intake.once import run_once
from intake.ports import CarryResult, Memory, SourceError
from intake.scanner import Scanner
from storage.audit import audit
from storage.records import LetterState, State
from storage.vault import FileVault, Vault
from tests.makers import IN_TIME
from tests.offices import (
    ListedMail,
    ListedMailbox,
    SmallOffice,
    a_mail,
    a_signed_form,
    open_small_office,
    prepare_folder,
)

PATIENCE_SECONDS = 60


@dataclass
class StrangeMailbox(ListedMailbox):
    """A mailbox whose next looks do what `looks` says, then look well; it knows how many looks went on at once."""

    looks: list[Callable[[], None]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def waiting(self, memory: Memory, now: datetime) -> Iterator[ListedMail]:
        """Look as the next of `looks` does."""
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.looks:
                self.looks.pop(0)()
            yield from super().waiting(memory, now)
        finally:
            self.at_once -= 1

    def close(self) -> None:
        """End a look that hangs."""
        self.closed.set()

    def hang(self) -> None:
        """Answer nothing until closed from outside."""
        self.closed.clear()
        assert self.closed.wait(PATIENCE_SECONDS)
        raise SourceError("SOURCE_CLOSED", source="slow")


def until(true: Callable[[], object]) -> None:
    """Wait for it, with patience."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def strange(small_office: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> tuple[Daemon, StrangeMailbox]:
    """A daemon that looks every second, at a strange mailbox and at an export folder with a form in it."""
    monkeypatch.setattr(daemon_module, "UPKEEP_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(daemon_module, "TAKE_IN_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(daemon_module, "LETTERS_EVERY_SECONDS", 0.1)
    form = small_office.folder / "export" / "Phieu danh gia.pdf"
    form.write_bytes(a_signed_form("Sở Xây dựng"))
    os.utime(form, (IN_TIME.timestamp(), IN_TIME.timestamp()))
    looked_at = ImapSource(name="mailbox", every_seconds=1, look_timeout_seconds=1)
    settings = msgspec.structs.replace(
        small_office.office.settings, source=(looked_at, *small_office.office.settings.source)
    )
    mailbox = StrangeMailbox(name="mailbox")
    folder = small_office.office.sources[1]
    return Daemon(replace(small_office.office, settings=settings, sources=(mailbox, folder))), mailbox


@contextmanager
def running(daemon: Daemon) -> Iterator[None]:
    """Run the daemon beside the test."""
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        yield
    finally:
        daemon.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def filed(daemon: Daemon) -> int:
    """How many forms are filed."""
    return daemon.office.queries.sums()["filed"]


def test_a_look_that_hangs_is_ended_from_outside_and_the_next_one_succeeds(
    strange: tuple[Daemon, StrangeMailbox],
) -> None:
    """Whatever a source forgets to limit, the watchdog does not; the others never wait for it."""
    daemon, mailbox = strange
    mailbox.looks = [mailbox.hang]
    mailbox.put(a_mail(a_signed_form()))

    with running(daemon):
        until(lambda: filed(daemon) == 1)
        until(lambda: mailbox.begun >= 2 and len(daemon.office.ledger.outages("mailbox")) == 1)
        until(lambda: filed(daemon) == 2)
        until(lambda: daemon.office.ledger.outages("mailbox")[0].until is not None)

    assert daemon.failed is None


def test_looks_at_one_source_never_overlap_and_a_late_one_is_made_up_for(
    strange: tuple[Daemon, StrangeMailbox],
) -> None:
    """A look that takes three intervals is followed by one, not by three, and none is dropped for being late."""
    daemon, mailbox = strange
    mailbox.looks = [lambda: time.sleep(0.9)] * 3

    with running(daemon):
        until(lambda: mailbox.begun >= 4)

    assert mailbox.most_at_once == 1


def test_a_fault_of_ours_in_one_look_does_not_end_the_schedule(
    strange: tuple[Daemon, StrangeMailbox],
) -> None:
    """The traceback goes to the log, and the next look is made."""

    def bug() -> None:
        raise RuntimeError("a fault of ours")

    daemon, mailbox = strange
    mailbox.looks = [bug]

    with running(daemon):
        until(lambda: mailbox.begun >= 2 and filed(daemon) == 1)


def test_a_scanner_that_is_away_silences_no_alarm(
    strange: tuple[Daemon, StrangeMailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is below its floor and clamd answers nothing: the alarm about the disk is given all the same."""
    daemon, _ = strange
    settings = daemon.office.settings
    low = msgspec.structs.replace(settings, disk=msgspec.structs.replace(settings.disk, floor_mib=10**9))
    away = Scanner(MalwareTable(clamd_host="127.0.0.1", clamd_port=1, timeout_seconds=1))
    daemon.office = replace(daemon.office, settings=low, scanner=away)

    with capture_logs() as said, running(daemon):
        until(lambda: any(one["event"] == "rescan_failed" for one in said))
        until(lambda: any(one["event"] == "upkeep" and "below the floor" in one["why"] for one in said))


def test_a_console_that_cannot_listen_leaves_nothing_running(strange: tuple[Daemon, StrangeMailbox]) -> None:
    """Its port is taken: the daemon ends in those words, with its jobs ended and its lease given back."""

    def refuse() -> None:
        raise OfficeError("the console cannot listen", remedy="Choose another port.")

    daemon, mailbox = strange

    with pytest.raises(OfficeError, match="cannot listen"):
        daemon.run(started=refuse)

    begun = mailbox.begun
    time.sleep(1.5)
    assert mailbox.begun == begun
    with running(Daemon(daemon.office)):
        until(lambda: mailbox.begun > begun)


# The clock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_a_clock_that_is_set_leaves_no_job_standing(
    strange: tuple[Daemon, StrangeMailbox], monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    """The machine's clock is set by a day while the daemon runs: it looks, takes in and answers as before."""
    monkeypatch.setattr(daemon_module, "CLOCK_WATCH_SECONDS", 0.2)
    daemon, mailbox = strange

    with running(daemon):
        until(lambda: mailbox.begun >= 2 and filed(daemon) == 1)
        with time_machine.travel(datetime.now(UTC) + jump, tick=True):
            begun = mailbox.begun
            mailbox.put(a_mail(a_signed_form()))
            until(lambda: mailbox.begun >= begun + 3 and filed(daemon) == 2)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(IN_TIME.astimezone(UTC))


@pytest.fixture
def clocked(tmp_path: Path, examiner: Workers, clock: Clock) -> Iterator[SmallOffice]:
    """An office on that clock."""
    office = open_small_office(prepare_folder(tmp_path), examiner=examiner, clock=clock)
    yield office
    office.close()


def times(small: SmallOffice) -> dict[str, tuple[object, ...]]:
    """Every recorded time of every delivery."""
    return {
        one.id: (one.received_at, one.seen_at, one.counted_at, one.timeliness, one.counted_timeliness, one.decided_at)
        for one in small.deliveries().values()
    }


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400), timedelta(hours=-1)])
def test_a_clock_that_jumps_moves_no_recorded_time_and_makes_nobody_late(
    clocked: SmallOffice, clock: Clock, jump: timedelta
) -> None:
    """The moment that counts is the mail server's; our own clock is only one more reading."""
    clocked.mailbox.put(a_mail(a_signed_form()))
    run_once(clocked.office)
    before = times(clocked)
    clock.now += jump
    clocked.mailbox.put(
        a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id="<2@x>"), IN_TIME
    )
    run_once(clocked.office)
    clock.now -= jump
    run_once(clocked.office)

    after = times(clocked)
    assert {key: after[key] for key in before} == before
    assert [one.timeliness for one in clocked.deliveries().values()] == ["on_time", "on_time"]
    assert len(clocked.courier.carried) == 2
    assert audit(clocked.office.database, clocked.office.vault).findings == ()


def test_a_letter_put_off_by_a_clock_that_ran_ahead_does_not_wait_for_that_day(
    clocked: SmallOffice, clock: Clock
) -> None:
    """The clock stood in the next year when the relay said later: once it is set right, the letter goes."""
    right = clock.now
    clock.now = right + timedelta(days=400)
    clocked.courier.answers = [CarryResult.TRY_LATER]
    clocked.mailbox.put(a_mail(a_signed_form()))
    run_once(clocked.office)
    assert len(clocked.office.ledger.letters.in_state(LetterState.QUEUED)) == 1

    clock.now = right + timedelta(hours=1)
    acknowledge(clocked.office)

    assert len(clocked.courier.carried) == 1


def test_a_folder_item_is_not_late_by_a_listing_from_the_future(clocked: SmallOffice, clock: Clock) -> None:
    """The clock ran ahead at the look before: that look's moment is no witness against a file that came after it."""
    right = clock.now
    clock.now = right + timedelta(days=30)
    run_once(clocked.office)
    clock.now = right + timedelta(hours=1)
    form = clocked.folder / "export" / "Phieu danh gia.pdf"
    form.write_bytes(a_signed_form("Sở Xây dựng"))
    (clocked.folder / "export" / "Phieu danh gia.pdf.done").write_bytes(b"")
    os.utime(form, (right.timestamp(), right.timestamp()))

    run_once(clocked.office)

    delivery = next(iter(clocked.deliveries().values()))
    assert (delivery.timeliness, delivery.counted_at, delivery.state) == ("on_time", right, State.FILED)


# The disk -----------------------------------------------------------------------------------------------------------


def test_below_its_floor_intake_pauses_says_so_and_loses_nothing(clocked: SmallOffice) -> None:
    """What waits stays at its source, untold; with room again the next look brings it, once."""
    floor = clocked.office.settings.disk.floor_mib
    low = msgspec.structs.replace(clocked.office.settings.disk, floor_mib=10**9)
    poor = replace(clocked.office, settings=msgspec.structs.replace(clocked.office.settings, disk=low))
    clocked.mailbox.put(a_mail(a_signed_form()))

    summary = run_once(poor)

    assert summary.trouble
    trouble = next(one.error for one in summary.sources if one.source == "mailbox")
    assert isinstance(trouble, OfficeError)
    assert "below the floor" in str(trouble)
    assert "goes on by itself" in trouble.remedy
    assert (clocked.mailbox.settled, clocked.deliveries()) == ([], {})
    assert [one.until for one in clocked.office.ledger.outages("mailbox")] == [None]

    assert floor < 10**9
    assert not run_once(clocked.office).trouble
    assert [one.state for one in clocked.deliveries().values()] == [State.FILED]
    assert clocked.office.ledger.outages("mailbox")[0].until is not None


def test_a_letter_still_leaves_while_intake_pauses(clocked: SmallOffice) -> None:
    """The pause is about taking in more; who has delivered is told all the same."""
    clocked.mailbox.put(a_mail(a_signed_form()))
    receive(clocked.office, clocked.mailbox)
    take_in(clocked.office)
    low = msgspec.structs.replace(clocked.office.settings.disk, floor_mib=10**9)
    poor = replace(clocked.office, settings=msgspec.structs.replace(clocked.office.settings, disk=low))

    run_once(poor)

    assert len(clocked.courier.carried) == 1


def with_floor(office: Office, floor_mib: int) -> Office:
    """The same office with another floor."""
    low = msgspec.structs.replace(office.settings.disk, floor_mib=floor_mib)
    return replace(office, settings=msgspec.structs.replace(office.settings, disk=low))


def test_what_waits_is_not_taken_apart_on_a_disk_that_is_all_but_full(clocked: SmallOffice) -> None:
    """Its parts need room, which the ledger and the letters would lack: it waits untried; who was judged is told."""
    clocked.mailbox.put(a_mail(a_signed_form()))
    receive(clocked.office, clocked.mailbox)
    take_in(clocked.office)
    clocked.mailbox.put(a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id="<2@x>"))
    receive(clocked.office, clocked.mailbox)

    with pytest.raises(OfficeError) as trouble:
        run_once(with_floor(clocked.office, 10**9))

    assert trouble.value.code == "DISK_BELOW_FLOOR"
    waits = [one for one in clocked.deliveries().values() if one.state is State.RECEIVED]
    assert [one.attempts for one in waits] == [0]
    assert len(clocked.courier.carried) == 1


def test_the_floor_is_watched_while_a_full_mailbox_is_drained(
    clocked: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk falls below its floor in the middle of a look: what was recorded stays, the rest waits at its source."""
    monkeypatch.setattr(flow_module, "MAILS_TOGETHER", 2)
    for number in range(6):
        clocked.mailbox.put(a_mail(None, subject=f"Giấy mời {number}", message_id=f"<{number}@x>"))
    filling = FillingVault(clocked.office.vault, rooms=[10**12, 10**12, 0])

    looked = receive(replace(clocked.office, vault=filling), clocked.mailbox)

    assert looked.error is not None
    assert (looked.error.code, looked.received) == ("DISK_BELOW_FLOOR", 4)
    assert receive(clocked.office, clocked.mailbox).received == 2


def test_the_disk_of_the_database_counts_too(clocked: SmallOffice) -> None:
    """The vault is an object store without a limit; the ledger's own disk is not."""
    unlimited = FillingVault(clocked.office.vault, rooms=[None])

    with pytest.raises(OfficeError):
        check_disk(with_floor(replace(clocked.office, vault=unlimited), 10**9))
    check_disk(replace(clocked.office, vault=unlimited))


class FillingVault(FileVault):
    """The office's vault on a disk whose free room is what `rooms` says, one after the other."""

    def __init__(self, vault: Vault, rooms: list[int | None]) -> None:
        assert isinstance(vault, FileVault)
        super().__init__(vault.folder)
        self._rooms = rooms

    def free_bytes(self) -> int | None:
        """Return the next room; the last one stays."""
        return self._rooms.pop(0) if len(self._rooms) > 1 else self._rooms[0]
