"""One finished thing of the export folder: how its bytes are brought, and what the folder says of its moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from intake.ports import ByteSink, SourceError, Stored
from intake.sources.bundles import BundleFile, ContentChanged, write_bundle
from intake.sources.folder_found import FoundFile, Group
from intake.sources.folder_moment import Sighting, moment_of
from intake.sources.manifest import Manifest
from intake.sources.system_clock import clock_state
from storage.records import Arrival, Channel, ClockReading, Why

# Larger than any document we verify; beyond it only the list of names and digests is stored and a person is asked.
LARGEST_GROUP_OCTETS = 500 * 1000 * 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """
    How a look reads the folder: `digest` is a file's SHA-256 as listed (OSError when it changes while it is read).

    `pieces` yields a file's bytes; OSError when it cannot be read, SourceError when the look is to end.
    """

    name: str
    digest: Callable[[FoundFile], str]
    pieces: Callable[[FoundFile], Iterator[bytes]]


class FolderItem:
    """One finished thing."""

    def __init__(
        self,
        reading: Reading,
        group: Group,
        key: str,
        manifest: Manifest | None,
        flaws: tuple[Why, ...],
        sighting: Sighting,
    ) -> None:
        self._reading = reading
        self._group = group
        self._key = key
        self._manifest = manifest
        self._flaws = flaws
        self._sighting = sighting

    @property
    def key(self) -> str:
        """Path and digest of the content."""
        return self._key

    def fetch(self, into: ByteSink) -> None:
        """
        Stream the file as it is, or the group as one bundle (intake/sources/bundles.py).

        Raises SourceError when it cannot be read, or is no longer what was listed: the next look sees it anew.
        """
        try:
            self._write(into)
        except ContentChanged as cause:
            raise SourceError("FOLDER_ITEM_CHANGING", source=self._reading.name, what=cause) from cause
        except OSError as cause:
            raise SourceError(
                "FOLDER_ITEM_NOT_READ", source=self._reading.name, label=self._group.label, why=cause.strerror or cause
            ) from cause

    def _write(self, into: ByteSink) -> None:
        group, reading = self._group, self._reading
        if group.shape in ("edxml", "lone") and not is_large(group):
            one = group.files[0]
            digest = hashlib.sha256()
            for chunk in self._chunks(one)():
                into.write(chunk)
                digest.update(chunk)
            if digest.hexdigest() != reading.digest(one):
                raise ContentChanged(one.label)
            return
        files = [
            BundleFile(inside(group, one), one.size, reading.digest(one), one.modified_at, self._chunks(one))
            for one in group.files
        ]
        write_bundle(
            into,
            "manifest" if group.shape == "manifest" else "bare",
            group.label,
            files,
            with_content=not is_large(group),
        )

    def _chunks(self, one: FoundFile) -> Callable[[], Iterator[bytes]]:
        return lambda: self._reading.pieces(one)

    def arrival(self, stored: Stored, seen_at: datetime) -> Arrival:
        """
        Say what the folder knows: the moment by the rule for folder items, and every clock that was read.

        Where only an interval is known, `received_at_earliest` opens it and `received_at` closes it; the clocks
        `not_there_at` and `first_listed` hold the same two.
        """
        group, manifest, sighting = self._group, self._manifest, self._sighting
        is_systems_own = group.is_systems_own and (group.shape == "edxml" or manifest is not None)
        stamped_at = manifest.received_at if manifest is not None and is_systems_own else None
        moment = moment_of(sighting, group.modified_at, stamped_at, group.changed_at)
        reasons = list(self._flaws)
        if is_systems_own:
            reasons.append(Why("SYSTEM_PACKAGE", group.shape))
        if is_large(group):
            reasons.append(Why("OVERSIZE", f"{group.octets} > {LARGEST_GROUP_OCTETS}"))
        return Arrival(
            source=self._reading.name,
            source_key=self._key,
            channel=Channel.QLVB,
            received_at=moment.at,
            received_by=moment.witness,
            received_at_earliest=moment.earliest,
            seen_at=seen_at,
            sha256=stored.sha256,
            size=stored.size,
            name=PurePosixPath(group.label).name,
            sender=manifest.sender if manifest else "",
            subject=manifest.subject if manifest else "",
            clocks=(
                ClockReading("file_time", group.modified_at, group.label),
                ClockReading("file_changed", group.changed_at),
                ClockReading("not_there_at", sighting.not_there_at),
                ClockReading("first_listed", sighting.first),
                ClockReading("first_seen", seen_at, clock_state()),
            ),
            reasons=tuple(reasons),
        )


def is_large(group: Group) -> bool:
    """Whether only the list of a group's names and digests is stored, and the group itself left for a person."""
    return group.octets > LARGEST_GROUP_OCTETS


def inside(group: Group, file: FoundFile) -> str:
    """Return a file's name relative to its group."""
    return file.label.removeprefix(group.base + "/") if group.base else file.label
