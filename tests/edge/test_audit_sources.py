"""Every thing that a source ever showed is accounted for: in one state, or known already under another key."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.isolation import Workers
from intake.console.health import accounts_kept
from intake.flow import receive
from intake.once import run_once
from intake.sources.mailbox import Mailbox
from storage.audit import audit
from storage.ledger import Ledger
from storage.vault import Vault
from tests.edge.test_audit_findings import a_lived_in_ledger, codes, tamper
from tests.makers_storage import an_outcome, decide, received
from tests.offices import ListedMail, a_mail, a_signed_form, open_small_office, prepare_folder
from tests.servers.imap_double import PASSWORD, ImapDouble, refuse


def test_what_each_source_showed_is_told_and_adds_up(tmp_path: Path, examiner: Workers) -> None:
    """A form, a copy of it, other mail, one under a new UIDVALIDITY, one in the folder: the sums name them all."""
    small = open_small_office(prepare_folder(tmp_path), examiner=examiner)
    first = a_mail(a_signed_form())
    small.mailbox.put(first)
    small.mailbox.put(a_mail(a_signed_form(), message_id="<copy@x>"))
    small.mailbox.put(a_mail(None, subject="Giấy mời họp", message_id="<other@x>"))
    (tmp_path / "export" / "Phieu danh gia.pdf").write_bytes(a_signed_form("Sở Xây dựng"))
    run_once(small.office)
    small.mailbox.mails.append(ListedMail("INBOX/2/1", first))
    run_once(small.office)

    report = audit(small.office.database, small.office.vault)

    assert report.findings == ()
    mailbox = {key: count for key, count in report.by_source["mailbox"].items() if count}
    assert mailbox == {"shown": 4, "again": 1, "filed": 1, "linked": 1, "set_aside": 1, "total": 3}
    assert {key: report.by_source["qlvb"][key] for key in ("shown", "again", "total")} == {
        "shown": 1,
        "again": 0,
        "total": 1,
    }
    small.office.ledger.close()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM source_keys WHERE delivery_id = 'd000001'", id="a key that vanished"),
        pytest.param("UPDATE source_keys SET source = 'other' WHERE delivery_id = 'd000001'", id="of another source"),
        pytest.param("UPDATE source_keys SET delivery_id = 'd000002'", id="two things said to be one delivery"),
    ],
)
def test_a_thing_that_was_shown_and_is_nowhere_is_found(ledger: Ledger, vault: Vault, statement: str) -> None:
    """By hand only: the program writes key and delivery in one transaction."""
    a_lived_in_ledger(ledger, vault)
    tamper(ledger, statement)

    report = audit(ledger.database, vault)

    assert "SOURCE_NOT_ACCOUNTED_FOR" in codes(report)


def test_a_mail_that_was_shown_and_is_gone_or_not_had_yet_stands_in_the_sums(
    tmp_path: Path, examiner: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the server never hands over waits, also while it is not asked for; one that a colleague took is gone."""
    monkeypatch.setenv("DOUBLE_PASSWORD", PASSWORD)
    small = open_small_office(prepare_folder(tmp_path), examiner=examiner)
    now = [small.office.clock()]
    with ImapDouble() as server:
        server.put(*(f"Subject: {number}\r\n\r\nx\r\n".encode() for number in range(3)))
        server.answers = {1: refuse, 2: refuse}
        office = replace(small.office, sources=(Mailbox(server.settings()),), clock=lambda: now[0])
        for _ in range(3):
            receive(office, office.sources[0])
        del server.folders["INBOX"].mails[2]
        for minutes in (1, 1, 1, 60, 60, 1):
            now[0] += timedelta(minutes=minutes)
            receive(office, office.sources[0])

        report = audit(office.database, office.vault)
        office.sources[0].close()

    assert report.findings == ()
    mailbox = {key: count for key, count in report.by_source["mailbox"].items() if count}
    assert mailbox == {"shown": 1, "received": 1, "total": 1, "postponed": 1, "gone": 1}
    (kept,) = accounts_kept(small.office.queries.sums_by_source(), small.office.ledger.health())
    assert (kept.postponed, kept.gone, kept.balanced) == (1, 1, True)
    small.office.ledger.close()


def test_a_prefix_that_begins_like_another_leaves_no_gap(ledger: Ledger, vault: Vault) -> None:
    """PDG-2019-000001 is no number of the prefix PDG."""
    for number, prefix in enumerate(("PDG", "PDG-2019", "PDG")):
        delivery = received(ledger, number, sha256=vault.put(b"%d" % number).sha256)
        decide(ledger, delivery.id, an_outcome(), receipt_prefix=prefix)

    assert "RECEIPT_NUMBERS_HAVE_A_GAP" not in codes(audit(ledger.database, vault))


def test_the_command_shows_the_sums_of_each_source(tmp_path: Path, examiner: Workers) -> None:
    """In JSON under `sources`, and as one line each for people."""
    config = prepare_folder(tmp_path)
    small = open_small_office(config, examiner=examiner)
    small.mailbox.put(a_mail(a_signed_form()))
    run_once(small.office)
    small.office.ledger.close()

    def said(*options: str) -> str:
        command = [sys.executable, "-m", "intake", "audit", *options, "--config", str(config)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert json.loads(said("--json"))["sources"]["mailbox"]["filed"] == 1
    assert "mailbox: 1 đã thấy / shown = filed 1" in said()
