"""Incremental verification: what is new is read, what is old is proved to be the same tree, the rest is said."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.milestone import read_milestone, set_milestone
from engine.errors import LogTampered
from tests.unit.audit.conftest import Acme

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def grown(acme: Acme) -> tuple[Acme, bytes]:
    """A log of 1,000 entries, and its checkpoint when it had 600."""
    with acme.open() as log:
        log.record_many(acme.events(600))
        then = log.checkpoint()
        log.record_many(acme.events(400, start=600))
    return acme, then


def kinds(acme: Acme, since: bytes) -> set[str]:
    return {problem.kind.value for problem in acme.verify(since=since).problems}


@pytest.mark.parametrize(("size", "first"), [(0, 0), (1, 0), (256, 0), (257, 256), (512, 256), (600, 512), (1000, 768)])
def test_only_what_is_newer_is_read_down_to_the_beginning_of_its_tile(acme: Acme, size: int, first: int) -> None:
    with acme.open() as log:
        log.record_many(acme.events(size))
        then = log.checkpoint()
        log.record_many(acme.events(1000 - size, start=size))

    outcome = acme.verify(since=then)

    assert (outcome.ok, outcome.size, outcome.start) == (True, 1000, first)
    assert outcome.root == acme.verify().root


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE event SET leaf = x'7b7d' WHERE idx = 700", "entry"),
        ("UPDATE event SET actor = 'nobody' WHERE idx = 700", "column"),
        ("DELETE FROM payload WHERE idx = 700", "payload"),
        ("UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 2", "tile"),
        ("INSERT INTO payload VALUES (2000, x'00', x'00')", "payload"),
        ("UPDATE tile SET hashes = zeroblob(96) WHERE level = 1", "fork"),
        ("DELETE FROM tile WHERE level = 1", "tile"),
        ("DELETE FROM checkpoint", "checkpoint"),
    ],
)
def test_what_was_altered_since_then_is_found(grown: tuple[Acme, bytes], statement: str, kind: str) -> None:
    acme, then = grown
    acme.tamper(statement)

    assert kind in kinds(acme, then)


def test_an_older_edit_is_found_in_full_only(grown: tuple[Acme, bytes]) -> None:
    acme, then = grown
    acme.tamper("UPDATE event SET actor = 'nobody' WHERE idx = 100")

    assert acme.verify(since=then).ok
    assert not acme.verify().ok


def test_a_log_that_does_not_reach_back_to_it_is_found(grown: tuple[Acme, bytes], tmp_path: Path) -> None:
    acme, _ = grown
    with acme.open() as log:
        newest = log.checkpoint()
    shorter = Acme(tmp_path / "shorter")
    with shorter.open() as log:
        log.record_many(shorter.events(700))

    assert kinds(shorter, newest) == {"rollback"}
    assert shorter.verify(since=newest).start == 0


def test_a_history_written_anew_with_the_logs_key_is_found(grown: tuple[Acme, bytes], tmp_path: Path) -> None:
    _, then = grown
    other = Acme(tmp_path / "other")
    with other.open() as log:
        log.record_many(other.events(1000, start=5))

    assert kinds(other, then) == {"fork"}


def test_a_checkpoint_that_the_log_did_not_sign_is_not_gone_on_from(grown: tuple[Acme, bytes], tmp_path: Path) -> None:
    acme, _ = grown
    eve = Acme(tmp_path / "eve", private=Ed25519PrivateKey.from_private_bytes(b"e" * 32))
    with eve.open() as log:
        log.record_many(eve.events(900))
        forged = log.checkpoint()

    outcome = acme.verify(since=forged)

    assert (outcome.ok, outcome.start) == (False, 0)


def test_a_milestone_is_kept_for_its_log_alone(grown: tuple[Acme, bytes], tmp_path: Path) -> None:
    acme, then = grown
    path = tmp_path / "verified.json"

    assert read_milestone(path, acme.origin) is None
    set_milestone(path, then, lambda: NOON)

    kept = read_milestone(path, acme.origin)
    assert kept is not None
    assert (kept.note, kept.checkpoint.size, kept.time) == (then, 600, "2026-06-01T12:00:00.000Z")
    assert read_milestone(path, "acme.example/lading/audit/1") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"checkpoint":"x","time":"2026-06-01T12:00:00.000Z"}',
        b'{"checkpoint":"","time":"yesterday"}',
        b'{"checkpoint":1,"time":1}',
        b" " * 200_000,
    ],
)
def test_a_damaged_milestone_is_an_error_with_a_remedy(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "verified.json"
    path.write_bytes(data)

    with pytest.raises(LogTampered, match=r"verified\.json is damaged") as caught:
        read_milestone(path, "acme.example/lading/audit/0")

    assert "reads the whole log" in caught.value.remedy
