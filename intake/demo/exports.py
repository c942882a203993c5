"""Writes what a document system would export: edXML packages, folders with a manifest, bare files."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"

# The default name space and the prefix are the same, as in every package that was seen.
_NAMES: dict[str, str] = {None: NAMESPACE, "edXML": NAMESPACE}  # type: ignore[dict-item]  # lxml takes None here

# BussinessDocType of QCVN 102:2016/BTTTT; the misspelt element name is the real one.
NEW, REVOKE, UPDATE, REPLACE = "0", "1", "2", "3"


@dataclass(frozen=True, slots=True)
class Party:
    """A sender or addressee of a package."""

    organ_id: str
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a package; `zipped` wraps it in a one-entry archive as the national kit does, else it is raw."""

    name: str
    data: bytes
    media_type: str = "application/pdf"
    zipped: bool = True


def edxml_document(
    sender: Party,
    receiver: Party,
    *,
    number: str,
    notation: str,
    subject: str,
    signed_by: str,
    at: datetime,
    attachments: Sequence[Attachment] = (),
    operation: str = NEW,
    reason: str = "",
    replaces: Sequence[str] = (),
) -> bytes:
    """
    Return a package that carries a document; `at` is aware, and its wall-clock time is written without a zone.

    `replaces` names the DocumentIds that an operation other than NEW is about.
    """
    root, header, body = _envelope()
    message = _child(header, "MessageHeader")
    _party(_child(message, "From"), sender)
    _party(_child(message, "To"), receiver)
    _child(message, "DocumentId", document_id(sender, number, notation, at))
    code = _child(message, "Code")
    _child(code, "CodeNumber", number)
    _child(code, "CodeNotation", notation)
    promulgation = _child(message, "PromulgationInfo")
    _child(promulgation, "Place", "Bình Thuận")
    _child(promulgation, "PromulgationDate", f"{at:%Y/%m/%d}")
    kind = _child(message, "DocumentType")
    _child(kind, "Type", "1")
    _child(kind, "TypeName", "Công văn")
    _child(message, "Subject", subject)
    signer = _child(message, "SignerInfo")
    _child(signer, "Position", "Giám đốc")
    _child(signer, "FullName", signed_by)
    _child(message, "SteeringType", "0")
    trace_list = _child(header, "TraceHeaderList")
    trace = _child(trace_list, "TraceHeader")
    _child(trace, "OrganId", sender.organ_id)
    _child(trace, "Timestamp", f"{at:%Y/%m/%d %H:%M:%S}")
    business = _child(trace_list, "Bussiness")
    _child(business, "BussinessDocType", operation)
    _child(business, "BussinessDocReason", reason or "Văn bản mới")
    _child(business, "Paper", "0")
    if replaces:
        replacements = _child(business, "ReplacementInfoList")
        for replaced in replaces:
            info = _child(replacements, "ReplacementInfo")
            _child(info, "DocumentId", replaced)
            _child(_child(info, "OrganIdList"), "OrganId", receiver.organ_id)
    manifest = _child(body, "edXMLManifest")
    manifest.set("version", "1.0")
    encoded = _child(root, "AttachmentEncoded")
    for attachment in attachments:
        content_id = (
            f"cid:{uuid.uuid5(uuid.NAMESPACE_URL, attachment.name + hashlib.sha256(attachment.data).hexdigest())}"
        )
        reference = _child(manifest, "Reference")
        part = _child(encoded, "Attachment")
        for node in (reference, part):
            _child(node, "ContentId", content_id)
            _child(node, "AttachmentName", attachment.name)
            _child(node, "ContentType", "application/zip" if attachment.zipped else attachment.media_type)
        data = _one_entry_zip(attachment) if attachment.zipped else attachment.data
        _child(part, "ContentTransferEncoded", base64.b64encode(data).decode("ascii"))
    return _bytes(root)


def edxml_status(sender: Party, receiver: Party, *, about: str, code: str, text: str, at: datetime) -> bytes:
    """Return a status package (QĐ 28/2018/QĐ-TTg): `code` 01 to 16 about the document with the number `about`."""
    root, header, _ = _envelope()
    status = _child(header, "Status")
    response = _child(status, "ResponseFor")
    _child(response, "OrganId", receiver.organ_id)
    _child(response, "Code", about)
    _child(response, "PromulgationDate", f"{at:%Y/%m/%d}")
    _child(response, "DocumentId", f"{receiver.organ_id},{at:%Y/%m/%d},{about}")
    _party(_child(status, "From"), sender)
    _child(status, "StatusCode", code)
    _child(status, "Description", text)
    _child(status, "Timestamp", f"{at:%Y/%m/%d %H:%M:%S}")
    return _bytes(root)


def document_id(sender: Party, number: str, notation: str, at: datetime) -> str:
    """Return the DocumentId as the national kit forms it."""
    return f"{sender.organ_id},{at:%Y/%m/%d},{number}/{notation}"


def manifest(
    sender: Party,
    *,
    code: str,
    subject: str,
    sent_at: datetime,
    received_at: datetime,
    files: Sequence[tuple[str, bytes, str]],
) -> bytes:
    """Return the `manifest.json` beside files of (name, content, role), `intake-manifest/1`."""
    content: dict[str, Any] = {
        "schema": "intake-manifest/1",
        "source_system": "QLVB thử nghiệm (demo)",
        "source_id": f"{sender.organ_id}-{code}",
        "sender": {"organ_id": sender.organ_id, "name": sender.name},
        "code": code,
        "promulgation_date": f"{sent_at:%Y-%m-%d}",
        "subject": subject,
        "sent_at": sent_at.isoformat(timespec="seconds"),
        "received_at": received_at.isoformat(timespec="seconds"),
        "operation": "new",
        "files": [
            {"name": name, "role": role, "sha256": hashlib.sha256(data).hexdigest()} for name, data, role in files
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8")


def put(folder: Path, name: str, files: Sequence[tuple[str, bytes]], at: datetime) -> None:
    """
    Put an export into the folder in one step: bare files by themselves, or a sub-folder `name` of several.

    Each file appears by a rename, finished and with its modification time `at`, as a careful exporter does it.
    `name` empty: the files lie in the folder itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seconds = at.timestamp()
    draft = folder / f".{name or files[0][0]}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for file_name, data in files:
        file = draft / file_name
        file.write_bytes(data)
        os.utime(file, (seconds, seconds))
    if name:
        os.utime(draft, (seconds, seconds))
        draft.replace(folder / name)
        return
    # The last one named is the one that makes the others complete (a signature beside its file comes first).
    for file_name, _ in files:
        (draft / file_name).replace(folder / file_name)
    draft.rmdir()


def _envelope() -> tuple[etree._Element, etree._Element, etree._Element]:
    root = etree.Element(f"{{{NAMESPACE}}}edXML", nsmap=_NAMES)
    envelope = _child(root, "edXMLEnvelope")
    return root, _child(envelope, "edXMLHeader"), _child(envelope, "edXMLBody")


def _party(node: etree._Element, party: Party) -> None:
    _child(node, "OrganId", party.organ_id)
    _child(node, "OrganName", party.name)
    if party.email:
        _child(node, "Email", party.email)


def _child(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    node = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    node.text = text
    return node


def _one_entry_zip(attachment: Attachment) -> bytes:
    out = io.BytesIO()
    suffix = Path(attachment.name).suffix
    # The kit names the entry by a UUID of its own, never by the attachment's name.
    entry = zipfile.ZipInfo(f"{uuid.uuid5(uuid.NAMESPACE_URL, attachment.name)}{suffix}", (2019, 9, 1, 8, 0, 0))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, attachment.data)
    return out.getvalue()


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
