"""Which agency a delivery comes from: the certificate names it; mailbox and organ id say who claims to send."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from config.roster import Agency, Roster
from signatures.report import SignatureFinding, Signer, Verdict
from storage.records import Why

# The province's own words stand before or after an agency's name on certificates of both generations and say nothing.
PROVINCE_WORDS = ("uy ban nhan dan tinh binh thuan", "tinh binh thuan", "binh thuan")
# The other provinces and central cities of 2019, as `plain` writes them. Each has a "Sở Nội vụ" with a certificate of
# the same government authority, and only O, OU and L tell it from ours.
OTHER_PROVINCES = frozenset(
    (
        *("an giang", "ba ria vung tau", "bac giang", "bac kan", "bac lieu", "bac ninh", "ben tre", "binh dinh"),
        *("binh duong", "binh phuoc", "ca mau", "can tho", "cao bang", "da nang", "dak lak", "dak nong", "dac lac"),
        *("dien bien", "dong nai", "dong thap", "gia lai", "ha giang", "ha nam", "ha noi", "ha tinh", "hai duong"),
        *("hai phong", "hau giang", "hoa binh", "ho chi minh", "hung yen", "khanh hoa", "kien giang", "kon tum"),
        *("lai chau", "lam dong", "lang son", "lao cai", "long an", "nam dinh", "nghe an", "ninh binh", "ninh thuan"),
        *("phu tho", "phu yen", "quang binh", "quang nam", "quang ngai", "quang ninh", "quang tri", "soc trang"),
        *("son la", "tay ninh", "thai binh", "thai nguyen", "thanh hoa", "thua thien hue", "hue", "tien giang"),
        *("tra vinh", "tuyen quang", "vinh long", "vinh phuc", "yen bai"),
    )
)
_PROVINCE = f"(?:{'|'.join(sorted(OTHER_PROVINCES))})\\b"
_PROVINCE_OF = re.compile(rf"\b(?:tinh|thanh pho|tp) {_PROVINCE}|^{_PROVINCE}$")
_PROVINCE_IN = re.compile(rf"\b{_PROVINCE}")
# What every agency, or every province, has one of: without its owner's name this names nobody. Else a person of the
# inspectors of one department would be taken for the province's Inspectorate.
_NOBODYS_OWN = frozenset(
    (
        *("ban quan ly", "ban quan ly du an", "chi cuc", "hoi dong nhan dan", "phong", "so", "thanh tra", "trung tam"),
        *("uy ban nhan dan", "van phong", "van phong hoi dong nhan dan", "van phong uy ban nhan dan"),
    )
)
EXPANSIONS = (
    (r"\bubnd\b", "uy ban nhan dan"),
    (r"\btp\b", "thanh pho"),
    (r"\btx\b", "thi xa"),
    (r"\bcntt\b", "cong nghe thong tin"),
)

# Letters that are normalised at a time; one piece holds any agency's name.
_PIECE = 256


def plain(text: str) -> str:
    """
    Return `text` for comparison: no marks, no case, no punctuation, single spaces; đ is d.

    "SỞ NỘI VỤ", "Sở Nội vụ" and "So Noi vu" are one. Edges: an empty text gives an empty one.
    """
    # In pieces: the marks, which normalising sorts at the square of their number, are dropped in any order.
    pieces = [unicodedata.normalize("NFD", text[start : start + _PIECE]) for start in range(0, len(text), _PIECE)]
    decomposed = "".join(pieces).replace("đ", "d").replace("Đ", "D")
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[\W_]+", " ", bare.casefold()).split())


@lru_cache(maxsize=2048)  # The roster's names are asked for with every signature.
def agency_key(name: str) -> str:
    """Return a name for matching agencies: as `plain`, abbreviations written out, the province's name dropped."""
    key = plain(name)
    for pattern, full in EXPANSIONS:
        key = re.sub(pattern, full, key)
    for words in PROVINCE_WORDS:
        shorter = " ".join(key.replace(words, " ").split())
        # A name that is nothing but the province's stays: the People's Committee of the province is a name too.
        if shorter and shorter != key and shorter not in _NOBODYS_OWN:
            key = shorter
    return key


@dataclass(frozen=True, slots=True)
class SignerMatch:
    """Whose a signature is: the agency, as its organisation or one of its persons, and by which sign it was known."""

    agency_id: str
    holder: Literal["organisation", "person"]
    by: Literal["pin", "name", "unit"]


@dataclass(frozen=True, slots=True)
class Recognition:
    """
    Who sent a delivery and who signed its form.

    `agency_id` is the agency that the delivery is booked under, None if nobody is known. `signed_by` holds, for each
    signature in order, whose it is (None: nobody's on the roster). `claimed` is the sender by mailbox, organ id or
    manifest. `sender_address` is the From address if it is one of the agency's registered mailboxes.
    """

    agency_id: str | None
    claimed: str | None
    signed_by: tuple[SignerMatch | None, ...]
    sender_address: str | None
    reasons: tuple[Why, ...]

    @property
    def organisation_signed(self) -> bool:
        """Whether one signature is this agency's own organisation signature."""
        return any(
            one is not None and one.agency_id == self.agency_id and one.holder == "organisation"
            for one in self.signed_by
        )

    @property
    def person_signed(self) -> bool:
        """Whether one signature is by a person of this agency."""
        return any(
            one is not None and one.agency_id == self.agency_id and one.holder == "person" for one in self.signed_by
        )


def match_signer(signer: Signer | None, roster: Roster) -> SignerMatch | None:
    """
    Say whose certificate this is, by pin first, then by normalised names.

    A common name equal to a name or alias on the roster is the organisation's; otherwise the certificate is a
    person's, and its units, smallest first, or its organisation name the agency (government certificates do not say
    "person" or "organisation" in any field). Edges: no signer, or nobody on the roster, gives None; so does a name
    that two agencies share, or one on a certificate of another province, since only a pin can tell those apart.
    """
    if signer is None:
        return None
    for agency in roster.agencies:
        if signer.certificate_sha256 and signer.certificate_sha256.lower() in agency.certificates:
            return SignerMatch(agency.id, "organisation", "pin")
    if of_another_province(signer):
        return None
    found = agency_by_name(signer.common_name, roster)
    if found is not None:
        return SignerMatch(found.id, "organisation", "name")
    for unit in (*reversed(signer.organizational_units), signer.organization):
        found = agency_by_name(unit, roster)
        if found is not None:
            return SignerMatch(found.id, "person", "unit")
    return None


def of_another_province(signer: Signer) -> bool:
    """Whether a certificate says that its holder is of another province and nowhere that he is of ours."""
    fields = [plain(one) for one in (signer.organization, *signer.organizational_units, signer.locality)]
    if any("binh thuan" in one for one in (*fields, plain(signer.common_name))):
        return False
    # A seat names its province with whatever else an authority writes there: "Hà Nội, Việt Nam", "Ha Noi City".
    return _PROVINCE_IN.search(fields[-1]) is not None or any(_PROVINCE_OF.search(one) for one in fields)


def agency_by_mailbox(addresses: Iterable[str], roster: Roster) -> tuple[Agency, str] | None:
    """Return the agency that registered one of `addresses`, and that address; the first that is found."""
    for address in addresses:
        for agency in roster.agencies:
            if address.strip().lower() in agency.mailboxes:
                return agency, address.strip().lower()
    return None


def agency_by_organ_id(organ_ids: Iterable[str], roster: Roster) -> Agency | None:
    """Return the agency that bears one of `organ_ids` (compared without case)."""
    for organ_id in organ_ids:
        wanted = organ_id.strip().casefold()
        if not wanted:
            continue
        for agency in roster.agencies:
            if wanted in (one.casefold() for one in agency.organ_ids):
                return agency
    return None


def agency_by_name(name: str, roster: Roster) -> Agency | None:
    """
    Return the agency whose name or alias is `name` after normalising.

    Edges: None for an empty or unknown name, and for one that two agencies share without its marks: taking the first
    would book one agency's form under the other.
    """
    wanted = agency_key(name)
    if not wanted:
        return None
    bearing = [one for one in roster.agencies if wanted in (agency_key(name) for name in (one.name, *one.aliases))]
    return bearing[0] if len(bearing) == 1 else None


def recognise(
    *,
    roster: Roster,
    signatures: tuple[SignatureFinding, ...],
    from_addresses: tuple[str, ...],
    organ_ids: tuple[str, ...],
    sender_names: tuple[str, ...],
    office_agency: str,
) -> Recognition:
    """
    Say which agency a delivery comes from.

    1. Who claims to send: From address on the roster, organ id, or the package's sender name. 2. Whose each
    signature is; only a trusted, intact one names anybody. 3. The receiving office's own stamp on an export is never
    the sender's signature, unless the office itself sends. 4. A claim and an organisation signature that name two
    agencies are a mismatch, booked under the one who sent it, since that is who must be told.
    """
    reasons: list[Why] = []
    # 1. The claim.
    by_mail = agency_by_mailbox(from_addresses, roster)
    claimed = by_mail[0] if by_mail else agency_by_organ_id(organ_ids, roster)
    if claimed is None:
        claimed = next((found for name in sender_names if (found := agency_by_name(name, roster))), None)
    # 2. and 3. The signatures.
    matches: list[SignerMatch | None] = []
    for one in signatures:
        names_nobody = one.kind == "pdf-timestamp" or one.verdict is Verdict.FAILED or one.trusted is not True
        match = None if names_nobody else match_signer(one.signer, roster)
        if match is not None and match.agency_id == office_agency and (claimed is None or claimed.id != office_agency):
            others = [other for other in signatures if other is not one and other.kind != "pdf-timestamp"]
            if others or claimed is not None:
                reasons.append(Why("RECEIVER_STAMP_IGNORED", one.name))
                match = None
        matches.append(match)
    signing = [one.agency_id for one in matches if one is not None and one.holder == "organisation"]
    signing += [one.agency_id for one in matches if one is not None and one.holder == "person"]
    # 4. Both together.
    agency_id = claimed.id if claimed else (signing[0] if signing else None)
    if claimed is not None and signing and claimed.id not in signing:
        reasons.append(Why("AGENCY_MISMATCH", f"sent by {claimed.id}, signed by {', '.join(dict.fromkeys(signing))}"))
    elif claimed is None and len(set(signing)) > 1:
        reasons.append(Why("SEVERAL_AGENCIES_SIGNED", ", ".join(dict.fromkeys(signing))))
    address = by_mail[1] if by_mail and by_mail[0].id == agency_id else None
    agency = roster.get(agency_id)
    if agency is not None and from_addresses and address is None and agency.mailboxes:
        reasons.append(Why("SENDER_NOT_REGISTERED", agency.id))
    return Recognition(agency_id, claimed.id if claimed else None, tuple(matches), address, tuple(reasons))
