"""The mailbox on a real Dovecot: TLS as demanded, folders with Vietnamese names, restarts, large mails."""

from __future__ import annotations

import hashlib
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from intake.ports import Stored
from intake.sources.mailbox import Mailbox
from tests.makers_sources import NOW, PlainMemory, take
from tests.servers.certificates import make_loopback_certificate
from tests.servers.dovecot import Dovecot, DovecotMissing

pytestmark = pytest.mark.dovecot

ARRIVED = datetime(2019, 9, 14, 16, 59, 59, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Dovecot]:
    try:
        dovecot = Dovecot()
    except DovecotMissing as missing:
        pytest.skip(str(missing))
    dovecot.start()
    yield dovecot
    dovecot.remove()


def mails(count: int, size: int = 2000) -> list[bytes]:
    return [b"Subject: %d\r\n\r\n" % number + b"y" * (size - 20) + b"\r\n" for number in range(count)]


def test_starttls_protects_the_login(server: Dovecot) -> None:
    """This Dovecot takes no password in clear, so a mail that was brought shows that TLS was there."""
    server.fill(mails(1))
    box = Mailbox(server.settings(port=server.port, tls="starttls"))
    taken = take(box, PlainMemory())
    box.close()
    assert (len(taken.arrivals), taken.error) == (1, None)


@pytest.mark.parametrize("tls", ["required", "starttls"])
def test_a_certificate_of_another_authority_is_refused(server: Dovecot, tmp_path: Path, tls: str) -> None:
    """Nothing is said to a server that cannot prove its name."""
    other = make_loopback_certificate(tmp_path)
    port = server.tls_port if tls == "required" else server.port
    taken = take(Mailbox(server.settings(ca_file=str(other.ca_file), tls=tls, port=port)), PlainMemory())
    assert taken.error is not None
    assert "certificate" in str(taken.error)
    assert "ca_file" in taken.error.remedy


def test_a_server_that_wants_tls_gets_no_password_in_clear(server: Dovecot) -> None:
    """LOGINDISABLED or a refusal: trouble with words, not a hang."""
    taken = take(Mailbox(server.settings(port=server.port, tls="none")), PlainMemory())
    assert taken.error is not None or taken.arrivals == []


def test_a_wrong_password_is_trouble_that_names_the_user_and_not_the_password(server: Dovecot, tmp_path: Path) -> None:
    """It is an alarm for the administrator, with the place where the password stands."""
    file = tmp_path / "password"
    file.write_text("sai-mật-khẩu")
    taken = take(Mailbox(server.settings(password_file=str(file))), PlainMemory())
    assert taken.error is not None
    assert "refused the login of stttt@binhthuan.example" in str(taken.error)
    assert "sai-mật-khẩu" not in str(taken.error) + taken.error.remedy


def test_a_folder_with_a_vietnamese_name_is_read(server: Dovecot) -> None:
    """Names travel in modified UTF-7 (RFC 9051, appendix A.1) and stand in the key as people write them."""
    server.fill(mails(1), folder="Th&AbA- r&AOE-c")
    box = Mailbox(server.settings(folders=("INBOX", "Thư rác")))
    taken = take(box, PlainMemory())
    box.close()
    assert box.remarks == ()
    [arrival] = taken.arrivals
    assert arrival.source_key.startswith("Thư rác/")


def test_a_real_server_tells_which_folder_is_its_filters(server: Dovecot) -> None:
    """The mark is Dovecot's `special_use`; the folder's name says nothing."""
    server.fill(mails(1), folder="Loc")
    box = Mailbox(server.settings(folders=("INBOX", "Loc")))
    arrivals = take(box, PlainMemory()).arrivals
    box.close()
    assert [[why.code for why in arrival.reasons] for arrival in arrivals] == [["FOUND_IN_JUNK"]]


def test_a_missing_folder_is_a_remark_at_each_look_and_read_once_it_is_there(server: Dovecot) -> None:
    """Junk may be made by the first spam that comes."""
    box = Mailbox(server.settings(folders=("INBOX", "Junk")))
    memory = PlainMemory()
    for _ in range(2):
        assert take(box, memory).error is None
        assert [why.code for why in box.remarks] == ["MAIL_FOLDER_MISSING"]
    server.fill(mails(1), folder="Junk")
    assert len(take(box, memory).arrivals) == 1
    box.close()


def test_only_missing_folders_are_trouble(server: Dovecot) -> None:
    """Where nothing at all can be watched the source is not well."""
    taken = take(Mailbox(server.settings(folders=("Hop thu",))), PlainMemory())
    assert taken.error is not None


def test_the_internaldate_is_the_servers_time_of_taking_in(server: Dovecot) -> None:
    """The last second before midnight in Hà Nội, whatever the mail's own Date says."""
    server.fill([b"Date: Sun, 15 Sep 2019 08:00:00 +0700\r\n\r\nx\r\n"], at=ARRIVED)
    box = Mailbox(server.settings())
    [arrival] = take(box, PlainMemory()).arrivals
    box.close()
    assert (arrival.received_at, arrival.received_by) == (ARRIVED, "imap-internaldate")


def test_a_renumbered_folder_brings_everything_under_new_keys(server: Dovecot) -> None:
    """As after a restore: the digests tell the ledger that it has them."""
    contents = mails(3)
    server.fill(contents)
    memory = PlainMemory()
    box = Mailbox(server.settings())
    first = take(box, memory)
    server.stop()
    server.renumber()
    server.start()
    looks = [take(box, memory) for _ in range(2)]
    box.close()
    second = [arrival for look in looks for arrival in look.arrivals]
    assert sorted(arrival.sha256 for arrival in second) == sorted(arrival.sha256 for arrival in first.arrivals)
    assert not {arrival.source_key for arrival in second} & {arrival.source_key for arrival in first.arrivals}


def test_a_server_that_is_killed_while_mails_are_brought_loses_and_doubles_none(server: Dovecot) -> None:
    """Stopped in the middle and started again: after the next looks each mail is there once."""
    contents = mails(60, size=60_000)
    server.fill(contents)
    memory = PlainMemory()
    box = Mailbox(server.settings(read_timeout_seconds=5))
    brought: list[bytes] = []
    count = 0

    def stop_after_ten() -> None:
        nonlocal count
        count += 1
        if count == 10:
            server.stop()

    first = take(box, memory, after_each=stop_after_ten)
    brought += first.bodies
    assert first.error is not None
    server.start()
    for _ in range(3):
        brought += take(box, memory).bodies
    box.close()
    assert sorted(brought) == sorted(contents)


def test_colleagues_who_delete_and_move_meanwhile_do_not_disturb(server: Dovecot) -> None:
    """Another client expunges half of the folder while it is being read; the rest is brought, and nothing twice."""
    contents = mails(40)
    server.fill(contents)
    box = Mailbox(server.settings())
    memory = PlainMemory()
    count = 0

    def expunge_once() -> None:
        nonlocal count
        count += 1
        if count == 5:
            with colleague(server) as client:
                client.delete_messages(list(range(21, 41)))
                client.expunge()

    taken = take(box, memory, after_each=expunge_once)
    taken.bodies += take(box, memory).bodies
    box.close()
    assert set(contents[:20]) <= set(taken.bodies)
    assert len(taken.bodies) == len(set(taken.bodies))


@contextmanager
def colleague(server: Dovecot) -> Iterator[IMAPClient]:
    """Another client in the same mailbox."""
    settings = server.settings()
    context = ssl.create_default_context(cafile=settings.ca_file)
    with IMAPClient("127.0.0.1", settings.port, ssl_context=context, timeout=10) as client:
        client.plain_login(settings.user, settings.password.reveal())
        client.select_folder("INBOX")
        yield client


def test_a_mail_that_a_colleague_read_first_is_brought_and_stays_as_it_was(server: Dovecot) -> None:
    """The Seen flag is whoever opened the mail; it neither hides one from us nor is set by us (intake lessons, 4)."""
    server.fill(mails(2))
    with colleague(server) as client:
        first, second = client.search("ALL")
        client.add_flags([first], [b"\\Seen"])
    box = Mailbox(server.settings())

    assert len(take(box, PlainMemory()).arrivals) == 2

    box.close()
    with colleague(server) as client:
        flags = client.get_flags([first, second])
    assert (b"\\Seen" in flags[first], b"\\Seen" in flags[second]) == (True, False)


def test_a_large_mail_is_streamed(server: Dovecot) -> None:
    """One mail of 25 MB costs far under 16 MiB: it is never held whole."""

    class HashOnly:
        def __init__(self) -> None:
            self.digest, self.size = hashlib.sha256(), 0

        def write(self, data: bytes, /) -> int:
            self.digest.update(data)
            self.size += len(data)
            return len(data)

    mail = b"Subject: large\r\n\r\n" + (b"z" * 76 + b"\r\n") * 335_000
    server.fill([mail])
    box = Mailbox(server.settings())
    tracemalloc.start()
    try:
        for waiting in box.waiting(PlainMemory(), NOW):
            sink = HashOnly()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            waiting.fetch(sink)
            peak = tracemalloc.get_traced_memory()[1] - before
            arrival = waiting.arrival(Stored(sink.digest.hexdigest(), sink.size), NOW)
    finally:
        tracemalloc.stop()
        box.close()
    assert (arrival.sha256, arrival.size) == (hashlib.sha256(mail).hexdigest(), len(mail))
    assert peak < 2 * 1024 * 1024


def test_a_keyword_and_a_move_are_taken_by_a_real_server(server: Dovecot) -> None:
    """Both leave the content as it is and are done once for each mail."""
    contents = mails(3)
    server.fill(contents)
    for settle in ("keyword", "move"):
        box = Mailbox(server.settings(settle=settle))
        memory = PlainMemory()
        assert sorted(take(box, memory).bodies) == sorted(contents)
        assert box.remarks == ()
        assert take(box, memory).arrivals == []
        box.close()
        if settle == "keyword":
            assert all(name.endswith(":2,a") for name in server.files())
    assert server.files() == {}
    assert sorted(server.files("PhieuIntake").values()) == sorted(contents)


def test_two_looks_at_once_do_not_meet(server: Dovecot) -> None:
    """A second look while the first goes on is refused with words; the first is not disturbed."""
    server.fill(mails(3))
    box = Mailbox(server.settings())
    memory = PlainMemory()
    looking = box.waiting(memory, NOW)
    first = next(iter(looking))
    refused: list[object] = []
    thread = threading.Thread(target=lambda: refused.append(take(box, PlainMemory()).error))
    thread.start()
    thread.join(10)
    assert refused[0] is not None
    assert first.key.endswith("/1")
    assert len(list(looking)) == 2
    box.close()
