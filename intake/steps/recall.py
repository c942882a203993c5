"""What a package asks for beside being taken in (recall, replace, a moment of its own), and who may ask it."""

from __future__ import annotations

from config.roster import Roster
from intake.steps.agency import Recognition, agency_by_organ_id
from intake.steps.decision import SAID_BY_SOURCE, SYSTEM_PACKAGE, Decision, History, once
from intake.steps.unpacked import Operation, Unpacked
from storage.records import Channel, Delivery, State, Why

# A package with one of these was read only as far as it goes, which is not far enough to take back what was filed.
_DAMAGED = frozenset(
    {"XML_NOT_WELL_FORMED", "XML_DTD_REFUSED", "BUNDLE_DAMAGED", "MANIFEST_INVALID", "MANIFEST_MISMATCH"}
)


def operation_of(unpacked: Unpacked) -> Operation:
    """Return what a package or manifest asks for (QCVN 102: BussinessDocType); anything else is simply new."""
    if unpacked.edxml is not None:
        return unpacked.edxml.operation
    return unpacked.bundle.operation if unpacked.bundle is not None else "new"


def not_vouched(delivery: Delivery, unpacked: Unpacked) -> Why | None:
    """
    Return why a package is not believed in what only the document system may say, None where nothing of that is said.

    An attachment can be an edXML package, a ZIP can look like our own bundle, and either can be exported as a file or
    be a whole mail: whoever wrote it wrote its recall and its `received_at`, too. So the system's own word is what the
    source marked by place and shape. A package that is itself a mail hides who sent that mail.
    """
    if unpacked.edxml is None and unpacked.bundle is None:
        return None
    if delivery.channel is Channel.MAIL:
        return Why("PACKAGE_NOT_VOUCHED", "mail")
    shape = "edxml" if unpacked.edxml is not None else "manifest"
    if Why(SYSTEM_PACKAGE, shape) in delivery.reasons:
        return None
    asked: list[str] = [operation_of(unpacked)] if operation_of(unpacked) != "new" else []
    if unpacked.bundle is not None and unpacked.bundle.received_at is not None:
        asked.append("received_at")
    return Why("PACKAGE_NOT_VOUCHED", ", ".join(asked)) if asked else None


def not_read(delivery: Delivery, unpacked: Unpacked) -> Why | None:
    """
    Return that the document system's own package could not be read so far as to say whose it is; None where it was.

    Whoever sent it has sent a document by the proper way; it must not lie among other correspondence unseen.
    """
    facts = unpacked.edxml
    if Why(SYSTEM_PACKAGE, "edxml") not in delivery.reasons:
        return None
    if facts is not None and (facts.from_organ_id or facts.from_name):
        return None
    return Why("PACKAGE_NOT_READ", unpacked.kind if facts is None else "From")


def revoke(
    reasons: list[Why],
    delivery: Delivery,
    unpacked: Unpacked,
    recognition: Recognition,
    roster: Roster,
    history: History,
) -> Decision:
    """
    Obey a recall that names exactly one of the same agency's deliveries; anything else is for a person.

    Only the document system vouches for who recalls, and only the organ that sent a document may recall it.
    """
    targets = [one for one in history.named if one.agency == recognition.agency_id and recognition.agency_id]
    against = not_vouched(delivery, unpacked)
    said_by_source = [one for one in delivery.reasons if one.code in SAID_BY_SOURCE]
    if against is None:
        against = next((one for one in (*said_by_source, *unpacked.problems) if one.code in _DAMAGED), None)
    if against is None and len(targets) != 1:
        against = Why("RECALL_NAMES_NOTHING_KNOWN")
    if against is None:
        against = of_another_organ(unpacked, targets[0], roster)
    if against is not None:
        return Decision(State.HELD, once((against, *reasons)), is_submission=False, repairable=False)
    detail = targets[0].receipt_no or targets[0].id
    return Decision(
        State.LINKED,
        once((Why("RECALLED_BY_SENDER", detail), *reasons)),
        is_submission=False,
        linked_to=targets[0].id,
        withdraws=targets[0].id,
    )


def about_replacement(unpacked: Unpacked, roster: Roster, history: History) -> list[Why]:
    """Return what stands against an update or replacement: a document that it names was sent by another organ."""
    if operation_of(unpacked) not in ("update", "replace"):
        return []
    found = (of_another_organ(unpacked, one, roster) for one in history.named)
    return [one for one in found if one is not None]


def of_another_organ(unpacked: Unpacked, original: Delivery, roster: Roster) -> Why | None:
    """
    Return that `original` was sent by another organ than this package; what came by mail was sent by none.

    An agency may have several organ ids (the numbering changed in 2020), so two ids of one agency are the same organ.
    """
    facts = unpacked.edxml
    said = facts.from_organ_id or facts.from_name if facts is not None else ""
    if unpacked.bundle is not None:
        said = unpacked.bundle.sender_organ_id or unpacked.bundle.sender_name
    one, other = said.strip().casefold(), original.sender.strip().casefold()
    ours = agency_by_organ_id((said,), roster)
    theirs = agency_by_organ_id((original.sender,), roster)
    same = one == other or (ours is not None and ours == theirs)
    if one and same and original.channel is Channel.QLVB:
        return None
    return Why("RECALL_BY_ANOTHER_ORGAN", f"{said or '?'} / {original.sender or '?'}")
