"""The registry's table, as its migrations leave it."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, LargeBinary, MetaData, Table, Text, UniqueConstraint

STATES: Final = ("packed", "quarantined", "released", "rejected")

metadata: Final = MetaData()

artifact: Final = Table(
    "artifact",
    metadata,
    Column("root", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("source", LargeBinary),  # a path as the file system has it, which need not be UTF-8
    Column("state", Text, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("chunks", LargeBinary, nullable=False),
    Column("transfer", Text),
    Column("agreement", Text),
    Column("actor", Text),
    Column("added", Text, nullable=False),
    UniqueConstraint("origin", "name", "version", name="one_content_per_version"),
    CheckConstraint(f"state IN {STATES!r}", name="known_state"),
)
