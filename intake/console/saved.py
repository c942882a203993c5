"""The searches that a person saved under a name: kept and removed here, opened as links above the log."""

from __future__ import annotations

from starlette.responses import Response

from intake.console.register import asked_of, show_with_flaw
from intake.console.visit import Visit
from storage.preferences import PreferenceError


def keep(visit: Visit) -> Response:
    """Save the search that stands in the address, as the log reads it; what cannot be kept comes back with words."""
    asked = asked_of(visit)
    address = asked.address(page="")
    try:
        visit.preferences.save_view(visit.form.get("name", ""), address.partition("?")[2], visit.now)
    except PreferenceError as refusal:
        return show_with_flaw(visit, refusal.in_vietnamese)
    return visit.go(address, "view-saved")


def remove(visit: Visit) -> Response:
    """Forget a saved search; the deliveries it showed are untouched."""
    visit.preferences.remove_view(visit.form.get("name", ""))
    return visit.go("/log", "view-removed")
