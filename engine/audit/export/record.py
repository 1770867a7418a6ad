"""What is exported of an entry, whatever the format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.audit.checkpoint import SignedCheckpoint
from engine.audit.entry import Entry, parse_entry
from engine.audit.note import NoteKey
from engine.audit.proof import parse_proof, verify_proof
from engine.digest import JSON, canonical


@dataclass(frozen=True, slots=True)
class Exported:
    """An entry on its way out, or back in.

    Attributes:
        entry: the entry.
        proof: its inclusion as a tlog-proof under a signed checkpoint; None in an export without proofs.
    """

    entry: Entry
    proof: str | None

    @property
    def salt(self) -> str | None:
        """The payload's salt in hexadecimal: it goes out with proofs only, which it takes to verify the payload."""
        return self.entry.salt.hex() if self.proof is not None and self.entry.salt is not None else None

    @property
    def evidence(self) -> dict[str, JSON]:
        """What a proof adds to a record; empty without one."""
        return {} if self.proof is None else {"salt": self.salt, "proof": self.proof}

    @property
    def name(self) -> str | None:
        """The actor's name, None when the payload is gone."""
        name = (self.entry.payload or {}).get("actor")
        return name if isinstance(name, str) else None


def read_back(leaf: Mapping[str, Any], payload: Any, salt: Any, proof: Any) -> Exported:
    """Make an entry of what a record holds, without believing its proof yet.

    Raises:
        InputError, LogTampered: it is no entry, or its payload is not the one its leaf commits to.
        KeyError, TypeError, ValueError: the record has another shape.
    """
    index = parse_proof(proof).index
    body = None if payload is None else canonical(payload)
    salted = None if salt is None else bytes.fromhex(salt)
    return Exported(parse_entry((index, canonical(leaf), salted, body)), proof)


def verify_exported(one: Exported, keys: Iterable[NoteKey]) -> SignedCheckpoint:
    """Verify the proof of an exported entry, and return the checkpoint that proves it.

    Raises:
        BadSignature, LogTampered: the proof does not hold.
    """
    return verify_proof(str(one.proof), one.entry.leaf, keys)
