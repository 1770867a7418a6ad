"""What a listener process is told at its start, over a pipe: it reads no settings, and no key from a disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from engine.wire.authority import Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one listener process puts up with. Times are seconds.

    Attributes:
        connections: how many at once.
        connections_per_peer: how many of them from one organization.
        handshake: until TLS stands.
        idle: from the start of a connection, or the last answer, until the next request's head is complete.
        body: added to what a body may take at `slowest_rate`.
        slowest_rate: the fewest bytes per second at which a body may come.
        owner: until the owner process answers.
        drain: until a listener that was told to stop gives up what is still running.
        head: the most bytes in one line of a request's head.
        head_lines: the most lines.
        threads: how many seal and write at once.
    """

    connections: int = 64
    connections_per_peer: int = 16
    handshake: float = 10.0
    idle: float = 60.0
    body: float = 30.0
    slowest_rate: int = 64 << 10
    owner: float = 120.0
    drain: float = 30.0
    head: int = 8190
    head_lines: int = 64
    threads: int = 4

    def body_seconds(self, size: int) -> float:
        """Return how long a body of `size` bytes may take."""
        return self.body + size / self.slowest_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerConfig:
    """Everything a listener process needs to know.

    Attributes:
        leaf: the certificate it shows.
        bundles: for each confirmed partner, its pinned authorities in PEM.
        store: the folder of the sealed store.
        names_key: the store's names key, which opens nothing.
        journal: the chunk journal's file.
        owner_socket: where everything but chunks goes.
        limits: what it puts up with.
    """

    leaf: Leaf
    bundles: Mapping[str, tuple[str, ...]]
    store: Path
    names_key: bytes = field(repr=False)
    journal: Path
    owner_socket: Path
    limits: Limits = field(default=Limits())

    def line(self) -> bytes:
        """Return the configuration as one line of JSON."""
        values = {
            "leaf": [self.leaf.certificate, self.leaf.key, self.leaf.expires.isoformat()],
            "bundles": {organization: list(pems) for organization, pems in self.bundles.items()},
            "store": str(self.store),
            "names_key": self.names_key.hex(),
            "journal": str(self.journal),
            "owner_socket": str(self.owner_socket),
            "limits": asdict(self.limits),
        }
        return json.dumps(values).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read what `line` returned. It comes from the owner process, over a pipe nobody else has."""
        values = json.loads(line)
        certificate, key, expires = values["leaf"]
        return cls(
            leaf=Leaf(certificate, key, datetime.fromisoformat(expires)),
            bundles={organization: tuple(pems) for organization, pems in values["bundles"].items()},
            store=Path(values["store"]),
            names_key=bytes.fromhex(values["names_key"]),
            journal=Path(values["journal"]),
            owner_socket=Path(values["owner_socket"]),
            limits=Limits(**values["limits"]),
        )
