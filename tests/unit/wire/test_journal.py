"""The chunk journal: what an offer names, what arrived, and who may go on."""

import sqlite3
import stat
from pathlib import Path

import pytest

from engine.digest import sha256 as digest
from engine.errors import InputError, WorkspaceError
from engine.events import system_clock
from engine.wire.journal import Counts, Journal, State

A, B, C = (digest(text) for text in (b"a", b"b", b"c"))
SCOPE = b"s" * 32


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "gateway.db", system_clock)
    yield journal
    journal.close()


def create(journal: Journal, transfer: str, *digests: str, peer: str = "acme.example", agreement: str = "x") -> None:
    chunks = [(sha256, 10) for sha256 in digests]
    journal.create(transfer, peer=peer, agreement=agreement, scope_public=SCOPE, chunks=chunks)


def test_a_new_transfer_misses_each_distinct_chunk_in_the_order_of_the_offer(journal: Journal) -> None:
    create(journal, "t", B, A, B, C, A)
    assert journal.missing("t") == [True, True, True]
    journal.mark("t", [A])
    assert journal.missing("t") == [True, False, True]
    assert journal.counts("t") == Counts(chunks=1, chunks_total=3, bytes=10, bytes_total=30)


def test_creating_it_again_changes_nothing(journal: Journal) -> None:
    create(journal, "t", A)
    journal.mark("t", [A])
    create(journal, "t", A, B, peer="cirrus.example")
    assert journal.missing("t") == [False]
    assert journal.find("t").peer == "acme.example"


def test_nothing_is_known_of_a_transfer_nobody_created(journal: Journal) -> None:
    assert journal.find("t") is None
    assert journal.missing("t") == []
    assert journal.counts("t") == Counts(0, 0, 0, 0)
    assert journal.mark("t", [A]) is False


@pytest.mark.parametrize("state", [State.CLOSED, State.REVOKED])
def test_nothing_is_marked_unless_the_transfer_is_open(journal: Journal, state: State) -> None:
    create(journal, "t", A)
    journal.set_state("t", state)
    assert journal.find("t").state is state
    assert journal.mark("t", [A]) is False
    assert journal.missing("t") == [True]


def test_only_missing_chunks_are_wanted_and_others_are_named(journal: Journal) -> None:
    create(journal, "t", A, B)
    journal.mark("t", [A])
    assert journal.sizes("t", [A, B]) == {B: 10}
    with pytest.raises(InputError, match=C):
        journal.sizes("t", [C])


def test_a_chunk_that_is_not_there_after_all_is_missing_again(journal: Journal) -> None:
    create(journal, "t", A, B)
    journal.mark("t", [A, B])
    journal.forget("t", [B])
    assert journal.missing("t") == [False, True]


def test_a_chunk_of_the_same_digest_but_another_size_is_not_inherited(journal: Journal) -> None:
    create(journal, "one", A)
    journal.mark("one", [A])
    journal.create("two", peer="acme.example", agreement="x", scope_public=SCOPE, chunks=[(A, 11)])
    assert journal.missing("two") == [True]


def test_what_a_revoked_transfer_brought_is_not_inherited(journal: Journal) -> None:
    create(journal, "one", A)
    journal.mark("one", [A])
    journal.set_state("one", State.REVOKED)
    create(journal, "two", A)
    assert journal.missing("two") == [True]


def test_a_transfer_expires_only_while_it_lacks_something_and_takes_nothing_more(journal: Journal) -> None:
    create(journal, "whole", A)
    create(journal, "partial", A, B)
    create(journal, "revoked", C)
    journal.mark("whole", [A])
    journal.mark("partial", [A])
    journal.set_state("revoked", State.REVOKED)

    assert [journal.expire(each) for each in ("whole", "partial", "partial", "revoked", "unknown")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert not journal.mark("partial", [B])
    assert journal.mark("whole", [A])


def test_what_an_expired_transfer_brought_is_neither_inherited_nor_relied_on(journal: Journal) -> None:
    create(journal, "expired", A, B)
    journal.mark("expired", [A])
    journal.expire("expired")
    create(journal, "anew", A, B)
    assert journal.missing("anew") == [True, True]
    journal.mark("anew", [A])
    assert (journal.exclusive("expired"), journal.exclusive("anew")) == ([], [A, B])


def test_what_to_discard_is_what_nobody_else_relies_on(journal: Journal) -> None:
    create(journal, "one", A, B, C)
    create(journal, "two", B)
    create(journal, "three", C)
    journal.mark("one", [A, B])
    journal.mark("two", [B])
    journal.mark("three", [C])
    journal.set_state("three", State.REVOKED)
    assert journal.exclusive("one") == [A, C]  # what may be half there counts, too
    create(journal, "four", A)
    assert journal.exclusive("one") == [C]  # what is still to come of another transfer may be coming now


def test_the_file_is_for_its_owner_alone_and_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    first = Journal(path, system_clock)
    create(first, "t", A)
    first.close()
    second = Journal(path, system_clock)
    assert second.missing("t") == [True]
    second.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_tables_in_the_same_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE incoming_transfer (id TEXT)")
    other.close()
    Journal(path, system_clock).close()
    Journal(path, system_clock).close()


def test_the_journal_of_a_later_release_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 9")
    later.close()
    with pytest.raises(WorkspaceError, match="version 9, expected 1"):
        Journal(path, system_clock)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(WorkspaceError, match=r"gateway\.db cannot be used"):
        Journal(path, system_clock)


def test_a_mark_that_cannot_be_written_is_an_error_and_leaves_the_journal_usable(journal: Journal) -> None:
    create(journal, "t", A, B)

    def failing() -> object:
        yield A
        raise OSError("the source of digests is gone")

    with pytest.raises(WorkspaceError, match="source of digests"):
        journal.mark("t", failing())
    assert journal.missing("t") == [True, True]
    assert journal.mark("t", [A, B])
