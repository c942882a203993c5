"""Every attack on signed mail has its file and its answer: only the signed part counts, and only for its sender."""

from __future__ import annotations

import pytest

from signatures.question import Document, Question
from signatures.report import Covers, FileReport
from signatures.verify import inspect
from tests.assets.make_cms import HERE, MAIL_CASES, Case
from tests.makers_cms import BODY, NOW, base64_lines, detached, header, mixed, office


def judge(case: Case) -> FileReport:
    data = (HERE / "smime" / case.name).read_bytes()
    return inspect(Document(case.name, data), Question(at=NOW, at_is_proof=True, integrity_only=True))


def named(name: str) -> Case:
    return next(case for case in MAIL_CASES if case.name == name)


def codes_of(report: FileReport) -> set[str]:
    return {reason.code for reason in report.reasons} | {
        reason.code for one in report.signatures for reason in one.reasons
    }


@pytest.mark.parametrize("case", MAIL_CASES, ids=lambda case: case.name)
def test_every_mail_gets_the_answer_of_the_table(case: Case) -> None:
    """The verdict, the reason and the sub-indication are those the table names."""
    report = judge(case)
    assert report.format == "smime"
    assert report.verdict.value == case.verdict
    if case.code:
        assert case.code in codes_of(report)
    if case.sub is not None:
        assert report.signatures[0].sub_indication == case.sub


@pytest.mark.parametrize("case", MAIL_CASES, ids=lambda case: case.name)
def test_every_mail_is_made_again_byte_for_byte(case: Case) -> None:
    """What lies in the folder is what the maker makes."""
    assert (HERE / "smime" / case.name).read_bytes() == case.make()


@pytest.mark.parametrize("name", ["text-before.eml", "list-footer.eml", "html-hides-signed-part.eml"])
def test_of_a_partly_signed_mail_only_the_signed_part_is_shown(name: str) -> None:
    """`shown` is exactly the signed part, and the signature says that it covers only a part."""
    report = judge(named(name))
    assert report.shown == BODY
    assert report.signatures[0].covers is Covers.PARTIAL
    assert report.signatures[0].intact is True


def test_both_names_are_told_when_the_signer_is_not_the_sender() -> None:
    """A clerk sees who signed and who is said to have sent."""
    report = judge(named("from-another.eml"))
    detail = next(one.detail for one in report.signatures[0].reasons if one.code == "SIGNER_IS_NOT_SENDER")
    assert "lan@example.vn" in detail
    assert "giamdoc@example.vn" in detail


def test_each_level_of_a_nested_mail_is_judged() -> None:
    """Outer and inner signature both stand in the report, each with its own signer."""
    names = [one.signer.common_name for one in judge(named("nested.eml")).signatures if one.signer]
    assert names == ["Nguyễn Thị Lan", "Trần Văn Minh"]


def test_a_signature_file_beside_two_files_of_its_name_signs_neither() -> None:
    """A reader who sees one name twice cannot tell which was signed; the same bytes twice are one file."""
    signature = _attached("phieu.txt.p7s", detached(office().lan, b"95,2"))
    signed, other = _attached("phieu.txt", b"95,2"), _attached("phieu.txt", b"99,9")
    question = Question(at=NOW, at_is_proof=True, integrity_only=True)
    answers = [
        [one.verdict.value for one in inspect(Document("thu.eml", header() + mixed(*parts)), question).contents]
        for parts in ((other, signed, signature), (signed, signed, signature))
    ]
    assert answers == [["indeterminate"], ["passed"]]


def _attached(name: str, octets: bytes) -> bytes:
    return (
        f'Content-Type: application/octet-stream; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode()
        + base64_lines(octets)
    )
