"""The page of keyboard shortcuts: what each key does, and the switch that turns all of them off."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from intake.console.visit import Visit
from storage.preferences import Preferences

SETTING = "shortcuts"
ON, OFF = "on", "off"


def are_on(own: Preferences) -> bool:
    """Whether this person wants single keys to do something (WCAG 2.1, 2.1.4: they can be turned off)."""
    return own.setting(SETTING, ON) == ON


def show(visit: Visit) -> Response:
    """Answer with the keys and the switch; this page needs no key to be reached."""
    return visit.page("keys.html", title="Phím tắt", on=are_on(visit.preferences))


def switch(visit: Visit) -> Response:
    """Turn all keys on or off, for this account on every machine."""
    wanted = visit.form.get("shortcuts", "")
    if wanted not in (ON, OFF):
        raise HTTPException(404)
    visit.preferences.set(SETTING, wanted, visit.now)
    return visit.go("/keys", f"keys-{wanted}")
