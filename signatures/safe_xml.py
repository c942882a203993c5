"""XML from strangers, read without document types, entities, network or surprises, and written canonically."""

from __future__ import annotations

from lxml import etree

# A document of the national packages may carry tens of megabytes of Base64 text; what is larger goes to a person.
MAX_XML_BYTES = 128 * 1024 * 1024
# A signature part of an Office file holds digests and certificates; one of megabytes is a bomb.
MAX_SIGNATURE_XML_BYTES = 8 * 1024 * 1024
# Real packages nest a dozen levels; libxml2 itself stops at 256 (huge_tree is off).
MAX_DEPTH = 100
# Real Office manifests have hundreds of elements, real packages some thousands.
MAX_ELEMENTS = 200_000

C14N_10 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_10_COMMENTS = C14N_10 + "#WithComments"
C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"
C14N_11_COMMENTS = C14N_11 + "#WithComments"
C14N_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N_EXCLUSIVE_COMMENTS = C14N_EXCLUSIVE + "WithComments"
OPC_C14N = frozenset({C14N_10, C14N_10_COMMENTS})
ALL_C14N = OPC_C14N | {C14N_11, C14N_11_COMMENTS, C14N_EXCLUSIVE, C14N_EXCLUSIVE_COMMENTS}

_XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"


class XmlRefused(ValueError):
    """The bytes are not XML that we read; `code` is the reason (XML_MALFORMED, XML_DOCTYPE, XML_TOO_LARGE)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_xml(
    data: bytes, *, max_bytes: int = MAX_XML_BYTES, long_texts: bool = False, mend: bool = False
) -> etree._Element:
    """
    Return the root of the document in `data`, comments and processing instructions kept.

    No document type, no entity, no network and no external file is ever taken in: a document that has
    a DOCTYPE at all is refused, because it can make two readers see two documents. `long_texts` lifts libxml2's
    bound of 10 MB on one text node, for packages that carry files as Base64; depth and size stay bounded here.
    `mend` reads what is not well-formed as far as it goes: to look into it, never to verify a signature over it.
    Raises XmlRefused, and nothing else on hostile bytes.
    """
    if len(data) > max_bytes:
        raise XmlRefused("XML_TOO_LARGE", f"{len(data)} bytes, at most {max_bytes} are read")
    # Entities can only be declared inside a DOCTYPE, which stands before the root element. Looking for it first means
    # that libxml2 never spends time or memory on expanding them. The check after parsing is the one that counts.
    if b"<!DOCTYPE" in data[:_PROLOG_BYTES]:
        raise XmlRefused("XML_DOCTYPE", "the document has a DOCTYPE")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=long_texts,
        recover=mend,
        remove_comments=False,
        remove_pis=False,
        remove_blank_text=False,
        strip_cdata=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError, MemoryError) as cause:
        raise XmlRefused("XML_MALFORMED", str(cause)[:200]) from cause
    if root is None:
        raise XmlRefused("XML_MALFORMED", "there is no element")
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None or tree.docinfo.doctype:
        raise XmlRefused("XML_DOCTYPE", "the document has a DOCTYPE")
    _check_shape(root)
    return root


def without_comments(algorithm: str) -> str:
    """Return the identifier of the same canonicalisation that leaves comments out; another one comes back unchanged."""
    plain = {
        C14N_10_COMMENTS: C14N_10,
        C14N_11_COMMENTS: C14N_11,
        # The plain identifier of the exclusive one ends in "#" itself.
        C14N_EXCLUSIVE_COMMENTS: C14N_EXCLUSIVE,
    }
    return plain.get(algorithm, algorithm)


def canonical(element: etree._Element, algorithm: str, prefixes: tuple[str, ...] = ()) -> bytes:
    """
    Return the canonical octets of the subtree at `element` under the algorithm identifier (one of ALL_C14N).

    `prefixes` is the InclusiveNamespaces PrefixList of exclusive canonicalisation. Raises XmlRefused with
    XML_C14N_UNKNOWN for another identifier.

    lxml canonicalises a sub-element with inclusive C14N wrongly (it writes spurious `xmlns=""` from the third level
    down, measured), whole documents rightly. So the element is written out with its in-scope namespaces, parsed
    again, and canonicalised as a document of its own. Inclusive C14N also hands down the ancestors' `xml:` attributes
    (Canonical XML 1.0, 2.4), which that copy would lose: they are set on it. Version 1.1 joins xml:base
    values, which nobody we met needs; it is refused.
    """
    if algorithm not in ALL_C14N:
        raise XmlRefused("XML_C14N_UNKNOWN", f"canonicalisation {algorithm[:100]}")
    copy = _as_document(element)
    if not algorithm.startswith(C14N_EXCLUSIVE):
        _inherit_xml_attributes(element, copy, version_11=algorithm.startswith(C14N_11))
    return canonical_document(copy, algorithm, prefixes)


def canonical_document(root: etree._Element, algorithm: str, prefixes: tuple[str, ...] = ()) -> bytes:
    """Return the canonical octets of the document of `root`, with what stands beside the root; see `canonical`."""
    if algorithm not in ALL_C14N:
        raise XmlRefused("XML_C14N_UNKNOWN", f"canonicalisation {algorithm[:100]}")
    exclusive = algorithm.startswith(C14N_EXCLUSIVE)
    try:
        return etree.tostring(
            root.getroottree(),
            method="c14n",
            exclusive=exclusive,
            with_comments=algorithm.endswith("WithComments"),
            inclusive_ns_prefixes=list(prefixes) if exclusive and prefixes else None,
        )
    except (etree.LxmlError, ValueError) as cause:
        # libxml2 refuses relative namespace names, as Canonical XML 1.0, 1.3 demands.
        raise XmlRefused("XML_C14N_FAILED", str(cause)[:200]) from cause


def local_name(element: etree._Element) -> str:
    """Return the element's name without its namespace; "" for comments and processing instructions."""
    if isinstance(element, etree._Comment | etree._ProcessingInstruction):
        return ""
    # A mended document may have names with an unknown prefix before a colon.
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def children(element: etree._Element) -> list[etree._Element]:
    """Return the child elements, without comments and processing instructions."""
    return list(element.iterchildren(tag=etree.Element))


def text_of(element: etree._Element) -> str:
    """
    Return all text directly inside `element`, joined across comments.

    `element.text` ends at the first comment, so `a<!---->b` would read as `a` though the signature is over `ab`.
    """
    return "".join([element.text or "", *(child.tail or "" for child in element)])


_PROLOG_BYTES = 64 * 1024


def _as_document(element: etree._Element) -> etree._Element:
    octets = etree.tostring(element, encoding="utf-8", with_tail=False)
    # What was parsed once within its bounds is parsed again without them: the copy is no larger than its source.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, collect_ids=False)
    return etree.fromstring(octets, parser)


def _inherit_xml_attributes(element: etree._Element, copy: etree._Element, *, version_11: bool) -> None:
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if not isinstance(name, str) or not name.startswith(_XML_NAMESPACE) or name in copy.attrib:
                continue
            if version_11:
                if name == _XML_NAMESPACE + "id":
                    continue
                if name == _XML_NAMESPACE + "base":
                    raise XmlRefused("XML_BASE", "xml:base above a part signed under Canonical XML 1.1")
            copy.set(name, value)


def _check_shape(root: etree._Element) -> None:
    depth = count = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > MAX_DEPTH:
            raise XmlRefused("XML_TOO_LARGE", f"nested deeper than {MAX_DEPTH} levels")
        if count > MAX_ELEMENTS:
            raise XmlRefused("XML_TOO_LARGE", f"more than {MAX_ELEMENTS} elements")
