"""How long judging a signed Office file takes beside merely unpacking and hashing it."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.processes import run, side_by_side
from intake.demo.ooxml_signing import sign_ooxml, write_package
from intake.demo.pki import DemoPki
from signatures.formats import ooxml
from signatures.question import Document, Question
from signatures.report import Verdict
from signatures.trust import TrustStore

# Pairs are measured alternately, so that what else the machine does falls on both alike.
PAIRS = 15
# Whole processes differ less from run to run, and each pair takes a second.
ONCE_PAIRS = 7
MOST_RATIO = 2.0
SIGNED_AT = datetime(2019, 9, 12, tzinfo=UTC)
JUDGED_AT = datetime(2019, 9, 14, tzinfo=UTC)

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
# What the peer does in a process of its own; the same as `_peer`.
_BARE = """
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        hashlib.sha256(archive.read(name)).digest()
"""
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def measure() -> list[Figure]:
    """Compare on a document of five megabytes, chain and revocation list checked."""
    with tempfile.TemporaryDirectory() as folder:
        document, question = _signed_document(Path(folder) / "trust")
        once = _one_shot(Path(folder), document)
    ours, peer = side_by_side(lambda: _ours(document, question), lambda: _peer(document), PAIRS)
    ratio = ours / peer
    return [
        Figure(
            f"a signed Office file of {len(document) / 1e6:.1f} MB, chain and CRL",
            f"{ours * 1000:.1f} ms",
            f"unzip + SHA-256 {peer * 1000:.1f} ms",
            f"{ratio:.2f}x",
            f"at most {MOST_RATIO:g}x",
            ratio <= MOST_RATIO,
        ),
        once,
    ]


def _one_shot(folder: Path, document: bytes) -> Figure:
    """Compare whole commands: `intake verify` against a fresh Python that only unpacks and hashes the parts."""
    file = folder / "bao-cao.docx"
    file.write_bytes(document)
    command = [
        *(sys.executable, "-m", "intake", "verify", "--trust", str(folder / "trust")),
        *("--at", JUDGED_AT.isoformat(), str(file)),
    ]
    bare = [sys.executable, "-c", _BARE, str(file)]
    ours, peer = side_by_side(lambda: run(command), lambda: run(bare), ONCE_PAIRS)
    return Figure(
        "  one-shot: the whole command `intake verify`",
        f"{ours * 1000:.0f} ms",
        f"python, same work {peer * 1000:.0f} ms",
        f"{ours / peer:.1f}x",
        "told only",
        True,
    )


def _signed_document(folder: Path) -> tuple[bytes, Question]:
    pki = DemoPki.create(datetime(2019, 9, 1, tzinfo=UTC))
    agency = pki.issue_organisation("SỞ NỘI VỤ", key="rsa")
    pki.write_trust(folder, this_update=SIGNED_AT, next_update=datetime(2019, 9, 20, tzinfo=UTC))
    question = Question(JUDGED_AT, at_is_proof=True, trust=TrustStore.load([folder]))
    signed = sign_ooxml(write_package(_parts()), agency.key, agency.certificate_der, at=SIGNED_AT)
    return signed, question


def _parts() -> dict[str, bytes]:
    """A report: four megabytes of text that packs well, and six pictures that do not."""
    chance = random.Random(2019)
    words = ["".join(chance.choices("abcdeghiklmnopqrstuvxy", k=chance.randint(2, 9))) for _ in range(5000)]
    paragraph = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    text = "".join(paragraph.format(" ".join(chance.choices(words, k=12))) for _ in range(40_000))
    pictures = {f"word/media/image{number}.png": os.urandom(600_000) for number in range(6)}
    lines = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/image" Target="media/image{number}.png"/>'
        for number in range(6)
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="png" ContentType="image/png"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.document.main+xml"/></Types>'
    )
    root = f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
    return {
        "[Content_Types].xml": types.encode(),
        "_rels/.rels": f'<Relationships xmlns="{_RELS}">{root}</Relationships>'.encode(),
        "word/document.xml": f'<w:document xmlns:w="{_W}"><w:body>{text}</w:body></w:document>'.encode(),
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_RELS}">{lines}</Relationships>'.encode(),
        **pictures,
    }


def _ours(document: bytes, question: Question) -> None:
    report = ooxml.inspect(Document("bao-cao.docx", document), question)
    if report.verdict is not Verdict.PASSED:
        raise AssertionError(f"the document must pass: {report.signatures}")


def _peer(document: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        for name in archive.namelist():
            hashlib.sha256(archive.read(name)).digest()
