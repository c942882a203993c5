"""The letters of the office: what waits, what left, and what nobody knows the fate of; a person settles the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from config.errors import OfficeError
from intake.console.access import may
from intake.console.alerts import BRAKES, alerts_of
from intake.console.desk import CaughtLetter
from intake.console.register import names_of
from intake.console.visit import Visit
from intake.console.words import LETTER_STATES
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
    return visit.page(
        "letters.html",
        title="Thư phúc đáp",
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
    if do not in ("approve", "resend", "withhold"):
        raise HTTPException(404)
    if do != "approve" and not reason:
        return _page(visit, letter, "Ghi lý do để người đọc sau hiểu được.", status=422)
    try:
        if do == "approve":
            clerk.approve_letter(letter.id, by)
        else:
            clerk.settle_letter(letter.id, resend=do == "resend", reason=reason[:500], by=by)
    except OfficeError as refusal:
        return _page(visit, letter, f"{refusal}. {refusal.remedy}", status=409)
    return visit.go(f"/letters/{letter.id}", "letter-withheld" if do == "withhold" else "letter-approved")


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
        braked=letter.state is LetterState.WITHHELD and letter.error in BRAKES,
        mode=desk.letter_mode,
    )


def _deliveries(visit: Visit, letters: Sequence[Letter]) -> Mapping[str, Delivery]:
    """Return the deliveries that these letters answer, by id."""
    wanted = {one.delivery_id for one in letters if one.delivery_id}
    # At most MAX_SHOWN look-ups by primary key, some tenths of a millisecond each.
    return {ref: visit.desk.ledger.delivery(ref) for ref in sorted(wanted)}
