"""Who may use the console: accounts with a role, their passwords and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.errors import OfficeError
from storage.database import Database
from storage.records import Account, Role


class AccountError(OfficeError):
    """The account cannot be made or used as asked."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: `account` may act, forms carry `csrf`, and it ends at `expires_at`."""

    account: Account
    csrf: str
    started_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """What became of an attempt to sign in: `token` for the cookie, or how long to wait; neither: wrong password."""

    token: str | None = None
    session: Session | None = None
    wait_seconds: int | None = None


class Accounts:
    """Accounts and sessions; every change to an account is written to the log, never a password or its hash."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, full_name: str, role: Role, password: str, *, by: str, at: datetime) -> Account:
        """Make an account; raises AccountError for a name taken or malformed, or a password too short."""
        raise NotImplementedError

    def set_password(self, name: str, password: str, *, by: str, at: datetime) -> None:
        """Change the password and end the account's sessions."""
        raise NotImplementedError

    def set_role(self, name: str, role: Role, *, by: str, at: datetime) -> Account:
        """Change what the account may do."""
        raise NotImplementedError

    def disable(self, name: str, *, by: str, at: datetime) -> Account:
        """Close the account for good use and end its sessions; it stays in the log's words."""
        raise NotImplementedError

    def enable(self, name: str, *, by: str, at: datetime) -> Account:
        """Open a disabled account again."""
        raise NotImplementedError

    def get(self, name: str) -> Account | None:
        """Return the account, None if there is none."""
        raise NotImplementedError

    def usable(self, name: str) -> Account:
        """Return the account if it may act; raises AccountError if it is unknown or disabled."""
        raise NotImplementedError

    def list(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        raise NotImplementedError

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right and it is not disabled; costs the same for unknown names."""
        raise NotImplementedError

    def sign_in(self, name: str, password: str, *, address: str, at: datetime) -> SignIn:
        """Check the password, with throttling by name and by address, and open a session."""
        raise NotImplementedError

    def session(self, token: str, at: datetime) -> Session | None:
        """Return the session of a cookie's token, None if it is unknown, over or of a disabled account."""
        raise NotImplementedError

    def sign_out(self, token: str) -> None:
        """End the session; ending what is not there is not an error."""
        raise NotImplementedError
