"""Makes the Office assets: one file for every way in which a signed Office file is attacked or lawfully left."""

from __future__ import annotations

import base64
import io
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from intake.demo.ooxml_signing import with_dsig
from intake.demo.xml_signing import DSIG, reference, signature_xml, signed_info
from tests.makers_ooxml import (
    OFFICE_RELS,
    PACKAGE_RELS,
    WORD,
    WORD_TYPE,
    Parts,
    a_signer,
    packed,
    replaced,
    sheet_parts,
    signed,
    slide_parts,
    time_stamp,
    with_bytes_before,
    with_custom_xml,
    with_local_name,
    with_relationship,
    with_second_entry,
    with_type,
    word_parts,
)

FOLDER = Path(__file__).parent / "ooxml"
SIGNATURE = "_xmlsignatures/sig1.xml"
RELS = "word/_rels/document.xml.rels"
PEOPLE = "application/vnd.openxmlformats-officedocument.wordprocessingml.people+xml"
_SIGNATURE_TYPE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"


def _edited(old: str, new: str) -> bytes:
    """A signed document whose signature part was edited afterwards."""
    return packed(replaced(signed(word_parts()), SIGNATURE, old.encode(), new.encode()))


def _without(parts: Parts, *names: str) -> Parts:
    return {name: octets for name, octets in parts.items() if name not in names}


def new_part(kind: str, name: str, content_type: str, octets: bytes) -> bytes:
    """A part added after signing, with its relationship and content type."""
    parts = with_relationship(signed(word_parts()), RELS, kind, name)
    return packed(with_type({**parts, f"word/{name}": octets}, f"/word/{name}", content_type))


def signature_of_something_else(objects: str, uri: str, octets: bytes) -> bytes:
    """A document that carries a sound signature over other things than the package (universal forgery)."""
    certificate, key = a_signer()
    info = signed_info([reference(uri, octets, "sha256")], key, "sha256")
    text = signature_xml(info, key, [certificate], "sha256", objects=objects, signature_id="idPackageSignature")
    return packed({**signed(word_parts()), SIGNATURE: text.encode()})


def foreign_signature() -> bytes:
    """The sound signature of one document, put into another."""
    other = signed(word_parts("Tổng điểm: 99"))
    return packed({**other, SIGNATURE: signed(word_parts())[SIGNATURE]})


def second_main_document() -> bytes:
    """A second document beside the signed one, which a repairing reader may prefer."""
    parts = with_relationship(signed(word_parts()), "_rels/.rels", "officeDocument", "word/document2.xml")
    parts["word/document2.xml"] = parts["word/document.xml"].replace(b"95,2", b"99,9")
    return packed(with_type(parts, "/word/document2.xml", WORD_TYPE + "document.main+xml"))


def evil_type() -> bytes:
    """Only spreadsheet parts are signed; the document that a .docx reader looks for is not."""
    parts = signed(sheet_parts())
    document = word_parts("Tổng điểm: 99")
    parts = with_relationship(parts, "_rels/.rels", "officeDocument", "word/document.xml")
    parts = {**parts, "word/document.xml": document["word/document.xml"]}
    return packed(with_type(parts, "/word/document.xml", WORD_TYPE + "document.main+xml"))


def legacy_wrapping() -> bytes:
    """Signed streams of an old .doc lie in the package; the document itself is not signed."""
    parts = word_parts("Tổng điểm: 99")
    parts = with_type({**parts, "WordDocument": b"cu"}, "/WordDocument", "application/octet-stream")
    return packed(signed(parts, leave_out=("/word/document.xml", "/word/styles.xml")))


def id_repeated() -> bytes:
    """A second object with the Id of the signed one."""
    return _edited("</Signature>", '<Object Id="idPackageObject"><Manifest/></Object></Signature>')


def properties_not_signed() -> bytes:
    """The signed properties are taken out of the signature's references, as if they still bound the certificate."""
    parts = signed(word_parts(), xades=False)
    properties = (
        '<Object><xd:QualifyingProperties xmlns:xd="http://uri.etsi.org/01903/v1.3.2#" Target="#idPackageSignature">'
        '<xd:SignedProperties Id="idSignedProperties"><xd:SignedSignatureProperties>'
        "<xd:SigningTime>2019-01-01T00:00:00Z</xd:SigningTime></xd:SignedSignatureProperties></xd:SignedProperties>"
        "</xd:QualifyingProperties></Object></Signature>"
    )
    return packed(replaced(parts, SIGNATURE, b"</Signature>", properties.encode()))


def certificate_exchanged() -> bytes:
    """The certificate in KeyInfo replaced by another one with the same name."""
    return _exchange_certificate(signed(word_parts()))


def certificate_exchanged_unbound() -> bytes:
    """The same in a signature that binds no certificate (Office 2007)."""
    return _exchange_certificate(signed(word_parts(), xades=False))


def _exchange_certificate(parts: Parts) -> bytes:
    own, other = (base64.b64encode(a_signer(name)[0]) for name in ("Sở Nội vụ", "Kẻ khác"))
    return packed(replaced(parts, SIGNATURE, own, other))


def another_certificate_bound() -> bytes:
    """The signer's properties name another certificate than the one whose key made the signature."""
    return packed(signed(word_parts(), bound_certificate=a_signer("Kẻ khác")[0]))


BOUND_CONTROL = (
    '<w:sdt><w:sdtPr><w:dataBinding w:xpath="/x" w:storeItemID="{1}"/></w:sdtPr>'
    "<w:sdtContent><w:p><w:r><w:t>95,2</w:t></w:r></w:p></w:sdtContent></w:sdt>"
)


def bound_control(where: str = "customXml") -> bytes:
    """A signed content control takes its text from unsigned data when the file is opened."""
    parts = word_parts(body=BOUND_CONTROL)
    if where == "customXml":
        parts = with_custom_xml(parts)
    return packed(signed(parts, leave_out=("/customXml/item1.xml",)))


def bomb() -> bytes:
    """A part that unpacks to more than a thousand times its size."""
    return packed({**signed(word_parts()), "word/media/big.bin": bytes(64 * 1024 * 1024)})


def local_name_differs() -> bytes:
    """The local header of the document bears another name than the directory."""
    return with_local_name(packed(signed(word_parts())), b"word/document.xml", b"word/dokument.xml")


def _origin_with_content() -> bytes:
    return packed({**signed(word_parts()), "_xmlsignatures/origin.sigs": b"<w:people/>"})


def _manifest_reference_twice() -> bytes:
    text = signed(word_parts())[SIGNATURE].decode()
    start = text.index('<Reference URI="/word/styles.xml')
    again = text[start : text.index("</Reference>", start) + len("</Reference>")]
    certificate, key = a_signer()
    package_object = text[text.index('<Object Id="idPackageObject"') : text.index("</Object>") + len("</Object>")]
    package_object = package_object.replace(again, again + again)
    references = [reference("#idPackageObject", with_dsig(package_object), "sha256", kind=DSIG + "Object")]
    made = signature_xml(signed_info(references, key, "sha256"), key, [certificate], "sha256", objects=package_object)
    return packed({**signed(word_parts()), SIGNATURE: made.encode()})


def _with_types(old: bytes, new: bytes) -> bytes:
    return packed(replaced(signed(word_parts()), "[Content_Types].xml", old, new))


def second_name() -> bytes:
    """The document bears another name in the extra field in which some archivers repeat names in UTF-8."""
    field = b"\x01" + zlib.crc32(b"word/document.xml").to_bytes(4, "little") + b"word/khac.xml"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in signed(word_parts()).items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            if name == "word/document.xml":
                entry.extra = struct.pack("<2H", 0x7075, len(field)) + field
            archive.writestr(entry, octets)
    return out.getvalue()


def with_item_props(body: str = "") -> Parts:
    """A custom XML item with its identifier beside it."""
    parts = with_custom_xml(word_parts(body=body) if body else word_parts())
    parts["customXml/itemProps1.xml"] = b'<ds:datastoreItem xmlns:ds="urn:ds" ds:itemID="{1}"/>'
    parts["customXml/_rels/item1.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE_RELS}"><Relationship Id="rId1" Type="{OFFICE_RELS}/customXmlProps" '
        'Target="itemProps1.xml"/></Relationships>'
    ).encode()
    kind = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml"
    return with_type(parts, "/customXml/itemProps1.xml", kind)


def with_long_term_papers() -> bytes:
    """What Office adds for XAdES-X-L: references to papers, a time stamp over them, and the papers themselves."""
    papers = (
        "<xd:CompleteCertificateRefs><xd:CertRefs/></xd:CompleteCertificateRefs><xd:CompleteRevocationRefs/>"
        '<xd:SigAndRefsTimeStamp><CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
        "<xd:EncapsulatedTimeStamp>MAA=</xd:EncapsulatedTimeStamp></xd:SigAndRefsTimeStamp><xd:CertificateValues>"
        f"<xd:EncapsulatedX509Certificate>{base64.b64encode(a_signer('Kẻ khác')[0]).decode()}"
        "</xd:EncapsulatedX509Certificate></xd:CertificateValues><xd:RevocationValues/>"
    )
    end = b"</xd:UnsignedSignatureProperties>"
    parts = signed(word_parts(), stamp=time_stamp)
    return packed(replaced(parts, SIGNATURE, end, papers.encode() + end))


def with_signature_line(picture: str = "iVBORw0KGgo=") -> bytes:
    """A signature line: its two pictures are further signed Objects of the signature."""
    parts = signed(word_parts())
    text = parts[SIGNATURE].decode()
    certificate, key = a_signer()
    lines = "".join(f'<Object Id="{name}">iVBORw0KGgo=</Object>' for name in ("idValidSigLnImg", "idInvalidSigLnImg"))
    references = re.findall(r"<Reference URI=\"#.*?</Reference>", text[: text.index("</SignedInfo>")])
    for name in ("idValidSigLnImg", "idInvalidSigLnImg"):
        octets = f'<Object xmlns="{DSIG}" Id="{name}">iVBORw0KGgo=</Object>'.encode()
        references.append(reference(f"#{name}", octets, "sha256", kind=DSIG + "Object"))
    objects = text[text.index("<Object ") : text.index("</Signature>")] + lines
    made = signature_xml(
        signed_info(references, key, "sha256"),
        key,
        [certificate],
        "sha256",
        objects=objects,
        signature_id="idPackageSignature",
    )
    return packed({**parts, SIGNATURE: made.replace("iVBORw0KGgo=", picture, 1).encode()})


def written(parts: Parts, *, first: str = "", stored: str = "", comment: bytes = b"", extra: bytes = b"") -> bytes:
    """An archive written by hand: `first` leads, `stored` is not packed, `comment` ends the directory, `extra` too."""
    names = sorted(parts, key=lambda name: name != first)
    out, directory = bytearray(), bytearray()
    for name in names:
        octets, label, last = parts[name], name.encode(), name == names[-1]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        method = 0 if name == stored else 8
        body = octets if name == stored else packer.compress(octets) + packer.flush()
        note, field = (comment, extra) if last else (b"", b"")
        facts = (method, 0, 33, zlib.crc32(octets), len(body), len(octets), len(label))
        line = struct.pack("<4s4H2H3L3H2H2L", b"PK\1\2", 20, 20, 0, *facts, len(field), len(note), 0, 0, 0, len(out))
        directory += line + label + field + note
        out += struct.pack("<4s2H3H3L2H", b"PK\3\4", 20, 0, *facts, 0) + label + body
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), len(directory), len(out), 0)
    return bytes(out + directory) + end


THUMBNAIL = "docProps/thumbnail.png"


def hidden() -> tuple[Parts, bytes, int]:
    """A signed document in whose unsigned thumbnail a forged one lies; its directory as seen from outside; its size."""
    parts = with_relationship(word_parts(), "_rels/.rels", f"{PACKAGE_RELS}/metadata/thumbnail", THUMBNAIL)
    parts = signed({**parts, THUMBNAIL: b"x"})
    forged = written(replaced(_without(parts, THUMBNAIL), "word/document.xml", b"95,2", b"99,9"))
    end = forged.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<H2L", forged, end + 10)
    directory, at = bytearray(forged[offset:end]), 0
    for _ in range(count):
        (start,) = struct.unpack_from("<L", directory, at + 42)
        struct.pack_into("<L", directory, at + 42, start + 30 + len(THUMBNAIL))
        at += 46 + sum(struct.unpack_from("<3H", directory, at + 28))
    assert at == size
    return {**parts, THUMBNAIL: forged}, bytes(directory), count


def second_directory() -> bytes:
    """A comment of the directory's last line holds another directory and the long end record that leads to it."""
    parts, directory, count = hidden()
    room = len(directory) + 56 + 20
    place = len(written(parts, first=THUMBNAIL, stored=THUMBNAIL, comment=bytes(room))) - 22 - room
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), place)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place + len(directory), 1)
    return written(parts, first=THUMBNAIL, stored=THUMBNAIL, comment=directory + end + locator)


def second_place() -> bytes:
    """The line of the document in the directory also names the place of a forged one, in a field for long numbers."""
    parts, directory, _ = hidden()
    line = directory.index(b"word/document.xml") - 46
    packed_size, size = struct.unpack_from("<2L", directory, line + 20)
    (place,) = struct.unpack_from("<L", directory, line + 42)
    ordered = {name: parts[name] for name in sorted(parts, key=lambda name: name == "word/document.xml")}
    extra = struct.pack("<2H3Q", 1, 24, size, packed_size, place)
    return written(ordered, first=THUMBNAIL, stored=THUMBNAIL, extra=extra)


def end_not_told() -> bytes:
    """An unsigned part that is stored, and whose size comes after it: who reads on must look for its end."""
    parts = signed(word_parts())
    data = bytearray(written(parts, stored="docProps/core.xml"))
    octets = parts["docProps/core.xml"]
    local = data.index(b"docProps/core.xml") - 30
    after = local + 30 + len("docProps/core.xml") + len(octets)
    sizes = struct.pack("<4s3L", b"PK\7\10", zlib.crc32(octets), len(octets), len(octets))
    data[local + 6] |= 8
    data[local + 14 : local + 26] = bytes(12)
    data[after:after] = sizes
    end = data.rindex(b"PK\5\6")
    count, _, offset = struct.unpack_from("<H2L", data, end + 10)
    at = offset = offset + len(sizes)
    struct.pack_into("<L", data, end + 16, offset)
    for _ in range(count):
        (start,) = struct.unpack_from("<L", data, at + 42)
        if start > local:
            struct.pack_into("<L", data, at + 42, start + len(sizes))
        elif start == local:
            data[at + 8] |= 8
        at += 46 + sum(struct.unpack_from("<3H", data, at + 28))
    return bytes(data)


def renamed(name: str, other: str, parts: Parts | None = None) -> bytes:
    """One entry is called otherwise after signing, so that some programs still find it and others do not."""
    found = signed(word_parts()) if parts is None else parts
    return packed({other if one == name else one: octets for one, octets in found.items()})


def properties_among_the_parts() -> bytes:
    """A part that nobody signed lies where Word looks for the names of authors, and says that it is properties."""
    kind = "application/vnd.openxmlformats-package.core-properties+xml"
    parts = with_relationship(
        signed(word_parts()), "_rels/.rels", f"{PACKAGE_RELS}/metadata/core-properties", "word/people.xml"
    )
    return packed(with_type({**parts, "word/people.xml": b"<w15:people/>"}, "/word/people.xml", kind))


def certificate_among_the_parts() -> bytes:
    """The same, as a certificate that belongs to the signature."""
    parts = signed(word_parts())
    kind = f"{PACKAGE_RELS}/digital-signature/certificate"
    parts["_xmlsignatures/_rels/sig1.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE_RELS}"><Relationship Id="rId1" Type="{kind}" Target="/word/people.xml"/>'
        "</Relationships>"
    ).encode()
    content_type = "application/vnd.openxmlformats-package.digital-signature-certificate"
    return packed(with_type({**parts, "word/people.xml": b"<w15:people/>"}, "/word/people.xml", content_type))


def with_field(*pieces: str) -> bytes:
    """A signed document with a field whose instruction stands in so many pieces."""
    runs = "".join(f"<w:r><w:instrText>{one}</w:instrText></w:r>" for one in pieces)
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    result = mark.format("separate") + "<w:r><w:t>95,2</w:t></w:r>" + mark.format("end")
    return packed(signed(word_parts(body=f"<w:p>{mark.format('begin')}{runs}{result}</w:p>")))


# What is attacked or broken: maker, and the answer that must be given ("not passed": any of the others).
ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    # signatures.md 3.2: content injection, content masking.
    "part-added-people": (lambda: new_part("http://schemas.microsoft.com/office/2011/relationships/people", "people.xml", PEOPLE, b"<p/>"), "indeterminate"),
    "part-added-header": (lambda: new_part("header", "header1.xml", WORD_TYPE + "header+xml", f'<w:hdr xmlns:w="{WORD}"/>'.encode()), "indeterminate"),
    "part-added-without-relationship": (lambda: packed({**signed(word_parts()), "word/people.xml": b"<p/>"}), "indeterminate"),
    "part-added-in-trash": (lambda: packed({**signed(word_parts()), "[trash]/0000.dat": b"x"}), "indeterminate"),
    "styles-put-back": (lambda: packed(signed(word_parts(), leave_out=("/word/styles.xml",))), "indeterminate"),
    "font-put-back": (lambda: new_part("fontTable", "fontTable.xml", WORD_TYPE + "fontTable+xml", f'<w:fonts xmlns:w="{WORD}"/>'.encode()), "indeterminate"),
    # Universal forgery, malicious repair, legacy wrapping, empty signature.
    "signature-over-own-object-only": (lambda: signature_of_something_else('<Object Id="x">a</Object>', "#x", f'<Object xmlns="{DSIG}" Id="x">a</Object>'.encode()), "failed"),
    "signature-over-file-outside": (lambda: signature_of_something_else("", "file:///etc/hostname", b"x"), "failed"),
    "signature-over-another-package": (foreign_signature, "failed"),
    "second-main-document": (second_main_document, "indeterminate"),
    "main-part-of-another-type": (evil_type, "indeterminate"),
    "old-streams-signed-document-not": (legacy_wrapping, "indeterminate"),
    "signature-part-empty": (lambda: packed({**signed(word_parts()), SIGNATURE: b""}), "failed"),
    "signature-part-not-xml": (lambda: packed({**signed(word_parts()), SIGNATURE: b"<Signature"}), "failed"),
    # ZIP with two readings.
    "zip-local-name-differs": (local_name_differs, "failed"),
    "zip-entry-twice": (lambda: with_second_entry(signed(word_parts()), "word/document.xml", word_parts("99")["word/document.xml"]), "failed"),
    "zip-entry-twice-but-for-case": (lambda: packed({**signed(word_parts()), "word/DOCUMENT.xml": b"<x/>"}), "failed"),
    "zip-bytes-before": (lambda: with_bytes_before(packed(signed(word_parts())), b"%!PS-Adobe\n"), "indeterminate"),
    "zip-bytes-after": (lambda: packed(signed(word_parts())) + b"<html>", "indeterminate"),
    "zip-cut-off": (lambda: packed(signed(word_parts()))[:-40], "failed"),
    "zip-bomb": (bomb, "failed"),
    # The bytes themselves.
    "document-changed": (lambda: packed(replaced(signed(word_parts()), "word/document.xml", b"95,2", b"99,9")), "failed"),
    "styles-changed": (lambda: packed(replaced(signed(word_parts()), "word/styles.xml", b"<w:styles ", b"<w:styles  ")), "failed"),
    "part-removed": (lambda: packed(_without(signed(word_parts()), "word/styles.xml")), "failed"),
    "content-type-changed": (lambda: packed(replaced(signed(word_parts()), "[Content_Types].xml", b"styles+xml", b"settings+xml")), "failed"),
    "relationship-retargeted": (lambda: packed(replaced(signed(word_parts()), RELS, b"styles.xml", b"styleX.xml")), "failed"),
    "relationship-added-external-template": (lambda: packed(with_relationship(signed(word_parts()), RELS, "attachedTemplate", "http://evil.example/t.dotm", "External")), "indeterminate"),
    "relationship-added-to-root": (lambda: packed(with_relationship(signed(word_parts()), "_rels/.rels", f"{OFFICE_RELS}/glossaryDocument", "word/styles.xml")), "indeterminate"),
    "signature-value-changed": (lambda: _edited("<SignatureValue>", "<SignatureValue>AAAA"), "failed"),
    "digest-in-signed-info-changed": (lambda: _edited('URI="#idOfficeObject"', 'URI="#idPackageObject"'), "failed"),
    "signing-time-changed": (lambda: _edited("<xd:SigningTime>2019", "<xd:SigningTime>2018"), "failed"),
    "manifest-entry-changed": (lambda: _edited("/word/styles.xml?", "/word/stylez.xml?"), "failed"),
    "manifest-entry-twice": (_manifest_reference_twice, "failed"),
    # Shape of the signature.
    "id-repeated": (id_repeated, "failed"),
    "doctype-in-signature": (lambda: packed({**signed(word_parts()), SIGNATURE: b"<!DOCTYPE Signature>" + signed(word_parts())[SIGNATURE].split(b"?>", 1)[1]}), "failed"),
    "doctype-in-relationships": (lambda: packed({**signed(word_parts()), RELS: b"<!DOCTYPE Relationships>" + word_parts()[RELS]}), "failed"),
    "compatibility-markup-in-signature": (lambda: _edited("<SignatureProperties>", '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"/><SignatureProperties>'), "failed"),
    "hmac-instead-of-signature": (lambda: _edited("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), "unsupported"),
    "xslt-transform": (lambda: _edited('<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/></Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>', '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/></Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>'), "failed"),
    "signature-unlinked": (lambda: packed({**signed(word_parts()), "_rels/.rels": word_parts()["_rels/.rels"]}), "failed"),
    "signature-type-changed": (lambda: packed(replaced(signed(word_parts()), "[Content_Types].xml", _SIGNATURE_TYPE.encode(), b"application/xml")), "failed"),
    "origin-with-content": (_origin_with_content, "indeterminate"),
    "object-added-to-signature": (lambda: _edited("</Signature>", '<Object Id="idInvalidSigLnImg">iVBORw0KGgo=</Object></Signature>'), "indeterminate"),
    "signature-line-picture-changed": (lambda: with_signature_line("iVBORw0KGgoAAAAN"), "failed"),
    "content-types-foreign-element": (lambda: _with_types(b"<Override ", b'<mc:AlternateContent xmlns:mc="urn:x"/><Override '), "failed"),
    "content-types-of-another-namespace": (lambda: _with_types(b"<Override ", b'<x:Override xmlns:x="urn:x" PartName="/word/khac.xml" ContentType="text/html"/><Override '), "failed"),
    "zip-second-name-in-extra-field": (second_name, "indeterminate"),
    "doctype-in-properties": (lambda: packed({**signed(word_parts()), "docProps/core.xml": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'}), "indeterminate"),
    # Certificate and properties.
    "certificate-exchanged": (certificate_exchanged, "indeterminate"),
    "certificate-exchanged-unbound": (certificate_exchanged_unbound, "failed"),
    "another-certificate-bound": (another_certificate_bound, "indeterminate"),
    "certificate-removed": (lambda: packed(replaced(replaced(signed(word_parts()), SIGNATURE, b"<X509Certificate>", b"<X509SubjectName>"), SIGNATURE, b"</X509Certificate>", b"</X509SubjectName>")), "indeterminate"),
    "properties-not-signed": (properties_not_signed, "indeterminate"),
    # Unsigned data that signed text shows.
    "content-control-bound-to-unsigned-data": (bound_control, "indeterminate"),
    "content-control-bound-to-properties": (lambda: bound_control("properties"), "indeterminate"),
    "content-control-bound-by-unsigned-identifier": (lambda: packed(signed(with_item_props(BOUND_CONTROL), leave_out=("/customXml/itemProps1.xml",))), "indeterminate"),
    "custom-xml-under-another-name": (lambda: packed(signed(with_custom_xml(word_parts(), "word/people.xml"), leave_out=("/word/people.xml",))), "indeterminate"),
    "slides-left-out-of-the-show": (lambda: packed(signed(slide_parts("<p:showPr><p:sldRg st='1' end='1'/></p:showPr>"), leave_out=("/ppt/presProps.xml",))), "indeterminate"),
    "properties-shown-by-a-field": (lambda: with_field(" DOCPROPERTY  Diem "), "indeterminate"),
    "properties-shown-by-a-field-in-pieces": (lambda: with_field(" ti", "<![CDATA[tl]]>", "&#101; "), "indeterminate"),
    "properties-shown-by-a-short-field": (lambda: packed(signed(word_parts(body="<w:p><w:fldSimple w:instr='SUBJECT'/></w:p>"))), "indeterminate"),
    "properties-among-the-documents-parts": (properties_among_the_parts, "indeterminate"),
    "certificate-among-the-documents-parts": (certificate_among_the_parts, "indeterminate"),
    # Names and lists that programs read in different ways.
    "zip-second-directory-in-a-comment": (second_directory, "failed"),
    "zip-second-place-in-long-numbers": (second_place, "failed"),
    "zip-stored-part-without-an-end": (end_not_told, "failed"),
    "zip-comment-on-an-entry": (lambda: written(signed(word_parts()), comment=b"x"), "indeterminate"),
    "part-renamed-in-case": (lambda: renamed("word/styles.xml", "word/STYLES.xml"), "indeterminate"),
    "part-renamed-with-escapes": (lambda: renamed("word/styles.xml", "word/%73tyles.xml"), "indeterminate"),
    "part-renamed-with-kelvin-sign": (lambda: renamed("xl/worksheets/sheet1.xml", "xl/wor\N{KELVIN SIGN}sheets/sheet1.xml", signed(sheet_parts())), "failed"),
    "relationships-renamed-in-case": (lambda: renamed(RELS, "word/_RELS/document.xml.rels"), "indeterminate"),
    "relationships-in-xml-1.1": (lambda: packed(replaced(signed(word_parts()), RELS, b"<Rel", b'<?xml version="1.1"?><Rel')), "failed"),
    "content-type-given-in-other-letters": (lambda: _with_types(b"/word/document.xml", b"/word/Document.xml"), "indeterminate"),
    "second-signature-broken": (lambda: packed(replaced(signed(signed(word_parts()), by="Giám đốc"), "_xmlsignatures/sig2.xml", b"<SignatureValue>", b"<SignatureValue>AAAA")), "failed"),
}  # fmt: skip

# What is lawful, or only to be told.
LAWFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    "signed-word": (lambda: packed(signed(word_parts())), "passed"),
    "signed-sheet": (lambda: packed(signed(sheet_parts())), "passed"),
    "signed-slides": (lambda: packed(signed(slide_parts())), "passed"),
    "signed-with-elliptic-key": (lambda: packed(signed(word_parts(), kind="ec")), "passed"),
    "signed-without-properties": (lambda: packed(signed(word_parts(), xades=False)), "passed"),
    "signed-with-time-stamp": (lambda: packed(signed(word_parts(), stamp=time_stamp)), "passed"),
    "signed-with-useless-time-stamp": (lambda: packed(signed(word_parts(), stamp=lambda octets: time_stamp(octets, of=b"x"))), "passed"),
    "signed-with-long-term-papers": (with_long_term_papers, "passed"),
    "signed-signature-line": (with_signature_line, "passed"),
    "custom-xml-signed-its-identifier-not": (lambda: packed(signed(with_item_props(), leave_out=("/customXml/itemProps1.xml",))), "passed"),
    "signed-sheet-with-custom-xml": (lambda: packed(signed(with_custom_xml(sheet_parts(), rels="xl/_rels/workbook.xml.rels"))), "passed"),
    "signed-slides-with-custom-xml": (lambda: packed(signed(with_custom_xml(slide_parts(), rels="ppt/_rels/presentation.xml.rels"))), "passed"),
    "signed-twice": (lambda: packed(signed(signed(word_parts()), by="Giám đốc")), "passed"),
    "signed-external-template": (lambda: packed(signed(with_relationship(word_parts(), RELS, "attachedTemplate", "file:///C:/Normal.dotm", "External"))), "passed"),
    "signed-macros": (lambda: packed(signed(with_type({**with_relationship(word_parts(), RELS, "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin"), "word/vbaProject.bin": b"m"}, "/word/vbaProject.bin", "application/vnd.ms-office.vbaProject"))), "passed"),
    "properties-changed": (lambda: packed(replaced(signed(word_parts()), "docProps/core.xml", b"/>", b"> </cp:coreProperties>")), "passed"),
    "custom-xml-left-unsigned": (lambda: packed(signed(with_custom_xml(word_parts()), leave_out=("/customXml/item1.xml",))), "passed"),
    "slide-settings-left-unsigned": (lambda: packed(signed(slide_parts(), leave_out=("/ppt/presProps.xml", "/ppt/viewProps.xml"))), "passed"),
    "signed-fields-of-its-own": (lambda: with_field(' TOC \\t "Title,1" '), "passed"),
    "signed-field-over-another-file": (lambda: with_field(' INCLUDETEXT "khac.docx" '), "passed"),
    "unsigned-word": (lambda: packed(word_parts()), "unsigned"),
    "unsigned-cut-off": (lambda: packed(word_parts())[:-40], "unreadable"),
}  # fmt: skip


def main() -> None:
    """Write every asset into tests/assets/ooxml."""
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
        for name, (maker, _) in table.items():
            (FOLDER / folder / f"{name}.docx").write_bytes(maker())


if __name__ == "__main__":
    sys.exit(main())
