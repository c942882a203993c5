"""Bytes changed at random: no inspector stumbles, and what still passes is what was signed."""

from __future__ import annotations

import io
import zipfile
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from intake.demo.ooxml_signing import read_package
from signatures.formats import edxml, ooxml, xml
from signatures.formats.ooxml_package import Package
from signatures.formats.ooxml_zip import PackageRefused
from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from tests.assets.make_xml import MOVED, enveloping, over_element, package, signed, signed_package
from tests.makers_ooxml import LATER, packed, slide_parts, word_parts
from tests.makers_ooxml import signed as signed_office

QUESTION = Question(at=LATER, integrity_only=True)
BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def office_files() -> tuple[bytes, ...]:
    """Signed files to be spoiled."""
    return (
        packed(signed_office(word_parts())),
        packed(signed_office(signed_office(slide_parts()), by="Giám đốc", kind="ec")),
        packed(word_parts()),
    )


@cache
def xml_files() -> tuple[bytes, ...]:
    """Signed XML to be spoiled."""
    made = (signed(), enveloping(), over_element(f"<goi>{MOVED}{{}}</goi>"), signed_package(), package())
    return tuple(one.encode() for one in made)


def spoiled(data: st.DataObject, source: bytes) -> bytes:
    """Some bytes changed, a piece cut out or doubled."""
    octets = bytearray(source)
    for _ in range(data.draw(st.integers(0, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(octets) - 1))
        length = data.draw(st.integers(0, 200))
        piece = bytes(octets[start : start + length]) * data.draw(st.sampled_from([0, 2]))
        octets[start : start + length] = piece
    return bytes(octets)


def parts_that_show(octets: bytes) -> dict[str, bytes]:
    """What a lenient reader finds in an Office file, apart from properties and signatures."""
    skipped = ("docProps/", "_xmlsignatures/", "[Content_Types].xml", "_rels/")
    return {name: part for name, part in read_package(octets).items() if not name.startswith(skipped)}


@BOUNDED
@given(st.data())
def test_a_spoiled_office_file_passes_only_with_all_it_showed(data: st.DataObject) -> None:
    """Whatever bytes are changed: no exception, and a passed file still shows what was signed."""
    source = data.draw(st.sampled_from(office_files()))
    octets = spoiled(data, source)
    report = ooxml.inspect(Document("phieu", octets), QUESTION)
    assert isinstance(report, FileReport)
    if report.verdict is Verdict.PASSED:
        assert parts_that_show(octets) == parts_that_show(source)


@BOUNDED
@given(st.data())
def test_a_spoiled_part_of_an_office_file_never_passes(data: st.DataObject) -> None:
    """The archive is sound, one part that shows something is not what was signed."""
    source = read_package(office_files()[data.draw(st.integers(0, 1))])
    name = data.draw(st.sampled_from(sorted(parts_that_show(packed(source)))))
    changed = spoiled(data, source[name])
    report = ooxml.inspect(Document("phieu", packed({**source, name: changed})), QUESTION)
    if changed != source[name] and name.endswith(".rels"):
        # Other spellings of the same relationships are the same signed relationships.
        assert report.verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.INDETERMINATE)
    elif changed != source[name]:
        assert report.verdict is Verdict.FAILED


@BOUNDED
@given(st.data())
def test_spoiled_xml_passes_only_with_the_same_meaning(data: st.DataObject) -> None:
    """Whatever bytes are changed: no exception, and a passed file has the same canonical text without its signature."""
    source = data.draw(st.sampled_from(xml_files()))
    octets = spoiled(data, source)
    for inspector in (xml, edxml):
        report = inspector.inspect(Document("goi", octets), QUESTION)
        if report.verdict is Verdict.PASSED:
            assert _meaning(octets) == _meaning(source)


def _meaning(octets: bytes) -> bytes:
    """Canonical octets, the signature's own unsigned parts taken away."""
    root = etree.fromstring(octets[max(octets.find(b"<"), 0) :])
    for name in ("KeyInfo", "SignatureValue"):
        for one in list(root.iter(f"{{http://www.w3.org/2000/09/xmldsig#}}{name}")):
            parent = one.getparent()
            if parent is not None:
                parent.remove(one)
    for one in root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature"):
        # White space between the parts of a signature, and its own attributes, are signed by nobody and say nothing.
        one.text = None
        one.attrib.clear()
        for child in one:
            child.tail = None
    return etree.tostring(root, method="c14n", with_comments=False)


@BOUNDED
@given(st.binary(max_size=400))
def test_rubbish_is_no_package(rubbish: bytes) -> None:
    """Any bytes behind an archive's mark are refused, not stumbled over."""
    try:
        Package(b"PK\x03\x04" + rubbish)
    except PackageRefused:
        return
    raise AssertionError("rubbish was taken for a package")


@BOUNDED
@given(st.binary(max_size=300))
def test_rubbish_is_no_signature(rubbish: bytes) -> None:
    """Any bytes in the signature part, and any bytes as an XML file, give a finding."""
    parts = {**read_package(office_files()[0]), "_xmlsignatures/sig1.xml": rubbish}
    assert ooxml.inspect(Document("phieu", packed(parts)), QUESTION).verdict is Verdict.FAILED
    assert xml.inspect(Document("goi", b"<?xml version='1.0'?>" + rubbish), QUESTION).verdict is not Verdict.PASSED


def test_the_stock_reader_agrees_on_what_lies_in_a_package() -> None:
    """Our own reading of an archive finds what the standard library finds."""
    for octets in office_files():
        ours = Package(octets)
        with zipfile.ZipFile(io.BytesIO(octets)) as theirs:
            names = {f"/{name}" for name in theirs.namelist()} - {"/[Content_Types].xml"}
            assert set(ours.names) == names
            assert all(ours.read(name) == theirs.read(name[1:]) for name in names)
