"""Adds up what was found about one signature: every reason is kept, and the gravest gives the verdict."""

from __future__ import annotations

from collections.abc import Iterable

from signatures.report import Reason, Verdict

_GRAVITY = {Verdict.PASSED: 0, Verdict.INDETERMINATE: 1, Verdict.UNSUPPORTED: 2, Verdict.FAILED: 3}


class Tally:
    """
    A verdict in the making: starts as PASSED and only ever gets worse.

    The sub-indication (ETSI EN 319 102-1, 5.1.3) is that of the first finding of the gravest kind.
    """

    def __init__(self) -> None:
        self.verdict = Verdict.PASSED
        self.sub_indication: str | None = None
        self._reasons: dict[Reason, None] = {}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason found, each once, in the order found."""
        return tuple(self._reasons)

    def remark(self, code: str, detail: str = "") -> None:
        """Note something a person should see; the verdict stays."""
        self._reasons[Reason(code, detail)] = None

    def doubt(self, sub_indication: str, code: str, detail: str = "") -> None:
        """Find that the answer cannot be given: INDETERMINATE."""
        self._worsen(Verdict.INDETERMINATE, sub_indication, code, detail)

    def weak_digest(self, name: str, *, is_remark: bool) -> None:
        """
        Find that collisions can be made of the digest `name`, so that what it covers may have a twin.

        That is a question of trust, like the strength of a key; where nobody asks for trust it `is_remark` only.
        """
        if is_remark:
            self.remark("WEAK_DIGEST", name)
        else:
            self.doubt("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "WEAK_DIGEST", name)

    def cannot(self, code: str, detail: str = "") -> None:
        """Find that we cannot judge this at all: UNSUPPORTED."""
        self._worsen(Verdict.UNSUPPORTED, None, code, detail)

    def fail(self, sub_indication: str, code: str, detail: str = "") -> None:
        """Find that the signature does not hold: FAILED."""
        self._worsen(Verdict.FAILED, sub_indication, code, detail)

    def take(self, verdict: Verdict, sub_indication: str | None, reasons: Iterable[Reason]) -> None:
        """Take over what another judgement found."""
        for reason in reasons:
            self._reasons[reason] = None
        if _GRAVITY[verdict] > _GRAVITY[self.verdict]:
            self.verdict, self.sub_indication = verdict, sub_indication

    def _worsen(self, verdict: Verdict, sub_indication: str | None, code: str, detail: str) -> None:
        self._reasons[Reason(code, detail)] = None
        if _GRAVITY[verdict] > _GRAVITY[self.verdict]:
            self.verdict, self.sub_indication = verdict, sub_indication
