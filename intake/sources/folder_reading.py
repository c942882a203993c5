"""Reads a plain file of the export folder, on whose way no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

READ_OCTETS = 256 * 1024


class NotPlain(OSError):
    """Something that is not a plain file, or no longer one: never read."""


def read_plain(root: Path, path: str) -> Iterator[bytes]:
    """
    Yield the bytes of the plain file at `path` below `root`; no link is followed on any step of the way.

    Raises NotPlain when something else stands there now, OSError when it cannot be read.
    """
    handle = _open_beneath(root, path)
    with os.fdopen(handle, "rb", buffering=0) as file:
        while chunk := file.read(READ_OCTETS):
            yield chunk


def _open_beneath(root: Path, path: str) -> int:
    """Open a plain file for reading, step by step without following links, and without waiting on a pipe."""
    steps = path.split("/")
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps[:-1]:
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = below
        file = os.open(steps[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    finally:
        os.close(handle)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotPlain(f"{path} is not a plain file")
    return file
