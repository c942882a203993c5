"""Signing and spoiling for the demonstration, judged by a library's own validation."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from intake.demo.pki import DemoPki
from intake.demo.signing import (
    Appearance,
    alter_after_signing,
    detached_p7s,
    sign_pdf,
    smime_signed,
    stamp_number_and_date,
)

NOW = datetime(2019, 9, 12, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def pki() -> DemoPki:
    made = DemoPki.create(NOW)
    made.issue_organisation("Sở Xây dựng", label="seal", key="rsa")
    made.issue_person("Nguyễn Văn Thử", units=("SỞ XÂY DỰNG",), label="person")
    made.issue_tsa()
    return made


def a_pdf() -> bytes:
    """Return one page that says "1"."""
    writer = PdfFileWriter()
    font = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Font"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Type1"),
            generic.pdf_name("/BaseFont"): generic.pdf_name("/Helvetica"),
        }
    )
    stream = generic.StreamObject(stream_data=b"BT /F1 12 Tf 100 700 Td (1) Tj ET")
    page = PageObject(
        contents=writer.add_object(stream),
        media_box=(0, 0, 595, 842),
        resources=generic.DictionaryObject(
            {generic.pdf_name("/Font"): generic.DictionaryObject({generic.pdf_name("/F1"): font})}
        ),
    )
    writer.insert_page(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def judged(pki: DemoPki, pdf: bytes) -> list[PdfSignatureStatus]:
    """Return what pyHanko says of each signature, oldest first."""
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(pki.root.certificate_der)],
        other_certs=[asn1_x509.Certificate.load(pki.sub.certificate_der)],
        moment=NOW,
        allow_fetching=False,
    )
    return [validate_pdf_signature(one, context) for one in PdfFileReader(BytesIO(pdf)).embedded_signatures]


def test_person_stamp_and_seal_are_three_revisions_of_one_file(pki: DemoPki) -> None:
    """The lawful document: both signatures hold, and the seal covers everything."""
    pdf = sign_pdf(a_pdf(), pki.identity("person"), reason="Phê duyệt", at=NOW)
    pdf = stamp_number_and_date(pdf, "128", 12, 9, 2019)
    pdf = sign_pdf(pdf, pki.identity("seal"), field_name="Signature2", at=NOW, visible=Appearance())
    person, seal = judged(pki, pdf)
    assert (person.intact, person.valid, person.trusted) == (True, True, True)
    assert (seal.intact, seal.valid, seal.trusted) == (True, True, True)
    assert person.coverage is SignatureCoverageLevel.ENTIRE_REVISION
    assert seal.coverage is SignatureCoverageLevel.ENTIRE_FILE


@pytest.mark.parametrize("sub_filter", ["cades", "pkcs7"])
def test_a_time_stamp_says_when(pki: DemoPki, sub_filter: str) -> None:
    """The stamp's own time is kept apart from the time that the signer claims."""
    claimed, stamped = NOW + timedelta(hours=7), NOW
    pdf = sign_pdf(
        a_pdf(),
        pki.identity("seal"),
        at=claimed,
        tsa=pki.identity("tsa"),
        tsa_at=stamped,
        sub_filter=sub_filter,  # type: ignore[arg-type]
    )
    (one,) = judged(pki, pdf)
    assert one.signer_reported_dt == claimed
    assert one.timestamp_validity is not None
    assert one.timestamp_validity.timestamp == stamped


def test_a_flipped_bit_breaks_every_signature(pki: DemoPki) -> None:
    """Both signatures cover the head of the file."""
    pdf = sign_pdf(a_pdf(), pki.identity("person"), at=NOW)
    pdf = sign_pdf(pdf, pki.identity("seal"), field_name="Signature2", at=NOW)
    assert [one.intact for one in judged(pki, alter_after_signing(pdf, "bytes"))] == [False, False]


def test_an_overlay_leaves_the_signed_bytes_alone(pki: DemoPki) -> None:
    """The signature still holds for its revision, but no longer covers the file."""
    (one,) = judged(pki, alter_after_signing(sign_pdf(a_pdf(), pki.identity("seal"), at=NOW), "overlay"))
    assert one.intact
    assert one.coverage is SignatureCoverageLevel.ENTIRE_REVISION


def test_only_the_signers_own_certificate_goes_in(pki: DemoPki) -> None:
    """As the government's tools do; the chain must come from the trust folder."""
    pdf = sign_pdf(a_pdf(), pki.identity("seal"), at=NOW)
    (embedded,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    assert len(embedded.signed_data["certificates"]) == 1


def test_a_detached_signature_holds_for_openssl(pki: DemoPki, tmp_path: Path) -> None:
    """A program that is not ours finds the signature over the file's bytes good, and over others bad."""
    (tmp_path / "form.docx").write_bytes(b"form")
    (tmp_path / "other.docx").write_bytes(b"farm")
    (tmp_path / "form.docx.p7s").write_bytes(
        detached_p7s(b"form", pki.identity("seal"), at=NOW, tsa=pki.identity("tsa"))
    )

    def verify(content: str) -> int:
        return subprocess.run(
            ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "form.docx.p7s", "-content", content,
             "-noverify", "-out", "/dev/null"],
            cwd=tmp_path, capture_output=True, check=False,
        ).returncode  # fmt: skip

    assert verify("form.docx") == 0
    assert verify("other.docx") != 0


@pytest.mark.parametrize("opaque", [False, True])
def test_a_signed_mail_holds_for_openssl(pki: DemoPki, tmp_path: Path, opaque: bool) -> None:
    """Clear-signed and opaque alike; the headers of the mail stay readable outside."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "sxd@binhthuan.example", "Phiếu đánh giá"
    mail.set_content("Kính gửi Sở\n.\nTrân trọng")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="phiếu.pdf")
    (tmp_path / "mail.eml").write_bytes(signed := smime_signed(mail, pki.identity("seal"), opaque=opaque))
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-in", "mail.eml", "-noverify", "-out", "inner"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"From: sxd@binhthuan.example\r\n" in signed.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    assert (tmp_path / "inner").read_bytes().startswith(b"Content-Type: multipart/mixed; boundary=")
