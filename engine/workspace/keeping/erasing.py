"""Erasing payloads, and with them whatever the workspace's other databases keep of what they said.

The order makes a crash at any moment harmless: a mark that an erasure is under way; the event `payload.erased`,
durable; what other databases keep; the payloads, which say what that is; the bytes that deleted rows leave behind;
the mark goes. `settle` takes up whatever a crash cut short, and what a restored backup brought back.

Nothing can be appended to former logs, so the log that is written now says what goes from them, too.

INVARIANT: what other tables keep of entries goes with the last payload that says it, and not before. What copies
payloads whole, salts and all, for the next bill of a transfer goes with the first of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.audit.entry import Entry
from engine.audit.erasure import erasure_events
from engine.audit.holds import holding
from engine.audit.reader import LogReader, Row
from engine.audit.removal import erased_later, remaining, remaining_of, remove_payloads, remove_payloads_of
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
from engine.workspace.keeping.needs import standing_holds
from engine.workspace.keeping.personal import gone, mentions, words
from engine.workspace.log.former import Logs
from engine.workspace.office import Office

_SLICE: Final = re.compile(r'"entities":"([0-9a-f]{64})"')
COPIES: Final = frozenset({BILL_EVIDENCE, BILL_ANNEX})
"""Documents of transfers that copy payloads."""

_SCANNED: Final = 8 << 20
"""The largest file that is looked through for names, in bytes."""

Progress = Callable[[str], None]
Payload = Mapping[str, JSON] | None


Chosen = Mapping[str, Sequence[int]]
"""The indices of entries, by the origin of their log."""


def erase(
    office: Office,
    groups: Mapping[str, Chosen],
    *,
    actor: str,
    reason: str,
    progress: Progress,
    naming: str | None = None,
) -> None:
    """Erase the payloads of entries. Durable, and complete, when it returns.

    Args:
        office: whose; its logs were verified, and nothing of this is needed or held (see
            `engine.workspace.keeping.needs`); the caller has its `keeping`.
        groups: which entries, by the retention rule that asks for it; under an empty name if a person does.
        actor: who has it done.
        reason: in their words.
        progress: called with the name of each step.
        naming: a text that also goes from what partners showed of transfers that are over.

    Raises:
        WorkspaceError: the disk is full, or somebody keeps reading; repeat it, nothing is lost.
    """
    chosen = _together(groups.values())
    if not chosen and naming is None:
        return
    write_atomic(office.layout.erasing, b"", mode=0o600)
    for rule, group in groups.items():
        for origin, indices in group.items():
            of = None if origin == office.origin else origin
            office.log.record_many(erasure_events(indices, actor=actor, reason=reason, rule=rule, origin=of))
    if naming is not None:
        _forget_shown(office, naming, _Said(office.logs, chosen))
    _finish(office, chosen, progress)


def settle(
    office: Office, progress: Progress = lambda _: None, *, waits_for: Callable[[str], object] = lambda _: None
) -> int:
    """Finish erasures that a crash cut short, or that a restored backup undid; return how many payloads went.

    Args:
        office: whose.
        progress: called with the name of each step.
        waits_for: called with what is waited for, if that is under way; see `Turns.turn`.

    Raises:
        LogTampered: the log does not say which they are.
        WorkspaceError: as `erase`.
    """
    with office.keeping.turn("an erasure that was cut short", waits_for):
        left = {office.origin: remaining(office.log)}
        for log in office.logs.all[1:]:
            left[log.origin] = remaining_of(log.path, erased_later(log.origin, office.logs.later(log)))
        chosen = _together([left])
        if chosen or office.layout.erasing.exists():
            _finish(office, chosen, progress)
    return sum(map(len, chosen.values()))


def _together(groups: Iterable[Chosen]) -> dict[str, list[int]]:
    """Return all that is chosen, by origin; logs of which nothing is chosen are not named."""
    chosen: dict[str, list[int]] = {}
    for group in groups:
        for origin, indices in group.items():
            if indices:
                chosen.setdefault(origin, []).extend(indices)
    return chosen


def _finish(office: Office, chosen: Chosen, progress: Progress) -> None:
    layout = office.layout
    if chosen:
        progress("forgetting")
        _forget(office, _Said(office.logs, chosen))
    progress("rewriting")
    current = chosen.get(office.origin, ())
    remove_payloads(office.log, layout.audit_database, current)
    for log in office.logs.all[1:]:
        if log.origin in chosen:
            remove_payloads_of(log.path, chosen[log.origin])
    _forget_words(layout.search_database, layout.audit_database, current)
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


class _Said:
    """What the logs of an organization say, parted into what is to be erased and the rest.

    Args:
        logs: all of them.
        chosen: what is to be erased.
    """

    def __init__(self, logs: Logs, chosen: Chosen) -> None:
        self._logs = {log.origin: log for log in logs.all}
        self._chosen = {origin: frozenset(indices) for origin, indices in chosen.items()}

    def rows(self, *, chosen: bool | None = None) -> Iterator[tuple[LogReader, Row]]:
        """Yield the rows of all logs, or those that are chosen, or those that are not, each with its log."""
        for origin, log in self._logs.items():
            here = self._chosen.get(origin, frozenset())
            if chosen and not here:
                continue
            for row in all_rows(log):
                if chosen is None or chosen is (row.index in here):
                    yield log, row

    def of_transfer(self, transfer: str) -> "list[tuple[Entry, bool]]":
        """Return a transfer's entries, each with whether it is chosen."""
        return [
            (entry, entry.index in self._chosen.get(origin, frozenset()))
            for origin, log in self._logs.items()
            for entry in log.of_transfer(transfer)
        ]

    def grouped(self, key: Callable[[Row], str | None]) -> "dict[str, list[tuple[Entry, bool]]]":
        """Return the entries that have a key, by it, each with whether it is chosen."""
        found: dict[str, list[tuple[Entry, bool]]] = {}
        for log, row in self.rows():
            under = key(row)
            if under is not None:
                here = row.index in self._chosen.get(log.origin, frozenset())
                found.setdefault(under, []).append((log.entry(row.index), here))
        return found


def _forget_words(index: Path, database: Path, indices: Sequence[int]) -> None:
    """Take erased words out of the full-text index; where a crash hid which, the index goes: it is only derived."""
    if indices:
        with LogReader(database) as log:
            SearchIndex(index, log).forget(indices)
    else:
        drop_index(index)


def _forget(office: Office, said: _Said) -> None:
    """Remove what other databases keep of entries whose payloads are still there."""
    chosen = list(said.rows(chosen=True))
    for transfer in sorted({row.transfer for _, row in chosen if row.transfer is not None}):
        lost = gone(*_parted(said.of_transfer(transfer)))
        office.outgoing.forget(transfer, lost, COPIES)
        office.tickets.forget(transfer, lost)
        office.incoming.forget(transfer, lost, COPIES)
    roots = {row.artifact for _, row in chosen if row.type == "artifact.registered"}
    for root, entries in said.grouped(lambda row: row.artifact if row.artifact in roots else None).items():
        office.registry.forget(root, gone(*_parted(entries)))
    if any(row.type.startswith(("policy.", "decision.")) for _, row in chosen):
        _forget_policies(office, said, chosen)
        _forget_slices(office, said, chosen)


def _forget_shown(office: Office, name: str, said: _Said) -> None:
    """Remove what partners said of transfers, where it contains a text that no other payload here about them says.

    Nothing goes of a transfer that is under way, or that a legal hold covers in part.
    """
    over: list[tuple[OutgoingTable | IncomingTable, str]]
    over = [(office.outgoing, row.id) for row in office.outgoing.all() if row.stopped]
    over += [(office.incoming, row.id) for row in office.incoming.all() if row.state not in UNDER_WAY]
    standing = standing_holds(office.logs)
    for table, transfer in over:
        entries = said.of_transfer(transfer)
        says = any(not chosen and mentions(entry.payload, name) for entry, chosen in entries)
        if not says and not any(holding(standing, entry) for entry, _ in entries):
            table.forget(transfer, Gone(frozenset({name})))


def _forget_policies(office: Office, said: _Said, chosen: Sequence[tuple[LogReader, Row]]) -> None:
    """Remove authors, reasons and approvals of bundles, and what their reports tell of erased decisions."""
    store = office.governance.store
    about = [(log, row) for log, row in chosen if row.type.startswith(("policy.", "decision."))]
    lost = words(log.entry(row.index).payload for log, row in about)
    told = said.grouped(lambda row: row.policy if row.type.startswith("policy.") else None)
    for digest in {each.digest for each in store.candidates()} | {each.digest for each in store.activations()}:
        store.forget(digest, Gone(lost - words(_parted(told.get(digest, ()))[1])))


def _forget_slices(office: Office, said: _Said, chosen: Sequence[tuple[LogReader, Row]]) -> None:
    """Remove the entities that decisions rested on, unless another decision rests on the same."""
    named = {digest for log, row in chosen for digest in _slices(log, row)}
    if not named:
        return
    keep_slice = office.governance.active.keep_slice
    keep_slice.cache_clear()
    kept = {digest for log, row in said.rows(chosen=False) for digest in _slices(log, row)}
    office.governance.store.forget_slices(named - kept)
    keep_slice.cache_clear()


def _slices(log: LogReader, row: Row) -> list[str]:
    record = (log.entry(row.index).payload or {}).get("record") if row.type.startswith("decision.") else None
    return _SLICE.findall(record) if isinstance(record, str) else []


def _parted(entries: Iterable[tuple[Entry, bool]]) -> tuple[list[Payload], list[Payload]]:
    """Return the payloads of chosen entries, and of the others; None for one that is gone."""
    everything = list(entries)
    said = [entry.payload for entry, chosen in everything if chosen]
    return said, [entry.payload for entry, chosen in everything if not chosen]


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
