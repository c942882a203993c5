"""
The first schema: log, deliveries, letters, accounts, and the views that scorers read.

Revision ID: 0001
Revises: (nothing)
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
NUMBER = sa.Text().with_variant(sa.Numeric(), "postgresql")

# The log is only ever added to, a delivery is never deleted, and its moment of receipt never moves later: the
# program does none of these things, and these triggers keep a slip of the hand in a database console from it.
SQLITE_GUARDS = (
    """CREATE TRIGGER log_never_changes BEFORE UPDATE ON log
       BEGIN SELECT RAISE(ABORT, 'the log is never changed'); END""",
    """CREATE TRIGGER log_never_shrinks BEFORE DELETE ON log
       BEGIN SELECT RAISE(ABORT, 'nothing is deleted from the log'); END""",
    """CREATE TRIGGER deliveries_never_vanish BEFORE DELETE ON deliveries
       BEGIN SELECT RAISE(ABORT, 'no delivery is ever deleted'); END""",
    """CREATE TRIGGER receipt_never_moves_later BEFORE UPDATE OF received_at ON deliveries
       WHEN NEW.received_at > OLD.received_at
       BEGIN SELECT RAISE(ABORT, 'a moment of receipt never moves later'); END""",
)
POSTGRESQL_GUARDS = (
    """CREATE FUNCTION intake_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'this is never changed or deleted: %', TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER log_never_changes BEFORE UPDATE OR DELETE ON log
       FOR EACH ROW EXECUTE FUNCTION intake_refuse()""",
    """CREATE TRIGGER log_never_empties BEFORE TRUNCATE ON log
       FOR EACH STATEMENT EXECUTE FUNCTION intake_refuse()""",
    """CREATE TRIGGER deliveries_never_vanish BEFORE DELETE ON deliveries
       FOR EACH ROW EXECUTE FUNCTION intake_refuse()""",
    """CREATE TRIGGER deliveries_never_empty BEFORE TRUNCATE ON deliveries
       FOR EACH STATEMENT EXECUTE FUNCTION intake_refuse()""",
    """CREATE TRIGGER receipt_never_moves_later BEFORE UPDATE OF received_at ON deliveries
       FOR EACH ROW WHEN (NEW.received_at > OLD.received_at) EXECUTE FUNCTION intake_refuse()""",
)

# What scorers read; docs/scoring-store.md explains it column by column. NUMBER is text on SQLite, so that no digit
# is lost in the store, and becomes a number here.
SCORING_FORMS = """
CREATE VIEW scoring_forms AS
SELECT d.campaign, d.agency, d.receipt_no, d.id AS delivery_id, d.channel, d.received_at, d.received_by,
       d.timeliness, d.counted_at AS operative_received_at, d.counted_timeliness AS operative_timeliness,
       d.signature, d.form_sha256, d.decided_at AS accepted_at, d.decided_by AS accepted_by
FROM deliveries d
WHERE d.operative AND d.state = 'filed'
"""
SCORING_ANSWERS = """
CREATE VIEW scoring_answers AS
SELECT d.campaign, d.agency, d.receipt_no, d.id AS delivery_id, a.number AS position, a.criterion_id, a.kind,
       a.value_text, {value_number} AS value_number, {numerator} AS numerator, {denominator} AS denominator,
       CASE WHEN {denominator} <> 0 THEN {numerator} / {denominator} END AS ratio,
       {self_score} AS self_score, {max_points} AS max_points, a.evidence, a.source, a.confidence, a.checked_by
FROM deliveries d
JOIN answers a ON a.delivery_id = d.id AND a.examination = d.examination
WHERE d.operative AND d.state = 'filed'
"""
NUMBERS = ("value_number", "numerator", "denominator", "self_score", "max_points")


def upgrade() -> None:
    """Make every table, guard and view, and give the installation its secret."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _make_tables()
    for statement in SQLITE_GUARDS if on_sqlite else POSTGRESQL_GUARDS:
        op.execute(statement)
    op.execute(SCORING_FORMS)
    as_number = "CAST(a.{} AS REAL)" if on_sqlite else "a.{}"
    op.execute(SCORING_ANSWERS.format(**{name: as_number.format(name) for name in NUMBERS}))
    first_head = sa.table("log_head", *(sa.column(name) for name in ("id", "seq", "hash", "deliveries", "letters")))
    op.execute(first_head.insert().values(id=1, seq=0, hash="0" * 64, deliveries=0, letters=0))
    installation = sa.table("installation", sa.column("name"), sa.column("value"))
    op.execute(installation.insert().values(name="message_id_secret", value=secrets.token_hex(32)))


def downgrade() -> None:
    """There is no way back from the first schema but an empty database."""
    raise NotImplementedError("restore a backup instead: nothing recorded is ever dropped")


def _make_tables() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('viewer','clerk','admin')", name=op.f("ck_accounts_role")),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("campaign", "number", name="pk_campaigns"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("received_at_earliest", MOMENT),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("receipt_no", sa.Text()),
        sa.Column("campaign", sa.Text()),
        sa.Column("agency", sa.Text()),
        sa.Column("timeliness", sa.Text()),
        sa.Column("counted_at", MOMENT),
        sa.Column("counted_timeliness", sa.Text()),
        sa.Column("signature", sa.Text()),
        sa.Column("operative", sa.Boolean(), nullable=False),
        sa.Column("form_sha256", sa.Text()),
        sa.Column("supersedes", sa.Text()),
        sa.Column("linked_to", sa.Text()),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("examination", sa.Integer(), nullable=False),
        sa.Column("campaign_version", sa.Text()),
        sa.Column("policy_version", sa.Text()),
        sa.Column("arrival_reasons", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("clocks", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state <> 'filed' OR (agency IS NOT NULL AND campaign IS NOT NULL AND receipt_no IS NOT NULL)",
            name=op.f("ck_deliveries_filed_has_agency_and_number"),
        ),
        sa.CheckConstraint(
            "state <> 'filed' OR (signature IS NOT NULL AND signature <> 'failed')",
            name=op.f("ck_deliveries_filed_never_with_failed_signature"),
        ),
        sa.CheckConstraint(
            "state <> 'linked' OR linked_to IS NOT NULL", name=op.f("ck_deliveries_linked_to_something")
        ),
        sa.CheckConstraint("NOT operative OR state = 'filed'", name=op.f("ck_deliveries_operative_is_filed")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_deliveries_size")),
        sa.CheckConstraint(
            "state IN ('received','filed','held','returned','set_aside','linked','dismissed','withdrawn','shelved')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.ForeignKeyConstraint(["linked_to"], ["deliveries.id"], name="fk_deliveries_linked_to"),
        sa.ForeignKeyConstraint(["supersedes"], ["deliveries.id"], name="fk_deliveries_supersedes"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_agency", "deliveries", ["campaign", "agency", "received_at"])
    op.create_index("ix_deliveries_bytes", "deliveries", ["sha256", "source"])
    op.create_index("ix_deliveries_form", "deliveries", ["form_sha256"])
    op.create_index("ix_deliveries_message", "deliveries", ["message_id"])
    op.create_index("ix_deliveries_queue", "deliveries", ["state", "attempts", "received_at", "id"])
    op.create_index("ix_deliveries_received", "deliveries", ["received_at", "id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state", "received_at", "id"])
    op.create_index(
        "uq_deliveries_operative",
        "deliveries",
        ["campaign", "agency"],
        unique=True,
        sqlite_where=sa.text("operative"),
        postgresql_where=sa.text("operative"),
    )
    op.create_index("uq_deliveries_receipt", "deliveries", ["receipt_no"], unique=True)
    op.create_table(
        "failed_sign_ins",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_failed_sign_ins"),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_log"),
    )
    op.create_index("ix_log_delivery", "log", ["delivery_id", "seq"])
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("letters", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_single")),
        sa.PrimaryKeyConstraint("id", name="pk_log_head"),
    )
    op.create_table(
        "outages",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_outages"),
    )
    op.create_index("ix_outages_source", "outages", ["source", "since"])
    op.create_table(
        "receipt_counters",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", name="pk_receipt_counters"),
    )
    op.create_table(
        "source_health",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("last_tried_at", MOMENT),
        sa.Column("last_ok_at", MOMENT),
        sa.Column("failing_since", MOMENT),
        sa.Column("error", sa.Text()),
        sa.Column("remedy", sa.Text()),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_source_health"),
    )
    op.create_table(
        "source_memory",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_source_memory"),
    )
    op.create_table(
        "answers",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("examination", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value_text", sa.Text()),
        sa.Column("value_number", NUMBER),
        sa.Column("numerator", NUMBER),
        sa.Column("denominator", NUMBER),
        sa.Column("self_score", NUMBER),
        sa.Column("max_points", NUMBER),
        sa.Column("evidence", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(53), nullable=False),
        sa.Column("checked_by", sa.Text()),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_answers_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "examination", "number", name="pk_answers"),
        sa.UniqueConstraint("delivery_id", "examination", "criterion_id", name="uq_answers_criterion"),
    )
    op.create_table(
        "approvals",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("agency", sa.Text()),
        sa.Column("link_to", sa.Text()),
        sa.Column("fate", sa.Text()),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Text()),
        sa.CheckConstraint("fate IS NULL OR fate IN ('completed','void')", name=op.f("ck_approvals_fate")),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_approvals_delivery_id"),
        sa.PrimaryKeyConstraint("number", name="pk_approvals"),
    )
    op.create_index(
        "uq_approvals_open",
        "approvals",
        ["delivery_id", "action"],
        unique=True,
        sqlite_where=sa.text("fate IS NULL"),
        postgresql_where=sa.text("fate IS NULL"),
    )
    op.create_table(
        "claims",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_claims_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_claims"),
    )
    op.create_table(
        "files",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("examination", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("trail", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("declared_type", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("report", sa.Text()),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_files_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "examination", "number", name="pk_files"),
    )
    op.create_index("ix_files_bytes", "files", ["sha256"])
    op.create_table(
        "flaws",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("examination", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_flaws_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "examination", "number", name="pk_flaws"),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("told", sa.Text()),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("recipient_folded", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("in_reply_to", sa.Text()),
        sa.Column("references", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("tried_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint(
            "state NOT IN ('sending','sent') OR recipient <> ''", name=op.f("ck_letters_sent_to_somebody")
        ),
        sa.CheckConstraint(
            "state IN ('queued','approved','sending','sent','in_doubt','undelivered','withheld','failed')",
            name=op.f("ck_letters_state"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_letters_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
        sa.UniqueConstraint("about", "kind", "ordinal", name="uq_letters_about"),
        sa.UniqueConstraint("message_id", name="uq_letters_message_id"),
    )
    op.create_index("ix_letters_delivery", "letters", ["delivery_id"])
    op.create_index("ix_letters_queue", "letters", ["state", "next_attempt_at"])
    op.create_index("ix_letters_tried", "letters", ["tried_at"])
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_sessions_account"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"])
    op.create_table(
        "source_keys",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_source_keys_delivery_id"),
        sa.PrimaryKeyConstraint("source", "key_sha256", name="pk_source_keys"),
    )
    op.create_index("ix_source_keys_delivery", "source_keys", ["delivery_id"])
