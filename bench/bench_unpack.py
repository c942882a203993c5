"""How fast a mail is taken apart beside the standard library's own parser, and what hostile mails cost at most."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from bench.figures import Figure
from intake.steps.unpack import unpack

# Pairs are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 15
LEAST_RATIO = 5.0
MOST_CPU_SECONDS = 0.2
MOST_MEMORY_RATIO = 4.0
# Below this the interpreter's own small change outweighs the mail; a mail's cost is counted above it.
MEMORY_FLOOR = 1024 * 1024


def measure() -> list[Figure]:
    """Compare on a mail of one megabyte, then find the most expensive hostile mail."""
    mail = a_megabyte()
    ours, peer = _side_by_side(lambda: _ours(mail), lambda: _peer(mail))
    ratio = peer / ours
    figures = [
        Figure(
            "unpacking a 1 MB mail, hashes of all leaves",
            f"{ours * 1000:.1f} ms",
            f"email.policy.default {peer * 1000:.0f} ms",
            f"{ratio:.1f}x",
            f"at least {LEAST_RATIO:g}x",
            ratio >= LEAST_RATIO,
        )
    ]
    hostile = hostile_mails()
    worst_name, worst = max(
        ((name, _cpu(lambda data=data: _ours(data))) for name, data in hostile), key=lambda one: one[1]
    )
    peer_text = _peer_on_hostile(dict(hostile)["210 kB of nested comments"])
    figures.append(
        Figure(
            f"dearest of {len(hostile)} hostile mails, CPU ({worst_name})"[:52],
            f"{worst * 1000:.0f} ms",
            peer_text,
            "",
            f"under {MOST_CPU_SECONDS:g} s",
            worst < MOST_CPU_SECONDS,
        )
    )
    name, size, peak = max(
        ((name, len(data), _peak(data)) for name, data in hostile), key=lambda one: _share(one[1], one[2])
    )
    share = _share(size, peak)
    figures.append(
        Figure(
            f"dearest of {len(hostile)} hostile mails, memory ({name})"[:52],
            f"{peak / 1024:.0f} KiB",
            f"the mail {size / 1024:.0f} KiB",
            f"{share:.1f}x",
            f"at most {MOST_MEMORY_RATIO:g}x",
            share <= MOST_MEMORY_RATIO,
        )
    )
    return figures


def a_megabyte() -> bytes:
    """A mail as agencies send it: a text in two dresses, a signed PDF of 500 KB, a Word file of 250 KB."""
    chance = random.Random(697)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "snv@x.vn", "stttt@x.vn", "Nộp phiếu đánh giá"
    message.set_content("Kính gửi Sở Thông tin và Truyền thông\n" * 20)
    message.add_alternative("<p>Kính gửi</p>\n" * 20, subtype="html")
    for name, size in (("phieu.signed.pdf", 500_000), ("phieu.docx", 250_000)):
        message.add_attachment(chance.randbytes(size), maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def hostile_mails() -> list[tuple[str, bytes]]:
    """Mails made to be expensive, and every mail of the public corpora where they are on this machine."""
    head = b"From: a@b.vn\nSubject: x\n"
    bounce = head + b"\nx\n"
    for level in range(30):
        mark = b"b%d" % level
        bounce = (
            head + b"Content-Type: multipart/report; boundary=" + mark + b"\n\n--" + mark + b"\n\nfailed\n--" + mark
            + b"\nContent-Type: message/rfc822\n\n" + bounce + b"\n--" + mark + b"--\n"
        )  # fmt: skip
    found = [
        ("210 kB of nested comments", b"To: " + b"(" * 800 + b"x" * 210_000 + b")" * 800 + b"\n" + head + b"\nx"),
        ("30,000 receivers", b"To: " + b"a@b.vn," * 30_000 + b"\n" + head + b"\nx"),
        ("encoded words", b"Subject: " + b"=?utf-8?q?x?= " * 15_000 + b"\nFrom: a@b.vn\n\nx"),
        ("100,000 fields", b"".join(b"X-%d: y\n" % one for one in range(100_000)) + head + b"\nx"),
        ("40,000 parameters", head + b"Content-Type: text/plain;" + b" a=b;" * 40_000 + b"\n\nx"),
        ("10,000 boundaries", head + b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\na\n" * 10_000),
        ("boundaries in lines", head + b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--xy--xy" * 100_000),
        ("a bounce nested 30 deep", bounce),
        (
            "padding everywhere",
            head + b"Content-Transfer-Encoding: base64\n" + b"Content-Type: a/b\n\n" + b"QQ==" * 200_000,
        ),
        ("tags that never close", head + b"Content-Type: text/html\n\n" + b"<p " * 300_000),
        ("uuencode that never ends", head + b"\n" + b"begin 644 x\n" * 80_000),
        ("one line of a megabyte", head + b"\n" + b"a" * 1_000_000),
        ("a megabyte", a_megabyte()),
        ("a mail in a mail in base64", _wrapped(a_megabyte(), 3)),
    ]
    folder = os.environ.get("CORPUS_DIR")
    if folder:
        for file in sorted((Path(folder) / "mail").rglob("*")):
            if file.is_file() and file.suffix not in (".json", ".list"):
                found.append((file.name, file.read_bytes()))
    return found


def _wrapped(mail: bytes, levels: int) -> bytes:
    for _ in range(levels):
        mail = (
            b"From: a@b.vn\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(mail)
        )
    return mail


def _ours(mail: bytes) -> int:
    return sum(leaf.size for leaf in unpack(mail, "x.eml").parts)


def _peer(mail: bytes) -> int:
    """Parse and hash every leaf as the standard library's documentation shows it."""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    size = 0
    for part in message.walk():
        if part.is_multipart():
            continue
        part.get_filename()
        content = cast("bytes", part.get_payload(decode=True) or b"")
        hashlib.sha256(content).hexdigest()
        size += len(content)
    return size


def _peer_on_hostile(mail: bytes) -> str:
    """Say what the standard library makes of a hostile head, when its To is read."""
    began = time.process_time()
    try:
        str(email.message_from_bytes(mail, policy=email.policy.default)["To"])
    except (RecursionError, ValueError, IndexError) as cause:
        return f"email: {type(cause).__name__}"
    return f"email {(time.process_time() - began) * 1000:.0f} ms"


def _side_by_side(ours: Callable[[], int], peer: Callable[[], int]) -> tuple[float, float]:
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(PAIRS):
        mine.append(_cpu(ours))
        theirs.append(_cpu(peer))
    return statistics.median(mine), statistics.median(theirs)


def _cpu(work: Callable[[], int]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _peak(mail: bytes) -> int:
    tracemalloc.start()
    try:
        _ours(mail)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _share(size: int, peak: int) -> float:
    """Return memory above the floor as a multiple of the mail's size."""
    return max(0, peak - MEMORY_FLOOR) / max(size, 1)
