"""Signed mail (S/MIME): what part of it is signed, by whom, and whether that is the sender it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from signatures import kinds, verify
from signatures.cms_reader import NotSignedData, content_type_of, read_signed_data
from signatures.formats.cms import digests_of
from signatures.formats.smime_sender import against_sender, protected_fields
from signatures.mime import Entity, read_entity, with_crlf
from signatures.question import Document, Question
from signatures.report import (
    ChangedAfter,
    Covers,
    FileReport,
    Reason,
    SignatureFinding,
    Verdict,
    verdict_of_signatures,
)
from signatures.signed_data import judge_signed_data
from signatures.signer_judgement import SignerJudgement

# Signatures within signatures: a person, a gateway, a list. More are made to exhaust us.
MAX_LEVELS = 6
# Documents inside one mail that get their own report; the rest is named as not looked at.
MAX_CONTENTS = 200

# "This is a cryptographically signed message in MIME format." and the like are a line or two.
MAX_NOTICE_BYTES = 300

# Header fields after a line that is none, delimiters that only begin like the right one, files set in plain text.
_READ_BY_SOME = re.compile(rb"^(?:--|[!-9;-~]+[ \t]*:|=ybegin |begin(?:-base64)? [0-7]{3,4} )", re.MULTILINE)

_DETACHED_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_OPAQUE_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_MICALG = {"sha-1": "sha1", "sha1": "sha1", "md5": "md5", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384"}


def recognises(document: Document) -> bool:
    """Say whether the file is a mail, by its header or by the name it bears."""
    return document.name.lower().endswith(".eml") or kinds.looks_like_mail(document.data)


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge the signatures of the mail `document`, and of the documents inside it (`contents`); never raises.

    A signature counts for what it covers only: if the mail shows more than that, it is indeterminate
    (PARTIALLY_SIGNED) and `shown` is the signed part. The outermost signer must be the sender (RFC 8550, 3), else
    SIGNER_IS_NOT_SENDER with both named; a certificate without a mail address can name none, which is remarked.
    What is encrypted is unsupported.
    """
    root = read_entity(document.data)
    state = _State(question, root)
    _look(root, state, whole=True, level=0, name="")
    signatures = tuple(state.findings)
    verdict = verdict_of_signatures(signatures)
    reasons = () if state.unsupported is None else (state.unsupported,)
    if not signatures and state.unsupported is not None:
        verdict = Verdict.UNSUPPORTED
    elif not signatures and state.doubtful is not None:
        verdict, reasons = Verdict.INDETERMINATE, (state.doubtful,)
    return FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type="message/rfc822",
        format="smime",
        verdict=verdict,
        reasons=reasons,
        contents=tuple(_contents(root, state)),
        signatures=signatures,
        shown=state.shown,
    )


@dataclass(slots=True)
class _State:
    """What was found on the way through one mail."""

    question: Question
    root: Entity
    findings: list[SignatureFinding] = field(default_factory=list)
    unsupported: Reason | None = None
    doubtful: Reason | None = None
    shown: bytes | None = None
    inner: list[Entity] = field(default_factory=list)


def _look(entity: Entity, state: _State, *, whole: bool, level: int, name: str) -> None:
    """
    Find the signatures of `entity` and judge them; `whole` tells that it is all the reader is shown.

    A forwarded mail is another mail: it is reported among the contents, not here.
    """
    if level > MAX_LEVELS:
        state.unsupported = Reason("TOO_COSTLY", "signatures nested too deep")
        return
    if entity.two_readings and (whole or level == 0) and _speaks_of_signatures(entity):
        # What one program takes for the signed part another may never show.
        state.doubtful = Reason("SMIME_STRUCTURE_DOUBTFUL", entity.two_readings)
    whole = whole and not _says_something(entity.beside)
    if entity.content_type == "multipart/signed":
        _clear_signed(entity, state, whole=whole, level=level, name=name)
    elif _is_opaque(entity):
        _opaque(entity, state, whole=whole, level=level, name=name)
    elif entity.parts:
        alone = len(entity.parts) == 1
        for part in entity.parts:
            _look(part, state, whole=whole and alone, level=level, name=name)
    elif entity.content_type in _DETACHED_TYPES and entity.file_name.lower() in ("smime.p7s", "smime.p7m", ""):
        # A signature whose signed part was taken from its side, as mailing lists and gateways do.
        _add(state, _lost(entity, state), level, name)
    elif entity.content_type.startswith("text/") and b"-----BEGIN PGP SIGNED MESSAGE-----" in entity.content():
        state.unsupported = Reason("UNSUPPORTED_FORMAT", "OpenPGP")
    elif entity.content_type == "application/pgp-encrypted":
        state.unsupported = Reason("FILE_ENCRYPTED", "OpenPGP")


def _speaks_of_signatures(entity: Entity) -> bool:
    """Whether any content type of the entity, or of one inside, is that of a signature."""
    kinds = [kind.lower() for one in entity.walk() for kind in one.all("content-type")]
    return any("multipart/signed" in kind or "pkcs7-" in kind for kind in kinds)


def _says_something(beside: bytes) -> bool:
    """
    Whether the text outside all parts of a multipart says more than that the mail is one of several parts.

    Programs hide that text, but not all do. What they write there themselves speaks of MIME, in whatever language, and
    has no line that another program takes for a header field, a delimiter or a file.
    """
    text = beside.strip()
    if not text:
        return False
    return len(text) > MAX_NOTICE_BYTES or b"MIME" not in text.upper() or _READ_BY_SOME.search(text) is not None


def _is_opaque(entity: Entity) -> bool:
    if entity.content_type in _OPAQUE_TYPES:
        return True
    # RFC 8551, 3.8: an unlabelled part with this name is taken for what it says.
    return entity.content_type == "application/octet-stream" and entity.file_name.lower() == "smime.p7m"


def _add(state: _State, findings: list[SignatureFinding], level: int, name: str) -> None:
    label = f"S/MIME {name}" if name else "S/MIME"
    for count, finding in enumerate(findings, start=1):
        suffix = f" ({count})" if len(findings) > 1 else ""
        state.findings.append(replace(finding, name=f"{label}{suffix}"))


def _deeper(name: str, count: int = 1) -> str:
    return f"{name}.{count}" if name else f"inner {count}"


# --- clear-signed ---------------------------------------------------------------------------------------------------


def _clear_signed(entity: Entity, state: _State, *, whole: bool, level: int, name: str) -> None:
    """Judge a multipart/signed (RFC 1847, 2.1; RFC 8551, 3.5.3)."""
    protocol = entity.parameters.get("protocol", "").lower()
    if "pgp" in protocol or (len(entity.parts) > 1 and entity.parts[1].content_type == "application/pgp-signature"):
        _add(state, [_finding(Verdict.UNSUPPORTED, Reason("UNSUPPORTED_FORMAT", "OpenPGP"))], level, name)
        return
    if len(entity.parts) < 2:
        _add(state, [_finding(Verdict.INDETERMINATE, Reason("SIGNED_DATA_NOT_FOUND", "one part only"))], level, name)
        return
    signed, signature = entity.parts[0], entity.parts[1]
    reasons: list[Reason] = []
    doubtful = False
    if signature.content_type not in _DETACHED_TYPES | _OPAQUE_TYPES:
        if not (protocol in _DETACHED_TYPES and content_type_of(signature.content()) is not None):
            reason = Reason("UNSUPPORTED_FORMAT", f"signature of type {signature.content_type}")
            _add(state, [_finding(Verdict.UNSUPPORTED, reason)], level, name)
            return
        doubtful = True
        reasons.append(Reason("SMIME_PROTOCOL_DIFFERS", f"{protocol} announced, {signature.content_type} sent"))
    if protocol not in _DETACHED_TYPES:
        doubtful = True
        reasons.append(Reason("SMIME_PROTOCOL_DIFFERS", f"{protocol or 'nothing'} announced"))
    if len(entity.parts) > 2 or not entity.closed:
        whole = False
    canonical = with_crlf(signed.raw)
    judged = _judge(signature.content(), canonical, state.question)
    if isinstance(judged, SignatureFinding):
        _add(state, [judged], level, name)
        return
    shown = canonical
    if any(one.intact is False for one in judged) and canonical != signed.raw:
        # Some writers sign the bytes as they are; that is their form of the same part, so either is accepted whole.
        second = _judge(signature.content(), signed.raw, state.question)
        if not isinstance(second, SignatureFinding) and all(one.intact for one in second):
            judged, shown = second, signed.raw
    first = len(state.findings)
    _settle(entity, judged, shown, state, reasons, doubtful, whole=whole, level=level, name=name)
    _look_inside(signed, state, range(first, len(state.findings)), level, name)


def _judge(der: bytes, content: bytes | None, question: Question) -> tuple[SignerJudgement, ...] | SignatureFinding:
    """Judge a CMS message over `content` (None: encapsulated), or return the finding that says why that cannot be."""
    try:
        judged = judge_signed_data(der, None if content is None else digests_of(content), question, whole=content)
    except NotSignedData as cause:
        if cause.code == "CMS_UNREADABLE":
            return _finding(Verdict.FAILED, Reason(cause.code, cause.detail), "FORMAT_FAILURE")
        return _finding(Verdict.UNSUPPORTED, Reason(cause.code, cause.detail))
    if not judged:
        return _finding(
            Verdict.FAILED, Reason("CERTIFICATES_ONLY", "where a signature was announced"), "FORMAT_FAILURE"
        )
    return judged


def _finding(verdict: Verdict, reason: Reason, sub_indication: str | None = None) -> SignatureFinding:
    intact = False if verdict is Verdict.FAILED else None
    if reason.code == "SIGNED_DATA_NOT_FOUND":
        sub_indication = reason.code
    return SignatureFinding("", "smime", verdict, sub_indication=sub_indication, intact=intact, reasons=(reason,))


def _lost(entity: Entity, state: _State) -> list[SignatureFinding]:
    judged = _judge(entity.content(), None, state.question)
    if isinstance(judged, SignatureFinding):
        return [judged]
    return [one.as_finding("", "smime") for one in judged]


# --- opaque ---------------------------------------------------------------------------------------------------------


def _opaque(entity: Entity, state: _State, *, whole: bool, level: int, name: str) -> None:
    """Judge an application/pkcs7-mime: signed, encrypted, compressed, or certificates only (RFC 8551, 3)."""
    der = entity.content()
    try:
        message = read_signed_data(der)
    except NotSignedData as cause:
        if cause.code == "CMS_UNREADABLE":
            _add(state, [_finding(Verdict.FAILED, Reason(cause.code, cause.detail), "FORMAT_FAILURE")], level, name)
        else:
            code = "FILE_ENCRYPTED" if cause.code == "CMS_ENCRYPTED" else cause.code
            state.unsupported = Reason(code, cause.detail)
        return
    if not message.signers:
        if entity.parameters.get("smime-type", "").lower() == "signed-data":
            reason = Reason("CERTIFICATES_ONLY", "where a signature was announced")
            _add(state, [_finding(Verdict.FAILED, reason, "FORMAT_FAILURE")], level, name)
        return
    judged = _judge(der, None, state.question)
    if isinstance(judged, SignatureFinding):
        _add(state, [judged], level, name)
        return
    content = message.content or b""
    first = len(state.findings)
    _settle(entity, judged, content, state, [], False, whole=whole, level=level, name=name)
    if message.content is not None:
        inner = read_entity(content)
        state.inner.append(inner)
        _look_inside(inner, state, range(first, len(state.findings)), level, name)


# --- what the signature means for the mail --------------------------------------------------------------------------


def _settle(
    entity: Entity,
    judged: tuple[SignerJudgement, ...],
    shown: bytes,
    state: _State,
    reasons: list[Reason],
    doubtful: bool,
    *,
    whole: bool,
    level: int,
    name: str,
) -> None:
    """Add the findings of one level: the signers', held against the sender and against what the mail shows."""
    findings = []
    micalg = entity.parameters.get("micalg", "").lower()
    for one in judged:
        finding = one.as_finding("", "smime")
        notes, doubt = list(reasons), doubtful
        if one.intact:
            finding = replace(
                finding, covers=Covers.WHOLE if whole else Covers.PARTIAL, changed_after=ChangedAfter.NOTHING
            )
        if not whole:
            notes.append(Reason("PARTIALLY_SIGNED"))
            doubt = True
        announced = {_MICALG.get(word.strip(), word.strip()) for word in micalg.split(",")}
        if micalg and one.digest_algorithm not in announced:
            notes.append(Reason("SMIME_MICALG_DIFFERS", f"{micalg} announced, {one.digest_algorithm} used"))
        if level == 0:
            sender, in_doubt = against_sender(state.root, finding)
            notes.extend(sender)
            differing = protected_fields(shown, state.root)
            notes.extend(differing)
            doubt = doubt or in_doubt or bool(differing)
        if state.doubtful is not None:
            notes.append(state.doubtful)
            doubt = True
        verdict, sub_indication = finding.verdict, finding.sub_indication
        if doubt and verdict is Verdict.PASSED:
            verdict, sub_indication = Verdict.INDETERMINATE, "SIG_CONSTRAINTS_FAILURE"
        findings.append(
            replace(finding, verdict=verdict, sub_indication=sub_indication, reasons=(*finding.reasons, *notes))
        )
    if level == 0 and state.shown is None and all(one.intact for one in judged):
        state.shown = shown
    _add(state, findings, level, name)


def _look_inside(inner: Entity, state: _State, own: range, level: int, name: str) -> None:
    """
    Judge the signatures within the signed part; if that part is encrypted, nobody can tell what was signed.

    `own` are the findings of the signature around it: those then say that they cannot be judged.
    """
    within = _State(state.question, state.root)
    _look(inner, within, whole=True, level=level + 1, name=_deeper(name))
    state.findings.extend(within.findings)
    state.inner.extend(within.inner)
    if within.unsupported is None:
        return
    state.unsupported = state.unsupported or within.unsupported
    for index in own:
        finding = state.findings[index]
        if finding.verdict is not Verdict.FAILED:
            reasons = (*finding.reasons, within.unsupported)
            state.findings[index] = replace(finding, verdict=Verdict.UNSUPPORTED, sub_indication=None, reasons=reasons)


# --- documents inside -----------------------------------------------------------------------------------------------


def _contents(root: Entity, state: _State) -> Iterator[FileReport]:
    """
    Yield the reports of the documents inside: attachments and forwarded mails, also those inside opaque signatures.

    A `.p7s` attachment is held against the attachment named like it, if there is but one; what is neither a document
    nor signed (pictures, plain text) is left out, because nothing could be said of it.
    """
    leaves = [one for tree in (root, *state.inner) for one in tree.walk() if not one.parts]
    count = 0
    for leaf in leaves:
        lowered = leaf.file_name.lower()
        message_signature = leaf.content_type in _DETACHED_TYPES and lowered in ("smime.p7s", "")
        if not leaf.is_attachment or message_signature or _is_opaque(leaf):
            continue
        count += 1
        if count > MAX_CONTENTS:
            return
        beside = _named(leaf.file_name[:-4], leaves) if lowered.endswith(".p7s") else None
        inner = Document(
            leaf.file_name or ("forwarded.eml" if leaf.content_type == "message/rfc822" else "unnamed"),
            leaf.content(),
            beside,
            "" if beside is None else leaf.file_name[:-4],
        )
        report = verify.inspect(inner, state.question)
        if report.format != "other" or report.verdict is not Verdict.UNSIGNED:
            yield report


def _named(name: str, leaves: list[Entity]) -> bytes | None:
    """Return the content of the file called so; None if there is none, or two that differ: signed would seem either."""
    found = {one.content() for one in leaves if name and one.file_name == name}
    return found.pop() if len(found) == 1 else None
