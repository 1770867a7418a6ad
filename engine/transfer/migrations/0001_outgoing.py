"""Outgoing transfers and their documents."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXTS = ("partner", "artifact", "name", "version", "agreement", "purpose", "impact", "actor", "state", "step", "detail")
COUNTS = ("chunks_total", "chunks_done", "chunks_sent", "bytes_total", "bytes_done")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "outgoing",
        sa.Column("id", sa.String, primary_key=True),
        *(sa.Column(name, sa.String, nullable=False) for name in TEXTS),
        *(sa.Column(name, sa.Integer, nullable=False) for name in COUNTS),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.CheckConstraint("chunks_done <= chunks_total AND bytes_done <= bytes_total", name="progress_within_total"),
    )
    op.create_index("outgoing_by_order", "outgoing", ["artifact", "partner", "agreement"])
    op.create_table(
        "outgoing_document",
        sa.Column("transfer", sa.String, sa.ForeignKey("outgoing.id"), primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
