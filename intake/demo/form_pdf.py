"""Prints a filled form as PDF, as an agency gets it out of Word before it signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typst

from config.catalogue import SAMPLE_MARK_EN, SAMPLE_MARK_VI, Catalogue, Criterion, CriterionKind, Group
from intake.steps.form_fields import answer_fields, evidence_field, score_field
from intake.steps.form_numbers import format_number
from intake.steps.form_template import COLUMNS


def form_pdf(
    catalogue: Catalogue,
    block: str,
    agency_name: str,
    values: Mapping[str, str],
    *,
    title: str,
    year: int | None = None,
    number: str = "",
    place_and_day: str = "………, ngày …… tháng …… năm ……",
) -> bytes:
    """
    Return the form of `agency_name` with `values` (tag to text) as a PDF on A4, its text real and its fonts inside.

    `number` is the document's number and sign, empty where the clerk stamps it later. The layout is that of the Word
    template, so that what reads the one reads the other. Takes some hundredth of a second.
    """
    made = typst.compile(
        "\n".join(
            _page(catalogue, block, agency_name, values, title, year or catalogue.year, number, place_and_day)
        ).encode()
    )
    assert isinstance(made, bytes)
    return made


def _page(
    catalogue: Catalogue,
    block: str,
    agency_name: str,
    values: Mapping[str, str],
    title: str,
    year: int,
    number: str,
    place_and_day: str,
) -> Iterator[str]:
    mark = _safe(SAMPLE_MARK_VI) if catalogue.is_sample else ""
    yield f"""#set page(paper: "a4", margin: (x: 1.8cm, y: 2cm), numbering: "1", footer-descent: 40%,
  footer: context [#set text(size: 8pt, fill: gray)
    {mark} #h(1fr) #counter(page).display()])
#set text(lang: "vi", size: 11pt, hyphenate: false)
#set table(inset: 4pt, stroke: 0.5pt)
#grid(columns: (1fr, 1.3fr), align: center, row-gutter: 4pt,
  [CƠ QUAN, ĐƠN VỊ: \\ *{_safe(agency_name.upper())}* \\ Số: {_safe(number) or "#h(3em)"}/PĐG],
  [*CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM* \\ *Độc lập - Tự do - Hạnh phúc* \\ _{_safe(place_and_day)}_])
#v(1em)"""
    if catalogue.is_sample:
        yield f"#align(center)[#text(size: 9pt, fill: gray)[*{mark} ({_safe(SAMPLE_MARK_EN)})*]]"
    named = title if str(year) in title else f"{title} năm {year}"
    start, end = catalogue.data_from, catalogue.data_to
    yield f"""#align(center)[#text(size: 14pt)[*PHIẾU ĐÁNH GIÁ*] \\ *{_safe(named)}*]
#align(center)[_({_safe(catalogue.blocks[block])})_]
#align(center)[Số liệu tính từ ngày {start:%d}/{start.month}/{start.year} đến ngày {end:%d}/{end.month}/{end.year}.]"""
    for group in catalogue.groups:
        criteria = [one for one in group.criteria if block in one.points]
        if criteria:
            yield from _group(group, criteria, block, values)
    yield f"""#v(1em)
#grid(columns: (1fr, 1fr), align: (left, center),
  [_Nơi nhận:_ \\ - Sở Thông tin và Truyền thông; \\ - Lưu: VT.],
  [*THỦ TRƯỞNG CƠ QUAN, ĐƠN VỊ* \\ _(Ký số)_ #v(3em)])
#v(1em)
#text(size: 8pt, fill: gray)[Mã phiếu: {_safe(catalogue.id)} / {_safe(block)} / {year}]"""


def _group(group: Group, criteria: list[Criterion], block: str, values: Mapping[str, str]) -> Iterator[str]:
    points = format_number(group.points[block])
    heads = ", ".join(f"[*{_safe(one)}*]" for one in COLUMNS)
    yield f"""#v(0.6em)
#block(sticky: true)[*{_safe(group.id)}. {_safe(group.name)} ({points} điểm)*]
#table(columns: (2.6em, 1fr, 3.6em, 9em, 4em, 8em), table.header({heads}),"""
    for criterion in criteria:
        question = f"{_safe(criterion.name)}"
        if criterion.kind is CriterionKind.RATIO:
            question += f" \\ _Tử số: {_safe(criterion.numerator)}_ \\ _Mẫu số: {_safe(criterion.denominator)}_"
        answers = " \\ ".join(
            f"{_safe(one.label)}: {_safe(values.get(one.tag, ''))}" for one in answer_fields(criterion)
        )
        score = _safe(values.get(score_field(criterion).tag, ""))
        evidence = _safe(values.get(evidence_field(criterion).tag, ""))
        maximum = format_number(criterion.points[block])
        yield f"  [{_safe(criterion.id)}], [{question}], [{maximum}], [{answers}], [{score}], [{evidence}],"
    yield ")"


def _safe(text: str) -> str:
    """Return text in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in "\\#$*_`<>@[]~=-+/\"'" else letter for letter in text)
