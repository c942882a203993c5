"""The malware scanner, against a clamd that speaks its protocol on loopback, and what the flow does with its word."""

from __future__ import annotations

import io
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from config.settings import MalwareTable
from intake.once import run_once
from intake.quarantine import rescan_quarantine
from intake.scanner import Scanner, ScannerError
from storage.records import State
from tests.offices import SmallOffice, a_mail, a_signed_form

# The word that our double takes for malware; what real engines know is not our claim.
BAD = b"X-TEST-MALWARE-X"


class Clamd(socketserver.ThreadingTCPServer):
    """Speaks VERSION and INSTREAM as clamd(8) says; `signatures` is its data base's version."""

    allow_reuse_address = True
    daemon_threads = True
    signatures = 1
    knows = True
    largest = 10_000_000


class Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Clamd)
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zVERSION\0":
            self.wfile.write(f"ClamAV 1.0.7/{server.signatures}/Sun Nov 22\0".encode())
            return
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
            if len(content) > server.largest:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        found = BAD in content and server.knows
        self.wfile.write(b"stream: Test.Malware FOUND\0" if found else b"stream: OK\0")


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
    """Too large, or nobody there: trouble outside, with its remedy."""
    clamd.largest = 1000
    with pytest.raises(ScannerError, match=r"size limit|connection broke|answers"):
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
    assert rescan_quarantine(office) == 0
    clamd.signatures, clamd.knows = 2, False
    assert rescan_quarantine(office) == 1
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
