"""Look at what speaks for or against the sender of a mail; advice for a clerk, never a reason to accept or refuse."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import authres
import dkim

from intake.steps.mail_facts import one_line
from intake.steps.unpacked import MailFacts

Outcome = Literal["pass", "fail", "neutral", "temperror", "permerror", "none"]

# DKIM signatures verified on one mail: each costs a key look-up and a hash of the whole body (RFC 6376 8.4 warns).
MAX_SIGNATURES = 5
# Characters of an Authentication-Results value that are read.
MAX_RESULTS_CHARACTERS = 8_000
# RSA keys below are no evidence (RFC 8301 3.2).
MIN_KEY_BITS = 1_024

_OUTCOMES: dict[str, Outcome] = {
    "pass": "pass",
    "fail": "fail",
    "hardfail": "fail",
    "softfail": "neutral",
    "policy": "neutral",
    "neutral": "neutral",
    "temperror": "temperror",
    "permerror": "permerror",
    "none": "none",
}

# Takes a DNS name, returns its TXT records (each joined to one string); raises anything when the DNS gave no answer.
Resolve = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One DKIM signature (RFC 6376): whose it claims to be, and whether it holds. `detail` is for the page."""

    domain: str
    selector: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServerAdvice:
    """
    What the office's own mail server found when it took the mail in (RFC 8601); `none` where it says nothing.

    `server` is its authserv-id; empty when no field of its own was found, and then everything is `none`.
    `signed_by` names the domains whose DKIM signatures passed; `is_aligned` False: none of them is the sender's own,
    so that the pass says only that somebody can sign (RFC 7489, 3.1.1).
    """

    server: str
    dkim: Outcome = "none"
    spf: Outcome = "none"
    dmarc: Outcome = "none"
    signed_by: tuple[str, ...] = ()
    is_aligned: bool = True

    @property
    def told(self) -> str:
        """Return the three results in words, with the domains that a passing DKIM signature is of."""
        domains = f" ({', '.join(self.signed_by)})" if self.signed_by else ""
        return f"dkim={self.dkim}{domains} spf={self.spf} dmarc={self.dmarc}"

    @property
    def is_bad(self) -> bool:
        """
        Whether the sender's domain does not stand behind this mail, by our own server's word.

        DMARC decides where it speaks (RFC 7489, 6.6.2). A failed SPF alone says nothing where the sender's own DKIM
        signature passed: every forwarder breaks it.
        """
        if self.dmarc in ("pass", "fail"):
            return self.dmarc == "fail"
        return self.dkim == "fail" or (self.spf == "fail" and not (self.dkim == "pass" and self.is_aligned))


class _Unanswered(Exception):
    """The DNS could not be asked now."""


def dkim_results(raw: bytes, resolve: Resolve) -> tuple[DkimResult, ...]:
    """
    Verify the DKIM signatures of a message, top first, at most MAX_SIGNATURES; `resolve` gives the keys.

    A key that cannot be asked for is `temperror`, a signature that cannot be read `permerror`. Nothing raises: a mail
    may be as broken as it likes, and DKIM decides nothing.
    """
    silent = logging.getLogger("dkim.silent")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False

    def txt(name: bytes, timeout: int = 5) -> bytes:
        del timeout
        try:
            records = list(resolve(name.decode("ascii", "replace").rstrip(".")))
        except Exception as cause:  # whatever the resolver of the edge raises means: no answer
            raise _Unanswered(type(cause).__name__) from cause
        return next((one.encode("utf-8") for one in records if "p=" in one), b"")

    try:
        machine = dkim.DKIM(raw, logger=silent, minkey=MIN_KEY_BITS)
        signatures = [value for name, value in machine.headers if name.lower() == b"dkim-signature"]
    except Exception:  # dkimpy raises its own kinds and plain ones; a message it cannot split has no evidence
        return ()
    found: list[DkimResult] = []
    for number, value in enumerate(signatures[:MAX_SIGNATURES]):
        tags = _tags(value)
        domain, selector = tags.get("d", ""), tags.get("s", "")
        try:
            holds = dkim.DKIM(raw, logger=silent, minkey=MIN_KEY_BITS).verify(number, dnsfunc=txt)
            if holds and "l" in tags:
                # RFC 6376 8.2: anything may have been added behind the length that it covers.
                found.append(DkimResult(domain, selector, "neutral", "covers only the beginning of the body"))
            else:
                found.append(DkimResult(domain, selector, "pass" if holds else "fail"))
        except _Unanswered as cause:
            found.append(DkimResult(domain, selector, "temperror", str(cause)))
        except dkim.DKIMException as cause:
            text = one_line(str(cause))[:200]
            # The library returns False for a wrong signature and raises for a changed body; both are failures.
            found.append(DkimResult(domain, selector, "fail" if "body hash mismatch" in text else "permerror", text))
        except Exception as cause:  # see above; this signature is unreadable, the next may hold
            found.append(DkimResult(domain, selector, "permerror", type(cause).__name__))
    return tuple(found)


def authentication_results(facts: MailFacts, authserv_id: str) -> ServerAdvice:
    """
    Read what the office's own server wrote: the topmost Authentication-Results field, and only if it names that server.

    A sender can write such fields himself, even in our server's name; a server adds its own above all others and
    removes forged ones (RFC 8601 section 5), so a field further down is never read. Without a configured
    `authserv_id` nothing is believed.
    """
    wanted = authserv_id.strip().lower()
    if not wanted or not facts.authentication_results:
        return ServerAdvice("")
    top = facts.authentication_results[0]
    if top.authserv_id != wanted:
        return ServerAdvice("")
    try:
        text = f"Authentication-Results: {top.raw[:MAX_RESULTS_CHARACTERS]}"
        results = list(authres.AuthenticationResultsHeader.parse(text).results)
    except Exception:  # the parser raises its own kinds and plain ones; unreadable advice is no advice
        return ServerAdvice(wanted)

    def outcome(method: str) -> Outcome:
        said = [_OUTCOMES.get(str(one.result).lower(), "none") for one in results if one.method == method]
        return "pass" if "pass" in said else said[0] if said else "none"

    signed_by = tuple(dict.fromkeys(_signing_domain(one) for one in results if _is_dkim_pass(one)))[:MAX_SIGNATURES]
    senders = [one.address.rpartition("@")[2] for one in facts.from_addresses]
    aligned = not all(signed_by) or any(_same_owner(one, sender) for one in signed_by for sender in senders)
    return ServerAdvice(
        wanted,
        outcome("dkim"),
        outcome("spf"),
        outcome("dmarc"),
        tuple(one for one in signed_by if one),
        is_aligned=aligned or not signed_by,
    )


def _is_dkim_pass(one: Any) -> bool:
    return bool(one.method == "dkim" and str(one.result).lower() == "pass")


def _signing_domain(one: Any) -> str:
    """Return the domain of a DKIM result (header.d, else that of header.i; RFC 8601 2.7.1), "" if it names none."""
    said = {f"{piece.type}.{piece.name}".lower(): str(piece.value or "") for piece in one.properties}
    return one_line((said.get("header.d") or said.get("header.i", "").rpartition("@")[2]).lower())[:255]


def _same_owner(domain: str, sender: str) -> bool:
    """Tell whether two domains are one, or one below the other (relaxed alignment without a list of suffixes)."""
    return domain == sender or sender.endswith(f".{domain}") or domain.endswith(f".{sender}")


def _tags(value: bytes) -> dict[str, str]:
    """Return the tags of a DKIM-Signature for naming it; the first of equal ones (RFC 6376 3.2)."""
    tags: dict[str, str] = {}
    for piece in value[:16_384].split(b";"):
        name, _, content = piece.partition(b"=")
        tags.setdefault(
            name.strip().decode("ascii", "replace"), one_line(content.strip().decode("ascii", "replace"))[:255]
        )
    return tags
