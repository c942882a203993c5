"""XML files with signatures inside: what each signature is over, and whether that is what a reader reads."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from signatures.formats.xml_cover import (
    Followed,
    borrows_a_prefix,
    covers_of,
    doubtful_encoding,
    holds_loose_words,
    split_texts,
)
from signatures.question import Document, Question
from signatures.report import Covers, FileReport, SignatureFinding, Verdict, verdict_of_signatures
from signatures.safe_xml import XmlRefused, children, local_name, parse_xml
from signatures.xades import is_over_signed_properties
from signatures.xml_judgement import Placed, judge_xml_signature, refused_finding
from signatures.xml_references import Budget, Ids, dereference
from signatures.xmldsig import (
    DSIG,
    MANIFEST,
    MAX_REFERENCES,
    SignatureRefused,
    XmlSignature,
    dsig,
    failed,
    read_reference,
    read_signature,
    undecided,
    unjudgeable,
)

# As for Office files: two persons and an agency sign, each perhaps more than once.
MAX_SIGNATURES = 50
# How far the first element may be from the file's start: a byte order mark, blanks, a declaration.
PROLOG_WITHIN = 4096


def recognises(document: Document) -> bool:
    """Whether `document` begins as XML does (in UTF-8 or UTF-16); HTML is none."""
    head = document.data[:PROLOG_WITHIN]
    if head.startswith((b"\xff\xfe<\x00", b"\xfe\xff\x00<")):
        return True
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"<?xml"):
        return True
    if begin.startswith(b"<") and (DSIG.encode() in document.data or b"SignatureValue" in document.data):
        return True
    # Bytes before the mark-up make it no XML; but a signature that stands in it must not go unmentioned.
    return document.name.lower().endswith(".xml") and DSIG.encode() in document.data


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge every signature in the XML `document`; never raises on hostile bytes.

    A signature passes only if it is over the whole document, or over elements beside which a reader finds nothing
    but empty wrapping: a signed element moved elsewhere (signature wrapping) leaves something unsigned to be read, and
    is then `indeterminate` (XML_PARTLY_SIGNED). `shown` has the signed octets where they are not the whole document.
    """
    report = plain_xml_report(document)
    try:
        root = parse_xml(document.data, long_texts=True)
    except XmlRefused as cause:
        return refused_report(document, report, cause)
    signatures = top_signatures(root)
    findings, shown = judge_signatures(root, signatures, question)
    findings += strange_signatures(root)
    return replace(report, verdict=verdict_of_signatures(findings), signatures=findings, shown=shown)


def plain_xml_report(document: Document) -> FileReport:
    """Return the report of an XML file of which nothing is known yet."""
    return FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type="application/xml",
        format="xml",
        verdict=Verdict.UNSIGNED,
    )


def refused_report(document: Document, report: FileReport, cause: XmlRefused) -> FileReport:
    """
    Return the report on XML that may not be read.

    If it speaks of signatures at all it fails: what one reader refuses another may show as signed. Otherwise a file
    with a DOCTYPE is an unsigned file, and a malformed one is unreadable.
    """
    problem = failed(cause.code, cause.detail)
    if DSIG.encode() in document.data or DSIG.encode("utf-16-le") in document.data:
        if cause.code == "XML_MALFORMED":
            return replace(report, verdict=Verdict.UNREADABLE, reasons=(problem.reason,))
        finding = refused_finding(problem, name="signature", kind="xml")
        return replace(report, verdict=Verdict.FAILED, reasons=(problem.reason,), signatures=(finding,))
    verdict = Verdict.UNSIGNED if cause.code == "XML_DOCTYPE" else Verdict.UNREADABLE
    return replace(report, verdict=verdict, reasons=(problem.reason,))


def top_signatures(root: etree._Element) -> list[etree._Element]:
    """Return the signatures of the document in order; counter-signatures belong to the one they are in."""
    return [
        one
        for one in root.iter(dsig("Signature"))
        if not any(local_name(above) == "CounterSignature" for above in one.iterancestors())
    ]


def strange_signatures(root: etree._Element) -> tuple[SignatureFinding, ...]:
    """Return a finding for what has the shape of a signature under a namespace nobody verifies (at most one)."""
    for one in root.iter(etree.Element):
        if local_name(one) != "Signature" or one.tag == dsig("Signature"):
            continue
        if {"SignedInfo", "SignatureValue"} <= {local_name(part) for part in children(one)}:
            namespace = etree.QName(one).namespace or ""
            problem = unjudgeable("EDXML_SIGNATURE_NAMESPACE", namespace[:120])
            return (refused_finding(problem, name="Signature", kind="xml"),)
    return ()


def judge_signatures(
    root: etree._Element, signatures: list[etree._Element], question: Question
) -> tuple[tuple[SignatureFinding, ...], bytes | None]:
    """Judge `signatures` of the document `root`; also return what the first passed one shows, if not everything."""
    findings: list[SignatureFinding] = []
    shown: bytes | None = None
    ids = Ids(root)
    budget = Budget()
    for number, element in enumerate(signatures[:MAX_SIGNATURES], start=1):
        name = element.get("Id") or f"Signature{number}"
        try:
            signature = read_signature(element)
            followed = _follow(signature, ids, budget)
        except SignatureRefused as cause:
            findings.append(refused_finding(cause.problem, name=name, kind="xml"))
            continue
        covers = covers_of(root, signature, followed, signatures)
        if covers is Covers.WHOLE and (holds_loose_words(signature, followed) or borrows_a_prefix(followed)):
            covers = Covers.PARTIAL
        problems = list(followed.problems)
        if covers is Covers.PARTIAL:
            problems.append(undecided("XML_PARTLY_SIGNED", "there is more to read than what is signed"))
        problems += split_texts(followed.targets) + doubtful_encoding(root)
        placed = Placed(tuple(followed.references), tuple(problems), covers=covers)
        finding = judge_xml_signature(signature, placed, question, name=name, kind="xml")
        findings.append(finding)
        if shown is None and finding.intact is not False and not followed.whole_document and followed.octets:
            shown = followed.octets[0]
    if len(signatures) > MAX_SIGNATURES:
        problem = undecided("XML_TOO_COSTLY", f"{len(signatures)} signatures, at most {MAX_SIGNATURES}", None)
        findings.append(refused_finding(problem, name="further signatures", kind="xml"))
    return tuple(findings), shown


def _follow(signature: XmlSignature, ids: Ids, budget: Budget) -> Followed:
    """Follow all references of SignedInfo, and those of every manifest among them. Raises SignatureRefused."""
    found = Followed()
    for reference in signature.references:
        place = dereference(reference, signature.element, ids, budget)
        problem = reference.problem_of(place.octets)
        if problem is not None:
            found.problems.append(problem)
        found.references.append((reference, place.element))
        if is_over_signed_properties(reference):
            continue
        if any(above is signature.element for above in place.element.iterancestors()) and local_name(place.element) in (
            "KeyInfo",
            "SignatureProperties",
        ):
            continue
        if reference.type == MANIFEST or place.element.tag == dsig("Manifest"):
            _follow_manifest(place.element, signature, ids, budget, found)
            continue
        found.targets.append(place.element)
        found.octets.append(place.octets)
        found.whole_document |= place.whole_document
    if not found.targets and not found.problems:
        found.problems.append(failed("XML_REFERENCE_MISSING", "the signature is over none of the content"))
    return found


def _follow_manifest(
    manifest: etree._Element, signature: XmlSignature, ids: Ids, budget: Budget, found: Followed
) -> None:
    """
    Check the entries of a manifest: XML Signature leaves that to the application (5.1), and nobody else does it here.

    An entry that is missing or lies outside the file leaves the answer open; one that is there and differs is a change.
    """
    entries = children(manifest)
    if len(entries) > MAX_REFERENCES:
        raise SignatureRefused(undecided("XML_TOO_COSTLY", f"{len(entries)} manifest entries", None))
    for element in entries:
        if element.tag != dsig("Reference"):
            raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "a manifest with foreign elements"))
        reference = read_reference(element)
        try:
            place = dereference(reference, signature.element, ids, budget)
        except SignatureRefused as cause:
            if cause.problem.reason.code not in ("XML_REFERENCE_OUTSIDE", "XML_REFERENCE_MISSING"):
                raise
            found.problems.append(undecided("XML_MANIFEST_UNCHECKED", cause.problem.reason.detail, None))
            continue
        problem = reference.problem_of(place.octets)
        if problem is not None:
            found.problems.append(problem)
        found.targets.append(place.element)
        found.octets.append(place.octets)
        found.whole_document |= place.whole_document
