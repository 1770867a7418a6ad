"""Incoming transfers and their documents."""

from alembic import op

from engine.gateway.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    metadata.create_all(op.get_bind())
