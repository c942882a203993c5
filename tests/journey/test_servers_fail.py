"""
Servers are stopped, slowed, cut and made to answer badly while the office works: the next passes come to the same end.

Each claim goes the whole way, with the real mailbox, relay, ledger and letters: every form filed once, answered once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from config.errors import OfficeError
from config.isolation import Workers
from config.settings import load_settings
from intake.courier import SmtpCourier
from intake.office import Office
from intake.once import run_once
from intake.sources.mailbox import Mailbox
from intake.wiring import open_ledger, open_office
from storage.audit import audit
from storage.ledger import Ledger
from storage.queries import LogFilter
from storage.records import LetterState, State
from storage.vault import Vault
from tests.faults.service import Service, prepare_service
from tests.faults.world import PASSWORD_VARIABLE
from tests.makers import IN_TIME
from tests.offices import a_mail, a_signed_form, prepare_folder
from tests.servers import imap_double
from tests.servers.dovecot import Dovecot, DovecotMissing
from tests.servers.imap_double import PASSWORD, Conversation, DoubleMail, ImapDouble
from tests.servers.postgres import Postgres, PostgresMissing
from tests.servers.smtp import HANG_UP, SILENCE, SmtpDouble

DATE = IN_TIME.strftime("%d-%b-%Y %H:%M:%S %z")

AGENCIES = {
    "snv": "Sở Nội vụ",
    "stc": "Sở Tài chính",
    "phuquy": "Ủy ban nhân dân huyện Phú Quý",
}

# A relay that put us off is asked again within a day; a mail that could not be had, sooner.
DAY = timedelta(days=1)


def three_mails() -> list[bytes]:
    """A signed form from each of three agencies, as mail servers keep them."""
    mails = [
        a_mail(a_signed_form(name), sender=f"{agency}@binhthuan.example", message_id=f"<{agency}@x>")
        for agency, name in AGENCIES.items()
    ]
    return [mail.replace(b"\n", b"\r\n") for mail in mails]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = IN_TIME.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now


OpenOffice = Callable[..., Office]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_it(tmp_path: Path, examiner: Workers, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenOffice]:
    """Open an office on given servers; `folder` apart, since several may stand on one ledger one after the other."""
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    opened: list[Office] = []

    def opener(mailbox: Mailbox, relay: SmtpDouble, *, database: str = "sqlite:///intake.db") -> Office:
        config = prepare_folder(tmp_path, database=database)
        office = open_office(load_settings(config))
        office.examiner.close()
        courier = SmtpCourier(relay.settings(), clock, final_reply_seconds=1)
        opened.append(replace(office, sources=(mailbox,), courier=courier, examiner=examiner, clock=clock))
        return opened[-1]

    yield opener
    for office in opened:
        for source in office.sources:
            source.close()
        office.ledger.close()


def claim_each_filed_and_answered_once(office: Office, relay: SmtpDouble) -> None:
    """Three forms filed in time, three letters, one to each; nothing lost, nothing twice, and the proof holds."""
    sums = office.queries.sums()
    assert (sums["filed"], sums["total"]) == (3, 3)
    report = audit(office.database, office.vault)
    assert report.findings == ()
    to = Counter(line for mail in relay.mails for line in mail.splitlines() if line.startswith(b"To:"))
    assert to == {f"To: {agency}@binhthuan.example".encode(): 1 for agency in AGENCIES}


BROKEN_OFF = ["cut_in_literal", "bye", "of_another", "rubbish", "silence"]
WRONG = ["refuse", "bad", "half", "nil", "empty", "nothing"]


@pytest.mark.parametrize("answer", BROKEN_OFF + WRONG)
def test_a_mail_server_that_answers_one_mail_badly_delays_only_that_mail(
    open_it: OpenOffice, clock: Clock, answer: str
) -> None:
    """Cut in the middle of a literal, BYE, NO, BAD, wrong sizes, silence: when it heals, each form is filed once."""
    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        imap.answers[2] = getattr(imap_double, answer)
        office = open_it(Mailbox(imap.settings(read_timeout_seconds=1)), relay)

        assert run_once(office).trouble
        assert office.queries.sums()["filed"] == 2
        imap.answers.clear()
        clock.now += DAY
        run_once(office)

        claim_each_filed_and_answered_once(office, relay)
        clock.now += DAY
        head = office.ledger.log_head()
        run_once(office)
        assert office.ledger.log_head() == head


def test_a_mail_server_that_is_restarted_between_two_mails_is_an_outage_and_no_more(
    open_it: OpenOffice, clock: Clock
) -> None:
    """All connections are cut while bodies are on their way, as often as we come back."""
    cuts = 0

    def cut_all(talk: Conversation, uid: int, mail: DoubleMail) -> None:
        nonlocal cuts
        cuts += 1
        talk.double.cut_all()
        raise ConnectionAbortedError

    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        imap.answers = dict.fromkeys((1, 2, 3), cut_all)
        office = open_it(Mailbox(imap.settings()), relay)
        assert run_once(office).trouble
        assert cuts
        imap.answers.clear()
        clock.now += DAY

        run_once(office)

        claim_each_filed_and_answered_once(office, relay)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    try:
        server = Dovecot()
    except DovecotMissing as missing:
        pytest.skip(str(missing))
    server.start()
    yield server
    server.remove()


@pytest.mark.dovecot
def test_dovecot_killed_renumbered_and_tidied_by_colleagues_loses_and_doubles_nothing(
    dovecot: Dovecot, open_it: OpenOffice, clock: Clock
) -> None:
    """Stopped before the third mail; restarted with a new UIDVALIDITY; a colleague moves and deletes what was read."""
    mails = three_mails()
    dovecot.fill(mails[:2], at=IN_TIME)
    with SmtpDouble() as relay:
        office = open_it(Mailbox(dovecot.settings(folders=("INBOX",))), relay)
        assert not run_once(office).trouble
        dovecot.stop()
        assert run_once(office).trouble
        dovecot.renumber()
        dovecot.start()
        dovecot.fill(mails[2:], at=IN_TIME)
        clock.now += DAY
        assert not run_once(office).trouble
        claim_each_filed_and_answered_once(office, relay)

        # Three files, one moved to another folder, one deleted, by somebody else.
        dovecot.make_folder("Da-doc")
        inbox = dovecot.home / "Maildir"
        files = [path for sub in ("cur", "new") for path in sorted((inbox / sub).iterdir())]
        files[0].rename(inbox / ".Da-doc" / "cur" / files[0].name)
        files[1].unlink()
        clock.now += DAY

        assert not run_once(office).trouble
        claim_each_filed_and_answered_once(office, relay)
        assert [one.until is None for one in office.ledger.outages("mailbox")] == [False]


@pytest.mark.parametrize(
    ("replies", "after"),
    [
        ({"connect": b"421 too busy"}, "sent"),
        ({"MAIL": b"451 later"}, "sent"),
        ({"RCPT": b"450 greylisted"}, "sent"),
        ({"DATA": b"452 no room"}, "sent"),
        ({"end": b"451 later"}, "sent"),
        ({"EHLO": HANG_UP}, "sent"),
        ({"DATA": SILENCE}, "sent"),
        ({"end": HANG_UP}, "in_doubt"),
        ({"end": SILENCE}, "in_doubt"),
        ({"RCPT": b"550 no such user"}, "failed"),
        ({"end": b"554 no"}, "failed"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value,
)
def test_a_relay_in_trouble_gets_each_letter_at_most_once_and_holds_up_no_filing(
    open_it: OpenOffice, clock: Clock, replies: dict[str, bytes], after: str
) -> None:
    """4xx and lost connections are tried again, 5xx and lost answers go to a person; the form is filed meanwhile."""
    with ImapDouble() as imap, SmtpDouble(replies=dict(replies)) as relay:
        imap.put(three_mails()[0])
        imap.folders["INBOX"].mails[1].date = DATE
        office = open_it(Mailbox(imap.settings()), relay)
        summary = run_once(office)
        assert office.queries.sums()["filed"] == 1
        assert summary.trouble is (after == "sent")
        relay.replies.clear()
        for _ in range(3):
            clock.now += DAY
            run_once(office)

        fate = {state: len(office.ledger.letters.in_state(state)) for state in LetterState}
        assert {state.value: count for state, count in fate.items() if count} == {after: 1}
        assert len(relay.mails) == (0 if after == "failed" else 1)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A server of this test's own that makes each commit last, since it is going to be stopped."""
    try:
        server = Postgres("synchronous_commit=on")
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    server.start()
    yield server
    server.close()


@pytest.mark.postgres
@pytest.mark.parametrize("at_once", [True, False], ids=["as a crash", "in order"])
def test_postgresql_restarted_in_the_middle_of_a_pass_costs_that_pass_and_nothing_else(
    postgres: Postgres, open_it: OpenOffice, clock: Clock, at_once: bool
) -> None:
    """The database goes away while the second mail is on its way: trouble in words, and the next pass goes on."""

    def restart(talk: Conversation, uid: int, mail: DoubleMail) -> None:
        postgres.stop(at_once=at_once)
        imap_double.well(talk, uid, mail)

    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        imap.answers[2] = restart
        office = open_it(Mailbox(imap.settings()), relay, database=postgres.url(postgres.make_database()))
        with pytest.raises(OfficeError, match="database cannot be used now") as trouble:
            run_once(office)
        assert "Check that the database runs" in trouble.value.remedy
        imap.answers.clear()
        postgres.start()
        clock.now += DAY

        run_once(office)

        claim_each_filed_and_answered_once(office, relay)


@pytest.mark.postgres
def test_a_judge_that_never_ends_costs_no_delivery_an_attempt(
    postgres: Postgres, open_it: OpenOffice, clock: Clock
) -> None:
    """Another machine holds the right to judge: trouble in words, nobody is at fault, and all is filed once it ends."""

    def be_impatient(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET lock_timeout = '300ms'")
        cursor.close()

    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        url = postgres.url(postgres.make_database())
        office = open_it(Mailbox(imap.settings()), relay, database=url)
        other = Ledger.open(url)
        event.listen(office.database.engine, "connect", be_impatient)
        office.database.engine.dispose()
        with other.judging(), pytest.raises(OfficeError, match="lock"):
            run_once(office)
        waiting = office.queries.deliveries(LogFilter(state=State.RECEIVED))
        assert [one.attempts for one in waiting] == [0, 0, 0]
        clock.now += DAY

        run_once(office)

        claim_each_filed_and_answered_once(office, relay)
        other.close()


@pytest.mark.postgres
def test_once_says_in_words_that_postgresql_went_away_and_ends_with_3(postgres: Postgres, tmp_path: Path) -> None:
    """The operator's view of the same: exit status 3, the remedy, no traceback; then 0 and every form filed."""

    def restart(talk: Conversation, uid: int, mail: DoubleMail) -> None:
        imap.answers.clear()  # The mail server itself is well: it ends its answer, and nobody waits for it.
        postgres.stop(at_once=True)
        imap_double.well(talk, uid, mail)

    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        imap.answers[2] = restart
        url = postgres.url(postgres.make_database())
        config = prepare_service(tmp_path, smtp_port=relay.settings().port, imap_port=imap.port, database=url)
        with Service(config, "once") as once:
            assert once.ends() == 3
            assert "Remedy: Check that the database runs" in once.said
            assert "Traceback" not in once.said
        imap.answers.clear()
        postgres.start()
        with Service(config, "once") as again:
            assert again.ends() == 0, again.said
            assert again.states() == ["filed"] * 3
        assert len(relay.mails) == 3


LOST_LEASE = "the lock of this daemon was lost with its connection"


def the_proof_holds(config: Path, *, filed: int) -> None:
    """The ledger's log, blobs and sums hold, and each delivery stands there once."""
    settings = load_settings(config)
    ledger = open_ledger(settings)
    report = audit(ledger.database, Vault.at(settings.vault.url))
    assert (report.findings, report.deliveries) == ((), filed)
    ledger.close()


@pytest.mark.postgres
@pytest.mark.parametrize("at_once", [True, False], ids=["as a crash", "in order"])
def test_a_daemon_whose_postgresql_was_restarted_ends_in_words_and_its_manager_starts_it_again(
    postgres: Postgres, tmp_path: Path, at_once: bool
) -> None:
    """Its lease died with the connection, so it ends with 3 and says so; the next start files and answers the rest."""

    def restart(talk: Conversation, uid: int, mail: DoubleMail) -> None:
        imap.answers.clear()
        postgres.stop(at_once=at_once)
        postgres.start()
        imap_double.well(talk, uid, mail)

    with ImapDouble() as imap, SmtpDouble() as relay:
        imap.put(*three_mails())
        for mail in imap.folders["INBOX"].mails.values():
            mail.date = DATE
        imap.answers[2] = restart
        url = postgres.url(postgres.make_database())
        config = prepare_service(tmp_path, smtp_port=relay.settings().port, imap_port=imap.port, database=url)
        with Service(config, "run", "--no-console") as daemon:
            assert daemon.ends() == 3
            assert LOST_LEASE in daemon.said
            assert "Remedy: The service stops and its manager starts it again" in daemon.said
            assert "Traceback" not in daemon.said
        with Service(config, "run", "--no-console") as again:
            # It may find nothing left to do; a signal that comes before it listens would only kill it.
            again.until_said("started")
            again.until(lambda: again.states() == ["filed"] * 3 and len(relay.mails) == 3, "all filed and answered")
            assert again.stops() == 0
        the_proof_holds(config, filed=3)
        to = Counter(line for mail in relay.mails for line in mail.splitlines() if line.startswith(b"To:"))
        assert to == {f"To: {agency}@binhthuan.example".encode(): 1 for agency in AGENCIES}


@pytest.mark.postgres
def test_a_letter_under_way_while_postgresql_goes_away_waits_for_a_person_and_never_leaves_twice(
    postgres: Postgres, tmp_path: Path
) -> None:
    """The relay has it and the ledger could not be told: at the next start it is in doubt."""
    replies = Stopping(postgres)
    with ImapDouble() as imap, SmtpDouble(replies=replies) as relay:
        imap.put(three_mails()[0])
        imap.folders["INBOX"].mails[1].date = DATE
        url = postgres.url(postgres.make_database())
        config = prepare_service(tmp_path, smtp_port=relay.settings().port, imap_port=imap.port, database=url)
        with Service(config, "run", "--no-console") as daemon:
            assert daemon.ends() == 3
            assert LOST_LEASE in daemon.said
            assert "Traceback" not in daemon.said
        postgres.start()
        with Service(config, "run", "--no-console", now="2019-09-13T10:00:00+07:00") as again:
            # It may find nothing left to do; a signal that comes before it listens would only kill it.
            again.until_said("started")
            again.until_said("letters_in_doubt")
            again.until_said("started")
            assert again.stops() == 0
        settings = load_settings(config)
        ledger = open_ledger(settings)
        assert len(ledger.letters.in_state(LetterState.IN_DOUBT)) == len(relay.mails) == 1
        ledger.close()
        the_proof_holds(config, filed=1)


class Stopping(dict[str, bytes]):
    """Replies of a relay during whose one answer to a whole mail the database goes away."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__()
        self._postgres = postgres

    def get(self, step: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        """Stop it before the answer to the end mark."""
        if step == "end":
            self._postgres.stop(at_once=True)
        return default
