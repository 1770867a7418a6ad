"""The speed of the audit log beside plain SQLite and a hash-chained JSONL file, on the same events in the same run.

    python benchmarks/audit.py [--entries N] [--rounds N] [--json]

Ratios are ours to the peer's, in events per second of CPU time; medians over rounds in which both take turns. Many
appenders beside one (batches of 16) are measured by the clock, as they share the wait for the disk. `plain` makes leaf
and payload of each event and writes the same rows into the same tables with the same indexes and durability: no tree,
no signature, no look-up of what is known. `rows` writes rows that were made before. The chain's verifier reads each
line, compares its link and hashes it, in one thread; ours checks columns, payloads, tiles and roots, and on a second
thread SQLite's structure: so it is measured in CPU time and by the clock. For the figures of a million entries say
`--entries 1000000`.
"""

import argparse
import json
import random
import secrets
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit import schema
from engine.audit.entry import COLUMNS, SALT_SIZE, seal
from engine.audit.log import AuditLog
from engine.audit.query.find import Search, Source, find
from engine.audit.query.terms import Like
from engine.audit.reader import LogReader
from engine.audit.verify import verify
from engine.events import Event, event_id, timestamp

KEY = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
SOURCE = "spiffe://acme.example/gateway"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TYPES = ("transfer.offered", "transfer.completed", "decision.permit", "artifact.viewed", "receipt.issued")
BATCHES = (128, 1024)
APPENDERS = 64
TOGETHER = 16  # events to a batch of the direct appends that 64 appenders are compared with
PROOFS = 500
PAGE = 40
ROWS = f"SELECT idx, {', '.join(COLUMNS)}, leaf, salt, body FROM event JOIN payload USING (idx) ORDER BY idx"  # noqa: S608 - our own names


def event(number: int) -> Event:
    """Return an event as a handoff makes them; one in a thousand is a denial."""
    kind = TYPES[number % len(TYPES)] if number % 1000 else "decision.deny"
    return Event(
        id=event_id("benchmark", "step", number),
        type=kind,
        actor=f"person-{number % 40}@acme.example",
        artifact=sha256(b"artifact %d" % (number // 50)).hexdigest(),
        partner=f"partner-{number % 7}.example",
        transfer=f"tr-{number // 10:024x}",
        agreement=sha256(b"agreement %d" % (number % 20)).hexdigest(),
        decision=kind.partition(".")[2] if kind.startswith("decision.") else None,
        policy="c" * 64,
        statement=sha256(b"statement %d" % number).hexdigest(),
        payload={"purpose": "evaluation", "expected_impact": "the score of the card is confirmed", "number": number},
    )


def open_log(path: Path) -> AuditLog:
    """Open a log of the benchmark."""
    return AuditLog(
        path,
        origin="acme.example/lading/audit/0",
        key=KEY,
        pseudonym_key=b"p" * 32,
        source=SOURCE,
        clock=lambda: NOW,
    )


def seconds(act: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return how long something takes, in CPU time unless told otherwise."""
    start = clock()
    act()
    return clock() - start


def append(path: Path, events: list[Event], batch: int, clock: Callable[[], float] = time.process_time) -> float:
    """Append through the log, and return events per second."""
    with open_log(path) as log:
        taken = seconds(
            lambda: [log.record_many(events[at : at + batch]) for at in range(0, len(events), batch)], clock
        )
    return len(events) / taken


def sealed(events: list[Event], start: int) -> list[tuple[Any, ...]]:
    """Make the rows of events, as the log makes them."""
    time, rows = timestamp(NOW), []
    for index, each in enumerate(events, start):
        made = seal(each, source=SOURCE, time=time, salt=secrets.token_bytes(SALT_SIZE), pseudonym_key=b"p" * 32)
        rows.append((index, *map(made.public.get, COLUMNS), made.leaf, made.salt, made.payload))
    return rows


def insert(path: Path, things: list[Any], batch: int, make: Callable[[list[Any], int], list[tuple[Any, ...]]]) -> float:
    """Insert the same rows into the same tables with plain SQLite, and return events per second."""
    marks = ", ".join("?" * (len(COLUMNS) + 2))
    with closing(schema.open_writer(path)) as db:
        schema.create_tables(db)

        def write() -> None:
            for at in range(0, len(things), batch):
                chunk = make(things[at : at + batch], at)
                db.execute("BEGIN IMMEDIATE")
                db.executemany(f"INSERT INTO event VALUES ({marks})", [row[:-2] for row in chunk])  # noqa: S608 - question marks
                db.executemany("INSERT INTO payload VALUES (?, ?, ?)", [(row[0], *row[-2:]) for row in chunk])
                db.execute("COMMIT")

        return len(things) / seconds(write)


def appended_together(path: Path, events: list[Event]) -> float:
    """Append one event at a time from many threads, and return events per second."""
    with open_log(path) as log:
        threads = [
            threading.Thread(target=lambda mine=events[at::APPENDERS]: [log.record(each) for each in mine])
            for at in range(APPENDERS)
        ]

        def run() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return len(events) / seconds(run, time.perf_counter)


def write_chain(path: Path, rows: list[tuple[Any, ...]]) -> None:
    """Write the same events as lines of JSON, each with the digest of the one before."""
    link = ""
    with path.open("wb") as file:
        for *_, leaf, salt, body in rows:
            fields = {"link": link, "event": json.loads(leaf), "salt": salt.hex(), "payload": json.loads(body)}
            line = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
            file.write(line + b"\n")
            link = sha256(line).hexdigest()


def verify_chain(path: Path) -> None:
    """Verify a hash-chained file."""
    link = ""
    with path.open("rb") as file:
        for line in file:
            if json.loads(line)["link"] != link:
                raise SystemExit("the chain is broken")
            link = sha256(line[:-1]).hexdigest()


def verify_log(path: Path, since: bytes | None = None) -> None:
    """Verify the log."""
    with open_log(path) as log:
        key = log.key
    outcome = verify(path, key=key, since=since)
    if not outcome.ok:
        raise SystemExit(f"the log does not verify: {outcome.problems[0]}")


def appends(home: Path, events: list[Event], rows: list[tuple[Any, ...]], rounds: int) -> dict[str, float]:
    """Compare appends with plain SQLite, and many appenders with one."""
    few = events[: max(len(events) // 8, 2048)]
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        for batch in BATCHES:
            taken.setdefault(f"append_{batch}", []).append(append(home / f"ours-{batch}-{number}.db", events, batch))
            plain, ready = home / f"plain-{batch}-{number}.db", home / f"rows-{batch}-{number}.db"
            taken.setdefault(f"plain_{batch}", []).append(insert(plain, events, batch, sealed))
            taken.setdefault(f"rows_{batch}", []).append(insert(ready, rows, batch, lambda chunk, _: chunk))
        taken.setdefault("direct_16", []).append(append(home / f"direct-{number}.db", few, TOGETHER, time.perf_counter))
        taken.setdefault("appenders_64", []).append(appended_together(home / f"many-{number}.db", few))
        for file in home.glob(f"*-{number}.db*"):
            file.unlink()
    figures = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {
        f"append_{batch}_to_{peer}_ratio": figures[f"append_{batch}"] / figures[f"{peer}_{batch}"]
        for batch in BATCHES
        for peer in ("plain", "rows")
    }
    return figures | ratios | {"appenders_64_ratio": figures["appenders_64"] / figures["direct_16"]}


def verifications(home: Path, path: Path, rows: list[tuple[Any, ...]], rounds: int) -> dict[str, float]:
    """Compare verification in full with that of a chain."""
    chain = home / "chain.jsonl"
    write_chain(chain, rows)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, clock in (("", time.process_time), ("_by_the_clock", time.perf_counter)):
            taken.setdefault(f"verify{name}", []).append(len(rows) / seconds(lambda: verify_log(path), clock))
            taken.setdefault(f"chain_verify{name}", []).append(len(rows) / seconds(lambda: verify_chain(chain), clock))
    with LogReader(path) as log:
        newest = log.newest_checkpoint()
    found = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {f"verify{by}_ratio": found[f"verify{by}"] / found[f"chain_verify{by}"] for by in ("", "_by_the_clock")}
    return found | ratios | {"verify_incremental_ms": seconds(lambda: verify_log(path, newest)) * 1000}


def reads(path: Path) -> dict[str, float]:
    """Measure proofs, the tree's share of the bytes, and the newest page of a filter, cold and with its leaves."""
    chosen = random.Random(1)  # noqa: S311 - the same entries in every run
    with LogReader(path) as log:
        size = log.size
        proofs = [seconds(lambda: log.prove(chosen.randrange(size), size)) for _ in range(PROOFS)]
        search = Search(Like("type", "decision.deny"), Source.COLUMNS, 0, size)

        def page() -> None:
            for number, _ in enumerate(find(log, search), 1):
                if number == PAGE:
                    return

        filtered = [seconds(lambda: log.select("type = 'decision.deny' ORDER BY event.idx DESC", [], PAGE))]
        queried = [seconds(page)]
        tree = log.query("SELECT sum(length(hashes)) FROM tile")[0][0]
    return {
        "proof_ms": statistics.median(proofs) * 1000,
        "proof_p99_ms": statistics.quantiles(proofs, n=100)[98] * 1000,
        "filter_ms": filtered[0] * 1000,
        "query_page_ms": queried[0] * 1000,
        "tree_share": tree / path.stat().st_size,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    events = [event(number) for number in range(max(options.entries, 2048))]
    with tempfile.TemporaryDirectory(prefix="lading-bench-") as name:
        home = Path(name)
        path = home / "log.db"
        append(path, events, BATCHES[-1])
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute(ROWS).fetchall()
        report: dict[str, float] = {"entries": len(events)} | reads(path)
        report |= verifications(home, path, rows, options.rounds)
        report |= appends(home, events, rows, options.rounds)
    print(json.dumps(report, indent=2) if options.as_json else table(report))


def table(report: dict[str, float]) -> str:
    """Lay the figures out: events per second unless the name says otherwise."""
    digits = {name: 3 if name.endswith(("_ms", "_ratio", "_share")) else 0 for name in report}
    return "\n".join(f"{name:28}{value:>14,.{digits[name]}f}" for name, value in report.items())


if __name__ == "__main__":
    main()
