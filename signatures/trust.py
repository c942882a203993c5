"""The operator's trust folder: which certificate authorities the office believes, and the revocation lists it holds."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from config.errors import OfficeError, WrongUse
from signatures import pem
from signatures.certificates import CertificateError, describe_name, fingerprint, parse, signed_by
from signatures.cms_reader import NotSignedData, read_signed_data
from signatures.crls import CrlError, crl_signed_by, parse_crl
from signatures.ocsp import OcspError, parse_ocsp

# A national revocation list has 8 MB; a bundle of all public authorities half of one.
MAX_FILE_BYTES = 64 << 20
# A folder with more files than this is not a trust folder but, as a rule, a mistyped path such as "/".
MAX_FILES = 5000

# Notes that may lie beside the certificates.
_NOT_PAPERS = frozenset({".md", ".toml", ".txt", ".json", ".yaml", ".yml", ".html", ".pdf"})

PaperKind = Literal["anchor", "intermediate", "crl", "ocsp"]


@dataclass(frozen=True, slots=True)
class TrustStore:
    """
    CA certificates, CRLs and OCSP answers that lie in the trust folders, as DER, each once.

    Self-signed certificates are `anchors`, all others `intermediates`: those only help to build a path and are
    never believed by themselves. `crls` and `ocsps` need no trust of their own: each is verified by its signer's key.
    """

    anchors: tuple[bytes, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    ocsps: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def load(cls, folders: Sequence[Path]) -> TrustStore:
        """
        Read every certificate, .p7b bundle, CRL (PEM or DER) and OCSP answer of `folders`, sub-folders included.

        Raises OfficeError with the remedy for a folder that does not exist and for a file that is none of these;
        notes (README, .md, .toml, .txt and the like) and hidden files are passed over.
        """
        found: dict[PaperKind, dict[bytes, None]] = {"anchor": {}, "intermediate": {}, "crl": {}, "ocsp": {}}
        for folder in folders:
            for path in _files(folder):
                for kind, der in _papers(_read(path), path):
                    found[kind][der] = None
        return cls(tuple(found["anchor"]), tuple(found["intermediate"]), tuple(found["crl"]), tuple(found["ocsp"]))


@dataclass(frozen=True, slots=True)
class KnownAuthority:
    """A published authority: its `name`, where it publishes, and how many independent sources print the fingerprint."""

    name: str
    sha256: str
    kind: Literal["root", "intermediate"]
    generation: str
    sources: int
    published_at: str = ""
    crl: str = ""


@dataclass(frozen=True, slots=True)
class TrustPaper:
    """
    One certificate or list of a trust folder, told to an operator.

    `known` is the published authority with this fingerprint, if any. `self_signature_holds` is None for what is not
    self-signed. For lists and answers `not_before` and `not_after` are thisUpdate and nextUpdate (None: no end named).
    """

    kind: PaperKind
    path: Path
    name: str
    issuer: str
    sha256: str
    not_before: datetime
    not_after: datetime | None
    known: KnownAuthority | None
    self_signature_holds: bool | None
    der: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class TrustProblem:
    """Something about the trust folders that a person should mend: a code of config/reasons/trust.toml, details."""

    code: str
    detail: str


@cache
def published_authorities() -> dict[str, KnownAuthority]:
    """Return the published authorities by SHA-256 (lower-case hexadecimal), from config/trust/published.toml."""
    table = tomllib.loads(files("config").joinpath("trust", "published.toml").read_text(encoding="utf-8"))
    return {entry["sha256"]: KnownAuthority(**entry) for entry in table["authority"]}


def known_anchor(sha256: str) -> KnownAuthority | None:
    """Return the published authority with this SHA-256 (hexadecimal; colons and case do not count), else None."""
    return published_authorities().get(re.sub(r"[^0-9a-f]", "", sha256.lower()))


def describe(path: Path) -> tuple[TrustPaper, ...]:
    """Tell which certificates and lists the file at `path` holds; OfficeError if none, or if it cannot be read."""
    return tuple(_described(kind, der, path) for kind, der in _papers(_read(path), path))


def list_papers(folders: Sequence[Path]) -> tuple[TrustPaper, ...]:
    """Tell everything the trust `folders` hold, anchors first; OfficeError as `TrustStore.load`."""
    order = ("anchor", "intermediate", "crl", "ocsp")
    found = [paper for folder in folders for path in _files(folder) for paper in describe(path)]
    return tuple(sorted(found, key=lambda paper: (order.index(paper.kind), paper.name)))


def add(path: Path, folder: Path) -> tuple[TrustPaper, ...]:
    """
    Put what the file at `path` holds into the trust `folder`, one DER file each, named after kind and fingerprint.

    Existing files are never overwritten with other bytes; a paper already there is left alone. Returns what was added
    or found, with its place in the folder. To trust it is the operator's act: the caller shows the fingerprint first.
    Raises OfficeError if the file holds nothing to add or the folder cannot be written.
    """
    papers = describe(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        placed = []
        for paper in papers:
            suffix = paper.kind if paper.kind in ("crl", "ocsp") else "crt"
            target = folder / f"{paper.kind}-{paper.sha256[:16]}.{suffix}"
            if not target.exists():
                write_durably(target, paper.der)
            placed.append(_described(paper.kind, paper.der, target))
    except OSError as cause:
        raise OfficeError("TRUST_FOLDER_NOT_WRITABLE", folder=folder, why=cause.strerror or cause) from cause
    return tuple(placed)


def check(folders: Sequence[Path], at: datetime) -> tuple[TrustProblem, ...]:
    """
    Return what is wrong with the trust `folders` at the moment `at`: nothing trusted, anchors expired or with a broken
    self-signature, intermediates without their issuer, lists that are outdated, unsigned by anyone here, or missing.
    """
    papers = list_papers(folders)
    problems = []
    anchors = [paper for paper in papers if paper.kind == "anchor"]
    intermediates = [paper for paper in papers if paper.kind == "intermediate"]
    lists = [paper for paper in papers if paper.kind == "crl"]
    if not anchors:
        problems.append(TrustProblem("TRUST_NO_ANCHOR", ", ".join(str(folder) for folder in folders)))
    for paper in (*anchors, *intermediates):
        label = f"{paper.name} ({paper.path.name})"
        if paper.not_after is not None and paper.not_after < at:
            problems.append(TrustProblem("TRUST_CERTIFICATE_EXPIRED", f"{label}: {paper.not_after.isoformat()}"))
        if paper.not_before > at:
            problems.append(TrustProblem("TRUST_CERTIFICATE_NOT_YET_VALID", f"{label}: {paper.not_before.isoformat()}"))
        if paper.self_signature_holds is False:
            problems.append(TrustProblem("TRUST_ANCHOR_BROKEN", label))
    authorities = [parse(paper.der) for paper in (*anchors, *intermediates)]
    for paper in intermediates:
        certificate = parse(paper.der)
        if not any(signed_by(certificate, one.spki) for one in authorities if one.der != paper.der):
            problems.append(TrustProblem("TRUST_ISSUER_MISSING", f"{paper.name} ({paper.path.name}): {paper.issuer}"))
    fresh_keys: set[bytes] = set()
    # The newest first, so that an old list beside its successor is no problem.
    for paper in sorted(lists, key=lambda paper: paper.not_before, reverse=True):
        crl = parse_crl(paper.der)
        signers = [one for one in authorities if crl_signed_by(crl, one.spki)]
        label = f"{paper.issuer} ({paper.path.name})"
        if not signers:
            problems.append(TrustProblem("TRUST_CRL_UNSIGNED", label))
        elif all(one.der in fresh_keys for one in signers):
            continue
        elif paper.not_after is None or paper.not_after < at:
            end = "no end" if paper.not_after is None else paper.not_after.isoformat()
            problems.append(TrustProblem("TRUST_CRL_OUTDATED", f"{label}: {end}"))
        else:
            fresh_keys.update(one.der for one in signers)
    for one in authorities:
        if one.der not in fresh_keys and not any(
            problem.detail.startswith(describe_name(one.subject)) for problem in problems
        ):
            problems.append(TrustProblem("TRUST_CRL_MISSING", describe_name(one.subject)))
    return tuple(problems)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a trust folder in a stable order, without hidden ones and notes."""
    if not folder.is_dir():
        raise OfficeError("TRUST_FOLDER_MISSING", folder=folder)
    count = 0
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts) or not path.is_file():
            continue
        if path.suffix.lower() in _NOT_PAPERS or path.name.upper().startswith(("README", "LICENSE")):
            continue
        count += 1
        if count > MAX_FILES:
            raise OfficeError("TRUST_FOLDER_TOO_FULL", folder=folder, max_files=MAX_FILES)
        yield path


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OfficeError("TRUST_FILE_TOO_LARGE", path=path)
        return path.read_bytes()
    except OSError as cause:
        raise OfficeError("FILE_UNREADABLE", path=path, why=cause.strerror or cause) from cause


def _papers(data: bytes, path: Path) -> list[tuple[PaperKind, bytes]]:
    ders = [der for label, der in pem.blocks(data) if "PRIVATE" not in label and "DH PARAM" not in label]
    if not ders:
        ders = [pem.bare_base64(data) or data]
    found = [paper for der in ders for paper in _papers_in(der)]
    if not found:
        raise WrongUse("TRUST_FILE_WRONG", path=path)
    return found


def _papers_in(der: bytes) -> Iterator[tuple[PaperKind, bytes]]:
    try:
        certificate = parse(der)
    except CertificateError:
        pass
    else:
        yield (
            (
                "anchor"
                if certificate.self_issued and signed_by(certificate, certificate.spki) is not False
                else "intermediate"
            ),
            der,
        )
        return
    try:
        parse_crl(der)
    except CrlError:
        pass
    else:
        yield "crl", der
        return
    try:
        parse_ocsp(der)
    except OcspError:
        pass
    else:
        yield "ocsp", der
        return
    try:
        bundle = read_signed_data(der)
    except NotSignedData:
        return
    for one in (*bundle.certificates, *bundle.crls):
        yield from _papers_in(one)


def _described(kind: PaperKind, der: bytes, path: Path) -> TrustPaper:
    sha256 = fingerprint(der)
    if kind == "crl":
        crl = parse_crl(der)
        name = describe_name(crl.issuer)
        return TrustPaper(kind, path, name, name, sha256, crl.this_update, crl.next_update, None, None, der)
    if kind == "ocsp":
        answer = parse_ocsp(der)
        name = describe_name(answer.responder_name) if answer.responder_name else "OCSP"
        ends = [one.next_update for one in answer.answers if one.next_update is not None]
        return TrustPaper(kind, path, name, name, sha256, answer.produced_at, min(ends, default=None), None, None, der)
    certificate = parse(der)
    return TrustPaper(
        kind,
        path,
        describe_name(certificate.subject),
        describe_name(certificate.issuer),
        sha256,
        certificate.not_before,
        certificate.not_after,
        known_anchor(sha256),
        signed_by(certificate, certificate.spki) if certificate.self_issued else None,
        der,
    )


def write_durably(target: Path, data: bytes) -> None:
    """Write beside and rename, so that whoever reads the folder meanwhile sees no half file; OSError of the disk."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".adding-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
