"""The command line as operators' scripts rely on it: shapes, exit statuses, and no traceback ever."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from intake.cli import COMMANDS, run
from tests.makers import IN_TIME
from tests.offices import a_form, a_signed_form, prepare_folder

LOG_KEYS = {
    *(
        "id",
        "receipt_no",
        "source",
        "source_key",
        "received_at",
        "received_by",
        "seen_at",
        "sender",
        "agency",
        "channel",
    ),
    *("subject", "state", "timeliness", "signature", "operative", "reasons", "supersedes", "linked_to", "letters"),
    *("sha256", "size"),
}


@dataclass
class Desk:
    """A configured office and a way to call the program."""

    config: Path
    call: Callable[..., tuple[int, str, str]]

    def intake(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command with this office's configuration; returns exit status, stdout, stderr."""
        return self.call(*arguments, "--config", str(self.config))

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run a command that must end with `status` and print exactly one JSON document."""
        ended, out, err = self.intake(*arguments, "--json")
        assert ended == status, err
        return json.loads(out)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call the program in this process."""

    def one(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(list(arguments))
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return one


@pytest.fixture(scope="module")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An office with three exports waiting and four people, made once: each test works on a copy of its own."""
    folder = tmp_path_factory.mktemp("office")
    config = prepare_folder(folder)
    config.write_text(config.read_text(encoding="utf-8").replace('tls = "none"', 'tls = "none"\nmode = "rehearse"'))
    export = folder / "export"
    (export / "Phieu danh gia SXD.pdf").write_bytes(a_signed_form("Sở Xây dựng"))
    (export / "Phieu danh gia STC.pdf").write_bytes(a_form("Sở Tài chính"))
    (export / "Giay moi.txt").write_bytes(b"Kinh moi du hop")
    password = folder / "password"
    password.write_text("mot-mat-khau-dai-12", encoding="utf-8")
    for name, role in (("lan", "clerk"), ("minh", "clerk"), ("xem", "viewer"), ("quan", "admin")):
        asked = ["user", "add", name, "--role", role, "--password-file", str(password), "--config", str(config)]
        assert run(asked) == 0
    return folder


@pytest.fixture(scope="module")
def worked_folder(office_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same office after one pass: most commands are about what such a pass leaves."""
    folder = tmp_path_factory.mktemp("worked") / "office"
    shutil.copytree(office_folder, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTAKE_NOW", IN_TIME.isoformat())
        assert run(["once", "--config", str(folder / "office.toml")]) == 0
    return folder


@pytest.fixture
def desk(
    office_folder: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """An office with three exports waiting and two clerks, in September 2019, where no letter leaves."""
    shutil.copytree(office_folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("INTAKE_NOW", IN_TIME.isoformat())
    return Desk(tmp_path / "office.toml", call)


@pytest.fixture
def worked(
    worked_folder: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """The same office, after one pass: one form filed, one held, a letter set aside."""
    shutil.copytree(worked_folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("INTAKE_NOW", IN_TIME.isoformat())
    return Desk(tmp_path / "office.toml", call)


def test_once_tells_what_it_did_and_a_second_time_that_there_was_nothing(desk: Desk) -> None:
    """The summary has the contract's keys; an unchanged folder is no work."""
    first = desk.json("once")
    second = desk.json("once")

    assert first["schema"] == "intake-once/1"
    assert (first["received"], first["filed"], first["held"], first["set_aside"]) == (3, 1, 1, 1)
    assert first["sources"] == [{"name": "qlvb", "ok": True, "error": None}]
    counts = {key: value for key, value in second.items() if isinstance(value, int)}
    assert set(counts.values()) == {0}


def test_log_show_and_board_have_the_contracts_shape(worked: Desk) -> None:
    """Scripts rely on these names."""
    log = worked.json("log")
    filed = next(one for one in log["deliveries"] if one["state"] == "filed")
    shown = worked.json("show", filed["receipt_no"])
    board = worked.json("board")

    assert log["schema"] == "intake-log/1"
    assert set(filed) >= LOG_KEYS
    assert filed["received_at"].endswith("+07:00")
    assert set(shown) >= {"timeline", "files", "signatures", "form", "clocks"}
    assert shown["signatures"][0]["verdict"] == "passed"
    assert board["schema"] == "intake-board/1"
    assert sum(board["totals"].values()) == len(board["agencies"]) == 5
    assert {one["id"]: one["state"] for one in board["agencies"]}["sxd"] == "filed"
    assert {one["id"]: one["state"] for one in board["agencies"]}["phuquy"] == "missing"


def test_log_filters(worked: Desk) -> None:
    """By state, agency, moment and number."""
    assert [one["state"] for one in worked.json("log", "--state", "held")["deliveries"]] == ["held"]
    assert [one["agency"] for one in worked.json("log", "--agency", "sxd")["deliveries"]] == ["sxd"]
    assert worked.json("log", "--since", "2030-01-01")["deliveries"] == []
    assert len(worked.json("log", "--limit", "2")["deliveries"]) == 2


def test_a_return_is_logged_under_its_name_and_sends_a_letter(worked: Desk) -> None:
    """Refusal needs a named person, a reason and a record."""
    held = worked.json("log", "--state", "held")["deliveries"][0]

    status, _, err = worked.intake(
        "return", held["id"], "--by", "lan", "--reason", "CLERK_RETURN_UNSIGNED", "--note", "Chưa ký"
    )

    assert status == 0, err
    after = worked.json("show", held["id"])
    assert after["state"] == "returned"
    assert "return" in [one["kind"] for one in after["letters"]]
    assert any(one["actor"] == "lan" for one in after["timeline"])


def test_accepting_what_is_not_passed_needs_two_different_persons(worked: Desk) -> None:
    """The same person twice is one person (exit status 1 while it waits)."""
    held = worked.json("log", "--state", "held")["deliveries"][0]["id"]
    reason = ("--reason", "CLERK_CHECKED_IN_PERSON")

    first = worked.intake("accept", held, "--by", "lan", *reason, "--agency", "stc")
    again = worked.intake("accept", held, "--by", "lan", *reason, "--agency", "stc")
    state = worked.json("show", held)["state"]
    second = worked.intake("accept", held, "--by", "minh", *reason, "--agency", "stc")

    assert first[0] == 1
    assert again[0] in (1, 2, 3)
    assert state == "held"
    assert second[0] == 0, second[2]
    assert worked.json("show", held)["state"] == "filed"


def test_a_viewer_and_a_stranger_decide_nothing(worked: Desk) -> None:
    """Only an existing account with the right role acts."""
    held = worked.json("log", "--state", "held")["deliveries"][0]["id"]

    for name in ("xem", "nobody"):
        status, _, err = worked.intake("dismiss", held, "--by", name, "--reason", "CLERK_NOT_A_SUBMISSION")
        assert status in (2, 3)
        assert "Remedy" in err
    assert worked.json("show", held)["state"] == "held"


def test_a_failed_signature_is_accepted_by_nobody(desk: Desk) -> None:
    """Not by two, not by four."""
    form = bytearray(a_signed_form("Sở Nội vụ"))
    form[form.index(b"stream") + 12] ^= 1
    (desk.config.parent / "export" / "Phieu danh gia SNV.pdf").write_bytes(bytes(form))
    desk.json("once")
    failed = next(one for one in desk.json("log")["deliveries"] if one["signature"] == "failed")["id"]

    for name in ("lan", "minh", "quan", "lan"):
        status, _, _ = desk.intake("accept", failed, "--by", name, "--reason", "CLERK_OTHER", "--agency", "snv")
        assert status != 0

    assert desk.json("show", failed)["state"] == "held"


def test_dismiss_link_retry_and_release(worked: Desk) -> None:
    """The other things a clerk may do."""
    rows = {one["state"]: one for one in worked.json("log")["deliveries"]}

    assert worked.intake("release", rows["set_aside"]["id"], "--by", "lan", "--reason", "CLERK_IS_A_SUBMISSION")[0] == 0
    assert worked.json("show", rows["set_aside"]["id"])["state"] == "received"
    assert worked.intake("retry", rows["held"]["id"], "--by", "lan", "--reason", "CLERK_CAUSE_REMOVED")[0] == 0
    worked.json("once")
    assert worked.json("show", rows["held"]["id"])["state"] == "held"
    linked = worked.intake(
        "link", rows["held"]["id"], "--to", rows["filed"]["receipt_no"], "--by", "lan", "--reason", "CLERK_SAME_CONTENT"
    )
    assert linked[0] == 0, linked[2]
    assert worked.json("show", rows["held"]["id"])["linked_to"] == rows["filed"]["id"]


def test_every_export_writes_a_file(worked: Desk, tmp_path: Path) -> None:
    """Four lists in four formats."""
    for what in ("forms", "answers", "log", "board"):
        for kind in ("csv", "xlsx", "json", "parquet"):
            out = tmp_path / f"{what}.{kind}"
            status, _, err = worked.intake("export", "--what", what, "--format", kind, "--out", str(out))
            assert (status, out.stat().st_size > 0) == (0, True), err


def test_the_scoring_views_hold_the_accepted_form_and_its_ratios(worked: Desk, tmp_path: Path) -> None:
    """A filled form's answers land with numerator and denominator for every ratio."""
    out = tmp_path / "answers.json"

    worked.intake("export", "--what", "answers", "--format", "json", "--out", str(out))

    found = json.loads(out.read_text(encoding="utf-8"))
    rows = found if isinstance(found, list) else found["rows"]
    ratios = [row for row in rows if row["kind"] == "ratio"]
    assert ratios
    assert all(row["numerator"] is not None and row["denominator"] for row in ratios)
    assert {row["agency"] for row in rows if "agency" in row} <= {"sxd"}


def test_audit_backup_and_restore(worked: Desk, tmp_path: Path) -> None:
    """What was copied proves true in an empty place; a changed byte is found."""
    assert worked.json("audit")["problems"] == []

    status, _, err = worked.intake("backup", str(tmp_path / "copy"))
    assert status == 0, err
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(worked.config, elsewhere / "office.toml")
    status, out, err = worked.call("restore", str(tmp_path / "copy"), "--config", str(elsewhere / "office.toml"))
    assert status == 0, out + err

    blob = next(path for path in (worked.config.parent / "vault").rglob("*") if path.is_file() and len(path.name) == 64)
    blob.chmod(0o640)
    blob.write_bytes(blob.read_bytes() + b"!")
    problems = worked.json("audit", status=1)["problems"]
    assert any(blob.name in one["subject"] + one["detail"] for one in problems)


def test_the_evidence_gives_the_same_verdict_offline(
    worked: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept at filing time judges the form again without the office's trust folder."""
    filed = next(one for one in worked.json("log")["deliveries"] if one["state"] == "filed")

    status, command, err = worked.intake("evidence", filed["receipt_no"], str(tmp_path / "evidence"))

    assert status == 0, err
    monkeypatch.chdir(tmp_path / "evidence")
    arguments = command.strip().partition("&& intake ")[2].split()
    status, out, err = worked.call(*arguments, "--json")
    assert status == 0, out + err
    again = json.loads(out)["files"][0]["signatures"][0]
    before = next(file["report"] for file in worked.json("show", filed["id"])["files"] if file["role"] == "form")
    assert again["verdict"] == before["signatures"][0]["verdict"] == "passed"
    assert again["revocation"] == "good"


def test_the_evidence_brings_the_offices_own_policy_along(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged by the office's own rules is judged again by those rules, elsewhere and later."""
    text = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(f"{text}\n[trust.policy]\nmin_rsa_bits = 2047\n", encoding="utf-8")
    desk.json("once")
    filed = next(one for one in desk.json("log")["deliveries"] if one["state"] == "filed")
    assert desk.json("show", filed["id"])["policy_version"] == "phieu-intake-1;min_rsa_bits=2047"

    _, command, _ = desk.intake("evidence", filed["receipt_no"], str(tmp_path / "evidence"))

    monkeypatch.chdir(tmp_path / "evidence")
    status, out, err = desk.call(*command.strip().partition("&& intake ")[2].split(), "--json")
    assert status == 0, out + err
    assert json.loads(out)["policy"] == "phieu-intake-1;min_rsa_bits=2047"


def test_campaign_check_calendar_and_extend(desk: Desk) -> None:
    """The cut-offs explain themselves, and an extension is a recorded act."""
    assert "trước 00:00:00 Chủ nhật 15/09/2019" in desk.intake("campaign", "check")[1]
    assert "20/09/2019" in desk.intake("campaign", "calendar")[1]

    status, _, err = desk.intake(
        "campaign", "extend", "--closes", "2019-09-28T00:00:00+07:00", "--by", "quan", "--basis", "Công văn 800"
    )

    assert status == 0, err
    assert desk.json("campaign", "check")["closes"] == "2019-09-28T00:00:00+07:00"
    earlier = desk.intake("campaign", "extend", "--closes", "2019-09-22", "--by", "quan", "--basis", "x")
    assert earlier[0] in (2, 3)


def test_a_roster_is_imported_and_the_old_one_kept(desk: Desk, tmp_path: Path) -> None:
    """The office's own list takes the sample's place as a recorded act."""
    new = tmp_path / "new.csv"
    new.write_text("id,name,channel\nskhcn,Sở Khoa học và Công nghệ,mail\n", encoding="utf-8")

    status, _, err = desk.intake("roster", "import", str(new))

    assert status == 0, err
    assert [one["id"] for one in desk.json("board")["agencies"]] == ["skhcn"]
    assert len(list(desk.config.parent.glob("roster.*.csv"))) == 1


def test_verify_needs_no_configuration(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """One file, one verdict, one exit status."""
    form = tmp_path / "form.pdf"
    form.write_bytes(a_signed_form())
    config = prepare_folder(tmp_path / "office")
    trust = str(config.parent / "trust")

    trusted = call("verify", "--json", "--trust", trust, "--at", IN_TIME.isoformat(), str(form))
    untrusted = call("verify", "--json", str(form))
    integrity = call("verify", "--json", "--integrity-only", str(form))
    missing = call("verify", str(tmp_path / "nothing.pdf"))

    assert trusted[0] == 0, trusted[1]
    assert json.loads(trusted[1])["files"][0]["signatures"][0]["proven_by"] == "receipt"
    first = json.loads(untrusted[1])["files"][0]
    assert (untrusted[0], first["verdict"]) == (1, "indeterminate")
    assert first["signatures"][0]["intact"] is True
    assert first["signatures"][0]["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"
    document = json.loads(integrity[1])
    assert (integrity[0], document["trust_judged"], document["files"][0]["signatures"][0]["trusted"]) == (
        0,
        False,
        None,
    )
    assert missing[0] == 2


def test_form_template_and_check(desk: Desk, tmp_path: Path) -> None:
    """The template reads back; an unfilled one has flaws."""
    out = tmp_path / "form.docx"

    assert desk.intake("form", "template", "--out", str(out), "--block", "huyen")[0] == 0
    status, said, _ = desk.intake("form", "check", "--json", str(out))

    assert status == 1
    assert json.loads(said)["is_form"] is True
    assert json.loads(said)["flaws"]


def test_unpack_shows_a_folder_and_a_mail(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Exit status 0 also with problems."""
    from tests.offices import a_mail

    mail = tmp_path / "x.eml"
    mail.write_bytes(a_mail(a_signed_form()))

    status, out, _ = call("unpack", "--json", str(mail))

    file = json.loads(out)["files"][0]
    assert (status, file["kind"], file["automatic"]) == (0, "mail", "no")
    assert [part["media_type"] for part in file["parts"]] == ["application/pdf"]


def test_doctor_says_what_is_not_well(desk: Desk) -> None:
    """A folder that is gone is named with its remedy; exit status 1."""
    shutil.rmtree(desk.config.parent / "export")

    status, out, _ = desk.intake("doctor", "--json")

    checks = {one["name"]: one for one in json.loads(out)["checks"]}
    assert status == 1
    assert checks["source qlvb"]["ok"] is False
    assert "không xem được thư mục" in checks["source qlvb"]["said"]
    assert checks["source qlvb"]["remedy"].startswith("Kiểm tra ổ đĩa mạng")
    assert "cannot be listed" in checks["source qlvb"]["said_en"]


def test_a_source_that_is_gone_makes_once_say_so_and_heals(desk: Desk) -> None:
    """Exit status 3 with the source named; the next pass is well again."""
    export = desk.config.parent / "export"
    export.rename(export.with_name("away"))

    document = desk.json("once", status=3)

    assert document["sources"][0]["ok"] is False
    export.with_name("away").rename(export)
    assert desk.json("once")["received"] == 3


def test_trouble_is_said_in_vietnamese_first(desk: Desk) -> None:
    """What happened and what to do, then the same in English."""
    _, _, said = desk.intake("show", "PDG-2019-999999")

    vi, do_vi, en, do_en = said.splitlines()[-4:]
    assert vi == "Lỗi: Không có văn bản 'PDG-2019-999999'."
    assert do_vi.startswith("Cách xử lý: Nêu mã")
    assert en == "Error: there is no delivery 'PDG-2019-999999'"
    assert do_en.startswith("Remedy: Give an id")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("show", "PDG-2019-999999"), 2),
        (("nonsense",), 2),
        (("log", "--since", "gestern"), 2),
        (("form", "check", "missing.docx"), 2),
        (("roster", "import", "missing.csv"), 2),
    ],
)
def test_wrong_use_is_exit_status_2(desk: Desk, arguments: tuple[str, ...], status: int) -> None:
    """A slip of the hand is told from trouble outside."""
    ended = desk.intake(*arguments) if arguments != ("nonsense",) else desk.call(*arguments)

    assert ended[0] == status


def test_a_missing_configuration_names_the_remedy(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """The administrator has little time."""
    status, _, err = call("log", "--config", str(tmp_path / "none.toml"))

    assert status == 2
    assert "none.toml" in err
    assert "Remedy" in err


def test_a_fixed_clock_is_refused_where_letters_could_leave(desk: Desk) -> None:
    """INTAKE_NOW must never make somebody late."""
    text = desk.config.read_text(encoding="utf-8")
    text = text.replace('host = "127.0.0.1"\nport = 9\ntls = "none"\nmode = "rehearse"', 'host = "mail.example"')
    desk.config.write_text(text, encoding="utf-8")

    status, _, err = desk.intake("once")

    assert status == 2
    assert "INTAKE_NOW" in err


def test_every_command_of_the_table_can_be_imported_and_has_help(call: Callable[..., tuple[int, str, str]]) -> None:
    """The table in the front door and the commands behind it agree."""
    for name in COMMANDS:
        status, out, _ = call(name, "--help")
        assert status == 0, name
        assert "Usage" in out


def test_a_reader_who_has_seen_enough_makes_no_answer_wrong() -> None:
    """`intake log | head` ends with 0: status 1 means "no" here, and nobody said that."""
    command = [sys.executable, "-m", "intake", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        assert ended.stderr is not None
        ended.stdout.close()
        said = ended.stderr.read()
        assert (ended.wait(60), said) == (0, b"")
