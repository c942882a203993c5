"""How long judging a signed PDF takes beside stock pyHanko, a pdfsig process, and itself not comparing revisions."""

from __future__ import annotations

import logging
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext

from bench.figures import Figure
from intake.demo.pki import DemoPki, Identity
from intake.demo.signing import sign_pdf
from signatures.formats import pdf, pdf_signatures
from signatures.formats.pdf_grades import Changes
from signatures.question import Document, Question
from signatures.report import ChangedAfter, Verdict
from signatures.trust import TrustStore

# Pairs are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 11
SIGNED_AT = datetime(2019, 9, 12, tzinfo=UTC)
JUDGED_AT = datetime(2019, 9, 14, tzinfo=UTC)


def measure() -> list[Figure]:
    """Compare on one signature at 1 MB, on two with long-term papers, and on a file of twenty thousand objects."""
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)
    pki = DemoPki.create(datetime(2019, 9, 1, tzinfo=UTC))
    agency = pki.issue_organisation("SỞ NỘI VỤ", key="rsa")
    person = pki.issue_person("Trần Thị B", "SỞ NỘI VỤ", key="rsa")
    with tempfile.TemporaryDirectory() as name:
        return _measure(pki, person, agency, Path(name))


def _measure(pki: DemoPki, person: Identity, agency: Identity, folder: Path) -> list[Figure]:
    trust = folder / "trust"
    pki.write_trust(trust, this_update=SIGNED_AT, next_update=datetime(2019, 9, 20, tzinfo=UTC))
    question = Question(JUDGED_AT, at_is_proof=True, trust=TrustStore.load([trust]))
    lists = (_crl(pki, "root"), _crl(pki, "sub"))
    one = sign_pdf(_document(10, 1_000_000), agency, at=SIGNED_AT)
    two = _with_papers(
        sign_pdf(sign_pdf(_document(10, 1_000_000), person, at=SIGNED_AT), agency, field_name="Seal"), pki
    )
    large = sign_pdf(sign_pdf(_document(20_000, 12_000_000), person, at=SIGNED_AT), agency, field_name="Seal")
    peer = _stock(pki, lists)
    file = folder / "one.pdf"
    file.write_bytes(one)

    def without_comparing() -> None:
        with _no_comparison():
            _ours(large, question)

    return [
        _figure("one signature, PDF of 1 MB, chain and CRL", one, question, lambda: peer(one, True), 0.45),
        *_beside_pdfsig(file, trust, question),
        _figure("two signatures with long-term papers", two, question, lambda: peer(two, True), 0.33),
        _figure("two signatures, 12 MB, 20,000 objects", large, question, without_comparing, 2.0, "not comparing"),
        _figure("  beside stock pyHanko that skips changes", large, question, lambda: peer(large, False), 2.0),
    ]


def _beside_pdfsig(file: Path, trust: Path, question: Question) -> list[Figure]:
    """Compare with a pdfsig process for the file: ours warm, as the service judges, and as one command."""
    pdfsig = shutil.which("pdfsig")
    if pdfsig is None:
        return [Figure("  beside a pdfsig process per file", "", "pdfsig is not here", "", "at most 0.5x", False)]
    data = file.read_bytes()
    intake = Path(sys.executable).with_name("intake")
    command = [str(intake), "verify", "--trust", str(trust), "--at", JUDGED_AT.isoformat(), str(file)]
    warm, theirs = _side_by_side(lambda: _ours(data, question), lambda: _run([pdfsig, str(file)]))
    once = statistics.median(_cpu(lambda: _run(command)) for _ in range(PAIRS))
    peer = f"pdfsig {theirs * 1000:.1f} ms"
    ratio = warm / theirs
    return [
        Figure(
            "  beside a pdfsig process per file, warm",
            f"{warm * 1000:.1f} ms",
            peer,
            f"{ratio:.2f}x",
            "at most 0.5x",
            ratio <= 0.5,
        ),
        Figure(
            "  one-shot: the whole command `intake verify`",
            f"{once * 1000:.0f} ms",
            peer,
            f"{once / theirs:.1f}x",
            "told only",
            True,
        ),
    ]


def _run(command: list[str]) -> None:
    # pdfsig ends with 1 for a signer it does not know; it has judged the bytes all the same.
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def _no_comparison() -> Iterator[None]:
    """Leave out the comparison of revisions, only to measure what it costs."""
    name = "changes_after"
    compare = getattr(pdf_signatures, name)
    setattr(pdf_signatures, name, lambda *_: Changes(ChangedAfter.NOTHING))
    try:
        yield
    finally:
        setattr(pdf_signatures, name, compare)


def _figure(
    name: str, data: bytes, question: Question, peer: Callable[[], None], most: float, called: str = "pyHanko"
) -> Figure:
    ours, theirs = _side_by_side(lambda: _ours(data, question), peer)
    ratio = ours / theirs
    return Figure(
        name,
        f"{ours * 1000:.1f} ms",
        f"{called} {theirs * 1000:.1f} ms",
        f"{ratio:.2f}x",
        f"at most {most:g}x",
        ratio <= most,
    )


def _ours(data: bytes, question: Question) -> None:
    report = pdf.inspect(Document("phieu.pdf", data), question)
    if report.verdict is not Verdict.PASSED:
        raise AssertionError(f"the document must pass: {report}")


def _stock(pki: DemoPki, lists: tuple[asn1_crl.CertificateList, ...]) -> Callable[[bytes, bool], None]:
    roots = [asn1_x509.Certificate.load(pki.root.certificate_der)]
    others = [asn1_x509.Certificate.load(pki.sub.certificate_der)]

    def validate(data: bytes, changes: bool) -> None:
        reader = PdfFileReader(BytesIO(data), strict=False)
        context = ValidationContext(
            trust_roots=roots, other_certs=others, crls=list(lists), moment=JUDGED_AT, revocation_mode="hard-fail"
        )
        for signature in reader.embedded_signatures:
            validate_pdf_signature(signature, context, skip_diff=not changes)

    return validate


def _crl(pki: DemoPki, issuer: str) -> asn1_crl.CertificateList:
    until = datetime(2019, 9, 20, tzinfo=UTC)
    der = pki.crl(SIGNED_AT, until, issuer="root" if issuer == "root" else "sub")
    return asn1_crl.CertificateList.load(der)


def _with_papers(data: bytes, pki: DemoPki) -> bytes:
    """Add the document security store that a tool for long-term signatures adds."""
    output = BytesIO(data)
    authorities: tuple[Identity, ...] = (pki.root, pki.sub)
    DocumentSecurityStore.add_dss(
        output,
        None,
        certs=[asn1_x509.Certificate.load(one.certificate_der) for one in authorities],
        crls=[_crl(pki, "root"), _crl(pki, "sub")],
        strict=False,
        force_write=True,
    )
    return output.getvalue()


def _document(objects: int, size: int) -> bytes:
    """One page and `objects` further streams that refer to one another; `size` bytes in all."""
    chance = random.Random(2019)
    bodies: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R /Things 4 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    ]
    each = size // objects
    for number in range(4, 4 + objects):
        following = number + 1 if number < 3 + objects else 4
        head = f"<< /Length {each} /Next {following} 0 R >>\nstream\n".encode()
        bodies.append(head + chance.randbytes(each) + b"\nendstream")
    output = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    rows = bytearray(b"0000000000 65535 f \n")
    for number, body in enumerate(bodies, 1):
        rows += f"{len(output):010} 00000 n \n".encode()
        output += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(output)
    count = len(bodies) + 1
    output += f"xref\n0 {count}\n".encode() + rows
    output += f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(output)


def _side_by_side(ours: Callable[[], None], peer: Callable[[], None]) -> tuple[float, float]:
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(PAIRS):
        mine.append(_cpu(ours))
        theirs.append(_cpu(peer))
    return statistics.median(mine), statistics.median(theirs)


def _cpu(work: Callable[[], None]) -> float:
    """Seconds of CPU that `work` took, here and in the processes it started and waited for."""
    began = time.process_time() + _children()
    work()
    return time.process_time() + _children() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
