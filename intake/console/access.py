"""Who is at the door: cookies, roles, and tokens that a strange page cannot know; sessions are kept in storage."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from storage.records import Account, Role

_RANK = {Role.VIEWER: 0, Role.CLERK: 1, Role.ADMIN: 2}

# A sign-in form that lies open longer than this is fetched anew; nobody types a password for an hour.
DOORMAT_SECONDS = 3600


def may(account: Account | None, least: Role) -> bool:
    """Whether `account` is in force and its role is at least `least`."""
    return account is not None and not account.disabled and _RANK[account.role] >= _RANK[least]


class Door:
    """
    The cookies of one console and the token of its sign-in form.

    With `https` the cookies are Secure and bear the `__Host-` prefix, so that no neighbour under the same domain
    can set them (RFC 6265bis, 4.1.3.2). SameSite=Lax lets a clerk follow a link into the console; every form
    carries a token besides.
    """

    def __init__(self, *, https: bool) -> None:
        self._https = https
        self._secret = secrets.token_bytes(32)
        prefix = "__Host-" if https else ""
        self._session_name = f"{prefix}intake_session"
        self._doormat_name = f"{prefix}intake_door"

    def session_key(self, request: Request) -> str | None:
        """The browser's session key, None if it shows none."""
        return request.cookies.get(self._session_name) or None

    def give_session(self, response: Response, key: str) -> None:
        """Hand the session key to the browser; it ends there with the browser, and in storage by its own time."""
        self._set(response, self._session_name, key, None)
        self._drop(response, self._doormat_name)

    def take_session(self, response: Response) -> None:
        """Have the browser forget its key."""
        self._drop(response, self._session_name)

    def lay_doormat(self) -> tuple[str, str]:
        """Return a fresh cookie value and the token of the sign-in form that belongs to it."""
        cookie = secrets.token_urlsafe(24)
        return cookie, self._token(cookie)

    def give_doormat(self, response: Response, cookie: str) -> None:
        """Hand the sign-in form's cookie to the browser."""
        self._set(response, self._doormat_name, cookie, DOORMAT_SECONDS)

    def doormat_fits(self, request: Request, token: str) -> bool:
        """
        Whether a sign-in form came from our page in this browser.

        A strange page can neither read nor set the cookie, so it cannot sign a victim in under another name
        (login CSRF). The secret lives and dies with the process.
        """
        cookie = request.cookies.get(self._doormat_name, "")
        return bool(cookie) and hmac.compare_digest(self._token(cookie).encode(), token.encode())

    def _token(self, cookie: str) -> str:
        return hmac.new(self._secret, cookie.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name, value, max_age=max_age, path="/", secure=self._https, httponly=True, samesite="lax"
        )  # fmt: skip

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self._https, httponly=True, samesite="lax")


def same_token(known: str, given: str) -> bool:
    """Whether a form carries the token of its session; compared in constant time."""
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))


def is_from_elsewhere(request: Request) -> bool:
    """
    Whether the browser says that another site sent this request (Fetch Metadata, W3C 2025, 2.4).

    Silence proves nothing: older browsers and command-line tools send no such header, and the token decides.
    """
    return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
