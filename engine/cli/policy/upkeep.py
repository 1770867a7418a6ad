"""`lading policy lint | fmt`: keeping policies in shape."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, Session, verb
from engine.cli.policy.folder import finding, folder, policies_option


@click.command(
    epilog="\b\nExamples:\n  lading policy lint --policies policies\n  lading policy lint --policies policies --strict"
)
@policies_option
@click.option("--strict", is_flag=True, help="Fail for warnings, too.")
@verb
def lint(session: Session, policies: Path | None, *, strict: bool) -> int:
    """Say everything there is to say about policies, broken or not. Exits 5 when something is an error.

    More than 'check': policies that never matter, conditions that mislead, attributes that nobody reads. bundle.toml
    sets how much a finding matters, and which one to overlook.
    """
    from engine.workspace.policy_upkeep import lint_policies

    result = lint_policies(folder(session, policies))
    session.show(result, _linted)
    return FAILED if result["error"] or (strict and result["warning"]) else 0


def _linted(result: dict[str, Any]) -> str:
    mark = click.style("✘", fg="red") if result["error"] else click.style("✔", fg="green")
    told = [finding(each) for each in result["findings"]]
    return "\n".join([*told, f"{mark} {result['error']} errors, {result['warning']} warnings, {result['info']} notes"])


@click.command(
    epilog="\b\nExamples:\n  lading policy fmt --policies mine\n  lading policy fmt --policies mine --check --diff"
)
@policies_option
@click.option("--check", is_flag=True, help="Write nothing; exit 5 if something would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@verb
def fmt(session: Session, policies: Path | None, *, check: bool, diff: bool) -> int:
    """Format policies as 'cedar format' does. A file whose meaning or comments would change is left alone."""
    from engine.workspace.policy_upkeep import compare_format, format_policies

    place = folder(session, policies)
    if not (check or diff):
        session.show(format_policies(place), _formatted)
        return 0
    result = compare_format(place)
    session.show(result, lambda found: found["diff"].rstrip() if diff else _differing(found))
    return FAILED if check and result["changed"] else 0


def _formatted(result: dict[str, Any]) -> str:
    return f"{click.style('✔', fg='green')} {len(result['changed'])} of {result['files']} files changed"


def _differing(result: dict[str, Any]) -> str:
    if not result["changed"]:
        return f"{click.style('✔', fg='green')} nothing would change"
    return "\n".join(f"{click.style('✘', fg='red')} {name} would change" for name in result["changed"])
