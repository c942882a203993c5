"""What an examination found, before anybody asks whose it is: the pieces, their verdicts, and the form among them."""

from __future__ import annotations

from dataclasses import dataclass

from intake.steps.unpacked import Unpacked
from signatures.question import SHIPPED_POLICY
from signatures.report import FileReport
from storage.records import Answer, Why


@dataclass(frozen=True, slots=True)
class FormFacts:
    """
    What one document says as a form: its tags, its answers, its first page.

    `is_form` means that catalogue tags were found; `text` is the first page's text, bounded, "" for a scan or a
    document that has none. `year` is the year that the form itself names, None if it names none.
    """

    is_form: bool
    text: str
    catalogue_id: str | None = None
    block: str | None = None
    year: int | None = None
    agency_name: str | None = None
    answers: tuple[Answer, ...] = ()
    flaws: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """
    One leaf with its verdict; its bytes are in the vault already.

    `report` is None for what is not verified (pictures, text). `form` is None for what cannot be a form. `signals`
    are the places where a campaign word or catalogue tag was found: tag, title, text, name. `detached_of` is the digest
    of the file that this detached signature was judged over. `in_signed_mail` says that an S/MIME signature covers it.
    """

    trail: tuple[str, ...]
    name: str | None
    declared_type: str
    media_type: str
    size: int
    sha256: str
    report: FileReport | None = None
    form: FormFacts | None = None
    signals: tuple[str, ...] = ()
    detached_of: str | None = None
    in_signed_mail: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """
    Everything that examining a delivery found; no file's bytes are in it, and nothing was decided.

    `unpacked.parts` is empty here: the leaves stand in `files`. `envelope` is the verdict on the mail or package as
    a whole (S/MIME, edXML), None where there is no such signature to judge. `evidence` lists (sha256 of the file,
    kind, vault digest) of certificates, CRLs and answers that were used. `policy_version` names the rules that the
    signatures were judged by.
    """

    unpacked: Unpacked
    files: tuple[ExaminedFile, ...]
    envelope: FileReport | None
    subject_signal: bool
    evidence: tuple[tuple[str, str, str], ...] = ()
    remarks: tuple[Why, ...] = ()
    policy_version: str = SHIPPED_POLICY
