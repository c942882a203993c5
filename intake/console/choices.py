"""The reasons a clerk may choose from, for each act; their sentences stand in config/reasons/console.toml."""

from __future__ import annotations

from collections.abc import Mapping

from storage.records import Action

OTHER = "CLERK_OTHER"  # needs a note: a reason without words explains nothing to the next reader

CHOICES: Mapping[Action, tuple[str, ...]] = {
    Action.ACCEPT: (
        "CLERK_CHECKED_IN_PERSON",
        "CLERK_SIGNER_CONFIRMED",
        "CLERK_AGENCY_CONFIRMED",
        "CLERK_FORM_RECOGNISED",
        "CLERK_OUTAGE_OF_OURS",
        "CLERK_LEADERS_DECISION",
        OTHER,
    ),
    Action.RETURN: (
        "CLERK_RETURN_SIGNATURE",
        "CLERK_RETURN_UNSIGNED",
        "CLERK_RETURN_WRONG_FORM",
        "CLERK_RETURN_INCOMPLETE",
        "CLERK_RETURN_UNREADABLE",
        "CLERK_RETURN_WRONG_AGENCY",
        "CLERK_RETURN_TOO_LATE",
        OTHER,
    ),
    Action.LINK: ("CLERK_SAME_CONTENT", "CLERK_SAME_BY_OTHER_CHANNEL", OTHER),
    Action.DISMISS: ("CLERK_NOT_A_SUBMISSION", "CLERK_MEANT_FOR_ANOTHER_OFFICE", "CLERK_TEST_MESSAGE", OTHER),
    Action.RETRY: ("CLERK_CAUSE_REMOVED", "CLERK_TRUST_UPDATED", "CLERK_ROSTER_UPDATED", OTHER),
    Action.RELEASE: ("CLERK_IS_A_SUBMISSION", "CLERK_HARMLESS", OTHER),
}


# What a clerk should keep in mind when choosing a reason; said on the form only, never in a letter.
HINTS: Mapping[str, str] = {
    "CLERK_CHECKED_IN_PERSON": "Ghi trong ghi chú: đối chiếu với ai, lúc nào, bằng cách nào.",
    "CLERK_SIGNER_CONFIRMED": "Nên đề nghị quản trị hệ thống bổ sung dấu vân tay chứng thư số vào danh sách cơ quan.",
    "CLERK_AGENCY_CONFIRMED": "Nên đề nghị quản trị hệ thống bổ sung tên gọi hoặc hộp thư vào danh sách cơ quan.",
    "CLERK_OUTAGE_OF_OURS": "Ghi trong ghi chú khoảng thời gian gián đoạn theo trang Tình trạng hệ thống.",
    "CLERK_LEADERS_DECISION": "Ghi số, ngày của văn bản chỉ đạo trong ghi chú.",
    "CLERK_RETURN_INCOMPLETE": "Ghi rõ phần còn thiếu trong ghi chú: ghi chú có trong thư gửi cơ quan.",
    "CLERK_NOT_A_SUBMISSION": "Văn bản vẫn được lưu trong sổ.",
    "CLERK_CAUSE_REMOVED": "Hệ thống kiểm tra lại từ đầu trên bản gốc đã lưu.",
    "CLERK_TRUST_UPDATED": "Hệ thống kiểm tra lại chữ ký số theo thời điểm nhận.",
    "CLERK_ROSTER_UPDATED": "Hệ thống xác định lại cơ quan gửi.",
    "CLERK_OTHER": "Bắt buộc ghi chú.",
}


def needs_note(reason: str) -> bool:
    """Whether `reason` may not stand without a note of the clerk's own."""
    return reason == OTHER
