"""A delivery that kills, starves or stops its examiner costs itself a place on the shelf, and nobody else anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import OfficeError
from config.isolation import MiB, Worker
from intake.flow import receive, take_in
from intake.once import run_once
from storage.audit import audit
from storage.records import State
from tests.faults.poison import FULL, perform_or_suffer
from tests.offices import SmallOffice, a_mail, a_signed_form, open_small_office, prepare_folder


@pytest.fixture(scope="module")
def brittle() -> Iterator[Worker]:
    """A real worker process, small enough to be starved quickly."""
    with Worker(perform_or_suffer, memory_bytes=1536 * MiB, name="brittle-examiner") as worker:
        yield worker


def an_office(folder: Path, brittle: Worker, *, attempts: int) -> SmallOffice:
    """An office with that worker, where an examination may take five seconds."""
    extra = f"seconds = 5\nattempts = {attempts}\n"
    return open_small_office(prepare_folder(folder, extra=extra), examiner=brittle)


@pytest.mark.parametrize(
    ("how", "attempts", "code"),
    [
        ("kill", 2, "EXAMINATION_WORKER_DIED"),
        ("eats", 2, "EXAMINATION_TOO_MUCH_MEMORY"),
        ("hang", 1, "EXAMINATION_TOO_SLOW"),
    ],
)
def test_a_poisoned_delivery_is_shelved_and_answered_and_the_next_one_is_filed(
    tmp_path: Path, brittle: Worker, how: str, attempts: int, code: str
) -> None:
    """At the cap a person is asked, its sender is told that it arrived, and the form behind it is filed."""
    small = an_office(tmp_path, brittle, attempts=attempts)
    small.mailbox.put(a_mail(a_signed_form("Sở Tài chính"), sender="stc@binhthuan.example", X_Poison=how))
    small.mailbox.put(a_mail(a_signed_form(), message_id="<good@x>"))

    run_once(small.office)

    poisoned, good = sorted(small.deliveries().values(), key=lambda one: one.source_key)
    assert (poisoned.state, poisoned.attempts) == (State.SHELVED, attempts)
    assert [one.code for one in poisoned.reasons] == [code]
    assert good.state is State.FILED
    assert {poisoned.receipt_no, good.receipt_no} == {"PDG-2019-000001", "PDG-2019-000002"}
    assert sorted(one.to for one in small.courier.carried) == ["snv@binhthuan.example", "stc@binhthuan.example"]
    assert audit(small.office.database, small.office.vault).findings == ()
    small.office.ledger.close()


def test_what_waits_behind_a_poison_does_not_wait_for_its_cap(tmp_path: Path, brittle: Worker) -> None:
    """Fewest attempts first: a failed delivery goes to the end of the queue."""
    small = an_office(tmp_path, brittle, attempts=3)
    small.mailbox.put(a_mail(a_signed_form("Sở Tài chính"), X_Poison="kill"))
    small.mailbox.put(a_mail(a_signed_form(), message_id="<good@x>"))
    receive(small.office, small.mailbox)

    first, second = take_in(small.office), take_in(small.office)

    assert first is not None
    assert second is not None
    assert (first.state, second.state) == (State.RECEIVED, State.FILED)
    small.office.ledger.close()


def test_a_disk_that_fills_up_during_examination_costs_no_delivery_an_attempt(tmp_path: Path, brittle: Worker) -> None:
    """A full disk is said as trouble, each time; once it is freed the form is filed, and nobody was shelved for it."""
    small = an_office(tmp_path, brittle, attempts=2)
    small.mailbox.put(a_mail(a_signed_form()))
    (tmp_path / FULL).touch()
    for _ in range(3):
        with pytest.raises(OfficeError, match="No space left"):
            run_once(small.office)
    waiting = next(iter(small.deliveries().values()))
    assert (waiting.state, waiting.attempts) == (State.RECEIVED, 0)
    (tmp_path / FULL).unlink()

    run_once(small.office)

    assert [one.state for one in small.deliveries().values()] == [State.FILED]
    small.office.ledger.close()


def test_a_blob_that_is_gone_is_a_persons_matter_and_stops_nobody_else(tmp_path: Path, brittle: Worker) -> None:
    """The vault is there and one file in it is not: that delivery is shelved, and the audit says what is missing."""
    small = an_office(tmp_path, brittle, attempts=1)
    small.mailbox.put(a_mail(a_signed_form("Sở Tài chính")))
    small.mailbox.put(a_mail(a_signed_form(), message_id="<good@x>"))
    receive(small.office, small.mailbox)
    lost = next(one for one in small.deliveries().values() if one.source_key.endswith("/1"))
    next((tmp_path / "vault").rglob(lost.sha256)).unlink()
    small.mailbox.mails.clear()

    run_once(small.office)

    states = {one.source_key: one.state for one in small.deliveries().values()}
    assert states == {"INBOX/1/1": State.SHELVED, "INBOX/1/2": State.FILED}
    found = audit(small.office.database, small.office.vault).findings
    assert [one.code for one in found] == ["BLOB_MISSING"]
    small.office.ledger.close()
