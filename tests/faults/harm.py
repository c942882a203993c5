"""
Runs a pass many times, each with harm at another step, then clean ones, and compares with the undisturbed run.

A program of its own, because it forks: `python -m tests.faults.harm FOLDER --harm kill --sample 40`.
Prints one JSON line: how many steps there are, how many were harmed, what was lost, doubled, sent twice, and every
difference in words. Exit status 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from config.errors import OfficeError
from storage.ledger import Ledger
from tests.faults.scene import EndState, end_state, mails, one_pass, prepare_process, set_the_scene
from tests.faults.steps import DISK_ERRORS, NETWORK_ERRORS, Harm, Steps
from tests.faults.world import World
from tests.makers import IN_TIME
from tests.servers.postgres import Postgres

KILLED = -9
TROUBLE = 3
CRASHED = 70

# After the harm: two more passes, a day apart, since a letter that was put off is due again within a day.
LATER = (IN_TIME + timedelta(days=1), IN_TIME + timedelta(days=2))


@dataclass
class Tally:
    """What came of all the runs."""

    harm: str
    scene: str
    database: str
    seed: int
    steps: int = 0
    runs: int = 0
    killed: int = 0
    injected: int = 0
    lost: int = 0
    duplicated: int = 0
    letters_twice: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def in_child(work: Callable[[], None], report: Path) -> int:
    """Run `work` in a forked process; 0: done, 3: trouble said in words, 70: a crash, negative: ended by a signal."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 0
    try:
        work()
    except OfficeError as trouble:
        report.write_text(f"{type(trouble).__name__}: {trouble}", encoding="utf-8")
        status = TROUBLE
    except BaseException:  # The child must never return into the parent's code.
        report.write_text(traceback.format_exc(), encoding="utf-8")
        status = CRASHED
    os._exit(status)


@dataclass
class Bench:
    """Where the runs take place: copies of one template folder, each with a database of its own."""

    folder: Path
    sockets: bool
    postgres: Postgres | None
    ahead: int = 0
    template: Path = field(init=False)
    database: str = ""

    def __post_init__(self) -> None:
        self.template = self.folder / "template"
        url = "sqlite:///intake.db"
        if self.postgres is not None:
            # A new database for each run, copied from one with the schema, which one transaction makes or does not.
            self.database = self.postgres.make_database()
            ledger = Ledger.open(self.postgres.url(self.database))
            ledger.upgrade()
            ledger.close()
            url = "DATABASE"
        set_the_scene(self.template, url)

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """Give the configuration of a fresh copy, with its world running; all of it is removed afterwards."""
        target = self.folder / name
        shutil.copytree(self.template, target, copy_function=shutil.copy2)
        config = target / "office.toml"
        database = ""
        if self.postgres is not None:
            database = self.postgres.make_database(self.database)
            text = config.read_text(encoding="utf-8").replace("DATABASE", self.postgres.url(database))
            config.write_text(text, encoding="utf-8")
        world = World(target, mails()) if self.sockets else None
        try:
            yield config
        finally:
            if world is not None:
                world.end()
            if self.postgres is not None:
                self.postgres.drop_database(database)
            shutil.rmtree(target)

    def passes(self, config: Path, steps: Steps, at: int = -1) -> int:
        """Make one pass with these steps in a process of its own; `at` chooses the day (-1: the first)."""
        steps.of_sockets = self.sockets
        day = IN_TIME if at < 0 else LATER[at]

        def work() -> None:
            steps.install()
            try:
                one_pass(config, None if self.sockets else steps, at=day, ahead=self.ahead)
            finally:
                seen = {"names": steps.names, "harmed": steps.harmed}
                (config.parent / "steps.json").write_text(json.dumps(seen), encoding="utf-8")

        return in_child(work, config.parent / "crash")

    def undisturbed(self) -> tuple[list[str], EndState]:
        """Return the steps of a pass that nobody disturbs, and what it comes to."""
        with self.fresh("undisturbed") as config:
            assert self.passes(config, Steps()) == 0, _crash(config)
            names: list[str] = json.loads((config.parent / "steps.json").read_text(encoding="utf-8"))["names"]
            expected = end_state(config)
            assert not expected.broken, expected.broken
            assert len(expected.shown) == len(mails()) + 1
            # What did not change in the passes that follow must not change in those after harm either.
            for number in range(len(LATER)):
                assert self.passes(config, Steps(), number) == 0, _crash(config)
            assert not end_state(config).differences(expected)
        return names, expected


def chosen(names: list[str], sample: int, seed: int) -> list[int]:
    """Return the numbers of the steps to harm: all of them, or a seeded sample with some of every kind."""
    numbers = list(range(1, len(names) + 1))
    if not sample or sample >= len(numbers):
        return numbers
    dice = random.Random(seed)
    by_kind: dict[str, list[int]] = {}
    for number, name in zip(numbers, names, strict=True):
        by_kind.setdefault(name, []).append(number)
    of_each = 2 if sample >= 3 * len(by_kind) else 1
    picked = {one for kind in by_kind.values() for one in dice.sample(kind, min(len(kind), of_each))}
    rest = [one for one in numbers if one not in picked]
    picked |= set(dice.sample(rest, max(0, min(len(rest), sample - len(picked)))))
    return sorted(picked)


def harm_each(bench: Bench, tally: Tally, harm: Harm, sample: int) -> None:
    """Harm the chosen steps, each in a run of its own, and note what came of it."""
    names, expected = bench.undisturbed()
    tally.steps = len(names)
    errors = NETWORK_ERRORS if bench.sockets else DISK_ERRORS
    dice = random.Random(tally.seed)
    for at in chosen(names, sample, tally.seed):
        numbers = (0,) if harm == "kill" else errors if not sample else (dice.choice(errors),)
        for number in numbers:
            tally.runs += 1
            tally.by_kind[names[at - 1]] = tally.by_kind.get(names[at - 1], 0) + 1
            with bench.fresh(f"{harm}-{at}-{number}") as config:
                where = f"{harm} {at} {names[at - 1]} {os.strerror(number) if number else ''}".strip()
                tally.differences += [f"{where}: {one}" for one in _one_run(bench, config, tally, harm, at, number)]
                found = end_state(config, at=LATER[-1])
                tally.differences += [f"{where}: {one}" for one in found.differences(expected)]
                tally.lost += found.lost(expected)
                tally.duplicated += found.doubled(expected)
                tally.letters_twice += found.sent_twice


def _one_run(bench: Bench, config: Path, tally: Tally, harm: Harm, at: int, number: int) -> list[str]:
    """Do the harm, then let two clean passes repair it; return what was not as it should be."""
    wrong: list[str] = []
    ended = bench.passes(config, Steps(harm=harm, at=at, number=number))
    if harm == "kill":
        tally.killed += ended == KILLED
        if ended != KILLED:
            wrong.append(f"ended {ended} and was not killed")
    else:
        harmed = json.loads((config.parent / "steps.json").read_text(encoding="utf-8"))["harmed"]
        tally.injected += harmed
        if not harmed:
            wrong.append("nothing was harmed")
        if ended not in (0, TROUBLE):
            wrong.append(f"crashed: {_crash(config)[-800:]}")
    for again in range(len(LATER)):
        ended = bench.passes(config, Steps(), again)
        if ended:
            wrong.append(f"clean pass {again + 1} ended {ended}: {_crash(config)[-800:]}")
    return wrong


def _crash(config: Path) -> str:
    crash = config.parent / "crash"
    return crash.read_text(encoding="utf-8") if crash.exists() else ""


def main(arguments: list[str]) -> int:
    """Do as the arguments say and print the tally."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.harm", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--harm", choices=("kill", "fail-once", "fail-for-good"), required=True)
    parser.add_argument("--scene", choices=("listed", "sockets"), default="listed")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--ahead", type=int, default=0, help="how many are examined while another is filed")
    parser.add_argument("--sample", type=int, default=0, help="how many steps; 0 for all")
    parser.add_argument("--seed", type=int, default=697)
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    prepare_process()
    postgres = None
    if asked.database == "postgresql":
        postgres = Postgres()
        postgres.start()
    tally = Tally(asked.harm, asked.scene, asked.database, asked.seed)
    try:
        # Every module is imported and every form read before the first fork: the children start at once, and all alike.
        warm = Bench(asked.folder / "warm", sockets=False, postgres=None)
        one_pass(warm.template / "office.toml")
        shutil.rmtree(warm.folder)
        bench = Bench(asked.folder, sockets=asked.scene == "sockets", postgres=postgres, ahead=asked.ahead)
        harm_each(bench, tally, asked.harm, asked.sample)
    finally:
        if postgres is not None:
            postgres.close()
    tally.by_kind = dict(sorted(Counter(tally.by_kind).items()))
    print(json.dumps(tally.__dict__, ensure_ascii=False))
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
