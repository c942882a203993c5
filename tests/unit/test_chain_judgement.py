"""What a chain is worth at a proven moment: dates, rules, purposes, and revocation that counts only from its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from signatures.asn1 import encode_oid
from signatures.chain import ChainJudgement, Purpose, judge_chain
from signatures.question import Policy, Question, RevocationRule
from signatures.report import Revocation, Verdict
from signatures.trust import TrustStore
from tests.makers_cms import (
    AUTHORITY,
    NOW,
    SIGNING,
    SINCE,
    TIME_STAMPING,
    Holder,
    certify,
    ec_key,
    extension,
    generalized,
    key_usage,
    ocsp_answer,
    office,
    revocation_list,
    revoked_since,
    rsa_key,
    seq,
    tlv,
)

DAY = timedelta(days=1)
OCSP_SIGNING = extension("2.5.29.37", seq(encode_oid("1.3.6.1.5.5.7.3.9")))
NO_CHECK = extension("1.3.6.1.5.5.7.48.1.5", b"\x05\x00")


def lists_of_office(**options: object) -> tuple[bytes, ...]:
    """A root list that revokes nobody, and the authority's list with `options`."""
    return revocation_list(office().root), revocation_list(office().authority, **options)  # type: ignore[arg-type]


def ask(**options: object) -> Question:
    """A question about NOW under the test office's root, with the options of Question."""
    trust = TrustStore((office().root.certificate,), (office().authority.certificate,))
    return replace(Question(at=NOW, at_is_proof=True, trust=trust), **options)  # type: ignore[arg-type]


def judge(
    holder: Holder | None = None,
    *,
    crls: tuple[bytes, ...] | None = None,
    ocsps: tuple[bytes, ...] = (),
    purpose: Purpose = "signing",
    claimed_days_after: int | None = None,
    **options: object,
) -> ChainJudgement:
    papers = lists_of_office() if crls is None else crls
    claimed = None if claimed_days_after is None else NOW + claimed_days_after * DAY
    certificate = (holder or office().lan).certificate
    return judge_chain(certificate, (), ask(**options), purpose=purpose, crls=papers, ocsps=ocsps, claimed_at=claimed)


def codes(judgement: ChainJudgement) -> set[str]:
    return {one.code for one in judgement.reasons}


def test_a_leaf_alone_is_trusted_through_the_trust_folders_intermediate() -> None:
    """Signers embed only their own certificate; the path is completed from the folder."""
    judgement = judge()
    assert judgement.verdict is Verdict.PASSED
    assert judgement.trusted is True
    assert judgement.revocation is Revocation.GOOD
    assert len(judgement.path) == 3


def test_all_papers_used_are_kept_as_evidence() -> None:
    """Path and lists are handed on, so that the judgement can be repeated years later."""
    kinds = [kind for kind, _ in judge().evidence]
    assert kinds.count("certificate") == 3
    assert kinds.count("crl") == 2


def test_without_the_intermediate_the_missing_issuer_is_named() -> None:
    """The operator is told whose certificate to add."""
    judgement = judge(trust=TrustStore((office().root.certificate,)))
    assert judgement.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    assert "Test Authority" in judgement.reasons[0].detail


def test_an_intermediate_is_never_believed_by_itself() -> None:
    """Without the root there is no chain, even if the issuer lies in the folder."""
    judgement = judge(trust=TrustStore((), (office().authority.certificate,)))
    assert judgement.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_a_root_that_came_in_the_signature_is_not_trusted() -> None:
    """What the signer sends along is path material, never an anchor."""
    question = ask(trust=TrustStore())
    others = (office().authority.certificate, office().root.certificate)
    judgement = judge_chain(office().lan.certificate, others, question, crls=lists_of_office())
    assert judgement.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_with_integrity_only_the_chain_is_left_unjudged() -> None:
    """Trusted is null and the verdict is as if every chain were good."""
    judgement = judge(integrity_only=True, trust=None)
    assert (judgement.trusted, judgement.verdict) == (None, Verdict.PASSED)


def test_an_expired_certificate_is_out_of_bounds() -> None:
    """A certificate that had ended at the proven time gives no answer."""
    old = certify("Cũ", ec_key(41), office().authority, until=NOW - DAY)
    judgement = judge(old)
    assert judgement.sub_indication == "OUT_OF_BOUNDS_NO_POE"
    assert "CERTIFICATE_EXPIRED" in codes(judgement)


def test_a_certificate_that_began_after_the_proven_time_fails() -> None:
    """What existed before its signer's certificate was not signed with it."""
    young = certify("Mới", ec_key(42), office().authority, since=NOW + DAY)
    judgement = judge(young)
    assert (judgement.verdict, judgement.sub_indication) == (Verdict.FAILED, "NOT_YET_VALID")


def test_a_certificate_that_has_expired_since_holds_for_the_time_it_was_valid() -> None:
    """Judged for the proven time, not for today."""
    old = certify("Cũ", ec_key(43), office().authority, until=NOW + DAY)
    assert judge(old).verdict is Verdict.PASSED


def test_a_nonrepudiation_only_certificate_may_sign() -> None:
    """Certificates of the first government generation bear no digitalSignature."""
    holder = certify("Chỉ nonRep", ec_key(44), office().authority, extensions=(key_usage(1),))
    assert judge(holder).verdict is Verdict.PASSED


@pytest.mark.parametrize("extensions", [(key_usage(2),), (SIGNING, TIME_STAMPING), (SIGNING, OCSP_SIGNING)])
def test_a_certificate_for_another_purpose_may_not_sign(extensions: tuple[bytes, ...]) -> None:
    """Key encipherment, time stamping and OCSP certificates do not sign documents."""
    judgement = judge(certify("Khác", ec_key(45), office().authority, extensions=extensions))
    assert judgement.sub_indication == "CHAIN_CONSTRAINTS_FAILURE"
    assert "CERTIFICATE_WRONG_PURPOSE" in codes(judgement)


def test_only_a_time_stamping_certificate_may_stamp() -> None:
    """The purpose must be there, critical and alone (RFC 3161, 2.3)."""
    assert judge(office().stamper, purpose="timestamping").verdict is Verdict.PASSED
    assert "CERTIFICATE_WRONG_PURPOSE" in codes(judge(office().lan, purpose="timestamping"))


def test_an_end_entity_cannot_issue_certificates() -> None:
    """A certificate signed by a person's key leads nowhere."""
    forged = certify("Giám đốc", ec_key(46), office().lan)
    judgement = judge_chain(forged.certificate, (office().lan.certificate,), ask(), crls=lists_of_office())
    assert judgement.verdict is Verdict.INDETERMINATE
    assert "CHAIN_RULE_BROKEN" in codes(judgement)


def test_a_forged_issuer_name_finds_no_path() -> None:
    """A certificate that names the authority but was signed by another key has no chain."""
    impostor = replace(office().authority, key=ec_key(47))
    judgement = judge(certify("Giả", ec_key(48), impostor))
    assert judgement.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


def test_authorities_that_certify_each_other_do_not_trap_the_search() -> None:
    """A ring of certificates ends in an answer."""
    first = certify("Vòng A", ec_key(51), None, extensions=AUTHORITY)
    second = certify("Vòng B", ec_key(52), first, extensions=AUTHORITY)
    back = certify("Vòng A", ec_key(51), second, extensions=AUTHORITY, serial=9)
    leaf = certify("Trong vòng", ec_key(53), second)
    judgement = judge_chain(leaf.certificate, (second.certificate, back.certificate), ask())
    assert judgement.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


# --- weak cryptography ----------------------------------------------------------------------------------------------


def test_sha1_certificates_are_accepted_only_before_the_day_of_the_policy() -> None:
    """Government leaves of 2015 are signed with SHA-1; a new one would be forged."""
    leaf = certify("SHA-1", ec_key(54), office().authority, digest="sha1")
    assert judge(leaf).verdict is Verdict.PASSED
    strict = judge(leaf, policy=Policy(sha1_certificates_before=date(2017, 1, 1)))
    assert strict.sub_indication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"


def test_short_rsa_keys_are_too_weak() -> None:
    """1024 bits suffice only for certificates from before 2014."""
    new = certify("RSA 1024", rsa_key(14, 1024), office().authority)
    assert judge(new).sub_indication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    old = certify("RSA 1024", rsa_key(14, 1024), office().authority, since=SINCE.replace(year=2012))
    assert judge(old).verdict is Verdict.PASSED


# --- revocation lists -----------------------------------------------------------------------------------------------


def revoked(days: int, reason: int = 1) -> tuple[bytes, ...]:
    """Lists in which Lan's certificate is revoked so many days after NOW (before, if negative)."""
    at = NOW + days * DAY
    return lists_of_office(revoked=[(office().lan.serial, at, reason)], this_update=max(at, NOW) + DAY)


def test_a_certificate_revoked_before_the_proven_time_gives_no_answer() -> None:
    """It may have signed before: REVOKED_NO_POE, not passed."""
    judgement = judge(crls=revoked(-3))
    assert (judgement.verdict, judgement.sub_indication) == (Verdict.INDETERMINATE, "REVOKED_NO_POE")
    assert judgement.revocation is Revocation.REVOKED
    assert judgement.trusted is False


def test_a_signer_who_claims_to_have_signed_after_revocation_fails() -> None:
    """By his own account he used a revoked certificate."""
    judgement = judge(crls=revoked(-3), claimed_days_after=-1)
    assert (judgement.verdict, judgement.sub_indication) == (Verdict.FAILED, "REVOKED")


def test_a_certificate_revoked_later_was_good_then() -> None:
    """The newest list is all an office has, and it says when the revocation began."""
    judgement = judge(crls=revoked(+3))
    assert judgement.verdict is Verdict.PASSED
    assert "REVOKED_LATER" in codes(judgement)
    assert judgement.revoked_at == NOW + 3 * DAY


def test_a_key_that_was_stolen_before_the_proven_time_proves_nothing_then() -> None:
    """The authority revoked it later, and says since when the key was known to others."""
    entry = [(office().lan.serial, NOW + 3 * DAY, 1, NOW - DAY)]
    judgement = judge(crls=lists_of_office(revoked=entry, this_update=NOW + 4 * DAY))
    assert (judgement.sub_indication, judgement.revoked_at) == ("REVOKED_NO_POE", NOW - DAY)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_entries_about_one_certificate_the_gravest_counts(turned: bool) -> None:
    """Revoked for good before, and once more later, in whatever order they stand."""
    entries = [(office().lan.serial, NOW - 2 * DAY, 1), (office().lan.serial, NOW + 2 * DAY, 6)]
    lists = lists_of_office(revoked=entries[::-1] if turned else entries, this_update=NOW + 3 * DAY)
    assert judge(crls=lists).sub_indication == "REVOKED_NO_POE"


def test_a_list_from_after_the_proven_time_is_the_best_evidence() -> None:
    """Silence of a later list means that nothing had happened by then."""
    assert judge(crls=lists_of_office(this_update=NOW + 30 * DAY)).revocation is Revocation.GOOD


def test_an_outdated_list_leaves_a_gap() -> None:
    """A list that ended before the proven time says nothing about it."""
    judgement = judge(crls=lists_of_office(this_update=NOW - 9 * DAY, next_update=NOW - 2 * DAY))
    assert (judgement.sub_indication, judgement.revocation) == ("TRY_LATER", Revocation.UNKNOWN)
    assert "TRY_LATER" in codes(judgement)


def test_an_outdated_list_that_names_the_certificate_still_counts() -> None:
    """Who was revoked stays revoked."""
    entry = [(office().lan.serial, NOW - 10 * DAY)]
    lists = lists_of_office(revoked=entry, this_update=NOW - 9 * DAY, next_update=NOW - 2 * DAY)
    assert judge(crls=lists).revocation is Revocation.REVOKED


def test_a_list_from_after_the_certificates_end_says_nothing() -> None:
    """Authorities drop expired certificates from their lists."""
    leaf = certify("Hết hạn", ec_key(55), office().authority, until=NOW + DAY)
    assert judge(leaf, crls=lists_of_office(this_update=NOW + 5 * DAY)).revocation is Revocation.UNKNOWN


def test_a_list_signed_by_somebody_else_says_nothing() -> None:
    """An attacker's empty list cannot unrevoke."""
    lists = (revocation_list(office().root), revocation_list(office().authority, key=ec_key(56)))
    judgement = judge(crls=lists)
    assert judgement.revocation is Revocation.UNKNOWN
    assert judgement.sub_indication == "TRY_LATER"


def test_the_authority_too_must_be_unrevoked() -> None:
    """A revoked intermediate takes its certificates with it."""
    lists = (
        revocation_list(office().root, [(office().authority.serial, NOW - DAY)]),
        revocation_list(office().authority),
    )
    judgement = judge(crls=lists)
    assert judgement.sub_indication == "REVOKED_CA_NO_POE"
    assert "AUTHORITY_REVOKED" in codes(judgement)


def test_hold_is_lifted_by_a_newer_list() -> None:
    """A certificate that was only suspended and left the list is good again."""
    held = revocation_list(
        office().authority, [(office().lan.serial, NOW - 5 * DAY, 6)], this_update=NOW - 5 * DAY, number=1
    )
    lifted = revocation_list(office().authority, this_update=NOW + DAY, number=2)
    root = revocation_list(office().root)
    assert judge(crls=(root, held)).revocation is Revocation.REVOKED
    assert judge(crls=(root, held, lifted)).revocation is Revocation.GOOD


@pytest.mark.parametrize(
    ("rule", "verdict"), [(RevocationRule.HARD, Verdict.INDETERMINATE), (RevocationRule.SOFT, Verdict.PASSED)]
)
def test_unknown_revocation_follows_the_rule(rule: RevocationRule, verdict: Verdict) -> None:
    """Hard asks for certainty, soft passes with a reason."""
    judgement = judge(crls=(), revocation=rule)
    assert judgement.verdict is verdict
    assert judgement.revocation is Revocation.UNKNOWN
    assert "REVOCATION_UNKNOWN" in codes(judgement)


def test_revocation_off_is_not_checked() -> None:
    """With `off` nothing is asked, and the report says so."""
    judgement = judge(crls=revoked(-3), revocation=RevocationRule.OFF)
    assert (judgement.verdict, judgement.revocation) == (Verdict.PASSED, Revocation.NOT_CHECKED)


def test_a_hundred_entries_are_told_apart() -> None:
    """Only the certificate that is listed is revoked, among many others."""
    others = [(900_000 + number, NOW - DAY) for number in range(100)]
    assert judge(crls=lists_of_office(revoked=others)).revocation is Revocation.GOOD
    mine = [*others, (office().lan.serial, NOW - DAY), *[(990_000 + number, NOW - DAY) for number in range(100)]]
    assert judge(crls=lists_of_office(revoked=mine)).revocation is Revocation.REVOKED


def test_an_unknown_critical_extension_makes_a_list_useless() -> None:
    """What a list says under a rule nobody understands is not heard (RFC 5280, 5.2)."""
    odd = extension("1.2.3.4", b"\x05\x00", critical=True)
    assert judge(crls=lists_of_office(extensions=(odd,))).revocation is Revocation.UNKNOWN


# --- OCSP -----------------------------------------------------------------------------------------------------------


def by_answer(answer: bytes) -> ChainJudgement:
    """Judge with the root's list and one OCSP answer about Lan."""
    return judge(crls=(revocation_list(office().root),), ocsps=(answer,))


def responder(*extensions: bytes, issuer: Holder | None = None) -> Holder:
    return certify("OCSP", ec_key(57), issuer or office().authority, extensions=(key_usage(0), *extensions))


def test_an_answer_by_the_authority_itself_counts() -> None:
    """The issuer's own key signs the answer."""
    office_ = office()
    answer = ocsp_answer(office_.authority, office_.lan, office_.authority, next_update=NOW + DAY)
    assert by_answer(answer).verdict is Verdict.PASSED


def test_an_answer_by_an_authorised_responder_counts() -> None:
    """The issuer certified the responder for answering."""
    answer = ocsp_answer(responder(OCSP_SIGNING, NO_CHECK), office().lan, office().authority, next_update=NOW + DAY)
    assert by_answer(answer).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(lambda: responder(NO_CHECK), id="without the purpose"),
        pytest.param(lambda: responder(OCSP_SIGNING, NO_CHECK, issuer=office().root), id="by another authority"),
        pytest.param(lambda: responder(OCSP_SIGNING), id="without no-check and unknown"),
        pytest.param(lambda: office().lan, id="by the certificate it vouches for"),
    ],
)
def test_an_answer_by_an_unauthorised_responder_says_nothing(who) -> None:  # type: ignore[no-untyped-def]
    """Whoever the issuer did not certify for it cannot vouch."""
    answer = ocsp_answer(who(), office().lan, office().authority, next_update=NOW + DAY)
    assert by_answer(answer).revocation is Revocation.UNKNOWN


def test_nobody_vouches_for_the_own_certificate() -> None:
    """A signer whom the issuer made a responder, too, still says nothing of himself, nor of another one of his key."""
    purposes = extension("2.5.29.37", seq(encode_oid("1.3.6.1.5.5.7.3.9"), encode_oid("1.3.6.1.5.5.7.3.4")))
    signer = certify(
        "Người ký", ec_key(61), office().authority, extensions=(key_usage(0, 1), purposes, NO_CHECK), serial=6101
    )
    twin = certify("Người ký", ec_key(61), office().authority, extensions=(key_usage(0, 1),), serial=6102)
    for certificate in (signer, twin):
        answer = ocsp_answer(signer, certificate, office().authority, next_update=NOW + DAY)
        lists = (revocation_list(office().root),)
        assert judge(certificate, crls=lists, ocsps=(answer,)).revocation is Revocation.UNKNOWN


def test_an_answer_from_before_the_certificate_says_nothing() -> None:
    """What did not exist yet cannot have been known to be good."""
    late = certify("Người mới", ec_key(62), office().authority, since=NOW - DAY, serial=6200)
    answer = ocsp_answer(office().authority, late, office().authority, this_update=NOW - 2 * DAY, next_update=NOW + DAY)
    lists = (revocation_list(office().root),)
    assert judge(late, crls=lists, ocsps=(answer,)).revocation is Revocation.UNKNOWN


def test_an_answer_of_revoked_counts_from_its_day() -> None:
    """Revoked before the moment is revoked, after it is not."""
    office_ = office()
    before = ocsp_answer(office_.authority, office_.lan, office_.authority, status=revoked_since(NOW - DAY, 1))
    assert by_answer(before).revocation is Revocation.REVOKED
    after = ocsp_answer(
        office_.authority, office_.lan, office_.authority, status=revoked_since(NOW + DAY), this_update=NOW + 2 * DAY
    )
    assert by_answer(after).revocation is Revocation.GOOD


def test_an_answer_that_tells_since_when_the_key_was_stolen_counts_from_then() -> None:
    """The same as in a list."""
    office_ = office()
    answer = ocsp_answer(
        office_.authority,
        office_.lan,
        office_.authority,
        status=revoked_since(NOW + DAY, 1),
        this_update=NOW + 2 * DAY,
        extensions=(extension("2.5.29.24", generalized(NOW - DAY)),),
    )
    assert by_answer(answer).revocation is Revocation.REVOKED


def test_a_stale_answer_leaves_a_gap() -> None:
    """An answer without an end speaks for its own hour only."""
    answer = ocsp_answer(office().authority, office().lan, office().authority, this_update=NOW - DAY)
    assert by_answer(answer).revocation is Revocation.UNKNOWN


def test_an_answer_about_somebody_else_says_nothing() -> None:
    """The serial number and the issuer's digests must be those of the certificate."""
    answer = ocsp_answer(office().authority, office().minh, office().authority, next_update=NOW + DAY)
    assert by_answer(answer).revocation is Revocation.UNKNOWN


def test_an_answer_of_unknown_is_not_good() -> None:
    """A responder that does not know the certificate vouches for nothing."""
    answer = ocsp_answer(office().authority, office().lan, office().authority, status=tlv(0x82, b""))
    assert by_answer(answer).revocation is Revocation.UNKNOWN
