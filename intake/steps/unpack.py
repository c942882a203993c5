"""Take a thing that arrived apart, down to its last file, by what its bytes are and within limits; nothing raises."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path

from asn1crypto import cms, pem

from intake.steps.allowance import MAX_DEPTH, Allowance, LimitReached
from intake.steps.archive import ARCHIVES, open_archive
from intake.steps.automatic import Observed, classify
from intake.steps.bundle import MAX_FILES, is_bundle, read_bundle, unpack_files
from intake.steps.charsets import decode
from intake.steps.edxml import looks_like_edxml, read_edxml
from intake.steps.mail import (
    TOO_MANY_DELIMITERS,
    Entity,
    decode_body,
    embedded_files,
    read_entity,
    split_multipart,
    with_line_ends,
    without_embedded,
)
from intake.steps.mail_facts import mail_facts
from intake.steps.mail_headers import Head
from intake.steps.mail_names import Label, label_of
from intake.steps.media_types import (
    MAIL,
    OLE_ENCRYPTED,
    PDF,
    TNEF,
    UNKNOWN,
    cms_content,
    is_encrypted_pdf,
    looks_like_mail,
    media_type_of,
    mismatch,
)
from intake.steps.tnef import open_tnef
from intake.steps.unpacked import Kind, Leaf, Unpacked
from storage.records import Why

# Multiparts and containers within one another, all together; each costs three frames of Python's thousand.
MAX_NESTING = 120
# The running text that is kept for recognising a campaign; the whole is in the mail itself.
MAX_TEXT_CHARACTERS = 200_000
# Bytes of a text part that are decoded for it.
MAX_TEXT_BYTES = 256 * 1024
# Heads of nested messages that are remembered for recognising bounces.
MAX_RETURNED_HEADS = 50
# Bytes of a folder that are read at once; the largest delivery that is taken in is far smaller.
MAX_FOLDER_BYTES = 512 * 1024 * 1024

_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global", "message/news", "message/rfc-822"})
_CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/cms"})
_PART_HEAD = re.compile(rb"^content-(?:type|disposition|transfer-encoding):", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(r"https?://([a-z0-9.-]{3,200})(/[^\s\"'<>]{0,1000})?", re.IGNORECASE)
_FILE_HOSTS = re.compile(
    r"(^|\.)(drive\.google\.com|docs\.google\.com|dropbox\.com|db\.tt|1drv\.ms|onedrive\.live\.com|sharepoint\.com|"
    r"wetransfer\.com|we\.tl|mediafire\.com|fshare\.vn|mega\.nz|mega\.co\.nz|box\.com|icloud\.com|sendspace\.com|"
    r"zippyshare\.com|4shared\.com|fromsmash\.com|transfernow\.net|swisstransfer\.com|files\.fm|gofile\.io|"
    r"drive\.[a-z0-9-]+\.(gov\.vn|vn|com)|cloud\.[a-z0-9-]+\.(gov\.vn|vn|com)|share\.[a-z0-9-]+\.(gov\.vn|vn))$",
    re.IGNORECASE,
)
_FILE_PATH = re.compile(r"\.(pdf|docx?|xlsx?|pptx?|zip|rar|7z|odt|ods|p7s|edxml)(\?|#|$)", re.IGNORECASE)
_NEW_LINE_TAGS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote"})
_SKIPPED = {one: re.compile(f"</{one}", re.IGNORECASE) for one in ("script", "style")}
_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]{0,20})")


def unpack(data: bytes, name: str) -> Unpacked:
    """
    Take `data` apart: what it is is told by its bytes, `name` (its label where it lay) only helps with a bare mail.

    Every leaf that is not running text is listed by contract section 4; every flaw becomes a problem with a code from
    `config/reasons/`. Costs are bounded by the constants in `allowance.py`; nothing raises but MemoryError. What cannot
    be recognised is a document, whose only leaf is itself.
    """
    worker = _Worker()
    label = label_of(name)
    kind: Kind = "document"
    media_type = media_type_of(data)
    if is_bundle(data):
        return read_bundle(data, label.name or "", _open_leaves)
    if looks_like_edxml(data):
        return read_edxml(data, label.name or "", _open_leaves)
    ending = name.rpartition(".")[2].lower()
    if media_type in ("text/plain", MAIL, "text/html", UNKNOWN, "application/xml") and (
        looks_like_mail(data) or (ending in ("eml", "mail", "mbox", "mime", "msg") and media_type != "application/xml")
    ):
        return worker.whole_mail(data, label.name or "")
    if media_type == TNEF:
        kind = "tnef"
    elif media_type in ARCHIVES:
        kind = "archive"
    worker.file(data, label, "", (), 0, "", outermost=True)
    return Unpacked(
        kind,
        label.name or "",
        hashlib.sha256(data).hexdigest(),
        len(data),
        tuple(worker.leaves),
        worker.allowance.problems(),
    )


def unpack_bundle(files: Mapping[str, bytes], name: str) -> Unpacked:
    """Take the files of a folder (relative name to bytes) apart as one bundle; nothing raises."""
    return unpack_files(files, label_of(name).name or "", _open_leaves)


def unpack_folder(path: Path) -> Unpacked:
    """
    Read a folder from disk and take it apart as one bundle.

    Links, hidden and special files are passed over; more than MAX_FOLDER_BYTES or MAX_FILES in all is left out and
    reported. Raises OSError when the folder itself cannot be listed or a file of it cannot be read.
    """
    files: dict[str, bytes] = {}
    total = 0
    left_out: list[Why] = []
    for one in sorted(path.rglob("*")):
        relative = one.relative_to(path)
        if one.is_symlink() or not one.is_file() or any(piece.startswith(".") for piece in relative.parts):
            continue
        size = one.stat().st_size
        if len(files) >= MAX_FILES or total + size > MAX_FOLDER_BYTES:
            left_out.append(Why("LIMIT_BYTES", f"left out: {relative}"))
            continue
        total += size
        files[relative.as_posix()] = one.read_bytes()
    unpacked = unpack_bundle(files, path.name)
    return replace(unpacked, problems=(*unpacked.problems, *left_out[:20]))


def _open_leaves(files: list[tuple[str | None, str, bytes]]) -> tuple[tuple[Leaf, ...], tuple[Why, ...]]:
    """Open files of a package or bundle, given as (name, declared type, bytes); one account for all of them."""
    worker = _Worker()
    for number, (name, declared, data) in enumerate(files, start=1):
        worker.file(data, label_of(name), declared, (), 1, f"#{number}")
    return tuple(worker.leaves), worker.allowance.problems()


@dataclass(slots=True)
class _Scope:
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
    names: list[str] = field(default_factory=list)
    encrypted: bool = False
    signed: bool = False


_Branches = tuple[tuple[int, int], ...]


class _Worker:
    """One delivery being taken apart: the account of its costs, and the leaves found so far."""

    def __init__(self) -> None:
        self.allowance = Allowance()
        self.leaves: list[Leaf] = []
        self._alternatives = 0

    def whole_mail(self, data: bytes, name: str) -> Unpacked:
        """Read the outermost message with its facts."""
        scope = _Scope()
        shape = with_line_ends(data)
        start = 0
        while start < len(shape) and shape[start] in b"\r\n":
            start += 1
        entity = read_entity(shape, start, len(shape))
        if entity.head.cut:
            self.allowance.note("MAIL_HEAD_TOO_LONG", f"{entity.body - start} bytes")
        self._entity(data, shape, entity, scope, (), 0, 0, "", ())
        text = scope.plain or text_of_html(scope.html)
        observed = Observed(
            entity.content_type,
            entity.type_parameters.parameters.get("report-type", "").lower(),
            tuple(scope.types),
            scope.calendar_method,
            tuple(scope.returned),
            tuple(scope.reports),
            text,
            tuple(scope.names),
        )
        facts = mail_facts(entity.head, classify(entity.head, observed), signed=scope.signed, encrypted=scope.encrypted)
        if facts.automatic == "no":
            self._note_links(f"{text}\n{scope.html}")
        return Unpacked(
            "mail",
            name,
            hashlib.sha256(data).hexdigest(),
            len(data),
            tuple(self.leaves),
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
        scope: _Scope | None = None,
    ) -> None:
        """
        Take one decoded file: open it if it is a container that may be opened, else keep it as a leaf.

        `depth` counts containers. `place` stands in the trail for a missing name. `scope` is the message whose part it
        is, for S/MIME content that belongs to that message.
        """
        for why in label.problems:
            # A path in an archive is natural; only one that points elsewhere is worth a word, and `label` has cut it.
            self.allowance.keep(why)
        media_type = media_type_of(data, declared)
        inner = (*trail, label.name or place) if not outermost else trail
        if depth >= MAX_DEPTH:
            if media_type in ARCHIVES or media_type in (TNEF, MAIL) or declared in _MESSAGE_TYPES:
                self.allowance.note("LIMIT_DEPTH", " > ".join(inner[-3:]))
        elif self._opened(data, label, declared, media_type, inner, depth, scope, outermost=outermost):
            return
        self._leaf(data, label, declared, media_type, (*trail, label.name or place or "#1"))

    def _opened(
        self,
        data: bytes,
        label: Label,
        declared: str,
        media_type: str,
        inner: tuple[str, ...],
        depth: int,
        scope: _Scope | None,
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
        wanted = declared in _MESSAGE_TYPES or ending in ("eml", "mime", "mail") or media_type == MAIL
        if wanted and data and _may_be_mail(data, declared in _MESSAGE_TYPES):
            shape = with_line_ends(data)
            self._message(data, shape, 0, len(shape), inner, depth + 1, 0, scope)
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

    def _tnef(self, data: bytes, label: Label, inner: tuple[str, ...], depth: int, scope: _Scope | None) -> bool:
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
            self._leaf(opened.rtf, Label("body.rtf"), "text/rtf", "application/rtf", (*inner, "body.rtf"))
        return True

    def _cms(self, data: bytes, inner: tuple[str, ...], depth: int, scope: _Scope | None) -> bool:
        """Open signed or compressed S/MIME content (RFC 8551 3.5.2, RFC 3274); encrypted content is a finding."""
        content = _cms_inside(data, self.allowance)
        if isinstance(content, Why):
            self.allowance.keep(content)
            if scope is not None and content.code == "MAIL_ENCRYPTED":
                scope.encrypted = True
            return False
        if content is None or not _is_entity(content):
            return False
        shape = with_line_ends(content)
        own = scope if scope is not None and scope.running is None else _Scope()
        own.signed = True
        entity = read_entity(shape, 0, len(shape))
        self._entity(content, shape, entity, own, inner, depth + 1, 0, "", ())
        return True

    def _message(
        self,
        data: bytes,
        shape: bytes,
        start: int,
        end: int,
        inner: tuple[str, ...],
        depth: int,
        nesting: int,
        around: _Scope | None,
    ) -> None:
        """Read a message inside another; it has its own running text."""
        while start < end and shape[start] in b"\r\n":
            start += 1
        scope = _Scope()
        entity = read_entity(shape, start, end)
        if around is not None and len(around.returned) < MAX_RETURNED_HEADS:
            around.returned.append(entity.head)
        self._entity(data, shape, entity, scope, inner, depth, nesting + 1, "", ())
        if around is not None:
            around.returned.extend(scope.returned[: MAX_RETURNED_HEADS - len(around.returned)])

    def _entity(
        self,
        data: bytes,
        shape: bytes,
        entity: Entity,
        scope: _Scope,
        trail: tuple[str, ...],
        depth: int,
        nesting: int,
        section: str,
        branches: _Branches,
    ) -> None:
        """
        Take one MIME entity.

        1. A multipart: each part in turn.
        2. A message: by its range, or decoded first where someone encoded it.
        3. Running text: kept for recognising, and searched for files written into it.
        4. Anything else: decoded, and opened or kept.
        """
        if not self.allowance.part():
            return
        kind = entity.content_type
        scope.types.append(kind)
        # 1.
        is_multipart = kind.startswith("multipart/") and nesting < MAX_NESTING
        if is_multipart and self._multipart(data, shape, entity, scope, trail, depth, nesting, section, branches):
            return
        place = f"#{section or '1'}"
        label = label_of(entity.written_name, guessed=entity.name_was_guessed)
        if label.name:
            scope.names.append(label.name)
        # 2.
        in_place = entity.encoding not in ("base64", "quoted-printable")
        if kind in _MESSAGE_TYPES and in_place and entity.body < entity.end:
            if (
                depth < MAX_DEPTH
                and nesting < MAX_NESTING
                and _may_be_mail(data[entity.body : min(entity.end, entity.body + 65_536)], declared_so=True)
            ):
                for why in label.problems:
                    self.allowance.keep(why)
                inner = (*trail, label.name or place)
                self._message(data, shape, entity.body, entity.end, inner, depth + 1, nesting, scope)
                return
            if depth >= MAX_DEPTH or nesting >= MAX_NESTING:
                self.allowance.note("LIMIT_DEPTH", " > ".join(trail[-3:]))
        # 3.
        if kind.startswith("text/") and label.name is None and self._is_running(kind, scope, branches):
            self._running_text(data, entity, scope, trail, section)
            return
        # 4.
        content, flaw = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
        if flaw is not None:
            self.allowance.note("MIME_ENCODING", f"{label.name or place}: {flaw}")
        self._observe(entity, kind, content, scope)
        self.file(content, label, entity.declared_type, trail, depth, place, scope=scope)

    def _multipart(
        self,
        data: bytes,
        shape: bytes,
        entity: Entity,
        scope: _Scope,
        trail: tuple[str, ...],
        depth: int,
        nesting: int,
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
            self._entity(data, shape, part, scope, trail, depth, nesting + 1, here, around)
        return True

    def _undivided(self, data: bytes, shape: bytes, entity: Entity, scope: _Scope, flaws: tuple[str, ...]) -> bool:
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

    def _is_running(self, kind: str, scope: _Scope, branches: _Branches) -> bool:
        """Tell whether an unnamed text leaf is running text or an alternative of it (contract section 4)."""
        if scope.running is None:
            if kind not in ("text/plain", "text/html"):
                return False
            scope.running = dict(branches)
            return True
        if kind in ("text/calendar", "text/rfc822-headers", "text/vcard"):
            return False
        return any(scope.running.get(one, branch) != branch for one, branch in branches)

    def _running_text(self, data: bytes, entity: Entity, scope: _Scope, trail: tuple[str, ...], section: str) -> None:
        content, flaw = decode_body(memoryview(data)[entity.body : entity.end], entity.encoding)
        if flaw is not None:
            self.allowance.note("MIME_ENCODING", f"text: {flaw}")
        is_html = entity.content_type == "text/html"
        if not is_html and b"begin" in content:
            for number, one in enumerate(embedded_files(content), start=1):
                if not self.allowance.part():
                    break
                name = label_of(decode(one.name, None).text)
                if not one.complete:
                    self.allowance.note("MIME_ENCODING", f"{name.name or ''}: the uuencoded text has no end")
                self.file(one.data, name, "", trail, len(trail), f"#{section or '1'}u{number}", scope=scope)
            content = without_embedded(content)
        text = decode(content[:MAX_TEXT_BYTES], entity.type_parameters.parameters.get("charset")).text
        if is_html and not scope.html:
            scope.html = text
        elif not is_html and not scope.plain:
            scope.plain = text

    def _observe(self, entity: Entity, kind: str, content: bytes, scope: _Scope) -> None:
        """Remember what tells automatic mail, and report what a part says of itself."""
        if kind in ("message/partial", "message/external-body"):
            code = "MESSAGE_PARTIAL" if kind == "message/partial" else "EXTERNAL_BODY_NOT_FETCHED"
            self.allowance.note(code, entity.type_parameters.parameters.get("id", "")[:200])
        elif kind == "text/rfc822-headers":
            shape = with_line_ends(content)
            if len(scope.returned) < MAX_RETURNED_HEADS:
                scope.returned.append(read_entity(shape, 0, len(shape)).head)
        elif kind.startswith("message/"):
            scope.reports.append(content[:MAX_TEXT_BYTES])
        elif kind == "text/calendar":
            method = entity.type_parameters.parameters.get("method", "").strip().lower()
            found = re.search(rb"^METHOD:\s*([A-Za-z-]{3,20})", content[:4_096], re.MULTILINE | re.IGNORECASE)
            scope.calendar_method = (
                scope.calendar_method or method or (found.group(1).decode("ascii").lower() if found is not None else "")
            )

    def _leaf(self, data: bytes, label: Label, declared: str, media_type: str, trail: tuple[str, ...]) -> None:
        """Keep a leaf, and report what its bytes show: another kind than it says, a lock."""
        contradiction = mismatch(label.name, declared, media_type)
        if contradiction is not None:
            self.allowance.note("TYPE_MISMATCH", f"{trail[-1]}: {contradiction}")
        if media_type == PDF and is_encrypted_pdf(data):
            self.allowance.note("PDF_ENCRYPTED", trail[-1])
        elif media_type == OLE_ENCRYPTED:
            self.allowance.note("OFFICE_ENCRYPTED", trail[-1])
        self.leaves.append(
            Leaf(
                trail,
                label.name,
                declared,
                media_type,
                len(data),
                hashlib.sha256(data).hexdigest(),
                data,
                label.readable,
            )
        )

    def _note_links(self, text: str) -> None:
        """Report a link to a file host where no document came with the mail; nothing is ever fetched."""
        if any(not leaf.media_type.startswith(("image/", "application/pkcs7")) for leaf in self.leaves):
            return
        for match in _LINK.finditer(text[:MAX_TEXT_CHARACTERS]):
            if _FILE_HOSTS.search(match.group(1)) or (match.group(2) and _FILE_PATH.search(match.group(2))):
                self.allowance.note("LINK_INSTEAD_OF_FILE", match.group(1).lower())
                return


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


def _is_entity(content: bytes) -> bool:
    """Tell whether CMS content is a MIME entity: it begins with a Content- field (RFC 8551 3.1)."""
    return re.match(rb"\s{0,10}(?:content-[a-z-]{2,40}|mime-version)\s*:", content[:200], re.IGNORECASE) is not None


def _cms_inside(data: bytes, allowance: Allowance) -> bytes | Why | None:
    """Return the content of signed or compressed data, a finding for encrypted data, None if nothing is inside."""
    try:
        if data[:11] == b"-----BEGIN ":
            data = pem.unarmor(data)[2]
        kind = cms_content(data)
        if kind == "enveloped":
            return Why("MAIL_ENCRYPTED", "S/MIME")
        if kind is None:
            return None
        held = cms.ContentInfo.load(data)["content"]["encap_content_info"]["content"]
        content = held.native
        if kind == "compressed" and isinstance(content, bytes):
            return _inflated(content, allowance)
        return content if isinstance(content, bytes) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as cause:
        return Why("SMIME_DAMAGED", type(cause).__name__)
    except LimitReached as reached:
        return reached.why


def _inflated(packed: bytes, allowance: Allowance) -> bytes | Why:
    """Undo zlib within the account's limits."""
    machine = zlib.decompressobj()
    made: list[bytes] = []
    out = 0
    left = packed
    try:
        while left and not machine.eof:
            chunk = machine.decompress(left, 256 * 1024)
            left = machine.unconsumed_tail
            out += len(chunk)
            allowance.produce(len(chunk), "S/MIME", out=out, packed=len(packed))
            made.append(chunk)
            if not chunk:
                break
    except zlib.error:
        return Why("SMIME_DAMAGED", "compressed data")
    return b"".join(made)


def text_of_html(html: str) -> str:
    """
    Return the words of an HTML text: no tags, no scripts, entities resolved; for recognising, not for showing.

    One pass: a tag or comment that is never closed ends the text, so that nothing is looked for twice.
    """
    made: list[str] = []
    at = 0
    while (opening := html.find("<", at)) >= 0:
        made.append(html[at:opening])
        name = _TAG_NAME.match(html, opening + 1)
        if html.startswith("<!--", opening):
            closing, skip = html.find("-->", opening + 4), 3
        elif name is not None and name.group().lower() in _SKIPPED:
            ended = _SKIPPED[name.group().lower()].search(html, opening)
            closing, skip = (html.find(">", ended.start()), 1) if ended is not None else (-1, 1)
        elif name is None and not html.startswith(("<!", "<?"), opening):
            made.append("<")
            at = opening + 1
            continue
        else:
            closing, skip = html.find(">", opening), 1
        if name is not None and name.group(1).lower() in _NEW_LINE_TAGS:
            made.append("\n")
        if closing < 0:
            return unescape("".join(made)).strip()
        at = closing + skip
    made.append(html[at:])
    return re.sub(r"[ \t]{2,}", " ", unescape("".join(made))).strip()
