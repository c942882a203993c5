"""Makers for the console's tests: an office with a seeded ledger, served on loopback, and a windowless browser."""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import uvicorn
from PIL import Image, ImageDraw

import config
from config.campaign import Campaign, load_campaign
from config.roster import load_roster
from config.settings import CampaignTable, DatabaseTable, Settings, VaultTable
from intake.clerk import OfficeClerk
from intake.console.app import create_app
from intake.console.desk import CampaignVersion, Desk, HealthLine
from intake.office import Office, Rules
from intake.ports import CarryResult
from intake.steps.letters import FileLine, Matter, write_letter
from intake.workers import start_workers
from signatures.report import Verdict
from storage.accounts import Accounts
from storage.ledger import Ledger
from storage.queries import Queries
from storage.records import (
    Answer,
    Arrival,
    Channel,
    ClockReading,
    Delivery,
    FiledFile,
    Letter,
    LetterDraft,
    LetterKind,
    Outcome,
    Receipt,
    Role,
    State,
    Timeliness,
    Why,
)
from storage.vault import Vault
from tests.makers_storage import CHEAP
from tests.servers.stores import an_empty_database

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2019, 9, 19, 9, 30, tzinfo=ZONE)
PASSWORD = "mot hai ba bon nam"


class NothingLeaves:
    """A courier that carries nothing: the console queues letters and never sends one."""

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """Say that the relay cannot be reached."""
        return CarryResult.TRY_LATER, "no relay in this test"


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Bureau:
    """An office in a folder of its own, with its desk; `number` counts what was delivered."""

    folder: Path
    office: Office
    desk: Desk
    clock: Clock
    number: int = 0
    doctored: list[HealthLine] = field(default_factory=list)

    @property
    def campaign(self) -> Campaign:
        """The campaign as its file stands now."""
        return self.office.rules.book().file.campaign

    def person(self, name: str, role: Role = Role.CLERK, full_name: str = "") -> str:
        """Make an account with the usual password and return its name."""
        words = (
            full_name or {Role.VIEWER: "Trần Thị Xem", Role.CLERK: "Nguyễn Văn Thư", Role.ADMIN: "Lê Quản Trị"}[role]
        )
        # Hashed cheaply, as the hash itself tells whoever verifies it: these tests sign in hundreds of times, and what
        # a password costs is the claim of tests/edge/test_accounts_and_sessions.py.
        people = Accounts(self.office.database, hasher=CHEAP)
        people.create(name, words, role, PASSWORD, by="machine", at=self.clock())
        return name

    def deliver(
        self,
        *,
        subject: str = "Phiếu đánh giá ứng dụng CNTT năm 2019",
        sender: str = "snv@binhthuan.gov.vn",
        received_at: datetime | None = None,
        channel: Channel = Channel.MAIL,
        data: bytes | None = None,
        name: str = "",
        **more: Any,
    ) -> Delivery:
        """Receive something: its bytes into the vault, its row into the ledger; it waits to be examined."""
        self.number += 1
        received_at = received_at or datetime(2019, 9, 12, 8, 0, tzinfo=ZONE) + timedelta(minutes=7 * self.number)
        stored = self.office.vault.put(data if data is not None else f"mail {self.number}".encode())
        arrival = Arrival(
            source="mailbox" if channel is Channel.MAIL else "qlvb",
            source_key=f"INBOX;1;{self.number}",
            channel=channel,
            received_at=received_at,
            received_by="imap-internaldate" if channel is Channel.MAIL else "manifest",
            seen_at=received_at + timedelta(seconds=40),
            sha256=stored.sha256,
            size=stored.size,
            name=name,
            sender=sender,
            subject=subject,
            clocks=(
                ClockReading("received_header", received_at - timedelta(seconds=1), "from mail.example by mx"),
                ClockReading("date_header", received_at - timedelta(minutes=2)),
            ),
            **more,
        )
        return self.office.ledger.receive(arrival, same_bytes_is_same=False)

    def decide(
        self,
        delivery: Delivery,
        state: State = State.FILED,
        *,
        agency: str | None = "snv",
        reasons: Sequence[Why] = (),
        signature: str | None = "passed",
        signatures: Sequence[dict[str, Any]] | None = None,
        pdf: bytes | None = None,
        file_name: str = "phieu-danh-gia.pdf",
        is_submission: bool = True,
        letter: LetterKind | None = LetterKind.RECEIPT,
        **more: Any,
    ) -> Delivery:
        """File an examination's outcome for `delivery`, with a form whose signatures say `signature`."""
        book = self.office.rules.book()
        timeliness = self._timeliness(delivery.received_at)
        files: tuple[FiledFile, ...] = ()
        if signature is not None:
            form = self.office.vault.put(pdf or a_pdf(f"{agency} {self.number}"))
            found = list(signatures) if signatures is not None else [a_signature(signature, book.roster.get(agency))]
            report = {"verdict": signature, "reasons": [], "signatures": found, "contents": []}
            trail = (file_name,)
            files = (
                FiledFile(
                    trail, file_name, "application/pdf", "application/pdf", form.size, form.sha256, "form", report
                ),
            )
            more = {"form_sha256": form.sha256, **more}
        outcome = Outcome(
            state=state,
            reasons=tuple(reasons),
            takes_number=is_submission,
            agency=agency,
            timeliness=timeliness if is_submission else None,
            counted_at=delivery.received_at if is_submission else None,
            counted_timeliness=timeliness if is_submission else None,
            signature=signature,
            operative=state is State.FILED,
            sender=delivery.sender,
            subject=delivery.subject,
            files=files,
            clocks=delivery.clocks,
            campaign=book.file.campaign.id,
            campaign_version=book.digest,
            **more,
        )

        def letters(receipt: Receipt) -> Sequence[LetterDraft]:
            if letter is None or not is_submission:
                return ()
            matter = Matter(
                kind=letter,
                campaign=book.file.campaign,
                zone=ZONE,
                office_name=self.office.settings.office.name,
                contact="Phòng BCVT&CNTT",
                agency=book.roster.get(agency),
                channel=delivery.channel,
                state=state,
                received_at=delivery.received_at,
                witness=delivery.received_by,
                counted_at=delivery.received_at,
                timeliness=timeliness,
                subject=delivery.subject,
                reasons=tuple(reasons),
                files=tuple(FileLine(one.name or "", one.size, one.sha256) for one in files),
                signature=Verdict(signature) if signature else None,
            )
            return (write_letter(matter, receipt),)

        return self.office.ledger.decide(
            delivery.id,
            outcome,
            letters,
            at=delivery.seen_at + timedelta(seconds=5),
            receipt_prefix=book.file.campaign.receipt_prefix,
        )

    def filed(self, agency: str = "snv", **more: Any) -> Delivery:
        """Deliver and file a good form of `agency`."""
        return self.decide(self.deliver(), State.FILED, agency=agency, **more)

    def held(self, *codes: str, agency: str | None = "snv", **more: Any) -> Delivery:
        """Deliver a form of `agency` and hold it for these reasons."""
        return self.decide(
            self.deliver(), State.HELD, agency=agency, reasons=[Why(code) for code in codes], **more
        )  # fmt: skip

    def _timeliness(self, at: datetime) -> Timeliness:
        campaign = self.campaign
        if at < campaign.due:
            return Timeliness.ON_TIME
        return Timeliness.IN_GRACE if at < campaign.closes else Timeliness.AFTER_GRACE


def a_signature(verdict: str = "passed", agency: Any = None, **other: Any) -> dict[str, Any]:
    """Return one signature of a report, in the shape of `intake-verify/1`."""
    good = verdict == "passed"
    return {
        "name": "Signature1",
        "kind": "pdf",
        "level": "B-T",
        "verdict": verdict,
        "sub_indication": None if good else "HASH_FAILURE" if verdict == "failed" else "TRY_LATER",
        "intact": verdict != "failed",
        "covers": "whole",
        "changed_after": "nothing",
        "trusted": True if good else None,
        "revocation": "good" if good else "unknown",
        "signer": {
            "common_name": agency.name if agency else "Nguyễn Văn A",
            "organization": "UBND tỉnh Bình Thuận",
            "organizational_units": [],
            "locality": "Bình Thuận",
            "country": "VN",
            "email": "",
            "certificate_sha256": "ab" * 32,
            "issuer": "Cơ quan chứng thực số Chính phủ (MẪU)",
            "not_before": "2018-01-01T00:00:00+07:00",
            "not_after": "2022-01-01T00:00:00+07:00",
        },
        "claimed_at": "2019-09-12T07:50:00+07:00",
        "proven_at": "2019-09-12T08:00:00+07:00",
        "proven_by": "receipt",
        "digest_algorithm": "sha256",
        "signature_algorithm": "rsassa_pkcs1v15",
        "reasons": [] if good else [{"code": "HASH_MISMATCH" if verdict == "failed" else "TRY_LATER", "detail": ""}],
        **other,
    }


def a_pdf(text: str = "PHIẾU", pages: int = 1) -> bytes:
    """Return a small PDF of drawn pages, each with `text` on it."""
    drawn = []
    for number in range(pages):
        page = Image.new("L", (595, 842), 255)
        pen = ImageDraw.Draw(page)
        pen.text((200, 60), f"PHIEU DANH GIA {text} - {number + 1}", fill=0)
        for line in range(20):
            pen.line((60, 120 + 30 * line, 535, 120 + 30 * line), fill=180)
        pen.rectangle((360, 680, 520, 760), outline=90, width=3)
        drawn.append(page)
    out = io.BytesIO()
    drawn[0].save(out, "PDF", save_all=True, append_images=drawn[1:], resolution=72)
    return out.getvalue()


def an_answer(criterion: str = "A1") -> Answer:
    """Return one answer as read from a form."""
    return Answer(criterion, "text", value_text="có", evidence="Quyết định số 12/QĐ-SNV")


@contextmanager
def a_bureau(folder: Path, **settings: Any) -> Iterator[Bureau]:
    """Open an office in `folder`, with the shipped campaign and the sample roster, at 09:30 on 19/9/2019."""
    shipped = Path(config.__file__).parent
    for name in ("campaign.toml", "roster-sample.toml", "catalogue.toml"):
        (folder / name).write_bytes((shipped / name).read_bytes())
    chosen = Settings(
        database=DatabaseTable(url=f"sqlite:///{folder / 'intake.db'}"),
        vault=VaultTable(url=f"file:{folder / 'vault'}"),
        campaign=CampaignTable(file=str(folder / "campaign.toml")),
        **settings,
    )
    (folder / "intake.db").write_bytes(an_empty_database())
    ledger = Ledger.open(chosen.database.url)
    clock = Clock()
    rules = Rules(folder / "campaign.toml")
    roster = load_roster(folder / "roster-sample.toml")
    names = {one.id: one.name for one in roster.agencies}
    office = Office(
        settings=chosen,
        database=ledger.database,
        ledger=ledger,
        queries=Queries(ledger.database, ZONE, names),
        vault=Vault.at(chosen.vault.url),
        rules=rules,
        sources=(),
        courier=NothingLeaves(),
        status_courier=None,
        examiner=start_workers(1, 512),
        clock=clock,
    )
    doctored: list[HealthLine] = []
    desk = Desk(
        office_name=chosen.office.name,
        zone=ZONE,
        campaign=lambda: rules.book().file.campaign,
        roster=lambda: rules.book().roster,
        ledger=ledger,
        queries=office.queries,
        vault=office.vault,
        clerk=OfficeClerk(office),
        clock=clock,
        doctor=lambda: doctored,
        letter_mode=chosen.smtp.mode,
        catalogue=None,
        campaign_versions=lambda: _versions(folder / "campaign.toml"),
    )
    try:
        yield Bureau(folder, office, desk, clock, doctored=doctored)
    finally:
        office.close()


def _versions(file: Path) -> tuple[CampaignVersion, ...]:
    now = load_campaign(file).campaign
    return (CampaignVersion(str(now.version), NOW, "machine", now.closes, now.due, now.basis, now.approved_by),)


@contextmanager
def served(desk: Desk) -> Iterator[str]:
    """Serve the console of `desk` on a free port of loopback and give its host:port."""
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    # h11 is the one HTTP implementation that is always there; the console must not need another.
    server = uvicorn.Server(
        uvicorn.Config(create_app(desk), host="127.0.0.1", port=port, log_level="error", access_log=False)
    )
    thread = threading.Thread(target=server.run, name="console", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.02)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the console answered: status, headers (lower case; the last of each), the body, and every cookie it set."""

    status: int
    headers: dict[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode()


class Visitor:
    """A browser without a window: keeps cookies, sends forms with their token, follows nothing by itself."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answered:
        """Ask for a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answered:
        """Send a form as it is."""
        body = urlencode(fields).encode()
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})

    def fill(self, page: str, path: str, **fields: str) -> Answered:
        """Open `page`, take its token, and send a form to `path`."""
        return self.post(path, {"token": self.token(self.get(page)), **fields})

    def token(self, page: Answered) -> str:
        """Return the token of the page's own form: the last on the page, since the first is for signing out."""
        found = re.findall(r'name="token" value="([^"]+)"', page.text)
        assert found, f"no form on the page: {page.status}"
        return found[-1]

    def sign_in(self, name: str, password: str = PASSWORD) -> Answered:
        """Sign in through the form."""
        return self.fill("/login", "/login", name=name, password=password, next="/")

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answered:
        connection = http.client.HTTPConnection(self.place, timeout=60)
        try:
            sent = {key.replace("_", "-"): value for key, value in headers.items()}
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            set_cookies = tuple(answer.msg.get_all("Set-Cookie") or ())
            for cookie in set_cookies:
                name, _, value = cookie.partition(";")[0].partition("=")
                if value.strip('"'):
                    self.cookies[name] = value
                else:
                    self.cookies.pop(name, None)
            found = {key.lower(): value for key, value in answer.getheaders()}
            return Answered(answer.status, found, answer.read(), set_cookies)
        finally:
            connection.close()


def https(desk: Desk) -> Desk:
    """Return the desk of a console that stands behind a proxy which speaks https."""
    return replace(desk, served_by_https=True)
