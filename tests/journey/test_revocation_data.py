"""Revocation data from the network: only from hosts the office named, and then a held form can be judged."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from intake.daemon import Daemon
from intake.demo.pki import Identity
from intake.demo.signing import sign_pdf
from intake.doctor import examine_house
from intake.once import run_once
from intake.revocation_data import fetch_revocation_data
from signatures.asn1 import encode_oid, tlv
from signatures.question import Document, Question
from signatures.report import Revocation, Verdict
from signatures.trust import TrustStore
from signatures.verify import inspect
from tests.makers import IN_TIME
from tests.makers_cms import SIGNING, Holder, certify, ec_key, extension, ocsp_answer, office, revocation_list, seq
from tests.offices import SmallOffice, a_form, a_mail
from tests.servers.web import Server

DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def signer_at(server: Server) -> Holder:
    """A person whose certificate names the server for the list and for answers."""
    place = seq(seq(tlv(0xA0, tlv(0xA0, tlv(0x86, server.url("/ca.crl").encode())))))
    access = seq(seq(encode_oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, server.url("/ocsp").encode())))
    extensions = [SIGNING, extension("2.5.29.31", place), extension("1.3.6.1.5.5.7.1.1", access)]
    return certify("Người ký", ec_key(71), office().authority, extensions=extensions)


def held_form(small: SmallOffice, server: Server) -> bytes:
    """A form that waits, because no list of its signer's authority is at hand; that of the root is."""
    one = signer_at(server)
    trust = small.folder / "trust"
    (trust / "test-root.crt").write_bytes(office().root.certificate)
    (trust / "test-ca.crt").write_bytes(office().authority.certificate)
    root_list = revocation_list(office().root, this_update=IN_TIME, next_update=IN_TIME + 400 * DAY)
    (trust / "test-root.crl").write_bytes(root_list)
    identity = Identity("one", x509.load_der_x509_certificate(one.certificate), ec_key(71))
    signed = sign_pdf(a_form(), identity, at=IN_TIME - timedelta(hours=1))
    small.mailbox.put(a_mail(signed))
    run_once(small.office)
    return signed


def allowing(small: SmallOffice, *hosts: str) -> SmallOffice:
    """The same office with these hosts on its list."""
    settings = small.office.settings
    trust = msgspec.structs.replace(settings.trust, fetch_hosts=hosts)
    office_now = dataclasses.replace(small.office, settings=msgspec.structs.replace(settings, trust=trust))
    return dataclasses.replace(small, office=office_now)


def judged(signed: bytes, folder: Path) -> tuple[Verdict, Revocation]:
    """What the signature is worth under the trust folder as it now is."""
    question = Question(at=IN_TIME, at_is_proof=True, trust=TrustStore.load([folder]))
    finding = inspect(Document("phieu.pdf", signed), question).signatures[0]
    return finding.verdict, finding.revocation


def test_by_default_nothing_is_fetched(small_office: SmallOffice, server: Server) -> None:
    """Addresses in a stranger's certificate move nobody to contact them."""
    signed = held_form(small_office, server)
    assert fetch_revocation_data(small_office.office) == ()
    assert fetch_revocation_data(allowing(small_office, "ca.gov.vn.invalid").office) != ()
    assert server.asked == []
    assert judged(signed, small_office.folder / "trust") == (Verdict.INDETERMINATE, Revocation.UNKNOWN)


def test_a_fetched_list_lets_a_held_form_be_judged(small_office: SmallOffice, server: Server) -> None:
    """The list comes into the first trust folder, and says what was open."""
    signed = held_form(small_office, server)
    update = revocation_list(office().authority, this_update=IN_TIME + DAY, next_update=IN_TIME + 30 * DAY)
    server.pages["/ca.crl"] = update
    fetch_revocation_data(allowing(small_office, server.host).office)
    assert judged(signed, small_office.folder / "trust") == (Verdict.PASSED, Revocation.GOOD)


def test_a_fetched_answer_lets_a_held_form_be_judged(small_office: SmallOffice, server: Server) -> None:
    """Where the authority gives answers instead of lists, the answer is kept like one."""
    signed = held_form(small_office, server)
    server.pages["/ocsp"] = ocsp_answer(
        office().authority, signer_at(server), office().authority, next_update=IN_TIME + 30 * DAY
    )
    fetch_revocation_data(allowing(small_office, server.host).office)
    assert judged(signed, small_office.folder / "trust") == (Verdict.PASSED, Revocation.GOOD)


def test_an_answer_about_somebody_else_is_not_kept(small_office: SmallOffice, server: Server) -> None:
    """A responder that answers another question leaves the folder as it was."""
    held_form(small_office, server)
    server.pages["/ocsp"] = ocsp_answer(office().authority, office().lan, office().authority)
    results = fetch_revocation_data(allowing(small_office, server.host).office)
    assert any("other certificates" in one.problem for one in results)
    assert list((small_office.folder / "trust").glob("*.ocsp")) == []


def test_an_ended_service_asks_nobody_any_more(small_office: SmallOffice, server: Server) -> None:
    """A slow authority does not keep the service from ending."""
    held_form(small_office, server)
    fetch_revocation_data(allowing(small_office, server.host).office, lambda: True)
    assert server.asked == []


def test_doctor_tells_the_age_of_lists_and_that_fetching_brings_none(small_office: SmallOffice, server: Server) -> None:
    """An operator who allowed fetching learns that nothing came."""
    held_form(small_office, server)
    house = allowing(small_office, server.host).office

    def told() -> tuple[bool | None, str]:
        lines = examine_house(house.settings, house.ledger, IN_TIME)
        line = next(one for one in lines if one.name == "revocation data")
        return line.ok, line.said

    ok, said = told()
    assert ok is False
    assert "Test Root" in said
    server.pages["/ca.crl"] = revocation_list(office().authority, this_update=IN_TIME, next_update=IN_TIME + DAY)
    fetch_revocation_data(house)
    assert told()[0] is True


def test_the_service_fetches_when_it_starts(small_office: SmallOffice, server: Server) -> None:
    """Whoever allowed hosts need not do anything else."""
    signed = held_form(small_office, server)
    server.pages["/ca.crl"] = revocation_list(
        office().authority, this_update=IN_TIME + DAY, next_update=IN_TIME + 30 * DAY
    )
    house = allowing(small_office, server.host).office
    # The listed mailbox stands in no configuration, so the daemon has no interval for it.
    daemon = Daemon(dataclasses.replace(house, sources=house.sources[1:]))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        for _ in range(600):
            if list((small_office.folder / "trust").glob("fetched-*.crl")):
                break
            time.sleep(0.05)
    finally:
        daemon.stop()
        thread.join()
    assert judged(signed, small_office.folder / "trust") == (Verdict.PASSED, Revocation.GOOD)
