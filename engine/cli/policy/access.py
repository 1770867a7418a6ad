"""`lading policy who-can | what-can`: who may do what, with the reason for each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, table, verb
from engine.cli.policy.folder import FILE, FOLDER
from engine.text import printable

_OPTIONS = (
    click.option("--policies", type=FOLDER, help="A folder of policies, to ask it instead of a workspace."),
    click.option("--entities", type=FILE, help="With --policies: the entities, in Cedar's JSON format."),
    click.option("--context", type=FILE, help="With --policies: the facts of the request, a JSON object."),
    click.option("--to", metavar="ORG", help="For a handoff: to whom."),
    click.option("--agreement", help="For a handoff: under which agreement."),
    click.option("--purpose", help="What for."),
    click.option("--zone", help="For a handoff: through which network zone; 'partner' unless named."),
    click.option(
        "--reviewed",
        metavar="FINDING",
        help="Log that you went over the answers, and what you found; for those who may govern.",
    ),
    click.option("--only", type=click.Choice(["permit", "deny"]), help="Show only these answers."),
)


def _circumstances(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    "who-can",
    epilog="""\b
Examples:
  lading -C acme --as ada policy who-can copy sentiment:3.1
  lading -C acme --as ada policy who-can send sentiment:3.1 --to borealis.example \\
      --agreement a1b2c3d4 --purpose evaluation --only permit
  lading -C acme --as ada policy who-can govern acme.example --reviewed 'as it should be; abe leaves in May'
  lading policy who-can administer 'Organization::"acme.example"' --policies policies \\
      --entities samples/request/entities.json
""",
)
@click.argument("action")
@click.argument("resource")
@_circumstances
@verb
def who_can(session: Session, action: str, resource: str, **options: Any) -> None:
    """Say who can do ACTION to RESOURCE: an artifact, or the organization's id. Nothing is recorded as decided."""
    if options["policies"] is not None:
        from engine.workspace.governing.access import who_can_by_files

        policies, entities, context = _files(options)
        result = who_can_by_files(policies, entities, context, action, resource)
    else:
        result = session.act("policy.who-can", {"action": action, "resource": resource, **_given(options)})
    _show(session, result, options["only"], "principal")


@click.command(
    "what-can",
    epilog="""\b
Examples:
  lading -C acme --as ada policy what-can abe --only permit
  lading policy what-can 'User::"ada@acme.example"' --policies policies --entities samples/request/entities.json
""",
)
@click.argument("principal")
@_circumstances
@verb
def what_can(session: Session, principal: str, **options: Any) -> None:
    """Say what PRINCIPAL, a name from the directory, can do to what. Nothing is recorded as decided."""
    if options["policies"] is not None:
        from engine.workspace.governing.access import what_can_by_files

        policies, entities, context = _files(options)
        result = what_can_by_files(policies, entities, context, principal)
    else:
        result = session.act("policy.what-can", {"principal": principal, **_given(options)})
    _show(session, result, options["only"], "action", "resource")


def _files(options: dict[str, Any]) -> tuple[Path, Path, Path | None]:
    from engine.errors import UsageError

    if options["entities"] is None:
        raise UsageError("--policies needs --entities", remedy="Name a file of entities, in Cedar's JSON format.")
    if options["reviewed"] is not None:
        raise UsageError("--reviewed needs a workspace, in whose log it stands", remedy="Leave --policies out.")
    return options["policies"], options["entities"], options["context"]


def _given(options: dict[str, Any]) -> dict[str, str]:
    names = ("to", "agreement", "purpose", "zone", "reviewed")
    return {name: options[name] for name in names if options[name] is not None}


def _show(session: Session, result: dict[str, Any], only: str | None, *columns: str) -> None:
    answers = [each for each in result["answers"] if only in (None, each["decision"])]
    session.show(result | {"answers": answers}, lambda shown: _shown(shown, columns))


def _shown(result: dict[str, Any], columns: tuple[str, ...]) -> str:
    said = [_rows(result["answers"], columns)]
    if result.get("unasked"):
        handoff = "--to, --agreement and --purpose describe one"
        said.append(f"not asked, being about a handoff: {', '.join(result['unasked'])} ({handoff})")
    if "entry" in result:
        said.append(f"the review is entry {result['entry']} of the log")
    return "\n".join(said)


def _rows(answers: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    if not answers:
        return "nobody, and nothing"
    marks = {"permit": "✔ permit", "deny": "✘ deny"}
    rows = [
        (marks[each["decision"]], *(printable(each[name]) for name in columns), printable(each["why"]))
        for each in answers
    ]
    return table(rows, ("ANSWER", *(name.upper() for name in columns), "WHY"))
