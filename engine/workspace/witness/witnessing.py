"""Who witnesses this log, how far each got, and whether the witness policy is met. Needs no owner."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint, read_checkpoint
from engine.audit.note import NoteKey
from engine.audit.quorum import WitnessPolicy, counts_as_witnessed, policy_in_force
from engine.audit.reader import LogReader
from engine.digest import JSON
from engine.events import timestamp
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.log.record import log_layout, pinned_key

ABOUT_WITNESSING: Final = ("witness.", "checkpoint.")
"""Event types that are about checkpoints themselves: two logs that witness each other would else never rest."""

QUORUM: Final = "quorum"

SEARCHED: Final = 256
"""How many checkpoints are looked at for one that counts as witnessed."""

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
        for vkey in trust.witness_keys(organization)
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
    third = {pin.name: NoteKey.parse(pin.vkey) for pin in trust.witnesses()}
    return policy_in_force(trust.witness_policy(), third)


def newest_witnessed(log: LogReader, trust: TrustFolder, cosigners: Sequence[str], least: int) -> bytes | None:
    """Return the newest checkpoint that counts as witnessed by the policy; None if there is none.

    Args:
        log: this log.
        trust: this organization's folder.
        cosigners: one of these must have cosigned it, by the names of their keys.
        least: how many entries it has to have.

    Raises:
        InputError: as `witness_policy`.
    """
    policy = witness_policy(trust)
    if not policy.required:
        return None
    third = {pin.name: NoteKey.parse(pin.vkey) for pin in trust.witnesses()}
    own = [NoteKey.parse(vkey) for vkey in trust.own().log_keys]
    keys = [*own, *third.values(), *policy.witnesses.values()]
    notes = log.cosigned_checkpoints(cosigners, least=least, most=SEARCHED)
    return next((note for note in notes if counts_as_witnessed(open_checkpoint(note, keys), policy, third)), None)


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
            "needed": list(policy.needed()),
            "unknown": unknown,
            "holds_at": max(met, default=None),
            "witnessed_at": max(counted, default=None),
        },
    }


@dataclass(frozen=True, slots=True)
class Overdue:
    """A witness, or the quorum, that has not cosigned what is in the log for too long.

    Attributes:
        name: the partner's organization, or `quorum`.
        size: up to which size it cosigned.
        since: the time of the oldest entry it has not, in UTC.
    """

    name: str
    size: int
    since: datetime

    def sentence(self) -> str:
        """Say it to a person."""
        who = "the quorum of the witness policy" if self.name == QUORUM else f"the witness of {self.name}"
        return f"{who} has not cosigned entry {self.size} and later, the oldest of {self.since:%F %H:%M} UTC"


def overdue_witnesses(layout: Layout, now: datetime, patience: timedelta) -> list[Overdue]:
    """Return who has not cosigned an entry that is older than `patience`; entries about witnessing do not count.

    Args:
        layout: the workspace, which has its log.
        now: the time.
        patience: how old an entry may be that is not cosigned yet.

    Raises:
        InputError: a pin, a trust document or the policy cannot be read.
        LogTampered: the log cannot be read.
    """
    trust = TrustFolder(layout.trust)
    with LogReader(layout.audit_database) as log:
        newest = read_checkpoint(log.newest_checkpoint()).size
        found = []
        for name, size in _cosigned_sizes(trust, log, pinned_key(layout)):
            unseen = (log.entry(index) for index in range(size, newest))
            oldest = next((entry for entry in unseen if not entry.type.startswith(ABOUT_WITNESSING)), None)
            since = datetime.fromisoformat(oldest.time) if oldest else now
            if since + patience < now:
                found.append(Overdue(name, size, since))
    return found


def _cosigned_sizes(trust: TrustFolder, log: LogReader, own: NoteKey) -> Iterator[tuple[str, int]]:
    """Return up to which size each partner, and the quorum if there is one, cosigned."""
    known, policy = known_witnesses(trust), witness_policy(trust)
    notes = {witness.key: log.cosigned_checkpoint(witness.key.name) for witness in known}
    for organization in trust.partners():
        keys = [witness.key for witness in known if witness.kind == "partner" and witness.name == organization]
        if keys:
            yield organization, max(read_checkpoint(note).size if (note := notes[key]) else 0 for key in keys)
    if policy.required:
        opened = [open_checkpoint(note, [own, *notes]) for note in notes.values() if note is not None]
        yield QUORUM, max((one.checkpoint.size for one in opened if policy.accepts(one)), default=0)


def _describe(
    witness: KnownWitness, signed: SignedCheckpoint | None, policy: WitnessPolicy, now: datetime
) -> dict[str, JSON]:
    times = [one.time for one in signed.cosigned if one.key == witness.key and one.time] if signed else []
    cosigned = _moment(max(times)) if times else None
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


def _moment(seconds: int) -> datetime | None:
    """Return a time in UTC; None if no clock ever shows it, as older logs may hold it."""
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds, UTC)
    return None
