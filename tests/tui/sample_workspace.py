"""A workspace with fixed data, made of the real parts: the same bytes on every run."""

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.log import AuditLog
from engine.audit.note import Algorithm, NoteSigner
from engine.events import Event, event_id
from engine.gateway import tables as gateway_tables
from engine.transfer import tables as transfer_tables
from engine.wire.journal import Journal

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
ORIGIN = "acme.example/lading/audit/0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = NoteSigner(
    "borealis.example/lading/witness", Ed25519PrivateKey.from_private_bytes(b"w" * 32), Algorithm.COSIGNATURE
)
SETTINGS = '[organization]\nid = "acme.example"\nname = "Acme"\nregion = "EU"\n'
MIB = 1024 * 1024


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Ticking:
    """A clock that stands until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class SampleWorkspace:
    """Builds an organization's folder and changes it as its owner would."""

    home: Path
    clock: Ticking = field(default_factory=Ticking)

    def __post_init__(self) -> None:
        (self.home / "state").mkdir(parents=True, exist_ok=True)
        (self.home / "lading.toml").write_text(SETTINGS)

    @property
    def audit(self) -> Path:
        return self.home / "state" / "audit.db"

    def pin(self, key: Ed25519PrivateKey = KEY) -> None:
        self._trust("own", {"organization": "acme.example", "log_keys": [NoteSigner(ORIGIN, key).key.vkey]})

    def pin_witness(self) -> None:
        self._trust("partners/borealis.example", {"witness_keys": [WITNESS.key.vkey]})

    def log(self) -> AuditLog:
        return AuditLog(
            self.audit, origin=ORIGIN, key=KEY, pseudonym_key=b"p" * 32, source="acme.example", clock=self._behind
        )

    def record(self, *events: Event) -> None:
        with self.log() as log:
            log.record_many(events)

    def cosign(self) -> None:
        with self.log() as log:
            text = log.checkpoint().split(b"\n\n")[0] + b"\n"
            log.add_cosignature(log.size, WITNESS.cosign(text, int(NOW.timestamp())), WITNESS.key)

    def send(self, **columns: object) -> None:
        self._insert("transfer.db", transfer_tables.metadata, "outgoing", _transfer(**columns))

    def progress(self, transfer: str, **columns: object) -> None:
        with sqlite3.connect(self.home / "state" / "transfer.db") as db:
            for name, value in columns.items():
                db.execute(f"UPDATE outgoing SET {name} = ? WHERE id = ?", (value, transfer))  # noqa: S608
        db.close()

    def receive(self, *, chunks: list[bool], **columns: object) -> None:
        row = _transfer(**columns)
        for name in ("impact", "chunks_done", "chunks_sent", "bytes_done"):
            row.pop(name)
        row |= {"chunks_total": len(chunks), "bytes_total": 4 * MIB * len(chunks)}
        self._insert("gateway.db", gateway_tables.metadata, "incoming_transfer", row)
        digests = [digest(f"{row['id']} {at}") for at in range(len(chunks))]
        journal = Journal(self.home / "state" / "gateway.db", self.clock)
        journal.create(
            str(row["id"]),
            peer=str(row["partner"]),
            agreement=str(row["agreement"]),
            scope_public=digest(str(row["id"])).encode()[:32],
            chunks=[(sha256, 4 * MIB) for sha256 in digests],
        )
        journal.mark(str(row["id"]), [sha256 for sha256, here in zip(digests, chunks, strict=True) if here])
        journal.close()

    def tamper(self, statement: str, *parameters: object) -> None:
        """Change the log's database as somebody who is not its owner would."""
        with sqlite3.connect(self.audit) as db:
            db.execute(statement, parameters)
        db.close()

    def _behind(self) -> datetime:
        return self.clock.now - timedelta(seconds=3)

    def _trust(self, folder: str, signed: dict[str, object]) -> None:
        path = self.home / "trust" / folder / "trust.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"signed": signed, "signatures": []}))

    def _insert(self, name: str, metadata: sqlalchemy.MetaData, table: str, row: dict[str, object]) -> None:
        engine = sqlalchemy.create_engine(f"sqlite:///{self.home / 'state' / name}")
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.insert(metadata.tables[table]).values(row))
        engine.dispose()


def _transfer(*, seconds_ago: float = 60, **columns: object) -> dict[str, object]:
    name = columns.get("name", "sentiment")
    version = columns.get("version", "3.1")
    row: dict[str, object] = {
        "id": "tr-" + digest(f"{name}{version}{columns.get('partner')}")[:24],
        "partner": "borealis.example",
        "artifact": digest(f"{name}{version}"),
        "name": name,
        "version": version,
        "agreement": digest("agreement"),
        "purpose": "fraud-screening",
        "impact": "none expected",
        "actor": "ada@acme.example",
        "state": "sending",
        "step": "send",
        "detail": "",
        "chunks_total": 480,
        "chunks_done": 300,
        "chunks_sent": 301,
        "bytes_total": 1880 * MIB,
        "bytes_done": 1175 * MIB,
        "started": (NOW - timedelta(seconds=seconds_ago)).timestamp(),
        "updated": (NOW - timedelta(seconds=seconds_ago / 2)).timestamp(),
    }
    return row | columns


def event(number: int, kind: str, actor: str = "ada@acme.example", **attributes: object) -> Event:
    return Event(id=event_id("sample", str(number)), type=kind, actor=actor, **attributes)  # type: ignore[arg-type]


def handoff(number: int) -> list[Event]:
    """The events of one transfer, as its sender records them."""
    about: dict[str, object] = {
        "partner": ("borealis.example", "cygnus.example")[number % 2],
        "transfer": f"tr-{digest(f'handoff {number}')[:24]}",
        "artifact": digest(f"artifact {number}"),
        "agreement": digest("agreement"),
    }
    at = number * 10
    if number % 4 == 3:
        return [event(at, "decision.deny", "bea@acme.example", decision="deny", policy=digest("policy"), **about)]
    return [
        event(at, "decision.permit", decision="permit", policy=digest("policy"), **about),
        event(at + 1, "transfer.offered", payload={"purpose": "fraud-screening"}, **about),
        event(at + 2, "transfer.started", "spiffe://acme.example/gateway", **about),
        event(at + 3, "transfer.committed", "spiffe://acme.example/gateway", **about),
        event(at + 4, "receipt.received", "spiffe://acme.example/gateway", **about),
    ]


def add_transfers(workspace: SampleWorkspace) -> None:
    workspace.send(
        name="fraud-graph",
        version="1.4",
        state="awaiting-approval",
        step="decide",
        seconds_ago=720,
        detail="confidential: needs a second person",
        chunks_done=0,
        bytes_done=0,
    )
    workspace.send(name="sentiment", version="3.1", seconds_ago=95)
    workspace.send(
        name="vision-encoder",
        version="2.0",
        partner="cygnus.example",
        state="committing",
        step="commit",
        seconds_ago=310,
        chunks_done=480,
        bytes_done=1880 * MIB,
    )
    workspace.send(
        name="tabular-risk",
        version="0.9",
        partner="cygnus.example",
        state="denied",
        step="decide",
        seconds_ago=4000,
        detail="deny-residency: EU only, destination US",
        chunks_done=0,
        bytes_done=0,
    )
    workspace.send(
        name="speech-small",
        version="5.1",
        state="completed",
        step="witness",
        seconds_ago=86_400,
        chunks_done=480,
        bytes_done=1880 * MIB,
    )
    workspace.send(
        name="speech-small",
        version="5.0",
        state="failed",
        step="send",
        seconds_ago=90_000,
        detail="partner unreachable for 1 h",
        chunks_done=12,
        bytes_done=48 * MIB,
    )
    workspace.receive(
        name="translate",
        version="7.2",
        partner="delphi.example",
        state="offered",
        step="send",
        seconds_ago=40,
        chunks=[i % 7 != 3 and i < 500 for i in range(640)],
    )
    workspace.receive(
        name="embedding",
        version="1.0",
        partner="eos.example",
        state="quarantined",
        step="verdict",
        seconds_ago=7000,
        detail="format: pickle found in model.bin",
        chunks=[True] * 20,
    )
