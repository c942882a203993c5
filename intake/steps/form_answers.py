"""From what stands in the fields to answers, with every flaw named: nothing is clipped, rounded or guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from config.catalogue import Catalogue, Criterion, CriterionKind
from intake.steps.agency import plain
from intake.steps.form_fields import (
    AGENCY,
    BLOCK,
    CATALOGUE,
    NOTHING_AROSE,
    PREFIX,
    YEAR,
    Field,
    all_fields,
    answer_fields,
    evidence_field,
    is_placeholder,
    score_field,
)
from intake.steps.form_numbers import parse_number
from storage.records import Answer, Why

Source = Literal["docx", "pdf", "xlsx", "keyed"]

# A reason's particulars are shown in a line; what somebody pasted into a field may be a page.
MAX_DETAIL = 120
MAX_EVIDENCE = 4000


@dataclass(frozen=True, slots=True)
class Judged:
    """What the fields of one form say: whom and what it is for, the answers, and everything that is wrong with them."""

    catalogue_id: str | None
    block: str | None
    year: int | None
    agency_name: str | None
    answers: tuple[Answer, ...]
    flaws: tuple[Why, ...]


def judge_fields(values: Mapping[str, str], catalogue: Catalogue, *, source: Source, confidence: float = 1.0) -> Judged:
    """
    Read the answers out of `values` (tag to text as it stands in the field) by `catalogue`.

    Every flaw is reported, not the first one. An answer with a flaw keeps what is certain of it: a figure that
    cannot be read is None, never a guess. Both figures of a ratio 0 mean that nothing arose, which is a third answer
    beside a number and no answer. A form for another block answers that block's criteria; one for an unknown block is
    judged by all criteria that have a field filled in.

    Source: letter 697, section 2 (numerator and denominator of every ratio; complete, exact and clear).
    """
    flaws: list[Why] = []
    catalogue_id = _filled(values.get(CATALOGUE, ""))
    block = _filled(values.get(BLOCK, ""))
    year_text = _filled(values.get(YEAR, ""))
    year = int(year_text) if year_text and year_text.isascii() and year_text.isdigit() and len(year_text) == 4 else None
    agency_name = _filled(values.get(AGENCY, ""))
    if catalogue_id is not None and catalogue_id != catalogue.id:
        flaws.append(Why("FORM_WRONG_CATALOGUE", f"{_cut(catalogue_id)}, asked for {catalogue.id}"))
    if year is not None and year != catalogue.year:
        flaws.append(Why("FORM_WRONG_YEAR", f"{year}, asked for {catalogue.year}"))
    if block is not None and block not in catalogue.blocks:
        flaws.append(Why("FORM_BLOCK_UNKNOWN", _cut(block)))
        block = None
    if agency_name is None and AGENCY in values:
        flaws.append(Why("FORM_AGENCY_MISSING"))
    known = {field.tag for field in all_fields(catalogue)} | {CATALOGUE, BLOCK, YEAR, AGENCY}
    unknown = sorted(tag for tag in values if tag.startswith(PREFIX) and tag not in known)
    if unknown:
        flaws.append(Why("FORM_FIELD_UNKNOWN", _cut(", ".join(unknown))))
    answers = []
    for criterion in catalogue.criteria(block):
        if block is None and not any(_filled(values.get(one.tag, "")) for one in _fields(criterion)):
            continue
        answer, found = _judge_criterion(criterion, block, values, source, confidence)
        flaws += found
        if answer is not None:
            answers.append(answer)
    return Judged(catalogue_id, block, year, agency_name, tuple(answers), tuple(dict.fromkeys(flaws)))


def _judge_criterion(
    criterion: Criterion, block: str | None, values: Mapping[str, str], source: Source, confidence: float
) -> tuple[Answer | None, list[Why]]:
    flaws: list[Why] = []
    texts = {field.slot: _filled(values.get(field.tag, "")) for field in answer_fields(criterion)}
    score_text = _filled(values.get(score_field(criterion).tag, ""))
    evidence = _filled(values.get(evidence_field(criterion).tag, ""))
    maximum = criterion.max_points(block) if block else None
    score = _score(criterion, score_text, maximum, flaws)
    if not any(texts.values()):
        flaws.insert(0, Why("FORM_CRITERION_UNANSWERED", criterion.id))
        if score is None and evidence is None:
            return None, flaws[:1]
        parts = _Parts()
    else:
        parts = _READERS[criterion.kind](criterion, texts, flaws)
        if score_text is None:
            flaws.append(Why("FORM_SCORE_MISSING", criterion.id))
        if evidence is None and criterion.evidence_required and parts.positive:
            flaws.append(Why("FORM_EVIDENCE_MISSING", criterion.id))
    answer = Answer(
        criterion_id=criterion.id,
        kind=criterion.kind.value,
        value_text=parts.text,
        value_number=parts.number,
        numerator=parts.numerator,
        denominator=parts.denominator,
        self_score=score,
        max_points=maximum,
        evidence=evidence[:MAX_EVIDENCE] if evidence else None,
        source=source,
        confidence=confidence,
    )
    return answer, flaws


@dataclass(frozen=True, slots=True)
class _Parts:
    """The columns of one answer; `positive` says that it claims something that evidence could show."""

    text: str | None = None
    number: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    positive: bool = False


def _read_ratio(criterion: Criterion, texts: Mapping[str, str | None], flaws: list[Why]) -> _Parts:
    raw = [texts.get("numerator"), texts.get("denominator")]
    if any(one is not None and plain(one) == plain(NOTHING_AROSE) for one in raw):
        others = [one for one in raw if one is not None and plain(one) != plain(NOTHING_AROSE)]
        if all(parse_number(one) == 0 for one in others):
            return _Parts(NOTHING_AROSE, None, Decimal(0), Decimal(0))
        flaws.append(Why("FORM_ANSWER_UNCLEAR", f"{criterion.id}: {_cut(' / '.join(one or '' for one in raw))}"))
        return _Parts()
    if None in raw:
        missing = "tử số" if raw[0] is None else "mẫu số"
        flaws.append(Why("FORM_RATIO_INCOMPLETE", f"{criterion.id}: {missing}"))
    numerator = _figure(criterion, "tử số", raw[0], flaws)
    denominator = _figure(criterion, "mẫu số", raw[1], flaws)
    if numerator is not None and denominator is not None:
        if numerator == 0 and denominator == 0:
            return _Parts(NOTHING_AROSE, None, numerator, denominator)
        if numerator > denominator:
            detail = f"{criterion.id}: {_cut(raw[0] or '')} > {_cut(raw[1] or '')}"
            flaws.append(Why("FORM_NUMERATOR_OVER_DENOMINATOR", detail))
    return _Parts(None, None, numerator, denominator, positive=numerator is None or numerator > 0)


def _read_boolean(criterion: Criterion, texts: Mapping[str, str | None], flaws: list[Why]) -> _Parts:
    text = texts.get("answer") or ""
    word = plain(text) or text.strip()
    if word in _YES:
        return _Parts("có", Decimal(1), positive=True)
    if word in _NO:
        return _Parts("không", Decimal(0))
    flaws.append(Why("FORM_ANSWER_UNCLEAR", f"{criterion.id}: {_cut(text)}"))
    return _Parts()


def _read_count(criterion: Criterion, texts: Mapping[str, str | None], flaws: list[Why]) -> _Parts:
    number = _figure(criterion, "số lượng", texts.get("answer"), flaws)
    return _Parts(None, number, positive=number is not None and number > 0)


def _read_text(criterion: Criterion, texts: Mapping[str, str | None], flaws: list[Why]) -> _Parts:
    text = texts.get("answer") or ""
    if len(text) > criterion.max_length:
        flaws.append(Why("FORM_TEXT_TOO_LONG", f"{criterion.id}: {len(text)} > {criterion.max_length}"))
    return _Parts(text, positive=False)


def _read_document(criterion: Criterion, texts: Mapping[str, str | None], flaws: list[Why]) -> _Parts:
    given = [one for one in texts.values() if one is not None]
    if given and all(plain(one) in _NONE for one in given):
        return _Parts("không có")
    missing = [field.label for field in answer_fields(criterion) if texts.get(field.slot) is None]
    if missing:
        flaws.append(Why("FORM_DOCUMENT_INCOMPLETE", f"{criterion.id}: {', '.join(missing)}"))
    return _Parts("; ".join(given), positive=True)


_READERS = {
    CriterionKind.RATIO: _read_ratio,
    CriterionKind.BOOLEAN: _read_boolean,
    CriterionKind.COUNT: _read_count,
    CriterionKind.TEXT: _read_text,
    CriterionKind.DOCUMENT: _read_document,
}
_YES = frozenset({"co", "x", "da co", "da", "yes", "dat", "v", "✓", "☑", "☒"})
_NO = frozenset({"khong", "chua", "chua co", "no", "khong co", "khong dat", "0"})
_NONE = frozenset({"khong", "khong co", "chua co", "chua ban hanh"})


def _figure(criterion: Criterion, what: str, text: str | None, flaws: list[Why]) -> Decimal | None:
    if text is None:
        return None
    number = parse_number(text)
    if number is None or number < 0:
        flaws.append(Why("FORM_NUMBER_UNCLEAR", f"{criterion.id}, {what}: {_cut(text)}"))
        return None
    if criterion.whole_numbers and number != number.to_integral_value():
        # "1,234" is a decimal comma by rule and a thousand to an English keyboard: a person must say which.
        flaws.append(Why("FORM_NUMBER_NOT_WHOLE", f"{criterion.id}, {what}: {_cut(text)}"))
        return None
    return number


def _score(criterion: Criterion, text: str | None, maximum: Decimal | None, flaws: list[Why]) -> Decimal | None:
    if text is None:
        return None
    score = parse_number(text.partition("/")[0])
    if score is None or score < 0:
        flaws.append(Why("FORM_NUMBER_UNCLEAR", f"{criterion.id}, điểm tự chấm: {_cut(text)}"))
        return None
    if maximum is not None and score > maximum:
        flaws.append(Why("FORM_SCORE_OVER_MAXIMUM", f"{criterion.id}: {_cut(text)} > {maximum}"))
    return score


def _fields(criterion: Criterion) -> tuple[Field, ...]:
    return (*answer_fields(criterion), score_field(criterion), evidence_field(criterion))


def _filled(text: str) -> str | None:
    stripped = " ".join(text.split()) if "\n" not in text else text.strip()
    return None if is_placeholder(stripped) else stripped


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_DETAIL else flat[:MAX_DETAIL] + "…"
