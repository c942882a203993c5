"""Files that belong together travel as one bundle: a plain ZIP that says first what it holds."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, Literal, cast

from intake.ports import ByteSink

BUNDLE_SCHEMA = "intake-bundle/1"
INDEX_NAME = "intake-bundle.json"

Shape = Literal["manifest", "bare"]


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a group: its name relative to the group (NFC, with `/`), and what was found when it was listed."""

    name: str
    size: int
    sha256: str
    modified_at: datetime
    chunks: Callable[[], Iterator[bytes]]


class ContentChanged(Exception):
    """A file no longer holds what it held when it was listed."""


def write_bundle(into: ByteSink, shape: Shape, path: str, files: Sequence[BundleFile], *, with_content: bool) -> None:
    """
    Write the group as a ZIP into `into`: the index `intake-bundle.json` first, then each file, stored uncompressed.

    The index is {"schema", "kind", "path", "files": [{"name", "size", "sha256", "mtime"}]}; times are RFC 3339, UTC.
    The same group always gives the same bytes: times and owners inside the ZIP are fixed. Files are streamed.
    Without `with_content` only the index is written, for a group that is too large to be stored. Raises
    ContentChanged when a file differs from its digest; what was written by then is to be thrown away.
    """
    files = _told_apart(files)
    index = {
        "schema": BUNDLE_SCHEMA,
        "kind": shape,
        "path": path,
        "files": [
            {
                "name": one.name,
                "size": one.size,
                "sha256": one.sha256,
                "mtime": one.modified_at.isoformat(timespec="microseconds"),
            }
            for one in files
        ],
    }
    text = json.dumps(index, ensure_ascii=False, indent=1).encode()
    with zipfile.ZipFile(cast("IO[bytes]", _Forward(into)), "w", zipfile.ZIP_STORED) as archive:
        with archive.open(_entry(INDEX_NAME, len(text)), "w") as entry:
            entry.write(text)
        for one in files if with_content else ():
            digest, size = hashlib.sha256(), 0
            with archive.open(_entry(one.name, one.size), "w") as entry:
                for chunk in one.chunks():
                    entry.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    if size > one.size:
                        break
            if (size, digest.hexdigest()) != (one.size, one.sha256):
                raise ContentChanged(one.name)


def _told_apart(files: Sequence[BundleFile]) -> list[BundleFile]:
    """Number names that are there already: two files may have one name in NFC, and one may have the index's."""
    taken = {INDEX_NAME}
    apart: list[BundleFile] = []
    for one in files:
        name, number = one.name, 1
        while name in taken:
            number += 1
            path = PurePosixPath(one.name)
            name = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        taken.add(name)
        apart.append(replace(one, name=name))
    return apart


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    entry.file_size = size  # Says beforehand whether the entry needs ZIP64.
    return entry


class _Forward:
    """A sink as zipfile wants it: it can be written to and nothing else, so nothing is ever written back over."""

    def __init__(self, into: ByteSink) -> None:
        self._into = into

    def write(self, data: bytes) -> int:
        return self._into.write(bytes(data))

    def flush(self) -> None:
        """The sink has no buffer of its own."""
