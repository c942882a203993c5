"""A clerk's decision about one delivery: choose a reason, see the letter that would leave, then confirm."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

from config.errors import OfficeError, WrongUse
from intake.console.choices import CHOICES, HINTS, needs_note
from intake.console.desk import Permission, Request
from intake.console.register import names_of
from intake.console.submission import comparison_of
from intake.console.visit import Visit
from intake.console.words import ACTION_MEANINGS, ACTIONS
from storage.queries import LogFilter
from storage.records import Action, Delivery

MAX_NOTE = 2000
_NOTICES: Mapping[Action, str] = {
    Action.ACCEPT: "accepted",
    Action.RETURN: "returned",
    Action.LINK: "linked",
    Action.DISMISS: "dismissed",
    Action.RETRY: "retried",
    Action.RELEASE: "released",
}


def ask(visit: Visit) -> Response:
    """Answer with the form of one action, or say why it is not open."""
    delivery, action = _named(visit)
    return _form(visit, delivery, action, {}, ())


def answer(visit: Visit) -> Response:
    """
    Take the form: the first sending shows what would happen and the letter, the second (`step=confirm`) does it.

    Whatever stands in the fields is judged again by the clerk's office; a wrong field comes back with its words.
    """
    delivery, action = _named(visit)
    if _permission(visit, delivery, action).forbidden:
        return _form(visit, delivery, action, {}, (), status=409)
    flaws = _flaws(visit, delivery, action)
    if flaws:
        return _form(visit, delivery, action, visit.form, flaws, status=422)
    request = Request(
        delivery_id=delivery.id,
        action=action,
        by=visit.account.name,
        reason=visit.form.get("reason", ""),
        note=visit.form.get("note", "").strip(),
        target=visit.form.get("target", "").strip(),
    )
    try:
        if visit.form.get("step") != "confirm":
            foreseen = visit.desk.clerk.foresee(request)
            return visit.page(
                "decide_confirm.html",
                title=f"{ACTIONS[action].vi}: xác nhận",
                delivery=delivery,
                action=action,
                word=ACTIONS[action],
                request=request,
                foreseen=foreseen,
                agency_name=names_of(visit).get(delivery.agency or ""),
                target_name=names_of(visit).get(request.target, request.target),
            )
        done = visit.desk.clerk.act(request)
    except OfficeError as refusal:
        return _form(visit, delivery, action, visit.form, (refusal.in_vietnamese,), status=409)
    if done.waits_for_second:
        return visit.go(f"/deliveries/{delivery.id}", "asked")
    following = _next_undecided(visit, delivery)
    if following is None:
        return visit.go(f"/deliveries/{delivery.id}", _NOTICES[action])
    about = delivery.receipt_no or delivery.id
    return visit.go(f"/deliveries/{following.id}", _NOTICES[action], about=about)


def _form(
    visit: Visit,
    delivery: Delivery,
    action: Action,
    given: Mapping[str, str],
    flaws: tuple[str, ...],
    status: int = 200,
) -> Response:
    permission = _permission(visit, delivery, action)
    return visit.page(
        "decide.html",
        status,
        title=f"{ACTIONS[action].vi} văn bản",
        delivery=delivery,
        action=action,
        word=ACTIONS[action],
        meaning=ACTION_MEANINGS[action],
        choices=CHOICES[action],
        hints=HINTS,
        given=given,
        flaws=flaws,
        permission=permission,
        agencies=visit.desk.roster().agencies,
        agency_name=names_of(visit).get(delivery.agency or ""),
        comparison=comparison_of(visit, delivery) if action is Action.ACCEPT else None,
        full_names={one.name: one.full_name for one in visit.desk.accounts.list()},
        asked_before=next(
            (one for one in visit.desk.ledger.pending(delivery.id) if one.action is action), None
        ),
    )  # fmt: skip


def _permission(visit: Visit, delivery: Delivery, action: Action) -> Permission:
    found = visit.desk.clerk.permissions(delivery.id, visit.account.name)
    return next((one for one in found if one.action is action), Permission(action))


def _named(visit: Visit) -> tuple[Delivery, Action]:
    try:
        action = Action(visit.place("action"))
    except ValueError:
        raise HTTPException(404) from None
    return visit.desk.ledger.delivery(visit.place("ref")), action


def _flaws(visit: Visit, delivery: Delivery, action: Action) -> tuple[str, ...]:
    """Return what is wrong with the fields, all of it, in words beside the form."""
    flaws = []
    reason, note = visit.form.get("reason", ""), visit.form.get("note", "").strip()
    target = visit.form.get("target", "").strip()
    if reason not in CHOICES[action]:
        flaws.append("Chọn một lý do.")
    elif needs_note(reason) and not note:
        flaws.append("Ghi rõ lý do trong ghi chú.")
    if len(note) > MAX_NOTE:
        flaws.append(f"Ghi chú dài quá {MAX_NOTE} ký tự.")
    if action is Action.ACCEPT and not target and delivery.agency is None:
        flaws.append("Chọn cơ quan gửi.")
    if action is Action.ACCEPT and target and visit.desk.roster().get(target) is None:
        flaws.append("Chọn một cơ quan trong danh sách.")
    if action is Action.LINK:
        flaws += _flaws_of_target(visit, delivery, target)
    return tuple(flaws)


def _flaws_of_target(visit: Visit, delivery: Delivery, target: str) -> list[str]:
    if not target:
        return ["Ghi số tiếp nhận của văn bản mà đây là bản sao."]
    try:
        original = visit.desk.ledger.delivery(target)
    except WrongUse:
        return [f"Không có văn bản nào mang số {target}."]
    return ["Văn bản không thể là bản sao của chính nó."] if original.id == delivery.id else []


def _next_undecided(visit: Visit, done: Delivery) -> Delivery | None:
    """Return what waits longest, so that a clerk can empty the queue without going back to it each time."""
    waiting = visit.desk.queries.deliveries(LogFilter(needs_decision=True, limit=None))
    others = [one for one in waiting if one.id != done.id]
    return min(others, key=lambda one: (one.received_at, one.id)) if others else None
