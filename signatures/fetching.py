"""Revocation lists and answers from the network, only where the office allowed it: to named hosts, within limits."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from signatures import algorithms, asn1, pem
from signatures.certificates import Certificate, fingerprint, parse_all, same_name
from signatures.crls import CrlError, RevocationList, crl_signed_by, parse_crl
from signatures.ocsp import OcspError, key_bits, parse_ocsp
from signatures.revocation import crl_places
from signatures.trust import TrustStore, known_anchor, write_durably

_SHA1 = "1.3.14.3.2.26"
_ACCESS = "1.3.6.1.5.5.7.1.1"
_OCSP = "1.3.6.1.5.5.7.48.1"


@dataclass(frozen=True, slots=True)
class Egress:
    """
    Where and how much may be fetched. `hosts` are exact host names (or host:port); nothing else is ever contacted.

    Addresses stand in certificates and are an attacker's input: without this list he would choose whom our server
    talks to. `seconds` is for one request from start to end, `most_bytes` for one answer, `most_requests` for one
    `Fetcher`. The national lists have some 8 MB.
    """

    hosts: tuple[str, ...] = ()
    seconds: float = 20.0
    most_bytes: int = 32 << 20
    most_requests: int = 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """One attempt: the address, the paper that came (b"" if none), and why none came ("" if one did)."""

    url: str
    der: bytes = field(default=b"", repr=False)
    problem: str = ""


class NotFetched(Exception):
    """An address was not allowed, not reached, or its answer was not what was asked for."""


class Fetcher:
    """Makes requests within an `Egress`; never follows a redirection, which would lead out of the allowed hosts."""

    def __init__(self, egress: Egress, stopped: Callable[[], bool] = lambda: False) -> None:
        self._egress = egress
        self._left = egress.most_requests
        self._stopped = stopped

    def get(self, url: str) -> bytes:
        """Return what lies at `url`; NotFetched if that is not possible or not allowed."""
        return self._request("GET", url, None, "")

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """Return the answer to `body`; NotFetched as for `get`."""
        return self._request("POST", url, body, content_type)

    def _request(self, method: str, url: str, body: bytes | None, content_type: str) -> bytes:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as cause:
            raise NotFetched("not an address") from cause
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise NotFetched("only plain http and https addresses are fetched")
        named = parts.hostname if port is None else f"{parts.hostname}:{port}"
        if named not in self._egress.hosts:
            raise NotFetched(f"{named} is not among the allowed hosts")
        if self._stopped():
            raise NotFetched("the service is being ended")
        if self._left <= 0:
            raise NotFetched("no requests are left")
        self._left -= 1
        deadline = time.monotonic() + self._egress.seconds
        connection = self._connect(parts, port)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Accept": "*/*", "Connection": "close"}
            if content_type:
                headers["Content-Type"] = content_type
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise NotFetched(f"the server answered {answer.status}")
            return self._read(answer, deadline)
        except (OSError, http.client.HTTPException, ValueError) as cause:
            raise NotFetched(f"not reached: {type(cause).__name__} {cause}".rstrip()) from cause
        finally:
            connection.close()

    def _connect(self, parts: SplitResult, port: int | None) -> http.client.HTTPConnection:
        assert parts.hostname is not None  # checked by the caller
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(parts.hostname, port, timeout=self._egress.seconds, context=context)
        return http.client.HTTPConnection(parts.hostname, port, timeout=self._egress.seconds)

    def _read(self, answer: http.client.HTTPResponse, deadline: float) -> bytes:
        """Read in pieces, so that a server that drips octets is left at the deadline."""
        pieces: list[bytes] = []
        size = 0
        while True:
            piece = answer.read1(1 << 16)
            if not piece:
                return b"".join(pieces)
            size += len(piece)
            if size > self._egress.most_bytes:
                raise NotFetched(f"the answer is larger than {self._egress.most_bytes} bytes")
            if time.monotonic() > deadline:
                raise NotFetched(f"not finished within {self._egress.seconds:g} seconds")
            pieces.append(piece)


def fetch_lists(certificates: Sequence[bytes], trust: TrustStore, fetcher: Fetcher) -> tuple[Fetched, ...]:
    """
    Fetch the revocation lists that `certificates` name, each address once, trying all of them.

    A published authority's own list (config/trust/published.toml) is fetched, too: its certificate names only the list
    of the authority above. A list is handed on only if an authority of `trust` signed it: what anybody else puts at the
    address is dropped.
    """
    authorities = parse_all((*trust.intermediates, *trust.anchors))
    urls = dict.fromkeys(url for one in parse_all(tuple(certificates)) for url in (*crl_places(one), *_published(one)))
    found = []
    for url in urls:
        try:
            der = _unarmoured(fetcher.get(url))
            crl = parse_crl(der)
            if not _signed_by_any(crl, authorities):
                raise NotFetched("the list was not signed by any authority of the trust folder")
            found.append(Fetched(url, der))
        except (NotFetched, CrlError) as cause:
            found.append(Fetched(url, problem=str(cause)))
    return tuple(found)


def _published(certificate: Certificate) -> tuple[str, ...]:
    known = known_anchor(fingerprint(certificate.der))
    return (known.crl,) if known is not None and known.crl else ()


def refresh_lists(trust: TrustStore, folder: Path, fetcher: Fetcher, more: Iterable[bytes] = ()) -> tuple[Fetched, ...]:
    """
    Fetch the lists named by the trusted authorities, and by the certificates `more`, into `folder`.

    The folder is one of the trust folders: verification itself stays off the network and reads what lies there. One
    file per address; a list older than the one that is there does not replace it. OSError of the disk is the caller's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = fetch_lists((*trust.intermediates, *trust.anchors, *more), trust, fetcher)
    for one in results:
        if one.der:
            target = folder / f"fetched-{fingerprint(one.url.encode())[:16]}.crl"
            if not _is_newer(target, one.der):
                write_durably(target, one.der)
    return results


def refresh_answer(certificate: bytes, issuer: bytes, folder: Path, fetcher: Fetcher) -> tuple[Fetched, ...]:
    """Ask the responders about `certificate` and keep the answer in `folder`, a trust folder; one file each."""
    results = ask_responders(certificate, issuer, fetcher)
    for one in results:
        if one.der:
            folder.mkdir(parents=True, exist_ok=True)
            write_durably(folder / f"fetched-{fingerprint(certificate)[:16]}.ocsp", one.der)
    return results


def ask_responders(certificate: bytes, issuer: bytes, fetcher: Fetcher) -> tuple[Fetched, ...]:
    """
    Ask the OCSP responders that `certificate` names about it (RFC 6960, appendix A.1), until one answers.

    The answer is only read, not believed: `revocation.status_of` judges who signed it and for when it speaks. There
    is no nonce, because responders that answer from stock ignore it; freshness is judged by the answer's own times.
    """
    parsed = parse_all((certificate, issuer))
    if len(parsed) != 2 or not same_name(parsed[0].issuer, parsed[1].subject):
        return ()
    body = _ocsp_request(*parsed)
    found: list[Fetched] = []
    for url in _responders(parsed[0]):
        try:
            der = fetcher.post(url, body, "application/ocsp-request")
            if not any(single.speaks_of(*parsed) for single in parse_ocsp(der).answers):
                raise NotFetched("the OCSP answer speaks of other certificates")
        except (NotFetched, OcspError) as cause:
            found.append(Fetched(url, problem=str(cause)))
        else:
            found.append(Fetched(url, der))
            break
    return tuple(found)


def _ocsp_request(certificate: Certificate, issuer: Certificate) -> bytes:
    identifier = asn1.tlv(
        asn1.SEQUENCE,
        asn1.tlv(asn1.SEQUENCE, asn1.encode_oid(_SHA1) + b"\x05\x00")
        + asn1.tlv(asn1.OCTET_STRING, algorithms.digest("sha1", issuer.subject))
        + asn1.tlv(asn1.OCTET_STRING, algorithms.digest("sha1", key_bits(issuer.spki)))
        + asn1.tlv(asn1.INTEGER, certificate.serial_octets),
    )
    requests = asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, identifier))
    return asn1.tlv(asn1.SEQUENCE, asn1.tlv(asn1.SEQUENCE, requests))


def _responders(certificate: Certificate) -> list[str]:
    extension = certificate.extensions.get(_ACCESS)
    if extension is None:
        return []
    found = []
    try:
        for entry in asn1.only(extension.value).expect(asn1.SEQUENCE).children():
            method, location = entry.parts(2, 2)
            if method.oid() == _OCSP and location.tag == 0x86:
                found.append(location.content.decode("ascii", "replace"))
    except asn1.Asn1Error:
        return found
    return found


def _unarmoured(data: bytes) -> bytes:
    blocks = pem.blocks(data) if data[:1] != b"\x30" else []
    return blocks[0][1] if blocks else data


def _signed_by_any(crl: RevocationList, authorities: Sequence[Certificate]) -> bool:
    return any(same_name(one.subject, crl.issuer) and crl_signed_by(crl, one.spki) for one in authorities)


def _is_newer(target: Path, der: bytes) -> bool:
    """Whether the list at `target` is newer than `der`; an attacker on the line could replay an old one."""
    try:
        return parse_crl(target.read_bytes()).this_update > parse_crl(der).this_update
    except (OSError, CrlError):
        return False
