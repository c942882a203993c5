"""Read a folder of files that came as one thing: with a manifest, or a bare file with its signature beside it."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from intake.steps.edxml import Open
from intake.steps.mail_facts import one_line
from intake.steps.unpacked import HANOI, BundleFacts, BundleFile, Operation, Unpacked
from storage.records import Why

INDEX_NAME = "intake-bundle.json"
BUNDLE_SCHEMA = "intake-bundle/1"
MANIFEST_NAME = "manifest.json"
# A manifest or index names some files; one of a megabyte is something else.
MAX_MANIFEST_BYTES = 1024 * 1024
# Files of one bundle; a document with its annexes and signatures has some ten.
MAX_FILES = 2_000

_OPERATIONS: dict[str, Operation] = {"new": "new", "revoke": "revoke", "update": "update", "replace": "replace"}


@dataclass(frozen=True, slots=True)
class _Manifest:
    facts: BundleFacts
    names: tuple[str, ...]


def own_manifest(names: Iterable[str]) -> str | None:
    """
    Return which of a folder's files (names relative to it) is its own manifest, whatever its case; None: none is.

    Only what lies beside the documents can be: one further down came out of an attachment, and is its sender's.
    """
    found = sorted((one for one in names if one.lower() == MANIFEST_NAME), key=lambda one: one != MANIFEST_NAME)
    return found[0] if found else None


def is_bundle(data: bytes) -> bool:
    """Tell a bundle as the folder source stores it: a ZIP whose first entry is the index `intake-bundle.json`."""
    if data[:4] != b"PK\x03\x04" or len(data) < 30:
        return False
    (length,) = struct.unpack_from("<H", data, 26)
    return data[30 : 30 + length] == INDEX_NAME.encode()


def read_bundle(data: bytes, name: str, open_files: Open) -> Unpacked:
    """
    Read a stored bundle (`intake-bundle/1`): every file as it lay in its folder, the manifest's word about them.

    Nothing raises. A file that is not what the index says gives BUNDLE_DAMAGED, and is kept as it is.
    """
    digest = hashlib.sha256(data).hexdigest()
    problems: list[Why] = []
    files: dict[str, bytes] = {}
    index: dict[str, object] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES or any(one.compress_type != zipfile.ZIP_STORED for one in entries):
                raise ValueError("not written by this program")
            found = json.loads(archive.read(INDEX_NAME).decode("utf-8"))
            index = found if isinstance(found, dict) else {}
            for one in entries:
                if one.filename != INDEX_NAME and not one.is_dir():
                    files[one.filename] = archive.read(one)
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, RuntimeError, RecursionError, struct.error) as cause:
        leaves, flaws = open_files([(name or None, "application/zip", data)])
        whole = (Why("BUNDLE_DAMAGED", one_line(str(cause))[:200]), *flaws)
        return Unpacked("bundle", name, digest, len(data), leaves, whole, bundle=BundleFacts("bare", "", ()))
    listed = _listed(index, files, problems)
    shape: Literal["manifest", "bare"] = "manifest" if index.get("kind") == "manifest" else "bare"
    path = index.get("path")
    return _from_files(
        files, name, digest, len(data), open_files, problems, listed, shape, path if isinstance(path, str) else ""
    )


def unpack_files(files: Mapping[str, bytes], name: str, open_files: Open) -> Unpacked:
    """
    Read a folder's files (relative name to bytes) as a bundle; a `manifest.json` among them makes it a manifest folder.

    `sha256` is of the lines `<sha256>  <name>` in the order of names, `size` the sum: a folder has no bytes of its own.
    """
    lines = [f"{hashlib.sha256(files[one]).hexdigest()}  {one}\n" for one in sorted(files)]
    digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    size = sum(len(content) for content in files.values())
    shape: Literal["manifest", "bare"] = "manifest" if own_manifest(files) is not None else "bare"
    return _from_files(dict(files), name, digest, size, open_files, [], {}, shape, name)


def _from_files(
    files: dict[str, bytes],
    name: str,
    digest: str,
    size: int,
    open_files: Open,
    problems: list[Why],
    listed: dict[str, datetime | None],
    shape: Literal["manifest", "bare"],
    path: str,
) -> Unpacked:
    manifest: _Manifest | None = None
    manifest_name = own_manifest(files)
    if shape == "manifest" and manifest_name is not None:
        manifest = _read_manifest(files[manifest_name], path, problems)
    roles = {one.name: one for one in manifest.facts.files} if manifest is not None else {}
    rest = {one: content for one, content in files.items() if manifest is None or one != manifest_name}
    kept: list[BundleFile] = []
    for one, content in rest.items():
        found = hashlib.sha256(content).hexdigest()
        said = roles.get(_plain(one))
        promised = said.promised_sha256 if said is not None else None
        if promised is not None and promised != found:
            problems.append(Why("MANIFEST_MISMATCH", f"{one_line(one)}: another digest than promised"))
        kept.append(BundleFile(_plain(one), len(content), found, listed.get(one), said.role if said else "", promised))
    if manifest is not None:
        have = {_plain(one) for one in rest}
        for one in manifest.names:
            if one not in have:
                problems.append(Why("MANIFEST_MISMATCH", f"{one_line(one)}: named and not there"))
    leaves, flaws = open_files([(one.rpartition("/")[2] or one, "", content) for one, content in rest.items()])
    base = manifest.facts if manifest is not None else BundleFacts(shape, one_line(path), ())
    facts = BundleFacts(
        "manifest" if manifest is not None else "bare",
        one_line(path),
        tuple(kept),
        base.source_system,
        base.source_id,
        base.sender_organ_id,
        base.sender_name,
        base.code,
        base.promulgation_date,
        base.subject,
        base.sent_at,
        base.received_at,
        base.operation,
        base.replaces,
    )
    return Unpacked("bundle", name, digest, size, leaves, (*problems, *flaws), bundle=facts)


def _listed(index: dict[str, object], files: dict[str, bytes], problems: list[Why]) -> dict[str, datetime | None]:
    """Compare the index with the files, and return each file's own time."""
    times: dict[str, datetime | None] = {}
    entries = index.get("files")
    if index.get("schema") != BUNDLE_SCHEMA or not isinstance(entries, list):
        problems.append(Why("BUNDLE_DAMAGED", "the index is not of schema intake-bundle/1"))
        return times
    seen: set[str] = set()
    for entry in entries[:MAX_FILES]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        one = entry["name"]
        seen.add(one)
        times[one] = _moment(entry.get("mtime"))
        content = files.get(one)
        if content is None:
            problems.append(Why("BUNDLE_DAMAGED", f"{one_line(one)}: listed and not there"))
        elif entry.get("sha256") != hashlib.sha256(content).hexdigest():
            problems.append(Why("BUNDLE_DAMAGED", f"{one_line(one)}: another digest than when it was taken"))
    unlisted = (one for one in files if one not in seen)
    problems.extend(Why("BUNDLE_DAMAGED", f"{one_line(one)}: there and not listed") for one in unlisted)
    return times


def _read_manifest(data: bytes, path: str, problems: list[Why]) -> _Manifest | None:
    """Read `intake-manifest/1`; unknown keys are passed over, of a wrong shape nothing is believed."""
    try:
        if len(data) > MAX_MANIFEST_BYTES:
            raise ValueError(f"more than {MAX_MANIFEST_BYTES} bytes")
        raw = json.loads(data.decode("utf-8-sig"))
        if not isinstance(raw, dict) or not isinstance(raw.get("files"), list) or not raw["files"]:
            raise ValueError("no list of files")
    except (ValueError, RecursionError) as cause:
        problems.append(Why("MANIFEST_INVALID", one_line(str(cause))[:200]))
        return None
    files: list[BundleFile] = []
    for entry in raw["files"][:MAX_FILES]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            problems.append(Why("MANIFEST_INVALID", "a file without a name"))
            continue
        promised = entry.get("sha256")
        is_digest = isinstance(promised, str) and len(promised) == 64
        files.append(
            BundleFile(
                _plain(entry["name"]),
                0,
                "",
                None,
                _text(entry.get("role")),
                promised.lower() if isinstance(promised, str) and is_digest else None,
            )
        )
    sender = raw.get("sender")
    sender = sender if isinstance(sender, dict) else {}
    operation = _text(raw.get("operation")).lower()
    if operation and operation not in _OPERATIONS:
        problems.append(Why("MANIFEST_INVALID", f"operation {operation[:40]!r}"))
    replaces = raw.get("replaces")
    facts = BundleFacts(
        "manifest",
        one_line(path),
        tuple(files),
        _text(raw.get("source_system")),
        _text(raw.get("source_id")),
        _text(sender.get("organ_id")),
        _text(sender.get("name")),
        _text(raw.get("code")),
        _day(raw.get("promulgation_date")),
        _text(raw.get("subject")),
        _moment(raw.get("sent_at")),
        _moment(raw.get("received_at")),
        _OPERATIONS.get(operation, "new"),
        tuple(found for one in replaces if (found := _text(one))) if isinstance(replaces, list) else (),
    )
    return _Manifest(facts, tuple(one.name for one in files))


def _plain(name: str) -> str:
    """Return a relative name for comparing: NFC, forward slashes."""
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _text(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """Read RFC 3339 as aware UTC; without a zone it is Vietnamese time."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=HANOI)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(value: object) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None
