"""The catalogue of criteria that the evaluation form asks for: groups, criteria, points, and who answers which."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from config.errors import WrongUse

# A catalogue is written by hand; one with more criteria than this is a mistake, not a form.
MAX_CRITERIA = 1000
# Identifiers go into tags, file names and URLs, so they are short and plain.
MAX_ID_LENGTH = 32

SAMPLE_MARK_VI = "MẪU MINH HỌA - không phải bộ tiêu chí chính thức"
SAMPLE_MARK_EN = "SAMPLE - not the official catalogue"


class CriterionKind(StrEnum):
    """What kind of answer a criterion takes."""

    BOOLEAN = "boolean"
    COUNT = "count"
    RATIO = "ratio"
    DOCUMENT = "document"
    TEXT = "text"


class Scoring(StrEnum):
    """How points follow from an answer; `manual` means that the council gives them."""

    YES_FULL = "yes_full"
    PROPORTIONAL = "proportional"
    BANDS = "bands"
    MANUAL = "manual"


class ZeroDenominator(StrEnum):
    """What 0/0 means for the points of a ratio, once a clerk has confirmed that nothing arose."""

    NOT_APPLICABLE = "not_applicable"
    FULL = "full"
    ZERO = "zero"


class CatalogueStatus(StrEnum):
    """Whether a catalogue is the official one or an illustration that must be marked as such everywhere."""

    SAMPLE = "sample"
    OFFICIAL = "official"


class CatalogueError(WrongUse):
    """The catalogue file cannot be used; the message names the file and the key."""

    @classmethod
    def at(cls, source: str, key: str, what: str) -> CatalogueError:
        """Return the error for `key` in the file `source`, `what` being a whole clause."""
        return cls("CATALOGUE_WRONG", source=source, key=key, what=what)


@dataclass(frozen=True, slots=True)
class Band:
    """One step of a banded score: from `at_least` (or up to `at_most`) on, `share` (0 to 1) of the maximum."""

    share: Decimal
    at_least: Decimal | None = None
    at_most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """
    One question of the form.

    `points` maps a block to the maximum there; a block that is absent does not answer the criterion.
    `numerator` and `denominator` are the two questions of a ratio (letter 697, section 2: both figures must be
    given). `whole_numbers` is false where money or other decimals are counted. `fields` are the names of what a
    document is known by. `evidence_required` says that supporting material must be named.
    """

    id: str
    kind: CriterionKind
    name: str
    points: Mapping[str, Decimal]
    numerator: str = ""
    denominator: str = ""
    unit: str = ""
    whole_numbers: bool = True
    max_length: int = 2000
    fields: tuple[str, ...] = ()
    evidence_required: bool = True
    scoring: Scoring = Scoring.MANUAL
    zero_denominator: ZeroDenominator = ZeroDenominator.NOT_APPLICABLE
    bands: tuple[Band, ...] = ()

    def max_points(self, block: str) -> Decimal | None:
        """Return the maximum in `block`; None if that block does not answer this criterion."""
        return self.points.get(block)


@dataclass(frozen=True, slots=True)
class Group:
    """A chapter of the catalogue; `points` maps a block to the sum of its criteria's maxima."""

    id: str
    name: str
    points: Mapping[str, Decimal]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """A class of results: from `min` points on the result is called `label`."""

    min: Decimal
    label: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """
    Everything a form of one year asks for; the sums of the points were checked when it was loaded.

    `blocks` maps a block's id to its name; an agency belongs to one block. `data_from` and `data_to` are the
    first and last day of the figures. `year` is the campaign's year (that of `data_to`).
    """

    id: str
    status: CatalogueStatus
    title: str
    title_en: str
    basis: str
    data_from: date
    data_to: date
    total_points: Decimal
    blocks: Mapping[str, str]
    groups: tuple[Group, ...]
    grades: tuple[Grade, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def is_sample(self) -> bool:
        """True where the catalogue is an illustration and every face must say so."""
        return self.status is CatalogueStatus.SAMPLE

    @property
    def year(self) -> int:
        """The year that the form is for."""
        return self.data_to.year

    def criteria(self, block: str | None = None) -> Iterator[Criterion]:
        """Yield the criteria in order; with `block` only those it answers."""
        for group in self.groups:
            for criterion in group.criteria:
                if block is None or block in criterion.points:
                    yield criterion

    def criterion(self, criterion_id: str) -> Criterion | None:
        """Return the criterion of that id, or None."""
        return next((one for one in self.criteria() if one.id == criterion_id), None)


def load_catalogue(path: Path) -> Catalogue:
    """
    Read the catalogue file at `path` (TOML, UTF-8).

    Raises CatalogueError, with the file, the key and the remedy, for a file that is missing, not TOML, lacks
    a key, names a thing twice, or whose points do not add up.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise CatalogueError("CATALOGUE_UNREADABLE", path=path, why=cause) from cause
    return parse_catalogue(text, str(path))


def sample_catalogue() -> Catalogue:
    """Return the sample that is shipped with the program, for demonstrations and tests."""
    return parse_catalogue(
        files("config").joinpath("catalogue.toml").read_text(encoding="utf-8"), "config/catalogue.toml"
    )


def parse_catalogue(text: str, source: str) -> Catalogue:
    """Read a catalogue from TOML `text`; `source` is the name that errors give. Raises CatalogueError."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as cause:
        raise CatalogueError("CATALOGUE_NOT_TOML", source=source, why=cause) from cause
    return _Reader(source).catalogue(data)


_SCORING = {
    CriterionKind.BOOLEAN: Scoring.YES_FULL,
    CriterionKind.COUNT: Scoring.BANDS,
    CriterionKind.RATIO: Scoring.PROPORTIONAL,
    CriterionKind.DOCUMENT: Scoring.MANUAL,
    CriterionKind.TEXT: Scoring.MANUAL,
}

_Choice = TypeVar("_Choice", bound=StrEnum)


class _Reader:
    """Turns the parsed tables into records, and names the place of every mistake."""

    def __init__(self, source: str) -> None:
        self._source = source

    def catalogue(self, data: dict[str, Any]) -> Catalogue:
        blocks = data.get("blocks")
        if not isinstance(blocks, dict) or not blocks or not all(isinstance(name, str) for name in blocks.values()):
            raise self._wrong("blocks", "must be a table of block ids with their names")
        groups = tuple(
            self._group(one, f"group {number}", frozenset(blocks))
            for number, one in enumerate(self._tables(data, "group", "group"), start=1)
        )
        if not groups:
            raise self._wrong("group", "there is no group")
        result = Catalogue(
            id=self._id(data, "id", "id"),
            status=self._choice(CatalogueStatus, data, "status", "status"),
            title=self._text(data, "title", "title"),
            title_en=self._text(data, "title_en", "title_en", ""),
            basis=self._text(data, "basis", "basis", ""),
            data_from=self._date(data, "data_from"),
            data_to=self._date(data, "data_to"),
            total_points=self._number(data.get("total_points"), "total_points"),
            blocks=dict(blocks),
            groups=groups,
            grades=tuple(
                Grade(self._number(one.get("min"), "grade.min"), self._text(one, "label", "grade.label"))
                for one in self._tables(data, "grade", "grade")
            ),
            source=self._source,
        )
        self._check(result)
        return result

    def _group(self, data: dict[str, Any], place: str, blocks: frozenset[str]) -> Group:
        group_id = self._id(data, "id", f"{place}.id")
        place = f"group {group_id}"
        criteria = tuple(
            self._criterion(one, f"{place}, criterion {number}", blocks)
            for number, one in enumerate(self._tables(data, "criterion", f"{place}.criterion"), start=1)
        )
        return Group(
            group_id,
            self._text(data, "name", f"{place}.name"),
            self._points(data.get("points"), f"{place}.points", blocks),
            criteria,
        )

    def _criterion(self, data: dict[str, Any], place: str, blocks: frozenset[str]) -> Criterion:
        criterion_id = self._id(data, "id", f"{place}.id")
        place = f"criterion {criterion_id}"
        kind = self._choice(CriterionKind, data, "type", f"{place}.type")
        scoring = self._choice(Scoring, data, "scoring", f"{place}.scoring", _SCORING[kind])
        zero = self._choice(
            ZeroDenominator, data, "zero_denominator", f"{place}.zero_denominator", ZeroDenominator.NOT_APPLICABLE
        )
        bands = tuple(self._band(one, f"{place}.bands") for one in self._tables(data, "bands", f"{place}.bands"))
        if (scoring is Scoring.BANDS) != bool(bands):
            raise self._wrong(f"{place}.bands", "bands belong to scoring = bands, and to nothing else")
        fields = data.get("fields", ["number", "date", "subject"] if kind is CriterionKind.DOCUMENT else [])
        if not isinstance(fields, list) or not all(isinstance(one, str) for one in fields):
            raise self._wrong(f"{place}.fields", "must be a list of words")
        ratio = kind is CriterionKind.RATIO
        max_length = data.get("max_length", 2000)
        if not isinstance(max_length, int) or isinstance(max_length, bool) or max_length < 1:
            raise self._wrong(f"{place}.max_length", "must be a whole number of characters above 0")
        return Criterion(
            id=criterion_id,
            kind=kind,
            name=self._text(data, "name", f"{place}.name"),
            points=self._points(data.get("points"), f"{place}.points", blocks),
            numerator=self._text(data, "numerator", f"{place}.numerator", None if ratio else ""),
            denominator=self._text(data, "denominator", f"{place}.denominator", None if ratio else ""),
            unit=self._text(data, "unit", f"{place}.unit", ""),
            whole_numbers=self._flag(data, "whole_numbers", place),
            max_length=max_length,
            fields=tuple(fields),
            evidence_required=self._flag(data, "evidence_required", place),
            scoring=scoring,
            zero_denominator=zero,
            bands=bands,
        )

    def _band(self, data: dict[str, Any], place: str) -> Band:
        low, high = data.get("at_least"), data.get("at_most")
        if (low is None) == (high is None):
            raise self._wrong(place, "each band has either at_least or at_most")
        return Band(
            self._number(data.get("share"), f"{place}.share"),
            None if low is None else self._number(low, f"{place}.at_least"),
            None if high is None else self._number(high, f"{place}.at_most"),
        )

    def _check(self, catalogue: Catalogue) -> None:
        """Refuse what would make scoring wrong: things named twice, and points that do not add up."""
        if catalogue.data_from > catalogue.data_to:
            raise self._wrong("data_from", f"{catalogue.data_from} is after data_to, {catalogue.data_to}")
        seen: set[str] = set()
        for name in (*(one.id for one in catalogue.groups), *(one.id for one in catalogue.criteria())):
            if name.casefold() in seen:
                raise self._wrong(name, "this id stands twice")
            seen.add(name.casefold())
        if len(seen) > MAX_CRITERIA:
            raise self._wrong("group", f"more than {MAX_CRITERIA} groups and criteria")
        for block in catalogue.blocks:
            for group in catalogue.groups:
                total = sum((one.points.get(block, Decimal(0)) for one in group.criteria), Decimal(0))
                if total != group.points.get(block, Decimal(0)):
                    told = group.points.get(block, Decimal(0))
                    raise self._wrong(
                        f"group {group.id}.points.{block}", f"says {told}, the criteria add up to {total}"
                    )
            total = sum((group.points.get(block, Decimal(0)) for group in catalogue.groups), Decimal(0))
            if total != catalogue.total_points:
                raise self._wrong("total_points", f"says {catalogue.total_points}, block {block} adds up to {total}")

    def _points(self, value: object, place: str, blocks: frozenset[str]) -> dict[str, Decimal]:
        if not isinstance(value, dict) or not value:
            raise self._wrong(place, "must be a table of blocks with their maximum points")
        for block in value:
            if block not in blocks:
                raise self._wrong(place, f"names the block {block!r}, which [blocks] does not")
        return {block: self._number(number, f"{place}.{block}") for block, number in value.items()}

    def _tables(self, data: dict[str, Any], key: str, place: str) -> list[dict[str, Any]]:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._wrong(place, f"must be a list of tables ([[{key}]])")
        return value

    def _text(self, data: dict[str, Any], key: str, place: str, default: str | None = None) -> str:
        value = data.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self._wrong(place, "must be a text" if key in data else "is missing")
        return value

    def _choice(
        self, choices: type[_Choice], data: dict[str, Any], key: str, place: str, default: _Choice | None = None
    ) -> _Choice:
        name = self._text(data, key, place, default)
        try:
            return choices(name)
        except ValueError:
            raise self._wrong(place, f"must be one of {', '.join(choices)}, not {name!r}") from None

    def _id(self, data: dict[str, Any], key: str, place: str) -> str:
        value = self._text(data, key, place)
        if len(value) > MAX_ID_LENGTH or not all(one.isascii() and (one.isalnum() or one in "-_.") for one in value):
            raise self._wrong(place, f"{value!r} must be at most {MAX_ID_LENGTH} letters, digits, '-', '_' or '.'")
        return value

    def _flag(self, data: dict[str, Any], key: str, place: str) -> bool:
        value = data.get(key, True)
        if not isinstance(value, bool):
            raise self._wrong(f"{place}.{key}", "must be true or false")
        return value

    def _date(self, data: dict[str, Any], key: str) -> date:
        value = data.get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self._wrong(key, "must be a day written as 2018-09-01")
        return value

    def _number(self, value: object, place: str) -> Decimal:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | Decimal)
            or not Decimal(value).is_finite()
            or value < 0
        ):
            raise self._wrong(place, "must be a number that is not negative")
        return Decimal(value)

    def _wrong(self, key: str, what: str) -> CatalogueError:
        return CatalogueError.at(self._source, key, what)
