"""NIST's S/MIME mails: signed by every end entity of the suite, and judged as its certificate deserves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect

FOLDER = Path(str(files("cryptography_vectors"))) / "x509" / "PKITS_data"
AT = datetime(2020, 1, 1, tzinfo=UTC)

# Where the mail's name does not say what must come out, and why; all others follow "Invalid" in their name.
EXCEPTIONS = {
    # The path has no common policy and a certificate on it asks for one (sections 4.8.4 to 4.8.12).
    "SignedDifferentPoliciesTest4": Verdict.INDETERMINATE,
    "SignedDifferentPoliciesTest5": Verdict.INDETERMINATE,
    "SignedDifferentPoliciesTest7": Verdict.INDETERMINATE,
    "SignedDifferentPoliciesTest8": Verdict.INDETERMINATE,
    "SignedDifferentPoliciesTest9": Verdict.INDETERMINATE,
    "SignedDifferentPoliciesTest12": Verdict.INDETERMINATE,
    # 4.4.1: there is no revocation list.
    "SignedMissingCRLTest1": Verdict.INDETERMINATE,
    # The path is valid, but the mail itself is digested with SHA-1, which our policy leaves to a person.
    "SignedValidDSASignaturesTest4": Verdict.INDETERMINATE,
    "SignedValidDSAParameterInheritanceTest5": Verdict.INDETERMINATE,
}


def mails() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "smime").glob("*.eml"))


@cache
def trust() -> TrustStore:
    authorities = tuple(
        path.read_bytes() for path in sorted((FOLDER / "certs").glob("*.crt")) if not path.stem.endswith("EE")
    )
    lists = tuple(path.read_bytes() for path in sorted((FOLDER / "crls").glob("*.crl")))
    return TrustStore(((FOLDER / "certs" / "TrustAnchorRootCertificate.crt").read_bytes(),), authorities, lists)


def judge(name: str, *, integrity_only: bool = False) -> FileReport:
    question = Question(at=AT, at_is_proof=True, trust=trust(), integrity_only=integrity_only)
    return inspect(Document(f"{name}.eml", (FOLDER / "smime" / f"{name}.eml").read_bytes()), question)


@pytest.mark.parametrize("name", mails())
def test_each_mail_passes_exactly_if_the_suite_says_so(name: str) -> None:
    """A mail by a valid end entity passes; one by an invalid never does."""
    verdict = judge(name).verdict
    if name in EXCEPTIONS:
        assert verdict is EXCEPTIONS[name]
    elif "Invalid" in name:
        assert verdict in (Verdict.FAILED, Verdict.INDETERMINATE)
    else:
        assert verdict is Verdict.PASSED


def test_without_certificates_judged_every_mail_is_intact() -> None:
    """The mails themselves are sound: with integrity only, all of them pass."""
    found = Counter(judge(name, integrity_only=True).verdict for name in mails())
    assert found == {Verdict.PASSED: len(mails())}


def test_without_trust_no_mail_passes() -> None:
    """Nothing is trusted unless the operator placed it in the trust folder."""
    question = Question(at=AT, at_is_proof=True)
    name = "SignedValidSignaturesTest1"
    report = inspect(Document("x.eml", (FOLDER / "smime" / f"{name}.eml").read_bytes()), question)
    assert report.verdict is Verdict.INDETERMINATE
    assert report.signatures[0].sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    assert report.signatures[0].intact is True
