"""Who may use the console: accounts with a role, their passwords and their sessions."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update

from config.errors import OfficeError
from storage.database import Database
from storage.logbook import Pages, writing
from storage.records import Account, Role
from storage.rows import account_of
from storage.tables import accounts, failed_sign_ins, sessions
from storage.types import label

# NIST SP 800-63B-4, 3.1.1.2: a password that is the only factor has at least 15 characters; the office's people
# sit behind its own network, so 12 is the floor here, and no rule about kinds of characters.
MIN_PASSWORD_CHARACTERS = 12

# Argon2 reads all of it; a megabyte of password would be an attack on us.
MAX_PASSWORD_CHARACTERS = 1024

# A session ends after a working day, whatever happens, and after an hour in which nothing was asked.
SESSION_LIFE = timedelta(hours=10)
SESSION_IDLE = timedelta(hours=1)

# How far a session's end is moved is written at most so often: not each page needs a write.
SESSION_STEP = timedelta(minutes=5)

# After so many failures the next try must wait, twice as long each time, up to the cap; a day forgives.
FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
FORGIVEN_AFTER = timedelta(days=1)

# An account's name stands in the log for ever, so it is plain: letters, digits, dot, dash, underscore, at sign.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}\Z")

# The log names the program itself so; nobody else may act under this name.
RESERVED = frozenset({"machine"})

# RFC 9106, section 4, second recommended choice (64 MiB, three passes): for machines that do other work.
STRONG = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


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

    def __init__(self, database: Database, *, hasher: PasswordHasher = STRONG) -> None:
        self._database = database
        self._hasher = hasher

    # 1. Accounts

    def create(self, name: str, full_name: str, role: Role, password: str, *, by: str, at: datetime) -> Account:
        """Make an account; raises AccountError for a name taken or malformed, or a password too short."""
        if not _NAME.match(name):
            raise AccountError("ACCOUNT_NAME_WRONG", name=repr(name))
        _check_password(password)
        row = {
            "name": name,
            "full_name": label(full_name),
            "role": role.value,
            "disabled": False,
            "created_at": at,
            "password_hash": self._hasher.hash(password),
        }
        with writing(self._database) as pages:
            taken = pages.connection.execute(select(accounts.c.name).where(accounts.c.name == name)).first()
            if taken or name in RESERVED:
                raise AccountError("ACCOUNT_EXISTS", name=name)
            pages.connection.execute(insert(accounts), row)
            detail = {"account": name, "full_name": row["full_name"], "role": role.value}
            pages.append("account_created", detail, actor=by, at=at)
            return _account(pages, name)

    def set_password(self, name: str, password: str, *, by: str, at: datetime) -> None:
        """Change the password and end the account's sessions."""
        _check_password(password)
        hashed = self._hasher.hash(password)
        self._change(name, {"password_hash": hashed}, "account_password_changed", {}, by=by, at=at, end_sessions=True)

    def set_role(self, name: str, role: Role, *, by: str, at: datetime) -> Account:
        """Change what the account may do; its sessions end, so that nobody goes on with more than they may."""
        detail = {"role": role.value}
        return self._change(name, {"role": role.value}, "account_role_changed", detail, by=by, at=at, end_sessions=True)

    def disable(self, name: str, *, by: str, at: datetime) -> Account:
        """Close the account and end its sessions; its name stays taken, since the log speaks of it."""
        return self._change(name, {"disabled": True}, "account_disabled", {}, by=by, at=at, end_sessions=True)

    def enable(self, name: str, *, by: str, at: datetime) -> Account:
        """Open a disabled account again."""
        return self._change(name, {"disabled": False}, "account_enabled", {}, by=by, at=at, end_sessions=False)

    def get(self, name: str) -> Account | None:
        """Return the account, None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(accounts).where(accounts.c.name == name)).first()
        return None if row is None else account_of(row)

    def usable(self, name: str) -> Account:
        """Return the account if it may act; raises AccountError if it is unknown or disabled."""
        account = self.get(name)
        if account is None:
            raise AccountError("ACCOUNT_UNKNOWN", name=repr(name))
        if account.disabled:
            raise AccountError("ACCOUNT_DISABLED", name=name)
        return account

    def list(self) -> tuple[Account, ...]:
        """All accounts, by name."""
        with self._database.reading() as connection:
            return tuple(account_of(row) for row in connection.execute(select(accounts).order_by(accounts.c.name)))

    # 2. Signing in

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right and it is not disabled; costs the same for unknown names."""
        with self._database.reading() as connection:
            row = connection.execute(select(accounts).where(accounts.c.name == name)).first()
        hashed = _nobodys_hash(self._hasher) if row is None else row.password_hash
        try:
            self._hasher.verify(hashed, password[:MAX_PASSWORD_CHARACTERS])
        except (VerificationError, InvalidHashError):
            return None
        return None if row is None or row.disabled else account_of(row)

    def sign_in(self, name: str, password: str, *, address: str, at: datetime) -> SignIn:
        """
        Check the password, with throttling by name and by address, and open a session.

        While one must wait, the password is not looked at: trying on gains nothing.
        """
        subjects = (f"name:{label(name)[:100].casefold()}", f"address:{label(address)[:100]}")
        waits = [self._wait(subject, at) for subject in subjects]
        if any(waits):
            return SignIn(wait_seconds=max(waits))
        account = self.verify(name, password)
        if account is None:
            with self._database.writing() as connection:
                for subject in subjects:
                    here = failed_sign_ins.c.subject == subject
                    was = connection.execute(select(failed_sign_ins).where(here)).first()
                    failures = 1 if was is None or at - was.last_at > FORGIVEN_AFTER else was.failures + 1
                    connection.execute(delete(failed_sign_ins).where(here))
                    connection.execute(insert(failed_sign_ins).values(subject=subject, failures=failures, last_at=at))
            return SignIn()
        token = secrets.token_urlsafe(32)
        row = {
            "token_sha256": _token_sha256(token),
            "account": account.name,
            "csrf": secrets.token_urlsafe(32),
            "started_at": at,
            "expires_at": at + SESSION_IDLE,
        }
        with self._database.writing() as connection:
            # Only the name is forgiven: who guesses one account's password must not clean the slate with another's.
            connection.execute(delete(failed_sign_ins).where(failed_sign_ins.c.subject == subjects[0]))
            connection.execute(delete(sessions).where(sessions.c.expires_at <= at))
            connection.execute(insert(sessions), row)
        return SignIn(token, Session(account, str(row["csrf"]), at, at + SESSION_IDLE))

    def session(self, token: str, at: datetime) -> Session | None:
        """Return the session of a cookie's token, None if it is unknown, over or of a disabled account."""
        here = sessions.c.token_sha256 == _token_sha256(token)
        wanted = select(sessions, accounts).join(accounts, accounts.c.name == sessions.c.account).where(here)
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None or row.disabled or at >= row.expires_at:
            return None
        end = min(at + SESSION_IDLE, row.started_at + SESSION_LIFE)
        if end - row.expires_at >= SESSION_STEP:
            with self._database.writing() as connection:
                connection.execute(update(sessions).where(here).values(expires_at=end))
        return Session(account_of(row), row.csrf, row.started_at, max(end, row.expires_at))

    def sign_out(self, token: str) -> None:
        """End the session; ending what is not there is not an error."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_sha256 == _token_sha256(token)))

    def forget_old_failures(self, at: datetime) -> None:
        """Upkeep: forget failures that are forgiven, and sessions that are over."""
        with self._database.writing() as connection:
            connection.execute(delete(failed_sign_ins).where(failed_sign_ins.c.last_at < at - FORGIVEN_AFTER))
            connection.execute(delete(sessions).where(sessions.c.expires_at <= at))

    def _wait(self, subject: str, at: datetime) -> int:
        """Return how many seconds this name or address must still wait, 0 if it need not."""
        with self._database.reading() as connection:
            row = connection.execute(select(failed_sign_ins).where(failed_sign_ins.c.subject == subject)).first()
        if row is None or row.failures < FREE_FAILURES or at - row.last_at > FORGIVEN_AFTER:
            return 0
        wait: timedelta = min(FIRST_WAIT * 2 ** min(row.failures - FREE_FAILURES, 20), LONGEST_WAIT)
        left = (row.last_at + wait - at).total_seconds()
        return max(0, -int(-left // 1))

    def _change(
        self,
        name: str,
        values: Mapping[str, Any],
        event: str,
        detail: Mapping[str, Any],
        *,
        by: str,
        at: datetime,
        end_sessions: bool,
    ) -> Account:
        with writing(self._database) as pages:
            changed = pages.connection.execute(update(accounts).where(accounts.c.name == name).values(values))
            if changed.rowcount == 0:
                raise AccountError("ACCOUNT_UNKNOWN", name=repr(name))
            if end_sessions:
                pages.connection.execute(delete(sessions).where(sessions.c.account == name))
            pages.append(event, {"account": name, **detail}, actor=by, at=at)
            return _account(pages, name)


@cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    """Return what is checked for a name that does not exist: the time of an answer must not tell which names do."""
    return hasher.hash("nobody has this password")


def _account(pages: Pages, name: str) -> Account:
    return account_of(pages.connection.execute(select(accounts).where(accounts.c.name == name)).one())


def _check_password(password: str) -> None:
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise AccountError("PASSWORD_LENGTH", least=MIN_PASSWORD_CHARACTERS, most=MAX_PASSWORD_CHARACTERS)


def _token_sha256(token: str) -> str:
    """Return what is kept of a token: who reads the database cannot open a session with it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
