"""Fills the form as an agency would, for the demonstration and for tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from decimal import Decimal

from lxml import etree

from config.catalogue import Catalogue, Criterion, CriterionKind
from intake.steps.form_fields import AGENCY, answer_fields, evidence_field, score_field
from intake.steps.form_numbers import format_number

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PART = "word/document.xml"


def plausible_values(catalogue: Catalogue, block: str, agency_name: str, *, seed: int = 0) -> dict[str, str]:
    """
    Return an answer for every field of `block` (tag to text), without a flaw; another `seed` answers otherwise.

    The figures are invented and say nothing about any agency.
    """
    values = {AGENCY: agency_name}
    for number, criterion in enumerate(catalogue.criteria(block), start=seed + 1):
        values.update(_answer(criterion, number))
        maximum = criterion.points[block]
        values[score_field(criterion).tag] = format_number(min(maximum, (maximum * 9 / 10).quantize(Decimal("0.5"))))
        values[evidence_field(criterion).tag] = f"Báo cáo số {100 + number}/BC-VP"
    return values


def fill_template(template: bytes, values: Mapping[str, str]) -> bytes:
    """
    Return the Word form `template` with `values` (tag to text) written into its fields, all else byte for byte.

    It does what Word does when somebody types: the placeholder goes, and with it the mark that says it is one.
    A tag that the template does not have is a KeyError.
    """
    with zipfile.ZipFile(io.BytesIO(template)) as archive:
        parts = [(info, archive.read(info)) for info in archive.infolist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, octets in parts:
            archive.writestr(info, _fill(octets, values) if info.filename == _PART else octets)
    return out.getvalue()


def _answer(criterion: Criterion, number: int) -> dict[str, str]:
    tags = {field.slot: field.tag for field in answer_fields(criterion)}
    match criterion.kind:
        case CriterionKind.RATIO:
            whole = 40 + 7 * (number % 30)
            return {tags["numerator"]: format_number(Decimal(whole - number % 5)), tags["denominator"]: str(whole)}
        case CriterionKind.BOOLEAN:
            return {tags["answer"]: "Có" if number % 6 else "Không"}
        case CriterionKind.COUNT:
            return {tags["answer"]: str(number % 7)}
        case CriterionKind.DOCUMENT:
            texts = {"number": f"{number}/KH-VP", "date": f"{number % 28 + 1:02d}/3/2019", "subject": "Kế hoạch CNTT"}
            return {tag: texts.get(slot, "có") for slot, tag in tags.items()}
        case CriterionKind.TEXT:
            return {tags["answer"]: "02 máy chủ, 01 thiết bị lưu trữ, 01 tường lửa; mạng nội bộ tốc độ 1 Gbps."}


def _fill(octets: bytes, values: Mapping[str, str]) -> bytes:
    root = etree.fromstring(octets)
    left = dict(values)
    for control in root.iter(_W + "sdt"):
        properties = control.find(_W + "sdtPr")
        content = control.find(_W + "sdtContent")
        tag = None if properties is None else properties.find(_W + "tag")
        if properties is None or content is None or tag is None or tag.get(_W + "val") not in values:
            continue
        text = values[tag.get(_W + "val", "")]
        left.pop(tag.get(_W + "val", ""), None)
        for mark in properties.findall(_W + "showingPlcHdr"):
            properties.remove(mark)
        for run_properties in content.iter(_W + "rPr"):
            for colour in run_properties.findall(_W + "color"):
                run_properties.remove(colour)
        for place, one in enumerate(content.iter(_W + "t")):
            one.text = text if place == 0 else ""
    if left:
        raise KeyError(f"the template has no field {next(iter(left))}")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
