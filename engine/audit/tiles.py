"""Tiles (C2SP tlog-tiles): the tree's hashes in blocks of 256, which is what a log stores and serves.

Tile (level, number) holds the hashes of the perfect subtrees of height 8 x level, from subtree 256 x number on.
Only the last tile of a level may be partial. A tile never changes what it holds; it only gets longer.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from engine.audit.merkle import (
    HASH_SIZE,
    Range,
    frontier,
    parents,
    prove_consistency,
    prove_inclusion,
    root_of,
)
from engine.audit.schema import tampered
from engine.errors import LogTampered

TILE_WIDTH: Final = 256
"""How many hashes a full tile holds."""

_HEIGHT: Final = 8
_FULL: Final = TILE_WIDTH * HASH_SIZE
_TOP: Final = 7
_CACHED: Final = 512

ReadTile = Callable[[int, int], bytes]
"""Returns the hashes of tile (level, number), as many as are stored, or nothing."""


class Tile(NamedTuple):
    """A tile with its place; `hashes` are up to 256 hashes of 32 bytes, one after the other."""

    level: int
    number: int
    hashes: bytes

    def root(self) -> bytes:
        """Return the hash that a full tile has in the level above."""
        return _pyramid(self.hashes)[_HEIGHT]


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return a tile's path as tlog-tiles writes it: `tile/0/x001/x234/067`, with `.p/W` if only W hashes wide."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/" + "/".join(reversed(groups)) + partial


def tile_width(level: int, number: int, size: int) -> int:
    """Return how many hashes tile (level, number) holds in a log of `size` entries; 0 if there is no such tile."""
    if not 0 <= level <= _TOP or number < 0:
        return 0
    return max(0, min(TILE_WIDTH, (size >> _HEIGHT * level) - number * TILE_WIDTH))


class Edge:
    """The right edge of a growing tree: what an appender must hold to add a leaf and to write the tiles.

    Attributes:
        range: the tree itself, for its size and root.
    """

    __slots__ = ("_partial", "range")

    def __init__(self) -> None:
        self.range = Range()
        self._partial = [bytearray()]

    @classmethod
    def load(cls, size: int, tiles: "TileTree") -> "Edge":
        """Take up a log where its tiles end.

        Raises:
            LogTampered: a tile is missing or too short.
        """
        edge = cls()
        edge.range = tiles.range(size)
        edge._partial = []
        while size or not edge._partial:
            edge._partial.append(bytearray(tiles.partial(len(edge._partial), size)))
            size //= TILE_WIDTH
        return edge

    def append(self, leaf: bytes) -> Sequence[Tile]:
        """Add the next leaf by its hash, and return the tiles that became full by it, lowest first."""
        index = self.range.size
        self.range.append(leaf)
        partial = self._partial[0]
        partial += leaf
        if len(partial) < _FULL:
            return ()
        tile = Tile(0, index >> _HEIGHT, bytes(partial))
        self._partial[0] = bytearray()
        return self._lift(tile, tile.root())

    def append_tile(self, hashes: bytes) -> Sequence[Tile]:
        """Add 256 leaves by their hashes, and return the tiles that became full by it; faster than one by one.

        INVARIANT: the last tile of leaves is full, or there is none.
        """
        tile = Tile(0, self.range.size >> _HEIGHT, hashes)
        root = tile.root()
        self.range.append(root, _HEIGHT)
        return self._lift(tile, root)

    def extend(self, leaves: Iterable[bytes]) -> list[Tile]:
        """Add leaves by their hashes, and return every tile that must be written for it."""
        full = [tile for leaf in leaves for tile in self.append(leaf)]
        touched = 1 + max((tile.level for tile in full), default=-1)
        return full + [tile for tile in self.partial_tiles() if tile.level <= touched]

    def partial_tiles(self) -> list[Tile]:
        """Return the last tile of each level, where it is partial."""
        return [
            Tile(level, self.range.size >> _HEIGHT * (level + 1), bytes(hashes))
            for level, hashes in enumerate(self._partial)
            if hashes
        ]

    def copy(self) -> "Edge":
        """Return an edge that grows on its own from here."""
        twin = Edge()
        twin.range = self.range.copy()
        twin._partial = [bytearray(hashes) for hashes in self._partial]
        return twin

    def _lift(self, tile: Tile, root: bytes) -> list[Tile]:
        """Note a tile that became full in the levels above."""
        full = [tile]
        for level in range(1, _TOP + 1):
            if level == len(self._partial):
                self._partial.append(bytearray())
            self._partial[level] += root
            if len(self._partial[level]) < _FULL:
                break
            above = Tile(level, full[-1].number >> _HEIGHT, bytes(self._partial[level]))
            self._partial[level] = bytearray()
            full.append(above)
            root = above.root()
        return full


class TileTree:
    """Roots and proofs of a log from its tiles; the inner nodes of recently used tiles are kept."""

    def __init__(self, read: ReadTile) -> None:
        self._read = read
        self._pyramids: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    @classmethod
    def by_path(cls, read: Callable[[str], bytes], size: int) -> "TileTree":
        """Return the tree of a log whose tiles are fetched from elsewhere.

        Args:
            read: fetches a tile by its path below `tile/`.
            size: of the log at which it is asked; partial tiles are those of this size.
        """

        def fetch(level: int, number: int) -> bytes:
            return read(tile_path(level, number, tile_width(level, number, size)).removeprefix("tile/"))

        return cls(fetch)

    def root(self, size: int) -> bytes:
        """Return the root over the first `size` leaves.

        Raises:
            LogTampered: a tile is missing or too short; so for all methods here.
        """
        return root_of(size, self._subtree)

    def range(self, size: int) -> Range:
        """Return the tree over the first `size` leaves, ready to grow."""
        return Range(size, [self._subtree(height, number) for height, number in frontier(size)])

    def prove_inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of leaf `index` in the tree of `size` leaves."""
        return prove_inclusion(index, size, self._subtree)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` leaves extends the one of `old`."""
        return prove_consistency(old, new, self._subtree)

    def partial(self, level: int, size: int) -> bytes:
        """Return the hashes of the level's last, partial tile, where `size` counts the level's hashes."""
        number, width = divmod(size, TILE_WIDTH)
        if not width:
            return b""
        hashes = self._read(level, number)[: width * HASH_SIZE]
        if len(hashes) < width * HASH_SIZE:
            raise _short(level, number)
        return hashes

    def _subtree(self, height: int, number: int) -> bytes:
        level, inner = divmod(height, _HEIGHT)
        tile, place = divmod(number << inner, TILE_WIDTH)
        start = (place >> inner) * HASH_SIZE
        found = self._nodes(level, tile, inner)[start : start + HASH_SIZE]
        if len(found) < HASH_SIZE:
            # What is cached may be from when the tile was shorter.
            self._pyramids.pop((level, tile), None)
            found = self._nodes(level, tile, inner)[start : start + HASH_SIZE]
        if len(found) < HASH_SIZE:
            raise _short(level, tile)
        return found

    def _nodes(self, level: int, number: int, inner: int) -> bytes:
        pyramid = self._pyramids.get((level, number))
        if pyramid is None:
            pyramid = self._pyramids[level, number] = _pyramid(self._read(level, number))
            if len(self._pyramids) > _CACHED:
                self._pyramids.popitem(last=False)
        else:
            self._pyramids.move_to_end((level, number))
        return pyramid[inner]


def _pyramid(hashes: bytes) -> list[bytes]:
    """The rows of the tree within a tile: its hashes, their parents, and so on to the tile's root, if full."""
    rows = [hashes]
    for _ in range(_HEIGHT):
        rows.append(parents(rows[-1]))
    return rows


def _short(level: int, number: int) -> LogTampered:
    return tampered(f"{tile_path(level, number)} is missing or too short")
