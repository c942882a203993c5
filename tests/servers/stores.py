"""Fixtures: a ledger on each kind of database, so that one claim is checked on both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from storage.ledger import Ledger
from storage.vault import Vault
from tests.servers.postgres import Postgres, PostgresMissing

KINDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server, one for each test process; skips with a plain reason where there is none."""
    try:
        server = Postgres()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """A database with the schema, from which each test's own is copied."""
    name = postgres.make_database()
    ledger = Ledger.open(postgres.url(name))
    ledger.upgrade()
    ledger.close()
    return name


@cache
def an_empty_database() -> bytes:
    """
    An SQLite database with the schema, as a file: made once in a test process, and copied for each test.

    That the migrations make it is the claim of tests/edge/test_schema_and_views.py.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        ledger = Ledger.open(f"sqlite:///{file}")
        ledger.upgrade()
        ledger.close()
        assert [one.name for one in Path(folder).iterdir()] == [file.name], "what is in the log file would be missed"
        return file.read_bytes()


@pytest.fixture(params=KINDS)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Which kind of database this run is on."""
    return str(request.param)


@pytest.fixture
def database_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an upgraded database of the test's own."""
    if store_kind == "sqlite":
        (tmp_path / "intake.db").write_bytes(an_empty_database())
        yield f"sqlite:///{tmp_path / 'intake.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.make_database(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger of the test's own."""
    opened = Ledger.open(database_url, message_id_domain="stttt.example")
    yield opened
    opened.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """An empty vault in a folder."""
    return Vault.at(f"file:{tmp_path / 'vault'}")
