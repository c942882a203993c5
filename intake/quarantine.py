"""What the malware scanner says of a delivery, and its second look at what it knew too little of the first time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import structlog

from config.isolation import TaskFailed
from intake.office import Office
from storage.ledger import Ledger
from storage.queries import LogFilter
from storage.records import Action, Delivery, State
from storage.vault import VaultError

log = structlog.get_logger()

# Signatures for new malware come within days of it; what is older was clean by the word of many of their versions.
LOOK_BACK = timedelta(days=14)
# Where people may open a file; what is examined again is scanned then, and what is shelved lies in quarantine.
WITHIN_REACH = frozenset({State.FILED, State.HELD, State.SET_ASIDE, State.LINKED})

# What the scanner is remembered by.
MEMORY = "malware-scanner"


def malware_in(office: Office, delivery: Delivery) -> str | None:
    """
    Return what the scanner finds in a delivery, None for nothing, for no scanner, or where two persons released it.

    Raises ScannerError while the scanner is away or scans nothing: the delivery waits, received and safe, and is not
    examined unscanned. Raises TaskFailed when it is this delivery that it cannot scan.
    """
    if office.scanner is None or delivery.released:
        return None
    with office.vault.open(delivery.sha256) as content:
        scan = office.scanner.scan(content, about=delivery.sha256)
    if scan.found is not None:
        log.error("malware", delivery=delivery.id, found=scan.found, scanner=scan.version)
    return scan.found


def scan_again(office: Office, stopping: Callable[[], bool] = lambda: False) -> None:
    """
    Scan again, if the scanner's signatures are newer than at the last time: quarantine, then what was let in lately.

    What two persons released is theirs. Raises ScannerError while the scanner is away; then, and when `stopping`, the
    next call begins anew.
    """
    if office.scanner is None:
        return
    memory = office.ledger.memory(MEMORY)
    version = office.scanner.version()
    if memory.get("version") == version:
        return
    _free_false_alarms(office, version)
    if _look_back(office, version, stopping):
        memory.put("version", version)


def found_later(ledger: Ledger) -> dict[str, str]:
    """Return what newer signatures found in deliveries that had been let in: its name by the delivery's id."""
    alarms: dict[str, str] = json.loads(ledger.memory(MEMORY).get("alarms") or "{}")
    return alarms


def _look_back(office: Office, version: str, stopping: Callable[[], bool]) -> bool:
    """
    Scan what came in the last days and was clean by older signatures; return False when stopped before the end.

    What is found changes no decision, since a form that two signed for is not a machine's to take back: it is noted in
    the log under its delivery, and stands on every page for as long as it is found.
    """
    before, alarms = found_later(office.ledger), dict[str, str]()
    for delivery in office.queries.deliveries(LogFilter(since=office.clock() - LOOK_BACK, limit=None)):
        if stopping():
            return False
        if delivery.state not in WITHIN_REACH:
            continue
        try:
            found = malware_in(office, delivery)
        except (TaskFailed, VaultError) as failure:
            log.warning("not_scanned_again", delivery=delivery.id, why=str(failure))
            found = before.get(delivery.id)
        if found is None:
            continue
        alarms[delivery.id] = found
        if before.get(delivery.id) != found:
            detail = {"found": found, "scanner": version}
            office.ledger.note(
                "malware_found_later", detail, actor="machine", at=office.clock(), delivery_id=delivery.id
            )
    office.ledger.memory(MEMORY).put("alarms", json.dumps(alarms))
    return True


def _free_false_alarms(office: Office, version: str) -> None:
    """Send back to be examined, under the machine's name, what lies in quarantine and is clean by newer signatures."""
    for delivery in office.queries.deliveries(LogFilter(state=State.SHELVED, limit=None)):
        quarantined = any(one.code == "MALWARE_FOUND" for one in delivery.reasons)
        if quarantined and _is_clean_now(office, delivery):
            office.ledger.act(
                delivery.id,
                Action.RETRY,
                by="machine",
                reason="FALSE_ALARM",
                note=f"clean by {version}",
                at=office.clock(),
                needs_two=False,
                receipt_prefix=office.rules.book().file.campaign.receipt_prefix,
                write_letters=lambda _receipt: (),
            )


def _is_clean_now(office: Office, delivery: Delivery) -> bool:
    """Whether the scanner finds nothing any more; what it cannot scan, or the vault not read, stays where it is."""
    try:
        return malware_in(office, delivery) is None
    except (TaskFailed, VaultError) as failure:
        log.warning("not_scanned_again", delivery=delivery.id, why=str(failure))
        return False
