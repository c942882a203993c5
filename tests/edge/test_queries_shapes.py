"""The log, the board and the sums show everything that is there, once, and find what people type."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from storage.ledger import Ledger
from storage.queries import LogFilter, Queries, RosterRow
from storage.records import Channel, LetterKind, State, Timeliness, Why
from tests.makers import CLOSES, DUE, OFFICE
from tests.makers_storage import (
    NOON,
    SECOND,
    a_draft,
    a_file,
    an_arrival,
    an_outcome,
    decide,
    decided,
    held,
    one_letter,
    received,
)

ROSTER = [
    RosterRow("snv", "Sở Nội vụ", "mail"),
    RosterRow("sxd", "Sở Xây dựng", "qlvb"),
    RosterRow("phuquy", "Ủy ban nhân dân huyện Phú Quý", "mail"),
]


@pytest.fixture
def queries(ledger: Ledger) -> Queries:
    """The faces' view of the ledger, in the office's zone."""
    return Queries(ledger.database, OFFICE, {one.id: one.name for one in ROSTER})


def board(queries: Queries) -> dict[str, dict[str, object]]:
    """The board's rows by agency, after checking that its totals add up to the roster."""
    shown = queries.board("2019", ROSTER, as_of=NOON, due=DUE, closes=CLOSES)
    assert sum(shown["totals"].values()) == len(ROSTER)
    assert [one["id"] for one in shown["agencies"]] == [one.id for one in ROSTER]
    return {one["id"]: one for one in shown["agencies"]}


def test_the_log_has_the_contracts_shape(ledger: Ledger, queries: Queries) -> None:
    """Every field of contract section 5, times in the office's zone, a missing value null."""
    delivery = decided(ledger, 1, write_letters=one_letter)

    shown = json.loads(json.dumps(queries.log(), ensure_ascii=False))

    assert (shown["schema"], shown["total"]) == ("intake-log/1", 1)
    (row,) = shown["deliveries"]
    letter = row.pop("letters")[0]
    assert row == {
        "id": delivery.id,
        "receipt_no": "PDG-2019-000001",
        "source": "mailbox",
        "source_key": "INBOX/7/1",
        "received_at": "2019-09-12T12:00:01+07:00",
        "received_by": "imap-internaldate",
        "seen_at": "2019-09-12T12:05:00+07:00",
        "sender": "snv@binhthuan.example",
        "agency": "snv",
        "channel": "mail",
        "subject": "Phiếu đánh giá ứng dụng CNTT",
        "state": "filed",
        "timeliness": "on_time",
        "signature": "passed",
        "operative": True,
        "reasons": [{"code": "AGENCY_BY_CERTIFICATE", "detail": ""}],
        "supersedes": None,
        "linked_to": None,
        "sha256": delivery.sha256,
        "size": 1001,
    }
    assert {letter[name] for name in ("kind", "to", "state")} == {"receipt", "snv@binhthuan.example", "queued"}
    assert letter["sent_at"] is None
    assert letter["message_id"].startswith("<receipt.1.")


def test_the_newest_comes_first_and_pages_follow(ledger: Ledger, queries: Queries) -> None:
    """Newest by the time that counts, whatever the order of their arrival here."""
    for number in (3, 1, 2):
        received(ledger, number)

    assert [one.source_key[-1] for one in queries.deliveries()] == ["3", "2", "1"]
    assert [one.source_key[-1] for one in queries.deliveries(LogFilter(limit=1, offset=1))] == ["2"]
    assert queries.count(LogFilter(limit=1, offset=1)) == 3


@pytest.mark.parametrize(
    "words",
    [
        "phiếu đánh giá",
        "phieu danh gia",
        "PHIEU  Đánh",
        "phie\u0302\u0301u",
        "danh gia phieu",
        "snv@binhthuan",
        "so noi vu",
        "Sở Nội vụ",
        "PDG-2019-000001",
        "phieu-2019.PDF",
        "d000001",
    ],
)
def test_it_is_found_as_people_type(ledger: Ledger, queries: Queries, words: str) -> None:
    """With or without marks, composed or not, in any case and order, by the agency's name or the number."""
    decided(ledger, 1, an_outcome(files=(a_file(name="phiếu-2019.pdf"),)))
    received(ledger, 2, subject="Giấy mời họp", sender="khac@binhthuan.example")

    assert [one.id for one in queries.deliveries(LogFilter(words=words))] == ["d000001"]


@pytest.mark.parametrize("words", ["%", "_", "\\", "100%", "'; DROP TABLE log; --"])
def test_search_characters_mean_themselves(ledger: Ledger, queries: Queries, words: str) -> None:
    """What LIKE or SQL would read as a command is only a letter here."""
    received(ledger, 1, subject=f"có {words} trong tên")
    received(ledger, 2, subject="không có")

    assert [one.id for one in queries.deliveries(LogFilter(words=words))] == ["d000001"]


def test_each_filter_asks_for_its_own(ledger: Ledger, queries: Queries) -> None:
    """State, agency, campaign, source, channel, time, timeliness, signature, and what waits for a person."""
    decided(ledger, 1)
    decided(ledger, 2, held(agency=None, timeliness=Timeliness.IN_GRACE))
    decided(ledger, 3, held(state=State.SHELVED, agency="sxd", signature=None))
    ledger.receive(an_arrival(4, source="qlvb", channel=Channel.QLVB), same_bytes_is_same=False)
    decided(ledger, 5, an_outcome(state=State.SET_ASIDE, agency=None, operative=False, takes_number=False))

    def found(**asked: object) -> list[str]:
        wanted = LogFilter(**asked)  # type: ignore[arg-type]
        ids = sorted(one.id[-1] for one in queries.deliveries(wanted))
        assert queries.count(wanted) == len(ids)
        return ids

    assert found(state=State.FILED) == ["1"]
    assert found(agency="sxd") == ["3"]
    assert found(campaign="2019") == ["1", "2", "3", "5"]
    assert found(source="qlvb") == found(channel=Channel.QLVB) == ["4"]
    assert found(since=NOON + 2 * SECOND, until=NOON + 4 * SECOND) == ["2", "3"]
    assert found(timeliness=Timeliness.IN_GRACE) == ["2"]
    assert found(signature="indeterminate") == ["2"]
    assert found(needs_decision=True) == ["2", "3"]
    assert found(unmatched=True) == ["2", "4"]


def test_an_agency_that_sent_nothing_is_a_row_and_not_an_absence(queries: Queries) -> None:
    """The missing are on the board from the first day."""
    rows = board(queries)

    assert {one["state"] for one in rows.values()} == {"missing"}
    assert rows["snv"]["received_at"] is None


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (State.FILED, "filed"),
        (State.HELD, "held"),
        (State.SHELVED, "received"),
        (State.SET_ASIDE, "missing"),
    ],
)
def test_a_deliverys_state_is_its_agencys(ledger: Ledger, queries: Queries, state: State, shown: str) -> None:
    """Shelved counts as received: it came, and nobody's fault keeps it; other correspondence counts for nothing."""
    decided(ledger, 1, an_outcome(state=state, operative=state is State.FILED))

    assert board(queries)["snv"]["state"] == shown


def test_the_operative_version_outweighs_a_newer_one(ledger: Ledger, queries: Queries) -> None:
    """An agency that has filed stays filed though a later mail of its is held; its counted time is shown."""
    earlier = NOON - timedelta(days=3)
    decided(ledger, 1, an_outcome(counted_at=earlier))
    decided(ledger, 2, held())

    row = board(queries)["snv"]
    assert (row["state"], row["delivery"]) == ("filed", "d000001")
    assert datetime.fromisoformat(str(row["received_at"])) == earlier


def test_without_an_operative_version_the_newest_speaks(ledger: Ledger, queries: Queries) -> None:
    """What came last is what a clerk must look at."""
    decided(ledger, 2, held(state=State.SHELVED))
    decided(ledger, 1, held())

    assert board(queries)["snv"]["delivery"] == "d000001"


def test_the_board_is_of_one_campaign(ledger: Ledger, queries: Queries) -> None:
    """Last year's form does not make this year's agency filed."""
    decided(ledger, 1, an_outcome(campaign="2018"))

    assert board(queries)["snv"]["state"] == "missing"


def test_one_delivery_shows_all_that_is_known(ledger: Ledger, queries: Queries) -> None:
    """Timeline, files, signatures, form, clocks, letters and keys; found by id and by number alike."""
    delivery = decided(ledger, 1, an_outcome(flaws=(Why("ANSWER_MISSING", "2.1"),)), write_letters=one_letter)
    ledger.receive(an_arrival(source_key="Junk/1/4"), same_bytes_is_same=True)

    shown = queries.show("PDG-2019-000001")

    assert shown == queries.show(delivery.id)
    assert json.loads(json.dumps(shown)) == shown
    assert [one["event"] for one in shown["timeline"]] == ["received", "decided", "letter_queued", "alias_received"]
    assert shown["timeline"][0]["at"] == "2019-09-12T12:05:00+07:00"
    assert [one["key"] for one in shown["source_keys"]] == ["INBOX/7/1", "Junk/1/4"]
    assert [one["name"] for one in shown["clocks"]] == ["internaldate"]
    assert shown["files"][0]["trail"] == ["phieu.pdf"]
    assert shown["signatures"] == [
        {"file": "phieu.pdf", "file_sha256": shown["files"][0]["sha256"]} | {"name": "Signature1", "verdict": "passed"}
    ]
    assert shown["form"]["flaws"][0]["code"] == "ANSWER_MISSING"


def test_every_delivery_is_in_exactly_one_sum(ledger: Ledger, queries: Queries) -> None:
    """What the sources showed is what is filed, held, set aside, shelved or waiting: the sums agree."""
    decided(ledger, 1)
    decided(ledger, 2, held())
    received(ledger, 3)
    ledger.receive(an_arrival(3, source_key="Junk/1/1"), same_bytes_is_same=True)
    ledger.receive(an_arrival(4, source="qlvb"), same_bytes_is_same=False)

    sums, by_source = queries.sums(), queries.sums_by_source()

    assert (sums["filed"], sums["held"], sums["received"], sums["total"]) == (1, 1, 2, 4)
    assert (by_source["mailbox"]["total"], by_source["mailbox"]["keys"]) == (3, 4)
    assert sum(one["total"] for one in by_source.values()) == sums["total"]


def test_several_letters_of_a_delivery_are_all_shown(ledger: Ledger, queries: Queries) -> None:
    """Oldest first, each with its state."""
    delivery = received(ledger)
    drafts = (a_draft(), a_draft(kind=LetterKind.OUTCOME, to=""))
    decide(ledger, delivery.id, an_outcome(), write_letters=lambda receipt: drafts)

    (row,) = queries.log()["deliveries"]

    assert [(one["kind"], one["state"], one["to"]) for one in row["letters"]] == [
        ("receipt", "queued", "snv@binhthuan.example"),
        ("outcome", "withheld", None),
    ]
