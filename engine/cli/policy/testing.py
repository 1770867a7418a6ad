"""`lading policy test`: do policies pass their suites, and how much of them is tested."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from engine.cli.command import FAILED, Session, verb
from engine.cli.policy.folder import folder, policies_option
from engine.cli.progress import Bar

_OUTPUT: Final = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="""\b
Examples:
  lading policy test --policies policies
  lading policy test --policies policies --coverage --mutate --junit report.xml
  lading policy test --policies policies --suggest suggested.yaml
  lading -C acme policy test --json
"""
)
@policies_option
@click.option("--coverage", is_flag=True, help="Tell which conditions no case has seen both true and false.")
@click.option("--mutate", is_flag=True, help="Tell which deliberate faults in the policies no case notices.")
@click.option("--suggest", type=_OUTPUT, metavar="FILE", help="Write a suite of cases that cover and notice more.")
@click.option("--junit", type=_OUTPUT, metavar="FILE", help="Write a JUnit report, for build servers.")
@verb
def test(
    session: Session,
    policies: Path | None,
    *,
    coverage: bool,
    mutate: bool,
    suggest: Path | None,
    junit: Path | None,
) -> int:
    """Run the suites in the folder's tests/. Exits 5 when a case fails or a threshold is missed."""
    from engine.workspace.policy_tests import Wanted, test_policies

    wanted = Wanted(coverage=coverage, mutation=mutate, junit=junit, suggest=suggest)
    with Bar("mutants", enabled=not session.as_json) as bar:
        result = test_policies(folder(session, policies), wanted, bar.update)
    session.show(result, lambda told: "\n".join([*_tested(told), *_suggested(told, suggest)]))
    return 0 if result["ok"] else FAILED


def _tested(result: dict[str, Any]) -> Iterator[str]:
    good, bad, soft = (click.style(mark, fg=colour) for mark, colour in (("✔", "green"), ("✘", "red"), ("▲", "yellow")))
    for each in result["equivalents"]:
        what = f"mutant {each['mutant']}: {each['change']}" if "mutant" in each else each["condition"]
        yield click.style(f"  {each['place']}: {each['policy']}: not counted: {what}: {each['reason']}", dim=True)
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


def _suggested(result: dict[str, Any], file: Path | None) -> Iterator[str]:
    if result.get("suggested"):
        yield f"  suggested {result['suggested']} cases to review in {file}"
    elif file is not None:
        yield "  suggested nothing"
