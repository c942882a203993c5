"""Brings a database to this program's schema, and says so when it belongs to a newer program."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import text

from storage.database import Database, DatabaseError

# Two programs that are upgraded at once must not both make the tables: any number of ours, known to no one else.
UPGRADE_LOCK = 697_2019_0001


def upgrade(database: Database) -> None:
    """
    Run every migration that the database lacks, in one transaction: all of it, or nothing.

    Raises DatabaseError when the database was made by a newer program: downgrading would lose what it knows.
    """
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as cause:
            raise DatabaseError("SCHEMA_UNKNOWN", why=cause) from cause


def is_current(database: Database) -> bool:
    """Whether the schema is exactly this program's."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("storage").joinpath("migrations")).replace("%", "%%"))
    return config
