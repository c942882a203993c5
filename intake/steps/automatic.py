"""Tell mail that a person wrote from mail that a machine sent: replies, bounces, reports, lists, calendar items."""

from __future__ import annotations

import re
from dataclasses import dataclass

from intake.steps.mail_headers import Head, message_ids, unfold, words
from intake.steps.unpacked import Automatic

# A bounce quotes one message; a bounce of bounces some more. What names more ids than this is no bounce of ours.
MAX_BOUNCED_IDS = 50
# The text of a notice says what it is in its first lines.
MAX_TEXT_LOOKED_AT = 20_000
# Where a mail that calls itself automatic says so; further down it may be quoted from another.
GREETING_CHARACTERS = 400

_DAEMON = re.compile(
    r"^(mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mdaemon|bounces?|mail[-_]?delivery|delivery[-_]?agent|"
    r"mailerdaemon|mail-?system|mta|smtp[-_]?gateway|noreply-dmarc|dmarc-?(?:noreply|reports?)|abuse-?report|feedback|"
    r"fbl[-_.a-z0-9]*|complaints?|staff|arf|auto-?reply|autoresponder|no-?reply|do-?not-?reply)(?:[-+=._][^@]*)?@",
    re.IGNORECASE,
)
_BOUNCER = re.compile(
    r"^(mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mdaemon|mail[-_]?delivery|mailerdaemon|mail-?system|mta)"
    r"(?:[-+=._][^@]*)?@",
    re.IGNORECASE,
)
# Some offices let a person answer for their postmaster, none for these.
_NEVER_A_PERSON = re.compile(r"^(mailer[-_.]?daemon|mail[-_.]?daemon)(?:[-+=._][^@]*)?@", re.IGNORECASE)
# A person answers or hands on what he got, such as a bounce of his own; a server writes no such subject.
_ANSWERS = re.compile(r"^\s*(re|fwd?|tl|trả lời|chuyển tiếp|v/v)\b", re.IGNORECASE)
_BOUNCER_NAME = re.compile(
    r"mail(er)?[ -]?(daemon|delivery|system)|postmaster|system administrator|delivery (sub)?system|mail administrator|"
    r"internet mail delivery|message router|ez ?web",
    re.IGNORECASE,
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver(ed|able)|returned (e-?mail|to sender|message)|return(ed)? (email|message)|^\s*\[?bounce|"
    r"deliver(y|ed)? (status|failure|failed|report|notification|problem|error|unsuccessful|has failed|delay)|"
    r"(mail|message) (delivery|could not|not delivered|status|error|system error|frozen)|has been frozen|"
    r"failure (notice|notification|delivery)|failed (mail|delivery|to deliver)|non[- ]?delivery|nondeliverable|"
    r"mail (failure|failed)|(could not|couldn'?t|cannot) (be delivered|send|deliver)|unable to deliver|not deliverable|"
    r"rejected mail|user unknown|warning: (message|could not|delayed)|delayed mail|mail not delivered|error sending|"
    r"error\(s\) in forwarding|mail system error|cannot be sent|email blocked|message blocked|"
    r"unzustellbar|onbestelbaar|não entregue|no se puede entregar|impossible de remettre|échec de (la )?remise|"
    r"non recapitabile|недоставлен|不達|エラー|配信|送信(エラー|不能)|"
    r"không (gửi|chuyển|phát) được|không thể (gửi|chuyển|phát)|thư (bị trả lại|không đến|trả lại)|"
    r"gửi (thư )?(không thành công|thất bại)|(không|chưa) (được )?(gửi|chuyển|phát) (thành công|đến)|"
    r"trạng thái (gửi|chuyển|phát) (thư|tin nhắn)",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(
    r"^\s*\[?(auto(matic|mated)?[ -]?(re(ply|sponse|sponder)|response|svar)|out[ -]of[ -](the[ -])?office|"
    r"away from (my|the) (office|desk|mail)|réponse automatique|respuesta automática|automatische antwort|"
    r"(thư |mail |e-?mail )?(trả lời|phản hồi|hồi đáp) tự động|tự động (trả lời|phản hồi)|\[?auto\]?:)",
    re.IGNORECASE,
)
# Absence is also what ordinary mails are about: these words need a second signal.
_ABSENCE_SUBJECT = re.compile(
    r"^\s*(re: )?(ooo\b|vacation|on (annual |holiday )?leave|absen(ce|t)|abwesen|vắng mặt|nghỉ phép|đi công tác)",
    re.IGNORECASE,
)
_READ_SUBJECT = re.compile(
    r"^\s*(read( receipt)?:|not read:|gelesen:|lu ?:|đã đọc:|(thông báo|xác nhận) (đã )?đọc|return receipt|"
    r"disposition notification)",
    re.IGNORECASE,
)
_READ_TEXT = re.compile(
    r"(thư|e-?mail|tin nhắn) (của (bạn|quý vị|ông/bà) )?.{0,120}(đã )?được (đọc|xem|hiển thị|mở)|"
    r"your message.{0,200}(was|has been) (read|displayed|opened)|was (read|displayed) on",
    re.IGNORECASE | re.DOTALL,
)
_REPORT_SUBJECT = re.compile(
    r"^\s*(\[?(dmarc|feedback|abuse|complaint)\b|report domain:|fw: complaint|complaint about|email feedback report|"
    r"(aggregate|forensic) report)",
    re.IGNORECASE,
)
# Servers that say so report for information only: the letter is still on its way, or it has arrived.
_DELAY_SUBJECT = re.compile(
    r"\bdelay(s|ed)?\b|warning: (message|could not)|still (undelivered|being retried|queued)|has been frozen|"
    r"message frozen|trì hoãn|(đang|bị) chậm",
    re.IGNORECASE,
)
# A mail that calls itself automatic where a person would greet; programs that write no field of RFC 3834 do so.
_REPLY_TEXT = re.compile(
    r"đây là (một )?(thư|e-?mail|tin nhắn)( điện tử)?( (được )?(trả lời|phản hồi|hồi đáp|gửi|tạo))? tự động|"
    r"(thư|e-?mail|tin nhắn) này (được|do) (hệ thống )?(gửi|trả lời|phản hồi|tạo)( ra)? tự động|"
    r"this (e-?mail |message )?is an auto(matic|mated|-)?[ -]?(generated )?(e-?mail )?(reply|response|message)",
    re.IGNORECASE,
)
# Names of pictures, cards and keys: what a signature below a text brings along says nothing of who wrote it.
_ORNAMENT = re.compile(
    r"\.(png|jpe?g|gif|bmp|svg|webp|vcf|ics|p7s|asc|sig|wmz|emz|css)$|^att\d{3,6}\.(txt|html?)$", re.IGNORECASE
)
# A mail program's own request to leave a list (RFC 8058 by mail) tells of the reader, not from a person.
_UNSUBSCRIBE = re.compile(r"\s*unsubscribe\b", re.IGNORECASE)
_CALENDAR_SUBJECT = re.compile(
    r"^\s*((accepted|declined|tentative|canceled|cancelled|invitation|updated invitation)( event)?|"
    r"(đã )?(chấp nhận|từ chối|hủy|huỷ)|dự kiến|lời mời):",
    re.IGNORECASE,
)
_BOUNCE_TEXT = re.compile(
    r"could not be delivered|cannot be delivered|couldn'?t be delivered|was not delivered|not been delivered|"
    r"unable to deliver|undeliverable|undelivered|(this|i) (is|am|'m) the (mail|qmail)|mail delivery (sub)?system|"
    r"delivery to the following recipients?|the following address(es)? (had|failed)|permanent fatal errors|"
    r"failed to deliver|deliver(y|ed) (has )?fail|did not reach the following|"
    r"message (was|has been) (rejected|returned|refused)|user unknown|unknown user|no such user|"
    r"mailbox (is )?(full|unavailable|not found|does not exist)|transcript of session follows|session transcript|"
    r"reason(s)? for (the )?(failure|non-?delivery)|message could not|5\.\d\.\d+[ )>-]|<<< 5\d\d|550[ -]|"
    r"returned message|delivery problems|trouble delivering|created automatically by (the )?mail|"
    r"diagnostic information for administrators|delays? in delivering|has been frozen|failure reasons|"
    r"generated response|error occurred while trying to deliver|message you sent was rejected|"
    r"following recipient\(s\)|did not reach|not reach(ed)? (all|the)|recipient'?s? (address )?(rejected|unknown)|"
    r"配信できません|届けられません|送信できません|"
    r"không (gửi|chuyển|phát) được|không thể (gửi|chuyển|phát)|hộp thư (đã )?đầy|địa chỉ (thư )?không tồn tại",
    re.IGNORECASE,
)
# What only a mail server writes. A person who complains that a mail did not get through writes none of it.
_MACHINE_TEXT = re.compile(
    r"permanent fatal errors|transcript of session|delivery to the following recipients? (has )?failed|"
    r"following address(es)? (had|failed)|"
    r"\b[45]\.\d{1,3}\.\d{1,3}\b.{0,80}\b(user|mailbox|recipient|address|relay|host)|"
    r"\b5[0-7]\d[ -][#\d<A-Za-z]|reporting-mta|final-recipient|created automatically by (the )?mail|"
    r"diagnostic information for administrators|this is the (mail system|mail delivery|qmail)|mail delivery subsystem|"
    r"reason of failure|failure reasons|did not reach the following",
    re.IGNORECASE,
)
_QUOTED_ID = re.compile(
    r"^[ \t>|]{0,8}(?:X-)?(?:Original-|Orig-)?Message[- ]?ID[ \t]{0,9}:[ \t]{0,9}(?:\r?\n[ \t>|]{1,9})?"
    r"(<[^<>\s]{3,500}>)",
    re.MULTILINE | re.IGNORECASE,
)
_QUOTED_HEAD = re.compile(
    r"^[ \t>|]{0,8}(?:received|return-path|from|to|subject|date|message-id):[ \t]", re.MULTILINE | re.IGNORECASE
)
# What a delivery report says of each recipient (RFC 3464 2.3.3): failed, delayed, delivered, relayed or expanded.
_ACTION = re.compile(rb"^Action[ \t]{0,9}:[ \t]{0,9}([A-Za-z]{3,20})", re.MULTILINE | re.IGNORECASE)
_BOUNCE_FIELDS = (
    "x-failed-recipients",
    "x-failed-recipient",
    "x-actual-recipients",
    "x-undelivered",
    "x-ms-exchange-message-is-ndr",
    "x-sm-bounce",
    "x-bounce",
)
_REPLY_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponse",
    "x-autoreply-from",
    "x-auto-reply",
    "x-autoresponder",
    "x-mail-autoreply",
    "x-vacation",
    "auto-reply",
    "x-away-from",
)
_LIST_FIELDS = ("list-id", "list-post", "list-unsubscribe", "list-help")
_AUTOMATIC_TYPES = {
    "message/delivery-status": "bounce",
    "message/global-delivery-status": "bounce",
    "message/disposition-notification": "report",
    "message/global-disposition-notification": "report",
    "message/feedback-report": "report",
    "message/tracking-status": "report",
}


@dataclass(frozen=True, slots=True)
class Observed:
    """
    What the unpacking saw of a message besides its head.

    `types` are the content types of its own parts (those of nested messages not), `report_type` and `calendar_method`
    the parameters of that name; `returned` the heads of messages inside it, outermost first; `reports` the bytes of its
    delivery-status and similar parts; `text` its running text; `names` the file names of its parts; `quoted` the bytes
    of parts that quote the head of a message as text.
    """

    root_type: str
    report_type: str
    types: tuple[str, ...]
    calendar_method: str
    returned: tuple[Head, ...]
    reports: tuple[bytes, ...]
    text: str
    names: tuple[str, ...] = ()
    quoted: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Classified:
    """
    What kind of automatic mail it is, by which signals, and which Message-IDs it names as not delivered.

    A report of a delay, or of a delivery, names none: it would mark a letter undelivered that is on its way or there.
    """

    automatic: Automatic
    signals: tuple[str, ...]
    bounced_message_ids: tuple[str, ...]


def classify(head: Head, observed: Observed) -> Classified:
    """
    Say whether a machine sent the message, by several signals of which no single one is trusted to be there.

    1. Parts that only machines write: delivery status, disposition notification, feedback (RFC 3464, 8098, 5965).
    2. Null return path and mail daemons as senders, with a subject or text that tells of a failure.
    3. Calendar items (RFC 5546), replies (RFC 3834 and the fields of older programs), lists (RFC 2369, 2919).
    A subject alone never makes a bounce of a person's mail: it needs a second signal.
    """
    signals: list[str] = []
    sender = _sender(head)
    subject = words(head.first("subject") or b"")[:1_000]
    text = observed.text[:MAX_TEXT_LOOKED_AT]
    return_path = head.first("return-path")
    null_path = return_path is not None and unfold(return_path).replace(" ", "") in ("<>", "")
    said = [unfold(one).split(";")[0].strip().lower() for one in head.all("auto-submitted")[:20]]
    # One server may add `no` above what another wrote: any other word counts.
    auto_submitted = next((one for one in said if one not in ("", "no")), said[0] if said else "")
    precedence = unfold(head.first("precedence") or b"").strip().lower()

    # 1. Parts and types.
    kinds = {_AUTOMATIC_TYPES[one] for one in observed.types if one in _AUTOMATIC_TYPES}
    signals += [f"part {one}" for one in dict.fromkeys(observed.types) if one in _AUTOMATIC_TYPES]
    if observed.root_type == "multipart/report":
        signals.append(f"multipart/report {observed.report_type}".strip())
        kind = {"delivery-status": "bounce", "disposition-notification": "report", "feedback-report": "report"}
        kinds.add(kind.get(observed.report_type, "bounce" if not kinds else next(iter(kinds))))
    # 2. Senders, fields, subject and text.
    if null_path:
        signals.append("null return path")
    daemon = _BOUNCER.match(sender) is not None
    called_daemon = _BOUNCER_NAME.search(_sender_name(head)) is not None
    if daemon or called_daemon:
        signals.append("mail daemon")
    elif _DAEMON.match(sender):
        signals.append("no-reply sender")
    bounce_field = next((name for name in _BOUNCE_FIELDS if head.first(name) is not None), None)
    if bounce_field:
        signals.append(bounce_field)
    bounce_subject = _BOUNCE_SUBJECT.search(subject) is not None
    if bounce_subject:
        signals.append("bounce subject")
    bounce_text = _BOUNCE_TEXT.search(text) is not None
    if bounce_text:
        signals.append("bounce text")
    returned_in_text = len(_QUOTED_HEAD.findall(text)) >= 3
    if auto_submitted and auto_submitted != "no":
        signals.append(f"auto-submitted {auto_submitted[:40]}")
    if precedence in ("bulk", "junk", "list", "auto_reply", "auto-reply"):
        signals.append(f"precedence {precedence}")
    reply_field = next((name for name in _REPLY_FIELDS if head.first(name) is not None), None)
    suppress = unfold(head.first("x-auto-response-suppress") or b"").strip().lower()
    if reply_field:
        signals.append(reply_field)
    if suppress:
        signals.append("x-auto-response-suppress")
    # 3. Lists and calendar items.
    list_fields = [
        name for name in ("list-id", "list-post", "list-unsubscribe", "list-help") if head.first(name) is not None
    ]
    signals += list_fields
    if observed.calendar_method:
        signals.append(f"calendar {observed.calendar_method}")

    automatic = _kind(
        kinds=kinds,
        observed=observed,
        subject=subject,
        null_path=null_path,
        daemon=daemon,
        called_daemon=called_daemon,
        sender=sender,
        bounce_field=bounce_field is not None,
        bounce_subject=bounce_subject,
        bounce_text=bounce_text,
        machine_text=_MACHINE_TEXT.search(text) is not None,
        returned=bool(observed.returned) or returned_in_text or "text/rfc822-headers" in observed.types,
        auto_submitted=auto_submitted,
        precedence=precedence,
        reply_field=reply_field is not None,
        listed=bool(list_fields) or precedence == "list",
    )
    failed = automatic == "bounce" and not _is_told_only(observed, subject)
    bounced = _bounced_ids(head, observed, text) if failed else ()
    return Classified(automatic, tuple(dict.fromkeys(signals)), bounced)


def _kind(
    *,
    kinds: set[str],
    observed: Observed,
    subject: str,
    null_path: bool,
    daemon: bool,
    called_daemon: bool,
    sender: str,
    bounce_field: bool,
    bounce_subject: bool,
    bounce_text: bool,
    machine_text: bool,
    returned: bool,
    auto_submitted: str,
    precedence: str,
    reply_field: bool,
    listed: bool,
) -> Automatic:
    if "bounce" in kinds:
        return "bounce"
    if "report" in kinds:
        return "report"
    failure = bounce_subject or bounce_text
    no_reply = _DAEMON.match(sender) is not None
    said_automatic = auto_submitted not in ("", "no")
    if bounce_field and (failure or daemon or null_path or returned):
        return "bounce"
    if daemon and (failure or returned or null_path or said_automatic):
        return "bounce"
    bare = not any(_ORNAMENT.search(name) is None for name in observed.names)
    # A name is chosen freely: an administrator of a mail system is a person until something else says otherwise.
    if called_daemon and failure and (null_path or said_automatic or machine_text):
        return "bounce"
    if null_path and (bounce_subject or (bounce_text and returned)):
        return "bounce"
    if bounce_subject and bounce_text and (no_reply or said_automatic):
        return "bounce"
    if bounce_subject and returned and machine_text and _ANSWERS.match(subject) is None:
        return "bounce"
    says_read = bare and _READ_TEXT.search(observed.text[:GREETING_CHARACTERS]) is not None
    if _READ_SUBJECT.match(subject) and (null_path or said_automatic or says_read or "disposition" in subject.lower()):
        return "report"
    if said_automatic and _UNSUBSCRIBE.match(subject):
        return "report"
    if _REPORT_SUBJECT.match(subject) and (no_reply or null_path or returned or said_automatic):
        return "report"
    if no_reply and returned and (null_path or "feedback" in subject.lower() or "complaint" in subject.lower()):
        return "report"
    if observed.calendar_method and (observed.calendar_method != "publish" or observed.root_type == "text/calendar"):
        return "calendar"
    if _CALENDAR_SUBJECT.match(subject) and "text/calendar" in observed.types:
        return "calendar"
    if said_automatic:
        return "auto-reply"
    if reply_field or precedence in ("auto_reply", "auto-reply"):
        return "auto-reply"
    if _REPLY_SUBJECT.match(subject) and (null_path or precedence in ("bulk", "junk") or bare):
        return "auto-reply"
    if bare and _REPLY_TEXT.search(observed.text[:GREETING_CHARACTERS]):
        return "auto-reply"
    if _ABSENCE_SUBJECT.match(subject) and (null_path or precedence in ("bulk", "junk")):
        return "auto-reply"
    if null_path or _NEVER_A_PERSON.match(sender):
        return "auto-reply"
    if listed or precedence in ("bulk", "junk"):
        return "list"
    return "no"


def _sender(head: Head) -> str:
    """Return the bare address of From, for matching against the names that daemons use."""
    value = unfold(head.first("from") or head.first("sender") or b"")[:1_000]
    match = re.search(r"<\s*([^<>]{1,320}?)\s*>", value)
    bare = match.group(1) if match is not None else re.sub(r"\(.{0,200}?\)", "", value).strip()
    return bare if "@" in bare else f"{bare}@"


def _sender_name(head: Head) -> str:
    return words(head.first("from") or b"")[:1_000].partition("<")[0]


def _is_told_only(observed: Observed, subject: str) -> bool:
    """
    Tell a report that nothing failed: of a delay, or of a delivery (RFC 3464 2.3.3).

    Where a report says of each recipient what became of the mail, this counts; else the subject must do.
    """
    actions = {one.lower() for report in observed.reports for one in _ACTION.findall(report[:MAX_TEXT_LOOKED_AT])}
    if actions:
        return b"failed" not in actions
    return _DELAY_SUBJECT.search(subject) is not None


def _bounced_ids(head: Head, observed: Observed, text: str) -> tuple[str, ...]:
    """
    Return the Message-IDs that a bounce names: returned messages, report fields, heads quoted in text.

    Some servers return nothing of the message; then what the bounce answers is what it is about (RFC 5322 3.6.4).
    """
    found: dict[str, None] = {}
    for one_head in observed.returned:
        for one in message_ids(one_head.first("message-id"))[:1]:
            found[one] = None
    for quoted in (*observed.reports, *observed.quoted):
        for match in _QUOTED_ID.findall(quoted[:MAX_TEXT_LOOKED_AT].decode("utf-8", "replace")):
            found[match] = None
    for match in _QUOTED_ID.findall(text):
        found[match] = None
    if not found:
        answered = message_ids(head.first("in-reply-to"))[:1] or message_ids(head.first("references"))[-1:]
        found = dict.fromkeys(answered)
    return tuple(found)[:MAX_BOUNCED_IDS]
