"""Read-only views of a workspace, for screens that follow it while its owner works.

A view never writes and never waits for a writer. A database or table that is not there yet means "nothing yet";
one that cannot be read is an error that the screen shows. Values are taken as the type they must have, whatever
the database holds. Log, decisions and policies have views of their own: `engine.workspace.log.view`, `decision_view`
and `policy_view`.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from engine.workspace.advisory import advisory
from engine.workspace.followed import FollowedDatabase, count, moment, text
from engine.workspace.governing.decision_view import DecisionsView
from engine.workspace.governing.policy_view import PoliciesView
from engine.workspace.layout import Layout
from engine.workspace.log.view import LogView
from engine.workspace.owner import owned_by
from engine.workspace.settings import load_settings
from engine.workspace.witness.alarms import read_alarms, unresolved_forks

TRANSFERS_SHOWN: Final = 2000
"""How many transfers of each direction a screen gets: the ones that changed last."""


class Direction(StrEnum):
    """Which way a transfer goes, seen from this organization."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the workspace stands.

    Attributes:
        organization: the organization's id.
        owner_up: True while a process owns the workspace, None if this user cannot tell.
        advisory: True when owner and user are the same OS user, so that policy can be walked around.
        late_witnesses: how many witnesses have not cosigned this log for too long.
        open_forks: how many forks of partners' logs nobody has resolved.
    """

    organization: str
    owner_up: bool | None
    advisory: bool
    late_witnesses: int = 0
    open_forks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer. Sizes are bytes, moments UTC, digests 64 hexadecimal characters."""

    id: str
    direction: Direction
    partner: str
    artifact: str
    name: str
    version: str
    agreement: str
    purpose: str
    actor: str
    state: str
    step: str
    detail: str
    chunks_total: int
    chunks_done: int
    bytes_total: int
    bytes_done: int
    started: datetime
    updated: datetime


class WorkspaceView:
    """The door for screens: how a workspace stands, its transfers, its log, its policies."""

    def __init__(self, home: Path) -> None:
        """Look at the workspace in `home`.

        Raises:
            WorkspaceError: `home` is not a workspace, or its settings are broken.
        """
        self.layout = Layout(home.absolute())
        self.organization = load_settings(self.layout.settings).organization.id
        self.transfers = TransfersView(self.layout)
        self.log = LogView(self.layout)
        self.decisions = DecisionsView(self.layout.audit_database, self.log)
        self.policies = PoliciesView(self.layout)

    def standing(self) -> Standing:
        """Return how the workspace stands now."""
        try:
            owner_up = owned_by(self.layout.lock) is not None
        except PermissionError:
            owner_up = None
        return Standing(
            organization=self.organization,
            owner_up=owner_up,
            advisory=advisory(self.layout),
            late_witnesses=len(read_alarms(self.layout)),
            open_forks=len(unresolved_forks(self.layout)),
        )

    def close(self) -> None:
        """Let go of the databases."""
        self.transfers.close()
        self.log.close()
        self.policies.close()


class TransfersView:
    """Every transfer of the workspace, both ways.

    All methods raise `sqlite3.Error` when a database is there but cannot be read.
    """

    def __init__(self, layout: Layout) -> None:
        self._sent = FollowedDatabase(layout.transfer_database)
        self._received = FollowedDatabase(layout.gateway_database)

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever a transfer may have changed."""
        return (self._sent.version(), self._received.version())

    def read(self) -> tuple[Transfer, ...]:
        """Return the transfers that changed last, in no particular order."""
        sent = self._sent.rows(_OUTGOING, TRANSFERS_SHOWN, tables=("outgoing",))
        received = self._received.rows(_INCOMING, TRANSFERS_SHOWN, tables=("incoming_transfer", "incoming_chunk"))
        return (
            *(_transfer(row, Direction.OUT) for row in sent),
            *(_transfer(row, Direction.IN) for row in received),
        )

    def held(self, transfer: Transfer) -> tuple[bool, ...]:
        """Return for each chunk of an incoming transfer, in the order of the offer, whether it is here."""
        if transfer.direction is Direction.OUT:
            return ()
        return tuple(bool(row[0]) for row in self._received.rows(_HELD, transfer.id, tables=("incoming_chunk",)))

    def break_glass(self, state: str) -> int:
        """Return how many break-glass tickets are `requested`, `approved`, `used` or `reviewed`."""
        found = self._sent.rows(_TICKETS, state, tables=("break_glass",))
        return count(found[0][0]) if found else 0

    def close(self) -> None:
        """Let go of the files."""
        self._sent.close()
        self._received.close()


_OUTGOING: Final = """
SELECT id, partner, artifact, name, version, agreement, purpose, actor, state, step, detail,
    chunks_total, chunks_done, bytes_total, bytes_done, started, updated
FROM outgoing ORDER BY updated DESC LIMIT ?
"""
_INCOMING: Final = """
WITH journal AS (
    SELECT transfer, count(*) AS chunks, count(received) AS held, total(size) AS bytes,
        total(size) FILTER (WHERE received IS NOT NULL) AS held_bytes
    FROM incoming_chunk
    WHERE transfer IN (SELECT id FROM incoming_transfer WHERE state NOT IN ('completed', 'quarantined'))
    GROUP BY transfer
)
SELECT id, partner, artifact, name, version, agreement, purpose, actor, state, step, detail, started, updated,
    coalesce(chunks, chunks_total) AS chunks_total, coalesce(bytes, bytes_total) AS bytes_total,
    CASE WHEN state IN ('completed', 'quarantined') THEN chunks_total ELSE held END AS chunks_done,
    CASE WHEN state IN ('completed', 'quarantined') THEN bytes_total ELSE held_bytes END AS bytes_done
FROM incoming_transfer LEFT JOIN journal ON transfer = id ORDER BY updated DESC LIMIT ?
"""
_TICKETS: Final = "SELECT count(*) FROM break_glass WHERE state = ?"
_HELD: Final = "SELECT received IS NOT NULL FROM incoming_chunk WHERE transfer = ? ORDER BY rowid"


def _transfer(row: sqlite3.Row, direction: Direction) -> Transfer:
    return Transfer(
        id=text(row["id"]),
        direction=direction,
        partner=text(row["partner"]),
        artifact=text(row["artifact"]),
        name=text(row["name"]),
        version=text(row["version"]),
        agreement=text(row["agreement"]),
        purpose=text(row["purpose"]),
        actor=text(row["actor"]),
        state=text(row["state"]),
        step=text(row["step"]),
        detail=text(row["detail"]),
        chunks_total=count(row["chunks_total"]),
        chunks_done=count(row["chunks_done"]),
        bytes_total=count(row["bytes_total"]),
        bytes_done=count(row["bytes_done"]),
        started=moment(row["started"]),
        updated=moment(row["updated"]),
    )
