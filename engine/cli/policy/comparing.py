"""`lading policy diff | replay | export`: two bundles side by side, and recorded decisions against a candidate."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, OUTPUT, Session, verb
from engine.cli.policy.folder import FILE, FOLDER
from engine.cli.progress import Bar, number
from engine.text import counted, printable

SINCE = click.option("--since", type=click.DateTime(), help="No decisions before this moment (UTC).")
LIMIT = click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many.")


@click.command(
    epilog="""\b
Examples:
  lading -C acme policy replay --candidate acme/policies
  lading policy replay --candidate policies --decisions decisions.jsonl --markdown
"""
)
@click.option("--candidate", type=FOLDER, required=True, help="The folder of policies to decide by.")
@click.option("--decisions", type=FILE, help="Decisions that 'policy export' wrote.  [default: the workspace's record]")
@SINCE
@LIMIT
@click.option("--markdown", is_flag=True, help="Print Markdown, for a change request.")
@verb
def replay(
    session: Session,
    candidate: Path,
    decisions: Path | None,
    since: datetime | None,
    limit: int | None,
    *,
    markdown: bool,
) -> None:
    """Decide recorded decisions again by a candidate: newly allowed, newly denied, newly failing, and why."""
    from datetime import UTC

    from engine.workspace.governing import replaying

    with Bar("replaying", enabled=not session.as_json, amount=number) as bar:

        def progress(seen: int) -> None:
            bar.update({"step": "replaying", "detail": counted(seen, "decisions")})

        moment = since.replace(tzinfo=UTC) if since else None
        if decisions is not None:
            report = replaying.replay_file(decisions, candidate, since=moment, limit=limit, progress=progress)
        else:
            report = replaying.replay_workspace(session.home, candidate, since=moment, limit=limit, progress=progress)
    if markdown and not session.as_json:
        click.echo(replaying.markdown(report))
        return
    session.show(report.to_json(), _replayed)


@click.command(epilog="\b\nExamples:\n  lading -C acme policy export -o decisions.jsonl --limit 10000")
@click.option("-o", "--output", "out", type=OUTPUT, required=True, help="The file to write.")
@SINCE
@LIMIT
@verb
def export(session: Session, out: Path, since: datetime | None, limit: int | None) -> None:
    """Write recorded decisions, with everything they rested on, to a private file of JSON lines."""
    from datetime import UTC

    from engine.workspace.governing.replaying import export_decisions

    count = export_decisions(session.home, out, since=since.replace(tzinfo=UTC) if since else None, limit=limit)
    session.show(
        {"decisions": count, "file": str(out)},
        lambda done: f"{counted(done['decisions'], 'decisions')} in {done['file']}",
    )


@click.command(
    epilog="""\b
Examples:
  lading policy diff policies mine
  lading policy diff policies mine --markdown
  lading policy diff policies mine --exit-code
"""
)
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a change request.")
@click.option("--exit-code", is_flag=True, help="Exit 5 when they differ.")
@verb
def diff(session: Session, before: Path, after: Path, *, markdown: bool, exit_code: bool) -> int:
    """Say how two folders of policies differ in meaning, and which suite cases come out differently."""
    from engine.workspace.governing import comparing

    found = comparing.compare_folders(before, after)
    if markdown and not session.as_json:
        click.echo(comparing.markdown(found))
    else:
        session.show(found.to_json(), _compared)
    return FAILED if exit_code and not found.none else 0


def _compared(found: dict[str, Any]) -> str:
    if found["same"]:
        return f"{click.style('✔', fg='green')} the two mean the same and answer alike"
    lines = [_changed(each) for each in found["policies"]]
    lines += ["~ changed   the schema"] if found["schema"] else []
    for each in found["cases"]:
        lines += [
            f"▲ {each['case']} (a case of {each['suite_of']})",
            f"    before    {each['before']}",
            f"    after     {each['after']}",
        ]
    return "\n".join(lines)


def _changed(policy: dict[str, Any]) -> str:
    sign = {"added": "+", "removed": "-", "changed": "~", "reworded": "·"}[policy["kind"]]
    place, what = policy["after"] or policy["before"], ", ".join(policy["what"])
    return f"{sign} {policy['kind']:<9} {policy['id']}  ({place})  {what}".rstrip()


def _replayed(report: dict[str, Any]) -> str:
    lines = [report["effect"]]
    marks = {
        "newly_allowed": ("▲", "yellow"),
        "newly_denied": ("✘", "red"),
        "newly_failing": ("✘", "red"),
        "other_reasons": ("·", None),
    }
    for kind, (mark, colour) in marks.items():
        for each in report[kind]:
            after = each["after"]
            asked = printable(f"{each['principal']} {each['action']} {each['resource']} at {each['time']}")
            lines += [
                f"{click.style(mark, fg=colour)} {kind.replace('_', ' ')}: {asked}",
                f"    before    {each['decision']} by {', '.join(each['because'])}",
                *(f"    condition {condition}" for condition in each["conditions"]),
                f"    after     {after['decision']} by {', '.join(after['because'])}",
                *(f"    condition {condition}" for condition in after["conditions"]),
            ]
    if report["unrepeatable"]:
        lines.append(f"{len(report['unrepeatable'])} could not be replayed: {report['unrepeatable'][0]['why']}")
    return "\n".join(lines)
