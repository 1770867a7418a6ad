"""The log's head: what its writer keeps in memory between two commits, and takes up from the database."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.entry import parse_leaf
from engine.audit.merkle import leaf_hash, verify_inclusion
from engine.audit.note import NoteKey
from engine.audit.schema import read_tile, tampered
from engine.audit.tiles import Edge, TileTree
from engine.errors import InputError


@dataclass(slots=True)
class Head:
    """The end of a log.

    Attributes:
        edge: the tree's right edge, with its size and root.
        time: when the newest entry was recorded; empty for an empty log.
    """

    edge: Edge
    time: str

    def copy(self) -> "Head":
        """Return a head that moves on its own from here."""
        return Head(self.edge.copy(), self.time)


def load_head(db: sqlite3.Connection, key: NoteKey) -> Head:
    """Take up the head from the database, believing nothing that the newest checkpoint does not prove.

    Raises:
        BadSignature: the newest checkpoint is not signed by `key`.
        LogTampered: checkpoint, tiles and newest entry do not fit each other.
    """
    checkpoint = _newest_checkpoint(db, key)
    tree = TileTree(lambda level, number: read_tile(db, level, number))
    edge = Edge.load(checkpoint.size, tree)
    if edge.range.root() != checkpoint.root:
        raise tampered(f"the tiles do not have the root of the newest checkpoint, at {checkpoint.size} entries")
    newest = db.execute("SELECT idx, leaf FROM event ORDER BY idx DESC LIMIT 1").fetchone() or (-1, b"")
    if newest[0] + 1 != checkpoint.size:
        raise tampered(f"the newest entry is {newest[0]}, the newest checkpoint covers {checkpoint.size} entries")
    if checkpoint.size == 0:
        return Head(edge, "")
    try:
        time = parse_leaf(newest[1])["time"]
    except InputError as error:
        raise tampered(f"entry {newest[0]} is damaged: {error}") from None
    demand_proof(newest[0], newest[1], checkpoint, tree.prove_inclusion)
    return Head(edge, time)


def demand_proof(index: int, leaf: bytes, checkpoint: Checkpoint, prove: Callable[[int, int], list[bytes]]) -> None:
    """Make sure that a stored leaf is the one the tree holds at its index.

    Raises:
        LogTampered: it is not.
    """
    proof = prove(index, checkpoint.size)
    if not verify_inclusion(index, checkpoint.size, leaf_hash(leaf), proof, checkpoint.root):
        raise tampered(f"entry {index} is not the one that was recorded")


def _newest_checkpoint(db: sqlite3.Connection, key: NoteKey) -> Checkpoint:
    row = db.execute("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    if row is None or not isinstance(row[1], bytes):
        raise tampered("there is no checkpoint")
    try:
        checkpoint = open_checkpoint(row[1], [key]).checkpoint
    except InputError as error:
        raise tampered(f"the newest checkpoint is damaged: {error}") from None
    if checkpoint.size != row[0]:
        raise tampered(f"the newest checkpoint is of {checkpoint.size} entries, it is stored under {row[0]}")
    return checkpoint
