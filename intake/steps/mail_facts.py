"""Gather what a message says of itself from its head: who, when, about what, and through which servers."""

from __future__ import annotations

import re
import unicodedata

from intake.steps.automatic import Classified
from intake.steps.mail_addresses import addresses
from intake.steps.mail_headers import Head, message_ids, one_message_id, parse_date, unfold, words
from intake.steps.unpacked import Address, AuthenticationResult, MailFacts, ReceivedHop

# Received fields kept; a mail that went through more servers goes in circles (RFC 5321 6.3 suggests 100).
MAX_HOPS = 100
# Authentication-Results fields kept; each server on the way may add one.
MAX_RESULTS = 50
# Characters of a subject or name that are kept.
MAX_LINE = 2_000

_SERVER_ID = re.compile(r"\s*(?:\([^)]{0,200}\)\s*)?([^\s;(]{1,255})")


def mail_facts(head: Head, classified: Classified, *, signed: bool, encrypted: bool) -> MailFacts:
    """Return the facts of the outermost message; what is missing is None or empty, nothing raises."""
    sender = addresses(head.all("sender")[:1])
    return MailFacts(
        message_id=_shown(one_message_id(head.first("message-id"))),
        subject=_shown(words(head.first("subject") or b"")),
        from_addresses=_people(head, "from"),
        sender=_clean(sender[0]) if sender else None,
        reply_to=_people(head, "reply-to"),
        to=_people(head, "to"),
        date=parse_date(unfold(head.first("date") or b"")),
        in_reply_to=_shown(one_message_id(head.first("in-reply-to"))),
        references=message_ids(head.first("references")),
        automatic=classified.automatic,
        automatic_signals=classified.signals,
        bounced_message_ids=classified.bounced_message_ids,
        return_path=_return_path(head),
        received=tuple(_hop(value) for value in head.all("received")[:MAX_HOPS]),
        authentication_results=tuple(_result(value) for value in head.all("authentication-results")[:MAX_RESULTS]),
        list_id=_shown(words(head.first("list-id") or b"")),
        cc=_people(head, "cc"),
        signed=signed,
        encrypted=encrypted,
    )


def one_line(text: str) -> str:
    """Return a sender's text as one line that can be shown and stored: NFC, nothing invisible in it."""
    flat = " ".join(unicodedata.normalize("NFC", text[:MAX_LINE]).split())
    return "".join(
        letter if unicodedata.category(letter) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") else f"[U+{ord(letter):04X}]"
        for letter in flat
    )


def _shown(text: str | None) -> str | None:
    return (one_line(text) or None) if text else None


def _people(head: Head, name: str) -> tuple[Address, ...]:
    return tuple(_clean(one) for one in addresses(head.all(name)))


def _clean(one: Address) -> Address:
    return Address(one_line(one.name), one_line(one.address))


def _return_path(head: Head) -> str | None:
    value = head.first("return-path")
    if value is None:
        return None
    text = unfold(value)
    match = re.search(r"<([^<>]{0,500})>", text)
    return one_line(match.group(1) if match is not None else text)


def _hop(value: bytes) -> ReceivedHop:
    """Read one Received field; its date stands after the last semicolon (RFC 5321 4.4)."""
    text = unfold(value)
    _, semicolon, date = text.rpartition(";")
    return ReceivedHop(one_line(text), parse_date(date) if semicolon else None)


def _result(value: bytes) -> AuthenticationResult:
    text = unfold(value)
    match = _SERVER_ID.match(text)
    return AuthenticationResult(match.group(1).lower() if match is not None else "", one_line(text))
