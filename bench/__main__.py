"""Runs every benchmark and prints one table; names on the command line choose among them."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

from bench.figures import show

HEADER = ("figure", "ours", "peer", "ratio", "wanted", "")


def main(chosen: list[str]) -> int:
    """Measure and print; exit status 1 if a figure is missed or a benchmark could not be made."""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = [name for name in chosen if name not in names]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    print(f"{HEADER[0]:<52} | {HEADER[1]:>16} | {HEADER[2]:>22} | {HEADER[3]:>7} | {HEADER[4]:<16} |", flush=True)
    missed = 0
    for name in chosen or names:
        try:
            figures = importlib.import_module(f"bench.bench_{name}").measure()
        except Exception:  # One benchmark whose peer is missing must not hide the others' figures.
            traceback.print_exc()
            print(f"{name}: could not be measured (see above)", flush=True)
            missed += 1
            continue
        show(figures)
        missed += sum(not figure.met for figure in figures)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
