"""The Vietnamese office words, the icon and the tone for every state a page shows (Decree 30/2020/NĐ-CP)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from storage.records import Action, Delivery, LetterKind, LetterState, Role

Tone = Literal["good", "wait", "warn", "bad", "quiet", "info"]


@dataclass(frozen=True, slots=True)
class Word:
    """How one state is shown: words, the English for the title attribute, a tone, and an icon beside the words."""

    vi: str
    en: str
    tone: Tone
    icon: str


STATES: Mapping[str, Word] = {
    "missing": Word("Chưa gửi", "missing", "warn", "empty"),
    "received": Word("Đã đến, đang kiểm tra", "received, being examined", "info", "clock"),
    "held": Word("Chờ quyết định", "held for a decision", "wait", "hand"),
    "filed": Word("Đã tiếp nhận", "filed", "good", "check"),
    "returned": Word("Đã trả lại", "returned", "bad", "back"),
    "set_aside": Word("Văn bản khác", "set aside, not a submission", "quiet", "aside"),
    "linked": Word("Bản sao", "linked as a copy", "quiet", "link"),
    "dismissed": Word("Không xử lý", "dismissed", "quiet", "minus"),
    "withdrawn": Word("Cơ quan gửi thu hồi", "withdrawn by its sender", "quiet", "back"),
    "shelved": Word("Chưa kiểm tra được", "shelved: could not be examined", "bad", "alert"),
}

TIMELINESS: Mapping[str, Word] = {
    "on_time": Word("Đúng hạn", "on time", "good", "check"),
    "in_grace": Word("Trong gia hạn", "within the period of grace", "wait", "clock"),
    "after_grace": Word("Sau gia hạn", "after grace", "bad", "alert"),
}

SIGNATURES: Mapping[str, Word] = {
    "passed": Word("Hợp lệ", "passed", "good", "check"),
    "failed": Word("Không hợp lệ", "failed", "bad", "cross"),
    "indeterminate": Word("Chưa xác minh được", "indeterminate", "wait", "question"),
    "unsigned": Word("Không có chữ ký số", "unsigned", "bad", "empty"),
    "unsupported": Word("Loại chữ ký chưa hỗ trợ", "unsupported kind of signature", "wait", "question"),
    "unreadable": Word("Tệp không đọc được", "unreadable file", "bad", "alert"),
}

CHANNELS: Mapping[str, Word] = {
    "mail": Word("Thư", "official mailbox", "quiet", "mail"),
    "qlvb": Word("QLVB", "document management system", "quiet", "folder"),
    "hand": Word("Trực tiếp", "by hand", "quiet", "hand"),
}

LETTER_STATES: Mapping[str, Word] = {
    LetterState.QUEUED: Word("Chờ gửi", "queued", "info", "clock"),
    LetterState.APPROVED: Word("Đã duyệt, chờ gửi", "approved", "info", "clock"),
    LetterState.SENDING: Word("Đang gửi", "sending", "info", "clock"),
    LetterState.SENT: Word("Đã gửi", "sent", "good", "check"),
    LetterState.IN_DOUBT: Word("Không rõ đã gửi hay chưa", "in doubt", "wait", "question"),
    LetterState.UNDELIVERED: Word("Không đến được nơi nhận", "undelivered", "bad", "cross"),
    LetterState.WITHHELD: Word("Không gửi", "withheld", "warn", "minus"),
    LetterState.FAILED: Word("Gửi không thành công", "failed", "bad", "cross"),
}

LETTER_KINDS: Mapping[str, Word] = {
    LetterKind.RECEIPT: Word("Xác nhận đã nhận", "receipt", "quiet", "mail"),
    LetterKind.DEFECT: Word("Thông báo cần bổ sung", "defect", "quiet", "mail"),
    LetterKind.OUTCOME: Word("Thông báo kết quả", "outcome", "quiet", "mail"),
    LetterKind.RETURN: Word("Trả lại văn bản", "return", "quiet", "mail"),
    LetterKind.REMINDER: Word("Nhắc gửi phiếu", "reminder", "quiet", "mail"),
}

ACTIONS: Mapping[Action, Word] = {
    Action.ACCEPT: Word("Tiếp nhận", "accept", "good", "check"),
    Action.RETURN: Word("Trả lại", "return", "bad", "back"),
    Action.LINK: Word("Gắn là bản sao", "link as a copy", "quiet", "link"),
    Action.DISMISS: Word("Không xử lý", "dismiss: not a submission", "quiet", "minus"),
    Action.RETRY: Word("Kiểm tra lại", "examine again", "info", "clock"),
    Action.RELEASE: Word("Đưa vào xử lý", "release", "info", "hand"),
}

ACTION_MEANINGS: Mapping[Action, str] = {
    Action.ACCEPT: "Ghi nhận phiếu hợp lệ và báo cho cơ quan gửi.",
    Action.RETURN: "Trả lại cơ quan gửi kèm lý do; cơ quan có thể gửi lại.",
    Action.LINK: "Cùng nội dung với một văn bản khác; giữ lại và gắn với văn bản đó.",
    Action.DISMISS: "Không phải văn bản gửi Phiếu đánh giá; vẫn lưu trong sổ.",
    Action.RETRY: "Kiểm tra lại từ đầu trên bản gốc đã lưu.",
    Action.RELEASE: "Đưa văn bản đang để riêng hoặc bị giữ vào xử lý.",
}

ROLES: Mapping[Role, str] = {
    Role.VIEWER: "Xem",
    Role.CLERK: "Văn thư",
    Role.ADMIN: "Quản trị",
}

COVERS: Mapping[str, str] = {
    "whole": "toàn bộ tệp",
    "revision": "toàn bộ tệp tại thời điểm ký",
    "partial": "chỉ một phần tệp",
    "unknown": "chưa rõ",
}

CHANGED_AFTER: Mapping[str, str] = {
    "nothing": "không có thay đổi sau khi ký",
    "permitted": "chỉ có thay đổi được phép (ví dụ thêm chữ ký)",
    "visible": "có nội dung nhìn thấy được thêm sau khi ký",
    "forbidden": "bị thay đổi trái phép sau khi ký",
    "unknown": "chưa rõ",
}

REVOCATION: Mapping[str, str] = {
    "good": "chưa bị thu hồi",
    "revoked": "đã bị thu hồi",
    "unknown": "chưa tra được",
    "not_checked": "không kiểm tra",
}

FILE_ROLES: Mapping[str, str] = {
    "form": "Phiếu đánh giá",
    "detached_signature": "Chữ ký số rời",
    "attachment": "Tài liệu kèm theo",
    "envelope": "Bản gốc đã nhận",
}

WITNESSES: Mapping[str, str] = {
    "imap-internaldate": "giờ máy chủ thư nhận",
    "internaldate": "giờ máy chủ thư nhận (INTERNALDATE)",
    "manifest": "giờ trong tệp kê của QLVB",
    "file-time": "giờ của tệp QLVB xuất ra",
    "listing-interval": "lần quét thư mục cuối chưa có văn bản",
    "received_header": "dòng Received của máy chủ thư cơ quan",
    "received_header_of_file": "dòng Received trong tệp thư được xuất ra (không tính hạn)",
    "form_signed_at": "thời điểm ký Phiếu do chữ ký số tự nêu (không tính hạn)",
    "date_header": "dòng Date do người gửi ghi (không tính hạn)",
    "first_seen": "lúc hệ thống nhìn thấy lần đầu",
    "edxml_trace": "vết gửi nhận ghi trong gói edXML",
    "manifest_sent_at": "giờ gửi ghi trong tệp kê",
    "manifest_received_at": "giờ nhận ghi trong tệp kê",
}

EVENTS: Mapping[str, str] = {
    "received": "Văn bản đến, đã lưu bản gốc",
    "alias_received": "Thấy lại cùng một văn bản ở nguồn",
    "decided": "Có kết quả kiểm tra",
    "malware_found_later": "Chương trình quét tìm thấy mã độc sau khi cập nhật",
    "superseded": "Được bản gửi sau thay thế",
    "took_standing": "Trở thành bản đang tính",
    "rejudged": "Tính lại thời hạn theo đợt đã gia hạn",
    "withdrawn": "Cơ quan gửi thu hồi",
    "asked_for_second": "Đề nghị, chờ người thứ hai",
    "accepted": "Tiếp nhận",
    "returned": "Trả lại",
    "linked": "Gắn là bản sao",
    "dismissed": "Không xử lý",
    "sent_back_for_examination": "Đưa vào kiểm tra lại",
    "released": "Đưa vào xử lý",
    "letter_queued": "Soạn thư phúc đáp",
    "letter_approved": "Duyệt gửi thư",
    "letter_sending": "Bắt đầu gửi thư",
    "letter_sent": "Thư đã gửi",
    "letter_postponed": "Chưa gửi được thư, sẽ thử lại",
    "letter_refused": "Máy chủ từ chối thư",
    "letter_in_doubt": "Không rõ thư đã gửi hay chưa",
    "letter_undelivered": "Thư không đến được nơi nhận",
    "letter_withheld": "Giữ lại thư, không gửi",
    "letter_arrived": "Xác nhận thư đã đến nơi",
    "letter_due_again": "Thư bị phanh giữ được gửi tiếp",
    "breaker_opened": "Mở phanh thư của ngày",
}

# A person signed, number and date were stamped, the seal closed: lawful (the flow filed it for that reason), though
# the first signature taken alone cannot be concluded on.
SEALED = Word("Hợp lệ (đã ghi số)", "lawful: signed, numbered, then sealed by the agency", "good", "check")

# What the doctor looks at (intake/doctor.py), by its short names.
HEALTH_NAMES: Mapping[str, str] = {
    "campaign": "Đợt đánh giá",
    "database": "Cơ sở dữ liệu",
    "vault": "Kho lưu bản gốc",
    "smtp": "Máy chủ gửi thư",
    "clock": "Đồng hồ",
    "trust": "Chứng thư tin cậy",
    "letters": "Thư phúc đáp",
    "shelf": "Văn bản bị gác",
    "daemon": "Tiến trình tiếp nhận",
    "disk": "Đĩa",
}

# What each key does, in the order of the help panel; `static/keys.js` and the marks `data-key` on the pages obey it.
SHORTCUTS: tuple[tuple[str, str, str], ...] = (
    ("j", "Xuống dòng tiếp theo trong bảng", "next row"),
    ("k", "Lên dòng trước", "previous row"),
    ("o", "Mở dòng đang chọn (như Enter)", "open the chosen row"),
    ("/", "Tìm trong Sổ tiếp nhận", "search"),
    ("n", "Mở văn bản chờ quyết định tiếp theo", "next undecided"),
    ("a", "Mở biểu mẫu Tiếp nhận; chưa tiếp nhận gì", "open the form to accept; accepts nothing yet"),
    ("r", "Mở biểu mẫu Trả lại; chưa trả lại gì", "open the form to return; returns nothing yet"),
    ("?", "Hiện hoặc ẩn bảng phím tắt này", "show or hide this help"),
)

UNKNOWN = Word("–", "not known", "quiet", "empty")


def signature_word(delivery: Delivery) -> Word:
    """Return the word for a delivery's signature as it was taken, not merely as the form's verdict is called."""
    if delivery.signature == "indeterminate" and any(one.code == "SEALED_AFTER_CHANGE" for one in delivery.reasons):
        return SEALED
    return word(SIGNATURES, delivery.signature)


def health_name(name: str) -> str:
    """Return what the doctor looked at, in Vietnamese; a source keeps its own name."""
    kind, _, rest = name.partition(" ")
    return f"Nguồn {rest}" if kind == "source" and rest else HEALTH_NAMES.get(name, name)


def word(table: Mapping[str, Word], key: str | None) -> Word:
    """Return the word for `key`; None is a dash, and a state nobody wrote words for shows its own name."""
    if key is None:
        return UNKNOWN
    return table.get(key) or Word(str(key), str(key), "quiet", "question")
