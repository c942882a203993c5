"""The demonstration as a newcomer meets it: start, look, extend, send one more mail, stop, start again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.campaign import load_campaign
from config.catalogue import load_catalogue
from config.roster import load_roster
from config.settings import load_settings
from intake.demo.caught import caught_letters
from intake.demo.moments import moments_of
from intake.demo.pki import DemoPki
from intake.demo.prepare import ZONE
from intake.demo.samples import all_samples
from intake.demo.studio import Sample, Studio
from intake.wiring import open_ledger

# Only a bound for a broken run: a good one needs a few seconds for each of these.
PATIENCE_SECONDS = 180


@dataclass
class Run:
    """A running demonstration and what it has said."""

    var: Path
    process: subprocess.Popen[str]
    said: str = ""

    def intake(self, *arguments: str) -> Any:
        """Run a command on the demonstration's store and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "intake", *arguments, "--json", "--config", str(self.var / "office.toml")],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=_environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the intake log."""
        found: list[dict[str, Any]] = self.intake("log", "--limit", "1000")["deliveries"]
        return found

    def settled(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` deliveries are decided and every letter has gone its way, then return the log."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, (self.var / "service.log").read_text(encoding="utf-8")
            found = self.deliveries()
            moving = [one for one in found if one["state"] == "received"]
            moving += [one for one in found for letter in one["letters"] if letter["state"] in ("queued", "sending")]
            if len(found) >= count and not moving:
                return found
            time.sleep(0.5)
        raise AssertionError(f"not settled: {self.deliveries()}")

    def stop(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.said += rest
        return self.process.returncode


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}


def start(var: Path) -> Run:
    """Start the demonstration on free ports and return when its welcome is complete."""
    process = subprocess.Popen(
        [sys.executable, "-m", "intake", "demo", "--var", str(var), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(),
    )  # fmt: skip
    run = Run(var, process)
    assert process.stdout is not None
    for line in process.stdout:
        run.said += line
        if line.startswith("Ctrl-C"):
            return run
    raise AssertionError(run.said)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    started = start(tmp_path_factory.mktemp("demo") / "var")
    yield started
    if started.process.poll() is None:
        started.stop()


@pytest.fixture(scope="module")
def expected(run: Run) -> list[Sample]:
    """What the samples of this run promise; made again with other keys, the promises are the same."""
    campaign = load_campaign(run.var / "campaign.toml")
    prepared_at = json.loads((run.var / "demo" / "state.json").read_text(encoding="utf-8"))["prepared_at"]
    moments = moments_of(campaign.campaign, datetime.fromisoformat(prepared_at), ZONE)
    catalogue, roster = load_catalogue(campaign.catalogue_file), load_roster(campaign.roster_file)
    return list(all_samples(Studio(DemoPki.create(moments.opens), roster, catalogue, moments)))


def test_each_sample_lands_where_it_should(run: Run, expected: list[Sample]) -> None:
    """State, class of time and agency of every one of them."""
    by_moment = {datetime.fromisoformat(one["received_at"]): one for one in run.settled(len(expected))}
    landed = {}
    for sample in expected:
        one = by_moment.get(sample.arrives_at.replace(microsecond=0))
        landed[sample.name] = one and (one["state"], one["timeliness"], one["agency"], one["reasons"])
    wrong = {
        sample.name: (sample.state.value, landed[sample.name])
        for sample in expected
        if landed[sample.name] is None
        or landed[sample.name][0] != sample.state.value
        or (sample.timeliness is not None and landed[sample.name][1] != sample.timeliness.value)
        or (sample.agency is not None and landed[sample.name][2] != sample.agency)
    }
    assert wrong == {}


def test_nothing_arrives_that_was_not_sent(run: Run, expected: list[Sample]) -> None:
    """One delivery for each sample: the two files that belong together are one."""
    assert len(run.settled(len(expected))) == len(expected)


def test_every_letter_is_answered_only_to_registered_addresses(run: Run, expected: list[Sample]) -> None:
    """What the sink caught went to mailboxes of the roster, and to nobody who wrote automatically."""
    run.settled(len(expected))
    registered = {box for agency in load_roster(run.var / "roster.csv").agencies for box in agency.mailboxes}
    letters = caught_letters(run.var / "demo" / "letters")
    assert letters
    assert {address for letter in letters for address in letter.to} <= registered


def test_the_console_answers(run: Run) -> None:
    """The address that was printed shows the sign-in page."""
    found = re.search(r"http://127\.0\.0\.1:\d+/", run.said)
    assert found is not None
    with urllib.request.urlopen(found.group(), timeout=30) as answer:
        assert answer.status == 200
        assert "mật khẩu" in answer.read().decode("utf-8").casefold()


def test_a_newcomers_mail_is_filed_in_grace_and_answered(run: Run, expected: list[Sample]) -> None:
    """Extend the campaign as a recorded act, send one more signed form, and see it filed with its receipt."""
    before = run.settled(len(expected))
    closes = load_campaign(run.var / "campaign.toml").campaign.closes + timedelta(days=14)
    config = ["--config", str(run.var / "office.toml")]
    for command in (
        ["campaign", "extend", *config, "--by", "quantri", "--basis", "Gia hạn", "--closes", closes.isoformat()],
        ["demo-send", "--agency", "tanhlinh", "--var", str(run.var)],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "intake", *command], capture_output=True, text=True, check=False, env=_environment()
        )
        assert done.returncode == 0, done.stderr
    (new,) = [one for one in run.settled(len(before) + 1) if one["agency"] == "tanhlinh"]
    assert (new["state"], new["timeliness"], new["signature"]) == ("filed", "in_grace", "passed")
    assert [letter["state"] for letter in new["letters"]] == ["sent"]
    (letter,) = [
        one for one in caught_letters(run.var / "demo" / "letters") if one.to == ("tanhlinh@binhthuan.example",)
    ]
    assert new["receipt_no"] in letter.subject + letter.text


def looked_at_twice(var: Path) -> None:
    """Wait until every source was seen at two more moments than now."""
    ledger = open_ledger(load_settings(var / "office.toml"))
    try:
        for _ in range(2):
            before = {one.source: one.last_ok_at for one in ledger.health()}
            until = time.monotonic() + PATIENCE_SECONDS
            while any(one.last_ok_at == before[one.source] for one in ledger.health()):
                assert time.monotonic() < until, before
                time.sleep(0.1)
    finally:
        ledger.close()


def test_a_second_start_goes_on_and_changes_nothing(run: Run, expected: list[Sample]) -> None:
    """Ctrl-C ends with 0; started again, the same deliveries are there and no letter goes out twice."""
    before = run.settled(len(expected))
    letters = len(caught_letters(run.var / "demo" / "letters"))
    assert run.stop() == 0
    again = start(run.var)
    try:
        assert "Continuing" in again.said
        looked_at_twice(run.var)
        assert again.deliveries() == before
        assert len(caught_letters(run.var / "demo" / "letters")) == letters
    finally:
        assert again.stop() == 0


def test_once_over_unchanged_sources_does_nothing(run: Run) -> None:
    """After the demonstration has ended, with its mailbox served alone, a pass finds nothing to do."""
    if run.process.poll() is None:
        run.stop()
    alone = subprocess.Popen(
        [sys.executable, "-m", "intake", "demo", "--var", str(run.var), "--without-service"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(),
    )  # fmt: skip
    assert alone.stdout is not None
    try:
        assert any("yours to start" in line for line in alone.stdout)
        summary = run.intake("once")
        assert {key: value for key, value in summary.items() if isinstance(value, int) and value} == {}
        assert [source["ok"] for source in summary["sources"]] == [True, True]
        assert run.intake("audit")
    finally:
        alone.send_signal(signal.SIGINT)
        assert alone.wait(PATIENCE_SECONDS) == 0
