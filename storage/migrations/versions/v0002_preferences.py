"""
What each person of the console likes: saved searches and settings.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make the table; nothing that is there changes."""
    op.create_table(
        "preferences",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('view','setting')", name=op.f("ck_preferences_kind")),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_preferences_account"),
        sa.PrimaryKeyConstraint("account", "kind", "name", name="pk_preferences"),
    )


def downgrade() -> None:
    """Forget what people like; nothing of the intake is lost."""
    op.drop_table("preferences")
