"""Signed XML changed mechanically, element by element: nothing passes that a reader could read otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from lxml import etree

from intake.demo.xml_signing import DSIG
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.verify import inspect
from tests.assets.make_xml import MOVED, enveloping, over_element, signed, signed_package, with_manifest
from tests.makers_ooxml import LATER, time_stamp

QUESTION = Question(at=LATER, integrity_only=True)
FORGED = '<phieu xmlns="urn:phieu" Id="khac"><diem>99,9</diem></phieu>'
SIGNATURE = f"{{{DSIG}}}Signature"
Mutants = Iterator[tuple[str, bytes]]


@cache
def sources() -> dict[str, str]:
    """Signed documents of every shape."""
    return {
        "enveloped": signed(),
        "enveloped, without properties": signed(xades=False),
        "enveloped, stamped": signed(stamp=time_stamp),
        "enveloping": enveloping(),
        "beside": over_element(f"<goi>{MOVED}{{}}</goi>"),
        "manifest": with_manifest(),
        "package": signed_package(),
    }


def verdict(data: bytes) -> Verdict:
    report = inspect(Document("goi.xml", data), QUESTION)
    assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}, data
    return report.verdict


def places(text: str) -> Iterator[tuple[str, etree._Element, etree._Element]]:
    """Each element in turn, in a document of its own that may be changed: its label, root and element."""
    for index in range(sum(1 for _ in etree.fromstring(text.encode()).iter(etree.Element))):
        root = etree.fromstring(text.encode())
        element = list(root.iter(etree.Element))[index]
        yield f"{index} {etree.QName(element).localname}", root, element


def in_signature(element: etree._Element) -> bool:
    """Whether the element is a signature or stands in one."""
    return element.tag == SIGNATURE or any(one.tag == SIGNATURE for one in element.iterancestors())


def content_changed(text: str) -> Mutants:
    """Text, attribute, name, order, number and place of every element that is no part of a signature."""
    for change in ("text", "tail", "attribute", "name", "gone", "doubled", "wrapped", "emptied"):
        for label, root, element in places(text):
            above = element.getparent()
            if in_signature(element) or (above is None and change not in ("text", "attribute", "name")):
                continue
            if change == "text":
                element.text = (element.text or "") + "9"
            elif change == "attribute":
                element.set("khac", "1")
            elif change == "name":
                if not any(child.tag == SIGNATURE for child in element) or above is not None:
                    element.tag = f"{element.tag}Khac"
                else:
                    continue
            elif above is None:
                continue
            elif change == "tail":
                element.tail = (element.tail or "") + "9"
            elif change == "gone":
                above.remove(element)
            elif change == "doubled":
                above.insert(above.index(element), etree.fromstring(etree.tostring(element, with_tail=False)))
            elif change == "wrapped":
                place = above.index(element)
                wrapper = etree.Element("boc")
                wrapper.append(element)
                wrapper.text = "99,9"
                above.insert(place, wrapper)
            elif change == "emptied":
                if not len(element) and not element.text:
                    continue
                for child in list(element):
                    element.remove(child)
                element.text = None
            yield f"{change}: {label}", etree.tostring(root)


def forged_put_in(text: str) -> Mutants:
    """A forged element, as first and as last child of every element, of the signature's own parts too."""
    for label, root, element in places(text):
        twin = etree.fromstring(FORGED)
        element.insert(0, twin)
        yield f"first in {label}", etree.tostring(root)
        element.remove(twin)
        element.append(twin)
        yield f"last in {label}", etree.tostring(root)


def words_put_in(text: str) -> Mutants:
    """Words and instructions in every element that holds elements."""
    for label, root, element in places(text):
        if not len(element):
            continue
        element[-1].tail = (element[-1].tail or "") + "Da huy"
        yield f"words in {label}", etree.tostring(root)
    for label, root, element in places(text):
        if not in_signature(element):
            element.insert(0, etree.ProcessingInstruction("khac", "x"))
            yield f"instruction in {label}", etree.tostring(root)


def ids_repeated(text: str) -> Mutants:
    """Every Id that is referenced stands a second time, in any spelling, on an element that nobody signed."""
    for name in ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id"):
        root = etree.fromstring(text.encode())
        for uri in {one.get("URI", "") for one in root.iter(f"{{{DSIG}}}Reference")} - {""}:
            twin = etree.fromstring(text.encode())
            twin.insert(0, etree.Element("khac", {name: uri[1:]}))
            yield f"{uri} as {name}", etree.tostring(twin)


def signature_moved(text: str) -> Mutants:
    """The whole document under a forged root, before and behind forged content."""
    bare = etree.tostring(etree.fromstring(text.encode())).decode()
    for around in (
        f"<goi>{FORGED}{{}}</goi>",
        f"<goi>{{}}{FORGED}</goi>",
        "<goi>Da huy{}</goi>",
        '<goi loai="huy">{}</goi>',
    ):
        yield around[:30], around.replace("{}", bare).encode()
    for label, _root, element in places(text):
        if element.tag == SIGNATURE and element.getparent() is not None:
            forged = etree.fromstring(FORGED)
            forged.append(element)
            yield f"{label} in a forged element", etree.tostring(forged)


MUTATORS = (content_changed, forged_put_in, words_put_in, ids_repeated, signature_moved)


@pytest.mark.parametrize("mutate", MUTATORS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("kind", sorted(sources()))
def test_no_mechanical_change_of_signed_xml_passes(
    kind: str, mutate: Callable[[str], Mutants], tell: Callable[[str], None]
) -> None:
    """Whatever is changed or put in, inside the signature or outside, no changed document passes."""
    text = sources()[kind]
    assert verdict(text.encode()) is Verdict.PASSED
    mutants = list(mutate(text))
    passed = [label for label, data in mutants if verdict(data) is Verdict.PASSED]
    tell(f"mutations: XML, {kind}, {mutate.__name__}: {len(mutants)} files, {len(passed)} passed")
    assert passed == []
