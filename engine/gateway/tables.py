"""Transfers this organization receives: one row each, and the documents they gather on the way."""

from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

incoming = Table(
    "incoming_transfer",
    metadata,
    Column("id", String, primary_key=True),
    Column("partner", String, nullable=False),
    Column("artifact", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("agreement", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("state", String, nullable=False),
    Column("step", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("chunks_total", Integer, nullable=False),
    Column("bytes_total", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

document = Table(
    "incoming_document",
    metadata,
    Column("transfer", ForeignKey("incoming_transfer.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
