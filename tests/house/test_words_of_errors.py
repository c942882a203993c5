"""Rules for errors: their words stand in the tables, in two languages, and every fact they speak of is given."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.reasons import all_reasons

STOREYS = ("intake", "storage", "signatures", "config")
MODULES = sorted(path for storey in STOREYS for path in Path(storey).rglob("*.py") if "versions" not in path.parts)
PLACE = re.compile(r"\{([^}]*)\}")
# What a subclass adds for its caller, beside the facts.
NO_FACTS = frozenset({"octets"})


def errors_of_the_house() -> frozenset[str]:
    """The names of OfficeError and everything derived from it, found in the source."""
    bases = {
        node.name: {ast.unparse(base) for base in node.bases}
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    known = {"OfficeError"}
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return frozenset(known)


ERRORS = errors_of_the_house()
# Their own constructors fill in the code; the call of `super().__init__` inside is looked at instead.
WITH_OWN_WORDS = frozenset({"SizeDisagrees", "SizeTooLarge"})


def errors_made() -> Iterator[tuple[str, ast.Call]]:
    """Every place in the program that makes an error of the house, with where it stands."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {
            call
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and node.name in ERRORS - {"OfficeError"}
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("cls", "super().__init__")
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (node in inside or ast.unparse(node.func) in ERRORS - WITH_OWN_WORDS):
                yield f"{path}:{node.lineno}", node


def codes_of(argument: ast.expr) -> list[str] | None:
    """The codes that a first argument can be: written out, or one of two; None where a variable holds it."""
    if isinstance(argument, ast.Constant):
        return [argument.value]
    if isinstance(argument, ast.IfExp):
        return [code for one in (argument.body, argument.orelse) for code in codes_of(one) or []]
    return None


MADE = dict(errors_made())


@pytest.mark.parametrize("place", MADE)
def test_an_error_has_its_words_in_both_languages_and_every_fact_they_name(place: str) -> None:
    """Nobody reads an English sentence alone, or a hole in a sentence, because somebody was in a hurry."""
    call = MADE[place]
    assert call.args, "an error begins with its code"
    codes = codes_of(call.args[0])
    if codes is None:
        # The code travels with its facts: out of a worker process, or from the campaign's list of contradictions.
        assert any(given.arg is None for given in call.keywords)
        return
    given = {one.arg for one in call.keywords}
    for code in codes:
        assert code in all_reasons(), f"{code} has no words in config/reasons"
        text = all_reasons()[code]
        asked = {name for words in (text.vi, text.en, text.do_vi, text.do_en) for name in PLACE.findall(words)}
        assert asked == given - NO_FACTS | asked & given


def test_no_words_are_left_of_errors_that_are_gone() -> None:
    """Whoever translates or corrects the tables works only on what is said."""
    source = "".join(path.read_text(encoding="utf-8") for path in MODULES)
    tables = sorted(Path("config/reasons").glob("trouble_*.toml"))
    codes = [code for file in tables for code in tomllib.loads(file.read_text("utf-8"))]

    assert len(codes) > 150
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_the_search_for_errors_finds_them() -> None:
    """A search that finds nothing would prove nothing."""
    assert {"SourceError", "VaultFull", "SettingsError", "Refused"} <= ERRORS
    assert len(MADE) > 150


@pytest.mark.parametrize("code", sorted(code for code, text in all_reasons().items() if "{" in text.vi + text.en))
def test_both_languages_speak_of_the_same_facts(code: str) -> None:
    """Whoever reads one language is told as much as whoever reads the other."""
    text = all_reasons()[code]

    assert {*PLACE.findall(text.vi), *PLACE.findall(text.do_vi)} == {
        *PLACE.findall(text.en),
        *PLACE.findall(text.do_en),
    }
