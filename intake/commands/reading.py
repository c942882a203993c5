"""Commands that only read: the log, one delivery, the board."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from config.settings import Settings
from intake.commands.frame import office_command, print_json, table
from intake.office import Rules
from intake.wiring import office_clock, open_ledger, open_queries
from storage.ledger import Ledger
from storage.queries import LogFilter, Queries, RosterRow
from storage.records import State

LoadSettings = Callable[[], Settings]


@dataclass(frozen=True)
class Shelf:
    """The ledger and its views, opened for one command."""

    settings: Settings
    ledger: Ledger
    queries: Queries


@contextmanager
def opened(settings: Settings) -> Iterator[Shelf]:
    """Open the ledger for one command and close it after."""
    ledger = open_ledger(settings)
    try:
        yield Shelf(settings, ledger, open_queries(settings, ledger))
    finally:
        ledger.close()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document (intake-log/1).")
@click.option("--state", type=click.Choice([one.value for one in State]), default=None)
@click.option("--agency", default=None, help="Only this agency.")
@click.option("--since", default=None, help="Received at or after this moment, ISO 8601.")
@click.option("--limit", type=click.IntRange(min=1), default=None)
@office_command
def log(
    settings: LoadSettings, as_json: bool, state: str | None, agency: str | None, since: str | None, limit: int | None
) -> int:
    """The intake log, newest first."""
    loaded = settings()
    wanted = LogFilter(
        state=State(state) if state else None,
        agency=agency,
        since=_since(since, loaded) if since else None,
        limit=limit,
    )
    with opened(loaded) as shelf:
        document = shelf.queries.log(wanted)
    if as_json:
        print_json(document)
        return 0
    rows = [
        [
            one["receipt_no"] or one["id"],
            str(one["received_at"])[:19].replace("T", " "),
            one["agency"] or one["sender"] or "?",
            one["state"],
            one["timeliness"] or "",
            one["signature"] or "",
            one["subject"] or "",
        ]
        for one in document["deliveries"]
    ]
    table(rows, ["Biên nhận", "Nhận lúc", "Cơ quan", "Trạng thái", "Thời hạn", "Chữ ký", "Trích yếu"])
    return 0


def _since(text: str, settings: Settings) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as cause:
        raise click.UsageError(f"--since {text!r}: write 2019-09-14 or 2019-09-14T10:00:00+07:00") from cause
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=settings.office.zone)


@click.command()
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True)
@office_command
def show(settings: LoadSettings, ref: str, as_json: bool) -> int:
    """Everything known of one delivery; REF is its id or its receipt number."""
    from config.reasons import explain

    with opened(settings()) as shelf:
        document = shelf.queries.show(ref)
    if as_json:
        print_json(document)
        return 0
    keys = ("id", "receipt_no", "agency", "channel", "state", "received_at", "received_by", "timeliness", "signature")
    for key in (*keys, "sender", "subject", "sha256", "size"):
        click.echo(f"{key:>13}: {document.get(key)}")
    for reason in document["reasons"]:
        click.echo(f"  - {explain(reason['code']).vi} [{reason['code']}] {reason['detail']}".rstrip())
    for file in document["files"]:
        click.echo(f"  * {file['name']}  {file['size']} byte  {file['sha256']}")
    for letter in document["letters"]:
        click.echo(f"  > {letter['kind']} → {letter['to'] or '(không có địa chỉ)'}: {letter['state']}")
    for entry in document["timeline"]:
        click.echo(f"  {entry['at']} {entry['event']} ({entry['actor']})")
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True)
@office_command
def board(settings: LoadSettings, as_json: bool) -> int:
    """One row for each agency of the roster, the missing included."""
    loaded = settings()
    with opened(loaded) as shelf:
        document = board_of(shelf, loaded)
    if as_json:
        print_json(document)
        return 0
    rows = [
        [
            one["name"],
            one["channel"],
            one["state"],
            one["timeliness"] or "",
            one["receipt_no"] or "",
            one["signature"] or "",
        ]
        for one in document["agencies"]
    ]
    title = f"{document['campaign']}: " + ", ".join(f"{state} {count}" for state, count in document["totals"].items())
    table(rows, ["Cơ quan", "Kênh", "Trạng thái", "Thời hạn", "Biên nhận", "Chữ ký"], title)
    return 0


def board_of(shelf: Shelf, settings: Settings) -> dict[str, Any]:
    """Return the board document of the present campaign."""
    book = Rules(settings.campaign_file).book()
    campaign = book.file.campaign
    rows = [RosterRow(one.id, one.name, one.channel) for one in book.roster.valid_on(campaign.due.date())]
    now = office_clock(settings)()
    return shelf.queries.board(campaign.id, rows, as_of=now, due=campaign.due, closes=campaign.closes)
