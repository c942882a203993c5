"""What every source must do, tried on each: a mailbox on Dovecot, one on pymap, and the export folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from config.settings import FolderSource
from intake.ports import Source, SourceError
from intake.sources import folder as folder_module
from intake.sources.folder import ExportFolder
from intake.sources.mailbox import Mailbox
from storage.records import Channel
from tests.makers_sources import NOW, PlainMemory, Sink, delivery_of, take
from tests.servers.dovecot import Dovecot, DovecotMissing
from tests.servers.pymap_server import PymapServer

ARRIVED = datetime(2019, 9, 11, 9, 30, tzinfo=UTC)


class Place(Protocol):
    """A place where things wait, and what a test may do to it."""

    channel: Channel

    def source(self) -> Source:
        """A new source on this place that changes nothing."""

    def add(self, number: int) -> bytes:
        """Put the thing with this number there, arrived at ARRIVED; return the bytes that must be brought."""

    def state(self) -> Any:
        """Everything that is there, to see that nothing has changed."""

    def take_away(self) -> None:
        """Make the place unreachable."""

    def bring_back(self) -> None:
        """Make it reachable again."""


class DovecotPlace:
    channel = Channel.MAIL

    def __init__(self) -> None:
        self._server = Dovecot()
        self._server.start()

    def source(self) -> Source:
        return Mailbox(self._server.settings())

    def add(self, number: int) -> bytes:
        mail = b"Subject: %d\r\n\r\n" % number + b"Ph\xc3\xad \xff\r\n" * number
        self._server.fill([mail], at=ARRIVED)
        return mail

    def state(self) -> Any:
        # Dovecot itself moves mails from new to cur and notes sizes in names; content and flags must stay.
        return sorted((content, name.partition(":2,")[2]) for name, content in self._server.files().items())

    def take_away(self) -> None:
        self._server.stop()

    def bring_back(self) -> None:
        self._server.start()

    def end(self) -> None:
        self._server.remove()


class PymapPlace:
    channel = Channel.MAIL

    def __init__(self, folder: Path) -> None:
        self._server = PymapServer(folder)
        self._server.start()

    def source(self) -> Source:
        return Mailbox(self._server.settings())

    def add(self, number: int) -> bytes:
        mail = b"Subject: %d\r\n\r\n" % number + b"x\r\n" * number
        self._server.deliver(mail, ARRIVED)
        return mail

    def state(self) -> Any:
        from imapclient import IMAPClient

        settings = self._server.settings()
        with IMAPClient("127.0.0.1", settings.port, ssl=False, timeout=10) as client:
            client.login(settings.user, settings.password.reveal())
            client.select_folder("INBOX", readonly=True)
            mails = client.fetch(client.search(), ["FLAGS", "BODY.PEEK[]"])
            return {uid: (mail[b"FLAGS"], mail[b"BODY[]"]) for uid, mail in mails.items()}

    def take_away(self) -> None:
        self._server.stop()

    def bring_back(self) -> None:
        self._server.start()

    def end(self) -> None:
        self._server.remove()


class FolderPlace:
    channel = Channel.QLVB

    def __init__(self, folder: Path) -> None:
        self._root = folder / "export"
        self._root.mkdir()

    def source(self) -> Source:
        return ExportFolder(FolderSource(path=str(self._root), settle="leave"))

    def add(self, number: int) -> bytes:
        import os

        package = f"<edXML><n>{number}</n></edXML>".encode()
        path = self._root / "2019" / "09" / f"{number}.edxml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(package)
        os.utime(path, (ARRIVED.timestamp(), ARRIVED.timestamp()))
        return package

    def state(self) -> Any:
        return {path: path.read_bytes() for path in self._root.rglob("*") if path.is_file()}

    def take_away(self) -> None:
        self._root.rename(self._root.with_name("away"))

    def bring_back(self) -> None:
        self._root.with_name("away").rename(self._root)

    def end(self) -> None:
        return


@pytest.fixture(params=[pytest.param("dovecot", marks=pytest.mark.dovecot), "pymap", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place of each kind, empty."""
    monkeypatch.setattr(folder_module, "SECOND_GLANCE_SECONDS", 0.02)
    made: DovecotPlace | PymapPlace | FolderPlace
    if request.param == "dovecot":
        try:
            made = DovecotPlace()
        except DovecotMissing as missing:
            pytest.skip(str(missing))
    elif request.param == "pymap":
        made = PymapPlace(tmp_path)
    else:
        made = FolderPlace(tmp_path)
    yield made
    made.end()


@pytest.fixture
def source(place: Place) -> Iterator[Source]:
    made = place.source()
    yield made
    made.close()


def test_each_thing_is_brought_once_byte_for_byte_in_order(place: Place, source: Source) -> None:
    """Oldest first, the bytes as they lie there, every key different."""
    contents = [place.add(number) for number in range(1, 25)]
    taken = take(source, PlainMemory())
    assert taken.error is None
    assert sorted(taken.bodies) == sorted(contents)
    assert len({arrival.source_key for arrival in taken.arrivals}) == 24


def test_an_arrival_names_its_moment_and_witness(place: Place, source: Source) -> None:
    """The moment is the place's own, not the hour of the look; both are kept among the clocks."""
    content = place.add(7)
    [arrival] = take(source, PlainMemory()).arrivals
    assert (arrival.received_at, arrival.seen_at) == (ARRIVED, NOW)
    assert arrival.received_by in ("imap-internaldate", "file-time")
    assert (arrival.source, arrival.channel) == (source.name, place.channel)
    assert (arrival.sha256, arrival.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert {clock.name: clock.at for clock in arrival.clocks}["first_seen"] == NOW


def test_beside_the_hour_of_the_look_stands_whether_our_clock_was_kept_right(
    place: Place, source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reading is worth what its clock is: an auditor sees if a time service had this machine's in hand."""
    sign = tmp_path / "synchronized"
    monkeypatch.setattr("intake.sources.system_clock.CLOCK_SIGNS", (sign,))
    memory = PlainMemory()
    place.add(1)
    before = take(source, memory).arrivals
    sign.touch()
    place.add(2)
    after = take(source, memory).arrivals

    told = [clock.detail for one in (*before, *after) for clock in one.clocks if clock.name == "first_seen"]
    assert told == ["system clock not known to be synchronised", "system clock synchronised"]


def test_looking_and_settling_change_nothing_with_leave(place: Place, source: Source) -> None:
    """Colleagues work in the same mailbox; a read-only share must do."""
    for number in range(3):
        place.add(number)
    before = place.state()
    taken = take(source, PlainMemory())
    for arrival in taken.arrivals:
        source.settle(delivery_of(arrival))
        source.settle(delivery_of(arrival))
    assert place.state() == before
    assert len(taken.arrivals) == 3


def test_a_second_look_brings_nothing_and_writes_nothing(place: Place, source: Source) -> None:
    """Over an unchanged source nothing happens, also with a new process that remembers only what was written."""
    for number in range(5):
        place.add(number)
    memory = PlainMemory()
    assert len(take(source, memory).arrivals) == 5
    writes = memory.writes
    assert take(source, memory).arrivals == []
    fresh = place.source()
    assert take(fresh, memory).arrivals == []
    fresh.close()
    assert memory.writes == writes


def test_what_comes_later_is_brought_later(place: Place, source: Source) -> None:
    """Look after look, each thing once."""
    memory = PlainMemory()
    for number in range(1, 6):
        content = place.add(number)
        assert take(source, memory).bodies == [content]


def test_what_the_ledger_does_not_have_is_brought_again(place: Place, source: Source) -> None:
    """A crash after the fetch and before the row: the thing is still there and still new."""
    contents = [place.add(number) for number in range(4)]
    memory = PlainMemory()
    for waiting in source.waiting(memory, NOW):
        waiting.fetch(Sink())
    assert sorted(take(source, memory).bodies) == sorted(contents)


def test_a_look_may_be_abandoned_after_any_thing(place: Place, source: Source) -> None:
    """The flow stops when the disk is full; the rest waits where it is."""
    contents = [place.add(number) for number in range(4)]
    memory = PlainMemory()
    looking = source.waiting(memory, NOW)
    first = next(iter(looking))
    sink = Sink()
    first.fetch(sink)
    memory.keys.add(first.arrival(sink.stored(), NOW).source_key)
    del looking
    assert sorted([bytes(sink.data), *take(source, memory).bodies]) == sorted(contents)


def test_after_close_the_next_look_begins_anew(place: Place, source: Source) -> None:
    """Closing twice is harmless."""
    place.add(1)
    memory = PlainMemory()
    take(source, memory)
    source.close()
    source.close()
    content = place.add(2)
    assert take(source, memory).bodies == [content]


def test_an_unreachable_place_is_trouble_with_a_remedy_and_heals(place: Place, source: Source) -> None:
    """Nothing is lost meanwhile, and nobody has to restart anything."""
    first = place.add(1)
    memory = PlainMemory()
    assert take(source, memory).bodies == [first]
    place.take_away()
    source.close()
    for _ in range(2):
        trouble = take(source, memory).error
        assert isinstance(trouble, SourceError)
        assert trouble.remedy
    place.bring_back()
    second = place.add(2)
    assert take(source, memory, NOW + timedelta(minutes=1)).bodies == [second]


def test_equal_content_in_two_things_is_two_keys(place: Place, source: Source) -> None:
    """Whether it is one submission is for the ledger to say, by its digest."""
    place.add(3)
    if place.channel is Channel.MAIL:
        place.add(3)
        assert len(take(source, PlainMemory()).arrivals) == 2
    else:
        memory = PlainMemory()
        take(source, memory)
        place.add(3)
        assert take(source, memory).arrivals == []
