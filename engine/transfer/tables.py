"""Transfers this organization sends: one row each, and the documents they gather on the way."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()

outgoing = Table(
    "outgoing",
    metadata,
    Column("id", String, primary_key=True),
    Column("partner", String, nullable=False),
    Column("artifact", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("agreement", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("impact", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("state", String, nullable=False),
    Column("step", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("chunks_total", Integer, nullable=False),
    Column("chunks_done", Integer, nullable=False),
    Column("chunks_sent", Integer, nullable=False),
    Column("bytes_total", Integer, nullable=False),
    Column("bytes_done", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("updated", Float, nullable=False),
    CheckConstraint("chunks_done <= chunks_total AND bytes_done <= bytes_total", name="progress_within_total"),
    Index("outgoing_by_order", "artifact", "partner", "agreement"),
)

document = Table(
    "outgoing_document",
    metadata,
    Column("transfer", ForeignKey("outgoing.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

break_glass = Table(
    "break_glass",
    metadata,
    Column("id", String, primary_key=True),
    Column("transfer", ForeignKey("outgoing.id"), nullable=False),
    Column("state", String, nullable=False),
    Column("requester", String, nullable=False),
    Column("waives", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("hours", Float, nullable=False),
    Column("requested", Float, nullable=False),
    Column("approver", String),
    Column("statement", LargeBinary),
    Column("expires", Float),
    Column("used", Float),
    Column("reviewer", String),
    Column("finding", String),
    Column("reviewed", Float),
    CheckConstraint("state IN ('requested', 'approved', 'used', 'reviewed')", name="known_state"),
    Index("break_glass_by_transfer", "transfer"),
)
