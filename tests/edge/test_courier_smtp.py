"""The courier against a relay that takes, refuses, hangs up and falls silent at each step."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from config.reasons import recall
from config.settings import SmtpTable
from intake.courier import RehearsalCourier, SmtpCourier
from intake.ports import CarryResult
from storage.records import Letter, LetterKind, LetterState
from tests.servers.certificates import LoopbackCertificate, make_loopback_certificate
from tests.servers.dovecot import free_port
from tests.servers.smtp import HANG_UP, SILENCE, SmtpDouble

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)
PASSWORD = "mật khẩu của rơ-le"


def a_letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "id": "l000001",
        "delivery_id": "d1",
        "kind": LetterKind.RECEIPT,
        "to": "vanthu@snv.binhthuan.gov.vn",
        "subject": "[PDG-2019-000123] Xác nhận đã nhận văn bản",
        "body": "Kính gửi Quý cơ quan,\n\n.dòng bắt đầu bằng dấu chấm\nĐã nhận.\n",
        "state": LetterState.SENDING,
        "message_id": "<receipt.1.abc@binhthuan.gov.vn>",
        "carrier": "mail",
        "created_at": NOW,
        "in_reply_to": "<form@snv.binhthuan.gov.vn>",
        "references": "<form@snv.binhthuan.gov.vn>",
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]  # The names are those of the record.


def carry(settings: SmtpTable, letter: Letter | None = None) -> tuple[CarryResult, str]:
    courier = SmtpCourier(settings, lambda: NOW, office_name="Sở TT&TT", final_reply_seconds=1)
    return courier.carry(letter or a_letter())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> LoopbackCertificate:
    return make_loopback_certificate(tmp_path_factory.mktemp("relay"))


@pytest.fixture
def relay() -> Iterator[SmtpDouble]:
    with SmtpDouble() as double:
        yield double


def test_a_letter_is_taken_with_its_fixed_id_and_marks(relay: SmtpDouble) -> None:
    """The mail that leaves is what RFC 3834 asks of an automatic answer, from the office's own mailbox."""
    assert carry(relay.settings())[0] is CarryResult.SENT
    [raw] = relay.mails
    mail = BytesParser(policy=policy.default).parsebytes(raw)
    assert mail["Message-ID"] == "<receipt.1.abc@binhthuan.gov.vn>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert (mail["In-Reply-To"], mail["References"]) == ("<form@snv.binhthuan.gov.vn>",) * 2
    assert mail["From"].addresses[0].addr_spec == "stttt@binhthuan.gov.vn"
    assert mail["From"].addresses[0].display_name == "Sở TT&TT"
    assert mail["Subject"] == "[PDG-2019-000123] Xác nhận đã nhận văn bản"
    assert mail["Date"].datetime == NOW
    assert mail.get_content().replace("\r\n", "\n") == a_letter().body
    assert b"mail FROM:<stttt@binhthuan.gov.vn>" in relay.commands


def test_the_content_is_ascii_lines_of_lawful_length(relay: SmtpDouble) -> None:
    """No extension is needed to carry it (RFC 5321, 4.5.3.1.6: 1,000 octets a line)."""
    carry(relay.settings(), a_letter(body="đ" * 5000, subject="ệ" * 400))
    [raw] = relay.mails
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


BEFORE = ["connect", "EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("step", BEFORE)
@pytest.mark.parametrize("fault", [HANG_UP, SILENCE], ids=["hangs up", "falls silent"])
def test_a_relay_that_breaks_off_before_the_content_gets_the_letter_again_later(
    relay: SmtpDouble, step: str, fault: bytes
) -> None:
    """Nothing has left the house."""
    relay.replies[step] = fault
    result, words = carry(relay.settings())
    assert (result, relay.mails) == (CarryResult.TRY_LATER, [])
    assert words


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE], ids=["hangs up", "stops reading"])
def test_a_relay_that_breaks_off_inside_the_content_gets_the_letter_again_later(
    relay: SmtpDouble, fault: bytes
) -> None:
    """Mail whose end mark never left must be thrown away (RFC 5321, 4.1.1.4), so trying again doubles nothing."""
    relay.replies["content"] = fault
    result, _ = carry(relay.settings(), a_letter(body="dòng\n" * 2_000_000))
    assert (result, relay.mails) == (CarryResult.TRY_LATER, [])


@pytest.mark.parametrize("fault", [HANG_UP, SILENCE, b"???"], ids=["hangs up", "falls silent", "talks nonsense"])
def test_no_answer_to_the_whole_mail_is_doubt(relay: SmtpDouble, fault: bytes) -> None:
    """The relay may have taken it: only a person may send it again."""
    relay.replies["end"] = fault
    assert carry(relay.settings())[0] is CarryResult.IN_DOUBT


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "end"])
@pytest.mark.parametrize(
    ("reply", "result"),
    [(b"451 4.3.0 greylisted", CarryResult.TRY_LATER), (b"550 5.1.1 nobody here", CarryResult.REFUSED)],
)
def test_a_refusal_is_for_now_or_for_good(relay: SmtpDouble, step: str, reply: bytes, result: CarryResult) -> None:
    """4yz and 5yz (RFC 5321, 4.2.1), with the relay's own words."""
    relay.replies[step] = reply
    got, words = carry(relay.settings())
    assert (got, relay.mails) == (result, [])
    assert reply.split(b" ", 1)[1].decode() in words


@pytest.mark.parametrize("step", ["connect", "EHLO", "AUTH"])
def test_a_relay_that_does_not_want_us_at_all_says_nothing_about_the_letter(
    relay: SmtpDouble, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password or a closed relay is ours to repair; the letter stays queued."""
    monkeypatch.setenv("RELAY_PASSWORD", PASSWORD)
    relay.extensions = (b"AUTH PLAIN",)
    relay.replies[step] = b"554 go away"
    if step == "EHLO":
        relay.replies["HELO"] = b"554 go away"
    result, _ = carry(relay.settings(user="stttt", password_env="RELAY_PASSWORD"))
    assert result is CarryResult.TRY_LATER


def test_one_recipient_of_two_is_enough_and_the_other_is_named(relay: SmtpDouble) -> None:
    """The letter left; whom it did not reach stands in the words."""
    relay.replies["RCPT b@x.vn"] = b"550 unknown"
    result, words = carry(relay.settings(), a_letter(to="a@x.vn, b@x.vn"))
    assert result is CarryResult.SENT
    assert "b@x.vn: 550 unknown" in words
    assert len(relay.mails) == 1


def test_recipients_refused_partly_for_now_are_tried_later(relay: SmtpDouble) -> None:
    """As long as one of them may still take it, the letter is not given up."""
    relay.replies |= {"RCPT a@x.vn": b"550 unknown", "RCPT b@x.vn": b"451 later"}
    assert carry(relay.settings(), a_letter(to="a@x.vn, b@x.vn"))[0] is CarryResult.TRY_LATER


@pytest.mark.parametrize("to", ["", "no address", "a@b\r\nRCPT TO:<c@d>", "<a@b>", "tên@x.vn", "a@b c"])
def test_what_is_no_address_is_refused_before_anything_is_said(relay: SmtpDouble, to: str) -> None:
    """No command can be smuggled into the envelope."""
    assert carry(relay.settings(), a_letter(to=to))[0] is CarryResult.REFUSED
    assert relay.commands == []


@pytest.mark.parametrize("tls", ["required", "starttls"])
def test_tls_is_as_the_settings_demand(certificate: LoopbackCertificate, tls: str) -> None:
    """The relay proves its name before a word is said."""
    with SmtpDouble(certificate, tls) as relay:
        assert carry(relay.settings())[0] is CarryResult.SENT
        if tls == "starttls":
            said = [command.split(b" ")[0] for command in relay.commands]
            assert said.index(b"(protected)") < said.index(b"mail" if b"mail" in said else b"MAIL")


@pytest.mark.parametrize("tls", ["required", "starttls"])
def test_a_relay_of_another_authority_gets_no_letter(
    certificate: LoopbackCertificate, tls: str, tmp_path: Path
) -> None:
    """A certificate that is not trusted keeps the letter in the house."""
    other = make_loopback_certificate(tmp_path)
    with SmtpDouble(certificate, tls) as relay:
        result, words = carry(relay.settings(ca_file=str(other.ca_file)))
        assert (result, relay.mails) == (CarryResult.TRY_LATER, [])
        assert "certificate" in words.lower()


def test_starttls_that_is_not_offered_keeps_the_letter_in_the_house(relay: SmtpDouble) -> None:
    """Somebody in between may have taken the offer away (RFC 3207, section 6)."""
    result, words = carry(relay.settings(tls="starttls"))
    assert (result, relay.mails) == (CarryResult.TRY_LATER, [])
    assert "STARTTLS" in words


def test_clear_text_beyond_this_machine_is_refused() -> None:
    """Even if the settings were loaded without their check."""
    result, words = carry(SmtpTable(host="mail.example", tls="none"))
    assert result is CarryResult.TRY_LATER
    assert "only for this machine" in recall(words).en
    assert "chỉ dùng trong chính máy này" in recall(words).vi


def test_a_relay_that_is_not_there_is_tried_later() -> None:
    """Port 1 on loopback: nobody listens."""
    assert carry(SmtpTable(host="127.0.0.1", port=1, tls="none"))[0] is CarryResult.TRY_LATER


def test_a_password_that_is_not_ascii_is_told_in_utf8_and_never_shown(
    certificate: LoopbackCertificate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 4616, section 2; and a relay that repeats it does not bring it into our words."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("RELAY_PASSWORD", PASSWORD)
    token = base64.b64encode(f"\0stttt\0{PASSWORD}".encode())
    with SmtpDouble(certificate, "required", extensions=(b"AUTH PLAIN LOGIN",)) as relay:
        settings = relay.settings(user="stttt", password_env="RELAY_PASSWORD")
        assert carry(settings)[0] is CarryResult.SENT
        assert b"AUTH PLAIN " + token in relay.commands
        relay.replies["AUTH"] = b"535 no: " + token + b" " + PASSWORD.encode()
        result, words = carry(settings)
    assert result is CarryResult.TRY_LATER
    for secret in (PASSWORD, token.decode(), base64.b64encode(PASSWORD.encode()).decode()):
        assert secret not in words + caplog.text


def test_a_missing_password_is_ours_to_repair(relay: SmtpDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words name the place; the letter stays queued."""
    monkeypatch.delenv("RELAY_PASSWORD", raising=False)
    result, words = carry(relay.settings(user="stttt", password_env="RELAY_PASSWORD"))
    assert result is CarryResult.TRY_LATER
    assert "RELAY_PASSWORD" in words


def test_a_rehearsal_lets_nothing_leave(relay: SmtpDouble) -> None:
    """And it does not say that anything was sent."""
    result, words = RehearsalCourier().carry(a_letter())
    assert result is CarryResult.TRY_LATER
    assert "rehearsal" in words
    assert relay.commands == []


def test_another_server_takes_the_letter_too() -> None:
    """aiosmtpd, which is stricter than the double about what it is told."""
    taken: list[Envelope] = []

    class Handler:
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            taken.append(envelope)
            return "250 OK"

    port = free_port()
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        settings = SmtpTable(host="127.0.0.1", port=port, tls="none", sender="stttt@binhthuan.gov.vn")
        assert carry(settings)[0] is CarryResult.SENT
    finally:
        controller.stop()
    assert taken[0].mail_from == "stttt@binhthuan.gov.vn"
    assert taken[0].rcpt_tos == ["vanthu@snv.binhthuan.gov.vn"]
