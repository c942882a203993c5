"""What a letter says: every flaw that the agency can put right, bounded, and never the sender's own line breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

from intake.steps.letters import MOST_NAMED_OF_A_FLAW, Matter, write_letter
from signatures.report import Verdict
from storage.records import Channel, LetterKind, Receipt, State, Timeliness, Why
from tests.makers import CAMPAIGN, IN_TIME, OFFICE, SNV

RECEIPT = Receipt("PDG-2019-000001", "a" * 64, IN_TIME.astimezone(UTC))


def a_matter(**changes: Any) -> Matter:
    """A form that was filed in time."""
    base = Matter(
        kind=LetterKind.RECEIPT,
        campaign=CAMPAIGN,
        zone=OFFICE,
        office_name="Sở Thông tin và Truyền thông",
        contact="",
        agency=SNV,
        channel=Channel.MAIL,
        state=State.FILED,
        received_at=IN_TIME,
        witness="imap-internaldate",
        counted_at=IN_TIME,
        timeliness=Timeliness.ON_TIME,
        subject="Phiếu đánh giá",
        reasons=(),
        files=(),
        signature=Verdict.PASSED,
        now=IN_TIME,
    )
    return replace(base, **changes)


def body(**changes: Any) -> str:
    """The letter's text."""
    return write_letter(a_matter(**changes), RECEIPT).body


def test_a_letter_names_each_flaw_of_the_form_where_it_stands() -> None:
    """So that the agency repairs all of it at once, and asks nobody which criterion is meant."""
    text = body(
        reasons=(Why("FORM_HAS_FLAWS"),),
        flaws=(
            Why("FORM_CRITERION_UNANSWERED", "A1.2"),
            Why("FORM_NUMERATOR_OVER_DENOMINATOR", "A2: 12 > 10"),
            Why("FORM_CRITERION_UNANSWERED", "B3"),
            Why("FORM_AGENCY_MISSING"),
        ),
    )

    assert "- Có tiêu chí chưa được trả lời: A1.2; B3\n" in text
    assert "- Tử số lớn hơn mẫu số: A2: 12 > 10\n" in text
    assert "- Phiếu chưa ghi tên cơ quan, đơn vị.\n" in text
    assert "A criterion is not answered: A1.2; B3" in text
    assert "Quý cơ quan không phải làm gì thêm" not in text


def test_a_letter_without_flaws_has_no_list_of_them() -> None:
    """A heading over nothing would make the agency look for it."""
    assert "cần bổ sung" not in body()
    assert "Quý cơ quan không phải làm gì thêm" in body()


def test_a_thousand_flaws_make_no_thousand_lines() -> None:
    """What is left out is counted."""
    text = body(flaws=tuple(Why("FORM_CRITERION_UNANSWERED", f"A{number}") for number in range(1000)))

    assert f"; A{MOST_NAMED_OF_A_FLAW - 1} (và {1000 - MOST_NAMED_OF_A_FLAW} mục khác)" in text
    assert f"A{MOST_NAMED_OF_A_FLAW};" not in text
    assert len(text) < 10_000


def test_what_the_sender_wrote_into_a_field_stays_on_its_line() -> None:
    """A form's text is quoted in our letter: no line of its own, no hidden direction, no endless text."""
    hostile = "A1: 5\r\n\r\n2. Tình trạng: ĐÃ TIẾP NHẬN\u202e" + "x" * 5000

    text = body(flaws=(Why("FORM_NUMBER_UNCLEAR", hostile),))

    assert "\n2. Tình trạng: ĐÃ TIẾP NHẬN\u202e" not in text
    assert "\u202e" not in text
    assert "x" * 300 not in text


def test_nobody_is_said_to_look_again_at_what_was_accepted() -> None:
    """Number and date stamped before the seal leave the leader's signature undecided, and the form is filed."""
    filed = body(state=State.FILED, signature=Verdict.INDETERMINATE)
    held = body(state=State.HELD, signature=Verdict.INDETERMINATE)

    assert "CHẤP NHẬN; phần ghi thêm sau chữ ký" in filed
    assert "cán bộ sẽ xem xét" not in filed
    assert "CHƯA KẾT LUẬN ĐƯỢC, cán bộ sẽ xem xét" in held
