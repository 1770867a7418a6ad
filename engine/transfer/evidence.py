"""What the two logs say about a transfer: each side witnesses the other's, and the sender keeps the proofs of both."""

import base64
import json
from collections.abc import Collection
from functools import partial
from http import HTTPStatus

from engine.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from engine.audit.entry import parse_leaf
from engine.audit.merkle import leaf_hash, verify_inclusion
from engine.audit.note import compose_note, decode_base64, known_lines, split_note
from engine.audit.tiles import TileTree
from engine.audit.witness import add_checkpoint_body, ask_for_cosignature
from engine.custody.bill import Opening
from engine.custody.logs import unlock
from engine.digest import JSON, canonical, sha256
from engine.errors import BadSignature, InputError, LogTampered, Refused
from engine.events import Event, event_id
from engine.transfer.partner import Partner
from engine.transfer.parts import Parts
from engine.wire.messages import EvidenceMessage


def seek_cosignature(parts: Parts, partner: Partner, organization: str, note: bytes | None = None) -> bool:
    """Ask a partner's witness to cosign a checkpoint of this log, and keep the cosignature.

    Args:
        parts: what the transfer room works with.
        partner: its gateway.
        organization: its id.
        note: the checkpoint; the newest one if None.

    Returns:
        False when the witness refused, or its cosignature does not count; that is recorded, and an alarm, but it does
        not undo a delivery.
    """
    note = note or parts.recorder.checkpoint()
    size = read_checkpoint(note).size
    status, answer = ask_for_cosignature(partner.add_checkpoint, parts.prove_consistency, note)
    why = answer.decode("utf-8", "replace")
    if status == HTTPStatus.OK:
        try:
            keep_cosignature(parts, organization, size, answer)
        except (BadSignature, InputError) as error:
            why = str(error)
        else:
            return True
    parts.recorder.record(_witnessed("witness.refused", parts, organization, size, why))
    return False


def keep_cosignature(parts: Parts, organization: str, size: int, lines: bytes) -> None:
    """Keep a partner's cosignature of this log's checkpoint at a size, and record that it came.

    Raises:
        BadSignature: none of the partner's pinned witness keys made it.
        InputError: it is malformed.
    """
    parts.add_cosignature(size, lines, organization)
    parts.recorder.record(_witnessed("witness.received", parts, organization, size))


def collect_evidence(parts: Parts, partner: Partner, organization: str, transfer: str) -> bytes:
    """Fetch the partner's log entries about a transfer, verify every proof, cosign the checkpoint they hang on.

    Returns:
        The evidence as canonical JSON, with this organization's cosignature in its checkpoint.

    Raises:
        LogTampered: an entry is not in the log, or the log does not extend what this organization saw before.
        BadSignature: the checkpoint is not signed by the partner's pinned log key.
    """
    evidence = partner.evidence(transfer)
    note = evidence.checkpoint.encode()
    checkpoint = open_checkpoint(note, parts.log_keys(organization)).checkpoint
    _check_entries(evidence, checkpoint, organization, transfer)
    parts.remember(organization, note)
    cosigned = _known(parts, organization, note, _cosign(parts, partner, organization, note, checkpoint))
    parts.remember(organization, cosigned)
    return _kept(evidence, cosigned)


def renew_evidence(parts: Parts, partner: Partner, organization: str, transfer: str, events: Collection[str]) -> bytes:
    """Fetch the same under an older checkpoint, that this organization's witness and third parties have cosigned.

    Third parties cosign later than a transfer ends, and at sizes that the partner chose: of its newest checkpoint there
    is rarely a cosignature of theirs. The partner says which it is. INVARIANT: what this witness has not cosigned, and
    what does not hold the events of the handoff, is not taken: the newest is, as `collect_evidence` has it.

    Args:
        parts: what the transfer room works with.
        partner: its gateway.
        organization: its id.
        transfer: the transfer, which is finished.
        events: the types of its log's entries that prove the handoff.

    Raises:
        LogTampered, BadSignature: as `collect_evidence`.
    """
    try:
        evidence = partner.witnessed_evidence(transfer)
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return collect_evidence(parts, partner, organization, transfer)
    note = evidence.checkpoint.encode()
    opened = open_checkpoint(note, [*parts.log_keys(organization), parts.witness.key])
    _check_entries(evidence, opened.checkpoint, organization, transfer)
    shown = {parse_leaf(base64.b64decode(entry.leaf))["type"] for entry in evidence.entries}
    if not opened.cosigned or not set(events) <= shown:
        return collect_evidence(parts, partner, organization, transfer)
    parts.remember(organization, note)
    return _kept(evidence, _known(parts, organization, note, b""))


def _known(parts: Parts, organization: str, note: bytes, ours: bytes) -> bytes:
    """Return a partner's checkpoint with the signature lines of known keys alone, and the line of our witness.

    INVARIANT: there is room for ours, whatever the partner fills its checkpoint with: it comes right after the log's.
    """
    keys = [*parts.log_keys(organization), parts.witness.key, *parts.witness_keys()]
    text = split_note(note)[0]
    lines = known_lines(note, keys)
    if ours:
        lines |= known_lines(text + b"\n" + ours, [parts.witness.key])
    return compose_note(text, (lines[key] for key in dict.fromkeys(keys) if key in lines))


def _kept(evidence: EvidenceMessage, note: bytes) -> bytes:
    entries = [entry.model_dump(mode="json") for entry in evidence.entries]
    left_out: dict[str, JSON] = {"left_out": evidence.left_out} if evidence.left_out else {}
    return canonical({"checkpoint": note.decode(), "entries": entries, **left_out})


def collect_record(partner: Partner, organization: str, transfer: str, evidence: bytes) -> bytes:
    """Fetch what a partner discloses of its decisions and checks, and hold it to the entries it showed.

    Args:
        partner: its gateway.
        organization: which it is.
        transfer: about which transfer.
        evidence: what `collect_evidence` returned.

    Returns:
        Openings by index and statements by name, as canonical JSON; neither from a gateway that knows no records.

    Raises:
        IntegrityError: an opening is not what its entry commits to.
    """
    try:
        record = partner.record(transfer)
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return canonical({"openings": {}, "statements": {}})
    leaves = {each["index"]: base64.b64decode(each["leaf"]) for each in json.loads(evidence)["entries"]}
    openings = {}
    for each in record.openings:
        if each.index in leaves:  # newer entries than those it proved are not this bill's
            opening = Opening(salt=each.salt, payload=each.payload)
            unlock(organization, each.index, parse_leaf(leaves[each.index]), opening)
            openings[str(each.index)] = opening.model_dump()
    return canonical({"openings": openings, "statements": record.statements})


def _check_entries(evidence: EvidenceMessage, checkpoint: Checkpoint, organization: str, transfer: str) -> None:
    for entry in evidence.entries:
        leaf = base64.b64decode(entry.leaf)
        proof = [decode_base64(node, what="a proof of the partner's log") for node in entry.proof]
        about = parse_leaf(leaf).get("transfer")
        inside = verify_inclusion(entry.index, checkpoint.size, leaf_hash(leaf), proof, checkpoint.root)
        if not inside or about != transfer:
            raise LogTampered(
                f"{organization} showed entry {entry.index} of its log, which its checkpoint does not hold",
                remedy='Ask them to run "lading audit verify", and keep what they sent.',
            )


def _cosign(parts: Parts, partner: Partner, organization: str, note: bytes, checkpoint: Checkpoint) -> bytes:
    """Have our witness cosign the partner's checkpoint; return the cosignature line."""
    last = parts.witness.last(checkpoint.origin)
    old = last.size if last else 0
    if old > checkpoint.size:
        parts.remember(organization, note)
        raise _not_extending(organization, f"it shrank from {old} to {checkpoint.size} entries")
    proof = _prove(partner, checkpoint.origin, old, checkpoint.size) if 0 < old < checkpoint.size else []
    answer = parts.witness.add_checkpoint(add_checkpoint_body(old, proof, note))
    if answer.status != HTTPStatus.OK:
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            parts.unproven(organization, note)
        raise _not_extending(organization, answer.body.decode("utf-8", "replace").strip())
    return answer.body


def _prove(partner: Partner, origin: str, old: int, new: int) -> list[bytes]:
    """Build the consistency proof from the partner's own tiles (C2SP tlog-tiles)."""
    try:
        return TileTree.by_path(partial(partner.tile, origin), new).prove_consistency(old, new)
    except InputError as error:
        raise LogTampered(f"the partner's log tiles are unreadable: {error}", remedy=error.remedy) from error


def _witnessed(kind: str, parts: Parts, organization: str, size: int, why: str = "") -> Event:
    return Event(
        id=event_id(organization, f"{kind}:{size}:{sha256(why.encode())}" if why else f"{kind}:{size}"),
        type=kind,
        actor=f"spiffe://{parts.organization}/gateway",
        partner=organization,
        payload={"size": size, "why": why[:500]} if why else {"size": size},
    )


def _not_extending(organization: str, why: str) -> LogTampered:
    return LogTampered(
        f"the log of {organization} does not extend what was seen of it before: {why}",
        remedy="Keep both checkpoints: together they prove it. Talk to them before you exchange anything else.",
    )
