"""The tree against a model written straight from RFC 6962, section 2.1."""

import json

from hypothesis import given
from hypothesis import strategies as st

from engine.audit.entry import OPTIONAL, parse_leaf, seal
from engine.audit.merkle import leaf_hash, node_hash, verify_consistency, verify_inclusion
from engine.audit.tiles import Edge, TileTree
from engine.digest import canonical
from engine.errors import InputError
from engine.events import Event

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(1100)]
SIZES = st.integers(1, len(LEAVES)) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1024, 1025])


def split(width: int) -> int:
    power = 1
    while power * 2 < width:
        power *= 2
    return power


def root(leaves: list[bytes]) -> bytes:
    """MTH of the RFC, for leaves that are hashed already."""
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node_hash(root(leaves[:middle]), root(leaves[middle:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of the RFC."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*path(index, leaves[:middle]), root(leaves[middle:])]
    return [*path(index - middle, leaves[middle:]), root(leaves[:middle])]


def subproof(old: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of the RFC."""
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*subproof(old, leaves[:middle], whole=whole), root(leaves[middle:])]
    return [*subproof(old - middle, leaves[middle:], whole=False), root(leaves[:middle])]


def stored_tree() -> TileTree:
    tiles = {(tile.level, tile.number): tile.hashes for tile in Edge().extend(LEAVES)}
    return TileTree(lambda level, number: tiles.get((level, number), b""))


TREE = stored_tree()


@given(size=SIZES)
def test_roots_are_those_of_the_model(size: int) -> None:
    assert TREE.root(size) == TREE.range(size).root() == root(LEAVES[:size])


@given(size=SIZES, data=st.data())
def test_inclusion_proofs_are_those_of_the_model_and_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))

    proof = TREE.prove_inclusion(index, size)

    assert proof == path(index, LEAVES[:size])
    assert verify_inclusion(index, size, LEAVES[index], proof, root(LEAVES[:size]))


@given(new=SIZES, data=st.data())
def test_consistency_proofs_are_those_of_the_model_and_verify(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))

    proof = TREE.prove_consistency(old, new)

    assert proof == subproof(old, LEAVES[:new], whole=True)
    assert verify_consistency(old, new, root(LEAVES[:old]), root(LEAVES[:new]), proof)


@given(size=SIZES, data=st.data())
def test_an_altered_inclusion_proof_does_not_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, expected = TREE.prove_inclusion(index, size), TREE.root(size)

    altered = data.draw(altered_proof(proof))
    assert not verify_inclusion(index, size, LEAVES[index], altered, expected)
    assert not verify_inclusion(index, size, leaf_hash(b"other"), proof, expected)
    other = data.draw(st.integers(0, size).filter(lambda place: place != index))
    assert not verify_inclusion(other, size, LEAVES[index], proof, expected)


@given(new=SIZES.filter(lambda size: size > 1), data=st.data())
def test_an_altered_consistency_proof_does_not_verify(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof, before, after = TREE.prove_consistency(old, new), TREE.root(old), TREE.root(new)

    altered = data.draw(altered_proof(proof))
    assert not verify_consistency(old, new, before, after, altered)
    assert not verify_consistency(old, new, leaf_hash(b"other"), after, proof)
    assert not verify_consistency(old, new, before, leaf_hash(b"other"), proof)


@st.composite
def altered_proof(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    edits = ["add"] + (["drop", "flip"] if proof else [])
    edit = draw(st.sampled_from(edits))
    place = draw(st.integers(0, max(0, len(proof) - 1)))
    if edit == "add":
        return [*proof[:place], leaf_hash(b"added"), *proof[place:]]
    if edit == "drop":
        return proof[:place] + proof[place + 1 :]
    flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    return [*proof[:place], flipped, *proof[place + 1 :]]


@given(batches=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_a_log_that_is_taken_up_again_after_every_batch_has_the_same_tiles(batches: list[int]) -> None:
    tiles: dict[tuple[int, int], bytes] = {}
    tree = TileTree(lambda level, number: tiles.get((level, number), b""))
    size = 0
    for batch in batches:
        edge = Edge.load(size, tree)
        end = min(size + batch, len(LEAVES))
        tiles |= {(tile.level, tile.number): tile.hashes for tile in edge.extend(LEAVES[size:end])}
        size = end

    assert tiles == {(tile.level, tile.number): tile.hashes for tile in Edge().extend(LEAVES[:size])}


@given(
    values=st.dictionaries(st.sampled_from(OPTIONAL), st.text(max_size=40)),
    identity=st.text(min_size=1, max_size=40),
)
def test_leaves_are_canonical_json_whatever_a_partner_calls_itself(values: dict[str, str], identity: str) -> None:
    event = Event(id="e1", type="artifact.viewed", actor=identity, **values)

    sealed = seal(event, source="s", time="2026-06-01T12:00:00.000Z", salt=bytes(32), pseudonym_key=b"p")

    assert sealed.leaf == canonical(dict(sealed.public))
    assert parse_leaf(sealed.leaf) == sealed.public


@given(value=st.recursive(st.none() | st.integers() | st.text() | st.floats(), st.lists))
def test_json_that_is_no_leaf_is_refused(value: object) -> None:
    try:
        parse_leaf(json.dumps({"id": value}).encode())
    except InputError:
        return
    raise AssertionError(value)
