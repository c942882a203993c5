"""Who may decide is known, guessing is slow, and a closed account is closed at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from storage.accounts import FREE_FAILURES, SESSION_IDLE, SESSION_LIFE, STRONG, AccountError, Accounts, Session
from storage.ledger import Ledger
from storage.queries import Queries
from storage.records import Role
from tests.makers import OFFICE
from tests.makers_storage import CHEAP, NOON, PASSWORD, SECOND


@pytest.fixture
def accounts(ledger: Ledger) -> Accounts:
    """Accounts with one clerk."""
    opened = Accounts(ledger.database, hasher=CHEAP)
    opened.create("an", "Nguyễn Văn An", Role.CLERK, PASSWORD, by="machine", at=NOON)
    return opened


def signed_in(accounts: Accounts) -> tuple[str, Session]:
    """A token and its session."""
    result = accounts.sign_in("an", PASSWORD, address="10.0.0.1", at=NOON)
    assert result.token is not None
    assert result.session is not None
    return result.token, result.session


def test_an_account_is_kept_without_its_password(ledger: Ledger, accounts: Accounts) -> None:
    """What the database holds opens nothing: Argon2id of the password, SHA-256 of the token."""
    token, session = signed_in(accounts)

    with ledger.database.reading() as connection:
        kept = str(connection.execute(text("SELECT * FROM accounts")).all())
        kept += str(connection.execute(text("SELECT * FROM sessions")).all())
    assert "$argon2id$" in kept
    assert PASSWORD not in kept
    assert token not in kept
    assert session.account == accounts.get("an")
    assert (session.account.role, session.account.full_name) == (Role.CLERK, "Nguyễn Văn An")


def test_the_real_cost_of_a_password_is_that_of_the_standard() -> None:
    """RFC 9106, section 4: at least 64 MiB and three passes; only tests use less."""
    assert (STRONG.memory_cost, STRONG.time_cost, STRONG.type.name) == (64 * 1024, 3, "ID")


def test_no_log_entry_holds_a_password(ledger: Ledger, accounts: Accounts) -> None:
    """Every change of an account is told with its author, and no secret with it."""
    accounts.set_password("an", "một mật khẩu khác hẳn", by="admin", at=NOON)
    accounts.set_role("an", Role.ADMIN, by="admin", at=NOON)
    accounts.disable("an", by="admin", at=NOON)
    accounts.enable("an", by="admin", at=NOON)

    entries = Queries(ledger.database, OFFICE).entries()
    assert [(one.event, one.actor) for one in entries] == [
        ("account_created", "machine"),
        ("account_password_changed", "admin"),
        ("account_role_changed", "admin"),
        ("account_disabled", "admin"),
        ("account_enabled", "admin"),
    ]
    assert "argon2" not in str(entries)
    assert "mật khẩu" not in str(entries)


@pytest.mark.parametrize("name", ["", "An", "a b", "../x", "a" * 65, "-a", "đạt", "machine\n"])
def test_a_name_is_plain(accounts: Accounts, name: str) -> None:
    """It stands in the log for ever and is typed on command lines."""
    with pytest.raises(AccountError, match="no name"):
        accounts.create(name, "X", Role.CLERK, PASSWORD, by="machine", at=NOON)


@pytest.mark.parametrize("name", ["machine", "an"])
def test_a_name_that_means_somebody_is_taken(accounts: Accounts, name: str) -> None:
    """Nobody becomes the machine, nor a second An."""
    with pytest.raises(AccountError, match="exists already"):
        accounts.create(name, "X", Role.CLERK, PASSWORD, by="machine", at=NOON)


@pytest.mark.parametrize("password", ["", "ngắn quá", "x" * 2000])
def test_a_password_has_a_length(accounts: Accounts, password: str) -> None:
    """Too short is guessed, a megabyte is an attack on us."""
    with pytest.raises(AccountError, match="characters"):
        accounts.set_password("an", password, by="an", at=NOON)


def test_a_session_ends_when_nobody_uses_it_and_after_a_working_day(accounts: Accounts) -> None:
    """Use prolongs it, up to its life; then one signs in again."""
    token, _ = signed_in(accounts)

    assert accounts.session(token, NOON + SESSION_IDLE - SECOND) is not None
    assert accounts.session(token, NOON + 2 * SESSION_IDLE - 2 * SECOND) is not None
    assert accounts.session(token, NOON + 4 * SESSION_IDLE) is None
    token, _ = signed_in(accounts)
    at = NOON
    while at < NOON + SESSION_LIFE:
        assert accounts.session(token, at) is not None
        at += SESSION_IDLE / 2
    assert accounts.session(token, NOON + SESSION_LIFE) is None


@pytest.mark.parametrize("change", ["disable", "password", "role", "sign out"])
def test_what_changes_an_account_ends_its_sessions(accounts: Accounts, change: str) -> None:
    """A person who may no longer decide does not go on deciding in an open window."""
    token, _ = signed_in(accounts)

    if change == "disable":
        accounts.disable("an", by="admin", at=NOON)
    elif change == "password":
        accounts.set_password("an", "một mật khẩu khác hẳn", by="an", at=NOON)
    elif change == "role":
        accounts.set_role("an", Role.VIEWER, by="admin", at=NOON)
    else:
        accounts.sign_out(token)

    assert accounts.session(token, NOON) is None


def test_a_wrong_password_an_unknown_name_and_a_closed_account_look_alike(accounts: Accounts) -> None:
    """None of them tells a stranger which names there are."""
    accounts.create("binh", "B", Role.CLERK, PASSWORD, by="machine", at=NOON)
    accounts.disable("binh", by="machine", at=NOON)
    tries = [("an", "sai mật khẩu rồi"), ("nobody", PASSWORD), ("binh", PASSWORD), ("an\0\ud800", PASSWORD)]

    results = [
        accounts.sign_in(name, password, address=f"10.0.0.{number}", at=NOON)
        for number, (name, password) in enumerate(tries)
    ]

    assert {(one.token, one.session, one.wait_seconds) for one in results} == {(None, None, None)}


def test_guessing_becomes_slow_by_name_and_by_address(accounts: Accounts) -> None:
    """After some failures the right password must wait too; another person at another desk need not."""
    accounts.create("binh", "B", Role.CLERK, PASSWORD, by="machine", at=NOON)
    for _ in range(FREE_FAILURES):
        accounts.sign_in("an", "sai", address="10.0.0.9", at=NOON)

    by_name = accounts.sign_in("an", PASSWORD, address="10.0.0.1", at=NOON)
    by_address = accounts.sign_in("binh", PASSWORD, address="10.0.0.9", at=NOON)
    elsewhere = accounts.sign_in("binh", PASSWORD, address="10.0.0.1", at=NOON)
    waited = accounts.sign_in(
        "an", PASSWORD, address="10.0.0.1", at=NOON + timedelta(seconds=by_name.wait_seconds or 0)
    )

    assert by_name.token is None
    assert by_name.wait_seconds == by_address.wait_seconds == 5
    assert elsewhere.token is not None
    assert waited.token is not None


def test_waiting_grows_and_is_forgiven(accounts: Accounts) -> None:
    """Each further failure doubles the wait, to a quarter of an hour; a day later all is forgotten."""
    waits = []
    at = NOON
    for _ in range(FREE_FAILURES + 12):
        result = accounts.sign_in("an", "sai", address="10.0.0.9", at=at)
        if result.wait_seconds is not None:
            waits.append(result.wait_seconds)
            at += timedelta(seconds=result.wait_seconds)
            accounts.sign_in("an", "sai", address="10.0.0.9", at=at)

    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == 900
    assert accounts.sign_in("an", PASSWORD, address="10.0.0.9", at=at + timedelta(days=1, seconds=1)).token is not None


def test_only_an_open_account_is_usable(accounts: Accounts) -> None:
    """The command line acts under a name only if that name may act."""
    assert accounts.usable("an").name == "an"
    accounts.disable("an", by="machine", at=NOON)

    with pytest.raises(AccountError, match="disabled"):
        accounts.usable("an")
    with pytest.raises(AccountError, match="no account"):
        accounts.usable("nobody")
    assert [one.disabled for one in accounts.list()] == [True]
