"""Builders for the audit room: an organization with a log, a clock that is told, and a partner's witness."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.audit.remembered import Remembered
from engine.audit.verification import Verification
from engine.audit.verify import verify
from engine.audit.witness import Witness, add_checkpoint_body
from engine.events import Event, event_id

ORIGIN = "acme.example/lading/audit/0"
PSEUDONYM_KEY = b"p" * 32


@dataclass
class ToldClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Acme:
    """An organization whose audit log is under test."""

    folder: Path
    clock: ToldClock = field(default_factory=ToldClock)
    private: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"a" * 32))
    origin: str = ORIGIN
    remembered: list[bytes] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "audit.db"

    @property
    def key(self) -> NoteKey:
        return NoteSigner(self.origin, self.private).key

    def open(self, source: str = "spiffe://acme.example/gateway") -> AuditLog:
        return AuditLog(
            self.path,
            origin=self.origin,
            key=self.private,
            pseudonym_key=PSEUDONYM_KEY,
            source=source,
            clock=self.clock,
        )

    def event(self, number: int, **changes: object) -> Event:
        fields = {
            "id": event_id("test", "step", number),
            "type": "transfer.offered",
            "actor": f"person-{number % 3}@acme.example",
            "partner": "borealis.example",
            "transfer": f"tr-{number // 10:024x}",
            "decision": "permit",
            "payload": {"purpose": "evaluation", "number": number},
        }
        return Event(**fields | changes)  # type: ignore[arg-type]

    def events(self, count: int, start: int = 0) -> list[Event]:
        return [self.event(number) for number in range(start, start + count)]

    def verify(
        self, path: Path | None = None, witnesses: Sequence[NoteKey] = (), since: bytes | None = None
    ) -> Verification:
        return verify(
            path or self.path,
            key=self.key,
            remembered=self.remembered,
            witnesses=witnesses,
            pseudonym_key=PSEUDONYM_KEY,
            since=since,
        )

    def tamper(self, *statements: str) -> None:
        """Edit the closed database as somebody with write access to the file can."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    def copy(self, name: str) -> Path:
        """Copy the closed database to another place."""
        target = self.folder / name
        target.mkdir()
        return Path(shutil.copy(self.path, target / "audit.db"))


@dataclass
class Borealis:
    """The partner, who witnesses Acme's log."""

    folder: Path
    acme: Acme
    signer: NoteSigner = field(
        default_factory=lambda: NoteSigner(
            "borealis.example/lading/witness",
            Ed25519PrivateKey.from_private_bytes(b"b" * 32),
            Algorithm.COSIGNATURE,
        )
    )

    @property
    def key(self) -> NoteKey:
        return self.signer.key

    def witness(self) -> Witness:
        return Witness(
            self.folder / "witness.json",
            self.signer,
            {self.acme.origin: self.acme.key}.get,
            self.acme.clock,
            self.remembered,
        )

    @property
    def remembered(self) -> Remembered:
        """What the witness remembers, read anew as after a restart."""
        return Remembered(self.folder / "seen.jsonl")

    def cosign(self, log: AuditLog) -> bytes:
        """Let the witness cosign the log's newest checkpoint, and give it back as it is then."""
        witness, note = self.witness(), log.checkpoint()
        size, last = read_checkpoint(note).size, witness.last(log.key.name)
        old = last.size if last else 0
        proof = log.prove_consistency(old, size)
        answer = witness.add_checkpoint(add_checkpoint_body(old, proof, note))
        assert answer.status == 200, answer
        log.add_cosignature(size, answer.body, self.key)
        return log.checkpoint()


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path)


@pytest.fixture
def borealis(tmp_path: Path, acme: Acme) -> Borealis:
    return Borealis(tmp_path, acme)
