"""Hostile shapes cost no more than they may, end with a finding, and lose nothing."""

from __future__ import annotations

import base64

import pytest

from intake.steps.allowance import MAX_DEPTH, MAX_PARTS, MAX_PROBLEMS
from intake.steps.html_text import text_of_html
from intake.steps.unpack import unpack
from intake.steps.unpacked import Unpacked
from tests.makers_mail import PDF, Part, a_mail, a_multipart, a_nested_mail, a_text, a_tnef, a_zip, an_attachment


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


def nested(levels: int, encoding: str) -> bytes:
    mail = a_mail(a_text(), an_attachment())
    for _ in range(levels):
        mail = a_mail(a_text(), a_nested_mail(mail, "t.eml", encoding=encoding))
    return mail


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_thirty_levels_are_opened(encoding: str) -> None:
    """A bounce came nested 30 deep (freescout#4250)."""
    leaf = unpack(nested(30 if encoding == "7bit" else 12, encoding), "x.eml").parts[0]

    assert leaf.data == PDF
    assert set(leaf.trail[:-1]) == {"t.eml"}


def test_more_levels_than_allowed_leave_the_innermost_as_a_leaf() -> None:
    """It is kept, and a person is told."""
    unpacked = unpack(nested(MAX_DEPTH + 20, "7bit"), "x.eml")

    assert "LIMIT_DEPTH" in codes(unpacked)
    assert len(unpacked.parts) == 1
    assert PDF not in unpacked.parts[0].data
    assert base64.encodebytes(PDF).rstrip(b"\n") in unpacked.parts[0].data


@pytest.mark.parametrize("levels", [99, 500, 5_000])
def test_multiparts_within_multiparts_never_exhaust_the_stack(levels: int) -> None:
    """Each level has its own boundary and no end."""
    opened = b"".join(f"Content-Type: multipart/mixed; boundary=b{one}\n\n--b{one}\n".encode() for one in range(levels))
    unpacked = unpack(b"From: a@b\nSubject: x\n" + opened + b"Content-Type: text/csv\n\n1;2\n", "x.eml")

    assert codes(unpacked) <= {"MIME_BROKEN", "LIMIT_DEPTH"}


def test_mixed_nesting_never_exhausts_the_stack() -> None:
    """Multiparts, encoded mails, archives and winmail.dat in turns."""
    data = a_mail(a_text(), an_attachment())
    for level in range(20):
        wrapped = a_zip({"a.eml": data}) if level % 2 else a_tnef({"a.eml": data})
        part = a_multipart((a_multipart((an_attachment(wrapped, "w.bin"),)),))
        data = a_mail(a_text(), part)
    unpacked = unpack(data, "x.eml")

    assert codes(unpacked) <= {"LIMIT_DEPTH"}
    assert "UNPACK_FAILED" not in codes(unpacked)


def test_ten_thousand_parts_end_at_the_limit_and_say_so() -> None:
    """The original is kept whole, so nothing is lost."""
    body = b"--b\n\na\n" * 10_000 + b"--b--\n"
    unpacked = unpack(a_mail(Part((b"Content-Type: multipart/mixed; boundary=b",), body)), "x.eml")

    assert len(unpacked.parts) <= MAX_PARTS
    assert "LIMIT_PARTS" in codes(unpacked)


def test_many_flaws_are_counted_in_one_line() -> None:
    """A report of ten thousand lines helps nobody."""
    parts = [an_attachment(b"x", f"a\u202e{one}.txt", encoding="7bit") for one in range(MAX_PROBLEMS + 50)]
    unpacked = unpack(a_mail(a_text(), *parts), "x.eml")

    assert len(unpacked.problems) == MAX_PROBLEMS + 1
    assert unpacked.problems[-1].code == "MORE_PROBLEMS"


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"To: " + b"(" * 800 + b"x" * 210_000 + b")" * 800, id="800 nested comments"),
        pytest.param(b"To: " + b"a@b.vn," * 30_000, id="30,000 receivers"),
        pytest.param(b"To: " + b'"' * 200_000, id="quotes"),
        pytest.param(b"Subject: " + b"=?utf-8?q?" * 20_000, id="unfinished encoded words"),
        pytest.param(b"Subject: " + b"=?utf-8?q?x?= " * 15_000, id="encoded words"),
        pytest.param(b"Content-Type: text/plain; name=a" + b" " * 200_000, id="blanks in a parameter"),
        pytest.param(b"Content-Type: multipart/mixed;" + b" a=b;" * 40_000, id="40,000 parameters"),
        pytest.param(b"\n".join(b"X-%d: y" % one for one in range(50_000)), id="50,000 fields"),
        pytest.param(b"X: a\n" + b" b\n" * 50_000 + b"Y: z", id="50,000 folds"),
    ],
)
def test_a_hostile_head_is_cut_and_the_body_still_read(field: bytes) -> None:
    """The cut is reported; the form behind it is found."""
    unpacked = unpack(b"From: a@b.vn\n" + field + b"\n" + a_mail(a_text(), an_attachment()), "x.eml")

    assert "MAIL_HEAD_TOO_LONG" in codes(unpacked)
    assert "UNPACK_FAILED" not in codes(unpacked)


@pytest.mark.parametrize("piece", [b"<", b"<script>", b"<!--", b"<p>", b"<a <a ", b"&#x41;"])
def test_hostile_html_is_read_in_one_pass(piece: bytes) -> None:
    """Tags that never close end the text."""
    text = text_of_html((piece * (200_000 // len(piece))).decode())

    assert len(text) <= 200_000


def test_html_gives_its_words() -> None:
    """Without scripts, comments and styles, entities resolved."""
    html = "<style>p{}</style><p>Phi&#7871;u &amp; s&#7889; li&#7879;u</p><!-- x --><script>1<2</script><br>h&#7871;t"
    html += " 1 < 2"

    assert text_of_html(html).split() == ["Phiếu", "&", "số", "liệu", "hết", "1", "<", "2"]
