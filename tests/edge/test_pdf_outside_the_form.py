"""Broken signatures beside a good one: seen wherever they stand and whatever they lost, without false alarms."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Verdict
from tests.assets.make_pdf_outside import BROKEN, WHOLE
from tests.makers_pdf import integrity

FOLDER = Path(__file__).parents[1] / "assets" / "pdf" / "outside"


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_signature_beside_a_good_one_is_counted(name: str) -> None:
    """The good signature passes for itself; the broken one is named and decides the file."""
    report = integrity((FOLDER / f"broken-{name}.pdf").read_bytes())
    verdicts = {one.name: one.verdict for one in report.signatures}
    assert verdicts["Ky1"] is Verdict.PASSED
    assert verdicts["Ngoai"] is Verdict.FAILED
    assert report.verdict is Verdict.FAILED
    assert len(report.signatures) == 2


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_only_looks_like_a_signature_raises_no_alarm(name: str) -> None:
    """Seed values, locks, references, words in a text and earlier signatures do not spoil the one that counts."""
    report = integrity((FOLDER / f"whole-{name}.pdf").read_bytes())
    assert report.verdict is Verdict.PASSED
    assert len(report.signatures) == 1
    assert {reason.code for reason in report.reasons} == ({WHOLE[name][1]} - {""})


def test_every_asset_is_judged() -> None:
    """A file without an expectation would be dead weight."""
    named = {f"broken-{name}.pdf" for name in BROKEN} | {f"whole-{name}.pdf" for name in WHOLE}
    assert {path.name for path in FOLDER.iterdir()} == named
