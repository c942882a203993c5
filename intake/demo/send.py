"""Sends one more mail with a freshly signed form to the demonstration's mailbox, as an agency would."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from config.campaign import load_campaign
from config.catalogue import load_catalogue
from config.errors import OfficeError, WrongUse
from config.roster import load_roster
from intake.demo.moments import moments_of
from intake.demo.prepare import ZONE, Premises, last_ports, load_pki
from intake.demo.signing import alter_after_signing
from intake.demo.studio import Studio

Kind = Literal["good", "agency", "person", "unsigned", "altered"]
KINDS: tuple[Kind, ...] = ("good", "agency", "person", "unsigned", "altered")

# The inlet is on this machine and answers at once.
TIMEOUT_SECONDS = 20


def kind_of(word: str) -> Kind:
    """Return the kind that is called `word`; raises WrongUse for another word."""
    for kind in KINDS:
        if kind == word:
            return kind
    raise WrongUse("DEMO_KIND_UNKNOWN", word=repr(word), kinds=", ".join(KINDS))


def send(var: Path, agency_id: str, *, kind: Kind = "good", now: datetime | None = None) -> str:
    """
    Make and send a form of the agency and return what was sent, in words.

    `kind`: good (person and seal), agency (seal only), person (person only), unsigned, altered after signing.
    Raises WrongUse for an agency that is not on the roster, OfficeError if the demonstration does not run.
    """
    place = Premises(var.resolve())
    pki = load_pki(place)
    campaign = load_campaign(place.var / "campaign.toml")
    roster = load_roster(campaign.roster_file)
    agency = roster.get(agency_id)
    if agency is None:
        known = ", ".join(one.id for one in roster.agencies)
        raise WrongUse("DEMO_AGENCY_UNKNOWN", agency_id=repr(agency_id), known=known)
    at = (now or datetime.now(UTC)).astimezone(ZONE)
    studio = Studio(pki, roster, load_catalogue(campaign.catalogue_file), moments_of(campaign.campaign, at, ZONE))
    # Each sending answers a question otherwise, so that it is a new version and not a copy of the one before.
    pdf = studio.form(agency, version=int(at.timestamp()) % 1000 + 3)
    made = {
        "good": lambda: studio.both(agency, at, pdf=pdf),
        "agency": lambda: studio.sealed(agency, at, pdf=pdf),
        "person": lambda: studio.led(agency, at, pdf=pdf),
        "unsigned": lambda: pdf,
        "altered": lambda: alter_after_signing(studio.both(agency, at, pdf=pdf)),
    }[kind]()
    pki.save(place.pki)
    name = "Phieu danh gia CNTT" + (".pdf" if kind == "unsigned" else ".signed.pdf")
    mail = studio.mail(agency, at, ((name, made),), key=f"{kind}-{at:%Y%m%d%H%M%S%f}", sent_at=at)
    sender = str(mail["From"].addresses[0].addr_spec)
    port = last_ports(place).inlet
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=TIMEOUT_SECONDS) as client:
            client.sendmail(sender, [studio.address], mail.as_bytes())
    except (OSError, smtplib.SMTPException) as cause:
        raise OfficeError("DEMO_NOT_RUNNING", port=port, why=cause) from cause
    return f"{agency.name} <{sender}> sent {name} ({len(made)} bytes, {kind}) to {studio.address}"
