"""Answers agencies on the document system that have no mailbox: writes status packages into the outbox folder."""

from __future__ import annotations

import errno
import os
import re
import time
from datetime import date, datetime
from pathlib import Path

from config.reasons import keep
from intake.errands import Errands, StillOut
from intake.ports import CarryResult
from intake.steps.edxml_status import StatusCode, StatusSender, write_status_package
from intake.steps.unpacked import DocumentReference
from storage.records import Letter, LetterKind

# What each letter means to a document system (Decision 28/2018/QĐ-TTg: 01 arrived, 02 refused, 03 taken in). A defect
# letter is no refusal: only a named person refuses, and that is the return letter.
STATUS_OF: dict[LetterKind, StatusCode] = {
    LetterKind.RECEIPT: "01",
    LetterKind.DEFECT: "01",
    LetterKind.OUTCOME: "03",
    LetterKind.RETURN: "02",
}

# The codes that a letter may name itself.
NAMED: dict[str, StatusCode] = {"01": "01", "02": "02", "03": "03"}

# A package is some kilobytes: a folder that takes longer hangs, and neither letters nor the end of the service wait for
# it. Should the write come back after all, the next try writes the same bytes under the same name.
LONGEST_WRITE_SECONDS = 20.0

# The form's description is read in a list on the sender's screen; a longer text is cut off there anyway.
MAX_DESCRIPTION_CHARACTERS = 4000


class StatusOutbox:
    """
    The outbox folder from which the document system takes packages.

    One package is one file `<id>.edxml`, named after the letter's Message-ID and dated like the letter: writing it
    again gives the same file with the same bytes. It appears by a rename, whole or not at all, and survives a power
    loss. `organ_id` is the office's own identifier on the document axis.
    """

    def __init__(self, folder: str | Path, office_name: str, *, organ_id: str = "") -> None:
        self._folder = Path(folder)
        self._sender = StatusSender(organ_id=organ_id, name=office_name)
        self._errands = Errands("outbox")

    def carry(self, letter: Letter) -> tuple[CarryResult, str]:
        """
        Write the package of `letter`, whose `to` is the agency's organ id and `in_reply_to` the document's id.

        SENT with the file's name once it is on disk. TRY_LATER when the folder is away, full or closed to us; REFUSED
        for a reminder, which answers no document.
        """
        status = STATUS_OF.get(letter.kind)
        if status is None:
            return CarryResult.REFUSED, keep("STATUS_OF_NOTHING", {"kind": letter.kind.value})
        # The decision may know more than the kind of letter says: a receipt for what was filed is 03.
        status = NAMED.get(letter.references or "", status)
        package = write_status_package(
            self._sender,
            answered_by(letter),
            status,
            letter.body[:MAX_DESCRIPTION_CHARACTERS],
            letter.created_at,
        )
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", letter.message_id)[:120].strip("._") or "letter"
        until = time.monotonic() + LONGEST_WRITE_SECONDS
        try:
            self._errands.send(lambda: self._put(f"{name}.edxml", package), lambda: _give_up_after(until))
        except StillOut:
            facts = {"folder": str(self._folder), "why": "it still does not answer"}
            return CarryResult.TRY_LATER, keep("STATUS_PACKAGE_NOT_WRITTEN", facts)
        except OSError as cause:
            facts = {"folder": str(self._folder), "why": str(cause.strerror or cause)}
            return CarryResult.TRY_LATER, keep("STATUS_PACKAGE_NOT_WRITTEN", facts)
        return CarryResult.SENT, f"{name}.edxml"

    def _put(self, name: str, package: bytes) -> None:
        """Write under a hidden name, sync, rename, sync the folder: the document system never meets half a package."""
        hidden = self._folder / f".{name}.part"
        with hidden.open("wb") as file:
            file.write(package)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(self._folder / name)
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _give_up_after(until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError(errno.ETIMEDOUT, f"no answer for {LONGEST_WRITE_SECONDS:.0f} seconds")


def answered_by(letter: Letter) -> DocumentReference:
    """
    Return the document that the letter answers, as far as its id tells.

    A document id is often written as organ id, date and code with commas between (domain practice of the
    national axis); then each goes into its own field. The organ id is the agency's if the id names none.
    """
    document_id = (letter.in_reply_to or "").strip()
    parts = [part.strip() for part in document_id.split(",")]
    if len(parts) == 3:
        return DocumentReference(
            organ_id=parts[0] or letter.to, code=parts[2], promulgation_date=_day(parts[1]), document_id=document_id
        )
    return DocumentReference(organ_id=letter.to, code="", promulgation_date=None, document_id=document_id)


def _day(text: str) -> date | None:
    for form in ("%Y/%m/%d", "%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  # A day of promulgation has no zone.
        except ValueError:
            continue
    return None
