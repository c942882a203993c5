"""The judgement as a signature validation report that other offices' software reads (ETSI TS 119 102-2, XML)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from lxml import etree

from config.errors import WrongUse
from signatures.certificates import CertificateError, fingerprint, parse, same_name
from signatures.question import Question
from signatures.report import FileReport, SignatureFinding, Verdict
from signatures.verify import tool_name

NAMESPACE = "http://uri.etsi.org/19102/v1.2.1#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
# What the standard leaves to others: our tool's name and our reason codes.
OWN_NAMESPACE = "urn:phieu-intake:validation:1"

_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MAIN = {
    Verdict.PASSED: "total-passed",
    Verdict.FAILED: "total-failed",
    Verdict.INDETERMINATE: "indeterminate",
    # The standard has no word for "signed in a way we cannot judge"; it is an indetermination of its own.
    Verdict.UNSUPPORTED: "indeterminate",
}
_OBJECTS = {"certificate": "certificate", "crl": "CRL", "ocsp": "OCSPResponse", "timestamp": "timestamp"}


def report_xml(report: FileReport, question: Question) -> bytes:
    """
    Return the ETSI TS 119 102-2 report on `report` as UTF-8 XML, one SignatureValidationReport for each signature.

    Certificates, lists, answers and time stamps that were kept as evidence stand in it whole, so that the judgement
    can be repeated from the report and the file; reports without evidence name the signer's certificate only. Times
    are UTC. Raises WrongUse for a file without any signature: there is nothing to report on.
    """
    if not report.signatures:
        raise WrongUse("NOTHING_TO_REPORT_ON", path=report.path)
    names = {None: NAMESPACE, "ds": _DSIG, "xades": _XADES, "phieu": OWN_NAMESPACE}
    root = etree.Element(_name("ValidationReport"), nsmap=names)  # type: ignore[arg-type]  # None is the default prefix
    objects = _Objects()
    for number, finding in enumerate(report.signatures, start=1):
        root.append(_signature(finding, number, report, question, objects))
    root.append(objects.element)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _name(local: str, namespace: str = NAMESPACE) -> str:
    return f"{{{namespace}}}{local}"


def _put(parent: etree._Element, local: str, text: str | None = None, namespace: str = NAMESPACE) -> etree._Element:
    element = etree.SubElement(parent, _name(local, namespace))
    if text is not None:
        # Control characters that XML cannot carry would make the report unreadable; details quote hostile files.
        element.text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return element


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class _Objects:
    """The papers used, each once, with the identifier by which the reports refer to it (clause 4.4)."""

    def __init__(self) -> None:
        self.element = etree.Element(_name("SignatureValidationObjects"))
        self._known: set[str] = set()

    def add(self, kind: str, der: bytes, at: datetime) -> str:
        """Take in a paper; return its identifier."""
        identifier = f"vo-{fingerprint(der)}"
        if identifier not in self._known:
            self._known.add(identifier)
            entry = self._entry(identifier, kind)
            representation = _put(entry, "ValidationObjectRepresentation")
            _put(representation, "base64", base64.b64encode(der).decode("ascii"))
            self._poe(entry, at)
        return identifier

    def add_document(self, sha256: str, at: datetime) -> str:
        """Take in the signed file by its digest alone."""
        identifier = f"vo-{sha256}"
        if identifier not in self._known:
            self._known.add(identifier)
            entry = self._entry(identifier, "signedData")
            _digest(_put(entry, "ValidationObjectRepresentation"), sha256)
            self._poe(entry, at)
        return identifier

    def _entry(self, identifier: str, kind: str) -> etree._Element:
        entry = _put(self.element, "ValidationObject")
        entry.set("id", identifier)
        _put(entry, "ObjectType", f"urn:etsi:019102:validationObject:{kind}")
        return entry

    def _poe(self, entry: etree._Element, at: datetime) -> None:
        proof = _put(entry, "POE")
        _put(proof, "POETime", _moment(at))
        _put(proof, "TypeOfProof", "urn:etsi:019102:poetype:validation")


def _digest(parent: etree._Element, sha256: str) -> None:
    holder = _put(parent, "DigestAlgAndValue")
    _put(holder, "DigestMethod", namespace=_DSIG).set("Algorithm", _SHA256)
    _put(holder, "DigestValue", base64.b64encode(bytes.fromhex(sha256)).decode("ascii"), _DSIG)


def _signature(
    finding: SignatureFinding, number: int, report: FileReport, question: Question, objects: _Objects
) -> etree._Element:
    """
    Build one SignatureValidationReport, its parts in the order of clause 4.3.1.

    1. which signature, 2. by which policy, 3. when, 4. over what, 5. the time it claims, 6. by whom, 7. by which
    process, 8. with what result.
    """
    element = etree.Element(_name("SignatureValidationReport"))
    # 1.
    identifier = _put(element, "SignatureIdentifier")
    identifier.set("id", f"signature-{number}")
    _digest(identifier, report.sha256)
    _put(identifier, "HashOnly", "false")
    _put(identifier, "DocHashOnly", "false")
    _put(identifier, "DAIdentifier", finding.name)
    # 2.
    policy = _put(_put(element, "ValidationConstraintsEvaluationReport"), "SignatureValidationPolicy")
    _put(_put(policy, "SignaturePolicyIdentifier"), "SignaturePolicyImplied", namespace=_XADES)
    _put(policy, "PolicyName", question.policy.version + (" (integrity only)" if question.integrity_only else ""))
    # 3.
    times = _put(element, "ValidationTimeInfo")
    _put(times, "ValidationTime", _moment(question.at))
    best = _put(times, "BestSignatureTime")
    _put(best, "POETime", _moment(finding.proven_at or question.at))
    proof = "provided" if finding.proven_by == "receipt" else "validation"
    _put(best, "TypeOfProof", f"urn:etsi:019102:poetype:{proof}")
    # 4.
    document = _put(element, "SignersDocument")
    _digest(document, report.sha256)
    _refer(document, "SignersDocumentRepresentation", objects.add_document(report.sha256, question.at))
    # 5.
    if finding.claimed_at is not None:
        claimed = _put(_put(element, "SignatureAttributes"), "SigningTime")
        claimed.set("Signed", "true")
        _put(claimed, "Time", _moment(finding.claimed_at))
    # 6.
    if finding.signer is not None and finding.signer.certificate:
        person = _put(element, "SignerInformation")
        _refer(person, "SignerCertificate", objects.add("certificate", finding.signer.certificate, question.at))
        _put(person, "Signer", finding.signer.common_name or finding.signer.organization)
    # 7.
    process = _put(element, "SignatureValidationProcess")
    used = "LTVM" if finding.proven_by == "timestamp" else "Basic"
    _put(process, "SignatureValidationProcessID", f"urn:etsi:019102:validationprocess:{used}")
    _put(process, "Tool", tool_name(), OWN_NAMESPACE)
    # 8.
    element.append(_status(finding, question, objects))
    return element


def _refer(parent: etree._Element, local: str, identifier: str) -> None:
    _put(parent, local).set("VOReference", identifier)


def _status(finding: SignatureFinding, question: Question, objects: _Objects) -> etree._Element:
    element = etree.Element(_name("SignatureValidationStatus"))
    _put(element, "MainIndication", f"urn:etsi:019102:mainindication:{_MAIN[finding.verdict]}")
    sub_indication = finding.sub_indication
    if finding.verdict is Verdict.UNSUPPORTED:
        sub_indication = "GENERIC"
    if sub_indication:
        _put(element, "SubIndication", f"urn:etsi:019102:subindication:{sub_indication}")
    data = _put(element, "AssociatedValidationReportData")
    chain = _chain(finding)
    if chain and finding.trusted is not None:
        part = _put(data, "CertificateChain")
        anchored = finding.trusted and len(chain) > 1
        _refer(part, "SigningCertificate", objects.add("certificate", chain[0], question.at))
        for der in chain[1 : -1 if anchored else None]:
            _refer(part, "IntermediateCertificate", objects.add("certificate", der, question.at))
        if anchored:
            _refer(part, "TrustAnchor", objects.add("certificate", chain[-1], question.at))
    for kind, der in finding.evidence:
        if kind in _OBJECTS:
            _refer(data, "RelatedValidationObject", objects.add(_OBJECTS[kind], der, question.at))
    details = _put(data, "AdditionalValidationReportData")
    facts = [("intact", str(finding.intact)), ("covers", finding.covers.value)]
    facts += [("changed_after", finding.changed_after.value), ("revocation", finding.revocation.value)]
    facts += [(reason.code, reason.detail) for reason in finding.reasons]
    for code, detail in facts:
        entry = _put(details, "ReportData")
        _put(entry, "Type", f"{OWN_NAMESPACE}:{code}")
        _put(entry, "Value", detail)
    return element


def _chain(finding: SignatureFinding) -> list[bytes]:
    """Return the signer's certificate and those above it, as far as the evidence goes."""
    if finding.signer is None or not finding.signer.certificate:
        return []
    chain = [finding.signer.certificate]
    papers = [der for kind, der in finding.evidence if kind == "certificate"]
    try:
        while True:
            last = parse(chain[-1])
            above = [der for der in papers if der not in chain and same_name(parse(der).subject, last.issuer)]
            if last.self_issued or not above:
                return chain
            chain.append(above[0])
    except CertificateError:
        return chain
