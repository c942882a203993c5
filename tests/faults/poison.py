"""An examiner that does to its process what the worst delivery could: dies, hangs, eats memory, finds the disk full."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from config.isolation import MiB
from intake.steps.examined import Examination
from intake.workers import ExaminationTask, perform
from storage.vault import Vault, VaultError, VaultFull

# Stands in a mail that does harm, followed by how; no other mail has it.
MARK = b"X-Poison: "

# While this file lies beside the vault, the disk is full for whoever examines.
FULL = "disk-is-full"


def perform_or_suffer(task: ExaminationTask) -> Examination:
    """Examine as always, unless the bytes are marked."""
    try:
        how = Vault.at(task.vault_url).read(task.sha256).partition(MARK)[2][:4]
    except VaultError:
        how = b""  # What is missing is for the real examiner to say.
    if how == b"kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == b"hang":
        time.sleep(600)
    if how == b"slow":
        time.sleep(1)
    if how == b"eats":
        hoard = []
        while True:
            hoard.append(bytearray(64 * MiB))
    if Path(task.vault_url.removeprefix("file:")).with_name(FULL).exists():
        raise VaultFull("VAULT_FULL", what="the vault cannot take a file", why="No space left on device")
    return perform(task)
