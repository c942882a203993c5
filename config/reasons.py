"""Every reason code with its sentence for a clerk, in Vietnamese and English, and what to do."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# A code as it is kept where it speaks of trouble: alone, or with its facts.
_KEPT = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?: (\{.*\}))?", re.DOTALL)
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}(\.?)")


@dataclass(frozen=True, slots=True)
class ReasonText:
    """
    What a reason code means to a person: the sentence, then what to do, in two languages.

    What somebody else said, or was recorded before sentences had codes, has the code "" and speaks only in `en`.
    """

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


def explain_with(code: str, facts: Mapping[str, str]) -> ReasonText:
    """
    Return the texts of `code` with the `facts` of this case in their places, `{path}` for the fact `path`.

    A fact stands as it is; only `reasons` holds codes (`A_CODE, B_CODE`) and speaks in their sentences. A place
    without its fact stays: nobody is left without words for want of one.
    """
    text = explain(code)
    reasons = [explain(one) for one in facts.get("reasons", "").split(", ") if one]
    vi = {**facts, "reasons": " ".join(one.vi for one in reasons)}
    en = {**facts, "reasons": " ".join(one.en for one in reasons)}
    return ReasonText(
        code, _filled(text.vi, vi), _filled(text.en, en), _filled(text.do_vi, vi), _filled(text.do_en, en)
    )


def keep(code: str, facts: Mapping[str, str]) -> str:
    """Return code and facts as one line to be recorded; `recall` says it again, in both languages."""
    return f"{code} {json.dumps(dict(facts), ensure_ascii=False)}" if facts else code


def recall(kept: str | None) -> ReasonText:
    """
    Return in words what `keep` wrote down.

    Anything else (a mail server's own answer, a row of an earlier version) comes back as it is, in `en` alone
    and with the code "".
    """
    found = _KEPT.fullmatch(kept or "")
    if found is None or found[1] not in all_reasons():
        return ReasonText("", "", kept or "", "", "")
    try:
        facts = json.loads(found[2] or "{}")
    except (ValueError, RecursionError):
        return ReasonText("", "", kept or "", "", "")
    return explain_with(found[1], {str(name): str(value) for name, value in facts.items()})


def in_english(kept: str) -> str:
    """Return what `keep` wrote down in English, for logs and scripts; other words and a bare code as they are."""
    told = recall(kept)
    return kept if told.code in ("", kept) else told.en


def _filled(template: str, facts: Mapping[str, str]) -> str:
    def fact(place: re.Match[str]) -> str:
        value = facts.get(place[1])
        if value is None:
            return place[0]
        # Other programs' words often end their own sentence.
        return value if value.endswith(".") else value + place[2]

    return _PLACE.sub(fact, template)
