"""A recorded decision with what it rested on, so that it can be decided again, exactly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import DigestMismatch, InputError
from engine.policy.model import Entity, EntityUid, Request

MAX_RECORD_BYTES = 4 << 20
MAX_SLICE_BYTES = 16 << 20
ID: Final = re.compile(r"[0-9a-f]{6,64}")
"""What names a decision: the beginning of its record's digest, long enough that it is no other's by chance."""


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """One decision as it was recorded (docs/formats/decision.md).

    Attributes:
        id: the decision's id.
        record: the record, parsed.
        entities: the entities it rested on; None if they were never gathered, or are not kept any more.
    """

    id: str
    record: Mapping[str, Any]
    entities: tuple[Entity, ...] | None

    @classmethod
    def read(cls, id_: str, record: bytes, entities: bytes | None) -> Self:
        """Take a record and its slice apart.

        Args:
            id_: the decision's id.
            record: the canonical JSON of the record.
            entities: the slice it names: the canonical JSON list of its entities.

        Raises:
            InputError: one of them is not JSON, or the id is not 6 to 64 lower-case hexadecimal characters.
            DigestMismatch: they are not what the id and the record name.
        """
        if not ID.fullmatch(id_):
            raise InputError(
                f"{id_[:64]!r} names no decision, expected 6 to 64 lower-case hexadecimal characters",
                remedy="Give the id as it was recorded: 'lading policy export' writes it.",
            )
        parsed: Any = parse_json(record, what=f"the record of decision {id_}", limit=MAX_RECORD_BYTES)
        if not sha256(record).startswith(id_):
            raise _altered(f"the record of decision {id_} has another digest than its id")
        if entities is None:
            return cls(id_, parsed, None)
        if sha256(entities) != parsed["entities"]:
            raise _altered(f"the entities of decision {id_} are not the ones it names")
        return cls(id_, parsed, read_slice(entities))

    @property
    def request(self) -> Request | None:
        """The request as it was asked; None if it had no canonical form."""
        asked = self.record["request"]
        if asked is None:
            return None
        principal, resource = (EntityUid(asked[each]["type"], asked[each]["id"]) for each in ("principal", "resource"))
        return Request(principal, asked["action"]["id"], resource, asked["context"])

    @property
    def now(self) -> datetime:
        """When it was decided."""
        return datetime.fromisoformat(self.record["time"])

    @property
    def permitted(self) -> bool:
        """Whether it was a permit."""
        return bool(self.record["decision"] == "permit")

    @property
    def because(self) -> tuple[str, ...]:
        """What decided: the failsafe, or the determining policies, or `no-permit`."""
        if self.record["failsafe"] is not None:
            return (self.record["failsafe"],)
        return tuple(self.record["reasons"]) or ("no-permit",)

    @property
    def lacks(self) -> str | None:
        """What keeps it from being decided again; None if everything that decided it is here."""
        if self.request is None:
            return "its request had no canonical form"
        if self.record.get("masked"):
            return f"masked: {', '.join(self.record['masked'])}"
        if self.entities is None and self.record["entities"] is not None:
            return "the entities it rested on are not kept any more"
        if self.entities is None:
            return "a guard spoke before its entities were gathered"
        return None


def write_slice(entities: Mapping[EntityUid, Entity]) -> bytes:
    """Return entities as the canonical JSON list that a decision's record names by its digest."""
    return canonical([entities[uid].to_json() for uid in sorted(entities)])


def read_slice(data: bytes) -> tuple[Entity, ...]:
    """Return the entities that `write_slice` wrote.

    Raises:
        InputError: it is not JSON.
    """
    parsed: Any = parse_json(data, what="the entities of a decision", limit=MAX_SLICE_BYTES)
    return tuple(
        Entity(
            EntityUid(each["uid"]["type"], each["uid"]["id"]),
            each["attrs"],
            tuple(EntityUid(parent["type"], parent["id"]) for parent in each["parents"]),
        )
        for each in parsed
    )


def as_json(decision: RecordedDecision) -> dict[str, JSON]:
    """Return what a list of decisions shows of one."""
    request = decision.request
    return {
        "id": decision.id,
        "time": decision.record["time"],
        "mode": decision.record["mode"],
        "principal": str(request.principal) if request else None,
        "action": request.action if request else None,
        "resource": str(request.resource) if request else None,
        "decision": decision.record["decision"],
        "failsafe": decision.record["failsafe"],
        "because": list(decision.because),
        "policy": decision.record["policy"],
    }


def _altered(what: str) -> DigestMismatch:
    return DigestMismatch(what, remedy="Verify the log; restore the policy database from a backup.")
