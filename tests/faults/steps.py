"""Counts every durable step of a pass and does harm at one of them: dies, or makes it fail, once or for good."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy.exc
from sqlalchemy.engine.default import DefaultDialect

from storage import vault

Harm = Literal["none", "kill", "fail-once", "fail-for-good"]


@dataclass
class Steps:
    """
    The numbered steps of one pass. `at` is the step that is harmed (0: none), `kind` narrows which steps count.

    A step is a write to the vault, an fsync, a rename, a commit (before and after), a word to the relay (before and
    after) and a word to the source.
    """

    harm: Harm = "none"
    at: int = 0
    number: int = errno.ENOSPC
    names: list[str] = field(default_factory=list)
    harmed: int = 0

    def touch(self, name: str) -> bool:
        """Count a step; True says that it must fail now."""
        self.names.append(name)
        here = len(self.names)
        if self.harm == "kill" and here == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        fails = (self.harm == "fail-once" and here == self.at) or (
            self.harm == "fail-for-good" and self.at and here >= self.at
        )
        if fails:
            self.harmed += 1
        return bool(fails)

    def install(self) -> None:
        """Put the counter before every durable step of this process; there is no way back, so fork first."""
        self._wrap(os, "fsync", "fsync")
        self._wrap(os, "rename", "rename")
        self._wrap(os, "replace", "rename")
        self._wrap(vault._FileWriter, "write", "write")
        commit = DefaultDialect.do_commit

        def counted_commit(dialect: DefaultDialect, connection: Any) -> None:
            if self.touch("commit: before"):
                raise sqlalchemy.exc.OperationalError("COMMIT", {}, OSError(self.number, os.strerror(self.number)))
            commit(dialect, connection)
            # A failure reported after the commit is a broken connection; what was committed stays committed.
            self.touch("commit: after")

        DefaultDialect.do_commit = counted_commit  # type: ignore[method-assign]

    def _wrap(self, owner: Any, attribute: str, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, attribute)

        def counted(*arguments: Any, **named: Any) -> Any:
            if self.touch(name):
                raise OSError(self.number, os.strerror(self.number))
            return real(*arguments, **named)

        setattr(owner, attribute, counted)
