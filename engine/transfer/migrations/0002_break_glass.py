"""Tickets that let a transfer past failed checks, and their reviews."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXTS = ("transfer", "state", "requester", "waives", "ticket", "reason")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "break_glass",
        sa.Column("id", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in TEXTS),
        sa.Column("hours", sa.Float, nullable=False),
        sa.Column("requested", sa.Float, nullable=False),
        sa.Column("approver", sa.String),
        sa.Column("statement", sa.LargeBinary),
        sa.Column("expires", sa.Float),
        sa.Column("used", sa.Float),
        sa.Column("reviewer", sa.String),
        sa.Column("finding", sa.String),
        sa.Column("reviewed", sa.Float),
        sa.ForeignKeyConstraint(["transfer"], ["outgoing.id"]),
        sa.CheckConstraint("state IN ('requested', 'approved', 'used', 'reviewed')", name="known_state"),
    )
    op.create_index("break_glass_by_transfer", "break_glass", ["transfer"])
