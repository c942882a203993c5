"""Packages of the national document exchange (edXML): the envelope's signature, and the documents inside."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module

from lxml import etree

from signatures import asn1
from signatures.formats.xml import judge_signatures, plain_xml_report, refused_report, top_signatures
from signatures.question import Document, Question
from signatures.report import FileReport, Reason, SignatureFinding, Verdict, verdict_of_signatures
from signatures.safe_xml import XmlRefused, children, local_name, parse_xml, text_of
from signatures.xml_judgement import refused_finding
from signatures.xmldsig import dsig, loose_base64, unjudgeable

# Stray bytes before the first "<" (a published sample has four); more is something else.
MAX_STRAY_BYTES = 256
# Real packages carry a handful of files; the exchange itself refuses hundreds.
MAX_ATTACHMENTS = 200
# What one attachment may unpack to out of the wrapping ZIP.
MAX_UNPACKED_BYTES = 128 * 1024 * 1024

Inspect = Callable[[Document, Question], FileReport]

_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?edXML[\s>/]")
_PSEUDO_TRANSFORM = "http://www.w3.org/TR/xml-exc-c14n#"


def recognises(document: Document) -> bool:
    """Whether `document` is an edXML package: its root is called edXML in whatever namespace."""
    place = document.data.find(b"<", 0, MAX_STRAY_BYTES + 1)
    return place >= 0 and _ROOT.search(document.data[place : place + 8192]) is not None


def inspect(document: Document, question: Question, inside: Inspect | None = None) -> FileReport:
    """
    Judge the package `document` by its own envelope signature, and each file inside by its own (in `contents`).

    There are three honest answers about the envelope: no signature (`unsigned`); one that nobody can verify, because
    the national kit fills in a placeholder or writes it back under another namespace (`unsupported`); or one that
    verifies. Only where a real signature was over other content than there is now does it fail. `inside` judges the
    files; by default `signatures.verify.inspect`. Never raises on hostile bytes.

    Source: QCVN 102:2016/BTTTT as its published samples practise it.
    """
    report = replace(plain_xml_report(document), format="edxml")
    start = max(document.data.find(b"<", 0, MAX_STRAY_BYTES + 1), 0)
    try:
        root = parse_xml(document.data[start:], long_texts=True)
        findings, reasons = _judge_envelope(root, question)
        verdict = verdict_of_signatures(findings)
    except XmlRefused as cause:
        if cause.code != "XML_MALFORMED":
            return refused_report(document, report, cause)
        try:
            root = parse_xml(document.data[start:], long_texts=True, mend=True)
        except XmlRefused:
            return refused_report(document, report, cause)
        findings, reasons = _look_at_broken(root, cause)
        verdict = verdict_of_signatures(findings) if findings else Verdict.UNREADABLE
    judge = inside or _judge_inside
    contents = []
    for name, octets in attachments(root):
        if octets is None:
            reasons.append(Reason("EDXML_ATTACHMENT_UNREADABLE", name[:120]))
        else:
            contents.append(judge(Document(name, octets), question))
    return replace(
        report,
        verdict=verdict,
        reasons=tuple(reasons),
        signatures=findings,
        contents=tuple(contents),
    )


def attachments(root: etree._Element) -> Iterator[tuple[str, bytes | None]]:
    """
    Yield name and bytes of each file in the package; None where it cannot be decoded.

    The content is Base64 of a ZIP with one entry, whatever ContentType says, or of the file itself: it is unwrapped
    once, if it is a ZIP of one entry and not an Office file. No name inside the ZIP is ever used.
    """
    count = 0
    for element in root.iter(etree.Element):
        if local_name(element) != "Attachment" or any(one.tag == dsig("Signature") for one in element.iterancestors()):
            # What stands inside a signature is no file of the package.
            continue
        count += 1
        if count > MAX_ATTACHMENTS:
            return
        parts = {local_name(one): one for one in children(element)}
        name = parts.get("AttachmentName")
        encoded = parts.get("ContentTransferEncoded")
        label = "" if name is None else text_of(name).strip()
        octets = None if encoded is None else loose_base64(text_of(encoded))
        yield label, None if octets is None else _unwrapped(octets, label)


def _judge_envelope(root: etree._Element, question: Question) -> tuple[tuple[SignatureFinding, ...], list[Reason]]:
    """Judge the envelope's signatures: real ones wherever they stand; in its header also strange and empty ones."""
    real = top_signatures(root)
    findings: list[SignatureFinding] = []
    reasons: list[Reason] = []
    for element in root.iter(etree.Element):
        if local_name(element) not in ("Signature", "DigitalSignature") or not _is_in_header(element):
            continue
        if element.tag == dsig("Signature"):
            continue
        if any(one.tag == dsig("Signature") for one in element.iter(etree.Element)):
            continue
        if not children(element) and not text_of(element).strip():
            reasons.append(Reason("EDXML_SIGNATURE_EMPTY", local_name(element)))
            continue
        namespace = etree.QName(element).namespace or ""
        problem = unjudgeable("EDXML_SIGNATURE_NAMESPACE", namespace[:120])
        findings.append(refused_finding(problem, name=local_name(element), kind="xml"))
    for element in real:
        if not any(_is_certificate(one) for one in element.iter(dsig("X509Certificate"))):
            problem = unjudgeable("EDXML_SIGNATURE_PLACEHOLDER", "no certificate that can be read")
            findings.append(refused_finding(problem, name=element.get("Id") or "Signature", kind="xml"))
            continue
        judged, _ = judge_signatures(root, [element], question)
        findings += [_honest(one, element) for one in judged]
    return tuple(findings), reasons


def _look_at_broken(root: etree._Element, cause: XmlRefused) -> tuple[tuple[SignatureFinding, ...], list[Reason]]:
    """Say of a package that is not well-formed whether it bears a signature: nobody can verify one over it."""
    problem = unjudgeable(cause.code, cause.detail)
    findings = tuple(
        refused_finding(problem, name=local_name(one), kind="xml")
        for one in root.iter(etree.Element)
        if local_name(one) in ("Signature", "DigitalSignature") and _is_in_header(one) and children(one)
    )
    return findings[:1], [problem.reason]


def _honest(finding: SignatureFinding, element: etree._Element) -> SignatureFinding:
    """
    Turn "does not hold" into "cannot be verified" where that is all that is known.

    The kit's sample value is copied into packages with other certificates, and its second transform names a web page,
    not an algorithm. A value that holds under its certificate over changed content is another thing: that one fails.
    """
    codes = {reason.code for reason in finding.reasons}
    pseudo = any(one.get("Algorithm") == _PSEUDO_TRANSFORM for one in element.iter(dsig("Transform")))
    if finding.verdict is not Verdict.FAILED or not (pseudo or "XML_VALUE_WRONG" in codes):
        return finding
    reason = Reason("EDXML_SIGNATURE_PLACEHOLDER", "the value does not hold under the certificate")
    return replace(
        finding, verdict=Verdict.UNSUPPORTED, sub_indication=None, intact=None, reasons=(reason, *finding.reasons)
    )


def _is_in_header(element: etree._Element) -> bool:
    return any(local_name(above) in ("edXMLHeader", "Header") for above in element.iterancestors())


def _is_certificate(element: etree._Element) -> bool:
    octets = loose_base64(text_of(element))
    try:
        return octets is not None and len(asn1.only(octets).expect(asn1.SEQUENCE).parts()) == 3
    except asn1.Asn1Error:
        return False


def _unwrapped(octets: bytes, name: str) -> bytes:
    if not octets.startswith(b"PK\x03\x04"):
        return octets
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            # An Office file has at least three entries, so it is never unwrapped by mistake.
            entries = archive.infolist()
            if len(entries) != 1 or entries[0].file_size > MAX_UNPACKED_BYTES:
                return octets
            with archive.open(entries[0]) as part:
                inner = part.read(MAX_UNPACKED_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError):
        return octets
    if len(inner) > MAX_UNPACKED_BYTES or (name.lower().endswith(".zip") and not inner.startswith(b"PK\x03\x04")):
        return octets
    return inner


def _judge_inside(document: Document, question: Question) -> FileReport:
    # `verify` lists this module among its inspectors, so it is looked up when it is needed, not when this is imported.
    judge: Inspect = import_module("signatures.verify").inspect
    return judge(document, question)
