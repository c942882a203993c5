"""
Lets the kernel itself fail: the n-th system call with which SQLite or the vault writes or syncs, once or for good.

`python -m tests.faults.injected FOLDER --sample 8` prints one JSON line, as tests/faults/harm.py does. strace returns
the error in place of the call, so this reaches the writes that a C library makes, which harm.py cannot.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import structlog

from tests.faults.harm import LATER, Tally
from tests.faults.scene import end_state, one_pass, prepare_process, set_the_scene, write_mails

# The first three are SQLite's own here; Python writes with write(2), and syncs with fsync(2).
CALLS = ("pwrite64", "fdatasync", "ftruncate", "fsync", "syncfs")
ERRORS = ("ENOSPC", "EIO")


def pass_under_strace(folder: Path, *options: str) -> tuple[int, str]:
    """Make a pass over the scene in `folder` with these options of strace; return how it ended and what it said."""
    command = ["strace", "-f", "--seccomp-bpf", "-o", str(folder.with_name("injected.log"))]
    command += [*options, sys.executable, "-m", "tests.faults.traced", str(folder / "office.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def main(arguments: list[str]) -> int:
    """Do as the arguments say and print the tally."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.injected", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--call", choices=CALLS, action="append", help="only this system call")
    parser.add_argument("--sample", type=int, default=0, help="how many calls; 0 for all")
    parser.add_argument("--seed", type=int, default=697)
    asked = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    prepare_process()
    base: Path = asked.folder.resolve()
    template = base / "template"
    set_the_scene(template)
    write_mails(template)
    quiet = base / "undisturbed"
    shutil.copytree(template, quiet, copy_function=shutil.copy2)
    ended, said = pass_under_strace(quiet, "-e", f"trace={','.join(CALLS)}")
    assert ended == 0, said
    expected = end_state(quiet / "office.toml")
    log = (base / "injected.log").read_text(encoding="utf-8", errors="replace")
    places = [(name, number) for name in asked.call or CALLS for number in range(1, log.count(f" {name}(") + 1)]

    tally = Tally("fail", "listed", "sqlite", asked.seed, steps=len(places))
    dice = random.Random(asked.seed)
    picked = dice.sample(places, min(asked.sample, len(places))) if asked.sample else places
    for name, number in picked:
        error, for_good = dice.choice(ERRORS), dice.random() < 0.5
        tally.runs += 1
        tally.by_kind[name] = tally.by_kind.get(name, 0) + 1
        where = f"{name} {number} {error} {'for good' if for_good else 'once'}"
        folder = base / f"run-{tally.runs}"
        shutil.copytree(template, folder, copy_function=shutil.copy2)
        when = f"{number}+" if for_good else f"{number}"
        ended, said = pass_under_strace(folder, "-e", f"inject={name}:error={error}:when={when}")
        log = (base / "injected.log").read_text(encoding="utf-8", errors="replace")
        tally.injected += log.count("(INJECTED)")
        if "(INJECTED)" not in log:
            tally.differences.append(f"{where}: nothing was injected")
        if ended not in (0, 3):
            tally.differences.append(f"{where}: ended with {ended}: {said[-600:]}")
        for at in LATER:
            one_pass(folder / "office.toml", at=at)
        found = end_state(folder / "office.toml", at=LATER[-1])
        tally.differences += [f"{where}: {one}" for one in found.differences(expected)]
        tally.lost += found.lost(expected)
        tally.duplicated += found.doubled(expected)
        tally.letters_twice += found.sent_twice
        shutil.rmtree(folder)
    print(json.dumps(tally.__dict__, ensure_ascii=False))
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
