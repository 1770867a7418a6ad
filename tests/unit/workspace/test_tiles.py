"""`lading audit tiles, check-tiles, verify --against tiles`: a folder of the log, whole or pruned; and odd indexes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli import lading
from engine.workspace.log.record import verifier_keys
from tests.unit.workspace.test_querying import record

Run = Callable[..., Result]


@pytest.fixture
def busy(home: Path) -> Path:
    record(home, 0, 700)
    return home


@pytest.fixture
def run(busy: Path) -> Run:
    return lambda *words: CliRunner().invoke(lading, ["-C", str(busy), "audit", *words])


@pytest.fixture
def key(busy: Path) -> str:
    return verifier_keys(busy)["log"]


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_folder_is_pruned_checked_and_held_against_the_log(run: Run, key: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "public")
    assert "new\n" in run("tiles", folder).output

    pruned = run("tiles", folder, "--minimum-index", "600")

    assert (pruned.exit_code, "minimum index 600: 4 files before it went" in pruned.output) == (0, True)
    checked = run("check-tiles", folder, "--key", key, "--minimum-index", "600")
    assert (checked.exit_code, "entries 0 to 511: only their tree" in checked.output) == (0, True)
    held = run("verify", "--against", "tiles", "--tiles", folder, "--minimum-index", "600", "--json")
    assert (held.exit_code, told(held)["tiles"]["first"]) == (0, 512)


def test_who_was_not_told_the_minimum_index_sees_what_lacks(run: Run, key: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "public")
    run("tiles", folder, "--minimum-index", "600")

    refused = run("check-tiles", folder, "--key", key)

    assert refused.exit_code != 0
    assert "tile/entries/000 is missing" in refused.output
    assert "--minimum-index" in refused.output
    assert run("tiles", folder, "--minimum-index", "0").exit_code == 0
    assert run("check-tiles", folder, "--key", key).exit_code == 0


def test_a_minimum_index_means_a_folder_and_lies_in_it(run: Run, tmp_path: Path) -> None:
    beyond = run("tiles", str(tmp_path / "public"), "--minimum-index", "999999")
    alone = run("verify", "--minimum-index", "5")

    assert (beyond.exit_code, "the minimum index is 999999" in beyond.output) == (7, True)
    assert (alone.exit_code, "is of a folder of tiles" in alone.output) == (2, True)


@pytest.mark.parametrize("words", [("prove", str(2**63)), ("show", "--entry", "9" * 30), ("prove", "-1")])
def test_an_index_that_no_log_can_have_is_refused_by_name(run: Run, words: tuple[str, ...]) -> None:
    said = run(*words)

    assert said.exit_code == 2
    assert "defect" not in said.output


def test_an_export_without_entries_proves_nothing_and_says_so(run: Run, key: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")

    said = run("check-export", str(tmp_path / "empty.jsonl"), "--key", key)

    assert (said.exit_code, "it proves nothing" in said.output) == (5, True)
