"""The export folder from end to end: what is recalled and replaced, what is answered, and what no clock decides."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from intake.clerk import OfficeClerk
from intake.console.desk import Extension, Request
from intake.daemon import Daemon
from intake.demo.exports import NEW, REPLACE, REVOKE, UPDATE, Attachment, Party, document_id, edxml_document, manifest
from intake.once import run_once
from intake.sources import folder as folder_module
from storage.accounts import Accounts
from storage.audit import audit
from storage.records import Action, Delivery, LetterKind, LetterState, Role, State, Timeliness
from tests.makers import CLOSES, DUE, IN_TIME
from tests.offices import SmallOffice, a_form, a_mail, a_signed_form, by_name, codes, put

HOUR = timedelta(hours=1)
SXD, OFFICE = Party("H11.09", "Sở Xây dựng", "sxd@x"), Party("H11.11", "Sở TTTT", "stttt@x")


def the_id(number: str) -> str:
    """The id of the department's document of this number."""
    return document_id(SXD, number, "SXD", IN_TIME)


def package(
    number: str = "1",
    *,
    form: bytes | None = None,
    operation: str = NEW,
    about: tuple[str, ...] = (),
    sender: Party = SXD,
    subject: str = "Phiếu đánh giá ứng dụng CNTT năm 2019",
) -> bytes:
    """A package of the Department of Construction; with a form, unless it recalls something."""
    content = form or a_signed_form("Sở Xây dựng", version=int(number))
    attachments = () if operation == REVOKE else (Attachment("phieu.signed.pdf", content),)
    return edxml_document(
        sender,
        OFFICE,
        number=number,
        notation="SXD",
        subject=subject,
        signed_by="A",
        at=IN_TIME,
        attachments=attachments,
        operation=operation,
        replaces=about,
    )


def answers(small_office: SmallOffice) -> list[tuple[str, str]]:
    """What the outbox says: status and document of each package, in the order in which they were written."""
    said = []
    for file in sorted((small_office.folder / "outbox").iterdir(), key=lambda one: one.stat().st_mtime_ns):
        root = etree.fromstring(file.read_bytes())
        texts = {etree.QName(one).localname: (one.text or "") for one in root.iter(etree.Element)}
        said.append((texts["StatusCode"], texts["DocumentId"]))
    return said


def act(small_office: SmallOffice, delivery: Delivery, action: Action, *names: str) -> None:
    """Let these persons ask for it, one after the other."""
    accounts = Accounts(small_office.office.database)
    for name in names:
        if accounts.get(name) is None:
            accounts.create(name, name, Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME)
        OfficeClerk(small_office.office).act(Request(delivery.id, action, name, "CLERK_CHECKED_IN_PERSON"))


def extend(small_office: SmallOffice, closes: datetime) -> None:
    """Move the end of grace."""
    accounts = Accounts(small_office.office.database)
    if accounts.get("lan") is None:
        accounts.create("lan", "lan", Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME)
    extension = Extension(closes, basis="Công văn 800", approved_by="Giám đốc", approved_on=closes.date(), by="lan")
    OfficeClerk(small_office.office).extend(extension)


# What is answered -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "persons", "status"), [(Action.ACCEPT, ("lan", "minh"), "03"), (Action.RETURN, ("lan",), "02")]
)
def test_an_agency_without_a_mailbox_hears_of_its_document_when_it_comes_and_when_a_person_decides(
    small_office: SmallOffice, action: Action, persons: tuple[str, ...], status: str
) -> None:
    """01 for what waits, then 03 or 02; each names the document it answers, leaves once, and stays."""
    put(small_office, "form.edxml", package(form=a_form("Sở Xây dựng")))
    run_once(small_office.office)
    held = by_name(small_office)["form.edxml"]
    assert (held.state, answers(small_office)) == (State.HELD, [("01", the_id("1"))])

    act(small_office, held, action, *persons)
    for _ in range(2):
        run_once(small_office.office)

    assert answers(small_office) == [("01", the_id("1")), (status, the_id("1"))]
    assert audit(small_office.office.database, small_office.office.vault).holds


def test_what_is_filed_at_once_is_answered_as_taken_in(small_office: SmallOffice) -> None:
    """A package by its document id, a document folder by the id that its manifest names."""
    put(small_office, "form.edxml", package())
    form = a_signed_form("Sở Xây dựng", version=2)
    sidecar = manifest(
        SXD,
        code="9/SXD",
        subject="Phiếu đánh giá ứng dụng CNTT năm 2019",
        sent_at=IN_TIME,
        received_at=IN_TIME + HOUR,
        files=(("phieu.signed.pdf", form, "form"),),
    )
    for name, data in (("phieu.signed.pdf", form), ("manifest.json", sidecar)):
        put(small_office, f"9/{name}", data)

    run_once(small_office.office)

    assert sorted(answers(small_office)) == [("03", the_id("1")), ("03", "H11.09-9/SXD")]


def test_a_file_that_is_no_document_of_the_axis_is_answered_by_no_package(small_office: SmallOffice) -> None:
    """A status that names no document tells its receiver nothing; the board shows that nobody was told."""
    put(small_office, "phieu.signed.pdf", a_signed_form("Sở Xây dựng"))

    run_once(small_office.office)

    [one] = small_office.deliveries().values()
    [letter] = small_office.office.ledger.letters.letters_of(one.id)
    assert (one.state, letter.state, letter.error) == (State.FILED, LetterState.WITHHELD, "NO_REGISTERED_ADDRESS")
    assert answers(small_office) == []


# What is recalled and replaced ----------------------------------------------------------------------------------------


def test_a_recall_that_came_before_its_document_is_obeyed_when_that_comes(small_office: SmallOffice) -> None:
    """A folder is listed in no order that its writer chose; what came between them wakes no other recall."""
    put(small_office, "recall.edxml", package("2", operation=REVOKE, about=(the_id("1"),)))
    put(small_office, "recall of nothing.edxml", package("3", operation=REVOKE, about=(the_id("99"),)))
    run_once(small_office.office)
    assert {one.state for one in by_name(small_office).values()} == {State.HELD}
    put(small_office, "form.edxml", package("1"))

    for _ in range(2):
        run_once(small_office.office)

    found = by_name(small_office)
    assert {name: one.state for name, one in found.items()} == {
        "recall.edxml": State.LINKED,
        "recall of nothing.edxml": State.HELD,
        "form.edxml": State.WITHDRAWN,
    }
    assert found["recall.edxml"].linked_to == found["form.edxml"].id
    assert audit(small_office.office.database, small_office.office.vault).holds


def test_a_recall_that_comes_twice_recalls_once(small_office: SmallOffice) -> None:
    """The second is linked like the first, and nothing moves again."""
    put(small_office, "form.edxml", package("1"))
    run_once(small_office.office)
    for name in ("first.edxml", "second.edxml"):
        put(small_office, name, package("2", operation=REVOKE, about=(the_id("1"),), subject=name))
        run_once(small_office.office)

    found = by_name(small_office)
    assert {name: one.state for name, one in found.items()} == {
        "form.edxml": State.WITHDRAWN,
        "first.edxml": State.LINKED,
        "second.edxml": State.LINKED,
    }
    events = [one.event for one in small_office.office.queries.timeline(found["form.edxml"].id)]
    assert events.count("withdrawn") == 1


def test_of_a_chain_of_replacements_the_last_stands_with_the_first_ones_moment(small_office: SmallOffice) -> None:
    """New, updated, replaced, and one that names itself and its successor: links in a ring change nothing."""
    chain = [
        ("1", NEW, ()),
        ("2", UPDATE, (the_id("1"),)),
        ("3", REPLACE, (the_id("2"),)),
        ("4", REPLACE, (the_id("4"), the_id("3"), the_id("5"))),
    ]
    for number, operation, about in chain:
        at = IN_TIME + int(number) * HOUR
        put(small_office, f"{number}.edxml", package(number, operation=operation, about=about), at)
        run_once(small_office.office)

    found = by_name(small_office)
    assert [(found[f"{number}.edxml"].state, found[f"{number}.edxml"].operative) for number in "1234"] == [
        (State.FILED, False),
        (State.FILED, False),
        (State.FILED, False),
        (State.FILED, True),
    ]
    assert found["4.edxml"].counted_at == found["1.edxml"].received_at


def test_when_the_last_of_a_chain_is_recalled_the_one_before_stands_again(small_office: SmallOffice) -> None:
    """The agency took back the correction, not the form."""
    for number, operation, about in (("1", NEW, ()), ("2", REPLACE, (the_id("1"),))):
        put(small_office, f"{number}.edxml", package(number, operation=operation, about=about))
        run_once(small_office.office)
    put(small_office, "recall.edxml", package("3", operation=REVOKE, about=(the_id("2"),)))
    run_once(small_office.office)

    found = by_name(small_office)
    assert (found["2.edxml"].state, found["1.edxml"].operative) == (State.WITHDRAWN, True)


def test_a_damaged_package_of_the_document_system_waits_for_a_person(small_office: SmallOffice) -> None:
    """Cut off at its head, in another encoding, with a document type: it is never other correspondence."""
    whole = package()
    for name, data in (
        ("cut.edxml", whole[400:]),
        ("utf-16.edxml", whole.decode().replace("UTF-8", "UTF-16").encode("utf-16")),
        ("dtd.edxml", whole.replace(b"?>", b'?><!DOCTYPE a [<!ENTITY e "e">]>', 1)),
        ("empty.edxml", b"\n"),
    ):
        put(small_office, name, data)

    run_once(small_office.office)

    assert {(one.state, "PACKAGE_NOT_READ" in codes(one)) for one in by_name(small_office).values()} == {
        (State.HELD, True)
    }


# What no clock decides ------------------------------------------------------------------------------------------------


def test_a_file_without_a_time_is_not_taken_for_one_of_before_the_campaign(small_office: SmallOffice) -> None:
    """An unpacker wrote 1980: set aside in silence, a form that came in time would be lost."""
    put(small_office, "form.edxml", package(), datetime(1980, 1, 1, tzinfo=UTC))

    run_once(small_office.office)

    [one] = small_office.deliveries().values()
    assert (one.state, one.timeliness, one.received_by) == (State.FILED, Timeliness.ON_TIME, "first-listing")


def test_a_form_that_a_broken_clock_dates_before_the_campaign_waits_for_two_persons(small_office: SmallOffice) -> None:
    """The share's clock was months behind: it was signed after it is said to have come."""
    put(small_office, "form.edxml", package(), IN_TIME - timedelta(days=200))

    run_once(small_office.office)

    [one] = small_office.deliveries().values()
    assert (one.state, "RECEIVED_BEFORE_SIGNED" in codes(one), one.receipt_no) == (State.HELD, True, None)
    act(small_office, one, Action.ACCEPT, "lan")
    assert by_name(small_office)["form.edxml"].state is State.HELD
    act(small_office, one, Action.ACCEPT, "minh")
    assert by_name(small_office)["form.edxml"].state is State.FILED


def test_whoever_was_accepted_late_is_told_when_the_extension_covers_him(small_office: SmallOffice) -> None:
    """By mail and by status package, once each, however often the rules are read; he was told that he was too late."""
    small_office.office = replace(small_office.office, clock=lambda: (CLOSES + 2 * HOUR).astimezone(UTC))
    small_office.mailbox.put(a_mail(a_signed_form()), CLOSES + HOUR)
    put(small_office, "form.edxml", package(), CLOSES + HOUR)
    run_once(small_office.office)
    for one in list(small_office.deliveries().values()):
        act(small_office, one, Action.ACCEPT, "lan", "minh")
    run_once(small_office.office)
    told_before = len(small_office.courier.carried), len(answers(small_office))

    extend(small_office, CLOSES + timedelta(days=7))
    for _ in range(2):
        run_once(small_office.office)

    assert (len(small_office.courier.carried), len(answers(small_office))) == tuple(one + 1 for one in told_before)
    letter = small_office.courier.carried[-1]
    assert (letter.kind, letter.to) == (LetterKind.OUTCOME, "snv@binhthuan.example")
    assert "TRONG THỜI GIAN GIA HẠN" in letter.body
    assert letter.delivery_id is not None
    assert answers(small_office)[-1] == ("03", the_id("1"))
    assert {one.timeliness for one in small_office.deliveries().values()} == {Timeliness.IN_GRACE}
    assert audit(small_office.office.database, small_office.office.vault).holds


def test_what_was_in_time_before_is_not_told_anything(small_office: SmallOffice) -> None:
    """An extension concerns those whom it favours."""
    small_office.mailbox.put(a_mail(a_signed_form()), DUE - HOUR)
    run_once(small_office.office)
    told = len(small_office.courier.carried)

    extend(small_office, CLOSES + timedelta(days=7))
    run_once(small_office.office)

    assert len(small_office.courier.carried) == told


def test_a_share_that_hangs_is_an_outage_and_does_not_keep_the_service_from_ending(
    small_office: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel holds the call; the board says so in words, and the service ends without it."""
    answers_again, hung = threading.Event(), threading.Event()

    def hangs(_path: Path) -> None:
        hung.set()
        answers_again.wait(120)

    monkeypatch.setattr(os, "scandir", hangs)
    monkeypatch.setattr(folder_module, "STANDSTILL_SECONDS", 0.3)
    folder_only = tuple(one for one in small_office.office.sources if one.name == "qlvb")
    daemon = Daemon(replace(small_office.office, sources=folder_only))
    running = threading.Thread(target=daemon.run)
    running.start()
    assert hung.wait(60)
    for _ in range(200):
        outages = small_office.office.ledger.outages("qlvb")
        if outages:
            break
        threading.Event().wait(0.1)
    daemon.stop()
    running.join(60)

    assert (running.is_alive(), answers_again.is_set()) == (False, False)
    assert [one.until for one in outages] == [None]
    [health] = [one for one in small_office.office.ledger.health() if one.source == "qlvb"]
    assert "has not answered" in (health.error or "")
    answers_again.set()


@pytest.mark.parametrize(
    ("file_time", "state", "counted"),
    [
        pytest.param(DUE - timedelta(minutes=1), State.FILED, Timeliness.ON_TIME, id="written in time meanwhile"),
        pytest.param(DUE, State.FILED, Timeliness.IN_GRACE, id="written at the first instant outside"),
        pytest.param(DUE - timedelta(days=2), State.HELD, Timeliness.ON_TIME, id="a copy that keeps an older time"),
        pytest.param(DUE + timedelta(days=2), State.HELD, Timeliness.ON_TIME, id="a clock that runs ahead"),
    ],
)
def test_a_service_that_stood_still_across_the_deadline_makes_nobody_late(
    small_office: SmallOffice, file_time: datetime, state: State, counted: Timeliness
) -> None:
    """The last look was before it, the next after it: the file's own time tells, or a person does."""
    before, after = ((DUE + shift).astimezone(UTC) for shift in (-HOUR, HOUR))
    put(small_office, "other.txt.edxml", b"\n", DUE - 2 * HOUR)
    small_office.office = replace(small_office.office, clock=lambda: before)
    run_once(small_office.office)
    put(small_office, "form.edxml", package(), file_time)
    small_office.office = replace(small_office.office, clock=lambda: after)

    run_once(small_office.office)

    one = by_name(small_office)["form.edxml"]
    assert (one.state, one.timeliness) == (state, counted)
    assert ("TIME_UNCERTAIN" in codes(one)) is (state is State.HELD)
    assert {clock.name for clock in one.clocks} >= {"file_time", "file_changed", "not_there_at", "first_listed"}


def test_a_share_that_is_not_mounted_is_an_outage_from_the_last_good_look_to_the_next(
    small_office: SmallOffice,
) -> None:
    """Recorded with its proof in the log, ended by the look that sees the share again."""
    moments = [(IN_TIME + shift).astimezone(UTC) for shift in (timedelta(), HOUR, 2 * HOUR)]
    put(small_office, "form.edxml", package())
    small_office.office = replace(small_office.office, clock=lambda: moments[0])
    run_once(small_office.office)
    export, share = small_office.folder / "export", small_office.folder / "the share"
    export.rename(share)
    export.mkdir()
    small_office.office = replace(small_office.office, clock=lambda: moments[1])
    assert run_once(small_office.office).sources[1].error is not None
    export.rmdir()
    share.rename(export)
    small_office.office = replace(small_office.office, clock=lambda: moments[2])
    run_once(small_office.office)

    [outage] = small_office.office.ledger.outages("qlvb")
    assert (outage.since, outage.until) == (moments[0], moments[2])
    events = [one.event for one in small_office.office.queries.entries()]
    assert (events.count("outage_began"), events.count("outage_ended")) == (1, 1)
    assert len(small_office.deliveries()) == 1
