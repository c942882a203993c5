"""A consistent copy of everything while the service runs, and its proof when it is put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import OfficeError
from storage.audit import AuditReport
from storage.database import Database
from storage.vault import Vault


class BackupError(OfficeError):
    """The copy cannot be made or does not prove true."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was copied: where, how many blobs and bytes, and the log head it ends with."""

    folder: Path
    blobs: int
    bytes: int
    head_seq: int
    head_hash: str


Progress = Callable[[str, int, int], None]


def backup(
    database: Database, vault: Vault, configuration: Sequence[Path], folder: Path, *, progress: Progress | None = None
) -> BackupReport:
    """Copy database, vault and configuration files to the new or empty `folder`, with a manifest of digests."""
    raise NotImplementedError


def restore(
    folder: Path, database: Database, vault: Vault, configuration: Path, *, progress: Progress | None = None
) -> AuditReport:
    """Put a copy back into an empty database, vault and `configuration` folder, and audit the result."""
    raise NotImplementedError
