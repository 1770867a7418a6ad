"""The policy database, as frozen rows. Each write is one durable transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.database.gone import ERASED, Gone
from engine.digest import JSON, canonical
from engine.errors import InputError, PolicyError, UsageError
from engine.events import Clock
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.tables import activation, bundle, candidate, directory, nonce, shadow, slice_

_PREFIX: Final = 4  # hexadecimal characters of a digest that a person has to type at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bundle that may come to decide. Moments are Unix seconds.

    Attributes:
        digest: of the bundle.
        base: digest of the bundle that was active when it was examined; None before the first.
        author: who proposed it; None while nobody has.
        state: see `engine.policy.rollout`.
        reason: what its author says it is for.
        report: what examining it found.
        approval: the Sigstore bundle of the approval; None while nobody approved it.
        seen: when it was first seen.
        updated: when anything of this last changed.
    """

    digest: str
    base: str | None
    author: str | None
    state: str
    reason: str
    report: Mapping[str, JSON] = field(default_factory=dict)
    approval: bytes | None
    seen: float
    updated: float

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row."""
        return cls(**{**row._mapping, "report": json.loads(row.report)})  # noqa: SLF001 - SQLAlchemy's public name


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One time that a bundle came to decide.

    Attributes:
        number: counts up from 1.
        digest: of the bundle.
        previous: of the one that decided before; None for the first.
        kind: `initial`, `activation` or `rollback`.
        author: who proposed it, or rolled back.
        approver: the second person; None where none was needed.
        reason: in the words of whoever did it.
        effect: what replaying recorded decisions had shown, in one line.
        statement: the Sigstore bundle of the approval.
        logged: 1 once its event is in the audit log; before that nobody decides by it.
        at: Unix seconds.
    """

    number: int
    digest: str
    previous: str | None
    kind: str
    author: str
    approver: str | None
    reason: str
    effect: str
    statement: bytes | None
    logged: int
    at: float

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row."""
        return cls(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


class PolicyStore:
    """Reads and writes the policy database.

    Args:
        engine: the database, migrated.
        clock: the time that rows get.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def active(self) -> str | None:
        """Return the digest of the bundle that decides now; None before the first activation."""
        query = select(activation.c.digest).where(activation.c.logged == 1).order_by(activation.c.number.desc())
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).scalar_one_or_none()

    def snapshot(self, digest: str) -> Snapshot:
        """Return the files of a bundle.

        Raises:
            PolicyError: it is not kept, or what is kept has another digest.
        """
        with self._engine.connect() as connection:
            files = connection.execute(select(bundle.c.files).where(bundle.c.digest == digest)).scalar_one_or_none()
        kept = Snapshot.parse(files) if files is not None else None
        if kept is None or kept.digest != digest:
            raise PolicyError(
                f"the policy database {'has other files than' if kept else 'does not have'} bundle {digest[:16]}",
                remedy="Restore state/policy.db from a backup; until then nothing is permitted.",
            )
        return kept

    def candidate(self, digest: str) -> Candidate | None:
        """Return a candidate by its whole digest."""
        with self._engine.connect() as connection:
            row = connection.execute(select(candidate).where(candidate.c.digest == digest)).one_or_none()
        return Candidate.of(row) if row else None

    def named(self, prefix: str) -> Candidate:
        """Return a candidate by the beginning of its digest.

        Raises:
            InputError: there is none, or more than one.
        """
        with self._engine.connect() as connection:
            matching = candidate.c.digest.startswith(prefix, autoescape=True)
            rows = connection.execute(select(candidate).where(matching).limit(2)).all()
        if len(rows) != 1 or len(prefix) < _PREFIX:
            raise InputError(
                f"{'more than one candidate is' if len(rows) > 1 else 'no candidate is'} called {prefix!r}",
                remedy="'lading policy history' shows every candidate with its digest.",
            )
        return Candidate.of(rows[0])

    def candidates(self, *states: str) -> list[Candidate]:
        """Return the candidates in these states, or all of them, newest first."""
        query = select(candidate).order_by(candidate.c.updated.desc())
        if states:
            query = query.where(candidate.c.state.in_(states))
        with self._engine.connect() as connection:
            return [Candidate.of(row) for row in connection.execute(query)]

    def activations(self) -> list[Activation]:
        """Return every activation, newest first."""
        query = select(activation).order_by(activation.c.number.desc())
        with self._engine.connect() as connection:
            return [Activation.of(row) for row in connection.execute(query)]

    def keep(self, snapshot: Snapshot, new: Candidate) -> Candidate:
        """Write a candidate with its files; return it with the time of the write."""
        with self._engine.begin() as connection:
            self._keep_files(connection, snapshot)
            return self._write(connection, new)

    def save(self, changed: Candidate) -> Candidate:
        """Write a candidate's new standing; return it with the time of the write."""
        with self._engine.begin() as connection:
            return self._write(connection, changed)

    def drop_drafts(self, digest: str) -> None:
        """Forget every candidate that nobody proposed, nor runs in shadow, but this one; the log remembers them."""
        kept = select(shadow.c.digest)
        with self._engine.begin() as connection:
            connection.execute(
                delete(candidate).where(
                    candidate.c.digest != digest,
                    candidate.c.state.in_(("broken", "failing", "ready")),
                    candidate.c.digest.not_in(kept),
                )
            )
            used = (select(table.c.digest) for table in (candidate, activation, shadow))
            connection.execute(delete(bundle).where(*(bundle.c.digest.not_in(query) for query in used)))

    def begin_activation(self, new: Activation, snapshot: Snapshot, consumed: str | None) -> Activation:
        """Write an activation that nobody decides by yet, and consume the nonce of its approval.

        Raises:
            UsageError: another bundle came to decide meanwhile, or the approval was used before.
        """
        with self._engine.begin() as connection:
            query = select(activation.c.digest).where(activation.c.logged == 1).order_by(activation.c.number.desc())
            before = connection.execute(query.limit(1)).scalar_one_or_none()
            if before != new.previous:
                raise UsageError(
                    f"bundle {(before or 'none')[:16]} decides by now, expected {(new.previous or 'none')[:16]}",
                    remedy="Look at what changed with 'lading policy history', and propose again.",
                )
            if connection.execute(select(activation.c.number).where(activation.c.logged == 0)).first() is not None:
                raise UsageError("another activation is under way", remedy="Wait for it, then look at the history.")
            if consumed is not None:
                self._consume(connection, consumed, new.digest)
            self._keep_files(connection, snapshot)
            number = 1 + (connection.execute(select(func.max(activation.c.number))).scalar_one() or 0)
            row = {name: getattr(new, name) for name in activation.c.keys()} | {"number": number, "at": self._now()}  # noqa: SIM118
            connection.execute(insert(activation).values(row))
        return Activation(**row)

    def complete_activation(self, begun: Activation) -> None:
        """Let the bundle decide, in every process, from the next decision on."""
        with self._engine.begin() as connection:
            connection.execute(update(activation).where(activation.c.number == begun.number).values(logged=1))
            for digest, state in ((begun.previous, "superseded"), (begun.digest, "active")):
                connection.execute(
                    update(candidate).where(candidate.c.digest == digest).values(state=state, updated=self._now())
                )
            connection.execute(delete(shadow).where(shadow.c.digest == begun.digest))

    def forget_activation(self, begun: Activation, consumed: str | None) -> None:
        """Take back an activation whose event never came into the log; its approval was then not used."""
        with self._engine.begin() as connection:
            connection.execute(delete(activation).where(activation.c.number == begun.number, activation.c.logged == 0))
            connection.execute(delete(nonce).where(nonce.c.nonce == consumed))

    def shadows(self) -> Sequence[str]:
        """Return the digests of the bundles that decide in shadow."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(shadow.c.digest).order_by(shadow.c.since)).scalars())

    def set_shadow(self, digest: str, by: str) -> None:
        """Let a bundle decide in shadow."""
        row = {"digest": digest, "by": by, "since": self._now()}
        with self._engine.begin() as connection:
            connection.execute(upsert(shadow).values(row).on_conflict_do_nothing())

    def end_shadow(self, digest: str) -> None:
        """End it."""
        with self._engine.begin() as connection:
            connection.execute(delete(shadow).where(shadow.c.digest == digest))

    def keep_slice(self, digest: str, body: bytes) -> None:
        """Keep the entities that a decision rests on, under their digest."""
        with self._engine.begin() as connection:
            connection.execute(upsert(slice_).values(digest=digest, body=body).on_conflict_do_nothing())

    def slice(self, digest: str) -> bytes | None:
        """Return the entities that a decision rested on, if they are kept."""
        with self._engine.connect() as connection:
            return connection.execute(select(slice_.c.body).where(slice_.c.digest == digest)).scalar_one_or_none()

    def forget_slices(self, digests: Collection[str]) -> None:
        """Remove slices that no recorded decision rests on any more."""
        with self._engine.begin() as connection:
            for digest in digests:
                connection.execute(delete(slice_).where(slice_.c.digest == digest))

    def forget(self, digest: str, gone: Gone) -> None:
        """Let what is kept beside a bundle that neither decides nor waits say nothing that was erased."""
        with self._engine.begin() as connection:
            for row in connection.execute(select(candidate).where(candidate.c.digest == digest)).mappings().all():
                values: dict[str, Any] = {**gone.erased_of(dict(row), ("author", "reason"))}
                if gone.document(row["approval"]):
                    values["approval"] = None
                if gone.document(row["report"]):
                    values["report"] = _without(row["report"], gone)
                if values:
                    connection.execute(update(candidate).where(candidate.c.digest == digest).values(values))
            for row in connection.execute(select(activation).where(activation.c.digest == digest)).mappings().all():
                values = {**gone.erased_of(dict(row), ("author", "approver", "reason", "effect"))}
                if gone.document(row["statement"]):
                    values["statement"] = None
                if values:
                    here = activation.c.number == row["number"]
                    connection.execute(update(activation).where(here).values(values))

    def directory(self) -> tuple[int, bytes] | None:
        """Return the newest directory that decisions were made with, and its number; None before the first."""
        with self._engine.connect() as connection:
            query = select(directory.c.number, directory.c.file).order_by(directory.c.number.desc()).limit(1)
            row = connection.execute(query).one_or_none()
        return (row.number, row.file) if row else None

    def keep_directory(self, number: int, digest: str, file: bytes) -> None:
        """Keep a new directory, in place of the older ones."""
        row = {"number": number, "digest": digest, "file": file, "seen": self._now()}
        with self._engine.begin() as connection:
            connection.execute(delete(directory).where(directory.c.number != number))
            connection.execute(upsert(directory).values(row).on_conflict_do_nothing())

    def free(self, value: str, subject: str) -> bool:
        """Say whether a nonce is unused, or used for this subject."""
        with self._engine.connect() as connection:
            known = connection.execute(select(nonce.c.subject).where(nonce.c.nonce == value)).scalar_one_or_none()
        return known in (None, subject)

    def consume(self, value: str, subject: str) -> None:
        """Use a nonce, once: again for the same subject is the same use.

        Raises:
            UsageError: it was used for another subject.
        """
        with self._engine.begin() as connection:
            known = connection.execute(select(nonce.c.subject).where(nonce.c.nonce == value)).scalar_one_or_none()
            if known != subject:
                self._consume(connection, value, subject)

    def _consume(self, connection: Connection, value: str, subject: str) -> None:
        if connection.execute(select(nonce.c.nonce).where(nonce.c.nonce == value)).first() is not None:
            raise UsageError(
                "the approval was used before, and counts once", remedy="Ask the second person for a new one."
            )
        connection.execute(insert(nonce).values(nonce=value, subject=subject, used=self._now()))

    def _keep_files(self, connection: Connection, snapshot: Snapshot) -> None:
        """Keep the files of a bundle; once it has decided, its suites stay as they were, too."""
        row = {"digest": snapshot.digest, "files": snapshot.write(), "created": self._now()}
        decided = select(activation.c.number).where(activation.c.digest == snapshot.digest)
        statement = upsert(bundle).values(row)
        if connection.execute(decided).first() is None:
            statement = statement.on_conflict_do_update(["digest"], set_={"files": row["files"]})
        else:
            statement = statement.on_conflict_do_nothing()
        connection.execute(statement)

    def _write(self, connection: Connection, new: Candidate) -> Candidate:
        row = {name: getattr(new, name) for name in candidate.c.keys()}  # noqa: SIM118
        row |= {"report": canonical(new.report), "updated": self._now()}
        statement = upsert(candidate).values(row)
        connection.execute(statement.on_conflict_do_update(["digest"], set_=row))
        return Candidate(**{**row, "report": new.report})

    def _now(self) -> float:
        return self._clock().timestamp()


def _without(report: bytes, gone: Gone) -> bytes:
    """Return a report without the recorded decisions it tells of, or, if that is not enough, without anything."""
    told = json.loads(report)
    told.pop("replay", None)
    kept = canonical(told)
    return canonical({"summary": ERASED}) if gone.document(kept) else kept
