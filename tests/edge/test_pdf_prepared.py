"""Files prepared before signing so that an update changes what they show: none passes, though the bytes hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import Verdict
from tests.assets.make_pdf_prepared import PREPARED
from tests.makers_pdf import integrity

FOLDER = Path(__file__).parents[1] / "assets" / "pdf" / "prepared"

# The finding that stops each: the right answer for a wrong reason would be luck.
STOPPED_BY = {
    "structure-as-fonts": "OBJECT_CHANGED",
    "font-below-structure": "OBJECT_CHANGED",
    "field-as-fonts": "OBJECT_CHANGED",
    "catalog-as-fonts": "OBJECT_CHANGED",
    "font-below-catalog": "OBJECT_CHANGED",
    "page-as-pictures": "OBJECT_CHANGED",
    "content-as-table": "CONTENT_REPLACED",
    "content-as-object-stream": "CONTENT_REPLACED",
    "table-beyond-the-end": "HISTORY_BROKEN",
    "row-beyond-the-end": "CONTENT_ADDED",
    "length-beyond-the-end": "CONTENT_ADDED",
    "length-beyond-the-end-in-its-own-object": "CONTENT_ADDED",
    "string-beyond-the-end": "CONTENTS_GAP_MISMATCH",
    "stream-beyond-the-end": "CONTENTS_GAP_MISMATCH",
    "objects-of-a-stream-supplied": "ANNOTATION_ADDED",
    "object-stream-without-its-filter": "ANNOTATION_ADDED",
    "object-stream-without-its-count": "ANNOTATION_ADDED",
    "object-stream-without-its-first": "ANNOTATION_ADDED",
    "object-stream-without-its-length": "ANNOTATION_ADDED",
    "object-stream-of-no-kind": "ANNOTATION_ADDED",
    "object-stream-beyond-the-end": "CONTENTS_GAP_MISMATCH",
    "object-stream-lists-one-twice": "UPDATE_ROW_WRONG",
    "object-stream-lists-it-elsewhere": "UPDATE_ROW_WRONG",
    "key-twice": "OBJECT_CHANGED",
    "key-twice-below-the-first": "OBJECT_CHANGED",
    "key-twice-below-the-second": "OBJECT_CHANGED",
    "key-twice-then-once": "DICTIONARY_KEY_TWICE",
    "key-twice-otherwise": "DICTIONARY_KEY_TWICE",
    "root-twice": "DICTIONARY_KEY_TWICE",
    "rows-twice": "UPDATE_ROW_WRONG",
    "rows-twice-in-a-stream": "UPDATE_ROW_WRONG",
    "missing-object-behind-a-comment": "ANNOTATION_ADDED",
    "missing-object-behind-an-end-in-a-text": "ANNOTATION_ADDED",
    "missing-object-behind-a-header-in-a-text": "ANNOTATION_ADDED",
    "missing-object-behind-much-white-space": "ANNOTATION_ADDED",
    "signature-on-two-pages": "CONTENT_COVERED",
    "signature-on-two-pages-text-on-the-later": "CONTENT_COVERED",
    "field-on-another-page": "FIELD_ADDED",
    "field-on-a-later-page": "FIELD_ADDED",
    "field-names-another-page": "CONTENT_COVERED",
    "field-kept-from-the-screen": "FIELD_CHANGED",
    "field-kept-from-paper": "FIELD_CHANGED",
    "signature-kept-from-the-screen": "SIGNATURE_LOOK_CHANGED",
    "signature-in-a-layer": "FIELD_ADDED",
    "signature-on-paper-only": "FIELD_ADDED",
    "signature-when-pointed-at": "FIELD_ADDED",
    "signature-that-does-not-scale": "FIELD_ADDED",
    "signature-with-a-ground": "FIELD_ADDED",
    "signature-shown-on-another-page": "SIGNATURE_LOOK_CHANGED",
    "small-mark-hidden": "CONTENT_COVERED",
    "grey-text-hidden": "CONTENT_COVERED",
    "looks-to-be-remade": "FORM_CHANGED",
    "default-look-added": "FORM_CHANGED",
    "missing-font-of-the-fields": "FORM_CHANGED",
}


@pytest.mark.parametrize("name", sorted(PREPARED))
def test_what_was_prepared_before_signing_does_not_pass(name: str) -> None:
    """The first signer saw something else than the file shows now; the finding says where."""
    report = integrity((FOLDER / f"{name}.pdf").read_bytes())
    assert report.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    (first,) = [one for one in report.signatures if one.name == "Ky1"]
    assert first.verdict in {Verdict.FAILED, Verdict.INDETERMINATE}
    assert STOPPED_BY[name] in {reason.code for reason in first.reasons}


def test_every_asset_is_judged() -> None:
    """A file without an expectation would be dead weight."""
    assert {path.stem for path in FOLDER.iterdir()} == set(PREPARED) == set(STOPPED_BY)
