"""What the tests at one edge share: a ledger on each kind of database, and a vault."""

from tests.servers.stores import database_url, ledger, postgres, postgres_template, store_kind, vault

__all__ = ["database_url", "ledger", "postgres", "postgres_template", "store_kind", "vault"]
