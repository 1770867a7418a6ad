"""Erasing payloads, and with them whatever the workspace's other databases keep of what they said.

The order makes a crash at any moment harmless: a mark that an erasure is under way; the event `payload.erased`,
durable; what other databases keep; the payloads, which say what that is; the bytes that deleted rows leave behind;
the mark goes. `settle` takes up whatever a crash cut short, and what a restored backup brought back.

INVARIANT: what other tables keep of entries goes with the last payload that says it, and not before. What copies
payloads whole, salts and all, for the next bill of a transfer goes with the first of them.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.audit.entry import Entry
from engine.audit.erasure import erasure_events
from engine.audit.holds import holding, holds_of
from engine.audit.reader import LogReader, Row
from engine.audit.removal import remaining, remove_payloads
from engine.audit.search import SearchIndex, drop_index
from engine.audit.selection import all_rows
from engine.database.gone import Gone
from engine.database.rewriting import rewrite_file
from engine.digest import JSON
from engine.files import sync_folder, write_atomic
from engine.gateway.incoming import UNDER_WAY, IncomingTable
from engine.transfer.outgoing import OutgoingTable
from engine.workspace.custody.annex import BILL_ANNEX
from engine.workspace.custody.logs import BILL_EVIDENCE
from engine.workspace.keeping.personal import gone, mentions, words
from engine.workspace.office import Office

_SLICE: Final = re.compile(r'"entities":"([0-9a-f]{64})"')
COPIES: Final = frozenset({BILL_EVIDENCE, BILL_ANNEX})
"""Documents of transfers that copy payloads."""

_SCANNED: Final = 8 << 20
"""The largest file that is looked through for names, in bytes."""

Progress = Callable[[str], None]
Payload = Mapping[str, JSON] | None


def erase(
    office: Office,
    groups: Mapping[str, Sequence[int]],
    *,
    actor: str,
    reason: str,
    progress: Progress,
    naming: str | None = None,
) -> None:
    """Erase the payloads of entries. Durable, and complete, when it returns.

    Args:
        office: whose; its log was verified, and nothing of this is needed or held (see
            `engine.workspace.keeping.needs`).
        groups: which entries, by the retention rule that asks for it; under an empty name if a person does.
        actor: who has it done.
        reason: in their words.
        progress: called with the name of each step.
        naming: a text that also goes from what partners showed of transfers that are over.

    Raises:
        WorkspaceError: the disk is full, or somebody keeps reading; repeat it, nothing is lost.
    """
    indices = [index for group in groups.values() for index in group]
    if not indices and naming is None:
        return
    write_atomic(office.layout.erasing, b"", mode=0o600)
    for rule, group in groups.items():
        office.log.record_many(erasure_events(group, actor=actor, reason=reason, rule=rule))
    if naming is not None:
        _forget_shown(office, naming, frozenset(indices))
    _finish(office, indices, progress)


def settle(office: Office, progress: Progress = lambda _: None) -> int:
    """Finish erasures that a crash cut short, or that a restored backup undid; return how many payloads went.

    Raises:
        LogTampered: the log does not say which they are.
        WorkspaceError: as `erase`.
    """
    left = remaining(office.log)
    if left or office.layout.erasing.exists():
        _finish(office, left, progress)
    return len(left)


def _finish(office: Office, indices: Sequence[int], progress: Progress) -> None:
    layout = office.layout
    if indices:
        progress("forgetting")
        _forget(office, indices)
    progress("rewriting")
    remove_payloads(office.log, layout.audit_database, indices)
    _forget_words(layout.search_database, layout.audit_database, indices)
    for database in (
        layout.policy_database,
        layout.transfer_database,
        layout.gateway_database,
        layout.registry_database,
    ):
        if database.exists():
            rewrite_file(database)
    office.remember_own()
    layout.erasing.unlink(missing_ok=True)
    sync_folder(layout.state)


def _forget_words(index: Path, database: Path, indices: Sequence[int]) -> None:
    """Take erased words out of the full-text index; where a crash hid which, the index goes: it is only derived."""
    if indices:
        with LogReader(database) as log:
            SearchIndex(index, log).forget(indices)
    else:
        drop_index(index)


def _forget(office: Office, indices: Sequence[int]) -> None:
    """Remove what other databases keep of entries whose payloads are still there."""
    chosen = frozenset(indices)
    with LogReader(office.layout.audit_database) as log:
        rows = [row for row in all_rows(log) if row.index in chosen]
        for transfer in sorted({row.transfer for row in rows if row.transfer is not None}):
            lost = gone(*_parted(log.of_transfer(transfer), chosen))
            office.outgoing.forget(transfer, lost, COPIES)
            office.tickets.forget(transfer, lost)
            office.incoming.forget(transfer, lost, COPIES)
        roots = {row.artifact for row in rows if row.type == "artifact.registered"}
        for root, entries in _grouped(log, lambda row: row.artifact if row.artifact in roots else None).items():
            office.registry.forget(root, gone(*_parted(entries, chosen)))
        if any(row.type.startswith(("policy.", "decision.")) for row in rows):
            _forget_policies(office, log, rows, chosen)
            _forget_slices(office, log, rows, chosen)


def _forget_shown(office: Office, name: str, chosen: Collection[int]) -> None:
    """Remove what partners said of transfers, where it contains a text that no other payload here about them says.

    Nothing goes of a transfer that is under way, or that a legal hold covers in part.
    """
    over: list[tuple[OutgoingTable | IncomingTable, str]]
    over = [(office.outgoing, row.id) for row in office.outgoing.all() if row.stopped]
    over += [(office.incoming, row.id) for row in office.incoming.all() if row.state not in UNDER_WAY]
    with LogReader(office.layout.audit_database) as log:
        standing = list(holds_of(log))
        for table, transfer in over:
            entries = log.of_transfer(transfer)
            says = any(entry.index not in chosen and mentions(entry.payload, name) for entry in entries)
            if not says and not any(holding(standing, entry) for entry in entries):
                table.forget(transfer, Gone(frozenset({name})))


def _forget_policies(office: Office, log: LogReader, rows: Sequence[Row], chosen: Collection[int]) -> None:
    """Remove authors, reasons and approvals of bundles, and what their reports tell of erased decisions."""
    store = office.governance.store
    lost = words(log.entry(row.index).payload for row in rows if row.type.startswith(("policy.", "decision.")))
    told = _grouped(log, lambda row: row.policy if row.type.startswith("policy.") else None)
    for digest in {each.digest for each in store.candidates()} | {each.digest for each in store.activations()}:
        store.forget(digest, Gone(lost - words(_parted(told.get(digest, ()), chosen)[1])))


def _forget_slices(office: Office, log: LogReader, rows: Sequence[Row], chosen: Collection[int]) -> None:
    """Remove the entities that decisions rested on, unless another decision rests on the same."""
    named = {digest for row in rows for digest in _slices(log, row)}
    if not named:
        return
    keep_slice = office.governance.active.keep_slice
    keep_slice.cache_clear()
    kept = {digest for row in all_rows(log) if row.index not in chosen for digest in _slices(log, row)}
    office.governance.store.forget_slices(named - kept)
    keep_slice.cache_clear()


def _slices(log: LogReader, row: Row) -> list[str]:
    record = (log.entry(row.index).payload or {}).get("record") if row.type.startswith("decision.") else None
    return _SLICE.findall(record) if isinstance(record, str) else []


def _grouped(log: LogReader, key: Callable[[Row], str | None]) -> dict[str, list[Entry]]:
    """Return the entries that have a key, by it."""
    found: dict[str, list[Entry]] = {}
    for row in all_rows(log):
        under = key(row)
        if under is not None:
            found.setdefault(under, []).append(log.entry(row.index))
    return found


def _parted(entries: Iterable[Entry], chosen: Collection[int]) -> tuple[list[Payload], list[Payload]]:
    """Return the payloads of chosen entries, and of the others; None for one that is gone."""
    everything = list(entries)
    said = [entry.payload for entry in everything if entry.index in chosen]
    return said, [entry.payload for entry in everything if entry.index not in chosen]


def still_named(office: Office, names: Iterable[str]) -> list[str]:
    """Return the files outside the databases, store and keys that still contain one of the names, by their path."""
    layout, wanted = office.layout, [name.encode() for name in names]
    skipped = (layout.store, layout.keys)
    found = []
    for path in sorted(layout.home.rglob("*")) if wanted else ():
        if any(path.is_relative_to(each) for each in skipped) or ".db" in path.name or not _readable(path):
            continue
        body = path.read_bytes()
        if any(name in body for name in wanted):
            found.append(str(path.relative_to(layout.home)))
    return found


def _readable(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= _SCANNED
