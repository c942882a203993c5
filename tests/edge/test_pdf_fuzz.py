"""Damaged PDFs: whatever happens to a signed file on its way, the answer is a finding, and never that all is well."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signatures.report import FileReport, Verdict
from tests.assets.make_pdf import certified, filled, person_then_seal, time_stamped, with_store
from tests.makers_pdf import a_pdf, integrity, ranges, sign

FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def _files() -> tuple[bytes, ...]:
    return (
        sign(a_pdf()).data,
        filled(certified(2)).data,
        person_then_seal().data,
        time_stamped(with_store(sign(sign(a_pdf()), name="Ky2"))).data,
    )


def _examined(report: FileReport) -> bool:
    return all(reason.code != "PDF_NOT_EXAMINED" for reason in report.reasons)


@FEW
@given(which=st.integers(0, 3), cut=st.floats(0, 1))
def test_a_cut_off_file_never_passes(which: int, cut: float) -> None:
    """A file that lost its end may show an earlier state, but no signature whose bytes are gone."""
    whole = _files()[which]
    data = whole[: int(cut * len(whole))]
    report = integrity(data)
    assert _examined(report)
    for one in report.signatures:
        if one.verdict is Verdict.PASSED:
            assert one.intact
            assert any(third + fourth <= len(data) for _, _, third, fourth in ranges(data))


@FEW
@given(which=st.integers(0, 3), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_in_signed_bytes_never_passes(which: int, place: float, bit: int) -> None:
    """Every bit outside the gap of the last signature that covers it counts."""
    data = bytearray(_files()[which])
    _, start, stop, rest = ranges(bytes(data))[0]
    at = int(place * (stop + rest))
    if start <= at < stop:
        return
    data[at] ^= 1 << bit
    report = integrity(bytes(data))
    assert _examined(report)
    first = [one for one in report.signatures if one.kind == "pdf"]
    assert report.verdict is not Verdict.PASSED
    assert all(one.verdict is not Verdict.PASSED for one in first)


@FEW
@given(
    which=st.integers(0, 3),
    place=st.floats(0, 1),
    length=st.integers(0, 60),
    junk=st.one_of(
        st.binary(max_size=60), st.sampled_from([b"<<", b">>", b"[", b"(", b"obj", b"endobj", b"stream\n", b"%"])
    ),
)
def test_spliced_bytes_never_crash(which: int, place: float, length: int, junk: bytes) -> None:
    """Bytes put in or taken out anywhere give a finding, not an exception in disguise."""
    data = _files()[which]
    at = int(place * len(data))
    assert _examined(integrity(data[:at] + junk + data[at + length :]))


@FEW
@given(body=st.binary(max_size=400))
def test_any_bytes_after_a_header_are_examined(body: bytes) -> None:
    """What merely begins as a PDF is said to be damaged or unsigned."""
    report = integrity(b"%PDF-1.7\n" + body)
    assert _examined(report)
    assert report.verdict is not Verdict.PASSED
