"""The long runs: every fuzz target gets random inputs for a time, not for a number of examples (`make exhaustive`)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from importlib import import_module

import pytest

# A dozen of seconds for each of some thirty targets: about ten minutes in all, less with two workers. A night's run:
# FUZZ_SECONDS=600. Every target is also one for atheris: `target.hypothesis.fuzz_one_input` takes its bytes.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "15"))
# Bytes from which hypothesis draws one input; the larger structures need some thousand.
MOST_BYTES = 4096

MODULES = (
    "tests.edge.test_pdf_fuzz",
    "tests.unit.test_cms_parsers_fuzzed",
    "tests.unit.test_ooxml_xmldsig_fuzz",
    "tests.unit.test_pdf_objects",
    "tests.unit.test_small_readers_fuzzed",
    "tests.unit.test_unpack_fuzz",
    "tests.unit.test_base64_text",
    "tests.unit.test_bundle_container",
    "tests.unit.test_forms_documents",
    "tests.unit.test_forms_numbers",
    "tests.unit.test_sidecar_manifest",
    "tests.unit.test_unread_sender",
)


def targets() -> list[Callable[..., None]]:
    """Every hypothesis test of the fuzzing rooms."""
    return [
        value
        for name in MODULES
        for key, value in sorted(vars(import_module(name)).items())
        if key.startswith("test_") and getattr(value, "is_hypothesis_test", False)
    ]


TARGETS = targets()


def test_there_is_a_target_for_every_room_of_fuzzing() -> None:
    """A room whose tests were renamed would drop out unseen."""
    assert {target.__module__ for target in TARGETS} == set(MODULES)
    assert len(TARGETS) >= 30


@pytest.mark.exhaustive
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_for_a_time_nothing_makes_it_fall(target: Callable[..., None], tell: Callable[[str], None]) -> None:
    """Other inputs at every run; the seed is told, so that a fall can be brought back."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    feed = target.hypothesis.fuzz_one_input  # type: ignore[attr-defined]  # hypothesis adds it
    until = time.monotonic() + SECONDS
    fed = used = 0
    while time.monotonic() < until:
        fed += 1
        octets = chance.randbytes(chance.randrange(MOST_BYTES))
        try:
            used += feed(octets) is not None
        except BaseException:
            print(f"seed {seed}, input {fed}: {octets.hex()}")
            raise
    tell(f"fuzz: {target.__name__}: seed {seed}, {fed} inputs, {used} of them whole, falls 0")
    assert used > 0
