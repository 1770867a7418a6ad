"""The Merkle tree of RFC 6962, section 2.1: hashes, the growing tree, and both kinds of proof.

Everything here is a pure function of hashes (32 bytes each); nothing knows about entries or storage. Proofs are
made from a `Subtree`, which names a perfect subtree by its height and its place among those of its height:
subtree (3, 2) covers the leaves 16 to 23.

    >>> tree = Range()
    >>> for data in (b"a", b"b", b"c"): tree.append(leaf_hash(data))
    >>> verify_inclusion(2, 3, leaf_hash(b"c"), [node_hash(leaf_hash(b"a"), leaf_hash(b"b"))], tree.root())
    True
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

HASH_SIZE: Final = 32

Subtree = Callable[[int, int], bytes]
"""Returns the hash of the perfect subtree of a height and number."""

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(00, data)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(01, left, right)."""
    return _sha256(b"\x01" + left + right).digest()


def parents(row: bytes) -> bytes:
    """Return the hashes above a row of hashes that stand one after the other; an odd one at the end has none yet."""
    pairs = range(0, len(row) // (2 * HASH_SIZE) * 2 * HASH_SIZE, 2 * HASH_SIZE)
    return b"".join([_sha256(b"\x01" + row[place : place + 2 * HASH_SIZE]).digest() for place in pairs])


class Range:
    """The tree over the leaves so far, kept as the roots of its perfect subtrees, largest first."""

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)

    def append(self, root: bytes, height: int = 0) -> None:
        """Add the next leaf by its hash, or 2^height leaves by that of the subtree over them.

        INVARIANT: `size` is a multiple of 2^height.
        """
        rest = self.size >> height
        while rest & 1:
            root = _sha256(b"\x01" + self._roots.pop() + root).digest()
            rest >>= 1
        self._roots.append(root)
        self.size += 1 << height

    def root(self) -> bytes:
        """Return the root hash over all leaves so far."""
        return _fold(self._roots)

    def copy(self) -> "Range":
        """Return a tree that grows on its own from here."""
        return Range(self.size, self._roots)


def frontier(size: int) -> Iterator[tuple[int, int]]:
    """Name the perfect subtrees (height, number) of a tree of `size` leaves, from left to right."""
    return _cover(0, size)


def root_of(size: int, subtree: Subtree) -> bytes:
    """Return the root over the first `size` leaves."""
    return _span(0, size, subtree)


def prove_inclusion(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, sibling first (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_span(middle, end, subtree))
            end = middle
        else:
            path.append(_span(start, middle, subtree))
            start = middle
    return path[::-1]


def prove_consistency(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of `new` leaves extends the one of `old` (RFC 6962, 2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} cannot extend one of {old}")
    if old in {0, new}:
        return []
    proof: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_span(middle, end, subtree))
            end = middle
        else:
            proof.append(_span(start, middle, subtree))
            start = middle
    if start:
        proof.append(_span(start, end, subtree))
    return proof[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the leaf with hash `leaf` stands at `index` in the tree (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the tree of `new` leaves begins with the tree of `old` (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in {0, new}:
        return not proof and old_root == (new_root if old == new else EMPTY_ROOT)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path or any(len(node) != HASH_SIZE for node in path):
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _span(start: int, end: int, subtree: Subtree) -> bytes:
    """The hash over leaves `start` to `end`, where a proof cuts the tree."""
    return _fold([subtree(height, number) for height, number in _cover(start, end)])


def _cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    width = end - start
    for height in range(width.bit_length() - 1, -1, -1):
        if width >> height & 1:
            yield height, start >> height
            start += 1 << height


def _fold(roots: Sequence[bytes]) -> bytes:
    """Join the roots of perfect subtrees, largest first, into the root over them all."""
    if not roots:
        return EMPTY_ROOT
    found = roots[-1]
    for root in reversed(roots[:-1]):
        found = node_hash(root, found)
    return found
