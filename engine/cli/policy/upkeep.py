"""`lading policy lint | fmt | bench | conform`: keeping policies, and the engine, in shape."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, Session, table, verb
from engine.cli.policy.folder import FOLDER, finding, folder, policies_option
from engine.cli.progress import Bar, number
from engine.text import counted


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
    from engine.workspace.governing.upkeep import lint_policies

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
    from engine.workspace.governing.upkeep import compare_format, format_policies

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


@click.command(epilog="\b\nExamples:\n  lading policy conform tests/conformance/cedar")
@click.argument("checkout", metavar="DIR", type=FOLDER)
@verb
def conform(session: Session, checkout: Path) -> int:
    """Run Cedar's own cases, to see that decisions here are Cedar's. Exits 5 when a case comes out otherwise.

    DIR is a checkout of cedar-policy/cedar-integration-tests or cedar-policy/cedar-examples, or any folder laid out
    like one. Guards are left out: they deny more than Cedar does.
    """
    from engine.workspace.governing.upkeep import conform

    with Bar("cases", enabled=not session.as_json, amount=number) as bar:
        result = conform(checkout, bar.update)
    session.show(result, _conformed)
    return FAILED if result["failures"] else 0


def _conformed(result: dict[str, Any]) -> str:
    mark = click.style("✘", fg="red") if result["failures"] else click.style("✔", fg="green")
    bad = click.style("✘", fg="red")
    told = [
        f"{bad} {each['file']}: {each['case']}: expected {each['expected']}, found {each['found']}"
        for each in result["failures"]
    ]
    refused = f", {result['refused']} of them refused as they should be" if result["refused"] else ""
    total = (
        f"{mark} {result['passed']} of {result['requests']} requests in {counted(result['files'], 'files')}{refused}"
    )
    return "\n".join([*told, total])


@click.command(
    epilog="\b\nExamples:\n  lading policy bench --policies policies\n  lading policy bench --policies policies --json"
)
@policies_option
@click.option("--rounds", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Decisions of each case.")
@verb
def bench(session: Session, policies: Path | None, rounds: int) -> None:
    """Measure how fast policies decide the cases of their own suites: CPU time of loading, deciding, explaining."""
    from engine.workspace.governing.upkeep import bench

    with Bar("rounds", enabled=not session.as_json, amount=number) as bar:
        result = bench(folder(session, policies), rounds, bar.update)
    session.show(result, _measured)


def _measured(result: dict[str, Any]) -> str:
    rows = [
        (each, f"{result[each]['p50_us']:.0f} µs", f"{result[each]['p99_us']:.0f} µs", str(result[each]["count"]))
        for each in ("decide", "explain")
    ]
    policies = counted(result["policies"], "policies")
    lines = [
        table(rows, ("CPU TIME", "P50", "P99", "TIMES")),
        f"asked together, {counted(result['together_per_second'], 'decisions')} a second",
        f"{policies} loaded in {result['load_ms']} ms; {counted(result['cases'], 'cases')}",
    ]
    return "\n".join(lines)
