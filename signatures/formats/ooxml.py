"""Signatures inside Word, Excel and PowerPoint files: each judged, and the file walked for what it leaves out."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from urllib.parse import unquote

from lxml import etree

from signatures.algorithms import Unsupported, digest
from signatures.formats.ooxml_cover import (
    MAIN_TYPES,
    SIGNATURE_TYPE,
    Signatures,
    Signed,
    cover,
    find_signatures,
    main_parts,
    remarks_on,
)
from signatures.formats.ooxml_package import CONTENT_TYPES, Package, source_of
from signatures.formats.ooxml_zip import PackageRefused
from signatures.question import Document, Question
from signatures.report import (
    Covers,
    FileReport,
    SignatureFinding,
    Verdict,
    verdict_of_signatures,
)
from signatures.safe_xml import (
    ALL_C14N,
    C14N_10,
    MAX_SIGNATURE_XML_BYTES,
    OPC_C14N,
    XmlRefused,
    canonical_document,
    children,
    local_name,
    parse_xml,
    text_of,
)
from signatures.xades import is_over_signed_properties, moment_of
from signatures.xml_judgement import Placed, judge_xml_signature, refused_finding
from signatures.xml_references import Budget, Ids, dereference
from signatures.xmldsig import (
    Problem,
    SignatureRefused,
    XmlReference,
    XmlSignature,
    dsig,
    failed,
    read_reference,
    read_signature,
    undecided,
    unjudgeable,
)

# Two persons and an agency sign a document, and each may sign again; more is an attack on our time.
MAX_SIGNATURES = 50

_MDSSI = "http://schemas.openxmlformats.org/package/2006/digital-signature"
_RELATIONSHIP_TRANSFORM = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_PACKAGE_OBJECT = "idPackageObject"

_MEDIA_TYPES = {
    "word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "sheet": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "slides": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "": "application/zip",
}


def recognises(document: Document) -> bool:
    """Whether `document` is, or was meant to be, an Office package: an archive that speaks of its content types."""
    data = document.data
    archive = data.startswith(b"PK\x03\x04") or (
        b"PK\x05\x06" in data[-65_557:] and b"%PDF-" not in data[:1024] and b"PK\x03\x04" in data
    )
    if not archive or CONTENT_TYPES.encode() not in data:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            # A plain archive may hold an Office file unpacked, so that its names stand among the bytes.
            return any(name.lower() == CONTENT_TYPES.lower() for name in opened.namelist())
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError):
        return True


def inspect(document: Document, question: Question) -> FileReport:
    """
    Judge every signature of the Office file `document`; never raises on hostile bytes.

    A package that two readers could read in two ways is `failed` if it speaks of signatures, else `unreadable`. One
    without any signature is `unsigned`. A signature that leaves out something a reader could show is `indeterminate`
    (NOT_FULLY_SIGNED), never `passed`.

    Source: ISO/IEC 29500-2, 13 (digital signatures); [MS-OFFCRYPTO] 2.5.2. The eleven rules of what must hold
    (docs/signatures.md) are numbered where they stand.
    """
    report = FileReport(
        path=document.name,
        sha256=document.sha256,
        size=len(document.data),
        media_type=_MEDIA_TYPES[""],
        format="ooxml",
        verdict=Verdict.UNREADABLE,
    )
    try:
        package = Package(document.data)  # Rules 1 and 2.
        signatures = find_signatures(package)  # Rule 3.
        mains = main_parts(package)
        reasons = list(remarks_on(package))
    except PackageRefused as cause:
        problem = failed(cause.code, cause.detail)
        if b"_xmlsignatures/" not in document.data and SIGNATURE_TYPE.encode() not in document.data:
            return replace(report, reasons=(problem.reason,))
        finding = refused_finding(problem, name="package", kind="ooxml")
        return replace(report, verdict=Verdict.FAILED, reasons=(problem.reason,), signatures=(finding,))
    kind = MAIN_TYPES.get(package.content_type(mains[0]), ("", frozenset()))[0] if mains else ""
    report = replace(report, media_type=_MEDIA_TYPES[kind])
    findings = [
        _judge_part(package, part, signatures, document.name, question) for part in signatures.parts[:MAX_SIGNATURES]
    ]
    findings += [
        refused_finding(failed("OOXML_SIGNATURE_UNLINKED", name), name=name, kind="ooxml")
        for name in package.names
        if package.content_type(name) == SIGNATURE_TYPE and package.key(name) not in map(package.key, signatures.parts)
    ][:MAX_SIGNATURES]
    if len(signatures.parts) > MAX_SIGNATURES:
        problem = undecided("XML_TOO_COSTLY", f"{len(signatures.parts)} signatures, at most {MAX_SIGNATURES}", None)
        findings.append(refused_finding(problem, name="further signatures", kind="ooxml"))
    found = tuple(findings)
    return replace(report, verdict=verdict_of_signatures(found), reasons=tuple(reasons), signatures=found)


def _judge_part(
    package: Package, part: str, signatures: Signatures, file_name: str, question: Question
) -> SignatureFinding:
    try:
        if package.content_type(part) != SIGNATURE_TYPE:
            raise SignatureRefused(failed("OOXML_SIGNATURE_TYPE", f"{part} is {package.content_type(part)[:80]!r}"))
        root = parse_xml(package.read(part), max_bytes=MAX_SIGNATURE_XML_BYTES)
        if any(_speaks_compatibility(element) for element in root.iter(etree.Element)):
            # Rule 4: what such markup hides or shows depends on the program that reads it.
            raise SignatureRefused(failed("OOXML_COMPATIBILITY_MARKUP", "markup compatibility inside the signature"))
        signature = read_signature(root)
        placed = _place(package, signature, signatures, file_name)
    except SignatureRefused as cause:
        return refused_finding(cause.problem, name=part, kind="ooxml")
    except (XmlRefused, PackageRefused) as cause:
        return refused_finding(failed(cause.code, cause.detail), name=part, kind="ooxml")
    return judge_xml_signature(signature, placed, question, name=part, kind="ooxml")


def _speaks_compatibility(element: etree._Element) -> bool:
    mark = f"{{{_COMPATIBILITY}}}"
    return str(element.tag).startswith(mark) or any(str(name).startswith(mark) for name in element.attrib)


def _place(package: Package, signature: XmlSignature, signatures: Signatures, file_name: str) -> Placed:
    """Follow all references of one signature and see what they leave out. Raises SignatureRefused, PackageRefused."""
    ids = Ids(signature.element)
    if ids.repeated:
        raise SignatureRefused(failed("XML_ID_REPEATED", f"{sorted(ids.repeated)[0][:60]!r} stands more than once"))
    references, problems = _follow_own(signature, ids)
    package_object = ids.place_of(_PACKAGE_OBJECT)
    if package_object is None or not any(place is package_object for _, place in references):
        # Rule 5: without it the signature is over nothing of this package (universal forgery).
        raise SignatureRefused(failed("OOXML_PACKAGE_UNSIGNED", "the package object is not signed"))
    manifest, claimed_at = _read_package_object(package_object)
    signed, digests, manifest_problems = _check_manifest(package, manifest)
    problems += manifest_problems
    found = cover(package, signatures, signed)  # Rule 10.
    gaps = list(found.gaps)
    gaps += _main_part_gaps(package, signed, file_name)  # Rule 11.
    gaps += _unsigned_objects(signature, references)
    gaps += _renamed(package, manifest)
    gaps += [f"{reason.code}: {reason.detail}" for reason in remarks_on(package) if reason.code in _DOUBTFUL]
    if gaps:
        shown = "; ".join(gaps[:5]) + (f"; and {len(gaps) - 5} more" if len(gaps) > 5 else "")
        problems.append(undecided("NOT_FULLY_SIGNED", shown))
    return Placed(
        references=references,
        problems=tuple(problems),
        remarks=found.remarks,
        covers=Covers.PARTIAL if gaps else Covers.WHOLE,
        claimed_at=claimed_at,
        further_digests=digests,
    )


def _follow_own(
    signature: XmlSignature, ids: Ids
) -> tuple[tuple[tuple[XmlReference, etree._Element | None], ...], list[Problem]]:
    """
    Follow the references of SignedInfo (rule 5).

    Each must stay inside the signature: one of its own Objects, or the XAdES signed properties, through at most one
    canonicalisation. OPC allows Canonical XML 1.0 only; the exclusive form is met in files that Office accepts.
    """
    references: list[tuple[XmlReference, etree._Element | None]] = []
    problems: list[Problem] = []
    budget = Budget()
    for reference in signature.references:
        if not (reference.uri or "").startswith("#"):
            raise SignatureRefused(failed("OOXML_REFERENCE_OUTSIDE", f"{(reference.uri or '')[:100]!r}"))
        if any(one.algorithm not in ALL_C14N for one in reference.transforms):
            raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", reference.transforms[0].algorithm[:100]))
        place = dereference(reference, signature.element, ids, budget)
        own = any(place.element is one for one in signature.objects)
        if not own and not (is_over_signed_properties(reference) and local_name(place.element) == "SignedProperties"):
            raise SignatureRefused(failed("OOXML_REFERENCE_OUTSIDE", f"{reference.uri or ''!r} is no own object"))
        problem = reference.problem_of(place.octets)
        if problem is not None:
            problems.append(problem)
        references.append((reference, place.element))
    return tuple(references), problems


def _unsigned_objects(
    signature: XmlSignature, references: tuple[tuple[XmlReference, etree._Element | None], ...]
) -> list[str]:
    """
    Name the Objects of the signature that no reference is over, apart from those with XAdES properties.

    Office shows what such an Object says: the reason for signing, and the picture of a signature line.
    """
    signed = {id(place) for _, place in references if place is not None}
    return [
        f"object {one.get('Id', '')[:60]!r} of the signature"
        for one in signature.objects
        if id(one) not in signed
        and (text_of(one).strip() or any(local_name(part) != "QualifyingProperties" for part in children(one)))
    ]


def _read_package_object(element: etree._Element) -> tuple[etree._Element, datetime | None]:
    """Return the one Manifest, and the claimed time of the idSignatureTime property (rule 7; a claim, no proof)."""
    manifests = [one for one in children(element) if one.tag == dsig("Manifest")]
    if len(manifests) != 1:
        raise SignatureRefused(failed("OOXML_PACKAGE_UNSIGNED", f"{len(manifests)} manifests in the package object"))
    times = list(element.iter(f"{{{_MDSSI}}}SignatureTime"))
    values = [text_of(one) for time in times for one in children(time) if local_name(one) == "Value"]
    return manifests[0], moment_of(values[0]) if len(values) == 1 else None


def _check_manifest(package: Package, manifest: etree._Element) -> tuple[Signed, frozenset[str], list[Problem]]:
    """Check each manifest reference against the package (rules 8 and 9). Raises SignatureRefused for a wrong shape."""
    parts: set[str] = set()
    relationships: dict[str, frozenset[str]] = {}
    digests: set[str] = set()
    problems: list[Problem] = []
    seen: set[str] = set()
    for element in children(manifest):
        if element.tag != dsig("Reference"):
            raise SignatureRefused(failed("XML_SIGNATURE_MALFORMED", "a manifest with foreign elements"))
        if len(seen) > _MAX_MANIFEST:
            raise SignatureRefused(undecided("XML_TOO_COSTLY", f"more than {_MAX_MANIFEST} manifest references", None))
        reference = read_reference(element)
        name, declared = _part_and_type(reference)
        key = package.key(name)
        if key in seen:
            raise SignatureRefused(failed("OOXML_MANIFEST_DOUBTFUL", f"{name[:100]!r} stands twice"))
        seen.add(key)
        if not package.has(name):
            problems.append(failed("OOXML_PART_GONE", name[:200], "HASH_FAILURE"))
            continue
        if declared != package.content_type(name):
            problems.append(failed("OOXML_TYPE_CHANGED", f"{name[:100]}: {package.content_type(name)[:100]!r}", _HASH))
            continue
        digests.add(reference.digest_algorithm)
        source = source_of(name)
        try:
            if source is not None:
                octets, ids = _signed_relationships(package, name, source, reference)
                relationships[package.key(source)] = ids
                found = digest(reference.digest_algorithm, octets)
            elif reference.transforms:
                raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", f"transforms on {name[:100]!r}"))
            else:
                found = package.digest(name, reference.digest_algorithm)
                parts.add(key)
        except Unsupported as cause:
            problems.append(unjudgeable("XML_ALGORITHM_UNKNOWN", str(cause)))
            continue
        if found != reference.digest_value:
            problems.append(failed("OOXML_PART_CHANGED", name[:200], _HASH))
    return Signed(frozenset(parts), relationships), frozenset(digests), problems


def _renamed(package: Package, manifest: etree._Element) -> list[str]:
    """Name what the archive calls otherwise than the signer did: a program that heeds letter case does not find it."""
    names = [(one.get("URI") or "").partition("?")[0] for one in children(manifest)]
    return [f"{one} is named in other letters" for one in names if package.has(one) and not package.is_called(one)]


def _part_and_type(reference: XmlReference) -> tuple[str, str]:
    """Split `/part?ContentType=type` (rule 8; ISO/IEC 29500-2, 13.2.4.5)."""
    name, mark, query = (reference.uri or "").partition("?")
    field, equals, declared = query.partition("=")
    if not name.startswith("/") or not mark or field != "ContentType" or not equals or "&" in declared:
        raise SignatureRefused(failed("OOXML_REFERENCE_OUTSIDE", f"manifest reference {(reference.uri or '')[:100]!r}"))
    return name, unquote(declared)


def _signed_relationships(
    package: Package, name: str, source: str, reference: XmlReference
) -> tuple[bytes, frozenset[str]]:
    """
    Return the octets of a `.rels` part that were signed, and the Ids of the relationships they hold (rule 9).

    Without a transform the whole part is signed as it stands. With one, only the chosen relationships: by Id or by
    Type, in the order of their Ids, TargetMode written out, nothing else kept (ISO/IEC 29500-2, 13.2.4.24).
    """
    all_ids = frozenset(one.id for one in package.relationships(source))
    octets = package.read_list(name)
    if not reference.transforms:
        return octets, all_ids
    names = [one.algorithm for one in reference.transforms]
    if len(names) != 2 or names[0] != _RELATIONSHIP_TRANSFORM or names[1] not in OPC_C14N:
        raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", f"transforms on {name[:100]!r}"))
    chosen_ids: set[str] = set()
    chosen_types: set[str] = set()
    for one in children(reference.transforms[0].element):
        if one.tag == f"{{{_MDSSI}}}RelationshipReference":
            chosen_ids.add(one.get("SourceId", ""))
        elif one.tag == f"{{{_MDSSI}}}RelationshipsGroupReference":
            chosen_types.add(one.get("SourceType", ""))
        else:
            raise SignatureRefused(failed("XML_TRANSFORM_REFUSED", "an unknown choice of relationships"))
    root = parse_xml(octets)
    kept = [one for one in children(root) if one.get("Id", "") in chosen_ids or one.get("Type", "") in chosen_types]
    for child in list(root):
        root.remove(child)
    root.text = None
    for one in sorted(kept, key=lambda each: each.get("Id", "")):
        for inner in list(one):
            one.remove(inner)
        one.text = one.tail = None
        if one.get("TargetMode") is None:
            one.set("TargetMode", "Internal")
        root.append(one)
    return canonical_document(_alone(root), C14N_10), frozenset(one.get("Id", "") for one in kept)


def _alone(root: etree._Element) -> etree._Element:
    """Return `root` in a document of its own, without comments or instructions beside it."""
    return etree.fromstring(etree.tostring(root, encoding="utf-8"))


def _main_part_gaps(package: Package, signed: Signed, file_name: str) -> list[str]:
    """Say what is wrong with the main document: not one, not signed, of no known type, or not of the file's type."""
    mains = main_parts(package)
    if len(mains) != 1:
        return [f"{len(mains)} main documents"]
    main, content_type = mains[0], package.content_type(mains[0])
    if package.key(main) not in signed.parts:
        return [f"the main document {main} is not signed"]
    _, endings = MAIN_TYPES.get(content_type, ("", frozenset[str]()))
    if not endings:
        return [f"the main document has the type {content_type[:100]!r}"]
    ending = PurePath(file_name).suffix.lower().lstrip(".")
    known: Mapping[str, str] = {one: kind for kind, some in MAIN_TYPES.values() for one in some}
    if ending in known and known[ending] != MAIN_TYPES[content_type][0]:
        return [f"the file is named .{ending}, its main document is {content_type.rpartition('.')[2]!r}"]
    return []


_HASH = "HASH_FAILURE"
_MAX_MANIFEST = 20_000
# Remarks on the archive itself that leave doubt about what another reader sees.
_DOUBTFUL = frozenset({"OOXML_EXTRA_BYTES", "OOXML_NAMES_DOUBTFUL"})
