"""The From of a mail that nobody could examine: one address or none, and never a machine's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.steps.unread_sender import HEAD_BYTES, sender_of_unread


@pytest.mark.parametrize(
    "head",
    [
        b"From: snv@binhthuan.example\r\n\r\nbody",
        b"Subject: x\nfrom: =?utf-8?q?S=E1=BB=9F?= <SNV@binhthuan.example>\n\nFrom: other@x.example",
        b"From:\r\n  So Noi vu\r\n\t<snv@binhthuan.example>\r\nAuto-Submitted: no\r\n\r\n",
        b'From: "stc@binhthuan.example" <snv@binhthuan.example>\r\n\r\n',
    ],
)
def test_the_one_address_is_found(head: bytes) -> None:
    """However the line is folded, spelled or named."""
    assert sender_of_unread(head) == "snv@binhthuan.example"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Subject: x\r\n\r\nFrom: snv@binhthuan.example",
        b"From: snv@binhthuan.example\r\nFrom: stc@binhthuan.example\r\n\r\n",
        b"From: <snv@binhthuan.example>, <stc@binhthuan.example>\r\n\r\n",
        b"From: snv@binhthuan.example, stc@binhthuan.example\r\n\r\n",
        b"From: <snv@binhthuan.example\0>\r\n\r\n",
        b"From: snv@binhthuan.example\r\nAuto-Submitted: auto-replied\r\n\r\n",
        b"From: snv@binhthuan.example\r\nReturn-Path: <>\r\n\r\n",
        b"From: snv@binhthuan.example\r\nList-Id: <x>\r\n\r\n",
        b"X: " + b"y" * HEAD_BYTES + b"\r\nFrom: snv@binhthuan.example\r\n\r\n",
    ],
)
def test_in_any_doubt_nobody_is_answered(head: bytes) -> None:
    """None, several, a broken one, an automatic mail, or a From beyond all honest headers."""
    assert sender_of_unread(head) == ""


@given(st.binary(max_size=2000))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    """It is asked about the very mails that break parsers."""
    assert sender_of_unread(b"From: " + head) == sender_of_unread(b"From: " + head).lower()
