"""Take a thing that arrived apart, down to its last file, by what its bytes are and within limits; nothing raises."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from intake.steps.archive import ARCHIVES
from intake.steps.bundle import MAX_FILES, is_bundle, read_bundle, unpack_files
from intake.steps.edxml import looks_like_edxml, read_edxml
from intake.steps.edxml_files import File
from intake.steps.mail_names import label_of
from intake.steps.media_types import MAIL, TNEF, UNKNOWN, looks_like_mail, media_type_of
from intake.steps.taking_apart import Worker
from intake.steps.unpacked import Kind, Leaf, Unpacked
from storage.records import Why

# Bytes of a folder that are read at once; the largest delivery that is taken in is far smaller.
MAX_FOLDER_BYTES = 512 * 1024 * 1024


def unpack(data: bytes, name: str) -> Unpacked:
    """
    Take `data` apart: what it is is told by its bytes, `name` (its label where it lay) only helps with a bare mail.

    Every leaf that is not running text is listed by contract section 4; every flaw becomes a problem with a code from
    `config/reasons/`. Costs are bounded by the constants in `allowance.py`; nothing raises but MemoryError. What cannot
    be recognised is a document, whose only leaf is itself.
    """
    shown = label_of(name).name or ""
    try:
        return _unpack(data, name, shown)
    except MemoryError:
        raise
    except Exception as fault:
        # A fault of ours must not lose a delivery: it is kept whole, and a person is told.
        digest = hashlib.sha256(data).hexdigest()
        itself = Leaf((shown or "#1",), shown or None, "", UNKNOWN, len(data), digest, data)
        flaw = Why("UNPACK_FAILED", type(fault).__name__)
        return Unpacked("document", shown, digest, len(data), (itself,), (flaw,))


def _unpack(data: bytes, name: str, shown: str) -> Unpacked:
    if is_bundle(data):
        return read_bundle(data, shown, _open_leaves)
    if looks_like_edxml(data):
        return read_edxml(data, shown, _open_leaves)
    worker = Worker()
    media_type = media_type_of(data)
    called_mail = name.rpartition(".")[2].lower() in ("eml", "mail", "mbox", "mime")
    may_be_mail = media_type in ("text/plain", "text/html", MAIL, UNKNOWN) or media_type.startswith("text/")
    if may_be_mail and (called_mail or looks_like_mail(data)):
        return worker.whole_mail(data, shown)
    kind: Kind = "tnef" if media_type == TNEF else "archive" if media_type in ARCHIVES else "document"
    worker.file(data, label_of(name), "", (), 0, "", outermost=True)
    digest = hashlib.sha256(data).hexdigest()
    return Unpacked(kind, shown, digest, len(data), worker.leaves.all(), worker.allowance.problems())


def unpack_bundle(files: Mapping[str, bytes], name: str) -> Unpacked:
    """Take the files of a folder (relative name to bytes) apart as one bundle; nothing raises."""
    return unpack_files(files, label_of(name).name or "", _open_leaves)


def unpack_folder(path: Path) -> Unpacked:
    """
    Read a folder from disk and take it apart as one bundle.

    Links, hidden and special files are passed over; more than MAX_FOLDER_BYTES or MAX_FILES in all is left out and
    reported. Raises OSError when the folder itself cannot be listed or a file of it cannot be read.
    """
    files: dict[str, bytes] = {}
    total = 0
    left_out: list[Why] = []
    for one in sorted(path.rglob("*")):
        relative = one.relative_to(path)
        if one.is_symlink() or not one.is_file() or any(piece.startswith(".") for piece in relative.parts):
            continue
        size = one.stat().st_size
        if len(files) >= MAX_FILES or total + size > MAX_FOLDER_BYTES:
            left_out.append(Why("LIMIT_BYTES", f"left out: {relative}"))
            continue
        total += size
        files[relative.as_posix()] = one.read_bytes()
    unpacked = unpack_bundle(files, path.name)
    return replace(unpacked, problems=(*unpacked.problems, *left_out[:20]))


def _open_leaves(files: list[File]) -> tuple[tuple[Leaf, ...], tuple[Why, ...]]:
    """Open files of a package or bundle, given as (name, declared type, bytes); one account for all of them."""
    worker = Worker()
    for number, (name, declared, data) in enumerate(files, start=1):
        worker.file(data, label_of(name), declared, (), 1, f"#{number}", declared_counts=False)
    return worker.leaves.all(), worker.allowance.problems()
