"""What the agency is told: the text of each letter, from what was decided, in Vietnamese with English below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template

from config.campaign import Campaign
from config.reasons import explain
from config.roster import Agency
from intake.steps.decision import REMARKS_ONLY
from signatures.report import SignatureFinding, Verdict
from storage.records import Channel, LetterDraft, LetterKind, Receipt, State, Timeliness, Why

# A letter lists so many files; a mail of a thousand attachments gets a sentence instead of a megabyte.
MOST_FILES_LISTED = 50
# A subject or file name is quoted up to so many characters: it is the sender's text in our letter.
LONGEST_QUOTE = 200
# Of one kind of flaw so many places are named, and so many kinds: a form has some hundred fields, a letter one page.
MOST_NAMED_OF_A_FLAW = 30
MOST_KINDS_OF_FLAW = 30

WITNESSES = {
    "imap-internaldate": ("máy chủ thư của cơ quan tiếp nhận", "the office's own mail server"),
    "manifest": ("hệ thống quản lý văn bản và điều hành", "the document management system"),
    "file-time": ("thời gian của tệp do hệ thống quản lý văn bản xuất ra", "the exported file's own time"),
    "first-listing": ("lần đầu tiên thấy văn bản trong thư mục", "the first look that showed the document"),
    "first-seen": ("lần đầu tiên thấy thư trong hộp thư", "the first look that showed the mail"),
    "listing-interval": ("lần kiểm tra thư mục gần nhất chưa có văn bản", "the last look without the document"),
}

TIMELINESS = {
    Timeliness.ON_TIME: ("ĐÚNG HẠN", "on time"),
    Timeliness.IN_GRACE: (
        "TRONG THỜI GIAN GIA HẠN (vẫn được đánh giá)",
        "within the days of grace (it will still be evaluated)",
    ),
    Timeliness.AFTER_GRACE: (
        "SAU THỜI GIAN GIA HẠN: theo văn bản triển khai, xem như không được đánh giá, trừ khi có quyết định khác",
        "after the days of grace: under the letter it is regarded as not evaluated, unless decided otherwise",
    ),
}

STATES = {
    State.FILED: ("ĐÃ TIẾP NHẬN", "accepted"),
    State.HELD: ("ĐÃ NHẬN, ĐANG CHỜ XỬ LÝ", "received, waiting for a decision"),
    State.SHELVED: ("ĐÃ NHẬN, CHƯA KIỂM TRA ĐƯỢC TỰ ĐỘNG", "received, could not be examined automatically"),
    State.RETURNED: ("TRẢ LẠI", "returned"),
    State.LINKED: ("BẢN GỬI TRÙNG, đã ghép với văn bản đã nhận", "a copy, linked to the document already received"),
    State.DISMISSED: ("KHÔNG PHẢI PHIẾU ĐÁNH GIÁ", "not a submission"),
    State.WITHDRAWN: ("ĐÃ THU HỒI theo yêu cầu của nơi gửi", "withdrawn at the sender's request"),
}

SIGNATURES = {
    Verdict.PASSED: ("HỢP LỆ", "valid"),
    Verdict.FAILED: (
        "KHÔNG HỢP LỆ: tệp đã bị thay đổi sau khi ký, hoặc chứng thư số không còn giá trị khi ký",
        "not valid: the file was changed after signing, or the certificate was not valid at signing",
    ),
    Verdict.INDETERMINATE: ("CHƯA KẾT LUẬN ĐƯỢC, cán bộ sẽ xem xét", "could not be concluded; a clerk will look"),
    Verdict.UNSIGNED: ("KHÔNG CÓ chữ ký số", "no digital signature"),
    Verdict.UNSUPPORTED: ("có, nhưng hệ thống CHƯA KIỂM TRA ĐƯỢC loại này", "present, but of a kind we cannot judge"),
    Verdict.UNREADABLE: ("không kiểm tra được vì KHÔNG ĐỌC ĐƯỢC tệp", "could not be checked: the file is unreadable"),
}
# What was stamped after a signature and closed by the agency's seal is filed: no clerk is going to look at it.
SIGNED_AND_STAMPED = (
    "CHẤP NHẬN; phần ghi thêm sau chữ ký được nêu ở mục 2",
    "accepted; what was added after a signature is named under 2",
)


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file as a letter lists it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Matter:
    """
    Everything a letter speaks of, gathered before the deciding transaction; the receipt is added inside it.

    `answers_to` is the mail's Message-ID, or the document's id on the document axis; None where it has none.
    `sender_address` is the From address if it is registered. `flaws` are what the form lacks, each with its place.
    Times are aware; they are shown in `zone`.
    """

    kind: LetterKind
    campaign: Campaign
    zone: ZoneInfo
    office_name: str
    contact: str
    agency: Agency | None
    channel: Channel
    state: State
    received_at: datetime
    witness: str
    counted_at: datetime
    timeliness: Timeliness | None
    subject: str
    reasons: tuple[Why, ...]
    files: tuple[FileLine, ...]
    signature: Verdict | None
    signatures: tuple[SignatureFinding, ...] = ()
    sender_address: str | None = None
    answers_to: str | None = None
    references: str | None = None
    outbox: bool = False
    now: datetime | None = None
    extra_vi: tuple[str, ...] = ()
    extra_en: tuple[str, ...] = ()
    flaws: tuple[Why, ...] = ()


def write_letter(matter: Matter, receipt: Receipt) -> LetterDraft:
    """
    Return the letter about `matter`, ready to be queued in the deciding transaction.

    It goes to the agency's registered mailboxes, the From address first if it is one of them, never to an address
    found elsewhere. Without one, an agency on the document system gets a status package where there is an outbox;
    else the letter is withheld with NO_REGISTERED_ADDRESS, which the board shows.
    """
    to = registered_addresses(matter.agency, matter.sender_address)
    carrier = "mail"
    if (
        not to
        and matter.agency is not None
        and matter.channel is Channel.QLVB
        and matter.outbox
        and matter.agency.organ_ids
        # A status package that names no document tells its receiver nothing; withheld, it shows on the board.
        and matter.answers_to
    ):
        to, carrier = (matter.agency.organ_ids[0],), "status_package"
    return LetterDraft(
        kind=matter.kind,
        to=", ".join(to),
        subject=_subject(matter, receipt),
        body=_body(matter, receipt),
        in_reply_to=matter.answers_to,
        references=_status_code(matter) if carrier == "status_package" else matter.references,
        carrier="status_package" if carrier == "status_package" else "mail",
        withheld_because=None if to else "NO_REGISTERED_ADDRESS",
    )


def _status_code(matter: Matter) -> str:
    """Return the status that a package reports (QĐ 28/2018/QĐ-TTg): 03 taken in, 02 returned, 01 arrived."""
    if matter.kind is LetterKind.RETURN:
        return "02"
    return "03" if matter.state is State.FILED else "01"


def registered_addresses(agency: Agency | None, sender_address: str | None) -> tuple[str, ...]:
    """Return the registered mailboxes of `agency`, the sender's own first where it is one of them."""
    if agency is None:
        return ()
    first = [one for one in agency.mailboxes if one == sender_address]
    return (*first, *(one for one in agency.mailboxes if one != sender_address))


def moment(value: datetime, zone: ZoneInfo) -> str:
    """Return a time as letters write it: 14/09/2019 23:50:07 (+07:00)."""
    local = value.astimezone(zone)
    offset = local.strftime("%z")
    return f"{local:%d/%m/%Y %H:%M:%S} ({offset[:3]}:{offset[3:]})"


def _subject(matter: Matter, receipt: Receipt) -> str:
    words = {
        LetterKind.RECEIPT: "Xác nhận đã nhận văn bản",
        LetterKind.DEFECT: "Đề nghị khắc phục và gửi lại Phiếu đánh giá",
        LetterKind.OUTCOME: "Kết quả xử lý Phiếu đánh giá",
        LetterKind.RETURN: "Trả lại văn bản",
        LetterKind.REMINDER: "Nhắc gửi Phiếu đánh giá",
    }[matter.kind]
    number = f"[{receipt.receipt_no}] " if receipt.receipt_no else ""
    return f"{number}{words} – {matter.campaign.title}"


def _body(matter: Matter, receipt: Receipt) -> str:
    """Fill the template; what the sender wrote is quoted on one line, shortened, control characters shown as ␦."""
    vi, en = WITNESSES.get(matter.witness, (matter.witness, matter.witness))
    told = [one for one in matter.reasons if one.code not in ("AGENCY_UNKNOWN",)]
    state_vi, state_en = STATES.get(matter.state, (matter.state.value, matter.state.value))
    signature = _result(matter.signature, matter.state) if matter.signature is not None else None
    time_vi, time_en = TIMELINESS[matter.timeliness] if matter.timeliness else ("(chưa xét)", "(not judged)")
    do_vi, do_en = _next_steps(matter)
    text = _template().render(
        kind=matter.kind.value,
        office_name=matter.office_name,
        agency_name=matter.agency.name if matter.agency else "(chưa xác định được cơ quan gửi)",
        campaign_title=matter.campaign.title,
        receipt_no=receipt.receipt_no,
        counted_at=moment(matter.counted_at, matter.zone),
        witness_vi=vi,
        witness_en=en,
        timeliness_vi=time_vi,
        timeliness_en=time_en,
        due=moment(matter.campaign.due, matter.zone),
        closes=moment(matter.campaign.closes, matter.zone),
        subject=quoted(matter.subject),
        state_vi=state_vi,
        state_en=state_en,
        lines_vi=[explain(one.code).vi for one in told] + list(matter.extra_vi),
        lines_en=[explain(one.code).en for one in told] + list(matter.extra_en),
        files=[FileLine(quoted(one.name), one.size, one.sha256) for one in matter.files[:MOST_FILES_LISTED]],
        signature_vi=signature[0] if signature else "đã được cán bộ xem xét",
        signature_en=signature[1] if signature else "looked at by a clerk",
        signers_vi=_signers(matter.signatures, matter.state),
        flaws_vi=_flaws(matter.flaws, "vi"),
        flaws_en=_flaws(matter.flaws, "en"),
        next_vi=do_vi,
        next_en=do_en,
        contact=matter.contact,
        log_head=receipt.log_head,
    )
    return text.strip() + "\n"


def _next_steps(matter: Matter) -> tuple[list[str], list[str]]:
    """Return what the agency should do, with the time that is left where something is to be repaired."""
    against = [one for one in matter.reasons if one.code not in REMARKS_ONLY]
    vi = [explain(one.code).do_vi for one in against]
    en = [explain(one.code).do_en for one in against]
    if matter.kind in (LetterKind.DEFECT, LetterKind.RETURN) and matter.now is not None:
        if matter.now < matter.campaign.closes:
            left_vi, left_en = _left(matter.campaign.closes, matter.now)
            until = moment(matter.campaign.closes, matter.zone)
            vi.append(f"Thời gian còn lại để gửi bản đã khắc phục: {left_vi} (trước {until}).")
            en.append(f"Time left to send the corrected form: {left_en}.")
        else:
            vi.append("Thời gian gia hạn đã hết; đề nghị liên hệ cơ quan tiếp nhận trước khi gửi lại.")
            en.append("The days of grace are over; please contact the office before you send again.")
    elif matter.flaws:
        vi.append(explain("FORM_HAS_FLAWS").do_vi)
        en.append(explain("FORM_HAS_FLAWS").do_en)
    if not vi:
        if matter.state is State.FILED:
            vi.append(
                "Quý cơ quan không phải làm gì thêm. Nếu cần thay thế, gửi bản mới trước khi hết thời gian gia hạn."
            )
            en.append("Nothing more to do. To replace it, send a new version before the days of grace end.")
        else:
            vi.append("Cán bộ tiếp nhận sẽ xem xét và trả lời Quý cơ quan.")
            en.append("A clerk will look at it and answer you.")
    return list(dict.fromkeys(vi)), list(dict.fromkeys(en))


def _flaws(flaws: Sequence[Why], language: Literal["vi", "en"]) -> list[str]:
    """Return one line for each kind of flaw with the places where it stands; what is left out is counted."""
    places: dict[str, list[str]] = {}
    for one in flaws:
        places.setdefault(one.code, []).extend([quoted(one.detail)] if one.detail else [])
    lines = []
    for code, named in list(places.items())[:MOST_KINDS_OF_FLAW]:
        sentence = explain(code).vi if language == "vi" else explain(code).en
        rest = len(named) - MOST_NAMED_OF_A_FLAW
        more = "" if rest <= 0 else f" (và {rest} mục khác)" if language == "vi" else f" (and {rest} more)"
        told = "; ".join(named[:MOST_NAMED_OF_A_FLAW]) + more
        lines.append(f"{sentence.rstrip('.')}: {told}" if named else sentence)
    return lines


def _left(end: datetime, now: datetime) -> tuple[str, str]:
    minutes = int((end - now).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        return f"{days} ngày {hours} giờ", f"{days} days {hours} hours"
    return f"{hours} giờ {left} phút", f"{hours} hours {left} minutes"


def _result(verdict: Verdict, state: State) -> tuple[str, str]:
    """Say what came of a signature, in both languages; an accepted form's is judged, and nobody will look again."""
    if state is State.FILED and verdict is Verdict.INDETERMINATE:
        return SIGNED_AND_STAMPED
    return SIGNATURES[verdict]


def _signers(signatures: Sequence[SignatureFinding], state: State) -> list[str]:
    """Name the signers and each one's result; no ID numbers, which are masked in the finding already."""
    lines = []
    for one in signatures[:20]:
        if one.kind == "pdf-timestamp":
            continue
        result = _result(one.verdict, state)[0]
        who = quoted(one.signer.common_name) if one.signer and one.signer.common_name else "(không rõ người ký)"
        lines.append(f"{who}: {result}")
    return lines


def quoted(text: str) -> str:
    """Return the sender's text for our letter: one line, shortened, controls and bidirectional marks made visible."""
    shown = "".join("␦" if not letter.isprintable() else letter for letter in " ".join(text.split()))
    return shown if len(shown) <= LONGEST_QUOTE else shown[: LONGEST_QUOTE - 1] + "…"


@cache
def _template() -> Template:
    text = files("config").joinpath("letters", "letter.txt").read_text(encoding="utf-8")
    # Plain text, not HTML: escaping would show entities to the reader. StrictUndefined: a missing value is a bug.
    environment = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)  # noqa: S701
    return environment.from_string(text)
