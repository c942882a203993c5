"""Signs documents as the agencies' tools do, with throw-away certificates; also spoils them, for demonstrations."""

# pyHanko is typed, but many of its functions say nothing; calling them is all that is allowed here.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO
from typing import Literal, TypeVar

from asn1crypto import cms as asn1_cms
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from pyhanko.pdf_utils import generic, layout
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigAppearanceSetup,
    SigIOSetup,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from intake.demo.pki import Identity

_T = TypeVar("_T")

# Room for a signature with a time stamp and a chain in it: about 10 KiB, doubled, because a full box cannot be signed.
_RESERVED_BYTES = 32 * 1024

SubFilter = Literal["cades", "pkcs7"]
Change = Literal["bytes", "overlay"]


@dataclass(frozen=True, slots=True)
class Appearance:
    """
    Where a signature shows itself: `box` is left, bottom, right, top in points from the lower left of `page` (from 0).

    `face` is a one-page PDF that is drawn into the box (the picture of a seal, say); without it a plain frame is drawn.
    """

    box: tuple[int, int, int, int] = (330, 90, 540, 170)
    page: int = 0
    face: bytes | None = None


def sign_pdf(
    pdf: bytes,
    identity: Identity,
    *,
    field_name: str = "Signature1",
    reason: str = "",
    at: datetime | None = None,
    tsa: Identity | None = None,
    tsa_at: datetime | None = None,
    visible: Appearance | None = None,
    certify: bool = False,
    permits: MDPPerm = MDPPerm.FILL_FORMS,
    sub_filter: SubFilter = "cades",
    chain: tuple[Identity, ...] = (),
    digest: str = "sha256",
) -> bytes:
    """
    Return `pdf` with one more signature, as an incremental update; earlier signatures keep their bytes.

    `at` is the time the signer claims (aware; default now). With `tsa` the signature bears a time stamp of `tsa_at`
    (default `at`). `certify` makes it the author's certification with `permits` left open. Only the signer's own
    certificate goes in, as the government's tools do, unless `chain` names more. `sub_filter` "pkcs7" is the older
    adbe.pkcs7.detached, "cades" is ETSI.CAdES.detached. Raises pyHanko's errors for what is no PDF.
    """
    claimed = (at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    signer = _signer(identity, chain)
    stamper = None if tsa is None else _stamper(tsa, tsa_at or claimed)
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    spec = SigFieldSpec(field_name, on_page=visible.page if visible else 0, box=visible.box if visible else None)
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name, writer)
    next(steps)
    cades = sub_filter == "cades"
    steps.send(
        SigObjSetup(
            sig_placeholder=SignatureObject(
                timestamp=claimed,
                subfilter=SigSeedSubFilter.PADES if cades else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
                reason=reason or None,
                bytes_reserved=_RESERVED_BYTES,
            ),
            mdp_setup=SigMDPSetup(md_algorithm=digest, certify=certify, docmdp_perms=permits if certify else None),
            appearance_setup=_appearance(visible, claimed) if visible else None,
        )
    )
    prepared, output = steps.send(SigIOSetup(md_algorithm=digest))
    attributes = PdfCMSSignedAttributes(signing_time=None if cades else claimed)
    signed = _now(
        signer.async_sign(
            prepared.document_digest,
            digest,
            use_pades=cades,
            timestamper=stamper,
            signed_attr_settings=attributes,
        )
    )
    steps.send(signed)
    return bytes(output.getvalue())


def stamp_number_and_date(pdf: bytes, number: str = "128", day: int = 12, month: int = 9, year: int = 2019) -> bytes:
    """
    Return `pdf` with the number and the date drawn on page 1, in a revision of its own.

    This is what the issuing step of the seal tool does between the leader's signature and the agency's: a visible
    change after the first signature, and lawful if the seal then covers it.
    """
    text = (
        f"BT {{font}} 12 Tf 78 742 Td ({number}) Tj ET BT {{font}} 12 Tf 360 716 Td ({day:02}/{month:02}/{year}) Tj ET"
    )
    return draw_on_page(pdf, text)


def draw_on_page(pdf: bytes, operators: str, page: int = 0) -> bytes:
    """Return `pdf` with drawing operators (ASCII) added to a page in a new revision; `{font}` stands for Helvetica."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    # A file only grows, so its length names the resource uniquely however often something is drawn.
    name = f"/Drawn{len(pdf)}"
    content = f"q {operators.replace('{font}', name)} Q".encode("ascii")
    font = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/Type1"),
            pdf_name("/BaseFont"): pdf_name("/Helvetica"),
        }
    )
    fonts = generic.DictionaryObject({pdf_name(name): writer.add_object(font)})
    writer.add_stream_to_page(
        page,
        writer.add_object(generic.StreamObject(stream_data=content)),
        generic.DictionaryObject({pdf_name("/Font"): fonts}),
    )
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def alter_after_signing(pdf: bytes, how: Change = "bytes") -> bytes:
    """
    Return a signed `pdf` that someone has tampered with.

    "bytes" flips one bit in the comment of the head: nothing shows, but the digest does not hold. "overlay" leaves
    all signed bytes alone and paints a white box and another figure over page 1, in a new revision.
    """
    if how == "overlay":
        return draw_on_page(pdf, "1 1 1 rg 400 400 60 20 re f 0 g BT {font} 12 Tf 405 405 Td (99) Tj ET")
    # The second line of a PDF is a comment of high bytes (ISO 32000-1, 7.5.2); without one the version gets bent.
    place = pdf.index(b"\n") + 2 if pdf[pdf.index(b"\n") + 1 : pdf.index(b"\n") + 2] == b"%" else 7
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def detached_p7s(
    data: bytes,
    identity: Identity,
    *,
    at: datetime | None = None,
    tsa: Identity | None = None,
    tsa_at: datetime | None = None,
    cades: bool = True,
    chain: tuple[Identity, ...] = (),
) -> bytes:
    """Return a detached CMS signature over `data` as DER: the `.p7s` beside the file. Times as in `sign_pdf`."""
    claimed = (at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    signed: asn1_cms.ContentInfo = _now(
        _signer(identity, chain).async_sign_general_data(
            data,
            "sha256",
            detached=True,
            use_cades=cades,
            timestamper=None if tsa is None else _stamper(tsa, tsa_at or claimed),
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=claimed),
        )
    )
    return bytes(signed.dump())


def smime_signed(mail: EmailMessage, identity: Identity, *, opaque: bool = False) -> bytes:
    """
    Return `mail` as a signed message (RFC 8551): multipart/signed, or `smime.p7m` when `opaque`.

    The headers of `mail` stay outside and unsigned, as every mail program leaves them; its body is signed as it is.
    """
    head, body = mail.as_bytes(policy=SMTP).split(b"\r\n\r\n", 1)
    fields = re.split(rb"\r\n(?![ \t])", head)
    inner = [field for field in fields if field.lower().startswith(b"content-")]
    outer = [field for field in fields if field not in inner and not field.lower().startswith(b"mime-version")]
    builder = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(b"\r\n".join(inner) + b"\r\n\r\n" + body)
        .add_signer(identity.certificate, identity.key, hashes.SHA256())
    )
    options = [pkcs7.PKCS7Options.Binary] if opaque else [pkcs7.PKCS7Options.DetachedSignature]
    signed = builder.sign(serialization.Encoding.SMIME, options)
    return b"\r\n".join(outer) + b"\r\n" + re.sub(rb"\r?\n", b"\r\n", signed)


class _Face(PdfContent):
    """The first page of a small PDF, imported from memory (the library's own class wants a file)."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        page = self._ensure_writer.import_page_as_xobject(PdfFileReader(BytesIO(self._pdf)), page_ix=0)
        self.resources.xobject["/DemoFace"] = page
        left, bottom, right, top = page.get_object()["/BBox"]
        self.box = BoxConstraints(width=abs(right - left), height=abs(top - bottom))
        return b"/DemoFace Do"


def _appearance(visible: Appearance, claimed: datetime) -> SigAppearanceSetup:
    style = StaticStampStyle(
        border_width=0 if visible.face else 1,
        border_color=(0.8, 0.1, 0.1),
        background=_Face(visible.face) if visible.face else None,
        background_layout=layout.SimpleBoxLayoutRule(
            x_align=layout.AxisAlignment.ALIGN_MID,
            y_align=layout.AxisAlignment.ALIGN_MID,
            margins=layout.Margins.uniform(0),
        ),
    )
    return SigAppearanceSetup(style=style, timestamp=claimed, name=None)


def _signer(identity: Identity, chain: tuple[Identity, ...]) -> SimpleSigner:
    store = SimpleCertificateStore()
    store.register_multiple([asn1_x509.Certificate.load(link.certificate_der) for link in chain])
    return SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(identity.certificate_der),
        signing_key=_asn1_key(identity),
        cert_registry=store,
        embed_roots=True,
    )


def _stamper(tsa: Identity, at: datetime) -> DummyTimeStamper:
    moment = at.astimezone(UTC).replace(microsecond=0)
    return DummyTimeStamper(asn1_x509.Certificate.load(tsa.certificate_der), _asn1_key(tsa), fixed_dt=moment)


def _asn1_key(identity: Identity) -> asn1_keys.PrivateKeyInfo:
    return asn1_keys.PrivateKeyInfo.load(
        identity.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _now(work: Coroutine[object, object, _T]) -> _T:
    # pyHanko signs in coroutines. The house is synchronous, but a caller's own loop may run in this thread (the
    # demonstration's mail server is one): then a thread of its own runs the coroutine.
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: asyncio.run(work)).result()
