"""The audit: proves that the log's chain, the vault's digests, the rows and the sums hold, or says what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.database import Database
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that does not hold: a code, the particulars, and its subject (a delivery, an entry, a digest)."""

    code: str
    detail: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was looked at and what was found; `holds` when there is no finding."""

    findings: tuple[AuditFinding, ...]
    entries: int
    deliveries: int
    letters: int
    blobs: int
    bytes: int
    head_seq: int
    head_hash: str
    sums: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether everything is as the log says."""
        return not self.findings


Progress = Callable[[str, int, int], None]


def audit(database: Database, vault: Vault, *, progress: Progress | None = None, blobs: bool = True) -> AuditReport:
    """
    Check everything; `progress` is called with (what, done, total).

    `blobs=False` leaves the vault's contents unread (their presence is still checked), for a quick look.
    """
    raise NotImplementedError
