"""Witnesses of this log: pin and unpin a third party, take in a cosignature as a file, ask partners what they saw."""

from pathlib import Path

from pydantic import Field

from engine.audit.checkpoint import open_checkpoint
from engine.audit.note import split_note
from engine.digest import JSON
from engine.errors import BadSignature
from engine.events import Event, event_id, timestamp
from engine.signing.witnesses import PinnedWitness, make_pin
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.witness.comparing import compare_with_partner, witnessing_partners
from engine.workspace.witness.cosigning import read_cosigned
from engine.workspace.witness.witnessing import known_witnesses


class Pin(Params):
    """What a person read off the witness's operator."""

    name: str = Field(max_length=100)
    vkey: str = Field(max_length=400)
    url: str | None = Field(default=None, max_length=400)
    ca: str | None = Field(default=None, max_length=1 << 16)
    not_of: tuple[str, ...] = Field(default=(), max_length=100)


class Named(Params):
    """`name`: what the witness is called here."""

    name: str = Field(max_length=100)


class Cosigned(Params):
    """`file`: the cosigned checkpoint."""

    file: Path


class Asked(Params):
    """`partner`: whose witness is asked; every partner's if None."""

    partner: str | None = Field(default=None, max_length=253)


def pin(office: Office, call: Call, params: Pin) -> dict[str, JSON]:
    """Pin a third-party witness; the same pin again changes nothing."""
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    wanted = make_pin(params.name, params.vkey, params.url, params.ca, params.not_of)
    known = wanted in office.trust.pins()
    if not known:
        office.trust.pin(wanted)
        office.log.record(_event("witness.pinned", who, wanted, timestamp(office.clock())))
    return {"name": wanted.name, "vkey": wanted.vkey, "url": wanted.url, "known": known}


def unpin(office: Office, call: Call, params: Named) -> dict[str, JSON]:
    """Let a witness count no longer."""
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    gone = office.trust.unpin(params.name)
    office.log.record(_event("witness.unpinned", who, gone, timestamp(office.clock())))
    return {"name": gone.name, "vkey": gone.vkey}


def add_cosignature(office: Office, call: Call, params: Cosigned) -> dict[str, JSON]:
    """Keep the cosignatures of known witnesses in a checkpoint of this log that came as a file.

    Raises:
        BadSignature: it is no checkpoint of this log, or no known witness cosigned it.
    """
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    note = read_cosigned(params.file)
    known = known_witnesses(office.trust)
    signed = open_checkpoint(note, [office.log.key, *(witness.key for witness in known)])
    if not signed.cosigned:
        raise BadSignature(
            f"{params.file} has no cosignature of a witness that is known here",
            remedy="Pin the witness with 'lading audit witness add', then take the file in again.",
        )
    lines = "".join(f"{line}\n" for line in split_note(note)[1]).encode()
    size = signed.checkpoint.size
    for one in signed.cosigned:
        office.log.add_cosignature(size, lines, one.key)
    names = sorted(witness.name for witness in known if witness.key in {one.key for one in signed.cosigned})
    for name in names:
        office.log.record(
            Event(
                id=event_id(name, f"witness.received:{size}"),
                type="witness.received",
                actor=office.settings.service_identity,
                payload={"witness": name, "size": size},
            )
        )
    office.remember_own()
    return {"size": size, "witnesses": list(names)}


def compare(office: Office, call: Call, params: Asked) -> dict[str, JSON]:
    """Hold this log against what partners' witnesses saw of it; see `compare_with_partner`.

    Raises:
        InputError: the named one is not a confirmed partner.
        UsageError: nobody can be asked.
    """
    asked = witnessing_partners(office, params.partner)
    return {"partners": [compare_with_partner(office, call, organization) for organization in asked]}


def _event(kind: str, who: str, pinned: PinnedWitness, at: str) -> Event:
    return Event(
        id=event_id(pinned.name, f"{kind}:{pinned.vkey}:{at}"),
        type=kind,
        actor=who,
        payload={
            "witness": pinned.name,
            "vkey": pinned.vkey,
            "url": pinned.url,
            **({"not_of": list(pinned.not_of)} if pinned.not_of else {}),
        },
    )
