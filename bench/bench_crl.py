"""What a national revocation list of 200,000 entries costs: time beside an empty one, and memory of the worker."""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.figures import Figure
from bench.processes import cpu, run, side_by_side
from intake.demo.pki import DemoPki
from intake.demo.signing import sign_pdf
from signatures import asn1
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect

ENTRIES = 200_000
# Pairs are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 25
ONCE_PAIRS = 7
MOST_RATIO = 1.2
MOST_MEBIBYTES = 150
SIGNED_AT = datetime(2019, 9, 12, tzinfo=UTC)
JUDGED_AT = datetime(2019, 9, 14, tzinfo=UTC)
UNTIL = datetime(2019, 9, 20, tzinfo=UTC)


def measure() -> list[Figure]:
    """Judge signed PDFs of 1 MB by ever new signers in one warm worker, under both lists in turn."""
    pki = DemoPki.create(datetime(2019, 9, 1, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("empty", "large"):
            pki.write_trust(folder / kind, this_update=SIGNED_AT, next_update=UNTIL)
        (folder / "large" / "demo-sub.crl").write_bytes(_large_list(pki))
        filling = b"%" + b"x" * 1_000_000 + b"\n"
        for number in range(PAIRS + 1):
            # Each signer is new, so that nothing but the list itself can be remembered from file to file.
            signer = pki.issue_person(f"Người thứ {number}", "SỞ NỘI VỤ", label=f"p{number}")
            (folder / f"{number}.pdf").write_bytes(sign_pdf(_pdf(filling), signer, at=SIGNED_AT))
        ours, theirs = multiprocessing.Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=_work, args=(theirs, folder))
        worker.start()
        theirs.close()
        empty, large, first, peak = ours.recv()
        worker.join()
        once = _one_shot(folder)
    ratio = large / empty
    return [
        Figure(
            f"a CRL of {ENTRIES:,} entries, warm worker",
            f"{large * 1000:.2f} ms",
            f"empty CRL {empty * 1000:.2f} ms",
            f"{ratio:.2f}x",
            f"at most {MOST_RATIO:g}x",
            ratio <= MOST_RATIO,
        ),
        Figure("  its first use in a worker", f"{first * 1000:.0f} ms", "", "", "once a worker", True),
        Figure(
            "  memory of the worker, both lists loaded",
            f"{peak:.0f} MiB",
            "",
            "",
            f"under {MOST_MEBIBYTES} MiB",
            peak < MOST_MEBIBYTES,
        ),
        *once,
    ]


def _one_shot(folder: Path) -> list[Figure]:
    """Compare whole commands: `intake verify` under the large list and the empty one, and openssl reading the list."""

    def verify(kind: str) -> None:
        run(
            [
                *(sys.executable, "-m", "intake", "verify", "--trust", str(folder / kind)),
                *("--at", JUDGED_AT.isoformat(), str(folder / "0.pdf")),
            ]
        )

    large, empty = side_by_side(lambda: verify("large"), lambda: verify("empty"), ONCE_PAIRS)
    figures = [
        Figure(
            "  one-shot: the whole command `intake verify`",
            f"{large * 1000:.0f} ms",
            f"empty CRL {empty * 1000:.0f} ms",
            f"{large / empty:.2f}x",
            "told only",
            True,
        )
    ]
    openssl = shutil.which("openssl")
    if openssl is not None:
        read = [
            openssl,
            "crl",
            "-inform",
            "DER",
            "-in",
            str(folder / "large" / "demo-sub.crl"),
            "-noout",
            "-lastupdate",
        ]
        theirs = statistics.median(cpu(lambda: run(read)) for _ in range(ONCE_PAIRS))
        figures.append(
            Figure(
                "  one-shot beside an openssl that only reads it",
                f"{large * 1000:.0f} ms",
                f"openssl crl {theirs * 1000:.0f} ms",
                f"{large / theirs:.1f}x",
                "told only",
                True,
            )
        )
    return figures


def _work(pipe: Connection, folder: Path) -> None:
    """Be the worker: load both trust folders, judge in pairs, tell medians, first use and peak memory."""
    questions = {
        kind: Question(JUDGED_AT, at_is_proof=True, trust=TrustStore.load([folder / kind]))
        for kind in ("empty", "large")
    }
    times: dict[str, list[float]] = {"empty": [], "large": []}
    first = 0.0
    for number in range(PAIRS + 1):
        document = Document(f"{number}.pdf", (folder / f"{number}.pdf").read_bytes())
        # Whoever comes second profits from what the first remembered, so they take turns.
        for kind in ("empty", "large") if number % 2 else ("large", "empty"):
            began = time.process_time()
            report = inspect(document, questions[kind])
            taken = time.process_time() - began
            assert report.verdict is Verdict.PASSED, report.signatures
            if number:
                times[kind].append(taken)
            elif kind == "large":
                first = taken
    peak = _peak_kibibytes() / 1024
    pipe.send((statistics.median(times["empty"]), statistics.median(times["large"]), first, peak))


def _peak_kibibytes() -> int:
    """Most memory this process ever had; getrusage would count what its parent had when it started us."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def _pdf(filling: bytes) -> bytes:
    """A page with so much beside it that the file has about a megabyte."""
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )
    output = bytearray(b"%PDF-1.7\n" + filling)
    rows = bytearray(b"0000000000 65535 f \n")
    for number, body in enumerate(bodies, 1):
        rows += f"{len(output):010} 00000 n \n".encode()
        output += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(output)
    output += b"xref\n0 4\n" + rows + f"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(output)


def _large_list(pki: DemoPki) -> bytes:
    """The authority's list with 200,000 strangers on it, written by hand: a builder would take minutes."""
    body, algorithm, _ = asn1.only(pki.crl(SIGNED_AT, UNTIL)).parts(3, 3)
    fields = body.parts(6)
    day = asn1.tlv(asn1.UTC_TIME, b"190901000000Z")
    reason = bytes.fromhex("300c300a0603551d1504030a0101")
    rows = b"".join(
        asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.INTEGER, (10**12 + 7919 * number).to_bytes(6, "big")) + day + reason)
        for number in range(ENTRIES)
    )
    # version, algorithm, issuer, thisUpdate and nextUpdate stand before the entries, the extensions after them.
    parts = [field.raw for field in fields]
    signed = asn1.tlv(asn1.SEQUENCE, b"".join((*parts[:5], asn1.tlv(asn1.SEQUENCE, rows), *parts[5:])))
    key = pki.sub.key
    assert isinstance(key, rsa.RSAPrivateKey)
    value = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return asn1.tlv(asn1.SEQUENCE, signed + algorithm.raw + asn1.tlv(asn1.BIT_STRING, b"\x00" + value))
