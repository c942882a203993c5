"""A real Dovecot on loopback, unprivileged, with its own certificate, for tests and benchmarks."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from config.settings import ImapSource
from tests.servers.certificates import make_loopback_certificate

USER = "stttt@binhthuan.example"
PASSWORD = "Mật-khẩu-thử-7"  # Not ASCII, as people choose them.
START_SECONDS = 20


class DovecotMissing(Exception):
    """There is no Dovecot on this machine: `apt-get install dovecot-imapd` brings it."""


class Dovecot:
    """
    One Dovecot with one user, its Maildir under `home`.

    Started as root it runs as nobody, else as whoever starts it. `port` is IMAP with STARTTLS, `tls_port` IMAPS.
    `start` may be called again after `stop`, on the same ports and the same mailbox.
    """

    def __init__(self) -> None:
        binary = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
        if binary is None:
            raise DovecotMissing("no dovecot on this machine; install the Debian package dovecot-imapd")
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        # Not below pytest's folder: that one is closed to the user that Dovecot runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.home = self._folder / "home"
        self.home.mkdir()
        self.certificate = make_loopback_certificate(self._folder)
        self.port, self.tls_port = free_port(), free_port()
        (self._folder / "dovecot.conf").write_text(self._configuration(), encoding="utf-8")
        self._give_away(self._folder)
        self._folder.chmod(0o755)

    # The server.

    def start(self) -> None:
        """Start it and wait until it greets."""
        self._process = subprocess.Popen(
            [self._binary, "-F", "-c", str(self._folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Its processes form a group of their own, so that `stop` reaches each of them.
            user=self._account.pw_uid if os.geteuid() == 0 else None,
            group=self._account.pw_gid if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"dovecot ended at once:\n{self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.settimeout(2)
                    if connection.recv(4) == b"* OK":
                        return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"dovecot does not greet:\n{self.log()}")

    def stop(self) -> None:
        """Kill it with all its processes; connections are cut."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop it and take its files away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """Return what it has logged."""
        log = self._folder / "dovecot.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def settings(self, **changes: object) -> ImapSource:
        """Return the settings of a source over TLS; the password is where `password_file` says."""
        file = self._folder / "password"
        file.write_text(PASSWORD, encoding="utf-8")
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.tls_port,
            "ca_file": str(self.certificate.ca_file),
            "user": USER,
            "password_file": str(file),
            "folders": ("INBOX",),
            "connect_timeout_seconds": 10,
            "read_timeout_seconds": 20,
        }
        return ImapSource(**(values | changes))  # type: ignore[arg-type]  # The names are those of the struct.

    # The mailbox.

    def fill(self, mails: Iterable[bytes], *, folder: str = "INBOX", at: datetime | None = None) -> int:
        """
        Put mails straight into the Maildir, which is far faster than APPEND; return their number.

        `at` becomes their INTERNALDATE (Dovecot takes it from the file's time). Line ends are stored as given.
        """
        maildir = self._maildir(folder)
        number = 0
        for number, mail in enumerate(mails, 1):
            path = maildir / "new" / f"{time.time_ns()}.{number:07d}.test"
            path.write_bytes(mail)
            if at is not None:
                os.utime(path, (at.timestamp(), at.timestamp()))
            self._give_away(path)
        return number

    def make_folder(self, folder: str) -> None:
        """Make a folder beside INBOX."""
        self._maildir(folder)

    def files(self, folder: str = "INBOX") -> dict[str, bytes]:
        """Return what the folder holds on disk, by file name with its flags: to see that nothing was changed."""
        maildir = self._maildir(folder)
        return {path.name: path.read_bytes() for sub in ("cur", "new") for path in sorted((maildir / sub).iterdir())}

    def renumber(self, folder: str = "INBOX") -> None:
        """Forget the UIDs, as a restore does: the next opening gives a new UIDVALIDITY. Call it while stopped."""
        for path in self._maildir(folder).glob("dovecot*"):
            path.unlink()
        time.sleep(1.1)  # Dovecot takes the second of the day for the new number.

    def _maildir(self, folder: str) -> Path:
        maildir = self.home / "Maildir" / ("" if folder == "INBOX" else f".{folder}")
        for sub in ("cur", "new", "tmp"):
            (maildir / sub).mkdir(parents=True, exist_ok=True)
            self._give_away(maildir / sub)
        self._give_away(maildir)
        self._give_away(self.home / "Maildir")
        return maildir

    def _give_away(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)
            if path == self._folder:
                for below in path.iterdir():
                    self._give_away(below)

    # Its configuration.

    def _configuration(self) -> str:
        told = subprocess.run([self._binary, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.match(r"(\d+)\.(\d+)\.(\d+)", told)
        assert version is not None, told
        user = self._account.pw_name
        group = grp.getgrgid(self._account.pw_gid).gr_name
        is_new = (int(version[1]), int(version[2])) >= (2, 4)
        folder, certificate = self._folder, self.certificate
        mine = f"uid={self._account.pw_uid} gid={self._account.pw_gid} home={self.home}"
        if is_new:
            head = f"""
dovecot_config_version = {version[0]}
dovecot_storage_version = {version[0]}
auth_allow_cleartext = no
ssl_server_cert_file = {certificate.certificate_file}
ssl_server_key_file = {certificate.key_file}
mail_driver = maildir
mail_path = ~/Maildir
passdb static {{
  password = {PASSWORD}
}}
userdb static {{
  fields {{
    uid = {self._account.pw_uid}
    gid = {self._account.pw_gid}
    home = {self.home}
  }}
}}
"""
        else:
            head = f"""
disable_plaintext_auth = yes
ssl_cert = <{certificate.certificate_file}
ssl_key = <{certificate.key_file}
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = {mine}
}}
"""
        return (
            head
            + f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 50
namespace inbox {{
  inbox = yes
  mailbox Loc {{
    special_use = \\Junk
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = {self.tls_port}
    ssl = yes
  }}
}}
"""
        )


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
