"""What is decided of a delivery, what that rests on, and which reasons hold it, repair it, or only tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from intake.steps.examined import ExaminedFile
from signatures.report import Verdict
from storage.records import ClockReading, Delivery, State, Why

# What an agency can put right by itself; everything else waits for a clerk of the office.
REPAIRABLE = frozenset(
    (
        *("FORM_UNSIGNED", "FORM_SIGNATURE_FAILED", "FORM_UNREADABLE", "FORM_ENCRYPTED", "SIGNER_REVOKED"),
        *("PERSON_SIGNATURE_ONLY", "PERSON_SIGNATURE_MISSING", "AGENCY_MISMATCH", "FORM_OF_ANOTHER_AGENCY"),
        *("NO_FORM", "WRONG_YEAR", "LINK_INSTEAD_OF_FILE", "ARCHIVE_ENCRYPTED", "OFFICE_ENCRYPTED"),
        *("COMPRESSED_FILE_NOT_OPENED", "EXTERNAL_BODY_NOT_FETCHED"),
    )
)

# What is worth telling and holds nothing up.
REMARKS_ONLY = frozenset(
    (
        *("WRONG_CHANNEL", "FOUND_IN_JUNK", "SENT_BEFORE_DUE", "CLOCKS_DISAGREE", "SENDER_ADVICE", "SENDER_DKIM"),
        *("SIZE_DISAGREES", "INTERNALDATE_MISSING", "MAILBOX_RENUMBERED"),
        *("RECEIVER_STAMP_IGNORED", "SIGNED_BY_BOTH", "SEALED_AFTER_CHANGE", "SIGNED_BY_MAIL"),
        *("FORM_HAS_FLAWS", "FORM_BY_NAME_ONLY", "NEW_VERSION", "SENDER_DOUBTED", "FORM_UNDATED"),
    )
)

# What may stand beside VISIBLE_CHANGE_SEALED_LATER when it is the only doubt about a signature: what the change was,
# and remarks that doubt nothing. A code that is not here (a weak digest, a replaced page) is a doubt of its own.
SEALABLE = frozenset(
    (
        *("VISIBLE_CHANGE_SEALED_LATER", "CONTENT_ADDED", "RESOURCES_ADDED", "ANNOTATION_ADDED", "CONTENT_COVERED"),
        *("FIELD_ADDED", "FIELD_FILLED", "FORM_CHANGED", "SIGNATURE_ADDED", "LARGE_SIGNATURE_ADDED"),
        *("LOCAL_TIME_FAULT", "HAS_EMBEDDED_FILES"),
    )
)

# What the folder source says of what the document system itself wrote there, with its shape: `edxml` or `manifest`.
# It is an answer to a question of ours and not a reason, so decisions do not repeat it.
SYSTEM_PACKAGE = "SYSTEM_PACKAGE"

# The clock reading under which the moment of the form's signature is kept, by the signer's own word.
FORM_SIGNED = "form_signed_at"

# What a source already said of a thing when it took it in; the rest of a delivery's reasons are earlier decisions'.
SAID_BY_SOURCE = frozenset(
    (
        *("OVERSIZE", "FOUND_IN_JUNK", "SIZE_DISAGREES", "INTERNALDATE_MISSING", "MAILBOX_RENUMBERED"),
        *("MANIFEST_INVALID", "MANIFEST_MISMATCH"),
    )
)

# Findings of unpacking that leave something unread, so that a person must look before anything is filed.
HOLDING_PROBLEMS = frozenset(
    (
        *("UNPACK_FAILED", "MESSAGE_PARTIAL", "LIMIT_PARTS", "LIMIT_DEPTH", "LIMIT_BYTES"),
        *("ARCHIVE_DAMAGED", "ARCHIVE_MULTI_VOLUME", "ARCHIVE_NOT_OPENED", "TNEF_DAMAGED", "SMIME_DAMAGED"),
        *("XML_DTD_REFUSED", "XML_NOT_WELL_FORMED", "EDXML_INCOMPLETE", "EDXML_OLD_GENERATION"),
        *("EDXML_ATTACHMENT_DAMAGED", "EDXML_OPERATION_UNKNOWN", "BUNDLE_DAMAGED"),
    )
)


@dataclass(frozen=True, slots=True)
class History:
    """
    What the ledger already has that bears on a delivery.

    `versions` are the agency's earlier deliveries in this campaign, `same_form` those whose form has the very same
    bytes, `named` those that this one's revoke or reply names. `ours` lists the Message-IDs of letters of ours that
    the mail names. The delivery itself is in none of them.
    """

    versions: tuple[Delivery, ...] = ()
    same_form: tuple[Delivery, ...] = ()
    named: tuple[Delivery, ...] = ()
    ours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What the machine decides, or asks a person to decide.

    `is_submission` says that it takes a receipt number and is answered. `form` is the file that counts as the form.
    `repairable` says that the agency can put it right, so the letter is a defect letter. `withdraws` is the id of
    the delivery that this one recalls. `signature` is the form's verdict, `signed_at` what the agency's own signature
    says of its moment (None: nothing).
    """

    state: State
    reasons: tuple[Why, ...]
    is_submission: bool
    form: ExaminedFile | None = None
    signature: Verdict | None = None
    linked_to: str | None = None
    withdraws: str | None = None
    repairable: bool = False
    answers_from: ExaminedFile | None = None
    signed_at: datetime | None = None

    @property
    def clocks(self) -> tuple[ClockReading, ...]:
        """What the form itself adds to the clock readings; evidence of its age, never of its receipt."""
        return (ClockReading(FORM_SIGNED, self.signed_at),) if self.signed_at is not None else ()

    @property
    def flaws(self) -> tuple[Why, ...]:
        """What the form lacks, each with its place, as read from the file that its answers come from."""
        read = self.answers_from or self.form
        return read.form.flaws if read is not None and read.form is not None else ()


def signing_moment(one: Delivery) -> datetime | None:
    """Return when the form of an earlier delivery was signed, by its last examination; None if it does not say."""
    return next((clock.at for clock in reversed(one.clocks) if clock.name == FORM_SIGNED), None)


def once(reasons: tuple[Why, ...]) -> tuple[Why, ...]:
    """Return the reasons in their order, each once."""
    return tuple(dict.fromkeys(reasons))
