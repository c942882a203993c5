"""Every class of attack done mechanically to files of many makers, and single bits turned over: none passes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
from asn1crypto import cms as asn1_cms

from signatures.report import Verdict
from tests.assets.make_pdf import certified, filled, time_stamped, with_store
from tests.makers_pdf import a_pdf, integrity, ranges, sign
from tests.makers_pdf_mutations import BY_UPDATE, ON_BYTES, DoesNotApply, Target, signed_again

THIRD = Path(__file__).parents[1] / "assets" / "third_party"
# So many classes are done to each file of another maker; all of them to our own, which are quicker to judge.
SAMPLE = 30
# So many classes are done before a further person signs the result.
SIGNED_SAMPLE = 12
FLIPS = 40
SEED = 697

OWN = {
    "signed": lambda: sign(a_pdf()),
    "signed-visibly": lambda: sign(a_pdf(), rect="300 100 500 160", shows="0 0 1 RG 2 2 190 50 re S"),
    "certified": lambda: certified(2),
    "filled-and-stamped": lambda: time_stamped(with_store(filled(sign(a_pdf())))),
}
OTHERS = sorted(path.name for path in THIRD.glob("passed-*.pdf") if "encrypted" not in path.name)
# The signer that follows writes the page anew, so that what was forged in between is gone.
UNDONE_BY_SIGNING = {"keys-twice"}
PASSES = {Verdict.PASSED, Verdict.UNSIGNED}


@cache
def _base(name: str) -> bytes:
    return OWN[name]().data if name in OWN else (THIRD / name).read_bytes()


def _passing(name: str, classes: list[str], *, then_signed: bool = False) -> list[str]:
    """Return the attacks that passed, and make sure that enough of them could be done at all."""
    passing, done = [], 0
    for attack in classes:
        try:
            data = {**ON_BYTES, **BY_UPDATE}[attack](Target.of(_base(name)), Random(f"{SEED}{attack}{name}"))
            data = signed_again(data) if then_signed else data
        except DoesNotApply:
            continue
        done += 1
        if integrity(data).verdict in PASSES:
            passing.append(attack)
    assert done >= len(classes) * 0.7
    return passing


@pytest.mark.parametrize("name", [*OWN, *OTHERS])
def test_the_file_itself_passes(name: str) -> None:
    """What is attacked here was whole before."""
    assert integrity(_base(name)).verdict is Verdict.PASSED


@pytest.mark.parametrize("name", OWN)
def test_no_class_of_attack_passes(name: str) -> None:
    """Each class of byte, dictionary, page, form, annotation and table tricks, one after the other."""
    assert _passing(name, [*ON_BYTES, *BY_UPDATE]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_no_sampled_attack_on_a_file_of_another_maker_passes(name: str) -> None:
    """Other makers lay out their files differently: object streams, linearised, several signers."""
    classes = Random(f"{SEED}{name}").sample([*ON_BYTES, *BY_UPDATE], SAMPLE)
    assert _passing(name, classes) == []


@pytest.mark.parametrize("name", [*OWN, *OTHERS])
def test_no_attack_passes_because_another_person_signs_what_it_left(name: str) -> None:
    """The later signature covers the forgery; the first signer's does not."""
    classes = Random(f"{SEED}{name} signed").sample(sorted(BY_UPDATE.keys() - UNDONE_BY_SIGNING), SIGNED_SAMPLE)
    assert _passing(name, classes, then_signed=True) == []


@pytest.mark.parametrize("name", ["signed", "signed-visibly", "filled-and-stamped", *OTHERS[:4]])
def test_no_bit_of_the_signed_bytes_can_be_turned_over(name: str) -> None:
    """Seeded places all over what the last signature covers."""
    data = _base(name)
    end = Target.of(data).signature.holder
    assert end is not None
    random = Random(f"{SEED}{name} bits")
    passing = []
    for _ in range(FLIPS):
        at = random.randrange(end.start)
        changed = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        if integrity(changed).verdict in PASSES:
            passing.append(at)
    assert passing == []


def _judged_places(contents: bytes) -> list[int]:
    """
    Return the places of a CMS value that must be judged.

    Not judged without trust: the certificates (each says for itself whether it is whole, which only a chain tells).
    Never judged: attributes that nobody signed, the padding behind the value, and what RFC 5652 repeats outside the
    signature without binding it: both version numbers, the list of all signers' digest algorithms (5.1: for the
    convenience of one-pass readers), and the parameters of the signer's (RFC 5754: absent or NULL). The issuer's name
    is compared without regard to case (RFC 5280, 7.1), so that some of its bits make no difference.
    """
    info = asn1_cms.ContentInfo.load(contents)
    signed_data = info["content"]
    whole = info.dump()
    exempt: set[int] = set(range(len(whole), len(contents)))
    (signer,) = signed_data["signer_infos"]
    outer, inner = whole.index(signed_data.dump()), whole.index(signer.dump())
    algorithm = signer["digest_algorithm"]
    parts = [
        (signed_data["certificates"].dump(), outer),
        (signed_data["version"].dump(), outer),
        (signed_data["digest_algorithms"].dump(), outer),
        (signer["version"].dump(), inner),
        (algorithm["parameters"].dump(), whole.index(algorithm.dump(), inner)),
        (signer["unsigned_attrs"].dump(), inner),
        (signer["sid"].chosen["issuer"].dump(), inner),
    ]
    for part, after in parts:
        if part:
            start = whole.index(part, after)
            exempt |= set(range(start, start + len(part)))
    return [place for place in range(len(contents)) if place not in exempt]


@pytest.mark.parametrize("name", ["signed", "certified"])
def test_no_bit_of_the_signature_itself_can_be_turned_over(name: str) -> None:
    """Every byte of the value counts, but for certificates (judged by their chain) and what nobody binds."""
    data = _base(name)
    _, start, stop, _ = ranges(data)[-1]
    contents = bytes.fromhex(data[start + 1 : stop - 1].decode())
    random = Random(f"{SEED}{name} value")
    passing = []
    for place in _judged_places(contents):
        # The reader of whole numbers takes an enumeration for one (tags 2 and 10 differ in the fourth bit).
        bit = random.choice([0, 1, 2, 4, 5, 6, 7] if contents[place] == 2 else range(8))
        turned = bytes([contents[place] ^ 1 << bit])
        value = (contents[:place] + turned + contents[place + 1 :]).hex().encode()
        if integrity(data[: start + 1] + value + data[stop - 1 :]).verdict in PASSES:
            passing.append(place)
    assert passing == []
