"""The one question everyone asks: what do this file's signatures say?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signatures.question import Document, Question
from signatures.report import FileReport


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge `document` with the first inspector that recognises it; never raises on hostile bytes.

    A file no inspector knows is `unsigned` if its type cannot bear a signature, `unsupported` if it can
    in a way we cannot judge (old Office files, encrypted packages), `unreadable` if it is not what its name claims.
    """
    raise NotImplementedError


def inspect_paths(
    paths: Sequence[Path],
    question: Question,
    *,
    content: Path | None = None,
    processes: int | None = None,
) -> tuple[FileReport, ...]:
    """
    Judge the files at `paths`, in this order, several at a time in worker processes with limits on time and memory.

    A worker that dies or overruns costs only its file (EXAMINATION_DIED, TOO_COSTLY: indeterminate). `content` is the detached
    content for a `.p7s`; without it the sibling without `.p7s` is taken. Raises OfficeError for a path that cannot be read.
    """
    raise NotImplementedError


def as_document(reports: Sequence[FileReport], question: Question) -> dict[str, Any]:
    """Return the JSON document `intake-verify/1` (contract section 3) for `reports`; times in the question's zone."""
    raise NotImplementedError
