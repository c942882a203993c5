"""Serves the console: gathers its desk from the office and runs the web server in a thread."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from config.errors import OfficeError
from config.isolation import MiB
from intake.clerk import OfficeClerk
from intake.console.app import create_app
from intake.console.desk import CampaignVersion, CaughtLetter, Desk, HealthLine
from intake.doctor import examine_house
from intake.office import Office

# How long a stopping server waits for pages that are being drawn.
STOP_SECONDS = 5.0
START_SECONDS = 15.0


def desk_of(office: Office) -> Desk:
    """Return what the console may touch of `office`."""
    settings = office.settings

    def doctor() -> Sequence[HealthLine]:
        return examine_house(settings, office.ledger, office.clock())

    def caught() -> Sequence[CaughtLetter]:
        # Imported only where the demonstration runs: the office's own service has no need of its room.
        from intake.demo.caught import caught_letters

        return caught_letters(Path(settings.demo.mail_sink))

    vault = settings.vault.url.removeprefix("file:")
    return Desk(
        office_name=settings.office.name,
        zone=settings.office.zone,
        campaign=lambda: office.rules.book().file.campaign,
        roster=lambda: office.rules.book().roster,
        ledger=office.ledger,
        queries=office.queries,
        vault=office.vault,
        clerk=OfficeClerk(office),
        clock=office.clock,
        doctor=doctor,
        letter_mode=settings.smtp.mode,
        catalogue=lambda: office.rules.book().catalogue,
        campaign_versions=lambda: campaign_versions(office),
        caught_letters=caught if settings.demo.mail_sink else None,
        served_by_https=settings.console.https,
        demonstration=bool(settings.demo.mail_sink),
        disk=Path(vault) if settings.vault.url.startswith("file:") else None,
        disk_floor_bytes=settings.disk.floor_mib * MiB,
        letters_per_day=settings.letters.per_day,
    )


class ConsoleServer:
    """The console in a thread of its own; `start` returns when it answers, `stop` when it has ended."""

    def __init__(self, office: Office) -> None:
        host, _, port = office.settings.console.listen.rpartition(":")
        self.address = f"http://{host}:{port}"
        config = uvicorn.Config(
            create_app(desk_of(office)),
            host=host.strip("[]"),
            port=int(port),
            log_config=None,  # Its words go the way of ours.
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=int(STOP_SECONDS),
            server_header=False,
            date_header=False,
        )
        self._server = uvicorn.Server(config)
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="console", daemon=True)

    def start(self) -> None:
        """Start serving; raises OfficeError when the address cannot be had."""
        self._thread.start()
        waited = 0.0
        while not self._server.started and self._thread.is_alive() and waited < START_SECONDS:
            self._thread.join(0.05)
            waited += 0.05
        if not self._server.started:
            raise OfficeError("CONSOLE_CANNOT_LISTEN", address=self.address)

    def stop(self) -> None:
        """Finish the pages in hand and end."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS + 1)

    def wait(self, stopping: threading.Event) -> None:
        """Serve until `stopping` is set."""
        stopping.wait()
        self.stop()

    def _serve(self) -> None:
        try:
            self._server.run()
        except (SystemExit, OSError) as error:
            # uvicorn leaves by SystemExit when it cannot bind; `start` says it in words.
            self._failed = error


def campaign_versions(office: Office) -> tuple[CampaignVersion, ...]:
    """Return every recorded version of the campaign file, newest first."""
    versions = []
    for record in office.ledger.campaign_history(office.rules.book().file.campaign.id):
        try:
            content = tomllib.loads(record.content)
        except tomllib.TOMLDecodeError:
            continue  # A version that could not be read was never applied.
        versions.append(
            CampaignVersion(
                version=str(content.get("version", "?")),
                at=record.at,
                by=record.by,
                closes=content["closes"],
                due=content["due"],
                basis=str(content.get("basis", "")),
                approved_by=str(content.get("approved_by", "")),
            )
        )
    return tuple(reversed(versions))
