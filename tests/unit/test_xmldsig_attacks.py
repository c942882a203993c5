"""Every way in which a signed XML file or package is attacked or lawfully made, with the answer that must be given."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest

from signatures.formats import edxml, xml
from signatures.question import Document, Question
from signatures.report import Covers, FileReport, Verdict
from tests.assets.make_xml import ATTACKS, LAWFUL, MAX_ASSET, MOVED, over_element, package, signed, signed_package
from tests.makers_ooxml import LATER, a_signer, codes, packed, word_parts, xml_integrity
from tests.makers_ooxml import signed as signed_office

FOLDER = Path(__file__).parents[1] / "assets" / "xml"
NOT_PASSED = {Verdict.FAILED, Verdict.INDETERMINATE, Verdict.UNSUPPORTED}


def judged(data: bytes, name: str = "goi.xml") -> FileReport:
    """Judge as `signatures.verify` does: packages by their own inspector."""
    document = Document(name, data)
    question = Question(at=LATER, integrity_only=True)
    return edxml.inspect(document, question) if edxml.recognises(document) else xml.inspect(document, question)


def asset(folder: str, name: str) -> bytes:
    """Return the asset; one too large to keep is made here."""
    file = FOLDER / folder / f"{name}.xml"
    return file.read_bytes() if file.exists() else (ATTACKS if folder == "attacks" else LAWFUL)[name][0]().encode()


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_attack_on_xml_passes(name: str) -> None:
    """The asset named after its defect gets the answer its class requires, and never `passed` or `unsigned`."""
    required = ATTACKS[name][1]
    report = judged(asset("attacks", name))
    assert report.verdict in (NOT_PASSED if required == "not passed" else {Verdict(required)}), report


@pytest.mark.parametrize("name", sorted(LAWFUL))
def test_lawful_xml_gets_its_due(name: str) -> None:
    """What is sound passes, what is unsigned is called so."""
    assert judged(asset("lawful", name)).verdict is Verdict(LAWFUL[name][1])


def test_every_xml_asset_is_in_the_table() -> None:
    """An asset without an expected answer would be tested by nobody."""
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        kept = {name for name, (maker, _) in table.items() if len(maker()) <= MAX_ASSET}
        assert {file.stem for file in (FOLDER / folder).glob("*.xml")} == kept


def test_the_signed_subtree_is_what_is_shown() -> None:
    """Where not everything is signed, the reader gets exactly the signed octets."""
    moved = xml_integrity(over_element(f"<goi><phieu><diem>99,9</diem></phieu>{MOVED}{{}}</goi>"))
    assert moved.shown == MOVED.replace(' xmlns="urn:phieu" Id="noiDung"', ' xmlns="urn:phieu" Id="noiDung"').encode()
    assert moved.signatures[0].covers is Covers.PARTIAL
    assert b"99,9" not in (moved.shown or b"")


def test_a_whole_document_needs_no_subtree() -> None:
    """An enveloped signature over everything shows the file itself."""
    assert xml_integrity(signed()).shown is None


def test_inclusive_canonicalisation_of_a_deep_element_is_right() -> None:
    """lxml writes spurious xmlns="" from the third level down; the signature over such an element must still hold."""
    deep = f"<goi><a><b>{MOVED}</b></a>{{}}</goi>"
    assert xml_integrity(over_element(deep)).verdict is Verdict.PASSED


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_each_usual_algorithm_is_verified(kind: str, digest: str) -> None:
    """RSA and ECDSA with every digest that signing tools offer."""
    from intake.demo.xml_signing import sign_enveloped

    certificate, key = a_signer(kind=kind)
    text = sign_enveloped("<a>x</a>", key, [certificate], at=LATER, digest=digest)
    report = xml_integrity(text)
    assert report.verdict is Verdict.PASSED
    assert report.signatures[0].signature_algorithm == f"{'rsa' if kind == 'rsa' else 'ecdsa'}-{digest}"
    assert xml_integrity(text.replace(">x<", ">y<")).verdict is Verdict.FAILED


def test_files_in_a_package_are_judged_by_their_own_signatures() -> None:
    """A package without a signature holds a signed document and says so of each."""
    inner = packed(signed_office(word_parts()))
    report = judged(package(attachment=inner).replace("phieu.pdf", "phieu.docx").encode())
    assert report.verdict is Verdict.UNSIGNED
    assert [(one.path, one.verdict) for one in report.contents] == [("phieu.docx", Verdict.PASSED)]


def test_the_zip_around_an_attachment_is_taken_away_once() -> None:
    """The national kit packs each file into a ZIP of one entry, whatever ContentType says; its name is never used."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../x.docx", packed(word_parts()))
    report = judged(package(attachment=out.getvalue()).replace("phieu.pdf", "phieu.docx").encode())
    assert [(one.path, one.format, one.verdict) for one in report.contents] == [
        ("phieu.docx", "ooxml", Verdict.UNSIGNED)
    ]


def test_an_attachment_that_is_not_base64_is_named() -> None:
    """One unreadable file does not hide the others."""
    text = package().replace(base64.b64encode(b"%PDF-1.4 khong co gi").decode(), "***")
    assert "EDXML_ATTACHMENT_UNREADABLE" in codes(judged(text.encode()))


def test_stray_bytes_before_a_package_are_no_hindrance() -> None:
    """A published sample begins with four digits."""
    assert judged(b"1212" + signed_package().encode()).verdict is Verdict.PASSED
