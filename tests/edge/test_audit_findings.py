"""The audit finds every kind of tampering, and nothing where there was none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from storage.audit import AuditReport, audit
from storage.ledger import Ledger
from storage.logbook import hash_of
from storage.queries import Queries
from storage.records import Action, Answer, State, Why
from storage.rows import AUDITED
from storage.tables import deliveries
from storage.vault import FileVault, Vault
from tests.makers import OFFICE
from tests.makers_storage import (
    NOON,
    PREFIX,
    an_arrival,
    an_outcome,
    decide,
    digest_of,
    held,
    no_letters,
    one_letter,
    with_clerks,
)


def a_lived_in_ledger(ledger: Ledger, vault: Vault) -> None:
    """Fill the ledger with one of everything, every byte of it in the vault."""
    for words in ("mail 1", "mail 2", "mail 3", "form", "chain"):
        vault.put(words.encode())
    with_clerks(ledger, "an", "binh")
    ledger.record_campaign("2019", "c1", "…", by="gd", note="", at=NOON)
    for number in (1, 2, 3):
        ledger.receive(an_arrival(number), same_bytes_is_same=True)
    ledger.receive(an_arrival(1, source_key="Junk/2/9\udcff", received_at=NOON), same_bytes_is_same=True)
    outcome = an_outcome(answers=(Answer("1.1", "yes_no", value_text="có"),), flaws=(Why("ANSWER_MISSING", "1.2"),))
    decide(ledger, "d000001", outcome, write_letters=one_letter)
    decide(ledger, "d000002", outcome, write_letters=one_letter)
    decide(ledger, "d000003", held(agency="sxd"), write_letters=one_letter)
    for by in ("an", "binh"):
        ledger.act(
            "d000003",
            Action.ACCEPT,
            by=by,
            reason="CLERK_CHECKED_IN_PERSON",
            note="",
            at=NOON,
            needs_two=True,
            receipt_prefix=PREFIX,
            write_letters=no_letters,
        )
    letter = ledger.letters.letters_of("d000001")[0]
    ledger.letters.mark_sending(letter.id, NOON)
    ledger.letters.mark_sent(letter.id, NOON)
    ledger.source_failed("qlvb", NOON, "gone", "mount it")


def tamper(ledger: Ledger, *statements: str) -> None:
    """Do what an attacker with the database's password does: take the guards away, then change what one likes."""
    with ledger.database.writing() as connection:
        for statement in (*_without_guards(connection, ledger), *statements):
            connection.execute(text(statement))


def _without_guards(connection: Connection, ledger: Ledger) -> list[str]:
    if ledger.database.is_sqlite:
        asked = "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
    else:
        asked = "SELECT 'DROP TRIGGER ' || tgname || ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal"
    return list(connection.execute(text(asked)).scalars())


def codes(report: AuditReport) -> set[str]:
    """What was found, without the guards that the test took away."""
    return {one.code for one in report.findings} - {"LOG_GUARD_MISSING"}


def test_an_honest_ledger_holds(ledger: Ledger, vault: Vault) -> None:
    """Everything that the program does leaves nothing to find, and the counts are told."""
    a_lived_in_ledger(ledger, vault)
    seen: list[tuple[str, int, int]] = []

    report = audit(ledger.database, vault, progress=lambda *step: seen.append(step))

    assert report.findings == ()
    assert report.holds
    assert (report.deliveries, report.letters, report.blobs) == (3, 3, 5)
    assert (report.entries, report.head_hash) == (report.head_seq, ledger.log_head()[1])
    assert (report.sums["filed"], report.sums["total"]) == (3, 3)
    assert {what for what, _, _ in seen} == {"log", "deliveries", "blobs"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("UPDATE log SET actor = 'chi' WHERE seq = 3", "LOG_ENTRY_CHANGED", id="another actor"),
        pytest.param("UPDATE log SET event = 'x' WHERE seq = 3", "LOG_ENTRY_CHANGED", id="another event"),
        pytest.param("UPDATE log SET detail = '{}' WHERE seq = 3", "LOG_ENTRY_CHANGED", id="another detail"),
        pytest.param("UPDATE log SET detail = 'junk' WHERE seq = 3", "LOG_ENTRY_CHANGED", id="no detail at all"),
        pytest.param(
            "UPDATE log SET at = '2019-09-12T05:00:00.000001+00:00' WHERE seq = 3",
            "LOG_ENTRY_CHANGED",
            id="a microsecond",
        ),
        pytest.param("DELETE FROM log WHERE seq = 3", "LOG_ENTRY_MISSING", id="one cut out"),
        pytest.param("DELETE FROM log WHERE seq = 1", "LOG_ENTRY_MISSING", id="the first cut off"),
        pytest.param(
            "DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)", "LOG_HEAD_MISMATCH", id="the last cut off"
        ),
        pytest.param("UPDATE log SET seq = seq + 1000 WHERE seq = 3", "LOG_ENTRY_CHANGED", id="one moved to the end"),
        pytest.param("UPDATE log_head SET hash = 'x'", "LOG_HEAD_MISMATCH", id="another head"),
        pytest.param("UPDATE log_head SET deliveries = 2", "SUMS_DO_NOT_ADD_UP", id="a delivery too many"),
        pytest.param(
            "UPDATE receipt_counters SET last = 4", "RECEIPT_NUMBERS_HAVE_A_GAP", id="a number that nobody has"
        ),
        pytest.param("UPDATE accounts SET role = 'admin' WHERE name = 'an'", "ROW_DIFFERS_FROM_LOG", id="more rights"),
        pytest.param("UPDATE campaigns SET version = 'c2'", "ROW_DIFFERS_FROM_LOG", id="another campaign"),
        pytest.param("UPDATE letters SET body = 'x' WHERE id = 'l000001'", "ROW_DIFFERS_FROM_LOG", id="another letter"),
        pytest.param(
            "UPDATE letters SET recipient = 'x@y' WHERE id = 'l000001'", "ROW_DIFFERS_FROM_LOG", id="another to"
        ),
        pytest.param(
            "UPDATE letters SET state = 'sent' WHERE id = 'l000002'", "ROW_DIFFERS_FROM_LOG", id="sent or not"
        ),
        pytest.param("DELETE FROM letters WHERE id = 'l000002'", "ROW_MISSING", id="a letter that vanished"),
        pytest.param("DELETE FROM answers", "CONTENTS_DIFFER_FROM_LOG", id="answers gone"),
        pytest.param("UPDATE answers SET value_text = 'không'", "CONTENTS_DIFFER_FROM_LOG", id="another answer"),
        pytest.param("UPDATE answers SET numerator = '1'", "CONTENTS_DIFFER_FROM_LOG", id="a number slipped in"),
        pytest.param("UPDATE files SET report = '{}'", "CONTENTS_DIFFER_FROM_LOG", id="another verdict"),
        pytest.param("UPDATE flaws SET code = 'X'", "CONTENTS_DIFFER_FROM_LOG", id="another flaw"),
        pytest.param("DELETE FROM source_keys WHERE source_key LIKE 'json:%'", "SUMS_DO_NOT_ADD_UP", id="a key gone"),
        pytest.param("UPDATE source_keys SET source_key = 'x'", "ROW_DIFFERS_FROM_LOG", id="another key"),
    ],
)
def test_each_kind_of_tampering_is_found(ledger: Ledger, vault: Vault, statement: str, expected: str) -> None:
    """Whoever changes one thing in the database is found out."""
    a_lived_in_ledger(ledger, vault)

    if "numerator" in statement and not ledger.database.is_sqlite:
        statement = "UPDATE answers SET numerator = 1"
    tamper(ledger, statement)

    assert expected in codes(audit(ledger.database, vault))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET at = 'yesterday' WHERE seq = 4",
        "UPDATE deliveries SET received_at = 'yesterday' WHERE id = 'd000002'",
        "UPDATE deliveries SET size = 'large' WHERE id = 'd000002'",
        "UPDATE files SET evidence = 'none' WHERE delivery_id = 'd000002'",
        "UPDATE files SET report = '{' WHERE delivery_id = 'd000002'",
        "UPDATE answers SET numerator = 'many' WHERE delivery_id = 'd000002'",
        "UPDATE letters SET sent_at = 'soon' WHERE id = 'l000001'",
        'UPDATE log SET detail = \'{"now": 3, "letter": {}}\' WHERE seq = 4',
    ],
)
def test_what_cannot_even_be_read_is_a_finding(tmp_path: Path, vault: Vault, statement: str) -> None:
    """SQLite keeps whatever a hand writes into a column; the audit names it and goes on to the end."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'intake.db'}")
    ledger.upgrade()
    a_lived_in_ledger(ledger, vault)
    tamper(ledger, statement)

    report = audit(ledger.database, vault)
    ledger.close()

    assert {"ROW_DIFFERS_FROM_LOG", "LOG_ENTRY_CHANGED"} & codes(report)
    assert report.blobs == 5


OTHER_VALUES = {
    "size": "1",
    "released": "true",
    "examination": "7",
    "operative": "false",
    "received_at": "'2019-09-01T00:00:00.000000+00:00'",
    "received_at_earliest": "'2019-09-01T00:00:00.000000+00:00'",
    "counted_at": "'2019-09-01T00:00:00.000000+00:00'",
    "decided_at": "'2019-09-01T00:00:00.000000+00:00'",
    "state": "'held'",
    "supersedes": "'d000003'",
    "linked_to": "'d000003'",
}


@pytest.mark.parametrize("column", AUDITED)
def test_every_audited_column_of_a_delivery_is_proven_by_the_log(ledger: Ledger, vault: Vault, column: str) -> None:
    """Moment, number, digest, state, agency and all the rest: no column can be changed by hand unseen."""
    a_lived_in_ledger(ledger, vault)

    value = OTHER_VALUES.get(column, "'other'")
    more = ", operative = false" if column == "state" else ""
    tamper(ledger, f"UPDATE deliveries SET {column} = {value}{more} WHERE id = 'd000002'")

    found = audit(ledger.database, vault).findings
    assert ("ROW_DIFFERS_FROM_LOG", "d000002") in {(one.code, one.subject) for one in found if column in one.detail}


def test_no_column_that_matters_is_left_out() -> None:
    """A new column of deliveries is audited, or stands here with the reason why not."""
    not_audited = {
        "id": "the rows are matched by it",
        "seen_at": "the time of the log entry itself",
        "name": "a label; the bytes are in the vault",
        "sender": "a label",
        "subject": "a label",
        "message_id": "never an identity",
        "attempts": "counted outside the log, on purpose",
        "arrival_reasons": "derived from the source's listing",
        "reasons": "the log has them in words at each decision",
        "clocks": "evidence shown; the counted time itself is audited",
        "search_text": "derived",
    }

    assert {one.name for one in deliveries.columns} == set(AUDITED) | set(not_audited)


def test_a_delivery_slipped_in_is_found(ledger: Ledger, vault: Vault) -> None:
    """A row of which the log has never heard was not made by the program."""
    a_lived_in_ledger(ledger, vault)
    names = ", ".join(one.name for one in deliveries.columns if one.name not in ("id", "receipt_no", "operative"))

    tamper(
        ledger,
        f"INSERT INTO deliveries (id, receipt_no, operative, {names}) "
        f"SELECT 'd000004', 'PDG-2019-000009', false, {names} FROM deliveries WHERE id = 'd000001'",
    )

    found = codes(audit(ledger.database, vault))
    assert {"ROW_NOT_IN_LOG", "SUMS_DO_NOT_ADD_UP", "RECEIPT_NUMBERS_HAVE_A_GAP"} <= found


def test_two_entries_that_change_places_are_found(ledger: Ledger, vault: Vault) -> None:
    """The chain holds the order, too: even with hashes made anew, the next entry does not follow."""
    a_lived_in_ledger(ledger, vault)
    entries = Queries(ledger.database, OFFICE).entries(limit=4)
    third, fourth = entries[2], entries[3]
    with ledger.database.reading() as connection:
        details = {
            seq: connection.execute(text(f"SELECT detail FROM log WHERE seq = {seq}")).scalar_one() for seq in (3, 4)
        }
    new_third = hash_of(3, fourth.at, fourth.event, fourth.delivery_id, fourth.actor, details[4], entries[1].hash)
    new_fourth = hash_of(4, third.at, third.event, third.delivery_id, third.actor, details[3], new_third)

    tamper(
        ledger,
        "UPDATE log SET seq = 9003 WHERE seq = 3",
        f"UPDATE log SET seq = 3, previous = '{entries[1].hash}', hash = '{new_third}' WHERE seq = 4",
        f"UPDATE log SET seq = 4, previous = '{new_third}', hash = '{new_fourth}' WHERE seq = 9003",
    )

    assert codes(audit(ledger.database, vault)) == {"LOG_ORDER_BROKEN"}


def test_a_missing_guard_is_told(ledger: Ledger, vault: Vault) -> None:
    """A database whose triggers were removed is no longer guarded, though nothing was changed yet."""
    a_lived_in_ledger(ledger, vault)
    tamper(ledger)

    assert {one.code for one in audit(ledger.database, vault).findings} == {"LOG_GUARD_MISSING"}


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        pytest.param(lambda path: path.unlink(), "BLOB_MISSING", id="gone"),
        pytest.param(lambda path: path.write_bytes(b"farm"), "BLOB_CHANGED", id="one letter changed"),
        pytest.param(lambda path: path.write_bytes(b""), "BLOB_CHANGED", id="emptied"),
    ],
)
def test_a_blob_that_no_longer_matches_is_found(
    ledger: Ledger, vault: FileVault, harm: Callable[[Path], object], expected: str
) -> None:
    """The form itself is proven by its digest; who needs it is named."""
    a_lived_in_ledger(ledger, vault)
    path = vault.path_of(digest_of("form"))
    path.chmod(0o640)
    harm(path)

    (finding,) = audit(ledger.database, vault).findings

    assert (finding.code, finding.subject, finding.detail) == (expected, digest_of("form"), "needed by d000001")


def test_a_quick_audit_does_not_read_the_blobs(ledger: Ledger, vault: FileVault) -> None:
    """It still sees one that is gone."""
    a_lived_in_ledger(ledger, vault)
    vault.path_of(digest_of("form")).chmod(0o640)
    vault.path_of(digest_of("form")).write_bytes(b"farm")
    vault.path_of(digest_of("mail 1")).unlink()

    report = audit(ledger.database, vault, blobs=False)

    assert [one.code for one in report.findings] == ["BLOB_MISSING"]
    assert report.bytes == 0


def test_findings_beyond_counting_are_counted(ledger: Ledger, vault: Vault) -> None:
    """A ledger that is wrong everywhere gives an answer of bounded size; nothing is called whole that is not."""
    a_lived_in_ledger(ledger, vault)
    tamper(ledger, "UPDATE log SET actor = 'x'")

    report = audit(ledger.database, vault)

    assert report.found >= report.entries
    assert not report.holds


def test_the_chain_can_be_recomputed_from_what_is_shown(ledger: Ledger, vault: Vault) -> None:
    """An auditor needs only the rule: the shown entries, hashed as documented, give the head."""
    a_lived_in_ledger(ledger, vault)
    previous = "0" * 64

    for one in Queries(ledger.database, OFFICE).entries():
        detail = json.dumps(one.detail, sort_keys=True, separators=(",", ":"))
        previous = hash_of(one.seq, one.at, one.event, one.delivery_id, one.actor, detail, previous)

    assert previous == ledger.log_head()[1]


def test_the_sums_of_states_are_told_for_every_state(ledger: Ledger, vault: Vault) -> None:
    """Each delivery is in exactly one state; the empty states are shown as nought."""
    a_lived_in_ledger(ledger, vault)

    sums = audit(ledger.database, vault).sums

    assert set(sums) == {*(state.value for state in State), "total"}
    assert sum(sums[state.value] for state in State) == sums["total"]
