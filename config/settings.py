"""What the operator set in `intake.toml`: read once, typed, with errors that name file, key and remedy."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from config.errors import WrongUse

Tls = Literal["required", "starttls", "none"]


class SettingsError(WrongUse):
    """A configuration file says something that cannot be meant."""


class Secret:
    """
    A password that is read when it is needed and can never be printed.

    It comes from an environment variable or from a file, never from the TOML itself, so that the
    configuration may be copied into a ticket. `reveal` reads it anew each time: a changed file counts at once.
    """

    __slots__ = ("_env", "_file")

    def __init__(self, *, env: str = "", file: Path | None = None) -> None:
        self._env = env
        self._file = file

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    @property
    def is_set(self) -> bool:
        """Whether the operator named a place for it at all."""
        return bool(self._env or self._file)

    def reveal(self) -> str:
        """Return the secret; raises SettingsError with the place that is empty, never with its content."""
        if self._file is not None:
            try:
                return self._file.read_text(encoding="utf-8").strip("\r\n")
            except OSError as cause:
                raise SettingsError("PASSWORD_FILE_UNREADABLE", file=self._file) from cause
        value = os.environ.get(self._env, "")
        if not value:
            raise SettingsError(
                "PASSWORD_NOT_SET", env=self._env or "(none named)", variable=self._env or "password_env"
            )
        return value


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration file: an unknown key is an error, since a misspelt one would be silence."""


class OfficeTable(_Table, frozen=True):
    """The receiving office itself: its name, its own roster id, its time zone."""

    name: str = "Sở Thông tin và Truyền thông tỉnh Bình Thuận"
    agency: str = "stttt"
    time_zone: str = "Asia/Ho_Chi_Minh"
    contact: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The zone for letters, pages and JSON; inside, every time is UTC."""
        return ZoneInfo(self.time_zone)


class DatabaseTable(_Table, frozen=True):
    """Where the ledger is."""

    url: str = "sqlite:///var/intake.db"
    password_env: str = ""
    password_file: str = ""

    def connect_url(self) -> str:
        """
        Return the URL with its password put in, for the database driver only: never log it.

        The password is percent-encoded (RFC 3986, 3.2.1). A URL without user, or SQLite, is returned as it is.
        """
        secret = _secret(self.password_env, self.password_file)
        scheme, separator, rest = self.url.partition("://")
        user, at, place = rest.partition("@")
        if not secret.is_set or not at or ":" in user:
            return self.url
        return f"{scheme}{separator}{user}:{quote(secret.reveal(), safe='')}@{place}"


class VaultTable(_Table, frozen=True):
    """Where the bytes are."""

    url: str = "file:var/vault"


class ImapSource(_Table, frozen=True, tag="imap", tag_field="kind"):
    """A mailbox that is polled."""

    name: str = "mailbox"
    host: str = "127.0.0.1"
    port: int = 993
    tls: Tls = "required"
    ca_file: str = ""
    user: str = ""
    password_env: str = "INTAKE_IMAP_PASSWORD"
    password_file: str = ""
    folders: tuple[str, ...] = ("INBOX", "Junk")
    every_seconds: int = 60
    settle: Literal["leave", "keyword", "move"] = "leave"
    keyword: str = "PhieuIntake"
    move_to: str = "PhieuIntake"
    connect_timeout_seconds: int = 20
    read_timeout_seconds: int = 60
    look_timeout_seconds: int = 1800

    @property
    def password(self) -> Secret:
        """The mailbox password."""
        return _secret(self.password_env, self.password_file)


class FolderSource(_Table, frozen=True, tag="folder", tag_field="kind"):
    """The export folder of a document system that is listed."""

    name: str = "qlvb"
    path: str = "/srv/qlvb-export"
    settle: Literal["move", "leave"] = "move"
    outbox: str = ""
    manifests: Literal["believe", "ignore"] = "believe"
    every_seconds: int = 60
    look_timeout_seconds: int = 1800


class SmtpTable(_Table, frozen=True):
    """How letters leave."""

    host: str = "127.0.0.1"
    port: int = 25
    tls: Tls = "starttls"
    ca_file: str = ""
    user: str = ""
    password_env: str = "INTAKE_SMTP_PASSWORD"
    password_file: str = ""
    sender: str = msgspec.field(name="from", default="stttt@binhthuan.gov.vn")
    mode: Literal["send", "rehearse", "approve"] = "send"
    timeout_seconds: int = 60

    @property
    def password(self) -> Secret:
        """The relay's password; unset when `user` is empty."""
        return _secret(self.password_env, self.password_file)


class PolicyTable(_Table, frozen=True):
    """
    How strong certificates must be; `signatures.question.Policy` says what each rule means.

    The defaults are the program's own policy. Every difference from them stands in the policy's name on each report.
    """

    sha1_certificates_before: date = date(2019, 1, 1)
    min_rsa_bits: int = 2048
    min_rsa_bits_before_2014: int = 1024
    local_time_fault_hours: int = 7


class TrustTable(_Table, frozen=True):
    """Whose certificates count, and how they are judged."""

    folders: tuple[str, ...] = ("trust",)
    revocation: Literal["hard", "soft", "off"] = "hard"
    fetch_hosts: tuple[str, ...] = ()
    policy: PolicyTable = PolicyTable()


class CampaignTable(_Table, frozen=True):
    """Where the campaign file is."""

    file: str = "campaign.toml"


class ConsoleTable(_Table, frozen=True):
    """Where the console listens, and whether a proxy speaks https for it."""

    listen: str = "127.0.0.1:8080"
    https: bool = False


class LettersTable(_Table, frozen=True):
    """The brakes on automatic letters (RFC 3834, section 2: a responder must limit its rate)."""

    per_address_per_day: int = 20
    per_day: int = 500


class ExaminationTable(_Table, frozen=True):
    """What the examination of one delivery may cost before it is shelved for a person."""

    seconds: int = 120
    memory_mib: int = 1536
    attempts: int = 3
    workers: int = 2


class DiskTable(_Table, frozen=True):
    """How much room must stay free; below it intake pauses, since a full disk loses what a pause keeps."""

    floor_mib: int = 200


class MailTable(_Table, frozen=True):
    """What of a mail's own claims may be believed: only the verdicts of this authserv-id (RFC 8601, section 5)."""

    authserv_id: str = ""
    check_dkim: bool = False
    clock_tolerance_seconds: int = 300


class MalwareTable(_Table, frozen=True):
    """A clamd that scans what arrives; empty host means that nobody scans."""

    clamd_host: str = ""
    clamd_port: int = 3310
    timeout_seconds: int = 60


class DemoTable(_Table, frozen=True):
    """Only the demonstration sets this: the folder in which its mail sink keeps caught letters."""

    mail_sink: str = ""


class Settings(_Table, frozen=True):
    """The whole configuration; paths in it are absolute once it is loaded."""

    office: OfficeTable = OfficeTable()
    database: DatabaseTable = DatabaseTable()
    vault: VaultTable = VaultTable()
    source: tuple[ImapSource | FolderSource, ...] = ()
    smtp: SmtpTable = SmtpTable()
    trust: TrustTable = TrustTable()
    campaign: CampaignTable = CampaignTable()
    console: ConsoleTable = ConsoleTable()
    letters: LettersTable = LettersTable()
    examination: ExaminationTable = ExaminationTable()
    disk: DiskTable = DiskTable()
    mail: MailTable = MailTable()
    malware: MalwareTable = MalwareTable()
    demo: DemoTable = DemoTable()

    @property
    def sources(self) -> tuple[ImapSource | FolderSource, ...]:
        """Every place where deliveries wait."""
        return self.source

    @property
    def campaign_file(self) -> Path:
        """The campaign file, absolute."""
        return Path(self.campaign.file)

    @property
    def trust_folders(self) -> tuple[Path, ...]:
        """The trust folders, absolute."""
        return tuple(Path(folder) for folder in self.trust.folders)


def find_config_file(named: str | None) -> Path | None:
    """Return the file to read: the named one, else $INTAKE_CONFIG, else ./intake.toml if it is there, else None."""
    chosen = named or os.environ.get("INTAKE_CONFIG")
    if chosen:
        return Path(chosen)
    here = Path("intake.toml")
    return here if here.exists() else None


def load_settings(path: Path | None) -> Settings:
    """
    Read the configuration at `path`; None gives the built-in defaults under ./var of the current folder.

    Raises SettingsError that names the file, the key and what to write instead.
    """
    if path is None:
        base = Path.cwd() / "var"
        built_in = Settings(
            database=DatabaseTable(url="sqlite:///intake.db"),
            vault=VaultTable(url="file:vault"),
        )
        return _absolute(built_in, base)
    raw = read_toml(path)
    settings = convert(raw, Settings, path)
    _check(settings, path)
    return _absolute(settings, path.resolve().parent)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the TOML file at `path` as a mapping; raises SettingsError that names the file and the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as cause:
        raise SettingsError("CONFIG_MISSING", path=path) from cause
    except OSError as cause:
        raise SettingsError("CONFIG_UNREADABLE", path=path, why=cause.strerror) from cause
    except UnicodeDecodeError as cause:
        raise SettingsError("CONFIG_NOT_UTF8", path=path) from cause
    except tomllib.TOMLDecodeError as cause:
        raise SettingsError("CONFIG_NOT_TOML", path=path, why=cause) from cause


Struct = TypeVar("Struct", bound=msgspec.Struct)


def convert(raw: dict[str, Any], into: type[Struct], path: Path) -> Struct:
    """Return `raw` as `into`; raises SettingsError with file, key, and the nearest known key for a misspelt one."""
    try:
        return msgspec.convert(raw, into, strict=True)
    except msgspec.ValidationError as cause:
        message = str(cause)
        unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?", message)
        if unknown:
            key, at = unknown.group(1), unknown.group(2) or ""
            near = difflib.get_close_matches(key, sorted(_keys_under(into, at)), n=1)
            named = ".".join(filter(None, [at, key]))
            if near:
                raise SettingsError("CONFIG_KEY_MISSPELT", path=path, key=named, near=near[0]) from cause
            raise SettingsError("CONFIG_KEY_UNKNOWN", path=path, key=named) from cause
        missing = re.search(r"missing required field `([^`]+)`", message)
        if missing:
            raise SettingsError("CONFIG_KEY_MISSING", path=path, key=missing.group(1)) from cause
        where = re.search(r" - at `\$\.?([^`]*)`", message)
        what = message.split(" - at ")[0]
        raise SettingsError(
            "CONFIG_KEY_WRONG", path=path, key=where.group(1) if where else "(top)", what=what
        ) from cause


def _keys_under(into: type[msgspec.Struct], at: str) -> set[str]:
    """Return every key that may stand at `at`; used only to guess what a misspelt one was meant to be."""
    table, _, below = at.partition(".")
    table = table.split("[")[0]
    if table == "source":
        return {field.encode_name for kind in (ImapSource, FolderSource) for field in msgspec.structs.fields(kind)}
    for field in msgspec.structs.fields(into):
        if table == field.encode_name and isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            return _keys_under(field.type, below)
    return {field.encode_name for field in msgspec.structs.fields(into)}


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very form; a name that must be looked up is not, save localhost."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check(settings: Settings, path: Path) -> None:
    """Refuse what is well-formed but cannot be meant."""
    try:
        _ = settings.office.zone
    except (ZoneInfoNotFoundError, ValueError) as cause:
        raise SettingsError("TIME_ZONE_UNKNOWN", path=path, time_zone=repr(settings.office.time_zone)) from cause
    plain = [
        (f"source {one.name}", one.host) for one in settings.source if isinstance(one, ImapSource) and one.tls == "none"
    ]
    if settings.smtp.tls == "none":
        plain.append(("smtp", settings.smtp.host))
    for where, host in plain:
        if not is_loopback(host):
            raise SettingsError("CONFIG_UNPROTECTED", path=path, where=where, host=host)
    names = [one.name for one in settings.source]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError("SOURCE_NAME_TWICE", path=path, name=repr(name))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
            raise SettingsError("SOURCE_NAME_WRONG", path=path, name=repr(name))
    host, _, port = settings.console.listen.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError("LISTEN_WRONG", path=path, listen=repr(settings.console.listen))
    policy = settings.trust.policy
    for key, value, least, most in (
        # Shorter keys were factored before any form was signed; OpenSSL verifies none that is longer.
        ("min_rsa_bits", policy.min_rsa_bits, 1024, 16384),
        ("min_rsa_bits_before_2014", policy.min_rsa_bits_before_2014, 1024, 16384),
        # No zone is further ahead of UTC than fourteen hours.
        ("local_time_fault_hours", policy.local_time_fault_hours, 0, 14),
    ):
        if not least <= value <= most:
            raise SettingsError("POLICY_OUT_OF_RANGE", path=path, key=key, value=value, least=least, most=most)
    for one in settings.source:
        if one.every_seconds < 1:
            raise SettingsError("EVERY_SECONDS_WRONG", path=path, name=one.name)


def _absolute(settings: Settings, base: Path) -> Settings:
    """Return the settings with every relative path resolved against the file's own folder (contract, section 2)."""

    def path(value: str) -> str:
        return str((base / value).resolve()) if value else ""

    replace = msgspec.structs.replace
    database = settings.database
    if database.url.startswith("sqlite:///") and ":memory:" not in database.url:
        database = replace(database, url="sqlite:///" + path(database.url.removeprefix("sqlite:///")))
    vault = settings.vault
    if vault.url.startswith("file:"):
        vault = replace(vault, url="file:" + path(vault.url.removeprefix("file:").removeprefix("//")))
    sources: list[ImapSource | FolderSource] = []
    for one in settings.source:
        if isinstance(one, ImapSource):
            sources.append(replace(one, ca_file=path(one.ca_file), password_file=path(one.password_file)))
        else:
            sources.append(replace(one, path=path(one.path), outbox=path(one.outbox)))
    smtp = replace(settings.smtp, ca_file=path(settings.smtp.ca_file), password_file=path(settings.smtp.password_file))
    return replace(
        settings,
        database=replace(database, password_file=path(database.password_file)),
        vault=vault,
        source=tuple(sources),
        smtp=smtp,
        trust=replace(settings.trust, folders=tuple(path(one) for one in settings.trust.folders)),
        campaign=CampaignTable(file=path(settings.campaign.file)),
        demo=DemoTable(mail_sink=path(settings.demo.mail_sink)),
    )


def _secret(env: str, file: str) -> Secret:
    return Secret(file=Path(file)) if file else Secret(env=env)
