"""What filing costs: mails received, verified, read and filed, beside the bare verification of their forms."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from datetime import UTC, timedelta
from io import BytesIO
from pathlib import Path

import structlog
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from bench.figures import Figure
from intake.demo.signing import sign_pdf
from intake.flow import receive, take_in
from signatures.question import Document, Question, RevocationRule
from signatures.trust import TrustStore
from signatures.verify import inspect
from tests.makers import IN_TIME
from tests.offices import ListedMailbox, a_form, a_mail, open_small_office, prepare_folder, the_seal

# The wish is stated for 5,000 mails; the cost of one does not grow with their number, so fewer say the same.
MAILS = int(os.environ.get("BENCH_FORMS", "300"))
MOST_RATIO = 2.0
# Stock verification is slow and even, so a few forms say what one costs.
STOCK_SAMPLE = 20


def measure() -> list[Figure]:
    """File so many mails with distinct signed forms, and verify the same forms alone, in warm processes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    plain = [a_form("Sở Nội vụ", version=number) for number in range(10)]
    seal = the_seal("Sở Nội vụ")
    at = IN_TIME - timedelta(hours=1)
    forms = [sign_pdf(plain[number % len(plain)], seal, at=at, reason=f"Bản số {number}") for number in range(MAILS)]
    with tempfile.TemporaryDirectory(prefix="bench-file-") as folder:
        config = prepare_folder(Path(folder))
        question = Question(
            at=IN_TIME.astimezone(UTC),
            at_is_proof=True,
            trust=TrustStore.load([config.parent / "trust"]),
            revocation=RevocationRule.HARD,
        )
        inspect(Document("warm.pdf", forms[0]), question)
        began = time.perf_counter()
        for form in forms:
            assert inspect(Document("form.pdf", form), question).verdict.value == "passed"
        bare = time.perf_counter() - began
        office = open_small_office(config)
        try:
            office.office.examiner.warm()
            mailbox = ListedMailbox()
            for number, form in enumerate(forms):
                mailbox.put(a_mail(form, message_id=f"<{number}@x>"), IN_TIME + timedelta(seconds=number))
            began = time.perf_counter()
            receive(office.office, mailbox)
            received = time.perf_counter() - began
            while take_in(office.office) is not None:
                pass
            whole = time.perf_counter() - began
        finally:
            office.close()
        stock = _stock_seconds(forms[:STOCK_SAMPLE], config.parent / "trust")
    ratio = whole / bare
    return [
        Figure(
            f"{MAILS} mails received, verified, read and filed",
            f"{whole / MAILS * 1000:.1f} ms each",
            f"bare verification {bare / MAILS * 1000:.1f} ms",
            f"{ratio:.2f}x",
            f"at most {MOST_RATIO:g}x",
            ratio <= MOST_RATIO,
        ),
        Figure(
            "  the same beside stock pyHanko's verification",
            f"{whole / MAILS * 1000:.1f} ms each",
            f"stock pyHanko {stock * 1000:.1f} ms",
            f"{whole / MAILS / stock:.2f}x",
            f"at most {MOST_RATIO:g}x",
            whole / MAILS / stock <= MOST_RATIO,
        ),
        Figure("  of which receiving", f"{received / MAILS * 1000:.1f} ms each", "", "", "", True),
    ]


def _stock_seconds(forms: list[bytes], trust: Path) -> float:
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
        validate_pdf_signature(reader.embedded_signatures[0], context)
    return (time.perf_counter() - began) / len(forms)
