"""Hands out everything on which a delivery's verdict rests, so that anyone can judge it again offline."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from config.errors import WrongUse
from signatures.question import Policy
from storage.queries import Queries
from storage.vault import Vault

# A name on disk is ours; the sender's own is kept in report.json.
LONGEST_NAME = 80
SUFFIX = {"certificate": "crt", "crl": "crl", "ocsp": "ocsp", "timestamp": "tst"}


@dataclass(frozen=True, slots=True)
class Handed:
    """What was written: the folder, how many files, and the command that judges them again."""

    folder: Path
    files: int
    papers: int
    command: str


def hand_out(queries: Queries, vault: Vault, ref: str, folder: Path) -> Handed:
    """
    Write the evidence of delivery `ref` into the new or empty `folder`.

    `files/` holds the delivery as it came and every file in it, `trust/` the certificates and revocation lists that
    were used, `report.json` what was found then (with policy and campaign version), `policy.toml` the rules if they
    were the office's own, `HOW-TO.txt` the command that judges again. Every blob is proven by its digest as it is
    read. Raises WrongUse for a folder that is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise WrongUse("EVIDENCE_FOLDER_NOT_EMPTY", folder=folder)
    shown = queries.show(ref)
    for name in ("files", "trust"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "files" / _name(0, shown["name"] or "delivery")).write_bytes(vault.read(shown["sha256"]))
    papers: set[tuple[str, str]] = set()
    judged: list[str] = []
    for number, file in enumerate(shown["files"], start=1):
        if file["role"] == "envelope":
            continue
        place = folder / "files" / _name(number, file["name"] or "unnamed")
        place.write_bytes(vault.read(file["sha256"]))
        papers |= {(one["kind"], one["sha256"]) for one in file["evidence"]}
        if file["report"] is not None and file["role"] == "form":
            judged.append(f"files/{place.name}")
    for kind, digest in sorted(papers):
        (folder / "trust" / f"{kind}-{digest[:16]}.{SUFFIX.get(kind, 'bin')}").write_bytes(vault.read(digest))
    (folder / "report.json").write_text(_pretty(shown), encoding="utf-8")
    policy = _policy_file(shown["policy_version"] or "")
    if policy:
        (folder / "policy.toml").write_text(policy, encoding="utf-8")
    command = (
        f"intake verify --trust trust {'--policy policy.toml ' if policy else ''}--at {shown['received_at']} "
        f"{' '.join(judged) or 'files/*'}"
    )
    (folder / "HOW-TO.txt").write_text(
        f"{shown['receipt_no'] or shown['id']}\n\n"
        "Để kiểm tra lại (không cần mạng, không cần cơ sở dữ liệu), trong thư mục này chạy:\n"
        "To judge it again (no network, no database), run in this folder:\n\n"
        f"  {command}\n\n"
        "Chứng thư trong trust/ là những chứng thư đã dùng khi xét; hãy so dấu vân của chứng thư gốc với nơi cấp.\n"
        "The certificates in trust/ are those that were used; compare the root's fingerprint with its issuer's.\n",
        encoding="utf-8",
    )
    return Handed(folder, len(shown["files"]) + 1, len(papers), command)


def _policy_file(version: str) -> str:
    """Return the rules that `version` names as a configuration file; "" for the shipped ones, or for none known."""
    try:
        policy = Policy.named(version)
    except ValueError:
        return ""
    changed = [one.name for one in fields(policy) if getattr(policy, one.name) != one.default]
    lines = [f"{name} = {getattr(policy, name)}" for name in changed]
    return "\n".join(["[trust.policy]", *lines, ""]) if lines else ""


def _name(number: int, name: str) -> str:
    """Return a name of our own for a file: its number and what is harmless of the sender's name."""
    bare = re.sub(r"[^\w.-]+", "_", name.rpartition("/")[2]).strip("._") or "file"
    return f"{number:03d}-{bare[-LONGEST_NAME:]}"


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"
