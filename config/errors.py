"""A thing outside the program that needs a person, said in words with the remedy."""


class OfficeError(Exception):
    """
    Something outside the program needs a person: says what happened, and what to do.

    A bug is not an OfficeError; it keeps its traceback. A bad form is not one
    either: it is a finding, and goes to the ledger.
    """

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class WrongUse(OfficeError):
    """The command, or a file the operator wrote, asks for what cannot be done (exit status 2)."""
