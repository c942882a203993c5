"""Makes the XML assets: one file for every way in which a signed XML file or package is attacked or lawfully made."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from intake.demo.xml_signing import (
    C14N,
    DSIG,
    ENVELOPED,
    c14n,
    digest_text,
    reference,
    sign_enveloped,
    signature_xml,
    signed_info,
)
from tests.makers_ooxml import NOW, a_signer, another_holder, time_stamp

FOLDER = Path(__file__).parent / "xml"
# What is larger than this does not belong into a repository.
MAX_ASSET = 100_000

TEXT = '<phieu xmlns="urn:phieu"><coQuan>Sở Nội vụ</coQuan><diem>95,2</diem></phieu>'
MOVED = '<phieu xmlns="urn:phieu" Id="noiDung"><diem>95,2</diem></phieu>'
QCVN = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def signed(text: str = TEXT, **how: object) -> str:
    """`text` with an enveloped signature over all of it."""
    certificate, key = a_signer()
    return sign_enveloped(text, key, [certificate], at=NOW, **how)  # type: ignore[arg-type]


def custom(
    references: list[str], *, objects: str = "", around: str = "{}", method: str = "", certificates: bool = True
) -> str:
    """A signature with these references, put into `around`."""
    certificate, key = a_signer()
    info = signed_info(references, key, "sha256", method=method)
    made = signature_xml(info, key, [certificate] if certificates else [], "sha256", objects=objects)
    return around.replace("{}", made)


def over_element(around: str, uri: str = "#noiDung", transforms: str = "", octets: bytes | None = None) -> str:
    """A signature over the element MOVED, which stands somewhere in `around`."""
    return custom([reference(uri, octets or c14n(MOVED), "sha256", transforms=transforms)], around=around)


def transform(name: str, inside: str = "") -> str:
    """A Transform element."""
    return f'<Transform Algorithm="{name}">{inside}</Transform>'


def enveloping(text: str = "95,2", shown: str | None = None) -> str:
    """A signature around its content; `shown` stands there instead of what was signed."""
    content = f'<Object xmlns="{DSIG}" Id="noiDung"><diem xmlns="urn:phieu">{text}</diem></Object>'
    inside = content.replace(f' xmlns="{DSIG}"', "", 1)
    made = custom([reference("#noiDung", c14n(content), "sha256")], objects=inside)
    return made if shown is None else made.replace(f">{text}<", f">{shown}<")


def with_manifest(*, missing: bool = False, changed: bool = False) -> str:
    """A signature over a manifest whose entry is over the content."""
    uri = "#fehlt" if missing else "#noiDung"
    octets = b"x" if changed else c14n(MOVED)
    manifest = f'<Manifest Id="danhMuc">{reference(uri, octets, "sha256")}</Manifest>'
    whole = f'<Object><Manifest xmlns="{DSIG}" Id="danhMuc">{manifest.split(">", 1)[1]}</Object>'
    over = c14n(f'<Manifest xmlns="{DSIG}" Id="danhMuc">{manifest.split(">", 1)[1]}')
    listed = reference("#danhMuc", over, "sha256", kind=DSIG + "Manifest")
    return custom([listed], objects=whole, around=f"<goi>{MOVED}{{}}</goi>")


def package(signature: str = "", attachment: bytes | None = b"%PDF-1.4 khong co gi", header: str = "") -> str:
    """A package of the national exchange with one file inside."""
    content = "" if attachment is None else base64.b64encode(attachment).decode()
    return (
        f'<edXML xmlns="{QCVN}"><edXMLEnvelope><edXMLHeader><MessageHeader><Subject>Phiếu đánh giá</Subject>'
        f"</MessageHeader><TraceHeaderList/>{header}{signature}</edXMLHeader><edXMLBody/></edXMLEnvelope>"
        "<AttachmentEncoded><Attachment><ContentId>cid:1</ContentId><AttachmentName>phieu.pdf</AttachmentName>"
        f"<ContentTransferEncoded>{content}</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>"
    )


def signed_package() -> str:
    """A package whose envelope is really signed."""
    certificate, key = a_signer()
    return sign_enveloped(package(), key, [certificate], at=NOW, into="</edXMLHeader>", xades=False)


PLACEHOLDER = (
    f'<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{C14N}"/>'
    f'<SignatureMethod Algorithm="{DSIG}rsa-sha1"/><Reference URI=""><Transforms>{transform(ENVELOPED)}'
    f'</Transforms><DigestMethod Algorithm="{DSIG}sha1"/><DigestValue>FwgIqsSYJshUS2+wlOM61L+q7Aw=</DigestValue>'
    "</Reference></SignedInfo><SignatureValue>GbVb8n9+qFxz466Ag0sbpVdLPs2R0w==</SignatureValue><KeyInfo><X509Data>"
    "<X509Certificate>MIIFqTCCBJG</X509Certificate></X509Data></KeyInfo></Signature>"
)


def counter_signed() -> str:
    """A signature with a counter-signature that is over another one's value."""
    inner = custom([reference("", b"x", "sha256")])
    unsigned = (
        "<xd:UnsignedProperties><xd:UnsignedSignatureProperties><xd:CounterSignature>"
        f"{inner}</xd:CounterSignature></xd:UnsignedSignatureProperties></xd:UnsignedProperties>"
    )
    return signed().replace("</xd:SignedProperties>", "</xd:SignedProperties>" + unsigned)


def _text_split_by_comment() -> str:
    # The comment is not signed; a reader that takes the text before it only would read 9.
    return signed().replace("95,2", "9<!---->5,2")


def _swap_certificate(text: str) -> str:
    own, other = (base64.b64encode(a_signer(name)[0]).decode() for name in ("Sở Nội vụ", "Kẻ khác"))
    assert own in text
    return text.replace(own, other)


def _two_holders() -> str:
    """A second certificate names somebody else as holder of the signing key, and the signer bound neither."""
    other = base64.b64encode(another_holder()).decode()
    return signed(xades=False).replace("</X509Data>", f"<X509Certificate>{other}</X509Certificate></X509Data>")


FORGED = TEXT.replace("95,2", "99,9")


def _put_before(mark: str, what: str) -> str:
    """A signed document into whose signature something unsigned is put."""
    text = signed()
    assert mark in text
    return text.replace(mark, what + mark, 1)


def _unsigned_property_with_content() -> str:
    inside = f"<xd:UnsignedProperties><xd:UnsignedSignatureProperties>{FORGED}</xd:UnsignedSignatureProperties></xd:UnsignedProperties>"
    return signed().replace("</xd:SignedProperties>", "</xd:SignedProperties>" + inside)


def borrowed_prefix(namespace: str) -> str:
    """A signed value that means something by a prefix which is bound outside what is signed."""
    hints = "http://www.w3.org/2001/XMLSchema-instance"
    element = f'<phieu xmlns="urn:phieu" xmlns:xsi="{hints}" Id="noiDung"><diem xsi:type="w:so">95,2</diem></phieu>'
    octets = etree.tostring(etree.fromstring(element), method="c14n", exclusive=True)
    around = f'<goi><boc xmlns:w="{namespace}">{element}</boc>{{}}</goi>'
    return over_element(around, transforms=transform(_EXCLUSIVE), octets=octets)


def _package_signature_moved() -> str:
    text = signed_package()
    made = text[text.index("<Signature ") : text.index("</Signature>") + len("</Signature>")]
    return text.replace(made, "").replace("</edXML>", made + "</edXML>")


def _many_references() -> str:
    one = reference("", b"x", "sha256", transforms=transform(ENVELOPED))
    return custom([one] * 5000, around="<goi>{}</goi>")


def _short_hmac() -> str:
    text = signed()
    method = '<SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"><HMACOutputLength>8</HMACOutputLength></SignatureMethod>'
    return re.sub(r"<SignatureMethod [^>]*/>", method, text)


# "not passed": any answer but passed and unsigned is right.
ATTACKS: dict[str, tuple[Callable[[], str], str]] = {
    # Signature wrapping.
    "wrapped-signed-element-moved": (lambda: over_element(f"<goi><phieu><diem>99,9</diem></phieu><giau>{MOVED}</giau>{{}}</goi>"), "indeterminate"),
    "wrapped-in-the-signature": (lambda: over_element('<phieu Id="khac"><diem>99,9</diem>{}</phieu>').replace("</Signature>", f"<Object>{MOVED}</Object></Signature>"), "not passed"),
    "wrapped-attribute-of-ancestor": (lambda: over_element(f'<goi loai="thu-hoi">{MOVED}{{}}</goi>'), "indeterminate"),
    "text-beside-the-signed-element": (lambda: over_element(f"<goi>Đã hủy {MOVED}{{}}</goi>"), "indeterminate"),
    "enveloping-content-changed": (lambda: enveloping(shown="99,9"), "failed"),
    "enveloping-second-object": (lambda: enveloping().replace("</Signature>", "<Object><diem>99,9</diem></Object></Signature>"), "indeterminate"),
    "wrapped-in-object-of-whole-document": (lambda: _put_before("</Signature>", f"<Object>{FORGED}</Object>"), "indeterminate"),
    "wrapped-in-key-info-of-whole-document": (lambda: _put_before("<X509Data>", FORGED), "indeterminate"),
    "wrapped-in-unsigned-properties-of-whole-document": (_unsigned_property_with_content, "indeterminate"),
    "text-inside-the-signature": (lambda: _put_before("<KeyInfo>", "Đã hủy"), "indeterminate"),
    "style-sheet-beside-the-signed-element": (lambda: '<?xml-stylesheet type="text/xsl" href="khac.xsl"?>' + over_element(f"<goi>{MOVED}{{}}</goi>"), "indeterminate"),
    "instruction-beside-the-signed-element": (lambda: over_element(f"<goi><?khac?>{MOVED}{{}}</goi>"), "indeterminate"),
    "prefix-bound-outside-what-is-signed": (lambda: borrowed_prefix("urn:khac"), "indeterminate"),
    # Ids and references.
    "id-twice": (lambda: over_element(f'<goi><khac Id="noiDung"/>{MOVED}{{}}</goi>'), "failed"),
    "id-twice-in-another-spelling": (lambda: over_element(f'<goi><khac ID="noiDung"/>{MOVED}{{}}</goi>'), "failed"),
    "id-missing": (lambda: over_element("<goi>{}</goi>"), "failed"),
    "id-of-another-namespace": (lambda: over_element(f'<goi xmlns:w="urn:w">{MOVED.replace(" Id=", " w:Id=")}{{}}</goi>'), "failed"),
    "reference-to-file": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", uri="file:///etc/hostname"), "failed"),
    "reference-to-web": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", uri="http://evil.example/phieu.xml"), "failed"),
    "reference-by-xpointer": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", uri="#xpointer(id('noiDung'))"), "failed"),
    "reference-without-uri": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>").replace(' URI="#noiDung"', ""), "failed"),
    # Transforms.
    "transform-xslt": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", transforms=transform("http://www.w3.org/TR/1999/REC-xslt-19991116")), "failed"),
    "transform-xpath": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", transforms=transform("http://www.w3.org/TR/1999/REC-xpath-19991116", "<XPath>true()</XPath>")), "failed"),
    "transform-unknown": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", transforms=transform("urn:khac")), "failed"),
    "transform-twice": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>", transforms=transform(C14N) * 2), "failed"),
    "xml-base-above-the-signed-element": (lambda: over_element(f'<goi xml:base="http://khac.example/">{MOVED}{{}}</goi>', transforms=transform("http://www.w3.org/2006/12/xml-c14n11")), "failed"),
    # The document type, comments.
    "doctype": (lambda: "<!DOCTYPE phieu>" + signed(), "failed"),
    "doctype-with-entity": (lambda: '<!DOCTYPE phieu [<!ENTITY d "99,9">]>' + signed().replace("95,2", "&d;"), "failed"),
    "comment-splits-text": (_text_split_by_comment, "indeterminate"),
    # Bytes.
    "content-changed": (lambda: signed().replace("95,2", "99,9"), "failed"),
    "content-added": (lambda: signed().replace("</diem>", "</diem><diem>99,9</diem>"), "failed"),
    "value-changed": (lambda: signed().replace("<SignatureValue>", "<SignatureValue>AAAA"), "failed"),
    "digest-changed": (lambda: signed().replace(digest_text(c14n(TEXT), "sha256"), digest_text(b"x", "sha256")), "failed"),
    # Properties.
    "properties-changed": (lambda: signed().replace("<xd:SigningTime>2019", "<xd:SigningTime>2018"), "failed"),
    "properties-not-referenced": (lambda: signed(xades=False).replace("</Signature>", '<Object><xd:QualifyingProperties xmlns:xd="http://uri.etsi.org/01903/v1.3.2#" Target="#Signature-1"><xd:SignedProperties Id="p"/></xd:QualifyingProperties></Object></Signature>'), "indeterminate"),
    "properties-referenced-without-type": (lambda: _retyped(""), "not passed"),
    "properties-referenced-twice": (lambda: _properties_referenced_twice(), "indeterminate"),
    "properties-of-another-signature": (lambda: signed().replace('Target="#Signature-1"', 'Target="#Signature-2"'), "indeterminate"),
    # Manifest.
    "manifest-entry-missing": (lambda: with_manifest(missing=True), "indeterminate"),
    "manifest-entry-changed": (lambda: with_manifest(changed=True), "failed"),
    # Keys.
    "certificate-exchanged": (lambda: _swap_certificate(signed()), "indeterminate"),
    "certificate-exchanged-unbound": (lambda: _swap_certificate(signed(xades=False)), "failed"),
    "key-value-only": (lambda: custom([reference("", c14n("<goi/>"), "sha256", transforms=transform(ENVELOPED))], around="<goi>{}</goi>", certificates=False), "indeterminate"),
    "hmac": (lambda: re.sub(r'(<SignatureMethod Algorithm=")[^"]*', r"\1http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", signed()), "unsupported"),
    "hmac-truncated": (_short_hmac, "unsupported"),
    "wrapped-in-property-of-no-standard": (lambda: _put_before("</xd:QualifyingProperties>", "<xd:UnsignedProperties><xd:UnsignedSignatureProperties><xd:diem>99,9</xd:diem></xd:UnsignedSignatureProperties></xd:UnsignedProperties>"), "indeterminate"),
    "xml-of-version-1.1": (lambda: '<?xml version="1.1"?>' + signed(), "indeterminate"),
    "encoding-that-few-know": (lambda: ('<?xml version="1.0" encoding="utf-7"?>' + signed()).encode("utf-7").decode("ascii"), "indeterminate"),
    "two-holders-of-one-key-unbound": (_two_holders, "indeterminate"),
    "digest-md5": (lambda: signed(xades=False).replace("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#md5"), "unsupported"),
    # Cost.
    "thousands-of-references": (_many_references, "indeterminate"),
    "nested-deep": (lambda: signed("<a>" * 150 + "x" + "</a>" * 150), "failed"),
    # Signatures that are none.
    "signature-empty": (lambda: f'<goi><Signature xmlns="{DSIG}"/></goi>', "failed"),
    "signature-in-unknown-namespace": (lambda: signed().replace(DSIG, "urn:chu-ky#"), "unsupported"),
    "bytes-before-the-document": (lambda: "\x01\x02" + signed(), "unreadable"),
    "signed-info-twice": (lambda: signed().replace("<SignatureValue>", "<SignedInfo/><SignatureValue>"), "failed"),
    # Packages.
    "package-altered": (lambda: signed_package().replace("Phiếu đánh giá", "Giấy báo nợ"), "failed"),
    "package-altered-signature-outside-the-header": (lambda: _package_signature_moved().replace("Phiếu đánh giá", "Giấy báo nợ"), "failed"),
    "package-file-inside-the-signature": (lambda: signed_package().replace("</Signature>", "<Object><Attachment><AttachmentName>khac.pdf</AttachmentName></Attachment></Object></Signature>"), "indeterminate"),
    "package-with-placeholder": (lambda: package(PLACEHOLDER), "unsupported"),
    "package-signature-in-wrong-namespace": (lambda: package(PLACEHOLDER.replace(f' xmlns="{DSIG}"', "")), "unsupported"),
    "package-value-of-somebody-else": (lambda: re.sub("<SignatureValue>[^<]*", "<SignatureValue>" + base64.b64encode(b"x" * 256).decode(), signed_package()), "unsupported"),
    "package-not-well-formed": (lambda: package(PLACEHOLDER).replace("<edXMLBody/>", "<edXMLBody>"), "unsupported"),
}  # fmt: skip

LAWFUL: dict[str, tuple[Callable[[], str], str]] = {
    "enveloped": (signed, "passed"),
    "enveloped-without-properties": (lambda: signed(xades=False), "passed"),
    "enveloped-with-time-stamp": (lambda: signed(stamp=time_stamp), "passed"),
    "enveloped-comment-between-elements": (lambda: signed().replace("<diem>", "<!-- điểm --><diem>"), "passed"),
    "enveloping": (enveloping, "passed"),
    "detached-beside": (lambda: over_element(f"<goi>{MOVED}{{}}</goi>"), "passed"),
    "manifest": (with_manifest, "passed"),
    "wrong-counter-signature": (counter_signed, "passed"),
    "unsigned": (lambda: TEXT, "unsigned"),
    "unsigned-doctype": (lambda: "<?xml version='1.0'?><!DOCTYPE phieu>" + TEXT, "unsigned"),
    "malformed": (lambda: "<?xml version='1.0'?><phieu>", "unreadable"),
    "package-signed": (signed_package, "passed"),
    "package-signature-outside-the-header": (_package_signature_moved, "passed"),
    "package-unsigned": (package, "unsigned"),
    "package-empty-signature": (lambda: package("<DigitalSignature/>"), "unsigned"),
}  # fmt: skip


def _retyped(kind: str) -> str:
    """The signed properties referenced without their Type, all else sound."""
    return _signed_anew(lambda info: info.replace(' Type="http://uri.etsi.org/01903#SignedProperties"', kind))


def _properties_referenced_twice() -> str:
    def doubled(info: str) -> str:
        own = info[info.index('<Reference URI="#SignedProperties-1"') : info.index("</SignedInfo>")]
        return info.replace("</SignedInfo>", f"{own}</SignedInfo>")

    return _signed_anew(doubled)


def _signed_anew(change: Callable[[str], str]) -> str:
    """The usual signed document, its SignedInfo changed and signed again."""
    certificate, key = a_signer()
    text = signed()
    info = change(text[text.index("<SignedInfo>") : text.index("</SignedInfo>") + len("</SignedInfo>")])
    made = signature_xml(
        info.replace("<SignedInfo>", f'<SignedInfo xmlns="{DSIG}">'),
        key,
        [certificate],
        "sha256",
        objects=text[text.index("<Object>") : text.index("</Object>") + len("</Object>")],
        signature_id="Signature-1",
    )
    return text[: text.index("<Signature ")] + made + text[text.index("</Signature>") + len("</Signature>") :]


def main() -> None:
    """Write every asset into tests/assets/xml; those that are large on purpose are made by the test itself."""
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
        for name, (maker, _) in table.items():
            text = maker()
            if len(text) <= MAX_ASSET:
                (FOLDER / folder / f"{name}.xml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
