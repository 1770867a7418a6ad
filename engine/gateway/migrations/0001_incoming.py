"""Incoming transfers and their documents."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS = ("partner", "artifact", "name", "version", "agreement", "purpose", "actor", "state", "step", "detail")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "incoming_transfer",
        sa.Column("id", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in TEXTS),
        sa.Column("chunks_total", sa.Integer, nullable=False),
        sa.Column("bytes_total", sa.Integer, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_table(
        "incoming_document",
        sa.Column("transfer", sa.String, sa.ForeignKey("incoming_transfer.id"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
