"""
One undisturbed pass over a prepared scene, to be run under strace: `python -m tests.faults.traced office.toml`.

Ends with 0, or with 3 for trouble that was said in words; anything else is a crash.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog

from config.errors import OfficeError
from tests.faults.scene import one_pass, prepare_process

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    prepare_process()
    try:
        one_pass(Path(sys.argv[1]))
    except OfficeError as trouble:
        print(f"{type(trouble).__name__}: {trouble}", file=sys.stderr)
        sys.exit(3)
