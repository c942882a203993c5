"""
How a delivery becomes a filed form, read from top to bottom: receive, take in, acknowledge.

The first page for a newcomer. Every step can be repeated: what is in the ledger is done, what is not is still where it
was. Judging (intake/steps/) never changes anything; filing (storage/) never judges; this page calls the one, then the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from config.errors import OfficeError
from config.isolation import MiB, TaskFailed
from intake.filing import (
    history_of,
    letter_about,
    letter_about_shelved,
    outcome_of,
    sender_and_signers,
    shelved_outcome,
)
from intake.line import Begun, Line, Malware
from intake.office import Office, Rulebook
from intake.ports import CarryResult, Courier, Source, SourceError
from intake.rejudging import ask_recalls_again, judge_again, take_earlier_moments
from intake.steps.decide import decide
from intake.steps.examined import Examination
from intake.steps.recall import operation_of
from intake.steps.standing import standing_rule
from intake.steps.timeliness import Timing, judge, judge_delivery
from intake.steps.unread_sender import HEAD_BYTES, sender_of_unread
from storage.disk import least_free
from storage.ledger import Rejudged
from storage.letters import CAP_PER_DAY
from storage.records import Arrival, Channel, Delivery, Letter, LetterState, State, Why
from storage.vault import VaultBatch, VaultError

log = structlog.get_logger()

# A letter that was refused for now is tried again after so long, doubling up to a day (RFC 5321, 4.5.4.1 asks for at
# least half an hour between tries and four to five days in all).
FIRST_RETRY = timedelta(minutes=30)
LONGEST_RETRY = timedelta(days=1)
GIVE_UP_AFTER = timedelta(days=5)
# The states in which a letter is to be carried: by itself, and because a clerk said so.
DUE = (LetterState.QUEUED, LetterState.APPROVED)

# So many mails, or so many bytes of them, become durable together: enough that the disk is waited for rarely, few
# enough that a broken connection costs little to fetch again.
MAILS_TOGETHER = 64
BYTES_TOGETHER = 32 * MiB

# Examining pauses below this share of the disk's floor, receiving below the whole.
EXAMINING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a source came to: how many new deliveries, and the trouble if the look failed."""

    source: str
    received: int
    error: OfficeError | None = None


# 1. Receive ----------------------------------------------------------------------------------------------------------


def receive(office: Office, source: Source) -> Looked:
    """
    Take what waits at `source`: bytes into the vault (synced), a row in the ledger, commit; only then tell the source.

    One item that cannot be had now is left for the next look and does not stop the others. A source that cannot be
    seen is recorded as an outage with its remedy, and the next look tries again.
    """
    received = 0
    failed_items: list[SourceError] = []
    now = office.clock()
    try:
        check_disk(office)
        with office.vault.batch() as batch:
            arrivals: list[Arrival] = []
            trouble: SourceError | None = None
            try:
                for waiting in source.waiting(office.ledger.memory(source.name), now):
                    try:
                        with batch.writing() as writer:
                            waiting.fetch(writer)
                            stored = writer.commit()
                    except SourceError as error:
                        failed_items.append(error)
                        log.warning("not_received", source=source.name, key=waiting.key, why=str(error))
                        continue
                    arrivals.append(waiting.arrival(stored, office.clock()))
                    if _is_full(arrivals):
                        received += _record(office, source, batch, arrivals)
                        check_disk(office)
            except SourceError as error:
                trouble = error
            # What was fetched before the source broke off is recorded all the same.
            received += _record(office, source, batch, arrivals)
            if trouble is not None:
                raise trouble
    except OfficeError as error:
        office.ledger.source_failed(source.name, office.clock(), error.kept, error.remedy)
        log.warning("source_failed", source=source.name, why=str(error), remedy=error.remedy)
        source.close()
        return Looked(source.name, received, error)
    for remark in source.remarks:
        log.info("remark", source=source.name, code=remark.code, about=remark.detail)
        if remark.code == "MAIL_GONE":
            # It was shown and is nowhere: the sums of the audit must say so after this look, too.
            gone = {"source": source.name, "about": remark.detail}
            office.ledger.note("item_gone", gone, actor="machine", at=office.clock())
    postponed = max(len(failed_items), source.postponed)
    counts = {"received": received, "postponed": postponed, "remarks": len(source.remarks)}
    office.ledger.source_ok(source.name, office.clock(), counts)
    try:
        take_earlier_moments(office, office.rules.book().file.campaign)
    except OfficeError as error:
        # The look itself was good, and the next one does this again.
        log.warning("earlier_moments_wait", source=source.name, why=str(error), remedy=error.remedy)
    return Looked(source.name, received, failed_items[0] if failed_items else None)


def _is_full(arrivals: list[Arrival]) -> bool:
    """
    Whether the fetched items should be recorded now.

    Several mails wait for the disk together, since a drain of thousands would wait for it thousands of times. A folder
    item is recorded at once: its listing speaks of what the ledger has.
    """
    alone = arrivals[-1].channel is not Channel.MAIL
    return alone or len(arrivals) >= MAILS_TOGETHER or sum(one.size for one in arrivals) >= BYTES_TOGETHER


def _record(office: Office, source: Source, batch: VaultBatch, arrivals: list[Arrival]) -> int:
    """Make the fetched bytes durable, record their deliveries in one transaction, tell the source; empties the list."""
    if not arrivals:
        return 0
    batch.commit()
    mail = arrivals[0].channel is Channel.MAIL
    deliveries = office.ledger.receive_many(arrivals, same_bytes_is_same=mail)
    for arrival, delivery in zip(arrivals, deliveries, strict=True):
        log.info("received", source=source.name, key=arrival.source_key, delivery=delivery.id)
        _settle(source, delivery)
    count = len(arrivals)
    arrivals.clear()
    return count


def _settle(source: Source, delivery: Delivery) -> None:
    """Tell the source; if it does not listen, the ledger has the delivery all the same, and a later look tells it."""
    try:
        source.settle(delivery)
    except SourceError as error:
        log.warning("not_settled", source=source.name, delivery=delivery.id, why=str(error))


def check_disk(office: Office, *, share: float = 1.0) -> None:
    """
    Raise OfficeError when less than this share of the floor is free: a paused intake loses nothing, a full disk does.

    Vault and database may stand on two disks; the one with less room counts.
    """
    free = least_free(office.vault.free_bytes(), office.database.free_bytes())
    floor = round(office.settings.disk.floor_mib * share)
    if free is not None and free < floor * MiB:
        raise OfficeError("DISK_BELOW_FLOOR", free_mib=free // MiB, floor_mib=floor)


# 2. Take in ----------------------------------------------------------------------------------------------------------


def take_in(office: Office) -> Delivery | None:
    """Examine, judge and file the next waiting delivery; None when nothing waits."""
    taken: list[Delivery] = []
    take_in_all(office, taken.append, stopping=lambda: bool(taken), at_once=1)
    return taken[0] if taken else None


def take_in_all(
    office: Office,
    taken: Callable[[Delivery], object] = lambda _delivery: None,
    *,
    stopping: Callable[[], bool] = lambda: False,
    at_once: int | None = None,
) -> None:
    """
    Examine, judge and file what waits, until nothing does or `stopping`; `taken` is told of each as it then stands.

    1. Claim the next and let the workers examine it. 2. Meanwhile file what was examined first: in the order of
    claims and one at a time, so that judging sees everything filed before. What is in hand is finished. The attempt
    is counted before it is made, so what kills its examiner is shelved for a person at the cap and the next goes on.

    What an examination takes apart is kept, too. So it pauses when half of the room is gone that the floor keeps free:
    the ledger and the letters need the other half.
    """
    with Line(office, at_once) as line:
        while True:
            # Before the claim: rules that changed may bring back what was held by the old ones.
            book = current_rules(office)
            if not stopping() and line.claims_next():
                check_disk(office, share=EXAMINING_SHARE)
                line.begin(book)
            elif len(line):
                taken(_file_first(office, line, book))
            else:
                return


def _file_first(office: Office, line: Line, book: Rulebook) -> Delivery:
    """File the first of the line by the rules as they stand now, which may have changed since it was claimed."""
    with line.first() as begun:
        delivery, cap = begun.claim.delivery, office.settings.examination.attempts
        if begun.claim.exhausted:
            return _shelve(office, book, delivery, Why("EXAMINATION_GAVE_UP", f"{delivery.attempts} attempts"))
        try:
            examination = begun.examined()
        except OfficeError:
            # A full disk or a trust folder that is away is not this delivery's fault, and must not bring it to its cap.
            begun.forgive()
            raise
        except Malware as found:
            return _shelve(office, book, delivery, Why("MALWARE_FOUND", str(found)))
        except TaskFailed as failure:
            log.warning("examination_failed", delivery=delivery.id, attempt=begun.attempt, code=failure.code)
            why = Why(f"EXAMINATION_{failure.code}", failure.detail)
        else:
            try:
                with ExitStack() as turn:
                    _wait_for_turn(office, begun, turn)
                    return _judge_and_file(office, book, delivery, examination)
            except OfficeError:
                # The attempt stays counted: should it be this delivery that no store takes, its turn passes to others.
                raise
            except Exception as bug:  # One delivery that our own judgement stumbles over must not stop the next.
                log.exception("filing_crashed", delivery=delivery.id, attempt=begun.attempt)
                why = Why("EXAMINATION_TASK_CRASHED", type(bug).__name__)
        return delivery if begun.attempt < cap else _shelve(office, book, delivery, why)


def _wait_for_turn(office: Office, begun: Begun, turn: ExitStack) -> None:
    """
    Become the one who judges, until `turn` ends: of two copies that arrive together the second must see the first.

    One judges at a time on all machines. Another judge that does not end is nothing that this delivery has done.
    """
    try:
        turn.enter_context(office.ledger.judging())
    except OfficeError:
        begun.forgive()
        raise


def _judge_and_file(office: Office, book: Rulebook, delivery: Delivery, examination: Examination) -> Delivery:
    """Judge an examined delivery and file the outcome with its letter, in one transaction."""
    campaign = book.file.campaign
    recognition = sender_and_signers(book, examination, office.settings.office.agency)
    timing = judge_delivery(
        delivery, examination.unpacked, campaign, tolerance_seconds=office.settings.mail.clock_tolerance_seconds
    )
    history = history_of(office.ledger, campaign.id, delivery, examination, recognition)
    decision = decide(
        delivery=delivery,
        examination=examination,
        recognition=recognition,
        timing=timing,
        campaign=campaign,
        roster=book.roster,
        history=history,
        office_addresses=office.office_addresses,
    )
    now = office.clock()
    standing = standing_rule(campaign, history)
    if decision.withdraws is not None:
        office.ledger.withdraw(
            decision.withdraws,
            by="machine",
            reason="RECALLED_BY_SENDER",
            note=f"recalled by {delivery.id}",
            at=now,
            standing=standing,
        )
    elif decision.linked_to is not None:
        _move_earlier(office, book, decision.linked_to, timing)
    if decision.state in (State.FILED, State.HELD) and operation_of(examination.unpacked) != "revoke":
        ask_recalls_again(office, campaign, history)
    decided = office.ledger.decide(
        delivery.id,
        outcome_of(delivery, examination, recognition, timing, decision, book),
        letter_about(office, book, delivery, examination, recognition, timing, decision, now),
        at=now,
        receipt_prefix=campaign.receipt_prefix,
        standing=standing,
    )
    log.info("decided", delivery=delivery.id, state=decided.state.value, receipt=decided.receipt_no)
    return decided


def current_rules(office: Office) -> Rulebook:
    """
    Return the rulebook in force; a campaign file that changed is recorded as a new version before it is applied.

    Cut-offs that moved in the agencies' favour are applied to what was judged by the old ones, whoever moved them.
    """
    book = office.rules.book()
    if book.digest == office.rules.recorded:
        return book
    campaign = book.file.campaign
    before = office.ledger.current_campaign_version(campaign.id)
    if before != book.digest:
        note = f"version {campaign.version}, as the file says"
        if before is not None:
            judge_again(office, campaign, by="machine", note=note)
        office.ledger.record_campaign(
            campaign.id, book.digest, book.file.text, by=campaign.approved_by, note=note, at=office.clock()
        )
    office.rules.recorded = book.digest
    return book


def _move_earlier(office: Office, book: Rulebook, original: str, timing: Timing) -> None:
    """Let a copy that came earlier by another way move its original's counted time earlier; nothing moves it later."""
    first = office.ledger.delivery(original)
    if not timing.uncertain and timing.counted_at < (first.counted_at or first.received_at):
        own = first.timeliness or judge(first.received_at, book.file.campaign)
        office.ledger.rejudge(
            [Rejudged(first.id, own, timing.counted_at, timing.timeliness)],
            by="machine",
            note="the same form came earlier by another way",
            at=office.clock(),
        )


def _shelve(office: Office, book: Rulebook, delivery: Delivery, why: Why) -> Delivery:
    """Put a delivery that cannot be examined on the shelf for a person; a sender on the roster is told at once."""
    log.warning("shelved", delivery=delivery.id, why=why.code)
    now = office.clock()
    delivery = replace(delivery, sender=delivery.sender or _unread_sender(office, delivery))
    outcome, sender = shelved_outcome(book, delivery, why, office.settings.office.agency)
    return office.ledger.decide(
        delivery.id,
        outcome,
        letter_about_shelved(office, book, delivery, sender, why, now),
        at=now,
        receipt_prefix=book.file.campaign.receipt_prefix,
    )


def _unread_sender(office: Office, delivery: Delivery) -> str:
    """Return who says that he sent a mail that was not examined, "" where that is not plain; see sender_of_unread."""
    if delivery.channel is not Channel.MAIL:
        return ""
    try:
        with office.vault.open(delivery.sha256) as content:
            return sender_of_unread(content.read(HEAD_BYTES))
    except (VaultError, OSError):
        return ""  # The blob is gone or its disk is: the audit says so, and nobody can be told.


# 3. Acknowledge ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of the letters that were due; `trouble` is the relay's word when it could not be reached."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0
    in_doubt: int = 0
    trouble: str | None = None


def acknowledge(office: Office, *, stopping: Callable[[], bool] = lambda: False) -> Carried:
    """
    Carry every letter that is due, once; one whose fate is unknown goes to a person and never out twice.

    `stopping` is asked before each letter: a service that is to end finishes the letter in hand and begins no other.

    The brakes come first (RFC 3834, section 2): beyond the caps per address and per day a letter stays in the house
    and a person is asked. What a clerk released passes the cap of its address, and waits at the breaker of the day
    until that opens. In the mode `approve` only what a clerk released is carried.
    """
    if office.settings.smtp.mode == "rehearse":
        # Nothing leaves; every letter stays queued, where the console shows what would be sent.
        return Carried()
    letters = office.ledger.letters
    sent = failed = postponed = in_doubt = 0
    trouble: str | None = None
    states = [LetterState.APPROVED] if office.settings.smtp.mode == "approve" else [*DUE]
    if _day_is_full(office) and LetterState.QUEUED in states:
        # Released letters wait, however many there are; what a machine would send is stopped and shown to a person.
        states = [LetterState.QUEUED]
    for letter in letters.next_letters(office.clock(), states=states):
        if stopping():
            break
        now = office.clock()
        brake = _brake(office, letter)
        if brake is not None and letter.state is LetterState.APPROVED:
            continue
        if brake is not None:
            letters.withhold(letter.id, by="machine", reason=brake, at=now)
            log.error("letters_braked", letter=letter.id, why=brake)
            postponed += 1
            continue
        courier = _courier_for(office, letter)
        if courier is None or letters.mark_sending(letter.id, now) is None:
            continue
        result, words = courier.carry(letter)
        now = office.clock()
        if result is CarryResult.SENT:
            letters.mark_sent(letter.id, now, words)
            sent += 1
        elif result is CarryResult.IN_DOUBT:
            letters.mark_in_doubt(letter.id, now, words)
            in_doubt += 1
        elif result is CarryResult.REFUSED or now - letter.created_at > GIVE_UP_AFTER:
            letters.mark_refused(letter.id, now, words)
            failed += 1
        else:
            wait = min(FIRST_RETRY * 2 ** min(letter.attempts, 10), LONGEST_RETRY)
            letters.mark_try_later(letter.id, now, next_at=now + wait, words=words)
            postponed += 1
            trouble = words
        log.info("letter", letter=letter.id, result=result.value)
    return Carried(sent, failed, postponed, in_doubt, trouble)


def _courier_for(office: Office, letter: Letter) -> Courier | None:
    return office.status_courier if letter.carrier == "status_package" else office.courier


def _brake(office: Office, letter: Letter) -> str | None:
    """Return the code of the brake that holds this letter, None when it may go."""
    if _day_is_full(office):
        return CAP_PER_DAY
    if letter.state is LetterState.APPROVED:
        # The cap is against machines that answer each other; a person who looked and released this letter is none.
        return None
    since = office.clock() - timedelta(days=1)
    for address in letter.to.split(","):
        if office.ledger.letters.sent_to_since(address.strip(), since) >= office.settings.letters.per_address_per_day:
            return "LETTER_CAP_PER_ADDRESS"
    return None


def _day_is_full(office: Office) -> bool:
    """Whether the breaker of the day is shut: the cap went out within 24 hours, or since a person last opened it."""
    since = office.clock() - timedelta(days=1)
    return office.ledger.letters.counted_by_breaker(since) >= office.settings.letters.per_day
