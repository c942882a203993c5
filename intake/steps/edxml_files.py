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


def paired(attached: tuple[Attached, ...], references: tuple[Attached, ...]) -> dict[int, int]:
    """
    Return which reference each attachment has, by their places; no reference serves twice.

    By content id and name, then by either of them; what says neither pairs with what is left, in its order.
    """
    pairs: dict[int, int] = {}
    free = dict(enumerate(references))

    def same(one: Attached, other: Attached, *, by_id: bool, by_name: bool) -> bool:
        ids = one.content_id == other.content_id != ""
        names = one.name == other.name != ""
        return (ids or not by_id) and (names or not by_name)

    def is_silent(one: Attached) -> bool:
        return not one.content_id and not one.name

    for by_id, by_name in ((True, True), (True, False), (False, True), (False, False)):
        for place, one in enumerate(attached):
            if place in pairs:
                continue
            for number, other in free.items():
                if same(one, other, by_id=by_id, by_name=by_name) and (
                    by_id or by_name or is_silent(one) or is_silent(other)
                ):
                    pairs[place] = number
                    del free[number]
                    break
    return pairs


def decoded_files(
    attached: tuple[Attached, ...], pairs: dict[int, int], names: tuple[str, ...], problems: list[Why]
) -> list[File]:
    """Decode the attachments in their order; a name that is missing is taken from the reference they pair with."""
    files: list[File] = []
    allowance = Allowance()
    for place, one in enumerate(attached):
        name = one.name or (names[pairs[place]] if place in pairs else "") or None
        content, flaw = _decoded(one.text)
        shown = name or f"#{place + 1}"
        if flaw is not None:
            problems.append(Why("EDXML_ATTACHMENT_DAMAGED", f"{shown}: {flaw}"))
        files.append((name, one.content_type, _unwrapped(content, name, allowance, problems)))
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


def _unwrapped(content: bytes, name: str | None, allowance: Allowance, problems: list[Why]) -> bytes:
    """
    Take away the ZIP of one entry that the national SDK puts around each file, whatever ContentType says.

    An Office file is a ZIP too and is left alone, and so is a file that is called a ZIP and holds something else.
    The entry's name is never used. Undone once only. `allowance` is the whole package's.
    """
    kind = media_type_of(content)
    if kind != ZIP or kind.startswith(OOXML_PREFIX):
        return content
    ending = (name or "").rpartition(".")[2].lower()
    opened = open_archive(content, ZIP, name or "", allowance)
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
    attached: tuple[Attached, ...], references: tuple[Attached, ...], pairs: dict[int, int], problems: list[Why]
) -> None:
    """Report references that no attachment has, and attachments without a reference where there are any."""
    found = set(pairs.values())
    for number, one in enumerate(references):
        if number not in found:
            problems.append(Why("EDXML_INCOMPLETE", f"referenced and not there: {one.name or one.content_id}"[:300]))
    for place, one in enumerate(attached):
        if references and place not in pairs:
            problems.append(Why("EDXML_INCOMPLETE", f"there and not referenced: {one.name or one.content_id}"[:300]))
    if not attached and not references:
        problems.append(Why("EDXML_INCOMPLETE", "no file in it"))
