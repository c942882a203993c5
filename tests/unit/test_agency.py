"""Which agency a delivery comes from, by certificate first."""

import pytest

from config.roster import Roster
from intake.steps.agency import agency_key, match_signer, plain, recognise
from signatures.report import Signer, Verdict
from tests.makers import ROSTER, SNV, a_signature


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SỞ NỘI VỤ", "So Noi vu"),
        ("Sở Nội vụ", "Sở Nội vụ tỉnh Bình Thuận"),
        ("UBND huyện Phú Quý", "ỦY BAN NHÂN DÂN HUYỆN PHÚ QUÝ"),
        ("Sở  Văn hóa, Thể thao và Du lịch", "SỞ VĂN HÓA THỂ THAO VÀ DU LỊCH"),
        ("UBND TP Phan Thiết", "Ủy ban nhân dân thành phố Phan Thiết"),
    ],
)
def test_names_of_both_certificate_generations_are_one(one: str, other: str) -> None:
    """Case, marks, punctuation, the usual abbreviations and the province's name say nothing."""
    assert agency_key(one) == agency_key(other)


def test_the_provinces_own_name_stays_a_name() -> None:
    """The People's Committee of the province is not an empty name that matches everything."""
    assert agency_key("Ủy ban nhân dân tỉnh Bình Thuận") != ""


def test_nfd_and_nfc_are_one() -> None:
    """Names from a Mac arrive decomposed."""
    assert plain("Phiếu đánh giá") == plain("Phiếu đánh giá") == "phieu danh gia"


@pytest.mark.parametrize(
    ("signer", "expected"),
    [
        (Signer(common_name="SỞ NỘI VỤ"), ("snv", "organisation", "name")),
        (Signer(common_name="Nguyễn Văn A", organizational_units=("Sở Nội vụ",)), ("snv", "person", "unit")),
        (Signer(common_name="Trần B", organization="UBND huyện Phú Quý"), ("phuquy", "person", "unit")),
    ],
)
def test_a_certificate_names_its_agency(signer: Signer, expected: tuple[str, str, str]) -> None:
    """A common name on the roster is the organisation's; otherwise the certificate is a person's."""
    match = match_signer(signer, ROSTER)

    assert match is not None
    assert (match.agency_id, match.holder, match.by) == expected


def test_a_pin_beats_a_name() -> None:
    """The clerk who pinned a certificate knew better than its spelling."""
    from dataclasses import replace

    roster = Roster((replace(SNV, certificates=("c" * 64,)),))

    match = match_signer(Signer(common_name="ABC", certificate_sha256="C" * 64), roster)

    assert match is not None
    assert (match.agency_id, match.by) == ("snv", "pin")


def ask(*signatures, addresses=("snv@binhthuan.example",), organ_ids=(), office="stttt"):
    return recognise(
        roster=ROSTER,
        signatures=signatures,
        from_addresses=addresses,
        organ_ids=organ_ids,
        sender_names=(),
        office_agency=office,
    )


def signed_by(name: str, **changes):
    return a_signature(signer=Signer(common_name=name), **changes)


def test_a_signature_that_is_not_trusted_names_nobody() -> None:
    """Anybody can write a department's name on a certificate of his own."""
    found = ask(signed_by("SỞ NỘI VỤ", trusted=False, verdict=Verdict.INDETERMINATE))

    assert found.signed_by == (None,)
    assert not found.organisation_signed


def test_a_failed_signature_names_nobody() -> None:
    """An altered file proves nothing about its signer."""
    assert ask(signed_by("SỞ NỘI VỤ", verdict=Verdict.FAILED)).signed_by == (None,)


def test_another_agencys_signature_is_a_mismatch_booked_under_the_sender() -> None:
    """The one who sent it must be told."""
    found = ask(signed_by("SỞ XÂY DỰNG"))

    assert found.agency_id == "snv"
    assert [one.code for one in found.reasons] == ["AGENCY_MISMATCH"]
    assert not found.organisation_signed


def test_the_receivers_own_stamp_is_never_the_senders_signature() -> None:
    """A document exported from the office's own system bears its incoming stamp."""
    found = ask(
        signed_by("SỞ XÂY DỰNG"), signed_by("Sở Thông tin và Truyền thông"), addresses=(), organ_ids=("h11.09",)
    )

    assert found.agency_id == "sxd"
    assert found.organisation_signed
    assert [one.code for one in found.reasons] == ["RECEIVER_STAMP_IGNORED"]


def test_the_office_itself_may_submit() -> None:
    """The department is on the roster too, and its own signature counts for its own form."""
    found = ask(signed_by("Sở Thông tin và Truyền thông"), addresses=("stttt@binhthuan.example",))

    assert (found.agency_id, found.organisation_signed) == ("stttt", True)


def test_an_unregistered_mailbox_is_shown_when_the_agency_registered_one() -> None:
    """A good signature from a strange mailbox goes to a clerk, not to the bin."""
    found = ask(signed_by("SỞ NỘI VỤ"), addresses=("someone@elsewhere.example",))

    assert found.agency_id == "snv"
    assert found.sender_address is None
    assert [one.code for one in found.reasons] == ["SENDER_NOT_REGISTERED"]


def test_an_agency_without_registered_mailboxes_is_known_by_its_signature() -> None:
    """With nothing to compare with, the certificate alone names the agency."""
    found = ask(signed_by("UBND huyện Phú Quý"), addresses=("a@b.example",))

    assert (found.agency_id, found.reasons) == ("phuquy", ())


def test_nobody_known_is_nobody() -> None:
    """Unknown is never quietly somebody."""
    found = ask(signed_by("CÔNG TY X"), addresses=("a@b.example",))

    assert (found.agency_id, found.signed_by) == (None, (None,))


@pytest.mark.parametrize(
    "signer",
    [
        Signer(common_name="SỞ NỘI VỤ", organization="ỦY BAN NHÂN DÂN TỈNH BÌNH DƯƠNG", locality="Bình Dương"),
        Signer(common_name="Sở Nội vụ", organization="UBND Thành phố Hồ Chí Minh"),
        Signer(common_name="Sở Nội vụ", locality="Đồng Nai"),
        Signer(common_name="Sở Nội vụ", locality="Hà Nội, Việt Nam"),
        Signer(common_name="Sở Nội vụ", organization="UBND Thành phố Đà Nẵng, Việt Nam"),
        Signer(common_name="Nguyễn Văn A", organizational_units=("Sở Nội vụ",), organization="UBND tỉnh Lâm Đồng"),
    ],
)
def test_another_provinces_department_of_the_same_name_is_nobody_here(signer: Signer) -> None:
    """The government's authority certifies a "Sở Nội vụ" in every province; only the other fields tell them apart."""
    assert match_signer(signer, ROSTER) is None


def test_a_seat_elsewhere_takes_no_agency_of_ours_away() -> None:
    """A certificate that names our province is ours whatever city it was issued in."""
    signer = Signer(common_name="SỞ NỘI VỤ", organization="UBND tỉnh Bình Thuận", locality="Hà Nội")

    assert match_signer(signer, ROSTER) is not None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Thanh tra tỉnh Bình Thuận", "Thanh tra"),
        ("Văn phòng Ủy ban nhân dân tỉnh Bình Thuận", "Văn phòng"),
        ("Văn phòng UBND tỉnh Bình Thuận", "Văn phòng UBND"),
        ("UBND tỉnh Bình Thuận", "Ủy ban nhân dân"),
    ],
)
def test_an_office_that_every_agency_has_is_not_the_provinces_own(name: str, unit: str) -> None:
    """A person of a department's inspectors is not the province's Inspectorate, however the roster writes its name."""
    from dataclasses import replace

    province = replace(SNV, id="tinh", name=name, aliases=(), mailboxes=(), organ_ids=())
    signer = Signer(common_name="Nguyễn Văn A", organizational_units=("Sở Xây dựng", unit))

    match = match_signer(signer, Roster((province, *ROSTER.agencies)))

    assert match is not None
    assert match.agency_id == "sxd"
    assert match_signer(Signer(common_name=name.upper()), Roster((province,))) is not None
    assert agency_key(name.removesuffix(" Bình Thuận")) == agency_key(name)


def test_a_name_that_two_agencies_share_without_marks_names_neither() -> None:
    """Without its marks a name may be another's; only a pin tells them apart."""
    from dataclasses import replace

    roster = Roster((SNV, replace(SNV, id="snvx", name="Sở Nơi Vũ", aliases=(), mailboxes=(), organ_ids=())))

    assert match_signer(Signer(common_name="SỞ NỘI VỤ"), roster) is None


@pytest.mark.parametrize("name", ["Sở Nộі vụ", "Sо Noi vu", "S\u200bở Nội vụ", "ＳỞ NỘI VỤ"])
def test_a_name_in_letters_that_only_look_alike_is_another_name(name: str) -> None:
    """Cyrillic і and о, a zero width space, full width letters."""
    assert match_signer(Signer(common_name=name), ROSTER) is None
