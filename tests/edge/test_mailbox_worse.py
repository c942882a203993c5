"""The mailbox against a server that drips, shouts in between, refuses at each command, and a clock that is set."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from intake.sources.mailbox import Mailbox
from tests.makers_sources import NOW, PlainMemory, Taken, take
from tests.servers import imap_double
from tests.servers.certificates import make_loopback_certificate
from tests.servers.imap_double import PASSWORD, Conversation, DoubleMail, ImapDouble, internal_date

MAILS = [b"Subject: %d\r\n\r\n" % number + b"x" * 3000 + b"\r\n" for number in range(1, 6)]
PATIENCE_SECONDS = 60


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImapDouble]:
    monkeypatch.setenv("DOUBLE_PASSWORD", PASSWORD)
    with ImapDouble() as double:
        yield double


@pytest.fixture
def box(server: ImapDouble) -> Iterator[Mailbox]:
    mailbox = Mailbox(server.settings())
    yield mailbox
    mailbox.close()


def logins(server: ImapDouble) -> int:
    """How often somebody has tried to log in."""
    return sum(b"LOGIN" in command or b"AUTHENTICATE" in command for command in server.commands)


# Who the server is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expired", "host", "brought"),
    [
        pytest.param(False, "127.0.0.1", 5, id="its own"),
        pytest.param(True, "127.0.0.1", 0, id="expired"),
        pytest.param(False, "127.1", 0, id="of another name"),
    ],
)
def test_a_certificate_counts_only_for_its_name_and_time(
    server: ImapDouble, tmp_path: Path, expired: bool, host: str, brought: int
) -> None:
    """Not a word is said to a server whose certificate has expired or names another host (RFC 8314, 3.2)."""
    made = make_loopback_certificate(tmp_path, expired=expired)
    server.tls = made.server_context()
    server.put(*MAILS)
    box = Mailbox(server.settings(host=host, tls="required", ca_file=str(made.ca_file)))
    taken = take(box, PlainMemory())
    box.close()

    assert len(taken.arrivals) == brought
    if not brought:
        assert taken.error is not None
        assert taken.error.code == "MAILBOX_CERTIFICATE"
        assert server.commands == []


# Dripping -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["greeting", "CAPABILITY", "AUTHENTICATE", "EXAMINE", "NOOP", "UID FETCH"])
def test_a_server_that_drips_is_cut_off_wherever_it_does(server: ImapDouble, command: str) -> None:
    """A byte now and then keeps every wait short and the whole endless; the look's limit ends it."""
    server.put(*MAILS)
    server.drips = command.encode()
    box = Mailbox(server.settings(look_timeout_seconds=1))
    memory = PlainMemory()
    looked: list[Taken] = []
    looking = threading.Thread(target=lambda: looked.append(take(box, memory)), daemon=True)
    looking.start()
    looking.join(PATIENCE_SECONDS)

    assert not looking.is_alive()
    assert looked[0].error is not None
    server.drips = b""
    take(box, memory)
    box.close()
    assert len(memory.keys) == 5


def test_close_ends_a_login_that_hangs(server: ImapDouble) -> None:
    """A service that is told to end does not wait for a server that has not even greeted."""
    server.drips = b"greeting"
    box = Mailbox(server.settings())
    looking = threading.Thread(target=take, args=(box, PlainMemory()), daemon=True)
    looking.start()
    time.sleep(0.5)
    box.close()
    looking.join(PATIENCE_SECONDS)

    assert not looking.is_alive()


# News in between ----------------------------------------------------------------------------------------------------


def seen_by_a_colleague(talk: Conversation, wanted: bytes, uids: list[int]) -> bool:
    """Before the rows, news of mails that colleagues have just read; a row comes twice, and one out of its order."""
    for uid in uids[:3]:
        talk.say(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (talk.sequence(uid), uid))
    for uid in (*reversed(uids), uids[-1]):
        talk.row(uid)
        talk.say(b"* %d FETCH (FLAGS (\\Seen $Junk) UID %d)\r\n" % (talk.sequence(uid), uid))
    talk.ok()
    return True


def test_news_of_flags_hides_neither_the_moment_of_a_mail_nor_its_size(server: ImapDouble, box: Mailbox) -> None:
    """Servers tell of flags at any time, with the mail's UID: what they had said of its arrival still counts."""
    server.put(*MAILS)
    server.listing = seen_by_a_colleague
    memory = PlainMemory()
    taken = take(box, memory)

    assert {one.received_by for one in taken.arrivals} == {"imap-internaldate"}
    assert {one.received_at for one in taken.arrivals} == {internal_date(DoubleMail(b""))}
    assert [one.source_key for one in taken.arrivals] == [f"INBOX/1000/{uid}" for uid in range(1, 6)]
    # The listing was whole, so the next look need not list the folder anew.
    server.commands.clear()
    take(box, memory)
    assert [one for one in server.commands if b"UID FETCH 1:*" in one] == []


# Refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [b"NO [SERVERBUG] not now", b"BAD what?", b"* BYE going down", b"HTTP/1.1 500"])
@pytest.mark.parametrize(
    "command", ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "NOOP", "LIST", "UID FETCH", "UID MOVE", "CREATE", "LOGOUT"]
)
def test_whatever_command_is_refused_nothing_is_lost_or_doubled(
    server: ImapDouble, command: str, answer: bytes
) -> None:
    """Trouble or a remark, never a traceback; once the server is well, each mail has been brought exactly once."""
    server.put(*MAILS)
    server.capabilities += b" MOVE SPECIAL-USE LIST-EXTENDED"
    server.refuses = {command.encode(): answer}
    box = Mailbox(server.settings(settle="move"))
    memory = PlainMemory()
    brought = [one.source_key for _ in range(2) for one in take(box, memory).arrivals]
    server.refuses = {}
    brought += [one.source_key for _ in range(2) for one in take(box, memory).arrivals]
    box.close()

    assert sorted(brought) == [f"INBOX/1000/{uid}" for uid in range(1, 6)]
    assert server.folders["INBOX"].mails == {}
    assert len(server.folders["PhieuIntake"].mails) == 5


def test_a_refused_login_is_tried_once_in_a_look(server: ImapDouble) -> None:
    """Servers close accounts after some wrong logins: three folders are no reason for three of them."""
    server.folders["Junk"] = server.folders["Later"] = imap_double.DoubleFolder()
    server.login = b"TAG NO [AUTHENTICATIONFAILED] no\r\n"
    box = Mailbox(server.settings(folders=("INBOX", "Junk", "Later")))
    taken = take(box, PlainMemory())
    box.close()

    assert taken.error is not None
    assert logins(server) == 1


def test_a_full_folder_for_what_is_done_is_a_remark_and_no_storm_of_logins(server: ImapDouble) -> None:
    """Every mail is brought, none is moved, a person is told; with room again the next look moves them."""
    server.put(*MAILS)
    server.capabilities += b" MOVE"
    server.refuses = {b"UID MOVE": b"NO [OVERQUOTA] no room"}
    server.folders["PhieuIntake"] = imap_double.DoubleFolder(2000)
    box = Mailbox(server.settings(settle="move"))
    memory = PlainMemory()
    looks = [take(box, memory) for _ in range(3)]

    assert [len(one.arrivals) for one in looks] == [5, 0, 0]
    assert [one.error for one in looks] == [None, None, None]
    assert [one.code for one in box.remarks] == ["SETTLE_NOT_POSSIBLE"]
    assert logins(server) <= 2
    server.refuses = {}
    take(box, memory)
    box.close()
    assert server.folders["INBOX"].mails == {}


# The clock ----------------------------------------------------------------------------------------------------------


def test_a_mail_put_off_by_a_clock_that_ran_ahead_does_not_wait_for_that_day(server: ImapDouble, box: Mailbox) -> None:
    """The clock stood in the next year when the mail could not be had: once it is set right, the mail is asked for."""
    server.put(*MAILS)
    server.answers[2] = imap_double.refuse
    memory = PlainMemory()
    for minutes in range(6):
        take(box, memory, NOW + timedelta(days=400, minutes=minutes))
    server.answers.clear()

    taken = take(box, memory, NOW)

    assert [one.source_key for one in taken.arrivals] == ["INBOX/1000/2"]


# What is still out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0, 10])
def test_what_could_not_be_had_is_counted_at_every_look(server: ImapDouble, box: Mailbox, minutes: int) -> None:
    """Also at those that do not ask for it since it is not due: it is still at the source, and the sums must say so."""
    server.put(*MAILS)
    server.answers[2] = imap_double.refuse
    memory = PlainMemory()
    for _ in range(8):
        take(box, memory)
    take(box, memory, NOW + timedelta(minutes=minutes))

    assert box.postponed == 1
    server.answers.clear()
    take(box, memory, NOW + timedelta(days=1))
    assert box.postponed == 0
