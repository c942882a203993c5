"""Makers for the store: arrivals, outcomes and letters with defaults; a test sets only what its claim is about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher

from storage.accounts import Accounts
from storage.ledger import Ledger
from storage.letters import Letter
from storage.records import (
    Arrival,
    Channel,
    ClockReading,
    Delivery,
    FiledFile,
    LetterDraft,
    LetterKind,
    Outcome,
    Receipt,
    Role,
    State,
    Timeliness,
    Why,
)
from storage.vault import Vault

NOON = datetime(2019, 9, 12, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PREFIX = "PDG-2019"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # a test signs in often, and guards nothing
PASSWORD = "một mật khẩu đủ dài"


def digest_of(words: str) -> str:
    """The SHA-256 of some words: a digest that looks like any other."""
    return hashlib.sha256(words.encode()).hexdigest()


def an_arrival(number: int = 1, **changes: Any) -> Arrival:
    """The `number`th mail of the mailbox, each a second later and with bytes of its own."""
    base = Arrival(
        source="mailbox",
        source_key=f"INBOX/7/{number}",
        channel=Channel.MAIL,
        received_at=NOON + number * SECOND,
        received_by="imap-internaldate",
        seen_at=NOON + timedelta(minutes=5),
        sha256=digest_of(f"mail {number}"),
        size=1000 + number,
        name=f"{number}.eml",
        sender="snv@binhthuan.example",
        subject="Phiếu đánh giá ứng dụng CNTT",
        clocks=(ClockReading("internaldate", NOON + number * SECOND),),
    )
    return replace(base, **changes)


def an_outcome(**changes: Any) -> Outcome:
    """A form of the Department of Home Affairs that is filed, in time, with a signature that holds."""
    base = Outcome(
        state=State.FILED,
        reasons=(Why("AGENCY_BY_CERTIFICATE"),),
        takes_number=True,
        agency="snv",
        timeliness=Timeliness.ON_TIME,
        counted_at=NOON,
        counted_timeliness=Timeliness.ON_TIME,
        signature="passed",
        operative=True,
        form_sha256=digest_of("form"),
        files=(a_file(),),
        campaign="2019",
        campaign_version="c1",
        policy_version="p1",
    )
    return replace(base, **changes)


def held(**changes: Any) -> Outcome:
    """A form that a person must decide about."""
    return an_outcome(**{"state": State.HELD, "operative": False, "signature": "indeterminate", **changes})


def a_file(**changes: Any) -> FiledFile:
    """The form itself, with a report."""
    base = FiledFile(
        trail=("phieu.pdf",),
        name="phieu.pdf",
        declared_type="application/pdf",
        media_type="application/pdf",
        size=3,
        sha256=digest_of("form"),
        role="form",
        report={"verdict": "passed", "signatures": [{"name": "Signature1", "verdict": "passed"}]},
    )
    return replace(base, **changes)


def a_draft(**changes: Any) -> LetterDraft:
    """A receipt letter to the agency's mailbox."""
    base = LetterDraft(LetterKind.RECEIPT, "snv@binhthuan.example", "Đã nhận", "Số tiếp nhận …")
    return replace(base, **changes)


def no_letters(receipt: Receipt) -> Sequence[LetterDraft]:
    """Write nothing."""
    return ()


def one_letter(receipt: Receipt) -> Sequence[LetterDraft]:
    """Write a receipt that quotes number and log head."""
    return (a_draft(body=f"{receipt.receipt_no} {receipt.log_head}"),)


def received(ledger: Ledger, number: int = 1, **changes: Any) -> Delivery:
    """A delivery that has just been received."""
    return ledger.receive(an_arrival(number, **changes), same_bytes_is_same=True)


def decided(ledger: Ledger, number: int = 1, outcome: Outcome | None = None, **more: Any) -> Delivery:
    """A delivery that was received and decided."""
    delivery = received(ledger, number)
    return decide(ledger, delivery.id, outcome or an_outcome(), **more)


def decide(ledger: Ledger, delivery_id: str, outcome: Outcome, **more: Any) -> Delivery:
    """Decide on a delivery that was received."""
    arguments: dict[str, Any] = {"at": NOON + timedelta(hours=1), "receipt_prefix": PREFIX, **more}
    write_letters = arguments.pop("write_letters", no_letters)
    return ledger.decide(delivery_id, outcome, write_letters, **arguments)


def a_queued_letter(ledger: Ledger, number: int = 1, **changes: Any) -> Letter:
    """A receipt letter that waits to be sent."""
    draft = a_draft(**changes)
    delivery = decided(ledger, number, an_outcome(agency=f"a{number}"), write_letters=lambda receipt: (draft,))
    return ledger.letters.letters_of(delivery.id)[0]


def with_clerks(ledger: Ledger, *names: str) -> Accounts:
    """Accounts of clerks."""
    accounts = Accounts(ledger.database, hasher=CHEAP)
    for name in names:
        accounts.create(name, name.title(), Role.CLERK, PASSWORD, by="machine", at=NOON)
    return accounts


def stored(vault: Vault, outcome: Outcome, words: str = "form") -> Outcome:
    """The outcome, with its form's bytes really in the vault."""
    kept = vault.put(words.encode())
    assert kept.sha256 == digest_of(words)
    return outcome
