"""What a verification is asked: the document, the trust to judge by, and the moment to judge for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.settings import PolicyTable
    from signatures.trust import TrustStore


class RevocationRule(StrEnum):
    """What an unknown revocation state does: hard makes it indeterminate, soft a remark, off asks nothing."""

    HARD = "hard"
    SOFT = "soft"
    OFF = "off"


# The rules as they are shipped; a change of what they mean is a new number.
SHIPPED_POLICY = "phieu-intake-1"


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The rules that are the office's choice, as data; `version` names them on every report.

    `sha1_certificates_before`: certificates (not documents) signed with SHA-1 are accepted if issued before
    this day, because government leaves of 2015 and public ones of 2017 are. `local_time_fault_hours`: a claimed
    time up to so far ahead of the proven one is the known fault of tools that write local time as UTC.
    """

    sha1_certificates_before: date = date(2019, 1, 1)
    min_rsa_bits: int = 2048
    min_rsa_bits_before_2014: int = 1024
    local_time_fault_hours: int = 7

    @classmethod
    def of(cls, table: PolicyTable) -> Policy:
        """Return the policy that an operator wrote into `[trust.policy]`."""
        return cls(**{one.name: getattr(table, one.name) for one in fields(cls)})

    @classmethod
    def named(cls, version: str) -> Policy:
        """Return the policy that `version` names; ValueError for a name that this program never gave."""
        base, *changes = version.split(";")
        if base != SHIPPED_POLICY:
            raise ValueError(f"not a policy of this program: {version[:100]!r}")
        pairs = dict(one.partition("=")[::2] for one in changes)
        kinds = {one.name: type(one.default) for one in fields(cls)}
        if len(pairs) != len(changes) or not pairs.keys() <= kinds.keys():
            raise ValueError(f"not a policy of this program: {version[:100]!r}")
        rules: dict[str, Any] = {
            key: date.fromisoformat(text) if kinds[key] is date else int(text) for key, text in pairs.items()
        }
        return replace(cls(), **rules)

    @property
    def version(self) -> str:
        """
        The policy's name: that of the shipped rules, and after it every rule that differs from them.

        So a report says by itself by which rules it was made, and `named` makes them again.
        """
        changed = [one.name for one in fields(self) if getattr(self, one.name) != one.default]
        return ";".join([SHIPPED_POLICY, *(f"{name}={getattr(self, name)}" for name in changed)])


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
    beside it); None if there are none. Nothing is ever guessed from a name inside the document. `known_sha256` (hex)
    spares reading megabytes again where the caller has hashed these very bytes; "" if it has not.
    """

    name: str
    data: bytes
    detached: bytes | None = None
    detached_name: str = ""
    known_sha256: str = ""

    @property
    def sha256(self) -> str:
        """The SHA-256 (hex) of the bytes."""
        return self.known_sha256 or hashlib.sha256(self.data).hexdigest()


def document_at(path: Path) -> Document:
    """Read the document at `path`; OSError is the caller's."""
    return Document(path.name, path.read_bytes())
