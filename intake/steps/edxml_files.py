"""Find the files of an edXML package: what is listed, what is there, and what they are once unwrapped."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from intake.steps.allowance import Allowance
from intake.steps.archive import open_archive
from intake.steps.base64_text import is_not_base64, loose_base64
from intake.steps.mail_facts import one_line
from intake.steps.media_types import ZIP, media_type_of
from intake.steps.office_files import OOXML_PREFIX
from storage.records import Why

# Files of one package.
MAX_ATTACHMENTS = 500
# Characters of one value that are kept; a trích yếu has some hundred.
MAX_VALUE = 2_000

_OFFICE_ENDINGS = frozenset({"docx", "xlsx", "pptx", "docm", "xlsm", "odt", "ods", "odp"})
_OFFICE_TYPES = (OOXML_PREFIX, "application/vnd.oasis", "application/x-ole")

# A file to be opened further: its name, its declared type, its bytes.
File = tuple[str | None, str, bytes]


@dataclass(frozen=True, slots=True)
class Attached:
    content_id: str
    name: str
    content_type: str
    text: str


def local(element: etree._Element) -> str:
    tag = element.tag
    return str(tag).rpartition("}")[2].rpartition(":")[2]


def all_named(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """Yield descendants with one of these local names, in document order."""
    wanted = frozenset(names)
    for one in element.iter():
        if local(one) in wanted:
            yield one


def child(element: etree._Element | None, *names: str) -> etree._Element | None:
    if element is None:
        return None
    for one in element:
        if local(one) in names:
            return one
    return None


def value(element: etree._Element | None, *names: str) -> str:
    """Return the text of the first child with one of these local names on one line, empty if there is none."""
    found = child(element, *names)
    return "" if found is None or found.text is None else one_line(found.text[:MAX_VALUE])


def attachments(root: etree._Element) -> Iterator[Attached]:
    for number, one in enumerate(all_named(root, "Attachment")):
        if number >= MAX_ATTACHMENTS:
            return
        content = child(one, "ContentTransferEncoded")
        yield Attached(
            _content_id(value(one, "ContentId")),
            value(one, "AttachmentName"),
            value(one, "ContentType").lower(),
            "" if content is None else "".join(str(piece) for piece in content.itertext()),
        )


def references(root: etree._Element) -> Iterator[Attached]:
    manifest = next(all_named(root, "edXMLManifest", "Manifest"), None)
    if manifest is None:
        return
    for number, one in enumerate(all_named(manifest, "Reference")):
        if number >= MAX_ATTACHMENTS:
            return
        link = next((value for key, value in one.attrib.items() if str(key).rpartition("}")[2].endswith("href")), "")
        yield Attached(
            _content_id(value(one, "ContentId") or str(link)),
            value(one, "AttachmentName"),
            value(one, "ContentType").lower(),
            "",
        )


def _content_id(text: str) -> str:
    """Return a content id for comparing: without `cid:` and brackets, which writers use in one place only."""
    plain = text.strip().strip("<>").strip()
    return (plain[4:] if plain.lower().startswith("cid:") else plain).strip("<>").strip()


def decoded_files(attached: tuple[Attached, ...], references: tuple[Attached, ...], problems: list[Why]) -> list[File]:
    """Decode the attachments in their order; a name that is missing is taken from the reference they pair with."""
    by_id = {one.content_id: one for one in reversed(references) if one.content_id}
    files: list[File] = []
    for number, one in enumerate(attached):
        reference = by_id.get(one.content_id) or (references[number] if number < len(references) else None)
        name = one.name or (reference.name if reference is not None else "") or None
        content, flaw = _decoded(one.text)
        shown = name or f"#{number + 1}"
        if flaw is not None:
            problems.append(Why("EDXML_ATTACHMENT_DAMAGED", f"{shown}: {flaw}"))
        files.append((name, one.content_type, _unwrapped(content, name, problems)))
    return files


def _decoded(text: str) -> tuple[bytes, str | None]:
    """Decode base64 strictly, white space apart; with a fault as far as it goes."""
    compact = re.sub(r"\s+", "", text).encode("utf-8", "replace")
    if not compact:
        return b"", "no content"
    try:
        return binascii.a2b_base64(compact, strict_mode=True), None
    except binascii.Error as cause:
        if is_not_base64(compact):
            return text.encode("utf-8", "replace"), "announced as base64, but it is none"
        return loose_base64(compact), str(cause)[:80]


def _unwrapped(content: bytes, name: str | None, problems: list[Why]) -> bytes:
    """
    Take away the ZIP of one entry that the national SDK puts around each file, whatever ContentType says.

    An Office file is a ZIP too and is left alone, and so is a file that is called a ZIP and holds something else.
    The entry's name is never used. Undone once only.
    """
    kind = media_type_of(content)
    if kind != ZIP or kind.startswith(OOXML_PREFIX):
        return content
    ending = (name or "").rpartition(".")[2].lower()
    opened = open_archive(content, ZIP, name or "", Allowance())
    if not opened.whole or len(opened.members) != 1:
        return content
    inner = opened.members[0].data
    inner_kind = media_type_of(inner)
    if ending == "zip" and inner_kind != ZIP:
        return content
    if ending in _OFFICE_ENDINGS and not inner_kind.startswith(
        (OOXML_PREFIX, "application/vnd.oasis", "application/x-ole")
    ):
        # The name promises an Office file and the entry is none: a person should see what was packed.
        problems.append(Why("EDXML_ATTACHMENT_DAMAGED", f"{name}: the content is {inner_kind}"))
    return inner


def check_complete(
    attached: tuple[Attached, ...], references: tuple[Attached, ...], problems: list[Why], *, is_status: bool
) -> None:
    """Report references without an attachment and attachments without a reference (by id, else by name)."""
    if is_status:
        return
    have = {one.content_id for one in attached if one.content_id} | {one.name for one in attached if one.name}
    named = {one.content_id for one in references if one.content_id} | {one.name for one in references if one.name}
    for one in references:
        if one.content_id not in have and one.name not in have:
            problems.append(Why("EDXML_INCOMPLETE", f"referenced and not there: {one.name or one.content_id}"[:300]))
    for one in attached:
        if references and one.content_id not in named and one.name not in named:
            problems.append(Why("EDXML_INCOMPLETE", f"there and not referenced: {one.name or one.content_id}"[:300]))
    if not attached and not references:
        problems.append(Why("EDXML_INCOMPLETE", "no file in it"))
