"""The console script `intake`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; imported late so that a worker process that re-imports this file costs nothing."""
    from intake.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
