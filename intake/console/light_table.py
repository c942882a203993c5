"""Lays two pictures of a page side by side, as signed and as it is; drawn in a process of its own, with limits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from config.isolation import MiB, TaskFailed, Worker
from intake.console.kept import Kept
from intake.console.preview import MAX_PDF_BYTES
from intake.pictures import (
    MEMORY_BYTES,
    SECONDS_PER_PAIR,
    Changed,
    FindTask,
    Pair,
    PairTask,
    Search,
    draw_pair,
    find_changes,
)
from storage.vault import Vault

# Comparing two revisions of a form takes a tenth of a second; what takes this long is made to exhaust us.
SECONDS_TO_FIND = 30.0
# Some thirty pairs at about 300 KB; a clerk looks at one file at a time.
KEPT_BYTES = 12 * MiB
KEPT_PAIRS = 200
KEPT_FILES = 200


@dataclass(frozen=True, slots=True)
class Found:
    """
    What changed after signing in one file; `trouble` is a code where it could not be told.

    `why` are the reason codes of the report where it says of no signature that something changed.
    """

    changes: tuple[Changed, ...]
    trouble: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Laid:
    """One pair of pictures; `trouble` is a code where not even one could be drawn within the limits."""

    pair: Pair | None
    trouble: str = ""


class LightTable:
    """Finds and draws what changed after signing, and keeps the latest; safe from several threads. Close it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._worker = Worker(_perform, memory_bytes=MEMORY_BYTES, name="intake-light-table")
        # Both pictures of a pair are asked for at once; the second asker waits and finds them drawn.
        self._one_at_a_time = threading.Lock()
        self._found: Kept[str, Found] = Kept(lambda one: 0, most=KEPT_FILES, most_bytes=0)
        self._laid: Kept[tuple[str, int, int], Laid] = Kept(_weight, most=KEPT_PAIRS, most_bytes=KEPT_BYTES)

    def close(self) -> None:
        """End the drawing process."""
        self._worker.close()

    def changes(self, sha256: str, at: datetime) -> Found:
        """Return what changed after each signature of the PDF with this digest; raises VaultError."""
        kept = self._found.get(sha256)
        if kept is not None:
            return kept
        with self._one_at_a_time:
            kept = self._found.get(sha256)
            if kept is None:
                kept = self._find(sha256, at)
                self._found.keep(sha256, kept)
        return kept

    def pair(self, sha256: str, change: Changed, page: int) -> Laid:
        """Return both pictures of a page that `change` names; a failure is remembered and costs its time once."""
        key = (sha256, change.index, page)
        kept = self._laid.get(key)
        if kept is not None:
            return kept
        with self._one_at_a_time:
            kept = self._laid.get(key)
            if kept is None:
                kept = self._lay(sha256, change, page)
                self._laid.keep(key, kept)
        return kept

    def _find(self, sha256: str, at: datetime) -> Found:
        length = self._vault.size(sha256)
        if length is not None and length > MAX_PDF_BYTES:
            return Found((), "TOO_LARGE")
        task = FindTask("phieu.pdf", self._vault.read(sha256), at)
        try:
            found = self._worker.call(task, timeout_seconds=SECONDS_TO_FIND)
        except TaskFailed as failure:
            return Found((), failure.code)
        assert isinstance(found, Search)
        return Found(found.changes, "", found.why)

    def _lay(self, sha256: str, change: Changed, page: int) -> Laid:
        boxes = dict(change.pages).get(page, ())
        task = PairTask(self._vault.read(sha256), change.revision_end, page, boxes)
        try:
            pair = self._worker.call(task, timeout_seconds=SECONDS_PER_PAIR)
        except TaskFailed as failure:
            return Laid(None, failure.code)
        assert isinstance(pair, Pair)
        return Laid(pair)


def _perform(task: FindTask | PairTask) -> Search | Pair:
    """Do either task; runs in the worker process."""
    return draw_pair(task) if isinstance(task, PairTask) else find_changes(task)


def _weight(laid: Laid) -> int:
    return 0 if laid.pair is None else len(laid.pair.signed) + len(laid.pair.now)
