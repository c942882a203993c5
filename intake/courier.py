"""Carries letters to the mail relay, and knows for each how far it got: not gone, gone, refused, or in doubt."""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from ipaddress import ip_address

from config.errors import OfficeError
from config.reasons import keep
from config.settings import SmtpTable, is_loopback
from intake.ports import CarryResult, Clock
from storage.records import Letter, LetterKind

# A relay may think this long about a mail it has got whole (RFC 5321, 4.5.3.2.6): who hangs up sooner creates doubt.
FINAL_REPLY_SECONDS = 600

# One letter may take this many waits in all; a relay that answers a letter at a time is cut off.
WAITS_PER_LETTER = 20

MAX_QUOTED_CHARACTERS = 300

# A Message-ID longer than this is not answered to by name: it would not fit on a line (RFC 5322, 2.1.1).
MAX_ID_CHARACTERS = 500
MAX_REFERENCES = 20

# Local part and domain as our own roster may hold them (RFC 5321, 4.1.2, without quoted strings).
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_MESSAGE_ID = re.compile(rf"<[!-;=?-~]{{1,{MAX_ID_CHARACTERS}}}>")


class RehearsalCourier:
    """Lets nothing leave the house: every letter stays queued, and its line says why."""

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """Return TRY_LATER: nothing left, and the letter may still leave once `mode` is `send`."""
        return CarryResult.TRY_LATER, "rehearsal: nothing leaves the house"


class SmtpCourier:
    """
    Hands letters to the configured relay, one connection a letter.

    `timeout_seconds` bounds each wait but the last: for the answer to a whole mail the relay has
    `final_reply_seconds`, as RFC 5321, 4.5.3.2.6 asks. TLS is as the settings demand; `none` only to this machine.
    """

    def __init__(
        self,
        settings: SmtpTable,
        clock: Clock,
        *,
        office_name: str = "",
        final_reply_seconds: int = FINAL_REPLY_SECONDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._office_name = office_name
        self._final_reply_seconds = final_reply_seconds

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """
        Try once to hand `letter` over; never raises for what the other side does.

        SENT: the relay has taken it (for at least one recipient; the words name the others). TRY_LATER: it was
        not taken and cannot have been (4xx, no connection, cut off before the end of the content; RFC 5321,
        4.1.1.4: mail without its end mark must be thrown away). REFUSED: 5xx to the sender, every recipient or
        the content. IN_DOUBT: the whole content was handed over and no answer came: it may or may not be on its way.
        """
        recipients = [one.strip() for one in letter.to.split(",") if one.strip()]
        wrong = [one for one in recipients if not _ADDRESS.match(one)]
        if not recipients or wrong:
            return CarryResult.REFUSED, keep("LETTER_ADDRESS_WRONG", {"address": _quoted(", ".join(wrong) or "(none)")})
        try:
            content = compose(letter, self._settings.sender, self._office_name, self._clock()).as_bytes()
        except (ValueError, LookupError) as cause:
            return CarryResult.REFUSED, keep("LETTER_NOT_WRITABLE", {"why": _quoted(cause)})
        progress = _Progress()
        try:
            with self._conversation() as relay:
                return self._hand_over(relay, recipients, content, progress)
        except OfficeError as cause:
            return CarryResult.TRY_LATER, cause.kept
        except (smtplib.SMTPException, OSError, ValueError, LookupError, MemoryError) as cause:
            words = self._scrubbed(f"{type(cause).__name__}: {cause}")
            if progress.is_complete:
                return CarryResult.IN_DOUBT, keep("RELAY_SILENT", {"words": words})
            place = f"{self._settings.host}:{self._settings.port}"
            return CarryResult.TRY_LATER, keep("RELAY_AWAY", {"place": place, "words": words})

    def _hand_over(
        self, relay: smtplib.SMTP, recipients: list[str], content: bytes, progress: _Progress
    ) -> tuple[CarryResult, str]:
        # 1. The envelope. The sender is the office's own mailbox, so that bounces come back to us.
        code, words = relay.mail(self._settings.sender)
        if code != 250:
            return self._refusal(code, words, "sender")
        refused: list[tuple[int, bytes, str]] = []
        for one in recipients:
            code, words = relay.rcpt(one)
            if code not in (250, 251):
                refused.append((code, words, one))
        if len(refused) == len(recipients):
            later = next((one for one in refused if one[0] < 500), refused[0])
            return self._refusal(later[0], later[1], later[2])
        # 2. The content, but for its end mark: until then the relay must forget it all.
        code, words = relay.docmd("DATA")
        if code != 354:
            return self._refusal(code, words, "DATA")
        relay.send(_dotted(content))
        # 3. The end mark. From here on silence is doubt.
        assert relay.sock is not None
        relay.sock.settimeout(max(self._final_reply_seconds, self._settings.timeout_seconds))
        progress.is_complete = True
        relay.send(b".\r\n")
        code, words = relay.getreply()
        if 200 <= code < 300:
            missed = "".join(f"; {one}: {number} {self._scrubbed(said)}" for number, said, one in refused)
            return CarryResult.SENT, f"{code} {self._scrubbed(words)}{missed}"
        if 400 <= code < 600:
            return self._refusal(code, words, "content")
        return CarryResult.IN_DOUBT, f"an answer that is none: {code} {self._scrubbed(words)}"

    def _refusal(self, code: int, words: bytes, what: str) -> tuple[CarryResult, str]:
        result = CarryResult.REFUSED if 500 <= code < 600 else CarryResult.TRY_LATER
        return result, f"{what}: {code} {self._scrubbed(words)}"

    @contextmanager
    def _conversation(self) -> Iterator[smtplib.SMTP]:
        """Open a protected, logged-in connection; cut it off when the letter takes too long in all."""
        settings = self._settings
        if settings.tls == "none" and not is_loopback(settings.host):
            raise OfficeError("RELAY_UNPROTECTED", host=settings.host)
        relay: smtplib.SMTP
        name = socket.gethostname()
        if settings.tls == "required":
            relay = smtplib.SMTP_SSL(timeout=settings.timeout_seconds, context=self._tls_context(), local_hostname=name)
        else:
            relay = smtplib.SMTP(timeout=settings.timeout_seconds, local_hostname=name)
        # Not connected by the constructor, so that the timer below watches the greeting too; smtplib then needs to be
        # told the name that the certificate must bear.
        relay._host = settings.host  # type: ignore[attr-defined]
        limit = WAITS_PER_LETTER * settings.timeout_seconds + self._final_reply_seconds
        timer = threading.Timer(limit, _cut, [relay])
        timer.daemon = True
        timer.start()
        try:
            code, words = relay.connect(settings.host, settings.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, words)
            self._protect(relay)
            yield relay
            _say_goodbye(relay)
        finally:
            timer.cancel()
            relay.close()

    def _protect(self, relay: smtplib.SMTP) -> None:
        settings = self._settings
        if settings.tls == "none":
            assert relay.sock is not None
            peer = str(relay.sock.getpeername()[0]).partition("%")[0]
            if not ip_address(peer).is_loopback:
                raise OfficeError("RELAY_ELSEWHERE", host=settings.host, peer=peer)
        relay.ehlo_or_helo_if_needed()
        if settings.tls == "starttls":
            if not relay.has_extn("starttls"):
                raise OfficeError("RELAY_WITHOUT_STARTTLS", host=settings.host)
            relay.starttls(context=self._tls_context())
            relay.ehlo()
        if settings.user:
            self._log_in(relay, settings.user, settings.password.reveal())

    def _log_in(self, relay: smtplib.SMTP, user: str, password: str) -> None:
        """Log in by PLAIN where it is offered, since smtplib takes only ASCII (RFC 4616, 2: UTF-8), else its way."""
        if "PLAIN" in str(relay.esmtp_features.get("auth", "")).upper().split():
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            code, words = relay.docmd("AUTH", f"PLAIN {token}")
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, words)
        else:
            relay.login(user, password)

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file or None)
        except (OSError, ValueError) as cause:
            raise OfficeError("RELAY_CA_UNUSABLE", ca_file=self._settings.ca_file) from cause

    def _scrubbed(self, words: object) -> str:
        """Return the relay's words without the password, plain or as it travels in AUTH (RFC 4616, RFC 4954)."""
        secrets: list[str] = []
        if self._settings.user:
            try:
                password = self._settings.password.reveal()
            except OfficeError:
                password = ""
            if password:
                user = self._settings.user
                secrets = [password, f"\0{user}\0{password}", f"{user}\0{user}\0{password}"]
        return _quoted(words, secrets)


class _Progress:
    """Whether the end mark of the content may have left: what happens after that is doubt."""

    __slots__ = ("is_complete",)

    def __init__(self) -> None:
        self.is_complete = False


def compose(letter: Letter, sender: str, office_name: str, at: datetime) -> EmailMessage:
    """
    Return `letter` as a mail (RFC 5322, MIME): plain UTF-8 text, the fixed Message-ID, marked as automatic.

    What comes from outside (subject, the ids that are answered) is put on one line and cut to what a header may
    hold, so no header can be smuggled in. RFC 3834: `Auto-Submitted` keeps other responders silent
    (auto-replied to a delivery, auto-generated for a reminder). ValueError for a sender that is no address.
    """
    if not _ADDRESS.match(sender):
        raise ValueError("the sender is not an address")
    message = EmailMessage(policy=SMTP)
    local, _, domain = sender.rpartition("@")
    message["From"] = Address(_one_line(office_name), local, domain)
    message["To"] = ", ".join(one.strip() for one in letter.to.split(",") if one.strip())
    message["Subject"] = _one_line(letter.subject)
    message["Date"] = format_datetime(at)
    own = _MESSAGE_ID.fullmatch(letter.message_id.strip())
    if own is None:
        raise ValueError("the letter's Message-ID is none")
    message["Message-ID"] = own[0]
    if answered := _ids(letter.in_reply_to)[:1]:
        message["In-Reply-To"] = answered[0]
    if references := _ids(letter.references) or answered:
        message["References"] = " ".join(references[-MAX_REFERENCES:])
    message["Auto-Submitted"] = "auto-generated" if letter.kind is LetterKind.REMINDER else "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    body = letter.body.encode("utf-8", "replace").decode("utf-8")
    message.set_content(body, charset="utf-8", cte="base64")
    return message


def _one_line(text: str) -> str:
    """Return `text` on one line, without controls and lone surrogates."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(char if char.isprintable() else " " for char in clean).split())[:500]


def _ids(text: str | None) -> list[str]:
    return _MESSAGE_ID.findall(text or "")


def _dotted(content: bytes) -> bytes:
    """Return the content with CRLF ends, leading dots doubled (RFC 5321, 4.5.2), and a line end at its end."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    lines = re.sub(rb"(?m)^\.", b"..", lines)
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def _quoted(words: object, secrets: list[str] | None = None) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    for secret in sorted(secrets or [], key=len, reverse=True):
        encoded = base64.b64encode(secret.encode()).decode()
        for form in (secret, encoded, encoded.rstrip("=")):
            text = text.replace(form, "***")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_QUOTED_CHARACTERS]


def _say_goodbye(relay: smtplib.SMTP) -> None:
    """Say QUIT; the letter's fate is known by now, so a relay that does not answer changes nothing."""
    try:
        if relay.sock is not None:
            relay.sock.settimeout(2)
            relay.docmd("QUIT")
    except (smtplib.SMTPException, OSError):
        return


def _cut(relay: smtplib.SMTP) -> None:
    """End a conversation from outside."""
    try:
        if relay.sock is not None:
            socket.socket.shutdown(relay.sock, socket.SHUT_RDWR)
    except OSError:
        return  # It was already gone.
