"""The demonstration's samples: moments, addresses and packages that hold for every day on which it may be started."""

from __future__ import annotations

import base64
import io
import zipfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from lxml import etree
from msgspec.structs import replace

from config.campaign import Campaign, load_campaign
from config.catalogue import load_catalogue
from config.roster import Roster, load_roster
from intake.demo.exports import Attachment, Party, edxml_document, edxml_status, put
from intake.demo.moments import Moments, milestones, moments_for
from intake.demo.neighbours import BY_MAIL, WITHOUT_MAILBOX, demo_roster
from intake.demo.pki import DemoPki
from intake.demo.samples import all_samples
from intake.demo.studio import Sample, Studio
from intake.steps.timeliness import judge
from storage.records import State, Timeliness

OFFICE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2019, 9, 19, 12, tzinfo=OFFICE)
SHIPPED = Path(__file__).parents[2] / "config" / "roster-sample.toml"
CATALOGUE = SHIPPED.with_name("catalogue.toml")


def the_roster() -> Roster:
    return demo_roster(load_roster(SHIPPED))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    moments = moments_for(NOON, OFFICE)
    return list(all_samples(Studio(DemoPki.create(moments.opens), the_roster(), load_catalogue(CATALOGUE), moments)))


def test_the_campaign_was_due_four_days_ago_and_closed_last_midnight() -> None:
    """Both cut-offs are midnights in the office's zone."""
    moments = moments_for(NOON, OFFICE)
    assert moments.closes == datetime(2019, 9, 19, tzinfo=OFFICE)
    assert moments.due == datetime(2019, 9, 15, tzinfo=OFFICE)
    assert moments.opens == datetime(2019, 8, 7, tzinfo=OFFICE)


def test_figures_are_asked_for_the_twelve_months_before() -> None:
    """As the letter asks: 1 September of the year before to 31 August."""
    moments = moments_for(NOON, OFFICE)
    assert (moments.data_from, moments.data_to) == (date(2018, 9, 1), date(2019, 8, 31))
    assert [step.before for step in milestones(moments)] == [date(2019, 9, 30), date(2019, 11, 10), date(2019, 11, 25)]


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2019, 9, 18, 17, 0, 0, 1, tzinfo=UTC), id="a microsecond after midnight in the office"),
        pytest.param(datetime(2024, 2, 29, 12, tzinfo=UTC), id="a leap day"),
        pytest.param(datetime(2026, 1, 2, 1, tzinfo=UTC), id="due in the year before"),
        pytest.param(datetime(2026, 12, 31, 23, 59, tzinfo=UTC), id="already next year in the office"),
    ],
)
def test_every_day_of_the_year_will_do(now: datetime) -> None:
    """No sample is in the future, and each class of time stays what it is."""
    moments = moments_for(now, OFFICE)
    assert moments.closes <= moments.too_late() <= now
    assert (
        moments.opens
        < moments.before_due(8)
        < moments.due
        <= moments.in_grace(0, 6)
        < moments.in_grace(3)
        < moments.closes
    )
    assert moments.data_from < moments.data_to < moments.due.date()


def test_the_demo_roster_can_reach_nobody() -> None:
    """Every address is under a reserved name (RFC 2606), and the roster stays marked as a sample."""
    roster = the_roster()
    assert roster.sample
    assert {box.rpartition(".")[2] for agency in roster.agencies for box in agency.mailboxes} == {"example"}
    assert {agency.id for agency in roster.agencies if not agency.mailboxes} == WITHOUT_MAILBOX
    assert {agency.id for agency in roster.agencies if agency.channel == "mail"} == BY_MAIL


def test_what_a_newcomer_sends_is_the_first_of_its_agency(samples: list[Sample]) -> None:
    """README sends for Tánh Linh, so nothing of Tánh Linh may be there before."""
    assert "tanhlinh" not in {sample.agency for sample in samples}


def test_the_samples_show_every_fate(samples: list[Sample]) -> None:
    """Filed, held, set aside, linked and withdrawn; on time, in grace and after; mail, Junk and export."""
    assert len(samples) >= 12
    assert {sample.state for sample in samples} == {
        State.FILED, State.HELD, State.SET_ASIDE, State.LINKED, State.WITHDRAWN,
    }  # fmt: skip
    assert {sample.timeliness for sample in samples if sample.state is not State.SET_ASIDE} == set(Timeliness)
    assert {sample.place for sample in samples} == {"INBOX", "Junk", "export"}


def test_a_sample_comes_at_the_time_it_is_meant_to_show(samples: list[Sample]) -> None:
    """The class that a sample promises is the one that its moment of arrival has."""
    campaign = load_campaign(SHIPPED.with_name("campaign.toml")).campaign
    moments = moments_for(NOON, OFFICE)
    for sample in samples:
        if sample.timeliness is not None:
            assert _judged(sample.arrives_at, moments, campaign) is sample.timeliness, sample.name


def _judged(at: datetime, moments: Moments, campaign: Campaign) -> Timeliness:
    return judge(at, replace(campaign, due=moments.due, closes=moments.closes))


def test_every_sample_has_its_own_name_and_moment(samples: list[Sample]) -> None:
    """A name is a file's and a Message-ID's; a moment orders what must be examined first."""
    assert max(Counter(sample.name for sample in samples).values()) == 1
    assert samples == sorted(samples, key=lambda sample: sample.arrives_at)


SENDER, RECEIVER = Party("H11.02", "Sở Nội vụ"), Party("H11.11", "Sở Thông tin và Truyền thông")


def test_a_package_holds_its_attachment_once_wrapped_or_raw() -> None:
    """The national kit wraps each file into a one-entry archive under a name of its own; others send it raw."""
    for zipped in (True, False):
        package = edxml_document(
            SENDER,
            RECEIVER,
            number="1",
            notation="SNV-VP",
            subject="Phiếu",
            signed_by="Nguyễn Văn Mẫu",
            at=NOON,
            attachments=(Attachment("phiếu.pdf", b"%PDF", zipped=zipped),),
        )
        root = etree.fromstring(package)
        (encoded,) = root.xpath("//*[local-name()='ContentTransferEncoded']")
        data = base64.b64decode(str(encoded.text), validate=True)
        if zipped:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                (name,) = archive.namelist()
                assert name.endswith(".pdf")
                data = archive.read(name)
        assert data == b"%PDF"


def test_a_status_package_is_no_document() -> None:
    """It has a Status where a document has its MessageHeader."""
    package = edxml_status(
        Party("H11.03", "Sở Tư pháp"), Party("H11.11", "Sở"), about="697/STTTT", code="03", text="", at=NOON
    )
    root = etree.fromstring(package)
    assert root.xpath("string(//*[local-name()='StatusCode'])") == "03"
    assert not root.xpath("//*[local-name()='MessageHeader']")


def test_an_export_appears_whole_and_with_its_time(tmp_path: Path) -> None:
    """A folder comes by one rename, bare files each by one; nothing of the draft is left."""
    at = NOON - timedelta(days=3)
    put(tmp_path, "van-ban", (("a.pdf", b"a"), ("b.pdf", b"b"), ("manifest.json", b"{}")), at)
    put(tmp_path, "", (("c.pdf.p7s", b"s"), ("c.pdf", b"c")), at)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["c.pdf", "c.pdf.p7s", "van-ban"]
    assert {int(file.stat().st_mtime) for file in tmp_path.rglob("*")} == {int(at.timestamp())}
