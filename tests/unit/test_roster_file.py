"""The roster: three file formats, one meaning; every flaw is named with its row."""

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from config.roster import COLUMNS, load_roster, write_roster_csv
from config.settings import SettingsError

ROW = (
    "snv,Sở Nội vụ,so_nganh,mail,SNV@x.example; snv2@x.example,H11.02;000.00.02.H11,SNV,AB:"
    + "0" * 62
    + ",2018-01-01,,"
)


def written(tmp_path: Path, text: str, name: str = "roster.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_sample_says_that_it_is_one() -> None:
    """Wherever the sample shows, it must be marked; the mark comes from the file."""
    roster = load_roster(Path("config/roster-sample.toml"))

    assert roster.sample
    assert len(roster.agencies) == 38


def test_csv_xlsx_and_toml_mean_the_same(tmp_path: Path) -> None:
    """The office keeps its roster in whatever it likes."""
    from_csv = load_roster(written(tmp_path, ",".join(COLUMNS) + "\n" + ROW))
    book = openpyxl.Workbook()
    book.active.append(list(COLUMNS))
    book.active.append(ROW.split(","))
    book.save(tmp_path / "roster.xlsx")
    toml = (
        '[[agency]]\nid = "snv"\nname = "Sở Nội vụ"\nblock = "so_nganh"\nchannel = "mail"\n'
        'mailboxes = ["SNV@x.example", "snv2@x.example"]\norgan_ids = ["H11.02", "000.00.02.H11"]\naliases = ["SNV"]\n'
        f'certificates = ["AB:{"0" * 62}"]\nvalid_from = 2018-01-01\n'
    )

    assert load_roster(tmp_path / "roster.xlsx").agencies == from_csv.agencies
    assert load_roster(written(tmp_path, toml, "roster.toml")).agencies == from_csv.agencies
    assert from_csv.agencies[0].mailboxes == ("snv@x.example", "snv2@x.example")
    assert from_csv.agencies[0].certificates == ("ab" + "0" * 62,)


def test_only_id_name_and_channel_must_be_filled(tmp_path: Path) -> None:
    """An office starts with a list of names."""
    roster = load_roster(written(tmp_path, "id,name,channel\nsnv,Sở Nội vụ,mail\n"))

    assert roster.agencies[0].mailboxes == ()


def test_writing_and_reading_again_changes_nothing(tmp_path: Path) -> None:
    """What `roster import` writes is what it read."""
    roster = load_roster(written(tmp_path, ",".join(COLUMNS) + "\n" + ROW))

    assert load_roster(written(tmp_path, write_roster_csv(roster), "again.csv")) == roster


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("snv,Sở Nội vụ,fax", "row 2"),
        ("snv,,mail", "has no name"),
        ("snv,A,mail\nsnv,B,mail", "stands twice"),
        ("a b,A,mail", "letters"),
    ],
)
def test_every_flaw_is_named_with_its_row(tmp_path: Path, rows: str, named: str) -> None:
    """A roster with a flaw is never half loaded."""
    with pytest.raises(SettingsError, match=named):
        load_roster(written(tmp_path, f"id,name,channel\n{rows}\n"))


def test_a_mailbox_belongs_to_one_agency(tmp_path: Path) -> None:
    """Two agencies with one mailbox would make the sender a guess."""
    text = "id,name,channel,mailboxes\na,A,mail,x@x.example\nb,B,mail,X@x.example\n"

    with pytest.raises(SettingsError, match=r"x@x\.example"):
        load_roster(written(tmp_path, text))


def test_validity_dates_include_both_ends(tmp_path: Path) -> None:
    """An agency that ends on a day still exists on it."""
    text = "id,name,channel,valid_from,valid_to,successor\na,A,mail,2019-01-01,2019-12-31,b\nb,B,mail,2020-01-01,,\n"
    roster = load_roster(written(tmp_path, text))

    assert [one.id for one in roster.valid_on(date(2019, 12, 31))] == ["a"]
    assert [one.id for one in roster.valid_on(date(2020, 1, 1))] == ["b"]
