"""The campaign: which form is asked for, by when, on what basis, and who approved these cut-offs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import msgspec
import tomlkit

from config.errors import WrongUse
from config.settings import SettingsError, convert, read_toml


class Milestone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A later step of the letter (section 4): to be completed before the day named."""

    name: str
    before: date


class CalendarRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    How cut-offs are proposed; it proposes only, the instants in the campaign are what counts.

    `anchor` is the day of the letter, `working_days` the grace after it. `count_anchor_day` and `roll_anchor`
    choose among the readings of Civil Code 2015, art. 147-148; `overrides` names the table of moved working days.
    """

    anchor: date | None = None
    working_days: int = 5
    count_anchor_day: bool = False
    roll_anchor: bool = False
    due_reading: Literal["before_day", "office_hours", "day_included", "rolled"] = "before_day"
    day_end: str = "24:00"
    overrides: str = ""


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    One year's campaign, as its file says.

    Cut-offs are exact instants, each the first that is outside: `due` the first no longer on time, `closes`
    the first after grace. They were approved by a named person, so nothing is derived from a calendar later.
    """

    id: str
    title: str
    opens: datetime
    due: datetime
    closes: datetime
    basis: str
    approved_by: str
    approved_on: date
    data_from: date
    data_to: date
    receipt_prefix: str
    roster: str
    catalogue: str
    version: int = 1
    signature_required: Literal["agency", "agency_or_person", "agency_and_person"] = "agency"
    resubmission_time: Literal["first", "own"] = "first"
    recognise: tuple[str, ...] = ("phiếu đánh giá",)
    milestone: tuple[Milestone, ...] = ()
    calendar: CalendarRule = CalendarRule()
    contact: str = ""
    note: str = ""

    @property
    def milestones(self) -> tuple[Milestone, ...]:
        """The letter's further milestones, in the file's order."""
        return self.milestone


class CampaignFile(msgspec.Struct, frozen=True):
    """A campaign with where it stands and the digest that names this version of it."""

    campaign: Campaign
    path: Path
    text: str
    digest: str

    @property
    def roster_file(self) -> Path:
        """The roster, beside the campaign file unless absolute."""
        return self.path.parent / self.campaign.roster

    @property
    def catalogue_file(self) -> Path:
        """The catalogue, beside the campaign file unless absolute."""
        return self.path.parent / self.campaign.catalogue

    @property
    def overrides_file(self) -> Path | None:
        """The table of moved working days, or None."""
        named = self.campaign.calendar.overrides
        return self.path.parent / named if named else None


def load_campaign(path: Path) -> CampaignFile:
    """Read the campaign at `path`; raises SettingsError with file, key and remedy."""
    raw = read_toml(path)
    campaign = convert(raw, Campaign, path)
    for code, facts in flaws_of(campaign):
        raise SettingsError(code, path=path, **facts)
    text = path.read_text(encoding="utf-8-sig")
    return CampaignFile(campaign, path.resolve(), text, hashlib.sha256(text.encode()).hexdigest())


def flaws_of(campaign: Campaign) -> list[tuple[str, dict[str, str]]]:
    """Return every contradiction in the campaign as (code, facts); empty when it can be used."""
    flaws: list[tuple[str, dict[str, str]]] = []
    for key in ("opens", "due", "closes"):
        if getattr(campaign, key).tzinfo is None:
            flaws.append(("CAMPAIGN_WITHOUT_ZONE", {"key": key}))
    if flaws:
        return flaws
    if not campaign.opens < campaign.due:
        flaws.append(("CAMPAIGN_DUE_BEFORE_OPENS", {}))
    if not campaign.due <= campaign.closes:
        flaws.append(("CAMPAIGN_CLOSES_BEFORE_DUE", {}))
    if campaign.data_to < campaign.data_from:
        flaws.append(("CAMPAIGN_PERIOD_BACKWARDS", {}))
    if not campaign.approved_by.strip():
        flaws.append(("CAMPAIGN_NOT_APPROVED", {}))
    if not campaign.basis.strip():
        flaws.append(("CAMPAIGN_WITHOUT_BASIS", {}))
    prefix = campaign.receipt_prefix
    if not prefix or not all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in prefix):
        flaws.append(("CAMPAIGN_PREFIX_WRONG", {}))
    if not campaign.recognise:
        flaws.append(("CAMPAIGN_WITHOUT_WORDS", {}))
    return flaws


def extend_closes(file: CampaignFile, *, closes: datetime, by: str, on: date, basis: str) -> CampaignFile:
    """
    Write a later `closes` into the campaign file and return the new version.

    Comments and order of the file stay. The old version's text is the caller's to record. Raises WrongUse for
    an instant without zone, one that is not later (a cut-off is never moved against an agency), or no basis.
    """
    if closes.tzinfo is None:
        raise WrongUse("MOMENT_WITHOUT_ZONE", closes=closes.isoformat())
    if closes <= file.campaign.closes:
        raise WrongUse("EXTENSION_NOT_LATER", closes=closes.isoformat(), present=file.campaign.closes.isoformat())
    if not basis.strip() or not by.strip():
        raise WrongUse("EXTENSION_WITHOUT_BASIS")
    document = tomlkit.parse(file.text)
    document["closes"] = closes
    document["version"] = file.campaign.version + 1
    document["approved_by"] = by
    document["approved_on"] = on
    document["basis"] = f"{file.campaign.basis} | Gia hạn: {basis.strip()}"
    _replace_file(file.path, tomlkit.dumps(document))
    return load_campaign(file.path)


def use_roster(file: CampaignFile, name: str) -> CampaignFile:
    """Write the roster file's `name` (beside the campaign file) into the campaign and return the new version."""
    document = tomlkit.parse(file.text)
    document["roster"] = name
    document["version"] = file.campaign.version + 1
    _replace_file(file.path, tomlkit.dumps(document))
    return load_campaign(file.path)


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all, also after power loss."""
    _replace_file(path, text)


def _replace_file(path: Path, text: str) -> None:
    """Write `text` so that a reader finds either the old file or the new one, whole, also after power loss."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o640)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
