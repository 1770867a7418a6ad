"""A write-ahead log that is torn, stale or lost: SQLite replays what it can, and verification finds what is missing."""

import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from engine.errors import LadingError
from tests.unit.audit.conftest import Acme

TEARS = 40


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path)


def wal(path: Path) -> Path:
    return Path(f"{path}-wal")


def live_copy(acme: Acme, name: str) -> Path:
    """Copy database and WAL of a log that is open, as they lie there."""
    copy = acme.copy(name)
    shutil.copy(wal(acme.path), wal(copy))
    return copy


def torn(folder: Path, copy: Path, length: int) -> Path:
    """Return a fresh copy whose WAL has lost everything from a byte on."""
    folder.mkdir()
    shutil.copy(copy, folder / "audit.db")
    wal(folder / "audit.db").write_bytes(wal(copy).read_bytes()[:length])
    return folder / "audit.db"


def test_a_torn_wal_loses_whole_commits_and_a_remembered_one_is_missed(acme: Acme, tmp_path: Path) -> None:
    notes: dict[int, bytes] = {}
    with acme.open() as log:
        for batch in range(12):
            log.record_many(acme.events(3, start=3 * batch))
            notes[log.size] = log.checkpoint()
        copy = live_copy(acme, "copy")
    whole = wal(copy).stat().st_size
    sizes = set()
    for length in random.Random(6).sample(range(whole), TEARS):  # noqa: S311 - places
        path = torn(tmp_path / str(length), copy, length)
        acme.remembered = []
        outcome = acme.verify(path)
        # A WAL that lost the tables leaves an empty file: no log, and said so.
        assert outcome.ok or outcome.size == 0
        assert outcome.size == 0 or outcome.note == notes[outcome.size]
        acme.remembered = [notes[36]]
        assert acme.verify(path).ok is (outcome.size == 36)
        sizes.add(outcome.size)
    assert len(sizes) > 3


def test_a_log_with_a_torn_wal_opens_and_goes_on_from_the_last_whole_commit(acme: Acme, tmp_path: Path) -> None:
    with acme.open() as log:
        log.record_many(acme.events(5))
        log.record_many(acme.events(5, start=5))
        copy = live_copy(acme, "copy")
    path = torn(tmp_path / "torn", copy, wal(copy).stat().st_size - 100)

    reopened = Acme(path.parent)
    with reopened.open() as log:
        assert log.size == 5
        assert log.record_many(acme.events(10))[-1].index == 9
    assert reopened.verify().ok


@pytest.mark.parametrize("opened", [False, True], ids=["as it lies", "opened by the owner"])
def test_a_stale_wal_beside_a_copied_database_is_found(acme: Acme, *, opened: bool) -> None:
    with acme.open() as log:
        log.record_many(acme.events(280))
        older = live_copy(acme, "older")
    with acme.open() as log:
        log.record_many(acme.events(300, start=280))
        acme.remembered = [log.checkpoint()]
    mixed = acme.copy("mixed")
    assert acme.verify(mixed).ok

    shutil.copy(wal(older), wal(mixed))
    if opened:
        with suppress(LadingError):
            Acme(mixed.parent).open().close()

    assert not acme.verify(mixed).ok


def test_a_database_that_was_copied_without_its_wal_is_found(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(280))
    with acme.open() as log:
        log.record_many(acme.events(3, start=280))
        acme.remembered = [log.checkpoint()]
        copy = acme.copy("without")

    kinds = {problem.kind.value for problem in acme.verify(copy).problems}
    assert kinds == {"rollback"}
