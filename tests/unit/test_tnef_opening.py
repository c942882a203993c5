"""winmail.dat is opened to its attachments, and nothing in it can harm."""

from __future__ import annotations

import struct

import pytest

from intake.steps.tnef import decompress_rtf, open_tnef
from intake.steps.unpack import unpack
from tests.makers_mail import PDF, a_mail, a_text, a_tnef, an_attachment


def test_attachments_come_out_under_their_long_names() -> None:
    """The short title is cut to eight letters by Outlook."""
    mail = a_mail(
        a_text(), an_attachment(a_tnef({"Phiếu đánh giá.pdf": PDF}), "winmail.dat", kind="application/ms-tnef")
    )

    assert [(leaf.trail, leaf.data) for leaf in unpack(mail, "x.eml").parts] == [
        (("winmail.dat", "Phiếu đánh giá.pdf"), PDF)
    ]


def test_a_wrapping_is_recognised_by_its_bytes() -> None:
    """It comes as application/octet-stream under any name."""
    mail = a_mail(a_text(), an_attachment(a_tnef({"a.pdf": PDF}), "ATT00001.bin", kind="application/octet-stream"))

    assert [leaf.name for leaf in unpack(mail, "x.eml").parts] == ["a.pdf"]


def test_a_lone_wrapping_is_of_kind_tnef() -> None:
    """`intake unpack winmail.dat`."""
    assert unpack(a_tnef({"a.pdf": PDF}), "winmail.dat").kind == "tnef"


def test_an_embedded_message_is_opened_too() -> None:
    """A forwarded Outlook mail is a TNEF stream in an attachment's properties."""
    unpacked = unpack(a_tnef({}, embedded=a_tnef({"trong.pdf": PDF})), "winmail.dat")

    assert [leaf.trail for leaf in unpacked.parts] == [("#1", "trong.pdf")]


def test_the_body_of_a_mail_that_is_only_a_wrapping_is_its_text() -> None:
    """Otherwise nobody would see what the agency wrote."""
    mail = a_mail(an_attachment(a_tnef({}, body="Xin chào"), "winmail.dat", kind="application/ms-tnef"))

    assert unpack(mail, "x.eml").text == "Xin chào"


def test_an_html_body_is_running_text_and_no_part() -> None:
    """Contract section 4."""
    unpacked = unpack(a_tnef({"a.pdf": PDF}, html=b"<p>Hi</p>"), "winmail.dat")

    assert [leaf.name for leaf in unpacked.parts] == ["a.pdf"]


def test_compressed_rich_text_is_undone() -> None:
    """The example of [MS-OXRTFCP] 3.1.1.2, byte for byte."""
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )

    assert decompress_rtf(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_rich_text_that_claims_to_be_huge_is_not_undone() -> None:
    """The size is the sender's word."""
    assert decompress_rtf(struct.pack("<III", 100, 1 << 31, 0x75465A4C) + bytes(100)) is None


@pytest.mark.parametrize("cut", range(1, 700, 23))
def test_a_wrapping_cut_anywhere_is_read_up_to_there(cut: int) -> None:
    """No position in the stream makes it fail."""
    whole = a_tnef({"a.pdf": PDF, "b.pdf": PDF}, body="x", html=b"<p>", embedded=a_tnef({"c.pdf": PDF}))
    opened = open_tnef(whole[: 4 + cut])

    assert opened is not None
    assert all(PDF.startswith(one.data) or one.is_tnef or whole.find(one.data) >= 0 for one in opened.files)


def test_lengths_that_lie_read_nothing_beyond_the_stream() -> None:
    """A value of four gigabytes in a stream of a hundred bytes."""
    stream = bytearray(a_tnef({"a.pdf": PDF}))
    at = stream.find(struct.pack("<HHI", 0x001F, 0x3707, 1))
    struct.pack_into("<I", stream, at + 8, 0xFFFFFFF0)
    opened = open_tnef(bytes(stream))

    assert opened is not None
    assert [one.data for one in opened.files] == [PDF]
