"""Pictures of PDF pages for the clerk's eye; hostile files are drawn in a process of their own, with limits."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass

from storage.vault import Vault

# A form is a few megabytes; what is larger is downloaded instead of drawn.
MAX_PDF_BYTES = 40 * 1024 * 1024
# A page that takes longer than this to draw is not a form's page.
TIMEOUT_SECONDS = 15
# Two at once on a small office PC; a third visitor waits for one of them, but no longer than a page takes.
AT_ONCE = 2
# Clerks look at the same pages again (back from the decision form): some sixty pages at about 150 KB.
KEPT_BYTES = 10 * 1024 * 1024


class NoPicture(Exception):
    """This page cannot be drawn; the words say why, in Vietnamese, for the place where the picture would be."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as PNG, and how many pages the document has."""

    png: bytes
    pages: int


class Easel:
    """Draws pages and keeps the latest ones; safe to use from several threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._kept: OrderedDict[tuple[str, int], Picture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def pages_of(self, sha256: str) -> int | None:
        """How many pages the document has, None until one of its pages was drawn."""
        with self._lock:
            return next((one.pages for (digest, _), one in self._kept.items() if digest == sha256), None)

    def draw(self, sha256: str, number: int) -> Picture:
        """
        Return page `number` (from 1) of the PDF with this digest.

        Raises NoPicture for what is too large, too slow, broken, locked, or has no such page; VaultError when the
        bytes are not there.
        """
        with self._lock:
            kept = self._kept.get((sha256, number))
            if kept is not None:
                self._kept.move_to_end((sha256, number))
                return kept
        length = self._vault.size(sha256)
        if length is not None and length > MAX_PDF_BYTES:
            raise NoPicture("Tệp quá lớn để xem trước.")
        if not self._places.acquire(timeout=TIMEOUT_SECONDS):
            raise NoPicture("Hệ thống đang bận xử lý trang khác; xin tải lại sau ít phút.")
        try:
            picture = _draw_apart(self._vault.read(sha256), number)
        finally:
            self._places.release()
        self._keep((sha256, number), picture)
        return picture

    def _keep(self, key: tuple[str, int], picture: Picture) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = picture
                self._bytes += len(picture.png)
            while self._bytes > KEPT_BYTES:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.png)


def _draw_apart(data: bytes, number: int) -> Picture:
    """Draw in a child process: whatever the file does to the drawing library, it does it there."""
    command = [sys.executable, "-m", "intake.console.draw", str(number)]
    try:
        child = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise NoPicture("Trang này mất quá nhiều thời gian để hiển thị.") from late
    except OSError as cause:
        raise NoPicture("Máy chủ không mở được chương trình hiển thị trang.") from cause
    head, newline, png = child.stdout.partition(b"\n")
    if child.returncode != 0 or not newline or not head.isdigit() or not png.startswith(b"\x89PNG"):
        reasons = {3: "Tệp cần mật khẩu.", 4: "Không có trang này."}
        raise NoPicture(reasons.get(child.returncode, "Không hiển thị được trang này; tệp có thể bị hỏng."))
    return Picture(png, int(head))
