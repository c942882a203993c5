"""No bytes whatever make our readers raise anything but what they promise, nor judge a changed message as passed."""

from __future__ import annotations

import contextlib
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signatures import algorithms, asn1, certificates, cms_reader, crls, kinds, mime, ocsp, pem
from signatures.chain import judge_chain
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.signed_data import judge_signed_data
from signatures.timestamps import judge_timestamp
from signatures.trust import TrustStore
from signatures.verify import inspect
from tests.makers_cms import (
    BODY,
    NOW,
    clear_signed,
    detached,
    header,
    ocsp_answer,
    office,
    revocation_list,
    signature_value,
    signed_data,
    signer,
    timestamp_attribute,
    token,
)

CONTENT = b"the form"
FEW = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

noise = st.binary(max_size=200)
# Bytes that look like ASN.1: tags that we read, with right, wrong and open lengths.
pieces = st.lists(
    st.sampled_from(
        [
            b"\x30\x80",
            b"\x30\x03",
            b"\xa0\x80",
            b"\x31\x00",
            b"\x02\x01\x01",
            b"\x06\x01\x2a",
            b"\x00\x00",
            b"\x24\x80",
            b"\x04\x84\xff\xff\xff\xff",
            b"\x1f\xff\xff",
            b"\x17\x0d190910030000Z",
        ]
    )
    | st.binary(max_size=4),
    max_size=60,
).map(b"".join)


@cache
def messages() -> tuple[bytes, ...]:
    """True messages of every kind, to be damaged."""
    one = office()
    value = signature_value(signer(one.lan, CONTENT))
    stamped = signer(one.lan, CONTENT, unsigned=[timestamp_attribute(token(one.stamper, value))])
    return (
        signed_data(stamped, certificates=(one.lan.certificate,), crls=(revocation_list(one.authority),)),
        signed_data(signer(one.lan, CONTENT), content=CONTENT, certificates=(one.lan.certificate,), ber=True),
        token(one.stamper, CONTENT),
    )


@st.composite
def damaged(draw: st.DrawFn, sources: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """A message and the same with some octets changed, cut out or doubled."""
    whole = draw(st.sampled_from(sources))
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(["change", "cut", "double"]))
        if how == "change":
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 8))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        if not data:
            data = bytearray(b"\x30")
    return whole, bytes(data)


@FEW
@given(noise | pieces)
def test_readers_refuse_noise_with_their_own_errors(data: bytes) -> None:
    """Each reader answers, or raises the one error of its contract."""
    for read, errors in (
        (asn1.read, asn1.Asn1Error),
        (certificates.parse, certificates.CertificateError),
        (crls.parse_crl, crls.CrlError),
        (ocsp.parse_ocsp, ocsp.OcspError),
        (cms_reader.read_signed_data, cms_reader.NotSignedData),
        (certificates.signer_of, ()),
        (certificates.describe_name, ()),
        (cms_reader.content_type_of, ()),
        (cms_reader.token_in_response, ()),
        (kinds.is_cms, ()),
        (kinds.looks_like_mail, ()),
        (pem.blocks, ()),
        (mime.read_entity, ()),
    ):
        try:
            read(data)  # type: ignore[operator]
        except errors:
            continue


@FEW
@given(pieces)
def test_der_of_what_was_read_reads_again(data: bytes) -> None:
    """Whatever could be read whole can be written in DER and read again."""
    try:
        element = asn1.read(data)
        der = asn1.to_der(element)
    except asn1.Asn1Error:
        return
    assert asn1.to_der(asn1.only(der)) == der


@pytest.mark.parametrize("data", [b"\x5f\x00\x00", b"\x5f\x1e\x00", b"\x5f\x80\x1f\x00"])
def test_a_tag_number_has_one_spelling(data: bytes) -> None:
    """Small numbers in the long form, or with leading zeros, were once written back as another element."""
    with pytest.raises(asn1.Asn1Error):
        asn1.read(data)


@FEW
@given(st.integers(0, 2).flatmap(lambda _: damaged(messages())))
def test_damaged_messages_end_in_a_judgement(pair: tuple[bytes, bytes]) -> None:
    """Every damage is a finding, never an error, with the chain judged too."""
    one = office()
    trust = TrustStore((one.root.certificate,), (one.authority.certificate,), (revocation_list(one.root),))
    question = Question(at=NOW, trust=trust)
    with contextlib.suppress(cms_reader.NotSignedData):
        judge_signed_data(pair[1], lambda name: algorithms.digest(name, CONTENT), question)
    judge_timestamp(pair[1], lambda name: algorithms.digest(name, CONTENT), question)


@FEW
@given(
    damaged(
        (
            office().lan.certificate,
            revocation_list(office().authority),
            ocsp_answer(office().authority, office().lan, office().authority),
        )
    )
)
def test_damaged_papers_end_in_a_judgement(pair: tuple[bytes, bytes]) -> None:
    """Certificates, lists and answers may be anything."""
    one = office()
    question = Question(at=NOW, trust=TrustStore((one.root.certificate,), (one.authority.certificate,)))
    judge_chain(pair[1], (pair[1],), question, crls=(pair[1],), ocsps=(pair[1],))
    judge_chain(one.lan.certificate, (pair[1],), question, crls=(pair[1],), ocsps=(pair[1],))


@FEW
@given(damaged((header() + clear_signed(BODY, detached(office().lan, BODY)),)))
def test_a_damaged_mail_shows_nothing_that_was_not_signed(pair: tuple[bytes, bytes]) -> None:
    """If a damaged mail still passes, then the part it shows as signed is the very part that was signed."""
    report = inspect(Document("x.eml", pair[1]), Question(at=NOW, integrity_only=True))
    assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}
    if report.verdict is Verdict.PASSED:
        assert report.shown is not None
        assert mime.with_crlf(report.shown) == BODY


@FEW
@given(st.binary(min_size=1, max_size=300))
def test_any_file_gets_an_answer(data: bytes) -> None:
    """The one entrance never raises."""
    report = inspect(Document("unknown", data), Question(at=NOW, integrity_only=True))
    assert report.verdict is not Verdict.PASSED
    assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}


@pytest.mark.parametrize("bit", range(64))
def test_no_single_changed_bit_of_the_content_passes(bit: int) -> None:
    """One bit of the document, anywhere, is enough to fail."""
    changed = bytearray(CONTENT)
    changed[bit // 8] ^= 1 << bit % 8
    message = detached(office().lan, CONTENT)
    judged = judge_signed_data(
        message, lambda name: algorithms.digest(name, bytes(changed)), Question(at=NOW, integrity_only=True)
    )
    assert judged[0].verdict is Verdict.FAILED
