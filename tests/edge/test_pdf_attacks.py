"""Every way in which a signed PDF is attacked, broken or lawfully continued, with the answer that must be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.report import ChangedAfter, Covers, Verdict
from tests.assets.make_pdf import ATTACKS, LAWFUL, certified, filled, person_then_seal, stamped, time_stamped
from tests.makers_pdf import a_pdf, codes, integrity, revision, sign

FOLDER = Path(__file__).parents[1] / "assets" / "pdf"
# "not passed": failed and indeterminate are both right answers.
NOT_PASSED = {Verdict.FAILED, Verdict.INDETERMINATE, Verdict.UNSUPPORTED}

# The finding that stops each attack: the right answer for a wrong reason would be luck.
STOPPED_BY = {
    "byte-range-missing": "BYTE_RANGE_INVALID",
    "byte-range-null": "BYTE_RANGE_INVALID",
    "byte-range-negative": "BYTE_RANGE_INVALID",
    "byte-range-of-three-numbers": "BYTE_RANGE_INVALID",
    "byte-range-of-six-numbers": "BYTE_RANGE_INVALID",
    "byte-range-first-not-zero": "BYTE_RANGE_INVALID",
    "byte-range-of-names": "BYTE_RANGE_INVALID",
    "byte-range-parts-overlap": "BYTE_RANGE_INVALID",
    "byte-range-outside-the-file": "BYTE_RANGE_INVALID",
    "byte-range-past-the-end": "BYTE_RANGE_INVALID",
    "gap-larger-than-contents": "CONTENTS_GAP_MISMATCH",
    "gap-holds-another-key": "CONTENTS_GAP_MISMATCH",
    "contents-as-literal-string": "CONTENTS_GAP_MISMATCH",
    "contents-elsewhere": "CONTENTS_GAP_MISMATCH",
    "contents-missing": "CONTENTS_EMPTY",
    "contents-null": "CONTENTS_EMPTY",
    "contents-empty": "CONTENTS_EMPTY",
    "contents-zero": "CONTENTS_EMPTY",
    "contents-not-cms": "CMS_UNREADABLE",
    "contents-null-bytes-and-text": "CMS_UNREADABLE",
    "cms-without-signer": "CMS_NO_SIGNER",
    "cms-without-certificate": "SIGNING_CERTIFICATE_MISSING",
    "cms-over-other-bytes": "CONTENT_CHANGED",
    "signed-byte-changed": "CONTENT_CHANGED",
    "value-points-nowhere": "SIGNATURE_VALUE_BROKEN",
    "value-is-a-number": "SIGNATURE_VALUE_BROKEN",
    "bytes-after-the-end": "BYTES_AFTER_END",
    "update-without-table": "BYTES_AFTER_END",
    "update-without-end-mark": "UPDATE_WITHOUT_END",
    "update-with-wrong-startxref": "HISTORY_BROKEN",
    "second-header": "SECOND_HEADER",
    "whole-second-file": "SIGNATURE_REMOVED",
    "prefix-before-header": "BYTES_BEFORE_HEADER",
    "signed-with-a-prefix": "BYTES_BEFORE_HEADER",
    "content-replaced-in-update": "CONTENT_REPLACED",
    "signed-part-moved": "CONTENTS_GAP_MISMATCH",
    "twin-of-the-signature": "SIGNATURE_REPLACED",
    "reason-changed-later": "SIGNATURE_REPLACED",
    "name-added-later": "SIGNATURE_REPLACED",
    "subfilter-changed-later": "SIGNATURE_REPLACED",
    "key-twice": "DICTIONARY_KEY_TWICE",
    "object-stream-overrides-page": "CONTENT_REPLACED",
    "hybrid-table-overrides-page": "CONTENT_REPLACED",
    "page-added": "PAGES_CHANGED",
    "page-removed": "PAGES_CHANGED",
    "page-turned": "PAGE_CHANGED",
    "page-cropped": "PAGE_CHANGED",
    "content-taken-away": "CONTENT_REPLACED",
    "content-pointed-elsewhere": "CONTENT_REPLACED",
    "font-replaced": "RESOURCES_CHANGED",
    "font-of-the-page-replaced": "RESOURCES_CHANGED",
    "catalog-replaced": "PAGES_CHANGED",
    "missing-picture-supplied": "RESOURCES_ADDED",
    "overlay-by-field": "FIELD_ADDED",
    "overlay-by-annotation": "ANNOTATION_ADDED",
    "overlay-by-stamp": "ANNOTATION_ADDED",
    "overlay-by-content": "CONTENT_ADDED",
    "overlay-by-filled-field": "CONTENT_COVERED",
    "field-moved-over-text": "FIELD_CHANGED",
    "field-hidden": "FIELD_CHANGED",
    "sneaky-signature": "CONTENT_COVERED",
    "huge-signature": "LARGE_SIGNATURE_ADDED",
    "signature-look-changed": "SIGNATURE_LOOK_CHANGED",
    "filled-under-level-1": "NOT_PERMITTED_BY_CERTIFICATION",
    "signed-under-level-1": "NOT_PERMITTED_BY_CERTIFICATION",
    "annotated-under-level-1": "NOT_PERMITTED_BY_CERTIFICATION",
    "annotated-under-level-2": "NOT_PERMITTED_BY_CERTIFICATION",
    "evil-annotation-under-level-3": "ANNOTATION_ADDED",
    "sneaky-signature-under-level-2": "CONTENT_COVERED",
    "stamped-under-level-3": "NOT_PERMITTED_BY_CERTIFICATION",
    "filled-against-lock": "FIELD_WAS_LOCKED",
    "filled-against-field-mdp": "FIELD_WAS_LOCKED",
    "filled-against-lock-of-earlier-signature": "FIELD_WAS_LOCKED",
    "filled-against-level-of-earlier-signature": "NOT_PERMITTED_BY_CERTIFICATION",
    "lock-taken-away": "LOCK_CHANGED",
    "certified-after-approval": "CERTIFICATION_NOT_FIRST",
    "certified-twice": "CERTIFICATION_NOT_FIRST",
    "permissions-changed": "PERMISSIONS_CHANGED",
    "layers-changed": "CATALOG_CHANGED",
    "script-added": "CATALOG_CHANGED",
    "field-look-replaced-without-value": "FIELD_LOOK_CHANGED",
    "visible-time-stamp-under-level-1": "NOT_PERMITTED_BY_CERTIFICATION",
    "picture-of-a-signature-added": "FIELD_ADDED",
    "font-of-the-fields-replaced": "FORM_CHANGED",
    "resources-posing-as-annotation": "RESOURCES_CHANGED",
    "resources-posing-as-structure": "RESOURCES_CHANGED",
    "resources-posing-as-field": "RESOURCES_CHANGED",
    "reference-with-a-comment-inside": "CONTENT_REPLACED",
    "key-twice-in-update": "DICTIONARY_KEY_TWICE",
    "field-not-in-form": "SIGNATURE_NOT_IN_FORM",
    "signature-only-in-permissions": "SIGNATURE_NOT_IN_FORM",
    "signature-removed": "SIGNATURE_REMOVED",
    "subfilter-unknown": "SUBFILTER_UNKNOWN",
    "bomb": "TOO_COSTLY",
    "many-signatures": "TOO_COSTLY",
    "deep-dictionaries": "SIGNATURE_NOT_IN_FORM",
}


def _allowed(required: str) -> set[Verdict]:
    return NOT_PASSED if required == "not passed" else {Verdict(required)}


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_attack_passes(name: str) -> None:
    """The asset named after its defect gets the answer its class requires, and never `passed` or `unsigned`."""
    report = integrity((FOLDER / "attacks" / f"{name}.pdf").read_bytes())
    assert report.verdict in _allowed(ATTACKS[name][1]), report
    assert report.verdict not in {Verdict.PASSED, Verdict.UNSIGNED}
    found = {reason.code for one in report.signatures for reason in one.reasons} | {one.code for one in report.reasons}
    assert STOPPED_BY.get(name) in {*found, None}


@pytest.mark.parametrize("name", sorted(LAWFUL))
def test_lawful_files_get_their_due(name: str) -> None:
    """What a lawful program does to a file after signing is no reason for an alarm."""
    report = integrity((FOLDER / "lawful" / f"{name}.pdf").read_bytes())
    assert report.verdict in _allowed(LAWFUL[name][1]), report


def test_every_asset_is_in_the_table() -> None:
    """An asset without an expected answer would be tested by nobody."""
    for folder, table in (("attacks", ATTACKS), ("lawful", LAWFUL)):
        assert {file.stem for file in (FOLDER / folder).glob("*.pdf")} == set(table)


def test_number_and_date_stamped_before_the_seal_is_named_as_sealed_later() -> None:
    """A person signs, number and date are stamped, the agency seals: the first signature says so with its page."""
    report = integrity(person_then_seal().data)
    seal, person = report.signatures
    assert person.changed_after is ChangedAfter.VISIBLE
    assert codes(report, 1) >= {"VISIBLE_CHANGE_SEALED_LATER", "CONTENT_ADDED"}
    assert person.pages == ((1, None),)
    assert (seal.verdict, seal.covers, seal.changed_after) == (Verdict.PASSED, Covers.WHOLE, ChangedAfter.NOTHING)


def test_a_stamp_that_nobody_sealed_is_a_plain_visible_change() -> None:
    """Without a later signature the change is nobody's."""
    report = integrity(stamped(sign(a_pdf())).data)
    assert codes(report) >= {"VISIBLE_CHANGE"}
    assert "VISIBLE_CHANGE_SEALED_LATER" not in codes(report)


def test_a_stamp_after_the_seal_is_not_sealed() -> None:
    """A seal vouches only for what stood there before it."""
    report = integrity(stamped(person_then_seal()).data)
    assert report.verdict is Verdict.INDETERMINATE
    for index in (0, 1):
        assert "VISIBLE_CHANGE" in codes(report, index)


def test_a_visible_change_names_page_and_rectangle() -> None:
    """The clerk is shown where to look."""
    over = sign(sign(a_pdf()), name="Ky2", rect="50 640 250 700", shows="1 1 1 rg 0 0 200 60 re f")
    person = next(one for one in integrity(over.data).signatures if one.name == "Ky1")
    assert person.pages == ((1, (50.0, 640.0, 250.0, 700.0)),)


def test_a_signed_revision_is_intact_only_while_the_file_shows_it() -> None:
    """`intact` is true for what the file shows, unknown where something may cover it, false where it was altered."""
    signed = sign(a_pdf())
    assert integrity(signed.data).signatures[0].intact is True
    assert integrity(filled(signed).data).signatures[0].intact is True
    assert integrity(stamped(signed).data).signatures[0].intact is None
    assert integrity(revision(signed, {4: "<< /Length 0 >>\nstream\n\nendstream"}).data).signatures[0].intact is False


def test_a_time_stamp_proves_the_signatures_before_it() -> None:
    """The time a verified document time stamp gives is the proven time of earlier signatures."""
    report = integrity(time_stamped(sign(a_pdf())).data)
    stamp = next(one for one in report.signatures if one.kind == "pdf-timestamp")
    signature = next(one for one in report.signatures if one.kind == "pdf")
    assert (signature.proven_at, signature.proven_by) == (stamp.proven_at, "timestamp")
    assert stamp.proven_at is not None


def test_a_bad_time_stamp_costs_only_its_proof() -> None:
    """A time stamp over other bytes fails, the signature passes without proof."""
    report = integrity((FOLDER / "lawful" / "time-stamp-over-other-bytes.pdf").read_bytes())
    stamp = next(one for one in report.signatures if one.kind == "pdf-timestamp")
    signature = next(one for one in report.signatures if one.kind == "pdf")
    assert stamp.verdict is Verdict.FAILED
    assert (signature.verdict, signature.proven_by) == (Verdict.PASSED, None)


def test_a_time_stamp_whose_place_is_wrong_is_told_that_and_nothing_else() -> None:
    """Bytes behind the end are what is wrong with it; its value is there."""
    report = integrity(time_stamped(sign(a_pdf())).data + b"x")
    (stamp,) = [one for one in report.signatures if one.kind == "pdf-timestamp"]
    assert stamp.verdict is Verdict.FAILED
    assert "CONTENTS_EMPTY" not in {reason.code for reason in stamp.reasons}


def test_certification_levels_grade_the_same_act_differently() -> None:
    """Filling in is allowed at level 2 and forbidden at level 1."""
    assert integrity(filled(certified(1)).data).signatures[0].changed_after is ChangedAfter.FORBIDDEN
    assert integrity(filled(certified(2)).data).signatures[0].changed_after is ChangedAfter.PERMITTED


def test_an_unreadable_field_is_counted_and_named() -> None:
    """One broken signature among good ones is not overlooked, and the good one is judged all the same."""
    made = sign(a_pdf())
    broken = revision(
        made,
        {
            6: made.bodies[6].replace("/Fields [", "/Fields [30 0 R "),
            30: "<< /FT /Sig /T (Hong) /V 31 0 R >>",
        },
    )
    report = integrity(broken.data)
    assert {one.name: one.verdict for one in report.signatures}["Hong"] is Verdict.FAILED
    assert len(report.signatures) == 2


def test_what_is_no_pdf_is_unreadable() -> None:
    """A name alone makes no PDF."""
    assert integrity(b"PK\x03\x04 something else", "phieu.pdf").verdict is Verdict.UNREADABLE
