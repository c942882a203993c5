"""
Runs a pass many times, each with harm at another step, then a clean one, and compares with the undisturbed run.

Called as a program of its own, because it forks: `python -m tests.faults.harm FOLDER HARM [STRIDE [FIRST]]`.
Prints one JSON line: steps, runs, and every difference.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import structlog

from tests.faults.scene import end_state, mails, one_pass, set_the_scene
from tests.faults.steps import Harm, Steps

# Each is what a real disk or network says at that moment.
ERRORS = (errno.ENOSPC, errno.EIO)


def in_child(work: object, report: Path | None = None) -> int:
    """Run `work` in a forked process and return how it ended (negative: by a signal)."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 0
    try:
        work()  # type: ignore[operator]
    except BaseException:  # The child must never return into the parent's code.
        if report is not None:
            report.write_text(traceback.format_exc(), encoding="utf-8")
        status = 70
    os._exit(status)


def passes(config: Path, steps: Steps, names: Path | None = None) -> int:
    """One pass with harm, in a process of its own."""

    def work() -> None:
        steps.install()
        try:
            one_pass(config, steps)
        finally:
            if names is not None:
                names.write_text(json.dumps(steps.names), encoding="utf-8")

    return in_child(work, config.parent / "crash")


def main(folder: Path, harm: Harm, stride: int, first: int) -> None:
    """Harm every `stride`-th step from `first` on and print what came of it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    mails()
    template = folder / "template"
    set_the_scene(template)

    def fresh(name: str) -> Path:
        target = folder / name
        shutil.copytree(template, target, copy_function=shutil.copy2)
        return target / "office.toml"

    # Every module is imported before the first fork: the children then start at once, and all alike.
    warm = fresh("warm")
    one_pass(warm)
    shutil.rmtree(warm.parent)
    undisturbed = fresh("undisturbed")
    names = folder / "names.json"
    assert passes(undisturbed, Steps(), names) == 0, (undisturbed.parent / "crash").read_text()
    expected = end_state(undisturbed)
    assert not expected.broken, expected.broken
    steps: list[str] = json.loads(names.read_text())
    differences: list[str] = []
    runs = died = 0
    for at in range(first, len(steps) + 1, stride):
        for number in ERRORS if harm != "kill" else (0,):
            runs += 1
            config = fresh(f"{harm}-{at}-{number}")
            ended = passes(config, Steps(harm=harm, at=at, number=number or errno.ENOSPC))
            died += ended == -9
            if (
                harm != "kill"
                and ended == 70
                and "OfficeError" not in _crash(config)
                and "Error:" not in _crash(config)
            ):
                differences.append(f"step {at} {steps[at - 1]}: crashed: {_crash(config)[-400:]}")
            # A clean pass, then another that must change nothing.
            for again in (1, 2):
                ended = passes(config, Steps())
                if ended:
                    differences.append(
                        f"step {at} {steps[at - 1]}: pass {again} ended {ended}: {_crash(config)[-600:]}"
                    )
            found = end_state(config)
            found_letters, wanted_letters = found.letters, expected.letters
            if found.broken or found.blobs_missing:
                differences.append(f"step {at} {steps[at - 1]}: broken {found.broken} missing {found.blobs_missing}")
            for key in ("submissions", "receipts", "operative", "source_left"):
                if getattr(found, key) != getattr(expected, key):
                    differences.append(
                        f"step {at} {steps[at - 1]}: {key}: {getattr(found, key)} is not {getattr(expected, key)}"
                    )
            if _fates(found_letters) != _fates(wanted_letters):
                differences.append(f"step {at} {steps[at - 1]}: letters: {found_letters} are not {wanted_letters}")
            shutil.rmtree(config.parent)
    print(json.dumps({"harm": harm, "steps": len(steps), "runs": runs, "killed": died, "differences": differences}))


def _fates(letters: dict[str, int]) -> dict[str, int]:
    """Letters by what they are about; one put off by a relay that failed for good is still queued, never lost."""
    counted: dict[str, int] = {}
    for key, count in letters.items():
        about = key.rsplit(" ", 1)[0]
        counted[about] = counted.get(about, 0) + count
    return counted


def _crash(config: Path) -> str:
    crash = config.parent / "crash"
    return crash.read_text(encoding="utf-8") if crash.exists() else ""


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        sys.argv[2],  # type: ignore[arg-type]
        int(sys.argv[3]) if len(sys.argv) > 3 else 1,
        int(sys.argv[4]) if len(sys.argv) > 4 else 1,
    )
