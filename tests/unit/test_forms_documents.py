"""The form on paper: written with a tag in every field, read back from Word, PDF and Excel, never stumbling."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from functools import cache

import openpyxl
import pytest
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from config.catalogue import Catalogue, sample_catalogue
from intake.demo.filled_form import fill_template, plausible_values
from intake.demo.form_pdf import form_pdf
from intake.steps.form_fields import AGENCY, all_fields, answer_fields, evidence_field, score_field
from intake.steps.forms import FormReading, first_page_text, read_form, write_template

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TITLE = "Đánh giá ứng dụng CNTT năm 2019"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@cache
def catalogue() -> Catalogue:
    """The shipped sample."""
    return sample_catalogue()


@cache
def template(block: str = "so_nganh") -> bytes:
    """The empty form."""
    return write_template(catalogue(), block, TITLE)


@cache
def filled(block: str = "so_nganh") -> bytes:
    """A form filled in without a flaw."""
    return fill_template(template(block), plausible_values(catalogue(), block, "Sở Nội vụ"))


@cache
def printed(block: str = "so_nganh") -> bytes:
    """The same form as PDF."""
    return form_pdf(catalogue(), block, "Sở Nội vụ", plausible_values(catalogue(), block, "Sở Nội vụ"), title=TITLE)


def edited(data: bytes, change: object) -> bytes:
    """The document with its main part changed by a function of the tree's root."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            octets = source.read(name)
            if name == "word/document.xml":
                root = etree.fromstring(octets)
                change(root)  # type: ignore[operator]
                octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)
            target.writestr(name, octets)
    return out.getvalue()


def read_word(data: bytes) -> FormReading:
    """Read as Word form of the sample."""
    return read_form(data, WORD, catalogue())


@pytest.mark.parametrize("block", ["so_nganh", "huyen"])
def test_every_field_of_the_template_has_its_tag_once(block: str) -> None:
    """A form reads back without guessing only if no field is without a tag, and no tag stands twice."""
    with zipfile.ZipFile(io.BytesIO(template(block))) as archive:
        root = etree.fromstring(archive.read("word/document.xml"))
    tags = [one.get(_W + "val") for one in root.iter(_W + "tag")]
    wanted = {one.tag for one in all_fields(catalogue(), block)}
    assert len(tags) == len(set(tags))
    assert wanted | {AGENCY, "pdg:form:catalogue", "pdg:form:block", "pdg:form:year"} == set(tags)


def test_a_sample_catalogue_is_marked_on_the_form() -> None:
    """Nobody may take the illustration for the official catalogue."""
    text = read_word(template()).text
    assert "MẪU MINH HỌA" in text
    assert "SAMPLE" in text
    assert "MẪU MINH HỌA" in first_page_text(printed(), "application/pdf")


def test_the_form_looks_like_an_official_document() -> None:
    """National motto, period of the figures, A4."""
    text = read_word(template()).text
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in text
    assert "từ ngày 01/9/2018 đến ngày 31/8/2019" in text
    section = Document(io.BytesIO(template())).sections[0]
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (21.0, 29.7)


def test_an_empty_template_answers_nothing() -> None:
    """Placeholders are no answers: each criterion is reported, and the agency's name."""
    reading = read_word(template())
    assert reading.is_form
    assert reading.answers == ()
    assert {one.code for one in reading.flaws} == {"FORM_AGENCY_MISSING", "FORM_CRITERION_UNANSWERED"}
    assert len(reading.flaws) == 44


@pytest.mark.parametrize("block", ["so_nganh", "huyen"])
def test_a_filled_form_reads_back_whole(block: str) -> None:
    """Every answer arrives, with no flaw."""
    reading = read_word(filled(block))
    assert (reading.block, reading.year, reading.catalogue_id) == (block, 2019, "sample-cntt-2019")
    assert reading.flaws == ()
    assert len(reading.answers) == len(list(catalogue().criteria(block)))
    assert all(one.source == "docx" and one.confidence == 1.0 for one in reading.answers)


@pytest.mark.parametrize("block", ["so_nganh", "huyen"])
def test_the_printed_form_says_the_same_as_the_word_form(block: str) -> None:
    """Read by positions from the PDF, each answer is that of the Word form, and says how sure it is."""
    word, paper = read_word(filled(block)), read_form(printed(block), "application/pdf", catalogue())
    assert paper.flaws == ()
    assert [replace(one, source="docx", confidence=1.0) for one in paper.answers] == list(word.answers)
    assert all(one.source == "pdf" and one.confidence < 1 for one in paper.answers)
    assert (paper.block, paper.year, paper.agency_name) == (block, 2019, "SỞ NỘI VỤ")


def test_a_form_that_another_program_saved_again_still_reads() -> None:
    """python-docx writes the whole document anew; the tags stay."""
    again = io.BytesIO()
    Document(io.BytesIO(filled())).save(again)
    assert read_word(again.getvalue()).answers == read_word(filled()).answers


def test_a_form_split_into_runs_reads_the_same() -> None:
    """Word cuts what was typed into runs and marks spelling between them."""

    def split(root: etree._Element) -> None:
        for content in root.iter(_W + "sdtContent"):
            for run in list(content.iter(_W + "r")):
                text = run.find(_W + "t")
                if text is None or len(text.text or "") < 2:
                    continue
                whole = text.text or ""
                second = etree.fromstring(etree.tostring(run))
                text.text, second.find(_W + "t").text = whole[:1], whole[1:]  # type: ignore[union-attr]
                run.addnext(second)
                run.addnext(etree.Element(_W + "proofErr"))

    assert read_word(edited(filled(), split)).answers == read_word(filled()).answers


def test_a_form_without_tags_is_read_by_its_tables() -> None:
    """Some programs drop content controls; heads, ids and labels are left, and the answers say they are less sure."""

    def untag(root: etree._Element) -> None:
        for control in list(root.iter(_W + "sdt")):
            content = control.find(_W + "sdtContent")
            assert content is not None
            for child in list(content):
                control.addprevious(child)
            parent = control.getparent()
            assert parent is not None
            parent.remove(control)

    plain, tagged = read_word(edited(filled(), untag)), read_word(filled())
    assert plain.is_form
    assert plain.flaws == ()
    assert [replace(one, confidence=1.0) for one in plain.answers] == list(tagged.answers)
    assert plain.answers[0].confidence < 1


def test_hidden_and_deleted_text_is_not_read() -> None:
    """What counts is what the signer saw."""

    def hide(root: etree._Element) -> None:
        tag = next(one for one in root.iter(_W + "tag") if one.get(_W + "val") == "pdg:A1:numerator")
        content = tag.getparent().getnext()  # type: ignore[union-attr]
        hidden = etree.fromstring(f'<w:r xmlns:w="{_W[1:-1]}"><w:rPr><w:vanish/></w:rPr><w:t>99</w:t></w:r>')
        deleted = etree.fromstring(
            f'<w:del xmlns:w="{_W[1:-1]}"><w:r><w:delText>77</w:delText><w:t>77</w:t></w:r></w:del>'
        )
        content.append(hidden)  # type: ignore[union-attr]
        content.append(deleted)  # type: ignore[union-attr]

    assert read_word(edited(filled(), hide)).answers == read_word(filled()).answers


def test_a_field_that_stands_twice_with_two_answers_is_reported() -> None:
    """The first one counts, and a person looks."""

    def repeat(root: etree._Element) -> None:
        tag = next(one for one in root.iter(_W + "tag") if one.get(_W + "val") == "pdg:A1:numerator")
        control = tag.getparent().getparent()  # type: ignore[union-attr]
        twin = etree.fromstring(etree.tostring(control))
        for text in twin.iter(_W + "t"):
            text.text = "1"
        control.addnext(twin)  # type: ignore[union-attr]

    reading = read_word(edited(filled(), repeat))
    assert [(one.code, one.detail) for one in reading.flaws] == [("FORM_FIELD_REPEATED", "pdg:A1:numerator")]


def test_an_old_years_form_is_told_by_its_own_year() -> None:
    """The year stands in a locked field of the form itself."""
    old = fill_template(
        write_template(catalogue(), "so_nganh", "Đánh giá", year=2018), plausible_values(catalogue(), "so_nganh", "Sở")
    )
    reading = read_word(old)
    assert reading.year == 2018
    assert [one.code for one in reading.flaws] == ["FORM_WRONG_YEAR"]


def test_a_workbook_with_the_same_columns_is_read() -> None:
    """Figures of a sheet are figures, whatever their format."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Mã phiếu: sample-cntt-2019 / so_nganh / 2019"])
    sheet.append(["STT", "Tiêu chí", "Tử số", "Mẫu số", "Trả lời", "Điểm tự chấm", "Tài liệu kiểm chứng"])
    values = plausible_values(catalogue(), "so_nganh", "Sở Nội vụ")
    for one in catalogue().criteria("so_nganh"):
        fields = answer_fields(one)
        ratio = len(fields) == 2
        numbers = [int(values[field.tag]) for field in fields] if ratio else [None, None]
        text = None if ratio else "\n".join(f"{field.label}: {values[field.tag]}" for field in fields)
        row = [one.id, one.name, *numbers, text, values[score_field(one).tag], values[evidence_field(one).tag]]
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    reading = read_form(out.getvalue(), SHEET, catalogue())
    assert [one.code for one in reading.flaws] == []
    word = read_word(filled())
    assert [replace(one, source="docx", confidence=1.0) for one in reading.answers] == list(word.answers)


def test_a_letter_is_no_form() -> None:
    """Text without our tags, code or table gives its text and nothing else."""
    letter = Document()
    letter.add_paragraph("Kính gửi Sở Thông tin và Truyền thông, gửi kèm phiếu đánh giá.")
    out = io.BytesIO()
    letter.save(out)
    reading = read_word(out.getvalue())
    assert not reading.is_form
    assert "phiếu đánh giá" in reading.text
    assert (reading.answers, reading.flaws) == ((), ())


@pytest.mark.parametrize("media_type", [WORD, SHEET, "application/pdf", "image/png", ""])
@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"%PDF-1.7\n", b"\x89PNG", b"PK\x03\x04word/document", b"%PDF-" * 9]
)
def test_rubbish_is_no_form_and_no_error(data: bytes, media_type: str) -> None:
    """Broken bytes give an empty reading under any name."""
    assert not read_form(data, media_type, catalogue()).is_form
    assert first_page_text(data, media_type) == ""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_flipped_byte_makes_the_reader_stumble(data: st.DataObject) -> None:
    """A Word form or a PDF with bytes changed or cut gives some reading, never an exception."""
    source = data.draw(st.sampled_from([filled(), printed()]))
    octets = bytearray(source)
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(octets) // 2, len(octets)))
    assert isinstance(read_form(bytes(octets[:cut]), "", catalogue()), FormReading)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["pdg:A1:numerator", "pdg:A3:answer", "pdg:D1:date"]), st.text(max_size=60)))
def test_whatever_is_typed_into_a_field_gives_a_reading(values: dict[str, str]) -> None:
    """Any text in any field ends as an answer or a flaw."""
    from intake.steps.form_answers import judge_fields

    assert judge_fields({**values, "pdg:form:block": "so_nganh"}, catalogue(), source="docx").block == "so_nganh"
