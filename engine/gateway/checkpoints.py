"""Checkpoints of partners' logs: verified, remembered, and held against each other.

A log with two histories is found out when two of its checkpoints meet: those a partner shows in offers, answers and
requests to our witness, and those that others pass on. Both are then kept as a file (`state/forks/<id>.json`),
our log records it, and nothing more is taken from that partner's log until a person has resolved it.

INVARIANT: what is remembered of one log never contradicts itself.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from engine.audit.fork import LIMIT, Fork, ForkKind, find_fork, parse_fork
from engine.audit.log import AuditLog
from engine.audit.merkle import verify_consistency
from engine.audit.note import NoteKey, known_part
from engine.audit.remembered import Remembered
from engine.audit.tiles import TileTree
from engine.audit.witness import Witness
from engine.errors import BadSignature, InputError, LogTampered
from engine.events import Event, event_id
from engine.files import read_regular, write_atomic

REMEDY: Final = (
    "Both checkpoints are kept: 'lading audit fork list' names the file. Talk to the partner; when it is settled, "
    "'lading audit fork resolve'."
)

EXAMINED_AT_ONCE: Final = 64
"""How many checkpoints of one log are proved in a round; the rest follow in the next ones."""

ReadTile = Callable[[str, str], bytes]
"""Fetches a hash tile of the partner's log of an origin by its path below `tile/`."""


class Checkpoints:
    """What this organization holds of its partners' logs. Threads may share it.

    Args:
        folder: where forks are kept.
        remembered: checkpoints outside the database.
        log: this organization's log.
        witness: this organization's witness.
        keys: the pinned keys of an organization's log.
        witnesses: the keys of the witnesses whose cosignatures are kept beside the log's signature.
        identity: who records events here.
    """

    def __init__(
        self,
        folder: Path,
        remembered: Remembered,
        log: AuditLog,
        witness: Witness,
        keys: Callable[[str], list[NoteKey]],
        witnesses: Callable[[], list[NoteKey]],
        identity: str,
    ) -> None:
        self._folder = folder
        self._remembered = remembered
        self._log = log
        self._witness = witness
        self._keys = keys
        self._witnesses = witnesses
        self._identity = identity
        self._proved: set[Checkpoint] = set()

    def receive(self, organization: str, note: bytes) -> None:
        """Take in a checkpoint a partner showed: as `remember`, and record it if it is new.

        Raises:
            BadSignature, InputError: it is none of that partner's log.
            LogTampered: it contradicts one that is remembered, or an earlier contradiction is not resolved.
        """
        self.demand_no_fork(organization)
        seen = self.remember(organization, note)
        self._log.record(
            Event(
                id=event_id(seen.origin, f"checkpoint.received:{seen.size}:{seen.root.hex()}"),
                type="checkpoint.received",
                actor=self._identity,
                partner=organization,
                payload={"origin": seen.origin, "size": seen.size, "root": seen.root.hex()},
            )
        )

    def remember(self, organization: str, note: bytes) -> Checkpoint:
        """Keep a checkpoint of a partner's log outside the database, after its pinned key verified it.

        Of the note only what known keys signed is kept: a partner may add any other lines, and as many as it likes.

        Raises:
            BadSignature, InputError, LogTampered: as `receive`.
        """
        keys = self._keys(organization)
        seen = open_checkpoint(note, keys).checkpoint
        fork = self._remembered.keep(note, [*keys, *self._witnesses()])
        if fork is None:
            return seen
        self.conflict(organization, fork)
        raise LogTampered(
            f"{organization} showed two different roots of its log for {seen.size} entries", remedy=REMEDY
        )

    def newest(self, organization: str) -> bytes | None:
        """Return the newest remembered checkpoint of an organization's log, with known keys' signatures; None if none.

        What earlier releases remembered may have further lines, and more than a statement can name.
        """
        keys = self._keys(organization)
        notes = (self._remembered.newest(key.name) for key in keys)
        found = next((note for note in notes if note is not None), None)
        return None if found is None else known_part(found, [*keys, *self._witnesses()])

    def contradicts(self, organization: str, note: bytes) -> bool:
        """Say whether a partner's log signed a checkpoint that contradicts a remembered one; both are then kept.

        What its log did not sign contradicts nothing.
        """
        keys = self._keys(organization)
        try:
            shown = open_checkpoint(note, keys).checkpoint
        except (BadSignature, InputError):
            return False
        known = self._remembered.of_size(shown.origin, shown.size)
        fork = None if known is None else find_fork([known], known_part(note, keys))
        if fork is not None:
            self.conflict(organization, fork)
        return fork is not None

    def unproven(self, organization: str, note: bytes) -> None:
        """Keep a checkpoint that is signed, with the one cosigned last: the log did not show that it only grew."""
        shown = read_checkpoint(note)
        last = self._witness.last(shown.origin)
        cosigned = self._cosigned(last)
        if cosigned is not None and last is not None and last.size != shown.size:
            shown_part = known_part(note, self._keys(organization))
            self.conflict(organization, Fork(ForkKind.UNPROVEN, cosigned, shown_part))

    def conflict(self, organization: str, fork: Fork) -> None:
        """Keep a fork as evidence, and record that it was found; once, while nobody has resolved an earlier one."""
        known, shown = fork.checkpoints
        path = self._folder / f"{fork.id}.json"
        if not path.exists():
            if any(read_checkpoint(other.shown).origin == shown.origin for other in open_forks(self._folder)):
                return
            write_atomic(path, fork.to_bytes(), mode=0o600)
        self._log.record(
            Event(
                id=event_id(shown.origin, f"witness.conflict:{fork.id}"),
                type="witness.conflict",
                actor=self._identity,
                partner=organization,
                payload={
                    "fork": fork.id,
                    "kind": str(fork.kind),
                    "origin": shown.origin,
                    "known": known.size,
                    "shown": shown.size,
                },
            )
        )

    def accused(self, claimed: Checkpoint) -> bool:
        """Say whether a fork of a log is open that is not about this checkpoint of it: one more proves nothing new."""
        found = [fork.checkpoints for fork in open_forks(self._folder)]
        ours = [pair for pair in found if pair[1].origin == claimed.origin]
        return bool(ours) and not any(claimed in pair for pair in ours)

    def demand_no_fork(self, organization: str) -> None:
        """Check that no fork of a partner's log waits for a person.

        Raises:
            LogTampered: one does.
        """
        origins = {key.name for key in self._keys(organization)}
        waiting = [fork for fork in open_forks(self._folder) if read_checkpoint(fork.shown).origin in origins]
        if waiting:
            raise LogTampered(
                f"the log of {organization} contradicted itself (fork {waiting[0].id}), and nobody has resolved it",
                remedy=REMEDY,
            )

    def examine(self, organization: str, read_tile: ReadTile) -> None:
        """Hold remembered checkpoints of a partner's log against the one our witness cosigned last, newest first.

        Args:
            organization: the partner.
            read_tile: fetches a tile of its log of an origin.

        Raises:
            InputError: a tile is malformed.
            LogTampered: the log does not show that it only grew; both checkpoints are kept.
        """
        for key in self._keys(organization):
            last = self._witness.last(key.name)
            cosigned = self._cosigned(last)
            if cosigned is not None:
                self._examine(organization, cosigned, self._remembered.all(key.name)[::-1], read_tile)

    def _cosigned(self, last: Checkpoint | None) -> bytes | None:
        """Return the note of the checkpoint that our witness cosigned last, as far as it is remembered."""
        note = None if last is None else self._remembered.of_size(last.origin, last.size)
        return note if note is not None and read_checkpoint(note) == last else None

    def _examine(self, organization: str, cosigned: bytes, notes: Sequence[bytes], read_tile: ReadTile) -> None:
        last = read_checkpoint(cosigned)
        trees: dict[int, TileTree] = {}
        fresh = (note for note in notes if (seen := read_checkpoint(note)) != last and seen not in self._proved)
        for note in islice(fresh, EXAMINED_AT_ONCE):
            seen = read_checkpoint(note)
            older, newer = sorted((seen, last), key=lambda checkpoint: checkpoint.size)
            tree = trees.setdefault(newer.size, TileTree.by_path(partial(read_tile, seen.origin), newer.size))
            proof = tree.prove_consistency(older.size, newer.size)
            if not verify_consistency(older.size, newer.size, older.root, newer.root, proof):
                self.conflict(organization, Fork(ForkKind.UNPROVEN, cosigned, note))
                raise LogTampered(
                    f"the log of {organization} does not show that {newer.size} entries extend {older.size}",
                    remedy=REMEDY,
                )
            self._proved.add(seen)


def open_forks(folder: Path) -> Iterator[Fork]:
    """Return the forks nobody has resolved yet, in the order of their ids.

    Raises:
        InputError: a file is no fork.
    """
    for path in sorted(folder.glob("*.json")):
        if not path.name.startswith(".") and not path.with_suffix(".resolved").exists():
            yield read_fork(path)


def read_fork(path: Path) -> Fork:
    """Read a fork file.

    Raises:
        InputError: it is none.
    """
    data = read_regular(path, LIMIT + 1)
    try:
        return parse_fork(data)
    except InputError as error:
        raise InputError(f"{path}: {error}", remedy=error.remedy) from error
