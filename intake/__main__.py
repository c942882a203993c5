"""The console script `intake`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; imported late so that a worker process that re-imports this file costs nothing."""
    _open_what_is_closed()
    from intake.cli import run

    sys.exit(run(sys.argv[1:]))


def _open_what_is_closed() -> None:
    """Let no file of ours get the number of a closed stdout or stderr: whatever is written there would end in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number, which is this one.


if __name__ == "__main__":
    main()
