"""Mail that machines send is told from mail that people send, by several signals."""

from __future__ import annotations

import pytest

from intake.steps.unpack import unpack
from intake.steps.unpacked import MailFacts
from tests.makers_mail import Part, a_mail, a_nested_mail, a_text, an_attachment

OURS = "<receipt-1.PDG-2019-000123@stttt.binhthuan.gov.vn>"


def facts(mail: bytes) -> MailFacts:
    found = unpack(mail, "x.eml").mail
    assert found is not None
    return found


def a_machines_mail(
    *parts: Part, sender: str, subject: str, head: tuple[bytes, ...] = (), subtype: str = "mixed"
) -> bytes:
    mail = a_mail(*parts, subject=subject, head=head, subtype=subtype)
    first, _, rest = mail.partition(b"\n")
    assert first.startswith(b"From:")
    return b"From: " + sender.encode() + b"\n" + rest


def a_returned_mail() -> bytes:
    return a_mail(a_text("Biên nhận")).replace(b"<1@snv.binhthuan.gov.vn>", OURS.encode())


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(a_mail(a_text(), an_attachment()), id="a form"),
        pytest.param(a_mail(a_text(), subject="Re: Phiếu đánh giá"), id="a reply"),
        pytest.param(
            a_mail(
                a_text("Do không gửi được qua phần mềm nên gửi lại bằng thư."),
                an_attachment(),
                subject="V/v không gửi được phiếu",
            ),
            id="a person complains that it did not get through",
        ),
        pytest.param(
            a_mail(
                a_text("Không gửi được lần trước, xin chuyển tiếp thư cũ."),
                a_nested_mail(a_mail(a_text(), an_attachment())),
                subject="Fwd: Không gửi được phiếu",
            ),
            id="and forwards the old mail",
        ),
        pytest.param(
            a_machines_mail(
                a_text("Không gửi được lần trước."),
                a_nested_mail(a_mail(a_text(), an_attachment())),
                sender='"Quan tri Mail System" <quantri@snv.vn>',
                subject="Chuyển tiếp phiếu",
            ),
            id="a person whose name sounds like a program",
        ),
        pytest.param(a_mail(a_text(), an_attachment(), subject="Nghỉ phép và nộp phiếu"), id="leave in the subject"),
        pytest.param(a_mail(a_text(), head=[b"Auto-Submitted: no"]), id="Auto-Submitted: no"),
        pytest.param(a_mail(a_text("Đây là thư trả lời công văn 697."), subject="Re: x"), id="a letter in reply"),
        pytest.param(
            a_mail(a_text("Chúng tôi đã đọc công văn 697, xin hỏi."), subject="Đã đọc: công văn 697"), id="who has read"
        ),
        pytest.param(
            a_mail(
                a_text("Lỗi 550 5.1.1 user unknown:\n> Message-ID: <a@b>\n> From: x\n> To: y\n> Subject: z\n"),
                subject="Re: Không gửi được phiếu",
            ),
            id="a person who quotes a bounce of his own",
        ),
        pytest.param(
            a_mail(a_text("Đây là thư gửi tự động từ phần mềm."), an_attachment()), id="a program that sends a form"
        ),
        pytest.param(a_mail(a_text(), head=[b"Return-Path: <snv@binhthuan.gov.vn>"]), id="a return path"),
        pytest.param(a_mail(a_text(), head=[b"X-Auto-Response-Suppress: All"]), id="a wish for no automatic answers"),
        pytest.param(
            a_mail(a_text(), an_attachment(b"BEGIN:VCALENDAR\nMETHOD:PUBLISH\n", "lich.ics", kind="text/calendar")),
            id="a published calendar as an attachment",
        ),
    ],
)
def test_mail_of_people_is_not_automatic(mail: bytes) -> None:
    """A false alarm here would leave an agency without its receipt."""
    assert facts(mail).automatic == "no"


def test_a_delivery_report_is_a_bounce_and_names_our_letter() -> None:
    """RFC 3464: report, status and the returned message."""
    status = an_attachment(
        b"Reporting-MTA: dns; x\n\nAction: failed\n", None, kind="message/delivery-status", encoding="7bit"
    )
    mail = a_machines_mail(
        a_text("Delivery failed"),
        status,
        a_nested_mail(a_returned_mail()),
        sender="MAILER-DAEMON@mx.binhthuan.gov.vn",
        subject="Undelivered Mail Returned to Sender",
        head=(b"Return-Path: <>",),
        subtype="report; report-type=delivery-status",
    )

    assert facts(mail).automatic == "bounce"
    assert OURS in facts(mail).bounced_message_ids


def test_a_report_that_returns_only_headers_names_our_letter() -> None:
    """Many servers return text/rfc822-headers only."""
    mail = a_machines_mail(
        a_text("failed"),
        an_attachment(b"Action: failed\n", None, kind="message/delivery-status", encoding="7bit"),
        an_attachment(f"From: a@b\nMessage-ID: {OURS}\n".encode(), None, kind="text/rfc822-headers", encoding="7bit"),
        sender="postmaster@x",
        subject="Delivery Status Notification",
        subtype="report; report-type=delivery-status",
    )

    assert facts(mail).bounced_message_ids == (OURS,)


def test_a_bounce_in_plain_text_names_our_letter() -> None:
    """Old servers write no MIME at all."""
    text = (
        "Hi. This is the qmail-send program.\nI'm sorry, it did not get through.\n"
        "<snv@binhthuan.gov.vn>: user unknown\n\n"
        f"--- Below this line is a copy of the message.\n\nReturn-Path: <stttt@binhthuan.gov.vn>\nMessage-ID: {OURS}\n"
        "From: stttt@binhthuan.gov.vn\nTo: snv@binhthuan.gov.vn\nSubject: Bien nhan\n"
    )
    mail = a_machines_mail(a_text(text), sender="MAILER-DAEMON@x", subject="failure notice")

    assert (facts(mail).automatic, facts(mail).bounced_message_ids) == ("bounce", (OURS,))


DSN = "report; report-type=delivery-status"
RETURNED = Part(
    (b"Content-Type: text/rfc822-headers",), f"From: a@b\nMessage-ID: {OURS}\nSubject: Bien nhan\n".encode()
)


def a_report(*actions: str, subject: str) -> bytes:
    """A delivery report with one recipient for each action."""
    fields = "\n".join(f"Final-Recipient: rfc822; a@b\nAction: {one}\nStatus: 4.4.1\n" for one in actions)
    status = Part((b"Content-Type: message/delivery-status",), f"Reporting-MTA: dns; x\n\n{fields}".encode())
    sender = "MAILER-DAEMON@x (Mail Delivery System)"
    return a_machines_mail(a_text("x"), status, RETURNED, sender=sender, subject=subject, subtype=DSN)


@pytest.mark.parametrize(
    ("actions", "subject"),
    [
        (("delayed",), "Delayed Mail (still being retried)"),
        (("delivered",), "Successful Mail Delivery Report"),
        (("relayed", "expanded"), "Delivery Status Notification"),
    ],
)
def test_a_report_of_a_delay_or_a_delivery_names_no_letter_as_undelivered(
    actions: tuple[str, ...], subject: str
) -> None:
    """RFC 3464 2.3.3: the letter is on its way, or there; a clerk who sends it again sends it twice."""
    found = facts(a_report(*actions, subject=subject))

    assert (found.automatic, found.bounced_message_ids) == ("bounce", ())


def test_one_failed_recipient_of_several_is_a_failure() -> None:
    """A letter goes to all registered mailboxes; somebody must look at the one that does not take it."""
    assert facts(a_report("delivered", "failed", subject="Undelivered")).bounced_message_ids == (OURS,)


@pytest.mark.parametrize(
    "subject", ["Warning: message 1abc delayed 24 hours", "Warning: could not send message for past 4 hours"]
)
def test_an_old_servers_warning_names_no_letter_as_undelivered(subject: str) -> None:
    """Sendmail and Exim warn in plain text."""
    text = f"This message was created automatically by mail delivery software.\n\nMessage-ID: {OURS}\n"
    found = facts(a_machines_mail(a_text(text), sender="Mail Delivery System <Mailer-Daemon@x>", subject=subject))

    assert (found.automatic, found.bounced_message_ids) == ("bounce", ())


HEADS = f"Return-Path: <stttt@binhthuan.gov.vn>\nMessage-ID: {OURS}\nTo: snv@binhthuan.gov.vn\nSubject: x\n"


@pytest.mark.parametrize(
    ("sender", "subject", "parts", "head"),
    [
        pytest.param(
            "MDaemon at mail.x.vn <MDaemon@mail.x.vn>",
            "Permanent Delivery Failure",
            (
                a_text("The attached message had PERMANENT fatal delivery errors!"),
                an_attachment(HEADS.encode(), "h.txt"),
            ),
            (),
            id="mdaemon, the head as an attachment of another type",
        ),
        pytest.param(
            "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.vn",
            "Không thể gửi được: Biên nhận",
            (a_text(f"Không thể gửi thư đến người nhận sau:\n#550 5.1.1 not found ##\n\nTiêu đề thư gốc:\n\n{HEADS}"),),
            (),
            id="exchange in Vietnamese",
        ),
        pytest.param(
            "postmaster@x.vn",
            "Không gửi được: Biên nhận",
            (a_text("Không thể chuyển thư."),),
            (b"Return-Path: <>", b"In-Reply-To: " + OURS.encode()),
            id="only in the field of what it answers",
        ),
        pytest.param(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Thông báo trạng thái gửi thư (Thất bại)",
            (a_text("Thư của bạn chưa được gửi đến a@b vì không tìm thấy địa chỉ."),),
            (b"References: <another@x> " + OURS.encode(),),
            id="gmail in Vietnamese",
        ),
        pytest.param(
            "Mail Delivery System <Mailer-Daemon@x>",
            "Mail delivery failed: returning message to sender",
            (a_text(f"This message was created automatically by mail delivery software.\n\nMessage-Id:\n  {OURS}\n"),),
            (),
            id="exim, the field folded",
        ),
        pytest.param(
            "postmaster@x",
            "Undeliverable: x",
            (a_text(f"<p>It did not reach all:<br>Message ID: &lt;{OURS[1:-1]}&gt;</p>", "html"),),
            (),
            id="in HTML only",
        ),
    ],
)
def test_a_bounce_names_our_letter_wherever_its_server_writes_it(
    sender: str, subject: str, parts: tuple[Part, ...], head: tuple[bytes, ...]
) -> None:
    """Of 629 real bounces 124 carry none of the standard signals (intake lessons, 27)."""
    found = facts(a_machines_mail(*parts, sender=sender, subject=subject, head=head))

    assert (found.automatic, found.bounced_message_ids) == ("bounce", (OURS,))


def test_a_vietnamese_bounce_is_one() -> None:
    """Sender and subject together."""
    mail = a_machines_mail(
        a_text("Hộp thư đã đầy"),
        sender="postmaster@binhthuan.gov.vn",
        subject="Thư bị trả lại",
        head=(b"Return-Path: <>",),
    )

    assert facts(mail).automatic == "bounce"


def test_ordinary_mail_names_no_bounced_letter() -> None:
    """An agency that forwards our receipt must not mark it undelivered."""
    mail = a_mail(a_text(), a_nested_mail(a_returned_mail()))

    assert facts(mail).bounced_message_ids == ()


@pytest.mark.parametrize(
    ("subject", "head"),
    [
        ("Re: x", b"Auto-Submitted: auto-replied"),
        ("Re: x", b"X-Autoreply: yes"),
        ("Re: x", b"Precedence: auto_reply"),
        ("Re: x", b"Return-Path: <>"),
        ("Trả lời tự động: x", b"X-Mailer: y"),
        ("Automatic reply: x", b"X-Mailer: y"),
        ("Out of Office: x", b"X-Mailer: y"),
        ("[Auto-Reply] x", b"X-Mailer: y"),
        ("Re: x", b"Auto-Submitted: no\nAuto-Submitted: auto-replied"),
        ("Nghỉ phép", b"Precedence: bulk"),
    ],
)
def test_each_way_of_answering_by_machine_is_recognised(subject: str, head: bytes) -> None:
    """RFC 3834, and the habits of programs older than it."""
    assert facts(a_mail(a_text("Tôi vắng mặt"), subject=subject, head=[head])).automatic == "auto-reply"


LOGO = an_attachment(b"\x89PNG\r\n\x1a\n", "logo.png", kind="image/png")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Biên nhận", "Đây là thư trả lời tự động. Hiện tôi vắng mặt."),
        ("Re: Biên nhận", "Thư này được gửi tự động, xin không trả lời."),
        ("Re: receipt", "This is an automatic reply. I am out of the office."),
        ("Trả lời tự động: Biên nhận", "Tôi đang đi công tác."),
    ],
)
def test_a_reply_that_calls_itself_automatic_is_one_without_any_field(subject: str, text: str) -> None:
    """A picture below the text, such as the sender's logo, makes no person of the machine."""
    assert facts(a_mail(a_text(text), LOGO, subject=subject)).automatic == "auto-reply"


@pytest.mark.parametrize("head", [b"List-Id: <x.y>", b"List-Unsubscribe: <mailto:x@y>", b"Precedence: list"])
def test_list_mail_is_labelled(head: bytes) -> None:
    """The label is all: what it means is decided elsewhere."""
    assert facts(a_mail(a_text(), an_attachment(), head=[head])).automatic == "list"


def test_an_invitation_is_a_calendar_item() -> None:
    """RFC 5546: its method asks or answers."""
    invitation = an_attachment(b"BEGIN:VCALENDAR\nMETHOD:REQUEST\n", None, kind="text/calendar; method=REQUEST")

    assert facts(a_mail(a_text(), invitation, subtype="alternative")).automatic == "calendar"


def test_a_read_receipt_is_a_report() -> None:
    """RFC 8098."""
    receipt = an_attachment(
        b"Disposition: x; displayed\n", None, kind="message/disposition-notification", encoding="7bit"
    )
    mail = a_mail(
        a_text(), receipt, subtype="report; report-type=disposition-notification", subject="Đã đọc: Biên nhận"
    )

    assert facts(mail).automatic == "report"


def test_a_read_receipt_of_an_old_program_is_a_report() -> None:
    """It is a text with nothing around it."""
    text = a_text("Thư của bạn gửi đến Văn thư Sở Nội vụ đã được đọc lúc 15:04.")

    assert facts(a_mail(text, subject="Đã đọc: Biên nhận")).automatic == "report"


def test_a_mail_daemon_is_never_taken_for_a_person() -> None:
    """Whatever it wants to say, in whatever language."""
    mail = a_machines_mail(a_text("Вітаємо"), sender="MAILER-DAEMON@x", subject="Вітаємо")

    assert facts(mail).automatic == "auto-reply"


def test_a_bounce_nested_thirty_deep_is_still_a_bounce() -> None:
    """freescout#4250: two servers returned each other's returns."""
    mail = a_returned_mail()
    for _ in range(30):
        mail = a_machines_mail(
            a_text("failed"),
            an_attachment(b"Action: failed\n", None, kind="message/delivery-status", encoding="7bit"),
            a_nested_mail(mail),
            sender="MAILER-DAEMON@x",
            subject="Undelivered",
            subtype="report; report-type=delivery-status",
        )

    assert facts(mail).automatic == "bounce"
    assert OURS in facts(mail).bounced_message_ids
