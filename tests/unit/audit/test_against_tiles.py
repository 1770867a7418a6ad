"""A log held against a folder of its tiles: what an insider did since shows, whoever has the log's key."""

from pathlib import Path

import pytest

from engine.audit.against_tiles import Comparison, compare_with_tiles
from engine.audit.checkpoint import open_checkpoint
from engine.audit.reader import LogReader
from engine.audit.static import StaticLog, export_log
from engine.errors import LogTampered
from tests.unit.audit.conftest import Acme


@pytest.fixture
def cold(acme: Acme) -> Path:
    """A folder with the first 600 entries of a log that has none more yet."""
    folder = acme.folder / "cold"
    with acme.open() as log:
        log.record_many(acme.events(600))
    acme.copy("older")
    with LogReader(acme.path) as reader:
        export_log(reader, folder, acme.key)
    return folder


def held_against(acme: Acme, folder: Path) -> Comparison:
    with LogReader(acme.path) as log:
        newest = open_checkpoint(log.newest_checkpoint(), [acme.key]).checkpoint
        return compare_with_tiles(log, StaticLog(folder, [acme.key]), newest, lambda _done, _total: None)


def found(acme: Acme, folder: Path) -> list[tuple[str, str]]:
    return [(problem.kind.value, problem.where) for problem in held_against(acme, folder).problems]


def rewrite(acme: Acme, size: int) -> None:
    """Write the log anew with its own key."""
    acme.folder = acme.folder / "rewritten"
    with acme.open() as log:
        log.record_many(acme.events(size, start=5000))


def test_the_same_log_and_one_that_grew_agree(acme: Acme, cold: Path) -> None:
    same = held_against(acme, cold)
    with acme.open() as log:
        log.record_many(acme.events(300, start=600))
    grown = held_against(acme, cold)

    assert (same.problems, same.log, same.entries, same.tiles) == ((), 600, 600, 4)
    assert (grown.problems, grown.log, grown.entries, grown.tiles) == ((), 900, 600, 4)
    assert grown.folder.size == 600


def test_an_edited_leaf_and_an_edited_tile_are_placed(acme: Acme, cold: Path) -> None:
    acme.tamper(
        "UPDATE event SET leaf = CAST(replace(leaf, 'permit', 'deny') AS BLOB) WHERE idx = 5",
        "DELETE FROM event WHERE idx = 599",
        "UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1",
    )

    assert found(acme, cold) == [("entry", "entry 5"), ("entry", "entry 599"), ("tile", "tile/0/001")]


def test_a_log_that_was_set_back_is_behind_the_folder(acme: Acme, cold: Path) -> None:
    with acme.open() as log:
        log.record_many(acme.events(300, start=600))
    with LogReader(acme.path) as reader:
        export_log(reader, cold, acme.key)
    acme.folder = acme.folder / "older"

    assert found(acme, cold) == [("rollback", "checkpoint 900")]


@pytest.mark.parametrize("size", [400, 600, 700])
def test_a_log_written_anew_with_its_key_is_a_fork(acme: Acme, cold: Path, size: int) -> None:
    rewrite(acme, size)
    assert acme.verify().ok  # by itself it holds together

    kinds = {kind for kind, _ in found(acme, cold)}

    assert kinds == {"entry", "tile", "fork"} | ({"rollback"} if size < 600 else set())
    assert ("fork", f"checkpoint {min(size, 600)}") in found(acme, cold)


def test_a_folder_that_does_not_hold_together_proves_nothing(acme: Acme, cold: Path) -> None:
    tile = cold / "tile" / "0" / "001"
    tile.write_bytes(bytes(len(tile.read_bytes())))

    with pytest.raises(LogTampered, match="not the tile over the entries"):
        held_against(acme, cold)
