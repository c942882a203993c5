"""What a person may do with a delivery, a letter or the cut-offs; console and command line use the same clerk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from config.campaign import extend_closes
from intake.console.desk import Done, Extension, Foreseen, Permission, Refused, Request, Shift
from intake.filing import WriteLetters, history_of_agency, matter_of
from intake.flow import current_rules
from intake.office import Office, Rulebook
from intake.rejudging import Better, judge_again, judged_better
from intake.steps.letters import FileLine, write_letter
from intake.steps.standing import standing_rule
from signatures.report import Verdict
from storage.accounts import Accounts
from storage.acting import OPEN_FROM, STATE_AFTER, two_are_needed
from storage.records import (
    Account,
    Action,
    Delivery,
    LetterDraft,
    LetterKind,
    LetterState,
    Receipt,
    Role,
    State,
    Timeliness,
    Why,
)

# Accepting against one of these is the council's risk, so two persons carry it: the time, and whose form it is.
TWO_PERSON_REASONS = frozenset(
    (
        *("AFTER_GRACE", "TIME_UNCERTAIN", "CLOCKS_DISAGREE_ON_CUT_OFF", "RECEIVED_BEFORE_SIGNED"),
        *("AGENCY_MISMATCH", "SEVERAL_AGENCIES_SIGNED", "SIGNER_NOT_ON_ROSTER", "AGENCY_UNKNOWN"),
        *("FORM_OF_ANOTHER_AGENCY", "SAME_FORM_TAKEN_BACK", "SIGNED_AS_ONE_TAKEN_BACK"),
    )
)
QUARANTINED = frozenset({"MALWARE_FOUND"})


class OfficeClerk:
    """
    Does what a named person asks, by the rules of substance, and says beforehand what it would do.

    Every method raises Refused (what, remedy) where the rules forbid it. Permissions are judged again here, whatever
    a page showed; the ledger guards the absolute ones a third time, inside the transaction.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._accounts = Accounts(office.database)

    def permissions(self, delivery_id: str, by: str) -> tuple[Permission, ...]:
        """Return one Permission for each Action, in the order of the enumeration."""
        delivery = self._office.ledger.delivery(delivery_id)
        account = self._accounts.get(by)
        return tuple(self._permission(delivery, action, account, by) for action in Action)

    def foresee(self, request: Request) -> Foreseen:
        """Say what `request` would do, changing nothing."""
        delivery = self._office.ledger.delivery(request.delivery_id)
        permission = self._permission(delivery, request.action, self._accounts.get(request.by), request.by)
        waits = permission.needs_second and not self._completes(permission, request.by)
        book = self._office.rules.book()
        drafts = self._letters(book, delivery, request)(
            Receipt(delivery.receipt_no or "(số sẽ cấp)", "(ghi khi quyết định)", self._office.clock())
        )
        return Foreseen(STATE_AFTER[request.action], drafts[0] if drafts else None, waits)

    def act(self, request: Request) -> Done:
        """Do it (or record the first of two askings), log it under `request.by`, and queue its letter."""
        office = self._office
        account = self._accounts.usable(request.by)
        delivery = office.ledger.delivery(request.delivery_id)
        permission = self._permission(delivery, request.action, account, request.by)
        if permission.forbidden:
            reasons = ", ".join(one.code for one in permission.forbidden)
            ref = delivery.receipt_no or delivery.id
            raise Refused("ACT_REFUSED", action=request.action.value, ref=ref, reasons=reasons)
        book = current_rules(office)
        campaign = book.file.campaign
        agency = self._agency(book, delivery, request)
        link_to = self._link_target(delivery, request)
        acted = office.ledger.act(
            delivery.id,
            request.action,
            by=request.by,
            reason=request.reason,
            note=request.note,
            at=office.clock(),
            needs_two=permission.needs_second,
            receipt_prefix=campaign.receipt_prefix,
            write_letters=self._letters(book, delivery, request),
            link_to=link_to,
            agency=agency,
            standing=standing_rule(campaign, history_of_agency(office.ledger, campaign.id, agency or delivery.agency)),
        )
        return Done(acted.delivery.state, acted.pending is not None)

    def approve_letter(self, letter_id: str, by: str) -> None:
        """Let a queued letter go (mode = approve); one already approved or sent is Refused."""
        self._clerk(by)
        letter = self._office.ledger.letters.letter(letter_id)
        if letter.state is not LetterState.QUEUED:
            raise Refused("LETTER_NOT_WAITING", state=letter.state.value)
        self._office.ledger.letters.approve_letter(letter_id, by=by, at=self._office.clock())

    def settle_letter(self, letter_id: str, *, resend: bool, reason: str, by: str) -> None:
        """
        Decide about a letter in doubt, undelivered, failed or braked: send it (again), or keep it in the house.

        Sent again, it passes the cap of its address; at the breaker of the day it waits until that opens.
        """
        self._clerk(by)
        letters = self._office.ledger.letters
        if resend:
            letters.approve_letter(letter_id, by=by, at=self._office.clock(), note=reason)
        else:
            letters.withhold(letter_id, by=by, reason=reason or "ARRIVED_OTHERWISE", at=self._office.clock())

    def letter_arrived(self, letter_id: str, *, reason: str, by: str) -> None:
        """Note that a letter in doubt, or one that a bounce named, did arrive; Refused without a reason."""
        self._clerk(by)
        if not reason.strip():
            raise Refused("ARRIVAL_WITHOUT_REASON")
        self._office.ledger.letters.mark_arrived(letter_id, by=by, reason=reason, at=self._office.clock())

    def open_breaker(self, *, reason: str, by: str) -> int:
        """Open the breaker of the day; returns how many letters are due again. Refused without a reason."""
        self._clerk(by)
        if not reason.strip():
            raise Refused("BREAKER_WITHOUT_REASON")
        return self._office.ledger.letters.open_breaker(by=by, reason=reason, at=self._office.clock())

    def foresee_extension(self, closes: datetime) -> tuple[Shift, ...]:
        """List the deliveries whose own timeliness would change if grace ended at `closes`."""
        book = self._office.rules.book()
        if closes.tzinfo is None or closes <= book.file.campaign.closes:
            present = book.file.campaign.closes.isoformat()
            raise Refused("EXTENSION_NOT_IN_FAVOUR", closes=closes.isoformat(), present=present)
        moved = msgspec.structs.replace(book.file.campaign, closes=closes)
        return tuple(
            Shift(one.delivery.id, one.delivery.receipt_no, one.delivery.agency, one.delivery.received_at, *_both(one))
            for one in judged_better(self._office, moved)
        )

    def extend(self, extension: Extension) -> None:
        """
        Write the campaign's new version, log the act, and judge again what it touches.

        What was held is examined anew by the same rules and answered again; what was filed gets its new reading, and
        its agency's versions stand by it. The moment of receipt itself never changes.
        """
        office = self._office
        account = self._accounts.usable(extension.by)
        if account.role is not Role.ADMIN and account.role is not Role.CLERK:
            raise Refused("ACCOUNT_ONLY_LOOKS", by=extension.by)
        self.foresee_extension(extension.closes)
        file = extend_closes(
            office.rules.book().file,
            closes=extension.closes,
            by=extension.approved_by,
            on=extension.approved_on,
            basis=extension.basis,
        )
        note = (
            f"closes moved to {extension.closes.isoformat()} by {extension.by};"
            f" approved by {extension.approved_by}: {extension.basis}"
        )
        judge_again(office, file.campaign, by=extension.by, note=note)
        at = office.clock()
        if not office.ledger.record_campaign(
            file.campaign.id, file.digest, file.text, by=extension.by, note=note, at=at
        ):
            # The daemon saw the new file first and recorded it; who moved the cut-off is told all the same.
            office.ledger.note("campaign_extended", {"note": note}, actor=extension.by, at=at)

    def _clerk(self, by: str) -> Account:
        account = self._accounts.usable(by)
        if account.role is Role.VIEWER:
            raise Refused("ACCOUNT_ONLY_LOOKS", by=by)
        return account

    def _permission(self, delivery: Delivery, action: Action, account: Account | None, by: str) -> Permission:
        """Judge one act: who asks, from which state, against which absolute rule, and whether two must ask."""
        forbidden: list[Why] = []
        if account is None or account.disabled:
            forbidden.append(Why("ACT_NEEDS_ACCOUNT", by))
        elif account.role is Role.VIEWER:
            forbidden.append(Why("ACT_NEEDS_CLERK", by))
        if delivery.state not in OPEN_FROM[action]:
            forbidden.append(Why("ACT_NOT_OPEN_IN_STATE", delivery.state.value))
        revoked = any(one.code == "SIGNER_REVOKED" for one in delivery.reasons)
        if action is Action.ACCEPT and (delivery.signature == Verdict.FAILED.value or revoked):
            forbidden.append(Why("ACT_FAILED_SIGNATURE"))
        if action is Action.ACCEPT and delivery.form_sha256 is None:
            forbidden.append(Why("ACT_NO_FORM"))
        waiting = next((one for one in self._office.ledger.pending(delivery.id) if one.action is action), None)
        needs_second = self._needs_two(delivery, action)
        if waiting is not None and waiting.by == by:
            forbidden.append(Why("ACT_SECOND_PERSON_NEEDED", waiting.by))
        return Permission(action, tuple(forbidden), needs_second, waiting.by if waiting else None)

    def _needs_two(self, delivery: Delivery, action: Action) -> bool:
        codes = {one.code for one in delivery.reasons}
        if action is Action.ACCEPT:
            late = delivery.timeliness is Timeliness.AFTER_GRACE
            return delivery.signature != Verdict.PASSED.value or late or bool(codes & TWO_PERSON_REASONS)
        if action in (Action.RELEASE, Action.DISMISS):
            return delivery.state is State.SHELVED and bool(codes & QUARANTINED)
        return two_are_needed(delivery, action)

    @staticmethod
    def _completes(permission: Permission, by: str) -> bool:
        return permission.waiting_for_second is not None and permission.waiting_for_second != by

    def _agency(self, book: Rulebook, delivery: Delivery, request: Request) -> str | None:
        """Return the agency that an acceptance names; raises Refused where there is none or it is not on the roster."""
        if request.action is not Action.ACCEPT:
            return None
        named = request.target or delivery.agency
        if not named:
            raise Refused("FORM_OF_NOBODY")
        if book.roster.get(named) is None:
            raise Refused("AGENCY_NOT_ON_ROSTER", named=named)
        return named

    def _link_target(self, delivery: Delivery, request: Request) -> str | None:
        if request.action is not Action.LINK:
            return None
        if not request.target:
            raise Refused("COPY_OF_WHAT")
        target = self._office.ledger.delivery(request.target)
        if target.id == delivery.id:
            raise Refused("COPY_OF_ITSELF")
        return target.id

    def _letters(self, book: Rulebook, delivery: Delivery, request: Request) -> WriteLetters:
        """Return what writes the letter of a person's decision: an outcome, a return, or nothing."""
        kinds = {Action.ACCEPT: LetterKind.OUTCOME, Action.RETURN: LetterKind.RETURN}
        kind = kinds.get(request.action)
        automatic = any(one.code in ("AUTOMATIC_MAIL", "AUTOMATIC_WITH_FORM") for one in delivery.reasons)
        if kind is None or automatic:
            return lambda _receipt: ()
        office = self._office
        agency = book.roster.get(request.target or delivery.agency)
        base = matter_of(office.settings, book, delivery, office.clock(), office.has_outbox)
        said = (Why(request.reason, ""),) if request.reason else ()
        note = (f"Ý kiến của cán bộ: {request.note.strip()}",) if request.note.strip() else ()
        sender = delivery.sender.strip().lower()
        shown = office.queries.show(delivery.id)
        listed = tuple(
            FileLine(file["name"] or "(không tên)", file["size"], file["sha256"])
            for file in shown["files"]
            if file["role"] != "envelope"
        )
        accepted = request.action is Action.ACCEPT
        matter = replace(
            base,
            files=listed or base.files,
            # What two persons accepted is no longer waiting for a clerk to look.
            signature=None if accepted and base.signature is Verdict.INDETERMINATE else base.signature,
            kind=kind,
            agency=agency,
            state=STATE_AFTER[request.action],
            reasons=said if kind is LetterKind.RETURN else (*said, *_kept(delivery)),
            extra_vi=note,
            extra_en=(),
            sender_address=sender if agency is not None and sender in agency.mailboxes else None,
            flaws=tuple(Why(one["code"], one["detail"]) for one in shown["form"]["flaws"]) if shown["form"] else (),
        )

        def write(receipt: Receipt) -> Sequence[LetterDraft]:
            return (write_letter(matter, receipt),)

        return write


def _both(one: Better) -> tuple[Timeliness, Timeliness]:
    return one.before, one.after


def _kept(delivery: Delivery) -> tuple[Why, ...]:
    """Return the reasons that still matter to the agency once a person has accepted: the time, nothing else."""
    return tuple(one for one in delivery.reasons if one.code in ("AFTER_GRACE", "WRONG_CHANNEL", "FORM_HAS_FLAWS"))
