"""Whether everything the office depends on answers, and when it did not: so that lateness can be judged fairly."""

from __future__ import annotations

from starlette.responses import Response

from intake.console.visit import Visit
from intake.console.words import STATES


def show(visit: Visit) -> Response:
    """Answer with the sources, the outages, the sums, and, if asked for (`?check=1`), with what the doctor finds."""
    desk = visit.desk
    examined = visit.asked("check") == "1"
    seq, head = desk.ledger.log_head()
    return visit.page(
        "health.html",
        title="Tình trạng hệ thống",
        health=desk.ledger.health(),
        outages=sorted(desk.ledger.outages(), key=lambda one: one.since, reverse=True),
        sums=desk.queries.sums(),
        by_source=desk.queries.sums_by_source(),
        states={key: word for key, word in STATES.items() if key != "missing"},
        waiting=desk.ledger.waiting(),
        log_seq=seq,
        log_head=head,
        examined=examined,
        found=list(desk.doctor()) if examined else [],
        free=desk.vault.free_bytes(),
    )
