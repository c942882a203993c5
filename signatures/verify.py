"""The one question everyone asks: what do this file's signatures say?"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Protocol

from signatures.kinds import Kind, kind_of, plain_report
from signatures.question import Document, Question
from signatures.report import FileReport, Reason, Verdict, as_json
from signatures.verify_many import judge_in_processes

# Each inspector is a module with `recognises` and `inspect`; the first that recognises a file judges it. They are
# imported when first asked, because the libraries behind some take a second to load and most files need one of them.
INSPECTORS = (
    "signatures.formats.pdf",
    "signatures.formats.ooxml",
    "signatures.formats.cms",
    "signatures.formats.edxml",
    "signatures.formats.xml",
    "signatures.formats.smime",
)

# Which inspectors a kind of file may concern: the others are not even loaded for it.
_CONCERNED = {
    Kind.PDF: ("signatures.formats.pdf",),
    Kind.ZIP: ("signatures.formats.ooxml",),
    Kind.CMS: ("signatures.formats.cms",),
    Kind.XML: ("signatures.formats.edxml", "signatures.formats.xml"),
    Kind.MAIL: ("signatures.formats.smime",),
    Kind.OTHER: (),
}

# A mail in a mail in a signed message in a package: deeper is made to exhaust us, and no office sends it.
MAX_NESTING = 8

_nesting: ContextVar[int] = ContextVar("nesting", default=0)


class Inspector(Protocol):
    """What a module in `signatures/formats/` offers."""

    def recognises(self, document: Document) -> bool:
        """Whether the document is of this format, by its bytes."""

    def inspect(self, document: Document, question: Question) -> FileReport:
        """Judge it; never raises on hostile bytes."""


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge `document` with the first inspector that recognises it; never raises on hostile bytes.

    A file no inspector knows is `unsigned` if its type cannot bear a signature, `unsupported` if it can
    in a way we cannot judge (old Office files, encrypted packages), `unreadable` if it is not what its name claims.
    """
    level = _nesting.get()
    if level >= MAX_NESTING:
        return plain_report(document, Verdict.INDETERMINATE, Reason("TOO_COSTLY", "nested too deep"))
    token = _nesting.set(level + 1)
    try:
        return _inspect(document, question)
    except MemoryError:
        return plain_report(document, Verdict.INDETERMINATE, Reason("TOO_COSTLY", "more memory than is granted"))
    except Exception as cause:
        # The boundary of examination: whatever a hostile file makes a library raise costs only this file.
        return plain_report(document, Verdict.INDETERMINATE, Reason("EXAMINATION_FAILED", type(cause).__name__))
    finally:
        _nesting.reset(token)


def _inspect(document: Document, question: Question) -> FileReport:
    found = kind_of(document)
    if found.verdict is not None:
        return plain_report(document, found.verdict, *found.reasons, media_type=found.media_type)
    for name in _CONCERNED[found.kind]:
        inspector: Inspector = import_module(name)
        if inspector.recognises(document):
            return inspector.inspect(document, question)
    return plain_report(document, Verdict.UNSIGNED, *found.reasons, media_type=found.media_type)


def inspect_paths(
    paths: Sequence[Path],
    question: Question,
    *,
    content: Path | None = None,
    processes: int | None = None,
    keep_evidence: bool = False,
) -> tuple[FileReport, ...]:
    """
    Judge the files at `paths`, in this order, several at a time in worker processes with limits on time and memory.

    A worker that dies or overruns costs only its file (EXAMINATION_DIED, TOO_COSTLY: indeterminate). `content` is the
    detached content for a `.p7s`; without it the sibling named without `.p7s` is taken. `keep_evidence` brings the
    certificates, lists and time stamps used along, which may be megabytes per file; a validation report needs them.
    Raises OfficeError for a path that cannot be read.
    """
    return judge_in_processes(
        paths,
        partial(_inspect_for, question),
        content=content,
        processes=processes,
        keep_evidence=keep_evidence,
    )


def _inspect_for(question: Question, document: Document) -> FileReport:
    return inspect(document, question)


def tool_name() -> str:
    """Return name and version of this program, as every report names it."""
    try:
        return f"phieu-intake {metadata.version('phieu-intake')}"
    except metadata.PackageNotFoundError:
        return "phieu-intake (from source)"


def as_document(reports: Sequence[FileReport], question: Question) -> dict[str, Any]:
    """
    Return the JSON document `intake-verify/1` (contract section 3) for `reports`.

    Times are in the zone of `question.at`, which the caller sets to the office's.
    """
    zone = question.at.tzinfo
    assert zone is not None  # Question refuses a moment without one.
    return {
        "schema": "intake-verify/1",
        "tool": tool_name(),
        "policy": question.policy.version,
        "at": question.at.isoformat(),
        "trust_judged": not question.integrity_only,
        "files": [as_json(report, zone) for report in reports],
    }
