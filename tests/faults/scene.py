"""The scene of the fault tests: deliveries of every kind, an office that takes them in, and what must be true after."""

from __future__ import annotations

import os
import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from config.catalogue import Catalogue
from config.settings import load_settings
from intake import examine, once
from intake.courier import SmtpCourier
from intake.office import Office
from intake.once import run_once
from intake.ports import ByteSink, CarryResult, Memory, SourceError
from intake.sources import folder as folder_source
from intake.sources.mailbox import Mailbox
from intake.steps.forms import FormReading, read_form
from intake.wiring import open_office
from intake.workers import perform
from storage.audit import audit
from storage.queries import LogFilter
from storage.records import Delivery, Letter
from tests.faults.world import Ports, imap_settings, smtp_settings
from tests.makers import CLOSES, IN_TIME
from tests.offices import ListedMail, ListedMailbox, a_form, a_mail, a_signed_form, prepare_folder

# What the mailbox was told, what the relay took, where the servers are: files beside the office, of the world outside.
TOLD, RELAY, PORTS = "told", "relay", "ports"

# The mails of the scene, for a process that has not made them: their keys are new in each process.
MAILS = "mails.pickle"


def note(path: Path, line: str) -> None:
    """Write down what the world outside has seen, so that it outlives the process that is killed."""
    # Synced by the way it is opened: the harnesses count and break the calls that sync, and this is not the program's.
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_DSYNC, 0o600)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def noted(path: Path) -> list[str]:
    """Return what was written down there."""
    return path.read_text(encoding="utf-8").split() if path.exists() else []


@dataclass
class NotingCourier:
    """A relay that notes what it took; `steps` is told before and after, since both are moments to die in."""

    notes: Path
    steps: Any = None

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """Take the letter for good."""
        if self.steps is not None and self.steps.touch("relay: before"):
            return CarryResult.TRY_LATER, "connection reset"
        note(self.notes, letter.message_id)
        if self.steps is not None and self.steps.touch("relay: after"):
            return CarryResult.IN_DOUBT, "no answer"
        return CarryResult.SENT, "250 OK"


@dataclass(frozen=True)
class TouchedMail(ListedMail):
    """A mail whose fetching is a step that can fail."""

    steps: Any = None

    def fetch(self, into: ByteSink) -> None:
        """Hand over the first half, then the rest if the connection holds."""
        half = len(self.data) // 2
        into.write(self.data[:half])
        if self.steps is not None and self.steps.touch("fetch"):
            raise SourceError("MAILBOX_REFUSED", where="mailbox")
        into.write(self.data[half:])


@dataclass
class NotingMailbox(ListedMailbox):
    """
    A mailbox that moves away what it is told of, and shows it never again.

    So a mail of which the mailbox is told before the ledger has it for good is lost, as it would be in life.
    """

    notes: Path = Path(TOLD)
    steps: Any = None

    def waiting(self, memory: Memory, now: datetime) -> Iterator[ListedMail]:
        """Yield what was not moved away and the ledger does not know; what it knows is settled now."""
        told = noted(self.notes)
        for mail in self.mails:
            if mail.key in told:
                continue
            if memory.knows(mail.key):
                self._settle_key(mail.key)
            else:
                yield TouchedMail(mail.key, mail.data, mail.received_at, self.steps)

    def settle(self, delivery: Delivery) -> None:
        """Move it away."""
        self._settle_key(delivery.source_key)

    def _settle_key(self, key: str) -> None:
        if self.steps is not None and self.steps.touch("settle"):
            raise SourceError("MAILBOX_REFUSED", where="mailbox")
        note(self.notes, key)


class InProcess:
    """
    The examiner without its process: a fault test forks enough processes of its own.

    With a `count` of 0 it does nothing beside its caller, so the steps of a pass come in one order; else threads ask
    it for several at once, as workers are asked, and the order is another each time.
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count
        # What reads a form is a library that no two threads may be in.
        self._reading = threading.Lock()

    def call(self, task: Any, *, timeout_seconds: float) -> Any:
        """Examine here and now."""
        with self._reading:
            return perform(task)

    def close(self) -> None:
        """Nothing to end."""


@cache
def mails() -> list[ListedMail]:
    """Every kind of mail that takes another way through the ledger."""
    given = [
        (a_mail(a_signed_form()), IN_TIME),
        (a_mail(a_signed_form(), message_id="<copy@x>"), IN_TIME + timedelta(hours=1)),
        (a_mail(a_signed_form(version=1), message_id="<new@x>"), IN_TIME + timedelta(hours=2)),
        (a_mail(a_form("Sở Tài chính"), sender="stc@binhthuan.example", message_id="<u@x>"), IN_TIME),
        (
            a_mail(
                a_signed_form("Ủy ban nhân dân huyện Phú Quý"),
                sender="phuquy@binhthuan.example",
                message_id="<late@x>",
            ),
            CLOSES,
        ),
        (a_mail(None, Auto_Submitted="auto-replied", message_id="<auto@x>"), IN_TIME),
    ]
    return [ListedMail(f"INBOX/1/{number}", data, at) for number, (data, at) in enumerate(given, start=1)]


def write_mails(folder: Path) -> None:
    """Write the mails down for another process."""
    (folder / MAILS).write_bytes(pickle.dumps(mails()))


def mails_of(folder: Path) -> list[ListedMail]:
    """Return what was written down there, else this process's own."""
    written = folder / MAILS
    return pickle.loads(written.read_bytes()) if written.exists() else list(mails())


def prepare_process() -> None:
    """
    Let a pass wait for nothing and read each form once in the life of the harness.

    Reading a form is pure and most of a pass; its children inherit what it has read. The waits are for files that
    others still write, and here nobody writes.
    """
    folder_source.SECOND_GLANCE_SECONDS = 0.0
    once.BETWEEN_LOOKS_SECONDS = 0.0
    read: dict[tuple[bytes, str], FormReading] = {}

    def remembered(data: bytes, media_type: str, catalogue: Catalogue) -> FormReading:
        if (data, media_type) not in read:
            read[data, media_type] = read_form(data, media_type, catalogue)
        return read[data, media_type]

    examine.read_form = remembered  # type: ignore[attr-defined]


def set_the_scene(folder: Path, database: str = "sqlite:///intake.db") -> Path:
    """Write the office and what waits in its export folder; returns the configuration file."""
    config = prepare_folder(folder, database=database)
    text = config.read_text(encoding="utf-8").replace('settle = "leave"', 'settle = "move"')
    config.write_text(text, encoding="utf-8")
    form = folder / "export" / "Phieu danh gia SXD.pdf"
    form.write_bytes(a_signed_form("Sở Xây dựng"))
    (folder / "export" / "Phieu danh gia SXD.pdf.done").write_bytes(b"")
    when = (IN_TIME - timedelta(hours=3)).timestamp()
    os.utime(form, (when, when))
    return config


def open_scene(config: Path, steps: Any = None, *, at: datetime = IN_TIME, ahead: int = 0) -> Office:
    """
    Open the office with the scene's mailbox and relay: those of the process, or the servers named in the file `ports`.
    """
    office = open_office(load_settings(config))
    office.examiner.close()
    changes: dict[str, Any] = {"examiner": InProcess(ahead), "clock": lambda: at.astimezone(UTC)}
    folder = config.parent
    if (folder / PORTS).exists():
        ports = Ports.read(folder / PORTS)
        changes["sources"] = (Mailbox(imap_settings(ports)), *office.sources)
        changes["courier"] = SmtpCourier(smtp_settings(ports), changes["clock"], final_reply_seconds=2)
    else:
        mailbox = NotingMailbox(mails_of(folder), notes=folder / TOLD, steps=steps)
        changes["sources"] = (mailbox, *office.sources)
        changes["courier"] = NotingCourier(folder / RELAY, steps)
    return replace(office, **changes)


def one_pass(config: Path, steps: Any = None, *, at: datetime = IN_TIME, ahead: int = 0) -> None:
    """Make one pass, as `intake once` does; with `ahead` so many are examined while another is filed."""
    office = open_scene(config, steps, at=at, ahead=ahead)
    try:
        run_once(office)
    finally:
        office.close()


@dataclass
class EndState:
    """What must be the same whatever happened on the way, and what must never be (`broken`)."""

    submissions: dict[str, list[str]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    letters: dict[str, int] = field(default_factory=dict)
    operative: list[str] = field(default_factory=list)
    source_left: list[str] = field(default_factory=list)
    sent_twice: int = 0
    blobs_missing: int = 0
    broken: list[str] = field(default_factory=list)

    def differences(self, expected: EndState) -> list[str]:
        """Return what is not as in `expected`, one line each."""
        found = [f"broken: {one}" for one in self.broken]
        found += [f"blobs missing: {self.blobs_missing}"] if self.blobs_missing else []
        for name in ("submissions", "shown", "receipts", "letters", "operative", "source_left"):
            mine, theirs = getattr(self, name), getattr(expected, name)
            if mine != theirs:
                found.append(f"{name}: {mine} is not {theirs}")
        return found

    def lost(self, expected: EndState) -> int:
        """Count the things that the sources showed and that are in no state."""
        return sum((Counter(expected.shown) - Counter(self.shown)).values())

    def doubled(self, expected: EndState) -> int:
        """Count the things that are there more often than they were shown."""
        return sum((Counter(self.shown) - Counter(expected.shown)).values())


def end_state(config: Path, *, at: datetime = IN_TIME) -> EndState:
    """
    Read the ledger, vault, relay and folder after the last pass.

    Deliveries are grouped by their form: which of two copies is filed and which is linked may depend on the order of
    examination, that one is filed and one linked may not. A letter in doubt stands for one sent: never both, never two.
    """
    office = open_scene(config, at=at)
    state = EndState()
    try:
        deliveries = office.queries.deliveries(LogFilter(limit=None))
        relay = Counter(noted(config.parent / RELAY))
        for one in deliveries:
            state.shown.append(f"{one.source} {one.sha256}")
            group = state.submissions.setdefault(one.form_sha256 or one.source_key, [])
            group.append(f"{one.state.value} {one.agency} {one.counted_timeliness} {one.signature}")
            group.sort()
            if one.receipt_no:
                state.receipts.append(one.receipt_no)
            if one.operative:
                state.operative.append(f"{one.agency} {one.form_sha256} {one.counted_at}")
            for letter in office.ledger.letters.letters_of(one.id):
                fate = "sent" if letter.state.value in ("sent", "in_doubt") else letter.state.value
                key = f"{one.form_sha256 or one.source_key} {letter.kind.value} {fate}"
                state.letters[key] = state.letters.get(key, 0) + 1
                if letter.state.value == "sent" and letter.carrier == "mail" and not relay[letter.message_id]:
                    state.broken.append(f"marked sent and not sent: {letter.id}")
        state.sent_twice = sum(count - 1 for count in relay.values())
        state.broken += [f"sent twice: {message_id}" for message_id, count in relay.items() if count > 1]
        state.shown.sort()
        state.receipts.sort()
        state.operative.sort()
        state.source_left = sorted(
            path.name for path in (config.parent / "export").iterdir() if path.is_file() and path.suffix == ".pdf"
        )
        report = audit(office.database, office.vault)
        state.broken += [f"{one.code} {one.subject} {one.detail}" for one in report.findings]
        state.blobs_missing = sum(1 for one in deliveries if not office.vault.holds_intact(one.sha256))
    finally:
        office.close()
    return state
