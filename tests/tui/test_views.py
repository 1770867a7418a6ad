"""What screens read of a workspace, and what they may believe of it."""

import fcntl
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.schema import open_writer
from engine.errors import WorkspaceError
from engine.workspace.log.view import Proof
from engine.workspace.views import Direction, WorkspaceView
from tests.tui.sample_workspace import NOW, SampleWorkspace, event


def proofs(home: Path) -> dict[int, Proof]:
    """Check every row of a workspace's log, as the screen does."""
    view = WorkspaceView(home)
    checked = {one.row.index: one.proof for one in view.log.check(view.log.rows(0, 1000))}
    view.close()
    return checked


def broken(home: Path) -> list[int]:
    return [index for index, proof in proofs(home).items() if proof is not Proof.PROVED]


def test_a_folder_that_is_no_workspace_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        WorkspaceView(tmp_path)

    assert "lading init" in caught.value.remedy


def test_a_new_workspace_has_nothing_yet_and_nothing_is_wrong(empty: SampleWorkspace) -> None:
    view = WorkspaceView(empty.home)

    assert view.transfers.read() == ()
    assert view.log.size() == 0
    assert view.log.rows(0, 10) == []
    assert view.log.checkpoint() is None
    assert view.standing().owner_up is False


def test_a_database_without_its_tables_means_nothing_yet(empty: SampleWorkspace) -> None:
    for name in ("transfer.db", "gateway.db"):
        sqlite3.connect(empty.home / "state" / name).close()
        (empty.home / "state" / name).touch()

    assert WorkspaceView(empty.home).transfers.read() == ()


def test_a_database_that_is_none_is_an_error_and_not_silence(empty: SampleWorkspace) -> None:
    (empty.home / "state" / "transfer.db").write_bytes(b"not a database, not even nearly" * 100)
    view = WorkspaceView(empty.home)

    with pytest.raises(sqlite3.Error):
        view.transfers.read()
    view.close()


def test_the_owner_is_up_while_it_holds_the_lock(empty: SampleWorkspace) -> None:
    lock = empty.home / "state" / "owner.lock"
    lock.write_text("4711\n")
    view = WorkspaceView(empty.home)
    assert view.standing().owner_up is False

    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        standing = view.standing()

    assert standing.owner_up
    assert standing.advisory


def test_incoming_transfers_count_the_chunks_of_the_journal(empty: SampleWorkspace) -> None:
    empty.receive(name="translate", version="1.0", chunks=[True, False, True])
    view = WorkspaceView(empty.home)

    (transfer,) = view.transfers.read()

    assert transfer.direction is Direction.IN
    assert (transfer.chunks_done, transfer.chunks_total) == (2, 3)
    assert transfer.bytes_done == 8 * 1024 * 1024
    assert view.transfers.held(transfer) == (True, False, True)
    view.close()


def test_a_change_by_the_owner_changes_the_version(acme: SampleWorkspace) -> None:
    view = WorkspaceView(acme.home)
    transfers, log = view.transfers.version(), view.log.version()
    assert (view.transfers.version(), view.log.version()) == (transfers, log)

    acme.send(name="another", version="1.0")
    acme.record(event(999, "gateway.started"))

    assert view.transfers.version() != transfers
    assert view.log.version() != log
    view.close()


def test_every_row_of_an_untouched_log_is_proved(acme: SampleWorkspace) -> None:
    checked = proofs(acme.home)

    assert len(checked) == 49
    assert set(checked.values()) == {Proof.PROVED}


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'borealis', 'mallory1') AS BLOB) WHERE idx = 40",
        "UPDATE event SET leaf = x'00' WHERE idx = 40",
        "UPDATE event SET partner = 'mallory.example' WHERE idx = 40",
        "UPDATE event SET decision = 'permit' WHERE idx = 40",
        "UPDATE event SET time = '2020-01-01T00:00:00.000Z' WHERE idx = 40",
        "UPDATE event SET policy = NULL, actor = 'bea' WHERE idx = 40",
        'UPDATE payload SET body = CAST(\'{"actor":"mallory@acme.example"}\' AS BLOB) WHERE idx = 40',
        "UPDATE payload SET salt = zeroblob(32) WHERE idx = 40",
        "DELETE FROM event WHERE idx = 40",
    ],
)
def test_a_row_edited_in_a_copy_is_broken_there_and_its_neighbours_stay_proved(
    acme: SampleWorkspace, tmp_path: Path, edit: str
) -> None:
    copy = SampleWorkspace(shutil.copytree(acme.home, tmp_path / "copy"))
    copy.tamper(edit)

    assert broken(copy.home) == [40]
    assert broken(acme.home) == []


def test_an_edited_leaf_stays_broken_when_its_columns_agree_with_it(acme: SampleWorkspace) -> None:
    acme.tamper(
        "UPDATE event SET partner = 'mallory1.example',"
        " leaf = CAST(replace(CAST(leaf AS TEXT), 'borealis', 'mallory1') AS BLOB) WHERE idx = 40"
    )
    view = WorkspaceView(acme.home)

    (checked,) = view.log.check(view.log.rows(40, 1))

    assert checked.row.partner == "mallory1.example"
    assert checked.proof is Proof.BROKEN
    assert "tree" in checked.why
    view.close()


def test_a_shown_row_is_compared_with_what_is_stored_at_the_check(acme: SampleWorkspace) -> None:
    view = WorkspaceView(acme.home)
    shown = view.log.rows(40, 1)
    acme.tamper("UPDATE event SET leaf = x'00' WHERE idx = 40")

    assert view.log.check(shown)[0].proof is Proof.BROKEN
    view.close()


def test_erasing_a_payload_keeps_the_proof_and_loses_the_name(acme: SampleWorkspace) -> None:
    acme.tamper("DELETE FROM payload WHERE idx = 40")
    view = WorkspaceView(acme.home)

    (row,) = view.log.rows(40, 1)

    assert row.name is None
    assert view.log.check([row])[0].proof is Proof.PROVED
    assert view.log.evidence(row).payload is None
    view.close()


def test_without_the_pinned_key_nothing_is_proved(acme: SampleWorkspace) -> None:
    (acme.home / "trust" / "own" / "trust.json").unlink()
    view = WorkspaceView(acme.home)

    assert set(proofs(acme.home).values()) == {Proof.BROKEN}
    assert view.log.checkpoint().problem
    assert view.log.checkpoint().time is None


def test_a_log_signed_by_another_key_proves_nothing(acme: SampleWorkspace) -> None:
    acme.pin(Ed25519PrivateKey.from_private_bytes(b"m" * 32))

    assert set(proofs(acme.home).values()) == {Proof.BROKEN}


def test_trust_that_is_malformed_proves_nothing(acme: SampleWorkspace) -> None:
    for content in ("", "[]", '{"signed": {"log_keys": "x"}}', '{"signed": {"log_keys": ["x"]}}'):
        (acme.home / "trust" / "own" / "trust.json").write_text(content)

        assert set(proofs(acme.home).values()) == {Proof.BROKEN}


def test_the_age_of_a_checkpoint_is_that_of_its_newest_proved_entry(acme: SampleWorkspace) -> None:
    view = WorkspaceView(acme.home)
    assert (NOW - view.log.checkpoint().time).total_seconds() == 3

    acme.tamper("UPDATE event SET time = '2026-06-01T11:59:59.999Z' WHERE idx = 48")

    assert view.log.checkpoint().time is None
    view.close()


def test_only_cosignatures_of_pinned_witnesses_count(acme: SampleWorkspace) -> None:
    acme.cosign()
    view = WorkspaceView(acme.home)
    assert view.log.checkpoint().cosigned_by == ()

    acme.pin_witness()

    assert view.log.checkpoint().cosigned_by == ("borealis.example/lading/witness",)


def test_a_cosignature_still_counts_when_the_log_grew_on(acme: SampleWorkspace) -> None:
    acme.pin_witness()
    acme.cosign()
    acme.record(event(999, "witness.received"))
    view = WorkspaceView(acme.home)

    checkpoint = view.log.checkpoint()

    assert (checkpoint.size, checkpoint.cosigned_size, len(checkpoint.cosigned_by)) == (50, 49, 1)
    view.close()


def test_a_log_that_does_not_extend_what_was_cosigned_is_broken(acme: SampleWorkspace, tmp_path: Path) -> None:
    acme.pin_witness()
    acme.cosign()
    rewritten = SampleWorkspace(tmp_path / "rewritten")
    rewritten.record(*(event(number, "artifact.viewed") for number in range(60)))
    with closing(sqlite3.connect(acme.audit)) as db:
        db.execute("ATTACH ? AS forged", (str(rewritten.audit),))
        for table in ("payload", "event", "tile"):
            db.execute(f"DELETE FROM main.{table}")  # noqa: S608
            db.execute(f"INSERT INTO main.{table} SELECT * FROM forged.{table}")  # noqa: S608
        db.execute("INSERT INTO main.checkpoint SELECT * FROM forged.checkpoint WHERE size = 60")
        db.commit()
    view = WorkspaceView(acme.home)

    assert set(proofs(acme.home).values()) == {Proof.PROVED}
    assert "does not extend" in view.log.checkpoint().problem
    view.close()


def test_a_log_that_was_replaced_is_read_anew(acme: SampleWorkspace, tmp_path: Path) -> None:
    view = WorkspaceView(acme.home)
    assert view.log.size() == 49
    other = SampleWorkspace(tmp_path / "other")
    other.record(event(0, "workspace.created"))

    other.audit.replace(acme.audit)

    assert view.log.size() == 1
    view.close()


def test_a_database_of_another_release_is_an_error_with_a_remedy(empty: SampleWorkspace) -> None:
    db = open_writer(empty.audit)
    db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(WorkspaceError):
        WorkspaceView(empty.home).log.size()
