"""CMS messages and mails that nobody of us wrote: each gets the answer its makers say it must get."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures import pem
from signatures.algorithms import digest
from signatures.cms_reader import token_in_response
from signatures.question import Document, Question, RevocationRule
from signatures.report import FileReport, Reason
from signatures.timestamps import judge_timestamp
from signatures.trust import TrustStore
from signatures.verify import inspect
from tests.makers_cms import NOW

pytestmark = pytest.mark.corpus

QUESTION = Question(at=NOW, integrity_only=True)

# Thunderbird's mails: `.bad` is broken, the content inside `mismatch-econtent` differs, `.env` is encrypted. One was
# signed with another number of line breaks than it has, and OpenSSL calls it failed too.
THUNDERBIRD = {
    "alice.dsig.SHA1.multipart.eml": "passed",
    "alice.dsig.SHA1.multipart.bad.eml": "failed",
    "alice.dsig.SHA1.multipart.mismatch-econtent.eml": "failed",
    "alice.dsig.SHA1.multipart.env.eml": "unsupported",
    "alice.env.dsig.SHA1.multipart.eml": "failed",
    "alice.env.dsig.SHA1.multipart.dave.sig.SHA1.opaque.eml": "unsupported",
    "alice.env.sig.SHA1.opaque.eml": "unsupported",
    "alice.env.sig.SHA1.opaque.dave.sig.SHA1.opaque.eml": "unsupported",
    "alice.html.sig.SHA1.opaque.eml": "passed",
    "alice.html.sig.SHA1.opaque.env.eml": "unsupported",
    "alice.plain.dsig.SHA1.multipart.dave.dsig.SHA1.multipart.eml": "passed",
    "alice.plain.dsig.SHA1.multipart.dave.sig.SHA1.opaque.eml": "passed",
    "alice.plain.sig.SHA1.opaque.dave.dsig.SHA1.multipart.eml": "passed",
    "alice.plain.sig.SHA1.opaque.dave.sig.SHA1.opaque.eml": "passed",
    "alice.sig.SHA1.opaque.eml": "passed",
    "alice.sig.SHA1.opaque.env.eml": "unsupported",
    # Without a mail's header: signed parts, messages and a bare detached signature.
    "alice.dsig.SHA1.multipart": "passed",
    "alice.dsig.SHA1.multipart.mismatch-econtent": "failed",
    "alice.dsig.SHA1.multipart.env": "unsupported",
    "alice.sig.SHA1.opaque": "passed",
    "alice.sig.SHA1.opaque.env": "unsupported",
    "alice.textplain.sig.SHA1": "passed",
    "alice.mime.dsig.SHA1": "indeterminate",
}

OPENSSL = {
    "bad_signtime_attr.cms": "failed",
    "no_ct_attr.cms": "failed",
    "no_md_attr.cms": "failed",
    "ct_multiple_attr.cms": "failed",
    "pkcs7-md4.pem": "unsupported",
    "pkcs7-md4-encrypted.pem": "unsupported",
    "rsa-malformed.der": "unsupported",
    "dh-malformed.der": "unsupported",
    "ecdh-malformed.der": "unsupported",
}


def judge(path: Path, question: Question = QUESTION) -> FileReport:
    return inspect(Document(path.name, path.read_bytes()), question)


@pytest.mark.parametrize("name", sorted(THUNDERBIRD))
def test_thunderbirds_mails_get_their_answers(corpus: Path, name: str) -> None:
    """Good ones pass, broken ones fail, encrypted ones are unsupported."""
    assert judge(corpus / "signatures" / "thunderbird" / name).verdict.value == THUNDERBIRD[name]


def test_thunderbirds_folder_is_covered(corpus: Path) -> None:
    """Every mail and message of the folder stands in the table."""
    folder = corpus / "signatures" / "thunderbird"
    names = {path.name for path in folder.iterdir() if path.suffix not in (".md", ".pem")}
    assert names == set(THUNDERBIRD)


def test_thunderbirds_mail_is_trusted_under_its_own_authority_but_for_its_digest(corpus: Path) -> None:
    """With chain judged, all that stands against the mail is SHA-1, which is left to a person."""
    folder = corpus / "signatures" / "thunderbird"
    anchor = pem.blocks((folder / "TestCA.pem").read_bytes())[0][1]
    path = folder / "alice.dsig.SHA1.multipart.eml"
    at = NOW.replace(year=2027)
    report = judge(path, Question(at=at, trust=TrustStore((anchor,)), revocation=RevocationRule.OFF))
    finding = report.signatures[0]
    assert finding.trusted is True
    assert finding.sub_indication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    assert [one.code for one in finding.reasons if one.code != "CMS_NOT_DER"] == ["WEAK_DIGEST"]


@pytest.mark.parametrize("name", sorted(OPENSSL))
def test_openssls_oddities_never_pass(corpus: Path, name: str) -> None:
    """Each odd message fails or is unsupported, as the table says."""
    folder = corpus / "signatures" / "openssl" / "test" / "recipes" / "80-test_cms_data"
    assert judge(folder / name).verdict.value == OPENSSL[name]


def test_a_mail_that_announces_no_digest_does_not_pass(corpus: Path) -> None:
    """OpenSSL's mail with an empty set of digest algorithms, once a crash there, is indeterminate."""
    path = corpus / "signatures" / "openssl" / "test" / "smime-eml" / "pkcs7-empty-digest-set.eml"
    report = judge(path)
    assert report.verdict.value == "indeterminate"
    assert "DIGEST_NOT_ANNOUNCED" in {one.code for one in report.signatures[0].reasons}


def test_a_time_stamp_response_holds_over_what_it_stamped(corpus: Path) -> None:
    """OpenSSL's response over thirty-two zero octets is intact for that digest and for no other."""
    path = corpus / "signatures" / "openssl" / "test" / "recipes" / "80-test_tsa_data" / "sectigo-all-zero.tsr"
    token = token_in_response(path.read_bytes())
    assert token is not None
    good = judge_timestamp(token, lambda name: bytes(len(digest(name, b""))), QUESTION)
    assert good.intact is True
    assert good.proves
    assert good.signer is not None
    assert "Sectigo" in good.signer.common_name
    bad = judge_timestamp(token, lambda name: b"\x01" * len(digest(name, b"")), QUESTION)
    assert bad.intact is False
    assert Reason("TIMESTAMP_IMPRINT_DIFFERS") in bad.reasons


def test_messages_with_lattice_signatures_are_judged_by_their_key(corpus: Path) -> None:
    """ML-DSA messages come without a certificate: the signer is unknown, and nothing is called broken."""
    for path in sorted((corpus / "signatures" / "bc" / "pkix" / "cms" / "mldsa").iterdir()):
        report = judge(path)
        assert report.verdict.value == "indeterminate"
        assert report.signatures[0].sub_indication == "NO_SIGNING_CERTIFICATE_FOUND"
        assert report.signatures[0].signature_algorithm is not None
        assert report.signatures[0].signature_algorithm.startswith("ml-dsa-")


def test_no_file_of_the_corpora_makes_the_program_stumble(corpus: Path) -> None:
    """Evidence records, tokens, keys and texts: each gets an answer, and none is an accident of ours."""
    count = 0
    for folder in ("bc", "openssl", "thunderbird"):
        for path in sorted((corpus / "signatures" / folder).rglob("*")):
            if path.is_file():
                count += 1
                report = judge(path)
                assert "EXAMINATION_FAILED" not in {one.code for one in report.reasons}, path
                assert not (path.suffix == ".ers" and report.verdict.value == "unsigned")
    assert count > 60
