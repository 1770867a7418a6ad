"""Bits that flip in the log's database: whatever a reader then sees differently, through any index, is found.

`LADING_BIT_FLIPS` says how many flips are tried (300); a soak takes thousands.
"""

import os
import random
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from engine.audit import schema
from tests.unit.audit.conftest import Acme, Borealis

FLIPS = int(os.environ.get("LADING_BIT_FLIPS", "300"))
TABLES = ("meta", "event", "payload", "tile", "checkpoint", "cosignature")


@pytest.fixture
def witnessed(tmp_path: Path) -> tuple[Acme, Borealis]:
    """A log of 300 entries, cosigned at 280, with all of its checkpoints remembered."""
    acme = Acme(tmp_path)
    borealis = Borealis(tmp_path, acme)
    with acme.open() as log:
        log.record_many([acme.event(number, artifact="a" * 64, agreement="b" * 64) for number in range(280)])
        acme.remembered.append(borealis.cosign(log))
        log.record_many(acme.events(20, start=280))
        acme.remembered.append(log.checkpoint())
    return acme, borealis


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


def test_every_flipped_bit_that_a_reader_can_see_is_found(witnessed: tuple[Acme, Borealis], tmp_path: Path) -> None:
    acme, borealis = witnessed
    healthy, pages = seen(acme.path), acme.path.read_bytes()
    dice = random.Random(7)  # noqa: S311 - repeatable damage
    copy = Path(shutil.copy(acme.path, tmp_path / "flipped.db"))
    visible = 0
    for _ in range(FLIPS):
        place, bit = dice.randrange(len(pages)), 1 << dice.randrange(8)
        damaged = bytearray(pages)
        damaged[place] ^= bit
        copy.write_bytes(damaged)

        if acme.verify(copy, witnesses=[borealis.key]).ok:
            assert seen(copy) == healthy, f"bit {bit} of byte {place} changes what is read, and is not found"
        else:
            visible += 1
    assert visible > FLIPS // 3
