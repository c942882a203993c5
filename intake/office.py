"""The office at work: everything the flow needs, opened once and handed down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from config.campaign import CampaignFile, load_campaign
from config.catalogue import Catalogue, load_catalogue
from config.isolation import Worker, Workers
from config.roster import Roster, load_roster
from config.settings import FolderSource, Settings
from intake.ports import Clock, Courier, Source
from intake.scanner import Scanner
from intake.workers import stamp
from storage.database import Database
from storage.ledger import Ledger
from storage.queries import Queries, RosterRow
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The campaign with its roster and catalogue as they stand now; `digest` names this version of the campaign."""

    file: CampaignFile
    roster: Roster
    catalogue: Catalogue | None

    @property
    def digest(self) -> str:
        """The SHA-256 of the campaign file's text."""
        return self.file.digest


class Rules:
    """
    Gives the present rulebook, reading the files again only when one of them has changed.

    Safe for several threads. Raises SettingsError (file, key, remedy) while a file cannot be used.
    """

    def __init__(self, campaign_file: Path) -> None:
        self._path = campaign_file
        self._lock = threading.Lock()
        self._stamp = ""
        # The digest of the version that this process knows to be recorded; the ledger need not be asked again for it.
        self.recorded = ""
        self._book: Rulebook | None = None

    def book(self) -> Rulebook:
        """Return the rulebook as the files have it now."""
        with self._lock:
            if self._book is not None and self._stamp == self._now_stamp(self._book):
                return self._book
            file = load_campaign(self._path)
            catalogue = load_catalogue(file.catalogue_file) if file.campaign.catalogue else None
            book = Rulebook(file, load_roster(file.roster_file), catalogue)
            self._book, self._stamp = book, self._now_stamp(book)
            return book

    def _now_stamp(self, book: Rulebook) -> str:
        return stamp((self._path, book.file.roster_file, book.file.catalogue_file))


@dataclass(frozen=True, slots=True)
class Office:
    """
    What the flow works with. `sources` and `courier` are the edges of the world, `examiner` the worker processes.
    `scanner` is None where nobody scans for malware.

    `status_courier` writes status packages to an outbox folder, None where none is configured.
    """

    settings: Settings
    database: Database
    ledger: Ledger
    queries: Queries
    vault: Vault
    rules: Rules
    sources: tuple[Source, ...]
    courier: Courier
    status_courier: Courier | None
    examiner: Worker | Workers
    clock: Clock
    scanner: Scanner | None = None
    started: threading.Event = field(default_factory=threading.Event)

    @property
    def has_outbox(self) -> bool:
        """Whether status packages can be written for agencies on the document system."""
        return self.status_courier is not None

    @property
    def office_addresses(self) -> frozenset[str]:
        """The office's own addresses: the sender of letters and its mailboxes on the roster, lower case."""
        own = self.rules.book().roster.get(self.settings.office.agency)
        return frozenset({self.settings.smtp.sender.lower(), *(own.mailboxes if own else ())})

    def roster_rows(self) -> list[RosterRow]:
        """Return the roster as the board wants it: the agencies that exist on the day of the deadline."""
        book = self.rules.book()
        day = book.file.campaign.due.date()
        return [RosterRow(one.id, one.name, one.channel) for one in book.roster.valid_on(day)]

    def outboxes(self) -> tuple[Path, ...]:
        """The folders where status packages are written."""
        return tuple(Path(one.outbox) for one in self.settings.sources if isinstance(one, FolderSource) and one.outbox)

    def close(self) -> None:
        """Let go of connections, processes and files."""
        for source in self.sources:
            source.close()
        self.examiner.close()
        self.ledger.close()
