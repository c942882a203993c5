"""What a package may ask beside being taken in, and who may ask it."""

from dataclasses import replace
from typing import Any

import pytest

from config.roster import Roster
from intake.steps.agency import SignerMatch
from intake.steps.decision import Decision, History
from intake.steps.unpacked import BundleFacts, Unpacked
from storage.records import Channel, Delivery, State, Why
from tests.makers import (
    IN_TIME,
    SXD,
    a_delivery,
    a_recognition,
    an_examination,
    an_unpacked,
    ask,
    some_edxml_facts,
)


def codes(decision: Decision) -> set[str]:
    return {one.code for one in decision.reasons}


def exported(shape: str = "edxml", **changes: Any) -> Delivery:
    """A thing from the export folder that by its place is the document system's own."""
    return a_delivery(channel=Channel.QLVB, reasons=(Why("SYSTEM_PACKAGE", shape),), **changes)


FORMS_OF_SXD = a_delivery(
    id="d0",
    channel=Channel.QLVB,
    state=State.FILED,
    agency="sxd",
    sender="H11.09",
    receipt_no="PDG-2019-000002",
)


def ask_to_recall(
    delivery: Delivery,
    unpacked: Unpacked | None = None,
    target: Delivery = FORMS_OF_SXD,
) -> Decision:
    """What becomes of a package that names `target`."""
    package = unpacked or an_unpacked(kind="edxml", mail=None, edxml=some_edxml_facts(operation="revoke"))
    return ask(
        delivery=delivery,
        examination=an_examination(unpacked=package),
        recognition=a_recognition(agency_id="sxd", claimed="sxd"),
        history=History(versions=(target,), named=(target,)),
    )


def test_a_recall_of_the_agencys_own_document_is_obeyed() -> None:
    """QCVN 102: BussinessDocType 1 revokes; the document stays, marked."""
    decision = ask_to_recall(exported())

    assert (decision.state, decision.withdraws, codes(decision)) == (State.LINKED, "d0", {"RECALLED_BY_SENDER"})


@pytest.mark.parametrize(
    "delivery",
    [
        pytest.param(a_delivery(channel=Channel.MAIL), id="by mail"),
        pytest.param(a_delivery(channel=Channel.QLVB), id="an attachment exported as a file"),
        pytest.param(exported("manifest"), id="a package in place of a manifest folder"),
    ],
)
def test_only_the_document_systems_own_package_recalls(delivery: Delivery) -> None:
    """Whoever writes an edXML attachment writes its operation and its sender, too."""
    decision = ask_to_recall(delivery)

    assert (decision.state, decision.withdraws, codes(decision)) == (State.HELD, None, {"PACKAGE_NOT_VOUCHED"})


def test_a_zip_that_looks_like_our_own_bundle_recalls_nothing() -> None:
    """A lone ZIP whose first entry is our index comes from whoever sent it."""
    facts = BundleFacts("manifest", "123", (), sender_organ_id="H11.09", operation="revoke", replaces=("doc-1",))
    forged = an_unpacked(kind="bundle", mail=None, bundle=facts)

    assert ask_to_recall(a_delivery(channel=Channel.QLVB), forged).state is State.HELD
    assert ask_to_recall(exported("edxml"), forged).withdraws is None
    assert ask_to_recall(exported("manifest"), forged).withdraws == "d0"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(replace(FORMS_OF_SXD, sender="H11.02"), id="another agency's organ id"),
        pytest.param(replace(FORMS_OF_SXD, channel=Channel.MAIL, sender="soxaydung@binhthuan.example"), id="a mail"),
        pytest.param(replace(FORMS_OF_SXD, sender=""), id="nobody"),
    ],
)
def test_a_recall_by_another_organ_than_the_originals_waits_for_a_person(target: Delivery) -> None:
    """Only the organ that sent a document may recall it."""
    decision = ask_to_recall(exported(), target=target)

    assert (decision.state, decision.withdraws, codes(decision)) == (State.HELD, None, {"RECALL_BY_ANOTHER_ORGAN"})


def test_two_organ_ids_of_one_agency_are_one_organ() -> None:
    """The numbering of organs changed in 2020 (QĐ 20/2020/QĐ-TTg)."""
    both = Roster((replace(SXD, organ_ids=("H11.09", "000.00.09.H11")),))
    package = an_unpacked(kind="edxml", mail=None, edxml=some_edxml_facts(operation="revoke"))
    decision = ask(
        delivery=exported(),
        examination=an_examination(unpacked=package),
        recognition=a_recognition(agency_id="sxd", claimed="sxd"),
        roster=both,
        history=History(named=(replace(FORMS_OF_SXD, sender="000.00.09.H11"),)),
    )

    assert decision.withdraws == "d0"


def test_a_damaged_recall_waits_for_a_person() -> None:
    """What was read only as far as it goes takes back nothing that was filed."""
    cut_off = an_unpacked(
        kind="edxml",
        mail=None,
        edxml=some_edxml_facts(operation="revoke"),
        problems=(Why("XML_NOT_WELL_FORMED", "cut off"),),
    )

    assert ask_to_recall(exported(), cut_off).withdraws is None


@pytest.mark.parametrize("operation", ["update", "replace"])
def test_a_replacement_is_the_document_systems_own_and_the_same_organs(operation: Any) -> None:
    """Else a person looks before a new version takes a filed one's place."""
    package = an_unpacked(kind="edxml", mail=None, edxml=some_edxml_facts(operation=operation))
    by_sxd = a_recognition(agency_id="sxd", claimed="sxd", signed_by=(SignerMatch("sxd", "organisation", "name"),))

    def states(delivery: Delivery, target: Delivery = FORMS_OF_SXD) -> tuple[State, set[str]]:
        decision = ask(
            delivery=delivery,
            examination=an_examination(unpacked=package),
            recognition=by_sxd,
            history=History(versions=(target,), named=(target,)),
        )
        return decision.state, codes(decision) - {"NEW_VERSION"}

    assert states(exported()) == (State.FILED, set())
    assert states(a_delivery(channel=Channel.QLVB)) == (State.HELD, {"PACKAGE_NOT_VOUCHED"})
    assert states(a_delivery(), FORMS_OF_SXD)[0] is State.HELD
    assert states(exported(), replace(FORMS_OF_SXD, sender="H11.02")) == (State.HELD, {"RECALL_BY_ANOTHER_ORGAN"})


def test_a_moment_that_only_an_attachment_states_waits_for_a_person() -> None:
    """The `received_at` of a manifest counts where the system wrote the manifest, and is a wish elsewhere."""
    facts = BundleFacts("manifest", "123", (), sender_organ_id="H11.02", received_at=IN_TIME)
    stated = an_examination(unpacked=an_unpacked(kind="bundle", mail=None, bundle=facts))

    assert ask(delivery=exported("manifest"), examination=stated).state is State.FILED
    assert codes(ask(delivery=a_delivery(channel=Channel.QLVB), examination=stated)) == {"PACKAGE_NOT_VOUCHED"}


def test_a_recall_of_somebody_elses_document_is_not_obeyed() -> None:
    """An agency may recall only its own."""
    decision = ask_to_recall(exported(), target=replace(FORMS_OF_SXD, agency="snv"))

    assert (decision.state, decision.withdraws) == (State.HELD, None)


@pytest.mark.parametrize(
    "unpacked",
    [
        pytest.param(an_unpacked(kind="document", mail=None), id="no package at all"),
        pytest.param(
            an_unpacked(kind="edxml", mail=None, problems=(Why("XML_DTD_REFUSED", "p.edxml"),)), id="left closed"
        ),
        pytest.param(
            an_unpacked(kind="edxml", mail=None, edxml=some_edxml_facts(from_organ_id="", from_name="")),
            id="without a sender",
        ),
    ],
)
def test_a_package_of_the_document_system_that_tells_no_sender_is_not_other_correspondence(unpacked: Unpacked) -> None:
    """Somebody sent a document by the proper way; a person opens it where it came from."""
    nothing = an_examination(unpacked=unpacked, files=())
    nobody = a_recognition(agency_id=None, claimed=None)

    decision = ask(delivery=exported(), examination=nothing, recognition=nobody)
    elsewhere = ask(delivery=a_delivery(channel=Channel.QLVB), examination=nothing, recognition=nobody)

    assert (decision.state, "PACKAGE_NOT_READ" in codes(decision), decision.is_submission) == (State.HELD, True, False)
    assert elsewhere.state is State.SET_ASIDE
