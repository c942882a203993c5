"""One line for each thing a form is checked for, with its evidence: what a clerk reads before deciding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intake.console.words import TIMELINESS, Tone, signature_word, word
from intake.steps.decision import REMARKS_ONLY
from storage.records import Delivery, State, Why

# Which line a reason belongs to. What stands in none of them is shown in the last line, so nothing is hidden.
ABOUT_SIGNATURE = frozenset(
    (
        *("FORM_SIGNATURE_FAILED", "FORM_UNSIGNED", "SIGNATURE_UNSUPPORTED", "SIGNATURE_INDETERMINATE"),
        *("SEALED_AFTER_CHANGE", "SIGNED_BY_BOTH", "SIGNED_BY_MAIL", "PERSON_SIGNATURE_ONLY"),
        *("PERSON_SIGNATURE_MISSING", "RECEIVER_STAMP_IGNORED", "OTHER_FILE_SIGNATURE_FAILED"),
        "ENVELOPE_SIGNATURE_FAILED",
    )
)
ABOUT_AGENCY = frozenset(
    (
        *("AGENCY_UNKNOWN", "AGENCY_MISMATCH", "AGENCY_NOT_VALID", "SEVERAL_AGENCIES_SIGNED"),
        *("FORM_OF_ANOTHER_AGENCY",),
        *("SIGNER_NOT_ON_ROSTER", "SENDER_NOT_REGISTERED", "WRONG_CHANNEL"),
    )
)
ABOUT_FORM = frozenset(
    (
        *("NO_FORM", "SEVERAL_FORMS", "TEXT_UNREADABLE", "FORM_UNREADABLE", "FORM_ENCRYPTED", "FORM_HAS_FLAWS"),
        *("FORM_NOT_CERTAIN", "FORM_BY_NAME_ONLY", "SAME_FORM_TAKEN_BACK", "SIGNED_AS_ONE_TAKEN_BACK"),
        *("LINK_INSTEAD_OF_FILE", "ARCHIVE_ENCRYPTED", "MAIL_ENCRYPTED", "ANSWERS_FROM_COMPANION"),
    )
)
ABOUT_YEAR = frozenset({"WRONG_YEAR", "BEFORE_CAMPAIGN"})
ABOUT_TIME = frozenset(
    (
        *("AFTER_GRACE", "TIME_UNCERTAIN", "CLOCKS_DISAGREE", "CLOCKS_DISAGREE_ON_CUT_OFF", "SENT_BEFORE_DUE"),
        *("INTERNALDATE_MISSING", "MAILBOX_RENUMBERED"),
    )
)

_ICONS: Mapping[Tone, str] = {"good": "check", "bad": "cross", "wait": "question", "quiet": "minus"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was asked, the answer in words and tone, and every reason that bears on it."""

    asked: str
    tone: Tone
    answer: str
    reasons: tuple[Why, ...] = ()

    @property
    def icon(self) -> str:
        """The drawing beside the words."""
        return _ICONS.get(self.tone, "minus")


def checks_of(
    delivery: Delivery, signatures: Sequence[Mapping[str, Any]], agency_name: str | None
) -> tuple[Check, ...]:
    """
    Return the lines for one delivery, in the order in which a clerk looks (NĐ 30/2020, Điều 21.2.a).

    `signatures` are those of the form, in the shape of `intake-verify/1`; time stamps are left out here.
    """
    deciding = [one for one in signatures if one["kind"] != "pdf-timestamp"]

    def of(group: frozenset[str]) -> tuple[Why, ...]:
        return tuple(one for one in delivery.reasons if one.code in group)

    known = ABOUT_SIGNATURE | ABOUT_AGENCY | ABOUT_FORM | ABOUT_YEAR | ABOUT_TIME
    rest = tuple(one for one in delivery.reasons if one.code not in known)
    lines = [
        _integrity(delivery, deciding),
        _signature(delivery, of(ABOUT_SIGNATURE)),
        _certificate(deciding),
        _agency(delivery, agency_name, of(ABOUT_AGENCY)),
        _form(delivery, of(ABOUT_FORM)),
        _year(delivery, of(ABOUT_YEAR)),
        _timing(delivery, of(ABOUT_TIME)),
    ]
    if rest:
        # Only what still waits is a question; of what was decided the same reasons are history.
        tone = _worst(rest) if delivery.state in (State.HELD, State.SHELVED) else "quiet"
        lines.append(Check("Ghi nhận khác", tone, f"{len(rest)} ghi nhận", rest))
    return tuple(lines)


def reasons_against(delivery: Delivery) -> tuple[Why, ...]:
    """Return the reasons that keep a delivery waiting; what is merely worth telling is left out."""
    return tuple(one for one in delivery.reasons if one.code not in REMARKS_ONLY)


def _integrity(delivery: Delivery, signatures: Sequence[Mapping[str, Any]]) -> Check:
    asked = "Toàn vẹn nội dung"
    if not signatures:
        return Check(asked, "quiet", "Không có chữ ký số để đối chiếu")
    if any(one["intact"] is False or one["changed_after"] == "forbidden" for one in signatures):
        return Check(asked, "bad", "Nội dung đã bị thay đổi so với bản được ký")
    if any(one.code == "SEALED_AFTER_CHANGE" for one in delivery.reasons):
        return Check(asked, "good", "Nguyên vẹn; số, ngày văn bản được ghi trước khi đóng dấu")
    if any(one["intact"] is None or one["changed_after"] == "unknown" for one in signatures):
        return Check(asked, "wait", "Chưa kết luận được")
    if any(one["changed_after"] == "visible" for one in signatures):
        return Check(asked, "wait", "Có nội dung được thêm sau một chữ ký; xem chi tiết chữ ký")
    if any(one["covers"] == "partial" for one in signatures):
        return Check(asked, "wait", "Có chữ ký không bao trùm toàn bộ tệp")
    if any(one["covers"] == "unknown" for one in signatures):
        return Check(asked, "wait", "Chưa rõ chữ ký bao trùm những gì")
    return Check(asked, "good", "Nguyên vẹn, đúng như bản đã ký")


def _signature(delivery: Delivery, reasons: tuple[Why, ...]) -> Check:
    asked = "Chữ ký số"
    if delivery.signature is None:
        return Check(asked, "quiet", "Chưa xét", reasons)
    told = signature_word(delivery)
    # A valid signature that is not the one required (a person's where the agency's is asked for) is not yet good.
    tone = _worst(reasons) if told.tone == "good" and _worst(reasons) != "good" else told.tone
    return Check(asked, tone, told.vi, reasons)


def _certificate(signatures: Sequence[Mapping[str, Any]]) -> Check:
    asked = "Chứng thư số"
    if not signatures:
        return Check(asked, "quiet", "Không có chữ ký số")
    if any(one["revocation"] == "revoked" for one in signatures):
        return Check(asked, "bad", "Đã bị thu hồi trước thời điểm ký")
    if any(one["trusted"] is False for one in signatures):
        return Check(asked, "bad", "Không thuộc hệ thống chứng thực được tin cậy, hoặc không còn hiệu lực khi ký")
    if any(one["trusted"] is None for one in signatures):
        return Check(asked, "wait", "Chưa xác minh được")
    if any(one["revocation"] == "unknown" for one in signatures):
        return Check(asked, "wait", "Được tin cậy; chưa tra được tình trạng thu hồi")
    if any(one["revocation"] == "not_checked" for one in signatures):
        return Check(asked, "good", "Được tin cậy (không kiểm tra thu hồi, theo thiết lập)")
    return Check(asked, "good", "Được tin cậy, còn hiệu lực, chưa bị thu hồi")


def _agency(delivery: Delivery, name: str | None, reasons: tuple[Why, ...]) -> Check:
    asked = "Đúng cơ quan"
    if delivery.agency is None:
        return Check(asked, "wait", "Chưa xác định được cơ quan gửi", reasons)
    return Check(asked, _worst(reasons), name or delivery.agency, reasons)


def _form(delivery: Delivery, reasons: tuple[Why, ...]) -> Check:
    asked = "Đúng mẫu phiếu"
    if delivery.form_sha256 is None:
        return Check(asked, "bad" if reasons else "quiet", "Không tìm thấy Phiếu đánh giá", reasons)
    tone = _worst(reasons)
    return Check(asked, tone, "Có Phiếu đánh giá" if tone == "good" else "Cần xem lại", reasons)


def _year(delivery: Delivery, reasons: tuple[Why, ...]) -> Check:
    asked = "Đúng năm"
    if reasons:
        return Check(asked, "bad", "Không đúng kỳ đánh giá", reasons)
    if delivery.form_sha256 is None:
        return Check(asked, "quiet", "Chưa xét")
    return Check(asked, "good", "Không có dấu hiệu khác năm")


def _timing(delivery: Delivery, reasons: tuple[Why, ...]) -> Check:
    asked = "Thời hạn"
    if delivery.timeliness is None:
        return Check(asked, "quiet", "Chưa xét", reasons)
    uncertain = any(one.code in ("TIME_UNCERTAIN", "CLOCKS_DISAGREE_ON_CUT_OFF") for one in reasons)
    told = word(TIMELINESS, delivery.timeliness)
    if uncertain:
        return Check(asked, "wait", f"{told.vi}, nhưng thời điểm chưa chắc chắn", reasons)
    # Within grace the form is evaluated like any other (letter 697, section 3), so the line is good.
    return Check(asked, "bad" if told.tone == "bad" else "good", told.vi, reasons)


def _worst(reasons: tuple[Why, ...]) -> Tone:
    """Good if every reason is a mere remark, else a question for the clerk."""
    return "good" if all(one.code in REMARKS_ONLY for one in reasons) else "wait"
