"""The policy database: which bundle decides, what waits to, and what past decisions rested on."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Integer, LargeBinary, MetaData, Table, Text

STATES: Final = ("broken", "failing", "ready", "proposed", "active", "superseded", "withdrawn")
KINDS: Final = ("initial", "activation", "rollback")

metadata: Final = MetaData()

bundle: Final = Table(
    "bundle",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("files", LargeBinary, nullable=False),
    Column("created", Float, nullable=False),
)

candidate: Final = Table(
    "candidate",
    metadata,
    Column("digest", ForeignKey("bundle.digest"), primary_key=True),
    Column("base", Text),
    Column("author", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("report", LargeBinary, nullable=False),
    Column("approval", LargeBinary),
    Column("seen", Float, nullable=False),
    Column("updated", Float, nullable=False),
    CheckConstraint(f"state IN {STATES!r}", name="known_state"),
)

activation: Final = Table(
    "activation",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", ForeignKey("bundle.digest"), nullable=False),
    Column("previous", Text),
    Column("kind", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("approver", Text),
    Column("reason", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("statement", LargeBinary),
    Column("logged", Integer, nullable=False),
    Column("at", Float, nullable=False),
    CheckConstraint(f"kind IN {KINDS!r}", name="known_kind"),
)

shadow: Final = Table(
    "shadow",
    metadata,
    Column("digest", ForeignKey("bundle.digest"), primary_key=True),
    Column("by", Text, nullable=False),
    Column("since", Float, nullable=False),
)

slice_: Final = Table(
    "slice",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

nonce: Final = Table(
    "nonce",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("used", Float, nullable=False),
)

directory: Final = Table(
    "directory",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("file", LargeBinary, nullable=False),
    Column("seen", Float, nullable=False),
)
