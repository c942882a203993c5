"""The agencies of the demonstration: the sample roster with made-up addresses, codes and channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from config.roster import Agency, Roster
from intake.demo.exports import Party
from intake.demo.pki import DemoPki, Identity

# A reserved top level (RFC 2606): no letter to such an address can ever reach anybody.
DOMAIN = "binhthuan.example"

# In the demonstration these have no document system and write by mail (letter 697, section 3).
BY_MAIL = frozenset(
    (
        *("bdt", "sngv", "ptth", "cdcd", "cdyt", "cdn", "qldadd", "qldagt", "qldann", "qdtpt"),
        *("lagi", "tuyphong", "bacbinh", "hamthuanbac", "hamthuannam", "tanhlinh", "duclinh", "hamtan", "phuquy"),
    )
)

# Nobody has told the office their mailbox yet: their letters are withheld, or go as status packages.
WITHOUT_MAILBOX = frozenset({"bdt", "ttt"})

# Names that do not fit into a certificate's 64 letters; the certificate says these words instead.
SHORT_NAMES = {
    "qldadd": "Ban QLDA ĐTXD các công trình dân dụng và công nghiệp",
    "qldagt": "Ban QLDA ĐTXD các công trình giao thông",
    "qldann": "Ban QLDA ĐTXD các công trình nông nghiệp và PTNT",
}


def demo_roster(sample: Roster) -> Roster:
    """Return the sample roster with made-up channels, mailboxes and organ ids; it stays marked SAMPLE."""
    agencies = []
    for number, agency in enumerate(sample.agencies, start=1):
        short = SHORT_NAMES.get(agency.id)
        agencies.append(
            replace(
                agency,
                channel="mail" if agency.id in BY_MAIL else "qlvb",
                mailboxes=() if agency.id in WITHOUT_MAILBOX else (mailbox_of(agency),),
                organ_ids=(f"000.00.{number:02}.H11", f"H11.{number:02}"),
                aliases=(*agency.aliases, *((short,) if short else ())),
            )
        )
    return Roster(tuple(agencies), sample=True)


def mailbox_of(agency: Agency) -> str:
    """Return the agency's made-up representative mailbox."""
    return f"{agency.id}@{DOMAIN}"


def party_of(agency: Agency) -> Party:
    """Return the agency as edXML names it."""
    return Party(agency.organ_ids[0], agency.name, agency.mailboxes[0] if agency.mailboxes else "")


def seal_of(pki: DemoPki, agency: Agency) -> Identity:
    """Return the agency's organisation certificate, issued when it is first asked for."""
    label = f"seal:{agency.id}"
    if label not in pki.labels():
        # RSA as the real ones are; some of the first generation, which keep the case of the name and have no policy.
        generation: Literal[1, 2] = 1 if agency.id in ("stc", "hamtan", "cdyt") else 2
        pki.issue_organisation(
            SHORT_NAMES.get(agency.id, agency.name),
            email=mailbox_of(agency),
            label=label,
            key="rsa",
            generation=generation,
        )
    return pki.identity(label)


def leader_of(pki: DemoPki, agency: Agency) -> Identity:
    """Return the certificate of the agency's invented leader, issued when it is first asked for."""
    label = f"leader:{agency.id}"
    if label not in pki.labels():
        name = LEADERS[sum(map(ord, agency.id)) % len(LEADERS)]
        unit = SHORT_NAMES.get(agency.id, agency.name).upper()
        pki.issue_person(name, units=(unit,), email=f"lanhdao@{agency.id}.{DOMAIN}", label=label)
    return pki.identity(label)


def leader_name(agency: Agency) -> str:
    """Return the invented leader's name."""
    return LEADERS[sum(map(ord, agency.id)) % len(LEADERS)]


# Nobody: family names that everyone has, and a given name that says what it is.
LEADERS = ("Nguyễn Văn Mẫu", "Trần Thị Mẫu", "Lê Văn Thử", "Phạm Thị Thử", "Huỳnh Văn Mẫu", "Võ Thị Thử")
