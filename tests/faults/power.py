"""
Cuts the power at any system call of a pass and looks at what the disk has kept.

`python -m tests.faults.power FOLDER --cuts 60 --repairs 10` prints one JSON line: how many calls, cuts and repairs,
and everything that was not as promised. Exit status 1 if there is anything.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from config.settings import load_settings
from storage.audit import audit
from storage.ledger import Ledger
from storage.vault import Vault
from tests.faults.disk import TRACED, UNKNOWN, Call, Disk, read_trace
from tests.faults.harm import LATER
from tests.faults.scene import (
    RELAY,
    TOLD,
    EndState,
    end_state,
    mails_of,
    one_pass,
    prepare_process,
    set_the_scene,
    write_mails,
)

# The longest write of a pass must stand whole in the trace.
LONGEST_STRING = 16 * 1024 * 1024


@dataclass
class Outcome:
    """What came of it."""

    seed: int
    calls: int = 0
    deliveries_in_order: int = 0
    letters_told: int = 0
    cuts: int = 0
    repairs: int = 0
    told_and_lost: int = 0
    wrong: list[str] = field(default_factory=list)


def strace(folder: Path, log: Path) -> None:
    """Make a pass over the scene in `folder` in a process whose system calls are written to `log`."""
    command = ["strace", "-f", "-y", "-xx", "-s", str(LONGEST_STRING), "--seccomp-bpf", "-o", str(log)]
    command += ["-e", f"trace={TRACED},{UNKNOWN}", sys.executable, "-m", "tests.faults.traced"]
    done = subprocess.run([*command, str(folder / "office.toml")], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the traced pass ended with {done.returncode}:\n{done.stderr[-2000:]}")


@dataclass(frozen=True)
class Told:
    """At which call the world was told what: a mail's key, an export file's name, a letter's Message-ID."""

    at: int
    what: str
    name: str


def told_in(calls: list[Call], folder: Path) -> list[Told]:
    """Return every moment at which something outside was told."""
    found = []
    for number, call in enumerate(calls):
        for what in (TOLD, RELAY):
            if call.what == "write" and call.path == str(folder / what):
                found += [Told(number, what, line) for line in call.data.decode().split()]
        if call.what == "rename" and call.path.startswith(str(folder / "export")):
            found.append(Told(number, "export", Path(call.path).name))
    return found


def digests_told(folder: Path, told: list[Told]) -> dict[Told, str]:
    """Return the SHA-256 of what the source was told of, by the moment."""
    by_key = {one.key: hashlib.sha256(one.data).hexdigest() for one in mails_of(folder)}
    found = {one: by_key[one.name] for one in told if one.what == TOLD}
    with sqlite3.connect(folder / "intake.db") as connection:
        for one in told:
            if one.what == "export" and one.name.endswith(".pdf"):
                asked = "SELECT sha256 FROM deliveries WHERE source = 'qlvb' AND source_key LIKE ?"
                found[one] = connection.execute(asked, (one.name + "@%",)).fetchone()[0]
    return found


def check_order(calls: list[Call], folder: Path, told: list[Told], outcome: Outcome) -> None:
    """
    Follow each delivery through the calls.

    1. The blob's last write, then its sync. 2. Its rename to its place, then the sync of that folder (in both cases the
    file system's sync may stand for it). 3. The write to the WAL that names its digest comes only now, then the sync of
    the WAL: the commit. 4. The source is told.
    """
    wal = str(folder / "intake.db-wal")
    for moment, digest in digests_told(folder, told).items():
        place = next(n for n, one in enumerate(calls) if one.what == "rename" and one.other.endswith("/" + digest))
        temporary = calls[place].path
        last_write = max(n for n, one in enumerate(calls[:place]) if (one.what, one.path) == ("write", temporary))
        steps = {
            "last write": last_write,
            "sync of the blob": _synced(calls, temporary, last_write),
            "rename": place,
            "sync of its folder": _synced(calls, str(Path(calls[place].other).parent), place),
            "write to the WAL": next(
                n
                for n, one in enumerate(calls)
                if one.path == wal and one.what == "write" and digest.encode() in one.data
            ),
        }
        steps["commit"] = _synced(calls, wal, steps["write to the WAL"])
        steps["told"] = moment.at
        if list(steps.values()) == sorted(set(steps.values())):
            outcome.deliveries_in_order += 1
        else:
            outcome.wrong.append(f"order of {moment.name}: {steps}")


def _synced(calls: list[Call], path: str, after: int) -> int:
    """Return the number of the call after which `path` lasts, a number beyond all if there is none."""
    found = (
        number
        for number, one in enumerate(calls)
        if number > after and (one.what == "sync_all" or (one.what, one.path) == ("sync", path))
    )
    return next(found, len(calls))


def look_at(folder: Path, told: list[Told], digests: dict[Told, str], outcome: Outcome, where: str) -> None:
    """Say what does not hold of the ledger and the vault that the disk has kept."""
    known: set[str] = set()
    letters: dict[str, str] = {}
    database = folder / "intake.db"
    if database.exists() and database.stat().st_size:
        with sqlite3.connect(database) as connection:
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if whole != "ok":
                outcome.wrong.append(f"{where}: integrity_check says {whole}")
                return
            if "deliveries" in tables:
                known = {row[0] for row in connection.execute("SELECT sha256 FROM deliveries")}
                letters = dict(connection.execute("SELECT message_id, state FROM letters").fetchall())
        connection.close()
    if known:
        settings = load_settings(folder / "office.toml")
        ledger = Ledger.open(settings.database.connect_url())
        vault = Vault.at(settings.vault.url)
        report = audit(ledger.database, vault)
        outcome.wrong += [f"{where}: audit: {one.code} {one.subject} {one.detail}" for one in report.findings]
        gone = [one for one in known if not vault.holds_intact(one)]
        outcome.wrong += [f"{where}: in the ledger and not in the vault: {one}" for one in gone]
        known -= set(gone)
        ledger.close()
    for one in told:
        if one in digests and digests[one] not in known:
            outcome.told_and_lost += 1
            outcome.wrong.append(f"{where}: the source was told of {one.name}, and the ledger does not have it")
        if one.what == RELAY and letters.get(one.name) not in ("sending", "sent", "in_doubt"):
            outcome.wrong.append(f"{where}: a letter left that the ledger has as {letters.get(one.name)}")


def main(arguments: list[str]) -> int:
    """Do as the arguments say and print the outcome."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cuts", type=int, default=0, help="at how many calls the power goes; 0 for all")
    parser.add_argument("--repairs", type=int, default=0, help="after how many of them passes are made; 0 for all")
    parser.add_argument("--seed", type=int, default=697)
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    prepare_process()
    base: Path = asked.folder.resolve()
    scene, before = base / "scene", base / "before"
    set_the_scene(scene)
    write_mails(scene)
    shutil.copytree(scene, before, copy_function=shutil.copy2)
    strace(scene, base / "trace")
    expected = end_state(scene / "office.toml")
    assert not expected.broken, expected.broken
    calls = read_trace(base / "trace", scene)
    told = told_in(calls, scene)
    digests = digests_told(scene, told)
    outcome = Outcome(asked.seed, calls=len(calls))
    assert len(set(digests.values())) == len(mails_of(scene)) + 1, told
    check_order(calls, scene, told, outcome)

    dice = random.Random(asked.seed)
    cuts = set(range(len(calls) + 1))
    if asked.cuts:
        # Right after the world was told something it matters most.
        cuts = {one.at + 1 for one in told} | set(dice.sample(sorted(cuts), min(asked.cuts, len(cuts))))
    repaired = set(dice.sample(sorted(cuts), min(asked.repairs or len(cuts), len(cuts))))
    # The disk is named after the scene as it ran, so the calls' paths are its own.
    disk = Disk(before, elsewhere=before / "export")
    moved = [_at(one, scene, before) for one in calls]
    for number in range(len(calls) + 1):
        if number in cuts:
            known = [one for one in told if one.at < number]
            for way in (None, random.Random(asked.seed + number)):
                outcome.cuts += 1
                where = f"cut after {number} calls, {'nothing' if way is None else 'some'} unsynced kept"
                # A name of its own for each: what is remembered of one folder must not be believed of the next.
                kept = base / f"kept-{outcome.cuts}"
                kept.mkdir()
                disk.write_out(kept, way)
                for what in (TOLD, RELAY):
                    (kept / what).write_text("".join(f"{one.name}\n" for one in known if one.what == what))
                look_at(kept, known, digests, outcome, where)
                if number in repaired:
                    outcome.repairs += 1
                    _repair(kept, expected, outcome, where)
                shutil.rmtree(kept)
        if number < len(calls):
            disk.feed(moved[number])
    outcome.letters_told = sum(1 for one in told if one.what == RELAY)
    print(json.dumps(outcome.__dict__, ensure_ascii=False))
    return 1 if outcome.wrong else 0


def _at(call: Call, scene: Path, before: Path) -> Call:
    """Return the call as if it had been made in the copy that was taken before."""
    path = str(before) + call.path.removeprefix(str(scene))
    other = str(before) + call.other.removeprefix(str(scene)) if call.other else ""
    return replace(call, path=path, other=other)


def _repair(kept: Path, expected: EndState, outcome: Outcome, where: str) -> None:
    config = kept / "office.toml"
    try:
        for at in LATER:
            one_pass(config, at=at)
    except Exception as crash:  # Whatever it is, it is what the test is about.
        outcome.wrong.append(f"{where}: the next pass failed: {type(crash).__name__}: {crash}")
        return
    outcome.wrong += [f"{where}: {one}" for one in end_state(config, at=LATER[-1]).differences(expected)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
