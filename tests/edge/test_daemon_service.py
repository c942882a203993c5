"""The daemon as a process: how it ends, who may run, what a source that hangs does to the others."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from config.settings import load_settings
from intake.wiring import open_ledger
from storage.audit import audit
from storage.records import LetterState
from storage.vault import Vault
from tests.faults.service import Service, prepare_service
from tests.makers import IN_TIME
from tests.offices import a_mail, a_signed_form
from tests.servers.imap_double import DoubleMail, ImapDouble
from tests.servers.smtp import SmtpDouble

DATE = IN_TIME.strftime("%d-%b-%Y %H:%M:%S %z")


class HeldUp(dict[str, bytes]):
    """Replies of a relay that has the whole mail and takes its time over the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.has_it, self.may_answer = threading.Event(), threading.Event()

    def get(self, step: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """Answer the end mark only when told to."""
        if step == "end":
            self.has_it.set()
            self.may_answer.wait(30)
        return default


def a_form_lies_in(folder: Path, agency: str = "Sở Xây dựng", name: str = "Phieu danh gia.pdf") -> None:
    """Put a signed form of September 2019 into the export folder."""
    form = folder / "export" / name
    form.with_suffix(".part").write_bytes(a_signed_form(agency))
    os.utime(form.with_suffix(".part"), (IN_TIME.timestamp(), IN_TIME.timestamp()))
    form.with_suffix(".part").rename(form)


def test_asked_to_end_it_finishes_the_letter_in_hand_and_ends_well(tmp_path: Path) -> None:
    """SIGTERM while the relay thinks: the answer is waited for and written down, and the exit status is 0."""
    replies = HeldUp()
    with ImapDouble() as imap, SmtpDouble(replies=replies) as relay:
        for number in range(1, 4):
            mail = a_mail(a_signed_form(version=number), message_id=f"<{number}@x>")
            imap.folders["INBOX"].mails[number] = DoubleMail(mail, DATE)
        config = prepare_service(tmp_path, smtp_port=relay.settings().port, imap_port=imap.port)
        with Service(config, "run", "--no-console") as daemon:
            daemon.until(replies.has_it.is_set, "a letter is under way")
            daemon.process.send_signal(signal.SIGTERM)
            daemon.until_said("stopping")
            assert daemon.process.poll() is None
            replies.may_answer.set()
            assert daemon.ends() == 0
        settings = load_settings(config)
        ledger = open_ledger(settings)
        assert ledger.letters.in_state(LetterState.SENDING) == ()
        assert ledger.letters.in_state(LetterState.IN_DOUBT) == ()
        sent = ledger.letters.in_state(LetterState.SENT)
        assert len(sent) == len(relay.mails) >= 1
        assert audit(ledger.database, Vault.at(settings.vault.url)).findings == ()
        ledger.close()


def test_asked_to_end_it_does_not_begin_the_next_letter(tmp_path: Path) -> None:
    """What is queued waits for the next start; a stop is not as long as the queue."""
    replies = HeldUp()
    with ImapDouble() as imap, SmtpDouble(replies=replies) as relay:
        for number, (agency, sender) in enumerate([("Sở Nội vụ", "snv"), ("Sở Tài chính", "stc")], 1):
            mail = a_mail(a_signed_form(agency), sender=f"{sender}@binhthuan.example", message_id=f"<{number}@x>")
            imap.folders["INBOX"].mails[number] = DoubleMail(mail, DATE)
        config = prepare_service(tmp_path, smtp_port=relay.settings().port, imap_port=imap.port)
        # Taken in first and without a relay, so that both letters wait when the daemon begins.
        with Service(prepare_without_relay(config), "once") as once:
            assert once.ends() == 3
        with Service(config, "run", "--no-console", now="2019-09-13T10:00:00+07:00") as daemon:
            daemon.until(replies.has_it.is_set, "a letter is under way")
            daemon.process.send_signal(signal.SIGTERM)
            daemon.until_said("stopping")
            replies.may_answer.set()
            assert daemon.ends() == 0
        assert len(relay.mails) == 1


def prepare_without_relay(config: Path) -> Path:
    """Return a copy of the configuration whose relay is not there."""
    text = config.read_text(encoding="utf-8")
    head, _, tail = text.partition("[smtp]")
    closed = head + "[smtp]" + tail.replace(tail.split("port = ")[1].split("\n")[0], "9", 1)
    other = config.with_name("no-relay.toml")
    other.write_text(closed, encoding="utf-8")
    return other


def test_a_second_daemon_is_refused_with_the_holders_name(tmp_path: Path) -> None:
    """Two daemons on one store would each believe to be alone: the second ends with 3 and says who is in charge."""
    config = prepare_service(tmp_path)
    with Service(config, "run", "--no-console") as first:
        first.until_said("started")
        for words in (("run", "--no-console"), ("once",)):
            with Service(config, *words) as second:
                assert second.ends() == 3
                assert f"process {first.process.pid} on {os.uname().nodename} is in charge" in second.said
                assert "Remedy" in second.said
                assert "Traceback" not in second.said
        assert first.stops() == 0
    # A holder that ended well has given it back.
    with Service(config, "once") as third:
        assert third.ends() == 0


def test_a_mailbox_that_hangs_stops_neither_the_folder_nor_itself_for_ever(tmp_path: Path) -> None:
    """The server takes the connection and says nothing: the folder's form is filed, the outage is on record, and when
    the server speaks again its mail is brought."""
    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.greeting = b""
        imap.folders["INBOX"].mails[1] = DoubleMail(a_mail(a_signed_form()), DATE)
        a_form_lies_in_config = prepare_service(
            tmp_path, smtp_port=relay.settings().port, imap_port=imap.port, look_timeout=2
        )
        a_form_lies_in(tmp_path)
        with Service(a_form_lies_in_config, "run", "--no-console") as daemon:
            daemon.until(lambda: daemon.states() == ["filed"], "the folder's form is filed")
            daemon.until_said("source_failed")
            ledger = open_ledger(load_settings(a_form_lies_in_config))
            assert [one.until for one in ledger.outages("mailbox")] == [None]
            imap.greeting = b"* OK double\r\n"
            imap.cut_all()
            daemon.until(lambda: daemon.states() == ["filed", "filed"], "the mail is brought")
            daemon.until(lambda: ledger.outages("mailbox")[0].until is not None, "the outage has ended")
            ledger.close()
            assert daemon.stops() == 0


def test_a_daemon_that_slept_goes_on_where_it_was(tmp_path: Path) -> None:
    """A machine that was suspended for longer than several looks makes up for them with one, and misses nothing."""
    with SmtpDouble() as relay:
        config = prepare_service(tmp_path, smtp_port=relay.settings().port)
        with Service(config, "run", "--no-console") as daemon:
            daemon.until_said("started")
            daemon.process.send_signal(signal.SIGSTOP)
            a_form_lies_in(tmp_path, "Sở Nội vụ")
            time.sleep(3)
            daemon.process.send_signal(signal.SIGCONT)
            daemon.until(lambda: len(daemon.states()) == 1 and daemon.states() != ["received"], "the form is taken in")
            daemon.until(lambda: len(relay.mails) + len(list((tmp_path / "outbox").iterdir())) == 1, "it is answered")
            assert daemon.stops() == 0
        assert "missed" not in daemon.said
