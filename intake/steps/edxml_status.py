"""Write the status package by which the document system is told: arrived, refused, or taken in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from intake.steps.edxml import NAMESPACE
from intake.steps.unpacked import HANOI, DocumentReference

StatusCode = Literal["01", "02", "03"]

# Decision 28/2018/QĐ-TTg as practised by the national axis: the sender's system shows these words to its clerk.
MEANINGS: dict[StatusCode, str] = {
    "01": "Đã đến",
    "02": "Từ chối tiếp nhận",
    "03": "Đã tiếp nhận",
}


@dataclass(frozen=True, slots=True)
class StatusSender:
    """Who answers: the office as the roster knows it; `department` and `staff` may be empty."""

    organ_id: str
    name: str
    email: str = ""
    department: str = ""
    staff: str = ""


def write_status_package(
    sender: StatusSender, answered: DocumentReference, status: StatusCode, description: str, at: datetime
) -> bytes:
    """
    Return a status package (UTF-8 XML) that answers the document `answered` with 01, 02 or 03.

    `at` is aware and is written as Vietnamese time, since the form has no zone; raises ValueError for a naive one.
    Characters that XML 1.0 forbids are left out of every text. The same arguments give the same bytes.

    Source: the tree of the national axis' own samples (QCVN 102:2016/BTTTT as practised): the status stands in
    MessageHeader, the prefix edXML is bound to the default namespace.
    """
    if at.tzinfo is None:
        raise ValueError(f"no time zone on {at!r}")
    root = etree.Element(f"{{{NAMESPACE}}}edXML", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # the stubs forbid a default
    envelope = etree.SubElement(root, f"{{{NAMESPACE}}}edXMLEnvelope", nsmap={"edXML": NAMESPACE})
    header = _add(_add(envelope, "edXMLHeader"), "MessageHeader")
    origin = _add(header, "From")
    _add(origin, "OrganId", sender.organ_id)
    _add(origin, "OrganizationInCharge", sender.name)
    _add(origin, "OrganName", sender.name)
    if sender.email:
        _add(origin, "Email", sender.email)
    response = _add(header, "ResponseFor")
    _add(response, "OrganId", answered.organ_id)
    _add(response, "Code", answered.code)
    day = answered.promulgation_date
    _add(response, "PromulgationDate", "" if day is None else day.strftime("%Y/%m/%d"))
    _add(response, "DocumentId", answered.document_id)
    staff = _add(header, "StaffInfo")
    _add(staff, "Department", sender.department)
    _add(staff, "Staff", sender.staff)
    _add(header, "StatusCode", status)
    _add(header, "Description", description or MEANINGS[status])
    _add(header, "Timestamp", at.astimezone(HANOI).strftime("%Y/%m/%d %H:%M:%S"))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", nsmap={"edXML": NAMESPACE})
    if text is not None:
        element.text = "".join(letter for letter in text if _allowed(ord(letter)))
    return element


def _allowed(code: int) -> bool:
    """Tell whether XML 1.0 (section 2.2) allows the character."""
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
