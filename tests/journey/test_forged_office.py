"""A Word form that its agency truly sealed, forged afterwards as Office files are, mailed in: none is ever accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from random import Random

from config.catalogue import load_catalogue
from intake.demo.filled_form import fill_template, plausible_values
from intake.demo.ooxml_signing import read_package, sign_ooxml
from intake.once import run_once
from intake.steps.form_template import template_docx
from storage.records import State
from tests.assets.make_ooxml import RELS, hidden, written
from tests.edge.test_office_mutations import MUTATORS
from tests.makers import IN_TIME
from tests.makers_ooxml import Parts, packed
from tests.offices import ADDRESS, SmallOffice, the_seal

SEED = 697
# Of each kind of forgery so many are mailed; all of them are judged in tests/edge/test_office_mutations.py.
OF_EACH = 4
WORD_FILE = "vnd.openxmlformats-officedocument.wordprocessingml.document"


def sealed_parts() -> Parts:
    """The parts of a filled form, sealed by the Department of Home Affairs."""
    catalogue = load_catalogue(Path("config/catalogue.toml"))
    name, block = "Sở Nội vụ", "so_nganh"
    template = template_docx(catalogue, block, "Đánh giá ứng dụng CNTT năm 2019", agency_name=name, year=2019)
    filled = fill_template(template, plausible_values(catalogue, block, name, seed=0))
    seal = the_seal(name)
    return read_package(sign_ooxml(filled, seal.key, seal.certificate_der, at=IN_TIME - timedelta(hours=1)))


def forgeries(parts: Parts) -> dict[str, bytes]:
    """Files made of the sealed one: renamed, with two readings, changed mechanically."""
    found = {
        "styles renamed": packed({one.replace("word/styles", "word/STYLES"): octets for one, octets in parts.items()}),
        "relationships renamed": packed({one.replace(RELS, RELS.upper()): octets for one, octets in parts.items()}),
        "comment on an entry": written(parts, comment=b"x"),
        "another document inside": written({**parts, "docProps/khac.png": hidden()[0]["docProps/thumbnail.png"]}),
    }
    chance = Random(SEED)
    for mutate in MUTATORS:
        # An archive whose bookkeeping changed may still read in one way, and then it is the sealed form.
        if mutate.__name__ != "archive_changed":
            made = list(mutate(parts, chance))
            found |= {f"{mutate.__name__}: {label}": data for label, data in chance.sample(made, OF_EACH)}
    return found


def a_word_mail(form: bytes, number: int) -> bytes:
    """A mail from the agency with the Word form attached."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "snv@binhthuan.example", ADDRESS
    mail["Subject"], mail["Message-ID"] = "Phiếu đánh giá ứng dụng CNTT năm 2019", f"<{number}@word.example>"
    mail["Date"] = format_datetime(IN_TIME)
    mail.set_content("Kính gửi Sở Thông tin và Truyền thông.\n")
    mail.add_attachment(form, maintype="application", subtype=WORD_FILE, filename="Phieu danh gia.docx")
    return mail.as_bytes()


def test_no_forgery_of_a_sealed_word_form_is_filed(small_office: SmallOffice, tell: Callable[[str], None]) -> None:
    """The seal is the agency's own, its chain is trusted; only what was done to the file speaks."""
    made = forgeries(sealed_parts())
    assert len(made) > 25
    for number, data in enumerate(made.values(), 1):
        small_office.mailbox.put(a_word_mail(data, number))

    run_once(small_office.office)

    found = {one.source_key: one for one in small_office.deliveries().values()}
    states = {label: found[f"INBOX/1/{number}"].state for number, label in enumerate(made, 1)}
    assert [label for label, state in states.items() if state is State.FILED] == []
    assert [label for label, state in states.items() if state is State.SET_ASIDE] == []
    verdicts = Counter(one.signature for one in found.values())
    told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items(), key=str))
    tell(f"forged Word forms mailed: {len(made)}, filed: 0 ({told})")


def test_the_word_form_itself_is_believed(small_office: SmallOffice) -> None:
    """What was forged above holds as its agency made it."""
    small_office.mailbox.put(a_word_mail(packed(sealed_parts()), 1))

    run_once(small_office.office)

    (one,) = small_office.deliveries().values()
    assert (one.state, one.signature) == (State.FILED, "passed")
