"""Examining one delivery: take it apart, verify every document, read the form; nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from config.catalogue import Catalogue
from intake.steps.agency import plain
from intake.steps.examined import Examination, ExaminedFile, FormFacts
from intake.steps.forms import FormReading, read_form
from intake.steps.sender_evidence import Resolve, authentication_results, dkim_results
from intake.steps.unpack import unpack
from intake.steps.unpacked import Leaf, Unpacked
from signatures.question import Document, Policy, Question, RevocationRule
from signatures.report import FileReport, Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect
from storage.records import Why

# Types that can bear a signature or be a form; everything else is kept and listed, and nothing is asked of it.
VERIFIED = re.compile(
    r"application/(pdf|msword|xml|pkcs7-mime|pkcs7-signature|pkcs7|x-pkcs7-.*|vnd\.ms-.*|x-ole-storage"
    r"|vnd\.openxmlformats-officedocument\..*|vnd\.oasis\..*)|text/xml"
)
DOCUMENTS = re.compile(
    r"application/(pdf|msword|vnd\.ms-(word|excel).*|x-ole-storage|vnd\.openxmlformats-officedocument\..*)"
)
NAMED_LIKE_DOCUMENTS = re.compile(r"\.(pdf|docx?|xlsx?|docm|xlsm)$", re.IGNORECASE)
NAMED_LIKE_SIGNATURES = re.compile(r"\.(p7s|p7m|p7b|sig)$", re.IGNORECASE)

# A form's first page says what it is; more text only costs memory in every later step.
MOST_TEXT = 20_000
# A delivery with more documents than this is no form with its annexes; the rest is kept and listed, unverified.
MOST_VERIFIED = 60

Keep = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What an examination needs to know of the office's rules; `words` are the campaign's words.

    `authserv_id` is the own mail server whose Authentication-Results are read ("": nobody's), `resolve` asks the DNS
    for DKIM keys (None: DKIM is not checked).
    """

    trust: TrustStore | None
    revocation: RevocationRule
    catalogue: Catalogue | None
    words: tuple[str, ...]
    authserv_id: str = ""
    resolve: Resolve | None = None
    policy: Policy = field(default_factory=Policy)


def examine(data: bytes, name: str, received_at: datetime, rules: Rules, keep: Keep) -> Examination:
    """
    Take `data` apart and say what is in it; `keep` stores a piece and returns its digest.

    1. Unpack. 2. Verify each document at the receipt time, which proves that it existed then (EN 319 102-1, 5.2.5).
    3. Pair detached signatures with the file of the same name beside them, never by a name inside. 4. Read what may
    be the form. 5. Judge the mail's own signature and say which files it covers. Never raises for hostile bytes.
    """
    question = Question(
        at=received_at, at_is_proof=True, trust=rules.trust, revocation=rules.revocation, policy=rules.policy
    )
    # 1.
    unpacked = unpack(data, name)
    leaves = unpacked.parts
    remarks: list[Why] = []
    if len(leaves) > MOST_VERIFIED:
        remarks.append(Why("LIMIT_PARTS", f"{len(leaves)} files, {MOST_VERIFIED} verified"))
    evidence: list[tuple[str, str, str]] = []
    files: list[ExaminedFile] = []
    for number, leaf in enumerate(leaves):
        digest = keep(leaf.data)
        one = ExaminedFile(leaf.trail, leaf.name, leaf.declared_type, leaf.media_type, leaf.size, digest or leaf.sha256)
        if number < MOST_VERIFIED:
            # 2. and 3.
            report, detached_of = _verify(leaf, leaves, question)
            if report is not None:
                report, used = _without_evidence(report, keep)
                evidence += used
            # 4.
            form = _read(leaf, rules)
            one = replace(
                one, report=report, detached_of=detached_of, form=form, signals=_signals(leaf, form, rules.words)
            )
        files.append(one)
    # 5.
    envelope: FileReport | None = None
    if unpacked.mail is not None and (unpacked.mail.signed or unpacked.mail.encrypted):
        envelope = inspect(Document(name or "mail.eml", data, known_sha256=unpacked.sha256), question)
        covered: set[str] = set()
        if envelope.shown is not None:
            covered = {leaf.sha256 for leaf in unpack(envelope.shown, "signed-part.eml").parts}
        envelope, used = _without_evidence(envelope, keep)
        evidence += used
        files = [replace(one, in_signed_mail=one.sha256 in covered) for one in files]
    remarks += _sender_evidence(data, unpacked, rules)
    facts = unpacked.mail or unpacked.edxml or unpacked.bundle
    subject = (facts.subject or "") if facts is not None else ""
    return Examination(
        unpacked=replace(unpacked, parts=(), text=unpacked.text[:MOST_TEXT]),
        files=tuple(files),
        envelope=envelope,
        subject_signal=_speaks_of(subject, rules.words),
        evidence=tuple(evidence),
        remarks=tuple(remarks),
        policy_version=rules.policy.version,
    )


def _sender_evidence(data: bytes, unpacked: Unpacked, rules: Rules) -> list[Why]:
    """Return what speaks for or against the sender of a mail, as remarks for the clerk."""
    if unpacked.mail is None:
        return []
    remarks = []
    advice = authentication_results(unpacked.mail, rules.authserv_id)
    if advice.server:
        remarks.append(Why("SENDER_ADVICE", f"{advice.server}: {advice.told}"))
    if advice.is_bad:
        remarks.append(Why("SENDER_DOUBTED", advice.told))
    if rules.resolve is not None:
        found = dkim_results(data, rules.resolve)
        if found:
            remarks.append(Why("SENDER_DKIM", ", ".join(f"{one.domain}: {one.outcome}" for one in found)))
    return remarks


def _verify(leaf: Leaf, leaves: tuple[Leaf, ...], question: Question) -> tuple[FileReport | None, str | None]:
    """Return the verdict on one leaf, None where nothing can be asked, and the digest of what it signs from outside."""
    name = leaf.name or ""
    if name.lower() == "smime.p7s":
        return None, None  # The mail's own signature, judged with the mail.
    if not (
        VERIFIED.fullmatch(leaf.media_type) or NAMED_LIKE_DOCUMENTS.search(name) or NAMED_LIKE_SIGNATURES.search(name)
    ):
        return None, None
    beside: Leaf | None = None
    if name.lower().endswith(".p7s"):
        siblings = [
            one for one in leaves if one is not leaf and one.trail[:-1] == leaf.trail[:-1] and one.name == name[:-4]
        ]
        beside = siblings[0] if len({one.sha256 for one in siblings}) == 1 else None
    document = Document(
        name,
        leaf.data,
        detached=beside.data if beside else None,
        detached_name=(beside.name or "") if beside else "",
        known_sha256=leaf.sha256,
    )
    report = inspect(document, question)
    return report, beside.sha256 if beside and report.verdict is not Verdict.UNSIGNED else None


def _without_evidence(report: FileReport, keep: Keep) -> tuple[FileReport, list[tuple[str, str, str]]]:
    """Store what a verdict rests on and return the report without the bytes (they would cross a process border)."""
    used: list[tuple[str, str, str]] = []
    slim = []
    for one in report.signatures:
        used += [(report.sha256, kind, keep(der)) for kind, der in one.evidence if der]
        if one.signer is not None and one.signer.certificate:
            used.append((report.sha256, "certificate", keep(one.signer.certificate)))
        slim.append(replace(one, evidence=()))
    return replace(report, signatures=tuple(slim), contents=(), shown=None), list(dict.fromkeys(used))


def _read(leaf: Leaf, rules: Rules) -> FormFacts | None:
    """Return what a document says as a form; None for what cannot be one."""
    if not (DOCUMENTS.fullmatch(leaf.media_type) or NAMED_LIKE_DOCUMENTS.search(leaf.name or "")):
        return None
    if rules.catalogue is None:
        return FormFacts(is_form=False, text="")
    reading: FormReading = read_form(leaf.data, leaf.media_type, rules.catalogue)
    return FormFacts(
        is_form=reading.is_form,
        text=reading.text[:MOST_TEXT],
        catalogue_id=reading.catalogue_id,
        block=reading.block,
        year=reading.year if reading.year is not None else year_named(reading.text),
        agency_name=reading.agency_name,
        answers=reading.answers,
        flaws=reading.flaws,
    )


def year_named(text: str) -> int | None:
    """Return the year in the form's own title ("PHIẾU ĐÁNH GIÁ … năm 2019"), None if it names none or several."""
    found = re.search(r"\bphieu danh gia\b(.{0,300})", plain(text))
    years = set(re.findall(r"\bnam (20\d\d)\b", found.group(1))) if found else set()
    return int(years.pop()) if len(years) == 1 else None


def _signals(leaf: Leaf, form: FormFacts | None, words: tuple[str, ...]) -> tuple[str, ...]:
    if form is None:
        return ()
    signals = []
    if form.is_form:
        signals.append("tag")
    lines = form.text.strip().splitlines()
    if any(_is_title(line, words) for line in lines) or (lines and _begins_with(lines[0], words)):
        signals.append("title")
    if _speaks_of(form.text, words):
        signals.append("text")
    # Names in old Vietnamese encodings are shown converted; the sender's own spelling stays the leaf's name.
    name = leaf.readable_name or leaf.name or ""
    squeezed = plain(name).replace(" ", "")
    if _speaks_of(name, words) or any(plain(word).replace(" ", "") in squeezed for word in words if plain(word)):
        signals.append("name")
    return tuple(signals)


def _is_title(line: str, words: tuple[str, ...]) -> bool:
    """
    Whether a line is the form's own title: it begins with a campaign word, in capitals (NĐ 30/2020, Phụ lục I).

    A covering letter that sends the form speaks of it in running text; taking that letter for the form would file an
    unsigned form behind a signed letter.
    """
    head = line.strip()
    return any(_begins_with(line, (word,)) and head[: len(word)].isupper() for word in words)


def _begins_with(line: str, words: tuple[str, ...]) -> bool:
    """Whether a line begins with a campaign word; of a document's first line that is enough: letters have a head."""
    shown = f"{plain(line)} "
    return any(shown.startswith(f"{plain(word)} ") for word in words if plain(word))


def _speaks_of(text: str, words: tuple[str, ...]) -> bool:
    padded = f" {plain(text)} "
    return any(f" {plain(word)} " in padded for word in words if plain(word))
