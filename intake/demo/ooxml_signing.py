"""Signs Word, Excel and PowerPoint files as Office does, for trials and tests."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from lxml import etree

from intake.demo.xml_signing import (
    C14N,
    DSIG,
    SIGNED_PROPERTIES,
    PrivateKey,
    Stamp,
    c14n,
    qualifying_object,
    reference,
    signature_method,
    signature_xml,
    signed_info,
    signed_properties,
    timestamp_property,
    with_namespaces,
)

_RELS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MDSSI = "http://schemas.openxmlformats.org/package/2006/digital-signature"
_TRANSFORM = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
_ORIGIN_TYPE = "application/vnd.openxmlformats-package.digital-signature-origin"
_SIGNATURE_TYPE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"

# Office leaves these out: it rewrites the properties whenever a file is copied.
_UNSIGNED_ENDINGS = (
    "/metadata/core-properties",
    "/extended-properties",
    "/custom-properties",
    "/metadata/thumbnail",
    "/digital-signature/origin",
)


def sign_ooxml(
    data: bytes,
    key: PrivateKey,
    certificate: bytes,
    chain: Sequence[bytes] = (),
    *,
    at: datetime | None = None,
    digest: str = "sha256",
    xades: bool = True,
    leave_out: Collection[str] = (),
    stamp: Stamp | None = None,
    bound_certificate: bytes | None = None,
    pss: bool = False,
) -> bytes:
    """
    Return the Office file `data` with one more signature over all its parts and relationships.

    Properties and thumbnail stay unsigned, as Office leaves them; `leave_out` names further parts ("/word/styles.xml")
    that are left out, with the relationships that lead to them. `stamp` gives the time-stamp token for the octets it
    gets. `bound_certificate` is bound instead of `certificate`, for attacks. Raises ValueError for what is no package.
    """
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    parts = read_package(data)
    number = 1 + sum(name.startswith("_xmlsignatures/sig") for name in parts)
    _add_origin(parts, number)
    manifest = "".join(_manifest_references(parts, digest, frozenset(leave_out)))
    package_object = _package_object(manifest, moment)
    office_object = _office_object()
    references = [
        reference("#idPackageObject", with_dsig(package_object), digest, kind=DSIG + "Object"),
        reference("#idOfficeObject", with_dsig(office_object), digest, kind=DSIG + "Object"),
    ]
    objects = package_object + office_object
    if xades:
        properties = signed_properties(
            certificate, moment, digest, properties_id="idSignedProperties", digest_of=bound_certificate
        )
        references.append(
            reference(
                "#idSignedProperties",
                with_namespaces(properties),
                digest,
                kind=SIGNED_PROPERTIES,
                transforms=f'<Transform Algorithm="{C14N}"/>',
            )
        )
        objects += qualifying_object(properties, target="idPackageSignature")
    signature = signature_xml(
        signed_info(references, key, digest, method=signature_method(key, digest, pss=True) if pss else ""),
        key,
        [certificate, *chain],
        digest,
        objects=objects,
        signature_id="idPackageSignature",
        unsigned=None if stamp is None else lambda octets: timestamp_property(stamp(octets)),
        pss=pss,
    )
    parts[f"_xmlsignatures/sig{number}.xml"] = f'<?xml version="1.0" encoding="UTF-8"?>{signature}'.encode()
    return write_package(parts)


def read_package(data: bytes) -> dict[str, bytes]:
    """Return the entries of the archive by name, in order. Raises ValueError for what is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except zipfile.BadZipFile as cause:
        raise ValueError("not an Office file") from cause


def write_package(parts: Mapping[str, bytes]) -> bytes:
    """Return an archive of `parts`, with the fixed date that Office writes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), octets, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def with_dsig(element: str) -> bytes:
    """Return the canonical form of an element that stands inside a Signature."""
    return c14n(element.replace("<Object ", f'<Object xmlns="{DSIG}" ', 1))


def _add_origin(parts: dict[str, bytes], number: int) -> None:
    types = etree.fromstring(parts["[Content_Types].xml"])
    space = f"{{{etree.QName(types).namespace}}}"
    if not any(one.get("Extension", "").lower() == "sigs" for one in types):
        etree.SubElement(types, space + "Default", Extension="sigs", ContentType=_ORIGIN_TYPE)
    part = f"/_xmlsignatures/sig{number}.xml"
    etree.SubElement(types, space + "Override", PartName=part, ContentType=_SIGNATURE_TYPE)
    parts["[Content_Types].xml"] = etree.tostring(types, encoding="UTF-8", xml_declaration=True, standalone=True)
    if "_xmlsignatures/origin.sigs" not in parts:
        parts["_xmlsignatures/origin.sigs"] = b""
        _relate(parts, "_rels/.rels", f"{_RELS}/digital-signature/origin", "_xmlsignatures/origin.sigs")
    kind = f"{_RELS}/digital-signature/signature"
    _relate(parts, "_xmlsignatures/_rels/origin.sigs.rels", kind, f"sig{number}.xml")


def _relate(parts: dict[str, bytes], rels: str, kind: str, target: str) -> None:
    empty = f'<Relationships xmlns="{_RELS}"/>'.encode()
    root = etree.fromstring(parts.get(rels, empty))
    taken = {one.get("Id") for one in root}
    identity = next(f"rId{number}" for number in range(1, len(taken) + 2) if f"rId{number}" not in taken)
    etree.SubElement(root, f"{{{_RELS}}}Relationship", Id=identity, Type=kind, Target=target)
    parts[rels] = etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)


def _manifest_references(parts: Mapping[str, bytes], digest: str, leave_out: frozenset[str]) -> list[str]:
    types = etree.fromstring(parts["[Content_Types].xml"])
    defaults = {one.get("Extension", "").lower(): one.get("ContentType", "") for one in types if one.get("Extension")}
    overrides = {one.get("PartName", ""): one.get("ContentType", "") for one in types if one.get("PartName")}
    found = []
    skipped = leave_out | {
        name for name in map("/".__add__, parts) if name.startswith(("/docProps/", "/_xmlsignatures/"))
    }
    for name, octets in parts.items():
        part = f"/{name}"
        if name == "[Content_Types].xml" or part in skipped:
            continue
        kind = overrides.get(part) or defaults.get(name.rpartition(".")[2].lower(), "")
        uri = f"{part}?ContentType={kind}"
        if not name.endswith(".rels"):
            found.append(reference(uri, octets, digest))
            continue
        ids, canonical = _signed_relationships(octets, name, skipped)
        chosen = "".join(f"<mdssi:RelationshipReference SourceId={quoteattr(one)}/>" for one in ids)
        transforms = f'<Transform Algorithm="{_TRANSFORM}">{chosen}</Transform><Transform Algorithm="{C14N}"/>'
        if ids:
            found.append(reference(uri, canonical, digest, transforms=transforms))
    return found


def _signed_relationships(rels: bytes, name: str, skipped: Collection[str]) -> tuple[list[str], bytes]:
    """Return the Ids to sign and the canonical form of those relationships (ISO/IEC 29500-2, 13.2.4.24)."""
    folder = posixpath.dirname(posixpath.dirname(f"/{name}"))
    lines = []
    for one in etree.fromstring(rels):
        target = posixpath.normpath(posixpath.join(folder, one.get("Target", "")))
        external = one.get("TargetMode") == "External"
        if one.get("Type", "").endswith(_UNSIGNED_ENDINGS) or (not external and target in skipped):
            continue
        mode = one.get("TargetMode", "Internal")
        lines.append((one.get("Id", ""), one.get("Target", ""), mode, one.get("Type", "")))
    lines.sort()
    written = "".join(
        f"<Relationship Id={quoteattr(identity)} Target={quoteattr(target)} TargetMode={quoteattr(mode)} "
        f"Type={quoteattr(kind)}/>"
        for identity, target, mode, kind in lines
    )
    return [one[0] for one in lines], c14n(f'<Relationships xmlns="{_RELS}">{written}</Relationships>')


def _package_object(manifest: str, at: datetime) -> str:
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<Object Id="idPackageObject" xmlns:mdssi="{_MDSSI}"><Manifest>{manifest}</Manifest><SignatureProperties>'
        '<SignatureProperty Id="idSignatureTime" Target="#idPackageSignature"><mdssi:SignatureTime>'
        f"<mdssi:Format>YYYY-MM-DDThh:mm:ssTZD</mdssi:Format><mdssi:Value>{moment}</mdssi:Value></mdssi:SignatureTime>"
        "</SignatureProperty></SignatureProperties></Object>"
    )


def _office_object() -> str:
    return (
        '<Object Id="idOfficeObject"><SignatureProperties><SignatureProperty Id="idOfficeV1Details" '
        'Target="#idPackageSignature"><SignatureInfoV1 xmlns="http://schemas.microsoft.com/office/2006/digsig">'
        "<SetupID/><SignatureText/><SignatureComments>TRIAL</SignatureComments><OfficeVersion>16.0</OfficeVersion>"
        "<SignatureType>1</SignatureType></SignatureInfoV1></SignatureProperty></SignatureProperties></Object>"
    )
