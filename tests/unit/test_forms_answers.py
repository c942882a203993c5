"""What a filled form says and lacks: every flaw named, nothing clipped, nothing guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from config.catalogue import parse_catalogue
from intake.steps.form_answers import Judged, judge_fields
from storage.records import Answer

CATALOGUE = parse_catalogue(
    """
id = "thu-2019"
status = "official"
title = "Bộ tiêu chí"
data_from = 2018-09-01
data_to = 2019-08-31
total_points = 10
[blocks]
so = "Sở"
[[group]]
id = "A"
name = "Nhóm"
points = { so = 10 }
[[group.criterion]]
id = "R"
type = "ratio"
name = "Tỷ lệ"
numerator = "Tử"
denominator = "Mẫu"
points = { so = 4 }
[[group.criterion]]
id = "M"
type = "ratio"
name = "Kinh phí"
numerator = "Tử"
denominator = "Mẫu"
whole_numbers = false
points = { so = 1 }
[[group.criterion]]
id = "B"
type = "boolean"
name = "Có"
points = { so = 2 }
[[group.criterion]]
id = "N"
type = "count"
name = "Số"
points = { so = 1 }
bands = [{ at_least = 0, share = 1.0 }]
[[group.criterion]]
id = "D"
type = "document"
name = "Văn bản"
points = { so = 1 }
[[group.criterion]]
id = "T"
type = "text"
name = "Mô tả"
max_length = 20
points = { so = 1 }
""",
    "thu.toml",
)

COMPLETE = {
    "pdg:form:catalogue": "thu-2019",
    "pdg:form:block": "so",
    "pdg:form:year": "2019",
    "pdg:form:agency": "Sở Nội vụ",
    "pdg:R:numerator": "38",
    "pdg:R:denominator": "42",
    "pdg:M:numerator": "1.234,5",
    "pdg:M:denominator": "2.000",
    "pdg:B:answer": "Có",
    "pdg:N:answer": "3",
    "pdg:D:number": "12/KH-SNV",
    "pdg:D:date": "05/3/2019",
    "pdg:D:subject": "Kế hoạch",
    "pdg:T:answer": "02 máy chủ",
    **{f"pdg:{one}:score": "1" for one in "RMBNDT"},
    **{f"pdg:{one}:evidence": "Báo cáo 1/BC" for one in "RMBNDT"},
}


def judged(**changes: str) -> Judged:
    """Judge the complete form with some fields changed; a key `R__numerator` stands for pdg:R:numerator."""
    return judge_fields(
        {**COMPLETE, **{f"pdg:{key.replace('__', ':')}": text for key, text in changes.items()}},
        CATALOGUE,
        source="docx",
    )


def answer(found: Judged, criterion: str) -> Answer:
    """Return the answer to one criterion."""
    return next(one for one in found.answers if one.criterion_id == criterion)


def test_a_complete_form_has_no_flaw_and_every_answer() -> None:
    """Figures arrive as figures, with numerator and denominator for every ratio."""
    found = judged()
    assert found.flaws == ()
    assert [one.criterion_id for one in found.answers] == list("RMBNDT")
    assert (answer(found, "R").numerator, answer(found, "R").denominator) == (Decimal(38), Decimal(42))
    assert answer(found, "M").numerator == Decimal("1234.5")
    assert (answer(found, "B").value_text, answer(found, "B").value_number) == ("có", Decimal(1))
    assert answer(found, "D").value_text == "12/KH-SNV; 05/3/2019; Kế hoạch"
    assert answer(found, "R").max_points == Decimal(4)
    assert (found.agency_name, found.year, found.block) == ("Sở Nội vụ", 2019, "so")


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        pytest.param({"R__numerator": ""}, "FORM_RATIO_INCOMPLETE", "R: tử số", id="no numerator"),
        pytest.param({"R__denominator": "[mẫu số]"}, "FORM_RATIO_INCOMPLETE", "R: mẫu số", id="placeholder left"),
        pytest.param({"R__numerator": "43"}, "FORM_NUMERATOR_OVER_DENOMINATOR", "R: 43 > 42", id="over 100 %"),
        pytest.param({"R__numerator": "95%"}, "FORM_NUMBER_UNCLEAR", "R, tử số: 95%", id="a percentage"),
        pytest.param({"R__numerator": "-1"}, "FORM_NUMBER_UNCLEAR", "R, tử số: -1", id="negative"),
        pytest.param({"R__denominator": "1,234"}, "FORM_NUMBER_NOT_WHOLE", "R, mẫu số", id="English thousands"),
        pytest.param({"R__numerator": "", "R__denominator": ""}, "FORM_CRITERION_UNANSWERED", "R", id="unanswered"),
        pytest.param({"B__answer": "có thể"}, "FORM_ANSWER_UNCLEAR", "B: có thể", id="neither yes nor no"),
        pytest.param({"N__answer": "vài"}, "FORM_NUMBER_UNCLEAR", "N, số lượng: vài", id="count in words"),
        pytest.param({"D__date": ""}, "FORM_DOCUMENT_INCOMPLETE", "D: Ngày ban hành", id="document without day"),
        pytest.param({"T__answer": "x" * 21}, "FORM_TEXT_TOO_LONG", "T: 21 > 20", id="text too long"),
        pytest.param({"R__score": "4,5"}, "FORM_SCORE_OVER_MAXIMUM", "R: 4,5 > 4", id="score over maximum"),
        pytest.param({"R__score": ""}, "FORM_SCORE_MISSING", "R", id="no score"),
        pytest.param({"R__evidence": "…"}, "FORM_EVIDENCE_MISSING", "R", id="no evidence"),
        pytest.param({"form__catalogue": "khac"}, "FORM_WRONG_CATALOGUE", "khac", id="another catalogue"),
        pytest.param({"form__year": "2018"}, "FORM_WRONG_YEAR", "2018", id="last year's form"),
        pytest.param({"form__block": "xa"}, "FORM_BLOCK_UNKNOWN", "xa", id="unknown block"),
        pytest.param({"form__agency": "[tên cơ quan, đơn vị]"}, "FORM_AGENCY_MISSING", "", id="no name"),
        pytest.param({"Z__answer": "1"}, "FORM_FIELD_UNKNOWN", "pdg:Z:answer", id="field of another catalogue"),
    ],
)
def test_each_flaw_is_named_with_its_place(changes: dict[str, str], code: str, place: str) -> None:
    """One change, one flaw, and the clerk reads where."""
    flaws = judged(**changes).flaws
    assert [one.code for one in flaws] == [code]
    assert place in flaws[0].detail


def test_flaws_add_up() -> None:
    """Every flaw is reported, not the first one."""
    found = judged(R__numerator="", B__answer="?", form__year="2018")
    assert {one.code for one in found.flaws} == {"FORM_RATIO_INCOMPLETE", "FORM_ANSWER_UNCLEAR", "FORM_WRONG_YEAR"}


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [("0", "0"), ("không phát sinh", ""), ("Không phát sinh", "0"), ("0", "KHÔNG PHÁT SINH")],
)
def test_nothing_arose_is_an_answer_of_its_own(numerator: str, denominator: str) -> None:
    """0/0 happens (an agency without procedures); it is neither zero nor missing."""
    found = judged(R__numerator=numerator, R__denominator=denominator, R__evidence="")
    assert found.flaws == ()
    one = answer(found, "R")
    assert (one.value_text, one.numerator, one.denominator) == ("không phát sinh", Decimal(0), Decimal(0))


def test_a_figure_over_its_whole_is_kept_as_it_stands() -> None:
    """An error is sent back, never clipped silently."""
    one = answer(judged(R__numerator="43"), "R")
    assert (one.numerator, one.denominator) == (Decimal(43), Decimal(42))


def test_a_figure_that_cannot_be_read_is_none() -> None:
    """A guess would look like an answer."""
    one = answer(judged(R__numerator="khoảng 30"), "R")
    assert (one.numerator, one.denominator) == (None, Decimal(42))


def test_having_no_document_is_an_answer() -> None:
    """“Không có” needs neither number nor evidence."""
    found = judged(D__number="không có", D__date="", D__subject="", D__evidence="")
    assert found.flaws == ()
    assert answer(found, "D").value_text == "không có"


def test_a_no_needs_no_evidence() -> None:
    """There is nothing to show for what an agency does not have."""
    found = judged(B__answer="Không", B__evidence="")
    assert found.flaws == ()
    assert answer(found, "B").value_number == Decimal(0)
