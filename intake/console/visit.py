"""One visit to the console: who came, with which form in hand, and how a page is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from intake.console.desk import Desk
from intake.console.light_table import LightTable
from intake.console.preview import Easel
from storage.accounts import Session
from storage.preferences import Preferences
from storage.records import Account


class Printer(Protocol):
    """Turns a template and what it tells into a page."""

    def __call__(self, visit: Visit, template: str, status: int, told: Mapping[str, Any]) -> Response: ...


@dataclass(frozen=True, slots=True)
class Visit:
    """
    What a page function gets; it is called in a worker thread and may wait for the database.

    `form` holds the first value of each field (empty for GET). `session` is None only at the door. `now` is the
    office's clock, asked once, so that one page never shows two nows.
    """

    request: Request
    desk: Desk
    session: Session | None
    form: Mapping[str, str]
    now: datetime
    printer: Printer
    easel: Easel
    light_table: LightTable

    @property
    def account(self) -> Account:
        """The account that came; only pages behind the door may ask."""
        if self.session is None:
            raise RuntimeError("a page without a session asked for the account")
        return self.session.account

    @property
    def preferences(self) -> Preferences:
        """What the account that came likes."""
        return Preferences(self.desk.ledger.database, self.account.name)

    def asked(self, name: str, default: str = "") -> str:
        """A value of the query, bounded: whoever writes more than this asks nothing sensible."""
        return self.request.query_params.get(name, default)[:300]

    def place(self, name: str) -> str:
        """A value of the path."""
        return str(self.request.path_params[name])

    def page(self, template: str, status: int = 200, /, **told: Any) -> Response:
        """Answer with a page."""
        return self.printer(self, template, status, told)

    def go(self, path: str, notice: str, *, about: str = "") -> Response:
        """
        Answer a form by sending the browser to `path` (303), with a notice code to be shown there.

        `about` is the delivery that the notice is about, where the next page shows another one.
        """
        told = {"notice": notice, **({"about": about} if about else {})}
        return RedirectResponse(f"{path}{'&' if '?' in path else '?'}{urlencode(told)}", status_code=303)
