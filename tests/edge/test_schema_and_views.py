"""The migrations make the tables that the program knows, on both databases, and the views that scorers rely on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from storage.database import Database, DatabaseError
from storage.exports import COLUMNS
from storage.ledger import Ledger
from storage.records import Answer, Delivery, State, Timeliness
from storage.schema import is_current, upgrade
from storage.standing import Standing
from storage.tables import answers, metadata
from tests.makers_storage import NOON, SECOND, an_outcome, decided, held

DOCUMENT = Path(__file__).parents[2] / "docs" / "scoring-store.md"


def documented(view: str) -> list[str]:
    """The columns of a view as docs/scoring-store.md lists them."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(f"## `{view}`")
    return re.findall(r"^\| `(\w+)` \|", rest.partition("\n## ")[0], flags=re.MULTILINE)


@pytest.mark.parametrize("view", ["scoring_forms", "scoring_answers"])
def test_the_views_are_documented_column_by_column(ledger: Ledger, view: str) -> None:
    """The document names every column, in order, and no other; the exports add only the agency's name."""
    columns = [one["name"] for one in inspect(ledger.database.engine).get_columns(view)]

    assert columns == documented(view)
    exported = COLUMNS["forms" if view == "scoring_forms" else "answers"]
    assert [one for one in exported if one != "agency_name"] == columns


def test_the_migrations_make_what_the_program_knows(ledger: Ledger) -> None:
    """No column, index or key differs between the migrations and the tables of the program."""
    with ledger.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []
    assert is_current(ledger.database)


def test_upgrading_twice_changes_nothing(ledger: Ledger) -> None:
    """What is in the database stays, and the secret of the installation stays the same."""
    decided(ledger, 1)
    with ledger.database.reading() as connection:
        secret = connection.execute(text("SELECT value FROM installation")).scalar_one()

    upgrade(ledger.database)

    with ledger.database.reading() as connection:
        assert connection.execute(text("SELECT value FROM installation")).scalar_one() == secret
    assert ledger.delivery("d000001").state is State.FILED


def test_a_database_of_a_newer_program_is_not_touched(ledger: Ledger) -> None:
    """A downgrade would lose what the newer program knows: the operator is told to install that one."""
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseError, match="schema") as error:
        upgrade(ledger.database)

    assert "Install the version" in error.value.remedy


def test_a_commit_on_sqlite_is_on_the_disk(tmp_path: Path) -> None:
    """WAL for readers, FULL for the promise, foreign keys for order; a receipt is never rolled back by power loss."""
    database = Database.open(f"sqlite:///{tmp_path / 'x.db'}")
    with database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", "postgresql+nodriver://x/y"]
)
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    """A URL may hold a password, so the error shows an example instead."""
    with pytest.raises(DatabaseError) as error:
        Database.open(url)

    assert "sqlite:///var/intake.db" in error.value.remedy


def test_a_password_in_a_url_is_never_repeated() -> None:
    """Neither when the URL is wrong nor when the server does not answer."""
    with pytest.raises(DatabaseError) as wrong:
        Database.open("mysql://user:Bí-mật-9@host/x")
    database = Database.open("postgresql://user:Bi-mat-9@127.0.0.1:1/x")
    with pytest.raises(DatabaseError) as silent, database.reading():
        pass

    assert "mat-9" not in str(silent.value) + repr(silent.value.__cause__) + str(wrong.value)


def test_a_plain_postgresql_url_finds_its_driver() -> None:
    """Operators copy URLs from elsewhere; the driver is ours to know."""
    database = Database.open("postgres://u@h/x".replace("postgres:", "postgresql:"))

    assert database.engine.dialect.driver == "psycopg"
    database.close()


def rows(ledger: Ledger, view: str) -> list[dict[str, object]]:
    """All rows of a view."""
    with ledger.database.reading() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM {view}")).mappings()]


def test_only_the_operative_accepted_form_is_scored(ledger: Ledger) -> None:
    """Superseded, held and set-aside forms give no row; each agency gives one."""
    decided(ledger, 1)
    decided(ledger, 2)
    decided(ledger, 3, held(agency="sxd"))
    decided(ledger, 4, an_outcome(agency="phuquy", state=State.SET_ASIDE, operative=False, takes_number=False))

    (row,) = rows(ledger, "scoring_forms")

    assert (row["agency"], row["receipt_no"], row["signature"]) == ("snv", "PDG-2019-000002", "passed")


def test_both_times_are_shown(ledger: Ledger) -> None:
    """A resubmission counts by its first version's moment; its own is shown beside it."""

    def first_moment(versions: Sequence[Delivery]) -> Standing:
        return Standing(versions[-1].id, versions[0].received_at, versions[0].timeliness)

    decided(ledger, 1, standing=first_moment)
    later = an_outcome(
        timeliness=Timeliness.IN_GRACE, counted_at=NOON + 2 * SECOND, counted_timeliness=Timeliness.IN_GRACE
    )
    decided(ledger, 2, later, standing=first_moment)

    (row,) = rows(ledger, "scoring_forms")

    assert (row["timeliness"], row["operative_timeliness"]) == ("in_grace", "on_time")
    assert str(row["operative_received_at"]) < str(row["received_at"])


@pytest.mark.parametrize(
    ("numerator", "denominator", "ratio"),
    [
        pytest.param(Decimal(40), Decimal(50), 0.8, id="an ordinary one"),
        pytest.param(Decimal("1.5"), Decimal("0.5"), 3, id="more than whole"),
        pytest.param(Decimal(1), Decimal(3), 0.333333, id="without end"),
        pytest.param(Decimal(0), Decimal(7), 0, id="nought of seven"),
        pytest.param(Decimal(7), Decimal(0), None, id="of nought"),
        pytest.param(None, Decimal(7), None, id="no numerator"),
        pytest.param(Decimal(7), None, None, id="no denominator"),
    ],
)
def test_a_ratio_is_computed_from_its_two_numbers(
    ledger: Ledger, numerator: Decimal | None, denominator: Decimal | None, ratio: float | None
) -> None:
    """Whole numbers divide as numbers, not as integers, and nought divides nothing."""
    decided(ledger, 1, an_outcome(answers=(Answer("1.1", "ratio", numerator=numerator, denominator=denominator),)))

    (row,) = rows(ledger, "scoring_answers")

    assert row["ratio"] is None if ratio is None else float(str(row["ratio"])) == pytest.approx(ratio, abs=1e-5)


def test_every_digit_of_a_number_is_kept(ledger: Ledger) -> None:
    """The store gives back what the form said, on either database."""
    number = Decimal("123456789012345678901234567890.12345678901234567890")
    decided(ledger, 1, an_outcome(answers=(Answer("1.1", "number", value_number=number),)))

    with ledger.database.reading() as connection:
        assert connection.execute(answers.select()).one().value_number == number


def test_the_answers_are_those_of_the_last_examination(ledger: Ledger) -> None:
    """Examined again, a form is scored by its new answers; the old ones stay in the store, unscored."""
    delivery = decided(ledger, 1, an_outcome(answers=(Answer("1.1", "text", value_text="cũ"),)))
    with ledger.database.writing() as connection:
        connection.execute(text("UPDATE deliveries SET state = 'received', operative = false"))
    outcome = an_outcome(answers=(Answer("1.1", "text", value_text="mới"),))
    ledger.decide(delivery.id, outcome, lambda receipt: (), at=NOON, receipt_prefix="PDG-2019")

    assert [one["value_text"] for one in rows(ledger, "scoring_answers")] == ["mới"]
    with ledger.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM answers")).scalar_one() == 2
