"""Whatever bytes come, unpacking ends, lists what it found truthfully, and fails nowhere."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.steps.mail_names import label_of, read_valued
from intake.steps.unpack import unpack
from intake.steps.unpacked import Unpacked, as_json
from tests.makers_mail import (
    PDF,
    a_mail,
    a_multipart,
    a_nested_mail,
    a_package,
    a_rar,
    a_tar,
    a_text,
    a_tnef,
    a_zip,
    an_attachment,
)

SEEDS = (
    a_mail(a_text(), an_attachment(), a_nested_mail(a_mail(a_text(), an_attachment()), "t.eml", encoding="base64")),
    a_mail(
        a_multipart((a_text(), a_text("<p>", "html")), "alternative", "a"), an_attachment(encoding="quoted-printable")
    ),
    a_mail(a_text("begin 644 x\n#0V%T\n`\nend\n"), an_attachment(a_tnef({"a.pdf": PDF}, body="x"), "winmail.dat")),
    a_mail(a_text(), an_attachment(a_zip({"a.pdf": PDF, "b.zip": a_zip({"c": b"d"})}), "a.zip")),
    a_zip({"a.pdf": PDF, "thư/b.txt": b"x" * 500}),
    a_tar({"a.pdf": PDF, "x" * 120: b"y"}),
    a_tar({"a.pdf": PDF}, "w:gz"),
    a_rar({"a.pdf": PDF}),
    a_tnef({"a.pdf": PDF}, html=b"<p>", embedded=a_tnef({"b.pdf": PDF})),
    a_package(),
    a_package((("a.docx", PDF), ("b.zip", a_zip({"x": b"y"})))),
)
# Tokens that mean something to one of the parsers; placed anywhere, they are what random bytes rarely hit.
TOKENS = (
    *(b"\n", b"\r\n", b"\n\n", b"--", b";", b"=", b'"', b"(", b"<", b">", b"=?utf-8?b?", b"?=", b"\x00", b"\xff"),
    *(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", b"Content-Type: message/rfc822\n\n", b"begin 644 x\n"),
    *(b"%PDF-", b"PK\x03\x04", b"\x78\x9f\x3e\x22", b"Rar!\x1a\x07", b"<!DOCTYPE a>", b"filename*0*="),
    b"Content-Transfer-Encoding: base64\n",
)
CHANGES = st.tuples(st.floats(0, 1), st.sampled_from(("cut", "flip", "token", "repeat")), st.integers(0, 2**16))


def hold_true(unpacked: Unpacked, data: bytes) -> None:
    """What every result must keep: no fault of ours, digests that fit, trails that end with their names."""
    assert "UNPACK_FAILED" not in {one.code for one in unpacked.problems}, unpacked.problems
    assert (unpacked.sha256, unpacked.size) == (hashlib.sha256(data).hexdigest(), len(data))
    for leaf in unpacked.parts:
        assert (leaf.size, leaf.sha256) == (len(leaf.data), hashlib.sha256(leaf.data).hexdigest())
        assert leaf.name is None or (leaf.trail[-1] == leaf.name and not set(leaf.name) & set("/\\\x00\r\n\u202e"))
    as_json("x", unpacked)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(CHANGES, max_size=6))
def test_changed_deliveries_never_break_the_unpacking(seed: bytes, changes: list[tuple[float, str, int]]) -> None:
    """Cut, flipped, with foreign tokens put in, with stretches repeated."""
    data = seed
    for place, kind, number in changes:
        at = int(place * len(data))
        if kind == "cut":
            data = data[:at] + data[at + number % 64 :]
        elif kind == "flip" and at < len(data):
            data = data[:at] + bytes((data[at] ^ (1 << number % 8),)) + data[at + 1 :]
        elif kind == "token":
            data = data[:at] + TOKENS[number % len(TOKENS)] + data[at:]
        else:
            data = data[:at] + data[at : at + number % 200] * (number % 5) + data[at:]

    hold_true(unpack(data, "x.eml"), data)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=40)), max_size=30).map(b"".join))
def test_bytes_without_sense_never_break_the_unpacking(data: bytes) -> None:
    """Under any name."""
    hold_true(unpack(data, "x.eml"), data)
    hold_true(unpack(data, "x"), data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_in_a_disposition_give_a_label_without_a_path(raw: bytes) -> None:
    """The label is safe to show whatever came."""
    label = label_of(read_valued(b"attachment; filename=" + raw).parameters.get("filename"))

    assert label.name is None or not set(label.name) & set("/\\\x00\r\n")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_a_name_written_by_rfc_2231_reads_back(name: str) -> None:
    """What one program writes, this one reads."""
    from email.message import EmailMessage

    shown = label_of(name).name
    written = EmailMessage()
    try:
        written.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    except (ValueError, UnicodeError):
        return
    value = str(written["Content-Disposition"]).encode("ascii", "replace")
    if b"filename*=" in value:
        assert label_of(read_valued(value).parameters.get("filename")).name == shown


def _corpus() -> Path:
    folder = os.environ.get("CORPUS_DIR")
    if not folder:
        pytest.skip("CORPUS_DIR is not set: files that nobody of us wrote are not on this machine")
    return Path(folder)


@pytest.mark.corpus
def test_changed_corpus_mails_never_break_the_unpacking() -> None:
    """A seeded sample of the public mails: other line ends, cut off, with flipped bytes."""
    files = sorted(
        one
        for place in ("mail", "edxml", "signatures/thunderbird")
        for one in (_corpus() / place).rglob("*")
        if one.is_file() and one.suffix not in (".json", ".list") and "LICENSE" not in one.name
    )
    chance = random.Random(697)  # the letter's number: the same sample every time
    fed = 0
    for file in chance.sample(files, min(150, len(files))):
        data = file.read_bytes()[:400_000]
        variants = [data.replace(b"\r\n", b"\n").replace(b"\n", ending) for ending in (b"\n", b"\r\n", b"\r")]
        variants.append(data[: chance.randrange(len(data) + 1)])
        for _ in range(3):
            flipped = bytearray(data)
            for _ in range(5):
                if flipped:
                    flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            variants.append(bytes(flipped))
        for variant in variants:
            hold_true(unpack(variant, file.name), variant)
            fed += 1
    print(f"fed {fed} changed deliveries, faults: 0")

    assert fed > 500


@pytest.mark.corpus
@pytest.mark.exhaustive
def test_every_variant_of_every_corpus_file_is_unpacked() -> None:
    """The long run: every file, every line end, cut at forty places, forty times with flipped bytes."""
    chance = random.Random(697)
    fed = 0
    for file in sorted((_corpus() / "mail").rglob("*")) + sorted((_corpus() / "edxml").rglob("*")):
        if not file.is_file() or file.suffix in (".json", ".list"):
            continue
        data = file.read_bytes()
        variants = [data.replace(b"\r\n", b"\n").replace(b"\n", ending) for ending in (b"\n", b"\r\n", b"\r")]
        variants += [data[: chance.randrange(len(data) + 1)] for _ in range(40)]
        for _ in range(40):
            flipped = bytearray(data)
            if flipped:
                flipped[chance.randrange(len(flipped))] = chance.randrange(256)
            variants.append(bytes(flipped))
        for variant in variants:
            hold_true(unpack(variant, file.name), variant)
            fed += 1
    print(f"fed {fed} changed deliveries, faults: 0")

    assert fed > 10_000
