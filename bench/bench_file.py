"""What filing costs: mails received, unpacked, verified, read and filed, beside bare verification of their forms."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, timedelta
from io import BytesIO
from pathlib import Path

import structlog
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.generic import NameObject, StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from bench.figures import Figure
from intake.demo.paper import seal_face
from intake.demo.signing import Appearance, sign_pdf
from intake.demo.studio import SEAL_BOX
from intake.flow import receive, take_in_all
from signatures.question import Document, Question, RevocationRule
from signatures.trust import TrustStore
from signatures.verify import inspect
from storage.records import State
from tests.makers import IN_TIME
from tests.offices import ROSTER, SmallOffice, a_form, a_mail, open_small_office, prepare_folder, the_pki

# The wish is stated for 5,000 mails; the cost of one does not grow with their number, so fewer say the same.
MAILS = int(os.environ.get("BENCH_FORMS", "300"))
# An agency sends a form and a few better ones, not hundreds.
AGENCIES = max(30, MAILS // 20)
MOST_RATIO = 2.0
# Stock verification is slow and even, so a few forms say what one costs.
STOCK_SAMPLE = 20
# What photographs of evidence make of a form.
PHOTOGRAPHS_BYTES = 1_000_000


def measure() -> list[Figure]:
    """
    File forms of many agencies, and verify the same forms alone.

    As Decree 30/2020 (articles 13.7, 14.3, 17.2) has them: the leader signs, then the seal shows itself; then forms
    with the seal alone, which cost the least to verify, and the same with photographs in them.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    names = [f"Sở Thử nghiệm số {number}" for number in range(1, AGENCIES + 1)]
    plain = [a_form(name) for name in names]
    large = [_with_photographs(form) for form in plain]
    leaders = [the_pki().issue_person(f"Lãnh đạo {name}", units=(name,)) for name in names]
    seals = [the_pki().issue_organisation(name) for name in names]
    faces = [seal_face(name.upper(), "14/09/2019") for name in names]
    at = IN_TIME - timedelta(hours=2)

    def sealed(forms: Sequence[bytes]) -> Callable[[int, str], bytes]:
        return lambda agency, reason: sign_pdf(forms[agency], seals[agency], at=at, reason=reason)

    def led_and_sealed(agency: int, reason: str) -> bytes:
        led = sign_pdf(plain[agency], leaders[agency], field_name="Leader", at=at, reason=reason)
        look = Appearance(SEAL_BOX, face=faces[agency])
        return sign_pdf(led, seals[agency], field_name="Seal", at=at + timedelta(minutes=5), visible=look)

    return [
        *_filed("of a form, led and sealed", names, led_and_sealed, MAILS),
        *_filed("of a form, sealed", names, sealed(plain), MAILS),
        *_filed("of a form of 1 MB, sealed", names, sealed(large), MAILS // 3),
    ]


def _filed(what: str, names: Sequence[str], signed: Callable[[int, str], bytes], mails: int) -> list[Figure]:
    """
    File `mails` mails with what `signed` makes for an agency and a reason; the figures say what one costs.

    Both sides use what the machine has in their own way: filing its workers, bare verification one warm process.
    """
    forms = [signed(number % len(names), f"Bản số {number}") for number in range(mails)]
    with _office(names) as small:
        trust = small.folder / "trust"
        bare = _own_seconds(forms, trust)
        stock = _stock_seconds(forms[:STOCK_SAMPLE], trust)
        for number, form in enumerate(forms):
            sender = f"a{number % len(names)}@binhthuan.example"
            mail = a_mail(form, sender=sender, message_id=f"<{number}@x>")
            small.mailbox.put(mail, IN_TIME + timedelta(seconds=number))
        small.office.examiner.warm()
        began = time.perf_counter()
        receive(small.office, small.mailbox)
        received = (time.perf_counter() - began) / mails
        filed: list[State] = []
        take_in_all(small.office, lambda one: filed.append(one.state))
        whole = (time.perf_counter() - began) / mails
    assert filed.count(State.FILED) == mails, filed
    ours = f"{whole * 1000:.1f} ms each"
    return [
        Figure(
            f"{mails} mails {what} filed",
            ours,
            f"stock pyHanko {stock * 1000:.1f} ms",
            f"{whole / stock:.2f}x",
            f"at most {MOST_RATIO:g}x",
            whole / stock <= MOST_RATIO,
        ),
        Figure(
            "  the same beside our own bare verification",
            ours,
            f"verifying {bare * 1000:.1f} ms",
            f"{whole / bare:.2f}x",
            f"at most {MOST_RATIO:g}x",
            whole / bare <= MOST_RATIO,
        ),
        Figure("  of which receiving", f"{received * 1000:.1f} ms each", "", "", "", True),
    ]


@contextmanager
def _office(names: Sequence[str]) -> Iterator[SmallOffice]:
    """Open an office whose roster has these agencies, with its workers."""
    with tempfile.TemporaryDirectory(prefix="bench-file-") as folder:
        config = prepare_folder(Path(folder))
        rows = [
            f"a{number},{name},so_nganh,mail,a{number}@binhthuan.example,,,,,," for number, name in enumerate(names)
        ]
        (config.parent / "roster.csv").write_text(ROSTER + "\n".join(rows) + "\n", encoding="utf-8")
        small = open_small_office(config)
        try:
            yield small
        finally:
            small.close()


def _with_photographs(form: bytes) -> bytes:
    """Add what does not compress, as photographs do not."""
    writer = IncrementalPdfFileWriter(BytesIO(form))
    writer.root[NameObject("/PieceInfo")] = writer.add_object(StreamObject(stream_data=os.urandom(PHOTOGRAPHS_BYTES)))
    writer.update_root()  # type: ignore[no-untyped-call]
    whole = BytesIO()
    writer.write(whole)  # type: ignore[no-untyped-call]
    return whole.getvalue()


def _own_seconds(forms: Sequence[bytes], trust: Path) -> float:
    """Return what verifying one form costs with this project's own verification, warm, in this process."""
    question = Question(
        at=IN_TIME.astimezone(UTC),
        at_is_proof=True,
        trust=TrustStore.load([trust]),
        revocation=RevocationRule.HARD,
    )
    inspect(Document("warm.pdf", forms[0]), question)
    began = time.perf_counter()
    for form in forms:
        assert inspect(Document("form.pdf", form), question).verdict.value == "passed"
    return (time.perf_counter() - began) / len(forms)


def _stock_seconds(forms: Sequence[bytes], trust: Path) -> float:
    """Return what pyHanko's own validation of one form costs, warm, with the same trust and lists."""
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    papers = [path.read_bytes() for path in sorted(trust.glob("*.crt"))]
    certificates = [asn1_x509.Certificate.load(pem.unarmor(one)[2]) for one in papers]
    roots = [one for one in certificates if one.self_signed != "no"]
    lists = [path.read_bytes() for path in sorted(trust.glob("*.crl"))]
    began = 0.0
    for number, form in enumerate([forms[0], *forms]):
        if number == 1:
            began = time.perf_counter()
        context = ValidationContext(
            trust_roots=roots, other_certs=certificates, crls=lists, moment=IN_TIME, allow_fetching=False
        )
        reader = PdfFileReader(BytesIO(form), strict=False)
        for signature in reader.embedded_signatures:
            validate_pdf_signature(signature, context)
    return (time.perf_counter() - began) / len(forms)
