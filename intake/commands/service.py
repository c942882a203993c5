"""Commands that run the service: the daemon, one pass, the console, taking in, the demonstration."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import click

from config.errors import WrongUse
from config.reasons import ReasonText, recall
from config.settings import Settings
from intake.commands.frame import announce, office_command, print_json
from intake.wiring import open_office, refuse_without_sources

LoadSettings = Callable[[], Settings]


@click.command()
@click.option("--no-console", is_flag=True, help="Do not serve the console.")
@office_command
def run(settings: LoadSettings, no_console: bool) -> int:
    """The daemon; SIGTERM finishes the step in hand and ends with 0."""
    from intake.daemon import Daemon
    from intake.serving import ConsoleServer

    loaded = settings()
    refuse_without_sources(loaded)
    office = open_office(loaded)
    server: ConsoleServer | None = None
    try:
        daemon = Daemon(office)

        def started() -> None:
            nonlocal server
            if no_console:
                return
            server = ConsoleServer(office)
            server.start()
            announce(f"Bàn làm việc / console: {server.address}")

        daemon.run(started=started)
    finally:
        if server is not None:
            server.stop()
        office.close()
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document (intake-once/1).")
@office_command
def once(settings: LoadSettings, as_json: bool) -> int:
    """One pass over all sources and queues until nothing is left to do; 3 if a source or the mail server failed."""
    from intake.once import run_once
    from storage.lease import Lease

    loaded = settings()
    refuse_without_sources(loaded)
    office = open_office(loaded)
    try:
        lease = Lease(office.database, "poller")
        lease.acquire(office.clock())
        try:
            summary = run_once(office)
        finally:
            lease.release()
    finally:
        office.close()
    document = summary.as_json()
    if as_json:
        print_json(document)
    else:
        for key, value in document.items():
            if isinstance(value, int):
                click.echo(f"{key:>18}: {value}")
        for one in summary.sources:
            click.echo(f"{one.source:>18}: {'được / ok' if one.error is None else _said(one.error.told)}")
        if summary.mail_trouble:
            click.echo(f"{'smtp':>18}: {_said(recall(summary.mail_trouble))}")
    return 3 if summary.trouble else 0


def _said(told: ReasonText) -> str:
    """Return trouble in words, Vietnamese first; what another program said has only its own."""
    words = f"LỖI: {told.vi} {told.do_vi} / " if told.vi else "LỖI / "
    return words + f"error: {told.en} {told.do_en}".rstrip()


@click.command()
@office_command
def console(settings: LoadSettings) -> int:
    """Only the web console."""
    from intake.serving import ConsoleServer

    office = open_office(settings())
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        server = ConsoleServer(office)
        server.start()
        announce(f"Bàn làm việc / console: {server.address}")
        server.wait(stopping)
    finally:
        office.close()
    return 0


@click.command()
@office_command
def work(settings: LoadSettings) -> int:
    """Only taking in (no polling, no console); any number of these share one PostgreSQL."""
    from intake.daemon import Daemon

    office = open_office(settings())
    try:
        Daemon(office).run(polls=False)
    finally:
        office.close()
    return 0


@click.command()
@click.option("--var", "var", type=click.Path(file_okay=False), default="var", show_default=True)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Where the console listens.")
@click.option("--without-service", is_flag=True, help="Only mailbox, sink and inlet, to try `intake once` on them.")
@office_command
def demo(_settings: LoadSettings, var: str, listen: str, without_service: bool) -> int:
    """The demonstration office: mailbox, mail sink, export folder and signed samples on this machine."""
    try:
        from intake.demo.office import run as run_demo
    except ModuleNotFoundError as cause:
        raise _demo_is_missing(cause) from cause
    return run_demo(Path(var), listen, with_service=not without_service)


@click.command("demo-send")
@click.option("--agency", required=True, help="The roster id of the agency that sends, e.g. sxd.")
@click.option(
    "--kind",
    type=click.Choice(["good", "agency", "person", "unsigned", "altered"]),
    default="good",
    show_default=True,
    help="How the form is signed: by both, by one of them, not at all, or altered afterwards.",
)
@click.option("--var", "var", type=click.Path(file_okay=False), default="var", show_default=True)
@office_command
def demo_send(_settings: LoadSettings, agency: str, kind: str, var: str) -> int:
    """Sign a fresh form for an agency and send it to the demonstration mailbox by SMTP."""
    try:
        from intake.demo.send import kind_of, send
    except ModuleNotFoundError as cause:
        raise _demo_is_missing(cause) from cause
    click.echo(send(Path(var), agency, kind=kind_of(kind)))
    return 0


def _demo_is_missing(cause: ModuleNotFoundError) -> WrongUse:
    """Return what to say where the program was installed without the demonstration's own libraries."""
    return WrongUse("DEMO_NOT_INSTALLED", name=cause.name)
