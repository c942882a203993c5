"""What the head of a mail says: addresses, dates, hops and ids, read in one pass whatever stands there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from intake.steps.mail_addresses import addresses
from intake.steps.mail_headers import decode_words, parse_date, read_head
from intake.steps.unpack import unpack
from intake.steps.unpacked import Address, MailFacts
from tests.makers_mail import a_mail, a_text


def facts(mail: bytes) -> MailFacts:
    found = unpack(mail, "x.eml").mail
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"snv@binhthuan.gov.vn", [("", "snv@binhthuan.gov.vn")]),
        (b"So Noi vu <SNV@BinhThuan.gov.vn>", [("So Noi vu", "SNV@binhthuan.gov.vn")]),
        (b'"Noi vu, So" <snv@x.vn>, b@y.vn', [("Noi vu, So", "snv@x.vn"), ("", "b@y.vn")]),
        (b"snv@x.vn (So Noi vu)", [("So Noi vu", "snv@x.vn")]),
        (b"=?utf-8?B?U+G7nyBO4buZaSB24bul?= <snv@x.vn>", [("Sở Nội vụ", "snv@x.vn")]),
        ("Sở Nội vụ <snv@x.vn>".encode(), [("Sở Nội vụ", "snv@x.vn")]),
        (b"Nhom: a@x.vn, b@x.vn;", [("", "a@x.vn"), ("", "b@x.vn")]),
        (b"undisclosed-recipients:;", []),
        (b"<@a.vn,@b.vn:snv@x.vn>", [("", "snv@x.vn")]),
        (b"So Noi vu", [("So Noi vu", "")]),
        (b'"stttt@binhthuan.gov.vn" <other@x.vn>', [("stttt@binhthuan.gov.vn", "other@x.vn")]),
        (b"", []),
    ],
)
def test_addresses_are_read(value: bytes, expected: list[tuple[str, str]]) -> None:
    """RFC 5322 3.4 with what programs make of it."""
    assert addresses((value,)) == tuple(Address(*one) for one in expected)


def test_eight_hundred_nested_comments_are_read_without_recursion() -> None:
    """The standard library's parser raises RecursionError on this."""
    found = addresses((b"(" * 800 + b"x" + b")" * 800 + b" snv@x.vn",))

    assert [one.address for one in found] == ["snv@x.vn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 12 Sep 2019 15:04:05 +0700", datetime(2019, 9, 12, 8, 4, 5, tzinfo=UTC)),
        ("12 Sep 2019 15:04 +0700 (ICT)", datetime(2019, 9, 12, 8, 4, tzinfo=UTC)),
        ("Thu, 12 Sep 19 08:04:05 GMT", datetime(2019, 9, 12, 8, 4, 5, tzinfo=UTC)),
        ("Thu, 12 Sep 2019 08:04:60 Z", datetime(2019, 9, 12, 8, 4, 59, tzinfo=UTC)),
        ("12 Sep 2019 15:04:05", None),
        ("12 Sep 2019 15:04:05 ICT", None),
        ("32 Sep 2019 15:04:05 +0700", None),
        ("12 Foo 2019 15:04:05 +0700", None),
        ("Thu, 12 Sep 2019 15:04:05 +9999", None),
        ("", None),
    ],
)
def test_a_date_is_a_moment_or_nothing(text: str, expected: datetime | None) -> None:
    """A time without a zone is no moment, and the Date header is never a witness anyway."""
    assert parse_date(text) == expected


def test_every_hop_is_kept_top_first_with_its_time() -> None:
    """The own server's stamp stands on top."""
    found = facts(
        a_mail(
            a_text(),
            head=[
                b"Received: from mx by mail.binhthuan.gov.vn with LMTP;\r\n\tThu, 12 Sep 2019 15:04:07 +0700",
                b"Received: from pc by mx; Thu, 12 Sep 2019 15:04:06 +0700",
                b"Received: nonsense",
            ],
        )
    )

    assert [hop.at for hop in found.received] == [
        datetime(2019, 9, 12, 8, 4, 7, tzinfo=UTC),
        datetime(2019, 9, 12, 8, 4, 6, tzinfo=UTC),
        None,
    ]


def test_a_null_return_path_is_told_from_a_missing_one() -> None:
    """Only the first is a sign of automatic mail."""
    assert facts(a_mail(a_text())).return_path is None
    assert facts(a_mail(a_text(), head=[b"Return-Path: <>"])).return_path == ""
    assert facts(a_mail(a_text(), head=[b"Return-Path: <a@b>"])).return_path == "a@b"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=?utf-8?q?Phi=E1=BA=BFu?= =?utf-8?q?_=C4=91=C3=A1nh?=", "Phiếu đánh"),
        ("=?utf-8?b?UGhp4bo=?= =?utf-8?b?v3U=?=", "Phiếu"),
        ("=?windows-1258?q?Phi=EA=ECu?=", "Phiếu"),
        ("=?x-unknown-set?q?abc?=", "abc"),
        ("=?utf-8?q?broken", "=?utf-8?q?broken"),
        ("a =?utf-8?q?b?= c", "a b c"),
    ],
)
def test_encoded_words_are_decoded(written: str, shown: str) -> None:
    """RFC 2047, with letters that were cut between two words."""
    assert decode_words(written) == shown


def test_a_subject_never_carries_a_control_character() -> None:
    """A NUL would be refused by the database, a line end would fake a second field."""
    found = facts(a_mail(a_text(), subject="=?utf-8?q?a=00b=0D=0ABcc:_x=E2=80=AEy?="))

    assert found.subject == "a[U+0000]b Bcc: x[U+202E]y"


def test_references_are_read_one_by_one() -> None:
    """Without the white space between them."""
    found = facts(a_mail(a_text(), head=[b"References: <a@b>\r\n <c@d>  <e f>", b"In-Reply-To: <c@d> (note)"]))

    assert (found.references, found.in_reply_to) == (("<a@b>", "<c@d>"), "<c@d>")


def test_a_missing_message_id_is_normal() -> None:
    """It is never an identity."""
    assert facts(a_mail(a_text()).replace(b"Message-ID: <1@snv.binhthuan.gov.vn>\n", b"")).message_id is None


def test_a_head_of_two_hundred_kilobytes_is_cut_and_reported() -> None:
    """What follows it is still read."""
    unpacked = unpack(a_mail(a_text("Kính gửi"), head=[b"X-Long: " + b"(" * 210_000]), "x.eml")

    assert "MAIL_HEAD_TOO_LONG" in {one.code for one in unpacked.problems}
    assert unpacked.text.strip() == "Kính gửi"


def test_a_garbage_line_in_a_head_hides_no_field_after_it() -> None:
    """Gateways break lines where they must not."""
    head = read_head(b"From: a@b\nthis is no field\nSubject: x\n\nbody", 0, 44)

    assert [name for name, _ in head.fields] == ["from", "subject"]
