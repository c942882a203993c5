"""Signed Office files changed mechanically, one thing at a time: none passes that shows other than what was signed."""

from __future__ import annotations

import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO

import pytest
from lxml import etree

from intake.demo.ooxml_signing import read_package
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.verify import inspect
from tests.assets.make_ooxml import with_signature_line
from tests.makers_ooxml import (
    LATER,
    OFFICE_RELS,
    Parts,
    packed,
    sheet_parts,
    signed,
    slide_parts,
    with_custom_xml,
    word_parts,
)

QUESTION = Question(at=LATER, integrity_only=True)
SEED = 20190915
# What nobody signs: properties, the list of types (each type is signed with its part), and the signature's own folder.
UNSIGNED = ("docProps/", "[Content_Types].xml", "_xmlsignatures/")
TYPES = "[Content_Types].xml"
FLIPS_A_PART = 12
NEW_KINDS = ("header", "image", "attachedTemplate", "officeDocument", "customXml", "aFChunk", "glossaryDocument")
Mutants = Iterator[tuple[str, bytes]]


@cache
def sources() -> dict[str, tuple[str, Parts]]:
    """Signed files of all three kinds, with their names."""
    return {
        "word": ("phieu.docx", signed(word_parts())),
        "word, twice": ("phieu.docx", signed(signed(word_parts()), by="Giám đốc")),
        "word, without properties": ("phieu.docx", signed(word_parts(), xades=False)),
        "word, signature line": ("phieu.docx", read_package(with_signature_line())),
        "sheet, custom XML": ("phieu.xlsx", signed(with_custom_xml(sheet_parts(), rels="xl/_rels/workbook.xml.rels"))),
        "slides, elliptic": ("phieu.pptx", signed(slide_parts(), kind="ec")),
    }


def verdict(name: str, data: bytes) -> Verdict:
    report = inspect(Document(name, data), QUESTION)
    assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}
    return report.verdict


def bytes_flipped(parts: Parts, chance: random.Random) -> Mutants:
    """One bit of a part that is signed as it stands."""
    for name, octets in parts.items():
        if name.startswith(UNSIGNED) or name.endswith(".rels") or not octets:
            continue
        for _ in range(FLIPS_A_PART):
            place, bit = chance.randrange(len(octets)), 1 << chance.randrange(8)
            changed = bytearray(octets)
            changed[place] ^= bit
            yield f"{name} bit {bit} of {place}", packed({**parts, name: bytes(changed)})


def signature_flipped(parts: Parts, chance: random.Random) -> Mutants:
    """One character inside SignedInfo, or of the value, replaced by another letter."""
    for name in (one for one in parts if one.startswith("_xmlsignatures/sig")):
        text = parts[name]
        begin, end = text.index(b"<SignedInfo"), text.index(b"</SignatureValue>")
        for _ in range(4 * FLIPS_A_PART):
            place = chance.randrange(begin + 1, end)
            # Base64 may end in bits that mean nothing, and equal signs; a letter before them always means something.
            if text[place : place + 1] in b"=" or text[place + 1 : place + 2] in (b"=", b"<") or place in (begin, end):
                continue
            other = b"A" if text[place : place + 1] != b"A" else b"B"
            yield f"{name} at {place}", packed({**parts, name: text[:place] + other + text[place + 1 :]})


def parts_exchanged(parts: Parts, _chance: random.Random) -> Mutants:
    """Two signed parts change places; one is left out; one is emptied."""
    names = [name for name in parts if not name.startswith(UNSIGNED)]
    for first in names:
        yield f"{first} left out", packed({name: octets for name, octets in parts.items() if name != first})
        if parts[first]:
            yield f"{first} emptied", packed({**parts, first: b""})
        for second in names:
            if first < second and parts[first] != parts[second]:
                yield f"{first} and {second}", packed({**parts, first: parts[second], second: parts[first]})


def types_changed(parts: Parts, _chance: random.Random) -> Mutants:
    """The content type of each part that bears one becomes that of another part, or its line goes."""
    root = etree.fromstring(parts[TYPES])
    kinds = sorted({one.get("ContentType") for one in root})
    overridden = {one.get("PartName", "").lstrip("/") for one in root}
    for number, line in enumerate(root):
        own = (line.get("PartName") or "").lstrip("/")
        ending = "." + (line.get("Extension") or "?")
        falls_back = [name for name in parts if name.endswith(ending) and name not in overridden | {TYPES}]
        if own.startswith(UNSIGNED) or not (own or [one for one in falls_back if not one.startswith(UNSIGNED)]):
            # A type that no part has says nothing.
            continue
        for kind in kinds:
            if kind == line.get("ContentType"):
                continue
            twin = etree.fromstring(parts[TYPES])
            twin[number].set("ContentType", kind)
            yield f"{line.attrib} as {kind}", packed({**parts, TYPES: etree.tostring(twin)})
        twin = etree.fromstring(parts[TYPES])
        twin.remove(twin[number])
        yield f"{line.attrib} gone", packed({**parts, TYPES: etree.tostring(twin)})


def relationships_changed(parts: Parts, _chance: random.Random) -> Mutants:
    """Each signed relationship gets another target, type, Id or mode, goes, or is joined by a new one."""
    for name in (one for one in parts if one.endswith(".rels") and not one.startswith(UNSIGNED)):
        root = etree.fromstring(parts[name])
        for number, line in enumerate(root):
            if line.get("Type", "").endswith(("/origin", "-properties")):
                continue
            changes: tuple[tuple[str, str], ...] = (
                ("Target", "../docProps/core.xml"),
                ("Target", line.get("Target", "").upper()),
                ("Type", f"{OFFICE_RELS}/frame"),
                ("Id", "rIdKhac"),
                ("TargetMode", "External"),
            )
            for key, value in changes:
                twin = etree.fromstring(parts[name])
                twin[number].set(key, value)
                yield f"{name}: {key} {value}", packed({**parts, name: etree.tostring(twin)})
            twin = etree.fromstring(parts[name])
            twin.remove(twin[number])
            yield f"{name}: {line.get('Id')} gone", packed({**parts, name: etree.tostring(twin)})
        for kind in NEW_KINDS:
            for mode, target in (("Internal", "khac.xml"), ("External", "http://khac.example/x")):
                twin = etree.fromstring(parts[name])
                attributes = {"Id": "rIdKhac", "Type": f"{OFFICE_RELS}/{kind}", "Target": target, "TargetMode": mode}
                etree.SubElement(twin, f"{{{etree.QName(twin).namespace}}}Relationship", attributes)
                yield f"{name}: new {kind} {mode}", packed({**parts, name: etree.tostring(twin)})


def parts_added(parts: Parts, _chance: random.Random) -> Mutants:
    """A part that nobody signed lies in the archive, under every kind of name a reader might look for."""
    folder = next(name.partition("/")[0] for name in parts if name.startswith(("word/", "xl/", "ppt/")))
    for name in (
        f"{folder}/people.xml",
        f"{folder}/media/khac.png",
        f"{folder}/vbaProject.bin",
        f"{folder}/_rels/khac.xml.rels",
        "[trash]/0000.dat",
        "customXml/item9.xml",
        "mimetype",
        "META-INF/manifest.xml",
        "content.xml",
        "WordDocument",
        "Workbook",
        "docProps/app.xml",
        "_xmlsignatures/khac.xml",
        "\N{FULLWIDTH LATIN SMALL LETTER A}",
    ):
        if name not in parts:
            yield f"{name} added", packed({**parts, name: b"<khac/>"})


def archive_changed(parts: Parts, chance: random.Random) -> Mutants:
    """Names, sizes, offsets and flags in the archive's own structures; entries doubled; bytes put between."""
    data = packed(parts)
    end = data.rindex(b"PK\x05\x06")
    (directory,) = struct.unpack_from("<L", data, end + 16)
    for place in [*range(end + 4, end + 22), *chance.sample(range(directory, end), 120)]:
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        yield f"directory byte {place - directory}", bytes(changed)
    for name in parts:
        for other in (name.swapcase(), f"{name}.", f"/{name}", name.replace("/", "\\"), f"./{name}"):
            if other != name:
                yield f"{name} again as {other}", packed({**parts, other: b"<khac/>"})
        doubled = BytesIO(data)
        with zipfile.ZipFile(doubled, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(name, b"<khac/>")
        yield f"{name} doubled", doubled.getvalue()


def signature_dressed(parts: Parts, _chance: random.Random) -> Mutants:
    """Inside the signature: other prefixes, objects, Ids and words that nobody signed."""
    for name in (one for one in parts if one.startswith("_xmlsignatures/sig")):
        text = parts[name]
        for label, old, new in (
            ("prefix bound anew", b'xmlns:mdssi="', b'xmlns:mdssi="urn:khac" xmlns:cu="'),
            ("object added", b"</Signature>", b'<Object Id="khac">AAAA</Object></Signature>'),
            ("package object again", b"</Signature>", b'<Object Id="idPackageObject"/></Signature>'),
            ("manifest again", b"</Manifest>", b"</Manifest><Manifest/>"),
            ("manifest line gone", b'<Reference URI="/', b'<Khac URI="/'),
            ("comment in a digest", b"<DigestValue>", b"<DigestValue><Khac/>"),
            ("second SignedInfo", b"<SignatureValue>", b"<SignedInfo/><SignatureValue>"),
            ("entity", b"<Signature ", b"<!DOCTYPE Signature><Signature "),
        ):
            if old in text:
                yield f"{name}: {label}", packed({**parts, name: text.replace(old, new, 1)})


MUTATORS = (
    bytes_flipped,
    signature_flipped,
    parts_exchanged,
    types_changed,
    relationships_changed,
    parts_added,
    archive_changed,
    signature_dressed,
)


def shown(data: bytes) -> dict[str, bytes] | None:
    """What a lenient reader finds, apart from what nobody signs; None if it can open nothing."""
    try:
        return {name: part for name, part in read_package(data).items() if not name.startswith(UNSIGNED)}
    except (ValueError, NotImplementedError, RuntimeError, OSError, EOFError):
        return None


@pytest.mark.parametrize("mutate", MUTATORS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("kind", sorted(sources()))
def test_no_mechanical_change_of_a_signed_office_file_passes(
    kind: str, mutate: Callable[[Parts, random.Random], Mutants], tell: Callable[[str], None]
) -> None:
    """
    Whatever of the signed is touched or put beside it, nothing passes.

    Only the archive's own bookkeeping (a date, a version) may change, where readers see the same or nothing.
    """
    name, parts = sources()[kind]
    whole = packed(parts)
    assert verdict(name, whole) is Verdict.PASSED
    before = shown(whole)
    mutants = list(mutate(parts, random.Random(SEED)))
    assert mutants
    answers = {label: (verdict(name, data), data) for label, data in mutants}
    passed = [
        label
        for label, (answer, data) in answers.items()
        if answer is Verdict.PASSED and not (mutate is archive_changed and shown(data) in (before, None))
    ]
    tell(f"mutations: Office, {kind}, {mutate.__name__}: {len(mutants)} files, {len(passed)} passed")
    assert passed == []
