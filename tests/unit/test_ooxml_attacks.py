"""Every way in which a signed Office file is attacked, broken or lawfully left, with the answer that must be given."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from signatures.formats import ooxml
from signatures.formats.ooxml_cover import SIGNATURE_TYPE
from signatures.question import Document, Question
from signatures.report import ChangedAfter, Covers, Verdict
from tests.assets.make_ooxml import ATTACKS, LAWFUL, RELS
from tests.makers_ooxml import (
    LATER,
    NOW,
    PACKAGE_RELS,
    SHEET_TYPE,
    codes,
    integrity,
    packed,
    replaced,
    sheet_parts,
    signed,
    slide_parts,
    time_stamp,
    with_custom_xml,
    with_relationship,
    with_type,
    word_parts,
)

FOLDER = Path(__file__).parents[1] / "assets" / "ooxml"


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_attack_on_an_office_file_passes(name: str) -> None:
    """The asset named after its defect gets the answer its class requires, and never `passed` or `unsigned`."""
    report = integrity((FOLDER / "attacks" / f"{name}.docx").read_bytes(), name)
    assert report.verdict is Verdict(ATTACKS[name][1]), report
    assert all(one.intact is not True for one in report.signatures if one.verdict is report.verdict)


@pytest.mark.parametrize("name", sorted(LAWFUL))
def test_lawful_office_files_get_their_due(name: str) -> None:
    """What Office itself does to a file is no reason for an alarm."""
    report = integrity((FOLDER / "lawful" / f"{name}.docx").read_bytes(), name)
    assert report.verdict is Verdict(LAWFUL[name][1]), report


def test_every_office_asset_is_in_the_table() -> None:
    """An asset without an expected answer would be tested by nobody."""
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        assert {file.stem for file in (FOLDER / folder).glob("*.docx")} == set(table)


def test_a_sound_signature_is_told_in_full() -> None:
    """Level, cover, claimed time, algorithms and signer of an ordinary signed document."""
    finding = integrity(packed(signed(word_parts()))).signatures[0]
    assert (finding.level, finding.covers, finding.changed_after) == ("B-B", Covers.WHOLE, ChangedAfter.NOTHING)
    assert (finding.claimed_at, finding.digest_algorithm, finding.signature_algorithm) == (NOW, "sha256", "rsa-sha256")
    assert finding.signer is not None
    assert finding.signer.common_name == "Sở Nội vụ"
    assert finding.intact is True


def test_a_good_time_stamp_proves_the_time_and_raises_the_level() -> None:
    """The stamp is over the signature value; what it proves is told with its witness."""
    finding = integrity(packed(signed(word_parts(), stamp=time_stamp))).signatures[0]
    assert (finding.level, finding.proven_at, finding.proven_by) == ("B-T", NOW, "timestamp")


def test_a_stamp_over_something_else_proves_nothing_and_costs_nothing_more() -> None:
    """A bad time stamp costs only its proof (contract section 3)."""
    data = packed(signed(word_parts(), stamp=lambda octets: time_stamp(octets, of=b"x")))
    finding = integrity(data).signatures[0]
    assert (finding.verdict, finding.proven_by, finding.level) == (Verdict.PASSED, None, "B-B")


def test_each_of_two_signers_is_judged() -> None:
    """A later signature does not disturb an earlier one, and a broken one does not hide behind a good one."""
    both = signed(signed(word_parts()), by="Giám đốc")
    assert {one.signer.common_name for one in integrity(packed(both)).signatures if one.signer} == {
        "Sở Nội vụ",
        "Giám đốc",
    }
    broken = replaced(both, "_xmlsignatures/sig1.xml", b"<SignatureValue>", b"<SignatureValue>AAAA")
    assert {one.verdict for one in integrity(packed(broken)).signatures} == {Verdict.PASSED, Verdict.FAILED}


def test_a_renamed_file_is_not_taken_for_what_its_name_says() -> None:
    """A presentation named .docx is signed, but not what the reader thinks."""
    report = integrity(packed(signed(slide_parts())), "phieu.docx")
    assert report.verdict is Verdict.INDETERMINATE
    assert "NOT_FULLY_SIGNED" in codes(report)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("<w:r><w:instrText> CITATION Ng19 </w:instrText></w:r>", id="a citation field"),
        pytest.param('<w:fldSimple w:instr=" BIBLIOGRAPHY "/>', id="a bibliography"),
        pytest.param("<w:sdt><w:sdtPr><w:citation/></w:sdtPr></w:sdt>", id="a citation control"),
    ],
)
def test_unsigned_sources_are_not_tolerated_where_the_text_cites_them(field: str) -> None:
    """Custom XML that holds the sources shows in a document that cites them."""
    parts = with_custom_xml(word_parts(body=f"<w:p>{field}</w:p>"))
    report = integrity(packed(signed(parts, leave_out=("/customXml/item1.xml",))))
    assert report.verdict is Verdict.INDETERMINATE
    assert "NOT_FULLY_SIGNED" in codes(report)


def test_text_in_an_encoding_that_cannot_be_searched_counts_as_bound() -> None:
    """In UTF-16 a binding cannot be looked for as bytes, so unsigned data beside it is not tolerated."""
    parts = with_custom_xml(word_parts())
    document = parts["word/document.xml"].decode()
    parts["word/document.xml"] = f'<?xml version="1.0" encoding="UTF-16"?>{document}'.encode("utf-16")
    report = integrity(packed(signed(parts, leave_out=("/customXml/item1.xml",))))
    assert report.verdict is Verdict.INDETERMINATE


def test_an_unsigned_external_relationship_is_told_with_its_kind() -> None:
    """The clerk reads what was added."""
    data = packed(with_relationship(signed(word_parts()), RELS, "attachedTemplate", "http://evil.example/", "External"))
    reasons = integrity(data).signatures[0].reasons
    assert any("attachedTemplate" in one.detail for one in reasons if one.code == "NOT_FULLY_SIGNED")


def test_without_trust_nothing_passes() -> None:
    """A sound signature of a certificate that nobody vouches for is at best indeterminate."""
    report = ooxml.inspect(Document("phieu.docx", packed(signed(word_parts()))), Question(at=LATER))
    assert report.verdict is Verdict.INDETERMINATE
    assert report.signatures[0].intact is True


@pytest.mark.parametrize(
    ("hours", "code"), [(7, "LOCAL_TIME_FAULT"), (30, "CLAIMED_TIME_AFTER_PROOF")], ids=["local time as UTC", "a day"]
)
def test_a_claimed_time_after_the_proof_is_told(hours: int, code: str) -> None:
    """Common tools write local time as UTC; that is reported as the known fault, more as what it is."""
    data = packed(signed(word_parts(), at=LATER + timedelta(hours=hours)))
    question = Question(at=LATER, at_is_proof=True, integrity_only=True)
    report = ooxml.inspect(Document("phieu.docx", data), question)
    assert report.verdict is Verdict.PASSED
    assert code in codes(report)


def test_sha1_is_for_a_person_unless_only_integrity_is_asked() -> None:
    """The digest alone never fails a signature, and never passes it unseen."""
    data = packed(signed(word_parts(), digest="sha1"))
    judged = ooxml.inspect(Document("phieu.docx", data), Question(at=LATER))
    assert "WEAK_DIGEST" in codes(judged)
    assert integrity(data).verdict is Verdict.PASSED


def test_an_archive_that_holds_an_office_file_is_no_office_file() -> None:
    """Stored without compression, the inner file's names stand among the archive's bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("phieu.docx", packed(signed(word_parts())))
    assert not ooxml.recognises(Document("phieu.zip", out.getvalue()))
    assert ooxml.recognises(Document("phieu.docx", packed(word_parts())))
    assert ooxml.recognises(Document("phieu.docx", packed(word_parts())[:-30]))


def test_more_signatures_than_anybody_makes_are_not_all_judged() -> None:
    """Sixty copies of one signature cost what fifty cost, and nothing passes unjudged."""
    parts = signed(word_parts())
    rels = "_xmlsignatures/_rels/origin.sigs.rels"
    line = '<Relationship Id="rIdX{0}" Type="{1}/digital-signature/signature" Target="sig{0}.xml"/>'
    more = "".join(line.format(number, PACKAGE_RELS) for number in range(2, 61))
    for number in range(2, 61):
        parts = with_type(parts, f"/_xmlsignatures/sig{number}.xml", SIGNATURE_TYPE)
        parts[f"_xmlsignatures/sig{number}.xml"] = parts["_xmlsignatures/sig1.xml"]
    parts = replaced(parts, rels, b"</Relationships>", more.encode() + b"</Relationships>")
    report = integrity(packed(parts))
    assert report.verdict is Verdict.INDETERMINATE
    assert len(report.signatures) == 51
    assert "XML_TOO_COSTLY" in codes(report, 50)


@pytest.mark.parametrize("bit", [0x20, 0x40, 0x2000], ids=["patched", "strongly encrypted", "masked"])
@pytest.mark.parametrize("where", ["directory", "local", "both"])
def test_an_entry_that_says_it_is_not_plainly_packed_is_refused(bit: int, where: str) -> None:
    """Even of a part that nothing signs: one program opens the file, the next calls it damaged."""
    octets = bytearray(packed(signed(word_parts())))
    name = b"docProps/core.xml"
    assert octets.count(name) >= 2
    places = {"local": octets.find(name) - 30 + 6, "directory": octets.rfind(name) - 46 + 8}
    for place in places.values() if where == "both" else [places[where]]:
        octets[place] |= bit & 0xFF
        octets[place + 1] |= bit >> 8

    assert integrity(bytes(octets)).verdict not in (Verdict.PASSED, Verdict.UNSIGNED)


def test_an_entry_that_needs_a_reader_of_the_future_is_refused() -> None:
    """Who is strict calls the file damaged, who is not reads on."""
    octets = bytearray(packed(signed(word_parts())))
    octets[octets.rfind(b"docProps/core.xml") - 46 + 6] = 188

    assert integrity(bytes(octets)).verdict not in (Verdict.PASSED, Verdict.UNSIGNED)


def test_a_list_of_types_in_other_letters_is_for_a_person() -> None:
    """Word opens such a file, others find no list of types in it."""
    parts = signed(word_parts())
    parts = {name.replace("Types", "types"): octets for name, octets in parts.items()}
    assert integrity(packed(parts)).verdict is Verdict.INDETERMINATE


def test_an_entry_whose_own_header_needs_a_reader_of_the_future_is_refused() -> None:
    """The same where only the header before the bytes says so, which programs that read from the front believe."""
    octets = bytearray(packed(signed(word_parts())))
    octets[octets.find(b"docProps/core.xml") - 30 + 4] = 188

    assert integrity(bytes(octets)).verdict not in (Verdict.PASSED, Verdict.UNSIGNED)


def test_a_list_longer_than_any_real_one_is_refused() -> None:
    """A relationship part of megabytes is made to cost us time, not to relate anything."""
    parts = signed(word_parts())
    parts[RELS] = parts[RELS] + b"<!--" + b" " * (5 * 1024 * 1024) + b"-->"
    report = integrity(packed(parts))
    assert report.verdict is Verdict.FAILED
    assert codes(report) & {"XML_TOO_LARGE", "OOXML_TOO_LARGE"}


def test_a_text_that_fetches_words_from_another_file_is_told() -> None:
    """The path stands in the text and in no relationship; what it leads to, nobody signed."""
    report = integrity((FOLDER / "lawful" / "signed-field-over-another-file.docx").read_bytes())
    assert any("INCLUDETEXT" in one.detail for one in report.signatures[0].reasons)


@pytest.mark.parametrize(
    ("kind", "octets"), [("externalLink", b"<x:externalLink><x:ddeLink/></x:externalLink>"), ("connections", b"<c/>")]
)
def test_a_workbook_that_is_filled_from_elsewhere_is_told(kind: str, octets: bytes) -> None:
    """Other programs and databases fill its cells when it is opened, and no relationship names them."""
    parts = with_relationship(sheet_parts(), "xl/_rels/workbook.xml.rels", kind, f"{kind}.xml")
    parts = with_type({**parts, f"xl/{kind}.xml": octets}, f"/xl/{kind}.xml", f"{SHEET_TYPE}{kind}+xml")
    report = integrity(packed(signed(parts)), "phieu.xlsx")
    assert report.verdict is Verdict.PASSED
    assert "OOXML_EXTERNAL_CONTENT" in codes(report)


VBA = "http://schemas.microsoft.com/office/2006/relationships/"


def with_macros(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The parts with macros, and with the signature that the macro editor puts over those alone."""
    found = with_relationship(parts, RELS, f"{VBA}vbaProject", "vbaProject.bin")
    found["word/vbaProject.bin"] = b"m"
    found["word/_rels/vbaProject.bin.rels"] = (
        f'<Relationships xmlns="{PACKAGE_RELS}"><Relationship Id="rId1" Type="{VBA}vbaProjectSignature" '
        'Target="vbaProjectSignature.bin"/></Relationships>'
    ).encode()
    found["word/vbaProjectSignature.bin"] = b"s"
    found = with_type(found, "/word/vbaProject.bin", "application/vnd.ms-office.vbaProject")
    return with_type(found, "/word/vbaProjectSignature.bin", "application/vnd.ms-office.vbaProjectSignature")


def with_object(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The parts with an embedded object."""
    found = with_relationship(parts, RELS, "oleObject", "embeddings/oleObject1.bin")
    kind = "application/vnd.openxmlformats-officedocument.oleObject"
    return with_type({**found, "word/embeddings/oleObject1.bin": b"o"}, "/word/embeddings/oleObject1.bin", kind)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        pytest.param(with_macros(word_parts()), "OOXML_MACROS", id="macros"),
        pytest.param(with_macros(word_parts()), "OOXML_MACRO_SIGNATURE", id="their signature"),
        pytest.param(with_object(word_parts()), "OOXML_EMBEDDED_OBJECT", id="an object"),
        pytest.param(
            with_relationship(word_parts(), RELS, "image", "http://khac.example/a.png", "External"),
            "OOXML_EXTERNAL_CONTENT",
            id="a picture from elsewhere",
        ),
    ],
)
def test_what_a_clerk_should_know_is_told_and_does_not_decide(parts: dict[str, bytes], code: str) -> None:
    """Macros, objects and links that were signed with the document are reported."""
    report = integrity(packed(signed(parts)))
    assert report.verdict is Verdict.PASSED
    assert code in codes(report)


def test_a_signature_over_macros_is_none_over_the_document() -> None:
    """Only the macros are signed: the document is unsigned, and the macros' signature is named."""
    report = integrity(packed(with_macros(word_parts())))
    assert report.verdict is Verdict.UNSIGNED
    assert "OOXML_MACRO_SIGNATURE" in codes(report)
