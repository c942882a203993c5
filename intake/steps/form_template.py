"""Writes the form to fill in as a Word document: every place to write in carries a tag by which it reads back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Length, Pt, RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from lxml import etree

from config.catalogue import SAMPLE_MARK_EN, SAMPLE_MARK_VI, Catalogue, Criterion, CriterionKind, Group
from intake.steps.form_fields import (
    AGENCY,
    AGENCY_PLACEHOLDER,
    BLOCK,
    CATALOGUE,
    YEAR,
    Field,
    answer_fields,
    evidence_field,
    score_field,
)
from intake.steps.form_numbers import format_number

COLUMNS = ("STT", "Tiêu chí đánh giá", "Điểm tối đa", "Trả lời", "Điểm tự chấm", "Tài liệu kiểm chứng")
_WIDTHS = (Cm(1.1), Cm(6.0), Cm(1.3), Cm(4.0), Cm(1.5), Cm(3.3))
_FONT = "Times New Roman"
_GREY = RGBColor(0x80, 0x80, 0x80)


def template_docx(
    catalogue: Catalogue, block: str, title: str, *, agency_name: str = "", year: int | None = None
) -> bytes:
    """
    Return the form of `catalogue` for `block` as a .docx on A4, laid out as an administrative document.

    `title` is the campaign's. Raises KeyError for a block that the catalogue does not have. A sample catalogue is
    marked as such above the title and at the foot of every page.
    """
    year = year or catalogue.year
    document = Document()
    _set_up(document, title)
    ids = _Numbers()
    _head(document, ids, agency_name)
    _title(document, catalogue, block, title, year)
    for group in catalogue.groups:
        criteria = [one for one in group.criteria if block in one.points]
        if criteria:
            _group(document, ids, group, criteria, block)
    _foot(document, ids, catalogue, block, year)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


class _Numbers:
    """Gives each content control a number of its own, which Word wants."""

    def __init__(self) -> None:
        self._last = 1000

    def next(self) -> str:
        self._last += 1
        return str(self._last)


def _set_up(document: WordDocument, title: str) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.top_margin = section.bottom_margin = Cm(2.0)
    section.left_margin, section.right_margin = Cm(2.3), Cm(1.5)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = _FONT, Pt(12)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    normal.paragraph_format.space_after = Pt(3)
    document.core_properties.title = f"Phiếu đánh giá: {title}"
    document.core_properties.author = ""
    document.core_properties.comments = ""
    document.core_properties.language = "vi-VN"


def _head(document: WordDocument, ids: _Numbers, agency_name: str) -> None:
    """The two-column head that every official document has (the national motto on the right)."""
    table = document.add_table(rows=1, cols=2)
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    left, right = table.rows[0].cells
    _widths(table, (Cm(7.4), Cm(9.8)))
    _line(left.paragraphs[0], "CƠ QUAN, ĐƠN VỊ:", size=12)
    name = left.add_paragraph()
    name.alignment = WD_ALIGN_PARAGRAPH.CENTER
    field = Field(AGENCY, "agency", "Tên cơ quan, đơn vị", AGENCY_PLACEHOLDER, "form")
    _control(name, ids, field, value=agency_name, bold=True)
    _line(left.add_paragraph(), "Số:          /PĐG", size=12)
    _line(right.paragraphs[0], "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", bold=True, size=12)
    _line(right.add_paragraph(), "Độc lập - Tự do - Hạnh phúc", bold=True, size=13)
    _line(right.add_paragraph(), "………, ngày …… tháng …… năm ……", italic=True, size=12)


def _title(document: WordDocument, catalogue: Catalogue, block: str, title: str, year: int) -> None:
    if catalogue.is_sample:
        _line(document.add_paragraph(), f"{SAMPLE_MARK_VI} ({SAMPLE_MARK_EN})", bold=True, size=11, grey=True)
    _line(document.add_paragraph(), "PHIẾU ĐÁNH GIÁ", bold=True, size=15)
    named = title if str(year) in title else f"{title} năm {year}"
    _line(document.add_paragraph(), named, bold=True, size=13)
    _line(document.add_paragraph(), f"(Dành cho: {catalogue.blocks[block]})", italic=True, size=12)
    period = f"Số liệu tính từ ngày {_day(catalogue.data_from)} đến ngày {_day(catalogue.data_to)}."
    _line(document.add_paragraph(), period, size=12)
    _line(document.add_paragraph(), _HOW, italic=True, size=11, align=WD_ALIGN_PARAGRAPH.JUSTIFY)


_HOW = (
    "Cách ghi: tiêu chí về tỷ lệ phải ghi số liệu tử số và mẫu số cụ thể; nếu trong kỳ không phát sinh thì ghi 0 ở "
    "cả hai. Tiêu chí Có/Không ghi “Có” hoặc “Không”. Văn bản ghi đủ số, ký hiệu; ngày ban hành; trích yếu; chưa có "
    "thì ghi “không có”. Số viết theo cách của Việt Nam: dấu chấm giữa hàng nghìn, dấu phẩy trước phần thập phân "
    "(1.234,5)."
)


def _group(document: WordDocument, ids: _Numbers, group: Group, criteria: list[Criterion], block: str) -> None:
    heading = document.add_paragraph()
    heading.paragraph_format.space_before = Pt(8)
    heading.paragraph_format.keep_with_next = True
    points = format_number(group.points.get(block, Decimal(0)))
    _line(heading, f"{group.id}. {group.name} ({points} điểm)", bold=True, size=12, align=WD_ALIGN_PARAGRAPH.LEFT)
    table = document.add_table(rows=1, cols=len(COLUMNS))
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for cell, name in zip(table.rows[0].cells, COLUMNS, strict=True):
        _line(cell.paragraphs[0], name, bold=True, size=10)
    _repeat_on_each_page(table)
    for criterion in criteria:
        cells = table.add_row().cells
        _line(cells[0].paragraphs[0], criterion.id, size=11)
        _line(cells[1].paragraphs[0], criterion.name, size=11, align=WD_ALIGN_PARAGRAPH.LEFT)
        for line in _explanations(criterion):
            _line(cells[1].add_paragraph(), line, italic=True, size=10, align=WD_ALIGN_PARAGRAPH.LEFT)
        _line(cells[2].paragraphs[0], format_number(criterion.points[block]), size=11)
        _fill(cells[3], ids, answer_fields(criterion), labelled=True)
        _fill(cells[4], ids, (score_field(criterion),), labelled=False)
        _fill(cells[5], ids, (evidence_field(criterion),), labelled=False)
    _widths(table, _WIDTHS)


def _explanations(criterion: Criterion) -> Iterator[str]:
    if criterion.kind is CriterionKind.RATIO:
        yield f"Tử số: {criterion.numerator}"
        yield f"Mẫu số: {criterion.denominator}"
    if criterion.unit:
        yield f"Đơn vị tính: {criterion.unit}"


def _foot(document: WordDocument, ids: _Numbers, catalogue: Catalogue, block: str, year: int) -> None:
    table = document.add_table(rows=1, cols=2)
    left, right = table.rows[0].cells
    _widths(table, (Cm(8.0), Cm(9.2)))
    _line(left.paragraphs[0], "Nơi nhận:", bold=True, italic=True, size=11, align=WD_ALIGN_PARAGRAPH.LEFT)
    for text in ("- Sở Thông tin và Truyền thông;", "- Lưu: VT."):
        _line(left.add_paragraph(), text, size=11, align=WD_ALIGN_PARAGRAPH.LEFT)
    _line(right.paragraphs[0], "THỦ TRƯỞNG CƠ QUAN, ĐƠN VỊ", bold=True, size=12)
    _line(right.add_paragraph(), "(Ký số của người có thẩm quyền và chữ ký số của cơ quan)", italic=True, size=11)
    for _ in range(3):
        right.add_paragraph()
    # By these three a form is known for what it is, in Word and on paper; they cannot be written over by mistake.
    code = document.add_paragraph()
    code.paragraph_format.space_before = Pt(12)
    _run(code, "Mã phiếu: ", size=9, grey=True)
    for number, (tag, label, value) in enumerate(
        ((CATALOGUE, "Bộ tiêu chí", catalogue.id), (BLOCK, "Khối", block), (YEAR, "Năm", str(year)))
    ):
        if number:
            _run(code, " / ", size=9, grey=True)
        _control(code, ids, Field(tag, "form", label, "", "form"), value=value, size=9, locked=True)
    if catalogue.is_sample:
        footer = document.sections[0].footer.paragraphs[0]
        _line(footer, SAMPLE_MARK_VI, italic=True, size=9, grey=True)


def _fill(cell: _Cell, ids: _Numbers, fields: tuple[Field, ...], *, labelled: bool) -> None:
    for number, field in enumerate(fields):
        paragraph = cell.paragraphs[0] if number == 0 else cell.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT
        if labelled:
            _run(paragraph, f"{field.label}: ", size=10)
        _control(paragraph, ids, field, size=11)


def _control(
    paragraph: Paragraph,
    ids: _Numbers,
    field: Field,
    *,
    value: str = "",
    size: int = 12,
    bold: bool = False,
    locked: bool = False,
) -> None:
    """
    Add a content control to the paragraph (ISO/IEC 29500-1, 17.5.2): it keeps its tag when Word saves it again.

    An empty one shows its placeholder and says so (showingPlcHdr), so that Word replaces it at the first key.
    """
    control = OxmlElement("w:sdt")
    properties = OxmlElement("w:sdtPr")
    _child(properties, "w:alias", field.label)
    _child(properties, "w:tag", field.tag)
    _child(properties, "w:id", ids.next())
    if locked:
        _child(properties, "w:lock", "sdtContentLocked")
    if not value:
        properties.append(OxmlElement("w:showingPlcHdr"))
    if field.choices:
        menu = OxmlElement("w:dropDownList")
        for choice in field.choices:
            item = OxmlElement("w:listItem")
            item.set(qn("w:displayText"), choice)
            item.set(qn("w:value"), choice)
            menu.append(item)
        properties.append(menu)
    else:
        text = OxmlElement("w:text")
        if field.slot in ("evidence", "answer", "subject"):
            text.set(qn("w:multiLine"), "1")
        properties.append(text)
    control.append(properties)
    content = OxmlElement("w:sdtContent")
    run = _run(paragraph, value or field.placeholder, size=size, bold=bold, grey=not value)
    content.append(run._r)
    control.append(content)
    paragraph._p.append(control)


def _child(parent: etree._Element, name: str, value: str) -> None:
    element = OxmlElement(name)
    element.set(qn("w:val"), value)
    parent.append(element)


def _line(
    paragraph: Paragraph,
    text: str,
    *,
    bold: bool = False,
    italic: bool = False,
    size: int = 12,
    grey: bool = False,
    align: WD_ALIGN_PARAGRAPH = WD_ALIGN_PARAGRAPH.CENTER,
) -> None:
    paragraph.alignment = align
    run = _run(paragraph, text, size=size, bold=bold, grey=grey)
    run.italic = italic


def _run(paragraph: Paragraph, text: str, *, size: int, bold: bool = False, grey: bool = False) -> Run:
    run = paragraph.add_run(text)
    run.font.name, run.font.size, run.bold = _FONT, Pt(size), bold
    # Word chooses the font of letters with marks by a second name; without it half a word would look different.
    run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:cs"), _FONT)
    if grey:
        run.font.color.rgb = _GREY
    return run


def _repeat_on_each_page(table: Table) -> None:
    properties = table.rows[0]._tr.get_or_add_trPr()
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    properties.append(header)


def _widths(table: Table, widths: tuple[Length, ...]) -> None:
    table.autofit = False
    # Word goes by the cells' widths, LibreOffice by the columns'.
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for row in table.rows:
        unbroken = OxmlElement("w:cantSplit")
        row._tr.get_or_add_trPr().append(unbroken)
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = width


def _day(value: date) -> str:
    return f"{value.day:02d}/{value.month}/{value.year}"
