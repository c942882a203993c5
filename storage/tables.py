"""The tables of the ledger, one for each kind of fact; the migrations make them, a test keeps the two the same."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from storage.types import Exactly, Json, Number, UtcTime, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# 1. The log and its head

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Words, nullable=False),
    Column("deliveries", BigInteger, nullable=False),
    Column("letters", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""One row: where the log ends, and the last numbers given. Every writer locks it first on PostgreSQL."""

log = Table(
    "log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("event", Words, nullable=False),
    Column("delivery_id", Words),
    Column("actor", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Column("previous", Words, nullable=False),
    Column("hash", Words, nullable=False),
    Index("ix_log_delivery", "delivery_id", "seq"),
)
"""The hash-chained log; triggers forbid changing it. `detail` is canonical JSON text, exactly as hashed."""

# 2. What arrived, and what became of it

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Words, primary_key=True),
    Column("source", Words, nullable=False),
    Column("source_key", Exactly, nullable=False),
    Column("channel", Words, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("received_at_earliest", UtcTime),
    Column("received_by", Words, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("name", Words, nullable=False),
    Column("sender", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("receipt_no", Words),
    Column("campaign", Words),
    Column("agency", Words),
    Column("timeliness", Words),
    Column("counted_at", UtcTime),
    Column("counted_timeliness", Words),
    Column("signature", Words),
    Column("operative", Boolean, nullable=False),
    Column("form_sha256", Words),
    Column("supersedes", Words, ForeignKey("deliveries.id")),
    Column("linked_to", Words, ForeignKey("deliveries.id")),
    Column("decided_at", UtcTime),
    Column("decided_by", Words),
    Column("message_id", Words),
    Column("released", Boolean, nullable=False),
    Column("examination", Integer, nullable=False),
    Column("campaign_version", Words),
    Column("policy_version", Words),
    Column("arrival_reasons", Json, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("clocks", Json, nullable=False),
    Column("search_text", Words, nullable=False),
    CheckConstraint(
        "state IN ('received','filed','held','returned','set_aside','linked','dismissed','withdrawn','shelved')",
        name="state",
    ),
    # The second promise, where no program can go round it: nothing forged or altered is ever accepted. A form that
    # nobody has examined (signature unknown) is not accepted either. That an unsigned one might be, by two
    # persons, is the office's policy and stands above.
    CheckConstraint(
        "state <> 'filed' OR (signature IS NOT NULL AND signature <> 'failed')",
        name="filed_never_with_failed_signature",
    ),
    CheckConstraint(
        "state <> 'filed' OR (agency IS NOT NULL AND campaign IS NOT NULL AND receipt_no IS NOT NULL)",
        name="filed_has_agency_and_number",
    ),
    CheckConstraint("NOT operative OR state = 'filed'", name="operative_is_filed"),
    CheckConstraint("state <> 'linked' OR linked_to IS NOT NULL", name="linked_to_something"),
    CheckConstraint("size >= 0", name="size"),
    Index("ix_deliveries_queue", "state", "attempts", "received_at", "id"),
    Index("ix_deliveries_state", "state", "received_at", "id"),
    Index("ix_deliveries_received", "received_at", "id"),
    Index("ix_deliveries_agency", "campaign", "agency", "received_at"),
    Index("ix_deliveries_bytes", "sha256", "source"),
    Index("ix_deliveries_form", "form_sha256"),
    Index("ix_deliveries_message", "message_id"),
    Index("uq_deliveries_receipt", "receipt_no", unique=True),
    Index(
        "uq_deliveries_operative",
        "campaign",
        "agency",
        unique=True,
        sqlite_where=text("operative"),
        postgresql_where=text("operative"),
    ),
)

source_keys = Table(
    "source_keys",
    metadata,
    Column("source", Words, nullable=False),
    Column("key_sha256", Words, nullable=False),
    Column("source_key", Exactly, nullable=False),
    Column("delivery_id", Words, ForeignKey("deliveries.id"), nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("source", "key_sha256"),
    Index("ix_source_keys_delivery", "delivery_id"),
)
"""Every key under which a source ever showed a delivery. Found by digest: a path may be longer than an index takes."""

claims = Table("claims", metadata, Column("delivery_id", Words, ForeignKey("deliveries.id"), primary_key=True))
"""One row for each delivery, never changed: its row lock on PostgreSQL is the claim of a worker."""

files = Table(
    "files",
    metadata,
    Column("delivery_id", Words, ForeignKey("deliveries.id"), nullable=False),
    Column("examination", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("trail", Json, nullable=False),
    Column("name", Words),
    Column("declared_type", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("report", Json),
    Column("evidence", Json, nullable=False),
    PrimaryKeyConstraint("delivery_id", "examination", "number"),
    Index("ix_files_bytes", "sha256"),
)

answers = Table(
    "answers",
    metadata,
    Column("delivery_id", Words, ForeignKey("deliveries.id"), nullable=False),
    Column("examination", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("criterion_id", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("value_text", Words),
    Column("value_number", Number),
    Column("numerator", Number),
    Column("denominator", Number),
    Column("self_score", Number),
    Column("max_points", Number),
    Column("evidence", Words),
    Column("source", Words, nullable=False),
    Column("confidence", Float(53), nullable=False),
    Column("checked_by", Words),
    PrimaryKeyConstraint("delivery_id", "examination", "number"),
    UniqueConstraint("delivery_id", "examination", "criterion_id", name="uq_answers_criterion"),
)

flaws = Table(
    "flaws",
    metadata,
    Column("delivery_id", Words, ForeignKey("deliveries.id"), nullable=False),
    Column("examination", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("code", Words, nullable=False),
    Column("detail", Words, nullable=False),
    PrimaryKeyConstraint("delivery_id", "examination", "number"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("delivery_id", Words, ForeignKey("deliveries.id"), nullable=False),
    Column("action", Words, nullable=False),
    Column("asked_by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("note", Words, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("agency", Words),
    Column("link_to", Words),
    Column("fate", Words),
    Column("closed_at", UtcTime),
    Column("closed_by", Words),
    CheckConstraint("fate IS NULL OR fate IN ('completed','void')", name="fate"),
    Index(
        "uq_approvals_open",
        "delivery_id",
        "action",
        unique=True,
        sqlite_where=text("fate IS NULL"),
        postgresql_where=text("fate IS NULL"),
    ),
)

receipt_counters = Table(
    "receipt_counters",
    metadata,
    Column("prefix", Words, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

letters = Table(
    "letters",
    metadata,
    Column("id", Words, primary_key=True),
    Column("about", Words, nullable=False),
    Column("delivery_id", Words, ForeignKey("deliveries.id")),
    Column("kind", Words, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("told", Words),
    Column("recipient", Words, nullable=False),
    Column("recipient_folded", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("carrier", Words, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("in_reply_to", Words),
    Column("references", Words),
    Column("attempts", Integer, nullable=False),
    Column("approved_by", Words),
    Column("next_attempt_at", UtcTime),
    Column("tried_at", UtcTime),
    Column("sent_at", UtcTime),
    Column("error", Words),
    CheckConstraint(
        "state IN ('queued','approved','sending','sent','in_doubt','undelivered','withheld','failed')", name="state"
    ),
    CheckConstraint("state NOT IN ('sending','sent') OR recipient <> ''", name="sent_to_somebody"),
    UniqueConstraint("about", "kind", "ordinal", name="uq_letters_about"),
    UniqueConstraint("message_id"),
    Index("ix_letters_queue", "state", "next_attempt_at"),
    Index("ix_letters_delivery", "delivery_id"),
    Index("ix_letters_tried", "tried_at"),
)
"""`about` is the delivery's id, or the key of a letter that belongs to none (a reminder)."""

# 3. Campaigns, sources, people, machines

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign", Words, nullable=False),
    Column("number", Integer, nullable=False),
    Column("version", Words, nullable=False),
    Column("content", Words, nullable=False),
    Column("recorded_by", Words, nullable=False),
    Column("note", Words, nullable=False),
    Column("at", UtcTime, nullable=False),
    PrimaryKeyConstraint("campaign", "number"),
)

source_memory = Table(
    "source_memory",
    metadata,
    Column("source", Words, nullable=False),
    Column("key", Exactly, nullable=False),
    Column("value", Exactly, nullable=False),
    PrimaryKeyConstraint("source", "key"),
)

source_health = Table(
    "source_health",
    metadata,
    Column("source", Words, primary_key=True),
    Column("last_tried_at", UtcTime),
    Column("last_ok_at", UtcTime),
    Column("failing_since", UtcTime),
    Column("error", Words),
    Column("remedy", Words),
    Column("counts", Json, nullable=False),
)

outages = Table(
    "outages",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("source", Words, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime),
    Column("error", Words, nullable=False),
    Index("ix_outages_source", "source", "since"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Words, primary_key=True),
    Column("full_name", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("password_hash", Words, nullable=False),
    CheckConstraint("role IN ('viewer','clerk','admin')", name="role"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    Column("account", Words, ForeignKey("accounts.name"), nullable=False),
    Column("csrf", Words, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_sessions_account", "account"),
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("subject", Words, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("account", Words, ForeignKey("accounts.name"), nullable=False),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("value", Words, nullable=False),
    Column("at", UtcTime, nullable=False),
    PrimaryKeyConstraint("account", "kind", "name"),
    CheckConstraint("kind IN ('view','setting')", name="kind"),
)
"""What each person of the console likes; no fact of the intake, so the log does not speak of it."""

leases = Table(
    "leases",
    metadata,
    Column("name", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Words, nullable=False),
)
"""What makes this installation itself, e.g. the secret that keeps Message-IDs from being guessed."""
