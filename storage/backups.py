"""A consistent copy of everything while the service runs, and its proof when it is put back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text, update

from config.errors import OfficeError
from storage.audit import AuditReport, audit
from storage.database import Database
from storage.disk import sync_file
from storage.logbook import head_of
from storage.schema import upgrade
from storage.tables import deliveries, installation, leases, log, log_head, metadata, sessions
from storage.vault import CHUNK_BYTES, FILE_MODE, FOLDER_MODE, Vault, VaultError

# The copy's own layout. A copy without a manifest was not finished: the manifest is written last.
MANIFEST = "manifest.json"
DATABASE = "intake.db"
BLOBS = "vault.sha256"

# So many rows go into one statement when rows are carried from one database to another.
ROWS_AT_ONCE = 500

# What concerns the running program only, and would be wrong after a restore.
NOT_CARRIED = frozenset({"sessions", "failed_sign_ins", "leases"})

Progress = Callable[[str, int, int], None]


class BackupError(OfficeError):
    """The copy cannot be made or does not prove true."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """
    What was copied: where, how many blobs and bytes, and the log head it ends with.

    `damaged` are digests of blobs that the vault no longer holds intact: they are not in the copy.
    """

    folder: Path
    blobs: int
    bytes: int
    head_seq: int
    head_hash: str
    damaged: tuple[str, ...] = ()


def backup(
    database: Database, vault: Vault, configuration: Sequence[Path], folder: Path, *, progress: Progress | None = None
) -> BackupReport:
    """
    Copy database, vault and configuration files to the new or empty `folder`, with a manifest of digests.

    The service may go on working. 1. The database first, as it is at one moment: always as an SQLite file, also
    from PostgreSQL, so that one kind of copy can be put back into either and read without a server. 2. Then the
    vault: a row is only ever written after its bytes, so every blob that the copied rows name is there. Each is
    hashed on its way. 3. The configuration. 4. The manifest, last.

    `sha256sum -c vault.sha256` in the folder proves the blobs without this program. Raises BackupError when the
    folder is not empty or cannot be written.
    """
    tell = progress or (lambda what, done, total: None)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        if any(folder.iterdir()):
            raise BackupError("BACKUP_FOLDER_NOT_EMPTY", folder=folder)
        copy = folder / DATABASE
        if database.path is not None:
            _copy_sqlite(database.path, copy)
        else:
            _carry_into_file(database, copy, tell)
        copied = Database.open(f"sqlite:///{copy}")
        try:
            head_seq, head_hash = head_of(copied)
        finally:
            copied.close()
        _one_file(copy)
        blobs, size, damaged = _copy_blobs(vault, folder, tell)
        files = [DATABASE, BLOBS, *_copy_configuration(configuration, folder)]
        manifest = {
            "schema": "intake-backup/1",
            "head": {"seq": head_seq, "hash": head_hash},
            "blobs": blobs,
            "bytes": size,
            "damaged": damaged,
            "files": {name: _sha256_of(folder / name) for name in files},
        }
        _write_synced(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    except OSError as cause:
        raise BackupError("BACKUP_FAILED", folder=folder, why=cause.strerror or cause) from cause
    return BackupReport(folder, blobs, size, head_seq, head_hash, tuple(damaged))


def restore(
    folder: Path, database: Database, vault: Vault, configuration: Path, *, progress: Progress | None = None
) -> AuditReport:
    """
    Put a copy back into an empty database, vault and `configuration` folder, and audit the result.

    1. The copy proves itself against its manifest. 2. Database and vault must be empty: nothing is written over.
    3. Blobs, each hashed on its way; then the rows; then the configuration files (one that is there with other
    contents stays, the copy's comes beside it as `NAME.from-backup`). 4. The audit; its head must be the manifest's.

    Raises BackupError before anything is written when the copy is unfinished or changed, or the place not empty.
    """
    tell = progress or (lambda what, done, total: None)
    try:
        manifest = _proven_manifest(folder)
        _check_empty(database, vault)
        _restore_blobs(folder, vault, tell)
        _restore_rows(folder / DATABASE, database, tell)
        _restore_configuration(folder, manifest, configuration)
    except OSError as cause:
        raise BackupError("RESTORE_FAILED", folder=folder, why=cause.strerror or cause) from cause
    report = audit(database, vault, progress=progress)
    if (report.head_seq, report.head_hash) != (manifest["head"]["seq"], manifest["head"]["hash"]):
        raise BackupError("RESTORED_LOG_DIFFERS")
    return report


# 1. The database


def _copy_sqlite(source: Path, copy: Path) -> None:
    """Copy an SQLite file as it is at one moment (sqlite.org/backup.html); writers are not held up in WAL mode."""
    if not source.is_file():
        raise BackupError("DATABASE_MISSING", source=source)
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
    except sqlite3.Error as cause:
        raise BackupError("DATABASE_NOT_COPIED", why=cause) from cause


def _one_file(copy: Path) -> None:
    """Fold the copy's write-ahead log into its file, so that one digest covers all of it."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    copy.chmod(0o640)
    sync_file(copy)


def _carry_into_file(database: Database, copy: Path, tell: Progress) -> None:
    """Carry every row of a server's database, as it is at one moment, into a new SQLite file."""
    new = Database.open(f"sqlite:///{copy}")
    try:
        upgrade(new)
        with database.snapshot() as source:
            _carry(source, new, tell)
    finally:
        new.close()


def _carry(source: Connection, target: Database, tell: Progress) -> None:
    """
    Copy all rows of all tables into a freshly made schema, in the order of their keys to each other.

    Two columns point from deliveries to deliveries: they are filled when all of them are there. The head and the
    secret, which every new schema brings with it, give way to the source's.
    """
    backward = ("supersedes", "linked_to")
    carried = [table for table in metadata.sorted_tables if table.name not in NOT_CARRIED]
    with target.writing() as connection:
        for table in (log_head, installation):
            connection.execute(delete(table))
        for done, table in enumerate(carried, 1):
            for rows in source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)).partitions():
                values = [{str(name): value for name, value in row._mapping.items()} for row in rows]
                if table is deliveries:
                    values = [{**row, **dict.fromkeys(backward)} for row in values]
                connection.execute(insert(table), values)
            tell("tables", done, len(carried))
        for name in backward:
            column = deliveries.c[name]
            for row in source.execute(select(deliveries.c.id, column).where(column.is_not(None))):
                connection.execute(update(deliveries).where(deliveries.c.id == row[0]).values({name: row[1]}))
        if not target.is_sqlite:
            _set_sequences(connection, carried)


def _set_sequences(connection: Connection, tables: Sequence[Table]) -> None:
    """Let a server's sequences go on after the highest number that was carried."""
    for table in tables:
        if "number" in table.primary_key.columns and len(table.primary_key.columns) == 1:
            highest = connection.execute(select(func.max(table.c.number))).scalar_one() or 0
            sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, "number"))).scalar_one()
            connection.execute(text("SELECT setval(:name, :next, false)"), {"name": sequence, "next": highest + 1})


def _restore_rows(copy: Path, database: Database, tell: Progress) -> None:
    """Put the rows back; the copy itself is only read: an older schema is upgraded in a copy of the copy."""
    if database.path is not None:
        database.close()
        _copy_sqlite(copy, database.path)
        upgrade(database)
    else:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / DATABASE
            shutil.copyfile(copy, work)
            source = Database.open(f"sqlite:///{work}")
            try:
                upgrade(source)
                upgrade(database)
                with source.snapshot() as connection:
                    _carry(connection, database, tell)
            finally:
                source.close()
    with database.writing() as connection:
        connection.execute(delete(sessions))
        connection.execute(update(leases).values(held=False))


# 2. The vault


def _copy_blobs(vault: Vault, folder: Path, tell: Progress) -> tuple[int, int, list[str]]:
    digests = sorted(vault.digests())
    lines: list[str] = []
    damaged: list[str] = []
    total = 0
    made: set[Path] = set()
    for done, digest in enumerate(digests, 1):
        relative = f"vault/{digest[:2]}/{digest[2:4]}/{digest}"
        place = folder / relative
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            made.add(place.parent)
        hasher = hashlib.sha256()
        size = 0
        try:
            with vault.open(digest) as blob, place.open("xb") as copy:
                while chunk := blob.read(CHUNK_BYTES):
                    hasher.update(chunk)
                    size += copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
        except VaultError:
            damaged.append(digest)
            continue
        if hasher.hexdigest() != digest:
            place.unlink()
            damaged.append(digest)
            continue
        place.chmod(FILE_MODE)
        total += size
        lines.append(f"{digest}  {relative}\n")
        tell("blobs", done, len(digests))
    _write_synced(folder / BLOBS, "".join(lines).encode())
    return len(lines), total, damaged


def _restore_blobs(folder: Path, vault: Vault, tell: Progress) -> None:
    lines = (folder / BLOBS).read_text(encoding="ascii").splitlines()
    for done, line in enumerate(lines, 1):
        digest, _, relative = line.partition("  ")
        with (folder / relative).open("rb") as blob, vault.writing() as writer:
            while chunk := blob.read(CHUNK_BYTES):
                writer.write(chunk)
            if writer.commit().sha256 != digest:
                raise BackupError("BACKUP_BLOB_DAMAGED", relative=relative)
        tell("blobs", done, len(lines))


# 3. Configuration and manifest


def _copy_configuration(configuration: Sequence[Path], folder: Path) -> list[str]:
    """Copy the files into `config/`, keeping how they lie to each other; returns their places in the copy."""
    files = [one.resolve() for one in configuration if one.is_file()]
    if not files:
        return []
    root = Path(os.path.commonpath([one.parent for one in files]))
    places: list[str] = []
    for one in dict.fromkeys(files):
        place = folder / "config" / one.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        _write_synced(place, one.read_bytes())
        places.append(str(place.relative_to(folder)))
    return places


def _restore_configuration(folder: Path, manifest: Mapping[str, Any], configuration: Path) -> None:
    for name in manifest["files"]:
        if not name.startswith("config/"):
            continue
        data = (folder / name).read_bytes()
        place = configuration / name.removeprefix("config/")
        if place.is_file() and place.read_bytes() != data:
            place = place.with_name(f"{place.name}.from-backup")
        place.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        _write_synced(place, data)


def _proven_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished and unchanged copy; raises BackupError otherwise."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, str] = manifest["files"]
        assert isinstance(manifest["head"]["seq"], int)
    except FileNotFoundError as cause:
        raise BackupError("BACKUP_UNFINISHED", folder=folder, manifest=MANIFEST) from cause
    except (ValueError, KeyError, TypeError, AssertionError) as cause:
        raise BackupError("BACKUP_MANIFEST_WRONG", path=folder / MANIFEST) from cause
    for name, digest in files.items():
        place = (folder / name).resolve()
        if not place.is_relative_to(folder.resolve()) or not place.is_file() or _sha256_of(place) != digest:
            raise BackupError("BACKUP_FILE_CHANGED", name=name)
    return manifest


def _check_empty(database: Database, vault: Vault) -> None:
    if database.is_upgraded():
        with database.reading() as connection:
            entries = connection.execute(select(func.count()).select_from(log)).scalar_one()
        if entries:
            raise BackupError("DATABASE_NOT_EMPTY", entries=entries)
    if next(iter(vault.digests()), None) is not None:
        raise BackupError("VAULT_NOT_EMPTY")


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
