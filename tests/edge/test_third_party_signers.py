"""Files signed by programs that nobody of us wrote, as they came or attacked since: each gets the answer it must."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.verify import inspect

FOLDER = Path(__file__).parents[1] / "assets" / "third_party"
LATER = datetime(2027, 1, 4, 3, 0, tzinfo=UTC)
# Signed with throw-away keys; the name says the expected answer, the maker, and what is special or wrong.
PASSED = sorted(path.name for path in FOLDER.glob("passed-*"))
NOT_PASSED = {
    "notpassed-endesive-note-on-paper-only.pdf": "ANNOTATION_ADDED",
    "notpassed-endesive-stamp-without-area.pdf": "ANNOTATION_ADDED",
    "notpassed-pdfbox-form-replaced-by-xfa.pdf": "FORM_CHANGED",
    "notpassed-pdfbox-hidden-button-with-script.pdf": "FIELD_ADDED",
    "notpassed-pyhanko-broken-outside-the-form.pdf": "CONTENTS_GAP_MISMATCH",
    "notpassed-pyhanko-field-drawn-on-black-when-remade.pdf": "FIELD_CHANGED",
    "notpassed-pyhanko-field-drawn-white-when-remade.pdf": "FIELD_CHANGED",
    "notpassed-pyhanko-field-made-a-password.pdf": "FIELD_CHANGED",
    "notpassed-pyhanko-row-points-at-another-object.pdf": "UPDATE_ROW_WRONG",
    "notpassed-pyhanko-row-with-another-generation.pdf": "UPDATE_ROW_WRONG",
}


def _judged(name: str) -> FileReport:
    return inspect(Document(name, (FOLDER / name).read_bytes()), Question(at=LATER, integrity_only=True))


@pytest.mark.parametrize("name", PASSED)
def test_a_lawful_file_of_another_maker_passes(name: str) -> None:
    """Signing programs differ in what they write; what the standard allows is no fault of the signer."""
    report = _judged(name)
    assert report.verdict is Verdict.PASSED
    assert report.signatures


@pytest.mark.parametrize(("name", "code"), NOT_PASSED.items())
def test_an_attack_on_a_file_of_another_maker_does_not_pass(name: str, code: str) -> None:
    """Neither failed nor indeterminate opens a door; the finding must be the one that saw the attack."""
    report = _judged(name)
    assert report.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    found = {reason.code for one in report.signatures for reason in one.reasons}
    assert code in found


def test_every_asset_is_judged() -> None:
    """A file without an expectation would be dead weight."""
    assert {path.name for path in FOLDER.iterdir()} == {*PASSED, *NOT_PASSED}
