"""Who says that he sent a mail that could not be examined: read from its first lines only, so that he can be told."""

from __future__ import annotations

import re

# Enough for the header of any honest mail; what hides its From behind more than this is not answered.
HEAD_BYTES = 64 * 1024

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_ADDRESS = re.compile(rb"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}")
_AUTOMATIC = re.compile(
    rb"auto-submitted:(?!\s*no\b)|precedence:\s*(bulk|list|junk)|list-(id|unsubscribe):|return-path:\s*<\s*>"
    rb"|x-auto-response-suppress:|content-type:\s*multipart/report",
    re.IGNORECASE,
)


def sender_of_unread(head: bytes) -> str:
    """
    Return the one From address in the first bytes of a mail, lower case; "" if there is none, or several.

    "" also for a mail that says it is automatic, so that no machine is answered (RFC 3834, section 2). The parsers of
    the examination are not asked: they may be what the mail was made against. Each line is searched once, and nothing
    here decides more than which registered mailbox hears that a mail lies on the shelf.
    """
    lines = _FOLD.sub(b" ", _END_OF_HEAD.split(head[:HEAD_BYTES], maxsplit=1)[0]).splitlines()
    senders = [line[5:] for line in lines if line[:5].lower() == b"from:"]
    if len(senders) != 1 or any(_AUTOMATIC.match(line) for line in lines):
        return ""
    in_brackets = [part.partition(b">")[0].strip() for part in senders[0].split(b"<")[1:]]
    named = in_brackets or _ADDRESS.findall(senders[0])
    if len(set(named)) != 1 or not _ADDRESS.fullmatch(named[0]):
        return ""
    return named[0].decode("ascii").lower()
