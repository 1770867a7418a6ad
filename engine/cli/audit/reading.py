"""`lading audit show, query`: what the log says."""

import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from engine.cli.command import INDEX, Session, table, verb
from engine.cli.progress import Bar
from engine.errors import LadingError, LogTampered
from engine.text import printable

_HEADER = ("INDEX", "TIME", "TYPE", "ACTOR", "PARTNER", "TRANSFER", "DECISION")
_NEGATION = re.compile(r"-(?:[a-z]+:|[(\"])")
_SIGNS = {"proved": "✔", "broken": "✘", "pending": "·", "unchecked": "·"}


def filter_completion(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a filter in a shell, from the workspace's own log."""
    from engine.workspace.log.querying import completions

    home = context.find_root().params.get("home", ".")
    try:
        found = completions(Path(home).absolute(), incomplete, len(incomplete))
    except (LadingError, OSError):
        return []
    return [CompletionItem(incomplete[: one.start] + one.text, help=one.hint) for one in found]


class FilterCommand(click.Command):
    """A command whose filter may begin with the negation of a field or of parentheses, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what begins like `-type:` or `-(` for the filter it is."""
        negations = [arg for arg in args if _NEGATION.match(arg)]
        if negations and "--" not in args:
            args = [*(arg for arg in args if arg not in negations), "--", *negations]
        return super().parse_args(ctx, args)


def _origins(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from engine.workspace.log.record import origins

    try:
        known = origins(Path(context.find_root().params.get("home", ".")).absolute())
    except (LadingError, OSError):
        return []
    return [CompletionItem(origin) for origin in known if origin.startswith(incomplete)]


of_log = click.option(
    "--origin", shell_complete=_origins, help="A former log, by its origin or the number at the end of it."
)


@click.command(
    epilog="""\b
Examples:
  lading -C acme audit show
  lading -C acme audit show --type decision.deny --limit 5
  lading -C acme audit show --entry 12
"""
)
@click.option("--type", "event_type", help="Only entries of this type, such as decision.deny.")
@click.option("--transfer", help="Only entries of this transfer.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=40,
    show_default=True,
    help="At most this many, newest first.",
)
@click.option("--entry", type=INDEX, help="One entry whole, by its index.")
@of_log
@verb
def show(
    session: Session, event_type: str | None, transfer: str | None, limit: int, entry: int | None, origin: str | None
) -> int:
    """Show entries of the log, newest first. `lading audit query` asks for more."""
    from engine.audit.query.parse import only_about
    from engine.workspace.log.querying import Question, ask_log
    from engine.workspace.log.record import show_entry

    if entry is not None:
        session.show(show_entry(session.home, entry, origin), _whole)
        return 0
    terms = [only_about(name, value) for name, value in (("type", event_type), ("transfer", transfer)) if value]
    result = ask_log(session.home, Question(text=" ".join(terms), limit=limit, origin=origin))
    session.show(result, _shown)
    return LogTampered.exit_code if result["broken"] else 0


@click.command(
    cls=FilterCommand,
    epilog="""\b
Examples:
  lading -C acme audit query 'type:decision.deny since:7d'
  lading -C acme audit query 'type:transfer.* -partner:borealis.example' --prove
  lading -C acme audit query 'actor:ada@acme.example (decision:deny or decision:failsafe)'
  lading -C acme audit query '"fraud screening"' --limit 10 --json
  lading -C acme audit query 'type:decision.deny' --origin 0

\b
Terms: type: actor: partner: transfer: artifact: agreement: decision: policy: statement:
id: since: until: entry: and free text; '-' negates, a space is 'and', 'or', parentheses.
A filter that begins with a '-' before a bare word needs '--' before it: lading audit query -- '-fraud'
""",
)
@click.argument("text", metavar="[FILTER]", default="", shell_complete=filter_completion)
@click.option("--limit", type=click.IntRange(1, 100_000), default=40, show_default=True, help="Entries on a page.")
@click.option("--after", metavar="CURSOR", help="The next page: the cursor that stands under the last one.")
@click.option("--newest-first/--oldest-first", default=True, show_default=True, help="The order of the first page.")
@click.option("--prove", is_flag=True, help="Check the proof of each row against the newest checkpoint.")
@click.option("--thorough", is_flag=True, help="Read every leaf: finds what an edited column or index hides.")
@of_log
@verb
def query(session: Session, text: str, **options: Any) -> int:
    """Ask the log: entries that meet FILTER, a page at a time.

    New entries do not shift the pages of a cursor. Exits 4 when a row does not say what its leaf says.
    """
    from engine.workspace.log.querying import Question, ask_log

    with Bar("indexing", enabled=not session.as_json) as bar:
        result = ask_log(session.home, Question(text=text, **options), bar.update)
    session.show(result, _shown)
    return LogTampered.exit_code if result["broken"] else 0


def row_cells(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of an entry: sign of its proof, index, time, type, actor, partner, transfer, decision."""
    names = ("time", "type", "actor", "partner", "transfer", "decision")
    return (_SIGNS[entry["proof"]], str(entry["index"]), *(printable(entry[name] or "") for name in names))


def _whole(entry: dict[str, Any]) -> str:
    public = [f"  {key:<12} {printable(str(value))}" for key, value in entry["public"].items()]
    payload = [f"  {printable(key):<12} {printable(str(value))}" for key, value in (entry["payload"] or {}).items()]
    return "\n".join([f"entry {entry['index']}", *public, "payload", *payload])


def _shown(result: dict[str, Any]) -> str:
    if not result["entries"]:
        return "no entries match"
    lines = [table([row_cells(each) for each in result["entries"]], ("P", *_HEADER))]
    broken = [each for each in result["entries"] if each["proof"] == "broken"]
    for each in broken:
        why = each["problem"] or "its leaf is not in the tree of the signed checkpoint"
        lines.append(f"{click.style('✘', fg='red')} entry {each['index']} is broken: {printable(why)}")
    if result["checkpoint"] is not None:
        lines.append(f"proofs checked against checkpoint {result['checkpoint']}")
    if result["searched"] == "every leaf":
        lines.append("every leaf was read (no full-text index was used)")
    if result["next"]:
        lines.append(f"next page: --after {result['next']}")
    return "\n".join(lines)
