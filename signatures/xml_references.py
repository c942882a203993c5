"""What the references of an XML signature point to: nothing but places in the same document, each found in one way."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from lxml import etree

from signatures.safe_xml import ALL_C14N, C14N_10, XmlRefused, canonical, canonical_document, without_comments
from signatures.xmldsig import DSIG, SignatureRefused, XmlReference, base64_of, failed, undecided

ENVELOPED = DSIG + "enveloped-signature"
BASE64 = DSIG + "base64"

# Each reference may canonicalise the whole document again. This bounds what one signature may make us write.
MAX_CANONICAL_BYTES = 1024 * 1024 * 1024

_ID_NAMES = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id")


class Ids:
    """
    Where each Id of a document stands.

    An Id is an attribute `Id`, `ID` or `id` without a namespace, or xml:id. Without a schema nobody knows which one
    another reader believes, so a value that occurs twice under any of these names has no place at all.
    """

    def __init__(self, root: etree._Element) -> None:
        self._places: dict[str, etree._Element] = {}
        self.repeated: set[str] = set()
        for element in root.iter(etree.Element):
            for name in _ID_NAMES:
                value = element.get(name)
                if value is None:
                    continue
                if value in self._places:
                    self.repeated.add(value)
                else:
                    self._places[value] = element

    def place_of(self, value: str) -> etree._Element | None:
        """Return the one element of that Id; None if there is none. Raises SignatureRefused if there are several."""
        if value in self.repeated:
            raise SignatureRefused(failed("XML_ID_REPEATED", f"the Id {value[:60]!r} stands more than once"))
        return self._places.get(value)


class Budget:
    """How many canonical octets may still be written for one file; see MAX_CANONICAL_BYTES."""

    def __init__(self, octets: int = MAX_CANONICAL_BYTES) -> None:
        self._left = octets

    def spend(self, octets: bytes) -> bytes:
        """Count `octets` and return them. Raises SignatureRefused when the budget is used up."""
        self._left -= len(octets)
        if self._left < 0:
            raise SignatureRefused(undecided("XML_TOO_COSTLY", "too many references to too much text"))
        return octets


@dataclass(frozen=True, slots=True)
class Dereferenced:
    """What a same-document reference points to: the element (the root for the whole document) and its octets."""

    element: etree._Element
    whole_document: bool
    octets: bytes


def dereference(reference: XmlReference, signature: etree._Element, ids: Ids, budget: Budget) -> Dereferenced:
    """
    Return what a same-document `reference` of `signature` is over: "" or "#id", comments left out.

    Raises SignatureRefused for every other URI (nothing is ever fetched), for XPointer, for an Id that is missing or
    repeated, and for every transform but enveloped-signature, one canonicalisation and Base64.

    Source: XML Signature 1.1, 4.4.3.2 (URI), 4.4.3.3 (a same-document reference without XPointer leaves comments out,
    so "WithComments" finds none), 6.6 (transforms).
    """
    root = signature.getroottree().getroot()
    uri = reference.uri
    if uri is None:
        raise SignatureRefused(failed("XML_REFERENCE_OUTSIDE", "a reference without a URI"))
    whole = uri == ""
    if whole:
        element: etree._Element | None = root
    elif uri.startswith(("#xpointer", "#xmlns")) or not uri.startswith("#") or len(uri) == 1:
        raise SignatureRefused(failed("XML_REFERENCE_OUTSIDE", f"the reference {uri[:100]!r} leaves the document"))
    else:
        element = ids.place_of(uri[1:])
    if element is None:
        raise SignatureRefused(failed("XML_REFERENCE_MISSING", f"there is no {uri[:100]!r}"))
    steps = list(reference.transforms)
    enveloped = bool(steps) and steps[0].algorithm == ENVELOPED
    if enveloped:
        steps.pop(0)
    if steps and not enveloped and steps[0].algorithm == BASE64 and len(steps) == 1 and not whole:
        return Dereferenced(element, False, budget.spend(base64_of(element, "the signed object")))
    if len(steps) > 1 or (steps and steps[0].algorithm not in ALL_C14N):
        names = ", ".join(one.algorithm[:80] for one in reference.transforms)
        raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", f"transforms {names}"))
    algorithm = without_comments(steps[0].algorithm if steps else C14N_10)
    prefixes = steps[0].prefixes if steps else ()
    inside = any(one is element for one in signature.iterancestors())
    try:
        if enveloped and not inside:
            raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", "the enveloped signature is not inside"))
        target = _without(element, signature) if enveloped else element
        octets = canonical_document(target, algorithm, prefixes) if whole else canonical(target, algorithm, prefixes)
    except XmlRefused as cause:
        raise SignatureRefused(failed(cause.code, cause.detail)) from cause
    return Dereferenced(element, whole, budget.spend(octets))


def _without(element: etree._Element, signature: etree._Element) -> etree._Element:
    """Return `element` in a copy of its document from which `signature` is gone; the text after it stays."""
    tree = element.getroottree()
    twin = copy.deepcopy(tree)
    gone = _same_place(twin, signature)
    parent = gone.getparent()
    if parent is None:
        raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", "an enveloped signature cannot be the root"))
    before = gone.getprevious()
    if gone.tail:
        if before is not None:
            before.tail = (before.tail or "") + gone.tail
        else:
            parent.text = (parent.text or "") + gone.tail
    target = _same_place(twin, element)
    parent.remove(gone)
    return target


def _same_place(twin: etree._ElementTree, element: etree._Element) -> etree._Element:
    """Return the element of `twin` that stands where `element` stands in its own document."""
    steps = []
    while (parent := element.getparent()) is not None:
        steps.append(parent.index(element))
        element = parent
    found = twin.getroot()
    for step in reversed(steps):
        found = found[step]
    return found
