"""Status packages in the outbox folder: whole or not there, the same twice, readable by ourselves."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree

from intake import status_outbox
from intake.ports import CarryResult
from intake.status_outbox import StatusOutbox, answered_by
from storage.records import Letter, LetterKind, LetterState

NOW = datetime(2019, 9, 12, 3, 0, tzinfo=UTC)


def a_letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "id": "l000007",
        "delivery_id": "d1",
        "kind": LetterKind.RECEIPT,
        "to": "000.00.12.H11",
        "subject": "s",
        "body": "Đã nhận văn bản.",
        "state": LetterState.SENDING,
        "message_id": "<receipt.1.abc@binhthuan.gov.vn>",
        "carrier": "status_package",
        "created_at": NOW,
        "in_reply_to": "000.00.12.H11,2019/09/10,123/SNV-VP",
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]  # The names are those of the record.


def texts(package: bytes) -> dict[str, str]:
    """Return the last text of each element by its local name."""
    root = etree.fromstring(package)
    return {etree.QName(one).localname: (one.text or "").strip() for one in root.iter(etree.Element)}


@pytest.mark.parametrize(
    ("kind", "status"),
    [(LetterKind.RECEIPT, "01"), (LetterKind.DEFECT, "01"), (LetterKind.RETURN, "02"), (LetterKind.OUTCOME, "03")],
)
def test_a_letter_becomes_the_status_it_means(tmp_path: Path, kind: LetterKind, status: str) -> None:
    """01 arrived, 02 refused, 03 taken in (Decision 28/2018/QĐ-TTg); only a person's return is a refusal."""
    result, name = StatusOutbox(tmp_path, "Sở TT&TT", organ_id="000.00.17.H11").carry(a_letter(kind=kind))
    assert result is CarryResult.SENT
    said = texts((tmp_path / name).read_bytes())
    assert (said["StatusCode"], said["DocumentId"]) == (status, "000.00.12.H11,2019/09/10,123/SNV-VP")
    assert (said["Code"], said["PromulgationDate"]) == ("123/SNV-VP", "2019/09/10")
    assert said["Description"] == "Đã nhận văn bản."


def test_written_twice_it_is_one_file(tmp_path: Path) -> None:
    """A crash between the folder and the ledger sends nothing twice: name and bytes are those of the first time."""
    outbox = StatusOutbox(tmp_path, "x")
    first = outbox.carry(a_letter())
    [file] = tmp_path.iterdir()
    written = file.read_bytes()

    assert StatusOutbox(tmp_path, "x").carry(a_letter()) == first
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.1.abc_binhthuan.gov.vn.edxml"]
    assert file.read_bytes() == written
    assert texts(written)["Timestamp"] == "2019/09/12 10:00:00"


def test_an_outbox_that_hangs_holds_up_nothing_and_is_tried_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead share holds the write in the kernel; nobody waits for it, and once it answers there is one package."""
    answers = threading.Event()
    real = os.fsync

    def hangs(handle: int) -> None:
        answers.wait(60)
        real(handle)

    monkeypatch.setattr(status_outbox, "LONGEST_WRITE_SECONDS", 0.2)
    outbox = StatusOutbox(tmp_path, "x")
    with monkeypatch.context() as hung:
        hung.setattr(os, "fsync", hangs)
        assert [outbox.carry(a_letter())[0] for _ in range(2)] == [CarryResult.TRY_LATER] * 2
        answers.set()
    monkeypatch.setattr(status_outbox, "LONGEST_WRITE_SECONDS", 60)
    for _ in range(100):
        result, _words = outbox.carry(a_letter())
        if result is CarryResult.SENT:
            break
        time.sleep(0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.1.abc_binhthuan.gov.vn.edxml"]


def test_a_reminder_answers_no_document(tmp_path: Path) -> None:
    """There is nothing whose status could change."""
    assert StatusOutbox(tmp_path, "x").carry(a_letter(kind=LetterKind.REMINDER))[0] is CarryResult.REFUSED
    assert list(tmp_path.iterdir()) == []


def test_an_outbox_that_is_away_is_tried_later(tmp_path: Path) -> None:
    """With words that name the folder."""
    result, words = StatusOutbox(tmp_path / "away", "x").carry(a_letter())
    assert result is CarryResult.TRY_LATER
    assert "STATUS_PACKAGE_NOT_WRITTEN" in words
    assert "away" in words


@pytest.mark.parametrize("message_id", ["<../../etc/passwd@x>", "<a/b@x>", "<\x00@x>", "<" + "l" * 500 + "@x>"])
def test_no_message_id_leads_out_of_the_outbox(tmp_path: Path, message_id: str) -> None:
    """The name is made of letters, digits and dots."""
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    assert StatusOutbox(outbox, "x").carry(a_letter(message_id=message_id))[0] is CarryResult.SENT
    assert [path.parent for path in tmp_path.rglob("*.edxml")] == [outbox]


@pytest.mark.parametrize(
    ("document_id", "code", "day"),
    [
        ("H11.12,2019/09/10,5/SNV", "5/SNV", date(2019, 9, 10)),
        ("H11.12,10/09/2019,5/SNV", "5/SNV", date(2019, 9, 10)),
        ("H11.12,sometime,5/SNV", "5/SNV", None),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "", None),
        ("", "", None),
    ],
)
def test_the_document_is_named_as_far_as_its_id_tells(document_id: str, code: str, day: date | None) -> None:
    """The id is opaque; the usual form with commas is taken apart."""
    answered = answered_by(a_letter(in_reply_to=document_id))
    assert (answered.document_id, answered.code, answered.promulgation_date) == (document_id, code, day)
