"""The letters of the office: what waits, what left, and what nobody knows the fate of; a person settles the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from config.errors import OfficeError
from intake.console.access import may
from intake.console.alerts import BRAKES, alerts_of, day_is_full
from intake.console.desk import CaughtLetter
from intake.console.register import names_of
from intake.console.visit import Visit
from intake.console.words import LETTER_STATES
from storage.letters import CAP_PER_DAY
from storage.records import Delivery, Letter, LetterState, Role

# What needs a person comes first; what is done comes last.
ORDER = (
    LetterState.IN_DOUBT,
    LetterState.UNDELIVERED,
    LetterState.FAILED,
    LetterState.QUEUED,
    LetterState.APPROVED,
    LetterState.SENDING,
    LetterState.WITHHELD,
    LetterState.SENT,
)
# A letter of these may have arrived after all, whatever a cut connection or a bounce says.
ARRIVABLE = frozenset({LetterState.IN_DOUBT, LetterState.UNDELIVERED})
SETTLEABLE = frozenset({LetterState.IN_DOUBT, LetterState.UNDELIVERED, LetterState.FAILED, LetterState.WITHHELD})
# What one page lists; older letters are reached from their deliveries.
MAX_SHOWN = 100
# Among so many letters kept in the house are looked for those that a brake holds: ten seasons of a province.
MAX_SEARCHED = 10_000


def show(visit: Visit) -> Response:
    """
    Answer with the latest letters of one state (`?state=`), or of all, those that need a person first.

    `?braked=1` leaves of those kept in the house only what a brake holds back: the others wait for an address.
    """
    return _list(visit)


def open_breaker(visit: Visit) -> Response:
    """Open the breaker of the day, so that what it held is sent; the reason goes into the log."""
    reason = visit.form.get("reason", "").strip()
    if not reason:
        return _list(visit, "Ghi lý do mở phanh để người đọc sau hiểu được.", status=422)
    try:
        visit.desk.clerk.open_breaker(reason=reason[:500], by=visit.account.name)
    except OfficeError as refusal:
        return _list(visit, refusal.in_vietnamese, status=409)
    return visit.go("/letters", "breaker-opened")


def _list(visit: Visit, flaw: str = "", status: int = 200) -> Response:
    book = visit.desk.ledger.letters
    counts = book.counts()
    asked = visit.asked("state")
    chosen = LetterState(asked) if asked in set(LetterState) else None
    only_braked = chosen is LetterState.WITHHELD and visit.asked("braked") == "1"
    shown: list[Letter] = []
    for state in [chosen] if chosen else ORDER:
        if counts[state] and len(shown) < MAX_SHOWN:
            shown += book.latest(state, limit=MAX_SHOWN - len(shown))
    if only_braked:
        shown = [one for one in book.in_state(LetterState.WITHHELD, limit=MAX_SEARCHED) if one.error in BRAKES]
    total = counts[chosen] if chosen else sum(counts.values())
    day_full = day_is_full(visit.desk, visit.now)
    stopped = book.withheld_for([CAP_PER_DAY]).get(CAP_PER_DAY, 0)
    return visit.page(
        "letters.html",
        status,
        title="Thư phúc đáp",
        flaw=flaw,
        stopped=stopped,
        day_full=day_full,
        per_day=visit.desk.letters_per_day,
        may_open=may(visit.account, Role.CLERK) and (day_full or stopped > 0),
        letters=shown[:MAX_SHOWN],
        total=len(shown) if only_braked else total,
        counts=counts,
        chosen=chosen,
        order=ORDER,
        words=LETTER_STATES,
        deliveries=_deliveries(visit, shown),
        names=names_of(visit),
        mode=visit.desk.letter_mode,
        alerts=[one for one in alerts_of(visit.desk, visit.now) if one.path.startswith("/letters")],
    )


def one(visit: Visit) -> Response:
    """Answer with one letter: its text, its fate, and what a person may do about it."""
    return _page(visit, visit.desk.ledger.letters.letter(visit.place("letter")))


def settle(visit: Visit) -> Response:
    """Take what a person decides about a letter: approve it, send it again, or keep it in the house."""
    letter = visit.desk.ledger.letters.letter(visit.place("letter"))
    do, reason = visit.form.get("do", ""), visit.form.get("reason", "").strip()
    clerk, by = visit.desk.clerk, visit.account.name
    if do not in ("approve", "resend", "withhold", "arrived"):
        raise HTTPException(404)
    if do != "approve" and not reason:
        return _page(visit, letter, "Ghi lý do để người đọc sau hiểu được.", status=422)
    try:
        if do == "approve":
            clerk.approve_letter(letter.id, by)
        elif do == "arrived":
            clerk.letter_arrived(letter.id, reason=reason[:500], by=by)
            return visit.go(f"/letters/{letter.id}", "letter-arrived")
        else:
            clerk.settle_letter(letter.id, resend=do == "resend", reason=reason[:500], by=by)
    except OfficeError as refusal:
        return _page(visit, letter, refusal.in_vietnamese, status=409)
    if do == "withhold":
        return visit.go(f"/letters/{letter.id}", "letter-withheld")
    return visit.go(
        f"/letters/{letter.id}", "letter-waits" if day_is_full(visit.desk, visit.now) else "letter-approved"
    )


def sink(visit: Visit) -> Response:
    """Answer with the letters that the demonstration's mail sink caught, newest first."""
    caught = sorted(_caught(visit), key=lambda one: one.caught_at, reverse=True)
    return visit.page("sink.html", title="Thư đã bắt (trình diễn)", caught=caught)


def caught(visit: Visit) -> Response:
    """Answer with one caught letter, as text."""
    key = visit.place("key")
    letter = next((one for one in _caught(visit) if one.name == key), None)
    if letter is None:
        raise HTTPException(404)
    return visit.page("caught.html", title="Thư đã bắt", letter=letter)


def _caught(visit: Visit) -> Sequence[CaughtLetter]:
    """Return the caught letters; outside the demonstration there is no such page."""
    if visit.desk.caught_letters is None:
        raise HTTPException(404)
    return visit.desk.caught_letters()


def _page(visit: Visit, letter: Letter, flaw: str = "", status: int = 200) -> Response:
    desk = visit.desk
    delivery = desk.ledger.delivery(letter.delivery_id) if letter.delivery_id else None
    acts = may(visit.account, Role.CLERK)
    return visit.page(
        "letter.html",
        status,
        title="Thư phúc đáp",
        letter=letter,
        delivery=delivery,
        agency_name=names_of(visit).get(delivery.agency or "") if delivery else None,
        flaw=flaw,
        may_approve=acts and desk.letter_mode == "approve" and letter.state is LetterState.QUEUED,
        may_settle=acts and letter.state in SETTLEABLE,
        may_arrive=letter.state in ARRIVABLE,
        reported_by=_reporter(letter),
        day_full=day_is_full(desk, visit.now) and letter.state is not LetterState.SENT,
        braked=letter.state is LetterState.WITHHELD and letter.error in BRAKES,
        mode=desk.letter_mode,
    )


def _reporter(letter: Letter) -> str | None:
    """Return the id of the delivery, a bounce, by which a letter is said not to have arrived (storage/deciding.py)."""
    _, said_so, reporter = (letter.error or "").partition("reported by ")
    return reporter if letter.state is LetterState.UNDELIVERED and said_so else None


def _deliveries(visit: Visit, letters: Sequence[Letter]) -> Mapping[str, Delivery]:
    """Return the deliveries that these letters answer, by id."""
    wanted = {one.delivery_id for one in letters if one.delivery_id}
    # At most MAX_SHOWN look-ups by primary key, some tenths of a millisecond each.
    return {ref: visit.desk.ledger.delivery(ref) for ref in sorted(wanted)}
