"""A workspace's log is exported, checked by somebody else, and watched."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LogTampered, WorkspaceError
from engine.workspace.log.export import export_log
from engine.workspace.log.querying import asking
from engine.workspace.log.record import verifier_keys
from engine.workspace.log.watch import sizes, watch_log
from tests.unit.workspace.test_querying import STOPS, record, run


@pytest.fixture
def busy(home: Path) -> Path:
    record(home, 0, 60)
    return home


def export(home: Path, text: str, name: str = "jsonl", **options: Any) -> Any:
    pieces: list[str] = []
    options = {"proofs": False, "output": None} | options
    result = export_log(home, text, name, write=pieces.append, **options)
    return result | {"text": "".join(pieces)}


def test_an_export_holds_what_the_filter_lets_through_oldest_first_and_is_the_same_again(busy: Path) -> None:
    first = export(busy, "type:transfer.offered -entry:..9")

    indexes = [json.loads(line)["index"] for line in first["text"].splitlines()]
    assert indexes == list(range(10, 61, 2))
    assert first["entries"] == len(indexes)
    assert export(busy, "type:transfer.offered -entry:..9") == first


@pytest.mark.parametrize("name", ["jsonl", "csv", "ocsf", "cloudevents"])
def test_a_file_with_proofs_convinces_somebody_who_has_only_the_key(busy: Path, tmp_path: Path, name: str) -> None:
    file, elsewhere = tmp_path / "evidence", tmp_path / "elsewhere"
    elsewhere.mkdir()

    made = run(busy, "export", "evaluation or type:workspace.created", "--as", name, "--proofs", "-o", str(file))
    checked = run(elsewhere, "check-export", str(file), "--key", verifier_keys(busy)["log"])

    assert (made.exit_code, checked.exit_code) == (0, 0), made.output + checked.output
    assert "61 entries (0 to 60) are proved" in checked.output
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes().replace(b"transfer.offered", b"transfer.refused", 1))
    assert run(elsewhere, "check-export", str(file), "--key", verifier_keys(busy)["log"]).exit_code == 4


def test_a_broken_row_is_not_exported_and_the_old_file_stays(busy: Path, tmp_path: Path) -> None:
    file = tmp_path / "evidence"
    file.write_text("before")
    with closing(sqlite3.connect(busy / "state" / "audit.db")) as db, db:
        db.execute("UPDATE event SET type = 'transfer.refused' WHERE idx = 40")

    with pytest.raises(LogTampered, match="entry 40 is broken"):
        export(busy, "", output=file)

    assert file.read_text() == "before"
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["evidence"]


def test_a_forged_leaf_is_not_exported(busy: Path) -> None:
    with closing(sqlite3.connect(busy / "state" / "audit.db")) as db, db:
        db.execute(
            "UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'offered', 'refused') AS BLOB),"
            " type = 'transfer.refused' WHERE idx = 40"
        )

    with pytest.raises(LogTampered, match="entry 40 is not in the tree"):
        export(busy, "")


def test_an_export_on_standard_output_is_the_export_and_nothing_else(busy: Path) -> None:
    assert run(busy, "export", "entry:3").output == export(busy, "entry:3")["text"]
    assert run(busy, "export", "entry:3", "--json").exit_code == 2


def test_watching_begins_with_the_past_that_is_asked_for_and_goes_on(busy: Path) -> None:
    watched = watch_log(busy, "type:transfer.*", since="1d")

    past = [each["index"] for each in islice(watched, 30)]
    record(busy, 60, 4)
    later = [each["index"] for each in islice(watched, 2)]

    assert past == list(range(2, 61, 2))
    assert later == [62, 64]
    watched.close()


def test_a_log_that_becomes_shorter_is_not_followed(busy: Path) -> None:
    with asking(busy) as questions, pytest.raises(WorkspaceError, match="had 1000 entries and has 61 now"):
        next(sizes(questions.log, 1000))


def test_a_quiet_log_is_looked_at_gently(busy: Path) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            record(busy, 60, 1)

    with asking(busy) as questions:
        assert next(sizes(questions.log, 61, wait)) == 62
    assert waits == [0.25] * 3


@pytest.mark.parametrize("stop", STOPS)
def test_the_command_follows_until_it_is_ended(busy: Path, stop: signal.Signals) -> None:
    arguments = [sys.executable, "-m", "engine.cli", "-C", str(busy), "audit", "watch", "--since", "1d", "--json"]
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None

    seen = [json.loads(running.stdout.readline())["index"] for _ in range(61)]
    record(busy, 60, 1)
    seen.append(json.loads(running.stdout.readline())["index"])
    running.send_signal(stop)
    rest, errors = running.communicate(timeout=20)

    assert seen == list(range(62))
    assert (running.returncode, rest, errors) == (0, "", "")
