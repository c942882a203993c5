"""What README, Makefile and CI say to a newcomer exists."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import click
import pytest

from intake.cli import COMMANDS, cli

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
MAKEFILE = (TOP / "Makefile").read_text(encoding="utf-8")

CONTRACT_TARGETS = ("run", "test", "setup", "check", "exhaustive", "bench", "help")


def test_the_first_two_commands_of_readme_are_run_and_test() -> None:
    """A newcomer needs no third one."""
    assert re.findall(r"^make (\w+)", README, re.MULTILINE)[:2] == ["run", "test"]


@pytest.mark.parametrize("target", CONTRACT_TARGETS)
def test_make_help_has_one_line_for_each_target(target: str) -> None:
    """The list is made from the Makefile's own comments."""
    done = subprocess.run(["make", "help"], cwd=TOP, capture_output=True, text=True, check=True)
    assert len([line for line in done.stdout.splitlines() if line.split()[:2] == ["make", target]]) == 1


def test_every_target_that_is_mentioned_exists() -> None:
    """In README and CONTRIBUTING alike."""
    said = re.findall(r"(?:^|`|\s)make ([a-z-]+)", README + (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(said) - {"and"} <= targets


def test_every_intake_command_in_readme_exists_with_its_options() -> None:
    """Also the subcommands and the long options."""
    text = README.replace("\\\n", " ")
    lines = re.findall(r"(?:\.venv/bin/|`)intake ([a-z][^`\n]*)", text)
    assert lines
    for line in lines:
        command: click.Command = cli
        context = click.Context(cli)
        words = line.split()
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", " " + " ".join(words))) <= known | {"--config"}, line


def test_ci_runs_make_test_and_nothing_else() -> None:
    """One way for a developer and for the machine."""
    script = (TOP / ".ci" / "run").read_text(encoding="utf-8")
    assert [line for line in script.splitlines() if "make" in line and not line.startswith("#")] == ["exec make test"]
    assert os.access(TOP / ".ci" / "run", os.X_OK)


def test_the_help_lists_every_command_without_importing_any() -> None:
    """`intake --help` is what one types first; it must not cost a second."""
    with click.Context(cli) as context:
        assert set(cli.list_commands(context)) == set(COMMANDS)
