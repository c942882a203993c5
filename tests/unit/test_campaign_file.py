"""The campaign file: exact instants, approved by a person, extended only as a recorded, forward act."""

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from config.campaign import extend_closes, load_campaign
from config.errors import WrongUse
from config.settings import SettingsError
from tests.makers import CLOSES, DUE, OFFICE

SHIPPED = Path("config/campaign.toml")


def copied(tmp_path: Path) -> Path:
    for name in ("campaign.toml", "roster-sample.toml", "catalogue.toml", "workday-overrides.toml"):
        shutil.copy(Path("config") / name, tmp_path / name)
    return tmp_path / "campaign.toml"


def test_the_shipped_campaign_is_the_letters_default_reading() -> None:
    """Before 15/9: the 15th at midnight; five working days after it: the 21st at midnight."""
    campaign = load_campaign(SHIPPED).campaign

    assert (campaign.due, campaign.closes) == (DUE, CLOSES)
    assert [one.before for one in campaign.milestones] == [date(2019, 9, 30), date(2019, 11, 10), date(2019, 11, 25)]
    assert (campaign.data_from, campaign.data_to) == (date(2018, 9, 1), date(2019, 8, 31))


def test_an_extension_writes_a_new_version_and_keeps_the_files_comments(tmp_path: Path) -> None:
    """The file stays the truth and stays readable."""
    before = load_campaign(copied(tmp_path))
    later = datetime(2019, 9, 28, tzinfo=OFFICE)

    after = extend_closes(before, closes=later, by="Phó Giám đốc", on=date(2019, 9, 20), basis="Công văn 800")

    assert after.campaign.closes == later
    assert after.campaign.version == before.campaign.version + 1
    assert after.digest != before.digest
    assert "# the first instant after grace" in after.text
    assert after.campaign.due == before.campaign.due


@pytest.mark.parametrize("closes", [CLOSES, CLOSES.replace(day=20), datetime(2019, 9, 28)])
def test_a_cut_off_never_moves_against_an_agency(tmp_path: Path, closes: datetime) -> None:
    """An earlier, the same, or a zoneless instant is refused and the file stays as it was."""
    before = load_campaign(copied(tmp_path))

    with pytest.raises(WrongUse):
        extend_closes(before, closes=closes, by="A", on=date(2019, 9, 20), basis="B")

    assert load_campaign(before.path).digest == before.digest


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("due = 2019-09-15T00:00:00+07:00", "due = 2019-09-15T00:00:00", "time zone"),
        ("closes = 2019-09-21T00:00:00+07:00", "closes = 2019-09-14T00:00:00+07:00", "closes is before due"),
        ('approved_by = "Giám đốc Sở Thông tin và Truyền thông"', 'approved_by = ""', "approved_by"),
        ('receipt_prefix = "PDG-2019"', 'receipt_prefix = "PDG/2019"', "receipt_prefix"),
    ],
)
def test_a_contradiction_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    """A campaign that contradicts itself is never applied."""
    path = copied(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(SettingsError, match=named):
        load_campaign(path)
