"""A folder of tiles is pruned: what stays proves itself, what went is named, and the log brings it back."""

import shutil
from pathlib import Path

import pytest

from engine.audit.against_tiles import compare_with_tiles
from engine.audit.checkpoint import open_checkpoint
from engine.audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from engine.audit.pruning import prune
from engine.audit.reader import LogReader
from engine.audit.static import StaticLog, export_log
from engine.audit.tiles import TileTree
from engine.errors import InputError, LogTampered
from tests.unit.audit.conftest import Acme
from tests.unit.audit.test_static import files, fill

SIZE = 66_000
MINIMA = (0, 1, 255, 256, 257, 512, 65_535, 65_536, 65_800, SIZE)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Acme:
    """A log whose tree has a full tile on two levels."""
    acme = Acme(tmp_path_factory.mktemp("large"))
    with acme.open() as log:
        for start in range(0, SIZE, 4096):
            log.record_many(acme.events(min(4096, SIZE - start), start))
    return acme


@pytest.fixture
def cold(large: Acme, tmp_path: Path) -> Path:
    with LogReader(large.path) as log:
        export_log(log, tmp_path / "cold", large.key)
    return tmp_path / "cold"


def pruned(acme: Acme, folder: Path, minimum: int) -> int:
    with LogReader(acme.path) as log:
        return prune(log, folder, minimum, log.size)


@pytest.mark.parametrize("minimum", MINIMA)
def test_what_ends_before_the_minimum_index_goes_and_nothing_else(large: Acme, cold: Path, minimum: int) -> None:
    before = files(cold)

    count = pruned(large, cold, minimum)

    gone = {
        *(f"tile/{kind}/{number:03}" for number in range(minimum // 256) for kind in ("0", "entries")),
        *(f"tile/1/{number:03}" for number in range(minimum // 65_536)),
    }
    assert set(before) - set(files(cold)) == {path for path in before if path in gone}
    assert count == len(gone & set(before))
    StaticLog(cold, [large.key], minimum).verify()
    assert pruned(large, cold, 0) == 0
    assert files(cold) == before


def test_a_pruned_folder_proves_what_the_specification_promises(large: Acme, cold: Path) -> None:
    minimum = 65_700
    pruned(large, cold, minimum)
    static = StaticLog(cold, [large.key], minimum)
    tree, root = TileTree(static.tile), static.checkpoint.root

    for index in (minimum, 65_792, SIZE - 1):
        [leaf] = [static.leaves(index // 256)[index % 256]]
        assert verify_inclusion(index, SIZE, leaf_hash(leaf), tree.prove_inclusion(index, SIZE), root)
    for old in (minimum, 65_792, SIZE - 1):
        assert verify_consistency(old, SIZE, tree.root(old), root, tree.prove_consistency(old, SIZE))


def test_a_pruned_folder_grows_with_the_log(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 700)
    with LogReader(acme.path) as log:
        export_log(log, tmp_path / "cold", acme.key)
        prune(log, tmp_path / "cold", 600, 700)
    fill(acme, 1500)

    with LogReader(acme.path) as log:
        _, added = export_log(log, tmp_path / "cold", acme.key)
        found = compare_with_tiles(
            log,
            StaticLog(tmp_path / "cold", [acme.key], 600),
            open_checkpoint(log.newest_checkpoint(), [acme.key]).checkpoint,
            lambda _done, _total: None,
        )

    assert added == 800
    assert not (tmp_path / "cold" / "tile" / "0" / "000").exists()
    assert (found.entries, found.problems) == (1500 - 512, ())


def test_a_folder_that_lacks_entries_is_accepted_only_by_who_knows_of_it(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 700)
    with LogReader(acme.path) as log:
        export_log(log, tmp_path / "cold", acme.key)
        prune(log, tmp_path / "cold", 512, 700)

    with pytest.raises(InputError, match=r"tile/entries/000 is missing") as refused:
        StaticLog(tmp_path / "cold", [acme.key]).verify()
    assert "--minimum-index" in refused.value.remedy
    with pytest.raises(InputError, match=r"tile/entries/001 is missing"):
        StaticLog(tmp_path / "cold", [acme.key], 511).verify()
    with pytest.raises(InputError, match="has 700 entries, the minimum index is 701"):
        StaticLog(tmp_path / "cold", [acme.key], 701)


@pytest.mark.parametrize("path", ["tile/1/000.p/2", "tile/0/002.p/188", "tile/entries/002.p/188"])
def test_an_altered_file_of_a_pruned_folder_is_found(acme: Acme, tmp_path: Path, path: str) -> None:
    fill(acme, 700)
    with LogReader(acme.path) as log:
        export_log(log, tmp_path / "cold", acme.key)
        prune(log, tmp_path / "cold", 512, 700)
    whole = (tmp_path / "cold" / path).read_bytes()

    for place in (3, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / "cold" / path).write_bytes(damaged)
        with pytest.raises((LogTampered, InputError)):
            StaticLog(tmp_path / "cold", [acme.key], 512).verify()


def test_nothing_beyond_the_checkpoint_is_pruned(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 300)
    with LogReader(acme.path) as log:
        export_log(log, tmp_path / "cold", acme.key)
        before = files(tmp_path / "cold")

        with pytest.raises(InputError, match="the minimum index is 301, the folder has 300 entries"):
            prune(log, tmp_path / "cold", 301, 300)

    assert files(tmp_path / "cold") == before


def test_a_log_that_was_set_back_is_found_by_a_pruned_folder(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 400)
    shutil.copy(acme.path, tmp_path / "earlier.db")
    fill(acme, 700)
    with LogReader(acme.path) as log:
        export_log(log, tmp_path / "cold", acme.key)
        prune(log, tmp_path / "cold", 600, 700)

    with LogReader(tmp_path / "earlier.db") as log:
        found = compare_with_tiles(
            log,
            StaticLog(tmp_path / "cold", [acme.key], 600),
            open_checkpoint(log.newest_checkpoint(), [acme.key]).checkpoint,
            lambda _done, _total: None,
        )

    assert [(each.kind, each.where) for each in found.problems] == [("rollback", "checkpoint 700")]
