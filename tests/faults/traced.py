"""One undisturbed pass over a prepared scene, to be run under strace: `python -m tests.faults.traced office.toml`."""

from __future__ import annotations

import sys
from pathlib import Path

import structlog

from tests.faults.scene import one_pass, prepare_process

if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    prepare_process()
    one_pass(Path(sys.argv[1]))
