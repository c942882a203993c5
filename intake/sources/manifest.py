"""The sidecar of a document folder, read only as far as bringing the folder needs it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

# A manifest names a handful of files; one of a megabyte is something else.
MAX_MANIFEST_OCTETS = 1024 * 1024

# Names of manifests that are recognised but not read: their folders are brought with MANIFEST_INVALID.
OTHER_MANIFEST_NAMES = frozenset({"manifest.yaml", "manifest.yml", "manifest.toml"})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the manifest names; `sha256` is lower-case hex, None if it gives none."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What decides whether a folder is complete and when it came; everything else is read when it is examined."""

    files: tuple[NamedFile, ...]
    received_at: datetime | None
    sender: str
    subject: str


class ManifestInvalid(ValueError):
    """The manifest is not JSON, or not of the shape that is asked for; the text says where."""


def read_manifest(data: bytes) -> Manifest:
    """
    Read a manifest (`intake-manifest/1`); unknown keys are ignored, the list `files` must be there.

    A `received_at` without a zone is no moment and is left out. Names are NFC and relative; one that leads out of
    the folder, a digest that is none, or any other shape raises ManifestInvalid.
    """
    if len(data) > MAX_MANIFEST_OCTETS:
        raise ManifestInvalid(f"more than {MAX_MANIFEST_OCTETS} octets")
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as cause:
        raise ManifestInvalid("not JSON in UTF-8") from cause
    if not isinstance(raw, dict) or not isinstance(raw.get("files"), list) or not raw["files"]:
        raise ManifestInvalid("no list of files")
    files: list[NamedFile] = []
    for entry in raw["files"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ManifestInvalid("a file without a name")
        name = unicodedata.normalize("NFC", entry["name"].replace("\\", "/"))
        if not name or name.startswith("/") or {"", ".", ".."} & set(name.split("/")):
            raise ManifestInvalid("a name that leads out of the folder")
        if any(letter == "\0" or unicodedata.category(letter) == "Cs" for letter in name):
            # JSON can spell what no database can keep: NUL, and half a character.
            raise ManifestInvalid("a name that is no text")
        digest = entry.get("sha256")
        if digest is not None and not _is_digest(digest):
            raise ManifestInvalid("a sha256 that is none")
        files.append(NamedFile(name, digest.lower() if isinstance(digest, str) else None))
    sender = raw.get("sender")
    sender = sender if isinstance(sender, dict) else {}
    return Manifest(
        tuple(files),
        _moment(raw.get("received_at")),
        _text(sender.get("organ_id")) or _text(sender.get("name")),
        _text(raw.get("subject")),
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value.lower()) <= set("0123456789abcdef")


def _text(value: object) -> str:
    """Return a short text on one line; anything else is as good as nothing."""
    if not isinstance(value, str):
        return ""
    clean = "".join(char if char.isprintable() else " " for char in unicodedata.normalize("NFC", value))
    return " ".join(clean.split())[:500]


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
