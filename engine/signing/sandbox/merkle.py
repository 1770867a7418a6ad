"""A Merkle tree in memory, as the sandbox's log needs it: append, root, inclusion proof.

Specification: RFC 6962 section 2.1 (unchanged in RFC 9162).
"""

import hashlib


class Tree:
    """An append-only tree that keeps the hash of every complete subtree: at most twice the number of leaves.

    INVARIANT: `_levels[k][i]` is the hash of the 2^k leaves from i * 2^k on.
    """

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf at the right end."""
        node, level = leaf_hash(leaf), 0
        while True:
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node)
            if len(self._levels[level]) % 2:
                return
            node, level = node_hash(*self._levels[level][-2:]), level + 1

    def root(self) -> bytes:
        """Return the hash of the whole tree (section 2.1)."""
        return self._subtree(0, len(self)) if len(self) else hashlib.sha256(b"").digest()

    def root_with(self, leaf: bytes) -> bytes:
        """Return the hash the whole tree would have with one more leaf, without adding it."""
        node = leaf_hash(leaf)
        for level, nodes in enumerate(self._levels):
            if len(self) >> level & 1:
                node = node_hash(nodes[-1], node)
        return node

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the hashes beside the way from leaf `index` up to the root, lowest first (section 2.1.1)."""
        proof: list[bytes] = []
        start, end = 0, len(self)
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._subtree(middle, end))
                end = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        return proof[::-1]

    def _subtree(self, start: int, end: int) -> bytes:
        size = end - start
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self._levels[level][start >> level]
        middle = start + _split(size)
        return node_hash(self._subtree(start, middle), self._subtree(middle, end))


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
