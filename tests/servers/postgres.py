"""A real PostgreSQL on loopback, unprivileged, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

START_SECONDS = 30
USER = "intake"

# A test's data need not survive power loss; what must survive is tested by the order of system calls on SQLite.
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60", "shared_buffers=32MB")


class PostgresMissing(Exception):
    """There is no PostgreSQL server on this machine: `apt-get install postgresql` brings it."""


def binaries() -> Path:
    """Return the folder with initdb and postgres, the newest if there are several; raises PostgresMissing."""
    folders = [Path(found).parent for found in (shutil.which("postgres"),) if found]
    if shutil.which("pg_config"):
        named = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        folders.append(Path(named))
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda one: int(one.parent.name) if one.parent.name.isdigit() else 0, reverse=True)
    for folder in folders:
        # Debian puts links to the tools in /usr/bin; initdb finds its companions beside its own file.
        real = (folder / "postgres").resolve().parent
        if (real / "postgres").exists() and (real / "initdb").exists():
            return real
    raise PostgresMissing("no PostgreSQL server on this machine; install the Debian package postgresql")


class Postgres:
    """
    One server with its own data folder. Started as root it runs as nobody, since PostgreSQL refuses root.

    `start` may be called again after `stop`, on the same port and data. `settings` win over SETTINGS.
    """

    def __init__(self, *settings: str) -> None:
        self._settings = (*SETTINGS, *settings)
        self._binaries = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.port = _free_port()
        if os.geteuid() == 0:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-k", str(self._folder)]
        for setting in self._settings:
            command += ["-c", setting]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._as_nobody()
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise RuntimeError(f"postgres does not answer:\n{(self._folder / 'log').read_text(encoding='utf-8')}")

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: in order (fast shutdown), or as a crash would (immediate)."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(3 if at_once else 2)  # SIGQUIT is immediate, SIGINT fast (postgres(1)).
            process.wait(timeout=30)

    def close(self) -> None:
        """Stop it and remove its data."""
        self.stop(at_once=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def make_database(self, template: str = "template1") -> str:
        """Make a database of its own and return its name."""
        self._made += 1
        name = f"d{self._made}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def _dsn(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={name}"

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / tool), *arguments], check=True, capture_output=True, cwd="/", **self._as_nobody()
        )

    def _as_nobody(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
