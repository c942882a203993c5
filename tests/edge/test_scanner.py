"""The malware scanner, against a clamd that speaks its protocol on loopback, and what the flow does with its word."""

from __future__ import annotations

import contextlib
import io
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from config.isolation import TaskFailed
from config.settings import MalwareTable
from intake.console.alerts import alerts_of
from intake.office import Office
from intake.once import run_once
from intake.quarantine import found_later, scan_again
from intake.scanner import Scanner, ScannerError
from intake.serving import desk_of
from storage.records import State
from tests.makers import IN_TIME
from tests.offices import SmallOffice, a_mail, a_signed_form

# The word that our double takes for malware; what real engines know is not our claim.
BAD = b"X-TEST-MALWARE-X"
# More octets than a mail with a form has.
MUCH = 1_000_000


class Clamd(socketserver.ThreadingTCPServer):
    """
    Speaks VERSION and INSTREAM as clamd(8) says; `signatures` is its data base's version.

    `manner` is how it misbehaves: "hasty" says OK before it has heard all, "dripping" never comes to an end, "mortal"
    dies of BAD and is away for the next `away_after_death` questions. `says` is what it answers to everything.
    """

    allow_reuse_address = True
    daemon_threads = True
    signatures = 1
    knows = True
    largest = 10_000_000
    manner = ""
    says: bytes | None = None
    name: bytes | None = None
    away_after_death = 0
    away = 0


class Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Clamd)
        if server.away:
            server.away -= 1
            return
        with contextlib.suppress(OSError):
            self.answer(server)

    def answer(self, server: Clamd) -> None:
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zVERSION\0":
            name = f"ClamAV 1.0.7/{server.signatures}/Sun Nov 22\0".encode()
            self.wfile.write(name if server.name is None else server.name)
            return
        if server.manner == "hasty":
            self.wfile.write(b"stream: OK\0")
            return
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
            if len(content) > server.largest:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        if server.manner == "mortal" and BAD in content:
            server.away = server.away_after_death
            return
        while server.manner == "dripping":
            self.wfile.write(b"x")
            time.sleep(0.2)
        found = BAD in content and server.knows
        said = b"stream: Test.Malware FOUND\0" if found else b"stream: OK\0"
        self.wfile.write(said if server.says is None else server.says)


@pytest.fixture
def clamd() -> Iterator[Clamd]:
    with Clamd(("127.0.0.1", 0), Conversation) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def scanner_of(clamd: Clamd) -> Scanner:
    return Scanner(MalwareTable(clamd_host="127.0.0.1", clamd_port=clamd.server_address[1], timeout_seconds=5))


def test_clean_and_found_are_told_apart(clamd: Clamd) -> None:
    """The name of what was found is for the log."""
    scanner = scanner_of(clamd)

    assert scanner.scan(io.BytesIO(b"harmless" * 100_000)).found is None
    assert scanner.scan(io.BytesIO(b"a" * 300_000 + BAD)).found == "Test.Malware"


def test_an_unscanned_file_is_never_taken_for_clean(clamd: Clamd) -> None:
    """Too large: a finding about these bytes. Nobody there: trouble outside, with its remedy."""
    clamd.largest = 1000
    with pytest.raises(TaskFailed, match="NOT_SCANNED"):
        scanner_of(clamd).scan(io.BytesIO(b"a" * 300_000))
    with pytest.raises(ScannerError, match="reached"):
        Scanner(MalwareTable(clamd_host="127.0.0.1", clamd_port=1, timeout_seconds=2)).version()


def test_malware_is_quarantined_told_and_freed_by_newer_signatures(small_office: SmallOffice, clamd: Clamd) -> None:
    """The sender waits in no darkness, and a false alarm costs nothing but time."""
    office = replace(small_office.office, scanner=scanner_of(clamd))
    small_office.mailbox.put(a_mail(a_signed_form(), subject="Phiếu đánh giá " + BAD.decode()))

    run_once(office)

    quarantined = next(iter(small_office.deliveries().values()))
    assert quarantined.state is State.SHELVED
    assert [one.code for one in quarantined.reasons] == ["MALWARE_FOUND"]
    scan_again(office)
    assert next(iter(small_office.deliveries().values())).state is State.SHELVED
    clamd.signatures, clamd.knows = 2, False
    scan_again(office)
    run_once(office)
    assert next(iter(small_office.deliveries().values())).state is State.FILED


def test_while_the_scanner_is_away_nothing_is_examined_and_nothing_is_lost(small_office: SmallOffice) -> None:
    """The delivery waits, received and safe."""
    away = Scanner(MalwareTable(clamd_host="127.0.0.1", clamd_port=1, timeout_seconds=2))
    small_office.mailbox.put(a_mail(a_signed_form()))

    with pytest.raises(ScannerError):
        run_once(replace(small_office.office, scanner=away))

    assert [one.state for one in small_office.deliveries().values()] == [State.RECEIVED]
    run_once(small_office.office)
    assert [one.state for one in small_office.deliveries().values()] == [State.FILED]


def test_a_word_of_ok_before_the_end_clears_nothing(clamd: Clamd) -> None:
    """A scanner that says OK and hangs up has not seen the rest, where the malware may stand."""
    clamd.manner = "hasty"

    with pytest.raises((TaskFailed, ScannerError)):
        scanner_of(clamd).scan(io.BytesIO(b"a" * 30_000_000 + BAD))


@pytest.mark.parametrize(
    "answer", [b"", b"stream: O", b"stream: OK", b"OK\0", b"HTTP/1.1 400 Bad Request\0", b"\xff\0"]
)
def test_words_that_are_no_answer_clear_nothing(clamd: Clamd, answer: bytes) -> None:
    """Cut off, without its end mark, or of another protocol: only the whole answer counts."""
    clamd.says = answer

    with pytest.raises(ScannerError):
        scanner_of(clamd).scan(io.BytesIO(b"harmless"))


def test_a_scanner_that_is_none_is_not_called_well(clamd: Clamd) -> None:
    """The doctor and the second look ask for its version; silence or another server's words are trouble."""
    for words in (b"", b"HTTP/1.1 400 Bad Request\0"):
        clamd.name = words
        with pytest.raises(ScannerError):
            scanner_of(clamd).version()


def test_an_answer_that_drips_is_cut_off(clamd: Clamd) -> None:
    """A byte now and then keeps no time limit from running: the take-in must not stand still for an hour."""
    clamd.manner = "dripping"
    scanner = Scanner(MalwareTable(clamd_host="127.0.0.1", clamd_port=clamd.server_address[1], timeout_seconds=1))

    with pytest.raises(ScannerError, match="too long"):
        scanner.scan(io.BytesIO(b"harmless"))


def two_mails(small_office: SmallOffice) -> None:
    """One with what troubles the scanner, which came first, and an innocent one of another agency behind it."""
    padding = "x" * MUCH
    small_office.mailbox.put(a_mail(a_signed_form(), subject="Phiếu đánh giá " + BAD.decode(), X_Padding=padding))
    small_office.mailbox.put(
        a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id="<2@x>"),
        IN_TIME + timedelta(minutes=1),
    )


def passes(small_office: SmallOffice, office: Office, count: int) -> list[str]:
    """Run so many passes, whatever trouble they meet, and tell the states by arrival."""
    for number in range(count):
        if number and not office.ledger.waiting():
            break
        with contextlib.suppress(ScannerError):
            run_once(office)
    by_age = sorted(small_office.deliveries().values(), key=lambda one: one.received_at)
    return [one.state.value for one in by_age]


def test_a_delivery_that_is_too_large_for_the_scanner_holds_up_no_other(
    small_office: SmallOffice, clamd: Clamd
) -> None:
    """It is shelved for a person, its sender is told, and what waits behind it is filed in the same pass."""
    clamd.largest = MUCH
    office = replace(small_office.office, scanner=scanner_of(clamd))
    two_mails(small_office)

    assert passes(small_office, office, 1) == ["shelved", "filed"]

    shelved = next(one for one in small_office.deliveries().values() if one.state is State.SHELVED)
    assert [one.code for one in shelved.reasons] == ["EXAMINATION_NOT_SCANNED"]
    assert {one.to for one in small_office.courier.carried} == {"snv@binhthuan.example", "stc@binhthuan.example"}


@pytest.mark.parametrize("away_for", [0, 6])
def test_a_delivery_at_which_the_scanner_dies_holds_up_no_other(
    small_office: SmallOffice, clamd: Clamd, away_for: int
) -> None:
    """Each time it falls over, and may be away for some questions afterwards; the others are scanned in between."""
    clamd.manner, clamd.away_after_death = "mortal", away_for
    office = replace(small_office.office, scanner=scanner_of(clamd))
    two_mails(small_office)

    assert passes(small_office, office, 60) == ["shelved", "filed"]


def test_a_scanner_that_can_scan_nothing_at_all_costs_nobody_an_attempt(
    small_office: SmallOffice, clamd: Clamd
) -> None:
    """Its own disk is full: everything waits as if nothing had been tried, and is examined once it is well."""
    clamd.says = b"Can't write to temporary file. ERROR\0"
    office = replace(small_office.office, scanner=scanner_of(clamd))
    two_mails(small_office)

    assert passes(small_office, office, 4) == ["received", "received"]
    assert {one.attempts for one in small_office.deliveries().values()} == {0}

    clamd.says, clamd.knows = None, False
    assert "received" not in passes(small_office, office, 1)


def test_one_that_cannot_be_scanned_again_keeps_no_other_in_quarantine(small_office: SmallOffice, clamd: Clamd) -> None:
    """Of two in quarantine one has become too large for the scanner; the other is freed."""
    office = replace(small_office.office, scanner=scanner_of(clamd))
    for number, padding in enumerate((MUCH, 10)):
        subject = f"Phiếu đánh giá {number} {BAD.decode()}"
        small_office.mailbox.put(a_mail(a_signed_form(), subject=subject, X_Padding="x" * padding))
    assert passes(small_office, office, 1) == ["shelved", "shelved"]

    clamd.signatures, clamd.knows, clamd.largest = 2, False, MUCH

    scan_again(office)

    assert sorted(one.state.value for one in small_office.deliveries().values()) == ["received", "shelved"]


def test_malware_that_was_not_known_yet_is_found_by_newer_signatures(small_office: SmallOffice, clamd: Clamd) -> None:
    """Filed as clean, then known: nothing is taken back, the log and every page say so, once, until it is withdrawn."""
    clamd.knows = False
    office = replace(small_office.office, scanner=scanner_of(clamd))
    small_office.mailbox.put(a_mail(a_signed_form(), subject="Phiếu đánh giá " + BAD.decode()))
    assert passes(small_office, office, 1) == ["filed"]
    (filed,) = small_office.deliveries()
    scan_again(office)
    assert found_later(office.ledger) == {}

    for signatures in (2, 3):
        clamd.signatures, clamd.knows = signatures, True
        scan_again(office)

    assert found_later(office.ledger) == {filed: "Test.Malware"}
    assert [one.state for one in small_office.deliveries().values()] == [State.FILED]
    noted = [one for one in office.queries.timeline(filed) if one.event == "malware_found_later"]
    assert [one.detail["found"] for one in noted] == ["Test.Malware"]
    (alert,) = [one for one in alerts_of(desk_of(office), office.clock()) if filed in one.path]
    assert "Test.Malware" in alert.words
    clamd.signatures, clamd.knows = 4, False
    scan_again(office)
    assert found_later(office.ledger) == {}


def test_a_second_look_that_is_stopped_is_made_up_for(small_office: SmallOffice, clamd: Clamd) -> None:
    """A service that ends in the middle of it begins it anew, and does not take it for done."""
    clamd.knows = False
    office = replace(small_office.office, scanner=scanner_of(clamd))
    small_office.mailbox.put(a_mail(a_signed_form(), subject="Phiếu đánh giá " + BAD.decode()))
    passes(small_office, office, 1)
    clamd.signatures, clamd.knows = 2, True

    scan_again(office, stopping=lambda: True)
    assert found_later(office.ledger) == {}
    scan_again(office)
    assert len(found_later(office.ledger)) == 1
