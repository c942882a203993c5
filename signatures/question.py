"""What a verification is asked: the document, the trust to judge by, and the moment to judge for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signatures.trust import TrustStore


class RevocationRule(StrEnum):
    """What an unknown revocation state does: hard makes it indeterminate, soft a remark, off asks nothing."""

    HARD = "hard"
    SOFT = "soft"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The rules that are the office's choice, as data; `version` names them on every report.

    `sha1_certificates_before`: certificates (not documents) signed with SHA-1 are accepted if issued before
    this day, because government leaves of 2015 and public ones of 2017 are. `local_time_fault_hours`: a claimed
    time up to so far ahead of the proven one is the known fault of tools that write local time as UTC.
    """

    version: str = "phieu-intake-1"
    sha1_certificates_before: date = date(2019, 1, 1)
    min_rsa_bits: int = 2048
    min_rsa_bits_before_2014: int = 1024
    local_time_fault_hours: int = 7


@dataclass(frozen=True, slots=True)
class Question:
    """
    How to judge: `trust` None means that nothing is trusted; `at` is aware.

    `at_is_proof` says that `at` is a proven time of existence (the office's receipt), not merely "now".
    `integrity_only` leaves chains and revocation unjudged, everything else as strict as ever.
    """

    at: datetime
    at_is_proof: bool = False
    trust: TrustStore | None = None
    integrity_only: bool = False
    revocation: RevocationRule = RevocationRule.HARD
    policy: Policy = Policy()

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"no time zone on {self.at!r}")

    def at_proven(self, moment: datetime) -> Question:
        """Return the same question for a moment that a verified time stamp proves."""
        return replace(self, at=moment.astimezone(UTC), at_is_proof=True)


@dataclass(frozen=True, slots=True)
class Document:
    """
    The bytes to judge and what is known about them; `name` is a label only, never a path to open.

    `detached` are the bytes that a detached signature may be over (the operator named them, or they stand
    beside it); None if there are none. Nothing is ever guessed from a name inside the document.
    """

    name: str
    data: bytes
    detached: bytes | None = None
    detached_name: str = ""


def document_at(path: Path) -> Document:
    """Read the document at `path`; OSError is the caller's."""
    return Document(path.name, path.read_bytes())
