"""What is seen of one message while it is read: its running text, and what tells whether a machine sent it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from intake.steps.automatic import Observed
from intake.steps.mail import Entity, read_entity, with_line_ends
from intake.steps.mail_headers import Head
from storage.records import Why

# Bytes of a text part that are decoded for the running text.
MAX_TEXT_BYTES = 256 * 1024
# Heads of nested messages that are remembered for recognising bounces.
MAX_RETURNED_HEADS = 50
# A part that quotes the head of a returned message is small; larger ones are not searched.
MAX_QUOTING_BYTES = 64 * 1024

_QUOTED_HEAD = re.compile(rb"message[- ]?id[ \t]{0,9}:", re.IGNORECASE)


@dataclass(slots=True)
class Scope:
    """
    One message while it is being read: what its running text is, and what was seen of it.

    `running` maps each multipart/alternative around the running text to the branch it stands in; None before it was
    found. A text leaf in another branch of one of them is an alternative of the running text.
    """

    running: dict[int, int] | None = None
    plain: str = ""
    html: str = ""
    types: list[str] = field(default_factory=list)
    calendar_method: str = ""
    returned: list[Head] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)
    quoted: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    encrypted: bool = False
    signed: bool = False

    def observed(self, entity: Entity, text: str) -> Observed:
        """Return what the classification is told of this message, whose root is `entity`."""
        return Observed(
            entity.content_type,
            entity.type_parameters.parameters.get("report-type", "").lower(),
            tuple(self.types),
            self.calendar_method,
            tuple(self.returned),
            tuple(self.reports),
            text,
            tuple(self.names),
            tuple(self.quoted),
        )

    def returns(self, heads: Sequence[Head]) -> None:
        """Remember the heads of messages inside this one, as many as are of use."""
        self.returned.extend(heads[: MAX_RETURNED_HEADS - len(self.returned)])

    def see(self, entity: Entity, content: bytes) -> Why | None:
        """Remember what a decoded part tells of automatic mail; returns what it says of itself, if that is a flaw."""
        kind = entity.content_type
        if kind in ("message/partial", "message/external-body"):
            code = "MESSAGE_PARTIAL" if kind == "message/partial" else "EXTERNAL_BODY_NOT_FETCHED"
            return Why(code, entity.type_parameters.parameters.get("id", "")[:200])
        if kind == "text/rfc822-headers":
            shape = with_line_ends(content)
            self.returns((read_entity(shape, 0, len(shape)).head,))
        elif kind.startswith("message/"):
            self.reports.append(content[:MAX_TEXT_BYTES])
        elif kind == "text/calendar":
            method = entity.type_parameters.parameters.get("method", "").strip().lower()
            found = re.search(rb"^METHOD:\s*([A-Za-z-]{3,20})", content[:4_096], re.MULTILINE | re.IGNORECASE)
            written = found.group(1).decode("ascii").lower() if found is not None else ""
            self.calendar_method = self.calendar_method or method or written
        elif len(content) <= MAX_QUOTING_BYTES and _QUOTED_HEAD.search(content) is not None:
            # Some servers return the head of a message as a text of any type.
            self.quoted.append(content)
            del self.quoted[MAX_RETURNED_HEADS:]
        return None
