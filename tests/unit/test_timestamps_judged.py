"""Time stamps: what they prove, when they prove nothing, and that a bad one costs only its proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from signatures import algorithms
from signatures.question import Question, RevocationRule
from signatures.report import Verdict
from signatures.signed_data import judge_signed_data
from signatures.signer_judgement import SignerJudgement
from signatures.timestamps import TimestampJudgement, judge_timestamp
from signatures.trust import TrustStore
from tests.makers_cms import (
    NOW,
    TIME_STAMPING,
    Holder,
    archive_attribute,
    certify,
    ec_key,
    key_usage,
    office,
    revocation_list,
    signature_value,
    signed_data,
    signer,
    signing_time,
    timestamp_attribute,
    token,
    usual_attributes,
)

DAY = timedelta(days=1)
CONTENT = b"the form"


def question(*, at: datetime = NOW, revoked: tuple[tuple[int, datetime, int], ...] = ()) -> Question:
    lists = (
        revocation_list(office().root, this_update=NOW + 40 * DAY),
        revocation_list(office().authority, revoked, this_update=NOW + 40 * DAY),
    )
    trust = TrustStore((office().root.certificate,), (office().authority.certificate,), lists)
    return Question(at=at, at_is_proof=True, trust=trust)


def stamp(made: bytes, asked: Question | None = None, *, over: bytes = CONTENT) -> TimestampJudgement:
    return judge_timestamp(made, lambda name: algorithms.digest(name, over), asked or question())


def codes(judged: TimestampJudgement | SignerJudgement) -> set[str]:
    return {one.code for one in judged.reasons}


def test_a_good_token_proves_its_time() -> None:
    """Imprint, signature, purpose and chain hold: the time counts."""
    judged = stamp(token(office().stamper, CONTENT))
    assert judged.verdict is Verdict.PASSED
    assert judged.proves
    assert judged.gen_time == NOW
    assert judged.signer is not None
    assert judged.signer.common_name == "Test Time Stamps"
    assert judged.evidence[0][0] == "timestamp"


def test_a_token_over_something_else_fails() -> None:
    """The imprint is that of other bytes."""
    judged = stamp(token(office().stamper, b"another form"))
    assert (judged.verdict, judged.sub_indication, judged.intact) == (Verdict.FAILED, "HASH_FAILURE", False)


def test_a_person_cannot_stamp() -> None:
    """A signing certificate does not make a time-stamp authority."""
    judged = stamp(token(office().lan, CONTENT))
    assert judged.verdict is Verdict.INDETERMINATE
    assert "CERTIFICATE_WRONG_PURPOSE" in codes(judged)
    assert judged.intact is True


def test_a_token_without_its_certificates_binding_proves_nothing() -> None:
    """RFC 3161 asks for the signing-certificate attribute."""
    bare = stamp(token(office().stamper, CONTENT, bound=False))
    assert bare.intact is True
    assert not bare.proves
    assert "CERTIFICATE_BINDING_MISSING" in codes(bare)


def test_the_authority_is_judged_for_the_time_the_token_names() -> None:
    """An authority whose certificate has ended since still proves what it stamped before."""
    holder = certify("Cũ", ec_key(61), office().authority, extensions=(key_usage(0), TIME_STAMPING), until=NOW + DAY)
    assert stamp(token(holder, CONTENT), question(at=NOW + 30 * DAY)).verdict is Verdict.INDETERMINATE
    fresh = replace(question(at=NOW + 30 * DAY), revocation=RevocationRule.OFF)
    assert stamp(token(holder, CONTENT), fresh).proves


def test_an_authority_whose_key_was_stolen_later_proves_nothing() -> None:
    """With a stolen key any past time can be stamped (RFC 3161, 4)."""
    judged = stamp(token(office().stamper, CONTENT), question(revoked=((office().stamper.serial, NOW + 5 * DAY, 1),)))
    assert not judged.proves
    assert "TIMESTAMP_AUTHORITY_REVOKED" in codes(judged)


def test_an_authority_that_only_ceased_later_still_proves() -> None:
    """Cessation of operation leaves earlier tokens good."""
    judged = stamp(token(office().stamper, CONTENT), question(revoked=((office().stamper.serial, NOW + 5 * DAY, 5),)))
    assert judged.proves


def test_garbage_is_a_finding() -> None:
    """Whatever stands where a token belongs, the answer is a judgement."""
    for garbage in (b"", b"\x30", b"\x30\x80" * 100, signed_data(content=b"x")):
        assert stamp(garbage).verdict is Verdict.FAILED


def signed(*stamps: bytes, claimed: datetime = NOW - DAY) -> bytes:
    lan = office().lan
    own = [*(one for one in usual_attributes(lan, CONTENT) if one != signing_time()), signing_time(claimed)]
    unsigned = [timestamp_attribute(one) for one in stamps]
    part = signer(lan, CONTENT, attributes=own, unsigned=unsigned)
    return signed_data(part, certificates=(lan.certificate,))


def judge(message: bytes, asked: Question) -> SignerJudgement:
    return judge_signed_data(message, lambda name: algorithms.digest(name, CONTENT), asked)[0]


def value(claimed: datetime = NOW - DAY) -> bytes:
    lan = office().lan
    own = [*(one for one in usual_attributes(lan, CONTENT) if one != signing_time()), signing_time(claimed)]
    return signature_value(signer(lan, CONTENT, attributes=own))


def test_a_signature_is_judged_for_the_time_its_stamp_proves() -> None:
    """Received a month later, with the signer's certificate revoked in between: good then, so passed."""
    message = signed(token(office().stamper, value()))
    revoked = ((office().lan.serial, NOW + 10 * DAY, 1),)
    judged = judge(message, question(at=NOW + 30 * DAY, revoked=revoked))
    assert judged.verdict is Verdict.PASSED
    assert (judged.proven_at, judged.proven_by, judged.level) == (NOW, "timestamp", "B-T")
    assert "REVOKED_LATER" in codes(judged)


def test_without_the_stamp_the_same_signature_gives_no_answer() -> None:
    """The receipt came after the revocation, and nothing proves an earlier time."""
    revoked = ((office().lan.serial, NOW + 10 * DAY, 1),)
    judged = judge(signed(), question(at=NOW + 30 * DAY, revoked=revoked))
    assert judged.sub_indication == "REVOKED_NO_POE"
    assert (judged.proven_by, judged.level) == ("receipt", "B-B")


def test_a_bad_stamp_costs_only_its_proof() -> None:
    """The signature is then judged for the receipt, and the stamp's fault is told."""
    judged = judge(signed(token(office().stamper, b"something else")), question())
    assert judged.verdict is Verdict.PASSED
    assert judged.proven_by == "receipt"
    assert "TIMESTAMP_NOT_PROOF" in codes(judged)
    assert judged.timestamps[0].verdict is Verdict.FAILED


def test_a_time_proven_by_the_caller_counts_as_a_stamp() -> None:
    """A PDF's document time stamp proves a time for the signatures below it."""
    message = signed()
    judged = judge_signed_data(
        message, lambda name: algorithms.digest(name, CONTENT), question(at=NOW + 30 * DAY), proven_at=NOW
    )[0]
    assert (judged.proven_at, judged.proven_by) == (NOW, "timestamp")


def test_a_claim_up_to_seven_hours_ahead_is_the_known_fault() -> None:
    """Local time written as UTC is reported, not rejected."""
    judged = judge(signed(claimed=NOW + timedelta(hours=7)), question())
    assert judged.verdict is Verdict.PASSED
    assert "LOCAL_TIME_FAULT" in codes(judged)


def test_a_claim_further_ahead_is_reported_as_such() -> None:
    """A day ahead is no fault of time zones."""
    judged = judge(signed(claimed=NOW + DAY), question())
    assert "CLAIMED_TIME_AFTER_PROOF" in codes(judged)
    assert "LOCAL_TIME_FAULT" not in codes(judged)


def test_the_claimed_time_is_never_proof() -> None:
    """A signer's own word does not move the moment that is judged."""
    judged = judge(signed(claimed=NOW - 300 * DAY), question())
    assert judged.claimed_at == NOW - 300 * DAY
    assert judged.proven_at == NOW


# --- archive time stamps --------------------------------------------------------------------------------------------


def archived(*, index_certificates: tuple[bytes, ...] | None = None, over: bytes = CONTENT) -> bytes:
    """A signature with a time stamp by a short-lived authority, kept alive by an archive time stamp on the next day."""
    lan, first = office().lan, short_lived()
    inner = token(first, value(), moment=NOW)
    own = [*(one for one in usual_attributes(lan, CONTENT) if one != signing_time()), signing_time(NOW - DAY)]
    stamped = [timestamp_attribute(inner)]
    archive = archive_attribute(
        office().stamper,
        signer(lan, CONTENT, attributes=own),
        over,
        certificates=(lan.certificate,) if index_certificates is None else index_certificates,
        unsigned=[("1.2.840.113549.1.9.16.2.14", inner)],
        moment=NOW + DAY,
    )
    part = signer(lan, CONTENT, attributes=own, unsigned=[*stamped, archive])
    return signed_data(part, certificates=(lan.certificate,), crls=(revocation_list(office().root),))


def short_lived() -> Holder:
    return certify("Ngắn hạn", ec_key(62), office().authority, extensions=(key_usage(0), TIME_STAMPING))


def test_an_archive_time_stamp_keeps_a_signature_alive() -> None:
    """Level B-LTA: the archive stamp covers signature, papers and the earlier stamp."""
    judged = judge(archived(), question(at=NOW + 30 * DAY))
    assert judged.verdict is Verdict.PASSED
    assert judged.level == "B-LTA"
    assert [one.proves for one in judged.timestamps] == [True, True]
    assert judged.proven_at == NOW


def test_an_archive_time_stamp_over_other_content_proves_nothing() -> None:
    """Its imprint is that of another document."""
    judged = judge(archived(over=b"another form"), question(at=NOW + 30 * DAY))
    assert judged.level == "B-LT"
    assert [one.sub_indication for one in judged.timestamps] == [None, "HASH_FAILURE"]


def test_an_archive_time_stamp_whose_papers_are_gone_proves_nothing() -> None:
    """A certificate that its index lists was taken out of the message."""
    judged = judge(archived(index_certificates=(office().minh.certificate,)), question(at=NOW + 30 * DAY))
    assert [one.sub_indication for one in judged.timestamps] == [None, "HASH_FAILURE"]
