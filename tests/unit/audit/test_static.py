"""A log as static files: written once, extended later, checked by whoever has the key, hostile files refused."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.audit.checkpoint import open_checkpoint
from engine.audit.reader import LogReader
from engine.audit.static import StaticLog, bundle_path, export_log
from engine.errors import BadSignature, InputError, LogTampered, WorkspaceError
from tests.unit.audit.conftest import Acme, Borealis


def fill(acme: Acme, *sizes: int) -> None:
    with acme.open() as log:
        for size in sizes:
            log.record_many(acme.events(size - log.size, log.size))


def export(acme: Acme, folder: Path) -> tuple[int, int]:
    with LogReader(acme.path) as log:
        checkpoint, added = export_log(log, folder, acme.key)
    return checkpoint.size, added


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_an_exported_log_verifies_from_its_files_alone(acme: Acme, tmp_path: Path, size: int) -> None:
    fill(acme, size)
    folder = tmp_path / "cold"

    assert export(acme, folder) == (size, size)

    static = StaticLog(folder, [acme.key])
    assert static.verify().size == size
    with LogReader(acme.path) as log:
        assert static.note == log.newest_checkpoint()
        assert [leaf for n in range((size + 255) // 256) for leaf in static.leaves(n)] == [
            row.leaf for row in log.rows(0, size)
        ]


@pytest.mark.parametrize(("before", "after"), [(0, 3), (1, 2), (255, 256), (256, 257), (200, 700), (700, 700)])
def test_a_folder_that_is_extended_is_the_one_written_at_once(
    acme: Acme, tmp_path: Path, before: int, after: int
) -> None:
    fill(acme, before)
    export(acme, tmp_path / "twice")
    fill(acme, after)

    assert export(acme, tmp_path / "twice") == (after, after - before)
    export(acme, tmp_path / "once")

    assert files(tmp_path / "twice") == files(tmp_path / "once")
    StaticLog(tmp_path / "twice", [acme.key]).verify()


def test_paths_are_those_of_tlog_tiles(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 257)
    export(acme, tmp_path / "cold")

    assert set(files(tmp_path / "cold")) == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/1",
    }
    assert bundle_path(1_234_067) == "tile/entries/x001/x234/067"


def test_a_folder_of_another_history_is_not_written_over(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 5)
    export(acme, tmp_path / "cold")
    before = files(tmp_path / "cold")
    other = Acme(tmp_path / "other")
    with other.open() as log:
        log.record_many([other.event(number, decision="deny") for number in range(9)])

    with pytest.raises(LogTampered, match=r"does not extend the one in .*5 entries"):
        export(other, tmp_path / "cold")
    assert files(tmp_path / "cold") == before


def test_a_rolled_back_log_does_not_replace_its_own_export(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 9)
    export(acme, tmp_path / "cold")
    shorter = Acme(tmp_path / "shorter")
    fill(shorter, 4)

    with pytest.raises(LogTampered, match="which has 9 entries; it has 4"):
        export(shorter, tmp_path / "cold")


def test_a_folder_with_something_else_in_it_is_refused(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 1)
    (tmp_path / "thesis.tex").write_text("x")

    with pytest.raises(WorkspaceError, match="holds something else than a log"):
        export(acme, tmp_path)


def test_an_edited_row_is_not_exported(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 3)
    acme.tamper("UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'permit', 'denied') AS BLOB) WHERE idx = 1")

    with pytest.raises(LogTampered, match="entries from 0 to 2 are not those that the tree holds"):
        export(acme, tmp_path / "cold")
    assert not (tmp_path / "cold" / "checkpoint").exists()


@pytest.mark.parametrize(
    ("path", "change", "refused", "why"),
    [
        ("tile/entries/000.p/9", lambda data: data.replace(b"permit", b"denied", 1), LogTampered, "is not the tile"),
        ("tile/entries/000.p/9", lambda data: data[:-1], InputError, "ends within an entry"),
        ("tile/entries/000.p/9", lambda data: data + b"\0", InputError, "ends within a length"),
        ("tile/entries/000.p/9", lambda data: data + b"\0\0", InputError, "holds 10 entries, expected 9"),
        ("tile/entries/000.p/9", lambda _: struct.pack(">H", 65_535), InputError, "ends within an entry"),
        ("tile/0/000.p/9", lambda data: data[:-32], InputError, "has 256 bytes, expected 288"),
        ("tile/0/000.p/9", lambda data: data[32:] + data[:32], LogTampered, "is not the tile over the entries"),
        ("tile/0/000.p/9", lambda data: data * 1000, InputError, "has more than 8192 bytes"),
        ("checkpoint", lambda data: data.replace(b"\n9\n", b"\n8\n"), BadSignature, "does not verify"),
        ("checkpoint", lambda _: b"", InputError, "no signatures"),
    ],
)
def test_a_changed_file_is_refused_by_name(
    acme: Acme, tmp_path: Path, path: str, change: Callable[[bytes], bytes], refused: type[Exception], why: str
) -> None:
    fill(acme, 9)
    export(acme, tmp_path / "cold")
    file = tmp_path / "cold" / path
    file.write_bytes(change(file.read_bytes()))

    with pytest.raises(refused, match=why):
        StaticLog(tmp_path / "cold", [acme.key]).verify()


def test_a_link_in_place_of_a_tile_is_not_followed(acme: Acme, tmp_path: Path) -> None:
    fill(acme, 9)
    export(acme, tmp_path / "cold")
    tile = tmp_path / "cold" / "tile/0/000.p/9"
    tile.rename(tmp_path / "elsewhere")
    tile.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InputError, match="cannot be read"):
        StaticLog(tmp_path / "cold", [acme.key]).verify()


def test_the_checkpoint_brings_its_cosignatures(acme: Acme, borealis: Borealis, tmp_path: Path) -> None:
    with acme.open() as log:
        log.record_many(acme.events(2))
        cosigned = borealis.cosign(log)
    export(acme, tmp_path / "cold")

    static = StaticLog(tmp_path / "cold", [acme.key, borealis.key])
    assert static.note == cosigned
    assert [signed.key for signed in open_checkpoint(static.note, [acme.key, borealis.key]).cosigned] == [borealis.key]
