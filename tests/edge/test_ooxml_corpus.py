"""Office files and packages that nobody of us wrote: the published ones verify, the packages get an honest answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.verify import inspect
from tests.makers_ooxml import LATER, codes

pytestmark = pytest.mark.corpus

SIGNED = {
    "Office2010-SP1-XAdES-X-L.docx": 1,
    "PPT2016withComment.pptx": 1,
    "hello-world-office-2010-technical-preview.docx": 1,
    "hello-world-signed-twice.docx": 2,
    "hello-world-signed.docx": 1,
    "hello-world-signed.pptx": 1,
    "hello-world-signed.xlsx": 1,
    "hyperlink-example-signed.docx": 1,
    "ms-office-2010-signed.docx": 1,
    "ms-office-2010-signed.pptx": 1,
    "ms-office-2010-signed.xlsx": 1,
    "office2007prettyPrintedRels.docx": 1,
    "signed.docx": 1,
}


def judged(file: Path) -> FileReport:
    """Judge as `intake verify --integrity-only` does."""
    return inspect(Document(file.name, file.read_bytes()), Question(at=LATER, integrity_only=True))


def office_files(corpus: Path) -> Path:
    """The folder of signed and unsigned Office files."""
    return corpus / "signatures" / "poi" / "test-data" / "xmldsign"


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_a_published_signed_office_file_verifies(corpus: Path, name: str) -> None:
    """Office 2007 to 2016 and other signers: every signature passes, over the whole file."""
    report = judged(office_files(corpus) / name)
    assert report.verdict is Verdict.PASSED, report
    assert len(report.signatures) == SIGNED[name]
    assert all(one.intact for one in report.signatures)


def test_every_other_published_office_file_is_unsigned(corpus: Path) -> None:
    """Nothing is called signed that is not."""
    others = [one for one in office_files(corpus).iterdir() if one.suffix in (".docx", ".xlsx", ".pptx")]
    unsigned = [one for one in others if one.name not in SIGNED]
    assert len(unsigned) == 5
    assert {judged(one).verdict for one in unsigned} == {Verdict.UNSIGNED}


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_one_changed_byte_of_any_signed_part_is_found(corpus: Path, name: str) -> None:
    """The document, its styles, its relationships: whatever the signature is over."""
    from intake.demo.ooxml_signing import read_package, write_package

    parts = read_package((office_files(corpus) / name).read_bytes())
    skipped = (
        "_xmlsignatures/",
        "docProps/",
        "[Content_Types]",
        "customXml/",
        "_rels/",
        "ppt/presProps",
        "ppt/viewProps",
    )
    signed = [one for one in parts if not one.startswith(skipped) and not one.endswith(".rels") and parts[one]]
    assert signed
    for part in signed:
        octets = parts[part]
        changed = {**parts, part: octets[:-1] + bytes([octets[-1] ^ 1])}
        report = inspect(Document(name, write_package(changed)), Question(at=LATER, integrity_only=True))
        assert report.verdict is Verdict.FAILED, part


def test_published_packages_get_one_of_three_honest_answers(corpus: Path) -> None:
    """Status packages are unsigned; placeholders and wrong namespaces cannot be verified, and are never `unsigned`."""
    packages = sorted((corpus / "edxml").glob("*.edxml"))
    assert len(packages) == 13
    for file in packages:
        report = judged(file)
        wanted = Verdict.UNSIGNED if file.name.startswith("status") else Verdict.UNSUPPORTED
        assert (report.format, report.verdict) == ("edxml", wanted), file.name


def test_the_file_inside_a_published_package_is_judged(corpus: Path) -> None:
    """The ZIP around it is taken away; an old Word file cannot be judged."""
    report = judged(corpus / "edxml" / "edoc_new.edxml")
    assert [(one.path, one.verdict) for one in report.contents] == [("1896_QD-TTg_m_294779.doc", Verdict.UNSUPPORTED)]
    assert "EDXML_SIGNATURE_NAMESPACE" in codes(report)
