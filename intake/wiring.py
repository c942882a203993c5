"""Puts the office together from its settings: one line for each kind of source."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from config.settings import FolderSource, ImapSource, Settings, SettingsError, is_loopback
from intake.courier import RehearsalCourier, SmtpCourier
from intake.office import Office, Rules
from intake.ports import Clock, Courier, Source
from intake.scanner import open_scanner
from intake.sources.folder import ExportFolder
from intake.sources.mailbox import Mailbox
from intake.status_outbox import StatusOutbox
from intake.workers import start_workers
from storage.ledger import Ledger
from storage.queries import Queries
from storage.vault import Vault

log = structlog.get_logger()

# A new kind of source is one file in intake/sources/ and one line here.
SOURCES: dict[type[ImapSource] | type[FolderSource], Callable[[ImapSource | FolderSource], Source]] = {
    ImapSource: lambda settings: Mailbox(settings),  # type: ignore[arg-type]  # the key is the type
    FolderSource: lambda settings: ExportFolder(settings),  # type: ignore[arg-type]  # the key is the type
}


def system_clock() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def office_clock(settings: Settings) -> Clock:
    """
    Return the clock: the system's, or the moment in $INTAKE_NOW for tests and demonstrations.

    A fixed clock could make someone late, so it is refused (SettingsError) unless letters cannot leave this machine.
    """
    fixed = os.environ.get("INTAKE_NOW")
    if not fixed:
        return system_clock
    if not is_loopback(settings.smtp.host) and settings.smtp.mode != "rehearse":
        raise SettingsError("FIXED_CLOCK_WOULD_SEND")
    try:
        moment = datetime.fromisoformat(fixed)
    except ValueError as cause:
        raise SettingsError("FIXED_CLOCK_WRONG", fixed=repr(fixed)) from cause
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=settings.office.zone)
    log.warning("CLOCK_IS_FIXED", at=moment.isoformat(), why="INTAKE_NOW is set; unset it for real work")
    return lambda: moment.astimezone(UTC)


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger and bring its schema up to date (an empty place is made)."""
    domain = settings.smtp.sender.rpartition("@")[2] or "phieu-intake.invalid"
    ledger = Ledger.open(settings.database.connect_url(), message_id_domain=domain)
    ledger.upgrade()
    return ledger


def open_queries(settings: Settings, ledger: Ledger) -> Queries:
    """Return the read-only views, times in the office's zone; words find agencies by name where there is a roster."""
    try:
        roster = Rules(settings.campaign_file).book().roster
        names = {one.id: " ".join((one.name, *one.aliases)) for one in roster.agencies}
    except SettingsError:
        # The log can be read while the campaign's files cannot: that is when one wants to look.
        names = {}
    return Queries(ledger.database, settings.office.zone, names)


def open_office(settings: Settings) -> Office:
    """Open everything the flow needs; raises OfficeError with the remedy for what cannot be opened."""
    clock = office_clock(settings)
    ledger = open_ledger(settings)
    rules = Rules(settings.campaign_file)
    own = rules.book().roster.get(settings.office.agency)
    return Office(
        settings=settings,
        database=ledger.database,
        ledger=ledger,
        queries=open_queries(settings, ledger),
        vault=Vault.at(settings.vault.url),
        rules=rules,
        sources=tuple(SOURCES[type(one)](one) for one in settings.sources),
        courier=open_courier(settings, clock),
        status_courier=open_status_courier(settings, own.organ_ids[0] if own and own.organ_ids else ""),
        examiner=start_workers(settings.examination.workers, settings.examination.memory_mib),
        clock=clock,
        scanner=open_scanner(settings.malware),
    )


def open_courier(settings: Settings, clock: Clock) -> Courier:
    """Return what carries letters: SMTP, or the rehearsal that lets nothing leave."""
    if settings.smtp.mode == "rehearse":
        return RehearsalCourier()
    return SmtpCourier(settings.smtp, clock, office_name=settings.office.name)


def open_status_courier(settings: Settings, organ_id: str) -> Courier | None:
    """Return what writes status packages, None where no source has an outbox."""
    outbox = next((one.outbox for one in settings.sources if isinstance(one, FolderSource) and one.outbox), None)
    if outbox is None:
        return None
    if settings.smtp.mode == "rehearse":
        return RehearsalCourier()
    return StatusOutbox(outbox, settings.office.name, organ_id=organ_id)


def refuse_without_sources(settings: Settings) -> None:
    """Raise SettingsError when there is nothing to poll: a daemon that watches nothing looks healthy and is not."""
    if not settings.sources:
        raise SettingsError("NO_SOURCE")
