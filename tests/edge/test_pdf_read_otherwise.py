"""Files that programs read in different ways after a change: none passes, whatever our own reader sees in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Verdict
from tests.assets.make_pdf_otherwise import OTHERWISE
from tests.makers_pdf import integrity

FOLDER = Path(__file__).parents[1] / "assets" / "pdf" / "otherwise"


@pytest.mark.parametrize("name", sorted(OTHERWISE))
def test_what_programs_read_differently_does_not_pass(name: str) -> None:
    """Some program shows, or may show, something else than was signed; the finding says so."""
    report = integrity((FOLDER / f"{name}.pdf").read_bytes())
    assert report.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    (first,) = [one for one in report.signatures if one.name == "Ky1"]
    assert first.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    assert OTHERWISE[name][1] in {reason.code for reason in first.reasons}


def test_every_asset_has_its_expectation() -> None:
    """A file that nobody expects anything of would be dead weight."""
    assert {path.stem for path in FOLDER.iterdir()} == set(OTHERWISE)
