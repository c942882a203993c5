"""Prepares the demonstration's folder: campaign, roster, certificates, passwords, mailbox and export, all made up."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import tomlkit

from config.campaign import load_campaign
from config.catalogue import load_catalogue
from config.errors import OfficeError, WrongUse
from config.roster import load_roster, write_roster_csv
from config.settings import load_settings
from intake.demo.exports import put
from intake.demo.mailbox_server import put_mail
from intake.demo.moments import Moments, milestones, moments_for
from intake.demo.neighbours import DOMAIN, demo_roster
from intake.demo.pki import DemoPki
from intake.demo.samples import all_samples
from intake.demo.studio import Sample, Studio
from storage.accounts import Accounts
from storage.ledger import Ledger
from storage.records import Role

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OFFICE_ADDRESS = f"stttt@{DOMAIN}"

# Names of roles, not of people: two clerks, so that what needs two persons can be shown.
LOGINS = (
    ("vanthu1", "Văn thư thứ nhất (thử nghiệm)", Role.CLERK),
    ("vanthu2", "Văn thư thứ hai (thử nghiệm)", Role.CLERK),
    ("lanhdao", "Lãnh đạo Sở (thử nghiệm, chỉ xem)", Role.VIEWER),
    ("quantri", "Quản trị (thử nghiệm)", Role.ADMIN),
)


@dataclass(frozen=True, slots=True)
class Premises:
    """Where the demonstration keeps what; every path lies in `var`."""

    var: Path

    @property
    def config(self) -> Path:
        """The settings that the service is started with."""
        return self.var / "office.toml"

    @property
    def mailbox(self) -> Path:
        """The mails of the mailbox, as files."""
        return self.var / "demo" / "mailbox"

    @property
    def pki(self) -> Path:
        """The certificate authority with its private keys."""
        return self.var / "demo" / "pki"

    @property
    def sink(self) -> Path:
        """The letters that were caught."""
        return self.var / "demo" / "letters"

    @property
    def export(self) -> Path:
        """The export folder of the document system."""
        return self.var / "qlvb"

    @property
    def trust(self) -> Path:
        """The trust folder."""
        return self.var / "trust"

    @property
    def logins(self) -> Path:
        """The demonstration's logins, one a line."""
        return self.var / "secrets" / "logins.txt"

    @property
    def mailbox_password(self) -> Path:
        """The password of the mailbox."""
        return self.var / "secrets" / "mailbox-password"

    @property
    def state(self) -> Path:
        """What says that the folder is a demonstration, and on which ports it listens."""
        return self.var / "demo" / "state.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of the demonstration: the mailbox, the sink for letters, the inlet for mails."""

    imap: int = 11143
    sink: int = 11025
    inlet: int = 11026


def is_prepared(var: Path) -> bool:
    """Whether `var` holds a demonstration that can go on."""
    return Premises(var).state.exists()


def prepare(var: Path, now: datetime, say: Callable[[str], None]) -> tuple[Sample, ...]:
    """
    Make a demonstration in `var`, which must be missing or empty, and return what will arrive in it.

    Everything is made beside `var` and moved there at the end, so that an interrupted preparation leaves nothing that
    looks finished. Raises WrongUse if `var` holds something else.
    """
    if var.exists() and (not var.is_dir() or any(var.iterdir())):
        raise WrongUse("DEMO_PLACE_TAKEN", var=var)
    draft = var.with_name(var.name + ".preparing")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o750)
    place = Premises(draft)
    moments = moments_for(now, ZONE)
    say("Making throw-away certificates, signing the sample submissions …")
    roster = demo_roster(load_roster(_shipped("roster-sample.toml")))
    pki = DemoPki.create(moments.opens.astimezone(UTC))
    (draft / "catalogue.toml").write_text(_catalogue(moments), encoding="utf-8")
    catalogue = load_catalogue(draft / "catalogue.toml")
    samples = tuple(all_samples(Studio(pki, roster, catalogue, moments)))
    pki.save(place.pki)
    (draft / "roster.csv").write_text(write_roster_csv(roster), encoding="utf-8")
    shutil.copyfile(_shipped("workday-overrides.toml"), draft / "workday-overrides.toml")
    (draft / "campaign.toml").write_text(_campaign(moments), encoding="utf-8")
    load_campaign(draft / "campaign.toml")
    renew_lists(place, pki, now)
    _secret(place.mailbox_password, secrets.token_urlsafe(18))
    place.sink.mkdir(parents=True)
    (draft / "qlvb-status").mkdir()
    place.export.mkdir()
    place.config.write_text(_settings(), encoding="utf-8")
    _lay_out(place, samples)
    _make_accounts(place, now)
    place.state.write_text(json.dumps({"schema": "intake-demo/1", "prepared_at": now.isoformat()}), encoding="utf-8")
    if var.exists():
        var.rmdir()
    draft.replace(var)
    return samples


def renew_lists(place: Premises, pki: DemoPki, now: datetime) -> None:
    """Write the trust folder with revocation lists that are current; the demonstration may be a month old."""
    pki.write_trust(place.trust, this_update=now - timedelta(hours=1), next_update=now + timedelta(days=30))


def set_ports(place: Premises, ports: Ports, listen: str) -> None:
    """Write the ports that are really served into the settings, keeping every other line as it is."""
    text = place.config.read_text(encoding="utf-8")
    document = tomlkit.parse(text)
    document["console"]["listen"] = listen
    document["smtp"]["port"] = ports.sink
    for source in document["source"]:
        if source["kind"] == "imap":
            source["port"] = ports.imap
    if (changed := tomlkit.dumps(document)) != text:
        place.config.write_text(changed, encoding="utf-8")
    state = json.loads(place.state.read_text(encoding="utf-8"))
    state["ports"] = {"imap": ports.imap, "sink": ports.sink, "inlet": ports.inlet}
    place.state.write_text(json.dumps(state, indent=1), encoding="utf-8")


def last_ports(place: Premises) -> Ports:
    """Return the ports of the last run, or the usual ones."""
    kept = json.loads(place.state.read_text(encoding="utf-8")).get("ports", {})
    return Ports(**kept)


def load_pki(place: Premises) -> DemoPki:
    """Return the demonstration's certificate authority; OfficeError if the folder holds none."""
    if not place.state.exists():
        raise OfficeError("DEMO_NOT_PREPARED", var=place.var)
    return DemoPki.load(place.pki)


def _lay_out(place: Premises, samples: Sequence[Sample]) -> None:
    uids = {"INBOX": 0, "Junk": 0}
    for sample in samples:
        if sample.place == "export":
            folder = sample.name if len(sample.files) > 2 else ""
            put(place.export, folder, sample.files, sample.arrives_at)
        else:
            uids[sample.place] += 1
            put_mail(place.mailbox, sample.place, uids[sample.place], sample.files[0][1], sample.arrives_at)


def _make_accounts(place: Premises, now: datetime) -> None:
    ledger = Ledger.open(load_settings(place.config).database.connect_url(), message_id_domain=DOMAIN)
    try:
        ledger.upgrade()
        accounts = Accounts(ledger.database)
        lines = []
        for name, full_name, role in LOGINS:
            password = "-".join(secrets.token_hex(2) for _ in range(3))
            accounts.create(name, full_name, role, password, by="demo", at=now)
            lines.append(f"{name:10} {password:16} {role.value:8} {full_name}")
    finally:
        ledger.close()
    _secret(place.logins, "\n".join(lines) + "\n")


def _secret(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


def _shipped(name: str) -> Path:
    return Path(str(files("config").joinpath(name)))


def _catalogue(moments: Moments) -> str:
    """Return the sample catalogue, asking for the figures of the demonstration's twelve months."""
    text = _shipped("catalogue.toml").read_text(encoding="utf-8")
    for key, day in (("data_from", moments.data_from), ("data_to", moments.data_to)):
        text = re.sub(rf"^{key} = \S+", f"{key} = {day.isoformat()}", text, count=1, flags=re.MULTILINE)
    return text


def _campaign(moments: Moments) -> str:
    steps = "\n".join(
        f'[[milestone]]\nname = "{step.name}"\nbefore = {step.before.isoformat()}\n' for step in milestones(moments)
    )
    return f"""# The demonstration's campaign: due four days before it was prepared, closed at the midnight before.
# The file is the truth; `intake campaign calendar` shows how its instants come about.

id = "demo-{moments.year}"
title = "Đánh giá ứng dụng CNTT năm {moments.year} (THỬ NGHIỆM)"
version = 1
opens = {moments.opens.isoformat()}
due = {moments.due.isoformat()}
closes = {moments.closes.isoformat()}
basis = "697/STTTT-BCVT&CNTT, mục 3, dời mốc thời gian cho bản trình diễn"
approved_by = "Giám đốc Sở (thử nghiệm)"
approved_on = {moments.opens.date().isoformat()}
data_from = {moments.data_from.isoformat()}
data_to = {moments.data_to.isoformat()}
receipt_prefix = "PDG-{moments.year}"
roster = "roster.csv"
catalogue = "catalogue.toml"
signature_required = "agency"
resubmission_time = "first"
recognise = ["phiếu đánh giá", "ứng dụng CNTT"]
contact = "Phòng Bưu chính viễn thông và Công nghệ thông tin"

[calendar]
anchor = {moments.due.date().isoformat()}
working_days = 5
overrides = "workday-overrides.toml"

{steps}"""


def _settings() -> str:
    ports = Ports()
    return f"""# The demonstration's settings; everything is on this machine, and no letter ever leaves it.

[office]
name = "Sở Thông tin và Truyền thông tỉnh Bình Thuận (THỬ NGHIỆM)"
agency = "stttt"
time_zone = "Asia/Ho_Chi_Minh"

[database]
url = "sqlite:///intake.db"

[vault]
url = "file:vault"

[[source]]
kind = "imap"
name = "mailbox"
host = "127.0.0.1"
port = {ports.imap}
tls = "none"                             # allowed on loopback only
user = "{OFFICE_ADDRESS}"
password_file = "secrets/mailbox-password"
folders = ["INBOX", "Junk"]
every_seconds = 5                        # a real mailbox is asked once a minute
settle = "leave"

[[source]]
kind = "folder"
name = "qlvb"
path = "qlvb"
settle = "move"
outbox = "qlvb-status"
every_seconds = 5

[smtp]
host = "127.0.0.1"
port = {ports.sink}
tls = "none"
from = "{OFFICE_ADDRESS}"
mode = "send"

[trust]
folders = ["trust"]
revocation = "hard"

[campaign]
file = "campaign.toml"

[console]
listen = "127.0.0.1:8080"

[demo]
mail_sink = "demo/letters"
"""
