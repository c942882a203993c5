"""Read a package of the national document exchange (edXML, QCVN 102:2016/BTTTT): what it says, and its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

from lxml import etree

from intake.steps.edxml_files import (
    File,
    all_named,
    attachments,
    check_complete,
    child,
    decoded_files,
    local,
    paired,
    references,
    value,
)
from intake.steps.mail_facts import one_line
from intake.steps.media_types import media_type_of
from intake.steps.unpacked import HANOI, DocumentReference, EdxmlFacts, Leaf, Operation, TraceStamp, Unpacked
from storage.records import Why

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"

# Elements of one package; the samples have about a hundred. Counted before parsing, by their `<`.
MAX_ELEMENTS = 100_000
# Stray bytes before the first `<` (one SDK sample has four).
MAX_STRAY_BYTES = 256
# References, traces and receivers that are kept.
MAX_ENTRIES = 500

_ROOT = re.compile(rb"<(?![?!])(?:[A-Za-z_][\w.-]{0,60}:)?([A-Za-z_][\w.-]{0,60})[\s>/]")
# A declaration, comment, processing instruction or document type before the root.
_PROLOG = re.compile(
    rb"\s*(?:<\?.{0,2000}?\?>|<!--.{0,8000}?-->|<![A-Z][^\[>]{0,2000}(?:\[.{0,8000}?\]\s{0,99})?>)\s*", re.DOTALL
)
_OPERATIONS: dict[str, Operation] = {"0": "new", "1": "revoke", "2": "update", "3": "replace"}
_DATES = (
    re.compile(
        r"(?P<y>\d{4})[/-](?P<m>\d{1,2})[/-](?P<d>\d{1,2})(?:[T ]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2}))?)?"
    ),
    re.compile(
        r"(?P<d>\d{1,2})[/-](?P<m>\d{1,2})[/-](?P<y>\d{4})(?:[T ]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2}))?)?"
    ),
)
_ZONE = re.compile(r"(?:Z|([+-])(\d{2}):?(\d{2}))$")

Open = Callable[[list[File]], tuple[tuple[Leaf, ...], tuple[Why, ...]]]


def looks_like_edxml(data: bytes) -> bool:
    """Tell an edXML package, of the present form or the older SOAP one, by its root; stray bytes may precede it."""
    at = data.find(b"<", 0, MAX_STRAY_BYTES + 1)
    # A header field or an envelope line before it is the beginning of a mail, whose sender may call himself
    # `<edXML/x@example>`; read as a package, the mail would lose its From.
    if at < 0 or b"\x00" in data[:at] or b":" in data[:at] or data.startswith((b"From ", b">From ")):
        return False
    # Only the root itself counts: a mail may begin with `Return-Path: <…>` and quote a package further down.
    front = data[at : at + 16_384].lstrip()
    while (prolog := _PROLOG.match(front)) is not None:
        front = front[prolog.end() :]
    root = _ROOT.match(front)
    if root is None:
        return False
    name = root.group(1).lower()
    if name == b"edxml":
        return True
    return name in (b"envelope", b"document") and b"edXML" in front


def read_edxml(data: bytes, name: str, open_files: Open) -> Unpacked:
    """
    Read a package; nothing raises, every flaw is a problem, and what cannot be read stays as one leaf: the package.

    1. Refuse a document type declaration: no honest package has one, and entities are its only use.
    2. Parse without network, entities or DTD; what is not well-formed is read as far as it goes, and reported.
    3. Match elements by local name only: writers differ in namespaces (domain: QCVN 102:2016 as practised).
    4. Decode each attachment, unwrap the one-entry ZIP that the SDK puts around it, pair it with its reference.
    """
    digest = hashlib.sha256(data).hexdigest()
    problems: list[Why] = []
    start = max(data.find(b"<"), 0)
    if data[:start].strip(b"\xef\xbb\xbf \t\r\n"):
        problems.append(Why("EDXML_STRAY_BYTES", f"{start} bytes before the first element"))
    # 1.
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", data) is not None:
        return _closed(data, name, digest, open_files, [*problems, Why("XML_DTD_REFUSED", name)])
    if data.count(b"<") > 2 * MAX_ELEMENTS:
        return _closed(data, name, digest, open_files, [*problems, Why("LIMIT_PARTS", "XML elements")])
    # 2.
    root, flaw = _parse(data[start:])
    if flaw is not None:
        problems.append(Why("XML_NOT_WELL_FORMED", flaw))
    if root is None:
        return _closed(data, name, digest, open_files, problems)
    if _has_dtd(root):
        return _closed(data, name, digest, open_files, [*problems, Why("XML_DTD_REFUSED", name)])
    # 3.
    if local(root) != "edXML":
        return _closed(data, name, digest, open_files, [*problems, Why("EDXML_OLD_GENERATION", name)], root)
    attached = tuple(attachments(root))
    listed = tuple(references(root))
    # What brings a file is a document, whatever else it says of itself: a status is set aside and never opened.
    status = None if any(one.text.strip() for one in attached) else _status_code(root)
    facts = _facts(root, status, len(listed))
    # 4.
    files: list[File] = []
    if status is None:
        pairs = paired(attached, listed)
        files = decoded_files(attached, pairs, tuple(one.name for one in listed), problems)
        check_complete(attached, listed, pairs, problems)
    operations = _operation_texts(root)
    if len(operations) > 1 or not set(operations) <= {*_OPERATIONS}:
        problems.append(Why("EDXML_OPERATION_UNKNOWN", ", ".join(operations)[:40]))
    leaves, flaws = open_files(files)
    return Unpacked(
        "edxml-status" if status is not None else "edxml",
        name,
        digest,
        len(data),
        leaves,
        (*problems, *flaws),
        edxml=facts,
    )


def _closed(
    data: bytes,
    name: str,
    digest: str,
    open_files: Open,
    problems: list[Why],
    root: etree._Element | None = None,
) -> Unpacked:
    """Return a package that was not opened: its only leaf is itself."""
    kept = Leaf((name or "#1",), name or None, "", media_type_of(data), len(data), digest, data)
    facts = None if root is None else _facts(root, None, 0, generation="soap")
    del open_files
    return Unpacked("edxml", name, digest, len(data), (kept,), tuple(problems), edxml=facts)


def _parse(data: bytes) -> tuple[etree._Element | None, str | None]:
    """Parse strictly, else leniently with the first fault in words; None if nothing could be read."""
    flaw: str | None = None
    for lenient in (False, True):
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=True,  # A file of ten megabytes is one text node; depth stays limited by libxml2 (2,048).
            recover=lenient,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            found = _root(data, parser)
        except (etree.XMLSyntaxError, ValueError, LookupError) as cause:
            flaw = flaw or one_line(str(cause))[:200]
            continue
        if found is not None:
            return found, flaw
    return None, flaw or "no element"


def _root(data: bytes, parser: etree.XMLParser) -> etree._Element | None:
    """Return the root; with recover there may be none, which the stubs of lxml do not say."""
    return etree.fromstring(data, parser)


def _has_dtd(root: etree._Element) -> bool:
    """Tell whether the parsed document has a DTD after all: a declaration may hide behind an odd encoding."""
    declared: object = root.getroottree().docinfo.internalDTD
    return declared is not None


def _status_code(root: etree._Element) -> etree._Element | None:
    """Return the code that makes a package a status: the header's own child, not one that stands anywhere in it."""
    for one in all_named(root, "StatusCode"):
        parent = one.getparent()
        if parent is not None and local(parent) in ("Status", "MessageHeader"):
            return one
    return None


def _facts(
    root: etree._Element, status: etree._Element | None, declared: int, generation: Literal["vxp", "soap"] = "vxp"
) -> EdxmlFacts:
    is_status = status is not None
    header = status.getparent() if status is not None else next(all_named(root, "MessageHeader", "Status"), None)
    sender, code = child(header, "From"), child(header, "Code")
    issued = child(header, "PromulgationInfo")
    kind = child(header, "DocumentType")
    receivers = [] if header is None else [one for one in header if local(one) == "To"][:MAX_ENTRIES]
    answers = [] if header is None else [one for one in header if local(one) == "ResponseFor"][:MAX_ENTRIES]
    signature = next(all_named(root, "Signature", "DigitalSignature"), None)
    namespace = str(root.tag).rpartition("}")[0].lstrip("{")
    return EdxmlFacts(
        from_organ_id=value(sender, "OrganId"),
        from_name=value(sender, "OrganName") or value(sender, "OrganizationInCharge"),
        from_email=value(sender, "Email"),
        to_organ_ids=tuple(found for one in receivers if (found := value(one, "OrganId"))),
        code_number=value(code, "CodeNumber"),
        code_notation=value(code, "CodeNotation"),
        promulgation_date=_day(value(issued, "PromulgationDate", "Date")),
        subject=value(header, "Subject"),
        document_id=value(header, "DocumentId"),
        document_type=value(kind, "TypeName"),
        operation=_operation(root),
        response_for=tuple(one for one in map(_reference, answers) if any((one.organ_id, one.code, one.document_id))),
        replaced_document_ids=_replaced(root),
        trace=tuple(
            TraceStamp(value(one, "OrganId"), _moment(value(one, "Timestamp")), value(one, "Timestamp"))
            for one in list(all_named(root, "TraceHeader"))[:MAX_ENTRIES]
        ),
        due_date=_day(value(header, "DueDate")),
        status_code=value(header, "StatusCode") or None if is_status else None,
        status_description=value(header, "Description") if is_status else "",
        status_at=_moment(value(header, "Timestamp")) if is_status else None,
        signature_present=signature is not None and (len(signature) > 0 or bool((signature.text or "").strip())),
        namespace=one_line(namespace)[:200],
        generation=generation,
        declared_attachments=declared,
    )


def _replaced(root: etree._Element) -> tuple[str, ...]:
    """Return the ids of the documents that this one replaces, updates or revokes, each once."""
    holders = [*all_named(root, "ReplacementInfo")][:MAX_ENTRIES]
    if _operation(root) != "new":
        holders += [*all_named(root, "Bussiness", "Business")][:1]
    return tuple(dict.fromkeys(found for one in holders if (found := value(one, "DocumentId"))))


def _reference(element: etree._Element) -> DocumentReference:
    return DocumentReference(
        value(element, "OrganId"),
        value(element, "Code"),
        _day(value(element, "PromulgationDate")),
        value(element, "DocumentId"),
    )


def _operation_texts(root: etree._Element) -> tuple[str, ...]:
    """Return every BussinessDocType (the real spelling; some write Business), each once; none where none is written."""
    written = (((one.text or "").strip()) for one in all_named(root, "BussinessDocType", "BusinessDocType"))
    return tuple(dict.fromkeys(text.lstrip("0") or "0" for text in written if text))


def _operation(root: etree._Element) -> Operation:
    """Return what the package asks for; one that asks for two things at once asks for nothing that is obeyed."""
    asked = _operation_texts(root)
    return _OPERATIONS.get(asked[0], "new") if len(asked) == 1 else "new"


def _match(text: str) -> re.Match[str] | None:
    for pattern in _DATES:
        found = pattern.match(text.strip())
        if found is not None:
            return found
    return None


def _day(text: str) -> date | None:
    """Read a day as packages write it: yyyy/MM/dd, yyyy-MM-dd or dd/MM/yyyy; a time after it is passed over."""
    found = _match(text)
    if found is None:
        return None
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    """Read a time stamp as aware UTC; without a zone it is Vietnamese time, without an hour it is no moment."""
    found = _match(text)
    if found is None or found["H"] is None:
        return None
    zone: timezone = HANOI
    tail = _ZONE.search(text.strip())
    if tail is not None:
        minutes = 0 if tail[1] is None else (int(tail[2]) * 60 + int(tail[3])) * (-1 if tail[1] == "-" else 1)
        zone = timezone(timedelta(minutes=max(-1439, min(1439, minutes))))
    try:
        return datetime(
            *(
                int(found["y"]),
                int(found["m"]),
                int(found["d"]),
                int(found["H"]),
                int(found["M"]),
                int(found["S"] or 0),
            ),
            tzinfo=zone,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
