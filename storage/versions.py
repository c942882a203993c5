"""The versions of one agency's form: who steps back and who steps up when one of them is filed or taken away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from storage.changing import change
from storage.logbook import Pages
from storage.records import Delivery, State
from storage.rows import delivery_of
from storage.standing import Standing, StandingRule
from storage.tables import deliveries

# Made once: building a statement costs more than running it.
_FILED = select(deliveries).where(
    deliveries.c.campaign == bindparam("campaign"),
    deliveries.c.agency == bindparam("agency"),
    deliveries.c.state == State.FILED.value,
)


@dataclass(frozen=True, slots=True)
class Succession:
    """
    How the versions will stand, in three moves: `step_back`, the subject's own change with `own`, `step_up`.

    The order matters: the unique index allows one operative version at a time.
    """

    subject: Delivery
    others: tuple[Delivery, ...]
    standing: Standing

    @property
    def own(self) -> dict[str, Any]:
        """The columns that the subject's own change must carry."""
        if self.standing.operative != self.subject.id:
            return {"operative": False}
        before = next((one.id for one in self.others if one.operative), None)
        return {"operative": True, "supersedes": before, **_counted(self.subject, self.standing)}

    def step_back(self, pages: Pages, *, actor: str, at: datetime) -> None:
        """Let every other version that no longer stands step back."""
        for one in self.others:
            if one.operative and one.id != self.standing.operative:
                detail = {"by": self.subject.id}
                change(pages, one.id, {"operative": False}, "superseded", actor=actor, at=at, detail=detail)

    def step_up(self, pages: Pages, *, actor: str, at: datetime) -> None:
        """Let the other version that now stands step up, or take over an earlier counted moment."""
        for one in self.others:
            if one.id != self.standing.operative:
                continue
            values = {} if one.operative else {"operative": True}
            values |= {name: new for name, new in _counted(one, self.standing).items() if getattr(one, name) != new}
            if values:
                detail = {"by": self.subject.id}
                change(pages, one.id, values, "took_standing", actor=actor, at=at, detail=detail)


def succession(pages: Pages, subject: Delivery, rule: StandingRule) -> Succession:
    """
    Ask `rule` how the versions stand once `subject` is as given: filed, or no longer so.

    A subject without agency or campaign concerns nobody. Raises ValueError when the rule names what is not filed.
    """
    if subject.agency is None or subject.campaign is None:
        return Succession(subject, (), Standing(None))
    others = tuple(one for one in _filed(pages, subject.campaign, subject.agency) if one.id != subject.id)
    filed = sorted(
        (*others, subject) if subject.state is State.FILED else others, key=lambda one: (one.received_at, one.id)
    )
    standing = rule(tuple(filed)) if filed else Standing(None)
    if standing.operative is not None and standing.operative not in {one.id for one in filed}:
        raise ValueError(f"{standing.operative} is no filed version of {subject.agency} and cannot stand for it")
    return Succession(subject, others, standing)


def stand_anew(
    pages: Pages, campaign: str, agency: str, rule: StandingRule, *, actor: str, at: datetime, note: str
) -> None:
    """Ask `rule` anew how an agency's versions stand, by their new readings of time; recorded if it changed."""
    filed = tuple(sorted(_filed(pages, campaign, agency), key=lambda one: (one.received_at, one.id)))
    standing = rule(filed) if filed else Standing(None)
    now = next((one for one in filed if one.id == standing.operative), None)
    if now is None:
        return
    before = next((one for one in filed if one.operative and one.id != now.id), None)
    if before is not None:
        detail = {"by": now.id, "note": note}
        change(pages, before.id, {"operative": False}, "superseded", actor=actor, at=at, detail=detail)
    values: dict[str, Any] = {} if now.operative else {"operative": True}
    if before is not None and now.supersedes is None:
        values["supersedes"] = before.id
    values |= {name: new for name, new in _counted(now, standing).items() if getattr(now, name) != new}
    if values:
        change(pages, now.id, values, "took_standing", actor=actor, at=at, detail={"note": note})


def _filed(pages: Pages, campaign: str, agency: str) -> tuple[Delivery, ...]:
    row = {"campaign": campaign, "agency": agency}
    return tuple(delivery_of(one) for one in pages.connection.execute(_FILED, row))


def _counted(one: Delivery, standing: Standing) -> dict[str, Any]:
    """Return the moment that counts for the operative version: the rule's, else its own; never later than recorded."""
    at = standing.counted_at or one.received_at
    timeliness = standing.counted_timeliness or one.timeliness
    if one.counted_at is not None and one.counted_at < at:
        at, timeliness = one.counted_at, one.counted_timeliness
    return {"counted_at": at, "counted_timeliness": timeliness}
