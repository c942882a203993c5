"""Keep the files that were found, and say of each what its bytes show against its name."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote

from intake.steps.allowance import Allowance
from intake.steps.mail_names import Label
from intake.steps.media_types import PDF, is_encrypted_pdf, mismatch
from intake.steps.office_files import OLE_ENCRYPTED
from intake.steps.unpacked import Leaf

# Characters of a mail's text in which links are looked for.
MAX_LINK_TEXT = 200_000

_LINK = re.compile(r"https?://([a-z0-9.-]{3,200})(/[^\s\"'<>]{0,1000})?", re.IGNORECASE)
_HOSTS = (
    r"drive\.google\.com|docs\.google\.com|dropbox\.com|db\.tt|1drv\.ms|onedrive\.live\.com|[a-z0-9-]{1,60}\.sharepoint\.com|"
    r"wetransfer\.com|we\.tl|mediafire\.com|fshare\.vn|mega\.nz|mega\.co\.nz|box\.com|icloud\.com|sendspace\.com|"
    r"zippyshare\.com|4shared\.com|fromsmash\.com|transfernow\.net|swisstransfer\.com|files\.fm|gofile\.io|"
    r"pcloud\.(?:com|link)|disk\.yandex\.(?:com|ru)|upfile\.vn|terabox\.com|"
    r"drive\.[a-z0-9-]{1,60}\.(?:gov\.vn|vn|com)|cloud\.[a-z0-9-]{1,60}\.(?:gov\.vn|vn|com)|share\.[a-z0-9-]{1,60}\.(?:gov\.vn|vn)"
)
_FILE_HOSTS = re.compile(rf"(?:^|\.)(?:{_HOSTS})$", re.IGNORECASE)
# Typed by hand, without its beginning; only with a path, since a bare name is no link to a file.
_TYPED_LINK = re.compile(rf"(?<![\w.@/-])((?:www\.)?(?:{_HOSTS}))/[\w?]", re.IGNORECASE)
_FILE_PATH = re.compile(r"\.(pdf|docx?|xlsx?|pptx?|zip|rar|7z|odt|ods|p7s|edxml)(\?|#|$)", re.IGNORECASE)
# What comes along with any mail: pictures, keys, cards, and texts such as a footer or the one that a scanner adds.
_NO_DOCUMENT = re.compile(r"image/.*|text/.*|application/(pkcs7.*|x-pkcs7.*|pgp.*|applefile|ics)|message/.*")


class Leaves:
    """The files of one delivery so far, with the account on which flaws are noted."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._found: list[Leaf] = []

    def keep(
        self,
        data: bytes,
        label: Label,
        declared: str,
        media_type: str,
        trail: tuple[str, ...],
        *,
        declared_counts: bool = True,
    ) -> None:
        """Keep a leaf, and report what its bytes show: another kind than it says, a lock."""
        contradiction = mismatch(label.name, declared if declared_counts else "", media_type)
        if contradiction is not None:
            self._allowance.note("TYPE_MISMATCH", f"{trail[-1]}: {contradiction}")
        if media_type == PDF and is_encrypted_pdf(data):
            self._allowance.note("PDF_ENCRYPTED", trail[-1])
        elif media_type == OLE_ENCRYPTED:
            self._allowance.note("OFFICE_ENCRYPTED", trail[-1])
        digest = hashlib.sha256(data).hexdigest()
        self._found.append(Leaf(trail, label.name, declared, media_type, len(data), digest, data, label.readable))

    def all(self) -> tuple[Leaf, ...]:
        """Return the leaves in the order they were met."""
        return tuple(self._found)

    def note_links(self, text: str) -> None:
        """Report a link to a file host where no document came with the mail; nothing is ever fetched."""
        if not all(_NO_DOCUMENT.fullmatch(leaf.media_type) for leaf in self._found):
            return
        looked_at = text[:MAX_LINK_TEXT]
        if "%2F%2F" in looked_at or "%2f%2f" in looked_at:
            # Mail gateways wrap a link into one of their own.
            looked_at = f"{looked_at}\n{unquote(looked_at)}".replace("=http", " http")
        links = ((match.group(1).rstrip("."), match.group(2) or "") for match in _LINK.finditer(looked_at))
        hosts = [host for host, path in links if _FILE_HOSTS.search(host) or _FILE_PATH.search(path)]
        hosts += _TYPED_LINK.findall(looked_at)
        if hosts:
            self._allowance.note("LINK_INSTEAD_OF_FILE", hosts[0].lower())
