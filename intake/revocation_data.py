"""Brings new revocation lists and answers into the trust folder, where the office allowed hosts to fetch them from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import structlog

from config.errors import OfficeError
from intake.office import Office
from signatures.fetching import Egress, Fetched, Fetcher, refresh_answer, refresh_lists
from signatures.trust import TrustStore
from storage.queries import LogFilter
from storage.records import State

log = structlog.get_logger()

# Authorities publish daily to weekly; a list that is six hours old still answers for every receipt before it.
FETCH_EVERY_HOURS = 6
# Held deliveries whose signers are asked about in one run; the next run comes to the others.
MOST_ASKED = 20
# One run in all: some dozen authorities, and the lists and answers of the signers of those deliveries.
MOST_REQUESTS = 60


def fetch_revocation_data(office: Office, stopped: Callable[[], bool] = lambda: False) -> tuple[Fetched, ...]:
    """
    Fetch the trusted authorities' lists, and what is missing to judge held deliveries, into the first trust folder.

    Only hosts in `[trust] fetch_hosts` are contacted, whoever names an address; with none nothing is fetched and ()
    comes back. What came is judged like everything in the folder, by its signature. A clerk then has the delivery
    examined again. `stopped` ends the run before its next request. Raises OfficeError for a folder that cannot be
    read or written.
    """
    settings = office.settings.trust
    if not settings.fetch_hosts:
        return ()
    folders = office.settings.trust_folders
    trust = TrustStore.load(folders)
    hosts = tuple(host.lower() for host in settings.fetch_hosts)
    fetcher = Fetcher(Egress(hosts=hosts, most_requests=MOST_REQUESTS), stopped)
    paths = list(_open_paths(office))
    try:
        results = refresh_lists(trust, folders[0], fetcher, [one for path in paths for one in path])
        for path in paths:
            for certificate, issuer in pairwise(path):
                results += refresh_answer(certificate, issuer, folders[0], fetcher)
    except OSError as cause:
        raise OfficeError("REVOCATION_NOT_WRITTEN", folder=folders[0], why=cause.strerror or cause) from cause
    for one in results:
        if one.problem:
            log.warning("not_fetched", url=one.url[:200], why=one.problem)
        else:
            log.info("fetched", url=one.url[:200], bytes=len(one.der))
    return results


def _open_paths(office: Office) -> Iterator[list[bytes]]:
    """Yield the certificates, signer first, of held deliveries with a signature whose revocation state is unknown."""
    for delivery in office.queries.deliveries(LogFilter(state=State.HELD, limit=MOST_ASKED)):
        for file in office.queries.show(delivery.id)["files"]:
            signatures = (file["report"] or {}).get("signatures", ())
            if any(one["revocation"] == "unknown" for one in signatures):
                yield [office.vault.read(one["sha256"]) for one in file["evidence"] if one["kind"] == "certificate"]
