"""PDFs that nobody of us wrote: pyHanko's own test data, with the verdict each must get."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.formats import pdf
from signatures.question import Document, Question
from signatures.report import Verdict

CORPUS = os.environ.get("CORPUS_DIR")
pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS, reason="CORPUS_DIR is not set: the public corpora are not on this machine"),
]
FOLDER = Path(CORPUS or "/nonexistent") / "signatures" / "pyhanko"

# Everything signed, locked or broken; what is not named here bears no signature.
EXPECTED: dict[str, str] = {
    # intact and lawful
    "certified-with-indirect-refs-in-dir": "passed",
    "ed448-shake256-nolen": "passed",
    "extensions-direct": "passed",
    "extensions-indirect": "passed",
    "extensions-update-direct": "passed",
    "extensions-update-indirect": "passed",
    "form-update-no-override-appearance-stream-ap-indirect": "passed",
    "form-update-original-ap-type-wrong": "passed",
    "form-update-override-appearance-stream": "passed",
    "form-update-override-appearance-stream-ap-indirect": "passed",
    "minimal-signed-twice-both-created": "passed",
    "minimal-signed-twice-no-sig-type": "passed",
    "minimal-signed-twice-second-created": "passed",
    "minimal-two-fields-signed-twice": "passed",
    "pades-lta-dss-indirect-arrs-test": "passed",
    "pades-lta-dss-indirect-arrs-test-2": "passed",
    "pades-with-old-style-signing-cert-attr": "passed",
    "pades-with-old-style-signing-cert-attr-issser": "passed",
    "separate-annots-kids-indir": "passed",
    "sig-no-signed-attrs": "passed",
    "sig-with-ski-sid": "passed",
    # never acceptable
    "base": "failed",
    "one-byterange": "failed",
    "signature-gap-too-big": "failed",
    "tail-uncovered": "failed",
    "weird-byterange": "failed",
    "ed448-disallowed-hash": "failed",
    "pdf-sig-with-econtent": "failed",
    # altered after signing in a way nobody can vouch for
    "extensions-indirect-not-all-paths": "indeterminate",
    "form-update-ap-indirect-sneaky-trailer": "indeterminate",
    "form-update-no-override-appearance-stream-ap-indirect-sneaky": "indeterminate",
    "form-update-override-appearance-stream-ap-indirect-sneaky": "indeterminate",
    "form-update-override-appearance-stream-sneaky": "indeterminate",
    # locked
    "embedded-encrypted-nocf": "unsupported",
    "malformed-encrypt-dict1": "unsupported",
    "malformed-encrypt-dict2": "unsupported",
    "minimal-aes256": "unsupported",
    "minimal-aes256-empty-encrypted-string": "unsupported",
    "minimal-aes256-malformed-oe": "unsupported",
    "minimal-aes256-malformed-perms": "unsupported",
    "minimal-pubkey-aes256": "unsupported",
    "minimal-pubkey-rc4": "unsupported",
    "minimal-pubkey-rc4-envelope": "unsupported",
    "minimal-pubkey-unknown-envelope-alg": "unsupported",
    "minimal-rc4": "unsupported",
    "minimal-two-fields-aes256": "unsupported",
    "minimal-two-fields-pubkey-aes256": "unsupported",
    "minimal-two-fields-pubkey-rc4": "unsupported",
    "minimal-with-field-aes256": "unsupported",
    "minimal-with-field-pubkey-aes256": "unsupported",
    "minimal-with-field-pubkey-rc4": "unsupported",
    "minimal-with-field-rc4": "unsupported",
    "pubkey-3des-test": "unsupported",
    "pubkey-ecc-test": "unsupported",
    "pubkey-rc2-test": "unsupported",
    "signed-encrypted-pubkey-with-catalog-ref": "unsupported",
    # no PDF at all
    "minimal-illegal-header": "unreadable",
}


def test_every_pdf_of_the_corpus_gets_its_verdict() -> None:
    """A table of what differs is shown, so that a change of judgement is seen file by file."""
    question = Question(at=datetime(2030, 1, 1, tzinfo=UTC), integrity_only=True)
    files = sorted(FOLDER.rglob("*.pdf"))
    found = {file.stem: pdf.inspect(Document(file.name, file.read_bytes()), question).verdict for file in files}
    differing = {
        name: (verdict.value, EXPECTED.get(name, "unsigned"))
        for name, verdict in found.items()
        if verdict != Verdict(EXPECTED.get(name, "unsigned"))
    }
    assert files
    assert differing == {}
