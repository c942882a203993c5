"""What was found inside a thing that arrived: its files one by one, and what the mail or package says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

from storage.records import Why

# Times in packages and manifests carry no zone and are Vietnamese (Asia/Ho_Chi_Minh has had +07:00 since 1975).
HANOI = timezone(timedelta(hours=7))

Kind = Literal["mail", "edxml", "edxml-status", "bundle", "archive", "tnef", "document"]
Automatic = Literal["no", "auto-reply", "bounce", "report", "list", "calendar"]
Operation = Literal["new", "revoke", "update", "replace"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """
    One file that arrived inside something: decoded bytes, never opened further, never running text.

    `trail` holds the names of the containers from the outside in and ends with the leaf's own name; what has no name
    stands there under its place, such as `#2.1` (a MIME section number or the member's number). `name` is NFC without
    any path, None if unnamed, and is a label only: nothing is ever stored or looked up by it.
    `declared_type` is what the sender wrote (lower case, empty if nothing), `media_type` what the bytes are.
    `sha256` (hex) and `size` are of `data`. `readable_name` is the name in Unicode where the sender typed it for an old
    TCVN3 or VNI font, for showing and searching, never for a verdict.
    """

    trail: tuple[str, ...]
    name: str | None
    declared_type: str
    media_type: str
    size: int
    sha256: str
    data: bytes = field(repr=False)
    readable_name: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox as a header names it; `address` is lower case in its domain and empty where there was only a name."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class ReceivedHop:
    """One Received header: unfolded text and the time after its last semicolon (aware UTC, None if unreadable)."""

    raw: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """One Authentication-Results header (RFC 8601): who claims to have checked, and the unfolded value."""

    authserv_id: str
    raw: str


@dataclass(frozen=True, slots=True)
class MailFacts:
    """
    What the outermost message says of itself; every word of it is the sender's claim except our own server's stamps.

    `date` is the Date header as an aware UTC time (None: absent, unreadable or without a zone), never a witness.
    Header lists keep their order, top first. Ids are given without white space, with their angle brackets.
    `bounced_message_ids` are the Message-IDs that a bounce names as not delivered (not as delayed, or delivered).
    `return_path` is None when there is no such header and "" when it is the null sender `<>`.
    `encrypted` says that the message as a whole could not be read (S/MIME enveloped data, PGP/MIME).
    """

    message_id: str | None
    subject: str | None
    from_addresses: tuple[Address, ...]
    sender: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    date: datetime | None
    in_reply_to: str | None
    references: tuple[str, ...]
    automatic: Automatic
    automatic_signals: tuple[str, ...]
    bounced_message_ids: tuple[str, ...]
    return_path: str | None
    received: tuple[ReceivedHop, ...]
    authentication_results: tuple[AuthenticationResult, ...]
    list_id: str | None
    cc: tuple[Address, ...] = ()
    signed: bool = False
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """A document that a package answers or replaces (edXML ResponseFor); empty strings where nothing was said."""

    organ_id: str
    code: str
    promulgation_date: date | None
    document_id: str


@dataclass(frozen=True, slots=True)
class TraceStamp:
    """One TraceHeader: which system, and when by its own clock (no zone written: read as +07:00, kept as UTC)."""

    organ_id: str
    at: datetime | None
    raw: str


@dataclass(frozen=True, slots=True)
class EdxmlFacts:
    """
    What an edXML package says of itself (QCVN 102:2016/BTTTT); all of it is the sender's claim.

    `generation` is "vxp" for the present form and "soap" for the older one, which is recognised and not supported.
    `status_code` and the two fields after it stand in status packages only. Strings are empty where nothing was said.
    """

    from_organ_id: str
    from_name: str
    from_email: str
    to_organ_ids: tuple[str, ...]
    code_number: str
    code_notation: str
    promulgation_date: date | None
    subject: str
    document_id: str
    document_type: str
    operation: Operation
    response_for: tuple[DocumentReference, ...]
    replaced_document_ids: tuple[str, ...]
    trace: tuple[TraceStamp, ...]
    due_date: date | None
    status_code: str | None
    status_description: str
    status_at: datetime | None
    signature_present: bool
    namespace: str
    generation: Literal["vxp", "soap"] = "vxp"
    declared_attachments: int = 0

    @property
    def code(self) -> str:
        """Return number and notation as people write them: `123/SNV-VP`."""
        return "/".join(part for part in (self.code_number, self.code_notation) if part)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a folder bundle as it lay there; `modified_at` is the file's own time, `role` the manifest's word."""

    name: str
    size: int
    sha256: str
    modified_at: datetime | None = None
    role: str = ""
    promised_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """
    What a folder of files says of itself: the manifest's fields (`intake-manifest/1`), or nothing but the files.

    Times are aware UTC; one without a zone is read as +07:00. Strings are empty where nothing was said.
    """

    shape: Literal["manifest", "bare"]
    path: str
    files: tuple[BundleFile, ...]
    source_system: str = ""
    source_id: str = ""
    sender_organ_id: str = ""
    sender_name: str = ""
    code: str = ""
    promulgation_date: date | None = None
    subject: str = ""
    sent_at: datetime | None = None
    received_at: datetime | None = None
    operation: Operation = "new"
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """
    A thing that arrived, taken apart: every leaf with its trail, and every flaw that was met on the way.

    `text` is the running text of the outermost message (plain text; taken from HTML where there is nothing else),
    empty outside mail. Exactly one of `mail`, `edxml` and `bundle` is set where `kind` says so; an archive,
    a TNEF file and a document have none. `sha256` and `size` are of the whole thing as it came.
    """

    kind: Kind
    name: str
    sha256: str
    size: int
    parts: tuple[Leaf, ...]
    problems: tuple[Why, ...] = ()
    text: str = ""
    mail: MailFacts | None = None
    edxml: EdxmlFacts | None = None
    bundle: BundleFacts | None = None


def as_json(path: str, unpacked: Unpacked, zone: tzinfo = HANOI) -> dict[str, Any]:
    """
    Return `unpacked` in the shape of one entry of `intake-unpack/1` files[].

    `date` is RFC 3339 in `zone`, the office's; of a package it is the day of promulgation. Unnamed leaves end their
    trail with null, unnamed containers stand in it under their place.
    """
    mail, edxml, bundle = unpacked.mail, unpacked.edxml, unpacked.bundle
    message_id: str | None = None
    subject: str | None = None
    sender: str | None = None
    moment: str | None = None
    if mail is not None:
        message_id, subject = mail.message_id, mail.subject
        first = next(iter(mail.from_addresses), None)
        sender = None if first is None else first.address or first.name or None
        moment = None if mail.date is None else mail.date.astimezone(zone).isoformat()
    elif edxml is not None:
        message_id = edxml.document_id or None
        subject = edxml.subject or None
        sender = edxml.from_organ_id or None
        moment = None if edxml.promulgation_date is None else edxml.promulgation_date.isoformat()
    elif bundle is not None:
        message_id = bundle.source_id or None
        subject = bundle.subject or None
        sender = bundle.sender_organ_id or bundle.sender_name or None
        moment = None if bundle.sent_at is None else bundle.sent_at.astimezone(zone).isoformat()
    return {
        "path": path,
        "sha256": unpacked.sha256,
        "size": unpacked.size,
        "kind": unpacked.kind,
        "message_id": message_id,
        "subject": subject,
        "from": sender,
        "date": moment,
        "automatic": None if mail is None else mail.automatic,
        "parts": [
            {
                "trail": [*leaf.trail[:-1], leaf.name],
                "name": leaf.name,
                "declared_type": leaf.declared_type or None,
                "media_type": leaf.media_type,
                "size": leaf.size,
                "sha256": leaf.sha256,
            }
            for leaf in unpacked.parts
        ],
        "problems": [{"code": one.code, "detail": one.detail} for one in unpacked.problems],
    }
