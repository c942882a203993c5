"""The scene of the fault tests: deliveries of every kind, an office that takes them in, and what must be true after."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from config.settings import load_settings
from intake.office import Office
from intake.once import run_once
from intake.ports import CarryResult, SourceError
from intake.wiring import open_office
from intake.workers import perform
from storage.audit import audit
from storage.queries import LogFilter
from storage.records import Delivery, Letter
from tests.makers import CLOSES, IN_TIME
from tests.offices import ListedMail, ListedMailbox, a_form, a_mail, a_signed_form, prepare_folder

# The harness replaces these to count and to break; the scene's own notes must go through the real ones.
REAL_FSYNC = os.fsync


def note(path: Path, line: str) -> None:
    """Write down what the world outside has seen, so that it outlives the process that is killed."""
    with path.open("a", encoding="utf-8") as out:
        out.write(line + "\n")
        out.flush()
        REAL_FSYNC(out.fileno())


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


@dataclass
class NotingMailbox(ListedMailbox):
    """A mailbox that notes what it was told and is touched at every fetch and settling."""

    notes: Path = Path("told")
    steps: Any = None

    def settle(self, delivery: Delivery) -> None:
        """Note it."""
        if self.steps is not None and self.steps.touch("settle"):
            raise SourceError("connection reset", remedy="Wait.")
        note(self.notes, delivery.source_key)


class InProcess:
    """The examiner without its process: a fault test forks enough processes of its own."""

    def call(self, task: Any, *, timeout_seconds: float) -> Any:
        """Examine here and now."""
        return perform(task)

    def close(self) -> None:
        """Nothing to end."""


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


def open_scene(config: Path, steps: Any = None) -> Office:
    """Open the office with the scene's mailbox and relay."""
    office = open_office(load_settings(config))
    office.examiner.close()
    mailbox = NotingMailbox(mails(), notes=config.parent / "told", steps=steps)
    return replace(
        office,
        sources=(mailbox, *office.sources),
        courier=NotingCourier(config.parent / "relay", steps),
        examiner=InProcess(),  # type: ignore[arg-type]
        clock=lambda: IN_TIME.astimezone(UTC),
    )


def one_pass(config: Path, steps: Any = None) -> None:
    """Make one pass, as `intake once` does."""
    office = open_scene(config, steps)
    try:
        run_once(office)
    finally:
        office.close()


@dataclass
class EndState:
    """What must be the same whatever happened on the way, and what must never be."""

    submissions: dict[str, list[str]] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    letters: dict[str, int] = field(default_factory=dict)
    operative: list[str] = field(default_factory=list)
    source_left: list[str] = field(default_factory=list)
    blobs_missing: int = 0
    broken: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return it for comparison."""
        return json.dumps(self.__dict__, sort_keys=True, ensure_ascii=False)


def end_state(config: Path) -> EndState:
    """
    Read the ledger, vault, relay and folder after the last pass.

    Deliveries are grouped by their form: which of two copies is filed and which is linked may depend on the order of
    examination, that one is filed and one linked may not. A letter in doubt stands for one sent: never both, never two.
    """
    office = open_scene(config)
    state = EndState()
    try:
        deliveries = office.queries.deliveries(LogFilter(limit=None))
        for one in deliveries:
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
        relay = config.parent / "relay"
        taken = Counter(relay.read_text(encoding="utf-8").split()) if relay.exists() else Counter()
        state.broken += [f"sent twice: {message_id}" for message_id, count in taken.items() if count > 1]
        for one in deliveries:
            for letter in office.ledger.letters.letters_of(one.id):
                if letter.state.value == "sent" and letter.carrier == "mail" and not taken[letter.message_id]:
                    state.broken.append(f"marked sent and not sent: {letter.id}")
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
