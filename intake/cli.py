"""The front door of the command line: which commands there are, and how trouble is said."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

# name: (module, attribute, one line of help). The help stands here so that `intake --help` imports nothing.
COMMANDS = {
    "run": ("service", "run", "The daemon: polls, takes in, sends letters, serves the console."),
    "once": ("service", "once", "One pass over all sources and queues, then exit."),
    "console": ("service", "console", "Only the web console."),
    "work": ("service", "work", "Only taking in, for further machines on one PostgreSQL."),
    "demo": ("service", "demo", "The demonstration office on this machine."),
    "demo-send": ("service", "demo_send", "Send one more signed form to the demonstration mailbox."),
    "verify": ("documents", "verify", "Verify signed files; needs no database or configuration."),
    "unpack": ("documents", "unpack", "Show what a mail, package, archive or folder contains."),
    "form": ("documents", "form", "The form to fill in, and what a filled one says."),
    "log": ("reading", "log", "The intake log, newest first."),
    "show": ("reading", "show", "Everything known of one delivery."),
    "board": ("reading", "board", "One row for each agency, the missing included."),
    "accept": ("acting", "accept", "Accept a held delivery."),
    "return": ("acting", "return_", "Return a delivery to its sender, with the reason."),
    "link": ("acting", "link", "Link a delivery as a copy of another."),
    "dismiss": ("acting", "dismiss", "Say that a delivery is no submission."),
    "retry": ("acting", "retry", "Examine a delivery again."),
    "release": ("acting", "release", "Bring back what was shelved or set aside."),
    "export": ("keeping", "export", "Forms, answers, log or board as CSV, XLSX, JSON or Parquet."),
    "evidence": ("keeping", "evidence", "All on which a delivery's verdict rests, to judge it again offline."),
    "audit": ("keeping", "audit", "Prove that log, vault and sums hold."),
    "backup": ("keeping", "backup", "A consistent copy while running."),
    "restore": ("keeping", "restore", "Put a copy back, with proof."),
    "db": ("keeping", "db", "The database schema."),
    "trust": ("administering", "trust", "The trust folder: list, add, check."),
    "roster": ("administering", "roster", "The agencies."),
    "campaign": ("administering", "campaign", "The cut-offs and how they come about."),
    "user": ("administering", "user", "Console accounts and roles."),
    "doctor": ("administering", "doctor", "Every outside thing the service needs, with its remedy."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"intake.commands.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[2]) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="phieu-intake", prog_name="intake")
def cli() -> None:
    """Tiếp nhận Phiếu đánh giá có ký số: nhận, kiểm tra, xét thời hạn, lưu và trả lời.

    Takes in digitally signed evaluation forms: receives, verifies, judges the time, files and acknowledges.
    """


def run(arguments: list[str]) -> int:
    """
    Run one command and return its exit status: 0 good, 1 the answer is no, 2 wrong use, 3 trouble outside.

    No traceback reaches an operator without --debug (or INTAKE_DEBUG=1).
    """
    out = sys.stdout
    debug = "--debug" in arguments or os.environ.get("INTAKE_DEBUG") == "1"
    try:
        outcome: Any = cli.main(args=arguments, prog_name="intake", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Đã dừng. / Stopped.", err=True)
        return 130
    except SystemExit:
        # The reader of our output went away (`intake log | head`): nothing is wrong with the answer, though click ends
        # with 1, which means "no" here. That it was a broken pipe shows in the output, which click has wrapped.
        if sys.stdout is out:
            raise
        sys.stdout = out
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 0
    except Exception as error:  # The face of the program: trouble is said in words, a bug names itself.
        if debug:
            raise
        return _say(error)
    return outcome if isinstance(outcome, int) else 0


def _say(error: Exception) -> int:
    """Say what happened and what to do; returns the exit status."""
    from config.errors import OfficeError, WrongUse

    if isinstance(error, OfficeError):
        told = error.told
        click.echo(f"Lỗi: {told.vi}\nCách xử lý: {told.do_vi}", err=True)
        click.echo(f"Error: {told.en}\nRemedy: {told.do_en}", err=True)
        return 2 if isinstance(error, WrongUse) else 3
    click.echo(f"Lỗi chương trình / Internal error: {type(error).__name__}: {error}", err=True)
    click.echo("Cách xử lý: chạy lại với --debug và gửi kết quả cho người bảo trì.", err=True)
    click.echo("Remedy: run again with --debug and send the output to the maintainers.", err=True)
    return 3
