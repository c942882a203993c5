"""What the malware scanner says of a delivery, and the second look at quarantine when it has learnt something new."""

from __future__ import annotations

import structlog

from config.isolation import TaskFailed
from intake.office import Office
from storage.queries import LogFilter
from storage.records import Action, Delivery, State
from storage.vault import VaultError

log = structlog.get_logger()


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


def rescan_quarantine(office: Office) -> int:
    """
    Scan what lies in quarantine again if the scanner's signatures are newer than at the last time.

    What is clean now was a false alarm and goes back to be examined, under the machine's name; returns how many. What
    two persons released is theirs.
    """
    if office.scanner is None:
        return 0
    memory = office.ledger.memory("malware-scanner")
    version = office.scanner.version()
    if memory.get("version") == version:
        return 0
    freed = 0
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
            freed += 1
    memory.put("version", version)
    return freed


def _is_clean_now(office: Office, delivery: Delivery) -> bool:
    """Whether the scanner finds nothing any more; what it cannot scan, or the vault not read, stays where it is."""
    try:
        return malware_in(office, delivery) is None
    except (TaskFailed, VaultError) as failure:
        log.warning("not_scanned_again", delivery=delivery.id, why=str(failure))
        return False
