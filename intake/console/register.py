"""The intake log and the queue of what waits for a decision: every delivery there ever was, findable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from intake.console.checks import reasons_against
from intake.console.visit import Visit
from intake.console.words import CHANNELS, SIGNATURES, STATES, TIMELINESS, word
from storage.queries import LogFilter
from storage.records import Channel, Delivery, State, Timeliness

# One screen and a half on an office monitor; a log of ten thousand is turned page by page.
PAGE_SIZE = 50
MAX_PAGE = 10_000
# The queue is meant to be emptied; if it is longer than this, the log's filter shows the rest.
MAX_QUEUE = 200


@dataclass(frozen=True, slots=True)
class View:
    """A saved filter with its own name."""

    key: str
    words: str
    wanted: LogFilter


VIEWS: tuple[View, ...] = (
    View("all", "Tất cả", LogFilter()),
    View("undecided", "Chờ quyết định", LogFilter(needs_decision=True)),
    View("unmatched", "Chưa rõ cơ quan", LogFilter(unmatched=True)),
    View("aside", "Văn bản khác", LogFilter(state=State.SET_ASIDE)),
    View("shelved", "Chưa kiểm tra được", LogFilter(state=State.SHELVED)),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition in force, in words, and the address of the same listing without it."""

    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the filter form asked for, as it is shown again in the form; unknown values are dropped."""

    view: View
    words: str
    state: str
    agency: str
    channel: str
    timeliness: str
    signature: str
    since: str
    until: str
    page: int

    @property
    def narrowed(self) -> bool:
        """Whether anything but words was asked for."""
        return any((self.state, self.agency, self.channel, self.timeliness, self.signature, self.since, self.until))

    def filter(self, zone: ZoneInfo) -> LogFilter:
        """Return the filter for one page of the log."""
        until = _day(self.until, zone)
        return replace(
            self.view.wanted,
            words=self.words,
            state=State(self.state) if self.state else self.view.wanted.state,
            agency=self.agency or None,
            channel=Channel(self.channel) if self.channel else None,
            timeliness=Timeliness(self.timeliness) if self.timeliness else None,
            signature=self.signature or None,
            since=_day(self.since, zone),
            # The day that is named is meant to be included.
            until=until + timedelta(days=1) if until else None,
            limit=PAGE_SIZE,
            offset=(self.page - 1) * PAGE_SIZE,
        )

    def address(self, **changes: str | int) -> str:
        """Return the address of this listing with some answers changed."""
        answers: dict[str, str | int] = {
            "view": self.view.key if self.view.key != "all" else "",
            "q": self.words,
            **{key: getattr(self, key) for key in ("state", "agency", "channel", "timeliness", "signature")},
            "since": self.since,
            "until": self.until,
            "page": self.page if self.page > 1 else "",
            **changes,
        }
        kept = {key: value for key, value in answers.items() if value != ""}
        return "/log" + (f"?{urlencode(kept)}" if kept else "")

    @property
    def query(self) -> str:
        """The conditions as they stand in an address, without the page."""
        return self.address(page="").partition("?")[2]

    def chips(self, names: Mapping[str, str]) -> tuple[Chip, ...]:
        """Return every condition in force; `names` are the agencies' names by id."""
        told = (
            ("view", "Mục", self.view.words if self.view.key != "all" else ""),
            ("q", "Có chữ", f"“{self.words}”" if self.words else ""),
            ("state", "Tình trạng", word(STATES, self.state).vi if self.state else ""),
            ("agency", "Cơ quan", names.get(self.agency, self.agency)),
            ("channel", "Kênh", word(CHANNELS, self.channel).vi if self.channel else ""),
            ("timeliness", "Thời hạn", word(TIMELINESS, self.timeliness).vi if self.timeliness else ""),
            ("signature", "Chữ ký số", word(SIGNATURES, self.signature).vi if self.signature else ""),
            ("since", "Đến từ ngày", self.since),
            ("until", "Đến hết ngày", self.until),
        )
        return tuple(
            Chip(f"{asked}: {answer}", self.address(**{key: "", "page": ""})) for key, asked, answer in told if answer
        )


def show(visit: Visit) -> Response:
    """Answer with one page of the intake log, newest first."""
    return _log(visit, ())


def show_with_flaw(visit: Visit, flaw: str) -> Response:
    """Answer with the log and with what was wrong with a form on it."""
    return _log(visit, (flaw,), status=422)


def _log(visit: Visit, flaws: tuple[str, ...], status: int = 200) -> Response:
    desk = visit.desk
    asked = asked_of(visit)
    saved = visit.preferences.views()
    names = names_of(visit)
    wanted = asked.filter(desk.zone)
    total = desk.queries.count(wanted)
    return visit.page(
        "log.html",
        status,
        title="Sổ tiếp nhận",
        flaws=flaws,
        asked=asked,
        saved=saved,
        is_saved=any(one.query == asked.query for one in saved),
        chips=asked.chips(names),
        views=VIEWS,
        found=desk.queries.deliveries(wanted),
        total=total,
        first=wanted.offset + 1,
        page_size=PAGE_SIZE,
        pages=max(1, -(-total // PAGE_SIZE)),
        agencies=desk.roster().agencies,
        names=names,
        states={key: word for key, word in STATES.items() if key != "missing"},
        channels=CHANNELS,
        times=TIMELINESS,
        signatures=SIGNATURES,
    )


def next_undecided(visit: Visit) -> Response:
    """Send the visitor to what waits longest, or to what follows the delivery `?after=`; after the last, the first."""
    waiting = waiting_of(visit)
    after = visit.asked("after")
    at = next((number for number, one in enumerate(waiting) if one.id == after), -1)
    if not waiting:
        return RedirectResponse("/queue", status_code=303)
    return RedirectResponse(f"/deliveries/{waiting[(at + 1) % len(waiting)].id}", status_code=303)


def waiting_of(visit: Visit) -> list[Delivery]:
    """Return what waits for a decision, the oldest first: who has waited longest is most in need of an answer."""
    wanted = LogFilter(needs_decision=True, limit=None)
    return sorted(visit.desk.queries.deliveries(wanted), key=lambda one: (one.received_at, one.id))


def queue(visit: Visit) -> Response:
    """Answer with what waits for a decision."""
    desk = visit.desk
    waiting = waiting_of(visit)
    return visit.page(
        "queue.html",
        title="Chờ quyết định",
        waiting=waiting[:MAX_QUEUE],
        against_of=reasons_against,
        total=len(waiting),
        names=names_of(visit),
        pending={one.delivery_id: one for one in desk.ledger.pending()},
        full_names={one.name: one.full_name for one in desk.accounts.list()},
    )


def names_of(visit: Visit) -> Mapping[str, str]:
    """Return the agencies' names by id."""
    return {one.id: one.name for one in visit.desk.roster().agencies}


def asked_of(visit: Visit) -> Asked:
    """Read the filter form; what is not among the choices asks for nothing."""

    def choice(name: str, among: Mapping[str, object]) -> str:
        value = visit.asked(name)
        return value if value in among else ""

    agencies = {one.id: one for one in visit.desk.roster().agencies}
    page = visit.asked("page", "1")
    key = visit.asked("view")
    return Asked(
        view=next((one for one in VIEWS if one.key == key), VIEWS[0]),
        words=visit.asked("q").strip(),
        state=choice("state", {one.value: one for one in State}),
        agency=choice("agency", agencies),
        channel=choice("channel", CHANNELS),
        timeliness=choice("timeliness", TIMELINESS),
        signature=choice("signature", SIGNATURES),
        since=_day_text(visit.asked("since")),
        until=_day_text(visit.asked("until")),
        page=min(int(page), MAX_PAGE) if re.fullmatch(r"[1-9][0-9]{0,5}", page) else 1,
    )


def _day_text(text: str) -> str:
    """Return a day as dd/mm/yyyy, "" for what is no day."""
    try:
        return datetime.strptime(text.strip(), "%d/%m/%Y").strftime("%d/%m/%Y")  # noqa: DTZ007 - a day has no zone yet
    except ValueError:
        return ""


def _day(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the first instant of a day in the office's zone."""
    return datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=zone) if text else None
