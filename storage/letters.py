"""The book of letters: what is to be sent, what was sent, and what nobody knows the fate of."""

from __future__ import annotations

from datetime import datetime

from storage.records import Letter, LetterDraft, LetterState


class Letters:
    """
    Letters and their states; every change is one transaction with its log entry.

    A letter leaves `sending` only by what the courier said; found there at the start, it is in doubt.
    """

    def next_letters(self, now: datetime, *, approved_only: bool = False, limit: int = 100) -> tuple[Letter, ...]:
        """Letters due at `now`, oldest first; with `approved_only` (mode = approve) those that a clerk released."""
        raise NotImplementedError

    def mark_sending(self, letter_id: str, at: datetime) -> Letter | None:
        """Take the letter for sending; None if it is no longer due (another courier has it, or it was withheld)."""
        raise NotImplementedError

    def mark_sent(self, letter_id: str, at: datetime, words: str = "") -> Letter:
        """The relay took it."""
        raise NotImplementedError

    def mark_try_later(self, letter_id: str, at: datetime, *, next_at: datetime, words: str) -> Letter:
        """It did not leave; it is due again at `next_at`."""
        raise NotImplementedError

    def mark_refused(self, letter_id: str, at: datetime, words: str) -> Letter:
        """It was refused for good: state failed."""
        raise NotImplementedError

    def mark_in_doubt(self, letter_id: str, at: datetime, words: str) -> Letter:
        """It may or may not have left; only a person sends it again."""
        raise NotImplementedError

    def mark_undelivered(self, message_id: str, at: datetime, words: str) -> Letter | None:
        """A bounce names this Message-ID; None if it is none of ours that left."""
        raise NotImplementedError

    def doubt_all_sending(self, at: datetime) -> tuple[Letter, ...]:
        """At start: letters found in `sending` are of a dead courier, so their fate is unknown."""
        raise NotImplementedError

    def approve_letter(self, letter_id: str, *, by: str, at: datetime, note: str = "") -> Letter:
        """A person releases a queued letter, or has one in doubt, failed, withheld or undelivered sent (again)."""
        raise NotImplementedError

    def withhold(self, letter_id: str, *, by: str, reason: str, at: datetime) -> Letter:
        """A person, or a brake (by = machine), keeps a letter in the house; the reason is a code."""
        raise NotImplementedError

    def queue_letter(self, draft: LetterDraft, *, key: str, by: str, at: datetime) -> Letter:
        """Queue a letter that belongs to no delivery (a reminder); the same `key` and kind gives the same letter."""
        raise NotImplementedError

    def letter(self, letter_id: str) -> Letter:
        """Return one letter; raises WrongUse when there is none."""
        raise NotImplementedError

    def letters_of(self, delivery_id: str) -> tuple[Letter, ...]:
        """The letters of one delivery, oldest first."""
        raise NotImplementedError

    def in_state(self, state: LetterState, *, limit: int = 1000) -> tuple[Letter, ...]:
        """Letters in one state, oldest first."""
        raise NotImplementedError

    def is_ours(self, message_id: str) -> bool:
        """Whether a Message-ID (with or without angle brackets) is of one of our letters."""
        raise NotImplementedError

    def sent_to_since(self, address: str, since: datetime) -> int:
        """How many letters went to an address (case ignored) since; in doubt and sending ones count."""
        raise NotImplementedError

    def sent_since(self, since: datetime) -> int:
        """How many letters went out since; in doubt and sending ones count."""
        raise NotImplementedError
