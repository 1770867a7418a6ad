"""What every command does alike: files it writes, filters it takes, what it says when something is missing."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli import lading, main
from engine.workspace import acting
from tests.unit.workspace.conftest import SAMPLES

BILL = SAMPLES / "handoff.bill.json"


def run(*words: object) -> Result:
    return CliRunner().invoke(lading, [str(each) for each in words])


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "prove", "0"),
        ("audit", "export"),
        ("trust", "export"),
        ("bill", "create", "tr-1"),
        ("backup", "create"),
        ("policy", "export"),
    ],
)
def test_a_file_in_a_folder_that_is_not_there_ends_the_command_before_it_begins(
    home: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = run("-C", home, *words, "-o", tmp_path / "no" / "such" / "file")

    assert result.exit_code == 2
    assert f"the folder {tmp_path}/no/such is not there" in result.output
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("kind", ["link", "device"])
def test_links_and_devices_are_not_replaced_by_files(home: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    place = {"link": tmp_path / "link", "device": Path("/dev/null")}[kind]

    result = run("-C", home, "audit", "prove", "0", "-o", place)

    assert (result.exit_code, "is a link or a device" in result.output) == (2, True)


def test_a_file_that_is_there_is_replaced_as_a_whole(home: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    proof.write_text("x" * 100_000)

    result = run("-C", home, "audit", "prove", "0", "-o", proof)

    assert (result.exit_code, proof.read_text().startswith("c2sp.org/tlog-proof@v1\n")) == (0, True)
    assert [each.name for each in tmp_path.glob("*proof*")] == ["proof"]


@pytest.mark.parametrize("text", ["-type:trust.*", "-(type:trust.* or type:x)"])
def test_a_filter_may_begin_with_a_negation(home: Path, text: str) -> None:
    plain = run("-C", home, "audit", "query", "--limit", "5", text)
    marked = run("-C", home, "audit", "query", "--limit", "5", "--", text)

    assert (plain.exit_code, plain.output) == (0, marked.output)
    assert "INDEX" in plain.output


def test_an_option_that_there_is_not_is_no_filter(home: Path) -> None:
    assert run("-C", home, "audit", "query", "-fraud").exit_code == 2


def test_a_filter_is_shown_as_what_may_be_left_out() -> None:
    for command in ("query", "export", "watch"):
        assert f"audit {command} [OPTIONS] [FILTER]" in run("audit", command, "--help").output


def test_a_bill_with_no_trust_at_hand_asks_for_it(tmp_path: Path) -> None:
    result = run("-C", tmp_path, "bill", "verify", BILL)

    assert result.exit_code == 2
    assert f"{tmp_path}/trust is not there" in result.output
    assert "'--trust'" in result.output


def test_a_key_that_was_not_copied_whole_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("")

    result = run("audit", "check-export", tmp_path / "export", "--key", "acme.example/lading/audit/0")

    assert result.exit_code == 7
    assert "is no verifier key, expected NAME+ID+BASE64" in result.output


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_command_that_waits_says_for_what_beside_its_result(
    home: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    def waiting(*_: object, on_progress: Any, **__: object) -> dict[str, object]:
        on_progress({"step": "waiting", "done": 0, "total": 0, "detail": "a backup"})
        return {"name": "case-7", "entries": 2}

    monkeypatch.setattr(acting, "act", waiting)

    result = run("-C", home, "audit", "hold", "place", "case-7", "type:*", "--reason", "letter", *options)

    assert "waiting for a backup, which is under way" in result.stderr
    assert "goes on by itself" in result.stderr
    assert "waiting" not in result.stdout
    if options:
        assert json.loads(result.stdout)["name"] == "case-7"


@pytest.mark.parametrize(
    ("words", "said", "help_of"),
    [
        (["bill", "verify", "no-such-file"], "'no-such-file' does not exist", "lading bill verify"),
        (["audit", "show", "--limit", "0"], "0 is not in the range", "lading audit show"),
        (["nosuch"], "No such command 'nosuch'", "lading"),
    ],
)
def test_what_is_typed_wrong_is_told_as_json_to_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str, help_of: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["lading", *words, "--json"])

    with pytest.raises(SystemExit) as end:
        main()

    told = json.loads(capsys.readouterr().out)
    assert end.value.code == told["exit_code"] == 2
    assert said in told["title"]
    assert told["detail"] == f"See '{help_of} --help'."


def test_nothing_to_approve_is_not_called_no_transfers(home: Path) -> None:
    assert "no transfer waits for an approval" in run("-C", home, "--as", "ada", "approval", "list").output


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_whoever_wants_no_colours_gets_none(tmp_path: Path, variable: str, value: str) -> None:
    words = ["-C", str(tmp_path), "audit", "show"]
    colours = {"NO_COLOR": "", "TERM": "xterm"}

    painted = CliRunner().invoke(lading, words, color=True, env=colours)
    plain = CliRunner().invoke(lading, words, color=True, env=colours | {variable: value})

    assert "\x1b[" in painted.output
    assert "\x1b[" not in plain.output
