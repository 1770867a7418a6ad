"""Attacks on the life of policies: what one person, or one hostile file, must not be able to do."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LadingError, UsageError
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask
from tests.unit.workspace.governing.conftest import active, approve, propose, reword

BOUND = 20.0
SCHEMA = "entity User; entity Doc; action view appliesTo {principal: [User], resource: [Doc], context: {}};"
EXAMINE = """
import sys
from pathlib import Path
from engine.errors import PolicyError
from engine.policy.rollout.examination import examine
from engine.policy.rollout.snapshot import Snapshot
try:
    print(examine(Snapshot.read(Path(sys.argv[1])), None).state)
except PolicyError as error:
    print("refused", error)
"""


def ends(work: Callable[[], Any]) -> bool:
    """Say whether something ends in time, whatever it raises."""

    def quietly() -> None:
        with contextlib.suppress(LadingError):
            work()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(BOUND)
    return not thread.is_alive()


def comment(office: Office, text: str) -> None:
    """Change a policy file without changing what it says."""
    path = office.layout.policies / "evidence.cedar"
    path.write_text(f"{path.read_text()}\n// {text}\n")


def test_a_pipe_in_the_folder_holds_up_nobody(office: Office) -> None:
    reword(office)
    approve(office, propose(office))
    os.mkfifo(office.layout.policies / "tests" / "pipe.yaml")

    assert ends(office.governance.see)
    assert ends(lambda: ask(office, "policy.rollback", "bea", reason="now"))


def test_who_proposed_first_does_not_become_the_approver_when_another_proposes_the_same(office: Office) -> None:
    before = active(office)
    reword(office)
    propose(office, "ada")

    with pytest.raises(UsageError, match=r"ada@acme\.example proposed bundle \w+ already"):
        propose(office, "bea")

    assert active(office) == before


def test_a_bundle_that_nobody_could_ever_leave_does_not_come_to_decide(office: Office) -> None:
    before = active(office)
    with (office.layout.policies / "evidence.cedar").open("a") as file:
        file.write('\n@id("deny-govern") @owner("x") @remedy("x")\n')
        file.write('forbid (principal, action == Action::"govern", resource);\n')
    tests = office.layout.policies / "tests"
    for path in tests.glob("*.yaml"):  # whoever writes policies writes their suites, too
        path.unlink()
    (tests / "own.yaml").write_text(
        "suite: own\nnow: 2026-06-01T12:00:00Z\nentities: fixtures/world.yaml\ndefaults:\n"
        "  request: {principal: 'User::ada@acme.example', action: copy, resource: 'Artifact::sentiment'}\n"
        "  context: {}\ncases:\n  - name: copy\n    expect: permit\n    because: [use-own]\n"
    )
    digest = propose(office)

    with pytest.raises(UsageError, match="only 0 of"):
        approve(office, digest)

    assert active(office) == before


def test_a_stale_proposal_can_be_withdrawn(office: Office) -> None:
    reword(office)
    first = propose(office)
    comment(office, "more")
    approve(office, propose(office))

    assert ask(office, "policy.withdraw", "bea", digest=first, reason="old")["state"] == "withdrawn"


def test_an_activation_that_could_not_be_completed_does_not_block_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reword(office)
    digest = propose(office)
    before = active(office)

    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(type(office.governance.store), "complete_activation", full)
        with pytest.raises(OSError, match="disk full"):
            approve(office, digest)
    assert active(office) == before

    ask(office, "policy.rollback", "bea", reason="emergency")

    assert active(office) == before  # the activation was finished first, as the log has it, and then taken back


def test_ids_that_would_fill_every_record_are_refused(office: Office) -> None:
    name = "deny-" + "x" * 9000
    (office.layout.policies / "long.cedar").write_text(
        f'@id("{name}") @owner("x") @remedy("x")\nforbid (principal, action, resource);\n'
    )

    found = office.governance.see()

    assert found is not None
    assert found.state == "broken"


def test_who_lost_the_right_while_waiting_changes_nothing(office: Office) -> None:
    reword(office)
    approve(office, propose(office))
    before = active(office)
    directory = office.layout.home / "directory.yaml"
    text = directory.read_text()
    with office.governance.lock:
        waiting = threading.Thread(target=lambda: ends(lambda: ask(office, "policy.rollback", "bea", reason="x")))
        waiting.start()
        start = text.index("bea@acme.example")
        directory.write_text(text[:start] + text[start:].replace("security", "sender", 1))

    waiting.join(BOUND)

    assert active(office) == before


@pytest.mark.parametrize(
    "condition",
    {
        "nested": "(" * 2000 + "true" + ")" * 2000,
        "chained": " && ".join(["true"] * 4000),
        "summed": "+".join(["1"] * 4000) + " == 1",
        "attributes": "context" + ".a" * 20_000,
        "unterminated": '"' + "\\" * 200_001,
    }.values(),
    ids=lambda text: text[:6],
)
def test_no_policy_text_ends_the_process(tmp_path: Path, condition: str) -> None:
    (tmp_path / "a.cedarschema").write_text(SCHEMA)
    (tmp_path / "a.cedar").write_text(
        f'@id("a") @owner("o") @remedy("r")\npermit (principal, action, resource) when {{ {condition} }};\n'
    )

    done = subprocess.run(
        [sys.executable, "-c", EXAMINE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=BOUND
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.split()[0] in {"broken", "refused"}


@pytest.mark.parametrize(
    "schema",
    {
        "nested": "entity User { a: " + "Set<" * 20_000 + "Long" + ">" * 20_000 + " };",
        "chained": "action a0;" + "".join(f"action a{n + 1} in [a{n}];" for n in range(3000)),
    }.values(),
    ids=["nested", "chained"],
)
def test_no_schema_ends_or_holds_up_the_process(tmp_path: Path, schema: str) -> None:
    (tmp_path / "a.cedarschema").write_text(schema + SCHEMA)
    (tmp_path / "a.cedar").write_text('@id("a") @owner("o") @remedy("r")\npermit (principal, action, resource);\n')

    done = subprocess.run(
        [sys.executable, "-c", EXAMINE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=BOUND
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.split()[0] in {"broken", "refused"}
