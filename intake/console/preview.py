"""Pictures of PDF pages for the clerk's eye; hostile files are drawn in a process of their own, with limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.isolation import MiB, TaskFailed, Worker
from intake.console.draw import Drawing, DrawTask, draw
from intake.console.kept import Kept
from storage.vault import Vault

# A form is a few megabytes; what is larger is downloaded instead of drawn.
MAX_PDF_BYTES = 40 * MiB
# PDFium needs some 100 MiB for an ordinary scan; a bomb meets this wall instead of the machine's.
WORKER_BYTES = 1024 * MiB
# A page that takes longer than this to draw is not a form's page.
TIMEOUT_SECONDS = 12.0
# Clerks look at the same pages again (back from the decision form): some hundred pages at about 100 KB.
KEPT_BYTES = 10 * MiB
# What could not be drawn is remembered too, so that a hostile page costs its time only once.
KEPT_DRAWINGS = 500

TROUBLES: Mapping[str, str] = {
    "locked": "Tệp cần mật khẩu.",
    "no_page": "Không có trang này.",
    "broken": "Không hiển thị được trang này; tệp có thể bị hỏng.",
    "TOO_SLOW": "Trang này mất quá nhiều thời gian để hiển thị.",
    "TOO_MUCH_MEMORY": "Trang này cần quá nhiều bộ nhớ để hiển thị.",
}
TOO_LARGE = "Tệp quá lớn để xem trước."


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as PNG and the number of pages; without PNG, `words` say why (Vietnamese)."""

    png: bytes
    pages: int | None
    words: str = ""


class Easel:
    """Draws pages and keeps the latest ones; safe to use from several threads. Close it when done."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._worker = Worker(draw, memory_bytes=WORKER_BYTES, name="intake-easel")
        self._kept: Kept[tuple[str, int], Picture] = Kept(
            lambda one: len(one.png), most=KEPT_DRAWINGS, most_bytes=KEPT_BYTES
        )

    def close(self) -> None:
        """End the drawing process."""
        self._worker.close()

    def pages_of(self, sha256: str) -> int | None:
        """How many pages the document has, None until one of its pages was drawn."""
        counted = (one.pages for (digest, _), one in self._kept.items() if digest == sha256)
        return next((one for one in counted if one), None)

    def picture(self, sha256: str, number: int) -> Picture:
        """
        Return page `number` (from 1) of the PDF with this digest, or words about why it cannot be drawn.

        Raises VaultError when the bytes are not there or are no longer what arrived.
        """
        kept = self._kept.get((sha256, number))
        if kept is not None:
            return kept
        picture = self._draw(sha256, number)
        self._kept.keep((sha256, number), picture)
        return picture

    def _draw(self, sha256: str, number: int) -> Picture:
        length = self._vault.size(sha256)
        if length is not None and length > MAX_PDF_BYTES:
            return Picture(b"", None, TOO_LARGE)
        try:
            drawn = self._worker.call(DrawTask(self._vault.read(sha256), number), timeout_seconds=TIMEOUT_SECONDS)
        except TaskFailed as failure:
            return Picture(b"", None, TROUBLES.get(failure.code, TROUBLES["broken"]))
        assert isinstance(drawn, Drawing)
        return Picture(drawn.png, drawn.pages, TROUBLES[drawn.trouble] if drawn.trouble else "")
