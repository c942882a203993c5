"""Base64 is decoded to the last byte, fast or not, however its lines are broken."""

from __future__ import annotations

import base64
import binascii
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.steps.base64_text import FAST_FROM_BYTES, decode_base64, loose_base64


def lines(data: bytes, width: int, ending: bytes) -> bytes:
    text = base64.b64encode(data)
    return ending.join(text[at : at + width] for at in range(0, len(text), width)) + ending


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from((4, 60, 64, 72, 76, 1_000, 10**6)),
    st.sampled_from((b"\n", b"\r\n")),
    st.integers(0, 2**32),
)
def test_clean_text_of_any_line_length_gives_the_bytes(extra: int, width: int, ending: bytes, seed: int) -> None:
    """Above and below the size from which the faster decoder is asked."""
    chance = random.Random(seed)
    for size in (50 + extra, FAST_FROM_BYTES + extra):
        data = chance.randbytes(size)

        assert decode_base64(lines(data, width, ending)) == (data, None)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 255), st.floats(0, 1))
def test_one_foreign_byte_is_treated_alike_by_both_decoders(seed: int, byte: int, place: float) -> None:
    """The fast way may never answer what the careful way would not."""
    text = bytearray(lines(random.Random(seed).randbytes(FAST_FROM_BYTES), 76, b"\r\n"))
    text[int(place * (len(text) - 1))] = byte
    made, _ = decode_base64(bytes(text))
    try:
        expected = binascii.a2b_base64(bytes(text))
    except binascii.Error:
        expected = loose_base64(bytes(text))

    assert made == expected or byte == ord("=")


def test_a_footer_after_the_padding_is_passed_over_and_reported() -> None:
    """Lists append their text to whatever part is last."""
    made, flaw = decode_base64(lines(b"x" * 100, 76, b"\n") + b"\n______\nDanh sach thu: https://lists.x.vn/?a=b\n")

    assert made == b"x" * 100
    assert flaw is not None


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_broken_end_costs_only_the_broken_letters(cut: int) -> None:
    """What came whole is kept."""
    data = bytes(range(60))
    made, flaw = decode_base64(base64.b64encode(data)[:-cut])

    assert data.startswith(made)
    assert len(made) >= 57
    assert flaw is not None
