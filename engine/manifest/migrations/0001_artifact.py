"""The artifacts this organization holds."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the registry's table."""
    op.create_table(
        "artifact",
        sa.Column("root", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("source", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("chunks", sa.LargeBinary, nullable=False),
        sa.Column("transfer", sa.Text),
        sa.Column("agreement", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("added", sa.Text, nullable=False),
        sa.UniqueConstraint("origin", "name", "version", name="one_content_per_version"),
        sa.CheckConstraint("state IN ('packed', 'quarantined', 'released', 'rejected')", name="known_state"),
    )
