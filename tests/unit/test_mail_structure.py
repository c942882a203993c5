"""What counts as running text and what as a part, and how badly written mails are still read to their last file."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from intake.steps.unpack import unpack
from intake.steps.unpacked import Unpacked, as_json
from tests.makers_mail import PDF, Part, a_mail, a_multipart, a_nested_mail, a_text, a_zip, an_attachment


def trails(unpacked: Unpacked) -> list[tuple[str, ...]]:
    return [leaf.trail for leaf in unpacked.parts]


def codes(unpacked: Unpacked) -> set[str]:
    return {one.code for one in unpacked.problems}


def test_the_first_unnamed_text_is_running_text_and_no_part() -> None:
    """Contract section 4: the text of a mail is read, not listed."""
    unpacked = unpack(a_mail(a_text("Kính gửi Sở"), an_attachment()), "x.eml")

    assert trails(unpacked) == [("phieu.pdf",)]
    assert unpacked.text == "Kính gửi Sở"


def test_the_alternatives_of_the_running_text_are_no_parts() -> None:
    """Plain and HTML say the same; the picture that the HTML shows is a part."""
    related = a_multipart(
        (a_text("<p>Kính gửi</p>", "html"), an_attachment(b"GIF89a..", None, kind="image/gif")), "related", "r"
    )
    mail = a_mail(a_multipart((a_text("Kính gửi"), related), "alternative", "a"), an_attachment())

    assert [leaf.declared_type for leaf in unpack(mail, "x.eml").parts] == ["image/gif", "application/pdf"]


def test_a_second_text_that_is_no_alternative_is_a_part() -> None:
    """A list's footer or a pasted note stays to be seen."""
    unpacked = unpack(a_mail(a_text("một"), a_text("hai")), "x.eml")

    assert [leaf.data for leaf in unpacked.parts] == [b"hai"]


def test_a_named_text_is_a_part_even_when_it_comes_first() -> None:
    """A file is a file, whatever its type."""
    unpacked = unpack(a_mail(an_attachment(b"a;b\n", "so_lieu.txt", kind="text/plain"), a_text("Kính gửi")), "x.eml")

    assert [leaf.name for leaf in unpacked.parts] == ["so_lieu.txt"]
    assert unpacked.text == "Kính gửi"


def test_a_pdf_among_alternatives_is_a_part() -> None:
    """Only text can be another dress of the text; a form hidden in an alternative must not vanish."""
    mail = a_mail(a_text(), an_attachment(PDF, None), subtype="alternative")

    assert [leaf.media_type for leaf in unpack(mail, "x.eml").parts] == ["application/pdf"]


def test_a_calendar_among_alternatives_is_a_part() -> None:
    """The contract names calendars as parts."""
    mail = a_mail(a_text(), an_attachment(b"BEGIN:VCALENDAR\n", None, kind="text/calendar"), subtype="alternative")

    assert [leaf.media_type for leaf in unpack(mail, "x.eml").parts] == ["text/calendar"]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "binary"])
def test_every_transfer_encoding_gives_back_the_same_bytes(encoding: str) -> None:
    """The digest of a leaf is that of the file which the agency attached."""
    data = b"%PDF-1.4\n" + bytes(range(32, 127)) * 20 + "ký số".encode() + b"\n%%EOF"
    leaf = unpack(a_mail(a_text(), an_attachment(data, encoding=encoding)), "x.eml").parts[0]

    assert leaf.data == data
    assert leaf.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_line_ends_of_every_system_show_the_same_parts(ending: bytes) -> None:
    """Old programs end lines with CR alone; base64 does not care."""
    mail = a_mail(a_text(), a_nested_mail(a_mail(a_text(), an_attachment())), an_attachment(name="hai.pdf"))
    unpacked = unpack(mail.replace(b"\n", ending), "x.eml")

    assert trails(unpacked) == [("#2", "phieu.pdf"), ("hai.pdf",)]
    assert {leaf.data for leaf in unpacked.parts} == {PDF}


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_a_forwarded_mail_is_opened_however_it_is_encoded(encoding: str) -> None:
    """RFC 2046 forbids encoding a message; programs do it."""
    inner = a_mail(a_text(), an_attachment())
    unpacked = unpack(a_mail(a_text(), a_nested_mail(inner, "chuyen-tiep.eml", encoding=encoding)), "x.eml")

    assert trails(unpacked) == [("chuyen-tiep.eml", "phieu.pdf")]


def test_a_mail_sent_as_unknown_bytes_is_opened() -> None:
    """Some programs attach a message as application/octet-stream; jstedfast/MailKit met it too."""
    inner = a_mail(a_text(), an_attachment())
    mail = a_mail(a_text(), a_nested_mail(inner, "forwarded.eml", kind="application/octet-stream", encoding="base64"))

    assert trails(unpack(mail, "x.eml")) == [("forwarded.eml", "phieu.pdf")]


def test_what_is_called_a_mail_and_is_none_stays_a_leaf() -> None:
    """A container that could not be opened is listed itself."""
    unpacked = unpack(a_mail(a_text(), a_nested_mail(b"this is not a mail, sorry!", "broken.eml")), "x.eml")

    assert [(leaf.name, leaf.data) for leaf in unpacked.parts] == [("broken.eml", b"this is not a mail, sorry!")]


def test_the_whole_trail_is_shown() -> None:
    """The contract's own example: a form in an archive in a forwarded mail."""
    inner = a_mail(a_text(), an_attachment(a_zip({"thu muc/phieu.pdf": PDF}), "forms.zip", kind="application/zip"))
    unpacked = unpack(a_mail(a_text(), a_nested_mail(inner, "forwarded.eml")), "x.eml")

    assert as_json("x.eml", unpacked)["parts"][0]["trail"] == ["forwarded.eml", "forms.zip", "phieu.pdf"]


def test_an_unnamed_leaf_has_a_null_name_at_the_end_of_its_trail() -> None:
    """The trail ends with the name, and a missing value is null."""
    part = as_json("x.eml", unpack(a_mail(a_text(), an_attachment(name=None)), "x.eml"))["parts"][0]

    assert (part["name"], part["trail"]) == (None, [None])


def test_equal_names_and_missing_names_are_kept_apart() -> None:
    """A second file of the same name never overwrites the first."""
    unpacked = unpack(
        a_mail(a_text(), an_attachment(b"%PDF-1"), an_attachment(b"%PDF-2"), an_attachment(b"%PDF-3", None)), "x.eml"
    )

    assert [leaf.data for leaf in unpacked.parts] == [b"%PDF-1", b"%PDF-2", b"%PDF-3"]


def test_a_missing_closing_delimiter_loses_nothing() -> None:
    """Mails are cut at their end by gateways."""
    mail = a_mail(a_multipart((a_text(), an_attachment()), closed=False))

    assert unpack(mail, "x.eml").parts[0].data == PDF
    assert "MIME_BROKEN" in codes(unpack(mail, "x.eml"))


def test_parts_after_the_closing_delimiter_are_shown_and_reported() -> None:
    """Otherwise one program sees a form that another does not."""
    mail = a_mail(a_text(), an_attachment(), boundary="b") + b"--b\nContent-Type: text/csv; name=a.csv\n\n1;2\n"
    unpacked = unpack(mail, "x.eml")

    assert [leaf.name for leaf in unpacked.parts] == ["phieu.pdf", "a.csv"]
    assert "MIME_BROKEN" in codes(unpacked)


def test_a_wrong_boundary_is_guessed_from_the_lines() -> None:
    """The head names another boundary than the body uses."""
    mail = a_mail(a_text(), an_attachment(), boundary="=_b").replace(b'boundary="=_b"', b'boundary="another"')
    unpacked = unpack(mail, "x.eml")

    assert [leaf.data for leaf in unpacked.parts] == [PDF]
    assert "MIME_BROKEN" in codes(unpacked)


def test_a_boundary_that_begins_like_another_is_told_apart() -> None:
    """`--ab` is no delimiter of the multipart whose boundary is `a`."""
    inner = a_multipart((a_text("trong"), an_attachment(name="trong.pdf")), "mixed", "ab")
    unpacked = unpack(a_mail(a_text("ngoài"), inner, an_attachment(name="ngoai.pdf"), boundary="a"), "x.eml")

    assert [leaf.name for leaf in unpacked.parts if leaf.name] == ["trong.pdf", "ngoai.pdf"]


def test_a_multipart_that_was_encoded_as_a_whole_is_still_read() -> None:
    """Forbidden by RFC 2045 6.4, and done."""
    body = a_multipart((a_text(), an_attachment()))
    encoded = Part((*body.head, b"Content-Transfer-Encoding: base64"), base64.encodebytes(body.body))

    assert [leaf.data for leaf in unpack(a_mail(encoded), "x.eml").parts] == [PDF]


def test_a_digest_holds_messages_by_default() -> None:
    """RFC 2046 5.1.5: parts of a digest without a type are messages."""
    inner = a_mail(a_text(), an_attachment())
    digest = a_mail(Part((), inner), Part((), inner), subtype="digest")

    assert trails(unpack(digest, "x.eml")) == [("#1", "phieu.pdf"), ("#2", "phieu.pdf")]


def test_a_file_written_into_the_text_by_uuencode_is_a_part() -> None:
    """Its lines leave the running text."""
    text = b"Gui phieu\nbegin 644 phieu.txt\n" + b"#0V%T\n`\nend\nTran trong\n"
    unpacked = unpack(a_mail(Part((b"Content-Type: text/plain",), text)), "x.eml")

    assert [(leaf.name, leaf.data) for leaf in unpacked.parts] == [("phieu.txt", b"Cat")]
    assert unpacked.text.split() == ["Gui", "phieu", "Tran", "trong"]


def test_text_that_only_claims_to_be_base64_is_kept_as_it_is() -> None:
    """Decoded it would be noise under the name of a file."""
    body = b"... the form goes here, (see below) ... !!!\n"
    unpacked = unpack(
        a_mail(a_text(), Part((b"Content-Type: image/png", b"Content-Transfer-Encoding: base64"), body)), "x"
    )

    assert unpacked.parts[0].data == body
    assert "MIME_ENCODING" in codes(unpacked)


def test_base64_that_goes_on_after_its_padding_is_decoded_to_the_end() -> None:
    """Some programs encode every line by itself."""
    body = b"\n".join(base64.b64encode(PDF[at : at + 20]) for at in range(0, len(PDF), 20))
    part = Part((b"Content-Type: application/pdf; name=a.pdf", b"Content-Transfer-Encoding: base64"), body)

    assert unpack(a_mail(a_text(), part), "x.eml").parts[0].data == PDF


def test_a_part_of_a_split_message_is_reported() -> None:
    """One piece of message/partial cannot be judged alone."""
    part = an_attachment(b"piece", None, kind='message/partial; id="a@b"; number=1; total=2', encoding="7bit")

    assert "MESSAGE_PARTIAL" in codes(unpack(a_mail(a_text(), part), "x.eml"))


def _signed(content: bytes, options: list[pkcs7.PKCS7Options]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Thử")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2019, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2029, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, options)


def test_opaque_signed_mail_is_opened_and_said_to_be_signed() -> None:
    """RFC 8551 3.5.2: the whole entity stands inside the CMS; its text is the mail's running text."""
    body = a_multipart((a_text("Kính gửi"), an_attachment()))
    inner = b"\n".join((*body.head, b"", body.body)).replace(b"\n", b"\r\n")
    opaque = _signed(inner, [pkcs7.PKCS7Options.Binary])
    unpacked = unpack(
        a_mail(an_attachment(opaque, "smime.p7m", kind="application/pkcs7-mime; smime-type=signed-data")), "x.eml"
    )

    assert trails(unpacked) == [("smime.p7m", "phieu.pdf")]
    assert unpacked.text == "Kính gửi"
    assert unpacked.mail is not None
    assert unpacked.mail.signed


def test_a_signed_document_that_is_no_mail_stays_closed() -> None:
    """`phieu.pdf.p7m` is a signed document: opened here, its signature would be lost to the verifier."""
    sealed = _signed(PDF, [pkcs7.PKCS7Options.Binary])
    unpacked = unpack(a_mail(a_text(), an_attachment(sealed, "phieu.pdf.p7m", kind="application/pkcs7-mime")), "x.eml")

    assert [(leaf.name, leaf.data) for leaf in unpacked.parts] == [("phieu.pdf.p7m", sealed)]


def test_a_detached_signature_is_a_part() -> None:
    """The contract names smime.p7s."""
    signature = _signed(PDF, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.DetachedSignature])
    mail = a_mail(
        a_multipart((a_text(), an_attachment())),
        an_attachment(signature, "smime.p7s", kind="application/pkcs7-signature"),
        subtype='signed; protocol="application/pkcs7-signature"',
        boundary="outer",
    )
    leaves = unpack(mail, "x.eml").parts

    assert [(leaf.name, leaf.media_type) for leaf in leaves] == [
        ("phieu.pdf", "application/pdf"),
        ("smime.p7s", "application/pkcs7-signature"),
    ]


def test_an_encrypted_mail_is_reported_and_kept() -> None:
    """The agency can act on it; the bytes are evidence of the attempt."""
    enveloped = bytes.fromhex("3080 0609 2a864886f70d010703 a080 3080 020100 0000 0000 0000".replace(" ", ""))
    unpacked = unpack(a_mail(an_attachment(enveloped, "smime.p7m", kind="application/pkcs7-mime")), "x.eml")

    assert "MAIL_ENCRYPTED" in codes(unpacked)
    assert unpacked.parts[0].data == enveloped
    assert unpacked.mail is not None
    assert unpacked.mail.encrypted


@pytest.mark.parametrize(
    "text",
    [
        "Phiếu ở đây: https://drive.google.com/file/d/abc/view",
        "https://stttt.binhthuan.gov.vn/tai-ve/phieu.pdf?x=1",
        "Tải tại https://drive.binhthuan.gov.vn/s/123",
    ],
)
def test_a_link_instead_of_a_file_is_reported(text: str) -> None:
    """Nothing is fetched; the agency is asked for the file at once."""
    assert "LINK_INSTEAD_OF_FILE" in codes(unpack(a_mail(a_text(text)), "x.eml"))


def test_a_link_beside_a_file_is_nothing_to_report() -> None:
    """A signature line with the office's web site is in every mail."""
    text = a_text("https://drive.google.com/x")

    assert "LINK_INSTEAD_OF_FILE" not in codes(unpack(a_mail(text, an_attachment()), "x.eml"))
    assert "LINK_INSTEAD_OF_FILE" not in codes(unpack(a_mail(a_text("https://snv.binhthuan.gov.vn/")), "x.eml"))


def test_a_locked_pdf_is_noted() -> None:
    """Its trailer names an encryption dictionary."""
    locked = PDF.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 5 0 R")

    assert "PDF_ENCRYPTED" in codes(unpack(a_mail(a_text(), an_attachment(locked)), "x.eml"))


def test_a_program_under_another_name_is_named() -> None:
    """Type is told by content, never by name."""
    unpacked = unpack(a_mail(a_text(), an_attachment(b"MZ\x90\x00" + bytes(100), "phieu.pdf")), "x.eml")

    assert "TYPE_MISMATCH" in codes(unpacked)
    assert unpacked.parts[0].media_type == "application/vnd.microsoft.portable-executable"


def test_the_json_has_the_contracts_shape() -> None:
    """Contract section 4, key by key."""
    shown = as_json("x.eml", unpack(a_mail(a_text(), an_attachment()), "x.eml"))

    assert list(shown) == [
        *("path", "sha256", "size", "kind", "message_id", "subject", "from", "date", "automatic", "parts", "problems")
    ]
    assert (shown["kind"], shown["from"], shown["automatic"]) == ("mail", "snv@binhthuan.gov.vn", "no")
    assert list(shown["parts"][0]) == ["trail", "name", "declared_type", "media_type", "size", "sha256"]


def test_automatic_is_null_outside_mail() -> None:
    """The contract says so."""
    assert as_json("a.pdf", unpack(PDF, "a.pdf"))["automatic"] is None


def test_a_lone_document_is_its_own_leaf() -> None:
    """A bare file in the export folder is examined like any other."""
    unpacked = unpack(PDF, "phieu.pdf")

    assert (unpacked.kind, trails(unpacked), unpacked.parts[0].data) == ("document", [("phieu.pdf",)], PDF)
