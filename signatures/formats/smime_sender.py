"""Who a mail says it is from, held against who signed it and against the header that was signed."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

from signatures.certificates import CertificateError, email_addresses, parse
from signatures.mime import Entity, addresses, decoded_words, read_entity
from signatures.report import Reason, SignatureFinding

_MAIL_FIELDS = frozenset({"to", "cc", "subject", "date", "message-id", "received", "sender", "return-path", "reply-to"})


def against_sender(root: Entity, finding: SignatureFinding) -> tuple[list[Reason], bool]:
    """
    Hold the signer's addresses against the sender that a mail program shows; tell reasons, and whether they are doubts.

    From must be one field with one address, and that address the signer's. Sender, where there is one, and an
    address hidden in the display name must not name somebody else. Source: RFC 8550, 3.
    """
    # A name with other signs in it is none to us, and to programs that pass over such signs it is From.
    senders = [one.value for one in root.fields if _visible(one.name) == "from"]
    if not senders and not any(one.name in _MAIL_FIELDS for one in root.fields):
        # Not a mail but a signed part saved by itself: there is no sender to hold the signer against.
        return [], False
    named = addresses(senders)
    if any(one.cut for one in root.fields if _visible(one.name) in ("from", "sender")):
        return [Reason("SENDER_UNCLEAR", "a sender longer than is read")], True
    if len(senders) != 1 or len(named) != 1:
        return [Reason("SENDER_UNCLEAR", f"{len(senders)} From fields, {len(named)} addresses")], True
    if finding.signer is None:
        return [], False
    display, address = named[0]
    try:
        own = email_addresses(parse(finding.signer.certificate))
    except CertificateError:
        own = ()
    if not own:
        return [Reason("SIGNER_WITHOUT_ADDRESS", finding.signer.common_name)], False
    known = {_comparable(one) for one in own}
    others = [address for _, address in addresses(root.all("sender"))]
    # Letters that only look like "@" are made one, as a reader's eye does (Unicode NFKC: U+FF20, U+FE6B).
    others += re.findall(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+", unicodedata.normalize("NFKC", display))
    wrong = [one for one in (address, *others) if _comparable(one) not in known]
    if wrong:
        return [Reason("SIGNER_IS_NOT_SENDER", f"signed by {', '.join(own)}, sent as {', '.join(wrong)}")], True
    return [], False


_PROTECTED = ("from", "subject", "date")


def protected_fields(signed: bytes, root: Entity) -> list[Reason]:
    """
    Hold the header fields that were signed, where there are any, against those outside, which nobody signed.

    Fields are signed with the part itself, or in a mail wrapped around it (RFC 9788, 2; RFC 8551, 3.1). Some programs
    show the inner ones, some the outer ones; a list may put its name before a subject, and nothing else may differ.
    """
    inner = read_entity(signed)
    kind = inner.content_type
    if kind == "message/rfc822" and inner.parameters.get("forwarded", "").lower() != "no":
        # A mail forwarded as such has a sender of its own.
        return []
    if kind == "message/rfc822":
        inner = read_entity(inner.content())
    found = []
    for name in _PROTECTED:
        own, other = inner.all(name), root.all(name)
        if not own or not other:
            continue
        inside, outside = (" ".join(decoded_words(one).split()).casefold() for one in (own[0], other[0]))
        if name == "from":
            same = {_comparable(one) for _, one in addresses(own)} == {_comparable(one) for _, one in addresses(other)}
        else:
            same = inside == outside or (name == "subject" and outside.endswith(inside))
        if len(own) > 1 or not same:
            found.append(Reason("PROTECTED_HEADER_DIFFERS", name))
    return found


def _visible(name: str) -> str:
    return re.sub(r"[^!-~]", "", name)


def _comparable(address: str) -> str:
    local, _, host = address.strip().strip("<>").rpartition("@")
    with suppress(UnicodeError):
        host = host.encode("idna").decode("ascii")
    return f"{local}@{host}".casefold()
