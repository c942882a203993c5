"""One conversation about one folder: what is there, and what is changed there; any doubt ends it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientReadOnlyError

from config.settings import ImapSource
from intake.ports import SourceError
from intake.sources.imap_bodies import BodyReader
from intake.sources.imap_connect import LIBRARY_FAILURES, FolderMissing, quoted
from intake.sources.imap_listing import Listing

# A conversation older than this is replaced even if it seems well: a folder that was deleted and made anew
# under a selected one is noticed only by selecting again.
MAX_AGE_SECONDS = 3600

# A command line is kept under 8,000 octets, which every server takes (RFC 7162, section 4).
UIDS_PER_COMMAND = 500


@dataclass(frozen=True, slots=True)
class FolderState:
    """What the server said when the folder was opened; `uid_next` is None if it did not say."""

    uid_validity: int
    uid_next: int | None
    flags_allowed: tuple[str, ...] = ()


class MoveRefused(SourceError):
    """The server does not move a mail now; the conversation is well, and asking for the next one is of no use."""


class ImapSession(BodyReader):
    """
    A logged-in connection with one folder open.

    Every method raises ConnectionLost when the conversation cannot go on, and then `broken` is true: the owner
    drops the session and opens another. `hang_up` may be called from any thread and ends a wait at once.
    """

    def __init__(self, settings: ImapSource) -> None:
        super().__init__(settings)
        self.writable = False
        self.state = FolderState(0, None)

    # Opening and closing.

    @property
    def stale(self) -> bool:
        """Whether it should be replaced before it is used again."""
        return self.broken or bool(self._asked) or time.monotonic() - self._opened > MAX_AGE_SECONDS

    def open_folder(self, folder: str, *, writable: bool) -> FolderState:
        """
        Open `folder`, read-only (EXAMINE) unless `writable`; raises FolderMissing if the server has none.

        A server that gives no UIDVALIDITY cannot be worked with: its UIDs mean nothing tomorrow (RFC 9051, 2.3.1.1).
        """
        try:
            answer = self.client.select_folder(folder, readonly=not writable)
            self._exists = int(answer[b"EXISTS"])
            validity = int(answer.get(b"UIDVALIDITY", 0))
            uid_next = answer.get(b"UIDNEXT")
            flags = tuple(quoted(flag) for flag in answer.get(b"PERMANENTFLAGS", ()))
            state = FolderState(validity, int(uid_next) if uid_next else None, flags)
        except IMAPClientReadOnlyError as cause:
            self.broken = True
            raise SourceError("MAIL_FOLDER_READ_ONLY", source=self._name, folder=folder) from cause
        except LIBRARY_FAILURES as cause:
            if self._is_missing(folder, cause):
                raise FolderMissing("MAIL_FOLDER_NOT_THERE", source=self._name, folder=folder) from cause
            raise self._lost(f"the folder {folder} could not be opened: {quoted(cause)}") from cause
        if state.uid_validity <= 0:
            raise self._lost(f"the folder {folder} has no UIDVALIDITY, so its mails cannot be told apart for ever")
        self.folder, self.writable, self.state = folder, writable, state
        return state

    def _is_missing(self, folder: str, cause: BaseException) -> bool:
        """Whether the refusal meant that the folder is not there: by its response code (RFC 5530), else by LIST."""
        if isinstance(cause, OSError | IMAPClient.AbortError):
            return False
        if "NONEXISTENT" in str(cause):
            return True
        try:
            return not self.client.list_folders("", folder)
        except LIBRARY_FAILURES:
            return False

    # Looking.

    def junk_folders(self) -> frozenset[str]:
        r"""
        Return the folders that the server itself calls its filter's (\Junk, RFC 6154, 2); empty if it does not say.

        Only special folders are asked for where the server knows how (RFC 5258, 3), since a mailbox may have thousands.
        """
        try:
            if not self.client.has_capability("SPECIAL-USE"):
                return frozenset()
            try:
                listed = self._special_folders()
            except IMAPClient.AbortError:
                raise
            except IMAPClient.Error:
                listed = self.client.list_folders()
            return frozenset(
                str(name) for flags, _, name in listed if b"\\junk" in {bytes(one).lower() for one in flags}
            )
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the special folders could not be listed: {quoted(cause)}") from cause

    def _special_folders(self) -> Sequence[tuple[tuple[bytes, ...], bytes, str]]:
        """Ask with the selection option that IMAPClient does not have; the answers have LIST's own shape."""
        imap = self.client._imap
        status, answer = imap._simple_command("LIST", "(SPECIAL-USE)", '""', '"*"')
        if status != "OK":
            raise IMAPClient.Error(quoted(answer))
        _, lines = imap._untagged_response(status, answer, "LIST")
        folders: Sequence[tuple[tuple[bytes, ...], bytes, str]] = self.client._proc_folder_list(lines)
        return folders

    def listing(self, first: int) -> Listing:
        """
        Return the mails with a UID of `first` or above, and always the last one (RFC 9051, 6.4.9: `n:*`).

        NOOP makes the server tell what is new; an unchanged folder costs these two commands, however many mails it
        holds. They do not go out together: Dovecot then answers the second before it has looked for the first.
        """
        noop, fetch = self._next_tag(), self._next_tag()
        self._send(noop + b" NOOP\r\n")
        self._until(noop, Listing())
        listing = Listing()
        self._send(fetch + b" UID FETCH %d:* (UID RFC822.SIZE INTERNALDATE)\r\n" % first)
        expunged = self._expunged
        ok, words = self._until(fetch, listing)
        if not ok and len(listing) == 0 and self._exists > 0:
            raise self._lost(f"the folder {self.folder} could not be listed: {words}")
        undisturbed = self._expunged == expunged  # An expunge between the rows shifts their sequence numbers.
        if bare := listing.bare(first):
            self._ask_about(bare, listing)
            for uid in listing.bare(first):
                listing.take_at_its_word(uid)
        # UIDNEXT was true when the folder was opened; mail that came since has overtaken it.
        self.state = replace(self.state, uid_next=None)
        listing.complete = (ok or self._exists == 0) and undisturbed and listing.reaches(self._exists)
        return listing

    def listing_of(self, uids: Sequence[int]) -> Listing:
        """Return those of `uids` that are still there; `complete` says that the server answered OK."""
        listing = Listing()
        listing.complete = self._ask_about(uids, listing)
        return listing

    def _ask_about(self, uids: Sequence[int], listing: Listing) -> bool:
        """Add the rows of `uids` to `listing`; return whether the server answered OK."""
        every = True
        for start in range(0, len(uids), UIDS_PER_COMMAND):
            tag = self._next_tag()
            few = b",".join(b"%d" % uid for uid in uids[start : start + UIDS_PER_COMMAND])
            self._send(tag + b" UID FETCH %s (UID RFC822.SIZE INTERNALDATE)\r\n" % few)
            ok, _ = self._until(tag, listing)
            every = every and ok
        return every

    # Changing; only for `settle`.

    @property
    def offers_move(self) -> bool:
        """Whether the server has MOVE (RFC 6851); it is never emulated by COPY and EXPUNGE."""
        try:
            return bool(self.client.has_capability("MOVE"))
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"the capabilities could not be had: {quoted(cause)}") from cause

    def set_keyword(self, uid: int, keyword: str) -> None:
        """Add `keyword` to the mail; adding it again changes nothing."""
        tag = self._next_tag()
        self._send(tag + b" UID STORE %d +FLAGS.SILENT (%s)\r\n" % (uid, keyword.encode("ascii")))
        ok, words = self._until(tag, Listing())
        if not ok:
            raise SourceError("MAIL_KEYWORD_NOT_SET", source=self._name, keyword=keyword, uid=uid, words=words)

    def move(self, uid: int, folder: str) -> None:
        """
        Move the mail; a mail that is no longer there is passed over by the server. The folder is made if missing.

        Raises MoveRefused when the server says NO (its folder is full): the conversation can go on.
        """
        try:
            try:
                self.client.move([uid], folder)
            except IMAPClient.AbortError:
                raise
            except IMAPClient.Error:
                if self.client.folder_exists(folder):
                    raise
                self.client.create_folder(folder)
                self.client.move([uid], folder)
        except IMAPClient.AbortError as cause:
            raise self._lost(f"mail {uid} could not be moved to {folder}: {quoted(cause)}") from cause
        except IMAPClient.Error as cause:
            raise MoveRefused(
                "MAIL_NOT_MOVED", source=self._name, uid=uid, folder=folder, words=quoted(cause)
            ) from cause
        except LIBRARY_FAILURES as cause:
            raise self._lost(f"mail {uid} could not be moved to {folder}: {quoted(cause)}") from cause
