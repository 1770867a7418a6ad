"""What the logs of both sides prove about a transfer, gathered for a bill."""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.entry import Entry, parse_leaf
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.custody.extract import cited_entry, extract
from engine.gateway.evidence import openings
from engine.gateway.incoming import Incoming
from engine.transfer.evidence import collect_record, renew_evidence
from engine.transfer.network import anywhere
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.workspace.office import Office
from engine.workspace.witness.witnessing import known_witnesses, newest_witnessed

BILL_EVIDENCE: Final = "bill-evidence"
"""The document that keeps what both logs prove, opened, for the next bill of a transfer."""

BILLS: Final = "bill."
"""What types of events about bills begin with."""

NEEDED: Final = frozenset({"transfer.offered", "receipt.received", "transfer.accepted", "receipt.issued"})
LAST: Final = frozenset({"verdict.received", "verdict.issued"})


def own_log(office: Office, row: Outgoing | Incoming) -> tuple[dict[str, Any], bool]:
    """Prove the entries of our log about a transfer's handoff, opened as far as partners may see them.

    Returns:
        The evidence as a bill has it, and whether the partner's witness cosigned its checkpoint.
    """
    log = office.logs.about(row.id)
    found = [each for each in log.of_transfer(row.id) if belongs(each.public, row)]
    note, witnessed = _checkpoint(office, log, row.partner, found)
    size = read_checkpoint(note).size
    proved = [each for each in found if each.index < size]
    entries = extract(proved, cited_here(office, row.id))
    shown = openings(entries, discloses=office.settings.policy.disclose)
    opened = {each.index: {"salt": each.salt, "payload": each.payload} for each in shown}
    return {
        "checkpoint": note.decode(),
        "entries": [
            {
                "index": each.index,
                "leaf": base64.b64encode(each.leaf).decode(),
                "proof": [base64.b64encode(node).decode() for node in log.prove(each.index, size)],
                "opening": opened.get(each.index),
            }
            for each in entries
        ],
        "left_out": len(proved) - len(entries) or None,
    }, witnessed


def partners_log(
    parts: Parts, row: Outgoing | Incoming, kept: tuple[bytes | None, bytes | None] | None, events: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Return what the partner's log proves, opened as far as the partner discloses, and its statements.

    Args:
        parts: what reaches the partner.
        row: the transfer.
        kept: evidence and record as they were collected when the transfer ended; what is missing is asked for now.
        events: the types of entries by which the partner's log proves the handoff.

    Returns:
        The evidence as a bill has it; the approvals by name; whether this organization's witness cosigned it.

    Raises:
        PartnerUnreachable, Refused: nothing is kept, and the partner does not answer.
    """
    evidence, record = kept or (None, None)
    if evidence is None or record is None:
        gateway = parts.connect(row.partner, anywhere)
        evidence = evidence or renew_evidence(parts, gateway, row.partner, row.id, events)
        record = collect_record(gateway, row.partner, row.id, evidence)
    proved, told = json.loads(evidence), json.loads(record)
    entries = [
        each | {"opening": told["openings"].get(str(each["index"]))}
        for each in proved["entries"]
        if _is_of(parse_leaf(base64.b64decode(each["leaf"])), row)
    ]
    theirs = {"checkpoint": proved["checkpoint"], "entries": entries, "left_out": proved.get("left_out")}
    return theirs, dict(told["statements"]), True


def cited_here(office: Office, transfer: str) -> str | None:
    """Return the id of our log's entry that our statements about a transfer cite, whichever way it goes."""
    tables = (office.outgoing, office.incoming)
    return next((found for each in tables if (found := cited_entry(each.document(transfer, "cited")))), None)


def belongs(public: Mapping[str, str], row: Outgoing | Incoming) -> bool:
    """Say whether an entry of our log, by its leaf's attributes, is part of a transfer's handoff."""
    return public.get("partner") == row.partner and _is_of(public, row)


def _is_of(public: Mapping[str, str], row: Outgoing | Incoming) -> bool:
    """Say whether an entry is part of a handoff: a bill of it is not, nor what was offered under its id before.

    INVARIANT: a sender, which chooses the id, cannot spoil the bill by offers of other artifacts that were refused.
    """
    return not public["type"].startswith(BILLS) and public.get("artifact", row.artifact) == row.artifact


def witnessed_checkpoint(office: Office, partner: str, transfer: str) -> bytes:
    """Return, of the checkpoints of our log that hold a transfer, the one that `own_log` takes."""
    log = office.logs.about(transfer)
    entries = (each for each in log.of_transfer(transfer) if each.public.get("partner") == partner)
    return _checkpoint(office, log, partner, entries)[0]


def _checkpoint(office: Office, log: LogReader, partner: str, entries: Iterable[Entry]) -> tuple[bytes, bool]:
    """Return the checkpoint with a handoff's entries that says most, and whether the partner's witness cosigned it.

    That is the newest that the partner cosigned and that counts as witnessed; else the newest that the partner
    cosigned; else the newest that counts as witnessed; else the newest.
    """
    least = 1 + max((each.index for each in entries if each.type in NEEDED | LAST), default=-1)
    theirs = [NoteKey.parse(vkey) for vkey in office.trust.witness_keys(partner)]
    third = [each.key.name for each in known_witnesses(office.trust) if each.kind == "third party"]
    partners = [key.name for key in theirs]
    found = (
        newest_witnessed(log, office.trust, partners, least)
        or next(log.cosigned_checkpoints(partners, least=least, most=1), None)
        or newest_witnessed(log, office.trust, third, least)
        or log.newest_checkpoint()
    )
    opened = open_checkpoint(found, [*office.log_keys(office.organization), *theirs])
    return found, bool(opened.cosigned)
