"""The validation report says in the standard's words what the finding says in ours."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from lxml import etree

from config.errors import WrongUse
from signatures.question import Document, Question
from signatures.report import FileReport, Reason, Verdict
from signatures.trust import TrustStore
from signatures.validation_report import NAMESPACE, OWN_NAMESPACE, report_xml
from signatures.verify import inspect
from tests.makers_cms import NOW, detached, office, revocation_list

CONTENT = b"the form"
NAMES = {"v": NAMESPACE, "ds": "http://www.w3.org/2000/09/xmldsig#", "p": OWN_NAMESPACE}
LISTS = (revocation_list(office().root), revocation_list(office().authority))
QUESTION = Question(
    at=NOW,
    at_is_proof=True,
    trust=TrustStore((office().root.certificate,), (office().authority.certificate,), LISTS),
)


def judged(content: bytes = CONTENT) -> FileReport:
    return inspect(Document("form.p7s", detached(office().lan, CONTENT), content, "form"), QUESTION)


def parsed(report: FileReport) -> etree._Element:
    return etree.fromstring(report_xml(report, QUESTION))


def texts(report: FileReport, path: str) -> list[str]:
    return [str(one) for one in parsed(report).xpath(path, namespaces=NAMES)]


def test_a_passed_signature_is_total_passed() -> None:
    """The main indication is the standard's, without a sub-indication."""
    report = judged()
    assert texts(report, "//v:MainIndication/text()") == ["urn:etsi:019102:mainindication:total-passed"]
    assert texts(report, "//v:SubIndication/text()") == []


def test_a_failed_signature_tells_its_sub_indication() -> None:
    """Changed content is a HASH_FAILURE."""
    report = judged(b"another form")
    assert texts(report, "//v:MainIndication/text()") == ["urn:etsi:019102:mainindication:total-failed"]
    assert texts(report, "//v:SubIndication/text()") == ["urn:etsi:019102:subindication:HASH_FAILURE"]


def test_chain_and_lists_stand_whole_in_the_report() -> None:
    """Everything needed to judge again is there, each paper once, and every reference leads to one."""
    root = parsed(judged())
    found = {
        base64.b64decode(str(one)) for one in root.xpath("//v:ValidationObject//v:base64/text()", namespaces=NAMES)
    }
    assert found == {
        office().lan.certificate,
        office().authority.certificate,
        office().root.certificate,
        *LISTS,
    }
    identifiers = root.xpath("//v:ValidationObject/@id", namespaces=NAMES)
    assert len(identifiers) == len(set(identifiers))
    assert set(root.xpath("//@VOReference")) <= set(identifiers)


def test_the_chain_runs_from_signer_to_anchor() -> None:
    """Signing certificate, intermediate and trust anchor are told apart."""
    root = parsed(judged())

    def der_of(local: str) -> bytes:
        reference = root.xpath(f"//v:CertificateChain/v:{local}/@VOReference", namespaces=NAMES)[0]
        text = root.xpath(f"//v:ValidationObject[@id='{reference}']//v:base64/text()", namespaces=NAMES)[0]
        return base64.b64decode(str(text))

    assert der_of("SigningCertificate") == office().lan.certificate
    assert der_of("IntermediateCertificate") == office().authority.certificate
    assert der_of("TrustAnchor") == office().root.certificate


def test_file_times_and_signer_are_told() -> None:
    """Digest of the file, moment of judgement, best signature time with its proof, and the signer's name."""
    report = judged()
    digest = base64.b64encode(hashlib.sha256(detached(office().lan, CONTENT)).digest()).decode()
    assert texts(report, "//v:SignersDocument/v:DigestAlgAndValue/ds:DigestValue/text()") == [digest]
    assert texts(report, "//v:ValidationTime/text()") == ["2019-09-10T03:00:00Z"]
    assert texts(report, "//v:BestSignatureTime/v:POETime/text()") == ["2019-09-10T03:00:00Z"]
    assert texts(report, "//v:BestSignatureTime/v:TypeOfProof/text()") == ["urn:etsi:019102:poetype:provided"]
    assert texts(report, "//v:Signer/text()") == ["Nguyễn Thị Lan"]


def test_every_reason_is_told_with_its_code() -> None:
    """Our codes stand as additional data, whatever characters their details quote."""
    report = judged()
    finding = replace(report.signatures[0], reasons=(Reason("CONTENT_CHANGED", "quoted \x00\x1b <bytes> & co"),))
    found = texts(replace(report, signatures=(finding,)), "//v:ReportData/v:Type/text()")
    assert f"{OWN_NAMESPACE}:CONTENT_CHANGED" in found


def test_what_cannot_be_judged_is_indeterminate() -> None:
    """The standard has no word for unsupported."""
    report = judged()
    finding = replace(report.signatures[0], verdict=Verdict.UNSUPPORTED, sub_indication=None)
    told = texts(replace(report, signatures=(finding,)), "//v:MainIndication/text() | //v:SubIndication/text()")
    assert told == ["urn:etsi:019102:mainindication:indeterminate", "urn:etsi:019102:subindication:GENERIC"]


def test_an_unsigned_file_has_no_report() -> None:
    """There is nothing to report on, and the operator is told so."""
    with pytest.raises(WrongUse):
        report_xml(inspect(Document("note.txt", b"hello"), QUESTION), QUESTION)
