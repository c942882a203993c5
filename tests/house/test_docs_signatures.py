"""What docs/signatures.md tells an auditor is true: its examples run, its table is what the tests count."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from config.reasons import all_reasons
from intake.once import run_once
from signatures.question import Policy
from signatures.report import Verdict
from tests.edge.test_reference_verdicts import corpus_collections, own_collections
from tests.makers import IN_TIME
from tests.offices import SmallOffice, a_mail, a_signed_form, the_pki
from tests.unit import test_pkits_mail, test_pkits_paths

TEXT = Path("docs/signatures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SHELL = [block for kind, block in BLOCKS if kind == "sh"]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]
# Names in capitals that are no reason codes: sub-indications of ETSI EN 319 102-1, and words of the text.
OTHER_NAMES = {
    *("NO_CERTIFICATE_CHAIN_FOUND", "TRY_LATER", "SIGNED_DATA_NOT_FOUND", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"),
    *("CORPUS_DIR", "TOTAL_PASSED", "TOTAL_FAILED"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the examples speak of: a signed form and a trust folder."""
    (tmp_path / "phieu.pdf").write_bytes(a_signed_form())
    the_pki().write_trust(
        tmp_path / "trust", this_update=IN_TIME - timedelta(days=20), next_update=IN_TIME + timedelta(days=400)
    )
    return tmp_path


def shell(block: str, folder: Path) -> str:
    """Run a block as an auditor would; it must end well."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e", "-c", block], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_commands_pass_the_signed_form(folder: Path) -> None:
    """They print the verdict, one JSON document, and write the report."""
    # Without trust judged the form passes, too, so that every command ends with 0.
    assert "passed" in shell(SHELL[0], folder)
    answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    assert (answer["schema"], answer["files"][0]["verdict"]) == ("intake-verify/1", "passed")
    assert b"total-passed" in (folder / "report.xml").read_bytes()


def test_the_evidence_of_a_filed_form_judges_it_again(small_office: SmallOffice) -> None:
    """The command that HOW-TO.txt names ends well in the folder that was handed out."""
    small_office.mailbox.put(a_mail(a_signed_form()))
    run_once(small_office.office)
    assert "passed" in shell(SHELL[1], small_office.folder)


def test_the_python_example_prints_what_the_command_says(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small documented interface is all that is needed."""
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    exec(PYTHON[0], names)  # the example is ours
    assert "passed" in capsys.readouterr().out


def test_no_example_is_left_out() -> None:
    """Every block of the text is run above."""
    assert (len(SHELL), len(PYTHON)) == (2, 1)


def rows() -> dict[str, list[str]]:
    return {
        cells[0]: cells[1:]
        for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines())
        if len(cells) == 4 and cells[3] == "0"
    }


def test_the_counts_of_pkits_are_the_suites() -> None:
    """Paths and mails."""
    paths = len(test_pkits_paths.plain_cases()) + len(test_pkits_paths.ROWS)
    assert rows()["NIST PKITS, certification paths"][:2] == [str(paths)] * 2
    assert rows()["NIST PKITS, S/MIME mails"][:2] == [str(len(test_pkits_mail.mails()))] * 2


def test_there_are_as_many_files_of_our_own_as_is_said() -> None:
    """Attacks and lawful files together."""
    said = rows()["our own attacks and lawful files"][0]
    assert sum(len(files) for files in own_collections().values()) > int(said.removeprefix("over "))


@pytest.mark.corpus
def test_the_counts_of_the_corpora_are_right(corpus: Path) -> None:
    """Every collection stands in the table with its number of files."""
    counted = {name: str(len(files)) for name, files in corpus_collections(corpus).items()}
    assert {name: rows()[name][0] for name in counted} == counted
    assert {name: rows()[name][1] for name in counted} == counted


def test_every_verdict_and_every_code_that_is_named_exists() -> None:
    """Words that the program never says would mislead."""
    for verdict in Verdict:
        assert f"`{verdict.value}`" in TEXT
    codes = set(re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b", TEXT)) - OTHER_NAMES
    assert len(codes) > 5
    assert codes <= set(all_reasons())


def test_the_policy_is_the_one_described() -> None:
    """The numbers of the text are the defaults of the record."""
    policy = Policy()
    assert policy.sha1_certificates_before.isoformat() == "2019-01-01"
    assert "issued before 2019" in TEXT
    assert f"need {policy.min_rsa_bits} bits, {policy.min_rsa_bits_before_2014} if issued before 2014" in TEXT
    assert policy.local_time_fault_hours == 7
    assert "seven hours" in TEXT
