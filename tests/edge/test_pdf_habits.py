"""Lawful files with the habits of signing programs in the world: each passes, with every signature counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Verdict
from tests.assets.make_pdf_habits import HABITS
from tests.makers_pdf import integrity

FOLDER = Path(__file__).parents[1] / "assets" / "pdf" / "habits"


@pytest.mark.parametrize("name", sorted(HABITS))
def test_a_habit_of_signing_programs_is_no_alarm(name: str) -> None:
    """What the standard allows, or what no reader minds, is no fault of the signer."""
    report = integrity((FOLDER / f"{name}.pdf").read_bytes())
    assert report.verdict is Verdict.PASSED, report
    assert len(report.signatures) == HABITS[name][1]
    assert {one.verdict for one in report.signatures} == {Verdict.PASSED}


def test_every_asset_is_judged() -> None:
    """A file without an expectation would be dead weight."""
    assert {path.stem for path in FOLDER.iterdir()} == set(HABITS)
