"""How much unpacking one delivery may cost: limits that no honest delivery reaches, and what it has used."""

from __future__ import annotations

from storage.records import Why

# Containers within containers. A bounce of a bounce came nested 30 deep; an agency's forms in a ZIP in a forwarded
# mail need 4. Each level costs a few stack frames, so the limit also keeps clear of Python's own.
MAX_DEPTH = 45
# Parts of all messages of one delivery together; a mail of scanned pages has some hundred. Each costs about 700 bytes
# of memory, so that a mail of nothing but delimiters stays within a megabyte.
MAX_PARTS = 1_000
# Members of all archives of one delivery together.
MAX_MEMBERS = 4_000
# Bytes that come out of archives and compressed content, all together: ten times the largest mail most servers take.
MAX_PRODUCED_BYTES = 256 * 1024 * 1024
# Bytes out per byte in, once FREE_BYTES have come out: Office and PDF files reach 20, plain text 100.
MAX_RATIO = 200
FREE_BYTES = 16 * 1024 * 1024
# Flaws listed for one delivery; the rest are counted in one last line.
MAX_PROBLEMS = 200


class LimitReached(Exception):
    """Unpacking a container would cost more than it may; `why` says which limit, for the finding."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"{why.code}: {why.detail}")
        self.why = why


class Allowance:
    """The account of one delivery: parts, members and bytes produced so far, and its flaws without repeats."""

    def __init__(self) -> None:
        self._parts = 0
        self._members = 0
        self._produced = 0
        self._problems: dict[Why, None] = {}
        self._unlisted = 0

    def part(self) -> bool:
        """Count one more part of a message; False when there were too many (then nothing further is listed)."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            self.note("LIMIT_PARTS", f"more than {MAX_PARTS}")
            return False
        return True

    def member(self, where: str) -> None:
        """Count one more member of an archive; raises LimitReached when there were too many."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise LimitReached(Why("LIMIT_PARTS", f"{where}: more than {MAX_MEMBERS} members"))

    def produce(self, count: int, where: str, *, out: int, packed: int) -> None:
        """
        Count `count` more bytes from a container of `packed` bytes that has given `out` in all.

        Raises LimitReached for too much in all, or out of too little: only bytes that really came out count,
        because the sizes written in an archive may lie.
        """
        self._produced += count
        if self._produced > MAX_PRODUCED_BYTES:
            raise LimitReached(Why("LIMIT_BYTES", f"{where}: more than {MAX_PRODUCED_BYTES} bytes"))
        if out > FREE_BYTES and out > packed * MAX_RATIO:
            raise LimitReached(Why("LIMIT_BYTES", f"{where}: more than {MAX_RATIO} bytes out of each byte in"))

    def note(self, code: str, detail: str = "") -> None:
        """Keep a flaw; the same one twice is one."""
        self.keep(Why(code, detail[:500]))

    def keep(self, why: Why) -> None:
        """Keep a flaw that was found elsewhere."""
        if why in self._problems:
            return
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[why] = None
        else:
            self._unlisted += 1

    def problems(self) -> tuple[Why, ...]:
        """Return the flaws in the order they were met."""
        rest = (Why("MORE_PROBLEMS", f"{self._unlisted} more"),) if self._unlisted else ()
        return (*self._problems, *rest)
