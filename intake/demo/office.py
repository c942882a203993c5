"""The demonstration: a mailbox, a mail sink and an export folder on this machine, and the real service between them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from config.campaign import load_campaign
from config.errors import OfficeError
from intake.demo.mail_sink import Inlet, Sink, serve
from intake.demo.mailbox_server import MailboxServer
from intake.demo.prepare import (
    OFFICE_ADDRESS,
    ZONE,
    Ports,
    Premises,
    is_prepared,
    last_ports,
    load_pki,
    prepare,
    renew_lists,
    set_ports,
)

HOST = "127.0.0.1"

# The service answers within seconds; on a slow machine the first import alone may take some.
READY_WITHIN_SECONDS = 60
# It finishes the step in hand when asked to end; an examination has a limit of its own, far below this.
END_WITHIN_SECONDS = 30
# How much of the service's log is shown when it ends by itself.
LOG_LINES_SHOWN = 25

# How far from a taken port another is looked for before any free one will do.
NEIGHBOURING_PORTS = 20


def run(var: Path, listen: str = "127.0.0.1:8080", *, with_service: bool = True, now: datetime | None = None) -> int:
    """
    Prepare `var` or continue what is there, serve until Ctrl-C, and return the exit status.

    Without the service only the mailbox, the sink and the inlet are there, for whoever starts the service or
    `intake once` by himself. Ends with 0 when asked to end, else with the service's own status. Ports that are taken
    are replaced by free ones, which is said. Raises OfficeError with the remedy for what cannot be.
    """
    var = var.resolve()
    moment = now or datetime.now(UTC)
    if is_prepared(var):
        _say(f"Continuing the demonstration in {var}")
    else:
        _say(f"Preparing the demonstration in {var}")
        samples = prepare(var, moment, _say)
        _say(f"{len(samples)} sample submissions wait in the mailbox and in the export folder.")
    return asyncio.run(_serve(Premises(var), listen, moment, with_service=with_service))


async def _serve(place: Premises, listen: str, now: datetime, *, with_service: bool) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ending.set)
    mailbox = MailboxServer(place.mailbox, OFFICE_ADDRESS, place.mailbox_password.read_text(encoding="utf-8").strip())

    async def deliver(mail: bytes, at: datetime) -> None:
        await mailbox.deliver(mail, at)

    servers: list[asyncio.Server] = []

    async def start_mailbox(port: int) -> int:
        return await mailbox.start(HOST, port)

    async def start_sink(port: int) -> int:
        servers.append(await serve(Sink(place.sink), HOST, port))
        return _port_of(servers[-1])

    async def start_inlet(port: int) -> int:
        servers.append(await serve(Inlet(OFFICE_ADDRESS, deliver), HOST, port))
        return _port_of(servers[-1])

    wanted = last_ports(place)
    try:
        ports = Ports(
            imap=await _start(start_mailbox, wanted.imap, "the mailbox"),
            sink=await _start(start_sink, wanted.sink, "the mail sink"),
            inlet=await _start(start_inlet, wanted.inlet, "the mail inlet"),
        )
        host, _, port = listen.rpartition(":")
        address = f"{host}:{await _start(partial(_probe, host), int(port), 'the console')}"
        set_ports(place, ports, address)
        renew_lists(place, load_pki(place), now)
        if with_service:
            return await _with_service(place, address, ending)
        _say(f"Mailbox and mail sink are there. The service is yours to start: --config {_short(place.config)}")
        await ending.wait()
        return 0
    finally:
        for server in servers:
            server.close()
        await mailbox.stop()


async def _with_service(place: Premises, address: str, ending: asyncio.Event) -> int:
    """Run the real service as a process of its own until it ends or `ending` is set."""
    log = place.var / "service.log"
    with log.open("ab") as out:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the service in good order.
        service = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "intake", "run", "--config", str(place.config),
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    ended = asyncio.create_task(service.wait())
    asked = asyncio.create_task(ending.wait())
    ready = asyncio.create_task(_ready(address))
    try:
        await asyncio.wait({ended, asked, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not ended.done() and not asked.done():
            _say(_welcome(place, address) if ready.result() else f"The console does not answer yet; see {log}")
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            _say("\nEnding: the service finishes the step in hand …")
            service.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), END_WITHIN_SECONDS)
    finally:
        if not ended.done():
            service.kill()
        status = await ended
        for task in (asked, ready):
            task.cancel()
    if asked.done() and not asked.cancelled():
        _say("Ended. `make run` continues where it was; to begin anew, remove the folder " + str(place.var))
        return 0
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    _say("\n".join(["The service ended by itself. Its last words:", *tail]))
    return status or 3


async def _ready(address: str) -> bool:
    """Wait until the console answers; False if it does not in time."""
    for _ in range(READY_WITHIN_SECONDS * 5):
        if await asyncio.to_thread(_answers, f"http://{address}/healthz"):
            return True
        await asyncio.sleep(0.2)
    return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except (OSError, urllib.error.URLError):
        return False


async def _start(start: Callable[[int], Awaitable[int]], wanted: int, what: str) -> int:
    """Start something on the port `wanted`, else on one near it, else on any; return the port. A change is said."""
    for port in (wanted, *range(wanted + 1, wanted + NEIGHBOURING_PORTS), 0):
        try:
            served = await start(port)
        except OSError:
            continue
        if served != wanted and wanted != 0:
            _say(f"Port {wanted} is taken; {what} listens on {served} instead.")
        return served
    raise OfficeError("DEMO_NO_PORT", what=what)


async def _probe(host: str, port: int) -> int:
    """Return `port` (0: a free one) if the console, which is another process, could listen there; else OSError."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, port)
    found = _port_of(server)
    server.close()
    await server.wait_closed()
    return found


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _welcome(place: Premises, address: str) -> str:
    logins = "\n".join("    " + line for line in place.logins.read_text(encoding="utf-8").splitlines())
    command = _command()
    closes = load_campaign(place.var / "campaign.toml").campaign.closes.astimezone(ZONE)
    return f"""
The console:  http://{address}/

  login      password         role     who
{logins}

What to look at
  1. Bảng theo dõi, the board: every agency of the sample roster, also those that have sent nothing.
  2. Sổ tiếp nhận, the intake log: filed, held, set aside, linked, withdrawn; open one and read its checks, files,
     timeline and letters.
  3. Thư đã bắt, the mail sink: the letters that would have left. None leaves this machine.
  4. The campaign closed {closes:%d/%m/%Y %H:%M}. Extend it as a recorded act, under Đợt đánh giá or with:
       {command} campaign extend --config {_short(place.config)} --by quantri \\
         --basis "Gia hạn" --closes {closes + timedelta(days=14):%Y-%m-%dT%H:%M:%S}+07:00
  5. Send one more mail with a signed form, as an agency would, and watch it being filed and answered:
       {command} demo-send --agency tanhlinh{"" if place.var.name == "var" else f" --var {_short(place.var)}"}

Everything lies in {_short(place.var)}/ (the service's log: {_short(place.var / "service.log")}).
Ctrl-C ends everything; `make run` continues.
"""


def _command() -> str:
    script = Path(sys.executable).parent / "intake"
    return _short(script) if script.exists() else f"{_short(Path(sys.executable))} -m intake"


def _short(path: Path) -> str:
    """Return the path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
