"""What every command shares: its options, its configuration, and how it prints."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TextIO, cast
from zoneinfo import ZoneInfo

import click
import structlog

from config.settings import Settings, find_config_file, load_settings
from intake.commands.log_outlet import LogOutlet

OFFICE_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def office_command(command: Callable[..., int | None]) -> Callable[..., int]:
    """
    Give a command the options that all have: --config, --debug.

    The command is called with `settings` (a function that loads them when they are needed) as its first argument.
    """

    @click.option("--config", "config_file", type=click.Path(dir_okay=False), help="The configuration file.")
    @click.option("--debug", is_flag=True, help="Show tracebacks.")
    @wraps(command)
    def wrapped(*args: Any, config_file: str | None, debug: bool, **kwargs: Any) -> int:
        log_to_stderr(debug)

        def settings() -> Settings:
            return load_settings(find_config_file(config_file))

        return command(settings, *args, **kwargs) or 0

    return wrapped


def log_to_stderr(debug: bool) -> None:
    """Send our log to stderr, one line an event: results stay alone on stdout."""
    outlet = cast(TextIO, LogOutlet(sys.stderr))
    terminal = outlet.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.LogfmtRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=outlet),
    )
    # Libraries speak only of trouble; pyHanko and APScheduler would log tracebacks about hostile input and hung jobs.
    logging.basicConfig(stream=outlet, level=logging.DEBUG if debug else logging.ERROR)
    for noisy in ("pyhanko", "pyhanko_certvalidator", "fontTools"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def announce(words: str) -> None:
    """Tell the operator something on stderr; who does not listen holds up nothing."""
    LogOutlet(sys.stderr).write(f"{words}\n")


def print_json(document: Any) -> None:
    """Print exactly one JSON document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def existing(paths: tuple[str, ...]) -> list[Path]:
    """Return the paths; raises a usage error (exit status 2) for one that does not exist."""
    found = []
    for one in paths:
        path = Path(one)
        if not path.exists():
            raise click.UsageError(f"không có tệp hoặc thư mục này / there is no such file or folder: {one}")
        found.append(path)
    return found


def table(rows: list[list[str]], header: list[str], title: str | None = None) -> None:
    """Print a table for people; rich is imported only here."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    view = Table(title=title, show_lines=False)
    for name in header:
        view.add_column(name, overflow="fold")
    for row in rows:
        # Text, not markup: a subject in square brackets is the sender's, and must show as it is.
        view.add_row(*(Text(cell) for cell in row))
    Console().print(view)


def progress(what: str) -> Callable[[str, int, int], None]:
    """Return a progress callback that draws a bar on a terminal and nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _name, _done, _total: None
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    bar.start()
    tasks: dict[str, Any] = {}

    def step(name: str, done: int, total: int) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(f"{what}: {name}", total=total)
        bar.update(tasks[name], completed=done, total=total)
        if all(task.finished for task in bar.tasks):
            bar.stop()

    return step
