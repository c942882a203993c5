"""`intake verify` as an auditor uses it: a report for other software, which itself holds all that it rests on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from intake.cli import run
from intake.demo.signing import sign_pdf
from signatures.validation_report import NAMESPACE
from tests.makers import IN_TIME
from tests.offices import a_form, a_signed_form, the_pki

NAMES = {"v": NAMESPACE}
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the program in this process; exit status and what it printed."""

    def one(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        return run(list(arguments)), capfd.readouterr().out

    return one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A signed form, a forged one, and the trust folder."""
    the_pki().write_trust(
        tmp_path / "trust", this_update=IN_TIME - timedelta(days=20), next_update=IN_TIME + timedelta(days=400)
    )
    signed = a_signed_form()
    (tmp_path / "phieu.pdf").write_bytes(signed)
    (tmp_path / "khac.pdf").write_bytes(signed.replace(b"%PDF-1.", b"%PDF-2.", 1))
    (tmp_path / "chua-ky.pdf").write_bytes(a_form())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "status", "indication", "sub_indication"),
    [
        ("phieu.pdf", 0, "total-passed", []),
        ("khac.pdf", 1, "total-failed", ["HASH_FAILURE"]),
    ],
)
def test_the_report_says_the_verdict_in_the_standards_words(
    call: Call, folder: Path, name: str, status: int, indication: str, sub_indication: list[str]
) -> None:
    """The XML is well-formed and bears the indications of ETSI TS 119 102-2."""
    out = folder / "report.xml"
    ended, _ = call(
        *("verify", "--trust", str(folder / "trust"), "--at", IN_TIME.isoformat()),
        *("--report", str(out), str(folder / name)),
    )
    root = etree.fromstring(out.read_bytes())
    assert ended == status
    assert root.xpath("//v:MainIndication/text()", namespaces=NAMES) == [f"urn:etsi:019102:mainindication:{indication}"]
    assert root.xpath("//v:SubIndication/text()", namespaces=NAMES) == [
        f"urn:etsi:019102:subindication:{one}" for one in sub_indication
    ]


def test_a_visible_change_is_drawn_as_it_was_signed_and_as_it_shows_now(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The clerk compares two pictures with his own eyes."""
    from intake.cli import run
    from intake.demo.signing import draw_on_page
    from tests.offices import a_signed_form

    file = tmp_path / "phieu.pdf"
    file.write_bytes(draw_on_page(a_signed_form(), "1 0 0 rg 100 400 200 60 re f"))

    status = run(["verify", "--integrity-only", "--pictures", str(tmp_path / "pictures"), str(file)])

    capfd.readouterr()
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert status == 1
    assert [one.name.rpartition("-page-1-")[2] for one in pictures] == ["now.png", "signed.png"]
    assert pictures[0].read_bytes() != pictures[1].read_bytes()


def test_the_report_carries_the_papers_it_rests_on(call: Call, folder: Path) -> None:
    """Written to a folder of their own, its certificates and lists judge the form again."""
    out = folder / "report.xml"
    at = IN_TIME.isoformat()
    call("verify", "--trust", str(folder / "trust"), "--at", at, "--report", str(out), str(folder / "phieu.pdf"))
    papers = etree.fromstring(out.read_bytes()).xpath("//v:ValidationObject//v:base64/text()", namespaces=NAMES)
    again = folder / "again"
    again.mkdir()
    for number, paper in enumerate(papers):
        (again / f"{number}.der").write_bytes(base64.b64decode(str(paper)))
    status, out_json = call("verify", "--json", "--trust", str(again), "--at", at, str(folder / "phieu.pdf"))
    finding = json.loads(out_json)["files"][0]["signatures"][0]
    assert (status, finding["verdict"], finding["revocation"]) == (0, "passed", "good")


def test_a_report_on_nothing_signed_is_refused(call: Call, folder: Path) -> None:
    """There is nothing to report on, and no file is written."""
    status, _ = call("verify", "--report", str(folder / "report.xml"), str(folder / "chua-ky.pdf"))
    assert status == 2
    assert not (folder / "report.xml").exists()


def test_the_offices_own_policy_judges_and_is_named(call: Call, folder: Path) -> None:
    """With `--policy` stricter rules count, and the answer says which; without it the shipped ones do."""
    own = folder / "policy.toml"
    own.write_text("[trust.policy]\nmin_rsa_bits = 16384\n", encoding="utf-8")
    told = ("verify", "--json", "--trust", str(folder / "trust"), "--at", IN_TIME.isoformat(), str(folder / "rsa.pdf"))
    signer = the_pki().issue_person("Người dùng RSA", "SỞ NỘI VỤ", key="rsa")
    (folder / "rsa.pdf").write_bytes(sign_pdf(a_form(), signer, at=IN_TIME))
    shipped, strict = (json.loads(call(*told, *more)[1]) for more in ((), ("--policy", str(own))))
    assert shipped["policy"] == "phieu-intake-1"
    assert shipped["files"][0]["verdict"] == "passed"
    assert strict["policy"] == "phieu-intake-1;min_rsa_bits=16384"
    assert strict["files"][0]["verdict"] == "indeterminate"
    assert "CHAIN_CRYPTOGRAPHY_WEAK" in {one["code"] for one in strict["files"][0]["signatures"][0]["reasons"]}
