"""A letter as a mail: whatever stands in it, the headers are ours and no others."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.courier import compose
from storage.records import Letter, LetterKind, LetterState

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)
OURS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted",
    "x-auto-response-suppress", "content-type", "content-transfer-encoding", "mime-version",
}  # fmt: skip


def a_letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "id": "l1",
        "delivery_id": None,
        "kind": LetterKind.RECEIPT,
        "to": "a@x.vn",
        "subject": "s",
        "body": "b",
        "state": LetterState.SENDING,
        "message_id": "<1@x.vn>",
        "carrier": "mail",
        "created_at": NOW,
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]  # The names are those of the record.


@given(
    subject=st.text(max_size=300),
    body=st.text(max_size=2000),
    answered=st.text(max_size=200),
    references=st.text(max_size=200),
    office=st.text(max_size=80),
)
def test_no_header_can_be_smuggled_in(subject: str, body: str, answered: str, references: str, office: str) -> None:
    """Line ends, controls and lone surrogates in any field change nothing but that field's own text."""
    letter = a_letter(subject=subject, body=body, in_reply_to=answered, references=references)
    raw = compose(letter, "stttt@binhthuan.gov.vn", office, NOW).as_bytes()
    names = [name.lower() for name in BytesParser(policy=policy.compat32).parsebytes(raw)]
    assert set(names) <= OURS
    assert len(names) == len(set(names))
    assert raw.isascii()


@pytest.mark.parametrize(
    "smuggled",
    ["x\r\nBcc: all@x.vn", "x\nBcc: all@x.vn", "x\rBcc: all@x.vn", "x\r\n\r\nbody", "\x00x", "x\u2028Bcc: a@x.vn"],
)
def test_line_ends_in_a_subject_become_spaces(smuggled: str) -> None:
    """The sender's subject is quoted in ours, so it is hostile."""
    raw = compose(a_letter(subject=smuggled), "stttt@binhthuan.gov.vn", "", NOW).as_bytes()
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("x")


def test_only_real_message_ids_are_answered() -> None:
    """What a sender wrote into his Message-ID is copied only if it is one."""
    hostile = "<ok@x> <a b@x> <bad\r\nBcc: c@d> <" + "l" * 600 + "@x> <second@x>"
    mail = compose(a_letter(in_reply_to=hostile, references=hostile), "stttt@binhthuan.gov.vn", "", NOW)
    assert mail["In-Reply-To"] == "<ok@x>"
    assert mail["References"] == "<ok@x> <second@x>"


def test_a_reminder_is_generated_not_replied() -> None:
    """RFC 3834, section 5: it answers no message."""
    mail = compose(a_letter(kind=LetterKind.REMINDER), "stttt@binhthuan.gov.vn", "", NOW)
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_letter_without_a_message_id_is_no_letter() -> None:
    """Its fixed id is what makes it recognisable when it comes back."""
    with pytest.raises(ValueError, match="Message-ID"):
        compose(a_letter(message_id="none"), "stttt@binhthuan.gov.vn", "", NOW)
