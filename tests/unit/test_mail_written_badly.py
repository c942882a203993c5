"""Mails that their writers, or the servers on the way, broke: the form is still found, and what was odd is told."""

from __future__ import annotations

import base64
import binascii

import pytest

from intake.steps.unpack import unpack
from intake.steps.unpacked import Unpacked
from tests.makers_mail import PDF, Part, a_mail, a_multipart, a_text, an_attachment

TYPE = b"Content-Type: multipart/mixed;"
FORM = a_mail(a_text(), an_attachment())
ENCODED = b"Content-Transfer-Encoding: base64\n"
BOUNDARY = FORM.split(b'boundary="')[1].split(b'"')[0]
SEVERAL = b"Content-Type: text/plain; charset=utf-8\n" + TYPE


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(FORM.replace(TYPE, SEVERAL, 1), id="Content-Type twice, the first says text"),
        pytest.param(
            FORM.replace(TYPE, b'CONTENT-TYPE: multipart/mixed;\n boundary="other"\n' + TYPE, 1),
            id="Content-Type twice, with two boundaries",
        ),
        pytest.param(FORM.replace(ENCODED, b"Content-Transfer-Encoding: 7bit\n" + ENCODED), id="two encodings"),
        pytest.param(
            FORM.replace(b"Content-Disposition: att", b"Content-Disposition: inline\nContent-Disposition: att"),
            id="two dispositions",
        ),
        pytest.param(FORM.replace(TYPE, b"X-Content-Type: multipart/mixed;"), id="the Content-Type was taken away"),
        pytest.param(FORM.replace(b"MIME-Version", b"\nMIME-Version"), id="an empty line inside the head"),
        pytest.param(
            FORM.replace(TYPE, b"X: y;").replace(b"\n\n--", b"\n\nThis is a multi-part message in MIME format.\n--", 1),
            id="taken away, with the words for old readers",
        ),
        pytest.param(FORM.replace(b"\n", b"\r\r\n"), id="two CR before each LF"),
        pytest.param(b"\xef\xbb\xbf" + FORM, id="a byte order mark before the head"),
        pytest.param(FORM.replace(ENCODED, b""), id="base64 that nobody announced"),
        pytest.param(FORM.replace(ENCODED, b"Content-Transfer-Encoding: base-64\n"), id="base64 under a wrong name"),
        pytest.param(b"X-A: " + b"a" * 600_000 + b"\n" + FORM, id="a head of 600 kB before the real one"),
        pytest.param(b"X-A: b\n" * 3_000 + FORM, id="3,000 fields before the real ones"),
    ],
)
def test_the_form_in_a_broken_mail_is_found_with_its_name_and_sender(mail: bytes) -> None:
    """Each of these left the form in what was taken for running text, or as its undecoded letters."""
    unpacked = unpack(mail, "x.eml")

    assert [(leaf.name, leaf.data) for leaf in unpacked.parts] == [("phieu.pdf", PDF)]
    assert unpacked.mail is not None
    assert [one.address for one in unpacked.mail.from_addresses] == ["snv@binhthuan.gov.vn"]
    assert unpacked.text.strip() == "Kính gửi Sở Thông tin và Truyền thông"


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (FORM.replace(TYPE, SEVERAL, 1), "MIME_BROKEN"),
        (FORM.replace(TYPE, b"X: y;"), "MIME_BROKEN"),
        (FORM.replace(ENCODED, b""), "MIME_ENCODING"),
        (b"X-A: b\n" * 3_000 + FORM, "MAIL_HEAD_TOO_LONG"),
    ],
)
def test_what_other_readers_may_see_otherwise_is_told(mail: bytes, code: str) -> None:
    """A person who opens the mail in another program must be able to understand what he sees there."""
    assert code in codes(unpack(mail, "x.eml"))


def test_a_field_that_stands_twice_and_says_the_same_is_nothing_to_report() -> None:
    """Some gateways double what they copy."""
    line = b'Content-Type: multipart/mixed; boundary="' + BOUNDARY + b'"\n'

    assert codes(unpack(FORM.replace(line, line + line, 1), "x.eml")) == set()


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "text/richtext"])
@pytest.mark.parametrize("where", ["alone", "first", "as an alternative"])
def test_a_document_that_is_called_a_text_is_a_part(kind: str, where: str) -> None:
    """What it is, its bytes say: as running text it would be kept from everybody."""
    form = an_attachment(name=None, kind=kind)
    mail = {
        "alone": a_mail(form),
        "first": a_mail(form, a_text()),
        "as an alternative": a_mail(a_text(), form, subtype="alternative"),
    }[where]
    unpacked = unpack(mail, "x.eml")

    assert PDF in [leaf.data for leaf in unpacked.parts]
    assert unpacked.text == ("" if where == "alone" else "Kính gửi Sở Thông tin và Truyền thông")


@pytest.mark.parametrize(
    "text",
    [
        "Tệp %PDF-1.4 không mở được, xin gửi lại.",
        "PK là gì?",
        "-- \nContent-Type: là dòng gì vậy?\n",
        "Trích thư:\n--abc\nContent-Type: text/plain\n\nx\n--abc--\n",
    ],
)
def test_text_that_speaks_of_such_things_stays_text(text: str) -> None:
    """Only what begins so is so."""
    unpacked = unpack(a_mail(a_text(text)), "x.eml")

    assert (unpacked.parts, unpacked.text.strip(), codes(unpacked)) == ((), text.strip(), set())


def test_a_soft_line_break_with_blanks_behind_it_is_one() -> None:
    """RFC 2045 6.7, rule 3: blanks at the end of a line were added on the way."""
    mail = a_mail(a_text(), an_attachment(PDF * 3, encoding="quoted-printable"))
    assert b"=\n" in mail

    assert unpack(mail.replace(b"=\n", b"= \t\n"), "x.eml").parts[0].data == PDF * 3


def in_uuencode(data: bytes) -> bytes:
    """The lines that uuencode makes."""
    lines = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 phieu.pdf\n" + lines + b"`\nend\n"


def in_yenc(data: bytes, said: bytes = b"") -> bytes:
    """The lines that yEnc makes."""
    letters = bytearray()
    for code in data:
        moved = (code + 42) & 255
        letters += bytes((0x3D, (moved + 64) & 255)) if moved in (0, 10, 13, 0x3D) else bytes((moved,))
    return b"=ybegin line=128 size=%d%s name=phieu.pdf\r\n%s\r\n=yend size=%d\r\n" % (
        len(data),
        said,
        letters,
        len(data),
    )


EVERY_BYTE = PDF + bytes(range(256))


@pytest.mark.parametrize("written", [in_uuencode(EVERY_BYTE), in_yenc(EVERY_BYTE)], ids=["uuencode", "yEnc"])
@pytest.mark.parametrize("place", ["running text", "second text", "attached text"])
def test_a_file_written_into_any_text_is_found(written: bytes, place: str) -> None:
    """A second text stays a part itself, with the file under its own name in the trail."""
    head = (b"Content-Type: text/plain",)
    body = b"Gui phieu\n" + written
    mail = {
        "running text": a_mail(Part(head, body)),
        "second text": a_mail(a_text(), Part(head, body)),
        "attached text": a_mail(a_text(), an_attachment(body, "thu.txt", kind="text/plain")),
    }[place]
    found = {leaf.trail: leaf.data for leaf in unpack(mail, "x.eml").parts}

    around = {"running text": (), "second text": ("#2",), "attached text": ("thu.txt",)}[place]
    assert found[(*around, "phieu.pdf")] == EVERY_BYTE


def test_one_part_of_several_in_yenc_is_reported() -> None:
    """What is missing came in other mails."""
    unpacked = unpack(a_mail(Part((b"Content-Type: text/plain",), in_yenc(PDF, b" part=1 total=3"))), "x.eml")

    assert "MIME_ENCODING" in codes(unpacked)


def test_parts_of_a_mac_file_are_both_there() -> None:
    """RFC 1740: the resource fork beside the file; nobody is told that the form is something else."""
    fork = an_attachment(b"\x00\x05\x16\x07\x00\x02\x00\x00" + bytes(20), "phieu", kind="application/applefile")
    double = a_multipart((fork, an_attachment()), "appledouble")

    assert [leaf.media_type for leaf in unpack(a_mail(a_text(), double), "x.eml").parts] == [
        "application/applefile",
        "application/pdf",
    ]


def test_an_external_body_is_reported_and_never_fetched() -> None:
    """RFC 2046 5.2.3: the form lies elsewhere."""
    kind = 'message/external-body; access-type=URL; URL="https://snv.binhthuan.gov.vn/phieu.pdf"'
    part = an_attachment(b"Content-Type: application/pdf\n\n", None, kind=kind, encoding="7bit")

    assert "EXTERNAL_BODY_NOT_FETCHED" in codes(unpack(a_mail(a_text(), part), "x.eml"))


@pytest.mark.parametrize("closing", [b"", b"\n--" + BOUNDARY], ids=["none", "half"])
def test_a_multipart_that_breaks_off_keeps_what_came(closing: bytes) -> None:
    """A connection that was cut: all but the end is there, and the flaw is told."""
    cut = FORM[: FORM.rindex(b"\n--" + BOUNDARY)] + closing
    unpacked = unpack(cut, "x.eml")

    assert unpacked.parts[0].data == PDF
    assert "MIME_BROKEN" in codes(unpacked)


@pytest.mark.parametrize(
    "text",
    [
        "Gửi Phiếu tại drive.google.com/file/d/abc",
        "Tải: https://drive.google.com./x",
        "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fdrive.google.com%2Ffile%2Fd%2Fx&data=y",
        "https://snv-my.sharepoint.com/:b:/g/personal/x",
        "www.dropbox.com/s/abc/phieu.pdf?dl=0",
    ],
)
def test_a_link_is_seen_beside_what_comes_along_with_any_mail(text: str) -> None:
    """Exchange names the texts that it divides ATT00001.txt; a card, a key or a picture is no document either."""
    mail = a_mail(
        a_text(text),
        an_attachment(b"Disclaimer", "ATT00001.txt", kind="text/plain"),
        an_attachment(b"BEGIN:VCARD\n", "lan.vcf", kind="text/vcard"),
    )

    assert "LINK_INSTEAD_OF_FILE" in codes(unpack(mail, "x.eml"))


@pytest.mark.parametrize(
    "text", ["Xem snv.binhthuan.gov.vn", "ai@drive.google.com/x", "Google drive.google.com là gì?"]
)
def test_what_leads_to_no_file_is_no_link_to_one(text: str) -> None:
    """A web site in a signature, or an address."""
    assert "LINK_INSTEAD_OF_FILE" not in codes(unpack(a_mail(a_text(text)), "x.eml"))


def test_base64_in_the_url_alphabet_is_told_as_damaged() -> None:
    """Nothing guesses: another alphabet gives other bytes."""
    part = an_attachment()
    odd = Part(part.head, base64.urlsafe_b64encode(PDF + b"\xff\xfe\xfd" * 20))

    assert "MIME_ENCODING" in codes(unpack(a_mail(a_text(), odd), "x.eml"))


@pytest.mark.parametrize("name", ["thu.mbox", "thu.eml", None])
def test_every_mail_of_a_mailbox_file_is_opened(name: str | None) -> None:
    """RFC 4155: programs that save several mails write them one after the other."""
    line = b"From snv@binhthuan.gov.vn Thu Sep 12 15:04:05 2019\n"
    second = a_mail(a_text("Chào\nFrom đây là chữ thường\n"), an_attachment(PDF + b"%", "hai.pdf"))
    part = an_attachment(line + FORM + b"\n" + line + second, name, kind="application/octet-stream")
    found = unpack(a_mail(a_text(), part), "x.eml").parts

    here = name or "#2"
    assert [leaf.trail for leaf in found] == [(here, "#1", "phieu.pdf"), (here, "#2", "hai.pdf")]
    assert [leaf.data for leaf in found] == [PDF, PDF + b"%"]


@pytest.mark.parametrize("place", ["before", "after"])
def test_much_text_that_no_program_shows_is_told(place: str) -> None:
    """What stands outside the delimiters is passed over by every reader; it may have been meant to be read."""
    hidden = in_uuencode(EVERY_BYTE * 10)
    mail = FORM.replace(b"\n\n--", b"\n\n" + hidden + b"\n--", 1) if place == "before" else FORM + hidden

    assert "MIME_BROKEN" in codes(unpack(mail, "x.eml"))
    assert codes(unpack(FORM + b"\n" * 5_000, "x.eml")) == set()
