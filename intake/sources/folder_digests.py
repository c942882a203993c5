"""The digests of the export folder's files, so that a file which nothing has touched is not read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

from intake.ports import Memory
from intake.sources.folder_found import FoundFile, Listing

_DIGESTS = "digests"


class Digests:
    """
    What is known of each file's content, under the file's path, as long as nothing about the file has changed.

    `pieces` yields a file's bytes. `is_kept`: across processes too, since with `leave` years of files would be read
    anew at each start.
    """

    def __init__(self, pieces: Callable[[FoundFile], Iterator[bytes]], *, is_kept: bool) -> None:
        self._pieces = pieces
        self._is_kept = is_kept
        self._known: dict[str, tuple[int, int, int, int, str]] = {}

    def of(self, file: FoundFile) -> str:
        """Return the SHA-256 of a file; OSError if it cannot be read or is not what was listed."""
        stamp = (file.size, file.modified_ns, file.changed_ns, file.inode)
        known = self._known.get(file.path)
        if known is not None and known[:4] == stamp:
            return known[4]
        digest, size = hashlib.sha256(), 0
        for piece in self._pieces(file):
            digest.update(piece)
            size += len(piece)
        if size != file.size:
            raise OSError(f"{file.label} changes while it is read")
        self._known[file.path] = (*stamp, digest.hexdigest())
        return digest.hexdigest()

    def load(self, memory: Memory) -> None:
        """Take over what an earlier process knew; nothing for anything else than what was saved."""
        if self._known or not self._is_kept:
            return
        try:
            raw = json.loads(memory.get(_DIGESTS) or "{}")
            self._known = {
                str(path): (int(one[0]), int(one[1]), int(one[2]), int(one[3]), str(one[4]))
                for path, one in raw.items()
            }
        except (ValueError, TypeError, LookupError, AttributeError):
            self._known = {}

    def save(self, memory: Memory, listing: Listing) -> None:
        """Forget what is gone, and keep the rest, if it says anything new."""
        if listing.complete:
            there = {one.path for group in listing.groups for one in group.files}
            self._known = {path: known for path, known in self._known.items() if path in there}
        if self._is_kept:
            text = json.dumps(self._known, separators=(",", ":"), sort_keys=True)
            if text != (memory.get(_DIGESTS) or "{}"):
                memory.put(_DIGESTS, text)
