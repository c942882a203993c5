"""What a disk must have done before we may say that something is kept."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries (fsync(2): syncing a file does not sync the entry that names it)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Sync a file that another writer put in place."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_for_sync(folder: Path) -> int:
    """
    Return a handle for `sync_all`; close it with os.close.

    Open it before anything is written: a failed write is told to the handles that were open then (syncfs(2)), and to a
    later one only if nobody else has been told.
    """
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_all(handle: int) -> bool:
    """
    Sync the whole file system that `handle` is on (syncfs(2)); False where that cannot be relied on.

    Before Linux 5.8 a failed write was not told by it, so there each file is synced by itself.
    """
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None or os.uname().sysname != "Linux" or release < (5, 8):
        return False
    if call(handle) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return True


def is_alive(pid: int) -> bool:
    """Whether a process of this machine exists; one of another user does, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def least_free(*rooms: int | None) -> int | None:
    """Return the least of several rooms in bytes, leaving out those without a limit; None where none has one."""
    return min((room for room in rooms if room is not None), default=None)
