"""What an auditor writes down on the way: what does not hold, and what the log has told so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# More findings than this say nothing more; they are still counted.
MAX_FINDINGS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that does not hold: a code, the particulars, and its subject (a delivery, an entry, a digest)."""

    code: str
    detail: str
    subject: str


@dataclass(slots=True)
class Notes:
    """
    Findings, and what the log says: how many entries of each event, what became of letters, accounts, campaigns.

    `gone` counts, by source, the things that a source showed and that were gone before they could be had.
    """

    findings: list[AuditFinding] = field(default_factory=list)
    found: int = 0
    events: Counter[str] = field(default_factory=Counter)
    letters: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: Counter[str] = field(default_factory=Counter)
    campaigns: set[tuple[str, ...]] = field(default_factory=set)

    def find(self, code: str, subject: str, detail: str = "") -> None:
        """Note a finding; beyond MAX_FINDINGS_KEPT it is only counted."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS_KEPT:
            self.findings.append(AuditFinding(code, detail, subject))
