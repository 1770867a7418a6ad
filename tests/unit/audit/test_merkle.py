"""The tree against the vectors of Certificate Transparency."""

import pytest

from engine.audit.merkle import (
    EMPTY_ROOT,
    Range,
    frontier,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that implementations of RFC 6962 test each other with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def grown(size: int) -> Range:
    tree = Range()
    for leaf in LEAVES[:size]:
        tree.append(leaf_hash(leaf))
    return tree


def nothing_below(height: int, number: int) -> bytes:
    raise AssertionError(f"no hash is needed, ({height}, {number}) was asked for")


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert grown(size).root().hex() == ROOTS[size]


def test_a_copy_grows_on_its_own() -> None:
    tree = grown(2)
    twin = tree.copy()
    twin.append(leaf_hash(LEAVES[2]))

    assert (tree.root().hex(), twin.root().hex()) == (ROOTS[2], ROOTS[3])


def test_a_tree_is_covered_by_perfect_subtrees_from_left_to_right() -> None:
    assert list(frontier(13)) == [(3, 0), (2, 2), (0, 12)]


def test_a_tree_is_consistent_with_itself_and_with_the_empty_one_without_a_proof() -> None:
    root = bytes.fromhex(ROOTS[3])

    assert prove_consistency(3, 3, nothing_below) == prove_consistency(0, 3, nothing_below) == []
    assert verify_consistency(3, 3, root, root, [])
    assert verify_consistency(0, 3, EMPTY_ROOT, root, [])
    assert not verify_consistency(0, 3, root, root, [])
    assert not verify_consistency(3, 3, root, root, [root])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        prove_inclusion(index, size, nothing_below)
    assert not verify_inclusion(index, size, EMPTY_ROOT, [], EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(4, 3), (-1, 3)])
def test_a_tree_never_shrinks(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="cannot extend"):
        prove_consistency(old, new, nothing_below)
    assert not verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])


def test_hashes_of_another_length_prove_nothing() -> None:
    root = bytes.fromhex(ROOTS[2])

    assert not verify_inclusion(0, 2, leaf_hash(LEAVES[0]), [b"short"], root)
    assert not verify_consistency(1, 2, leaf_hash(LEAVES[0]), root, [b"short"])
    assert not verify_consistency(3, 8, root, root, [])
