"""Fetching goes only where it was allowed, takes only what was asked for, and never longer or more than granted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from signatures.asn1 import encode_oid, tlv
from signatures.chain import judge_chain
from signatures.fetching import Egress, Fetcher, NotFetched, ask_responders, fetch_lists, refresh_lists
from signatures.question import Question
from signatures.report import Revocation
from signatures.trust import TrustStore
from tests.makers_cms import (
    NOW,
    SIGNING,
    Holder,
    certify,
    ec_key,
    extension,
    ocsp_answer,
    office,
    revocation_list,
    seq,
)
from tests.servers.web import Server

DAY = timedelta(days=1)
TRUST = TrustStore((office().root.certificate,), (office().authority.certificate,))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def fetcher(server: Server, **limits: object) -> Fetcher:
    return Fetcher(Egress(hosts=(server.host,), **limits))  # type: ignore[arg-type]


def person(server: Server, path: str = "/ca.crl", responder: str = "") -> Holder:
    """A person whose certificate names this server for its list and its responder."""
    place = seq(seq(tlv(0xA0, tlv(0xA0, tlv(0x86, server.url(path).encode())))))
    extensions = [SIGNING, extension("2.5.29.31", place)]
    if responder:
        access = seq(seq(encode_oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, server.url(responder).encode())))
        extensions.append(extension("1.3.6.1.5.5.7.1.1", access))
    return certify("Người ký", ec_key(71), office().authority, extensions=extensions)


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/x",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "ldap://127.0.0.1/x",
        "http://127.0.0.1@other.example/x",
        "http://[::1",
    ],
)
def test_only_allowed_hosts_are_contacted(server: Server, url: str) -> None:
    """Addresses come from certificates: whatever is not on the list is refused without a connection."""
    with pytest.raises(NotFetched):
        fetcher(server).get(url)
    assert server.asked == []


def test_by_default_nothing_is_allowed(server: Server) -> None:
    """Without a list of hosts there is no network."""
    with pytest.raises(NotFetched):
        Fetcher(Egress()).get(server.url("/"))
    assert server.asked == []


def test_redirections_are_not_followed(server: Server) -> None:
    """An allowed host cannot send us to another."""
    with pytest.raises(NotFetched, match="302"):
        fetcher(server).get(server.url("/away"))


def test_an_answer_beyond_the_limit_is_left(server: Server) -> None:
    """A list of gigabytes ends at the limit."""
    server.pages["/big"] = bytes(5000)
    with pytest.raises(NotFetched, match="larger"):
        fetcher(server, most_bytes=1000).get(server.url("/big"))


def test_a_server_that_drips_is_left_at_the_deadline(server: Server) -> None:
    """Octet by octet, the whole answer must still come in time."""
    with pytest.raises(NotFetched, match="seconds"):
        fetcher(server, seconds=0.3).get(server.url("/drips"))


def test_requests_are_counted(server: Server) -> None:
    """A certificate with a thousand addresses costs only so many requests."""
    limited = fetcher(server, most_requests=2)
    server.pages["/a"] = b"x"
    limited.get(server.url("/a"))
    limited.get(server.url("/a"))
    with pytest.raises(NotFetched, match="left"):
        limited.get(server.url("/a"))


def test_a_fetched_list_serves_the_judgement(server: Server, tmp_path: Path) -> None:
    """Fetched into a trust folder, the list answers the question that was open."""
    one = person(server)
    server.pages["/ca.crl"] = revocation_list(office().authority, [(one.serial, NOW - DAY)])
    refresh_lists(TRUST, tmp_path, fetcher(server), [one.certificate])
    lists = (revocation_list(office().root), *TrustStore.load([tmp_path]).crls)
    question = Question(at=NOW, at_is_proof=True, trust=TRUST)
    assert judge_chain(one.certificate, (), question, crls=lists).revocation is Revocation.REVOKED


def test_a_list_that_no_authority_signed_is_dropped(server: Server) -> None:
    """What an attacker puts at the address does not reach the folder."""
    one = person(server)
    server.pages["/ca.crl"] = revocation_list(office().authority, key=ec_key(72))
    fetched = fetch_lists([one.certificate], TRUST, fetcher(server))
    assert [result.der for result in fetched] == [b""]
    assert "not signed" in fetched[0].problem


def test_an_older_list_does_not_replace_a_newer_one(server: Server, tmp_path: Path) -> None:
    """A replayed list cannot hide a revocation that is already known."""
    one = person(server)
    newer = revocation_list(office().authority, [(one.serial, NOW - DAY)], this_update=NOW)
    server.pages["/ca.crl"] = newer
    refresh_lists(TRUST, tmp_path, fetcher(server), [one.certificate])
    server.pages["/ca.crl"] = revocation_list(office().authority, this_update=NOW - 5 * DAY)
    refresh_lists(TRUST, tmp_path, fetcher(server), [one.certificate])
    assert TrustStore.load([tmp_path]).crls == (newer,)


def test_a_responders_answer_serves_the_judgement(server: Server) -> None:
    """The answer that came is judged like one that stood in the file."""
    one = person(server, responder="/ocsp")
    server.pages["/ocsp"] = ocsp_answer(office().authority, one, office().authority, next_update=NOW + DAY)
    answers = ask_responders(one.certificate, office().authority.certificate, fetcher(server))
    assert len(server.bodies) == 1
    question = Question(at=NOW, at_is_proof=True, trust=TRUST)
    judgement = judge_chain(
        one.certificate,
        (),
        question,
        crls=(revocation_list(office().root),),
        ocsps=tuple(answer.der for answer in answers),
    )
    assert judgement.revocation is Revocation.GOOD


def test_garbage_from_a_responder_is_a_problem_told(server: Server) -> None:
    """An answer that is none is reported with its address."""
    one = person(server, responder="/ocsp")
    server.pages["/ocsp"] = b"<html>busy</html>"
    answers = ask_responders(one.certificate, office().authority.certificate, fetcher(server))
    assert [answer.der for answer in answers] == [b""]
    assert "OCSP" in answers[0].problem
