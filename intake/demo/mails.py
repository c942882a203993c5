"""Composes the demonstration's mails as many different programs would: forwarded, automatic, bounced, with archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from intake.demo.mail_sink import trace_lines

File = tuple[str, bytes]

_TYPES = {
    ".pdf": ("application", "pdf"),
    ".docx": ("application", "vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".zip": ("application", "zip"),
    ".p7s": ("application", "pkcs7-signature"),
}


def compose(
    *,
    sender: str,
    sender_name: str,
    to: str,
    subject: str,
    text: str,
    sent_at: datetime,
    message_id: str,
    files: Sequence[File] = (),
    headers: Sequence[tuple[str, str]] = (),
    undeclared: bool = False,
) -> EmailMessage:
    """
    Return a mail; `sent_at` (aware) goes into the Date header as the sender's claim.

    `undeclared` sends every file as application/octet-stream, as many programs do.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr((sender_name, sender))
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = message_id
    for name, value in headers:
        mail[name] = value
    mail.set_content(text)
    for name, data in files:
        main, sub = _TYPES.get(name[name.rfind(".") :].lower(), ("application", "octet-stream"))
        if undeclared:
            main, sub = "application", "octet-stream"
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail


def forward(inner: EmailMessage, outer: EmailMessage) -> EmailMessage:
    """Return `outer` with `inner` attached as a whole message (message/rfc822), as "forward as attachment" does."""
    outer.add_attachment(inner)
    return outer


def delivery_report(*, to: str, about: str, original_id: str, sent_at: datetime, message_id: str) -> bytes:
    """Return a bounce (RFC 3464): multipart/report for a mail `original_id` of ours that did not reach `about`."""
    lines = (
        "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.demo.invalid>",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(sent_at)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
        "",
        "--report",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is the mail system at host mx.demo.invalid. <{about}>: the mailbox is full.",
        "--report",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.demo.invalid",
        "",
        f"Final-Recipient: rfc822; {about}",
        "Action: failed",
        "Status: 5.2.2",
        "",
        "--report",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {original_id}",
        "Subject: Giay moi",
        "--report--",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def arrived(mail: EmailMessage | bytes, *, sender: str, to: str, at: datetime) -> bytes:
    """Return the mail's bytes as they lie in the mailbox: with the trace lines of our own server for `at`."""
    data = mail if isinstance(mail, bytes) else mail.as_bytes()
    return trace_lines(sender, to, at) + data


def zipped(files: Sequence[File], at: datetime) -> bytes:
    """Return a plain ZIP of the files, its names in UTF-8."""
    out = io.BytesIO()
    stamp = at.timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, stamp), data)
    return out.getvalue()


def a_little_earlier(at: datetime, seconds: int = 21) -> datetime:
    """Return the moment at which a mail that arrived at `at` was sent."""
    return at - timedelta(seconds=seconds)
