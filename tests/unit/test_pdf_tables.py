"""A classic table of contents is asked about all its rows at once, and says what asking each of them would say."""

from __future__ import annotations

from random import Random

import pytest

from signatures.formats.pdf_tables import TableRows

SEED = 697


@pytest.mark.parametrize("round_", range(200))
def test_the_objects_behind_a_place_are_those_whose_rows_say_so(round_: int) -> None:
    """Places as large as ten digits hold and as small as a few bytes, free rows between, the place itself included."""
    dice = Random(f"{SEED} {round_}")
    places = [dice.choice([dice.randrange(10**10), dice.randrange(200)]) for _ in range(dice.randrange(1, 40))]
    kinds = [dice.choice("nf") for _ in places]
    rows = b"".join(b"%010d 00000 %s\r\n" % (place, kind.encode()) for place, kind in zip(places, kinds, strict=True))
    end = dice.choice([dice.choice(places), dice.randrange(10**10)])
    table = TableRows(b"xref\n7 40\n" + rows, regular=[(7, len(places), 10)])

    expected = {
        7 + row for row, (place, kind) in enumerate(zip(places, kinds, strict=True)) if kind == "n" and place >= end
    }
    assert table.beyond(end) == expected
