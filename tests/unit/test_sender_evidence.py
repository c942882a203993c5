"""What speaks for a sender is shown as advice: DKIM by its keys, our own server by its topmost field only."""

from __future__ import annotations

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from intake.steps.sender_evidence import ServerAdvice, authentication_results, dkim_results
from intake.steps.unpack import unpack
from tests.makers_mail import a_mail, a_text

OWN = "mail.binhthuan.gov.vn"


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, str]:
    """A mail with a DKIM signature, and the TXT record of its key."""
    return a_dkim_mail(length=False)


def a_dkim_mail(*, length: bool) -> tuple[bytes, str]:
    """Sign a mail; with `length` the signature says how much of the body it covers (RFC 6376 3.5, l=)."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    mail = a_mail(a_text("Kính gửi")).replace(b"\n", b"\r\n")
    line = dkim.sign(mail, b"s1", b"binhthuan.gov.vn", pem, length=length)
    return line + mail, "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode()


def test_a_dkim_signature_is_verified_with_the_key_from_the_dns(signed: tuple[bytes, str]) -> None:
    """The resolver is the edge's."""
    asked: list[str] = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return [signed[1]]

    found = dkim_results(signed[0], resolve)

    assert [(one.domain, one.selector, one.outcome) for one in found] == [("binhthuan.gov.vn", "s1", "pass")]
    assert asked == ["s1._domainkey.binhthuan.gov.vn"]


def test_a_changed_mail_fails(signed: tuple[bytes, str]) -> None:
    """One letter of the body."""
    found = dkim_results(signed[0].replace(b"nh g", b"nh G"), lambda name: [signed[1]])

    assert [one.outcome for one in found] == ["fail"]


def test_a_signature_over_the_beginning_of_the_body_alone_is_no_pass() -> None:
    """RFC 6376 8.2: a form could have been added behind it."""
    mail, record = a_dkim_mail(length=True)
    found = dkim_results(mail + b"--added\r\n", lambda name: [record])

    assert [one.outcome for one in found] == ["neutral"]


def test_an_unanswered_dns_is_no_verdict(signed: tuple[bytes, str]) -> None:
    """Unknown is never quietly no."""

    def silent(name: str) -> list[str]:
        raise TimeoutError(name)

    assert [one.outcome for one in dkim_results(signed[0], silent)] == ["temperror"]


def test_a_mail_without_a_signature_has_no_result() -> None:
    """Nothing to say is said by nothing."""
    assert dkim_results(a_mail(a_text()), lambda name: []) == ()


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 50, b"DKIM-Signature: v=1; d=x\n\n", b"DKIM-Signature: " + b";" * 9_000 + b"\n\n"]
)
def test_a_broken_signature_never_raises(raw: bytes) -> None:
    """Hostile input is normal input."""
    assert all(one.outcome == "permerror" for one in dkim_results(raw, lambda name: []))


def advice(*fields: bytes, authserv_id: str = OWN) -> ServerAdvice:
    facts = unpack(a_mail(a_text(), head=[b"Authentication-Results: " + field for field in fields]), "x.eml").mail
    assert facts is not None
    return authentication_results(facts, authserv_id)


def test_our_own_servers_field_is_read() -> None:
    """RFC 8601."""
    found = advice(b"mail.binhthuan.gov.vn; dkim=pass header.d=x.vn; spf=softfail smtp.mailfrom=x.vn; dmarc=fail")

    assert (found.server, found.dkim, found.spf, found.dmarc) == (OWN, "pass", "neutral", "fail")


@pytest.mark.parametrize(
    ("domain", "doubted"),
    [
        ("binhthuan.gov.vn", False),
        ("mail.binhthuan.gov.vn", False),
        ("gov.vn.evil.example", True),
        ("evil.example", True),
    ],
)
def test_somebody_elses_signature_does_not_speak_for_the_sender(domain: str, doubted: bool) -> None:
    """Anybody can sign with a domain of his own; it is shown whose signature passed."""
    found = advice(f"{OWN}; dkim=pass header.d={domain}; spf=fail smtp.mailfrom=x.vn".encode())

    assert (found.is_bad, domain in found.told) == (doubted, True)


def test_a_pass_that_names_no_domain_is_not_doubted() -> None:
    """Some servers write the result alone; a forwarder breaks SPF, and that is no forgery."""
    assert not advice(b"mail.binhthuan.gov.vn; dkim=pass; spf=fail smtp.mailfrom=x.vn").is_bad


def test_a_foreign_field_on_top_hides_nothing_and_says_nothing() -> None:
    """The first field wins in other programs, and a forged one passes (hermes-agent#88560)."""
    assert advice(b"mail.evil.example; dkim=pass", b"mail.binhthuan.gov.vn; dkim=pass") == ServerAdvice("")


def test_without_a_configured_server_nothing_is_believed() -> None:
    """Then the sender could have written all of it."""
    assert advice(b"mail.binhthuan.gov.vn; dkim=pass", authserv_id="") == ServerAdvice("")


def test_an_unreadable_field_is_no_advice() -> None:
    """Neither for nor against."""
    assert advice(b"mail.binhthuan.gov.vn; dkim=((((") == ServerAdvice(OWN)
