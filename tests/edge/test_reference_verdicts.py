"""One readable table: every collection of signed files, how many verdicts agree, and what passed that must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport
from signatures.verify import inspect
from tests.assets import make_cms, make_ooxml, make_pdf, make_xml
from tests.edge import test_cms_corpus, test_ooxml_corpus, test_pdf_corpus
from tests.unit import test_pkits_mail, test_pkits_paths

ASSETS = Path(__file__).parents[1] / "assets"
QUESTION = Question(at=datetime(2030, 1, 1, tzinfo=UTC), integrity_only=True)
NOT_PASSED = ("failed", "indeterminate", "unsupported")


@dataclass(frozen=True)
class Known:
    """A file and the answers that are right for it."""

    document: Document
    right: tuple[str, ...]


def known(path: Path, right: str, beside: bytes | None = None) -> Known:
    answers = NOT_PASSED if right == "not passed" else tuple(right.split(" or "))
    return Known(Document(path.name, path.read_bytes(), beside, "" if beside is None else "content"), answers)


def stumbled(report: FileReport) -> bool:
    codes = {one.code for one in report.reasons} | {one.code for sig in report.signatures for one in sig.reasons}
    return bool(codes & {"EXAMINATION_FAILED", "PDF_NOT_EXAMINED", "PDF_SIGNATURE_NOT_EXAMINED"})


def line(name: str, files: list[Known]) -> tuple[str, list[str]]:
    """Judge a collection; its line of the table, and what differs."""
    reports = [inspect(one.document, QUESTION) for one in files]
    pairs = list(zip(files, reports, strict=True))
    wrong = [f"{one.document.name}: {report.verdict}" for one, report in pairs if report.verdict not in one.right]
    let_through = sum(report.verdict == "passed" and "passed" not in one.right for one, report in pairs)
    hidden = sum(report.verdict == "unsigned" and "unsigned" not in one.right for one, report in pairs)
    crashes = sum(stumbled(report) for report in reports)
    return row(name, len(files), len(files) - len(wrong), let_through, hidden, crashes), wrong


def row(name: str, files: int, agree: int, passed: int, unsigned: int, stumbles: int) -> str:
    return (
        f"verdicts: {name:<44} {files:>4} files, {agree:>4} agree, wrongly passed {passed}, "
        f"wrongly unsigned {unsigned}, stumbled over {stumbles}"
    )


def corpus_collections(corpus: Path) -> dict[str, list[Known]]:
    signed = corpus / "signatures"
    openssl = signed / "openssl" / "test" / "recipes" / "80-test_cms_data"
    office = test_ooxml_corpus.office_files(corpus)
    return {
        "pyHanko, PDF": [
            known(path, test_pdf_corpus.EXPECTED.get(path.stem, "unsigned"))
            for path in sorted((signed / "pyhanko").rglob("*.pdf"))
        ],
        "Apache POI, Office files": [
            known(path, "passed" if path.name in test_ooxml_corpus.SIGNED else "unsigned")
            for path in sorted(office.iterdir())
            if path.suffix in (".docx", ".xlsx", ".pptx")
        ],
        "Thunderbird, S/MIME and CMS": [
            known(signed / "thunderbird" / name, right) for name, right in sorted(test_cms_corpus.THUNDERBIRD.items())
        ],
        "OpenSSL, CMS oddities": [
            known(openssl / name, right) for name, right in sorted(test_cms_corpus.OPENSSL.items())
        ],
        "national document axis, edXML": [
            known(path, "unsigned" if path.name.startswith("status") else "unsupported")
            for path in sorted((corpus / "edxml").glob("*.edxml"))
        ],
    }


def _named(document: Document) -> str:
    """The name under which Office would have saved it."""
    stem = document.name.removesuffix(".docx")
    if b"xl/workbook" in document.data:
        return f"{stem}.xlsx"
    return f"{stem}.pptx" if b"ppt/presentation" in document.data else document.name


def own_collections() -> dict[str, list[Known]]:
    """Our own assets; an asset too large to be kept is judged in its own test."""
    found: dict[str, list[Known]] = {}
    makers = (("pdf", ".pdf", make_pdf), ("ooxml", ".docx", make_ooxml), ("xml", ".xml", make_xml))
    for folder, suffix, maker in makers:
        for kind, table in (("attacks", maker.ATTACKS), ("lawful", maker.LAWFUL)):
            paths = {ASSETS / folder / kind / f"{name}{suffix}": entry[1] for name, entry in sorted(table.items())}
            found[f"own {kind}, {folder}"] = [known(path, right) for path, right in paths.items() if path.exists()]
    # Our sheets and slides are kept as .docx, and under that name a sheet is an attack of its own (rule 11).
    for one in ("own attacks, ooxml", "own lawful, ooxml"):
        found[one] = [replace(file, document=replace(file.document, name=_named(file.document))) for file in found[one]]
    for cases, folder in ((make_cms.CMS_CASES, "cms"), (make_cms.MAIL_CASES, "smime")):
        found[f"own attacks and lawful, {folder}"] = [
            known(ASSETS / folder / case.name, case.verdict, case.beside) for case in cases
        ]
    return found


@pytest.mark.parametrize("name", sorted(own_collections()))
def test_our_own_files_get_their_verdicts(name: str, tell: Callable[[str], None]) -> None:
    """Attacks never pass, lawful files are no alarm."""
    told, wrong = line(name, own_collections()[name])
    tell(told)
    assert wrong == []


@pytest.mark.corpus
def test_the_public_corpora_get_their_verdicts(corpus: Path, tell: Callable[[str], None]) -> None:
    """Files that nobody of us wrote get the verdicts that their makers' documentation gives them."""
    differing = []
    for name, files in corpus_collections(corpus).items():
        told, wrong = line(name, files)
        tell(told)
        differing += wrong
    assert differing == []


def test_the_whole_of_pkits_gets_its_verdicts(tell: Callable[[str], None]) -> None:
    """NIST's paths and mails: valid ones are valid, and no invalid one is."""
    rows = [(test_pkits_paths.is_valid(name), name.startswith("Valid")) for name in test_pkits_paths.plain_cases()]
    for one in test_pkits_paths.ROWS:
        answer = test_pkits_paths.is_valid(
            one.name,
            policies=one.policies,
            explicit=one.explicit,
            inhibit_mapping=one.inhibit_mapping,
            inhibit_any=one.inhibit_any,
        )
        rows.append((answer, one.valid))
    agree = sum(found is right for found, right in rows)
    tell(row("NIST PKITS, certification paths", len(rows), agree, sum(f and not r for f, r in rows), 0, 0))
    mails = [(test_pkits_mail.judge(name), name) for name in test_pkits_mail.mails()]
    valid = {name for name in test_pkits_mail.mails() if "Invalid" not in name} - set(test_pkits_mail.EXCEPTIONS)
    right = sum((report.verdict == "passed") is (name in valid) for report, name in mails)
    let_through = sum(report.verdict == "passed" and name not in valid for report, name in mails)
    tell(row("NIST PKITS, S/MIME mails", len(mails), right, let_through, 0, sum(stumbled(one) for one, _ in mails)))
    assert (agree, right, let_through) == (len(rows), len(mails), 0)
