"""The export folder of the document system: finished documents are brought once, and then moved aside or left."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from config.settings import FolderSource
from intake.ports import Memory, SourceError, Waiting
from intake.sources.folder_aside import put_aside
from intake.sources.folder_diary import LISTING, Diary, Seen
from intake.sources.folder_item import FolderItem, Reading, inside, is_large
from intake.sources.folder_listing import PROCESSED, FoundFile, Group, Listing, list_folder, read_plain
from intake.sources.folder_moment import Sighting
from intake.sources.folder_ready import looks_whole
from intake.sources.manifest import MAX_MANIFEST_OCTETS, Manifest, ManifestInvalid, read_manifest
from storage.records import Delivery, Why

# Between the two glances of one look: a writer that pauses longer than this at a point where its file
# happens to be whole is waited for no more.
SECOND_GLANCE_SECONDS = 1.0

# A signature without its document is held back so long: the document is usually written right after it.
LONELY_SIGNATURE_WAIT = timedelta(minutes=10)

# A folder that is at rest but does not match its manifest is brought after so long, for a person to see.
MISMATCH_WAIT = timedelta(hours=1)

_DIGESTS = "digests"


class ExportFolder:
    """
    A folder into which a document system, a script or a clerk puts documents.

    Three shapes: `*.edxml` anywhere below; a folder with `manifest.json`; bare files, with their `.p7s` beside
    them. A thing is brought when it is finished: by a `.done` marker, by a manifest whose files are all there with
    the right digests, or by being at rest over two looks (two glances of one look for a file whose own structure is
    whole). What by place and shape is the system's own package or manifest is marked SYSTEM_PACKAGE; only that may
    recall, replace, or state a moment. The key is the path and the digest of the content: the same content at the same
    path is one delivery, a changed file is a new one. `settle = "move"` moves to `processed/`; nothing is ever deleted
    or written over.

    A look may block as long as the file system does: a dead network share holds it in the kernel, where nothing can
    interrupt it. Otherwise `close` from another thread, or `look_timeout_seconds`, ends it with SourceError.
    """

    def __init__(self, settings: FolderSource) -> None:
        self._settings = settings
        self._root = Path(settings.path)
        self._looking = threading.Lock()
        self._closing = threading.Event()
        self._until = 0.0
        self._remarks: list[Why] = []
        self._met: dict[str, float] = {}
        self._taken: dict[str, Group] = {}
        self._known: set[str] = set()
        self._digests: dict[str, tuple[int, int, int, int, str]] = {}
        self.reading = Reading(settings.name, self._root, self._digest, self._check)

    @property
    def name(self) -> str:
        """The source's name, as the settings have it."""
        return self._settings.name

    @property
    def remarks(self) -> tuple[Why, ...]:
        """What the last look noticed that a person should know, though it went on (config/reasons/sources.toml)."""
        return tuple(self._remarks)

    def waiting(self, memory: Memory, now: datetime) -> Iterator[Waiting]:
        """
        Yield the finished things that the ledger does not know, oldest first; what it knows is settled now.

        Raises SourceError when the folder cannot be listed (a share that is not mounted). What cannot be read is
        a remark and is tried at each look.
        """
        if not self._looking.acquire(blocking=False):
            raise SourceError(
                f"{self.name}: a look is already going on",
                remedy="If it does not end, the folder's share hangs: look into the mount.",
            )
        try:
            self._remarks = []
            self._closing.clear()
            self._until = time.monotonic() + self._settings.look_timeout_seconds
            yield from self._look(memory, now)
        finally:
            self._looking.release()

    def settle(self, delivery: Delivery) -> None:
        """
        Move what was brought as `delivery` to `processed/`, if the settings say so and it is still the same.

        A name that is already there gets a number. What this process has not listed is settled by the next look.
        """
        group = self._taken.get(delivery.source_key)
        if group is not None and not any(why.code == "OVERSIZE" for why in delivery.reasons):
            self._put_aside(group)

    def close(self) -> None:
        """End a look that is going on; there is no connection to let go of."""
        self._closing.set()

    # One look.

    def _look(self, memory: Memory, now: datetime) -> Iterator[Waiting]:
        # 1. List, and see how each thing stands to the last look.
        listing = self._list()
        diary = Diary.load(memory.get(LISTING))
        not_there_at = diary.listed_at.get(listing.root)
        for path in listing.rejected:
            self._remark("FOLDER_ITEM_REJECTED", path)
        for path in listing.unreadable:
            self._remark("FOLDER_ITEM_UNREADABLE", path)
        at_rest: set[str] = set()
        seen: dict[str, Seen] = {}
        fresh: list[Group] = []
        for group in listing.groups:
            before = diary.seen.get(group.mark)
            if before is None or before.print != _short(group.print):
                seen[group.mark] = Seen(_short(group.print), Sighting(now, not_there_at))
                self._met[group.mark] = time.monotonic()
                fresh.append(group)
            else:
                seen[group.mark] = before
                at_rest.add(group.mark)
        at_rest = self._second_glance(fresh, listing.groups, at_rest)

        # 2. Bring what is finished; settle what the ledger has already.
        self._load_digests(memory)
        self._taken = {}
        still_waiting: set[str] = set()
        for group in listing.groups:
            self._check()
            sighting = seen[group.mark].sighting
            try:
                manifest, flaws = self._manifest_of(group)
                verdict = self._is_finished(group, manifest, flaws, sighting, group.mark in at_rest, now)
                key = self._key(group) if verdict is not None else ""
            except OSError:
                self._remark("FOLDER_ITEM_UNREADABLE", group.label)
                still_waiting.add(group.mark)
                continue
            if verdict is None:
                self._remark("FOLDER_ITEM_WAITS", group.label)
                still_waiting.add(group.mark)
                continue
            self._taken[key] = group
            if not self._is_known(key, memory):
                yield FolderItem(self.reading, group, key, manifest, verdict, sighting)
            if not self._is_known(key, memory):
                still_waiting.add(group.mark)
            else:
                self._settle_again(group)

        # 3. Remember this listing, so that the next one knows what was not there.
        self._met = {mark: at for mark, at in self._met.items() if mark in still_waiting}
        if listing.complete:
            diary.after(listing.root, now, {mark: seen[mark] for mark in still_waiting}).save(memory)
        self._save_digests(memory, listing)

    def _is_known(self, key: str, memory: Memory) -> bool:
        """Whether the ledger has it; what it had once it has for ever, so left files are asked for only once."""
        if key not in self._known and memory.knows(key):
            self._known.add(key)
        return key in self._known

    def _list(self) -> Listing:
        outbox = self._settings.outbox
        leave_out: frozenset[str] = frozenset()
        if outbox and Path(outbox).is_relative_to(self._root):
            leave_out = frozenset({Path(outbox).relative_to(self._root).as_posix()})
        try:
            return list_folder(self._root, leave_out=leave_out, check=self._check)
        except OSError as cause:
            raise SourceError(
                f"{self.name}: the folder {self._root} cannot be listed: {cause.strerror or cause}",
                remedy="Check that the share is mounted and that the service may read it; nothing is lost meanwhile.",
            ) from cause

    def _second_glance(self, fresh: list[Group], groups: list[Group], at_rest: set[str]) -> set[str]:
        """
        Return what is at rest: what was so at an earlier look, and of the fresh what is whole by its structure.

        Both only if it has not changed for SECOND_GLANCE_SECONDS; for that this look waits once and lists again.
        """
        early = time.monotonic() - SECOND_GLANCE_SECONDS
        hasty = {group.mark for group in groups if group.mark in at_rest and self._met.get(group.mark, early) > early}
        doubtful = hasty | {group.mark for group in fresh if self._may_be_whole(group)}
        if not doubtful:
            return at_rest
        self._closing.wait(SECOND_GLANCE_SECONDS)
        self._check()
        again = {group.mark: group.print for group in self._list().groups}
        same = {group.mark for group in groups if again.get(group.mark) == group.print}
        return (at_rest | doubtful) & (same | (at_rest - doubtful))

    def _may_be_whole(self, group: Group) -> bool:
        try:
            if group.shape == "manifest":
                return self._manifest_of(group)[0] is not None
            return all(looks_whole(self._root, one) for one in group.files)
        except OSError:
            return False

    def _is_finished(
        self,
        group: Group,
        manifest: Manifest | None,
        flaws: tuple[Why, ...],
        sighting: Sighting,
        at_rest: bool,
        now: datetime,
    ) -> tuple[Why, ...] | None:
        """Return None while the thing is to be waited for, else what is to be said of it."""
        if any(one.size == 0 for one in group.files) and not group.is_marked:
            return None
        if group.shape != "manifest":
            if group.is_marked:
                return ()
            if group.awaits_content and now - sighting.first < LONELY_SIGNATURE_WAIT:
                return None
            return () if at_rest else None
        if manifest is None:
            return flaws if at_rest or group.is_marked else None
        names = {inside(group, one): one for one in group.files}
        missing = [one.name for one in manifest.files if one.name not in names]
        wrong = [
            one.name
            for one in manifest.files
            if one.name in names and one.sha256 is not None and self._digest(names[one.name]) != one.sha256
        ]
        proven = all(one.sha256 is not None for one in manifest.files)
        if not missing and not wrong:
            return flaws if proven or at_rest or group.is_marked else None
        mismatch = (*flaws, Why("MANIFEST_MISMATCH", ", ".join(sorted(missing + wrong))[:300]))
        if group.is_marked or (not missing and at_rest and now - sighting.first >= MISMATCH_WAIT):
            return mismatch
        return None

    def _manifest_of(self, group: Group) -> tuple[Manifest | None, tuple[Why, ...]]:
        if group.shape != "manifest":
            return None, ()
        if group.manifest is None:
            return None, (Why("MANIFEST_INVALID", "only manifest.json is read"),)
        data = bytearray()
        for chunk in read_plain(self._root, group.manifest.path):
            data += chunk
            if len(data) > MAX_MANIFEST_OCTETS:
                break
        try:
            return read_manifest(bytes(data)), ()
        except ManifestInvalid as cause:
            return None, (Why("MANIFEST_INVALID", str(cause)),)

    # Digests and keys.

    def _key(self, group: Group) -> str:
        """Return path and digest: a lone file's own, a group's over the names and digests of its files."""
        if group.shape in ("edxml", "lone"):
            digest = self._digest(group.files[0])
        else:
            lines = [f"{inside(group, one)}\0{self._digest(one)}\n" for one in group.files]
            digest = hashlib.sha256("".join(sorted(lines)).encode("utf-8", "replace")).hexdigest()
        return f"{group.label}@{digest}"

    def _digest(self, file: FoundFile) -> str:
        """Return the SHA-256 of a file, from memory if nothing about the file has changed; OSError if unreadable."""
        stamp = (file.size, file.modified_ns, file.changed_ns, file.inode)
        known = self._digests.get(file.path)
        if known is not None and known[:4] == stamp:
            return known[4]
        digest, size = hashlib.sha256(), 0
        for chunk in read_plain(self._root, file.path):
            self._check()
            digest.update(chunk)
            size += len(chunk)
        if size != file.size:
            raise OSError(f"{file.label} changes while it is read")
        self._digests[file.path] = (*stamp, digest.hexdigest())
        return digest.hexdigest()

    def _load_digests(self, memory: Memory) -> None:
        """Take over what an earlier process knew: with `leave`, years of files would be read anew at each start."""
        if self._digests or self._settings.settle != "leave":
            return
        try:
            raw = json.loads(memory.get(_DIGESTS) or "{}")
            self._digests = {
                str(path): (int(one[0]), int(one[1]), int(one[2]), int(one[3]), str(one[4]))
                for path, one in raw.items()
            }
        except (ValueError, TypeError, LookupError, AttributeError):
            self._digests = {}

    def _save_digests(self, memory: Memory, listing: Listing) -> None:
        there = {one.path for group in listing.groups for one in group.files}
        if listing.complete:
            self._digests = {path: known for path, known in self._digests.items() if path in there}
        if self._settings.settle == "leave":
            text = json.dumps(self._digests, separators=(",", ":"), sort_keys=True)
            if text != (memory.get(_DIGESTS) or "{}"):
                memory.put(_DIGESTS, text)

    def _check(self) -> None:
        if self._closing.is_set():
            raise SourceError(f"{self.name}: closed meanwhile", remedy="Nothing needs to be done.")
        if time.monotonic() > self._until:
            raise SourceError(
                f"{self.name}: the look took longer than {self._settings.look_timeout_seconds} seconds",
                remedy="The next look goes on; if it happens again, look into the share's speed.",
            )

    # Settling.

    def _settle_again(self, group: Group) -> None:
        """Settle what an earlier attempt left; trouble is a remark, since the ledger has it all the same."""
        try:
            self._put_aside(group)
        except SourceError:
            self._remark("SETTLE_NOT_POSSIBLE", group.label)

    def _put_aside(self, group: Group) -> None:
        if self._settings.settle != "move" or is_large(group):
            return
        try:
            put_aside(self._root, group)
        except OSError as cause:
            raise SourceError(
                f"{self.name}: {group.label} could not be moved to {PROCESSED}/: {cause.strerror or cause}",
                remedy='Let the service write in the folder, or write settle = "leave".',
            ) from cause

    def _remark(self, code: str, detail: str) -> None:
        remark = Why(code, detail)
        if remark not in self._remarks:
            self._remarks.append(remark)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
