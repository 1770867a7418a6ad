"""What this log says about one transfer, for the partner it is with."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.entry import Entry
from engine.audit.reader import LogReader
from engine.custody.extract import extract
from engine.digest import canonical
from engine.wire.messages import EvidenceEntry, EvidenceMessage, OpenedMessage

TILE: Final = re.compile(
    r"(?P<level>[0-9]{1,2})/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?", re.ASCII
)
"""Six groups at most: any larger number is one no database could hold."""


def evidence_message(
    organization: str, log: LogReader, peer: str, transfer: str, note: bytes, *, cited: str | None
) -> EvidenceMessage:
    """Return a log's entries about a transfer, each proved under one of its checkpoints.

    Leaves only: payloads, which have people's names in them, stay here. Entries about a dealing with anybody else
    are never shown, whatever transfer they are about: a partner chooses the ids of its own transfers.
    """
    size = read_checkpoint(note).size
    found = _about(log, peer, transfer, size)
    entries = extract(found, cited)
    return EvidenceMessage(
        organization=organization,
        checkpoint=note.decode(),
        entries=tuple(
            EvidenceEntry(
                index=entry.index,
                leaf=_base64(entry.leaf),
                proof=tuple(_base64(node) for node in log.prove(entry.index, size)),
            )
            for entry in entries
        ),
        left_out=len(found) - len(entries) or None,
    )


def entries_about(
    log: LogReader, peer: str, transfer: str, *, cited: str | None, size: int | None = None
) -> list[Entry]:
    """Return the entries about a transfer with a partner that go into evidence.

    Args:
        log: the log that has them.
        peer: the partner.
        transfer: the transfer.
        cited: the id of the entry that this side's statements cite; see `engine.custody.extract`.
        size: of the checkpoint under which they are proved; that of the log if None.
    """
    return extract(_about(log, peer, transfer, size), cited)


def _about(log: LogReader, peer: str, transfer: str, size: int | None) -> list[Entry]:
    found = (entry for entry in log.of_transfer(transfer) if size is None or entry.index < size)
    return [entry for entry in found if entry.public.get("partner") == peer]


def openings(entries: Iterable[Entry], *, discloses: bool) -> tuple[OpenedMessage, ...]:
    """Return what a partner may see of the entries about a transfer with it: permits, and what checks found.

    A denial is shown only if its record says that a partner may learn every reason of it (`@disclose("partner")`).
    A record has what `policy.mask` masks as `masked`, like the log itself.

    Args:
        entries: of the evidence.
        discloses: whether this organization discloses anything (`policy.disclose`).
    """
    if not discloses:
        return ()
    return tuple(
        OpenedMessage(
            index=entry.index,
            salt=_base64(entry.salt),
            payload=canonical(entry.payload).decode(),
        )
        for entry in entries
        if entry.salt is not None and _shown(entry)
    )


def _shown(entry: Entry) -> bool:
    if entry.type in {"decision.permit", "validation.passed", "validation.failed"}:
        return True
    if entry.type != "decision.deny":
        return False
    record = json.loads(str((entry.payload or {}).get("record", "{}")))
    reasons = record.get("reasons") or ["no-permit"]
    return set(reasons) <= set(record.get("disclosed") or ())


def read_tile(log: LogReader, path: str) -> bytes | None:
    """Return a tile of hashes by its tlog-tiles path (below `tile/`), or None if the log has none such."""
    match = TILE.fullmatch(path)
    if match is None:
        return None
    number = int(match["number"].replace("x", "").replace("/", ""))
    return log.tile(int(match["level"]), number, int(match["width"] or 256))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
