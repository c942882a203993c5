"""The catalogue file: the shipped sample adds up, and every mistake is named with its place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from config.catalogue import CatalogueError, CriterionKind, load_catalogue, parse_catalogue, sample_catalogue

SMALL = """
id = "c-1"
status = "official"
title = "Bộ tiêu chí"
data_from = 2018-09-01
data_to = 2019-08-31
total_points = 10
[blocks]
so = "Sở"
huyen = "Huyện"
[[group]]
id = "A"
name = "Hạ tầng"
points = { so = 10, huyen = 10 }
[[group.criterion]]
id = "A1"
type = "ratio"
name = "Tỷ lệ"
numerator = "Tử"
denominator = "Mẫu"
points = { so = 2.5, huyen = 10 }
[[group.criterion]]
id = "A2"
type = "boolean"
name = "Có"
points = { so = 7.5 }
"""


def test_the_shipped_sample_is_complete_and_says_that_it_is_a_sample() -> None:
    """Forty-eight criteria in seven groups, one hundred points for each block, marked as a sample."""
    catalogue = sample_catalogue()
    assert (len(catalogue.groups), len(list(catalogue.criteria()))) == (7, 48)
    assert {block: sum(one.points[block] for one in catalogue.criteria(block)) for block in catalogue.blocks} == {
        "so_nganh": 100,
        "huyen": 100,
    }
    assert catalogue.is_sample
    assert "MẪU" in catalogue.title
    assert catalogue.year == 2019


def test_every_ratio_of_the_sample_asks_for_both_figures() -> None:
    """The letter wants the actual numerator and denominator of every ratio (section 2)."""
    ratios = [one for one in sample_catalogue().criteria() if one.kind is CriterionKind.RATIO]
    assert len(ratios) == 26
    assert all(one.numerator and one.denominator for one in ratios)


def test_a_block_answers_only_its_own_criteria() -> None:
    """Departments have no commune group; a criterion without points in a block is not asked there."""
    catalogue = parse_catalogue(SMALL, "small.toml")
    assert [one.id for one in catalogue.criteria("huyen")] == ["A1"]
    a2 = catalogue.criterion("A2")
    assert a2 is not None
    assert a2.max_points("huyen") is None
    assert a2.max_points("so") == Decimal("7.5")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param(
            lambda text: text.replace("huyen = 10 }\n[[group.c", "huyen = 9 }\n[[group.c", 1),
            "group A.points.huyen",
            id="sum",
        ),
        pytest.param(lambda text: text.replace("total_points = 10", "total_points = 99"), "total_points", id="total"),
        pytest.param(lambda text: text.replace('id = "A2"', 'id = "a1"'), "a1", id="id twice but for case"),
        pytest.param(lambda text: text.replace('"ratio"', '"percent"'), "criterion A1.type", id="unknown type"),
        pytest.param(
            lambda text: text.replace('denominator = "Mẫu"\n', ""), "criterion A1.denominator", id="half a ratio"
        ),
        pytest.param(lambda text: text.replace("so = 7.5", "xa = 7.5"), "criterion A2.points", id="unknown block"),
        pytest.param(lambda text: text.replace("7.5", "-7.5"), "criterion A2.points.so", id="negative points"),
        pytest.param(lambda text: text.replace('"A1"', '"A 1"'), "criterion 1.id", id="blank in an id"),
        pytest.param(lambda text: text.replace("2018-09-01", '"2018-09-01"'), "data_from", id="day as text"),
        pytest.param(lambda text: text.replace("2018-09-01", "2020-09-01"), "data_from", id="period upside down"),
        pytest.param(lambda text: text.replace('status = "official"', 'status = "x"'), "status", id="unknown status"),
        pytest.param(lambda text: text.replace("[blocks]", "[other]"), "blocks", id="no blocks"),
        pytest.param(lambda text: text + 'scoring = "bands"\n', "criterion A2.bands", id="bands without bands"),
        pytest.param(lambda text: text + "[", "not TOML", id="not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(change: Callable[[str], str], place: str) -> None:
    """The operator reads the file, the key and what to write instead."""
    changed = change(SMALL)
    assert changed != SMALL
    with pytest.raises(CatalogueError, match=r"^small\.toml: ") as caught:
        parse_catalogue(changed, "small.toml")
    assert place in str(caught.value)
    assert "small.toml" in caught.value.remedy


def test_a_missing_file_is_an_operators_error(tmp_path: Path) -> None:
    """A path that does not exist is told with its remedy, not with a traceback."""
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path / "none.toml")


def test_the_sample_file_is_marked_in_its_first_lines() -> None:
    """Who opens the file itself sees at once that it is not the official catalogue."""
    text = files("config").joinpath("catalogue.toml").read_text(encoding="utf-8")
    assert "SAMPLE / MẪU MINH HỌA" in text[:300]
