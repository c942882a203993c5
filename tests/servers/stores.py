"""Fixtures: a ledger on each kind of database, so that one claim is checked on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(params=KINDS)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Which kind of database this run is on."""
    return str(request.param)


@pytest.fixture
def database_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an upgraded database of the test's own."""
    if store_kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'intake.db'}"
        ledger = Ledger.open(url)
        ledger.upgrade()
        ledger.close()
        yield url
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
