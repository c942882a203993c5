"""What of an XML file a signature leaves uncovered: whether a reader finds anything beside the signed elements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from signatures.report import Covers
from signatures.safe_xml import C14N_EXCLUSIVE, children, local_name, text_of
from signatures.xmldsig import DSIG, Problem, XmlReference, XmlSignature, dsig, undecided

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
_XADES_NAMESPACES = ("http://uri.etsi.org/01903/", "http://uri.etsi.org/19132/")
_OWN_NAMESPACES = (
    "http://www.w3.org/2009/xmldsig11#",
    "http://www.w3.org/2001/04/xmldsig-more#",
    "http://www.w3.org/2007/05/xmldsig-more#",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://docs.oasis-open.org/wss/",
)

# The properties of ETSI EN 319 132-1 and TS 101 903; a reader that looks for an element by its name finds none of its
# own among these.
_XADES_NAMES = frozenset(
    (
        *("Any", "ObjectIdentifier", "Identifier", "Description", "DocumentationReferences"),
        *("DocumentationReference", "EncapsulatedPKIData", "Include", "ReferenceInfo"),
        *("EncapsulatedTimeStamp", "XMLTimeStamp", "XAdESTimeStamp", "OtherTimeStamp", "QualifyingProperties"),
        *("SignedProperties", "UnsignedProperties", "SignedSignatureProperties", "SignedDataObjectProperties"),
        *("UnsignedSignatureProperties", "UnsignedDataObjectProperties", "UnsignedDataObjectProperty"),
        *("QualifyingPropertiesReference", "SigningTime", "SigningCertificate", "SigningCertificateV2"),
        *("Cert", "CertDigest", "IssuerSerial", "IssuerSerialV2", "SignaturePolicyIdentifier"),
        *("SignaturePolicyId", "SignaturePolicyImplied", "SigPolicyId", "SigPolicyHash"),
        *("SigPolicyQualifiers", "SigPolicyQualifier", "SPURI", "SPUserNotice", "NoticeRef", "NoticeNumbers"),
        *("ExplicitText", "CounterSignature", "DataObjectFormat", "CommitmentTypeIndication"),
        *("CommitmentTypeId", "ObjectReference", "AllSignedDataObjects", "CommitmentTypeQualifiers"),
        *("CommitmentTypeQualifier", "SignatureProductionPlace", "SignatureProductionPlaceV2", "SignerRole"),
        *("SignerRoleV2", "ClaimedRoles", "ClaimedRole", "CertifiedRoles", "CertifiedRole"),
        *("CertifiedRolesV2", "X509AttributeCertificate", "OtherAttributeCertificate", "SignedAssertions"),
        *("SignedAssertion", "AllDataObjectsTimeStamp", "IndividualDataObjectsTimeStamp"),
        *("SignatureTimeStamp", "CompleteCertificateRefs", "CompleteRevocationRefs", "CertRefs", "CRLRefs"),
        *("CRLRef", "DigestAlgAndValue", "CRLIdentifier", "Issuer", "IssueTime", "Number", "OCSPRefs"),
        *("OCSPRef", "OCSPIdentifier", "ResponderID", "ByName", "ByKey", "ProducedAt", "OtherRefs"),
        *("OtherRef", "AttributeCertificateRefs", "AttributeRevocationRefs", "SigAndRefsTimeStamp"),
        *("RefsOnlyTimeStamp", "CertificateValues", "EncapsulatedX509Certificate", "OtherCertificate"),
        *("RevocationValues", "CRLValues", "EncapsulatedCRLValue", "OCSPValues", "EncapsulatedOCSPValue"),
        *("OtherValues", "OtherValue", "AttrAuthoritiesCertValues", "AttributeRevocationValues"),
        *("ArchiveTimeStamp", "TimeStampValidationData", "SigAndRefsTimeStampV2", "RefsOnlyTimeStampV2"),
        *("CompleteCertificateRefsV2", "AttributeCertificateRefsV2", "SignaturePolicyStore"),
        *("SPDocSpecification", "SignaturePolicyDocument", "SigPolDocLocalURI", "RenewedDigests"),
        *("RenewedDigestsV2", "RecomputedDigestValue", "ArchiveTimeStampV2", "HashDataInfo", "TimeStamp"),
        *("AnyValidationData"),
    )
)

_KNOWN_ENCODING = re.compile(r"UTF-8|UTF-16(?:LE|BE)?|(?:US-)?ASCII|ISO-8859-[0-9]{1,2}|WINDOWS-125[0-9]")
_SCHEMA_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(slots=True)
class Followed:
    """What the references of one signature led to."""

    references: list[tuple[XmlReference, etree._Element | None]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    targets: list[etree._Element] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)
    whole_document: bool = False


def covers_of(
    root: etree._Element, signature: XmlSignature, followed: Followed, signatures: list[etree._Element]
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


def split_texts(targets: list[etree._Element]) -> list[Problem]:
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


def doubtful_encoding(root: etree._Element) -> list[Problem]:
    """
    Report an encoding or version of XML that not every reader knows: who does not, guesses, and reads other text.

    Source: XML 1.0, 4.3.3: only UTF-8 and UTF-16 must be known; the single-byte ones here are known to all in use.
    """
    told = root.getroottree().docinfo
    if told.xml_version == "1.0" and _KNOWN_ENCODING.fullmatch((told.encoding or "UTF-8").upper()):
        return []
    return [undecided("XML_ENCODING_DOUBTFUL", f"XML {told.xml_version}, {told.encoding}"[:60])]


def _beside(root: etree._Element) -> list[etree._Element]:
    """Return the comments and instructions before and after the root element."""
    return [*root.itersiblings(preceding=True), *root.itersiblings()]


def holds_loose_words(signature: XmlSignature, followed: Followed) -> bool:
    """
    Whether the signature itself hides something to be read: an element or text that belongs to no signature.

    The enveloped-signature transform takes the whole ds:Signature away, so what is put into its Objects, KeyInfo or
    unsigned properties is signed by nobody, and a reader that looks for an element by name finds it there. Only
    elements that XML Signature and XAdES define may stand unsigned.
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
        elif namespace.startswith(_XADES_NAMESPACES):
            if name.localname not in _XADES_NAMES:
                return True
        elif not namespace.startswith(_OWN_NAMESPACES):
            return True
        inside = children(element)
        if (inside or element.tag == dsig("Object")) and text_of(element).strip():
            return True
        waiting += inside
    return False


def borrows_a_prefix(followed: Followed) -> bool:
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
