"""A whole small office in a folder: real ledger, vault, worker and flow; only the mailbox may be a list of mails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from config.catalogue import load_catalogue
from config.isolation import Worker, Workers
from config.settings import Settings, load_settings
from intake.demo.filled_form import plausible_values
from intake.demo.form_pdf import form_pdf
from intake.demo.pki import DemoPki, Identity
from intake.demo.signing import sign_pdf
from intake.office import Office
from intake.ports import ByteSink, CarryResult, Clock, Memory, SourceError, Stored
from intake.wiring import open_office
from storage.queries import LogFilter
from storage.records import Arrival, Channel, ClockReading, Delivery, Letter, Why
from tests.makers import IN_TIME

ADDRESS = "stttt@binhthuan.example"

ROSTER = """id,name,block,channel,mailboxes,organ_ids,aliases,certificates,valid_from,valid_to,successor
snv,Sở Nội vụ,so_nganh,mail,snv@binhthuan.example,H11.02,,,,,
sxd,Sở Xây dựng,so_nganh,qlvb,,H11.09,,,,,
stc,Sở Tài chính,so_nganh,mail,stc@binhthuan.example,H11.05,,,,,
phuquy,Ủy ban nhân dân huyện Phú Quý,huyen,mail,phuquy@binhthuan.example,H11.30,,,,,
stttt,Sở Thông tin và Truyền thông,so_nganh,qlvb,stttt@binhthuan.example,H11.11,,,,,
"""

OFFICE_TOML = """
[office]
agency = "stttt"
[database]
url = "{database}"
[vault]
url = "file:vault"
[[source]]
kind = "folder"
name = "qlvb"
path = "export"
outbox = "outbox"
settle = "leave"
[smtp]
host = "127.0.0.1"
port = 9
tls = "none"
from = "stttt@binhthuan.example"
[trust]
folders = ["trust"]
[campaign]
file = "campaign.toml"
[examination]
memory_mib = 2048
"""


@cache
def the_pki() -> DemoPki:
    """One authority for all tests of a process: making RSA keys takes longer than most tests."""
    return DemoPki.create(IN_TIME - timedelta(days=30))


@cache
def the_seal(name: str) -> Identity:
    """The organisation certificate of the agency called `name`."""
    return the_pki().issue_organisation(name)


@cache
def a_form(agency_name: str = "Sở Nội vụ", *, version: int = 0, block: str = "so_nganh") -> bytes:
    """A filled form of 2019 as PDF, not yet signed."""
    catalogue = load_catalogue(Path("config/catalogue.toml"))
    values = plausible_values(catalogue, block, agency_name, seed=version)
    return form_pdf(catalogue, block, agency_name, values, title="Đánh giá ứng dụng CNTT năm 2019")


@cache
def a_signed_form(agency_name: str = "Sở Nội vụ", *, version: int = 0) -> bytes:
    """The same, sealed by its agency."""
    return sign_pdf(a_form(agency_name, version=version), the_seal(agency_name), at=IN_TIME - timedelta(hours=1))


def a_mail(
    attachment: bytes | None = None,
    *,
    sender: str = "snv@binhthuan.example",
    subject: str = "Phiếu đánh giá ứng dụng CNTT năm 2019",
    name: str = "Phieu danh gia.signed.pdf",
    message_id: str = "<1@snv.binhthuan.example>",
    at: datetime = IN_TIME,
    **headers: str,
) -> bytes:
    """A mail from an agency, with its form attached."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, ADDRESS, subject
    mail["Date"], mail["Message-ID"] = format_datetime(at), message_id
    for key, value in headers.items():
        mail[key.replace("_", "-")] = value
    mail.set_content("Kính gửi Sở Thông tin và Truyền thông.\n")
    if attachment is not None:
        mail.add_attachment(attachment, maintype="application", subtype="pdf", filename=name)
    return mail.as_bytes()


@dataclass(frozen=True)
class ListedMail:
    """One mail of the listed mailbox."""

    key: str
    data: bytes = field(repr=False)
    received_at: datetime = IN_TIME

    def fetch(self, into: ByteSink) -> None:
        """Hand over the bytes, in pieces as a server does."""
        for start in range(0, len(self.data), 65536):
            into.write(self.data[start : start + 65536])

    def arrival(self, stored: Stored, seen_at: datetime) -> Arrival:
        """Say what a mailbox says."""
        return Arrival(
            source="mailbox",
            source_key=self.key,
            channel=Channel.MAIL,
            received_at=self.received_at.astimezone(UTC),
            received_by="imap-internaldate",
            seen_at=seen_at,
            sha256=stored.sha256,
            size=stored.size,
            name="mail.eml",
            clocks=(ClockReading("internaldate", self.received_at.astimezone(UTC)),),
        )


@dataclass
class ListedMailbox:
    """A mailbox that is a list: the port's contract without a socket. `settled` counts what it was told."""

    mails: list[ListedMail] = field(default_factory=list)
    name: str = "mailbox"
    settled: list[str] = field(default_factory=list)
    broken: bool = False

    def put(self, data: bytes, at: datetime = IN_TIME) -> None:
        """Let one more mail arrive."""
        self.mails.append(ListedMail(f"INBOX/1/{len(self.mails) + 1}", data, at))

    def waiting(self, memory: Memory, now: datetime) -> Iterator[ListedMail]:
        """Yield what the ledger does not know."""
        if self.broken:
            raise SourceError("MAILBOX_TIMEOUT", where=self.name)
        yield from (one for one in self.mails if not memory.knows(one.key))

    def settle(self, delivery: Delivery) -> None:
        """Count it."""
        self.settled.append(delivery.source_key)

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def remarks(self) -> tuple[Why, ...]:
        """A list has nothing to remark."""
        return ()

    @property
    def postponed(self) -> int:
        """A list hands out all it has."""
        return 0


@dataclass
class ListedCourier:
    """A relay that is a list; `answers` are given one after the other, then SENT."""

    carried: list[Letter] = field(default_factory=list)
    answers: list[CarryResult] = field(default_factory=list)

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """Take the letter."""
        answer = self.answers.pop(0) if self.answers else CarryResult.SENT
        if answer is not CarryResult.TRY_LATER:
            self.carried.append(letter)
        return answer, answer.value


@dataclass
class SmallOffice:
    """The office with the parts a test looks at."""

    office: Office
    mailbox: ListedMailbox
    courier: ListedCourier
    folder: Path

    def deliveries(self) -> dict[str, Delivery]:
        """Every delivery by its id."""
        return {one.id: one for one in self.office.queries.deliveries(LogFilter(limit=None))}

    def close(self) -> None:
        """Let go of everything."""
        self.office.close()


def prepare_folder(folder: Path, *, database: str = "sqlite:///intake.db", extra: str = "") -> Path:
    """Write the office's files into `folder` and return its configuration file."""
    for name in ("export", "outbox"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("config/catalogue.toml", folder / "catalogue.toml")
    shutil.copy("config/workday-overrides.toml", folder / "workday-overrides.toml")
    campaign = Path("config/campaign.toml").read_text(encoding="utf-8")
    (folder / "campaign.toml").write_text(campaign.replace("roster-sample.toml", "roster.csv"), encoding="utf-8")
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    for name in ("Sở Nội vụ", "Sở Xây dựng", "Sở Tài chính", "Ủy ban nhân dân huyện Phú Quý"):
        the_seal(name)
    the_pki().write_trust(
        folder / "trust",
        this_update=IN_TIME - timedelta(days=20),
        next_update=IN_TIME + timedelta(days=400),
    )
    config = folder / "office.toml"
    config.write_text(OFFICE_TOML.format(database=database) + extra, encoding="utf-8")
    return config


def open_small_office(
    config: Path,
    *,
    mails: Sequence[ListedMail] = (),
    clock: Clock | None = None,
    settings: Settings | None = None,
    examiner: Worker | Workers | None = None,
) -> SmallOffice:
    """Open the office of `config` with a listed mailbox beside its export folder, and a listed relay."""
    office = open_office(settings or load_settings(config))
    mailbox, courier = ListedMailbox(list(mails)), ListedCourier()
    opened = replace(
        office,
        sources=(mailbox, *office.sources),
        courier=courier,
        examiner=examiner or office.examiner,
        clock=clock or (lambda: IN_TIME.astimezone(UTC)),
    )
    return SmallOffice(opened, mailbox, courier, config.parent)


AnOffice = Callable[..., SmallOffice]


def put(small_office: SmallOffice, path: str, data: bytes, at: datetime = IN_TIME) -> None:
    """Let a file be in the export folder since `at`, finished."""
    file = small_office.folder / "export" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (at.timestamp(), at.timestamp()))
    Path(f"{file}.done").touch()


def by_name(small_office: SmallOffice) -> dict[str, Delivery]:
    """Every delivery by the name of its file."""
    return {one.name: one for one in small_office.deliveries().values()}


def codes(delivery: Delivery) -> set[str]:
    """The codes of a delivery's reasons."""
    return {one.code for one in delivery.reasons}
