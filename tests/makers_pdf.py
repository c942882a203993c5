"""Makes small PDFs, signs them and spoils them, byte by byte: no library stands between a test and what it claims."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signatures.formats import pdf
from signatures.question import Document, Question
from signatures.report import FileReport

# A certificate of half a kilobyte and the attributes fit in well; assets stay small.
_RESERVED = 1200
_RANGE = "[0 0000000000 0000000000 0000000000]"
NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)
# The library that signs here claims the real time; judged from later on, no claim lies in the future.
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@cache
def a_key_pair(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a throw-away certificate for `name` with its key; the same one for the same name within a run."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _names_itself(name, key.public_key()).sign(key, hashes.SHA256()), key


def _names_itself(name: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=3650))
    )


def cms_over(data: bytes, name: str = "Người ký thử") -> bytes:
    """Return a detached CMS signature (DER) over `data`."""
    certificate, key = a_key_pair(name)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return builder.sign(serialization.Encoding.DER, options)


@dataclass(frozen=True)
class Made:
    """
    A PDF in the making: its bytes so far and the newest body of every object.

    The first revision has: 1 catalogue, 2 page tree, 3 page, 4 page content, 5 font, 6 form, 7 text field "HoTen" with
    look 8, 9 document information.
    """

    data: bytes
    bodies: dict[int, str] = field(default_factory=dict)
    last_table: int = 0

    @property
    def next_number(self) -> int:
        """A number that no object has yet."""
        return max(self.bodies) + 1


PAGE_TEXT = "BT /F1 14 Tf 60 700 Td (Phieu danh gia 2019) Tj 0 -40 Td (Tong diem: 87) Tj ET"


def stream(text: str, head: str = "") -> str:
    """Return the body of a stream object."""
    return f"<< {head} /Length {len(text)} >>\nstream\n{text}\nendstream"


def look(text: str, width: int = 200, height: int = 40) -> str:
    """Return the body of an appearance stream."""
    font = "/Resources << /Font << /F1 5 0 R >> >>"
    return stream(text, f"/Type /XObject /Subtype /Form /BBox [0 0 {width} {height}] {font}")


def a_pdf(**changes: str) -> Made:
    """Return a one-page PDF with a form of one text field; `changes` replace bodies, named `o4` for object 4."""
    bodies = {
        1: "<< /Type /Catalog /Pages 2 0 R /AcroForm 6 0 R >>",
        2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> /Annots [7 0 R] >>",
        4: stream(PAGE_TEXT),
        5: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: "<< /Fields [7 0 R] /DR << /Font << /F1 5 0 R >> >> /DA (/F1 12 Tf 0 g) >>",
        7: "<< /Type /Annot /Subtype /Widget /FT /Tx /T (HoTen) /Rect [60 500 260 540] /F 4 /P 3 0 R"
        " /DA (/F1 12 Tf 0 g) /AP << /N 8 0 R >> >>",
        8: look("/Tx BMC EMC"),
        9: "<< /Producer (a test) /CreationDate (D:20190910080000+07'00') >>",
    }
    bodies |= {int(name[1:]): body for name, body in changes.items()}
    return revision(Made(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), bodies)


def revision(
    made: Made,
    bodies: dict[int, str],
    *,
    freed: tuple[int, ...] = (),
    trailer: str = "",
    root: int = 1,
    extra: bytes = b"",
) -> Made:
    """Return `made` with one more revision that holds `bodies` (extra bytes before its table, freed objects in it)."""
    output = bytearray(made.data)
    places: dict[int, int] = {}
    for number, body in sorted(bodies.items()):
        places[number] = len(output)
        output += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    output += extra
    table = len(output)
    rows = "" if made.last_table else "0 1\n0000000000 65535 f \n"
    numbers = sorted(places)
    for index, number in enumerate(numbers):
        if not index or numbers[index - 1] != number - 1:
            count = next((step for step in range(1, len(numbers)) if number + step not in places), len(numbers))
            rows += f"{number} {count}\n"
        rows += f"{places[number]:010} 00000 n \n"
    for number in freed:
        rows += f"{number} 1\n0000000000 00001 f \n"
    everything = {**made.bodies, **bodies}
    previous = f"/Prev {made.last_table} " if made.last_table else ""
    end = f"trailer\n<< /Size {max(everything) + 1} /Root {root} 0 R /Info 9 0 R {previous}{trailer}>>"
    output += f"xref\n{rows}{end}\nstartxref\n{table}\n%%EOF\n".encode("latin-1")
    for number in freed:
        everything.pop(number, None)
    return Made(bytes(output), everything, table)


def listed(body: str, key: str, item: str) -> str:
    """Return a dictionary's `body` with `item` added to its list `key` (made if missing)."""
    if f"/{key} [" in body:
        return body.replace(f"/{key} [", f"/{key} [{item} ", 1)
    return body.replace("<<", f"<< /{key} [{item}]", 1)


def signature_body(
    *,
    sub_filter: str = "adbe.pkcs7.detached",
    extra: str = "",
    byte_range: str = _RANGE,
    contents: str = "",
    type_: str = "/Type /Sig",
) -> str:
    """Return the body of a signature dictionary with room for its value."""
    value = contents or "<" + "0" * 2 * _RESERVED + ">"
    return (
        f"<< {type_} /Filter /Adobe.PPKLite /SubFilter /{sub_filter} /M (D:20190912100000+07'00') {extra}"
        f" /ByteRange {byte_range} /Contents {value} >>"
    )


def sign(
    made: Made,
    *,
    name: str = "Ky1",
    by: str = "Người ký thử",
    rect: str = "0 0 0 0",
    shows: str = "",
    body: str | None = None,
    extra: str = "",
    field_extra: str = "",
    also: dict[int, str] | None = None,
    number: int = 0,
    sub_filter: str = "adbe.pkcs7.detached",
) -> Made:
    """
    Return `made` signed in one more revision: field and widget in one, the value in an object of its own.

    `number` takes an existing field object; else a new one is made. `shows` are drawing operators of the signature's
    look. `extra` goes into the signature dictionary, `field_extra` into the field, `also` are further objects of the
    same revision.
    """
    value = made.next_number
    widget = number or value + 1
    changed = dict(also or {})
    field_body = (
        f"<< /Type /Annot /Subtype /Widget /FT /Sig /T ({name}) /Rect [{rect}] /F 132 /P 3 0 R"
        f" /V {value} 0 R {field_extra}"
    )
    if shows:
        picture = value + 2
        field_body += f" /AP << /N {picture} 0 R >>"
        sides = [float(side) for side in rect.split()]
        changed[picture] = look(shows, int(sides[2] - sides[0]), int(sides[3] - sides[1]))
    changed[widget] = field_body + " >>"
    changed[value] = body if body is not None else signature_body(sub_filter=sub_filter, extra=extra)
    if not number:
        changed[3] = listed(changed.get(3, made.bodies[3]), "Annots", f"{widget} 0 R")
        form = listed(changed.get(6, made.bodies[6]), "Fields", f"{widget} 0 R")
        changed[6] = form if "/SigFlags" in form else form.replace("<<", "<< /SigFlags 3", 1)
    return fill_in(revision(made, changed), by=by)


def fill_in(made: Made, *, by: str = "Người ký thử", value: bytes | None = None) -> Made:
    """Return `made` with the last empty byte range and signature value filled in, over the whole file."""
    data = made.data
    at = data.rfind(_RANGE.encode())
    if at < 0:
        return made
    start = data.index(b"/Contents <", at) + len(b"/Contents ")
    stop = data.index(b">", start) + 1
    numbers = f"[0 {start:010} {stop:010} {len(data) - stop:010}]".encode()
    data = data[:at] + numbers + data[at + len(numbers) :]
    signature = value if value is not None else cms_over(data[:start] + data[stop:], by)
    filled = signature.hex().encode().ljust(stop - start - 2, b"0")
    return replace(made, data=data[: start + 1] + filled + data[stop - 1 :])


def with_bytes(made: Made, data: bytes) -> Made:
    """Return `made` with other bytes."""
    return replace(made, data=data)


def ranges(data: bytes) -> list[tuple[int, int, int, int]]:
    """Return every byte range in the file, in the order of the bytes."""
    found = re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", data)
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in found]


def integrity(data: bytes, name: str = "phieu.pdf") -> FileReport:
    """Judge `data` with every chain taken as trusted, as `intake verify --integrity-only` does."""
    return pdf.inspect(Document(name, data), Question(at=LATER, integrity_only=True))


def codes(report: FileReport, index: int = 0) -> set[str]:
    """Return the reason codes of one signature."""
    return {reason.code for reason in report.signatures[index].reasons}


@cache
def a_time_stamp_authority() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Return a throw-away time-stamp authority: its certificate (RFC 3161, 2.3) and key."""
    key = rsa.generate_private_key(65537, 2048)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    builder = _names_itself("Dấu thời gian thử", key.public_key()).add_extension(purpose, critical=True)
    return builder.sign(key, hashes.SHA256()), key
