"""A thing outside the program that needs a person, said in two languages, with the remedy."""

from __future__ import annotations

from config.reasons import ReasonText, explain_with, keep


class OfficeError(Exception):
    """
    Something outside the program needs a person: says what happened, and what to do.

    It carries a code and the facts of the case; the sentences stand in `config/reasons/` and are made when they
    are shown, Vietnamese first. As text (in the log) it speaks English. A fact must be fit to be shown: no password.

    A bug is not an OfficeError; it keeps its traceback. A bad form is not one
    either: it is a finding, and goes to the ledger.
    """

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = {name: str(value) for name, value in facts.items()}

    def __str__(self) -> str:
        return self.told.en

    @property
    def told(self) -> ReasonText:
        """What happened and what to do, in both languages."""
        return explain_with(self.code, self.facts)

    @property
    def remedy(self) -> str:
        """What to do, in English; `told` has it in both languages."""
        return self.told.do_en

    @property
    def in_vietnamese(self) -> str:
        """What happened and what to do in two or more sentences, for a form that is shown again."""
        return f"{self.told.vi} {self.told.do_vi}"

    @property
    def kept(self) -> str:
        """Code and facts as one line to be recorded; `config.reasons.recall` says it again in words."""
        return keep(self.code, self.facts)


class WrongUse(OfficeError):
    """The command, or a file the operator wrote, asks for what cannot be done (exit status 2)."""
