"""The form, in and out: writes the one to fill in, reads a filled one from Word, PDF or Excel, names what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

from config.catalogue import Catalogue
from intake.steps.form_answers import Source, judge_fields
from intake.steps.form_docx import NotAWordDocument, read_docx, text_of_docx
from intake.steps.form_fields import BLOCK, CATALOGUE
from intake.steps.form_pdf import read_pdf, text_of_first_page
from intake.steps.form_rows import agency_of, form_code
from intake.steps.form_template import template_docx
from intake.steps.form_xlsx import read_xlsx
from storage.records import Answer, Why

# Tables without tags are read by their heads and labels: nearly always right, and shown to a clerk as such.
ROWS_CONFIDENCE = 0.9
# Text on a page has no fields at all; where a line belongs is concluded from positions.
PDF_CONFIDENCE = 0.8

_WORD_TYPES = ("wordprocessingml", "application/vnd.ms-word.document.macroenabled", "application/vnd.ms-word.template")
_SHEET_TYPES = ("spreadsheetml", "application/vnd.ms-excel.sheet.macroenabled")


@dataclass(frozen=True, slots=True)
class FormReading:
    """
    What one document says as a form.

    `is_form` means that our own tags, or our form code in print, were found. `text` is text from the beginning of the
    document for recognition, bounded, "" for a scan. `year` is the one the form names; None if it names none.
    `flaws` are everything that is wrong or missing, with codes of config/reasons/forms.toml.
    """

    is_form: bool
    text: str = ""
    catalogue_id: str | None = None
    block: str | None = None
    year: int | None = None
    agency_name: str | None = None
    answers: tuple[Answer, ...] = ()
    flaws: tuple[Why, ...] = ()


def write_template(
    catalogue: Catalogue, block: str, title: str, *, agency_name: str = "", year: int | None = None
) -> bytes:
    """
    Return the form of `catalogue` for `block` as a Word document; `title` is the campaign's.

    Every place to write in is a content control with a tag, so that it reads back without guessing. Raises
    KeyError for a block that the catalogue does not have.
    """
    return template_docx(catalogue, block, title, agency_name=agency_name, year=year)


def read_form(data: bytes, media_type: str, catalogue: Catalogue) -> FormReading:
    """
    Read `data` as a filled form of `catalogue`; never raises on hostile bytes.

    Word and Excel files are known by `media_type` or by their content, PDF files by their first bytes; anything else
    gives an empty reading. A document that is no form gives its text and no flaws.
    """
    try:
        if b"%PDF-" in data[:1024]:
            return _from_pdf(data, catalogue)
        if data.startswith(b"PK\x03\x04"):
            kind = media_type.lower()
            if any(one in kind for one in _SHEET_TYPES) or (b"xl/workbook" in data and b"word/document" not in data):
                return _from_xlsx(data, catalogue)
            if any(one in kind for one in _WORD_TYPES) or b"word/document" in data:
                return _from_docx(data, catalogue)
    except Exception as cause:  # One document must not stop the others of its delivery (style 16).
        return FormReading(is_form=False, flaws=(Why("FORM_NOT_READ", type(cause).__name__),))
    return FormReading(is_form=False)


def first_page_text(data: bytes, media_type: str) -> str:
    """
    Return the text at the beginning of a document, bounded, for recognition; "" for a scan or what cannot be read.

    Never raises on hostile bytes.
    """
    try:
        if b"%PDF-" in data[:1024]:
            return text_of_first_page(data)
        if "wordprocessingml" in media_type.lower() or b"word/document" in data[:4096]:
            return text_of_docx(data)
    except Exception:  # As in `read_form`: a document without readable text is an ordinary thing.
        return ""
    return ""


def _from_docx(data: bytes, catalogue: Catalogue) -> FormReading:
    try:
        found = read_docx(data, catalogue)
    except NotAWordDocument as cause:
        return FormReading(is_form=False, flaws=(Why("FORM_NOT_READ", str(cause)[:120]),))
    more = [Why("FORM_FIELD_REPEATED", tag) for tag in found.repeated]
    return _judged(found.values, found.text, catalogue, "docx", ROWS_CONFIDENCE if found.by_rows else 1.0, more)


def _from_pdf(data: bytes, catalogue: Catalogue) -> FormReading:
    found = read_pdf(data, catalogue)
    values = {**form_code(found.text), **agency_of(found.first_page), **found.values}
    return _judged(values, found.first_page, catalogue, "pdf", PDF_CONFIDENCE, [])


def _from_xlsx(data: bytes, catalogue: Catalogue) -> FormReading:
    found = read_xlsx(data, catalogue)
    values = {**form_code(found.text), **agency_of(found.text), **found.values}
    return _judged(values, found.text, catalogue, "xlsx", ROWS_CONFIDENCE, [])


def _judged(
    values: dict[str, str], text: str, catalogue: Catalogue, source: Source, confidence: float, more: list[Why]
) -> FormReading:
    if not values.get(CATALOGUE) and not values.get(BLOCK) and len(values) < MIN_FIELDS:
        return FormReading(is_form=False, text=text)
    judged = judge_fields(values, catalogue, source=source, confidence=confidence)
    return FormReading(
        is_form=True,
        text=text,
        catalogue_id=judged.catalogue_id,
        block=judged.block,
        year=judged.year,
        agency_name=judged.agency_name,
        answers=judged.answers,
        flaws=tuple(dict.fromkeys([*more, *judged.flaws])),
    )


# Without the form's own code, so many fields must have been found before a table counts as the form: a letter that
# quotes one criterion in a table is none.
MIN_FIELDS = 10
