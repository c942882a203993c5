"""XML files with signatures inside: what each signature is over, and whether that is what a reader reads."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace

from lxml import etree

from signatures.question import Document, Question
from signatures.report import Covers, FileReport, SignatureFinding, Verdict, verdict_of_signatures
from signatures.safe_xml import C14N_EXCLUSIVE, XmlRefused, children, local_name, parse_xml, text_of
from signatures.xades import is_over_signed_properties
from signatures.xml_judgement import Placed, judge_xml_signature, refused_finding
from signatures.xmldsig import (
    DSIG,
    MANIFEST,
    MAX_REFERENCES,
    Budget,
    Ids,
    Problem,
    SignatureRefused,
    XmlReference,
    XmlSignature,
    dereference,
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

# What XML Signature 1.1 lets stand in KeyInfo and Objects; anything else under its name is somebody's invention.
_DSIG_NAMES = frozenset(
    [
        "KeyInfo",
        "KeyName",
        "KeyValue",
        "RSAKeyValue",
        "Modulus",
        "Exponent",
        "DSAKeyValue",
        "P",
        "Q",
        "G",
        "Y",
        "J",
        "Seed",
        "PgenCounter",
        "RetrievalMethod",
        "Transforms",
        "Transform",
        "XPath",
        "X509Data",
        "X509IssuerSerial",
        "X509IssuerName",
        "X509SerialNumber",
        "X509SKI",
        "X509SubjectName",
        "X509Certificate",
        "X509CRL",
        "PGPData",
        "PGPKeyID",
        "PGPKeyPacket",
        "SPKIData",
        "SPKISexp",
        "MgmtData",
        "Object",
        "Manifest",
        "Reference",
        "DigestMethod",
        "DigestValue",
        "SignatureProperties",
        "SignatureProperty",
        "Signature",
        "SignedInfo",
        "CanonicalizationMethod",
        "SignatureMethod",
        "SignatureValue",
    ]
)
_OWN_NAMESPACES = (
    "http://uri.etsi.org/01903/",
    "http://uri.etsi.org/19132/",
    "http://www.w3.org/2009/xmldsig11#",
    "http://www.w3.org/2001/04/xmldsig-more#",
    "http://www.w3.org/2007/05/xmldsig-more#",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://docs.oasis-open.org/wss/",
)

_SCHEMA_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"


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
        sha256=hashlib.sha256(document.data).hexdigest(),
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
        covers = _covers(root, signature, followed, signatures)
        if covers is Covers.WHOLE and (_holds_loose_words(signature, followed) or _borrows_a_prefix(followed)):
            covers = Covers.PARTIAL
        problems = list(followed.problems)
        if covers is Covers.PARTIAL:
            problems.append(undecided("XML_PARTLY_SIGNED", "there is more to read than what is signed"))
        problems += _split_texts(followed.targets)
        placed = Placed(tuple(followed.references), tuple(problems), covers=covers)
        finding = judge_xml_signature(signature, placed, question, name=name, kind="xml")
        findings.append(finding)
        if shown is None and finding.intact is not False and not followed.whole_document and followed.octets:
            shown = followed.octets[0]
    if len(signatures) > MAX_SIGNATURES:
        problem = undecided("XML_TOO_COSTLY", f"{len(signatures)} signatures, at most {MAX_SIGNATURES}", None)
        findings.append(refused_finding(problem, name="further signatures", kind="xml"))
    return tuple(findings), shown


@dataclass(slots=True)
class _Followed:
    """What the references of one signature led to."""

    references: list[tuple[XmlReference, etree._Element | None]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    targets: list[etree._Element] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)
    whole_document: bool = False


def _follow(signature: XmlSignature, ids: Ids, budget: Budget) -> _Followed:
    """Follow all references of SignedInfo, and those of every manifest among them. Raises SignatureRefused."""
    found = _Followed()
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
    manifest: etree._Element, signature: XmlSignature, ids: Ids, budget: Budget, found: _Followed
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


def _covers(
    root: etree._Element, signature: XmlSignature, followed: _Followed, signatures: list[etree._Element]
) -> Covers:
    """
    Say whether a reader finds anything beside the signed elements.

    1. The whole document, or its root element. 2. An enveloping signature all of whose Objects are signed. 3. Elements
    beside which there are only signatures, and wrapping elements without text or attributes of their own.
    """
    # 1.
    targets = followed.targets
    if followed.whole_document:
        return Covers.WHOLE
    # An instruction beside the root, such as a style sheet, may change what a reader shows of it.
    if any(isinstance(one, etree._ProcessingInstruction) for one in _beside(root)):
        return Covers.PARTIAL
    if any(one is root for one in targets):
        return Covers.WHOLE
    # 2. and 3.
    signed, others = set(targets), set(signatures)
    wrapping = {above for target in targets for above in target.iterancestors()}
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element in signed:
            continue
        if element in others:
            # What other signatures hold is judged with them. An own Object that is not signed may be taken for it.
            if element is signature.element and not all(
                _is_covered(one, signed, wrapping) for one in signature.objects
            ):
                return Covers.PARTIAL
            continue
        if element not in wrapping or _says_something(element):
            return Covers.PARTIAL
        waiting += children(element)
    return Covers.WHOLE


def _split_texts(targets: list[etree._Element]) -> list[Problem]:
    """
    Report a comment in the middle of a signed text.

    Comments are not signed, so anybody can put one in, and some readers take a text to end there: "95<!-- -->,2".
    """
    for target in targets:
        for comment in target.iter(etree.Comment):
            before = comment.getprevious()
            parent = comment.getparent()
            text = before.tail if before is not None else parent.text if parent is not None else None
            if (text or "").strip() and (comment.tail or "").strip():
                return [undecided("XML_TEXT_SPLIT", (text or "").strip()[-40:])]
    return []


def _beside(root: etree._Element) -> list[etree._Element]:
    """Return the comments and instructions before and after the root element."""
    return [*root.itersiblings(preceding=True), *root.itersiblings()]


def _holds_loose_words(signature: XmlSignature, followed: _Followed) -> bool:
    """
    Whether the signature itself hides something to be read: an element or text that belongs to no signature.

    The enveloped-signature transform takes the whole ds:Signature away, so what is put into its Objects, KeyInfo or
    unsigned properties is signed by nobody, and a reader that looks for an element by name finds it there. Only
    elements of XML Signature and XAdES may stand unsigned.
    """
    signed = {id(place) for _, place in followed.references if place is not None} | {
        id(one) for one in followed.targets
    }
    if any((part.tail or "").strip() for part in signature.element) or (signature.element.text or "").strip():
        return True
    waiting = [part for part in children(signature.element) if part.tag in (dsig("KeyInfo"), dsig("Object"))]
    while waiting:
        element = waiting.pop()
        if id(element) in signed:
            continue
        name = etree.QName(element)
        namespace = name.namespace or ""
        if namespace == DSIG:
            if name.localname not in _DSIG_NAMES:
                return True
        elif not namespace.startswith(_OWN_NAMESPACES):
            return True
        inside = children(element)
        if (inside or element.tag == dsig("Object")) and text_of(element).strip():
            return True
        waiting += inside
    return False


def _borrows_a_prefix(followed: _Followed) -> bool:
    """
    Whether a signed value means something by a prefix that is bound outside what is signed.

    Exclusive canonicalisation leaves such a binding out (Exclusive XML Canonicalization 1.0, 1.1), so that
    `xsi:type="w:number"` says whatever an attacker binds `w` to.
    """
    for reference, place in followed.references:
        above = None if place is None else place.getparent()
        last = reference.transforms[-1] if reference.transforms else None
        if place is None or above is None or last is None or not last.algorithm.startswith(C14N_EXCLUSIVE):
            continue
        for prefix, namespace in above.nsmap.items():
            if prefix is None or prefix in last.prefixes or place.nsmap.get(prefix) != namespace:
                continue
            mark = re.compile(rf"(?:^|[\s('\"]){re.escape(prefix)}:[^\W\d]")
            for one in place.iter(etree.Element):
                if any(mark.search(str(value)) for value in one.attrib.values()) or mark.match(text_of(one)):
                    return True
    return False


def _is_covered(element: etree._Element, signed: set[etree._Element], wrapping: set[etree._Element]) -> bool:
    """Whether all that an Object holds is signed, or only properties of the signature itself."""
    if element in signed:
        return True
    own = ("QualifyingProperties", "SignatureProperties", "Manifest")
    return not (element.text or "").strip() and all(
        local_name(one) in own or one in signed or one in wrapping for one in children(element)
    )


def _says_something(element: etree._Element) -> bool:
    if any(not str(name).startswith(_SCHEMA_HINTS) for name in element.attrib):
        return True
    if any(isinstance(child, etree._ProcessingInstruction) for child in element):
        return True
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)
