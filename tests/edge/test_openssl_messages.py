"""Messages and mails made by the openssl command, in every form it offers: all pass, and no longer once changed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.question import Document, Question
from signatures.report import FileReport, Verdict
from signatures.verify import inspect

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="the openssl command is not installed")
QUESTION = Question(at=datetime(2035, 1, 1, tzinfo=UTC), integrity_only=True)
CONTENT = b"Phieu danh gia: 45/50.\r\nDong hai.\r\n"
SECONDS = 60

KEYS = {
    "rsa": ("RSA", "rsa_keygen_bits:2048"),
    "p256": ("EC", "ec_paramgen_curve:P-256"),
    "p384": ("EC", "ec_paramgen_curve:P-384"),
    "p521": ("EC", "ec_paramgen_curve:P-521"),
    "brainpool": ("EC", "ec_paramgen_curve:brainpoolP256r1"),
}
# How a message is made: the key, the options, whether the content lies outside.
FORMS = [
    pytest.param("rsa", ("-md", "sha256"), True, id="detached"),
    pytest.param("rsa", ("-md", "sha512", "-nodetach"), False, id="opaque"),
    pytest.param("rsa", ("-nodetach", "-stream"), False, id="streamed, open lengths"),
    pytest.param("rsa", ("-noattr",), True, id="without attributes"),
    pytest.param("rsa", ("-noattr", "-nodetach"), False, id="without attributes, opaque"),
    pytest.param("rsa", ("-keyid",), True, id="named by key identifier"),
    pytest.param("rsa", ("-cades",), True, id="certificate bound"),
    pytest.param("rsa", ("-md", "sha3-256"), True, id="SHA-3"),
    pytest.param("rsa", ("-keyopt", "rsa_padding_mode:pss"), True, id="RSA-PSS"),
    pytest.param(
        "rsa", ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"), True, id="PSS, short salt"
    ),
    pytest.param("p256", (), True, id="P-256"),
    pytest.param("p384", ("-md", "sha384"), True, id="P-384"),
    pytest.param("p521", ("-md", "sha512"), True, id="P-521"),
    pytest.param("brainpool", (), True, id="brainpool"),
]


def run(*arguments: str, folder: Path) -> None:
    subprocess.run([OPENSSL, *arguments], cwd=folder, check=True, capture_output=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates of every kind, and the content."""
    place = tmp_path_factory.mktemp("openssl")
    (place / "content").write_bytes(CONTENT)
    for name, (kind, option) in KEYS.items():
        run("genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", f"{name}.key", folder=place)
        subject = f"/CN={name}/emailAddress=lan@example.vn"
        run("req", "-new", "-x509", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.pem", folder=place)
    return place


def signed(folder: Path, key: str, *options: str) -> bytes:
    """What openssl makes of the content."""
    signer = ("-signer", f"{key}.pem", "-inkey", f"{key}.key")
    run("cms", "-sign", "-in", "content", *signer, *options, "-out", "made", folder=folder)
    return (folder / "made").read_bytes()


def judged(name: str, data: bytes, content: bytes | None = None) -> FileReport:
    return inspect(Document(name, data, content, "" if content is None else "content"), QUESTION)


@pytest.mark.parametrize(("key", "options", "outside"), FORMS)
def test_a_message_of_openssl_passes_and_not_over_other_content(
    folder: Path, key: str, options: tuple[str, ...], outside: bool
) -> None:
    """The same message, its content changed by one letter, fails."""
    data = signed(folder, key, "-binary", "-outform", "DER", *options)
    assert judged("a.p7s", data, CONTENT if outside else None).verdict is Verdict.PASSED
    changed = CONTENT.replace(b"45", b"50")
    other = judged("a.p7s", data, changed) if outside else judged("a.p7m", data.replace(CONTENT[:20], changed[:20]))
    assert other.verdict is Verdict.FAILED


def test_several_signers_and_strangers_certificates_are_told_apart(folder: Path) -> None:
    """Two signers, and a certificate of nobody concerned beside them."""
    more = ("-signer", "p256.pem", "-inkey", "p256.key", "-certfile", "p384.pem")
    report = judged("a.p7s", signed(folder, "rsa", "-binary", "-outform", "DER", *more), CONTENT)
    assert report.verdict is Verdict.PASSED
    assert {one.signer.common_name for one in report.signatures if one.signer is not None} == {"rsa", "p256"}


def test_without_its_certificate_a_message_names_what_is_missing(folder: Path) -> None:
    """Nothing was held against the content, so nothing is said about the file it would be over."""
    report = judged("a.p7s", signed(folder, "rsa", "-binary", "-outform", "DER", "-nocerts"), CONTENT)
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.code for one in report.signatures[0].reasons] == ["SIGNING_CERTIFICATE_MISSING"]


@pytest.mark.parametrize(
    "form", [(), ("-crlfeol",), ("-text",), ("-nodetach",), ("-nodetach", "-stream"), ("-noattr",)]
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_mail_of_openssl_passes_with_either_line_end(folder: Path, form: tuple[str, ...], line_end: bytes) -> None:
    """Files on disk have one line end or the other; the signature is over the canonical one."""
    data = signed(folder, "rsa", *form, "-from", "lan@example.vn", "-to", "a@example.vn", "-subject", "Phieu")
    lines = data.replace(b"\r\n", b"\n").replace(b"\n", line_end)
    assert judged("a.eml", lines).verdict is Verdict.PASSED
    assert judged("a.eml", lines.replace(b"lan@example.vn", b"giamdoc@example.vn", 1)).verdict is Verdict.INDETERMINATE
