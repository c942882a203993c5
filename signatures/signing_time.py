"""When a signature was made: what is proven of it, and what its signer only claims."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from signatures.question import Question
from signatures.report import Reason

# Clocks of authorities, responders and offices differ by seconds to minutes.
CLOCK_TOLERANCE = timedelta(minutes=5)


def proven_time(
    stamped: Iterable[datetime], question: Question
) -> tuple[datetime | None, Literal["timestamp", "receipt"] | None]:
    """
    Return since when the signature is proven to exist, and by what; (None, None) if nothing proves it.

    `stamped` are the moments of verified time stamps over it, in any order; the earliest counts, unless it comes after
    the office's own receipt. Source: ETSI EN 319 102-1, 5.5.4, step 4 (best-signature-time).
    """
    earliest = min(stamped, default=None)
    if earliest is not None and earliest <= question.at:
        return earliest, "timestamp"
    if question.at_is_proof:
        return question.at, "receipt"
    if earliest is not None and question.integrity_only:
        return earliest, "timestamp"
    return None, None


def remark_on_claim(claimed_at: datetime | None, moment: datetime, question: Question) -> Reason | None:
    """Return a remark if the claim is after `moment`; up to some hours it is the known fault of local time as UTC."""
    if claimed_at is None or claimed_at <= moment + CLOCK_TOLERANCE:
        return None
    fault = timedelta(hours=question.policy.local_time_fault_hours) + CLOCK_TOLERANCE
    code = "LOCAL_TIME_FAULT" if claimed_at - moment <= fault else "CLAIMED_TIME_AFTER_PROOF"
    return Reason(code, f"{claimed_at.isoformat()} claimed, {moment.isoformat()} proven")
