"""Where chunks go: durable first, marked second, and never for a transfer that was stopped."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.digest import sha256 as digest
from engine.errors import StoreError
from engine.events import system_clock
from engine.store import FileKeySource, Scope, Sealer, Store
from engine.wire.journal import Incoming, Journal, State
from engine.wire.problem import ProblemError
from engine.wire.sink import JournalSink

BLOBS = [(digest(content), memoryview(content)) for content in (b"one", b"two")]
SIZES = [(sha256, len(data)) for sha256, data in BLOBS]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", FileKeySource.create(tmp_path / "keys"))


@pytest.fixture
def scope(store: Store) -> Scope:
    return store.open_scope("a" * 64)


@pytest.fixture
def journal(tmp_path: Path, scope: Scope) -> Iterator[Journal]:
    journal = Journal(tmp_path / "gateway.db", system_clock)
    journal.create("t", peer="acme.example", agreement="a" * 64, scope_public=scope.public, chunks=SIZES)
    yield journal
    journal.close()


@pytest.fixture
def sink(tmp_path: Path, journal: Journal) -> JournalSink:
    return JournalSink(journal, tmp_path / "store", (tmp_path / "keys" / "store-names.key").read_bytes())


@pytest.fixture
def incoming(sink: JournalSink) -> Incoming:
    return sink.admit("acme.example", "t")


def test_one_chunk_or_many_are_readable_once_they_are_marked(
    sink: JournalSink, incoming: Incoming, journal: Journal, store: Store, scope: Scope
) -> None:
    assert sink.wanted(incoming, SIZES) == {BLOBS[0][0], BLOBS[1][0]}
    sink.keep(incoming, BLOBS[:1])
    assert journal.missing("t") == [False, True]
    sink.keep(incoming, BLOBS)
    assert journal.missing("t") == [False, False]
    assert [store.read(scope, sha256) for sha256, _ in BLOBS] == [b"one", b"two"]
    assert sink.wanted(incoming, SIZES) == set()


def test_a_transfer_that_is_revoked_while_a_chunk_is_sealed_does_not_get_it(
    sink: JournalSink, incoming: Incoming, journal: Journal
) -> None:
    journal.set_state("t", State.REVOKED)
    with pytest.raises(ProblemError) as refusal:
        sink.keep(incoming, BLOBS)
    assert refusal.value.problem.status == 403
    assert journal.missing("t") == [True, True]


def test_a_transfer_that_expires_while_a_chunk_is_sealed_does_not_get_it(
    sink: JournalSink, incoming: Incoming, journal: Journal
) -> None:
    journal.expire("t")
    with pytest.raises(ProblemError) as refusal:
        sink.keep(incoming, BLOBS)
    assert (refusal.value.problem.status, refusal.value.problem.codes) == (410, ("expired",))
    assert journal.missing("t") == [True, True]


def test_a_transfer_that_is_committed_while_a_chunk_is_sealed_does_not_acknowledge_it(
    sink: JournalSink, incoming: Incoming, journal: Journal
) -> None:
    journal.set_state("t", State.CLOSED)
    with pytest.raises(ProblemError) as refusal:
        sink.keep(incoming, BLOBS)
    assert refusal.value.problem.status == 409


def test_a_full_disk_is_told_without_a_path_and_nothing_is_marked(
    sink: JournalSink, incoming: Incoming, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise StoreError(f"writing /secret failed: {errno.ENOSPC}", remedy="Free space.")

    monkeypatch.setattr(Sealer, "put", full)
    with pytest.raises(ProblemError) as refusal:
        sink.keep(incoming, BLOBS[:1])
    assert refusal.value.problem.status == 507
    assert "/secret" not in refusal.value.problem.body().decode()
    assert journal.missing("t") == [True, True]
