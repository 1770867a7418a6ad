"""Who witnesses this log, how far each got, and whether the witness policy is met. Needs no owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint, read_checkpoint
from engine.audit.note import NoteKey
from engine.audit.quorum import WitnessPolicy, default_policy, parse_policy
from engine.audit.reader import LogReader
from engine.digest import JSON
from engine.events import timestamp
from engine.signing.trust_folder import TrustFolder
from engine.workspace.record import log_layout, pinned_key

Kind = Literal["third party", "partner", "former"]


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness whose cosignatures of this log can be verified.

    Attributes:
        name: as it was pinned; for a partner the organization.
        key: its verifier key.
        kind: a third party, a partner, or one that no longer counts.
        url: its submission prefix, if it is asked over HTTP.
        ca: the authorities pinned for its HTTPS.
    """

    name: str
    key: NoteKey
    kind: Kind
    url: str | None = None
    ca: str | None = None


def known_witnesses(trust: TrustFolder) -> tuple[KnownWitness, ...]:
    """Return every witness that is known, each key once; third parties first.

    Raises:
        InputError: a pin or a trust document cannot be read.
    """
    third = [
        KnownWitness(pin.name, NoteKey.parse(pin.vkey), "third party", pin.url, pin.ca) for pin in trust.witnesses()
    ]
    partners = [
        KnownWitness(organization, NoteKey.parse(vkey), "partner")
        for organization in trust.partners()
        for vkey in trust.partner(organization).witness_keys
    ]
    former = [KnownWitness(pin.name, NoteKey.parse(pin.vkey), "former") for pin in trust.former_pins()]
    by_key: dict[bytes, KnownWitness] = {}
    for witness in (*third, *partners, *former):
        by_key.setdefault(witness.key.public, witness)
    return tuple(by_key.values())


def witness_policy(trust: TrustFolder) -> WitnessPolicy:
    """Return the policy of `trust/witness-policy`; without the file, any one of the pinned third parties will do.

    Raises:
        InputError: the file cannot be read or is malformed, or a pin cannot be read.
    """
    written = trust.witness_policy()
    if written is not None:
        return parse_policy(written, what="trust/witness-policy")
    return default_policy({pin.name: NoteKey.parse(pin.vkey) for pin in trust.witnesses()})


def counts_as_witnessed(signed: SignedCheckpoint, policy: WitnessPolicy, third_parties: Mapping[str, NoteKey]) -> bool:
    """Say whether a verified checkpoint is witnessed: the quorum holds, and a third party is among its cosigners.

    Args:
        signed: verified with the keys of its log, of the policy's witnesses and of the third parties.
        policy: the witness policy.
        third_parties: the pinned third parties by name (`TrustFolder.witnesses`).
    """
    cosigners = {one.key.public for one in signed.cosigned}
    independent = any(key.public in cosigners for key in third_parties.values())
    return policy.required and independent and policy.accepts(signed)


def witness_report(home: Path, now: datetime) -> dict[str, JSON]:
    """Return what each witness cosigned last, and how far the log counts as witnessed.

    Args:
        home: the workspace.
        now: the time that ages are counted to.
    """
    layout = log_layout(home)
    trust = TrustFolder(layout.trust)
    policy, known = witness_policy(trust), known_witnesses(trust)
    own = pinned_key(layout)
    keys = [own, *(witness.key for witness in known)]
    with LogReader(layout.audit_database) as log:
        size = read_checkpoint(log.newest_checkpoint()).size
        notes = {witness: log.cosigned_checkpoint(witness.key.name) for witness in known}
    opened = {witness: open_checkpoint(note, keys) for witness, note in notes.items() if note is not None}
    third = {pin.name: NoteKey.parse(pin.vkey) for pin in trust.witnesses()}
    met = [signed.checkpoint.size for signed in opened.values() if policy.required and policy.accepts(signed)]
    counted = [one.checkpoint.size for one in opened.values() if counts_as_witnessed(one, policy, third)]
    public = {witness.key.public for witness in known}
    unknown: list[JSON] = [name for name, key in policy.witnesses.items() if key.public not in public]
    witnesses: list[JSON] = [_describe(witness, opened.get(witness), policy, now) for witness in known]
    return {
        "origin": own.name,
        "size": size,
        "witnesses": witnesses,
        "policy": {
            "written": trust.witness_policy() is not None,
            "quorum": policy.quorum,
            "required": policy.required,
            "unknown": unknown,
            "holds_at": max(met, default=None),
            "witnessed_at": max(counted, default=None),
        },
    }


def _describe(
    witness: KnownWitness, signed: SignedCheckpoint | None, policy: WitnessPolicy, now: datetime
) -> dict[str, JSON]:
    times = [one.time for one in signed.cosigned if one.key == witness.key and one.time] if signed else []
    cosigned = datetime.fromtimestamp(max(times), now.tzinfo) if times else None
    return {
        "name": witness.name,
        "kind": witness.kind,
        "vkey": witness.key.vkey,
        "url": witness.url,
        "size": signed.checkpoint.size if signed else None,
        "time": timestamp(cosigned) if cosigned else None,
        "age_seconds": int((now - cosigned).total_seconds()) if cosigned else None,
        "in_policy": any(key.public == witness.key.public for key in policy.witnesses.values()),
    }
