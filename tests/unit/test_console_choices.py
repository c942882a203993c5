"""The reasons from which a clerk chooses: each has its words, and each act has some."""

from __future__ import annotations

import pytest

from config.reasons import all_reasons
from intake.console.choices import CHOICES, HINTS, OTHER, needs_note
from intake.console.words import ACTION_MEANINGS, ACTIONS
from storage.records import Action

CODES = sorted({code for codes in CHOICES.values() for code in codes})


@pytest.mark.parametrize("code", CODES)
def test_each_reason_has_its_sentences_in_both_languages(code: str) -> None:
    """A letter quotes them, so none may be a bare code."""
    text = all_reasons()[code]
    assert text.vi.endswith(".")
    assert text.en.endswith(".")
    assert text.do_vi
    assert text.do_en


@pytest.mark.parametrize("action", list(Action))
def test_each_act_has_words_and_reasons_and_a_way_out(action: Action) -> None:
    """Whoever finds no reason that fits chooses the other one, and must write a note."""
    assert ACTIONS[action].vi
    assert ACTION_MEANINGS[action].endswith(".")
    assert CHOICES[action][-1] == OTHER
    assert needs_note(OTHER)
    assert not any(needs_note(code) for code in CHOICES[action][:-1])


def test_every_hint_is_for_a_reason_that_can_be_chosen() -> None:
    """A hint nobody sees is a mistake in its code."""
    assert set(HINTS) <= set(CODES)
