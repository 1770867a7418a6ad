"""The full-text index: kept up by whoever asks, made anew when it is not this log's, and able to forget."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.audit.reader import LogReader
from engine.audit.search import SearchIndex
from engine.errors import WorkspaceError
from tests.unit.audit.conftest import Acme

SECRET = "Zaphodbeeblebrox"


@pytest.fixture
def reader(acme: Acme) -> Iterator[LogReader]:
    """A log of 2,500 entries; number 7 tells a secret."""
    with acme.open() as log:
        log.record_many(acme.events(7))
        log.record(acme.event(7, payload={"why": f"for {SECRET}, urgently"}))
        log.record_many(acme.events(2492, start=8))
    with LogReader(acme.path) as opened:
        yield opened


@pytest.fixture
def path(acme: Acme) -> Path:
    return acme.folder / "search.db"


def hits(path: Path, words: str) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [index for (index,) in db.execute("SELECT rowid FROM words WHERE words MATCH ?", (f'"{words}"',))]


def bytes_beside(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*"))).lower()


def test_it_catches_up_from_where_it_stopped_and_tells_how_far_it_is(reader: LogReader, path: Path) -> None:
    told: list[tuple[int, int]] = []
    index = SearchIndex(path, reader)

    index.catch_up(1500, lambda done, total: told.append((done, total)))
    index.catch_up(reader.size, lambda done, total: told.append((done, total)))

    assert told == [(1000, 1500), (1500, 1500), (1000, 1000)]
    assert hits(path, SECRET.lower()) == [7]
    assert path.stat().st_mode & 0o777 == 0o600
    assert index.check() == []
    assert index.attach(reader.size)
    assert index.attach(reader.size)
    assert not index.attach(reader.size + 1)


def test_several_processes_bring_it_up_to_date_at_once(acme: Acme, reader: LogReader, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from engine.audit.reader import LogReader;"
        "from engine.audit.search import SearchIndex; log = LogReader(Path(sys.argv[1]));"
        "SearchIndex(Path(sys.argv[2]), log).catch_up(log.size)"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, acme.path, path]) for _ in range(3)]

    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert SearchIndex(path, reader).check() == []


@pytest.mark.parametrize("harm", ["another log", "another version", "no database", "no tables", "rewritten"])
def test_an_index_that_is_not_of_this_log_is_made_anew(reader: LogReader, path: Path, harm: str) -> None:
    index = SearchIndex(path, reader)
    if harm == "no database":
        path.write_bytes(b"anything else, long enough to have a header")
    elif harm == "no tables":
        sqlite3.connect(path).close()
    else:
        index.catch_up(reader.size)
        name, value = {
            "another log": ("origin", "x"),
            "another version": ("version", "0"),
            "rewritten": ("last", "00"),
        }[harm]
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE state SET value = ? WHERE name = ?", (value, name))
            db.execute("INSERT INTO words (rowid, body) VALUES (9999, 'alien')")
        assert index.check() != []
        assert not index.attach(reader.size)

    index.catch_up(reader.size)

    assert index.check() == []
    assert hits(path, "alien") == []


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE words_content SET c0 = 'other' WHERE id = 5",
        "UPDATE words SET body = 'other' WHERE rowid = 5",
        "DELETE FROM words WHERE rowid = 5",
        "INSERT INTO words (rowid, body) VALUES (9999, 'alien')",
        "DELETE FROM words_data WHERE id > 10",
    ],
)
def test_whatever_differs_from_the_log_is_found(reader: LogReader, path: Path, harm: str) -> None:
    index = SearchIndex(path, reader)
    index.catch_up(reader.size)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(harm)

    assert index.check() != []


def test_what_is_forgotten_is_in_no_byte_of_the_files(acme: Acme, reader: LogReader, path: Path) -> None:
    index = SearchIndex(path, reader)
    index.catch_up(reader.size)
    before = bytes_beside(path)
    assert SECRET.lower().encode() in before
    acme.tamper("DELETE FROM payload WHERE idx = 7")

    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT count(*) FROM state").fetchone()
        index.forget([7, 100_000])
        index.forget([7])

    assert SECRET.lower().encode() not in bytes_beside(path)
    assert SECRET[:6].lower().encode() not in bytes_beside(path)
    assert hits(path, SECRET.lower()) == []
    assert 7 in hits(path, "transfer offered")
    assert index.check() == []


def test_nothing_is_made_by_forgetting_or_checking(reader: LogReader, path: Path) -> None:
    index = SearchIndex(path, reader)

    index.forget([7])

    assert index.check() == []
    assert not path.exists()
    assert not index.attach(reader.size)


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(reader: LogReader, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(WorkspaceError, match="cannot be used") as refused:
        SearchIndex(blocked / "search.db", reader).catch_up(1)

    assert "made again" in refused.value.remedy


def test_a_copy_of_an_index_beside_a_shorter_log_is_not_believed(acme: Acme, reader: LogReader, path: Path) -> None:
    SearchIndex(path, reader).catch_up(reader.size)
    shorter = Acme(acme.folder / "shorter")
    with shorter.open() as log:
        log.record_many(shorter.events(5))
    copied = Path(shutil.copy(path, shorter.folder))

    with LogReader(shorter.path) as other:
        index = SearchIndex(copied, other)
        assert not index.attach(other.size)
        index.catch_up(other.size)
        assert index.check() == []
