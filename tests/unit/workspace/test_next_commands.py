"""What a command says to run next means the same workspace, and the same person, as whoever reads it named."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from engine.cli import lading
from engine.cli.command import Session, carried_over, command
from tests.test_commands_in_docs import paths, unknown
from tests.unit.workspace.conftest import hire

ENGINE = Path(__file__).parents[3] / "engine"


def run(*words: object, **environ: str) -> Result:
    return CliRunner().invoke(lading, [str(each) for each in words], env=environ)


def test_a_remedy_names_the_workspace_and_the_person_that_were_named(home: Path) -> None:
    typed = run("-C", home, "--as", "ada", "artifact", "show", "nothing:1")
    as_json = run("-C", home, "--as", "ada", "artifact", "show", "nothing:1", "--json")

    assert f"'lading -C {home} --as ada artifact list'" in typed.output
    assert f"'lading -C {home} --as ada artifact list'" in json.loads(as_json.output)["detail"]


def test_what_the_environment_says_is_not_repeated(home: Path) -> None:
    result = run("artifact", "show", "nothing:1", LADING_HOME=str(home), LADING_AS="ada")

    assert "'lading artifact list'" in result.output


def test_a_folder_is_named_as_it_was_typed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.rename(home.parent / "my acme")
    monkeypatch.chdir(home.parent)

    result = run("-C", "my acme", "--as", "ada", "agreement", "list")

    assert "'lading -C 'my acme' --as ada agreement propose' makes the first" in result.output


def test_the_next_step_of_a_second_person_is_in_the_same_workspace_under_another_name(home: Path) -> None:
    hire(home, "eve", roles="security")
    run("-C", home, "--as", "ada", "trust", "issue")  # what is asked first makes the folder what decides
    rule = home / "policies" / "evidence.cedar"
    rule.write_text(rule.read_text() + "\n// Reviewed.\n")

    proposed = run("-C", home, "--as", "ada", "policy", "propose", "--reason", "read again")

    digest = re.search(r"bundle (\w{16})", proposed.output)
    assert digest, proposed.output
    next_ = f"lading -C {home} --as SOMEBODY policy approve {digest[1]} --reason '…'"
    assert f"  next      {next_}\n" in proposed.output
    early = run("-C", home, "--as", "ada", "policy", "activate", digest[1])
    assert f"run 'lading -C {home} --as SOMEBODY policy approve {digest[1]}'" in early.output


def test_what_another_organization_has_to_run_stays_as_it_is() -> None:
    with typed("-C acme ", "--as ada "):
        text = carried_over("""'lading doctor'; ask them: "lading audit verify"; 'lading init b', 'lading -C w tui'""")
        second = carried_over("'lading --as SOMEBODY approval grant t'")

    assert text == (
        "'lading -C acme --as ada doctor'; ask them: \"lading audit verify\"; 'lading init b', 'lading -C w tui'"
    )
    assert second == "'lading -C acme --as SOMEBODY approval grant t'"


def test_outside_of_the_command_line_nothing_was_typed() -> None:
    assert (command("doctor"), carried_over("'lading doctor'")) == ("lading doctor", "'lading doctor'")


def test_every_command_that_a_message_quotes_is_one() -> None:
    quoted = [
        (path, found)
        for path in ENGINE.rglob("*.py")
        for found in re.findall(r"""'lading ((?:-C \S+ |--as \S+ )*[a-z][a-z-]*(?: [a-z-]+)*)""", path.read_text())
    ]
    wrong = [f"{path.name}: {words}" for path, text in quoted for words in paths(text) if unknown(words)]

    assert len(quoted) > 80
    assert wrong == []


def typed(home: str, who: str) -> click.Context:
    return click.Context(lading, obj=Session(Path(), typed_home=home, typed_who=who))
