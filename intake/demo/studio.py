"""Makes the demonstration's signed forms and the mails around them, for any agency of its roster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Literal

from config.catalogue import Catalogue
from config.roster import Agency, Roster
from intake.demo import mails, paper
from intake.demo.filled_form import fill_template, plausible_values
from intake.demo.form_pdf import form_pdf
from intake.demo.moments import Moments
from intake.demo.neighbours import DOMAIN, leader_of, seal_of
from intake.demo.pki import DemoPki, Identity
from intake.demo.signing import Appearance, sign_pdf, stamp_number_and_date
from intake.steps.form_template import template_docx
from storage.records import State, Timeliness

# The top right corner of page 1, in the margin: a seal that covers text would be a visible change to what the leader
# signed, and so it would be judged.
SEAL_BOX = (355, 792, 545, 836)

TITLE = "Kết quả hoạt động triển khai ứng dụng công nghệ thông tin"
SUBJECT = "Phiếu đánh giá ứng dụng CNTT năm {year} - {name}"
TEXT = (
    "Kính gửi: Sở Thông tin và Truyền thông,\n\n"
    "{name} gửi Phiếu đánh giá kết quả hoạt động triển khai ứng dụng CNTT năm {year} (văn bản điện tử có ký số).\n\n"
    "Trân trọng./.\n"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One thing that arrives.

    `place` is a mailbox folder for mail, else "export". For mail `files` holds one entry, the mail; for an export
    every file, put into the sub-folder `name` where there are several and a manifest among them. `state` and
    `timeliness` say where it must land; `shows` says, in a few words of Vietnamese, what there is to see.
    """

    name: str
    agency: str | None
    place: Literal["INBOX", "Junk", "export"]
    arrives_at: datetime
    files: tuple[tuple[str, bytes], ...]
    state: State
    timeliness: Timeliness | None
    shows: str


class Studio:
    """Makes signed forms and mails for the agencies of a roster."""

    def __init__(
        self, pki: DemoPki, roster: Roster, catalogue: Catalogue, moments: Moments, office: str = "stttt"
    ) -> None:
        self.pki = pki
        self.moments = moments
        self._catalogue = catalogue
        self.office = self._known(roster, office)
        self._roster = roster

    def agency(self, agency_id: str) -> Agency:
        """Return the agency with this id; KeyError if the roster has none."""
        return self._known(self._roster, agency_id)

    @property
    def address(self) -> str:
        """The office's own mailbox, where everything arrives."""
        return self.office.mailboxes[0]

    @property
    def tsa(self) -> Identity:
        """The time stamper, issued when it is first asked for."""
        return self.pki.identity("tsa") if "tsa" in self.pki.labels() else self.pki.issue_tsa()

    def form(self, agency: Agency, *, version: int = 1, years_ago: int = 0) -> bytes:
        """Return the agency's filled form as PDF; another `version` answers otherwise."""
        catalogue = self._catalogue
        if years_ago:
            catalogue = replace(
                catalogue,
                data_from=catalogue.data_from.replace(year=catalogue.data_from.year - years_ago),
                data_to=catalogue.data_to.replace(year=catalogue.data_to.year - years_ago),
            )
        return form_pdf(
            catalogue,
            agency.block,
            agency.name,
            self._values(agency, version),
            title=TITLE,
            year=self.moments.year - years_ago,
        )

    def word_form(self, agency: Agency, *, version: int = 1) -> bytes:
        """Return the same filled form as the Word file that the agency typed it into."""
        template = template_docx(self._catalogue, agency.block, TITLE, agency_name=agency.name, year=self.moments.year)
        return fill_template(template, self._values(agency, version))

    def _values(self, agency: Agency, version: int) -> dict[str, str]:
        seed = sum(map(ord, agency.id)) + version
        return plausible_values(self._catalogue, agency.block, agency.name, seed=seed)

    def sealed(
        self, agency: Agency, at: datetime, *, pdf: bytes | None = None, stamp: bool = False, field: str = "Signature1"
    ) -> bytes:
        """Return the agency's form with its organisation signature, made at `at`; with `stamp` time-stamped."""
        return sign_pdf(
            pdf or self.form(agency),
            seal_of(self.pki, agency),
            field_name=field,
            reason="Phát hành văn bản",
            at=at,
            tsa=self.tsa if stamp else None,
            visible=Appearance(SEAL_BOX, face=paper.seal_face(agency.name.upper(), f"{at:%d/%m/%Y %H:%M:%S} +07:00")),
        )

    def led(self, agency: Agency, at: datetime, *, pdf: bytes | None = None) -> bytes:
        """Return the agency's form with its leader's signature."""
        return sign_pdf(pdf or self.form(agency), leader_of(self.pki, agency), reason="Phê duyệt", at=at)

    def both(self, agency: Agency, at: datetime, *, pdf: bytes | None = None, numbered: bool = False) -> bytes:
        """
        Return the form signed by the leader and then sealed by the agency (NĐ 30/2020, Điều 5.1).

        `numbered` stamps number and date on it in between, as the seal tool does: a visible change after the first
        signature, which the seal covers.
        """
        signed = self.led(agency, at - timedelta(minutes=50), pdf=pdf)
        if numbered:
            signed = stamp_number_and_date(signed, "128", at.day, at.month, at.year)
        return self.sealed(agency, at, pdf=signed, field="Signature2")

    def mail(
        self,
        agency: Agency,
        at: datetime,
        files: tuple[tuple[str, bytes], ...],
        *,
        key: str,
        sender: str | None = None,
        subject: str | None = None,
        text: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        sent_at: datetime | None = None,
        undeclared: bool = False,
    ) -> EmailMessage:
        """Return the agency's mail as it left; `key` makes its Message-ID."""
        words = {"year": self.moments.year, "name": agency.name}
        return mails.compose(
            sender=sender or (agency.mailboxes[0] if agency.mailboxes else f"vanphong.{agency.id}@mail.example"),
            sender_name=agency.name,
            to=self.address,
            subject=(subject or SUBJECT).format(**words),
            text=(text or TEXT).format(**words),
            sent_at=sent_at or mails.a_little_earlier(at),
            message_id=f"<{key}@{agency.id}.{DOMAIN}>",
            files=files,
            headers=headers,
            undeclared=undeclared,
        )

    def arrived(self, mail: EmailMessage | bytes, at: datetime, sender: str = "") -> tuple[tuple[str, bytes], ...]:
        """Return the mail as it lies in the mailbox."""
        envelope = sender or (
            str(mail["From"]).rsplit("<", 1)[-1].rstrip(">") if isinstance(mail, EmailMessage) else ""
        )
        return (("mail.eml", mails.arrived(mail, sender=envelope, to=self.address, at=at)),)

    @staticmethod
    def _known(roster: Roster, agency_id: str) -> Agency:
        agency = roster.get(agency_id)
        if agency is None:
            raise KeyError(agency_id)
        return agency
