"""Bits that flip in the log's database: whatever a reader then sees differently, through any index, is found.

`LADING_BIT_FLIPS` says how many flips are tried (300); a soak takes thousands.
"""

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.audit import schema
from tests.unit.audit.conftest import Acme, Borealis

FLIPS = int(os.environ.get("LADING_BIT_FLIPS", "300"))
TABLES = ("meta", "event", "payload", "tile", "checkpoint", "cosignature")


@contextmanager
def witnessed_log(folder: Path) -> Iterator[tuple[Acme, Borealis]]:
    """An open log of 300 entries, cosigned at 280, the last 20 in its WAL, with all of its checkpoints remembered."""
    acme = Acme(folder)
    borealis = Borealis(folder, acme)
    with acme.open() as log:
        log.record_many([acme.event(number, artifact="a" * 64, agreement="b" * 64) for number in range(280)])
        acme.remembered.append(borealis.cosign(log))
    with acme.open() as log:
        log.record_many(acme.events(20, start=280))
        acme.remembered.append(log.checkpoint())
        yield acme, borealis


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[tuple[Acme, Borealis]]:
    with witnessed_log(tmp_path) as both:
        yield both


def seen(path: Path) -> list[object]:
    """Return what readers see: every row of every table, and every order that an index gives."""
    indexes = sorted(name for kind, name, sql in schema.expected() if kind == "index" and sql)
    columns = [name.removeprefix("event_") for name in indexes]
    with closing(schema.open_reader(path)) as db:
        db.text_factory = bytes
        rows = [db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]  # noqa: S608 - our own names
        orders = [
            db.execute(
                f"SELECT {column}, idx FROM event INDEXED BY {name} WHERE {column} IS NOT NULL ORDER BY {column}, idx"  # noqa: S608 - our own names
            ).fetchall()
            for name, column in zip(indexes, columns, strict=True)
        ]
    return [*rows, *orders]


def flip_bits(acme: Acme, borealis: Borealis, folder: Path, flips: int) -> Counter[str]:
    """Flip bits of the database file or its WAL, and count those without effect, detected and undetected.

    A flip has an effect when a reader sees anything otherwise than before, or can read no more.
    """
    tally: Counter[str] = Counter()
    folder.mkdir()
    copies = [Path(shutil.copy(path, folder / path.name)) for path in (acme.path, Path(f"{acme.path}-wal"))]
    contents, healthy = [copy.read_bytes() for copy in copies], seen(copies[0])
    dice = random.Random(7)  # noqa: S311 - repeatable damage
    for _ in range(flips):
        # Both files alike: the WAL is the smaller, and holds the newest commits.
        number, bit = dice.randrange(len(copies)), 1 << dice.randrange(8)
        damaged = bytearray(contents[number])
        damaged[dice.randrange(len(damaged))] ^= bit
        copies[number].write_bytes(damaged)
        Path(f"{copies[0]}-shm").unlink(missing_ok=True)
        if not acme.verify(copies[0], witnesses=[borealis.key]).ok:
            tally["detected"] += 1
        elif unchanged(copies[0], healthy):
            tally["no effect"] += 1
        else:
            tally["undetected"] += 1
        copies[number].write_bytes(contents[number])
    return tally


def unchanged(path: Path, healthy: list[object]) -> bool:
    try:
        return seen(path) == healthy
    except sqlite3.Error:
        return False


def test_every_flipped_bit_that_a_reader_can_see_is_found(witnessed: tuple[Acme, Borealis], tmp_path: Path) -> None:
    tally = flip_bits(*witnessed, tmp_path / "flipped", FLIPS)

    assert tally["undetected"] == 0
    assert tally["detected"] > FLIPS // 3
