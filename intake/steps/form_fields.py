"""The fields of the form: which there are for each criterion, what they are called, and the tag each is known by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from config.catalogue import Catalogue, Criterion, CriterionKind

# Every tag begins so (phiếu đánh giá), which tells our fields from those of other forms.
PREFIX = "pdg:"

CATALOGUE = PREFIX + "form:catalogue"
BLOCK = PREFIX + "form:block"
YEAR = PREFIX + "form:year"
AGENCY = PREFIX + "form:agency"
FORM_TAGS = (CATALOGUE, BLOCK, YEAR, AGENCY)

AGENCY_PLACEHOLDER = "[tên cơ quan, đơn vị]"
NOTHING_AROSE = "không phát sinh"


@dataclass(frozen=True, slots=True)
class Field:
    """
    One place to write in.

    `label` stands before it on paper; `placeholder` stands in it until somebody writes. `column` says where: the
    answer, the agency's own score, or its evidence. `choices` are the answers a list offers.
    """

    tag: str
    slot: str
    label: str
    placeholder: str
    column: str
    choices: tuple[str, ...] = ()


_DOCUMENT_LABELS = {
    "number": ("Số, ký hiệu", "[số, ký hiệu]"),
    "date": ("Ngày ban hành", "[ngày ban hành]"),
    "subject": ("Trích yếu", "[trích yếu]"),
}

YES, NO = "Có", "Không"


def tag_of(criterion_id: str, slot: str) -> str:
    """Return the tag of one field, e.g. `pdg:A1:numerator`."""
    return f"{PREFIX}{criterion_id}:{slot}"


def answer_fields(criterion: Criterion) -> tuple[Field, ...]:
    """Return the fields of the answer itself, in the order in which they stand."""
    return _answer_fields(criterion.id, criterion.kind, tuple(criterion.fields))


@lru_cache(maxsize=1024)  # The fields of every criterion are asked for several times with each form.
def _answer_fields(criterion_id: str, kind: CriterionKind, names: tuple[str, ...]) -> tuple[Field, ...]:
    def field(slot: str, label: str, placeholder: str, choices: tuple[str, ...] = ()) -> Field:
        return Field(tag_of(criterion_id, slot), slot, label, placeholder, "answer", choices)

    match kind:
        case CriterionKind.RATIO:
            return (field("numerator", "Tử số", "[tử số]"), field("denominator", "Mẫu số", "[mẫu số]"))
        case CriterionKind.BOOLEAN:
            return (field("answer", "Trả lời", "[Có/Không]", (YES, NO)),)
        case CriterionKind.COUNT:
            return (field("answer", "Số lượng", "[số lượng]"),)
        case CriterionKind.DOCUMENT:
            return tuple(field(one, *_DOCUMENT_LABELS.get(one, (one, f"[{one}]"))) for one in names)
        case CriterionKind.TEXT:
            return (field("answer", "Nội dung", "[nội dung]"),)


def score_field(criterion: Criterion) -> Field:
    """Return the field of the agency's own score."""
    return _score_field(criterion.id)


@lru_cache(maxsize=1024)
def _score_field(criterion_id: str) -> Field:
    return Field(tag_of(criterion_id, "score"), "score", "Điểm tự chấm", "[điểm]", "score")


def evidence_field(criterion: Criterion) -> Field:
    """Return the field that names the supporting material."""
    return _evidence_field(criterion.id)


@lru_cache(maxsize=1024)
def _evidence_field(criterion_id: str) -> Field:
    return Field(tag_of(criterion_id, "evidence"), "evidence", "Tài liệu kiểm chứng", "[tài liệu]", "evidence")


def all_fields(catalogue: Catalogue, block: str | None = None) -> Iterator[Field]:
    """Yield every field of the form for `block` (None: of every criterion)."""
    for criterion in catalogue.criteria(block):
        yield from answer_fields(criterion)
        yield score_field(criterion)
        yield evidence_field(criterion)


def is_placeholder(text: str) -> bool:
    """Whether `text` is what a field says before anybody wrote in it: words in square brackets, dots or nothing."""
    stripped = text.strip()
    return not stripped.strip("….·_- \u00a0") or (stripped.startswith("[") and stripped.endswith("]"))
