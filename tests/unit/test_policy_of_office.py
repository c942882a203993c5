"""The office's own rules of judgement: written into the settings, told on every report, made again from its name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import PolicyTable, SettingsError, load_settings
from signatures.question import SHIPPED_POLICY, Policy

STRICT = """
[trust.policy]
sha1_certificates_before = 2016-01-01
min_rsa_bits = 3072
"""


def policy_in(folder: Path, text: str) -> Policy:
    """The policy that a configuration of this text gives."""
    path = folder / "office.toml"
    path.write_text(text, encoding="utf-8")
    return Policy.of(load_settings(path).trust.policy)


def test_without_a_word_the_shipped_policy_counts(tmp_path: Path) -> None:
    """The table's defaults are the record's, so that neither changes without the other."""
    assert policy_in(tmp_path, "") == Policy() == Policy.of(PolicyTable())
    assert Policy().version == SHIPPED_POLICY


def test_every_own_rule_stands_in_the_name(tmp_path: Path) -> None:
    """A report by other rules than the shipped ones cannot be mistaken for one by those."""
    policy = policy_in(tmp_path, STRICT)
    assert policy == Policy(sha1_certificates_before=date(2016, 1, 1), min_rsa_bits=3072)
    assert policy.version == f"{SHIPPED_POLICY};sha1_certificates_before=2016-01-01;min_rsa_bits=3072"


@given(
    st.builds(
        Policy,
        sha1_certificates_before=st.dates(),
        min_rsa_bits=st.integers(1024, 16384),
        min_rsa_bits_before_2014=st.integers(1024, 16384),
        local_time_fault_hours=st.integers(0, 14),
    )
)
def test_the_name_makes_the_policy_again(policy: Policy) -> None:
    """What a report names can be judged by again in ten years."""
    assert Policy.named(policy.version) == policy


@pytest.mark.parametrize(
    "version",
    [
        "",
        "phieu-intake-0",
        "phieu-intake-1;min_rsa_bits",
        "phieu-intake-1;min_rsa_bits=x",
        "phieu-intake-1;version=2",
        "phieu-intake-1;min_rsa_bits=1;min_rsa_bits=2",
    ],
)
def test_a_name_never_given_is_refused(version: str) -> None:
    """Nobody judges by rules that are only guessed."""
    with pytest.raises(ValueError, match=r".+"):
        Policy.named(version)


@pytest.mark.parametrize(
    ("line", "named", "remedy"),
    [
        ("min_rsa_bits = 512", "trust.policy.min_rsa_bits 512", "1024 to 16384"),
        ("min_rsa_bits_before_2014 = 0", "min_rsa_bits_before_2014", "1024 to 16384"),
        ("local_time_fault_hours = 24", "local_time_fault_hours", "0 to 14"),
        ('sha1_certificates_before = "gestern"', "trust.policy.sha1_certificates_before", "kind"),
        ("min_rsa_bit = 2048", "trust.policy.min_rsa_bit", "min_rsa_bits"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, line: str, named: str, remedy: str) -> None:
    """A slip in the rules must not quietly accept what nobody should."""
    with pytest.raises(SettingsError) as wrong:
        policy_in(tmp_path, f"[trust.policy]\n{line}\n")
    assert named in str(wrong.value)
    assert remedy in wrong.value.remedy
