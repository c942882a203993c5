"""Files that programs begin to read elsewhere, unpack or decrypt otherwise, or that deceive by lawful acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Verdict
from tests.assets.make_pdf_deceiving import DECEIVING, HONEST
from tests.makers_pdf import integrity

FOLDER = Path(__file__).parents[1] / "assets" / "pdf" / "deceiving"


@pytest.mark.parametrize("name", sorted(DECEIVING))
def test_what_deceives_does_not_pass(name: str) -> None:
    """Some program shows, reads or verifies something else than was signed; the finding says so."""
    report = integrity((FOLDER / f"{name}.pdf").read_bytes())
    assert report.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    (first,) = [one for one in report.signatures if one.name == "Ky1"]
    assert first.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    assert DECEIVING[name][1] in {reason.code for reason in first.reasons}


@pytest.mark.parametrize("name", sorted(HONEST))
def test_the_same_done_honestly_passes(name: str) -> None:
    """What looks alike and deceives nobody keeps passing."""
    report = integrity((FOLDER / f"{name}.pdf").read_bytes())
    assert [one.verdict for one in report.signatures] == [Verdict.PASSED]


def test_every_asset_has_its_expectation() -> None:
    """A file that nobody expects anything of would be dead weight."""
    assert {path.stem for path in FOLDER.iterdir()} == {*DECEIVING, *HONEST}
