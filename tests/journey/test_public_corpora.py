"""Every public mail, package and signed file goes through the whole flow: none lost, none crashed, no letter astray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.once import run_once
from storage.audit import audit
from storage.records import State
from tests.offices import SmallOffice, a_mail

REGISTERED = {"snv@binhthuan.example", "stc@binhthuan.example", "phuquy@binhthuan.example", "stttt@binhthuan.example"}

MAILS = (".eml", ".raw", ".txt")


def corpus_mails(corpus: Path) -> list[Path]:
    """Every file of the mail corpora that is a mail."""
    found = [path for path in sorted((corpus / "mail").rglob("*")) if path.is_file() and path.suffix in MAILS]
    return [path for path in found if not path.name.startswith("LICENSE")]


def ended(what: str, office: SmallOffice, fed: int, tell: Callable[[str], None]) -> Counter[str]:
    """Tell the counts and return them: fed, in each end state, what was lost, what was sent."""
    states = Counter(one.state.value for one in office.deliveries().values())
    lost = fed - sum(states.values())
    shelved = [one for one in office.deliveries().values() if one.state is State.SHELVED]
    letters = len(office.courier.carried)
    tell(f"public {what}: fed {fed}, lost {lost}, shelved {len(shelved)}, letters {letters}, {dict(states)}")
    return states


@pytest.mark.corpus
def test_every_public_mail_ends_in_a_state_and_no_letter_goes_astray(
    small_office: SmallOffice, corpus: Path, tell: Callable[[str], None]
) -> None:
    """Mails that break other parsers are received, examined and set aside; nobody outside the roster is written to."""
    mails = corpus_mails(corpus)
    distinct = {path.read_bytes() for path in mails}
    for data in sorted(distinct):
        small_office.mailbox.put(data)

    run_once(small_office.office)

    states = ended("mails", small_office, len(distinct), tell)
    assert sum(states.values()) == len(distinct)
    assert states["received"] == states["shelved"] == states["filed"] == 0
    assert small_office.courier.carried == []
    assert audit(small_office.office.database, small_office.office.vault).findings == ()


@pytest.mark.corpus
def test_no_bounce_is_ever_answered_or_filed(
    small_office: SmallOffice, corpus: Path, tell: Callable[[str], None]
) -> None:
    """Bounces and reports are set aside, even when they claim to come from an agency and speak of the form."""
    bounces = sorted((corpus / "mail" / "sisimai").rglob("*.eml")) + sorted(
        (corpus / "mail" / "enmime" / "dsn").rglob("*.raw")
    )
    for path in bounces:
        small_office.mailbox.put(path.read_bytes())

    run_once(small_office.office)

    states = ended("bounces", small_office, len(bounces), tell)
    assert states == {"set_aside": len({path.read_bytes() for path in bounces})}
    assert small_office.courier.carried == []


@pytest.mark.corpus
def test_every_public_package_ends_in_a_state(
    small_office: SmallOffice, corpus: Path, tell: Callable[[str], None]
) -> None:
    """Packages of the national axis, the one that is no XML included, are taken from the export folder."""
    packages = sorted((corpus / "edxml").glob("*.edxml"))
    for path in packages:
        (small_office.folder / "export" / path.name).write_bytes(path.read_bytes())

    run_once(small_office.office)

    states = ended("packages", small_office, len(packages), tell)
    assert sum(states.values()) == len(packages)
    assert states["received"] == states["shelved"] == states["filed"] == 0
    assert small_office.courier.carried == []


@pytest.mark.corpus
def test_every_public_signed_file_sent_as_a_form_is_held_for_a_person(
    small_office: SmallOffice, corpus: Path, tell: Callable[[str], None]
) -> None:
    """No signature of a stranger makes a form accepted, whatever its file does to our examiner."""
    kinds = (".pdf", ".docx", ".xlsx", ".pptx", ".p7s", ".p7m", ".eml", ".pem", ".der", ".cms", ".bin")
    files = [path for path in sorted((corpus / "signatures").rglob("*")) if path.is_file() and path.suffix in kinds]
    for number, path in enumerate(files):
        small_office.mailbox.put(
            a_mail(path.read_bytes(), name=f"phieu danh gia {number}{path.suffix}", message_id=f"<{number}@x>")
        )

    run_once(small_office.office)

    states = ended("signed files", small_office, len(files), tell)
    assert states["filed"] == states["received"] == states["shelved"] == 0
    assert sum(states.values()) == len(files)
    assert {address for letter in small_office.courier.carried for address in letter.to.split(", ")} <= REGISTERED
