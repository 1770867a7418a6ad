"""Tiles: where hashes stand, and that a tree taken up from them goes on as if it had never stopped."""

import pytest

from engine.audit.merkle import Range, leaf_hash, verify_consistency, verify_inclusion
from engine.audit.tiles import Edge, Tile, TileTree, tile_path, tile_width
from engine.errors import LogTampered


class Shelf:
    """Keeps tiles as a log's database does."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def put(self, tiles: list[Tile]) -> None:
        self.tiles |= {(tile.level, tile.number): tile.hashes for tile in tiles}

    def read(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")


def leaves(start: int, end: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(start, end)]


def root(size: int) -> bytes:
    tree = Range()
    for leaf in leaves(0, size):
        tree.append(leaf)
    return tree.root()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((0, 1_234_067), "tile/0/x001/x234/067"),
        ((1, 5, 17), "tile/1/005.p/17"),
        ((0, 1000, 256), "tile/0/x001/000"),
    ],
)
def test_tiles_are_named_as_tlog_tiles_names_them(arguments: tuple[int, ...], path: str) -> None:
    assert tile_path(*arguments) == path


@pytest.mark.parametrize(
    ("place", "size", "width"),
    [
        ((0, 0), 0, 0),
        ((0, 0), 300, 256),
        ((0, 1), 300, 44),
        ((0, 2), 300, 0),
        ((1, 0), 300, 1),
        ((2, 0), 65_535, 0),
        ((2, 0), 65_536, 1),
        ((-1, 0), 300, 0),
        ((0, -1), 300, 0),
    ],
)
def test_every_tile_is_as_wide_as_the_log_is_long(place: tuple[int, int], size: int, width: int) -> None:
    assert tile_width(*place, size) == width


def test_a_tree_taken_up_from_its_tiles_goes_on_where_it_was() -> None:
    shelf, edge, size = Shelf(), Edge(), 0
    for end in (1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000):
        shelf.put(edge.extend(leaves(size, end)))
        size = end
        edge = Edge.load(size, TileTree(shelf.read))
        assert edge.range.root() == root(size)


def test_only_tiles_that_changed_are_written() -> None:
    edge = Edge()
    edge.extend(leaves(0, 300))

    assert [(tile.level, tile.number) for tile in edge.extend(leaves(300, 310))] == [(0, 1)]
    assert [(tile.level, tile.number) for tile in edge.extend(leaves(310, 520))] == [(0, 1), (0, 2), (1, 0)]


def test_a_copy_of_the_edge_grows_on_its_own() -> None:
    edge = Edge()
    edge.extend(leaves(0, 10))
    edge.copy().extend(leaves(10, 300))

    edge.extend(leaves(10, 20))

    assert edge.range.root() == root(20)


def test_proofs_keep_coming_while_the_tiles_they_were_made_from_grow() -> None:
    shelf, edge = Shelf(), Edge()
    tree = TileTree(shelf.read)
    shelf.put(edge.extend(leaves(0, 100)))
    tree.prove_inclusion(3, 100)

    shelf.put(edge.extend(leaves(100, 700)))

    assert verify_inclusion(650, 700, leaves(650, 651)[0], tree.prove_inclusion(650, 700), root(700))
    proof = tree.prove_consistency(100, 700)
    assert verify_consistency(100, 700, root(100), root(700), proof)


def test_a_missing_or_short_tile_is_named() -> None:
    shelf, edge = Shelf(), Edge()
    shelf.put(edge.extend(leaves(0, 300)))
    shelf.tiles[0, 1] = shelf.tiles[0, 1][:-1]

    with pytest.raises(LogTampered, match="tile/0/001 is missing or too short"):
        Edge.load(300, TileTree(shelf.read))
    del shelf.tiles[1, 0]
    with pytest.raises(LogTampered, match="tile/1/000 is missing or too short"):
        TileTree(shelf.read).root(300)


def test_tiles_long_unused_are_forgotten_and_read_again() -> None:
    shelf, edge = Shelf(), Edge()
    size = 256 * 520
    shelf.put(edge.extend(leaf_hash(b"same") for _ in range(size)))
    tree = TileTree(shelf.read)
    expected = edge.range.root()

    for index in range(0, size, 256):
        assert verify_inclusion(index, size, leaf_hash(b"same"), tree.prove_inclusion(index, size), expected)
    assert len(tree._pyramids) <= 512
