"""What the two logs prove about a transfer: entries under a checkpoint, and what they open to."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.audit.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from engine.audit.entry import PAYLOAD_LIMIT, commitment, parse_leaf
from engine.audit.merkle import leaf_hash, verify_inclusion
from engine.audit.note import NoteKey, decode_base64
from engine.custody.bill import EntryEvidence, LogEvidence, LogEvidenceV1, OpenedEntry, Opening
from engine.digest import JSON, parse_canonical
from engine.errors import InputError, IntegrityError, LogTampered

SENDER_EVENTS: Final = {"transfer.offered": "offer", "receipt.received": "receipt", "verdict.received": "verdict"}
RECEIVER_EVENTS: Final = {"transfer.accepted": "acceptance", "receipt.issued": "receipt", "verdict.issued": "verdict"}


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """An entry that is proved to be in a log.

    Attributes:
        index: its place.
        public: the leaf's attributes.
        payload: what the leaf commits to; None where it is withheld.
    """

    index: int
    public: Mapping[str, str]
    payload: Mapping[str, JSON] | None


@dataclass(frozen=True, slots=True)
class ProvedLog:
    """What one party's log proves.

    Attributes:
        owner: whose log.
        signed: the checkpoint under which the proofs hold, with the cosignatures of known witnesses.
        entries: the entries about the transfer, in the bill's order.
    """

    owner: str
    signed: SignedCheckpoint
    entries: tuple[ProvedEntry, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint itself."""
        return self.signed.checkpoint

    def find(self, **attributes: str) -> ProvedEntry | None:
        """Return the first entry whose leaf says all of this."""
        for entry in self.entries:
            if all(entry.public.get(name) == value for name, value in attributes.items()):
                return entry
        return None


def prove_log(
    owner: str,
    evidence: LogEvidence | LogEvidenceV1,
    *,
    transfer: str,
    log_keys: Iterable[NoteKey],
    witness_keys: Iterable[NoteKey],
) -> ProvedLog:
    """Prove every entry of a log's evidence.

    Args:
        owner: whose log it is.
        evidence: what the bill says of it.
        transfer: what every entry must be about.
        log_keys: the pinned keys of that log.
        witness_keys: the pinned keys of whoever may have cosigned.

    Raises:
        BadSignature: no pinned log key signed the checkpoint, or a pinned key's signature is wrong.
        LogTampered: an entry is not proved, or is about something else.
        IntegrityError: an opening is not what the entry commits to.
    """
    opened = open_checkpoint(evidence.checkpoint.encode(), [*log_keys, *witness_keys])
    entries = tuple(_prove(owner, entry, opened, transfer) for entry in evidence.entries)
    if isinstance(evidence, LogEvidence) and len({each.index for each in entries}) != len(entries):
        raise LogTampered(f"the bill shows one entry of the log of {owner} twice", remedy=_AGAIN)
    return ProvedLog(owner, opened, entries)


def open_further(log: ProvedLog, openings: Mapping[int, Opening]) -> ProvedLog:
    """Open entries that the bill leaves closed.

    Raises:
        IntegrityError: an opening is not what its entry commits to, or of an entry the bill does not have.
    """
    unknown = set(openings) - {each.index for each in log.entries}
    if unknown:
        raise IntegrityError(f"the annex of {log.owner} opens entry {min(unknown)}, which is not proved", remedy=_AGAIN)
    entries = tuple(
        replace(each, payload=unlock(log.owner, each.index, each.public, openings[each.index]))
        if each.index in openings
        else each
        for each in log.entries
    )
    return replace(log, entries=entries)


def unlock(owner: str, index: int, public: Mapping[str, str], opening: Opening) -> Mapping[str, JSON]:
    """Return the payload of an entry, after its leaf's commitment opened to it.

    Raises:
        IntegrityError: the leaf commits to something else.
    """
    payload = opening.payload.encode()
    try:
        salt = decode_base64(opening.salt, what="a salt")
        value: Any = parse_canonical(payload, what="a payload", limit=PAYLOAD_LIMIT)
    except (InputError, UnicodeEncodeError) as error:
        raise _another(owner, index, str(error)) from None
    if commitment(salt, payload) != public["commitment"] or not isinstance(value, dict):
        raise _another(owner, index, "its commitment opens to something else")
    return value


def demand_events(log: ProvedLog, events: Mapping[str, str], digests: Mapping[str, str]) -> None:
    """Demand that a log holds its events of the handoff, each about the very statement.

    Raises:
        LogTampered: one is missing.
    """
    for event, name in events.items():
        if log.find(type=event, statement=digests[name]) is None:
            raise LogTampered(
                f"the log of {log.owner} does not show {event} for this {name}",
                remedy="Ask the issuer for a bill with the entries of both logs.",
            )


def opening_of(salt: bytes, payload: bytes) -> Opening:
    """Return the opening of an entry, as bills and annexes write it."""
    return Opening(salt=base64.b64encode(salt).decode(), payload=payload.decode())


def _prove(owner: str, entry: EntryEvidence, opened: SignedCheckpoint, transfer: str) -> ProvedEntry:
    checkpoint = opened.checkpoint
    leaf = decode_base64(entry.leaf, what="a leaf of the bill")
    proof = [decode_base64(node, what="a proof of the bill") for node in entry.proof]
    public = parse_leaf(leaf)
    proved = verify_inclusion(entry.index, checkpoint.size, leaf_hash(leaf), proof, checkpoint.root)
    if not proved or public.get("transfer") != transfer:
        raise LogTampered(
            f"entry {entry.index} is not proved to be in the log of {checkpoint.origin}, about this transfer",
            remedy="Ask the issuer for the bill again, and the log's owner for a proof of this entry.",
        )
    opening = entry.opening if isinstance(entry, OpenedEntry) else None
    payload = unlock(owner, entry.index, public, opening) if opening is not None else None
    return ProvedEntry(entry.index, public, payload)


def _another(owner: str, index: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"what the bill shows as entry {index} of the log of {owner} is not what was logged: {why}", remedy=_AGAIN
    )


_AGAIN: Final = "Do not rely on it; ask its issuer for another bill."
