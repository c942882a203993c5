"""One line of the table that `make bench` prints: a figure, its peer's, and how they stand to each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    What was measured. `ratio` is ours to the peer's in the sense that `wanted` names, e.g. "at least 0.5x".

    `peer` and `ratio` are empty where a figure stands alone against a limit. `met` says whether the wish is fulfilled.
    """

    name: str
    ours: str
    peer: str
    ratio: str
    wanted: str
    met: bool

    def line(self) -> str:
        """Return it as one line of the table."""
        mark = "ok" if self.met else "MISSED"
        return f"{self.name:<52} | {self.ours:>16} | {self.peer:>22} | {self.ratio:>7} | {self.wanted:<16} | {mark}"


def show(figures: list[Figure]) -> None:
    """Print the lines."""
    for figure in figures:
        print(figure.line(), flush=True)
