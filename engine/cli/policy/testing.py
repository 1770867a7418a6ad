"""`lading policy test`: do policies pass their suites, and how much of them is tested."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from engine.cli.command import FAILED, OUTPUT, Session, verb
from engine.cli.policy.folder import folder, policies_option
from engine.cli.progress import Bar, number
from engine.text import counted

_REFUSED: Final = "the schema refuses it"


@click.command(
    epilog="""\b
Examples:
  lading policy test --policies policies
  lading policy test --policies policies --coverage --mutate --junit report.xml
  lading policy test --policies policies --suggest suggested.yaml
  lading -C acme policy test --json
  lading -C acme policy test --from-decision 5d41402a -o acme/policies/tests/incident.yaml
"""
)
@policies_option
@click.option("--coverage", is_flag=True, help="Tell which conditions no case has seen both true and false.")
@click.option("--mutate", is_flag=True, help="Tell which deliberate faults in the policies no case notices.")
@click.option("--suggest", type=OUTPUT, metavar="FILE", help="Write a suite of cases that cover and notice more.")
@click.option("--junit", type=OUTPUT, metavar="FILE", help="Write a JUnit report, for build servers.")
@click.option("--from-decision", metavar="ID", help="Write a recorded decision as a suite of one case.")
@click.option("-o", "--output", "out", type=OUTPUT, metavar="FILE", help="With --from-decision: the file to write.")
@verb
def test(
    session: Session,
    policies: Path | None,
    *,
    coverage: bool,
    mutate: bool,
    suggest: Path | None,
    junit: Path | None,
    from_decision: str | None,
    out: Path | None,
) -> int:
    """Run the suites in the folder's tests/. Exits 5 when a case fails or a threshold is missed.

    With --from-decision nothing is run: the decision, with the very entities it rested on, becomes a suite to review.
    """
    if from_decision is not None or out is not None:
        return _from_decision(session, from_decision, out)
    from engine.workspace.governing.suites import Wanted, test_policies

    wanted = Wanted(coverage=coverage, mutation=mutate, junit=junit, suggest=suggest)
    with Bar("mutants", enabled=not session.as_json, amount=number) as bar:
        result = test_policies(folder(session, policies), wanted, bar.update)
    session.show(result, lambda told: "\n".join([*_tested(told), *_suggested(told, suggest)]))
    return 0 if result["ok"] else FAILED


def _tested(result: dict[str, Any]) -> Iterator[str]:
    good, bad, soft = (click.style(mark, fg=colour) for mark, colour in (("✔", "green"), ("✘", "red"), ("▲", "yellow")))
    yield from (click.style(line, dim=True) for line in _not_counted(result["equivalents"]))
    for each in result["uncovered"]:
        yield f"{soft} {each['place']}: {each['policy']}: never {' nor '.join(each['never'])}: {each['condition']}"
    for each in result["survivors"]:
        yield f"{soft} {each['place']}: {each['policy']}: nobody notices mutant {each['mutant']}: {each['change']}"
    for each in result["failures"]:
        yield f"{bad} {each}"
    yield f"{good if result['ok'] else bad} {result['passed']} passed, {result['failed']} failed"
    yield f"  policies  {result['policies']}% decide a case"
    if result["atoms"] is not None:
        yield f"  atoms     {result['atoms']}% seen both true and false"
    if result["mutation"] is not None:
        yield f"  mutation  {result['mutation']}% of the mutants noticed"


def _not_counted(equivalents: list[dict[str, Any]]) -> Iterator[str]:
    """List what no case could tell from the policy; what the schema refuses anyhow is only counted."""
    refused = sum(each["reason"].startswith(_REFUSED) for each in equivalents)
    for each in equivalents:
        if each["reason"].startswith(_REFUSED):
            continue
        what = f"mutant {each['mutant']}: {each['change']}" if "mutant" in each else each["condition"]
        yield f"  {each['place']}: {each['policy']}: not counted: {what}: {each['reason']}"
    if refused:
        yield f"  {counted(refused, 'mutants')} not counted: the schema refuses them (--json lists each)"


def _from_decision(session: Session, decision: str | None, out: Path | None) -> int:
    from engine.errors import UsageError
    from engine.workspace.governing.suites import write_decision

    if decision is None or out is None:
        raise UsageError(
            "--from-decision and -o belong together", remedy="Give both: the decision's id, and the file to write."
        )
    result = write_decision(session.home, decision, out)
    session.show(result, lambda told: f"{told['decision']} is a case of {told['file']}: review it, and name it better")
    return 0


def _suggested(result: dict[str, Any], file: Path | None) -> Iterator[str]:
    if result.get("suggested"):
        yield f"  suggested {counted(result['suggested'], 'cases')} to review in {file}"
    elif file is not None:
        yield "  suggested nothing"
