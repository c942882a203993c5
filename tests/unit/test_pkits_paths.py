"""NIST's Public Key Interoperability Test Suite: every certification path gets the verdict of its documentation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from signatures.certificates import Certificate, parse
from signatures.crls import parse_crls
from signatures.paths import ANY_POLICY, Pool, faults_of, find_paths, with_keys
from signatures.question import Policy
from signatures.report import Revocation
from signatures.revocation import Papers, status_of

# The certificates and lists of the suite are valid from 2010 to the end of 2030.
AT = datetime(2020, 1, 1, tzinfo=UTC)
FOLDER = Path(str(files("cryptography_vectors"))) / "x509" / "PKITS_data"
POLICIES = {str(number): f"2.16.840.1.101.3.2.1.48.{number}" for number in range(1, 11)}


@cache
def certificates() -> dict[str, Certificate]:
    return {path.stem: parse(path.read_bytes()) for path in sorted((FOLDER / "certs").glob("*.crt"))}


@cache
def papers() -> Papers:
    known = certificates()
    pool = Pool([known["TrustAnchorRootCertificate"]], list(known.values()))
    lists = tuple(parse_crls(tuple(path.read_bytes() for path in sorted((FOLDER / "crls").glob("*.crl")))))
    return Papers(lists, (), pool, Policy())


def is_valid(
    name: str,
    *,
    policies: str = "any",
    explicit: bool = False,
    inhibit_mapping: bool = False,
    inhibit_any: bool = False,
) -> bool:
    """Whether some path from the end entity `name` is valid and nobody on it is revoked."""
    at_hand = papers()
    initial = frozenset({ANY_POLICY}) if policies == "any" else frozenset(POLICIES[one] for one in policies.split(","))
    for path in find_paths(certificates()[name], at_hand.pool, AT):
        faults = faults_of(
            path,
            AT,
            at_hand.policy,
            initial_policies=initial,
            require_explicit=explicit,
            inhibit_mapping=inhibit_mapping,
            inhibit_any=inhibit_any,
        )
        if faults:
            continue
        states = {status_of(one, issuer, path[-1], AT, at_hand).state for one, issuer in pairwise(with_keys(path))}
        if states == {Revocation.GOOD}:
            return True
    return False


def plain_cases() -> list[str]:
    """The tests whose file name says what must come out: Valid…EE and Invalid…EE."""
    return sorted(
        path.stem for path in (FOLDER / "certs").glob("*EE.crt") if path.stem.startswith(("Valid", "Invalid"))
    )


@pytest.mark.parametrize("name", plain_cases())
def test_each_path_is_valid_exactly_if_the_suite_says_so(name: str) -> None:
    """Valid…EE has a valid, unrevoked path to the trust anchor; Invalid…EE has none."""
    assert is_valid(name) is name.startswith("Valid")


@dataclass(frozen=True)
class Row:
    """A test of sections 4.8 to 4.12 with settings of its own: the end entity, the settings, the answer."""

    name: str
    policies: str
    valid: bool
    explicit: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False


ROWS = (
    # 4.8.1 All Certificates Same Policy
    Row("ValidCertificatePathTest1EE", "any", True),
    Row("ValidCertificatePathTest1EE", "any", True, explicit=True),
    Row("ValidCertificatePathTest1EE", "1", True, explicit=True),
    Row("ValidCertificatePathTest1EE", "2", False, explicit=True),
    Row("ValidCertificatePathTest1EE", "1,2", True, explicit=True),
    # 4.8.2 No Policies
    Row("AllCertificatesNoPoliciesTest2EE", "any", True),
    Row("AllCertificatesNoPoliciesTest2EE", "any", False, explicit=True),
    # 4.8.3 to 4.8.9 Different and overlapping policies
    Row("DifferentPoliciesTest3EE", "any", True),
    Row("DifferentPoliciesTest3EE", "any", False, explicit=True),
    Row("DifferentPoliciesTest3EE", "1,2", False, explicit=True),
    Row("DifferentPoliciesTest4EE", "any", False),
    Row("DifferentPoliciesTest5EE", "any", False),
    Row("OverlappingPoliciesTest6EE", "any", True),
    Row("OverlappingPoliciesTest6EE", "1", True),
    Row("OverlappingPoliciesTest6EE", "2", False),
    Row("DifferentPoliciesTest7EE", "any", False),
    Row("DifferentPoliciesTest8EE", "any", False),
    Row("DifferentPoliciesTest9EE", "any", False),
    # 4.8.10 to 4.8.14
    Row("AllCertificatesSamePoliciesTest10EE", "any", True),
    Row("AllCertificatesSamePoliciesTest10EE", "1", True),
    Row("AllCertificatesSamePoliciesTest10EE", "2", True),
    Row("AllCertificatesanyPolicyTest11EE", "any", True),
    Row("AllCertificatesanyPolicyTest11EE", "1", True),
    Row("DifferentPoliciesTest12EE", "any", False),
    Row("AllCertificatesSamePoliciesTest13EE", "1", True),
    Row("AllCertificatesSamePoliciesTest13EE", "2", True),
    Row("AllCertificatesSamePoliciesTest13EE", "3", True),
    Row("AnyPolicyTest14EE", "1", True),
    Row("AnyPolicyTest14EE", "2", False),
    # 4.8.15 to 4.8.20 Qualifiers
    Row("UserNoticeQualifierTest15EE", "any", True),
    Row("UserNoticeQualifierTest16EE", "any", True),
    Row("UserNoticeQualifierTest17EE", "any", True),
    Row("UserNoticeQualifierTest18EE", "1", True),
    Row("UserNoticeQualifierTest18EE", "2", True),
    Row("UserNoticeQualifierTest19EE", "any", True),
    Row("CPSPointerQualifierTest20EE", "any", True),
    Row("CPSPointerQualifierTest20EE", "any", True, explicit=True),
    # 4.10 Policy mappings
    Row("ValidPolicyMappingTest1EE", "1", True),
    Row("ValidPolicyMappingTest1EE", "2", False),
    Row("ValidPolicyMappingTest1EE", "any", False, inhibit_mapping=True),
    Row("InvalidPolicyMappingTest2EE", "any", False, inhibit_mapping=True),
    Row("ValidPolicyMappingTest3EE", "1", False),
    Row("ValidPolicyMappingTest3EE", "2", True),
    Row("ValidPolicyMappingTest5EE", "1", True),
    Row("ValidPolicyMappingTest5EE", "6", False),
    Row("ValidPolicyMappingTest6EE", "1", True),
    Row("ValidPolicyMappingTest6EE", "6", False),
    Row("ValidPolicyMappingTest12EE", "1", True),
    Row("ValidPolicyMappingTest12EE", "2", True),
    # 4.12.3 inhibitAnyPolicy
    Row("inhibitAnyPolicyTest3EE", "any", True),
    Row("inhibitAnyPolicyTest3EE", "any", False, inhibit_any=True),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.policies}{'-explicit' if row.explicit else ''}")
def test_policies_hold_under_the_settings_of_the_suite(row: Row) -> None:
    """A path is acceptable under initial policies and inhibitions exactly as sections 4.8 to 4.12 say."""
    assert (
        is_valid(
            row.name,
            policies=row.policies,
            explicit=row.explicit,
            inhibit_mapping=row.inhibit_mapping,
            inhibit_any=row.inhibit_any,
        )
        is row.valid
    )


def test_the_whole_suite_was_there() -> None:
    """No end entity of the suite is left out: by its name, or in the table."""
    everyone = {path.stem for path in (FOLDER / "certs").glob("*EE.crt")}
    assert everyone == set(plain_cases()) | {row.name for row in ROWS}
    assert len(everyone) > 220
