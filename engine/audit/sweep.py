"""The pass over all entries that `engine.audit.verify` makes: leaves, columns, payloads, tiles and roots.

Entries are taken by tiles of 256. Where a leaf and the tile's hash of it disagree, the hash above tells which of
the two was altered, and the pass goes on with the other: so one edit is one problem, at its place.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.audit.checkpoint import Checkpoint
from engine.audit.entry import COLUMNS, PAYLOAD_LIMIT, SALT_SIZE, commitment, parse_leaf, pseudonym
from engine.audit.erasure import ERASED, PERMANENT, Absences
from engine.audit.likeness import ROWS, SORTED, Likeness
from engine.audit.merkle import HASH_SIZE, leaf_hash
from engine.audit.schema import read_tile
from engine.audit.tiles import TILE_WIDTH, Edge, Tile, TileTree, tile_path
from engine.audit.verification import Kind, Problems
from engine.digest import parse_json
from engine.errors import InputError

_TIME: Final = 4 + SORTED.index("time")
_TYPE: Final = 4 + SORTED.index("type")
_ERASED: Final = ERASED.encode()

Progress = Callable[[int, int], None]
"""Told how many entries are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A root that somebody signed for a size, and what to say if the tree has another."""

    size: int
    root: bytes
    kind: Kind
    message: str


class Sweep:
    """One pass over the entries that a checkpoint covers.

    Args:
        db: the database, whose schema was found right.
        checkpoint: the newest checkpoint, signature verified.
        claims: the roots to compare, of sizes up to the checkpoint's.
        problems: where to report.
        pseudonym_key: compares pseudonyms with names, if given.
        since: how many entries need not be read again, as one of the claims is about a tree of that size.

    Attributes:
        start: the first entry that is read; before it, only tiles are.
        absences: which payloads are missing, and which the log says were erased.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        checkpoint: Checkpoint,
        claims: Iterable[Claim],
        problems: Problems,
        pseudonym_key: bytes | None,
        *,
        since: int = 0,
    ) -> None:
        self._db = db
        self._checkpoint = checkpoint
        self._problems = problems
        self._pseudonym_key = pseudonym_key
        self._edge = Edge()
        # INVARIANT: the last entry that need not be read is, as the time of all before it.
        self.start = max(0, since - 1) // TILE_WIDTH * TILE_WIDTH
        self.absences = Absences()
        self._time = b""
        self._likeness = Likeness()
        self._claims: dict[int, list[Claim]] = {}
        for claim in claims:
            self._claims.setdefault(claim.size, []).append(claim)
        self._claimed_within = {size // TILE_WIDTH for size in self._claims if size % TILE_WIDTH}

    def run(self, progress: Progress | None) -> None:
        """Go over all entries to read; stop early only where neither leaf nor tile is left.

        Raises:
            LogTampered: a tile before `start` is missing or too short.
        """
        size = self._checkpoint.size
        if self.start:
            self._take_up()
        self._compare_roots()
        for start in range(self.start, size, TILE_WIDTH):
            hashes = self._check_tile_of_entries(start, min(start + TILE_WIDTH, size))
            if hashes is None:
                return
            self._grow(hashes)
            if progress is not None:
                progress(self._edge.range.size, size)
        for tile in self._edge.partial_tiles():
            self._compare_tile(tile)

    def _grow(self, hashes: bytes) -> None:
        """Let the tree grow by a tile of leaves, and compare what becomes full and what is claimed on the way."""
        if len(hashes) == TILE_WIDTH * HASH_SIZE and self._edge.range.size // TILE_WIDTH not in self._claimed_within:
            self._compare(self._edge.append_tile(hashes))
            return
        for place in range(0, len(hashes), HASH_SIZE):
            self._compare(self._edge.append(hashes[place : place + HASH_SIZE]))

    def _compare(self, full: Sequence[Tile]) -> None:
        for tile in full:
            self._compare_tile(tile)
        if self._edge.range.size in self._claims:
            self._compare_roots()

    def _take_up(self) -> None:
        """Compare what was claimed of the tree before `start`, by its tiles, and go on from there."""
        tree = TileTree(lambda level, number: read_tile(self._db, level, number))
        for claim in (claim for size in sorted(self._claims) if size < self.start for claim in self._claims[size]):
            if claim.root != tree.root(claim.size):
                self._problems.add(claim.kind, f"checkpoint {claim.size}", claim.message)
        self._edge = Edge.load(self.start, tree)

    def _check_tile_of_entries(self, start: int, end: int) -> bytes | None:
        """Check the entries of one tile, and return the hashes to go on with; None if one is lost."""
        leaves: list[bytes | None] = [None] * (end - start)
        absent = set(range(start, end))
        for row in self._rows(start, end):
            absent.discard(row[0])
            leaves[row[0] - start] = self._check_entry(row)
        for index in sorted(absent):
            self._problems.add(Kind.ENTRY, f"entry {index}", "is missing")
        known = [leaf for leaf in leaves if leaf is not None]
        stored = read_tile(self._db, 0, start // TILE_WIDTH)
        if len(known) == len(leaves) and b"".join(known) == stored:
            return stored
        return self._settle(start, leaves, stored)

    def _rows(self, start: int, end: int) -> list[Sequence[Any]]:
        """Return rows with text as its raw bytes, which is fast."""
        text_factory, self._db.text_factory = self._db.text_factory, bytes
        try:
            return self._db.execute(ROWS, (start, end)).fetchall()
        finally:
            self._db.text_factory = text_factory

    def _settle(self, start: int, leaves: Sequence[bytes | None], stored: bytes) -> bytes | None:
        """Find out whether the leaves or their tile were altered."""
        where = tile_path(0, start // TILE_WIDTH)
        known = [leaf for leaf in leaves if leaf is not None]
        whole = len(known) == len(leaves)
        if len(stored) != len(leaves) * HASH_SIZE:
            message = f"has {len(stored)} bytes instead of {len(leaves) * HASH_SIZE}, or no bytes at all"
            self._problems.add(Kind.TILE, where, message)
            return b"".join(known) if whole else None
        if whole and self._proves(start, known):
            self._problems.add(Kind.TILE, where, "differs from the leaves, which the tree above agrees with")
            return b"".join(known)
        hashes = [stored[place : place + HASH_SIZE] for place in range(0, len(stored), HASH_SIZE)]
        for index, (leaf, held) in enumerate(zip(leaves, hashes, strict=True), start):
            if leaf is not None and leaf != held:
                self._problems.add(Kind.ENTRY, f"entry {index}", "its leaf is not the one that the tree holds")
        return stored

    def _proves(self, start: int, leaves: Sequence[bytes]) -> bool:
        """Say whether the next level's tile, or the newest checkpoint, agrees with these leaves."""
        edge = self._edge.copy()
        full = [tile for leaf in leaves for tile in edge.append(leaf)]
        if not full:
            return edge.range.root() == self._checkpoint.root
        number, place = divmod(start // TILE_WIDTH, TILE_WIDTH)
        above = read_tile(self._db, 1, number)[place * HASH_SIZE : (place + 1) * HASH_SIZE]
        return above == full[0].root()

    def _check_entry(self, row: Sequence[Any]) -> bytes | None:
        """Check one entry by itself, and return its leaf's hash; None if there are no bytes to hash."""
        if self._pseudonym_key is None and self._likeness.holds(row) and row[_TYPE] != _ERASED:
            time = row[_TIME]
            if time >= self._time:
                self._time = time
                return leaf_hash(row[2])
        return self._look_into(row[0])

    def _look_into(self, index: int) -> bytes | None:
        """Check one entry attribute by attribute."""
        _, _, leaf, body, *columns = self._db.execute(ROWS, (index, index + 1)).fetchone()
        where = f"entry {index}"
        try:
            public = parse_leaf(leaf)
        except InputError as error:
            self._problems.add(Kind.ENTRY, where, str(error))
            return leaf_hash(leaf) if isinstance(leaf, bytes) else None
        self._likeness.learn(public["source"])
        found = dict(zip(SORTED, columns, strict=True))
        self._check_payload(index, public, found.pop("salt"), body)
        for name in COLUMNS:
            self._check_column(where, name, found[name], public.get(name))
        time = public["time"].encode()
        if time < self._time:
            message = f"is of {public['time']!a}, an earlier entry is of {self._time.decode()!a}"
            self._problems.add(Kind.TIME, where, message)
        self._time = max(self._time, time)
        return leaf_hash(leaf)

    def _check_column(self, where: str, name: str, found: object, said: str | None) -> None:
        if found != said:
            self._problems.add(Kind.COLUMN, f"{where}, column {name}", f"says {found!a}, the leaf says {said!a}")

    def _check_payload(self, index: int, public: dict[str, str], salt: object, body: object) -> None:
        where, permanent = f"entry {index}", public["type"] in PERMANENT
        if salt is None and body is None and not permanent:
            self.absences.missing.append(index)
        elif salt is None and body is None:
            self._problems.add(Kind.PAYLOAD, where, "its payload is missing, and is of a type that is never erased")
        elif not isinstance(salt, bytes) or not isinstance(body, bytes) or len(salt) != SALT_SIZE:
            self._problems.add(Kind.PAYLOAD, where, "its payload or salt is of a wrong type or length")
        elif commitment(salt, body) != public["commitment"]:
            self._problems.add(Kind.PAYLOAD, where, "its payload is not the one its leaf commits to")
        elif public["type"] == ERASED or self._pseudonym_key is not None:
            self._read_payload(index, public, body)

    def _read_payload(self, index: int, public: dict[str, str], body: bytes) -> None:
        """Take up what an erasure names, and compare the actor's name with its pseudonym."""
        where = f"entry {index}"
        try:
            payload = parse_json(body, what="its payload", limit=PAYLOAD_LIMIT)
        except InputError as error:
            self._problems.add(Kind.PAYLOAD, where, str(error))
            return
        said = payload if isinstance(payload, dict) else {}
        if public["type"] == ERASED:
            self.absences.note_erasure(index, said)
        if self._pseudonym_key is not None:
            self._check_pseudonym(where, public["actor"], said.get("actor"), self._pseudonym_key)

    def _check_pseudonym(self, where: str, actor: str, name: object, key: bytes) -> None:
        if not isinstance(name, str) or pseudonym(key, name) != actor:
            message = f"its actor {name!a} does not have the pseudonym {actor!a} of its leaf"
            self._problems.add(Kind.PAYLOAD, where, message)

    def _compare_tile(self, tile: Tile) -> None:
        # Level 0 was compared entry by entry.
        if tile.level and read_tile(self._db, tile.level, tile.number) != tile.hashes:
            message = "is missing, or differs from the tree over the leaves"
            self._problems.add(Kind.TILE, tile_path(tile.level, tile.number), message)

    def _compare_roots(self) -> None:
        size = self._edge.range.size
        for claim in self._claims.get(size, ()):
            if claim.root != self._edge.range.root():
                self._problems.add(claim.kind, f"checkpoint {size}", claim.message)
