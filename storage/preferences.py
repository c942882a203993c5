"""What each person of the console likes: searches saved under a name, and a few settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from config.errors import OfficeError
from storage.database import Database
from storage.tables import accounts, preferences
from storage.types import label

# More saved searches than this nobody finds again; the row of them must fit on a screen.
MOST_VIEWS = 20
MAX_VIEW_NAME = 60
# The filters of the log together; whatever is longer is no search of ours.
MAX_VIEW_QUERY = 1000

_VIEW, _SETTING = "view", "setting"


class PreferenceError(OfficeError):
    """The search cannot be saved as asked."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A search under a name; `query` is the query of its address, without the question mark."""

    name: str
    query: str


class Preferences:
    """What one account likes; nobody sees or changes another's, and nothing here is written to the log."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account

    def views(self) -> tuple[SavedView, ...]:
        """The saved searches, in the order in which they were saved."""
        wanted = select(preferences).where(self._here(_VIEW)).order_by(preferences.c.at, preferences.c.name)
        with self._database.reading() as connection:
            return tuple(SavedView(row.name, row.value) for row in connection.execute(wanted))

    def save_view(self, name: str, query: str, at: datetime) -> SavedView:
        """
        Save a search; one of the same name is replaced.

        Raises PreferenceError for an empty or long name, a long query, or too many.
        """
        name = " ".join(label(name).split())
        if not 1 <= len(name) <= MAX_VIEW_NAME:
            raise PreferenceError("VIEW_NAME_LENGTH", most=MAX_VIEW_NAME)
        if len(query) > MAX_VIEW_QUERY:
            raise PreferenceError("VIEW_TOO_LONG")
        here = self._here(_VIEW)
        with self._database.writing() as connection:
            self._alone(connection)
            connection.execute(delete(preferences).where(here, preferences.c.name == name))
            count = connection.execute(select(func.count()).select_from(preferences).where(here)).scalar_one()
            if count >= MOST_VIEWS:
                raise PreferenceError("VIEWS_TOO_MANY", most=MOST_VIEWS)
            self._insert(connection, _VIEW, name, query, at)
        return SavedView(name, query)

    def remove_view(self, name: str) -> None:
        """Forget a saved search; forgetting what is not there is not an error."""
        with self._database.writing() as connection:
            connection.execute(delete(preferences).where(self._here(_VIEW), preferences.c.name == name))

    def setting(self, name: str, default: str) -> str:
        """Return a setting, `default` if it was never set."""
        wanted = select(preferences.c.value).where(self._here(_SETTING), preferences.c.name == name)
        with self._database.reading() as connection:
            value: str | None = connection.execute(wanted).scalar_one_or_none()
        return default if value is None else value

    def set(self, name: str, value: str, at: datetime) -> None:
        """Remember a setting."""
        with self._database.writing() as connection:
            self._alone(connection)
            connection.execute(delete(preferences).where(self._here(_SETTING), preferences.c.name == name))
            self._insert(connection, _SETTING, name, value, at)

    def _here(self, kind: str) -> ColumnElement[bool]:
        return and_(preferences.c.account == self._account, preferences.c.kind == kind)

    def _alone(self, connection: Connection) -> None:
        """Let a second click wait for the first: on PostgreSQL both would else insert the same key."""
        connection.execute(select(accounts.c.name).where(accounts.c.name == self._account).with_for_update())

    def _insert(self, connection: Connection, kind: str, name: str, value: str, at: datetime) -> None:
        row = {"account": self._account, "kind": kind, "name": name, "value": value, "at": at}
        connection.execute(insert(preferences), row)
