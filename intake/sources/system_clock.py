"""Whether this machine's clock is kept right by a time service, which is noted beside every reading of it."""

from __future__ import annotations

from pathlib import Path

# Linux keeps these files while a time service has the clock in hand (systemd-timesyncd, chrony, ntpsec).
CLOCK_SIGNS = (Path("/run/systemd/timesync/synchronized"), Path("/run/chrony/chronyd.pid"), Path("/run/ntpd.pid"))


def is_synchronised() -> bool:
    """Whether a time service says that it has the clock in hand; False says only that none is known to."""
    return any(one.exists() for one in CLOCK_SIGNS)


def clock_state() -> str:
    """Return the state in words, as the detail of a reading."""
    return "system clock synchronised" if is_synchronised() else "system clock not known to be synchronised"
