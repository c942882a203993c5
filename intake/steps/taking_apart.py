"""Go through a delivery container by container and part by part, until only files are left."""

from __future__ import annotations

import hashlib
import re

from intake.steps.allowance import MAX_DEPTH, Allowance
from intake.steps.archive import ARCHIVES, open_archive
from intake.steps.automatic import classify
from intake.steps.charsets import decode
from intake.steps.html_text import text_of_html
from intake.steps.leaves import Leaves
from intake.steps.mail import (
    NOT_ENCODED,
    TOO_MANY_DELIMITERS,
    Entity,
    decode_body,
    lost_multipart,
    messages_of,
    read_entity,
    split_multipart,
    unannounced_base64,
    with_line_ends,
)
from intake.steps.mail_facts import mail_facts
from intake.steps.mail_names import Label, label_of
from intake.steps.media_types import MAIL, TNEF, UNKNOWN, cms_content, is_document, looks_like_mail, media_type_of
from intake.steps.message_seen import MAX_TEXT_BYTES, Scope
from intake.steps.smime_content import content_of, is_entity
from intake.steps.text_files import embedded_files, without_embedded
from intake.steps.tnef import open_tnef
from intake.steps.unpacked import Unpacked
from storage.records import Why

# Multiparts and messages within one another, all together; each costs up to five frames of Python's thousand.
MAX_NESTING = 100
# The running text that is kept for recognising a campaign; the whole is in the mail itself.
MAX_TEXT_CHARACTERS = 200_000
# What editors of Windows write before a text in UTF-8.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global", "message/news", "message/rfc-822"})
_CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/cms"})
_PART_HEAD = re.compile(rb"^content-(?:type|disposition|transfer-encoding):", re.MULTILINE | re.IGNORECASE)


_Branches = tuple[tuple[int, int], ...]


class Worker:
    """One delivery being taken apart: the account of its costs, and the leaves found so far."""

    def __init__(self) -> None:
        self.allowance = Allowance()
        self.leaves = Leaves(self.allowance)
        self._alternatives = 0
        self._nesting = 0

    def whole_mail(self, data: bytes, name: str) -> Unpacked:
        """Read the outermost message with its facts."""
        scope = Scope()
        shape = with_line_ends(data)
        start = 3 if shape.startswith(BYTE_ORDER_MARK) else 0
        while start < len(shape) and shape[start] in b"\r\n":
            start += 1
        entity = read_entity(shape, start, len(shape))
        self._entity(data, shape, entity, scope, (), 0, "", ())
        text = scope.plain or text_of_html(scope.html)
        classified = classify(entity.head, scope.observed(entity, text))
        facts = mail_facts(entity.head, classified, signed=scope.signed, encrypted=scope.encrypted)
        if facts.automatic == "no":
            self.leaves.note_links(f"{text}\n{scope.html}")
        return Unpacked(
            "mail",
            name,
            hashlib.sha256(data).hexdigest(),
            len(data),
            self.leaves.all(),
            self.allowance.problems(),
            text[:MAX_TEXT_CHARACTERS],
            mail=facts,
        )

    def file(
        self,
        data: bytes,
        label: Label,
        declared: str,
        trail: tuple[str, ...],
        depth: int,
        place: str,
        *,
        outermost: bool = False,
        declared_counts: bool = True,
        scope: Scope | None = None,
    ) -> None:
        """
        Take one decoded file: open it if it is a container that may be opened, else keep it as a leaf.

        `depth` counts containers. `place` stands in the trail for a missing name. `scope` is the message whose part it
        is, for S/MIME content that belongs to that message. `declared_counts` False: the declared type is known to be
        no better than chance (edXML), so that nobody is told when it is wrong.
        """
        for why in label.problems:
            # A path in an archive is natural; only one that points elsewhere is worth a word, and `label` has cut it.
            self.allowance.keep(why)
        media_type = media_type_of(data, declared)
        inner = (*trail, label.name or place) if not outermost else trail
        if depth >= MAX_DEPTH or self._nesting >= MAX_NESTING:
            if media_type in ARCHIVES or media_type in (TNEF, MAIL) or declared in _MESSAGE_TYPES:
                self.allowance.note("LIMIT_DEPTH", " > ".join(inner[-3:]))
        elif self._opened_safely(data, label, declared, media_type, inner, depth, scope, outermost=outermost):
            return
        here = (*trail, label.name or place or "#1")
        self.leaves.keep(data, label, declared, media_type, here, declared_counts=declared_counts)

    def _opened_safely(
        self,
        data: bytes,
        label: Label,
        declared: str,
        media_type: str,
        inner: tuple[str, ...],
        depth: int,
        scope: Scope | None,
        *,
        outermost: bool,
    ) -> bool:
        """Open one container so that a fault of ours in it stops no other: the container then stays a leaf."""
        try:
            return self._opened(data, label, declared, media_type, inner, depth, scope, outermost=outermost)
        except MemoryError:
            raise
        except Exception as fault:
            self.allowance.note("UNPACK_FAILED", f"{' > '.join(inner[-3:])}: {type(fault).__name__}")
            return False

    def _opened(
        self,
        data: bytes,
        label: Label,
        declared: str,
        media_type: str,
        inner: tuple[str, ...],
        depth: int,
        scope: Scope | None,
        *,
        outermost: bool,
    ) -> bool:
        """Open the file if it is a container; True when it was opened wholly and is no leaf itself."""
        ending = (label.name or "").rpartition(".")[2].lower()
        if media_type in ARCHIVES:
            return self._archive(data, label, media_type, inner, depth)
        if media_type == TNEF:
            return self._tnef(data, label, inner, depth, scope)
        if cms_content(data) is not None or data[:11] == b"-----BEGIN ":
            named_so = declared in _CMS_TYPES or ending in ("p7m", "p7c", "p7z")
            return named_so and self._cms(data, inner, depth, scope)
        if outermost:
            return False
        if (media_type in ("text/plain", UNKNOWN) or declared.startswith("text/")) and b"begin" in data:
            # The text itself stays a file beside those that stand in it.
            self._embedded(data, scope, inner, depth + 1, "")
        wanted = declared in _MESSAGE_TYPES or ending in ("eml", "mime", "mail") or media_type == MAIL
        if wanted and data and _may_be_mail(data, declared in _MESSAGE_TYPES):
            shape = with_line_ends(data)
            messages = messages_of(shape)
            for number, (start, end) in enumerate(messages, start=1):
                place = (*inner, f"#{number}") if len(messages) > 1 else inner
                self._message(data, shape, start, end, place, depth + 1, scope)
            return True
        return False

    def _archive(self, data: bytes, label: Label, media_type: str, inner: tuple[str, ...], depth: int) -> bool:
        opened = open_archive(data, media_type, label.name or " > ".join(inner), self.allowance)
        for why in opened.problems:
            self.allowance.keep(why)
        for number, member in enumerate(opened.members, start=1):
            inside = label_of(member.path, guessed=member.path_guessed)
            kept = tuple(
                why for why in inside.problems if why.code != "NAME_PATH_REMOVED" or _points_elsewhere(member.path)
            )
            self.file(member.data, Label(inside.name, inside.readable, kept), "", inner, depth + 1, f"#{number}")
        return opened.whole

    def _tnef(self, data: bytes, label: Label, inner: tuple[str, ...], depth: int, scope: Scope | None) -> bool:
        opened = open_tnef(data)
        if opened is None:
            return False
        if not opened.whole:
            self.allowance.note("TNEF_DAMAGED", label.name or "winmail.dat")
        if scope is not None and not scope.plain and not scope.html:
            # A mail that is nothing but winmail.dat says there what it wants.
            scope.plain = (opened.text or "")[:MAX_TEXT_CHARACTERS]
            scope.html = "" if opened.text or not opened.html else decode(opened.html[:MAX_TEXT_BYTES], None).text
        for number, one in enumerate(opened.files, start=1):
            self.file(one.data, label_of(one.name), one.declared_type, inner, depth + 1, f"#{number}")
        if opened.rtf:
            # Rich text is neither text/plain nor text/html: it is a leaf, as it would be in a mail.
            self.leaves.keep(opened.rtf, Label("body.rtf"), "text/rtf", "application/rtf", (*inner, "body.rtf"))
        return True

    def _cms(self, data: bytes, inner: tuple[str, ...], depth: int, scope: Scope | None) -> bool:
        """Open signed or compressed S/MIME content (RFC 8551 3.5.2, RFC 3274); encrypted content is a finding."""
        content = content_of(data, self.allowance)
        if isinstance(content, Why):
            self.allowance.keep(content)
            if scope is not None and content.code == "MAIL_ENCRYPTED":
                scope.encrypted = True
            return False
        if content is None or not is_entity(content):
            return False
        shape = with_line_ends(content)
        own = scope if scope is not None and scope.running is None else Scope()
        own.signed = True
        entity = read_entity(shape, 0, len(shape))
        self._entity(content, shape, entity, own, inner, depth + 1, "", ())
        return True

    def _message(
        self,
        data: bytes,
        shape: bytes,
        start: int,
        end: int,
        inner: tuple[str, ...],
        depth: int,
        around: Scope | None,
    ) -> None:
        """Read a message inside another; it has its own running text."""
        while start < end and shape[start] in b"\r\n":
            start += 1
        scope = Scope()
        entity = read_entity(shape, start, end)
        if around is not None:
            around.returns((entity.head,))
        self._entity(data, shape, entity, scope, inner, depth, "", ())
        if around is not None:
            around.returns(scope.returned)

    def _entity(
        self,
        data: bytes,
        shape: bytes,
        entity: Entity,
        scope: Scope,
        trail: tuple[str, ...],
        depth: int,
        section: str,
        branches: _Branches,
    ) -> None:
        """Take one MIME entity, and count it, so that neither their number nor their nesting grows without end."""
        if not self.allowance.part():
            return
        if entity.head.cut:
            self.allowance.note("MAIL_HEAD_TOO_LONG", " > ".join((*trail, f"#{section or '1'}")))
        for name in entity.repeated:
            self.allowance.note("MIME_BROKEN", f"#{section or '1'}: {name} stands there twice")
        self._nesting += 1
        try:
            self._take(data, shape, entity, scope, trail, depth, section, branches)
        finally:
            self._nesting -= 1

    def _take(
        self,
        data: bytes,
        shape: bytes,
        entity: Entity,
        scope: Scope,
        trail: tuple[str, ...],
        depth: int,
        section: str,
        branches: _Branches,
    ) -> None:
        """
        Take one MIME entity by its kind.

        1. A multipart: each part in turn.
        2. A message: by its range, or decoded first where someone encoded it.
        3. Running text: kept for recognising, and searched for files written into it.
        4. Anything else: decoded, and opened or kept.
        """
        kind = entity.content_type
        if entity.declared_type in ("", "text/plain") and scope.running is None and not section:
            lost = lost_multipart(shape, entity)
            if lost is not None:
                self.allowance.note("MIME_BROKEN", "the Content-Type of the whole is lost")
                entity, kind = lost, lost.content_type
        scope.types.append(kind)
        too_deep = depth >= MAX_DEPTH or self._nesting >= MAX_NESTING
        if too_deep and (kind.startswith("multipart/") or kind in _MESSAGE_TYPES):
            self.allowance.note("LIMIT_DEPTH", " > ".join(trail[-3:]))
        # 1.
        is_multipart = kind.startswith("multipart/") and not too_deep
        if is_multipart and self._multipart(data, shape, entity, scope, trail, depth, section, branches):
            return
        place = f"#{section or '1'}"
        label = label_of(entity.written_name, guessed=entity.name_was_guessed)
        if label.name:
            scope.names.append(label.name)
        # 2.
        in_place = entity.encoding not in ("base64", "quoted-printable")
        # The look-ahead is no variable: it would live as long as everything nested below.
        if (
            kind in _MESSAGE_TYPES
            and in_place
            and not too_deep
            and _may_be_mail(data[entity.body : min(entity.end, entity.body + 65_536)], declared_so=True)
        ):
            for why in label.problems:
                self.allowance.keep(why)
            inner = (*trail, label.name or place)
            self._message(data, shape, entity.body, entity.end, inner, depth + 1, scope)
            return
        # 3.
        before = scope.running
        if kind.startswith("text/") and label.name is None and self._is_running(kind, scope, branches):
            if self._running_text(data, entity, scope, trail, section):
                return
            scope.running = before
        # 4.
        content, flaw = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
        if flaw is not None:
            self.allowance.note("MIME_ENCODING", f"{label.name or place}: {flaw}")
        plain = unannounced_base64(content) if entity.encoding in NOT_ENCODED else None
        if plain is not None and is_document(plain):
            self.allowance.note("MIME_ENCODING", f"{label.name or place}: base64 that was not announced")
            content = plain
        flaw_told = scope.see(entity, content)
        if flaw_told is not None:
            self.allowance.keep(flaw_told)
        self.file(content, label, entity.declared_type, trail, depth, place, scope=scope)

    def _multipart(
        self,
        data: bytes,
        shape: bytes,
        entity: Entity,
        scope: Scope,
        trail: tuple[str, ...],
        depth: int,
        section: str,
        branches: _Branches,
    ) -> bool:
        """Take the parts of a multipart; False when none could be found, so that its body must be kept as it is."""
        kind = entity.content_type
        split = split_multipart(shape, entity.body, entity.end, entity.type_parameters.parameters.get("boundary"))
        if not split.ranges and entity.encoding in ("base64", "quoted-printable"):
            # Forbidden (RFC 2045 6.4) and done: the whole multipart was encoded.
            content, _ = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
            data, shape = content, with_line_ends(content)
            split = split_multipart(shape, 0, len(shape), entity.type_parameters.parameters.get("boundary"))
        if not split.ranges:
            return self._undivided(data, shape, entity, scope, split.flaws)
        for flaw in split.flaws:
            code = "LIMIT_PARTS" if flaw == TOO_MANY_DELIMITERS else "MIME_BROKEN"
            self.allowance.note(code, f"{kind}: {flaw}")
        if kind == "multipart/signed":
            scope.signed = True
        elif kind == "multipart/encrypted":
            scope.encrypted = True
            self.allowance.note("MAIL_ENCRYPTED", "PGP/MIME")
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        if kind == "multipart/alternative":
            self._alternatives += 1
        alternative = self._alternatives
        for number, (start, end) in enumerate(split.ranges, start=1):
            if start == end:
                # Two delimiters with nothing between them, not even the line end of an empty part.
                continue
            part = read_entity(shape, start, end, default)
            around = (*branches, (alternative, number)) if kind == "multipart/alternative" else branches
            here = f"{section}.{number}" if section else str(number)
            self._entity(data, shape, part, scope, trail, depth, here, around)
        return True

    def _undivided(self, data: bytes, shape: bytes, entity: Entity, scope: Scope, flaws: tuple[str, ...]) -> bool:
        """Take a multipart without any delimiter as running text, unless heads of parts stand in it."""
        body = shape[entity.body : entity.end]
        if not body.strip():
            return True
        self.allowance.note("MIME_BROKEN", f"{entity.content_type}: {', '.join(flaws) or 'no part'}")
        if scope.running is not None or _PART_HEAD.search(body) is not None:
            return False
        scope.running = {}
        content, _ = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
        scope.plain = decode(content[:MAX_TEXT_BYTES], None).text
        return True

    def _is_running(self, kind: str, scope: Scope, branches: _Branches) -> bool:
        """Tell whether an unnamed text leaf is running text or an alternative of it (contract section 4)."""
        if scope.running is None:
            if kind not in ("text/plain", "text/html"):
                return False
            scope.running = dict(branches)
            return True
        if kind in ("text/calendar", "text/rfc822-headers", "text/vcard"):
            return False
        return any(scope.running.get(one, branch) != branch for one, branch in branches)

    def _running_text(self, data: bytes, entity: Entity, scope: Scope, trail: tuple[str, ...], section: str) -> bool:
        """Keep running text, and take the files written into it; False for a document that only claims to be text."""
        content, flaw = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
        if flaw is not None:
            self.allowance.note("MIME_ENCODING", f"text: {flaw}")
        if is_document(content):
            return False
        is_html = entity.content_type == "text/html"
        if not is_html and b"begin" in content:
            self._embedded(content, scope, trail, len(trail), section or "1")
            content = without_embedded(content)
        text = decode(content[:MAX_TEXT_BYTES], entity.type_parameters.parameters.get("charset")).text
        if is_html and not scope.html:
            scope.html = text
        elif not is_html and not scope.plain:
            scope.plain = text
        return True

    def _embedded(self, text: bytes, scope: Scope | None, trail: tuple[str, ...], depth: int, section: str) -> None:
        """Take the files that stand in a text by uuencode or yEnc."""
        for number, one in enumerate(embedded_files(text), start=1):
            if not self.allowance.part():
                break
            name = label_of(decode(one.name, None).text)
            if not one.complete:
                self.allowance.note("MIME_ENCODING", f"{name.name or ''}: the encoded text has no end")
            self.file(one.data, name, "", trail, depth, f"#{section}u{number}", scope=scope)


def _points_elsewhere(path: str) -> bool:
    """Tell whether an archive member's path is more than a folder inside the archive."""
    return path.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", path) or re.match(r"[A-Za-z]:", path) is not None


def _may_be_mail(data: bytes, declared_so: bool) -> bool:
    """Tell whether the bytes can be a message: they look like one, or were declared one and begin with a field."""
    if looks_like_mail(data):
        return True
    front = data[:4_096].lstrip(b"\r\n")
    if front.lstrip(b">").startswith(b"From "):
        front = re.split(rb"\r?\n|\r", front, maxsplit=1)[-1]
    return declared_so and re.match(rb"[!-9;-~]{1,80}[ \t]*:", front) is not None
