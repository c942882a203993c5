"""Every CMS attack of the list has its file and its answer: never passed where it must not."""

from __future__ import annotations

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport
from signatures.verify import inspect
from tests.assets.make_cms import CMS_CASES, HERE, Case
from tests.makers_cms import NOW


def judge(case: Case) -> FileReport:
    data = (HERE / "cms" / case.name).read_bytes()
    question = Question(at=NOW, at_is_proof=True, integrity_only=True)
    return inspect(Document(case.name, data, case.beside, "" if case.beside is None else "content"), question)


def codes_of(report: FileReport) -> set[str]:
    return {reason.code for reason in report.reasons} | {
        reason.code for one in report.signatures for reason in one.reasons
    }


@pytest.mark.parametrize("case", CMS_CASES, ids=lambda case: case.name)
def test_every_cms_file_gets_the_answer_of_the_table(case: Case) -> None:
    """The verdict, the reason and the sub-indication are those the table names."""
    report = judge(case)
    assert report.verdict.value == case.verdict
    if case.code:
        assert case.code in codes_of(report)
    if case.sub is not None:
        assert report.signatures[0].sub_indication == case.sub


@pytest.mark.parametrize("case", CMS_CASES, ids=lambda case: case.name)
def test_every_cms_file_is_made_again_byte_for_byte(case: Case) -> None:
    """What lies in the folder is what the maker makes."""
    assert (HERE / "cms" / case.name).read_bytes() == case.make()


def test_a_failed_signature_is_never_called_intact_when_its_bytes_are_wrong() -> None:
    """`intact` is false wherever the content or the signature value does not fit."""
    wrong = [
        case for case in CMS_CASES if case.code in ("CONTENT_CHANGED", "SIGNATURE_BROKEN", "CONTENT_INSIDE_DIFFERS")
    ]
    assert len(wrong) >= 6
    for case in wrong:
        assert any(one.intact is False for one in judge(case).signatures), case.name


def test_the_certificate_that_the_signer_bound_is_the_one_named() -> None:
    """Of two certificates with one serial number, the ESS digest picks the signer's."""
    case = next(case for case in CMS_CASES if case.name == "same-serial-twice.p7s")
    signer = judge(case).signatures[0].signer
    assert signer is not None
    assert signer.common_name == "Second"


def test_content_of_an_enveloping_signature_is_shown_only_if_the_signature_passed() -> None:
    """A `.p7m` hands out its content when its signature holds, and only then."""
    good = next(case for case in CMS_CASES if case.name == "good-encapsulated.p7m")
    assert judge(good).shown is not None
    bad = next(case for case in CMS_CASES if case.name == "content-inside-differs.p7s")
    assert judge(bad).shown is None
