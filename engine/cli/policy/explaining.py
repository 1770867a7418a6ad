"""`lading policy explain | what-if`: why a request is decided as it is, and what would allow it."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, Session, verb
from engine.cli.policy.folder import FILE, folder, policies_option
from engine.text import printable

ENTITIES = click.option("--entities", type=FILE, help="Entities, in Cedar's JSON format.")
REQUEST = click.option("--request", type=FILE, help="A request: principal, action, resource, context.")
MARKS = {True: ("✔", "green"), False: ("✘", "red"), None: ("▲", "yellow")}


def _asked(
    session: Session, policies: Path | None, entities: Path | None, request: Path | None, decision: str | None
) -> Any:
    from engine.errors import UsageError
    from engine.workspace.governing.explaining import asked_before, asked_by_files

    if decision is not None:
        return asked_before(session.home, decision, folder(session, policies))
    if entities is None or request is None:
        raise UsageError(
            "nothing says what was asked", remedy="Name a recorded decision, or give --entities and --request."
        )
    return asked_by_files(folder(session, policies), entities, request)


@click.command(
    epilog="""\b
Examples:
  lading policy explain --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json
  lading -C acme policy explain 5d41402a --all
"""
)
@click.argument("decision", required=False)
@policies_option
@ENTITIES
@REQUEST
@click.option("--all", "everything", is_flag=True, help="Show every policy of the action, not only those that matter.")
@click.option("--as-partner", is_flag=True, help="Show only what a partner may learn.")
@verb
def explain(
    session: Session,
    decision: str | None,
    policies: Path | None,
    entities: Path | None,
    request: Path | None,
    *,
    everything: bool,
    as_partner: bool,
) -> int:
    """Say why a request is decided as it is: every condition with the values it saw, and what would allow it.

    The request comes from files, or from a recorded DECISION of the workspace, which is decided again at its own
    moment. Exits 3 on a denial.
    """
    from engine.workspace.governing import explaining

    asked = _asked(session, policies, entities, request, decision)
    if as_partner:
        result = explaining.explain_to_partner(asked)
        session.show(result, lambda told: ": ".join(filter(None, (told["decision"], ", ".join(told["because"])))))
    else:
        result = explaining.explain_everything(asked) if everything else explaining.explain(asked)
        session.show(result, lambda told: "\n".join([*_decision(told), *_tree(told), *_ways(told)]))
    return 0 if result["decision"] == "permit" else DENIED


@click.command(
    "what-if",
    epilog="""\b
Examples:
  lading policy what-if --policies policies --entities samples/request/entities.json \\
      --request samples/request/request.json --set context.purpose=research
  lading -C acme policy what-if 5d41402a --set principal.clearance=3
""",
)
@click.argument("decision", required=False)
@policies_option
@ENTITIES
@REQUEST
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="A value to state otherwise; repeatable.")
@verb
def what_if(
    session: Session,
    decision: str | None,
    policies: Path | None,
    entities: Path | None,
    request: Path | None,
    settings: tuple[str, ...],
) -> int:
    """Say what would allow a request, or how it is decided with some values stated otherwise.

    Every way that is told was tried. Nothing is changed, and nothing is recorded. Exits 3 on a denial.
    """
    from engine.workspace.governing import explaining

    result = explaining.what_if(_asked(session, policies, entities, request, decision), settings)
    session.show(result, lambda told: "\n".join([*_before(told), *_decision(told), *_ways(told)]))
    return 0 if result["decision"] == "permit" else DENIED


def _before(told: dict[str, Any]) -> list[str]:
    if not told["set"]:
        return []
    before = told["before"]
    return [f"was {before['decision']} ({', '.join(before['because'])}), and with {', '.join(told['set'])} is"]


def _decision(told: dict[str, Any]) -> list[str]:
    colour = "green" if told["decision"] == "permit" else "red"
    lines = [f"{click.style(told['decision'], fg=colour, bold=True)} by {', '.join(told['because'])}"]
    lines += [f"  error     {each}" for each in told["errors"]]
    return lines + [f"  remedy    {each}" for each in told["remedies"]]


def _tree(told: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for each in told["policies"]:
        applies = {True: "applies", False: "does not apply", None: "could not be evaluated"}[each["applies"]]
        lines += ["", f"{each['effect']} {click.style(each['policy'], bold=True)} {applies}  ({each['place']})"]
        lines += [line for condition in each["conditions"] for line in _condition(condition)]
    return lines


def _condition(condition: dict[str, Any]) -> list[str]:
    mark, colour = MARKS[condition["holds"]]
    lines = [f"  {click.style(mark, fg=colour)} {condition['kind']:<6} {condition['condition']}"]
    return lines + [f"           {path} = {_value(value)}" for path, value in condition["values"].items()]


def _value(value: Any) -> str:
    import json

    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _ways(told: dict[str, Any]) -> list[str]:
    ways = told["what_would_allow"]
    if ways is None:
        return []
    if not ways["ways"]:
        if not ways["exhausted"]:
            return [
                "",
                f"no way was found in {ways['tried']} tries; there may be one: try changes with 'what-if --set'",
            ]
        return ["", "nothing that can be changed about the request would allow it"]
    lines = ["", "what would allow it"]
    for way in ways["ways"]:
        steps = [f"{each.get('edit') or each['act']}  ({each['who']})" for each in way]
        lines += [f"  {'-' if number == 0 else '  and'} {step}" for number, step in enumerate(steps)]
    return lines
