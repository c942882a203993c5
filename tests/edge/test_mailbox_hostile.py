"""The mailbox against a server that lies, breaks off and falls silent."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from intake.ports import SourceError
from intake.sources import mailbox as mailbox_module
from intake.sources import mailbox_reader as reader_module
from intake.sources.mailbox import Mailbox
from tests.makers_sources import NOW, PlainMemory, Sink, delivery_of, take
from tests.servers import imap_double
from tests.servers.imap_double import PASSWORD, DoubleFolder, DoubleMail, ImapDouble

MAILS = [b"Subject: %d\r\n\r\n" % number + b"x" * 3000 + b"\r\n" for number in range(1, 6)]


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


ITEM_FAULTS = ["nil", "empty", "nothing", "half", "refuse", "bad"]
BREAKS = ["cut_in_literal", "bye", "of_another", "endless", "rubbish", "twice", "silence"]
LAWFUL = ["well", "uid_last", "quoted_string"]


@pytest.mark.parametrize("fault", ITEM_FAULTS + BREAKS)
def test_a_mail_that_cannot_be_had_does_not_keep_the_next_from_being_brought(
    server: ImapDouble, box: Mailbox, fault: str
) -> None:
    """Whatever the server does about one mail, the others are brought, and the one is asked for again."""
    server.put(*MAILS)
    server.answers[2] = getattr(imap_double, fault)
    memory = PlainMemory()
    first = take(box, memory)
    brought = {arrival.source_key for arrival in first.arrivals}
    expected = {f"INBOX/1000/{uid}" for uid in (1, 3, 4, 5)}
    assert brought >= expected
    if fault != "twice":  # The first of two equal bodies may be taken; the second ends the conversation.
        assert brought == expected
        assert set(first.failed) == {"INBOX/1000/2"}
    server.answers.clear()
    second = take(box, memory)
    assert {arrival.source_key for arrival in (*first.arrivals, *second.arrivals)} == expected | {"INBOX/1000/2"}
    assert len(first.arrivals) + len(second.arrivals) == 5


@pytest.mark.parametrize("way", LAWFUL)
def test_a_body_is_taken_in_each_form_that_the_standard_allows(server: ImapDouble, box: Mailbox, way: str) -> None:
    """The UID may stand behind the body, and a short body may be a quoted string (RFC 9051, section 9)."""
    body = rb'Subject: "quoted" and \ back' if way == "quoted_string" else MAILS[0]
    server.put(body, *MAILS[1:3])
    server.answers[1] = getattr(imap_double, way)
    taken = take(box, PlainMemory())
    assert (taken.failed, taken.error) == ({}, None)
    assert sorted(taken.bodies) == sorted([body, *MAILS[1:3]])


def test_bodies_out_of_their_order_are_told_by_their_uid(server: ImapDouble, box: Mailbox) -> None:
    """A server may answer commands in another order; Dovecot does."""
    server.put(*MAILS)
    server.answers = dict.fromkeys((2, 4), imap_double.after_the_next)
    taken = take(box, PlainMemory())
    assert [arrival.source_key[-1] for arrival in taken.arrivals] == list("13254")
    assert [body[:10] for body in taken.bodies] == [b"Subject: %d" % uid for uid in (1, 3, 2, 5, 4)]


def test_a_crash_while_bodies_come_out_of_order_loses_none(
    server: ImapDouble, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor stands behind a mail whose predecessor is still on its way: that one is a hole until it is there."""
    monkeypatch.setattr(mailbox_module, "ROWS_BETWEEN_CURSORS", 1)
    server.put(*MAILS)
    server.answers[2] = imap_double.after_the_next
    memory = PlainMemory()
    for waiting in box.waiting(memory, NOW):
        if waiting.key.endswith("/2"):
            break
        sink = Sink()
        waiting.fetch(sink)
        memory.keys.add(waiting.key)
        box.settle(delivery_of(waiting.arrival(sink.stored(), NOW)))
    server.answers.clear()
    later = Mailbox(server.settings())
    keys = {arrival.source_key[-1] for arrival in take(later, memory).arrivals}
    later.close()
    assert keys == {"2", "4", "5"}


def test_a_caller_may_record_many_mails_in_one_transaction(server: ImapDouble, box: Mailbox) -> None:
    """What it has not recorded when it crashes is brought again, however far it had read."""
    server.put(*(b"Subject: %d\r\n\r\n" % number for number in range(300)))
    memory = PlainMemory()
    batch: list[str] = []
    for waiting in box.waiting(memory, NOW):
        waiting.fetch(Sink())
        batch.append(waiting.key)
        if len(batch) == 40:
            memory.keys.update(batch)
            batch.clear()
    assert len(batch) == 20
    taken = take(box, memory)
    assert {arrival.source_key for arrival in taken.arrivals} == set(batch)
    assert take(box, memory).arrivals == []


def test_a_short_body_is_believed_after_three_equal_answers(server: ImapDouble, box: Mailbox) -> None:
    """A server that only estimates RFC822.SIZE must not keep a mail from us for ever; the clerk is told."""
    server.put(MAILS[0])
    server.folders["INBOX"].mails[1].claimed = len(MAILS[0]) + 100
    memory = PlainMemory()
    assert [len(take(box, memory).arrivals) for _ in range(2)] == [0, 0]
    taken = take(box, memory)
    assert taken.bodies == [MAILS[0]]
    assert [why.code for why in taken.arrivals[0].reasons] == ["SIZE_DISAGREES"]


def test_a_mail_that_never_comes_is_brought_to_a_persons_attention(server: ImapDouble, box: Mailbox) -> None:
    """It is asked for at later looks for ever, less often, and the remark names it."""
    server.put(MAILS[0])
    server.answers[1] = imap_double.nil
    memory = PlainMemory()
    for number in range(12):
        take(box, memory, NOW + timedelta(minutes=number))
    asked = sum(b"BODY.PEEK" in command for command in server.commands)
    assert 5 <= asked < 12
    take(box, memory, NOW + timedelta(days=1))
    assert [why.code for why in box.remarks] == ["MAIL_NOT_OBTAINED"]
    server.answers.clear()
    assert take(box, memory, NOW + timedelta(days=2)).bodies == [MAILS[0]]


def test_a_mail_that_others_removed_before_it_was_had_is_told(server: ImapDouble, box: Mailbox) -> None:
    """Other people work in the same mailbox; what was seen and is gone must not vanish in silence."""
    server.put(MAILS[0], MAILS[1])
    server.answers[1] = imap_double.nil
    memory = PlainMemory()
    take(box, memory)
    del server.folders["INBOX"].mails[1]
    taken = take(box, memory)
    assert (taken.arrivals, taken.failed) == ([], {})
    assert [why.code for why in box.remarks] == ["MAIL_GONE"]
    take(box, memory)
    assert box.remarks == ()


def test_a_new_uidvalidity_brings_everything_again_under_new_keys(server: ImapDouble, box: Mailbox) -> None:
    """The ledger recognises content by its digest; every mail says that the mailbox was renumbered."""
    server.put(*MAILS)
    memory = PlainMemory()
    assert len(take(box, memory).arrivals) == 5
    server.folders["INBOX"].uid_validity = 2000
    box.close()
    taken = take(box, memory)
    assert [arrival.source_key for arrival in taken.arrivals] == [f"INBOX/2000/{uid}" for uid in range(1, 6)]
    assert {why.code for arrival in taken.arrivals for why in arrival.reasons} == {"MAILBOX_RENUMBERED"}
    assert [why.code for why in box.remarks] == ["MAILBOX_RENUMBERED"]
    server.put(b"Subject: new\r\n\r\n")
    assert [arrival.reasons for arrival in take(box, memory).arrivals] == [()]


def test_a_folder_that_is_renumbered_while_it_is_read_mixes_no_keys(server: ImapDouble, box: Mailbox) -> None:
    """The conversation breaks, the new one shows another UIDVALIDITY: the look ends, and the next begins anew."""
    server.put(*MAILS)
    memory = PlainMemory()

    def renumbers_and_cuts(talk: imap_double.Conversation, uid: int, mail: DoubleMail) -> None:
        server.answers.clear()
        server.folders["INBOX"].uid_validity = 2000
        imap_double.bye(talk, uid, mail)

    server.answers[3] = renumbers_and_cuts
    first = take(box, memory)
    assert first.error is not None
    assert {arrival.source_key for arrival in first.arrivals} <= {"INBOX/1000/1", "INBOX/1000/2"}
    second = take(box, memory)
    assert [arrival.source_key for arrival in second.arrivals] == [f"INBOX/2000/{uid}" for uid in range(1, 6)]


def test_a_mail_under_a_reused_uid_is_not_taken_for_the_old_one(server: ImapDouble, box: Mailbox) -> None:
    """A mailbox restored from a copy goes on with the same UIDVALIDITY; its new mail bears numbers that we know."""
    server.put(*MAILS)
    memory = PlainMemory()
    take(box, memory)
    box.close()
    del server.folders["INBOX"].mails[5]
    new = b"Subject: came after the restore\r\n\r\n"
    server.folders["INBOX"].mails[5] = DoubleMail(new, date="12-Sep-2019 08:00:00 +0700")
    taken = take(box, memory)
    assert new in taken.bodies
    assert {arrival.source_key.rsplit("/", 1)[0] for arrival in taken.arrivals} == {"INBOX/1000.1"}


def test_a_uidnext_that_went_back_starts_a_new_era(server: ImapDouble, box: Mailbox) -> None:
    """The restored copy may not yet have reached the number that we know."""
    server.put(*MAILS)
    memory = PlainMemory()
    take(box, memory)
    box.close()
    for uid in (4, 5):
        del server.folders["INBOX"].mails[uid]
    assert len(take(box, memory).arrivals) == 3
    server.put(b"Subject: new\r\n\r\n")
    assert [arrival.source_key for arrival in take(box, memory).arrivals] == ["INBOX/1000.1/4"]


def test_a_listing_with_a_gap_moves_no_cursor(server: ImapDouble, box: Mailbox) -> None:
    """A row that the server forgot to send must be there at the next look, not behind us."""
    server.put(*MAILS)

    def forgets_the_third(talk: imap_double.Conversation, wanted: bytes, uids: list[int]) -> bool:
        for uid in uids:
            if uid != 3:
                talk.row(uid)
        talk.ok()
        return True

    server.listing = forgets_the_third
    memory = PlainMemory()
    assert len(take(box, memory).arrivals) == 4
    server.listing = None
    assert [arrival.source_key for arrival in take(box, memory).arrivals] == ["INBOX/1000/3"]


def test_a_listing_that_is_refused_is_trouble_with_the_source(server: ImapDouble, box: Mailbox) -> None:
    """An empty mailbox and one that cannot be listed are two things."""
    server.put(*MAILS)

    def refuses(talk: imap_double.Conversation, wanted: bytes, uids: list[int]) -> bool:
        talk.say(talk.tag + b" NO [INUSE] come back\r\n")
        return True

    server.listing = refuses
    taken = take(box, PlainMemory())
    assert taken.error is not None
    assert "could not be listed" in str(taken.error)


def test_a_listing_that_holds_a_giant_is_not_read_to_its_end(server: ImapDouble, box: Mailbox) -> None:
    """Where only numbers are asked for, nothing of a gigabyte can be meant."""
    server.put(*MAILS)

    def drowns(talk: imap_double.Conversation, wanted: bytes, uids: list[int]) -> bool:
        talk.say(b"* 1 FETCH (UID 1 FLAGS {1000000000}\r\n")
        return True

    server.listing = drowns
    taken = take(box, PlainMemory())
    assert taken.error is not None
    assert "1000000000" in str(taken.error)


def test_new_mail_in_a_long_conversation_is_no_renumbering(server: ImapDouble, box: Mailbox) -> None:
    """What the server said of UIDNEXT when the folder was opened is overtaken by what came since."""
    memory = PlainMemory()
    for mail in MAILS:
        server.put(mail)
        assert take(box, memory).bodies == [mail]
        assert box.remarks == ()
    assert sum(b"EXAMINE" in command for command in server.commands) == 1


def test_a_folder_without_uidvalidity_is_refused(server: ImapDouble, box: Mailbox) -> None:
    """Its numbers mean nothing tomorrow, so nothing could be told apart for ever."""
    server.put(*MAILS)
    server.folders["INBOX"].uid_validity = 0
    taken = take(box, PlainMemory())
    assert taken.error is not None
    assert taken.arrivals == []


def test_one_folder_in_trouble_does_not_hide_the_other(server: ImapDouble) -> None:
    """Junk is read even while INBOX cannot be, and the trouble is still told."""
    server.folders["INBOX"].uid_validity = 0
    server.put(MAILS[0], folder="Junk")
    box = Mailbox(server.settings(folders=("INBOX", "Junk", "Không có")))
    taken = take(box, PlainMemory())
    box.close()
    assert [arrival.source_key for arrival in taken.arrivals] == ["Junk/1000/1"]
    assert taken.error is not None
    assert [why.code for why in box.remarks] == ["MAIL_FOLDER_MISSING"]


def test_a_mail_from_junk_says_so(server: ImapDouble) -> None:
    """Wanted mail vanishes between a spam filter and a system that watches only INBOX (intake lessons, 42)."""
    for folder in ("INBOX", "Junk", "INBOX.Spam"):
        server.put(MAILS[0], folder=folder)
    box = Mailbox(server.settings(folders=("INBOX", "Junk", "INBOX.Spam")))
    arrivals = take(box, PlainMemory()).arrivals
    box.close()
    assert [[why.code for why in arrival.reasons] for arrival in arrivals] == [[], ["FOUND_IN_JUNK"], ["FOUND_IN_JUNK"]]


@pytest.mark.parametrize("extended", [b"", b" LIST-EXTENDED"])
def test_junk_is_known_by_the_servers_own_mark_whatever_its_name(server: ImapDouble, extended: bytes) -> None:
    """RFC 6154: a filter's folder may be called anything; one that is not watched is told at each look."""
    server.capabilities += b" SPECIAL-USE" + extended
    server.special_use = {"INBOX": b"\\HasNoChildren", "Loc": b"\\Junk \\HasNoChildren", "Other": b"\\JUNK"}
    for folder in ("INBOX", "Loc"):
        server.put(MAILS[0], folder=folder)
    box = Mailbox(server.settings(folders=("INBOX", "Loc")))
    memory = PlainMemory()

    arrivals = take(box, memory).arrivals

    assert [[why.code for why in arrival.reasons] for arrival in arrivals] == [[], ["FOUND_IN_JUNK"]]
    for _ in range(2):
        assert [(why.code, why.detail) for why in box.remarks] == [("JUNK_NOT_WATCHED", "Other")]
        take(box, memory)
    box.close()


def test_a_mail_without_internaldate_keeps_the_interval(server: ImapDouble, box: Mailbox) -> None:
    """Without the server's word only the two looks around its arrival are known."""
    memory = PlainMemory()
    take(box, memory, NOW)
    server.folders["INBOX"].mails[1] = DoubleMail(MAILS[0], date="")
    later = NOW + timedelta(minutes=1)
    [arrival] = take(box, memory, later).arrivals
    assert (arrival.received_at_earliest, arrival.received_at, arrival.received_by) == (NOW, later, "listing-interval")
    assert [why.code for why in arrival.reasons] == ["INTERNALDATE_MISSING"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (" 1-Sep-2019 00:30:00 +0700", datetime(2019, 8, 31, 17, 30, tzinfo=UTC)),
        ("14-sep-2019 23:59:59 -0330", datetime(2019, 9, 15, 3, 29, 59, tzinfo=UTC)),
        ("30-Jun-2019 23:59:60 +0000", datetime(2019, 6, 30, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_moment_that_counts_is_the_servers_own_in_utc(
    server: ImapDouble, box: Mailbox, text: str, moment: datetime
) -> None:
    """INTERNALDATE with its zone, never the Date header (RFC 9051, 2.3.3)."""
    server.folders["INBOX"].mails[1] = DoubleMail(b"Date: Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\n", date=text)
    [arrival] = take(box, PlainMemory()).arrivals
    assert (arrival.received_at, arrival.received_by) == (moment, "imap-internaldate")


def test_a_mail_that_is_too_large_is_recorded_by_its_headers(
    server: ImapDouble, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the mailbox, its moment is kept, and a person is asked."""
    monkeypatch.setattr(reader_module, "LARGEST_MAIL_OCTETS", 2000)
    server.put(MAILS[0])
    [arrival], bodies = (taken := take(box, PlainMemory())).arrivals, taken.bodies
    assert bodies == [b"Subject: 1\r\n\r\n"]
    assert [why.code for why in arrival.reasons] == ["OVERSIZE"]


def test_a_body_larger_than_its_listing_said_is_recorded_by_its_headers_next_time(
    server: ImapDouble, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that understates a size cannot fill the disk, nor hide the mail."""
    monkeypatch.setattr(reader_module, "LARGEST_MAIL_OCTETS", 2000)
    server.put(MAILS[0], b"Subject: small\r\n\r\n")
    server.folders["INBOX"].mails[1].claimed = 10
    memory = PlainMemory()
    assert take(box, memory).bodies == [b"Subject: small\r\n\r\n"]
    taken = take(box, memory)
    assert taken.bodies == [b"Subject: 1\r\n\r\n"]
    assert [why.code for why in taken.arrivals[0].reasons] == ["OVERSIZE"]


def test_nothing_is_changed_at_the_server(server: ImapDouble, box: Mailbox) -> None:
    """With `leave`, every command only looks: EXAMINE, never SELECT, and bodies with PEEK."""
    server.put(*MAILS)
    take(box, PlainMemory())
    box.close()
    names = {command.split()[1].upper() for command in server.commands if len(command.split()) > 1}
    assert names <= {b"CAPABILITY", b"AUTHENTICATE", b"LOGIN", b"EXAMINE", b"NOOP", b"UID", b"LOGOUT"}
    assert not [command for command in server.commands if b"BODY[" in command.upper() or b"STORE" in command.upper()]


def test_a_second_look_asks_for_no_body_and_writes_no_cursor(server: ImapDouble, box: Mailbox) -> None:
    """An unchanged mailbox costs two short commands."""
    server.put(*MAILS)
    memory = PlainMemory()
    take(box, memory)
    said, writes = len(server.commands), memory.writes
    assert take(box, memory).arrivals == []
    new = [command.split(b" ", 1)[1] for command in server.commands[said:]]
    assert new == [b"NOOP", b"UID FETCH 5:* (UID RFC822.SIZE INTERNALDATE)"]
    assert memory.writes == writes


def test_a_lost_memory_costs_only_time(server: ImapDouble, box: Mailbox) -> None:
    """The ledger's keys are the truth: without a cursor everything is listed, and nothing is brought twice."""
    server.put(*MAILS)
    memory = PlainMemory()
    take(box, memory)
    memory.texts.clear()
    assert take(box, memory).arrivals == []
    memory.texts = {"cursor/INBOX": "{broken"}
    assert take(box, memory).arrivals == []


@pytest.mark.parametrize("unknown", [{1}, {40}, {100}, {17, 18, 99}, set(range(1, 101, 7)), set()])
def test_new_mails_among_many_known_ones_are_all_brought_in_one_look(
    server: ImapDouble, box: Mailbox, unknown: set[int]
) -> None:
    """A cursor that was lost, or a ledger that is ahead of it: no run of known mails hides what stands behind it."""
    server.put(*(b"Subject: %d\r\n\r\n" % number for number in range(100)))
    memory = PlainMemory(keys={f"INBOX/1000/{uid}" for uid in range(1, 101) if uid not in unknown})
    taken = take(box, memory)
    assert {arrival.source_key for arrival in taken.arrivals} == {f"INBOX/1000/{uid}" for uid in unknown}
    said = len(server.commands)
    assert take(box, memory).arrivals == []
    assert server.commands[said:][-1].endswith(b"UID FETCH 100:* (UID RFC822.SIZE INTERNALDATE)")


def test_what_the_ledger_did_not_record_is_brought_again(server: ImapDouble, box: Mailbox) -> None:
    """A crash between two mails, or a ledger that refused one: the cursor does not pass it."""
    server.put(*MAILS)
    memory = PlainMemory()
    for waiting in box.waiting(memory, NOW):
        waiting.fetch(Sink())
        if not waiting.key.endswith("/3"):
            memory.keys.add(waiting.key)
    assert [arrival.source_key for arrival in take(box, memory).arrivals] == ["INBOX/1000/3"]


def test_a_look_that_is_abandoned_leaves_nothing_behind(server: ImapDouble, box: Mailbox) -> None:
    """The caller may stop after any mail, as it does when the disk is full; the next look brings the rest."""
    server.put(*MAILS)
    memory = PlainMemory()
    for waiting in box.waiting(memory, NOW):
        waiting.fetch(Sink())
        memory.keys.add(waiting.key)
        break
    assert len(take(box, memory).arrivals) == 4


def test_items_that_are_not_fetched_cost_no_body(server: ImapDouble, box: Mailbox) -> None:
    """A doctor that only looks whether something waits draws no mail over the line."""
    server.put(*MAILS)
    keys = [waiting.key for waiting in box.waiting(PlainMemory(), NOW)]
    assert len(keys) == 5
    assert not [command for command in server.commands if b"BODY" in command]


def test_close_from_another_thread_ends_a_look_that_hangs(server: ImapDouble) -> None:
    """A look that waits for a silent server is ended at once, not after its timeout."""
    server.put(*MAILS)
    server.answers[1] = imap_double.silence
    box = Mailbox(server.settings(read_timeout_seconds=60))
    waiting = next(iter(looking := box.waiting(PlainMemory(), NOW)))
    threading.Timer(0.3, box.close).start()
    begun = time.monotonic()
    with pytest.raises(SourceError):
        waiting.fetch(Sink())
    with pytest.raises(SourceError):
        list(looking)
    assert time.monotonic() - begun < 30
    server.answers.clear()
    assert len(take(box, PlainMemory()).arrivals) == 5
    box.close()


def test_a_look_that_takes_too_long_is_cut_off(server: ImapDouble) -> None:
    """`look_timeout_seconds` ends it from outside, and the next look begins a new conversation."""
    server.put(*MAILS)
    server.answers[1] = imap_double.silence
    box = Mailbox(server.settings(read_timeout_seconds=60, look_timeout_seconds=1))
    memory = PlainMemory()
    taken = take(box, memory)
    assert "INBOX/1000/1" in taken.failed
    assert taken.error is not None
    assert taken.error.code == "MAIL_LOOK_TOO_LONG"
    server.answers.clear()
    taken = take(box, memory)
    box.close()
    assert len(memory.keys) == 5


def test_a_server_that_is_restarted_between_looks_is_reached_again(server: ImapDouble, box: Mailbox) -> None:
    """The next look opens a new conversation, though the old one died without a word."""
    server.put(*MAILS)
    memory = PlainMemory()
    take(box, memory)
    server.cut_all()
    server.put(b"Subject: new\r\n\r\n")
    looks = [take(box, memory) for _ in range(2)]
    assert sum(len(look.arrivals) for look in looks) == 1


@pytest.mark.parametrize(
    "greeting",
    [b"* BYE too busy\r\n", b"* NO\r\n", b"220 smtp\r\n", b"* OK {99999999999999}\r\n", b"\x16\x03\x01\x00", b"\r\n"],
)
def test_a_greeting_that_is_none_is_trouble_with_a_remedy(server: ImapDouble, greeting: bytes) -> None:
    """No traceback and no hang, whatever answers on that port."""
    server.greeting = greeting
    box = Mailbox(server.settings(connect_timeout_seconds=1))
    taken = take(box, PlainMemory())
    assert taken.error is not None
    assert taken.error.remedy


def test_the_password_stands_in_no_message_and_no_log(
    server: ImapDouble, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server may repeat what it was told; neither the password nor its base64 reaches an operator's eyes or logs."""
    caplog.set_level(logging.DEBUG)
    token = base64.b64encode(f"\0stttt\0{PASSWORD}".encode())
    server.login = b"TAG NO [AUTHENTICATIONFAILED] no such user " + PASSWORD.encode() + b" " + token + b"\r\n"
    taken = take(Mailbox(server.settings()), PlainMemory())
    assert taken.error is not None
    said = f"{taken.error} {taken.error.remedy} {caplog.text} {capfd.readouterr()} {taken.error.__cause__!r}"
    for secret in (PASSWORD, token.decode(), base64.b64encode(PASSWORD.encode()).decode()):
        assert secret not in said


def test_clear_text_is_refused_beyond_this_machine(server: ImapDouble) -> None:
    """No password leaves in clear, even if the settings were loaded without their check."""
    taken = take(Mailbox(server.settings(host="mail.example")), PlainMemory())
    assert taken.error is not None
    assert "only for this machine" in str(taken.error)


def test_starttls_that_is_not_offered_or_skipped_ends_the_conversation(server: ImapDouble) -> None:
    """A greeting of PREAUTH would keep it unprotected (RFC 9051, 11.6)."""
    for greeting in (b"* OK double\r\n", b"* PREAUTH welcome\r\n"):
        server.greeting = greeting
        server.commands.clear()
        taken = take(Mailbox(server.settings(tls="starttls")), PlainMemory())
        assert taken.error is not None
        assert not [command for command in server.commands if b"LOGIN" in command or b"AUTHENTICATE" in command]


def test_a_keyword_is_set_where_the_server_allows_it(server: ImapDouble) -> None:
    """`settle = "keyword"` marks each mail once the ledger has it."""
    server.put(*MAILS[:2])
    box = Mailbox(server.settings(settle="keyword"))
    take(box, PlainMemory())
    box.close()
    assert server.flags == {1: {b"PhieuIntake"}, 2: {b"PhieuIntake"}}


def test_a_keyword_that_is_not_allowed_is_a_remark(server: ImapDouble) -> None:
    """Taking in goes on; the mailbox stays as it is."""
    server.put(*MAILS[:2])
    server.permanent_flags = b"\\Seen"
    box = Mailbox(server.settings(settle="keyword"))
    assert len(take(box, PlainMemory()).arrivals) == 2
    assert [why.code for why in box.remarks] == ["SETTLE_NOT_POSSIBLE"]
    box.close()
    assert server.flags == {}


def test_move_is_used_only_where_the_server_offers_it(server: ImapDouble) -> None:
    """It is never emulated by COPY and EXPUNGE (intake lessons, 8)."""
    server.put(*MAILS[:2])
    box = Mailbox(server.settings(settle="move"))
    take(box, PlainMemory())
    assert [why.code for why in box.remarks] == ["SETTLE_NOT_POSSIBLE"]
    box.close()
    assert len(server.folders["INBOX"].mails) == 2
    assert not [command for command in server.commands if b"COPY" in command or b"EXPUNGE" in command]


def test_move_makes_its_folder_and_moves_what_the_ledger_has(server: ImapDouble) -> None:
    """Each mail leaves INBOX once it is recorded, and nothing is brought twice."""
    server.put(*MAILS)
    server.capabilities += b" MOVE"
    box = Mailbox(server.settings(settle="move"))
    memory = PlainMemory()
    assert len(take(box, memory).arrivals) == 5
    assert take(box, memory).arrivals == []
    box.close()
    assert server.folders["INBOX"].mails == {}
    assert sorted(mail.body for mail in server.folders["PhieuIntake"].mails.values()) == sorted(MAILS)


def test_what_was_not_settled_before_a_crash_is_settled_by_the_next_look(server: ImapDouble) -> None:
    """The ledger has it, so the source is told later; it is not brought again."""
    server.put(*MAILS[:3])
    server.capabilities += b" MOVE"
    memory = PlainMemory()
    before = Mailbox(server.settings(settle="move"))
    assert len(take(before, memory, settle=False).arrivals) == 3
    before.close()
    assert len(server.folders["INBOX"].mails) == 3
    after = Mailbox(server.settings(settle="move"))
    assert take(after, memory).arrivals == []
    after.close()
    assert server.folders["INBOX"].mails == {}


def test_a_mail_taken_by_its_headers_is_not_moved(server: ImapDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of it is only in the mailbox, so it stays where a person finds it."""
    monkeypatch.setattr(reader_module, "LARGEST_MAIL_OCTETS", 2000)
    server.put(MAILS[0])
    server.capabilities += b" MOVE"
    box = Mailbox(server.settings(settle="move"))
    memory = PlainMemory()
    take(box, memory)
    take(box, memory)
    box.close()
    assert list(server.folders["INBOX"].mails) == [1]


def test_settling_an_old_era_touches_no_new_mail(server: ImapDouble) -> None:
    """After a restore the same UID is another mail: a late word about the old one moves nothing."""
    server.put(*MAILS[:1])
    server.capabilities += b" MOVE"
    box = Mailbox(server.settings(settle="move"))
    memory = PlainMemory()
    [old] = take(box, memory, settle=False).arrivals
    box.close()
    server.folders["INBOX"] = DoubleFolder(
        1000, {1: DoubleMail(b"Subject: another\r\n\r\n", "11-Sep-2019 00:00:00 +0000")}
    )
    take(box, memory, settle=False)
    box.settle(delivery_of(old))
    box.close()
    assert list(server.folders["INBOX"].mails) == [1]
