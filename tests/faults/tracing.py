"""Whether this machine lets us see and break the system calls of a process of ours."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def need_strace() -> None:
    """Skip where the kernel does not let us trace; in CI a machine without strace is a failure."""
    if shutil.which("strace") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("strace is not installed: apt-get install strace")
        pytest.skip("strace is not installed: the Debian package strace brings it")
    tried = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this machine does not permit tracing: {tried.stderr.strip()[:200]}")
