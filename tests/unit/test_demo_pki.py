"""The throw-away certificate authority: shaped like the real one, and never to be taken for it."""

from __future__ import annotations

import asyncio
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import RevokedError

from config.errors import OfficeError
from intake.demo.pki import DemoPki, Identity

NOW = datetime(2019, 9, 12, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def pki() -> DemoPki:
    return DemoPki.create(NOW)


def validate(pki: DemoPki, identity: Identity, at: datetime, crls: list[bytes]) -> None:
    """Judge the certificate by a library that is not ours; raises its errors."""
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(pki.root.certificate_der)],
        other_certs=[asn1_x509.Certificate.load(pki.sub.certificate_der)],
        crls=[asn1_crl.CertificateList.load(one) for one in crls],
        moment=at,
        best_signature_time=at,
        revocation_mode="hard-fail",
        allow_fetching=False,
    )
    validator = CertificateValidator(asn1_x509.Certificate.load(identity.certificate_der), validation_context=context)
    asyncio.run(validator.async_validate_usage({"non_repudiation"}))


def lists(pki: DemoPki, at: datetime) -> list[bytes]:
    return [pki.crl(at - DAY, at + DAY, issuer="root"), pki.crl(at - DAY, at + DAY)]


def test_a_holder_chains_to_the_root_through_the_subordinate_authority(pki: DemoPki) -> None:
    """A validator that is not ours accepts what the authority issued."""
    seal = pki.issue_organisation("Sở Xây dựng", label="chain")
    validate(pki, seal, NOW, lists(pki, NOW))


def test_a_revoked_certificate_is_refused_by_the_list(pki: DemoPki) -> None:
    """What was revoked yesterday is not valid today."""
    person = pki.issue_person("Nguyễn Văn Thử", units=("SỞ XÂY DỰNG",), label="revoked")
    pki.revoke(person, NOW - DAY)
    with pytest.raises(RevokedError):
        validate(pki, person, NOW, lists(pki, NOW))


def test_an_organisation_of_the_second_generation_is_named_in_capitals(pki: DemoPki) -> None:
    """The subject reads C, L, O, CN, and the name keeps its marks."""
    subject = pki.issue_organisation("Sở Nội vụ", email="snv@binhthuan.example", label="g2").certificate.subject
    assert [part.rfc4514_attribute_name for part in subject] == ["C", "L", "O", "CN"]
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "SỞ NỘI VỤ"


def test_an_organisation_of_the_first_generation_keeps_its_case_and_tax_code(pki: DemoPki) -> None:
    """The older shape has no policy, and a UID with the tax code."""
    old = pki.issue_organisation("Sở Y tế", generation=1, tax_code="0000000000-999", label="g1").certificate
    assert old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Sở Y tế"
    assert old.subject.get_attributes_for_oid(NameOID.USER_ID)[0].value == "MST:0000000000-999"
    with pytest.raises(x509.ExtensionNotFound):
        old.extensions.get_extension_for_class(x509.CertificatePolicies)


def test_a_name_beyond_sixty_four_bytes_is_issued_without_a_warning(pki: DemoPki) -> None:
    """Vietnamese letters have several bytes each; the limit of X.520 counts letters."""
    name = "Ban Quản lý dự án đầu tư xây dựng các công trình dân dụng"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        issued = pki.issue_organisation(name, label="long").common_name
    assert len(name) <= 64 < len(name.encode())
    assert issued == name.upper()


def test_the_time_stamper_may_do_nothing_else(pki: DemoPki) -> None:
    """RFC 3161, 2.3: the extended key usage is time stamping alone, and critical."""
    usage = pki.issue_tsa().certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_an_rsa_key_is_long_enough_for_todays_validators(pki: DemoPki) -> None:
    """2048 bits, as the government's certificates have."""
    key = pki.issue_person("Trần Thị Thử", key="rsa", label="rsa").key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_a_label_is_given_once(pki: DemoPki) -> None:
    """Two holders under one label could not be told apart after loading."""
    pki.issue_person("Lê Văn Thử", label="twice")
    with pytest.raises(ValueError, match="twice"):
        pki.issue_person("Lê Văn Thử", label="twice")


def test_a_saved_authority_goes_on_where_it_was(tmp_path: Path) -> None:
    """Holders, keys and revocations survive; what it issues next chains to the same root."""
    first = DemoPki.create(NOW)
    person = first.issue_person("Phạm Văn Thử")
    first.revoke(person, NOW - DAY)
    first.save(tmp_path / "pki")
    again = DemoPki.load(tmp_path / "pki")
    assert again.labels() == ("Phạm Văn Thử",)
    assert again.identity("Phạm Văn Thử").sha256 == person.sha256
    with pytest.raises(RevokedError):
        validate(again, person, NOW, lists(again, NOW))
    validate(again, again.issue_organisation("Sở Tư pháp"), NOW, lists(again, NOW))


def test_private_keys_are_readable_for_the_owner_only(tmp_path: Path) -> None:
    """Even a throw-away key is kept as a key is kept."""
    pki = DemoPki.create(NOW)
    pki.save(tmp_path / "pki")
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "pki").glob("*.pem")} == {0}


def test_a_half_written_authority_is_named_with_its_remedy(tmp_path: Path) -> None:
    """A folder without its state is trouble of the machine, told in words."""
    with pytest.raises(OfficeError, match="cannot be read") as caught:
        DemoPki.load(tmp_path / "pki")
    assert "anew" in caught.value.remedy


def test_the_trust_folder_holds_two_authorities_and_two_lists(tmp_path: Path, pki: DemoPki) -> None:
    """It is what an operator would put there, and no private key."""
    pki.write_trust(tmp_path / "trust")
    files = sorted(file.name for file in (tmp_path / "trust").iterdir())
    assert files == ["demo-root.crl", "demo-root.crt", "demo-sub.crl", "demo-sub.crt"]
    assert b"PRIVATE" not in b"".join(file.read_bytes() for file in (tmp_path / "trust").iterdir())


def test_every_name_says_that_it_is_a_trial(pki: DemoPki) -> None:
    """Nobody shall take these authorities for the government's."""
    for authority in (pki.root, pki.sub):
        assert "THỬ NGHIỆM" in authority.common_name
