"""Examinations in a worker process: the task that crosses over, and what the worker keeps warm between tasks."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import dns.resolver

from config.catalogue import Catalogue, load_catalogue
from config.isolation import MiB, Workers
from intake.examine import Rules, examine
from intake.steps.examined import Examination
from signatures.question import Policy, RevocationRule
from signatures.trust import TrustStore
from storage.vault import Vault, VaultError

# A key that takes longer is no answer; DKIM is advice and must not hold up a receipt.
DNS_SECONDS = 5.0


# Certificates and ordinary lists are small; a worker lives for a few hundred deliveries.
LARGEST_REMEMBERED = 1 * MiB
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class ExaminationTask:
    """What a worker is asked: names of things, never open ones; the stamps change when the files do."""

    vault_url: str
    sha256: str
    name: str
    received_at: datetime
    trust_folders: tuple[str, ...]
    trust_stamp: str
    revocation: str
    catalogue_file: str
    catalogue_stamp: str
    words: tuple[str, ...]
    authserv_id: str = ""
    check_dkim: bool = False
    policy: Policy = field(default_factory=Policy)


class EvidenceDamagedError(Exception):
    """The vault is there, but these bytes are missing or changed: a finding about one delivery, for a person."""


def perform(task: ExaminationTask) -> Examination:
    """
    Examine one delivery, in the worker; the pieces go to the vault, where a spare blob harms nobody.

    Raises OfficeError for trouble that is not of this delivery (disk full, vault or trust folder away): it must wait.
    """
    # Libraries log tracebacks about hostile input; the finding says it, and the log stays readable.
    logging.disable(logging.CRITICAL)
    vault = _vault(task.vault_url)
    rules = Rules(
        trust=_trust(task.trust_folders, task.trust_stamp),
        revocation=RevocationRule(task.revocation),
        catalogue=_catalogue(task.catalogue_file, task.catalogue_stamp) if task.catalogue_file else None,
        words=task.words,
        authserv_id=task.authserv_id,
        resolve=_text_records if task.check_dkim else None,
        policy=task.policy,
    )
    return examine(
        _bytes(vault, task), task.name, task.received_at, rules, lambda data: _keep(vault, task.vault_url, data)
    )


def _text_records(name: str) -> list[str]:
    """Ask the DNS for the TXT records of `name`; raises what the resolver raises, which means no answer."""
    answer = dns.resolver.resolve(name, "TXT", lifetime=DNS_SECONDS)
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _keep(vault: Vault, url: str, data: bytes) -> str:
    """
    Store a piece and return its digest.

    The same few certificates and lists stand behind every form, so this process remembers which small pieces it has
    made durable already instead of waiting for the disk again.
    """
    if len(data) > LARGEST_REMEMBERED:
        return vault.put(data).sha256
    digest = hashlib.sha256(data).hexdigest()
    known = _kept(url)
    if digest not in known:
        vault.put(data)
        if len(known) >= MOST_REMEMBERED:
            known.clear()
        known.add(digest)
    return digest


@lru_cache(maxsize=2)
def _kept(_url: str) -> set[str]:
    return set()


def _bytes(vault: Vault, task: ExaminationTask) -> bytes:
    try:
        return vault.read(task.sha256)
    except VaultError as cause:
        if next(vault.digests(), None) is None:
            raise  # A vault that holds nothing at all is a disk that is not mounted: nobody's delivery is at fault.
        raise EvidenceDamagedError(str(cause)) from cause


def start_workers(count: int, memory_mib: int) -> Workers:
    """Return so many workers for `perform` with this much memory each; close them when done."""
    return Workers(perform, count=count, memory_bytes=memory_mib * MiB, name="intake-examiner")


def stamp(paths: tuple[Path, ...]) -> str:
    """Return a text that changes when one of the files, or a file in one of the folders, changes."""
    seen: list[str] = []
    for path in paths:
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        for entry in entries:
            try:
                state = entry.stat()
            except OSError:
                continue
            seen.append(f"{entry}:{state.st_size}:{state.st_mtime_ns}")
    return "|".join(seen)


@lru_cache(maxsize=2)
def _vault(url: str) -> Vault:
    return Vault.at(url)


@lru_cache(maxsize=2)
def _trust(folders: tuple[str, ...], _stamp: str) -> TrustStore:
    return TrustStore.load([Path(folder) for folder in folders])


@lru_cache(maxsize=2)
def _catalogue(file: str, _stamp: str) -> Catalogue:
    return load_catalogue(Path(file))
