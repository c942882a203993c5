"""The export folder of the document system: finished documents are brought once, and then moved aside or left."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from config.settings import FolderSource
from intake.errands import Errands, Result, StillOut
from intake.ports import Memory, SourceError, Waiting
from intake.sources.folder_aside import put_aside
from intake.sources.folder_diary import LISTING, Diary, Seen
from intake.sources.folder_digests import Digests
from intake.sources.folder_found import PROCESSED, FoundFile, Group, Listing
from intake.sources.folder_item import FolderItem, Reading, inside, is_large
from intake.sources.folder_listing import MAX_ENTRIES, list_folder
from intake.sources.folder_moment import Sighting
from intake.sources.folder_reading import read_plain
from intake.sources.folder_ready import looks_whole
from intake.sources.manifest import MAX_MANIFEST_OCTETS, Manifest, ManifestInvalid, read_manifest
from storage.records import Delivery, Why

# Between the two glances of one look: a writer that pauses longer than this at a point where its file
# happens to be whole is waited for no more.
SECOND_GLANCE_SECONDS = 1.0

# A signature without its document is held back so long: the document is usually written right after it.
LONELY_SIGNATURE_WAIT = timedelta(minutes=10)

# A folder that is at rest but does not match its manifest is brought after so long, for a person to see; so is a file
# that stays empty.
MISMATCH_WAIT = timedelta(hours=1)

# One errand brings so many pieces of a file: four megabytes at most are in memory, and most files are one errand.
PIECES_AT_ONCE = 16

# A folder in which nothing has moved for so long, not one entry read nor one piece of a file, hangs; the slowest
# share gives a quarter of a megabyte sooner.
STANDSTILL_SECONDS = 120.0


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

    A dead network share holds whoever asks it in the kernel, where nothing can interrupt him. So the folder is touched
    by errands only (intake/errands.py): `close` from another thread, `look_timeout_seconds`, or a folder that stands
    still ends the look with SourceError, whatever the kernel does.
    """

    def __init__(self, settings: FolderSource) -> None:
        self._settings = settings
        self._root = Path(settings.path)
        self._looking = threading.Lock()
        self._closing = threading.Event()
        self._errands = Errands(f"folder {settings.name}")
        self._until = 0.0
        self._moved_at = 0.0
        self._remarks: list[Why] = []
        self._met: dict[str, float] = {}
        self._taken: dict[str, Group] = {}
        self._known: set[str] = set()
        self._digests = Digests(self._pieces, is_kept=settings.settle == "leave")
        self.reading = Reading(settings.name, self._digests.of, self._pieces)

    @property
    def name(self) -> str:
        """The source's name, as the settings have it."""
        return self._settings.name

    @property
    def remarks(self) -> tuple[Why, ...]:
        """What the last look noticed that a person should know, though it went on (config/reasons/sources.toml)."""
        return tuple(self._remarks)

    @property
    def postponed(self) -> int:
        """How many items were seen and not taken: not ready, not readable, or of a kind that is never taken."""
        return sum(one.code.startswith("FOLDER_ITEM_") for one in self._remarks)

    def waiting(self, memory: Memory, now: datetime) -> Iterator[Waiting]:
        """
        Yield the finished things that the ledger does not know, oldest first; what it knows is settled now.

        Raises SourceError when the folder cannot be listed or does not answer, when it is bare and was not (a share
        that is not mounted), and, after what it could see, when it holds more than one look reads. What cannot be
        read is a remark and is tried at each look.
        """
        if not self._looking.acquire(blocking=False):
            raise SourceError("FOLDER_BUSY", source=self.name)
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
        self._refuse_bare(listing, diary)
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
                not_there_at = diary.not_there_at(listing.root, group.label)
                seen[group.mark] = Seen(_short(group.print), Sighting(now, not_there_at))
                self._met[group.mark] = time.monotonic()
                fresh.append(group)
            else:
                seen[group.mark] = before
                at_rest.add(group.mark)
        at_rest = self._second_glance(fresh, listing.groups, at_rest)

        # 2. Bring what is finished; settle what the ledger has already.
        self._digests.load(memory)
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
        diary.after(listing, now, {mark: seen[mark] for mark in still_waiting}).save(memory)
        self._digests.save(memory, listing)
        if listing.is_cut_short:
            raise SourceError("FOLDER_TOO_FULL", source=self.name, root=self._root, most=MAX_ENTRIES)

    def _refuse_bare(self, listing: Listing, diary: Diary) -> None:
        """
        Raise SourceError for a folder without any entry that had some: a mount point without its share.

        Where files are left, whoever wrote them may clear the same folder away; where we move them, `processed/` stays.
        """
        was = diary.filled
        if listing.is_bare and was is not None and (self._settings.settle == "move" or was != listing.root):
            raise SourceError("FOLDER_BARE", source=self.name, root=self._root, processed=PROCESSED)

    def _is_known(self, key: str, memory: Memory) -> bool:
        """Whether the ledger has it; what it had once it has for ever, so left files are asked for only once."""
        if key not in self._known and memory.knows(key):
            self._known.add(key)
        return key in self._known

    def _list(self) -> Listing:
        outbox = self._settings.outbox
        leave_out: frozenset[str] = frozenset()
        if outbox and Path(outbox) == self._root:
            # Our own answers would be taken in, and moved away before the document system has them.
            raise SourceError("OUTBOX_IS_THE_FOLDER", source=self.name, root=self._root)
        if outbox and Path(outbox).is_relative_to(self._root):
            leave_out = frozenset({Path(outbox).relative_to(self._root).as_posix()})
        believed = self._settings.manifests == "believe"
        try:
            return self._away(
                lambda: list_folder(self._root, leave_out=leave_out, check=self._check, manifests=believed)
            )
        except OSError as cause:
            raise SourceError(
                "FOLDER_NOT_LISTED", source=self.name, root=self._root, why=cause.strerror or cause
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
            return self._away(lambda: all(looks_whole(self._root, one, self._check) for one in group.files))
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
        if group.is_partial:
            return None
        # An empty file was made and is still to be written; one that stays so is all that there will be.
        is_empty = any(one.size == 0 for one in group.files) and now - sighting.first < MISMATCH_WAIT
        rests = group.is_marked or (at_rest and not is_empty)
        if group.shape != "manifest":
            if group.is_marked:
                return ()
            if group.awaits_content and now - sighting.first < LONELY_SIGNATURE_WAIT:
                return None
            return () if rests else None
        if manifest is None:
            return flaws if rests else None
        names = {inside(group, one): one for one in group.files}
        missing = [one.name for one in manifest.files if one.name not in names]
        wrong = [
            one.name
            for one in manifest.files
            if one.name in names and one.sha256 is not None and self._digests.of(names[one.name]) != one.sha256
        ]
        proven = all(one.sha256 is not None for one in manifest.files)
        if not missing and not wrong:
            return flaws if proven or rests else None
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
        for chunk in self._pieces(group.manifest):
            data += chunk
            if len(data) > MAX_MANIFEST_OCTETS:
                break
        try:
            return read_manifest(bytes(data)), ()
        except ManifestInvalid as cause:
            return None, (Why("MANIFEST_INVALID", str(cause)),)

    def _key(self, group: Group) -> str:
        """Return path and digest: a lone file's own, a group's over the names and digests of its files."""
        if group.shape in ("edxml", "lone"):
            digest = self._digests.of(group.files[0])
        else:
            lines = [f"{inside(group, one)}\0{self._digests.of(one)}\n" for one in group.files]
            digest = hashlib.sha256("".join(sorted(lines)).encode("utf-8", "replace")).hexdigest()
        return f"{group.label}@{digest}"

    # Errands: nothing else here touches the folder.

    def _away(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns; SourceError when the look is to end, or the folder does not answer."""
        self._moved_at = time.monotonic()
        try:
            return self._errands.send(work, self._watch)
        except StillOut as cause:
            raise SourceError("FOLDER_STILL_HANGS", source=self.name, root=self._root) from cause

    def _pieces(self, file: FoundFile) -> Iterator[bytes]:
        """Yield the bytes of a file; OSError when it cannot be read, SourceError when the look is to end."""

        def read() -> Iterator[bytes]:
            for piece in read_plain(self._root, file.path):
                self._check()
                yield piece

        pieces = read()
        while some := self._away(lambda: list(islice(pieces, PIECES_AT_ONCE))):
            yield from some
            if len(some) < PIECES_AT_ONCE:
                return

    def _watch(self) -> None:
        """Raise SourceError when whoever waits for an errand should wait no longer."""
        self._end_if_closed()
        if time.monotonic() - self._moved_at > STANDSTILL_SECONDS:
            raise SourceError("FOLDER_HANGS", source=self.name, root=self._root, seconds=round(STANDSTILL_SECONDS))

    def _end_if_closed(self) -> None:
        if self._closing.is_set():
            raise SourceError("SOURCE_CLOSED", source=self.name)

    def _check(self) -> None:
        """Note that the folder answers, and raise SourceError when the look is to end."""
        self._moved_at = time.monotonic()
        self._end_if_closed()
        if time.monotonic() > self._until:
            raise SourceError("FOLDER_LOOK_TOO_LONG", source=self.name, seconds=self._settings.look_timeout_seconds)

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
            self._away(lambda: put_aside(self._root, group))
        except OSError as cause:
            raise SourceError(
                "FOLDER_ITEM_NOT_MOVED",
                source=self.name,
                label=group.label,
                processed=PROCESSED,
                why=cause.strerror or cause,
            ) from cause

    def _remark(self, code: str, detail: str) -> None:
        remark = Why(code, detail)
        if remark not in self._remarks:
            self._remarks.append(remark)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
