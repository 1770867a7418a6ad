"""Bundles, candidates, activations, shadows, slices of decisions, consumed nonces, the newest directory."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STATES = "'broken', 'failing', 'ready', 'proposed', 'active', 'superseded', 'withdrawn'"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "bundle",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("files", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "candidate",
        sa.Column("digest", sa.Text, sa.ForeignKey("bundle.digest"), primary_key=True),
        sa.Column("base", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.Column("approval", sa.LargeBinary),
        sa.Column("seen", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name="known_state"),
    )
    op.create_table(
        "activation",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, sa.ForeignKey("bundle.digest"), nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("approver", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("effect", sa.Text, nullable=False),
        sa.Column("statement", sa.LargeBinary),
        sa.Column("logged", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.CheckConstraint("kind IN ('initial', 'activation', 'rollback')", name="known_kind"),
    )
    op.create_table(
        "shadow",
        sa.Column("digest", sa.Text, sa.ForeignKey("bundle.digest"), primary_key=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
    )
    op.create_table(
        "slice",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "nonce",
        sa.Column("nonce", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("used", sa.Float, nullable=False),
    )
    op.create_table(
        "directory",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("file", sa.LargeBinary, nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
    )
