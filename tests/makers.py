"""Makers of records with defaults; a test sets only what its claim is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from config.campaign import Campaign
from config.roster import Agency, Roster
from intake.steps.agency import Recognition, SignerMatch
from intake.steps.decide import decide
from intake.steps.decision import Decision, History
from intake.steps.examined import Examination, ExaminedFile, FormFacts
from intake.steps.timeliness import Timing
from intake.steps.unpacked import Address, EdxmlFacts, MailFacts, Unpacked
from signatures.report import ChangedAfter, Covers, FileReport, Reason, Revocation, SignatureFinding, Signer, Verdict
from storage.records import Channel, Delivery, State, Timeliness

OFFICE = ZoneInfo("Asia/Ho_Chi_Minh")
DUE = datetime(2019, 9, 15, tzinfo=OFFICE)
CLOSES = datetime(2019, 9, 21, tzinfo=OFFICE)
IN_TIME = datetime(2019, 9, 12, 9, 30, tzinfo=OFFICE)
SECOND = timedelta(seconds=1)

CAMPAIGN = Campaign(
    id="2019",
    title="Đánh giá ứng dụng CNTT năm 2019",
    opens=datetime(2019, 8, 7, tzinfo=OFFICE),
    due=DUE,
    closes=CLOSES,
    basis="697/STTTT-BCVT&CNTT, mục 3",
    approved_by="Giám đốc Sở",
    approved_on=date(2019, 8, 7),
    data_from=date(2018, 9, 1),
    data_to=date(2019, 8, 31),
    receipt_prefix="PDG-2019",
    roster="roster.csv",
    catalogue="catalogue.toml",
    recognise=("phiếu đánh giá", "ứng dụng CNTT"),
)

SNV = Agency(
    "snv",
    "Sở Nội vụ",
    "mail",
    "so_nganh",
    mailboxes=("snv@binhthuan.example",),
    organ_ids=("H11.02",),
    aliases=("SNV",),
)
SXD = Agency(
    "sxd", "Sở Xây dựng", "qlvb", "so_nganh", mailboxes=("soxaydung@binhthuan.example",), organ_ids=("H11.09",)
)
STTTT = Agency("stttt", "Sở Thông tin và Truyền thông", "qlvb", mailboxes=("stttt@binhthuan.example",))
PHUQUY = Agency("phuquy", "Ủy ban nhân dân huyện Phú Quý", "mail", "huyen")
ROSTER = Roster((SNV, SXD, STTTT, PHUQUY))


def a_campaign(**changes: Any) -> Campaign:
    """The letter's campaign, with changes."""
    return msgspec.structs.replace(CAMPAIGN, **changes)


def a_delivery(**changes: Any) -> Delivery:
    """A mail that arrived in time and waits."""
    base = Delivery(
        id="d1",
        source="mailbox",
        source_key="INBOX/1/1",
        channel=Channel.MAIL,
        received_at=IN_TIME.astimezone(UTC),
        received_by="imap-internaldate",
        seen_at=(IN_TIME + timedelta(minutes=1)).astimezone(UTC),
        sha256="0" * 64,
        size=1000,
        name="mail.eml",
        sender="snv@binhthuan.example",
        subject="Phiếu đánh giá",
        state=State.RECEIVED,
    )
    return replace(base, **changes)


def some_mail_facts(**changes: Any) -> MailFacts:
    """An ordinary mail from the Department of Home Affairs."""
    base = MailFacts(
        message_id="<1@snv>",
        subject="Phiếu đánh giá ứng dụng CNTT",
        from_addresses=(Address("Sở Nội vụ", "snv@binhthuan.example"),),
        sender=None,
        reply_to=(),
        to=(),
        date=None,
        in_reply_to=None,
        references=(),
        automatic="no",
        automatic_signals=(),
        bounced_message_ids=(),
        return_path="snv@binhthuan.example",
        received=(),
        authentication_results=(),
        list_id=None,
    )
    return replace(base, **changes)


def an_unpacked(**changes: Any) -> Unpacked:
    """What unpacking says of that mail."""
    base = Unpacked(kind="mail", name="mail.eml", sha256="0" * 64, size=1000, parts=(), mail=some_mail_facts())
    return replace(base, **changes)


def a_signature(**changes: Any) -> SignatureFinding:
    """A signature of the Department of Home Affairs that holds."""
    base = SignatureFinding(
        name="Signature1",
        kind="pdf",
        verdict=Verdict.PASSED,
        level="B-B",
        intact=True,
        covers=Covers.WHOLE,
        changed_after=ChangedAfter.NOTHING,
        trusted=True,
        revocation=Revocation.GOOD,
        signer=Signer(common_name="SỞ NỘI VỤ", organization="UBND tỉnh Bình Thuận", certificate_sha256="a" * 64),
        claimed_at=IN_TIME,
        proven_at=IN_TIME,
        proven_by="receipt",
    )
    return replace(base, **changes)


def a_report(*signatures: SignatureFinding, verdict: Verdict = Verdict.PASSED, **changes: Any) -> FileReport:
    """The verdict on one PDF."""
    base = FileReport(
        path="phieu.pdf",
        sha256="f" * 64,
        size=500,
        media_type="application/pdf",
        format="pdf",
        verdict=verdict,
        signatures=signatures or ((a_signature(),) if verdict is not Verdict.UNSIGNED else ()),
    )
    return replace(base, **changes)


def a_file(report: FileReport | None = None, **changes: Any) -> ExaminedFile:
    """A signed PDF whose first page says that it is the form."""
    report = report or a_report()
    base = ExaminedFile(
        trail=("mail.eml", "phieu.pdf"),
        name="phieu.pdf",
        declared_type="application/pdf",
        media_type="application/pdf",
        size=500,
        sha256="f" * 64,
        report=report,
        form=FormFacts(is_form=False, text="PHIẾU ĐÁNH GIÁ năm 2019", year=2019),
        signals=("title", "text", "name"),
    )
    return replace(base, **changes)


def an_examination(*files: ExaminedFile, **changes: Any) -> Examination:
    """An examined mail with one good form, or the files given."""
    base = Examination(unpacked=an_unpacked(), files=files or (a_file(),), envelope=None, subject_signal=True)
    return replace(base, **changes)


def a_recognition(**changes: Any) -> Recognition:
    """The Department of Home Affairs, by mailbox and by its organisation's signature."""
    base = Recognition("snv", "snv", (SignerMatch("snv", "organisation", "name"),), "snv@binhthuan.example", ())
    return replace(base, **changes)


def a_timing(timeliness: Timeliness = Timeliness.ON_TIME, **changes: Any) -> Timing:
    """A moment that nobody doubts."""
    return replace(Timing(IN_TIME.astimezone(UTC), timeliness, False, (), ()), **changes)


def some_edxml_facts(**changes: Any) -> EdxmlFacts:
    """A package from the Department of Construction."""
    base = EdxmlFacts(
        from_organ_id="H11.09",
        from_name="Sở Xây dựng",
        from_email="",
        to_organ_ids=("H11.11",),
        code_number="123",
        code_notation="SXD-VP",
        promulgation_date=date(2019, 9, 10),
        subject="Phiếu đánh giá",
        document_id="doc-1",
        document_type="Công văn",
        operation="new",
        response_for=(),
        replaced_document_ids=(),
        trace=(),
        due_date=None,
        status_code=None,
        status_description="",
        status_at=None,
        signature_present=False,
        namespace="",
    )
    return replace(base, **changes)


def ask(**changes: Any) -> Decision:
    """Decide about a good form in time, with changes."""
    given: dict[str, Any] = {
        "delivery": a_delivery(),
        "examination": an_examination(),
        "recognition": a_recognition(),
        "timing": a_timing(),
        "campaign": CAMPAIGN,
        "roster": ROSTER,
        "history": History(),
        "office_addresses": frozenset({"stttt@binhthuan.example"}),
    }
    return decide(**{**given, **changes})


def a_reason(code: str) -> Reason:
    """A reason without particulars."""
    return Reason(code)
