"""Every reason code with its sentence for a clerk, in Vietnamese and English, and what to do."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reason code means to a person: the sentence, then what to do, in two languages."""

    code: str
    vi: str
    en: str
    do_vi: str
    do_en: str


@cache
def all_reasons() -> dict[str, ReasonText]:
    """
    Return every reason the program can give, by code.

    The texts stand in `config/reasons/*.toml`, one file a subject, one table a code
    with the keys `vi`, `en`, `do_vi` and `do_en`. A code stands in one file only, which a test sees to;
    a running office is never stopped by a text, so here the first one counts.
    """
    found: dict[str, ReasonText] = {}
    for file in sorted(files("config").joinpath("reasons").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        for code, text in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found.setdefault(code, ReasonText(code, text["vi"], text["en"], text["do_vi"], text["do_en"]))
    return found


def explain(code: str) -> ReasonText:
    """Return the texts of `code`; one without texts explains itself by its name (a test keeps that from happening)."""
    known = all_reasons().get(code)
    if known is not None:
        return known
    words = code.replace("_", " ").lower()
    return ReasonText(code, words, words, "Liên hệ quản trị hệ thống.", "Ask the system administrator.")
